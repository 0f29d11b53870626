/**
 * Joins each row of the input with the rows of a table that its values name: by the whole primary key, by its first
 * columns, or by the first parts of an index. The keys of a batch of input rows are looked up together. Kinds and order are
 * as in join.ts.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { Key, KeyRange } from '../../../storage/key-range.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { JoinKind } from './join.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { type PlannedReader, RowReader } from './row-reader.ts';

export interface LookupJoinOptions {
  readonly kind: Exclude<JoinKind, 'full'>;
  readonly table: CatalogTable;
  /** Undefined for the primary key. */
  readonly index: TableIndex | undefined;
  /** Of the first parts of the key, over rows of the input. */
  readonly values: readonly Evaluate[];
  /** Whether the values are a whole primary key. */
  readonly isWhole: boolean;
  /** Makes partners, and leaves out those that cannot be one whatever the row. */
  readonly reader: PlannedReader;
  /** What else must be true of a joined row. */
  readonly condition: Evaluate | undefined;
  /** Values in a partner. */
  readonly width: number;
}

const BATCH_ROWS = 512;
/** Rows of the input that are looked up together. */
const LOOKUP_ROWS = 256;

export class LookupJoin implements Operator {
  readonly #input: Operator;
  readonly #options: LookupJoinOptions;
  readonly #context: ExecutionContext;
  readonly #reader: RowReader;
  readonly #nulls: readonly null[];
  #rows: RowBatch = [];
  #position = 0;
  #out: ExecutionRow[] = [];
  #ended = false;
  readonly #batchRows: number;

  /** @param rowsMax At most so many rows will be asked for. */
  constructor(input: Operator, options: LookupJoinOptions, context: ExecutionContext, rowsMax: number = BATCH_ROWS) {
    this.#batchRows = Math.min(BATCH_ROWS, rowsMax);
    this.#input = input;
    this.#options = options;
    this.#context = context;
    this.#reader = new RowReader(options.reader, context);
    this.#nulls = new Array<null>(options.width).fill(null);
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#out.length >= this.#batchRows || (this.#ended && this.#out.length > 0)) return this.#take();
      if (this.#ended) return undefined;
      const pause = this.#context.pause();
      const step = pause === undefined ? this.#step() : pause.then(() => this.#step());
      if (isPromise(step)) return step.then(() => this.next());
    }
  }

  close(): void {
    this.#ended = true;
    this.#rows = [];
    this.#out = [];
    this.#input.close();
  }

  #take(): RowBatch {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #step(): Awaitable<void> {
    if (this.#position >= this.#rows.length) {
      const batch = this.#input.next();
      return isPromise(batch) ? batch.then((late) => this.#begin(late)) : this.#begin(batch);
    }
    if (this.#options.isWhole) return this.#lookUpPoints();
    return this.#lookUpRange();
  }

  #begin(batch: RowBatch | undefined): void {
    if (this.#ended) return;
    this.#rows = batch ?? [];
    this.#position = 0;
    this.#ended = batch === undefined;
  }

  /** Undefined where one of them is null, which equals nothing. */
  #valuesOf(row: ExecutionRow): SqlValue[] | undefined {
    const { values } = this.#options;
    const found: SqlValue[] = new Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!(row, this.#context);
      if (value === null) return undefined;
      found[i] = value;
    }
    return found;
  }

  // --- One partner at most for each row

  #lookUpPoints(): Awaitable<void> {
    const rows = this.#rows.slice(this.#position, this.#position + LOOKUP_ROWS);
    this.#position += rows.length;
    const { keys: rowKeys } = this.#options.table.codec;
    const keys: Key[] = [];
    /** The key of each row; -1 for those that have none. */
    const places = new Int32Array(rows.length);
    for (let i = 0; i < rows.length; i++) {
      const values = this.#valuesOf(rows[i]!);
      places[i] = values === undefined ? -1 : keys.push(rowKeys.key(values)) - 1;
    }
    if (keys.length === 0) return this.#joinPoints(rows, places, keys, []);
    const context = this.#context;
    const found = keys.length === 1 ? context.get(keys[0]!) : context.batchGet(keys);
    if (isPromise(found)) return found.then((late) => this.#joinPoints(rows, places, keys, valuesIn(late)));
    return this.#joinPoints(rows, places, keys, valuesIn(found));
  }

  #joinPoints(rows: RowBatch, places: Int32Array, keys: readonly Key[], values: readonly (Bytes | undefined)[]): void {
    for (let i = 0; i < rows.length; i++) {
      const place = places[i]!;
      const value = place < 0 ? undefined : values[place];
      const partner = value && this.#reader.read(keys[place]!, value);
      const row = rows[i]!;
      this.#finish(row, partner !== undefined && this.#join(row, partner));
    }
  }

  // --- Any number of partners

  #lookUpRange(): Awaitable<void> {
    const row = this.#rows[this.#position++]!;
    const values = this.#valuesOf(row);
    if (values === undefined) {
      this.#finish(row, false);
      return undefined;
    }
    const { table, index } = this.#options;
    const range: KeyRange = index === undefined ? table.codec.keys.range(values) : index.keys.range(values);
    const cursor = this.#context.scan(range, {});
    let found = false;
    const read = (): Awaitable<void> => {
      for (;;) {
        const entries = cursor.next();
        if (isPromise(entries)) return entries.then((late) => (late === undefined ? end() : again(take(late))));
        if (entries === undefined) return end();
        const taken = take(entries);
        if (isPromise(taken)) return taken.then(read);
        if (found && this.#stopsEarly) return end();
      }
    };
    const again = (taken: Awaitable<void>): Awaitable<void> =>
      whenReady(taken, () => (found && this.#stopsEarly ? end() : read()));
    const end = (): void => {
      cursor.close();
      this.#finish(row, found);
    };
    const take = (entries: readonly { readonly key: Key; readonly value: Bytes }[]): Awaitable<void> => {
      if (index === undefined) {
        for (const { key, value } of entries) found = this.#meet(row, key, value) || found;
        return undefined;
      }
      const keys = entries.map(({ key, value }) => index.keys.rowKey(key, value));
      const context = this.#context;
      const rows = keys.length === 1 ? context.get(keys[0]!) : context.batchGet(keys);
      return whenReady(rows, (late) => {
        const all = valuesIn(late);
        for (let i = 0; i < keys.length; i++) {
          const value = all[i];
          if (value !== undefined) found = this.#meet(row, keys[i]!, value) || found;
        }
      });
    };
    return read();
  }

  /** One partner is enough. */
  get #stopsEarly(): boolean {
    return this.#options.kind === 'semi' || this.#options.kind === 'anti';
  }

  #meet(row: ExecutionRow, key: Key, value: Bytes): boolean {
    const partner = this.#reader.read(key, value);
    return partner !== undefined && this.#join(row, partner);
  }

  /** @returns whether they are partners. */
  #join(row: ExecutionRow, partner: ExecutionRow): boolean {
    const { condition, kind } = this.#options;
    if (condition === undefined && (kind === 'semi' || kind === 'anti')) return true;
    const joined = row.concat(partner);
    if (condition !== undefined && condition(joined, this.#context) !== true) return false;
    if (kind === 'inner' || kind === 'left') this.#out.push(joined);
    return true;
  }

  #finish(row: ExecutionRow, found: boolean): void {
    const { kind } = this.#options;
    if (found ? kind === 'semi' : kind === 'anti') this.#out.push(row);
    else if (!found && kind === 'left') this.#out.push([...row, ...this.#nulls]);
  }
}

function valuesIn(found: Bytes | undefined | readonly (Bytes | undefined)[]): readonly (Bytes | undefined)[] {
  return Array.isArray(found) ? found : [found as Bytes | undefined];
}
