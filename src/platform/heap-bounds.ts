/**
 * Keeps V8's heap near what lives in it, where the process may use little memory, and lets a small one grow where it may use much.
 *
 * V8 goes by the memory of the machine: the young generation grows to 128 MiB, the old one to several times what lives, and pages
 * that were needed once are kept. All of that can be bounded when a process starts, before anyone has read the
 * configuration; two flags are read at each collection and may be set at any time: how the limit of the old
 * generation follows from what lives, and by which factor the young one grows. With a factor of 1 it stays as it is, so it is watched,
 * and stopped where it is large enough.
 *
 * After a while in which little was asked V8 lets a heap grow by a few MB only before it collects it as a whole: the 50 MB of a
 * server that has done little yet again and again within some hundred statements, 30 to 40 ms of the main thread each time.
 */

import { constants } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { afterCollections } from './collections.ts';

/** With more memory the young generation is left to V8, and so is the old one once it is not small any more. */
const LIMIT_BYTES_MAX = 4 * 2 ** 30;
/** Of the limit: the young generation. Steps that are taken before the loop can look may take it to some times that. */
const YOUNG_FRACTION = 32;
/** Of what lives, in percent: the old generation grows by so much before it is collected as a whole. */
const GROWTH_PERCENT = 40;

const SMALL_BYTES = 128 * 2 ** 20;
const SMALL_GROWTH_PERCENT = 200;

const GROWING = '--semi-space-growth-factor=2';
const GROWN = '--semi-space-growth-factor=1';
const BY_SPEED = 0;

/** @param limitBytes What the process may use. @returns a function that leaves the heap to V8 again. */
export function boundHeap(limitBytes: number): () => void {
  if (limitBytes >= LIMIT_BYTES_MAX) return () => undefined;
  let isGrown = false;
  const look = (): void => {
    if (youngBytes() >= limitBytes / YOUNG_FRACTION === isGrown) return;
    isGrown = !isGrown;
    setFlagsFromString(isGrown ? GROWN : GROWING);
  };
  growBy(GROWTH_PERCENT);
  const stop = afterCollections(look);
  look();
  return () => {
    stop();
    setFlagsFromString(GROWING);
    growBy(BY_SPEED);
  };
}

/**
 * Lets a small heap grow where there is memory: for the end of a start, as the garbage of that need not stay.
 * @param limitBytes What the process may use. @returns a function that leaves the heap to V8 again.
 */
export function spareSmallHeap(limitBytes: number): () => void {
  if (limitBytes < LIMIT_BYTES_MAX) return () => undefined;
  const look = (): void => growBy(getHeapStatistics().used_heap_size < SMALL_BYTES ? SMALL_GROWTH_PERCENT : BY_SPEED);
  // Before one of the whole heap there is garbage in what is used.
  const stop = afterCollections((kind) => kind === constants.NODE_PERFORMANCE_GC_MAJOR && look());
  look();
  return () => {
    stop();
    growBy(BY_SPEED);
  };
}

function growBy(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** Of both halves of the young generation. */
function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_size;
}
