import { expect, test } from 'vitest';
import { BusyPolling } from './busy-polling.ts';

const WINDOW_MS = 0.15;
/** One look at what has come. */
const LOOK_MS = 0.01;

/** A loop whose time passes by looks and by `pass` only. */
class Loop {
  ms = 1_000;
  #next: (() => void) | undefined;
  readonly polling: BusyPolling;

  constructor(windowMs = WINDOW_MS) {
    this.polling = new BusyPolling({
      nowMs: () => this.ms,
      soon: (callback) => {
        this.#next = callback;
      },
    });
    this.polling.windowMs = windowMs;
  }

  /** Looks until `untilMs` from now, or until nobody asks for another look. @returns how often. */
  look(untilMs: number): number {
    const end = this.ms + untilMs;
    let looks = 0;
    for (; this.#next !== undefined && this.ms < end; looks++) {
      const run = this.#next;
      this.#next = undefined;
      this.ms += LOOK_MS;
      run();
    }
    this.ms = Math.max(this.ms, end);
    return looks;
  }

  /** One request of `peer` and its answer, and `thinksMs` until it is back. @returns the looks meanwhile. */
  exchange(peer: object, thinksMs: number): number {
    this.polling.asked(peer);
    this.polling.answered(peer);
    return this.look(thinksMs);
  }
}

const CLIENT = {};
const OTHER = {};
const QUICK_MS = 0.05;
const SLOW_MS = 2;

/** Until its haste is known. */
function acquaint(loop: Loop, peer: object): void {
  for (let i = 0; i < 3; i++) loop.exchange(peer, QUICK_MS);
}

test('who was back soon is polled for until it is back', () => {
  const loop = new Loop();
  expect(loop.exchange(CLIENT, QUICK_MS)).toBe(0);
  acquaint(loop, CLIENT);
  for (let i = 0; i < 10; i++) expect(loop.exchange(CLIENT, QUICK_MS)).toBeGreaterThanOrEqual(QUICK_MS / LOOK_MS - 1);
});

test('who stays away is polled for as long as the window, once, and again when it was back soon', () => {
  const loop = new Loop();
  acquaint(loop, CLIENT);
  const looks = loop.exchange(CLIENT, SLOW_MS);
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThanOrEqual(WINDOW_MS / LOOK_MS + 1);
  for (let i = 0; i < 5; i++) expect(loop.exchange(CLIENT, SLOW_MS)).toBe(0);
  acquaint(loop, CLIENT);
  expect(loop.exchange(CLIENT, QUICK_MS)).toBeGreaterThan(0);
});

test('nobody is polled for while several take turns', () => {
  const loop = new Loop();
  acquaint(loop, CLIENT);
  loop.exchange(OTHER, QUICK_MS);
  for (let i = 0; i < 10; i++) expect(loop.exchange(i % 2 === 0 ? CLIENT : OTHER, QUICK_MS)).toBe(0);
});

test('what another asks meanwhile ends it', () => {
  const loop = new Loop();
  acquaint(loop, CLIENT);
  loop.polling.asked(CLIENT);
  loop.polling.answered(CLIENT);
  expect(loop.look(LOOK_MS)).toBe(1);
  loop.polling.asked(OTHER);
  expect(loop.look(SLOW_MS)).toBe(1);
});

test('an answer in several writes is waited for from the last on', () => {
  const loop = new Loop();
  acquaint(loop, CLIENT);
  loop.polling.asked(CLIENT);
  for (let i = 0; i < 4; i++) {
    loop.polling.answered(CLIENT);
    loop.look(WINDOW_MS / 2);
  }
  expect(loop.look(SLOW_MS)).toBeGreaterThan(0);
  expect(loop.look(SLOW_MS)).toBe(0);
});

test('a window of 0 never polls', () => {
  const loop = new Loop(0);
  acquaint(loop, CLIENT);
  expect(loop.exchange(CLIENT, QUICK_MS)).toBe(0);
});
