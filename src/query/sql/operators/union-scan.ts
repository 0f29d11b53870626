/**
 * The rows that any of several ranges of keys and indexes are about (an OR over them), in the order of the primary key, each
 * once. Their keys are gathered first, bounded by the statement's budget; then the rows are read, many together, and
 * tested by the whole condition.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { type Bytes, compareBytes, equalBytes } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import { indexRanges } from './index-scan.ts';
import type { KeyParts } from './key-parts.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { primaryRanges } from './range-scan.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

export interface UnionPart {
  /** Undefined for the primary key. */
  readonly index: TableIndex | undefined;
  readonly parts: KeyParts;
}

const BATCH_KEYS = 256;
/** Of a key in memory, besides its bytes. */
const KEY_BYTES = 96;

export class UnionScan implements Operator {
  readonly #table: CatalogTable;
  readonly #parts: readonly UnionPart[];
  readonly #context: ExecutionContext;
  readonly #reader: RowReader;
  readonly #budget: MemoryBudget;
  #keys: readonly Key[] | undefined;
  #position = 0;

  constructor(table: CatalogTable, parts: readonly UnionPart[], reader: PlannedReader, context: ExecutionContext) {
    this.#table = table;
    this.#parts = parts;
    this.#reader = new RowReader(reader, context);
    this.#context = context;
    this.#budget = new MemoryBudget('a union of index ranges', context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#keys === undefined) return this.#gather().then(() => this.next());
    for (;;) {
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#read() : pause.then(() => this.#read());
      if (isPromise(batch)) return batch.then((late) => (late?.length === 0 ? this.next() : late));
      if (batch === undefined || batch.length > 0) return batch;
    }
  }

  close(): void {
    this.#keys = [];
    this.#budget.clear();
  }

  async #gather(): Promise<void> {
    const keys: Key[] = [];
    for (const { index, parts } of this.#parts) {
      const ranges =
        index === undefined
          ? primaryRanges(this.#table, parts, this.#context)
          : indexRanges(index.keys, parts, this.#context);
      for (const range of ranges) {
        const cursor = this.#context.scan(range, { keysOnly: index === undefined });
        try {
          for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
            for (const { key, value } of batch) {
              const own = index === undefined ? key : index.keys.rowKey(key, value);
              this.#budget.takeBytes(own.length + KEY_BYTES);
              keys.push(own);
            }
            await this.#context.pause();
          }
        } finally {
          cursor.close();
        }
      }
    }
    keys.sort(compareBytes);
    // Closed meanwhile.
    this.#keys ??= keys.filter((key, i) => i === 0 || !equalBytes(key, keys[i - 1]!));
  }

  #read(): Awaitable<RowBatch | undefined> {
    const keys = this.#keys!.slice(this.#position, this.#position + BATCH_KEYS);
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
}
