/**
 * The statements of a function that are run one after another (see bind-body.ts). Each is bound by itself, when its turn
 * comes, with the arguments as its parameters, by number and by name; columns of its own tables come first. The rows of
 * the last are the result.
 */

import type { Node } from '@pgsql/types';
import { inputs, type UserFunction } from '../../../models/relational/function-definition.ts';
import { isPolymorphic } from '../functions/candidates.ts';
import { makeRecord } from '../functions/records.ts';
import { at, SqlError } from '../sql-error.ts';
import { isRecord, type SqlType, type SqlValue, titleOf } from '../types/types.ts';
import { isRun } from './bind-body.ts';
import { checkQuery, coerceColumns, readAsMade, resultOf } from './bind-function.ts';
import { bindStatement } from './bind-statement.ts';
import { selectFrom } from './bind-subquery.ts';
import { type BoundColumn, type BoundQuery, type BoundRows, columnAt } from './bound.ts';
import type { BindContext, FindTable, QueryContext } from './query-context.ts';

const ONE = { kind: 'constant', type: 'int8', modifier: -1, location: undefined, value: 1n } as const;

/** What a function consists of, one after another. */
export function statementsOf({ query, statements }: UserFunction): readonly Node[] {
  return (query === undefined ? statements! : [{ SelectStmt: query }]) as unknown as readonly Node[];
}

/** A statement of a body. */
export interface BodyStatement {
  readonly query: BoundQuery;
  /** What a row of the last one comes to; undefined for those whose rows nobody looks at. */
  readonly value: ((row: readonly SqlValue[]) => SqlValue) | undefined;
}

/** @param context Without parameters. @throws SqlError of whatever is wrong in it. */
export function bindBodyStatement(
  user: UserFunction,
  node: Node,
  isLast: boolean,
  context: BindContext,
  findTable: FindTable,
): BodyStatement {
  const given = inputs(user.parameters);
  const within: BindContext = {
    ...readAsMade(user, context),
    parameters: given.map(({ type }) => type),
    takesParameters: true,
    named: { function: user.name, parameters: given },
  };
  if (!isLast || user.result === 'void') return { query: bindStatement(node, within, findTable), value: undefined };
  const result = resultOf(user);
  const asked = bindStatement(node, within, findTable);
  const bound = 'SelectStmt' in node ? behind(asked as BoundRows, !user.returnsSet) : asked;
  const columns = columnsOf(bound);
  if (columns === undefined) throw noResult(result);
  const values = at(-1, () => coerceColumns(user, columns, within));
  const types = values.map(({ type }) => type);
  const isRow = isRecord(result) && !(values.length === 1 && isRecord(types[0]!));
  const coerced = values.map((expression, i) => ({ ...columns[i]!, expression }));
  return {
    query: withColumns(bound, coerced),
    value: isRow ? (row) => makeRecord(types, row) : ([value]) => value ?? null,
  };
}

function columnsOf(query: BoundQuery): readonly BoundColumn[] | undefined {
  if (query.kind === 'modifyWith') return query.modify.returning;
  if (query.kind === 'explain' || query.kind === 'call') return undefined;
  return 'returning' in query ? query.returning : query.columns;
}

/** The rows of a query, or the first of them, whose columns can be coerced: behind what orders and unites them. */
function behind(query: BoundRows, first: boolean): BoundRows {
  if (query.kind === 'with') {
    const rows = behind(query.query, first);
    return { ...query, query: rows, columns: rows.columns };
  }
  // Rows are locked by the query itself.
  if (query.kind === 'select' && query.locking !== undefined) return query;
  const columns = query.columns.map((column, i) => ({ ...column, expression: columnAt(i, column.expression) }));
  return { ...selectFrom(query, columns), limit: first ? ONE : undefined };
}

function withColumns(query: BoundQuery, columns: readonly BoundColumn[]): BoundQuery {
  switch (query.kind) {
    case 'modifyWith':
      return { ...query, modify: { ...query.modify, returning: columns } as typeof query.modify };
    case 'insert':
    case 'update':
    case 'delete':
      return { ...query, returning: columns };
    case 'select':
      return { ...query, columns };
    case 'with':
      return { ...query, query: withColumns(query.query, columns) as BoundRows, columns };
    default:
      return query;
  }
}

function noResult(result: SqlType): SqlError {
  return new SqlError(
    'invalid_function_definition',
    `return type mismatch in function declared to return ${titleOf(result)}`,
    { detail: "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING." },
  );
}

/** Binds all of it once; nothing where types are not known yet. @throws SqlError of whatever is wrong in it, placed in the body's text. */
export function checkBody(made: UserFunction, context: QueryContext, findTable: FindTable): void {
  // Its literals are read for the first time.
  const { clause: _clause, ...user } = made;
  if (user.parameters.some(({ type }) => isPolymorphic(type))) return;
  if (!isRun(user)) {
    checkQuery(user, context);
    return;
  }
  const { progress: _, queries: _queries, ...plain } = context;
  const statements = statementsOf(user);
  for (const [i, node] of statements.entries()) {
    bindBodyStatement(user, node, i === statements.length - 1, plain, findTable);
  }
  if (statements.length === 0 && user.result !== 'void') throw noResult(resultOf(user));
}
