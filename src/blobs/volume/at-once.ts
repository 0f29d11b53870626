/**
 * When to read and write on the event loop. What the page cache has, or takes, costs microseconds there, and several times as
 * much through the thread pool. What the disk has to bring, or a disk that falls behind, holds up everybody: then so many calls
 * go to the pool before the next try.
 */

/** A call that takes longer waited for the disk, or the process for a processor, */
const QUICK_MS_MAX = 0.25;
/** and two in a row for the disk. */
const SLOW_MAX = 2;
const CALLS_BETWEEN_TRIES = 200;

export class AtOnce {
  #callsUntilTry = 0;
  #slow = 0;

  /** Whether the next call is to be made at once. */
  isDue(): boolean {
    if (this.#callsUntilTry === 0) return true;
    this.#callsUntilTry--;
    return false;
  }

  /** How long one took that was. */
  note(tookMs: number): void {
    if (tookMs <= QUICK_MS_MAX) this.#slow = 0;
    else if (++this.#slow === SLOW_MAX) {
      this.#slow = 0;
      this.#callsUntilTry = CALLS_BETWEEN_TRIES;
    }
  }
}
