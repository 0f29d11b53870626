import { expect, it } from 'vitest';
import { AtOnce } from './at-once.ts';

it('two slow calls in a row send the next 200 to the pool, one alone does not', () => {
  const atOnce = new AtOnce();
  for (const ms of [0.01, 5, 0.02, 5, 0.01]) {
    expect(atOnce.isDue()).toBe(true);
    atOnce.note(ms);
  }
  atOnce.note(5);
  atOnce.note(5);
  for (let i = 0; i < 200; i++) expect(atOnce.isDue()).toBe(false);
  expect(atOnce.isDue()).toBe(true);
  atOnce.note(5);
  expect(atOnce.isDue()).toBe(true);
});
