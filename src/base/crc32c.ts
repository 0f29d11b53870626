/**
 * CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, initial value and final xor 0xFFFFFFFF (RFC 3720, appendix B.4).
 *
 * Not the CRC-32 of `node:zlib`, which has another polynomial. Slicing by 8: one table look-up per byte, eight of them
 * independent of each other.
 */

import type { Bytes } from './bytes.ts';

const POLYNOMIAL = 0x82f63b78;
const TABLES = makeTables();

/**
 * The checksum of `bytes[start, end)`, unsigned. `before` is the checksum of what precedes them, 0 for nothing: the
 * checksum of a whole can be had piece by piece.
 */
export function crc32c(bytes: Bytes, start = 0, end = bytes.length, before = 0): number {
  const t = TABLES;
  let crc = ~before;
  let at = start;
  for (const last = end - 7; at < last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t[0x700 + (crc & 0xff)]! ^
      t[0x600 + ((crc >>> 8) & 0xff)]! ^
      t[0x500 + ((crc >>> 16) & 0xff)]! ^
      t[0x400 + (crc >>> 24)]! ^
      t[0x300 + bytes[at + 4]!]! ^
      t[0x200 + bytes[at + 5]!]! ^
      t[0x100 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

/** Table k, at 256 k: what a byte does to the checksum after k further zero bytes. */
function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!;
    tables[at] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}
