import { expect, test } from 'vitest';
import { hasCode } from '../../base/errors.ts';
import { Keyspace } from '../../storage/keyspace.ts';
import { decodeTable, encodeTable } from './catalog.ts';
import type { FieldSink } from './field-reader.ts';
import { Numeric, parseNumeric } from './numeric.ts';
import { RowCodec } from './row-codec.ts';
import type { Column, ColumnType, ColumnValue, Table, TableId } from './table.ts';
import { defineStorage } from './type-definition.ts';
import { lastingType } from './value-codec.ts';
import { SqlArray, SqlRecord } from './values.ts';

const keyspace = new Keyspace();

function table(columns: readonly (readonly [string, ColumnType])[], primaryKey: readonly number[]): Table {
  return {
    id: 7 as TableId,
    name: 't',
    version: 1,
    columns: columns.map(([name, type]): Column => ({ name, type, modifier: -1, notNull: false, default: undefined })),
    primaryKey,
    primaryKeyName: 't_pkey',
  };
}

const ALL: readonly (readonly [string, ColumnType])[] = [
  ['id', 'int4'],
  ['b', 'bool'],
  ['s', 'int2'],
  ['i', 'int4'],
  ['l', 'int8'],
  ['f', 'float8'],
  ['n', 'numeric'],
  ['t', 'text'],
  ['v', 'varchar'],
  ['z', 'timestamptz'],
];

const FULL: ColumnValue[] = [
  5,
  true,
  -32_768,
  2_147_483_647,
  -9_223_372_036_854_775_808n,
  -0.5,
  new Numeric(-12_345n, 3),
  'héllo 𝄞',
  'x'.repeat(300),
  1_704_067_200_000_000n,
];

test('a row of every type comes back as it was', () => {
  const codec = new RowCodec(keyspace, table(ALL, [0]));
  const key = codec.keys.keyOf(FULL);
  const decoded = codec.decode(key, Buffer.from(codec.encode(FULL)));
  expect(decoded).toEqual(FULL);
  const nulls: ColumnValue[] = [5, ...new Array<null>(9).fill(null)];
  expect(codec.decode(key, Buffer.from(codec.encode(nulls)))).toEqual(nulls);
});

test('the bytes on disk are these', () => {
  const codec = new RowCodec(keyspace, table(ALL, [0]));
  const row: ColumnValue[] = [1, true, 2, 3, 4n, 1.5, new Numeric(-15n, 1), 'ab', null, 1n];
  expect(Buffer.from(codec.encode(row)).toString('hex')).toBe(
    `${'01' + '01' + '09' + '8000'}01${'0200'}${'03000000'}${'0400000000000000'}${'000000000000f83f'}${'01' + '03' + '2d3135'}${'02' + '6162'}${'0100000000000000'}`,
  );
  expect(codec.keys.keyOf(row).toString()).toBe(
    Buffer.concat([Buffer.from('orbit/relational/'), Buffer.from([0x15, 7, 0x15, 1])]).toString(),
  );
});

test('a row written before a column was added has null there', () => {
  const before = new RowCodec(keyspace, table(ALL.slice(0, 4), [0]));
  const after = new RowCodec(keyspace, { ...table(ALL, [0]), version: 2 });
  const row = FULL.slice(0, 4);
  expect(after.decode(before.keys.keyOf(row), Buffer.from(before.encode(row)))).toEqual([
    ...row,
    ...new Array<null>(6).fill(null),
  ]);
});

test('selected columns are those of the whole row', () => {
  for (const primaryKey of [[0], [2, 1], []]) {
    const codec = new RowCodec(keyspace, table(ALL, primaryKey));
    for (const row of [FULL, FULL.map((value, i) => (i % 3 === 1 && !primaryKey.includes(i) ? null : value))]) {
      const written = primaryKey.length === 0 ? [...row, 7n] : row;
      const key = codec.keys.keyOf(written);
      const value = Buffer.from(codec.encode(written));
      const whole = codec.decode(key, value);
      for (const positions of [[], [0], [3], [ALL.length - 1], [4, 0, 2], ALL.map((_, i) => i).reverse(), [1, 1]]) {
        expect(codec.decodeColumns(key, value, codec.select(positions))).toEqual(positions.map((i) => whole[i]));
      }
    }
  }
});

test('a row without a primary key ends with its hidden id', () => {
  const codec = new RowCodec(keyspace, table([['a', 'text']], []));
  const key = codec.keys.hiddenKey(1n << 40n);
  expect(codec.decode(key, Buffer.from(codec.encode(['x'])))).toEqual(['x', 1n << 40n]);
  expect(codec.keys.keyOf(['x', 1n << 40n])).toEqual(key);
});

test('rows move to another primary key as they are stored', () => {
  const old = new RowCodec(keyspace, {
    ...table(ALL, []),
    dropped: [{ number: 4, type: 'text', modifier: -1 }],
    columns: ALL.map(([name, type], i): Column => {
      return { name, type, modifier: -1, notNull: false, default: undefined, number: i < 4 ? i : i + 1 };
    }),
  });
  const rows: ColumnValue[][] = [
    [...FULL, 1n],
    [null, false, 7, ...new Array<null>(7).fill(null), 2n],
    [6, null, 8, null, 0n, null, null, '', null, 5n, 3n],
  ];
  const entries = rows.map((row) => ({ key: old.keys.keyOf(row), value: Buffer.from(old.encode(row)) }));
  // A numeric is in the key and in the row.
  for (const primaryKey of [[2], [7, 0], [6, 2]]) {
    const next = new RowCodec(keyspace, { ...table(ALL, primaryKey), storage: 9 as TableId, version: 2 });
    const moved = next.recoder(old)!;
    for (const [i, row] of rows.entries()) {
      const puts = primaryKey.some((position) => row[position] === null)
        ? undefined
        : next.encodePuts([row.slice(0, ALL.length)]);
      expect(moved.puts([entries[i]!])).toEqual(puts);
    }
  }
});

test('rows do not move where their values are elsewhere, or must be looked at', () => {
  const old = table(ALL, [0]);
  const next = table(ALL, [2]);
  const recoder = (to: Table, from: Table) => new RowCodec(keyspace, to).recoder(new RowCodec(keyspace, from));
  expect(recoder(next, old)).toBeUndefined();
  expect(recoder(table(ALL, []), table(ALL, []))).toBeUndefined();
  const changed = (column: Partial<Column>): Table => {
    const { columns, ...rest } = table(ALL, []);
    return { ...rest, columns: columns.map((each, i) => (i === 7 ? { ...each, ...column } : each)) };
  };
  expect(recoder(next, changed({}))).toBeDefined();
  expect(recoder(next, changed({ missing: 'x' }))).toBeUndefined();
  expect(recoder(next, changed({ type: 'varchar' }))).toBeUndefined();
  expect(recoder({ ...changed({ notNull: true }), primaryKey: [2] }, changed({}))).toBeUndefined();
});

test('keys sort as their values do, column by column', () => {
  const codec = new RowCodec(
    keyspace,
    table(
      [
        ['a', 'int8'],
        ['b', 'text'],
      ],
      [0, 1],
    ),
  );
  const rows: [bigint, string][] = [
    [-300n, 'z'],
    [-1n, ''],
    [0n, 'a'],
    [0n, 'a\0'],
    [0n, 'ab'],
    [0n, 'é'],
    [0n, '\uffee'],
    [0n, '𝄞'],
    [255n, ''],
    [256n, ''],
    [9_007_199_254_740_993n, ''],
  ];
  const keys = rows.map((row) => codec.keys.keyOf(row));
  expect([...keys].sort(Buffer.compare)).toEqual(keys);
  for (const [i, row] of rows.entries()) expect(codec.decode(keys[i]!, Buffer.from(codec.encode(row)))).toEqual(row);
});

test('character is stored without the spaces that fill it up, and timestamps as microseconds', () => {
  const plain = table(
    [
      ['c', 'bpchar'],
      ['t', 'timestamp'],
      ['d', 'bpchar'],
    ],
    [0, 1],
  );
  const columns = plain.columns.map((column) => (column.type === 'bpchar' ? { ...column, modifier: 4 + 3 } : column));
  const codec = new RowCodec(keyspace, { ...plain, columns });
  const row: ColumnValue[] = ['a  ', -1n, '𝄞  '];
  const key = codec.keys.keyOf(row);
  const bytes = Buffer.from(codec.encode(row));
  expect(bytes.toString('hex')).toBe('01010100' + '04f09d849e');
  expect(codec.decode(key, bytes)).toEqual(row);
  expect(codec.keys.key(['a', -1n])).toEqual(key);
  expect(Buffer.compare(codec.keys.key(['a', -1n]), codec.keys.key(['a!', -1n]))).toBeLessThan(0);
});

test('damaged rows are corruption, wherever they are cut', () => {
  const codec = new RowCodec(keyspace, table(ALL, [0]));
  const key = codec.keys.keyOf(FULL);
  const bytes = Buffer.from(codec.encode(FULL));
  for (let length = 0; length < bytes.length; length++) {
    try {
      codec.decode(key, bytes.subarray(0, length));
      expect.unreachable(`${length} bytes decoded`);
    } catch (error) {
      expect(hasCode(error, 'corruption'), `${length}: ${error}`).toBe(true);
    }
  }
  expect(() => codec.decode(key, Buffer.concat([bytes, Buffer.from([0])]))).toThrow('longer');
});

test('fields are written as they are stored, and those of damaged rows are corruption', () => {
  const codec = new RowCodec(keyspace, table(ALL, [0]));
  const key = codec.keys.keyOf(FULL);
  const bytes = Buffer.from(codec.encode(FULL));
  const positions = ALL.map((_, position) => position).toReversed();
  const reader = codec.fieldReader(positions)!;
  const fields: (string | null)[] = [];
  const sink: FieldSink = {
    null: () => fields.push(null),
    integer: (value) => fields.push(String(value)),
    digits: (from, start, end, scale) =>
      fields.push(new Numeric(BigInt(from.toString('latin1', start, end)), scale).toString()),
    text: (from, start, end) => fields.push(from.toString('utf8', start, end)),
    value: (_, value) => fields.push(String(value)),
  };
  reader.write(sink, key, 0, bytes, 0, bytes.length);
  expect(fields).toEqual(positions.map((position) => String(FULL[position])));
  for (let length = 0; length < bytes.length; length++) {
    try {
      reader.write(sink, key, 0, bytes.subarray(0, length), 0, length);
      expect.unreachable(`${length} bytes were written`);
    } catch (error) {
      expect(hasCode(error, 'corruption'), `${length}: ${error}`).toBe(true);
    }
  }
  expect(codec.fieldReader([1, 1])).toBeUndefined();
  expect(codec.fieldReader([ALL.length])).toBeUndefined();
});

test('a definition survives its JSON, defaults of every type included', () => {
  const defaults: ColumnValue[] = [null, true, -1.5, 10n ** 18n, 'text', new Numeric(150n, 2)];
  const definition: Table = {
    ...table(ALL.slice(0, 6), [0]),
    columns: defaults.map((value, i) => ({
      name: `c${i}`,
      type: ALL[i]![1],
      modifier: i,
      notNull: i === 0,
      default: i === 1 ? { kind: 'now' } : { kind: 'constant', value },
    })),
  };
  expect(decodeTable(encodeTable(definition))).toEqual(definition);
  expect(() => decodeTable(Buffer.from('{'))).toThrow('no JSON');
  expect(() => decodeTable(Buffer.from('{"format":3,"columns":[]}'))).toThrow('format 3');
});

test('numerics are read with bounds checked first', () => {
  expect(String(parseNumeric('-012.50'))).toBe('-12.50');
  expect(String(parseNumeric('.5e3'))).toBe('500');
  expect(String(parseNumeric('5e-3'))).toBe('0.005');
  expect(parseNumeric('1e999999999999')).toBe('overflow');
  expect(parseNumeric('1e-20000')).toBe('overflow');
  expect(parseNumeric('1.2.3')).toBeUndefined();
  expect(parseNumeric('')).toBeUndefined();
});

test('a row is read when the types of its dropped columns are gone', () => {
  const ids = { id: 9 as TableId, arrayId: 10 as TableId, name: 'any' };
  defineStorage({
    ...ids,
    kind: 'enum',
    type: 'user:mood',
    labels: [{ id: 300, name: 'ok', order: 1, oid: 11 as TableId }],
  });
  defineStorage({ ...ids, kind: 'domain', type: 'user:small', base: 'int2', modifier: -1, notNull: false, checks: [] });
  const fields = ['user:mood', '_user:small'].map((type) => ({ name: type, type: type as ColumnType, modifier: -1 }));
  defineStorage({ ...ids, kind: 'composite', type: 'user:pair', fields });
  const types = ['user:mood', 'user:small', '_user:mood', 'user:pair'] as const;
  const full = table([['id', 'int4'], ...types.map((type) => [type, type] as const), ['e', 'text']], [0]);
  const before = new RowCodec(keyspace, full);
  const row = [
    1,
    'ok',
    7,
    new SqlArray('text', ['ok']),
    new SqlRecord(['user:mood', '_user:small'], ['ok', new SqlArray('int2', [1, 2])]),
    'end',
  ];
  const [key, value] = [before.keys.keyOf(row), Buffer.from(before.encode(row))];
  const dropped = types.map((type, i) => ({ number: i + 2, type: lastingType(type), modifier: -1 }));
  // Nothing is left of the names that their definitions go by.
  const written = JSON.stringify(dropped);
  expect(written).not.toMatch(/mood|small|pair/);
  const columns = [
    { ...full.columns[0]!, number: 1 },
    { ...full.columns[5]!, number: 6 },
  ];
  const after = new RowCodec(keyspace, { ...full, columns, dropped: JSON.parse(written) as typeof dropped });
  expect(after.decode(key, value).slice(0, 2)).toEqual([1, 'end']);
  const read: ColumnValue[] = [];
  after.columnReader([{ position: 1, place: 0 }]).read(key, value, read);
  expect(read).toEqual(['end']);
  const unknown = dropped.map((each) => ({ ...each, type: 'user:nobody' as const }));
  const gone = new RowCodec(keyspace, { ...full, columns, dropped: unknown });
  expect(() => gone.decode(key, value)).toThrow('of a type that is gone');
});
