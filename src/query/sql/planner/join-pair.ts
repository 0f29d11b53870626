/**
 * One join of two sides: by which method, and what EXPLAIN says of it. Partners are looked up by their keys where
 * equalities give the first columns of one and that costs less; else the right side is held by what must be equal, or by
 * nothing, when every pair has to be tried.
 */

import { isStrictlyUnique } from '../../../models/relational/table.ts';
import { type BoundExpression, type BoundScan, columnsOf, conjunction, hasSubquery } from '../binder/bound.ts';
import { quoteName } from '../binder/deparse.ts';
import { HashJoin } from '../operators/hash-join.ts';
import type { JoinKind } from '../operators/join.ts';
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
import { columnFacts, rowsOfTable, valueBytes } from './facts.ts';
import { plannedReader, relocated } from './plan-scan.ts';
import { measured, type PlanNode, type Planned, type PlanScope, planNode, type RowNames, shown } from './planned.ts';
import { selectivityOf } from './selectivity.ts';

/** A side of a join and where its columns are in the row of the whole. */
export interface Side {
  readonly planned: Planned;
  /** The place in the whole of each column of a row. */
  readonly layout: readonly number[];
}

/** A table that may be read by key instead of being scanned. */
export interface LookupTable {
  readonly scan: BoundScan;
  /** Where its row begins in the whole. */
  readonly offset: number;
  /** Conditions on it alone, over the whole. */
  readonly own: readonly BoundExpression[];
}

export interface Equality {
  /** Over the whole: of the left side, and of the right one. */
  readonly left: BoundExpression;
  readonly right: BoundExpression;
}

export interface Pair {
  readonly kind: JoinKind;
  readonly left: Side;
  readonly right: Side;
  readonly lookup: LookupTable | undefined;
  readonly equal: readonly Equality[];
  /** What else a joined row must meet to be one, over the whole. */
  readonly conditions: readonly BoundExpression[];
  readonly rows: number;
  /** What the places of the whole are called. */
  readonly names: RowNames;
}

/** Reading a table by what equalities give. */
export interface Lookup {
  readonly index: ReturnType<typeof accessPaths>[number]['index'];
  /** Values of the first parts of the key, over the whole. */
  readonly values: readonly BoundExpression[];
  readonly isWhole: boolean;
  /** Equalities and own conditions that the key does not imply. */
  readonly rest: readonly BoundExpression[];
  /** What the partners of one row take. */
  readonly each: number;
}

const TITLES: { readonly [K in JoinKind]: string } = {
  inner: '',
  left: ' Left',
  full: ' Full',
  semi: ' Semi',
  anti: ' Anti',
};

export function equalityCondition({ left, right }: Equality): BoundExpression {
  return { kind: 'compare', operator: '=', type: 'bool', modifier: -1, location: undefined, left, right };
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
    const facts = (index: number) => columnFacts(table, index, scope.known);
    const matches = isUnique ? 1 : rows * selectivityOf(implied, facts);
    const bytes = table.table.columns.reduce((sum, { type }, i) => sum + valueBytes(type, facts(i).statistics), 0);
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
    best = { index: path.index, values, isWhole, rest: unplaced, each };
  }
  return best;
}

/** What the methods would take, for whoever compares orders of joins. */
export function pairCosts(
  outer: Costs & { readonly rows: number },
  inner: Costs & { readonly rows: number },
  sizes: { readonly rows: number; readonly keys: number; readonly conditions: number },
  lookup: Lookup | undefined,
): Costs & { readonly method: 'lookup' | 'hash' | 'loop' } {
  const held =
    sizes.keys > 0
      ? { ...hashJoinCosts({ outer, inner, ...sizes }), method: 'hash' as const }
      : { ...nestedLoopCosts({ outer, inner, ...sizes }), method: 'loop' as const };
  if (lookup === undefined) return held;
  const looked = lookupCosts(
    { outer, rows: sizes.rows, conditions: sizes.conditions + lookup.rest.length },
    lookup.each,
  );
  return looked.cost < held.cost ? { ...looked, method: 'lookup' } : held;
}

export function planPair(pair: Pair, scope: PlanScope): Planned {
  const { kind, left, right, equal, conditions, rows, names } = pair;
  const lookup = pair.lookup === undefined || kind === 'full' ? undefined : cheapestLookup(pair.lookup, equal, scope);
  const sizes = { rows, keys: equal.length, conditions: conditions.length };
  const chosen = pairCosts(left.planned.node, right.planned.node, sizes, lookup);
  const layout = kind === 'semi' || kind === 'anti' ? left.layout : [...left.layout, ...right.layout];
  const placesOf = (columns: readonly number[]): ((index: number) => number) => {
    const places = new Map(columns.map((index, place) => [index, place]));
    return (index) => places.get(index)!;
  };
  const onLeft = placesOf(left.layout);
  const onJoined = placesOf([...left.layout, ...right.layout]);
  const line = (title: string, list: readonly BoundExpression[]): readonly string[] =>
    list.length === 0 ? [] : [`${title}: ${shown(conjunction(list), names)}`];
  const all = (list: readonly BoundExpression[]) =>
    list.length === 0 ? undefined : compileExpression(conjunction(list.map((each) => relocated(each, onJoined))));
  const width =
    kind === 'semi' || kind === 'anti' ? left.planned.node.width : left.planned.node.width + right.planned.node.width;
  const whole = equal.map(equalityCondition);
  const costs: Costs = { startup: chosen.startup, cost: chosen.cost };
  if (chosen.method === 'lookup' && lookup !== undefined && kind !== 'full') {
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
      condition: all(across),
      width: right.layout.length,
    };
    const title = `Nested Loop${TITLES[kind]}${kind === 'inner' ? '' : ' Join'}`;
    const node = planNode(
      title,
      rows,
      [left.planned.node, lookupNode(pair, lookup, inside)],
      () => line('Join Filter', across),
      width,
      costs,
    );
    return {
      isPoint: false,
      node,
      layout,
      open: measured(node, (context) => new LookupJoin(left.planned.open(context), options, context)),
    };
  }
  const onRight = placesOf(right.layout);
  const options = {
    kind,
    left: equal.map((each) => compileExpression(relocated(each.left, onLeft))),
    right: equal.map((each) => compileExpression(relocated(each.right, onRight))),
    types: equal.map((each) => each.left.type),
    condition: all(conditions),
    leftWidth: left.layout.length,
    width: right.layout.length,
  };
  const keys = vectorKeys(pair, onLeft, onRight, onJoined);
  const title = equal.length > 0 ? 'Hash' : 'Nested Loop';
  const join = equal.length > 0 || kind !== 'inner' ? ' Join' : '';
  const inner = right.planned.node;
  const held = planNode(equal.length > 0 ? 'Hash' : 'Materialize', inner.rows, [inner], undefined, inner.width, inner);
  const node = planNode(
    `${title}${TITLES[kind]}${join}`,
    rows,
    [left.planned.node, held],
    () => [...line('Hash Cond', whole), ...line('Join Filter', conditions)],
    width,
    costs,
  );
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
  const { name, primaryKeyName } = scan.table.table;
  const called = scan.alias === name ? name : `${name} ${scan.alias}`;
  const parts =
    index === undefined ? scan.table.table.primaryKey : index.source.index.parts.map(({ column }) => column);
  const used = values.map((value, i) => {
    const column = parts[i];
    const own = column === undefined ? undefined : scan.table.table.columns[column];
    return `(${own === undefined ? 'expression' : quoteName(own.name)} = ${shown(value, names)})`;
  });
  const filter = conditions.filter((condition) => rest.includes(condition) || inside.includes(condition));
  const details = (): readonly string[] => [
    `Index Cond: ${used.length === 1 ? used[0] : `(${used.join(' AND ')})`}`,
    ...(filter.length === 0 ? [] : [`Filter: ${shown(conjunction(filter), names)}`]),
  ];
  return planNode(
    `Index Scan using ${index?.source.index.name ?? primaryKeyName} on ${called}`,
    rows / Math.max(1, left.planned.node.rows),
    [],
    details,
    right.planned.node.width,
    { startup: 0, cost: each },
  );
}
