/** The first of every set of equal rows, in the order of the input. Holds a key for each, bounded by the budget. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';

export class Distinct implements Operator {
  readonly #input: Operator;
  readonly #types: readonly SqlType[];
  readonly #values: readonly Evaluate[] | undefined;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #seen = new Set<DistinctKey>();

  /**
   * @param types One for each value.
   * @param values What rows are compared by; undefined for all columns.
   */
  constructor(
    input: Operator,
    types: readonly SqlType[],
    context: ExecutionContext,
    values: readonly Evaluate[] | undefined = undefined,
  ) {
    this.#input = input;
    this.#types = types;
    this.#values = values;
    this.#context = context;
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
      const compared = this.#values === undefined ? row : projectRow(row, this.#values, this.#context);
      const key = distinctRowKey(this.#types, compared);
      if (this.#seen.has(key)) continue;
      this.#budget.take(compared);
      this.#seen.add(key);
      kept.push(row);
    }
    return kept;
  }
}
