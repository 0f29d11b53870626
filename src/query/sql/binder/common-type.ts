/** What PostgreSQL says of alternatives that have no type in common (parse_coerce.c: select_common_type, coerce_to_common_type). */

import { SqlError } from '../sql-error.ts';
import { baseOf, canCast, commonType, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import { type BoundExpression, leftmost } from './bound.ts';

/** @param alternatives Of which `commonType` finds none. @param title What asks for it: COALESCE, UNION, VALUES. */
export function noCommonType(
  title: string,
  alternatives: readonly BoundExpression[],
  placeOf: (alternative: BoundExpression) => number | undefined = leftmost,
): SqlError {
  let common: SqlType = 'unknown';
  for (const [i, alternative] of alternatives.entries()) {
    const type = baseOf(alternative.type);
    if (common !== 'unknown' && type !== 'unknown' && typeInfo(type).category !== typeInfo(common).category) {
      const message = `${title} types ${titleOf(common)} and ${titleOf(type)} cannot be matched`;
      return new SqlError('datatype_mismatch', message, { location: placeOf(alternative) });
    }
    // Undefined where it is of the same kind, and does not become it by itself.
    common = commonType([...alternatives.slice(0, i + 1)].map((each) => each.type)) ?? common;
    if (i === 0 && alternative.type === 'unknown') common = 'unknown';
  }
  const other = alternatives.find(({ type }) => !canCast(baseOf(type), common, 'implicit')) ?? alternatives[0]!;
  const message = `${title} could not convert type ${titleOf(other.type)} to ${titleOf(common)}`;
  return new SqlError('cannot_coerce', message, { location: placeOf(other) });
}
