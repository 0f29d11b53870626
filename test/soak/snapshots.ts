/**
 * What 10,000 open snapshots, each of another version, cost: memory, and the speed of commits. Runs with and without them
 * alternate in one process over one store, so that a noisy machine harms both alike.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hasCode } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import type { LocalStore } from '../../src/storage/local-store.ts';
import type { Transaction } from '../../src/storage/store.ts';
import { median } from '../bench/compare.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const SNAPSHOTS = 10_000;
const ROUNDS = 5;
const CLIENTS = 64;
const RUN_MS = 3_000;
const KEYS_PER_CLIENT = 1_000;
const MEMORY_BYTES_MAX = 100e6;
const SLOWER_MAX = 0.2;
/** Between groups of snapshots batches are applied, so that the groups need engine views of their own. */
const GROUPS = 100;
const APPLY_DELAY_MS = 10;
const GROUP_PAUSE_MS = 25;
const VALUE = Buffer.alloc(100, 7);
const COUNTER = Buffer.from('counter');

const platform = newNodePlatform();

export async function snapshots(options: SoakOptions): Promise<SoakResult> {
  const { count = SNAPSHOTS, rounds = ROUNDS, progress } = options;
  const collectGarbage = exposeGarbageCollector();
  const directory = await mkdtemp(join(tmpdir(), 'orbit-snapshots-'));
  const store = await openRocksDbStore({
    name: 'snapshots',
    directory,
    platform,
    log: silentLog,
    durability: 'disk',
    applyDelayMs: APPLY_DELAY_MS,
  });
  const problems: string[] = [];
  const without: number[] = [];
  const beside: number[] = [];
  const memory: number[] = [];
  const opening: number[] = [];
  const applied: number[] = [];
  let givenUp = 0;
  try {
    await commits(store, RUN_MS); // Warm-up.
    for (let round = 1; round <= rounds; round++) {
      without.push(await commits(store, RUN_MS));
      collectGarbage();
      const before = process.memoryUsage.rss();
      const start = performance.now();
      const { open, batches } = await openSnapshots(store, count);
      applied.push(batches);
      opening.push(performance.now() - start);
      beside.push(await commits(store, RUN_MS));
      collectGarbage();
      memory.push(process.memoryUsage.rss() - before);
      const overlayBytes = store.statistics().overlayBytes;
      let lost = 0;
      for (const [i, snapshot] of open.entries()) {
        try {
          const value = await snapshot.get(COUNTER);
          if (value === undefined || Number(Buffer.from(value).toString()) !== i) {
            problems.push(`snapshot ${i} of round ${round} reads ${value && Buffer.from(value)}`);
          }
        } catch (error) {
          if (!hasCode(error, 'transaction_too_old')) throw error;
          lost++;
        }
        snapshot.rollback();
      }
      givenUp += lost;
      progress(
        `round ${round}: commits ${Math.round(without.at(-1)!)}/s without, ${Math.round(beside.at(-1)!)}/s beside, ` +
          `${Math.round(memory.at(-1)! / 1e6)} MB (overlay ${Math.round(overlayBytes / 1e6)} MB), ${batches} batches applied meanwhile, ${lost} snapshots given up`,
      );
    }
  } finally {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
  const slower = 1 - median(beside) / median(without);
  // The first round makes the memory that later ones reuse.
  const most = Math.max(...memory);
  if (most >= MEMORY_BYTES_MAX) problems.push(`the snapshots cost ${Math.round(most / 1e6)} MB`);
  if (slower >= SLOWER_MAX) problems.push(`commits were ${percent(slower)} slower beside the snapshots`);
  if (givenUp > 0) problems.push(`${givenUp} of ${count * rounds} snapshots were given up`);
  return {
    problems,
    line:
      `${count.toLocaleString('en')} snapshots: at most ${Math.round(most / 1e6)} MB; commits of ${CLIENTS} clients ` +
      `${Math.round(median(beside))}/s beside them, ${Math.round(median(without))}/s without (${slower > 0 ? `${percent(slower)} slower` : 'not slower'}, ` +
      `medians of ${rounds} alternating runs); opened in ${Math.round(median(opening))} ms, each at a version of its own, over ${Math.round(median(applied))} applied batches; ` +
      `${givenUp} given up`,
  };
}

/** The snapshot at position i sees i in the counter; `batches` were applied between the first and the last of them. */
async function openSnapshots(
  store: LocalStore,
  count: number,
): Promise<{ readonly open: readonly Transaction[]; readonly batches: number }> {
  const open: Transaction[] = [];
  const applied = new Set<number>();
  while (open.length < count) {
    for (let left = Math.min(Math.ceil(count / GROUPS), count - open.length); left > 0; left--) {
      const write = store.begin();
      write.put(COUNTER, Buffer.from(String(open.length)));
      await write.commitVisible();
      open.push(store.begin({ readOnly: true }));
    }
    await store.whenDurable(store.version);
    await platform.timers.sleep(GROUP_PAUSE_MS);
    applied.add(store.statistics().appliedVersion);
  }
  return { open, batches: applied.size };
}

/** Clients that each read a key and write two, one transaction after the other, acknowledged after the sync. */
async function commits(store: LocalStore, durationMs: number): Promise<number> {
  const start = performance.now();
  let committed = 0;
  const client = async (number: number): Promise<void> => {
    for (let i = 0; performance.now() < start + durationMs; i++) {
      const transaction = store.begin();
      const own = Buffer.from(`client ${number} key ${i % KEYS_PER_CLIENT}`);
      await transaction.get(own);
      transaction.put(own, VALUE);
      transaction.put(Buffer.from(`client ${number} other ${i % KEYS_PER_CLIENT}`), VALUE);
      await transaction.commit();
      committed++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  return (committed / (performance.now() - start)) * 1_000;
}

function exposeGarbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(0)} %`;
}
