/** Who looks at the server: MONITOR beside a real Redis (skipped without one) and its bound, ACL LOG, WAITAOF, addresses. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { OperationError } from '../../src/base/errors.ts';
import type { Principals } from '../../src/protocols/resp/authentication.ts';
import type { WriteBatch } from '../../src/storage/store.ts';
import { isRedisInstalled, startRedis } from './redis-reference.ts';
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

async function connect({ port }: { readonly port: number }): Promise<RawClient> {
  const client = await RawClient.connect(port);
  closers.push(() => client.close());
  return client;
}

/** What MONITOR shows of these commands, without times and ports. */
async function shown(port: number, commands: readonly (readonly string[])[]): Promise<string[]> {
  const [monitor, client] = [await connect({ port }), await connect({ port })];
  expect(await monitor.call('MONITOR')).toBe('+OK\r\n');
  for (const args of commands) await client.call(...args);
  await client.call('ECHO', 'the end');
  const lines: string[] = [];
  for (;;) {
    const line = await monitor.reply();
    lines.push(line.replace(/^\+\d{10}\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]/, '+<$1>'));
    if (line.includes('the end')) return lines;
  }
}

/** `batch` whose commit meets a conflict when `fails` says so. */
function failingOnce(batch: WriteBatch, fails: () => boolean): WriteBatch {
  return new Proxy(batch, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'commit') return value.bind(target);
      return (...args: unknown[]) => {
        if (fails()) throw new OperationError('transaction_conflict', 'somebody else was first');
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

const COMMANDS = [
  ['SET', 'k', 'a "b" \\ \r\n\t\x07\x08\0\xff'],
  ['get', 'k'],
  ['INCR', 'k'],
  ['LPOP', 'unknown here', 'and', 'there'],
  ['NOSUCH', 'x'],
  ['GET'],
  ['SELECT', '3'],
  ['MSET', 'a', '1', 'b', '2'],
  ['MULTI'],
  ['INCR', 'a'],
  ['GET', 'a'],
  ['EXEC'],
  ['CONFIG', 'GET', 'maxmemory'],
  ['CLIENT', 'ID'],
  ['KEYS', '*'],
  ['AUTH', 'default', 'secret'],
  ['HELLO', '2', 'SETNAME', 'n', 'AUTH', 'default', 'secret'],
  ['MIGRATE', '127.0.0.1', '1', 'none', '0', '10', 'COPY', 'AUTH2', 'me', 'secret'],
  ['SORT', 'none', 'BY', 'nosort'],
  ['RESTORE', 'r', '0', 'damaged'],
  ['FLUSHALL'],
];

describe('MONITOR', () => {
  it.skipIf(!isRedisInstalled)('shows what Redis shows', async () => {
    const redis = await startRedis();
    closers.push(() => redis.close());
    // What is in no table here is refused unseen.
    const commands = COMMANDS.filter(([name]) => name !== 'LPOP');
    expect(await shown((await start()).port, commands)).toEqual(await shown(redis.port, commands));
  });

  it('serves ioredis', async () => {
    const server = await start();
    const redis = new Redis({ port: server.port, host: '127.0.0.1' });
    closers.push(() => redis.disconnect());
    const monitor = await redis.monitor();
    closers.push(() => monitor.disconnect());
    const seen = new Promise<unknown[]>((resolve) => {
      monitor.on('monitor', (_time: string, args: string[], _source: string, database: string) => {
        if (args[0] === 'set') resolve([args, database]);
      });
    });
    await redis.set('k', 'a "b"');
    expect(await seen).toEqual([['set', 'k', 'a "b"'], '0']);
  });

  it('shows no passwords, and ends with RESET', async () => {
    const server = await start();
    const lines = await shown(server.port, COMMANDS);
    expect(lines.join('')).not.toContain('secret');
    const [monitor, client] = [await connect(server), await connect(server)];
    await monitor.call('MONITOR');
    expect(await client.call('CLIENT', 'LIST')).toContain('flags=O');
    await client.call('GET', 'k');
    expect(await monitor.reply()).toMatch(/"GET" "k"\r\n$/);
    monitor.send(request('RESET'));
    const seen: string[] = [];
    do seen.push(await monitor.reply());
    while (seen.at(-1) !== '+RESET\r\n');
    await client.call('GET', 'k');
    expect(await monitor.call('ECHO', 'quiet')).toBe('$5\r\nquiet\r\n');
  });

  it('shows each command once when their common commit fails and they run again', async () => {
    let commits = 0;
    const server = await start({
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (name === 'writeBatch') return () => failingOnce(target.writeBatch(), () => ++commits === 1);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    const [monitor, client] = [await connect(server), await connect(server)];
    await monitor.call('MONITOR');
    const pipeline = [request('SET', 'a', '1'), request('INCR', 'a'), request('SET', 'b', 'x'.repeat(20_000))];
    client.send(Buffer.concat(pipeline));
    const replies = [await client.reply(), await client.reply(), await client.reply()];
    expect(replies).toEqual(['+OK\r\n', ':2\r\n', '+OK\r\n']);
    expect(commits).toBeGreaterThan(1);
    await client.call('GET', 'a');
    const lines: string[] = [];
    for (let i = 0; i < 4; i++) lines.push(await monitor.reply());
    expect(lines.map((line) => /\] "(\w+)"/.exec(line)?.[1])).toEqual(['SET', 'INCR', 'SET', 'GET']);
    expect(lines[2]).toContain('... (3616 more bytes)');
  });

  it('cuts off who does not read, and no one else', async () => {
    const server = await start();
    const [monitor, client] = [await connect(server), await connect(server)];
    await monitor.call('MONITOR');
    monitor.stopReading();
    const value = 'v'.repeat(16_000);
    let sent = 0;
    // The kernel takes some megabytes, and then 16 MiB are kept.
    while (server.resp.statistics().connectionsOpen > 1) {
      expect(sent++, 'values of 16 kB').toBeLessThan(20_000);
      expect(await client.call('SET', 'k', value)).toBe('+OK\r\n');
    }
    expect(await client.call('GET', 'k')).toBe(`$${value.length}\r\n${value}\r\n`);
  });

  it('is refused inside a transaction', async () => {
    const client = await connect(await start());
    await client.call('MULTI');
    expect(await client.call('MONITOR')).toBe('+QUEUED\r\n');
    expect(await client.call('EXEC')).toBe("*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n");
  });
});

describe('ACL', () => {
  const principals: Principals = {
    required: true,
    names: ['default', 'ada'],
    verify: async (user, password) => (password === 'secret' ? { name: user } : undefined),
  };

  it('tells who there is, and that nobody is changed', async () => {
    const client = await connect(await start({ principals }));
    expect(await client.call('ACL', 'WHOAMI')).toBe('-NOAUTH Authentication required.\r\n');
    await client.call('AUTH', 'ada', 'secret');
    expect(await client.call('ACL', 'WHOAMI')).toBe('$3\r\nada\r\n');
    expect(await client.call('ACL', 'USERS')).toBe('*2\r\n$3\r\nada\r\n$7\r\ndefault\r\n');
    expect(await client.call('ACL', 'LIST')).toContain('user ada on ~* &* +@all');
    expect(await client.call('ACL', 'GETUSER', 'ada')).not.toContain('nopass');
    for (const args of [['SETUSER', 'eve', 'on'], ['DELUSER', 'ada'], ['LOAD'], ['SAVE']]) {
      expect(await client.call('ACL', ...args)).toMatch(/^-ERR users cannot be changed while the server runs/);
    }
    expect(await client.call('ACL', 'GENPASS', '10')).toMatch(/^\$3\r\n[0-9a-f]{3}\r\n$/);
    expect(await client.call('ACL', 'GENPASS')).toMatch(/^\$64\r\n[0-9a-f]{64}\r\n$/);
    expect(await client.call('ACL', 'CAT', 'TRANSACTION')).toMatch(/^\*5\r\n/);
  });

  it('lists refused logins, the same one once with a count', async () => {
    const server = await start({ principals });
    const [stranger, client] = [await connect(server), await connect(server)];
    for (let i = 0; i < 3; i++) await stranger.call('AUTH', 'eve', 'guess');
    await stranger.call('HELLO', '3', 'AUTH', 'ada', 'guess');
    await client.call('AUTH', 'secret');
    const log = await client.call('ACL', 'LOG');
    expect(log).toMatch(
      /^\*2\r\n.*object\r\n\$5\r\nhello\r\n.*username\r\n\$3\r\nada\r\n.*\$5\r\ncount\r\n:3\r\n.*eve/s,
    );
    expect(log).not.toContain('guess');
    expect(await client.call('ACL', 'LOG', '1')).toMatch(/^\*1\r\n/);
    expect(await client.call('ACL', 'LOG', 'RESET')).toBe('+OK\r\n');
    expect(await client.call('ACL', 'LOG')).toBe('*0\r\n');
  });
});

describe('WAITAOF', () => {
  it('waits for the disk where there is one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-waitaof-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    const client = await connect(await start({ directory }));
    await client.call('SET', 'k', 'v');
    expect(await client.call('WAITAOF', '1', '0', '0')).toBe('*2\r\n:1\r\n:0\r\n');
    expect(await client.call('WAITAOF', '0', '1', '10')).toBe('*2\r\n:0\r\n:0\r\n');
  });

  it('refuses where nothing is kept, and what is out of range', async () => {
    const server = await start();
    const client = await connect(server);
    const kept = server.store.durability !== 'memory';
    expect(await client.call('WAITAOF', '1', '0', '0')).toMatch(kept ? /^\*2/ : /^-ERR WAITAOF cannot be used when/);
    const refusals = {
      '2 0 0': 'value is out of range, value must between 0 and 1',
      'x 0 0': 'value is not an integer or out of range',
      '0 -1 0': 'value is out of range, must be positive',
      '0 0 -1': 'timeout is negative',
      '0 0 x': 'timeout is not an integer or out of range',
    };
    for (const [args, refusal] of Object.entries(refusals)) {
      expect(await client.call('WAITAOF', ...args.split(' ')), args).toBe(`-ERR ${refusal}\r\n`);
    }
  });
});

describe('CLIENT', () => {
  it('knows clients by the address they reached', async () => {
    const server = await start();
    const [first, second] = [await connect(server), await connect(server)];
    const address = `127.0.0.1:${server.port}`;
    expect(await first.call('CLIENT', 'INFO')).toContain(` laddr=${address} `);
    expect(await first.call('CLIENT', 'KILL', 'LADDR', '127.0.0.1:1')).toBe(':0\r\n');
    expect(await first.call('CLIENT', 'KILL', 'LADDR', address)).toBe(':1\r\n');
    expect(await second.rest()).toBe('');
  });
});

describe('CONFIG SET timeout', () => {
  it('disconnects who has sent nothing for so long, and neither who waits nor who watches', async () => {
    const server = await start();
    const [silent, speaking, monitor, waiting] = [
      await connect(server),
      await connect(server),
      await connect(server),
      await connect(server),
    ];
    await monitor.call('MONITOR');
    await speaking.call('CONFIG', 'SET', 'timeout', '1');
    await speaking.call('CLIENT', 'PAUSE', '2500', 'WRITE');
    waiting.send(request('SET', 'k', 'v'));
    while (server.resp.statistics().connectionsOpen > 3) await speaking.call('PING');
    expect(await silent.rest()).toBe('');
    let isSet = false;
    const set = waiting.reply().finally(() => {
      isSet = true;
    });
    while (!isSet) await speaking.call('PING');
    expect(await set).toBe('+OK\r\n');
    expect(await monitor.reply()).toContain('"PING"');
    expect(await speaking.call('CONFIG', 'SET', 'timeout', '0')).toBe('+OK\r\n');
  });

  it('refuses with a reason what would have no effect, and takes what holds anyway', async () => {
    const client = await connect(await start());
    for (const [name, value, why] of [
      ['maxmemory', '100mb', 'nothing is evicted'],
      ['maxmemory-policy', 'allkeys-lru', 'nothing is evicted'],
      ['save', '900 1', 'every write is in the log'],
      ['appendonly', 'yes', 'the class of the store'],
      ['notify-keyspace-events', 'KEA', 'no PUBSUB'],
    ] as const) {
      expect(await client.call('CONFIG', 'SET', name, value)).toContain(`(possibly related to argument '${name}') - `);
      expect(await client.call('CONFIG', 'SET', name, value)).toContain(why);
    }
    expect(await client.call('CONFIG', 'SET', 'maxmemory', '0', 'save', '', 'appendonly', 'no')).toBe('+OK\r\n');
  });
});

describe('LATENCY', () => {
  it('keeps the longest time of each second beyond the threshold', async () => {
    const client = await connect(await start());
    await client.call('SET', 'long', 'ab'.repeat(2_500));
    expect(await client.call('LATENCY', 'DOCTOR')).toContain('not monitored');
    await client.call('LCS', 'long', 'long', 'LEN');
    expect(await client.call('LATENCY', 'LATEST')).toBe('*0\r\n');
    await client.call('CONFIG', 'SET', 'latency-monitor-threshold', '10');
    // On a busy machine a command that had to wait for a processor is among them, this one first.
    const none = async (): Promise<unknown> => {
      await client.call('LATENCY', 'RESET');
      return client.call('LATENCY', 'LATEST');
    };
    await expect.poll(none).toBe('*0\r\n');
    await client.call('LCS', 'long', 'long', 'LEN');
    const latest = await client.call('LATENCY', 'LATEST');
    expect(latest).toMatch(/^\*1\r\n\*4\r\n\$7\r\ncommand\r\n:\d{10}\r\n:(\d+)\r\n:\1\r\n$/);
    const [, atS, ms] = /:(\d{10})\r\n:(\d+)/.exec(latest)!;
    expect(await client.call('LATENCY', 'HISTORY', 'command')).toBe(`*1\r\n*2\r\n:${atS}\r\n:${ms}\r\n`);
    expect(await client.call('LATENCY', 'GRAPH', 'command')).toContain(
      `command - high ${ms} ms, low ${ms} ms (all time high ${ms} ms)\n${'-'.repeat(80)}\n_\n`,
    );
    expect(await client.call('LATENCY', 'DOCTOR')).toContain(`at worst ${ms} ms`);
    expect(await client.call('LATENCY', 'RESET', 'none', 'command', 'command')).toBe(':1\r\n');
    expect(await client.call('LATENCY', 'HISTORY', 'command')).toBe('*0\r\n');
  });
});
