/** How much of its time the event loop has work, as Node counts it. */

import { performance } from 'node:perf_hooks';

/** @returns a function that tells the share of the time since its last call, from 0 to 1, in which the loop did not wait. */
export function newLoopShare(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
