/**
 * The rows whose primary key begins with some values and whose next column lies between two bounds, in the order of the
 * key or in reverse. Without values and bounds: the whole table. Holds one batch of the store's cursor.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { prefixEnd } from '../../../base/bytes.ts';
import type { KeyRange } from '../../../storage/key-range.ts';
import type { Cursor, Entry } from '../../../storage/store.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export interface KeyBound {
  readonly value: Evaluate;
  readonly inclusive: boolean;
}

export interface RangeScanOptions {
  /** Values of the first columns of the primary key. */
  readonly prefix: readonly Evaluate[];
  readonly low: KeyBound | undefined;
  readonly high: KeyBound | undefined;
  readonly reverse: boolean;
  /** False when nobody looks at the rows, only counts them: then rows are empty. */
  readonly decode: boolean;
}

const COUNTED_ROW: ExecutionRow = [];

export class RangeScan implements Operator {
  readonly #table: CatalogTable;
  readonly #options: RangeScanOptions;
  readonly #context: ExecutionContext;
  readonly #rowsMax: number | undefined;
  #cursor: Cursor | undefined;
  #done = false;

  /** @param rowsMax At most this many rows are read. */
  constructor(table: CatalogTable, options: RangeScanOptions, context: ExecutionContext, rowsMax: number | undefined) {
    this.#table = table;
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
    }
    const entries = this.#cursor.next();
    return isPromise(entries) ? entries.then((late) => this.#batch(late)) : this.#batch(entries);
  }

  #batch(entries: readonly Entry[] | undefined): RowBatch | undefined {
    if (entries === undefined) {
      this.close();
      return undefined;
    }
    if (!this.#options.decode) return new Array<ExecutionRow>(entries.length).fill(COUNTED_ROW);
    const rows: ExecutionRow[] = new Array(entries.length);
    const { codec } = this.#table;
    for (let i = 0; i < entries.length; i++) rows[i] = codec.decode(entries[i]!.key, entries[i]!.value);
    return rows;
  }

  /** Undefined when a value is null, which equals and bounds nothing. */
  #range(): KeyRange | undefined {
    const { keys } = this.#table.codec;
    const { low, high } = this.#options;
    const prefix: SqlValue[] = [];
    for (const evaluate of this.#options.prefix) {
      const value = evaluate([], this.#context);
      if (value === null) return undefined;
      prefix.push(value);
    }
    let { start, end } = keys.range(prefix);
    if (low !== undefined) {
      const value = low.value([], this.#context);
      if (value === null) return undefined;
      const key = keys.key([...prefix, value]);
      start = low.inclusive ? key : prefixEnd(key)!;
    }
    if (high !== undefined) {
      const value = high.value([], this.#context);
      if (value === null) return undefined;
      const key = keys.key([...prefix, value]);
      end = high.inclusive ? prefixEnd(key) : key;
    }
    return { start, end };
  }
}
