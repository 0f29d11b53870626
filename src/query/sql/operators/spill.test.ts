/** Statements whose rows do not fit into their memory: the same answers as with memory for all, and nothing is left. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestStore, platform, type TestStore } from '../../../../test/support/stores.ts';
import type { Files } from '../../../platform/files.ts';
import { Simulation } from '../../../platform/simulated/simulation.ts';
import { SqlEngine } from '../sql-engine.ts';
import { SqlSession } from '../sql-session.ts';
import { TemporaryFiles } from '../workspace/temporary-files.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const DIRECTORY = '/temporary';
/** Of one operator: about a hundred rows. */
const WORK_BYTES = 12_000;

let fixture: TestStore;
let roomy: SqlEngine;
const engines: SqlEngine[] = [];
const simulation = new Simulation(seed);

type Spilling = ReturnType<typeof spilling>;

function spilling(options: { readonly fileBytesMax?: number; readonly workBytesMax?: number } = {}) {
  const disk = simulation.newDisk();
  const { files } = simulation.boot({ disk });
  const temporaryFiles = new TemporaryFiles({
    files,
    directory: DIRECTORY,
    bytesMax: options.fileBytesMax ?? Number.MAX_SAFE_INTEGER,
  });
  const limits = { workBytesMax: options.workBytesMax ?? WORK_BYTES };
  const engine = new SqlEngine({ store: fixture.store, platform, temporaryFiles, limits });
  engines.push(engine);
  const session = new SqlSession(engine, { user: 'orbit', database: 'orbit', processId: 1 });
  return { engine, session, files, disk, temporaryFiles };
}

beforeAll(async () => {
  fixture = await openTestStore('memory');
  roomy = new SqlEngine({ store: fixture.store, platform });
  engines.push(roomy);
  const session = new SqlSession(roomy, { user: 'orbit', database: 'orbit', processId: 1 });
  const random = simulation.random;
  const rows = Array.from({ length: 1_500 }, (_, i) => {
    const k = random.chance(0.05) ? 'null' : random.int(800);
    return `(${i}, ${k}, ${random.int(7)}, '${'x'.repeat(random.int(30))}${random.int(400)}', ${random.int(1000)} / 8.0)`;
  });
  await session.execute('create table t (id int primary key, k int, few int, s text, n numeric)');
  await session.execute('create table u (id int primary key, k int, s text)');
  for (let i = 0; i < rows.length; i += 500)
    await session.execute(`insert into t values ${rows.slice(i, i + 500).join()}`);
  await session.execute('insert into u select id, k + 300, s from t where id % 3 <> 0');
});

afterAll(async () => {
  for (const engine of engines) engine.close();
  await fixture.dispose();
});

/** Queries, and whether their order is part of the answer. */
const QUERIES: readonly (readonly [sql: string, ordered: boolean])[] = [
  ['select * from t order by k', true],
  ['select * from t order by s desc nulls last, n', true],
  ['select few, k, id from t order by few, k desc nulls first limit 900 offset 400', true],
  ['select id from t order by n limit 10', true],
  ['select few * 2 as f, s || few as w, (select count(*) from u where u.k = t.few) from t order by f, w desc, 3', true],
  ['select s, k from t order by random() < 2, id desc', true],
  ['select distinct k from t', true],
  ['select distinct k, s from t order by k, s', true],
  ['select distinct on (k) k, id from t order by k, id desc', true],
  ['select distinct s from t limit 500', true],
  ['select t.id, u.id, t.s from t join u on u.k = t.k', false],
  ['select t.id, u.id, t.s from t join u on u.k = t.k and u.id < t.id', false],
  ['select t.id, u.id from t left join u on u.k = t.k and u.id > t.id', false],
  ['select t.id, u.id from t full join u on u.k = t.k and u.s = t.s', false],
  ['select a.id, b.id from t a full join u b on b.k = a.few', false],
  [
    'select count(*), sum(a.id - b.few) from (select * from t where id < 200 offset 0) a, (select * from t where id > 1200 offset 0) b',
    false,
  ],
  ['select count(*) from t a join t b on a.few = b.few where a.id < 200', false],
  ['select a.id, count(b.id) from t a left join t b on a.few = b.few and a.id + 500 = b.id group by a.id', false],
  ['select k, count(*), sum(n), min(s), max(id) from t group by k', false],
  ['select k, s, avg(n), bool_or(few > 3) filter (where id > 100) from t group by k, s having count(*) > 0', false],
  [
    'select k, few, grouping(k, few), count(*), sum(id) from t group by grouping sets ((k, few), (k), (few), ())',
    false,
  ],
  ['select k, array_agg(id order by s, id), count(distinct few), sum(distinct n) from t group by k', false],
  ['select few, array_agg(id order by s desc, id) from t group by few', false],
  ["select few, string_agg(distinct s, ',' order by s), count(distinct id) from t group by few", false],
  ["select array_agg(s order by s, id), count(distinct n), string_agg(distinct s, '') from t", false],
  ['select k, few, array_agg(distinct n) from t group by cube (k, few)', false],
  ['select k from t union select k from u', true],
  ['select k, s from t intersect select k, s from u', false],
  ['select k from t intersect all select k from u', false],
  ['select k from t except select k from u', false],
  ['select few, s from t except all select few, s from t where id % 2 = 0', false],
  ['with c as materialized (select * from t) select a.id, b.id from c a join c b on a.k = b.k', false],
  ['with c as materialized (select * from t) select * from c limit 900', true],
  [
    'with recursive c as (select id, 0 as n from t union all select id, n + 1 from c where n < 4) select * from c',
    false,
  ],
  [
    'with recursive c as (select id, id as n from t union all select id, n / 2 from c where n > 7) select id, sum(n) from c group by id',
    false,
  ],
];

async function rowsOf(session: SqlSession, sql: string, ordered: boolean): Promise<readonly string[]> {
  const [result] = await session.execute(sql);
  const rows = result!.rows.map((row) => row.map(String).join('|'));
  return ordered ? rows : rows.sort();
}

/** No memory is taken and no file is open. */
async function expectNothingLeft(
  { engine, temporaryFiles, files }: Omit<Spilling, 'disk' | 'files'> & { readonly files: Pick<Files, 'list'> },
  directory = DIRECTORY,
): Promise<void> {
  await expect.poll(() => temporaryFiles.openFiles, { interval: 1 }).toBe(0);
  expect([temporaryFiles.bytes, engine.memory.bytes]).toEqual([0, 0]);
  expect(await files.list(directory)).toEqual([]);
}

let small: Spilling;
let wide: SqlSession;

describe('what does not fit into memory', () => {
  let bounded: Spilling;
  let full: Spilling;
  beforeAll(() => {
    small = spilling();
    bounded = spilling({ fileBytesMax: 2_500 });
    full = spilling();
    wide = new SqlSession(roomy, { user: 'orbit', database: 'orbit', processId: 2 });
  });

  test.each(QUERIES)('gives the same answer from files: %s', async (sql, ordered) => {
    const before = small.temporaryFiles.totals.files;
    expect(await rowsOf(small.session, sql, ordered), `seed ${seed}`).toEqual(await rowsOf(wide, sql, ordered));
    if (!sql.includes('limit 10')) expect(small.temporaryFiles.totals.files).toBeGreaterThan(before);
    await expectNothingLeft(small);
  });

  test.each(QUERIES.filter(([sql]) => !sql.includes('limit 10')))(
    'is refused where files are full: %s',
    async (sql) => {
      await expect(bounded.session.execute(sql)).rejects.toMatchObject({
        condition: 'configuration_limit_exceeded',
        message: 'temporary file size exceeds temp_file_limit (2kB)',
      });
      await expectNothingLeft(bounded);
      const repair = full.disk.fail('write', { code: 'ENOSPC', times: 1_000 });
      await expect(full.session.execute(sql)).rejects.toMatchObject({ code: 'disk_full' });
      repair();
      await expectNothingLeft(full);
      expect((await full.session.execute('select 1'))[0]!.rows).toEqual([[1]]);
    },
  );
});

test('what is written after it was read, and what RETURNING gives, goes through files', async () => {
  const { session, temporaryFiles } = small;
  for (const [sql, tag] of [
    ['update t set id = id + 10000 returning id, k, s', 'UPDATE 1500'],
    ['update t set id = id - 10000', 'UPDATE 1500'],
    ['insert into u select id + 20000, k, s from u returning *', 'INSERT 0 1000'],
    ['delete from u where id >= 20000 returning *', 'DELETE 1000'],
  ] as const) {
    const before = temporaryFiles.totals.files;
    const [result] = await session.execute(sql);
    expect(result!.tag).toBe(tag);
    if (result!.columns !== undefined) expect(new Set(result!.rows.map(([id]) => id)).size).toBe(Number(tag.slice(-4)));
    expect(temporaryFiles.totals.files, sql).toBeGreaterThan(before);
    await expectNothingLeft(small);
  }
});

test('groups that stand together are held one at a time, and only one that does not fit goes through files', async () => {
  const { session, temporaryFiles } = small;
  await session.execute('create index t_few on t (few); create index t_k on t (k)');
  const cases = [
    ['select few, k, id from t order by few, k, id', 'Incremental Sort', true],
    ['select few, array_agg(id order by s desc, id), count(distinct k) from t group by few', 'GroupAggregate', true],
    ['select k, n, id from t where k is not null order by k, n, id', 'Incremental Sort', false],
    [
      'select k, array_agg(id order by s, id), sum(distinct n) from t where k is not null group by k',
      'GroupAggregate',
      false,
    ],
    ['select distinct k from t', 'Unique', false],
    ['select k from t group by k', 'Group', false],
  ] as const;
  for (const [sql, node, spills] of cases) {
    const expected = await rowsOf(wide, sql, false);
    await session.execute('set enable_hashagg = off; set enable_sort = off');
    expect((await rowsOf(session, `explain ${sql}`, true)).join('\n')).toContain(node);
    const before = temporaryFiles.totals.files;
    expect((await rowsOf(session, sql, true)).toSorted(), `seed ${seed}`).toEqual(expected);
    if (spills) expect(temporaryFiles.totals.files, sql).toBeGreaterThan(before);
    else expect(temporaryFiles.totals.files, sql).toBe(before);
    await session.execute('reset all');
    await expectNothingLeft(small);
  }
  await session.execute('drop index t_few, t_k');
});

const WINDOWS = [
  'select id, k, row_number() over (order by s, id), rank() over (order by s), sum(n) over (order by s, id) from t',
  'select id, lag(s, 3) over w, lead(id) over w, last_value(id) over w, count(*) over (partition by few) from t window w as (partition by few order by n, id)',
  'select id, sum(id) over (order by id rows between 5 preceding and 2 following exclude current row), ntile(7) over (order by id) from t',
  'select id, percent_rank() over (order by k), max(s) over (order by k nulls first range between 2 preceding and current row) from t',
  'select id, nth_value(s, 40) over (order by s, id rows between unbounded preceding and unbounded following), dense_rank() over (partition by k order by n) from t',
];

test.each(WINDOWS)('partitions of windows that do not fit go through files: %s', async (sql) => {
  const directory = await mkdtemp(join(tmpdir(), 'orbit-window-'));
  const temporaryFiles = new TemporaryFiles({ files: platform.files, directory, bytesMax: 100_000_000 });
  const engine = new SqlEngine({
    store: fixture.store,
    platform,
    temporaryFiles,
    limits: { workBytesMax: WORK_BYTES },
  });
  const session = new SqlSession(engine, { user: 'orbit', database: 'orbit', processId: 1 });
  expect(await rowsOf(session, sql, true)).toEqual(await rowsOf(wide, sql, true));
  expect(temporaryFiles.totals.files).toBeGreaterThan(2);
  await expectNothingLeft({ engine, session, temporaryFiles, files: platform.files }, directory);
  engine.close();
  await rm(directory, { recursive: true });
});

test('more sorted files than can be read at once are merged step by step', async () => {
  const given = spilling({ workBytesMax: 3_000 });
  const { session, temporaryFiles } = given;
  const wide = new SqlSession(roomy, { user: 'orbit', database: 'orbit', processId: 2 });
  const sql = 'select id, s from t order by s, k';
  expect(await rowsOf(session, sql, true)).toEqual(await rowsOf(wide, sql, true));
  expect(temporaryFiles.totals.files).toBeGreaterThan(100);
  await expectNothingLeft(given);
});

test('files of a portal live until it is closed, or its transaction ends', async () => {
  const given = spilling();
  const { session, temporaryFiles } = given;
  const sink = { columns: () => {}, rows: () => {}, complete: () => {}, empty: () => {}, notice: () => {} };
  for (const end of [() => session.closePortal('p'), () => session.execute('rollback'), () => session.execute('x y')]) {
    await session.execute('begin');
    const portal = session.portal(await session.prepare('select * from t order by s', []), []);
    session.portals.set('p', portal);
    expect(await session.run(portal, 10, sink)).toBe('suspended');
    expect(temporaryFiles.openFiles).toBeGreaterThan(0);
    await Promise.resolve(end()).catch(() => {});
    await expectNothingLeft(given);
    await session.execute('rollback');
  }
});

test('a session that ends while its statement writes files leaves nothing', async () => {
  const given = spilling();
  const { session, temporaryFiles } = given;
  const running = session.execute('select * from t order by s');
  await expect.poll(() => temporaryFiles.openFiles, { interval: 0 }).toBeGreaterThan(0);
  session.close();
  await expect(running).rejects.toMatchObject({ condition: 'query_canceled' });
  await expectNothingLeft(given);
});

test('files that a crash left are removed at the start', async () => {
  const { files, temporaryFiles } = spilling();
  await files.makeDirectory(DIRECTORY);
  for (const name of ['rows-7', 'rows-81', 'rows-of-others']) {
    await files.writeAtomic(`${DIRECTORY}/${name}`, Uint8Array.of(1));
  }
  await temporaryFiles.clean();
  expect(await files.list(DIRECTORY)).toEqual(['rows-of-others']);
});

test('what other statements hold is not there for the next', async () => {
  const engine = new SqlEngine({
    store: fixture.store,
    platform,
    limits: { queryBytesMax: 900_000, workBytesMax: 800_000 },
  });
  engines.push(engine);
  const session = new SqlSession(engine, { user: 'orbit', database: 'orbit', processId: 1 });
  const sql = 'select * from t where id < 1000 order by few';
  expect((await session.execute(sql))[0]!.tag).toBe('SELECT 1000');
  engine.memory.force(700_000);
  await expect(session.execute(sql)).rejects.toMatchObject({
    condition: 'out_of_memory',
    detail: expect.stringContaining('other statements'),
  });
  engine.memory.give(700_000);
  expect((await session.execute(sql))[0]!.tag).toBe('SELECT 1000');
  expect(engine.memory.bytes).toBe(0);
});

test('cursors find rows in both directions that memory does not hold, also behind the end of their transaction', async () => {
  const { engine, session, temporaryFiles } = spilling();
  const first = async (sql: string) => (await session.execute(sql))[0]!.rows[0]?.[0];
  const query = "select g, repeat('x', 50) from generate_series(1, 3000) g";
  await session.execute(`begin; declare c scroll cursor with hold for ${query}; declare d cursor for ${query}`);
  expect((await session.execute('move 3000 in c'))[0]!.tag).toBe('MOVE 3000');
  expect(await first('fetch absolute 7 from c')).toBe(7);
  expect(await first('fetch absolute 2999 from c')).toBe(2999);
  expect((await session.execute('fetch backward 1999 from c'))[0]!.rows.at(-1)![0]).toBe(1000);
  await session.execute('savepoint s');
  await session.execute('move 2999 in d');
  await expect(session.execute('fetch prior from d')).rejects.toThrow('cursor can only scan forward');
  await session.execute('rollback to s');
  expect(await first('fetch from d')).toBe(3000);
  await session.execute(`declare e cursor with hold for ${query}`);
  await session.execute('move 10 in e');
  await session.execute('commit');
  expect(await first('fetch c')).toBe(1001);
  expect(await first('fetch last from c')).toBe(3000);
  expect(await first('fetch e')).toBe(11);
  await session.execute('close all');
  expect(engine.memory.bytes).toBe(0);
  expect(temporaryFiles.openFiles).toBe(0);
});
