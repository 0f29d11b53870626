/**
 * The nodes of the B+tree of `btree.ts`. A leaf is one buffer, its page, so that a hundred-byte entry costs some fifty bytes
 * more, and the collector sees one object instead of a hundred:
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
 * small buffers.
 */

import { assert } from '../../base/assert.ts';
import { type Bytes, copyBytes, latin1 } from '../../base/bytes.ts';

export const PAGE_BYTES = 4_096;
/** Longer values are kept beside the page. */
export const INLINE_VALUE_BYTES_MAX = 1_024;
export const CHILDREN_MAX = 64;
export const ENTRY_HEADER_BYTES = 6;
export const SLOT_BYTES = 4;
/** Rough cost of a node's objects, for the accounting. */
const LEAF_OVERHEAD_BYTES = 400;
export const INNER_OVERHEAD_BYTES = 200;
export const CHILD_BYTES = 48;

export type Node = Leaf | Inner;

export class Leaf {
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

export class Inner {
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

export function keyLength(data: Buffer, at: number): number {
  return data[at]! | (data[at + 1]! << 8);
}

export function valueLength(data: Buffer, at: number): number {
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
export function entryBytes(keyBytes: number, valueBytes: number): number {
  return ENTRY_HEADER_BYTES + keyBytes + (valueBytes > INLINE_VALUE_BYTES_MAX ? 4 : valueBytes);
}

export function usedBytes(leaf: Leaf, slot: number): number {
  const at = leaf.slots[slot]!;
  return entryBytes(keyLength(leaf.data, at), valueLength(leaf.data, at));
}

export function keyView(leaf: Leaf, at: number): Bytes {
  const from = at + ENTRY_HEADER_BYTES;
  return leaf.data.subarray(from, from + keyLength(leaf.data, at));
}

export function valueView(leaf: Leaf, at: number): Bytes {
  const length = valueLength(leaf.data, at);
  if (length > INLINE_VALUE_BYTES_MAX) return largeValue(leaf, at);
  const from = at + ENTRY_HEADER_BYTES + keyLength(leaf.data, at);
  return leaf.data.subarray(from, from + length);
}

function largeIndex(leaf: Leaf, at: number): number {
  return readUint32(leaf.data, at + ENTRY_HEADER_BYTES + keyLength(leaf.data, at));
}

export function largeValue(leaf: Leaf, at: number): Bytes {
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

export function insertEntry(
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
export function overwrite(leaf: Leaf, slot: number, source: Buffer, valueAt: number, valueBytes: number): boolean {
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
export function removeSlots(leaf: Leaf, from: number, to: number): void {
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
export function appendEntries(target: Leaf, source: Leaf, from: number, to: number): void {
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

export function isSmall(node: Node): boolean {
  return node.kind === 'leaf' ? node.live < PAGE_BYTES >>> 2 : node.children.length < CHILDREN_MAX >>> 2;
}

/** The shortest string greater than all keys of `left` and not greater than any of `right`. */
export function separatorBetween(left: Leaf, right: Leaf): string {
  const above = keyView(right, right.slots[0]!);
  const below = keyView(left, left.slots[left.count - 1]!);
  let length = 0;
  while (length < below.length && below[length] === above[length]) length++;
  return latin1(above.subarray(0, length + 1));
}

/** Short copies are faster byte by byte. */
export function copy(source: Buffer, from: number, target: Buffer, at: number, length: number): void {
  if (length > 48) source.copy(target, at, from, from + length);
  else for (let i = 0; i < length; i++) target[at + i] = source[from + i]!;
}
