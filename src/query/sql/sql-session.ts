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

import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import type { Seat } from '../../base/roster.ts';
import type { Timer } from '../../platform/platform.ts';
import type { ParameterTypes } from './binder/query-context.ts';
import { FunctionBodies } from './function-bodies.ts';
import type { Evaluate, SessionFacts } from './functions/evaluation.ts';
import { Interrupts } from './interrupts.ts';
import { AdvisoryLocks } from './locks/advisory-locks.ts';
import { type Notification, SessionNotifications } from './notifications.ts';
import { GivenRows } from './operators/given-rows.ts';
import type { InsertText } from './parser/insert-text.ts';
import { type LiteralPlace, LiteralRows, RowsUnfit } from './parser/literal-rows.ts';
import type { ParsedStatement } from './parser/parser.ts';
import type { TemplateMatch } from './parser/statement-template.ts';
import type { Plan } from './planner/plan.ts';
import type { FieldFormat, Portal, PreparedStatement } from './portal.ts';
import type { Portals } from './portals.ts';
import { RelationSizes } from './relation-sizes.ts';
import { CommitBeforeComplete, GatheringSink, type ResultSink, type StatementResult } from './results.ts';
import { SeededNumbers } from './seeded-numbers.ts';
import type { ClientAddress, ObservedSession, SessionActivity, SessionState } from './session-activity.ts';
import { SessionParameters } from './session-parameters.ts';
import type { SqlEngine } from './sql-engine.ts';
import { locate, SqlError } from './sql-error.ts';
import { endsBlock, isQuery } from './statement-kinds.ts';
import { type GivenParameters, StatementRunner } from './statement-runner.ts';
import { executeOf, locatedIn } from './statements/prepared-statements.ts';
import { UtilityStatements } from './statements/utility-statements.ts';
import { translateStoreError } from './store-errors.ts';
import { sweepTemporary } from './temporary-relations.ts';
import { TransactionBlock } from './transaction-block.ts';
import type { SqlValue } from './types/types.ts';

export interface SessionOptions {
  readonly user: string;
  readonly database: string;
  /** What pg_backend_pid() says; unique among the sessions of an engine. */
  readonly processId: number;
  /** Parameters that the client sent when it connected. */
  readonly parameters?: ReadonlyMap<string, string>;
  readonly client?: ClientAddress;
  /** Ends the connection: pg_terminate_backend. */
  readonly terminate?: () => void;
  /** Other sessions have told it something: see `takeNotifications`. */
  readonly notified?: () => void;
}

const NOTHING_TOLD: readonly Notification[] = [];

/** What a client is told by ReadyForQuery. */
export type TransactionStatus = 'idle' | 'block' | 'failed';

export class SqlSession {
  /** That runs, or ran last. */
  #text: string | undefined;
  /** When it began, in milliseconds since 1970. */
  #textMs = 0;
  #endedMs: number;
  #isSleeping = false;
  readonly engine: SqlEngine;
  readonly parameters: SessionParameters;
  readonly facts: SessionFacts;
  readonly statements = new Map<string, PreparedStatement>();
  readonly #interrupts: Interrupts;
  readonly #block: TransactionBlock;
  readonly #advisory: AdvisoryLocks;
  readonly #runner: StatementRunner;
  readonly #bodies: FunctionBodies;
  readonly #utility: UtilityStatements;
  readonly #seat: Seat<ObservedSession>;
  #closed = false;

  /** @throws SqlError for a parameter that does not exist or cannot have its value. */
  constructor(engine: SqlEngine, options: SessionOptions) {
    this.engine = engine;
    this.#endedMs = engine.platform.clock.nowMs();
    this.#interrupts = new Interrupts(engine.platform, engine.limits.sliceMs);
    this.parameters = new SessionParameters(
      new Map([['session_authorization', options.user]]),
      options.parameters ?? new Map(),
      {
        nameOf: (kind, oid) => this.#block.objects?.nameOf(kind, oid),
        oidOf: (kind, parts) => this.#block.objects?.oidOf(kind, parts),
        labelsOf: (type) => this.#block.grownEnums.get(type),
      },
    );
    this.#advisory = new AdvisoryLocks({
      store: engine.store,
      keyspace: engine.keyspace,
      processId: options.processId,
      interrupts: this.#interrupts,
      parameters: this.parameters,
      sessions: engine.advisory,
      transaction: () => this.#block.transaction ?? this.#block.begin(),
    });
    this.#block = new TransactionBlock(engine, this.parameters, {
      label: `pg:${options.processId}`,
      user: options.user,
      advisory: this.#advisory,
      notifications: new SessionNotifications(engine.notifications, options.processId, () => options.notified?.()),
    });
    const block = this.#block;
    this.facts = {
      catalog: () => block.objects,
      user: options.user,
      database: options.database,
      processId: options.processId,
      setting: (name) => this.#utility.settings.show(name),
      setParameter: (name, value, local) => this.#utility.settings.setByFunction(name, value, local),
      sequences: this.#block.sequences,
      advisory: this.#advisory,
      notifications: this.#block.notifications,
      transactions: {
        current: () => block.current(),
        currentIfAssigned: () => block.currentIfAssigned(),
        snapshot: () => block.snapshot(),
        exportSnapshot: () => block.exportSnapshot(options.processId),
        status: (id) => engine.transactionIds.status(id),
      },
      seeded: new SeededNumbers(),
      startedMicros: engine.startedMicros,
      query: () => this.#text,
      temporarySchema: () => block.temporary?.id,
      sleep: (ms) => this.#sleep(ms),
      callFunction: (definition, args, evaluation) => this.#bodies.call(definition, args, evaluation),
      statistics: engine.statistics,
      settings: () => this.parameters.settings(),
      prepared: () => this.statements,
      portals: () => this.#block.portals,
      indexBuilds: () => engine.indexBuilds,
      sessions: engine.sessions,
      sizes: new RelationSizes(engine, this.#block, this.#interrupts, () => this.#runner.execution(undefined)),
      schemaNames: (implied) => this.#block.path[implied ? 'searched' : 'named'].map(({ name }) => name),
    };
    const context = {
      engine,
      parameters: this.parameters,
      facts: this.facts,
      interrupts: this.#interrupts,
      block: this.#block,
      sequences: this.#block.sequences,
      statements: this.statements,
    };
    this.#runner = new StatementRunner(context);
    this.#bodies = new FunctionBodies(context, this.#runner);
    this.#utility = new UtilityStatements(context, this.#runner);
    this.#seat = engine.sessions.add(this.#observed(options));
  }

  /** As other sessions see it. */
  #observed({ user, database, processId, client, terminate }: SessionOptions): ObservedSession {
    const startedMicros = this.engine.nowMicros();
    const activity = (): SessionActivity => {
      // Its answer leaves once what it tells of is durable.
      const isActive =
        this.#interrupts.isRunning || this.observedVersion > this.engine.store.statistics().durableVersion;
      const { status, nowMicros } = this.#block;
      return {
        processId,
        user,
        database,
        applicationName: this.parameters.show('application_name') ?? '',
        client,
        startedMicros,
        transactionMicros: status === 'none' ? undefined : nowMicros,
        statementMicros: this.#text === undefined ? undefined : microsOf(this.#textMs),
        stateMicros: microsOf(isActive ? this.#textMs : this.#endedMs),
        state: isActive ? 'active' : IDLE_STATES[status],
        waits: isActive ? this.#waits() : ['Client', 'ClientRead'],
        query: this.#text ?? '',
      };
    };
    return {
      processId,
      activity,
      tableLocks: () => this.#block.tableLocks(),
      cancel: () => this.cancel(),
      terminate: () => terminate?.(),
    };
  }

  #waits(): SessionActivity['waits'] {
    if (this.#isSleeping) return ['Timeout', 'PgSleep'];
    if (this.#interrupts.isWaiting) return ['Lock', 'transactionid'];
    return this.#interrupts.isRunning ? undefined : ['IO', 'WALSync'];
  }

  get portals(): Portals {
    return this.#block.portals;
  }

  /** Highest commit version that anything this session answered depends on. */
  get observedVersion(): number {
    return Math.max(this.#block.observer.observedVersion, this.#block.transaction?.observedVersion ?? 0);
  }

  get status(): TransactionStatus {
    return this.#block.status === 'failed' ? 'failed' : this.#block.status === 'explicit' ? 'block' : 'idle';
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
    if (this.#block.status !== 'failed') {
      const { generation } = this.engine.catalog;
      const match = this.engine.templates.match(text, generation, (second) => this.#parseQuery(second));
      if (match !== undefined) return this.#queryTemplate(text, match, sink);
      const insert = this.engine.insertTexts.match(text, generation, (head) => this.#parseQuery(head));
      if (insert !== undefined) return this.#queryInsert(text, insert, sink);
    }
    return this.#queryText(text, sink);
  }

  #queryText(text: string, sink: ResultSink): Awaitable<void> {
    return this.#guarded(text, () => this.#parseAndRun(text, sink));
  }

  #parseAndRun(text: string, sink: ResultSink): Awaitable<void> {
    return whenReady(this.engine.parser.parse(text), (parsed) => this.#runAll(parsed, sink));
  }

  /** An INSERT whose rows are read without a tree, or else as any other text. */
  #queryInsert(text: string, insert: InsertText, sink: ResultSink): Awaitable<void> {
    const { catalog, insertTexts } = this.engine;
    const whole = (): Awaitable<void> => this.#parseAndRun(text, sink);
    const refused = (): Awaitable<void> => {
      insertTexts.refuse(text, insert, catalog.generation);
      return whole();
    };
    const run = (plan: Plan): Awaitable<void> => {
      if (plan.overRows === undefined) return refused();
      const overRows = this.#planOverLiterals(text, insert, plan);
      if (overRows === undefined) return whole();
      const over = (current: Plan): Plan => {
        const found = current === plan ? overRows : this.#planOverLiterals(text, insert, current);
        if (found === undefined) throw new RowsUnfit();
        return found;
      };
      const unfit = (error: unknown): Awaitable<void> => {
        if (!(error instanceof RowsUnfit)) throw error;
        return whole();
      };
      try {
        const done = this.#runOne(insert.statement, { types: insert.types, values: [], over }, true, true, sink);
        return isPromise(done) ? done.catch(unfit) : done;
      } catch (error) {
        return unfit(error);
      }
    };
    return this.#guarded(text, () => {
      let planned: Awaitable<Plan>;
      try {
        planned = this.#runner.plan(insert.statement, insert.types);
      } catch {
        return refused();
      }
      return isPromise(planned) ? planned.then(run, refused) : run(planned);
    });
  }

  /** Undefined where the text holds anything but rows of literals for that plan. */
  #planOverLiterals(text: string, { at, defaults }: InsertText, plan: Plan): Plan | undefined {
    const { overRows } = plan;
    if (overRows?.columns.length !== defaults.length) return undefined;
    const places: LiteralPlace[] = [];
    const computed: { readonly place: number; readonly value: Evaluate }[] = [];
    for (let place = 0; place < defaults.length; place++) {
      const column = overRows.columns[place];
      if (defaults[place]!) computed.push({ place, value: overRows.value(place) });
      else if (column === undefined) return undefined;
      places.push(defaults[place]! ? 'default' : column!);
    }
    const rows = LiteralRows.over(places)?.read(text, at, this.#runner.bindContext([], false).time);
    return rows && { ...plan, open: overRows.over((context) => new GivenRows(rows, computed, context)) };
  }

  /** The trees of a text that is planned, none for any other; undefined while the parser is being loaded. */
  #parseQuery(text: string): readonly ParsedStatement[] | undefined {
    try {
      const parsed = this.engine.parser.parse(text);
      if (isPromise(parsed)) {
        parsed.catch(() => {}); // It is parsed again, by whoever runs it.
        return undefined;
      }
      return parsed.every(({ node }) => isQuery(node)) ? parsed : [];
    } catch {
      return [];
    }
  }

  #queryTemplate(text: string, match: TemplateMatch, sink: ResultSink): Awaitable<void> {
    const { statement, types } = match;
    const known = this.#runner.knownPlan(statement, types);
    if (known !== undefined) {
      this.#noteText(text);
      const done = this.#runPoint(known, match.values, sink, true);
      if (done !== undefined) return isPromise(done) ? done.then(() => {}) : undefined;
      return this.#runTemplate(text, match, known, sink);
    }
    // What the template cannot be planned for is told in the words and places of the text itself.
    const { templates, catalog } = this.engine;
    const { generation } = catalog;
    let planned: Awaitable<Plan>;
    try {
      planned = this.#runner.plan(statement, types);
    } catch {
      templates.refuse(text, generation);
      return this.#queryText(text, sink);
    }
    if (!isPromise(planned)) return this.#runTemplate(text, match, planned, sink);
    planned.catch(() => templates.refuse(text, generation));
    return this.#queryText(text, sink);
  }

  #runTemplate(text: string, match: TemplateMatch, plan: Plan, sink: ResultSink): Awaitable<void> {
    return this.#guarded(text, () => {
      const autocommit = this.#block.status === 'none';
      this.#block.beginImplicit();
      return this.#runner.runQuery(match.statement, match, true, autocommit, sink, 1, plan);
    });
  }

  /** A point query is over before anybody else can see that it runs. */
  #noteText(text: string): void {
    this.#text = text;
    this.#textMs = this.#endedMs = this.engine.platform.clock.nowMs();
  }

  /** See `StatementRunner.runPoint`. @throws SqlError, OperationError. */
  #runPoint(plan: Plan, values: readonly SqlValue[], sink: ResultSink, announce: boolean): Awaitable<true> | undefined {
    try {
      const done = this.#runner.runPoint(plan, values, sink, announce);
      if (!isPromise(done)) return done;
      return this.#guarded('', () => done);
    } catch (error) {
      this.#block.afterError();
      throw translateStoreError(error);
    }
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
        const told = { preparedMs: this.engine.platform.clock.nowMs(), fromSql: false, uses: 0 };
        if (statement === undefined) return { ...told, statement, parameterTypes: [], columns: undefined };
        if (this.#block.status === 'failed' && !endsBlock(statement.node)) throw failedBlock();
        if (!isQuery(statement.node)) {
          return { ...told, statement, parameterTypes: [], columns: this.#utility.columnsOf(statement.node) };
        }
        return whenReady(this.#runner.describe(statement, types), ({ parameterTypes, columns, plan }) => ({
          ...told,
          statement,
          parameterTypes,
          columns,
          plan,
        }));
      }),
    );
  }

  /** @throws SqlError `in_failed_sql_transaction` for a portal of a statement that does not end the failed transaction. */
  requireBindable({ statement, parameterTypes }: PreparedStatement): void {
    if (this.#block.status !== 'failed') return;
    if (statement === undefined || parameterTypes.length > 0 || !endsBlock(statement.node)) throw failedBlock();
  }

  portal(prepared: PreparedStatement, values: readonly SqlValue[], formats: readonly FieldFormat[] = []): Portal {
    return {
      prepared,
      values,
      formats,
      state: 'new',
      running: undefined,
      createdMs: this.engine.platform.clock.nowMs(),
      depth: this.#block.savepoints.length,
    };
  }

  /**
   * The extended protocol: runs a portal, or goes on with it, up to `rowsMax` rows (0 for all). Columns are not
   * announced. @returns whether rows may be left.
   */
  run(portal: Portal, rowsMax: number, sink: ResultSink): Awaitable<'complete' | 'suspended' | 'empty'> {
    const { statement } = portal.prepared;
    if (statement === undefined) return 'empty';
    if (portal.state === 'new') portal.prepared.uses++;
    const { plan } = portal.prepared;
    if (plan?.point !== undefined && portal.state === 'new' && rowsMax === 0) {
      this.#noteText(statement.text);
      const done = this.#runPoint(plan, portal.values, sink, false);
      if (done !== undefined) {
        portal.state = 'done';
        return isPromise(done) ? done.then(() => 'complete') : 'complete';
      }
    }
    return this.#guarded(statement.text, () => {
      if (this.#block.status === 'failed' && !endsBlock(statement.node)) throw failedBlock();
      if (portal.cursor === undefined && !isQuery(statement.node)) {
        if (portal.state === 'done') return 'complete';
        this.#block.beginImplicit();
        if (executeOf(statement.node) !== undefined) return this.#runExecute(portal, statement, rowsMax, sink);
        this.#block.standsAlone = true;
        portal.state = 'done';
        const direct = new CommitBeforeComplete(sink, () => undefined);
        return whenReady(this.#utility.run(statement, direct, { announce: false }), () =>
          whenReady(direct.finish(), () => 'complete' as const),
        );
      }
      this.#block.beginImplicit();
      return this.#runner.runPortal(portal, rowsMax, sink);
    });
  }

  /** What EXECUTE stands for takes its place in the portal. */
  #runExecute(
    portal: Portal,
    execute: ParsedStatement,
    rowsMax: number,
    sink: ResultSink,
  ): Awaitable<'complete' | 'suspended'> {
    const { statement, given } = this.#utility.prepared.substituted(execute);
    portal.prepared = { ...given.prepared, statement, columns: portal.prepared.columns };
    portal.values = given.values;
    return locatedIn(statement, () => this.#runner.runPortal(portal, rowsMax, sink));
  }

  /** The end of an extended request: commits what was not in a block. */
  sync(): Awaitable<void> {
    if (this.#block.status === 'implicit') return this.#guarded('', () => this.#block.commit());
    if (this.#block.status === 'none') this.#block.closePortals(); // Point queries need no transaction to end them.
    return undefined;
  }

  /** What other sessions and itself have told it, which no transaction waits for; to be sent once `observedVersion` is durable. */
  takeNotifications(): readonly Notification[] {
    const taken = this.#block.status === 'none' ? this.#block.notifications.take() : undefined;
    if (taken === undefined) return NOTHING_TOLD;
    this.#block.observe(taken.version);
    return taken.notifications;
  }

  /** An error of the protocol or of converting values: ends the transaction as an error of a statement does. */
  fail(): void {
    this.#block.afterError();
  }

  closePortal(name: string): void {
    this.#block.closePortal(name);
  }

  /** Stops the running statement with `query_canceled`; harmless when none runs. */
  cancel(): void {
    this.#interrupts.raise(new SqlError('query_canceled', 'canceling statement due to user request'));
  }

  /** Rolls back what is open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#seat.leave();
    // An error remembers where it was made, which takes as long as a short statement.
    if (this.#interrupts.isRunning) {
      this.#interrupts.raise(new SqlError('query_canceled', 'the session has ended'));
    }
    this.#block.endTransaction();
    for (const name of this.portals.names()) this.#block.closePortal(name);
    this.#advisory.close();
    this.#block.notifications.close();
    this.statements.clear();
    const { temporary, temporaryName } = this.#block;
    if (temporaryName !== undefined) this.engine.temporarySchemas.delete(temporaryName);
    if (temporary !== undefined) void sweepTemporary(this.engine, [temporary]);
  }

  #sleep(ms: number): Promise<void> {
    const { timers } = this.engine.platform;
    let timer: Timer | undefined;
    const slept = new Promise<void>((resolve) => {
      timer = timers.after(ms, resolve);
    });
    this.#isSleeping = true;
    return this.#interrupts.race(slept).finally(() => {
      this.#isSleeping = false;
      timer?.cancel();
    });
  }

  // --- Running statements

  /** Runs work under the statement's timeout; an error ends the transaction and gets its position. */
  #guarded<T>(text: string, work: () => Awaitable<T>): Awaitable<T> {
    assert(!this.#closed, 'a closed session runs no statement');
    this.#text = text;
    this.#textMs = this.engine.platform.clock.nowMs();
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
    this.#endedMs = this.engine.platform.clock.nowMs();
    this.#interrupts.end();
    this.engine.noteRunning(-1);
  }

  #failed(error: unknown, text: string): unknown {
    this.#ended();
    const translated = translateStoreError(error);
    if (translated instanceof SqlError && translated.schemaId !== undefined) {
      translated.schema = this.#block.schemas.get(translated.schemaId)?.name ?? translated.schema;
    }
    this.#block.afterError();
    locate(translated, text);
    return translated;
  }

  #runAll(parsed: readonly ParsedStatement[], sink: ResultSink): Awaitable<void> {
    if (parsed.length === 0) {
      sink.empty();
      return;
    }
    for (let i = 0; i < parsed.length; i++) {
      const done = this.#runOne(parsed[i]!, undefined, i === parsed.length - 1, parsed.length === 1, sink);
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
    for (let i = from; i < parsed.length; i++)
      await this.#runOne(parsed[i]!, undefined, i === parsed.length - 1, false, sink);
  }

  #runOne(
    statement: ParsedStatement,
    given: GivenParameters | undefined,
    isLast: boolean,
    isOnly: boolean,
    sink: ResultSink,
  ): Awaitable<void> {
    const { node } = statement;
    if (this.#block.status === 'failed' && !endsBlock(node)) throw failedBlock();
    const autocommit = isOnly && this.#block.status === 'none';
    if (!isQuery(node)) {
      this.#block.beginImplicit();
      this.#block.standsAlone = isOnly;
      if (executeOf(node) !== undefined) {
        const { statement: prepared, given: values } = this.#utility.prepared.substituted(statement);
        return locatedIn(prepared, () => this.#runner.runQuery(prepared, values, isLast, autocommit, sink, 1));
      }
      const tagged = new CommitBeforeComplete(sink, () => (isLast ? this.#block.commitImplicit() : undefined));
      return whenReady(this.#utility.run(statement, tagged, { announce: true }), () => tagged.finish());
    }
    this.#block.beginImplicit();
    return this.#runner.runQuery(statement, given, isLast, autocommit, sink, 1);
  }
}

const IDLE_STATES = {
  none: 'idle',
  implicit: 'idle',
  explicit: 'idle in transaction',
  failed: 'idle in transaction (aborted)',
} as const satisfies Record<TransactionBlock['status'], SessionState>;

function microsOf(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * 1_000n;
}

function failedBlock(): SqlError {
  return new SqlError(
    'in_failed_sql_transaction',
    'current transaction is aborted, commands ignored until end of transaction block',
  );
}
