/**
 * Writes in memory, found by key or in key order: the overlay above an engine is a few of these, and so is the write set
 * of an open transaction.
 *
 * Operations lie in an arena in the order they were written, in the layout of `operations.ts`; the arena of a store's
 * memtable is at the same time the image of its log, so a commit copies its bytes once. An open-addressing table finds a
 * key's first entry, its *root*, which knows the newest entry, the *head*; each entry links to the one before it. So
 * all versions of a key are one chain, newest first. An order over the roots is built only when a scan asks for it and
 * is brought up to date by merging what came since: point writes, the common load, never pay for ordering.
 *
 *   entries, five int32 each:  offset in arena | previous entry or -1 | sequence | key hash | head (roots only)
 *
 * A range deletion is one record; it hides the entries written before it, in this memtable (its `mark`) and in older ones.
 *
 * `sequence` is a small integer that grows with time: the commit version less the memtable's base version, or, in a
 * transaction, always 0.
 */

import { asBuffer, type Bytes, compareParts } from '../base/bytes.ts';
import { fixHashSecret, hashKey } from './key-hash.ts';
import { type KeyedEntries, sortByKey } from './key-order.ts';
import type { KeyRange } from './key-range.ts';
import {
  DELETE,
  DELETE_FROM,
  DELETE_RANGE,
  OPERATION_HEADER_BYTES,
  operationEnd,
  operationKey,
  operationKeyLength,
  operationKind,
  operationRange,
} from './operations.ts';
import { type RangeDeletion, RangeDeletions } from './range-deletions.ts';

const STRIDE = 5;
const OFFSET = 0;
const PREVIOUS = 1;
const SEQUENCE = 2;
const HASH = 3;
const HEAD = 4;

const NONE = -1;

/** A private arena that grows to this size is shared memory from then on. */
const SHARED_ARENA_BYTES_MIN = 4 * 1024 * 1024;
/** Of what is needed: a shared arena is so much larger. */
const SPARE_SHARE = 1.25;

/** A key is looked at so often, about what sorting it costs, before it is sorted. */
const LOOKS_MAX = 16;
const LOOKS_FREE = 1_024;

export class Memtable {
  arena: Buffer;
  /** Bytes of the arena in use. */
  used = 0;
  /** Keys with at least one entry. */
  keyCount = 0;
  entryCount = 0;
  readonly ranges = new RangeDeletions();

  #entries: Int32Array;
  /** Root entry + 1 by hash, 0 when free; length is a power of two. */
  #table: Int32Array;
  /** Roots in order of arrival. */
  #roots: Int32Array;
  /** The first `#sortedCount` of `#roots`, by key. */
  #sorted: Int32Array = new Int32Array(0);
  #sortedCount = 0;
  /** Keys outside of the order that `prepareRange` has looked at since it was last brought up to date. */
  #looked = 0;
  /** The least and the greatest key outside of the order, of the first `#boundedCount` roots. */
  #boundedCount = 0;
  #least = NONE;
  #greatest = NONE;

  constructor(arena: Bytes, keysExpected: number) {
    fixHashSecret();
    this.arena = asBuffer(arena);
    const capacity = Math.max(8, keysExpected);
    this.#entries = new Int32Array(capacity * STRIDE);
    this.#roots = new Int32Array(capacity);
    this.#table = new Int32Array(tableSize(capacity));
  }

  get isEmpty(): boolean {
    return this.entryCount === 0 && this.ranges.count === 0;
  }

  /** Memory of the arena and the indexes, in bytes. */
  get memoryBytes(): number {
    return (
      this.arena.length + (this.#entries.length + this.#table.length + this.#roots.length + this.#sorted.length) * 4
    );
  }

  /** Makes it as new, over the same memory. */
  reset(): void {
    this.used = 0;
    this.keyCount = 0;
    this.entryCount = 0;
    this.ranges.truncate(0);
    this.#table.fill(0);
    this.#sortedCount = 0;
    this.#looked = 0;
    this.#boundedCount = 0;
  }

  /** Indexes the operation that lies at `offset`. @returns the offset behind it. */
  add(offset: number, sequence: number): number {
    const kind = operationKind(this.arena, offset);
    if (kind === DELETE_RANGE || kind === DELETE_FROM) {
      this.ranges.add(copyRange(operationRange(this.arena, offset)), sequence, this.entryCount);
      return operationEnd(this.arena, offset);
    }
    const keyStart = offset + OPERATION_HEADER_BYTES;
    const hash = hashKey(this.arena, keyStart, keyStart + operationKeyLength(this.arena, offset));
    this.#insert(offset, sequence, hash);
    return operationEnd(this.arena, offset);
  }

  /** As `add`, of a put or delete whose key has that hash. */
  addHashed(offset: number, sequence: number, hash: number): number {
    this.#insert(offset, sequence, hash);
    return operationEnd(this.arena, offset);
  }

  #insert(offset: number, sequence: number, hash: number): void {
    if ((this.entryCount + 1) * STRIDE > this.#entries.length) this.#growEntries();
    const entry = this.entryCount++;
    const entries = this.#entries;
    const at = entry * STRIDE;
    entries[at + OFFSET] = offset;
    entries[at + SEQUENCE] = sequence;
    entries[at + HASH] = hash;
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    for (;;) {
      const root = this.#table[slot]! - 1;
      if (root === NONE) break;
      if (
        entries[root * STRIDE + HASH] === hash &&
        sameKey(this.arena, entries[root * STRIDE + OFFSET]!, this.arena, offset)
      ) {
        entries[at + PREVIOUS] = entries[root * STRIDE + HEAD]!;
        entries[root * STRIDE + HEAD] = entry;
        return;
      }
      slot = (slot + 1) & mask;
    }
    entries[at + PREVIOUS] = NONE;
    entries[at + HEAD] = entry;
    this.#table[slot] = entry + 1;
    this.#roots[this.keyCount++] = entry;
    if (this.keyCount * 2 > this.#table.length) this.#growTable();
  }

  /** The root of `key`, or -1. */
  find(key: Bytes, hash: number): number {
    const entries = this.#entries;
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const root = this.#table[slot]! - 1;
      if (root === NONE) return NONE;
      if (entries[root * STRIDE + HASH] === hash && this.#keyEquals(entries[root * STRIDE + OFFSET]!, key)) return root;
    }
  }

  /** As `find`, of the key of the operation at `offset` of other bytes. */
  findOperation(bytes: Bytes, offset: number, hash: number): number {
    const entries = this.#entries;
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const root = this.#table[slot]! - 1;
      if (root === NONE) return NONE;
      if (entries[root * STRIDE + HASH] !== hash) continue;
      if (this.#keyEquals(entries[root * STRIDE + OFFSET]!, operationKey(bytes, offset))) return root;
    }
  }

  /** Whether it has an entry of the key of an entry of another one. */
  hasKeyOf(other: Memtable, entry: number): boolean {
    const hash = other.hashOf(entry);
    const offset = other.offsetOf(entry);
    const entries = this.#entries;
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const root = this.#table[slot]! - 1;
      if (root === NONE) return false;
      if (entries[root * STRIDE + HASH] !== hash) continue;
      if (sameKey(this.arena, entries[root * STRIDE + OFFSET]!, other.arena, offset)) return true;
    }
  }

  /** A key of `range` that has an entry. */
  keyIn(range: KeyRange): Bytes | undefined {
    const count = this.prepareRange(range);
    const position = this.lowerBound(range.start, count);
    if (position >= count) return undefined;
    const root = this.#sorted[position]!;
    return range.end !== undefined && this.compareKey(root, range.end) >= 0 ? undefined : this.keyOf(root);
  }

  /** The newest entry of a root. */
  head(root: number): number {
    return this.#entries[root * STRIDE + HEAD]!;
  }

  /** The newest entry of a root with a sequence of at most `sequence`, or -1. */
  entryAt(root: number, sequence: number): number {
    let entry = this.#entries[root * STRIDE + HEAD]!;
    while (entry !== NONE && this.#entries[entry * STRIDE + SEQUENCE]! > sequence) {
      entry = this.#entries[entry * STRIDE + PREVIOUS]!;
    }
    return entry;
  }

  offsetOf(entry: number): number {
    return this.#entries[entry * STRIDE + OFFSET]!;
  }

  sequenceOf(entry: number): number {
    return this.#entries[entry * STRIDE + SEQUENCE]!;
  }

  hashOf(entry: number): number {
    return this.#entries[entry * STRIDE + HASH]!;
  }

  isDeletion(entry: number): boolean {
    return operationKind(this.arena, this.offsetOf(entry)) === DELETE;
  }

  /** A view of the key. */
  keyOf(entry: number): Bytes {
    return operationKey(this.arena, this.offsetOf(entry));
  }

  /** The newest range deletion that covers `key` with a sequence of at most `sequence`. */
  rangeCovering(key: Bytes, sequence: number): RangeDeletion | undefined {
    return this.ranges.covering(key, 0, key.length, sequence);
  }

  /** Whether a range deletion that came later, with a sequence of at most `sequence`, hides an entry. */
  isHidden(entry: number, sequence = Number.MAX_SAFE_INTEGER): boolean {
    const covering = this.rangeCoveringEntry(this, entry, sequence);
    return covering !== undefined && covering.mark > entry;
  }

  /** As `rangeCovering`, of the key of an entry of any memtable. */
  rangeCoveringEntry(memtable: Memtable, entry: number, sequence: number): RangeDeletion | undefined {
    if (this.ranges.count === 0) return undefined;
    const offset = memtable.offsetOf(entry);
    const start = offset + OPERATION_HEADER_BYTES;
    return this.ranges.covering(memtable.arena, start, start + operationKeyLength(memtable.arena, offset), sequence);
  }

  /** Whether any key of `range` has an entry or range deletion with a sequence greater than `sequence`. */
  changedInRange(range: KeyRange, sequence: number): boolean {
    if (this.ranges.touching(range, sequence, Number.MAX_SAFE_INTEGER).length > 0) return true;
    const count = this.prepareRange(range);
    for (let position = this.lowerBound(range.start, count); position < count; position++) {
      const root = this.#sorted[position]!;
      if (range.end !== undefined && this.compareKey(root, range.end) >= 0) return false;
      if (this.sequenceOf(this.head(root)) > sequence) return true;
    }
    return false;
  }

  /** Roots by arrival: the i-th. */
  rootAt(index: number): number {
    return this.#roots[index]!;
  }

  /** Roots by key: the one at `position` of 0 to `keyCount - 1`. Call `prepareScan` first. */
  sortedRoot(position: number): number {
    return this.#sorted[position]!;
  }

  /** Brings the key order up to date. */
  prepareScan(): void {
    this.#sort();
  }

  /**
   * Brings the key order up to date as far as `range` goes: keys that came since and are not in it may stay outside of the
   * order, and mostly do, because sorting costs far more than looking at them. @returns the positions in use, to be
   * looked at before anything is added.
   */
  prepareRange(range: KeyRange): number {
    const fresh = this.keyCount - this.#sortedCount;
    if (fresh === 0 || !this.#mayHaveFresh(range)) return this.#sortedCount;
    this.#looked += fresh;
    // Looking again and again would cost more than sorting once.
    if (this.#looked > fresh * LOOKS_MAX + LOOKS_FREE || this.#hasFresh(range)) this.#sort();
    return this.#sortedCount;
  }

  /** Whether `range` touches the span of the keys that are not in the order: of each of them, found once. */
  #mayHaveFresh({ start, end }: KeyRange): boolean {
    if (this.#boundedCount <= this.#sortedCount || this.#boundedCount > this.keyCount) {
      this.#boundedCount = this.#sortedCount;
      this.#least = this.#roots[this.#sortedCount]!;
      this.#greatest = this.#least;
    }
    for (; this.#boundedCount < this.keyCount; this.#boundedCount++) {
      const root = this.#roots[this.#boundedCount]!;
      if (this.#compareEntries(root, this.#greatest) > 0) this.#greatest = root;
      else if (this.#compareEntries(root, this.#least) < 0) this.#least = root;
    }
    return this.compareKey(this.#greatest, start) >= 0 && (end === undefined || this.compareKey(this.#least, end) < 0);
  }

  /** Whether a key that is not in the order is in `range`. */
  #hasFresh({ start, end }: KeyRange): boolean {
    let shared = 0;
    if (end !== undefined) while (shared < start.length && start[shared] === end[shared]) shared++;
    for (let i = this.#sortedCount; i < this.keyCount; i++) {
      const root = this.#roots[i]!;
      const offset = this.offsetOf(root);
      const keyAt = offset + OPERATION_HEADER_BYTES;
      let same = 0;
      while (same < shared && this.arena[keyAt + same] === start[same]) same++;
      // What lies behind a shorter key may look like its continuation: the full comparison decides.
      if (same < shared && same < operationKeyLength(this.arena, offset)) continue;
      if (this.compareKey(root, start) >= 0 && (end === undefined || this.compareKey(root, end) < 0)) return true;
    }
    return false;
  }

  /** Position, of `from` up to `count` in order, of the first key that is not less than `key`. Default: of all. */
  lowerBound(key: Bytes, count?: number, from = 0): number {
    if (count === undefined) this.#sort();
    let low = from;
    let high = count ?? this.keyCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compareKey(this.#sorted[middle]!, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Order of an entry's key and `key`. */
  compareKey(entry: number, key: Bytes): number {
    const { arena } = this;
    const offset = this.offsetOf(entry);
    const start = offset + OPERATION_HEADER_BYTES;
    return compareParts(arena, start, start + operationKeyLength(arena, offset), key, 0, key.length);
  }

  /** Order of the keys of an entry and of one of another memtable. */
  compareEntries(entry: number, other: Memtable, otherEntry: number): number {
    const offset = this.offsetOf(entry);
    const start = offset + OPERATION_HEADER_BYTES;
    const otherOffset = other.offsetOf(otherEntry);
    const otherStart = otherOffset + OPERATION_HEADER_BYTES;
    return compareParts(
      this.arena,
      start,
      start + operationKeyLength(this.arena, offset),
      other.arena,
      otherStart,
      otherStart + operationKeyLength(other.arena, otherOffset),
    );
  }

  /** A mark to which `truncate` can return. */
  mark(): MemtableMark {
    return { used: this.used, entryCount: this.entryCount, keyCount: this.keyCount, rangeCount: this.ranges.count };
  }

  /** Forgets everything written since `mark`. */
  truncate(mark: MemtableMark): void {
    for (let entry = this.entryCount - 1; entry >= mark.entryCount; entry--) {
      const previous = this.#entries[entry * STRIDE + PREVIOUS]!;
      if (previous === NONE) continue;
      const root = this.find(this.keyOf(entry), this.hashOf(entry));
      this.#entries[root * STRIDE + HEAD] = previous;
    }
    this.used = mark.used;
    this.entryCount = mark.entryCount;
    this.ranges.truncate(mark.rangeCount);
    this.#keepRoots(mark.keyCount);
  }

  /** Makes what is younger than `sequence` as old as that. */
  flatten(sequence: number): void {
    for (let entry = this.entryCount - 1; entry >= 0 && this.sequenceOf(entry) > sequence; entry--) {
      this.#entries[entry * STRIDE + SEQUENCE] = sequence;
    }
    this.ranges.flatten(sequence);
  }

  /** Forgets every version with a sequence greater than `sequence`: what a failed sync took back. */
  dropAfter(sequence: number): void {
    let entryCount = this.entryCount;
    while (entryCount > 0 && this.sequenceOf(entryCount - 1) > sequence) entryCount--;
    let keyCount = this.keyCount;
    while (keyCount > 0 && this.#roots[keyCount - 1]! >= entryCount) keyCount--;
    this.truncate({ used: this.used, entryCount, keyCount, rangeCount: this.ranges.countThrough(sequence) });
  }

  #keepRoots(keyCount: number): void {
    if (keyCount === this.keyCount) return;
    this.keyCount = keyCount;
    this.#sortedCount = 0;
    this.#boundedCount = 0;
    this.#rebuildTable(this.#table.length);
  }

  /** Moves what is in use to memory of its own, no larger than needed. @returns the arena it gave up. */
  shrink(): Buffer {
    const { arena } = this;
    this.arena = Buffer.allocUnsafeSlow(this.used);
    arena.copy(this.arena, 0, 0, this.used);
    return arena;
  }

  /**
   * Makes room for `bytes` more in a private arena by copying it to a larger one. Once it is large that is shared memory,
   * for an engine to take over, and at once much more than is needed: pages that nobody touched cost nothing, while what
   * was copied from waits for a collection that shared memory does not hasten.
   * @param newShared Makes shared memory of at least the first number of bytes, and rather of the second.
   */
  reserve(bytes: number, newShared: (bytesNeeded: number, bytesWanted: number) => Buffer): void {
    const needed = this.used + bytes;
    if (needed <= this.arena.length) return;
    const doubled = Math.max(needed, this.arena.length * 2);
    // What is not written to takes no memory, and a small write behind a long value must not copy it once more.
    const wanted = Math.max(Math.ceil(needed * SPARE_SHARE), this.arena.length * 16);
    const grown = doubled < SHARED_ARENA_BYTES_MIN ? Buffer.allocUnsafeSlow(doubled) : newShared(needed, wanted);
    this.arena.copy(grown, 0, 0, this.used);
    this.arena = grown;
  }

  #sort(): void {
    this.#looked = 0;
    const fresh = this.keyCount - this.#sortedCount;
    if (fresh === 0) return;
    if (this.#sorted.length < this.keyCount) {
      const grown = new Int32Array(Math.max(this.keyCount, this.#sorted.length * 2, 64));
      grown.set(this.#sorted.subarray(0, this.#sortedCount));
      this.#sorted = grown;
    }
    const added = this.#roots.slice(this.#sortedCount, this.keyCount);
    if (!this.#isAscending(added)) sortByKey(added, this.#keyed());
    // Merge from the back, in place: runs of old keys between two new ones move as one block.
    let oldEnd = this.#sortedCount;
    let to = this.keyCount;
    for (let i = added.length - 1; i >= 0; i--) {
      const root = added[i]!;
      if (oldEnd === 0 || this.#compareEntries(this.#sorted[oldEnd - 1]!, root) < 0) {
        // Behind every old key that is left: nothing moves.
        this.#sorted[--to] = root;
        continue;
      }
      let low = 0;
      let high = oldEnd;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#compareEntries(this.#sorted[middle]!, root) < 0) low = middle + 1;
        else high = middle;
      }
      const moved = oldEnd - low;
      this.#sorted.copyWithin(to - moved, low, oldEnd);
      to -= moved + 1;
      this.#sorted[to] = root;
      oldEnd = low;
    }
    this.#sortedCount = this.keyCount;
  }

  /** Keys often arrive in order: telling costs less than sorting. */
  #isAscending(roots: Int32Array): boolean {
    for (let i = 1; i < roots.length; i++) if (this.#compareEntries(roots[i - 1]!, roots[i]!) > 0) return false;
    return true;
  }

  #keyed(): KeyedEntries {
    const { arena } = this;
    return {
      bytes: arena,
      keyStart: (entry) => this.offsetOf(entry) + OPERATION_HEADER_BYTES,
      keyLength: (entry) => operationKeyLength(arena, this.offsetOf(entry)),
      compare: (a, b) => this.#compareEntries(a, b),
    };
  }

  #compareEntries(a: number, b: number): number {
    return this.compareEntries(a, this, b);
  }

  #keyEquals(offset: number, key: Bytes): boolean {
    const arena = this.arena;
    const length = operationKeyLength(arena, offset);
    if (length !== key.length) return false;
    const start = offset + OPERATION_HEADER_BYTES;
    for (let i = 0; i < length; i++) if (arena[start + i] !== key[i]) return false;
    return true;
  }

  #growEntries(): void {
    const entries = new Int32Array(this.#entries.length * 2);
    entries.set(this.#entries);
    this.#entries = entries;
    const roots = new Int32Array(this.#roots.length * 2);
    roots.set(this.#roots);
    this.#roots = roots;
  }

  #growTable(): void {
    this.#rebuildTable(this.#table.length * 2);
  }

  #rebuildTable(size: number): void {
    if (size === this.#table.length) this.#table.fill(0);
    else this.#table = new Int32Array(size);
    const mask = size - 1;
    for (let i = 0; i < this.keyCount; i++) {
      const root = this.#roots[i]!;
      let slot = this.#entries[root * STRIDE + HASH]! & mask;
      while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
      this.#table[slot] = root + 1;
    }
  }
}

export interface MemtableMark {
  readonly used: number;
  readonly entryCount: number;
  readonly keyCount: number;
  readonly rangeCount: number;
}

/** Whether the operations at these offsets of these arenas are of the same key. */
function sameKey(arenaA: Buffer, offsetA: number, arenaB: Buffer, offsetB: number): boolean {
  const length = operationKeyLength(arenaA, offsetA);
  if (length !== operationKeyLength(arenaB, offsetB)) return false;
  const a = offsetA + OPERATION_HEADER_BYTES;
  const b = offsetB + OPERATION_HEADER_BYTES;
  for (let i = 0; i < length; i++) if (arenaA[a + i] !== arenaB[b + i]) return false;
  return true;
}

/** Twice the keys, rounded up to a power of two. */
function tableSize(keys: number): number {
  let size = 16;
  while (size < keys * 2) size *= 2;
  return size;
}

function copyRange(range: KeyRange): KeyRange {
  return { start: Buffer.from(range.start), end: range.end === undefined ? undefined : Buffer.from(range.end) };
}
