/**
 * Plans of statements that run functions with statements of their own. As in PostgreSQL the statement around sees nothing of
 * what those write, while they see what it has written so far: it reads by what was there when it began. Where a store cannot
 * do that, whatever the statement reads after a call would show what was written; there it is refused when it touches such a
 * table, unless all of its rows are there before the first call: a query that calls them in its select list alone.
 */

import type { UserFunction } from '../../../models/relational/function-definition.ts';
import type { TableId } from '../../../models/relational/table.ts';
import { type BoundExpression, type BoundQuery, someExpression } from '../binder/bound.ts';
import type { FunctionLookup } from '../binder/query-context.ts';
import { notSupported } from '../sql-error.ts';
import type { Plan } from './plan.ts';

/** @param written For each of the functions the tables that it writes; undefined where that cannot be told. */
export function aroundFunctions(
  plan: Plan,
  query: BoundQuery,
  written: readonly (ReadonlySet<TableId> | undefined)[],
): Plan {
  if (written.length === 0) return plan;
  const own = { ...plan, isPointRead: false, point: undefined, runsFunctions: true };
  const writes = plan.writes.length > 0 || written.some((tables) => tables === undefined || tables.size > 0);
  if (!writes) return own;
  const touched = plan.reads();
  const meets = (tables: ReadonlySet<TableId> | undefined): boolean =>
    tables === undefined ? touched.size > 0 : [...tables].some((id) => touched.has(id));
  const showsWrites = written.some(meets) && !readsBefore(query, written.length);
  return {
    ...own,
    // What stands in the place of the whole would read by itself.
    overRows: undefined,
    open: (context) => {
      if (!context.freezeForCalls() && showsWrites) {
        throw notSupported('a function that writes to a table of the statement that calls it, on this store,');
      }
      return plan.open(context);
    },
  };
}

/** Whether a function uses a table that the statement, or one of these functions, writes. */
export function readsWritten(
  definition: UserFunction,
  functions: FunctionLookup,
  { writes }: Plan,
  written: readonly (ReadonlySet<TableId> | undefined)[],
): boolean {
  if (writes.length === 0 && written.length === 0) return false;
  const used = functions.usedBy(definition);
  if (used?.size === 0) return false;
  if (used === undefined || written.includes(undefined)) return true;
  return (
    writes.some(({ table }) => used.has(table.id)) || written.some((tables) => [...tables!].some((id) => used.has(id)))
  );
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
