/**
 * The functions by which PostgreSQL hashes values (`hashtext`, `uuid_hash_extended`), with its very results: applications choose shards and
 * advisory locks by them.
 *
 * Bytes are hashed by Bob Jenkins' lookup3 ("hashlittle2", 2006) in the form of PostgreSQL's hashfn.c: 32 bits, or 64 with a seed of
 * which 0 gives the same lower 32.
 */

import { asBuffer } from '../../../base/bytes.ts';
import { encodeBinary } from '../types/binary-form.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { FunctionTable } from './definition.ts';

type Value = Exclude<SqlValue, null>;

const INITIAL = 0x9e3779b9 + 3_923_095;
const BLOCK_BYTES = 12;

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** @param seed 64 bits. @returns 64 bits, of which the lower 32 are the hash without a seed. */
function hashBytes(bytes: Buffer, seed: bigint): bigint {
  let a = (INITIAL + bytes.length) | 0;
  let b = a;
  let c = a;
  const mix = (): void => {
    a = ((a - c) | 0) ^ rotated(c, 4);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotated(a, 6);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotated(b, 8);
    b = (b + a) | 0;
    a = ((a - c) | 0) ^ rotated(c, 16);
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ rotated(a, 19);
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ rotated(b, 4);
    b = (b + a) | 0;
  };
  if (seed !== 0n) {
    a = (a + Number(BigInt.asIntN(32, seed >> 32n))) | 0;
    b = (b + Number(BigInt.asIntN(32, seed))) | 0;
    mix();
  }
  let at = 0;
  for (; bytes.length - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
    a = (a + bytes.readInt32LE(at)) | 0;
    b = (b + bytes.readInt32LE(at + 4)) | 0;
    c = (c + bytes.readInt32LE(at + 8)) | 0;
    mix();
  }
  // The lowest byte of `c` is left to the length.
  for (let i = bytes.length - at - 1; i >= 8; i--) c = (c + (bytes[at + i]! << (8 * (i - 7)))) | 0;
  for (let i = Math.min(bytes.length - at, 8) - 1; i >= 4; i--) b = (b + (bytes[at + i]! << (8 * (i - 4)))) | 0;
  for (let i = Math.min(bytes.length - at, 4) - 1; i >= 0; i--) a = (a + (bytes[at + i]! << (8 * i))) | 0;
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  c = ((c ^ b) - rotated(b, 24)) | 0;
  return (BigInt(b >>> 0) << 32n) | BigInt(c >>> 0);
}

function ofInteger(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
}

/** Those that fit into 32 bits hash as integers of these do. */
function ofBigint(value: bigint): Buffer {
  const high = value >> 32n;
  return ofInteger(Number(BigInt.asIntN(32, value ^ (value >= 0n ? high : ~high))));
}

/** Undefined for zero of either sign, whose hash is the seed. */
function ofFloat(value: number): Buffer | undefined {
  if (value === 0) return undefined;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function inBinary(type: SqlType): (value: Value) => Buffer {
  return (value) => asBuffer(encodeBinary(type, value));
}

/** Microseconds. */
function ofTime(type: SqlType): (value: Value) => Buffer {
  return (value) => ofBigint(inBinary(type)(value).readBigInt64BE());
}

/** What is hashed of a value, by the names that PostgreSQL gives the functions: `hashtext`, `uuid_hash`. */
const HASHED: Readonly<Record<string, readonly [type: string, bytes: (value: never) => Buffer | undefined]>> = {
  hashtext: ['text', (text: string) => Buffer.from(text)],
  hashname: ['name', (name: string) => Buffer.from(name)],
  hashbpchar: ['bpchar', (text: string) => Buffer.from(text.replace(/ +$/, ''))],
  hashchar: ['char', (value: Value) => ofInteger(inBinary('char')(value).readInt8())],
  hashint2: ['int2', ofInteger],
  hashint4: ['int4', ofInteger],
  hashint8: ['int8', ofBigint],
  hashoid: ['oid', ofInteger],
  hashfloat4: ['float4', ofFloat],
  hashfloat8: ['float8', ofFloat],
  hashmacaddr: ['macaddr', inBinary('macaddr')],
  hashmacaddr8: ['macaddr8', inBinary('macaddr8')],
  uuid_hash: ['uuid', inBinary('uuid')],
  timestamp_hash: ['timestamp', ofTime('timestamp')],
  time_hash: ['time', ofTime('time')],
};

export const HASH_FUNCTIONS: FunctionTable = Object.fromEntries(
  Object.entries(HASHED).flatMap(([name, [type, bytesOf]]) => {
    const hash = (value: never, seed: bigint): bigint => {
      const bytes = bytesOf(value);
      return bytes === undefined ? seed : hashBytes(bytes, seed);
    };
    const seeded = name.endsWith('_hash') ? `${name}_extended` : `${name}extended`;
    return [
      [`${name}(${type}) int4`, (value: never) => Number(BigInt.asIntN(32, hash(value, 0n)))],
      [`${seeded}(${type}, int8) int8`, (value: never, seed: bigint) => BigInt.asIntN(64, hash(value, seed))],
    ];
  }),
);
