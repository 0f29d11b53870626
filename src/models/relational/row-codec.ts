/**
 * A row in the bytes of one value. Documented in docs/formats/relational.md.
 *
 *   offset  size         field
 *   0       1            format of the row: 1
 *   1       1 to 5       version of the table when the row was written, as a varint
 *   …       1 to 2       n, the count of stored columns, as a varint
 *   …       ceil(n / 8)  bit i (from the lowest) is set when stored column i is null
 *   …       …            the values that are not null, in order
 *
 * Values are as value-codec.ts describes them.
 *
 * Stored columns are those outside the primary key, in the order of the table, and those in it whose value the key does not
 * hold whole (see `keyHoldsValue`). A row written
 * before a column was added stores fewer; the missing ones take what the catalog says. A dropped column keeps its place,
 * as null in rows written since. Varints hold seven bits a byte,
 * lowest first. On disk since format 1.
 */

import { assert } from '../../base/assert.ts';
import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { FieldReader } from './field-reader.ts';
import { keyHoldsValue, RowKeys } from './keys.ts';
import { beginPut, endPut, PUTS_BYTES_MAX } from './put-writing.ts';
import { RowRecoder } from './row-recoder.ts';
import { ROW_FORMAT, StoredReader } from './stored-reader.ts';
import { type ColumnValue, columnNumber, type Row, rowWidth, type Table } from './table.ts';
import { type Form, formOf, isFormKnown, ValueReader, ValueWriter } from './value-codec.ts';
import { VectorReader } from './vector-reader.ts';

/** Some columns of a table, in any order: what a query wants of its rows. */
export interface ColumnSelection {
  readonly positions: readonly number[];
  /** Stored columns up to the last that is wanted. */
  readonly storedCount: number;
  /** Whether columns of the primary key are among them. */
  readonly readsKey: boolean;
}

/** A column and the place in a row where its value is wanted. */
export interface PlacedColumn {
  readonly position: number;
  readonly place: number;
}

/** Reads some columns of stored rows; see `RowCodec.columnReader`. */
export interface ColumnReader {
  /**
   * Fills the places of its columns in `row` and leaves the others alone. What it fills in shares no memory with `key` or
   * `value`. @throws OperationError `corruption`.
   */
  read(key: Bytes, value: Bytes, row: ColumnValue[]): void;
  /** As `read`, of key and value that lie in one buffer: a value behind its key, up to `end`. */
  readAt(bytes: Buffer, keyAt: number, valueAt: number, end: number, row: ColumnValue[]): void;
}

/** Readers of so many choices of columns are kept: plans of ever new statements ask for the same few. */
const READERS_MAX = 64;

/** Encodes and decodes the rows of one version of one table. */
export class RowCodec {
  readonly table: Table;
  readonly keys: RowKeys;
  /** Positions of stored columns; behind the end of the row for those that were dropped. */
  readonly #stored: readonly number[];
  readonly #width: number;
  /** What a row holds of stored columns that came after it was written; undefined when that is null throughout. */
  readonly #missing: readonly ColumnValue[] | undefined;
  readonly #forms: readonly Form[];
  readonly #modifiers: readonly number[];
  readonly #writer = new ValueWriter();
  #puts: ValueWriter | undefined;
  readonly #reader = new ValueReader();
  /** By the positions of columns and their places. */
  readonly #columnReaders = new Map<string, ColumnReader>();
  /** By the positions of columns. */
  readonly #fieldReaders = new Map<string, FieldReader>();
  /** By the positions of columns. */
  readonly #vectorReaders = new Map<string, VectorReader>();

  constructor(keyspace: Keyspace, table: Table) {
    this.table = table;
    this.keys = new RowKeys(keyspace, table);
    const inKey = new Set(table.primaryKey.filter((position) => keyHoldsValue(table.columns[position]!.type)));
    this.#width = rowWidth(table);
    const layout = [
      ...table.columns.map(({ type }, position) => ({ position, type, number: columnNumber(table, position) })),
      ...(table.dropped ?? []).map(({ number, type }, i) => ({ position: this.#width + i, type, number })),
    ].filter(({ position }) => !inKey.has(position));
    layout.sort((a, b) => a.number - b.number);
    this.#stored = layout.map(({ position }) => position);
    // Types of dropped columns were once kept by their names alone: where such a type is gone, the rows that hold it cannot be read.
    this.#forms = layout.map(({ type, position }) =>
      position < this.#width || isFormKnown(type) ? formOf(type) : 'gone',
    );
    this.#modifiers = this.#stored.map((position) => table.columns[position]?.modifier ?? -1);
    const missing = this.#stored.map((position) => table.columns[position]?.missing ?? null);
    this.#missing = missing.some((value) => value !== null) ? missing : undefined;
  }

  /** A view, valid until the next call: `Transaction.put` takes its own copy. */
  encode(row: Row): Bytes {
    const writer = this.#writer;
    writer.length = 0;
    this.#write(writer, row);
    return writer.view();
  }

  /**
   * What puts the rows under their keys, in the form of operations.ts: a view, valid until the next call. Undefined where a
   * key or value is longer than a store takes, or all of it is long.
   */
  encodePuts(rows: readonly Row[]): Bytes | undefined {
    const writer = this.#puts ?? new ValueWriter();
    this.#puts = writer;
    writer.length = 0;
    for (const row of rows) {
      if (!this.#writePut(writer, row)) return undefined;
      if (writer.length > PUTS_BYTES_MAX) {
        this.#puts = undefined;
        return undefined;
      }
    }
    return writer.view();
  }

  /** @returns false for a key that is too long. */
  #writePut(writer: ValueWriter, row: Row): boolean {
    const key = this.keys.writeKeyOf(row);
    const keyLength = key.length;
    const start = writer.length;
    if (!beginPut(writer, key)) return false;
    this.#write(writer, row);
    endPut(writer, start, keyLength);
    return true;
  }

  /**
   * What moves rows of `source` to this layout, which has a primary key and the same columns, as they are stored. Undefined
   * where that takes more: a value that only the old key holds, or that old rows are missing, or that must not be null now.
   */
  recoder(source: RowCodec): RowRecoder | undefined {
    const { columns, primaryKey } = this.table;
    const old = source.table.columns;
    const sameColumns = columns.every(({ type, modifier = -1, notNull }, position) => {
      const before = old[position];
      const mayBeNull = !notNull || before?.notNull === true || primaryKey.includes(position);
      return before?.type === type && (before.modifier ?? -1) === modifier && mayBeNull;
    });
    const sources = this.#stored.map((position) => source.#stored.indexOf(position));
    const isCopy = columns.length === old.length && sameColumns && !sources.includes(-1);
    if (primaryKey.length === 0 || !isCopy || source.#missing !== undefined) return undefined;
    const located = new StoredReader({
      targets: source.#stored.map((_, i) => i),
      forms: source.#forms,
      modifiers: source.#modifiers,
      missing: undefined,
      count: source.#stored.length,
    });
    return new RowRecoder({
      keyReader: source.columnReader(primaryKey.map((position) => ({ position, place: position }))),
      keyColumns: primaryKey,
      keys: this.keys,
      located,
      locatedCount: source.#stored.length,
      sources,
      version: this.table.version,
      width: columns.length,
    });
  }

  #write(writer: ValueWriter, row: Row): void {
    assert(row.length >= this.table.columns.length, 'a row has a value for each column');
    const stored = this.#stored;
    const bitmapBytes = (stored.length + 7) >> 3;
    writer.reserve(16 + bitmapBytes);
    writer.byte(ROW_FORMAT);
    writer.varint(this.table.version);
    writer.varint(stored.length);
    const bitmapAt = writer.length;
    writer.buffer.fill(0, bitmapAt, bitmapAt + bitmapBytes);
    writer.length += bitmapBytes;
    for (let i = 0; i < stored.length; i++) {
      const position = stored[i]!;
      const value = position < this.#width ? row[position]! : null;
      if (value === null) writer.buffer[bitmapAt + (i >> 3)]! |= 1 << (i & 7);
      else writer.value(this.#forms[i]!, this.#modifiers[i]!, value);
    }
  }

  /** The row under `key`, behind its columns the hidden id of a table without a primary key. Shares no memory with `key` or `value`. @throws OperationError `corruption`. */
  decode(key: Bytes, value: Bytes): ColumnValue[] {
    const row: ColumnValue[] = new Array<ColumnValue>(this.table.columns.length).fill(null);
    this.keys.decodeInto(key, row);
    this.#decodeStored(value, row, this.#stored.length);
    return row;
  }

  /** What `decodeColumns` has to look at for these columns. */
  select(positions: readonly number[]): ColumnSelection {
    const storedCount = this.#stored.findLastIndex((position) => positions.includes(position)) + 1;
    const readsKey = this.table.primaryKey.some((position) => positions.includes(position));
    return { positions, storedCount, readsKey };
  }

  /** The values of the selected columns; what lies behind the last of them is not looked at. @throws OperationError `corruption`. */
  decodeColumns(key: Bytes, value: Bytes, { positions, storedCount, readsKey }: ColumnSelection): ColumnValue[] {
    const row: ColumnValue[] = new Array<ColumnValue>(this.table.columns.length).fill(null);
    if (readsKey) this.keys.decodeInto(key, row);
    if (storedCount > 0) this.#decodeStored(value, row, storedCount);
    const selected: ColumnValue[] = new Array<ColumnValue>(positions.length);
    for (let i = 0; i < positions.length; i++) selected[i] = row[positions[i]!]!;
    return selected;
  }

  /** What reads these columns, each into its place, and skips the others; the hidden id is behind the columns. */
  columnReader(columns: readonly PlacedColumn[]): ColumnReader {
    let key = '';
    for (const { position, place } of columns) key += `${position}:${place} `;
    return keptIn(this.#columnReaders, key, () => this.#newColumnReader(columns));
  }

  #newColumnReader(columns: readonly PlacedColumn[]): ColumnReader {
    const { primaryKey } = this.table;
    const placeOf = (position: number): number => columns.find((each) => each.position === position)?.place ?? -1;
    const keyTargets =
      primaryKey.length === 0
        ? [placeOf(this.table.columns.length)]
        : // What the key does not hold whole is read from the row.
          primaryKey.map((position) => (this.#stored.includes(position) ? -1 : placeOf(position)));
    const keyWanted = keyTargets.findLastIndex((place) => place >= 0) + 1;
    const stored = this.#storedReader(placeOf);
    return {
      read: (key, value, row) => {
        if (keyWanted > 0) this.keys.readInto(key, 0, row, keyTargets, keyWanted);
        stored?.read(asBuffer(value), 0, value.length, row);
      },
      readAt: (bytes, keyAt, valueAt, end, row) => {
        if (keyWanted > 0) this.keys.readInto(bytes, keyAt, row, keyTargets, keyWanted);
        stored?.read(bytes, valueAt, end, row);
      },
    };
  }

  /** Undefined when none of the stored columns has a place. */
  #storedReader(placeOf: (position: number) => number): StoredReader | undefined {
    const targets = this.#stored.map((position) => (position < this.#width ? placeOf(position) : -1));
    const wanted = targets.findLastIndex((place) => place >= 0) + 1;
    if (wanted === 0) return undefined;
    return new StoredReader({
      targets: targets.slice(0, wanted),
      forms: this.#forms,
      modifiers: this.#modifiers,
      missing: this.#missing,
      count: this.#stored.length,
    });
  }

  /** What writes these columns out, as they are stored; undefined for a choice other than of columns, each once. */
  fieldReader(positions: readonly number[]): FieldReader | undefined {
    const isOfColumns = positions.every((position, i) => {
      return position < this.table.columns.length && positions.indexOf(position) === i;
    });
    if (!isOfColumns) return undefined;
    return keptIn(this.#fieldReaders, positions.join(), () => this.#newFieldReader(positions));
  }

  #newFieldReader(positions: readonly number[]): FieldReader {
    const { primaryKey, columns } = this.table;
    const keyFields = primaryKey.map((position) =>
      this.#stored.includes(position) ? -1 : positions.indexOf(position),
    );
    const fields = positions.map((position, field) => {
      const { type, modifier = -1 } = columns[position]!;
      return {
        isInKey: keyFields.includes(field),
        isInteger: type === 'int4' || type === 'int2',
        isText: type === 'text' || type === 'varchar',
        form: formOf(type),
        modifier,
        missing: this.#missing?.[this.#stored.indexOf(position)] ?? null,
      };
    });
    const keyCount = keyFields.findLastIndex((field) => field >= 0) + 1;
    const stored = this.#storedReader((position) => positions.indexOf(position));
    return new FieldReader(fields, this.keys, { fields: keyFields, count: keyCount }, stored);
  }

  /** What reads these columns of many rows at once, as vectors. */
  vectorReader(positions: readonly number[]): VectorReader {
    return keptIn(this.#vectorReaders, positions.join(), () => this.#newVectorReader(positions));
  }

  #newVectorReader(positions: readonly number[]): VectorReader {
    const columns = positions.map((position) => ({
      position,
      // The hidden id of a table without a primary key.
      type: this.table.columns[position]?.type ?? ('int8' as const),
      modifier: this.table.columns[position]?.modifier ?? -1,
      stored: position < this.#width ? this.#stored.indexOf(position) : -1,
    }));
    const stored = { forms: this.#forms, count: this.#stored.length };
    return new VectorReader(this, columns, stored, (position) => this.columnReader([{ position, place: 0 }]));
  }

  #decodeStored(bytes: Bytes, row: ColumnValue[], wanted: number): void {
    try {
      this.#decodeFirst(bytes, row, wanted);
    } catch (error) {
      if (error instanceof RangeError) throw new OperationError('corruption', 'a row ends early', { cause: error });
      throw error;
    }
  }

  /** The first `wanted` stored columns. */
  #decodeFirst(bytes: Bytes, row: ColumnValue[], wanted: number): void {
    if (bytes[0] !== ROW_FORMAT) throw new OperationError('corruption', `unknown row format ${bytes[0]}`);
    const reader = this.#reader.reset(bytes, 1);
    reader.varint();
    const count = reader.varint();
    if (count > this.#stored.length) {
      throw new OperationError('corruption', `a row stores ${count} columns of a table with ${this.#stored.length}`);
    }
    const bitmapAt = reader.at;
    reader.at += (count + 7) >> 3;
    const last = Math.min(count, wanted);
    for (let i = 0; i < last; i++) {
      if ((bytes[bitmapAt + (i >> 3)]! & (1 << (i & 7))) !== 0) continue;
      row[this.#stored[i]!] = reader.value(this.#forms[i]!, this.#modifiers[i]!);
    }
    if (this.#missing !== undefined) {
      for (let i = count; i < this.#stored.length; i++) row[this.#stored[i]!] = this.#missing[i]!;
    }
    if (row.length > this.#width) row.length = this.#width;
    if (last === count && !reader.atEnd) throw new OperationError('corruption', 'a row is longer than its columns');
  }
}

function keptIn<T>(readers: Map<string, T>, key: string, make: () => T): T {
  const known = readers.get(key);
  if (known !== undefined) return known;
  const reader = make();
  if (readers.size === READERS_MAX) readers.clear();
  readers.set(key, reader);
  return reader;
}
