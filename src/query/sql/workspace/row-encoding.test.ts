import { expect, test } from 'vitest';
import { parseNumeric } from '../../../models/relational/numeric.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import * as values from '../../../models/relational/values.ts';
import { jsonbOf, parseJsonTree } from '../types/json-value.ts';
import { RowReader, RowWriter } from './row-encoding.ts';

const { EMPTY_RANGE, Inet, Interval, SqlArray, SqlRange, SqlRecord, TimeTz } = values;

/** One of every class of values, by its name. */
const OBJECTS: Readonly<Record<string, readonly ColumnValue[]>> = {
  Interval: [new Interval(-14, 3, -86_400_000_001n)],
  TimeTz: [new TimeTz(86_400_000_000, -57_599)],
  Jsonb: [jsonbOf(parseJsonTree('{"a": [1, 2.50, null, "ä"], "b": {}}')), jsonbOf(parseJsonTree('null'))],
  SqlArray: [
    new SqlArray('int4', []),
    new SqlArray('text', ['a', null, 'ü'.repeat(300)]),
    new SqlArray('numeric', [parseNumeric('1.50')!, null], [1, 2], [0, -3]),
  ],
  SqlRange: [
    EMPTY_RANGE,
    new SqlRange(1, null, true, false),
    new SqlRange(parseNumeric('-1')!, parseNumeric('2.0')!, false, true),
  ],
  Inet: [new Inet(Uint8Array.of(10, 0, 0, 255), 8), new Inet(new Uint8Array(16).fill(254), 128)],
  SqlRecord: [new SqlRecord(['int4', 'text', 'numeric'], [1, null, parseNumeric('0.10')!])],
};

const PLAIN: readonly ColumnValue[] = [
  null,
  true,
  false,
  0,
  -0,
  1,
  191,
  192,
  -1,
  2_147_483_647,
  -2_147_483_648,
  2_147_483_648,
  1.5,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  0n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 63n,
  -(10n ** 30n),
  '',
  'plain',
  'héllo 𝄞',
  'x'.repeat(5_000),
  'lone \ud800',
  new Uint8Array(0),
  Uint8Array.of(0, 255, 128),
  parseNumeric('-123456789012345678901234567890.50')!,
  parseNumeric('NaN')!,
  parseNumeric('-Infinity')!,
];

/** Buffers are byte arrays like others; the text of a jsonb is made when it is asked for. */
function comparable(value: ColumnValue): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (value instanceof Inet) return new Inet(Uint8Array.from(value.bytes), value.bits);
  if (value instanceof values.Jsonb) return { jsonb: value.text };
  return value;
}

test('every value reads back as what it was, alone and among others', () => {
  const all = [...PLAIN, ...Object.values(OBJECTS).flat()];
  const rows: ColumnValue[][] = [...all.map((value) => [value]), [], all, [...all].reverse()];
  const writer = new RowWriter();
  for (const row of rows) writer.row(row);
  const reader = new RowReader().reset(Uint8Array.from(writer.view()));
  for (const row of rows) {
    const read = reader.row();
    expect(read.map(comparable)).toEqual(row.map(comparable));
    expect(read.map((value) => Object.is(value, -0))).toEqual(row.map((value) => Object.is(value, -0)));
  }
  expect(reader.atEnd).toBe(true);
});

test('there is no class of values that is not known', () => {
  const classes = Object.values(values).filter((each) => typeof each === 'function' && /^class\b/.test(String(each)));
  expect(classes.map((each) => (each as { name: string }).name).sort()).toEqual(Object.keys(OBJECTS).sort());
  for (const [name, examples] of Object.entries(OBJECTS)) {
    for (const example of examples) expect(example?.constructor.name).toBe(name);
  }
});

test('bytes that are no rows are an error', () => {
  for (const bytes of [[1], [1, 7, 9, 65], [2, 64], [1, 40], [1, 5, 0]]) {
    expect(() => new RowReader().reset(Uint8Array.from(bytes)).row(), String(bytes)).toThrow();
  }
});
