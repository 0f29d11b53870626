/**
 * Where the relational model keeps its data. Documented in docs/formats/relational.md.
 *
 *   {prefix}/relational/ (table id, …primary key)   -> the remaining columns, see row-codec.ts
 *   {prefix}/relational/ (table id, row id)         -> all columns, for a table without a primary key
 *   {prefix}/catalog/    ('table', table id)        -> definition as JSON, see catalog.ts
 *   {prefix}/catalog/    ('table-name', name)       -> id of the table in public as decimal text; of other relations
 *                                                      the kind and the id, see catalog.ts
 *   {prefix}/catalog/    ('table-name', name, id)   -> the same in the schema with that id
 *   {prefix}/catalog/    (kind, id)                 -> definitions of schemas, sequences, views and types as JSON
 *   {prefix}/catalog/    ('schema-version')         -> count of committed schema changes as decimal text
 *   {prefix}/catalog/    ('table-id')               -> the last table id given out, as decimal text
 *
 * Row keys keep the order of the primary key: integers, text by code point, booleans, floats and points in time are
 * elements of the tuple codec; `character` without the spaces that fill it up, which do not count. `numeric` is no part of a key, because a key would forget its scale.
 */

import { assert } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import { prefixRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { KeyReader, type KeyWriter } from '../../storage/tuple.ts';
import type { Numeric } from './numeric.ts';
import { withoutPadding, withPadding } from './padding.ts';
import {
  type Column,
  type ColumnType,
  type ColumnValue,
  PUBLIC_SCHEMA,
  STORED_TYPES,
  type Table,
  type TableId,
} from './table.ts';

export function tableKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.catalog.key(['table', BigInt(id)]);
}

/** @param schema Id of the schema; `public` when undefined. */
export function tableNameKey(keyspace: Keyspace, name: string, schema: number = PUBLIC_SCHEMA): Key {
  return keyspace.catalog.key(schema === PUBLIC_SCHEMA ? ['table-name', name] : ['table-name', name, BigInt(schema)]);
}

export function schemaVersionKey(keyspace: Keyspace): Key {
  return keyspace.catalog.key(['schema-version']);
}

export function tableIdKey(keyspace: Keyspace): Key {
  return keyspace.catalog.key(['table-id']);
}

/** Types whose values can be part of a primary key. */
export function isKeyType(type: ColumnType): boolean {
  return type !== 'numeric' && STORED_TYPES.some((each) => each === type);
}

/** Builds and reads the row keys of one table. Not re-entrant: a key is finished before the next begins. */
export class RowKeys {
  readonly #table: Table;
  readonly #writer: KeyWriter;
  readonly #reader: KeyReader;
  /** Length of `{prefix}/relational/`. */
  readonly #spaceBytes: number;
  /** Length of the above and the table id. */
  readonly #tableBytes: number;

  constructor(keyspace: Keyspace, table: Table) {
    this.#table = table;
    this.#spaceBytes = keyspace.relational.prefix.length;
    this.#writer = keyspace.relational.writer();
    this.#writer.reset().int(table.id);
    this.#tableBytes = this.#writer.length;
    this.#reader = new KeyReader(keyspace.relational.prefix);
  }

  /** The key of the row with these values of the primary key, or of its first `values.length` columns. */
  key(values: readonly ColumnValue[]): Key {
    const { columns, primaryKey } = this.#table;
    assert(values.length <= primaryKey.length, 'a key has no more values than the primary key');
    const writer = this.#start();
    for (let i = 0; i < values.length; i++) writeValue(writer, columns[primaryKey[i]!]!.type, values[i]!);
    return writer.finish();
  }

  /** The key of a whole row; without a primary key the row ends with its hidden id. */
  keyOf(row: readonly ColumnValue[]): Key {
    const { columns, primaryKey } = this.#table;
    if (primaryKey.length === 0) return this.hiddenKey(row[columns.length] as bigint);
    const writer = this.#start();
    for (const position of primaryKey) writeValue(writer, columns[position]!.type, row[position]!);
    return writer.finish();
  }

  /** The key of a row without a primary key. */
  hiddenKey(rowId: bigint): Key {
    return this.#start().int(rowId).finish();
  }

  /** All rows whose primary key begins with `values`; all rows of the table without them. */
  range(values: readonly ColumnValue[]): KeyRange {
    return prefixRange(this.key(values));
  }

  /** Fills the columns of the primary key, or the hidden id, into `row`. @throws OperationError `corruption`. */
  decodeInto(key: Bytes, row: ColumnValue[]): void {
    const { columns, primaryKey } = this.#table;
    const reader = this.#reader.reset(key, this.#tableBytes);
    if (primaryKey.length === 0) row[columns.length] = reader.int();
    for (const position of primaryKey) row[position] = readValue(reader, columns[position]!);
  }

  /** What tells a row of this table: the part of its key behind the table's id. A view of `key`. */
  suffixOf(key: Key): Bytes {
    return key.subarray(this.#tableBytes);
  }

  /** The key with this suffix. */
  fromSuffix(suffix: Bytes): Key {
    return this.#start().literal(suffix).finish();
  }

  #start(): KeyWriter {
    assert(this.#tableBytes > this.#spaceBytes, 'a row key begins with its table');
    return this.#writer.truncate(this.#tableBytes);
  }
}

/** Appends a value to a key, ascending. */
export function writeValue(writer: KeyWriter, type: ColumnType, value: ColumnValue): void {
  assert(value !== null, 'a primary key holds no null');
  switch (type) {
    case 'bool':
      writer.boolean(value as boolean);
      return;
    case 'int2':
    case 'int4':
    case 'int8':
      writer.int(value as number | bigint);
      return;
    case 'float8':
      writer.float(value as number);
      return;
    case 'text':
    case 'varchar':
      writer.text(value as string);
      return;
    case 'bpchar':
      writer.text(withoutPadding(value as string));
      return;
    case 'timestamp':
    case 'timestamptz':
      writer.timestamp(value as bigint);
      return;
    case 'numeric':
      throw new OperationError('unsupported', `numeric ${(value as Numeric).toString()} in a key is not supported`);
    default:
      throw new OperationError('unsupported', `type ${type} in a key is not supported`);
  }
}

/** @throws OperationError `corruption`. */
export function readValue(reader: KeyReader, { type, modifier }: Pick<Column, 'type' | 'modifier'>): ColumnValue {
  switch (type) {
    case 'int2':
    case 'int4':
      return reader.safeInt();
    case 'int8':
      return reader.int();
    case 'text':
    case 'varchar':
      return reader.text();
    case 'bpchar':
      return withPadding(reader.text(), modifier);
    case 'bool':
    case 'float8':
      return reader.value() as boolean | number;
    case 'timestamp':
    case 'timestamptz': {
      const value = reader.value();
      if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'timestamp') {
        return value.micros;
      }
      throw new OperationError('corruption', 'a key element is no point in time');
    }
    case 'numeric':
      throw new OperationError('corruption', 'a key element cannot be numeric');
    default:
      throw new OperationError('corruption', `a key element cannot be of type ${type}`);
  }
}
