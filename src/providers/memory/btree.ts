/**
 * A copy-on-write B+tree over byte strings, compact in memory and free to snapshot.
 *
 * **Copy on write.** Every node carries the number of the epoch in which it was made. An edit of epoch E changes nodes of
 * epoch E in place and copies all others before changing them. Whoever wants an immutable view keeps the root and makes
 * the next edit begin a new epoch; nothing is counted or copied for it, and what no root reaches is left to the garbage
 * collector.
 *
 * `btree-nodes.ts` draws the nodes, `btree-search.ts` finds keys in them, `btree-cursor.ts` walks through a range.
 *
 * Left out: concurrency (one edit at a time), durability, and sharing of key prefixes within a page.
 */

import { assert, verify } from '../../base/assert.ts';
import { asBuffer, type Bytes, compareBytes, copyBytes, latin1 } from '../../base/bytes.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import {
  appendEntries,
  CHILD_BYTES,
  CHILDREN_MAX,
  copy,
  ENTRY_HEADER_BYTES,
  entryBytes,
  INLINE_VALUE_BYTES_MAX,
  INNER_OVERHEAD_BYTES,
  Inner,
  insertEntry,
  isSmall,
  keyLength,
  keyView,
  Leaf,
  largeValue,
  type Node,
  overwrite,
  PAGE_BYTES,
  removeSlots,
  SLOT_BYTES,
  separatorBetween,
  usedBytes,
  valueLength,
} from './btree-nodes.ts';
import { childIndex, lowerBound, matchedHigh, matchedLow, slotOf } from './btree-search.ts';

/** Consecutive insertions at the end of a leaf that make a split leave it full, as sequential keys want it. */
const APPENDS_SEQUENTIAL = 8;
const EMPTY = Buffer.alloc(0);

/** Of no edit's epoch, so it stays empty. */
export const EMPTY_TREE: Node = new Leaf(0, PAGE_BYTES);

/** A copy of the value of `key`, owned by the caller. */
export function lookup(root: Node, key: Key): Bytes | undefined {
  let node = root;
  let low = 0;
  let high = 0;
  while (node.kind === 'inner') {
    node = node.children[childIndex(node, key, 0, key.length, low, high)]!;
    low = matchedLow;
    high = matchedHigh;
  }
  const slot = slotOf(node, key, 0, key.length, low, high);
  if (slot < 0) return undefined;
  const { data } = node;
  const at = node.slots[slot]!;
  const valueBytes = valueLength(data, at);
  if (valueBytes > INLINE_VALUE_BYTES_MAX) return copyBytes(largeValue(node, at));
  const from = at + ENTRY_HEADER_BYTES + keyLength(data, at);
  const value = Buffer.allocUnsafe(valueBytes);
  copy(data, from, value, 0, valueBytes);
  return value;
}

/**
 * Changes a tree. Keys and values are given as places in a buffer and are copied; the buffer is not kept. The tree that
 * was the root before stays as it is, except for nodes of this edit's own epoch.
 */
export class TreeEdit {
  root: Node;
  #epoch = 1;
  /** Bytes of nodes that edits replaced or dropped while an older root may still have reached them; only grows. */
  #retiredBytes = 0;
  /** The right half after a split, until the parent has taken it. */
  #splitRight: Node | undefined;
  #splitSeparator = '';

  constructor(root: Node) {
    this.root = root;
  }

  get retiredBytes(): number {
    return this.#retiredBytes;
  }

  /** Nodes made so far are never changed in place again. */
  beginEpoch(): void {
    this.#epoch++;
  }

  /** The value must follow the key in `source`, as in the layout of operations. */
  put(source: Buffer, keyAt: number, keyBytes: number, valueBytes: number): void {
    const root = this.#put(this.root, source, keyAt, keyBytes, valueBytes, 0, 0);
    const right = this.#splitRight;
    this.#splitRight = undefined;
    this.root = right === undefined ? root : new Inner(this.#epoch, [this.#splitSeparator], [root, right]);
  }

  /** @returns whether the key was there. */
  delete(source: Buffer, keyAt: number, keyBytes: number): boolean {
    if (!this.#has(source, keyAt, keyBytes)) return false;
    this.#setRoot(this.#delete(this.root, source, keyAt, keyBytes));
    return true;
  }

  /** Drops whole subtrees: the cost grows with the height of the tree, not with what the range holds. */
  deleteRange(range: KeyRange): void {
    if (range.end !== undefined && compareBytes(range.start, range.end) >= 0) return;
    const end = range.end === undefined ? undefined : asBuffer(range.end);
    this.#setRoot(this.#deleteRange(this.root, asBuffer(range.start), end));
  }

  #setRoot(node: Node | undefined): void {
    let root = node ?? new Leaf(this.#epoch, PAGE_BYTES);
    while (root.kind === 'inner' && root.children.length === 1) root = root.children[0]!;
    this.root = root;
  }

  #has(source: Buffer, keyAt: number, keyBytes: number): boolean {
    let node = this.root;
    let low = 0;
    let high = 0;
    while (node.kind === 'inner') {
      node = node.children[childIndex(node, source, keyAt, keyBytes, low, high)]!;
      low = matchedLow;
      high = matchedHigh;
    }
    return slotOf(node, source, keyAt, keyBytes, low, high) >= 0;
  }

  #put(
    node: Node,
    source: Buffer,
    keyAt: number,
    keyBytes: number,
    valueBytes: number,
    low: number,
    high: number,
  ): Node {
    if (node.kind === 'leaf') return this.#putInLeaf(node, source, keyAt, keyBytes, valueBytes, low, high);
    const index = childIndex(node, source, keyAt, keyBytes, low, high);
    const child = node.children[index]!;
    const bytesBefore = child.bytes;
    const entriesBefore = child.entries;
    const next = this.#put(child, source, keyAt, keyBytes, valueBytes, matchedLow, matchedHigh);
    const inner = this.#ownInner(node);
    inner.children[index] = next;
    inner.bytes += next.bytes - bytesBefore;
    inner.entries += next.entries - entriesBefore;
    const right = this.#splitRight;
    if (right === undefined) return inner;
    this.#splitRight = undefined;
    inner.children.splice(index + 1, 0, right);
    inner.separators.splice(index, 0, this.#splitSeparator);
    inner.bytes += right.bytes + CHILD_BYTES;
    inner.entries += right.entries;
    return inner.children.length > CHILDREN_MAX ? this.#splitInner(inner, index + 2 === inner.children.length) : inner;
  }

  #splitInner(inner: Inner, atEnd: boolean): Inner {
    const { children, separators } = inner;
    const at = atEnd ? children.length - (CHILDREN_MAX >>> 3) : children.length >>> 1;
    this.#splitSeparator = separators[at - 1]!;
    this.#splitRight = new Inner(this.#epoch, separators.slice(at), children.slice(at));
    return new Inner(this.#epoch, separators.slice(0, at - 1), children.slice(0, at));
  }

  #putInLeaf(
    node: Leaf,
    source: Buffer,
    keyAt: number,
    keyBytes: number,
    valueBytes: number,
    low: number,
    high: number,
  ): Leaf {
    const found = slotOf(node, source, keyAt, keyBytes, low, high);
    let leaf = this.#ownLeaf(node);
    const position = found >= 0 ? found : ~found;
    if (found >= 0 && overwrite(leaf, found, source, keyAt + keyBytes, valueBytes)) return leaf;
    if (found >= 0) removeSlots(leaf, position, position + 1);
    else leaf.appends = position === leaf.count ? leaf.appends + 1 : 0;
    const needed = entryBytes(keyBytes, valueBytes) + SLOT_BYTES;
    if (leaf.count * SLOT_BYTES + needed > leaf.heapStart) {
      // Compacting must win an eighth of the page, or it would soon be asked for again.
      if (leaf.live + needed > leaf.data.length - (leaf.data.length >>> 3)) {
        if (leaf.count > 0) return this.#splitLeaf(leaf, position, source, keyAt, keyBytes, valueBytes);
        leaf = new Leaf(this.#epoch, needed);
      } else {
        leaf = this.#compacted(leaf, leaf.live + needed);
      }
    }
    insertEntry(leaf, position, source, keyAt, keyBytes, valueBytes);
    return leaf;
  }

  /** Two leaves out of one and the entry that does not fit it. Leaves the right one in `#splitRight`. */
  #splitLeaf(leaf: Leaf, position: number, source: Buffer, keyAt: number, keyBytes: number, valueBytes: number): Leaf {
    const { count } = leaf;
    const needed = entryBytes(keyBytes, valueBytes) + SLOT_BYTES;
    // `at`: entries before it go left. The new entry goes left when it comes before them, or when that balances better.
    let at = count;
    let leftBytes = leaf.live;
    if (position < count || leaf.appends < APPENDS_SEQUENTIAL) {
      const half = (leaf.live + needed) >>> 1;
      at = 0;
      leftBytes = 0;
      for (; at < count - 1; at++) {
        const bytes = usedBytes(leaf, at) + SLOT_BYTES;
        if (leftBytes + (position <= at ? needed : 0) + bytes > half) break;
        leftBytes += bytes;
      }
      if (at === 0 && position > 0) {
        at = 1;
        leftBytes = usedBytes(leaf, 0) + SLOT_BYTES;
      }
    }
    const goesLeft = position < at || (position === at && at === 0);
    const rightBytes = leaf.live - leftBytes;
    const left = new Leaf(this.#epoch, leftBytes + (goesLeft ? needed : 0));
    const right = new Leaf(this.#epoch, rightBytes + (goesLeft ? 0 : needed));
    appendEntries(left, leaf, 0, at);
    appendEntries(right, leaf, at, count);
    if (goesLeft) insertEntry(left, position, source, keyAt, keyBytes, valueBytes);
    else insertEntry(right, position - at, source, keyAt, keyBytes, valueBytes);
    if (at === count) right.appends = leaf.appends;
    this.#splitRight = right;
    this.#splitSeparator = separatorBetween(left, right);
    return left;
  }

  #delete(node: Node, source: Buffer, keyAt: number, keyBytes: number): Node | undefined {
    if (node.kind === 'leaf') {
      const slot = slotOf(node, source, keyAt, keyBytes, 0, 0);
      if (node.count === 1) {
        this.#retire(node);
        return undefined;
      }
      const leaf = this.#ownLeaf(node);
      removeSlots(leaf, slot, slot + 1);
      leaf.appends = 0;
      return leaf;
    }
    const index = childIndex(node, source, keyAt, keyBytes, 0, 0);
    const child = node.children[index]!;
    const before = { bytes: child.bytes, entries: child.entries };
    return this.#replaceChild(node, index, before, this.#delete(child, source, keyAt, keyBytes));
  }

  #deleteRange(node: Node, start: Buffer, end: Buffer | undefined): Node | undefined {
    if (node.kind === 'leaf') {
      const from = lowerBound(node, start);
      const to = end === undefined ? node.count : lowerBound(node, end);
      if (from >= to) return node;
      if (to - from === node.count) {
        this.#retire(node);
        return undefined;
      }
      const leaf = this.#ownLeaf(node);
      removeSlots(leaf, from, to);
      leaf.appends = 0;
      return leaf;
    }
    const first = childIndex(node, start, 0, start.length, 0, 0);
    const last = end === undefined ? node.children.length - 1 : childIndex(node, end, 0, end.length, 0, 0);
    if (first === last) {
      const child = node.children[first]!;
      const before = { bytes: child.bytes, entries: child.entries };
      const next = this.#deleteRange(child, start, end);
      const unchanged = next === child && child.entries === before.entries;
      return unchanged ? node : this.#replaceChild(node, first, before, next);
    }
    for (let i = first + 1; i < last; i++) this.#retire(node.children[i]!);
    // Each child with the separator before it; the first one's is dropped, whichever that becomes.
    const kept: { readonly separator: string; readonly child: Node }[] = [];
    const keep = (index: number, child: Node | undefined): void => {
      if (child !== undefined) kept.push({ separator: node.separators[index - 1] ?? '', child });
    };
    for (let i = 0; i < first; i++) keep(i, node.children[i]);
    keep(first, this.#deleteRange(node.children[first]!, start, undefined));
    keep(last, this.#deleteRange(node.children[last]!, EMPTY, end));
    for (let i = last + 1; i < node.children.length; i++) keep(i, node.children[i]);
    this.#retireInner(node);
    if (kept.length === 0) return undefined;
    const separators = kept.slice(1).map(({ separator }) => separator);
    const inner = new Inner(
      this.#epoch,
      separators,
      kept.map(({ child }) => child),
    );
    // What is left on the two sides of the gap may be small.
    for (const index of [first + 1, first, first - 1]) this.#mergeAround(inner, index);
    return inner;
  }

  #replaceChild(
    node: Inner,
    index: number,
    before: { readonly bytes: number; readonly entries: number },
    child: Node | undefined,
  ): Inner | undefined {
    if (child === undefined && node.children.length === 1) return undefined;
    const inner = this.#ownInner(node);
    if (child === undefined) {
      inner.children.splice(index, 1);
      inner.separators.splice(Math.max(0, index - 1), 1);
      inner.bytes -= before.bytes + CHILD_BYTES;
      inner.entries -= before.entries;
      return inner;
    }
    inner.children[index] = child;
    inner.bytes += child.bytes - before.bytes;
    inner.entries += child.entries - before.entries;
    this.#mergeAround(inner, index);
    return inner;
  }

  /** Joins a child that has become small with a neighbour, when both together leave room for more. */
  #mergeAround(inner: Inner, index: number): void {
    const child = inner.children[index];
    if (child === undefined || !isSmall(child)) return;
    for (const left of [index, index - 1]) {
      const [a, b] = [inner.children[left], inner.children[left + 1]];
      if (left < 0 || a === undefined || b === undefined) continue;
      const merged = this.#merged(a, inner.separators[left]!, b);
      if (merged === undefined) continue;
      inner.bytes += merged.bytes - a.bytes - b.bytes - CHILD_BYTES;
      inner.children.splice(left, 2, merged);
      inner.separators.splice(left, 1);
      return;
    }
  }

  #merged(a: Node, separator: string, b: Node): Node | undefined {
    if (a.kind === 'leaf' && b.kind === 'leaf') {
      const live = a.live + b.live;
      if (live > PAGE_BYTES - (PAGE_BYTES >>> 2)) return undefined;
      const leaf = new Leaf(this.#epoch, live);
      appendEntries(leaf, a, 0, a.count);
      appendEntries(leaf, b, 0, b.count);
      this.#retire(a);
      this.#retire(b);
      return leaf;
    }
    if (a.kind === 'inner' && b.kind === 'inner') {
      if (a.children.length + b.children.length > CHILDREN_MAX - (CHILDREN_MAX >>> 2)) return undefined;
      this.#retireInner(a);
      this.#retireInner(b);
      return new Inner(this.#epoch, [...a.separators, separator, ...b.separators], [...a.children, ...b.children]);
    }
    return undefined;
  }

  #ownInner(inner: Inner): Inner {
    if (inner.epoch === this.#epoch) return inner;
    this.#retireInner(inner);
    return new Inner(this.#epoch, inner.separators.slice(), inner.children.slice());
  }

  #ownLeaf(leaf: Leaf): Leaf {
    if (leaf.epoch === this.#epoch) return leaf;
    this.#retire(leaf);
    const own = new Leaf(this.#epoch, leaf.data.length);
    own.slots.set(leaf.slots.subarray(0, leaf.count));
    leaf.data.copy(own.data, leaf.heapStart, leaf.heapStart);
    own.count = leaf.count;
    own.heapStart = leaf.heapStart;
    own.heapLive = leaf.heapLive;
    own.appends = leaf.appends;
    own.large = leaf.large?.slice();
    own.largeBytes = leaf.largeBytes;
    return own;
  }

  /** The same entries without holes, in a page of at least `bytes`. */
  #compacted(leaf: Leaf, bytes: number): Leaf {
    const fresh = new Leaf(this.#epoch, bytes);
    appendEntries(fresh, leaf, 0, leaf.count);
    fresh.appends = leaf.appends;
    return fresh;
  }

  /** Counts a subtree that leaves the tree: an older root may still reach what earlier epochs made of it. */
  #retire(node: Node): void {
    if (node.epoch !== this.#epoch) this.#retiredBytes += node.bytes;
    else if (node.kind === 'inner') for (const child of node.children) this.#retire(child);
  }

  /** As `#retire`, but the children stay in the tree. */
  #retireInner(inner: Inner): void {
    if (inner.epoch !== this.#epoch) this.#retiredBytes += INNER_OVERHEAD_BYTES + inner.children.length * CHILD_BYTES;
  }
}

/** Checks order, sums and shape of a whole tree. @throws AssertionError. For tests, by way of `verify`. */
export function checkTree(root: Node): void {
  verify(() => {
    let previous: Bytes | undefined;
    let depthOfLeaves: number | undefined;
    const walk = (node: Node, depth: number, low: string | undefined, high: string | undefined): void => {
      if (node.kind === 'leaf') {
        assert(depthOfLeaves === undefined || depthOfLeaves === depth, 'all leaves lie at one depth');
        depthOfLeaves = depth;
        assert(node.count > 0 || node === root, 'only the root may be empty');
        assert(node.count * SLOT_BYTES <= node.heapStart, 'slots and heap do not overlap');
        let heapLive = 0;
        let largeBytes = 0;
        for (let slot = 0; slot < node.count; slot++) {
          const at = node.slots[slot]!;
          const key = keyView(node, at);
          assert(previous === undefined || compareBytes(previous, key) < 0, 'keys ascend');
          assert(low === undefined || latin1(key) >= low, 'keys are not below their separator');
          assert(high === undefined || latin1(key) < high, 'keys are below the next separator');
          previous = key;
          heapLive += usedBytes(node, slot);
          if (valueLength(node.data, at) > INLINE_VALUE_BYTES_MAX) largeBytes += largeValue(node, at).length;
        }
        assert(heapLive === node.heapLive, 'live bytes of a page are counted');
        assert(largeBytes === node.largeBytes, 'large values are counted');
        return;
      }
      assert(node.children.length === node.separators.length + 1, 'a separator between any two children');
      assert(node.children.length <= CHILDREN_MAX, 'children are bounded');
      node.children.forEach((child, i) => {
        walk(child, depth + 1, i === 0 ? low : node.separators[i - 1], node.separators[i] ?? high);
      });
      const sums = new Inner(0, node.separators, node.children);
      assert(sums.entries === node.entries, 'entries are summed');
      assert(sums.bytes === node.bytes, 'bytes are summed');
    };
    walk(root, 0, undefined, undefined);
  });
}
