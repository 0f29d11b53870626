/**
 * Groups of rows that come as vectors, and their aggregates: the counterpart of the groups of operators/aggregate.ts, for
 * as long as groups find room. Sums, averages and counts are added up in plain memory, all others by the accumulators of
 * functions/aggregates.ts. Groups keep the order of their first rows.
 */

import { type ColumnVector, gather, valueAt } from '../../../models/relational/column-vector.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import type { Accumulator, AggregateFunction } from '../functions/aggregates.ts';
import type { EvaluationContext } from '../functions/evaluation.ts';
import type { SqlType } from '../types/types.ts';
import { valueBytes } from '../types/value-bytes.ts';
import { CodeTable } from './code-table.ts';
import { ColumnBatch } from './column-batch.ts';
import { HeldColumns } from './held-columns.ts';
import { KeyCodes } from './key-codes.ts';
import type { VectorCode, VectorTest } from './vector-code.ts';

export interface VectorAggregate {
  readonly function: AggregateFunction;
  /** Undefined counts rows. */
  readonly argument: VectorCode | undefined;
  readonly filter: VectorTest | undefined;
}

export interface VectorGrouping {
  /** What rows are grouped by; empty for one group of all. */
  readonly keys: readonly VectorCode[];
  readonly types: readonly SqlType[];
  readonly aggregates: readonly VectorAggregate[];
}

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
const GROUPS_FIRST = 64;
/** The place of a key in the columns of the groups and in the table. */
const VALUE_BYTES = 24;

/** Sums of one aggregate, by group. */
class Sums {
  /** What is not yet in an accumulator: digits at `scale`, and how many values. */
  digits: Float64Array;
  counts: Float64Array;
  scale = 0;

  constructor(groups: number) {
    this.digits = new Float64Array(groups);
    this.counts = new Float64Array(groups);
  }

  reserve(groups: number): void {
    if (groups <= this.counts.length) return;
    const [digits, counts] = [this.digits, this.counts];
    const capacity = Math.max(groups, counts.length * 2);
    this.digits = new Float64Array(capacity);
    this.digits.set(digits);
    this.counts = new Float64Array(capacity);
    this.counts.set(counts);
  }
}

export class VectorGroups {
  readonly #grouping: VectorGrouping;
  readonly #context: EvaluationContext;
  readonly #hasRoom: (keyBytes: number) => boolean;
  /** Undefined before the first row, and where there is but one group. */
  #table: CodeTable | undefined;
  readonly #encoders: readonly KeyCodes[];
  /** The keys of each group. */
  readonly #keys: HeldColumns;
  #count = 0;
  /** For each aggregate; undefined where only accumulators add. */
  readonly #sums: readonly (Sums | undefined)[];
  /** For each aggregate those of the groups that have one. */
  readonly #accumulators: Accumulator[][];
  #encodedBytes = 0;
  readonly #isGrouped: boolean;
  readonly #isFiltered: boolean;
  #codes: Int32Array[] = [];
  #numbers = new Int32Array(0);
  #places = new Int32Array(0);
  /** Groups of the rows that a filter lets through. */
  #passing = new Int32Array(0);

  /** @param hasRoom Asked before a group is made, with the bytes of its keys. */
  constructor(grouping: VectorGrouping, context: EvaluationContext, hasRoom: (keyBytes: number) => boolean) {
    this.#grouping = grouping;
    this.#context = context;
    this.#hasRoom = hasRoom;
    this.#keys = new HeldColumns(grouping.keys.length);
    this.#isGrouped = grouping.keys.length > 0;
    this.#isFiltered = grouping.aggregates.some(({ filter }) => filter !== undefined);
    const groups = this.#isGrouped ? GROUPS_FIRST : 1;
    this.#encoders = grouping.types.map((type) => new KeyCodes(type));
    this.#sums = grouping.aggregates.map(({ function: found }) =>
      found.create().addSum === undefined ? undefined : new Sums(groups),
    );
    this.#accumulators = grouping.aggregates.map(() => []);
    if (!this.#isGrouped) this.#count = 1;
  }

  get count(): number {
    return this.#count;
  }

  /** @returns the places of rows for whose groups there is no room; undefined when there are none. */
  take(batch: ColumnBatch): readonly number[] | undefined {
    const { count } = batch;
    if (this.#numbers.length < count) {
      this.#numbers = new Int32Array(count);
      if (this.#isGrouped || this.#isFiltered) this.#places = new Int32Array(count);
      if (this.#isFiltered) this.#passing = new Int32Array(count);
      if (this.#isGrouped) this.#codes = Array.from({ length: this.#encoders.length + 1 }, () => new Int32Array(count));
    }
    const left = this.#isGrouped ? this.#number(batch) : undefined;
    const { aggregates } = this.#grouping;
    for (let i = 0; i < aggregates.length; i++) this.#add(i, aggregates[i]!, batch);
    return left;
  }

  /** The group's values, then the results of the aggregates. */
  rowAt(group: number): ColumnValue[] {
    const row: ColumnValue[] = [];
    for (let k = 0; k < this.#encoders.length; k++) row.push(valueAt(this.#keys.column(k), group));
    for (let i = 0; i < this.#sums.length; i++) {
      this.#settle(i, group);
      row.push(this.#accumulator(i, group).result());
    }
    return row;
  }

  /** Finds out which group each row belongs to; -1 where there is no room for it. */
  #number(batch: ColumnBatch): readonly number[] | undefined {
    const { count } = batch;
    const { keys } = this.#grouping;
    const numbers = this.#numbers;
    const codes = this.#codes;
    const nulls = codes[keys.length]!.fill(0, 0, count);
    const vectors: ColumnVector[] = [];
    for (let k = 0; k < keys.length; k++) {
      const vector = keys[k]!(batch, this.#context);
      vectors.push(vector);
      this.#encoders[k]!.read(vector, count, codes[k]!, nulls, 1 << k, true);
    }
    const encodedBytes = this.#encoders.reduce((sum, { bytes }) => sum + bytes, 0);
    let moreBytes = encodedBytes - this.#encodedBytes;
    this.#encodedBytes = encodedBytes;
    // One code more than keys: which of them are null.
    this.#table ??= new CodeTable(keys.length + 1);
    const table = this.#table;
    let left: number[] | undefined;
    const begun = this.#places;
    let begins = 0;
    for (let i = 0; i < count; i++) {
      let number = table.find(codes, i);
      if (number < 0) {
        if (this.#hasRoom(moreBytes + keyBytesAt(vectors, i))) {
          moreBytes = 0;
          number = table.add(codes, i);
          begun[begins++] = i;
        } else {
          left ??= [];
          left.push(i);
        }
      }
      numbers[i] = number;
    }
    if (begins > 0) {
      this.#keys.add(new ColumnBatch(begins, keys.length, (k) => gather(vectors[k]!, begun, begins)));
      this.#count += begins;
      for (const sums of this.#sums) sums?.reserve(this.#count);
    }
    return left;
  }

  /** The argument is computed of rows that the filter lets through, and of no others: of those it may fail. */
  #add(which: number, { argument, filter }: VectorAggregate, all: ColumnBatch): void {
    let batch = all;
    let numbers = this.#numbers;
    if (filter !== undefined) {
      const places = this.#places;
      for (let i = 0; i < all.count; i++) places[i] = i;
      batch = all.select(places, filter(all, places, all.count, this.#context));
      numbers = this.#passing;
      for (let i = 0; i < batch.count; i++) numbers[i] = this.#numbers[places[i]!]!;
    }
    const { count } = batch;
    const sums = this.#sums[which];
    const vector = count === 0 ? undefined : argument?.(batch, this.#context);
    if (sums !== undefined && (vector === undefined || this.#grouping.aggregates[which]!.function.name === 'count')) {
      for (let i = 0; i < count; i++) {
        const number = numbers[i]!;
        if (number < 0 || (vector !== undefined && isNullAt(vector, i))) continue;
        sums.counts[number]!++;
      }
      return;
    }
    if (sums !== undefined && vector !== undefined && (vector.kind === 'int' || vector.kind === 'decimal')) {
      const scale = vector.kind === 'int' ? 0 : vector.scale;
      if (scale !== sums.scale) {
        for (let group = 0; group < this.count; group++) this.#settle(which, group);
        sums.scale = scale;
      }
      this.#addNumbers(which, sums, vector, numbers, count);
      return;
    }
    for (let i = 0; i < count; i++) {
      const number = numbers[i]!;
      if (number < 0) continue;
      const value = vector === undefined ? true : valueAt(vector, i);
      if (value !== null) this.#accumulator(which, number).add(value);
    }
  }

  #addNumbers(
    which: number,
    sums: Sums,
    { values, nulls }: { readonly values: Int32Array | Float64Array; readonly nulls: Uint8Array | undefined },
    numbers: Int32Array,
    count: number,
  ): void {
    const { digits, counts } = sums;
    for (let i = 0; i < count; i++) {
      const number = numbers[i]!;
      if (number < 0 || (nulls !== undefined && nulls[i] !== 0)) continue;
      const sum = digits[number]! + values[i]!;
      if (sum <= SAFE_MAX && sum >= -SAFE_MAX) digits[number] = sum;
      else {
        this.#settle(which, number);
        digits[number] = values[i]!;
      }
      counts[number]!++;
    }
  }

  /** Puts what was added up into the accumulator of a group. */
  #settle(which: number, group: number): void {
    const sums = this.#sums[which];
    if (sums === undefined || sums.counts[group] === 0) return;
    this.#accumulator(which, group).addSum!(sums.digits[group]!, sums.scale, sums.counts[group]!);
    sums.digits[group] = 0;
    sums.counts[group] = 0;
  }

  #accumulator(which: number, group: number): Accumulator {
    const all = this.#accumulators[which]!;
    let found = all[group];
    if (found === undefined) {
      found = this.#grouping.aggregates[which]!.function.create();
      all[group] = found;
    }
    return found;
  }
}

/** What the keys of a row take, about. */
function keyBytesAt(vectors: readonly ColumnVector[], place: number): number {
  let bytes = 0;
  for (const vector of vectors) {
    if (vector.kind === 'values') bytes += VALUE_BYTES + valueBytes(vector.values[place]!);
    else if (vector.kind === 'text') bytes += VALUE_BYTES + vector.ends[place]! - vector.starts[place]!;
    else bytes += VALUE_BYTES;
  }
  return bytes;
}

function isNullAt(vector: ColumnVector, place: number): boolean {
  if (vector.kind === 'values') return vector.values[place] === null;
  return vector.nulls !== undefined && vector.nulls[place] !== 0;
}
