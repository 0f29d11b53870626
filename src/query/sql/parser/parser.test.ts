import { expect, test } from 'vitest';
import { DEFAULT_SQL_LIMITS } from '../limits.ts';
import { characterPosition, SqlError } from '../sql-error.ts';
import { SqlParser } from './parser.ts';

async function failure(parser: SqlParser, text: string): Promise<SqlError> {
  try {
    await parser.parse(text);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error('parsing should have failed');
}

test('gives the same trees for a text that comes again and again, and none for space and comments', async () => {
  const parser = new SqlParser(DEFAULT_SQL_LIMITS);
  const first = await parser.parse('select 1; select 2');
  expect(first.map(({ index, isKept }) => [index, isKept])).toEqual([
    [0, false],
    [1, false],
  ]);
  const second = await parser.parse('select 1; select 2');
  expect(second.map(({ node }) => node)).toEqual(first.map(({ node }) => node));
  expect(parser.parse('select 1; select 2')).toBe(second);
  for (const text of ['', ' \n', '-- nothing', '/* a */ ;;']) expect(await parser.parse(text)).toEqual([]);
});

test('errors have a condition and a place in characters', async () => {
  const parser = new SqlParser(DEFAULT_SQL_LIMITS);
  expect(await failure(parser, "select 'é𝄞' frm x y")).toMatchObject({ condition: 'syntax_error', position: 17 });
  expect(await failure(parser, 'select 1 from')).toMatchObject({ condition: 'syntax_error', position: 14 });
  expect((await failure(parser, 'select \0 1')).condition).toBe('character_not_in_repertoire');
  expect((await failure(new SqlParser({ ...DEFAULT_SQL_LIMITS, statementBytesMax: 8 }), 'select 123')).condition).toBe(
    'program_limit_exceeded',
  );
  expect(characterPosition('aé𝄞b', 7)).toBe(4);
});

test('survives statements that exhaust its stack', async () => {
  const parser = new SqlParser(DEFAULT_SQL_LIMITS);
  for (let i = 0; i < 30; i++) {
    expect((await failure(parser, `select ${i}${'+1'.repeat(20_000)}`)).condition).toBe('statement_too_complex');
    expect(await parser.parse(`select ${i}`)).toHaveLength(1);
  }
});
