import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/simulated/seeded-random.ts';
import { namesOf } from '../binder/referenced-tables.ts';
import { isPlainName, loadGrammar, parseGrammar } from './parser.ts';
import { parsePlain } from './plain-statement.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));
const grammar = await loadGrammar();
const names = new Map<string, boolean>();

function isName(word: string): boolean {
  let known = names.get(word);
  if (known === undefined) {
    known = isPlainName(grammar, word);
    names.set(word, known);
  }
  return known;
}

/** What PostgreSQL's parser says of a text. */
function tree(text: string): unknown {
  try {
    const nodes = parseGrammar(grammar, text);
    return nodes.length === 1 ? nodes[0] : 'several statements';
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([
  'SELECT DISTINCT - 5, +0, -(-3), 007, 2147483648, -.5, 1., a.b AS x, t.*, * FROM t AS u, v CROSS JOIN w WHERE true',
  'select count(*), sum(DISTINCT -(3)), count(ALL 1) c2, f(), f(a, b) from t u',
  'SELECT a FROM (t JOIN u ON a = b) LEFT OUTER JOIN v w ON a<>-1 RIGHT JOIN x ON false FULL JOIN y ON NOT a IS NULL',
  'SELECT a WHERE NOT a IN (1,2) AND (b NOT IN (SELECT 1) AND c) OR c NOT BETWEEN 1 AND 2.5 + b AND a IS NOT NULL = b',
  "SELECT CASE a WHEN 1 THEN 2 ELSE 'it''s' END, CASE WHEN a!=b THEN '' END, CAST(a AS Integer), NULLIF(1,2)",
  'SELECT coalesce(a, cast(NULL as real)), EXISTS(SELECT 1), (SELECT 2 ORDER BY 1), a % 3 * -b - - 2 GROUP BY a, b HAVING a',
  'SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT SELECT 4 ORDER BY 1 DESC, b asc, a;',
])('gives the same tree for %s', (text) => {
  const plain = parsePlain(text, isName)!;
  expect(plain.node).toEqual(tree(text));
  expect(plain.names).toEqual(namesOf(plain.node));
});

test.each([
  ['lists of lists', 'SELECT (1, 2)'],
  ['queries in two pairs of parentheses', 'SELECT a IN ((SELECT 1)), ((SELECT 2))'],
  ['operators that do not associate', 'SELECT a < b < c'],
  ['further operators', 'SELECT a || b, c ^ 2, d !=- 1, e %- 2'],
  ['other literals', "SELECT 1e5, E'a', B'1', date '2020-01-01', 0x1f, 1_000, 'é'"],
  ['names with quotes or schemas', 'SELECT "A" FROM s.t'],
  ['comments', 'SELECT 1 -- one'],
  ['parameters', 'SELECT $1'],
  ['windows and filters', 'SELECT count(*) OVER (), count(*) FILTER (WHERE a)'],
  ['functions of the grammar', 'SELECT extract(year FROM a), trim(a), current_date'],
  ['grouping sets', 'SELECT a GROUP BY CUBE (a)'],
  ['several statements', 'SELECT 1; SELECT 2'],
  ['limits', 'SELECT 1 LIMIT 1'],
  ['queries of no columns', 'SELECT FROM t'],
  ['what is no query', 'DELETE FROM t'],
  ['what nests deep', `SELECT ${'('.repeat(1_000)}1${')'.repeat(1_000)}`],
])('has no answer for %s', (_, text) => {
  expect(parsePlain(text, isName)).toBeUndefined();
});

test(`never answers otherwise than PostgreSQL's parser (seed ${SEED})`, () => {
  const seeded = new SeededRandom(SEED);
  const random = () => seeded.float();
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const odd = (usual: readonly string[], ...unusual: readonly string[]): string =>
    pick(random() < 0.05 ? unusual : usual);
  const maybe = (text: string): string => (random() < 0.3 ? text : '');
  const list = (one: () => string): string => Array.from({ length: 1 + Math.floor(random() * 3) }, one).join(', ');
  const expression = (depth: number): string => {
    if (depth <= 0)
      return pick(['a', 't.b', '1', '0', '2.50', '.5', "'x'", 'NULL', 'TRUE', '3000000000', 'f(a)', 'pk']);
    const one = (): string => expression(depth - 1 - Math.floor(random() * 2));
    switch (Math.floor(random() * 12)) {
      case 0:
        return `${one()} ${pick(['+', '-', '*', '/', '%', '=', '<', '>=', '<>', '!='])} ${one()}`;
      case 1:
        return `${one()}${pick(['+', '-', '*', '=', '<='])}${pick(['', '-', '+', '- '])}${one()}`;
      case 2:
        return `${one()} ${pick(['AND', 'OR'])} ${one()} ${pick(['AND', 'OR'])} ${one()}`;
      case 3:
        return `${pick(['NOT', '-', '+', '- -', '- +'])} ${one()}`;
      case 4:
        return `(${one()})`;
      case 5:
        return `${one()} ${maybe('NOT')} IN (${random() < 0.2 ? query(depth - 2) : list(one)})`;
      case 6:
        return `${one()} ${maybe('NOT ')}BETWEEN ${one()} AND ${one()}`;
      case 7:
        return `${one()} IS ${maybe('NOT ')}NULL`;
      case 8:
        return `CASE ${maybe(one())} WHEN ${one()} THEN ${one()} ${maybe(`ELSE ${one()}`)} END`;
      case 9:
        return `${odd(['count', 'coalesce', 'min'], 'nullif', 'greatest')}(${maybe('DISTINCT ')}${list(one)})`;
      case 10:
        return `CAST(${one()} AS ${odd(['INTEGER', 'real', 'numeric', 'bigint'], 'text')})`;
      default:
        return random() < 0.3 ? `${maybe('EXISTS')} (${query(depth - 2)})` : one();
    }
  };
  const relation = (): string => `${pick(['t', 'tab0', 'u'])} ${odd(['', 'AS x', 'y'], 'over')}`;
  const query = (depth: number): string => {
    const target = (): string => `${expression(depth)} ${odd(['', 'AS c', 'c'], 'filter', 'year')}`;
    const from = `FROM ${relation()} ${maybe(`${pick(['LEFT JOIN', 'JOIN', 'INNER JOIN'])} ${relation()} ON ${expression(depth)}`)}`;
    const grouped = `GROUP BY ${list(() => expression(depth - 1))} ${maybe(`HAVING ${expression(depth)}`)}`;
    const rest = `${maybe(`WHERE ${expression(depth)}`)} ${maybe(grouped)}`;
    const sets = maybe(`${pick(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} SELECT ${list(target)}`);
    return `SELECT ${maybe('DISTINCT ')}${list(target)} ${from} ${rest} ${sets} ${maybe(`ORDER BY ${list(() => expression(0))} ${pick(['', 'ASC', 'DESC'])}`)}`;
  };
  let answered = 0;
  for (let i = 0; i < 2_000; i++) {
    let text = query(2);
    if (random() < 0.3) {
      // Something is lost, doubled, or moved.
      const words = text.split(' ');
      const at = Math.floor(random() * words.length);
      words.splice(at, Math.floor(random() * 2), ...(random() < 0.5 ? [pick(words)] : []));
      text = words.join(' ');
    }
    const plain = parsePlain(text, isName);
    if (plain === undefined) continue;
    answered++;
    expect(plain.node, text).toEqual(tree(text));
    expect(plain.names, text).toEqual(namesOf(plain.node));
  }
  expect(answered).toBeGreaterThan(300);
});
