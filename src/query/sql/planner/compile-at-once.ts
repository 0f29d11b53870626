/**
 * Expressions with subqueries that read no table, as code that never waits: functions that users defined as a query over their
 * arguments, where rows are written (checks, generated columns, indexes) and nobody can wait for a value.
 */

import { isPromise } from '../../../base/awaitable.ts';
import type { BoundExpression } from '../binder/bound.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { ExecutionContext, ExecutionRow } from '../operators/operator.ts';
import type { EvaluateLater } from '../operators/subquery.ts';
import { notSupported } from '../sql-error.ts';
import { compileLater } from './compile-later.ts';
import type { KnownTables } from './facts.ts';
import { planScope } from './plan-rows.ts';

const NO_TABLES: KnownTables = { of: () => undefined, rowsOf: () => 0 };

/** Planned when its value is first asked for. @throws SqlError `feature_not_supported` where it would have to wait after all. */
export function compileAtOnce(expression: BoundExpression): Evaluate {
  let compute: EvaluateLater | undefined;
  return (row, evaluation) => {
    compute ??= compileLater(expression, scopeOfNoTables());
    const context = (evaluation as Partial<ExecutionContext>).atOnce?.();
    if (context === undefined) throw waits();
    try {
      const value = compute(row as ExecutionRow, context);
      if (!isPromise(value)) return value;
      value.catch(() => undefined);
      throw waits();
    } finally {
      context.release();
    }
  };
}

function scopeOfNoTables() {
  const naming = { qualifies: () => false, isVerbose: false };
  const writes = (): never => {
    throw notSupported('a function that writes, in what a table is defined by,');
  };
  return planScope(writes, naming, { known: NO_TABLES, settings: new Set() });
}

function waits() {
  return notSupported('a function whose value has to be waited for, in what a table is defined by,');
}
