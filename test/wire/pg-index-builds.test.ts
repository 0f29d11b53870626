/** CREATE INDEX and REINDEX CONCURRENTLY beside clients that go on writing: in the end index and rows agree. */

import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Row } from '../../src/models/relational/table.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import type { KeyRange } from '../../src/storage/key-range.ts';
import type { Entry } from '../../src/storage/store.ts';
import { type PgServer, startPgServer } from './pg-server.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const ROWS = 4_000;

let server: PgServer;
const clients: pg.Client[] = [];

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(server.config);
  await client.connect();
  clients.push(client);
  return client;
}

/** Values and keys of rows as the index tells them, and as the table does. */
async function bothWays(): Promise<readonly [string, string]> {
  await server.engine.loadObjects();
  const { codec, indexes } = server.engine.objects!.tables.find(({ table }) => table.name === 't')!;
  const { keys, index } = indexes[0]!;
  expect([index.name, index.invalid]).toEqual(['tv', undefined]);
  const reader = server.engine.store.begin({ readOnly: true });
  const gather = async (range: KeyRange, row: (entry: Entry) => Row): Promise<string> => {
    const found: string[] = [];
    const cursor = reader.scan(range);
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const entry of batch) found.push(String(row(entry)));
    }
    return found.sort().join(' ');
  };
  const both = [
    await gather(keys.range(), ({ key, value }) => keys.decode(key, value)),
    await gather(codec.keys.range([]), ({ key, value }) => codec.decode(key, value)),
  ] as const;
  reader.rollback();
  return both;
}

async function filled(client: pg.Client): Promise<void> {
  await client.query('create table t (id int primary key, v int not null)');
  await client.query(`insert into t select g, g from generate_series(1, ${ROWS}) g`);
}

describe.each(['memory', 'rocksdb'] as const)('on the store %s', (provider) => {
  beforeEach(async () => {
    server = await startPgServer({ provider });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end();
    await server.stop();
  });

  for (const [what, first, build] of [
    ['a new index', '', 'create index concurrently tv on t (v)'],
    ['a new unique index', '', 'create unique index concurrently tv on t (v)'],
    ['an index built anew', 'create index tv on t (v)', 'reindex index concurrently tv'],
  ] as const) {
    test(`${what} holds what was written while it was built`, async () => {
      const { random } = new Simulation(seed);
      const builder = await connect();
      const writers = [await connect(), await connect()];
      await filled(builder);
      if (first !== '') await builder.query(first);
      let isDone = false;
      let during = 0;
      let fresh = 100_000;
      const write = async (client: pg.Client): Promise<void> => {
        for (let step = 0; !isDone || step < 20; step++) {
          const id = 1 + random.int(ROWS);
          const value = ++fresh;
          const kind = random.int(3);
          if (kind === 0) await client.query(`update t set v = ${value} where id = ${id}`);
          else if (kind === 1) await client.query(`delete from t where id = ${id}`);
          else await client.query(`insert into t values (${value}, ${value})`);
          if (server.engine.indexBuilds.size > 0) during++;
        }
      };
      const writing = writers.map(write);
      await builder.query(build);
      isDone = true;
      await Promise.all(writing);
      const [byIndex, byTable] = await bothWays();
      expect(byIndex === byTable, `seed ${seed}`).toBe(true);
      expect(during, 'writes that happened while the index was built').toBeGreaterThan(0);
    });
  }

  test('a build that fails leaves an invalid index, which nobody reads and everybody maintains', async () => {
    const client = await connect();
    await filled(client);
    await client.query(`insert into t values (${ROWS + 1}, 1)`);
    const failed = client.query('create unique index concurrently tv on t (v)');
    await expect(failed).rejects.toMatchObject({ code: '23505', message: 'could not create unique index "tv"' });
    const { rows } = await client.query("select indisvalid from pg_index where indexrelid = 'tv'::regclass");
    expect(rows).toEqual([{ indisvalid: false }]);
    const { rows: plan } = await client.query('explain (costs off) select * from t where v = 1');
    expect(JSON.stringify(plan)).not.toContain('tv');
    expect((await client.query('select id from t where v = 1 order by id')).rowCount).toBe(2);
    await client.query(`delete from t where id = ${ROWS + 1}`);
    await client.query('reindex index concurrently tv');
    expect((await client.query('select id from t where v = 1')).rows).toEqual([{ id: 1 }]);
    await expect(client.query(`insert into t values (${ROWS + 2}, 1)`)).rejects.toMatchObject({ code: '23505' });
  });

  test('a build that waits for writers can be stopped', async () => {
    const [builder, writer] = [await connect(), await connect()];
    await builder.query('create table t (id int primary key, v int)');
    await writer.query('begin');
    await writer.query('insert into t values (1, 1)');
    await builder.query("set statement_timeout = '200ms'");
    await expect(builder.query('create index concurrently tv on t (v)')).rejects.toMatchObject({ code: '57014' });
    expect(server.engine.indexBuilds.size).toBe(0);
    await writer.query('commit');
    await builder.query('set statement_timeout = 0');
    await builder.query('create index concurrently tv on t (v)');
  });
});
