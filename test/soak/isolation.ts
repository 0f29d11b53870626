/**
 * A million transactions per isolation level over a store on RocksDB, in histories small enough to be checked whole, each
 * with keys of its own. Several run side by side, so that the store never has only one kind of work to do.
 *
 * Small bounds for overlay, arenas and log segments make transactions cross applied batches, engine views and segments all
 * the time. What a level allows and a serial execution would not show is counted too: a soak that never sees write skew
 * under `snapshot` would prove nothing about `serializable`.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import type { LocalStore } from '../../src/storage/local-store.ts';
import type { Isolation } from '../../src/storage/store.ts';
import { runBank, runListAppend, runWriteSkew } from './histories.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const LEVELS: readonly Isolation[] = ['readCommitted', 'snapshot', 'serializable'];
const WORKLOADS = [runBank, runListAppend, runWriteSkew] as const;
const TRANSACTIONS = 1_000_000;
const PER_HISTORY = 2_000;
const CLIENTS_PER_HISTORY = 8;
const HISTORIES_AT_ONCE = 9;
const MEBIBYTE = 1 << 20;

const platform = newNodePlatform();

export async function isolation(options: SoakOptions): Promise<SoakResult> {
  const { seed, count = TRANSACTIONS, progress } = options;
  const problems: string[] = [];
  const summaries: string[] = [];
  for (const level of LEVELS) {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-isolation-'));
    const store = await openRocksDbStore({
      name: level,
      directory,
      platform,
      log: silentLog,
      durability: 'process',
      blockCacheBytes: 16 * MEBIBYTE,
      memtableBytes: 16 * MEBIBYTE,
      logSegmentBytes: 4 * MEBIBYTE,
      logRetainBytes: 8 * MEBIBYTE,
      overlayBytesMax: 8 * MEBIBYTE,
      applyDelayMs: 5,
    });
    try {
      const totals = await soakLevel(store, level, seed, count, progress);
      problems.push(...totals.anomalies);
      if (level === 'snapshot' && totals.allowed === 0) {
        problems.push('no write skew under snapshot: the workload does not contend enough to show anything');
      }
      summaries.push(
        `${level} ${totals.transactions.toLocaleString('en')} committed, ${totals.conflicts.toLocaleString('en')} conflicts, ` +
          `${totals.anomalies.length} anomalies` +
          (totals.allowed > 0 ? ` (${totals.allowed.toLocaleString('en')} write skews, allowed)` : '') +
          `, ${Math.round(totals.seconds)} s`,
      );
      progress(summaries.at(-1)!);
    } finally {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    }
  }
  return { problems, line: summaries.join('; ') };
}

interface Totals {
  transactions: number;
  conflicts: number;
  allowed: number;
  seconds: number;
  readonly anomalies: string[];
}

async function soakLevel(
  store: LocalStore,
  level: Isolation,
  seed: number,
  count: number,
  progress: SoakOptions['progress'],
): Promise<Totals> {
  const totals: Totals = { transactions: 0, conflicts: 0, allowed: 0, seconds: 0, anomalies: [] };
  const start = performance.now();
  let next = 0;
  let reported = 0;
  const lane = async (): Promise<void> => {
    while (totals.transactions < count && totals.anomalies.length === 0) {
      const number = next++;
      const run = WORKLOADS[number % WORKLOADS.length]!;
      const { transactions, conflicts, allowed, anomalies } = await run({
        store,
        platform,
        seed: `${seed}/${level}/${number}`,
        transactions: PER_HISTORY,
        clients: CLIENTS_PER_HISTORY,
        isolation: level,
        prefix: `history ${number} `,
      });
      totals.transactions += transactions;
      totals.conflicts += conflicts;
      totals.allowed += allowed.length;
      totals.anomalies.push(...anomalies.map((anomaly) => `${run.name}: ${anomaly}`));
      if (totals.transactions - reported >= count / 10) {
        reported = totals.transactions;
        const rate = totals.transactions / ((performance.now() - start) / 1_000);
        progress(
          `${level}: ${totals.transactions.toLocaleString('en')} committed, ${Math.round(rate)}/s, ` +
            `${Math.round(process.memoryUsage.rss() / MEBIBYTE)} MiB`,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: HISTORIES_AT_ONCE }, lane));
  totals.seconds = (performance.now() - start) / 1_000;
  return totals;
}
