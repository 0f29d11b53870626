/**
 * Rows as bytes for temporary files, which only the process that wrote them reads: each value says what it is, so that
 * nobody has to know the types of columns, and reads back as what it was.
 *
 *   row    varint count of values; the values
 *   value  one byte, then
 *          0 null; 1 false; 2 true
 *          3 int32 (4 bytes); 4 double (8 bytes)
 *          5 bigint (8 bytes); 6 bigint of any size, as text
 *          7 string, as text; 8 string that is no valid UTF-16: varint count of units, the units
 *          9 numeric, 10 bytes, 11 interval, 12 timetz, 13 inet, 14 jsonb: as value-codec.ts has them in rows
 *          15 array: type of elements as text; varint count of dimensions; of each the length as a varint and the first
 *             subscript as int32; the elements as values
 *          16 range: bits as in rows; the bounds as values
 *          17 record: varint count; types as texts; values
 *          64 + n: the integer n from 0 to 191
 *
 * Texts are UTF-8 behind their length in bytes as a varint. Numbers are little-endian.
 */

import { unreachable } from '../../../base/assert.ts';
import type { Bytes } from '../../../base/bytes.ts';
import { Numeric } from '../../../models/relational/numeric.ts';
import type { ColumnType, ColumnValue } from '../../../models/relational/table.ts';
import { ValueReader, ValueWriter } from '../../../models/relational/value-codec.ts';
import {
  EMPTY_RANGE,
  Inet,
  Interval,
  Jsonb,
  SqlArray,
  SqlRange,
  SqlRecord,
  TimeTz,
} from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';

const NULL = 0;
const FALSE = 1;
const TRUE = 2;
const INT = 3;
const DOUBLE = 4;
const BIGINT = 5;
const LARGE = 6;
const TEXT = 7;
const UNITS = 8;
const NUMERIC = 9;
const BYTES = 10;
const INTERVAL = 11;
const TIMETZ = 12;
const INET = 13;
const JSONB = 14;
const ARRAY = 15;
const RANGE = 16;
const RECORD = 17;
const SMALL = 64;
const SMALL_MAX = 255 - SMALL;

const BIGINT_MIN = -(2n ** 63n);
const BIGINT_MAX = 2n ** 63n - 1n;

/** Collects rows one behind the other. */
export class RowWriter extends ValueWriter {
  row(row: readonly ColumnValue[]): void {
    this.varint(row.length);
    for (let i = 0; i < row.length; i++) this.any(row[i]!);
  }

  /** @throws SqlError `out_of_memory` for a value of a class that is not known here. */
  any(value: ColumnValue): void {
    this.reserve(16);
    const { buffer } = this;
    switch (typeof value) {
      case 'number':
        if (Number.isInteger(value) && value <= 0x7fff_ffff && value >= -0x8000_0000 && !Object.is(value, -0)) {
          if (value >= 0 && value <= SMALL_MAX) {
            buffer[this.length++] = SMALL + value;
            return;
          }
          buffer[this.length++] = INT;
          this.length = buffer.writeInt32LE(value, this.length);
          return;
        }
        buffer[this.length++] = DOUBLE;
        this.length = buffer.writeDoubleLE(value, this.length);
        return;
      case 'string':
        if (!value.isWellFormed()) {
          buffer[this.length++] = UNITS;
          this.varint(value.length);
          this.reserve(value.length * 2);
          this.length += this.buffer.write(value, this.length, 'utf16le');
          return;
        }
        buffer[this.length++] = TEXT;
        this.text(value);
        return;
      case 'bigint':
        if (value >= BIGINT_MIN && value <= BIGINT_MAX) {
          buffer[this.length++] = BIGINT;
          this.length = buffer.writeBigInt64LE(value, this.length);
          return;
        }
        buffer[this.length++] = LARGE;
        this.text(value.toString());
        return;
      case 'boolean':
        buffer[this.length++] = value ? TRUE : FALSE;
        return;
      case 'object':
        if (value === null) buffer[this.length++] = NULL;
        else this.#object(value);
        return;
      default:
        unreachable(value);
    }
  }

  #object(value: Exclude<ColumnValue, null | boolean | number | bigint | string>): void {
    if (value instanceof Numeric) {
      this.byte(NUMERIC);
      this.value('numeric', -1, value);
    } else if (value instanceof Uint8Array) {
      this.byte(BYTES);
      this.value('bytes', -1, value);
    } else if (value instanceof Interval) {
      this.byte(INTERVAL);
      this.value('interval', -1, value);
    } else if (value instanceof TimeTz) {
      this.byte(TIMETZ);
      this.value('timetz', -1, value);
    } else if (value instanceof Inet) {
      this.byte(INET);
      this.value('inet', -1, value);
    } else if (value instanceof Jsonb) {
      this.byte(JSONB);
      this.value('jsonb', -1, value);
    } else if (value instanceof SqlArray) {
      this.#array(value);
    } else if (value instanceof SqlRange) {
      this.#range(value);
    } else if (value instanceof SqlRecord) {
      this.byte(RECORD);
      this.varint(value.types.length);
      for (const type of value.types) this.text(type);
      for (const each of value.values) this.any(each);
    } else refuseClass(value);
  }

  #array({ element, dimensions, lowers, values }: SqlArray): void {
    this.byte(ARRAY);
    this.text(element);
    this.varint(dimensions.length);
    for (let i = 0; i < dimensions.length; i++) {
      this.varint(dimensions[i]!);
      this.reserve(4);
      this.length = this.buffer.writeInt32LE(lowers[i]!, this.length);
    }
    for (const each of values) this.any(each);
  }

  #range({ empty, lower, upper, lowerInclusive, upperInclusive }: SqlRange): void {
    this.byte(RANGE);
    this.byte((empty ? 1 : 0) | (lowerInclusive ? 2 : 0) | (upperInclusive ? 4 : 0));
    this.any(lower);
    this.any(upper);
  }
}

/** A class of values that was added without being taught to this file; its test names it. */
function refuseClass(value: object): never {
  throw new SqlError('out_of_memory', 'out of memory', {
    detail: `Values of the class ${value.constructor.name} cannot leave memory.`,
  });
}

/** Reads rows one behind the other. @throws RangeError, OperationError `corruption` for bytes that are no rows. */
export class RowReader {
  readonly #reader = new ValueReader();
  #bytes: Buffer = Buffer.alloc(0);

  reset(bytes: Bytes): this {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#reader.reset(this.#bytes, 0);
    return this;
  }

  get atEnd(): boolean {
    return this.#reader.atEnd;
  }

  row(): ColumnValue[] {
    const count = this.#reader.varint();
    const row: ColumnValue[] = new Array<ColumnValue>(count);
    for (let i = 0; i < count; i++) row[i] = this.#any();
    return row;
  }

  #text(): string {
    return this.#reader.value('text', -1) as string;
  }

  #int(): number {
    return this.#reader.value('int4', -1) as number;
  }

  #any(): ColumnValue {
    const reader = this.#reader;
    const tag = this.#bytes[reader.at++]!;
    if (tag >= SMALL) return tag - SMALL;
    switch (tag) {
      case NULL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case INT:
        return this.#int();
      case DOUBLE:
        return reader.value('float8', -1);
      case BIGINT:
        return reader.value('int8', -1);
      case LARGE:
        return BigInt(this.#text());
      case TEXT:
        return this.#text();
      case UNITS: {
        const units = reader.varint();
        reader.at += units * 2;
        return this.#bytes.toString('utf16le', reader.at - units * 2, reader.at);
      }
      case NUMERIC:
        return reader.value('numeric', -1);
      case BYTES:
        return reader.value('bytes', -1);
      case INTERVAL:
        return reader.value('interval', -1);
      case TIMETZ:
        return reader.value('timetz', -1);
      case INET:
        return reader.value('inet', -1);
      case JSONB:
        return reader.value('jsonb', -1);
      case ARRAY:
        return this.#array();
      case RANGE: {
        const bits = this.#bytes[reader.at++]!;
        const lower = this.#any();
        const upper = this.#any();
        return (bits & 1) !== 0 ? EMPTY_RANGE : new SqlRange(lower, upper, (bits & 2) !== 0, (bits & 4) !== 0);
      }
      case RECORD: {
        const count = reader.varint();
        const types: ColumnType[] = [];
        for (let i = 0; i < count; i++) types.push(this.#text() as ColumnType);
        const values: ColumnValue[] = [];
        for (let i = 0; i < count; i++) values.push(this.#any());
        return new SqlRecord(types, values);
      }
      default:
        throw new SqlError('internal_error', `a temporary file holds a value of unknown kind ${tag}`);
    }
  }

  #array(): SqlArray {
    const element = this.#text() as SqlArray['element'];
    const dimensions: number[] = [];
    const lowers: number[] = [];
    let length = 1;
    const count = this.#reader.varint();
    for (let i = 0; i < count; i++) {
      dimensions.push(this.#reader.varint());
      lowers.push(this.#int());
      length *= dimensions[i]!;
    }
    const values: ColumnValue[] = [];
    for (let i = 0; i < (count === 0 ? 0 : length); i++) values.push(this.#any());
    return new SqlArray(element, values, dimensions, lowers);
  }
}
