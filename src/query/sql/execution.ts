/**
 * One execution of one plan: what operators ask for (see `ExecutionContext`), answered from the session's transaction,
 * or from the store itself for a point read outside of one.
 */

import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import type { TableId } from '../../models/relational/table.ts';
import type { Random } from '../../platform/platform.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Cursor, FrozenReads, LockOptions, ScanOptions, Transaction } from '../../storage/store.ts';
import type { CatalogTable } from './catalog-cache.ts';
import type { SessionFacts } from './functions/evaluation.ts';
import type { Interrupts } from './interrupts.ts';
import type { SqlLimits } from './limits.ts';
import type { DeferrableConstraint, ExecutionContext } from './operators/operator.ts';
import type { SqlEngine } from './sql-engine.ts';
import { notSupported, SqlError } from './sql-error.ts';
import type { RowChange } from './statistics/table-statistics.ts';
import type { TransactionBlock } from './transaction-block.ts';
import type { TimeZone } from './types/time-zone.ts';
import type { TextStyle } from './types/timestamptz.ts';
import type { SqlValue } from './types/types.ts';
import type { Workspace } from './workspace/workspace.ts';

export interface ExecutionOptions {
  readonly engine: SqlEngine;
  readonly session: SessionFacts;
  readonly interrupts: Interrupts;
  /** Undefined for a point read outside of a transaction. */
  readonly transaction: Transaction | undefined;
  readonly observer: Observer;
  readonly wroteBefore: boolean;
  /** Of a statement of a function that sees what the statement around it does, and nothing else; that one ends them. */
  readonly frozen?: FrozenReads | undefined;
  readonly parameters: readonly SqlValue[];
  readonly style: TextStyle;
  readonly nowMicros: bigint;
  readonly statementMicros: bigint;
  readonly lockTimeoutMs: number;
  /** It never pauses. */
  readonly isAtOnce?: true;
  readonly block: Pick<TransactionBlock, 'deferred' | 'newWorkspace' | 'noteChanges' | 'releaseWorkspace'>;
}

export class Execution implements ExecutionContext {
  readonly parameters: readonly SqlValue[];
  readonly zone: TimeZone;
  readonly dateStyle: NonNullable<TextStyle['dateStyle']>;
  readonly dateOrder: NonNullable<TextStyle['dateOrder']>;
  readonly intervalStyle: NonNullable<TextStyle['intervalStyle']>;
  readonly byteaOutput: NonNullable<TextStyle['byteaOutput']>;
  readonly floatDigits: TextStyle['floatDigits'];
  readonly names: TextStyle['names'];
  readonly nowMicros: bigint;
  readonly statementMicros: bigint;
  readonly session: SessionFacts;
  readonly limits: SqlLimits;
  readonly wroteBefore: boolean;
  readonly #options: ExecutionOptions;
  /** Set by EXPLAIN ANALYZE. */
  measure: ExecutionContext['measure'];
  #slots: SqlValue[] | undefined;
  #states: Map<object, unknown> | undefined;
  #workspace: Workspace | undefined;
  /** What a statement reads by whose parts do not see what the others write. */
  #frozen: FrozenReads | undefined;
  #ownsFrozen = false;
  /** What waits until all parts of the statement have written their tables. */
  #gathered: { readonly written: ReadonlySet<TableId>; readonly checks: (() => Awaitable<void>)[] } | undefined;
  /** Rows that parts of the statement have written are left to them. */
  #takesWrites = false;

  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.parameters = options.parameters;
    const {
      zone,
      dateStyle = 'ISO',
      dateOrder = 'MDY',
      intervalStyle = 'postgres',
      byteaOutput = 'hex',
    } = options.style;
    this.zone = zone;
    this.dateStyle = dateStyle;
    this.dateOrder = dateOrder;
    this.intervalStyle = intervalStyle;
    this.byteaOutput = byteaOutput;
    this.floatDigits = options.style.floatDigits;
    this.names = options.style.names;
    this.nowMicros = options.nowMicros;
    this.statementMicros = options.statementMicros;
    this.session = options.session;
    this.limits = options.engine.limits;
    this.wroteBefore = options.wroteBefore;
    this.#frozen = options.frozen;
  }

  get slots(): SqlValue[] {
    this.#slots ??= [];
    return this.#slots;
  }

  get workspace(): Workspace {
    this.#workspace ??= this.#options.block.newWorkspace();
    return this.#workspace;
  }

  release(): void {
    if (this.#ownsFrozen) this.#frozen?.end();
    if (this.#workspace !== undefined) this.#options.block.releaseWorkspace(this.#workspace);
  }

  state<T>(owner: object, create: () => T): T {
    this.#states ??= new Map();
    const known = this.#states.get(owner);
    if (known !== undefined) return known as T;
    const state = create();
    this.#states.set(owner, state);
    return state;
  }

  forget(owner: object): void {
    this.#states?.delete(owner);
  }

  get transaction(): Transaction {
    const { transaction } = this.#options;
    assert(transaction !== undefined, 'this plan needs a transaction');
    return transaction;
  }

  get sharesStore(): boolean {
    return this.#options.engine.store.supports.shared;
  }

  get nothingNewer(): boolean {
    const { store } = this.#options.engine;
    return !this.sharesStore && store.version === this.transaction.readVersion;
  }

  get random(): Pick<Random, 'float' | 'uuid' | 'bytes'> {
    return this.#options.engine.platform.random;
  }

  clockMicros(): bigint {
    return this.#options.engine.nowMicros();
  }

  get(key: Key): Awaitable<Bytes | undefined> {
    const { transaction, engine, observer } = this.#options;
    if (this.#frozen !== undefined) return this.#frozen.get(key);
    return transaction === undefined ? engine.store.get(key, observer) : transaction.get(key);
  }

  scan(range: KeyRange, options: ScanOptions): Cursor {
    return (this.#frozen ?? this.transaction).scan(range, options);
  }

  batchGet(keys: readonly Key[]): Awaitable<readonly (Bytes | undefined)[]> {
    return (this.#frozen ?? this.transaction).batchGet(keys);
  }

  freeze(): void {
    this.#takesWrites = true;
    if (this.#freezes()) return;
    throw notSupported(
      'a statement in WITH that writes to a table which another part of the statement uses, on this store,',
    );
  }

  freezeForCalls(): boolean {
    return this.#freezes();
  }

  #freezes(): boolean {
    if (this.#frozen !== undefined) return true;
    this.#frozen = this.transaction.freeze?.();
    this.#ownsFrozen = true;
    return this.#frozen !== undefined;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  get frozen(): FrozenReads | undefined {
    return this.#frozen;
  }

  isWritten(key: Key): boolean {
    return this.#frozen?.isWritten(key) === true;
  }

  refuseWritten(key: Key, change: 'updated' | 'deleted' | 'updated or deleted'): void {
    if (this.#takesWrites || this.#frozen?.isWritten(key) !== true) return;
    const message = `tuple to be ${change} was already modified by an operation triggered by the current command`;
    throw new SqlError('triggered_data_change_violation', message, {
      hint: 'Consider using an AFTER trigger instead of a BEFORE trigger to propagate changes to other rows.',
    });
  }

  beginReader(): Transaction {
    return this.#options.engine.store.begin({ readOnly: true, label: 'foreign keys' });
  }

  newest(key: Key): Awaitable<Bytes | undefined> {
    return this.#options.engine.store.get(key, this.transaction);
  }

  lock(keys: readonly Key[], options: LockOptions): Awaitable<readonly Key[]> {
    const { lockTimeoutMs, interrupts } = this.#options;
    const bounded = lockTimeoutMs > 0 ? { ...options, timeoutMs: lockTimeoutMs } : options;
    try {
      const locked = this.transaction.lock(keys, bounded);
      if (!isPromise(locked)) return locked;
      return interrupts.race(locked).catch((error: unknown) => {
        throw lockError(error, options);
      });
    } catch (error) {
      throw lockError(error, options);
    }
  }

  defer(constraint: DeferrableConstraint, check: () => Awaitable<void>): boolean {
    return this.#options.block.deferred.defer(constraint, check);
  }

  gatherChecks(written: ReadonlySet<TableId>): void {
    this.#gathered = { written, checks: [] };
  }

  gathers(table: TableId): boolean {
    return this.#gathered?.written.has(table) === true;
  }

  gather(table: TableId, check: () => Awaitable<void>): boolean {
    if (!this.gathers(table)) return false;
    this.#gathered!.checks.push(check);
    return true;
  }

  runChecks(): Awaitable<void> {
    const gathered = this.#gathered;
    // What follows from a check is looked at with it.
    this.#gathered = undefined;
    if (gathered === undefined || gathered.checks.length === 0) return undefined;
    return this.#runAll(gathered.checks);
  }

  async #runAll(checks: readonly (() => Awaitable<void>)[]): Promise<void> {
    for (const check of checks) await check();
  }

  noteChanges(table: TableId, change: RowChange, rows: number): void {
    this.#options.block.noteChanges(table, change, rows);
  }

  nextRowId(table: CatalogTable): Awaitable<bigint> {
    return this.#options.engine.nextRowId(table);
  }

  pause(): Promise<void> | undefined {
    const { interrupts, isAtOnce } = this.#options;
    if (isAtOnce !== true) return interrupts.pause();
    interrupts.stop();
    return undefined;
  }

  atOnce(): Execution {
    return new Execution({ ...this.#options, isAtOnce: true });
  }
}

function lockError(error: unknown, options: LockOptions): unknown {
  if (error instanceof SqlError || !hasCode(error, 'lock_not_available')) return error;
  const message =
    options.wait === 'nowait' ? 'could not obtain lock on row in relation' : 'canceling statement due to lock timeout';
  return new SqlError('lock_not_available', message, { cause: error });
}
