/** The checkers find what they are for, in histories made by hand and in stores that break their promise. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import { LocalStore } from '../../src/storage/local-store.ts';
import type { Isolation, Store, TransactionOptions } from '../../src/storage/store.ts';
import { openTestStore, platform, type TestStore } from '../support/stores.ts';
import {
  checkListAppend,
  type ListOperation,
  type ListTransaction,
  runBank,
  runListAppend,
  runWriteSkew,
  type WorkloadOptions,
  type WorkloadResult,
} from './histories.ts';
import { SlowEngine } from './slow-engine.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const LEVELS: readonly Isolation[] = ['readCommitted', 'snapshot', 'serializable'];

const r = (key: string, ...values: number[]): ListOperation => ({ kind: 'read', key, values });
const a = (key: string, value: number): ListOperation => ({ kind: 'append', key, value });

/** All at the same time, unless `moments` says otherwise. */
function committed(...operations: ListOperation[]): ListTransaction {
  return { operations, status: 'committed', began: 0, ended: 1_000 };
}

function during(began: number, ended: number, ...operations: ListOperation[]): ListTransaction {
  return { operations, status: 'committed', began, ended };
}

function aborted(...operations: ListOperation[]): ListTransaction {
  return { ...committed(...operations), status: 'aborted' };
}

/** What each level says of a history, by the name of the first anomaly. */
function verdicts(...history: ListTransaction[]): (string | undefined)[] {
  return LEVELS.map((level) => /^[^:]*/.exec(checkListAppend(history, level)[0] ?? '')?.[0] || undefined);
}

describe('the list-append checker', () => {
  test('accepts a serial history', () => {
    expect(
      verdicts(
        during(0, 1, a('x', 1), a('y', 2)),
        during(2, 3, r('x', 1), a('x', 3)),
        aborted(a('x', 4)),
        during(4, 5, r('x', 1, 3), r('y', 2), r('z')),
      ),
    ).toEqual([undefined, undefined, undefined]);
  });

  test('accepts an unknown commit, seen or not', () => {
    const unknown: ListTransaction = { ...committed(a('x', 1)), status: 'unknown' };
    expect(verdicts(unknown, committed(r('x', 1)))).toEqual([undefined, undefined, undefined]);
    expect(verdicts(unknown, committed(r('x')))).toEqual([undefined, undefined, undefined]);
  });

  test.each<[string, ListTransaction[], (string | undefined)[]]>([
    [
      'G0: two transactions overwrite each other',
      [committed(a('x', 1), a('y', 2)), committed(a('x', 3), a('y', 4)), committed(r('x', 1, 3), r('y', 4, 2))],
      ['G0', 'G0', 'G0'],
    ],
    ['G1a: an aborted write is read', [aborted(a('x', 1)), committed(r('x', 1))], ['G1a', 'G1a', 'G1a']],
    [
      'G1b: an intermediate write is read',
      [committed(a('x', 1), a('x', 2)), committed(r('x', 1)), committed(r('x', 1, 2))],
      ['G1b', 'G1b', 'G1b'],
    ],
    [
      'G1c: two transactions read each other',
      [committed(a('x', 1), r('y', 2)), committed(a('y', 2), r('x', 1))],
      ['G1c', 'G1c', 'G1c'],
    ],
    [
      'a lost update: both appended to the same list, one append is gone',
      [committed(r('x'), a('x', 1)), committed(r('x'), a('x', 2)), committed(r('x', 2))],
      ['lost', 'lost', 'lost'],
    ],
    [
      'a lost update that both survived: the second did not read the first',
      [committed(r('x'), a('x', 1)), committed(r('x'), a('x', 2)), committed(r('x', 1, 2))],
      [undefined, 'G-single', 'G-single'],
    ],
    [
      'G-single: read skew, one write of another transaction is seen and one is not',
      [committed(a('x', 1), a('y', 2)), committed(r('x', 1), r('y')), committed(r('x', 1), r('y', 2))],
      [undefined, 'G-single', 'G-single'],
    ],
    [
      'G-nonadjacent: two readers disagree on the order of two writes (long fork)',
      [
        committed(a('x', 1)),
        committed(a('y', 2)),
        committed(r('x', 1), r('y')),
        committed(r('x'), r('y', 2)),
        committed(r('x', 1), r('y', 2)),
      ],
      [undefined, 'G-nonadjacent', 'G-nonadjacent'],
    ],
    [
      'G2: write skew',
      [committed(r('x'), r('y'), a('x', 1)), committed(r('x'), r('y'), a('y', 2)), committed(r('x', 1), r('y', 2))],
      [undefined, undefined, 'G2'],
    ],
    ['a duplicated write', [committed(a('x', 1)), committed(r('x', 1, 1))], ['duplicate', 'duplicate', 'duplicate']],
    ['a value nobody wrote', [committed(r('x', 7))], ['garbage', 'garbage', 'garbage']],
    [
      'a value of another list',
      [committed(a('y', 7)), committed(r('x', 7), r('y', 7))],
      ['garbage', 'garbage', 'garbage'],
    ],
    [
      'lists that contradict each other',
      [committed(a('x', 1)), committed(a('x', 2)), committed(r('x', 1, 2)), committed(r('x', 2))],
      ['incompatible order', 'incompatible order', 'incompatible order'],
    ],
    [
      'a transaction that does not see its own write',
      [committed(a('x', 1), r('x')), committed(r('x', 1))],
      ['internal', 'internal', 'internal'],
    ],
    [
      'a read that is not repeatable',
      [committed(a('x', 1)), committed(r('x'), r('x', 1))],
      [undefined, 'internal', 'internal'],
    ],
    [
      'a stale read: what was acknowledged before is not seen',
      [during(0, 1, a('x', 1)), during(2, 3, r('x')), during(4, 5, r('x', 1))],
      [undefined, 'G-single in real time', 'G-single in real time'],
    ],
    [
      'a write ordered before one that was acknowledged earlier',
      [during(0, 1, a('x', 1)), during(2, 3, a('x', 2)), during(4, 5, r('x', 2, 1))],
      ['G0 in real time', 'G0 in real time', 'G0 in real time'],
    ],
  ])('finds %s', (_, history, expected) => {
    expect(verdicts(...history)).toEqual(expected);
  });

  test('describes a cycle by its edges', () => {
    const history = [
      committed(r('x'), r('y'), a('x', 1)),
      committed(r('x'), r('y'), a('y', 2)),
      committed(r('x', 1), r('y', 2)),
    ];
    expect(checkListAppend(history, 'serializable')).toEqual([
      'G2: T0 -rw (y: empty before 2)-> T1 -rw (x: empty before 1)-> T0',
    ]);
    expect(
      checkListAppend([during(0, 1, a('x', 1)), during(2, 3, r('x')), during(4, 5, r('x', 1))], 'snapshot'),
    ).toEqual(['G-single in real time: T0 -rt-> T1 -rw (x: empty before 1)-> T0']);
  });

  test('misses nothing of an incomplete history but lost writes', () => {
    const history = [committed(a('x', 1)), aborted(a('y', 2)), committed(r('y', 2))];
    expect(checkListAppend(history, 'snapshot', { complete: false })).toEqual([
      'G1a: T2 read y as [2], but T1, which wrote 2, was aborted',
    ]);
  });
});

describe('workloads over a store in memory', () => {
  let opened: TestStore;
  beforeEach(async () => {
    opened = await openTestStore('memory', { overlayBytesMax: 256 << 10 });
  });
  afterEach(() => opened.dispose());

  function options(isolation: Isolation, store: Store = opened.store): WorkloadOptions {
    return { store, platform, seed, transactions: 600, clients: 8, isolation };
  }

  /** A store that gives every transaction another level than it asked for. */
  function weakened(isolation: Isolation): Store {
    const { store } = opened;
    return new Proxy(store, {
      get: (target, name) => {
        if (name === 'begin') return (asked?: TransactionOptions) => store.begin({ ...asked, isolation });
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  test.each(LEVELS)('keep %s', async (isolation) => {
    for (const run of [runBank, runListAppend, runWriteSkew]) {
      const { transactions, conflicts, anomalies } = await run(options(isolation));
      expect(anomalies, run.name).toEqual([]);
      expect(transactions, run.name).toBeGreaterThan(150);
      expect(conflicts, run.name).toBeGreaterThan(0);
      expect(transactions + conflicts, run.name).toBeLessThanOrEqual(600);
    }
  });

  test('snapshot isolation shows write skew, and says that it is allowed', async () => {
    const { allowed } = await runWriteSkew(options('snapshot'));
    expect(allowed.some((anomaly) => anomaly.includes('on call'))).toBe(true);
    expect(allowed.some((anomaly) => anomaly.includes('guests'))).toBe(true);
    expect(allowed[0]).toContain(`seed ${seed}, snapshot: `);
  });

  test('a store that gives snapshots for serializable is found out', async () => {
    expect((await runWriteSkew(options('serializable', weakened('snapshot')))).anomalies.length).toBeGreaterThan(0);
    const { anomalies } = await runListAppend(options('serializable', weakened('snapshot')));
    expect(anomalies.some((anomaly) => anomaly.includes('G2'))).toBe(true);
  });

  test('a store that gives read committed for snapshots is found out', async () => {
    expect((await runBank(options('snapshot', weakened('readCommitted')))).anomalies.length).toBeGreaterThan(0);
    expect((await runListAppend(options('snapshot', weakened('readCommitted')))).anomalies.length).toBeGreaterThan(0);
  });

  test('clients stop when the store closes', async () => {
    const running = runListAppend({ ...options('snapshot'), transactions: 1_000_000 });
    await platform.timers.sleep(50);
    await opened.store.close();
    const { anomalies, transactions } = await running;
    expect(anomalies).toEqual([]);
    expect(transactions).toBeGreaterThan(0);
  });
});

describe('workloads over a simulated store whose engine answers late', () => {
  /** Small bounds, so that transactions outlive what the overlay holds. */
  function simulate(
    name: string,
    isolation: Isolation,
    run: (options: WorkloadOptions) => Promise<WorkloadResult>,
  ): Promise<WorkloadResult> {
    const simulation = new Simulation(`${seed} ${name}`);
    const node = simulation.boot();
    return simulation.time.run(async () => {
      const engine = new SlowEngine(new MemoryEngine(node.timers), {
        timers: node.timers,
        random: simulation.random.fork('engine'),
        delayMs: 2,
      });
      const store = await LocalStore.open({
        name: 'simulated',
        platform: node,
        log: silentLog,
        engine,
        durability: 'memory',
        persistent: false,
        overlayBytesMax: 64 << 10,
        arenaBytes: 16 << 10,
        applyDelayMs: 3,
      });
      const outcome = await run({ store, platform: node, seed, transactions: 400, clients: 6, isolation });
      await store.close();
      return outcome;
    });
  }

  test.each(LEVELS)('keep %s', async (isolation) => {
    for (let round = 0; round < 3; round++) {
      for (const run of [runBank, runListAppend, runWriteSkew]) {
        const { transactions, anomalies } = await simulate(`${run.name} ${round}`, isolation, run);
        expect(anomalies, `${run.name}, seed ${seed}, round ${round}`).toEqual([]);
        expect(transactions).toBeGreaterThan(50);
      }
    }
  });

  test('the same seed gives the same run', async () => {
    const first = await simulate('again', 'serializable', runListAppend);
    expect(await simulate('again', 'serializable', runListAppend)).toEqual(first);
    expect(await simulate('another', 'serializable', runListAppend)).not.toEqual(first);
  });
});
