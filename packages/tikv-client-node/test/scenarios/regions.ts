/** Scenario 37 of the reference: region errors; the region cache, and the hooks that tell of both. */

import { expect } from 'vitest';
import type { BackoffKind } from '../../src/backoff.ts';
import type { RegionError } from '../../src/proto/errorpb.ts';
import type { Init } from '../../src/protobuf/message.ts';
import { suite } from '../support/scenario.ts';
import { bytes, outcomeOf, pause, putAll, putText, readText, scanText } from '../support/world.ts';

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

export const regionErrors = suite('region errors', (scenario) => {
  for (const [name, { error, sleeps, forever }] of Object.entries(CASES)) {
    scenario(37, `${name}: waits as it should, succeeds after one, gives up after many`, async (newWorld) => {
      const world = newWorld();
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
    });
  }

  for (const [name, error, code] of [
    ['raftEntryTooLarge', { raftEntryTooLarge: { entrySize: 9n } }, 'too_large'],
    ['flashbackInProgress', { flashbackInProgress: {} }, 'region_unavailable'],
    ['flashbackNotPrepared', { flashbackNotPrepared: {} }, 'region_unavailable'],
    ['an absurd timestamp', { message: 'invalid max_ts update: 1' }, 'invalid_argument'],
  ] as const)
    scenario(37, `${name} ends the operation at once`, async (newWorld) => {
      const world = newWorld();
      await world.run(async (client) => {
        world.cluster.faults.add({ method: 'KvPrewrite', times: 100, action: { kind: 'regionError', error } });
        const writer = await client.begin();
        putText(writer, 'a', '1');
        const before = world.time.elapsedMs;
        expect(await outcomeOf(writer)).toBe(code);
        expect(world.time.elapsedMs - before).toBeLessThan(100);
      });
    });

  scenario(
    37,
    'an unknown outcome, told by the store itself, is undetermined where the request decides',
    async (newWorld) => {
      for (const [method, options] of [
        ['KvPrewrite', {}],
        ['KvCommit', { asyncCommit: false, onePhaseCommit: false }],
      ] as const) {
        const world = newWorld();
        await world.run(async (client) => {
          world.cluster.faults.add({ method, action: { kind: 'regionError', error: { undeterminedResult: {} } } });
          const writer = await client.begin(options);
          putText(writer, 'a', '1');
          expect(await outcomeOf(writer)).toBe('undetermined');
        });
      }
    },
  );

  scenario(37, 'new regions told by a store are used at once, without asking PD or waiting', async (newWorld) => {
    const world = newWorld();
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

  scenario([], 'requests name their source, the region, its replica and the cluster', async (newWorld) => {
    const world = newWorld();
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

  for (const [requestTimeoutMs, expected] of [
    [30_000, 20_000n],
    [9_000, 6_000n],
  ] as const)
    scenario(
      [],
      `writes that may take ${requestTimeoutMs} ms are given up by the store after ${expected}`,
      async (newWorld) => {
        const world = newWorld();
        await world.run(async (client) => putAll(client, { a: '1' }), { requestTimeoutMs });
        const writes = world.cluster.faults.calls.filter(({ method }) => method === 'KvPrewrite');
        expect(writes.length).toBeGreaterThan(0);
        for (const { request } of writes) expect(request.context).toMatchObject({ maxExecutionDurationMs: expected });
      },
    );

  scenario(37, 'a request that repeats is marked as such', async (newWorld) => {
    const world = newWorld();
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

export const theRegionCache = suite('the region cache', (scenario) => {
  scenario([], 'asks anew for what is older than its time to live, and keeps no more than it may', async (newWorld) => {
    const world = newWorld();
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

  scenario([], 'scatters the regions it splits where that is asked for', async (newWorld) => {
    const world = newWorld();
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

export const theHooks = suite('hooks', (scenario) => {
  scenario([], 'tell of requests, timestamps, regions and commits', async (newWorld) => {
    const world = newWorld();
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
