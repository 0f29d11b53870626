/**
 * This server beside a real Redis 7: random commands byte for byte (see `resp-differential.ts`), and by themselves what answers
 * in an order or with times of its own: walks over keys, DUMP with compression, expiry, COMMAND.
 *
 * Needs `redis-server` in the path; without it the suite is skipped and says so.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { newCommandTable } from '../../src/protocols/resp/command-table.ts';
import { isRedisInstalled, type RedisReference, startRedis } from './redis-reference.ts';
import { RawClient, request } from './resp-client.ts';
import { runDifferential } from './resp-differential.ts';
import { startRespServer, type TestServer } from './resp-server.ts';
import { runStreams } from './resp-streams.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 20_240_607);
if (!isRedisInstalled) console.warn('skipped: redis-server is not installed, so there is nothing to compare with');

describe.skipIf(!isRedisInstalled)('beside a real Redis 7', () => {
  let redis: RedisReference;
  let server: TestServer;

  beforeAll(async () => {
    redis = await startRedis();
    server = await startRespServer();
  });

  afterAll(async () => {
    await server?.close();
    await redis?.close();
  });

  async function both(): Promise<readonly [theirs: RawClient, ours: RawClient]> {
    const clients = [await RawClient.connect(redis.port), await RawClient.connect(server.port)] as const;
    for (const client of clients) await client.call('FLUSHALL');
    return clients;
  }

  for (const protocol of ['2', '3'] as const) {
    it(`answers like Redis to random commands in RESP${protocol}`, async () => {
      await runDifferential({ seed: SEED, commands: 10_000, protocols: [protocol] });
    });
  }

  it('answers like Redis to long streams cut anywhere, whatever they turn off and on', async () => {
    await runStreams({ seed: SEED, commands: 15_000 });
  });

  it('answers commands of thousands of keys like Redis, whatever is there of them, and others see all or nothing', async () => {
    const clients = await both();
    const watchers = [await RawClient.connect(redis.port), await RawClient.connect(server.port)];
    const keys = Array.from({ length: 5_000 }, (_, i) => `key:${i}`);
    const some = [...keys.filter((_, i) => i % 3 > 0), 'none', 'key:1', 'key:1'];
    const values = (text: string) => keys.flatMap((key, i) => [key, `${text} ${'x'.repeat(i % 300)}`]);
    const steps: readonly (readonly string[])[] = [
      ['MSET', ...values('a')],
      ['MGET', ...some],
      ['SET', 'key:7', 'gone', 'PX', '1'],
      ['SET', 'key:8', 'stays', 'EX', '1000'],
      ['EXISTS', ...some],
      ['TOUCH', ...some],
      ['MGET', ...some],
      ['MSET', ...values('b'), 'key:9', 'last'],
      ['MSET', ...values('c'), 'odd'],
      ['TTL', 'key:8'],
      ['MGET', ...keys],
      ['UNLINK', ...some.slice(0, 1_000)],
      ['DEL', ...some],
      ['DEL', ...keys],
      ['EXISTS', ...keys],
      ['DBSIZE'],
      ['MSETNX', ...values('d')],
      ['MSETNX', ...values('e'), 'none', 'x'],
      ['EXISTS', 'none', 'key:4999'],
      ['MGET', ...keys],
      ['DEL', ...keys],
      ['SET', 'key:7', 'gone', 'PX', '1'],
      ['EXISTS', 'none'],
      ['MSETNX', ...values('f')],
      ['TTL', 'key:7'],
    ];
    for (const step of steps) {
      if (step[0] === 'EXISTS') await new Promise((resolve) => setTimeout(resolve, 5));
      const [theirs, ours] = await Promise.all(
        clients.map(async (client, i) => {
          const seen = watchers[i]!.call('EXISTS', ...keys.slice(0, 70).filter((_, n) => n !== 7));
          const reply = await client.call(...step);
          await seen;
          return reply;
        }),
      );
      expect(ours, step[0]).toBe(theirs);
    }
    for (const client of [...clients, ...watchers]) client.close();
  });

  it('takes a long command that comes in small pieces like Redis', async () => {
    const clients = await both();
    const pairs = Array.from({ length: 3_000 }, (_, i) => [`k${i}`, String(i).repeat(1 + (i % 40))]).flat();
    const bytes = Buffer.concat([request('SET', 'a', '1'), request('MSET', ...pairs), request('GET', 'k2999')]);
    for (const client of clients) {
      for (let at = 0; at < bytes.length; at += 1_021) {
        client.send(bytes.subarray(at, at + 1_021));
        if (at % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    for (let i = 0; i < 3; i++) expect(await clients[1].reply()).toBe(await clients[0].reply());
    const names = pairs.filter((_, i) => i % 2 === 0);
    expect(await clients[1].call('MGET', ...names)).toBe(await clients[0].call('MGET', ...names));
    for (const client of clients) client.close();
  });

  it('keeps times of expiry exactly, up to the last there is, and refuses those beyond in the words of Redis', async () => {
    const clients = await both();
    const times = [
      '9007199254740991',
      '9007199254740992',
      '9007199254740993',
      '9223372036854774999',
      '9223372036854775',
      '9223372036854775000',
      '9223372036854775807',
      '9223372036854775808',
      '9223372036854776',
      '-9223372036854775',
      '-9223372036854776',
      '-9223372036854775808',
    ];
    const ask = async (...command: readonly string[]): Promise<void> => {
      const [theirs, ours] = await Promise.all(clients.map((client) => client.call(...command)));
      expect(ours, command.join(' ')).toBe(theirs);
    };
    for (const time of times) {
      for (const [name, ...more] of [
        ['SET', 'v', 'PXAT'],
        ['SET', 'v', 'EXAT'],
        ['SET', 'v', 'EX'],
        ['GETEX', 'PXAT'],
        ['PEXPIREAT'],
        ['EXPIREAT'],
        ['EXPIRE'],
      ] as const) {
        await ask('SET', 'k', 'v');
        await ask(name, 'k', ...more, time);
        await ask('EXISTS', 'k');
        if (name === 'EXPIRE' || more[1] === 'EX') continue;
        for (const look of ['PEXPIRETIME', 'EXPIRETIME']) await ask(look, 'k');
        await ask('COPY', 'k', 'copy', 'REPLACE');
        await ask('APPEND', 'copy', 'x');
        await ask('PEXPIRETIME', 'copy');
        for (const condition of ['GT', 'LT', 'XX', 'NX']) {
          await ask('PEXPIREAT', 'k', '9007199254740994', condition);
          await ask('PEXPIRETIME', 'k');
        }
      }
      for (const name of ['PEXPIRE', 'EXPIRE']) {
        await ask('SET', 'k', 'v');
        await ask(name, 'k', time);
        await ask('EXISTS', 'k');
      }
      await ask('RESTORE', 'r', time, '\0\x01v\x0a\0\x0f\xee\x1fM\xbc\xd1\xbfL', 'REPLACE');
      await ask('RESTORE', 'r', time, '\0\x01v\x0a\0\x0f\xee\x1fM\xbc\xd1\xbfL', 'REPLACE', 'ABSTTL');
      await ask('PEXPIRETIME', 'r');
    }
    for (const client of clients) client.close();
  });

  it('aborts who watches as Redis does, whatever transactions swap, write and delete in between', async () => {
    const random = new SeededRandom(`${SEED}/watch`);
    const [watching, writing] = [await both(), await both()];
    const database = (): string => String(random.int(3));
    const key = (): string => random.pick(['a', 'b']);
    const change = (): readonly string[] =>
      random.pick([
        () => ['SET', key(), String(random.int(9))],
        () => ['DEL', key()],
        () => ['SWAPDB', database(), database()],
        () => ['SWAPDB', database(), database()],
        () => ['SELECT', database()],
        () => ['FLUSHDB'],
        () => ['MOVE', key(), database()],
        () => ['GETDEL', key()],
      ])();
    for (let round = 0; round < 400; round++) {
      const told: string[] = [];
      const ask = async (clients: readonly RawClient[], ...command: readonly string[]): Promise<void> => {
        const [theirs, ours] = await Promise.all(clients.map((client) => client.call(...command)));
        told.push(`${clients === watching ? 'watching' : 'writing'}: ${command.join(' ')} ${theirs}`);
        expect(ours, `ORBIT_TEST_SEED=${SEED}, round ${round}\n${told.join('')}`).toBe(theirs);
      };
      for (const clients of [watching, writing]) await ask(clients, 'SELECT', '0');
      await ask(writing, 'FLUSHALL');
      for (let i = random.int(4); i > 0; i--) await ask(writing, ...change());
      await ask(watching, 'SELECT', database());
      await ask(watching, 'WATCH', key());
      for (let i = random.int(3); i > 0; i--) {
        if (random.chance(0.3)) await ask(writing, ...change());
        else {
          await ask(writing, 'MULTI');
          for (let queued = 1 + random.int(4); queued > 0; queued--) await ask(writing, ...change());
          await ask(writing, 'EXEC');
        }
      }
      for (const command of ['MULTI', 'PING', 'EXEC']) await ask(watching, command);
    }
    for (const client of [...watching, ...writing]) client.close();
  });

  it('counts keys like Redis', async () => {
    const clients = [await RawClient.connect(redis.port), await RawClient.connect(server.port)];
    const counts = await Promise.all(
      clients.map(async (client) => {
        await client.call('FLUSHALL');
        const replies = [await client.call('DBSIZE')];
        for (let i = 0; i < 500; i++) client.send(request('SET', `key${i % 300}`, 'v'));
        client.send(request('DEL', 'key1', 'key2', 'none') + request('DBSIZE').toString());
        for (let i = 0; i < 502; i++) replies.push(await client.reply());
        replies.push(await client.call('SELECT', '3'), await client.call('DBSIZE'));
        client.close();
        return replies;
      }),
    );
    expect(counts[1]).toEqual(counts[0]);
    expect(counts[1]!.at(-3)).toBe(':298\r\n');
  });

  it('ends a connection with the same words after a protocol error', async () => {
    for (const bytes of [
      '*1\r\n+PING\r\n',
      '*x\r\n',
      '*1\r\n$-1\r\n',
      'PING\r\n*2\r\n$4\r\nECHO\r\n$x\r\n',
      'set a "b\r\n',
      '*1\r\n$99999999999\r\n',
      `*${'1'.repeat(70_000)}`,
      'a'.repeat(70_000),
    ]) {
      const [theirs, ours] = [await RawClient.connect(redis.port), await RawClient.connect(server.port)];
      theirs.send(bytes);
      ours.send(bytes);
      expect(await ours.rest(), bytes.slice(0, 40)).toBe(await theirs.rest());
    }
  });

  it('finds with KEYS and SCAN what Redis finds, whatever the count', async () => {
    const [theirs, ours] = await both();
    const keys = Array.from({ length: 700 }, (_, i) => `${['user:', 'u\\0', '', 'x[y'][i % 4]}${i * 7919}`);
    for (const client of [theirs, ours]) {
      client.send(Buffer.concat(keys.map((key) => request('SET', key, 'v'))));
      for (const _ of keys) await client.reply();
    }
    for (const pattern of [
      '*',
      'user:*',
      '*7*',
      'u?1*',
      '[ux]*',
      'x\\[y*',
      '[^u]*9',
      'user:[0-9][0-9]*',
      'nope*',
      '*\0*',
    ]) {
      const expected = elementsOf(await theirs.call('KEYS', pattern)).sort();
      expect(elementsOf(await ours.call('KEYS', pattern)).sort(), pattern).toEqual(expected);
      for (const count of ['1', '10', '1000']) {
        const found = await scanAll(ours, 'MATCH', pattern, 'COUNT', count);
        expect([...new Set(found)].sort(), `${pattern} by ${count}`).toEqual(expected);
      }
    }
    expect(await scanAll(ours, 'TYPE', 'hash')).toEqual([]);
    expect(await scanAll(ours, 'TYPE', 'string', 'COUNT', '100')).toHaveLength(700);
    for (const client of [theirs, ours]) client.close();
  });

  it('exchanges dumped values with Redis in both directions, compressed ones too', async () => {
    const [theirs, ours] = await both();
    await theirs.call('CONFIG', 'SET', 'rdbcompression', 'yes');
    const values = [
      '',
      'a',
      '0',
      '-129',
      '70000',
      '-2147483648',
      '2147483648',
      '007',
      'ab'.repeat(40),
      'x'.repeat(20_000),
    ];
    values.push(Array.from({ length: 3_000 }, (_, i) => `${i % 97},`).join(''), '\0\xff'.repeat(9_000));
    for (const value of values) {
      for (const [from, to] of [
        [theirs, ours],
        [ours, theirs],
      ] as const) {
        await from.call('SET', 'k', value);
        const [payload] = elementsOf(`*1\r\n${await from.call('DUMP', 'k')}`);
        expect(await to.call('RESTORE', 'copy', '0', payload!, 'REPLACE')).toBe('+OK\r\n');
        expect((await to.call('GET', 'copy')) === `$${value.length}\r\n${value}\r\n`, value.slice(0, 20)).toBe(true);
      }
    }
    await theirs.call('RPUSH', 'list', 'a');
    const [list] = elementsOf(`*1\r\n${await theirs.call('DUMP', 'list')}`);
    expect(await ours.call('RESTORE', 'l', '0', list!)).toMatch(
      /^-ERR RESTORE takes strings only; this payload has RDB type/,
    );
    await theirs.call('CONFIG', 'SET', 'rdbcompression', 'no');
    for (const client of [theirs, ours]) client.close();
  });

  it('lets values go at the millisecond of their expiry, and watched ones abort', async () => {
    const [theirs, ours] = await both();
    const script = [
      ['SET', 'k', 'v', 'PX', '2000'],
      ['SET', 'w', 'v', 'PX', '2000'],
      ['WATCH', 'w'],
      ['MULTI'],
      ['SET', 'never', '1'],
    ];
    const afterwards = [
      ['EXEC'],
      ['GET', 'k'],
      ['EXISTS', 'k', 'w'],
      ['TTL', 'k'],
      ['RENAME', 'k', 'x'],
      ['SETNX', 'k', 'n'],
      ['TTL', 'k'],
    ];
    const answers = await Promise.all(
      [theirs, ours].map(async (client) => {
        const replies: string[] = [];
        for (const args of script) replies.push(await client.call(...args));
        const poller = await RawClient.connect(client === theirs ? redis.port : server.port);
        while ((await poller.call('EXISTS', 'k', 'w')) !== ':0\r\n');
        poller.close();
        for (const args of afterwards) replies.push(await client.call(...args));
        return replies;
      }),
    );
    expect(answers[1]).toEqual(answers[0]);
    for (const client of [theirs, ours]) client.close();
  });

  it('counts calls, failures, refusals and kinds of errors as Redis does', async () => {
    const told = await Promise.all(
      (await both()).map(async (client) => {
        await client.call('CONFIG', 'RESETSTAT');
        for (const args of [
          ['SET', 'a', 'x'],
          ['GET', 'a'],
          ['get', 'a'],
          ['GET'],
          ['INCR', 'a'],
          ['INCR', 'n'],
          ['INCRBY', 'n', 'x'],
          ['SET', 'a', '1', 'BOGUS'],
          ['MSET', 'a', '1', 'b', '2'],
          ['DEL', 'a', 'b', 'c'],
          ['EXPIRE', 'n', '10', 'FOO'],
          ['STRLEN', 'n'],
          ['RENAME', 'none', 'x'],
          ['COPY', 'n', 'm'],
          ['OBJECT', 'ENCODING', 'none'],
          ['OBJECT', 'NOSUCH'],
          ['CONFIG', 'GET', 'databases'],
          ['CLIENT', 'KILL', '1.1.1.1:1'],
          ['AUTH', 'x', 'y'],
          ['NOSUCH'],
          ['MULTI'],
          ['INCR', 'n'],
          ['LCS', 'n', 'n', 'IDX', 'LEN'],
          ['EXEC'],
          ['MULTI'],
          ['NOSUCH'],
          ['EXEC'],
          ['EXEC'],
          ['SCAN', 'x'],
        ]) {
          await client.call(...args);
        }
        const sections = [await client.call('INFO', 'commandstats'), await client.call('INFO', 'errorstats')];
        client.close();
        return sections.flatMap((section) =>
          section
            .replace(/usec=\d+,usec_per_call=[\d.]+/g, 'TIME')
            .split('\r\n')
            .slice(2)
            .sort(),
        );
      }),
    );
    expect(told[1]).toEqual(told[0]);
    expect(told[1]).toContain('cmdstat_get:calls=2,TIME,rejected_calls=1,failed_calls=0');
  });

  it('counts keys that are found and missed, and calls by their time', async () => {
    const told = await Promise.all(
      [redis.port, server.port].map(async (port) => {
        const client = await RawClient.connect(port);
        await client.call('FLUSHALL');
        await client.call('CONFIG', 'RESETSTAT');
        const lookups: (string | undefined)[] = [];
        for (const args of [
          ['SET', 'a', '1'],
          ['GET', 'a'],
          ['GET', 'none'],
          ['MGET', 'a', 'none', 'a'],
          ['EXISTS', 'a', 'none', 'none'],
          ['INCR', 'a'],
          ['DEL', 'none', 'a'],
          ['GETEX', 'a'],
          ['GETSET', 'a', '2'],
          ['GETDEL', 'a'],
          ['APPEND', 'a', 'x'],
          ['STRLEN', 'a'],
          ['GETRANGE', 'none', '0', '1'],
          ['TTL', 'a'],
          ['TYPE', 'a'],
          ['DUMP', 'none'],
          ['BITOP', 'OR', 'b', 'a', 'none'],
          ['BITCOUNT', 'b'],
          ['SETNX', 'a', '1'],
          ['EXPIRE', 'a', '100'],
          ['SET', 'a', '1', 'XX', 'KEEPTTL'],
          ['SET', 'p', '1', 'PX', '1'],
        ]) {
          await client.call(...args);
          lookups.push(
            `${args[0]} ${/keyspace_hits:\d+\r\nkeyspace_misses:\d+/.exec(await client.call('INFO', 'stats'))}`,
          );
        }
        while ((await client.call('EXISTS', 'p')) !== ':0\r\n');
        await client.call('MULTI');
        for (const args of [
          ['GET', 'a'],
          ['GET', 'none'],
          ['SET', 'c', '1'],
          ['MGET', 'c', 'none'],
        ]) {
          await client.call(...args);
        }
        await client.call('CONFIG', 'RESETSTAT');
        await client.call('EXEC');
        lookups.push(`EXEC ${/keyspace_hits:\d+\r\nkeyspace_misses:\d+/.exec(await client.call('INFO', 'stats'))}`);
        await client.call('CONFIG', 'RESETSTAT');
        for (let i = 0; i < 3; i++) await client.call('STRLEN', 'a');
        const histogram = await client.call('LATENCY', 'HISTOGRAM', 'strlen', 'nosuch');
        const percentiles = (await client.call('INFO', 'latencystats'))
          .split('\r\n')
          .filter((line) => /_strlen:/.test(line));
        client.close();
        return [
          lookups,
          // Of the times themselves only that the last of them counts all calls.
          histogram.replace(/\*\d+\r\n(?::\d+\r\n:\d+\r\n)*:\d+\r\n(:\d+\r\n)$/, 'times $1'),
          percentiles.map((line) => line.replace(/\d+\.\d{3}/g, 'time')),
        ];
      }),
    );
    expect(told[1]).toEqual(told[0]);
    expect(told[1]![1]).toMatch(/calls\r\n:3\r\n.*histogram_usec\r\ntimes :3\r\n$/s);
  });

  it('shows the state of clients by the letters of Redis', async () => {
    const shown = await Promise.all(
      [redis.port, server.port].map(async (port) => {
        const [client, other] = [await RawClient.connect(port), await RawClient.connect(port)];
        await client.call('CLIENT', 'SETNAME', 'shown');
        const flags: (string | undefined)[] = [];
        for (const args of [
          ['PING'],
          ['WATCH', 'w'],
          ['MULTI'],
          ['SET', 'w', '1'],
          ['DISCARD'],
          ['CLIENT', 'NO-EVICT', 'on'],
          ['CLIENT', 'NO-EVICT', 'off'],
          ['HELLO', '3'],
          ['CLIENT', 'TRACKING', 'on', 'BCAST'],
          ['MONITOR'],
          ['RESET'],
        ]) {
          await (args[0] === 'SET' ? other : client).call(...args);
          flags.push(/name=shown .*? flags=(\w+) /.exec(await other.call('CLIENT', 'LIST'))?.[1]);
        }
        for (const each of [client, other]) each.close();
        return flags;
      }),
    );
    expect(shown[1]).toEqual(shown[0]);
    expect(shown[1]).toEqual(['N', 'N', 'x', 'xd', 'N', 'e', 'N', 'N', 'tB', 'OtB', undefined]);
  });

  it('names what CONFIG SET does not take as the client has written it', async () => {
    const replies = await Promise.all(
      (await both()).map(async (client) => {
        const calls = [
          ['slowlog-max-len', '5', 'SlowLog-Max-Len', '6'],
          ['slowlog-max-len', '5', 'slowlog-max-len', '6', 'Databases', '4'],
          ['slowlog-max-len', '5', 'Databases', '6', 'slowlog-max-len', '4'],
          ['Databases', '5', 'Nothing', '6'],
          ['Nothing', '5', 'databases', '6', 'Neither', '7'],
          ['SLOWLOG-max-len', 'many'],
          ['slowlog-max-len', '128', 'Proto-Max-Bulk-Len', 'x'],
        ];
        const heard: string[] = [];
        for (const args of calls) heard.push(await client.call('CONFIG', 'SET', ...args));
        client.close();
        return heard;
      }),
    );
    expect(replies[1]).toEqual(replies[0]);
  });

  it('lists in SLOWLOG what Redis lists, shortened and without secrets, when everything is slow', async () => {
    const listed = await Promise.all(
      (await both()).map(async (client) => {
        const calls = [
          ['CONFIG', 'SET', 'slowlog-log-slower-than', '0'],
          ['SLOWLOG', 'RESET'],
          ['CLIENT', 'SETNAME', 'slow'],
          ['SET', 'a', '1'],
          ['INCR', 'a'],
          ['GET'],
          ['INCRBY', 'a', 'x'],
          ['MULTI'],
          ['INCR', 'a'],
          ['LCS', 'a', 'a', 'IDX', 'LEN'],
          ['EXEC'],
          ['ECHO', 'z'.repeat(200)],
          ['TOUCH', ...Array.from({ length: 40 }, (_, i) => `${i}`)],
          ['KEYS', '*'],
          ['AUTH', 'default', 'secret'],
          ['HELLO', '2', 'AUTH', 'default', 'secret'],
        ];
        for (const args of calls) await client.call(...args);
        const entries = elementsOf((await client.call('SLOWLOG', 'GET', '-1')).replace(/^[*:]\d+\r\n/gm, ''), 0);
        await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '10000');
        client.close();
        return entries.map((word) => word.replace(/^127\.0\.0\.1:\d+$/, 'ADDRESS'));
      }),
    );
    expect(listed[1]).toEqual(listed[0]);
    expect(listed[1]).toContain('(redacted)');
  });

  it('describes its commands as Redis does', async () => {
    const [theirs, ours] = await both();
    for (const client of [theirs, ours]) await client.call('HELLO', '3');
    for (const { name, subcommands, command } of newCommandTable().entries) {
      const isKnown = (await theirs.call('COMMAND', 'INFO', name)) !== '*1\r\n_\r\n';
      if (!isKnown || DESCRIBED_OTHERWISE.has(name)) continue;
      const whats = subcommands === undefined && command.group !== 'server' ? ['INFO', 'DOCS'] : ['INFO'];
      for (const { name: full } of subcommands?.entries ?? [{ name }]) {
        if (SINCE_7_2.has(full)) continue;
        for (const what of whats) {
          const [expected, actual] = [await theirs.call('COMMAND', what, full), await ours.call('COMMAND', what, full)];
          expect(actual, `${what} ${full}`).toBe(expected);
        }
      }
    }
    for (const client of [theirs, ours]) client.close();
  });
});

/** Refused as a whole, so their subcommands are not in the table. */
const DESCRIBED_OTHERWISE = new Set(['debug']);
const SINCE_7_2 = new Set(['client|setinfo', 'client|no-touch']);

/** The strings of an array of bulk strings, which begin behind its head. */
function elementsOf(reply: string, from = reply.indexOf('\r\n') + 2): string[] {
  const elements: string[] = [];
  for (let at = from; at < reply.length; ) {
    const headEnd = reply.indexOf('\r\n', at);
    const length = Number(reply.slice(at + 1, headEnd));
    elements.push(reply.slice(headEnd + 2, headEnd + 2 + length));
    at = headEnd + 2 + length + 2;
  }
  return elements;
}

async function scanAll(client: RawClient, ...options: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  do {
    const reply = await client.call('SCAN', cursor, ...options);
    const [, , next = ''] = reply.split('\r\n', 3);
    found.push(...elementsOf(reply.slice(reply.indexOf('\r\n', reply.indexOf(`\r\n${next}\r\n`) + 2) + 2)));
    cursor = next;
  } while (cursor !== '0');
  return found;
}
