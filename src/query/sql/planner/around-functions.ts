/**
 * Plans of statements that run functions with statements of their own. In PostgreSQL the statement around does not see what
 * those write; here whatever it reads after a call would show it. So it is refused when it touches a table that they write,
 * unless all of its rows are there before the first call: a query that calls them in its select list alone.
 */

import type { TableId } from '../../../models/relational/table.ts';
import { type BoundExpression, type BoundQuery, someExpression } from '../binder/bound.ts';
import { notSupported } from '../sql-error.ts';
import type { Plan } from './plan.ts';

/**
 * @param written For each of the functions the tables that it writes; undefined where that cannot be told.
 * @throws SqlError `feature_not_supported`.
 */
export function aroundFunctions(
  plan: Plan,
  query: BoundQuery,
  written: readonly (ReadonlySet<TableId> | undefined)[],
): Plan {
  if (written.length === 0) return plan;
  const touched = plan.reads();
  const meets = (tables: ReadonlySet<TableId> | undefined): boolean =>
    tables === undefined ? touched.size > 0 : [...tables].some((id) => touched.has(id));
  if (written.some(meets) && !readsBefore(query, written.length)) {
    throw notSupported('a function that writes to a table of the statement that calls it');
  }
  return { ...plan, isPointRead: false, point: undefined, runsFunctions: true };
}

export function runsStatements(expression: BoundExpression): boolean {
  return someExpression(expression, (each) => each.kind === 'call' && each.function.runs !== undefined);
}

/** Whether it has read all that it reads before the first of so many calls. */
function readsBefore(query: BoundQuery, calls: number): boolean {
  if (query.kind === 'explain') return readsBefore(query.query, calls);
  if (query.kind !== 'select') return false;
  let found = 0;
  const asks = (expression: BoundExpression): boolean =>
    someExpression(expression, (each) => {
      if (each.kind === 'call' && each.function.runs !== undefined) found++;
      return each.kind === 'subquery';
    });
  return !query.columns.some(({ expression }) => asks(expression)) && found === calls;
}
