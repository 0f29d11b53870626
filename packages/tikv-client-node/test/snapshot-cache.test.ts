/** What a snapshot has read is not asked for again in it, within bounds, and never shown to another. */

import { describe, expect, it } from 'vitest';
import type { ClientOptions } from '../src/config.ts';
import { SnapshotCache } from '../src/snapshot-cache.ts';
import { bytes, getText, putAll, World } from './support/world.ts';

type Client = Awaited<ReturnType<World['open']>>;

async function filled(
  test: (client: Client, asked: () => string[], hits: () => number) => Promise<void>,
  options: Partial<ClientOptions> = {},
): Promise<void> {
  const world = new World();
  let hits = 0;
  const hooks = { onSnapshotCacheHit: () => void hits++ };
  await world.run(
    async (client) => {
      await putAll(client, { a: 'A', b: 'B', c: 'C', d: 'D' });
      await client.settled();
      const { calls } = world.cluster.faults;
      /** The keys that stores were asked for since the last question. */
      const asked = () =>
        calls.splice(0).flatMap(({ method, request }) => {
          if (method === 'KvGet') return String(request.key);
          return method === 'KvBatchGet' ? (request.keys as Buffer[]).map(String) : [];
        });
      asked();
      await test(client, asked, () => hits);
    },
    { ...options, hooks },
  );
}

describe('a snapshot', () => {
  it('asks for a key once, whether it has a value or not, alone or among others', () =>
    filled(async (client, asked, hits) => {
      const snapshot = client.snapshot(await client.timestamp());
      expect(await getText(snapshot, 'a')).toBe('A');
      expect(await getText(snapshot, 'none')).toBeUndefined();
      expect(asked()).toEqual(['a', 'none']);
      await putAll(client, { a: 'newer', none: 'new' });
      asked();
      expect(await getText(snapshot, 'a')).toBe('A');
      expect(await getText(snapshot, 'none')).toBeUndefined();
      expect((await snapshot.batchGet(['none', 'b', 'a', 'b'].map(bytes))).map((value) => value?.toString())).toEqual([
        undefined,
        'B',
        'A',
        'B',
      ]);
      expect(asked()).toEqual(['b']);
      expect(await getText(snapshot, 'b')).toBe('B');
      expect(await Promise.all(['c', 'd', 'a'].map((key) => getText(snapshot, key)))).toEqual(['C', 'D', 'A']);
      expect(asked()).toEqual(['c', 'd']);
      expect(await Promise.all(['c', 'd'].map((key) => getText(snapshot, key)))).toEqual(['C', 'D']);
      expect(asked()).toEqual([]);
      expect(hits()).toBe(8);
    }));

  it('gives values that are the caller’s own', () =>
    filled(async (client) => {
      const snapshot = client.snapshot(await client.timestamp());
      for (let i = 0; i < 3; i++) {
        const value = await snapshot.get(bytes('a'));
        expect(value).toEqual(bytes('A'));
        value!.fill(0);
        const [other] = await snapshot.batchGet([bytes('a')]);
        expect(other).toEqual(bytes('A'));
        other!.fill(0);
      }
    }));

  it('keeps nothing where the client is told so', () =>
    filled(
      async (client, asked, hits) => {
        const snapshot = client.snapshot(await client.timestamp());
        for (let i = 0; i < 2; i++) await getText(snapshot, 'a');
        expect(asked()).toEqual(['a', 'a']);
        expect(hits()).toBe(0);
      },
      { snapshotCacheBytes: 0 },
    ));

  it('shares nothing with others, nor with gets of the newest values', () =>
    filled(async (client) => {
      const old = client.snapshot(await client.timestamp());
      expect(await getText(old, 'a')).toBe('A');
      expect(await getText(client, 'a')).toBe('A');
      await putAll(client, { a: 'newer' });
      expect(await getText(client, 'a')).toBe('newer');
      expect(await getText(client.snapshot(await client.timestamp()), 'a')).toBe('newer');
      expect(await getText(old, 'a')).toBe('A');
    }));

  it('does not keep what it failed to read', () => {
    const world = new World();
    return world.run(async (client) => {
      await putAll(client, { a: 'A' });
      const error = { kind: 'regionError', error: { diskFull: { reason: 'full' } } } as const;
      world.cluster.faults.add({ method: 'KvGet', times: 1e6, action: error });
      const snapshot = client.snapshot(await client.timestamp());
      await expect(getText(snapshot, 'a')).rejects.toMatchObject({ code: 'disk_full' });
      world.cluster.faults.clear();
      expect(await getText(snapshot, 'a')).toBe('A');
    });
  });
});

describe('a transaction', () => {
  it('sees its own writes over what it has read, and what was there behind them', () =>
    filled(async (client, asked) => {
      const transaction = await client.begin();
      expect(await getText(transaction, 'a')).toBe('A');
      transaction.put(bytes('a'), bytes('own'));
      expect(await getText(transaction, 'a')).toBe('own');
      expect(await getText(transaction.committed, 'a')).toBe('A');
      transaction.delete(bytes('a'));
      expect(await getText(transaction, 'a')).toBeUndefined();
      expect(await getText(transaction.committed, 'a')).toBe('A');
      expect(asked()).toEqual(['a']);
      await transaction.rollback();
    }));

  it('reads anew with each statement', () =>
    filled(async (client, asked) => {
      const transaction = await client.begin({ pessimistic: true });
      expect(await getText(transaction, 'a')).toBe('A');
      await putAll(client, { a: 'newer' });
      expect(await getText(transaction, 'a')).toBe('A');
      asked();
      await transaction.beginStatement();
      expect(await getText(transaction, 'a')).toBe('newer');
      expect(asked()).toEqual(['a']);
      await transaction.rollback();
    }));
});

describe('what is kept', () => {
  it('stays within its bound, and of the rest what was used last', () => {
    const cache = new SnapshotCache(10_000);
    const value = Buffer.alloc(100, 1);
    cache.add('hot', value);
    let kept = 0;
    for (let i = 0; i < 1_000; i++) {
      cache.add(`key ${i}`, value);
      expect(cache.get('hot')?.value).toEqual(value);
    }
    for (let i = 0; i < 1_000; i++) if (cache.get(`key ${i}`) !== undefined) kept++;
    expect(kept).toBeGreaterThan(10);
    expect(kept * 200).toBeLessThan(10_000);
    expect(cache.get('key 999')).toBeDefined();
  });

  it('is no large value, and not the buffer that it came in', () => {
    const cache = new SnapshotCache(10_000);
    cache.add('large', Buffer.alloc(2_000));
    expect(cache.get('large')).toBeUndefined();
    const value = Buffer.from('value');
    cache.add('small', value);
    value.fill(0);
    expect(cache.get('small')?.value).toEqual(Buffer.from('value'));
    cache.add('none', undefined);
    expect(cache.get('none')).toEqual({ value: undefined });
  });
});
