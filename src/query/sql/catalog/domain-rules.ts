/**
 * What the values of a domain have to keep: NOT NULL and its checks, those of the domain below it first. A check speaks of the
 * value as `VALUE`, a column of the one row that there is.
 */

import type { Node } from '@pgsql/types';
import type { DomainCheck, DomainType } from '../../../models/relational/type-definition.ts';
import { type BoundExpression, columnAt } from '../binder/bound.ts';
import { stored } from '../binder/column-values.ts';
import { type Clause, DEFAULT_EXPRESSION, ExpressionBinder } from '../binder/expression-binder.ts';
import { type BindContext, type CallsOfDefinitions, definitionContext } from '../binder/query-context.ts';
import { Frame, Scope } from '../binder/scope.ts';
import type { Evaluate, EvaluationContext } from '../functions/evaluation.ts';
import { compileExpression } from '../planner/compile-expression.ts';
import { SqlError } from '../sql-error.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import { domainCheckOf, type SqlType, type TypeInfo } from '../types/types.ts';

const CHECK: Clause = {
  title: 'domain checks',
  aggregates: 'refused',
  place: 'check constraints',
  subqueries: 'check constraint',
};

/** Binds and compiles a check over values of `base`. @throws SqlError of any kind that an expression can be wrong in. */
export function compileDomainCheck(tree: Node, base: SqlType, modifier: number, context: BindContext): Evaluate {
  return compileExpression(bindCheck(tree, base, modifier, context));
}

/** A check as an expression over the value. */
export function boundDomainCheck({ base, modifier }: DomainType, { expression }: DomainCheck): BoundExpression {
  return bindCheck(expression.tree as unknown as Node, base, modifier, definitionContext(expression.zone));
}

function bindCheck(tree: Node, base: SqlType, modifier: number, context: BindContext): BoundExpression {
  const value = { name: 'value', expression: columnAt(0, { type: base, modifier }), origin: undefined };
  const item = { alias: undefined, columns: [value], open: true, offset: 0, table: undefined };
  const binder = new ExpressionBinder(context, new Scope(new Frame(undefined), [item]));
  return binder.bindCondition(tree, { ...CHECK, title: 'CHECK' });
}

/** What columns of the domain hold that an INSERT leaves out; undefined for null. */
export function boundDefault(
  { base, modifier, default: value }: DomainType,
  within: CallsOfDefinitions = {},
): BoundExpression | undefined {
  if (value === undefined) return undefined;
  const binder = new ExpressionBinder(definitionContext(value.zone, within), undefined);
  const bound = binder.bind(value.tree as unknown as Node, DEFAULT_EXPRESSION);
  return stored(bound, binder.coerce(bound, base, modifier, 'assignment'));
}

/** For the type's definition in memory: binds its checks when the first value asks for them. */
export function domainChecker(domain: DomainType): NonNullable<TypeInfo['check']> {
  const { base, modifier, notNull, checks } = domain;
  let compiled: readonly { readonly name: string; readonly evaluate: Evaluate }[] | undefined;
  return (value, context, asked = domain) => {
    domainCheckOf(base)?.(value, context, asked);
    if (value === null && notNull) {
      throw new SqlError('not_null_violation', `domain ${asked.name} does not allow null values`, { datatype: asked });
    }
    if (checks.length === 0) return;
    compiled ??= checks.map((check) => ({
      name: check.name,
      evaluate: compileDomainCheck(
        check.expression.tree as unknown as Node,
        base,
        modifier,
        definitionContext(check.expression.zone),
      ),
    }));
    const evaluation = evaluationOf(context);
    for (const check of compiled) {
      if (check.evaluate([value], evaluation) !== false) continue;
      throw new SqlError(
        'check_violation',
        `value for domain ${asked.name} violates check constraint "${check.name}"`,
        {
          datatype: asked,
          constraint: check.name,
        },
      );
    }
  };
}

/** Values are also read where no statement runs: parameters, for example. */
function evaluationOf(context: TimeContext): EvaluationContext {
  if ('slots' in context) return context as EvaluationContext;
  const { nowMicros } = context;
  return {
    ...context,
    parameters: [],
    slots: [],
    statementMicros: nowMicros,
    clockMicros: () => nowMicros,
    session: { user: '', database: '', processId: 0, setting: () => undefined },
  };
}
