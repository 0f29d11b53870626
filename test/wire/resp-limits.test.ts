/** What the Redis port can be configured to refuse or bound: commands, time to log in, commands in a row. */

import { once } from 'node:events';
import * as net from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PrincipalStore } from '../../src/protocols/principals.ts';
import { RawClient, request } from './resp-client.ts';
import { startRespServer, type TestServer, type TestServerOptions } from './resp-server.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(options: TestServerOptions): Promise<TestServer> {
  const server = await startRespServer(options);
  undo.push(() => server.close());
  return server;
}

async function connect({ port }: TestServer): Promise<RawClient> {
  const client = await RawClient.connect(port);
  undo.push(() => client.close());
  return client;
}

describe('disabled commands', () => {
  test('are answered as unknown, whole or in part, in transactions and in tables of commands too', async () => {
    const client = await connect(await start({ disabledCommands: ['FlushAll', 'config|set', 'nosuch'] }));
    expect(await client.call('SET', 'k', 'v')).toBe('+OK\r\n');
    expect(await client.call('flushall')).toBe("-ERR unknown command 'flushall', with args beginning with: \r\n");
    expect(await client.call('CONFIG', 'SET', 'slowlog-max-len', '3')).toMatch(/^-ERR unknown subcommand 'SET'/);
    expect(await client.call('CONFIG', 'GET', 'port')).toMatch(/^\*2\r\n/);
    expect(await client.call('COMMAND', 'INFO', 'flushall')).toBe('*1\r\n$-1\r\n');
    await client.call('MULTI');
    expect(await client.call('FLUSHALL')).toMatch(/^-ERR unknown command/);
    expect(await client.call('EXEC')).toMatch(/^-EXECABORT/);
    expect(await client.call('GET', 'k')).toBe('$1\r\nv\r\n');
  });

  test('do not come back by a quick way', async () => {
    const client = await connect(await start({ disabledCommands: ['get'], hotBytesMax: 1 << 20, writeBehind: true }));
    client.send(Buffer.concat([request('SET', 'k', 'v'), request('GET', 'k'), request('STRLEN', 'k')]));
    expect(await client.reply()).toBe('+OK\r\n');
    expect(await client.reply()).toMatch(/^-ERR unknown command 'GET'/);
    expect(await client.reply()).toBe(':1\r\n');
  });
});

test('whoever does not log in in time is let go, whoever did is not', async () => {
  const principals = await PrincipalStore.of([{ name: 'default', password: 'secret' }]);
  const server = await start({ principals, limits: { loginMs: 300 } });
  const silent = await connect(server);
  const known = await connect(server);
  expect(await known.call('AUTH', 'secret')).toBe('+OK\r\n');
  expect(await silent.rest()).toBe('-NOAUTH Authentication took too long.\r\n');
  expect(await known.call('PING')).toBe('+PONG\r\n');
});

test('a long pipeline gives others their turn, and is answered whole and in order', async () => {
  const server = await start({ limits: { commandsMax: 10 } });
  const long = await connect(server);
  const other = await connect(server);
  const count = 3_000;
  // In one chunk: without a bound all of it would be executed in one stretch.
  long.send(Buffer.concat(Array.from({ length: count }, () => request('INCR', 'n'))));
  expect(await long.reply()).toBe(':1\r\n');
  const seen = Number(/:(\d+)/.exec(await other.call('INCRBY', 'n', '0'))?.[1]);
  expect(seen).toBeGreaterThan(0);
  expect(seen).toBeLessThan(count);
  for (let i = 2; i <= count; i++) expect(await long.reply()).toBe(`:${i}\r\n`);
  long.send(Buffer.concat([...Array.from({ length: 25 }, () => request('PING')), request('QUIT')]));
  expect(await long.rest()).toBe(`${'+PONG\r\n'.repeat(25)}+OK\r\n`);
});

test('a client that reads late finds every reply, and costs no more memory than these', async () => {
  const server = await start({});
  const other = await connect(server);
  await other.call('SET', 'large', 'v'.repeat(1_000_000));
  const late = net.connect({ host: '127.0.0.1', port: server.port });
  undo.push(() => void late.destroy());
  await once(late, 'connect');
  late.pause();
  // More than the kernel takes, so that the small replies wait behind it.
  const [large, small] = [24, 2_000];
  for (let i = 0; i < large; i++) late.write(request('GET', 'large'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const before = process.memoryUsage().external;
  for (let i = 0; i < small; i++) {
    late.write(request('ECHO', String(i)));
    expect(await other.call('PING')).toBe('+PONG\r\n');
  }
  expect(process.memoryUsage().external - before).toBeLessThan(large * 1_000_000 + 16_000_000);
  const expected = [
    ...Array.from({ length: large }, () => `$1000000\r\n${'v'.repeat(1_000_000)}\r\n`),
    ...Array.from({ length: small }, (_, i) => `$${String(i).length}\r\n${i}\r\n`),
  ].join('');
  const chunks: Buffer[] = [];
  late.on('data', (chunk) => chunks.push(chunk));
  late.resume();
  await vi.waitFor(() => expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBe(expected.length), 10_000);
  expect(Buffer.concat(chunks).toString('latin1') === expected).toBe(true);
});

test('the clients for which most is kept are dropped when all together exceed their memory, and no others', async () => {
  const server = await start({ limits: { clientBytesMax: 12_000_000 } });
  const modest = await connect(server);
  await modest.call('SET', 'k', 'v'.repeat(1_000_000));
  // One keeps what it sends unfinished, the other what it does not read.
  const sender = await connect(server);
  sender.send(`*2\r\n$4\r\nECHO\r\n$9000000\r\n${'x'.repeat(5_000_000)}`);
  const deaf = await connect(server);
  deaf.stopReading();
  const spared = await connect(server);
  await spared.call('CLIENT', 'NO-EVICT', 'ON');
  spared.stopReading();
  for (const client of [deaf, spared]) for (let i = 0; i < 50; i++) client.send(request('GET', 'k'));
  await expect.poll(() => server.resp.statistics().connectionsOpen, { timeout: 20_000 }).toBe(3);
  expect(await modest.call('STRLEN', 'k')).toBe(':1000000\r\n');
  sender.send(`${'x'.repeat(4_000_000)}\r\n`);
  expect(await sender.reply()).toHaveLength(9_000_012);
  expect(await modest.call('CLIENT', 'LIST')).toMatch(/omem=[1-9]\d{6,} .*cmd=get/);
});

test('a key that is too long for the store is absent or refused, and the connection goes on', async () => {
  const client = await connect(await start({}));
  const long = 'x'.repeat(70_000);
  const refusal = '-ERR key of 70000 bytes exceeds the limit of the store\r\n';
  for (const [absent, command, ...rest] of [
    ['$-1\r\n', 'GET'],
    ['*2\r\n$-1\r\n$-1\r\n', 'MGET', 'a'],
    [':0\r\n', 'EXISTS'],
    [':0\r\n', 'DEL'],
  ]) {
    // Where a database is wholly in memory, nobody has to ask the store.
    expect([absent, refusal], command).toContain(await client.call(command!, long, ...rest));
  }
  for (const [command, ...rest] of [['SET', 'v'], ['MSET', 'v', 'a', 'b'], ['INCR']]) {
    expect(await client.call(command!, long, ...rest), command).toBe(refusal);
  }
  client.send(Buffer.concat([request('SET', 'a', '1'), request('INCR', long), request('GET', 'a')]));
  expect(await client.reply()).toBe('+OK\r\n');
  expect(await client.reply()).toBe(refusal);
  expect(await client.reply()).toBe('$1\r\n1\r\n');
});
