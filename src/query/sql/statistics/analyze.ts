/** ANALYZE of one table: a sample of its rows, statistics of its columns, and the two put together for the store. */

import type { ColumnStatistics, TableStatistics } from '../../../models/relational/statistics.ts';
import { columnNumber } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { columnStatistics } from './column-statistics.ts';
import { type SampleSource, sampleTable } from './table-sample.ts';

export interface AnalyzeOptions {
  /** Positions of the columns to look at; undefined for all. Others keep what is known of them. */
  readonly columns: readonly number[] | undefined;
  readonly before: TableStatistics | undefined;
  readonly nowMs: number;
  readonly automatic: boolean;
}

export async function analyzeTable(
  table: CatalogTable,
  source: SampleSource,
  { columns: chosen, before, nowMs, automatic }: AnalyzeOptions,
): Promise<TableStatistics> {
  const { rows, totalRows } = await sampleTable(table, source);
  const { columns } = table.table;
  const found = new Map<number, ColumnStatistics>(chosen === undefined ? [] : before?.columns);
  for (const position of chosen ?? columns.keys()) {
    await source.pause();
    const values = rows.map((row) => row[position]!);
    const { type } = columns[position]!;
    const statistics = await columnStatistics({ type, values, totalRows }, () => source.pause());
    found.set(columnNumber(table.table, position), statistics);
  }
  return { rows: totalRows, columns: found, analyzedAtMs: nowMs, automatic };
}
