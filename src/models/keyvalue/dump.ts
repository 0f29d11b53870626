/**
 * The portable form of a value that DUMP gives and RESTORE takes: an RDB object as Redis writes it.
 *
 *   offset    size  field
 *   0         1     RDB type: 0 string
 *   1         …     the value in RDB's encoding of strings, see below
 *   end - 10  2     RDB version, little-endian
 *   end - 8   8     CRC-64 (Jones polynomial, reflected, no inversion) of all before it, little-endian
 *
 *   first byte   the string that follows
 *   00xxxxxx     xxxxxx bytes
 *   01xxxxxx b   14 bits of length, then so many bytes
 *   10000000     32 bits of length, big-endian; 10000001: 64 bits
 *   11000000     an integer of 8 bits; 11000001: 16; 11000010: 32; little-endian, signed
 *   11000011     LZF: two lengths (compressed, plain), then the compressed bytes
 *
 * Written without compression, which every Redis reads. Values of other types are refused by name.
 * Source: Redis, rdb.c and lzf_d.c.
 */

import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { asBuffer, EMPTY_BYTES } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { formatInt64, parseInt64 } from './integers.ts';
import { inSlices, type Pauses } from './slices.ts';

/** Redis 7.0, so that every Redis 7 restores what was dumped here. */
const VERSION_WRITTEN = 10;
/** Redis 7.2; strings are the same in all versions up to it. */
const VERSION_READ_MAX = 11;
const FOOTER_BYTES = 10;
const CHECKSUM_BYTES = 8;
const TYPE_STRING = 0;
/** Integers are tried for text up to so many bytes. */
const INTEGER_TEXT_MAX = 11;

/** A new buffer, filled and summed up at once. */
export function dumpString(value: Bytes): Bytes {
  const payload = dumpInSlices({}, value);
  assert(!isPromise(payload), 'nobody to wait for');
  return payload;
}

/** As `dumpString`; a long value, which stays as it is meanwhile, in slices. */
export function dumpInSlices(on: Pauses, value: Bytes): Awaitable<Bytes> {
  const head = stringHead(value);
  const body = head.integer === undefined ? value : EMPTY_BYTES;
  const bodyStart = 1 + head.bytes.length;
  const length = bodyStart + body.length + FOOTER_BYTES;
  const into = Buffer.allocUnsafe(length);
  const crc = new Crc64();
  into[0] = TYPE_STRING;
  into.set(head.bytes, 1);
  into.writeUInt16LE(VERSION_WRITTEN, length - FOOTER_BYTES);
  crc.add(into, 0, bodyStart);
  const copied = inSlices(on, 0, body.length, (from, to) => {
    into.set(from === 0 && to === body.length ? body : body.subarray(from, to), bodyStart + from);
    crc.add(into, bodyStart + from, bodyStart + to);
    return true;
  });
  return whenReady(copied, () => {
    crc.add(into, length - FOOTER_BYTES, length - CHECKSUM_BYTES);
    into.writeBigUInt64LE(crc.value, length - CHECKSUM_BYTES);
    return into;
  });
}

function stringHead(value: Bytes): { readonly bytes: Bytes; readonly integer?: number } {
  const parsed = value.length <= INTEGER_TEXT_MAX ? parseInt64(value, 0, value.length) : undefined;
  if (typeof parsed === 'number' && parsed >= -0x8000_0000 && parsed <= 0x7fff_ffff) {
    const bytes = Buffer.alloc(5);
    if (parsed >= -0x80 && parsed <= 0x7f) {
      bytes[0] = 0xc0;
      bytes.writeInt8(parsed, 1);
      return { bytes: bytes.subarray(0, 2), integer: parsed };
    }
    if (parsed >= -0x8000 && parsed <= 0x7fff) {
      bytes[0] = 0xc1;
      bytes.writeInt16LE(parsed, 1);
      return { bytes: bytes.subarray(0, 3), integer: parsed };
    }
    bytes[0] = 0xc2;
    bytes.writeInt32LE(parsed, 1);
    return { bytes, integer: parsed };
  }
  if (value.length < 64) return { bytes: Uint8Array.of(value.length) };
  if (value.length < 16_384) return { bytes: Uint8Array.of(0x40 | (value.length >>> 8), value.length & 0xff) };
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x80;
  bytes.writeUInt32BE(value.length, 1);
  return { bytes };
}

/** Whether version and checksum of a payload are right; a long one, which stays as it is meanwhile, is looked at in slices. */
export function isDumpIntact(on: Pauses, payload: Bytes): Awaitable<boolean> {
  if (payload.length < FOOTER_BYTES) return false;
  const bytes = asBuffer(payload);
  if (bytes.readUInt16LE(payload.length - FOOTER_BYTES) > VERSION_READ_MAX) return false;
  const crc = new Crc64();
  const summed = inSlices(on, 0, payload.length - CHECKSUM_BYTES, (from, to) => {
    crc.add(payload, from, to);
    return true;
  });
  return whenReady(summed, () => bytes.readBigUInt64LE(payload.length - CHECKSUM_BYTES) === crc.value);
}

/**
 * The string of an intact payload.
 * @param lengthMax Longest string to build, bytes.
 * @throws OperationError `invalid_argument` for bytes that do not decode, `unsupported` for a value of another type.
 */
export function restoreString(payload: Bytes, lengthMax: number): Bytes {
  const body = asBuffer(payload.subarray(0, payload.length - FOOTER_BYTES));
  if (body.length > 0 && body[0] !== TYPE_STRING && body[0]! <= 22) {
    throw new OperationError('unsupported', `RESTORE takes strings only; this payload has RDB type ${body[0]}`);
  }
  if (body.length < 2 || body[0] !== TYPE_STRING) throw badFormat();
  const reader = { bytes: body, at: 1 };
  const value = readString(reader, lengthMax);
  if (reader.at !== body.length) throw badFormat();
  return value;
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

function badFormat(): OperationError {
  return new OperationError('invalid_argument', 'Bad data format');
}

function readString(reader: Reader, lengthMax: number): Bytes {
  const first = reader.bytes[reader.at];
  if (first === undefined) throw badFormat();
  if (first >>> 6 !== 3) return take(reader, readLength(reader, lengthMax));
  reader.at++;
  switch (first) {
    case 0xc0:
      return Buffer.from(formatInt64(take(reader, 1).readInt8(0)));
    case 0xc1:
      return Buffer.from(formatInt64(take(reader, 2).readInt16LE(0)));
    case 0xc2:
      return Buffer.from(formatInt64(take(reader, 4).readInt32LE(0)));
    case 0xc3: {
      const compressed = readLength(reader, lengthMax);
      const plain = readLength(reader, lengthMax);
      return decompressLzf(take(reader, compressed), plain);
    }
    default:
      throw badFormat();
  }
}

function readLength(reader: Reader, lengthMax: number): number {
  const first = take(reader, 1)[0]!;
  let length: number;
  if (first >>> 6 === 0) length = first;
  else if (first >>> 6 === 1) length = ((first & 0x3f) << 8) | take(reader, 1)[0]!;
  else if (first === 0x80) length = take(reader, 4).readUInt32BE(0);
  else if (first === 0x81) length = Number(take(reader, 8).readBigUInt64BE(0));
  else throw badFormat();
  if (length > lengthMax) throw badFormat();
  return length;
}

function take(reader: Reader, length: number): Buffer {
  const end = reader.at + length;
  if (end > reader.bytes.length) throw badFormat();
  const taken = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return taken;
}

function decompressLzf(input: Bytes, length: number): Bytes {
  // Three bytes of input make at most 264 of output: a small payload cannot ask for much memory.
  if (length > input.length * 88) throw badFormat();
  const output = Buffer.allocUnsafe(length);
  let from = 0;
  let to = 0;
  while (from < input.length) {
    const control = input[from++]!;
    if (control < 32) {
      const end = from + control + 1;
      if (end > input.length || to + control + 1 > length) throw badFormat();
      while (from < end) output[to++] = input[from++]!;
      continue;
    }
    let count = control >>> 5;
    if (count === 7) {
      if (from >= input.length) throw badFormat();
      count += input[from++]!;
    }
    if (from >= input.length) throw badFormat();
    let reference = to - ((control & 0x1f) << 8) - input[from++]! - 1;
    if (reference < 0 || to + count + 2 > length) throw badFormat();
    for (let i = 0; i < count + 2; i++) output[to++] = output[reference++]!;
  }
  if (to !== length) throw badFormat();
  return output;
}

const POLYNOMIAL_REFLECTED = 0x95ac_9329_ac4b_c9b5n;

/** Bytes of a step: a step of one byte waits for the step before it, and so do the eight table entries of a step of eight together. */
const STEP_BYTES = 8;

/**
 * For each byte, what it does to the checksum when 0 to 7 others follow: 256 entries each, one behind the other. In halves, as
 * 64-bit integers of JavaScript are slow.
 */
const [TABLES_HIGH, TABLES_LOW] = crcTables();

function crcTables(): readonly [high: Int32Array, low: Int32Array] {
  const high = new Int32Array(256 * STEP_BYTES);
  const low = new Int32Array(256 * STEP_BYTES);
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let followers = 0; followers < STEP_BYTES; followers++) {
      for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ POLYNOMIAL_REFLECTED : crc >> 1n;
      high[followers * 256 + byte] = Number(BigInt.asIntN(32, crc >> 32n));
      low[followers * 256 + byte] = Number(BigInt.asIntN(32, crc));
    }
  }
  return [high, low];
}

class Crc64 {
  #high = 0;
  #low = 0;

  get value(): bigint {
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }

  /** Bytes from `start` to `end`, which follow those before. */
  add(bytes: Bytes, start: number, end: number): void {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const stepsEnd = start + ((end - start) & -STEP_BYTES);
    let high = this.#high;
    let low = this.#low;
    let at = start;
    for (; at < stepsEnd; at += STEP_BYTES) {
      const first = low ^ words.getInt32(at, true);
      const second = high ^ words.getInt32(at + 4, true);
      const a = 0x700 | (first & 0xff);
      const b = 0x600 | ((first >>> 8) & 0xff);
      const c = 0x500 | ((first >>> 16) & 0xff);
      const d = 0x400 | (first >>> 24);
      const e = 0x300 | (second & 0xff);
      const f = 0x200 | ((second >>> 8) & 0xff);
      const g = 0x100 | ((second >>> 16) & 0xff);
      const h = second >>> 24;
      high = TABLES_HIGH[a]! ^ TABLES_HIGH[b]! ^ TABLES_HIGH[c]! ^ TABLES_HIGH[d]!;
      high ^= TABLES_HIGH[e]! ^ TABLES_HIGH[f]! ^ TABLES_HIGH[g]! ^ TABLES_HIGH[h]!;
      low = TABLES_LOW[a]! ^ TABLES_LOW[b]! ^ TABLES_LOW[c]! ^ TABLES_LOW[d]!;
      low ^= TABLES_LOW[e]! ^ TABLES_LOW[f]! ^ TABLES_LOW[g]! ^ TABLES_LOW[h]!;
    }
    for (; at < end; at++) {
      const index = (low ^ bytes[at]!) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ TABLES_LOW[index]!;
      high = (high >>> 8) ^ TABLES_HIGH[index]!;
    }
    this.#high = high;
    this.#low = low;
  }
}
