/** A scan on TiKV: what the snapshot holds, without deleted ranges, with own writes on top. */

import { keySuccessor } from '../../base/bytes.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import { type Cursor, type Entry, SCAN_BATCH_ENTRIES_MAX, type ScanOptions } from '../../storage/store.ts';
import { translated } from './errors.ts';
import { mergeWrites, type WriteSet } from './write-set.ts';

export type StoredScan = (
  range: KeyRange,
  options: { readonly reverse: boolean; readonly keysOnly: boolean },
) => AsyncIterable<readonly Entry[]>;

export class TikvCursor implements Cursor {
  readonly #check: () => void;
  readonly #batches: AsyncGenerator<readonly Entry[]>;
  #left: number;
  /** Merged, but not handed out yet. */
  #rest: readonly Entry[] = [];
  #closed = false;

  /** `check` throws when the transaction has ended. */
  constructor(check: () => void, stored: StoredScan, writes: WriteSet, range: KeyRange, options: ScanOptions) {
    this.#check = check;
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
    this.#batches = merged(stored, writes, range, options.reverse ?? false, options.keysOnly ?? false);
  }

  async next(): Promise<readonly Entry[] | undefined> {
    if (this.#closed || this.#left <= 0) return undefined;
    this.#check();
    try {
      while (this.#rest.length === 0) {
        const { value, done } = await this.#batches.next();
        if (done === true) {
          this.#closed = true;
          return undefined;
        }
        this.#rest = value;
      }
    } catch (error) {
      this.#closed = true;
      throw translated(error);
    }
    const count = Math.min(this.#left, SCAN_BATCH_ENTRIES_MAX, this.#rest.length);
    const batch = this.#rest.slice(0, count);
    this.#rest = this.#rest.slice(count);
    this.#left -= count;
    if (this.#left <= 0) this.close();
    return batch;
  }

  close(): void {
    this.#closed = true;
    void this.#batches.return(undefined).catch(() => {});
  }
}

async function* merged(
  stored: StoredScan,
  writes: WriteSet,
  range: KeyRange,
  reverse: boolean,
  keysOnly: boolean,
): AsyncGenerator<readonly Entry[]> {
  let rest = range;
  for await (const batch of stored(range, { reverse, keysOnly })) {
    const last = batch[batch.length - 1]!.key;
    const reached = reverse ? { start: last, end: rest.end } : { start: rest.start, end: keySuccessor(last) };
    const seen = writes.ranges.length === 0 ? batch : batch.filter(({ key }) => !writes.hides(key));
    yield mergeWrites(seen, writes.within(reached, reverse), reverse, keysOnly);
    rest = reverse ? { start: rest.start, end: last } : { start: keySuccessor(last), end: rest.end };
  }
  yield mergeWrites([], writes.within(rest, reverse), reverse, keysOnly);
}
