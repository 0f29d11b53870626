/**
 * DISTINCT ON in an order that looks at no function that returns a set: PostgreSQL computes those of the rows that are left,
 * when they have been put in order (make_sort_input_target), so that each of them gives all its rows.
 */

import { addColumns, type BoundExpression, type BoundSelect, columnAt, substituted, widthOf } from '../binder/bound.ts';
import { groupWidth } from './rows-before-groups.ts';

/** The query as one over what its DISTINCT ON leaves; itself where its sets come before that. */
export function setsAfterDistinct(select: BoundSelect): BoundSelect {
  const { from, grouping, windows, sets, distinctOn, orderBy, withTies, locking } = select;
  if (sets.length === 0 || distinctOn === undefined || orderBy.length === 0 || withTies || locking !== undefined) {
    return select;
  }
  const own = grouping === undefined ? (from === undefined ? 0 : widthOf(from)) : groupWidth(grouping);
  const width = own + windows.reduce((sum, { calls }) => sum + calls.length, 0);
  const ordered = new Set<number>();
  for (const each of [...distinctOn, ...orderBy.map(({ expression }) => expression)]) addColumns(each, ordered);
  if ([...ordered].some((index) => index >= width)) return select;
  const kept: BoundExpression[] = [];
  const places = new Map<number, number>();
  const over = (expression: BoundExpression): BoundExpression =>
    substituted(expression, (column) => {
      if (column.index >= width) return column;
      let place = places.get(column.index);
      if (place === undefined) {
        place = kept.push(column) - 1;
        places.set(column.index, place);
      }
      return columnAt(place, column);
    });
  const columns = select.columns.map((column) => ({ ...column, expression: over(column.expression) }));
  const mapped = sets.map((set) => ({ ...set, args: set.args.map(over) }));
  // The results of sets stand behind what is kept.
  const placed = (expression: BoundExpression): BoundExpression =>
    substituted(expression, (column) =>
      column.index < width ? column : columnAt(column.index - width + kept.length, column),
    );
  const inside: BoundSelect = {
    ...select,
    columns: kept.map((expression) => ({ name: '', expression, origin: undefined })),
    sets: [],
    limit: undefined,
    offset: undefined,
  };
  return {
    ...select,
    from: { kind: 'derived', alias: '', query: inside },
    where: undefined,
    grouping: undefined,
    windows: [],
    sets: mapped.map((set) => ({ ...set, args: set.args.map(placed) })),
    columns: columns.map((column) => ({ ...column, expression: placed(column.expression) })),
    orderBy: [],
    distinctOn: undefined,
  };
}
