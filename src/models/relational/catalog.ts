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
import { RowKeys, schemaVersionKey, tableIdKey, tableKey, tableNameKey } from './keys.ts';
import { Numeric } from './numeric.ts';
import type { Column, ColumnDefault, ColumnValue, Table, TableId } from './table.ts';

const CATALOG_FORMAT = 1;

/** Whatever reads the newest value of a key: a transaction, or the store itself. */
export interface CatalogReader {
  get(key: Key): Awaitable<Bytes | undefined>;
}

export function readTable(reader: CatalogReader, keyspace: Keyspace, name: string): Awaitable<Table | undefined> {
  return whenReady(reader.get(tableNameKey(keyspace, name)), (id) => {
    if (id === undefined) return undefined;
    return whenReady(reader.get(tableKey(keyspace, Number(text(id)) as TableId)), (definition) => {
      if (definition === undefined) throw new OperationError('corruption', `table "${name}" has no definition`);
      return decodeTable(definition);
    });
  });
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

/**
 * Requires `beginSchemaChange`. @returns the table with its id.
 * @throws OperationError `already_exists` when the name is taken.
 */
export async function createTable(
  transaction: Transaction,
  keyspace: Keyspace,
  definition: Omit<Table, 'id' | 'version'>,
): Promise<Table> {
  const nameKey = tableNameKey(keyspace, definition.name);
  if ((await transaction.get(nameKey)) !== undefined) {
    throw new OperationError('already_exists', `table "${definition.name}" already exists`);
  }
  const idKey = tableIdKey(keyspace);
  const lastId = await transaction.get(idKey);
  const id = ((lastId === undefined ? 0 : Number(text(lastId))) + 1) as TableId;
  const table: Table = { ...definition, id, version: 1 };
  transaction.put(idKey, utf8(String(id)));
  transaction.put(nameKey, utf8(String(id)));
  transaction.put(tableKey(keyspace, id), encodeTable(table));
  return table;
}

/** Requires `beginSchemaChange`, and the exclusive lock on the table's definition. Deletes the rows as one range. */
export function dropTable(transaction: Transaction, keyspace: Keyspace, table: Table): void {
  forgetTable(transaction, keyspace, table);
  truncateTable(transaction, keyspace, table);
}

/** As `dropTable`, and leaves the rows where they are: for a caller that still reads them, and truncates then. */
export function forgetTable(transaction: Transaction, keyspace: Keyspace, table: Table): void {
  transaction.delete(tableNameKey(keyspace, table.name));
  transaction.delete(tableKey(keyspace, table.id));
}

/** Requires the exclusive lock on the table's definition. Deletes the rows as one range. */
export function truncateTable(transaction: Transaction, keyspace: Keyspace, table: Table): void {
  transaction.deleteRange(new RowKeys(keyspace, table).range([]));
}

/** A column as JSON holds it; numbers beyond JSON's reach are text beside the type's name. */
interface StoredColumn extends Omit<Column, 'default'> {
  readonly default?: { readonly kind: 'constant'; readonly value: StoredValue } | { readonly kind: 'now' };
}

type StoredValue =
  | null
  | boolean
  | string
  | { readonly number: string }
  | { readonly bigint: string }
  | { readonly digits: string; readonly scale: number };

interface StoredTable extends Omit<Table, 'columns'> {
  readonly format: number;
  readonly columns: readonly StoredColumn[];
}

export function encodeTable(table: Table): Bytes {
  const columns = table.columns.map(({ default: value, ...column }): StoredColumn => {
    if (value === undefined) return column;
    return { ...column, default: value.kind === 'now' ? value : { kind: 'constant', value: storeValue(value.value) } };
  });
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
  if (format !== CATALOG_FORMAT) {
    throw new OperationError('store_format', `the definition of a table has format ${format}, not ${CATALOG_FORMAT}`);
  }
  return {
    ...table,
    columns: table.columns.map(({ default: value, ...column }): Column => {
      let restored: ColumnDefault | undefined;
      if (value !== undefined) {
        restored = value.kind === 'now' ? value : { kind: 'constant', value: restoreValue(value.value) };
      }
      return { ...column, default: restored };
    }),
  };
}

function storeValue(value: ColumnValue): StoredValue {
  if (typeof value === 'bigint') return { bigint: value.toString() };
  if (typeof value === 'number') return { number: Object.is(value, -0) ? '-0' : String(value) };
  if (value instanceof Numeric) return { digits: value.digits.toString(), scale: value.scale };
  return value;
}

function restoreValue(value: StoredValue): ColumnValue {
  if (value === null || typeof value !== 'object') return value;
  if ('bigint' in value) return BigInt(value.bigint);
  if ('number' in value) return Number(value.number);
  return new Numeric(BigInt(value.digits), value.scale);
}
