/**
 * Rows in a temporary file, in the order in which they were added, to be read from the first on, any number of times.
 *
 * The file is a sequence of blocks of whole rows (row-encoding.ts), each about as long as `blockBytes`; where they begin is
 * remembered here. Writing fills one block while the one before is written; reading holds one block and decodes it in
 * small pieces, so that a hundred files can be read at once in little memory.
 */

import { assert } from '../../../base/assert.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import { RowReader, RowWriter } from './row-encoding.ts';
import type { TemporaryFile } from './temporary-files.ts';

/** A good length for files that are written or read one at a time. */
export const BLOCK_BYTES = 64 * 1024;

export class RowFile {
  /** Rows added. */
  rows = 0;
  readonly #file: TemporaryFile;
  readonly #blockBytes: number;
  /** Where blocks begin, and where the last one ends. */
  readonly #positions: number[] = [0];
  /** How many rows come before each block. */
  readonly #firsts: number[] = [0];
  #writer: RowWriter | undefined = new RowWriter();
  #spare: RowWriter | undefined;
  #writing: Promise<void> | undefined;

  constructor(file: TemporaryFile, blockBytes = BLOCK_BYTES) {
    this.#file = file;
    this.#blockBytes = blockBytes;
  }

  /** Bytes written, without the block being filled. */
  get bytes(): number {
    return this.#positions.at(-1)!;
  }

  /**
   * The row is the caller's again on return.
   * @returns a promise to wait for before the next row, now and then.
   * @throws what `TemporaryFile.append` does, also for rows before.
   */
  add(row: readonly ColumnValue[]): Promise<void> | undefined {
    assert(this.#writer !== undefined, 'a row for a file that is being read');
    this.#writer.row(row);
    this.rows++;
    return this.#writer.length < this.#blockBytes ? undefined : this.#writeBlock();
  }

  /** As `add`, of two rows that are in memory together when they are read. */
  addPair(first: readonly ColumnValue[], second: readonly ColumnValue[]): Promise<void> | undefined {
    assert(this.#writer !== undefined, 'rows for a file that is being read');
    this.#writer.row(first);
    this.rows++;
    return this.add(second);
  }

  /** Makes all rows readable that were added; more may follow, but not before the promise settles. */
  async flush(): Promise<void> {
    if (this.#writer !== undefined && this.#writer.length > 0) await this.#writeBlock();
    await this.#writing;
  }

  /** Writes what is left; no row may follow. */
  async finish(): Promise<void> {
    if (this.#writer === undefined) return;
    if (this.#writer.length > 0) await this.#writeBlock();
    await this.#writing;
    this.#writer = undefined;
    this.#spare = undefined;
  }

  /** Reads from the first row on what was flushed. */
  read(): RowFileReader {
    return new RowFileReader(this.#file, this.#positions);
  }

  /** Which block, from 0, holds a row, by its place among all; of those that were flushed. */
  blockOf(row: number): number {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle + 1]! <= row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The place of its first row. */
  blockStart(block: number): number {
    return this.#firsts[block]!;
  }

  /** All rows of a block, at once: see `TemporaryFile.readNow`. */
  readBlockNow(block: number): ColumnValue[][] {
    const start = this.#positions[block]!;
    const bytes = Buffer.allocUnsafeSlow(this.#positions[block + 1]! - start);
    this.#file.readNow(bytes, start);
    return rowsIn(bytes);
  }

  /** All rows of a block. @throws what `TemporaryFile.read` does. */
  async readBlock(block: number): Promise<ColumnValue[][]> {
    const start = this.#positions[block]!;
    const bytes = Buffer.allocUnsafeSlow(this.#positions[block + 1]! - start);
    await this.#file.read(bytes, start);
    return rowsIn(bytes);
  }

  /** Gives the space back. */
  close(): void {
    this.#writer = undefined;
    this.#spare = undefined;
    this.#file.close();
  }

  async #writeBlock(): Promise<void> {
    await this.#writing;
    const full = this.#writer;
    // Closed while it waited.
    if (full === undefined) return;
    this.#positions.push(this.bytes + full.length);
    this.#firsts.push(this.rows);
    this.#writing = this.#file.append(full.view()).then(() => {
      full.length = 0;
      this.#spare = full;
    });
    // Whoever adds or finishes next is told.
    this.#writing.catch(() => {});
    this.#writer = this.#spare ?? new RowWriter();
    this.#spare = undefined;
  }
}

function rowsIn(block: Buffer): ColumnValue[][] {
  const reader = new RowReader().reset(block);
  const rows: ColumnValue[][] = [];
  while (!reader.atEnd) rows.push(reader.row());
  return rows;
}

export class RowFileReader {
  readonly #file: TemporaryFile;
  readonly #positions: readonly number[];
  readonly #decoder = new RowReader();
  #block: Buffer | undefined;
  #next = 0;

  constructor(file: TemporaryFile, positions: readonly number[]) {
    this.#file = file;
    this.#positions = positions;
  }

  /** The next row, if it is in memory; then ask `load`. */
  take(): ColumnValue[] | undefined {
    if (this.#block === undefined || this.#decoder.atEnd) return undefined;
    return this.#decoder.row();
  }

  /** Up to `rowsMax` rows that are in memory; none: ask `load`. */
  takeBatch(rowsMax: number): ColumnValue[][] {
    const rows: ColumnValue[][] = [];
    while (rows.length < rowsMax) {
      const row = this.take();
      if (row === undefined) break;
      rows.push(row);
    }
    return rows;
  }

  /** Brings more rows into memory. @returns false at the end. @throws what `TemporaryFile.read` does. */
  async load(): Promise<boolean> {
    if (this.#next + 1 >= this.#positions.length) {
      this.#block = undefined;
      return false;
    }
    const start = this.#positions[this.#next]!;
    const length = this.#positions[this.#next + 1]! - start;
    this.#next++;
    const block =
      this.#block !== undefined && this.#block.buffer.byteLength >= length
        ? Buffer.from(this.#block.buffer, 0, length)
        : Buffer.allocUnsafeSlow(length);
    this.#block = undefined;
    await this.#file.read(block, start);
    this.#block = block;
    this.#decoder.reset(block);
    return true;
  }
}
