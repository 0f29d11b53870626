/**
 * One value that is not null as bytes in a row. Documented in docs/formats/relational.md.
 *
 *   bool          1       0 or 1
 *   int2, int4    2, 4    little-endian, two's complement
 *   int8          8       little-endian, two's complement
 *   float4        4       little-endian IEEE 754
 *   float8        8       little-endian IEEE 754
 *   oid, reg…     4       little-endian, unsigned
 *   xid8, pg_lsn  8       little-endian, unsigned
 *   date          4       days since 1970, little-endian, two's complement; the ends are the infinities
 *   time          6       microseconds since midnight, little-endian
 *   timetz        6, 4    as time; seconds ahead of UTC, as int4
 *   timestamp(tz) 8       microseconds since 1970, as int8; the ends are the infinities
 *   interval      4, 4, 8 months, days, microseconds
 *   uuid          16      in network order
 *   text and kin          varint length in bytes, UTF-8; so are varchar, name, json, jsonb, "char"
 *   enums                 id of the label as a varint
 *   bpchar                as text; with a modifier without the spaces that fill it up
 *   bytea                 varint length, bytes
 *   numeric               varint scale, varint length in bytes, decimal digits with a leading minus when negative; or the
 *                         words NaN, Infinity, -Infinity with scale 0
 *   inet, cidr    …, 4|16 bits of the prefix with 256 added for IPv6 as a varint, address
 *   arrays                varint count of dimensions; for each its length as a varint and its first subscript as int4; then
 *                         for each element a byte, 1 when it is null, and the element
 *   ranges        1       bits: 1 empty, 2 lower bound inclusive, 4 upper inclusive, 8 has a lower bound, 16 has an upper;
 *                         then the bounds
 *   composites            varint count; for each field a byte, 1 when it is null, and the field
 *
 * Varints hold seven bits a byte, lowest first; the top bit says that more follow. On disk since format 1.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { enumOf } from './enums.ts';
import { NUMERIC_INFINITY, NUMERIC_MINUS_INFINITY, NUMERIC_NAN, Numeric } from './numeric.ts';
import { withoutPadding, withPadding } from './padding.ts';
import type { ColumnType, ColumnValue } from './table.ts';
import { EMPTY_RANGE, Inet, Interval, Jsonb, type JsonCodec, SqlArray, SqlRange, SqlRecord, TimeTz } from './values.ts';

/** How a type lies in a row. */
export type Form =
  | 'bool'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float4'
  | 'float8'
  | 'uint4'
  | 'uint8'
  | 'date'
  | 'time'
  | 'timetz'
  | 'interval'
  | 'uuid'
  | 'text'
  | 'bpchar'
  | 'jsonb'
  | 'bytes'
  | 'numeric'
  | 'inet'
  /** Of an enum that may be gone: only passed over. */
  | 'label'
  /** Of what nobody can tell any more. */
  | 'gone'
  | { readonly enum: ColumnType }
  | { readonly array: ColumnType }
  | { readonly range: ColumnType }
  | { readonly record: readonly ColumnType[] };

const FORMS = new Map<ColumnType, Form>([
  ['bool', 'bool'],
  ['int2', 'int2'],
  ['int4', 'int4'],
  ['int8', 'int8'],
  ['float4', 'float4'],
  ['float8', 'float8'],
  ['date', 'date'],
  ['time', 'time'],
  ['timetz', 'timetz'],
  ['interval', 'interval'],
  ['timestamp', 'int8'],
  ['timestamptz', 'int8'],
  ['uuid', 'uuid'],
  ['bpchar', 'bpchar'],
  ['jsonb', 'jsonb'],
  ['bytea', 'bytes'],
  ['numeric', 'numeric'],
  ['inet', 'inet'],
  ['xid8', 'uint8'],
  ['pg_lsn', 'uint8'],
  ['cidr', 'inet'],
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
  ['int2vector', { array: 'int2' }],
  ['oidvector', { array: 'oid' }],
]);
for (const type of [
  'text',
  'varchar',
  'name',
  'json',
  'char',
  'jsonpath',
  'pg_node_tree',
  'aclitem',
  'bit',
  'varbit',
  'macaddr',
  'macaddr8',
  'pg_snapshot',
  'txid_snapshot',
] as const) {
  FORMS.set(type, 'text');
}
for (const type of [
  'oid',
  'xid',
  'regproc',
  'regprocedure',
  'regoper',
  'regoperator',
  'regclass',
  'regtype',
  'regnamespace',
  'regrole',
  'regcollation',
] as const) {
  FORMS.set(type, 'uint4');
}

/** Says how values of a catalog's type lie in rows; again after it was altered. */
export function defineForm(type: ColumnType, form: Form): void {
  FORMS.set(type, form);
}

const SPELLED_OUT = 'user:form ';

/**
 * A name that keeps its form when the types are gone that users made it of: the form itself, spelled out. Values of it are moved
 * past and never read. Any other type is its own name.
 */
export function lastingType(type: ColumnType): ColumnType {
  if (!type.includes('user:') || type.startsWith(SPELLED_OUT)) return type;
  return `${SPELLED_OUT}${JSON.stringify(lastingForm(formOf(type)))}`;
}

function lastingForm(form: Form): Form {
  if (typeof form === 'string') return form;
  if ('enum' in form) return 'label';
  if ('array' in form) return { array: lastingType(form.array) };
  if ('range' in form) return { range: lastingType(form.range) };
  return { record: form.record.map(lastingType) };
}

export function isFormKnown(type: ColumnType): boolean {
  return type.startsWith(SPELLED_OUT) || FORMS.has(type.replace(/^_+/, '') as ColumnType);
}

/** @throws OperationError `unsupported`. */
export function formOf(type: ColumnType): Form {
  const known = FORMS.get(type);
  if (known !== undefined) return known;
  if (type.startsWith(SPELLED_OUT)) {
    const form = JSON.parse(type.slice(SPELLED_OUT.length)) as Form;
    FORMS.set(type, form);
    return form;
  }
  if (type.startsWith('_')) {
    const form: Form = { array: type.slice(1) as ColumnType };
    formOf(form.array);
    FORMS.set(type, form);
    return form;
  }
  throw new OperationError('unsupported', `a column of type ${type} is not supported`);
}

const DATE_INFINITY = 2_147_483_647;

/** Their lengths are varints of one byte. */
const SHORT_TEXT_CHARS = 40;

/** Collects bytes; reused from row to row. */
export class ValueWriter {
  buffer = Buffer.allocUnsafeSlow(256);
  length = 0;

  /** A view, valid until the next value is written. */
  view(): Bytes {
    return this.buffer.subarray(0, this.length);
  }

  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  varint(value: number): void {
    this.reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  text(value: string): void {
    const chars = value.length;
    if (chars <= SHORT_TEXT_CHARS) {
      // Short and ASCII, as most are: the call that asks for the length in bytes costs more than writing it.
      this.reserve(chars + 1);
      const { buffer } = this;
      const at = this.length + 1;
      let i = 0;
      for (; i < chars; i++) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[at + i] = code;
      }
      if (i === chars) {
        buffer[at - 1] = chars;
        this.length = at + chars;
        return;
      }
    }
    const bytes = Buffer.byteLength(value, 'utf8');
    this.reserve(bytes + 5);
    this.varint(bytes);
    this.length += this.buffer.write(value, this.length, 'utf8');
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  value(form: Form, modifier: number, value: Exclude<ColumnValue, null>): void {
    this.reserve(16);
    switch (form) {
      case 'bool':
        this.buffer[this.length++] = value === true ? 1 : 0;
        return;
      case 'int2':
        this.length = this.buffer.writeInt16LE(value as number, this.length);
        return;
      case 'int4':
        this.length = this.buffer.writeInt32LE(value as number, this.length);
        return;
      case 'int8':
        this.length = this.buffer.writeBigInt64LE(value as bigint, this.length);
        return;
      case 'uint8':
        this.length = this.buffer.writeBigUInt64LE(value as bigint, this.length);
        return;
      case 'float4':
        this.length = this.buffer.writeFloatLE(value as number, this.length);
        return;
      case 'float8':
        this.length = this.buffer.writeDoubleLE(value as number, this.length);
        return;
      case 'uint4':
        this.length = this.buffer.writeUInt32LE(value as number, this.length);
        return;
      case 'date': {
        const days = value as number;
        const stored = Number.isFinite(days) ? days : days > 0 ? DATE_INFINITY : -DATE_INFINITY - 1;
        this.length = this.buffer.writeInt32LE(stored, this.length);
        return;
      }
      case 'time':
        this.length = this.buffer.writeUIntLE(value as number, this.length, 6);
        return;
      case 'timetz':
        this.length = this.buffer.writeUIntLE((value as TimeTz).micros, this.length, 6);
        this.length = this.buffer.writeInt32LE((value as TimeTz).offset, this.length);
        return;
      case 'interval':
        this.length = this.buffer.writeInt32LE((value as Interval).months, this.length);
        this.length = this.buffer.writeInt32LE((value as Interval).days, this.length);
        this.length = this.buffer.writeBigInt64LE((value as Interval).micros, this.length);
        return;
      case 'uuid':
        this.buffer.write((value as string).replaceAll('-', ''), this.length, 16, 'hex');
        this.length += 16;
        return;
      case 'text':
        this.text(value as string);
        return;
      case 'bpchar':
        this.text(modifier < 0 ? (value as string) : withoutPadding(value as string));
        return;
      case 'jsonb':
        this.text((value as Jsonb).text);
        return;
      case 'bytes':
        this.varint((value as Uint8Array).length);
        this.bytes(value as Uint8Array);
        return;
      case 'numeric': {
        const number = value as Numeric;
        this.varint(number.isFinite ? number.scale : 0);
        this.text(number.isFinite ? number.digits.toString() : number.toString());
        return;
      }
      case 'inet': {
        const { bytes, bits } = value as Inet;
        this.varint(bits + (bytes.length === 4 ? 0 : 256));
        this.bytes(bytes);
        return;
      }
      case 'label':
      case 'gone':
        throw new OperationError('corruption', 'a value of a type that is gone is written');
      default:
        if ('array' in form) this.#array(form.array, modifier, value as SqlArray);
        else if ('enum' in form) this.varint(enumOf(form.enum).of(value as string).id);
        else if ('range' in form) this.#range(form.range, value as SqlRange);
        else {
          const { values } = value as SqlRecord;
          this.varint(values.length);
          for (let i = 0; i < values.length; i++) this.#nullable(form.record[i]!, -1, values[i]!);
        }
    }
  }

  #array(element: ColumnType, modifier: number, { dimensions, lowers, values }: SqlArray): void {
    this.varint(dimensions.length);
    for (let i = 0; i < dimensions.length; i++) {
      this.varint(dimensions[i]!);
      this.reserve(4);
      this.length = this.buffer.writeInt32LE(lowers[i]!, this.length);
    }
    for (const each of values) this.#nullable(element, modifier, each);
  }

  #range(bound: ColumnType, { empty, lower, upper, lowerInclusive, upperInclusive }: SqlRange): void {
    let flags = empty ? 1 : 0;
    if (lowerInclusive) flags |= 2;
    if (upperInclusive) flags |= 4;
    if (lower !== null) flags |= 8;
    if (upper !== null) flags |= 16;
    this.byte(flags);
    if (lower !== null) this.value(formOf(bound), -1, lower);
    if (upper !== null) this.value(formOf(bound), -1, upper);
  }

  #nullable(type: ColumnType, modifier: number, value: ColumnValue): void {
    this.byte(value === null ? 1 : 0);
    if (value !== null) this.value(formOf(type), modifier, value);
  }
}

/** So many digits, a minus included, make a safe integer. */
const SMALL_DIGITS = 15;

/** Decimal digits as a number; NaN where there is anything else. */
export function smallDigits(bytes: Bytes, from: number, to: number): number {
  let value = 0;
  const negative = bytes[from] === 0x2d;
  const first = negative ? from + 1 : from;
  if (first >= to) return Number.NaN;
  for (let i = first; i < to; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? 0 - value : value;
}

/** Reads values one behind the other. @throws RangeError past the end of the bytes; OperationError `corruption`. */
export class ValueReader {
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;
  at = 0;

  /** @param end Where the values end. */
  reset(bytes: Bytes, at: number, end = bytes.length): this {
    this.#bytes = asBuffer(bytes);
    this.#end = end;
    this.at = at;
    return this;
  }

  get atEnd(): boolean {
    return this.at === this.#end;
  }

  varint(): number {
    let value = 0;
    for (let i = 0; i < 5; i++) {
      const byte = this.#bytes[this.at + i];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        this.at += i + 1;
        return value;
      }
    }
    throw new OperationError('corruption', 'a row holds a malformed length');
  }

  /** Where a value ends that begins at `at` with its length; what is read next is not told. */
  behindVariable(bytes: Buffer, at: number, end: number): number {
    const length = bytes[at]!;
    if (length < 0x80) return at + 1 + length;
    this.reset(bytes, at, end);
    return this.varint() + this.at;
  }

  #take(length: number): number {
    const at = this.at;
    if (at + length > this.#end) throw new OperationError('corruption', 'a row ends within a value');
    this.at = at + length;
    return at;
  }

  #text(): string {
    const length = this.varint();
    const at = this.#take(length);
    return this.#bytes.utf8Slice(at, at + length);
  }

  value(form: Form, modifier: number): Exclude<ColumnValue, null> {
    const bytes = this.#bytes;
    switch (form) {
      case 'bool':
        return bytes.readUInt8(this.at++) !== 0;
      case 'int2':
        this.at += 2;
        return bytes.readInt16LE(this.at - 2);
      case 'int4':
        this.at += 4;
        return bytes.readInt32LE(this.at - 4);
      case 'int8':
        this.at += 8;
        return bytes.readBigInt64LE(this.at - 8);
      case 'float4':
        this.at += 4;
        return bytes.readFloatLE(this.at - 4);
      case 'float8':
        this.at += 8;
        return bytes.readDoubleLE(this.at - 8);
      case 'uint4':
        this.at += 4;
        return bytes.readUInt32LE(this.at - 4);
      case 'uint8':
        this.at += 8;
        return bytes.readBigUInt64LE(this.at - 8);
      case 'date': {
        this.at += 4;
        const days = bytes.readInt32LE(this.at - 4);
        if (days === DATE_INFINITY) return Number.POSITIVE_INFINITY;
        return days === -DATE_INFINITY - 1 ? Number.NEGATIVE_INFINITY : days;
      }
      case 'time':
        this.at += 6;
        return bytes.readUIntLE(this.at - 6, 6);
      case 'timetz':
        this.at += 10;
        return new TimeTz(bytes.readUIntLE(this.at - 10, 6), bytes.readInt32LE(this.at - 4));
      case 'interval':
        this.at += 16;
        return new Interval(
          bytes.readInt32LE(this.at - 16),
          bytes.readInt32LE(this.at - 12),
          bytes.readBigInt64LE(this.at - 8),
        );
      case 'uuid': {
        const at = this.#take(16);
        return uuidText(bytes.subarray(at, at + 16));
      }
      case 'text':
        return this.#text();
      case 'bpchar':
        return withPadding(this.#text(), modifier);
      case 'jsonb':
        return new Jsonb(jsonCodec(), { text: this.#text() });
      case 'bytes': {
        const length = this.varint();
        const at = this.#take(length);
        return Uint8Array.prototype.slice.call(bytes, at, at + length);
      }
      case 'numeric':
        return this.#numeric();
      case 'inet': {
        const bits = this.varint();
        const length = bits >= 256 ? 16 : 4;
        const at = this.#take(length);
        return new Inet(Uint8Array.prototype.slice.call(bytes, at, at + length), bits & 255);
      }
      case 'label':
        return this.varint();
      case 'gone':
        throw new OperationError('corruption', 'a row holds a value of a type that is gone');
      default:
        if ('array' in form) return this.#array(form.array, modifier);
        if ('enum' in form) return enumOf(form.enum).withId(this.varint());
        if ('range' in form) return this.#range(form.range);
        return this.#record(form.record);
    }
  }

  /** Moves past a value. */
  skip(form: Form, modifier: number): void {
    switch (form) {
      case 'bool':
        this.at += 1;
        return;
      case 'int2':
        this.at += 2;
        return;
      case 'int4':
      case 'float4':
      case 'uint4':
      case 'date':
        this.at += 4;
        return;
      case 'int8':
      case 'uint8':
      case 'float8':
        this.at += 8;
        return;
      case 'time':
        this.at += 6;
        return;
      case 'timetz':
        this.at += 10;
        return;
      case 'interval':
      case 'uuid':
        this.at += 16;
        return;
      case 'text':
      case 'bpchar':
      case 'jsonb':
      case 'bytes':
        this.#take(this.varint());
        return;
      case 'numeric':
        this.varint();
        this.#take(this.varint());
        return;
      default:
        this.value(form, modifier);
    }
  }

  #numeric(): Numeric {
    const scale = this.varint();
    const length = this.varint();
    const at = this.#take(length);
    const small = length <= SMALL_DIGITS ? smallDigits(this.#bytes, at, at + length) : Number.NaN;
    if (!Number.isNaN(small)) return new Numeric(small, scale);
    const digits = this.#bytes.latin1Slice(at, at + length);
    if (/^-?\d+$/.test(digits)) return new Numeric(BigInt(digits), scale);
    if (digits === 'NaN') return NUMERIC_NAN;
    if (digits === 'Infinity') return NUMERIC_INFINITY;
    if (digits === '-Infinity') return NUMERIC_MINUS_INFINITY;
    throw new OperationError('corruption', 'a numeric is not made of digits');
  }

  #array(element: ColumnType, modifier: number): SqlArray {
    const dimensions: number[] = [];
    const lowers: number[] = [];
    let count = this.varint();
    if (count > 6) throw new OperationError('corruption', `an array has ${count} dimensions`);
    for (; count > 0; count--) {
      dimensions.push(this.varint());
      this.at += 4;
      lowers.push(this.#bytes.readInt32LE(this.at - 4));
    }
    let length = dimensions.length === 0 ? 0 : 1;
    for (const each of dimensions) length *= each;
    if (length > this.#bytes.length - this.at) throw new OperationError('corruption', 'a row ends within an array');
    const form = formOf(element);
    const values: ColumnValue[] = [];
    for (let i = 0; i < length; i++) values.push(this.#nullable(form, modifier));
    return new SqlArray(element, values, dimensions, lowers);
  }

  #range(bound: ColumnType): SqlRange {
    const flags = this.#bytes.readUInt8(this.at++);
    if ((flags & 1) !== 0) return EMPTY_RANGE;
    const form = formOf(bound);
    const lower = (flags & 8) === 0 ? null : this.value(form, -1);
    const upper = (flags & 16) === 0 ? null : this.value(form, -1);
    return new SqlRange(lower, upper, (flags & 2) !== 0, (flags & 4) !== 0);
  }

  #record(types: readonly ColumnType[]): SqlRecord {
    const count = this.varint();
    if (count > types.length) throw new OperationError('corruption', 'a composite value has more fields than its type');
    const values: ColumnValue[] = [];
    for (let i = 0; i < types.length; i++) values.push(i < count ? this.#nullable(formOf(types[i]!), -1) : null);
    return new SqlRecord(types, values);
  }

  #nullable(form: Form, modifier: number): ColumnValue {
    return this.#bytes.readUInt8(this.at++) === 1 ? null : this.value(form, modifier);
  }
}

/** Lower case with hyphens. */
export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

let codec: JsonCodec | undefined;

/** Says how the tree of a jsonb value is read and printed; the SQL types do, when they are loaded. */
export function provideJsonCodec(provided: JsonCodec): void {
  codec = provided;
}

function jsonCodec(): JsonCodec {
  if (codec === undefined) throw new OperationError('unsupported', 'nobody has said how jsonb is read');
  return codec;
}
