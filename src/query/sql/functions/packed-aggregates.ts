/**
 * Aggregates of several arguments, of nulls, and statistics (manual, 9.21).
 *
 * Their accumulators take a row of the arguments, which is never null itself: whoever binds such a call packs the arguments. For
 * ordered-set aggregates the row is the value that is ordered, then the direct argument, and rows come in order. Results of
 * statistics are those of PostgreSQL: exact for numeric, the Youngs-Cramer recurrences for floats.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import { type Interval, SqlArray, type SqlRecord } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { compareFor } from '../types/compare.ts';
import { addInterval, negateInterval, scaleInterval } from '../types/interval.ts';
import { jsonbOf, jsonObject, parseJsonTree, quoteJson } from '../types/json-value.ts';
import { addExactly, divideNumeric, multiplyExactly, negateNumeric, numericOf } from '../types/numeric-arithmetic.ts';
import {
  arrayOf,
  baseOf,
  canCast,
  elementOf,
  isRecord,
  type SqlType,
  type SqlValue,
  typeInfo,
} from '../types/types.ts';
import type { Accumulator, AggregateFunction } from './aggregates.ts';
import { accumulateArrays } from './array-access.ts';
import { combineBits } from './bit-functions.ts';
import { chooseCandidate, polymorph } from './candidates.ts';
import type { Argument } from './evaluation.ts';
import { intersectionOf, rangeAgg } from './multirange-functions.ts';
import { sqrtToScale } from './numeric-functions.ts';

export interface PackedAggregate extends AggregateFunction {
  /** Types of the packed arguments. */
  readonly packed: readonly SqlType[];
  /** Places of arguments that are made JSON text before they are packed. */
  readonly json: readonly number[];
  /** Places of arguments that may be of any type, and of which nobody said which. */
  readonly untyped?: readonly number[];
}

type Take = (values: readonly SqlValue[]) => void;

function accumulator(take: Take, result: () => SqlValue): Accumulator {
  return { add: (row: Argument) => take((row as SqlRecord).values), result };
}

interface Row {
  readonly arguments: readonly SqlType[];
  readonly result: SqlType;
  readonly json?: readonly number[];
  readonly orderedSet?: boolean;
  readonly create: (types: readonly SqlType[]) => () => Accumulator;
}

function stringAgg(): Accumulator {
  let text: string | null = null;
  return accumulator(
    ([value, delimiter]) => {
      if (value === null) return;
      text = text === null ? (value as string) : text + ((delimiter as string | null) ?? '') + (value as string);
    },
    () => text,
  );
}

function bytesAgg(): Accumulator {
  const parts: Uint8Array[] = [];
  let any = false;
  return accumulator(
    ([value, delimiter]) => {
      if (value === null) return;
      if (any && delimiter !== null) parts.push(delimiter as Uint8Array);
      any = true;
      parts.push(value as Uint8Array);
    },
    () => (any ? new Uint8Array(Buffer.concat(parts)) : null),
  );
}

function arrayAgg([type]: readonly SqlType[]): () => Accumulator {
  const element = elementOf(type!);
  return () => {
    const values: SqlValue[] = [];
    return accumulator(
      ([value]) => {
        values.push(value!);
      },
      () => {
        if (values.length === 0) return null;
        if (element !== undefined) return accumulateArrays(element, values as SqlArray[]);
        return new SqlArray(type as SqlArray['element'], values);
      },
    );
  };
}

function jsonAgg(binary: boolean, type?: SqlType): () => Accumulator {
  // PostgreSQL begins a line for each row or array.
  const lines =
    type !== undefined && (isRecord(baseOf(type)) || elementOf(type) !== undefined || typeInfo(type).kind === 'c');
  return () => {
    const parts: string[] = [];
    return accumulator(
      ([value]) => {
        parts.push((value as string | null) ?? 'null');
      },
      () => {
        if (parts.length === 0) return null;
        if (binary) return jsonbOf(parts.map((part) => parseJsonTree(part)));
        return `[${parts.map((part, i) => (i === 0 ? '' : lines && part !== 'null' ? ', \n ' : ', ') + part).join('')}]`;
      },
    );
  };
}

function jsonObjectAgg(binary: boolean): () => Accumulator {
  return () => {
    const parts: (readonly [string, string])[] = [];
    return accumulator(
      ([name, value]) => {
        if (name === null) {
          throw new SqlError('invalid_parameter_value', 'field name must not be null');
        }
        parts.push([name as string, (value as string | null) ?? 'null']);
      },
      () => {
        if (parts.length === 0) return null;
        if (binary) return jsonbOf(jsonObject(parts.map(([name, value]) => [name, parseJsonTree(value)] as const)));
        return `{ ${parts.map(([name, value]) => `${quoteJson(name)} : ${value}`).join(', ')} }`;
      },
    );
  };
}

/** One that skips nulls and folds values into one. */
function fold<T extends SqlValue>(combine: (a: T, b: T) => T): () => Accumulator {
  return () => {
    let state: T | null = null;
    return accumulator(
      ([value]) => {
        if (value === null) return;
        state = state === null ? (value as T) : combine(state, value as T);
      },
      () => state,
    );
  };
}

type Statistic = 'var_pop' | 'var_samp' | 'stddev_pop' | 'stddev_samp';

function numericStatistic(kind: Statistic): () => Accumulator {
  return () => {
    let count = 0;
    let sum = numericOf(0);
    let squares = numericOf(0);
    return accumulator(
      ([given]) => {
        if (given === null) return;
        const value = given instanceof Numeric ? given : numericOf(given as number | bigint);
        count++;
        sum = addExactly(sum, value);
        squares = addExactly(squares, multiplyExactly(value, value));
      },
      () => {
        const sample = kind.endsWith('samp');
        if (count === 0 || (sample && count === 1)) return null;
        const n = numericOf(count);
        const spread = addExactly(multiplyExactly(n, squares), negateNumeric(multiplyExactly(sum, sum)));
        if (!spread.isFinite) return spread;
        if (spread.sign <= 0) return numericOf(0);
        const variance = divideNumeric(spread, multiplyExactly(n, numericOf(sample ? count - 1 : count)));
        return kind.startsWith('var') ? variance : sqrtToScale(variance, variance.scale);
      },
    );
  };
}

function floatStatistic(kind: Statistic): () => Accumulator {
  return () => {
    let n = 0;
    let sum = 0;
    let spread = 0;
    return accumulator(
      ([given]) => {
        if (given === null) return;
        const value = given as number;
        const before = n;
        n++;
        sum += value;
        if (before > 0) {
          const off = value * n - sum;
          spread += (off * off) / (n * before);
          if (!Number.isFinite(spread) && Number.isFinite(value) && Number.isFinite(sum)) {
            throw new SqlError('numeric_value_out_of_range', 'value out of range: overflow');
          }
        } else if (!Number.isFinite(value)) spread = Number.NaN;
      },
      () => {
        const sample = kind.endsWith('samp');
        if (n === 0 || (sample && n === 1)) return null;
        const variance = spread / (sample ? n - 1 : n);
        return kind.startsWith('var') ? variance : Math.sqrt(variance);
      },
    );
  };
}

interface Regression {
  readonly n: number;
  readonly sx: number;
  readonly sy: number;
  readonly sxx: number;
  readonly syy: number;
  readonly sxy: number;
}

function regression(result: (state: Regression) => SqlValue): () => Accumulator {
  return () => {
    let [n, sx, sy, sxx, syy, sxy] = [0, 0, 0, 0, 0, 0];
    return accumulator(
      ([y, x]) => {
        if (y === null || x === null) return;
        const before = n;
        n++;
        sx += x as number;
        sy += y as number;
        if (before > 0) {
          const offX = (x as number) * n - sx;
          const offY = (y as number) * n - sy;
          const scale = 1 / (n * before);
          sxx += offX * offX * scale;
          syy += offY * offY * scale;
          sxy += offX * offY * scale;
        } else {
          if (!Number.isFinite(x)) [sxx, sxy] = [Number.NaN, Number.NaN];
          if (!Number.isFinite(y)) [syy, sxy] = [Number.NaN, Number.NaN];
        }
      },
      () => result({ n, sx, sy, sxx, syy, sxy }),
    );
  };
}

const some =
  (value: (state: Regression) => SqlValue) =>
  (state: Regression): SqlValue =>
    state.n < 1 ? null : value(state);

const REGRESSIONS: Readonly<Record<string, (state: Regression) => SqlValue>> = {
  regr_sxx: some(({ sxx }) => sxx),
  regr_syy: some(({ syy }) => syy),
  regr_sxy: some(({ sxy }) => sxy),
  regr_avgx: some(({ sx, n }) => sx / n),
  regr_avgy: some(({ sy, n }) => sy / n),
  covar_pop: some(({ sxy, n }) => sxy / n),
  covar_samp: ({ sxy, n }) => (n < 2 ? null : sxy / (n - 1)),
  corr: some(({ sxx, syy, sxy }) => (sxx === 0 || syy === 0 ? null : sxy / Math.sqrt(sxx * syy))),
  regr_r2: some(({ sxx, syy, sxy }) => (sxx === 0 ? null : syy === 0 ? 1 : (sxy * sxy) / (sxx * syy))),
  regr_slope: some(({ sxx, sxy }) => (sxx === 0 ? null : sxy / sxx)),
  regr_intercept: some(({ sxx, sxy, sx, sy, n }) => (sxx === 0 ? null : (sy - (sx * sxy) / sxx) / n)),
};

function fractionOf(value: SqlValue): number | null {
  if (value === null) return null;
  const fraction = value as number;
  if (fraction < 0 || fraction > 1 || Number.isNaN(fraction)) {
    throw new SqlError('numeric_value_out_of_range', `percentile value ${fraction} is not between 0 and 1`);
  }
  return fraction;
}

/** Of ordered values: at a fraction, or at each of an array of them. */
function percentile(
  at: (values: readonly Exclude<SqlValue, null>[], fraction: number) => SqlValue,
  element: SqlType | undefined,
): () => Accumulator {
  return () => {
    const values: Exclude<SqlValue, null>[] = [];
    let wanted: SqlValue = null;
    return accumulator(
      ([value, fraction]) => {
        wanted = fraction!;
        if (value !== null) values.push(value!);
      },
      () => {
        if (values.length === 0 || wanted === null) return null;
        if (element === undefined) return at(values, fractionOf(wanted)!);
        const fractions = wanted as SqlArray;
        const found = fractions.values.map((each) => {
          const fraction = fractionOf(each);
          return fraction === null ? null : at(values, fraction);
        });
        return new SqlArray(element as SqlArray['element'], found, fractions.dimensions, fractions.lowers);
      },
    );
  };
}

function discrete(values: readonly Exclude<SqlValue, null>[], fraction: number): SqlValue {
  return values[Math.max(1, Math.ceil(fraction * values.length)) - 1]!;
}

function continuous(values: readonly Exclude<SqlValue, null>[], fraction: number): SqlValue {
  const place = fraction * (values.length - 1);
  const [low, high] = [values[Math.floor(place)]!, values[Math.ceil(place)]!];
  const part = place - Math.floor(place);
  if (typeof low === 'number') return part === 0 ? low : low + part * ((high as number) - low);
  const difference = addInterval(high as Interval, negateInterval(low as Interval));
  return addInterval(
    low as Interval,
    scaleInterval(difference, (value) => value * part),
  );
}

function mode([type]: readonly SqlType[]): () => Accumulator {
  const compare = compareFor(type!);
  return () => {
    let best: SqlValue = null;
    let bestCount = 0;
    let last: SqlValue = null;
    let count = 0;
    return accumulator(
      ([value]) => {
        if (value === null) return;
        if (last !== null && compare(last, value!) === 0) count++;
        else {
          last = value!;
          count = 1;
        }
        if (count > bestCount) {
          best = last;
          bestCount = count;
        }
      },
      () => best,
    );
  };
}

const fixed = (create: () => Accumulator) => (): (() => Accumulator) => create;
const one = (type: SqlType, result: SqlType, create: () => Accumulator): Row => ({
  arguments: [type],
  result,
  create: fixed(create),
});
const BOOL_AND = [
  one(
    'bool',
    'bool',
    fold<boolean>((a, b) => a && b),
  ),
];
const bits = (run: (a: bigint, b: bigint) => bigint): Row[] => [
  ...(['int2', 'int4'] as const).map((type) =>
    one(
      type,
      type,
      fold<number>((a, b) => Number(run(BigInt(a), BigInt(b)))),
    ),
  ),
  one('int8', 'int8', fold<bigint>(run)),
];

const bitStrings = (name: 'AND' | 'OR' | 'XOR'): Row =>
  one(
    'bit',
    'bit',
    fold<string>((a, b) => combineBits(name, a, b)),
  );

const statistics = (kind: Statistic): Row[] => [
  ...(['int2', 'int4', 'int8', 'numeric'] as const).map((type) => one(type, 'numeric', numericStatistic(kind))),
  ...(['float4', 'float8'] as const).map((type) => one(type, 'float8', floatStatistic(kind))),
];

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  string_agg: [
    { arguments: ['text', 'text'], result: 'text', create: fixed(stringAgg) },
    { arguments: ['bytea', 'bytea'], result: 'bytea', create: fixed(bytesAgg) },
  ],
  array_agg: [
    { arguments: ['anynonarray'], result: 'anyarray', create: arrayAgg },
    { arguments: ['anyarray'], result: 'anyarray', create: arrayAgg },
  ],
  json_agg: [{ arguments: ['anyelement'], result: 'json', json: [0], create: ([type]) => jsonAgg(false, type) }],
  jsonb_agg: [{ arguments: ['anyelement'], result: 'jsonb', json: [0], create: fixed(jsonAgg(true)) }],
  json_object_agg: [{ arguments: ['any', 'any'], result: 'json', json: [1], create: fixed(jsonObjectAgg(false)) }],
  jsonb_object_agg: [{ arguments: ['any', 'any'], result: 'jsonb', json: [1], create: fixed(jsonObjectAgg(true)) }],
  bool_and: BOOL_AND,
  every: BOOL_AND,
  bool_or: [
    one(
      'bool',
      'bool',
      fold<boolean>((a, b) => a || b),
    ),
  ],
  bit_and: [...bits((a, b) => a & b), bitStrings('AND')],
  bit_or: [...bits((a, b) => a | b), bitStrings('OR')],
  bit_xor: [...bits((a, b) => a ^ b), bitStrings('XOR')],
  range_agg: [
    { arguments: ['anyrange'], result: 'anymultirange', create: rangeAgg },
    { arguments: ['anymultirange'], result: 'anymultirange', create: rangeAgg },
  ],
  range_intersect_agg: [
    { arguments: ['anyrange'], result: 'anyrange', create: (types) => fold<SqlValue>(intersectionOf(types)) },
    { arguments: ['anymultirange'], result: 'anymultirange', create: (types) => fold<SqlValue>(intersectionOf(types)) },
  ],
  variance: statistics('var_samp'),
  var_samp: statistics('var_samp'),
  var_pop: statistics('var_pop'),
  stddev: statistics('stddev_samp'),
  stddev_samp: statistics('stddev_samp'),
  stddev_pop: statistics('stddev_pop'),
  regr_count: [{ arguments: ['float8', 'float8'], result: 'int8', create: fixed(regression(({ n }) => BigInt(n))) }],
  ...Object.fromEntries(
    Object.entries(REGRESSIONS).map(([name, result]) => [
      name,
      [{ arguments: ['float8', 'float8'], result: 'float8', create: fixed(regression(result)) } as Row],
    ]),
  ),
  percentile_cont: [
    {
      arguments: ['float8', 'float8'],
      result: 'float8',
      orderedSet: true,
      create: fixed(percentile(continuous, undefined)),
    },
    {
      arguments: ['interval', 'float8'],
      result: 'interval',
      orderedSet: true,
      create: fixed(percentile(continuous, undefined)),
    },
    {
      arguments: ['float8', '_float8'],
      result: '_float8',
      orderedSet: true,
      create: fixed(percentile(continuous, 'float8')),
    },
    {
      arguments: ['interval', '_float8'],
      result: '_interval',
      orderedSet: true,
      create: fixed(percentile(continuous, 'interval')),
    },
  ],
  percentile_disc: [
    {
      arguments: ['anyelement', 'float8'],
      result: 'anyelement',
      orderedSet: true,
      create: fixed(percentile(discrete, undefined)),
    },
    {
      arguments: ['anyelement', '_float8'],
      result: 'anyarray',
      orderedSet: true,
      create: ([type]) => percentile(discrete, type),
    },
  ],
  mode: [{ arguments: ['anyelement'], result: 'anyelement', orderedSet: true, create: mode }],
};

/** Those whose state grows with every value. */
const HOLDING = new Set([
  'string_agg',
  'array_agg',
  'json_agg',
  'jsonb_agg',
  'json_object_agg',
  'jsonb_object_agg',
  'percentile_cont',
  'percentile_disc',
  'range_agg',
]);

export function isPackedAggregate(name: string): boolean {
  return Object.hasOwn(TABLE, name);
}

/** @param orderedSet The call has WITHIN GROUP. Undefined when there is no such aggregate of these types. */
export function findPackedAggregate(
  name: string,
  types: readonly SqlType[],
  orderedSet: boolean,
): PackedAggregate | undefined {
  const rows = (TABLE[name] ?? []).filter(
    (row) => row.arguments.length === types.length && (row.orderedSet === true) === orderedSet,
  );
  const candidates = rows.map((item) => ({ arguments: item.arguments, item }));
  const settled = types.map((type, i) =>
    type === 'unknown' && rows.every((row) => row.arguments[i]!.startsWith('any')) ? 'text' : type,
  );
  const exact = candidates.find((each) => each.arguments.every((type, i) => type === settled[i]));
  const chosen = exact ?? chooseCandidate(candidates, settled);
  if (typeof chosen === 'string') return undefined;
  const concrete = polymorph(chosen.arguments, settled);
  if (typeof concrete === 'string') return undefined;
  const packed = concrete.arguments.map((type, i) => (type === 'any' ? settled[i]! : type));
  if (!packed.every((type, i) => canCast(settled[i]!, type, 'implicit'))) return undefined;
  let result = concrete.result(chosen.item.result) as SqlType;
  if (name === 'array_agg') result = elementOf(packed[0]!) === undefined ? (arrayOf(packed[0]!) ?? result) : packed[0]!;
  const create = chosen.item.create(packed);
  const holds = HOLDING.has(name);
  const untyped = chosen.item.arguments.flatMap((type, i) => (type === 'any' && types[i] === 'unknown' ? [i] : []));
  return { name, argument: 'record', result, create, packed, json: chosen.item.json ?? [], untyped, holds };
}
