import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { spread } from './spread.ts';

/** More than half of what a turn gives. */
function work(): void {
  const end = performance.now() + 0.6;
  while (performance.now() < end);
}

it('runs work at once, and what is too much for one turn in the next ones, in order', async () => {
  await turn();
  const done: number[] = [];
  let before = 0;
  for (let i = 0; i < 12; i++)
    spread(() => {
      work();
      done.push(i);
    });
  expect(done.length).toBeGreaterThan(0);
  for (let turns = 0; done.length < 12; turns++) {
    expect(done.length - before).toBeLessThanOrEqual(2);
    expect(turns).toBeLessThan(100);
    before = done.length;
    await turn();
  }
  expect(done).toEqual([...Array(12).keys()]);
});

it('puts what comes later behind what waits', async () => {
  await turn();
  const done: string[] = [];
  for (const name of ['a', 'b', 'c', 'd'])
    spread(() => {
      work();
      done.push(name);
    });
  await turn();
  spread(() => done.push('e'));
  while (done.length < 5) await turn();
  expect(done.join('')).toBe('abcde');
});
