/**
 * MIGRATE between servers: to a real Redis and back (skipped without `redis-server` in the path), between two of these, with and
 * without passwords, and to what does not answer.
 */

import * as net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Principals } from '../../src/protocols/resp/authentication.ts';
import { isRedisInstalled, startRedis } from './redis-reference.ts';
import { RawClient } from './resp-client.ts';
import { startRespServer, type TestServerOptions } from './resp-server.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Place {
  readonly port: string;
  readonly client: RawClient;
}

async function connected(server: { readonly port: number; close(): Promise<void> }): Promise<Place> {
  closers.push(() => server.close());
  const client = await RawClient.connect(server.port);
  closers.push(() => client.close());
  return { port: String(server.port), client };
}

async function orbit(options?: TestServerOptions): Promise<Place> {
  return connected(await startRespServer(options));
}

/** Keeps what it receives to itself, and answers `answer` to the first bytes. */
async function stranger(answer = ''): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.write(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return String((server.address() as net.AddressInfo).port);
}

const HOST = '127.0.0.1';

/** All of what MIGRATE moves, from one place to the other. */
async function moveValues(from: Place, to: Place): Promise<void> {
  const values = ['', '0', '-70000', 'text', '\0\r\n\xff', 'x'.repeat(20_000)];
  values.push(Array.from({ length: 500_000 }, (_, i) => `${i % 97}`).join(','));
  const keys = values.map((_, i) => `k${i}`);
  for (const [i, value] of values.entries()) await from.client.call('SET', keys[i]!, value);
  await from.client.call('PEXPIRE', 'k3', '5000000');
  await to.client.call('SELECT', '2');
  expect(await from.client.call('MIGRATE', HOST, to.port, 'k0', '2', '5000')).toBe('+OK\r\n');
  expect(await from.client.call('MIGRATE', HOST, to.port, '', '2', '5000', 'KEYS', ...keys)).toBe('+OK\r\n');
  expect(await from.client.call('EXISTS', ...keys)).toBe(':0\r\n');
  for (const [i, value] of values.entries()) {
    const reply = await to.client.call('GET', keys[i]!);
    expect(reply === `$${value.length}\r\n${value}\r\n`, `value ${i}`).toBe(true);
  }
  const left = Number((await to.client.call('PTTL', 'k3')).slice(1));
  expect(left).toBeGreaterThan(4_000_000);
  expect(left).toBeLessThanOrEqual(5_000_000);
  expect(await to.client.call('TTL', 'k4')).toBe(':-1\r\n');
  expect(await from.client.call('MIGRATE', HOST, to.port, 'k0', '2', '5000')).toBe('+NOKEY\r\n');
}

describe('MIGRATE', () => {
  it('moves values to another server of its kind', async () => {
    await moveValues(await orbit(), await orbit());
  });

  it.skipIf(!isRedisInstalled)('moves values to a real Redis and takes them from it', async () => {
    const [ours, theirs] = [await orbit(), await connected(await startRedis())];
    await moveValues(ours, theirs);
    await Promise.all([ours, theirs].map(({ client }) => client.call('FLUSHALL')));
    await theirs.client.call('SELECT', '0');
    await moveValues(theirs, ours);
  });

  it('leaves the key with COPY, and replaces the other only with REPLACE', async () => {
    const [from, to] = [await orbit(), await orbit()];
    await from.client.call('SET', 'k', 'new');
    await to.client.call('SET', 'k', 'old');
    expect(await from.client.call('MIGRATE', HOST, to.port, 'k', '0', '5000', 'COPY')).toBe(
      '-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n',
    );
    expect(await to.client.call('GET', 'k')).toBe('$3\r\nold\r\n');
    expect(await from.client.call('MIGRATE', HOST, to.port, 'k', '0', '5000', 'COPY', 'REPLACE')).toBe('+OK\r\n');
    expect(await to.client.call('GET', 'k')).toBe('$3\r\nnew\r\n');
    expect(await from.client.call('GET', 'k')).toBe('$3\r\nnew\r\n');
  });

  it('deletes the keys that the other has taken, and keeps those it refused', async () => {
    const [from, to] = [await orbit(), await orbit()];
    await from.client.call('MSET', 'a', '1', 'b', '2', 'c', '3');
    await to.client.call('SET', 'b', 'taken');
    expect(await from.client.call('MIGRATE', HOST, to.port, '', '0', '5000', 'KEYS', 'a', 'b', 'none', 'c')).toMatch(
      /^-ERR Target instance replied with error: BUSYKEY/,
    );
    expect(await from.client.call('MGET', 'a', 'b', 'c')).toBe('*3\r\n$-1\r\n$1\r\n2\r\n$-1\r\n');
    expect(await to.client.call('MGET', 'a', 'b', 'c')).toBe('*3\r\n$1\r\n1\r\n$5\r\ntaken\r\n$1\r\n3\r\n');
  });

  it('says who it is', async () => {
    const principals: Principals = {
      required: true,
      names: ['default', 'ada'],
      verify: (user, password) => (password === `of ${user}` ? { name: user } : undefined),
    };
    const [from, to] = [await orbit(), await orbit({ principals })];
    await to.client.call('AUTH', 'of default');
    const move = (...options: string[]) => from.client.call('MIGRATE', HOST, to.port, 'k', '0', '5000', ...options);
    await from.client.call('SET', 'k', 'v');
    expect(await move()).toBe('-ERR Target instance replied with error: NOAUTH Authentication required.\r\n');
    expect(await move('AUTH', 'wrong')).toMatch(/^-ERR Target instance replied with error: WRONGPASS/);
    expect(await move('AUTH2', 'ada', 'of default')).toMatch(/^-ERR Target instance replied with error: WRONGPASS/);
    expect(await from.client.call('EXISTS', 'k')).toBe(':1\r\n');
    expect(await move('AUTH', 'of default', 'COPY')).toBe('+OK\r\n');
    expect(await move('AUTH2', 'ada', 'of ada', 'REPLACE')).toBe('+OK\r\n');
    expect(await to.client.call('GET', 'k')).toBe('$1\r\nv\r\n');
  });

  it('keeps the key when nobody listens, answers, or answers in full', async () => {
    const from = await orbit();
    await from.client.call('SET', 'k', 'v');
    const move = (port: string, timeout: string) => from.client.call('MIGRATE', HOST, port, 'k', '0', timeout);
    const failed = /^-IOERR error or timeout (connecting|reading|writing) to /;
    expect(await move('1', '5000')).toMatch(failed);
    for (const answer of ['', '+OK\r\n', '+OK'])
      expect(await move(await stranger(answer), '200'), answer).toMatch(failed);
    expect(await from.client.call('GET', 'k')).toBe('$1\r\nv\r\n');
  });

  it('lets others read the key while it is on its way, and write it afterwards', async () => {
    const server = await startRespServer();
    const from = await connected(server);
    const other = await RawClient.connect(server.port);
    closers.push(() => other.close());
    await from.client.call('SET', 'k', 'v');
    const port = await stranger();
    const moved = from.client.call('MIGRATE', HOST, port, 'k', '0', '300');
    while (!(await other.call('CLIENT', 'LIST')).includes('cmd=migrate'));
    expect(await other.call('GET', 'k')).toBe('$1\r\nv\r\n');
    const written = other.call('APPEND', 'k', 'w');
    expect(await moved).toMatch(/^-IOERR/);
    expect(await written).toBe(':2\r\n');
  });

  it('is refused inside a transaction, which stands', async () => {
    const { client } = await orbit();
    for (const args of [['MULTI'], ['SET', 'k', 'v'], ['MIGRATE', HOST, '1', 'k', '0', '10']])
      await client.call(...args);
    expect(await client.call('EXEC')).toBe('*2\r\n+OK\r\n-ERR MIGRATE is not supported inside a transaction\r\n');
  });
});
