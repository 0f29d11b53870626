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
import type { IndexKeys } from '../../../models/relational/index-keys.ts';
import type { Key, KeyRange } from '../../../storage/key-range.ts';
import { PackedEntries } from '../../../storage/packed-entries.ts';
import type { Cursor, Entry } from '../../../storage/store.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import { type KeyParts, keyRanges } from './key-parts.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

export interface IndexScanOptions {
  /** Of the index. */
  readonly parts: KeyParts;
  readonly reverse: boolean;
  /** Undefined when nobody looks at the rows, only counts them: then rows are empty. */
  readonly reader: PlannedReader | undefined;
  /** Where the index tells all that anybody asks for: positions of those columns in the table, and a condition on them. */
  readonly covered: { readonly positions: readonly number[]; readonly test: Evaluate | undefined } | undefined;
}

const COUNTED_ROW: ExecutionRow = [];

export function indexRanges(keys: IndexKeys, parts: KeyParts, context: ExecutionContext): readonly KeyRange[] {
  return keyRanges(parts, context, (prefix, low, high) =>
    low === undefined && high === undefined && !parts.notNull
      ? keys.range(prefix)
      : keys.between(prefix, low as { value: SqlValue; inclusive: boolean } | undefined, high),
  );
}

export class IndexScan implements Operator {
  readonly #table: CatalogTable;
  readonly #index: TableIndex;
  readonly #options: IndexScanOptions;
  readonly #context: ExecutionContext;
  readonly #reader: RowReader | undefined;
  readonly #rowsMax: number | undefined;
  /** Still to be read, the next one last. */
  #ranges: KeyRange[] | undefined;
  #cursor: Cursor | undefined;
  #version = 0;
  #done = false;
  #unmet = 0;

  /** @param rowsMax At most this many rows of each range are read. */
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
    this.#reader = options.reader && new RowReader(options.reader, context);
    this.#rowsMax = rowsMax;
  }

  get removed(): number {
    return this.#unmet + (this.#reader?.removed ?? 0);
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#done) return undefined;
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#pull() : pause.then(() => this.#pull());
      if (isPromise(batch)) return batch.then((late) => (late?.length === 0 ? this.next() : late));
      if (batch === undefined || batch.length > 0) return batch;
    }
  }

  close(): void {
    this.#done = true;
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  /** Empty where no row of a batch was wanted. */
  #pull(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    const { reverse, reader, covered, parts } = this.#options;
    if (this.#cursor === undefined) {
      if (this.#ranges === undefined) {
        const ranges = indexRanges(this.#index.keys, parts, this.#context);
        this.#ranges = reverse ? [...ranges] : ranges.toReversed();
      }
      const range = this.#ranges.pop();
      if (range === undefined) {
        this.#done = true;
        return undefined;
      }
      const limit = this.#rowsMax === undefined ? {} : { limit: this.#rowsMax };
      const keysOnly = reader === undefined && covered === undefined;
      this.#cursor = this.#context.scan(range, { reverse, keysOnly, ...limit });
      this.#version = this.#context.transaction.readVersion;
    }
    const cursor = this.#cursor;
    const entries = cursor.nextPacked === undefined ? cursor.next() : cursor.nextPacked();
    return isPromise(entries) ? entries.then((late) => this.#batch(late)) : this.#batch(entries);
  }

  #batch(entries: PackedEntries | readonly Entry[] | undefined): Awaitable<RowBatch | undefined> {
    if (entries === undefined) {
      this.#cursor?.close();
      this.#cursor = undefined;
      return this.#done ? undefined : [];
    }
    const { covered } = this.#options;
    const { keys } = this.#index;
    const packed = entries instanceof PackedEntries ? entries : undefined;
    const count = packed === undefined ? (entries as readonly Entry[]).length : packed.count;
    const entryAt = (i: number): Entry =>
      packed === undefined ? (entries as readonly Entry[])[i]! : packed.entryAt(packed.from + i);
    if (covered !== undefined) {
      const { positions, test } = covered;
      const rows: ExecutionRow[] = [];
      for (let at = 0; at < count; at++) {
        const { key, value } = entryAt(at);
        const whole = keys.decode(key, value);
        const row: ExecutionRow = new Array(positions.length);
        for (let i = 0; i < positions.length; i++) row[i] = whole[positions[i]!]!;
        if (test === undefined || test(row, this.#context) === true) rows.push(row);
      }
      this.#unmet += count - rows.length;
      return rows;
    }
    if (this.#reader === undefined) return new Array<ExecutionRow>(count).fill(COUNTED_ROW);
    const rowKeys: Key[] = new Array(count);
    for (let i = 0; i < count; i++) {
      const { key, value } = entryAt(i);
      rowKeys[i] = keys.rowKey(key, value);
    }
    const context = this.#context;
    if (rowKeys.length === 1) {
      const value = context.get(rowKeys[0]!);
      return isPromise(value) ? value.then((late) => this.#rows(rowKeys, [late])) : this.#rows(rowKeys, [value]);
    }
    const values = context.batchGet(rowKeys);
    return isPromise(values) ? values.then((late) => this.#rows(rowKeys, late)) : this.#rows(rowKeys, values);
  }

  #rows(keys: readonly Key[], values: readonly (Bytes | undefined)[]): RowBatch {
    const { table } = this.#table;
    const rows: ExecutionRow[] = [];
    for (let i = 0; i < keys.length; i++) {
      const value = values[i];
      if (value !== undefined) {
        const row = this.#reader!.read(keys[i]!, value);
        if (row !== undefined) rows.push(row);
      } else if (this.#context.transaction.readVersion === this.#version) {
        throw new OperationError(
          'corruption',
          `index "${this.#index.index.name}" of "${table.name}" tells of a row that is not there`,
        );
      }
    }
    return rows;
  }
}
