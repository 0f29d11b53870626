/** How many commits of waiting clients one sync of the commit log carries, in virtual time. */

import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import { LocalStore } from '../../src/storage/local-store.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const SYNC_MS = 4;

/** What `clients` do for a second who commit, wait until that is durable, and then wait `thinkMs` of their own. */
async function commitsOf(
  clients: number,
  thinkMs: number,
): Promise<{ readonly commits: number; readonly syncs: number; readonly longestMs: number }> {
  const simulation = new Simulation(`${seed} gathering`);
  const { time } = simulation;
  const platform = simulation.boot({ disk: simulation.newDisk({ latencyMs: { write: SYNC_MS, sync: SYNC_MS } }) });
  const store = await time.run(() =>
    LocalStore.open({
      name: 'gathering',
      platform,
      log: silentLog,
      engine: new MemoryEngine(platform.timers),
      durability: 'disk',
      commitLog: { directory: 'data/log' },
      persistent: true,
    }),
  );
  let commits = 0;
  let longestMs = 0;
  let measuring = false;
  let done = false;
  const client = async (number: number): Promise<void> => {
    // They begin at different times, as those do who came while a sync was on its way.
    await platform.timers.sleep(number * 0.2);
    while (!done) {
      const startedMs = time.elapsedMs;
      const transaction = store.begin();
      transaction.put(utf8(`key ${number}`), utf8(String(commits)));
      await transaction.commit();
      if (measuring) {
        commits++;
        longestMs = Math.max(longestMs, time.elapsedMs - startedMs);
      }
      await platform.timers.sleep(thinkMs);
    }
  };
  return time.run(async () => {
    const clientsDone = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    await platform.timers.sleep(1_000);
    const before = store.statistics().logSyncs;
    measuring = true;
    await platform.timers.sleep(1_000);
    measuring = false;
    const syncs = store.statistics().logSyncs - before;
    done = true;
    await clientsDone;
    await store.close();
    return { commits, syncs, longestMs };
  });
}

describe('A sync of the commit log', () => {
  it('carries the commits of all clients where they are back sooner than it takes', async () => {
    const { commits, syncs } = await commitsOf(40, 1);
    expect(commits / syncs, `seed ${seed}`).toBeGreaterThan(34);
    // Each of them waits for one sync and not for two.
    expect(commits / 40, `seed ${seed}`).toBeGreaterThan(1_000 / (SYNC_MS + 1 + 2));
  });

  it('waits for nobody where clients take longer than it does', async () => {
    const { longestMs } = await commitsOf(40, 3 * SYNC_MS);
    expect(longestMs, `seed ${seed}`).toBeLessThanOrEqual(2 * SYNC_MS + 0.5);
  });

  it('waits for nobody where there is one client', async () => {
    const { longestMs, commits, syncs } = await commitsOf(1, 1);
    expect(longestMs, `seed ${seed}`).toBeLessThanOrEqual(SYNC_MS + 0.5);
    expect(commits / syncs, `seed ${seed}`).toBeCloseTo(1, 1);
  });
});
