/** Scenario 39 of the reference: PD members that fail, change their leader, or lag behind. */

import { expect } from 'vitest';
import { GrpcStatus } from '../../src/transport.ts';
import { suite } from '../support/scenario.ts';
import { bytes, pause, putAll, readText, scanText } from '../support/world.ts';

export const pd = suite('PD', (scenario) => {
  scenario(39, 'changes its leader in a flood of timestamps: all in order, nobody forgotten', async (newWorld) => {
    const world = newWorld({ seed: 9 });
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

  scenario(39, 'may lose members, hang, or send its clock back', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      world.cluster.stopPd(0);
      world.cluster.state.pd.leader = 2;
      const before = await client.timestamp();
      world.cluster.faults.add({ method: 'Tso', action: { kind: 'swallow' } });
      expect(await client.timestamp()).toBeGreaterThan(before);
      world.cluster.state.tso.aheadMs = -3_600_000;
      expect(await client.timestamp()).toBeGreaterThan(before);
      expect(client.statistics().pdLeader).toBe(world.cluster.pdAddresses[2]);
    });
  });

  scenario(
    39,
    'that is gone fails by name after the budget, and serves again after half a minute',
    async (newWorld) => {
      const world = newWorld();
      await world.run(async (client) => {
        await putAll(client, { a: '1' });
        for (const index of [0, 1, 2]) world.cluster.stopPd(index);
        const before = world.time.elapsedMs;
        await expect(client.begin()).rejects.toMatchObject({
          code: 'pd_unavailable',
          message: expect.stringContaining(world.cluster.pdAddresses[0]!),
        });
        expect(world.time.elapsedMs - before).toBeLessThan(40_000);
        for (const index of [0, 1, 2]) world.cluster.startPd(index);
        expect(await readText(client, 'a')).toBe('1');
      });
    },
  );

  scenario(39, 'of another cluster, or of two, is refused for good', async (newWorld) => {
    const world = newWorld();
    const other = newWorld({ clusterId: 2n });
    await world.run(async (client) => {
      await putAll(client, { a: '1' });
      world.cluster.state.clusterId = 5n;
      await expect(client.begin()).rejects.toMatchObject({ code: 'cluster_mismatch' });
      expect(other.cluster.state.clusterId).toBe(2n);
    });
  });

  scenario([7, 38], 'that lags behind the stores does not undo what they told', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      await putAll(client, { a: '1', z: '2' });
      for (const index of [0, 1, 2]) world.cluster.stalePd(index);
      world.cluster.split('m');
      world.cluster.transferLeader('a');
      expect(await scanText(await client.begin())).toEqual(['a=1', 'z=2']);
      for (const index of [0, 1, 2]) world.cluster.stalePd(index, false);
    });
  });

  scenario([], 'of an old release is asked as it knows', async (newWorld) => {
    const world = newWorld();
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

  scenario(37, 'statuses that say the client is not welcome are final', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      world.cluster.faults.add({
        method: 'KvGet',
        action: { kind: 'status', status: GrpcStatus.UNAUTHENTICATED, message: 'who?' },
      });
      const reader = await client.begin();
      await expect(reader.get(bytes('a'))).rejects.toMatchObject({ code: 'configuration' });
    });
  });

  scenario(39, 'member that gives no answer is asked for its health until it does', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const [first, second] = world.cluster.pdAddresses;
      await putAll(client, { a: '1' });
      world.cluster.stopPd(0);
      world.cluster.state.pd.leader = 1;
      await putAll(client, { a: '2' });
      expect(client.statistics()).toMatchObject({ pdLeader: second, pdSilent: [first] });
      await pause(world, 10_000);
      expect(client.statistics().pdSilent).toEqual([first]);
      world.cluster.startPd(0);
      await pause(world, 3_500); // A connection that was refused is tried again after 3 s at most.
      expect(client.statistics().pdSilent).toEqual([]);
      expect(client.statistics().pdLeader).toBe(second);
      expect(await readText(client, 'a')).toBe('2');
    });
  });

  scenario(39, 'member of several URLs is reached by those that are of the scheme and answer', async (newWorld) => {
    const world = newWorld({ pdMembers: 1 });
    await world.within(async () => {
      const [address] = world.cluster.pdAddresses;
      world.cluster.state.pd.clientUrls.set(0, ['https://127.0.0.1:1', 'http://127.0.0.1:2', `http://${address}`]);
      const client = await world.open();
      await putAll(client, { a: '1' });
      expect(await readText(client, 'a')).toBe('1');
      expect(client.statistics()).toMatchObject({ pdLeader: address, pdSilent: ['127.0.0.1:2'] });
      expect(client.statistics().pdEndpoints).toHaveLength(2);
      await client.close();
    });
  });
});
