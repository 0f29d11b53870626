/** Waiting with a way out, over any `Timers.after`. */

import { OperationError } from '../base/errors.ts';
import type { Timers } from './platform.ts';

/** @throws OperationError `cancelled`, with the signal's reason as cause, when `signal` aborts first. */
export function sleepWith(after: Timers['after'], delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = () =>
      reject(new OperationError('cancelled', 'the wait was cancelled', { cause: signal?.reason }));
    if (signal?.aborted === true) {
      cancelled();
      return;
    }
    const onAbort = () => {
      timer.cancel();
      cancelled();
    };
    const timer = after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
