import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../../test/support/random-from.ts';
import { EntryFileIndex } from './entry-file-index.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 20_260_701);

function blocksOf(index: EntryFileIndex, hash: number): number[] {
  const found: number[] = [];
  index.seek(hash);
  for (let block = index.next(); block !== 0; block = index.next()) found.push(block);
  return found;
}

describe('the index of the file of entries', () => {
  it(`finds the blocks of every hash while it grows fourfold and fills up, and few others (seed ${SEED})`, () => {
    const random = randomFrom(SEED);
    const index = new EntryFileIndex(1 << 20, 4_000);
    const least = index.bytes;
    const blocks = new Map<number, number>();
    for (let i = 0; i < 245_000; i++) {
      const hash = random(2 ** 32) | 0;
      const block = 1 + (i % 4_000);
      if (index.add(hash, block, 4_000, 10, 4_000)) blocks.set(hash, block);
    }
    expect(index.bytes).toBe(least * 4);
    expect(index.bytes).toBeLessThanOrEqual(1 << 20);
    let [lost, others] = [0, 0];
    for (const [hash, block] of blocks) {
      const found = blocksOf(index, hash);
      if (!found.includes(block)) lost++;
      others += found.length - 1;
    }
    // Of full buckets some had to give way, although nearly all places are taken.
    expect(index.count).toBeGreaterThan(0.92 * (1 << 18));
    expect(lost).toBeLessThan(blocks.size * 0.005);
    expect(others).toBeLessThan(blocks.size * 0.02);
  });

  it(`takes away what is removed, and all of a class with a hash, whatever its size was (seed ${SEED})`, () => {
    const random = randomFrom(SEED);
    // So few bits of a hash count that classes have several members.
    const index = new EntryFileIndex(64 << 10, 0xff_ffff);
    const placed: { readonly hash: number; readonly block: number }[] = [];
    for (let i = 1; i <= 8_000; i++) {
      const hash = (random(2 ** 32) & 0xfc00_0fff) | 0;
      if (index.add(hash, i, 8_000, 8_000, 8_000)) placed.push({ hash, block: i });
      if (i % 3 !== 0) continue;
      const { hash: other, block } = placed[random(placed.length)]!;
      if (i % 2 === 0) {
        index.remove(other, block);
        expect(blocksOf(index, other)).not.toContain(block);
        placed.splice(0, placed.length, ...placed.filter((each) => each.block !== block));
        continue;
      }
      index.seek(other);
      while (index.next() !== 0) index.removeFound();
      expect(blocksOf(index, other)).toEqual([]);
      placed.splice(0, placed.length, ...placed.filter(({ hash: one }) => !index.isSameClass(one, other)));
    }
    expect(index.count).toBe(placed.length);
    for (const { hash, block } of placed) expect(blocksOf(index, hash)).toContain(block);
  });

  it('lets the oldest place of a full bucket go, as the ring turns, and none of the youngest blocks', () => {
    const index = new EntryFileIndex(4_096, 100);
    // Of a ring of 100 blocks the 5 up to 20 are the youngest: 21 is the oldest.
    const blocks = [16, 17, 18, 19, 20, 50, 21, 90, 10, 1, 2, 3, 4, 5, 6, 7];
    for (const block of blocks) expect(index.add(7, block, 20, 5, 100)).toBe(true);
    expect(index.add(7, 20, 20, 5, 100)).toBe(true);
    expect(blocksOf(index, 7)).not.toContain(21);
    for (let i = 0; i < 10; i++) expect(index.add(7, 20, 20, 5, 100)).toBe(true);
    expect(blocksOf(index, 7).sort((a, b) => a - b)).toEqual([16, 17, 18, 19, ...Array(12).fill(20)]);
    expect(index.add(7, 20, 20, 5, 100)).toBe(false);
    expect(index.count).toBe(16);
    index.clear();
    expect(index.count).toBe(0);
    expect(blocksOf(index, 7)).toEqual([]);
  });
});
