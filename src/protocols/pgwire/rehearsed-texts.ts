/**
 * What is rehearsed: tables of every plain type, their changes, and queries of many forms, each text another, because texts that
 * come again take shorter roads than new ones.
 */

import { Draw, type DrawnColumn, drawAggregate, drawCondition, drawLeaf, drawValue } from './rehearsed-expressions.ts';

const ROUNDS = 72;
const ROWS = 30;

const OUTPUTS = [
  'a + b * 2',
  'abs(b - c)',
  '(a + b + c + d) / 4',
  'CASE WHEN a < b - 3 THEN 111 WHEN a <= b THEN 222 ELSE 333 END',
  '(SELECT count(*) FROM plain AS x WHERE x.b < plain.b)',
  'a + b * 2 + c * 3 + d * 4',
  'd - c',
  'name',
  '(SELECT count(*) FROM plain AS x WHERE x.c > plain.c AND x.d < plain.d)',
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

/** Of one shape, the first without indexes, the others with each its own for some rounds. */
const GRIDS = ['grid0', 'grid1', 'grid2', 'grid3'] as const;
const GRID_COLUMNS: readonly DrawnColumn[] = [
  { name: 'i', isFraction: false },
  { name: 'f', isFraction: true },
  { name: 'j', isFraction: false },
  { name: 'g', isFraction: true },
];
const GRID_INDEXES = ['i', 'f', 'j DESC', 'g', 'g DESC, i', 'j, f DESC', 'f DESC, j, i', 'i DESC, g'] as const;
/** So many rounds is how long a grid lives. */
const GRID_ROUNDS = 6;

const CELLS = ['cells0', 'cells1', 'cells2'] as const;
const CELL_COLUMNS = ['x', 'y', 'z'] as const;

/** Some two thousand statements, to be run in order over an empty database. */
export function* rehearsedTexts(): Generator<string> {
  yield 'CREATE TABLE plain (a int, b int, c int, d int, name varchar(30))';
  yield 'CREATE TABLE keyed (k int PRIMARY KEY, a int, b float, s text, at timestamptz DEFAULT now(), n numeric)';
  for (let i = 0; i < ROWS; i++) {
    yield `INSERT INTO plain (name, c, b, d, a) VALUES ('row ${i}', ${i * 5}, ${i * 5 + 2}, ${i * 5 + 3}, ${(i * 35) % 150})`;
    if (i % 3 === 0) yield `INSERT INTO keyed VALUES (${i}, ${(i * 7) % 10}, ${i}.5, 'text ${i}', DEFAULT, ${i}.25)`;
  }
  yield 'CREATE INDEX keyed_a ON keyed (a)';
  yield 'CREATE UNIQUE INDEX keyed_b ON keyed (b DESC, a)';
  for (const grid of GRIDS) yield gridTable(grid);
  for (let i = 0; i < 10; i++) {
    const j = (i * 17) % 100;
    yield `INSERT INTO grid0 VALUES(${i},${(i * 37) % 100},${(i * 29) % 100}.${10 + i},'word${j}',${j},${(i * 53) % 100}.${20 + i},'other${i}')`;
  }
  for (const cells of CELLS) {
    yield `CREATE TABLE ${cells}(x INTEGER, y INTEGER, z INTEGER)`;
    for (let i = 0; i < 3; i++) yield `INSERT INTO ${cells} VALUES(${(i * 37) % 100},${i * 3},${(i * 83) % 100})`;
  }
  const draw = new Draw();
  for (let round = 0; round < ROUNDS; round++) {
    yield* textsOf(round);
    if (round % GRID_ROUNDS === 0) yield* newGrid(GRIDS[1 + ((round / GRID_ROUNDS) % 3)]!, draw);
    yield* gridsOf(draw);
    yield* cellsOf(draw);
  }
}

function gridTable(name: string): string {
  return `CREATE TABLE ${name}(pk INTEGER PRIMARY KEY, i INTEGER, f FLOAT, t TEXT, j INTEGER, g FLOAT, u TEXT)`;
}

function* newGrid(name: string, draw: Draw): Generator<string> {
  yield `DROP TABLE ${name} CASCADE`;
  yield gridTable(name);
  const first = draw.below(GRID_INDEXES.length);
  for (const [i, columns] of cyclic(GRID_INDEXES, first, 2 + draw.below(4)).entries()) {
    yield `CREATE ${draw.below(2) ? 'UNIQUE ' : ''}INDEX ${name}_${i} ON ${name} (${columns})`;
  }
  yield `INSERT INTO ${name} SELECT * FROM grid0`;
}

/** Ranges of indexes, one or several, and what is left of the condition. */
function* gridsOf(draw: Draw): Generator<string> {
  for (const depth of [0, 1, 1, 2, 3]) {
    const condition = drawCondition(draw, GRIDS, GRID_COLUMNS, depth);
    const [columns, order] = draw.of([
      ['pk', ''],
      ['pk', ''],
      ['pk', ' ORDER BY 1 DESC'],
      ['pk, i', ' ORDER BY 2, 1'],
      ['pk, f', ' ORDER BY 2 DESC, 1'],
    ]);
    yield `SELECT ${columns} FROM ${draw.of(GRIDS)} WHERE ${condition}${order}`;
  }
}

/** Values of every form: of rows, of groups, and of nothing. */
function* cellsOf(draw: Draw): Generator<string> {
  const value = (columns: readonly string[]): string => drawValue(draw, () => drawLeaf(draw, columns), 2);
  const aggregate = (): string => drawValue(draw, () => drawAggregate(draw, CELL_COLUMNS), 1);
  const all = (): string => draw.of(['', 'ALL ', 'DISTINCT ']);
  const [cells, other] = [draw.of(CELLS), draw.of(CELLS)];
  const tests = [
    `IS ${draw.below(2) ? 'NOT ' : ''}NULL`,
    `NOT IN ( ${value(CELL_COLUMNS)}, ${draw.below(90)} )`,
    `<> ${value([])}`,
  ];
  yield `SELECT ${all()}${value(CELL_COLUMNS)} AS out FROM ${cells} AS t WHERE ${draw.below(2) ? 'NOT ' : ''}( ${value(CELL_COLUMNS)} ) ${draw.of(tests)}`;
  yield `SELECT ${all()}${aggregate()} AS out, ${aggregate()} FROM ${cells}`;
  yield `SELECT ${all()}${value([])}, ${drawValue(draw, () => drawAggregate(draw, []), 2)} AS out`;
  const key = draw.of(CELL_COLUMNS);
  yield `SELECT ${all()}${value([`t.${key}`])} AS out FROM ${cells}, ${other} AS t GROUP BY t.${key}`;
  yield `SELECT ${all()}${draw.of(['*', '- 7 AS out', 'v.y'])} FROM ${cells}, ${other} AS t, ${draw.of(CELLS)} AS v`;
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
  yield `SELECT x.a, y.b FROM plain x ${JOINS[round % JOINS.length]!} keyed y ON x.a = y.k WHERE y.s LIKE 'text ${digit}%' OR y.s IS NULL ORDER BY 1, 2 LIMIT ${round + 1}`;
  yield `SELECT a FROM plain WHERE b > ${round} ${SET_OPERATIONS[round % SET_OPERATIONS.length]!} SELECT k FROM keyed WHERE k <> ${round}`;
  yield `SELECT ${round} IN (2, 3, ${digit}), 'x' NOT IN ('y', 'z${digit}'), NULL IN (SELECT a FROM plain), ${round} NOT IN (SELECT k FROM keyed)`;
  yield* plansOf(round, comparison, digit);
  // Of one form, which only the first of them is planned for.
  yield `SELECT * FROM keyed WHERE k = ${round}`;
  yield `SELECT count(*) FROM keyed WHERE a = ${round}`;
  yield `UPDATE keyed SET a = a + ${round % 3}, s = 'changed ${round}' WHERE k = ${digit * 3}`;
  if (round % 4 === 3) yield* changesOf(round);
}

/** Roads that only some plans take: groups, distinct rows in order, rows as they are stored. */
function* plansOf(round: number, comparison: string, digit: number): Generator<string> {
  yield `SELECT DISTINCT ${round % 2 ? 'k' : 'a, - a'} FROM keyed AS t WHERE k IN (SELECT a FROM keyed WHERE b ${comparison} ${digit}.25) OR + ${round} <> a * + 3`;
  yield `SELECT ${round % 2 ? '+ a + + 7' : 'a * - c'} AS out FROM plain AS t WHERE NOT ${digit} * a ${comparison} - ${round} GROUP BY a, c${round % 3 ? '' : ' HAVING a IS NOT NULL'}`;
  if (round % 4 === 1) {
    yield `SELECT ALL + ${round} * - ${round + 1} + CAST(NULL AS integer), x.a, y.s FROM keyed AS x CROSS JOIN keyed y WHERE x.k = y.a AND y.k <> ${round}`;
    yield `SELECT ${['a', 'b, d', 'c, name', '*'][(round >> 2) % 4]!} FROM plain AS t`;
    yield `SELECT count(*), sum(x.a * + ${digit}), avg(y.n + ${round}), min(DISTINCT x.b), max(y.n * - 2) FROM plain AS x CROSS JOIN keyed AS y`;
  }
}

/** Definitions come and go, and are written through. */
function* changesOf(round: number): Generator<string> {
  yield `CREATE VIEW seen${round} AS SELECT a, b FROM plain WHERE a > ${round}`;
  yield `SELECT * FROM seen${round} ORDER BY a LIMIT 3`;
  yield `INSERT INTO seen${round} VALUES (${round + 1}, ${round})`;
  yield `UPDATE seen${round} SET b = b + 1 WHERE a = ${round + 1}`;
  yield `DELETE FROM seen${round} WHERE a = ${round + 1}`;
  yield `DROP VIEW seen${round}`;
  const [type, items] =
    round % 8 === 3 ? (['INTEGER', ['1', '2', '30']] as const) : (['TEXT', ["'b'", "'c'", "'d'"]] as const);
  yield `CREATE TABLE set${round}(x ${type} UNIQUE)`;
  yield `CREATE TABLE copy${round}(c ${type}${round % 16 === 7 ? ' PRIMARY KEY' : ''})`;
  for (const item of items) yield `INSERT INTO set${round} VALUES(${item})`;
  yield `INSERT INTO copy${round} SELECT * FROM set${round}`;
  yield `SELECT ${items[round % 3]} IN (SELECT * FROM copy${round}), ${items[1]} IN (${items.join(',')}, null)`;
  yield `SELECT ${items[0]} NOT IN (SELECT * FROM set${round}), x'${round + 1000}'`;
  yield `SELECT ${items[2]} IN (SELECT c FROM copy${round}, cells0), ${items[0]} NOT IN (SELECT * FROM set${round} WHERE x > ${items[1]})`;
  yield `SELECT count(*) FROM set${round} WHERE x = ${items[1]}`;
  yield `SELECT 'hello' IN (SELECT * FROM set${round})`;
  yield `SELECT DISTINCT * FROM set${round}, copy${round}, set${round} AS t, copy${round} AS v`;
  yield `DELETE FROM set${round} WHERE x = ${items[0]}`;
  yield `CREATE TABLE brief${round} (x integer UNIQUE, y varchar(8))`;
  yield `INSERT INTO brief${round} VALUES (${round}, 'true')`;
  yield `INSERT INTO brief${round} SELECT k + 1000, 'kept' FROM keyed`;
  yield `CREATE INDEX brief${round}_y ON brief${round} (y)`;
  const unknown = `SELECT count(*) FROM brief${round} WHERE y = 'unknown'`;
  yield unknown;
  yield `UPDATE brief${round} SET y = 'unknown' WHERE x > ${round}`;
  yield unknown;
  yield unknown;
  yield `SELECT x, (SELECT count(*) FROM brief${round} AS b WHERE b.x > t.x AND b.x < t.x + 9) FROM brief${round} AS t WHERE EXISTS (SELECT 1 FROM set${round} AS s WHERE s.x < t.${round % 8 === 3 ? 'x' : 'y'}) ORDER BY 2, 1`;
  yield `SELECT ${round} NOT IN (SELECT x FROM brief${round}), 'true' IN (SELECT y FROM brief${round})`;
  yield `DROP INDEX brief${round}_y`;
  yield `DROP TABLE brief${round}`;
  yield `DROP TABLE set${round}`;
  yield `DROP TABLE IF EXISTS copy${round}`;
  yield `BEGIN; UPDATE keyed SET b = b + ${round}; ROLLBACK`;
  yield `SELECT missing${round} FROM plain`;
  yield `UPDATE plain SET missing${round} = 1`;
  yield `UPDATE plain SET a = 1, b = ${round}, a = 3`;
}

/** `count` of the items from the `from`th on, the first ones after the last. */
function cyclic(items: readonly string[], from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => items[(from + i) % items.length]!);
}
