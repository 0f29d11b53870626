/**
 * `.ecsum`: CRC-32C of every block of every shard, in the format of SeaweedFS (4.x).
 *
 *   offset  size  field
 *   0       4     0x45435355, "ECSU"
 *   4       2     version, 1
 *   6       4     length of the payload
 *   10      4     CRC-32C of the payload
 *   14      …     payload: protobuf
 *
 *   EcBitrotProtection { 1 algorithm = 1 (CRC-32C)   2 block size   3 generation, 0   4 EcShardConfig
 *                        5 repeated EcShardChecksums   6 encode uuid (16 bytes) }
 *   EcShardConfig      { 1 data shards   2 parity shards   3 time of encoding, ns   4 block size of the layout }
 *   EcShardChecksums   { 1 shard   2 covered bytes: the shard's length   3 checksums, each 4 bytes little-endian }
 *
 * Integers of the head are big-endian. Fields that are zero are left out. Orbit writes blocks of 1 MiB, the smallest that
 * SeaweedFS takes. The time of encoding names the generation: it stands in `.vif` as well, and shards whose blocks do not
 * match were made in another one, or rotted.
 */

import { type Bytes, concatBytes } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { OperationError } from '../../base/errors.ts';
import { type Ratio, SHARDS_MAX } from './reed-solomon.ts';

const MAGIC = 0x45435355;
const VERSION = 1;
const HEAD_BYTES = 14;
const CRC32C = 1;
export const CHECKSUM_BLOCK_BYTES = 1024 * 1024;
/** The largest block that SeaweedFS takes. */
const BLOCK_BYTES_MAX = 64 * 1024 * 1024;

export interface ShardChecksums {
  readonly ratio: Ratio;
  /** Of the encoding; 0 when unknown. */
  readonly encodeTsNs: bigint;
  /** Of the layout, when each shard is a single block; else 0. */
  readonly layoutBlockBytes: number;
  /** What one checksum covers. */
  readonly blockBytes: number;
  /** Of each shard. */
  readonly shardBytes: number;
  /** 16 random bytes, new with every encoding. */
  readonly uuid: Bytes;
  /** For each shard a checksum for each block. */
  readonly blocks: readonly Uint32Array[];
}

export function encodeChecksums(sums: ShardChecksums): Bytes {
  const config = concatBytes(
    varintField(1, BigInt(sums.ratio.dataShards)),
    varintField(2, BigInt(sums.ratio.parityShards)),
    varintField(3, sums.encodeTsNs),
    varintField(4, BigInt(sums.layoutBlockBytes)),
  );
  const parts = [
    varintField(1, BigInt(CRC32C)),
    varintField(2, BigInt(sums.blockBytes)),
    bytesField(4, config),
    ...sums.blocks.map((blocks, shard) => {
      const packed = Buffer.alloc(4 * blocks.length);
      for (const [i, block] of blocks.entries()) packed.writeUInt32LE(block, 4 * i);
      const covered = varintField(2, BigInt(sums.shardBytes));
      return bytesField(5, concatBytes(varintField(1, BigInt(shard)), covered, bytesField(3, packed)));
    }),
    bytesField(6, sums.uuid),
  ];
  const payload = concatBytes(...parts);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(MAGIC, 0);
  head.writeUInt16BE(VERSION, 4);
  head.writeUInt32BE(payload.length, 6);
  head.writeUInt32BE(crc32c(payload), 10);
  return concatBytes(head, payload);
}

/** @throws OperationError `corruption` for what is damaged, incomplete or of a later version. */
export function decodeChecksums(bytes: Bytes): ShardChecksums {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (head.length < HEAD_BYTES || head.readUInt32BE(0) !== MAGIC) throw damaged('it does not begin with ECSU');
  if (head.readUInt16BE(4) !== VERSION) throw damaged(`its version is ${head.readUInt16BE(4)}, known is ${VERSION}`);
  const payload = head.subarray(HEAD_BYTES);
  if (head.readUInt32BE(6) !== payload.length) throw damaged('its length is not the one it names');
  if (head.readUInt32BE(10) !== crc32c(payload)) throw damaged('its own checksum is wrong');
  const message = decodeMessage(payload);
  const config = decodeMessage(message.bytes(4) ?? Buffer.alloc(0));
  const ratio = { dataShards: config.number(1), parityShards: config.number(2) };
  const shards = ratio.dataShards + ratio.parityShards;
  const blockBytes = message.number(2);
  if (message.number(1) !== CRC32C) throw damaged(`its checksums are of the unknown kind ${message.number(1)}`);
  if (message.number(3) !== 0) throw damaged(`it describes generation ${message.number(3)}, not 0`);
  if (ratio.dataShards < 1 || ratio.parityShards < 1 || shards > SHARDS_MAX) throw damaged('its ratio is impossible');
  if (blockBytes < 4_096 || blockBytes > BLOCK_BYTES_MAX) throw damaged(`its blocks have ${blockBytes} bytes`);
  const blocks = new Array<Uint32Array>(shards);
  let shardBytes = -1;
  for (const encoded of message.all(5)) {
    const entry = decodeMessage(encoded);
    const shard = entry.number(1);
    const covered = entry.number(2);
    const packed = entry.bytes(3) ?? Buffer.alloc(0);
    if (shard >= shards || blocks[shard] !== undefined) throw damaged(`shard ${shard} is one too many`);
    if (shardBytes >= 0 && covered !== shardBytes) throw damaged('its shards differ in length');
    shardBytes = covered;
    if (packed.length !== 4 * Math.ceil(covered / blockBytes)) throw damaged(`shard ${shard} lacks checksums`);
    blocks[shard] = Uint32Array.from({ length: packed.length / 4 }, (_, i) => packed.readUInt32LE(4 * i));
  }
  for (let shard = 0; shard < shards; shard++) if (blocks[shard] === undefined) throw damaged(`no shard ${shard}`);
  return {
    ratio,
    encodeTsNs: config.integer(3),
    layoutBlockBytes: config.number(4),
    blockBytes,
    shardBytes,
    uuid: message.bytes(6) ?? Buffer.alloc(0),
    blocks,
  };
}

function damaged(how: string): OperationError {
  return new OperationError('corruption', `the checksums of the shards (.ecsum) are unusable: ${how}`);
}

// Protobuf, as much as these messages need.

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function varintField(field: number, value: bigint): Bytes {
  return value === 0n ? Buffer.alloc(0) : concatBytes(varint(BigInt(field << 3)), varint(value));
}

function bytesField(field: number, bytes: Bytes): Bytes {
  if (bytes.length === 0) return Buffer.alloc(0);
  return concatBytes(varint(BigInt((field << 3) | 2)), varint(BigInt(bytes.length)), bytes);
}

class Message {
  readonly #fields: readonly { readonly field: number; readonly value: bigint | Buffer }[];

  constructor(fields: readonly { readonly field: number; readonly value: bigint | Buffer }[]) {
    this.#fields = fields;
  }

  all(field: number): Buffer[] {
    return this.#fields.flatMap((one) => (one.field === field && typeof one.value !== 'bigint' ? [one.value] : []));
  }

  bytes(field: number): Buffer | undefined {
    return this.all(field).at(-1);
  }

  integer(field: number): bigint {
    const value = this.#fields.findLast((one) => one.field === field)?.value ?? 0n;
    if (typeof value !== 'bigint') throw damaged(`field ${field} is no integer`);
    return value;
  }

  number(field: number): number {
    const value = Number(this.integer(field));
    if (!Number.isSafeInteger(value)) throw damaged(`field ${field} is too large`);
    return value;
  }
}

function decodeMessage(bytes: Buffer): Message {
  const fields: { readonly field: number; readonly value: bigint | Buffer }[] = [];
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw damaged('an integer does not end');
  };
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw damaged('a field reaches beyond its message');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(next());
    const field = tag >>> 3;
    switch (tag & 7) {
      case 0:
        fields.push({ field, value: next() });
        break;
      case 1:
        take(8); // Fields that later versions may add.
        break;
      case 2:
        fields.push({ field, value: take(Number(next())) });
        break;
      case 5:
        take(4);
        break;
      default:
        throw damaged(`a field of wire type ${tag & 7}`);
    }
  }
  return new Message(fields);
}
