/**
 * Turns the values of a key column into integers of 32 bits, equal where the values are equal in SQL's sense: integers and
 * dates are themselves, short texts their bytes, all else is numbered as it comes.
 */

import { type ColumnVector, textAt, valueAt } from '../../../models/relational/column-vector.ts';
import { type DistinctKey, distinctKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { keyBytes } from '../types/value-bytes.ts';

/** Texts of so few bytes are their own code: the bytes, and their count above them. */
const SHORT_BYTES = 3;
const FIRST_NUMBER = (SHORT_BYTES + 1) << 24;

export class KeyCodes {
  readonly #type: SqlType;
  readonly #isInteger: boolean;
  readonly #isText: boolean;
  readonly #numbers = new Map<DistinctKey, number>();
  /** Estimated, of all values that were numbered. */
  bytes = 0;

  constructor(type: SqlType) {
    this.#type = type;
    this.#isInteger = type === 'int2' || type === 'int4';
    this.#isText = type === 'text' || type === 'varchar' || type === 'bpchar';
  }

  /**
   * Codes of the first `count` values.
   * @param nulls Gets `bit` set where the value is null, and where nothing equal is known unless `adds`.
   */
  read(vector: ColumnVector, count: number, codes: Int32Array, nulls: Int32Array, bit: number, adds: boolean): void {
    if (vector.kind === 'int' && (this.#isInteger || this.#type === 'date')) {
      codes.set(vector.values.length === count ? vector.values : vector.values.subarray(0, count));
      if (vector.nulls === undefined) return;
      for (let i = 0; i < count; i++) {
        if (vector.nulls[i] === 0) continue;
        codes[i] = 0;
        nulls[i]! |= bit;
      }
      return;
    }
    const isText = vector.kind === 'text' && this.#isText;
    for (let i = 0; i < count; i++) {
      codes[i] = 0;
      if (isText && (vector.nulls === undefined || vector.nulls[i] === 0)) {
        const start = vector.starts[i]!;
        const length = vector.ends[i]! - start;
        if (length <= SHORT_BYTES) {
          let code = length << 24;
          for (let at = 0; at < length; at++) code |= vector.bytes[start + at]! << (at * 8);
          codes[i] = code;
          continue;
        }
      }
      const code =
        isText && vector.nulls?.[i] !== 1 ? this.#number(textAt(vector, i), adds) : this.#code(vector, i, adds);
      if (code === undefined) nulls[i]! |= bit;
      else codes[i] = code;
    }
  }

  #code(vector: ColumnVector, at: number, adds: boolean): number | undefined {
    const value = valueAt(vector, at);
    if (value === null) return undefined;
    if (this.#isInteger) return value as number;
    if (this.#type === 'date' && Number.isFinite(value)) return value as number;
    // The ends of time are not among the days.
    if (this.#type === 'date') return (value as number) > 0 ? 0x7fff_ffff : -0x8000_0000;
    const key = distinctKey(this.#type, value);
    if (this.#isText && typeof key === 'string' && key.length <= SHORT_BYTES) {
      const bytes = Buffer.from(key);
      if (bytes.length <= SHORT_BYTES) {
        let code = bytes.length << 24;
        for (let i = 0; i < bytes.length; i++) code |= bytes[i]! << (i * 8);
        return code;
      }
    }
    return this.#number(key, adds);
  }

  #number(key: DistinctKey, adds: boolean): number | undefined {
    const known = this.#numbers.get(key);
    if (known !== undefined || !adds) return known;
    const number = FIRST_NUMBER + this.#numbers.size;
    this.#numbers.set(key, number);
    this.bytes += keyBytes(key);
    return number;
  }
}
