/** One row without columns: what SELECT without FROM reads. */

import type { Operator, RowBatch } from './operator.ts';

export class SingleRow implements Operator {
  #done = false;

  next(): RowBatch | undefined {
    if (this.#done) return undefined;
    this.#done = true;
    return [[]];
  }

  close(): void {
    this.#done = true;
  }
}
