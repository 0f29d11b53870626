/** Rows that were read before the plan was opened, a batch at a time; places that say DEFAULT are computed as it comes. */

import type { Evaluate } from '../functions/evaluation.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

const BATCH_ROWS = 512;

export class GivenRows implements Operator {
  readonly #rows: readonly ExecutionRow[];
  readonly #computed: readonly { readonly place: number; readonly value: Evaluate }[];
  readonly #context: ExecutionContext;
  #position = 0;

  /** @param computed Values of places that the rows leave open; they are written into the rows. */
  constructor(
    rows: readonly ExecutionRow[],
    computed: readonly { readonly place: number; readonly value: Evaluate }[],
    context: ExecutionContext,
  ) {
    this.#rows = rows;
    this.#computed = computed;
    this.#context = context;
  }

  next(): RowBatch | undefined {
    if (this.#position >= this.#rows.length) return undefined;
    const batch = this.#rows.slice(this.#position, this.#position + BATCH_ROWS);
    this.#position += batch.length;
    if (this.#computed.length > 0) {
      for (const row of batch) for (const { place, value } of this.#computed) row[place] = value([], this.#context);
    }
    return batch;
  }

  close(): void {
    this.#position = this.#rows.length;
  }
}
