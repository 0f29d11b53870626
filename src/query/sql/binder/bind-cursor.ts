/**
 * Cursors and WHERE CURRENT OF: the query of a cursor hands out, behind its columns, the keys of the rows that it is made
 * of, where each of its rows is made of one row of a table; a statement writes to the row of that key.
 */

import { type ColumnValue, rowWidth } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { SqlError } from '../sql-error.ts';
import {
  type BoundColumn,
  type BoundExpression,
  type BoundQuery,
  type BoundRelation,
  columnAt,
  conjunction,
  widthOf,
} from './bound.ts';

/** A table of FROM and where its row begins in a row of FROM. */
interface Source {
  readonly table: CatalogTable;
  readonly offset: number;
}

/** @returns the query with the keys of its tables behind its columns, and of which tables they are, in that order. */
export function withRowKeys(query: BoundQuery): {
  readonly query: BoundQuery;
  readonly tables: readonly CatalogTable[];
} {
  if (query.kind !== 'select' || query.from === undefined || query.grouping !== undefined) return { query, tables: [] };
  const { distinct, distinctOn, windows, sets } = query;
  if (distinct || distinctOn !== undefined || windows.length > 0 || sets.length > 0) return { query, tables: [] };
  // What is locked is one row of each table; otherwise a join may repeat them.
  const sources = query.locking ?? [...sourcesOf(query.from, 0)];
  if (query.locking === undefined && (sources.length !== 1 || query.from.kind === 'join')) return { query, tables: [] };
  const keys = sources.flatMap(({ table, offset }) =>
    keyPlaces(table).map((place): BoundColumn => {
      const expression = columnAt(offset + place.position, { type: place.type, modifier: -1 });
      return { name: '', expression, origin: undefined };
    }),
  );
  return { query: { ...query, columns: [...query.columns, ...keys] }, tables: sources.map(({ table }) => table) };
}

function* sourcesOf(relation: BoundRelation, offset: number): Generator<Source> {
  if (relation.kind === 'join') {
    yield* sourcesOf(relation.left, offset);
    yield* sourcesOf(relation.right, offset + widthOf(relation.left));
  } else if (relation.kind === 'scan' && relation.table.system === undefined) yield { table: relation.table, offset };
}

/** The columns that tell rows apart: the primary key, or the hidden id behind all columns. */
function keyPlaces({ table }: CatalogTable) {
  if (table.primaryKey.length === 0) return [{ position: rowWidth(table) - 1, type: 'int8' as const }];
  return table.primaryKey.map((position) => ({ position, type: table.columns[position]!.type }));
}

/** @param keyOf The key of the row that the cursor is on. @throws SqlError of the cursor. */
export function bindCurrentOf(
  table: CatalogTable,
  cursor: string,
  keyOf: ((cursor: string, table: CatalogTable) => readonly ColumnValue[]) | undefined,
): BoundExpression {
  if (keyOf === undefined) throw new SqlError('feature_not_supported', 'WHERE CURRENT OF is not supported here');
  const key = keyOf(cursor, table);
  return conjunction(
    keyPlaces(table).map(({ position, type }, i): BoundExpression => {
      const typed = { type, modifier: -1, location: undefined };
      return {
        kind: 'compare',
        operator: '=',
        ...typed,
        type: 'bool',
        left: columnAt(position, typed),
        right: { kind: 'constant', ...typed, value: key[i]! },
      };
    }),
  );
}
