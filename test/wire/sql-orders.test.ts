/**
 * Rows that a key gives in order: merge joins of every kind, the first and the last value, and limits that stop a scan inside
 * of subqueries and of UNION ALL, groups and different values that stand together, and sorts by the keys that are left. The rows are PostgreSQL's (PGlite), and EXPLAIN shows that they came in the way that is meant.
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
  'CREATE TABLE a (id int PRIMARY KEY, x int, y int NOT NULL, t text)',
  'CREATE TABLE b (k int, n int, a_id int, v int, t text, PRIMARY KEY (k, n))',
  'CREATE TABLE empty (id int PRIMARY KEY, x int)',
  `INSERT INTO a SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE i * 7 % 90 END, i % 5, 't' || i % 11
    FROM generate_series(1, 600) i`,
  `INSERT INTO b SELECT i / 4, i % 4, CASE WHEN i % 9 = 0 THEN NULL ELSE i * 11 % 700 END, i % 37, 't' || i % 13
    FROM generate_series(1, 1000) i`,
  'CREATE INDEX a_x ON a (x)',
  'CREATE INDEX a_y ON a (y, x DESC)',
  'CREATE INDEX b_a ON b (a_id, v)',
  'CREATE INDEX b_v ON b (v DESC NULLS LAST)',
  'CREATE INDEX b_part ON b (t, v) WHERE n = 2',
];

beforeAll(async () => {
  store = await openTestStore('memory');
  engine = new SqlEngine({ store: store.store, platform });
  session = new SqlSession(engine, { user: 'orbit', database: 'actors', processId: 1 });
  theirs = await PGlite.create();
  for (const text of [...SETUP, 'ANALYZE']) {
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

async function lines(text: string): Promise<string[]> {
  const { rows } = (await session.execute(text)).at(-1)!;
  return rows.map((row) => row.map(String).join('|'));
}

/** Compares whole rows, in order where the text says it. */
async function compare(text: string): Promise<void> {
  const asText = `SELECT row(q.*)::text FROM (${text}) q`;
  const { rows } = (await theirs.exec(asText, { rowMode: 'array' }))[0]!;
  const wanted = (rows as unknown as string[][]).map(([row]) => row!);
  const found = await lines(asText);
  const isOrdered = /ORDER BY [^)]*$/.test(text);
  expect(isOrdered ? found : found.sort(), text).toEqual(isOrdered ? wanted : wanted.sort());
}

async function explained(text: string): Promise<string> {
  return (await lines(`EXPLAIN (COSTS OFF) ${text}`)).join('\n');
}

async function having(settings: readonly string[], body: () => Promise<void>): Promise<void> {
  for (const each of settings) await session.execute(`SET ${each} = off`);
  try {
    await body();
  } finally {
    for (const each of settings) await session.execute(`RESET ${each}`);
  }
}

test('merge joins of every kind give the rows of PostgreSQL', async () => {
  const joins = [
    'SELECT a.id, b.k, b.n FROM a JOIN b ON a.id = b.a_id',
    'SELECT a.id, b.k, b.n FROM a LEFT JOIN b ON a.id = b.a_id AND b.v > 9',
    'SELECT a.id, b.k, b.n FROM a LEFT JOIN b ON a.id = b.a_id AND a.y > b.v',
    'SELECT a.id, b.k, b.n FROM a RIGHT JOIN b ON a.x = b.a_id AND a.t = b.t',
    'SELECT a.id, b.k, b.n FROM a FULL JOIN b ON a.x = b.a_id',
    'SELECT a.id, b.k, b.n FROM a FULL JOIN b ON a.x = b.v AND a.t = b.t AND a.y > b.n',
    'SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_id = a.x)',
    'SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_id = a.x AND b.v > a.y)',
    'SELECT a.id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_id = a.x)',
    'SELECT a.id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_id = a.x AND b.v > a.y)',
    'SELECT a.id, e.id AS e FROM a FULL JOIN empty e ON a.x = e.x',
    'SELECT a.id, e.id AS e FROM empty e FULL JOIN a ON a.x = e.x',
    'SELECT a.id, e.id AS e FROM a JOIN empty e ON a.x = e.x',
    'SELECT p.id, q.id AS q, b.k FROM a p JOIN a q ON p.x = q.y JOIN b ON b.a_id = q.x AND b.k = p.id',
  ];
  await having(['enable_hashjoin', 'enable_nestloop'], async () => {
    for (const text of joins) {
      expect(await explained(text), text).toMatch(/Merge .*Join|Merge Cond/);
      await compare(text);
    }
  });
}, 120_000);

test('two sides that keys give in order are merged instead of hashed and sorted', async () => {
  const text = 'SELECT a.id, b.v FROM a JOIN b ON a.id = b.k ORDER BY a.id';
  const plan = await explained(text);
  expect(plan).toContain('Merge Join');
  expect(plan).not.toContain('Sort');
  const first = 'SELECT a.id, b.n FROM b LEFT JOIN a ON a.id = b.k ORDER BY b.k, b.n LIMIT 7';
  await compare('SELECT a.id, b.k FROM a LEFT JOIN b ON a.id = b.k ORDER BY a.id');
  await compare(first);
});

test('a limit over a join reads only as much of the outer table as it needs', async () => {
  const text = 'SELECT a.id, b.v FROM a JOIN b ON a.id = b.a_id ORDER BY a.id, b.v LIMIT 5';
  await compare(text);
  const plan = await lines(
    'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS) SELECT a.id, b.v FROM a JOIN b ON a.id = b.a_id ORDER BY a.id LIMIT 5',
  );
  expect(plan.join('\n')).not.toContain('Sort');
  expect(Number(/entries=(\d+)/.exec(plan[1]!)![1])).toBeLessThan(1_200);
});

test('the first and the last value come from the ends of an index', async () => {
  const extremes = [
    'SELECT min(x), max(x), max(id), min(y) FROM a',
    'SELECT max(v) FROM b',
    'SELECT max(x) FROM a WHERE y = 3',
    'SELECT min(x) FROM a WHERE x > 10',
    'SELECT min(v) + 1 AS m FROM b WHERE a_id = 77',
    'SELECT max(n) FROM b WHERE k = 12',
    'SELECT max(v) FROM b WHERE a_id = 77 HAVING max(v) > 1',
    'SELECT min(x) FROM a WHERE x > 1000',
    'SELECT max(x), 7 AS seven FROM empty HAVING max(x) IS NULL',
    "SELECT max(v) FROM b WHERE n = 2 AND t = 't3'",
    'SELECT id, (SELECT max(v) FROM b WHERE b.a_id = a.id) FROM a ORDER BY id',
  ];
  for (const [place, text] of extremes.entries()) {
    await compare(text);
    // Of the others one row is expected at most: nothing could be cheaper than to read it.
    if (place < 4) expect(await explained(text), text).toMatch(/Limit\n.*Index (Only )?Scan/);
  }
  // Few rows of many that are read in that order would meet the condition.
  expect(await explained("SELECT min(x) FROM a WHERE id = 3 AND t = 't3'")).not.toContain('Limit');
  await compare('SELECT min(x), max(t), count(*) FROM a WHERE y = 2');
  await compare('SELECT max(x) FILTER (WHERE y = 2), max(x) FROM a');
});

test('groups and different values are read in the order of an index as far as a limit wants them', async () => {
  expect(await explained('SELECT y, count(*), max(x) FROM a GROUP BY y ORDER BY y LIMIT 2')).toBe(
    ['Limit', '  ->  GroupAggregate', '        Group Key: y', '        ->  Index Only Scan using a_y on a'].join('\n'),
  );
  expect(await explained('SELECT x, y FROM a GROUP BY x, y ORDER BY y DESC, x LIMIT 2')).toBe(
    ['Limit', '  ->  Group', '        Group Key: y, x', '        ->  Index Only Scan Backward using a_y on a'].join(
      '\n',
    ),
  );
  expect(await explained('SELECT DISTINCT a_id FROM b ORDER BY a_id LIMIT 2')).toBe(
    ['Limit', '  ->  Unique', '        ->  Index Only Scan using b_a on b'].join('\n'),
  );
  // Where all are wanted, hashing takes less.
  expect(await explained('SELECT y, count(*) FROM a GROUP BY y')).toContain('HashAggregate');
  await having(['enable_hashagg'], async () => {
    expect(await explained('SELECT k, sum(n) FROM b GROUP BY k')).toBe(
      ['GroupAggregate', '  Group Key: k', '  ->  Index Scan using b_pkey on b'].join('\n'),
    );
    await compare('SELECT k, sum(n), array_agg(v ORDER BY v DESC, n) FROM b GROUP BY k');
    await compare('SELECT DISTINCT k, n FROM b');
  });
  const read = await lines(
    'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS) SELECT DISTINCT k FROM b ORDER BY k LIMIT 2',
  );
  expect(Number(/entries=(\d+)/.exec(read.join('\n'))![1])).toBeLessThan(1_000);
});

test('rows in the order of the first keys are sorted by the others, group by group', async () => {
  const text = 'SELECT k, v, t FROM b ORDER BY k, v, t LIMIT 10';
  expect(await explained(text)).toBe(
    [
      'Limit',
      '  ->  Incremental Sort',
      '        Sort Key: k, v, t',
      '        Presorted Key: k',
      '        ->  Index Scan using b_pkey on b',
    ].join('\n'),
  );
  await compare(text);
  await having(['enable_sort'], async () => {
    const all = 'SELECT k, n, v FROM b ORDER BY k DESC, v, n DESC';
    expect(await explained(all)).toContain('Presorted Key: k\n  ->  Index Scan Backward using b_pkey on b');
    await compare(all);
    await having(['enable_incremental_sort'], async () => {
      expect(await explained(all)).not.toContain('Incremental');
    });
  });
});

test('the order and the limit of a query are those of the subquery and of the parts of a UNION ALL that it reads', async () => {
  await session.execute('CREATE VIEW seen AS SELECT id, y + 1 AS z, t FROM a WHERE y < 4');
  await theirs.exec('CREATE VIEW seen AS SELECT id, y + 1 AS z, t FROM a WHERE y < 4');
  const texts = [
    'SELECT * FROM seen ORDER BY id DESC LIMIT 5',
    'SELECT * FROM (SELECT id, y + 1 AS z FROM a) s WHERE z > 1 ORDER BY id LIMIT 5 OFFSET 3',
    'SELECT * FROM (SELECT id FROM a UNION ALL SELECT k * 4 + n FROM b WHERE v > 3) s ORDER BY id DESC LIMIT 5',
    'SELECT * FROM (SELECT id, x FROM a UNION ALL SELECT id, x FROM empty) s ORDER BY x DESC NULLS LAST, id LIMIT 9',
  ];
  for (const text of texts) await compare(text);
  expect(await explained(texts[0]!)).not.toContain('Sort');
  const first = await lines(
    `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) SELECT * FROM (SELECT id FROM a UNION ALL SELECT k FROM b) s LIMIT 4`,
  );
  expect(first.join('\n')).toMatch(/entries=4 /);
  expect(first.join('\n')).toContain('never executed');
  // What may differ each time, and what is cut already, stays as it is.
  await compare('SELECT * FROM (SELECT id FROM a ORDER BY y, id LIMIT 20) s ORDER BY id LIMIT 3');
  await compare('SELECT * FROM (SELECT DISTINCT y FROM a) s ORDER BY y DESC LIMIT 2');
  await compare('SELECT * FROM (SELECT y, count(*) AS n FROM a GROUP BY y) s ORDER BY y LIMIT 2');
  await compare('SELECT * FROM (SELECT y FROM a) s ORDER BY y FETCH FIRST 1 ROW WITH TIES');
});
