import { expect, test } from 'vitest';
import { ScavengeThreads } from './scavenging.ts';

const SHORT_MS = 1;
const LONG_MS = 20;

/** Notes scavenges until it is decided that one thread does the next. @returns how many. */
function untilAlone(threads: ScavengeThreads, tookMs: number): number {
  let count = 0;
  for (; threads.areMany; count++) threads.note(tookMs);
  return count;
}

test('one thread does what is short, and a single long one among them', () => {
  const threads = new ScavengeThreads();
  for (let i = 0; i < 100; i++) {
    threads.note(i % 2 === 0 ? SHORT_MS : LONG_MS);
    expect(threads.areMany).toBe(false);
  }
});

test('several threads take over after two long ones, for a while', () => {
  const threads = new ScavengeThreads();
  threads.note(LONG_MS);
  threads.note(LONG_MS);
  expect(threads.areMany).toBe(true);
  expect(untilAlone(threads, SHORT_MS)).toBe(50);
});

test('one that is tried alone and is long again is enough for the next while', () => {
  const threads = new ScavengeThreads();
  threads.note(LONG_MS);
  threads.note(LONG_MS);
  untilAlone(threads, SHORT_MS);
  threads.note(LONG_MS);
  expect(threads.areMany).toBe(true);
  untilAlone(threads, SHORT_MS);
  threads.note(SHORT_MS);
  threads.note(LONG_MS);
  expect(threads.areMany).toBe(false);
});
