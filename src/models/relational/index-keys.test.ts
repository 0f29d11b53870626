import { expect, test } from 'vitest';
import { Keyspace } from '../../storage/keyspace.ts';
import { IndexKeys } from './index-keys.ts';
import { RowKeys } from './keys.ts';
import type { Column, Index, Table, TableId } from './table.ts';

const keyspace = new Keyspace();

const column = (name: string, type: Column['type']): Column => ({
  name,
  type,
  modifier: -1,
  notNull: true,
  default: undefined,
});

const INDEX: Index = {
  id: 9 as TableId,
  name: 'i',
  unique: true,
  nullsDistinct: true,
  isConstraint: true,
  parts: [{ column: 1, type: 'text', modifier: -1, descending: false, nullsFirst: false }],
  include: [],
};

const TABLE: Table = {
  id: 7 as TableId,
  name: 't',
  version: 1,
  columns: [column('id', 'int4'), column('s', 'text')],
  primaryKey: [0],
  primaryKeyName: 't_pkey',
};

function keysOf(index: Index): { readonly index: IndexKeys; readonly rows: RowKeys } {
  const rows = new RowKeys(keyspace, TABLE);
  return { index: new IndexKeys(keyspace, TABLE, index, rows), rows };
}

function hex(key: Uint8Array): string {
  const text = Buffer.from(key).toString('latin1');
  expect(text.startsWith('orbit/index/')).toBe(true);
  return Buffer.from(text.slice('orbit/index/'.length), 'latin1').toString('hex');
}

test('rows meet at one key in a unique index', () => {
  const { index, rows } = keysOf(INDEX);
  const row = rows.key([1]);
  expect(hex(index.key(['ab'], row))).toBe('150715093061620001');
  expect(Buffer.from(index.value(['ab'], row, [1, 'ab'])).toString('hex')).toBe('021501');
  expect(index.claims(['ab'])).toBe(false);
});

test('rows have entries of their own under a deferrable constraint, and meet at the claim of their value', () => {
  const { index, rows } = keysOf({ ...INDEX, deferrable: 'immediate' });
  const row = rows.key([1]);
  expect(hex(index.key(['ab'], row))).toBe('1507150930616200011501');
  expect(index.value(['ab'], row, [1, 'ab'])).toHaveLength(0);
  expect(index.claims(['ab'])).toBe(true);
  expect(index.claims([null])).toBe(false);
  expect(hex(index.claim(['ab']))).toBe('150713f63061620001');
});
