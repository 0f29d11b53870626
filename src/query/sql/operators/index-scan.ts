/**
 * The rows that a range of a secondary index is about, in the order of the index or in reverse.
 *
 * An index that tells all columns that anybody asks for is read alone; else the rows of each batch of entries are fetched
 * together. Entries and rows are from one version of the store, so every entry has its row, unless the transaction has
 * moved to a newer version since the scan began.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import { OperationError } from '../../../base/errors.ts';
import type { Key, KeyRange } from '../../../storage/key-range.ts';
import type { Cursor, Entry } from '../../../storage/store.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import type { KeyBound } from './range-scan.ts';

export interface IndexScanOptions {
  /** Values of the first parts of the index. `isNull` stands for IS NULL. */
  readonly prefix: readonly (Evaluate | 'isNull')[];
  readonly low: KeyBound | undefined;
  readonly high: KeyBound | undefined;
  readonly reverse: boolean;
  /** False when nobody looks at the rows, only counts them: then rows are empty. */
  readonly decode: boolean;
  /** Whether the index tells all that anybody asks for. */
  readonly covered: boolean;
}

const COUNTED_ROW: ExecutionRow = [];

export class IndexScan implements Operator {
  readonly #table: CatalogTable;
  readonly #index: TableIndex;
  readonly #options: IndexScanOptions;
  readonly #context: ExecutionContext;
  readonly #rowsMax: number | undefined;
  #cursor: Cursor | undefined;
  #version = 0;
  #done = false;

  /** @param rowsMax At most this many rows are read. */
  constructor(
    table: CatalogTable,
    index: TableIndex,
    options: IndexScanOptions,
    context: ExecutionContext,
    rowsMax: number | undefined,
  ) {
    this.#table = table;
    this.#index = index;
    this.#options = options;
    this.#context = context;
    this.#rowsMax = rowsMax;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    const pause = this.#context.pause();
    if (pause !== undefined) return pause.then(() => this.#pull());
    return this.#pull();
  }

  close(): void {
    this.#done = true;
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  #pull(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    if (this.#cursor === undefined) {
      const range = this.#range();
      if (range === undefined) {
        this.#done = true;
        return undefined;
      }
      const { reverse, decode } = this.#options;
      const limit = this.#rowsMax === undefined ? {} : { limit: this.#rowsMax };
      this.#cursor = this.#context.scan(range, { reverse, keysOnly: !decode, ...limit });
      this.#version = this.#context.transaction.readVersion;
    }
    for (;;) {
      const entries = this.#cursor!.next();
      const batch = isPromise(entries) ? entries.then((late) => this.#batch(late)) : this.#batch(entries);
      if (isPromise(batch)) return batch.then((late) => (late?.length === 0 ? this.#pull() : late));
      if (batch === undefined || batch.length > 0) return batch;
    }
  }

  #batch(entries: readonly Entry[] | undefined): Awaitable<RowBatch | undefined> {
    if (entries === undefined) {
      this.close();
      return undefined;
    }
    if (!this.#options.decode) return new Array<ExecutionRow>(entries.length).fill(COUNTED_ROW);
    const { keys } = this.#index;
    if (this.#options.covered) return entries.map(({ key, value }) => keys.decode(key, value));
    const rowKeys = entries.map(({ key, value }) => keys.rowKey(key, value));
    const { transaction } = this.#context;
    if (rowKeys.length === 1) {
      const value = transaction.get(rowKeys[0]!);
      return isPromise(value) ? value.then((late) => this.#rows(rowKeys, [late])) : this.#rows(rowKeys, [value]);
    }
    const values = transaction.batchGet(rowKeys);
    return isPromise(values) ? values.then((late) => this.#rows(rowKeys, late)) : this.#rows(rowKeys, values);
  }

  #rows(keys: readonly Key[], values: readonly (Bytes | undefined)[]): RowBatch {
    const { codec, table } = this.#table;
    const rows: ExecutionRow[] = [];
    for (let i = 0; i < keys.length; i++) {
      const value = values[i];
      if (value !== undefined) rows.push(codec.decode(keys[i]!, value));
      else if (this.#context.transaction.readVersion === this.#version) {
        throw new OperationError(
          'corruption',
          `index "${this.#index.index.name}" of "${table.name}" tells of a row that is not there`,
        );
      }
    }
    return rows;
  }

  /** Undefined when a value is null, which equals and bounds nothing. */
  #range(): KeyRange | undefined {
    const { low, high } = this.#options;
    const prefix: SqlValue[] = [];
    for (const part of this.#options.prefix) {
      const value = part === 'isNull' ? null : part([], this.#context);
      if (value === null && part !== 'isNull') return undefined;
      prefix.push(value);
    }
    const { keys } = this.#index;
    if (low === undefined && high === undefined) return keys.range(prefix);
    const from = low && { value: low.value([], this.#context), inclusive: low.inclusive };
    const to = high && { value: high.value([], this.#context), inclusive: high.inclusive };
    if (from?.value === null || to?.value === null) return undefined;
    return keys.between(prefix, from, to);
  }
}
