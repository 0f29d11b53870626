/** Scenarios 14 to 17, 19, 20 and 36 of the reference: locks that others left, and the safe point. */

import { expect } from 'vitest';
import { MAX_TIMESTAMP } from '../../src/timestamp.ts';
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

export const locksOfDeadClients = suite('locks of dead clients', (scenario) => {
  for (const how of ['get', 'scan', 'keysOnly', 'reverse', 'batchGet']) {
    scenario(14, `after the primary committed, are finished by ${how}`, async (newWorld) => {
      const world = splitWorld(newWorld);
      await world.run(async (client) => {
        await dieWhileCommitting(world, SPLIT_KEYS, { lost: 'KvCommit', survive: 1 });
        expect(world.cluster.state.data.locked.size).toBe(3);
        const reader = await client.begin();
        const before = world.time.elapsedMs;
        const expected = SPLIT_KEYS.map((key) => `${key}=by ${key}`);
        if (how === 'get') for (const key of SPLIT_KEYS) expect(await getText(reader, key)).toBe(`by ${key}`);
        else if (how === 'batchGet')
          expect((await reader.batchGet(SPLIT_KEYS.map(bytes))).map(String)).toEqual(
            SPLIT_KEYS.map((key) => `by ${key}`),
          );
        else if (how === 'keysOnly')
          expect(await scanText(reader, '', '', { keysOnly: true })).toEqual(SPLIT_KEYS.map((key) => `${key}=`));
        else if (how === 'reverse')
          expect(await scanText(reader, '', '', { reverse: true })).toEqual(expected.toReversed());
        else expect(await scanText(reader)).toEqual(expected);
        expect(world.time.elapsedMs - before).toBeLessThan(100); // Nobody waited for a lock to expire.
        // What one look has told, later reads pass through: only the locks that were met are cleaned up.
        await client.settled();
        expect(world.cluster.state.data.locked.size).toBeLessThan(3);
      });
    });
  }

  scenario(
    [15, 16],
    'before the primary committed, do not hide the past from readers; writers wait until they expire',
    async (newWorld) => {
      const world = splitWorld(newWorld);
      await world.run(async (client) => {
        await putAll(client, Object.fromEntries(SPLIT_KEYS.map((key) => [key, 'old'])));
        await client.settled();
        const startTs = await dieWhileCommitting(world, SPLIT_KEYS, { lost: 'KvCommit', survive: 0 });
        // Readers push the commit behind them and do not wait.
        const before = world.time.elapsedMs;
        expect(await readText(client, 'f')).toBe('old');
        expect(world.time.elapsedMs - before).toBeLessThan(200);
        const writer = await client.begin();
        putText(writer, 'p', 'new');
        await writer.commit();
        expect(world.time.elapsedMs - before).toBeGreaterThan(2_500);
        expect(await scanText(await client.begin())).toEqual(['a=old', 'f=old', 'p=new', 'z=old']);
        expect(await client.transactionStatus(bytes('a'), startTs)).toEqual({ kind: 'rolledBack' });
      });
    },
  );

  scenario(
    17,
    'without a primary, are rolled back once they expired, and the late primary is refused',
    async (newWorld) => {
      const world = splitWorld(newWorld);
      await world.run(async (client) => {
        const transport = world.transport();
        const slow = await world.open({}, transport);
        const late = await slow.begin({ asyncCommit: false, onePhaseCommit: false });
        for (const key of SPLIT_KEYS) putText(late, key, 'late');
        const primaryOnly = (call: { request: Readonly<Record<string, unknown>> }) =>
          (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === 'a';
        world.cluster.faults.add({ method: 'KvPrewrite', when: primaryOnly, action: { kind: 'delay', ms: 8_000 } });
        const outcome = outcomeOf(late);
        await pause(world, 100);
        const before = world.time.elapsedMs;
        expect(await readText(client, 'f')).toBeUndefined();
        expect(world.time.elapsedMs - before).toBeGreaterThan(2_000);
        expect(await outcome).toBe('write_conflict');
        await slow.close();
        expect(await scanText(await client.begin())).toEqual([]);
      });
    },
  );

  scenario(19, 'of a zero time to live are resolved whatever the clock says', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      const startTs = await dieWhileCommitting(world, ['a', 'f'], { lost: 'KvCommit', survive: 0 });
      const lock = world.cluster.state.data.state('f').lock!;
      lock.ttl = 0n;
      const before = world.time.elapsedMs;
      await putAll(client, { f: 'mine' });
      expect(world.time.elapsedMs - before).toBeLessThan(1_000);
      expect(await client.transactionStatus(bytes('a'), startTs)).toEqual({ kind: 'rolledBack' });
    });
  });

  scenario(20, 'are resolved key by key when few, region by region when many', async (newWorld) => {
    const world = newWorld();
    world.cluster.split('k3000');
    const keys = Array.from({ length: 600 }, (_, i) => `k${String(i * 10).padStart(4, '0')}`);
    await world.run(async (client) => {
      await dieWhileCommitting(world, ['a', 'b', 'c'], { lost: 'KvCommit', survive: 1 });
      await scanText(await client.begin(), 'a', 'd');
      await client.settled();
      const lite = world.cluster.faults.calls.filter((call) => call.method === 'KvResolveLock');
      expect(lite.every((call) => (call.request.keys as unknown[]).length > 0)).toBe(true);
      const before = lite.length;
      await dieWhileCommitting(world, [...keys, 'k3000z'], { lost: 'KvCommit', survive: 1 });
      for (const state of world.cluster.state.data.locked) Object.assign(state.lock!, { txnSize: 600n });
      expect(await readText(client, 'k5000')).toBe('by k5000');
      await client.settled();
      const full = world.cluster.faults.calls.filter((call) => call.method === 'KvResolveLock').slice(before);
      expect(full).toHaveLength(1);
      expect(full[0]!.request.keys).toEqual([]);
    });
  });

  scenario(20, 'do not fail a read when they cannot be cleaned up', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      await dieWhileCommitting(world, SPLIT_KEYS, { lost: 'KvCommit', survive: 1 });
      world.cluster.faults.add({
        method: 'KvResolveLock',
        times: 100,
        action: { kind: 'respond', response: { error: { abort: 'no' } } },
      });
      expect(await scanText(await client.begin())).toHaveLength(4);
      await client.settled();
      expect(world.background.join()).toContain('resolving locks');
    });
  });

  scenario(16, 'block a read at the greatest timestamp only when others hold them', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      await putAll(client, { a: 'old' });
      await client.settled();
      await dieWhileCommitting(world, ['a', 'f'], { lost: 'KvCommit', survive: 0 });
      const newest = client.snapshot(MAX_TIMESTAMP);
      const before = world.time.elapsedMs;
      expect(await getText(newest, 'a')).toBe('old'); // Its own primary.
      expect(world.time.elapsedMs - before).toBeLessThan(50);
    });
  });

  scenario(16, 'of an asynchronous commit are decided before a read at the greatest timestamp', async (newWorld) => {
    const world = splitWorld(newWorld);
    await world.run(async (client) => {
      await putAll(client, { a: 'old' });
      await client.settled();
      // Everything is prewritten: it is committed, although nobody has said so.
      await dieWhileCommitting(world, ['a', 'f'], { async: true, lost: 'KvCommit', survive: 0 });
      expect(await getText(client.snapshot(MAX_TIMESTAMP), 'a')).toBe('by a');
    });
  });
});

export const theSafePoint = suite('the safe point', (scenario) => {
  scenario(36, 'fails a read that it has passed, instead of losing versions silently', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      await putAll(client, { a: 'old' });
      const reader = await client.begin();
      const other = await client.begin();
      expect(await getText(reader, 'a')).toBe('old');
      await pause(world, 1_000);
      await putAll(client, { a: 'new' });
      world.cluster.state.gcSafePoint = other.startTs;
      await pause(world, 12_000);
      expect(await getText(other, 'a')).toBe('old'); // Equal is allowed.
      world.cluster.state.gcSafePoint = await client.timestamp();
      world.cluster.state.data.collectGarbage(world.cluster.state.gcSafePoint);
      await pause(world, 12_000);
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: 'snapshot_too_old', retry: 'transaction' });
      expect(await readText(client, 'a')).toBe('new');
    });
  });

  scenario(36, 'is not trusted when no PD has told it for long', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      const reader = await client.begin();
      world.cluster.state.pd.leader = undefined;
      await pause(world, 80_000);
      expect(await getText(reader, 'a')).toBe('1');
      await pause(world, 20_000);
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: 'pd_unavailable' });
      world.cluster.state.pd.leader = 0;
      await pause(world, 10_000);
      expect(await getText(reader, 'a')).toBe('1');
    });
  });
});
