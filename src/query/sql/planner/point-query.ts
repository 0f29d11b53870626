/**
 * The shortest plan there is: plain columns of the one row under a full primary key.
 *
 * It needs no operators and no transaction: the newest committed row is what a statement of its own would see.
 */

import type { ColumnSelection } from '../../../models/relational/row-codec.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { BoundSelect } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { isInteger, type SqlType, type SqlValue } from '../types/types.ts';
import { isSingle, type KeyPart, pointPath } from './access-path.ts';

/** Where a value of the key comes from: a parameter by its index from 0, or the statement itself. */
type PointPart = { readonly parameter: number } | { readonly constant: SqlValue };

export class PointQuery {
  readonly table: CatalogTable;
  readonly #parts: readonly PointPart[];
  readonly #selection: ColumnSelection;
  readonly #values: ColumnValue[];

  constructor(table: CatalogTable, parts: readonly PointPart[], positions: readonly number[]) {
    this.table = table;
    this.#parts = parts;
    this.#selection = table.codec.select(positions);
    this.#values = new Array<ColumnValue>(parts.length).fill(null);
  }

  /** Undefined when a part is null: no key is. */
  key(parameters: readonly SqlValue[]): Key | undefined {
    const values = this.#values;
    for (let i = 0; i < values.length; i++) {
      const part = this.#parts[i]!;
      const value = 'parameter' in part ? parameters[part.parameter]! : part.constant;
      if (value === null) return undefined;
      values[i] = value;
    }
    return this.table.codec.keys.key(values);
  }

  /** The columns of the result. @throws OperationError `corruption`. */
  row(key: Key, value: Uint8Array): ColumnValue[] {
    return this.table.codec.decodeColumns(key, value, this.#selection);
  }
}

/** Undefined for every query that is more than that. */
export function pointQueryOf(select: BoundSelect): PointQuery | undefined {
  const { grouping, distinct, distinctOn, orderBy, limit, offset, locking, columns, where, windows, sets } = select;
  if (select.from?.kind !== 'scan' || grouping !== undefined || distinct || distinctOn !== undefined) return;
  if (orderBy.length > 0 || windows.length > 0 || sets.length > 0) return;
  if (limit !== undefined || offset !== undefined || locking !== undefined) return;
  const { table: from } = select.from;
  const { primaryKey } = from.table;
  const path = pointPath(from, where);
  if (path === undefined) return;
  const parts = path.prefix.map((value, i) => pointPart(value, from.table.columns[primaryKey[i]!]!.type));
  const positions = columns.map(({ expression }) => (expression.kind === 'column' ? expression.index : -1));
  if (!parts.every((part) => part !== undefined) || positions.includes(-1)) return;
  return new PointQuery(from, parts, positions);
}

/** A value of another type than the column's would have to be converted first; but a key holds all integers alike. */
function pointPart(value: KeyPart, type: SqlType): PointPart | undefined {
  if (value === 'isNull' || !isSingle(value)) return undefined;
  const widened = value.kind === 'cast' && isInteger(value.type) && isInteger(value.arg.type);
  const expression = widened ? value.arg : value;
  if (expression.type !== type && !(isInteger(expression.type) && isInteger(type))) return;
  if (expression.kind === 'parameter') return { parameter: expression.index };
  return expression.kind === 'constant' ? { constant: expression.value } : undefined;
}
