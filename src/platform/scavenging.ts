/**
 * How many threads collect the young generation.
 *
 * V8 shares a scavenge out among its worker threads. Where little survives, as of requests, that takes longer than doing it
 * alone; and where the machine's processors are taken, the main thread waits for helpers that have begun and do not run. Where
 * much survives, as of rows that are being sorted, helpers make it shorter. V8 reads the flag at each collection, so it
 * follows what collections take.
 */

import { constants } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { afterCollections } from './collections.ts';

const ALONE = '--no-parallel-scavenge';
const SHARED = '--parallel-scavenge';

/** One alone that takes longer has much to copy, or had to wait for a processor: two in a row have much to copy. */
const LONG_MS = 4;
const LONG_MAX = 2;
/** So many are shared before the next is tried alone. */
const SHARED_COUNT = 50;

/** Decides for the next scavenge, from how long the last ones took. */
export class ScavengeThreads {
  #long = 0;
  #sharedLeft = 0;

  /** Whether several threads are to do the next one. */
  get areMany(): boolean {
    return this.#sharedLeft > 0;
  }

  /** How long one took. */
  note(tookMs: number): void {
    if (this.#sharedLeft > 0) {
      this.#sharedLeft--;
      // The first one alone tells whether there is still as much to copy.
      if (this.#sharedLeft === 0) this.#long = LONG_MAX - 1;
    } else if (tookMs <= LONG_MS) this.#long = 0;
    else if (++this.#long >= LONG_MAX) this.#sharedLeft = SHARED_COUNT;
  }
}

/** Watches the collections of the process. @returns a function that leaves scavenges to V8 again. */
export function followScavenges(): () => void {
  const threads = new ScavengeThreads();
  setFlagsFromString(ALONE);
  const stop = afterCollections((kind, tookMs) => {
    if (kind !== constants.NODE_PERFORMANCE_GC_MINOR) return;
    const wereMany = threads.areMany;
    threads.note(tookMs);
    if (threads.areMany !== wereMany) setFlagsFromString(threads.areMany ? SHARED : ALONE);
  });
  return () => {
    stop();
    setFlagsFromString(SHARED);
  };
}
