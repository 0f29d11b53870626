/** Pulls everything out of an operator, synchronously for as long as it answers at once. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Operator, RowBatch } from './operator.ts';

/** Gives every batch to `take` in order, then closes. */
export function drain(input: Operator, take: (batch: RowBatch) => void): Awaitable<void> {
  for (;;) {
    const batch = input.next();
    if (isPromise(batch)) return drainRest(input, batch, take);
    if (batch === undefined) {
      input.close();
      return;
    }
    take(batch);
  }
}

async function drainRest(
  input: Operator,
  first: Promise<RowBatch | undefined>,
  take: (batch: RowBatch) => void,
): Promise<void> {
  for (let batch = await first; batch !== undefined; batch = await input.next()) take(batch);
  input.close();
}
