/**
 * What a table is: its columns, their types and its primary key, under ids that never change.
 *
 * Rows refer to columns by position and to their table by id, so renaming touches no row. A dropped column will keep
 * its position; columns are only ever added behind the last.
 */

import type { Numeric } from './numeric.ts';

/** Built-in types that a column can be stored as. `varchar`, `bpchar` (`character`) and `numeric` take a modifier. */
export const STORED_TYPES = [
  'bool',
  'int2',
  'int4',
  'int8',
  'float8',
  'numeric',
  'text',
  'varchar',
  'bpchar',
  'timestamp',
  'timestamptz',
] as const;

/**
 * A type as an interned string: a name of PostgreSQL's `pg_type`, `_` before the name of what an array holds, or `user:…`
 * for a type of the catalog. Which of them rows can hold is for `row-codec.ts` to say.
 */
export type ColumnType = (typeof STORED_TYPES)[number] | BuiltinType | `_${string}` | `user:${string}`;

type BuiltinType =
  | 'bytea'
  | 'char'
  | 'name'
  | 'int2vector'
  | 'regproc'
  | 'oid'
  | 'xid'
  | 'oidvector'
  | 'json'
  | 'pg_node_tree'
  | 'cidr'
  | 'float4'
  | 'inet'
  | 'aclitem'
  | 'date'
  | 'time'
  | 'interval'
  | 'timetz'
  | 'regprocedure'
  | 'regoper'
  | 'regoperator'
  | 'regclass'
  | 'regtype'
  | 'uuid'
  | 'jsonb'
  | 'int4range'
  | 'numrange'
  | 'tsrange'
  | 'tstzrange'
  | 'daterange'
  | 'int8range'
  | 'jsonpath'
  | 'regnamespace'
  | 'regrole'
  | 'regcollation';

/**
 * A value in a row. bool: boolean. int2, int4, float8: number. int8: bigint. numeric: Numeric. text, varchar: string.
 * bpchar: string, filled up with spaces to the length of its modifier. timestamp, timestamptz: bigint, microseconds since
 * 1970 (of local time, of UTC), the ends of int64 standing for the infinities.
 */
export type ColumnValue = null | boolean | number | bigint | string | Numeric;

/** The values of a table's columns, in order; then, in a table without a primary key, the hidden row id as a bigint. */
export type Row = readonly ColumnValue[];

/** Value of a column that an INSERT leaves out: a constant, or a function of the statement. */
export type ColumnDefault = { readonly kind: 'constant'; readonly value: ColumnValue } | { readonly kind: 'now' };

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** PostgreSQL's modifier (length + 4, or (precision << 16 | scale) + 4); -1 for none. */
  readonly modifier: number;
  readonly notNull: boolean;
  readonly default: ColumnDefault | undefined;
}

/** Positive, never used twice. A branded number below 2^53. */
export type TableId = number & { readonly brand: 'TableId' };

export interface Table {
  readonly id: TableId;
  readonly name: string;
  /** Grows with every change of the columns; each row says under which one it was written. */
  readonly version: number;
  readonly columns: readonly Column[];
  /** Positions in `columns`, in key order; empty for a table whose rows have a hidden id. */
  readonly primaryKey: readonly number[];
  /** Name of the primary key constraint, like `accounts_pkey`. */
  readonly primaryKeyName: string;
}

/** Values in a row of the table, its hidden id included. */
export function rowWidth({ columns, primaryKey }: Table): number {
  return columns.length + (primaryKey.length === 0 ? 1 : 0);
}

/** Most columns of a table, as in PostgreSQL. */
export const COLUMNS_MAX = 1_600;
