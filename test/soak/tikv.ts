/**
 * Ten minutes of bank transfers, list appends and write skew by two servers on one TiKV test cluster over gRPC, while
 * regions split and merge, leaders move, stores restart, PD changes its leader and replies get lost. `--count` is the number
 * of seconds.
 */

import { TestCluster } from '../../packages/tikv-client-node/test-cluster/cluster.ts';
import { listen } from '../../packages/tikv-client-node/test-cluster/node/listen.ts';
import { SeededRandom } from '../../packages/tikv-client-node/test-cluster/virtual-time.ts';
import { silentLog } from '../../src/base/log.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { openTikvStore } from '../../src/providers/tikv/open.ts';
import type { Isolation } from '../../src/storage/store.ts';
import { runBank, runListAppend, runWriteSkew } from './histories.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const LEVELS: readonly Isolation[] = ['snapshot', 'readCommitted'];
const WORKLOADS = [runBank, runListAppend, runWriteSkew] as const;
const SECONDS = 600;
const PER_HISTORY = 60;
const CLIENTS_PER_HISTORY = 8;
const LANES = 2;
const platform = newNodePlatform();

export async function tikv(options: SoakOptions): Promise<SoakResult> {
  const { seed, count = SECONDS, progress } = options;
  const cluster = new TestCluster({ environment: platform, disorderSeed: seed, pdMembers: 3 });
  cluster.faults.recording = false;
  const server = await listen(cluster);
  const open = () => openTikvStore({ name: 'tikv', platform, log: silentLog, pdEndpoints: server.pdEndpoints });
  const stores = [await open(), await open()];
  const problems: string[] = [];
  const untilMs = platform.clock.monotonicMs() + count * 1000;
  let [transactions, conflicts, histories, troubles] = [0, 0, 0, 0];
  const inTime = () => platform.clock.monotonicMs() < untilMs && problems.length === 0;

  const lane = async (index: number) => {
    for (let number = index; inTime(); number += LANES) {
      const run = WORKLOADS[number % WORKLOADS.length]!;
      const isolation = LEVELS[Math.floor(number / WORKLOADS.length) % LEVELS.length]!;
      const result = await run({
        store: stores[number % stores.length]!,
        platform,
        seed: `${seed}/${number}`,
        transactions: PER_HISTORY,
        clients: CLIENTS_PER_HISTORY,
        isolation,
        prefix: `history ${number} `,
      });
      transactions += result.transactions;
      conflicts += result.conflicts;
      problems.push(
        ...result.anomalies.map((anomaly) => `${run.name} ${isolation}, seed ${seed}/${number}: ${anomaly}`),
      );
      if (++histories % 5 === 0) progress(`${histories} histories, ${transactions} transactions, ${troubles} troubles`);
    }
  };
  const random = new SeededRandom(seed);
  const trouble = async () => {
    while (inTime()) {
      await platform.timers.sleep(random.between(50, 800));
      troubles++;
      const key = `history ${random.int(histories + LANES + 1)} `;
      switch (random.int(7)) {
        case 0:
          cluster.split(key);
          break;
        case 1:
          cluster.mergeNext(key);
          break;
        case 2:
          cluster.transferLeader(key);
          break;
        case 3: {
          const store = random.pick(cluster.stores);
          await server.stopStore(store.id);
          await platform.timers.sleep(random.between(10, 1_500));
          await server.startStore(store.id);
          break;
        }
        case 4:
          cluster.state.pd.leader = random.int(3);
          break;
        default:
          cluster.faults.add({
            method: random.pick(['KvPrewrite', 'KvCommit', 'KvPessimisticLock', 'KvResolveLock']),
            action: random.pick([
              { kind: 'loseReply', how: 'disconnect' } as const,
              { kind: 'loseReply', how: 'undetermined' } as const,
              { kind: 'duplicate' } as const,
              { kind: 'delay', ms: random.int(3_000) } as const,
            ]),
          });
      }
    }
    cluster.faults.clear();
  };
  try {
    await Promise.all([trouble(), ...Array.from({ length: LANES }, (_, index) => lane(index))]);
  } finally {
    for (const store of stores) await store.close();
    await server.close();
  }
  const line =
    `${transactions.toLocaleString('en')} transactions of two servers in ${count} s, ${conflicts.toLocaleString('en')} ` +
    `conflicts, ${troubles.toLocaleString('en')} troubles, ${problems.length} anomalies`;
  return { problems, line };
}
