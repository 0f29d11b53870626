/** Oids of the system catalog's own, and of objects that are known by those of others. */

import type { Table } from '../../../models/relational/table.ts';

/** Oids of the catalogs that others name objects by. */
export const CLASS_OIDS = {
  pg_type: 1247,
  pg_proc: 1255,
  pg_class: 1259,
  pg_attrdef: 2604,
  pg_constraint: 2606,
  pg_namespace: 2615,
  pg_rewrite: 2618,
} as const;

/** The access method of all indexes. */
export const BTREE = 403;

/** Each view has one rule, whose oid is that of the view beyond all that the catalog gives out. */
const REWRITE_OIDS = 1_000_000_000;

export function ruleOid({ id }: Table): number {
  return REWRITE_OIDS + id;
}

/** @param column Its number, from 1. */
export function attrdefOid({ id }: Table, column: number): number {
  return id * 10_000 + column;
}
