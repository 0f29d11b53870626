/**
 * The rows whose primary key begins with some values and whose next column lies between two bounds, in the order of the
 * key or in reverse. Without values and bounds: the whole table. Holds one batch of the store's cursor.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { prefixEnd } from '../../../base/bytes.ts';
import { gather } from '../../../models/relational/column-vector.ts';
import type { FieldReader } from '../../../models/relational/field-reader.ts';
import type { VectorReader } from '../../../models/relational/vector-reader.ts';
import type { KeyRange } from '../../../storage/key-range.ts';
import { PackedEntries } from '../../../storage/packed-entries.ts';
import type { Cursor } from '../../../storage/store.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { ColumnBatch } from '../vectors/column-batch.ts';
import type { VectorTest } from '../vectors/vector-code.ts';
import { type KeyParts, keyRanges } from './key-parts.ts';
import type {
  ColumnSource,
  ExecutionContext,
  ExecutionRow,
  Operator,
  RowBatch,
  StoredEntries,
  StoredRows,
} from './operator.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

export interface RangeScanOptions {
  /** Of the primary key. */
  readonly parts: KeyParts;
  readonly reverse: boolean;
  /** Undefined when nobody looks at the rows, only counts them: then rows are empty. */
  readonly reader: (() => PlannedReader) | undefined;
  /** What writes out places of a row; undefined where nobody may ask for it, rows are tested, or it cannot be. */
  readonly fields?: ((places: readonly number[]) => FieldReader | undefined) | undefined;
  /** The same for vectors; undefined where nobody may ask for them. */
  readonly vectors?: (() => PlannedVectors) | undefined;
}

export interface PlannedVectors {
  /** Of all places of a row; undefined when there are none. */
  readonly reader: VectorReader | undefined;
  readonly test: VectorTest | undefined;
  /** For each place whether anybody but the test looks at it. What nobody looks at may be null. */
  readonly kept: readonly boolean[];
}

const COUNTED_ROW: ExecutionRow = [];

function notEmpty(entries: StoredEntries): StoredEntries | undefined {
  return (entries instanceof PackedEntries ? entries.count : entries.length) === 0 ? undefined : entries;
}

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
  /** Once rows are made. */
  #reader: RowReader | undefined;
  readonly #rowsMax: number | undefined;
  /** Still to be read, the next one last. */
  #ranges: KeyRange[] | undefined;
  #cursor: Cursor | undefined;
  #done = false;
  #unmet = 0;
  /** Of the rows of a batch that are left. */
  #places: Int32Array | undefined;

  /** @param rowsMax At most this many rows of each range are read. */
  constructor(table: CatalogTable, options: RangeScanOptions, context: ExecutionContext, rowsMax: number | undefined) {
    this.#table = table;
    this.#options = options;
    this.#context = context;
    this.#rowsMax = rowsMax;
  }

  get removed(): number {
    return this.#unmet + (this.#reader?.removed ?? 0);
  }

  next(): Awaitable<RowBatch | undefined> {
    return this.#advance((entries) => this.#rows(entries));
  }

  storedRows(places: readonly number[]): StoredRows | undefined {
    const { reverse, fields } = this.#options;
    if (reverse) return undefined;
    const found = fields?.(places);
    return found && { fields: found, next: () => this.#advance(notEmpty) };
  }

  get columns(): ColumnSource | undefined {
    const { reverse, vectors } = this.#options;
    if (reverse || vectors === undefined) return undefined;
    const planned = vectors();
    return {
      next: () => this.#advance((entries) => this.#vectors(entries, planned)),
      close: () => this.close(),
    };
  }

  close(): void {
    this.#done = true;
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  /** What is made of the next entries that anything is made of. */
  #advance<T>(make: (entries: StoredEntries) => T | undefined): Awaitable<T | undefined> {
    for (;;) {
      if (this.#done) return undefined;
      const pause = this.#context.pause();
      const entries = pause === undefined ? this.#pull() : pause.then(() => this.#pull());
      if (isPromise(entries)) return entries.then((late) => (late && make(late)) ?? this.#advance(make));
      const made = entries && make(entries);
      if (made !== undefined) return made;
    }
  }

  /** Undefined at the end of a range. */
  #pull(): Awaitable<StoredEntries | undefined> {
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
    return isPromise(entries) ? entries.then((late) => this.#pulled(late)) : this.#pulled(entries);
  }

  #pulled(entries: StoredEntries | undefined): StoredEntries | undefined {
    if (entries === undefined) {
      this.#cursor?.close();
      this.#cursor = undefined;
    }
    return entries;
  }

  #rows(entries: StoredEntries): RowBatch | undefined {
    const { reader: planned } = this.#options;
    const packed = entries instanceof PackedEntries;
    if (planned === undefined) {
      return new Array<ExecutionRow>(packed ? entries.count : entries.length).fill(COUNTED_ROW);
    }
    this.#reader ??= new RowReader(planned(), this.#context);
    const reader = this.#reader;
    const rows: ExecutionRow[] = [];
    if (packed) reader.readAll(entries, rows);
    else {
      for (let i = 0; i < entries.length; i++) {
        const { key, value } = entries[i]!;
        const row = reader.read(key, value);
        if (row !== undefined) rows.push(row);
      }
    }
    return rows.length === 0 ? undefined : rows;
  }

  #vectors(entries: StoredEntries, { reader, test, kept }: PlannedVectors): ColumnBatch | undefined {
    const packed = entries instanceof PackedEntries ? entries : PackedEntries.of(entries);
    const { count } = packed;
    const vectors = reader === undefined ? [] : reader.read(packed);
    const all = new ColumnBatch(count, kept.length, (place) => vectors[place]!);
    if (test === undefined) return all;
    this.#places ??= new Int32Array(count);
    if (this.#places.length < count) this.#places = new Int32Array(count);
    for (let i = 0; i < count; i++) this.#places[i] = i;
    const left = test(all, this.#places, count, this.#context);
    this.#unmet += count - left;
    if (left === 0) return undefined;
    if (left === count) return all;
    const places = this.#places.slice(0, left);
    return new ColumnBatch(left, kept.length, (place) =>
      kept[place]! ? gather(vectors[place]!, places, left) : { kind: 'values', values: new Array(left).fill(null) },
    );
  }

  #allRanges(): KeyRange[] {
    const ranges = primaryRanges(this.#table, this.#options.parts, this.#context);
    return this.#options.reverse ? [...ranges] : ranges.toReversed();
  }
}
