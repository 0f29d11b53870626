/**
 * Signed 64-bit integers as decimal text, exactly as strict as Redis (`string2ll`): no blanks, no plus sign, no leading
 * zeros, no `-0`. A `number` where it is exact, else a `bigint`.
 */

import type { Bytes } from '../../base/bytes.ts';
import { asBuffer } from '../../base/bytes.ts';

export const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
export const INT64_MIN = -0x8000_0000_0000_0000n;

/** Decimal digits that always fit a safe integer. */
const SAFE_DIGITS = 15;
const TEXT_BYTES_MAX = 20;

/** The integer that `bytes[start, end)` spells; undefined when it spells none or more than 64 bits. */
export function parseInt64(bytes: Bytes, start: number, end: number): number | bigint | undefined {
  const length = end - start;
  if (length === 0 || length > TEXT_BYTES_MAX) return undefined;
  const negative = bytes[start] === 45;
  const digitsAt = negative ? start + 1 : start;
  const digits = end - digitsAt;
  const first = bytes[digitsAt];
  if (digits === 0 || first === undefined) return undefined;
  if (first === 48) return digits === 1 && !negative ? 0 : undefined;
  let value = 0;
  for (let i = digitsAt; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  if (digits <= SAFE_DIGITS) return negative ? -value : value;
  const exact = BigInt(asBuffer(bytes).latin1Slice(start, end));
  if (exact > INT64_MAX || exact < INT64_MIN) return undefined;
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact;
}

const scratch = Buffer.allocUnsafeSlow(TEXT_BYTES_MAX + 4);

/** Decimal text, in place: valid until the next call. */
export function formatInt64(value: number | bigint): Bytes {
  const text = String(value);
  for (let i = 0; i < text.length; i++) scratch[i] = text.charCodeAt(i);
  return scratch.subarray(0, text.length);
}
