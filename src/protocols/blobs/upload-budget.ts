/**
 * Bounds what uploads hold in memory together. An upload that does not fit waits for its turn, for a minute at most, then it
 * is refused with OperationError `overloaded`, as is one that finds too many waiting.
 */

import { OperationError } from '../../base/errors.ts';
import type { Timers } from '../../platform/platform.ts';

const WAIT_MS_MAX = 60_000;
const WAITING_MAX = 10_000;

interface Waiting {
  readonly bytes: number;
  readonly admit: () => void;
}

export class UploadBudget {
  readonly #timers: Pick<Timers, 'after'>;
  readonly #bytesMax: number;
  #used = 0;
  #waiting: Waiting[] = [];

  constructor(timers: Pick<Timers, 'after'>, bytesMax: number) {
    this.#timers = timers;
    this.#bytesMax = bytesMax;
  }

  /** Undefined when there is room now. What was taken is to be given back. One upload always fits. */
  take(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#used += bytes;
      return undefined;
    }
    if (this.#waiting.length >= WAITING_MAX) throw refusal();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        admit: () => {
          timer.cancel();
          resolve();
        },
      };
      const timer = this.#timers.after(WAIT_MS_MAX, () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(refusal());
      });
      this.#waiting.push(waiting);
    });
  }

  give(bytes: number): void {
    this.#used -= bytes;
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.bytes)) {
      const next = this.#waiting.shift()!;
      this.#used += next.bytes;
      next.admit();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#bytesMax;
  }
}

function refusal(): OperationError {
  return new OperationError('overloaded', 'too many uploads at once', { hint: 'Try again, with less at a time.' });
}
