/**
 * The writers behind INSERT, UPDATE and DELETE.
 *
 * Uniqueness of the primary key: the new key is locked, then looked up in the newest state, so of two transactions that
 * insert one key the second waits for the first and then fails, or succeeds when the first rolled back. Checks happen row
 * by row in the order of the input, as in PostgreSQL. A source with an open cursor must not be behind these writers when
 * keys are created: see `Modify`.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type Bytes, equalBytes } from '../../../base/bytes.ts';
import { hasCode } from '../../../base/errors.ts';
import type { ColumnValue, Table } from '../../../models/relational/table.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import { formatText } from '../types/text-form.ts';
import type { RowWriter } from './modify.ts';
import type { ExecutionContext, ExecutionRow, RowBatch } from './operator.ts';

export interface Assignment {
  readonly position: number;
  readonly value: Evaluate;
}

export class InsertRows implements RowWriter {
  readonly #table: CatalogTable;
  readonly #assignments: readonly Assignment[];
  readonly #context: ExecutionContext;
  readonly #skipsConflicts: boolean;

  /**
   * @param assignments One for each column, in order, over the rows of the input.
   * @param skipsConflicts Leaves out rows whose primary key is taken.
   */
  constructor(
    table: CatalogTable,
    assignments: readonly Assignment[],
    context: ExecutionContext,
    skipsConflicts = false,
  ) {
    this.#skipsConflicts = skipsConflicts;
    this.#table = table;
    this.#assignments = assignments;
    this.#context = context;
  }

  write(batch: RowBatch): Awaitable<RowBatch> {
    const rows: ExecutionRow[] = [];
    for (const source of batch) {
      const row: ExecutionRow = this.#assignments.map(({ value }) => value(source, this.#context));
      checkNotNull(this.#table.table, row, this.#context);
      if (this.#table.table.primaryKey.length === 0) row.push(this.#context.nextRowId());
      rows.push(row);
    }
    return this.#skipsConflicts ? this.#putFree(rows, [], 0) : putNew(this.#table, rows, this.#context, 0);
  }

  /** Puts rows from `from` on whose keys are free behind those in `put`. */
  #putFree(rows: readonly ExecutionRow[], put: ExecutionRow[], from: number): Awaitable<RowBatch> {
    const { table, codec } = this.#table;
    if (table.primaryKey.length === 0) return putNew(this.#table, rows, this.#context, from);
    for (let i = from; i < rows.length; i++) {
      const row = rows[i]!;
      const key = codec.keys.keyOf(row);
      const finish = (existing: Bytes | undefined): void => {
        if (existing !== undefined) return;
        this.#context.transaction.put(key, codec.encode(row));
        put.push(row);
      };
      const existing = lockNew(key, this.#context);
      if (isPromise(existing)) {
        return existing.then((late) => {
          finish(late);
          return this.#putFree(rows, put, i + 1);
        });
      }
      finish(existing);
    }
    return put;
  }
}

export class UpdateRows implements RowWriter {
  readonly #table: CatalogTable;
  readonly #assignments: readonly Assignment[];
  readonly #movesKeys: boolean;
  readonly #context: ExecutionContext;

  constructor(table: CatalogTable, assignments: readonly Assignment[], context: ExecutionContext) {
    this.#table = table;
    this.#assignments = assignments;
    this.#movesKeys = assignments.some(({ position }) => table.table.primaryKey.includes(position));
    this.#context = context;
  }

  write(batch: RowBatch): Awaitable<RowBatch> {
    const rows: ExecutionRow[] = batch.map((old) => {
      const row = [...old];
      for (const { position, value } of this.#assignments) row[position] = value(old, this.#context);
      checkNotNull(this.#table.table, row, this.#context);
      return row;
    });
    if (this.#movesKeys) return this.#move(batch, rows, 0);
    const { codec } = this.#table;
    const { transaction } = this.#context;
    for (const row of rows) transaction.put(codec.keys.keyOf(row), codec.encode(row));
    return rows;
  }

  #move(old: RowBatch, rows: readonly ExecutionRow[], from: number): Awaitable<RowBatch> {
    const { codec } = this.#table;
    const { transaction } = this.#context;
    for (let i = from; i < rows.length; i++) {
      const row = rows[i]!;
      const oldKey = codec.keys.keyOf(old[i]!);
      if (equalBytes(oldKey, codec.keys.keyOf(row))) {
        transaction.put(oldKey, codec.encode(row));
        continue;
      }
      transaction.delete(oldKey);
      const put = putNew(this.#table, [row], this.#context, 0);
      if (isPromise(put)) return put.then(() => this.#move(old, rows, i + 1));
    }
    return rows;
  }
}

export class DeleteRows implements RowWriter {
  readonly #table: CatalogTable;
  readonly #context: ExecutionContext;

  constructor(table: CatalogTable, context: ExecutionContext) {
    this.#table = table;
    this.#context = context;
  }

  write(batch: RowBatch): RowBatch {
    for (const row of batch) this.#context.transaction.delete(this.#table.codec.keys.keyOf(row));
    return batch;
  }
}

/** Puts rows from `from` on under keys that must be free. @throws SqlError `unique_violation`. */
function putNew(
  table: CatalogTable,
  rows: readonly ExecutionRow[],
  context: ExecutionContext,
  from: number,
): Awaitable<RowBatch> {
  for (let i = from; i < rows.length; i++) {
    const row = rows[i]!;
    const key = table.codec.keys.keyOf(row);
    const existing = lockOrFail(table, row, key, context);
    if (isPromise(existing)) {
      return existing.then((late) =>
        putNew(table, rows, context, finishNew(table, row, key, late, context) ? i + 1 : i),
      );
    }
    if (!finishNew(table, row, key, existing, context)) i--;
  }
  return rows;
}

/** Locks `key` and reads the newest value under it. */
function lockNew(key: Key, context: ExecutionContext): Awaitable<Bytes | undefined> {
  const { transaction } = context;
  return whenReady(context.lock([key], {}), () => {
    if (!context.nothingNewer) transaction.beginStatement();
    return transaction.get(key);
  });
}

/** As `lockNew`, for a row that must be new. */
function lockOrFail(
  table: CatalogTable,
  row: ExecutionRow,
  key: Key,
  context: ExecutionContext,
): Awaitable<Bytes | undefined> {
  try {
    const existing = lockNew(key, context);
    if (!isPromise(existing)) return existing;
    return existing.catch((error: unknown) => conflicting(error, table, row, key, context));
  } catch (error) {
    return conflicting(error, table, row, key, context);
  }
}

/** Under snapshot isolation a key that someone else inserted meanwhile is a duplicate first, and a conflict second. */
function conflicting(
  error: unknown,
  table: CatalogTable,
  row: ExecutionRow,
  key: Key,
  context: ExecutionContext,
): Awaitable<never> {
  if (!hasCode(error, 'transaction_conflict')) throw error;
  return whenReady(context.newest(key), (value) => {
    throw value === undefined ? error : duplicate(table.table, row, context);
  });
}

/** @returns false when a hidden id was taken, after a clock went back: the row now has another one to try. */
function finishNew(
  table: CatalogTable,
  row: ExecutionRow,
  key: Key,
  existing: Bytes | undefined,
  context: ExecutionContext,
): boolean {
  if (existing !== undefined) {
    const { columns, primaryKey } = table.table;
    if (primaryKey.length > 0) throw duplicate(table.table, row, context);
    row[columns.length] = context.nextRowId();
    return false;
  }
  context.transaction.put(key, table.codec.encode(row));
  return true;
}

function duplicate(table: Table, row: ExecutionRow, context: ExecutionContext): SqlError {
  const names = table.primaryKey.map((position) => table.columns[position]!.name).join(', ');
  const values = table.primaryKey.map((position) => shown(table, position, row[position]!, context)).join(', ');
  return new SqlError('unique_violation', `duplicate key value violates unique constraint "${table.primaryKeyName}"`, {
    detail: `Key (${names})=(${values}) already exists.`,
    table: table.name,
    constraint: table.primaryKeyName,
  });
}

function shown(table: Table, position: number, value: ColumnValue, context: ExecutionContext): string {
  return value === null ? 'null' : formatText(table.columns[position]!.type, value, context.zone);
}

const SHOWN_VALUE_BYTES_MAX = 64;

/** @throws SqlError `not_null_violation`. */
function checkNotNull(table: Table, row: ExecutionRow, context: ExecutionContext): void {
  const { columns } = table;
  for (let position = 0; position < columns.length; position++) {
    if (row[position] !== null || !columns[position]!.notNull) continue;
    const values = columns.map((_, each) => {
      const text = shown(table, each, row[each]!, context);
      return Buffer.byteLength(text) > SHOWN_VALUE_BYTES_MAX ? `${text.slice(0, SHOWN_VALUE_BYTES_MAX)}...` : text;
    });
    const { name } = columns[position]!;
    throw new SqlError(
      'not_null_violation',
      `null value in column "${name}" of relation "${table.name}" violates not-null constraint`,
      { detail: `Failing row contains (${values.join(', ')}).`, table: table.name, column: name },
    );
  }
}
