/**
 * An owner of keys that hands its writes over late (`Store.writeBehind`), as a local store knows it: what it holds back, how it
 * is told to hand that over, and what it may ask of the locks.
 *
 * A class, because it is asked for every write: what an object literal's getter says is looked up anew each time.
 */

import type { Key, KeyRange } from './key-range.ts';
import type { LockTable } from './lock-table.ts';
import type { WriteBehind } from './store.ts';

export class LateWriter implements WriteBehind {
  readonly range: KeyRange;
  readonly flush: () => void;
  readonly flushMost: () => Promise<void> | undefined;
  readonly #locks: LockTable;
  readonly #onStop: (stopped: LateWriter) => void;

  constructor(
    range: KeyRange,
    flush: () => void,
    flushMost: () => Promise<void> | undefined,
    locks: LockTable,
    onStop: (stopped: LateWriter) => void,
  ) {
    this.range = range;
    this.flush = flush;
    this.flushMost = flushMost;
    this.#locks = locks;
    this.#onStop = onStop;
  }

  get anyLocked(): boolean {
    return this.#locks.count > 0;
  }

  isLocked(key: Key): boolean {
    return this.#locks.isLockedByOther(key, undefined);
  }

  stop(): void {
    this.#onStop(this);
  }
}
