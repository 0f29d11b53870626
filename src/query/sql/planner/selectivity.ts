/**
 * Which part of the rows a condition lets pass: 0 to 1. After PostgreSQL's selfuncs.c and clausesel.c, with their guesses
 * where nothing is known: equality with an unknown value finds the average of the values, a bound a third, a pattern
 * two hundredths. Conditions are taken to be independent, but for a lower and an upper bound of one column.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import {
  type BoundExpression,
  type CompareOperator,
  columnsOf,
  conjuncts,
  mapOperands,
  readsRow,
  sameExpression,
  someExpression,
} from '../binder/bound.ts';
import { compareFor } from '../types/compare.ts';
import { UTC } from '../types/time-zone.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { ColumnFacts, FactsOf } from './facts.ts';
import { foldConstants } from './fold-constants.ts';

const BOUND = 1 / 3;
const RANGE = 0.005;
const PATTERN = 0.005;
/** Operators that are tested on a sample; and what they let pass where there is none. */
const MATCHING: ReadonlyMap<string, number> = new Map([
  ['@>', 0.005],
  ['<@', 0.005],
  ['&&', 0.01],
  ['?', 0.01],
  ['@?', 0.01],
  ['@@', 0.01],
  ['?|', 0.01],
  ['?&', 0.01],
]);
const UNKNOWN = 0.5;
const UNKNOWN_CALL = 1 / 3;
const LEAST = 1e-10;

const MIRRORED: { readonly [O in CompareOperator]: CompareOperator } = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** What conditions leave of one side of a table's rows; undefined where nothing bounds them there. */
interface Bounds {
  readonly side: BoundExpression;
  readonly facts: ColumnFacts;
  low: number | undefined;
  high: number | undefined;
}

/** Of all conditions together. */
export function selectivityOf(conditions: readonly BoundExpression[], facts: FactsOf): number {
  if (conditions.length === 0) return 1;
  if (conditions.some(({ kind }) => kind === 'and')) return selectivityOf(conditions.flatMap(conjuncts), facts);
  let result = 1;
  let bounds: Bounds[] | undefined;
  for (const condition of conditions) {
    const bound = boundOf(condition, facts);
    if (bound === undefined) {
      result *= selectivity(condition, facts);
      continue;
    }
    bounds ??= [];
    let range = bounds.find(({ side }) => sameExpression(side, bound.side));
    if (range === undefined) {
      range = { side: bound.side, facts: bound.facts, low: undefined, high: undefined };
      bounds.push(range);
    }
    const end = bound.isLow ? 'low' : 'high';
    range[end] = Math.min(range[end] ?? 1, bound.selectivity);
  }
  if (bounds !== undefined) for (const range of bounds) result *= selectivityBetween(range);
  return clamp(result);
}

function selectivityBetween({ low, high, facts }: Bounds): number {
  if (low === undefined || high === undefined) return low ?? high!;
  if (low === BOUND && high === BOUND) return RANGE;
  const both = low + high - 1 + facts.nullFraction;
  return both > 0 ? both : Math.max(RANGE * 0.1, 1 / Math.max(1, facts.distinct));
}

function clamp(value: number): number {
  return Math.min(1, Math.max(LEAST, value));
}

/** A condition that bounds a column from one side. */
function boundOf(
  condition: BoundExpression,
  facts: FactsOf,
):
  | {
      readonly side: BoundExpression;
      readonly isLow: boolean;
      readonly selectivity: number;
      readonly facts: ColumnFacts;
    }
  | undefined {
  if (condition.kind !== 'compare' || condition.operator === '=' || condition.operator === '<>') return undefined;
  const found = sides(condition.operator, condition.left, condition.right);
  if (found === undefined) return undefined;
  const { side, operator, value } = found;
  const of = factsOfSide(side, facts);
  if (of === undefined) return undefined;
  const isLow = operator === '>' || operator === '>=';
  return { side, isLow, selectivity: ofBound(of, operator, value, side.type), facts: of };
}

/** The comparison as of something that reads a row with something that does not. */
function sides(
  operator: CompareOperator,
  left: BoundExpression,
  right: BoundExpression,
): { readonly side: BoundExpression; readonly operator: CompareOperator; readonly value: BoundExpression } | undefined {
  const isLeft = readsRow(left);
  if (isLeft === readsRow(right)) return undefined;
  return isLeft ? { side: left, operator, value: right } : { side: right, operator: MIRRORED[operator], value: left };
}

/** Of a column, or of one that is only cast. */
function factsOfSide(side: BoundExpression, facts: FactsOf): ColumnFacts | undefined {
  if (side.kind === 'column') return facts(side.index);
  if ((side.kind === 'cast' || side.kind === 'applyModifier') && side.arg.kind === 'column')
    return facts(side.arg.index);
  return undefined;
}

export function selectivity(condition: BoundExpression, facts: FactsOf): number {
  switch (condition.kind) {
    case 'constant':
      return condition.value === true ? 1 : LEAST;
    case 'and':
      return selectivityOf(condition.args, facts);
    case 'or': {
      let none = 1;
      for (const arg of condition.args) none *= 1 - selectivity(arg, facts);
      return clamp(1 - none);
    }
    case 'not':
      return clamp(1 - selectivity(condition.arg, facts));
    case 'column': {
      const { statistics } = facts(condition.index);
      const common = statistics?.common.find(({ value }) => value === true);
      return common?.fraction ?? UNKNOWN;
    }
    case 'isNull': {
      const of = factsOfSide(condition.arg, facts);
      const nulls = of?.statistics === undefined ? (of?.unique === true ? LEAST : RANGE) : of.nullFraction;
      return clamp(condition.negated ? 1 - nulls : nulls);
    }
    case 'isBoolean': {
      const is = selectivity(condition.arg, facts);
      const result = condition.value ? is : 1 - is;
      return clamp(condition.negated ? 1 - result : result);
    }
    case 'compare':
      return compared(condition.operator, condition.left, condition.right, facts);
    case 'distinct': {
      const equal = compared('=', condition.left, condition.right, facts);
      return clamp(condition.negated ? equal : 1 - equal);
    }
    case 'call':
      return called(condition, facts);
    case 'subquery':
      return UNKNOWN;
    default:
      return UNKNOWN_CALL;
  }
}

function compared(operator: CompareOperator, left: BoundExpression, right: BoundExpression, facts: FactsOf): number {
  const found = sides(operator, left, right);
  if (found === undefined) {
    if (!readsRow(left)) return UNKNOWN;
    const [a, b] = [factsOfSide(left, facts), factsOfSide(right, facts)];
    const equal = a === undefined || b === undefined ? 0.005 : ofJoin(a, b);
    if (operator === '=') return clamp(equal);
    return operator === '<>' ? clamp(1 - equal) : BOUND;
  }
  const of = factsOfSide(found.side, facts);
  if (operator === '=' || operator === '<>') {
    const equal = of === undefined ? 0.005 : ofEquality(of, found.value, found.side.type);
    return clamp(operator === '=' ? equal : 1 - equal - (of?.nullFraction ?? 0));
  }
  return of === undefined ? BOUND : clamp(ofBound(of, found.operator, found.value, found.side.type));
}

/** Rows that agree in two columns, as a part of all pairs. */
function ofJoin(a: ColumnFacts, b: ColumnFacts): number {
  return ((1 - a.nullFraction) * (1 - b.nullFraction)) / Math.max(a.distinct, b.distinct, 1);
}

function ofEquality(
  { statistics, distinct, nullFraction }: ColumnFacts,
  value: BoundExpression,
  type: SqlType,
): number {
  if (value.kind !== 'constant' || statistics === undefined) return (1 - nullFraction) / distinct;
  if (value.value === null) return 0;
  const compare = comparison(type, statistics.type, value.type);
  if (compare === undefined) return (1 - nullFraction) / distinct;
  let common = 0;
  for (const each of statistics.common) {
    if (compare(each.value!, value.value) === 0) return each.fraction;
    common += each.fraction;
  }
  const others = distinct - statistics.common.length;
  const rest = Math.max(0, 1 - common - nullFraction);
  const each = others > 1 ? rest / others : rest;
  const rarest = statistics.common.at(-1)?.fraction;
  return rarest === undefined ? each : Math.min(each, rarest);
}

function ofBound(
  { statistics, distinct, nullFraction }: ColumnFacts,
  operator: CompareOperator,
  value: BoundExpression,
  type: SqlType,
): number {
  if (value.kind !== 'constant' || value.value === null || statistics === undefined) return BOUND;
  const compare = comparison(type, statistics.type, value.type);
  if (compare === undefined || (statistics.common.length === 0 && statistics.histogram.length === 0)) return BOUND;
  const bound = value.value;
  const isLow = operator === '>' || operator === '>=';
  const inclusive = operator === '>=' || operator === '<=';
  const meets = (each: SqlValue): boolean => {
    const order = compare(each!, bound);
    return order === 0 ? inclusive : isLow === order > 0;
  };
  let common = 0;
  let met = 0;
  for (const each of statistics.common) {
    common += each.fraction;
    if (meets(each.value)) met += each.fraction;
  }
  const { histogram } = statistics;
  const rest = Math.max(0, 1 - common - nullFraction);
  if (histogram.length < 2) return clamp(met + rest * 0.5);
  let below = placeInHistogram(histogram, bound, compare);
  // The bound itself is one value among many.
  const one = 1 / Math.max(1, distinct - statistics.common.length);
  if (inclusive !== isLow) below = Math.min(1, below + (inclusive ? one : 0));
  return clamp(met + rest * Math.min(1, Math.max(1e-5, isLow ? 1 - below : below)));
}

/** Which part of the values in a histogram is below `bound`. */
function placeInHistogram(
  histogram: readonly SqlValue[],
  bound: Exclude<SqlValue, null>,
  compare: (a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>) => number,
): number {
  if (compare(bound, histogram[0]!) <= 0) return 0;
  if (compare(bound, histogram.at(-1)!) >= 0) return 1;
  let low = 0;
  let high = histogram.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (compare(histogram[middle]!, bound) <= 0) low = middle;
    else high = middle;
  }
  const [from, to, at] = [numberOf(histogram[low]!), numberOf(histogram[high]!), numberOf(bound)];
  const within =
    from === undefined || to === undefined || at === undefined || to <= from ? 0.5 : (at - from) / (to - from);
  return (low + Math.min(1, Math.max(0, within))) / (histogram.length - 1);
}

/** Where a value lies among others of its type, as a number. */
function numberOf(value: SqlValue): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Numeric) return value.isFinite ? Number(value.toString()) : undefined;
  if (typeof value !== 'string') return undefined;
  let place = 0;
  for (let i = 0; i < 6; i++) place = place * 256 + Math.min(255, value.charCodeAt(i) || 0);
  return place;
}

/** Compares what statistics hold with a constant; undefined where the comparison is not one of the column's own values. */
function comparison(type: SqlType, statistics: SqlType, constant: SqlType) {
  const integers = new Set<SqlType>(['int2', 'int4', 'int8']);
  if (integers.has(statistics) && integers.has(constant)) {
    return (a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>) => Number(a as number) - Number(b as number);
  }
  const texts = new Set<SqlType>(['text', 'varchar', 'name']);
  if (statistics !== type && !(texts.has(statistics) && texts.has(type))) return undefined;
  try {
    return compareFor(type);
  } catch {
    return undefined;
  }
}

function called(condition: Extract<BoundExpression, { kind: 'call' }>, facts: FactsOf): number {
  const { name } = condition.function;
  const [left, right] = condition.args;
  if (name === '= any' && left !== undefined && right !== undefined) {
    const of = factsOfSide(left, facts);
    const values = right.kind === 'constant' && right.value instanceof SqlArray ? right.value.values : undefined;
    const count = values?.length ?? arrayLength(right);
    if (of === undefined) return clamp(0.005 * count);
    if (values === undefined) return clamp((count * (1 - of.nullFraction)) / of.distinct);
    const element = left.type;
    let sum = 0;
    for (const value of values) {
      const constant = { kind: 'constant', type: element, modifier: -1, location: undefined, value } as const;
      sum += ofEquality(of, constant, element);
    }
    return clamp(sum);
  }
  if (/^!~~/.test(name)) return 1 - PATTERN;
  if (/^~~/.test(name) && right?.kind === 'constant' && typeof right.value === 'string') {
    return ofPattern(right.value, left && factsOfSide(left, facts), facts);
  }
  if (/^~|^similar/.test(name)) return PATTERN;
  const guess = MATCHING.get(name);
  return guess === undefined ? UNKNOWN_CALL : clamp(ofSample(condition, facts) ?? guess);
}

/** Of a condition on one column, by testing what statistics hold of it; undefined where that is too little. */
function ofSample(condition: Extract<BoundExpression, { kind: 'call' }>, facts: FactsOf): number | undefined {
  const columns = [...columnsOf(condition)];
  const of = columns.length === 1 ? facts(columns[0]!) : undefined;
  if (of?.statistics === undefined || someExpression(condition, ({ kind }) => !TESTABLE.has(kind))) return undefined;
  const { common, histogram, type, nullFraction } = of.statistics;
  if (common.length + histogram.length < SAMPLE_MIN) return undefined;
  const meets = (value: SqlValue): boolean => {
    const known = substituted(condition, (column) => ({ ...column, kind: 'constant', type, value }));
    const folded = foldConstants(known, { zone: UTC, nowMicros: 0n });
    return folded.kind === 'constant' && folded.value === true;
  };
  let met = 0;
  let counted = 0;
  for (const { value, fraction } of common) {
    counted += fraction;
    if (meets(value)) met += fraction;
  }
  if (histogram.length === 0) return met;
  const step = Math.ceil(histogram.length / SAMPLE_MAX);
  const picked = histogram.filter((_, i) => i % step === 0);
  const part = picked.filter(meets).length / picked.length;
  return met + Math.max(0, 1 - counted - nullFraction) * Math.min(0.9999, Math.max(1e-4, part));
}

/** What it takes to be computed of one value. */
const TESTABLE: ReadonlySet<BoundExpression['kind']> = new Set(['call', 'cast', 'column', 'constant', 'applyModifier']);
const SAMPLE_MIN = 10;
const SAMPLE_MAX = 50;

type BoundColumn = Extract<BoundExpression, { kind: 'column' }>;

function substituted(expression: BoundExpression, give: (column: BoundColumn) => BoundExpression): BoundExpression {
  if (expression.kind === 'column') return give(expression);
  return mapOperands(expression, (operand) => substituted(operand, give));
}

/** Elements of an array that is not known yet. */
function arrayLength(array: BoundExpression): number {
  return array.kind === 'call' && array.function.name === 'array' ? array.args.length : 10;
}

/** What LIKE lets pass: each fixed character a fifth, each `%` five times that, as PostgreSQL has it. */
function ofPattern(pattern: string, of: ColumnFacts | undefined, _: FactsOf): number {
  let result = 1;
  for (const each of pattern) result *= each === '%' ? 5 : each === '_' ? 0.9 : 0.2;
  const guess = Math.min(1, Math.max(1e-4, Math.min(result, pattern.startsWith('%') ? 0.1 : 1)));
  return of === undefined ? guess : clamp(Math.max(guess, 1 / of.rows));
}
