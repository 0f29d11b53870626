/** Records whose fields are known, by their shape: rows of queries and of functions that no type of the catalog describes. */

import type { ColumnType } from '../../../models/relational/table.ts';
import { defineType, type SqlType, type TypeInfo } from './types.ts';

type Field = NonNullable<TypeInfo['fields']>[number];

/** Shapes of records that are kept; the fields of a record of one more are not known by name. */
const SHAPES_MAX = 10_000;
const shapes = new Map<string, SqlType>();

/** A `record` with these fields. */
export function recordTypeOf(fields: readonly Field[]): SqlType {
  const shape = fields.map(({ name, type, modifier }) => `${encodeURIComponent(name)}:${type}:${modifier}`).join();
  let type = shapes.get(shape);
  if (type !== undefined) return type;
  if (shapes.size >= SHAPES_MAX) return 'record';
  type = `user:record(${shape})` as ColumnType;
  shapes.set(shape, type);
  defineType({
    type,
    oid: 2249,
    name: 'record',
    size: -1,
    title: 'record',
    category: 'P',
    preferred: false,
    kind: 'p',
    array: `_${type}` as SqlType,
    arrayOid: 2287,
    fields,
  });
  return type;
}
