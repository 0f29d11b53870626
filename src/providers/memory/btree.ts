/**
 * A copy-on-write B+tree over byte strings, compact in memory and free to snapshot.
 *
 * **Copy on write.** Every node carries the number of the epoch in which it was made. An edit of epoch E changes nodes of
 * epoch E in place and copies all others before changing them. Whoever wants an immutable view keeps the root and makes
 * the next edit begin a new epoch; nothing is counted or copied for it, and what no root reaches is left to the garbage
 * collector.
 *
 * **Pages.** A leaf is one buffer, so that a hundred-byte entry costs some fifty bytes more, and the collector sees one
 * object instead of a hundred:
 *
 *   offset           size       field
 *   0                4 × count  slots: offset of each entry, in key order (native order: pages never leave the process)
 *   4 × count        …          free
 *   `heapStart`      …          entries, the newest first, down from the end of the page
 *
 *   entry: key length (2, little-endian), value length (4, little-endian), key, then the value, or, when it is longer than
 *   `INLINE_VALUE_BYTES_MAX`, its index (4, little-endian) in the leaf's list of large values
 *
 * Removing an entry removes its slot and leaves a hole in the heap; a page out of room is compacted when that helps and
 * split when it does not. Pages have `PAGE_BYTES`, more only for keys that would not fit.
 *
 * **Separators** are the shortest strings that tell two neighbours apart, kept as one-byte strings: cheaper in V8 than
 * small buffers. Search remembers how many bytes of the key already match on both sides and compares from there.
 *
 * Left out: concurrency (one edit at a time), durability, and sharing of key prefixes within a page.
 */

import { assert, verify } from '../../base/assert.ts';
import { asBuffer, type Bytes, compareBytes, copyBytes, latin1 } from '../../base/bytes.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Entry, ScanOptions } from '../../storage/store.ts';

export const PAGE_BYTES = 4_096;
/** Longer values are kept beside the page. */
export const INLINE_VALUE_BYTES_MAX = 1_024;
const CHILDREN_MAX = 64;
const ENTRY_HEADER_BYTES = 6;
const SLOT_BYTES = 4;
/** Consecutive insertions at the end of a leaf that make a split leave it full, as sequential keys want it. */
const APPENDS_SEQUENTIAL = 8;
/** Rough cost of a node's objects, for the accounting. */
const LEAF_OVERHEAD_BYTES = 400;
const INNER_OVERHEAD_BYTES = 200;
const CHILD_BYTES = 48;

export type Node = Leaf | Inner;

class Leaf {
  readonly kind = 'leaf';
  readonly epoch: number;
  readonly data: Buffer;
  readonly slots: Int32Array;
  count = 0;
  /** Entries begin here; what lies before, down to the slots, is free. */
  heapStart: number;
  /** Bytes of the heap that entries use, holes excluded. */
  heapLive = 0;
  /** Consecutive insertions at the end. */
  appends = 0;
  large: (Bytes | undefined)[] | undefined;
  largeBytes = 0;

  constructor(epoch: number, pageBytes: number) {
    this.epoch = epoch;
    const bytes = Math.max(PAGE_BYTES, (pageBytes + 3) & ~3);
    this.data = Buffer.allocUnsafeSlow(bytes);
    this.slots = new Int32Array(this.data.buffer, 0, bytes >>> 2);
    this.heapStart = bytes;
  }

  get entries(): number {
    return this.count;
  }

  /** Bytes of memory, roughly. */
  get bytes(): number {
    return this.data.length + this.largeBytes + LEAF_OVERHEAD_BYTES;
  }

  /** Bytes of the page in use, holes excluded. */
  get live(): number {
    return this.heapLive + this.count * SLOT_BYTES;
  }
}

class Inner {
  readonly kind = 'inner';
  readonly epoch: number;
  /** `separators[i]` is at most every key of `children[i + 1]` and greater than every key of `children[i]`. */
  readonly separators: string[];
  readonly children: Node[];
  /** Sums over the children. */
  entries: number;
  bytes: number;

  constructor(epoch: number, separators: string[], children: Node[]) {
    this.epoch = epoch;
    this.separators = separators;
    this.children = children;
    this.entries = 0;
    this.bytes = INNER_OVERHEAD_BYTES;
    for (const child of children) {
      this.entries += child.entries;
      this.bytes += child.bytes + CHILD_BYTES;
    }
  }
}

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

// Search. The two counts below are results of `childIndex`, returned this way because it runs once per level of every
// operation: bytes of the key known to match all keys' lower, and upper, bound.
let matchedLow = 0;
let matchedHigh = 0;
/** Bytes found equal by the last comparison. */
let matched = 0;

/** The child whose keys may include the key. `low` and `high` are what the parent's search left in `matched…`. */
function childIndex(inner: Inner, key: Bytes, keyAt: number, keyBytes: number, low: number, high: number): number {
  const { separators } = inner;
  let from = 0;
  let to = separators.length;
  let lowMatch = low;
  let highMatch = high;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compareText(separators[middle]!, key, keyAt, keyBytes, Math.min(lowMatch, highMatch)) <= 0) {
      from = middle + 1;
      lowMatch = matched;
    } else {
      to = middle;
      highMatch = matched;
    }
  }
  matchedLow = lowMatch;
  matchedHigh = highMatch;
  return from;
}

/** The slot of the key, or `~slot` where it would be inserted. */
function slotOf(leaf: Leaf, key: Bytes, keyAt: number, keyBytes: number, low: number, high: number): number {
  const { slots, data } = leaf;
  let from = 0;
  let to = leaf.count;
  let lowMatch = low;
  let highMatch = high;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const skip = Math.min(lowMatch, highMatch);
    const order = compareEntry(data, slots[middle]!, key, keyAt, keyBytes, skip);
    if (order === 0) return middle;
    if (order < 0) {
      from = middle + 1;
      lowMatch = matched;
    } else {
      to = middle;
      highMatch = matched;
    }
  }
  return ~from;
}

/** The first slot whose key is not below `key`. */
function lowerBound(leaf: Leaf, key: Buffer): number {
  const slot = slotOf(leaf, key, 0, key.length, 0, 0);
  return slot >= 0 ? slot : ~slot;
}

function compareKey(leaf: Leaf, slot: number, key: Key): number {
  return compareEntry(leaf.data, leaf.slots[slot]!, key, 0, key.length, 0);
}

function compareEntry(data: Buffer, at: number, key: Bytes, keyAt: number, keyBytes: number, skip: number): number {
  const length = keyLength(data, at);
  const from = at + ENTRY_HEADER_BYTES;
  const shared = Math.min(length, keyBytes);
  let i = skip;
  while (i < shared && data[from + i] === key[keyAt + i]) i++;
  matched = i;
  return i < shared ? data[from + i]! - key[keyAt + i]! : length - keyBytes;
}

function compareText(text: string, key: Bytes, keyAt: number, keyBytes: number, skip: number): number {
  const length = text.length;
  const shared = Math.min(length, keyBytes);
  let i = skip;
  while (i < shared && text.charCodeAt(i) === key[keyAt + i]) i++;
  matched = i;
  return i < shared ? text.charCodeAt(i) - key[keyAt + i]! : length - keyBytes;
}

// Pages.

function keyLength(data: Buffer, at: number): number {
  return data[at]! | (data[at + 1]! << 8);
}

function valueLength(data: Buffer, at: number): number {
  return readUint32(data, at + 2);
}

function readUint32(data: Buffer, at: number): number {
  return (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0;
}

function writeUint32(data: Buffer, at: number, value: number): void {
  data[at] = value;
  data[at + 1] = value >>> 8;
  data[at + 2] = value >>> 16;
  data[at + 3] = value >>> 24;
}

/** Bytes that an entry takes in the heap of its page. */
function entryBytes(keyBytes: number, valueBytes: number): number {
  return ENTRY_HEADER_BYTES + keyBytes + (valueBytes > INLINE_VALUE_BYTES_MAX ? 4 : valueBytes);
}

function usedBytes(leaf: Leaf, slot: number): number {
  const at = leaf.slots[slot]!;
  return entryBytes(keyLength(leaf.data, at), valueLength(leaf.data, at));
}

function keyView(leaf: Leaf, at: number): Bytes {
  const from = at + ENTRY_HEADER_BYTES;
  return leaf.data.subarray(from, from + keyLength(leaf.data, at));
}

function valueView(leaf: Leaf, at: number): Bytes {
  const length = valueLength(leaf.data, at);
  if (length > INLINE_VALUE_BYTES_MAX) return largeValue(leaf, at);
  const from = at + ENTRY_HEADER_BYTES + keyLength(leaf.data, at);
  return leaf.data.subarray(from, from + length);
}

function largeIndex(leaf: Leaf, at: number): number {
  return readUint32(leaf.data, at + ENTRY_HEADER_BYTES + keyLength(leaf.data, at));
}

function largeValue(leaf: Leaf, at: number): Bytes {
  const value = leaf.large?.[largeIndex(leaf, at)];
  assert(value !== undefined && value.length === valueLength(leaf.data, at), 'a large value is where its entry says');
  return value;
}

/** Adds the index of a large value; reuses places of removed ones only when the page is rewritten. */
function addLarge(leaf: Leaf, value: Bytes): number {
  leaf.large ??= [];
  leaf.largeBytes += value.length;
  return leaf.large.push(value) - 1;
}

function insertEntry(
  leaf: Leaf,
  position: number,
  source: Buffer,
  keyAt: number,
  keyBytes: number,
  valueBytes: number,
): void {
  const { data } = leaf;
  const size = entryBytes(keyBytes, valueBytes);
  const at = leaf.heapStart - size;
  assert(at >= (leaf.count + 1) * SLOT_BYTES, 'an entry fits its page');
  leaf.heapStart = at;
  leaf.heapLive += size;
  data[at] = keyBytes;
  data[at + 1] = keyBytes >>> 8;
  writeUint32(data, at + 2, valueBytes);
  if (valueBytes > INLINE_VALUE_BYTES_MAX) {
    copy(source, keyAt, data, at + ENTRY_HEADER_BYTES, keyBytes);
    const valueAt = keyAt + keyBytes;
    const value = copyBytes(source.subarray(valueAt, valueAt + valueBytes));
    writeUint32(data, at + ENTRY_HEADER_BYTES + keyBytes, addLarge(leaf, value));
  } else {
    copy(source, keyAt, data, at + ENTRY_HEADER_BYTES, keyBytes + valueBytes);
  }
  openSlot(leaf, position, at);
}

/** Puts a value in the place of one of the same length, when that is in the page. */
function overwrite(leaf: Leaf, slot: number, source: Buffer, valueAt: number, valueBytes: number): boolean {
  const at = leaf.slots[slot]!;
  if (valueBytes > INLINE_VALUE_BYTES_MAX || valueLength(leaf.data, at) !== valueBytes) return false;
  copy(source, valueAt, leaf.data, at + ENTRY_HEADER_BYTES + keyLength(leaf.data, at), valueBytes);
  return true;
}

function openSlot(leaf: Leaf, position: number, at: number): void {
  const { slots } = leaf;
  for (let i = leaf.count; i > position; i--) slots[i] = slots[i - 1]!;
  slots[position] = at;
  leaf.count++;
}

/** Removes the entries in slots [from, to); their bytes stay behind as holes. */
function removeSlots(leaf: Leaf, from: number, to: number): void {
  for (let slot = from; slot < to; slot++) {
    leaf.heapLive -= usedBytes(leaf, slot);
    const at = leaf.slots[slot]!;
    const length = valueLength(leaf.data, at);
    if (length > INLINE_VALUE_BYTES_MAX) {
      leaf.large![largeIndex(leaf, at)] = undefined;
      leaf.largeBytes -= length;
    }
  }
  leaf.slots.copyWithin(from, to, leaf.count);
  leaf.count -= to - from;
  // An empty heap has no holes.
  if (leaf.count === 0) {
    leaf.heapStart = leaf.data.length;
    leaf.large = undefined;
  }
}

/** Copies the entries in slots [from, to) of `source` behind those of `target`, where they must fit. */
function appendEntries(target: Leaf, source: Leaf, from: number, to: number): void {
  for (let slot = from; slot < to; slot++) {
    const sourceAt = source.slots[slot]!;
    const size = usedBytes(source, slot);
    const at = target.heapStart - size;
    assert(at >= (target.count + 1) * SLOT_BYTES, 'an entry fits its page');
    copy(source.data, sourceAt, target.data, at, size);
    target.heapStart = at;
    target.heapLive += size;
    if (valueLength(source.data, sourceAt) > INLINE_VALUE_BYTES_MAX) {
      const index = addLarge(target, largeValue(source, sourceAt));
      writeUint32(target.data, at + ENTRY_HEADER_BYTES + keyLength(source.data, sourceAt), index);
    }
    target.slots[target.count++] = at;
  }
}

function isSmall(node: Node): boolean {
  return node.kind === 'leaf' ? node.live < PAGE_BYTES >>> 2 : node.children.length < CHILDREN_MAX >>> 2;
}

/** The shortest string greater than all keys of `left` and not greater than any of `right`. */
function separatorBetween(left: Leaf, right: Leaf): string {
  const above = keyView(right, right.slots[0]!);
  const below = keyView(left, left.slots[left.count - 1]!);
  let length = 0;
  while (length < below.length && below[length] === above[length]) length++;
  return latin1(above.subarray(0, length + 1));
}

/** Short copies are faster byte by byte. */
function copy(source: Buffer, from: number, target: Buffer, at: number, length: number): void {
  if (length > 48) source.copy(target, at, from, from + length);
  else for (let i = 0; i < length; i++) target[at + i] = source[from + i]!;
}
