/**
 * The `.idx` file of a writable volume: rows appended in the order of the records they tell.
 *
 * It is a help, not the truth: `recover.ts` finds what is missing or wrong in it from the `.dat`. Rows are therefore
 * neither written nor synced one by one: they gather, and a checkpoint writes and syncs them once the `.dat` they point into
 * is on stable storage.
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
  #flushing: Promise<void> | undefined;

  constructor(file: File, layout: IndexLayout, position: number) {
    this.file = file;
    this.layout = layout;
    this.#position = position;
    this.#buffer = Buffer.allocUnsafeSlow(64 * layout.rowBytes);
  }

  /** Length of the file with all rows, those that are not written yet included. */
  get bytes(): number {
    return this.#position + this.#buffered;
  }

  /** Whether so many rows have gathered that no more should be added before a `flush`. */
  get isFull(): boolean {
    return this.#buffered >= BUFFER_ROWS * this.layout.rowBytes;
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
    return this.isFull;
  }

  /** Writes the rows that are queued now. When that fails they stay queued, and the file keeps the length it had. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing.catch(() => {});
    if (this.#buffered === 0) return;
    this.#flushing = this.#write(this.#buffered);
    try {
      await this.#flushing;
    } finally {
      this.#flushing = undefined;
    }
  }

  async #write(length: number): Promise<void> {
    try {
      // Rows that are added meanwhile come behind these.
      await this.file.write(this.#buffer.subarray(0, length), this.#position);
    } catch (error) {
      await this.file.truncate(this.#position).catch(() => {}); // Recovery ignores half a row just as well.
      throw error;
    }
    this.#position += length;
    this.#buffer.copyWithin(0, length, this.#buffered);
    this.#buffered -= length;
  }

  /** Forgets queued rows, and cuts the file back to a length it had. */
  async truncate(bytes: number): Promise<void> {
    this.#buffered = 0;
    await this.file.truncate(bytes);
    this.#position = bytes;
  }
}
