/** Binds CALL (PostgreSQL's functioncmds.c). */

import type { CallStmt } from '@pgsql/types';
import { outputs, type UserFunction } from '../../../models/relational/function-definition.ts';
import { resolveFunction } from '../functions/resolve.ts';
import { SqlError } from '../sql-error.ts';
import { baseOf, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import { bindField } from './bind-array.ts';
import { runningCall } from './bind-body.ts';
import { resolveArguments } from './bind-call.ts';
import { allOf } from './bind-subquery.ts';
import { type BoundCall, type BoundColumn, columnAt } from './bound.ts';
import { ExpressionBinder } from './expression-binder.ts';
import { nameOfList, stringsOf } from './names.ts';
import type { QueryContext } from './query-context.ts';
import { Frame, Scope } from './scope.ts';
import { walkTree } from './walk-tree.ts';

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
