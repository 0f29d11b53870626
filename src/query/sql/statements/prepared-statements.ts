/**
 * PREPARE, EXECUTE and DEALLOCATE: the prepared statements of the protocol, by statements of SQL. Both share their names.
 *
 * EXECUTE is the statement that was prepared, run with values: who runs it puts that in its place (`resolve`). Every plan is
 * a generic one, made for all values and shared by all sessions; EXPLAIN EXECUTE shows $1 where a value will stand.
 */

import type { ExecuteStmt, Node, PrepareStmt } from '@pgsql/types';
import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { leftmost } from '../binder/bound.ts';
import { type Clause, ExpressionBinder } from '../binder/expression-binder.ts';
import { namedType } from '../binder/names.ts';
import type { ParsedStatement } from '../parser/parser.ts';
import { compileExpression } from '../planner/compile-expression.ts';
import type { PreparedStatement } from '../portal.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { locate, SqlError } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { type SqlType, type SqlValue, titleOf } from '../types/types.ts';

const ARGUMENT: Clause = {
  title: 'EXECUTE parameters',
  subqueries: 'EXECUTE parameter',
  aggregates: 'refused',
};

/** A prepared statement and the values that it is to run with. */
export interface Invocation {
  readonly prepared: PreparedStatement & { readonly statement: ParsedStatement };
  readonly types: readonly SqlType[];
  readonly values: readonly SqlValue[];
}

/** EXECUTE in a statement that is one, or explains one. */
export function executeOf(node: Node): ExecuteStmt | undefined {
  if ('ExecuteStmt' in node) return node.ExecuteStmt;
  if (!('ExplainStmt' in node)) return undefined;
  const { query } = node.ExplainStmt;
  return query !== undefined && 'ExecuteStmt' in query ? query.ExecuteStmt : undefined;
}

export class PreparedStatements {
  readonly #session: SessionContext;
  readonly #runner: StatementRunner;

  constructor(session: SessionContext, runner: StatementRunner) {
    this.#session = session;
    this.#runner = runner;
  }

  /**
   * The types of its parameters are what their names mean now; names in the statement are looked up again when the search path changes.
   * @throws SqlError of the statement, `duplicate_prepared_statement`, `configuration_limit_exceeded`.
   */
  prepare(
    statement: ParsedStatement,
    { argtypes = [], ...prepared }: PrepareStmt,
    sink: Pick<ResultSink, 'complete'>,
  ): Awaitable<void> {
    return whenReady(this.#runner.names.resolveTypes({ List: { items: argtypes } }), (resolved) => {
      const names = 'List' in resolved ? (resolved.List.items ?? []) : [];
      const types = names.map((node) => ('TypeName' in node ? declaredType(node.TypeName) : undefined));
      return this.#keep(statement, prepared, types, sink);
    });
  }

  #keep(
    { text, index }: ParsedStatement,
    { name = '', query }: PrepareStmt,
    types: readonly (SqlType | undefined)[],
    sink: Pick<ResultSink, 'complete'>,
  ): Awaitable<void> {
    const statement = { node: query!, text, index };
    return whenReady(this.#runner.describe(statement, types), ({ parameterTypes, columns, plan }) => {
      this.requireFree(name);
      this.#session.statements.set(name, {
        statement,
        parameterTypes,
        columns,
        plan,
        preparedMs: this.#session.engine.platform.clock.nowMs(),
        fromSql: true,
        uses: 0,
      });
      sink.complete('PREPARE');
    });
  }

  /** @throws SqlError when the name is taken, or there are too many. */
  requireFree(name: string): void {
    const { statements, engine } = this.#session;
    if (statements.has(name)) {
      throw new SqlError('duplicate_prepared_statement', `prepared statement "${name}" already exists`);
    }
    const { preparedStatementsMax } = engine.limits;
    if (statements.size >= preparedStatementsMax) {
      throw new SqlError(
        'configuration_limit_exceeded',
        `a session keeps at most ${preparedStatementsMax} prepared statements`,
      );
    }
  }

  /** @throws SqlError `invalid_sql_statement_name`. */
  named(name: string): PreparedStatement & { readonly statement: ParsedStatement } {
    const found = this.#session.statements.get(name);
    if (found?.statement === undefined) {
      throw new SqlError('invalid_sql_statement_name', `prepared statement "${name}" does not exist`);
    }
    return found as PreparedStatement & { readonly statement: ParsedStatement };
  }

  /** @throws SqlError `invalid_sql_statement_name`, and of the values. */
  resolve({ name = '', params = [] }: ExecuteStmt): Invocation {
    const prepared = this.named(name);
    const types = prepared.parameterTypes;
    // What is given to a statement without parameters is not looked at.
    const given = types.length === 0 ? [] : params;
    if (given.length !== types.length) {
      throw new SqlError('syntax_error', `wrong number of parameters for prepared statement "${name}"`, {
        detail: `Expected ${types.length} parameters but got ${given.length}.`,
      });
    }
    const execution = this.#runner.execution(undefined);
    const binder = new ExpressionBinder(this.#runner.bindContext([], false), undefined);
    const values = given.map((node, i) => {
      const bound = binder.bind(node, ARGUMENT);
      const type = types[i]!;
      const coerced = binder.tryCoerce(bound, type, -1, 'assignment');
      if (coerced !== undefined) return compileExpression(coerced)([], execution);
      throw new SqlError(
        'datatype_mismatch',
        `parameter $${i + 1} of type ${titleOf(bound.type)} cannot be coerced to the expected type ${titleOf(type)}`,
        { location: leftmost(bound), hint: 'You will need to rewrite or cast the expression.' },
      );
    });
    execution.release();
    prepared.uses++;
    return { prepared, types, values };
  }

  /** An EXECUTE, or EXPLAIN of one, as what it stands for. @throws as `resolve`. */
  substituted({ node }: ParsedStatement): { readonly statement: ParsedStatement; readonly given: Invocation } {
    const given = this.resolve(executeOf(node)!);
    const { statement } = given.prepared;
    if (!('ExplainStmt' in node)) return { statement, given };
    return {
      statement: { ...statement, node: { ExplainStmt: { ...node.ExplainStmt, query: statement.node } } },
      given,
    };
  }

  deallocate(name: string | undefined, sink: Pick<ResultSink, 'complete'>): void {
    if (name === undefined) this.#session.statements.clear();
    else if (!this.#session.statements.delete(name)) {
      throw new SqlError('invalid_sql_statement_name', `prepared statement "${name}" does not exist`);
    }
    sink.complete(name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE');
  }
}

/** What fails in a prepared statement is told by places in the text that prepared it. */
export function locatedIn<T>({ text }: ParsedStatement, work: () => Awaitable<T>): Awaitable<T> {
  const failed = (error: unknown): never => {
    locate(error, text);
    throw error;
  };
  try {
    const done = work();
    return done instanceof Promise ? done.catch(failed) : done;
  } catch (error) {
    return failed(error);
  }
}

function declaredType(typeName: Parameters<typeof namedType>[0]): SqlType | undefined {
  const { type } = namedType(typeName);
  return (type as SqlType) === 'unknown' ? undefined : type;
}
