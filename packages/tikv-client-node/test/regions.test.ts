/** Scenarios 37 to 39 of the reference: region errors, stores and PD members that fail. */

import { describe, expect, it } from 'vitest';
import type { BackoffKind } from '../src/backoff.ts';
import type { RegionError } from '../src/proto/errorpb.ts';
import type { Init } from '../src/protobuf/message.ts';
import { GrpcStatus } from '../src/transport.ts';
import { bytes, getText, outcomeOf, pause, putAll, putText, readText, scanText, World } from './support/world.ts';

interface Case {
  readonly error: Init<typeof RegionError>;
  /** Sleeps expected when it occurs once. */
  readonly sleeps: readonly BackoffKind[];
  /** What a read ends with when it never stops; undefined: at once, whatever the count. */
  readonly forever: string;
}

const CASES: Readonly<Record<string, Case>> = {
  notLeaderWithoutHint: { error: { notLeader: {} }, sleeps: ['regionScheduling'], forever: 'region_unavailable' },
  regionNotFound: { error: { regionNotFound: {} }, sleeps: ['regionMiss'], forever: 'region_unavailable' },
  keyNotInRegion: { error: { keyNotInRegion: {} }, sleeps: ['regionMiss'], forever: 'region_unavailable' },
  epochNotMatchWithoutRegions: { error: { epochNotMatch: {} }, sleeps: ['regionMiss'], forever: 'region_unavailable' },
  serverIsBusy: { error: { serverIsBusy: { reason: 'busy' } }, sleeps: ['tikvServerBusy'], forever: 'server_busy' },
  deadlineExceeded: {
    error: { serverIsBusy: { reason: 'deadline is exceeded' } },
    sleeps: ['tikvRPC'],
    forever: 'region_unavailable',
  },
  deadlineText: { error: { message: 'Deadline is exceeded' }, sleeps: ['tikvRPC'], forever: 'region_unavailable' },
  staleCommand: { error: { staleCommand: {} }, sleeps: ['staleCommand'], forever: 'region_unavailable' },
  storeNotMatch: { error: { storeNotMatch: {} }, sleeps: ['regionMiss'], forever: 'region_unavailable' },
  maxTimestampNotSynced: {
    error: { maxTimestampNotSynced: {} },
    sleeps: ['maxTsNotSynced'],
    forever: 'region_unavailable',
  },
  readIndexNotReady: { error: { readIndexNotReady: {} }, sleeps: ['regionScheduling'], forever: 'region_unavailable' },
  proposalInMergingMode: {
    error: { proposalInMergingMode: {} },
    sleeps: ['regionScheduling'],
    forever: 'region_unavailable',
  },
  regionNotInitialized: {
    error: { regionNotInitialized: {} },
    sleeps: ['regionNotInitialized'],
    forever: 'region_unavailable',
  },
  diskFull: { error: { diskFull: { reason: 'full' } }, sleeps: ['tikvDiskFull'], forever: 'disk_full' },
  recoveryInProgress: {
    error: { recoveryInProgress: {} },
    sleeps: ['regionRecoveryInProgress', 'regionMiss'],
    forever: 'region_unavailable',
  },
  isWitness: { error: { isWitness: {} }, sleeps: ['isWitness', 'regionMiss'], forever: 'region_unavailable' },
  mismatchPeerId: { error: { mismatchPeerId: {} }, sleeps: ['regionMiss'], forever: 'region_unavailable' },
  bucketVersionNotMatch: {
    error: { bucketVersionNotMatch: {} },
    sleeps: ['regionMiss'],
    forever: 'region_unavailable',
  },
  closing: { error: { message: 'TiKV is Closing' }, sleeps: ['regionMiss'], forever: 'region_unavailable' },
  unknown: { error: { message: 'something new' }, sleeps: ['regionMiss'], forever: 'region_unavailable' },
};

describe('region errors', () => {
  it.each(Object.entries(CASES))(
    '%s: waits as it should, succeeds after one, gives up after many',
    async (_name, { error, sleeps, forever }) => {
      const world = new World();
      const slept: BackoffKind[] = [];
      await world.run(
        async (client) => {
          await putAll(client, { a: '1' });
          await readText(client, 'a');
          slept.length = 0;
          world.cluster.faults.add({ method: 'KvGet', action: { kind: 'regionError', error } });
          expect(await readText(client, 'a')).toBe('1');
          expect(slept).toEqual(sleeps);
          world.cluster.faults.add({ method: 'KvGet', times: 1e6, action: { kind: 'regionError', error } });
          const reader = await client.begin();
          await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: forever });
          world.cluster.faults.clear();
          expect(await readText(client, 'a')).toBe('1');
        },
        { hooks: { onBackoff: (kind) => void slept.push(kind) } },
      );
    },
  );

  it.each([
    ['raftEntryTooLarge', { raftEntryTooLarge: { entrySize: 9n } }, 'too_large'],
    ['flashbackInProgress', { flashbackInProgress: {} }, 'region_unavailable'],
    ['flashbackNotPrepared', { flashbackNotPrepared: {} }, 'region_unavailable'],
    ['an absurd timestamp', { message: 'invalid max_ts update: 1' }, 'invalid_argument'],
  ])('%s ends the operation at once', async (_name, error, code) => {
    const world = new World();
    await world.run(async (client) => {
      world.cluster.faults.add({ method: 'KvPrewrite', times: 100, action: { kind: 'regionError', error } });
      const writer = await client.begin();
      putText(writer, 'a', '1');
      const before = world.time.elapsedMs;
      expect(await outcomeOf(writer)).toBe(code);
      expect(world.time.elapsedMs - before).toBeLessThan(100);
    });
  });

  it('an unknown outcome, told by the store itself, is undetermined where the request decides', async () => {
    for (const [method, options] of [
      ['KvPrewrite', {}],
      ['KvCommit', { asyncCommit: false, onePhaseCommit: false }],
    ] as const) {
      const world = new World();
      await world.run(async (client) => {
        world.cluster.faults.add({ method, action: { kind: 'regionError', error: { undeterminedResult: {} } } });
        const writer = await client.begin(options);
        putText(writer, 'a', '1');
        expect(await outcomeOf(writer)).toBe('undetermined');
      });
    }
  });

  it('new regions told by a store are used at once, without asking PD or waiting', async () => {
    const world = new World();
    const slept: BackoffKind[] = [];
    await world.run(
      async (client) => {
        await putAll(client, { a: '1', k: '2', z: '3' });
        await client.settled();
        world.cluster.split('f', 'p');
        const asked = world.cluster.faults.count('GetRegion') + world.cluster.faults.count('BatchScanRegions');
        expect(await scanText(await client.begin())).toEqual(['a=1', 'k=2', 'z=3']);
        expect(slept).toEqual([]);
        expect(world.cluster.faults.count('GetRegion') + world.cluster.faults.count('BatchScanRegions')).toBe(asked);
      },
      { hooks: { onBackoff: (kind) => void slept.push(kind) } },
    );
  });

  it('requests name their source, the region, its replica and the cluster', async () => {
    const world = new World();
    await world.run(
      async (client) => {
        await putAll(client, { a: '1' });
        await readText(client, 'a');
        const contexts = world.cluster.faults.calls
          .filter(({ method }) => method === 'KvGet' || method === 'KvPrewrite')
          .map(({ request }) => request.context);
        expect(contexts.length).toBeGreaterThan(1);
        for (const context of contexts) {
          expect(context).toMatchObject({
            requestSource: 'external_shop',
            regionId: expect.any(BigInt),
            peer: { id: expect.any(BigInt), storeId: expect.any(BigInt) },
            clusterId: client.statistics().clusterId,
          });
        }
      },
      { requestSource: 'external_shop' },
    );
  });

  it.each([
    [30_000, 20_000n],
    [9_000, 6_000n],
  ])('writes that may take %i ms are given up by the store after %i', async (requestTimeoutMs, expected) => {
    const world = new World();
    await world.run(async (client) => putAll(client, { a: '1' }), { requestTimeoutMs });
    const writes = world.cluster.faults.calls.filter(({ method }) => method === 'KvPrewrite');
    expect(writes.length).toBeGreaterThan(0);
    for (const { request } of writes) expect(request.context).toMatchObject({ maxExecutionDurationMs: expected });
  });

  it('a request that repeats is marked as such', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      world.cluster.faults.add({ method: 'KvGet', action: { kind: 'regionError', error: { staleCommand: {} } } });
      await readText(client, 'a');
      const marks = world.cluster.faults.calls
        .filter((call) => call.method === 'KvGet' && String(call.request.key) === 'a')
        .map((call) => (call.request.context as { isRetryRequest: boolean }).isRetryRequest);
      expect(marks).toEqual([false, true]);
    });
  });
});

describe('the region cache', () => {
  it('asks anew for what is older than its time to live, and keeps no more than it may', async () => {
    const world = new World();
    world.cluster.split('f', 'p');
    const asked = () => world.cluster.faults.count('GetRegion');
    await world.run(
      async (client) => {
        await putAll(client, { a: '1' });
        await readText(client, 'a');
        const before = asked();
        await readText(client, 'a');
        expect(asked()).toBe(before);
        await pause(world, 70_000); // A tenth is jitter.
        await readText(client, 'a');
        expect(asked()).toBeGreaterThan(before);
        for (const key of ['a', 'k', 'z']) await readText(client, key);
        expect(client.statistics().cachedRegions).toBe(2);
      },
      { regionCacheTtlMs: 60_000, regionCacheMax: 2 },
    );
  });

  it('scatters the regions it splits where that is asked for', async () => {
    const world = new World();
    await world.run(async (client) => {
      await client.split([bytes('g')]);
      expect(world.cluster.faults.count('ScatterRegion')).toBe(0);
      const ids = await client.split([bytes('m'), bytes('t')], true);
      const scattered = world.cluster.faults.calls.filter(({ method }) => method === 'ScatterRegion');
      expect(new Set(scattered.map(({ request }) => request.regionId))).toEqual(new Set(ids));
      expect(ids.length).toBeGreaterThanOrEqual(2);
    });
  });
});

describe('hooks', () => {
  it('tell of requests, timestamps, regions and commits', async () => {
    const world = new World();
    const told: string[] = [];
    await world.run(
      async (client) => {
        await putAll(client, { a: '1' });
        world.cluster.faults.add({ method: 'KvGet', action: { kind: 'regionError', error: { staleCommand: {} } } });
        await readText(client, 'a');
      },
      {
        hooks: {
          onRequest: (method, _store, latencyMs, outcome) => told.push(`${method} ${outcome} ${latencyMs >= 0}`),
          onTimestamps: (count, latencyMs) => told.push(`timestamps ${count > 0 && latencyMs >= 0}`),
          onRegionCache: (event) => told.push(`region ${event}`),
          onCommit: (how, latencyMs) => told.push(`commit ${how} ${latencyMs > 0}`),
        },
      },
    );
    for (const one of [
      'KvPrewrite ok true',
      'KvGet staleCommand true',
      'KvGet ok true',
      'timestamps true',
      'region miss',
      'region hit',
      'commit onePhase true',
    ]) {
      expect(told).toContain(one);
    }
  });
});

describe('stores', () => {
  it('that stop lose their leaders to others, and come back', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      for (const store of world.cluster.stores) {
        world.cluster.stopStore(store.id);
        const before = world.time.elapsedMs;
        await putAll(client, { a: `without ${store.id}` });
        expect(await readText(client, 'a')).toBe(`without ${store.id}`);
        expect(world.time.elapsedMs - before).toBeLessThan(5_000);
        world.cluster.startStore(store.id);
        await pause(world, 3_000);
        expect(client.statistics().stores.every((one) => one.reachable)).toBe(true);
      }
    });
  });

  it('that all stop fail reads and writes by name in bounded time, and serve again without a restart', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      for (const store of world.cluster.stores) world.cluster.stopStore(store.id, false);
      const before = world.time.elapsedMs;
      const reader = await client.begin();
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({
        code: 'region_unavailable',
        message: expect.stringContaining('tikv'),
      });
      expect(world.time.elapsedMs - before).toBeLessThan(60_000);
      for (const store of world.cluster.stores) world.cluster.startStore(store.id);
      expect(await readText(client, 'a')).toBe('1');
    });
  });

  it('that move to another address, or leave theirs to another store, are found again', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      const [first, second] = world.cluster.stores;
      world.cluster.moveStore(first!.id, 'elsewhere:20160');
      expect(await readText(client, 'a')).toBe('1');
      world.cluster.moveStore(second!.id, 'third:20160');
      world.cluster.moveStore(first!.id, 'tikv1:20160'); // Now what `second` had.
      await pause(world, 20_000);
      world.cluster.transferLeader('a', second!.id);
      expect(await readText(client, 'a')).toBe('1');
      world.cluster.transferLeader('a', first!.id);
      await putAll(client, { a: '2' });
      expect(await readText(client, 'a')).toBe('2');
    });
  });

  it('that take calls but never answer cost a timeout, not the read', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      const [first] = world.cluster.stores;
      world.cluster.freezeStore(first!.id);
      const reading = readText(client, 'a');
      await pause(world, 5_000);
      world.cluster.transferLeader('a');
      expect(await reading).toBe('1');
    });
  });

  it('whose leaders move all the time are followed', async () => {
    const world = new World({ seed: 3 });
    world.cluster.split('m');
    await world.run(async (client) => {
      let moving = true;
      const storm = (async () => {
        while (moving) {
          world.cluster.transferLeader(world.random.chance(0.5) ? 'a' : 'z');
          if (world.random.chance(0.2)) {
            const region = world.cluster.regionOf('a');
            const { leader } = region;
            region.leader = undefined;
            await pause(world, 20);
            region.leader = leader;
          }
          await pause(world, 3);
        }
      })();
      for (let i = 0; i < 30; i++) await putAll(client, { a: String(i), z: String(i) });
      moving = false;
      await storm;
      expect(await scanText(await client.begin())).toEqual(['a=29', 'z=29']);
    });
  });

  it('serve reads from followers when asked, and from the leader when those cannot', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      await client.settled();
      const snapshot = client.snapshot(await client.timestamp(), { followerRead: true });
      expect(await getText(snapshot, 'a')).toBe('1');
      const call = world.cluster.faults.calls.findLast((one) => one.method === 'KvGet')!;
      expect(call.storeId).not.toBe(world.cluster.regionOf('a').leader?.storeId);
      expect(call.request.context).toMatchObject({ replicaRead: true });
      world.cluster.faults.add({ method: 'KvGet', action: { kind: 'regionError', error: { regionNotFound: {} } } });
      expect(await getText(snapshot, 'a')).toBe('1');
    });
  });

  it('serve stale reads from followers, and from the leader what those do not hold yet', async () => {
    const world = new World();
    world.cluster.split('m');
    await world.run(async (client) => {
      await putAll(client, { a: '1', z: '1' });
      await client.settled();
      await pause(world, 5_000);
      await putAll(client, { a: '2', z: '2' });
      const calls = () => world.cluster.faults.calls.filter((one) => one.method === 'KvGet');
      const old = client.snapshot(await client.timestampBefore(2_000), { staleRead: true });
      const before = calls().length;
      expect(await getText(old, 'a')).toBe('1');
      expect(calls()).toHaveLength(before + 1);
      expect(calls().at(-1)!.request.context).toMatchObject({ staleRead: true, replicaRead: false });
      expect(calls().at(-1)!.storeId).not.toBe(world.cluster.regionOf('a').leader?.storeId);
      expect((await old.batchGet([bytes('a'), bytes('z')])).map(String)).toEqual(['1', '1']);
      const fresh = client.snapshot(await client.timestamp(), { staleRead: true });
      expect(await getText(fresh, 'a')).toBe('2');
      expect(calls().at(-1)!.storeId).toBe(world.cluster.regionOf('a').leader?.storeId);
    });
  });

  it('that refuse the cluster are not asked again', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      const reader = await client.begin();
      world.cluster.state.clusterId = 99n;
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: 'cluster_mismatch' });
      await expect(client.begin()).rejects.toMatchObject({ code: 'cluster_mismatch' });
    });
  });
});

describe('PD', () => {
  it('changes its leader in a flood of timestamps: all in order, nobody forgotten', async () => {
    const world = new World({ seed: 9 });
    await world.run(async (client) => {
      const taken: bigint[] = [];
      const worker = async () => {
        for (let i = 0; i < 60; i++) {
          const before = taken[taken.length - 1] ?? 0n;
          const timestamp = await client.timestamp();
          expect(timestamp).toBeGreaterThan(before);
          taken.push(timestamp);
          await pause(world, world.random.int(20));
        }
      };
      const changes = (async () => {
        for (let i = 1; i <= 9; i++) {
          await pause(world, 100);
          world.cluster.state.pd.leader = undefined;
          await pause(world, 30);
          world.cluster.state.pd.leader = i % 3;
        }
      })();
      await Promise.all([changes, ...Array.from({ length: 16 }, worker)]);
      expect(new Set(taken).size).toBe(16 * 60);
      const granted = world.cluster.faults.calls.filter((call) => call.method === 'Tso');
      expect(granted.length).toBeLessThan(16 * 60); // They travel together.
    });
  });

  it('may lose members, hang, or send its clock back', async () => {
    const world = new World();
    await world.run(async (client) => {
      world.cluster.state.pd.down.add(0);
      world.cluster.state.pd.leader = 2;
      const before = await client.timestamp();
      world.cluster.faults.add({ method: 'Tso', action: { kind: 'swallow' } });
      expect(await client.timestamp()).toBeGreaterThan(before);
      world.cluster.state.tso.aheadMs = -3_600_000;
      expect(await client.timestamp()).toBeGreaterThan(before);
      expect(client.statistics().pdLeader).toBe('pd2:2379');
    });
  });

  it('that is gone fails by name after the budget, and serves again after half a minute', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      for (const index of [0, 1, 2]) world.cluster.state.pd.down.add(index);
      const before = world.time.elapsedMs;
      await expect(client.begin()).rejects.toMatchObject({
        code: 'pd_unavailable',
        message: expect.stringContaining('pd'),
      });
      expect(world.time.elapsedMs - before).toBeLessThan(40_000);
      world.cluster.state.pd.down.clear();
      expect(await readText(client, 'a')).toBe('1');
    });
  });

  it('of another cluster, or of two, is refused for good', async () => {
    const world = new World();
    const other = new World({ clusterId: 2n });
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      world.cluster.state.clusterId = 5n;
      await expect(client.begin()).rejects.toMatchObject({ code: 'cluster_mismatch' });
      expect(other.cluster.state.clusterId).toBe(2n);
    });
  });

  it('that lags behind the stores does not undo what they told', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, { a: '1', z: '2' });
      for (const index of [0, 1, 2]) world.cluster.stalePd(index);
      world.cluster.split('m');
      world.cluster.transferLeader('a');
      expect(await scanText(await client.begin())).toEqual(['a=1', 'z=2']);
      for (const index of [0, 1, 2]) world.cluster.stalePd(index, false);
    });
  });

  it('of an old release is asked as it knows', async () => {
    const world = new World();
    world.cluster.state.pd.old = true;
    world.cluster.split('f', 'm', 't');
    await world.run(async (client) => {
      await putAll(client, { a: '1', h: '2', p: '3', z: '4' });
      expect(await scanText(await client.begin(), '', '', { reverse: true })).toEqual(['z=4', 'p=3', 'h=2', 'a=1']);
      expect(await client.split([bytes('b'), bytes('c')], true)).toHaveLength(3);
      await client.destroyRange(bytes('f'), bytes('q'));
      expect(await scanText(await client.begin())).toEqual(['a=1', 'z=4']);
    });
  });

  it('statuses that say the client is not welcome are final', async () => {
    const world = new World();
    await world.run(async (client) => {
      world.cluster.faults.add({
        method: 'KvGet',
        action: { kind: 'status', status: GrpcStatus.UNAUTHENTICATED, message: 'who?' },
      });
      const reader = await client.begin();
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: 'configuration' });
    });
  });
});
