/**
 * What one snapshot has read, keys without a value too: as of a timestamp nothing changes, so nobody is asked twice.
 *
 * Bounded in bytes. Two generations stand in for an order of use: what is asked for moves to the younger, and when that has
 * half of the room it becomes the older, whose entries are forgotten together. A value of more than an eighth of the room is
 * not kept.
 */

import type { KeyText } from './bytes.ts';

/** Of an entry beside its key and value, about. */
const ENTRY_BYTES = 96;

/** What is known of a key; `value` is undefined where it has none. */
export interface Known {
  readonly value: Buffer | undefined;
}

export class SnapshotCache {
  readonly #bytesMax: number;
  #young = new Map<KeyText, Known>();
  #old: Map<KeyText, Known> | undefined;
  #youngBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The value stays the cache's. */
  get(key: KeyText): Known | undefined {
    const known = this.#young.get(key);
    if (known !== undefined || this.#old === undefined) return known;
    const old = this.#old.get(key);
    if (old !== undefined) this.#keep(key, old);
    return old;
  }

  /** Takes a copy. */
  add(key: KeyText, value: Buffer | undefined): void {
    if (bytesOf(key, value) > this.#bytesMax / 8) return;
    this.#keep(key, { value: value === undefined ? undefined : Buffer.from(value) });
  }

  #keep(key: KeyText, known: Known): void {
    const bytes = bytesOf(key, known.value);
    if (this.#youngBytes + bytes > this.#bytesMax / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    if (!this.#young.has(key)) this.#youngBytes += bytes;
    this.#young.set(key, known);
  }
}

function bytesOf(key: KeyText, value: Buffer | undefined): number {
  return ENTRY_BYTES + key.length + (value?.length ?? 0);
}
