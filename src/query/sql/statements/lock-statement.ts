/**
 * LOCK TABLE in PostgreSQL's eight modes (manual, 13.3.1), held to the end of the transaction.
 *
 * Modes are made of four keys for each table, in share or alone: what writers hold (`table-locks.ts`), what those hold who
 * let nobody maintain the table, who let no row be locked, who let nobody look. So every two modes exclude each other that do
 * in PostgreSQL, and one pair more: SHARE excludes itself. Plain queries lock nothing, so ACCESS EXCLUSIVE does not
 * keep them out; SELECT … FOR UPDATE counts as writing.
 */

import type { LockStmt } from '@pgsql/types';
import type { TableId } from '../../../models/relational/table.ts';
import type { Key } from '../../../storage/key-range.ts';
import { relationName, shownName } from '../binder/names.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { TableMode } from '../locks/table-modes.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';

type Key4 = 'write' | 'maintain' | 'rows' | 'look';
type Hold = 'share' | 'exclusive' | undefined;

/** By number, as the parser has them: from ACCESS SHARE to ACCESS EXCLUSIVE. */
const MODES: readonly Readonly<Record<Key4, Hold>>[] = [
  { write: undefined, maintain: undefined, rows: undefined, look: 'share' },
  { write: undefined, maintain: undefined, rows: 'share', look: 'share' },
  { write: 'share', maintain: undefined, rows: 'share', look: 'share' },
  { write: undefined, maintain: 'exclusive', rows: 'share', look: 'share' },
  { write: 'exclusive', maintain: 'exclusive', rows: 'share', look: 'share' },
  { write: 'exclusive', maintain: 'exclusive', rows: 'share', look: 'share' },
  { write: 'exclusive', maintain: 'exclusive', rows: 'exclusive', look: 'share' },
  { write: 'exclusive', maintain: 'exclusive', rows: 'exclusive', look: 'exclusive' },
];

export async function lockTables(
  { relations = [], mode = 8, nowait = false }: LockStmt,
  sink: Pick<ResultSink, 'complete'>,
  { engine, block }: SessionContext,
  runner: StatementRunner,
): Promise<void> {
  block.requireBlock('LOCK TABLE');
  const wanted = MODES[mode - 1]!;
  for (const relation of relations) {
    if (!('RangeVar' in relation)) continue;
    const table = await findTable();
    const transaction = block.transaction ?? block.begin();
    const execution = runner.execution(transaction);
    const wait = nowait ? 'nowait' : 'block';
    const take = async (keys: readonly Key[], hold: Hold): Promise<void> => {
      if (hold !== undefined) await execution.lock(keys, { mode: shares ? hold : 'exclusive', wait });
    };
    const shares = engine.store.supports.sharedLocks;
    const id = table.table.id;
    try {
      await take([modeKey(id, 'look')], wanted.look);
      await take([modeKey(id, 'rows')], wanted.rows);
      await take([modeKey(id, 'maintain')], wanted.maintain);
      if (wanted.write === 'exclusive') await take(engine.tableLocks.exclusive(id), 'exclusive');
      else if (wanted.write === 'share') {
        await engine.tableLocks.share([id], (keys, options) => execution.lock(keys, { ...options, wait }));
      }
    } catch (error) {
      if (!nowait || !(error instanceof SqlError) || error.condition !== 'lock_not_available') throw error;
      const message = `could not obtain lock on relation "${table.table.name}"`;
      throw new SqlError('lock_not_available', message, { cause: error.cause });
    }
    if (wanted.write === undefined) block.tellLock(id, mode as TableMode);
    else block.holdTable(id, mode as TableMode);

    async function findTable(): Promise<CatalogTable> {
      const { RangeVar: range } = relation as Extract<typeof relation, { RangeVar: unknown }>;
      const name = relationName(range);
      await block.loadSchemas();
      const found = await runner.names.findTable(name);
      if (found === undefined) {
        throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`);
      }
      if (found.system !== undefined) throw notSupported('LOCK TABLE of a system catalog', range.location);
      return found;
    }
  }
  // What is read from here on is no older than the locks.
  if (block.transaction?.isolation === 'readCommitted') block.transaction.beginStatement();
  sink.complete('LOCK TABLE');

  function modeKey(id: TableId, which: Key4): Key {
    return engine.keyspace.catalog.key(['table-lock', BigInt(id), which]);
  }
}
