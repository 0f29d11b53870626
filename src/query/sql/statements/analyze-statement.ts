/**
 * ANALYZE, and VACUUM, whose other half is nothing to do here: old versions are let go by the store.
 *
 * Statistics are written by a transaction of their own, so that gathering them conflicts with nobody, unless the table was
 * created by the transaction that asks. They are used from then on, whether it commits or not.
 */

import type { VacuumStmt } from '@pgsql/types';
import { isPromise } from '../../../base/awaitable.ts';
import { statisticsKey } from '../../../models/relational/keys.ts';
import { encodeStatistics } from '../../../models/relational/statistics.ts';
import type { Transaction } from '../../../storage/store.ts';
import { requireColumn } from '../binder/column-values.ts';
import { relationName, shownName, stringsOf } from '../binder/names.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { SqlError } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { analyzeTable } from '../statistics/analyze.ts';

interface Target {
  readonly table: CatalogTable;
  /** Positions; undefined for all. */
  readonly columns: readonly number[] | undefined;
}

export async function vacuumOrAnalyze(
  { is_vacuumcmd: isVacuum, rels, options = [] }: VacuumStmt,
  sink: Pick<ResultSink, 'complete'>,
  session: SessionContext,
  runner: StatementRunner,
): Promise<void> {
  if (isVacuum === true && session.block.status === 'explicit') {
    throw new SqlError('active_sql_transaction', 'VACUUM cannot run inside a transaction block');
  }
  const targets = await targetsOf(rels ?? [], session, runner);
  const analyzes = isVacuum !== true || options.some((each) => 'DefElem' in each && each.DefElem.defname === 'analyze');
  if (analyzes) {
    await session.engine.statistics.ready();
    for (const target of targets) await analyze(target, session);
  }
  sink.complete(isVacuum === true ? 'VACUUM' : 'ANALYZE');
}

/** The tables that are named, or all there are. */
async function targetsOf(
  rels: NonNullable<VacuumStmt['rels']>,
  session: SessionContext,
  runner: StatementRunner,
): Promise<readonly Target[]> {
  if (rels.length === 0) {
    await session.block.loadObjects();
    return (session.block.objects?.tables ?? []).map((table) => ({ table, columns: undefined }));
  }
  const targets: Target[] = [];
  for (const each of rels) {
    if (!('VacuumRelation' in each) || each.VacuumRelation.relation === undefined) continue;
    const { relation, va_cols: names } = each.VacuumRelation;
    const name = relationName(relation);
    await session.block.loadSchemas();
    const found = await runner.names.findTable(name);
    if (found === undefined) throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`);
    const columns: number[] = [];
    for (const column of stringsOf(names)) {
      const position = requireColumn(found.table, column, undefined);
      if (columns.includes(position)) {
        const message = `column "${column}" of relation "${found.table.name}" appears more than once`;
        throw new SqlError('duplicate_column', message);
      }
      columns.push(position);
    }
    if (found.system === undefined) {
      targets.push({ table: found, columns: columns.length === 0 ? undefined : columns });
    }
  }
  return targets;
}

async function analyze({ table, columns }: Target, session: SessionContext): Promise<void> {
  const { engine, block, interrupts } = session;
  const { store, keyspace, statistics, platform } = engine;
  const { id } = table.table;
  const own = block.transaction === undefined;
  const reader = block.transaction ?? store.begin({ isolation: 'readCommitted', readOnly: true, label: 'analyze' });
  try {
    const found = await analyzeTable(
      table,
      {
        scan: (range, options) => reader.scan(range, options),
        refresh: () => reader.beginStatement(),
        pause: () => interrupts.pause(),
        random: () => platform.random.float(),
      },
      { columns, before: statistics.of(id), nowMs: platform.clock.nowMs(), automatic: false },
    );
    const put = (transaction: Transaction): void =>
      transaction.put(statisticsKey(keyspace, id), encodeStatistics(found));
    if (block.schemaChanged) {
      put(reader);
      block.wrote = true;
    } else {
      const writer = store.begin({ label: 'analyze' });
      try {
        put(writer);
        const committed = writer.commitVisible();
        block.observe((isPromise(committed) ? await committed : committed).version);
      } finally {
        writer.rollback();
      }
    }
    statistics.set(id, found);
  } finally {
    if (own) reader.rollback();
  }
}
