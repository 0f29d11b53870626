/**
 * The one retry loop: runs work in a transaction until it commits, reading the `retry` field of the error's code.
 *
 * Only errors marked `transaction` are retried, with exponential back-off and jitter. `commit_unknown` is never retried
 * here: it is its own outcome, and only the caller knows whether the work is idempotent.
 */

import { type Awaitable, isPromise } from '../base/awaitable.ts';
import { OperationError } from '../base/errors.ts';
import type { Platform } from '../platform/platform.ts';
import type { Store, Transaction, TransactionOptions } from './store.ts';

export interface RunOptions extends TransactionOptions {
  /** Attempts in all, the first included. Default 16. */
  readonly attemptsMax?: number;
  /** No further attempt begins after this monotonic time. */
  readonly deadlineNs?: bigint;
}

const BACKOFF_FIRST_MS = 1;
const BACKOFF_MAX_MS = 64;

/** @returns what `work` returned in the attempt that committed, after the commit is durable. */
export async function runTransaction<T>(
  store: Store,
  platform: Pick<Platform, 'clock' | 'random' | 'timers'>,
  work: (transaction: Transaction) => Awaitable<T>,
  options: RunOptions = {},
): Promise<T> {
  const attemptsMax = options.attemptsMax ?? 16;
  for (let attempt = 1; ; attempt++) {
    const handedOver = store.whenHandedOver?.(options.within);
    if (handedOver !== undefined) await handedOver;
    const transaction = store.begin(options);
    try {
      const outcome = work(transaction);
      const result = isPromise(outcome) ? await outcome : outcome;
      await transaction.commit();
      return result;
    } catch (error) {
      transaction.rollback();
      if (!(error instanceof OperationError) || error.retry !== 'transaction' || attempt >= attemptsMax) throw error;
      if (options.deadlineNs !== undefined && platform.clock.monotonicNs() > options.deadlineNs) throw error;
      const backoffMs = Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
      await platform.timers.sleep(platform.random.float() * backoffMs);
    }
  }
}
