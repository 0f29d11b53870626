/**
 * Rows of `.idx`, `.sdx`, `.cpx` and `.ecx` files. A file is rows, one after the other, without header.
 *
 * 4-byte offsets (volumes up to 32 GiB):       5-byte offsets (up to 8 TiB):
 *
 *   offset  size  field                          offset  size  field
 *   0       8     needle id                      0       8     needle id
 *   8       4     offset in `.dat` / 8           8       4     low 32 bits of offset / 8
 *   12      4     size, signed                   12      1     bits 32 to 39 of it
 *                                                13      4     size, signed
 *
 * Integers are big-endian; the fifth byte of an offset follows the other four. A row tells what happened to an id:
 * an offset and a size of 0 or more sets it; size -1 deletes it, and its offset is that of the tombstone in `.dat`, or 0
 * where none was written. `.idx` is a journal, later rows win; in sorted files each id has one row, in ascending order.
 */

import { OperationError } from '../../base/errors.ts';

/** Size of a row that deletes. */
export const DELETED_SIZE = -1;
/** What offsets count. */
export const OFFSET_UNIT = 8;

export interface IndexLayout {
  readonly offsetBytes: 4 | 5;
  readonly rowBytes: 16 | 17;
  /** No record may reach beyond. */
  readonly volumeBytesMax: number;
}

export const SMALL_INDEX: IndexLayout = { offsetBytes: 4, rowBytes: 16, volumeBytesMax: 2 ** 32 * OFFSET_UNIT };
export const LARGE_INDEX: IndexLayout = { offsetBytes: 5, rowBytes: 17, volumeBytesMax: 2 ** 40 * OFFSET_UNIT };

/** The layout for that many bytes per offset. @throws OperationError `store_format` for others. */
export function indexLayout(offsetBytes: number): IndexLayout {
  if (offsetBytes === 4) return SMALL_INDEX;
  if (offsetBytes === 5) return LARGE_INDEX;
  throw new OperationError('store_format', `index rows with offsets of ${offsetBytes} bytes; known are 4 and 5`);
}

export interface IndexRow {
  readonly id: bigint;
  /** In bytes, a multiple of 8; 0 for a delete without tombstone. */
  readonly offset: number;
  readonly size: number;
}

/** `idHigh` and `idLow` are the halves of the id, unsigned; `offset` is in bytes. Both are asserted by nobody. */
export function writeIndexRow(
  into: Buffer,
  at: number,
  layout: IndexLayout,
  idHigh: number,
  idLow: number,
  offset: number,
  size: number,
): void {
  const units = offset / OFFSET_UNIT;
  into.writeUInt32BE(idHigh, at);
  into.writeUInt32BE(idLow, at + 4);
  into.writeUInt32BE(units % 2 ** 32, at + 8);
  if (layout.offsetBytes === 5) into[at + 12] = Math.floor(units / 2 ** 32);
  into.writeInt32BE(size, at + layout.rowBytes - 4);
}

export function encodeIndexRow(row: IndexRow, layout: IndexLayout): Buffer {
  const bytes = Buffer.alloc(layout.rowBytes);
  writeIndexRow(bytes, 0, layout, idHighOf(row.id), idLowOf(row.id), row.offset, row.size);
  return bytes;
}

export function decodeIndexRow(bytes: Buffer, at: number, layout: IndexLayout): IndexRow {
  return {
    id: bytes.readBigUInt64BE(at),
    offset: rowOffset(bytes, at, layout),
    size: bytes.readInt32BE(at + layout.rowBytes - 4),
  };
}

/** The offset of the row at `at`, in bytes. */
export function rowOffset(bytes: Buffer, at: number, layout: IndexLayout): number {
  const low = bytes.readUInt32BE(at + 8);
  return (layout.offsetBytes === 5 ? bytes[at + 12]! * 2 ** 32 + low : low) * OFFSET_UNIT;
}

export function rowSize(bytes: Buffer, at: number, layout: IndexLayout): number {
  return bytes.readInt32BE(at + layout.rowBytes - 4);
}

export function idHighOf(id: bigint): number {
  return Number(id >> 32n);
}

export function idLowOf(id: bigint): number {
  return Number(id & 0xffff_ffffn);
}

export function idOf(high: number, low: number): bigint {
  return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
}
