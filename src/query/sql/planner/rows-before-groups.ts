/**
 * Conditions on the rows that a query gives, tested before it groups them, makes them distinct or puts them into windows,
 * where whole groups, sets of equal rows or partitions pass or fail by them (PostgreSQL's subquery_planner, on HAVING, and
 * qual_is_pushdown_safe).
 */

import {
  type BoundExpression,
  type BoundRows,
  type BoundSelect,
  columnsOf,
  conjunction,
  conjuncts,
  hasSubquery,
  sameExpression,
  substituted,
  widthOf,
} from '../binder/bound.ts';
import { isVolatile } from '../binder/volatility.ts';

/** The query that reads only rows of groups that HAVING lets pass, as far as it looks at nothing but their keys. */
export function keysTestedEarly(select: BoundSelect): BoundSelect {
  const { grouping, where } = select;
  const { groupBy, having, sets } = grouping ?? {};
  if (grouping === undefined || groupBy === undefined || having === undefined || sets !== undefined) return select;
  const early: BoundExpression[] = [];
  const late: BoundExpression[] = [];
  for (const each of conjuncts(having)) {
    const isOfKeys = !hasSubquery(each) && [...columnsOf(each)].every((index) => index < groupBy.length);
    const before = isOfKeys ? substituted(each, ({ index }) => groupBy[index]!) : undefined;
    if (before !== undefined && isRepeatable(before)) early.push(before);
    else late.push(each);
  }
  if (early.length === 0) return select;
  return {
    ...select,
    where: conjunction([...(where === undefined ? [] : conjuncts(where)), ...early]),
    grouping: { ...grouping, having: late.length === 0 ? undefined : conjunction(late) },
  };
}

/** What of conditions on its rows a query tests by itself, and what is left to be tested on what comes of it. */
export interface Pushed {
  readonly inside: BoundRows;
  readonly outside: readonly BoundExpression[];
}

export function pushInto(query: BoundRows, conditions: readonly BoundExpression[]): Pushed {
  const none = { inside: query, outside: conditions };
  if (conditions.length === 0) return none;
  if (query.kind === 'setOperation' && query.operation !== 'except') {
    const parts = query.inputs.map((input) => pushInto(input, conditions));
    if (!parts.every(({ outside }) => outside.length === 0)) return none;
    return { inside: { ...query, inputs: parts.map(({ inside }) => inside) }, outside: [] };
  }
  if (query.kind !== 'select' || query.from === undefined) return none;
  if (query.limit !== undefined || query.offset !== undefined || query.locking !== undefined) return none;
  const tested = query.columns.map(({ expression }) => isTestedEarly(expression, query));
  const inner: BoundExpression[] = [];
  const outside: BoundExpression[] = [];
  for (const condition of conditions) {
    const fits = !isVolatile(condition) && [...columnsOf(condition)].every((index) => tested[index] === true);
    if (fits) inner.push(substituted(condition, ({ index }) => query.columns[index]!.expression));
    else outside.push(condition);
  }
  if (inner.length === 0) return none;
  const and = (given: BoundExpression | undefined): BoundExpression =>
    conjunction([...(given === undefined ? [] : conjuncts(given)), ...inner]);
  const { grouping } = query;
  if (grouping === undefined) return { inside: { ...query, where: and(query.where) }, outside };
  return { inside: { ...query, grouping: { ...grouping, having: and(grouping.having) } }, outside };
}

/** Whether a column of the result is the same for all rows that windows and DISTINCT ON put together, and known before them. */
function isTestedEarly(expression: BoundExpression, select: BoundSelect): boolean {
  if (!isRepeatable(expression)) return false;
  const { from, grouping, windows, sets, distinctOn } = select;
  if (windows.length > 0 || sets.length > 0) {
    const width = grouping === undefined ? widthOf(from!) : groupWidth(grouping);
    if ([...columnsOf(expression)].some((index) => index >= width)) return false;
  }
  const isAmong = (keys: readonly BoundExpression[]): boolean => keys.some((key) => sameExpression(key, expression));
  return (
    windows.every(({ window }) => isAmong(window.partitionBy)) && (distinctOn === undefined || isAmong(distinctOn))
  );
}

/** Values in the row of a group. */
export function groupWidth({ groupBy = [], aggregates, groupings }: NonNullable<BoundSelect['grouping']>): number {
  return groupBy.length + aggregates.length + groupings.length;
}

/** The same value however often it is computed, at little cost. */
export function isRepeatable(expression: BoundExpression): boolean {
  return !hasSubquery(expression) && !isVolatile(expression);
}
