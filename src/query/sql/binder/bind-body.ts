/**
 * Calls of functions whose statements are run one after another: those with several statements, or with one that writes,
 * those that call themselves, those that return a set in a select list, and procedures (PostgreSQL's functions.c,
 * functioncmds.c).
 *
 * The call is an expression whose value is waited for. What is run is bound later, by body-statements.ts.
 */

import { outputs, type UserFunction } from '../../../models/relational/function-definition.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import {
  asExpression,
  asQuery,
  completeArguments,
  concreteCall,
  givenBy,
  givenOf,
  resultOf,
  type UserCall,
} from './bind-function.ts';
import type { BoundExpression } from './bound.ts';
import type { BindContext } from './query-context.ts';

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
  const all = completeArguments(concrete, given, context);
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

/** A call of a function of the arguments alone; undefined for any other. */
export function bindAtOnce(
  call: UserCall,
  given: readonly BoundExpression[],
  context: BindContext,
  location: number | undefined,
): BoundExpression | undefined {
  const concrete = concreteCall(call, given);
  const found = asExpression(concrete.definition, context) ?? asQuery(concrete.definition, context);
  if (found === undefined) return undefined;
  const args = completeArguments(concrete, given, context);
  return { kind: 'call', type: found.result, modifier: -1, location, function: found, args, ...givenOf(call) };
}

/** A call where no query can stand, as in a default: a function of the arguments alone, or one whose statements are run. */
export function bindStoredCall(
  call: UserCall,
  given: readonly BoundExpression[],
  result: SqlType,
  context: BindContext,
  location: number | undefined,
): BoundExpression {
  const atOnce = bindAtOnce(call, given, context, location);
  if (atOnce !== undefined) return atOnce;
  const running = runningCall(call, given, result, context);
  return { kind: 'call', type: running.function.result, modifier: -1, location, ...running, ...givenOf(call) };
}
