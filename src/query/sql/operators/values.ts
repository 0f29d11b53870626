/** The rows of VALUES, computed a batch at a time. */

import type { Evaluate } from '../functions/evaluation.ts';
import type { ExecutionContext, Operator, RowBatch } from './operator.ts';

const BATCH_ROWS = 512;

export class Values implements Operator {
  readonly #rows: readonly (readonly Evaluate[])[];
  readonly #context: ExecutionContext;
  #position = 0;

  constructor(rows: readonly (readonly Evaluate[])[], context: ExecutionContext) {
    this.#rows = rows;
    this.#context = context;
  }

  next(): RowBatch | undefined {
    if (this.#position >= this.#rows.length) return undefined;
    const batch = this.#rows
      .slice(this.#position, this.#position + BATCH_ROWS)
      .map((row) => row.map((evaluate) => evaluate([], this.#context)));
    this.#position += batch.length;
    return batch;
  }

  close(): void {
    this.#position = this.#rows.length;
  }
}
