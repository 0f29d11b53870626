import { describe, expect, it } from 'vitest';
import { isPromise } from '../../../base/awaitable.ts';
import { DEFAULT_SQL_LIMITS } from '../limits.ts';
import { SqlParser } from './parser.ts';
import { StatementTemplates } from './statement-template.ts';

const parser = new SqlParser(DEFAULT_SQL_LIMITS);
await parser.parse('SELECT');

function parse(text: string) {
  const parsed = parser.parse(text);
  if (isPromise(parsed)) throw new Error('the parser is loaded');
  return parsed;
}

/** What the third of three texts gives, after the first two made a template or none. */
function third(...texts: readonly [string, string, string]) {
  const templates = new StatementTemplates();
  expect(templates.match(texts[0], 1, parse)).toBeUndefined();
  templates.match(texts[1], 1, parse);
  return templates.match(texts[2], 1, parse);
}

describe('texts that differ in numbers', () => {
  it('share one tree, with the integers as values', () => {
    const templates = new StatementTemplates();
    const text = (id: number) => `SELECT name FROM person WHERE id = ${id};`;
    expect(templates.match(text(1), 1, parse)).toBeUndefined();
    const second = templates.match(text(22), 1, parse);
    const next = templates.match(text(333), 1, parse);
    expect(second).toMatchObject({ types: ['int4'], values: [22] });
    expect(next).toMatchObject({ types: ['int4'], values: [333] });
    expect(next!.statement).toBe(second!.statement);
  });

  it('share it from the first one on while many kinds of texts come again', () => {
    const templates = new StatementTemplates();
    const text = (kind: number, id: number) => `SELECT c${kind} FROM person WHERE id = ${id}`;
    for (let kind = 0; kind < 200; kind++) {
      templates.match(text(kind, 1), 1, parse);
      expect(templates.match(text(kind, 2), 1, parse)?.values).toEqual([2]);
    }
    expect(templates.match(text(1_000, 1), 1, parse)?.values).toEqual([1]);
    // What comes once and never again is taken as it is after a while.
    for (let kind = 2_000; kind < 4_000; kind++) templates.match(text(kind, 1), 1, parse);
    expect(templates.match(text(5_000, 1), 1, parse)).toBeUndefined();
  });

  it('tell of others of their length alone whether those come again', () => {
    const templates = new StatementTemplates();
    const short = (kind: number, id: number) => `SELECT c${kind} FROM person WHERE id = ${id}`;
    const long = (kind: number, id: number) => `${short(kind, id)} AND first_name < last_name AND id IS NOT NULL`;
    for (let kind = 0; kind < 200; kind++) {
      for (const id of [1, 2]) templates.match(short(kind, id), 1, parse);
      templates.match(long(kind, 1), 1, parse);
    }
    expect(templates.match(short(1_000, 1), 1, parse)?.values).toEqual([1]);
    expect(templates.match(long(1_000, 1), 1, parse)).toBeUndefined();
  });

  it.each([
    'SELECT a, b FROM t WHERE c = # ORDER BY ?',
    'SELECT a, b FROM t WHERE c = # ORDER BY a, ? DESC',
    'SELECT a, count(*) FROM t WHERE c = # group by ? HAVING min(b) < #',
    'SELECT a FROM t WHERE c IN (SELECT d FROM u LIMIT ?) AND b < #',
    'SELECT a FROM t GROUP BY ? UNION SELECT b FROM t WHERE c > #',
  ])('have a template for each number where it is part of the statement: %s', (pattern) => {
    const templates = new StatementTemplates();
    const text = (fixed: number, value: number) => pattern.replace('?', `${fixed}`).replaceAll('#', `${value}`);
    for (const value of [7, 8]) for (const fixed of [1, 2]) templates.match(text(fixed, value), 1, parse);
    const [first, second] = [1, 2].map((fixed) => templates.match(text(fixed, 9), 1, parse));
    expect(first?.values[0]).toBe(9);
    expect(second?.values).toEqual(first!.values);
    expect(second!.statement).not.toBe(first!.statement);
  });

  it.each([
    ['UPDATE t SET a = a + -?, b = ? WHERE c = -?', [-7, 8, -9]],
    ['INSERT INTO t VALUES (?, -?), (f(?), now())', [7, -8, 9]],
    ['SELECT a FROM t WHERE a IN (?, ?) AND b BETWEEN ? AND a2', [7, 8, 9]],
    ['DELETE FROM t1 WHERE a=? AND b-?<? OR c', [7, 8, 9]],
  ])('%s', (pattern, values) => {
    const fill = (numbers: readonly number[]) => {
      let i = 0;
      return pattern.replaceAll('?', () => String(numbers[i++]));
    };
    expect(third(fill([1, 2, 3]), fill([4, 5, 6]), fill([7, 8, 9]))?.values).toEqual(values);
  });

  it('has one parameter for a literal of a row that is assigned to several columns', () => {
    const text = (a: number, b: number) => `UPDATE t SET (a, b, c) = (${a}, c + ${b}, ${a})`;
    const match = third(text(1, 2), text(3, 4), text(5, 6));
    expect(match?.values).toEqual([5, 6, 5]);
    expect(match?.types).toHaveLength(3);
  });

  it('decimals are numerics, with the digits that they were written with', () => {
    const text = (a: string, b: string) => `SELECT a FROM t WHERE b < ${a} OR c IN (${b}, -${a})`;
    const match = third(text('1.5', '2'), text('0.25', '3'), text('10.50', '4'));
    expect(match?.types).toEqual(['numeric', 'int4', 'numeric']);
    expect(match?.values.map(String)).toEqual(['10.50', '4', '-10.50']);
    // An integer where the template has a decimal, exponents, and points without digits are other statements.
    for (const other of ['10', '1e5', '1.5e5', '.5', '5.']) {
      expect(third(text('1.5', '2'), text('0.25', '3'), text(other, '4'))).toBeUndefined();
    }
  });

  it('makes no negative zero', () => {
    const match = third('SELECT a FROM t WHERE a = -1', 'SELECT a FROM t WHERE a = -2', 'SELECT a FROM t WHERE a = -0');
    expect(Object.is(match?.values[0], 0)).toBe(true);
  });

  it.each([
    ['a position', 'SELECT a FROM t WHERE b = 1 ORDER BY ?'],
    ['a limit', 'SELECT a FROM t WHERE b = 1 LIMIT ?'],
    ['a type', 'SELECT a::varchar(?) FROM t WHERE b = 1'],
    ['a group', 'SELECT count(*) FROM t WHERE b = 1 GROUP BY ?'],
  ])('keeps %s as part of the statement', (_, pattern) => {
    const fill = (number: number) => pattern.replace('?', String(number));
    expect(third(fill(1), fill(1), fill(1))?.values).toEqual([1]);
    expect(third(fill(1), fill(1), fill(2))).toBeUndefined();
  });

  it.each([
    ['text in quotes', "SELECT a FROM t WHERE b = '?'"],
    ['names in quotes', 'SELECT "?" FROM t'],
    ['comments', 'SELECT a FROM t WHERE b = ? -- c'],
    ['long comments', 'SELECT a FROM t WHERE b = ? /* c */'],
    ['parameters', 'SELECT a FROM t WHERE b = $?'],
    ['names with digits', 'SELECT a? FROM t'],
    ['names with digits behind letters of other scripts', 'SELECT é? FROM t'],
    ['points without digits behind', 'SELECT a FROM t WHERE b = ?.'],
    ['exponents', 'SELECT a FROM t WHERE b = ?e3'],
    ['exponents of decimals', 'SELECT a FROM t WHERE b = ?.5e3'],
    ['what is larger than an integer', 'SELECT a FROM t WHERE b = 214748364?'],
    ['several statements', 'SELECT a FROM t WHERE b = ?; SELECT 1'],
    ['what is not planned', 'SET work_mem = ?'],
  ])('leaves %s alone', (_, pattern) => {
    const fill = (number: number) => pattern.replace('?', String(number));
    const plain = (text: string) => parse(text).filter(({ node }) => !('VariableSetStmt' in node));
    const templates = new StatementTemplates();
    for (const number of [8, 8, 8, 9, 9]) expect(templates.match(fill(number), 1, plain)).toBeUndefined();
  });

  it('gives up a statement that cannot be planned with parameters', () => {
    const templates = new StatementTemplates();
    const text = 'SELECT a FROM t WHERE b = 1';
    templates.match(text, 1, parse);
    expect(templates.match(text, 1, parse)).toBeDefined();
    templates.refuse(text, 1);
    expect(templates.match(text, 1, parse)).toBeUndefined();
    // With another catalog it may be planned; the more often not, the rarer that is tried.
    for (const generation of [2, 4, 8]) {
      expect(templates.match(text, generation, parse)).toBeDefined();
      templates.refuse(text, generation);
      expect(templates.match(text, generation + 1, parse)).toBeUndefined();
    }
  });
});

it('asks again when the parser was not ready', () => {
  const templates = new StatementTemplates();
  const text = 'SELECT a FROM t WHERE b = 1';
  for (let i = 0; i < 3; i++) expect(templates.match(text, 1, () => undefined)).toBeUndefined();
  expect(templates.match(text, 1, parse)?.values).toEqual([1]);
});
