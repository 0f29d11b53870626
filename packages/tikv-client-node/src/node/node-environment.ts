/** The machine's clock, timers and chance. Timers do not keep the process alive. */

import type { Environment } from '../environment.ts';

export const nodeEnvironment: Environment = {
  clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
  timers: {
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
    soon(callback) {
      setImmediate(callback);
    },
  },
  random: { float: () => Math.random() },
};
