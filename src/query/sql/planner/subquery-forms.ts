/**
 * What a subquery that depends on the row outside may be kept by, so that it is not run again for every row: its answers
 * by the values that it reads, or, of an EXISTS that asks for equal values only, all values that there are, gathered once.
 */

import {
  type BoundExpression,
  type BoundSelect,
  type BoundSubquery,
  columnsOf,
  conjunction,
  conjuncts,
  hasSubquery,
} from '../binder/bound.ts';
import { baseOf, type SqlType } from '../types/types.ts';
import { isPlain, mentionsSlot } from './decorrelate.ts';

/** Types whose values of one text are the same value in every respect: 1.0 and 1.00 have two. */
const EXACT: ReadonlySet<SqlType> = new Set<SqlType>([
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'numeric',
  'text',
  'varchar',
  'bpchar',
  'name',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
]);

/** Whether the answer depends on nothing but the values of its arguments and operands, and those make a key. */
export function isKeepable({ query, args, reads, operands }: BoundSubquery): boolean {
  if (args.length === 0 || args.length !== reads.length) return false;
  const values = [...args.map(({ value }) => value), ...operands];
  return values.every(({ type }) => EXACT.has(baseOf(type))) && isSteady(query);
}

/** How a query tells the number of the rows that FROM and WHERE give: undefined where it makes others of them. */
export function countedRows(select: BoundSelect): 'as they are' | 'by count(*)' | undefined {
  const { grouping, windows, sets, distinct, distinctOn, columns, orderBy, limit, offset, locking } = select;
  if (windows.length > 0 || sets.length > 0 || distinct || distinctOn !== undefined || orderBy.length > 0) return;
  if (limit !== undefined || offset !== undefined || locking !== undefined) return;
  if (grouping === undefined) return 'as they are';
  const { groupBy, groupings, aggregates, having } = grouping;
  if (groupBy !== undefined || groupings.length > 0 || having !== undefined) return;
  if (aggregates.length !== 1 || columns.length !== 1 || columns[0]!.expression.kind !== 'column') return;
  const { function: found, argument, filter } = aggregates[0]!;
  return found.name === 'count' && argument === undefined && filter === undefined ? 'by count(*)' : undefined;
}

/** Whether it reads a query in WITH. */
export function readsCte(query: object): boolean {
  return !everyPart(query, ({ kind }) => kind !== 'cte');
}

/** Whether a function anywhere in it may give another value each time it is asked. */
export function callsVolatile(query: object): boolean {
  return !everyPart(query, ({ function: called }) => called?.volatility !== 'volatile');
}

/** Slots that the query reads and does not fill itself. */
export function slotsReadBy(query: object): readonly number[] {
  const read = new Set<number>();
  const filled = new Set<number>();
  everyPart(query, ({ kind, slot }) => {
    if (slot !== undefined) (kind === 'slot' ? read : filled).add(slot);
    return true;
  });
  return [...read].filter((slot) => !filled.has(slot));
}

/** Whether it gives the same rows however often it is run in one statement, and does nothing else. */
function isSteady(query: object): boolean {
  return everyPart(
    query,
    // What a query in WITH holds may change with rows further out.
    ({ kind, function: called, locking, modify }) =>
      kind !== 'cte' && called?.volatility !== 'volatile' && locking === undefined && modify === undefined,
  );
}

/** What the parts of a query may be told by. */
interface Part {
  readonly kind?: unknown;
  readonly slot?: number;
  readonly function?: { readonly volatility?: string };
  readonly locking?: unknown;
  readonly modify?: unknown;
}

function everyPart(query: object, holds: (part: Part) => boolean): boolean {
  const seen = new Set<object>();
  const pending: object[] = [query];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (isLeaf(next) || seen.has(next)) continue;
    seen.add(next);
    if (Array.isArray(next)) {
      for (const each of next) if (typeof each === 'object' && each !== null) pending.push(each);
      continue;
    }
    if (!holds(next as Part)) return false;
    const fields = next as Readonly<Record<string, unknown>>;
    for (const name in fields) {
      const value = fields[name];
      if (typeof value === 'object' && value !== null && !LEFT_OUT.has(name)) pending.push(value);
    }
  }
  return true;
}

/** Most of what a query consists of; holds no other part, and is told by nothing but its kind. */
export function isLeaf({ kind }: { readonly kind?: unknown }): boolean {
  return kind === 'constant' || kind === 'parameter' || kind === 'column';
}

/** Fields that hold no part of the query. */
const LEFT_OUT: ReadonlySet<string> = new Set(['table', 'origin', 'function']);

export interface HashedExists {
  /** Gives the values that may be asked for; reads nothing of the row outside. */
  readonly query: BoundSelect;
  /** What is asked for, over the row outside; as many as the query has columns, of their types. */
  readonly values: readonly BoundExpression[];
}

/** EXISTS (SELECT … WHERE inner = outer AND …), where nothing else depends on the row outside. */
export function hashedExists({ mode, query, args, reads }: BoundSubquery): HashedExists | undefined {
  if (mode !== 'exists' || args.length === 0 || args.length !== reads.length) return undefined;
  if (query.kind !== 'select' || query.from === undefined || query.where === undefined) return undefined;
  const outer = new Map(args.map(({ slot, value }) => [slot, value]));
  if (!isPlain(query) || mentionsSlot(query.from, outer) || !isSteady(query)) return undefined;
  const rest: BoundExpression[] = [];
  const keys: { readonly inner: BoundExpression; readonly value: BoundExpression }[] = [];
  for (const condition of conjuncts(query.where)) {
    if (!mentionsSlot(condition, outer)) {
      rest.push(condition);
      continue;
    }
    if (condition.kind !== 'compare' || condition.operator !== '=') return undefined;
    const isOuter = (side: BoundExpression): boolean => columnsOf(side).size === 0 && !hasSubquery(side);
    const { left, right } = condition;
    const [inner, value] = isOuter(right) ? [left, right] : [right, left];
    if (!isOuter(value) || hasSubquery(inner) || mentionsSlot(inner, outer)) return undefined;
    keys.push({ inner, value });
  }
  // The select list alone may mention the row outside, and EXISTS never asks for it.
  if (keys.length === 0) return undefined;
  const columns = keys.map(({ inner }, i) => ({ name: `key${i + 1}`, expression: inner, origin: undefined }));
  const where = rest.length === 0 ? undefined : conjunction(rest);
  return { query: { ...query, where, columns, orderBy: [], distinct: false }, values: keys.map(({ value }) => value) };
}
