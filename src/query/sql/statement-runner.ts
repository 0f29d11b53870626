/**
 * Runs the statements that are planned: binds and plans them, opens their plans in the session's transaction, and hands
 * out their rows.
 *
 * Whoever writes or locks rows holds the table's definition in share, who drops it in exclusive. A plan made before a
 * change that was waited for is made again.
 */

import type { Node, RangeVar, SelectStmt } from '@pgsql/types';
import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { type Bytes, equalBytes } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import { inputTypes, type UserFunction } from '../../models/relational/function-definition.ts';
import { tableKey } from '../../models/relational/keys.ts';
import type { FrozenReads, Transaction } from '../../storage/store.ts';
import { namesObjects } from './binder/bind-create-table.ts';
import { withRowKeys } from './binder/bind-cursor.ts';
import { bindQuery, queryContext } from './binder/bind-query.ts';
import { bindStatement } from './binder/bind-statement.ts';
import { bindBodyStatement, checkBody, statementsOf } from './binder/body-statements.ts';
import type { BoundQuery, BoundRows } from './binder/bound.ts';
import { requireParameterTypes } from './binder/coercion.ts';
import { ExpressionBinder } from './binder/expression-binder.ts';
import type { BindContext, FunctionLookup, ParameterTypes, QueryContext } from './binder/query-context.ts';
import { type BindProgress, Frame } from './binder/scope.ts';
import { SequenceDry } from './catalog/sequences.ts';
import type { CatalogTable } from './catalog-cache.ts';
import { type Cursor, FETCH_ALL, rowOfCursor } from './cursor.ts';
import { Execution } from './execution.ts';
import type { BodyPart } from './function-bodies.ts';
import type { EvaluationContext } from './functions/evaluation.ts';
import { ROW_EXCLUSIVE, ROW_SHARE, type TableMode } from './locks/table-modes.ts';
import type { RowBatch, StoredRows } from './operators/operator.ts';
import type { ParsedStatement } from './parser/parser.ts';
import { aroundFunctions, readsWritten } from './planner/around-functions.ts';
import { compileAtOnce } from './planner/compile-at-once.ts';
import { compileExpression } from './planner/compile-expression.ts';
import { columnsOf, type Plan, type PlanEnvironment, planQuery } from './planner/plan.ts';
import {
  closeRunning,
  type Portal,
  type PreparedStatement,
  pump,
  pumpStored,
  type RunningPortal,
  tagOf,
} from './portal.ts';
import type { ResultSink } from './results.ts';
import type { SessionContext } from './session-context.ts';
import type { SqlEngine } from './sql-engine.ts';
import { at, notSupported, SqlError } from './sql-error.ts';
import { sameColumns } from './statement-kinds.ts';
import { StatementNames } from './statement-names.ts';
import type { TransactionBlock } from './transaction-block.ts';
import type { TimeContext } from './types/timestamptz.ts';
import type { SqlType, SqlValue } from './types/types.ts';

/** The catalog changed while a lock was waited for: plan again. Never leaves the session. */
export class PlanOutdated extends Error {}

/** A statement was bound, and cannot be planned. Never leaves this file. */
class PlanningFailed extends Error {
  readonly why: unknown;
  readonly parameterTypes: readonly SqlType[];
  readonly columns: Plan['columns'];

  constructor(why: unknown, parameterTypes: readonly SqlType[], columns: Plan['columns']) {
    super();
    this.why = why;
    this.parameterTypes = parameterTypes;
    this.columns = columns;
  }
}

/** Reservations grow fourfold with each attempt. */
const DRY_ATTEMPTS_MAX = 12;

const none = (): undefined => undefined;
const NO_TABLES: readonly CatalogTable[] = [];

export interface GivenParameters {
  /** Undefined for one that the statement is to say. */
  readonly types: readonly (SqlType | undefined)[];
  readonly values: readonly SqlValue[];
  /** The statement that was prepared, whose columns it still has to give. */
  readonly prepared?: PreparedStatement;
  /** What to run in place of the statement's plan, which may be made anew before it runs. */
  readonly over?: (plan: Plan) => Plan;
}

/** A plan for a cursor. */
export interface CursorPlan {
  readonly plan: Plan;
  /** Behind the columns of the query come the keys of these. */
  readonly tables: readonly CatalogTable[];
}

export class StatementRunner {
  readonly #session: SessionContext;
  readonly #engine: SqlEngine;
  readonly #block: TransactionBlock;
  readonly names: StatementNames;

  constructor(session: SessionContext) {
    this.#session = session;
    this.#engine = session.engine;
    this.#block = session.block;
    this.names = new StatementNames(session);
  }

  /**
   * The shortest road: a point query at READ COMMITTED, answered from the newest committed row, or from what its
   * transaction has written.
   * @param announce Whether the columns are to be told.
   * @returns undefined when this is not such a case, else whether it is done.
   */
  runPoint(plan: Plan, values: readonly SqlValue[], sink: ResultSink, announce: boolean): Awaitable<true> | undefined {
    const { point } = plan;
    const block = this.#block;
    if (this.#engine.catalog.isShared) return undefined; // The plan may be outdated, which only a transaction can tell.
    if (point === undefined || plan.generation !== this.#engine.catalog.generation) return;
    const { transaction } = block;
    if (block.status !== 'none') {
      if (block.status !== 'explicit' || transaction === undefined || block.schemaChanged) return;
      if (transaction.isolation !== 'readCommitted' || block.holdsPortals) return;
    } else if (block.storeIsolation() !== 'readCommitted') return;
    const key = point.key(values);
    const columns = plan.columns!;
    const deliver = (value: Bytes | undefined): Awaitable<true> => {
      if (announce) sink.columns(columns);
      if (value === undefined) {
        sink.complete('SELECT 0');
        return true;
      }
      return whenReady(sink.rows(columns, [point.row(key!, value)]), () => {
        sink.complete('SELECT 1');
        return true;
      });
    };
    if (key === undefined) return deliver(undefined);
    if (transaction !== undefined) {
      block.ranStatement = true;
      transaction.beginStatement();
    }
    const found = transaction === undefined ? this.#engine.store.get(key, block.observer) : transaction.get(key);
    return isPromise(found) ? found.then(deliver) : deliver(found);
  }

  /** The plan of a statement, if there is one that is still good. */
  knownPlan(statement: ParsedStatement, types: readonly (SqlType | undefined)[]): Plan | undefined {
    return this.#cachedPlan(statement, types);
  }

  #cachedPlan(statement: ParsedStatement, types: readonly (SqlType | undefined)[] | undefined): Plan | undefined {
    if (this.#block.seesOtherSchema) return undefined;
    const plan = this.#engine.cachedPlan(statement, this.#session.parameters.planKey, types);
    if (plan !== undefined) this.#block.holdObjects();
    return plan;
  }

  /**
   * Runs one query to its end and commits when it is the last of an implicit transaction.
   * @param given Types and values of its parameters, when it has some.
   * @param known Its plan, when that is at hand.
   */
  runQuery(
    statement: ParsedStatement,
    given: GivenParameters | undefined,
    isLast: boolean,
    autocommit: boolean,
    sink: ResultSink,
    attempt: number,
    known?: Plan,
  ): Awaitable<void> {
    const delivery = { started: false };
    const again = (error: unknown): Awaitable<void> => {
      if (error instanceof SequenceDry && !delivery.started && attempt < DRY_ATTEMPTS_MAX) {
        if (autocommit) {
          this.#block.endTransaction();
          this.#block.beginImplicit();
        }
        return this.#refill(error, attempt).then(() =>
          this.runQuery(statement, given, isLast, autocommit, sink, attempt + 1),
        );
      }
      const retriable = error instanceof PlanOutdated || (autocommit && this.#retriable(error));
      if (!retriable || delivery.started || attempt >= this.#engine.limits.attemptsMax) throw error;
      if (!(error instanceof PlanOutdated)) {
        this.#block.endTransaction();
        this.#block.beginImplicit();
      }
      return this.runQuery(statement, given, isLast, autocommit, sink, attempt + 1);
    };
    try {
      const planned = known ?? this.plan(statement, given?.types);
      const run = (plan: Plan): Awaitable<void> => {
        if (given?.prepared !== undefined && plan.verb !== 'EXPLAIN') requireColumns(plan, given.prepared);
        return this.#runPlan(given?.over?.(plan) ?? plan, given?.values ?? [], isLast, autocommit, sink, delivery);
      };
      const done = isPromise(planned) ? planned.then(run) : run(planned);
      return isPromise(done) ? done.catch(again) : done;
    } catch (error) {
      return again(error);
    }
  }

  /** Undoes what the statement has done, and reserves values for its next attempt. */
  async #refill({ state }: SequenceDry, attempt: number): Promise<void> {
    this.#block.undoStatement();
    this.#block.sequences.restart();
    await this.#engine.sequences.ensure(state, 32n * 4n ** BigInt(attempt - 1) + state.left);
  }

  /** A conflict that PostgreSQL would not have had: at READ COMMITTED it waits and goes on. */
  #retriable(error: unknown): boolean {
    return hasCode(error, 'transaction_conflict') && this.#block.storeIsolation() === 'readCommitted';
  }

  #runPlan(
    plan: Plan,
    values: readonly SqlValue[],
    isLast: boolean,
    autocommit: boolean,
    sink: ResultSink,
    delivery: { started: boolean },
  ): Awaitable<void> {
    const opened = this.open(plan, values, autocommit);
    return isPromise(opened)
      ? opened.then((running) => this.#runOpened(running, isLast, sink, delivery))
      : this.#runOpened(opened, isLast, sink, delivery);
  }

  #runOpened(
    running: RunningPortal,
    isLast: boolean,
    sink: ResultSink,
    delivery: { started: boolean },
  ): Awaitable<void> {
    const { columns, modifies } = running.plan;
    const { sequences } = this.#engine;
    // Nothing is said before the first row where the statement may have to begin again for it.
    if (columns !== undefined && !modifies && !sequences.isShared) {
      delivery.started = true;
      sink.columns(columns);
    }
    const deliver = (batch: RowBatch): Awaitable<void> => {
      if (!delivery.started) {
        delivery.started = true;
        sink.columns(columns!);
      }
      return whenReady(this.#block.sequences.topUp(), () => sink.rows(columns!, batch));
    };
    const stored = delivery.started ? storedRowsFor(running, 0, sink) : undefined;
    const { interrupts } = this.#session;
    const pumped =
      stored === undefined
        ? pump(running, 0, interrupts, deliver)
        : pumpStored(running, stored, interrupts, (entries, fields) => sink.storedRows!(columns!, entries, fields));
    const settled = isPromise(pumped) ? pumped.then(() => sequences.settled()) : sequences.settled();
    return isPromise(settled)
      ? settled.then(() => this.#finishQuery(running, isLast, sink, delivery))
      : this.#finishQuery(running, isLast, sink, delivery);
  }

  #finishQuery(
    running: RunningPortal,
    isLast: boolean,
    sink: ResultSink,
    delivery: { started: boolean },
  ): Awaitable<void> {
    closeRunning(running);
    const { columns } = running.plan;
    const committed = isLast ? this.#block.commitImplicit() : undefined;
    const finish = (): void => {
      if (columns !== undefined && !delivery.started) sink.columns(columns);
      sink.complete(tagOf(running));
    };
    return isPromise(committed) ? committed.then(finish) : finish();
  }

  /** A cursor that the protocol reads on from. */
  #runCursor(cursor: Cursor, rowsMax: number, sink: ResultSink): Promise<'complete' | 'suspended'> {
    const wanted = rowsMax === 0 ? FETCH_ALL : rowsMax;
    const fetched = cursor.read('FETCH_FORWARD', wanted, (batch) =>
      whenReady(this.#block.sequences.topUp(), () => sink.rows(cursor.columns, batch)),
    );
    return fetched.then((rows) => {
      if (rows === rowsMax) return 'suspended';
      sink.complete(`SELECT ${rows}`);
      return 'complete';
    });
  }

  runPortal(portal: Portal, rowsMax: number, sink: ResultSink, attempt = 1): Awaitable<'complete' | 'suspended'> {
    if (portal.cursor !== undefined) return this.#runCursor(portal.cursor, rowsMax, sink);
    if (portal.state === 'done') {
      sink.complete(portal.running === undefined ? 'SELECT 0' : `${portal.running.plan.verb} 0`);
      return 'complete';
    }
    return whenReady(this.openPortal(portal), (running) => {
      assert(
        running.transaction === this.#block.transaction || running.transaction === undefined,
        'a portal of an ended transaction',
      );
      const { plan } = running;
      const rowsBefore = running.rows;
      let delivered = rowsBefore > 0;
      const deliver = (batch: RowBatch): Awaitable<void> => {
        delivered = true;
        return whenReady(this.#block.sequences.topUp(), () => sink.rows(plan.columns!, batch));
      };
      const again = (error: unknown): Awaitable<'complete' | 'suspended'> => {
        if (!(error instanceof SequenceDry) || delivered || attempt >= DRY_ATTEMPTS_MAX) throw error;
        closeRunning(running);
        portal.state = 'new';
        portal.running = undefined;
        return this.#refill(error, attempt).then(() => this.runPortal(portal, rowsMax, sink, attempt + 1));
      };
      const finish = (ended: boolean): Awaitable<'complete' | 'suspended'> =>
        whenReady(this.#engine.sequences.settled(), () => {
          if (!ended) return 'suspended';
          portal.state = 'done';
          closeRunning(running);
          sink.complete(tagOf(running, rowsBefore));
          return 'complete';
        });
      try {
        const stored = storedRowsFor(running, rowsMax, sink);
        const { interrupts } = this.#session;
        const pumping =
          stored === undefined
            ? pump(running, rowsMax, interrupts, deliver)
            : pumpStored(running, stored, interrupts, (entries, fields) =>
                sink.storedRows!(plan.columns!, entries, fields),
              );
        const pumped = whenReady(pumping, finish);
        return isPromise(pumped) ? pumped.catch(again) : pumped;
      } catch (error) {
        return again(error);
      }
    });
  }

  /** Begins what a portal is for, unless it has begun. */
  openPortal(portal: Portal): Awaitable<RunningPortal> {
    if (portal.running !== undefined) return portal.running;
    const { parameterTypes } = portal.prepared;
    const statement = portal.prepared.statement!;
    const opened = whenReady(this.plan(statement, parameterTypes), (plan) => {
      portal.prepared.plan = plan;
      requireColumns(plan, portal.prepared);
      return whenReady(this.open(plan, portal.values, false), (running) => {
        portal.state = 'running';
        portal.running = running;
        return running;
      });
    });
    return isPromise(opened)
      ? opened.catch((error: unknown) => {
          if (error instanceof PlanOutdated) return this.openPortal(portal);
          throw error;
        })
      : opened;
  }

  /**
   * Begins a statement in the transaction, and the plan in the statement.
   * @param within The statement around it, where it is one of a function.
   * @param frozen What it reads by, where that is what the statement around it reads by.
   */
  open(
    plan: Plan,
    values: readonly SqlValue[],
    autocommit: boolean,
    within?: EvaluationContext,
    frozen?: FrozenReads,
  ): Awaitable<RunningPortal> {
    this.#block.ranStatement = true;
    if (plan.modifies && this.#block.isReadOnly() && !this.#writesOwn(plan)) {
      throw new SqlError(
        'read_only_sql_transaction',
        `cannot execute ${plan.refusedAs ?? plan.verb} in a read-only transaction`,
      );
    }
    const statementMicros = within?.statementMicros ?? this.#engine.nowMicros();
    this.#block.nowMicros ??= statementMicros;
    if (this.#planIsOutdated(plan)) throw new PlanOutdated();
    const held = within === undefined ? this.#block.holdPortals() : undefined;
    if (isPromise(held)) return held.then(() => this.open(plan, values, autocommit));
    const { isShared } = this.#engine.catalog;
    let transaction = this.#block.transaction;
    if (transaction !== undefined) transaction.beginStatement();
    else if (isShared || !plan.isPointRead || !(autocommit || this.#block.storeIsolation() === 'readCommitted')) {
      const handedOver = this.#block.whenHandedOver();
      if (handedOver !== undefined) return handedOver.then(() => this.open(plan, values, autocommit));
      transaction = this.#block.begin(autocommit && !plan.modifies);
    }
    if (isShared) this.#block.markStatement();
    const execution = this.#execution(transaction, values, statementMicros, plan.runsFunctions, frozen);
    const open = (): RunningPortal => {
      if (plan.verb !== 'SELECT' || plan.writesRows === true) this.#block.wrote = true;
      return { plan, operator: plan.open(execution), execution, transaction, pending: [], rows: 0, rest: undefined };
    };
    const wanted = this.#tablesToHold(plan);
    const upToDate =
      isShared && !this.#block.schemaChanged ? () => this.#checkSchema(plan, transaction!, wanted) : none;
    if (wanted.length === 0) return isShared ? whenReady(upToDate(), open) : open();
    const ids = wanted.map(({ table }) => table.id);
    const locked = this.#engine.tableLocks.share(ids, (keys, options) => execution.lock(keys, options));
    return whenReady(locked, () => {
      const mode = modeOf(plan);
      for (const id of ids) this.#block.holdTable(id, mode);
      if (this.#planIsOutdated(plan)) throw new PlanOutdated();
      return whenReady(upToDate(), open);
    });
  }

  /** Those that the plan writes to or locks rows of, and that are not held. @throws SqlError for a system catalog. */
  #tablesToHold(plan: Plan): readonly CatalogTable[] {
    const { writes } = plan;
    const mode = modeOf(plan);
    let wanted: CatalogTable[] | undefined;
    for (const table of writes) {
      if (table.isSequence === true) {
        throw new SqlError('wrong_object_type', `cannot change sequence "${table.table.name}"`);
      }
      if (table.system !== undefined) {
        throw new SqlError('insufficient_privilege', `permission denied: "${table.table.name}" is a system catalog`);
      }
      if (this.#block.holdsTable(table.table.id, mode)) continue;
      wanted ??= [];
      wanted.push(table);
    }
    return wanted ?? NO_TABLES;
  }

  /**
   * Where others may have changed the schema: that the plan was made for what this statement sees. Tables that it writes to
   * are locked already, so their definitions stay as they are. @throws PlanOutdated
   */
  async #checkSchema(plan: Plan, transaction: Transaction, locked: readonly CatalogTable[]): Promise<void> {
    const { catalog, keyspace, store } = this.#engine;
    const fixed = transaction.isolation !== 'readCommitted';
    if (locked.length > 0 && !fixed) transaction.beginStatement();
    const before = this.#block.schemaVersion;
    const seen = await catalog.readSchemaVersion(transaction);
    const known = catalog.note(seen);
    this.#block.schemaVersion = seen;
    if (this.#planIsOutdated(plan) || (fixed && before === undefined && known > seen)) throw new PlanOutdated();
    if (!fixed) return;
    for (const { table } of locked) {
      const key = tableKey(keyspace, table.id);
      const [newest, own] = await Promise.all([store.get(key), transaction.get(key)]);
      if (newest !== undefined && own !== undefined && equalBytes(newest, own)) continue;
      throw new OperationError('transaction_conflict', `table "${table.name}" was changed since the transaction began`);
    }
  }

  /** For statements that are not planned, and compute expressions: of definitions, and their own. */
  execution(transaction: Transaction | undefined): Execution {
    const now = this.#engine.nowMicros();
    this.#block.nowMicros ??= now;
    return this.#execution(transaction, [], now);
  }

  #execution(
    transaction: Transaction | undefined,
    parameters: readonly SqlValue[],
    statementMicros: bigint,
    runsFunctions = false,
    frozen?: FrozenReads,
  ): Execution {
    return new Execution({
      engine: this.#engine,
      session: this.#session.facts,
      interrupts: this.#session.interrupts,
      transaction,
      observer: this.#block.observer,
      // What a function writes comes in between.
      wroteBefore: this.#block.wrote || runsFunctions,
      frozen,
      parameters,
      style: this.#session.parameters.style,
      nowMicros: this.#block.nowMicros ?? statementMicros,
      statementMicros,
      lockTimeoutMs: this.#session.parameters.milliseconds('lock_timeout'),
      block: this.#block,
    });
  }

  /** Whether it writes to temporary tables alone: that is allowed in transactions that only read. */
  #writesOwn({ writes }: Plan): boolean {
    const own = this.#block.temporary?.id;
    return own !== undefined && writes.length > 0 && writes.every(({ table }) => table.schema === own);
  }

  /** A transaction that changes the schema itself keeps all other changes out until it ends. */
  #planIsOutdated(plan: Plan): boolean {
    return !this.#block.schemaChanged && plan.generation !== this.#engine.catalog.generation;
  }

  /**
   * What a statement is prepared as. One that is right, and cannot be planned because a constant part of it fails, fails when it is
   * executed, and has no plan until then.
   * @throws SqlError of what is wrong in the statement.
   */
  describe(
    statement: ParsedStatement,
    types: readonly (SqlType | undefined)[],
  ): Awaitable<Pick<PreparedStatement, 'parameterTypes' | 'columns' | 'plan'>> {
    const described = (plan: Plan) => ({ parameterTypes: plan.parameterTypes, columns: plan.columns, plan });
    const failed = (error: unknown) => {
      if (error instanceof PlanningFailed) return error;
      throw error;
    };
    try {
      const planned = this.#planned(statement, types);
      return isPromise(planned) ? planned.then(described).catch(failed) : described(planned);
    } catch (error) {
      return failed(error);
    }
  }

  /** @param types Declared types of parameters; undefined for a statement that takes none. */
  plan(statement: ParsedStatement, types: readonly (SqlType | undefined)[] | undefined): Awaitable<Plan> {
    const failed = (error: unknown): never => {
      throw error instanceof PlanningFailed ? error.why : error;
    };
    try {
      const planned = this.#planned(statement, types);
      return isPromise(planned) ? planned.catch(failed) : planned;
    } catch (error) {
      return failed(error);
    }
  }

  /** @throws PlanningFailed, SqlError */
  #planned(statement: ParsedStatement, types: readonly (SqlType | undefined)[] | undefined): Awaitable<Plan> {
    const cached = this.#cachedPlan(statement, types);
    if (cached !== undefined) return cached;
    return whenReady(this.#engine.catalog.refresh(), () => this.#planAnew(statement, types));
  }

  #planAnew(statement: ParsedStatement, types: readonly (SqlType | undefined)[] | undefined): Awaitable<Plan> {
    const engine = this.#engine;
    const { generation } = engine.catalog;
    const { node: tree, names } = statement;
    if (names !== undefined) this.names.remember(tree, names);
    const resolved = this.names.resolveTypes(tree);
    if (isPromise(resolved)) return resolved.then((node) => this.#planNode(statement, node, types, generation));
    return this.#planNode(statement, resolved, types, generation);
  }

  /** @param node The statement's tree with the names of types told apart. */
  #planNode(
    statement: ParsedStatement,
    node: Node,
    types: readonly (SqlType | undefined)[] | undefined,
    generation: number,
  ): Awaitable<Plan> {
    const functions = this.names.findFunctions();
    if (isPromise(functions))
      return functions.then((found) => this.#planWith(statement, node, types, generation, found));
    return this.#planWith(statement, node, types, generation, functions);
  }

  #planWith(
    statement: ParsedStatement,
    node: Node,
    types: readonly (SqlType | undefined)[] | undefined,
    generation: number,
    functions: FunctionLookup | undefined,
  ): Awaitable<Plan> {
    const engine = this.#engine;
    const { planKey } = this.#session.parameters;
    return whenReady(this.names.findTables(node), (findTable) => {
      const { plan } = this.#planCalling(functions, (calls) => {
        const parameters = [...(types ?? [])];
        const context = { ...this.bindContext(parameters, types !== undefined), ...calls };
        const query = bindStatement(node, context, findTable);
        requireParameterTypes(context);
        const { time } = context;
        try {
          return { query, made: planQuery(query, parameters as SqlType[], this.planEnvironment(time, generation)) };
        } catch (error) {
          throw new PlanningFailed(error, parameters as SqlType[], columnsOf(query));
        }
      });
      const isNewest = !this.#block.seesOtherSchema && generation === engine.catalog.generation;
      if (isNewest && (statement.isKept === true || types !== undefined) && !isOfCursor(node)) {
        engine.keepPlan(statement, planKey, types, plan);
      }
      return plan;
    });
  }

  /**
   * Plans a statement with the functions that it calls. A query that takes the place of a call sees what the statement around
   * sees; of a volatile function that reads what the statement or another function writes, the call is run instead.
   */
  #planCalling<T extends { readonly query: BoundQuery; readonly made: Plan }>(
    functions: FunctionLookup | undefined,
    plan: (calls: Pick<BindContext, 'functions' | 'progress'>) => T,
  ): T & { readonly plan: Plan } {
    if (functions === undefined) {
      const planned = plan({});
      return { ...planned, plan: planned.made };
    }
    const inPlace: UserFunction[] = [];
    let progress: BindProgress = { depth: 0, slots: 0, written: [], inPlace };
    let planned = plan({ functions, progress });
    const run = new Set(inPlace.filter((each) => readsWritten(each, functions, planned.made, progress.written!)));
    if (run.size > 0) {
      progress = { depth: 0, slots: 0, written: [], run };
      planned = plan({ functions, progress });
    }
    return { ...planned, plan: aroundFunctions(planned.made, planned.query, progress.written!) };
  }

  /** What plans of this session depend on. */
  planEnvironment(time: TimeContext, generation: number): PlanEnvironment {
    const { statistics: known, catalog, platform } = this.#engine;
    const { clock } = platform;
    const { planner: settings, changedForPlans: changedSettings } = this.#session.parameters;
    return {
      time,
      generation,
      known,
      settings,
      changedSettings,
      schemaName: (id) => catalog.schemas.get(id)?.name,
      elapsedMs: () => clock.monotonicMs(),
    };
  }

  bindContext(parameters: ParameterTypes, takesParameters: boolean): BindContext {
    return {
      parameters,
      takesParameters,
      untyped: [],
      time: { ...this.#session.parameters.style, nowMicros: this.#block.nowMicros ?? this.#engine.nowMicros() },
      depthMax: this.#engine.limits.expressionDepthMax,
      sequenceNamed: (text) => this.#session.sequences.idOf(text),
      rowOfCursor: (name, table) => rowOfCursor(this.#block.portals, name, table),
    };
  }

  /**
   * For expressions that a definition is to keep, with what they call; see binder/stored-calls.ts.
   * @param definition What says them: if it names objects of the catalog, these are known.
   */
  async bindingOfDefinitions(definition?: object): Promise<BindContext> {
    if (definition !== undefined && namesObjects(definition)) await this.#block.loadObjects();
    const functions = await this.names.findFunctions();
    const context = { ...this.bindContext([], false), objects: new Map() };
    return functions === undefined ? context : { ...context, functions: { ...functions, calls: new Map() } };
  }

  /** Plans the query of a cursor. */
  planCursor(statement: ParsedStatement): Awaitable<CursorPlan> {
    const planned = async (): Promise<CursorPlan> => {
      await this.#engine.catalog.refresh();
      const { generation } = this.#engine.catalog;
      const node = await this.names.resolveTypes(statement.node);
      const functions = await this.names.findFunctions();
      const findTable = await this.names.findTables(node);
      return this.#planCalling(functions, (calls) => {
        const context = { ...this.bindContext([], false), ...calls };
        const { query, tables } = withRowKeys(bindStatement(node, context, findTable));
        return { query, tables, made: planQuery(query, [], this.planEnvironment(context.time, generation)) };
      });
    };
    return planned();
  }

  /** Plans a statement of a function, or gives the plan that is still good. */
  async planBody(definition: UserFunction, part: BodyPart): Promise<Plan> {
    const engine = this.#engine;
    const { statement, isLast } = part;
    const types = inputTypes(definition);
    const { planKey } = this.#session.parameters;
    const cached = this.knownPlan(statement, types);
    if (cached !== undefined) return cached;
    await engine.catalog.refresh();
    const { generation } = engine.catalog;
    const functions = await this.names.findFunctions();
    const findTable = await this.names.findTables(statement.node);
    const { plan, value } = this.#planCalling(functions, (calls) => {
      const context = { ...this.bindContext([], false), ...calls };
      const bound = bindBodyStatement(definition, statement.node, isLast, context, findTable);
      return { ...bound, made: planQuery(bound.query, types, this.planEnvironment(context.time, generation)) };
    });
    part.value = value;
    if (!this.#block.seesOtherSchema && generation === engine.catalog.generation) {
      engine.keepPlan(statement, planKey, types, plan);
    }
    return plan;
  }

  /** @throws SqlError of whatever is wrong in the body of a function. */
  async checkBody(definition: UserFunction): Promise<void> {
    const nodes = { List: { items: [...statementsOf(definition)] } };
    const findTable = await this.names.findTables(nodes);
    const known = await this.names.findFunctions();
    const functions: FunctionLookup = {
      byId: (id) => known?.byId(id),
      named: (name) => known?.named(name) ?? [],
      findTable: (name) => findTable(name) ?? known?.findTable(name),
      writtenBy: (other) => known?.writtenBy(other),
      binder: (context, scope) => new ExpressionBinder(context, scope),
      usedBy: (other) => known?.usedBy(other),
      compile: compileExpression,
      compileAtOnce,
      withQueries: (context) => queryContext(context, () => undefined),
    };
    checkBody(definition, queryContext({ ...this.bindContext([], false), functions }, findTable), findTable);
  }

  #definitionContext(node: Node): Awaitable<QueryContext> {
    return whenReady(this.names.findTables(node), (findTable) =>
      whenReady(this.names.findFunctions(), (functions) => {
        const context = { ...queryContext(this.bindContext([], false), findTable), objects: new Map() };
        return functions === undefined ? context : { ...context, functions: { ...functions, calls: new Map() } };
      }),
    );
  }

  /** Binds the query of a definition. @returns its rows, and what each name of a relation in it stands for. */
  bindDefinition(select: SelectStmt): Awaitable<{
    readonly rows: BoundRows;
    readonly relations: ReadonlyMap<RangeVar, CatalogTable>;
    readonly context: QueryContext;
  }> {
    return whenReady(this.#definitionContext({ SelectStmt: select }), (context) => {
      const relations = new Map<RangeVar, CatalogTable>();
      const note = (range: RangeVar, table: CatalogTable): void => {
        if (table.isSequence === true) throw notSupported('a view of a sequence', range.location);
        relations.set(range, table);
      };
      const queries = { ...context.queries, note };
      const rows = at(undefined, () => bindQuery(select, { ...context, queries }, new Frame(undefined), false));
      return { rows, relations, context };
    });
  }
}

/** The rows as they are stored, where the sink takes them and nobody else has taken any. */
function storedRowsFor(
  { operator, pending, rest, rows }: RunningPortal,
  rowsMax: number,
  sink: ResultSink,
): StoredRows | undefined {
  if (rowsMax > 0 || rows > 0 || pending.length > 0 || rest !== undefined) return undefined;
  return sink.takesStoredRows === true ? operator.storedRows?.() : undefined;
}

/** How a plan holds the tables that it writes to, or locks rows of. */
function modeOf({ verb, writesRows }: Plan): TableMode {
  return verb === 'SELECT' && writesRows !== true ? ROW_SHARE : ROW_EXCLUSIVE;
}

/** @throws SqlError `feature_not_supported` when a client was told of other columns. */
function requireColumns({ columns }: Plan, prepared: PreparedStatement): void {
  if (sameColumns(columns, prepared.columns)) return;
  const routine = 'RevalidateCachedQuery';
  throw new SqlError('feature_not_supported', 'cached plan must not change result type', { routine });
}

/** Whether a statement writes to the row that a cursor is on: its plan is for that row alone. */
function isOfCursor(node: Node): boolean {
  const { whereClause } =
    'UpdateStmt' in node ? node.UpdateStmt : 'DeleteStmt' in node ? node.DeleteStmt : { whereClause: undefined };
  return whereClause !== undefined && 'CurrentOfExpr' in whereClause;
}
