/**
 * Locks in share on a store that has none: what is shared has a number of places to lock, of which who shares it holds one,
 * whichever is free, and who wants it alone holds all. So as many share it as there are places; the next one waits.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { hasCode } from '../../../base/errors.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { LockOptions } from '../../../storage/store.ts';
import { SqlError } from '../sql-error.ts';

export type TakeLocks = (keys: readonly Key[], options: LockOptions) => Awaitable<readonly Key[]>;

export class LockPlaces {
  readonly #count: number;
  #next: number;

  /** `first`: the place that is tried first, any whole number; processes had better begin at different ones. */
  constructor(count: number, first: number) {
    this.#count = count;
    this.#next = first % count;
  }

  all(keyOf: (place: number) => Key): readonly Key[] {
    return Array.from({ length: this.#count }, (_, place) => keyOf(place));
  }

  /**
   * Locks one place. `tries` are made, at most one for each; only the last waits, if it is told to.
   * @throws as `lock`.
   */
  async takeOne(keyOf: (place: number) => Key, lock: TakeLocks, tries: number, last: LockOptions = {}): Promise<void> {
    const most = Math.min(tries, this.#count);
    for (let tried = 1; ; tried++) {
      this.#next = (this.#next + 1) % this.#count;
      try {
        const locked = lock([keyOf(this.#next)], tried < most ? { wait: 'nowait' } : last);
        if (isPromise(locked)) await locked;
        return;
      } catch (error) {
        if (tried >= most || !isTaken(error)) throw error;
      }
    }
  }
}

/** Whether a lock was refused for another who holds it. */
export function isTaken(error: unknown): boolean {
  return (
    hasCode(error, 'lock_not_available') || (error instanceof SqlError && error.condition === 'lock_not_available')
  );
}
