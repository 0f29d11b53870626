/** The real server as a process of its own: how it starts, serves, refuses, stops and keeps what it was given. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { type ListenerName, NODE_FLAGS, ROOT, runOrbit, ServerProcess } from '../support/server.ts';
import { RawClient } from './resp-client.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';

/** With a compile cache that was filled before, as `npm start` does: without one the tool that strips types is loaded. */
const IDLE_RSS_BYTES_MAX = 150e6;

async function connect(server: ServerProcess): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port('postgres'), user: 'orbit', database: 'actors' });
  await client.connect();
  return client;
}

async function query(server: ServerProcess, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = await connect(server);
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function redis(server: ServerProcess, ...command: readonly string[]): Promise<string> {
  const client = await RawClient.connect(server.port('redis'));
  try {
    return await client.call(...command);
  } finally {
    client.close();
  }
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('a server', () => {
  let dataDir: string;
  let server: ServerProcess;
  let idle: { readonly rssBytes: number } | undefined;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'orbit-server-'));
    const cache = join(dataDir, 'compile-cache');
    execFileSync(process.execPath, [...NODE_FLAGS, join(ROOT, 'scripts/fill-compile-cache.mjs'), cache], {
      stdio: 'ignore',
    });
    server = await ServerProcess.start({ dataDir: join(dataDir, 'data'), env: { NODE_COMPILE_CACHE: cache } });
    idle = await server.memory();
  });
  afterAll(async () => {
    await server.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('prints when it is ready, its free ports, its data and what durability means', () => {
    const ports = (['redis', 'postgres', 'http', 'metrics'] as const).map((name) => server.port(name));
    expect(new Set(ports).size).toBe(4);
    expect(ports.every((port) => port > 0)).toBe(true);
    expect(server.stdout).toMatch(/^orbit \d+\.\d+\.\d+ is ready \(\d+ ms\)\n/);
    expect(server.stdout).toContain(`  data        ${join(dataDir, 'data')}\n`);
    expect(server.stdout).toContain('durability disk: acknowledged writes survive power loss');
    expect(server.stderr).toBe('');
  });

  test('needs little memory when idle', () => {
    expect(idle!.rssBytes).toBeGreaterThan(0);
    expect(idle!.rssBytes).toBeLessThan(IDLE_RSS_BYTES_MAX);
  });

  test('serves Redis clients', async () => {
    expect(await redis(server, 'SET', 'greeting', 'hello')).toBe('+OK\r\n');
    expect(await redis(server, 'GET', 'greeting')).toBe('$5\r\nhello\r\n');
    const client = new Redis({ port: server.port('redis'), retryStrategy: null });
    expect(await client.mset('one', '1', 'two', '2')).toBe('OK');
    expect(await client.mget('one', 'two', 'three')).toEqual(['1', '2', null]);
    client.disconnect();
  });

  test('serves PostgreSQL clients', async () => {
    await query(server, 'CREATE TABLE planets (id int PRIMARY KEY, name text NOT NULL)');
    await query(server, "INSERT INTO planets VALUES (3, 'earth'), (4, 'mars')");
    expect(await query(server, 'SELECT name FROM planets WHERE id = 4')).toEqual([{ name: 'mars' }]);
  });

  test.skipIf(!isInstalled('psql'))('serves psql (skipped without psql)', () => {
    const args = ['-h', '127.0.0.1', '-p', String(server.port('postgres')), '-U', 'orbit', '-d', 'actors', '-At'];
    const sql = 'CREATE TABLE moons (id int PRIMARY KEY, name text); INSERT INTO moons VALUES (1, $$luna$$)';
    execFileSync('psql', [...args, '-v', 'ON_ERROR_STOP=1', '-c', sql], { stdio: 'pipe' });
    expect(execFileSync('psql', [...args, '-c', 'SELECT id, name FROM moons'], { encoding: 'utf8' })).toBe('1|luna\n');
  });

  test.skipIf(!isInstalled('redis-cli'))('serves redis-cli (skipped without redis-cli)', () => {
    const args = ['-p', String(server.port('redis'))];
    expect(execFileSync('redis-cli', [...args, 'SET', 'typed', 'by hand'], { encoding: 'utf8' })).toBe('OK\n');
    expect(execFileSync('redis-cli', [...args, 'GET', 'typed'], { encoding: 'utf8' })).toBe('by hand\n');
  });

  test('removes what statements were rehearsed on, when it stops and when it starts', async () => {
    const own = join(dataDir, 'rehearsing');
    const directory = join(own, '.temporary', 'rehearsal');
    mkdirSync(join(directory, 'state'), { recursive: true });
    const rehearsing = await ServerProcess.start({ dataDir: own });
    try {
      expect(existsSync(directory)).toBe(false);
      await query(rehearsing, 'SELECT 1');
      await expect.poll(() => existsSync(join(directory, 'state')), { timeout: 20_000 }).toBe(true);
    } finally {
      await rehearsing.stop();
    }
    expect(existsSync(directory)).toBe(false);
  });

  test('shows its keys to orbit keys while it runs', async () => {
    await redis(server, 'SET', 'shown', 'value');
    const { code, stdout, stderr } = await runOrbit(
      'keys',
      '--data-dir',
      join(dataDir, 'data'),
      '--prefix',
      'orbit/kv',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toContain('orbit/kv/0/shown');
  });

  test('answers probes and metrics', async () => {
    for (const path of ['live', 'startup', 'ready']) {
      const response = await fetch(`http://127.0.0.1:${server.port('http')}/health/${path}`);
      expect(response.status, path).toBe(200);
      await response.arrayBuffer();
    }
    const metrics = await (await fetch(`http://127.0.0.1:${server.port('metrics')}/metrics`)).text();
    expect(metrics).toMatch(/^orbit_store_info\{.*durability="disk".*\} 1$/m);
    expect(Number(/^orbit_store_commits_total\{[^}]*\} (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
  });

  test('lives through garbage on every port', async () => {
    const random = new SeededRandom(`${seed} garbage`);
    const listeners: readonly ListenerName[] = ['redis', 'postgres', 'http', 'metrics'];
    const openings = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('*1000000000\r\n$1000000000\r\n'),
      Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), // SSLRequest.
      Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), // A TLS greeting.
      Buffer.alloc(64, 0xff),
      Buffer.alloc(0),
    ];
    for (const listener of listeners) {
      const port = server.port(listener);
      const connections = Array.from({ length: 24 }, (_, i) =>
        garbage(port, Buffer.concat([openings[i % openings.length]!, random.bytes(random.int(3_000))])),
      );
      await Promise.all(connections);
    }
    expect(server.ended).toBe(false);
    expect(await redis(server, 'PING')).toBe('+PONG\r\n');
    expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await fetch(`http://127.0.0.1:${server.port('http')}/health/live`)).status).toBe(200);
  });

  test('refuses a second server on its data directory, and goes on', async () => {
    const second = ServerProcess.spawn({ dataDir: join(dataDir, 'data') });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stdout).toBe('');
    expect(second.stderr).toMatch(/^error: .*(in use|locked|open).*\nhint: .+\n$/);
    expect(second.stderr).toContain(String(server.pid));
    expect(await redis(server, 'PING')).toBe('+PONG\r\n');
  });
});

/** Sends bytes, says that nothing follows, reads whatever comes, and waits for the end. */
function garbage(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
    socket.end(bytes);
  });
}

describe('a life of a server', () => {
  let dataDir: string;
  const servers: ServerProcess[] = [];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'orbit-server-'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function start(): Promise<ServerProcess> {
    const server = await ServerProcess.start({ dataDir });
    servers.push(server);
    return server;
  }

  test('ends on SIGTERM after what is under way was answered, and goes on where it was', async () => {
    const first = await start();
    await query(first, 'CREATE TABLE notes (id int PRIMARY KEY, body text)');
    await query(first, "INSERT INTO notes VALUES (1, 'kept')");
    const client = await RawClient.connect(first.port('redis'));
    // A pipeline that is being executed when the signal arrives.
    const count = 5_000;
    client.send(Array.from({ length: count }, (_, i) => `SET key:${i} ${i}\r\n`).join(''));
    await client.reply();
    const stopped = first.stop();
    const rest = await client.rest();
    expect(await stopped).toBe(0);
    expect(first.stderr).toBe('');
    const acknowledged = 1 + rest.split('+OK\r\n').length - 1;
    expect(rest).toBe('+OK\r\n'.repeat(acknowledged - 1));
    client.close();

    const second = await start();
    expect(await query(second, 'SELECT body FROM notes')).toEqual([{ body: 'kept' }]);
    const reader = await RawClient.connect(second.port('redis'));
    reader.send(Array.from({ length: acknowledged }, (_, i) => `GET key:${i}\r\n`).join(''));
    for (let i = 0; i < acknowledged; i++) {
      expect(await reader.reply()).toBe(`$${String(i).length}\r\n${i}\r\n`);
    }
    reader.close();
    expect(await second.stop()).toBe(0);
  });

  test('ends while somebody goes on sending after its end', async () => {
    const server = await start();
    const clients = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const client = net.connect(server.port('redis'), '127.0.0.1').on('error', () => {});
        client.write(Buffer.alloc(5_000_000, 'a'));
        await new Promise((resolve) => client.once('data', resolve));
        return client;
      }),
    );
    expect(await server.stop()).toBe(0);
    for (const client of clients) client.destroy();
  });

  test('answers statements that run when SIGTERM comes, and tells every client of PostgreSQL why it goes', async () => {
    const server = await start();
    await query(server, 'CREATE TABLE entries (id int PRIMARY KEY)');
    const [idle, asleep, busy] = [await connect(server), await connect(server), await connect(server)];
    const reasons = [idle, asleep, busy].map(
      (client) =>
        new Promise<unknown>((resolve) => client.on('error', (error) => resolve((error as pg.DatabaseError).code))),
    );
    const slept = asleep.query('SELECT pg_sleep(1)');
    let inserted = 0;
    const refused = (async () => {
      for (;;) {
        await busy.query('INSERT INTO entries VALUES ($1)', [inserted]);
        inserted++;
      }
    })().catch((error: unknown) => error);
    const sleepers = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1)'";
    for (let asleepNow = 0; asleepNow === 0 || inserted === 0; ) asleepNow = (await idle.query(sleepers)).rowCount!;
    const stopped = server.stop();
    expect((await slept).rowCount).toBe(1);
    expect(await stopped).toBe(0);
    expect(await Promise.all(reasons.slice(0, 2))).toEqual(['57P01', '57P01']);
    expect(await refused).toBeInstanceOf(Error);

    const second = await start();
    expect(await query(second, 'SELECT count(*)::int FROM entries')).toEqual([{ count: inserted }]);
    expect(await second.stop()).toBe(0);
  });

  test('does not begin on an address of the network without users', async () => {
    const { code, stdout, stderr } = await runOrbit('start', '--data-dir', dataDir, '--bind', '0.0.0.0');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/bind/);
    expect(stderr).toMatch(/users|credentials/);
  });

  test('does not begin on an address that this machine lacks, and does not blame the port', async () => {
    const second = ServerProcess.spawn({
      dataDir: join(dataDir, 'data'),
      args: ['--bind', '192.0.2.1'],
      env: { ORBIT_PASSWORD: 'secret' },
    });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(/^error: cannot listen on 192\.0\.2\.1:.*no such address.*\nhint: Use .+\n$/);
  });

  test('does not begin on a port that is taken, and names the flag', async () => {
    const first = await start();
    const other = mkdtempSync(join(tmpdir(), 'orbit-server-'));
    try {
      const port = String(first.port('redis'));
      const { code, stderr } = await runOrbit('start', '--data-dir', other, '--redis-port', port);
      expect(code).toBe(1);
      expect(stderr).toContain(port);
      expect(stderr).toContain('--redis-port');
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});
