/** The rows for which a condition is true; not those for which it is false or unknown. Keeps the order. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export class Filter implements Operator {
  readonly #input: Operator;
  readonly #condition: Evaluate;
  readonly #context: ExecutionContext;
  #removed = 0;

  constructor(input: Operator, condition: Evaluate, context: ExecutionContext) {
    this.#input = input;
    this.#condition = condition;
    this.#context = context;
  }

  get removed(): number {
    return this.#removed + (this.#input.removed ?? 0);
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

  narrow(place: number, values: ReadonlySet<SqlValue>): void {
    this.#input.narrow?.(place, values);
  }

  close(): void {
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
    for (const row of batch) if (this.#condition(row, this.#context) === true) kept.push(row);
    this.#removed += batch.length - kept.length;
    return kept;
  }
}
