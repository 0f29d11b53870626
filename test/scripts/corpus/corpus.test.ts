/**
 * A slice of the corpus that moves with the seed: every file comes around once in `SLICES` seeds. All of it is
 * `npm run soak -- corpus`.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isOrdered } from '../../wire/row-order.ts';
import { CorpusServers, corpusNames, newReport, parseCorpus, readCorpus } from './corpus.ts';

const SLICES = 2;
const seed = process.env.ORBIT_TEST_SEED ?? '1';

describe('the corpus', () => {
  let servers: CorpusServers;

  beforeAll(async () => {
    servers = await CorpusServers.start();
  }, 120_000);

  afterAll(async () => {
    await servers?.stop();
  });

  const turn = [...seed].reduce((sum, character) => sum + character.charCodeAt(0), 0);
  for (const name of corpusNames().filter((_, i) => (i + turn) % SLICES === 0)) {
    test(`${name} answers as PostgreSQL does`, async () => {
      const report = newReport();
      await servers.run(readCorpus(name), report);
      expect(report.differences.join('\n\n')).toBe('');
      expect(report.stale.join('\n')).toBe('');
    }, 120_000);
  }

  // What commits in several steps, or checks when it commits, depends on the store.
  for (const name of ['deferrable-keys.sql', 'index-builds.sql']) {
    test(`${name} answers as PostgreSQL does on RocksDB`, async () => {
      const report = newReport();
      await servers.run(readCorpus(name), report, 'rocksdb');
      expect(report.differences.join('\n\n')).toBe('');
    }, 120_000);
  }
});

test('the corpus holds at least five thousand statements', () => {
  const statements = corpusNames().flatMap((name) => readCorpus(name).statements);
  expect(statements.length).toBeGreaterThan(5_000);
});

describe('a file of the corpus', () => {
  test('is cut at semicolons that end a line, not at those in quotes, dollars and comments', () => {
    const { statements } = parseCorpus(
      'x',
      '-- about\n\nselect \';\n\';\n-- a note;\nselect $$a;\n$$, "b;\n" /* ;\n */;\n\n-- differs: because\nselect 1; select 2;\n',
    );
    expect(statements.map(({ sql, line }) => [line, sql])).toEqual([
      [3, "select ';\n';"],
      [6, 'select $$a;\n$$, "b;\n" /* ;\n */;'],
      [12, 'select 1; select 2;'],
    ]);
    expect(statements.map(({ mark }) => mark?.kind)).toEqual([undefined, undefined, 'differs']);
  });

  test('has a mark for all of it in its first lines, and only there', () => {
    expect(parseCorpus('x', '-- about\n-- awaits: views\n\nselect 1;\n').mark).toEqual({
      kind: 'awaits',
      since: 0,
      why: 'views',
    });
    expect(parseCorpus('x', '-- about\n\n-- awaits: views\nselect 1;\n').mark).toBeUndefined();
  });

  test('compares rows in order only where a statement asks for one', () => {
    expect(isOrdered('select 1 order by 1')).toBe(true);
    expect(isOrdered('select array_agg(x order by x) from (select 1 order by 1) y')).toBe(false);
    expect(isOrdered("select 'order by'")).toBe(false);
  });
});
