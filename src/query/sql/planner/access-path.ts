/**
 * How a table is read: one key, a range of keys, a range of an index, or all of it, chosen from the conditions of WHERE
 * and the wanted order.
 *
 * A condition is usable when it compares a column of the primary key, or a part of an index, with something that does not
 * depend on the row. Equalities on the first parts make a prefix; then one lower and one upper bound on the next narrow
 * it. What was used is not tested again; what is left becomes a filter. An index with a predicate is for queries that ask
 * for that predicate in the same words.
 *
 * Without statistics the choice is by rule: a whole unique key first, then the longest prefix of equalities, then bounds,
 * then the wanted order; in a draw the primary key, which needs no second read, then the older index.
 */

import {
  type BoundExpression,
  type BoundSortKey,
  type CompareOperator,
  conjuncts,
  sameExpression,
} from '../binder/bound.ts';
import { type BoundIndex, rulesOf } from '../binder/table-rules.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { UTC } from '../types/time-zone.ts';
import { isInteger } from '../types/types.ts';
import { foldConstants } from './fold-constants.ts';

export interface AccessBound {
  readonly value: BoundExpression;
  readonly inclusive: boolean;
}

export interface AccessPath {
  /** Undefined for the primary key. */
  readonly index: BoundIndex | undefined;
  /** Values of the first parts of the key; of the primary key all of them make a point. Of an index also IS NULL. */
  readonly prefix: readonly (BoundExpression | 'isNull')[];
  readonly low: AccessBound | undefined;
  readonly high: AccessBound | undefined;
  /** Conditions that the path does not imply. */
  readonly rest: readonly BoundExpression[];
}

/** @param orderBy The order that is wanted of the rows; a path that gives it wins a draw. */
export function chooseAccessPath(
  table: CatalogTable,
  where: BoundExpression | undefined,
  orderBy: readonly BoundSortKey[] = [],
): AccessPath {
  const conditions = where === undefined ? [] : conjuncts(where);
  const primary = pathOver(conditions, undefined, table.table.primaryKey.map(columnPart));
  if (table.indexes.length === 0 || (primary.prefix.length > 0 && isWhole(table, primary))) return primary;
  let best = primary;
  let bestScore = scoreOf(table, primary, orderBy);
  for (const index of foldedIndexes(table)) {
    const { predicate } = index;
    const asked = predicate === undefined ? [] : conjuncts(predicate);
    if (!asked.every((each) => conditions.some((condition) => sameExpression(condition, each)))) continue;
    const left = conditions.filter((condition) => !asked.some((each) => sameExpression(condition, each)));
    const path = pathOver(
      left,
      index,
      index.parts.map((part) => (candidate) => matches(part, candidate)),
    );
    const score = scoreOf(table, path, orderBy) + (asked.length > 0 ? 1 : 0);
    if (score <= bestScore) continue;
    best = path;
    bestScore = score;
  }
  return best;
}

const folded = new WeakMap<CatalogTable, readonly BoundIndex[]>();

/** Indexes with their expressions as conditions have theirs: computed as far as constants go. */
function foldedIndexes(table: CatalogTable): readonly BoundIndex[] {
  let indexes = folded.get(table);
  if (indexes === undefined) {
    const fold = (each: BoundExpression): BoundExpression => foldConstants(each, { zone: UTC, nowMicros: 0n });
    indexes = rulesOf(table).indexes.map(({ source, parts, predicate }) => ({
      source,
      parts: parts.map(fold),
      predicate: predicate && fold(predicate),
    }));
    folded.set(table, indexes);
  }
  return indexes;
}

function isWhole({ table }: CatalogTable, { index, prefix }: AccessPath): boolean {
  if (index === undefined) return prefix.length === table.primaryKey.length;
  return index.source.index.unique && prefix.length === index.parts.length && !prefix.includes('isNull');
}

function scoreOf(table: CatalogTable, path: AccessPath, orderBy: readonly BoundSortKey[]): number {
  if (path.prefix.length > 0 && isWhole(table, path)) return 1_000;
  const bounds = (path.low === undefined ? 0 : 1) + (path.high === undefined ? 0 : 1);
  const ordered = orderBy.length > 0 && pathOrder(table, path, orderBy) !== 'none' ? 1 : 0;
  return path.prefix.length * 16 + bounds * 6 + ordered * 3;
}

/** Whether an expression is one part of a key. */
type Part = (candidate: BoundExpression) => boolean;

function columnPart(column: number): Part {
  return (candidate) => isKeyColumn(candidate, column);
}

function matches(part: BoundExpression, candidate: BoundExpression): boolean {
  return part.kind === 'column' ? isKeyColumn(candidate, part.index) : sameExpression(part, candidate);
}

function pathOver(
  conditions: readonly BoundExpression[],
  index: BoundIndex | undefined,
  parts: readonly Part[],
): AccessPath {
  const used = new Set<BoundExpression>();
  const take = (part: Part, operators: readonly CompareOperator[]): Sargable | undefined => {
    for (const condition of conditions) {
      if (used.has(condition)) continue;
      const found = sargable(condition, part);
      if (found === undefined || !operators.includes(found.operator)) continue;
      used.add(condition);
      return found;
    }
    return undefined;
  };
  const takeNull = (part: Part): boolean => {
    const found = conditions.find(
      (condition) => !used.has(condition) && condition.kind === 'isNull' && !condition.negated && part(condition.arg),
    );
    if (found === undefined) return false;
    used.add(found);
    return true;
  };
  const prefix: (BoundExpression | 'isNull')[] = [];
  for (const part of parts) {
    const equality = take(part, ['=']);
    if (equality !== undefined) prefix.push(equality.value);
    else if (index !== undefined && takeNull(part)) prefix.push('isNull');
    else break;
  }
  let low: AccessBound | undefined;
  let high: AccessBound | undefined;
  const next = parts[prefix.length];
  if (next !== undefined) {
    const lower = take(next, ['>', '>=']);
    if (lower !== undefined) low = { value: lower.value, inclusive: lower.operator === '>=' };
    const upper = take(next, ['<', '<=']);
    if (upper !== undefined) high = { value: upper.value, inclusive: upper.operator === '<=' };
  }
  return { index, prefix, low, high, rest: conditions.filter((condition) => !used.has(condition)) };
}

/** Whether reading by the path gives the wanted order: forward, in reverse, or not at all. */
export function pathOrder(
  { table }: CatalogTable,
  { index, prefix, low, high }: AccessPath,
  orderBy: readonly BoundSortKey[],
): 'forward' | 'reverse' | 'none' {
  if (orderBy.length === 0) return 'forward';
  const { primaryKey } = table;
  const parts: readonly Part[] =
    index === undefined ? primaryKey.map(columnPart) : index.parts.map((part) => (each) => matches(part, each));
  if (prefix.length > 0 && isWhole({ table } as CatalogTable, { index, prefix, low, high, rest: [] })) return 'forward';
  let position = prefix.length;
  let direction: boolean | undefined;
  for (const { expression, descending, nullsFirst } of orderBy) {
    // The whole of a unique key decides: what follows breaks no tie.
    if (index === undefined && position === parts.length && position > 0) break;
    if (parts.slice(0, prefix.length).some((part) => part(expression))) continue;
    if (parts[position]?.(expression) !== true) return 'none';
    const part = index?.source.index.parts[position];
    const reversed = descending !== (part?.descending ?? false);
    const first = part === undefined ? descending : reversed ? !part.nullsFirst : part.nullsFirst;
    const isNullable = part !== undefined && (part.column === undefined || !table.columns[part.column]!.notNull);
    // Rows between bounds hold no null.
    const bounded = position === prefix.length && (low !== undefined || high !== undefined);
    if (isNullable && !bounded && first !== nullsFirst) return 'none';
    if (direction !== undefined && direction !== reversed) return 'none';
    direction = reversed;
    position++;
  }
  return direction === true ? 'reverse' : 'forward';
}

/** Whether an UPDATE of these columns could meet a row again, further on in the index that it reads. */
export function movesEntries(
  table: CatalogTable,
  where: BoundExpression | undefined,
  positions: readonly number[],
): boolean {
  const { index } = chooseAccessPath(table, where);
  if (index === undefined) return false;
  return index.source.index.parts.some(({ column }) => column === undefined || positions.includes(column));
}

interface Sargable {
  readonly operator: CompareOperator;
  readonly value: BoundExpression;
}

const MIRRORED: { readonly [O in CompareOperator]: CompareOperator } = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** The condition read as `part operator value`, if it is that. */
function sargable(condition: BoundExpression, part: Part): Sargable | undefined {
  if (condition.kind !== 'compare') return undefined;
  const { operator, left, right } = condition;
  if (part(left) && isRowless(right)) return { operator, value: right };
  if (part(right) && isRowless(left)) return { operator: MIRRORED[operator], value: left };
  return undefined;
}

/** The column itself, or widened without loss: keys hold all integers alike, and all text. */
export function isKeyColumn(expression: BoundExpression, column: number): boolean {
  if (expression.kind === 'column') return expression.index === column;
  if (expression.kind !== 'cast' || expression.arg.kind !== 'column' || expression.arg.index !== column) return false;
  return expression.cast === undefined || (isInteger(expression.type) && isInteger(expression.arg.type));
}

/** Depends on no row, and gives the same value however often it is asked. */
export function isRowless(expression: BoundExpression): boolean {
  switch (expression.kind) {
    case 'constant':
    case 'parameter':
    case 'slot':
      return true;
    case 'column':
    case 'subquery':
      return false;
    case 'call':
      return expression.function.volatility !== 'volatile' && expression.args.every(isRowless);
    case 'cast':
    case 'applyModifier':
    case 'not':
    case 'isNull':
    case 'isBoolean':
      return isRowless(expression.arg);
    case 'compare':
    case 'distinct':
      return isRowless(expression.left) && isRowless(expression.right);
    case 'nullIf':
      return isRowless(expression.condition) && isRowless(expression.value);
    case 'case':
      return (
        expression.whens.every(({ condition, result }) => isRowless(condition) && isRowless(result)) &&
        isRowless(expression.otherwise)
      );
    default:
      return expression.args.every(isRowless);
  }
}
