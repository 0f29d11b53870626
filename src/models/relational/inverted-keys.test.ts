import { expect, test } from 'vitest';
import { Keyspace } from '../../storage/keyspace.ts';
import { InvertedKeys } from './inverted-keys.ts';
import { searchOf, termsOf } from './inverted-terms.ts';
import { RowKeys } from './keys.ts';
import type { Index, Table, TableId } from './table.ts';
import { Jsonb, type JsonValue, SqlArray } from './values.ts';

const column = { modifier: -1, notNull: true, default: undefined };
const TABLE: Table = {
  id: 7 as TableId,
  name: 't',
  version: 1,
  columns: [
    { name: 'id', type: 'int4', ...column },
    { name: 'a', type: '_int4', ...column },
  ],
  primaryKey: [0],
  primaryKeyName: 't_pkey',
};
const INDEX: Index = {
  id: 9 as TableId,
  name: 'i',
  method: 'gin',
  unique: false,
  nullsDistinct: true,
  isConstraint: false,
  parts: [{ column: 1, type: '_int4', modifier: -1, descending: false, nullsFirst: false }],
  include: [],
};

const json = (tree: JsonValue): Jsonb => new Jsonb({ parse: () => null, print: () => '' }, { tree });

test('a row has an entry for each of its terms', () => {
  const rows = new RowKeys(new Keyspace(), TABLE);
  const keys = new InvertedKeys(new Keyspace(), TABLE, INDEX, rows);
  const row = rows.key([1]);
  const entries = keys.keys([new SqlArray('int4', [5, null, 5])], row);
  const told = entries.map((key) => Buffer.from(key).toString('latin1').slice('orbit/index/'.length));
  expect(told.map((text) => Buffer.from(text, 'latin1').toString('hex'))).toEqual([
    '15071509141b19b356b27975ac1501',
    '150715091415011501',
  ]);
  expect(keys.keys([new SqlArray('int4', [])], row)).toHaveLength(1);
  expect(keys.keys([null], row)).toHaveLength(0);
  expect(keys.rowKey(keys.suffixOf(entries[0]!))).toEqual(row);
});

test('terms of documents are those of their values under the names around them, and of names on top', () => {
  const document = json(new Map<string, JsonValue>([['a', ['x', new Map([['b', true]])]]]));
  expect([...termsOf({ operatorClass: 'jsonb_path_ops' }, document)]).toEqual([7714827300422523, 4754511851813046]);
  expect([...termsOf({}, document)]).toEqual([1371443906817456, 7714827300422523, 4754511851813046]);
});

test('an empty value is contained in everything', () => {
  expect(searchOf({}, '@>', json(new Map()))).toEqual({ kind: 'everything' });
  expect(searchOf({}, '@>', new SqlArray('int4', []))).toEqual({ kind: 'everything' });
  expect(searchOf({}, '@>', new SqlArray('int4', [null]))).toEqual({ kind: 'any', terms: [] });
  expect(searchOf({}, '@>', null)).toEqual({ kind: 'any', terms: [] });
});
