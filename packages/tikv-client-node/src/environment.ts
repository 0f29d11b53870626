/**
 * Time and chance, as the client needs them. Nothing else in the package reads a clock, sets a timer or rolls dice, so
 * that a whole cluster of clients and servers runs on virtual time and replays from its seed.
 *
 * `node/node-environment.ts` is the machine's; `test-cluster/virtual-time.ts` the simulated one.
 */

import { TikvError } from './errors.ts';

export interface Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

export interface Clock {
  /** Wall time in milliseconds since 1970; may jump. Used by the test cluster and for the age of commits only. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start, never backwards. */
  monotonicMs(): number;
}

export interface Timer {
  /** Harmless when the timer has fired. */
  cancel(): void;
}

export interface Timers {
  after(delayMs: number, callback: () => void): Timer;
  /** After pending I/O of this turn was handled (`setImmediate`). */
  soon(callback: () => void): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
}

/** @throws TikvError `cancelled` when `signal` aborts first. */
export function sleep(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = () =>
      reject(new TikvError('cancelled', 'the operation was cancelled', { cause: signal?.reason }));
    if (signal?.aborted === true) {
      cancelled();
      return;
    }
    const onAbort = () => {
      timer.cancel();
      cancelled();
    };
    const timer = timers.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** @throws TikvError `cancelled` */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new TikvError('cancelled', 'the operation was cancelled', { cause: signal.reason });
}
