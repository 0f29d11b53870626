/** FETCH FIRST … WITH TIES: the rows of LIMIT, and those behind them that sort as the last one does. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { compareKeys, type SortKey } from './sort.ts';

export class LimitWithTies implements Operator {
  readonly #input: Operator;
  readonly #keys: readonly SortKey[];
  readonly #context: ExecutionContext;
  #toSkip: number;
  #toEmit: number;
  #last: readonly SqlValue[] | undefined;
  #done: boolean;

  /** @param limit Infinity for none. */
  constructor(input: Operator, limit: number, offset: number, keys: readonly SortKey[], context: ExecutionContext) {
    this.#input = input;
    this.#toSkip = offset;
    this.#toEmit = limit;
    this.#keys = keys;
    this.#context = context;
    this.#done = limit === 0;
  }

  next(): Awaitable<RowBatch | undefined> {
    while (!this.#done) {
      const batch = this.#input.next();
      if (isPromise(batch)) {
        return batch.then((late) => {
          const rows = late && this.#cut(late);
          return rows?.length === 0 ? this.next() : rows;
        });
      }
      if (batch === undefined) return undefined;
      const rows = this.#cut(batch);
      if (rows.length > 0) return rows;
    }
    this.close();
    return undefined;
  }

  close(): void {
    this.#done = true;
    this.#input.close();
  }

  #cut(batch: RowBatch): RowBatch {
    const rows: ExecutionRow[] = [];
    for (const row of batch) {
      if (this.#toSkip > 0) {
        this.#toSkip--;
        continue;
      }
      const keys = this.#keys.map((key) => key.value(row, this.#context));
      if (this.#toEmit > 0) {
        this.#toEmit--;
        this.#last = keys;
      } else if (this.#last === undefined || compareKeys(this.#keys, keys, this.#last) !== 0) {
        this.#done = true;
        break;
      }
      rows.push(row);
    }
    return rows;
  }
}
