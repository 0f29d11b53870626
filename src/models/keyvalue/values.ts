/**
 * The stored form of a Redis value. Documented in docs/formats/keyvalue.md; on disk since format 1.
 *
 *   offset  size  field
 *   0       1     type: 1 string
 *   1       1     flags: bit 0 set when an expiry follows; the other bits are zero
 *   2       8     expiry, milliseconds since 1970, unsigned little-endian; only with flag bit 0
 *   2 | 10  …     the bytes of the string
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { type Part, writeParts } from '../../base/parts.ts';
import { INT64_MAX } from './integers.ts';

export const STRING = 1;
export type ValueType = typeof STRING;

const HAS_EXPIRY = 1;
const HEADER_BYTES = 2;
const EXPIRY_BYTES = 8;
const TWO_32 = 0x1_0000_0000;

/** Of a stored value: what tells its type and its expiry. */
export const LIFETIME_BYTES = HEADER_BYTES + EXPIRY_BYTES;

/** No expiry. */
export const NEVER = 0;

/** Milliseconds since 1970, up to 2^63 - 1: a bigint where a number is not exact. */
export type ExpiryMs = number | bigint;

export function asExpiry(exact: bigint): ExpiryMs {
  const milliseconds = Number(exact);
  return Number.isSafeInteger(milliseconds) ? milliseconds : exact;
}

/** Longest string, bytes, as in Redis: with its header it still is a value of the store (`VALUE_BYTES_MAX`). */
export const STRING_BYTES_MAX = 512 * 1024 * 1024;

/** A longer string is put in slices, where the database can; a turn that copied it at once would take others their time. */
export const LARGE_STRING_BYTES = 16 * 1024 * 1024;

/** Values up to this size are built in one reusable buffer. */
const SCRATCH_BYTES = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** What stands in front of a stored string's bytes. */
export function encodeStringHeader(expiresAtMs: ExpiryMs): Bytes {
  const header = Buffer.allocUnsafe(HEADER_BYTES + EXPIRY_BYTES);
  return header.subarray(0, writeHeader(header, expiresAtMs));
}

/** A stored string, in place: valid until the next call. */
export function encodeString(value: Bytes, expiresAtMs: ExpiryMs): Bytes {
  const length = (expiresAtMs === NEVER ? HEADER_BYTES : HEADER_BYTES + EXPIRY_BYTES) + value.length;
  const into = length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(length);
  const offset = writeHeader(into, expiresAtMs);
  if (value.length > 32) into.set(value, offset);
  else for (let i = 0; i < value.length; i++) into[offset + i] = value[i]!;
  return into.subarray(0, length);
}

/** A stored string of so many bytes in parts, in place: valid until the next call. */
export function encodeStringParts(parts: readonly Part[], valueLength: number, expiresAtMs: ExpiryMs): Bytes {
  const length = (expiresAtMs === NEVER ? HEADER_BYTES : HEADER_BYTES + EXPIRY_BYTES) + valueLength;
  const into = length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(length);
  writeParts(parts, into, writeHeader(into, expiresAtMs));
  return into.subarray(0, length);
}

/** @returns its length. */
function writeHeader(into: Buffer, expiresAtMs: ExpiryMs): number {
  into[0] = STRING;
  into[1] = 0;
  if (expiresAtMs === NEVER) return HEADER_BYTES;
  into[1] = HAS_EXPIRY;
  if (typeof expiresAtMs === 'bigint') into.writeBigInt64LE(expiresAtMs, HEADER_BYTES);
  else {
    into.writeUInt32LE(expiresAtMs % TWO_32, HEADER_BYTES);
    into.writeUInt32LE(Math.floor(expiresAtMs / TWO_32), HEADER_BYTES + 4);
  }
  return HEADER_BYTES + EXPIRY_BYTES;
}

/** @throws OperationError `corruption` for bytes that this format does not know. */
export function typeOf(stored: Bytes): ValueType {
  if (stored.length < HEADER_BYTES || stored[0] !== STRING || stored[1]! > HAS_EXPIRY) throw malformed(stored);
  return STRING;
}

/** Milliseconds since 1970, or `NEVER`. @throws OperationError `corruption`. */
export function expiryOf(stored: Bytes): ExpiryMs {
  typeOf(stored);
  if (stored[1] === 0) return NEVER;
  if (stored.length < HEADER_BYTES + EXPIRY_BYTES) throw malformed(stored);
  const expiresAtMs = markedExpiry(stored, 0);
  if (expiresAtMs <= Number.MAX_SAFE_INTEGER) return expiresAtMs;
  const exact = asBuffer(stored).readBigUInt64LE(HEADER_BYTES);
  if (exact > INT64_MAX) throw malformed(stored);
  return exact;
}

/** The expiry of a stored value that begins at `at` and has one; about, beyond 2^53. */
export function markedExpiry(bytes: Bytes, at: number): number {
  const low = uint32(bytes, at + HEADER_BYTES);
  return uint32(bytes, at + HEADER_BYTES + 4) * TWO_32 + low;
}

function uint32(bytes: Bytes, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** A view of the string's bytes. @throws OperationError `corruption`. */
export function stringOf(stored: Bytes): Bytes {
  return stored.subarray(expiryOf(stored) === NEVER ? HEADER_BYTES : HEADER_BYTES + EXPIRY_BYTES);
}

function malformed(stored: Bytes): OperationError {
  return new OperationError('corruption', `stored key-value entry of ${stored.length} bytes does not decode`);
}
