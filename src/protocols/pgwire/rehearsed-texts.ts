/**
 * What is rehearsed: tables of every plain type, their changes, and queries of many forms, each text another, because texts that
 * come again take shorter roads than new ones.
 */

const ROUNDS = 160;
const ROWS = 30;

const OUTPUTS = [
  'a + b * 2',
  'abs(b - c)',
  '(a + b + c + d) / 4',
  'CASE WHEN a < b - 3 THEN 111 WHEN a <= b THEN 222 ELSE 333 END',
  '(SELECT count(*) FROM plain AS x WHERE x.b < plain.b)',
  'd - c',
  'name',
  'CASE WHEN c > (SELECT avg(c) FROM plain) THEN a * 2 ELSE b * 10 END',
  'CASE a + 1 WHEN b THEN 1 WHEN c THEN 2 ELSE 3 END',
  'coalesce(name, upper(name), cast(a AS text))',
] as const;

const CONDITIONS = [
  'a > b',
  'c BETWEEN b - 2 AND d + 2',
  "(name > 'row 2' OR a < d)",
  'EXISTS (SELECT 1 FROM plain AS x WHERE x.b < plain.b)',
  'd NOT BETWEEN 10 AND 50',
  '(a IS NULL OR b + c > 20)',
  'a IN (1, 2, 3, 8)',
  'a IN (SELECT b FROM plain)',
  "name NOT LIKE '%9'",
] as const;

const JOINS = ['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'] as const;
const COMPARISONS = ['<', '>', '>=', '=', '<>', '<='] as const;
const SET_OPERATIONS = ['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'] as const;

/** Some three thousand statements, to be run in order by one session over an empty database. */
export function* rehearsedTexts(): Generator<string> {
  yield 'CREATE TABLE plain (a int, b int, c int, d int, name varchar(30))';
  yield 'CREATE TABLE keyed (k int PRIMARY KEY, a int, b float, s text, at timestamptz DEFAULT now(), n numeric)';
  for (let i = 0; i < ROWS; i++) {
    yield `INSERT INTO plain (name, c, b, d, a) VALUES ('row ${i}', ${i * 5}, ${i * 5 + 2}, ${i * 5 + 3}, ${(i * 35) % 150})`;
    if (i % 3 === 0) yield `INSERT INTO keyed VALUES (${i}, ${(i * 7) % 10}, ${i}.5, 'text ${i}', DEFAULT, ${i}.25)`;
  }
  yield 'CREATE INDEX keyed_a ON keyed (a)';
  yield 'CREATE UNIQUE INDEX keyed_b ON keyed (b DESC, a)';
  for (let round = 0; round < ROUNDS; round++) yield* textsOf(round);
}

function* textsOf(round: number): Generator<string> {
  const outputs = cyclic(OUTPUTS, round, 1 + (round % 6));
  const conditions = cyclic(CONDITIONS, round, 1 + (round % 3));
  const places = outputs.map((_, place) => outputs.length - place).join(', ');
  const comparison = COMPARISONS[round % COMPARISONS.length]!;
  const digit = round % 10;
  yield `SELECT ${outputs.join(', ')} FROM plain WHERE ${conditions.join(round % 2 ? ' OR ' : ' AND ')} ORDER BY ${places}`;
  yield `SELECT k, s FROM keyed WHERE a ${comparison} ${digit} AND b < ${round}.25 ORDER BY ${round % 2 ? '1 DESC' : 'b, k'}`;
  yield `SELECT k FROM keyed WHERE (a ${comparison} ${digit} OR b > ${round}.5) AND NOT (n IS NULL)`;
  yield `SELECT ${round % 2 ? 'DISTINCT ' : ''}- ${round} * a + - count(*) AS total, count(DISTINCT b), sum(a), avg(n), max(s) FROM keyed AS t WHERE NOT (a IS NULL) GROUP BY a HAVING count(*) > ${round % 3}`;
  yield `SELECT ALL + ${round} * - ${round + 1} + CAST(NULL AS integer), x.a, y.s FROM keyed AS x CROSS JOIN keyed y WHERE x.k = y.a AND y.k <> ${round}`;
  yield `SELECT x.a, y.b FROM plain x ${JOINS[round % JOINS.length]!} keyed y ON x.a = y.k WHERE y.s LIKE 'text ${digit}%' OR y.s IS NULL ORDER BY 1, 2 LIMIT ${round + 1}`;
  yield `SELECT a FROM plain WHERE b > ${round} ${SET_OPERATIONS[round % SET_OPERATIONS.length]!} SELECT k FROM keyed WHERE k <> ${round}`;
  yield `SELECT ${round} IN (2, 3, ${digit}), 'x' NOT IN ('y', 'z${digit}'), NULL IN (SELECT a FROM plain), ${round} NOT IN (SELECT k FROM keyed)`;
  yield* plansOf(round, comparison, digit);
  yield `UPDATE keyed SET a = a + ${round % 3}, s = 'changed ${round}' WHERE k = ${digit * 3}`;
  if (round % 4 === 3) yield* changesOf(round);
}

/** Roads that only some plans take: several ranges of several indexes, groups, distinct rows in order, rows as they are stored. */
function* plansOf(round: number, comparison: string, digit: number): Generator<string> {
  yield `SELECT k FROM keyed WHERE ((b IN (${digit}.5, ${round}.5, 4.5)) OR a = ${digit}) AND (k >= ${digit} OR (k IN (3, ${digit}) AND n <= ${round}.25))`;
  yield `SELECT k, b FROM keyed WHERE a BETWEEN ${digit - 4} AND ${digit} AND NOT ((b >= ${round}.75 AND k < ${round})) OR b = ${digit}.5 ORDER BY 2 DESC, 1`;
  yield `SELECT DISTINCT ${round % 2 ? 'k' : 'a, - a'} FROM keyed AS t WHERE k IN (SELECT a FROM keyed WHERE b ${comparison} ${digit}.25) OR + ${round} <> a * + 3`;
  yield `SELECT ${round % 2 ? '+ a + + 7' : 'a * - c'} AS out FROM plain AS t WHERE NOT ${digit} * a ${comparison} - ${round} GROUP BY a, c${round % 3 ? '' : ' HAVING a IS NOT NULL'}`;
  if (round % 4 === 1) {
    yield `SELECT ${['a', 'b, d', 'c, name', '*'][(round >> 2) % 4]!} FROM plain AS t`;
    yield `SELECT count(*), sum(x.a * + ${digit}), avg(y.n + ${round}), min(DISTINCT x.b), max(y.n * - 2) FROM plain AS x CROSS JOIN keyed AS y`;
  }
}

/** Definitions come and go, and are written through. */
function* changesOf(round: number): Generator<string> {
  yield `SELECT * FROM keyed WHERE k = ${round}`;
  yield `CREATE VIEW seen${round} AS SELECT a, b FROM plain WHERE a > ${round}`;
  yield `SELECT * FROM seen${round} ORDER BY a LIMIT 3`;
  yield `INSERT INTO seen${round} VALUES (${round + 1}, ${round})`;
  yield `UPDATE seen${round} SET b = b + 1 WHERE a = ${round + 1}`;
  yield `DELETE FROM seen${round} WHERE a = ${round + 1}`;
  yield `DROP VIEW seen${round}`;
  yield `CREATE TABLE brief${round} (x integer UNIQUE, y varchar(8))`;
  yield `INSERT INTO brief${round} VALUES (${round}, 'true')`;
  yield `INSERT INTO brief${round} SELECT k + 1000, 'kept' FROM keyed`;
  yield `CREATE INDEX brief${round}_y ON brief${round} (y)`;
  yield `UPDATE brief${round} SET y = 'unknown' WHERE x > ${round}`;
  yield `SELECT count(*) FROM brief${round} WHERE y = 'unknown'`;
  yield `SELECT ${round} NOT IN (SELECT x FROM brief${round}), 'true' IN (SELECT y FROM brief${round})`;
  yield `DROP INDEX brief${round}_y`;
  yield `DROP TABLE brief${round}`;
  yield `BEGIN; UPDATE keyed SET b = b + ${round}; ROLLBACK`;
  yield `SELECT missing${round} FROM plain`;
}

/** `count` of the items from the `from`th on, the first ones after the last. */
function cyclic(items: readonly string[], from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => items[(from + i) % items.length]!);
}
