/** The row under one full primary key, if it is there; or the rows under several, in the order of their keys. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { type Bytes, compareBytes, equalBytes } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import { type PartValue, prefixValues } from './key-parts.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
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

const BATCH_KEYS = 256;

export class ManyGet implements Operator {
  readonly #table: CatalogTable;
  readonly #parts: readonly PartValue[];
  readonly #reader: RowReader;
  readonly #context: ExecutionContext;
  readonly #reverse: boolean;
  #keys: readonly Key[] | undefined;
  #position = 0;

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

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#read() : pause.then(() => this.#read());
      if (isPromise(batch)) return batch.then((late) => (late?.length === 0 ? this.next() : late));
      if (batch === undefined || batch.length > 0) return batch;
    }
  }

  close(): void {
    this.#keys = [];
  }

  #read(): Awaitable<RowBatch | undefined> {
    this.#keys ??= this.#allKeys();
    const keys = this.#keys.slice(this.#position, this.#position + BATCH_KEYS);
    if (keys.length === 0) return undefined;
    this.#position += keys.length;
    const values = this.#context.transaction.batchGet(keys);
    return isPromise(values) ? values.then((late) => this.#rows(keys, late)) : this.#rows(keys, values);
  }

  #rows(keys: readonly Key[], values: readonly (Bytes | undefined)[]): RowBatch {
    const rows: ExecutionRow[] = [];
    for (let i = 0; i < keys.length; i++) {
      const value = values[i];
      const row = value && this.#reader.read(keys[i]!, value);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #allKeys(): readonly Key[] {
    const { keys: rowKeys } = this.#table.codec;
    const keys = prefixValues(this.#parts, this.#context).map((values) => rowKeys.key(values));
    keys.sort(compareBytes);
    const different = keys.filter((key, i) => i === 0 || !equalBytes(key, keys[i - 1]!));
    return this.#reverse ? different.reverse() : different;
  }
}
