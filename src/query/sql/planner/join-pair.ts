/**
 * One join of two sides: by which method, and what EXPLAIN says of it. Partners are looked up by their keys where
 * equalities give the first columns of one and that costs less; else the right side is held by what must be equal, or by
 * nothing, when every pair has to be tried.
 */

import { isStrictlyUnique } from '../../../models/relational/table.ts';
import { type BoundExpression, columnsOf, conjunction, hasSubquery } from '../binder/bound.ts';
import { quoteName } from '../binder/deparse.ts';
import { HashJoin } from '../operators/hash-join.ts';
import { LookupJoin } from '../operators/lookup-join.ts';
import { VectorJoin, type VectorKeys } from '../operators/vector-join.ts';
import { accessPaths, isSingle } from './access-path.ts';
import { compileExpression } from './compile-expression.ts';
import { compileVector, compileVectorTest } from './compile-vector.ts';
import {
  type Costs,
  FETCH_COST,
  hashJoinCosts,
  INDEX_TUPLE_COST,
  lookupCosts,
  nestedLoopCosts,
  readCost,
  SEEK_COST,
  TUPLE_COST,
} from './costs.ts';
import { bytesOf, factsOf, rowsOfTable } from './facts.ts';
import { mergedPair, pricedFor } from './merge-pair.ts';
import { type Equality, equalityCondition, hasUnique, joinKind, type LookupTable, type Pair } from './pair.ts';
import { type NodeKind, type PlanNode, planNode, scanTarget } from './plan-node.ts';
import { plannedReader, relocated } from './plan-scan.ts';
import { conditionDetail, measured, type Planned, type PlanScope, shown } from './planned.ts';
import { type PlannerSettings, type PlannerSwitch, switchCost } from './planner-settings.ts';
import { selectivityOf } from './selectivity.ts';

/** Reading a table by what equalities give. */
export interface Lookup {
  readonly index: ReturnType<typeof accessPaths>[number]['index'];
  /** Values of the first parts of the key, over the whole. */
  readonly values: readonly BoundExpression[];
  readonly isWhole: boolean;
  /** A row has one partner at most. */
  readonly isUnique: boolean;
  /** Equalities and own conditions that the key does not imply. */
  readonly rest: readonly BoundExpression[];
  /** What the partners of one row take. */
  readonly each: number;
}

/** A value that no row of the table tells, while a path is looked for. */
function otherSide(expression: BoundExpression, slot: number): BoundExpression {
  return { kind: 'slot', slot, type: expression.type, modifier: expression.modifier, location: undefined };
}

/** The cheapest way to look up the rows of a table that equalities name; undefined when there is none. */
export function cheapestLookup(
  { scan, offset, own }: LookupTable,
  equal: readonly Equality[],
  scope: PlanScope,
): Lookup | undefined {
  const { table } = scan;
  if (table.system !== undefined || own.some(hasSubquery)) return undefined;
  const toOwn = (each: BoundExpression): BoundExpression => relocated(each, (index) => index - offset);
  const keys = equal.map(({ right, left }, i) =>
    equalityCondition({ left: toOwn(right), right: otherSide(left, -1 - i) }),
  );
  const conditions = own.map(toOwn);
  const rows = rowsOfTable(table, scope.known);
  let best: Lookup | undefined;
  for (const path of accessPaths(table, [...keys, ...conditions])) {
    const usesKey = path.used.some((each) => keys.includes(each));
    if (!usesKey) continue;
    // Equalities only: bounds are left to the test.
    const values: BoundExpression[] = [];
    for (const part of path.prefix) {
      if (!isSingle(part) || part === 'isNull') break;
      values.push(part.kind === 'slot' && part.slot < 0 ? equal[-1 - part.slot]!.left : part);
    }
    const prefix = path.prefix.slice(0, values.length);
    const implied = path.used.filter(
      (each) =>
        each.kind === 'compare' &&
        each.operator === '=' &&
        prefix.some((part) => part === each.right || part === each.left),
    );
    if (!implied.some((each) => keys.includes(each))) continue;
    const isPrimary = path.index === undefined;
    const parts = isPrimary ? table.table.primaryKey.length : path.index!.parts.length;
    const isUnique = values.length === parts && (isPrimary || isStrictlyUnique(path.index!.source.index));
    const facts = factsOf(table, scope.known);
    const matches = isUnique ? 1 : rows * selectivityOf(implied, facts);
    const bytes = bytesOf(table, undefined, scope.known);
    const isWhole = isPrimary && isUnique;
    const each = isWhole
      ? FETCH_COST + TUPLE_COST
      : SEEK_COST +
        matches * (isPrimary ? TUPLE_COST + readCost(1, bytes) : INDEX_TUPLE_COST + TUPLE_COST + FETCH_COST);
    if (best !== undefined && best.each <= each) continue;
    const rest = [...keys, ...conditions].filter((condition) => !implied.includes(condition));
    const unplaced = rest.map((condition) => {
      const at = keys.indexOf(condition as (typeof keys)[number]);
      return at >= 0 ? equalityCondition(equal[at]!) : relocated(condition, (index) => index + offset);
    });
    best = { index: path.index, values, isWhole, isUnique, rest: unplaced, each };
  }
  return best;
}

/** What the methods would take, for whoever compares orders of joins. */
export function pairCosts(
  outer: Costs & { readonly rows: number },
  inner: Costs & { readonly rows: number },
  sizes: { readonly rows: number; readonly keys: number; readonly conditions: number },
  lookup: Lookup | undefined,
  settings: PlannerSettings,
): Costs & { readonly method: 'lookup' | 'hash' | 'loop' } {
  const loops = sizes.keys === 0 || settings.has('enable_hashjoin');
  const held = loops
    ? { ...off(nestedLoopCosts({ outer, inner, ...sizes }), settings, 'enable_nestloop'), method: 'loop' as const }
    : { ...hashJoinCosts({ outer, inner, ...sizes }), method: 'hash' as const };
  if (lookup === undefined) return held;
  const conditions = sizes.conditions + lookup.rest.length;
  const looked = off(lookupCosts({ outer, rows: sizes.rows, conditions }, lookup.each), settings, 'enable_nestloop');
  return looked.cost < held.cost ? { ...looked, method: 'lookup' } : held;
}

function off(costs: Costs, settings: PlannerSettings, name: PlannerSwitch): Costs {
  const more = switchCost(settings, name);
  return more === 0 ? costs : { startup: costs.startup + more, cost: costs.cost + more };
}

/** Whether it could be cheaper to merge: few rows of any order are hashed, or sorted afterwards, for next to nothing. */
function isWorthMerging({ left, right, equal, orderBy, wanted, rows }: Pair, { settings }: PlanScope): boolean {
  if (equal.length === 0) return false;
  if (settings.has('enable_hashjoin')) return true;
  if (Math.min(left.planned.node.rows, right.planned.node.rows) < MERGED_ROWS_MIN) return false;
  return orderBy.length > 0 || wanted < rows;
}

const MERGED_ROWS_MIN = 100;

export function planPair(given: Pair, scope: PlanScope): Planned {
  const { kind, left, right, rows } = given;
  const lookup =
    given.lookup === undefined || kind === 'full' ? undefined : cheapestLookup(given.lookup, given.equal, scope);
  const sizes = { rows, keys: given.equal.length, conditions: given.conditions.length };
  const chosen = pairCosts(left.planned.node, right.planned.node, sizes, lookup, scope.settings);
  const least = pricedFor(given, chosen, false);
  const merged = isWorthMerging(given, scope) ? mergedPair(given, scope) : undefined;
  const mergedPrice = merged && pricedFor(given, merged, merged.planned.ordered === true);
  const ordered = lookup && orderedOuter(given, lookup, scope);
  if (ordered !== undefined && ordered.price < Math.min(least, mergedPrice ?? least)) {
    return realizedPair({ ...given, left: ordered.left }, lookup, ordered.costs, 'lookup', true, scope);
  }
  if (merged !== undefined && mergedPrice! < least) return merged.planned;
  return realizedPair(given, lookup, chosen, chosen.method, false, scope);
}

/** The outer side in the order that is wanted, each of its rows looking up its partners: the order stays. */
function orderedOuter(given: Pair, lookup: Lookup, { settings }: PlanScope) {
  const { left, orderBy, rows, conditions } = given;
  const planned = orderBy.length === 0 ? undefined : left.ordered?.(orderBy);
  if (planned === undefined) return undefined;
  const sizes = { outer: planned.node, rows, conditions: conditions.length + lookup.rest.length };
  const costs = off(lookupCosts(sizes, lookup.each), settings, 'enable_nestloop');
  return { left: { ...left, planned }, costs, price: pricedFor(given, costs, true) };
}

function realizedPair(
  given: Pair,
  lookup: Lookup | undefined,
  costs: Costs,
  method: 'lookup' | 'hash' | 'loop',
  ordered: boolean,
  scope: PlanScope,
): Planned {
  const { kind, left, right, rows, names } = given;
  // Where every pair is tried, equalities are conditions like others.
  const all = [...given.equal.map(equalityCondition), ...given.conditions];
  const pair = method === 'loop' ? { ...given, equal: [], conditions: all } : given;
  const { equal, conditions } = pair;
  const layout = kind === 'semi' || kind === 'anti' ? left.layout : [...left.layout, ...right.layout];
  const placesOf = (columns: readonly number[]): ((index: number) => number) => {
    const places = new Map(columns.map((index, place) => [index, place]));
    return (index) => places.get(index)!;
  };
  const onLeft = placesOf(left.layout);
  const onJoined = placesOf([...left.layout, ...right.layout]);
  const output = () => layout.map(names);
  const compiled = (list: readonly BoundExpression[]) =>
    list.length === 0 ? undefined : compileExpression(conjunction(list.map((each) => relocated(each, onJoined))));
  const width =
    kind === 'semi' || kind === 'anti' ? left.planned.node.width : left.planned.node.width + right.planned.node.width;
  const whole = equal.map(equalityCondition);
  if (method === 'lookup' && lookup !== undefined && kind !== 'full') {
    const { scan, offset } = pair.lookup!;
    const { table } = scan;
    const isInner = (each: BoundExpression): boolean =>
      [...columnsOf(each)].every((index) => index >= offset && !left.layout.includes(index));
    const inside = lookup.rest.filter(isInner);
    const across = [...lookup.rest.filter((each) => !isInner(each)), ...conditions];
    const rightPlaces = placesOf(right.layout);
    const test = inside.length === 0 ? undefined : conjunction(inside.map((each) => relocated(each, rightPlaces)));
    const positions = right.layout.map((index) => index - offset);
    const reader = plannedReader(table, positions, test, 0.5);
    const options = {
      kind,
      table,
      index: lookup.index?.source,
      values: lookup.values.map((each) => compileExpression(relocated(each, onLeft))),
      isWhole: lookup.isWhole,
      reader,
      condition: compiled(across),
      width: right.layout.length,
    };
    const node = planNode(joinKind('Nested Loop', kind), rows, {
      inputs: [left.planned.node, lookupNode(pair, lookup, inside)],
      details: () => [
        { name: 'Inner Unique', value: lookup.isUnique, only: 'programs' },
        ...conditionDetail('Join Filter', across, names),
      ],
      output,
      width,
      costs,
    });
    return {
      isPoint: false,
      node,
      layout,
      ordered,
      open: measured(node, (context, rowsMax) => new LookupJoin(left.planned.open(context), options, context, rowsMax)),
    };
  }
  const onRight = placesOf(right.layout);
  const options = {
    kind,
    left: equal.map((each) => compileExpression(relocated(each.left, onLeft))),
    right: equal.map((each) => compileExpression(relocated(each.right, onRight))),
    types: equal.map((each) => each.left.type),
    leftPlaces: equal.map(({ left: each }) => (each.kind === 'column' ? onLeft(each.index) : undefined)),
    condition: compiled(conditions),
    leftWidth: left.layout.length,
    width: right.layout.length,
  };
  const keys = vectorKeys(pair, onLeft, onRight, onJoined);
  const inner = right.planned.node;
  const isHashed = equal.length > 0;
  const held = planNode(isHashed ? 'Hash' : 'Materialize', inner.rows, {
    inputs: [inner],
    width: inner.width,
    output: inner.output,
    costs: isHashed ? { startup: inner.cost, cost: inner.cost } : inner,
  });
  const node = planNode(joinKind(isHashed ? 'Hash Join' : 'Nested Loop', kind), rows, {
    inputs: [left.planned.node, held],
    details: () => [
      { name: 'Inner Unique', value: hasUnique(pair, scope), only: 'programs' },
      ...conditionDetail('Hash Cond', whole, names),
      ...conditionDetail('Join Filter', conditions, names),
    ],
    output,
    width,
    costs,
  });
  return {
    isPoint: false,
    node,
    layout,
    open: measured(node, (context) => {
      const input = left.planned.open(context);
      const partners = measured(held, right.planned.open);
      if (keys === undefined) return new HashJoin(input, partners, options, context);
      return new VectorJoin(input, partners, options, keys, context);
    }),
  };
}

/** What makes the keys of either side as vectors, when it is first asked for; undefined where only rows can be joined. */
function vectorKeys(
  { kind, equal, conditions }: Pair,
  onLeft: (index: number) => number,
  onRight: (index: number) => number,
  onJoined: (index: number) => number,
): (() => VectorKeys) | undefined {
  if (equal.length === 0 || kind === 'full' || (conditions.length > 0 && kind !== 'inner')) return undefined;
  let keys: VectorKeys | undefined;
  return () => {
    keys ??= {
      left: equal.map((each) => compileVector(relocated(each.left, onLeft))),
      right: equal.map((each) => compileVector(relocated(each.right, onRight))),
      condition:
        conditions.length === 0
          ? undefined
          : compileVectorTest(conjunction(conditions.map((each) => relocated(each, onJoined)))),
    };
    return keys;
  };
}

function lookupNode(
  { lookup, right, names, rows, left }: Pair,
  { index, values, rest, each }: Lookup,
  inside: readonly BoundExpression[],
): PlanNode {
  const { scan, own: conditions } = lookup!;
  const { primaryKeyName } = scan.table.table;
  const parts =
    index === undefined ? scan.table.table.primaryKey : index.source.index.parts.map(({ column }) => column);
  const used = values.map((value, i) => {
    const column = parts[i];
    const own = column === undefined ? undefined : scan.table.table.columns[column];
    return `(${own === undefined ? 'expression' : quoteName(own.name)} = ${shown(value, names)})`;
  });
  const filter = conditions.filter((condition) => rest.includes(condition) || inside.includes(condition));
  const details = () => [
    { name: 'Index Cond', value: used.length === 1 ? used[0]! : `(${used.join(' AND ')})` },
    ...conditionDetail('Filter', filter, names),
  ];
  const kind: NodeKind = {
    type: 'Index Scan',
    index: index?.source.index.name ?? primaryKeyName,
    direction: 'Forward',
    target: scanTarget(scan),
    isPart: true,
  };
  return planNode(kind, rows / Math.max(1, left.planned.node.rows), {
    details,
    width: right.planned.node.width,
    costs: { startup: 0, cost: each },
    output: () => right.layout.map(names),
  });
}
