/**
 * Subqueries that depend on the row around them are not run again where their answer is known: the answers are those of
 * PostgreSQL (PGlite), and EXPLAIN shows how often each was run.
 */

import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SqlEngine } from '../../src/query/sql/sql-engine.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { openTestStore, platform, type TestStore } from '../support/stores.ts';

let store: TestStore;
let engine: SqlEngine;
let session: SqlSession;
let theirs: PGlite;

const SETUP = [
  'CREATE TABLE a (id int PRIMARY KEY, x int, y int, t text, n numeric)',
  'CREATE TABLE b (k int, a_id int, v int, t text)',
  `INSERT INTO a SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE i % 20 END, i % 5, 't' || i % 11,
    CASE WHEN i % 2 = 0 THEN 1.0 ELSE 1.00 END FROM generate_series(1, 400) i`,
  `INSERT INTO b SELECT i, CASE WHEN i % 9 = 0 THEN NULL ELSE i % 130 END, i % 37, 't' || i % 13
    FROM generate_series(1, 900) i`,
];

beforeAll(async () => {
  store = await openTestStore('memory');
  engine = new SqlEngine({ store: store.store, platform });
  session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  theirs = await PGlite.create();
  for (const text of SETUP) {
    await session.execute(text);
    await theirs.exec(text);
  }
}, 180_000);

afterAll(async () => {
  session.close();
  engine.close();
  await store.dispose();
  await theirs.close();
});

async function lines(text: string): Promise<readonly string[]> {
  const { rows } = (await session.execute(text)).at(-1)!;
  return rows.map((row) => row.map(String).join('|'));
}

const QUERIES = [
  'SELECT id, (SELECT max(v) FROM b WHERE b.a_id = a.x) FROM a ORDER BY id',
  'SELECT id, (SELECT count(*) FROM b WHERE b.a_id = a.x AND b.t = a.t) FROM a ORDER BY id',
  // Two texts of one number are two questions.
  'SELECT id, (SELECT a.n::text || count(*) FROM b WHERE b.v = a.n) FROM a ORDER BY id',
  'SELECT id, ARRAY(SELECT k FROM b WHERE b.a_id = a.x ORDER BY k) FROM a ORDER BY id',
  'SELECT count(*) FROM a WHERE y = 1 OR EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND b.t = a.t AND v > 3)',
  'SELECT count(*) FROM a WHERE y = 1 OR NOT EXISTS (SELECT 1 FROM b WHERE a.x = b.a_id)',
  'SELECT id, EXISTS (SELECT FROM b WHERE b.a_id = a.x), NOT EXISTS (SELECT FROM b WHERE b.a_id = a.x + 1) FROM a ORDER BY id',
  'SELECT id, EXISTS (SELECT FROM b WHERE b.a_id = a.x AND b.v < a.y) FROM a ORDER BY id',
  'SELECT id, EXISTS (SELECT a.x - v FROM b WHERE v > 3) FROM a ORDER BY id',
  'SELECT id, (SELECT count(*) FROM b WHERE b.v < a.y) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.v > a.x + 20) ORDER BY id',
  'SELECT id, (SELECT count(*) FROM b WHERE b.v < a.y OR a.x IS NULL) + (SELECT count(*) FROM b c WHERE c.k < 0) FROM a ORDER BY id',
  'SELECT id, (SELECT count(*) FROM b WHERE b.v < a.y LIMIT 0), (SELECT count(*) FROM b WHERE v < a.y HAVING a.y > 2) FROM a ORDER BY id',
  'SELECT id, (SELECT count(v) FROM b WHERE b.v < a.y), (SELECT count(*) FILTER (WHERE k > 9) FROM b WHERE v < a.y) FROM a ORDER BY id',
  'SELECT id, EXISTS (SELECT 1 FROM b WHERE b.v < a.y OFFSET 60), EXISTS (SELECT count(*) FROM b WHERE b.v < -a.y) FROM a ORDER BY id',
  'SELECT id, (SELECT count(*) FROM b WHERE b.v < a.y AND EXISTS (SELECT 1 FROM b c WHERE c.k > b.k AND c.v < a.y)) FROM a WHERE id < 9 ORDER BY id',
  'SELECT id, (SELECT count(*) FROM (SELECT DISTINCT v FROM b WHERE b.v < a.y) d) FROM a ORDER BY id',
  'SELECT id, x NOT IN (SELECT a_id FROM b WHERE b.v = a.y) FROM a ORDER BY id',
  'SELECT id, x NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL), x NOT IN (SELECT a_id FROM b) FROM a ORDER BY id',
  'SELECT id, (x, t) NOT IN (SELECT a_id, t FROM b) FROM a ORDER BY id',
  'SELECT id, x > ALL (SELECT v FROM b WHERE b.a_id = a.y) FROM a ORDER BY id',
  'SELECT id, (SELECT (SELECT max(v) FROM b WHERE b.a_id = a.x AND b.k > c.k) FROM b c WHERE c.k = a.y) FROM a ORDER BY id',
  // A query in WITH inside of a subquery is another one for every row outside.
  'SELECT id, (WITH c AS (SELECT a.x AS v) SELECT (SELECT sum(v) FROM c)) FROM a ORDER BY id',
  'SELECT id, (WITH c AS MATERIALIZED (SELECT a.x AS v) SELECT (SELECT sum(v) FROM c WHERE v > q.y) FROM a q WHERE q.id = 3) FROM a ORDER BY id',
];

test('subqueries of which answers are kept answer as PostgreSQL', async () => {
  for (const text of QUERIES) {
    const asText = `SELECT q::text FROM (${text}) q`;
    const { rows } = (await theirs.exec(asText, { rowMode: 'array' }))[0]!;
    expect(await lines(asText), text).toEqual((rows as unknown as string[][]).map(([row]) => row));
  }
}, 120_000);

test('one question is asked once', async () => {
  const text = (
    await lines(
      'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT (SELECT max(v) FROM b WHERE b.a_id = a.x) FROM a',
    )
  ).join('\n');
  expect(text).toContain('Memoize');
  // 19 values of x and null.
  expect(text).toMatch(/Aggregate \(actual rows=1 loops=21\)/);
  await session.execute('SET enable_memoize = off');
  const without = await lines('EXPLAIN (ANALYZE, TIMING OFF) SELECT (SELECT max(v) FROM b WHERE b.a_id = a.x) FROM a');
  expect(without.join('\n')).toMatch(/Aggregate .*loops=400\)/);
  await session.execute('RESET enable_memoize');
});

test('where no question comes twice, answers are not kept for long', async () => {
  await session.execute('CREATE TABLE wide AS SELECT i AS id FROM generate_series(1, 3000) i');
  const [sum] = await lines('SELECT sum((SELECT max(y) FROM a WHERE a.id = wide.id)) FROM wide');
  expect(sum).toBe('800');
});

test('an EXISTS that asks for equal values gathers them once', async () => {
  const text = await lines(
    'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF) SELECT EXISTS (SELECT FROM b WHERE b.a_id = a.id) FROM a',
  );
  expect(text.join('\n')).toContain('hashed SubPlan 2');
  const loops = text
    .filter((line) => line.includes('Seq Scan on public.b'))
    .map((line) => Number(/loops=(\d+)/.exec(line)![1]));
  expect(loops[1]).toBe(1);
  expect(loops[0]).toBeLessThan(20);
});

test('volatile subqueries are asked for every row', async () => {
  const rows = await lines('SELECT DISTINCT (SELECT random() WHERE a.y >= 0) FROM a');
  expect(rows.length).toBeGreaterThan(390);
});

test('what a subquery held is given back before it is run again', async () => {
  const small = new SqlEngine({ store: store.store, platform, limits: { queryBytesMax: 8 * 1024 * 1024 } });
  const own = new SqlSession(small, { user: 'orbit', database: 'actors', processId: 2 });
  try {
    await own.execute('SET enable_memoize = off');
    // The sort needs memory after 400 runs of each subquery; there are no files to put it into.
    const { rows } = (
      await own.execute(`SELECT count(*), max(length(p)) FROM (
        SELECT repeat(t, 500) AS p, (SELECT count(*) FROM (SELECT v FROM b WHERE b.v > a.y GROUP BY v) q) AS n,
          a.y < ALL (SELECT v + 10 FROM b WHERE b.a_id = a.x) AS less
        FROM a ORDER BY p, n, less OFFSET 0) s`)
    ).at(-1)!;
    expect(rows).toEqual([[400n, 1_500]]);
  } finally {
    own.close();
    small.close();
  }
});
