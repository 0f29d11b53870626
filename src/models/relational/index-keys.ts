/**
 * Entries of secondary indexes. Documented in docs/formats/relational.md.
 *
 *   {prefix}/index/ (table id, index id, …values, …primary key or row id)  -> included columns
 *   {prefix}/index/ (table id, index id, …values)                          -> primary key or row id, included columns
 *   {prefix}/index/ (table id, -index id, …values)                         -> empty: the claim of a value
 *   {prefix}/index/ (table id, 0, …values of the primary key)              -> never there: what foreign keys lock
 *
 * The second form is that of unique indexes: two rows with equal values meet at one key, so that locking it and looking
 * decides. A row with a null among the values has an entry of the first form, unless nulls count as equal. Deferrable
 * constraints have entries of the first form only, since rows share values for a while; there the claim is what is locked,
 * written with every entry and deleted with it, so that transactions that want one value conflict.
 *
 * The value is empty where it would hold nothing; else it is a varint, the length of the row's part that the key does
 * not hold, that part, and then the included columns as elements of the tuple codec. A descending value is the ascending
 * one with its bits flipped; a null sorts where the index says.
 *
 * An entry is written by the transaction that writes the row: at every version of the store entries and rows agree, so a
 * scan of an index asks nobody whether its rows are there.
 */

import { assert } from '../../base/assert.ts';
import { type Bytes, EMPTY_BYTES, prefixEnd } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import { prefixRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { KeyReader, KeyWriter } from '../../storage/tuple.ts';
import { keyHoldsValue, type RowKeys, readValue, writeValue } from './keys.ts';
import { type ColumnType, type ColumnValue, type Index, isStrictlyUnique, storageOf, type Table } from './table.ts';

/** Types whose values come out of a key as they went in. */
const REVERSIBLE = new Set<ColumnType>([
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'text',
  'varchar',
  'name',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
]);

export interface IndexBound {
  readonly value: ColumnValue;
  readonly inclusive: boolean;
}

/** Builds and reads the entries of one index. Not re-entrant, as `RowKeys`. */
export class IndexKeys {
  readonly #table: Table;
  readonly #index: Index;
  readonly #rowKeys: RowKeys;
  readonly #writer: KeyWriter;
  readonly #indexBytes: number;
  readonly #claims: KeyWriter;
  readonly #claimBytes: number;
  readonly #reader: KeyReader;
  #covered: ReadonlySet<number> | undefined;
  readonly #values = new KeyWriter();

  constructor(keyspace: Keyspace, table: Table, index: Index, rowKeys: RowKeys) {
    this.#table = table;
    this.#index = index;
    this.#rowKeys = rowKeys;
    this.#writer = keyspace.index.writer();
    this.#writer.reset().int(storageOf(table)).int(index.id);
    this.#indexBytes = this.#writer.length;
    this.#claims = keyspace.index.writer();
    this.#claims.reset().int(storageOf(table)).int(-index.id);
    this.#claimBytes = this.#claims.length;
    this.#reader = new KeyReader(keyspace.index.prefix);
  }

  /** Whether rows with these values in the index exclude each other. */
  excludes(values: readonly ColumnValue[]): boolean {
    return isStrictlyUnique(this.#index) && !(this.#index.nullsDistinct && values.includes(null));
  }

  /** Whether rows with these values must not share them in the end, though they may for a while. */
  claims(values: readonly ColumnValue[]): boolean {
    const { deferrable, nullsDistinct } = this.#index;
    return deferrable !== undefined && !(nullsDistinct && values.includes(null));
  }

  /** The key of the claim of these values. */
  claim(values: readonly ColumnValue[]): Key {
    const entry = this.#write(values).finish();
    const writer = this.#claims.truncate(this.#claimBytes);
    return writer.literal(entry.subarray(this.#indexBytes)).finish();
  }

  /** The entry's key. @param values One for each part. @param rowKey Of the row. */
  key(values: readonly ColumnValue[], rowKey: Key): Key {
    assert(values.length === this.#index.parts.length, 'an entry has a value for each part of the index');
    const writer = this.#write(values);
    if (!this.excludes(values)) writer.literal(this.#rowKeys.suffixOf(rowKey));
    return writer.finish();
  }

  /** What stands under `key(values, rowKey)`. */
  value(values: readonly ColumnValue[], rowKey: Key, row: readonly ColumnValue[]): Bytes {
    const { include } = this.#index;
    const alone = this.excludes(values);
    if (!alone && include.length === 0) return EMPTY_BYTES;
    const suffix = alone ? this.#rowKeys.suffixOf(rowKey) : EMPTY_BYTES;
    const writer = this.#values.reset().literal(varint(suffix.length)).literal(suffix);
    for (const position of include) {
      const value = row[position]!;
      if (value === null) writer.null();
      else writeValue(writer, this.#table.columns[position]!.type, value);
    }
    return writer.finish();
  }

  /** All entries, or those whose first values are these. */
  range(values: readonly ColumnValue[] = []): KeyRange {
    return prefixRange(this.#write(values).finish());
  }

  /**
   * Entries whose first values are `prefix`, and whose next is not null and lies between the bounds; in the order of the
   * index, whichever way it sorts that value.
   */
  between(prefix: readonly ColumnValue[], low: IndexBound | undefined, high: IndexBound | undefined): KeyRange {
    const { descending, nullsFirst } = this.#index.parts[prefix.length]!;
    const nulls = this.#write([...prefix, null]).finish();
    const all = prefixRange(this.#write(prefix).finish());
    let start: Key = nullsFirst ? prefixEnd(nulls)! : all.start;
    let end: Key | undefined = nullsFirst ? all.end : nulls;
    const [first, last] = descending ? [high, low] : [low, high];
    if (first !== undefined) {
      const key = this.#write([...prefix, first.value]).finish();
      start = first.inclusive ? key : prefixEnd(key)!;
    }
    if (last !== undefined) {
      const key = this.#write([...prefix, last.value]).finish();
      end = last.inclusive ? prefixEnd(key) : key;
    }
    return { start, end };
  }

  /** The key of the row that an entry is about. @throws OperationError `corruption`. */
  rowKey(key: Key, value: Bytes): Key {
    if (value.length > 0) {
      const [length, at] = readVarint(value);
      if (length > 0) return this.#rowKeys.fromSuffix(value.subarray(at, at + length));
    }
    const reader = this.#reader.reset(key, this.#indexBytes);
    for (let i = 0; i < this.#index.parts.length; i++) reader.value();
    return this.#rowKeys.fromSuffix(key.subarray(reader.offset));
  }

  /** Positions of the columns that an entry tells, those of the primary key among them. */
  get covered(): ReadonlySet<number> {
    this.#covered ??= this.#coveredColumns();
    return this.#covered;
  }

  #coveredColumns(): ReadonlySet<number> {
    const { columns, primaryKey } = this.#table;
    const covered = new Set(primaryKey.filter((position) => keyHoldsValue(columns[position]!.type)));
    if (primaryKey.length === 0) covered.add(columns.length);
    for (const { column } of this.#index.parts) {
      if (column !== undefined && REVERSIBLE.has(columns[column]!.type)) covered.add(column);
    }
    for (const position of this.#index.include) {
      if (REVERSIBLE.has(columns[position]!.type)) covered.add(position);
    }
    return covered;
  }

  /** A row with the columns that the entry tells, the others null. @throws OperationError `corruption`. */
  decode(key: Key, value: Bytes): ColumnValue[] {
    const { columns, primaryKey } = this.#table;
    const row: ColumnValue[] = new Array<ColumnValue>(columns.length + (primaryKey.length === 0 ? 1 : 0)).fill(null);
    const reader = this.#reader.reset(key, this.#indexBytes);
    for (const { column } of this.#index.parts) {
      const at = reader.offset;
      if (isNull(key[at])) reader.value();
      else if (column === undefined || !REVERSIBLE.has(columns[column]!.type)) reader.value();
      else row[column] = readValue(reader, columns[column]!);
    }
    let suffix: Bytes = key.subarray(reader.offset);
    let at = 0;
    if (value.length > 0) {
      const [length, begin] = readVarint(value);
      at = begin + length;
      if (length > 0) suffix = value.subarray(begin, at);
    }
    this.#rowKeys.decodeInto(this.#rowKeys.fromSuffix(suffix), row);
    if (this.#index.include.length === 0) return row;
    reader.reset(value, at);
    for (const position of this.#index.include) {
      const column = columns[position]!;
      if (isNull(value[reader.offset]) || !REVERSIBLE.has(column.type)) reader.value();
      else row[position] = readValue(reader, column);
    }
    return row;
  }

  #write(values: readonly ColumnValue[]): KeyWriter {
    const writer = this.#writer.truncate(this.#indexBytes);
    for (let i = 0; i < values.length; i++) {
      const { type, descending, nullsFirst } = this.#index.parts[i]!;
      const from = writer.length;
      const value = values[i]!;
      if (value === null) writer.null({ last: descending === nullsFirst });
      else writeValue(writer, type, value);
      if (descending) writer.complement(from);
    }
    return writer;
  }
}

/** Nulls that sort first or last, in ascending or descending elements. */
function isNull(tag: number | undefined): boolean {
  return tag === 0x01 || tag === 0x7e || tag === 0xfe || tag === 0x81;
}

/** All entries of all indexes of a table. */
export function indexRange(keyspace: Keyspace, table: Table): KeyRange {
  return keyspace.index.range([BigInt(storageOf(table))]);
}

/** All entries of one index. */
export function entriesOf(keyspace: Keyspace, table: Table, index: Index): KeyRange {
  return keyspace.index.range([BigInt(storageOf(table)), BigInt(index.id)]);
}

/** The claims of values in one index. */
export function claimsOf(keyspace: Keyspace, table: Table, index: Index): KeyRange {
  return keyspace.index.range([BigInt(storageOf(table)), -BigInt(index.id)]);
}

/** What a foreign key locks in share while it relies on a row, and whoever takes the row away in exclusive. */
export function referenceKey(keyspace: Keyspace, table: Table, rowKeys: RowKeys, rowKey: Key): Key {
  const writer = keyspace.index.writer();
  return writer.reset().int(storageOf(table)).int(0).literal(rowKeys.suffixOf(rowKey)).finish();
}

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function readVarint(bytes: Bytes): readonly [value: number, end: number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, i + 1];
  }
  throw new OperationError('corruption', 'an index entry holds a malformed length');
}
