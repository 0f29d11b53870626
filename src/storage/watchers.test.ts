import { expect, test } from 'vitest';
import { type Bytes, utf8 } from '../base/bytes.ts';
import { SeededRandom } from '../platform/simulated/seeded-random.ts';
import { type KeyRange, rangeContains, rangesOverlap } from './key-range.ts';
import { DELETE, DELETE_RANGE, operationBytes, PUT, writeOperation } from './operations.ts';
import { Watchers } from './watchers.ts';

const SEED = process.env.ORBIT_TEST_SEED ?? '1';

test('watchers hear of the commits that touch their range, and of no others', () => {
  const random = new SeededRandom(SEED);
  // Few letters, so that keys and bounds share beginnings, end within each other and are equal.
  const word = (lengthMin: number): string =>
    Array.from({ length: random.between(lengthMin, 5) }, () => random.pick(['a', 'b', 'c'])).join('');
  let heardOf = 0;
  for (let round = 0; round < 500; round++) {
    const watchers = new Watchers((error) => {
      throw error;
    });
    const ranges: KeyRange[] = [];
    const heard: Bytes[][] = [];
    const called: boolean[] = [];
    const watch = (): void => {
      const [start, end] = [word(1), word(1)].sort();
      const range = { start: utf8(start!), end: random.chance(0.1) ? undefined : utf8(end!) };
      const place = ranges.push(range) - 1;
      watchers.add(range, ({ changes }) => {
        called[place] = true;
        for (const change of changes) if (change.kind !== 'deleteRange') heard[place]!.push(change.key);
      });
    };
    for (let i = random.between(1, 3); i > 0; i--) watch();
    for (let commit = random.between(1, 4); commit > 0; commit--) {
      if (random.chance(0.1)) watch();
      for (let place = 0; place < ranges.length; place++) {
        heard[place] = [];
        called[place] = false;
      }
      const keys = Array.from({ length: random.between(1, 6) }, () => utf8(word(1)));
      if (random.chance(0.5)) keys.sort(Buffer.compare);
      const arena = Buffer.alloc(keys.reduce((sum, key) => sum + operationBytes(key.length, 5), 3));
      const deleted: KeyRange[] = [];
      const put: Bytes[] = [];
      let end = 3;
      for (const key of keys) {
        const until = utf8(word(1));
        if (random.chance(0.1) && Buffer.compare(key, until) < 0) {
          deleted.push({ start: key, end: until });
          end = writeOperation(arena, end, DELETE_RANGE, key, until);
          continue;
        }
        put.push(key);
        end = random.chance(0.2)
          ? writeOperation(arena, end, DELETE, key, undefined)
          : writeOperation(arena, end, PUT, key, utf8(word(2).slice(0, 2)));
      }
      watchers.notify(arena, 3, end, 1);
      const expected = ranges.map((range) => put.filter((key) => rangeContains(range, key)).map(String));
      expect(
        heard.map((each) => each.map(String)),
        `seed ${SEED}, round ${round}`,
      ).toEqual(expected);
      expect(called, `seed ${SEED}, round ${round}`).toEqual(
        ranges.map((range, i) => expected[i]!.length > 0 || deleted.some((each) => rangesOverlap(each, range))),
      );
      heardOf += expected.flat().length;
    }
  }
  expect(heardOf).toBeGreaterThan(0);
});
