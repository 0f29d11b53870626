/** Types that have no equality and no order, which DISTINCT, GROUP BY, set operations and ORDER BY ask for (parse_clause.c, parse_oper.c). */

import { SqlError } from '../sql-error.ts';
import { baseOf, elementOf, type SqlType, titleOf } from '../types/types.ts';
import { type BoundExpression, leftmost } from './bound.ts';
import { placeIn } from './names.ts';

const INCOMPARABLE: ReadonlySet<SqlType> = new Set(['json', 'jsonpath', 'pg_snapshot', 'txid_snapshot']);

function isIncomparable(type: SqlType): boolean {
  const base = baseOf(type);
  return INCOMPARABLE.has(elementOf(base) ?? base);
}

/** @param part Of the tree, whose place is told; else that of the expression. @throws SqlError `undefined_function`. */
export function requireEquality(expression: BoundExpression, part?: unknown): void {
  if (!isIncomparable(expression.type)) return;
  const location = placeIn(part) ?? leftmost(expression);
  const message = `could not identify an equality operator for type ${titleOf(expression.type)}`;
  throw new SqlError('undefined_function', message, { location });
}

/** @param part Of the tree, whose place is told; else that of the expression. @throws SqlError `undefined_function`. */
export function requireOrder(expression: BoundExpression, part?: unknown): void {
  if (!isIncomparable(expression.type)) return;
  const location = placeIn(part) ?? leftmost(expression);
  const message = `could not identify an ordering operator for type ${titleOf(expression.type)}`;
  throw new SqlError('undefined_function', message, {
    location,
    hint: 'Use an explicit ordering operator or modify the query.',
  });
}
