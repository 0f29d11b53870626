/**
 * The same commands to this server and to a real Redis 7, replies compared byte for byte, in RESP2 and RESP3.
 *
 * Needs `redis-server` in the path; without it the suite is skipped and says so.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request } from './resp-client.ts';
import { startRespServer, type TestServer } from './resp-server.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? 20_240_607);
const installed = spawnSync('redis-server', ['--version']).status === 0;
if (!installed) console.warn('skipped: redis-server is not installed, so there is nothing to compare with');

/** mulberry32 */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

function commandGenerator(random: (bound: number) => number): () => string[] {
  const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;
  const key = () => pick(['a', 'b', 'c', 'counter', '{tag}1', '{tag}2', 'k\0\xff', '']);
  const value = () =>
    pick([
      '',
      'v',
      '1',
      '-7',
      '41',
      '9223372036854775807',
      '-9223372036854775808',
      '01',
      ' 1',
      '1.5',
      'x\r\ny',
      'z'.repeat(300),
    ]);
  const number = () =>
    pick([
      '0',
      '1',
      '-1',
      '100',
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      'x',
      '',
      '+1',
      '007',
    ]);
  const seconds = () => pick(['100', '1000', '0', '-5', '100000', 'x', '1.5', '9223372036854775807']);
  const cased = (token: string) => (random(2) === 0 ? token : token.toLowerCase());
  const setOption = () =>
    pick([
      () => [cased('NX')],
      () => [cased('XX')],
      () => [cased('GET')],
      () => [cased('KEEPTTL')],
      () => [cased('EX'), seconds()],
      () => [cased('PX'), pick(['100000', '0', 'x', '500000'])],
      () => [cased('EXAT'), pick(['33177117420', '1', '0'])],
      () => [cased('PXAT'), pick(['33177117420000', '1', '-1'])],
      () => ['BOGUS'],
      () => [cased('EX')],
    ])();
  const some = (least: number, most: number, make: () => string | string[]): string[] =>
    Array.from({ length: least + random(most - least + 1) }, make).flat();
  const templates: readonly (() => string[])[] = [
    () => ['SET', key(), value()],
    () => ['SET', key(), value(), ...some(0, 3, setOption)],
    () => ['GET', key()],
    () => ['DEL', ...some(0, 4, key)],
    () => ['EXISTS', ...some(0, 4, key)],
    () => ['EXPIRE', key(), seconds(), ...some(0, 2, () => pick(['NX', 'xx', 'GT', 'lt', 'FOO']))],
    () => [
      'PEXPIRE',
      key(),
      pick(['100000', '-1', 'x', '700000']),
      ...some(0, 1, () => pick(['NX', 'XX', 'GT', 'LT'])),
    ],
    () => ['TTL', key()],
    () => ['PERSIST', key()],
    () => ['TYPE', key()],
    () => [pick(['INCR', 'DECR']), key()],
    () => [pick(['INCRBY', 'DECRBY']), key(), number()],
    () => ['MGET', ...some(0, 5, key)],
    () => ['MSET', ...some(0, 3, () => [key(), value()])],
    () => ['MSET', ...some(1, 3, () => [key(), value()]), ...some(0, 1, key)],
    () => ['PING', ...some(0, 2, value)],
    () => ['ECHO', ...some(0, 2, value)],
    () => ['SELECT', pick(['0', '1', '15', '16', '-1', 'x', '99999999999'])],
    () => [pick(['FLUSHDB', 'FLUSHALL']), ...some(0, 1, () => pick(['ASYNC', 'sync', 'BOGUS']))],
    () => [
      'CLIENT',
      ...pick([
        ['SETNAME', 'n1'],
        ['SETNAME', 'a b'],
        ['GETNAME'],
        ['NOSUCH'],
        [],
        ['GETNAME', 'x'],
        ['NO-EVICT', 'on'],
      ]),
    ],
    () => [
      'COMMAND',
      ...pick([
        ['INFO', 'get'],
        ['INFO', 'set', 'nope', 'mset'],
        ['COUNT', 'x'],
        ['NOSUCH', 'y'],
      ]),
    ],
    () => [pick(['NOSUCH', 'x'.repeat(200), 'a\r\nb']), ...some(0, 6, value)],
    () => ['AUTH', ...some(0, 3, () => pick(['default', 'secret']))],
    () => [
      'HELLO',
      ...pick([['4'], ['x'], ['2', 'BOGUS'], ['2', 'AUTH', 'a'], ['3', 'SETNAME', 'a b'], ['9', 'BOGUS']]),
    ],
    () => [pick(['get', 'Get', 'GET']), ...some(0, 2, key)],
  ];
  return () => pick(templates)();
}

describe.skipIf(!installed)('beside a real Redis 7', () => {
  let redis: ChildProcess;
  let redisPort: number;
  let server: TestServer;

  beforeAll(async () => {
    redisPort = await freePort();
    redis = spawn(
      'redis-server',
      ['--port', String(redisPort), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'],
      {
        cwd: '/tmp',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    for await (const chunk of redis.stdout!) if (String(chunk).includes('Ready to accept')) break;
    redis.stdout!.resume();
    server = await startRespServer();
  });

  afterAll(async () => {
    await server?.close();
    if (redis?.exitCode === null) {
      redis.kill();
      await once(redis, 'exit');
    }
  });

  for (const protocol of ['2', '3'] as const) {
    it(`answers like Redis to random commands in RESP${protocol}`, async () => {
      const next = commandGenerator(randomFrom(SEED + Number(protocol)));
      const theirs = await RawClient.connect(redisPort);
      const ours = await RawClient.connect(server.port);
      for (const client of [theirs, ours]) {
        await client.call('HELLO', protocol);
        await client.call('FLUSHALL');
      }
      for (let round = 0; round < 120; round++) {
        // One pipeline in one write, and so in one stretch here.
        const commands = Array.from({ length: 25 }, next);
        const bytes = Buffer.concat(commands.map((args) => request(...args)));
        theirs.send(bytes);
        ours.send(bytes);
        for (const args of commands) {
          const [expected, actual] = [await theirs.reply(), await ours.reply()];
          expect(actual, `seed ${SEED}, round ${round}: ${JSON.stringify(args)}`).toBe(expected);
        }
      }
      for (const args of [['SELECT', '0'], ['DBSIZE'], ['SELECT', '1'], ['SET', 'x', 'y'], ['DBSIZE'], ['QUIT']]) {
        if (args[0] === 'DBSIZE') continue; // Redis counts keys whose expiry has passed; see the test below.
        expect(await ours.call(...args), JSON.stringify(args)).toBe(await theirs.call(...args));
      }
      theirs.close();
      ours.close();
    });
  }

  it('counts keys like Redis', async () => {
    const clients = [await RawClient.connect(redisPort), await RawClient.connect(server.port)];
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
      const [theirs, ours] = [await RawClient.connect(redisPort), await RawClient.connect(server.port)];
      theirs.send(bytes);
      ours.send(bytes);
      expect(await ours.rest(), bytes.slice(0, 40)).toBe(await theirs.rest());
    }
  });

  it('describes its commands as Redis does', async () => {
    const [theirs, ours] = [await RawClient.connect(redisPort), await RawClient.connect(server.port)];
    for (const client of [theirs, ours]) await client.call('HELLO', '3');
    const names = ['get', 'set', 'mget', 'mset', 'incr', 'decr', 'incrby', 'decrby', 'del', 'exists', 'type', 'expire'];
    names.push('pexpire', 'ttl', 'pttl', 'persist', 'ping', 'echo', 'auth', 'hello', 'select', 'quit');
    for (const name of names) {
      for (const what of ['INFO', 'DOCS']) {
        expect(await ours.call('COMMAND', what, name), `${what} ${name}`).toBe(
          await theirs.call('COMMAND', what, name),
        );
      }
    }
    for (const name of ['dbsize', 'flushdb', 'flushall', 'info', 'client|help', 'client|setname', 'command|help']) {
      expect(await ours.call('COMMAND', 'INFO', name), name).toBe(await theirs.call('COMMAND', 'INFO', name));
    }
    theirs.close();
    ours.close();
  });
});

async function freePort(): Promise<number> {
  const probe = net.createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
