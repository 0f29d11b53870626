/** COLLATE. All text compares by code point: the collations that say so change nothing, and there are no others. */

import type { CollateClause, Node } from '@pgsql/types';
import { SqlError } from '../sql-error.ts';
import { baseOf, elementOf, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import { stringsOf } from './names.ts';

const KNOWN: ReadonlySet<string> = new Set(['default', 'C', 'POSIX', 'ucs_basic']);

/** @throws SqlError `undefined_object` for any that is not known. */
export function requireCollation(names: readonly Node[] | undefined, location?: number): void {
  const parts = stringsOf(names);
  if (parts.length <= 2 && KNOWN.has(parts.at(-1) ?? '') && (parts.length === 1 || parts[0] === 'pg_catalog')) return;
  const message = `collation "${parts.join('.')}" for encoding "UTF8" does not exist`;
  throw new SqlError('undefined_object', message, { location });
}

/** COLLATE of a column, of a field, or of a domain. @throws SqlError for a collation that is not known, or not of the type. */
export function checkCollation(clause: CollateClause | undefined, type: SqlType): void {
  if (clause === undefined) return;
  requireCollation(clause.collname, clause.location);
  requireCollatable(type, clause.location);
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
