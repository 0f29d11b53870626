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

test('a word right behind the number of a parameter is an error, unless another comes before it', async () => {
  const parser = new SqlParser(DEFAULT_SQL_LIMITS);
  const near = (token: string) => `trailing junk after parameter at or near "${token}"`;
  expect(await failure(parser, "select 'é𝄞', $1x$2 from t")).toMatchObject({ message: near('$1x$2'), position: 14 });
  expect(await failure(parser, 'select a from unnest($2x$3::int[]) s')).toMatchObject({ message: near('$2x$3') });
  expect(await failure(parser, 'select 1; select $1é')).toMatchObject({ message: near('$1é'), position: 18 });
  expect((await failure(parser, 'select from from $1x')).message).toBe('syntax error at or near "from"');
  for (const text of ["select '$1x', $1 x", 'select $a$ $1x $a$ -- $1x', 'select "$1x", a$1x /* $1x */, $1']) {
    expect(await parser.parse(text)).toHaveLength(1);
  }
});

test('survives statements that exhaust its stack', async () => {
  const parser = new SqlParser(DEFAULT_SQL_LIMITS);
  for (let i = 0; i < 30; i++) {
    expect((await failure(parser, `select ${i}${'+1'.repeat(20_000)}`)).condition).toBe('statement_too_complex');
    expect(await parser.parse(`select ${i}`)).toHaveLength(1);
  }
});
