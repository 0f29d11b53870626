/**
 * Aggregates: count, sum, min, max, avg. Nulls are skipped; without rows all but count give null.
 *
 * Result types are PostgreSQL's: a sum is wider than what it adds (integer to bigint, bigint to numeric), an average of
 * integers is numeric.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import { Interval } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { integerFrom } from '../types/cast.ts';
import { compareFor } from '../types/compare.ts';
import { addInterval, scaleInterval } from '../types/interval.ts';
import { addNumeric, divideNumeric, numericOf } from '../types/numeric-arithmetic.ts';
import { elementOf, isInteger, type SqlType, type SqlValue, typeInfo } from '../types/types.ts';
import type { Argument } from './evaluation.ts';
import { isPackedAggregate } from './packed-aggregates.ts';

/** The state of one aggregate over one group. */
export interface Accumulator {
  /** Takes a value that is not null. */
  add(value: Argument): void;
  /**
   * As if so many values had been added one by one, numerics of one scale or integers.
   * @param digits The sum of their digits, a safe integer; 0 where values are only counted.
   */
  addSum?(digits: number, scale: number, count: number): void;
  result(): SqlValue;
}

export interface AggregateFunction {
  readonly name: string;
  /** Undefined for count(*), which counts rows. */
  readonly argument: SqlType | undefined;
  readonly result: SqlType;
  /** Of its values, where each is to be given once: whoever adds them sees to that. */
  readonly distinct?: SqlType;
  /** Its state grows with every value. */
  readonly holds?: boolean;
  create(): Accumulator;
}

const NAMES = new Set(['count', 'sum', 'min', 'max', 'avg']);

export function isAggregate(name: string): boolean {
  return NAMES.has(name) || isPackedAggregate(name);
}

class Count implements Accumulator {
  #count = 0;
  add(): void {
    this.#count++;
  }
  addSum(_digits: number, _scale: number, count: number): void {
    this.#count += count;
  }
  result(): SqlValue {
    return BigInt(this.#count);
  }
}

/** Adds as numbers while that is exact, then as bigints. */
class IntegerSum implements Accumulator {
  count = 0;
  #safe = 0;
  #large = 0n;
  readonly #finish: (sum: bigint, count: number) => SqlValue;

  constructor(finish: (sum: bigint, count: number) => SqlValue) {
    this.#finish = finish;
  }

  add(value: Argument): void {
    this.count++;
    if (typeof value === 'bigint') {
      this.#large += value;
      return;
    }
    const sum = this.#safe + (value as number);
    if (Number.isSafeInteger(sum)) {
      this.#safe = sum;
    } else {
      this.#large += BigInt(this.#safe);
      this.#safe = value as number;
    }
  }

  addSum(digits: number, _scale: number, count: number): void {
    this.count += count;
    this.#large += BigInt(digits);
  }

  result(): SqlValue {
    return this.count === 0 ? null : this.#finish(this.#large + BigInt(this.#safe), this.count);
  }
}

class FloatSum implements Accumulator {
  #count = 0;
  #sum = 0;
  readonly #average: boolean;

  constructor(average: boolean) {
    this.#average = average;
  }

  add(value: Argument): void {
    const sum = this.#sum + (value as number);
    if (!Number.isFinite(sum) && Number.isFinite(this.#sum) && Number.isFinite(value as number)) {
      throw new SqlError('numeric_value_out_of_range', 'value out of range: overflow');
    }
    this.#count++;
    this.#sum = sum;
  }

  result(): SqlValue {
    if (this.#count === 0) return null;
    return this.#average ? this.#sum / this.#count : this.#sum;
  }
}

class RealSum implements Accumulator {
  #sum: number | null = null;

  add(value: Argument): void {
    this.#sum = Math.fround((this.#sum ?? 0) + (value as number));
  }

  result(): SqlValue {
    return this.#sum;
  }
}

class IntervalSum implements Accumulator {
  #count = 0;
  #sum = new Interval(0, 0, 0n);
  readonly #average: boolean;

  constructor(average: boolean) {
    this.#average = average;
  }

  add(value: Argument): void {
    this.#count++;
    this.#sum = addInterval(this.#sum, value as Interval);
  }

  result(): SqlValue {
    if (this.#count === 0) return null;
    return this.#average ? scaleInterval(this.#sum, (value) => value / this.#count) : this.#sum;
  }
}

class NumericSum implements Accumulator {
  #count = 0;
  #sum = new Numeric(0n, 0);
  /** Not yet in `#sum`: digits at a scale of their own, added up as numbers while that is exact. */
  #digits = 0;
  #scale = 0;
  readonly #average: boolean;

  constructor(average: boolean) {
    this.#average = average;
  }

  add(value: Argument): void {
    this.#count++;
    const { small, scale } = value as Numeric;
    if (scale === this.#scale) {
      const digits = this.#digits + small;
      if (digits >= -Number.MAX_SAFE_INTEGER && digits <= Number.MAX_SAFE_INTEGER) {
        this.#digits = digits;
        return;
      }
    }
    this.#settle();
    if (scale >= 0 && !Number.isNaN(small)) {
      this.#scale = scale;
      this.#digits = small;
    } else this.#sum = addNumeric(this.#sum, value as Numeric);
  }

  addSum(digits: number, scale: number, count: number): void {
    this.#count += count;
    this.#sum = addNumeric(this.#sum, new Numeric(digits, scale));
  }

  result(): SqlValue {
    if (this.#count === 0) return null;
    this.#settle();
    return this.#average ? divideNumeric(this.#sum, numericOf(this.#count)) : this.#sum;
  }

  #settle(): void {
    this.#sum = addNumeric(this.#sum, new Numeric(this.#digits, this.#scale));
    this.#digits = 0;
  }
}

class Extreme implements Accumulator {
  #best: SqlValue = null;
  readonly #better: (value: Argument, best: Argument) => boolean;

  constructor(better: (value: Argument, best: Argument) => boolean) {
    this.#better = better;
  }

  add(value: Argument): void {
    if (this.#best === null || this.#better(value, this.#best)) this.#best = value;
  }

  result(): SqlValue {
    return this.#best;
  }
}

/** Types whose values are compared as text. */
const TEXTS: ReadonlySet<SqlType> = new Set(['unknown', 'name', 'varchar', 'char']);

/** Types that have min and max; others have an order and neither, as in PostgreSQL. */
const EXTREMES = new Set<SqlType>([
  'int2',
  'int4',
  'int8',
  'oid',
  'float4',
  'float8',
  'numeric',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'text',
  'bpchar',
  'inet',
  'cidr',
  'xid8',
  'pg_lsn',
]);

function hasExtremes(type: SqlType): boolean {
  return EXTREMES.has(type) || elementOf(type) !== undefined || typeInfo(type).kind === 'e';
}

/** Undefined when there is no such aggregate of that type, like sum(text). `count` takes any type. */
export function findAggregate(name: string, argument: SqlType | undefined): AggregateFunction | undefined {
  if (name === 'count') return { name, argument, result: 'int8', create: () => new Count() };
  if (argument === undefined) return undefined;
  const type = TEXTS.has(argument) ? 'text' : argument === 'cidr' ? 'inet' : argument;
  if (name === 'min' || name === 'max') {
    if (!hasExtremes(type)) return undefined;
    const compare = compareFor(type);
    // Of equal ones the last, as in PostgreSQL.
    const better =
      name === 'min'
        ? (a: Argument, b: Argument) => compare(a, b) <= 0
        : (a: Argument, b: Argument) => compare(a, b) >= 0;
    return { name, argument: type, result: type, create: () => new Extreme(better) };
  }
  const average = name === 'avg';
  if (name !== 'sum' && !average) return undefined;
  if (type === 'float8') return { name, argument: type, result: type, create: () => new FloatSum(average) };
  if (type === 'float4') {
    const create = average ? () => new FloatSum(true) : () => new RealSum();
    return { name, argument: type, result: average ? 'float8' : 'float4', create };
  }
  if (type === 'interval') return { name, argument: type, result: type, create: () => new IntervalSum(average) };
  if (type === 'numeric') return { name, argument: type, result: type, create: () => new NumericSum(average) };
  if (!isInteger(type)) return undefined;
  if (average) {
    const finish = (sum: bigint, count: number) => divideNumeric(numericOf(sum), numericOf(count));
    return { name, argument: type, result: 'numeric', create: () => new IntegerSum(finish) };
  }
  if (type === 'int8') {
    return { name, argument: type, result: 'numeric', create: () => new IntegerSum((sum) => numericOf(sum)) };
  }
  return { name, argument: type, result: 'int8', create: () => new IntegerSum((sum) => integerFrom('int8', sum)) };
}
