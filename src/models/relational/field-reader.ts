/**
 * Writes out columns of stored rows without making a row of them: integers, short decimals and text go from the stored bytes
 * to where they are wanted, values of all other types are made and handed over.
 *
 * Row-codec.ts draws a stored row.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { RowKeys } from './keys.ts';
import { LOCATED_MISSING, LOCATED_NULL, type StoredReader } from './stored-reader.ts';
import type { ColumnValue } from './table.ts';
import { type Form, ValueReader } from './value-codec.ts';

/** Takes the fields of one row after another, in order. */
export interface FieldSink {
  null(): void;
  integer(value: number): void;
  /**
   * The number that the digits in `bytes[from, to)`, behind a `-` where it is below 0, make with `scale` of them behind the
   * point: 0 to 64.
   */
  digits(bytes: Buffer, from: number, to: number, scale: number): void;
  /** UTF-8 text: `bytes[from, to)`, to be copied. */
  text(bytes: Buffer, from: number, to: number): void;
  /** @param field Which of the row's it is, from 0. */
  value(field: number, value: Exclude<ColumnValue, null>): void;
}

export interface FieldColumn {
  /** In the key, among the values that are read of it; else in the row. */
  readonly isInKey: boolean;
  readonly isInteger: boolean;
  /** Whether the bytes of its text form are what is stored. */
  readonly isText: boolean;
  readonly form: Form;
  readonly modifier: number;
  /** Of rows that were written before the column was added. */
  readonly missing: ColumnValue;
}

const KEY_INTEGER = 0;
const KEY_VALUE = 1;
const INTEGER = 2;
const NUMERIC = 3;
const TEXT = 4;
const OTHER = 5;

/** Digits behind the point that a sink takes. */
const SCALE_MAX = 64;

export class FieldReader {
  readonly #columns: readonly FieldColumn[];
  readonly #kinds: Uint8Array;
  readonly #keys: RowKeys;
  readonly #keyFields: readonly number[];
  readonly #keyCount: number;
  readonly #keyValues: ColumnValue[];
  readonly #stored: StoredReader | undefined;
  readonly #located: Int32Array;
  readonly #reader = new ValueReader();

  /**
   * @param ofKey The field of each column of the key, below 0 where nobody wants it, and how many there are up to the last
   * that is wanted. @param stored Locates the other fields; undefined when there are none.
   */
  constructor(
    columns: readonly FieldColumn[],
    keys: RowKeys,
    ofKey: { readonly fields: readonly number[]; readonly count: number },
    stored: StoredReader | undefined,
  ) {
    this.#columns = columns;
    this.#kinds = Uint8Array.from(columns, kindOf);
    this.#keys = keys;
    this.#keyFields = ofKey.fields;
    this.#keyCount = ofKey.count;
    this.#keyValues = new Array<ColumnValue>(columns.length).fill(null);
    this.#stored = stored;
    this.#located = new Int32Array(columns.length);
  }

  /**
   * The row under the key that begins at `keyAt` of `key`, whose value is `bytes[valueAt, end)`.
   * @throws OperationError `corruption`.
   */
  write(sink: FieldSink, key: Bytes, keyAt: number, bytes: Bytes, valueAt: number, end: number): void {
    const keyValues = this.#keyValues;
    const located = this.#located;
    const kinds = this.#kinds;
    const buffer = asBuffer(bytes);
    if (this.#keyCount > 0) this.#keys.readInto(key, keyAt, keyValues, this.#keyFields, this.#keyCount);
    this.#stored?.locate(buffer, valueAt, end, located);
    for (let field = 0; field < kinds.length; field++) {
      const kind = kinds[field]!;
      if (kind === KEY_INTEGER) {
        sink.integer(keyValues[field] as number);
        continue;
      }
      const at = located[field]!;
      if (kind === KEY_VALUE) this.#writeValue(sink, field, keyValues[field]!);
      else if (at === LOCATED_NULL) sink.null();
      else if (at === LOCATED_MISSING) this.#writeValue(sink, field, this.#columns[field]!.missing);
      else if (kind === INTEGER) {
        sink.integer(buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24));
      } else if (kind === NUMERIC) this.#writeNumeric(sink, field, buffer, at, end);
      else if (kind === TEXT && buffer[at]! < 0x80) sink.text(buffer, at + 1, at + 1 + buffer[at]!);
      else this.#writeOther(sink, field, buffer, at, end);
    }
  }

  #writeValue(sink: FieldSink, field: number, value: ColumnValue): void {
    if (value === null) sink.null();
    else sink.value(field, value);
  }

  #writeNumeric(sink: FieldSink, field: number, buffer: Buffer, at: number, end: number): void {
    const scale = buffer[at]!;
    const length = buffer[at + 1]!;
    const start = at + 2;
    if (scale <= SCALE_MAX && length < 0x80 && start + length <= end && areDigits(buffer, start, start + length)) {
      sink.digits(buffer, start, start + length, scale);
    } else this.#writeOther(sink, field, buffer, at, end);
  }

  #writeOther(sink: FieldSink, field: number, buffer: Buffer, at: number, end: number): void {
    const { form, modifier } = this.#columns[field]!;
    let value: Exclude<ColumnValue, null>;
    try {
      value = this.#reader.reset(buffer, at, end).value(form, modifier);
    } catch (error) {
      if (error instanceof RangeError) throw new OperationError('corruption', 'a row ends early', { cause: error });
      throw error;
    }
    sink.value(field, value);
  }
}

/** As numbers are stored; infinities and what is not a number have letters in place of digits. */
function areDigits(bytes: Buffer, from: number, to: number): boolean {
  const first = bytes[from] === 0x2d ? from + 1 : from;
  for (let i = first; i < to; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return false;
  return first < to;
}

function kindOf({ isInKey, isInteger, isText, form }: FieldColumn): number {
  if (isInKey) return isInteger ? KEY_INTEGER : KEY_VALUE;
  if (isInteger && form === 'int4') return INTEGER;
  if (form === 'numeric') return NUMERIC;
  return isText && form === 'text' ? TEXT : OTHER;
}
