/**
 * Plans FROM: which condition is tested where, and how tables, queries and joins of them are put together.
 *
 * Inner joins are one list of items with conditions between them. An item that the conditions narrow most comes first;
 * then, one by one, items that an equality ties to those before, the fewest expected rows first, in the order of the
 * query where nothing else decides. A condition is tested as soon as all that it reads is there, below joins and inside
 * queries in FROM where that changes nothing. An outer join whose missing rows a condition would reject anyway is an
 * inner one.
 */

import { assert, unreachable } from '../../../base/assert.ts';
import {
  type BoundCteScan,
  type BoundDerived,
  type BoundExpression,
  type BoundFunctionScan,
  type BoundJoin,
  type BoundRelation,
  type BoundRows,
  type BoundScan,
  columnAt,
  columnsOf,
  conjunction,
  conjuncts,
  hasSubquery,
  mapOperands,
  shifted,
  someExpression,
  widthOf,
} from '../binder/bound.ts';
import { CteScan, CteState, WorkingScan } from '../operators/cte-scan.ts';
import { HashJoin } from '../operators/hash-join.ts';
import { type JoinKind, KeyJoin } from '../operators/join.ts';
import { LoopJoin } from '../operators/loop-join.ts';
import type { ExecutionContext, Operator } from '../operators/operator.ts';
import { Project } from '../operators/project.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { isKeyColumn } from './access-path.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { planFilter, planScan, type ScanOptions } from './plan-scan.ts';
import { planFunctionScan } from './plan-windows.ts';
import {
  detailed,
  measured,
  type Planned,
  type PlanScope,
  planNode,
  type RowNames,
  rowNames,
  shown,
} from './planned.ts';

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
      return planScan(relation, conditions.length === 0 ? undefined : conjunction(conditions), scope, options);
    case 'derived':
      return planDerived(relation, conditions, scope);
    case 'function':
      return planFunctions(relation, conditions, scope);
    case 'cte':
      return planCte(relation, conditions, scope);
    case 'join':
      return planJoin(reduced(relation, conditions), conditions, scope);
    default:
      return unreachable(relation);
  }
}

function filtered(
  planned: Planned,
  conditions: readonly BoundExpression[],
  names: RowNames,
  scope: PlanScope,
): Planned {
  if (conditions.length === 0) return planned;
  const filter = planFilter(conditions, scope);
  const rows = planned.node.rows * 0.3 ** conditions.length;
  const node = detailed(planned.node, rows, () => [`Filter: ${shown(conjunction(conditions), names)}`]);
  return {
    isPoint: planned.isPoint && !conditions.some(hasSubquery),
    node,
    open: measured(node, (context) => filter(planned.open(context), context)),
  };
}

function planFunctions(relation: BoundFunctionScan, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  const { functions, ordinality, alias } = relation;
  const args = functions.flatMap((each) => each.args);
  if (args.some(hasSubquery)) throw notSupported('a subquery in an argument of a function in FROM');
  return filtered(planFunctionScan(functions, ordinality, alias), conditions, rowNames(relation, scope), scope);
}

// --- Queries in FROM

function planDerived(relation: BoundDerived, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  const { query, alias } = relation;
  const { inside, outside } = pushInto(query, conditions);
  const rows = scope.rows(inside);
  const node = planNode(`Subquery Scan on ${alias}`, rows.node.rows, [rows.node]);
  return filtered({ ...rows, node, open: measured(node, rows.open) }, outside, rowNames(relation, scope), scope);
}

/** Conditions on the rows of a query, tested inside of it where nothing but their number changes by that. */
function pushInto(
  query: BoundRows,
  conditions: readonly BoundExpression[],
): { readonly inside: BoundRows; readonly outside: readonly BoundExpression[] } {
  const none = { inside: query, outside: conditions };
  if (conditions.length === 0) return none;
  if (query.kind === 'setOperation' && query.operation === 'union') {
    const parts = query.inputs.map((input) => pushInto(input, conditions));
    if (!parts.every(({ outside }) => outside.length === 0)) return none;
    return { inside: { ...query, inputs: parts.map(({ inside }) => inside) }, outside: [] };
  }
  if (query.kind !== 'select' || query.from === undefined) return none;
  const { grouping, limit, offset, distinctOn, locking, windows, sets } = query;
  if (grouping !== undefined || limit !== undefined || offset !== undefined || distinctOn !== undefined) return none;
  if (locking !== undefined || windows.length > 0 || sets.length > 0) return none;
  const simple = query.columns.map(({ expression }) => isRepeatable(expression));
  const inner: BoundExpression[] = [];
  const outside: BoundExpression[] = [];
  for (const condition of conditions) {
    const fits = !isVolatile(condition) && [...columnsOf(condition)].every((index) => simple[index] === true);
    if (fits) inner.push(substituted(condition, (index) => query.columns[index]!.expression));
    else outside.push(condition);
  }
  if (inner.length === 0) return none;
  const where = conjunction([...(query.where === undefined ? [] : conjuncts(query.where)), ...inner]);
  return { inside: { ...query, where }, outside };
}

/** The same value however often it is computed, at little cost. */
function isRepeatable(expression: BoundExpression): boolean {
  return !hasSubquery(expression) && !isVolatile(expression);
}

function isVolatile(expression: BoundExpression): boolean {
  return someExpression(expression, (each) => each.kind === 'call' && each.function.volatility === 'volatile');
}

/** The expression with something else for each column. */
function substituted(expression: BoundExpression, by: (index: number) => BoundExpression): BoundExpression {
  if (expression.kind === 'column') return by(expression.index);
  return mapOperands(expression, (operand) => substituted(operand, by));
}

function planCte(relation: BoundCteScan, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  const { cte, alias } = relation;
  const { query, recursion, materialized, references } = cte;
  const isInlined = recursion === undefined && materialized !== true && (references === 1 || materialized === false);
  if (isInlined && query !== undefined) return planDerived({ kind: 'derived', alias, query }, conditions, scope);
  const called = alias === cte.name ? cte.name : `${cte.name} ${alias}`;
  const source = scope.ctes.get(cte);
  assert(source !== undefined, 'a query in WITH is planned before its readers');
  const isWorking = scope.working.has(cte);
  const node = planNode(`${isWorking ? 'WorkTable' : 'CTE'} Scan on ${called}`, 100);
  const open = (context: ExecutionContext): Operator => {
    const state = context.state(source, () => new CteState(source, context));
    return isWorking ? new WorkingScan(state.working ?? []) : new CteScan(state);
  };
  return filtered({ isPoint: false, node, open: measured(node, open) }, conditions, rowNames(relation, scope), scope);
}

// --- Joins

/** An outer join whose rows with nulls for a missing side no condition would let pass, as the join that it is then. */
function reduced(join: BoundJoin, conditions: readonly BoundExpression[]): BoundJoin {
  const width = widthOf(join.left);
  const rejectsLeft = conditions.some((each) => rejectsNulls(each, (index) => index < width));
  const rejectsRight = conditions.some((each) => rejectsNulls(each, (index) => index >= width));
  switch (join.type) {
    case 'left':
      return rejectsRight ? { ...join, type: 'inner' } : join;
    case 'right':
      return rejectsLeft ? { ...join, type: 'inner' } : join;
    case 'full':
      if (rejectsLeft && rejectsRight) return { ...join, type: 'inner' };
      return rejectsLeft ? { ...join, type: 'left' } : rejectsRight ? { ...join, type: 'right' } : join;
    default:
      return join;
  }
}

/** Whether the condition cannot be true when these columns are null. */
function rejectsNulls(condition: BoundExpression, isNull: (index: number) => boolean): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.args.some((arg) => rejectsNulls(arg, isNull));
    case 'or':
      return condition.args.every((arg) => rejectsNulls(arg, isNull));
    case 'isNull':
      return condition.negated && isStrict(condition.arg, isNull);
    default:
      return isStrict(condition, isNull);
  }
}

/** Whether the expression is null when these columns are. */
function isStrict(expression: BoundExpression, isNull: (index: number) => boolean): boolean {
  const strict = (each: BoundExpression): boolean => isStrict(each, isNull);
  switch (expression.kind) {
    case 'column':
      return isNull(expression.index);
    case 'compare':
      return strict(expression.left) || strict(expression.right);
    case 'call':
      return expression.function.strict && expression.args.some(strict);
    case 'not':
    case 'cast':
    case 'applyModifier':
      return strict(expression.arg);
    default:
      return false;
  }
}

interface Item {
  readonly relation: BoundRelation;
  /** Where its row begins in that of the whole join. */
  readonly offset: number;
  readonly width: number;
}

function planJoin(join: BoundJoin, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  if (join.args.length > 0) return planLateral(join, conditions, scope);
  if (join.type !== 'inner') return planOuter(join, conditions, scope);
  const items: Item[] = [];
  const all: BoundExpression[] = [...conditions];
  flatten(join, 0, conditions, items, all);
  return planItems(items, all, widthOf(join), rowNames(join, scope), scope);
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

interface Candidate {
  readonly item: Item;
  readonly own: readonly BoundExpression[];
  readonly planned: Planned;
}

function planItems(
  items: readonly Item[],
  conditions: readonly BoundExpression[],
  width: number,
  names: RowNames,
  scope: PlanScope,
): Planned {
  const waiting = [...conditions];
  // What reads no column decides about everything at once: it is tested on the first item.
  const constant = taken(waiting, (each) => columnsOf(each).size === 0);
  const left: Candidate[] = items.map((item, i) => {
    const own = taken(waiting, (each) => !hasSubquery(each) && isWithin(each, item));
    const over = own.map((each) => shifted(each, -item.offset));
    return { item, own, planned: planRelation(item.relation, i === 0 ? [...constant, ...over] : over, scope) };
  });
  const first = takeLeast(left, () => true)!;
  let { planned } = first;
  /** Place in the row of the join so far of each column of the whole. */
  const places = new Map<number, number>();
  let end = 0;
  /** The place in the whole of each column of the join so far. */
  const origins: number[] = [];
  const joinedNames: RowNames = (index) => names(origins[index]!);
  const place = ({ offset, width: itemWidth }: Item): void => {
    for (let i = 0; i < itemWidth; i++) {
      origins.push(offset + i);
      places.set(offset + i, end++);
    }
  };
  const moved = (expression: BoundExpression): BoundExpression => {
    if (expression.kind === 'column') return { ...expression, index: places.get(expression.index)! };
    return mapOperands(expression, moved);
  };
  const isThere = (expression: BoundExpression): boolean => {
    for (const index of columnsOf(expression)) if (!places.has(index)) return false;
    return true;
  };
  place(first.item);
  const finish = (): void => {
    const ready = taken(waiting, isThere);
    planned = filtered(planned, ready.map(moved), joinedNames, scope);
  };
  finish();
  while (left.length > 0) {
    const tied = ({ item }: Candidate) =>
      waiting.some((each) => equality(each, isThere, (side) => isWithin(side, item)) !== undefined);
    const next = takeLeast(left, tied) ?? takeLeast(left, () => true)!;
    const { item } = next;
    const equal: Equality[] = [];
    const used = taken(waiting, (each) => {
      const found = hasSubquery(each) ? undefined : equality(each, isThere, (side) => isWithin(side, item));
      if (found === undefined) return false;
      equal.push({ left: moved(found.left), right: shifted(found.right, -item.offset) });
      return true;
    });
    const leftWidth = end;
    place(item);
    const more = taken(waiting, (each) => !hasSubquery(each) && isThere(each)).map(moved);
    const own = next.own.map((each) => shifted(each, -item.offset));
    planned = planPair({
      kind: 'inner',
      left: planned,
      leftWidth,
      relation: item.relation,
      right: next.planned,
      own,
      equal,
      condition: more,
      whole: used.map(moved),
      width: item.width,
      names: joinedNames,
    });
    finish();
  }
  for (let i = 0; i < width; i++) if (places.get(i) !== i) return permuted(planned, width, places);
  return planned;
}

/** Rows with their columns where the query has them. */
function permuted(planned: Planned, width: number, places: ReadonlyMap<number, number>): Planned {
  const columns = Array.from({ length: width }, (_, i) => {
    const at = places.get(i)!;
    return compileExpression(columnAt(at, { type: 'unknown', modifier: -1 }));
  });
  return { ...planned, open: (context) => new Project(planned.open(context), columns, context) };
}

function takeLeast(left: Candidate[], among: (each: Candidate) => boolean): Candidate | undefined {
  let best: Candidate | undefined;
  for (const each of left) {
    if (!among(each)) continue;
    if (best === undefined || each.planned.node.rows < best.planned.node.rows) best = each;
  }
  if (best !== undefined) left.splice(left.indexOf(best), 1);
  return best;
}

interface Equality {
  readonly left: BoundExpression;
  readonly right: BoundExpression;
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

interface Pair {
  readonly kind: JoinKind;
  readonly left: Planned;
  readonly leftWidth: number;
  readonly relation: BoundRelation;
  /** Planned with `own` conditions. */
  readonly right: Planned;
  readonly own: readonly BoundExpression[];
  readonly equal: readonly Equality[];
  /** What else a joined row must meet to be one. */
  readonly condition: readonly BoundExpression[];
  /** The equalities as conditions on the joined row. */
  readonly whole: readonly BoundExpression[];
  readonly width: number;
  /** Of the joined row. */
  readonly names: RowNames;
}

const TITLES: { readonly [K in JoinKind]: string } = {
  inner: '',
  left: ' Left',
  full: ' Full',
  semi: ' Semi',
  anti: ' Anti',
};

/** Reads the one partner of each row by its key, where equalities give one; else holds the right side by what must be equal. */
function planPair(pair: Pair): Planned {
  const { kind, left, leftWidth, relation, right, own, equal, condition, whole, width, names } = pair;
  const line = (title: string, conditions: readonly BoundExpression[]): readonly string[] =>
    conditions.length === 0 ? [] : [`${title}: ${shown(conjunction(conditions), names)}`];
  const all = (conditions: readonly BoundExpression[]) =>
    conditions.length === 0 ? undefined : compileExpression(conjunction(conditions));
  const key = relation.kind === 'scan' && kind !== 'full' ? keyOf(relation, equal) : undefined;
  const rows =
    kind === 'semi' || kind === 'anti'
      ? left.node.rows
      : Math.max(left.node.rows, equal.length > 0 ? right.node.rows : left.node.rows * right.node.rows);
  if (key !== undefined && relation.kind === 'scan' && right.node.rows * 4 >= left.node.rows) {
    const { table } = relation;
    // Read by key, the table has no scan: all that was for it is tested on the joined row.
    const test = all([...whole, ...condition, ...own.map((each) => shifted(each, leftWidth))]);
    const values = key.map(compileExpression);
    const { alias } = relation;
    const { name, primaryKeyName } = table.table;
    const inner = planNode(
      `Index Scan using ${primaryKeyName} on ${alias === name ? name : `${name} ${alias}`}`,
      1,
      [],
      () => [
        ...line('Index Cond', whole),
        ...line(
          'Filter',
          own.map((each) => shifted(each, leftWidth)),
        ),
      ],
      right.node.width,
    );
    const title = `Nested Loop${TITLES[kind]}${kind === 'inner' ? '' : ' Join'}`;
    const node = planNode(title, rows, [left.node, inner], () => line('Join Filter', condition));
    const joinOptions = { kind, table, values, condition: test, width };
    return {
      isPoint: false,
      node,
      open: measured(node, (context) => new KeyJoin(left.open(context), joinOptions, context)),
    };
  }
  const options = {
    kind,
    left: equal.map((each) => compileExpression(each.left)),
    right: equal.map((each) => compileExpression(each.right)),
    types: equal.map((each) => each.left.type),
    condition: all(condition),
    leftWidth,
    width,
  };
  const title = equal.length > 0 ? 'Hash' : 'Nested Loop';
  const join = equal.length > 0 || kind !== 'inner' ? ' Join' : '';
  const held = planNode(equal.length > 0 ? 'Hash' : 'Materialize', right.node.rows, [right.node]);
  const node = planNode(`${title}${TITLES[kind]}${join}`, rows, [left.node, held], () => [
    ...line('Hash Cond', whole),
    ...line('Join Filter', condition),
  ]);
  return {
    isPoint: false,
    node,
    open: measured(node, (context) => new HashJoin(left.open(context), measured(held, right.open), options, context)),
  };
}

/** Values of the whole primary key, when equalities give them. */
function keyOf({ table: { table } }: BoundScan, equal: readonly Equality[]): readonly BoundExpression[] | undefined {
  if (table.primaryKey.length === 0) return undefined;
  const key: BoundExpression[] = [];
  for (const position of table.primaryKey) {
    const found = equal.find(({ right }) => isKeyColumn(right, position));
    if (found === undefined) return undefined;
    key.push(found.left);
  }
  return key;
}

function planOuter(join: BoundJoin, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  if (join.type === 'right') return planRight(join, conditions, scope);
  const names = rowNames(join, scope);
  const leftWidth = widthOf(join.left);
  const width = widthOf(join.right);
  const onLeft = { offset: 0, width: leftWidth };
  const onRight = { offset: leftWidth, width };
  const waiting = [...conditions];
  const below = join.type === 'left' ? taken(waiting, (each) => isWithin(each, onLeft)) : [];
  const left = planRelation(join.left, below, scope);
  const on = join.condition === undefined ? [] : [...conjuncts(join.condition)];
  if (on.some(hasSubquery)) {
    if (join.type === 'full') throw fullJoinCondition();
    const right = planRelation(join.right, [], scope);
    const condition = compileLater(conjunction(on), scope);
    const options = { kind: 'left' as const, args: [], condition, width, again: false };
    const node = planNode('Nested Loop Left Join', left.node.rows * right.node.rows, [left.node, right.node], () => [
      `Join Filter: ${shown(conjunction(on), names)}`,
    ]);
    const open = measured(node, (context) => new LoopJoin(left.open(context), right.open, options, context));
    return filtered({ isPoint: false, node, open }, waiting, names, scope);
  }
  const own =
    join.type === 'left'
      ? taken(on, (each) => columnsOf(each).size > 0 && isWithin(each, onRight)).map((each) =>
          shifted(each, -leftWidth),
        )
      : [];
  const equal: Equality[] = [];
  const whole = taken(on, (each) => {
    const found = equality(
      each,
      (side) => isWithin(side, onLeft),
      (side) => isWithin(side, onRight),
    );
    if (found !== undefined) equal.push({ left: found.left, right: shifted(found.right, -leftWidth) });
    return found !== undefined;
  });
  if (join.type === 'full' && equal.length === 0 && on.some((each) => columnsOf(each).size > 0)) {
    throw fullJoinCondition();
  }
  const right = planRelation(join.right, own, scope);
  const planned = planPair({
    kind: join.type === 'full' ? 'full' : 'left',
    left,
    leftWidth,
    relation: join.right,
    right,
    own,
    equal,
    condition: on,
    whole,
    width,
    names,
  });
  return filtered(planned, waiting, names, scope);
}

function fullJoinCondition(): SqlError {
  return new SqlError(
    'feature_not_supported',
    'FULL JOIN is only supported with merge-joinable or hash-joinable join conditions',
  );
}

/** A left join with its sides exchanged, and its columns put back. */
function planRight(join: BoundJoin, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  const leftWidth = widthOf(join.left);
  const width = widthOf(join.right);
  const swapped = (expression: BoundExpression): BoundExpression => {
    if (expression.kind === 'column') {
      const index = expression.index < leftWidth ? expression.index + width : expression.index - leftWidth;
      return { ...expression, index };
    }
    return mapOperands(expression, swapped);
  };
  const condition = join.condition && swapped(join.condition);
  const mirrored: BoundJoin = { ...join, type: 'left', left: join.right, right: join.left, condition };
  const planned = planOuter(mirrored, conditions.map(swapped), scope);
  const places = new Map<number, number>();
  for (let i = 0; i < leftWidth; i++) places.set(i, width + i);
  for (let i = 0; i < width; i++) places.set(leftWidth + i, i);
  return permuted(planned, leftWidth + width, places);
}

/** The right side is opened anew for each left row, which fills its slots. */
function planLateral(join: BoundJoin, conditions: readonly BoundExpression[], scope: PlanScope): Planned {
  const leftWidth = widthOf(join.left);
  const waiting = [...conditions];
  const below = taken(waiting, (each) => isWithin(each, { offset: 0, width: leftWidth }));
  const left = planRelation(join.left, below, scope);
  const right = planRelation(join.right, [], scope);
  const on = join.condition === undefined ? [] : conjuncts(join.condition);
  const kind = join.type === 'left' ? ('left' as const) : ('inner' as const);
  const options = {
    kind,
    args: join.args.map(({ slot, value }) => ({ slot, value: compileExpression(value) })),
    condition: on.length === 0 ? undefined : compileLater(conjunction(on), scope),
    width: widthOf(join.right),
    again: true,
  };
  const title = kind === 'left' ? 'Nested Loop Left Join' : 'Nested Loop';
  const names = rowNames(join, scope);
  const node = planNode(title, left.node.rows * right.node.rows, [left.node, right.node], () =>
    on.length === 0 ? [] : [`Join Filter: ${shown(conjunction(on), names)}`],
  );
  const open = measured(node, (context) => new LoopJoin(left.open(context), right.open, options, context));
  return filtered({ isPoint: false, node, open }, waiting, names, scope);
}
