/**
 * When to read and write on the event loop. What the page cache has, or takes, costs microseconds there, and several times as
 * much through the thread pool. What the disk has to bring, or a disk that falls behind, holds up everybody: then some calls
 * go to the pool before the next try.
 */

/** A call that takes longer than it should waited for the disk, or the process for a processor; two in a row for the disk. */
const SLOW_MAX = 2;

export interface AtOnceOptions {
  /** Default 0.25. */
  readonly quickMsMax?: number;
  /** Default 200. */
  readonly callsBetweenTries?: number;
}

export class AtOnce {
  readonly #quickMsMax: number;
  readonly #callsBetweenTries: number;
  #callsUntilTry = 0;
  #slow = 0;

  constructor({ quickMsMax = 0.25, callsBetweenTries = 200 }: AtOnceOptions = {}) {
    this.#quickMsMax = quickMsMax;
    this.#callsBetweenTries = callsBetweenTries;
  }

  /** Whether calls are made at once now. */
  get isQuick(): boolean {
    return this.#callsUntilTry === 0;
  }

  /** Whether the next call is to be made at once. */
  isDue(): boolean {
    if (this.#callsUntilTry === 0) return true;
    this.#callsUntilTry--;
    return false;
  }

  /** How long one took that was. */
  note(tookMs: number): void {
    if (tookMs <= this.#quickMsMax) this.#slow = 0;
    else if (++this.#slow === SLOW_MAX) {
      this.#slow = 0;
      this.#callsUntilTry = this.#callsBetweenTries;
    }
  }
}
