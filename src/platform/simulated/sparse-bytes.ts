/** The contents of a simulated file: pages of 4 KiB that exist once written; what was never written reads as zeros. */

import type { Bytes } from '../../base/bytes.ts';

const PAGE_BYTES = 4096;

/** What a disk writes as one. */
export const SECTOR_BYTES = 512;

export class SparseBytes {
  #pages = new Map<number, Bytes>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Copies up to `into.length` bytes out; fewer only at the end. */
  read(into: Bytes, position: number): number {
    const length = Math.max(0, Math.min(into.length, this.#size - position));
    for (let done = 0; done < length; ) {
      const at = position + done;
      const offset = at % PAGE_BYTES;
      const step = Math.min(length - done, PAGE_BYTES - offset);
      const page = this.#pages.get(Math.floor(at / PAGE_BYTES));
      if (page === undefined) into.fill(0, done, done + step);
      else into.set(page.subarray(offset, offset + step), done);
      done += step;
    }
    return length;
  }

  write(bytes: Bytes, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const offset = at % PAGE_BYTES;
      const step = Math.min(bytes.length - done, PAGE_BYTES - offset);
      this.#page(Math.floor(at / PAGE_BYTES)).set(bytes.subarray(done, done + step), offset);
      done += step;
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  /** Cuts, or extends with zeros. */
  resize(size: number): void {
    if (size < this.#size) {
      for (const page of this.#pages.keys()) if (page * PAGE_BYTES >= size) this.#pages.delete(page);
      this.#pages.get(Math.floor(size / PAGE_BYTES))?.fill(0, size % PAGE_BYTES);
    }
    this.#size = size;
  }

  /** Takes one sector over from `source`, growing to hold what the source has of it. */
  copySector(source: SparseBytes, sector: number): void {
    const start = sector * SECTOR_BYTES;
    const end = Math.min(start + SECTOR_BYTES, source.#size);
    if (end <= start) return;
    const bytes = new Uint8Array(end - start);
    source.read(bytes, start);
    this.write(bytes, start);
  }

  toBytes(): Bytes {
    const bytes = Buffer.alloc(this.#size);
    this.read(bytes, 0);
    return bytes;
  }

  clone(): SparseBytes {
    const copy = new SparseBytes();
    for (const [index, page] of this.#pages) copy.#pages.set(index, page.slice());
    copy.#size = this.#size;
    return copy;
  }

  #page(index: number): Bytes {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#pages.set(index, page);
    }
    return page;
  }
}
