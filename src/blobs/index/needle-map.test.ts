import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idHighOf, idLowOf, idOf, LARGE_INDEX, SMALL_INDEX } from '../formats/index-row.ts';
import { NeedleMap, sizeBeforeDelete } from './needle-map.ts';

/** The same as a plain map: id to offset and size, negative once deleted. */
type Model = Map<bigint, { offset: number; size: number }>;

function expectSame(map: NeedleMap, model: Model): void {
  const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
  const found: [bigint, { offset: number; size: number }][] = [];
  map.forEach((high, low, offset, size) => {
    found.push([idOf(high, low), { offset, size }]);
  });
  expect(found).toEqual(sorted);
  expect(map.live).toBe(sorted.filter(([, { size }]) => size >= 0).length);
  for (const [id, { offset, size }] of sorted) {
    expect(map.find(idHighOf(id), idLowOf(id))).toBe(true);
    expect([map.foundOffset, map.foundSize]).toEqual([offset, size]);
  }
}

describe('the needle map', () => {
  it('agrees with a plain map over any sets and deletes, whatever the order of ids', () => {
    const ids = fc.oneof(
      fc.bigInt({ min: 1n, max: 40n }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: 2n ** 32n - 5n, max: 2n ** 32n + 5n }),
    );
    const operations = fc.array(fc.tuple(fc.boolean(), ids, fc.nat(1000)), { maxLength: 300 });
    fc.assert(
      fc.property(operations, fc.constantFrom(SMALL_INDEX, LARGE_INDEX), (steps, layout) => {
        const map = new NeedleMap(layout);
        const model: Model = new Map();
        let end = 1;
        for (const [isDelete, id, size] of steps) {
          const before = model.get(id);
          if (isDelete) {
            expect(map.delete(idHighOf(id), idLowOf(id))).toBe(before !== undefined && before.size >= 0);
            if (before !== undefined && before.size >= 0) model.set(id, { ...before, size: ~before.size });
          } else {
            const offset = end++ * 8 + (layout === LARGE_INDEX ? 2 ** 35 : 0);
            expect(map.set(idHighOf(id), idLowOf(id), offset, size)).toBe(before !== undefined);
            if (before !== undefined) expect([map.foundOffset, map.foundSize]).toEqual([before.offset, before.size]);
            model.set(id, { offset, size });
          }
        }
        expectSame(map, model);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps its order over many sections, with ids ascending, descending and in a shuffle', () => {
    for (const step of [1, -1, 7919]) {
      const map = new NeedleMap(SMALL_INDEX);
      const count = 100_003;
      for (let i = 0; i < count; i++) {
        const id = step > 0 ? (i * step) % count : count - 1 - i;
        map.set(0, id, (id + 1) * 8, id & 0xff);
      }
      let next = 0;
      map.forEach((_high, low, offset, size) => {
        if (low !== next || offset !== (next + 1) * 8 || size !== (next & 0xff)) throw new Error(`${low} at ${next}`);
        next++;
      });
      expect(next).toBe(count);
      for (let id = 0; id < count; id += 101) expect(map.find(0, id)).toBe(true);
      expect(map.find(0, count)).toBe(false);
      expect(map.memoryBytes / count).toBeLessThan(step === 1 ? 21 : 27);
    }
  });

  it('takes 16 bytes for each of many ascending needles, 17 with wide offsets', () => {
    for (const [layout, bytes] of [
      [SMALL_INDEX, 16],
      [LARGE_INDEX, 17],
    ] as const) {
      const map = new NeedleMap(layout);
      for (let id = 0; id < 1_000_000; id++) map.set(0, id * 3, (id + 1) * 8, 100);
      expect(map.memoryBytes / 1_000_000).toBeLessThan(bytes + 0.6);
    }
  });

  it('counts as SeaweedFS does: an overwrite deletes what was there', () => {
    const map = new NeedleMap(SMALL_INDEX);
    map.set(0, 5, 8, 100);
    map.set(0, 5, 160, 50);
    map.set(0, 9, 240, 30);
    map.delete(0, 9);
    map.delete(0, 9);
    map.delete(0, 77);
    expect(map.counters).toEqual({
      files: 3,
      fileBytes: 180,
      deleted: 2,
      deletedBytes: 130,
      idMax: 9n,
      chunkIdMax: 0n,
    });
    expect(map.live).toBe(1);
    map.find(0, 9);
    expect(sizeBeforeDelete(map.foundSize)).toBe(30);
    expect(map.firstAtOrAfter(9)).toEqual({ high: 0, low: 5 });
    expect(map.firstAtOrAfter(161)).toBeUndefined();
  });
});
