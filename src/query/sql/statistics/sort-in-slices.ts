/** Sorting of many values, stably, with pauses for others in between. */

import type { Awaitable } from '../../../base/awaitable.ts';

/** Sorting so many at once takes some milliseconds where comparing is expensive. */
const SLICE = 1_024;

/** @returns the values in their order; those that are equal in the order in which they came. */
export async function sortInSlices<T>(
  values: readonly T[],
  compare: (a: T, b: T) => number,
  pause: () => Awaitable<void>,
): Promise<T[]> {
  let from: T[] = new Array<T>(values.length);
  for (let start = 0; start < values.length; start += SLICE) {
    const sorted = values.slice(start, start + SLICE).sort(compare);
    for (let i = 0; i < sorted.length; i++) from[start + i] = sorted[i]!;
    await pause();
  }
  let to: T[] = new Array<T>(values.length);
  for (let width = SLICE; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += width * 2) {
      const middle = Math.min(start + width, values.length);
      const end = Math.min(middle + width, values.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takesLeft = left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0);
        to[at] = takesLeft ? from[left++]! : from[right++]!;
        if (at % SLICE === SLICE - 1) await pause();
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
