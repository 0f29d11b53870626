/**
 * Virtual time for a cluster and its clients in one process: a clock that stands still until a test moves it.
 *
 * Events run one by one in the order (time, order of scheduling); between two of them all microtasks are drained, so a
 * run depends on its seed and inputs alone. Where calls travel over sockets, what they do in between is waited for as well:
 * no timeout then depends on the machine, but the order of what is in flight together does.
 */

import type { Environment, Random, Timer, Timers } from '../src/environment.ts';
import { assert } from '../src/errors.ts';
import { turnOfTheEventLoop } from './node/turn.ts';

/** 2030-01-01T00:00:00Z, so that no test passes by accident on today's date. */
const START_MS = Date.UTC(2030, 0, 1);
const EVENTS_MAX = 20_000_000;

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
  cancelled: boolean;
}

export class VirtualTime {
  /** A binary heap by time and order. */
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #order = 0;
  #driving = false;
  readonly #settled: () => Promise<void>;

  /** `settled` resolves when nothing is under way but what waits for time to pass; by default, promises. */
  constructor(settled: () => Promise<void> = turnOfTheEventLoop) {
    this.#settled = settled;
  }

  get elapsedMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const event: Event = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      cancelled: false,
    };
    push(this.#heap, event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  /** An environment on this time. `clockAheadMs` skews its wall clock. */
  environment(random: Random, clockAheadMs = 0): Environment {
    const timers: Timers = {
      after: (delayMs, callback) => this.after(delayMs, callback),
      soon: (callback) => void this.after(0, callback),
    };
    return {
      clock: {
        nowMs: () => Math.floor(START_MS + this.#nowMs + clockAheadMs),
        monotonicMs: () => this.#nowMs,
      },
      timers,
      random,
    };
  }

  /** Drives until the promise settles. @throws when nothing is left to happen, or after `limitMs` of virtual time. */
  async run<T>(work: () => Promise<T>, limitMs = 24 * 3_600_000): Promise<T> {
    const promise = work();
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    const untilMs = this.#nowMs + limitMs;
    await this.#drive(() => {
      if (settled) return false;
      assert(this.#step(untilMs), () =>
        this.#heap.length === 0
          ? 'nothing is left to happen, and the promise is pending'
          : `the promise is pending after ${limitMs} ms of virtual time`,
      );
      return true;
    });
    return promise;
  }

  /** Lets `spanMs` pass, with all that happens in it. */
  async advance(spanMs: number): Promise<void> {
    const untilMs = this.#nowMs + spanMs;
    await this.#drive(() => this.#step(untilMs));
    this.#nowMs = untilMs;
  }

  async #drive(step: () => boolean): Promise<void> {
    assert(!this.#driving, 'virtual time is being driven already');
    this.#driving = true;
    try {
      for (let events = 0; ; events++) {
        await this.#settled();
        if (!step()) return;
        assert(events < EVENTS_MAX, `${EVENTS_MAX} events without an end`);
      }
    } finally {
      this.#driving = false;
    }
  }

  #step(untilMs: number): boolean {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) return false;
      pop(this.#heap);
      if (event.cancelled) continue;
      this.#nowMs = event.atMs;
      event.callback();
      return true;
    }
  }
}

/** Mulberry32: enough for schedules, and the same everywhere. */
export class SeededRandom implements Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  float(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform in [0, bound). */
  int(bound: number): number {
    return Math.floor(this.float() * bound);
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + this.float() * (high - low);
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)]!;
  }

  /** Another sequence, so that more draws in one place change nothing elsewhere. */
  fork(): SeededRandom {
    return new SeededRandom(this.int(2 ** 32));
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
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
