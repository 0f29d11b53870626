/** Garbage collection: readers below the safe point are refused, never misled; dead locks are resolved first. */

import { expect } from 'vitest';
import { TikvError } from '../../src/errors.ts';
import { suite } from '../support/scenario.ts';
import { bytes, dieWhileCommitting, getText, pause, putAll, readText } from '../support/world.ts';

const HOUR_MS = 3_600_000;

export const garbageCollection = suite('garbage collection', (scenario) => {
  scenario(36, 'removes what is old, and never lets a reader miss a version silently', async (newWorld) => {
    const world = newWorld();
    world.cluster.split('m');
    await world.run(async (client) => {
      for (let i = 0; i < 5; i++) await putAll(client, { a: `old ${i}`, z: `old ${i}` });
      const other = await world.open();
      const old = await other.begin();
      expect(await getText(old, 'a')).toBe('old 4');
      await putAll(client, { a: 'new' });
      await pause(world, HOUR_MS);
      let refused: unknown;
      let reading = true;
      const reader = (async () => {
        while (reading && refused === undefined) {
          try {
            expect(await getText(old, 'a')).toBe('old 4');
          } catch (error) {
            if (!(error instanceof TikvError)) throw error;
            refused = error;
          }
          await pause(world, 3_000);
        }
      })();
      const before = world.cluster.state.data.state('a').writes.length;
      const { safePoint } = await client.gcWorker().round();
      expect(safePoint).toBe(world.cluster.state.gcSafePoint);
      reading = false;
      await reader;
      expect(refused).toMatchObject({ code: 'snapshot_too_old' });
      expect(before).toBe(6);
      expect(world.cluster.state.data.state('a').writes).toHaveLength(1);
      expect(await readText(client, 'a')).toBe('new');
      expect(await readText(other, 'z')).toBe('old 4');
      await other.close();
    });
  });

  scenario(
    36,
    'waits between publishing and collecting for longer than readers trust what they know',
    async (newWorld) => {
      const world = newWorld();
      await world.run(async (client) => {
        await putAll(client, { a: '1' });
        await pause(world, HOUR_MS);
        let publishedAtMs = 0;
        let collectedAtMs = 0;
        world.cluster.faults.add({
          method: 'KvPrewrite',
          action: {
            kind: 'hook',
            run: () => {
              publishedAtMs = world.time.elapsedMs;
            },
          },
        });
        world.cluster.faults.add({
          method: 'UpdateGCSafePoint',
          action: {
            kind: 'hook',
            run: () => {
              collectedAtMs = world.time.elapsedMs;
            },
          },
        });
        await client.gcWorker().round();
        expect(collectedAtMs - publishedAtMs).toBeGreaterThan(99_000);
        const again = await client.gcWorker().round();
        expect(again.safePoint).toBeGreaterThan(0n); // Time has passed.
      });
    },
  );

  scenario([14, 36], 'decides transactions that were left behind before it collects', async (newWorld) => {
    const world = newWorld();
    world.cluster.split('c', 'm', 'x');
    await world.run(async (client) => {
      const committed = ['a', 'f', 'p', 'z'];
      await dieWhileCommitting(world, committed, { lost: 'KvCommit', survive: 1 });
      await dieWhileCommitting(world, ['b', 'g', 'q'], { lost: 'KvCommit', survive: 0 });
      await dieWhileCommitting(world, ['d', 'h', 'r'], { async: true, lost: 'KvCommit', survive: 0 });
      const dying = world.transport();
      const holder = await (await world.open({}, dying)).begin({ pessimistic: true });
      await holder.lock([bytes('k'), bytes('l')]);
      dying.die();
      await pause(world, HOUR_MS);
      world.cluster.faults.clear();
      const { locksResolved } = await client.gcWorker().round();
      // A lock that went with another of its transaction is not met any more.
      expect(locksResolved).toBeGreaterThan(6);
      expect(world.cluster.state.data.locked.size).toBe(0);
      for (const key of committed) expect(await readText(client, key)).toBe(`by ${key}`);
      expect(await readText(client, 'g')).toBeUndefined();
      expect(await readText(client, 'h')).toBe('by h');
    });
  });

  scenario(36, 'stops where a service holds it, until that lets go or its time is up', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      await putAll(client, { a: 'old' });
      const reader = await client.begin();
      await client.holdSafePoint('backup', reader.startTs, 2 * 3_600);
      await putAll(client, { a: 'new' });
      await pause(world, HOUR_MS);
      const worker = client.gcWorker();
      expect((await worker.round()).safePoint).toBe(reader.startTs);
      await pause(world, 20_000);
      expect(await getText(reader, 'a')).toBe('old');
      expect((await worker.round()).safePoint).toBeUndefined();
      await pause(world, HOUR_MS);
      expect((await worker.round()).safePoint).toBeGreaterThan(reader.startTs);
      await pause(world, 20_000);
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: 'snapshot_too_old' });
      await expect(client.holdSafePoint('backup', reader.startTs, 60)).rejects.toMatchObject({
        code: 'snapshot_too_old',
      });
    });
  });

  scenario(36, 'goes round by round until it is stopped, whatever fails meanwhile', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const points: bigint[] = [];
      const worker = client.gcWorker({
        intervalMs: 60_000,
        onRound: ({ safePoint }) => void (safePoint !== undefined && points.push(safePoint)),
      });
      worker.start();
      await pause(world, HOUR_MS / 2);
      for (const index of [0, 1, 2]) world.cluster.stopPd(index);
      await pause(world, 600_000);
      for (const index of [0, 1, 2]) world.cluster.startPd(index);
      await pause(world, HOUR_MS / 2);
      await worker.stop();
      expect(points.length).toBeGreaterThan(10);
      expect(points).toEqual(points.toSorted((a, b) => (a < b ? -1 : 1)));
      expect(world.background.join()).toContain('garbage collection');
      expect(() => client.gcWorker({ lifetimeMs: 1_000 })).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    });
  });

  scenario(
    [36, 40],
    'with keyspaces, warns the readers of all of them, and ends what was left in any',
    async (newWorld) => {
      const world = newWorld({ mode: 'v2' });
      world.cluster.state.keyspaces.set('other', 0x010203);
      const other = { apiVersion: 'V2', keyspace: 'other' } as const;
      world.cluster.split(
        Buffer.from('78000000', 'hex'),
        Buffer.from('78010203', 'hex'),
        Buffer.from('78010204', 'hex'),
      );
      await world.within(async () => {
        const client = await world.open({ apiVersion: 'V2' });
        const reader = await world.open(other);
        for (const one of [client, reader]) await putAll(one, { a: 'old' });
        const old = await reader.begin();
        expect(await getText(old, 'a')).toBe('old');
        for (const one of [client, reader]) await putAll(one, { a: 'new' });
        await dieWhileCommitting(world, ['k', 'l'], { lost: 'KvCommit', survive: 0 }, other);
        await pause(world, HOUR_MS);
        world.cluster.faults.clear();
        let refusedAtMs: number | undefined;
        let collectedAtMs: number | undefined;
        const hook = () => {
          collectedAtMs = world.time.elapsedMs;
        };
        world.cluster.faults.add({ method: 'UpdateGCSafePoint', action: { kind: 'hook', run: hook } });
        const round = client.gcWorker().round();
        while (refusedAtMs === undefined && collectedAtMs === undefined) {
          await pause(world, 1_000);
          const refused = await getText(old, 'a').then(
            () => undefined,
            (error: unknown) => error,
          );
          if (refused === undefined) continue;
          expect(refused).toMatchObject({ code: 'snapshot_too_old' });
          refusedAtMs = world.time.elapsedMs;
        }
        expect((await round).locksResolved).toBeGreaterThan(0);
        expect(refusedAtMs).toBeLessThan(collectedAtMs!);
        expect(world.cluster.state.data.locked.size).toBe(0);
        const versions = [...world.cluster.state.data.keys.range('x', 'y')].map(([, state]) => state.writes.length);
        expect(Math.max(...versions)).toBe(1);
        for (const one of [client, reader]) expect(await readText(one, 'a')).toBe('new');
        expect(await readText(reader, 'k')).toBeUndefined();
        for (const one of [client, reader]) await one.close();
      });
    },
  );
});
