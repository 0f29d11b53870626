/**
 * CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, initial value and final xor 0xFFFFFFFF (RFC 3720, appendix B.4).
 *
 * Not the CRC-32 of `node:zlib`, which has another polynomial. Slicing: one table look-up per byte, eight of them independent
 * of each other; from a kibibyte on sixteen, over a view of 32-bit words, which is twice as fast.
 */

import type { Bytes } from './bytes.ts';

const POLYNOMIAL = 0x82f63b78;
const TABLES = makeTables();

/** Words are read as the machine has them: the tables are made for the least significant byte first. */
const LITTLE_ENDIAN = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;
/** Below, a view of words costs more than it saves. */
const WORDS_BYTES_MIN = 1024;

/**
 * The checksum of `bytes[start, end)`, unsigned. `before` is the checksum of what precedes them, 0 for nothing: the
 * checksum of a whole can be had piece by piece.
 */
export function crc32c(bytes: Bytes, start = 0, end = bytes.length, before = 0): number {
  const t = TABLES;
  let crc = ~before;
  let at = start;
  if (LITTLE_ENDIAN && end - start >= WORDS_BYTES_MIN) {
    const aligned = start + ((4 - ((bytes.byteOffset + start) & 3)) & 3);
    for (; at < aligned; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, ((end - at) >>> 4) << 2);
    crc = overWords(words, crc);
    at += words.length * 4;
  }
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

/** Goes on over words, a multiple of four of them. */
function overWords(words: Int32Array, before: number): number {
  const t = TABLES;
  let crc = before;
  for (let i = 0; i < words.length; i += 4) {
    const a = words[i]! ^ crc;
    const b = words[i + 1]!;
    const c = words[i + 2]!;
    const d = words[i + 3]!;
    crc =
      t[0xf00 + (a & 0xff)]! ^
      t[0xe00 + ((a >>> 8) & 0xff)]! ^
      t[0xd00 + ((a >>> 16) & 0xff)]! ^
      t[0xc00 + (a >>> 24)]! ^
      t[0xb00 + (b & 0xff)]! ^
      t[0xa00 + ((b >>> 8) & 0xff)]! ^
      t[0x900 + ((b >>> 16) & 0xff)]! ^
      t[0x800 + (b >>> 24)]! ^
      t[0x700 + (c & 0xff)]! ^
      t[0x600 + ((c >>> 8) & 0xff)]! ^
      t[0x500 + ((c >>> 16) & 0xff)]! ^
      t[0x400 + (c >>> 24)]! ^
      t[0x300 + (d & 0xff)]! ^
      t[0x200 + ((d >>> 8) & 0xff)]! ^
      t[0x100 + ((d >>> 16) & 0xff)]! ^
      t[d >>> 24]!;
  }
  return crc;
}

/** Table k, at 256 k: what a byte does to the checksum after k further zero bytes. */
function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
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
