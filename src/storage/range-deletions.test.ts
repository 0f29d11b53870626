import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../test/support/random-from.ts';
import { utf8 } from '../base/bytes.ts';
import { type KeyRange, rangeContains, rangesOverlap } from './key-range.ts';
import { type RangeDeletion, RangeDeletions } from './range-deletions.ts';

const seed = Number(process.env.ORBIT_TEST_SEED ?? 1);

function keyOf(draw: (bound: number) => number): string {
  return `k${String(draw(40)).padStart(2, '0')}`;
}

/** Often one of a few tables, now and then what lies around several. */
function rangeOf(draw: (bound: number) => number): KeyRange {
  const [start, end] = [keyOf(draw), keyOf(draw)].sort() as [string, string];
  if (draw(3) > 0) return { start: utf8(start), end: utf8(`${start}~`) };
  return { start: utf8(start), end: draw(5) === 0 ? undefined : utf8(end) };
}

function newest(deletions: readonly RangeDeletion[]): RangeDeletion | undefined {
  return deletions.at(-1);
}

describe('the ranges deleted in a memtable', () => {
  it('agree with a list of them: what covers a key and what touches a range, as of any sequence', () => {
    for (let round = 0; round < 60; round++) {
      const draw = randomFrom(seed * 1_000 + round);
      const tested = new RangeDeletions();
      const model: RangeDeletion[] = [];
      let mark = 0;
      for (let sequence = 1; sequence <= 80; sequence++) {
        for (let i = draw(3); i > 0; i--) {
          const range = rangeOf(draw);
          tested.add(range, sequence, mark);
          model.push({ range, sequence, mark });
          mark += draw(3);
        }
        if (draw(20) === 0) {
          const kept = draw(model.length + 1);
          tested.truncate(kept);
          model.length = kept;
        }
        if (draw(2) === 0) continue;
        expect(tested.count).toBe(model.length);
        const key = utf8(keyOf(draw));
        const through = draw(2) === 0 ? Number.MAX_SAFE_INTEGER : draw(sequence + 1);
        const covering = newest(
          model.filter((deletion) => deletion.sequence <= through && rangeContains(deletion.range, key)),
        );
        const found = tested.covering(key, 0, key.length, through);
        expect([found?.sequence, found?.mark]).toEqual([covering?.sequence, covering?.mark]);
        const range = rangeOf(draw);
        const after = draw(sequence + 1) - 1;
        const text = ({ range: { start, end } }: RangeDeletion): string => `${start} to ${end}`;
        const touching = model.filter(
          (deletion) =>
            deletion.sequence > after && deletion.sequence <= through && rangesOverlap(deletion.range, range),
        );
        const distinct = new Map(touching.map((deletion) => [text(deletion), deletion.sequence]));
        const told = tested.touching(range, after, through);
        expect(new Map(told.map((deletion) => [text(deletion), deletion.sequence]))).toEqual(distinct);
        expect(told.length).toBe(distinct.size);
        expect(told.map(text)).toEqual(told.map(text).toSorted());
        expect(tested.countThrough(after)).toBe(model.filter((deletion) => deletion.sequence <= after).length);
      }
    }
  });

  it('are of one age once they are flattened', () => {
    const tested = new RangeDeletions();
    const range = { start: utf8('a'), end: utf8('b') };
    for (let sequence = 1; sequence <= 4; sequence++) tested.add(range, sequence, sequence);
    tested.flatten(2);
    expect(tested.all.map(({ sequence }) => sequence)).toEqual([1, 2, 2, 2]);
    expect(tested.covering(utf8('a1'), 0, 2, 2)?.mark).toBe(4);
  });

  it('are found among many in about as many steps as their number has digits, in whatever order they come', () => {
    const count = 20_000;
    const orders: ((i: number) => number)[] = [(i) => i, (i) => count - i, (i) => (i * 7_919) % count];
    for (const orderOf of orders) {
      const tested = new RangeDeletions();
      const name = (i: number): Buffer => Buffer.from(String(i).padStart(6, '0'));
      for (let i = 0; i < count; i++) tested.add({ start: name(orderOf(i)), end: name(orderOf(i) + 1) }, i, i);
      expect(tested.touching({ start: name(123), end: name(125) }, -1, count).length).toBe(2);
      const startedAt = process.threadCpuUsage();
      for (let i = 0; i < count; i++) {
        const key = name(i + 1);
        if (tested.covering(key, 0, key.length, count) === undefined && i + 1 < count) throw new Error(`${i} is lost`);
      }
      const { user, system } = process.threadCpuUsage(startedAt);
      // One after the other they would take minutes.
      expect((user + system) / 1_000).toBeLessThan(1_500);
    }
  }, 60_000);
});
