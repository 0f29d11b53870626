/**
 * Spreads what comes in bursts over turns of the event loop: ten thousand connections that begin or end at the same moment
 * would otherwise make one turn of it, some 20 to 60 µs each, and everybody else would wait for that.
 *
 * Work runs at once as long as this turn has given such work less than `SPENT_MS`; what comes then waits its turn, in the
 * order in which it came. So nothing is put off where there is no burst. What it throws is nobody's here, as of any callback of
 * the event loop; the rest runs nevertheless.
 */

const SPENT_MS = 0.5;

/** When the first of this turn began. */
let beganMs: number | undefined;
let waiting: (() => void)[] = [];
/** Of `waiting`, the first that has not run. */
let next = 0;

/** Runs `work` now or in one of the next turns, before whatever is spread after it. */
export function spread(work: () => void): void {
  if (beganMs === undefined) {
    beganMs = performance.now();
    setImmediate(endTurn);
  } else if (waiting.length > 0 || performance.now() - beganMs >= SPENT_MS) {
    waiting.push(work);
    return;
  }
  work();
}

function endTurn(): void {
  beganMs = undefined;
  if (waiting.length === 0) return;
  beganMs = performance.now();
  setImmediate(endTurn);
  do {
    waiting[next++]!();
  } while (next < waiting.length && performance.now() - beganMs < SPENT_MS);
  if (next < waiting.length) return;
  waiting = [];
  next = 0;
}
