/**
 * The rows that any of several ranges of keys and indexes, or searches in inverted indexes, are about (an OR over them), in the order
 * of the primary key, each once. Their keys are gathered first, bounded by the statement's budget; then the rows are read, many together, and
 * tested by the whole condition.
 */

import type { Awaitable } from '../../../base/awaitable.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import { indexRanges } from './index-scan.ts';
import { type KeyParts, WHOLE } from './key-parts.ts';
import { distinctKeys, KeyedRows } from './keyed-rows.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, Operator, RowBatch } from './operator.ts';
import { eachPosting, openPostings, type Search } from './postings.ts';
import { primaryRanges } from './range-scan.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

export interface UnionPart {
  /** Undefined for the primary key. */
  readonly index: TableIndex | undefined;
  readonly parts: KeyParts;
  /** Of an inverted index, instead of `parts`. */
  readonly searches?: readonly Search[];
}

/** Of a key in memory, besides its bytes. */
const KEY_BYTES = 96;

export class UnionScan implements Operator {
  readonly #table: CatalogTable;
  readonly #parts: readonly UnionPart[];
  readonly #context: ExecutionContext;
  readonly #reader: RowReader;
  readonly #budget: MemoryBudget;
  /** Undefined until the keys are gathered. */
  #rows: KeyedRows | undefined;

  constructor(table: CatalogTable, parts: readonly UnionPart[], reader: PlannedReader, context: ExecutionContext) {
    this.#table = table;
    this.#parts = parts;
    this.#reader = new RowReader(reader, context);
    this.#context = context;
    this.#budget = new MemoryBudget('a union of index ranges', context);
  }

  get removed(): number {
    return this.#reader.removed;
  }

  next(): Awaitable<RowBatch | undefined> {
    return this.#rows === undefined ? this.#gather().then((rows) => rows.next()) : this.#rows.next();
  }

  close(): void {
    this.#rows ??= new KeyedRows([], this.#reader, this.#context);
    this.#rows.close();
    this.#budget.clear();
  }

  async #gather(): Promise<KeyedRows> {
    const keys: Key[] = [];
    const add = (key: Key): void => {
      this.#budget.takeBytes(key.length + KEY_BYTES);
      keys.push(key);
    };
    for (const { index, parts, searches } of this.#parts) {
      if (index === undefined || searches === undefined) await this.#gatherRanges(index, parts, add);
      else {
        const rows = openPostings(index, searches, this.#context, this.#budget);
        if (rows === undefined) await this.#gatherRanges(undefined, WHOLE, add);
        else await eachPosting(rows, this.#context, (row) => add(index.inverted!.rowKey(row)));
      }
    }
    // Unless closed meanwhile.
    this.#rows ??= new KeyedRows(distinctKeys(keys), this.#reader, this.#context);
    return this.#rows;
  }

  async #gatherRanges(index: TableIndex | undefined, parts: KeyParts, add: (key: Key) => void): Promise<void> {
    const ranges =
      index === undefined
        ? primaryRanges(this.#table, parts, this.#context)
        : indexRanges(index.keys, parts, this.#context);
    for (const range of ranges) {
      const cursor = this.#context.scan(range, { keysOnly: index === undefined });
      try {
        for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
          for (const { key, value } of batch) add(index === undefined ? key : index.keys.rowKey(key, value));
          await this.#context.pause();
        }
      } finally {
        cursor.close();
      }
    }
  }
}
