/** The first of every set of equal rows, of rows that come in an order in which equal ones stand together. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctRowKey, isSameKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';

export class Unique implements Operator {
  readonly #input: Operator;
  readonly #types: readonly SqlType[];
  readonly #context: ExecutionContext;
  readonly #values: readonly Evaluate[] | undefined;
  #last: DistinctKey | undefined;

  /** @param types One for each value. @param values What rows are compared by; undefined for all columns. */
  constructor(input: Operator, types: readonly SqlType[], context: ExecutionContext, values?: readonly Evaluate[]) {
    this.#input = input;
    this.#types = types;
    this.#context = context;
    this.#values = values;
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      if (isPromise(batch)) return batch.then((late) => this.#afterWait(late));
      const kept = batch && this.#kept(batch);
      if (kept === undefined || kept.length > 0) return kept;
    }
  }

  close(): void {
    this.#input.close();
  }

  #afterWait(batch: RowBatch | undefined): Awaitable<RowBatch | undefined> {
    const kept = batch && this.#kept(batch);
    return kept === undefined || kept.length > 0 ? kept : this.next();
  }

  #kept(batch: RowBatch): RowBatch {
    return batch.filter((row: ExecutionRow) => {
      const compared = this.#values === undefined ? row : projectRow(row, this.#values, this.#context);
      const key = distinctRowKey(this.#types, compared);
      if (isSameKey(this.#last, key)) return false;
      this.#last = key;
      return true;
    });
  }
}
