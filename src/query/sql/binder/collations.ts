/**
 * COLLATE. All text compares by code point: the collations that say so change no answer, and there are no others. Which one
 * columns, indexes and expressions name is kept for the catalog, and two of them cannot be named for one comparison
 * (PostgreSQL's parse_collate.c; what columns of different collations have in common is not asked).
 */

import type { CollateClause, Node } from '@pgsql/types';
import { SqlError } from '../sql-error.ts';
import { baseOf, elementOf, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import { type BoundExpression, type Collated, mapOperands } from './bound.ts';
import { stringsOf } from './names.ts';

const KNOWN: ReadonlySet<string> = new Set(['default', 'C', 'POSIX', 'ucs_basic']);

/** @returns its name. @throws SqlError `undefined_object` for any that is not known, `invalid_schema_name`. */
export function requireCollation(names: readonly Node[] | undefined, location?: number): string {
  const parts = stringsOf(names);
  const name = parts.at(-1) ?? '';
  if (KNOWN.has(name) && (parts.length === 1 || (parts.length === 2 && parts[0] === 'pg_catalog'))) return name;
  const message = `collation "${parts.join('.')}" for encoding "UTF8" does not exist`;
  throw new SqlError('undefined_object', message, { location });
}

/**
 * COLLATE of a column, of a field, or of a domain.
 * @returns it, unless it is the type's own. @throws SqlError for a collation that is not known, or not of the type.
 */
export function checkCollation(clause: CollateClause | undefined, type: SqlType): { readonly collation?: string } {
  if (clause === undefined) return {};
  const collation = requireCollation(clause.collname, clause.location);
  requireCollatable(type, clause.location);
  return collation === collationOfType(type) ? {} : { collation };
}

/** @throws SqlError `datatype_mismatch` for a type whose values are no text, nor lists of it. */
export function requireCollatable(type: SqlType, location?: number): void {
  if (isCollatable(type)) return;
  throw new SqlError('datatype_mismatch', `collations are not supported by type ${titleOf(type)}`, { location });
}

/** Whether values of the type are text, or lists of it. */
export function isCollatable(type: SqlType): boolean {
  const base = baseOf(type);
  return typeInfo(elementOf(base) ?? base).category === 'S';
}

/** The collation that values of the type have unless something says otherwise; undefined where they have none. */
export function collationOfType(type: SqlType): string | undefined {
  const element = elementOf(type);
  if (element !== undefined) return collationOfType(element);
  const { collation, base, category } = typeInfo(type);
  if (collation !== undefined) return collation;
  if (base !== undefined) return collationOfType(base);
  if (category !== 'S') return undefined;
  return type === 'name' ? 'C' : 'default';
}

/** The collation of a column, or of a field; undefined where its values have none. */
export function collationOfColumn(column: {
  readonly type: SqlType;
  readonly collation?: string | undefined;
}): string | undefined {
  return column.collation ?? collationOfType(column.type);
}

/**
 * What COLLATE in an expression says of it, that of its operands included; undefined where none does.
 * @throws SqlError `collation_mismatch` where two of them differ.
 */
export function collateOf(expression: BoundExpression): Collated | undefined {
  if (expression.collated !== undefined) return expression.collated;
  let found: Collated | undefined;
  const take = (operand: BoundExpression): BoundExpression => {
    const other = isCollatable(operand.type) ? collateOf(operand) : undefined;
    if (other !== undefined && found !== undefined && other.name !== found.name) {
      const message = `collation mismatch between explicit collations "${found.name}" and "${other.name}"`;
      throw new SqlError('collation_mismatch', message, { location: other.location });
    }
    found ??= other;
    return operand;
  };
  mapOperands(expression, take);
  return found;
}

/** @throws SqlError `collation_mismatch` for an expression, or a condition of several, that COLLATE says different things of. */
export function requireOneCollation(bound: BoundExpression): void {
  if (bound.kind === 'and' || bound.kind === 'or') bound.args.forEach(requireOneCollation);
  else collateOf(bound);
}

/** The collation of an expression: what COLLATE says, else that of the columns in it where one is not the default. */
export function collationOf(expression: BoundExpression): string | undefined {
  if (!isCollatable(expression.type)) return undefined;
  return collateOf(expression)?.name ?? implied(expression) ?? collationOfType(expression.type);
}

/** As a column that is made of the expression keeps it. */
export function keptCollation(expression: BoundExpression): { readonly collation?: string } {
  const type = expression.type === 'unknown' ? 'text' : expression.type;
  const collation = collationOf(expression.type === type ? expression : { ...expression, type });
  return collation === undefined || collation === collationOfType(type) ? {} : { collation };
}

function implied(expression: BoundExpression): string | undefined {
  if (expression.kind === 'column') return collationOfColumn(expression);
  let found: string | undefined;
  mapOperands(expression, (operand) => {
    const own = isCollatable(operand.type) ? implied(operand) : undefined;
    if (found === undefined || found === 'default') found = own ?? found;
    return operand;
  });
  return found;
}
