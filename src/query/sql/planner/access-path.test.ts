import { beforeAll, expect, test } from 'vitest';
import type { Column, ColumnType, Table, TableId } from '../../../models/relational/table.ts';
import { Keyspace } from '../../../storage/keyspace.ts';
import { bindQuery, queryContext } from '../binder/bind-query.ts';
import { conjuncts } from '../binder/bound.ts';
import { Frame } from '../binder/scope.ts';
import { type CatalogTable, openTable } from '../catalog-cache.ts';
import { DEFAULT_SQL_LIMITS } from '../limits.ts';
import { SqlParser } from '../parser/parser.ts';
import { UTC } from '../types/time-zone.ts';
import { accessPaths } from './access-path.ts';

const parser = new SqlParser(DEFAULT_SQL_LIMITS);
let table: CatalogTable;

beforeAll(() => {
  const column = (name: string, type: ColumnType): Column => ({
    name,
    type,
    modifier: -1,
    notNull: false,
    default: undefined,
  });
  const definition: Table = {
    id: 1 as TableId,
    name: 't',
    version: 1,
    columns: [column('a', 'int4'), column('b', 'text'), column('c', 'int8')],
    primaryKey: [0, 1],
    primaryKeyName: 't_pkey',
  };
  table = openTable(new Keyspace(), definition);
});

/** `prefix/low/high/rest` as counts and signs. */
async function path(where: string): Promise<string> {
  const [statement] = await parser.parse(`select * from t where ${where}`);
  const { node } = statement!;
  if (!('SelectStmt' in node)) throw new Error('no SELECT');
  const time = { zone: UTC, nowMicros: 0n };
  const context = { parameters: [], takesParameters: true, untyped: [], time, depthMax: 100 };
  const bound = bindQuery(
    node.SelectStmt,
    queryContext(context, () => table),
    new Frame(undefined),
    false,
  );
  if (bound.kind !== 'select') throw new Error('no SELECT');
  const chosen = accessPaths(table, conjuncts(bound.where!))[0]!;
  const side = (edge: typeof chosen.low, open: string, closed: string) =>
    edge === undefined ? '' : edge.inclusive ? closed : open;
  return `${chosen.prefix.length}${side(chosen.low, '(', '[')}${side(chosen.high, ')', ']')} rest ${chosen.rest.length}`;
}

test.each([
  ['a = 1 and b = $1', '2 rest 0'],
  ["b = 'x' and 1 = a", '2 rest 0'],
  ['a = 1', '1 rest 0'],
  ["b = 'x'", '0 rest 1'],
  ["a = 1 and b > 'x' and b <= 'z'", '1(] rest 0'],
  ['a >= 1 and a < 5 and c = 3', '0[) rest 1'],
  ['a between 1 and 2', '0[] rest 0'],
  ['3 > a', '0) rest 0'],
  ['a = 1 or a = 2', '1 rest 0'],
  ["a in (1, 2) and b in ('x', 'y')", '2 rest 0'],
  ['a = any($1::int[]) and c = 3', '1 rest 1'],
  ['a = 1 or c = 2', '0 rest 1'],
  ['a = c', '0 rest 1'],
  ['a = $1::bigint', '1 rest 0'],
  ['a = 1.5', '0 rest 1'],
  ['a + 0 = 1', '0 rest 1'],
  ['a = 1 and a = 2', '1 rest 1'],
  ['a <> 1', '0 rest 1'],
  ['c = 1', '0 rest 1'],
])('WHERE %s reads %s', async (where, expected) => {
  expect(await path(where)).toBe(expected);
});
