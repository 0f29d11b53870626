/** Pulls rows out of an operator into memory, synchronously for as long as it answers at once. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

/** The first `rowsMax` rows, or all; closes the operator. @param budget What they are taken from: for the caller to clear. */
export function gather(
  input: Operator,
  budget: MemoryBudget,
  context: ExecutionContext,
  rowsMax = Number.POSITIVE_INFINITY,
): Awaitable<ExecutionRow[]> {
  const rows: ExecutionRow[] = [];
  const take = (batch: RowBatch): boolean => {
    for (const row of batch) {
      budget.take(row);
      rows.push(row);
    }
    return rows.length >= rowsMax;
  };
  for (;;) {
    const pause = context.pause();
    if (pause !== undefined)
      return gatherRest(
        input,
        pause.then(() => input.next()),
        take,
        rows,
        context,
      );
    const batch = input.next();
    if (isPromise(batch)) return gatherRest(input, batch, take, rows, context);
    if (batch === undefined || take(batch)) break;
  }
  input.close();
  return rows;
}

async function gatherRest(
  input: Operator,
  first: Promise<RowBatch | undefined>,
  take: (batch: RowBatch) => boolean,
  rows: ExecutionRow[],
  context: ExecutionContext,
): Promise<ExecutionRow[]> {
  for (let batch = await first; batch !== undefined && !take(batch); batch = await input.next()) {
    const pause = context.pause();
    if (pause !== undefined) await pause;
  }
  input.close();
  return rows;
}
