/**
 * When it pays to read FROM in an order that grouping, DISTINCT or ORDER BY can use as it comes: groups and equal rows then
 * stand together, one of them is held at a time, and a LIMIT stops the reading (PostgreSQL's planner.c: add_paths_to_grouping_rel,
 * create_distinct_paths, create_ordered_paths). Hashing takes rows as vectors, and so costs less where all are wanted.
 */

import {
  type BoundExpression,
  type BoundSelect,
  type BoundSortKey,
  columnsOf,
  hasSubquery,
  sameExpression,
} from '../binder/bound.ts';
import { isVolatile } from '../binder/volatility.ts';
import { type Costs, costOfFirst, OPERATOR_COST, sortCosts, TUPLE_COST } from './costs.ts';
import { blockingCosts } from './plan-node.ts';
import type { Planned } from './planned.ts';
import { type PlannerSettings, switchCost } from './planner-settings.ts';

/** What the order of the input is for. */
export interface OrderedInput {
  readonly planned: Planned;
  readonly use: 'group' | 'unique' | 'sort';
  /** Of the result: by ORDER BY. */
  readonly ordered: boolean;
  /** How many keys of ORDER BY the input is in the order of. */
  readonly presorted: number;
  /** Places of the keys of GROUP BY in that order. */
  readonly keys: readonly number[];
  /** Of the node that makes use of it. */
  readonly costs: Costs;
}

/** The part of the groups that HAVING is thought to let through. */
const HAVING_PASSES = 0.3;

interface Question {
  readonly select: BoundSelect;
  /** FROM as it is read otherwise. */
  readonly planned: Planned;
  readonly settings: PlannerSettings;
  /** How many different values there are. */
  groupsOf(keys: readonly BoundExpression[]): number;
  /** Whether rows are read in an order that begins with that key, as far as keys and indexes go. */
  mayLead(key: BoundSortKey): boolean;
  /** FROM in that order, if it is read in it, of which so many rows are likely to be asked for. */
  inOrder(keys: readonly BoundSortKey[], wanted: number): Planned | undefined;
}

/** Undefined where another way is cheaper, or no key gives an order that helps. */
export function orderedInput(question: Question): OrderedInput | undefined {
  const { grouping, distinct, distinctOn, windows, sets } = question.select;
  if (windows.length > 0 || sets.length > 0) return undefined;
  if (grouping !== undefined) return distinctOn === undefined ? orderedGroups(question) : undefined;
  if (distinct) return orderedDistinct(question);
  return presortedInput(question);
}

/** Rows that LIMIT lets through, where that is known. */
function limitOf({ limit, offset, withTies }: BoundSelect): number {
  if (withTies || limit?.kind !== 'constant' || typeof limit.value !== 'bigint') return Number.POSITIVE_INFINITY;
  if (offset !== undefined && (offset.kind !== 'constant' || typeof offset.value !== 'bigint')) {
    return Number.POSITIVE_INFINITY;
  }
  return Number(limit.value) + Number(offset?.value ?? 0n);
}

function orderedGroups(question: Question): OrderedInput | undefined {
  const { select, planned, settings } = question;
  const { groupBy = [], sets, groupings } = select.grouping!;
  if (groupBy.length === 0 || sets !== undefined || groupings.length > 0 || !groupBy.every(isPlain)) return undefined;
  // Keys of ORDER BY are columns of the groups.
  const order = select.orderBy.map((key): BoundSortKey | undefined => {
    const { expression } = key;
    const found = expression.kind === 'column' ? groupBy[expression.index] : undefined;
    return found && { ...key, expression: found };
  });
  const isOrdered = order.length > 0 && order.every((key) => key !== undefined);
  const keys = completed(isOrdered ? (order as BoundSortKey[]) : [], groupBy);
  const groups = question.groupsOf(groupBy);
  const stops = (select.orderBy.length === 0 || isOrdered) && !select.distinct;
  const passing = select.grouping!.having === undefined ? 1 : HAVING_PASSES;
  const wanted = stops ? Math.min(groups, limitOf(select) / passing) : groups;
  const { rows } = planned.node;
  const other = question.inOrder(keys, (rows * wanted) / groups);
  if (other === undefined) return undefined;
  const sorted = adjacentCosts(other.node, other.node.rows, groups, keys.length);
  const hashed = blockingCosts(planned.node, groups);
  const sorts = select.orderBy.length > 0;
  const price = (costs: Costs, ordered: boolean): number =>
    costOfFirst(sorts && !ordered ? sortCosts(costs, groups, wanted) : costs, groups, wanted);
  if (price(sorted, isOrdered) >= price(hashed, false) + switchCost(settings, 'enable_hashagg')) return undefined;
  return {
    planned: other,
    use: 'group',
    ordered: isOrdered,
    presorted: 0,
    keys: placesOf(keys, groupBy),
    costs: sorted,
  };
}

function orderedDistinct(question: Question): OrderedInput | undefined {
  const { select, planned, settings } = question;
  const columns = select.columns.map(({ expression }) => expression);
  if (select.locking !== undefined || columns.length === 0 || !columns.every(isPlain)) return undefined;
  if (!select.orderBy.every(({ expression }) => columns.some((each) => sameExpression(each, expression))))
    return undefined;
  const keys = completed(select.orderBy, columns);
  const groups = question.groupsOf(columns);
  const wanted = Math.min(groups, limitOf(select));
  const { rows } = planned.node;
  const other = question.inOrder(keys, (rows * wanted) / groups);
  if (other === undefined) return undefined;
  const sorted = adjacentCosts(other.node, other.node.rows, groups, keys.length);
  const hashed = blockingCosts(planned.node, groups);
  const sorts = select.orderBy.length > 0 && planned.ordered !== true;
  const all = sorts ? sortCosts(hashed, groups, wanted) : hashed;
  const price = costOfFirst(all, groups, wanted) + switchCost(settings, 'enable_hashagg');
  if (costOfFirst(sorted, groups, wanted) >= price) return undefined;
  return { planned: other, use: 'unique', ordered: true, presorted: 0, keys: [], costs: sorted };
}

/** In the order of the first keys, the more the better. */
function presortedInput(question: Question): OrderedInput | undefined {
  const { select, planned, settings } = question;
  const { orderBy } = select;
  if (planned.ordered === true || orderBy.length < 2 || settings.has('enable_incremental_sort')) return undefined;
  if (!question.mayLead(orderBy[0]!)) return undefined;
  if (!orderBy.every(({ expression }) => isPlain(expression))) return undefined;
  const { rows } = planned.node;
  const wanted = select.distinctOn === undefined ? Math.min(rows, limitOf(select)) : rows;
  const price = costOfFirst(sortCosts(planned.node, rows, wanted), rows, wanted) + switchCost(settings, 'enable_sort');
  for (let presorted = orderBy.length - 1; presorted > 0; presorted--) {
    const keys = orderBy.slice(0, presorted);
    const groups = question.groupsOf(keys.map(({ expression }) => expression));
    const each = rows / groups;
    const other = question.inOrder(keys, Math.ceil(wanted / each) * each);
    if (other === undefined) continue;
    const costs = incrementalCosts(other.node, rows, groups);
    if (costOfFirst(costs, rows, wanted) >= price) return undefined;
    return { planned: other, use: 'sort', ordered: false, presorted, keys: [], costs };
  }
  return undefined;
}

/** The keys of an order, then what it leaves open. */
export function completed(order: readonly BoundSortKey[], all: readonly BoundExpression[]): readonly BoundSortKey[] {
  const keys = [...order];
  for (const expression of all) {
    if (keys.some((key) => sameExpression(key.expression, expression))) continue;
    keys.push({ expression, descending: false, nullsFirst: false });
  }
  return keys;
}

function placesOf(keys: readonly BoundSortKey[], all: readonly BoundExpression[]): readonly number[] {
  return keys.map(({ expression }) => all.findIndex((each) => sameExpression(each, expression)));
}

/** What a key can give the order of. */
function isPlain(expression: BoundExpression): boolean {
  return columnsOf(expression).size > 0 && !hasSubquery(expression) && !isVolatile(expression);
}

/** Rows that are compared with the one before, one by one. */
function adjacentCosts(input: Costs, rows: number, groups: number, keys: number): Costs {
  const compared = rows * (TUPLE_COST + keys * OPERATOR_COST);
  return { startup: input.startup, cost: input.cost + compared + groups * TUPLE_COST };
}

/** PostgreSQL's cost_incremental_sort, which fears that groups are half as large again as they are thought to be. */
function incrementalCosts(input: Costs, rows: number, groups: number): Costs {
  const each = (1.5 * rows) / groups;
  const sorting = 2 * OPERATOR_COST * each * Math.log2(Math.max(2, each));
  const reading = (input.cost - input.startup) / groups;
  const startup = input.startup + reading + sorting;
  const compared = rows * (TUPLE_COST + OPERATOR_COST);
  return { startup, cost: startup + (groups - 1) * (reading + sorting) + compared };
}
