/** Assigning to elements and slices of arrays (PostgreSQL's arrayfuncs.c: array_set_element, array_set_slice). */

import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { ARRAY_DIMENSIONS_MAX, arrayFrom, countOf, countToFill, tooManyDimensions } from '../types/array-bounds.ts';
import type { SqlValue } from '../types/types.ts';
import type { SliceBound } from './array-access.ts';

function wrongCount(): SqlError {
  return new SqlError('array_subscript_error', 'wrong number of array subscripts');
}

function outOfRange(): SqlError {
  return new SqlError('array_subscript_error', 'array subscript out of range');
}

/** An array of one dimension that reaches from `low` to `high` too, with nulls where nothing was. */
function extended({ element, values, dimensions, lowers }: SqlArray, low: number, high: number) {
  const lower = Math.min(low, lowers[0]!);
  const upper = Math.max(high, lowers[0]! + dimensions[0]! - 1);
  const count = upper - lower + 1;
  const all = new Array<SqlValue>(count > values.length ? countToFill([count]) : count).fill(null);
  for (let i = 0; i < values.length; i++) all[lowers[0]! - lower + i] = values[i]!;
  return { all, lower, element };
}

/** @param subscripts Not null. @throws SqlError `array_subscript_error`, `program_limit_exceeded`. */
export function withElement(array: SqlArray, subscripts: readonly number[], value: SqlValue): SqlArray {
  if (subscripts.length > ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(subscripts.length);
  const { element, dimensions, lowers, values } = array;
  if (dimensions.length === 0) {
    const ones = subscripts.map(() => 1);
    return arrayFrom(element, [value as never], ones, subscripts.slice());
  }
  if (subscripts.length !== dimensions.length) throw wrongCount();
  if (dimensions.length === 1) {
    const [place] = subscripts as [number];
    const { all, lower } = extended(array, place, place);
    all[place - lower] = value;
    return arrayFrom(element, all as never, [all.length], [lower]);
  }
  let at = 0;
  for (let i = 0; i < dimensions.length; i++) {
    const offset = subscripts[i]! - lowers[i]!;
    if (offset < 0 || offset >= dimensions[i]!) throw outOfRange();
    at = at * dimensions[i]! + offset;
  }
  const changed = values.slice();
  changed[at] = value as never;
  return new SqlArray(element, changed, dimensions, lowers);
}

/** @param source Its first elements are taken. @throws SqlError `array_subscript_error`. */
export function withSlice(array: SqlArray, bounds: readonly SliceBound[], source: SqlArray): SqlArray {
  if (bounds.length > ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(bounds.length);
  const { element, dimensions, lowers, values } = array;
  const isEmpty = dimensions.length === 0;
  if (!isEmpty && dimensions.length < bounds.length) throw wrongCount();
  const count = isEmpty ? bounds.length : dimensions.length;
  const from: number[] = [];
  const to: number[] = [];
  for (let i = 0; i < count; i++) {
    const { lower, upper } = bounds[i] ?? { lower: undefined, upper: undefined };
    if (isEmpty && (lower === undefined || upper === undefined)) {
      throw new SqlError('array_subscript_error', 'array slice subscript must provide both boundaries', {
        detail: 'When assigning to a slice of an empty array value, slice boundaries must be fully specified.',
      });
    }
    const low = lower ?? lowers[i]!;
    const high = upper ?? lowers[i]! + dimensions[i]! - 1;
    if (low > high) {
      throw new SqlError('array_subscript_error', 'upper bound cannot be less than lower bound');
    }
    if (count > 1 && !isEmpty && (low < lowers[i]! || high >= lowers[i]! + dimensions[i]!)) throw outOfRange();
    from.push(low);
    to.push(high);
  }
  const lengths = from.map((low, i) => to[i]! - low + 1);
  const wanted = countOf(lengths);
  if (source.values.length < wanted) throw new SqlError('array_subscript_error', 'source array too small');
  const given = source.values.slice(0, wanted);
  if (isEmpty) return arrayFrom(element, given, lengths, from);
  if (count === 1) {
    const { all, lower } = extended(array, from[0]!, to[0]!);
    for (let i = 0; i < wanted; i++) all[from[0]! - lower + i] = given[i]!;
    return arrayFrom(element, all as never, [all.length], [lower]);
  }
  const changed = values.slice();
  let next = 0;
  const walk = (depth: number, place: number): void => {
    for (let i = 0; i < lengths[depth]!; i++) {
      const at = place * dimensions[depth]! + from[depth]! - lowers[depth]! + i;
      if (depth === count - 1) changed[at] = given[next++]!;
      else walk(depth + 1, at);
    }
  };
  walk(0, 0);
  return new SqlArray(element, changed, dimensions, lowers);
}
