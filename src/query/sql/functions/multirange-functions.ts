/** Functions and operators of multiranges (manual, 9.20). */

import type { SqlArray, SqlRange } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { MultirangeAlgebra, multirange } from '../types/multiranges.ts';
import type { RangeAlgebra } from '../types/ranges.ts';
import { multirangeOf, type SqlType, type SqlValue, typeInfo } from '../types/types.ts';
import type { Accumulator } from './aggregates.ts';
import type { FunctionTable, Kernel, KernelBuilder } from './definition.ts';

type Value = Exclude<SqlValue, null>;

/** On the algebra of whichever argument is a range or a multirange. */
function algebra(run: (all: MultirangeAlgebra) => (...args: never[]) => SqlValue | Iterable<SqlValue>): KernelBuilder {
  return {
    build: (types) => {
      const type = types.find((each) => typeInfo(each).kind === 'm');
      return run(new MultirangeAlgebra(type === undefined ? types[0]! : typeInfo(type).element!)) as Kernel;
    },
  };
}

/** Two multiranges, or one and a range, by the ranges that hold each of them. */
function bySpan(name: string, test: (ranges: RangeAlgebra, a: SqlRange, b: SqlRange) => boolean): FunctionTable {
  return {
    [`${name}(anymultirange, anymultirange) bool`]: algebra(
      (all) => (a: SqlArray, b: SqlArray) => test(all.ranges, all.span(a), all.span(b)),
    ),
    [`${name}(anymultirange, anyrange) bool`]: algebra(
      (all) => (a: SqlArray, b: SqlRange) => test(all.ranges, all.span(a), b),
    ),
    [`${name}(anyrange, anymultirange) bool`]: algebra(
      (all) => (a: SqlRange, b: SqlArray) => test(all.ranges, a, all.span(b)),
    ),
  };
}

const inRange = (all: MultirangeAlgebra, range: SqlRange, value: SqlArray): boolean =>
  all.ranges.contains(range, all.span(value));
const holds = (all: MultirangeAlgebra, value: SqlArray, element: Value): boolean =>
  (value.values as SqlRange[]).some((range) => all.ranges.containsElement(range, element));

export const MULTIRANGE_OPERATORS: FunctionTable = {
  '@>(anymultirange, anymultirange) bool': algebra((all) => (a: SqlArray, b: SqlArray) => all.contains(a, b)),
  '@>(anymultirange, anyrange) bool': algebra((all) => (a: SqlArray, b: SqlRange) => all.containsRange(a, b)),
  '@>(anymultirange, anyelement) bool': algebra((all) => (a: SqlArray, b: Value) => holds(all, a, b)),
  '@>(anyrange, anymultirange) bool': algebra((all) => (a: SqlRange, b: SqlArray) => inRange(all, a, b)),
  '<@(anymultirange, anymultirange) bool': algebra((all) => (a: SqlArray, b: SqlArray) => all.contains(b, a)),
  '<@(anyrange, anymultirange) bool': algebra((all) => (a: SqlRange, b: SqlArray) => all.containsRange(b, a)),
  '<@(anyelement, anymultirange) bool': algebra((all) => (a: Value, b: SqlArray) => holds(all, b, a)),
  '<@(anymultirange, anyrange) bool': algebra((all) => (a: SqlArray, b: SqlRange) => inRange(all, b, a)),
  '&&(anymultirange, anymultirange) bool': algebra((all) => (a: SqlArray, b: SqlArray) => all.overlaps(a, b)),
  '&&(anymultirange, anyrange) bool': algebra((all) => (a: SqlArray, b: SqlRange) => all.overlapsRange(a, b)),
  '&&(anyrange, anymultirange) bool': algebra((all) => (a: SqlRange, b: SqlArray) => all.overlapsRange(b, a)),
  ...bySpan('<<', (ranges, a, b) => ranges.before(a, b)),
  ...bySpan('>>', (ranges, a, b) => ranges.before(b, a)),
  ...bySpan('&<', (ranges, a, b) => ranges.notRightOf(a, b)),
  ...bySpan('&>', (ranges, a, b) => ranges.notLeftOf(a, b)),
  ...bySpan('-|-', (ranges, a, b) => ranges.adjacent(a, b)),
  '+(anymultirange, anymultirange) anymultirange': algebra((all) => (a: SqlArray, b: SqlArray) => all.union(a, b)),
  '*(anymultirange, anymultirange) anymultirange': algebra((all) => (a: SqlArray, b: SqlArray) => all.intersect(a, b)),
  '-(anymultirange, anymultirange) anymultirange': algebra((all) => (a: SqlArray, b: SqlArray) => all.minus(a, b)),
};

/** @throws SqlError `null_value_not_allowed`. */
function made(range: SqlType, ranges: readonly SqlValue[]): SqlArray {
  if (ranges.includes(null)) {
    throw new SqlError('null_value_not_allowed', 'multirange values cannot contain null members');
  }
  return multirange(range, ranges as readonly SqlRange[]);
}

const RANGES = ['int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange'] as readonly SqlType[];
/** What makes a multirange of ranges of a type, under its own name. */
export function multirangeConstructorsOf(range: SqlType): FunctionTable {
  const type = multirangeOf(range)!;
  return {
    [`${type}() ${type}`]: () => multirange(range, []),
    [`${type}(${range}) ${type}`]: (one: SqlRange) => multirange(range, [one]),
    [`${type}(variadic ${range}) ${type}`]: (given: readonly SqlValue[]) => made(range, given),
  };
}

/** What a function says of a range, asked of the range that holds all of them. */
const ofSpan = (ask: (range: SqlRange) => SqlValue): KernelBuilder =>
  algebra((all) => (value: SqlArray) => ask(all.span(value)));

export const MULTIRANGE_FUNCTIONS: FunctionTable = {
  ...Object.assign({}, ...RANGES.map(multirangeConstructorsOf)),
  'lower(anymultirange) anyelement': ofSpan((range) => range.lower),
  'upper(anymultirange) anyelement': ofSpan((range) => range.upper),
  'isempty(anymultirange) bool': ({ values }: SqlArray) => values.length === 0,
  'lower_inc(anymultirange) bool': ofSpan((range) => range.lowerInclusive),
  'upper_inc(anymultirange) bool': ofSpan((range) => range.upperInclusive),
  'lower_inf(anymultirange) bool': ofSpan((range) => !range.empty && range.lower === null),
  'upper_inf(anymultirange) bool': ofSpan((range) => !range.empty && range.upper === null),
  'range_merge(anymultirange) anyrange': ofSpan((range) => range),
  'multirange(anyrange) anymultirange': algebra((all) => (range: SqlRange) => multirange(all.range, [range])),
  'unnest(anymultirange) setof anyrange': ({ values }: SqlArray) => values,
};

/** `range_agg`: all ranges of a group as one multirange. @param type Of ranges or of multiranges. */
export function rangeAgg([type]: readonly SqlType[]): () => Accumulator {
  const { kind, element } = typeInfo(type!);
  const range = kind === 'm' ? element! : type!;
  return () => {
    const ranges: SqlRange[] = [];
    let any = false;
    return {
      add: (row) => {
        const [value] = (row as { readonly values: readonly SqlValue[] }).values;
        if (value === null) return;
        any = true;
        if (kind === 'm') ranges.push(...((value as SqlArray).values as SqlRange[]));
        else ranges.push(value as SqlRange);
      },
      result: () => (any ? multirange(range, ranges) : null),
    };
  };
}

/** `range_intersect_agg`: what all ranges of a group have in common. */
export function intersectionOf([type]: readonly SqlType[]): (a: SqlValue, b: SqlValue) => SqlValue {
  const { kind, element } = typeInfo(type!);
  const all = new MultirangeAlgebra(kind === 'm' ? element! : type!);
  return kind === 'm'
    ? (a, b) => all.intersect(a as SqlArray, b as SqlArray)
    : (a, b) => all.ranges.intersect(a as SqlRange, b as SqlRange);
}
