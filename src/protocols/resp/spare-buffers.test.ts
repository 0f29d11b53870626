import { expect, test } from 'vitest';
import { SpareBuffers } from './spare-buffers.ts';

test('what was given back is used again', () => {
  const memory = new SpareBuffers();
  const first = memory.take(100_000);
  expect(first.length).toBe(128 * 1024);
  memory.giveBack(first.subarray(0, 10));
  const again = memory.take(70_000);
  expect(again.buffer).toBe(first.buffer);
  expect(memory.take(70_000).buffer).not.toBe(first.buffer);
});

test('little and much is allocated as it is needed, and never lent', () => {
  const memory = new SpareBuffers();
  for (const bytes of [1, 16_383, 131_073, 10_000_000]) {
    const taken = memory.take(bytes);
    expect(taken.length).toBe(bytes);
    expect(memory.lends(taken)).toBe(false);
    memory.giveBack(taken);
    expect(memory.take(bytes).buffer).not.toBe(taken.buffer);
  }
  for (const bytes of [16_384, 16_385, 131_072]) expect(memory.lends(memory.take(bytes))).toBe(true);
});

test('no more is kept than a few of each size', () => {
  const memory = new SpareBuffers();
  const taken = Array.from({ length: 20 }, () => memory.take(64 * 1024));
  for (const each of taken) memory.giveBack(each);
  const known = new Set(taken.map(({ buffer }) => buffer));
  const again = Array.from({ length: 20 }, () => memory.take(64 * 1024));
  expect(again.filter(({ buffer }) => known.has(buffer)).length).toBe(8);
});
