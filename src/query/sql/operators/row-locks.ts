/**
 * Locks on rows in PostgreSQL's four strengths (manual, 13.3.2): what SELECT … FOR takes, UPDATE and DELETE, and a row that
 * refers to another one.
 *
 * A store with shared locks has a mode for each: who refers to a row (FOR KEY SHARE) lets others change it, and keeps out only
 * those who take it away or change what can be referred to (FOR UPDATE).
 *
 * Where all locks are exclusive a row has a second key for that, its *reference*, under which nothing is ever stored: who
 * refers to the row locks the reference alone, and who takes it away locks both. So changes go on beside references there too;
 * two who refer to one row wait for each other.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { equalBytes } from '../../../base/bytes.ts';
import { referenceKey } from '../../../models/relational/index-keys.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { LockMode, LockOptions } from '../../../storage/store.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { ExecutionContext } from './operator.ts';

/** From the weakest to the strongest: FOR KEY SHARE, SHARE, NO KEY UPDATE, UPDATE. */
export type RowLockStrength = 'keyShare' | 'share' | 'noKeyUpdate' | 'update';

const MODES: Readonly<Record<RowLockStrength, LockMode>> = {
  keyShare: 'presence',
  share: 'share',
  noKeyUpdate: 'exclusive',
  update: 'removal',
};

export type RowLockContext = Pick<ExecutionContext, 'lock' | 'sharesStore' | 'transaction'>;

/** @returns those of `keys` that were locked: all of them, unless `wait` is `skip`. @throws as `ExecutionContext.lock`. */
export function lockRows(
  context: RowLockContext,
  table: CatalogTable,
  keys: readonly Key[],
  strength: RowLockStrength,
  wait: LockOptions['wait'] = 'block',
): Awaitable<readonly Key[]> {
  if (!context.sharesStore) return context.lock(keys, { mode: MODES[strength], wait });
  switch (strength) {
    case 'share':
    case 'noKeyUpdate':
      return context.lock(keys, { wait });
    case 'update':
      return whenReady(context.lock(keys, { wait }), (locked) => lockReferences(context, table, locked, wait));
    case 'keyShare':
      // Against the snapshot only the row itself tells whether it has changed.
      if (context.transaction.isolation === 'readCommitted') return lockReferences(context, table, keys, wait);
      return whenReady(context.lock(keys, { wait }), (locked) => lockReferences(context, table, locked, wait));
  }
}

/** Locks keys that are written, and whole a row that is held for changes already: it goes, or what can be referred to does. */
export function lockReleased(
  context: RowLockContext,
  table: CatalogTable,
  keys: readonly Key[],
  rows: readonly Key[],
): Awaitable<unknown> {
  if (context.sharesStore)
    return lockAny(context, [...keys, ...rows.map((row) => referenceOf(table, row))], 'exclusive');
  return whenReady(lockAny(context, keys, 'exclusive'), () => lockAny(context, rows, 'removal'));
}

/** A key that stands for a row where locks are never in share. */
export function referenceOf({ keyspace, table, codec }: CatalogTable, row: Key): Key {
  return referenceKey(keyspace, table, codec.keys, row);
}

/** Columns that a foreign key may refer to. */
export function keyColumns({ table, indexes }: CatalogTable): readonly number[] {
  const positions = new Set(table.primaryKey);
  for (const { index } of indexes) {
    const columns = index.parts.map(({ column }) => column);
    if (!index.unique || index.predicate !== undefined || columns.includes(undefined)) continue;
    for (const column of columns) positions.add(column!);
  }
  return [...positions];
}

function lockAny(context: RowLockContext, keys: readonly Key[], mode: LockMode): Awaitable<unknown> {
  return keys.length === 0 ? undefined : context.lock(keys, { mode });
}

/** Those of `rows` whose references were locked. */
function lockReferences(
  context: RowLockContext,
  table: CatalogTable,
  rows: readonly Key[],
  wait: LockOptions['wait'],
): Awaitable<readonly Key[]> {
  const wanted = rows.map((row) => referenceOf(table, row));
  return whenReady(context.lock(wanted, { wait: wait ?? 'block' }), (locked) => {
    if (locked.length === wanted.length) return rows;
    let next = 0;
    return rows.filter((_, i) => {
      const isLocked = next < locked.length && equalBytes(wanted[i]!, locked[next]!);
      if (isLocked) next++;
      return isLocked;
    });
  });
}
