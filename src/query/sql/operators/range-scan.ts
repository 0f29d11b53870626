/**
 * The rows whose primary key begins with some values and whose next column lies between two bounds, in the order of the
 * key or in reverse. Without values and bounds: the whole table. Holds one batch of the store's cursor.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { prefixEnd } from '../../../base/bytes.ts';
import type { KeyRange } from '../../../storage/key-range.ts';
import { PackedEntries } from '../../../storage/packed-entries.ts';
import type { Cursor, Entry } from '../../../storage/store.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { type KeyParts, keyRanges } from './key-parts.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

export interface RangeScanOptions {
  /** Of the primary key. */
  readonly parts: KeyParts;
  readonly reverse: boolean;
  /** Undefined when nobody looks at the rows, only counts them: then rows are empty. */
  readonly reader: PlannedReader | undefined;
}

const COUNTED_ROW: ExecutionRow = [];

export function primaryRanges(
  { codec: { keys } }: CatalogTable,
  parts: KeyParts,
  context: ExecutionContext,
): readonly KeyRange[] {
  return keyRanges(parts, context, (prefix, low, high) => {
    let { start, end } = keys.range(prefix);
    if (low !== undefined) {
      const key = keys.key([...prefix, low.value]);
      start = low.inclusive ? key : prefixEnd(key)!;
    }
    if (high !== undefined) {
      const key = keys.key([...prefix, high.value]);
      end = high.inclusive ? prefixEnd(key) : key;
    }
    return { start, end };
  });
}

export class RangeScan implements Operator {
  readonly #table: CatalogTable;
  readonly #options: RangeScanOptions;
  readonly #context: ExecutionContext;
  readonly #reader: RowReader | undefined;
  readonly #rowsMax: number | undefined;
  /** Still to be read, the next one last. */
  #ranges: KeyRange[] | undefined;
  #cursor: Cursor | undefined;
  #done = false;

  /** @param rowsMax At most this many rows of each range are read. */
  constructor(table: CatalogTable, options: RangeScanOptions, context: ExecutionContext, rowsMax: number | undefined) {
    this.#table = table;
    this.#options = options;
    this.#context = context;
    this.#reader = options.reader && new RowReader(options.reader, context);
    this.#rowsMax = rowsMax;
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
    if (this.#cursor === undefined) {
      this.#ranges ??= this.#allRanges();
      const range = this.#ranges.pop();
      if (range === undefined) {
        this.#done = true;
        return undefined;
      }
      const limit = this.#rowsMax === undefined ? {} : { limit: this.#rowsMax };
      const { reverse, reader } = this.#options;
      this.#cursor = this.#context.scan(range, { reverse, keysOnly: reader === undefined, ...limit });
    }
    const cursor = this.#cursor;
    const entries = cursor.nextPacked === undefined ? cursor.next() : cursor.nextPacked();
    return isPromise(entries) ? entries.then((late) => this.#batch(late)) : this.#batch(entries);
  }

  #batch(entries: PackedEntries | readonly Entry[] | undefined): RowBatch | undefined {
    if (entries === undefined) {
      this.#cursor?.close();
      this.#cursor = undefined;
      return this.#done ? undefined : [];
    }
    const reader = this.#reader;
    const packed = entries instanceof PackedEntries;
    if (reader === undefined) {
      return new Array<ExecutionRow>(packed ? entries.count : entries.length).fill(COUNTED_ROW);
    }
    const rows: ExecutionRow[] = [];
    if (packed) {
      reader.readAll(entries, rows);
      return rows;
    }
    for (let i = 0; i < entries.length; i++) {
      const { key, value } = entries[i]!;
      const row = reader.read(key, value);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #allRanges(): KeyRange[] {
    const ranges = primaryRanges(this.#table, this.#options.parts, this.#context);
    return this.#options.reverse ? [...ranges] : ranges.toReversed();
  }
}
