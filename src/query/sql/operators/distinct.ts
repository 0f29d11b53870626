/** The first of every set of equal rows, in the order of the input. Holds a key for each, bounded by the budget. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export class Distinct implements Operator {
  readonly #input: Operator;
  readonly #types: readonly SqlType[];
  readonly #budget: MemoryBudget;
  readonly #seen = new Set<DistinctKey>();

  /** @param types One for each column. */
  constructor(input: Operator, types: readonly SqlType[], context: ExecutionContext) {
    this.#input = input;
    this.#types = types;
    this.#budget = new MemoryBudget('DISTINCT', context.limits.workBytesMax);
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      const batch = this.#input.next();
      if (isPromise(batch)) return this.#nextLate(batch);
      if (batch === undefined) return undefined;
      const kept = this.#keep(batch);
      if (kept.length > 0) return kept;
    }
  }

  close(): void {
    this.#seen.clear();
    this.#input.close();
  }

  async #nextLate(first: Promise<RowBatch | undefined>): Promise<RowBatch | undefined> {
    for (let batch = await first; batch !== undefined; batch = await this.#input.next()) {
      const kept = this.#keep(batch);
      if (kept.length > 0) return kept;
    }
    return undefined;
  }

  #keep(batch: RowBatch): RowBatch {
    const kept: ExecutionRow[] = [];
    for (const row of batch) {
      const key = distinctRowKey(this.#types, row);
      if (this.#seen.has(key)) continue;
      this.#budget.take(row);
      this.#seen.add(key);
      kept.push(row);
    }
    return kept;
  }
}
