import { expect, test } from 'vitest';
import { text, utf8 } from '../../base/bytes.ts';
import type { FieldReader, FieldSink } from '../../models/relational/field-reader.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { SessionParameters } from '../../query/sql/session-parameters.ts';
import { PackedEntries } from '../../storage/packed-entries.ts';
import { keptRows } from './kept-rows.ts';

const COLUMNS = [{ name: 'v', type: 'text', modifier: -1 }] as unknown as readonly ResultColumn[];
const PARAMETERS = { style: {} } as unknown as SessionParameters;

function runOf(...values: readonly string[]): PackedEntries {
  const run = PackedEntries.of(values.map((value, i) => ({ key: utf8(`key ${i}`), value: utf8(value) })));
  run.shared.keeper = () => true;
  return run;
}

/** Writes the value as it is, and fails for one that says it is damaged. */
const FIELDS = {
  write(sink: FieldSink, _key: Buffer, _keyAt: number, bytes: Buffer, valueAt: number, end: number): void {
    if (text(bytes.subarray(valueAt, end)) === 'damaged') throw new Error('a row ends early');
    sink.text(bytes, valueAt, end);
  },
} as unknown as FieldReader;

test('the rows of a run are kept once as many were asked for, and any part of them is given', () => {
  const run = runOf('a', 'b', 'c');
  const ask = (entries: PackedEntries) => keptRows(entries, COLUMNS, FIELDS, PARAMETERS);
  expect(ask(run.slice(0, 2))).toBeUndefined();
  expect(ask(run.slice(0, 2))).toBeUndefined();
  expect(ask(run.slice(1, 3))?.toString()).toBe(
    ['b', 'c'].map((value) => Buffer.from(`D\0\0\0\x0b\0\x01\0\0\0\x01${value}`)).join(''),
  );
});

test.each([
  ['the first row', ['damaged', 'b', 'c']],
  ['a row in the middle', ['a', 'damaged', 'c']],
  ['the last row', ['a', 'b', 'damaged']],
])('nothing is kept of a run in which %s is damaged', (_, values) => {
  const run = runOf(...values);
  for (let i = 0; i < 5; i++) expect(keptRows(run, COLUMNS, FIELDS, PARAMETERS)).toBeUndefined();
});
