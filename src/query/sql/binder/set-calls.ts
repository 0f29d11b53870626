/**
 * Calls of functions that return sets: where they may stand (PostgreSQL's parse_func.c: check_srf_call_placement), and their place among the
 * sets of a query.
 */

import type { ScalarFunction } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import { allOf } from './bind-subquery.ts';
import {
  type BoundExpression,
  type BoundRelation,
  type BoundSelect,
  type BoundSet,
  columnAt,
  mapOperands,
  sameExpression,
  someExpression,
  someOperand,
  typeAt,
  widthOf,
} from './bound.ts';
import type { ExpressionBinder } from './expression-binder.ts';

const SET_HINT = 'You might be able to move the set-returning function into a LATERAL FROM item.';

/** The result of a set-returning function. */
export function isSet(expression: BoundExpression): boolean {
  return expression.kind === 'column' && expression.computed === 'set';
}

/** What may be left uncomputed holds no set. @throws SqlError `feature_not_supported`. */
export function refuseSets(expressions: readonly BoundExpression[], title: string): void {
  for (const expression of expressions) {
    let place: number | undefined;
    const isRefused = someExpression(expression, (each) => {
      if (isSet(each)) place = each.location;
      return isSet(each);
    });
    if (!isRefused) continue;
    const message = `set-returning functions are not allowed in ${title}`;
    throw new SqlError('feature_not_supported', message, { location: place, hint: SET_HINT });
  }
}

/** The first set that an expression is computed of. */
function setIn(expression: BoundExpression): BoundExpression | undefined {
  let found: BoundExpression | undefined;
  someExpression(expression, (each) => {
    if (isSet(each)) found = each;
    return found !== undefined;
  });
  return found;
}

/** What stands in FROM is a set itself, or holds none. @throws SqlError `feature_not_supported`. */
export function refuseSetsInside(bound: BoundExpression): void {
  const inner = setIn(bound);
  if (inner === undefined) return;
  const message = 'set-returning functions must appear at top level of FROM';
  throw new SqlError('feature_not_supported', message, { location: inner.location });
}

/** The call as one of the sets of its query. @throws SqlError `feature_not_supported`. */
export function takeSet(
  binder: ExpressionBinder,
  found: ScalarFunction,
  args: readonly BoundExpression[],
  location: number | undefined,
): BoundExpression {
  const { aggregate, window } = binder.around;
  if (aggregate || window) {
    const what = aggregate ? 'aggregate' : 'window';
    const message = `${what} function calls cannot contain set-returning function calls`;
    throw new SqlError('feature_not_supported', message, { location, hint: SET_HINT });
  }
  const { clause } = binder;
  if (clause.windows !== 'allowed' && clause.sets !== 'allowed') {
    const { title, place = title } = clause;
    throw new SqlError('feature_not_supported', `set-returning functions are not allowed in ${place}`, { location });
  }
  if (clause.title === 'functions in FROM') for (const arg of args) refuseSetsInside(arg);
  const inner = setsReadBy(args, binder.sets);
  const level = Math.max(-1, ...[...inner].map((index) => binder.sets[index]!.level ?? 0)) + 1;
  let index = binder.sets.findIndex((other) => other.function.name === found.name && sameExpression(other.args, args));
  if (index < 0) index = binder.sets.push({ function: found, args, ...(level > 0 ? { level } : {}) }) - 1;
  return { kind: 'column', type: found.result, modifier: -1, location, index, computed: 'set' };
}

/**
 * Places among `sets` of those that are read, by the arguments of others, too.
 * @param isKnown Whether an expression is found as it is, and nothing in it is read.
 */
export function setsReadBy(
  expressions: readonly BoundExpression[],
  sets: readonly BoundSet[],
  isKnown: (expression: BoundExpression) => boolean = () => false,
): ReadonlySet<number> {
  const read = new Set<number>();
  const visit = (each: BoundExpression): boolean => {
    if (isKnown(each)) return false;
    if (each.kind === 'column' && each.computed === 'set' && !read.has(each.index)) {
      read.add(each.index);
      for (const arg of sets[each.index]!.args) visit(arg);
    }
    return someOperand(each, visit);
  };
  for (const expression of expressions) visit(expression);
  return read;
}

/** Those at these places, in the order in which they are computed, and where each is then. */
export function setsInOrder(
  sets: readonly BoundSet[],
  places: ReadonlySet<number>,
): { readonly ordered: readonly BoundSet[]; placeOf(index: number): number } {
  const levelOf = (index: number): number => sets[index]!.level ?? 0;
  const order = [...places].sort((a, b) => levelOf(a) - levelOf(b) || a - b);
  return { ordered: order.map((index) => sets[index]!), placeOf: (index) => order.indexOf(index) };
}

/** Rows that were multiplied by sets before they are grouped, or before windows look at them. */
export interface EarlySets {
  /** Of the columns of FROM, and behind them one for each set. */
  readonly relation: BoundRelation;
  /** The expression with those columns for the sets. */
  over(expression: BoundExpression): BoundExpression;
}

/** FROM and WHERE with the sets at these places: what PostgreSQL computes in a node of its own below. */
export function earlySets(
  from: BoundRelation | undefined,
  where: BoundExpression | undefined,
  sets: readonly BoundSet[],
  places: ReadonlySet<number>,
): EarlySets {
  const width = from === undefined ? 0 : widthOf(from);
  const { ordered, placeOf } = setsInOrder(sets, places);
  const over = (expression: BoundExpression): BoundExpression => {
    if (expression.kind !== 'column' || expression.computed !== 'set') return mapOperands(expression, over);
    const place = placeOf(expression.index);
    return place < 0 ? expression : columnAt(width + place, expression);
  };
  const inside = Array.from({ length: width }, (_, i) => columnAt(i, typeAt(from!, i)));
  const behind = ordered.map(({ function: { result } }, i) => columnAt(width + i, { type: result, modifier: -1 }));
  const query: BoundSelect = {
    ...allOf(
      from,
      [...inside, ...behind].map((expression) => ({ name: '', expression, origin: undefined })),
    ),
    where,
    sets: ordered.map((set) => ({ ...set, args: set.args.map(over) })),
  };
  return { relation: { kind: 'derived', alias: '', query }, over };
}
