/**
 * Finds rows in an `.ecx` or `.sdx` file: ascending by id, one row each.
 *
 * A file of up to 4 MiB is kept in memory. Of a larger one, the first id of every page of 256 rows is, so a lookup reads
 * one page: 4 KiB.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { OperationError } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';
import { decodeIndexRow, type IndexLayout, type IndexRow } from '../formats/index-row.ts';

const PAGE_ROWS = 256;
const WHOLE_BYTES_MAX = 4 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

export class SortedIndex {
  /** How many rows there are, those that an older SeaweedFS marked as deleted included. */
  readonly rows: number;
  readonly #file: File;
  readonly #layout: IndexLayout;
  readonly #firstIds: BigUint64Array;
  readonly #whole: Buffer | undefined;

  private constructor(
    file: File,
    layout: IndexLayout,
    rows: number,
    firstIds: BigUint64Array,
    whole: Buffer | undefined,
  ) {
    this.#file = file;
    this.#layout = layout;
    this.rows = rows;
    this.#firstIds = firstIds;
    this.#whole = whole;
  }

  /** Reads all of it once. @throws OperationError `not_found`, `corruption` when ids do not ascend. */
  static async open(
    files: Files,
    base: string,
    layout: IndexLayout,
    extension: '.ecx' | '.sdx' = '.ecx',
  ): Promise<SortedIndex> {
    const file = await files.open(`${base}${extension}`, { mode: 'read' });
    try {
      const bytes = await file.size();
      const { rowBytes } = layout;
      if (bytes % rowBytes !== 0) throw damaged(file, 'ends within a row');
      const rows = bytes / rowBytes;
      const firstIds = new BigUint64Array(Math.ceil(rows / PAGE_ROWS));
      const whole = bytes <= WHOLE_BYTES_MAX ? Buffer.allocUnsafeSlow(bytes) : undefined;
      const buffer = Buffer.allocUnsafe(Math.floor(READ_BYTES / rowBytes) * rowBytes);
      let before = -1n;
      for (let row = 0; row < rows; ) {
        const count = await file.read(
          buffer.subarray(0, Math.min(buffer.length, bytes - row * rowBytes)),
          row * rowBytes,
        );
        if (count === 0 || count % rowBytes !== 0) throw new OperationError('io', `${file.path} ended too early`);
        whole?.set(buffer.subarray(0, count), row * rowBytes);
        for (let at = 0; at < count; at += rowBytes, row++) {
          const id = buffer.readBigUInt64BE(at);
          if (id <= before) {
            throw damaged(file, `is not in order at row ${row}`);
          }
          before = id;
          if (row % PAGE_ROWS === 0) firstIds[row / PAGE_ROWS] = id;
        }
      }
      return new SortedIndex(file, layout, rows, firstIds, whole);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Memory that look-ups need. */
  get memoryBytes(): number {
    return this.#firstIds.byteLength + (this.#whole?.length ?? 0);
  }

  /** Undefined when there is none, or one that is deleted. */
  find(id: bigint): Awaitable<IndexRow | undefined> {
    let low = 0;
    let high = this.#firstIds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firstIds[middle]! <= id) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const first = (low - 1) * PAGE_ROWS;
    const { rowBytes } = this.#layout;
    const length = Math.min(PAGE_ROWS, this.rows - first) * rowBytes;
    if (this.#whole !== undefined) {
      return this.#findIn(this.#whole.subarray(first * rowBytes, first * rowBytes + length), id);
    }
    const page = Buffer.allocUnsafe(length);
    return this.#file.read(page, first * rowBytes).then((count) => {
      if (count < length) throw new OperationError('io', `${this.#file.path} ended too early`);
      return this.#findIn(page, id);
    });
  }

  #findIn(page: Buffer, id: bigint): IndexRow | undefined {
    const { rowBytes } = this.#layout;
    let low = 0;
    let high = page.length / rowBytes;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = page.readBigUInt64BE(middle * rowBytes);
      if (found === id) {
        const row = decodeIndexRow(page, middle * rowBytes, this.#layout);
        return row.size >= 0 && row.offset !== 0 ? row : undefined;
      }
      if (found < id) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function damaged(file: File, how: string): OperationError {
  const isOfShards = file.path.endsWith('.ecx');
  return new OperationError(
    'corruption',
    `${file.path} ${how}`,
    isOfShards ? { hint: 'Write it anew from the shards: orbit blobs ec rebuild.' } : {},
  );
}
