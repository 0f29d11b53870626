/** The row under one full primary key, if it is there; or the rows under several, in the order of their keys. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import { type PartValue, prefixValues } from './key-parts.ts';
import { distinctKeys, KeyedRows } from './keyed-rows.ts';
import type { ExecutionContext, Operator, RowBatch } from './operator.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

export class PointGet implements Operator {
  readonly #table: CatalogTable;
  readonly #values: readonly Evaluate[];
  readonly #reader: PlannedReader;
  readonly #context: ExecutionContext;
  #done = false;

  /** @param values One for each column of the primary key; a null among them finds nothing. */
  constructor(table: CatalogTable, values: readonly Evaluate[], reader: PlannedReader, context: ExecutionContext) {
    this.#table = table;
    this.#values = values;
    this.#reader = reader;
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
    if (value === undefined) return undefined;
    const row = new RowReader(this.#reader, this.#context).read(key, value);
    return row && [row];
  }
}

export class ManyGet implements Operator {
  readonly #table: CatalogTable;
  readonly #parts: readonly PartValue[];
  readonly #reader: RowReader;
  readonly #context: ExecutionContext;
  readonly #reverse: boolean;
  #rows: KeyedRows | undefined;

  /** @param parts One for each column of the primary key. */
  constructor(
    table: CatalogTable,
    parts: readonly PartValue[],
    reverse: boolean,
    reader: PlannedReader,
    context: ExecutionContext,
  ) {
    this.#table = table;
    this.#parts = parts;
    this.#reverse = reverse;
    this.#reader = new RowReader(reader, context);
    this.#context = context;
  }

  get removed(): number {
    return this.#reader.removed;
  }

  next(): Awaitable<RowBatch | undefined> {
    this.#rows ??= new KeyedRows(this.#allKeys(), this.#reader, this.#context);
    return this.#rows.next();
  }

  close(): void {
    this.#rows ??= new KeyedRows([], this.#reader, this.#context);
    this.#rows.close();
  }

  #allKeys(): readonly Key[] {
    const { keys: rowKeys } = this.#table.codec;
    const keys = distinctKeys(prefixValues(this.#parts, this.#context).map((values) => rowKeys.key(values)));
    return this.#reverse ? keys.toReversed() : keys;
  }
}
