/**
 * What all SQL sessions of a process share: the store, the parser, the catalog cache and the plans.
 *
 * Independent of any protocol: pgwire, REST and actors open sessions on one engine.
 *
 * Around it, in the order that a statement passes: `parser/` (text to tree, and the ways around a tree), `binder/` (names to
 * what they stand for), `planner/`, `operators/` with `vectors/` and `workspace/` (rows, in memory and beyond it). What is
 * done at once instead of being planned is in `statements/`, the formats of COPY in `copy/`; `types/`, `functions/`,
 * `catalog/`, `statistics/` and `locks/` serve all of them. Beside this file is what a session is made of.
 */

import { type Awaitable, type Deferred, deferred, whenReady } from '../../base/awaitable.ts';
import { type Log, silentLog } from '../../base/log.ts';
import type { CatalogReader } from '../../models/relational/catalog.ts';
import type { ColumnValue, TableId } from '../../models/relational/table.ts';
import type { Platform } from '../../platform/platform.ts';
import { Keyspace } from '../../storage/keyspace.ts';
import type { Entry, Store, Transaction } from '../../storage/store.ts';
import type { FunctionLookup } from './binder/query-context.ts';
import { type CatalogObjects, loadObjects } from './catalog/catalog-objects.ts';
import { Sequences } from './catalog/sequences.ts';
import { storedFunctions } from './catalog/stored-functions.ts';
import { SystemTables } from './catalog/system-tables.ts';
import { loadFunctions, UserFunctions } from './catalog/user-functions.ts';
import { UserTypes } from './catalog/user-types.ts';
import { CatalogCache, type CatalogTable } from './catalog-cache.ts';
import { ExportedSnapshots } from './exported-snapshots.ts';
import type { IndexBuild } from './index-builds.ts';
import { DEFAULT_SQL_LIMITS, type SqlLimits } from './limits.ts';
import type { AdvisoryLocks } from './locks/advisory-locks.ts';
import { TableLocks } from './locks/table-locks.ts';
import { NotificationBoard } from './notifications.ts';
import { InsertTexts } from './parser/insert-text.ts';
import { type ParsedStatement, SqlParser } from './parser/parser.ts';
import { StatementTemplates } from './parser/statement-template.ts';
import type { Plan } from './planner/plan.ts';
import { SessionRegister } from './session-activity.ts';
import { AutoAnalyze } from './statistics/auto-analyze.ts';
import { StatisticsOfTables } from './statistics/table-statistics.ts';
import { sweepTemporary } from './temporary-relations.ts';
import { TransactionIds } from './transaction-ids.ts';
import type { SqlType } from './types/types.ts';
import { QueryMemory } from './workspace/query-memory.ts';
import type { TemporaryFiles } from './workspace/temporary-files.ts';
import { Workspace } from './workspace/workspace.ts';

export interface SqlEngineOptions {
  readonly store: Store;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random'>;
  readonly limits?: Partial<SqlLimits>;
  /** For what statements cannot hold in memory; without them they answer `out_of_memory`. */
  readonly temporaryFiles?: TemporaryFiles;
  /** Where the data lives; default `orbit`. */
  readonly keyspace?: Keyspace;
  /** One that another engine has too. Default: a new one. */
  readonly parser?: SqlParser;
  /** Default: none. */
  readonly log?: Log;
  /** Gathers statistics of changed tables in the background, this long after the change. Default: never. */
  readonly autoAnalyzeDelayMs?: number;
}

const DRAIN_MS_MAX = 10_000;
/** Plans of one statement for different settings and declared types. */
const PLAN_VARIANTS_MAX = 16;

/** Hidden row ids are milliseconds since 1970 followed by this many bits of a counter. */
const ROW_ID_COUNTER_BITS = 20n;
/** Of which the last ten tell processes apart where several share the store. */
const ROW_ID_TAGS = 1024n;

/** Of parameters; undefined leaves one to the statement. */
type DeclaredTypes = readonly (SqlType | undefined)[];

interface PlanVariant {
  readonly key: string;
  readonly types: DeclaredTypes | undefined;
  readonly plan: Plan;
  /** Generation of the statistics that it is known to be good for. */
  statistics: number;
}

/** Of a statement that was planned once. */
const NO_PLANS: readonly PlanVariant[] = [];

export class SqlEngine {
  readonly store: Store;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'random'>;
  readonly limits: SqlLimits;
  /** Of sessions that have asked for advisory locks. */
  readonly advisory = new Set<AdvisoryLocks>();
  readonly sessions = new SessionRegister();
  readonly notifications = new NotificationBoard();
  readonly keyspace: Keyspace;
  readonly parser: SqlParser;
  readonly templates = new StatementTemplates();
  readonly insertTexts = new InsertTexts();
  readonly catalog: CatalogCache;
  readonly sequences: Sequences;
  readonly transactionIds: TransactionIds;
  readonly exportedSnapshots = new ExportedSnapshots();
  /** Wall time of the start, in microseconds since 1970. */
  readonly startedMicros: bigint;
  readonly types: UserTypes;
  readonly functions: UserFunctions;
  readonly tableLocks: TableLocks;
  /** Those that run. */
  readonly indexBuilds = new Set<IndexBuild>();
  /** Names of the schemas for temporary relations that sessions have made, committed or not. */
  readonly temporarySchemas = new Set<string>();
  readonly systemTables: SystemTables;
  /** What running statements hold. */
  readonly memory: QueryMemory;
  readonly temporaryFiles: TemporaryFiles | undefined;
  readonly statistics: StatisticsOfTables;
  /** Undefined when statistics are gathered by ANALYZE only. */
  readonly autoAnalyze: AutoAnalyze | undefined;
  #objects: CatalogObjects | undefined;
  #objectsGeneration = 0;
  readonly log: Log;
  /** Plans of parsed statements; they live as long as the parser, or a prepared statement, keeps the tree. */
  #plans = new WeakMap<ParsedStatement, readonly PlanVariant[]>();
  #plansGeneration = 0;
  #running = 0;
  /** The last answer of `nowMicros`, and the milliseconds that it was made of. */
  #nowMs = Number.NaN;
  #nowMicros = 0n;
  #idle: Deferred<void> | undefined;
  #lastRowId = 0n;
  /** Of the clock, when it was last asked for a row id. */
  #rowIdMs = 0;
  readonly #rowIdTag: bigint;
  /** Tables without a primary key whose last id is known, by id. */
  readonly #rowIdTables = new Set<TableId>();

  constructor(options: SqlEngineOptions) {
    this.store = options.store;
    this.platform = options.platform;
    this.limits = { ...DEFAULT_SQL_LIMITS, ...options.limits };
    this.keyspace = options.keyspace ?? new Keyspace();
    this.parser = options.parser ?? new SqlParser(this.limits);
    this.types = new UserTypes(this.store, this.keyspace);
    this.functions = new UserFunctions(this.store, this.keyspace);
    this.systemTables = new SystemTables(this.keyspace);
    this.catalog = new CatalogCache(this.store, this.keyspace, this.types, this.systemTables, (reader) =>
      this.functionsSeen(reader),
    );
    this.sequences = new Sequences(this.store, this.keyspace, this.platform);
    this.startedMicros = BigInt(Math.trunc(this.platform.clock.nowMs())) * 1_000n;
    this.transactionIds = new TransactionIds(this.startedMicros);
    this.catalog.onLeftOver = (schemas) =>
      void sweepTemporary(
        this,
        schemas.filter(({ name }) => !this.temporarySchemas.has(name)),
      );
    this.catalog.onOthersChange = () => {
      this.functions.forget();
      this.sequences.outdate();
      this.types.forget();
    };
    this.tableLocks = new TableLocks(this.store, this.keyspace, Buffer.from(this.platform.random.bytes(1))[0]!);
    this.memory = new QueryMemory(this.limits.queryBytesMax);
    this.temporaryFiles = options.temporaryFiles;
    this.log = options.log ?? silentLog;
    this.#rowIdTag = BigInt(Buffer.from(this.platform.random.bytes(2)).readUInt16LE(0)) % ROW_ID_TAGS;
    this.statistics = new StatisticsOfTables(this.store, this.keyspace);
    const { autoAnalyzeDelayMs: delayMs } = options;
    const { store, keyspace, platform, statistics, log } = this;
    this.autoAnalyze =
      delayMs === undefined ? undefined : new AutoAnalyze({ store, keyspace, platform, statistics, log, delayMs });
  }

  /** For what definitions call: a transaction may have made functions of its own. */
  functionsSeen(reader: CatalogReader): Awaitable<FunctionLookup | undefined> {
    const { schemas } = this.catalog;
    const known = 'scan' in reader ? undefined : this.functions.current;
    if (known !== undefined) return storedFunctions(known, schemas);
    const loading = 'scan' in reader ? loadFunctions(reader as Transaction, this.keyspace) : this.functions.load();
    return loading.then((set) => storedFunctions(set, schemas));
  }

  /** Reads of the catalog what every statement asks for, so that the first one waits for nothing. */
  async loadDefinitions(): Promise<void> {
    await Promise.all([
      this.catalog.loadSchemas(),
      this.sequences.ready(),
      this.types.ready(),
      this.statistics.ready(),
      this.functions.current ?? this.functions.load(),
    ]);
  }

  /** What the catalog holds, as of its newest version; undefined until `loadObjects`. */
  get objects(): CatalogObjects | undefined {
    return this.#objectsGeneration === this.catalog.generation ? this.#objects : undefined;
  }

  loadObjects(): Awaitable<CatalogObjects> {
    return this.objects ?? this.#loadObjects();
  }

  async #loadObjects(): Promise<CatalogObjects> {
    for (;;) {
      const { objects } = this;
      if (objects !== undefined) return objects;
      const { generation } = this.catalog;
      const reader = this.store.begin({ readOnly: true, label: 'catalog' });
      try {
        this.#objects = await loadObjects(reader, this);
        this.#objectsGeneration = generation;
      } finally {
        reader.rollback();
      }
    }
  }

  newWorkspace(): Workspace {
    return new Workspace({ memory: this.memory, files: this.temporaryFiles, limits: this.limits });
  }

  /** Statements running in all sessions, now. */
  get runningStatements(): number {
    return this.#running;
  }

  /** @internal Called by sessions around each statement. */
  noteRunning(change: 1 | -1): void {
    this.#running += change;
    if (this.#running > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Waits until no statement runs, at most 10 seconds. For stopping: whoever calls it lets no new clients in. */
  async drain(): Promise<void> {
    if (this.#running === 0) return;
    this.#idle ??= deferred<void>();
    const late = this.platform.timers.after(DRAIN_MS_MAX, () => this.#idle?.resolve());
    await this.#idle.promise;
    late.cancel();
  }

  /** Wall time in microseconds since 1970, to the millisecond. */
  nowMicros(): bigint {
    const nowMs = Math.trunc(this.platform.clock.nowMs());
    // Many statements begin in one millisecond.
    if (nowMs !== this.#nowMs) {
      this.#nowMs = nowMs;
      this.#nowMicros = BigInt(nowMs) * 1_000n;
    }
    return this.#nowMicros;
  }

  /**
   * @param key Of the settings that the plan was made under (`SessionParameters.planKey`).
   * @param types Declared types of parameters; undefined for a statement that takes none.
   */
  cachedPlan(statement: ParsedStatement, key: string, types: DeclaredTypes | undefined): Plan | undefined {
    if (this.#plansGeneration !== this.catalog.generation) return undefined;
    const variants = this.#plans.get(statement);
    if (variants === undefined) return undefined;
    for (const variant of variants) {
      if (variant.key !== key || !sameTypes(variant.types, types)) continue;
      if (variant.statistics === this.statistics.generation) return variant.plan;
      if (this.#readsOtherStatistics(variant)) return undefined;
      variant.statistics = this.statistics.generation;
      return variant.plan;
    }
    return undefined;
  }

  /**
   * Keeps a plan that was made in this generation of the catalog: of a text that came before, when it is planned for the
   * second time. A plan outlives collections of young objects, each of which copies it; where tables are made anew between two
   * times that a text comes, as by a test that is run again, it does so for nothing.
   */
  keepPlan(statement: ParsedStatement, key: string, types: DeclaredTypes | undefined, plan: Plan): void {
    if (this.#plansGeneration !== this.catalog.generation) {
      this.#plans = new WeakMap();
      this.#plansGeneration = this.catalog.generation;
    }
    const kept = this.#plans.get(statement);
    if (kept === undefined && statement.isKept === true) {
      this.#plans.set(statement, NO_PLANS);
      return;
    }
    const variants = (kept ?? []).filter((each) => each.key !== key || !sameTypes(each.types, types));
    if (variants.length >= PLAN_VARIANTS_MAX) variants.shift();
    variants.push({ key, types: types && [...types], plan, statistics: this.statistics.generation });
    this.#plans.set(statement, variants);
  }

  /** Whether a plan was made from statistics that are no longer the newest. A point query has no choice to make. */
  #readsOtherStatistics({ plan, statistics }: PlanVariant): boolean {
    if (plan.point !== undefined) return false;
    for (const id of plan.reads()) if (this.statistics.epochOf(id) > statistics) return true;
    return false;
  }

  /**
   * An id for a row of a table without a primary key, greater than every one that the table has or had since the store was
   * opened: of the clock, unless that is behind. Nobody else gives ids out as long as the store is this process's own;
   * where it is not, the ids of a process are told by a number of its own in their last bits. Two processes may have the
   * same number: then the store refuses the second row of an id, and the statement begins again.
   */
  nextRowId(table: CatalogTable): Awaitable<bigint> {
    if (this.store.supports.shared) return this.#nextSharedRowId();
    if (this.#rowIdTables.has(table.table.id)) return this.#nextRowId();
    return whenReady(this.#lastRowIdOf(table), (last) => {
      if (last > this.#lastRowId) this.#lastRowId = last;
      this.#rowIdTables.add(table.table.id);
      return this.#nextRowId();
    });
  }

  /** A table that is being made has no rows whose ids would have to be looked for. */
  tableMade(id: TableId): void {
    this.#rowIdTables.add(id);
  }

  /** The last id that a committed row has; 0 when there is none. */
  #lastRowIdOf({ table, codec }: CatalogTable): Awaitable<bigint> {
    const reader = this.store.begin({ readOnly: true, label: 'row ids' });
    const cursor = reader.scan(codec.keys.range([]), { reverse: true, limit: 1 });
    const done = (batch: readonly Entry[] | undefined): bigint => {
      cursor.close();
      reader.rollback();
      if (batch === undefined) return 0n;
      const row: ColumnValue[] = [];
      codec.keys.decodeInto(batch[0]!.key, row);
      return row[table.columns.length] as bigint;
    };
    return whenReady(cursor.next(), done);
  }

  #nextSharedRowId(): bigint {
    const byClock = (BigInt(Math.trunc(this.platform.clock.nowMs())) << ROW_ID_COUNTER_BITS) | this.#rowIdTag;
    this.#lastRowId = byClock > this.#lastRowId ? byClock : this.#lastRowId + ROW_ID_TAGS;
    return this.#lastRowId;
  }

  #nextRowId(): bigint {
    const nowMs = Math.trunc(this.platform.clock.nowMs());
    let next = this.#lastRowId + 1n;
    // Within a millisecond the clock has nothing to add.
    if (nowMs !== this.#rowIdMs) {
      this.#rowIdMs = nowMs;
      const byClock = BigInt(nowMs) << ROW_ID_COUNTER_BITS;
      if (byClock > next) next = byClock;
    }
    this.#lastRowId = next;
    return next;
  }

  close(): void {
    this.autoAnalyze?.stop();
    this.statistics.close();
    this.catalog.close();
    this.sequences.close();
    this.types.close();
    this.functions.close();
  }
}

function sameTypes(a: DeclaredTypes | undefined, b: DeclaredTypes | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
