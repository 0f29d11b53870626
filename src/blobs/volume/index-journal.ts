/**
 * The `.idx` file of a writable volume: rows appended in the order of the records they tell.
 *
 * It is a help, not the truth: `recover.ts` finds what is missing or wrong in it from the `.dat`. Rows are therefore not
 * synced one by one; `checkpoint` syncs them once the `.dat` they point into is on stable storage.
 */

import type { File } from '../../platform/files.ts';
import { type IndexLayout, writeIndexRow } from '../formats/index-row.ts';

const BUFFER_ROWS = 4096;

export class IndexJournal {
  readonly file: File;
  readonly layout: IndexLayout;
  #position: number;
  #buffer: Buffer;
  #buffered = 0;

  constructor(file: File, layout: IndexLayout, position: number) {
    this.file = file;
    this.layout = layout;
    this.#position = position;
    this.#buffer = Buffer.allocUnsafeSlow(64 * layout.rowBytes);
  }

  /** Length of the file with all rows that were written. */
  get bytes(): number {
    return this.#position;
  }

  /** Queues a row for `flush`; `offset` in bytes. @returns whether it is time to flush. */
  add(idHigh: number, idLow: number, offset: number, size: number): boolean {
    const { rowBytes } = this.layout;
    if (this.#buffered + rowBytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
      this.#buffer.copy(larger, 0, 0, this.#buffered);
      this.#buffer = larger;
    }
    writeIndexRow(this.#buffer, this.#buffered, this.layout, idHigh, idLow, offset, size);
    this.#buffered += rowBytes;
    return this.#buffered >= BUFFER_ROWS * rowBytes;
  }

  /** Writes the queued rows. When that fails they are dropped, and the file keeps the length it had. */
  async flush(): Promise<void> {
    const length = this.#buffered;
    if (length === 0) return;
    this.#buffered = 0;
    try {
      await this.file.write(this.#buffer.subarray(0, length), this.#position);
      this.#position += length;
    } catch (error) {
      await this.file.truncate(this.#position).catch(() => {}); // Recovery ignores half a row just as well.
      throw error;
    }
  }

  /** Forgets queued rows. */
  discard(): void {
    this.#buffered = 0;
  }

  /** Cuts the file back to a length it had. */
  async truncate(bytes: number): Promise<void> {
    this.#buffered = 0;
    await this.file.truncate(bytes);
    this.#position = bytes;
  }
}
