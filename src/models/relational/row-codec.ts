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
 *   bool          1       0 or 1
 *   int2, int4    2, 4    little-endian, two's complement
 *   int8          8       little-endian, two's complement
 *   float8        8       little-endian IEEE 754
 *   timestamp(tz) 8       microseconds since 1970, as int8
 *   text, varchar         varint length in bytes, UTF-8
 *   bpchar                as text; with a modifier without the spaces that fill it up
 *   numeric               varint scale, varint length in bytes, decimal digits with a leading minus when negative
 *
 * Stored columns are those outside the primary key, in the order of the table: the key holds the others. A row written
 * before a column was added stores fewer; the missing ones take what the catalog says. A dropped column keeps its place,
 * as null in rows written since. Varints hold seven bits a byte,
 * lowest first. On disk since format 1.
 */

import { assert } from '../../base/assert.ts';
import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { RowKeys } from './keys.ts';
import { Numeric } from './numeric.ts';
import { withoutPadding, withPadding } from './padding.ts';
import {
  type Column,
  type ColumnType,
  type ColumnValue,
  columnNumber,
  type Row,
  rowWidth,
  type Table,
} from './table.ts';

const ROW_FORMAT = 1;

/** Encodes and decodes the rows of one version of one table. */
export class RowCodec {
  readonly table: Table;
  readonly keys: RowKeys;
  /** Positions of stored columns; behind the end of the row for those that were dropped. */
  readonly #stored: readonly number[];
  readonly #width: number;
  /** What a row holds of stored columns that came after it was written; undefined when that is null throughout. */
  readonly #missing: readonly ColumnValue[] | undefined;
  readonly #types: readonly ColumnType[];
  #buffer = Buffer.allocUnsafeSlow(256);
  #length = 0;

  constructor(keyspace: Keyspace, table: Table) {
    this.table = table;
    this.keys = new RowKeys(keyspace, table);
    const inKey = new Set(table.primaryKey);
    this.#width = rowWidth(table);
    const layout = [
      ...table.columns.map(({ type }, position) => ({ position, type, number: columnNumber(table, position) })),
      ...(table.dropped ?? []).map(({ number, type }, i) => ({ position: this.#width + i, type, number })),
    ].filter(({ position }) => !inKey.has(position));
    layout.sort((a, b) => a.number - b.number);
    this.#stored = layout.map(({ position }) => position);
    this.#types = layout.map(({ type }) => type);
    const missing = this.#stored.map((position) => table.columns[position]?.missing ?? null);
    this.#missing = missing.some((value) => value !== null) ? missing : undefined;
  }

  /** A view, valid until the next call: `Transaction.put` takes its own copy. */
  encode(row: Row): Bytes {
    assert(row.length >= this.table.columns.length, 'a row has a value for each column');
    const stored = this.#stored;
    const bitmapBytes = (stored.length + 7) >> 3;
    this.#length = 0;
    this.#reserve(16 + bitmapBytes);
    this.#buffer[this.#length++] = ROW_FORMAT;
    this.#varint(this.table.version);
    this.#varint(stored.length);
    const bitmapAt = this.#length;
    this.#buffer.fill(0, bitmapAt, bitmapAt + bitmapBytes);
    this.#length += bitmapBytes;
    for (let i = 0; i < stored.length; i++) {
      const position = stored[i]!;
      const value = position < this.#width ? row[position]! : null;
      if (value === null) this.#buffer[bitmapAt + (i >> 3)]! |= 1 << (i & 7);
      else this.#value(this.table.columns[position]!, value);
    }
    return this.#buffer.subarray(0, this.#length);
  }

  /** The row under `key`, behind its columns the hidden id of a table without a primary key. Shares no memory with `key` or `value`. @throws OperationError `corruption`. */
  decode(key: Bytes, value: Bytes): ColumnValue[] {
    const row: ColumnValue[] = new Array<ColumnValue>(this.table.columns.length).fill(null);
    this.keys.decodeInto(key, row);
    const bytes = asBuffer(value);
    try {
      this.#decodeStored(bytes, row);
    } catch (error) {
      if (error instanceof RangeError) throw new OperationError('corruption', 'a row ends early', { cause: error });
      throw error;
    }
    return row;
  }

  #decodeStored(bytes: Buffer, row: ColumnValue[]): void {
    if (bytes[0] !== ROW_FORMAT) throw new OperationError('corruption', `unknown row format ${bytes[0]}`);
    let at = skipVarint(bytes, 1);
    const count = readVarint(bytes, at);
    at = skipVarint(bytes, at);
    if (count > this.#stored.length) {
      throw new OperationError('corruption', `a row stores ${count} columns of a table with ${this.#stored.length}`);
    }
    const bitmapAt = at;
    at += (count + 7) >> 3;
    for (let i = 0; i < count; i++) {
      if ((bytes[bitmapAt + (i >> 3)]! & (1 << (i & 7))) !== 0) continue;
      const position = this.#stored[i]!;
      switch (this.#types[i]!) {
        case 'bool':
          row[position] = bytes.readUInt8(at) !== 0;
          at += 1;
          break;
        case 'int2':
          row[position] = bytes.readInt16LE(at);
          at += 2;
          break;
        case 'int4':
          row[position] = bytes.readInt32LE(at);
          at += 4;
          break;
        case 'int8':
        case 'timestamp':
        case 'timestamptz':
          row[position] = bytes.readBigInt64LE(at);
          at += 8;
          break;
        case 'float8':
          row[position] = bytes.readDoubleLE(at);
          at += 8;
          break;
        case 'text':
        case 'varchar':
        case 'bpchar': {
          const length = readVarint(bytes, at);
          at = skipVarint(bytes, at);
          if (at + length > bytes.length) throw new OperationError('corruption', 'a row ends within a text');
          row[position] = bytes.utf8Slice(at, at + length);
          if (this.#types[i] === 'bpchar') {
            row[position] = withPadding(row[position] as string, this.table.columns[position]?.modifier ?? -1);
          }
          at += length;
          break;
        }
        case 'numeric': {
          const scale = readVarint(bytes, at);
          at = skipVarint(bytes, at);
          const length = readVarint(bytes, at);
          at = skipVarint(bytes, at);
          const digits = bytes.latin1Slice(at, at + length);
          if (digits.length !== length || !/^-?\d+$/.test(digits)) {
            throw new OperationError('corruption', 'a numeric is not made of digits');
          }
          row[position] = new Numeric(BigInt(digits), scale);
          at += length;
          break;
        }
        default:
          throw new OperationError('corruption', `a row cannot hold type ${this.#types[i]}`);
      }
    }
    if (this.#missing !== undefined) {
      for (let i = count; i < this.#stored.length; i++) {
        row[this.#stored[i]!] = this.#missing[i]!;
      }
    }
    if (row.length > this.#width) row.length = this.#width;
    if (at !== bytes.length) throw new OperationError('corruption', 'a row is longer than its columns');
  }

  #value({ type, modifier }: Column, value: Exclude<ColumnValue, null>): void {
    this.#reserve(16);
    switch (type) {
      case 'bool':
        this.#buffer[this.#length++] = value === true ? 1 : 0;
        return;
      case 'int2':
        this.#length = this.#buffer.writeInt16LE(value as number, this.#length);
        return;
      case 'int4':
        this.#length = this.#buffer.writeInt32LE(value as number, this.#length);
        return;
      case 'int8':
      case 'timestamp':
      case 'timestamptz':
        this.#length = this.#buffer.writeBigInt64LE(value as bigint, this.#length);
        return;
      case 'float8':
        this.#length = this.#buffer.writeDoubleLE(value as number, this.#length);
        return;
      case 'text':
      case 'varchar':
        this.#text(value as string);
        return;
      case 'bpchar':
        this.#text(modifier < 0 ? (value as string) : withoutPadding(value as string));
        return;
      case 'numeric':
        this.#varint((value as Numeric).scale);
        this.#text((value as Numeric).digits.toString());
        return;
      default:
        throw new OperationError('unsupported', `a column of type ${type} is not supported`);
    }
  }

  #text(value: string): void {
    const bytes = Buffer.byteLength(value, 'utf8');
    this.#reserve(bytes + 5);
    this.#varint(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function readVarint(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw new OperationError('corruption', 'a row holds a malformed length');
}

function skipVarint(bytes: Buffer, at: number): number {
  let end = at;
  while (bytes[end]! >= 0x80) end++;
  return end + 1;
}
