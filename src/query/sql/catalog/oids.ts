/** Oids of the system catalog's own, and of objects that are known by those of others. */

import { PUBLIC_SCHEMA, type Table } from '../../../models/relational/table.ts';

/** Oids of the catalogs that others name objects by. */
export const CLASS_OIDS = {
  pg_type: 1247,
  pg_proc: 1255,
  pg_class: 1259,
  pg_attrdef: 2604,
  pg_constraint: 2606,
  pg_namespace: 2615,
  pg_rewrite: 2618,
  pg_extension: 3079,
} as const;

/** Of indexes. */
export const ACCESS_METHODS = { btree: 403, hash: 405, gin: 2742 } as const;

/** Each view has one rule, whose oid is that of the view beyond all that the catalog gives out. */
const REWRITE_OIDS = 1_000_000_000;

export function ruleOid({ id }: Table): number {
  return REWRITE_OIDS + id;
}

/** @param column Its number, from 1. */
export function attrdefOid({ id }: Table, column: number): number {
  return id * 10_000 + column;
}

/** Schemas of the system, and the oid of `public`, which is 0 in keys. */
export const SYSTEM_SCHEMAS = { pg_catalog: 11, pg_toast: 99, information_schema: 13_000 } as const;
const PUBLIC_OID = 2200;

export function schemaOid(id: number = PUBLIC_SCHEMA): number {
  return id === PUBLIC_SCHEMA ? PUBLIC_OID : id;
}

/** The one role there is, and its oid. */
export const OWNER = 10;
/** The oid of the database. */
export const DATABASE = 5;
/** The collations that there are, by their oids. */
export const COLLATIONS: readonly (readonly [oid: number, name: string])[] = [
  [100, 'default'],
  [950, 'C'],
  [951, 'POSIX'],
  [12_340, 'ucs_basic'],
];

/** 0 of what has none. */
export function collationOid(name: string | undefined): number {
  return COLLATIONS.find(([, known]) => known === name)?.[0] ?? 0;
}
