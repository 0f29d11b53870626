/** MULTI, EXEC, WATCH, SWAPDB, SCAN and CLIENT on this server alone: what a comparison with Redis cannot show. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred } from '../../src/base/awaitable.ts';
import { OperationError } from '../../src/base/errors.ts';
import { DatabaseKeys } from '../../src/models/keyvalue/keys.ts';
import { Keyspace } from '../../src/storage/keyspace.ts';
import type { Store, Transaction } from '../../src/storage/store.ts';
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

async function run(client: RawClient, ...commands: readonly (readonly string[])[]): Promise<string[]> {
  client.send(Buffer.concat(commands.map((args) => request(...args))));
  const replies: string[] = [];
  for (const _ of commands) replies.push(await client.reply());
  return replies;
}

/** `target` with some members replaced. */
function replacing<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(inner, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name);
      const value: unknown = Reflect.get(inner, name, inner);
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}

const keyOf = (text: string) => Buffer.from(new DatabaseKeys(new Keyspace().kv, 0).encode(Buffer.from(text)));
const storedText = (text: string) => Buffer.from(`\x01\x00${text}`, 'latin1');
const QUEUED = '+QUEUED\r\n';
const OK = '+OK\r\n';
const ABORTED = '*-1\r\n';

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

describe('EXEC', () => {
  it('is one commit over keys of many partitions and databases', async () => {
    const server = await start();
    const client = await connect(server);
    const sets = Array.from({ length: 50 }, (_, i) => ['SET', `key${i}`, String(i)]);
    const before = server.store.statistics().commits;
    const replies = await run(
      client,
      ['MULTI'],
      ...sets,
      ['SELECT', '3'],
      ['SET', 'other', 'x'],
      ['GET', 'key1'],
      ['EXEC'],
    );
    expect(server.store.statistics().commits - before).toBe(1);
    expect(replies[0]).toBe(OK);
    expect(replies.slice(1, -1).every((reply) => reply === QUEUED)).toBe(true);
    expect(replies.at(-1)).toBe(`*53\r\n${OK.repeat(52)}$-1\r\n`);
    expect(await run(client, ['GET', 'other'], ['SELECT', '0'], ['GET', 'key49'])).toEqual([
      '$1\r\nx\r\n',
      OK,
      '$2\r\n49\r\n',
    ]);
  });

  it('reads its own writes, walks over them, and keeps what others see until the end', async () => {
    const server = await start();
    const client = await connect(server);
    await run(client, ['MSET', 'a', '1', 'b', '2']);
    const [, , , , , exec] = await run(
      client,
      ['MULTI'],
      ['FLUSHALL'],
      ['SET', 'c', '3'],
      ['DBSIZE'],
      ['KEYS', '*'],
      ['EXEC'],
    );
    expect(exec).toBe(`*4\r\n${OK}${OK}:1\r\n*1\r\n$1\r\nc\r\n`);
  });

  it('keeps the others when one command fails, and nothing of the one that failed half-way', async () => {
    const client = await connect(await start());
    const tooLong = '\0'.repeat(40_000);
    const replies = await run(
      client,
      ['MULTI'],
      ['SET', 'a', 'x'],
      ['MSET', 'b', '2', tooLong, '3'],
      ['INCR', 'a'],
      ['SET', 'c', '4'],
      ['EXEC'],
      ['MGET', 'a', 'b', 'c'],
    );
    expect(replies.at(-2)).toMatch(
      /^\*4\r\n\+OK\r\n-ERR key of 40000 bytes .*\r\n-ERR value is not an integer .*\r\n\+OK\r\n$/,
    );
    expect(replies.at(-1)).toBe('*3\r\n$1\r\nx\r\n$-1\r\n$1\r\n4\r\n');
  });

  it('answers with the error of its commit and has then done nothing', async () => {
    let full = false;
    const wrapStore = (store: Store): Store =>
      replacing(store, {
        begin: (options) => {
          const transaction = store.begin(options);
          return replacing<Transaction>(transaction, {
            commitVisible: () => {
              if (!full) return transaction.commitVisible();
              throw new OperationError('disk_full', 'no space is left');
            },
          });
        },
      });
    const client = await connect(await start({ wrapStore }));
    full = true;
    expect((await run(client, ['MULTI'], ['SET', 'a', '1'], ['EXEC'])).at(-1)).toBe('-MISCONF no space is left\r\n');
    full = false;
    expect(await run(client, ['GET', 'a'], ['EXEC'])).toEqual(['$-1\r\n', '-ERR EXEC without MULTI\r\n']);
  });

  it('waits for a key that a transaction has locked, and then sees what that wrote', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    await run(one, ['SET', 'k', '1']);
    const transaction = server.store.begin();
    await transaction.lock([keyOf('k')]);
    one.send(Buffer.concat([['MULTI'], ['INCR', 'k'], ['SET', 'x', '1'], ['EXEC']].map((args) => request(...args))));
    expect([await one.reply(), await one.reply(), await one.reply()]).toEqual([OK, QUEUED, QUEUED]);
    expect(await other.call('SET', 'y', '1')).toBe(OK); // Others go on.
    transaction.put(keyOf('k'), storedText('41'));
    await transaction.commit();
    expect(await one.reply()).toBe('*2\r\n:42\r\n+OK\r\n');
  });

  it('runs again when what it read from disk has changed meanwhile', async () => {
    const gates = [deferred<void>(), deferred<void>()];
    let reads = 0;
    const wrapStore = (store: Store): Store =>
      replacing(store, {
        begin: (options) => {
          const transaction = store.begin(options);
          return replacing<Transaction>(transaction, {
            get: (key) => {
              if (!Buffer.from(key).includes('cold')) return transaction.get(key);
              const gate = gates[Math.min(reads++, 1)]!;
              return Promise.resolve(transaction.get(key)).then((value) => gate.promise.then(() => value));
            },
          });
        },
      });
    const server = await start({ wrapStore });
    const [slow, fast] = [await connect(server), await connect(server)];
    await run(fast, ['SET', 'cold', '1']);
    slow.send(Buffer.concat([['MULTI'], ['INCR', 'cold'], ['EXEC'], ['PING']].map((args) => request(...args))));
    await until(() => reads === 1);
    expect(await fast.call('SET', 'cold', '10')).toBe(OK);
    gates[0]!.resolve();
    await until(() => reads === 2);
    gates[1]!.resolve();
    expect([await slow.reply(), await slow.reply(), await slow.reply()]).toEqual([OK, QUEUED, '*1\r\n:11\r\n']);
    expect(await slow.reply()).toBe('+PONG\r\n');
  });

  it('refuses a queue beyond its bound, and runs nothing of it', async () => {
    const client = await connect(await start({ limits: { inputBytesMax: 10_000 } }));
    await run(client, ['MULTI']);
    for (let i = 0; i < 3; i++) client.send(request('SET', `k${i}`, 'v'.repeat(4_000)));
    expect([await client.reply(), await client.reply()]).toEqual([QUEUED, QUEUED]);
    expect(await client.reply()).toMatch(/^-ERR the commands of a transaction exceed/);
    expect(await run(client, ['EXEC'], ['DBSIZE'])).toEqual([
      '-EXECABORT Transaction discarded because of previous errors.\r\n',
      ':0\r\n',
    ]);
  });

  it('serves transactions of ioredis', async () => {
    const server = await start();
    const redis = new Redis({ port: server.port, host: '127.0.0.1' });
    closers.push(() => redis.disconnect());
    expect(await redis.multi().set('a', '1').incr('a').get('a').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2'],
    ]);
    await redis.watch('a');
    const other = redis.duplicate();
    closers.push(() => other.disconnect());
    await other.set('a', '5');
    expect(await redis.multi().incr('a').exec()).toBeNull();
  });

  it('loses no increment of clients that watch, read and write', async () => {
    const server = await start();
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(server)));
    let aborted = 0;
    await Promise.all(
      clients.map(async (client) => {
        for (let done = 0; done < 25; ) {
          await client.call('WATCH', 'n');
          const [, value = '0'] = (await client.call('GET', 'n')).split('\r\n');
          const replies = await run(client, ['MULTI'], ['SET', 'n', String(Number(value) + 1)], ['EXEC']);
          if (replies[2] === ABORTED) aborted++;
          else done++;
        }
      }),
    );
    expect(await clients[0]!.call('GET', 'n')).toBe('$3\r\n200\r\n');
    expect(aborted).toBeGreaterThan(0);
  });
});

describe('WATCH', () => {
  const exec = async (client: RawClient) => (await run(client, ['MULTI'], ['SET', 'done', '1'], ['EXEC']))[2];

  it('notices a write of any other origin, even of the same value', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    const write = async () => {
      const transaction = server.store.begin();
      transaction.put(keyOf('k'), storedText('v'));
      await transaction.commit();
    };
    const changes: readonly (() => Promise<unknown>)[] = [
      () => other.call('SET', 'k', 'v'),
      write,
      () => other.call('DEL', 'k'),
      () => other.call('EXPIRE', 'k', '100'),
      () => other.call('FLUSHALL'),
      () => other.call('SWAPDB', '0', '1'),
      () => run(other, ['MULTI'], ['APPEND', 'k', 'x'], ['EXEC']),
      () => run(other, ['MULTI'], ['SET', 'other', 'x'], ['DEL', 'other'], ['EXEC']),
      () => run(other, ['SET', 'other', 'x'], ['GETDEL', 'other']),
      () => run(other, ['SET', 'other', 'x'], ['FLUSHDB']),
      () => run(other, ['SET', 'other', 'x'], ['SWAPDB', '0', '1']),
      () => one.call('SET', 'k', 'v'),
    ];
    for (const [i, change] of changes.entries()) {
      await run(one, ['SET', 'k', 'v'], ['WATCH', 'other', 'k']);
      await change();
      expect(await exec(one), `change ${i}`).toBe(ABORTED);
      expect(await exec(one), 'what was watched is forgotten').toBe('*1\r\n+OK\r\n');
    }
  });

  it('is not disturbed by what changes nothing', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    await run(one, ['SET', 'k', 'v'], ['WATCH', 'k', 'none']); // Its own write before, in the same chunk.
    await run(
      other,
      ['SETBIT', 'k', '1', '1'],
      ['BITFIELD', 'k', 'SET', 'u8', '0', String('v'.charCodeAt(0)), 'INCRBY', 'u8', '0', '0'],
      ['GET', 'k'],
      ['SETNX', 'k', 'w'],
      ['INCR', 'k'],
      ['DEL', 'none'],
      ['SET', 'near', '1'],
      ['SELECT', '1'],
    );
    await run(other, ['SET', 'k', 'elsewhere'], ['FLUSHDB']);
    expect(await exec(one)).toBe('*1\r\n+OK\r\n');
  });

  it('notices what a transaction has written and flushed again', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    const flushes: readonly (readonly [string, ...string[][]])[] = [
      [ABORTED, ['SET', 'k', 'v'], ['FLUSHDB']],
      [ABORTED, ['SET', 'k', 'v'], ['DEL', 'k'], ['FLUSHALL']],
      [ABORTED, ['SWAPDB', '0', '1'], ['SET', 'k', 'v'], ['FLUSHALL']],
      ['*1\r\n+OK\r\n', ['SET', 'near', 'v'], ['FLUSHDB']],
      ['*1\r\n+OK\r\n', ['FLUSHALL']],
    ];
    for (const [expected, ...commands] of flushes) {
      await run(one, ['FLUSHALL'], ['WATCH', 'k']);
      await run(other, ['MULTI'], ...commands, ['EXEC']);
      expect(await exec(one), commands.join(' ')).toBe(expected);
    }
  });

  it('follows a database that is swapped', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    await run(one, ['WATCH', 'k']);
    await run(other, ['SWAPDB', '0', '1']);
    await run(other, ['SELECT', '1'], ['SET', 'k', 'not here']);
    expect(await exec(one)).toBe('*1\r\n+OK\r\n');
    await run(one, ['WATCH', 'k']);
    await run(other, ['SWAPDB', '0', '1']);
    expect(await exec(one)).toBe(ABORTED);
  });

  it('listens to the store only while something is watched', async () => {
    let listeners = 0;
    const wrapStore = (store: Store): Store =>
      replacing(store, {
        watch: (range, listener) => {
          listeners++;
          const stop = store.watch(range, listener);
          return () => {
            listeners--;
            stop();
          };
        },
      });
    const server = await start({ wrapStore });
    const idle = listeners;
    const [one, other] = [await connect(server), await connect(server)];
    await run(one, ['WATCH', 'a', 'b', 'a']);
    await run(other, ['WATCH', 'a']);
    expect(listeners).toBe(idle + 1);
    await run(one, ['UNWATCH']);
    expect(listeners).toBe(idle + 1);
    other.close();
    await until(() => listeners === idle);
  });
});

describe('SWAPDB', () => {
  it('exchanges databases for everyone at once, and after a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-resp-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    const first = await startRespServer({ directory });
    const client = await RawClient.connect(first.port);
    await run(
      client,
      ['SET', 'k', 'zero'],
      ['SELECT', '1'],
      ['SET', 'k', 'one'],
      ['SWAPDB', '0', '1'],
      ['SWAPDB', '1', '2'],
    );
    expect(await run(client, ['GET', 'k'], ['SELECT', '2'], ['GET', 'k'], ['SELECT', '0'], ['GET', 'k'])).toEqual([
      '$-1\r\n',
      OK,
      '$4\r\nzero\r\n',
      OK,
      '$3\r\none\r\n',
    ]);
    client.close();
    await first.close();
    const again = await connect(await start({ directory }));
    expect(await run(again, ['GET', 'k'], ['MOVE', 'k', '5'], ['SELECT', '5'], ['GET', 'k'])).toEqual([
      '$3\r\none\r\n',
      ':1\r\n',
      OK,
      '$3\r\none\r\n',
    ]);
  });
});

describe('SCAN', () => {
  async function scan(client: RawClient, cursor: string, count: number): Promise<{ next: string; keys: string[] }> {
    const parts = (await client.call('SCAN', cursor, 'COUNT', String(count))).split('\r\n');
    return { next: parts[2]!, keys: parts.slice(4).filter((_, i) => i % 2 === 1) };
  }

  it('returns every key that is there throughout, whatever else happens', async () => {
    const server = await start();
    const [client, other] = [await connect(server), await connect(server)];
    const stable = Array.from({ length: 300 }, (_, i) => `stable:${i}`);
    await run(client, ...stable.map((key) => ['SET', key, 'v']), ...stable.map((key) => ['SET', `${key}x`, 'v']));
    const found = new Set<string>();
    let cursor = '0';
    let step = 0;
    do {
      const { next, keys } = await scan(client, cursor, 7);
      for (const key of keys) found.add(key);
      const last = keys.at(-1);
      if (last?.endsWith('x')) await other.call('DEL', last);
      await other.call('SET', `new:${step++}`, 'v');
      cursor = next;
    } while (cursor !== '0');
    expect(stable.filter((key) => !found.has(key))).toEqual([]);
  });

  it('goes on from cursors that were forgotten, and begins anew when their key is gone', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-resp-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    const first = await startRespServer({ directory });
    const client = await RawClient.connect(first.port);
    await run(client, ...Array.from({ length: 100 }, (_, i) => ['SET', `k${String(i).padStart(3, '0')}`, 'v']));
    const { next } = await scan(client, '0', 30);
    client.close();
    await first.close();
    const again = await connect(await start({ directory }));
    expect((await scan(again, next, 1_000)).keys).toHaveLength(70);
    await again.call('DEL', 'k029');
    expect((await scan(await connect(await start()), next, 1_000)).keys).toEqual([]);
    const restarted = await scan(again, '4503599627370495', 1_000); // A cursor that nobody was given.
    expect(restarted.keys).toHaveLength(99);
    expect(restarted.next).toBe('0');
  });
});

describe('CLIENT', () => {
  it('lists, names and kills connections', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    await run(one, ['CLIENT', 'SETNAME', 'first'], ['SELECT', '2'], ['MULTI']);
    const list = await other.call('CLIENT', 'LIST');
    expect(list).toMatch(
      /id=1 addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ fd=-1 name=first .* flags=x db=2 .* multi=0 .* cmd=multi user=default /,
    );
    expect(list).toMatch(/id=2 .* cmd=client\|list /);
    expect(await other.call('CLIENT', 'KILL', 'ID', '1')).toBe(':1\r\n');
    expect(await one.rest()).toContain('');
    expect(await other.call('CLIENT', 'KILL', 'SKIPME', 'no', 'TYPE', 'normal')).toBe(':1\r\n');
    expect(await other.rest()).toBe('');
    await until(() => server.resp.statistics().connectionsOpen === 0);
  });

  it('withholds the replies that a client does not want', async () => {
    const client = await connect(await start());
    client.send(
      Buffer.concat(
        [
          ['CLIENT', 'REPLY', 'SKIP'],
          ['SET', 'a', '1'],
          ['GET', 'a'],
          ['CLIENT', 'REPLY', 'OFF'],
          ['INCR', 'a'],
          ['DBSIZE'],
          ['NOSUCH'],
          ['CLIENT', 'REPLY', 'ON'],
          ['GET', 'a'],
        ].map((args) => request(...args)),
      ),
    );
    expect([await client.reply(), await client.reply(), await client.reply()]).toEqual([
      '$1\r\n1\r\n',
      OK,
      '$1\r\n2\r\n',
    ]);
  });

  it('pauses writes, or everything, until the end of the pause', async () => {
    const server = await start();
    const [one, other] = [await connect(server), await connect(server)];
    await run(other, ['CLIENT', 'PAUSE', '100000', 'WRITE']);
    one.send(Buffer.concat([request('GET', 'a'), request('SET', 'a', '1'), request('GET', 'a')]));
    expect(await one.reply()).toBe('$-1\r\n');
    expect(await other.call('GET', 'a')).toBe('$-1\r\n');
    expect(await other.call('CLIENT', 'UNPAUSE')).toBe(OK);
    expect([await one.reply(), await one.reply()]).toEqual([OK, '$1\r\n1\r\n']);
    await run(other, ['CLIENT', 'PAUSE', '30']);
    expect(await one.call('GET', 'a')).toBe('$1\r\n1\r\n');
  });
});

describe('what is slow', () => {
  it('is listed with its arguments, shortened', async () => {
    const client = await connect(await start());
    await run(client, ['CONFIG', 'SET', 'slowlog-log-slower-than', '0'], ['SLOWLOG', 'RESET']);
    await run(
      client,
      ['GET', 'constant'],
      ['TOUCH', ...Array.from({ length: 40 }, (_, i) => `${i}${'x'.repeat(200)}`)],
    );
    const [log] = await run(client, ['SLOWLOG', 'GET', '10']);
    expect(log).toMatch(/^\*\d+\r\n\*6\r\n:\d+\r\n:\d+\r\n:\d+\r\n\*32\r\n\$5\r\nTOUCH\r\n/);
    expect(log).toContain(`0${'x'.repeat(127)}... (73 more bytes)`);
    expect(log).toContain('... (10 more arguments)');
    expect(log).toContain('constant');
  });
});
