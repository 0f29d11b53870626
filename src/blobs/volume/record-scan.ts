/**
 * Reads the records of a `.dat` file one after the other and verifies each: for recovery, vacuum, and the commands.
 *
 * Reads ahead in blocks of a mebibyte; a record larger than four is verified in pieces and told without its data. What is
 * damaged is told, not thrown. A record of zeros, as a hole in a file reads, counts as damage although its checksum, none,
 * fits: records of version 3 have a time, the others an id.
 */

import type { Bytes } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { File } from '../../platform/files.ts';
import {
  decodeAround,
  decodeNeedle,
  decodeNeedleHeader,
  NEEDLE_ALIGNMENT,
  NEEDLE_HEADER_BYTES,
  NEEDLE_SIZE_MAX,
  type NeedleHeader,
  recordBytes,
  type StoredNeedle,
} from '../formats/needle.ts';
import type { NeedleVersion } from '../formats/super-block.ts';

const BLOCK_BYTES = 1024 * 1024;
/** Records up to here are read whole. */
export const WHOLE_RECORD_BYTES_MAX = 4 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

export type Scanned =
  | {
      readonly kind: 'needle';
      readonly offset: number;
      readonly end: number;
      /** Views into the scan's buffer, valid until the next call; without data if the record is large. */
      readonly needle: StoredNeedle;
      /** The whole record, as `needle` valid until the next call; undefined if it is large. */
      readonly record: Bytes | undefined;
    }
  | {
      readonly kind: 'damaged';
      readonly offset: number;
      /** Where the header says that the record ends; undefined when that is beyond the scan or impossible. */
      readonly end: number | undefined;
      readonly header: NeedleHeader | undefined;
      readonly error: OperationError;
    };

export interface ScanOptions {
  readonly version: NeedleVersion;
  /** Multiple of 8, the beginning of a record. */
  readonly from: number;
  readonly to: number;
  /** For messages. */
  readonly volumeId: number;
}

export class RecordScan {
  /** Where the next call looks; may be set to the beginning of another record. */
  position: number;
  readonly #file: File;
  readonly #options: ScanOptions;
  #buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #bufferStart = 0;
  #bufferBytes = 0;

  constructor(file: File, options: ScanOptions) {
    this.#file = file;
    this.#options = options;
    this.position = options.from;
  }

  /** The record at `position`, which then is behind it; undefined at the end. Behind damage without end it stays. */
  async next(): Promise<Scanned | undefined> {
    const { to, version, volumeId } = this.#options;
    const offset = this.position;
    if (offset >= to) return undefined;
    if (offset + NEEDLE_HEADER_BYTES > to) return this.#damaged(offset, undefined, undefined, 'its header is cut off');
    let at = await this.#have(offset, NEEDLE_HEADER_BYTES);
    const header = decodeNeedleHeader(this.#buffer, at);
    if (header.size < 0 || header.size > NEEDLE_SIZE_MAX) {
      return this.#damaged(offset, undefined, header, `impossible size ${header.size}`);
    }
    const total = recordBytes(header.size, version);
    const end = offset + total;
    if (end > to) return this.#damaged(offset, undefined, header, 'its record is cut off');
    try {
      const large = total > WHOLE_RECORD_BYTES_MAX;
      if (!large) at = await this.#have(offset, total);
      const needle = large
        ? (await readLargeNeedle(this.#file, offset, header.size, version, volumeId)).needle
        : decodeNeedle(this.#buffer, at, version, volumeId);
      if (version === 3 ? needle.appendAtNs === 0n : needle.id === 0n) {
        return this.#damaged(offset, end, header, 'it has neither time nor id');
      }
      this.position = end;
      return { kind: 'needle', offset, end, needle, record: large ? undefined : this.#buffer.subarray(at, at + total) };
    } catch (error) {
      if (!hasCode(error, 'corruption')) throw error;
      this.position = end;
      return { kind: 'damaged', offset, end, header, error };
    }
  }

  /**
   * Moves to the next intact record at or behind `from`, younger than `afterNs` where records have times: what lies
   * within the data of a damaged one is no record of this file. @returns whether there is one.
   */
  async seek(from: number, afterNs: bigint): Promise<boolean> {
    const { to, version } = this.#options;
    const aligned = Math.ceil(from / NEEDLE_ALIGNMENT) * NEEDLE_ALIGNMENT;
    for (let offset = aligned; offset + recordBytes(0, version) <= to; offset += NEEDLE_ALIGNMENT) {
      const at = await this.#have(offset, Math.min(to - offset, NEEDLE_HEADER_BYTES + 4));
      const size = this.#buffer.readInt32BE(at + 12);
      if (size < 0 || offset + recordBytes(size, version) > to) continue;
      // What data says of its own length, before all of it is read.
      if (version !== 1 && size > 0 && this.#buffer.readUInt32BE(at + NEEDLE_HEADER_BYTES) > size - 4) continue;
      this.position = offset;
      const found = await this.next();
      this.position = offset;
      if (found?.kind === 'needle' && (version !== 3 || found.needle.appendAtNs > afterNs)) return true;
    }
    return false;
  }

  /** Where in the buffer the bytes are. They do exist. */
  async #have(offset: number, length: number): Promise<number> {
    if (offset >= this.#bufferStart && offset + length <= this.#bufferStart + this.#bufferBytes) {
      return offset - this.#bufferStart;
    }
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(length);
    const wanted = Math.min(this.#buffer.length, this.#options.to - offset);
    this.#bufferStart = offset;
    this.#bufferBytes = await this.#file.read(this.#buffer.subarray(0, wanted), offset);
    if (this.#bufferBytes < length) {
      throw new OperationError(
        'io',
        `${this.#file.path} ends at ${offset + this.#bufferBytes}, before ${offset + length}`,
      );
    }
    return 0;
  }

  #damaged(offset: number, end: number | undefined, header: NeedleHeader | undefined, how: string): Scanned {
    if (end !== undefined) this.position = end;
    const what = `the record at ${offset} of ${this.#file.path}`;
    return { kind: 'damaged', offset, end, header, error: new OperationError('corruption', `${what}: ${how}`) };
  }
}

/** A needle without its data, and where that lies in the file. */
export interface LargeNeedle {
  readonly needle: StoredNeedle;
  readonly dataOffset: number;
  readonly dataBytes: number;
}

/** Verifies a record in pieces of a mebibyte. @throws OperationError `corruption`. */
export async function readLargeNeedle(
  file: File,
  offset: number,
  size: number,
  version: NeedleVersion,
  volumeId: number,
): Promise<LargeNeedle> {
  const headBytes = NEEDLE_HEADER_BYTES + (version === 1 ? 0 : 4);
  const head = Buffer.alloc(headBytes);
  await file.read(head, offset);
  if (head.readInt32BE(12) !== size) {
    throw new OperationError('corruption', `the record at ${offset} of ${file.path} is not of size ${size}`);
  }
  const dataBytes = version === 1 ? size : head.readUInt32BE(NEEDLE_HEADER_BYTES);
  if (dataBytes > size) {
    throw new OperationError('corruption', `the record at ${offset} of ${file.path}: its data reaches beyond its body`);
  }
  const dataOffset = offset + headBytes;
  const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, dataBytes));
  let crc = 0;
  for (let done = 0; done < dataBytes; ) {
    const bytes = await file.read(piece.subarray(0, Math.min(piece.length, dataBytes - done)), dataOffset + done);
    if (bytes === 0) throw new OperationError('corruption', `the record at ${offset} of ${file.path} is cut off`);
    crc = crc32c(piece, 0, bytes, crc);
    done += bytes;
  }
  const around = Buffer.alloc(recordBytes(size, version) - dataBytes);
  head.copy(around);
  await file.read(around.subarray(headBytes), dataOffset + dataBytes);
  return { needle: decodeAround(around, version, dataBytes, crc, volumeId), dataOffset, dataBytes };
}
