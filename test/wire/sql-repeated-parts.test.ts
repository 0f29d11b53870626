/**
 * Joins of more tables than all orders are compared for, and subqueries that are run once for each row outside: their
 * small tables are held, larger ones are read anew.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { HELD_ROWS_MAX } from '../../src/query/sql/operators/held-scan.ts';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { type PgServer, startPgServer } from './pg-server.ts';

let server: PgServer;
let session: SqlSession;

beforeAll(async () => {
  server = await startPgServer();
  session = new SqlSession(server.engine, { user: 'orbit', database: 'orbit', processId: 1 });
});

afterAll(async () => {
  session.close();
  await server.stop();
});

async function rowsOf(text: string): Promise<readonly (readonly unknown[])[]> {
  return (await session.execute(text)).at(-1)?.rows ?? [];
}

test('sixty-four tables are joined along their conditions, whatever the order of FROM', async () => {
  const numbers = Array.from({ length: 64 }, (_, i) => i + 1);
  for (const i of numbers) {
    await session.execute(`CREATE TABLE j${i} (a${i} int PRIMARY KEY, b${i} int);
      INSERT INTO j${i} SELECT n, n % 10 + 1 FROM generate_series(1, 10) AS n`);
  }
  const shuffled = numbers.toSorted((a, b) => ((a * 37) % 64) - ((b * 37) % 64));
  const conditions = numbers.slice(1).map((i) => (i % 3 === 0 ? `a${i} = b${i - 1}` : `b${i - 1} = a${i}`));
  const text = `SELECT a1, a64 FROM ${shuffled.map((i) => `j${i}`).join(', ')} WHERE a1 = 4 AND ${conditions.join(' AND ')}`;
  expect(await rowsOf(text)).toEqual([[4, ((4 - 1 + 63) % 10) + 1]]);
});

test('tables that no condition holds together are multiplied', async () => {
  await session.execute('CREATE TABLE pair (a int); INSERT INTO pair VALUES (1), (2)');
  const names = Array.from({ length: 10 }, (_, i) => `p${i}`);
  const from = names.map((name) => `pair AS ${name}`).join(', ');
  expect(await rowsOf(`SELECT count(*) FROM ${from} WHERE p0.a < p1.a`)).toEqual([[256n]]);
});

test.each([
  ['a small table', 50],
  ['a table of more rows than are held', HELD_ROWS_MAX + 50],
])('a subquery over %s finds the rows of each row outside', async (_, rows) => {
  await session.execute(`CREATE TABLE held AS SELECT n AS a, n % 7 AS b FROM generate_series(1, ${rows}) AS n`);
  const low = 'SELECT n, (SELECT count(*) FROM held WHERE held.a < n AND b < 6) FROM generate_series(1, 5) AS n';
  expect(await rowsOf(low)).toEqual([1, 2, 3, 4, 5].map((n) => [n, BigInt(n - 1)]));
  const any = 'SELECT n FROM generate_series(0, 5) AS n WHERE (SELECT max(b) FROM held WHERE held.a = n) IS NOT NULL';
  expect(await rowsOf(any)).toEqual([[1], [2], [3], [4], [5]]);
  // What a statement writes it does not see, but the next one does.
  await session.execute('UPDATE held SET b = (SELECT count(*) FROM held AS h WHERE h.a < held.a) WHERE a <= 5');
  expect(await rowsOf('SELECT b FROM held WHERE a <= 5 ORDER BY a')).toEqual([[0], [1], [2], [3], [4]]);
  await session.execute('DROP TABLE held');
});

test('a subquery in FROM that reads the row before it is run again for each', async () => {
  await session.execute('CREATE TABLE side (k int, v int); INSERT INTO side VALUES (1, 10), (1, 11), (2, 20)');
  const text = `SELECT n, v FROM generate_series(1, 3) AS n,
    LATERAL (SELECT v FROM side WHERE k = n AND v > 10 ORDER BY v) AS found`;
  expect(await rowsOf(text)).toEqual([
    [1, 11],
    [2, 20],
  ]);
});
