import { beforeEach, describe, expect, it } from 'vitest';
import type { Platform } from '../platform/platform.ts';
import { CommitGathering } from './commit-gathering.ts';

const SYNC_MS = 0.4;
const CLIENTS = 200;
/** What it takes to read one of their requests and to run it: hardly anything, or some work. */
const REQUESTS_MS = [0.012, 0.045];
const EMPTY_TURN_MS = 0.004;

/** An event loop whose turns take as long as a test says. */
class Loop {
  nowMs = 0;
  soonCalls = 0;
  #soon: (() => void)[] = [];
  readonly #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  readonly platform = {
    clock: { monotonicMs: () => this.nowMs },
    timers: {
      soon: (run: () => void) => {
        this.soonCalls++;
        this.#soon.push(run);
      },
      after: (ms: number, run: () => void) => {
        const timer = { atMs: this.nowMs + ms, run };
        this.#timers.push(timer);
        return {
          cancel: () => {
            const place = this.#timers.indexOf(timer);
            if (place >= 0) this.#timers.splice(place, 1);
          },
        };
      },
    },
  } as unknown as Platform;

  async turn(takesMs = EMPTY_TURN_MS): Promise<void> {
    this.nowMs += takesMs;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    for (const timer of due) {
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      timer.run();
    }
    const soon = this.#soon;
    this.#soon = [];
    for (const run of soon) run();
    await Promise.resolve();
  }
}

describe.each(REQUESTS_MS)('Gathering for a synced frame, with a request in %d ms,', (requestMs) => {
  const isDense = requestMs === REQUESTS_MS[0];
  let loop: Loop;
  let gathering: CommitGathering;
  let isWaiting: boolean;

  /** As many have been released as it has learned to take longer to come back than a sync takes. */
  beforeEach(async () => {
    loop = new Loop();
    gathering = new CommitGathering(loop.platform);
    for (let sync = 0; sync < 40; sync++) {
      loop.nowMs += SYNC_MS;
      gathering.released(CLIENTS, loop.nowMs - SYNC_MS);
      for (let i = 0; i < CLIENTS; i++) await commit(requestMs);
    }
    gathering.released(CLIENTS, loop.nowMs - SYNC_MS);
    await commit(requestMs);
    isWaiting = true;
    void gathering.wait()?.then(() => {
      isWaiting = false;
    });
  });

  async function commit(requestMs: number): Promise<void> {
    gathering.committed();
    await loop.turn(requestMs);
  }

  it('goes on while clients come back one upon the other', async () => {
    for (let back = 1; back < (CLIENTS * 7) / 8 - 1; back++) {
      await commit(requestMs);
      expect(isWaiting, `${back} are back`).toBe(true);
      await loop.turn();
    }
    await commit(requestMs);
    await loop.turn();
    expect(isWaiting).toBe(false);
  });

  it('ends soon after the last one who comes', async () => {
    for (let back = 1; back < 20; back++) await commit(requestMs);
    expect(isWaiting).toBe(true);
    const cameAtMs = loop.nowMs;
    while (isWaiting) await loop.turn();
    expect(loop.nowMs - cameAtMs).toBeLessThan(isDense ? 2.1 : 0.1);
  });

  it('ends with a long turn that brings nobody', async () => {
    await commit(requestMs);
    await loop.turn();
    expect(isWaiting).toBe(true);
    await loop.turn(isDense ? 1.1 : 0.3);
    await loop.turn(isDense ? 1.1 : 0.3);
    expect(isWaiting).toBe(false);
  });

  it('looks for them seldom where they come as fast as can be', async () => {
    const lookedBefore = loop.soonCalls;
    for (let back = 1; back < 100; back++) await commit(requestMs);
    if (isDense) expect(loop.soonCalls).toBe(lookedBefore);
    else expect(loop.soonCalls - lookedBefore).toBeGreaterThan(90);
  });
});
