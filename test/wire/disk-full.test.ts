/**
 * A file system that is really full: writes get a typed error, reads go on, the server lives, and writes go on when there is space again.
 * Needs the right to mount a small one in memory (root on Linux); skipped elsewhere. Simulated disks that are full are in
 * `test/simulation` and `test/conformance`.
 */

import { closeSync, fsyncSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, test, vi } from 'vitest';
import { ServerProcess } from '../support/server.ts';
import { mountSmallDisk, unmountSmallDisk } from '../support/small-disk.ts';
import { RawClient } from './resp-client.ts';

/** Room for the log's first segments and the engine's files; what is left is filled by hand. */
const SIZE_MB = 160;
const VALUE = 'v'.repeat(10_000);
const LIMIT_MS = 60_000;

vi.setConfig({ testTimeout: 3 * LIMIT_MS });

let folder: string | undefined;
let server: ServerProcess | undefined;

afterEach(async () => {
  await server?.kill();
  if (folder !== undefined) unmountSmallDisk(folder);
});

const freeBytes = (): number => {
  const { bavail, bsize } = statfsSync(folder!);
  return bavail * bsize;
};

/** Takes all the space that is left, but for so much of it. */
function fill(path: string, leaving = 0): void {
  const file = openSync(path, 'a');
  try {
    for (let length = 1 << 20; length > 0; length >>= 1) {
      try {
        while (leaving === 0 || freeBytes() > leaving) writeSync(file, Buffer.alloc(length));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function testOnSmallDisk(name: string, run: (folder: string) => Promise<void>): void {
  test(`${name} (skipped without the right to mount)`, async ({ skip }) => {
    folder = mountSmallDisk(SIZE_MB);
    if (folder === undefined) {
      console.warn('skipped: mounting a small file system takes root');
      skip();
      return;
    }
    await run(folder);
  });
}

testOnSmallDisk(
  'a full disk refuses writes with a typed error, goes on reading, and takes writes again later',
  async (folder) => {
    server = await ServerProcess.start({
      dataDir: join(folder, 'data'),
      env: { ORBIT_ROCKSDB_LOG_SEGMENT_BYTES: '4MB' },
    });
    const redis = await RawClient.connect(server.port('redis'));
    const postgres = new pg.Client({
      host: '127.0.0.1',
      port: server.port('postgres'),
      user: 'orbit',
      database: 'actors',
    });
    postgres.on('error', () => {}); // The server is killed below.
    await postgres.connect();
    await postgres.query('create table kept (id int primary key, value text)');
    let rows = 0;
    const insert = () =>
      postgres.query('insert into kept values ($1, $2)', [rows, VALUE]).then(
        () => {
          rows++;
          return undefined;
        },
        (error: { code?: string }) => error.code,
      );
    let keys = 0;
    const set = async () => {
      const reply = await redis.call('SET', `key:${keys}`, VALUE);
      if (reply === '+OK\r\n') keys++;
      return reply;
    };
    expect([await set(), await insert()]).toEqual(['+OK\r\n', undefined]);

    // What was written before the disk was full, in log and tables, may still have room: write until there is none.
    const filler = join(folder, 'filler');
    const until = performance.now() + LIMIT_MS;
    let reply = '+OK\r\n';
    let code: string | undefined;
    fill(filler);
    while ((reply === '+OK\r\n' || code === undefined) && performance.now() < until) {
      reply = await set();
      code = await insert();
      fill(filler); // What the engine has freed meanwhile.
    }
    expect(reply).toMatch(/^-MISCONF [^\n]*(space|disk)[^\n]*\r\n$/i);
    expect(code).toBe('53100');
    expect(statfsSync(folder).bavail).toBeLessThan(100);

    // Reads, of both, and the end of the process's life is not near.
    const readAll = async () => {
      for (let i = 0; i < keys; i++)
        expect((await redis.call('GET', `key:${i}`)) === `$${VALUE.length}\r\n${VALUE}\r\n`).toBe(true);
      const { rows: found } = await postgres.query('select count(*)::int as n, min(id) as least from kept');
      expect(found).toEqual([{ n: rows, least: 0 }]);
    };
    await readAll();
    expect(await redis.call('PING')).toBe('+PONG\r\n');
    for (let i = 0; i < 5; i++) expect([await set(), await insert()]).toEqual([reply, '53100']);
    await readAll();

    // Space comes back, and with it writes: by themselves.
    unlinkSync(filler);
    await expect.poll(set, { timeout: LIMIT_MS, interval: 50 }).toBe('+OK\r\n');
    await expect.poll(insert, { timeout: LIMIT_MS, interval: 50 }).toBe(undefined);
    await readAll();

    // And all of it is there after a crash.
    await server.kill();
    await postgres.end().catch(() => {});
    server = await ServerProcess.start({ dataDir: join(folder, 'data') });
    const again = await RawClient.connect(server.port('redis'));
    for (let i = 0; i < keys; i++)
      expect((await again.call('GET', `key:${i}`)) === `$${VALUE.length}\r\n${VALUE}\r\n`).toBe(true);
    expect(await again.call('GET', `key:${keys}`)).toBe('$-1\r\n');
    again.close();
  },
);

testOnSmallDisk(
  'one commit that is larger than what is left is refused, and a server starts on a disk that is full',
  async (folder) => {
    const start = () =>
      ServerProcess.start({ dataDir: join(folder, 'data'), env: { ORBIT_ROCKSDB_LOG_SEGMENT_BYTES: '4MB' } });
    const connect = async () => {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: server!.port('postgres'),
        user: 'orbit',
        database: 'actors',
      });
      client.on('error', () => {}); // The server is killed below.
      await client.connect();
      return client;
    };
    const codeOf = (asked: Promise<unknown>) =>
      asked.then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
    server = await start();
    let postgres = await connect();
    let redis = await RawClient.connect(server.port('redis'));
    await postgres.query('create table kept (id int primary key, value text)');
    await postgres.query(`insert into kept select g, repeat('v', 1000) from generate_series(1, 1000) g`);
    await redis.call('SET', 'kept', VALUE);

    const leftMb = 12;
    fill(join(folder, 'filler'), leftMb * 1024 * 1024);
    const large = `insert into kept select g, repeat('v', 1000) from generate_series(10000, 10000 + ${2 * leftMb * 1024}) g`;
    expect(await codeOf(postgres.query(large))).toBe('53100');
    expect(await redis.call('SET', 'large', 'v'.repeat(2 * leftMb * 1024 * 1024))).toMatch(/^-MISCONF /);
    expect(await redis.call('SET', 'small', VALUE)).toBe('+OK\r\n');
    expect(await codeOf(postgres.query(`insert into kept values (0, 'small')`))).toBe(undefined);

    await server.kill();
    redis.close();
    fill(join(folder, 'filler'));
    server = await start();
    postgres = await connect();
    redis = await RawClient.connect(server.port('redis'));
    const { rows } = await postgres.query('select count(*)::int as n, min(value) as least from kept');
    expect(rows).toEqual([{ n: 1001, least: 'small' }]);
    expect(await redis.call('DEL', 'kept', 'small', 'large')).toBe(':2\r\n');
    expect((await postgres.query('delete from kept where id < 500')).rowCount).toBe(500);
    await postgres.end();
    redis.close();
  },
);
