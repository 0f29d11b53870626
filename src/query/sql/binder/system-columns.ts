/**
 * Columns that every table of PostgreSQL has without naming them (manual, 5.5): `tableoid`, which catalog queries join by, and
 * `xmin`, by which mappers tell whether a row is still what they have read. The transaction that wrote a row is not known
 * here; `xmin` is a number made of all that the row holds, so that it is another one when the row was changed to hold
 * something else. The other columns tell of tuples, which do not exist here: they are refused by name.
 */

import { utf8 } from '../../../base/bytes.ts';
import { crc32c } from '../../../base/crc32c.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';

import { notSupported } from '../sql-error.ts';
import { type BoundExpression, columnAt, someExpression } from './bound.ts';
import { quoteName } from './deparse.ts';
import type { ScopeColumn, ScopeItem } from './scope.ts';

const OF_TUPLES = new Set(['ctid', 'xmax', 'cmin', 'cmax']);

/** Numbers of transactions that PostgreSQL gives to none. */
const SPECIAL_XIDS = 3;

/** Whether it names a column that tables of PostgreSQL have, here or not. */
export function isSystemColumn({ table, isPseudo }: ScopeItem, name: string): boolean {
  if (table === undefined || table.view !== undefined || isPseudo === true) return false;
  return OF_TUPLES.has(name) || name === 'tableoid' || name === 'xmin';
}

/** @throws SqlError `feature_not_supported` for one of tuples. Undefined where `name` is none, or `item` no table. */
export function systemColumn(item: ScopeItem, name: string, location: number | undefined): ScopeColumn | undefined {
  const { table } = item;
  if (table === undefined || table.view !== undefined) return undefined;
  if (OF_TUPLES.has(name)) throw notSupported(`the system column ${name}`, location);
  if (name === 'tableoid') {
    const oid: BoundExpression = { kind: 'constant', type: 'oid', modifier: -1, location, value: table.table.id };
    return { name, expression: whereThere(item, table, oid), origin: undefined };
  }
  if (name !== 'xmin') return undefined;
  const { columns } = table.table;
  const made: BoundExpression = {
    ...{ kind: 'call', type: 'xid', modifier: -1, location },
    function: fingerprintOf(table),
    args: columns.map((column, i) => columnAt(item.offset + i, column)),
    spelled: item.alias === undefined ? name : `${quoteName(item.alias)}.${name}`,
  };
  return { name, expression: whereThere(item, table, made), origin: undefined };
}

/** What a definition says of each row cannot depend on how often it was written. */
export function readsVersion(expression: BoundExpression): boolean {
  return someExpression(
    expression,
    (each) => each.kind === 'call' && each.function.name === 'xmin' && each.function.id === undefined,
  );
}

/** The same for the same values, in whatever version of the table they were written; of the catalog's relations too. */
function fingerprintOf({ codec, system, table }: CatalogTable): ScalarFunction {
  const printed = (row: readonly ColumnValue[]): Uint8Array =>
    utf8(JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)));
  return {
    name: 'xmin',
    arguments: table.columns.map(({ type }) => type),
    result: 'xid',
    strict: false,
    volatility: 'stable',
    evaluate: (values) => {
      const row = values as readonly ColumnValue[];
      const sum = crc32c(system === undefined ? codec.encode(row) : printed(row));
      return sum < SPECIAL_XIDS ? sum + SPECIAL_XIDS : sum;
    },
  };
}

/** The value; null where an outer join found no row. */
function whereThere({ offset, isThere }: ScopeItem, { table }: CatalogTable, value: BoundExpression): BoundExpression {
  if (isThere === true) return value;
  const { primaryKey, columns } = table;
  const { type, location } = value;
  const key = primaryKey[0];
  // A key, or the hidden id behind all columns, is null where an outer join found no row.
  const witness =
    key === undefined
      ? columnAt(offset + columns.length, { type: 'int8', modifier: -1 })
      : columnAt(offset + key, columns[key]!);
  const notNull: BoundExpression = {
    kind: 'isNull',
    type: 'bool',
    modifier: -1,
    location,
    arg: witness,
    negated: true,
  };
  return {
    ...{ kind: 'case', type, modifier: -1, location },
    whens: [{ condition: notNull, result: value }],
    otherwise: { kind: 'constant', type, modifier: -1, location, value: null },
    ...(value.spelled === undefined ? {} : { spelled: value.spelled }),
  };
}
