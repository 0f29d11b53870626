/** What the value of an expression depends on besides its row. */

import type { UserFunction } from '../../../models/relational/function-definition.ts';
import type { TableStatistics } from '../../../models/relational/statistics.ts';
import type { Row, TableId } from '../../../models/relational/table.ts';
import type { SqlRecord } from '../../../models/relational/values.ts';
import type { Random } from '../../../platform/platform.ts';
import type { FrozenReads } from '../../../storage/store.ts';
import type { IndexBuild } from '../index-builds.ts';
import type { AdvisoryAccess } from '../locks/advisory-locks.ts';
import type { SessionNotifications } from '../notifications.ts';
import type { ParameterSetting } from '../parameter-definitions.ts';
import type { PreparedStatement } from '../portal.ts';
import type { Portals } from '../portals.ts';
import type { SizeAccess } from '../relation-sizes.ts';
import type { SeededNumbers } from '../seeded-numbers.ts';
import type { SessionRegister } from '../session-activity.ts';
import type { TableActivity } from '../statistics/table-statistics.ts';
import type { Snapshot } from '../types/snapshots.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import type { SqlType, SqlValue } from '../types/types.ts';

export interface EvaluationContext extends TimeContext {
  /** Values of $1, $2, …, already of the types that the statement expects. */
  readonly parameters: readonly SqlValue[];
  /** What rows around the subquery that runs hold, by the slots of the plan. */
  readonly slots: SqlValue[];
  readonly statementMicros: bigint;
  /** Missing where nothing random may be asked for, as while constants are folded. */
  readonly random?: Pick<Random, 'float' | 'uuid' | 'bytes'>;
  /** Wall time now. */
  clockMicros(): bigint;
  readonly session: SessionFacts;
  /** What the statement reads by, where it does not see what its functions write. */
  readonly frozen?: FrozenReads | undefined;
}

/** Sequences by id or by name as SQL writes it. */
export interface SequenceAccess {
  next(sequence: string | number): bigint;
  current(sequence: string | number): bigint;
  lastGiven(): bigint;
  set(sequence: string | number, value: bigint, called: boolean): bigint;
  /** Where it stands, as a query of the sequence shows it. */
  position(sequence: number): { readonly last: bigint; readonly left: bigint; readonly called: boolean };
  /** What it gave last, to anyone; undefined where it gave nothing yet, or is not there any more. */
  lastOf(sequence: number): bigint | undefined;
}

/** The catalog as functions ask for it; oids are those of PostgreSQL's system catalog. */
export interface CatalogAccess {
  /** @param pretty Without the parentheses that people can do without. */
  indexDefinition(oid: number, column: number, pretty: boolean): string | null;
  constraintDefinition(oid: number, pretty: boolean): string | null;
  /** The pretty form of an expression that one of these relations holds. */
  prettyExpression(text: string): string;
  /** Null for what is no relation. */
  isVisible(oid: number): boolean | null;
  isVisibleType(oid: number): boolean | null;
  isVisibleFunction(oid: number): boolean | null;
  /** Null for what is no view. */
  viewDefinition(oid: number, pretty: boolean): string | null;
  /** A type as SQL names it from the session's path. */
  typeTitle(type: SqlType): string;
  serialSequence(table: string, column: string): string | null;
  /** @param column 0 for the object itself. @param catalog That the oid is of, where it is told. */
  comment(oid: number, column: number, catalog?: string): string | null;
  /** What it is, in words. @param catalog The oid of the catalog that `oid` is of. @param column As of `comment`. */
  describe(catalog: number, oid: number, column: number): string | null;
  /** What describes a function, or the statement that creates it. */
  functionText(oid: number, part: 'result' | 'arguments' | 'identity' | 'definition' | 'clause'): string | null;
  /** Of a namespace, a relation, a function or a type, by its name and those before it. */
  oidOf(kind: SqlType, parts: readonly string[]): number | undefined;
  /** Whether a namespace is some session's for temporary relations. */
  isTemporarySchema(oid: number): boolean;
  /** As `pg_sequence_parameters` tells them. @throws SqlError `undefined_table`. */
  sequenceParameters(oid: number): SqlRecord;
  /** A relation by its name as SQL writes it. */
  find(name: string): number | undefined;
}

/** The transaction that runs, among those that have asked for their numbers. */
export interface TransactionAccess {
  current(): bigint;
  /** Null as long as it has neither written nor asked. */
  currentIfAssigned(): bigint | null;
  /** The same through a transaction that reads from one snapshot. */
  snapshot(): Snapshot;
  /** The name that other transactions take its snapshot by. @throws SqlError `feature_not_supported`. */
  exportSnapshot(): string;
  /** @throws SqlError `invalid_parameter_value`. */
  status(id: bigint): string | null;
}

/** Statistics of tables, by the ids of the tables. */
export interface StatisticsAccess {
  of(id: TableId): TableStatistics | undefined;
  /** How many rows the table is thought to have. */
  rowsOf(id: TableId): number;
  activityOf(id: TableId): Readonly<TableActivity> | undefined;
}

export interface SessionFacts {
  /** Undefined while constants are computed. */
  readonly statistics?: StatisticsAccess;
  /** Undefined until a statement needs it. */
  catalog?(): CatalogAccess | undefined;
  /** Runs the statements of a function. @returns its value, or the values of its set. Undefined while constants are computed. */
  callFunction?(
    definition: UserFunction,
    args: readonly SqlValue[],
    context: EvaluationContext,
  ): Promise<SqlValue | readonly SqlValue[]>;
  /** What the session is told and tells. Undefined while constants are computed. */
  readonly notifications?: SessionNotifications;
  /** All run-time parameters with their values. */
  settings?(): Iterable<ParameterSetting>;
  /** Prepared statements by name, the unnamed one among them. */
  prepared?(): ReadonlyMap<string, PreparedStatement>;
  portals?(): Portals;
  /** Undefined while constants are computed. */
  readonly sizes?: SizeAccess;
  /** Of all sessions. */
  indexBuilds?(): Iterable<IndexBuild>;
  /** Undefined while constants are computed. */
  readonly sessions?: SessionRegister;
  /** Names of the schemas in the search path that exist; `implied`: those too that are searched without being named. */
  schemaNames?(implied: boolean): readonly string[];
  /** Undefined while constants are computed. */
  readonly advisory?: AdvisoryAccess;
  /** Waits, unless the statement is stopped. Undefined while constants are computed. */
  sleep?(ms: number): Promise<void>;
  /** Undefined while constants are computed. */
  readonly transactions?: TransactionAccess;
  /** What `random()` gives after `setseed`. */
  readonly seeded?: SeededNumbers;
  /** Undefined while constants are computed. */
  readonly sequences?: SequenceAccess;
  /** The text that the client sent last. */
  query?(): string | undefined;
  /** Wall time of the server's start. */
  readonly startedMicros?: bigint;
  /** The oid of the session's schema for temporary relations, once it has one. */
  temporarySchema?(): number | undefined;
  readonly user: string;
  readonly database: string;
  readonly processId: number;
  /** As SET or SET LOCAL; null is the value at the start. Gives the new value. Undefined while constants are computed. */
  setParameter?(name: string, value: string | null, local: boolean): string;
  /** A run-time parameter as SHOW prints it. */
  setting(name: string): string | undefined;
}

/** An expression as code. */
export type Evaluate = (row: Row, context: EvaluationContext) => SqlValue;

export type Argument = Exclude<SqlValue, null>;

/**
 * A function or operator on values. Strict: a null argument makes the result null without a call; otherwise `evaluate`
 * takes nulls as they are.
 */
export interface ScalarFunction {
  readonly name: string;
  readonly arguments: readonly SqlType[];
  /** Arguments that may be of any type, and of which nobody said which. */
  readonly untyped?: readonly number[];
  /** The last argument type repeats. */
  readonly variadic?: boolean;
  readonly result: SqlType;
  /** `evaluate` gives an iterable of values of the result's type. */
  readonly returnsSet?: boolean;
  /** It is a comparison of two values of one type, with the order of `compareFor`. */
  readonly comparison?: '=' | '<>' | '<' | '<=' | '>' | '>=';
  readonly strict: boolean;
  /** `evaluate` may give a promise instead of its value: then only `compileLater` knows what to do with it. */
  readonly waits?: boolean;
  /** `evaluate` runs a query: it wants the context of an execution, which planning has not. */
  readonly runsQuery?: true;
  /** `immutable` functions of constants are computed once, while planning. */
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly evaluate: (args: readonly SqlValue[], context: EvaluationContext) => SqlValue;
  /** Of a function that a user defined, whose statements are run. */
  readonly runs?: UserFunction;
  /** Of a function that a user defined: tells it from others of its name. */
  readonly id?: number;
  /** Of a function that a user defined: for each of its parameters which argument it is, -1 for a default. */
  readonly user?: {
    readonly definition: UserFunction;
    readonly order: readonly number[];
    /** The last argument is the array of those that repeat. */
    readonly spread: boolean;
  };
}
