/**
 * Writes the rows of a table again, under the key of a new definition: what ALTER TABLE … ADD PRIMARY KEY comes to.
 *
 * The rewritten table is a new one under the old name, with a new id: so old and new rows never share keys, and a
 * transaction that still reads the old definition finds the old rows as its snapshot has them. All of it is one
 * transaction, and bounded by what one transaction may write.
 */

import { createTable, forgetTable, truncateTable } from '../../models/relational/catalog.ts';
import { RowCodec } from '../../models/relational/row-codec.ts';
import type { ColumnValue, Table } from '../../models/relational/table.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Cursor, Entry, Transaction } from '../../storage/store.ts';
import { SqlError } from './sql-error.ts';
import { formatText } from './types/text-form.ts';
import type { TimeZone } from './types/time-zone.ts';

const BATCH_BYTES = 4 * 1024 * 1024;

export interface RewriteOptions {
  readonly keyspace: Keyspace;
  readonly zone: TimeZone;
  /** See `ExecutionContext.pause`. */
  pause(): Promise<void> | undefined;
}

/**
 * Requires `beginSchemaChange` and the exclusive lock on the definition of `table`.
 * @throws SqlError `not_null_violation` and `unique_violation` of the first row that the new key does not allow.
 */
export async function rewriteTable(
  transaction: Transaction,
  table: Table,
  definition: Omit<Table, 'id' | 'version'>,
  { keyspace, zone, pause }: RewriteOptions,
): Promise<void> {
  const source = new RowCodec(keyspace, table);
  const cursor = transaction.scan(source.keys.range([]));
  try {
    forgetTable(transaction, keyspace, table);
    const target = new RowCodec(keyspace, await createTable(transaction, keyspace, definition));
    for (let batch = await nextBatch(cursor); batch.length > 0; batch = await nextBatch(cursor)) {
      for (const { key, value } of batch) {
        const row = source.decode(key, value);
        checkNotNull(definition, row);
        if (!transaction.putNew(target.keys.keyOf(row), target.encode(row))) throw duplicated(definition, row, zone);
      }
      await pause();
    }
  } finally {
    cursor.close();
  }
  truncateTable(transaction, keyspace, table);
}

/** Many rows at a time: every switch from writing to scanning puts what was written in order. */
async function nextBatch(cursor: Cursor): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let bytes = 0;
  while (bytes < BATCH_BYTES) {
    const batch = await cursor.next();
    if (batch === undefined) break;
    for (const entry of batch) {
      bytes += entry.key.length + entry.value.length;
      entries.push(entry);
    }
  }
  return entries;
}

function checkNotNull({ name, columns, primaryKey }: Omit<Table, 'id' | 'version'>, row: readonly ColumnValue[]): void {
  for (const position of primaryKey) {
    if (row[position] !== null) continue;
    const column = columns[position]!.name;
    throw new SqlError('not_null_violation', `column "${column}" of relation "${name}" contains null values`, {
      table: name,
      column,
    });
  }
}

function duplicated(
  { name, columns, primaryKey, primaryKeyName }: Omit<Table, 'id' | 'version'>,
  row: readonly ColumnValue[],
  zone: TimeZone,
): SqlError {
  const names = primaryKey.map((position) => columns[position]!.name).join(', ');
  const values = primaryKey.map((position) => formatText(columns[position]!.type, row[position]!, { zone })).join(', ');
  return new SqlError('unique_violation', `could not create unique index "${primaryKeyName}"`, {
    detail: `Key (${names})=(${values}) is duplicated.`,
    table: name,
    constraint: primaryKeyName,
  });
}
