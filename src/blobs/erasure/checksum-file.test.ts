import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../platform/simulated/seeded-random.ts';
import { decodeChecksums, encodeChecksums, type ShardChecksums } from './checksum-file.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const MIB = 1024 * 1024;

const SAMPLE: ShardChecksums = {
  ratio: { dataShards: 10, parityShards: 4 },
  encodeTsNs: 1_700_000_000_123_456_789n,
  layoutBlockBytes: 0,
  blockBytes: MIB,
  shardBytes: 2 * MIB + 5,
  uuid: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
  blocks: Array.from({ length: 14 }, (_, shard) => Uint32Array.of(shard, 0xffff_ffff - shard, 7)),
};

describe('the checksums of shards', () => {
  it('have the bytes that SeaweedFS gives them', () => {
    // Two shards of 1 MiB and blocks of 16 MiB, as an independent writer has them.
    const sample = {
      ...SAMPLE,
      encodeTsNs: 0n,
      blockBytes: 16 * MIB,
      shardBytes: MIB,
      blocks: [Uint32Array.of(0x01020304), Uint32Array.of(0x05060708)],
    };
    expect(Buffer.from(encodeChecksums(sample)).toString('hex')).toBe(
      '45435355000100000039cc1b826a080110808080082204080a10042a0a108080401a04040302012a0c0801108080401a0408070605' +
        '3210000102030405060708090a0b0c0d0e0f',
    );
  });

  it('come back as they went', () => {
    expect(decodeChecksums(encodeChecksums(SAMPLE))).toEqual(SAMPLE);
  });

  it('notice every flipped bit and every cut', () => {
    const bytes = Buffer.from(encodeChecksums(SAMPLE));
    const random = new SeededRandom(seed);
    for (let round = 0; round < 300; round++) {
      const changed = Buffer.from(bytes);
      changed[random.int(bytes.length)]! ^= 1 << random.int(8);
      expect(() => decodeChecksums(changed), `seed ${seed}`).toThrow(/unusable/);
      expect(() => decodeChecksums(bytes.subarray(0, random.int(bytes.length))), `seed ${seed}`).toThrow(/unusable/);
    }
  });

  it('must be of every shard', () => {
    const bytes = encodeChecksums({ ...SAMPLE, blocks: SAMPLE.blocks.slice(1) });
    expect(() => decodeChecksums(bytes)).toThrow('no shard 13');
  });
});
