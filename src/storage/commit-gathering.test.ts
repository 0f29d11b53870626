import { beforeEach, describe, expect, it } from 'vitest';
import type { Platform } from '../platform/platform.ts';
import { CommitGathering } from './commit-gathering.ts';

const SYNC_MS = 0.4;
const CLIENTS = 200;
/** What it takes to read one of their requests and to run it. */
const REQUEST_MS = 0.012;
const EMPTY_TURN_MS = 0.004;

/** An event loop whose turns take as long as a test says. */
class Loop {
  nowMs = 0;
  #soon: (() => void)[] = [];
  readonly #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  readonly platform = {
    clock: { monotonicMs: () => this.nowMs },
    timers: {
      soon: (run: () => void) => void this.#soon.push(run),
      after: (ms: number, run: () => void) => {
        const timer = { atMs: this.nowMs + ms, run };
        this.#timers.push(timer);
        return { cancel: () => void this.#timers.splice(this.#timers.indexOf(timer), 1) };
      },
    },
  } as unknown as Platform;

  async turn(takesMs = EMPTY_TURN_MS): Promise<void> {
    this.nowMs += takesMs;
    for (const { atMs, run } of [...this.#timers]) if (atMs <= this.nowMs) run();
    const soon = this.#soon;
    this.#soon = [];
    for (const run of soon) run();
    await Promise.resolve();
  }
}

describe('Gathering for a synced frame', () => {
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
      for (let i = 0; i < CLIENTS; i++) await commit(REQUEST_MS);
    }
    gathering.released(CLIENTS, loop.nowMs - SYNC_MS);
    await commit(REQUEST_MS);
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
      await commit(REQUEST_MS);
      expect(isWaiting, `${back} are back`).toBe(true);
      await loop.turn();
    }
    await commit(REQUEST_MS);
    await loop.turn();
    expect(isWaiting).toBe(false);
  });

  it('ends soon after the last one who comes', async () => {
    for (let back = 1; back < 20; back++) await commit(REQUEST_MS);
    expect(isWaiting).toBe(true);
    const cameAtMs = loop.nowMs;
    while (isWaiting) await loop.turn();
    expect(loop.nowMs - cameAtMs).toBeLessThan(0.1);
  });

  it('ends with a long turn that brings nobody', async () => {
    await commit(REQUEST_MS);
    await loop.turn();
    expect(isWaiting).toBe(true);
    await loop.turn(0.3);
    expect(isWaiting).toBe(false);
  });
});
