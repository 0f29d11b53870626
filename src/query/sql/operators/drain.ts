/** Pulls everything out of an operator, synchronously for as long as it and who takes answer at once. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { ExecutionContext } from './operator.ts';

/** An operator, or its rows as vectors. */
interface Source<Batch> {
  next(): Awaitable<Batch | undefined>;
  close(): void;
}

/** Gives every batch to `take` in order, each when the one before was taken, then closes. */
export function drain<Batch>(
  input: Source<Batch>,
  context: Pick<ExecutionContext, 'pause'>,
  take: (batch: Batch) => Awaitable<void>,
): Awaitable<void> {
  for (;;) {
    const pause = context.pause();
    if (pause !== undefined) return drainRest(input, context, pause, take);
    const batch = input.next();
    if (isPromise(batch)) return drainLate(input, context, batch, take);
    if (batch === undefined) {
      input.close();
      return;
    }
    const taken = take(batch);
    if (isPromise(taken)) return drainRest(input, context, taken, take);
  }
}

async function drainLate<Batch>(
  input: Source<Batch>,
  context: Pick<ExecutionContext, 'pause'>,
  first: Promise<Batch | undefined>,
  take: (batch: Batch) => Awaitable<void>,
): Promise<void> {
  const batch = await first;
  if (batch === undefined) input.close();
  else await drainRest(input, context, take(batch), take);
}

async function drainRest<Batch>(
  input: Source<Batch>,
  context: Pick<ExecutionContext, 'pause'>,
  before: Awaitable<void>,
  take: (batch: Batch) => Awaitable<void>,
): Promise<void> {
  if (isPromise(before)) await before;
  for (;;) {
    const pause = context.pause();
    if (pause !== undefined) await pause;
    const next = input.next();
    const batch = isPromise(next) ? await next : next;
    if (batch === undefined) break;
    const taken = take(batch);
    if (isPromise(taken)) await taken;
  }
  input.close();
}
