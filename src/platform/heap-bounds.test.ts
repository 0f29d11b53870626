import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { expect, test } from 'vitest';
import { boundHeap } from './heap-bounds.ts';
import { trimHeap } from './trim-heap.ts';

const LIMIT_BYTES = 256 * 2 ** 20;
const TURNS = 400;

test('the young generation stays within its share of the limit, and grows beyond without one', async () => {
  trimHeap();
  const unbound = boundHeap(LIMIT_BYTES);
  try {
    expect(await youngBytesUnderLoad()).toBeLessThanOrEqual(LIMIT_BYTES / 4);
  } finally {
    unbound();
  }
  expect(await youngBytesUnderLoad()).toBeGreaterThan(LIMIT_BYTES / 4);
});

/** The most that it takes while objects live for some collections. */
async function youngBytesUnderLoad(): Promise<number> {
  let most = 0;
  let living: unknown[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    for (let i = 0; i < 10_000; i++) living.push({ turn, text: `object ${i}` });
    if (living.length > 200_000) living = living.slice(100_000);
    most = Math.max(most, getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_size);
    await nextTurn();
  }
  return most;
}
