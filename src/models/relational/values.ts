/**
 * Values that JavaScript has no plain type for, as rows hold them. Immutable data; what they mean in SQL (text, order,
 * arithmetic) is for the SQL types to say.
 */

import type { ColumnType, ColumnValue } from './table.ts';

/** A length of time that keeps its months and days, since neither has a fixed length. */
export class Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;

  constructor(months: number, days: number, micros: bigint) {
    this.months = months;
    this.days = days;
    this.micros = micros;
  }
}

/** A time of day at an offset from UTC. */
export class TimeTz {
  /** Microseconds since local midnight: 0 to 86,400,000,000. */
  readonly micros: number;
  /** Seconds that local time is ahead of UTC. */
  readonly offset: number;

  constructor(micros: number, offset: number) {
    this.micros = micros;
    this.offset = offset;
  }
}

/** A JSON value: objects are maps, ordered and without repeated names as `jsonb` wants it; numbers are exact. */
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** Implemented by Numeric; named here so that this file says what a tree holds. */
export interface JsonNumber {
  readonly digits: bigint;
  readonly scale: number;
  toString(): string;
}

/** A value of type jsonb: its normalised text, its tree, or both; each is made from the other when it is asked for. */
export class Jsonb {
  #text: string | undefined;
  #tree: JsonValue | undefined;
  readonly #parse: (text: string) => JsonValue;
  readonly #print: (tree: JsonValue) => string;

  constructor(codec: JsonCodec, from: { readonly text: string } | { readonly tree: JsonValue }) {
    this.#parse = codec.parse;
    this.#print = codec.print;
    if ('text' in from) this.#text = from.text;
    else this.#tree = from.tree;
  }

  /** Normalised: names by length and bytes, one space behind colons and commas. */
  get text(): string {
    this.#text ??= this.#print(this.#tree!);
    return this.#text;
  }

  get tree(): JsonValue {
    if (this.#tree === undefined) this.#tree = this.#parse(this.#text!);
    return this.#tree;
  }

  toString(): string {
    return this.text;
  }
}

export interface JsonCodec {
  /** Of normalised text. */
  parse(text: string): JsonValue;
  print(tree: JsonValue): string;
}

/** An array of any number of dimensions; the empty array has none. */
export class SqlArray {
  readonly element: ColumnType;
  /** Lengths, outermost first. */
  readonly dimensions: readonly number[];
  /** First subscript of each dimension, mostly 1. */
  readonly lowers: readonly number[];
  /** All elements, the last dimension fastest. */
  readonly values: readonly ColumnValue[];

  constructor(
    element: ColumnType,
    values: readonly ColumnValue[],
    dimensions: readonly number[] = values.length === 0 ? [] : [values.length],
    lowers: readonly number[] = dimensions.map(() => 1),
  ) {
    this.element = element;
    this.values = values;
    this.dimensions = dimensions;
    this.lowers = lowers;
  }
}

/** What lies between two bounds; an absent bound is infinite. Empty ranges are all alike. */
export class SqlRange {
  readonly empty: boolean;
  readonly lower: ColumnValue;
  readonly upper: ColumnValue;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;

  constructor(
    lower: ColumnValue,
    upper: ColumnValue,
    lowerInclusive: boolean,
    upperInclusive: boolean,
    empty: boolean = false,
  ) {
    this.lower = lower;
    this.upper = upper;
    this.lowerInclusive = lowerInclusive;
    this.upperInclusive = upperInclusive;
    this.empty = empty;
  }
}

export const EMPTY_RANGE = new SqlRange(null, null, false, false, true);

/** An IPv4 or IPv6 address with the length of its network's prefix. */
export class Inet {
  /** 4 or 16 bytes, in network order. */
  readonly bytes: Uint8Array;
  /** 0 to 32, or 0 to 128. */
  readonly bits: number;

  constructor(bytes: Uint8Array, bits: number) {
    this.bytes = bytes;
    this.bits = bits;
  }
}

/** Several values as one: a row constructor's result, or a value of a composite type. */
export class SqlRecord {
  readonly types: readonly ColumnType[];
  readonly values: readonly ColumnValue[];

  constructor(types: readonly ColumnType[], values: readonly ColumnValue[]) {
    this.types = types;
    this.values = values;
  }
}
