/** The rows of a relation of the system catalog, computed when they are asked for. */

import type { CatalogTable } from '../catalog-cache.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

const BATCH_ROWS = 512;

export class SystemScan implements Operator {
  readonly #rows: Iterator<ExecutionRow>;
  #done = false;

  constructor(table: CatalogTable, context: ExecutionContext) {
    this.#rows = table.system!(context)[Symbol.iterator]();
  }

  next(): RowBatch | undefined {
    const batch: ExecutionRow[] = [];
    while (!this.#done && batch.length < BATCH_ROWS) {
      const { done, value } = this.#rows.next();
      if (done === true) this.#done = true;
      else batch.push(value);
    }
    return batch.length === 0 ? undefined : batch;
  }

  close(): void {
    this.#done = true;
  }
}
