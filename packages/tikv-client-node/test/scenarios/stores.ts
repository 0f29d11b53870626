/** Scenario 38 of the reference: stores that fail, move, and lose their leaders. */

import { expect } from 'vitest';
import { suite } from '../support/scenario.ts';
import { bytes, getText, pause, putAll, readText, scanText } from '../support/world.ts';

export const stores = suite('stores', (scenario) => {
  scenario(38, 'that stop lose their leaders to others, and come back', async (newWorld) => {
    const world = newWorld();
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

  scenario(
    38,
    'that all stop fail reads and writes by name in bounded time, and serve again without a restart',
    async (newWorld) => {
      const world = newWorld();
      await world.run(async (client) => {
        await putAll(client, { a: '1' });
        for (const store of world.cluster.stores) world.cluster.stopStore(store.id, false);
        const before = world.time.elapsedMs;
        const reader = await client.begin();
        await expect(reader.get(bytes('a'))).rejects.toMatchObject({
          code: 'region_unavailable',
          message: expect.stringContaining(world.cluster.stores[0]!.address),
        });
        expect(world.time.elapsedMs - before).toBeLessThan(60_000);
        for (const store of world.cluster.stores) world.cluster.startStore(store.id);
        expect(await readText(client, 'a')).toBe('1');
      });
    },
  );

  scenario(38, 'that move to another address, or leave theirs to another store, are found again', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      const [first, second] = world.cluster.stores;
      world.cluster.moveStore(first!.id, await world.newAddress());
      expect(await readText(client, 'a')).toBe('1');
      const left = second!.address;
      world.cluster.moveStore(second!.id, await world.newAddress());
      world.cluster.moveStore(first!.id, left);
      await pause(world, 20_000);
      world.cluster.transferLeader('a', second!.id);
      expect(await readText(client, 'a')).toBe('1');
      world.cluster.transferLeader('a', first!.id);
      await putAll(client, { a: '2' });
      expect(await readText(client, 'a')).toBe('2');
    });
  });

  scenario(38, 'that take calls but never answer cost a timeout, not the read', async (newWorld) => {
    const world = newWorld();
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

  scenario(38, 'whose leaders move all the time are followed', async (newWorld) => {
    const world = newWorld({ seed: 3 });
    world.cluster.state.maxTsSyncMs = 0;
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

  scenario([], 'serve reads from followers when asked, and from the leader when those cannot', async (newWorld) => {
    const world = newWorld();
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

  scenario([], 'serve stale reads from followers, and from the leader what those do not hold yet', async (newWorld) => {
    const world = newWorld();
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

  scenario(39, 'that refuse the cluster are not asked again', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      const reader = await client.begin();
      world.cluster.state.clusterId = 99n;
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: 'cluster_mismatch' });
      await expect(client.begin()).rejects.toMatchObject({ code: 'cluster_mismatch' });
    });
  });
});
