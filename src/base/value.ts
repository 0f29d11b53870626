/**
 * The scalar values that every layer agrees on: what a key element, a column, a property can be.
 *
 * Numbers are told apart by their JavaScript type: `bigint` is int64, `number` is float64, so `1n` and `1` are two
 * different values. Exact decimals, points in time and UUIDs are small tagged objects. Richer SQL types are built above
 * from these; this file only names them and turns UUIDs from text to bytes and back.
 */

import { assert } from './assert.ts';
import type { Bytes } from './bytes.ts';
import { asBuffer } from './bytes.ts';
import { OperationError } from './errors.ts';

/** `bigint` is int64, `number` is float64. */
export type Value = null | boolean | bigint | number | string | Bytes | Decimal | Timestamp | Uuid;

/** An exact decimal number in text: `-12.50`, `1e-7`, `NaN`, `Infinity`, `-Infinity`. */
export interface Decimal {
  readonly kind: 'decimal';
  readonly text: string;
}

/** Microseconds since 1970-01-01T00:00:00Z; the ends of int64 stand for the infinities, as in PostgreSQL. */
export interface Timestamp {
  readonly kind: 'timestamp';
  readonly micros: bigint;
}

/** Sixteen bytes in network order. */
export interface Uuid {
  readonly kind: 'uuid';
  readonly bytes: Bytes;
}

export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;

export function decimal(text: string): Decimal {
  return { kind: 'decimal', text };
}

export function timestamp(micros: bigint): Timestamp {
  return { kind: 'timestamp', micros };
}

/** @throws OperationError `invalid_argument` unless `from` is 16 bytes, or the text form with or without hyphens. */
export function uuid(from: string | Bytes): Uuid {
  if (typeof from !== 'string') {
    if (from.length !== 16) throw new OperationError('invalid_argument', `a UUID has 16 bytes, not ${from.length}`);
    return { kind: 'uuid', bytes: from };
  }
  const hex = from.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new OperationError('invalid_argument', `"${from}" is not a UUID`);
  return { kind: 'uuid', bytes: Buffer.from(hex, 'hex') };
}

/** Lower case with hyphens: `6ba7b810-9dad-11d1-80b4-00c04fd430c8`. */
export function uuidText(value: Uuid): string {
  assert(value.bytes.length === 16, 'a UUID has 16 bytes');
  const hex = asBuffer(value.bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
