/**
 * How long the commit log waits with its next synced frame for more commits.
 *
 * Clients that each wait for their reply fall into two halves where a frame is written as soon as the one before it is
 * durable: while one half is being synced the other comes back, so that each sync carries half of them, for ever. Where
 * those whom a sync released are back sooner than the next sync would be done, that one waits for them; where they take
 * longer, for what they compute or because they think, syncing one half while the other computes is the faster way.
 *
 * Both times are measured all the while, so that it follows a disk that becomes slow and clients that change.
 *
 * Many clients take longer than a sync to come back, each after the other. As long as turns of the event loop bring them
 * one upon the other a frame waits as well: they keep the processor busy anyway, and syncs of many commits leave more of it.
 * Where they come as fast as requests can be read at all, they are looked for seldom, as looking takes the processor from them.
 */

import { type Deferred, deferred } from '../base/awaitable.ts';
import type { Platform, Timer } from '../platform/platform.ts';

/** Nobody is waited for longer, whatever was measured. */
const WAIT_MS_MIN = 1;
const WAIT_MS_MAX = 10;
/** Longer ones tell no more than this: a pause of all clients is soon forgotten. */
const SAMPLE_MS_MAX = 2 * WAIT_MS_MAX;
/** Who comes after so long, or after so many turns of the event loop, does not come upon the one before. */
const PAUSE_MS = 0.05;
const PAUSE_TURNS = 16;
/** Of those who came back one in so long, on average, one comes while this many milliseconds pass. */
const DENSE_MS = 0.03;
const DENSE_PAUSE_MS = 1;
/** The weight of one measurement. */
const WEIGHT = 1 / 8;

export class CommitGathering {
  readonly #platform: Platform;
  #syncMs = 0;
  /** Until those whom a sync released, but for an eighth, have committed again. */
  #returnMs = 0;
  /** The same, for each of them. */
  #returnEachMs = 0;
  #releasedAtMs = 0;
  /** Of those whose return is being measured, all of them, and the ones not back yet. */
  #measuredAll = 0;
  #measured = 0;
  /** Of those whom the last sync released, the ones not back yet that a frame may wait for. */
  #awaited = 0;
  #done: Deferred<void> | undefined;
  #timer: Timer | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** A sync that began at `startedMs` released the waiters of so many commits. */
  released(commits: number, startedMs: number): void {
    const nowMs = this.#platform.clock.monotonicMs();
    this.#syncMs += (Math.min(nowMs - startedMs, SAMPLE_MS_MAX) - this.#syncMs) * WEIGHT;
    // An eighth may be late without keeping the others waiting.
    this.#awaited = commits - (commits >>> 3);
    if (this.#measured > 0) return;
    this.#measuredAll = this.#awaited;
    this.#measured = this.#awaited;
    this.#releasedAtMs = nowMs;
  }

  /** Whether the next frame had better wait for those who were released; undefined when it had not. */
  wait(): Promise<void> | undefined {
    if (this.#awaited <= 0) return undefined;
    this.#done = deferred();
    const waitMs = Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, 2 * this.#returnMs));
    this.#timer = this.#platform.timers.after(waitMs, this.stop);
    if (this.#returnMs > 1.5 * this.#syncMs) this.#waitWhileTheyCome(this.#done);
    return this.#done.promise;
  }

  /** Until those who are awaited stop coming one upon the other. */
  #waitWhileTheyCome(done: Deferred<void>): void {
    const { clock, timers } = this.#platform;
    const areDense = this.#returnEachMs < DENSE_MS;
    let awaited = this.#awaited;
    let cameAtMs = clock.monotonicMs();
    let turnsWithout = 0;
    const lookLater = (): void => {
      if (areDense) timers.after(DENSE_PAUSE_MS, look);
      else timers.soon(look);
    };
    const look = (): void => {
      if (this.#done !== done) return;
      const nowMs = clock.monotonicMs();
      if (this.#awaited < awaited) {
        cameAtMs = nowMs;
        turnsWithout = 0;
      } else if (areDense || ++turnsWithout === PAUSE_TURNS || nowMs - cameAtMs > PAUSE_MS) {
        this.stop();
        return;
      }
      awaited = this.#awaited;
      lookLater();
    };
    lookLater();
  }

  /** Somebody has committed. */
  committed(): void {
    if (this.#measured > 0 && --this.#measured === 0) {
      const returnMs = Math.min(this.#platform.clock.monotonicMs() - this.#releasedAtMs, SAMPLE_MS_MAX);
      this.#returnMs += (returnMs - this.#returnMs) * WEIGHT;
      this.#returnEachMs += (returnMs / this.#measuredAll - this.#returnEachMs) * WEIGHT;
    }
    // What has arrived with the same turn of the event loop still belongs to the frame.
    if (--this.#awaited === 0 && this.#done !== undefined) this.#platform.timers.soon(this.stop);
  }

  /** Nobody waits any longer. */
  readonly stop = (): void => {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#done?.resolve();
    this.#done = undefined;
  };
}
