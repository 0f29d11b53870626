/**
 * A merge join of two sides, where both come in the order of what must be equal, by a key or because they are sorted for it;
 * and which order its rows then have. Whether it is taken is for the costs to say (join-pair.ts).
 */

import { type BoundExpression, type BoundSortKey, conjunction, sameExpression } from '../binder/bound.ts';
import { MergeJoin } from '../operators/merge-join.ts';
import { Sort } from '../operators/sort.ts';
import { type Compare, compareFor } from '../types/compare.ts';
import { compileExpression } from './compile-expression.ts';
import { type Costs, costOfFirst, mergeJoinCosts, sortCosts } from './costs.ts';
import { type Equality, equalityCondition, hasUnique, joinKind, type Pair, type Side } from './pair.ts';
import { planNode } from './plan-node.ts';
import { relocated } from './plan-scan.ts';
import { conditionDetail, measured, type Planned, type PlanScope, type RowNames, shown } from './planned.ts';
import { switchCost } from './planner-settings.ts';

export interface MergedPair extends Costs {
  readonly planned: Planned;
}

/** So many equalities are tried in every order. */
const PERMUTED_MAX = 3;
/** Partners of one row that are expected to fit into memory together. */
const PARTNERS_MAX = 1_000;

/** The cheapest merge join; undefined where there is none. @param orderBy The order that is wanted of its rows, if any. */
export function mergedPair(pair: Pair, scope: PlanScope): MergedPair | undefined {
  const { equal, left, right, rows } = pair;
  if (equal.length === 0 || rows / Math.max(1, left.planned.node.rows) > PARTNERS_MAX) return undefined;
  if (equal.some((each) => each.left.type !== each.right.type)) return undefined;
  const compare = equal.map(({ left: { type } }) => compareOf(type));
  if (compare.includes(undefined)) return undefined;
  let best:
    | {
        readonly price: number;
        readonly costs: Costs;
        readonly left: Planned;
        readonly right: Planned;
        readonly keys: Equality[];
      }
    | undefined;
  for (const keys of orders(equal)) {
    const one = inOrder(
      left,
      keys.map((each) => each.left),
      pair.names,
    );
    const other = inOrder(
      right,
      keys.map((each) => each.right),
      pair.names,
    );
    const { conditions } = pair;
    const sizes = { outer: one.node, inner: other.node, rows, keys: keys.length, conditions: conditions.length };
    const costs = mergeJoinCosts(sizes);
    const price = pricedFor({ ...pair, equal: keys }, costs, givesOrder({ ...pair, equal: keys }));
    if (best === undefined || price < best.price) best = { price, costs, left: one, right: other, keys };
  }
  const { costs, keys } = best!;
  const off = switchCost(scope.settings, 'enable_mergejoin');
  const priced = { startup: costs.startup + off, cost: costs.cost + off };
  return { ...priced, planned: planned({ ...pair, equal: keys }, best!.left, best!.right, priced, scope) };
}

/** What as many rows as are wanted of the pair take, in the order that is wanted. */
export function pricedFor({ orderBy, rows, wanted }: Pair, costs: Costs, ordered: boolean): number {
  const inOrder = orderBy.length === 0 || ordered ? costs : sortCosts(costs, rows, wanted);
  return costOfFirst(inOrder, rows, wanted);
}

function compareOf(type: BoundExpression['type']): Compare | undefined {
  try {
    return compareFor(type);
  } catch {
    return undefined;
  }
}

function orders(equal: readonly Equality[]): readonly Equality[][] {
  if (equal.length > PERMUTED_MAX) return [[...equal]];
  if (equal.length <= 1) return [[...equal]];
  return equal.flatMap((first, i) => orders(equal.filter((_, j) => j !== i)).map((rest) => [first, ...rest]));
}

function ascending(expression: BoundExpression): BoundSortKey {
  return { expression, descending: false, nullsFirst: false };
}

/** The side as a key gives it in that order, or sorted. */
function inOrder(side: Side, expressions: readonly BoundExpression[], names: RowNames): Planned {
  const { planned: plain, layout } = side;
  const sorted = sortCosts(plain.node, plain.node.rows);
  const ordered = side.ordered?.(expressions.map(ascending));
  if (ordered !== undefined && ordered.node.cost <= sorted.cost) return ordered;
  const places = new Map(layout.map((index, place) => [index, place]));
  const keys = expressions.map((expression) => ({
    value: compileExpression(relocated(expression, (index) => places.get(index)!)),
    compare: compareFor(expression.type),
    descending: false,
    nullsFirst: false,
  }));
  const node = planNode('Sort', plain.node.rows, {
    inputs: [plain.node],
    costs: sorted,
    output: plain.node.output,
    details: () => [{ name: 'Sort Key', value: expressions.map((each) => shown(each, names)) }],
  });
  const open: Planned['open'] = (context) => new Sort(plain.open(context), keys, context, Number.POSITIVE_INFINITY);
  return { ...plain, node, isPoint: false, open: measured(node, open) };
}

function planned(pair: Pair, left: Planned, right: Planned, costs: Costs, scope: PlanScope): Planned {
  const { kind, equal, conditions, rows, names, orderBy } = pair;
  const isOneSided = kind === 'semi' || kind === 'anti';
  const both = [...pair.left.layout, ...pair.right.layout];
  const layout = isOneSided ? pair.left.layout : both;
  const over = (each: BoundExpression, columns: readonly number[]) =>
    compileExpression(relocated(each, (index) => columns.indexOf(index)));
  const options = {
    kind,
    left: equal.map((each) => over(each.left, pair.left.layout)),
    right: equal.map((each) => over(each.right, pair.right.layout)),
    compare: equal.map((each) => compareFor(each.left.type)),
    condition: conditions.length === 0 ? undefined : over(conjunction(conditions), both),
    leftWidth: pair.left.layout.length,
    width: pair.right.layout.length,
  };
  const node = planNode(joinKind('Merge Join', kind), rows, {
    inputs: [left.node, right.node],
    details: () => [
      { name: 'Inner Unique', value: hasUnique(pair, scope), only: 'programs' },
      ...conditionDetail('Merge Cond', equal.map(equalityCondition), names),
      ...conditionDetail('Join Filter', conditions, names),
    ],
    output: () => layout.map(names),
    width: isOneSided ? left.node.width : left.node.width + right.node.width,
    costs,
  });
  return {
    isPoint: false,
    node,
    layout,
    ordered: orderBy.length > 0 && givesOrder(pair),
    open: measured(
      node,
      (context, rowsMax) => new MergeJoin(left.open(context), right.open(context), options, context, rowsMax),
    ),
  };
}

/** Whether the rows come in the order that is wanted: that of the keys, which inner joins have in two spellings. */
function givesOrder({ kind, equal, orderBy }: Pair): boolean {
  if (kind === 'full' || orderBy.length > equal.length) return false;
  return orderBy.every(({ expression, descending, nullsFirst }, i) => {
    const { left, right } = equal[i]!;
    if (descending || nullsFirst) return false;
    return sameExpression(expression, left) || (kind === 'inner' && sameExpression(expression, right));
  });
}
