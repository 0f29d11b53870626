/**
 * Reads protobuf wire format. Byte strings are views of the input: whoever keeps one for long copies it.
 *
 * Everything is validated, for the bytes come from a network: an end of input inside of a value, a varint of more than
 * ten bytes, groups and unknown wire types throw `ProtobufError`.
 */

export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

export class Reader {
  readonly buffer: Buffer;
  at: number;
  end: number;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = this.buffer.length;
  }

  /** The low 32 bits of a varint, unsigned. */
  uint32(): number {
    const { buffer } = this;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte(buffer);
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtobufError('a varint has more than ten bytes');
  }

  uint64(): bigint {
    const { buffer } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte(buffer);
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= bits << 31;
      if (byte < 0x80) {
        if (high === 0) return BigInt(low >>> 0);
        return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      }
    }
    throw new ProtobufError('a varint has more than ten bytes');
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  bool(): boolean {
    return this.uint64() !== 0n;
  }

  /** A view of the input. */
  bytes(): Buffer {
    const length = this.#length();
    const bytes = this.buffer.subarray(this.at, this.at + length);
    this.at += length;
    return bytes;
  }

  string(): string {
    const length = this.#length();
    const text = this.buffer.toString('utf8', this.at, this.at + length);
    this.at += length;
    return text;
  }

  /** Narrows the reader to the next length-delimited value. @returns the end to restore afterwards. */
  enter(): number {
    const length = this.#length();
    const outer = this.end;
    this.end = this.at + length;
    return outer;
  }

  skip(wireType: number): void {
    switch (wireType) {
      case 0:
        this.uint64();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.#length());
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new ProtobufError(`wire type ${wireType} is not supported`);
    }
  }

  #byte(buffer: Buffer): number {
    if (this.at >= this.end) throw new ProtobufError('the input ends inside of a value');
    return buffer[this.at++]!;
  }

  #length(): number {
    const length = this.uint32();
    if (length > this.end - this.at) throw new ProtobufError('a length reaches beyond the input');
    return length;
  }

  #advance(length: number): void {
    if (length > this.end - this.at) throw new ProtobufError('the input ends inside of a value');
    this.at += length;
  }
}
