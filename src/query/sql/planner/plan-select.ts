/**
 * Plans one SELECT: FROM and WHERE, then grouping, windows, the functions of the select list that return sets, order, limit,
 * and the result. Parts that hold subqueries are computed by an operator of their own, behind the row, before the
 * operator that needs them; so all others stay synchronous. Queries made of several are planned in `plan-rows.ts`.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { OperationError } from '../../../base/errors.ts';
import { once } from '../../../base/once.ts';
import {
  addColumns,
  type BoundExpression,
  type BoundRelation,
  type BoundSelect,
  type BoundSortKey,
  columnAt,
  conjunction,
  conjuncts,
  hasSubquery,
  sameExpression,
  shifted,
  widthOf,
} from '../binder/bound.ts';
import { isVolatile } from '../binder/volatility.ts';
import { Aggregate } from '../operators/aggregate.ts';
import { Distinct } from '../operators/distinct.ts';
import { GroupInOrder } from '../operators/group-in-order.ts';
import { IncrementalSort } from '../operators/incremental-sort.ts';
import { Late, ProjectLater, ReadFirst, Singly } from '../operators/later.ts';
import { Limit } from '../operators/limit.ts';
import { LimitWithTies } from '../operators/limit-ties.ts';
import { LockRows } from '../operators/lock-rows.ts';
import type { ExecutionContext, Operator } from '../operators/operator.ts';
import { Project } from '../operators/project.ts';
import { SingleRow } from '../operators/single-row.ts';
import { Sort } from '../operators/sort.ts';
import { type EvaluateLater, evaluateAll } from '../operators/subquery.ts';
import { Unique } from '../operators/unique.ts';
import { SqlError } from '../sql-error.ts';
import type { SqlValue } from '../types/types.ts';
import type { VectorGrouping } from '../vectors/vector-groups.ts';
import { mayLead } from './access-path.ts';
import { runsStatements } from './around-functions.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { compileVector, compileVectorTest } from './compile-vector.ts';
import { costOfFirst, sortCosts } from './costs.ts';
import { estimatedGroups, type FactsOf, relationFacts, valueBytes } from './facts.ts';
import { extremesByIndex } from './plan-extremes.ts';
import {
  blockingCosts,
  type Detail,
  detailed,
  type NodeKind,
  type NodeOptions,
  type PlanNode,
  planNode,
} from './plan-node.ts';
import { completed, type OrderedInput, orderedInput } from './plan-order.ts';
import { planRelation } from './plan-relation.ts';
import { planFilter, planScanInOrder, relocated } from './plan-scan.ts';
import { expressionsOfWindow, planSets, planWindow, sortKey } from './plan-windows.ts';
import {
  conditionDetail,
  measured,
  type Planned,
  type PlanScope,
  type RowNames,
  rowNames,
  shown,
  watch,
} from './planned.ts';
import { aboveFrom } from './pull-up.ts';
import { groupWidth, keysTestedEarly } from './rows-before-groups.ts';
import { setsAfterDistinct } from './sets-after-distinct.ts';
import { countedRows } from './subquery-forms.ts';

/** As PostgreSQL tells grouping apart: by its strategy. */
export function aggregateKind(strategy: 'Plain' | 'Hashed' | 'Sorted' | 'Mixed'): NodeKind {
  const text = { Plain: 'Aggregate', Hashed: 'HashAggregate', Sorted: 'GroupAggregate', Mixed: 'MixedAggregate' }[
    strategy
  ];
  return { type: 'Aggregate', text, variant: { Strategy: strategy, 'Partial Mode': 'Simple' } };
}

/** An operator's rows with more columns behind, for parts that hold subqueries. */
interface Extended {
  readonly planned: Planned;
  /** The expression, or the column that it was computed into. */
  readonly over: (expression: BoundExpression) => BoundExpression;
}

function extended(
  planned: Planned,
  width: number,
  expressions: readonly (BoundExpression | undefined)[],
  scope: PlanScope,
  isOwn: (expression: BoundExpression) => boolean = hasSubquery,
): Extended {
  const late = expressions.filter((each) => each !== undefined && isOwn(each)) as BoundExpression[];
  if (late.length === 0) return { planned, over: (each) => each };
  const columns = late.map((each) => compileLater(each, scope));
  return {
    planned: {
      isPoint: false,
      node: planned.node,
      open: (context, rowsMax) =>
        new ProjectLater(beforeCalls(planned.open(context, rowsMax), late, context), columns, true, context),
    },
    over: (each) => {
      const place = late.indexOf(each);
      return place < 0 ? each : columnAt(width + place, each);
    },
  };
}

/** Functions that write shall not meet what the query has still to read, and run for no row that nobody wants. */
function beforeCalls(input: Operator, calls: readonly BoundExpression[], context: ExecutionContext): Operator {
  if (!calls.some(runsStatements)) return input;
  return new Singly(context.isFrozen ? input : new ReadFirst(input, context));
}

function wrapped(
  planned: Planned,
  kind: NodeKind,
  rows: number,
  wrap: (input: Operator, context: ExecutionContext) => Operator,
  options: NodeOptions,
): Planned {
  const node = planNode(kind, rows, { inputs: [planned.node], ...options });
  return {
    isPoint: planned.isPoint,
    node,
    open: measured(node, (context) => wrap(planned.open(context), context)),
  };
}

function filteredBy(
  planned: Planned,
  condition: BoundExpression | undefined,
  names: RowNames,
  scope: PlanScope,
): Planned {
  if (condition === undefined) return planned;
  const filter = planFilter(conjuncts(condition), scope);
  const node = detailed(planned.node, planned.node.rows * 0.3, () => conditionDetail('Filter', [condition], names));
  return {
    isPoint: planned.isPoint && !hasSubquery(condition),
    node,
    open: measured(node, (context) => filter(planned.open(context), context)),
  };
}

function planAggregate(
  input: Planned,
  width: number,
  select: BoundSelect,
  names: RowNames,
  groups: number,
  scope: PlanScope,
  inOrder: OrderedInput | undefined,
): Planned {
  const { grouping } = select;
  if (grouping === undefined) return input;
  const { planned, over } = extended(
    input,
    width,
    [
      ...(grouping.groupBy ?? []),
      ...grouping.aggregates.flatMap(({ argument, filter, orderBy }) => [
        argument,
        filter,
        ...orderBy.map(({ expression }) => expression),
      ]),
    ],
    scope,
  );
  const compile = (expression: BoundExpression) => compileExpression(over(expression));
  const aggregates = grouping.aggregates.map(({ function: found, argument, filter, orderBy, direct }) => ({
    function: found,
    argument: argument && compile(argument),
    filter: filter && compile(filter),
    orderBy: orderBy.map((key) => sortKey(key, over)),
    direct: direct?.map(compileExpression),
  }));
  const groupBy = grouping.groupBy && {
    values: grouping.groupBy.map(compile),
    types: grouping.groupBy.map(({ type }) => type),
    sets: grouping.sets,
    groupings: grouping.groupings,
  };
  const vectors = plannedVectors(grouping, over);
  const isSorted = inOrder?.use === 'group';
  const hashed = groupBy?.sets === undefined ? 'Hashed' : 'Mixed';
  const strategy = groupBy === undefined ? 'Plain' : isSorted ? 'Sorted' : hashed;
  const kind: NodeKind = isSorted && aggregates.length === 0 ? { type: 'Group' } : aggregateKind(strategy);
  const keys = grouping.groupBy ?? [];
  const outputNames = groupNames(grouping, names);
  const aggregated = wrapped(
    planned,
    kind,
    groups,
    (op, context) =>
      isSorted
        ? new GroupInOrder(op, groupBy!, aggregates, context)
        : new Aggregate(op, groupBy, aggregates, context, vectors),
    {
      details: () => groupDetails(grouping, isSorted ? inOrder.keys.map((place) => keys[place]!) : keys, names),
      output: () => Array.from({ length: groupWidth(grouping) }, (_, i) => outputNames(i)),
      costs: isSorted ? inOrder.costs : blockingCosts(planned.node, groups),
      width: keys.reduce((sum, { type }) => sum + valueBytes(type, undefined), grouping.aggregates.length * 8),
    },
  );
  return { ...filteredBy(aggregated, grouping.having, outputNames, scope), ordered: isSorted && inOrder.ordered };
}

function groupDetails(
  { sets, written }: NonNullable<BoundSelect['grouping']>,
  keys: readonly BoundExpression[],
  names: RowNames,
): readonly Detail[] {
  if (sets === undefined) {
    return keys.length === 0
      ? []
      : [{ name: 'Group Key', value: keys.slice(0, written).map((key) => shown(key, names)) }];
  }
  return sets.map((set) =>
    set.length === 0
      ? { name: 'Group Key', value: ['()'] }
      : { name: 'Hash Key', value: set.map((place) => shown(keys[place]!, names)) },
  );
}

/** The same over vectors, made when it is first asked for; undefined where rows have to come one by one. */
function plannedVectors(
  { groupBy = [], sets, groupings, aggregates }: NonNullable<BoundSelect['grouping']>,
  over: (expression: BoundExpression) => BoundExpression,
): (() => VectorGrouping) | undefined {
  const inOrder = aggregates.some(
    ({ function: { distinct, holds }, orderBy }) => distinct !== undefined || holds === true || orderBy.length > 0,
  );
  if (sets !== undefined || groupings.length > 0 || inOrder || groupBy.length > VECTOR_KEYS_MAX) return undefined;
  return once(() => ({
    keys: groupBy.map((key) => compileVector(over(key))),
    types: groupBy.map(({ type }) => type),
    aggregates: aggregates.map(({ function: found, argument, filter }) => ({
      function: found,
      argument: argument && compileVector(over(argument)),
      filter: filter && compileVectorTest(over(filter)),
    })),
  }));
}

/** A bit of an integer tells for each whether it is null. */
const VECTOR_KEYS_MAX = 31;

/** Columns of FROM that anything above it reads. */
function columnsFrom(select: BoundSelect, width: number): ReadonlySet<number> {
  const { grouping, windows, sets, columns, orderBy, distinctOn } = select;
  const needed = new Set<number>();
  if (grouping !== undefined) {
    for (const key of grouping.groupBy ?? []) addColumns(key, needed);
    for (const { argument, filter, orderBy: order } of grouping.aggregates) {
      if (argument !== undefined) addColumns(argument, needed);
      if (filter !== undefined) addColumns(filter, needed);
      for (const { expression } of order) addColumns(expression, needed);
    }
  } else {
    for (const window of windows) for (const each of expressionsOfWindow(window)) addColumns(each, needed);
    for (const { args } of sets) for (const arg of args) addColumns(arg, needed);
    for (const each of distinctOn ?? []) addColumns(each, needed);
    for (const { expression } of columns) addColumns(expression, needed);
    for (const { expression } of orderBy) addColumns(expression, needed);
  }
  // Behind the columns of FROM are the results of windows and sets.
  for (const index of needed) if (index >= width) needed.delete(index);
  return needed;
}

/** The query over rows of FROM with another layout. */
function placed(select: BoundSelect, layout: readonly number[] | undefined, width: number): BoundSelect {
  if (layout === undefined || (layout.length === width && layout.every((index, place) => index === place)))
    return select;
  const places = new Map(layout.map((index, place) => [index, place]));
  // Behind the columns of FROM are the results of windows and sets.
  const placeOf = (index: number): number => (index < width ? places.get(index)! : index - width + layout.length);
  return aboveFrom(select, (expression) => relocated(expression, placeOf));
}

/** What results of windows and of sets are called, which are behind the `width` values of the row below them. */
function computedNames({ windows, sets }: BoundSelect, width: number, below: RowNames): RowNames {
  const calls = windows.flatMap((window) => window.calls);
  if (calls.length === 0 && sets.length === 0) return below;
  const last = sets.at(-1)?.level;
  const list = (args: readonly BoundExpression[], names: RowNames): string =>
    args.map((arg) => shown(arg, names)).join(', ');
  const names: RowNames = (index) => {
    if (index < width) return below(index);
    const call = calls[index - width];
    if (call !== undefined) return `${call.function.name}(${list(call.args, below)}) OVER (?)`;
    const set = sets[index - width - calls.length];
    if (set === undefined) return '…';
    const text = `${set.function.name}(${list(set.args, names)})`;
    return set.level === last ? text : `(${text})`;
  };
  return names;
}

function placedNames(names: RowNames, layout: readonly number[] | undefined): RowNames {
  return layout === undefined ? names : (place) => names(layout[place]!);
}

/** How many rows are likely to be asked for: those of a constant LIMIT, unless all are read before it. */
function wantedRows({ grouping, windows, sets, distinct, distinctOn, limit, offset }: BoundSelect): number {
  if (grouping !== undefined || windows.length > 0 || sets.length > 0 || distinct || distinctOn !== undefined) {
    return Number.POSITIVE_INFINITY;
  }
  if (limit?.kind !== 'constant' || typeof limit.value !== 'bigint') return Number.POSITIVE_INFINITY;
  const skipped = offset?.kind === 'constant' && typeof offset.value === 'bigint' ? Number(offset.value) : 0;
  return Number(limit.value) + skipped;
}

/** How many groups the query makes of its rows. */
function groupsOf({ from, grouping }: BoundSelect, input: Planned, scope: PlanScope): number {
  if (grouping?.groupBy === undefined || from === undefined) return 1;
  const facts: FactsOf = relationFacts(from, scope.known, () => input.node.rows);
  const { rows } = input.node;
  if (grouping.sets === undefined) return estimatedGroups(grouping.groupBy, facts, rows);
  return grouping.sets.reduce(
    (sum, set) =>
      sum +
      estimatedGroups(
        set.map((place) => grouping.groupBy![place]!),
        facts,
        rows,
      ),
    0,
  );
}

/** What a row of FROM must still meet once a part of it is read anew; the ON of outer joins is not asked again. */
function lockConditions(from: BoundRelation | undefined, where: BoundExpression | undefined): BoundExpression[] {
  const conditions = where === undefined ? [] : [where];
  const visit = (relation: BoundRelation, offset: number): void => {
    if (relation.kind !== 'join') return;
    const { type, left, right, condition } = relation;
    if (type === 'inner' && condition !== undefined) conditions.push(shifted(condition, offset));
    visit(left, offset);
    visit(right, offset + widthOf(left));
  };
  if (from !== undefined) visit(from, 0);
  return conditions;
}

/** One group of all rows of which nothing is asked: HAVING alone decides about it, and no row is read. */
function withoutRows(select: BoundSelect): BoundSelect | undefined {
  const { grouping } = select;
  if (grouping === undefined || grouping.groupBy !== undefined) return undefined;
  if (grouping.aggregates.length > 0 || grouping.groupings.length > 0) return undefined;
  return { ...select, from: undefined, where: grouping.having, grouping: undefined };
}

/** Sorted by all that DISTINCT ON goes by: as in PostgreSQL, the row that stays is the first of these, and they leave in that order. */
function inOrderOfDistinct(select: BoundSelect): BoundSelect {
  const { distinctOn, orderBy } = select;
  return distinctOn === undefined ? select : { ...select, orderBy: completed(orderBy, distinctOn) };
}

/** The rows that FROM gives and WHERE leaves; and the order they come in, where grouping or sorting them makes use of it. */
function planInput(
  select: BoundSelect,
  scope: PlanScope,
): { readonly planned: Planned; readonly inOrder: OrderedInput | undefined } {
  const { from, where, locking, withTies } = select;
  if (from === undefined) {
    const result = planNode('Result', 1);
    const single: Planned = { isPoint: true, node: result, open: measured(result, () => new SingleRow()) };
    return { planned: filteredBy(single, where, String, scope), inOrder: undefined };
  }
  const conditions = where === undefined ? [] : conjuncts(where);
  const keepsOrder = select.grouping === undefined && select.windows.length === 0;
  const needed = locking === undefined ? columnsFrom(select, widthOf(from)) : undefined;
  const wanted = wantedRows(select);
  const isWhole = withTies || locking !== undefined;
  const planned = planRelation(from, conditions, scope, {
    needed,
    orderBy: keepsOrder ? select.orderBy : [],
    wanted,
    most: isWhole ? Number.POSITIVE_INFINITY : wanted,
  });
  if (from.kind !== 'scan' || conditions.some(hasSubquery)) return { planned, inOrder: undefined };
  const facts: FactsOf = relationFacts(from, scope.known, () => planned.node.rows);
  const inOrder = orderedInput({
    select,
    planned,
    settings: scope.settings,
    groupsOf: (keys) => estimatedGroups(keys, facts, planned.node.rows),
    mayLead: ({ expression }) => mayLead(from.table, expression),
    inOrder: (orderBy, rows) => {
      if (!mayLead(from.table, orderBy[0]!.expression)) return undefined;
      return planScanInOrder(from, conditions, scope, { needed, orderBy, wanted: rows });
    },
  });
  return { planned: inOrder === undefined ? planned : { ...inOrder.planned, ordered: inOrder.ordered }, inOrder };
}

/** What windows and functions that return sets add to rows of `ownWidth`. */
function planWindowsAndSets(
  planned: Planned,
  select: BoundSelect,
  ownWidth: number,
  scope: PlanScope,
): { readonly planned: Planned; readonly width: number } {
  let width = ownWidth;
  for (const window of select.windows) {
    const { planned: input, over } = extended(planned, width, expressionsOfWindow(window), scope);
    planned = planWindow(input, window, width, over);
    width += window.calls.length;
  }
  // Sets that arguments of others read come before those.
  for (let first = 0; first < select.sets.length; ) {
    const level = select.sets[first]!.level;
    const sets = select.sets.slice(first).filter((set) => set.level === level);
    const args = sets.flatMap((set) => set.args);
    const { planned: input, over } = extended(planned, width, args, scope);
    planned = planSets(input, sets, width, over);
    width += sets.length;
    first += sets.length;
  }
  return { planned, width };
}

export function planSelect(written: BoundSelect, scope: PlanScope): Planned {
  const asked = setsAfterDistinct(written);
  const given = inOrderOfDistinct(withoutRows(asked) ?? extremesByIndex(asked, scope) ?? keysTestedEarly(asked));
  const { from, where, locking, distinct, withTies } = given;
  const subplansBefore = scope.subplans.length;
  const input = planInput(given, scope);
  const { inOrder } = input;
  let { planned } = input;
  const held = from?.kind === 'scan' ? planned.held : undefined;
  const fromNames = from === undefined ? String : placedNames(rowNames(from, scope), planned.layout);
  const select = placed(given, planned.layout, from === undefined ? 0 : widthOf(from));
  const { grouping, distinctOn } = select;
  const fromWidth = planned.layout?.length ?? (from === undefined ? 0 : widthOf(from));
  const [ownWidth, ownNames] =
    grouping === undefined ? [fromWidth, fromNames] : [groupWidth(grouping), groupNames(grouping, fromNames)];
  const names = computedNames(select, ownWidth, ownNames);
  planned = planAggregate(planned, fromWidth, select, fromNames, groupsOf(given, planned, scope), scope, inOrder);
  const computed = planWindowsAndSets(planned, select, ownWidth, scope);
  planned = computed.planned;
  const sorts = planned.ordered !== true && select.orderBy.length > 0;
  const results = select.columns.map(({ expression }) => expression);
  const presorted = sorts && inOrder?.use === 'sort' ? inOrder.presorted : 0;
  const sortsResults = sorts && presorted === 0 && isSortedAsResult(select, results);
  const ordering = (sorts || withTies) && !sortsResults ? select.orderBy.map(({ expression }) => expression) : [];
  const extension = extended(
    planned,
    computed.width,
    [...ordering, ...(distinctOn ?? [])],
    scope,
    // What is another value each time has to be the one that the result shows.
    (each) => hasSubquery(each) || (results.includes(each) && isVolatile(each)),
  );
  planned = extension.planned;
  const overResult = (each: BoundExpression): BoundExpression => columnAt(results.indexOf(each), each);
  const keys =
    sorts || withTies ? select.orderBy.map((key) => sortKey(key, sortsResults ? overResult : extension.over)) : [];
  const on = distinctOn?.map((each) => compileExpression(extension.over(each)));
  // Equal ones follow each other where the order begins with what is to be distinct.
  const together = distinctOn !== undefined && beginsWith(select.orderBy, distinctOn);
  const onTypes = distinctOn?.map(({ type }) => type) ?? [];
  // A result that was computed for the order is not computed again.
  const isPlain = results.every((each) => !hasSubquery(extension.over(each)));
  const plain = isPlain ? results.map((each) => compileExpression(extension.over(each))) : undefined;
  const places = columnPlaces(results.map(extension.over));
  const later = isPlain ? [] : results.map((each) => compileLater(extension.over(each), scope));
  const types = results.map(({ type }) => type);
  const tieKeys =
    withTies && distinct
      ? select.orderBy.map((key) => {
          const place = results.findIndex((each) => sameExpression(each, key.expression));
          return sortKey({ ...key, expression: columnAt(place, key.expression) }, (each) => each);
        })
      : keys.slice(0, asked.orderBy.length);
  const rechecked = locking === undefined || locking.length === 0 ? [] : lockConditions(from, where);
  const relocked = rechecked.length === 0 ? undefined : compileLater(conjunction(rechecked), scope);
  const counts = planRowCounts(select, scope);
  const below = planned;
  const watchTop = (context: ExecutionContext, operator: Operator): Operator =>
    top === undefined ? operator : watch(context, top, operator);
  const watchBelow = (context: ExecutionContext, each: PlanNode | undefined, operator: Operator): Operator =>
    each === undefined || top?.id === each.id ? operator : watch(context, each, operator);
  const project = (input: Operator, context: ExecutionContext): Operator =>
    plain === undefined
      ? new ProjectLater(beforeCalls(input, results, context), later, false, context)
      : new Project(input, plain, context, places);
  const build = (context: ExecutionContext, skip: number, wanted: number, rowsMax: number | undefined): Operator => {
    const needed = Math.min(skip + wanted, skip + (rowsMax ?? Number.POSITIVE_INFINITY));
    const cuts =
      grouping === undefined &&
      select.windows.length === 0 &&
      select.sets.length === 0 &&
      !distinct &&
      on === undefined &&
      locking === undefined &&
      !withTies;
    const pushed = cuts && !sorts && Number.isSafeInteger(needed);
    let operator = below.open(context, pushed ? needed : undefined);
    if (sortsResults) operator = project(operator, context);
    if (sorts) {
      const sorted = !distinct && on === undefined && !withTies && locking === undefined;
      const rows = sorted ? needed : Number.POSITIVE_INFINITY;
      operator =
        presorted > 0
          ? new IncrementalSort(operator, keys, presorted, context, rows)
          : new Sort(operator, keys, context, rows);
      operator = watchBelow(context, sortNode, operator);
    }
    if (on !== undefined) {
      operator = together ? new Unique(operator, onTypes, context, on) : new Distinct(operator, onTypes, context, on);
      operator = watchBelow(context, uniqueNode, operator);
    }
    const rowsWanted = withTies ? Number.POSITIVE_INFINITY : needed;
    for (const { table, ...options } of locking ?? []) {
      operator = new LockRows(operator, table, { ...options, rowsWanted, condition: relocked }, context);
    }
    const limited = counts !== undefined;
    if (limited && !distinct) operator = limit(operator, wanted, skip, context);
    if (!sortsResults) operator = project(operator, context);
    if (!distinct) return watchTop(context, operator);
    operator =
      inOrder?.use === 'unique' ? new Unique(operator, types, context) : new Distinct(operator, types, context);
    operator = watchBelow(context, uniqueNode, operator);
    return watchTop(context, limited ? limit(operator, wanted, skip, context) : operator);
  };
  const limit = (input: Operator, wanted: number, skip: number, context: ExecutionContext): Operator =>
    withTies ? new LimitWithTies(input, wanted, skip, tieKeys, context) : new Limit(input, wanted, skip);
  let { node } = planned;
  const output = () => results.map((each) => shown(each, names));
  const sortNode = sorts ? sortOver(select, node, presorted > 0 ? inOrder : undefined, names, output) : undefined;
  if (sortNode !== undefined) node = sortNode;
  const uniqueNode = distinct || on !== undefined ? distinctNode(node, select, output, inOrder) : undefined;
  if (uniqueNode !== undefined) node = uniqueNode;
  if (locking !== undefined) node = planNode('LockRows', node.rows, { inputs: [node], output });
  if (counts !== undefined) node = limitOver(select, node, output);
  const subplans = scope.subplans.splice(subplansBefore);
  node = { ...node, output, width: resultWidth(given, scope), subplans: [...node.subplans, ...subplans] };
  // What has no node of its own was watched when it was opened.
  const top = node.id === below.node.id ? undefined : node;
  const isPoint = planned.isPoint && isPlain;
  if (counts === undefined) {
    const told = held === undefined ? undefined : countedRows(select);
    return {
      ...(told === 'as they are' && { held }),
      ...(told === 'by count(*)' && { counted: held }),
      isPoint,
      node,
      open: (context, rowsMax) => build(context, 0, Number.POSITIVE_INFINITY, rowsMax),
    };
  }
  if (counts.kind === 'now') {
    return {
      isPoint,
      node,
      open: (context, rowsMax) => {
        const { skip, wanted } = counts.evaluate(context);
        return build(context, skip, wanted, rowsMax);
      },
    };
  }
  return {
    isPoint: false,
    node,
    open: (context, rowsMax) =>
      new Late(() => whenReady(counts.evaluate(context), ({ skip, wanted }) => build(context, skip, wanted, rowsMax))),
  };
}

/**
 * Whether the rows of the result are put in order, and not those that they are computed of: what is sorted by is then computed
 * once for both. As in PostgreSQL (make_sort_input_target), what is volatile comes after the order; and so does everything where
 * a limit leaves most of the rows out.
 */
function isSortedAsResult(select: BoundSelect, results: readonly BoundExpression[]): boolean {
  const { orderBy, distinct, distinctOn, locking, withTies, limit, offset } = select;
  if (distinctOn !== undefined || locking !== undefined || withTies) return false;
  if (!distinct && (limit !== undefined || offset !== undefined)) return false;
  const keys = orderBy.map(({ expression }) => expression);
  if (keys.every(({ kind }) => kind === 'column')) return false; // Rows are sorted as they are.
  return (
    keys.every((key) => results.includes(key)) && results.every((each) => keys.includes(each) || !isVolatile(each))
  );
}

/** Where in a row expressions are found that are columns of it; undefined when any is more. */
function columnPlaces(expressions: readonly BoundExpression[]): readonly number[] | undefined {
  const places = expressions.flatMap((each) => (each.kind === 'column' ? [each.index] : []));
  return places.length === expressions.length ? places : undefined;
}

/** Whether an order begins with these expressions, in whichever order. */
function beginsWith(orderBy: readonly BoundSortKey[], all: readonly BoundExpression[]): boolean {
  const first = orderBy.slice(0, all.length).map(({ expression }) => expression);
  const isIn = (some: readonly BoundExpression[], others: readonly BoundExpression[]): boolean =>
    some.every((each) => others.some((other) => sameExpression(each, other)));
  return first.length === all.length && isIn(first, all) && isIn(all, first);
}

/** @param presorted How the input comes, where that is in the order of the first keys. */
function sortOver(
  select: BoundSelect,
  input: PlanNode,
  presorted: OrderedInput | undefined,
  names: RowNames,
  output: () => readonly string[],
): PlanNode {
  const { orderBy } = select;
  return planNode(presorted === undefined ? 'Sort' : 'Incremental Sort', input.rows, {
    inputs: [input],
    details: () => {
      const sorting = { name: 'Sort Key', value: orderBy.map((key) => sortText(key, names)) };
      if (presorted === undefined) return [sorting];
      const first = orderBy.slice(0, presorted.presorted).map(({ expression }) => shown(expression, names));
      return [sorting, { name: 'Presorted Key', value: first }];
    },
    output,
    costs: presorted?.costs ?? sortCosts(input, input.rows, Math.min(input.rows, wantedRows(select))),
  });
}

function distinctNode(
  input: PlanNode,
  { distinct }: BoundSelect,
  output: () => readonly string[],
  inOrder: OrderedInput | undefined,
): PlanNode {
  if (inOrder?.use === 'unique')
    return planNode('Unique', input.rows, { inputs: [input], output, costs: inOrder.costs });
  if (!distinct) return planNode('Unique', input.rows, { inputs: [input], output });
  const details = () => [{ name: 'Group Key', value: output() }];
  const costs = blockingCosts(input, input.rows);
  return planNode(aggregateKind('Hashed'), input.rows, { inputs: [input], output, details, costs });
}

function limitOver(select: BoundSelect, input: PlanNode, output: () => readonly string[]): PlanNode {
  const rows = limitRows(select, input.rows);
  const costs = { startup: input.startup, cost: costOfFirst(input, input.rows, rows) };
  return planNode('Limit', rows, { inputs: [input], output, costs });
}

/** Expected bytes of a row of the result. */
function resultWidth({ from, grouping, columns }: BoundSelect, { known }: PlanScope): number {
  const facts = from === undefined || grouping !== undefined ? undefined : relationFacts(from, known);
  const isOfFrom = (index: number): boolean => from !== undefined && index < widthOf(from);
  return columns.reduce((sum, { expression }) => {
    const isColumn = expression.kind === 'column' && isOfFrom(expression.index);
    return sum + valueBytes(expression.type, isColumn ? facts?.(expression.index).statistics : undefined);
  }, 0);
}

interface RowCounts {
  readonly skip: number;
  readonly wanted: number;
}

type PlannedRowCounts =
  | { readonly kind: 'now'; readonly evaluate: (context: ExecutionContext) => RowCounts }
  | { readonly kind: 'later'; readonly evaluate: (context: ExecutionContext) => Awaitable<RowCounts> };

/** LIMIT and OFFSET as numbers; null is no limit. Undefined when the query has neither. */
function planRowCounts({ limit, offset }: BoundSelect, scope: PlanScope): PlannedRowCounts | undefined {
  if (limit === undefined && offset === undefined) return undefined;
  // OFFSET first: of two errors it is the one that is told.
  const counts = (skip: SqlValue, wanted: SqlValue): RowCounts => ({
    skip: rowCount(skip, 'OFFSET') ?? 0,
    wanted: rowCount(wanted, 'LIMIT') ?? Number.POSITIVE_INFINITY,
  });
  const nothing = () => null;
  if ((limit === undefined || !hasSubquery(limit)) && (offset === undefined || !hasSubquery(offset))) {
    const evaluateLimit = limit === undefined ? nothing : compileExpression(limit);
    const evaluateOffset = offset === undefined ? nothing : compileExpression(offset);
    return { kind: 'now', evaluate: (context) => counts(evaluateOffset([], context), evaluateLimit([], context)) };
  }
  const later = [offset, limit].map(
    (each): EvaluateLater => (each === undefined ? nothing : compileLater(each, scope)),
  );
  return {
    kind: 'later',
    evaluate: (context) =>
      whenReady(evaluateAll(later, [], context), ([skip = null, wanted = null]) => counts(skip, wanted)),
  };
}

function rowCount(value: SqlValue, title: 'LIMIT' | 'OFFSET'): number | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'bigint') throw new OperationError('invalid_argument', `${title} is no bigint`);
  if (value < 0n) {
    throw title === 'LIMIT'
      ? new SqlError('invalid_row_count_in_limit_clause', 'LIMIT must not be negative')
      : new SqlError('invalid_row_count_in_result_offset_clause', 'OFFSET must not be negative');
  }
  return Number(value);
}

function groupNames(
  { groupBy = [], aggregates, groupings }: NonNullable<BoundSelect['grouping']>,
  names: RowNames,
): RowNames {
  return (index) => {
    const key = groupBy[index];
    if (key !== undefined) return shown(key, names);
    const aggregate = aggregates[index - groupBy.length];
    if (aggregate === undefined) return groupings.length > 0 ? 'GROUPING(…)' : '…';
    const { function: found, argument, distinct } = aggregate;
    const inside = argument === undefined ? '*' : `${distinct ? 'DISTINCT ' : ''}${shown(argument, names)}`;
    return `${found.name}(${inside})`;
  };
}

function sortText({ expression, descending, nullsFirst }: BoundSortKey, names: RowNames): string {
  const direction = descending ? ' DESC' : '';
  const nulls = nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
  return `${shown(expression, names)}${direction}${nulls}`;
}

function limitRows({ limit }: BoundSelect, rows: number): number {
  if (limit?.kind !== 'constant' || typeof limit.value !== 'bigint') return rows;
  return Math.min(rows, Number(limit.value));
}
