/** Statistics beside PostgreSQL's own (PGlite) over the same rows, when they are gathered, and where they are seen. */

import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { PUBLIC_SCHEMA } from '../../src/models/relational/table.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { AutoAnalyze } from '../../src/query/sql/statistics/auto-analyze.ts';
import { sampleTable } from '../../src/query/sql/statistics/table-sample.ts';
import { openTestStore, platform, type TestStore } from '../support/stores.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
let store: TestStore;
let engine: SqlEngine;
let session: SqlSession;

beforeAll(async () => {
  store = await openTestStore('memory');
  engine = new SqlEngine({ store: store.store, platform, autoAnalyzeDelayMs: 1 });
  session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
});

afterAll(async () => {
  session.close();
  engine.close();
  await store.dispose();
});

async function rows(text: string): Promise<readonly (readonly unknown[])[]> {
  const results = await session.execute(text);
  return results.at(-1)!.rows;
}

/** Values that follow from the row's number, so that both sides hold the same. */
const TABLE = `CREATE TABLE things (
  id int PRIMARY KEY, half int, few text, skewed int8, price numeric(10,2), day date, note text, maybe bool, doc json)`;
const FILL = `INSERT INTO things SELECT i, i / 2, 'kind ' || (i % 7), (i * i) % 1000 / (1 + i % 13),
  ((i * 7919) % 100000) / 100.0, date '2020-01-01' + (i * 31) % 400,
  CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('x', i % 50) || i % 211 END, i % 5 = 0, '{}'::json FROM generate_series(1, 4000) i`;
const STATS = `SELECT attname::text, null_frac::float8, n_distinct::float8, most_common_vals::text,
  most_common_freqs::text, histogram_bounds::text, correlation::float8
  FROM pg_stats WHERE tablename = 'things' ORDER BY attname`;

test('ANALYZE finds what PostgreSQL finds in the same rows', async () => {
  const theirs = await PGlite.create();
  try {
    for (const text of [TABLE, FILL, 'ANALYZE things']) {
      await theirs.exec(text);
      await session.execute(text);
    }
    const expected = (await theirs.query<unknown[]>(STATS, [], { rowMode: 'array' })).rows;
    const found = await rows(STATS);
    expect(found.map(([name]) => name)).toEqual(expected.map(([name]) => name));
    for (let i = 0; i < expected.length; i++) {
      expect(found[i]!.slice(0, -1), String(expected[i]![0])).toEqual(expected[i]!.slice(0, -1));
      const [ours, known] = [found[i]!.at(-1), expected[i]!.at(-1)];
      if (known === null) expect(ours).toBeNull();
      else expect(ours, `correlation of ${expected[i]![0]}`).toBeCloseTo(known as number, 2);
    }
    const counts = "SELECT reltuples::float8 FROM pg_class WHERE relname = 'things'";
    expect(await rows(counts)).toEqual((await theirs.query(counts, [], { rowMode: 'array' })).rows);
  } finally {
    await theirs.close();
  }
}, 120_000);

test('ANALYZE of some columns keeps what is known of the others, and refuses what does not exist', async () => {
  await session.execute('CREATE TABLE two (a int, b int); INSERT INTO two VALUES (1, 1), (2, 1); ANALYZE two');
  await session.execute('INSERT INTO two VALUES (3, 1), (4, 2); ANALYZE two (b)');
  const found = await rows("SELECT attname::text, n_distinct::float8 FROM pg_stats WHERE tablename = 'two' ORDER BY 1");
  expect(found).toEqual([
    ['a', -1],
    ['b', -0.5],
  ]);
  await expect(session.execute('ANALYZE two (a, a)')).rejects.toMatchObject({ condition: 'duplicate_column' });
  await expect(session.execute('ANALYZE two (c)')).rejects.toMatchObject({ condition: 'undefined_column' });
  await expect(session.execute('ANALYZE nowhere')).rejects.toMatchObject({ condition: 'undefined_table' });
});

test('tables that changed enough are analyzed by themselves', async () => {
  await session.execute('CREATE TABLE grows (a int PRIMARY KEY)');
  await session.execute('INSERT INTO grows SELECT i FROM generate_series(1, 40) i');
  await engine.autoAnalyze!.idle();
  expect(await rows("SELECT reltuples::int FROM pg_class WHERE relname = 'grows'")).toEqual([[-1]]);
  await session.execute('INSERT INTO grows SELECT i FROM generate_series(41, 400) i');
  await engine.autoAnalyze!.idle();
  expect(await rows("SELECT reltuples::int FROM pg_class WHERE relname = 'grows'")).toEqual([[400]]);
  const activity = `SELECT n_tup_ins, n_live_tup, n_mod_since_analyze, autoanalyze_count, last_autoanalyze IS NOT NULL
    FROM pg_stat_user_tables WHERE relname = 'grows'`;
  expect(await rows(activity)).toEqual([[400n, 400n, 0n, 1n, true]]);
  await session.execute('DELETE FROM grows WHERE a <= 10; UPDATE grows SET a = a + 1000 WHERE a > 390');
  expect(
    await rows("SELECT n_tup_del, n_tup_upd, n_live_tup FROM pg_stat_user_tables WHERE relname = 'grows'"),
  ).toEqual([[10n, 10n, 390n]]);
  await session.execute('BEGIN; INSERT INTO grows VALUES (-1); ROLLBACK');
  expect(await rows("SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'grows'")).toEqual([[390n]]);
});

test('a table that says so is not analyzed by itself, until it says otherwise', async () => {
  await session.execute('CREATE TABLE quiet (a int) WITH (autovacuum_enabled = off)');
  await session.execute('INSERT INTO quiet SELECT i FROM generate_series(1, 400) i');
  await engine.autoAnalyze!.idle();
  const known = "SELECT reltuples::int FROM pg_class WHERE relname = 'quiet'";
  expect(await rows(known)).toEqual([[-1]]);
  await session.execute('ALTER TABLE quiet RESET (autovacuum_enabled)');
  await session.execute('INSERT INTO quiet VALUES (401)');
  await engine.autoAnalyze!.idle();
  expect(await rows(known)).toEqual([[401]]);
});

test('a table that is being filled is analyzed when the load is over, and now and then while it goes on', async () => {
  const simulation = new Simulation(seed);
  const { statistics, keyspace } = engine;
  const told = statistics.onStale;
  await session.execute('CREATE TABLE filled (a int PRIMARY KEY)');
  const auto = new AutoAnalyze({
    store: store.store,
    keyspace,
    platform: simulation.boot(),
    statistics,
    log: silentLog,
    delayMs: 1_000,
  });
  const { id } = (await engine.catalog.find('filled', { id: PUBLIC_SCHEMA, name: 'public' }))!.table;
  const analyses = () => statistics.activityOf(id)?.autoAnalyses ?? 0;
  let last = 0;
  const insert = async () => {
    await session.execute(`INSERT INTO filled SELECT i FROM generate_series(${last + 1}, ${last + 500}) i`);
    last += 500;
  };
  try {
    for (let second = 0; second < 5; second++) {
      await insert();
      await simulation.time.advance(900);
    }
    expect(analyses()).toBe(0);
    await simulation.time.advance(2_000);
    expect(analyses()).toBe(1);
    expect(statistics.of(id)?.rows).toBe(last);
    for (let second = 0; second < 60 && analyses() === 1; second++) {
      await insert();
      await simulation.time.advance(900);
    }
    expect(analyses()).toBe(2);
  } finally {
    auto.stop();
    statistics.onStale = told;
  }
});

test('statistics outlive the engine, and go with their table', async () => {
  await session.execute('CREATE TABLE kept (a int); INSERT INTO kept VALUES (1), (1), (2); ANALYZE kept');
  const again = new SqlEngine({ store: store.store, platform });
  const other = new SqlSession(again, { user: 'orbit', database: 'actors', processId: 2 });
  const stats = "SELECT most_common_vals FROM pg_stats WHERE tablename = 'kept'";
  expect((await other.execute(stats)).at(-1)!.rows).toEqual([['{1}']]);
  await session.execute('DROP TABLE kept');
  expect((await other.execute(stats)).at(-1)!.rows).toEqual([]);
  other.close();
  again.close();
});

test('what lies behind the rows that are read is counted by probes, within a tenth', async () => {
  await session.execute('CREATE TABLE large (a int PRIMARY KEY, b int)');
  await session.execute('INSERT INTO large SELECT i * 3, i FROM generate_series(1, 30000) i');
  const table = (await engine.catalog.find('large', { id: PUBLIC_SCHEMA, name: 'public' }))!;
  const reader = store.store.begin({ readOnly: true });
  let state = Number(seed.replace(/\D/g, '').slice(-9)) || 1;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
  const source = {
    scan: reader.scan.bind(reader),
    refresh: () => reader.beginStatement(),
    pause: () => undefined,
    random,
  };
  const bounds = { rowsMax: 500, readRowsMax: 2_000, strata: 100, runRows: 16 };
  const sample = await sampleTable(table, source, bounds);
  reader.rollback();
  expect(sample.totalRows, `seed ${seed}`).toBeGreaterThan(27_000);
  expect(sample.totalRows, `seed ${seed}`).toBeLessThan(33_000);
  expect(sample.rows.length).toBeLessThanOrEqual(500);
  // The sample stands for the whole table, not for the part that was read.
  const later = sample.rows.filter(([a]) => (a as number) > 45_000).length;
  expect(later / sample.rows.length, `seed ${seed}`).toBeGreaterThan(0.3);
  expect(later / sample.rows.length, `seed ${seed}`).toBeLessThan(0.7);
});
