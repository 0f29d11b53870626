/**
 * The byte form of a write, the same in a transaction's commit, in the log and in the overlay above the engine.
 *
 *   offset  size  field
 *   0       1     kind: 1 put, 2 delete, 3 deleteRange, 4 deleteRange without upper bound
 *   1       2     key length, little-endian (for ranges: of the start key)
 *   3       4     value length, little-endian (for kind 3: of the end key; 0 for kinds 2 and 4)
 *   7       …     key, then value
 *
 * Documented in docs/formats/log.md. On disk since format 1.
 */

import { assert } from '../base/assert.ts';
import { type Bytes, copyPart } from '../base/bytes.ts';
import type { KeyRange } from './key-range.ts';
import type { Change } from './store.ts';

export const PUT = 1;
export const DELETE = 2;
export const DELETE_RANGE = 3;
export const DELETE_FROM = 4;
export type OperationKind = typeof PUT | typeof DELETE | typeof DELETE_RANGE | typeof DELETE_FROM;

export const OPERATION_HEADER_BYTES = 7;

export function operationBytes(keyLength: number, valueLength: number): number {
  return OPERATION_HEADER_BYTES + keyLength + valueLength;
}

/** Writes one operation at `offset`; its value is `value[start, end)`. @returns the offset behind it. */
export function writeOperation(
  into: Bytes,
  offset: number,
  kind: OperationKind,
  key: Bytes,
  value: Bytes | undefined,
  start = 0,
  end = value === undefined ? 0 : value.length,
): number {
  const keyLength = key.length;
  const valueAt = writeOperationHeader(into, offset, kind, keyLength, end - start) + keyLength;
  copyPart(into, valueAt - keyLength, key, 0, keyLength);
  if (value !== undefined) copyPart(into, valueAt, value, start, end);
  return valueAt + end - start;
}

/** Writes what is in front of a key. @returns where the key begins. */
export function writeOperationHeader(
  into: Bytes,
  offset: number,
  kind: OperationKind,
  keyLength: number,
  valueLength: number,
): number {
  into[offset] = kind;
  into[offset + 1] = keyLength & 0xff;
  into[offset + 2] = keyLength >>> 8;
  into[offset + 3] = valueLength & 0xff;
  into[offset + 4] = (valueLength >>> 8) & 0xff;
  into[offset + 5] = (valueLength >>> 16) & 0xff;
  into[offset + 6] = valueLength >>> 24;
  return offset + OPERATION_HEADER_BYTES;
}

export function operationKind(from: Bytes, offset: number): OperationKind {
  return from[offset] as OperationKind;
}

export function operationKeyLength(from: Bytes, offset: number): number {
  return from[offset + 1]! | (from[offset + 2]! << 8);
}

export function operationValueLength(from: Bytes, offset: number): number {
  return (from[offset + 3]! | (from[offset + 4]! << 8) | (from[offset + 5]! << 16) | (from[offset + 6]! << 24)) >>> 0;
}

/** A view, not a copy. */
export function operationKey(from: Bytes, offset: number): Bytes {
  const at = offset + OPERATION_HEADER_BYTES;
  return from.subarray(at, at + operationKeyLength(from, offset));
}

/** A view, not a copy. */
export function operationValue(from: Bytes, offset: number): Bytes {
  const at = offset + OPERATION_HEADER_BYTES + operationKeyLength(from, offset);
  return from.subarray(at, at + operationValueLength(from, offset));
}

/** The offset behind the operation at `offset`. */
export function operationEnd(from: Bytes, offset: number): number {
  return offset + OPERATION_HEADER_BYTES + operationKeyLength(from, offset) + operationValueLength(from, offset);
}

export function operationRange(from: Bytes, offset: number): KeyRange {
  const kind = operationKind(from, offset);
  assert(kind === DELETE_RANGE || kind === DELETE_FROM, () => `operation of kind ${kind} is no range`);
  return {
    start: operationKey(from, offset),
    end: kind === DELETE_FROM ? undefined : operationValue(from, offset),
  };
}

/** All operations in `[start, end)` as changes whose keys and values are views. */
export function* readOperations(from: Bytes, start: number, end: number): Generator<Change> {
  for (let offset = start; offset < end; offset = operationEnd(from, offset)) {
    switch (operationKind(from, offset)) {
      case PUT:
        yield { kind: 'put', key: operationKey(from, offset), value: operationValue(from, offset) };
        break;
      case DELETE:
        yield { kind: 'delete', key: operationKey(from, offset) };
        break;
      default:
        yield { kind: 'deleteRange', range: operationRange(from, offset) };
    }
  }
}
