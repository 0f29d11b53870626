/**
 * Plans queries in FROM: conditions on their rows, the order and the limit that are wanted of them go inside where nothing
 * but the number of their rows changes by that, and columns that nobody looks at are not computed.
 */

import { assert } from '../../../base/assert.ts';
import {
  addColumns,
  type BoundCteScan,
  type BoundDerived,
  type BoundExpression,
  type BoundRows,
  columnsOf,
  hasSubquery,
  substituted,
} from '../binder/bound.ts';
import { CteScan, CteState } from '../operators/cte-scan.ts';
import type { ExecutionContext, Operator } from '../operators/operator.ts';
import { TUPLE_COST } from './costs.ts';
import { isPlain } from './decorrelate.ts';
import { type FactsOf, relationFacts } from './facts.ts';
import { detailed, planNode } from './plan-node.ts';
import { planFilter, relocated, type ScanOptions } from './plan-scan.ts';
import {
  conditionDetail,
  measured,
  type Planned,
  type PlanScope,
  type RowNames,
  rowNames,
  scanNames,
} from './planned.ts';
import { isInlined } from './pull-up.ts';
import { isRepeatable, type Pushed, pushInto } from './rows-before-groups.ts';
import { selectivityOf } from './selectivity.ts';
import { callsVolatile } from './subquery-forms.ts';

/** The rows that meet conditions over the whole row, wherever its columns are. */
export function filtered(
  planned: Planned,
  conditions: readonly BoundExpression[],
  names: RowNames,
  scope: PlanScope,
  facts?: FactsOf,
): Planned {
  if (conditions.length === 0) return planned;
  const { layout } = planned;
  const places = layout && new Map(layout.map((index, place) => [index, place]));
  const filter = planFilter(
    places === undefined ? conditions : conditions.map((each) => relocated(each, (index) => places.get(index)!)),
    scope,
  );
  const rows = planned.node.rows * (facts === undefined ? 0.3 ** conditions.length : selectivityOf(conditions, facts));
  const node = detailed(planned.node, rows, () => conditionDetail('Filter', conditions, names));
  return {
    isPoint: planned.isPoint && !conditions.some(hasSubquery),
    node,
    layout,
    open: measured(node, (context) => filter(planned.open(context), context)),
  };
}

export function planDerived(
  relation: BoundDerived,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  options: ScanOptions = {},
): Planned {
  const { needed } = options;
  const { query, alias, barrier = false } = relation;
  const { inside: tested, outside } = barrier ? pushPast(query, conditions) : pushInto(query, conditions);
  const sorted = outside.length === 0 ? orderedInside(tested, options) : undefined;
  const inside = sorted ?? tested;
  const rows = scope.rows(needed === undefined ? inside : pruned(inside, withColumnsOf(needed, outside)));
  const names = rowNames(relation, scope);
  const node = planNode({ type: 'Subquery Scan', target: { alias } }, rows.node.rows, {
    inputs: [rows.node],
    output: () => query.columns.map((_, i) => names(i)),
  });
  const ordered = sorted !== undefined && sorted.kind === 'select';
  const planned = { isPoint: rows.isPoint, node, ordered, open: measured(node, rows.open) };
  const facts = relationFacts(relation, scope.known, () => rows.node.rows);
  return filtered(planned, outside, names, scope, facts);
}

/** As `pushInto`, for conditions that cannot fail alone: comparisons of a column with a value. */
function pushPast(query: BoundRows, conditions: readonly BoundExpression[]): Pushed {
  const tellsNothing = (each: BoundExpression): boolean =>
    each.kind === 'compare' && [each.left, each.right].every(({ kind }) => LEAVES.has(kind));
  const { inside, outside } = pushInto(query, conditions.filter(tellsNothing));
  return { inside, outside: [...outside, ...conditions.filter((each) => !tellsNothing(each))] };
}

const LEAVES: ReadonlySet<BoundExpression['kind']> = new Set(['column', 'constant', 'parameter']);

/**
 * The query in the order that is wanted, cut to the rows that matter, so that a key inside of it can give both. Of a UNION
 * ALL each part is; their rows have still to be put in order.
 */
function orderedInside(query: BoundRows, options: ScanOptions): BoundRows | undefined {
  const { orderBy = [], most = Number.POSITIVE_INFINITY } = options;
  if (orderBy.length === 0) return undefined;
  if (query.kind === 'setOperation' && query.operation === 'union' && query.all) {
    if (!Number.isSafeInteger(most)) return undefined;
    const inputs = query.inputs.map((input) => orderedInside(input, options));
    return inputs.every((each) => each !== undefined) ? { ...query, inputs } : undefined;
  }
  if (query.kind !== 'select' || query.from === undefined || !isPlain(query)) return undefined;
  if (query.distinct || query.withTies || query.orderBy.length > 0) return undefined;
  const { columns } = query;
  if (
    !orderBy.every(({ expression }) => [...columnsOf(expression)].every((i) => isRepeatable(columns[i]!.expression)))
  ) {
    return undefined;
  }
  const keys = orderBy.map((key) => ({
    ...key,
    expression: substituted(key.expression, ({ index }) => columns[index]!.expression),
  }));
  if (!Number.isSafeInteger(most)) return { ...query, orderBy: keys };
  const limit = { kind: 'constant', type: 'int8', modifier: -1, location: undefined, value: BigInt(most) } as const;
  return { ...query, orderBy: keys, limit };
}

function withColumnsOf(needed: ReadonlySet<number>, conditions: readonly BoundExpression[]): ReadonlySet<number> {
  const all = new Set(needed);
  for (const condition of conditions) addColumns(condition, all);
  return all;
}

/** The query with nulls for columns that nobody looks at, where that changes nothing else. */
function pruned(query: BoundRows, needed: ReadonlySet<number>): BoundRows {
  if (query.kind === 'with') return { ...query, query: pruned(query.query, needed) };
  if (query.kind === 'setOperation' && query.operation === 'union' && query.all) {
    return { ...query, inputs: query.inputs.map((input) => pruned(input, needed)) };
  }
  if (query.kind !== 'select' || query.distinct || query.withTies || query.sets.length > 0) return query;
  const columns = query.columns.map((column, i) => {
    const { expression } = column;
    if (needed.has(i) || callsVolatile(expression)) return column;
    const { type, modifier, location } = expression;
    return { ...column, expression: { kind: 'constant', type, modifier, location, value: null } as const };
  });
  return { ...query, columns };
}

export function planCte(
  relation: BoundCteScan,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  options: ScanOptions,
): Planned {
  const { cte, alias } = relation;
  if (isInlined(cte)) return planDerived({ kind: 'derived', alias, query: cte.query! }, conditions, scope, options);
  const known = scope.ctes.get(cte);
  assert(known !== undefined, 'a query in WITH is planned before its readers');
  const { planned: source, node: sourceNode } = known;
  const isWorking = scope.working.has(cte);
  const names = scanNames(relation, scope);
  const target = { alias, other: { key: 'CTE Name', name: cte.name } };
  const node = planNode({ type: isWorking ? 'WorkTable Scan' : 'CTE Scan', target }, sourceNode.rows, {
    width: sourceNode.width,
    costs: { startup: 0, cost: sourceNode.rows * TUPLE_COST },
    output: () => cte.columns.map((_, i) => names(i)),
  });
  const open = (context: ExecutionContext): Operator => {
    const state = context.state(source, () => new CteState(source, context));
    return isWorking ? state.readWorking() : new CteScan(state);
  };
  return filtered({ isPoint: false, node, open: measured(node, open) }, conditions, names, scope);
}
