/**
 * Plans FROM: which condition is tested where, and how tables, queries and joins of them are put together.
 *
 * Inner joins are one list of items with conditions between them, put in order by what it costs (join-order.ts); subqueries
 * of WHERE that are joins in disguise (decorrelate.ts) are among them. A condition is tested as soon as all that it reads
 * is there, below joins and inside queries in FROM where that changes nothing. An outer join whose missing rows a
 * condition would reject anyway is an inner one. Columns that nobody asks for are left out at the tables.
 */

import { assert, unreachable } from '../../../base/assert.ts';
import {
  addColumns,
  type BoundExpression,
  type BoundFunctionScan,
  type BoundJoin,
  type BoundRelation,
  type BoundRows,
  type BoundSortKey,
  columnAt,
  columnsOf,
  conjunction,
  conjuncts,
  hasSubquery,
  shifted,
  widthOf,
} from '../binder/bound.ts';
import { quoteName } from '../binder/deparse.ts';
import { reduced } from '../binder/outer-joins.ts';
import { LoopJoin } from '../operators/loop-join.ts';
import { Project } from '../operators/project.ts';
import { SqlError } from '../sql-error.ts';
import { isRowless } from './access-path.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { equatedColumns, joinedSubquery } from './decorrelate.ts';
import { type FactsOf, relationFacts, uniqueColumnsOf } from './facts.ts';
import { type EqualityClass, equalityClasses, JoinOrder, type JoinTree } from './join-order.ts';
import { planPair } from './join-pair.ts';
import { pricedFor } from './merge-pair.ts';
import { type Equality, equalityCondition, joinKind, type LookupTable, type Pair, type Side } from './pair.ts';
import { filtered, planCte, planDerived } from './plan-derived.ts';
import { planNode } from './plan-node.ts';
import { planScan, planScanInOrder, relocated, type ScanOptions } from './plan-scan.ts';
import { planFunctionScan } from './plan-windows.ts';
import {
  conditionDetail,
  measured,
  type Planned,
  type PlanScope,
  type RowNames,
  repeated,
  rowNames,
  scanNames,
  shown,
} from './planned.ts';
import { selectivityOf } from './selectivity.ts';

/**
 * The rows of `relation` that meet all conditions.
 * @param conditions Over its row.
 */
export function planRelation(
  relation: BoundRelation,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  options: ScanOptions = {},
): Planned {
  switch (relation.kind) {
    case 'scan':
      if (conditions.some((each) => joinedSubquery(each, widthOf(relation)) !== undefined)) break;
      return planScan(relation, conditions, scope, options);
    case 'derived':
      if (conditions.some((each) => joinedSubquery(each, widthOf(relation)) !== undefined)) break;
      return planDerived(relation, conditions, scope, options);
    case 'function':
      return planFunctions(relation, conditions, scope);
    case 'cte':
      return planCte(relation, conditions, scope, options);
    case 'join': {
      const join = reduced(relation, conditions);
      if (join.args.length > 0) return planLateral(join, conditions, scope);
      if (join.type !== 'inner') return planOuter(join, conditions, scope, options);
      break;
    }
    default:
      return unreachable(relation);
  }
  const items: Item[] = [];
  const all: BoundExpression[] = [...conditions];
  flatten(relation, 0, conditions, items, all);
  return planItems(items, all, widthOf(relation), rowNames(relation, scope), scope, options);
}

/** Rows with all columns of the relation in their places. */
function withAllColumns(planned: Planned, width: number): Planned {
  const { layout } = planned;
  if (layout === undefined) return planned;
  const places = new Map(layout.map((index, place) => [index, place]));
  const columns = Array.from({ length: width }, (_, i) => {
    const at = places.get(i);
    assert(at !== undefined, 'a column that is asked for is there');
    return compileExpression(columnAt(at, { type: 'unknown', modifier: -1 }));
  });
  return { ...planned, layout: undefined, open: (context) => new Project(planned.open(context), columns, context) };
}

function identity(width: number, offset = 0): readonly number[] {
  return Array.from({ length: width }, (_, i) => offset + i);
}

function planFunctions(relation: BoundFunctionScan, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  const { functions, ordinality, alias } = relation;
  const names = scanNames(relation, scope);
  const output = () => identity(widthOf(relation)).map(names);
  const calls = () =>
    functions.map(
      (each) => `${quoteName(each.function.name)}(${each.args.map((arg) => shown(arg, names)).join(', ')})`,
    );
  return filtered(planFunctionScan(functions, ordinality, alias, scope, output, calls), conditions, names, scope);
}

// --- Joins

interface Item {
  readonly relation: BoundRelation;
  /** Where its row begins in that of the whole join. */
  readonly offset: number;
  readonly width: number;
}

/** Items of inner joins, and the conditions between them. */
function flatten(
  relation: BoundRelation,
  offset: number,
  conditions: readonly BoundExpression[],
  items: Item[],
  all: BoundExpression[],
): void {
  if (relation.kind === 'join' && relation.args.length === 0) {
    const own = conditions.map((each) => shifted(each, -offset));
    const join = reduced(relation, own);
    if (join.type === 'inner') {
      if (join.condition !== undefined) all.push(...conjuncts(shifted(join.condition, offset)));
      flatten(join.left, offset, conditions, items, all);
      flatten(join.right, offset + widthOf(join.left), conditions, items, all);
      return;
    }
  }
  items.push({ relation, offset, width: widthOf(relation) });
}

/** Conditions that `take` chooses leave the list. */
function taken(conditions: BoundExpression[], take: (each: BoundExpression) => boolean): BoundExpression[] {
  const chosen = conditions.filter(take);
  for (const each of chosen) conditions.splice(conditions.indexOf(each), 1);
  return chosen;
}

function isWithin(expression: BoundExpression, { offset, width }: { readonly offset: number; readonly width: number }) {
  for (const index of columnsOf(expression)) if (index < offset || index >= offset + width) return false;
  return true;
}

/** A semi or anti join, made as soon as what it reads is there. */
interface Attached {
  readonly kind: 'semi' | 'anti';
  readonly item: Item;
  readonly own: readonly BoundExpression[];
  /** Conditions that read both sides. */
  readonly on: readonly BoundExpression[];
  /** Places that it reads of the other side. */
  readonly reads: ReadonlySet<number>;
}

function planItems(
  fromItems: readonly Item[],
  conditions: readonly BoundExpression[],
  width: number,
  names: RowNames,
  scope: PlanScope,
  { needed, orderBy = [], wanted: rowsWanted = Number.POSITIVE_INFINITY }: ScanOptions,
): Planned {
  const items = [...fromItems];
  const waiting = [...conditions];
  const attached: Attached[] = [];
  const allNames: RowNames[] = [];
  let end = width;
  for (const condition of [...waiting]) {
    const found = joinedSubquery(condition, end);
    if (found === undefined) continue;
    const item = { relation: found.relation, offset: end, width: widthOf(found.relation) };
    // A subquery that reads no column decides about the rows of the relation, too: between the two it could not be tested.
    const inside = found.on.filter((each) => (columnsOf(each).size > 0 || hasSubquery(each)) && isWithin(each, item));
    const on = found.on.filter((each) => !inside.includes(each));
    if (on.some(hasSubquery)) continue;
    waiting.splice(waiting.indexOf(condition), 1);
    end += item.width;
    const itemNames = rowNames(found.relation, scope);
    allNames[item.offset] = itemNames;
    // Where no two of its rows can be partners of one row, a semi join is a join like any other.
    const unique = found.relation.kind === 'derived' ? uniqueColumnsOf(found.relation.query) : undefined;
    const equated = equatedColumns(on, item.offset);
    if (found.kind === 'semi' && unique?.every((index) => equated.has(index)) === true) {
      items.push(item);
      waiting.push(...found.on);
      continue;
    }
    const reads = new Set(on.flatMap((each) => [...columnsOf(each)]).filter((index) => index < item.offset));
    attached.push({ kind: found.kind, item, own: inside, on, reads });
  }
  const wholeNames: RowNames = (index) => {
    if (index < width) return names(index);
    const from = allNames.findLastIndex((each, offset) => each !== undefined && offset <= index);
    return allNames[from]!(index - from);
  };
  // What reads no column decides about everything at once: it is tested on the first item.
  const constant = taken(waiting, (each) => columnsOf(each).size === 0);
  const own = items.map((item) => taken(waiting, (each) => !hasSubquery(each) && isWithin(each, item)));
  const late = taken(waiting, hasSubquery);
  const { classes, others } = equalityClasses(waiting);
  const itemOf = (index: number): number =>
    items.findIndex((item) => index >= item.offset && index < item.offset + item.width);
  implyOwn(classes, own, itemOf);
  // What must come out of the tables.
  const wanted = new Set<number>(needed ?? identity(width));
  for (const condition of [...waiting, ...late]) addColumns(condition, wanted);
  for (const { members } of classes) for (const { index } of members) wanted.add(index);
  for (const { reads } of attached) for (const index of reads) wanted.add(index);
  const rowsOfQueries = new Map<BoundRows, number>();
  const sides = items.map((item, i): Side => {
    const over = own[i]!.map((each) => shifted(each, -item.offset));
    const planned = planItem(item, i === 0 ? [...constant, ...over] : over, wanted, scope);
    if (item.relation.kind === 'derived') rowsOfQueries.set(item.relation.query, planned.planned.node.rows);
    return planned;
  });
  const facts: FactsOf = (index) => {
    const item = items[itemOf(index)]!;
    const of = relationFacts(item.relation, scope.known, (query) => rowsOfQueries.get(query) ?? 1_000);
    return of(index - item.offset);
  };
  const remaining = [...attached];
  const attach = (side: Side): Side => {
    let result = side;
    for (const each of [...remaining]) {
      if (![...each.reads].every((index) => result.layout.includes(index))) continue;
      remaining.splice(remaining.indexOf(each), 1);
      result = planAttached(result, each, wholeNames, facts, scope);
    }
    return result;
  };
  const ready = (side: Side): Side => {
    const now = taken(late, (each) => [...columnsOf(each)].every((index) => side.layout.includes(index)));
    if (now.length === 0) return attach(side);
    const planned = filtered({ ...side.planned, layout: side.layout }, now, wholeNames, scope, facts);
    return attach({ planned, layout: side.layout });
  };
  const leaves = sides.map(ready);
  const lookups = items.map((item, i): LookupTable | undefined =>
    item.relation.kind === 'scan' && leaves[i] === sides[i]
      ? { scan: item.relation, offset: item.offset, own: own[i]! }
      : undefined,
  );
  const joinItems = items.map(({ offset, width: itemWidth }, i) => ({
    offset,
    width: itemWidth,
    node: leaves[i]!.planned.node,
    lookup: i === 0 && constant.length > 0 ? undefined : lookups[i],
  }));
  const realize = (tree: JoinTree): Side => {
    if (tree.item !== undefined) return leaves[tree.item]!;
    const [left, right] = [realize(tree.left!), realize(tree.right!)];
    const lookup = tree.right!.item === undefined ? undefined : joinItems[tree.right!.item]!.lookup;
    const shared = { kind: 'inner' as const, conditions: tree.conditions!, rows: tree.rows, names: wholeNames };
    const isLast = tree === whole && orderBy.length > 0;
    const pair = {
      ...shared,
      left,
      right,
      lookup,
      equal: tree.equal!,
      wanted: rowsWanted,
      orderBy: isLast ? orderBy : [],
    };
    let planned = planPair(pair, scope);
    if (isLast && planned.ordered !== true && tree.left!.item !== undefined) {
      // The order that is wanted may be that of the other side.
      const equal = tree.equal!.map((each) => ({ left: each.right, right: each.left }));
      const other = { ...pair, left: right, right: left, lookup: joinItems[tree.left!.item]!.lookup, equal };
      const exchanged = planPair(other, scope);
      if (isCheaper(exchanged, planned, pair)) planned = exchanged;
    }
    return ready({ planned, layout: planned.layout! });
  };
  const whole = items.length === 1 ? undefined : new JoinOrder(joinItems, classes, others, facts, scope).best();
  const side = whole === undefined ? leaves[0]! : realize(whole);
  assert(remaining.length === 0 && late.length === 0, 'every condition finds its place');
  const planned = { ...side.planned, layout: side.layout };
  return needed === undefined ? withAllColumns(planned, width) : planned;
}

/** Of two plans for the same rows, the order that is wanted included. */
function isCheaper(a: Planned, b: Planned, pair: Pair): boolean {
  return pricedFor(pair, a.node, a.ordered === true) < pricedFor(pair, b.node, b.ordered === true);
}

/** Conditions on single items that classes imply: equal to what another member is equal to, and to each other. */
function implyOwn(
  classes: readonly EqualityClass[],
  own: readonly BoundExpression[][],
  itemOf: (index: number) => number,
): void {
  for (const each of classes) {
    const { members } = each;
    const constant = own.flat().find((condition) => {
      if (condition.kind !== 'compare' || condition.operator !== '=') return false;
      const { left, right } = condition;
      return (
        left.kind === 'column' &&
        isRowless(right) &&
        members.some((member) => member.index === left.index) &&
        right.type === left.type
      );
    }) as Extract<BoundExpression, { kind: 'compare' }> | undefined;
    const byItem = new Map<number, BoundExpression>();
    for (const member of members) {
      const item = itemOf(member.index);
      const first = byItem.get(item);
      if (first !== undefined) own[item]!.push(equalityCondition({ left: first, right: member }));
      else byItem.set(item, member);
      if (constant === undefined) continue;
      each.constant = true;
      const said = own[item]!.some(
        (condition) =>
          condition.kind === 'compare' &&
          condition.operator === '=' &&
          condition.left.kind === 'column' &&
          condition.left.index === member.index &&
          isRowless(condition.right),
      );
      if (!said) own[item]!.push({ ...constant, left: member });
    }
  }
}

/** An item with the columns that are wanted of it, and its own conditions over its own row. */
function planItem(
  { relation, offset, width }: Item,
  conditions: readonly BoundExpression[],
  wanted: ReadonlySet<number>,
  scope: PlanScope,
): Side {
  const needed = new Set<number>();
  for (const index of wanted) if (index >= offset && index < offset + width) needed.add(index - offset);
  const planned = planRelation(relation, conditions, scope, { needed });
  const layoutOf = ({ layout }: Planned) => (layout ?? identity(width)).map((index) => index + offset);
  const layout = layoutOf(planned);
  if (relation.kind !== 'scan') return { planned, layout };
  const ordered = (keys: readonly BoundSortKey[]): Planned | undefined => {
    if (!keys.every(({ expression }) => isWithin(expression, { offset, width }))) return undefined;
    const orderBy = keys.map((key) => ({ ...key, expression: shifted(key.expression, -offset) }));
    const other = planScanInOrder(relation, conditions, scope, { needed, orderBy });
    return other !== undefined && layoutOf(other).every((index, i) => index === layout[i]) ? other : undefined;
  };
  return { planned, layout, ordered };
}

function planAttached(
  left: Side,
  { kind, item, own, on }: Attached,
  names: RowNames,
  facts: FactsOf,
  scope: PlanScope,
): Side {
  const onRight = (each: BoundExpression): boolean => [...columnsOf(each)].every((index) => index >= item.offset);
  const onLeft = (each: BoundExpression): boolean => [...columnsOf(each)].every((index) => index < item.offset);
  const equal: Equality[] = [];
  const conditions: BoundExpression[] = [];
  for (const each of on) {
    const found = equality(each, onLeft, onRight);
    if (found === undefined) conditions.push(each);
    else equal.push(found);
  }
  const wanted = new Set(on.flatMap((each) => [...columnsOf(each)]));
  const right = planItem(
    item,
    own.map((each) => shifted(each, -item.offset)),
    wanted,
    scope,
  );
  const lookup: LookupTable | undefined =
    item.relation.kind === 'scan' ? { scan: item.relation, offset: item.offset, own } : undefined;
  const inside = relationFacts(item.relation, scope.known, () => right.planned.node.rows);
  const rows = matchingRows(left, right, equal, (index) =>
    index < item.offset ? facts(index) : inside(index - item.offset),
  );
  const planned = planPair(
    {
      kind,
      left,
      right,
      lookup,
      equal,
      conditions,
      rows: kind === 'semi' ? rows : Math.max(1, left.planned.node.rows - rows),
      names,
      orderBy: [],
      wanted: Number.POSITIVE_INFINITY,
    },
    scope,
  );
  return { planned, layout: left.layout };
}

/** How many rows of the left side have a partner. */
function matchingRows(left: Side, right: Side, equal: readonly Equality[], facts: FactsOf): number {
  const { rows } = left.planned.node;
  let part = 1;
  for (const { left: a, right: b } of equal) {
    if (a.kind !== 'column' || b.kind !== 'column') continue;
    const mine = Math.min(facts(a.index).distinct, rows);
    const theirs = Math.min(facts(b.index).distinct, right.planned.node.rows);
    part *= Math.min(1, theirs / Math.max(1, mine));
  }
  return equal.length === 0 ? rows * 0.5 : rows * part;
}

function equality(
  condition: BoundExpression,
  isLeft: (side: BoundExpression) => boolean,
  isRight: (side: BoundExpression) => boolean,
): Equality | undefined {
  if (condition.kind !== 'compare' || condition.operator !== '=') return undefined;
  for (const [left, right] of [
    [condition.left, condition.right],
    [condition.right, condition.left],
  ] as const) {
    if (columnsOf(left).size === 0 || columnsOf(right).size === 0) continue;
    if (isLeft(left) && isRight(right)) return { left, right };
  }
  return undefined;
}

function planOuter(
  join: BoundJoin,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  options: ScanOptions,
): Planned {
  if (join.type === 'right') return planRight(join, conditions, scope, options);
  const names = rowNames(join, scope);
  const leftWidth = widthOf(join.left);
  const width = widthOf(join.right);
  const whole = leftWidth + width;
  const onLeft = { offset: 0, width: leftWidth };
  const onRight = { offset: leftWidth, width };
  const waiting = [...conditions];
  const below = join.type === 'left' ? taken(waiting, (each) => isWithin(each, onLeft)) : [];
  const on = join.condition === undefined ? [] : [...conjuncts(join.condition)];
  const own =
    join.type === 'left' && !on.some(hasSubquery)
      ? taken(on, (each) => columnsOf(each).size > 0 && isWithin(each, onRight))
      : [];
  const wanted = new Set<number>(options.needed ?? identity(whole));
  for (const condition of [...waiting, ...on]) addColumns(condition, wanted);
  const left = planItem({ relation: join.left, ...onLeft }, below, wanted, scope);
  const right = planItem(
    { relation: join.right, ...onRight },
    own.map((each) => shifted(each, -leftWidth)),
    wanted,
    scope,
  );
  const finished = (planned: Planned): Planned => {
    const result = filtered(planned, waiting, names, scope, facts);
    return options.needed === undefined ? withAllColumns(result, whole) : result;
  };
  const facts = relationFacts(join, scope.known, () => Math.max(left.planned.node.rows, right.planned.node.rows));
  const layout = [...left.layout, ...right.layout];
  if (on.some(hasSubquery)) {
    if (join.type === 'full') throw fullJoinCondition();
    const places = new Map(layout.map((index, place) => [index, place]));
    const condition = compileLater(
      relocated(conjunction(on), (index) => places.get(index)!),
      scope,
    );
    const loop = { kind: 'left' as const, args: [], condition, width: right.layout.length, again: false };
    const rows = left.planned.node.rows * right.planned.node.rows;
    const node = planNode(joinKind('Nested Loop', 'left'), rows, {
      inputs: [left.planned.node, right.planned.node],
      details: () => conditionDetail('Join Filter', on, names),
      output: () => layout.map(names),
    });
    const open = measured(
      node,
      (context) => new LoopJoin(left.planned.open(context), right.planned.open, loop, context),
    );
    return finished({ isPoint: false, node, layout, open });
  }
  const equal: Equality[] = [];
  taken(on, (each) => {
    const found = equality(
      each,
      (side) => isWithin(side, onLeft),
      (side) => isWithin(side, onRight),
    );
    if (found !== undefined) equal.push(found);
    return found !== undefined;
  });
  if (join.type === 'full' && equal.length === 0 && on.some((each) => columnsOf(each).size > 0)) {
    throw fullJoinCondition();
  }
  const joined = selectivityOf([...equal.map(equalityCondition), ...on], facts);
  const pairs = left.planned.node.rows * right.planned.node.rows * joined;
  const least =
    join.type === 'full' ? Math.max(left.planned.node.rows, right.planned.node.rows) : left.planned.node.rows;
  const lookup: LookupTable | undefined =
    join.right.kind === 'scan' ? { scan: join.right, offset: leftWidth, own } : undefined;
  return finished(
    planPair(
      {
        kind: join.type === 'full' ? 'full' : 'left',
        left,
        right,
        lookup,
        equal,
        conditions: on,
        rows: Math.max(least, pairs),
        names,
        orderBy: options.orderBy ?? [],
        wanted: options.wanted ?? Number.POSITIVE_INFINITY,
      },
      scope,
    ),
  );
}

function fullJoinCondition(): SqlError {
  return new SqlError(
    'feature_not_supported',
    'FULL JOIN is only supported with merge-joinable or hash-joinable join conditions',
  );
}

/** A left join with its sides exchanged. */
function planRight(
  join: BoundJoin,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  options: ScanOptions,
): Planned {
  const leftWidth = widthOf(join.left);
  const width = widthOf(join.right);
  const there = (index: number): number => (index < leftWidth ? index + width : index - leftWidth);
  const back = (index: number): number => (index < width ? index + leftWidth : index - width);
  const swapped = (expression: BoundExpression): BoundExpression => relocated(expression, there);
  const condition = join.condition && swapped(join.condition);
  const mirrored: BoundJoin = { ...join, type: 'left', left: join.right, right: join.left, condition };
  const needed = new Set([...(options.needed ?? identity(leftWidth + width))].map(there));
  const planned = planOuter(mirrored, conditions.map(swapped), scope, { needed });
  const result = { ...planned, layout: planned.layout!.map(back) };
  return options.needed === undefined ? withAllColumns(result, leftWidth + width) : result;
}

/** The right side is opened anew for each left row, which fills its slots. */
function planLateral(join: BoundJoin, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  const leftWidth = widthOf(join.left);
  const waiting = [...conditions];
  const below = taken(waiting, (each) => isWithin(each, { offset: 0, width: leftWidth }));
  const left = planRelation(join.left, below, scope);
  const right = repeated(scope, () => planRelation(join.right, [], scope));
  const on = join.condition === undefined ? [] : conjuncts(join.condition);
  const kind = join.type === 'left' ? ('left' as const) : ('inner' as const);
  const options = {
    kind,
    args: join.args.map(({ slot, value }) => ({ slot, value: compileExpression(value) })),
    condition: on.length === 0 ? undefined : compileLater(conjunction(on), scope),
    width: widthOf(join.right),
    again: true,
  };
  const names = rowNames(join, scope);
  const costs = { startup: left.node.startup, cost: left.node.cost + left.node.rows * right.node.cost };
  const node = planNode(joinKind('Nested Loop', kind), left.node.rows * right.node.rows, {
    inputs: [left.node, right.node],
    details: () => conditionDetail('Join Filter', on, names),
    output: () => identity(widthOf(join)).map(names),
    costs,
  });
  const open = measured(node, (context) => new LoopJoin(left.open(context), right.open, options, context));
  return filtered({ isPoint: false, node, open }, waiting, names, scope);
}
