/**
 * Columns that every table of PostgreSQL has without naming them (manual, 5.5): `tableoid`, which catalog queries join by.
 * The others tell of tuples and of transactions that wrote them, which do not exist here: they are refused by name.
 */

import { notSupported } from '../sql-error.ts';
import { type BoundExpression, columnAt } from './bound.ts';
import type { ScopeColumn, ScopeItem } from './scope.ts';

const OF_TUPLES = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax']);

/** @throws SqlError `feature_not_supported` for one of tuples. Undefined where `name` is none, or `item` no table. */
export function systemColumn(item: ScopeItem, name: string, location: number | undefined): ScopeColumn | undefined {
  const { table, offset, isThere } = item;
  if (table === undefined || table.view !== undefined) return undefined;
  if (OF_TUPLES.has(name)) throw notSupported(`the system column ${name}`, location);
  if (name !== 'tableoid') return undefined;
  const { id, primaryKey, columns } = table.table;
  const oid: BoundExpression = { kind: 'constant', type: 'oid', modifier: -1, location, value: id };
  if (isThere === true) return { name, expression: oid, origin: undefined };
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
  const nothing: BoundExpression = { ...oid, value: null };
  const expression: BoundExpression = {
    ...{ kind: 'case', type: 'oid', modifier: -1, location },
    whens: [{ condition: notNull, result: oid }],
    otherwise: nothing,
  };
  return { name, expression, origin: undefined };
}
