/**
 * Entries side by side in one buffer: what a scan reads without making an object of each.
 *
 *   bytes:    key | value | key | value | …
 *   offsets:  where each of these begins, and where the last one ends; 2n + 1 of them for n entries
 */

import { type Bytes, compareBytes } from '../base/bytes.ts';
import type { Entry } from './store.ts';

export class PackedEntries {
  /** Do not modify: others read them too. */
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
  /** The first entry, and the one behind the last. */
  readonly from: number;
  readonly to: number;

  constructor(bytes: Buffer, offsets: Uint32Array, from = 0, to = (offsets.length - 1) / 2) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.from = from;
    this.to = to;
  }

  /** Copies entries. */
  static of(entries: readonly Entry[]): PackedEntries {
    let size = 0;
    for (const { key, value } of entries) size += key.length + value.length;
    const bytes = Buffer.allocUnsafeSlow(size);
    const offsets = new Uint32Array(entries.length * 2 + 1);
    let at = 0;
    for (let i = 0; i < entries.length; i++) {
      const { key, value } = entries[i]!;
      bytes.set(key, at);
      at += key.length;
      offsets[i * 2 + 1] = at;
      bytes.set(value, at);
      at += value.length;
      offsets[i * 2 + 2] = at;
    }
    return new PackedEntries(bytes, offsets);
  }

  get count(): number {
    return this.to - this.from;
  }

  /** Bytes of memory, of all that lies in the buffer. */
  get memoryBytes(): number {
    return this.bytes.length + this.offsets.byteLength;
  }

  /** A view. */
  keyAt(i: number): Bytes {
    return this.bytes.subarray(this.offsets[i * 2]!, this.offsets[i * 2 + 1]!);
  }

  /** Views. */
  entryAt(i: number): Entry {
    return { key: this.keyAt(i), value: this.bytes.subarray(this.offsets[i * 2 + 1]!, this.offsets[i * 2 + 2]!) };
  }

  /** The first of the entries with a key not less than `key`; `to` when there is none. */
  find(key: Bytes): number {
    let low = this.from;
    let high = this.to;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes(this.keyAt(middle), key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Some of the entries, over the same memory. */
  slice(from: number, to: number): PackedEntries {
    return new PackedEntries(this.bytes, this.offsets, from, to);
  }

  entries(): readonly Entry[] {
    return Array.from({ length: this.count }, (_, i) => this.entryAt(this.from + i));
  }
}
