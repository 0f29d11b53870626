/**
 * The catalog: names and definitions of tables, kept as keys in the same transaction as everything else, so that
 * CREATE and DROP commit and roll back with the rows.
 *
 * A definition is JSON with a format number. Schema changes serialize on the key of the schema version, which each of
 * them locks first: two of them never run at once, and what one of them reads afterwards stays true until it commits.
 * Everyone who writes rows holds the table's definition in `share` (see the SQL planner), so a DROP waits for them.
 */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { LockOptions, Transaction } from '../../storage/store.ts';
import { decodedTable } from './decoded-tables.ts';
import { indexRange } from './index-keys.ts';
import {
  dependentKey,
  dependentsRange,
  RowKeys,
  schemaVersionKey,
  statisticsKey,
  tableIdKey,
  tableKey,
  tableNameKey,
} from './keys.ts';
import { Numeric } from './numeric.ts';
import {
  type Column,
  type ColumnDefault,
  type ColumnType,
  type ColumnValue,
  PUBLIC_SCHEMA,
  type SqlExpression,
  type Table,
  type TableId,
} from './table.ts';
import { uniformTable } from './uniform-definitions.ts';
import { formOf, ValueReader, ValueWriter } from './value-codec.ts';

/** Format 2 added indexes, constraints, expressions and dropped columns. */
const CATALOG_FORMAT = 2;
const CATALOG_FORMATS: readonly number[] = [1, CATALOG_FORMAT];

/** PostgreSQL keeps lower ids for itself; clients that read the catalog rely on it. */
const FIRST_ID = 16_384;

/** Whatever reads the newest value of a key: a transaction, or the store itself. */
export interface CatalogReader {
  get(key: Key): Awaitable<Bytes | undefined>;
}

/** What a name in a schema stands for. */
export interface RelationName {
  readonly kind: 'table' | 'index' | 'sequence' | 'view' | 'type';
  readonly id: TableId;
  /** Of an index: the table it belongs to. */
  readonly table?: TableId;
}

function encodeName({ kind, id, table }: RelationName): Bytes {
  if (kind === 'table') return utf8(String(id));
  return utf8(table === undefined ? `${kind} ${id}` : `${kind} ${id} ${table}`);
}

/** `7` is a table, `index 9 7` the index 9 of table 7, `view 11` a view. */
function decodeName(bytes: Bytes): RelationName {
  const parts = text(bytes).split(' ');
  if (parts.length === 1) return { kind: 'table', id: Number(parts[0]) as TableId };
  const [kind, id, table] = parts;
  return {
    kind: kind as RelationName['kind'],
    id: Number(id) as TableId,
    ...(table === undefined ? {} : { table: Number(table) as TableId }),
  };
}

export function readName(
  reader: CatalogReader,
  keyspace: Keyspace,
  name: string,
  schema: number = PUBLIC_SCHEMA,
): Awaitable<RelationName | undefined> {
  return whenReady(reader.get(tableNameKey(keyspace, name, schema)), (found) => found && decodeName(found));
}

export function readTable(
  reader: CatalogReader,
  keyspace: Keyspace,
  name: string,
  schema: number = PUBLIC_SCHEMA,
): Awaitable<Table | undefined> {
  return whenReady(readName(reader, keyspace, name, schema), (found) => {
    if (found?.kind !== 'table' && found?.kind !== 'view') return undefined;
    return readTableById(reader, keyspace, found.id);
  });
}

/** @throws OperationError `corruption` when there is no such table. */
export function readTableById(reader: CatalogReader, keyspace: Keyspace, id: TableId): Awaitable<Table> {
  return whenReady(findTableById(reader, keyspace, id), (table) => {
    if (table === undefined) throw new OperationError('corruption', `table ${id} has no definition`);
    return table;
  });
}

export function findTableById(reader: CatalogReader, keyspace: Keyspace, id: TableId): Awaitable<Table | undefined> {
  return whenReady(
    reader.get(tableKey(keyspace, id)),
    (definition) => definition && decodedTable(keyspace, id, definition, decodeTable),
  );
}

/** All tables and views as the transaction sees them, older ones first. */
export async function readTables(transaction: Transaction, keyspace: Keyspace): Promise<readonly Table[]> {
  const tables: Table[] = [];
  const cursor = transaction.scan(keyspace.catalog.range(['table']));
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key, value } of batch) tables.push(readStoredTable(keyspace, key, value));
    }
  } finally {
    cursor.close();
  }
  return tables;
}

/** The table that a key of the catalog's defines. */
export function readStoredTable(keyspace: Keyspace, key: Key, definition: Bytes): Table {
  return decodedTable(keyspace, Number(keyspace.catalog.decode(key)[1]) as TableId, definition, decodeTable);
}

/** Waits until no other transaction changes the schema, and counts this change. */
export async function beginSchemaChange(
  transaction: Transaction,
  keyspace: Keyspace,
  options: LockOptions = {},
): Promise<void> {
  const key = schemaVersionKey(keyspace);
  await transaction.lock([key], options);
  transaction.beginStatement();
  const before = await transaction.get(key);
  transaction.put(key, utf8(String((before === undefined ? 0 : Number(text(before))) + 1)));
}

/** Requires `beginSchemaChange`. @returns a function that gives out ids that nothing else has. */
export async function openIds(transaction: Transaction, keyspace: Keyspace): Promise<() => TableId> {
  const idKey = tableIdKey(keyspace);
  const lastId = await transaction.get(idKey);
  let next = lastId === undefined ? FIRST_ID : Number(text(lastId)) + 1;
  return () => {
    transaction.put(idKey, utf8(String(next)));
    return next++ as TableId;
  };
}

/**
 * Requires `beginSchemaChange`. Gives a name to what has been, or is about to be, defined.
 * @throws OperationError `already_exists` when the name is taken.
 */
export async function putName(
  transaction: Transaction,
  keyspace: Keyspace,
  name: string,
  schema: number | undefined,
  relation: RelationName,
): Promise<void> {
  const key = tableNameKey(keyspace, name, schema);
  if ((await transaction.get(key)) !== undefined) {
    throw new OperationError('already_exists', `relation "${name}" already exists`);
  }
  transaction.put(key, encodeName(relation));
}

/** A relation and the name that it has in its schema. */
export interface NamedRelation extends RelationName {
  readonly name: string;
}

/** Everything in a schema as the transaction sees it, indexes too, in no order. */
export async function relationsOf(
  transaction: Transaction,
  keyspace: Keyspace,
  schemaId: number,
): Promise<readonly NamedRelation[]> {
  const found: NamedRelation[] = [];
  const cursor = transaction.scan(keyspace.catalog.range(['table-name']));
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key, value } of batch) {
        const [, name, id] = keyspace.catalog.decode(key);
        if (Number(id ?? PUBLIC_SCHEMA) === schemaId) found.push({ ...decodeName(value), name: String(name) });
      }
    }
  } finally {
    cursor.close();
  }
  return found;
}

export function deleteName(
  transaction: Transaction,
  keyspace: Keyspace,
  name: string,
  schema: number | undefined,
): void {
  transaction.delete(tableNameKey(keyspace, name, schema));
}

/**
 * Requires `beginSchemaChange`. The names of its indexes are taken as well. @param id Given out for it.
 * @throws OperationError `already_exists` when a name is taken.
 */
export async function createTable(
  transaction: Transaction,
  keyspace: Keyspace,
  definition: Omit<Table, 'id' | 'version'>,
  id: TableId,
): Promise<Table> {
  const { name, schema } = definition;
  const table: Table = { ...definition, id, version: 1 };
  const isView = table.view !== undefined && table.view.populated === undefined;
  await putName(transaction, keyspace, name, schema, { kind: isView ? 'view' : 'table', id });
  putReads(transaction, keyspace, table);
  if (table.primaryKey.length > 0) {
    await putName(transaction, keyspace, table.primaryKeyName, schema, { kind: 'index', id, table: id });
  }
  for (const index of table.indexes ?? []) {
    await putName(transaction, keyspace, index.name, schema, { kind: 'index', id: index.id, table: id });
  }
  transaction.put(tableKey(keyspace, id), encodeTable(table));
  return table;
}

/** Requires `beginSchemaChange`. Notes what a view reads. */
export function putReads(transaction: Transaction, keyspace: Keyspace, { id, view }: Table): void {
  for (const relation of view?.reads ?? []) transaction.put(dependentKey(keyspace, relation, id), utf8(''));
}

/** Requires `beginSchemaChange`. */
export function forgetReads(transaction: Transaction, keyspace: Keyspace, { id, view }: Table): void {
  for (const relation of view?.reads ?? []) transaction.delete(dependentKey(keyspace, relation, id));
}

/** Requires `beginSchemaChange`. Views that read the relation, older ones first. */
export async function readDependents(
  transaction: Transaction,
  keyspace: Keyspace,
  relation: TableId,
): Promise<readonly TableId[]> {
  const ids: TableId[] = [];
  const cursor = transaction.scan(dependentsRange(keyspace, relation));
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key } of batch) ids.push(Number(keyspace.catalog.decode(key)[2]) as TableId);
    }
  } finally {
    cursor.close();
  }
  return ids;
}

/** Requires `beginSchemaChange`, and the exclusive lock on the table's definition. @returns it with its next version. */
export function redefineTable(transaction: Transaction, keyspace: Keyspace, table: Table): Table {
  const next = { ...table, version: table.version + 1 };
  transaction.put(tableKey(keyspace, table.id), encodeTable(next));
  return next;
}

/** Requires `beginSchemaChange`, and the exclusive lock on the table's definition. Deletes the rows as one range. */
export function dropTable(transaction: Transaction, keyspace: Keyspace, table: Table): void {
  forgetTable(transaction, keyspace, table);
  truncateTable(transaction, keyspace, table);
}

/** As `dropTable`, and leaves the rows where they are: for a caller that still reads them, and truncates then. */
function forgetTable(transaction: Transaction, keyspace: Keyspace, table: Table): void {
  deleteName(transaction, keyspace, table.name, table.schema);
  forgetReads(transaction, keyspace, table);
  if (table.primaryKey.length > 0) deleteName(transaction, keyspace, table.primaryKeyName, table.schema);
  for (const { name } of table.indexes ?? []) deleteName(transaction, keyspace, name, table.schema);
  transaction.delete(tableKey(keyspace, table.id));
  transaction.delete(statisticsKey(keyspace, table.id));
}

/** Requires the exclusive lock on the table's definition. Deletes the rows, and what indexes hold, as ranges. */
export function truncateTable(transaction: Transaction, keyspace: Keyspace, table: Table): void {
  transaction.deleteRange(new RowKeys(keyspace, table).range([]));
  if ((table.indexes ?? []).length > 0) transaction.deleteRange(indexRange(keyspace, table));
}

/** A column as JSON holds it; numbers beyond JSON's reach are text beside the type's name. */
interface StoredColumn extends Omit<Column, 'default' | 'missing'> {
  readonly default?:
    | { readonly kind: 'constant'; readonly value: StoredValue; readonly written?: SqlExpression }
    | Exclude<ColumnDefault, { readonly kind: 'constant' }>;
  readonly missing?: StoredValue;
}

export type StoredValue =
  | null
  | boolean
  | string
  | { readonly number: string }
  | { readonly bigint: string }
  | { readonly digits: string; readonly scale: number }
  | { readonly hex: string };

interface StoredTable extends Omit<Table, 'columns'> {
  readonly format: number;
  readonly columns: readonly StoredColumn[];
}

export function encodeTable(table: Table): Bytes {
  const columns = table.columns.map(
    ({ default: value, missing, ...column }): StoredColumn => ({
      ...column,
      ...(value === undefined
        ? {}
        : {
            default: value.kind === 'constant' ? { ...value, value: storeValue(value.value, column.type) } : value,
          }),
      ...(missing === undefined || missing === null ? {} : { missing: storeValue(missing, column.type) }),
    }),
  );
  const stored: StoredTable = { format: CATALOG_FORMAT, ...table, columns };
  return utf8(JSON.stringify(stored));
}

/** @throws OperationError `corruption`, `store_format`. */
export function decodeTable(bytes: Bytes): Table {
  let stored: StoredTable;
  try {
    stored = JSON.parse(text(bytes)) as StoredTable;
  } catch (error) {
    throw new OperationError('corruption', 'the definition of a table is no JSON', { cause: error });
  }
  const { format, ...table } = stored;
  if (!CATALOG_FORMATS.includes(format)) {
    throw new OperationError(
      'store_format',
      `the definition of a table has format ${format}, not ${CATALOG_FORMATS.join(' or ')}`,
    );
  }
  return uniformTable({
    ...table,
    columns: table.columns.map(({ default: value, missing, ...column }): Column => {
      let restored: ColumnDefault | undefined;
      if (value !== undefined) {
        restored = value.kind === 'constant' ? { ...value, value: restoreValue(value.value, column.type) } : value;
      }
      const filled = missing === undefined ? {} : { missing: restoreValue(missing, column.type) };
      return { ...column, ...filled, default: restored };
    }),
  });
}

/** A value as JSON holds it. */
export function storeValue(value: ColumnValue, type: ColumnType): StoredValue {
  if (typeof value === 'bigint') return { bigint: value.toString() };
  if (typeof value === 'number') return { number: Object.is(value, -0) ? '-0' : String(value) };
  if (value instanceof Numeric) return { digits: value.digits.toString(), scale: value.scale };
  if (value === null || typeof value !== 'object') return value;
  const writer = new ValueWriter();
  writer.value(formOf(type), -1, value);
  return { hex: Buffer.from(writer.view()).toString('hex') };
}

export function restoreValue(value: StoredValue, type: ColumnType): ColumnValue {
  if (value === null || typeof value !== 'object') return value;
  if ('bigint' in value) return BigInt(value.bigint);
  if ('number' in value) return Number(value.number);
  if ('hex' in value) return new ValueReader().reset(Buffer.from(value.hex, 'hex'), 0).value(formOf(type), -1);
  return new Numeric(BigInt(value.digits), value.scale);
}
