/**
 * The last 1 to 8 bytes of a needle record: padding, and in it a check of everything the data's checksum does not cover.
 *
 * A record ends at a multiple of 8 and has always padding, 8 bytes where none were needed. Nobody reads it. SeaweedFS leaves
 * there what its scratch buffer held, which is a function of the record:
 *
 *   version 3   the first n bytes of   size (4) ‖ zeros (4)
 *   version 2   the first n bytes of   last modified, low 4 bytes (or the high half of the id, without that field) ‖ low
 *               half of the id
 *   version 1   the first n bytes of   id (8)
 *
 * Orbit writes a **seal** instead: a marker and a checksum over the record without its data (header, data size, flags,
 * name, mime, times, pairs, checksum field). With it a flipped bit anywhere in a record is found; the data checksum alone
 * leaves names, types, times and tombstones open. What the seal looks like, by the length of the padding:
 *
 *   n      seal
 *   1      11 and a 6-bit CRC  (x^6 + x + 1)
 *   2-4    11 and a 14-bit CRC (x^14 + x^11 + x^2 + 1), then zeros
 *   5-8    1100 0000, CRC-32C (4), then zeros
 *
 * A record whose padding is SeaweedFS's pattern has no seal. Each of these checksums finds every single flipped bit, and
 * no single flip turns a seal into the pattern, as the two differ in at least two bits: in version 3 by the marker, unless
 * the record exceeds 1 GiB. Elsewhere a record for which they do not (a few of a hundred) is left without seal, and the
 * pattern changes with the bits it repeats: versions 1 and 2, which Orbit only continues, keep this promise almost.
 */

import type { Bytes } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import type { NeedleVersion } from './super-block.ts';

/** Of a record: where its parts lie in `bytes`. */
export interface RecordShape {
  readonly version: NeedleVersion;
  readonly start: number;
  /** The data within; both equal where there is none. */
  readonly dataStart: number;
  readonly dataEnd: number;
  /** Where the padding begins: the end of the checksum, or of the time of appending. */
  readonly paddingStart: number;
  readonly end: number;
  /** Low 32 bits of the seconds, or undefined without that field. */
  readonly lastModifiedLow: number | undefined;
}

/** Writes the padding as SeaweedFS leaves it. */
export function writeLeftover(bytes: Buffer, shape: RecordShape): void {
  const { start, paddingStart, end, version } = shape;
  for (let at = paddingStart; at < end; at++) {
    const i = at - paddingStart;
    bytes[at] = leftoverByte(bytes, start, version, shape.lastModifiedLow, i);
  }
}

/** Writes the padding with a seal over a record that is complete but for it. */
export function writeSeal(bytes: Buffer, shape: RecordShape): void {
  writeLeftover(bytes, shape);
  const length = shape.end - shape.paddingStart;
  const seal = sealOf(bytes, shape);
  let differing = 0;
  for (let i = 0; i < length; i++) differing += bitCount(bytes[shape.paddingStart + i]! ^ sealByte(seal, length, i));
  if (differing < 2) return;
  for (let i = 0; i < length; i++) bytes[shape.paddingStart + i] = sealByte(seal, length, i);
}

/** `none` when SeaweedFS wrote the record; `broken` when a bit of it differs from what was written. */
export function checkSeal(bytes: Bytes, shape: RecordShape): 'none' | 'intact' | 'broken' {
  const length = shape.end - shape.paddingStart;
  const seal = sealOf(bytes, shape);
  let bare = true;
  let intact = true;
  for (let i = 0; i < length; i++) {
    const found = bytes[shape.paddingStart + i]!;
    if (found !== leftoverByte(bytes, shape.start, shape.version, shape.lastModifiedLow, i)) bare = false;
    if (found !== sealByte(seal, length, i)) intact = false;
  }
  if (intact) return 'intact';
  return bare ? 'none' : 'broken';
}

function leftoverByte(
  bytes: Bytes,
  start: number,
  version: NeedleVersion,
  lastModifiedLow: number | undefined,
  i: number,
): number {
  if (version === 3) return i < 4 ? bytes[start + 12 + i]! : 0;
  if (version === 1) return bytes[start + 4 + i]!;
  if (i < 4 && lastModifiedLow !== undefined) return (lastModifiedLow >>> (24 - 8 * i)) & 0xff;
  return bytes[start + 4 + i]!;
}

/** The checksum, in the width that the padding has room for. */
function sealOf(bytes: Bytes, shape: RecordShape): number {
  const { start, dataStart, dataEnd, paddingStart } = shape;
  const length = shape.end - paddingStart;
  if (length >= 5) return crc32c(bytes, dataEnd, paddingStart, crc32c(bytes, start, dataStart));
  const narrow = length === 1 ? CRC6 : CRC14;
  return narrow.end(narrow.add(bytes, dataEnd, paddingStart, narrow.add(bytes, start, dataStart, narrow.begin)));
}

function sealByte(seal: number, length: number, i: number): number {
  if (length === 1) return 0xc0 | seal;
  if (length <= 4) {
    if (i === 0) return 0xc0 | (seal >>> 8);
    return i === 1 ? seal & 0xff : 0;
  }
  if (i === 0) return 0xc0;
  return i <= 4 ? (seal >>> (32 - 8 * i)) & 0xff : 0;
}

function bitCount(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** A CRC of up to 16 bits, most significant bit first. The register is kept at the top of 16 bits. */
class NarrowCrc {
  readonly begin: number;
  readonly #shift: number;
  readonly #table = new Uint16Array(256);

  constructor(bits: number, polynomial: number) {
    this.#shift = 16 - bits;
    this.begin = (0xffff << this.#shift) & 0xffff;
    for (let byte = 0; byte < 256; byte++) {
      let register = byte << 8;
      for (let bit = 0; bit < 8; bit++) {
        register = register & 0x8000 ? (register << 1) ^ (polynomial << this.#shift) : register << 1;
      }
      this.#table[byte] = register;
    }
  }

  add(bytes: Bytes, start: number, end: number, before: number): number {
    let register = before;
    for (let at = start; at < end; at++) {
      register = ((register << 8) & 0xffff) ^ this.#table[(register >>> 8) ^ bytes[at]!]!;
    }
    return register;
  }

  end(register: number): number {
    return register >>> this.#shift;
  }
}

const CRC6 = new NarrowCrc(6, 0x03);
const CRC14 = new NarrowCrc(14, 0x0805);
