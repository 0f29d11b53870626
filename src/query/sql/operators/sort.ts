/**
 * ORDER BY where no key gives the order. What does not fit into the statement's memory is sorted in temporary files (see
 * sorter.ts); with a small limit only the wanted rows are held.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { Compare } from '../types/compare.ts';
import type { SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { type CompareKeys, type SortedRows, Sorter } from './sorter.ts';

export interface SortKey {
  readonly value: Evaluate;
  /** Where in the row it stands, where nothing has to be computed. */
  readonly place?: number | undefined;
  readonly compare: Compare;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

const BATCH_ROWS = 512;

export class Sort implements Operator {
  readonly #input: Operator;
  readonly #keys: readonly SortKey[];
  /** Where all keys stand in the row, which is then compared itself; undefined where any is computed. */
  readonly #places: readonly number[] | undefined;
  readonly #context: ExecutionContext;
  readonly #sorter: Sorter;
  #wanted: number;
  #sorted: SortedRows | undefined;
  #closed = false;

  /** @param rowsMax How many rows are wanted; Infinity for all. */
  constructor(input: Operator, keys: readonly SortKey[], context: ExecutionContext, rowsMax: number) {
    this.#input = input;
    this.#keys = keys;
    this.#context = context;
    this.#wanted = rowsMax;
    this.#places = placesOf(keys);
    const compare = this.#places === undefined ? keyComparator(keys) : rowComparator(keys, this.#places);
    this.#sorter = new Sorter({ what: 'a sort', compare, rowsMax, byRow: this.#places !== undefined }, context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#closed) return undefined;
    if (this.#sorted !== undefined) return this.#emit(this.#sorted);
    return whenReady(
      drain(this.#input, this.#context, (batch) => this.#take(batch, 0)),
      () =>
        whenReady(this.#sorter.finish(), (sorted) => {
          this.#sorted = sorted;
          return this.#emit(sorted);
        }),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.close();
    this.#sorter.close();
    this.#sorted = undefined;
  }

  #take(batch: RowBatch, from: number): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const row = batch[i]!;
      const full = this.#sorter.add(row, this.#places === undefined ? keysOf(this.#keys, row, this.#context) : row);
      if (full !== undefined) return full.then(() => this.#take(batch, i + 1));
    }
  }

  #emit(sorted: SortedRows): Awaitable<RowBatch | undefined> {
    const rows = sorted.batch(Math.min(BATCH_ROWS, this.#wanted));
    return isPromise(rows) ? rows.then((late) => this.#emitted(late)) : this.#emitted(rows);
  }

  #emitted(rows: RowBatch): RowBatch | undefined {
    this.#wanted -= rows.length;
    if (rows.length > 0) return rows;
    this.close();
    return undefined;
  }
}

export function keysOf(keys: readonly SortKey[], row: ExecutionRow, context: ExecutionContext): SqlValue[] {
  const values = new Array<SqlValue>(keys.length);
  for (let i = 0; i < keys.length; i++) values[i] = keys[i]!.value(row, context);
  return values;
}

/** Which of two rows comes first, by the values of their keys. */
export function compareKeys(keys: readonly SortKey[], a: readonly SqlValue[], b: readonly SqlValue[]): number {
  for (let i = 0; i < keys.length; i++) {
    const order = compareKey(keys[i]!, a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return 0;
}

function compareKey({ compare, descending, nullsFirst }: SortKey, x: SqlValue, y: SqlValue): number {
  if (x === null || y === null) {
    if (x === y) return 0;
    return (x === null) === nullsFirst ? -1 : 1;
  }
  const order = compare(x, y);
  return descending ? -order : order;
}

function placesOf(keys: readonly SortKey[]): readonly number[] | undefined {
  const places: number[] = [];
  for (const { place } of keys) {
    if (place === undefined) return undefined;
    places.push(place);
  }
  return places;
}

/** Which of two rows comes first, by the keys that stand in them at these places. */
function rowComparator(keys: readonly SortKey[], places: readonly number[]): CompareKeys {
  return (a, b) => {
    for (let i = 0; i < keys.length; i++) {
      const place = places[i]!;
      const order = compareKey(keys[i]!, a[place]!, b[place]!);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** As `compareKeys`, with the keys built in. */
export function keyComparator(keys: readonly SortKey[]): CompareKeys {
  const [first] = keys;
  if (first === undefined) return () => 0;
  if (keys.length === 1) return (a, b) => compareKey(first, a[0]!, b[0]!);
  return (a, b) => compareKeys(keys, a, b);
}
