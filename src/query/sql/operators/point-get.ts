/** The row under one full primary key, if it is there. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, Operator, RowBatch } from './operator.ts';

export class PointGet implements Operator {
  readonly #table: CatalogTable;
  readonly #values: readonly Evaluate[];
  readonly #context: ExecutionContext;
  #done = false;

  /** @param values One for each column of the primary key; a null among them finds nothing. */
  constructor(table: CatalogTable, values: readonly Evaluate[], context: ExecutionContext) {
    this.#table = table;
    this.#values = values;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    this.#done = true;
    const values: SqlValue[] = [];
    for (const evaluate of this.#values) {
      const value = evaluate([], this.#context);
      if (value === null) return undefined;
      values.push(value);
    }
    const key = this.#table.codec.keys.key(values);
    const found = this.#context.get(key);
    return isPromise(found) ? found.then((value) => this.#batch(key, value)) : this.#batch(key, found);
  }

  close(): void {
    this.#done = true;
  }

  #batch(key: Key, value: Bytes | undefined): RowBatch | undefined {
    return value === undefined ? undefined : [this.#table.codec.decode(key, value)];
  }
}
