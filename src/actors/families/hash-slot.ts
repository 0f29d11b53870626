/**
 * Which of the 16,384 hash slots a Redis key belongs to, as Redis Cluster computes it: CRC-16/XMODEM of the key, or of
 * what stands between its first `{` and the next `}` when that is not empty.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ , appendix A.
 */

import type { Bytes } from '../../base/bytes.ts';

export const HASH_SLOTS = 16_384;

const POLYNOMIAL = 0x1021;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

const TABLE = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  TABLE[byte] = crc;
}

/** The slot of the key in `buffer[start, end)`. */
export function hashSlot(buffer: Bytes, start: number, end: number): number {
  let from = start;
  let to = end;
  for (let open = start; open < end; open++) {
    if (buffer[open] !== OPEN_BRACE) continue;
    let close = open + 1;
    while (close < end && buffer[close] !== CLOSE_BRACE) close++;
    if (close < end && close > open + 1) {
      from = open + 1;
      to = close;
    }
    break;
  }
  let crc = 0;
  for (let i = from; i < to; i++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >>> 8) ^ buffer[i]!]!;
  return crc & (HASH_SLOTS - 1);
}
