/** Scenario 40 of the reference: RawKV, and API V2. */

import { expect } from 'vitest';
import type { RawClient } from '../../src/raw-client.ts';
import { crc64 } from '../../test-cluster/crc64.ts';
import { type NewWorld, suite } from '../support/scenario.ts';
import { bytes, pause, putAll, readText, scanText, type World, type WorldOptions } from '../support/world.ts';

function runRaw<T>(
  newWorld: NewWorld,
  options: WorldOptions,
  work: (raw: RawClient, world: World) => Promise<T>,
  atomic = false,
): Promise<T> {
  const world = newWorld(options);
  return world.within(async () => {
    const { client, raw } = await world.openRaw({ atomic });
    const result = await work(raw, world);
    await client.close();
    return result;
  });
}

const textOf = (pairs: readonly (readonly [Buffer, Buffer])[]) => pairs.map(([key, value]) => `${key}=${value}`);

export const rawKv = suite('RawKV', (scenario) => {
  scenario(40, 'gets, puts and deletes, empty values among them', (newWorld) =>
    runRaw(newWorld, { mode: 'raw' }, async (raw) => {
      expect(await raw.get(bytes('a'))).toBeUndefined();
      await raw.put(bytes('a'), bytes(''));
      expect(await raw.get(bytes('a'))).toEqual(bytes(''));
      await raw.put(bytes('a'), bytes('1'));
      await raw.delete(bytes('a'));
      expect(await raw.get(bytes('a'))).toBeUndefined();
    }),
  );

  scenario(40, 'handles batches, scans and ranges over regions that split meanwhile', (newWorld) =>
    runRaw(newWorld, { mode: 'raw' }, async (raw, world) => {
      const keys = Array.from({ length: 1_200 }, (_, i) => `k${String(i).padStart(4, '0')}`);
      await raw.batchPut(keys.map((key) => [bytes(key), Buffer.alloc(40, key)] as const));
      world.cluster.split('k0100', 'k0101', 'k0700');
      const found = await raw.batchGet([...keys, 'nope', 'k0001'].map(bytes));
      expect(found.filter((value) => value !== undefined)).toHaveLength(1_201);
      world.cluster.split('k0102', 'k0900');
      const limit = 10_240;
      expect(textOf(await raw.scan(bytes(''), bytes(''), { limit, keysOnly: true }))).toEqual(
        keys.map((key) => `${key}=`),
      );
      world.cluster.mergeNext('k0100');
      const reversed = await raw.scan(bytes('k0050'), bytes('k0950'), { limit: 860, keysOnly: true, reverse: true });
      expect(textOf(reversed)).toEqual(
        keys
          .slice(90, 950)
          .reverse()
          .map((key) => `${key}=`),
      );
      await expect(raw.scan(bytes(''), bytes(''), { limit: 20_000 })).rejects.toMatchObject({
        code: 'invalid_argument',
      });
      await raw.deleteRange(bytes('k0050'), bytes('k1100'));
      await raw.batchDelete(keys.slice(0, 10).map(bytes));
      expect(await raw.scan(bytes(''), bytes(''), { limit })).toHaveLength(40 + 100);
    }),
  );

  scenario(40, 'swaps with one winner, and only when opened for it', async (newWorld) => {
    await runRaw(
      newWorld,
      { mode: 'raw', seed: 4 },
      async (raw, world) => {
        const results = await Promise.all(
          Array.from({ length: 10 }, (_, i) => raw.compareAndSwap(bytes('a'), undefined, bytes(String(i)))),
        );
        expect(results.filter((one) => one.swapped)).toHaveLength(1);
        const held = await raw.get(bytes('a'));
        expect(results.every((one) => one.swapped || String(one.previous) === String(held))).toBe(true);
        await raw.put(bytes('b'), bytes(''));
        expect(await raw.compareAndSwap(bytes('b'), undefined, bytes('x'))).toMatchObject({ swapped: false });
        expect(await raw.compareAndSwap(bytes('b'), bytes(''), bytes('x'))).toMatchObject({ swapped: true });
        await raw.batchPut([[bytes('c'), bytes('1')]]);
        await raw.delete(bytes('c'));
        const writes = world.cluster.faults.calls.filter((call) => /^Raw(Put|Delete|Batch)/.test(call.method));
        expect(writes.every((call) => call.request.forCas)).toBe(true);
        world.cluster.faults.add({ method: 'RawCompareAndSwap', action: { kind: 'loseReply', how: 'disconnect' } });
        await expect(raw.compareAndSwap(bytes('b'), bytes('x'), bytes('y'))).rejects.toMatchObject({
          code: 'undetermined',
        });
        expect(String(await raw.get(bytes('b')))).toBe('y');
      },
      true,
    );
    await runRaw(newWorld, { mode: 'raw' }, async (raw) => {
      await expect(raw.compareAndSwap(bytes('a'), undefined, bytes('1'))).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    });
  });

  scenario(40, 'lets values expire where the store can', async (newWorld) => {
    await runRaw(newWorld, { mode: 'rawTtl' }, async (raw, world) => {
      await raw.put(bytes('a'), bytes('1'), { ttlSeconds: 10n });
      await raw.batchPut([[bytes('b'), bytes('1')]], { ttlSeconds: 5n });
      await raw.put(bytes('c'), bytes('1'));
      expect(await raw.ttl(bytes('c'))).toBe(0n);
      expect(await raw.ttl(bytes('nope'))).toBeUndefined();
      await pause(world, 6_000);
      expect(await raw.ttl(bytes('a'))).toBeLessThan(6n);
      expect(textOf(await raw.scan(bytes(''), bytes(''), { limit: 10 }))).toEqual(['a=1', 'c=1']);
      await pause(world, 6_000);
      expect(await raw.get(bytes('a'))).toBeUndefined();
    });
    await runRaw(newWorld, { mode: 'raw' }, async (raw) => {
      await expect(raw.put(bytes('a'), bytes('1'), { ttlSeconds: 1n })).rejects.toMatchObject({
        code: 'configuration',
      });
    });
  });

  scenario(40, 'adds checksums of regions up', (newWorld) =>
    runRaw(newWorld, { mode: 'raw' }, async (raw, world) => {
      expect(crc64(bytes('123456789'))).toBe(0x995d_c9bb_df19_39fan);
      await raw.batchPut([...'abcdef'].map((key) => [bytes(key), bytes(`value ${key}`)] as const));
      const before = await raw.checksum(bytes(''), bytes(''));
      expect(before).toMatchObject({ count: 6n, bytes: 48n });
      world.cluster.split('b', 'd');
      expect(await raw.checksum(bytes(''), bytes(''))).toEqual(before);
      const all = [...'abcdef'].map((key) => crc64(bytes(`${key}value ${key}`))).reduce((x, y) => x ^ y);
      expect(before.checksum).toBe(all);
    }),
  );

  scenario(40, 'is refused by a cluster for transactions, and the other way round', async (newWorld) => {
    await runRaw(newWorld, { mode: 'txn' }, async (raw) => {
      await expect(raw.put(bytes('a'), bytes('1'))).rejects.toMatchObject({ code: 'configuration' });
    });
    await newWorld({ mode: 'raw' }).run(async (client) => {
      await expect(putAll(client, { a: '1' })).rejects.toMatchObject({ code: 'configuration' });
    });
  });
});

export const apiV2 = suite('API V2', (scenario) => {
  scenario(40, 'keeps keyspaces apart, for transactions and RawKV', async (newWorld) => {
    const world = newWorld({ mode: 'v2' });
    world.cluster.state.keyspaces.set('other', 0x010203);
    await world.within(async () => {
      const first = await world.open({ apiVersion: 'V2' });
      const second = await world.open({ apiVersion: 'V2', keyspace: 'other' });
      const { client, raw } = await world.openRaw({}, { apiVersion: 'V2', keyspace: 'other' });
      await putAll(first, { a: '1', z: '1' });
      await putAll(second, { a: '2' });
      await raw.put(bytes('a'), bytes('3'), { ttlSeconds: 60n });
      expect(await readText(first, 'a')).toBe('1');
      expect(await readText(second, 'a')).toBe('2');
      expect(String(await raw.get(bytes('a')))).toBe('3');
      world.cluster.split(
        Buffer.from('78000000', 'hex'),
        Buffer.from('78010203', 'hex'),
        Buffer.from('7800000062', 'hex'),
      );
      expect(await scanText(await first.begin())).toEqual(['a=1', 'z=1']);
      expect(await scanText(await second.begin(), '', '', { reverse: true })).toEqual(['a=2']);
      expect(textOf(await raw.scan(bytes(''), bytes(''), { limit: 10, reverse: true }))).toEqual(['a=3']);
      for (const one of [first, second, client]) await one.close();
      await expect(world.open({ apiVersion: 'V2', keyspace: 'missing' })).rejects.toMatchObject({
        code: 'configuration',
      });
      await expect(world.open().then((v1) => putAll(v1, { a: '1' }))).rejects.toMatchObject({ code: 'configuration' });
    });
  });
});
