/**
 * Search within the nodes of the B+tree: it remembers how many bytes of the key already match on both sides, and compares from
 * there.
 */

import type { Bytes } from '../../base/bytes.ts';
import type { Key } from '../../storage/key-range.ts';
import { ENTRY_HEADER_BYTES, type Inner, keyLength, type Leaf } from './btree-nodes.ts';

// The two counts below are results of `childIndex`, returned this way because it runs once per level of every
// operation: bytes of the key known to match all keys' lower, and upper, bound.
export let matchedLow = 0;
export let matchedHigh = 0;
/** Bytes found equal by the last comparison. */
let matched = 0;

/** The child whose keys may include the key. `low` and `high` are what the parent's search left in `matched…`. */
export function childIndex(
  inner: Inner,
  key: Bytes,
  keyAt: number,
  keyBytes: number,
  low: number,
  high: number,
): number {
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
export function slotOf(leaf: Leaf, key: Bytes, keyAt: number, keyBytes: number, low: number, high: number): number {
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
export function lowerBound(leaf: Leaf, key: Buffer): number {
  const slot = slotOf(leaf, key, 0, key.length, 0, 0);
  return slot >= 0 ? slot : ~slot;
}

export function compareKey(leaf: Leaf, slot: number, key: Key): number {
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
