import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  LARGE_BLOCK_BYTES as LARGE,
  layoutOf,
  layoutOfShards,
  locate,
  SMALL_BLOCK_BYTES as SMALL,
  stripes,
} from './layout.ts';

const seed = Number(process.env.ORBIT_TEST_SEED ?? 1);
const REAL = { dataShards: 10, largeBytes: LARGE, smallBytes: SMALL };
const TINY = { dataShards: 10, largeBytes: 10_000, smallBytes: 100 };

describe('the layout of shards', () => {
  it('locates the published examples', () => {
    const two = layoutOfShards(REAL, 3_221_225_472);
    expect(two.largeRows).toBe(2);
    const inSmall = (block: number, inner: number, bytes: number) => ({
      shard: block % 10,
      shardOffset: 2 * LARGE + Math.floor(block / 10) * SMALL + inner,
      bytes,
    });
    expect(locate(two, 21_479_557_912, 4_194_339)).toEqual([
      inSmall(4, 527_128, 521_448),
      inSmall(5, 0, SMALL),
      inSmall(6, 0, SMALL),
      inSmall(7, 0, SMALL),
      inSmall(8, 0, 527_163),
    ]);
    expect(locate(two, 30_782_909_808, 112_568)).toEqual([{ shard: 6, shardOffset: 3_078_483_312, bytes: 112_568 }]);
    const three = layoutOf(REAL, 10 * 3_221_225_472);
    expect(three.largeRows).toBe(3);
    expect(locate(three, 21_474_836_480, 64)).toEqual([{ shard: 0, shardOffset: 2_147_483_648, bytes: 64 }]);
    const tiny = layoutOfShards(TINY, 10_002);
    expect(tiny.largeRows).toBe(1);
    expect(locate(tiny, 100_000, 1)).toEqual([{ shard: 0, shardOffset: 10_000, bytes: 1 }]);
  });

  it('gives shards the lengths of SeaweedFS', () => {
    expect(layoutOf(REAL, 2_590_912).shardBytes).toBe(SMALL);
    expect(layoutOf(TINY, 2_590_912).shardBytes).toBe(259_100);
    expect(layoutOf(REAL, 10 * LARGE)).toMatchObject({ largeRows: 1, shardBytes: LARGE });
    expect(layoutOf(REAL, 0).shardBytes).toBe(0);
  });

  it('puts every byte of the file into exactly one place, where the stripes have it', () => {
    const sizes = fc.record({
      dataShards: fc.integer({ min: 1, max: 12 }),
      smallBytes: fc.integer({ min: 1, max: 40 }),
      blocks: fc.integer({ min: 1, max: 9 }),
      datBytes: fc.integer({ min: 0, max: 6_000 }),
      stripeBytes: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(sizes, ({ dataShards, smallBytes, blocks, datBytes, stripeBytes }) => {
        const layout = layoutOf({ dataShards, smallBytes, largeBytes: smallBytes * blocks }, datBytes);
        const places = new Map<string, number>();
        let at = 0;
        for (const { shard, shardOffset, bytes } of locate(layout, 0, datBytes)) {
          for (let i = 0; i < bytes; i++) places.set(`${shard} ${shardOffset + i}`, at++);
        }
        expect(places.size).toBe(datBytes);
        let next = 0;
        for (const stripe of stripes(layout, stripeBytes)) {
          expect(stripe.shardOffset).toBe(next);
          next += stripe.bytes;
          for (let shard = 0; shard < dataShards; shard++) {
            for (let i = 0; i < stripe.bytes; i++) {
              const dat = stripe.datOffset + shard * stripe.blockBytes + i;
              const place = places.get(`${shard} ${stripe.shardOffset + i}`);
              expect(place).toBe(dat < datBytes ? dat : undefined);
            }
          }
        }
        expect(next).toBe(layout.shardBytes);
      }),
      { seed, numRuns: 40 },
    );
  });
});
