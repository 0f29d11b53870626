/**
 * Reads columns of many stored rows (row-codec.ts draws one) into vectors: the common types straight from the bytes, all
 * others value by value.
 *
 * What was read of entries that somebody keeps stays with them, as far as whoever keeps them has room for it: the next
 * reader finds it there.
 */

import type { PackedEntries } from '../../storage/packed-entries.ts';
import { type ColumnVector, slice, type TextVector } from './column-vector.ts';
import type { ColumnReader } from './row-codec.ts';
import { ROW_FORMAT, SIZES } from './stored-reader.ts';
import type { ColumnType, ColumnValue } from './table.ts';
import { type Form, smallDigits, ValueReader } from './value-codec.ts';

export interface VectorColumn {
  /** In the row; tells what was read before. */
  readonly position: number;
  readonly type: ColumnType;
  /** Which of the stored columns it is; below 0 for one that the key holds. */
  readonly stored: number;
  readonly modifier: number;
}

export interface StoredForms {
  readonly forms: readonly Form[];
  /** Stored columns that there are now. */
  readonly count: number;
}

/** What was read of some entries, by the positions of columns. */
class Kept {
  readonly vectors = new Map<number, ColumnVector>();
  readonly owner: object;
  readonly from: number;
  readonly to: number;

  constructor(owner: object, from: number, to: number) {
    this.owner = owner;
    this.from = from;
    this.to = to;
  }
}

const STEP_FIXED = 0;
const STEP_NUMERIC = 1;
const STEP_VARIABLE = 2;
const STEP_OTHER = 3;
const READ_INT4 = 4;
const READ_NUMERIC = 5;
const READ_TEXT = 6;

const DATE_INFINITY = 2_147_483_647;
/** Digits of a numeric, a minus included, that are a safe integer for sure. */
const SMALL_DIGITS = 15;
/** The objects of one vector. */
const VECTOR_BYTES = 320;
/** Of a value that is an object of its own, about. */
const VALUE_BYTES = 40;

/** Types that vectors hold as integers when they come from a key. */
const INTEGERS: ReadonlySet<ColumnType> = new Set<ColumnType>(['int2', 'int4', 'date']);

export class VectorReader {
  readonly #owner: object;
  readonly #columns: readonly VectorColumn[];
  readonly #stored: StoredForms;
  /** Reads one column into the only place of a row. */
  readonly #single: (position: number) => ColumnReader;
  readonly #singles = new Map<number, ColumnReader>();
  readonly #reader = new ValueReader();

  /**
   * @param owner Stands for the version of the table: what was read for another one is read anew.
   */
  constructor(
    owner: object,
    columns: readonly VectorColumn[],
    stored: StoredForms,
    single: (position: number) => ColumnReader,
  ) {
    this.#owner = owner;
    this.#columns = columns;
    this.#stored = stored;
    this.#single = single;
  }

  /** A vector for each column, over all of the entries. @throws OperationError `corruption`. */
  read(entries: PackedEntries): readonly ColumnVector[] {
    const { from, to, shared } = entries;
    let kept = shared.derived instanceof Kept ? shared.derived : undefined;
    if (kept !== undefined && (kept.owner !== this.#owner || kept.from > from || kept.to < to)) kept = undefined;
    const missing =
      kept === undefined ? this.#columns : this.#columns.filter((each) => !kept!.vectors.has(each.position));
    const read = missing.length === 0 ? undefined : this.#readAll(entries, missing);
    if (read === undefined || kept === undefined || (kept.from === from && kept.to === to)) {
      if (read !== undefined) this.#keep(entries, kept, read);
      return this.#columns.map(({ position }) => {
        const fresh = read?.get(position);
        if (fresh !== undefined) return fresh;
        const old = kept!.vectors.get(position)!;
        return kept!.from === from && kept!.to === to ? old : slice(old, from - kept!.from, to - kept!.from);
      });
    }
    return this.#columns.map(
      ({ position }) => read.get(position) ?? slice(kept!.vectors.get(position)!, from - kept!.from, to - kept!.from),
    );
  }

  #keep(entries: PackedEntries, before: Kept | undefined, read: ReadonlyMap<number, ColumnVector>): void {
    const { shared, from, to } = entries;
    // Of a small part of the entries it would stand in the way of what is read of all.
    if (to - from < entries.length >> 1) return;
    let bytes = 0;
    for (const vector of read.values()) bytes += memoryBytes(vector);
    let kept = before;
    if (kept === undefined) {
      shared.forget();
      kept = new Kept(this.#owner, from, to);
    }
    if (!shared.keep(kept, bytes)) return;
    for (const [position, vector] of read) kept.vectors.set(position, vector);
  }

  #readAll(entries: PackedEntries, wanted: readonly VectorColumn[]): Map<number, ColumnVector> {
    const found = new Map<number, ColumnVector>();
    const stored = wanted.filter((each) => each.stored >= 0);
    const typed = stored.length === 0 ? [] : this.#readStored(entries, stored);
    stored.forEach(({ position }, i) => {
      const vector = typed[i];
      if (vector !== undefined) found.set(position, vector);
    });
    for (const each of wanted) {
      if (!found.has(each.position)) found.set(each.position, this.#readSingly(entries, each));
    }
    return found;
  }

  #readSingly({ bytes, offsets, from, to }: PackedEntries, { position, type }: VectorColumn): ColumnVector {
    let reader = this.#singles.get(position);
    if (reader === undefined) {
      reader = this.#single(position);
      this.#singles.set(position, reader);
    }
    const row: ColumnValue[] = [null];
    const values: ColumnValue[] = new Array<ColumnValue>(to - from);
    let whole = INTEGERS.has(type);
    for (let i = from; i < to; i++) {
      row[0] = null;
      reader.readAt(bytes, offsets[i * 2]!, offsets[i * 2 + 1]!, offsets[i * 2 + 2]!, row);
      const [value] = row;
      values[i - from] = value!;
      if (whole && !Number.isSafeInteger(value)) whole = false;
    }
    return whole
      ? { kind: 'int', values: Int32Array.from(values as number[]), nulls: undefined }
      : { kind: 'values', values };
  }

  /** Undefined for a column with values that a vector of its type cannot hold. */
  #readStored(
    { bytes, offsets, from, to }: PackedEntries,
    wanted: readonly VectorColumn[],
  ): readonly (ColumnVector | undefined)[] {
    const { forms, count: known } = this.#stored;
    const rows = to - from;
    const width = Math.max(...wanted.map(({ stored }) => stored)) + 1;
    const targets = new Int32Array(width).fill(-1);
    wanted.forEach(({ stored }, i) => {
      targets[stored] = i;
    });
    const steps = new Uint8Array(width);
    const sizes = new Uint8Array(width);
    const ints: Int32Array[] = [];
    const decimals: Float64Array[] = [];
    const scales: number[] = new Array<number>(wanted.length).fill(-1);
    const starts: Uint32Array[] = [];
    const ends: Uint32Array[] = [];
    const nulls: (Uint8Array | undefined)[] = new Array<undefined>(wanted.length).fill(undefined);
    const failed: boolean[] = new Array<boolean>(wanted.length).fill(false);
    for (let c = 0; c < width; c++) {
      const form = forms[c]!;
      const target = targets[c]!;
      sizes[c] = typeof form === 'string' ? (SIZES[form] ?? 0) : 0;
      let step = typeof form !== 'string' || form === 'inet' ? STEP_OTHER : STEP_VARIABLE;
      if (sizes[c]! > 0) step = STEP_FIXED;
      else if (form === 'numeric') step = STEP_NUMERIC;
      if (target >= 0) {
        const { modifier } = wanted[target]!;
        if (form === 'int4' || form === 'date') {
          step = READ_INT4;
          ints[target] = new Int32Array(rows);
        } else if (form === 'numeric') {
          step = READ_NUMERIC;
          decimals[target] = new Float64Array(rows);
        } else if (form === 'text' || (form === 'bpchar' && modifier >= 0)) {
          step = READ_TEXT;
          starts[target] = new Uint32Array(rows);
          ends[target] = new Uint32Array(rows);
        } else failed[target] = true;
      }
      steps[c] = step;
    }
    const dates = wanted.map(({ stored }) => forms[stored] === 'date');
    for (let row = 0; row < rows; row++) {
      const entry = (from + row) * 2;
      const end = offsets[entry + 2]!;
      let at = offsets[entry + 1]!;
      // What is no row of this form is left to those who read one value at a time, and say what is wrong.
      if (bytes[at] !== ROW_FORMAT) return [];
      at++;
      while (bytes[at]! >= 0x80) at++;
      at++;
      let count = bytes[at++]!;
      if (count >= 0x80) count = (count & 0x7f) + bytes[at++]! * 128;
      if (count > known) return [];
      const bitmapAt = at;
      at += (count + 7) >> 3;
      const last = count < width ? count : width;
      for (let c = 0; c < last; c++) {
        const target = targets[c]!;
        if ((bytes[bitmapAt + (c >> 3)]! & (1 << (c & 7))) !== 0) {
          if (target >= 0) {
            nulls[target] ??= new Uint8Array(rows);
            nulls[target][row] = 1;
          }
          continue;
        }
        switch (steps[c]) {
          case STEP_FIXED:
            at += sizes[c]!;
            break;
          case STEP_NUMERIC:
            while (bytes[at]! >= 0x80) at++;
            // The scale is followed by what all of variable length are.
            at = this.#reader.behindVariable(bytes, at + 1, end);
            break;
          case STEP_VARIABLE:
            at = this.#reader.behindVariable(bytes, at, end);
            break;
          case READ_INT4: {
            const value = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
            at += 4;
            ints[target]![row] = value;
            if (dates[target]! && (value === DATE_INFINITY || value === -DATE_INFINITY - 1)) failed[target] = true;
            break;
          }
          case READ_NUMERIC: {
            const scale = bytes[at]!;
            const length = bytes[at + 1]!;
            const start = at + 2;
            if (scale < 0x80 && length <= SMALL_DIGITS && start + length <= end) {
              const small = smallDigits(bytes, start, start + length);
              if (scales[target] === -1) scales[target] = scale;
              if (scales[target] !== scale || Number.isNaN(small)) failed[target] = true;
              else decimals[target]![row] = small;
              at = start + length;
              break;
            }
            failed[target] = true;
            while (bytes[at]! >= 0x80) at++;
            at = this.#reader.behindVariable(bytes, at + 1, end);
            break;
          }
          case READ_TEXT: {
            const length = bytes[at]!;
            if (length < 0x80) {
              starts[target]![row] = at + 1;
              at += 1 + length;
            } else {
              const reader = this.#reader.reset(bytes, at, end);
              const size = reader.varint();
              starts[target]![row] = reader.at;
              at = reader.at + size;
            }
            ends[target]![row] = at;
            break;
          }
          default: {
            const reader = this.#reader.reset(bytes, at, end);
            reader.skip(forms[c]!, -1);
            at = reader.at;
          }
        }
      }
      if (at > end) return [];
      // A row that was written before these columns were added.
      for (let c = last; c < width; c++) if (targets[c]! >= 0) failed[targets[c]!] = true;
    }
    return wanted.map(({ stored, modifier }, i): ColumnVector | undefined => {
      if (failed[i]) return undefined;
      if (ints[i] !== undefined) return { kind: 'int', values: ints[i]!, nulls: nulls[i] };
      if (decimals[i] !== undefined) {
        return { kind: 'decimal', values: decimals[i]!, scale: Math.max(scales[i]!, 0), nulls: nulls[i] };
      }
      const padded = forms[stored] === 'bpchar' ? modifier : -1;
      const text: TextVector = {
        kind: 'text',
        bytes,
        starts: starts[i]!,
        ends: ends[i]!,
        modifier: padded,
        nulls: nulls[i],
      };
      return text;
    });
  }
}

/** Of a vector, without the memory that texts lie in. */
function memoryBytes(vector: ColumnVector): number {
  if (vector.kind === 'values') return VECTOR_BYTES + vector.values.length * VALUE_BYTES;
  const nulls = vector.nulls?.length ?? 0;
  if (vector.kind === 'text') return VECTOR_BYTES + vector.starts.byteLength * 2 + nulls;
  return VECTOR_BYTES + vector.values.byteLength + nulls;
}
