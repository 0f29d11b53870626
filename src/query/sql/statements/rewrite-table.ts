/**
 * Passes over all rows of a table for a change of its definition: writing them anew under other keys, filling an index,
 * testing what a new constraint says.
 *
 * A rewritten table keeps its id, and its keys begin with another one (`Table.storage`): old and new rows never share
 * keys, and a transaction that still reads the old definition finds the old rows as its snapshot has them.
 *
 * All of it is part of the statement's transaction. Entries of an index that grow beyond a bound are committed before it,
 * batch by batch: nobody reads an index before its definition is committed, and a build begins by deleting what an
 * earlier one under the same id may have left behind.
 */

import { type Bytes, EMPTY_BYTES, latin1 } from '../../../base/bytes.ts';
import { claimsOf, entriesOf, indexRange } from '../../../models/relational/index-keys.ts';
import { RowKeys } from '../../../models/relational/keys.ts';
import type { ColumnValue, Table } from '../../../models/relational/table.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import { operationEnd, operationKey, operationValue } from '../../../storage/operations.ts';
import type { Cursor, Entry, Store, Transaction } from '../../../storage/store.ts';
import type { FunctionLookup } from '../binder/query-context.ts';
import { type CatalogTable, openTable } from '../catalog-cache.ts';
import type { ExecutionContext, ExecutionRow } from '../operators/operator.ts';
import { addEntries, type IndexEntry, type WriteIndex } from '../operators/write-rules.ts';
import { writeRulesOf } from '../planner/write-rules.ts';
import { type InSchema, SqlError } from '../sql-error.ts';
import { formatText } from '../types/text-form.ts';

export interface PassOptions {
  readonly store: Store;
  readonly keyspace: Keyspace;
  readonly transaction: Transaction;
  /** For the expressions of the definition. */
  readonly context: ExecutionContext;
  /** Those that definitions call, as the transaction sees them. */
  readonly functions: FunctionLookup | undefined;
}

const ROW_BATCH_BYTES = 4 * 1024 * 1024;
/** More of them would outlive the collections of young objects, and be copied by those. */
const ROW_BATCH_MAX = 8_192;
/** Rows that are made new ones, and written, without giving the event loop back. */
const SLICE_ROWS = 512;

/** Bytes of entries that are gathered before they are committed ahead of the definition. */
const ENTRY_BATCH_BYTES = 8 * 1024 * 1024;

/** All rows as the transaction sees them. */
export function eachRow(
  table: CatalogTable,
  options: PassOptions,
  visit: (row: ExecutionRow) => void | Promise<void>,
): Promise<void> {
  return eachSlice(table, options, async (entries) => {
    const rows = entries.map(({ key, value }) => table.codec.decode(key, value));
    for (const row of rows) {
      const visited = visit(row);
      if (visited !== undefined) await visited;
    }
  });
}

/** As `eachRow`, some rows at a time, as they are stored. */
async function eachSlice(
  table: CatalogTable,
  { transaction, context }: PassOptions,
  visit: (entries: readonly Entry[]) => Promise<void>,
): Promise<void> {
  const cursor = transaction.scan(table.codec.keys.range([]));
  try {
    for (;;) {
      const batch = await nextBatch(cursor, context);
      if (batch.length === 0) return;
      for (let from = 0; from < batch.length; from += SLICE_ROWS) {
        await visit(batch.slice(from, from + SLICE_ROWS));
        await context.pause();
      }
    }
  } finally {
    cursor.close();
  }
}

/** Many rows at a time: every switch from writing to scanning puts what was written in order. */
async function nextBatch(cursor: Cursor, context: ExecutionContext): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let bytes = 0;
  while (bytes < ROW_BATCH_BYTES && entries.length < ROW_BATCH_MAX) {
    const batch = await cursor.next();
    if (batch === undefined) break;
    for (const entry of batch) {
      bytes += entry.key.length + entry.value.length;
      entries.push(entry);
    }
    await context.pause();
  }
  return entries;
}

/**
 * Requires `beginSchemaChange` and the exclusive lock on the definition of `source`.
 * @param target The new definition, under a new `storage`. @param change Makes a row of `target` of one of `source`;
 * undefined where all values stay as they are.
 * @throws SqlError `not_null_violation` and `unique_violation` of the first row that the new definition does not allow.
 */
export async function rewriteTable(
  source: CatalogTable,
  target: Table,
  change: ((row: ExecutionRow) => ExecutionRow) | undefined,
  options: PassOptions,
): Promise<void> {
  const { transaction, keyspace, context, functions } = options;
  const opened = openTable(keyspace, target, undefined, functions);
  const rules = writeRulesOf(opened);
  const put = (row: ExecutionRow): void => {
    const key = opened.codec.keys.keyOf(row);
    if (!transaction.putNew(key, opened.codec.encode(row))) throw duplicatedKey(target, row, context);
    for (const index of rules.indexes) {
      if (index.predicate !== undefined && index.predicate(row, context) !== true) continue;
      const values = index.parts.map((part) => part(row, context));
      const { keys } = index.source;
      const entries: IndexEntry[] = [];
      addEntries(index, values, key, row, entries);
      for (const entry of entries) {
        if (!transaction.putNew(entry.key, entry.value)) throw duplicatedEntry(target, index, values, context);
      }
      if (keys.claims(values) && !transaction.putNew(keys.claim(values), EMPTY_BYTES)) {
        throw duplicatedEntry(target, index, values, context);
      }
    }
  };
  /** Where their keys do not ascend. @param entries What each was made of. */
  const putMoved = (puts: Bytes, entries: readonly Entry[]): void => {
    let at = 0;
    for (const { key, value } of entries) {
      if (!transaction.putNew(operationKey(puts, at), operationValue(puts, at)))
        throw duplicatedKey(target, source.codec.decode(key, value), context);
      at = operationEnd(puts, at);
    }
  };
  const recoder = change === undefined && rules.indexes.length === 0 ? opened.codec.recoder(source.codec) : undefined;
  await eachSlice(source, options, async (entries) => {
    const moved = recoder?.puts(entries);
    if (moved !== undefined) {
      if (transaction.putAllNew?.(moved, true) !== true) putMoved(moved, entries);
      return;
    }
    const rows: ExecutionRow[] = [];
    for (const { key, value } of entries) {
      const old = source.codec.decode(key, value);
      const row = change === undefined ? old.slice(0, target.columns.length) : change(old);
      checkNotNull(target, row);
      if (target.primaryKey.length === 0) {
        const kept = source.table.primaryKey.length === 0 ? old[source.table.columns.length] : undefined;
        row[target.columns.length] = kept ?? (await context.nextRowId(opened));
      }
      rows.push(row);
    }
    const puts = rules.indexes.length === 0 ? opened.codec.encodePuts(rows) : undefined;
    if (puts === undefined || transaction.putAllNew?.(puts, true) !== true) for (const row of rows) put(row);
  });
  transaction.deleteRange(new RowKeys(keyspace, source.table).range([]));
  transaction.deleteRange(indexRange(keyspace, source.table));
}

/**
 * Fills one index of `table`, whose definition holds it already.
 * @throws SqlError `unique_violation`.
 */
export async function buildIndex(table: CatalogTable, name: string, options: PassOptions): Promise<void> {
  const { store, keyspace, transaction, context } = options;
  const index = writeRulesOf(table).indexes.find(({ source }) => source.index.name === name)!;
  const { keys } = index.source;
  let pending: IndexEntry[] = [];
  /** Keys among them that no two rows may have. */
  const taken = new Set<string>();
  const ranges = [entriesOf, claimsOf].map((rangeOf) => rangeOf(keyspace, table.table, index.source.index));
  let bytes = 0;
  let ahead = false;
  const flush = async (): Promise<void> => {
    await store.whenWritable();
    const batch = store.writeBatch();
    if (!ahead) for (const range of ranges) batch.deleteRange(range);
    ahead = true;
    for (const { key, value } of pending) batch.put(key, value);
    await batch.commit();
    pending = [];
    taken.clear();
    bytes = 0;
  };
  await eachRow(table, options, async (row) => {
    if (index.predicate !== undefined && index.predicate(row, context) !== true) return;
    const values = index.parts.map((part) => part(row, context));
    const rowKey = table.codec.keys.keyOf(row);
    const entries: IndexEntry[] = [];
    addEntries(index, values, rowKey, row, entries);
    const claim = keys.claims(values) ? keys.claim(values) : undefined;
    const single = claim ?? (keys.excludes(values) ? entries[0]!.key : undefined);
    if (single !== undefined) {
      const text = latin1(single);
      if (taken.has(text) || (ahead && (await store.get(single)) !== undefined)) {
        throw duplicatedEntry(table.table, index, values, context);
      }
      taken.add(text);
    }
    if (claim !== undefined) pending.push({ key: claim, value: EMPTY_BYTES });
    for (const entry of entries) {
      pending.push(entry);
      bytes += entry.key.length + entry.value.length;
    }
    if (bytes >= ENTRY_BATCH_BYTES) await flush();
  });
  if (ahead) {
    await flush();
    return;
  }
  for (const range of ranges) transaction.deleteRange(range);
  let written = 0;
  for (const { key, value } of pending) {
    transaction.put(key, value);
    if (++written % SLICE_ROWS === 0) await context.pause();
  }
}

function checkNotNull(table: Table, row: readonly ColumnValue[]): void {
  const { columns } = table;
  for (let position = 0; position < columns.length; position++) {
    if (columns[position]!.notNull && row[position] === null) throw containsNull(table, columns[position]!.name);
  }
}

export function containsNull(table: InSchema, column: string): SqlError {
  const message = `column "${column}" of relation "${table.name}" contains null values`;
  return new SqlError('not_null_violation', message, { table, column });
}

function duplicatedKey(table: Table, row: readonly ColumnValue[], style: ExecutionContext): SqlError {
  const { columns, primaryKey, primaryKeyName } = table;
  const names = primaryKey.map((position) => columns[position]!.name).join(', ');
  const values = primaryKey.map((position) => formatText(columns[position]!.type, row[position]!, style)).join(', ');
  return new SqlError('unique_violation', `could not create unique index "${primaryKeyName}"`, {
    detail: `Key (${names})=(${values}) is duplicated.`,
    table,
    constraint: primaryKeyName,
  });
}

export function duplicatedEntry(
  table: Table,
  { source, titles }: WriteIndex,
  values: readonly ColumnValue[],
  style: ExecutionContext,
): SqlError {
  const { parts, name } = source.index;
  const shown = values.map((value, i) => (value === null ? 'null' : formatText(parts[i]!.type, value, style)));
  return new SqlError('unique_violation', `could not create unique index "${name}"`, {
    detail: `Key (${titles.join(', ')})=(${shown.join(', ')}) is duplicated.`,
    table,
    constraint: name,
  });
}
