/**
 * `min` and `max` of what an index orders, as the first of its entries: `SELECT max(x) FROM t WHERE …` becomes
 * `SELECT (SELECT x FROM t WHERE … AND x IS NOT NULL ORDER BY x DESC LIMIT 1)`, where that is cheaper than reading all rows
 * (PostgreSQL's planagg.c).
 */

import {
  type BoundAggregate,
  type BoundExpression,
  type BoundScan,
  type BoundSelect,
  conjunction,
  conjuncts,
  hasSubquery,
  mapOperands,
  someExpression,
} from '../binder/bound.ts';
import { isVolatile } from '../binder/volatility.ts';
import { costOfFirst } from './costs.ts';
import { planScan, planScanInOrder } from './plan-scan.ts';
import type { PlanScope } from './planned.ts';

/** The query without its aggregates; undefined where they are to be computed of all rows. */
export function extremesByIndex(select: BoundSelect, scope: PlanScope): BoundSelect | undefined {
  const { from, grouping, where, windows, sets, distinctOn } = select;
  if (grouping === undefined || grouping.groupBy !== undefined || grouping.groupings.length > 0) return undefined;
  if (from?.kind !== 'scan' || from.table.system !== undefined) return undefined;
  if (windows.length > 0 || sets.length > 0 || distinctOn !== undefined) return undefined;
  const { aggregates } = grouping;
  if (aggregates.length === 0 || !aggregates.every((each) => isIndexedExtreme(each, from))) return undefined;
  const conditions = where === undefined ? [] : conjuncts(where);
  if (conditions.some((each) => hasSubquery(each) || isVolatile(each))) return undefined;
  const queries = aggregates.map((each) => extremeQuery(each, select, from, conditions));
  let cost = 0;
  for (const { orderBy, where: all } of queries) {
    const needed = new Set([argumentColumn(orderBy[0]!.expression)]);
    const options = { needed, orderBy, wanted: 1 };
    const first = planScanInOrder(from, all === undefined ? [] : conjuncts(all), scope, options);
    if (first === undefined) return undefined;
    cost += costOfFirst(first.node, first.node.rows, 1);
  }
  if (cost >= planScan(from, conditions, scope, { needed: new Set() }).node.cost) return undefined;
  const reads = [...slotsOf(conditions)];
  const values = queries.map((query, i): BoundExpression => {
    const { type, modifier, location } = aggregates[i]!.argument!;
    return {
      kind: 'subquery',
      mode: 'scalar',
      type,
      modifier,
      location,
      query,
      args: [],
      reads,
      operands: [],
      test: undefined,
    };
  });
  const over = (expression: BoundExpression): BoundExpression =>
    expression.kind === 'column' ? values[expression.index]! : mapOperands(expression, over);
  return {
    ...select,
    from: undefined,
    grouping: undefined,
    where: grouping.having && over(grouping.having),
    columns: select.columns.map((column) => ({ ...column, expression: over(column.expression) })),
    orderBy: [],
  };
}

function argumentColumn(expression: BoundExpression): number {
  return expression.kind === 'column' ? expression.index : 0;
}

/** Of a column that is part of a key. */
function isIndexedExtreme(
  { function: { name }, argument, filter, orderBy }: BoundAggregate,
  { table: { table, indexes } }: BoundScan,
): boolean {
  if ((name !== 'min' && name !== 'max') || argument?.kind !== 'column') return false;
  if (filter !== undefined || orderBy.length > 0) return false;
  const { index } = argument;
  return (
    table.primaryKey.includes(index) || indexes.some((each) => each.index.parts.some(({ column }) => column === index))
  );
}

function extremeQuery(
  { function: { name }, argument }: BoundAggregate,
  select: BoundSelect,
  { table: { table } }: BoundScan,
  conditions: readonly BoundExpression[],
): BoundSelect {
  const column = argument as Extract<BoundExpression, { kind: 'column' }>;
  const descending = name === 'max';
  const isThere: BoundExpression = { kind: 'isNull', negated: true, arg: column, ...BOOLEAN };
  const all = table.columns[column.index]?.notNull === true ? conditions : [...conditions, isThere];
  return {
    ...select,
    grouping: undefined,
    where: all.length === 0 ? undefined : conjunction(all),
    columns: [{ name, expression: column, origin: undefined }],
    orderBy: [{ expression: column, descending, nullsFirst: descending }],
    distinct: false,
    limit: { kind: 'constant', type: 'int8', modifier: -1, location: undefined, value: 1n },
    offset: undefined,
    withTies: false,
  };
}

const BOOLEAN = { type: 'bool', modifier: -1, location: undefined } as const;

/** Values of rows further out that conditions ask for. */
function slotsOf(conditions: readonly BoundExpression[]): ReadonlySet<number> {
  const slots = new Set<number>();
  for (const condition of conditions) {
    someExpression(condition, (each) => {
      if (each.kind === 'slot') slots.add(each.slot);
      return false;
    });
  }
  return slots;
}
