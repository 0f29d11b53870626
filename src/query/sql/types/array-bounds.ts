/** How large arrays may be, and which subscripts they may have (PostgreSQL's arrayutils.c). */

import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';

export const ARRAY_DIMENSIONS_MAX = 6;
export const ARRAY_ELEMENTS_MAX = 134_217_727;
/** Of arrays that a few bytes ask for: `array_fill`, an assignment far behind the end. */
const FILLED_ELEMENTS_MAX = 10_000_000;
const SUBSCRIPT_MAX = 2_147_483_647;

export function tooManyDimensions(count: number): SqlError {
  return new SqlError(
    'program_limit_exceeded',
    `number of array dimensions (${count}) exceeds the maximum allowed (${ARRAY_DIMENSIONS_MAX})`,
  );
}

export function tooManyElements(max = ARRAY_ELEMENTS_MAX): SqlError {
  return new SqlError('program_limit_exceeded', `array size exceeds the maximum allowed (${max})`);
}

/** How many elements an array of these lengths has. @throws SqlError `program_limit_exceeded`. */
export function countOf(lengths: readonly number[]): number {
  let count = 1;
  for (const length of lengths) {
    if (length < 0) throw tooManyElements();
    count *= length;
    if (count > ARRAY_ELEMENTS_MAX) throw tooManyElements();
  }
  return count;
}

/** The same for an array that is about to be filled with one value. @throws SqlError `program_limit_exceeded`. */
export function countToFill(lengths: readonly number[]): number {
  const count = countOf(lengths);
  if (count > FILLED_ELEMENTS_MAX) throw tooManyElements(FILLED_ELEMENTS_MAX);
  return count;
}

/** An array whose subscripts may lie anywhere. @throws SqlError `program_limit_exceeded` when they go beyond integers. */
export function arrayFrom(
  element: SqlArray['element'],
  values: SqlArray['values'],
  dimensions: readonly number[],
  lowers: readonly number[],
): SqlArray {
  for (const [i, lower] of lowers.entries()) {
    if (lower + dimensions[i]! > SUBSCRIPT_MAX) {
      throw new SqlError('program_limit_exceeded', `array lower bound is too large: ${lower}`);
    }
  }
  return new SqlArray(element, values, dimensions, lowers);
}
