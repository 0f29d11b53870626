/**
 * A map ordered by key: a hash table for points, blocks of sorted keys for ranges.
 *
 * Blocks hold up to `BLOCK_KEYS_MAX` keys and are split in two beyond; an empty block is dropped. With a million keys an
 * insertion moves a few kilobytes.
 */

import type { KeyText } from '../src/bytes.ts';

const BLOCK_KEYS_MAX = 512;

export class OrderedMap<V> {
  readonly #values = new Map<KeyText, V>();
  readonly #blocks: KeyText[][] = [[]];

  get size(): number {
    return this.#values.size;
  }

  get(key: KeyText): V | undefined {
    return this.#values.get(key);
  }

  set(key: KeyText, value: V): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key: KeyText): boolean {
    if (!this.#values.delete(key)) return false;
    const index = this.#blockOf(key);
    const block = this.#blocks[index]!;
    block.splice(lowerBound(block, key), 1);
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(index, 1);
    return true;
  }

  /** Entries of [start, end), an empty end being unbounded. The map must not change meanwhile. */
  *range(start: KeyText, end: KeyText, reverse = false): Generator<[KeyText, V]> {
    if (reverse) {
      let index = end === '' ? this.#blocks.length - 1 : this.#blockOf(end);
      for (let first = true; index >= 0; index--, first = false) {
        const block = this.#blocks[index]!;
        for (let i = (first && end !== '' ? lowerBound(block, end) : block.length) - 1; i >= 0; i--) {
          const key = block[i]!;
          if (key < start) return;
          yield [key, this.#values.get(key)!];
        }
      }
      return;
    }
    for (let index = this.#blockOf(start), first = true; index < this.#blocks.length; index++, first = false) {
      const block = this.#blocks[index]!;
      for (let i = first ? lowerBound(block, start) : 0; i < block.length; i++) {
        const key = block[i]!;
        if (end !== '' && key >= end) return;
        yield [key, this.#values.get(key)!];
      }
    }
  }

  #insert(key: KeyText): void {
    const index = this.#blockOf(key);
    const block = this.#blocks[index]!;
    if (block.length === 0 || key > block[block.length - 1]!) block.push(key);
    else block.splice(lowerBound(block, key), 0, key);
    if (block.length <= BLOCK_KEYS_MAX) return;
    this.#blocks.splice(index + 1, 0, block.splice(block.length >> 1));
  }

  /** The last block whose first key is not greater than `key`, else the first. */
  #blockOf(key: KeyText): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const first = this.#blocks[middle]![0];
      if (first !== undefined && first <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function lowerBound(block: readonly KeyText[], key: KeyText): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (block[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
