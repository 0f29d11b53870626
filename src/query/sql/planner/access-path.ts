/**
 * How a table is read: one key, a range of keys, or all of it, chosen from the conditions of WHERE.
 *
 * A condition is usable when it compares a column of the primary key with something that does not depend on the row.
 * Equalities on the first columns of the key make its prefix; then one lower and one upper bound on the next column
 * narrow it. What was used is not tested again; what is left becomes a filter.
 */

import type { BoundExpression, CompareOperator } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { isInteger } from '../types/types.ts';

export interface AccessBound {
  readonly value: BoundExpression;
  readonly inclusive: boolean;
}

export interface AccessPath {
  /** Values of the first columns of the primary key; all of them make a point. */
  readonly prefix: readonly BoundExpression[];
  readonly low: AccessBound | undefined;
  readonly high: AccessBound | undefined;
  /** Conditions that the path does not imply. */
  readonly rest: readonly BoundExpression[];
}

export function chooseAccessPath(table: CatalogTable, where: BoundExpression | undefined): AccessPath {
  const conditions = where === undefined ? [] : conjuncts(where);
  const used = new Set<BoundExpression>();
  const { primaryKey } = table.table;
  const take = (column: number, operators: readonly CompareOperator[]): Sargable | undefined => {
    for (const condition of conditions) {
      if (used.has(condition)) continue;
      const found = sargable(condition, column);
      if (found === undefined || !operators.includes(found.operator)) continue;
      used.add(condition);
      return found;
    }
    return undefined;
  };
  const prefix: BoundExpression[] = [];
  for (const column of primaryKey) {
    const equality = take(column, ['=']);
    if (equality === undefined) break;
    prefix.push(equality.value);
  }
  let low: AccessBound | undefined;
  let high: AccessBound | undefined;
  const next = primaryKey[prefix.length];
  if (next !== undefined) {
    const lower = take(next, ['>', '>=']);
    if (lower !== undefined) low = { value: lower.value, inclusive: lower.operator === '>=' };
    const upper = take(next, ['<', '<=']);
    if (upper !== undefined) high = { value: upper.value, inclusive: upper.operator === '<=' };
  }
  return { prefix, low, high, rest: conditions.filter((condition) => !used.has(condition)) };
}

function conjuncts(condition: BoundExpression): readonly BoundExpression[] {
  return condition.kind === 'and' ? condition.args.flatMap(conjuncts) : [condition];
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

/** The condition read as `column operator value`, if it is that. */
function sargable(condition: BoundExpression, column: number): Sargable | undefined {
  if (condition.kind !== 'compare') return undefined;
  const { operator, left, right } = condition;
  if (isKeyColumn(left, column) && isRowless(right)) return { operator, value: right };
  if (isKeyColumn(right, column) && isRowless(left)) return { operator: MIRRORED[operator], value: left };
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
      return true;
    case 'column':
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
