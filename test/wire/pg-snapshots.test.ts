/** Snapshots that are exported: what the workers of a parallel dump see. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';
import { postgresBinaries } from './postgres-reference.ts';

const run = promisify(execFile);
const binaries = postgresBinaries();

describe.each(['memory', 'rocksdb'] as const)('exported snapshots on %s', (provider) => {
  let server: PgServer;
  const clients: pg.Client[] = [];

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client(server.config);
    await client.connect();
    clients.push(client);
    return client;
  }

  const values = async (client: pg.Client): Promise<string> => {
    const { rows } = await client.query('select string_agg(v::text, $1 order by id) as all from t', [' ']);
    return rows[0].all;
  };

  beforeEach(async () => {
    server = await startPgServer({ provider });
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await server.stop();
  });

  test('are seen by who imports them, also when who exported them is gone', async () => {
    const [first, second, writer] = [await connect(), await connect(), await connect()];
    await writer.query('create table t (id int primary key, v int)');
    await writer.query('insert into t select i, 0 from generate_series(1, 3) i');
    await first.query('begin isolation level repeatable read');
    const { rows } = await first.query('select pg_export_snapshot() as name');
    await writer.query('update t set v = 1');
    await writer.query('insert into t select i, 5 from generate_series(100, 30000) i');
    await writer.query('delete from t where id >= 100');
    await second.query('begin isolation level repeatable read');
    await second.query(`set transaction snapshot '${rows[0].name}'`);
    expect(await values(second)).toBe('0 0 0');
    await first.query('commit');
    await writer.query('update t set v = 2');
    expect(await values(writer)).toBe('2 2 2');
    expect(await values(second)).toBe('0 0 0');
    await expect(second.query('update t set v = 3 where id = 1')).rejects.toMatchObject({ code: '40001' });
    await second.query('rollback');
    expect(await values(second)).toBe('2 2 2');
    await second.query('begin isolation level repeatable read');
    await expect(second.query(`set transaction snapshot '${rows[0].name}'`)).rejects.toMatchObject({ code: '22023' });
  });

  test('let who imports them write what nobody else has changed', async () => {
    const [first, second] = [await connect(), await connect()];
    await first.query('create table t (id int primary key, v int)');
    await first.query('insert into t values (1, 0), (2, 0)');
    await first.query('begin isolation level repeatable read');
    const { rows } = await first.query('select pg_export_snapshot() as name');
    await second.query('begin isolation level repeatable read');
    await second.query(`set transaction snapshot '${rows[0].name}'`);
    await second.query('update t set v = 7 where id = 1');
    await second.query('commit');
    expect(await values(first)).toBe('0 0');
    await first.query('update t set v = 8 where id = 2');
    await first.query('commit');
    expect(await values(first)).toBe('7 8');
  });

  test.skipIf(binaries === undefined)(
    'make parallel dumps (skipped where PostgreSQL is not installed)',
    async () => {
      const client = await connect();
      await client.query('create table t (id int primary key, v int)');
      await client.query('create table u (id int primary key, v text)');
      await client.query('insert into t select i, i from generate_series(1, 500) i');
      await client.query("insert into u select i, 'x' || i from generate_series(1, 500) i");
      const folder = await mkdtemp(join(tmpdir(), 'dump-'));
      try {
        const { host, port, user, database } = server.config;
        const flags = ['-h', host, '-p', String(port), '-U', user];
        await run(join(binaries!, 'pg_dump'), [...flags, '-d', database, '-Fd', '-j', '3', '-f', join(folder, 'd')]);
        await client.query('drop table t, u');
        await run(join(binaries!, 'pg_restore'), [...flags, '-d', database, '-j', '2', join(folder, 'd')]);
        const { rows } = await client.query(
          'select (select sum(v) from t) as t, (select count(distinct v) from u) as u',
        );
        expect(rows).toEqual([{ t: '125250', u: '500' }]);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    60_000,
  );
});
