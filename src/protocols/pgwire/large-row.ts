/**
 * A row with large values, written piece by piece: no message of its size is made, and others have their turn in between.
 *
 * Strings and bytea are cut; values of other types are written whole.
 */

import type { FieldSink } from '../../models/relational/field-reader.ts';
import type { ColumnValue } from '../../models/relational/table.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { FieldFormat } from '../../query/sql/portal.ts';
import { SqlError } from '../../query/sql/sql-error.ts';
import type { TextStyle } from '../../query/sql/types/timestamptz.ts';
import type { SqlType, SqlValue } from '../../query/sql/types/types.ts';
import { writeField } from './field-format.ts';
import { MessageWriter } from './message-writer.ts';

/** Rows with larger values are sent by themselves. */
export const LARGE_FIELD_BYTES = 1024 * 1024;
/** Of a message, as PostgreSQL. */
const MESSAGE_BYTES_MAX = 0x3fff_ffff;
const PIECE = 32_768;

/** Types whose values are strings or bytes of any length. */
export function isOfAnySize(type: SqlType): boolean {
  return type === 'text' || type === 'bytea' || type === 'varchar' || type === 'bpchar' || type === 'json';
}

export function holdsLarge(row: readonly SqlValue[]): boolean {
  for (const value of row) {
    if (typeof value === 'string' ? value.length > LARGE_FIELD_BYTES : isLargeBytes(value)) return true;
  }
  return false;
}

function isLargeBytes(value: SqlValue): value is Uint8Array {
  return value instanceof Uint8Array && value.length > LARGE_FIELD_BYTES;
}

/** What is written of one field, its length in front: `bytes` as they are, or in hexadecimal. */
type Part =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'text'; readonly size: number; readonly text: string }
  | { readonly kind: 'hexadecimal'; readonly bytes: Uint8Array }
  | { readonly kind: 'whole'; readonly bytes: Uint8Array };

export class LargeRow implements FieldSink {
  readonly #columns: readonly ResultColumn[];
  readonly #style: TextStyle;
  readonly #parts: Part[] = [];

  constructor(columns: readonly ResultColumn[], style: TextStyle) {
    this.#columns = columns;
    this.#style = style;
  }

  add(field: number, format: FieldFormat, value: SqlValue): void {
    const { type } = this.#columns[field]!;
    if (typeof value === 'string' && value.length > LARGE_FIELD_BYTES && isOfAnySize(type)) {
      this.#parts.push({ kind: 'text', size: Buffer.byteLength(value), text: value });
    } else if (type === 'bytea' && isLargeBytes(value) && format === 'binary') {
      this.#parts.push({ kind: 'bytes', bytes: value });
    } else if (type === 'bytea' && isLargeBytes(value) && this.#style.byteaOutput !== 'escape') {
      this.#parts.push({ kind: 'hexadecimal', bytes: value });
    } else this.#whole((writer) => writeField(writer, type, format, value, this.#style));
  }

  null(): void {
    this.#whole((writer) => writer.int32(-1));
  }

  integer(value: number): void {
    this.#whole((writer) => writer.decimalField(value, 0));
  }

  digits(bytes: Buffer, from: number, to: number, scale: number): void {
    this.#whole((writer) => writer.digitsField(bytes, from, to, scale));
  }

  text(bytes: Buffer, from: number, to: number): void {
    // A statement that is cancelled gives its batch back before the row has left.
    this.#parts.push({ kind: 'bytes', bytes: Buffer.from(bytes.subarray(from, to)) });
  }

  value(field: number, value: Exclude<ColumnValue, null>): void {
    this.add(field, 'text', value);
  }

  /** Puts one piece after another into `writer`. @throws SqlError `program_limit_exceeded` at once. */
  write(writer: MessageWriter, type: 'D' | 'd'): Iterator<void, void> {
    const size = this.#parts.reduce((sum, part) => sum + 4 + sizeOf(part), 6);
    if (size > MESSAGE_BYTES_MAX) {
      throw new SqlError('program_limit_exceeded', `a row of ${size} bytes exceeds what a message holds`);
    }
    return this.#pieces(writer, type, size);
  }

  *#pieces(writer: MessageWriter, type: 'D' | 'd', size: number): Generator<void, void> {
    writer.int8(type.charCodeAt(0)).int32(size).int16(this.#parts.length);
    for (const part of this.#parts) {
      if (part.kind === 'whole') {
        writer.bytes(part.bytes);
        continue;
      }
      writer.int32(sizeOf(part));
      if (part.kind === 'text') {
        yield* writeText(writer, part.text);
        continue;
      }
      const { kind, bytes } = part;
      if (kind === 'hexadecimal') writer.raw('\\x');
      for (let at = 0; at < bytes.length; at += PIECE) {
        const piece = bytes.subarray(at, at + PIECE);
        if (kind === 'bytes') writer.bytes(piece);
        else writer.raw(Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('hex'));
        yield;
      }
    }
  }

  /** A field with its length. */
  #whole(put: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter();
    put(writer);
    this.#parts.push({ kind: 'whole', bytes: writer.copyFrom(0) });
  }
}

function sizeOf(part: Part): number {
  if (part.kind === 'text') return part.size;
  if (part.kind === 'hexadecimal') return 2 + part.bytes.length * 2;
  // Its length is among its bytes.
  return part.kind === 'whole' ? part.bytes.length - 4 : part.bytes.length;
}

function* writeText(writer: MessageWriter, text: string): Generator<void, void> {
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + PIECE);
    // A pair of surrogates is one character.
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
    writer.raw(text.slice(at, end));
    at = end;
    yield;
  }
}
