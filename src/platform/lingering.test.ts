import { expect, test } from 'vitest';
import { linger } from './lingering.ts';

test('those who linger are read one after the other, and not more than a few dozen', async () => {
  const read: number[] = [];
  const all = new Promise<void>((resolve) => {
    for (let i = 0; i < 32; i++) {
      expect(
        linger(() => {
          read.push(i);
          if (i === 31) resolve();
        }),
      ).toBe(true);
    }
  });
  expect(linger(() => read.push(99))).toBe(false);
  expect(read).toEqual([]);
  await all;
  expect(read).toEqual(Array.from({ length: 32 }, (_, i) => i));
  expect(linger(() => {})).toBe(true);
});
