/**
 * Where one session stands in its transaction: outside of one, in one that ends with the query string, in a block, in a
 * block that failed; what the transaction has done so far, and the savepoints in it.
 *
 * After an error a block refuses all but its end; what it locked since its last savepoint is released at once. Portals
 * live no longer than the transaction they were opened in.
 */

import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { hasCode } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import { readSchemas, type Schema, type Schemas } from '../../models/relational/schema.ts';
import { sequenceKey, setPosition } from '../../models/relational/sequence.ts';
import type { TableId } from '../../models/relational/table.ts';
import type { Commit, Isolation, Savepoint, Transaction } from '../../storage/store.ts';
import type { QualifiedName } from './binder/names.ts';
import { type CatalogObjects, loadObjects } from './catalog/catalog-objects.ts';
import { type OwnSequences, SessionSequences } from './catalog/sequences.ts';
import { type FunctionSet, loadFunctions } from './catalog/user-functions.ts';
import { type ConstraintMode, DeferredChecks, type DeferredMark } from './deferred-checks.ts';
import type { TransactionAccess } from './functions/evaluation.ts';
import type { AdvisoryLocks } from './locks/advisory-locks.ts';
import { HeldTables, type TableLock, type TableMode } from './locks/table-modes.ts';
import type { SessionNotifications } from './notifications.ts';
import { closeRows, holdRest } from './portal.ts';
import { Portals } from './portals.ts';
import { resolvePath, type SearchPath, schemaNamed } from './search-path.ts';
import type { ParameterMark, SessionParameters } from './session-parameters.ts';
import type { SqlEngine } from './sql-engine.ts';
import { notSupported, SqlError } from './sql-error.ts';
import type { RowChange } from './statistics/table-statistics.ts';
import { readWriteConflict } from './store-errors.ts';
import { isTemporary, type OnCommit } from './temporary-relations.ts';
import type { Snapshot } from './types/snapshots.ts';
import type { SeenLabel } from './types/timestamptz.ts';
import type { SqlType } from './types/types.ts';
import type { Workspace } from './workspace/workspace.ts';

interface SavepointEntry {
  readonly name: string;
  /** Undefined when the store's transaction had not begun. */
  readonly mark: Savepoint | undefined;
  readonly parameters: ParameterMark;
  readonly schemaChanged: boolean;
  readonly deferred: DeferredMark;
  readonly advisory: number;
  readonly notifications: number;
  readonly ownSequences: OwnSequences;
  readonly grownEnums: TransactionBlock['grownEnums'];
  readonly readOnly: boolean | undefined;
}

/** What a part of a transaction finds, and what is there again when it is undone. */
type StatementMark = Pick<SavepointEntry, 'deferred' | 'advisory' | 'notifications' | 'ownSequences' | 'grownEnums'>;

const NO_MODES = {};
const NO_ENUMS: ReadonlyMap<SqlType, readonly SeenLabel[]> = new Map();

export class TransactionBlock implements Pick<TransactionAccess, 'current' | 'currentIfAssigned' | 'snapshot'> {
  readonly portals = new Portals();
  readonly observer: Observer = { observedVersion: 0 };
  status: 'none' | 'implicit' | 'explicit' | 'failed' = 'none';
  transaction: Transaction | undefined;
  /** Whether anything was written, so that the commit is more than an end. */
  wrote = false;
  /** Whether the transaction changed the catalog, so that the cache of it is of no use to it. */
  schemaChanged = false;
  /** The labels of enums to which the transaction has added some. Replaced as a whole. */
  grownEnums = NO_ENUMS;
  /** Whether a statement has run that fixed the isolation level. */
  ranStatement = false;
  readOnly: boolean | undefined;
  /** Says nothing: transactions that only read never fail here for what others write. */
  deferrable: boolean | undefined;
  /** Modes that were taken over by AND CHAIN: in PostgreSQL only those outlive a failure outside of any savepoint. */
  chainedModes: Partial<ReturnType<TransactionBlock['modes']>> = NO_MODES;
  /** Whether the statement that runs came alone, and not among others of one query string. */
  standsAlone = true;
  /** Wall time of the transaction's begin, in microseconds since 1970. */
  nowMicros: bigint | undefined;
  /** Tables that this transaction holds; an object of its own, as one that is emptied each time ages. */
  #heldTables: HeldTables | undefined;
  /** The version of the schema that the transaction saw last, where others may change it. */
  schemaVersion: number | undefined;
  readonly savepoints: SavepointEntry[] = [];
  /** What ON COMMIT says of temporary tables that this session has made, by id. */
  readonly onCommitRules = new Map<TableId, OnCommit>();
  /** Does what one of those rules says. */
  onCommit: (transaction: Transaction, table: TableId, action: OnCommit) => Promise<void> = async () => {};
  #ranOnCommit = false;
  /** The name of the session's schema for temporary relations, once it has made one. */
  temporaryName: string | undefined;
  readonly deferred = new DeferredChecks();
  isolation: string | undefined;
  /** Its number, once it has asked for it; and its snapshot of others', where it reads from one. */
  #id: bigint | undefined;
  #idSnapshot: Snapshot | undefined;
  /** The name under which others find its snapshot, once it has exported it. */
  #exported: string | undefined;
  parametersAtBegin: ParameterMark | undefined;
  readonly sequences: SessionSequences;
  readonly advisory: AdvisoryLocks;
  readonly notifications: SessionNotifications;
  /** What executions of this transaction hold. */
  readonly #workspaces = new Set<Workspace>();
  /** As of the last `loadObjects`: what others commit meanwhile takes nothing from a statement that has begun. */
  #ownObjects: CatalogObjects | undefined;
  /** The schemas as this transaction sees them, where they are not the newest; undefined until `loadSchemas`. */
  #ownSchemas: Schemas | undefined;
  /** The functions as it sees them, once it has changed the schema; undefined until `loadFunctions`. */
  #ownFunctions: FunctionSet | undefined;
  #path: { readonly setting: string; readonly schemas: Schemas; readonly path: SearchPath } | undefined;
  #objectsSeen: CatalogObjects | undefined;
  /** Rows that were written, by table; counted when the transaction commits. */
  readonly #changes: { readonly table: TableId; readonly change: RowChange; readonly rows: number }[] = [];
  #statementMark: (StatementMark & { readonly mark: Savepoint }) | undefined;
  readonly #engine: SqlEngine;
  readonly #parameters: SessionParameters;
  readonly #label: string;
  readonly #user: string;

  constructor(
    engine: SqlEngine,
    parameters: SessionParameters,
    {
      label,
      user,
      advisory,
      notifications,
    }: { label: string; user: string; advisory: AdvisoryLocks; notifications: SessionNotifications },
  ) {
    this.advisory = advisory;
    this.notifications = notifications;
    this.#engine = engine;
    this.#parameters = parameters;
    this.#label = label;
    this.#user = user;
    this.sequences = new SessionSequences(
      engine.sequences,
      this.observer,
      (title, schema) => {
        if (schema === undefined || schema !== this.temporary?.id) this.refuseReadOnly(title);
      },
      (name) => this.schemasOf(name),
    );
  }

  /** Whether a portal stands in the middle of its rows. */
  get holdsPortals(): boolean {
    for (const { running } of this.portals.values()) if (running !== undefined) return true;
    return false;
  }

  /** Reads ahead what open portals have left, so that the transaction may move on under them. */
  holdPortals(): Awaitable<void> {
    for (const { running, state } of this.portals.values()) {
      if (running === undefined || state !== 'running') continue;
      const held = holdRest(running);
      if (isPromise(held)) return held.then(() => this.holdPortals());
    }
  }

  /** Cursors WITH HOLD get rows of their own. */
  #keepHoldable(): Awaitable<void> {
    for (const portal of this.portals.values()) {
      if (portal.declared?.isHoldable !== true) continue;
      const held = holdRest(portal.running!);
      if (isPromise(held)) return held.then(() => this.#keepHoldable());
    }
  }

  #committed(): void {
    for (const portal of this.portals.values()) if (portal.declared?.isHoldable === true) portal.persists = true;
    this.notifications.committed(this.observer.observedVersion);
    this.finishTransaction('committed');
  }

  closePortal(name: string): void {
    const portal = this.portals.get(name);
    if (portal === undefined) return;
    this.portals.delete(name);
    closeRows(portal);
  }

  /** Closes those that end with the transaction, or of those the ones made behind so many savepoints. */
  closePortals(depth = 0): void {
    for (const name of this.portals.names()) {
      const portal = this.portals.get(name)!;
      if (portal.persists !== true && portal.depth >= depth) this.closePortal(name);
    }
  }

  /**
   * Whether the transaction sees another schema than the newest commit: its own changes, or the state of its snapshot.
   * An index that was built after a snapshot does not hold what the snapshot sees.
   */
  get seesOtherSchema(): boolean {
    if (this.schemaChanged) return true;
    const { transaction } = this;
    if (transaction === undefined || transaction.isolation === 'readCommitted') return false;
    const { catalog } = this.#engine;
    if (catalog.isShared)
      return this.schemaVersion !== undefined && catalog.note(this.schemaVersion) > this.schemaVersion;
    return this.#engine.catalog.version > transaction.readVersion;
  }

  current(): bigint {
    this.#id ??= this.#engine.transactionIds.begin();
    return this.#id;
  }

  currentIfAssigned(): bigint | null {
    return this.wrote ? this.current() : (this.#id ?? null);
  }

  snapshot(): Snapshot {
    if (this.#idSnapshot !== undefined) return this.#idSnapshot;
    const snapshot = this.#engine.transactionIds.snapshot(this.#id);
    if (this.storeIsolation() !== 'readCommitted') this.#idSnapshot = snapshot;
    return snapshot;
  }

  /** See `TransactionAccess.exportSnapshot`. @param processId Of the session. */
  exportSnapshot(processId: number): string {
    const { exportedSnapshots, store } = this.#engine;
    if (this.savepoints.length > 0) {
      throw new SqlError('active_sql_transaction', 'cannot export a snapshot from a subtransaction');
    }
    if (store.supports.shared) throw notSupported('a snapshot of several servers');
    if (this.storeIsolation() === 'readCommitted' || this.transaction === undefined) {
      throw notSupported('exporting a snapshot at READ COMMITTED');
    }
    this.#exported ??= exportedSnapshots.export(this.transaction, processId);
    return this.#exported;
  }

  /** The transaction, which has done nothing yet, reads as the one that exported this snapshot does. */
  importSnapshot(name: string): void {
    const { exportedSnapshots, store } = this.#engine;
    if (this.ranStatement || this.savepoints.length > 0 || this.transaction !== undefined) {
      throw new SqlError('active_sql_transaction', 'SET TRANSACTION SNAPSHOT must be called before any query');
    }
    const isolation = this.storeIsolation();
    const refused = (message: string): SqlError => new SqlError('feature_not_supported', message);
    if (isolation === 'readCommitted') {
      const levels = 'SERIALIZABLE or REPEATABLE READ';
      throw refused(`a snapshot-importing transaction must have isolation level ${levels}`);
    }
    if (store.supports.shared) throw notSupported('a snapshot of several servers');
    const source = exportedSnapshots.require(name);
    if (isolation === 'serializable' && source.isolation !== 'serializable') {
      throw refused('a serializable transaction cannot import a snapshot from a non-serializable transaction');
    }
    this.begin(false, source);
    this.ranStatement = true;
  }

  /** Whether this transaction holds a table as that mode wants it. */
  holdsTable(id: number, mode: TableMode): boolean {
    return this.#heldTables?.covers(id, mode) === true;
  }

  /** Notes that it does. */
  holdTable(id: number, mode: TableMode): void {
    this.#heldTables ??= new HeldTables();
    this.#heldTables.add(id, mode);
  }

  /** Notes a lock that pg_locks is to tell of, and that lets nothing be done to rows. */
  tellLock(id: number, mode: TableMode): void {
    this.#heldTables ??= new HeldTables();
    this.#heldTables.tell(id, mode);
  }

  tableLocks(): Iterable<TableLock> {
    return this.#heldTables?.all() ?? [];
  }

  newWorkspace(): Workspace {
    const workspace = this.#engine.newWorkspace();
    this.#workspaces.add(workspace);
    return workspace;
  }

  releaseWorkspace(workspace: Workspace): void {
    this.#workspaces.delete(workspace);
    workspace.release();
  }

  #endExecutions(): void {
    this.closePortals();
    if (this.#workspaces.size === 0) return;
    for (const workspace of this.#workspaces) workspace.release();
    this.#workspaces.clear();
  }

  beginImplicit(): void {
    if (this.status !== 'none') return;
    this.status = 'implicit';
    this.parametersAtBegin = this.#parameters.mark();
    this.isolation = this.isolationLevel();
    this.readOnly = this.isReadOnly();
  }

  /** As `Store.whenHandedOver`: to be waited for before `begin`. */
  whenHandedOver(): Promise<void> | undefined {
    return this.#engine.store.whenHandedOver?.();
  }

  /** `expectsReads` as in `TransactionOptions`. */
  begin(expectsReads = false, snapshotOf?: Transaction): Transaction {
    const transaction = this.#engine.store.begin({
      isolation: this.storeIsolation(),
      label: this.#label,
      expectsReads,
      ...(snapshotOf === undefined ? {} : { snapshotOf }),
      ...(this.advisory.locks === undefined ? {} : { sessionLocks: this.advisory.locks }),
    });
    this.transaction = transaction;
    return transaction;
  }

  isolationLevel(): string {
    return this.isolation ?? this.#parameters.value('default_transaction_isolation');
  }

  storeIsolation(): Isolation {
    switch (this.isolationLevel()) {
      case 'serializable':
        return 'serializable';
      case 'repeatable read':
        return 'snapshot';
      default:
        return 'readCommitted';
    }
  }

  /** What a transaction that follows by AND CHAIN takes over. */
  modes(): Pick<TransactionBlock, 'isolation' | 'readOnly' | 'deferrable'> {
    const { isolation, readOnly, deferrable } = this;
    return { isolation, readOnly, deferrable };
  }

  isReadOnly(): boolean {
    return this.readOnly ?? this.#parameters.value('default_transaction_read_only') === 'on';
  }

  isDeferrable(): boolean {
    return this.deferrable ?? this.#parameters.value('default_transaction_deferrable') === 'on';
  }

  commitImplicit(): Awaitable<void> {
    return this.status === 'implicit' ? this.commit() : undefined;
  }

  /** The schemas as this transaction sees them. */
  get schemas(): Schemas {
    return (this.seesOtherSchema ? this.#ownSchemas : undefined) ?? this.#engine.catalog.schemas;
  }

  /** Undefined when `schemas` are there. */
  loadSchemas(): Promise<void> | undefined {
    if (!this.seesOtherSchema) return this.#engine.catalog.loadSchemas();
    if (this.#ownSchemas !== undefined) return undefined;
    return readSchemas(this.transaction!, this.#engine.keyspace).then((schemas) => {
      this.#ownSchemas = schemas;
    });
  }

  /**
   * Its first change of the schema begins: nobody else changes it until the end, so what is committed is what it sees, but
   * for what it changes itself. A snapshot sees what it saw.
   */
  async keepSchema(): Promise<void> {
    if (this.transaction!.isolation !== 'readCommitted') return this.loadSchemas();
    const { catalog, functions } = this.#engine;
    await catalog.loadSchemas();
    this.#ownSchemas = catalog.schemas;
    this.#ownFunctions = functions.current ?? (await functions.load());
  }

  /** The functions as a transaction sees them that sees another schema than the newest. */
  loadFunctions(): Awaitable<FunctionSet> {
    assert(this.transaction !== undefined, 'only a transaction sees another schema');
    if (this.#ownFunctions !== undefined) return this.#ownFunctions;
    return loadFunctions(this.transaction, this.#engine.keyspace).then((functions) => {
      if (this.schemaChanged) this.#ownFunctions = functions;
      return functions;
    });
  }

  /** After a change of this transaction to functions. */
  functionsChanged(): void {
    this.#ownFunctions = undefined;
  }

  /** After a change of this transaction to its schemas. */
  setSchemas(schemas: Schemas): void {
    this.#ownSchemas = schemas;
  }

  /** What `search_path` comes to. */
  get path(): SearchPath {
    const setting = this.#parameters.searchPath;
    const { schemas } = this;
    if (this.#path?.setting !== setting || this.#path.schemas !== schemas) {
      this.#path = { setting, schemas, path: resolvePath(setting, schemas, this.#user, this.temporary) };
    }
    return this.#path.path;
  }

  /** The session's schema for temporary relations. */
  get temporary(): Schema | undefined {
    return this.temporaryName === undefined ? undefined : this.schemas.named(this.temporaryName);
  }

  schemaNamed(name: string): Schema | undefined {
    const found = schemaNamed(name, this.schemas, this.temporary);
    // Those of other sessions are nobody's business.
    return found !== undefined && isTemporary(found) && found.name !== this.temporaryName ? undefined : found;
  }

  /** Where a name is looked for, in order. */
  schemasOf({ schema }: QualifiedName): readonly Schema[] {
    if (schema === undefined) return this.path.searched;
    const found = this.schemaNamed(schema);
    return found === undefined ? [] : [found];
  }

  /** Where functions are looked for: those of the session's temporary schema only under its name. */
  functionSchemasOf(name: QualifiedName): readonly Schema[] {
    const schemas = this.schemasOf(name);
    return name.schema === undefined ? schemas.filter((schema) => schema !== this.temporary) : schemas;
  }

  /** What the catalog holds as this transaction sees it, by the names of its path; undefined until `loadObjects`. */
  get objects(): CatalogObjects | undefined {
    const objects = (this.seesOtherSchema ? undefined : this.#engine.objects) ?? this.#ownObjects;
    if (objects === undefined) return undefined;
    if (this.#objectsSeen?.isOf(objects, this.path) !== true) this.#objectsSeen = objects.seenFrom(this.path);
    return this.#objectsSeen;
  }

  /** Loads `objects` where they are not the newest. */
  loadObjects(): Promise<void> | undefined {
    const loaded = this.seesOtherSchema ? loadObjects(this.transaction!, this.#engine) : this.#engine.loadObjects();
    if (!isPromise(loaded)) {
      this.#ownObjects = loaded;
      return undefined;
    }
    return loaded.then((objects) => {
      this.#ownObjects = objects;
    });
  }

  /** For a plan that was made when they were loaded: keeps `objects` as they are now. */
  holdObjects(): void {
    this.#ownObjects = this.#engine.objects ?? this.#ownObjects;
  }

  /** SET CONSTRAINTS. @param names Undefined for all. What becomes immediate is checked now. */
  setConstraints(names: readonly string[] | undefined, mode: ConstraintMode): Awaitable<void> {
    const due = this.deferred.setMode(names, mode);
    return due.length > 0 ? this.#check(due) : undefined;
  }

  async #check(checks: readonly (() => Awaitable<void>)[]): Promise<void> {
    for (const check of checks) {
      this.transaction!.beginStatement();
      await check();
    }
  }

  /** Positions of sequences that the transaction created or began anew. */
  async #storeSequences(): Promise<void> {
    const { keyspace, sequences } = this.#engine;
    // Others may have been given values since.
    this.transaction!.beginStatement();
    for (const [id, { definition, last, called }] of this.sequences.own) {
      // Created after a savepoint, and rolled back with it.
      if ((await this.transaction!.get(sequenceKey(keyspace, id))) === undefined) continue;
      const isOld = sequences.get(id) !== undefined;
      if (called || isOld) setPosition(this.transaction!, keyspace, definition, { last, called });
    }
    this.sequences.own.clear();
  }

  async #runOnCommit(): Promise<void> {
    this.#ranOnCommit = true;
    const { transaction } = this;
    if (transaction === undefined) return;
    transaction.beginStatement();
    for (const [table, action] of [...this.onCommitRules]) await this.onCommit(transaction, table, action);
  }

  /** @throws SqlError of a deferred check, and errors of the store. */
  commit(): Awaitable<void> {
    if (this.deferred.count > 0) return this.#check(this.deferred.takeAll()).then(() => this.commit());
    if (this.onCommitRules.size > 0 && this.wrote && !this.#ranOnCommit) {
      return this.#runOnCommit().then(() => this.commit());
    }
    if (this.sequences.own.size > 0) return this.#storeSequences().then(() => this.commit());
    if (this.portals.size > 0) {
      const kept = this.#keepHoldable();
      if (isPromise(kept)) return kept.then(() => this.commit());
    }
    const transaction = this.transaction;
    if (this.notifications.mark > 0) this.notifications.requireRoom();
    if (transaction === undefined) {
      this.#committed();
      return undefined;
    }
    if (!this.wrote) {
      this.observe(transaction.observedVersion);
      return whenReady(transaction.commitVisible(), () => this.#committed());
    }
    const room = this.#engine.store.whenWritable();
    const commit = room === undefined ? order(transaction) : room.then(() => order(transaction));
    return whenReady(commit, ({ version }) => {
      this.observe(Math.max(version, transaction.observedVersion));
      const { statistics } = this.#engine;
      for (const { table, change, rows } of this.#changes) statistics.noteChanges(table, change, rows);
      this.#committed();
    });
  }

  /** See `ExecutionContext.noteChanges`. */
  noteChanges(table: TableId, change: RowChange, rows: number): void {
    const last = this.#changes.at(-1);
    // A transaction that writes one table many times is one count.
    if (last?.table === table && last.change === change) {
      this.#changes[this.#changes.length - 1] = { table, change, rows: last.rows + rows };
    } else this.#changes.push({ table, change, rows });
  }

  /** From here on `undoStatement` can undo what the statement does, where it may have to begin again. */
  markStatement(): void {
    this.sequences.beginStatement();
    this.#statementMark = undefined;
    if (this.#engine.sequences.size === 0 || this.transaction === undefined) return;
    this.#statementMark = {
      mark: this.transaction.savepoint(),
      deferred: this.deferred.mark(),
      advisory: this.advisory.mark(),
      notifications: this.notifications.mark,
      ownSequences: this.sequences.markOwn(),
      grownEnums: this.grownEnums,
    };
  }

  /** Harmless when the transaction has ended. */
  undoStatement(): void {
    const marked = this.#statementMark;
    this.#statementMark = undefined;
    if (marked === undefined || this.transaction === undefined) return;
    this.transaction.rollbackTo(marked.mark);
    this.rolledBackTo(marked);
    this.#heldTables = undefined;
  }

  observe(version: number): void {
    this.observer.observedVersion = Math.max(this.observer.observedVersion, version);
  }

  /** Rolls back, parameters too. */
  endTransaction(): void {
    const mark = this.parametersAtBegin;
    if (this.transaction !== undefined) this.observe(this.transaction.observedVersion);
    this.transaction?.rollback();
    this.finishTransaction();
    if (mark !== undefined) this.#parameters.rollbackTo(mark);
  }

  finishTransaction(outcome: 'committed' | 'aborted' = 'aborted'): void {
    if (this.#id !== undefined) this.#engine.transactionIds.end(this.#id, outcome);
    this.#id = undefined;
    this.#idSnapshot = undefined;
    if (this.#exported !== undefined) this.#engine.exportedSnapshots.forget(this.#exported);
    this.#exported = undefined;
    this.#endExecutions();
    this.transaction = undefined;
    this.status = 'none';
    this.wrote = false;
    this.#ranOnCommit = false;
    this.schemaChanged = false;
    this.grownEnums = NO_ENUMS;
    this.isolation = undefined;
    this.readOnly = undefined;
    this.deferrable = undefined;
    this.chainedModes = NO_MODES;
    this.nowMicros = undefined;
    this.ranStatement = false;
    this.savepoints.length = 0;
    this.deferred.clear();
    this.#changes.length = 0;
    this.#ownObjects = undefined;
    this.#objectsSeen = undefined;
    this.#ownSchemas = undefined;
    this.#ownFunctions = undefined;
    this.#heldTables = undefined;
    this.schemaVersion = undefined;
    this.#statementMark = undefined;
    empty(this.sequences.own);
    this.advisory.endTransaction();
    this.notifications.aborted();
    this.parametersAtBegin = undefined;
    this.#parameters.endTransaction();
  }

  afterError(): void {
    if (this.status === 'none') return;
    if (this.status === 'implicit') {
      this.endTransaction();
      return;
    }
    this.status = 'failed';
    const last = this.savepoints.at(-1);
    // Whoever comes back to the savepoint finds what was open at it.
    if (last === undefined) this.#endExecutions();
    else this.closePortals(this.savepoints.length);
    this.advisory.rollbackTo(last?.advisory ?? 0);
    if (this.transaction?.state !== 'open') return;
    if (last?.mark === undefined) this.transaction.rollback();
    else this.transaction.rollbackTo(last.mark);
    this.#heldTables = undefined;
  }

  /** A failed COMMIT ends the block: there is nothing left to roll back. */
  commitBlock(): Awaitable<void> {
    const failed = (error: unknown): never => {
      this.endTransaction();
      throw error;
    };
    try {
      const committed = this.commit();
      return isPromise(committed) ? committed.catch(failed) : committed;
    } catch (error) {
      return failed(error);
    }
  }

  /** Back to what a savepoint had before it. */
  rolledBackTo({ deferred, advisory, notifications, ownSequences, grownEnums }: StatementMark): void {
    this.grownEnums = grownEnums;
    this.sequences.rollbackOwnTo(ownSequences);
    this.advisory.rollbackTo(advisory);
    this.notifications.rollbackTo(notifications);
    this.deferred.rollbackTo(deferred);
    this.#ownSchemas = undefined;
    this.#ownFunctions = undefined;
    this.#ownObjects = undefined;
    this.#heldTables = undefined;
  }

  findSavepoint(name: string): number {
    const index = this.savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (index >= 0) return index;
    throw new SqlError('invalid_savepoint_specification', `savepoint "${name}" does not exist`);
  }

  requireBlock(title: string): void {
    if (this.status === 'explicit' || this.status === 'failed') return;
    throw new SqlError('no_active_sql_transaction', `${title} can only be used in transaction blocks`);
  }

  /** @throws SqlError `active_sql_transaction` among other statements of a transaction. */
  refuseBlock(title: string): void {
    if (this.status === 'implicit' && this.standsAlone && this.transaction === undefined) return;
    throw new SqlError('active_sql_transaction', `${title} cannot run inside a transaction block`);
  }

  setIsolation(level: string): void {
    if (level !== this.isolationLevel()) {
      const title = 'SET TRANSACTION ISOLATION LEVEL';
      if (this.ranStatement) throw new SqlError('active_sql_transaction', `${title} must be called before any query`);
      if (this.savepoints.length > 0) {
        throw new SqlError('active_sql_transaction', `${title} must not be called in a subtransaction`);
      }
    }
    this.isolation = level;
  }

  /** Until the end of the innermost savepoint. @throws SqlError `active_sql_transaction` for one that was to read only and has begun. */
  setReadOnly(readOnly: boolean): void {
    if (!readOnly && this.isReadOnly()) {
      if (this.savepoints.length > 0) {
        const message = 'cannot set transaction read-write mode inside a read-only transaction';
        throw new SqlError('active_sql_transaction', message);
      }
      if (this.ranStatement) {
        throw new SqlError('active_sql_transaction', 'transaction read-write mode must be set before any query');
      }
    }
    this.readOnly = readOnly;
  }

  setDeferrable(deferrable: boolean): void {
    if (this.ranStatement) {
      const message = 'SET TRANSACTION [NOT] DEFERRABLE must be called before any query';
      throw new SqlError('active_sql_transaction', message);
    }
    this.deferrable = deferrable;
  }

  refuseReadOnly(title: string): void {
    if (!this.isReadOnly()) return;
    throw new SqlError('read_only_sql_transaction', `cannot execute ${title} in a read-only transaction`);
  }
}

/** Clearing what is empty already would make it a new table to keep its entries in. */
function empty(collection: Map<unknown, unknown> | Set<unknown>): void {
  if (collection.size > 0) collection.clear();
}

/** Commits. What a serializable transaction is refused for is then what it has read: what it writes it has locked. */
function order(transaction: Transaction): Awaitable<Commit> {
  if (transaction.isolation !== 'serializable') return transaction.commitVisible();
  const refuse = (error: unknown): never => {
    throw hasCode(error, 'transaction_conflict') ? readWriteConflict(error) : error;
  };
  try {
    const commit = transaction.commitVisible();
    return isPromise(commit) ? commit.catch(refuse) : commit;
  } catch (error) {
    return refuse(error);
  }
}
