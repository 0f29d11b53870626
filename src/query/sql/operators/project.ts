/** Computes the columns of the result from each row of the input. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export function projectRow(row: ExecutionRow, columns: readonly Evaluate[], context: ExecutionContext): ExecutionRow {
  const out: ExecutionRow = new Array(columns.length);
  for (let i = 0; i < columns.length; i++) out[i] = columns[i]!(row, context);
  return out;
}

export class Project implements Operator {
  readonly #input: Operator;
  readonly #columns: readonly Evaluate[];
  readonly #context: ExecutionContext;

  constructor(input: Operator, columns: readonly Evaluate[], context: ExecutionContext) {
    this.#input = input;
    this.#columns = columns;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    const batch = this.#input.next();
    return isPromise(batch) ? batch.then((late) => this.#project(late)) : this.#project(batch);
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
