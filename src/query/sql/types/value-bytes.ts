/**
 * What values take in memory, by estimate: of V8's heap without pointer compression, where an array is 48 bytes and 8 for each
 * element, a double or an object lies beside it. Strings count as if each character took two bytes.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import { Jsonb, SqlArray, SqlRecord } from '../../../models/relational/values.ts';
import type { DistinctKey } from './distinct-key.ts';
import type { SqlValue } from './types.ts';

const ROW_BYTES = 48;
const VALUE_BYTES = 8;
const STRING_BYTES = 24;
const OBJECT_BYTES = 64;
const VIEW_BYTES = 160;
const ENTRY_BYTES = 40;

/** What a value takes beside the 8 bytes of its place. */
export function valueBytes(value: SqlValue): number {
  switch (typeof value) {
    case 'string':
      return STRING_BYTES + value.length * 2;
    case 'bigint':
      return 24;
    case 'number':
      return Number.isInteger(value) && value <= 0x7fff_ffff && value >= -0x8000_0000 ? 0 : 16;
    case 'object':
      return value === null ? 0 : objectBytes(value);
    default:
      return 0;
  }
}

function objectBytes(value: object): number {
  if (value instanceof Numeric) return OBJECT_BYTES + 24;
  if (value instanceof Uint8Array) return VIEW_BYTES + value.length;
  if (value instanceof SqlArray || value instanceof SqlRecord) return OBJECT_BYTES * 2 + rowBytes(value.values);
  // Its text, and perhaps its tree.
  if (value instanceof Jsonb) return OBJECT_BYTES + value.text.length * 8;
  return OBJECT_BYTES * 2;
}

export function rowBytes(row: readonly SqlValue[]): number {
  let bytes = ROW_BYTES;
  for (let i = 0; i < row.length; i++) bytes += VALUE_BYTES + valueBytes(row[i]!);
  return bytes;
}

/** What a key takes in a Map or a Set. */
export function keyBytes(key: DistinctKey): number {
  return ENTRY_BYTES + valueBytes(key);
}
