/**
 * Keeps V8's heap near what lives in it, where the process may use little memory.
 *
 * V8 goes by the memory of the machine: the young generation grows to 128 MiB, the old one to several times what lives, and pages
 * that were needed once are kept. All of that can be bounded when a process starts, before anyone has read the
 * configuration; two flags are read at each collection and may be set at any time: how the limit of the old
 * generation follows from what lives, and by which factor the young one grows. With a factor of 1 it stays as it is, so it is watched,
 * and stopped where it is large enough.
 */

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** With more memory the heap is left to V8. */
const LIMIT_BYTES_MAX = 4 * 2 ** 30;
/** Of the limit: the young generation. A last step may take it to less than twice that. */
const YOUNG_FRACTION = 32;
/** Of what lives, in percent: the old generation grows by so much before it is collected as a whole. */
const GROWTH_PERCENT = 40;

const GROWING = '--semi-space-growth-factor=2';
const GROWN = '--semi-space-growth-factor=1';
const BY_SPEED = '--heap-growing-percent=0';

/** @param limitBytes What the process may use. @returns a function that leaves the heap to V8 again. */
export function boundHeap(limitBytes: number): () => void {
  if (limitBytes >= LIMIT_BYTES_MAX) return () => undefined;
  let isGrown = false;
  const look = (): void => {
    if (youngBytes() >= limitBytes / YOUNG_FRACTION === isGrown) return;
    isGrown = !isGrown;
    setFlagsFromString(isGrown ? GROWN : GROWING);
  };
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  const collections = new PerformanceObserver(look);
  collections.observe({ entryTypes: ['gc'] });
  look();
  return () => {
    collections.disconnect();
    setFlagsFromString(GROWING);
    setFlagsFromString(BY_SPEED);
  };
}

/** Of both halves of the young generation. */
function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_size;
}
