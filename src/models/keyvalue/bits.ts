/**
 * Strings as arrays of bits, the most significant bit of byte 0 first: functions of a `Database`.
 *
 * Reads beyond the end see zeros; writes beyond it fill up with zeros. Every read happens before the first write.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { EMPTY_BYTES } from '../../base/bytes.ts';
import type { MadePart } from '../../base/parts.ts';
import { type Database, readLive } from './database.ts';
import { inSlices, type Pauses } from './slices.ts';
import { getString, overwritten, rangeWithin, updateString } from './strings.ts';
import { NEVER, STRING_BYTES_MAX } from './values.ts';
import { writeInParts } from './writes.ts';

export type Bit = 0 | 1;

/** @returns the bit before; where it was that already, nothing is written. @throws OperationError `wrong_type`. */
export function setBit(on: Database, key: Bytes, offset: number, bit: Bit): Awaitable<Bit> {
  let before: Bit = 0;
  const done = updateString(on, key, (current) => {
    before = bitAt(current ?? EMPTY_BYTES, offset);
    const lengthMin = Math.floor(offset / 8) + 1;
    if (current !== undefined && current.length >= lengthMin && before === bit) return undefined;
    const place = lengthMin - 1;
    const byte = Uint8Array.of(current?.[place] ?? 0);
    putBit(byte, offset % 8, bit);
    return overwritten(current ?? EMPTY_BYTES, place, byte);
  });
  return whenReady(done, () => before);
}

export function getBit(on: Database, key: Bytes, offset: number): Awaitable<Bit> {
  return whenReady(getString(on, key), (bytes) => bitAt(bytes ?? EMPTY_BYTES, offset));
}

function bitAt(bytes: Bytes, offset: number): Bit {
  const byte = bytes[Math.floor(offset / 8)] ?? 0;
  return ((byte >>> (7 - (offset % 8))) & 1) as Bit;
}

function putBit(bytes: Bytes, offset: number, bit: Bit): void {
  const place = Math.floor(offset / 8);
  const mask = 0x80 >>> (offset % 8);
  bytes[place] = bit === 1 ? bytes[place]! | mask : bytes[place]! & ~mask;
}

/** First and last position, in bytes or bits; negative ones count from the end. */
export interface BitRange {
  readonly first: number;
  readonly last: number;
  readonly unit: 'byte' | 'bit';
}

/** Positions in bits, inclusive; undefined when the range is empty. */
function bitsWithin(range: BitRange, bytes: Bytes): { readonly first: number; readonly last: number } | undefined {
  const unitBits = range.unit === 'bit' ? 1 : 8;
  const within = rangeWithin(range.first, range.last, (bytes.length * 8) / unitBits);
  return within && { first: within.first * unitBits, last: within.last * unitBits + unitBits - 1 };
}

/** Bits that are one. @throws OperationError `wrong_type`. */
export function countBits(on: Database, key: Bytes, range: BitRange | undefined): Awaitable<number> {
  return whenReady(getString(on, key), (bytes) => {
    if (bytes === undefined || bytes.length === 0) return 0;
    if (range === undefined) return onesIn(on, bytes, 0, bytes.length);
    if (range.first < 0 && range.last < 0 && range.first > range.last) return 0;
    const within = bitsWithin(range, bytes);
    if (within === undefined) return 0;
    const firstByte = within.first >>> 3;
    const lastByte = within.last >>> 3;
    const before = bytes[firstByte]! & (0xff << (8 - (within.first & 7))) & 0xff;
    const after = bytes[lastByte]! & (0xff >>> ((within.last & 7) + 1));
    return whenReady(onesIn(on, bytes, firstByte, lastByte + 1), (count) => count - ones(before) - ones(after));
  });
}

function onesIn(on: Pauses, bytes: Bytes, start: number, end: number): Awaitable<number> {
  let count = 0;
  const counted = inSlices(on, start, end, (from, to) => {
    count += onesInSlice(bytes, from, to);
    return true;
  });
  return whenReady(counted, () => count);
}

function onesInSlice(bytes: Bytes, start: number, end: number): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let count = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    let word = words.getInt32(at, true);
    word -= (word >>> 1) & 0x5555_5555;
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333);
    count += Math.imul((word + (word >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
  }
  for (; at < end; at++) count += ones(bytes[at]!);
  return count;
}

function ones(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/**
 * Position of the first bit that is `bit`, or -1. Without an end a string counts as followed by zeros without end, so
 * the first zero of a string of ones is just behind it. @throws OperationError `wrong_type`.
 */
export function findBit(on: Database, key: Bytes, bit: Bit, range: BitRange, hasEnd: boolean): Awaitable<number> {
  return whenReady(getString(on, key), (bytes) => {
    if (bytes === undefined) return bit === 1 ? -1 : 0;
    const within = bitsWithin(range, bytes);
    if (within === undefined) return -1;
    let first = within.first;
    for (; first <= within.last && first % 8 !== 0; first++) if (bitAt(bytes, first) === bit) return first;
    const end = Math.floor((within.last + 1) / 8);
    return whenReady(skipWhole(on, bytes, Math.ceil(first / 8), end, bit === 1 ? 0 : 0xff), (place) => {
      for (let at = place * 8; at <= within.last; at++) if (bitAt(bytes, at) === bit) return at;
      return bit === 0 && !hasEnd ? bytes.length * 8 : -1;
    });
  });
}

/** The first byte from `start` on that is not `skipped`, `end` where all are, `start` where that is behind it. */
function skipWhole(on: Pauses, bytes: Bytes, start: number, end: number, skipped: 0 | 0xff): Awaitable<number> {
  let place = start;
  const skip = inSlices(on, start, end, (from, to) => {
    place = skipWithin(bytes, from, to, skipped);
    return place === to;
  });
  return whenReady(skip, () => place);
}

function skipWithin(bytes: Bytes, start: number, end: number, skipped: 0 | 0xff): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const skippedWord = skipped === 0 ? 0 : -1;
  let at = start;
  while (at + 4 <= end && words.getInt32(at, true) === skippedWord) at += 4;
  while (at < end && bytes[at] === skipped) at++;
  return at;
}

export type BitOperation = 'AND' | 'OR' | 'XOR' | 'NOT';

/**
 * Combines the strings, shorter ones filled up with zeros, into `destination`, which loses its expiry; an empty result
 * deletes it. @returns the length of the result, bytes. @throws OperationError `wrong_type`.
 */
export function combineBits(
  on: Database,
  operation: BitOperation,
  destination: Bytes,
  sources: readonly Bytes[],
): Awaitable<number> {
  const reads = sources.map((source) => getString(on, source));
  const combine = (values: readonly (Bytes | undefined)[]): Awaitable<number> => {
    const length = Math.max(...values.map((value) => value?.length ?? 0));
    if (length === 0) {
      return whenReady(readLive(on, destination), (stored) => {
        if (stored !== undefined) on.delete(destination);
        return 0;
      });
    }
    return whenReady(writeInParts(on, destination, [combined(operation, values, length)], NEVER), () => length);
  };
  return reads.some((read) => read instanceof Promise)
    ? Promise.all(reads).then(combine)
    : combine(reads as (Bytes | undefined)[]);
}

function combined(operation: BitOperation, values: readonly (Bytes | undefined)[], length: number): MadePart {
  const [first = EMPTY_BYTES, ...others] = values.map((value) => value ?? EMPTY_BYTES);
  return {
    length,
    write(into, at, start, end) {
      const result = into.subarray(at, at + end - start);
      const begun = first.subarray(start, end);
      result.set(begun);
      result.fill(0, begun.length);
      if (operation === 'NOT') invert(result);
      else for (const other of others) combine(operation, result, other.subarray(start, end));
    },
  };
}

function invert(result: Bytes): void {
  const words = new DataView(result.buffer, result.byteOffset, result.length);
  const wordsEnd = result.length & -4;
  for (let at = 0; at < wordsEnd; at += 4) words.setInt32(at, ~words.getInt32(at));
  for (let at = wordsEnd; at < result.length; at++) result[at] = ~result[at]!;
}

/** `other` is filled up with zeros. */
function combine(operation: Exclude<BitOperation, 'NOT'>, result: Bytes, other: Bytes): void {
  const { length } = other;
  const left = new DataView(result.buffer, result.byteOffset, length);
  const right = new DataView(other.buffer, other.byteOffset, length);
  const wordsEnd = length & -4;
  if (operation === 'AND') {
    for (let at = 0; at < wordsEnd; at += 4) left.setInt32(at, left.getInt32(at) & right.getInt32(at));
    for (let at = wordsEnd; at < length; at++) result[at]! &= other[at]!;
    result.fill(0, length);
  } else if (operation === 'OR') {
    for (let at = 0; at < wordsEnd; at += 4) left.setInt32(at, left.getInt32(at) | right.getInt32(at));
    for (let at = wordsEnd; at < length; at++) result[at]! |= other[at]!;
  } else {
    for (let at = 0; at < wordsEnd; at += 4) left.setInt32(at, left.getInt32(at) ^ right.getInt32(at));
    for (let at = wordsEnd; at < length; at++) result[at]! ^= other[at]!;
  }
}

/** An integer of 1 to 64 bits (63 when unsigned). */
export interface BitFieldType {
  readonly signed: boolean;
  readonly bits: number;
}

export type Overflow = 'WRAP' | 'SAT' | 'FAIL';

export type BitFieldOperation =
  | { readonly kind: 'get'; readonly type: BitFieldType; readonly offset: number }
  | {
      readonly kind: 'set' | 'increment';
      readonly type: BitFieldType;
      readonly offset: number;
      readonly value: bigint;
      readonly overflow: Overflow;
    };

/**
 * Runs the operations in their order. `get` and `set` give the value before, `increment` the value after, and what
 * overflowed under `FAIL` undefined. A write makes the string long enough even when it fails; one that changes nothing is none.
 * @throws OperationError `wrong_type`.
 */
export function bitField(
  on: Database,
  key: Bytes,
  operations: readonly BitFieldOperation[],
): Awaitable<readonly (bigint | undefined)[]> {
  let results: readonly (bigint | undefined)[] = [];
  const first = operations.reduce((least, { offset }) => Math.min(least, Math.floor(offset / 8)), STRING_BYTES_MAX);
  const endOf = ({ type, offset }: BitFieldOperation): number => Math.ceil((offset + type.bits) / 8);
  const end = operations.reduce((most, operation) => Math.max(most, endOf(operation)), 0);
  const lengthMin = operations.reduce(
    (most, operation) => (operation.kind === 'get' ? most : Math.max(most, endOf(operation))),
    0,
  );
  const done = updateString(on, key, (current = EMPTY_BYTES) => {
    // What they touch, a copy where one of them writes.
    let bytes = current.subarray(first, end);
    if (lengthMin > 0) {
      const copy = Buffer.alloc(Math.max(0, Math.min(end, Math.max(current.length, lengthMin)) - first));
      copy.set(bytes);
      bytes = copy;
    }
    let changed = lengthMin > current.length;
    results = operations.map((operation) => {
      const { result, writes } = runField(bytes, { ...operation, offset: operation.offset - first * 8 });
      changed ||= writes;
      return result;
    });
    return changed ? overwritten(current, first, bytes) : undefined;
  });
  return whenReady(done, () => results);
}

/** `writes`: the field has another value now. */
interface FieldOutcome {
  readonly result: bigint | undefined;
  readonly writes: boolean;
}

function runField(bytes: Bytes, operation: BitFieldOperation): FieldOutcome {
  const { type, offset } = operation;
  const before = readField(bytes, type, offset);
  if (operation.kind === 'get') return { result: before, writes: false };
  const wanted = operation.kind === 'set' ? valueToSet(operation.value, type) : before + operation.value;
  const value = fitted(wanted, type, operation.overflow);
  if (value === undefined) return { result: undefined, writes: false };
  writeField(bytes, type, offset, value);
  return { result: operation.kind === 'set' ? before : value, writes: value !== before };
}

/** A negative number for an unsigned field is one of 64 bits, and so too large, as in Redis. */
function valueToSet(value: bigint, { signed }: BitFieldType): bigint {
  return signed ? value : BigInt.asUintN(64, value);
}

function readField(bytes: Bytes, { signed, bits }: BitFieldType, offset: number): bigint {
  let value = 0n;
  for (let i = 0; i < bits; i++) value = (value << 1n) | BigInt(bitAt(bytes, offset + i));
  return signed ? BigInt.asIntN(bits, value) : value;
}

function writeField(bytes: Bytes, { bits }: BitFieldType, offset: number, value: bigint): void {
  let rest = BigInt.asUintN(bits, value);
  for (let i = bits - 1; i >= 0; i--) {
    putBit(bytes, offset + i, (rest & 1n) === 1n ? 1 : 0);
    rest >>= 1n;
  }
}

function fitted(value: bigint, { signed, bits }: BitFieldType, overflow: Overflow): bigint | undefined {
  const most = signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n;
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  if (value >= least && value <= most) return value;
  if (overflow === 'FAIL') return undefined;
  if (overflow === 'SAT') return value > most ? most : least;
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}
