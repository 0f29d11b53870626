/**
 * Conditions with subqueries as joins: `EXISTS (…)` and `x IN (…)` as semi joins, `NOT EXISTS (…)` as an anti join. What
 * the subquery reads of the row around it becomes the join's condition.
 *
 * NOT IN stays a subquery: a null among its rows makes the answer unknown, which no join tells. So does a subquery whose
 * rows depend on the outer row in any other way than by its WHERE, and one whose number of rows matters.
 */

import {
  type BoundExpression,
  type BoundRelation,
  type BoundRows,
  type BoundSelect,
  columnsOf,
  conjuncts,
  hasSubquery,
  mapOperands,
  shifted,
  substituted,
} from '../binder/bound.ts';
import { isVolatile } from '../binder/volatility.ts';

export interface JoinedSubquery {
  readonly kind: 'semi' | 'anti';
  readonly relation: BoundRelation;
  /** Over the outer row followed by a row of the relation, which begins at the place that was asked for. */
  readonly on: readonly BoundExpression[];
}

/** @param place Where a row of the subquery's relation begins in the joined row. */
export function joinedSubquery(condition: BoundExpression, place: number): JoinedSubquery | undefined {
  const negated = condition.kind === 'not';
  const inner = negated ? condition.arg : condition;
  if (inner.kind !== 'subquery') return undefined;
  if (inner.args.length !== inner.reads.length) return undefined;
  const outer = new Map(inner.args.map(({ slot, value }) => [slot, value]));
  if ([...outer.values(), ...inner.operands].some(hasSubquery)) return undefined;
  const kind = negated ? 'anti' : 'semi';
  if (inner.mode === 'exists') {
    const flat = flattened(inner.query, outer, place);
    return flat && { kind, relation: flat.relation, on: flat.on };
  }
  if (inner.mode !== 'any' || negated || inner.test === undefined) return undefined;
  const width = inner.operands.length;
  const over = (columns: (index: number) => BoundExpression): readonly BoundExpression[] =>
    conjuncts(inner.test!).map((each) =>
      substituted(each, (column) =>
        column.index < width ? inner.operands[column.index]! : columns(column.index - width),
      ),
    );
  const flat = flattened(inner.query, outer, place);
  if (flat !== undefined && inner.query.kind === 'select') {
    const { columns } = inner.query;
    const results = columns.map(({ expression }) => withOuter(shifted(expression, place), outer));
    if (results.every((each) => !hasSubquery(each) && !isVolatile(each))) {
      return { kind, relation: flat.relation, on: [...flat.on, ...over((index) => results[index]!)] };
    }
  }
  if (outer.size > 0) return undefined;
  const relation: BoundRelation = { kind: 'derived', alias: 'ANY_subquery', query: inner.query };
  const on = over((index) => {
    const { type, modifier } = inner.query.columns[index]!.expression;
    return { kind: 'column', type, modifier, location: undefined, index: place + index };
  });
  return { kind, relation, on };
}

/** FROM and WHERE of a query that is no more than that. */
function flattened(
  query: BoundRows,
  outer: ReadonlyMap<number, BoundExpression>,
  place: number,
): { readonly relation: BoundRelation; readonly on: readonly BoundExpression[] } | undefined {
  if (query.kind !== 'select' || query.from === undefined || !isPlain(query)) return undefined;
  if (mentionsSlot(query.from, outer)) return undefined;
  const conditions = query.where === undefined ? [] : conjuncts(query.where);
  const on: BoundExpression[] = [];
  for (const condition of conditions) {
    if (isVolatile(condition)) return undefined;
    // A subquery in it may read the inner row only: it is then tested before the join.
    if (hasSubquery(condition) && mentionsSlot(condition, outer)) return undefined;
    on.push(withOuter(shifted(condition, place), outer));
  }
  return { relation: query.from, on };
}

/** No more than FROM and WHERE. */
export function isPlain({ grouping, limit, offset, distinctOn, windows, sets, locking }: BoundSelect): boolean {
  return (
    grouping === undefined &&
    limit === undefined &&
    offset === undefined &&
    distinctOn === undefined &&
    locking === undefined &&
    windows.length === 0 &&
    sets.length === 0
  );
}

/** The expression with what slots of the row outside hold in their places. */
export function withOuter(expression: BoundExpression, outer: ReadonlyMap<number, BoundExpression>): BoundExpression {
  if (expression.kind === 'slot') return outer.get(expression.slot) ?? expression;
  return mapOperands(expression, (operand) => withOuter(operand, outer));
}

/** Whether anything in it, however deep, reads one of the slots. */
export function mentionsSlot(part: object, slots: ReadonlyMap<number, unknown>): boolean {
  if (slots.size === 0) return false;
  const seen = new Set<object>();
  const pending: object[] = [part];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const { kind, slot } = next as { readonly kind?: string; readonly slot?: number };
    if (kind === 'slot' && slots.has(slot!)) return true;
    for (const [name, value] of Object.entries(next)) {
      if (name !== 'table' && name !== 'origin' && typeof value === 'object' && value !== null) pending.push(value);
    }
  }
  return false;
}

/** Columns that conditions set equal to something outside: places of the relation's row. */
export function equatedColumns(on: readonly BoundExpression[], place: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (const condition of on) {
    if (condition.kind !== 'compare' || condition.operator !== '=') continue;
    for (const [inner, outer] of [
      [condition.left, condition.right],
      [condition.right, condition.left],
    ] as const) {
      if (inner.kind !== 'column' || inner.index < place) continue;
      if ([...columnsOf(outer)].every((index) => index < place)) found.add(inner.index - place);
    }
  }
  return found;
}
