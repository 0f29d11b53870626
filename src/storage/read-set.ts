/**
 * What a serializable transaction has read: keys one by one, and spans. A scan notes what it has passed, gaps included, so that
 * there are no phantoms.
 */

import { type Bytes, compareBytes, copyBytes, equalBytes, keySuccessor } from '../base/bytes.ts';
import { hashKey } from './key-hash.ts';
import type { Key, KeyRange } from './key-range.ts';
import type { Overlay } from './overlay.ts';
import type { Version } from './store.ts';

/** Keys are kept one by one up to here, then as one span. */
const KEYS_MAX = 16_384;

export class ReadSet {
  #keys: { readonly key: Key; readonly hash: number }[] = [];
  readonly #spans: KeyRange[] = [];

  /** Keeps a copy. */
  addKey(key: Key): void {
    this.#keys.push({ key: copyBytes(key), hash: hashKey(key) });
    if (this.#keys.length >= KEYS_MAX) this.#joinKeys();
  }

  /** Keeps a copy. */
  addSpan({ start, end }: KeyRange): void {
    const spans = this.#spans;
    // The batches of one scan lie side by side: they are one span.
    const last = spans.at(-1);
    if (last?.end !== undefined && equalBytes(last.end, start))
      spans[spans.length - 1] = { start: last.start, end: end && copyBytes(end) };
    else if (last !== undefined && end !== undefined && equalBytes(end, last.start))
      spans[spans.length - 1] = { start: copyBytes(start), end: last.end };
    else spans.push({ start: copyBytes(start), end: end && copyBytes(end) });
  }

  /** A key that was read and has changed since, or where a span begins in which one has. */
  changedSince(overlay: Overlay, version: Version): Key | undefined {
    for (const { key, hash } of this.#keys) if (overlay.changedSince(key, hash, version)) return key;
    return this.#spans.find((span) => overlay.rangeChangedSince(span, version))?.start;
  }

  #joinKeys(): void {
    let low: Bytes = this.#keys[0]!.key;
    let high = low;
    for (const { key } of this.#keys) {
      if (compareBytes(key, low) < 0) low = key;
      if (compareBytes(key, high) > 0) high = key;
    }
    this.#spans.push({ start: low, end: keySuccessor(high) });
    this.#keys = [];
  }
}
