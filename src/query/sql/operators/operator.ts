/**
 * What every operator of a plan is, and what it may ask of the execution it belongs to.
 *
 * Operators pull batches from their input. `next` answers at once when its input does: a plan over data in memory runs
 * to its end without a promise. Leaving early means `close`, which closes the input as well; closing twice is harmless.
 */

import type { Awaitable } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { FieldReader } from '../../../models/relational/field-reader.ts';
import type { ColumnValue, TableId } from '../../../models/relational/table.ts';
import type { Key, KeyRange } from '../../../storage/key-range.ts';
import type { PackedEntries } from '../../../storage/packed-entries.ts';
import type { Cursor, Entry, LockOptions, ScanOptions, Transaction } from '../../../storage/store.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { EvaluationContext } from '../functions/evaluation.ts';
import type { SqlLimits } from '../limits.ts';
import type { RowChange } from '../statistics/table-statistics.ts';
import type { SqlValue } from '../types/types.ts';
import type { ColumnBatch } from '../vectors/column-batch.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** Rows belong to whoever pulled them. */
export type ExecutionRow = ColumnValue[];
export type RowBatch = readonly ExecutionRow[];

export interface Operator {
  /** One row or more; undefined at the end, and whenever asked again. */
  next(): Awaitable<RowBatch | undefined>;
  close(): void;
  /** Of an operator with a condition: how many rows it did not let pass so far. */
  readonly removed?: number;
  /**
   * The same rows as they lie in the store, for who writes these places of them out and no others; undefined where the operator
   * changes them. One is asked for rows or for these, never for both. @param places Undefined for all, in their order.
   */
  storedRows?(places?: readonly number[]): StoredRows | undefined;
  /**
   * Before the first `next`: rows that have none of these values at the place need not be given. Of operators that are spared work by that;
   * others lack it. Null is among no such values.
   */
  narrow?(place: number, values: ReadonlySet<SqlValue>): void;
  /** The same rows as vectors, for those who can use them; one is asked for rows or for vectors, never for both. */
  readonly columns?: ColumnSource | undefined;
}

export interface ColumnSource {
  /** As `Operator.next`. */
  next(): Awaitable<ColumnBatch | undefined>;
  close(): void;
}

export interface StoredRows {
  readonly fields: FieldReader;
  /** As `Operator.next`. */
  next(): Awaitable<StoredEntries | undefined>;
}

/** The entries of rows, one or more. */
export type StoredEntries = PackedEntries | readonly Entry[];

/** An operator that writes: how many rows it inserted, updated or deleted so far. */
export interface ModifyingOperator extends Operator {
  readonly affected: number;
}

export interface DeferrableConstraint {
  readonly name: string;
  readonly deferrable?: 'immediate' | 'deferred';
}

/** Watches the nodes of a plan while it runs; a node is told by the object that stands for it. */
export interface Measuring {
  watch(node: object, operator: Operator): Operator;
  /** The context for what is opened below the node: it notes what is asked of the store there. */
  within(node: object, context: ExecutionContext): ExecutionContext;
}

export interface ExecutionContext extends EvaluationContext {
  readonly limits: SqlLimits;
  /** Memory and files for what is held. */
  readonly workspace: Workspace;
  /** What EXPLAIN ANALYZE learns by. */
  measure?: Measuring | undefined;
  /** What a part of the plan, which all executions share, keeps for this one. */
  state<T>(owner: object, create: () => T): T;
  forget(owner: object): void;
  /** @throws AssertionError for a plan that was begun without a transaction. */
  readonly transaction: Transaction;
  /** Whether the transaction had writes before this statement: then what it wrote hides the newest commits. */
  readonly wroteBefore: boolean;
  /** As the statement sees it. */
  get(key: Key): Awaitable<Bytes | undefined>;
  scan(range: KeyRange, options: ScanOptions): Cursor;
  batchGet(keys: readonly Key[]): Awaitable<readonly (Bytes | undefined)[]>;
  /** From here on the statement sees nothing of what it writes itself. @throws SqlError where the store cannot. */
  freeze(): void;
  /** As `freeze`, for a statement whose functions see what it writes and whose rows they may write. @returns whether the store can. */
  freezeForCalls(): boolean;
  readonly isFrozen: boolean;
  /** Whether a frozen statement has written the row itself, or a function of it: then it is left to what has. */
  isWritten(key: Key): boolean;
  /** To be told of a row that is about to be changed. @throws SqlError `triggered_data_change_violation` where a function has. */
  refuseWritten(key: Key, change: 'updated' | 'deleted' | 'updated or deleted'): void;
  /** The newest committed value, whatever the statement's snapshot. */
  newest(key: Key): Awaitable<Bytes | undefined>;
  /** A reader of the newest state, for the caller to roll back. */
  beginReader(): Transaction;
  /** Other processes write to the store: then what one is asked for takes its time, and many are better asked for at once. */
  readonly sharesStore: boolean;
  /** True when nothing was committed since the statement began. */
  readonly nothingNewer: boolean;
  /** Takes locks, bounded by lock_timeout and by cancellation. */
  lock(keys: readonly Key[], options: LockOptions): Awaitable<readonly Key[]>;
  /**
   * Leaves a check of a deferrable constraint to the end of the transaction. @returns false when it is wanted now.
   */
  defer(constraint: DeferrableConstraint, check: () => Awaitable<void>): boolean;
  /** A statement whose parts write these tables: what is asked of rows of theirs is asked when all parts have written. */
  gatherChecks(written: ReadonlySet<TableId>): void;
  /** Leaves a check that looks at rows of the table to `runChecks`. @returns false when it is wanted now. */
  gather(table: TableId, check: () => Awaitable<void>): boolean;
  /** Whether `gather` takes checks that look at rows of the table. */
  gathers(table: TableId): boolean;
  /** All parts have written. */
  runChecks(): Awaitable<void>;
  /** Counts rows that were written, for the planner; of a transaction that commits. */
  noteChanges(table: TableId, change: RowChange, rows: number): void;
  /** An id for a row without a primary key, greater than all that the table has. */
  nextRowId(table: CatalogTable): Awaitable<bigint>;
  /**
   * To be called between pieces of work: throws when the statement was cancelled or is late, and gives back a promise to
   * wait for when the event loop has had to wait long enough.
   */
  pause(): Promise<void> | undefined;
  /** An execution of its own for what is computed here and now: it never pauses. To be released. */
  atOnce(): ExecutionContext;
  /** Gives back what operators hold, when no more will be asked of them. */
  release(): void;
}

/** How a plan becomes operators: once per execution. */
export type Open = (context: ExecutionContext) => Operator;
