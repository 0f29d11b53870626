/** Point gets asked for together: they travel as batch gets, and each has an outcome of its own. */

import { describe, expect, it } from 'vitest';
import { MAX_TIMESTAMP } from '../src/timestamp.ts';
import { bytes, dieWhileCommitting, getText, pause, putAll, World } from './support/world.ts';

const PAIRS: Readonly<Record<string, string>> = { a: 'A', b: 'B', c: 'C', n: 'N', o: 'O', z: 'Z' };

/** Three regions: a b c, n o, z. */
async function filled(
  test: (client: Awaited<ReturnType<World['open']>>, world: World) => Promise<void>,
  options: { readonly coalesceGets?: boolean } = {},
): Promise<void> {
  const world = new World();
  world.cluster.split('m', 'x');
  await world.run(async (client) => {
    await putAll(client, PAIRS);
    await client.settled();
    await getText(client.snapshot(await client.timestamp()), 'a');
    world.cluster.faults.calls.length = 0;
    await test(client, world);
  }, options);
}

/** Like "KvBatchGet a,b" for every read that arrived. */
function reads({ cluster }: World): string[] {
  return cluster.faults.calls.flatMap(({ method, request }) => {
    if (method === 'KvGet') return `${method} ${request.key}`;
    return method === 'KvBatchGet' ? `${method} ${(request.keys as Buffer[]).join()}` : [];
  });
}

describe('gets of one turn of the event loop', () => {
  it('are, after the first, one batch get for each region, and a get where there is only one', () =>
    filled(async (client, world) => {
      const snapshot = client.snapshot(await client.timestamp());
      const keys = ['o', 'z', 'b', 'missing', 'a', 'n', 'b'];
      const found = await Promise.all(keys.map((key) => getText(snapshot, key)));
      expect(found).toEqual(['O', 'Z', 'B', undefined, 'A', 'N', 'B']);
      expect(reads(world).sort()).toEqual(['KvBatchGet a,b', 'KvBatchGet missing,n', 'KvGet o', 'KvGet z']);
    }));

  it('share nothing with what the caller gets', () =>
    filled(async (client) => {
      const snapshot = client.snapshot(await client.timestamp());
      const [first, second, third] = await Promise.all(['a', 'a', 'a'].map((key) => snapshot.get(bytes(key))));
      first!.fill(0);
      second!.fill(0);
      expect(third).toEqual(bytes('A'));
    }));

  it('are gets where the client is told so, and where they come one after the other', async () => {
    await filled(
      async (client, world) => {
        const snapshot = client.snapshot(await client.timestamp());
        await Promise.all(['a', 'b', 'c'].map((key) => getText(snapshot, key)));
        expect(reads(world)).toEqual(['KvGet a', 'KvGet b', 'KvGet c']);
      },
      { coalesceGets: false },
    );
    await filled(async (client, world) => {
      const snapshot = client.snapshot(await client.timestamp());
      for (const key of ['a', 'b']) await getText(snapshot, key);
      expect(reads(world)).toEqual(['KvGet a', 'KvGet b']);
    });
  });

  it('see what their transaction wrote', () =>
    filled(async (client, world) => {
      const transaction = await client.begin();
      transaction.put(bytes('b'), bytes('own'));
      transaction.delete(bytes('c'));
      const found = await Promise.all(['a', 'b', 'c', 'n', 'o'].map((key) => getText(transaction, key)));
      expect(found).toEqual(['A', 'own', undefined, 'N', 'O']);
      expect(reads(world)).toEqual(['KvGet a', 'KvBatchGet n,o']);
      await transaction.rollback();
    }));

  it('of the newest values come together without a timestamp', () =>
    filled(async (client, world) => {
      expect(await Promise.all(['z', 'b', 'a'].map((key) => getText(client, key)))).toEqual(['Z', 'B', 'A']);
      expect(reads(world).sort()).toEqual(['KvBatchGet a,b', 'KvGet z']);
      expect(
        world.cluster.faults.calls.every(({ request }) => (request.version ?? MAX_TIMESTAMP) === MAX_TIMESTAMP),
      ).toBe(true);
      await putAll(client, { a: 'newer' });
      expect(await Promise.all(['a', 'b'].map((key) => getText(client, key)))).toEqual(['newer', 'B']);
    }));

  it('do not wait for a key that another transaction has locked', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, PAIRS);
      await client.settled();
      await dieWhileCommitting(world, ['b', 'c'], { lost: 'KvCommit', survive: 0 });
      const before = world.time.elapsedMs;
      const timed = async (key: string) => {
        await getText(client, key);
        return world.time.elapsedMs - before;
      };
      // What became of the lock's transaction takes its time to find out.
      world.cluster.faults.add({ method: 'KvCheckTxnStatus', action: { kind: 'delay', ms: 2_500 } });
      const [first, a, c, n] = await Promise.all([timed('z'), timed('a'), timed('c'), timed('n')]);
      expect(Math.max(first!, a!, n!)).toBeLessThan(100);
      expect(c).toBeGreaterThan(2_000);
      expect(await Promise.all(['b', 'c'].map((key) => getText(client, key)))).toEqual(['B', 'C']);
    });
  });

  it('fail with their region alone', () =>
    filled(async (client, world) => {
      const busy = { kind: 'regionError', error: { diskFull: { reason: 'full' } } } as const;
      const north = await client.snapshot(MAX_TIMESTAMP).get(bytes('n'));
      expect(north).toBeDefined();
      const region = world.cluster.faults.calls.at(-1)!.regionId;
      world.cluster.faults.add({ times: 1e6, when: ({ regionId }) => regionId === region, action: busy });
      const snapshot = client.snapshot(await client.timestamp());
      const outcomes = await Promise.allSettled(['c', 'a', 'n', 'b', 'o', 'z'].map((key) => getText(snapshot, key)));
      expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code))).toEqual([
        'C',
        'A',
        'disk_full',
        'B',
        'disk_full',
        'Z',
      ]);
      // Those that were answered did not wait for those that were not.
      const untilMs = world.time.elapsedMs;
      await Promise.race(['n', 'a'].map((key) => getText(client.snapshot(MAX_TIMESTAMP), key)));
      expect(world.time.elapsedMs - untilMs).toBeLessThan(100);
    }));

  it('are regrouped when their region has split', () =>
    filled(async (client, world) => {
      world.cluster.split('b', 'c');
      const snapshot = client.snapshot(await client.timestamp());
      const found = await Promise.all(Object.keys(PAIRS).map((key) => getText(snapshot, key)));
      expect(found).toEqual(Object.values(PAIRS));
    }));

  it('go on with what is left when the region changes while a lock is resolved', async () => {
    const world = new World();
    await world.run(async (client) => {
      await putAll(client, PAIRS);
      await client.settled();
      await dieWhileCommitting(world, ['b', 'n'], { lost: 'KvCommit', survive: 1 });
      world.cluster.faults.add({
        method: 'KvBatchGet',
        after: 1,
        action: { kind: 'hook', run: () => world.cluster.split('c') },
      });
      world.cluster.faults.calls.length = 0;
      const snapshot = client.snapshot(await client.timestamp());
      const found = await Promise.all(['z', 'a', 'b', 'n', 'o'].map((key) => getText(snapshot, key)));
      expect(found).toEqual(['Z', 'A', 'by b', 'by n', 'O']);
      await pause(world, 10);
    });
  });

  it('are cancelled with their snapshot', () =>
    filled(async (client, world) => {
      world.cluster.faults.add({ method: 'KvBatchGet', times: 10, action: { kind: 'swallow' } });
      const stop = new AbortController();
      const snapshot = client.snapshot(await client.timestamp(), { signal: stop.signal });
      const gets = Promise.allSettled(['z', 'a', 'b'].map((key) => getText(snapshot, key)));
      await pause(world, 50);
      stop.abort(new Error('enough'));
      expect((await gets).map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code))).toEqual([
        'Z',
        'cancelled',
        'cancelled',
      ]);
    }));
});
