/**
 * Where the relational model keeps its data. Documented in docs/formats/relational.md.
 *
 *   {prefix}/relational/ (table id, …primary key)   -> the remaining columns, see row-codec.ts
 *   {prefix}/relational/ (table id, row id)         -> all columns, for a table without a primary key
 *   {prefix}/relational/ (0, table id)              -> statistics as JSON, see statistics.ts; no table has the id 0
 *   {prefix}/catalog/    ('table', table id)        -> definition as JSON, see catalog.ts
 *   {prefix}/catalog/    ('table-name', name)       -> id of the table in public as decimal text; of other relations
 *                                                      the kind and the id, see catalog.ts
 *   {prefix}/catalog/    ('table-name', name, id)   -> the same in the schema with that id
 *   {prefix}/catalog/    (kind, id)                 -> definitions of schemas, sequences and types as JSON
 *   {prefix}/catalog/    ('dependent', id, view)    -> nothing: the view reads the relation
 *   {prefix}/catalog/    ('schema-version')         -> count of committed schema changes as decimal text
 *   {prefix}/catalog/    ('table-id')               -> the last table id given out, as decimal text
 *
 * Row keys keep the order of the primary key: integers, text by code point, booleans, floats and points in time are
 * elements of the tuple codec; `character` without the spaces that fill it up, which do not count; enums by the place of their
 * label; arrays and other values that are made of values as in nested-keys.ts. The key of a `numeric` forgets its scale and
 * that of an `interval` or a nested value what it is made of, so such a value is in the row as well.
 */

import { assert } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { decimal, uuid, uuidText } from '../../base/value.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import { prefixRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { KeyReader, type KeyWriter } from '../../storage/tuple.ts';
import { enumOf } from './enums.ts';
import { writeArray, writeInet, writeJson, writeRange, writeRecord } from './nested-keys.ts';
import type { Numeric } from './numeric.ts';
import { withoutPadding, withPadding } from './padding.ts';
import {
  type Column,
  type ColumnType,
  type ColumnValue,
  PUBLIC_SCHEMA,
  storageOf,
  type Table,
  type TableId,
} from './table.ts';
import {
  type Inet,
  type Interval,
  type Jsonb,
  type SqlArray,
  type SqlRange,
  type SqlRecord,
  TimeTz,
} from './values.ts';

export function tableKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.catalog.key(['table', BigInt(id)]);
}

/** What was counted of the table's rows. */
export function statisticsKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.relational.key([0n, BigInt(id)]);
}

/** @param schema Id of the schema; `public` when undefined. */
export function tableNameKey(keyspace: Keyspace, name: string, schema: number = PUBLIC_SCHEMA): Key {
  return keyspace.catalog.key(schema === PUBLIC_SCHEMA ? ['table-name', name] : ['table-name', name, BigInt(schema)]);
}

/** That the view reads the relation. */
export function dependentKey(keyspace: Keyspace, relation: TableId, view: TableId): Key {
  return keyspace.catalog.key(['dependent', BigInt(relation), BigInt(view)]);
}

export function dependentsRange(keyspace: Keyspace, relation: TableId): KeyRange {
  return keyspace.catalog.range(['dependent', BigInt(relation)]);
}

export function schemaVersionKey(keyspace: Keyspace): Key {
  return keyspace.catalog.key(['schema-version']);
}

export function tableIdKey(keyspace: Keyspace): Key {
  return keyspace.catalog.key(['table-id']);
}

/** Types whose values can be part of a key: those that have an order. */
export function isKeyType(type: ColumnType): boolean {
  const form = keyFormOf(type);
  if (form === undefined || typeof form === 'string') return form !== undefined;
  return 'record' in form ? form.record.every(isKeyType) : isKeyType('array' in form ? form.array : form.range);
}

/** Whether a key gives the value back as it was; `numeric` loses its scale there and is stored in the row as well. */
export function keyHoldsValue(type: ColumnType): boolean {
  const form = keyFormOf(type);
  // What a domain fills up to is not known to its column.
  if (form === 'padded' && type !== 'bpchar') return false;
  return form !== 'decimal' && form !== 'interval' && !isNested(form);
}

type KeyForm =
  | 'boolean'
  | 'integer'
  | 'bigint'
  | 'unsigned'
  | 'float'
  | 'text'
  | 'padded'
  | 'timestamp'
  | 'date'
  | 'timetz'
  | 'uuid'
  | 'bytes'
  | 'decimal'
  | 'interval'
  | 'enum'
  | 'json'
  | 'inet'
  | { readonly array: ColumnType }
  | { readonly range: ColumnType }
  | { readonly record: readonly ColumnType[] };

const FORMS_IN_KEYS = new Map<ColumnType, KeyForm>([
  ['bool', 'boolean'],
  ['int2', 'integer'],
  ['int4', 'integer'],
  ['int8', 'bigint'],
  ['oid', 'integer'],
  ['regclass', 'integer'],
  ['regtype', 'integer'],
  ['regproc', 'integer'],
  ['regnamespace', 'integer'],
  ['regrole', 'integer'],
  ['float4', 'float'],
  ['float8', 'float'],
  ['text', 'text'],
  ['varchar', 'text'],
  ['name', 'text'],
  ['char', 'text'],
  ['bpchar', 'padded'],
  ['timestamp', 'timestamp'],
  ['timestamptz', 'timestamp'],
  ['date', 'date'],
  ['time', 'integer'],
  ['timetz', 'timetz'],
  ['uuid', 'uuid'],
  ['bytea', 'bytes'],
  ['numeric', 'decimal'],
  ['interval', 'interval'],
  ['regprocedure', 'integer'],
  ['regoper', 'integer'],
  ['regoperator', 'integer'],
  ['regcollation', 'integer'],
  ['jsonb', 'json'],
  ['inet', 'inet'],
  ['cidr', 'inet'],
  ['int2vector', { array: 'int2' }],
  ['oidvector', { array: 'oid' }],
  ['int4range', { range: 'int4' }],
  ['int8range', { range: 'int8' }],
  ['numrange', { range: 'numeric' }],
  ['tsrange', { range: 'timestamp' }],
  ['tstzrange', { range: 'timestamptz' }],
  ['daterange', { range: 'date' }],
  ['int4multirange', { array: 'int4range' }],
  ['int8multirange', { array: 'int8range' }],
  ['nummultirange', { array: 'numrange' }],
  ['tsmultirange', { array: 'tsrange' }],
  ['tstzmultirange', { array: 'tstzrange' }],
  ['datemultirange', { array: 'daterange' }],
  // The order of their digits is that of their bits.
  ['bit', 'text'],
  ['varbit', 'text'],
  ['macaddr', 'text'],
  ['macaddr8', 'text'],
  ['xid8', 'unsigned'],
  ['pg_lsn', 'unsigned'],
]);

const UNSIGNED_SHIFT = 2n ** 63n;

function keyFormOf(type: ColumnType): KeyForm | undefined {
  const known = FORMS_IN_KEYS.get(type);
  if (known !== undefined || !type.startsWith('_')) return known;
  const form: KeyForm = { array: type.slice(1) as ColumnType };
  FORMS_IN_KEYS.set(type, form);
  return form;
}

function isNested(form: KeyForm | undefined): boolean {
  return form === 'json' || form === 'inet' || typeof form === 'object';
}

/**
 * Says how values of a catalog's type stand in keys: as those of another type, as an enum, or by what they are made of. A type that
 * has no order has no place there.
 */
export function defineKeyForm(
  type: ColumnType,
  as: { readonly base: ColumnType } | Exclude<KeyForm, string> | 'enum',
): void {
  const form = as === 'enum' || !('base' in as) ? as : keyFormOf(as.base);
  if (form === undefined) FORMS_IN_KEYS.delete(type);
  else FORMS_IN_KEYS.set(type, form);
}

/** Days of the infinite dates in keys: beyond all others. */
const DATE_INFINITY = 2_147_483_647;

/** Builds and reads the row keys of one table. Not re-entrant: a key is finished before the next begins. */
export class RowKeys {
  readonly #table: Table;
  readonly #writer: KeyWriter;
  readonly #reader: KeyReader;
  /** Length of `{prefix}/relational/`. */
  readonly #spaceBytes: number;
  /** Length of the above and the table id. */
  readonly #tableBytes: number;
  #whole: KeyRange | undefined;

  constructor(keyspace: Keyspace, table: Table) {
    this.#table = table;
    this.#spaceBytes = keyspace.relational.prefix.length;
    this.#writer = keyspace.relational.writer();
    this.#writer.reset().int(storageOf(table));
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
    return this.writeKeyOf(row).finish();
  }

  /** As `keyOf`, to be taken from the writer before another key is written. */
  writeKeyOf(row: readonly ColumnValue[]): KeyWriter {
    const { columns, primaryKey } = this.#table;
    const writer = this.#start();
    if (primaryKey.length === 0) return writer.int(row[columns.length] as bigint);
    for (const position of primaryKey) writeValue(writer, columns[position]!.type, row[position]!);
    return writer;
  }

  /** The key of a row without a primary key. */
  hiddenKey(rowId: bigint): Key {
    return this.#start().int(rowId).finish();
  }

  /** All rows whose primary key begins with `values`; all rows of the table without them. */
  range(values: readonly ColumnValue[]): KeyRange {
    if (values.length > 0) return prefixRange(this.key(values));
    this.#whole ??= prefixRange(this.key(values));
    return this.#whole;
  }

  /** Fills the columns of the primary key, or the hidden id, into `row`. @throws OperationError `corruption`. */
  decodeInto(key: Bytes, row: ColumnValue[]): void {
    const { columns, primaryKey } = this.#table;
    const reader = this.#reader.reset(key, this.#tableBytes);
    if (primaryKey.length === 0) row[columns.length] = reader.int();
    for (const position of primaryKey) row[position] = readValue(reader, columns[position]!);
  }

  /** As `decodeInto` of a key that begins at `at`, each of the first `count` values into its place; below 0 it is left out. */
  readInto(bytes: Bytes, at: number, row: ColumnValue[], places: readonly number[], count: number): void {
    const { columns, primaryKey } = this.#table;
    const reader = this.#reader.reset(bytes, at + this.#tableBytes);
    if (primaryKey.length === 0) {
      row[places[0]!] = reader.int();
      return;
    }
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (place < 0) reader.value();
      else row[place] = readValue(reader, columns[primaryKey[i]!]!);
    }
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

/** Appends a value to a key, ascending. @throws OperationError `unsupported` for a type that has no place in keys. */
export function writeValue(writer: KeyWriter, type: ColumnType, value: ColumnValue): void {
  assert(value !== null, 'a primary key holds no null');
  const form = keyFormOf(type);
  switch (form) {
    case 'boolean':
      writer.boolean(value as boolean);
      return;
    case 'integer':
    case 'bigint':
      writer.int(value as number | bigint);
      return;
    case 'unsigned':
      // Shifted into int64, which keeps the order.
      writer.int((value as bigint) - UNSIGNED_SHIFT);
      return;
    case 'float':
      writer.float(value as number);
      return;
    case 'text':
      writer.text(value as string);
      return;
    case 'padded':
      writer.text(withoutPadding(value as string));
      return;
    case 'timestamp':
      writer.timestamp(value as bigint);
      return;
    case 'date': {
      const days = value as number;
      writer.int(Number.isFinite(days) ? days : days > 0 ? DATE_INFINITY : -DATE_INFINITY - 1);
      return;
    }
    case 'timetz': {
      // By the instant of the day, then with the offset farthest ahead first.
      const { micros, offset } = value as TimeTz;
      writer.value([BigInt(micros - offset * 1_000_000), BigInt(-offset)]);
      return;
    }
    case 'uuid':
      writer.uuid(uuid(value as string));
      return;
    case 'bytes':
      writer.bytes(value as Uint8Array);
      return;
    case 'decimal':
      writer.decimal(decimal((value as Numeric).toString()));
      return;
    case 'interval': {
      // As PostgreSQL compares them: a month has 30 days, a day 24 hours.
      const { months, days, micros } = value as Interval;
      writer.decimal(decimal(((BigInt(months) * 30n + BigInt(days)) * 86_400_000_000n + micros).toString()));
      return;
    }
    case 'enum':
      writer.float(enumOf(type).of(value as string).order);
      return;
    case 'json':
      writeJson(writer, value as Jsonb);
      return;
    case 'inet':
      writeInet(writer, value as Inet);
      return;
    case undefined:
      throw new OperationError('unsupported', `type ${type} in a key is not supported`);
    default:
      if ('array' in form) writeArray(writer, value as SqlArray, writeValue);
      else if ('range' in form) writeRange(writer, form.range, value as SqlRange, writeValue);
      else writeRecord(writer, value as SqlRecord, writeValue);
  }
}

/** A type for which `keyHoldsValue` is false reads as null: its value is in the row. @throws OperationError `corruption`. */
export function readValue(reader: KeyReader, { type, modifier }: Pick<Column, 'type' | 'modifier'>): ColumnValue {
  if (type === 'int4') return reader.safeInt();
  switch (keyFormOf(type)) {
    case 'integer':
      return reader.safeInt();
    case 'bigint':
      return reader.int();
    case 'unsigned':
      return reader.int() + UNSIGNED_SHIFT;
    case 'text':
      return reader.text();
    case 'padded': {
      const text = reader.text();
      return type === 'bpchar' ? withPadding(text, modifier) : null;
    }
    case 'enum':
      return enumOf(type).at(reader.value() as number);
    case 'boolean':
    case 'float':
      return reader.value() as boolean | number;
    case 'timestamp': {
      const value = reader.value();
      if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'timestamp') {
        return value.micros;
      }
      throw new OperationError('corruption', 'a key element is no point in time');
    }
    case 'date': {
      const days = reader.safeInt();
      if (days === DATE_INFINITY) return Number.POSITIVE_INFINITY;
      return days === -DATE_INFINITY - 1 ? Number.NEGATIVE_INFINITY : days;
    }
    case 'timetz': {
      const value = reader.value();
      if (!Array.isArray(value) || typeof value[0] !== 'bigint' || typeof value[1] !== 'bigint') {
        throw new OperationError('corruption', 'a key element is no time with time zone');
      }
      const offset = -Number(value[1]);
      return new TimeTz(Number(value[0]) + offset * 1_000_000, offset);
    }
    case 'uuid': {
      const value = reader.value();
      if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'uuid') {
        return uuidText(value);
      }
      throw new OperationError('corruption', 'a key element is no UUID');
    }
    case 'bytes':
      return reader.bytes();
    case undefined:
      throw new OperationError('corruption', `a key element cannot be of type ${type}`);
    default:
      reader.value();
      return null;
  }
}
