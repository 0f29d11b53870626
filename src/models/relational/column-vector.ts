/**
 * Values of one column of many rows, side by side: what is computed over without making an object of each value.
 *
 * Vectors are not modified once they are made; several readers may share one. Where a bit of `nulls` is set the value at
 * that place is null, whatever else lies there.
 */

import { Numeric } from './numeric.ts';
import { withPadding } from './padding.ts';
import type { ColumnValue } from './table.ts';

/** Integers of 32 bits, and dates that are finite. */
export interface IntVector {
  readonly kind: 'int';
  readonly values: Int32Array;
  readonly nulls: Uint8Array | undefined;
}

/** Finite numerics of one scale whose digits are safe integers. */
export interface DecimalVector {
  readonly kind: 'decimal';
  readonly values: Float64Array;
  readonly scale: number;
  readonly nulls: Uint8Array | undefined;
}

/** Texts as UTF-8: where each begins and ends in `bytes`. */
export interface TextVector {
  readonly kind: 'text';
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Of `character(n)`, whose spaces at the end are not among the bytes; -1 for all other texts. */
  readonly modifier: number;
  readonly nulls: Uint8Array | undefined;
}

/** Anything, nulls among it. */
export interface ValuesVector {
  readonly kind: 'values';
  readonly values: readonly ColumnValue[];
}

export type ColumnVector = IntVector | DecimalVector | TextVector | ValuesVector;

/** The value at a place as rows hold it. */
export function valueAt(vector: ColumnVector, place: number): ColumnValue {
  if (vector.kind === 'values') return vector.values[place]!;
  if (vector.nulls !== undefined && vector.nulls[place] !== 0) return null;
  switch (vector.kind) {
    case 'int':
      return vector.values[place]!;
    case 'decimal':
      return new Numeric(vector.values[place]!, vector.scale);
    default: {
      const text = textAt(vector, place);
      return vector.modifier < 0 ? text : withPadding(text, vector.modifier);
    }
  }
}

/** The bytes at a place as text, without the spaces that fill it up. */
export function textAt({ bytes, starts, ends }: TextVector, place: number): string {
  return bytes.utf8Slice(starts[place]!, ends[place]!);
}

/**
 * The values at so many places, in their order; a place below 0 gives null. Texts are left where they are, so the result
 * holds on to their memory.
 */
export function gather(vector: ColumnVector, places: Int32Array, count: number): ColumnVector {
  if (vector.kind === 'values') {
    const values: ColumnValue[] = new Array<ColumnValue>(count);
    for (let i = 0; i < count; i++) values[i] = places[i]! < 0 ? null : vector.values[places[i]!]!;
    return { kind: 'values', values };
  }
  const nulls = gatherNulls(vector.nulls, places, count);
  switch (vector.kind) {
    case 'int': {
      const values = new Int32Array(count);
      for (let i = 0; i < count; i++) values[i] = vector.values[places[i]!]!;
      return { kind: 'int', values, nulls };
    }
    case 'decimal': {
      const values = new Float64Array(count);
      for (let i = 0; i < count; i++) values[i] = places[i]! < 0 ? 0 : vector.values[places[i]!]!;
      return { kind: 'decimal', values, scale: vector.scale, nulls };
    }
    default: {
      const starts = new Uint32Array(count);
      const ends = new Uint32Array(count);
      for (let i = 0; i < count; i++) {
        starts[i] = vector.starts[places[i]!]!;
        ends[i] = vector.ends[places[i]!]!;
      }
      return { ...vector, starts, ends, nulls };
    }
  }
}

function gatherNulls(nulls: Uint8Array | undefined, places: Int32Array, count: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const place = places[i]!;
    if (place >= 0 && (nulls === undefined || nulls[place] === 0)) continue;
    found ??= new Uint8Array(count);
    found[i] = 1;
  }
  return found;
}

/** The values from one place up to another, over the same memory. */
export function slice(vector: ColumnVector, from: number, to: number): ColumnVector {
  if (vector.kind === 'values') return { kind: 'values', values: vector.values.slice(from, to) };
  const nulls = vector.nulls?.subarray(from, to);
  switch (vector.kind) {
    case 'int':
      return { kind: 'int', values: vector.values.subarray(from, to), nulls };
    case 'decimal':
      return { ...vector, values: vector.values.subarray(from, to), nulls };
    default:
      return { ...vector, starts: vector.starts.subarray(from, to), ends: vector.ends.subarray(from, to), nulls };
  }
}
