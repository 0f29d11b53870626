/** What binding a query needs besides the names around it: the statement's context, its tables, and the way to bind a query inside. */

import type { Node, RangeVar, SelectStmt } from '@pgsql/types';
import type { FunctionParameter, UserFunction } from '../../../models/relational/function-definition.ts';
import type { ColumnValue, TableId } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { FunctionDefinition } from '../functions/definition.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { DEFAULT_SQL_LIMITS } from '../limits.ts';
import { SqlError } from '../sql-error.ts';
import { timeZone, UTC } from '../types/time-zone.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import type { SqlType } from '../types/types.ts';
import type { BoundExpression, BoundModify, BoundRows } from './bound.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import type { QualifiedName } from './names.ts';
import type { BindProgress, Frame, Scope } from './scope.ts';

/** Types of $1, $2, …; the binder fills in those that the client left open. */
export type ParameterTypes = (SqlType | undefined)[];

/** A parameter where any type will do, before anything gave it one. */
export interface UntypedParameter {
  readonly index: number;
  readonly location: number | undefined;
}

/** Finds tables by name; undefined for one that does not exist. All names of a statement are looked up before. */
export type FindTable = (name: QualifiedName) => CatalogTable | undefined;

/** What a whole statement shares while it is bound. */
export interface BindContext {
  readonly parameters: ParameterTypes;
  /** False for the simple protocol, which has no values for parameters. */
  readonly takesParameters: boolean;
  /** In the order in which they were met; `requireParameterTypes` speaks of them in the end. */
  readonly untyped: UntypedParameter[];
  readonly time: TimeContext;
  readonly depthMax: number;
  /** The sequence that a text names. Missing where expressions are read that were written down before. */
  sequenceNamed?(text: string): TableId;
  /** The key of the row that a cursor is on. Missing where no session runs the statement. */
  rowOfCursor?(cursor: string, table: CatalogTable): readonly ColumnValue[];
  /** Missing: the statement begins here. */
  readonly progress?: BindProgress;
  /** Missing where no query can stand. */
  readonly queries?: Queries;
  /** Those that users defined. Missing where there are none. */
  readonly functions?: FunctionLookup;
  /** Where a definition is made: casts and literals in it that name an object of the catalog by a text, and what these mean. */
  readonly objects?: Map<object, NamedObject>;
  /** Of a statement in a function: its parameters as names find them that are of no column. */
  readonly named?: { readonly function: string; readonly parameters: readonly FunctionParameter[] };
}

/** An object of the catalog that a text names, as a value of one of its types of names. */
export interface NamedObject {
  readonly type: SqlType;
  readonly oid: number;
}

export interface FunctionLookup {
  /** The function that a definition was found to call when it was made. */
  byId(id: TableId): FunctionDefinition | undefined;
  /** Where a definition is made: the calls in it, and what they were found to mean. */
  readonly calls?: Map<object, UserFunction>;
  /** Where a definition is printed: nothing takes the place of a call. */
  readonly keepsCalls?: boolean;
  /** Along the search path, or in the schema that the name says. @throws SqlError `invalid_schema_name` for a name with a place. */
  named(name: QualifiedName): readonly FunctionDefinition[];
  /** Tables that bodies of functions name. */
  readonly findTable: FindTable;
  /** The tables that a function writes when it is run; undefined when that cannot be told. */
  writtenBy(definition: UserFunction): ReadonlySet<TableId> | undefined;
  /** What binds the expressions of a body, over the columns that it sees. */
  binder(context: BindContext, scope: Scope | undefined): ExpressionBinder;
  /** The tables that it reads or writes; undefined when that cannot be told. */
  usedBy(definition: UserFunction): ReadonlySet<TableId> | undefined;
  /** An expression without subqueries as code; what makes plans knows how. */
  compile(expression: BoundExpression): Evaluate;
  /** One with subqueries that read no table, as code that does not wait. */
  compileAtOnce(expression: BoundExpression): Evaluate;
  /** For queries that name no table. */
  withQueries(context: BindContext): QueryContext;
}

export interface Queries {
  readonly findTable: FindTable;
  /** In the query of a view: the relations that it names by id. */
  readonly reads?: ReadonlyMap<TableId, CatalogTable>;
  /** Told of every relation that a name is found to stand for. */
  note?(range: RangeVar, table: CatalogTable): void;
  bind(select: SelectStmt, context: QueryContext, frame: Frame): BoundRows;
  /** Missing where no statement that writes can stand. */
  modify?(node: Node, context: QueryContext, frame: Frame): BoundModify | undefined;
}

export interface QueryContext extends BindContext {
  readonly progress: BindProgress;
  readonly queries: Queries;
}

/** What is needed of a statement, or of a table, to call functions that users defined in what a definition says. */
export interface CallsOfDefinitions {
  readonly functions?: FunctionLookup | undefined;
  readonly progress?: BindProgress | undefined;
}

/** What literals of a definition are read by: the time zone that it was made in, and names that labels of enums had then. */
export function timeOfDefinition(time: TimeContext, zone: string): TimeContext {
  return { ...time, zone: timeZone(zone) ?? time.zone, isStored: true };
}

/** What expressions in definitions are bound in: no parameters, and the time zone that they were written in. */
export function definitionContext(zone: string, within: CallsOfDefinitions = {}): BindContext {
  return {
    ...(within.functions && { functions: within.functions }),
    ...(within.progress && { progress: within.progress }),
    parameters: [],
    takesParameters: false,
    untyped: [],
    time: { zone: timeZone(zone) ?? UTC, nowMicros: 0n, isStored: true },
    depthMax: DEFAULT_SQL_LIMITS.expressionDepthMax,
  };
}

/** What a level of nested queries counts for among the levels of expressions: it needs that much more of the stack. */
const QUERY_DEPTH = 8;

/** Runs `work` one level of nesting deeper. @throws SqlError `statement_too_complex`. */
export function nested<T>(context: QueryContext, work: () => T): T {
  const { progress, depthMax } = context;
  progress.depth += QUERY_DEPTH;
  if (progress.depth > depthMax) throw tooDeep(depthMax);
  const result = work();
  progress.depth -= QUERY_DEPTH;
  return result;
}

export function tooDeep(depthMax: number): SqlError {
  return new SqlError('statement_too_complex', 'stack depth limit exceeded', {
    hint: `Expressions nest at most ${depthMax} deep.`,
  });
}
