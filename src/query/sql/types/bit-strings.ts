/**
 * Bit strings, `bit(n)` and `bit varying(n)` (PostgreSQL's varbit.c). A value is a string of the digits 0 and 1: their order, and that of
 * a string before those that it begins, is the order of bit strings.
 */

import { SqlError } from '../sql-error.ts';
import type { SqlType } from './types.ts';

/** Digits, or `b` before digits, or `x` before hexadecimal ones. @throws SqlError `invalid_text_representation`. */
export function parseBits(text: string): string {
  const isHex = /^x/i.test(text);
  const digits = /^[xb]/i.test(text) ? text.slice(1) : text;
  const bad = (isHex ? /[^0-9a-f]/iu : /[^01]/u).exec(digits);
  if (bad !== null) {
    const kind = isHex ? 'hexadecimal' : 'binary';
    throw new SqlError('invalid_text_representation', `"${bad[0]}" is not a valid ${kind} digit`);
  }
  if (!isHex) return digits;
  return [...digits].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('');
}

/** @throws SqlError `string_data_length_mismatch`, `string_data_right_truncation` unless `explicit`. */
export function applyBitLength(type: 'bit' | 'varbit', length: number, bits: string, explicit: boolean): string {
  if (type === 'varbit') {
    if (bits.length <= length) return bits;
    if (explicit) return bits.slice(0, length);
    throw new SqlError('string_data_right_truncation', `bit string too long for type bit varying(${length})`);
  }
  if (bits.length === length) return bits;
  if (explicit) return bits.slice(0, length).padEnd(length, '0');
  throw new SqlError(
    'string_data_length_mismatch',
    `bit string length ${bits.length} does not match type bit(${length})`,
  );
}

/** The last bits of a whole number, with its sign before them. @param length As a type's modifier says it; below 1 for one bit. */
export function bitsOfInteger(value: number | bigint, length: number): string {
  const bits = Math.max(length, 1);
  return BigInt.asUintN(bits, BigInt(value)).toString(2).padStart(bits, '0');
}

/** @throws SqlError `numeric_value_out_of_range`. */
export function integerOfBits(bits: string, type: SqlType): number | bigint {
  const [bitsMax, title] = type === 'int4' ? [32, 'integer'] : [64, 'bigint'];
  if (bits.length > bitsMax) throw new SqlError('numeric_value_out_of_range', `${title} out of range`);
  const value = BigInt.asIntN(bitsMax, BigInt(`0b${bits === '' ? '0' : bits}`));
  return type === 'int4' ? Number(value) : value;
}

/** Eight to a byte, the last byte filled up with zeros. */
export function bytesOfBits(bits: string): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (let i = 0; i < bits.length; i++) if (bits[i] === '1') bytes[i >> 3]! |= 0x80 >> (i & 7);
  return bytes;
}

export function bitsOfBytes(bytes: Uint8Array, length: number): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return bits.slice(0, length);
}
