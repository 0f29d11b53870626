/**
 * Values as fields of messages: in text, or in the binary form that PostgreSQL's `*_send` and `*_recv` functions use.
 *
 * Binary: bool 1 byte; int2, int4, int8 big-endian; float8 IEEE 754 big-endian; text as UTF-8; timestamp and timestamptz
 * microseconds since 2000-01-01 as int8; all others are in binary-values.ts.
 */

import type { FieldSink } from '../../models/relational/field-reader.ts';
import { Numeric } from '../../models/relational/numeric.ts';
import type { ColumnValue } from '../../models/relational/table.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { FieldFormat } from '../../query/sql/portal.ts';
import { SqlError } from '../../query/sql/sql-error.ts';
import { encodeBinary, sinceEpoch } from '../../query/sql/types/binary-form.ts';
import { byteaOfHex, formatText, parseText } from '../../query/sql/types/text-form.ts';
import type { TextStyle, TimeContext } from '../../query/sql/types/timestamptz.ts';
import type { SqlType, SqlValue } from '../../query/sql/types/types.ts';
import { decodeBinary, tooShort } from './binary-values.ts';
import { utf8Text } from './frame-reader.ts';
import { type MessageWriter, SCALE_MAX } from './message-writer.ts';

/** Writes one field of DataRow: its length, -1 for null, and its bytes. */
export function writeField(
  writer: MessageWriter,
  type: SqlType,
  format: FieldFormat,
  value: SqlValue,
  style: TextStyle,
): void {
  if (value === null) writer.int32(-1);
  else if (typeof value === 'string' && type.startsWith('user:')) writer.field(formatText(type, value, style));
  else if (format !== 'text') writeBinary(writer, type, value);
  else if (typeof value === 'string' && type !== 'char') writer.field(value);
  else if (typeof value === 'number' && (type === 'int4' || type === 'int2')) writer.decimalField(value, 0);
  else if (type === 'numeric' && isShort(value)) writer.decimalField(value.small, value.scale);
  else writer.field(formatText(type, value, style));
}

/** Writes the fields of stored rows, in text. */
export class TextFields implements FieldSink {
  readonly #writer: MessageWriter;
  #columns: readonly ResultColumn[] = [];
  #style: TextStyle | undefined;

  constructor(writer: MessageWriter) {
    this.#writer = writer;
  }

  /** What the rows that come next are of. */
  begin(columns: readonly ResultColumn[], style: TextStyle): void {
    this.#columns = columns;
    this.#style = style;
  }

  null(): void {
    this.#writer.int32(-1);
  }

  integer(value: number): void {
    this.#writer.decimalField(value, 0);
  }

  digits(bytes: Buffer, from: number, to: number, scale: number): void {
    this.#writer.digitsField(bytes, from, to, scale);
  }

  text(bytes: Buffer, from: number, to: number): void {
    this.#writer.fieldOf(bytes, from, to);
  }

  value(field: number, value: Exclude<ColumnValue, null>): void {
    writeField(this.#writer, this.#columns[field]!.type, 'text', value, this.#style!);
  }
}

/** A number whose digits can be written as they are. */
function isShort(value: SqlValue): value is Numeric {
  return value instanceof Numeric && value.large === undefined && value.scale >= 0 && value.scale <= SCALE_MAX;
}

function writeBinary(writer: MessageWriter, type: SqlType, value: Exclude<SqlValue, null>): void {
  switch (type) {
    case 'bool':
      writer.int32(1).int8(value === true ? 1 : 0);
      return;
    case 'int2':
      writer.int32(2).int16(value as number);
      return;
    case 'int4':
      writer.int32(4).int32(value as number);
      return;
    case 'int8':
      writer.int32(8).int64(value as bigint);
      return;
    case 'float8':
      writer.int32(8).float64(value as number);
      return;
    case 'timestamp':
    case 'timestamptz':
      writer.int32(8).int64(sinceEpoch(value as bigint));
      return;
    case 'text':
    case 'varchar':
    case 'bpchar':
    case 'name':
    case 'json':
      writer.field(value as string);
      return;
    default: {
      const bytes = encodeBinary(type, value);
      writer.int32(bytes.length).bytes(bytes);
    }
  }
}

/**
 * A parameter's value.
 * @param number Which parameter it is, from 1.
 * @param isOwn Whether the value may be a part of `bytes`.
 * @throws SqlError `invalid_binary_representation` and the errors of text forms.
 */
export function readParameter(
  type: SqlType,
  format: FieldFormat,
  bytes: Buffer,
  time: TimeContext,
  number: number,
  isOwn = false,
): SqlValue {
  if (type === 'bytea' && isOwn && format === 'binary') {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  if (format === 'text') {
    const hexadecimal = type === 'bytea' ? byteaOfHex(bytes) : undefined;
    if (hexadecimal !== undefined) return hexadecimal;
    const text = utf8Text(bytes);
    if (text.includes('\0')) {
      throw new SqlError('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
    }
    return parseText(type, text, time);
  }
  switch (type) {
    case 'bool':
      return sized(bytes, 1, number).readUInt8() !== 0;
    case 'int2':
      return sized(bytes, 2, number).readInt16BE();
    case 'int4':
      return sized(bytes, 4, number).readInt32BE();
    case 'int8':
      return sized(bytes, 8, number).readBigInt64BE();
    case 'float8':
      return sized(bytes, 8, number).readDoubleBE();
    case 'text':
    case 'varchar':
    case 'bpchar':
    case 'name':
    case 'json':
    case 'unknown':
      return readParameter(type, 'text', bytes, time, number);
    default:
      return decodeBinary(type, bytes, time, `${EXCESS} ${number}`);
  }
}

const EXCESS = 'incorrect binary data format in bind parameter';

function sized(bytes: Buffer, length: number, number: number): Buffer {
  if (bytes.length === length) return bytes;
  if (bytes.length < length) throw tooShort(length === 1 ? 'no data left in message' : undefined);
  throw new SqlError('invalid_binary_representation', `${EXCESS} ${number}`);
}
