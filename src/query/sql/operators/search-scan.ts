/**
 * The rows that searches in an inverted index find, in the order of the primary key: read as they are found, some together, and tested by
 * the conditions that they are searched for by. Where the values that are searched for have no terms the whole table is read.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { type Bytes, EMPTY_BYTES, keySuccessor } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import { WHOLE } from './key-parts.ts';
import { KEYS_AT_ONCE, KeyedRows } from './keyed-rows.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, Operator, RowBatch } from './operator.ts';
import { openPostings, type Postings, type Search } from './postings.ts';
import { RangeScan } from './range-scan.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

/** Rows that are read together at first, where a limit may want no more. */
const KEYS_AT_FIRST = 16;

export class SearchScan implements Operator {
  readonly #table: CatalogTable;
  readonly #index: TableIndex;
  readonly #searches: readonly Search[];
  readonly #planned: PlannedReader;
  readonly #context: ExecutionContext;
  readonly #reader: RowReader;
  readonly #budget: MemoryBudget;
  /** Undefined until the first row is asked for. */
  #postings: Postings | undefined;
  #whole: RangeScan | undefined;
  #from: Bytes = EMPTY_BYTES;
  #keysMax = KEYS_AT_FIRST;
  #done = false;

  constructor(
    table: CatalogTable,
    index: TableIndex,
    searches: readonly Search[],
    reader: PlannedReader,
    context: ExecutionContext,
  ) {
    this.#table = table;
    this.#index = index;
    this.#searches = searches;
    this.#planned = reader;
    this.#context = context;
    this.#reader = new RowReader(reader, context);
    this.#budget = new MemoryBudget('a search for many terms', context);
  }

  get removed(): number {
    return this.#reader.removed + (this.#whole?.removed ?? 0);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    if (this.#whole === undefined && this.#postings === undefined) {
      this.#postings = openPostings(this.#index, this.#searches, this.#context, this.#budget);
      if (this.#postings === undefined) {
        const options = { parts: WHOLE, reverse: false, reader: () => this.#planned };
        this.#whole = new RangeScan(this.#table, options, this.#context, undefined);
      }
    }
    return this.#whole === undefined ? this.#pull(this.#postings!) : this.#whole.next();
  }

  close(): void {
    this.#done = true;
    this.#postings?.close();
    this.#whole?.close();
    this.#budget.clear();
  }

  async #pull(postings: Postings): Promise<RowBatch | undefined> {
    while (!this.#done) {
      const pause = this.#context.pause();
      if (pause !== undefined) await pause;
      const keys: Key[] = [];
      while (keys.length < this.#keysMax) {
        const found = postings.seek(this.#from);
        const row = isPromise(found) ? await found : found;
        if (row === undefined) break;
        keys.push(this.#index.inverted!.rowKey(row));
        this.#from = keySuccessor(row);
      }
      if (keys.length < this.#keysMax) {
        this.#done = true;
        postings.close();
        this.#budget.clear();
      }
      this.#keysMax = Math.min(KEYS_AT_ONCE, this.#keysMax * 2);
      const rows = await new KeyedRows(keys, this.#reader, this.#context).next();
      if (rows !== undefined) return rows;
    }
    return undefined;
  }
}
