/** What keys and values may be at all. Whatever is not is refused before anything is looked up or written. */

import { EMPTY_BYTES, prefixEnd } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { Key, KeyRange } from './key-range.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from './store.ts';

const FIRST_KEY = Buffer.from([1]);

/** @throws OperationError `invalid_argument`, `too_large`. */
export function checkKey(key: Key): void {
  if (key.length === 0 || key[0] === 0)
    throw new OperationError('invalid_argument', 'a key is empty or begins with a zero byte');
  if (key.length > KEY_BYTES_MAX) {
    throw new OperationError('too_large', `a key of ${key.length} bytes exceeds the limit of ${KEY_BYTES_MAX}`);
  }
}

/** @throws OperationError `too_large`. */
export function checkValue({ length }: { readonly length: number }): void {
  if (length <= VALUE_BYTES_MAX) return;
  throw new OperationError('too_large', `a value of ${length} bytes exceeds the limit of ${VALUE_BYTES_MAX}`);
}

/** The part of a range in which keys can be: they are neither empty nor too long, nor do they begin with a zero byte. */
export function keysIn(range: KeyRange): KeyRange {
  const { start, end } = range;
  if (start.length === 0 || start[0] === 0) return { start: FIRST_KEY, end };
  if (start.length <= KEY_BYTES_MAX) return range;
  const next = prefixEnd(start.subarray(0, KEY_BYTES_MAX));
  return next === undefined ? { start: FIRST_KEY, end: EMPTY_BYTES } : { start: next, end };
}
