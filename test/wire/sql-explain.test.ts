/**
 * What EXPLAIN says: PostgreSQL's keys and words (compared with PGlite where the plan is the same), and figures that are
 * true: what was asked of the store, how many rows a condition did not let pass, which settings decided.
 */

import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { openTestStore, platform, type TestStore } from '../support/stores.ts';

let store: TestStore;
let engine: SqlEngine;
let session: SqlSession;

beforeAll(async () => {
  store = await openTestStore('memory');
  engine = new SqlEngine({ store: store.store, platform });
  session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  for (const text of SETUP) await session.execute(text);
});

afterAll(async () => {
  session.close();
  engine.close();
  await store.dispose();
});

const SETUP = [
  'CREATE TABLE a (id int PRIMARY KEY, x int, y int, t text)',
  'CREATE TABLE b (k int, a_id int, v int)',
  "INSERT INTO a SELECT i, i % 20, i % 5, 't' || i % 11 FROM generate_series(1, 400) i",
  'INSERT INTO b SELECT i, i % 130, i % 37 FROM generate_series(1, 900) i',
  'CREATE INDEX a_x ON a (x)',
  'ANALYZE',
];

async function lines(text: string): Promise<string> {
  const { rows } = (await session.execute(text)).at(-1)!;
  return rows.map(([line]) => line as string).join('\n');
}

test('a plan is told with its subplans, queries in WITH, and what they are called', async () => {
  expect(
    await lines(`EXPLAIN (COSTS OFF) WITH s AS (SELECT a_id FROM b), once AS (SELECT 1 AS z)
      SELECT t, (SELECT count(*) FROM b WHERE b.k > a.id) FROM a, once
      WHERE x IN (SELECT a_id FROM s) OR y = (SELECT max(v) FROM b) OR id IN (SELECT a_id FROM s) ORDER BY id DESC`),
  ).toMatchInlineSnapshot(`
    "Sort
      Sort Key: a.id DESC
      CTE s
        ->  Seq Scan on b
      InitPlan 2 (returns $1)
        ->  Aggregate
              ->  Seq Scan on b
      ->  Nested Loop
            ->  Seq Scan on a
                  Filter: ((hashed SubPlan 1) OR (a.y = $1) OR (hashed SubPlan 3))
            ->  Materialize
                  ->  Subquery Scan on once
                        ->  Result
      SubPlan 1
        ->  CTE Scan on s
      SubPlan 3
        ->  CTE Scan on s
      SubPlan 4
        ->  Memoize
              Cache Key: $0
              Cache Mode: binary
              ->  Aggregate
                    ->  Seq Scan on b
                          Filter: (k > $0)"
  `);
});

test('VERBOSE tells the columns of every node and the schemas of tables', async () => {
  expect(
    await lines('EXPLAIN (VERBOSE, COSTS OFF) SELECT t, count(*) FROM a x WHERE y > 1 GROUP BY t LIMIT 2'),
  ).toMatchInlineSnapshot(`
    "Limit
      Output: x.t, count(*)
      ->  HashAggregate
            Output: x.t, count(*)
            Group Key: x.t
            ->  Seq Scan on public.a x
                  Output: x.y, x.t
                  Filter: (x.y > 1)"
  `);
  expect(await lines('EXPLAIN (VERBOSE, COSTS OFF) SELECT relname FROM pg_class')).toContain('on pg_catalog.pg_class');
});

test('ANALYZE tells which rows conditions did not let pass, BUFFERS what the store was asked for', async () => {
  const text = await lines(
    'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT t FROM a WHERE y = 2',
  );
  expect(text.replace(/bytes=\d+/, 'bytes=…')).toMatchInlineSnapshot(`
    "Seq Scan on a (actual rows=80 loops=1)
      Filter: (y = 2)
      Rows Removed by Filter: 320
      Buffers: ranges=1 entries=400 bytes=…"
  `);
  const point = await lines('EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) SELECT t FROM a WHERE id = 7');
  expect(point).toMatch(/Buffers: gets=1 bytes=\d+/);
  const index = await lines('EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) SELECT t FROM a WHERE x = 3');
  expect(index).toMatch(/Buffers: gets=20 ranges=1 entries=20 bytes=\d+/);
  const write = await lines('EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) UPDATE a SET y = 9 WHERE id = 7');
  expect(write).toMatch(/writes=\d/);
});

test('rows of the catalog that nobody asks for are not made', async () => {
  const options = 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)';
  for (const condition of ["attrelid = 'a'::regclass", "attrelid IN ('a'::regclass, 0)", "attrelid = ANY ('{0}')"]) {
    expect(await lines(`${options} SELECT attname FROM pg_attribute WHERE ${condition}`)).not.toContain('Rows Removed');
  }
  const joined = `SELECT attname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid WHERE relname = 'a'`;
  expect(await lines(`${options} ${joined}`)).toMatchInlineSnapshot(`
    "Hash Join (actual rows=4 loops=1)
      Hash Cond: (a.attrelid = c.oid)
      ->  Seq Scan on pg_attribute a (actual rows=4 loops=1)
      ->  Hash (actual rows=1 loops=1)
            ->  Seq Scan on pg_class c (actual rows=1 loops=1)
                  Filter: (relname = 'a'::name)"
  `);
  const others = `${options} SELECT relname FROM pg_class WHERE oid < 20000`;
  expect(await lines(others)).toContain('Rows Removed');
});

test('a node tells of the calls of all nodes below it', async () => {
  const text = await lines(
    'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT count(*) FROM b, a WHERE b.a_id = a.y AND b.v = 3',
  );
  const entries = [...text.matchAll(/entries=(\d+)/g)].map(([, count]) => Number(count));
  expect(entries[0]).toBe(1_300);
  expect(entries.filter((each) => each === 900 || each === 400).length).toBeGreaterThanOrEqual(2);
});

test('SETTINGS tells what keeps the planner off a method, and the planner is kept off it', async () => {
  expect(await lines('EXPLAIN (SETTINGS) SELECT 1')).not.toContain('Settings');
  await session.execute('SET enable_hashjoin = off');
  const text = await lines('EXPLAIN (SETTINGS) SELECT * FROM a, b WHERE a.id = b.a_id AND a.y = 1');
  expect(text).toContain("Settings: enable_hashjoin = 'off'");
  expect(text).not.toContain('Hash Join');
  await session.execute('RESET enable_hashjoin');
  expect(await lines('EXPLAIN SELECT * FROM a, b WHERE a.id = b.a_id AND a.y = 1')).toContain('Hash Join');
});

test('SUMMARY tells the time that planning took, with or without a run', async () => {
  expect(await lines('EXPLAIN SELECT 1')).not.toContain('Planning Time');
  expect(await lines('EXPLAIN (SUMMARY) SELECT 1')).toMatch(/Planning Time: \d+\.\d{3} ms/);
  expect(await lines('EXPLAIN ANALYZE SELECT 1')).toMatch(/Planning Time: [\d.]+ ms\nExecution Time: [\d.]+ ms/);
});

test('a start is never later than the end, nor costs anything less than what is below it', async () => {
  interface Node {
    readonly 'Startup Cost': number;
    readonly 'Total Cost': number;
    readonly 'Node Type': string;
    readonly Plans?: readonly Node[];
  }
  const texts = [
    'SELECT DISTINCT y FROM a ORDER BY y LIMIT 3',
    'SELECT a.t, sum(v) FROM a LEFT JOIN b ON a.id = b.a_id GROUP BY a.t ORDER BY 2',
    'SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id) UNION ALL SELECT * FROM a',
  ];
  for (const text of texts) {
    const [{ Plan: plan }] = JSON.parse(await lines(`EXPLAIN (FORMAT JSON) ${text}`)) as [{ Plan: Node }];
    const visit = (node: Node): void => {
      expect(node['Startup Cost'], text).toBeLessThanOrEqual(node['Total Cost']);
      for (const below of node.Plans ?? []) {
        if (node['Node Type'] !== 'Limit') expect(node['Total Cost'], text).toBeGreaterThanOrEqual(below['Total Cost']);
        visit(below);
      }
    };
    visit(plan);
  }
});

test('FORMAT JSON has the keys of PostgreSQL, in its order', async () => {
  const theirs = await PGlite.create();
  try {
    for (const text of SETUP) await theirs.exec(text);
    const texts = [
      'SELECT t FROM a WHERE y = 2',
      'SELECT t, count(*) FROM a GROUP BY t HAVING count(*) > 1',
      'SELECT t FROM a ORDER BY y LIMIT 3',
      'SELECT * FROM a, b WHERE a.y = b.v',
      'SELECT max(y) FROM a',
      'SELECT 1 UNION ALL SELECT 2',
      'SELECT * FROM generate_series(1, 3) g WHERE g > 1',
      'SELECT t FROM a WHERE y = (SELECT max(v) FROM b)',
      "INSERT INTO a VALUES (1000, 1, 1, 't')",
      'DELETE FROM a WHERE y = 2',
      'SET enable_seqscan = off',
      'SELECT t FROM a WHERE id = 3',
      'SELECT t FROM a ORDER BY id DESC',
    ];
    for (const text of texts) {
      if (text.startsWith('SET')) {
        await theirs.exec(text);
        continue;
      }
      const wanted = (await theirs.query<{ 'QUERY PLAN': object }>(`EXPLAIN (FORMAT JSON, VERBOSE) ${text}`)).rows[0]!;
      const ours = JSON.parse(await lines(`EXPLAIN (FORMAT JSON, VERBOSE) ${text}`)) as object;
      expect.soft(shape(ours), text).toEqual(shape(wanted['QUERY PLAN']));
    }
  } finally {
    await theirs.close();
  }
}, 180_000);

test('XML and YAML are those of PostgreSQL, line by line', async () => {
  const theirs = await PGlite.create();
  try {
    for (const text of SETUP) await theirs.exec(text);
    const text = "SELECT t, y + 1 FROM a WHERE y < 2 AND t <> '<&>' || chr(34) ORDER BY t, y";
    for (const options of ['FORMAT XML, COSTS OFF', 'FORMAT YAML, COSTS OFF']) {
      const wanted = (await theirs.query<{ 'QUERY PLAN': string }>(`EXPLAIN (${options}) ${text}`)).rows[0]!;
      expect(await lines(`EXPLAIN (${options}) ${text}`), options).toBe(before18(wanted['QUERY PLAN']));
    }
  } finally {
    await theirs.close();
  }
}, 60_000);

/** Without what PostgreSQL 18 added. */
function before18(text: string): string {
  return text.replace(/^.*Disabled.*\n/gm, '');
}

test('ANALYZE makes the table that a query is to fill, and WAL counts what is written', async () => {
  const found = await lines(
    'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE made AS SELECT id FROM a WHERE id < 4',
  );
  expect(found).toMatch(/^Index Scan using a_pkey on a \(actual rows=3 loops=1\)/);
  expect(await lines('EXPLAIN (COSTS OFF, WAL, ANALYZE, TIMING OFF, SUMMARY OFF) DELETE FROM made')).toContain(
    'WAL: records=3 bytes=',
  );
  await lines('EXPLAIN SELECT 1 AS x INTO nothing');
  const none = await lines(
    'EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) CREATE TABLE bare AS SELECT id FROM a WITH NO DATA',
  );
  expect(none).toContain('(never executed)');
  await expect(lines('EXPLAIN SELECT * FROM nothing')).rejects.toThrow('does not exist');
  await lines('EXPLAIN SELECT * FROM bare');
});

/** Only the keys, and those values that say what a node is. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return typeof value[0] === 'object' ? value.map(shape) : 'list';
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value)
    .filter(([key]) => !OTHERS.has(key))
    .map(([key, inner]) => (TELLING.has(key) ? `${key}: ${String(inner)}` : [key, shape(inner)]));
}

/** Of later versions, and of how memory is divided there. */
const OTHERS = new Set(['Disabled', 'Planned Partitions']);

const TELLING = new Set(['Node Type', 'Parent Relationship', 'Join Type', 'Operation', 'Schema']);
