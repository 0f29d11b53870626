/**
 * Hot entries and the store beneath them: whatever is written by commands, by transactions or while entries are evicted,
 * every reader sees the same, at once; and what was acknowledged on disk is there after a kill.
 */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { defineActor, type Turn } from '../../src/actors/actor.ts';
import type { Observer } from '../../src/base/observer.ts';
import { DatabaseKeys } from '../../src/models/keyvalue/keys.ts';
import { encodeString, NEVER, stringOf } from '../../src/models/keyvalue/values.ts';
import { Keyspace } from '../../src/storage/keyspace.ts';
import type { Store, Transaction } from '../../src/storage/store.ts';
import { randomFrom } from '../support/random-from.ts';
import { ServerProcess } from '../support/server.ts';
import { mountSmallDisk, unmountSmallDisk } from '../support/small-disk.ts';
import { RawClient, request } from './resp-client.ts';
import { startRespServer, type TestServer, type TestServerOptions } from './resp-server.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 20_260_612);
const closers: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const databaseKeys = new DatabaseKeys(new Keyspace().kv, 0);
const keyOf = (name: string) => Buffer.from(databaseKeys.encode(Buffer.from(name, 'latin1')));
const bulk = (value: string | undefined) => (value === undefined ? '$-1\r\n' : `$${value.length}\r\n${value}\r\n`);

async function contents(transaction: Transaction): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const cursor = transaction.scan(databaseKeys.range);
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
    for (const { key, value } of batch) {
      found.set(
        Buffer.from(databaseKeys.decode(key)).toString('latin1'),
        Buffer.from(stringOf(value)).toString('latin1'),
      );
    }
  }
  return found;
}

/** One command on random keys, and what it answers and does by a plain map. */
function randomCommand(
  random: (bound: number) => number,
  model: Map<string, string>,
): { args: string[]; reply: string } {
  const name = () => `k\0${random(150)}`;
  const value = () => String.fromCharCode(97 + random(26)).repeat(random(40) === 0 ? random(9_000) : random(200));
  const key = name();
  const current = model.get(key);
  switch (random(13)) {
    case 0:
    case 1:
    case 2: {
      const written = value();
      model.set(key, written);
      return { args: ['SET', key, written], reply: '+OK\r\n' };
    }
    case 3:
    case 4:
      return { args: ['get', key], reply: bulk(current) };
    case 5: {
      const counter = `n${random(20)}`;
      const sum = Number(model.get(counter) ?? 0) + 7;
      model.set(counter, String(sum));
      return { args: ['INCRBY', counter, '7'], reply: `:${sum}\r\n` };
    }
    case 6: {
      const keys = [key, name(), name()];
      const count = keys.filter((each) => model.delete(each)).length;
      return { args: ['DEL', ...keys], reply: `:${count}\r\n` };
    }
    case 7: {
      const keys = [key, name(), name()];
      const reply = `*3\r\n${keys.map((each) => bulk(model.get(each))).join('')}`;
      return { args: ['MGET', ...keys], reply };
    }
    case 8: {
      const pairs = [key, value(), name(), value()];
      model.set(pairs[0]!, pairs[1]!);
      model.set(pairs[2]!, pairs[3]!);
      return { args: ['MSET', ...pairs], reply: '+OK\r\n' };
    }
    case 9:
      return { args: ['EXISTS', key, key], reply: `:${current === undefined ? 0 : 2}\r\n` };
    case 10: {
      const written = value();
      if (current === undefined) model.set(key, written);
      return { args: ['SET', key, written, 'NX'], reply: current === undefined ? '+OK\r\n' : '$-1\r\n' };
    }
    case 11:
      return { args: ['TTL', key], reply: current === undefined ? ':-2\r\n' : ':-1\r\n' };
    default: {
      if (random(30) === 0) {
        model.clear();
        return { args: ['FLUSHDB'], reply: '+OK\r\n' };
      }
      // Gone at once: a write with an expiry that has passed is a deletion.
      model.delete(key);
      return { args: ['SET', key, 'v', 'PXAT', '1'], reply: '+OK\r\n' };
    }
  }
}

async function mix(server: TestServer, seed: number, steps: number): Promise<Map<string, string>> {
  const random = randomFrom(seed);
  const model = new Map<string, string>();
  const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(server.port)));
  closers.push(() => {
    for (const client of clients) client.close();
  });
  for (let step = 0; step < steps; step++) {
    const where = `seed ${seed}, step ${step}`;
    const what = random(10);
    if (what < 7) {
      const client = clients[random(clients.length)]!;
      const commands = Array.from({ length: 1 + random(40) }, () => randomCommand(random, model));
      client.send(
        Buffer.concat(commands.map(({ args }) => request(...args.map((each) => Buffer.from(each, 'latin1'))))),
      );
      for (const { args, reply } of commands) {
        expect((await client.reply()) === reply, `${where}: ${args.join(' ').slice(0, 80)}`).toBe(true);
      }
    } else if (what < 9) {
      const transaction = server.store.begin({ isolation: random(2) === 0 ? 'snapshot' : 'readCommitted' });
      const after = new Map(model);
      for (let i = random(6); i >= 0; i--) {
        const name = `k\0${random(150)}`;
        const seen = await transaction.get(keyOf(name));
        expect(seen === undefined ? undefined : Buffer.from(stringOf(seen)).toString('latin1'), where).toBe(
          after.get(name),
        );
        if (random(3) === 0) {
          transaction.delete(keyOf(name));
          after.delete(name);
        } else {
          transaction.put(keyOf(name), Buffer.from(encodeString(Buffer.from(`t${step}`), NEVER)));
          after.set(name, `t${step}`);
        }
      }
      if (random(4) === 0) transaction.rollback();
      else {
        await transaction.commit();
        model.clear();
        for (const [name, value] of after) model.set(name, value);
      }
    } else {
      const transaction = server.store.begin({ readOnly: true });
      const before = new Map(model);
      const client = clients[0]!;
      const { args, reply } = randomCommand(random, model);
      client.send(request(...args.map((each) => Buffer.from(each, 'latin1'))));
      expect((await client.reply()) === reply, where).toBe(true);
      expect(await contents(transaction), where).toEqual(before);
      transaction.rollback();
    }
  }
  return model;
}

async function start(options: TestServerOptions): Promise<TestServer> {
  const server = await startRespServer(options);
  closers.push(() => server.close());
  return server;
}

const Saver = defineActor({
  type: 'saver',
  initial: () => ({ saved: 0 }),
  methods: {
    save(turn: Turn<{ saved: number }>): void {
      turn.save({ saved: turn.state.saved + 1 });
    },
    async read(turn: Turn<{ saved: number }>): Promise<string> {
      const stored = await turn.transaction.get(keyOf('a'));
      return `${Buffer.from(stringOf(stored!)).toString()}, saved ${turn.state.saved}`;
    },
  },
});

describe('hot entries', () => {
  const ways = [
    { name: 'written through', writeBehind: false },
    { name: 'written behind', writeBehind: true },
  ];
  for (const { name, writeBehind } of ways) {
    for (const hotBytesMax of [64 << 10, 64 << 20]) {
      it(`say what the store says, ${name}, within ${hotBytesMax >> 10} KiB (seed ${SEED})`, async () => {
        const server = await start({ writeBehind, hotBytesMax });
        const model = await mix(server, SEED + hotBytesMax, hotBytesMax < 1 << 20 ? 2_000 : 500);
        const transaction = server.store.begin({ readOnly: true });
        expect(await contents(transaction)).toEqual(model);
        transaction.rollback();
        if (hotBytesMax >= 1 << 20) {
          expect(server.partitions.statistics().hot.evictedEntries).toBe(0);
          expect(server.partitions.known(0)).toEqual({ keys: model.size, expiring: 0 });
          return;
        }
        // Now more than it can hold, whatever the mix was.
        const client = await RawClient.connect(server.port);
        closers.push(() => client.close());
        const moreOf = (i: number) => `${i}`.repeat(40);
        const count = 2_000;
        for (let i = 0; i < count; i++) client.send(request('SET', `more${i}`, moreOf(i)));
        for (let i = 0; i < count; i++) expect(await client.reply()).toBe('+OK\r\n');
        expect(server.partitions.statistics().hot.evictedEntries).toBeGreaterThan(0);
        expect(server.partitions.known(0)).toBeUndefined();
        for (let i = 0; i < count; i++) client.send(request('GET', `more${i}`));
        for (let i = 0; i < count; i++) expect(await client.reply()).toBe(bulk(moreOf(i)));
        expect(await client.call('DBSIZE')).toBe(`:${model.size + count}\r\n`);
      });
    }
  }

  it('are all counted where many are deleted and the first made room for the last', async () => {
    const read = new Set<string>();
    let again = 0;
    const server = await start({
      writeBehind: false,
      hotBytesMax: 64 << 10,
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (typeof value !== 'function') return value;
            if (name !== 'get') return value.bind(target);
            return (...args: Parameters<Store['get']>) => {
              const key = Buffer.from(args[0]).toString('latin1');
              const found = target.get(...args);
              if (!read.has(key)) {
                read.add(key);
                return found;
              }
              again++;
              // At the second look one of them would have to be waited for.
              return again !== 5 ? found : Promise.resolve(found);
            };
          },
        }),
    });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    const names = Array.from({ length: 400 }, (_, i) => `many${i}`);
    for (const name of names) client.send(request('SET', name, name.repeat(60)));
    for (const _ of names) expect(await client.reply()).toBe('+OK\r\n');
    read.clear();
    again = 0;
    client.send(Buffer.concat([request('DEL', ...names, 'none'), request('EXISTS', ...names)]));
    expect(await client.reply()).toBe(':400\r\n');
    expect(again).toBeGreaterThan(4);
    expect(await client.reply()).toBe(':0\r\n');
  });

  it(`say what the store says when it answers late, as from a disk (seed ${SEED})`, async () => {
    const random = randomFrom(SEED + 1);
    let late = 0;
    const server = await start({
      hotBytesMax: 64 << 10,
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, name) {
            if (name === 'get') {
              return (...args: Parameters<Store['get']>) => {
                const value = target.get(...args);
                if (random(2) === 0) return value;
                late++;
                return new Promise((resolve) => setImmediate(() => resolve(value)));
              };
            }
            if (name === 'batchGet') {
              return async (keys: readonly Uint8Array[], ...rest: [number, Observer]) => {
                // As a store may whose values are large: the last ones are left out.
                const wanted = random(2) === 0 ? keys : keys.slice(0, random(keys.length + 1));
                const values = await target.batchGet!(wanted, ...rest);
                late += values.length;
                await new Promise((resolve) => setImmediate(resolve));
                return values;
              };
            }
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    // More than the arena holds, so that reads go down to the store.
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    for (let i = 0; i < 1_000; i++) client.send(request('SET', `cold${i}`, `${i}`.repeat(50)));
    for (let i = 0; i < 1_000; i++) expect(await client.reply()).toBe('+OK\r\n');
    for (let i = 0; i < 1_000; i++) client.send(request('GET', `cold${i}`));
    for (let i = 0; i < 1_000; i++) expect(await client.reply(), `cold${i}`).toBe(bulk(`${i}`.repeat(50)));
    expect(late).toBeGreaterThan(100);
    await client.call('FLUSHDB');
    const model = await mix(server, SEED, 600);
    const transaction = server.store.begin({ readOnly: true });
    expect(await contents(transaction)).toEqual(model);
    transaction.rollback();
  });

  for (const { name, writeBehind } of ways) {
    it(`say what the store says while a file holds most of them, ${name} (seed ${SEED})`, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'orbit-hot-'));
      closers.push(() => rm(directory, { recursive: true, force: true }));
      const entryFile = { directory, bytesMax: 64 << 10 };
      const server = await start({ writeBehind, hotBytesMax: 24 << 10, entryFile });
      const model = await mix(server, SEED + 3, 800);
      const transaction = server.store.begin({ readOnly: true });
      expect(await contents(transaction)).toEqual(model);
      transaction.rollback();
      expect(server.partitions.statistics().hot.file!.hits).toBeGreaterThan(500);
      expect(await readdir(directory)).toEqual([]);
      // Keys that expire there are gone when they should be.
      const client = await RawClient.connect(server.port);
      closers.push(() => client.close());
      await client.call('FLUSHDB');
      const soonMs = Date.now() + 400;
      for (let i = 0; i < 300; i++) client.send(request('SET', `e${i}`, 'x'.repeat(100), 'PXAT', String(soonMs)));
      for (let i = 0; i < 300; i++) await client.reply();
      await new Promise((resolve) => setTimeout(resolve, soonMs + 10 - Date.now()));
      for (let i = 0; i < 300; i++) client.send(request('GET', `e${i}`));
      for (let i = 0; i < 300; i++) expect(await client.reply()).toBe(bulk(undefined));
    });
  }

  it('are read from the store where the file finds the disk full', async () => {
    const directory = mountSmallDisk(1);
    if (directory === undefined) return;
    closers.push(() => unmountSmallDisk(directory));
    const failures: unknown[] = [];
    const entryFile = { directory, bytesMax: 64 << 20, onFailure: (error: unknown) => failures.push(error) };
    const server = await start({ hotBytesMax: 1 << 20, entryFile });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    const count = 20_000;
    for (let i = 0; i < count; i++) client.send(request('SET', `k${i}`, `${i}`.repeat(20)));
    for (let i = 0; i < count; i++) expect(await client.reply()).toBe('+OK\r\n');
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < count; i++) client.send(request('GET', `k${i}`));
      for (let i = 0; i < count; i++) expect(await client.reply()).toBe(bulk(`${i}`.repeat(20)));
    }
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: 'disk_full' });
  });

  it('are fetched for all commands of a chunk with one call, once', async () => {
    let calls = 0;
    const server = await start({
      hotBytesMax: 64 << 10,
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (typeof value !== 'function') return value;
            if (name !== 'get' && name !== 'batchGet') return value.bind(target);
            return (...args: readonly unknown[]) => {
              calls++;
              return value.apply(target, args);
            };
          },
        }),
    });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    for (let i = 0; i < 1_000; i++) client.send(request('SET', `cold${i}`, `${i}`.repeat(50)));
    for (let i = 0; i < 1_000; i++) expect(await client.reply()).toBe('+OK\r\n');
    const firsts = Array.from({ length: 30 }, (_, i) => request('GET', `cold${i}`));
    const replies = async () => {
      client.send(Buffer.concat([...firsts, request('GET', 'cold7'), request('EXISTS', 'none')]));
      for (let i = 0; i < 30; i++) expect(await client.reply()).toBe(bulk(`${i}`.repeat(50)));
      expect(await client.reply()).toBe(bulk('7'.repeat(50)));
      expect(await client.reply()).toBe(':0\r\n');
    };
    calls = 0;
    await replies();
    expect(calls).toBe(1);
    calls = 0;
    await replies();
    expect(calls).toBe(0);
  });

  it(`say what the store says over a disk, and after it was opened again (seed ${SEED})`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-hot-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    const first = await startRespServer({ directory, hotBytesMax: 64 << 10 });
    const model = await mix(first, SEED, 150);
    await first.close();
    const second = await start({ directory });
    const transaction = second.store.begin({ readOnly: true });
    expect(await contents(transaction)).toEqual(model);
    transaction.rollback();
  });

  it('are counted, with those that expire, through every way a key can come and go', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    const keyspace = async () => /^db0:(.*)\r$/m.exec(await client.call('INFO', 'keyspace'))?.[1];
    expect(await client.call('DBSIZE')).toBe(':0\r\n');
    expect(await keyspace()).toBeUndefined();
    await client.call('MSET', 'a', '1', 'b', '2', 'c', '3');
    await client.call('SET', 'd', '4', 'EX', '100');
    await client.call('EXPIRE', 'a', '100');
    expect(await keyspace()).toBe('keys=4,expires=2,avg_ttl=0');
    await client.call('SET', 'a', 'plain'); // Takes the expiry away.
    await client.call('DEL', 'b', 'none');
    await client.call('APPEND', 'd', 'x'.repeat(500));
    expect(await keyspace()).toBe('keys=3,expires=1,avg_ttl=0');
    const transaction = server.store.begin();
    transaction.delete(keyOf('c'));
    transaction.put(keyOf('e'), Buffer.from(encodeString(Buffer.from('5'), 9e12)));
    await transaction.commit();
    expect(await keyspace()).toBe('keys=3,expires=2,avg_ttl=0');
    await client.call('SET', 'soon', 'x', 'PX', '1');
    while ((await client.call('GET', 'soon')) !== '$-1\r\n');
    expect(await client.call('DBSIZE')).toBe(':3\r\n');
    await client.call('MULTI');
    await client.call('SET', 'f', '6');
    await client.call('DBSIZE');
    expect(await client.call('EXEC')).toBe('*2\r\n+OK\r\n:4\r\n');
    expect(await client.call('GET', 'e')).toBe('$1\r\n5\r\n');
    await client.call('FLUSHDB');
    expect(await client.call('DBSIZE')).toBe(':0\r\n');
    expect(await client.call('GET', 'a')).toBe('$-1\r\n');
  });

  it('written behind, stay where they are when an actor saves its state, and not when it asks for a transaction', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    const dirty = () => server.partitions.statistics().hot.dirtyEntries;
    await client.call('MSET', 'a', '1', 'b', '2');
    const saver = server.runtime.get(Saver, 'one');
    await saver.save();
    await saver.save();
    expect(dirty()).toBe(2);
    expect(await saver.read()).toBe('1, saved 2');
    expect(dirty()).toBe(0);
  });

  it('written behind, are handed over in slices before the turns of actors that ask for transactions', async () => {
    const server = await start({ writeBehind: true });
    const [client, other] = [await RawClient.connect(server.port), await RawClient.connect(server.port)];
    closers.push(
      () => client.close(),
      () => other.close(),
    );
    const keys = 40_000;
    await client.call('SET', 'a', '7');
    const actors = [server.runtime.get(Saver, 'one'), server.runtime.get(Saver, 'two')];
    for (const actor of actors) expect(await actor.read()).toBe('7, saved 0');
    for (let i = 0; i < keys; i += 100) {
      client.send(request('MSET', ...Array.from({ length: 100 }, (_, j) => [`k${i + j}`, 'v']).flat()));
    }
    for (let i = 0; i < keys; i += 100) expect(await client.reply()).toBe('+OK\r\n');
    expect(server.partitions.statistics().hot.dirtyEntries).toBeGreaterThan(keys / 2);
    const outcomes: string[] = [];
    const calls = actors.flatMap((actor, i) => [
      Promise.resolve(actor.read()).then((value) => outcomes.push(`${i}: ${value}`)),
      Promise.resolve(actor.save()).then(() => outcomes.push(`${i} has saved`)),
    ]);
    let answered = 0;
    while (outcomes.length === 0) expect(await other.call('INCR', 'n')).toBe(`:${++answered}\r\n`);
    await Promise.all(calls);
    expect(answered).toBeGreaterThan(2);
    // In the order of the calls: what was saved came behind what was read.
    const expected = ['0 has saved', '0: 7, saved 0', '1 has saved', '1: 7, saved 0'];
    expect(outcomes.sort()).toEqual(expected);
  });

  it('written behind, coalesce: a key set a thousand times is one write, made when somebody looks', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    const before = server.store.version;
    for (let i = 0; i < 1_000; i++) client.send(request('SET', 'k', String(i)));
    for (let i = 0; i < 1_000; i++) expect(await client.reply()).toBe('+OK\r\n');
    expect(server.store.version).toBe(before);
    expect(server.partitions.statistics().hot.dirtyEntries).toBe(1);
    const stored = await server.store.get(keyOf('k'));
    expect(Buffer.from(stringOf(stored!)).toString()).toBe('999');
    expect(server.store.version).toBe(before + 1);
    expect(server.partitions.statistics().hot.dirtyEntries).toBe(0);
  });

  it('written behind, are handed over in slices for who can wait: others are answered meanwhile', async () => {
    const server = await start({ writeBehind: true });
    const [client, other] = [await RawClient.connect(server.port), await RawClient.connect(server.port)];
    closers.push(
      () => client.close(),
      () => other.close(),
    );
    const keys = 40_000;
    for (let i = 0; i < keys; i += 100) {
      const pairs = Array.from({ length: 100 }, (_, j) => [`k${i + j}`, 'v']).flat();
      client.send(request('MSET', ...pairs));
    }
    for (let i = 0; i < keys; i += 100) expect(await client.reply()).toBe('+OK\r\n');
    const handedOver = (): number => keys - server.partitions.statistics().hot.dirtyEntries;
    const before = handedOver();
    expect(before).toBeLessThan(keys / 2);
    let begun = false;
    const multi = client.call('MULTI').then((reply) => {
      begun = true;
      return reply;
    });
    let answered = 0;
    while (!begun) expect(await other.call('INCR', 'n')).toBe(`:${++answered}\r\n`);
    expect(await multi).toBe('+OK\r\n');
    expect(answered).toBeGreaterThan(2);
    await client.call('MGET', 'n', 'k1', `k${keys - 1}`);
    expect(await client.call('EXEC')).toBe(`*1\r\n*3\r\n${bulk(String(answered))}${bulk('v')}${bulk('v')}`);
    expect(server.store.whenHandedOver?.()).toBeUndefined();
    expect((await contents(server.store.begin())).size).toBe(keys + 1);
  });

  it('written behind, make a snapshot transaction that read them fail, and wait for one that has locked them', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    await client.call('SET', 'k', '1');
    const reader = server.store.begin();
    await reader.get(keyOf('k'));
    await client.call('INCR', 'k');
    reader.put(keyOf('k'), Buffer.from(encodeString(Buffer.from('9'), NEVER)));
    await expect(reader.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });

    const owner = server.store.begin({ isolation: 'readCommitted' });
    await owner.lock([keyOf('k')]);
    owner.beginStatement();
    expect(Buffer.from(stringOf((await owner.get(keyOf('k')))!)).toString()).toBe('2');
    client.send(Buffer.concat([request('SET', 'free', 'x'), request('MSET', 'other', 'y', 'k', '5')]));
    expect(await client.reply()).toBe('+OK\r\n');
    owner.put(keyOf('k'), Buffer.from(encodeString(Buffer.from('40'), NEVER)));
    expect(await server.store.get(keyOf('other'))).toBeUndefined(); // MSET has not done half of its work.
    await owner.commit();
    expect(await client.reply()).toBe('+OK\r\n');
    expect(await client.call('MGET', 'k', 'other')).toBe('*2\r\n$1\r\n5\r\n$1\r\ny\r\n');
  });

  it(`count exactly in a pipeline, whatever changes of their length and sign (seed ${SEED})`, async () => {
    const random = randomFrom(SEED);
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    const texts = [
      '0',
      '9',
      '-1',
      '99',
      '-10',
      '007',
      '+1',
      '',
      ' 1',
      '1x',
      '-0',
      '999999999',
      '1000000000',
      '-999999999',
    ];
    const limits = ['9007199254740991', '9223372036854775807', '-9223372036854775808', '9223372036854775808'];
    const steps = ['1', '-1', '8', '-9', '90', '-999', '999999999', '9007199254740991', '9223372036854775807'];
    const pick = (list: readonly string[]) => list[random(list.length)]!;
    const model = new Map<string, string>();
    for (let round = 0; round < 100; round++) {
      const commands: Buffer[] = [];
      const replies: string[] = [];
      for (let i = 0; i < 40; i++) {
        const key = `n${random(12)}`;
        const kind = random(10);
        if (kind === 0) {
          const text = pick(random(3) === 0 ? limits : texts);
          commands.push(request('SET', key, text));
          replies.push('+OK\r\n');
          model.set(key, text);
          continue;
        }
        const by = kind < 5 ? '1' : kind < 8 ? '-1' : pick(steps);
        commands.push(kind < 5 ? request('INCR', key) : kind < 8 ? request('DECR', key) : request('INCRBY', key, by));
        const text = model.get(key) ?? '0';
        const sum = BigInt.asIntN(64, BigInt(/^(0|-?[1-9]\d*)$/.test(text) ? text : 0) + BigInt(by));
        if (!/^(0|-?[1-9]\d*)$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
          replies.push('-ERR value is not an integer or out of range\r\n');
        } else if (sum !== BigInt(text) + BigInt(by)) {
          replies.push('-ERR increment or decrement would overflow\r\n');
        } else {
          replies.push(`:${sum}\r\n`);
          model.set(key, String(sum));
        }
      }
      client.send(Buffer.concat(commands));
      for (const reply of replies) expect(await client.reply()).toBe(reply);
    }
    for (const [key, text] of model) expect(await client.call('GET', key)).toBe(bulk(text));
  });

  it('count in runs of increments among keys that expire, are absent or hold no number', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    await client.call('MSET', 'eight', '8', 'text', '1x', 'zeros', '08', 'negative', '-2', 'long', '999999990');
    await client.call('SET', 'expiring', '97', 'PX', '100000');
    const refusal = '-ERR value is not an integer or out of range\r\n';
    const keys = ['eight', 'expiring', 'absent', 'eight', 'text', 'negative', 'zeros', 'long'];
    const numbers = new Map([
      ['eight', 8],
      ['expiring', 97],
      ['absent', 0],
      ['negative', -2],
      ['long', 999_999_990],
    ]);
    const [commands, replies]: [Buffer[], string[]] = [[], []];
    for (let i = 0; i < 1_000; i++) {
      const key = keys[i % 16 < 8 ? i % keys.length : 0]!;
      commands.push(request('INCR', key));
      const number = numbers.get(key);
      replies.push(number === undefined ? refusal : `:${number + 1}\r\n`);
      if (number !== undefined) numbers.set(key, number + 1);
    }
    client.send(Buffer.concat(commands));
    for (const reply of replies) expect(await client.reply()).toBe(reply);
    for (const [key, number] of numbers) expect(await client.call('GET', key)).toBe(bulk(String(number)));
    expect(await client.call('MGET', 'text', 'zeros')).toBe('*2\r\n$2\r\n1x\r\n$2\r\n08\r\n');
    expect(Number((await client.call('PTTL', 'expiring')).slice(1))).toBeGreaterThan(0);
    expect(await client.call('INFO', 'commandstats')).toContain('cmdstat_incr:calls=1000,');
  });

  it('expire to the millisecond, whatever is kept of them', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    await client.call('SET', 'k', '5', 'PX', '60');
    expect(await client.call('INCR', 'k')).toBe(':6\r\n');
    expect(await client.call('GET', 'k')).toBe('$1\r\n6\r\n');
    while ((await client.call('PTTL', 'k')) !== ':-2\r\n');
    expect(await client.call('GET', 'k')).toBe('$-1\r\n');
    expect(await client.call('INCR', 'k')).toBe(':1\r\n');
    expect(await client.call('TTL', 'k')).toBe(':-1\r\n');
  });

  it('expire and leave memory though the store never heard of them', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    const { version } = server.store;
    for (let i = 0; i < 100; i++) client.send(request('SET', `k${i}`, 'v', 'PX', '1'));
    for (let i = 0; i < 100; i++) expect(await client.reply()).toBe('+OK\r\n');
    while (server.partitions.statistics().reclaimedKeys < 100) await server.partitions.reclaim();
    expect(server.store.version).toBe(version);
    const transaction = server.store.begin({ readOnly: true });
    expect((await contents(transaction)).size).toBe(0);
    transaction.rollback();
  });

  it('written behind, are handed over to nobody who does not look at them', async () => {
    const server = await start({ writeBehind: true });
    const client = await RawClient.connect(server.port);
    closers.push(() => client.close());
    await client.call('SET', 'k', '1');
    await server.store.probe();
    server.store.statistics();
    expect(server.partitions.statistics().hot.dirtyEntries).toBe(1);
    await client.call('MULTI');
    await client.call('GET', 'k');
    expect(await client.call('EXEC')).toBe('*1\r\n$1\r\n1\r\n');
    expect(server.partitions.statistics().hot.dirtyEntries).toBe(0);
  });

  it('lose nothing acknowledged when a server on disk is killed', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'orbit-hot-'));
    closers.push(() => rm(dataDir, { recursive: true, force: true }));
    const first = await ServerProcess.start({ dataDir });
    closers.push(() => first.kill());
    const client = await RawClient.connect(first.port('redis'));
    for (let i = 0; i < 500; i++) client.send(Buffer.concat([request('SET', `k${i}`, `v${i}`), request('INCR', 'n')]));
    for (let i = 0; i < 1_000; i++) expect(await client.reply()).toMatch(/^\+OK|^:/);
    await first.kill();
    client.close();
    const second = await ServerProcess.start({ dataDir });
    closers.push(() => second.kill());
    const again = await RawClient.connect(second.port('redis'));
    closers.push(() => again.close());
    expect(await again.call('GET', 'n')).toBe('$3\r\n500\r\n');
    for (let i = 0; i < 500; i += 7) expect(await again.call('GET', `k${i}`)).toBe(bulk(`v${i}`));
  });
});
