/** What the storage contract leaves to the provider on TiKV: unknown commits, shared data, outages, limits. Virtual time. */

import { describe, expect, it } from 'vitest';
import { TestCluster } from '../../packages/tikv-client-node/test-cluster/cluster.ts';
import { InProcessTransport } from '../../packages/tikv-client-node/test-cluster/in-process-transport.ts';
import { SeededRandom } from '../../packages/tikv-client-node/test-cluster/virtual-time.ts';
import { type Bytes, text, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import { openTikvStore, type TikvOptions } from '../../src/providers/tikv/open.ts';
import type { TikvStore } from '../../src/providers/tikv/tikv-store.ts';
import { commitVersionOf, readVersionOf } from '../../src/providers/tikv/versions.ts';
import { ALL_KEYS, prefixRange } from '../../src/storage/key-range.ts';
import { runTransaction } from '../../src/storage/run-transaction.ts';
import type { Change, Store } from '../../src/storage/store.ts';
import { runBank, runListAppend, runWriteSkew } from '../soak/histories.ts';

const SEED = process.env.ORBIT_TEST_SEED ?? '1';

class World {
  readonly simulation = new Simulation(7);
  readonly platform = this.simulation.boot({ host: 'pd' });
  readonly cluster = new TestCluster({ environment: this.platform, disorderSeed: 3 });
  #processes = 0;

  open(options: Partial<TikvOptions> = {}): Promise<TikvStore> {
    const platform = this.simulation.boot({ host: `process ${++this.#processes}` });
    const transport = new InProcessTransport({
      cluster: this.cluster,
      environment: platform,
      random: new SeededRandom(this.#processes),
    });
    const { pdAddresses } = this.cluster;
    return openTikvStore({ name: 'tikv', pdEndpoints: pdAddresses, platform, log: silentLog, transport, ...options });
  }

  run(work: (store: TikvStore) => Promise<void>): Promise<void> {
    return this.simulation.time.run(async () => {
      const store = await this.open();
      await work(store);
      await store.close();
    });
  }
}

async function put(store: Store, entries: Readonly<Record<string, string>>): Promise<number> {
  const transaction = store.begin();
  for (const [key, value] of Object.entries(entries)) transaction.put(utf8(key), utf8(value));
  return (await transaction.commit()).version;
}

const read = async (store: Store, key: string) => asText(await store.get(utf8(key)));
const asText = (bytes: Bytes | undefined) => (bytes === undefined ? undefined : text(bytes));

describe('keys that a transaction has locked', () => {
  it('are locked by one request for each region, and asked for no more', async () => {
    const world = new World();
    await world.run(async (store) => {
      await put(store, Object.fromEntries(Array.from('abcdwxyz', (key) => [key, '1'])));
      world.cluster.split('m');
      await read(store, 'a');
      const transaction = store.begin({ isolation: 'readCommitted' });
      const keys = Array.from('abcdwxyz', utf8);
      await transaction.lock(keys.slice(0, 1)); // Its primary.
      const { calls } = world.cluster.faults;
      calls.length = 0;
      await transaction.lock(keys);
      expect(
        calls.flatMap(({ method, request }) => (method === 'KvPessimisticLock' ? request.mutations : [])),
      ).toHaveLength(7);
      expect(calls.filter(({ method }) => method === 'KvPessimisticLock')).toHaveLength(2);
      calls.length = 0;
      await transaction.lock(keys);
      transaction.beginStatement();
      for (const key of keys) {
        expect(asText(await transaction.get(key))).toBe('1');
        expect(asText(await store.get(key, transaction))).toBe('1');
      }
      expect(calls.filter(({ method }) => method.startsWith('Kv'))).toEqual([]);
      // Given back, they are anybody's again.
      transaction.rollback();
      await put(store, { b: '2' });
      expect(await read(store, 'b')).toBe('2');
    });
  });
});

describe('transactions that expect to read', () => {
  it('share a timestamp and requests when their statements begin together, and never one of before', async () => {
    const world = new World();
    await world.run(async (store) => {
      await put(store, { a: 'A', b: 'B', c: 'C' });
      const { calls } = world.cluster.faults;
      calls.length = 0;
      const readers = Array.from({ length: 6 }, () => store.begin({ isolation: 'readCommitted', expectsReads: true }));
      const found = await Promise.all(readers.map(async (one, i) => asText(await one.get(utf8('abc'[i % 3]!)))));
      expect(found).toEqual(['A', 'B', 'C', 'A', 'B', 'C']);
      expect(calls.filter(({ method }) => method.startsWith('Kv')).map(({ method }) => method)).toEqual([
        'KvGet',
        'KvBatchGet',
      ]);
      expect(new Set(readers.map(({ readVersion }) => readVersion)).size).toBe(1);
      const version = await put(store, { a: 'newer' });
      for (const one of readers) one.beginStatement();
      const again = await Promise.all(readers.map(async (one) => asText(await one.get(utf8('a')))));
      expect(new Set(again)).toEqual(new Set(['newer']));
      for (const one of readers) {
        expect(one.readVersion).toBeGreaterThanOrEqual(version);
        one.rollback();
      }
    });
  });

  it('may lock and write all the same, their statement reading on as it began', async () => {
    const world = new World();
    await world.run(async (store) => {
      await put(store, { a: '1', b: '1' });
      const transaction = store.begin({ isolation: 'readCommitted', expectsReads: true });
      expect(asText(await transaction.get(utf8('a')))).toBe('1');
      await put(store, { a: '2', b: '2' });
      await transaction.lock([utf8('a')]);
      // Under the lock it is the newest; what is not locked stays as of the statement, until the next one.
      expect(asText(await transaction.get(utf8('a')))).toBe('2');
      expect(asText(await transaction.get(utf8('b')))).toBe('1');
      transaction.beginStatement();
      expect(asText(await transaction.get(utf8('b')))).toBe('2');
      transaction.put(utf8('a'), utf8('3'));
      await transaction.commit();
      expect(await read(store, 'a')).toBe('3');
    });
  });
});

describe('the TiKV provider', () => {
  it('tells an unknown commit as such, and the truth can be looked up', async () => {
    for (const happened of [true, false]) {
      const world = new World();
      await world.run(async (store) => {
        world.cluster.split('m');
        await put(store, { b: '0', y: '0' }); // The regions are known, and their stores know what was read.
        const { faults } = world.cluster;
        faults.add({
          method: 'KvPrewrite',
          times: 1_000,
          action: happened
            ? { kind: 'loseReply', how: 'disconnect' }
            : { kind: 'status', status: 14, message: 'the connection was reset' },
        });
        const failure = await put(store, { a: '1', z: '1' }).catch((error: unknown) => error);
        expect(failure).toMatchObject({ code: 'commit_unknown', retry: 'after_check' });
        faults.clear();
        const id = /transaction (\d+-[0-9a-f]+)/.exec((failure as Error).message)?.[1];
        expect(await store.outcomeOf(id!)).toBe(happened ? 'committed' : 'rolledBack');
        expect(await read(store, 'z')).toBe(happened ? '1' : undefined);
      });
    }
  });

  it('collects garbage where it is asked to, and stops with the store', async () => {
    const world = new World();
    await world.run(async () => {
      const store = await world.open({ gcLifeTimeMs: 600_000 });
      for (let i = 0; i < 5; i++) await put(store, { a: String(i) });
      const old = store.begin();
      expect(asText(await old.get(utf8('a')))).toBe('4');
      await world.platform.timers.sleep(2 * 600_000);
      for (let i = 5; i < 8; i++) await put(store, { a: String(i) });
      await world.platform.timers.sleep(2 * 600_000);
      await expect(Promise.resolve(old.get(utf8('b')))).rejects.toMatchObject({ code: 'transaction_too_old' });
      old.rollback();
      expect(await read(store, 'a')).toBe('7');
      await store.close();
    });
  });

  it('refuses what is no transaction', async () => {
    const world = new World();
    await world.run(async (store) => {
      await expect(store.outcomeOf('12')).rejects.toMatchObject({ code: 'invalid_argument' });
    });
  });

  it('shares its data among processes, which see each other at once', async () => {
    const world = new World();
    await world.run(async (store) => {
      const other = await world.open();
      const changes: Change[] = [];
      store.watch(ALL_KEYS, (record) => void changes.push(...record.changes));
      await put(other, { a: '1' });
      expect(await read(store, 'a')).toBe('1');
      expect(changes).toEqual([]); // Another process's commit.
      const increments = [store, other].flatMap((one) =>
        Array.from({ length: 5 }, () =>
          runTransaction(
            one,
            world.platform,
            async (transaction) => {
              transaction.put(utf8('n'), utf8(String(Number(asText(await transaction.get(utf8('n'))) ?? 0) + 1)));
            },
            { attemptsMax: 1_000 },
          ),
        ),
      );
      await Promise.all(increments);
      expect(await read(store, 'n')).toBe('10');
      expect(changes).toHaveLength(5);
      await other.close();
    });
  });

  it('keeps what has another prefix apart', async () => {
    const world = new World();
    await world.run(async (store) => {
      const first = await world.open({ keyPrefix: utf8('one/') });
      const second = await world.open({ keyPrefix: utf8('two/') });
      await put(first, { a: '1', b: '2' });
      await put(second, { a: 'other' });
      expect(await read(store, 'one/a')).toBe('1');
      expect(await read(first, 'a')).toBe('1');
      const transaction = first.begin();
      const found: string[] = [];
      const cursor = transaction.scan(ALL_KEYS, { reverse: true });
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const entry of batch) found.push(`${text(entry.key)}=${text(entry.value)}`);
      }
      expect(found).toEqual(['b=2', 'a=1']);
      transaction.deleteRange(ALL_KEYS);
      await transaction.commit();
      expect(await read(second, 'a')).toBe('other');
      for (const one of [first, second]) await one.close();
    });
  });

  it('lets statements of read committed add up, with locks and without', async () => {
    const world = new World();
    await world.run(async (store) => {
      await put(store, { n: '0' });
      const add = async () => {
        const transaction = store.begin({ isolation: 'readCommitted' });
        await transaction.lock([utf8('n')]);
        transaction.beginStatement();
        transaction.put(utf8('n'), utf8(String(Number(asText(await transaction.get(utf8('n')))) + 1)));
        await transaction.commit();
      };
      await Promise.all(Array.from({ length: 8 }, add));
      expect(await read(store, 'n')).toBe('8');
      const [one, two] = [store.begin({ isolation: 'readCommitted' }), store.begin({ isolation: 'readCommitted' })];
      one.put(utf8('n'), utf8('one'));
      two.put(utf8('n'), utf8('two'));
      await one.commit();
      await two.commit(); // The last one wins: there is nothing it could have conflicted with.
      expect(await read(store, 'n')).toBe('two');
    });
  });

  it('fences by requirements against other processes', async () => {
    const world = new World();
    await world.run(async (store) => {
      const other = await world.open();
      await put(store, { lease: 'epoch 1' });
      const fenced = store.begin();
      fenced.require(utf8('lease'), utf8('epoch 1'), () => new Error('fenced'));
      fenced.put(utf8('a'), utf8('late'));
      await put(other, { lease: 'epoch 2' });
      await expect(fenced.commit()).rejects.toThrow('fenced');
      const renewed = store.begin();
      renewed.require(utf8('lease'), utf8('epoch 2'), () => new Error('fenced'));
      renewed.put(utf8('a'), utf8('in time'));
      await put(other, { lease: 'epoch 2' });
      // Written again with the same value: nothing was lost, so it may run again.
      await expect(renewed.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
      const locked = store.begin({ isolation: 'readCommitted' });
      locked.require(utf8('lease'), utf8('epoch 1'), () => new Error('fenced'));
      await expect(locked.commit()).rejects.toThrow('fenced');
      expect(await read(store, 'a')).toBeUndefined();
      await other.close();
    });
  });

  it('conflicts when a key appeared in a range that it deletes', async () => {
    const world = new World();
    await world.run(async (store) => {
      await put(store, { 'r/1': '1' });
      const deletion = store.begin();
      deletion.deleteRange(prefixRange(utf8('r/')));
      await put(store, { 'r/2': '2' });
      await expect(deletion.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
    });
  });

  it.each(['snapshot', 'readCommitted'] as const)('shows no anomaly under %s while regions move', async (isolation) => {
    const world = new World();
    await world.run(async (store) => {
      let running = true;
      const random = new SeededRandom(11);
      const trouble = (async () => {
        while (running) {
          await world.platform.timers.sleep(random.between(5, 60));
          const key = random.pick(['bank ', 'list ', 'skew ']) + random.int(20);
          switch (random.int(3)) {
            case 0:
              world.cluster.split(key);
              break;
            case 1:
              world.cluster.mergeNext(key);
              break;
            default:
              world.cluster.transferLeader(key);
          }
        }
      })();
      for (const [prefix, run] of [
        ['bank ', runBank],
        ['list ', runListAppend],
        ['skew ', runWriteSkew],
      ] as const) {
        const { platform } = world;
        const common = { store, platform, isolation, prefix, transactions: 80, clients: 6 };
        const result = await run({ ...common, seed: `${SEED}/${prefix}` });
        expect(result.anomalies, `ORBIT_TEST_SEED=${SEED}`).toEqual([]);
        expect(result.transactions).toBeGreaterThan(10);
      }
      running = false;
      await trouble;
    });
  });

  it('says how it is, fails by name while nothing answers, and recovers by itself', async () => {
    const world = new World();
    await world.run(async (store) => {
      await put(store, { a: '1' });
      await store.probe();
      expect(store.health).toMatchObject({ status: 'healthy', lastSuccessAtMs: expect.any(Number) });
      const [first] = world.cluster.stores;
      world.cluster.stopStore(first!.id);
      expect(await read(store, 'a')).toBe('1');
      expect(store.health).toMatchObject({ status: 'degraded', reason: expect.stringContaining(first!.address) });
      world.cluster.startStore(first!.id);
      await world.platform.timers.sleep(5_000);
      for (const index of [0, 1, 2]) world.cluster.state.pd.down.add(index);
      await expect(store.probe()).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('pd0:2379') });
      expect(store.health.status).toBe('unhealthy');
      world.cluster.state.pd.down.clear();
      await store.probe();
      expect(store.health).toMatchObject({ status: 'healthy', lastSuccessAtMs: expect.any(Number) });
      expect(await read(store, 'a')).toBe('1');
    });
  });

  it('waits as long as it is told for what nobody serves, and names itself to TiKV', async () => {
    for (const patience of [1, 2]) {
      const world = new World();
      await world.simulation.time.run(async () => {
        const store = await world.open({ patience, commitTimeoutMs: 10_000, requestSource: 'external_shop' });
        await put(store, { a: '1' });
        const written = world.cluster.faults.calls.find(({ method }) => method === 'KvPrewrite');
        expect(written?.request.context).toMatchObject({ requestSource: 'external_shop' });
        for (const { id } of world.cluster.stores) world.cluster.stopStore(id);
        const writing = store.begin();
        writing.put(utf8('b'), utf8('1'));
        const { clock } = world.platform;
        let beganMs = clock.monotonicMs();
        await expect(read(store, 'a')).rejects.toMatchObject({ code: 'io' });
        const readMs = clock.monotonicMs() - beganMs;
        expect(readMs).toBeGreaterThanOrEqual(20_000 * patience);
        expect(readMs).toBeLessThan(20_000 * patience + 10_000);
        beganMs = clock.monotonicMs();
        await expect(writing.commit()).rejects.toMatchObject({ code: expect.stringMatching(/^(io|commit_unknown)$/) });
        expect(clock.monotonicMs() - beganMs).toBeLessThan(20_000);
        await store.close();
      });
    }
  });

  it('refuses what TiKV cannot hold, when it is written', async () => {
    const world = new World();
    await world.run(async (store) => {
      const transaction = store.begin();
      const tooLarge = expect.objectContaining({ code: 'too_large' });
      expect(() => transaction.put(Buffer.alloc(7_280, 1), utf8('x'))).toThrow(tooLarge);
      transaction.put(Buffer.alloc(7_279, 1), utf8('x'));
      expect(() => transaction.put(utf8('v'), Buffer.alloc(6 * 1024 * 1024 + 1))).toThrow(tooLarge);
      expect(() => {
        for (let i = 0; i < 18; i++) transaction.put(utf8(`v${i}`), Buffer.alloc(6 * 1024 * 1024));
      }).toThrow(tooLarge);
      transaction.rollback();
      expect(() => store.begin({ isolation: 'serializable' })).toThrow(
        expect.objectContaining({ code: 'unsupported' }),
      );
    });
  });

  it('orders versions of reads and commits as their timestamps', () => {
    const base = BigInt(Date.UTC(2026, 5, 1)) << 18n;
    for (const [commit, readAt] of [
      [base, base + 64n],
      [base + 63n, base + 128n],
      [base + 64n, base + (1n << 18n)],
    ] as const) {
      expect(readVersionOf(readAt)).toBeGreaterThanOrEqual(commitVersionOf(commit));
      expect(commitVersionOf(commit)).toBeGreaterThan(readVersionOf(commit));
    }
    expect(Number.isSafeInteger(commitVersionOf(BigInt(Date.UTC(2090, 0, 1)) << 18n))).toBe(true);
  });
});
