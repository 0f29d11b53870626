/**
 * The types of SQL expressions: what clients know them by, and what converts into what.
 *
 * A column's type is one of `COLUMN_TYPES`; expressions add `unknown` (a bare string literal or parameter whose type its
 * surroundings decide) and `name`. OIDs, sizes and names are PostgreSQL's (`pg_type.dat`).
 */

import type { ColumnType, ColumnValue } from '../../../models/relational/table.ts';

export type SqlType = ColumnType | 'name' | 'unknown' | 'void';
export type SqlValue = ColumnValue;

/** How freely a value becomes another type: by itself, when stored into a column, or only where CAST is written. */
export type CastContext = 'implicit' | 'assignment' | 'explicit';

interface TypeInfo {
  readonly oid: number;
  /** Bytes in PostgreSQL's memory; -1 variable, -2 a C string. */
  readonly size: number;
  /** As error messages and `format_type` print it. */
  readonly title: string;
  /** PostgreSQL's category: B boolean, N number, S string, D date and time, X unknown, P pseudo. */
  readonly category: 'B' | 'N' | 'S' | 'D' | 'X' | 'P';
}

export const TYPES: { readonly [T in SqlType]: TypeInfo } = {
  bool: { oid: 16, size: 1, title: 'boolean', category: 'B' },
  name: { oid: 19, size: 64, title: 'name', category: 'S' },
  int8: { oid: 20, size: 8, title: 'bigint', category: 'N' },
  int2: { oid: 21, size: 2, title: 'smallint', category: 'N' },
  int4: { oid: 23, size: 4, title: 'integer', category: 'N' },
  text: { oid: 25, size: -1, title: 'text', category: 'S' },
  float8: { oid: 701, size: 8, title: 'double precision', category: 'N' },
  unknown: { oid: 705, size: -2, title: 'unknown', category: 'X' },
  bpchar: { oid: 1042, size: -1, title: 'character', category: 'S' },
  varchar: { oid: 1043, size: -1, title: 'character varying', category: 'S' },
  timestamp: { oid: 1114, size: 8, title: 'timestamp without time zone', category: 'D' },
  timestamptz: { oid: 1184, size: 8, title: 'timestamp with time zone', category: 'D' },
  numeric: { oid: 1700, size: -1, title: 'numeric', category: 'N' },
  void: { oid: 2278, size: 4, title: 'void', category: 'P' },
};

const BY_OID = new Map<number, SqlType>(
  (Object.entries(TYPES) as [SqlType, TypeInfo][]).map(([type, info]) => [info.oid, type]),
);

export function typeOfOid(oid: number): SqlType | undefined {
  return BY_OID.get(oid);
}

export function titleOf(type: SqlType): string {
  return TYPES[type].title;
}

/** `character varying(10)`, `numeric(5,2)`: the type with its modifier. */
export function titleWithModifier(type: SqlType, modifier: number): string {
  if (modifier < 0) return titleOf(type);
  if (type === 'varchar' || type === 'bpchar') return `${titleOf(type)}(${modifier - 4})`;
  if (type === 'numeric') return `numeric(${(modifier - 4) >>> 16},${(modifier - 4) & 0xffff})`;
  return titleOf(type);
}

/** Numbers in the order in which they convert by themselves. */
export const NUMBER_RANK: { readonly [T in SqlType]?: number } = { int2: 1, int4: 2, int8: 3, numeric: 4, float8: 5 };

export function isInteger(type: SqlType): type is 'int2' | 'int4' | 'int8' {
  return type === 'int2' || type === 'int4' || type === 'int8';
}

export function isNumber(type: SqlType): boolean {
  return NUMBER_RANK[type] !== undefined;
}

export function isString(type: SqlType): type is 'text' | 'varchar' | 'bpchar' | 'name' {
  return type === 'text' || type === 'varchar' || type === 'bpchar' || type === 'name';
}

/** Whether a value of `from` may become `to` in `context`; the same type always may. */
export function canCast(from: SqlType, to: SqlType, context: CastContext): boolean {
  if (from === to || from === 'unknown') return true;
  const rankFrom = NUMBER_RANK[from];
  const rankTo = NUMBER_RANK[to];
  if (rankFrom !== undefined && rankTo !== undefined) return rankFrom < rankTo || context !== 'implicit';
  if (isString(from) && isString(to)) return true;
  if (from === 'timestamp' && to === 'timestamptz') return true;
  if (from === 'timestamptz' && to === 'timestamp') return context !== 'implicit';
  if (isString(to)) return context !== 'implicit' && from !== 'void';
  if (context !== 'explicit') return false;
  if (isString(from)) return to !== 'void';
  return (from === 'bool' && to === 'int4') || (from === 'int4' && to === 'bool');
}

/**
 * The type that alternatives (CASE, COALESCE, IN, VALUES) share: unknowns give way; then the one that all others become
 * by themselves. Undefined when they do not match.
 */
export function commonType(types: readonly SqlType[]): SqlType | undefined {
  let common: SqlType = 'unknown';
  for (const type of types) {
    if (type === 'unknown' || type === common) continue;
    if (common === 'unknown') common = type;
    else if (TYPES[type].category !== TYPES[common].category) return undefined;
    else if (canCast(common, type, 'implicit') && !canCast(type, common, 'implicit')) common = type;
    else if (!canCast(type, common, 'implicit')) return undefined;
  }
  return common === 'unknown' ? 'text' : common;
}
