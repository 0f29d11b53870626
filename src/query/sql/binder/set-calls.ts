/**
 * Calls of functions that return sets: where they may stand (PostgreSQL's parse_func.c: check_srf_call_placement), and their place among the
 * sets of a query.
 */

import type { ScalarFunction } from '../functions/evaluation.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { type BoundExpression, sameExpression, someExpression } from './bound.ts';
import type { ExpressionBinder } from './expression-binder.ts';

const SET_HINT = 'You might be able to move the set-returning function into a LATERAL FROM item.';

/** The result of a set-returning function. */
export function isSet(expression: BoundExpression): boolean {
  return expression.kind === 'column' && expression.computed === 'set';
}

/** What may be left uncomputed holds no set. @throws SqlError `feature_not_supported`. */
export function refuseSets(expressions: readonly BoundExpression[], title: string): void {
  for (const expression of expressions) {
    let place: number | undefined;
    const isRefused = someExpression(expression, (each) => {
      if (isSet(each)) place = each.location;
      return isSet(each);
    });
    if (!isRefused) continue;
    const message = `set-returning functions are not allowed in ${title}`;
    throw new SqlError('feature_not_supported', message, { location: place, hint: SET_HINT });
  }
}

/** The call as one of the sets of its query. @throws SqlError `feature_not_supported`. */
export function takeSet(
  binder: ExpressionBinder,
  found: ScalarFunction,
  args: readonly BoundExpression[],
  location: number | undefined,
): BoundExpression {
  if (binder.around.aggregate) {
    throw new SqlError(
      'feature_not_supported',
      'aggregate function calls cannot contain set-returning function calls',
      { location, hint: SET_HINT },
    );
  }
  if (binder.clause.windows !== 'allowed') {
    const { title, place = title } = binder.clause;
    throw new SqlError('feature_not_supported', `set-returning functions are not allowed in ${place}`, { location });
  }
  if (binder.around.window || args.some((arg) => someExpression(arg, isSet))) {
    throw notSupported('a set-returning function inside of another call', location);
  }
  let index = binder.sets.findIndex((other) => other.function.name === found.name && sameExpression(other.args, args));
  if (index < 0) index = binder.sets.push({ function: found, args }) - 1;
  return { kind: 'column', type: found.result, modifier: -1, location, index, computed: 'set' };
}
