/**
 * Writes protobuf wire format (https://protobuf.dev/programming-guides/encoding/) into one growing buffer.
 *
 * A nested message is written in place: one byte is kept free for its length, and its contents move when the length
 * turns out to need more. So nothing is measured beforehand and nothing is copied twice, small messages least of all.
 */

const BYTES_MIN = 1024;
/** A writer that grew beyond it for one large message lets go of its buffer. */
const BYTES_KEPT_MAX = 1024 * 1024;

const LOW_32 = 0xffff_ffffn;

export class Writer {
  #buffer: Buffer = Buffer.allocUnsafeSlow(BYTES_MIN);
  #at = 0;

  /** What was written, as a copy that the caller owns; the writer starts over. */
  finish(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#at);
    this.#buffer.copy(bytes, 0, 0, this.#at);
    this.reset();
    return bytes;
  }

  /** Forgets what was written. */
  reset(): void {
    this.#at = 0;
    if (this.#buffer.length > BYTES_KEPT_MAX) this.#buffer = Buffer.allocUnsafeSlow(BYTES_MIN);
  }

  /** An unsigned integer below 2^32. */
  uint32(value: number): void {
    this.#reserve(5);
    this.#varint32(value);
  }

  /** A signed integer of 32 bits: a negative one takes ten bytes, as the format demands. */
  int32(value: number): void {
    if (value < 0) this.uint64(BigInt.asUintN(64, BigInt(value)));
    else this.uint32(value);
  }

  /** Any integer of 64 bits, taken modulo 2^64. */
  uint64(value: bigint): void {
    this.#reserve(10);
    let low = Number(value & LOW_32);
    let high = Number((value >> 32n) & LOW_32);
    while (high > 0) {
      this.#buffer[this.#at++] = (low & 0x7f) | 0x80;
      low = ((high << 25) | (low >>> 7)) >>> 0;
      high >>>= 7;
    }
    this.#varint32(low);
  }

  /** A length and the bytes. */
  bytes(value: Uint8Array): void {
    this.#reserve(5 + value.length);
    this.#varint32(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  string(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.#reserve(5 + length);
    this.#varint32(length);
    this.#at += this.#buffer.write(value, this.#at, length, 'utf8');
  }

  /** Starts a nested message; `end` takes what this returns. */
  begin(): number {
    this.#reserve(1);
    return this.#at++;
  }

  end(start: number): void {
    const length = this.#at - start - 1;
    if (length < 0x80) {
      this.#buffer[start] = length;
      return;
    }
    const extra = length < 0x4000 ? 1 : length < 0x20_0000 ? 2 : length < 0x1000_0000 ? 3 : 4;
    this.#reserve(extra);
    this.#buffer.copyWithin(start + 1 + extra, start + 1, this.#at);
    this.#at = start;
    this.#varint32(length);
    this.#at = start + 1 + extra + length;
  }

  #varint32(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#at++] = rest;
  }

  #reserve(length: number): void {
    const needed = this.#at + length;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}
