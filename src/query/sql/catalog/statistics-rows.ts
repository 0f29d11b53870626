/**
 * pg_stats, pg_stat_* and pg_statio_* of tables, indexes and sequences: what is known of tables' rows, in PostgreSQL's columns.
 *
 * Counts of reads are not kept and read as zero; there are no pages, so `relpages` is how many of PostgreSQL's the rows
 * would fill. Bounds of type anyarray are shown as the text of an array.
 */

import type { ColumnStatistics, TableStatistics } from '../../../models/relational/statistics.ts';
import { type ColumnType, type ColumnValue, columnNumber, type Table } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { formatText } from '../types/text-form.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import { arrayOf, typeInfo } from '../types/types.ts';
import type { SystemRow, SystemRows } from './system-row.ts';

const PAGE_BYTES = 8_192;
const PAGE_HEADER_BYTES = 24;
const TUPLE_HEADER_BYTES = 28;
/** Of a value that nobody has measured. */
const VARIABLE_BYTES = 32;

/** Bytes of the values of a row, on average. */
export function rowBytes(table: Pick<Table, 'columns'>, known: TableStatistics | undefined): number {
  return table.columns.reduce((sum, _, position) => sum + columnBytes(table, position, known), 0);
}

function columnBytes(table: Pick<Table, 'columns'>, position: number, known: TableStatistics | undefined): number {
  const measured = known?.columns.get(columnNumber(table, position));
  if (measured !== undefined && measured.width > 0) return measured.width * (1 - measured.nullFraction);
  const { size } = typeInfo(table.columns[position]!.type);
  return size > 0 ? size : VARIABLE_BYTES;
}

/** PostgreSQL's pages that so many rows would fill. */
export function pagesOf(rows: number, bytes: number): number {
  const perPage = Math.max(1, Math.floor((PAGE_BYTES - PAGE_HEADER_BYTES) / (bytes + TUPLE_HEADER_BYTES)));
  return Math.ceil(rows / perPage);
}

function asText(type: ColumnType, values: readonly ColumnValue[], context: TimeContext): string | null {
  const array = arrayOf(type);
  if (values.length === 0 || array === undefined) return null;
  return formatText(array, new SqlArray(type, values), context);
}

function statsRow(column: ColumnStatistics, context: TimeContext): SystemRow {
  const { type, nullFraction, width, distinct, common, histogram, correlation } = column;
  return {
    inherited: false,
    null_frac: Math.fround(nullFraction),
    avg_width: width,
    n_distinct: Math.fround(distinct),
    most_common_vals: asText(
      type,
      common.map(({ value }) => value),
      context,
    ),
    most_common_freqs:
      common.length === 0
        ? null
        : new SqlArray(
            'float4',
            common.map(({ fraction }) => Math.fround(fraction)),
          ),
    histogram_bounds: asText(type, histogram, context),
    correlation: correlation === undefined ? null : Math.fround(correlation),
  };
}

/** Null for never. */
function time(ms: number): bigint | null {
  return ms === 0 ? null : BigInt(Math.trunc(ms)) * 1_000n;
}

const tableRows: SystemRows = (objects, { session: { statistics } }) =>
  objects.tables.map(({ table }) => {
    const activity = statistics?.activityOf(table.id);
    const known = statistics?.of(table.id);
    const automatic = known?.automatic === true ? known.analyzedAtMs : 0;
    const asked = known?.automatic === false ? known.analyzedAtMs : 0;
    const count = (value: number | undefined): bigint => BigInt(Math.max(0, Math.round(value ?? 0)));
    return {
      relid: table.id,
      schemaname: objects.schemaName(table.schema),
      relname: table.name,
      seq_scan: 0n,
      seq_tup_read: 0n,
      idx_scan: 0n,
      idx_tup_fetch: 0n,
      n_tup_ins: count(activity?.inserted),
      n_tup_upd: count(activity?.updated),
      n_tup_del: count(activity?.deleted),
      n_tup_hot_upd: 0n,
      n_live_tup: count(known === undefined ? activity?.grown : statistics?.rowsOf(table.id)),
      n_dead_tup: 0n,
      n_mod_since_analyze: count(activity?.changed),
      n_ins_since_vacuum: 0n,
      last_analyze: time(Math.max(asked, activity?.analyzedAtMs ?? 0)),
      last_autoanalyze: time(Math.max(automatic, activity?.autoAnalyzedAtMs ?? 0)),
      vacuum_count: 0n,
      autovacuum_count: 0n,
      analyze_count: count(activity?.analyses),
      autoanalyze_count: count(activity?.autoAnalyses),
    };
  });

/** Nothing is counted by blocks here. */
const blockRows: SystemRows = (objects) =>
  objects.tables.map(({ table }) => ({
    relid: table.id,
    schemaname: objects.schemaName(table.schema),
    relname: table.name,
    heap_blks_read: 0n,
    heap_blks_hit: 0n,
    idx_blks_read: 0n,
    idx_blks_hit: 0n,
  }));

/** Counts are not kept, as of tables. */
const indexRows: SystemRows = (objects) =>
  objects.indexes
    .filter(({ table }) => table.system === undefined)
    .map(({ oid, name, table: { table } }) => ({
      relid: table.id,
      indexrelid: oid,
      schemaname: objects.schemaName(table.schema),
      relname: table.name,
      indexrelname: name,
      idx_scan: 0n,
      idx_tup_read: 0n,
      idx_tup_fetch: 0n,
      idx_blks_read: 0n,
      idx_blks_hit: 0n,
    }));

const sequenceRows: SystemRows = (objects) =>
  objects.sequences.map(({ id, name, schema }) => ({
    relid: id,
    schemaname: objects.schemaName(schema),
    relname: name,
    blks_read: 0n,
    blks_hit: 0n,
  }));

export const STATISTICS_ROWS: Readonly<Record<string, SystemRows>> = {
  pg_stat_all_tables: tableRows,
  pg_stat_user_tables: tableRows,
  pg_statio_all_tables: blockRows,
  pg_statio_user_tables: blockRows,
  pg_stat_all_indexes: indexRows,
  pg_stat_user_indexes: indexRows,
  pg_statio_all_indexes: indexRows,
  pg_statio_user_indexes: indexRows,
  pg_statio_all_sequences: sequenceRows,
  pg_statio_user_sequences: sequenceRows,
  *pg_stats(objects, context) {
    for (const { table } of objects.tables) {
      const known = context.session.statistics?.of(table.id);
      if (known === undefined) continue;
      for (let position = 0; position < table.columns.length; position++) {
        const column = known.columns.get(columnNumber(table, position));
        const { name, type } = table.columns[position]!;
        if (column === undefined || column.type !== type) continue;
        const schemaname = objects.schemaName(table.schema);
        yield { schemaname, tablename: table.name, attname: name, ...statsRow(column, context) };
      }
    }
  },
};
