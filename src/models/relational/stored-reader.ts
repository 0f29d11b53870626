/**
 * Reads some columns of a stored row (row-codec.ts draws it) and steps over the others, without asking for each value
 * again of what type it is: that was turned into a list of steps, once for all rows.
 *
 * The common types are read here, straight from the bytes; all others by `ValueReader`.
 */

import { OperationError } from '../../base/errors.ts';
import { Numeric } from './numeric.ts';
import type { ColumnValue } from './table.ts';
import { type Form, smallDigits, ValueReader } from './value-codec.ts';

/** The first byte of a row. On disk since format 1. */
export const ROW_FORMAT = 1;

export interface StoredColumns {
  /** Where the value of each stored column goes, as far as any is wanted; below 0 it is stepped over. */
  readonly targets: readonly number[];
  readonly forms: readonly Form[];
  readonly modifiers: readonly number[];
  /** What rows hold that store fewer columns; undefined for nulls. */
  readonly missing: readonly ColumnValue[] | undefined;
  /** Stored columns that there are now. */
  readonly count: number;
}

const STEP_FIXED = 0;
const STEP_VARIABLE = 1;
const STEP_NUMERIC = 2;
const STEP_OTHER = 3;
const READ_INT4 = 4;
const READ_DATE = 5;
const READ_NUMERIC = 6;
const READ_TEXT = 7;
const READ_INT8 = 8;
const READ_OTHER = 9;

/** The modifier of `character(1)`. */
const ONE_CHARACTER = 5;
const DATE_INFINITY = 2_147_483_647;
/** Digits of a numeric that are a number for sure. */
const SMALL_DIGITS = 15;
/** In place of where a value begins: there is none, or the row was written before its column was added. */
export const LOCATED_NULL = 0;
export const LOCATED_MISSING = -1;

/** Nothing is read into it. */
const NO_ROW: ColumnValue[] = [];

/** Bytes of a stored value, of those forms that have the same for all. */
export const SIZES: Readonly<Record<string, number>> = {
  bool: 1,
  int2: 2,
  int4: 4,
  float4: 4,
  uint4: 4,
  date: 4,
  int8: 8,
  uint8: 8,
  float8: 8,
  time: 6,
  timetz: 10,
  interval: 16,
  uuid: 16,
};

function stepOf(form: Form, modifier: number, wanted: boolean): number {
  if (typeof form !== 'string') return wanted ? READ_OTHER : STEP_OTHER;
  if (!wanted) {
    if (SIZES[form] !== undefined) return STEP_FIXED;
    if (form === 'numeric') return STEP_NUMERIC;
    return form === 'inet' || form === 'label' || form === 'gone' ? STEP_OTHER : STEP_VARIABLE;
  }
  switch (form) {
    case 'int4':
      return READ_INT4;
    case 'date':
      return READ_DATE;
    case 'numeric':
      return READ_NUMERIC;
    case 'text':
      return READ_TEXT;
    case 'bpchar':
      // Where one character fills it, nothing is filled up.
      return modifier === ONE_CHARACTER ? READ_TEXT : READ_OTHER;
    case 'int8':
      return READ_INT8;
    default:
      return READ_OTHER;
  }
}

export class StoredReader {
  readonly #columns: StoredColumns;
  readonly #steps: Uint8Array;
  /** As `#steps`, where all values are stepped over. */
  readonly #skips: Uint8Array;
  readonly #sizes: Uint8Array;
  readonly #targets: Int32Array;
  readonly #reader = new ValueReader();
  /** Columns of the row that is being read. */
  #count = 0;

  constructor(columns: StoredColumns) {
    this.#columns = columns;
    this.#targets = Int32Array.from(columns.targets);
    this.#steps = Uint8Array.from(columns.targets, (place, i) =>
      stepOf(columns.forms[i]!, columns.modifiers[i]!, place >= 0),
    );
    this.#skips = Uint8Array.from(columns.targets, (_, i) => stepOf(columns.forms[i]!, columns.modifiers[i]!, false));
    this.#sizes = Uint8Array.from(columns.targets, (_, i) => {
      const form = columns.forms[i]!;
      return typeof form === 'string' ? (SIZES[form] ?? 0) : 0;
    });
  }

  /** The row that begins at `from` and ends at `end`. @throws OperationError `corruption`. */
  read(bytes: Buffer, from: number, end: number, row: ColumnValue[]): void {
    const { missing, forms, modifiers } = this.#columns;
    const targets = this.#targets;
    const steps = this.#steps;
    const bitmapAt = this.#enter(bytes, from);
    const count = this.#count;
    let at = bitmapAt + ((count + 7) >> 3);
    const last = count < targets.length ? count : targets.length;
    for (let i = 0; i < last; i++) {
      const place = targets[i]!;
      if ((bytes[bitmapAt + (i >> 3)]! & (1 << (i & 7))) !== 0) {
        if (place >= 0) row[place] = null;
        continue;
      }
      switch (steps[i]) {
        case STEP_FIXED:
          at += this.#sizes[i]!;
          break;
        case STEP_NUMERIC:
          while (bytes[at]! >= 0x80) at++;
          // The scale is followed by what all of variable length are.
          at = this.#reader.behindVariable(bytes, at + 1, end);
          break;
        case STEP_VARIABLE:
          at = this.#reader.behindVariable(bytes, at, end);
          break;
        case READ_INT4:
          row[place] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
          at += 4;
          break;
        case READ_DATE: {
          const days = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
          at += 4;
          row[place] =
            days === DATE_INFINITY
              ? Number.POSITIVE_INFINITY
              : days === -DATE_INFINITY - 1
                ? Number.NEGATIVE_INFINITY
                : days;
          break;
        }
        case READ_NUMERIC: {
          const scale = bytes[at]!;
          const length = bytes[at + 1]!;
          const start = at + 2;
          const small =
            scale < 0x80 && length <= SMALL_DIGITS && start + length <= end
              ? smallDigits(bytes, start, start + length)
              : Number.NaN;
          if (!Number.isNaN(small)) {
            row[place] = new Numeric(small, scale);
            at = start + length;
            break;
          }
          at = this.#readOther(bytes, at, end, forms[i]!, modifiers[i]!, row, place);
          break;
        }
        case READ_TEXT: {
          const length = bytes[at]!;
          if (length === 1 && bytes[at + 1]! < 0x80 && at + 2 <= end) {
            row[place] = String.fromCharCode(bytes[at + 1]!);
            at += 2;
            break;
          }
          at = this.#readOther(bytes, at, end, forms[i]!, modifiers[i]!, row, place);
          break;
        }
        case READ_INT8:
          if (at + 8 > end) throw new OperationError('corruption', 'a row ends within a value');
          row[place] = bytes.readBigInt64LE(at);
          at += 8;
          break;
        default:
          at = this.#readOther(bytes, at, end, forms[i]!, modifiers[i]!, row, place);
      }
    }
    this.#leave(at, end, last);
    for (let i = last; i < targets.length; i++) {
      const place = targets[i]!;
      if (place >= 0) row[place] = missing === undefined ? null : missing[i]!;
    }
  }

  /**
   * As `read`, but tells only where the wanted values begin in `bytes`: in `places`, or `LOCATED_NULL` or `LOCATED_MISSING`.
   * @throws OperationError `corruption`.
   */
  locate(bytes: Buffer, from: number, end: number, places: Int32Array): void {
    const { forms, modifiers } = this.#columns;
    const targets = this.#targets;
    const skips = this.#skips;
    const bitmapAt = this.#enter(bytes, from);
    const count = this.#count;
    let at = bitmapAt + ((count + 7) >> 3);
    const last = count < targets.length ? count : targets.length;
    for (let i = 0; i < last; i++) {
      const place = targets[i]!;
      const isNull = (bytes[bitmapAt + (i >> 3)]! & (1 << (i & 7))) !== 0;
      if (place >= 0) places[place] = isNull ? LOCATED_NULL : at;
      if (isNull) continue;
      switch (skips[i]) {
        case STEP_FIXED:
          at += this.#sizes[i]!;
          break;
        case STEP_NUMERIC:
          while (bytes[at]! >= 0x80) at++;
          at = this.#reader.behindVariable(bytes, at + 1, end);
          break;
        case STEP_VARIABLE:
          at = this.#reader.behindVariable(bytes, at, end);
          break;
        default:
          at = this.#readOther(bytes, at, end, forms[i]!, modifiers[i]!, NO_ROW, -1);
      }
    }
    this.#leave(at, end, last);
    for (let i = last; i < targets.length; i++) if (targets[i]! >= 0) places[targets[i]!] = LOCATED_MISSING;
  }

  /** Takes the count of the row that begins at `from`. @returns where the bits of its nulls are. */
  #enter(bytes: Buffer, from: number): number {
    const { count: known } = this.#columns;
    if (bytes[from] !== ROW_FORMAT) throw new OperationError('corruption', `unknown row format ${bytes[from]}`);
    let at = from + 1;
    // The version of the table.
    while (bytes[at]! >= 0x80) at++;
    at++;
    let count = bytes[at++]!;
    if (count >= 0x80) count = (count & 0x7f) + bytes[at++]! * 128;
    if (count > known) {
      throw new OperationError('corruption', `a row stores ${count} columns of a table with ${known}`);
    }
    this.#count = count;
    return at;
  }

  /** @param last Columns that were read or stepped over, up to `at`. */
  #leave(at: number, end: number, last: number): void {
    if (at > end) throw new OperationError('corruption', 'a row ends early');
    if (last === this.#count && at !== end && last === this.#columns.count) {
      throw new OperationError('corruption', 'a row is longer than its columns');
    }
  }

  /** @param place Below 0 to step over it. @returns where it ends. */
  #readOther(
    bytes: Buffer,
    at: number,
    end: number,
    form: Form,
    modifier: number,
    row: ColumnValue[],
    place: number,
  ): number {
    const reader = this.#reader.reset(bytes, at, end);
    try {
      if (place < 0) reader.skip(form, modifier);
      else row[place] = reader.value(form, modifier);
    } catch (error) {
      if (error instanceof RangeError) throw new OperationError('corruption', 'a row ends early', { cause: error });
      throw error;
    }
    return reader.at;
  }
}
