/**
 * Entries side by side in one buffer: what a scan reads without making an object of each.
 *
 *   bytes:    key | value | key | value | …
 *   offsets:  where each of these begins, and where the last one ends; 2n + 1 of them for n entries
 */

import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { Entry } from './store.ts';

/** What all parts of one buffer of entries share: what somebody has computed of them, kept for the next who wants it. */
class SharedEntries {
  #derived: object | undefined;
  #derivedBytes = 0;
  #keeper: ((bytes: number) => boolean) | undefined;

  /** Undefined when nothing is kept. */
  get derived(): object | undefined {
    return this.#derived;
  }

  get derivedBytes(): number {
    return this.#derivedBytes;
  }

  /** @param keeper Asked before so many more bytes are kept (less when below 0); undefined keeps nothing from now on. */
  set keeper(keeper: ((bytes: number) => boolean) | undefined) {
    this.#keeper = keeper;
  }

  /** @param bytes What it has grown by. @returns whether it is kept. */
  keep(derived: object, bytes: number): boolean {
    if (this.#keeper === undefined || !this.#keeper(bytes)) return false;
    this.#derived = derived;
    this.#derivedBytes += bytes;
    return true;
  }

  forget(): void {
    this.#keeper?.(-this.#derivedBytes);
    this.#derived = undefined;
    this.#derivedBytes = 0;
  }
}

/** A key and its new value; undefined for one that is deleted. */
export interface EntryChange {
  readonly key: Bytes;
  readonly value: Bytes | undefined;
}

export class PackedEntries {
  /** Do not modify: others read them too. */
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
  /** The first entry, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  readonly shared: SharedEntries;

  constructor(
    bytes: Buffer,
    offsets: Uint32Array,
    from = 0,
    to = (offsets.length - 1) / 2,
    shared: SharedEntries = new SharedEntries(),
  ) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.from = from;
    this.to = to;
    this.shared = shared;
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

  /** Copies all that lies in two buffers, the entries of the second behind those of the first. */
  static join(first: PackedEntries, second: PackedEntries): PackedEntries {
    const size = first.bytes.length;
    const bytes = Buffer.allocUnsafeSlow(size + second.bytes.length);
    bytes.set(first.bytes);
    bytes.set(second.bytes, size);
    const offsets = new Uint32Array(first.offsets.length + second.offsets.length - 1);
    offsets.set(first.offsets);
    const from = first.offsets.length - 1;
    for (let i = 0; i < second.offsets.length; i++) offsets[from + i] = size + second.offsets[i]!;
    return new PackedEntries(bytes, offsets);
  }

  /** A copy of all that lies in the buffer, with some changes: in the order of their keys, each key at most once. */
  changed(changes: readonly EntryChange[]): PackedEntries {
    const places = changes.map(({ key }) => this.#placeOf(key));
    let size = this.bytes.length;
    let { length } = this;
    for (let i = 0; i < changes.length; i++) {
      const { key, value } = changes[i]!;
      const { at, isThere } = places[i]!;
      if (isThere) size -= this.offsets[at * 2 + 2]! - this.offsets[at * 2]!;
      if (value !== undefined) size += key.length + value.length;
      length += (value === undefined ? 0 : 1) - (isThere ? 1 : 0);
    }
    const bytes = Buffer.allocUnsafeSlow(size);
    const offsets = new Uint32Array(length * 2 + 1);
    let read = 0;
    let end = 0;
    let place = 1;
    const copyUpTo = (next: number): void => {
      const start = this.offsets[read * 2]!;
      const shift = end - start;
      bytes.set(this.bytes.subarray(start, this.offsets[next * 2]!), end);
      for (let i = read * 2 + 1; i <= next * 2; i++) offsets[place++] = this.offsets[i]! + shift;
      end = this.offsets[next * 2]! + shift;
      read = next;
    };
    for (let i = 0; i < changes.length; i++) {
      const { key, value } = changes[i]!;
      const { at, isThere } = places[i]!;
      copyUpTo(at);
      if (isThere) read++;
      if (value === undefined) continue;
      bytes.set(key, end);
      end += key.length;
      offsets[place++] = end;
      bytes.set(value, end);
      end += value.length;
      offsets[place++] = end;
    }
    copyUpTo(this.length);
    return new PackedEntries(bytes, offsets);
  }

  #placeOf(key: Bytes): { readonly at: number; readonly isThere: boolean } {
    const at = this.find(key);
    return { at, isThere: at < this.to && equalBytes(this.keyAt(at), key) };
  }

  get count(): number {
    return this.to - this.from;
  }

  /** Of all that lies in the buffer. */
  get length(): number {
    return (this.offsets.length - 1) / 2;
  }

  /** Bytes of memory, of all that lies in the buffer and what is derived of it. */
  get memoryBytes(): number {
    return this.bytes.length + this.offsets.byteLength + this.shared.derivedBytes;
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
    if (low === high) return low;
    // What the first and the last key share with it, all between them do.
    const shared = Math.min(this.#sharedBytes(low, key), this.#sharedBytes(high - 1, key));
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#isLess(middle, key, shared)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sharedBytes(i: number, key: Bytes): number {
    const { bytes, offsets } = this;
    const start = offsets[i * 2]!;
    const shorter = Math.min(offsets[i * 2 + 1]! - start, key.length);
    let at = 0;
    while (at < shorter && bytes[start + at] === key[at]) at++;
    return at;
  }

  /** Byte by byte: a view of a key costs more than to compare two short ones. */
  #isLess(i: number, key: Bytes, shared: number): boolean {
    const { bytes, offsets } = this;
    const start = offsets[i * 2]!;
    const length = offsets[i * 2 + 1]! - start;
    const shorter = Math.min(length, key.length);
    for (let at = shared; at < shorter; at++) {
      const difference = bytes[start + at]! - key[at]!;
      if (difference !== 0) return difference < 0;
    }
    return length < key.length;
  }

  /** Some of the entries, over the same memory. */
  slice(from: number, to: number): PackedEntries {
    return new PackedEntries(this.bytes, this.offsets, from, to, this.shared);
  }

  entries(): readonly Entry[] {
    return Array.from({ length: this.count }, (_, i) => this.entryAt(this.from + i));
  }
}
