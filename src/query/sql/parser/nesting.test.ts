import { expect, test } from 'vitest';
import { nestsTooDeep } from './nesting.ts';

const opened = (times: number) => '('.repeat(times);
const closed = (times: number) => ')'.repeat(times);

test('brackets that the grammar can hold are left to it', () => {
  expect(nestsTooDeep(`select ${opened(10_000)}1${closed(10_000)}`)).toBe(false);
  expect(nestsTooDeep(`select ${'(1),'.repeat(20_000)}`)).toBe(false);
});

test('one more is too many, round or square, closed or not', () => {
  expect(nestsTooDeep(`select ${opened(10_001)}1${closed(10_001)}`)).toBe(true);
  expect(nestsTooDeep(opened(10_001))).toBe(true);
  expect(nestsTooDeep(`select ${'array['.repeat(10_001)}1`)).toBe(true);
});

test.each([
  ['a string', `select '${opened(20_000)}'`],
  ['a string with a quote', `select 'it''s ${opened(20_000)}'`],
  ['a string with escapes', `select E'\\'${opened(20_000)}'`],
  ['a quoted name', `select 1 as "${opened(20_000)}"`],
  ['a string in dollars', `select $$${opened(20_000)}$$, $a_1$ $$ ${opened(20_000)} $a_1$`],
  ['a line of comment', `select 1 -- ${opened(20_000)}`],
  ['a comment in a comment', `select /* /* */ ${opened(20_000)} */ 1`],
  ['what has no end', `select 1 '${opened(20_000)}`],
])('brackets in %s are none', (_, text) => {
  expect(nestsTooDeep(text)).toBe(false);
});

test.each([
  ['a string', `select 'a\\', ${opened(10_001)}`],
  ['a word that ends with e, and a string', `select date'\\', ${opened(10_001)}`],
  ['a string with escapes', `select e'\\\\', ${opened(10_001)}`],
  ['a comment', `select 1 /* ( */ + -- '\n${opened(10_001)}`],
  ['dollars of a parameter and of a name', `select $1, a$b$ + 1, ${opened(10_001)}`],
  ['a quotient', `select 4 / 2 - 1, ${opened(10_001)}`],
])('those behind %s are', (_, text) => {
  expect(nestsTooDeep(text)).toBe(true);
});
