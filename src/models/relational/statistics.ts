/**
 * What was counted of a table's rows for the planner. Documented in docs/formats/relational.md.
 *
 *   {prefix}/relational/ (0, table id)  -> statistics as JSON with a format number
 *
 * No table has the id 0. Statistics lie outside of the catalog: they change no schema, and no plan is wrong without them.
 * What each figure means follows PostgreSQL's pg_stats.
 */

import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { restoreValue, type StoredValue, storeValue } from './catalog.ts';
import type { ColumnType, ColumnValue, TableId } from './table.ts';

export interface ColumnStatistics {
  /** Of the values; statistics of a column that has another type by now are of no use. */
  readonly type: ColumnType;
  /** Part of the rows that hold null: 0 to 1. */
  readonly nullFraction: number;
  /** Average bytes of a value that is not null, as PostgreSQL would hold it. */
  readonly width: number;
  /** Different values that are not null; below 0 as part of the rows, when it grows with them: -1 for all different. */
  readonly distinct: number;
  /** The most common values, the most common first, and which part of all rows each is. */
  readonly common: readonly { readonly value: ColumnValue; readonly fraction: number }[];
  /** Bounds, in order, between which lie equal numbers of the values that are not common. Two or more, or none. */
  readonly histogram: readonly ColumnValue[];
  /** How far the order of the values is that of the rows: -1 to 1; undefined for types without an order. */
  readonly correlation?: number;
}

export interface TableStatistics {
  readonly rows: number;
  /** By the columns' numbers (see `columnNumber`). */
  readonly columns: ReadonlyMap<number, ColumnStatistics>;
  /** Wall time, milliseconds since 1970. */
  readonly analyzedAtMs: number;
  /** Whether nobody had asked for them. */
  readonly automatic: boolean;
}

const FORMAT = 1;

/** Statistics of all tables. */
export function statisticsRange(keyspace: Keyspace): KeyRange {
  return keyspace.relational.range([0n]);
}

/** The table that the statistics under a key are of. @throws OperationError `corruption`. */
export function tableOfStatistics(keyspace: Keyspace, key: Key): TableId {
  const [, id] = keyspace.relational.decode(key);
  return Number(id) as TableId;
}

interface StoredColumn extends Omit<ColumnStatistics, 'common' | 'histogram'> {
  readonly number: number;
  readonly common: readonly (readonly [StoredValue, number])[];
  readonly histogram: readonly StoredValue[];
}

export function encodeStatistics({ rows, columns, analyzedAtMs, automatic }: TableStatistics): Bytes {
  const stored = [...columns].map(
    ([number, { common, histogram, ...column }]): StoredColumn => ({
      ...column,
      number,
      common: common.map(({ value, fraction }) => [storeValue(value, column.type), fraction]),
      histogram: histogram.map((value) => storeValue(value, column.type)),
    }),
  );
  return utf8(JSON.stringify({ format: FORMAT, rows, analyzedAtMs, automatic, columns: stored }));
}

/** Undefined for what cannot be read, of another format for one: statistics are gathered again, nothing else is lost. */
export function decodeStatistics(bytes: Bytes): TableStatistics | undefined {
  try {
    const { format, rows, analyzedAtMs, automatic, columns } = JSON.parse(text(bytes)) as {
      readonly format: number;
      readonly columns: readonly StoredColumn[];
    } & Omit<TableStatistics, 'columns'>;
    if (format !== FORMAT) return undefined;
    const restored = columns.map(({ number, common, histogram, ...column }): [number, ColumnStatistics] => [
      number,
      {
        ...column,
        common: common.map(([value, fraction]) => ({ value: restoreValue(value, column.type), fraction })),
        histogram: histogram.map((value) => restoreValue(value, column.type)),
      },
    ]);
    return { rows, analyzedAtMs, automatic, columns: new Map(restored) };
  } catch {
    return undefined;
  }
}
