/** The Redis port as clients see it: stock clients, and what happens when the store is slow, locked, full or fails. */

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { type Deferred, deferred } from '../../src/base/awaitable.ts';
import { OperationError } from '../../src/base/errors.ts';
import { DatabaseKeys } from '../../src/models/keyvalue/keys.ts';
import type { Principals } from '../../src/protocols/resp/authentication.ts';
import { Keyspace } from '../../src/storage/keyspace.ts';
import type { Store, WriteBatch } from '../../src/storage/store.ts';
import { RawClient, request } from './resp-client.ts';
import { startRespServer, type TestServer, type TestServerOptions } from './resp-server.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options?: TestServerOptions): Promise<TestServer> {
  const server = await startRespServer(options);
  closers.push(() => server.close());
  return server;
}

async function connect(server: TestServer): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  closers.push(() => client.close());
  return client;
}

/** `store` with some of its members replaced. */
function replacing(store: Store, members: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(members, name) ? members : target, name, target);
      return typeof value === 'function' && !Object.hasOwn(members, name) ? value.bind(target) : value;
    },
  });
}

/** `store` whose batches meet `beforeCommit` first. */
function failingBatches(store: Store, beforeCommit: (kinds: ReadonlySet<string>) => void): Store {
  return replacing(store, {
    writeBatch: () => {
      const batch = store.writeBatch();
      const kinds = new Set<string>();
      return {
        get count() {
          return batch.count;
        },
        put: (key, value) => {
          kinds.add('put');
          batch.put(key, value);
        },
        putPart: (key, from, start, end) => {
          kinds.add('put');
          batch.putPart(key, from, start, end);
        },
        delete: (key) => {
          kinds.add('delete');
          batch.delete(key);
        },
        deleteRange: (range) => batch.deleteRange(range),
        commit: () => {
          beforeCommit(kinds);
          kinds.clear();
          return batch.commit();
        },
      } satisfies WriteBatch;
    },
  });
}

const keyOf = (text: string) => Buffer.from(new DatabaseKeys(new Keyspace().kv, 0).encode(Buffer.from(text)));

function pipeline(...commands: readonly (readonly string[])[]): Buffer {
  return Buffer.concat(commands.map((args) => request(...args)));
}

async function replies(client: RawClient, count: number): Promise<string[]> {
  const all: string[] = [];
  for (let i = 0; i < count; i++) all.push(await client.reply());
  return all;
}

describe('stock clients', () => {
  it('serves ioredis: strings, expiry, pipelines, databases', async () => {
    const server = await start();
    const redis = new Redis({ port: server.port, host: '127.0.0.1', lazyConnect: true });
    closers.push(() => redis.disconnect());
    await redis.connect();
    expect(await redis.set('k', 'v', 'EX', 100)).toBe('OK');
    expect(await redis.get('k')).toBe('v');
    expect(await redis.ttl('k')).toBe(100);
    expect(await redis.set('k', 'w', 'NX')).toBeNull();
    expect(await redis.mset({ a: '1', b: '2' })).toBe('OK');
    expect(await redis.mget('a', 'none', 'b')).toEqual(['1', null, '2']);
    expect(await redis.pipeline().incr('n').incrby('n', 5).get('n').exec()).toEqual([
      [null, 1],
      [null, 6],
      [null, '6'],
    ]);
    await expect(redis.call('NOSUCH', 'x')).rejects.toThrow("unknown command 'NOSUCH'");
    await redis.select(3);
    expect(await redis.get('k')).toBeNull();
    const info = await redis.info('server');
    expect(info).toContain('redis_version:7');
    expect(await redis.dbsize()).toBe(0);
  });

  it('loses no increment of twenty concurrent ioredis clients', async () => {
    const server = await start();
    const clients = Array.from({ length: 20 }, () => new Redis({ port: server.port, host: '127.0.0.1' }));
    closers.push(() => {
      for (const client of clients) client.disconnect();
    });
    const sums = await Promise.all(
      clients.map(async (client) => {
        let last = 0;
        for (let i = 0; i < 50; i++) last = Math.max(last, await client.incr('n'));
        return last;
      }),
    );
    expect(Math.max(...sums)).toBe(1000);
  });

  const cli = spawnSync('redis-cli', ['--version']).status === 0;
  it.skipIf(!cli)('serves redis-cli in both protocols', async () => {
    const server = await start();
    const run = (...args: string[]) =>
      new Promise<string>((resolve) => {
        // The server runs in this process, so the client must not block it.
        execFile('redis-cli', ['-p', String(server.port), ...args], (_error, stdout) => resolve(stdout));
      });
    expect(await run('SET', 'k', 'v')).toBe('OK\n');
    expect(await run('-3', 'GET', 'k')).toBe('v\n');
    expect(await run('--no-raw', 'MGET', 'k', 'x')).toBe('1) "v"\n2) (nil)\n');
  });
});

describe('a pipeline', () => {
  it('is one commit, except where a command must see an earlier write', async () => {
    const server = await start();
    const client = await connect(server);
    const commits = () => server.store.statistics().commits;
    const before = commits();
    client.send(Buffer.concat(Array.from({ length: 100 }, (_, i) => request('SET', `k${i}`, 'v'))));
    await replies(client, 100);
    expect(commits() - before).toBe(1);
    client.send(pipeline(['SET', 'n', '1'], ['INCR', 'n'], ['GET', 'n'], ['DEL', 'n'], ['GET', 'n']));
    expect(await replies(client, 5)).toEqual(['+OK\r\n', ':2\r\n', '$1\r\n2\r\n', ':1\r\n', '$-1\r\n']);
  });
});

describe('authentication', () => {
  const principals: Principals = {
    required: true,
    names: ['default'],
    // Settles later, as a password hash does.
    verify: async (user, password) => (user === 'default' && password === 'secret' ? { name: user } : undefined),
  };

  it('lets nobody in without credentials, and runs what was pipelined behind AUTH', async () => {
    const client = await connect(await start({ principals }));
    client.send(
      pipeline(
        ['GET', 'k'],
        ['HELLO', '3'],
        ['AUTH', 'wrong'],
        ['AUTH', 'secret'],
        ['MSET', ...'abcdefghijkl'],
        ['GET', 'a'],
      ),
    );
    const [get, hello, wrong, right, mset, value] = await replies(client, 6);
    expect(get).toBe('-NOAUTH Authentication required.\r\n');
    expect(hello).toMatch(/^-NOAUTH HELLO must be called/);
    expect(wrong).toBe('-WRONGPASS invalid username-password pair or user is disabled.\r\n');
    expect([right, mset, value]).toEqual(['+OK\r\n', '+OK\r\n', '$1\r\nb\r\n']);
  });

  it('accepts HELLO with AUTH', async () => {
    const client = await connect(await start({ principals }));
    expect(await client.call('HELLO', '3', 'AUTH', 'default', 'secret', 'SETNAME', 'me')).toMatch(/^%7\r\n/);
    expect(await client.call('CLIENT', 'GETNAME')).toBe('$2\r\nme\r\n');
  });

  it('holds strangers to small requests', async () => {
    const client = await connect(await start({ principals }));
    client.send('*11\r\n');
    expect(await client.rest()).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n');
  });
});

describe('durability', () => {
  /** Nothing is durable until `release`. */
  function undurable(): { wrapStore: (store: Store) => Store; gate: Deferred<void>; open: { durable: boolean } } {
    const gate = deferred<void>();
    const open = { durable: false };
    gate.promise.then(
      () => {
        open.durable = true;
      },
      () => {},
    );
    const wrapStore = (store: Store) =>
      replacing(store, { whenDurable: () => (open.durable ? undefined : gate.promise) });
    return { wrapStore, gate, open };
  }

  it('keeps replies, and all behind them, until the write is durable, and executes later chunks meanwhile', async () => {
    const { wrapStore, gate, open } = undurable();
    const server = await start({ wrapStore });
    const client = await connect(server);
    client.send(pipeline(['SET', 'k', '1'], ['PING']));
    await until(() => server.resp.statistics().commands === 2);
    client.send(pipeline(['INCR', 'k']));
    await until(() => server.resp.statistics().commands === 3);
    expect(server.resp.statistics().bytesSent).toBe(0);
    open.durable = true;
    gate.resolve();
    expect(await replies(client, 3)).toEqual(['+OK\r\n', '+PONG\r\n', ':2\r\n']);
  });

  it('answers UNKNOWN once and closes when the log fails before a write is durable', async () => {
    const { wrapStore, gate } = undurable();
    const server = await start({ wrapStore });
    const client = await connect(server);
    client.send(pipeline(['SET', 'k', '1'], ['SET', 'l', '2']));
    await until(() => server.resp.statistics().commands === 2);
    gate.reject(new OperationError('commit_unknown', 'the log failed'));
    expect(await client.rest()).toBe('-UNKNOWN the log failed\r\n');
  });

  it('executes no further while too many bytes of replies wait', async () => {
    const { wrapStore, gate, open } = undurable();
    const server = await start({ wrapStore, limits: { undurableBytesMax: 2_000 } });
    const client = await connect(server);
    const value = 'v'.repeat(1_000);
    const count = 20_000;
    client.send(request('SET', 'k', value));
    client.send(Buffer.concat(Array.from({ length: count }, () => request('GET', 'k'))));
    await until(() => server.resp.statistics().commands > 10);
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(server.resp.statistics().commands).toBeLessThan(1_000);
    expect(server.resp.statistics().bytesSent).toBe(0);
    open.durable = true;
    gate.resolve();
    expect(await client.reply()).toBe('+OK\r\n');
    const expected = `$1000\r\n${value}\r\n`;
    expect(await client.exactly(expected.length * count)).toBe(expected.repeat(count));
  });
});

describe('a store on disk', () => {
  it('keeps what was acknowledged, in pipelines that do not wait for each other, across a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-resp-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    const first = await startRespServer({ directory });
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(first.port)));
    await Promise.all(
      clients.map(async (client, number) => {
        for (let i = 0; i < 100; i++) {
          client.send(pipeline(['INCR', 'n'], ['SET', `k${number}-${i}`, `v${i}`], ['GET', `k${number}-${i}`]));
        }
        for (let i = 0; i < 100; i++) {
          const [count, set, get] = await replies(client, 3);
          expect(count).toMatch(/^:\d+\r\n$/);
          expect(set).toBe('+OK\r\n');
          expect(get).toBe(`$${String(i).length + 1}\r\nv${i}\r\n`);
        }
        client.close();
      }),
    );
    // Far fewer than the 1,600 writes.
    expect(first.store.statistics().logSyncs).toBeLessThan(200);
    await first.close();
    const second = await start({ directory });
    const client = await connect(second);
    expect(await client.call('GET', 'n')).toBe('$3\r\n800\r\n');
    expect(await client.call('DBSIZE')).toBe(':801\r\n');
    expect(await client.call('MGET', 'k7-99', 'k0-0')).toBe('*2\r\n$3\r\nv99\r\n$2\r\nv0\r\n');
  });
});

describe('a store that refuses or waits', () => {
  it('answers each write of a failed commit with its own error, and keeps what can be kept', async () => {
    const server = await start({
      wrapStore: (store) =>
        failingBatches(store, (kinds) => {
          if (kinds.has('put') && full) throw new OperationError('disk_full', 'no space is left');
        }),
    });
    let full = false;
    const client = await connect(server);
    await client.call('SET', 'd', 'old');
    full = true;
    client.send(pipeline(['SET', 'a', '1'], ['GET', 'd'], ['INCR', 'n'], ['DEL', 'd'], ['GET', 'a'], ['EXISTS', 'd']));
    expect(await replies(client, 6)).toEqual([
      '-MISCONF no space is left\r\n',
      '$3\r\nold\r\n',
      '-MISCONF no space is left\r\n',
      ':1\r\n',
      '$-1\r\n',
      ':0\r\n',
    ]);
    full = false;
    expect(await client.call('INCR', 'n')).toBe(':1\r\n');
  });

  it('parks only commands on a key that a transaction has locked', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    await one.call('SET', 'k', '1');
    const transaction = server.store.begin();
    await transaction.lock([keyOf('k')]);
    one.send(pipeline(['SET', 'x', '1'], ['INCR', 'k'], ['INCR', 'x'], ['GET', 'k']));
    expect(await one.reply()).toBe('+OK\r\n');
    expect(await other.call('INCR', 'x')).toBe(':2\r\n'); // Others go on, on the keys of the same stretch too.
    expect(await other.call('GET', 'k')).toBe('$1\r\n1\r\n');
    transaction.put(keyOf('k'), Buffer.from('01003431', 'hex'));
    await transaction.commit();
    expect(await replies(one, 3)).toEqual([':42\r\n', ':3\r\n', '$2\r\n42\r\n']);
    expect(server.partitions.statistics().waitingCommands).toBe(1);
  });

  it('keeps the order of a connection whose value comes from disk, and lets others pass', async () => {
    const gate = deferred<void>();
    const server = await start({
      wrapStore: (store) => {
        const before = store.writeBatch(); // What is not in memory may be in a store that was not empty.
        before.put(keyOf('other'), Buffer.from('010031', 'hex'));
        before.commit();
        return replacing(store, {
          get: (key, observer) =>
            Buffer.from(key).includes('cold') ? gate.promise.then(() => undefined) : store.get(key, observer),
          batchGet: (keys) => gate.promise.then(() => keys.map(() => undefined)),
          begin: (options) => {
            const transaction = store.begin(options);
            return new Proxy(transaction, {
              get(target, name) {
                if (name === 'get') return (key: Uint8Array) => gate.promise.then(() => target.get(key));
                const value: unknown = Reflect.get(target, name, target);
                return typeof value === 'function' ? value.bind(target) : value;
              },
            });
          },
        });
      },
    });
    const [slow, fast] = [await connect(server), await connect(server)];
    slow.send(pipeline(['PING'], ['INCRBY', 'cold', '7'], ['MSET', 'cold', '9', 'warm', 'w'], ['ECHO', 'end']));
    expect(await slow.reply()).toBe('+PONG\r\n');
    expect(await fast.call('SET', 'warm', '1')).toBe('+OK\r\n');
    gate.resolve();
    expect(await replies(slow, 3)).toEqual([':7\r\n', '+OK\r\n', '$3\r\nend\r\n']);
    expect(await fast.call('GET', 'warm')).toBe('$1\r\nw\r\n');
  });

  it('writes nothing while the store has no room, and everything afterwards; others read meanwhile', async () => {
    const room = deferred<void>();
    let hasRoom = false;
    const server = await start({
      wrapStore: (store) => replacing(store, { whenWritable: () => (hasRoom ? undefined : room.promise) }),
    });
    const client = await connect(server);
    client.send(pipeline(['SET', 'a', '1'], ['GET', 'a']));
    await until(() => server.resp.statistics().bytesReceived > 0);
    expect(server.resp.statistics().commands).toBe(0);
    const reader = await connect(server);
    reader.send(pipeline(['PING'], ['GET', 'a'], ['MULTI'], ['GET', 'a'], ['EXEC']));
    expect(await replies(reader, 5)).toEqual(['+PONG\r\n', '$-1\r\n', '+OK\r\n', '+QUEUED\r\n', '*1\r\n$-1\r\n']);
    expect(server.resp.statistics().commands).toBe(5);
    hasRoom = true;
    room.resolve();
    expect(await replies(client, 2)).toEqual(['+OK\r\n', '$1\r\n1\r\n']);
  });

  it('takes a command back that failed half-way, without harm to those before it', async () => {
    const server = await start();
    const client = await connect(server);
    client.send(pipeline(['SET', 'a', '1'], ['MSET', 'b', '2', '\0'.repeat(40_000), '3'], ['MGET', 'a', 'b']));
    const [set, mset, mget] = await replies(client, 3);
    expect(set).toBe('+OK\r\n');
    expect(mset).toMatch(/^-ERR key of 40000 bytes exceeds/);
    expect(mget).toBe('*2\r\n$1\r\n1\r\n$-1\r\n');
  });
});

describe('bounds', () => {
  it('takes a large value in pieces and gives it back', async () => {
    const client = await connect(await start());
    const value = Buffer.alloc(5 * 1024 * 1024, 'abcdefg');
    const bytes = Buffer.concat([request('SET', 'big', value), request('ECHO', 'behind')]);
    for (let at = 0; at < bytes.length; at += 700_000) client.send(bytes.subarray(at, at + 700_000));
    expect(await client.reply()).toBe('+OK\r\n');
    expect(await client.reply()).toBe('$6\r\nbehind\r\n');
    expect((await client.call('GET', 'big')) === `$${value.length}\r\n${value.toString('latin1')}\r\n`).toBe(true);
  });

  it('refuses a length beyond the limit before anything is kept for it', async () => {
    const client = await connect(await start({ limits: { bulkBytesMax: 1_000 } }));
    client.send('*2\r\n$3\r\nGET\r\n$1001\r\n');
    expect(await client.rest()).toBe('-ERR Protocol error: invalid bulk length\r\n');
  });

  it('closes a client that does not read its replies', async () => {
    const server = await start({ limits: { outputBytesMax: 1_000_000 } });
    const client = await connect(server);
    await client.call('SET', 'k', 'v'.repeat(100_000));
    client.stopReading();
    for (let i = 0; i < 1_000; i++) client.send(request('GET', 'k'));
    await until(() => server.resp.statistics().connectionsOpen === 0);
  });

  it('answers what it has received when it is drained', async () => {
    const gate = deferred<void>();
    let durable = false;
    const server = await start({
      wrapStore: (store) => replacing(store, { whenDurable: () => (durable ? undefined : gate.promise) }),
    });
    const [busy, idle] = [await connect(server), await connect(server)];
    busy.send(pipeline(['SET', 'a', '1']));
    await until(() => server.resp.statistics().commands === 1);
    const drained = server.resp.drain(5_000);
    expect(await idle.rest()).toBe('');
    durable = true;
    gate.resolve();
    expect(await busy.rest()).toBe('+OK\r\n');
    await drained;
    expect(server.resp.statistics().connectionsOpen).toBe(0);
  });

  it('answers everything before it closes behind a client that has said all', async () => {
    const client = await connect(await start());
    client.send(pipeline(['SET', 'a', '1'], ['DBSIZE'], ['GET', 'a']));
    client.finish();
    expect(await client.rest()).toBe('+OK\r\n:1\r\n$1\r\n1\r\n');
  });

  it('closes behind QUIT and answers nothing that follows', async () => {
    const client = await connect(await start());
    client.send(pipeline(['SET', 'a', '1'], ['QUIT'], ['SET', 'a', '2']));
    expect(await client.rest()).toBe('+OK\r\n+OK\r\n');
  });
});

describe('expiry', () => {
  it('reclaims the space of expired keys that nobody reads', async () => {
    const server = await start();
    const client = await connect(server);
    for (let i = 0; i < 600; i++) client.send(request('SET', `gone${i}`, 'v', 'PX', '1'));
    client.send(request('SET', 'stays', 'v', 'EX', '100'));
    await replies(client, 601);
    await until(async () => (await client.call('EXISTS', 'gone599')) === ':0\r\n');
    await until(async () => {
      await server.partitions.reclaim();
      return (await client.call('DBSIZE')) === ':1\r\n';
    });
    expect(server.partitions.statistics().reclaimedKeys).toBe(600);
  });

  it('reclaims what has expired of the hot entries without a walk, but what is locked', async () => {
    const server = await start();
    const client = await connect(server);
    for (let i = 0; i < 3_000; i++) client.send(request('SET', `gone${i}`, 'v', 'PX', '1'));
    for (let i = 0; i < 300; i++) client.send(request('SET', `stays${i}`, 'v', 'EX', '100'));
    await replies(client, 3_300);
    await until(async () => (await client.call('EXISTS', 'gone2999')) === ':0\r\n');
    const keys = new DatabaseKeys(new Keyspace().kv, 0);
    const holder = server.store.begin();
    await holder.lock(Array.from({ length: 200 }, (_, i) => Buffer.from(keys.encode(Buffer.from(`gone${i}`)))));
    await server.partitions.reclaimHot();
    expect(server.partitions.statistics().reclaimedKeys).toBe(2_800);
    holder.rollback();
    await until(async () => {
      await server.partitions.reclaim();
      return (await client.call('DBSIZE')) === ':300\r\n';
    });
    expect(server.partitions.statistics().reclaimedKeys).toBe(3_000);
  });
});

/** Gives the event loop back until `condition` holds. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
