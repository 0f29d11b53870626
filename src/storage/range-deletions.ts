/**
 * The ranges that were deleted in a memtable, in order of arrival and by key. A read asks for what touches its own range, and
 * pays nothing for the rest, however many tables were dropped meanwhile.
 *
 * The order by key is a treap over the distinct ranges (Seidel and Aragon, 1996) that knows of every subtree how far it
 * reaches, an interval tree. It is brought up to date when somebody asks: who deletes a range pays for a list only. Deletions
 * of one range, such as a table that is emptied again and again, are one place of the order and one chain, newest first.
 */

import { assert } from '../base/assert.ts';
import { type Bytes, compareBytes, compareSlice, EMPTY_BYTES } from '../base/bytes.ts';
import { objectList } from '../base/object-list.ts';
import type { KeyRange } from './key-range.ts';

export interface RangeDeletion {
  readonly range: KeyRange;
  readonly sequence: number;
  /** Entries with a smaller index were written before it. */
  readonly mark: number;
}

/** One that the order by key knows. */
interface Chained extends RangeDeletion {
  sequence: number;
  /** The one before it of the same range. */
  previous: Chained | undefined;
}

/** A distinct range in the order. */
interface Place {
  newest: Chained;
  /** Greater than those below it. */
  readonly weight: number;
  /** The greatest end of it and those below it, undefined for the end of all keys. */
  reach: Bytes | undefined;
  /** Ranges that begin earlier, or as early and end earlier. */
  left: Place | undefined;
  right: Place | undefined;
}

const NONE: readonly RangeDeletion[] = [];

export class RangeDeletions {
  /** In order of arrival, in which neither sequences nor marks go back. */
  readonly #all = objectList<Chained>();
  /** The order by key, of the first `#placed`. */
  #root: Place | undefined;
  #placed = 0;
  /** Where the first of them begins. */
  #start: Bytes = EMPTY_BYTES;

  get count(): number {
    return this.#all.length;
  }

  /** In order of arrival. */
  get all(): readonly RangeDeletion[] {
    return this.#all;
  }

  /** Keeps `range`. */
  add(range: KeyRange, sequence: number, mark: number): void {
    assert(range.end === undefined || compareBytes(range.start, range.end) <= 0, 'range ends before it starts');
    this.#all.push({ range, sequence, mark, previous: undefined });
  }

  /** The newest that covers the key `bytes[start, end)`, of those with a sequence of at most `through`. */
  covering(bytes: Bytes, start: number, end: number, through: number): RangeDeletion | undefined {
    if (this.#all.length === 0) return undefined;
    this.#order();
    if (compareSlice(bytes, start, end, this.#start) < 0) return undefined;
    return newestCovering(this.#root, bytes, start, end, through, undefined);
  }

  /** The newest of each distinct range that touches `range`, of those with a sequence in (`after`, `through`], by key. */
  touching(range: KeyRange, after: number, through: number): readonly RangeDeletion[] {
    if (this.#all.length === 0) return NONE;
    this.#order();
    if (range.end !== undefined && compareBytes(range.end, this.#start) <= 0) return NONE;
    return addTouching(this.#root, range, after, through, undefined) ?? NONE;
  }

  /** How many have a sequence of at most `sequence`. */
  countThrough(sequence: number): number {
    let count = this.#all.length;
    while (count > 0 && this.#all[count - 1]!.sequence > sequence) count--;
    return count;
  }

  /** Forgets all but the first `count`. */
  truncate(count: number): void {
    this.#all.length = count;
    if (count >= this.#placed) return;
    this.#root = undefined;
    this.#placed = 0;
  }

  /** Makes what is younger than `sequence` as old as that. */
  flatten(sequence: number): void {
    for (let i = this.#all.length - 1; i >= 0 && this.#all[i]!.sequence > sequence; i--) {
      this.#all[i]!.sequence = sequence;
    }
  }

  #order(): void {
    for (; this.#placed < this.#all.length; this.#placed++) {
      const deletion = this.#all[this.#placed]!;
      deletion.previous = undefined;
      const { start } = deletion.range;
      if (this.#root === undefined || compareBytes(start, this.#start) < 0) this.#start = start;
      this.#root = withDeletion(this.#root, deletion, scattered(this.#placed));
    }
  }
}

/** Weights that follow no order, the same in every run. (The finalizer of MurmurHash3.) */
function scattered(i: number): number {
  let mixed = Math.imul(i ^ (i >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** @returns the place that stands where `place` stood. */
function withDeletion(place: Place | undefined, deletion: Chained, weight: number): Place {
  if (place === undefined) {
    return { newest: deletion, weight, reach: deletion.range.end, left: undefined, right: undefined };
  }
  const order = compareRanges(deletion.range, place.newest.range);
  if (order === 0) {
    deletion.previous = place.newest;
    place.newest = deletion;
    return place;
  }
  if (order < 0) {
    const left = withDeletion(place.left, deletion, weight);
    place.left = left;
    if (left.weight <= place.weight) return settled(place);
    place.left = left.right;
    left.right = settled(place);
    return settled(left);
  }
  const right = withDeletion(place.right, deletion, weight);
  place.right = right;
  if (right.weight <= place.weight) return settled(place);
  place.right = right.left;
  right.left = settled(place);
  return settled(right);
}

/** `place`, with its reach as those below it now make it. */
function settled(place: Place): Place {
  let reach = place.newest.range.end;
  if (place.left !== undefined) reach = laterEnd(reach, place.left.reach);
  if (place.right !== undefined) reach = laterEnd(reach, place.right.reach);
  place.reach = reach;
  return place;
}

function newestCovering(
  place: Place | undefined,
  bytes: Bytes,
  start: number,
  end: number,
  through: number,
  found: RangeDeletion | undefined,
): RangeDeletion | undefined {
  if (place === undefined || (place.reach !== undefined && compareSlice(bytes, start, end, place.reach) >= 0)) {
    return found;
  }
  let newest = newestCovering(place.left, bytes, start, end, through, found);
  const { range } = place.newest;
  if (compareSlice(bytes, start, end, range.start) < 0) return newest;
  if (range.end === undefined || compareSlice(bytes, start, end, range.end) < 0) {
    const deletion = newestThrough(place, through);
    if (deletion !== undefined && (newest === undefined || isNewer(deletion, newest))) newest = deletion;
  }
  return newestCovering(place.right, bytes, start, end, through, newest);
}

function addTouching(
  place: Place | undefined,
  range: KeyRange,
  after: number,
  through: number,
  found: RangeDeletion[] | undefined,
): RangeDeletion[] | undefined {
  if (place === undefined || (place.reach !== undefined && compareBytes(place.reach, range.start) <= 0)) return found;
  let touching = addTouching(place.left, range, after, through, found);
  const { start, end } = place.newest.range;
  if (range.end !== undefined && compareBytes(start, range.end) >= 0) return touching;
  if (end === undefined || compareBytes(range.start, end) < 0) {
    const deletion = newestThrough(place, through);
    if (deletion !== undefined && deletion.sequence > after) {
      if (touching === undefined) touching = [deletion];
      else touching.push(deletion);
    }
  }
  return addTouching(place.right, range, after, through, touching);
}

function newestThrough(place: Place, through: number): RangeDeletion | undefined {
  let deletion: Chained | undefined = place.newest;
  while (deletion !== undefined && deletion.sequence > through) deletion = deletion.previous;
  return deletion;
}

function isNewer(a: RangeDeletion, b: RangeDeletion): boolean {
  return a.sequence === b.sequence ? a.mark > b.mark : a.sequence > b.sequence;
}

function compareRanges(a: KeyRange, b: KeyRange): number {
  const order = compareBytes(a.start, b.start);
  if (order !== 0 || a.end === b.end) return order;
  if (a.end === undefined) return 1;
  return b.end === undefined ? -1 : compareBytes(a.end, b.end);
}

function laterEnd(a: Bytes | undefined, b: Bytes | undefined): Bytes | undefined {
  if (a === undefined || b === undefined) return undefined;
  return compareBytes(a, b) >= 0 ? a : b;
}
