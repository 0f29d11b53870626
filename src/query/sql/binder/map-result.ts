/** Lists of expressions with something else for each, so that what was one object for two of them is one afterwards. */

import type { BoundColumn, BoundExpression, BoundSelect } from './bound.ts';

/**
 * The columns of a result and the keys of its order with something else for each expression. A key that is one of the columns,
 * the same object, stays that column: it is computed once for both.
 */
export function mapResult<R extends Pick<BoundSelect, 'columns' | 'orderBy'>>(
  result: R,
  map: (expression: BoundExpression) => BoundExpression,
): Pick<BoundSelect, 'columns' | 'orderBy'> {
  const columns = mapExpressions(result.columns, map);
  if (result.orderBy.length === 0) return { columns, orderBy: result.orderBy };
  const orderBy = mapExpressions(result.orderBy, (expression) => {
    const place = placeAmong(result.columns, expression);
    return place < 0 ? map(expression) : columns[place]!.expression;
  });
  return { columns, orderBy };
}

/** Which column an expression is, as an object; -1 for none. */
function placeAmong(columns: readonly BoundColumn[], expression: BoundExpression): number {
  for (let place = 0; place < columns.length; place++) if (columns[place]!.expression === expression) return place;
  return -1;
}

/** The list with something else for the expression of each; itself, where all stay as they are. */
export function mapExpressions<C extends { readonly expression: BoundExpression }>(
  list: readonly C[],
  map: (expression: BoundExpression) => BoundExpression,
): readonly C[] {
  let changed: C[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const each = list[i]!;
    const expression = map(each.expression);
    if (expression === each.expression) continue;
    changed ??= [...list];
    changed[i] = { ...each, expression };
  }
  return changed ?? list;
}
