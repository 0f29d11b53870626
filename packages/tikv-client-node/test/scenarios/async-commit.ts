/** Scenarios 21 to 27 of the reference: asynchronous and one-phase commit. */

import { expect } from 'vitest';
import { GrpcStatus } from '../../src/transport.ts';
import type { FaultAction } from '../../test-cluster/faults.ts';
import { SPLIT_KEYS, splitWorld, suite } from '../support/scenario.ts';
import {
  bytes,
  dieWhileCommitting,
  getText,
  outcomeOf,
  pause,
  putAll,
  putText,
  readText,
  scanText,
} from '../support/world.ts';

const disconnect: FaultAction = { kind: 'loseReply', how: 'disconnect' };

export const asynchronousCommit = suite('asynchronous commit', (scenario) => {
  scenario(21, 'commits at the greatest minimal timestamp, after every read that came before', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      const other = await world.open();
      // Hold the commits back: what counts has happened when the call returns.
      world.cluster.faults.add({ method: 'KvCommit', times: 100, action: { kind: 'delay', ms: 5_000 } });
      const writer = await client.begin();
      for (const key of SPLIT_KEYS) putText(writer, key, '1');
      const readTs = await other.timestamp();
      expect(await getText(other.snapshot(readTs), 'p')).toBeUndefined();
      const commitTs = await writer.commit();
      expect(commitTs).toBeGreaterThan(readTs);
      expect(world.cluster.faults.calls.some((call) => call.method === 'KvCommit')).toBe(false);
      const locks = [...world.cluster.state.data.locked].map((state) => state.lock!);
      expect(locks).toHaveLength(4);
      expect(locks.reduce((max, lock) => (lock.minCommitTs > max ? lock.minCommitTs : max), 0n)).toBe(commitTs);
      // Who hears of it afterwards sees it, although nothing is committed yet.
      expect(await scanText(await other.begin())).toHaveLength(4);
      expect(await getText(other.snapshot(readTs), 'p')).toBeUndefined();
      await other.close();
    });
  });

  scenario(22, 'is completed by others when the client dies before it sends a commit', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      const startTs = await dieWhileCommitting(world, SPLIT_KEYS, { async: true, lost: 'KvCommit', survive: 0 });
      world.cluster.faults.clear();
      expect(await scanText(await client.begin())).toEqual(SPLIT_KEYS.map((key) => `${key}=by ${key}`));
      expect(await client.transactionStatus(bytes('a'), startTs)).toMatchObject({ kind: 'committed' });
      await client.settled();
      expect(world.cluster.state.data.locked.size).toBe(0);
    });
  });

  scenario(
    23,
    'is rolled back by others when one key was never prewritten, and the late prewrite is refused',
    async (newWorld) => {
      const world = splitWorld(newWorld);
      await world.run(async (client) => {
        const transport = world.transport();
        const slow = await world.open({}, transport);
        const late = await slow.begin({ onePhaseCommit: false });
        for (const key of SPLIT_KEYS) putText(late, key, 'late');
        const lastKey = (call: { request: Readonly<Record<string, unknown>> }) =>
          (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === 'z';
        world.cluster.faults.add({ method: 'KvPrewrite', when: lastKey, action: { kind: 'delay', ms: 10_000 } });
        const outcome = outcomeOf(late);
        await pause(world, 50);
        expect(await readText(client, 'a')).toBeUndefined();
        expect(world.cluster.faults.count('KvCheckSecondaryLocks')).toBeGreaterThan(0);
        expect(await outcome).toBe('write_conflict');
        expect(await scanText(await client.begin())).toEqual([]);
        await slow.close();
      });
    },
  );

  scenario(
    24,
    'falls back to two phases when a timestamp would be too late, and mixed locks are then resolved as such',
    async (newWorld) => {
      const world = splitWorld(newWorld);
      await world.run(async (client) => {
        const writer = await client.begin({ onePhaseCommit: false });
        for (const key of SPLIT_KEYS) putText(writer, key, '1');
        // A reader from the future on the first region alone.
        world.cluster.faults.add({
          method: 'KvPrewrite',
          action: { kind: 'hook', run: () => world.cluster.observeRead(writer.startTs + (10_000n << 18n)) },
        });
        await pause(world, 20);
        await writer.commit();
        expect(world.cluster.faults.calls.filter((call) => call.method === 'Tso').length).toBeGreaterThanOrEqual(3);
        expect(await scanText(await client.begin())).toHaveLength(4);
      });
      const mixed = splitWorld(newWorld);
      await mixed.run(async (client) => {
        await dieWhileCommitting(mixed, SPLIT_KEYS, { async: true, lost: 'KvCommit', survive: 0 });
        Object.assign(mixed.cluster.state.data.state('p').lock!, { useAsyncCommit: false });
        expect(await readText(client, 'f')).toBeUndefined();
        const forced = mixed.cluster.faults.calls.filter(
          (call) => call.method === 'KvCheckTxnStatus' && call.request.forceSyncCommit,
        );
        expect(forced.length).toBeGreaterThan(0);
      });
    },
  );

  scenario(24, 'falls back as a whole when one region does, whichever answer comes first', async (newWorld) => {
    for (const [first, last] of [
      ['a', 'z'],
      ['z', 'a'],
    ] as const) {
      const world = splitWorld(newWorld);
      world.cluster.state.maxTsSyncMs = 0;
      await world.run(async (client) => {
        const of = (key: string) => (call: { request: Readonly<Record<string, unknown>> }) =>
          (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === key;
        // `last` is prewritten at once and answers late; `first` meets a reader from the future meanwhile.
        world.cluster.faults.add({ method: 'KvPrewrite', when: of(first), action: { kind: 'delay', ms: 50 } });
        world.cluster.faults.add({
          method: 'KvPrewrite',
          when: of(last),
          action: { kind: 'delay', ms: 100, when: 'after' },
        });
        const writer = await client.begin();
        for (const key of SPLIT_KEYS) putText(writer, key, '1');
        const committed = writer.commit();
        await pause(world, 25);
        expect(world.cluster.state.data.state(last).lock).toMatchObject({ useAsyncCommit: true });
        world.cluster.observeRead(writer.startTs + (10_000n << 18n));
        await committed;
        await client.settled();
        expect(world.cluster.state.data.locked.size).toBe(0);
        expect(await scanText(await client.begin())).toHaveLength(4);
        expect(await client.transactionStatus(writer.primary!, writer.startTs)).toMatchObject({ kind: 'committed' });
      });
    }
  });

  scenario(25, 'is undetermined when a prewrite gets no answer, and nothing is cleaned up', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      const lastKey = (call: { request: Readonly<Record<string, unknown>> }) =>
        (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === 'z';
      world.cluster.faults.add({ method: 'KvPrewrite', when: lastKey, times: 500, action: disconnect });
      const writer = await client.begin();
      for (const key of SPLIT_KEYS) putText(writer, key, '1');
      expect(await outcomeOf(writer)).toBe('undetermined');
      world.cluster.faults.clear();
      await client.settled();
      expect(world.cluster.faults.count('KvBatchRollback')).toBe(0);
      // It was prewritten as a whole, so it is committed, as the check finds.
      expect(await client.transactionStatus(writer.primary!, writer.startTs)).toMatchObject({ kind: 'committed' });
      expect(await scanText(await client.begin())).toHaveLength(4);
    });
  });

  scenario(25, 'has failed for certain when one key failed, whatever became of the others', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      const writer = await client.begin();
      for (const key of SPLIT_KEYS) putText(writer, key, '1');
      await putAll(client, { f: 'winner' });
      await client.settled();
      const lastKey = (call: { request: Readonly<Record<string, unknown>> }) =>
        (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === 'z';
      world.cluster.faults.add({ method: 'KvPrewrite', when: lastKey, times: 500, action: { kind: 'swallow' } });
      expect(await outcomeOf(writer)).toBe('write_conflict');
      world.cluster.faults.clear();
      expect(await scanText(await client.begin())).toEqual(['f=winner']);
    });
  });
});

export const readsElsewhere = suite('reads that another store has served', (scenario) => {
  /** Only what the store that serves the commit knows of counts, and what it learns when it begins to lead. */
  scenario(
    21,
    'count once the new leader has learnt of them, and one-phase commits wait until then',
    async (newWorld) => {
      const world = newWorld();
      const slept: string[] = [];
      await world.run(
        async (client) => {
          const { cluster } = world;
          await putAll(client, { a: '1' });
          const [first, second] = cluster.stores;
          cluster.transferLeader('a', first!.id);
          const writer = await client.begin();
          const readTs = await client.timestamp();
          expect(await getText(client.snapshot(readTs), 'a')).toBe('1');
          expect([first!.maxTs >= readTs, second!.maxTs >= readTs]).toEqual([true, false]);
          cluster.transferLeader('a', second!.id);
          putText(writer, 'a', '2');
          expect(await writer.commit()).toBeGreaterThan(readTs);
          expect(slept).toContain('maxTsNotSynced');
          expect(second!.maxTs).toBeGreaterThan(readTs);
          expect(await getText(client.snapshot(readTs), 'a')).toBe('1');
          // Back where it was: the first store may have missed reads meanwhile.
          slept.length = 0;
          cluster.transferLeader('a', first!.id);
          await putAll(client, { a: '3' });
          expect(slept).toContain('maxTsNotSynced');
          slept.length = 0;
          await putAll(client, { a: '4' });
          expect(slept).toEqual([]);
        },
        { hooks: { onBackoff: (kind) => void slept.push(kind) } },
      );
    },
  );

  scenario(
    21,
    'by a follower count for the leader, and those of a merged region for the one that took it in',
    async (newWorld) => {
      const world = newWorld();
      await world.run(async (client) => {
        const { cluster } = world;
        await putAll(client, { a: '1', z: '1' });
        cluster.split('m');
        const [first, second, third] = cluster.stores;
        cluster.transferLeader('a', first!.id);
        cluster.transferLeader('z', second!.id);
        const readTs = await client.timestamp();
        expect(await getText(client.snapshot(readTs), 'z')).toBe('1');
        expect([first!.maxTs >= readTs, second!.maxTs >= readTs]).toEqual([false, true]);
        const writer = await client.begin();
        cluster.mergeNext('a');
        putText(writer, 'z', '2');
        const commitTs = await writer.commit();
        expect(first!.maxTs).toBeGreaterThan(readTs);
        expect(commitTs).toBeGreaterThan(readTs);
        const laterTs = await client.timestamp();
        expect(await getText(client.snapshot(laterTs, { followerRead: true }), 'a')).toBe('1');
        expect(first!.maxTs).toBe(laterTs);
        expect([second!.maxTs, third!.maxTs]).toContain(laterTs);
      });
    },
  );

  scenario(
    21,
    'meanwhile move the commit behind them, although the other stores know nothing of them',
    async (newWorld) => {
      const world = splitWorld(newWorld);
      await world.run(async (client) => {
        const { cluster } = world;
        await putAll(client, Object.fromEntries(SPLIT_KEYS.map((key) => [key, '0'])));
        await client.settled();
        cluster.transferLeader('z', cluster.stores[1]!.id);
        await putAll(client, { z: '0' });
        const lastKey = (call: { request: Readonly<Record<string, unknown>> }) =>
          (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === 'z';
        cluster.faults.add({ method: 'KvPrewrite', when: lastKey, action: { kind: 'delay', ms: 50 } });
        cluster.faults.add({ method: 'KvCommit', times: 100, action: { kind: 'delay', ms: 2_000 } });
        const writer = await client.begin();
        for (const key of SPLIT_KEYS) putText(writer, key, '1');
        const committing = writer.commit();
        await pause(world, 25);
        const readTs = await client.timestamp();
        expect(await getText(client.snapshot(readTs), 'z')).toBe('0');
        const commitTs = await committing;
        const computed = SPLIT_KEYS.map((key) => cluster.state.data.state(key).lock!.minCommitTs);
        expect(computed.slice(0, 3).every((ts) => ts < readTs)).toBe(true);
        expect(computed[3]).toBe(commitTs);
        expect(commitTs).toBeGreaterThan(readTs);
        expect(await getText(client.snapshot(readTs), 'z')).toBe('0');
      });
    },
  );
});

export const onePhaseCommit = suite('one-phase commit', (scenario) => {
  scenario(26, 'writes at once, without locks, when all keys share a region and a request', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      const writer = await client.begin();
      for (const key of ['a', 'b', 'bb']) putText(writer, key, '1');
      const commitTs = await writer.commit();
      expect(commitTs).toBeGreaterThan(writer.startTs);
      expect(world.cluster.state.data.locked.size).toBe(0);
      await client.settled();
      expect(world.cluster.faults.count('KvCommit')).toBe(0);
      expect(await getText(client.snapshot(commitTs!), 'b')).toBe('1');
      expect(await getText(client.snapshot(commitTs! - 1n), 'b')).toBeUndefined();
    });
  });

  scenario(26, 'is not tried over several regions, falls back, and gives way to a split', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      await putAll(client, { a: '1', z: '1' });
      expect(
        world.cluster.faults.calls.filter((call) => call.method === 'KvPrewrite').some((call) => call.request.tryOnePc),
      ).toBe(false);
      const tooLate = await client.begin();
      putText(tooLate, 'b', '1');
      world.cluster.observeRead(tooLate.startTs + (10_000n << 18n));
      await pause(world, 11_000);
      await tooLate.commit();
      expect(await readText(client, 'b')).toBe('1');
      const split = await client.begin();
      putText(split, 'a', '2');
      putText(split, 'b', '2');
      world.cluster.faults.add({ method: 'KvPrewrite', action: { kind: 'hook', run: () => world.cluster.split('b') } });
      await split.commit();
      expect(await scanText(await client.begin())).toEqual(['a=2', 'b=2', 'z=1']);
    });
  });

  scenario(27, 'returns the first result when it is repeated after a lost reply', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      world.cluster.faults.add({ method: 'KvPrewrite', action: disconnect });
      const writer = await client.begin();
      putText(writer, 'a', '1');
      const commitTs = await writer.commit();
      const [write] = world.cluster.state.data.state('a').writes;
      expect(write?.commitTs).toBe(commitTs);
      expect(world.cluster.state.data.state('a').writes).toHaveLength(1);
    });
  });

  scenario(26, 'is undetermined when no answer comes, even if the region is split meanwhile', async (newWorld) => {
    for (const how of ['alone', 'split'] as const) {
      const world = splitWorld(newWorld);
      world.cluster.state.maxTsSyncMs = 0;
      await world.run(async (client) => {
        world.cluster.faults.add({ method: 'KvPrewrite', action: disconnect });
        if (how === 'split')
          world.cluster.faults.add({
            method: 'KvPrewrite',
            action: { kind: 'hook', run: () => world.cluster.split('b') },
          });
        world.cluster.faults.add({
          method: 'KvPrewrite',
          times: 1000,
          action: { kind: 'status', status: GrpcStatus.UNAVAILABLE, message: 'gone' },
        });
        const writer = await client.begin();
        putText(writer, 'a', '1');
        putText(writer, 'b', '1');
        expect(await outcomeOf(writer)).toBe('undetermined');
        world.cluster.faults.clear();
        await client.settled();
        expect(await client.transactionStatus(writer.primary!, writer.startTs)).toMatchObject({ kind: 'committed' });
        expect(await scanText(await client.begin())).toEqual(['a=1', 'b=1']);
      });
    }
  });

  scenario(27, 'survives requests delivered twice', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      for (const method of ['KvPrewrite', 'KvCommit'])
        world.cluster.faults.add({ method, times: 100, action: { kind: 'duplicate' } });
      await putAll(client, { a: '1' });
      await putAll(client, { a: '2', z: '2' });
      await client.settled();
      expect(await scanText(await client.begin())).toEqual(['a=2', 'z=2']);
      expect(world.cluster.state.data.state('a').writes).toHaveLength(2);
    });
  });
});
