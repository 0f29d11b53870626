import { beforeEach, describe, expect, it } from 'vitest';
import { type SimulatedPlatform, Simulation } from '../../platform/simulated/simulation.ts';
import { encodeIndexRow, type IndexLayout, LARGE_INDEX, SMALL_INDEX, writeIndexRow } from '../formats/index-row.ts';
import { SortedIndex } from './sorted-index.ts';

const BASE = 'v/1';
let platform: SimulatedPlatform;

beforeEach(async () => {
  platform = new Simulation(1).boot();
  await platform.files.makeDirectory('v');
});

/** Rows with the ids 3, 6, 9, … at offsets of 80 bytes each. */
async function write(count: number, layout: IndexLayout): Promise<void> {
  const rows = Buffer.alloc(count * layout.rowBytes);
  for (let i = 0; i < count; i++) writeIndexRow(rows, i * layout.rowBytes, layout, 0, 3 * (i + 1), 80 * (i + 1), i);
  await platform.files.writeAtomic(`${BASE}.ecx`, rows);
}

describe('the sorted index', () => {
  it.each([
    ['in memory', 1_000, SMALL_INDEX],
    ['with 5-byte offsets', 1_000, LARGE_INDEX],
    ['read by pages', 300_000, SMALL_INDEX],
    ['read by pages, with 5-byte offsets', 300_001, LARGE_INDEX],
  ] as const)('finds what is there and nothing else, %s', async (_, count, layout) => {
    await write(count, layout);
    const index = await SortedIndex.open(platform.files, BASE, layout);
    expect(index.rows).toBe(count);
    for (let i = 0; i < count; i += 1 + (count >> 8)) {
      const id = BigInt(3 * (i + 1));
      expect(await index.find(id)).toEqual({ id, offset: 80 * (i + 1), size: i });
      expect(await index.find(id + 1n)).toBeUndefined();
    }
    for (const id of [0n, 1n, 2n, BigInt(3 * count + 3), 2n ** 64n - 1n]) expect(await index.find(id)).toBeUndefined();
    expect((await index.find(BigInt(3 * count)))?.size).toBe(count - 1);
    await index.close();
  });

  it('is empty for a volume without live needles, and leaves out rows marked as deleted', async () => {
    await platform.files.writeAtomic(`${BASE}.ecx`, Buffer.alloc(0));
    const empty = await SortedIndex.open(platform.files, BASE, SMALL_INDEX);
    expect(await empty.find(1n)).toBeUndefined();
    await empty.close();
    await platform.files.writeAtomic(`${BASE}.ecx`, encodeIndexRow({ id: 5n, offset: 8, size: -1 }, SMALL_INDEX));
    const marked = await SortedIndex.open(platform.files, BASE, SMALL_INDEX);
    expect(await marked.find(5n)).toBeUndefined();
    await marked.close();
  });

  it('refuses rows out of order, and a torn one', async () => {
    const row = (id: bigint) => encodeIndexRow({ id, offset: 8, size: 1 }, SMALL_INDEX);
    await platform.files.writeAtomic(`${BASE}.ecx`, Buffer.concat([row(2n), row(1n)]));
    await expect(SortedIndex.open(platform.files, BASE, SMALL_INDEX)).rejects.toMatchObject({ code: 'corruption' });
    await platform.files.writeAtomic(`${BASE}.ecx`, row(2n).subarray(0, 9));
    await expect(SortedIndex.open(platform.files, BASE, SMALL_INDEX)).rejects.toMatchObject({ code: 'corruption' });
  });
});
