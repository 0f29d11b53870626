/** Elements, slices and joining of arrays (PostgreSQL's arrayfuncs.c). */

import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { ARRAY_DIMENSIONS_MAX, tooManyDimensions } from '../types/array-bounds.ts';
import type { SqlType, SqlValue } from '../types/types.ts';

export interface SliceBound {
  readonly lower: number | undefined;
  readonly upper: number | undefined;
}

/** Null outside of the bounds, and when there are not as many subscripts as dimensions. */
export function elementAt({ dimensions, lowers, values }: SqlArray, subscripts: readonly number[]): SqlValue {
  if (subscripts.length !== dimensions.length) return null;
  let place = 0;
  for (let i = 0; i < dimensions.length; i++) {
    const offset = subscripts[i]! - lowers[i]!;
    if (offset < 0 || offset >= dimensions[i]!) return null;
    place = place * dimensions[i]! + offset;
  }
  return values[place]!;
}

/** What lies within the bounds, its subscripts from 1; empty when nothing does. */
export function sliceOf(array: SqlArray, bounds: readonly SliceBound[]): SqlArray {
  const { dimensions, lowers, values, element } = array;
  const nothing = new SqlArray(element, []);
  if (bounds.length > dimensions.length || dimensions.length === 0) return nothing;
  const from: number[] = [];
  const lengths: number[] = [];
  for (let i = 0; i < dimensions.length; i++) {
    const low = Math.max(bounds[i]?.lower ?? lowers[i]!, lowers[i]!);
    const high = Math.min(bounds[i]?.upper ?? Number.POSITIVE_INFINITY, lowers[i]! + dimensions[i]! - 1);
    if (low > high) return nothing;
    from.push(low - lowers[i]!);
    lengths.push(high - low + 1);
  }
  const kept: SqlValue[] = [];
  const walk = (depth: number, place: number): void => {
    for (let i = 0; i < lengths[depth]!; i++) {
      const next = place * dimensions[depth]! + from[depth]! + i;
      if (depth === dimensions.length - 1) kept.push(values[next]!);
      else walk(depth + 1, next);
    }
  };
  walk(0, 0);
  return new SqlArray(element, kept, lengths);
}

/** As `array_agg` and `ARRAY (query)` put arrays together. @throws SqlError `null_value_not_allowed`, `array_subscript_error`. */
export function accumulateArrays(element: SqlType, arrays: readonly (SqlArray | null)[]): SqlArray {
  const [first] = arrays;
  for (const each of arrays) {
    if (each === null) throw new SqlError('null_value_not_allowed', 'cannot accumulate null arrays');
    if (each.dimensions.length === 0) {
      throw new SqlError('array_subscript_error', 'cannot accumulate empty arrays');
    }
    if (each.dimensions.join() !== first!.dimensions.join()) {
      throw new SqlError('array_subscript_error', 'cannot accumulate arrays of different dimensionality');
    }
  }
  return concatenateArrays(element, arrays);
}

/** Arrays as the elements of one with a dimension more. @throws SqlError `array_subscript_error` unless they are alike. */
export function concatenateArrays(element: SqlType, arrays: readonly (SqlArray | null)[]): SqlArray {
  const type = element as SqlArray['element'];
  const given = arrays.filter((each) => each !== null);
  if (given.every((each) => each.dimensions.length === 0)) return new SqlArray(type, []);
  const [first] = given;
  const { dimensions, lowers } = first!;
  if (dimensions.length + 1 > ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(dimensions.length + 1);
  const alike =
    given.length === arrays.length &&
    given.every(
      (each) =>
        each.dimensions.length === dimensions.length &&
        each.dimensions.every((length, i) => length === dimensions[i]) &&
        each.lowers.every((lower, i) => lower === lowers[i]),
    );
  if (!alike) {
    throw new SqlError(
      'array_subscript_error',
      'multidimensional arrays must have array expressions with matching dimensions',
    );
  }
  return new SqlArray(
    type,
    given.flatMap((each) => each.values),
    [given.length, ...dimensions],
    [1, ...lowers],
  );
}
