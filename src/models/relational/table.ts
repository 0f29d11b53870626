/**
 * What a table is: its columns, their types and its primary key, under ids that never change.
 *
 * Rows refer to columns by position and to their table by id, so renaming touches no row. A dropped column will keep
 * its position; columns are only ever added behind the last.
 */

import type { Numeric } from './numeric.ts';
import type { Inet, Interval, Jsonb, SqlArray, SqlRange, SqlRecord, TimeTz } from './values.ts';

/** Built-in types that a column can be stored as. `varchar`, `bpchar` (`character`) and `numeric` take a modifier. */
const STORED_TYPES = [
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
  | 'regcollation'
  | 'bit'
  | 'varbit'
  | 'macaddr'
  | 'macaddr8'
  | 'int4multirange'
  | 'nummultirange'
  | 'tsmultirange'
  | 'tstzmultirange'
  | 'datemultirange'
  | 'int8multirange'
  | 'xid8'
  | 'pg_lsn'
  | 'pg_snapshot'
  | 'txid_snapshot';

/**
 * A value in a row. bool: boolean. int2, int4, float4, float8, oid and its kin: number. int8: bigint. numeric: Numeric. text,
 * varchar, name, json, "char": string. bpchar: string, filled up with spaces to the length of its modifier. timestamp,
 * timestamptz: bigint, microseconds since 1970 (of local time, of UTC), the ends of int64 standing for the infinities. date:
 * number, days since 1970, with JavaScript's infinities. time: number, microseconds since midnight. uuid: string, lower case
 * with hyphens. bytea: bytes, not to be changed. bit, varbit: string of 0 and 1. macaddr, macaddr8: string, lower case with
 * colons. xid8, pg_lsn: bigint, from 0 to 2^64 - 1. Multiranges: an array of their ranges, in order. Others are classes of values.ts.
 */
export type ColumnValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Numeric
  | Uint8Array
  | Interval
  | TimeTz
  | Jsonb
  | SqlArray
  | SqlRange
  | SqlRecord
  | Inet;

/** The values of a table's columns, in order; then, in a table without a primary key, the hidden row id as a bigint. */
export type Row = readonly ColumnValue[];

/**
 * An expression of SQL as it was parsed: libpg_query's tree, as JSON, with the time zone of the session that wrote it,
 * which literals of time in it mean. Names in it are those of the columns now: renaming a column rewrites the trees.
 */
export interface SqlExpression {
  readonly tree: Readonly<Record<string, unknown>>;
  readonly zone: string;
}

/** Value of a column that an INSERT leaves out: a constant, or what an expression gives each time. */
export type ColumnDefault =
  /** With the literal that it was written as, if that is known: `0` of a numeric(10,2) is 0.00. */
  | { readonly kind: 'constant'; readonly value: ColumnValue; readonly written?: SqlExpression }
  | { readonly kind: 'now' }
  | { readonly kind: 'sequence'; readonly id: TableId }
  | { readonly kind: 'expression'; readonly expression: SqlExpression };

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** PostgreSQL's modifier (length + 4, or (precision << 16 | scale) + 4); -1 for none. */
  readonly modifier: number;
  /** COLLATE, unless it is the type's own: a name of `pg_catalog`. Kept for the catalog only. */
  readonly collation?: string;
  readonly notNull: boolean;
  readonly default: ColumnDefault | undefined;
  /** From 1 in the order of creation, never used twice in a table; undefined where no column was ever dropped: place + 1. */
  readonly number?: number;
  /** What rows hold that were written before the column was there; null when undefined. */
  readonly missing?: ColumnValue;
  /** GENERATED ALWAYS AS (…) STORED. */
  readonly generated?: SqlExpression;
  /** GENERATED … AS IDENTITY, from the sequence in `sequence`. */
  readonly identity?: 'always' | 'default';
  /** The sequence that lives and dies with the column (serial and identity columns). */
  readonly sequence?: TableId;
  /** SET STATISTICS, 0 to 10,000; undefined for the default. Kept for the catalog only. */
  readonly statisticsTarget?: number;
  /** SET STORAGE as pg_attribute has it; undefined for the type's own. Kept for the catalog only. */
  readonly storage?: 'p' | 'e' | 'x' | 'm';
  readonly comment?: string;
}

/** A column that was dropped and that older rows still hold. */
export interface DroppedColumn {
  readonly number: number;
  readonly type: ColumnType;
  readonly modifier: number;
}

/**
 * Positive, never used twice: ids of tables, indexes, sequences and views are from one counter. A branded number below
 * 2^53.
 */
export type TableId = number & { readonly brand: 'TableId' };

/** Id of the schema `public`, which is always there. */
export const PUBLIC_SCHEMA = 0;

export interface IndexPart {
  /** Position in the table's columns; undefined for an expression. */
  readonly column: number | undefined;
  readonly expression?: SqlExpression;
  readonly type: ColumnType;
  readonly modifier: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  /** The operator class that the definition names, unless it is the default of the type. Kept for the catalog only. */
  readonly operatorClass?: string;
  /** COLLATE, unless it is that of the column or expression. Kept for the catalog only. */
  readonly collation?: string;
}

export interface Index {
  readonly id: TableId;
  readonly name: string;
  /**
   * USING hash: entries lie as those of any other index, in order; this is what the catalog says of it. USING gin: an inverted index,
   * with entries of its own (inverted-keys.ts).
   */
  readonly method?: 'hash' | 'gin';
  readonly unique: boolean;
  /** Of a unique index: whether rows with a null in the key never conflict, as is usual. */
  readonly nullsDistinct: boolean;
  /** Whether it is the work of a UNIQUE constraint of the same name. */
  readonly isConstraint: boolean;
  readonly parts: readonly IndexPart[];
  /** INCLUDE: positions of columns that are kept beside the key. */
  readonly include: readonly number[];
  /** WHERE: rows of which it is not true have no entry. */
  readonly predicate?: SqlExpression;
  /** Of a constraint: when it is checked unless SET CONSTRAINTS says otherwise; undefined: with each row. */
  readonly deferrable?: 'immediate' | 'deferred';
  /** It is the primary key of a table whose rows have a hidden id. */
  readonly isPrimary?: boolean;
  /** It does not hold all rows: it is being built, or building it failed. Writers maintain it, nobody reads it. */
  readonly invalid?: boolean;
  readonly storageParameters?: StorageParameters;
  /** CLUSTER was last told to use it. Kept for the catalog only. */
  readonly clustered?: boolean;
  readonly comment?: string;
  /** Of the constraint that it is the work of. */
  readonly constraintComment?: string;
}

export interface Check {
  readonly id: TableId;
  readonly name: string;
  readonly expression: SqlExpression;
  readonly noInherit?: boolean;
  /** NOT VALID: rows that were there before it were never looked at. */
  readonly notValid?: boolean;
  readonly comment?: string;
}

export type ReferentialAction = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';

export interface ForeignKey {
  readonly id: TableId;
  readonly name: string;
  /** Positions in the columns of this table. */
  readonly columns: readonly number[];
  readonly references: TableId;
  /** Positions in the columns of the referenced table, in the order of `columns`. */
  readonly referenced: readonly number[];
  readonly matchFull: boolean;
  readonly onUpdate: ReferentialAction;
  readonly onDelete: ReferentialAction;
  /** Positions that SET NULL and SET DEFAULT of a deletion change; undefined: all of `columns`. */
  readonly setColumns?: readonly number[];
  /** NOT VALID: as of `Check`. */
  readonly notValid?: boolean;
  /** Undefined: checked at the end of each statement. Else when it is checked unless SET CONSTRAINTS says otherwise. */
  readonly deferrable?: 'immediate' | 'deferred';
  readonly comment?: string;
}

/** What makes a relation a view: its rows are those of a query. */
export interface ViewDefinition {
  /**
   * A SELECT as it was parsed. Each relation in it says in `relation` which one is meant, and the names that its columns had:
   * renaming, moving or extending a table changes nothing in its views.
   */
  readonly query: SqlExpression;
  /** The query as it was written. */
  readonly text: string;
  /** Ids of the relations that the query reads, those of the system catalog among them. */
  readonly reads: readonly TableId[];
  /** WITH CHECK OPTION: `cascaded` holds for views below as well. */
  readonly check?: 'local' | 'cascaded';
  /** A materialized view holds its rows as a table does; whether it was filled. Undefined: its query runs each time. */
  readonly populated?: boolean;
}

/** Names and values, as they were given. */
export type StorageParameters = readonly (readonly [name: string, value: string])[];

export interface Table {
  readonly id: TableId;
  readonly name: string;
  /** The id that its keys begin with, once its rows were written anew under other keys; undefined: `id`. */
  readonly storage?: TableId;
  /** Id of its schema; undefined in `public`. */
  readonly schema?: number;
  /** Grows with every change of the columns; each row says under which one it was written. */
  readonly version: number;
  readonly columns: readonly Column[];
  readonly dropped?: readonly DroppedColumn[];
  /** Positions in `columns`, in key order; empty for a table whose rows have a hidden id. */
  readonly primaryKey: readonly number[];
  /** Name of the primary key constraint, like `accounts_pkey`. */
  readonly primaryKeyName: string;
  /** In the order of their ids, which is the order in which they are checked. */
  readonly indexes?: readonly Index[];
  /** In the order of their names, as PostgreSQL checks them. */
  readonly checks?: readonly Check[];
  readonly foreignKeys?: readonly ForeignKey[];
  /** Tables with foreign keys to this one; itself among them when it refers to itself. */
  readonly referencedBy?: readonly TableId[];
  /** Sequences given to columns with OWNED BY; one counts while its own definition still says so. */
  readonly ownedSequences?: readonly TableId[];
  /** Of a view: such a table has columns, and no rows unless it is materialized. */
  readonly view?: ViewDefinition;
  /** CREATE UNLOGGED TABLE. Kept for the catalog and for what foreign keys may refer to: its rows are as durable as all others. */
  readonly unlogged?: boolean;
  readonly storageParameters?: StorageParameters;
  /** Of the index that stands for the primary key, where rows are found by it. */
  readonly primaryKeyParameters?: StorageParameters;
  readonly primaryKeyClustered?: boolean;
  readonly comment?: string;
  /** Of the constraint, and of its index, where rows are found by it. */
  readonly primaryKeyComment?: string;
  readonly primaryIndexComment?: string;
}

/** The id that keys of its rows and of its index entries begin with. */
export function storageOf({ id, storage }: Pick<Table, 'id' | 'storage'>): TableId {
  return storage ?? id;
}

/** Whether an index keeps two rows from having one value at any time; a deferrable one only does at the end. */
export function isStrictlyUnique({ unique, deferrable }: Pick<Index, 'unique' | 'deferrable'>): boolean {
  return unique && deferrable === undefined;
}

/** The index that is the primary key, where rows are not found by it. */
export function primaryIndex({ indexes }: Pick<Table, 'indexes'>): Index | undefined {
  return indexes?.find(({ isPrimary }) => isPrimary === true);
}

/** Values in a row of the table, its hidden id included. */
export function rowWidth({ columns, primaryKey }: Table): number {
  return columns.length + (primaryKey.length === 0 ? 1 : 0);
}

/** Most columns of a table, as in PostgreSQL. */
export const COLUMNS_MAX = 1_600;

/** PostgreSQL's number of a column, from 1. */
export function columnNumber({ columns }: Pick<Table, 'columns'>, position: number): number {
  return columns[position]!.number ?? position + 1;
}

/** Positions of the columns that a part of the definition is about. */
export function indexColumns({ parts }: Pick<Index, 'parts'>): readonly number[] {
  return parts.flatMap(({ column }) => (column === undefined ? [] : [column]));
}

/** What a table, or a view, is called. */
export function relationWord({ view }: Table): 'table' | 'view' | 'materialized view' {
  if (view === undefined) return 'table';
  return view.populated === undefined ? 'view' : 'materialized view';
}
