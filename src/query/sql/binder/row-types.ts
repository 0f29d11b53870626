/**
 * The types of rows: of a table, under its name, and of anything else that has columns, as a record whose fields are known.
 * They are registered when a statement speaks of such a row as a whole.
 */

import type { ColumnType, Table, TableId } from '../../../models/relational/table.ts';
import { makeRecord } from '../functions/records.ts';
import { recordTypeOf } from '../types/record-types.ts';
import { defineType, type SqlType } from '../types/types.ts';
import { type BoundExpression, columnAt } from './bound.ts';
import { quoteName } from './deparse.ts';
import type { ScopeItem } from './scope.ts';

/** Oids of the types of tables' rows, and of arrays of them: beyond all that the catalog gives out. */
export const ROW_TYPE_OIDS = 1_000_000_000;
const ROW_ARRAY_OIDS = 1_500_000_000;

const rows = new Map<SqlType, Table['columns']>();

/** The type of a table's rows, registered with the columns that it has now. */
export function rowTypeOf({ id, name, columns }: Pick<Table, 'id' | 'name' | 'columns'>): SqlType {
  const type: SqlType = `user:row:${id}`;
  if (rows.get(type) === columns) return type;
  rows.set(type, columns);
  defineType({
    type,
    oid: ROW_TYPE_OIDS + id,
    name,
    size: -1,
    title: quoteName(name),
    category: 'C',
    preferred: false,
    kind: 'c',
    array: `_${type}`,
    arrayOid: ROW_ARRAY_OIDS + id,
    fields: columns.map((column) => ({ name: column.name, type: column.type, modifier: column.modifier })),
  });
  return type;
}

/** The table that a type, or an array of such, is of the rows of; undefined for any other type. */
export function tableOfRowType(type: SqlType): TableId | undefined {
  const id = /^_?user:row:(\d+)$/.exec(type)?.[1];
  return id === undefined ? undefined : (Number(id) as TableId);
}

/** All of an item's row as one value; null where an outer join found none. A function of one value is that value. */
export function wholeRow(item: ScopeItem, location: number | undefined): BoundExpression {
  const { columns, table, offset, value, isNullable } = item;
  if (value !== undefined) return { ...value, location };
  const given = table === undefined ? columns.map(({ name, expression }) => ({ ...expression, name })) : [];
  const type =
    table === undefined
      ? recordTypeOf(given.map(({ name, type: field, modifier }) => ({ name, type: field as ColumnType, modifier })))
      : rowTypeOf(table.table);
  const args = columns.map(({ expression }) => expression);
  const types = args.map((arg) => arg.type);
  const width = args.length;
  // A key, or the hidden id, is null where there is no row; else all columns are.
  let witness: number | undefined;
  if (table !== undefined) {
    const { primaryKey } = table.table;
    witness = primaryKey[0] ?? width;
    if (primaryKey.length === 0) args.push(columnAt(offset + width, { type: 'int8', modifier: -1 }));
  }
  return {
    kind: 'call',
    type,
    modifier: -1,
    location,
    function: {
      name: 'row',
      arguments: args.map((arg) => arg.type),
      result: type,
      strict: false,
      volatility: 'immutable',
      evaluate: (values) => {
        const isThere =
          witness === undefined
            ? isNullable !== true || values.some((value) => value !== null)
            : values[witness] !== null;
        return isThere ? makeRecord(types, values.length === width ? values : values.slice(0, width)) : null;
      },
    },
    args,
  };
}
