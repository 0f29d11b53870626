/**
 * Virtual time: a clock that stands still until a test moves it, and everything that waits for it.
 *
 * Events run one by one in the order (time, order of scheduling); between two of them all microtasks are drained, so a
 * run depends on its seed and inputs alone. No time passes while code runs. Nothing happens unless someone drives:
 * `advance`, `runUntil` or `runUntilIdle`, one at a time.
 *
 * An event that throws ends the drive with its error, where the machine would have an uncaught exception.
 */

import { assert } from '../../base/assert.ts';
import type { Timer } from '../platform.ts';

/** Where wall clocks start: 2030-01-01T00:00:00Z, so that no test passes by accident on today's date. */
const START_MS = Date.UTC(2030, 0, 1);

const EVENTS_MAX = 5_000_000;

export interface DriveLimits {
  /** Virtual time after which the drive gives up. Default one day. */
  readonly limitMs?: number;
}

interface Event extends Timer {
  atMs: number;
  order: number;
  readonly callback: () => void;
  readonly periodMs: number | undefined;
  cancelled: boolean;
}

export class SimulatedTime {
  /** A binary heap. Cancelled events stay until they come up, or until they are half of it. */
  #heap: Event[] = [];
  #nowMs = 0;
  #order = 0;
  #cancelled = 0;
  #periodic = 0;
  #driving = false;

  /** Virtual milliseconds since the simulation began. */
  get elapsedMs(): number {
    return this.#nowMs;
  }

  /** Virtual wall time. */
  get wallMs(): number {
    return START_MS + this.#nowMs;
  }

  /** Events that will still happen, periodic timers included. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#schedule(delayMs, callback, undefined);
  }

  every(periodMs: number, callback: () => void): Timer {
    assert(periodMs > 0, () => `a period of ${periodMs} ms`);
    this.#periodic++;
    return this.#schedule(periodMs, callback, periodMs);
  }

  /** Lets `spanMs` pass, with all that happens in it. */
  async advance(spanMs: number): Promise<void> {
    const untilMs = this.#nowMs + spanMs;
    await this.#drive(() => this.#step(untilMs));
    this.#nowMs = untilMs;
  }

  /**
   * Drives until the promise settles, and answers with its result.
   * @throws AssertionError when nothing is left to happen, or at the limit.
   */
  async runUntil<T>(promise: Promise<T>, limits: DriveLimits = {}): Promise<T> {
    const untilMs = this.#nowMs + (limits.limitMs ?? 24 * 3_600_000);
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    await this.#drive(() => {
      if (settled) return false;
      const happened = this.#step(untilMs);
      assert(happened, () =>
        this.pending === 0
          ? 'nothing is left to happen, and the promise is pending'
          : `the promise is pending at virtual time ${untilMs} ms`,
      );
      return true;
    });
    return promise;
  }

  /** `runUntil(work())`. */
  run<T>(work: () => Promise<T>, limits: DriveLimits = {}): Promise<T> {
    return this.runUntil(work(), limits);
  }

  /** Drives until only periodic timers are left. @throws AssertionError at the limit. */
  async runUntilIdle(limits: DriveLimits = {}): Promise<void> {
    const untilMs = this.#nowMs + (limits.limitMs ?? 24 * 3_600_000);
    await this.#drive(() => {
      if (this.pending === this.#periodic) return false;
      assert(this.#step(untilMs), () => `still not idle at virtual time ${untilMs} ms`);
      return true;
    });
  }

  /** `step` runs one event, or answers false to stop. */
  async #drive(step: () => boolean): Promise<void> {
    assert(!this.#driving, 'virtual time is being driven already');
    this.#driving = true;
    try {
      for (let events = 0; ; events++) {
        await microtasksDrained();
        if (!step()) return;
        assert(events < EVENTS_MAX, () => `${EVENTS_MAX} events without an end, now at ${this.#nowMs} ms`);
      }
    } finally {
      this.#driving = false;
    }
  }

  /** Runs the next event if it is due by `untilMs`. */
  #step(untilMs: number): boolean {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) return false;
      this.#pop();
      if (event.cancelled) {
        this.#cancelled--;
        continue;
      }
      this.#nowMs = event.atMs;
      if (event.periodMs !== undefined) {
        event.atMs += event.periodMs;
        event.order = this.#order++;
        this.#push(event);
      } else {
        event.cancelled = true; // It has happened: cancelling it later is harmless.
      }
      event.callback();
      return true;
    }
  }

  #schedule(delayMs: number, callback: () => void, periodMs: number | undefined): Timer {
    assert(!Number.isNaN(delayMs), 'a delay is a number');
    const event: Event = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      periodMs,
      cancelled: false,
      cancel: () => this.#cancel(event),
    };
    this.#push(event);
    return event;
  }

  #cancel(event: Event): void {
    if (event.cancelled) return;
    event.cancelled = true;
    this.#cancelled++;
    if (event.periodMs !== undefined) this.#periodic--;
    if (this.#cancelled * 2 > this.#heap.length) {
      this.#heap = this.#heap.filter((other) => !other.cancelled).sort((a, b) => (before(a, b) ? -1 : 1));
      this.#cancelled = 0;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A turn of the real event loop: by then every promise that could settle has done so. */
function microtasksDrained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
