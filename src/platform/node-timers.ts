/**
 * Timers of the machine. None keeps the process alive: what runs is decided by listeners and work, not by timeouts.
 *
 * Those who yield go on in the order in which they came, one after the other until a turn of the event loop has given them
 * its time: ten statements that each work for a slice would otherwise make one turn of ten slices.
 */

import { assert } from '../base/assert.ts';
import type { Timer, Timers } from './platform.ts';
import { sleepWith } from './sleep.ts';

/** The longest delay `setTimeout` knows; beyond it, Node fires after 1 ms. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** In one turn nobody who yielded goes on after so long. */
const YIELDED_MS = 1;
/** Places of those who went on are given up when there are so many. */
const YIELDED_KEPT = 1_024;

export const nodeTimers: Timers = {
  after(delayMs, callback) {
    return new Timeout(delayMs, callback);
  },

  every(periodMs, callback) {
    assert(periodMs > 0 && periodMs <= DELAY_MAX_MS, () => `a period of ${periodMs} ms`);
    const interval = setInterval(callback, periodMs);
    interval.unref();
    return { cancel: () => clearInterval(interval) };
  },

  sleep(delayMs, signal) {
    return sleepWith(nodeTimers.after, delayMs, signal);
  },

  soon(callback) {
    setImmediate(callback);
  },

  yield() {
    return new Promise((resolve) => {
      yielded.push(resolve);
      setImmediate(goOn);
    });
  },
};

/** Those who wait to go on, from `yieldedFrom` on, first come first: as many as there are immediates of `goOn`. */
let yielded: (() => void)[] = [];
let yieldedFrom = 0;
/** When the first of this turn went on. */
let turnBeganMs: number | undefined;

function endTurn(): void {
  turnBeganMs = undefined;
}

/**
 * Lets the next one go on; what that does is done before the next immediate. Who yields once more stands behind those who
 * were put off: their own immediate would come after its new one, turn after turn.
 */
function goOn(): void {
  if (turnBeganMs === undefined) {
    turnBeganMs = performance.now();
    setImmediate(endTurn); // Runs before those that are put off from here on.
  } else if (performance.now() - turnBeganMs >= YIELDED_MS) {
    setImmediate(goOn);
    return;
  }
  const resolve = yielded[yieldedFrom++]!;
  if (yieldedFrom === yielded.length) {
    yielded.length = 0;
    yieldedFrom = 0;
  } else if (yieldedFrom === YIELDED_KEPT) {
    yielded = yielded.slice(yieldedFrom);
    yieldedFrom = 0;
  }
  resolve();
}

/** A delay of any length, in stretches that `setTimeout` can count. */
class Timeout implements Timer {
  readonly #callback: () => void;
  #restMs: number;
  #handle: NodeJS.Timeout | undefined;

  constructor(delayMs: number, callback: () => void) {
    assert(!Number.isNaN(delayMs), 'a delay is a number');
    this.#callback = callback;
    this.#restMs = delayMs;
    this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  #arm(): void {
    const stretchMs = Math.min(this.#restMs, DELAY_MAX_MS);
    this.#restMs -= stretchMs;
    this.#handle = setTimeout(() => {
      if (this.#restMs > 0) this.#arm();
      else this.#callback();
    }, stretchMs);
    this.#handle.unref();
  }
}
