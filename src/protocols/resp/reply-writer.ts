/**
 * Writes replies into one growing buffer, in RESP2 or RESP3.
 *
 * One writer serves all connections of a listener: execution of a chunk is synchronous, so whoever executes owns the
 * writer until its replies are handed to a socket. Short byte strings are copied in a loop (faster than `set` below some
 * 32 bytes) and integers are written digit by digit.
 *
 * Large byte strings are not copied, which would hold up everybody else: the writer notes where they belong, and whoever
 * sends the replies sends them from where they are. So they have to stay as they are.
 *
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/ ; what RESP2 lacks is written as Redis writes it
 * (maps as flat arrays, sets as arrays, doubles, verbatim strings and big numbers as bulk strings).
 */

import { copyShort, SHORT_COPY_BYTES } from '../../base/byte-views.ts';
import type { Bytes } from '../../base/bytes.ts';

export type ProtocolVersion = 2 | 3;

const CR = 13;
const LF = 10;
const INITIAL_BYTES = 64 * 1024;
/** A larger buffer is given back after use. */
const KEPT_BYTES_MAX = 1024 * 1024;
const SHORT_BYTES = 32;
/** Byte strings that are not copied have at least so many. */
export const LENT_BYTES = 256 * 1024;

/** Bytes that belong in front of the one at `at` of the buffer. */
interface Lent {
  readonly at: number;
  readonly bytes: Bytes;
}

export class ReplyWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** Bytes of the buffer that were written. */
  length = 0;
  /** Bytes that belong between those of the buffer. */
  lentBytes = 0;
  readonly #lent: Lent[] = [];
  protocol: ProtocolVersion = 2;
  /** Replies to requests of one kind are often of one length: the last view, and the buffer that it shows. */
  #view: Bytes = this.buffer;
  #viewed: Buffer = this.buffer;
  #data: DataView = dataOf(this.buffer);

  /** Forgets what was written; keeps the buffer unless a huge reply has made it large. */
  reset(): void {
    this.length = 0;
    if (this.lentBytes > 0) this.#dropLent(0);
    if (this.buffer.length > KEPT_BYTES_MAX) this.replaceBuffer();
  }

  /** Of all replies, in bytes. */
  get bytes(): number {
    return this.length + this.lentBytes;
  }

  /** Takes back what was written since the buffer had `length` bytes. */
  truncate(length: number): void {
    if (length >= this.length) return;
    this.length = length;
    if (this.lentBytes > 0) this.#dropLent(length);
  }

  #dropLent(length: number): void {
    for (let last = this.#lent.at(-1); last !== undefined && last.at > length; last = this.#lent.at(-1)) {
      this.lentBytes -= last.bytes.length;
      this.#lent.pop();
    }
  }

  /** Leaves the buffer to someone else (a socket that keeps it) and starts with a new one. */
  replaceBuffer(): void {
    this.buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#data = dataOf(this.buffer);
    this.length = 0;
    this.#dropLent(0);
  }

  /**
   * What was written, part by part: views of the buffer, valid until the next write, and between them what is `lent`, which
   * stays as it is.
   */
  *parts(): Generator<{ readonly bytes: Bytes; readonly isLent: boolean }> {
    let from = 0;
    for (const { at, bytes } of this.#lent) {
      yield { bytes: this.buffer.subarray(from, at), isLent: false };
      yield { bytes, isLent: true };
      from = at;
    }
    yield { bytes: this.buffer.subarray(from, this.length), isLent: false };
  }

  /** What was written, in place where nothing is lent: valid until the next write. */
  view(): Bytes {
    if (this.#view.length !== this.length || this.#viewed !== this.buffer) {
      this.#viewed = this.buffer;
      this.#view = this.buffer.subarray(0, this.length);
    }
    return this.#view;
  }

  /** Replies that were written before. */
  raw(replies: Bytes): void {
    this.reserve(replies.length);
    this.buffer.set(replies, this.length);
    this.length += replies.length;
  }

  /** `+text`; the text has no line ends. */
  simple(text: string): void {
    this.#line(0x2b, text);
  }

  /** `+OK` */
  ok(): void {
    if (this.length + 5 > this.buffer.length) this.reserve(5);
    const { buffer } = this;
    const at = this.length;
    buffer[at] = 0x2b;
    buffer[at + 1] = 0x4f;
    buffer[at + 2] = 0x4b;
    buffer[at + 3] = CR;
    buffer[at + 4] = LF;
    this.length = at + 5;
  }

  /** `-PREFIX message`; line ends within become blanks, as in Redis. */
  error(text: string): void {
    this.#line(0x2d, text.replace(/[\r\n]/g, ' '));
  }

  integer(value: number | bigint): void {
    this.#header(0x3a, value);
  }

  /** An integer whose decimal digits, a few, are `source[start, start + digits)`. */
  integerFrom(source: Bytes, start: number, digits: number): void {
    if (this.length + digits + 3 > this.buffer.length) this.reserve(digits + 3);
    const { buffer } = this;
    let at = this.length;
    buffer[at++] = 0x3a;
    for (let i = 0; i < digits; i++) buffer[at++] = source[start + i]!;
    buffer[at] = CR;
    buffer[at + 1] = LF;
    this.length = at + 2;
  }

  /** A byte string. A large one is not copied: it has to stay as it is. */
  bulk(value: Bytes): void {
    const length = value.length;
    if (length >= LENT_BYTES) {
      this.#lend(value);
      return;
    }
    this.reserve(length + 16);
    this.#lengthLine(0x24, length);
    const buffer = this.buffer;
    const at = this.length;
    if (length > SHORT_BYTES) buffer.set(value, at);
    else for (let i = 0; i < length; i++) buffer[at + i] = value[i]!;
    buffer[at + length] = CR;
    buffer[at + length + 1] = LF;
    this.length = at + length + 2;
  }

  #lend(value: Bytes): void {
    this.reserve(16);
    this.#lengthLine(0x24, value.length);
    this.#lent.push({ at: this.length, bytes: value });
    this.lentBytes += value.length;
    this.buffer[this.length++] = CR;
    this.buffer[this.length++] = LF;
  }

  /** The byte string `source[start, start + length)`; `view` shows the same bytes. */
  bulkFrom(source: Buffer, view: DataView, start: number, length: number): void {
    if (this.length + length + 16 > this.buffer.length) this.reserve(length + 16);
    this.#lengthLine(0x24, length);
    const { buffer } = this;
    const at = this.length;
    if (length > SHORT_COPY_BYTES) source.copy(buffer, at, start, start + length);
    else copyShort(view, start, this.#data, at, length);
    buffer[at + length] = CR;
    buffer[at + length + 1] = LF;
    this.length = at + length + 2;
  }

  /** A byte string given as text, sent as UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.reserve(length + 16);
    this.#lengthLine(0x24, length);
    this.#raw(value, length);
  }

  /** Text that a client may show as it is; a bulk string in RESP2. */
  verbatim(value: string): void {
    if (this.protocol === 2) {
      this.text(value);
      return;
    }
    const length = Buffer.byteLength(value) + 4;
    this.reserve(length + 16);
    this.#lengthLine(0x3d, length);
    this.#raw(`txt:${value}`, length);
  }

  nil(): void {
    this.#literal(this.protocol === 2 ? '$-1\r\n' : '_\r\n');
  }

  boolean(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0);
    else this.#literal(value ? '#t\r\n' : '#f\r\n');
  }

  /** Announces `count` elements; write them next. */
  array(count: number): void {
    this.#header(0x2a, count);
  }

  /** Announces `count` pairs. */
  map(count: number): void {
    if (this.protocol === 2) this.#header(0x2a, count * 2);
    else this.#header(0x25, count);
  }

  /** Announces `count` members. */
  set(count: number): void {
    this.#header(this.protocol === 2 ? 0x2a : 0x7e, count);
  }

  #line(type: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.reserve(length + 3);
    this.buffer[this.length++] = type;
    this.#raw(text, length);
  }

  #literal(text: string): void {
    this.reserve(text.length);
    const buffer = this.buffer;
    for (let i = 0; i < text.length; i++) buffer[this.length++] = text.charCodeAt(i);
  }

  /** Room must have been reserved. */
  #raw(text: string, length: number): void {
    const buffer = this.buffer;
    const at = this.length;
    if (length === text.length && length <= SHORT_BYTES) {
      for (let i = 0; i < length; i++) buffer[at + i] = text.charCodeAt(i);
    } else {
      buffer.write(text, at, 'utf8');
    }
    buffer[at + length] = CR;
    buffer[at + length + 1] = LF;
    this.length = at + length + 2;
  }

  #header(type: number, value: number | bigint): void {
    this.reserve(24);
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
      this.#lengthLine(type, value);
      return;
    }
    this.buffer[this.length++] = type;
    const text = String(value);
    this.#raw(text, text.length);
  }

  /** Type byte, a non-negative 32-bit integer, line end; room must have been reserved. */
  #lengthLine(type: number, value: number): void {
    const buffer = this.buffer;
    let at = this.length;
    buffer[at++] = type;
    if (value < 10) {
      buffer[at++] = 48 + value;
    } else {
      let digits = 2;
      for (let bound = 100; digits < 10 && value >= bound; bound *= 10) digits++;
      let rest = value;
      for (let i = at + digits - 1; i >= at; i--) {
        const next = (rest / 10) | 0;
        buffer[i] = 48 + rest - next * 10;
        rest = next;
      }
      at += digits;
    }
    buffer[at] = CR;
    buffer[at + 1] = LF;
    this.length = at + 2;
  }

  /** Makes room for so many bytes more, in `buffer` from `length` on. */
  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
    this.#data = dataOf(larger);
  }
}

function dataOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
