import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortInSlices } from './sort-in-slices.ts';

test('sorts as Array.sort does, stably', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 1, max: 3_000 }), async (count, kinds) => {
      const values = Array.from({ length: count }, (_, place) => ({ key: (place * 7_919) % kinds, place }));
      const compare = (a: { key: number }, b: { key: number }) => a.key - b.key;
      expect(await sortInSlices(values, compare, () => {})).toEqual(values.toSorted(compare));
    }),
    { numRuns: 30 },
  );
});

test('others have their turn again and again', async () => {
  let pauses = 0;
  const values = Array.from({ length: 30_000 }, (_, i) => (i * 7_919) % 30_000);
  await sortInSlices(
    values,
    (a, b) => a - b,
    () => {
      pauses++;
    },
  );
  expect(pauses).toBeGreaterThan(100);
});
