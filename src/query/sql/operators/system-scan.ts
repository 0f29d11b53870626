/** The rows of a relation of the system catalog, computed when they are asked for. */

import type { CatalogTable } from '../catalog-cache.ts';
import type { SqlValue } from '../types/types.ts';
import { Wanted } from '../wanted-rows.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

const BATCH_ROWS = 512;

export class SystemScan implements Operator {
  readonly #table: CatalogTable;
  readonly #context: ExecutionContext;
  readonly #wanted = new Wanted();
  #rows: Iterator<ExecutionRow> | undefined;
  #done = false;

  constructor(table: CatalogTable, context: ExecutionContext) {
    this.#table = table;
    this.#context = context;
  }

  next(): RowBatch | undefined {
    if (this.#done) return undefined;
    this.#rows ??= this.#table.system!(this.#context, this.#wanted)[Symbol.iterator]();
    const batch: ExecutionRow[] = [];
    while (!this.#done && batch.length < BATCH_ROWS) {
      const { done, value } = this.#rows.next();
      if (done === true) this.#done = true;
      else batch.push(value);
    }
    return batch.length === 0 ? undefined : batch;
  }

  narrow(place: number, values: ReadonlySet<SqlValue>): void {
    const column = this.#table.table.columns[place];
    // Other values that are equal need not be the same.
    const areSame = [...values].every((each) => typeof each === 'number' || typeof each === 'string');
    if (column !== undefined && areSame) this.#wanted.narrow(column.name, values);
  }

  close(): void {
    this.#done = true;
  }
}
