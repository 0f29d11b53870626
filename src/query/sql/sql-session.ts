/**
 * One client's conversation with the SQL engine: its parameters, its transaction, its prepared statements and portals.
 *
 * **Transactions** follow PostgreSQL. Outside of BEGIN every query string is one transaction, committed before its last
 * statement is reported; in the extended protocol everything up to Sync is. The store's transaction begins with the
 * first statement that needs one, and a point read outside of a block needs none. After an error a block refuses all but
 * its end; what it locked since its last savepoint is released at once. READ COMMITTED is the default; REPEATABLE READ is
 * the store's `snapshot`, SERIALIZABLE its `serializable`.
 *
 * **Schema changes** are part of their transaction. Whoever writes or locks rows holds the table's definition in share,
 * who drops it in exclusive. A plan made before a change that was waited for is made again.
 *
 * **Synchronous when possible**: as long as the store answers at once, `query` and `execute` return no promise.
 *
 * **Durability is the caller's part.** Commits here are visible, not yet durable: before an answer leaves, wait for
 * `store.whenDurable(session.observedVersion)`.
 *
 * One call at a time; `cancel` and `close` may come in between.
 */

import type { Node } from '@pgsql/types';
import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import { beginSchemaChange, createTable, dropTable, truncateTable } from '../../models/relational/catalog.ts';
import { tableKey } from '../../models/relational/keys.ts';
import type { Table } from '../../models/relational/table.ts';
import type { Isolation, Savepoint, Transaction } from '../../storage/store.ts';
import { bindAlterTable } from './binder/bind-alter-table.ts';
import { bindCopy } from './binder/bind-copy.ts';
import { bindCreateTable } from './binder/bind-create-table.ts';
import { bindDelete, bindInsert, bindUpdate, requireColumn } from './binder/bind-modify.ts';
import { bindSelect, type FindTable } from './binder/bind-select.ts';
import type { BoundQuery } from './binder/bound.ts';
import type { BindContext, ParameterTypes } from './binder/expression-binder.ts';
import { kindOf, placeIn, statementTitle, stringOf, stringsOf, tableName } from './binder/names.ts';
import { referencedTables } from './binder/referenced-tables.ts';
import type { CatalogTable } from './catalog-cache.ts';
import { Execution } from './execution.ts';
import type { SessionFacts } from './functions/evaluation.ts';
import { Interrupts } from './interrupts.ts';
import { drain } from './operators/drain.ts';
import type { RowBatch } from './operators/operator.ts';
import type { ParsedStatement } from './parser/parser.ts';
import { compileExpression } from './planner/compile-expression.ts';
import { type Plan, planCopy, planQuery } from './planner/plan.ts';
import { holdRest, type Portal, type PreparedStatement, pump, type RunningPortal, tagOf } from './portal.ts';
import {
  type ClosableCopySource,
  CommitBeforeComplete,
  GatheringSink,
  type ResultSink,
  type StatementResult,
  type UtilitySink,
} from './results.ts';
import { rewriteTable } from './rewrite-table.ts';
import { type ParameterMark, SessionParameters } from './session-parameters.ts';
import type { SqlEngine } from './sql-engine.ts';
import { at, locate, notSupported, SqlError } from './sql-error.ts';
import { endsBlock, isQuery, sameColumns, settingOf, utilityColumns } from './statement-kinds.ts';
import { translateStoreError } from './store-errors.ts';
import type { SqlValue } from './types/types.ts';

export interface SessionOptions {
  readonly user: string;
  readonly database: string;
  /** What pg_backend_pid() says; unique among the sessions of an engine. */
  readonly processId: number;
  /** Parameters that the client sent when it connected. */
  readonly parameters?: ReadonlyMap<string, string>;
}

/** What a client is told by ReadyForQuery. */
export type TransactionStatus = 'idle' | 'block' | 'failed';

interface SavepointEntry {
  readonly name: string;
  /** Undefined when the store's transaction had not begun. */
  readonly mark: Savepoint | undefined;
  readonly parameters: ParameterMark;
  readonly schemaChanged: boolean;
}

type Block = 'none' | 'implicit' | 'explicit' | 'failed';

/** The catalog changed while a lock was waited for: plan again. Never leaves the session. */
class PlanOutdated extends Error {}

export class SqlSession {
  readonly engine: SqlEngine;
  readonly parameters: SessionParameters;
  readonly facts: SessionFacts;
  readonly statements = new Map<string, PreparedStatement>();
  readonly portals = new Map<string, Portal>();
  readonly #observer: Observer = { observedVersion: 0 };
  readonly #interrupts: Interrupts;
  #block: Block = 'none';
  #transaction: Transaction | undefined;
  #wrote = false;
  #schemaChanged = false;
  #isolation: string | undefined;
  #readOnly: boolean | undefined;
  #nowMicros: bigint | undefined;
  #ranStatement = false;
  #parametersAtBegin: ParameterMark | undefined;
  readonly #savepoints: SavepointEntry[] = [];
  /** Tables whose definition this transaction holds in share, by id. */
  readonly #heldTables = new Set<number>();
  #closed = false;

  /** @throws SqlError for a parameter that does not exist or cannot have its value. */
  constructor(engine: SqlEngine, options: SessionOptions) {
    this.engine = engine;
    this.#interrupts = new Interrupts(engine.platform, engine.limits.sliceMs);
    this.parameters = new SessionParameters(
      new Map([['session_authorization', options.user]]),
      options.parameters ?? new Map(),
    );
    this.facts = {
      user: options.user,
      database: options.database,
      processId: options.processId,
      setting: (name) => this.#show(name),
    };
  }

  /** Highest commit version that anything this session answered depends on. */
  get observedVersion(): number {
    return Math.max(this.#observer.observedVersion, this.#transaction?.observedVersion ?? 0);
  }

  get status(): TransactionStatus {
    return this.#block === 'failed' ? 'failed' : this.#block === 'explicit' ? 'block' : 'idle';
  }

  /** Runs a query string and gathers all results. @throws SqlError, OperationError; durable when it resolves. */
  async execute(text: string): Promise<readonly StatementResult[]> {
    const sink = new GatheringSink();
    await this.query(text, sink);
    await this.engine.store.whenDurable(this.observedVersion);
    return sink.results;
  }

  /**
   * The simple protocol: runs the statements of `text` one after another, all in one transaction unless the text says
   * otherwise. What was reported before an error stays reported; the transaction does not.
   * @throws SqlError with `position` where there is one, OperationError of the store.
   */
  query(text: string, sink: ResultSink): Awaitable<void> {
    return this.#guarded(text, () => whenReady(this.engine.parser.parse(text), (parsed) => this.#runAll(parsed, sink)));
  }

  /**
   * Parses and plans one statement.
   * @param types Declared types of parameters; undefined leaves one to the statement.
   * @throws SqlError `syntax_error` for several statements, and everything that binding may find.
   */
  prepare(text: string, types: ParameterTypes): Awaitable<PreparedStatement> {
    return this.#guarded(text, () =>
      whenReady(this.engine.parser.parse(text), (parsed) => {
        if (parsed.length > 1) {
          throw new SqlError('syntax_error', 'cannot insert multiple commands into a prepared statement');
        }
        const [statement] = parsed;
        if (statement === undefined) return { statement, parameterTypes: [], columns: undefined };
        if (this.#block === 'failed' && !endsBlock(statement.node)) throw failedBlock();
        if (!isQuery(statement.node)) {
          return { statement, parameterTypes: [], columns: utilityColumns(statement.node) };
        }
        return whenReady(this.#plan(statement, types), ({ parameterTypes, columns }) => ({
          statement,
          parameterTypes,
          columns,
        }));
      }),
    );
  }

  portal(prepared: PreparedStatement, values: readonly SqlValue[]): Portal {
    return { prepared, values, state: 'new', running: undefined };
  }

  /**
   * The extended protocol: runs a portal, or goes on with it, up to `rowsMax` rows (0 for all). Columns are not
   * announced. @returns whether rows may be left.
   */
  run(portal: Portal, rowsMax: number, sink: ResultSink): Awaitable<'complete' | 'suspended' | 'empty'> {
    const { statement } = portal.prepared;
    if (statement === undefined) return 'empty';
    return this.#guarded(statement.text, () => {
      if (this.#block === 'failed' && !endsBlock(statement.node)) throw failedBlock();
      if (!isQuery(statement.node)) {
        if (portal.state === 'done') return 'complete';
        this.#beginImplicit();
        portal.state = 'done';
        const direct = new CommitBeforeComplete(sink, () => undefined);
        return whenReady(this.#utility(statement, direct, { announce: false }), () =>
          whenReady(direct.finish(), () => 'complete' as const),
        );
      }
      this.#beginImplicit();
      return this.#runPortal(portal, statement, rowsMax, sink);
    });
  }

  /** The end of an extended request: commits what was not in a block. */
  sync(): Awaitable<void> {
    if (this.#block !== 'implicit') return undefined;
    return this.#guarded('', () => this.#commit());
  }

  /** An error of the protocol or of converting values: ends the transaction as an error of a statement does. */
  fail(): void {
    this.#afterError();
  }

  closePortal(name: string): void {
    const portal = this.portals.get(name);
    if (portal === undefined) return;
    portal.running?.operator.close();
    this.portals.delete(name);
  }

  /** Stops the running statement with `query_canceled`; harmless when none runs. */
  cancel(): void {
    this.#interrupts.raise(new SqlError('query_canceled', 'canceling statement due to user request'));
  }

  /** Rolls back what is open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#interrupts.raise(new SqlError('query_canceled', 'the session has ended'));
    this.#endTransaction();
    this.statements.clear();
  }

  // --- Running statements

  /** Runs work under the statement's timeout; an error ends the transaction and gets its position. */
  #guarded<T>(text: string, work: () => Awaitable<T>): Awaitable<T> {
    assert(!this.#closed, 'a closed session runs no statement');
    this.engine.noteRunning(1);
    this.#interrupts.begin(this.parameters.milliseconds('statement_timeout'));
    try {
      const outcome = work();
      if (!isPromise(outcome)) {
        this.#ended();
        return outcome;
      }
      return this.#guardedLate(text, outcome);
    } catch (error) {
      throw this.#failed(error, text);
    }
  }

  async #guardedLate<T>(text: string, outcome: Promise<T>): Promise<T> {
    try {
      const value = await outcome;
      this.#ended();
      return value;
    } catch (error) {
      throw this.#failed(error, text);
    }
  }

  #ended(): void {
    this.#interrupts.end();
    this.engine.noteRunning(-1);
  }

  #failed(error: unknown, text: string): unknown {
    this.#ended();
    this.#afterError();
    const translated = translateStoreError(error);
    locate(translated, text);
    return translated;
  }

  #runAll(parsed: readonly ParsedStatement[], sink: ResultSink): Awaitable<void> {
    if (parsed.length === 0) {
      sink.empty();
      return;
    }
    for (let i = 0; i < parsed.length; i++) {
      const done = this.#runOne(parsed[i]!, i === parsed.length - 1, parsed.length === 1, sink);
      if (isPromise(done)) return this.#runRest(parsed, i + 1, done, sink);
    }
  }

  async #runRest(
    parsed: readonly ParsedStatement[],
    from: number,
    pending: Promise<void>,
    sink: ResultSink,
  ): Promise<void> {
    await pending;
    for (let i = from; i < parsed.length; i++) await this.#runOne(parsed[i]!, i === parsed.length - 1, false, sink);
  }

  #runOne(statement: ParsedStatement, isLast: boolean, isOnly: boolean, sink: ResultSink): Awaitable<void> {
    const { node } = statement;
    if (this.#block === 'failed' && !endsBlock(node)) throw failedBlock();
    const autocommit = isOnly && this.#block === 'none';
    if (!isQuery(node)) {
      this.#beginImplicit();
      const tagged = new CommitBeforeComplete(sink, () => (isLast ? this.#commitImplicit() : undefined));
      return whenReady(this.#utility(statement, tagged, { announce: true }), () => tagged.finish());
    }
    this.#beginImplicit();
    return this.#runQuery(statement, isLast, autocommit, sink, 1);
  }

  /** Runs one query to its end and commits when it is the last of an implicit transaction. */
  #runQuery(
    statement: ParsedStatement,
    isLast: boolean,
    autocommit: boolean,
    sink: ResultSink,
    attempt: number,
  ): Awaitable<void> {
    const delivery = { started: false };
    const again = (error: unknown): Awaitable<void> => {
      const retriable = error instanceof PlanOutdated || (autocommit && this.#retriable(error));
      if (!retriable || delivery.started || attempt >= this.engine.limits.attemptsMax) throw error;
      if (!(error instanceof PlanOutdated)) {
        this.#endTransaction();
        this.#beginImplicit();
      }
      return this.#runQuery(statement, isLast, autocommit, sink, attempt + 1);
    };
    try {
      const done = whenReady(this.#plan(statement, undefined), (plan) =>
        this.#runPlan(plan, isLast, autocommit, sink, delivery),
      );
      return isPromise(done) ? done.catch(again) : done;
    } catch (error) {
      return again(error);
    }
  }

  /** A conflict that PostgreSQL would not have had: at READ COMMITTED it waits and goes on. */
  #retriable(error: unknown): boolean {
    return hasCode(error, 'transaction_conflict') && this.#storeIsolation() === 'readCommitted';
  }

  #runPlan(
    plan: Plan,
    isLast: boolean,
    autocommit: boolean,
    sink: ResultSink,
    delivery: { started: boolean },
  ): Awaitable<void> {
    return whenReady(this.#open(plan, [], autocommit), (running) => {
      if (plan.columns !== undefined && !plan.modifies) {
        delivery.started = true;
        sink.columns(plan.columns);
      }
      const deliver = (batch: RowBatch): Awaitable<void> => {
        if (!delivery.started) {
          delivery.started = true;
          sink.columns(plan.columns!);
        }
        return sink.rows(plan.columns!, batch);
      };
      return whenReady(pump(running, 0, this.#interrupts, deliver), () => {
        const finish = (): void => {
          if (plan.columns !== undefined && !delivery.started) sink.columns(plan.columns);
          sink.complete(tagOf(running));
        };
        return whenReady(isLast ? this.#commitImplicit() : undefined, finish);
      });
    });
  }

  #runPortal(
    portal: Portal,
    statement: ParsedStatement,
    rowsMax: number,
    sink: ResultSink,
  ): Awaitable<'complete' | 'suspended'> {
    if (portal.state === 'done') {
      sink.complete(portal.running === undefined ? 'SELECT 0' : `${portal.running.plan.verb} 0`);
      return 'complete';
    }
    const opened = portal.running ?? this.#openPortal(portal, statement);
    return whenReady(opened, (running) => {
      assert(
        running.transaction === this.#transaction || running.transaction === undefined,
        'a portal of an ended transaction',
      );
      const { plan } = running;
      return whenReady(
        pump(running, rowsMax, this.#interrupts, (batch) => sink.rows(plan.columns!, batch)),
        (ended) => {
          if (!ended) return 'suspended';
          portal.state = 'done';
          running.operator.close();
          sink.complete(tagOf(running));
          return 'complete';
        },
      );
    });
  }

  #openPortal(portal: Portal, statement: ParsedStatement): Awaitable<RunningPortal> {
    const { parameterTypes, columns } = portal.prepared;
    const opened = whenReady(this.#plan(statement, [...parameterTypes]), (plan) => {
      if (!sameColumns(plan.columns, columns)) {
        throw new SqlError('feature_not_supported', 'cached plan must not change result type');
      }
      return whenReady(this.#open(plan, portal.values, false), (running) => {
        portal.state = 'running';
        portal.running = running;
        return running;
      });
    });
    return isPromise(opened)
      ? opened.catch((error: unknown) => {
          if (error instanceof PlanOutdated) return this.#openPortal(portal, statement);
          throw error;
        })
      : opened;
  }

  /** Begins a statement in the transaction, and the plan in the statement. */
  #open(plan: Plan, values: readonly SqlValue[], autocommit: boolean): Awaitable<RunningPortal> {
    this.#ranStatement = true;
    if (plan.modifies && this.#isReadOnly()) {
      throw new SqlError('read_only_sql_transaction', `cannot execute ${plan.verb} in a read-only transaction`);
    }
    const statementMicros = this.engine.nowMicros();
    this.#nowMicros ??= statementMicros;
    if (this.#planIsOutdated(plan)) throw new PlanOutdated();
    const held = this.#holdPortals();
    if (isPromise(held)) return held.then(() => this.#open(plan, values, autocommit));
    let transaction = this.#transaction;
    if (transaction !== undefined) transaction.beginStatement();
    else if (!plan.isPointRead || !(autocommit || this.#storeIsolation() === 'readCommitted')) {
      transaction = this.#begin();
    }
    const execution = new Execution({
      engine: this.engine,
      session: this.facts,
      interrupts: this.#interrupts,
      transaction,
      observer: this.#observer,
      wroteBefore: this.#wrote,
      parameters: values,
      zone: this.parameters.zone,
      nowMicros: this.#nowMicros,
      statementMicros,
      lockTimeoutMs: this.parameters.milliseconds('lock_timeout'),
    });
    const open = (): RunningPortal => {
      if (plan.verb !== 'SELECT') this.#wrote = true;
      return { plan, operator: plan.open(execution), transaction, pending: [], rows: 0, held: false };
    };
    const wanted = plan.writes.filter(({ table }) => !this.#heldTables.has(table.id));
    if (wanted.length === 0) return open();
    const keys = wanted.map(({ table }) => tableKey(this.engine.keyspace, table.id));
    return whenReady(execution.lock(keys, { mode: 'share' }), () => {
      for (const { table } of wanted) this.#heldTables.add(table.id);
      if (this.#planIsOutdated(plan)) throw new PlanOutdated();
      return open();
    });
  }

  /** A transaction that changes the schema itself keeps all other changes out until it ends. */
  #planIsOutdated(plan: Plan): boolean {
    return !this.#schemaChanged && plan.generation !== this.engine.catalog.generation;
  }

  /** A new statement moves the transaction's snapshot: portals that are not read to their end are read now. */
  #holdPortals(): Awaitable<void> {
    for (const { running, state } of this.portals.values()) {
      if (running === undefined || state !== 'running' || running.held) continue;
      running.held = true;
      const held = holdRest(running, this.engine.limits.workBytesMax);
      if (isPromise(held)) return held.then(() => this.#holdPortals());
    }
  }

  // --- Planning

  /** @param types Declared types of parameters; undefined for a statement that takes none. */
  #plan(statement: ParsedStatement, types: ParameterTypes | undefined): Awaitable<Plan> {
    const { engine } = this;
    const zone = this.parameters.zone.name;
    const variant = types === undefined ? zone : `${zone} ${types.join()}`;
    const cached = this.#schemaChanged ? undefined : engine.cachedPlan(statement, variant);
    if (cached !== undefined) return cached;
    const { generation } = engine.catalog;
    return whenReady(this.#findTables(statement.node), (findTable) => {
      const parameters: ParameterTypes = [...(types ?? [])];
      const context = this.#bindContext(parameters, types !== undefined);
      const bound = bindStatement(statement.node, context, findTable);
      const plan = planQuery(
        bound,
        parameters.map((type) => type ?? 'text'),
        context.time,
        generation,
      );
      if (!this.#schemaChanged && generation === engine.catalog.generation) {
        engine.keepPlan(statement, variant, plan);
      }
      return plan;
    });
  }

  #bindContext(parameters: ParameterTypes, takesParameters: boolean): BindContext {
    return {
      parameters,
      takesParameters,
      time: { zone: this.parameters.zone, nowMicros: this.#nowMicros ?? this.engine.nowMicros() },
      depthMax: this.engine.limits.expressionDepthMax,
    };
  }

  /** Looks up all tables that a statement names, so that binding itself waits for nothing. */
  #findTables(node: Node): Awaitable<FindTable> {
    const names = referencedTables(node);
    const tables = new Map<string, CatalogTable | undefined>();
    const waits: Promise<void>[] = [];
    for (const name of names) {
      const found = this.#findTable(name);
      if (isPromise(found)) waits.push(found.then((table) => void tables.set(name, table)));
      else tables.set(name, found);
    }
    const find: FindTable = (name) => tables.get(name);
    return waits.length === 0 ? find : Promise.all(waits).then(() => find);
  }

  #findTable(name: string): Awaitable<CatalogTable | undefined> {
    if (this.#schemaChanged) return this.engine.catalog.findWithin(this.#transaction!, name);
    return this.engine.catalog.find(name);
  }

  // --- Transactions

  #beginImplicit(): void {
    if (this.#block !== 'none') return;
    this.#block = 'implicit';
    this.#parametersAtBegin = this.parameters.mark();
    this.#isolation = this.#isolationLevel();
    this.#readOnly = this.#isReadOnly();
  }

  #begin(): Transaction {
    const transaction = this.engine.store.begin({
      isolation: this.#storeIsolation(),
      label: `pg:${this.facts.processId}`,
    });
    this.#transaction = transaction;
    return transaction;
  }

  #isolationLevel(): string {
    return this.#isolation ?? this.parameters.value('default_transaction_isolation');
  }

  #storeIsolation(): Isolation {
    switch (this.#isolationLevel()) {
      case 'serializable':
        return 'serializable';
      case 'repeatable read':
        return 'snapshot';
      default:
        return 'readCommitted';
    }
  }

  #isReadOnly(): boolean {
    return this.#readOnly ?? this.parameters.value('default_transaction_read_only') === 'on';
  }

  #commitImplicit(): Awaitable<void> {
    return this.#block === 'implicit' ? this.#commit() : undefined;
  }

  #commit(): Awaitable<void> {
    const transaction = this.#transaction;
    if (transaction === undefined) {
      this.#finishTransaction();
      return undefined;
    }
    if (!this.#wrote) {
      this.#observe(transaction.observedVersion);
      return whenReady(transaction.commitVisible(), () => this.#finishTransaction());
    }
    const room = this.engine.store.whenWritable();
    const commit = room === undefined ? transaction.commitVisible() : room.then(() => transaction.commitVisible());
    return whenReady(commit, ({ version }) => {
      this.#observe(Math.max(version, transaction.observedVersion));
      this.#finishTransaction();
    });
  }

  #observe(version: number): void {
    this.#observer.observedVersion = Math.max(this.#observer.observedVersion, version);
  }

  /** Rolls back, parameters too. */
  #endTransaction(): void {
    const mark = this.#parametersAtBegin;
    if (this.#transaction !== undefined) this.#observe(this.#transaction.observedVersion);
    this.#transaction?.rollback();
    this.#finishTransaction();
    if (mark !== undefined) this.parameters.rollbackTo(mark);
  }

  #finishTransaction(): void {
    for (const portal of this.portals.values()) portal.running?.operator.close();
    this.portals.clear();
    this.#transaction = undefined;
    this.#block = 'none';
    this.#wrote = false;
    this.#schemaChanged = false;
    this.#isolation = undefined;
    this.#readOnly = undefined;
    this.#nowMicros = undefined;
    this.#ranStatement = false;
    this.#savepoints.length = 0;
    this.#heldTables.clear();
    this.#parametersAtBegin = undefined;
    this.parameters.endTransaction();
  }

  #afterError(): void {
    if (this.#block === 'none') return;
    if (this.#block === 'implicit') {
      this.#endTransaction();
      return;
    }
    this.#block = 'failed';
    for (const portal of this.portals.values()) portal.running?.operator.close();
    this.portals.clear();
    if (this.#transaction?.state !== 'open') return;
    const last = this.#savepoints.at(-1);
    if (last?.mark === undefined) this.#transaction.rollback();
    else this.#transaction.rollbackTo(last.mark);
    this.#heldTables.clear();
  }

  // --- Utility statements

  #utility(statement: ParsedStatement, sink: UtilitySink, options: { readonly announce: boolean }): Awaitable<void> {
    const { node } = statement;
    if ('TransactionStmt' in node) return this.#transactionStatement(node.TransactionStmt, sink);
    if ('VariableSetStmt' in node) {
      this.#setStatement(node.VariableSetStmt, sink);
      return undefined;
    }
    if ('VariableShowStmt' in node) {
      const columns = utilityColumns(node)!;
      const name = node.VariableShowStmt.name ?? '';
      const rows = name.toLowerCase() === 'all' ? this.#showAll() : [[this.#requireSetting(name)]];
      if (options.announce) sink.columns(columns);
      return whenReady(sink.rows(columns, rows), () => sink.complete('SHOW'));
    }
    if ('CreateStmt' in node) return this.#createTable(node.CreateStmt, sink);
    if ('DropStmt' in node) return this.#dropTables(node.DropStmt, sink);
    if ('TruncateStmt' in node) return this.#truncate(node.TruncateStmt, sink);
    if ('AlterTableStmt' in node) return this.#alterTable(node.AlterTableStmt, sink);
    if ('VacuumStmt' in node) return this.#vacuum(node.VacuumStmt, sink);
    if ('CopyStmt' in node) return this.#copy(node.CopyStmt, sink);
    if ('DiscardStmt' in node && node.DiscardStmt.target === 'DISCARD_ALL') {
      if (this.#block === 'explicit') {
        throw new SqlError('active_sql_transaction', 'DISCARD ALL cannot run inside a transaction block');
      }
      this.parameters.resetAll();
      this.statements.clear();
      sink.complete('DISCARD ALL');
      return undefined;
    }
    if ('DeallocateStmt' in node) {
      const { name } = node.DeallocateStmt;
      if (name === undefined) this.statements.clear();
      else if (!this.statements.delete(name)) {
        throw new SqlError('invalid_sql_statement_name', `prepared statement "${name}" does not exist`);
      }
      sink.complete(name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE');
      return undefined;
    }
    throw notSupported(statementTitle(kindOf(node)), placeIn(node));
  }

  #transactionStatement(
    {
      kind,
      options,
      savepoint_name: savepointName = '',
      chain,
    }: Extract<Node, { TransactionStmt: unknown }>['TransactionStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Awaitable<void> {
    switch (kind) {
      case 'TRANS_STMT_BEGIN':
      case 'TRANS_STMT_START': {
        if (this.#block === 'explicit') {
          sink.notice({
            severity: 'WARNING',
            condition: 'active_sql_transaction',
            message: 'there is already a transaction in progress',
          });
        }
        this.#block = 'explicit';
        this.#nowMicros ??= this.engine.nowMicros();
        this.#setTransactionModes(options ?? []);
        sink.complete(kind === 'TRANS_STMT_BEGIN' ? 'BEGIN' : 'START TRANSACTION');
        return undefined;
      }
      case 'TRANS_STMT_COMMIT':
        if (chain === true) throw notSupported('AND CHAIN');
        if (this.#block === 'failed') {
          this.#endTransaction();
          sink.complete('ROLLBACK');
          return undefined;
        }
        if (this.#block === 'implicit') this.#warnNoTransaction(sink);
        return whenReady(this.#commitBlock(), () => sink.complete('COMMIT'));
      case 'TRANS_STMT_ROLLBACK':
        if (chain === true) throw notSupported('AND CHAIN');
        if (this.#block === 'implicit') this.#warnNoTransaction(sink);
        this.#endTransaction();
        sink.complete('ROLLBACK');
        return undefined;
      case 'TRANS_STMT_SAVEPOINT':
        this.#requireBlock('SAVEPOINT');
        this.#savepoints.push({
          name: savepointName,
          mark: (this.#transaction ?? this.#begin()).savepoint(),
          parameters: this.parameters.mark(),
          schemaChanged: this.#schemaChanged,
        });
        sink.complete('SAVEPOINT');
        return undefined;
      case 'TRANS_STMT_RELEASE': {
        this.#requireBlock('RELEASE SAVEPOINT');
        this.#savepoints.length = this.#findSavepoint(savepointName);
        sink.complete('RELEASE');
        return undefined;
      }
      case 'TRANS_STMT_ROLLBACK_TO': {
        this.#requireBlock('ROLLBACK TO SAVEPOINT');
        const index = this.#findSavepoint(savepointName);
        const { mark, parameters, schemaChanged } = this.#savepoints[index]!;
        return whenReady(this.#holdPortals(), () => {
          this.#savepoints.length = index + 1;
          this.#transaction!.rollbackTo(mark!);
          this.#heldTables.clear();
          this.#schemaChanged = schemaChanged;
          this.parameters.rollbackTo(parameters);
          this.#block = 'explicit';
          sink.complete('ROLLBACK');
        });
      }
      default:
        throw notSupported('a prepared (two-phase) transaction');
    }
  }

  /** A failed COMMIT ends the block: there is nothing left to roll back. */
  #commitBlock(): Awaitable<void> {
    const failed = (error: unknown): never => {
      this.#endTransaction();
      throw error;
    };
    try {
      const committed = this.#commit();
      return isPromise(committed) ? committed.catch(failed) : committed;
    } catch (error) {
      return failed(error);
    }
  }

  #findSavepoint(name: string): number {
    const index = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (index >= 0) return index;
    throw new SqlError('invalid_savepoint_specification', `savepoint "${name}" does not exist`);
  }

  #requireBlock(title: string): void {
    if (this.#block === 'explicit' || this.#block === 'failed') return;
    throw new SqlError('no_active_sql_transaction', `${title} can only be used in transaction blocks`);
  }

  #warnNoTransaction(sink: Pick<ResultSink, 'notice'>): void {
    sink.notice({
      severity: 'WARNING',
      condition: 'no_active_sql_transaction',
      message: 'there is no transaction in progress',
    });
  }

  #setTransactionModes(options: readonly Node[]): void {
    for (const option of options) {
      if (!('DefElem' in option)) continue;
      const { defname, arg, location } = option.DefElem;
      const value = arg !== undefined && 'A_Const' in arg ? arg.A_Const : undefined;
      switch (defname) {
        case 'transaction_isolation':
          this.#setIsolation(value?.sval?.sval ?? '');
          break;
        case 'transaction_read_only':
          this.#readOnly = value?.ival?.ival === 1;
          break;
        case 'transaction_deferrable':
          if (value?.ival?.ival === 1) throw notSupported('DEFERRABLE', location);
          break;
        default:
          throw notSupported(`transaction mode ${defname}`, location);
      }
    }
  }

  #setIsolation(level: string): void {
    if (this.#ranStatement && level !== this.#isolationLevel()) {
      throw new SqlError('active_sql_transaction', 'SET TRANSACTION ISOLATION LEVEL must be called before any query');
    }
    this.#isolation = level;
  }

  #setStatement(
    { kind, name = '', args, is_local: local = false }: Extract<Node, { VariableSetStmt: unknown }>['VariableSetStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): void {
    if (local && this.#block === 'implicit') {
      sink.notice({
        severity: 'WARNING',
        condition: 'no_active_sql_transaction',
        message: 'SET LOCAL can only be used in transaction blocks',
      });
    }
    const lower = name.toLowerCase();
    switch (kind) {
      case 'VAR_SET_VALUE': {
        const value = (args ?? []).map((arg) => settingOf(arg, name)).join(', ');
        if (lower === 'transaction_isolation') this.#setIsolation(isolationLevel(value, name));
        else if (lower === 'transaction_read_only') this.#readOnly = value === 'on' || value === 'true';
        else this.parameters.set(name, value, { local });
        sink.complete('SET');
        return;
      }
      case 'VAR_SET_DEFAULT':
        this.parameters.reset(name, { local });
        sink.complete('SET');
        return;
      case 'VAR_RESET':
        this.parameters.reset(name, { local });
        sink.complete('RESET');
        return;
      case 'VAR_RESET_ALL':
        this.parameters.resetAll();
        sink.complete('RESET');
        return;
      case 'VAR_SET_MULTI':
        if (name === 'TRANSACTION') {
          if (this.#block === 'implicit') {
            sink.notice({
              severity: 'WARNING',
              condition: 'no_active_sql_transaction',
              message: 'SET TRANSACTION can only be used in transaction blocks',
            });
          } else this.#setTransactionModes(args ?? []);
          sink.complete('SET');
          return;
        }
        if (name === 'SESSION CHARACTERISTICS') {
          for (const option of args ?? []) {
            if (!('DefElem' in option)) continue;
            const { defname, arg } = option.DefElem;
            const value = arg !== undefined && 'A_Const' in arg ? arg.A_Const : undefined;
            if (defname === 'transaction_isolation') {
              this.parameters.set('default_transaction_isolation', value?.sval?.sval ?? '', { local: false });
            } else if (defname === 'transaction_read_only') {
              const readOnly = value?.ival?.ival === 1 ? 'on' : 'off';
              this.parameters.set('default_transaction_read_only', readOnly, { local: false });
            } else throw notSupported(`transaction mode ${defname}`);
          }
          sink.complete('SET');
          return;
        }
        throw notSupported(`SET ${name}`);
      default:
        throw notSupported('SET … FROM CURRENT');
    }
  }

  #show(name: string): string | undefined {
    switch (name.toLowerCase()) {
      case 'transaction_isolation':
        return this.#isolationLevel();
      case 'transaction_read_only':
        return this.#isReadOnly() ? 'on' : 'off';
      default:
        return this.parameters.show(name);
    }
  }

  #requireSetting(name: string): string {
    return this.#show(name) ?? this.parameters.canonicalName(name);
  }

  #showAll(): SqlValue[][] {
    return [...this.parameters.all()].map(([name, value]) => [name, value, null]);
  }

  // --- Schema changes

  async #createTable(
    statement: Extract<Node, { CreateStmt: unknown }>['CreateStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Promise<void> {
    this.#refuseReadOnly('CREATE TABLE');
    const now = this.engine.nowMicros();
    const evaluation = {
      zone: this.parameters.zone,
      nowMicros: now,
      statementMicros: now,
      clockMicros: () => now,
      parameters: [],
      session: this.facts,
    };
    const definition = bindCreateTable(statement, this.#bindContext([], false), (expression) =>
      compileExpression(expression)([], evaluation),
    );
    const transaction = await this.#beginSchemaChange();
    try {
      await createTable(transaction, this.engine.keyspace, definition);
    } catch (error) {
      if (!hasCode(error, 'already_exists')) throw error;
      const message = `relation "${definition.name}" already exists`;
      if (statement.if_not_exists !== true) throw new SqlError('duplicate_table', message, { cause: error });
      sink.notice({ severity: 'NOTICE', condition: 'duplicate_table', message: `${message}, skipping` });
    }
    sink.complete('CREATE TABLE');
  }

  async #dropTables(
    statement: Extract<Node, { DropStmt: unknown }>['DropStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Promise<void> {
    if (statement.removeType !== 'OBJECT_TABLE') {
      throw notSupported(`DROP ${(statement.removeType ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`);
    }
    this.#refuseReadOnly('DROP TABLE');
    const transaction = await this.#beginSchemaChange();
    const tables: Table[] = [];
    for (const object of statement.objects ?? []) {
      const names = 'List' in object ? stringsOf(object.List.items) : [stringOf(object)];
      const name = tableName({
        relname: names.at(-1)!,
        ...(names.length > 1 ? { schemaname: names.at(-2)! } : {}),
        ...(names.length > 2 ? { catalogname: names.at(-3)! } : {}),
      });
      const found = await this.engine.catalog.findWithin(transaction, name);
      if (found !== undefined) tables.push(found.table);
      else if (statement.missing_ok !== true) {
        throw new SqlError('undefined_table', `table "${name}" does not exist`);
      } else {
        const message = `table "${name}" does not exist, skipping`;
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
      }
    }
    for (const table of tables) {
      await this.#lockTable(transaction, table);
      dropTable(transaction, this.engine.keyspace, table);
    }
    sink.complete('DROP TABLE');
  }

  /** Keeps everyone out who writes to the table, until the end of the transaction. */
  async #lockTable(transaction: Transaction, table: Table): Promise<void> {
    const timeoutMs = this.parameters.milliseconds('lock_timeout');
    const bound = timeoutMs > 0 ? { timeoutMs } : {};
    const locked = transaction.lock([tableKey(this.engine.keyspace, table.id)], bound);
    if (isPromise(locked)) await this.#interrupts.race(locked);
  }

  async #truncate(
    { relations }: Extract<Node, { TruncateStmt: unknown }>['TruncateStmt'],
    sink: Pick<ResultSink, 'complete'>,
  ): Promise<void> {
    this.#refuseReadOnly('TRUNCATE TABLE');
    this.#ranStatement = true;
    await this.#holdPortals();
    const transaction = this.#transaction ?? this.#begin();
    for (const relation of relations ?? []) {
      if (!('RangeVar' in relation)) continue;
      const table = await this.#lockNewest(transaction, tableName(relation.RangeVar));
      this.#wrote = true;
      truncateTable(transaction, this.engine.keyspace, table);
    }
    sink.complete('TRUNCATE TABLE');
  }

  /** Locks the table that has the name when the lock is granted. @throws SqlError `undefined_table`. */
  async #lockNewest(transaction: Transaction, name: string): Promise<Table> {
    for (;;) {
      transaction.beginStatement();
      const before = await this.engine.catalog.findWithin(transaction, name);
      if (before === undefined) throw new SqlError('undefined_table', `relation "${name}" does not exist`);
      await this.#lockTable(transaction, before.table);
      transaction.beginStatement();
      const after = await this.engine.catalog.findWithin(transaction, name);
      if (after?.table.id === before.table.id && after.table.version === before.table.version) return after.table;
    }
  }

  async #alterTable(
    statement: Extract<Node, { AlterTableStmt: unknown }>['AlterTableStmt'],
    sink: Pick<ResultSink, 'complete' | 'notice'>,
  ): Promise<void> {
    if (statement.objtype !== 'OBJECT_TABLE') {
      throw notSupported(`ALTER ${(statement.objtype ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`);
    }
    this.#refuseReadOnly('ALTER TABLE');
    const transaction = await this.#beginSchemaChange();
    const name = tableName(statement.relation!);
    const found = await this.engine.catalog.findWithin(transaction, name);
    if (found === undefined) {
      if (statement.missing_ok !== true) throw new SqlError('undefined_table', `relation "${name}" does not exist`);
      const message = `relation "${name}" does not exist, skipping`;
      sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
      sink.complete('ALTER TABLE');
      return;
    }
    const definition = bindAlterTable(statement, found.table);
    await this.#lockTable(transaction, found.table);
    transaction.beginStatement();
    await rewriteTable(transaction, found.table, definition, {
      keyspace: this.engine.keyspace,
      zone: this.parameters.zone,
      pause: () => this.#interrupts.pause(),
    });
    sink.complete('ALTER TABLE');
  }

  /** Old versions are let go by the store, and no plan depends on statistics: there is nothing to do but to look. */
  async #vacuum(
    { is_vacuumcmd: isVacuum, rels }: Extract<Node, { VacuumStmt: unknown }>['VacuumStmt'],
    sink: Pick<ResultSink, 'complete'>,
  ): Promise<void> {
    const title = isVacuum === true ? 'VACUUM' : 'ANALYZE';
    if (isVacuum === true && this.#block === 'explicit') {
      throw new SqlError('active_sql_transaction', 'VACUUM cannot run inside a transaction block');
    }
    for (const each of rels ?? []) {
      if (!('VacuumRelation' in each) || each.VacuumRelation.relation === undefined) continue;
      const { relation, va_cols: columns } = each.VacuumRelation;
      const name = tableName(relation);
      const found = await this.#findTable(name);
      if (found === undefined) throw new SqlError('undefined_table', `relation "${name}" does not exist`);
      for (const column of stringsOf(columns)) requireColumn(found.table, column, undefined);
    }
    sink.complete(title);
  }

  async #copy(statement: Extract<Node, { CopyStmt: unknown }>['CopyStmt'], sink: UtilitySink): Promise<void> {
    await this.#holdPortals();
    for (;;) {
      const { generation } = this.engine.catalog;
      const name = statement.relation?.relname ?? '';
      const found = await this.#findTable(name);
      const bound = bindCopy(statement, () => found);
      let source: ClosableCopySource | undefined;
      const next = (): Awaitable<Bytes | undefined> => {
        const chunk = source!.next();
        return isPromise(chunk) ? this.#interrupts.race(chunk) : chunk;
      };
      const plan = planCopy(bound, { next }, generation);
      let running: RunningPortal;
      try {
        running = await this.#open(plan, [], false);
      } catch (error) {
        if (error instanceof PlanOutdated) continue;
        throw error;
      }
      try {
        source = await sink.copyIn!(bound.columns.length);
        await drain(running.operator, () => {});
        sink.complete(tagOf(running));
      } finally {
        source?.close();
        running.operator.close();
      }
      return;
    }
  }

  #refuseReadOnly(title: string): void {
    if (!this.#isReadOnly()) return;
    throw new SqlError('read_only_sql_transaction', `cannot execute ${title} in a read-only transaction`);
  }

  async #beginSchemaChange(): Promise<Transaction> {
    this.#ranStatement = true;
    await this.#holdPortals();
    const transaction = this.#transaction ?? this.#begin();
    transaction.beginStatement();
    const timeoutMs = this.parameters.milliseconds('lock_timeout');
    const bound = timeoutMs > 0 ? { timeoutMs } : {};
    await this.#interrupts.race(beginSchemaChange(transaction, this.engine.keyspace, bound));
    this.#wrote = true;
    this.#schemaChanged = true;
    return transaction;
  }
}

function bindStatement(node: Node, context: BindContext, findTable: FindTable): BoundQuery {
  return at(undefined, () => {
    if ('SelectStmt' in node) return bindSelect(node.SelectStmt, context, findTable);
    if ('InsertStmt' in node) return bindInsert(node.InsertStmt, context, findTable);
    if ('UpdateStmt' in node) return bindUpdate(node.UpdateStmt, context, findTable);
    if ('DeleteStmt' in node) return bindDelete(node.DeleteStmt, context, findTable);
    throw notSupported(statementTitle(kindOf(node)));
  });
}

function failedBlock(): SqlError {
  return new SqlError(
    'in_failed_sql_transaction',
    'current transaction is aborted, commands ignored until end of transaction block',
  );
}

function isolationLevel(value: string, name: string): string {
  const level = value.toLowerCase();
  if (['serializable', 'repeatable read', 'read committed', 'read uncommitted'].includes(level)) return level;
  throw new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`);
}
