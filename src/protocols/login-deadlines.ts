/**
 * Ends the connections of a port that nobody has logged in by in time. All are given the same time, so they are due in the order in
 * which they came, and one timer serves them all: a timer for each was a tenth of what a client takes that says nothing.
 */

import { Roster, type Seat } from '../base/roster.ts';
import type { Platform } from '../platform/platform.ts';

export interface Newcomer {
  /** When it came, by the monotonic clock. */
  readonly cameAtMs: number;
  /** Called once, unless it has left its seat. */
  loginTimedOut(): void;
}

export class LoginDeadlines {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #timeoutMs: number;
  readonly #waiting = new Roster<Newcomer>();
  #isTimed = false;

  /** @param timeoutMs 0 is without limit. */
  constructor(platform: Pick<Platform, 'clock' | 'timers'>, timeoutMs: number) {
    this.#platform = platform;
    this.#timeoutMs = timeoutMs;
  }

  /** @returns a seat to leave when it is logged in, or has gone. */
  add(newcomer: Newcomer): Seat<Newcomer> | undefined {
    if (this.#timeoutMs === 0) return undefined;
    const seat = this.#waiting.add(newcomer);
    if (!this.#isTimed) this.#awaitFirst(newcomer);
    return seat;
  }

  #awaitFirst({ cameAtMs }: Newcomer): void {
    this.#isTimed = true;
    const dueMs = cameAtMs + this.#timeoutMs - this.#platform.clock.monotonicMs();
    this.#platform.timers.after(Math.max(1, dueMs), () => this.#endLate());
  }

  #endLate(): void {
    this.#isTimed = false;
    const lateMs = this.#platform.clock.monotonicMs() - this.#timeoutMs;
    for (let { first } = this.#waiting; first !== undefined; { first } = this.#waiting) {
      if (first.cameAtMs > lateMs) {
        this.#awaitFirst(first);
        return;
      }
      this.#waiting.shift();
      first.loginTimedOut();
    }
  }
}
