/**
 * How a table may be read: one key, several, a range of keys, a range of an index, or all of it. Which of them it will be is
 * for the costs to say (plan-scan.ts); here are the ways that its conditions and the wanted order open.
 *
 * A condition is usable when it compares a column of the primary key, or a part of an index, with something that does not
 * depend on the row. Equalities on the first parts make a prefix, IN and `= ANY` several; then one lower and one upper bound
 * on the next part narrow it. What was used is not tested again; what is left becomes a filter. An index with a predicate
 * is for queries whose conditions imply the predicate: in the same words, or because they allow less.
 */

import type { SearchOperator } from '../../../models/relational/inverted-terms.ts';
import { isStrictlyUnique } from '../../../models/relational/table.ts';
import {
  type BoundExpression,
  type BoundSortKey,
  type CompareOperator,
  conjuncts,
  readsRow,
  sameExpression,
} from '../binder/bound.ts';
import { type BoundIndex, rulesOf } from '../binder/table-rules.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { compareFor } from '../types/compare.ts';
import { UTC } from '../types/time-zone.ts';
import { isInteger } from '../types/types.ts';
import { foldConstants } from './fold-constants.ts';

export interface AccessBound {
  readonly value: BoundExpression;
  readonly inclusive: boolean;
}

/** What one part of a key is equal to: a value, null, one of several values, or one of an array's. */
export type KeyPart =
  | BoundExpression
  | 'isNull'
  | { readonly kind: 'list'; readonly values: readonly BoundExpression[] }
  | { readonly kind: 'elements'; readonly array: BoundExpression };

export interface AccessPath {
  /** Undefined for the primary key. */
  readonly index: PlannedIndex | undefined;
  /** Values of the first parts of the key; of the primary key all of them make points. Of an index also IS NULL. */
  readonly prefix: readonly KeyPart[];
  readonly low: AccessBound | undefined;
  readonly high: AccessBound | undefined;
  /** The next part is not null. */
  readonly notNull: boolean;
  /** Of an inverted index, instead of all these: what its terms are asked for (search-paths.ts). */
  readonly searches?: readonly {
    readonly part: number;
    readonly operator: SearchOperator;
    readonly value: BoundExpression;
  }[];
  /** Conditions that the path implies, and those that it does not. */
  readonly used: readonly BoundExpression[];
  readonly rest: readonly BoundExpression[];
}

/** Ranges that lists of values may multiply to in one path. */
const RANGES_MAX = 1_000;

/** All ways to read the table, the primary key first. */
export function accessPaths(table: CatalogTable, conditions: readonly BoundExpression[]): readonly AccessPath[] {
  const { primaryKey, indexes } = keysOf(table);
  const primary = pathOver(conditions, undefined, primaryKey);
  if (indexes.length === 0 || isPoint(table, primary)) return [primary];
  const paths = [primary];
  for (const index of indexes) {
    const { asked, tests } = index;
    if (asked.length === 0) {
      paths.push(pathOver(conditions, index, tests));
      continue;
    }
    if (!asked.every((each) => conditions.some((condition) => implies(condition, each)))) continue;
    const said = (condition: BoundExpression): boolean => asked.some((each) => sameExpression(each, condition));
    const others = conditions.filter((condition) => !said(condition));
    const path = pathOver(others, index, tests);
    paths.push({ ...path, used: [...path.used, ...conditions.filter(said)] });
  }
  return paths;
}

/** The one row under a full primary key, where the conditions say so and nothing else; for the shortest plans. */
export function pointPath(table: CatalogTable, where: BoundExpression | undefined): AccessPath | undefined {
  const { primaryKey } = table.table;
  if (primaryKey.length === 0 || where === undefined) return undefined;
  const path = pathOver(conjuncts(where), undefined, keysOf(table).primaryKey);
  return isPoint(table, path) && path.rest.length === 0 ? path : undefined;
}

/** What conditions say that the column is equal to; undefined when they do not. */
export function valuesOfColumn(conditions: readonly BoundExpression[], column: number): KeyPart | undefined {
  return pathOver(conditions, undefined, [columnPart(column)]).prefix[0];
}

export function isSingle(part: KeyPart): part is BoundExpression | 'isNull' {
  return part === 'isNull' || (part.kind !== 'list' && part.kind !== 'elements');
}

/** Whether it names at most one row by the whole primary key. */
export function isPoint({ table }: CatalogTable, { index, prefix }: AccessPath): boolean {
  return (
    index === undefined && prefix.length > 0 && prefix.length === table.primaryKey.length && prefix.every(isSingle)
  );
}

/** Whether each of its ranges holds one row at most. */
export function isWhole(
  { table }: Pick<CatalogTable, 'table'>,
  { index, prefix }: Pick<AccessPath, 'index' | 'prefix'>,
): boolean {
  if (prefix.length === 0) return false;
  if (index === undefined) return prefix.length === table.primaryKey.length;
  return isStrictlyUnique(index.source.index) && prefix.length === index.parts.length && !prefix.includes('isNull');
}

/** How many ranges it reads, as far as that is known before. */
export function rangesOf({ prefix }: AccessPath): number {
  let ranges = 1;
  for (const part of prefix) {
    if (part === 'isNull') continue;
    if (part.kind === 'list') ranges *= part.values.length;
    else if (part.kind === 'elements') ranges *= elementsOf(part.array);
  }
  return ranges;
}

function elementsOf(array: BoundExpression): number {
  if (array.kind === 'constant' && typeof array.value === 'object' && array.value !== null && 'values' in array.value) {
    return Math.max(1, array.value.values.length);
  }
  return array.kind === 'call' && array.function.name === 'array' ? Math.max(1, array.args.length) : 10;
}

/** Whether an expression is one part of a key. */
export type Part = (candidate: BoundExpression) => boolean;

/** An index with its expressions as conditions have theirs: computed as far as constants go. */
export interface PlannedIndex extends BoundIndex {
  readonly tests: readonly Part[];
  /** Positions of the columns whose values an entry holds. */
  readonly held: readonly number[];
  /** What conditions have to imply. */
  readonly asked: readonly BoundExpression[];
}

interface PlannedKeys {
  readonly primaryKey: readonly Part[];
  /** Those in an order. */
  readonly indexes: readonly PlannedIndex[];
  readonly inverted: readonly PlannedIndex[];
}

const planned = new WeakMap<CatalogTable, PlannedKeys>();

export function keysOf(table: CatalogTable): PlannedKeys {
  let keys = planned.get(table);
  if (keys === undefined) {
    const valid = table.indexes.length === 0 ? [] : rulesOf(table).indexes.filter(isValid);
    const all = valid.map((index) => plannedIndex(table, index));
    keys = {
      primaryKey: table.table.primaryKey.map(columnPart),
      indexes: all.filter(({ source }) => source.inverted === undefined),
      inverted: all.filter(({ source }) => source.inverted !== undefined),
    };
    planned.set(table, keys);
  }
  return keys;
}

function isValid({ source }: BoundIndex): boolean {
  return source.index.invalid !== true;
}

function plannedIndex({ table }: CatalogTable, { source, parts: bound, predicate: said }: BoundIndex): PlannedIndex {
  const fold = (each: BoundExpression): BoundExpression => foldConstants(each, { zone: UTC, nowMicros: 0n });
  const parts = bound.map(fold);
  const predicate = said && fold(said);
  const tests = parts.map(
    (part): Part =>
      (candidate) =>
        matches(part, candidate),
  );
  const held = source.index.parts.flatMap(({ column }) => (column === undefined ? [] : [column]));
  held.push(...source.index.include, ...table.primaryKey);
  return { source, parts, predicate, tests, held, asked: predicate === undefined ? [] : conjuncts(predicate) };
}

function columnPart(column: number): Part {
  return (candidate) => isKeyColumn(candidate, column);
}

function matches(part: BoundExpression, candidate: BoundExpression): boolean {
  return part.kind === 'column' ? isKeyColumn(candidate, part.index) : sameExpression(part, candidate);
}

/** Whether the condition says anything that a path could use of the part. */
function tellsOf(condition: BoundExpression, part: Part): boolean {
  switch (condition.kind) {
    case 'compare':
      return part(condition.left) || part(condition.right);
    case 'isNull':
      return part(condition.arg);
    case 'or':
      return tellsOf(condition.args[0]!, part);
    case 'call':
      return condition.args.length > 0 && part(condition.args[0]!);
    default:
      return false;
  }
}

function tellsAny(conditions: readonly BoundExpression[], part: Part): boolean {
  for (let i = 0; i < conditions.length; i++) if (tellsOf(conditions[i]!, part)) return true;
  return false;
}

const NOTHING: readonly never[] = [];

function pathOver(
  conditions: readonly BoundExpression[],
  index: PlannedIndex | undefined,
  parts: readonly Part[],
): AccessPath {
  // Most indexes of a table have nothing to do with a query.
  if (parts.length === 0 || !tellsAny(conditions, parts[0]!)) {
    return { index, prefix: NOTHING, low: undefined, high: undefined, notNull: false, used: NOTHING, rest: conditions };
  }
  const used: BoundExpression[] = [];
  let ranges = 1;
  const prefix: KeyPart[] = [];
  for (const part of parts) {
    const equality = takeComparison(conditions, part, used, '=', '=');
    if (equality !== undefined) prefix.push(equality.value);
    else if (index !== undefined && takesNull(conditions, part, used, false)) prefix.push('isNull');
    else {
      const list = takeList(conditions, part, used, ranges);
      if (list === undefined) break;
      if (list.kind === 'list') ranges *= list.values.length;
      else ranges *= elementsExpected(ranges);
      prefix.push(list);
    }
  }
  let low: AccessBound | undefined;
  let high: AccessBound | undefined;
  let notNull = false;
  const next = parts[prefix.length];
  if (next !== undefined) {
    const lower = takeComparison(conditions, next, used, '>', '>=');
    if (lower !== undefined) low = { value: lower.value, inclusive: lower.operator === '>=' };
    const upper = takeComparison(conditions, next, used, '<', '<=');
    if (upper !== undefined) high = { value: upper.value, inclusive: upper.operator === '<=' };
    notNull = index !== undefined && takesNull(conditions, next, used, true);
  }
  const rest = used.length === 0 ? conditions : conditions.filter((condition) => !used.includes(condition));
  return { index, prefix, low, high, notNull, used, rest };
}

/** The first condition that is left and compares the part by one of two operators; it is `used` then. */
function takeComparison(
  conditions: readonly BoundExpression[],
  part: Part,
  used: BoundExpression[],
  one: CompareOperator,
  other: CompareOperator,
): Sargable | undefined {
  for (const condition of conditions) {
    if (condition.kind !== 'compare' || used.includes(condition)) continue;
    const found = sargable(condition, part);
    if (found === undefined || (found.operator !== one && found.operator !== other)) continue;
    used.push(condition);
    return found;
  }
  return undefined;
}

/** Whether a condition that is left says of the part that it is null, or that it is not; it is `used` then. */
function takesNull(
  conditions: readonly BoundExpression[],
  part: Part,
  used: BoundExpression[],
  negated: boolean,
): boolean {
  for (const condition of conditions) {
    if (condition.kind !== 'isNull' || condition.negated !== negated) continue;
    if (used.includes(condition) || !part(condition.arg)) continue;
    used.push(condition);
    return true;
  }
  return false;
}

/** The first condition that is left and lists values of the part; it is `used` then. @param ranges Of the parts before. */
function takeList(
  conditions: readonly BoundExpression[],
  part: Part,
  used: BoundExpression[],
  ranges: number,
): Extract<KeyPart, { kind: 'list' | 'elements' }> | undefined {
  for (const condition of conditions) {
    if ((condition.kind !== 'or' && condition.kind !== 'call') || used.includes(condition)) continue;
    const found = listed(condition, part);
    if (found === undefined) continue;
    const count = found.kind === 'list' ? found.values.length : elementsExpected(ranges);
    if (count > 1 && ranges * count > RANGES_MAX) continue;
    used.push(condition);
    return found;
  }
  return undefined;
}

/** How many elements an array that is not known yet is taken to have: too many, behind another list. */
function elementsExpected(ranges: number): number {
  return ranges > 1 ? RANGES_MAX : 10;
}

/** Whether reading by the path gives the wanted order: forward, in reverse, or not at all. */
export function pathOrder(
  source: CatalogTable,
  { index, prefix, low, high, notNull }: AccessPath,
  orderBy: readonly BoundSortKey[],
): 'forward' | 'reverse' | 'none' {
  if (orderBy.length === 0) return 'forward';
  const { table } = source;
  const parts = index === undefined ? keysOf(source).primaryKey : index.tests;
  if (isWhole({ table }, { index, prefix }) && prefix.every(isSingle)) return 'forward';
  // Ranges of several values are read in the order of the key: only up to the first such part nothing is known.
  const single = prefix.findIndex((part) => !isSingle(part));
  const fixed = single < 0 ? prefix.length : single;
  let position = fixed;
  let direction: boolean | undefined;
  for (const { expression, descending, nullsFirst } of orderBy) {
    // The whole of a unique key decides: what follows breaks no tie.
    if (index === undefined && position === parts.length && position > 0) break;
    if (parts.slice(0, fixed).some((part) => part(expression))) continue;
    if (parts[position]?.(expression) !== true) return 'none';
    const part = index?.source.index.parts[position];
    const reversed = descending !== (part?.descending ?? false);
    const first = part === undefined ? descending : reversed ? !part.nullsFirst : part.nullsFirst;
    const isNullable = part !== undefined && (part.column === undefined || !table.columns[part.column]!.notNull);
    // Rows between bounds, and under lists of values, hold no null.
    const bounded =
      position < prefix.length || (position === prefix.length && (low !== undefined || high !== undefined || notNull));
    if (isNullable && !bounded && first !== nullsFirst) return 'none';
    if (direction !== undefined && direction !== reversed) return 'none';
    direction = reversed;
    position++;
  }
  return direction === true ? 'reverse' : 'forward';
}

/** Whether any order that a key or an index gives could begin with it. */
export function mayLead(source: CatalogTable, expression: BoundExpression): boolean {
  const isIt = (part: Part): boolean => part(expression);
  const { primaryKey, indexes } = keysOf(source);
  return primaryKey.some(isIt) || indexes.some(({ tests }) => tests.some(isIt));
}

/** Whether an UPDATE of these columns could meet a row again, further on in an index that it may read by. */
export function movesEntries(
  table: CatalogTable,
  where: BoundExpression | undefined,
  positions: readonly number[],
): boolean {
  // An inverted index tells of a row in the place of its key, whatever its terms are.
  return accessPaths(table, where === undefined ? [] : conjuncts(where)).some(
    ({ index }) =>
      index?.source.index.parts.some(({ column }) => column === undefined || positions.includes(column)) === true,
  );
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

/** The condition read as `part = one of these`, if it is that: IN, ANY, or an OR of equalities. */
function listed(condition: BoundExpression, part: Part): Extract<KeyPart, { kind: 'list' | 'elements' }> | undefined {
  if (condition.kind === 'or') {
    const values: BoundExpression[] = [];
    for (const arg of condition.args) {
      const found = sargable(arg, part);
      if (found?.operator !== '=') return undefined;
      values.push(found.value);
    }
    return { kind: 'list', values };
  }
  if (condition.kind !== 'call' || condition.function.name !== '= any') return undefined;
  const [left, array] = condition.args;
  if (left === undefined || array === undefined || !part(left) || !isRowless(array)) return undefined;
  return { kind: 'elements', array };
}

/** Whether whatever meets `condition` meets `wanted`. */
export function implies(condition: BoundExpression, wanted: BoundExpression): boolean {
  if (sameExpression(condition, wanted)) return true;
  if (wanted.kind === 'or') return wanted.args.some((each) => implies(condition, each));
  if (wanted.kind === 'and') return wanted.args.every((each) => implies(condition, each));
  if (condition.kind === 'and') return condition.args.some((each) => implies(each, wanted));
  if (condition.kind === 'or') return condition.args.every((each) => implies(each, wanted));
  if (wanted.kind === 'isNull' && wanted.negated) {
    if (condition.kind === 'compare') {
      return sameExpression(condition.left, wanted.arg) || sameExpression(condition.right, wanted.arg);
    }
    return (
      condition.kind === 'call' && condition.function.name === '= any' && sameExpression(condition.args[0], wanted.arg)
    );
  }
  if (condition.kind !== 'compare' || wanted.kind !== 'compare') return false;
  const have = constantComparison(condition);
  const want = constantComparison(wanted);
  if (have === undefined || want === undefined || !sameExpression(have.side, want.side)) return false;
  if (have.value.type !== want.value.type) return false;
  const [a, b] = [have.value.value, want.value.value];
  if (a === null || b === null) return false;
  const order = compareFor(have.value.type)(a, b);
  switch (want.operator) {
    case '=':
      return have.operator === '=' && order === 0;
    case '<>':
      if (have.operator === '=') return order !== 0;
      if (have.operator === '<') return order <= 0;
      if (have.operator === '>') return order >= 0;
      return have.operator === '<=' ? order < 0 : have.operator === '>=' && order > 0;
    case '<':
      return have.operator === '<' ? order <= 0 : (have.operator === '<=' || have.operator === '=') && order < 0;
    case '<=':
      return (have.operator === '<' || have.operator === '<=' || have.operator === '=') && order <= 0;
    case '>':
      return have.operator === '>' ? order >= 0 : (have.operator === '>=' || have.operator === '=') && order > 0;
    default:
      return (have.operator === '>' || have.operator === '>=' || have.operator === '=') && order >= 0;
  }
}

function constantComparison(condition: Extract<BoundExpression, { kind: 'compare' }>) {
  const { operator, left, right } = condition;
  if (right.kind === 'constant' && readsRow(left)) return { side: left, operator, value: right };
  if (left.kind === 'constant' && readsRow(right)) {
    return { side: right, operator: MIRRORED[operator], value: left };
  }
  return undefined;
}
/** The column itself, or widened without loss: keys hold all integers alike, and all text. */
function isKeyColumn(expression: BoundExpression, column: number): boolean {
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
