/** Computes the columns of the result from each row of the input. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch, StoredRows } from './operator.ts';

export function projectRow(row: ExecutionRow, columns: readonly Evaluate[], context: ExecutionContext): ExecutionRow {
  const out: ExecutionRow = new Array(columns.length);
  for (let i = 0; i < columns.length; i++) out[i] = columns[i]!(row, context);
  return out;
}

export class Project implements Operator {
  readonly #input: Operator;
  readonly #columns: readonly Evaluate[];
  readonly #context: ExecutionContext;
  readonly #places: readonly number[] | undefined;

  /** @param places Of the input's row, where the columns are no more than those. */
  constructor(
    input: Operator,
    columns: readonly Evaluate[],
    context: ExecutionContext,
    places?: readonly number[] | undefined,
  ) {
    this.#input = input;
    this.#columns = columns;
    this.#context = context;
    this.#places = places;
  }

  next(): Awaitable<RowBatch | undefined> {
    const batch = this.#input.next();
    return isPromise(batch) ? batch.then((late) => this.#project(late)) : this.#project(batch);
  }

  storedRows(): StoredRows | undefined {
    return this.#places && this.#input.storedRows?.(this.#places);
  }

  close(): void {
    this.#input.close();
  }

  #project(batch: RowBatch | undefined): RowBatch | undefined {
    if (batch === undefined) return undefined;
    const rows: ExecutionRow[] = new Array(batch.length);
    for (let i = 0; i < batch.length; i++) rows[i] = projectRow(batch[i]!, this.#columns, this.#context);
    return rows;
  }
}
