/**
 * Indexes that are filled while everyone goes on writing: CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY.
 *
 * The definition with the new index, invalid, was committed before, under a lock that waited for all writers: whoever
 * writes from then on maintains it, nobody reads it. Rows that were there before are gone through in key order, some at a
 * time, each lot in a transaction of its own that only commits when none of its rows has changed meanwhile; otherwise
 * the lot is done again. No lock is taken on rows. Keys of a unique index are locked while a lot is looked at: a lot that
 * meets a key that somebody else holds waits for it outside of its transaction.
 */

import { assert } from '../../base/assert.ts';
import { equalBytes } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import type { TableId } from '../../models/relational/table.ts';
import type { Key } from '../../storage/key-range.ts';
import type { Entry, Transaction } from '../../storage/store.ts';
import type { CatalogTable } from './catalog-cache.ts';
import type { Interrupts } from './interrupts.ts';
import type { ExecutionContext } from './operators/operator.ts';
import { addEntries, type IndexEntry, type WriteIndex } from './operators/write-rules.ts';
import { writeRulesOf } from './planner/write-rules.ts';
import type { SqlEngine } from './sql-engine.ts';
import { SqlError } from './sql-error.ts';
import { duplicatedEntry } from './statements/rewrite-table.ts';

const LOT_ROWS = 256;
/** Of one lot whose rows go on changing. */
const ATTEMPTS_MAX = 1_000;

/** What pg_stat_progress_create_index tells of a build. */
export interface IndexBuild {
  readonly processId: number;
  readonly database: string;
  readonly table: TableId;
  readonly index: TableId;
  readonly command: 'CREATE INDEX CONCURRENTLY' | 'REINDEX CONCURRENTLY';
  /** By the statistics; 0 where nothing is known. */
  readonly rowsTotal: number;
  rowsDone: number;
}

export interface FillOptions {
  readonly engine: SqlEngine;
  readonly interrupts: Interrupts;
  /** For the expressions of the definition. */
  readonly context: ExecutionContext;
  readonly build: IndexBuild;
}

/** @throws SqlError `unique_violation`, and of expressions; the index is then as far as it came. */
export async function fillIndex(
  table: CatalogTable,
  { engine, interrupts, context, build }: FillOptions,
): Promise<void> {
  const index = writeRulesOf(table).indexes.find(({ source }) => source.index.id === build.index);
  assert(index !== undefined, 'an index that is part of the definition');
  const all = table.codec.keys.range([]);
  let { start } = all;
  engine.indexBuilds.add(build);
  try {
    for (let attempt = 1; ; ) {
      const pause = interrupts.pause();
      if (pause !== undefined) await pause;
      const room = engine.store.whenWritable();
      if (room !== undefined) await interrupts.race(room);
      const lot = await fillLot(table, index, { ...all, start }, engine, context);
      if (lot === 'done') return;
      if ('waitFor' in lot) {
        await waitFor(lot.waitFor, engine, interrupts);
        continue;
      }
      if ('changed' in lot) {
        if (++attempt > ATTEMPTS_MAX) throw lot.changed;
        continue;
      }
      attempt = 1;
      build.rowsDone += lot.rows;
      start = after(lot.last);
    }
  } finally {
    engine.indexBuilds.delete(build);
  }
}

type Lot =
  | 'done'
  | { readonly rows: number; readonly last: Key }
  /** A key that somebody else holds. */
  | { readonly waitFor: Key }
  | { readonly changed: unknown };

async function fillLot(
  table: CatalogTable,
  index: WriteIndex,
  range: { readonly start: Key; readonly end: Key | undefined },
  { store }: SqlEngine,
  context: ExecutionContext,
): Promise<Lot> {
  const transaction = store.begin({ isolation: 'readCommitted', label: 'index build' });
  /** The key whose write the transaction has not taken yet. */
  let writing: Key | undefined;
  try {
    const rows = await firstRows(transaction, range);
    if (rows.length === 0) return 'done';
    const { keys } = index.source;
    for (const entry of rows) {
      transaction.require(entry.key, entry.value);
      const row = table.codec.decode(entry.key, entry.value);
      if (index.predicate !== undefined && index.predicate(row, context) !== true) continue;
      const values = index.parts.map((part) => part(row, context));
      const entries: IndexEntry[] = [];
      addEntries(index, values, entry.key, row, entries);
      if (keys.claims(values)) {
        writing = keys.claim(values);
        transaction.put(writing, new Uint8Array());
      }
      if (keys.excludes(values)) {
        const { key } = entries[0]!;
        try {
          await transaction.lock([key], { wait: 'nowait' });
        } catch (error) {
          if (hasCode(error, 'lock_not_available')) return { waitFor: key };
          throw error;
        }
        const taken = await transaction.get(key);
        if (taken !== undefined && !equalBytes(keys.rowKey(key, taken), entry.key)) {
          // Somebody may have taken the row away since it was read; then the lot is another one.
          const now = await store.get(entry.key);
          if (now === undefined || !equalBytes(now, entry.value)) return { changed: undefined };
          throw duplicatedEntry(table.table, index, values, context);
        }
      }
      for (const { key, value } of entries) {
        writing = key;
        transaction.put(key, value);
      }
    }
    writing = undefined;
    await transaction.commit();
    return { rows: rows.length, last: rows.at(-1)!.key };
  } catch (error) {
    if (!hasCode(error, 'transaction_conflict') || error instanceof SqlError) throw error;
    // Held by who writes the row just now: trying again at once could go on for longer than he is given a turn.
    return writing !== undefined ? { waitFor: writing } : { changed: error };
  } finally {
    transaction.rollback();
  }
}

async function firstRows(
  transaction: Transaction,
  range: { readonly start: Key; readonly end: Key | undefined },
): Promise<readonly Entry[]> {
  const cursor = transaction.scan(range as Parameters<Transaction['scan']>[0], { limit: LOT_ROWS });
  const rows: Entry[] = [];
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key, value } of batch) rows.push({ key: key.slice(), value: value.slice() });
    }
  } finally {
    cursor.close();
  }
  return rows;
}

async function waitFor(key: Key, { store }: SqlEngine, interrupts: Interrupts): Promise<void> {
  const transaction = store.begin({ isolation: 'readCommitted', label: 'index build' });
  try {
    await interrupts.race(Promise.resolve(transaction.lock([key], {})));
  } finally {
    transaction.rollback();
  }
}

/** The first key behind this one. */
function after(key: Key): Key {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
