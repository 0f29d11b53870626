/** Half-open ranges of keys: `start` belongs to the range, `end` does not; no `end` means to the last key. */

import type { Bytes } from '../base/bytes.ts';
import { compareBytes, EMPTY_BYTES, keySuccessor, prefixEnd, startsWith } from '../base/bytes.ts';

/** A key of the store: any bytes of length 1 to `KEY_BYTES_MAX`. */
export type Key = Bytes;

export interface KeyRange {
  readonly start: Key;
  /** Exclusive; undefined means no upper bound. */
  readonly end: Key | undefined;
}

export const ALL_KEYS: KeyRange = { start: EMPTY_BYTES, end: undefined };

/** All keys that start with `prefix`. */
export function prefixRange(prefix: Bytes): KeyRange {
  return { start: prefix, end: prefixEnd(prefix) };
}

/** The range that holds `key` alone. */
export function singleKey(key: Key): KeyRange {
  return { start: key, end: keySuccessor(key) };
}

/** Whether a range holds one key alone. */
export function isSingleKey({ start, end }: KeyRange): boolean {
  return end !== undefined && end.length === start.length + 1 && end[start.length] === 0 && startsWith(end, start);
}

export function rangeContains(range: KeyRange, key: Key): boolean {
  return compareBytes(key, range.start) >= 0 && (range.end === undefined || compareBytes(key, range.end) < 0);
}

export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  return (
    (b.end === undefined || compareBytes(a.start, b.end) < 0) &&
    (a.end === undefined || compareBytes(b.start, a.end) < 0)
  );
}

/** Whether every key of `inner` is in `outer`. */
export function rangeIncludes(outer: KeyRange, inner: KeyRange): boolean {
  if (compareBytes(inner.start, outer.start) < 0) return false;
  return outer.end === undefined || (inner.end !== undefined && compareBytes(inner.end, outer.end) <= 0);
}

export function isEmptyRange(range: KeyRange): boolean {
  return range.end !== undefined && compareBytes(range.start, range.end) >= 0;
}
