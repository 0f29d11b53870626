/**
 * Keeps the event loop awake for a client that is about to ask again.
 *
 * A thread that sleeps is woken by way of the scheduler, and on a virtual machine its processor by way of the hypervisor: some
 * 30 to 60 µs, as long as a short statement takes. A client that asks, reads the answer and asks again is back within that
 * time. So where the last one answered came back so soon before, the loop polls for it after the next answer, for as long as
 * that may take; as KVM's halt polling and Linux's `net.core.busy_poll` do.
 *
 * It is for a client alone: among several the loop seldom sleeps, and their processes need the processors. One that thinks for
 * longer, or that is further away, is polled for once, and then not until it has come back soon again.
 */

import { availableParallelism } from 'node:os';

export interface PollingClock {
  nowMs(): number;
  /** Calls after the events that have come meanwhile. */
  soon(callback: () => void): void;
}

export class BusyPolling {
  /** How long is polled after an answer; 0 for never. */
  windowMs = 0;
  readonly #clock: PollingClock;
  /** Who was answered last. */
  #peer: object | undefined;
  /** When it was, as long as it has not come back; 0 otherwise. */
  #answeredMs = 0;
  /** It came back within the window the last time. */
  #isQuick = false;
  #polls = false;

  constructor(clock: PollingClock) {
    this.#clock = clock;
  }

  /** Bytes of `peer` have come. */
  asked(peer: object): void {
    this.#isQuick = peer === this.#peer && this.#answeredMs > 0 && this.#sinceMs < this.windowMs;
    this.#answeredMs = 0;
  }

  /** `peer` was written to. */
  answered(peer: object): void {
    if (this.windowMs === 0) return;
    if (peer !== this.#peer) {
      this.#peer = peer;
      return;
    }
    this.#answeredMs = this.#clock.nowMs();
    if (!this.#isQuick || this.#polls) return;
    this.#polls = true;
    this.#clock.soon(this.#poll);
  }

  get #sinceMs(): number {
    return this.#clock.nowMs() - this.#answeredMs;
  }

  readonly #poll = (): void => {
    if (this.#answeredMs > 0 && this.#isQuick && this.#sinceMs < this.windowMs) {
      this.#clock.soon(this.#poll);
      return;
    }
    this.#polls = false;
    // One that has not come back was not quick.
    this.#isQuick &&= this.#answeredMs === 0;
  };
}

/** Of the one event loop that this thread has. */
export const busyPolling = new BusyPolling({
  nowMs: () => performance.now(),
  soon: setImmediate,
});

/** Polls for so long after an answer. With a single processor never: the client needs it. @returns a function that ends it. */
export function pollBusily(windowUs: number): () => void {
  busyPolling.windowMs = availableParallelism() > 1 ? windowUs / 1_000 : 0;
  return () => {
    busyPolling.windowMs = 0;
  };
}
