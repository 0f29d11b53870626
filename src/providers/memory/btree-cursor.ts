/** Walks through a range of an immutable B+tree, in either direction. */

import { asBuffer, compareBytes } from '../../base/bytes.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Entry, ScanOptions } from '../../storage/store.ts';
import { type Inner, keyView, type Leaf, type Node, valueView } from './btree-nodes.ts';
import { childIndex, compareKey, lowerBound } from './btree-search.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Walks the entries of a range in an immutable tree. Keys and values are views of its pages.
 * The path from the root is kept as two lists, so a step to the next leaf costs no search.
 */
export class TreeCursor {
  readonly #range: KeyRange;
  readonly #reverse: boolean;
  readonly #keysOnly: boolean;
  #left: number;
  #path: Inner[] = [];
  #indexes: number[] = [];
  #leaf: Leaf | undefined;
  /** The next entry to yield is `#slot`; the last one before `#stop`, which lies behind it in the walking direction. */
  #slot = 0;
  #stop = 0;

  constructor(root: Node, range: KeyRange, options: ScanOptions) {
    this.#range = range;
    this.#reverse = options.reverse === true;
    this.#keysOnly = options.keysOnly === true;
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
    if (range.end !== undefined && compareBytes(range.start, range.end) >= 0) return;
    this.#descend(root, this.#reverse ? range.end : range.start);
  }

  /** 1 to `entriesMax` entries, undefined at the end. */
  next(entriesMax: number): Entry[] | undefined {
    const wanted = Math.min(entriesMax, this.#left);
    const entries: Entry[] = [];
    while (entries.length < wanted && this.#leaf !== undefined) {
      const leaf = this.#leaf;
      const step = this.#reverse ? -1 : 1;
      for (; this.#slot !== this.#stop && entries.length < wanted; this.#slot += step) {
        const at = leaf.slots[this.#slot]!;
        entries.push({ key: keyView(leaf, at), value: this.#keysOnly ? EMPTY : valueView(leaf, at) });
      }
      if (this.#slot === this.#stop) this.#advance();
    }
    this.#left -= entries.length;
    if (this.#left === 0) this.close();
    return entries.length === 0 ? undefined : entries;
  }

  close(): void {
    this.#leaf = undefined;
    this.#path = [];
    this.#indexes = [];
  }

  /** Goes down to the leaf where `key` would be; undefined: to the last. */
  #descend(from: Node, key: Key | undefined): void {
    let node = from;
    while (node.kind === 'inner') {
      const index = key === undefined ? node.children.length - 1 : childIndex(node, asBuffer(key), 0, key.length, 0, 0);
      this.#path.push(node);
      this.#indexes.push(index);
      node = node.children[index]!;
    }
    this.#enter(node);
    if (key === undefined) return;
    const bound = lowerBound(node, asBuffer(key));
    this.#slot = this.#reverse ? bound - 1 : bound;
    if (this.#reverse ? this.#slot < this.#stop : this.#slot > this.#stop) this.#slot = this.#stop;
    if (this.#slot === this.#stop) this.#advance();
  }

  /** Makes `leaf` the current one, from its first entry in walking direction to where the range ends. */
  #enter(leaf: Leaf): void {
    this.#leaf = leaf;
    const { start, end } = this.#range;
    if (this.#reverse) {
      this.#slot = leaf.count - 1;
      this.#stop = leaf.count > 0 && compareKey(leaf, 0, start) < 0 ? lowerBound(leaf, asBuffer(start)) - 1 : -1;
    } else {
      this.#slot = 0;
      const beyond = end !== undefined && leaf.count > 0 && compareKey(leaf, leaf.count - 1, end) >= 0;
      this.#stop = beyond ? lowerBound(leaf, asBuffer(end)) : leaf.count;
    }
  }

  /** To the next leaf, or to the end when the range does not reach beyond the current one. */
  #advance(): void {
    const leaf = this.#leaf;
    if (leaf === undefined) return;
    const whole = this.#reverse ? this.#stop === -1 : this.#stop === leaf.count;
    this.#leaf = undefined;
    if (!whole) {
      this.close();
      return;
    }
    const step = this.#reverse ? -1 : 1;
    for (let depth = this.#path.length - 1; depth >= 0; depth--) {
      const index = this.#indexes[depth]! + step;
      const inner = this.#path[depth]!;
      if (index < 0 || index >= inner.children.length) continue;
      this.#indexes[depth] = index;
      this.#path.length = depth + 1;
      this.#indexes.length = depth + 1;
      let node = inner.children[index]!;
      while (node.kind === 'inner') {
        const edge = this.#reverse ? node.children.length - 1 : 0;
        this.#path.push(node);
        this.#indexes.push(edge);
        node = node.children[edge]!;
      }
      this.#enter(node);
      // Only the root may be an empty leaf, so an empty stretch means that the range ends before this leaf.
      if (this.#slot === this.#stop) this.close();
      return;
    }
    this.close();
  }
}
