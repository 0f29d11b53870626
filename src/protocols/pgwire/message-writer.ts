/**
 * Messages from the server, gathered in one buffer that leaves with one write.
 *
 *   offset  size  field
 *   0       1     type
 *   1       4     length in bytes, itself included, big-endian
 *   5       …     body
 *
 * PostgreSQL 15, "Message Formats".
 */

import type { Bytes } from '../../base/bytes.ts';

const BUFFER_BYTES = 8_192;
/** A buffer that grew beyond this is not kept. */
const KEPT_BYTES_MAX = 262_144;
const SHORT_TEXT_CHARS = 48;
/** Beyond it the bytes of a text are counted before there is room made for them. */
const COUNTED_TEXT_CHARS = 4_096;
/** Most digits behind the point of what `decimalField` writes. */
export const SCALE_MAX = 64;
/** "00", "01" … "99" in ASCII. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => 0x30 + (i % 2 === 0 ? Math.trunc(i / 20) : (i >> 1) % 10));
/** Bytes that are copied one by one: for more a call is faster. */
const COPIED_BYTES_MAX = 24;

const NO_BYTES = Buffer.alloc(0);

export class MessageWriter {
  /** Made with the first message: who only connects gets none. */
  #buffer: Buffer = NO_BYTES;
  /** What was given last. */
  #view: Bytes = NO_BYTES;
  #length = 0;
  #messageAt = 0;

  /** Bytes gathered. */
  get length(): number {
    return this.#length;
  }

  begin(type: string): this {
    this.#reserve(5);
    this.#messageAt = this.#length;
    this.#buffer[this.#length] = type.charCodeAt(0);
    this.#length += 5;
    return this;
  }

  /** Ends the message that `begin` began: now its length is known. */
  end(): void {
    this.#putInt32(this.#length - this.#messageAt - 1, this.#messageAt + 1);
    this.#messageAt = this.#length;
  }

  /** Takes back the message that was begun and not ended. */
  abandon(): void {
    this.#length = this.#messageAt;
  }

  int8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  int16(value: number): this {
    this.#reserve(2);
    this.#buffer[this.#length] = value >> 8;
    this.#buffer[this.#length + 1] = value;
    this.#length += 2;
    return this;
  }

  int32(value: number): this {
    this.#reserve(4);
    this.#putInt32(value, this.#length);
    this.#length += 4;
    return this;
  }

  uint32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
    return this;
  }

  int64(value: bigint): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length);
    return this;
  }

  float64(value: number): this {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleBE(value, this.#length);
    return this;
  }

  bytes(value: Bytes): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** UTF-8 and a zero byte. */
  text(value: string): this {
    this.#utf8(value);
    return this.int8(0);
  }

  /** UTF-8, without an end. */
  raw(value: string): this {
    this.#utf8(value);
    return this;
  }

  /** A field of DataRow: length in bytes, then UTF-8. */
  field(value: string): this {
    this.#reserve(4);
    const at = this.#length;
    this.#length += 4;
    this.#utf8(value);
    this.#putInt32(this.#length - at - 4, at);
    return this;
  }

  /** A field of DataRow: length in bytes, then `bytes[from, to)`. */
  fieldOf(bytes: Buffer, from: number, to: number): this {
    const size = to - from;
    this.#reserve(4 + size);
    this.#putInt32(size, this.#length);
    const at = this.#length + 4;
    if (size > COPIED_BYTES_MAX) bytes.copy(this.#buffer, at, from, to);
    else for (let i = 0; i < size; i++) this.#buffer[at + i] = bytes[from + i]!;
    this.#length = at + size;
    return this;
  }

  /**
   * A field of DataRow: `digits` / 10^`scale` in decimal, with `scale` digits behind the point.
   * @param digits A safe integer. @param scale 0 to `SCALE_MAX`.
   */
  decimalField(digits: number, scale: number): this {
    const rest = digits < 0 ? -digits : digits;
    let count = 1;
    for (let bound = 10; bound <= rest; bound *= 10) count++;
    if (count <= scale) count = scale + 1;
    const sign = digits < 0 ? 1 : 0;
    const size = sign + count + (scale > 0 ? 1 : 0);
    this.#reserve(4 + size);
    const from = this.#length + 4;
    this.#putInt32(size, this.#length);
    if (scale === 0) this.#putDigits(rest, count, from + size);
    else {
      const whole = Math.floor(rest / 10 ** scale);
      this.#putDigits(rest - whole * 10 ** scale, scale, from + size);
      this.#buffer[from + size - scale - 1] = 0x2e;
      this.#putDigits(whole, count - scale, from + size - scale - 1);
    }
    if (digits < 0) this.#buffer[from] = 0x2d;
    this.#length = from + size;
    return this;
  }

  /**
   * The same of digits in ASCII: `bytes[from, to)`, behind a `-` of numbers below zero.
   * @param scale 0 to `SCALE_MAX`.
   */
  digitsField(bytes: Buffer, from: number, to: number, scale: number): this {
    const sign = bytes[from] === 0x2d ? 1 : 0;
    const first = from + sign;
    const zeros = Math.max(0, scale + 1 - (to - first));
    const count = zeros + to - first;
    const size = sign + count + (scale > 0 ? 1 : 0);
    this.#reserve(4 + size);
    this.#putInt32(size, this.#length);
    const buffer = this.#buffer;
    let at = this.#length + 4;
    if (sign === 1) buffer[at++] = 0x2d;
    for (let i = 0; i < count; i++) {
      if (i === count - scale) buffer[at++] = 0x2e;
      buffer[at++] = i < zeros ? 0x30 : bytes[first + i - zeros]!;
    }
    this.#length = at;
    return this;
  }

  /**
   * Gives what was gathered, and begins anew. With `give` answering true the bytes were used up and the buffer is used
   * again; with false it belongs to the receiver.
   */
  flush(give: (bytes: Bytes) => boolean): boolean {
    // Answers of one kind are often of one length: then the last view serves again.
    if (this.#view.length !== this.#length) this.#view = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    this.#messageAt = 0;
    const taken = give(this.#view);
    if (!taken || this.#buffer.length > KEPT_BYTES_MAX) this.#replace(Buffer.allocUnsafeSlow(BUFFER_BYTES));
    return taken;
  }

  /** What was gathered from `start` on. */
  copyFrom(start: number): Bytes {
    return Buffer.from(this.#buffer.subarray(start, this.#length));
  }

  /** Forgets what was gathered. */
  clear(): void {
    this.#length = 0;
    this.#messageAt = 0;
  }

  #replace(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#view = NO_BYTES;
  }

  /** Byte by byte: this is done for every field of every row. */
  #putInt32(value: number, at: number): void {
    const buffer = this.#buffer;
    buffer[at] = value >> 24;
    buffer[at + 1] = value >> 16;
    buffer[at + 2] = value >> 8;
    buffer[at + 3] = value;
  }

  /** The last `count` digits of a number, which has no more, up to `end`. */
  #putDigits(value: number, count: number, end: number): void {
    const buffer = this.#buffer;
    let at = end;
    let rest = value;
    // Dividing is much faster where the number is of 32 bits.
    for (; rest > 0x7fff_ffff; count--) {
      const next = Math.floor(rest / 10);
      buffer[--at] = 0x30 + (rest - next * 10);
      rest = next;
    }
    let small = rest | 0;
    for (; count >= 2; count -= 2) {
      const next = (small / 100) | 0;
      const pair = (small - next * 100) << 1;
      buffer[--at] = PAIRS[pair + 1]!;
      buffer[--at] = PAIRS[pair]!;
      small = next;
    }
    if (count === 1) buffer[at - 1] = 0x30 + small;
  }

  #utf8(value: string): void {
    const chars = value.length;
    this.#reserve(chars > COUNTED_TEXT_CHARS ? Buffer.byteLength(value) : chars * 3);
    const buffer = this.#buffer;
    if (chars <= SHORT_TEXT_CHARS) {
      const at = this.#length;
      let i = 0;
      for (; i < chars; i++) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[at + i] = code;
      }
      if (i === chars) {
        this.#length = at + chars;
        return;
      }
    }
    this.#length += buffer.write(value, this.#length, 'utf8');
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2, BUFFER_BYTES));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#replace(larger);
  }
}
