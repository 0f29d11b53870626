/**
 * The order-preserving tuple codec: comparing encoded tuples as unsigned bytes is comparing the tuples.
 *
 * Every element is a tag byte and a body. What holds:
 * - **Order.** Elements of one type sort by value, elements of different types by tag, tuples element by element, and a
 *   shorter tuple before its continuations.
 * - **Self-delimiting.** No element's bytes begin another element's bytes. So the encoding of `(a, b)` is that of `(a)`
 *   followed by that of `(b)`, and `prefixRange(encodeTuple([a]))` holds the tuples that begin with `a` and no others.
 * - **Canonical.** Equal values have equal bytes, and decoding refuses every other spelling, as `corruption`.
 * - **Self-describing.** A descending element is its ascending form with every bit flipped. Tags are below 0x80, so a
 *   first byte of 0x80 or more says that the element is descending: decoding needs no schema.
 *
 *   tag        type        body
 *   01         null        none; sorts before every value
 *   02, 03     boolean     none; false, true
 *   0c … 1c    int64       0x14 ± n, then n bytes of the magnitude, big-endian, no leading zeros, flipped when negative
 *   20         float64     8 bytes: IEEE 754 with the sign bit flipped, or all bits when negative
 *   28 … 2d    decimal     -Infinity, negative, zero, positive, Infinity, NaN; see `#decimalBody`
 *   30         text        UTF-8, 00 as 00 ff, then 00 01
 *   31         bytes       as text
 *   38         timestamp   8 bytes: microseconds since 1970 as int64 with the sign bit flipped
 *   3a         uuid        16 bytes
 *   40         tuple       its elements, then 00
 *   7e         null        none; sorts after every value (`nullsLast`)
 *
 * Numbers of different types do not compare with each other: convert to the column's type first. Decimals sort by value
 * and forget their scale (1.0 and 1.00 are one key, as a unique index wants it); who must print the scale again keeps it
 * beside the key. NaN sorts above Infinity and -0 equals 0, as in PostgreSQL. Text sorts by code point; collations are
 * left to the models, which store what a collation calls its sort key.
 *
 * On disk since format 1: never renumber a tag. docs/formats/tuple.md holds literal bytes, and a test reads them.
 * After FoundationDB's tuple layer (design/tuple.md), with a two-byte end of text as in CockroachDB (util/encoding).
 */

import { isUtf8 } from 'node:buffer';
import { assert, unreachable } from '../base/assert.ts';
import { asBuffer, type Bytes, copyPart, EMPTY_BYTES } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import { type Decimal, decimal, INT64_MAX, INT64_MIN, timestamp, type Uuid, type Value } from '../base/value.ts';

/** `bigint` is int64 and `number` float64: ids are written `7n`, or with `KeyWriter.int(7)`. */
export type TupleValue = Value | readonly TupleValue[];

export interface TupleOrder {
  /** Per element; missing means ascending. */
  readonly descending?: readonly boolean[];
  /** Per element: null comes after every value in the order of the key. Missing means before when ascending, after when descending. */
  readonly nullsLast?: readonly boolean[];
}

/** Tuples inside tuples, at most this many. */
const TUPLE_DEPTH_MAX = 32;
/** A decimal is 0.d1d2… × 10^e with e between these bounds; PostgreSQL's `numeric` fits. */
export const DECIMAL_EXPONENT_MAX = 131_072;

const NULL_FIRST = 0x01;
const FALSE = 0x02;
const TRUE = 0x03;
const INT_ZERO = 0x14;
const FLOAT = 0x20;
const DECIMAL_NEGATIVE_INFINITY = 0x28;
const DECIMAL_NEGATIVE = 0x29;
const DECIMAL_ZERO = 0x2a;
const DECIMAL_POSITIVE = 0x2b;
const DECIMAL_INFINITY = 0x2c;
const DECIMAL_NAN = 0x2d;
const TEXT = 0x30;
const BYTES = 0x31;
const TIMESTAMP = 0x38;
const UUID = 0x3a;
const TUPLE = 0x40;
const NULL_LAST = 0x7e;

const ESCAPE = 0x00;
const ESCAPED_ZERO = 0xff;
const END = 0x01;
const TUPLE_END = 0x00;
const DESCENDING_BIT = 0x80;

const TWO_32 = 0x1_0000_0000;
const TWO_63 = 2n ** 63n;
/** Strings up to this length are written char by char, which beats the call into the runtime. */
const SHORT_TEXT_CHARS = 48;

const scratch = new DataView(new ArrayBuffer(8));

/**
 * The encoded tuple. The caller owns the bytes.
 * @throws OperationError `out_of_range` (an integer beyond int64, a decimal beyond its bounds), `invalid_argument` (lone
 * surrogates in text, a malformed decimal, deep nesting).
 */
export function encodeTuple(values: readonly TupleValue[], order?: TupleOrder): Bytes {
  const writer = new KeyWriter();
  writer.tuple(values, order);
  return writer.finish();
}

/**
 * The elements from `offset` to the end of `bytes`; byte strings in them are copies. Descending elements and nulls last
 * come back as the plain values they stand for.
 * @throws OperationError `corruption` when `bytes` are not what an encoder writes.
 */
export function decodeTuple(bytes: Bytes, offset = 0): TupleValue[] {
  const reader = new KeyReader(bytes, offset);
  const values: TupleValue[] = [];
  while (!reader.atEnd) values.push(reader.value());
  return values;
}

/**
 * Builds keys without garbage: one buffer, reused for key after key. `reset` begins the next key, behind the prefix that
 * the writer was made with. Methods return the writer, so that a key reads as one expression.
 */
export class KeyWriter {
  readonly #prefixBytes: number;
  #buffer: Buffer;
  #length: number;
  /** What was shown last: keys that follow one another are often of one length. */
  #view: Bytes | undefined;

  constructor(prefix: Bytes = EMPTY_BYTES) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(64, prefix.length * 2));
    this.#buffer.set(prefix);
    this.#prefixBytes = prefix.length;
    this.#length = prefix.length;
  }

  /** Bytes written, the prefix included. */
  get length(): number {
    return this.#length;
  }

  reset(): this {
    this.#length = this.#prefixBytes;
    return this;
  }

  /** Forgets what was written behind `length`, a value of `length` read earlier: keys that share a beginning. */
  truncate(length: number): this {
    assert(length >= this.#prefixBytes && length <= this.#length, 'a key is cut within what was written');
    this.#length = length;
    return this;
  }

  /** Bytes as they are; not an element, so what follows must know where they end. */
  literal(bytes: Bytes): this {
    this.#reserve(bytes.length);
    this.#copy(bytes);
    return this;
  }

  null(options?: { readonly last?: boolean }): this {
    return this.#byte(options?.last === true ? NULL_LAST : NULL_FIRST);
  }

  boolean(value: boolean): this {
    return this.#byte(value ? TRUE : FALSE);
  }

  /** An int64. @throws OperationError `out_of_range` for a bigint beyond int64 or a number that is no safe integer. */
  int(value: number | bigint): this {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new OperationError('out_of_range', `${value} is not a safe integer`);
      const magnitude = value < 0 ? -value : value;
      this.#int(Math.floor(magnitude / TWO_32), magnitude >>> 0, value < 0);
      return this;
    }
    if (value > INT64_MAX || value < INT64_MIN) throw new OperationError('out_of_range', `${value} exceeds 64 bits`);
    const magnitude = value < 0n ? -value : value;
    this.#int(Number(magnitude >> 32n), Number(magnitude & 0xffff_ffffn), value < 0n);
    return this;
  }

  /** A float64; every NaN is one NaN and -0 is 0. */
  float(value: number): this {
    this.#reserve(9);
    scratch.setFloat64(0, value === 0 ? 0 : value);
    let high = scratch.getUint32(0);
    let low = scratch.getUint32(4);
    if (Number.isNaN(value)) {
      high = 0x7ff8_0000;
      low = 0;
    }
    if (high >= 0x8000_0000) {
      high = ~high >>> 0;
      low = ~low >>> 0;
    } else {
      high += 0x8000_0000;
    }
    this.#buffer[this.#length++] = FLOAT;
    this.#uint32(high);
    this.#uint32(low);
    return this;
  }

  /** @throws OperationError `invalid_argument` for other text than `Decimal` allows, `out_of_range`. */
  decimal(value: Decimal): this {
    switch (value.text) {
      case 'NaN':
        return this.#byte(DECIMAL_NAN);
      case 'Infinity':
        return this.#byte(DECIMAL_INFINITY);
      case '-Infinity':
        return this.#byte(DECIMAL_NEGATIVE_INFINITY);
    }
    const { negative, digits, exponent } = parseDecimal(value.text);
    if (digits === '') return this.#byte(DECIMAL_ZERO);
    this.#byte(negative ? DECIMAL_NEGATIVE : DECIMAL_POSITIVE);
    const at = this.#length;
    this.#decimalBody(digits, exponent);
    if (negative) this.complement(at);
    return this;
  }

  /** @throws OperationError `invalid_argument` for text with lone surrogates, which UTF-8 cannot hold. */
  text(value: string): this {
    const chars = value.length;
    this.#reserve(chars * 3 + 3);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = TEXT;
    if (chars <= SHORT_TEXT_CHARS) {
      let i = 0;
      for (; i < chars; i++) {
        const code = value.charCodeAt(i);
        if (code === 0 || code > 0x7f) break;
        buffer[at + i] = code;
      }
      if (i === chars) {
        this.#length = at + chars;
        this.#end();
        return this;
      }
    }
    if (!value.isWellFormed()) {
      throw new OperationError('invalid_argument', 'text with a lone surrogate has no UTF-8 form');
    }
    const end = at + buffer.write(value, at, 'utf8');
    this.#length = end;
    this.#escapeZeros(at);
    this.#end();
    return this;
  }

  /** `value[start, end)`, which is all of it where nothing else is said. */
  bytes(value: Bytes, start = 0, end = value.length): this {
    this.#reserve(end - start + 3);
    this.#buffer[this.#length++] = BYTES;
    const at = this.#length;
    copyPart(this.#buffer, at, value, start, end);
    this.#length = at + end - start;
    this.#escapeZeros(at);
    this.#end();
    return this;
  }

  /** Microseconds since 1970. @throws OperationError `out_of_range` beyond int64. */
  timestamp(micros: bigint): this {
    if (micros > INT64_MAX || micros < INT64_MIN) throw new OperationError('out_of_range', `${micros} exceeds 64 bits`);
    this.#reserve(9);
    const shifted = micros + TWO_63;
    this.#buffer[this.#length++] = TIMESTAMP;
    this.#uint32(Number(shifted >> 32n));
    this.#uint32(Number(shifted & 0xffff_ffffn));
    return this;
  }

  uuid(value: Uuid): this {
    if (value.bytes.length !== 16) {
      throw new OperationError('invalid_argument', `a UUID has 16 bytes, not ${value.bytes.length}`);
    }
    this.#reserve(17);
    this.#buffer[this.#length++] = UUID;
    this.#copy(value.bytes);
    return this;
  }

  /** One ascending element of any type; arrays become nested tuples. */
  value(value: TupleValue): this {
    return this.#value(value, 0);
  }

  /** The elements one after another; not nested. */
  tuple(values: readonly TupleValue[], order?: TupleOrder): this {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      const descending = order?.descending?.[i] === true;
      const at = this.#length;
      if (value === null) {
        const last = order?.nullsLast?.[i] ?? descending;
        this.null({ last: last !== descending });
      } else {
        this.#value(value, 0);
      }
      if (descending) this.complement(at);
    }
    return this;
  }

  /**
   * Flips all bits from `from`, a value of `length` read earlier, to the end: makes the one element written since then
   * descending.
   */
  complement(from: number): this {
    assert(from >= this.#prefixBytes && from <= this.#length, 'only written elements can be flipped');
    const buffer = this.#buffer;
    for (let i = from; i < this.#length; i++) buffer[i] = ~buffer[i]!;
    return this;
  }

  /** Copies the key as it is to `offset`; there must be `length` bytes of room. @returns the offset behind it. */
  copyInto(into: Bytes, offset: number): number {
    const buffer = this.#buffer;
    const length = this.#length;
    for (let i = 0; i < length; i++) into[offset + i] = buffer[i]!;
    return offset + length;
  }

  /** A copy of the key; the caller owns it. May share a pooled slab with other short-lived buffers. */
  finish(): Bytes {
    const length = this.#length;
    const key = Buffer.allocUnsafe(length);
    const buffer = this.#buffer;
    if (length > 64) buffer.copy(key, 0, 0, length);
    else for (let i = 0; i < length; i++) key[i] = buffer[i]!;
    return key;
  }

  /** The key where it was built: valid until the writer is used again. For lookups that keep nothing. */
  view(): Bytes {
    if (this.#view?.length !== this.#length) this.#view = this.#buffer.subarray(0, this.#length);
    return this.#view;
  }

  /** Copies the key into `target`. @returns the offset behind it. */
  finishInto(target: Bytes, offset: number): number {
    assert(offset + this.#length <= target.length, 'the key does not fit its target');
    target.set(this.#buffer.subarray(0, this.#length), offset);
    return offset + this.#length;
  }

  #value(value: TupleValue, depth: number): this {
    switch (typeof value) {
      case 'boolean':
        return this.boolean(value);
      case 'bigint':
        return this.int(value);
      case 'number':
        return this.float(value);
      case 'string':
        return this.text(value);
    }
    if (value === null) return this.null();
    if (value instanceof Uint8Array) return this.bytes(value);
    if (isTuple(value)) {
      if (depth >= TUPLE_DEPTH_MAX) {
        throw new OperationError('invalid_argument', `a tuple nests at most ${TUPLE_DEPTH_MAX} deep`);
      }
      this.#byte(TUPLE);
      for (const element of value) this.#value(element, depth + 1);
      return this.#byte(TUPLE_END);
    }
    switch (value.kind) {
      case 'decimal':
        return this.decimal(value);
      case 'timestamp':
        return this.timestamp(value.micros);
      case 'uuid':
        return this.uuid(value);
      default:
        return unreachable(value);
    }
  }

  #int(high: number, low: number, negative: boolean): void {
    const size = high === 0 ? uint32Size(low) : 4 + uint32Size(high);
    this.#reserve(9);
    const flip = negative ? 0xff : 0;
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = negative ? INT_ZERO - size : INT_ZERO + size;
    for (let i = size - 1; i >= 0; i--) {
      buffer[at++] = ((i >= 4 ? high >>> ((i - 4) * 8) : low >>> (i * 8)) & 0xff) ^ flip;
    }
    this.#length = at;
  }

  /**
   * The value is 0.d1d2d3… × 10^exponent with d1 ≠ 0 and the last digit ≠ 0. The body is the exponent as an int64 element,
   * then two digits per byte plus one (01 … 64), the last pair filled with a zero, then 00. Negative: all of it flipped.
   */
  #decimalBody(digits: string, exponent: number): void {
    this.int(exponent);
    this.#reserve((digits.length >>> 1) + 2);
    const buffer = this.#buffer;
    let at = this.#length;
    for (let i = 0; i < digits.length; i += 2) {
      const tens = digits.charCodeAt(i) - 0x30;
      const ones = i + 1 < digits.length ? digits.charCodeAt(i + 1) - 0x30 : 0;
      buffer[at++] = tens * 10 + ones + 1;
    }
    buffer[at++] = 0;
    this.#length = at;
  }

  /** Turns each 00 between `from` and the end into 00 ff. */
  #escapeZeros(from: number): void {
    const end = this.#length;
    let zeros = 0;
    for (let i = from; i < end; i++) if (this.#buffer[i] === ESCAPE) zeros++;
    if (zeros === 0) return;
    this.#reserve(zeros);
    const buffer = this.#buffer;
    let source = end;
    let target = source + zeros;
    this.#length = target;
    while (target > source) {
      const byte = buffer[--source]!;
      if (byte === ESCAPE) buffer[--target] = ESCAPED_ZERO;
      buffer[--target] = byte;
    }
  }

  #end(): void {
    this.#reserve(2);
    this.#buffer[this.#length++] = ESCAPE;
    this.#buffer[this.#length++] = END;
  }

  #byte(byte: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = byte;
    return this;
  }

  #uint32(value: number): void {
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = value >>> 24;
    buffer[at++] = value >>> 16;
    buffer[at++] = value >>> 8;
    buffer[at++] = value;
    this.#length = at;
  }

  #copy(bytes: Bytes): void {
    const buffer = this.#buffer;
    const at = this.#length;
    if (bytes.length > 32) buffer.set(bytes, at);
    else for (let i = 0; i < bytes.length; i++) buffer[at + i] = bytes[i]!;
    this.#length = at + bytes.length;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
    this.#view = undefined;
  }
}

/**
 * Reads an encoded tuple element by element, ascending or descending as it was written. Each method throws
 * OperationError `corruption` when the next element is malformed, missing, or of another type than asked for.
 */
export class KeyReader {
  #bytes: Bytes;
  #at: number;
  /** 0xff while a descending element is read. */
  #flip = 0;

  constructor(bytes: Bytes, offset = 0) {
    this.#bytes = bytes;
    this.#at = offset;
  }

  /** Begins with another key; the reader keeps no memory of the last. */
  reset(bytes: Bytes, offset = 0): this {
    this.#bytes = bytes;
    this.#at = offset;
    return this;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Where the next element begins. */
  get offset(): number {
    return this.#at;
  }

  /** An int64. */
  int(): bigint {
    const value = this.#int(this.#tag());
    return typeof value === 'number' ? BigInt(value) : value;
  }

  /** An int64 that is a safe integer. */
  safeInt(): number {
    const value = this.#int(this.#tag());
    if (typeof value === 'bigint') throw this.#malformed('integer beyond 2^53');
    return value;
  }

  text(): string {
    if (this.#tag() !== TEXT) throw this.#malformed('text expected');
    return this.#text();
  }

  /** A copy. */
  bytes(): Bytes {
    if (this.#tag() !== BYTES) throw this.#malformed('bytes expected');
    return this.#escaped();
  }

  /** The next element, whatever it is; byte strings are copies. */
  value(): TupleValue {
    return this.#value(this.#tag(), 0);
  }

  #value(tag: number, depth: number): TupleValue {
    switch (tag) {
      case NULL_FIRST:
      case NULL_LAST:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case FLOAT:
        return this.#float();
      case DECIMAL_NEGATIVE_INFINITY:
        return decimal('-Infinity');
      case DECIMAL_ZERO:
        return decimal('0');
      case DECIMAL_INFINITY:
        return decimal('Infinity');
      case DECIMAL_NAN:
        return decimal('NaN');
      case DECIMAL_POSITIVE:
        return decimal(this.#decimalBody());
      case DECIMAL_NEGATIVE: {
        this.#flip ^= 0xff;
        const magnitude = this.#decimalBody();
        this.#flip ^= 0xff;
        return decimal(`-${magnitude}`);
      }
      case TEXT:
        return this.#text();
      case BYTES:
        return this.#escaped();
      case TIMESTAMP: {
        const high = this.#uint32();
        return timestamp(((BigInt(high) << 32n) | BigInt(this.#uint32())) - TWO_63);
      }
      case UUID: {
        const bytes = Buffer.allocUnsafe(16);
        for (let i = 0; i < 16; i++) bytes[i] = this.#byte();
        return { kind: 'uuid', bytes };
      }
      case TUPLE: {
        if (depth >= TUPLE_DEPTH_MAX) throw this.#malformed('nested too deep');
        const values: TupleValue[] = [];
        for (let inner = this.#byte(); inner !== TUPLE_END; inner = this.#byte()) {
          values.push(this.#value(inner, depth + 1));
        }
        return values;
      }
      default: {
        const value = this.#int(tag);
        return typeof value === 'number' ? BigInt(value) : value;
      }
    }
  }

  /** The tag of the next outer element; notes whether the element is descending. */
  #tag(): number {
    if (this.#at >= this.#bytes.length) throw this.#malformed('the tuple ends early');
    const first = this.#bytes[this.#at++]!;
    this.#flip = first >= DESCENDING_BIT ? 0xff : 0;
    return first ^ this.#flip;
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw this.#malformed('the tuple ends early');
    return this.#bytes[this.#at++]! ^ this.#flip;
  }

  #uint32(): number {
    const high = (this.#byte() << 8) | this.#byte();
    return ((high << 16) | (this.#byte() << 8) | this.#byte()) >>> 0;
  }

  /** A number when safe. */
  #int(tag: number): number | bigint {
    const size = Math.abs(tag - INT_ZERO);
    if (size > 8) throw this.#malformed(`unknown or unexpected tag 0x${tag.toString(16)}`);
    if (size === 0) return 0;
    const negative = tag < INT_ZERO;
    const flip = negative ? 0xff : 0;
    let high = 0;
    let low = 0;
    for (let i = 0; i < size; i++) {
      const byte = this.#byte() ^ flip;
      if (i === 0 && byte === 0) throw this.#malformed('integer with leading zeros');
      high = ((high << 8) | (low >>> 24)) >>> 0;
      low = ((low << 8) | byte) >>> 0;
    }
    if (high < 0x20_0000) {
      const magnitude = high * TWO_32 + low;
      return negative ? -magnitude : magnitude;
    }
    const magnitude = (BigInt(high) << 32n) | BigInt(low);
    if (magnitude > (negative ? TWO_63 : INT64_MAX)) throw this.#malformed('integer exceeds 64 bits');
    return negative ? -magnitude : magnitude;
  }

  #float(): number {
    let high = this.#uint32();
    let low = this.#uint32();
    if (high >= 0x8000_0000) {
      high -= 0x8000_0000;
    } else {
      high = ~high >>> 0;
      low = ~low >>> 0;
    }
    scratch.setUint32(0, high);
    scratch.setUint32(4, low);
    const value = scratch.getFloat64(0);
    if (Object.is(value, -0)) throw this.#malformed('float of -0');
    if (Number.isNaN(value) && (high !== 0x7ff8_0000 || low !== 0)) throw this.#malformed('float of a second NaN');
    return value;
  }

  #decimalBody(): string {
    const exponent = this.#int(this.#byte());
    if (typeof exponent === 'bigint' || Math.abs(exponent) > DECIMAL_EXPONENT_MAX) {
      throw this.#malformed('decimal exponent out of bounds');
    }
    let digits = '';
    for (let pair = this.#byte(); pair !== 0; pair = this.#byte()) {
      if (pair > 100) throw this.#malformed('decimal digits above 99');
      digits += String(pair - 1).padStart(2, '0');
    }
    if (digits === '' || digits.startsWith('0') || digits.endsWith('00')) {
      throw this.#malformed('decimal not in its shortest form');
    }
    if (digits.endsWith('0')) digits = digits.slice(0, -1);
    if (exponent <= 0) return `0.${'0'.repeat(-exponent)}${digits}`;
    if (digits.length <= exponent) return digits + '0'.repeat(exponent - digits.length);
    return `${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
  }

  #text(): string {
    const start = this.#at;
    if (this.#flip === 0) {
      // The usual case: no zero inside, so the text is decoded where it lies.
      const end = asBuffer(this.#bytes).indexOf(0, start);
      if (end !== -1 && this.#bytes[end + 1] === END) {
        this.#at = end + 2;
        return this.#utf8(this.#bytes.subarray(start, end));
      }
    }
    return this.#utf8(this.#escaped());
  }

  #utf8(bytes: Bytes): string {
    if (!isUtf8(bytes)) throw this.#malformed('text that is not UTF-8');
    return asBuffer(bytes).utf8Slice(0, bytes.length);
  }

  /** The body of text or bytes, unescaped, in memory of its own. */
  #escaped(): Bytes {
    const bytes = this.#bytes;
    const flip = this.#flip;
    const zero = ESCAPE ^ flip;
    let zeros = 0;
    let end = this.#at;
    for (; ; end++) {
      if (end + 1 >= bytes.length) throw this.#malformed('text or bytes without an end');
      if (bytes[end] !== zero) continue;
      const next = bytes[end + 1]! ^ flip;
      if (next === END) break;
      if (next !== ESCAPED_ZERO) throw this.#malformed('unknown escape');
      zeros++;
      end++;
    }
    const out = Buffer.allocUnsafe(end - this.#at - zeros);
    for (let from = this.#at, to = 0; from < end; from++) {
      const byte = bytes[from]! ^ flip;
      out[to++] = byte;
      if (byte === ESCAPE) from++;
    }
    this.#at = end + 2;
    return out;
  }

  #malformed(what: string): OperationError {
    return new OperationError('corruption', `malformed key: ${what} at offset ${this.#at}`);
  }
}

function isTuple(value: Value | readonly TupleValue[]): value is readonly TupleValue[] {
  return Array.isArray(value);
}

function uint32Size(value: number): number {
  if (value === 0) return 0;
  if (value <= 0xff) return 1;
  if (value <= 0xffff) return 2;
  return value <= 0xff_ffff ? 3 : 4;
}

/** `digits` without leading or trailing zeros, empty for zero; the value is 0.digits × 10^exponent. */
function parseDecimal(text: string): { negative: boolean; digits: string; exponent: number } {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/.exec(text);
  const whole = match?.[2] ?? '';
  const fraction = match?.[3] ?? '';
  const all = whole + fraction;
  if (match === null || all === '') {
    throw new OperationError('invalid_argument', `"${text.slice(0, 64)}" is not a decimal number`);
  }
  let start = 0;
  let end = all.length;
  while (start < end && all.charCodeAt(start) === 0x30) start++;
  while (end > start && all.charCodeAt(end - 1) === 0x30) end--;
  const exponent = whole.length - start + Number(match[4] ?? 0);
  if (start < end && Math.abs(exponent) > DECIMAL_EXPONENT_MAX) {
    throw new OperationError('out_of_range', `a decimal of magnitude 10^${exponent} exceeds its bounds`);
  }
  return { negative: match[1] === '-', digits: all.slice(start, end), exponent };
}
