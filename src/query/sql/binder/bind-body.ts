/**
 * Calls of functions whose statements are run one after another: those with several statements, or with one that writes,
 * those that call themselves, those that return a set in a select list, and procedures (PostgreSQL's functions.c,
 * functioncmds.c).
 *
 * The call is an expression whose value is waited for. What is run is bound later, by body-statements.ts.
 */

import type { CallStmt } from '@pgsql/types';
import { outputs, type UserFunction } from '../../../models/relational/function-definition.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import { resolveFunction } from '../functions/resolve.ts';
import { SqlError } from '../sql-error.ts';
import { baseOf, type SqlType, type SqlValue, titleOf, typeInfo } from '../types/types.ts';
import { bindField } from './bind-array.ts';
import { resolveArguments } from './bind-call.ts';
import { completeArguments, concreteCall, givenBy, resultOf, type UserCall } from './bind-function.ts';
import { allOf } from './bind-subquery.ts';
import { type BoundCall, type BoundColumn, type BoundExpression, columnAt } from './bound.ts';
import { ExpressionBinder } from './expression-binder.ts';
import { nameOfList, stringsOf } from './names.ts';
import type { BindContext, QueryContext } from './query-context.ts';
import { Frame, Scope } from './scope.ts';
import { walkTree } from './walk-tree.ts';

/** Whether its statements are run, and its query does not take the place of a call. */
export function isRun(user: UserFunction): boolean {
  return user.query === undefined;
}

/** The call as a function that runs the statements, and its arguments. @param result What the call is to give. */
export function runningCall(
  call: UserCall,
  given: readonly BoundExpression[],
  result: SqlType,
  context: BindContext,
): { readonly function: ScalarFunction; readonly args: readonly BoundExpression[] } {
  const concrete = concreteCall(call, given);
  const { parameters } = concrete.definition;
  const isOpen = concrete.definition.result === 'record' && outputs(parameters).length === 0;
  const definition = isOpen ? { ...concrete.definition, result } : concrete.definition;
  const all = completeArguments(concrete, given);
  const args = all.filter((_, i) => givenBy(definition)[i]!.mode !== 'out');
  const writes = context.functions!.writtenBy(call.definition);
  context.progress?.written?.push(writes);
  const { name, strict, volatility, returnsSet } = definition;
  return {
    function: {
      name,
      arguments: args.map(({ type }) => type),
      result: resultOf(definition),
      strict,
      // What is run cannot be computed while the statement is planned.
      volatility: volatility === 'immutable' ? 'stable' : volatility,
      waits: true,
      runs: definition,
      ...(returnsSet ? { returnsSet } : {}),
      // Whoever asks for what waits takes promises for values.
      evaluate: (values, evaluation) =>
        evaluation.session.callFunction!(definition, values, evaluation) as unknown as SqlValue,
    },
    args,
  };
}

const ARGUMENTS = { title: 'CALL arguments', aggregates: 'refused' } as const;

/** CALL: the procedure as a function in FROM, whose columns are its OUT parameters. */
export function bindCallStatement({ funccall }: CallStmt, context: QueryContext): BoundCall {
  const call = funccall!;
  const { location } = call;
  walkTree(call, (node) => {
    if (!('SubLink' in node)) return true;
    const place = (node.SubLink as { readonly location?: number }).location;
    throw new SqlError('feature_not_supported', 'cannot use subquery in CALL argument', { location: place });
  });
  const binder = new ExpressionBinder(context, new Scope(new Frame(undefined), []));
  binder.enter(ARGUMENTS);
  const names = stringsOf(call.funcname);
  const name = names.at(-1)!;
  const { args: given, shape } = resolveArguments(binder, call);
  const types = given.map(({ type }) => type);
  const known = names[0] === 'pg_catalog' ? [] : (context.functions?.named({ ...nameOfList(names), location }) ?? []);
  let found: ReturnType<typeof resolveFunction>;
  try {
    found = resolveFunction(
      name,
      types,
      names.length > 1 ? { ...shape, qualified: names.join('.') } : shape,
      location,
      known,
    );
  } catch (error) {
    if (error instanceof SqlError && error.condition === 'undefined_function') throw asProcedure(error);
    if (error instanceof SqlError && error.condition === 'ambiguous_function') throw asProcedure(error);
    throw error;
  }
  const user = 'cast' in found ? undefined : found.user;
  if ('cast' in found || user?.definition.isProcedure !== true) {
    const shown = `${names.join('.')}(${types.map(titleOf).join(', ')})`;
    throw new SqlError('wrong_object_type', `${shown} is not a procedure`, {
      location,
      hint: 'To call a function, use SELECT.',
    });
  }
  const args = given.map((arg, i) => binder.coerce(arg, found.arguments[i]!, -1, 'implicit'));
  const running = runningCall(user, args, found.result, context);
  const from = { kind: 'function', alias: name, functions: [running], ordinality: false } as const;
  return { kind: 'call', query: allOf(from, outputColumns(user.definition, running.function.result)) };
}

function asProcedure({ condition, message, location, hint }: SqlError): SqlError {
  return new SqlError(condition, message.replace(/^function/, 'procedure'), {
    location,
    hint: hint?.replace('function', 'procedure'),
  });
}

function outputColumns({ parameters }: UserFunction, result: SqlType): readonly BoundColumn[] {
  const given = outputs(parameters);
  if (given.length === 0) return [];
  const whole = columnAt(0, { type: result, modifier: -1 });
  const fields = typeInfo(baseOf(result)).fields;
  if (given.length === 1 || fields === undefined) {
    return [{ name: given[0]!.name ?? 'column1', expression: whole, origin: undefined }];
  }
  return fields.map(({ name }) => ({ name, expression: bindField(whole, name), origin: undefined }));
}
