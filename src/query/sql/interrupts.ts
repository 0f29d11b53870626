/**
 * What may stop a running statement from outside: a cancel request, the statement timeout, the end of the session; and
 * how a running statement gives the event loop back.
 */

import { Roster } from '../../base/roster.ts';
import type { Platform, Timer } from '../../platform/platform.ts';
import { SqlError } from './sql-error.ts';

export class Interrupts {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #sliceMs: number;
  #reason: SqlError | undefined;
  /** Of those who wait for something. */
  #waiting = new Roster<(reason: SqlError) => void>();
  #timer: Timer | undefined;
  #sliceEndsMs = 0;
  #running = false;

  constructor(platform: Pick<Platform, 'clock' | 'timers'>, sliceMs: number) {
    this.#platform = platform;
    this.#sliceMs = sliceMs;
  }

  /** @param timeoutMs 0 for none. */
  begin(timeoutMs: number): void {
    this.#running = true;
    this.#reason = undefined;
    this.#sliceEndsMs = this.#platform.clock.monotonicMs() + this.#sliceMs;
    if (timeoutMs > 0) this.#startTimer(timeoutMs);
  }

  /** Apart from `begin`: a function in there would cost every statement a scope. */
  #startTimer(timeoutMs: number): void {
    this.#timer = this.#platform.timers.after(timeoutMs, () =>
      this.raise(new SqlError('query_canceled', 'canceling statement due to statement timeout')),
    );
  }

  end(): void {
    this.#running = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#forget();
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** Whether the running statement waits for somebody else. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Stops the running statement, if there is one, at its next pause or wait. */
  raise(reason: SqlError): void {
    if (!this.#running || this.#reason !== undefined) return;
    this.#reason = reason;
    for (const reject of this.#waiting) reject(reason);
    this.#forget();
  }

  /** Who still waits is told of nothing any more. */
  #forget(): void {
    if (this.#waiting.size > 0) this.#waiting = new Roster();
  }

  /** @throws SqlError of what stops the statement. */
  stop(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  /** See `ExecutionContext.pause`. */
  pause(): Promise<void> | undefined {
    if (this.#reason !== undefined) throw this.#reason;
    if (this.#platform.clock.monotonicMs() < this.#sliceEndsMs) return undefined;
    return this.#yield();
  }

  /** The promise, or the interrupt if it comes first. What the promise does later is then nobody's business. */
  race<T>(promise: Promise<T>): Promise<T> {
    if (this.#reason !== undefined) {
      promise.catch(() => {});
      return Promise.reject(this.#reason);
    }
    return new Promise((resolve, reject) => {
      const seat = this.#waiting.add(reject);
      promise.then(
        (value) => {
          seat.leave();
          resolve(value);
        },
        (error: unknown) => {
          seat.leave();
          reject(error);
        },
      );
    });
  }

  async #yield(): Promise<void> {
    await this.#platform.timers.yield();
    if (this.#reason !== undefined) throw this.#reason;
    this.#sliceEndsMs = this.#platform.clock.monotonicMs() + this.#sliceMs;
  }
}
