/** Functions and operators of arrays (manual, 9.19). */

import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { ARRAY_DIMENSIONS_MAX, arrayFrom, countToFill, tooManyDimensions } from '../types/array-bounds.ts';
import { type Compare, compareFor } from '../types/compare.ts';
import { elementOf, type SqlType, type SqlValue } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';
import { printerOf } from './strings.ts';

type Value = Exclude<SqlValue, null>;
type Element = SqlArray['element'];

/** Kernels over elements that are compared: an array and something of its elements' type. */
function comparing(run: (compare: Compare) => (...args: never[]) => SqlValue): KernelBuilder {
  return {
    build: (types) => {
      const array = types.find((type) => elementOf(type) !== undefined)!;
      return run(compareFor(elementOf(array)!));
    },
  };
}

/** Nulls are alike. */
function same(compare: Compare, a: SqlValue, b: SqlValue): boolean {
  return a === null || b === null ? a === b : compare(a, b) === 0;
}

function oneDimension({ dimensions }: SqlArray, what: string): void {
  if (dimensions.length > 1) {
    throw new SqlError('feature_not_supported', `${what} from multidimensional arrays is not supported`);
  }
}

function incompatible(detail: string): SqlError {
  return new SqlError('array_subscript_error', 'cannot concatenate incompatible arrays', { detail });
}

function concatenate(element: SqlType, a: SqlArray | null, b: SqlArray | null): SqlArray | null {
  if (a === null || a.dimensions.length === 0) return b ?? a;
  if (b === null || b.dimensions.length === 0) return a;
  const values = [...a.values, ...b.values];
  const type = element as Element;
  const [deep, flat] = a.dimensions.length >= b.dimensions.length ? [a, b] : [b, a];
  const inner = deep === flat ? a.dimensions.slice(1) : deep.dimensions.slice(1);
  if (a.dimensions.length === b.dimensions.length) {
    if (
      a.dimensions.slice(1).some((length, i) => length !== b.dimensions[i + 1] || a.lowers[i + 1] !== b.lowers[i + 1])
    ) {
      throw incompatible('Arrays with differing element dimensions are not compatible for concatenation.');
    }
    return arrayFrom(type, values, [a.dimensions[0]! + b.dimensions[0]!, ...inner], a.lowers);
  }
  if (deep.dimensions.length !== flat.dimensions.length + 1) {
    throw incompatible(
      `Arrays of ${a.dimensions.length} and ${b.dimensions.length} dimensions are not compatible for concatenation.`,
    );
  }
  if (inner.some((length, i) => length !== flat.dimensions[i] || deep.lowers[i + 1] !== flat.lowers[i])) {
    throw incompatible('Arrays with differing dimensions are not compatible for concatenation.');
  }
  return arrayFrom(type, values, [deep.dimensions[0]! + 1, ...inner], deep.lowers);
}

const JOIN: KernelBuilder = {
  build: (_, result) => (a: SqlArray | null, b: SqlArray | null) => concatenate(elementOf(result)!, a, b),
};

function extended(element: SqlType, array: SqlArray | null, value: SqlValue, front: boolean): SqlArray {
  if (array === null || array.dimensions.length === 0) return new SqlArray(element as Element, [value]);
  if (array.dimensions.length > 1) {
    throw new SqlError('data_exception', 'argument must be empty or one-dimensional array');
  }
  // What goes in front is counted from there, though the subscripts then begin where they did.
  if (front && array.lowers[0] === -2_147_483_648) {
    throw new SqlError('numeric_value_out_of_range', 'integer out of range');
  }
  const values = front ? [value, ...array.values] : [...array.values, value];
  return arrayFrom(element as Element, values, [values.length], array.lowers);
}

const APPEND: KernelBuilder = {
  build: (_, result) => (array: SqlArray | null, value: SqlValue) => extended(elementOf(result)!, array, value, false),
};

const PREPEND: KernelBuilder = {
  build: (_, result) => (value: SqlValue, array: SqlArray | null) => extended(elementOf(result)!, array, value, true),
};

/** @throws SqlError `feature_not_supported`. */
function refuseDimensions({ dimensions }: SqlArray): void {
  if (dimensions.length <= 1) return;
  throw new SqlError('feature_not_supported', 'searching for elements in multidimensional arrays is not supported');
}

function position(
  compare: Compare,
  array: SqlArray | null,
  wanted: SqlValue,
  start: number | null | undefined,
): number | null {
  if (array === null) return null;
  refuseDimensions(array);
  if (array.values.length === 0) return null;
  if (start === null) throw new SqlError('null_value_not_allowed', 'initial position must not be null');
  const lower = array.lowers[0] ?? 1;
  for (let i = Math.max(0, (start ?? lower) - lower); i < array.values.length; i++) {
    if (same(compare, array.values[i]!, wanted)) return i + lower;
  }
  return null;
}

function joined(print: (value: Value, context: RunContext) => string) {
  return (
    array: SqlArray | null,
    delimiter: string | null,
    none: string | null,
    context: RunContext,
  ): string | null => {
    if (array === null || delimiter === null) return null;
    const parts: string[] = [];
    for (const value of array.values) {
      if (value !== null) parts.push(print(value, context));
      else if (none !== null) parts.push(none);
    }
    return parts.join(delimiter);
  };
}

/** @param lowers Undefined for a call without them. */
function filled(
  element: SqlType,
  value: SqlValue,
  lengths: SqlArray | null,
  lowers: SqlArray | null | undefined,
): SqlArray | null {
  if (lengths === null || lowers === null)
    throw new SqlError('null_value_not_allowed', 'dimension array or low bound array cannot be null');
  const dimensions = lengths.values as number[];
  for (const list of lowers === undefined ? [lengths] : [lengths, lowers]) {
    if (list.dimensions.length > 1) {
      throw new SqlError('array_subscript_error', 'wrong number of array subscripts', {
        detail: 'Dimension array must be one dimensional.',
      });
    }
    if (list.values.includes(null)) {
      throw new SqlError('null_value_not_allowed', 'dimension values cannot be null');
    }
  }
  if (dimensions.length > ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(dimensions.length);
  if (lowers !== undefined && lowers.values.length !== dimensions.length) {
    throw new SqlError('array_subscript_error', 'wrong number of array subscripts', {
      detail: 'Low bound array has different size than dimensions array.',
    });
  }
  const count = countToFill(dimensions);
  if (dimensions.length === 0 || count === 0) return new SqlArray(element as Element, []);
  const firsts = (lowers?.values as number[] | undefined) ?? dimensions.map(() => 1);
  return arrayFrom(element as Element, new Array<SqlValue>(count).fill(value), dimensions, firsts);
}

function containsAll(compare: Compare, outer: SqlArray, inner: SqlArray): boolean {
  return inner.values.every(
    (wanted) => wanted !== null && outer.values.some((value) => value !== null && compare(value, wanted) === 0),
  );
}

function* subscripts({ dimensions, lowers }: SqlArray, dimension: number, reverse: boolean): Iterable<number> {
  const length = dimensions[dimension - 1];
  if (length === undefined) return;
  const first = lowers[dimension - 1]!;
  for (let i = 0; i < length; i++) yield reverse ? first + length - 1 - i : first + i;
}

/** In each row of the first dimension: a count that a caller checked. */
function trimmed(array: SqlArray, count: number): SqlArray {
  const length = array.dimensions[0] ?? 0;
  if (count < 0 || count > length) {
    throw new SqlError('array_element_error', `number of elements to trim must be between 0 and ${length}`);
  }
  if (count === length) return new SqlArray(array.element, []);
  const per = array.values.length / length;
  return new SqlArray(array.element, array.values.slice(0, (length - count) * per), [
    length - count,
    ...array.dimensions.slice(1),
  ]);
}

const unnest = (array: SqlArray): Iterable<SqlValue> => array.values;

export const ARRAY_OPERATORS: FunctionTable = {
  '||(anycompatiblearray, anycompatiblearray) anycompatiblearray called': JOIN,
  '||(anycompatiblearray, anycompatible) anycompatiblearray called': APPEND,
  '||(anycompatible, anycompatiblearray) anycompatiblearray called': PREPEND,
  '@>(anyarray, anyarray) bool': comparing((compare) => (a: SqlArray, b: SqlArray) => containsAll(compare, a, b)),
  '<@(anyarray, anyarray) bool': comparing((compare) => (a: SqlArray, b: SqlArray) => containsAll(compare, b, a)),
  '&&(anyarray, anyarray) bool': comparing(
    (compare) => (a: SqlArray, b: SqlArray) =>
      a.values.some((x) => x !== null && b.values.some((y) => y !== null && compare(x, y) === 0)),
  ),
};

export const ARRAY_FUNCTIONS: FunctionTable = {
  'array_cat(anycompatiblearray, anycompatiblearray) anycompatiblearray called': JOIN,
  'array_append(anycompatiblearray, anycompatible) anycompatiblearray called': APPEND,
  'array_prepend(anycompatible, anycompatiblearray) anycompatiblearray called': PREPEND,
  'array_ndims(anyarray) int4': (array: SqlArray) => array.dimensions.length || null,
  'array_dims(anyarray) text': ({ dimensions, lowers }: SqlArray) =>
    dimensions.length === 0
      ? null
      : dimensions.map((length, i) => `[${lowers[i]}:${lowers[i]! + length - 1}]`).join(''),
  'array_length(anyarray, int4) int4': (array: SqlArray, n: number) => array.dimensions[n - 1] ?? null,
  'array_lower(anyarray, int4) int4': (array: SqlArray, n: number) => array.lowers[n - 1] ?? null,
  'array_upper(anyarray, int4) int4': ({ dimensions, lowers }: SqlArray, n: number) =>
    dimensions[n - 1] === undefined ? null : lowers[n - 1]! + dimensions[n - 1]! - 1,
  'cardinality(anyarray) int4': (array: SqlArray) => array.values.length,
  'array_position(anycompatiblearray, anycompatible) int4 called': comparing(
    (compare) => (array: SqlArray | null, wanted: SqlValue) => position(compare, array, wanted, undefined),
  ),
  'array_position(anycompatiblearray, anycompatible, int4) int4 called': comparing(
    (compare) => (array: SqlArray | null, wanted: SqlValue, start: number | null) =>
      position(compare, array, wanted, start),
  ),
  'array_positions(anycompatiblearray, anycompatible) _int4 called': comparing(
    (compare) => (array: SqlArray | null, wanted: SqlValue) => {
      if (array === null) return null;
      refuseDimensions(array);
      const lower = array.lowers[0] ?? 1;
      return new SqlArray(
        'int4',
        array.values.flatMap((value, i) => (same(compare, value, wanted) ? [i + lower] : [])),
      );
    },
  ),
  'array_remove(anycompatiblearray, anycompatible) anycompatiblearray called': comparing(
    (compare) => (array: SqlArray | null, unwanted: SqlValue) => {
      if (array === null) return null;
      oneDimension(array, 'removing elements');
      const kept = array.values.filter((value) => !same(compare, value, unwanted));
      if (kept.length === 0) return new SqlArray(array.element, []);
      return new SqlArray(array.element, kept, [kept.length], array.lowers);
    },
  ),
  'array_replace(anycompatiblearray, anycompatible, anycompatible) anycompatiblearray called': comparing(
    (compare) => (array: SqlArray | null, from: SqlValue, to: SqlValue) =>
      array === null
        ? null
        : new SqlArray(
            array.element,
            array.values.map((value) => (same(compare, value, from) ? to : value)),
            array.dimensions,
            array.lowers,
          ),
  ),
  'array_to_string(anyarray, text) text stable': {
    build: ([type]) => {
      const join = joined(printerOf(elementOf(type!)!));
      return (array: SqlArray, delimiter: string, context: RunContext) => join(array, delimiter, null, context);
    },
  },
  'array_to_string(anyarray, text, text) text stable called': {
    build: ([type]) => joined(printerOf(elementOf(type!)!)),
  },
  'array_fill(anyelement, _int4) anyarray called': {
    build: (_, result) => (value: SqlValue, lengths: SqlArray | null) =>
      filled(elementOf(result)!, value, lengths, undefined),
  },
  'array_fill(anyelement, _int4, _int4) anyarray called': {
    build: (_, result) => (value: SqlValue, lengths: SqlArray | null, lowers: SqlArray | null) =>
      filled(elementOf(result)!, value, lengths, lowers),
  },
  'trim_array(anyarray, int4) anyarray': trimmed,
  'unnest(anyarray) setof anyelement': unnest,
  'generate_subscripts(anyarray, int4) setof int4': (array: SqlArray, n: number) => subscripts(array, n, false),
  'generate_subscripts(anyarray, int4, bool) setof int4': subscripts,
};
