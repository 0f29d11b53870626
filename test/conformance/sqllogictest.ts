/**
 * Reads and runs files of sqllogictest (sqlite.org/sqllogictest), the public collection of queries whose answers several
 * databases agree on.
 *
 * A record is a statement that must succeed or fail, or a query with the types of its columns (I, R, T), a way to sort
 * what comes, and what must come: values, or how many there are and their MD5. `skipif postgresql` and `onlyif` others do
 * not concern us.
 */

import { createHash } from 'node:crypto';
import type { SqlSession } from '../../src/query/sql/sql-session.ts';

export interface LogicRecord {
  readonly line: number;
  readonly kind: 'ok' | 'error' | 'query';
  readonly sql: string;
  readonly types: string;
  readonly sort: string;
  readonly expected: readonly string[];
}

const OURS = 'postgresql';

export function parseLogicTest(text: string): { readonly records: readonly LogicRecord[]; readonly threshold: number } {
  const records: LogicRecord[] = [];
  let threshold = Number.POSITIVE_INFINITY;
  let line = 0;
  let skipped = false;
  const lines = text.split('\n').map((each) => each.trimEnd());
  while (line < lines.length) {
    const start = line;
    const words = lines[line++]!.trim().split(/\s+/);
    const [command = ''] = words;
    if (command === '' || command.startsWith('#')) continue;
    if (command === 'skipif' || command === 'onlyif') {
      if ((words[1] === OURS) === (command === 'skipif')) skipped = true;
      continue;
    }
    if (command === 'hash-threshold') {
      threshold = Number(words[1]);
      continue;
    }
    if (command === 'halt') {
      if (!skipped) break;
      skipped = false;
      continue;
    }
    const body: string[] = [];
    while (line < lines.length && lines[line]!.trim() !== '') body.push(lines[line++]!);
    const separator = body.indexOf('----');
    const sql = (separator < 0 ? body : body.slice(0, separator)).join('\n');
    const expected = separator < 0 ? [] : body.slice(separator + 1);
    const kind = command === 'query' ? 'query' : words[1] === 'error' ? 'error' : 'ok';
    if (!skipped) {
      records.push({ line: start + 1, kind, sql, types: words[1] ?? '', sort: words[2] ?? 'nosort', expected });
    }
    skipped = false;
  }
  return { records, threshold };
}

/** @returns what is wrong; undefined when the answer is as it should be. */
export async function runRecord(session: SqlSession, record: LogicRecord): Promise<string | undefined> {
  let rows: readonly (readonly unknown[])[];
  try {
    const results = await session.execute(record.sql);
    rows = results.at(-1)?.rows ?? [];
  } catch (error) {
    if (record.kind === 'error') return undefined;
    return `failed: ${(error as Error).message}`;
  }
  if (record.kind === 'error') return 'should have failed';
  if (record.kind === 'ok') return undefined;
  const { types, sort, expected } = record;
  const printed = rows.map((row) => row.map((value, i) => print(value, types[i] ?? 'T')));
  if (sort === 'rowsort') printed.sort((a, b) => (a.join('\n') < b.join('\n') ? -1 : 1));
  const values = printed.flat();
  if (sort === 'valuesort') values.sort();
  const summary = /^(\d+) values hashing to ([0-9a-f]{32})$/.exec(expected[0] ?? '');
  if (summary === null) {
    const flat = expected.flatMap((each) => (values.length === expected.length ? [each] : each.split(/\s+/)));
    return values.join('\n') === flat.join('\n') ? undefined : `is ${values.join(' ')}, not ${flat.join(' ')}`;
  }
  const hash = createHash('md5')
    .update(values.map((value) => `${value}\n`).join(''))
    .digest('hex');
  if (values.length === Number(summary[1]) && hash === summary[2]) return undefined;
  return `has ${values.length} values of another hash: ${values.slice(0, 12).join(' ')}`;
}

function print(value: unknown, type: string): string {
  if (value === null) return 'NULL';
  if (type === 'I')
    return typeof value === 'boolean' ? String(Number(value)) : String(Math.trunc(Number(String(value))) + 0);
  if (type === 'R') return Number(String(value)).toFixed(3);
  const text = String(value);
  return text === '' ? '(empty)' : text.replace(/[^ -~]/g, '@');
}
