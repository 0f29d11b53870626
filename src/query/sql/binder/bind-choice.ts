/** Binds what chooses one of several values of a common type: CASE, COALESCE, GREATEST and LEAST (PostgreSQL's parse_expr.c). */

import type { CaseExpr, CoalesceExpr, MinMaxExpr } from '@pgsql/types';
import type { BoundExpression } from './bound.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import { nullConstant } from './literals.ts';
import { refuseSets } from './set-calls.ts';

export function bindCase(binder: ExpressionBinder, { arg, args, defresult, location }: CaseExpr): BoundExpression {
  const subject = arg === undefined ? undefined : binder.settle(binder.bindInside(arg));
  const conditions: BoundExpression[] = [];
  const results: BoundExpression[] = [];
  for (const each of args ?? []) {
    if (!('CaseWhen' in each)) continue;
    const test = binder.bindInside(each.CaseWhen.expr!);
    conditions.push(
      subject === undefined
        ? binder.condition(test, 'CASE/WHEN')
        : binder.compare('=', subject, test, each.CaseWhen.location),
    );
    results.push(binder.bindInside(each.CaseWhen.result!));
  }
  // ELSE speaks first when the common type is chosen, as in PostgreSQL.
  const otherwise = defresult === undefined ? nullConstant(location) : binder.bindInside(defresult);
  refuseSets([...conditions, ...results, otherwise], 'CASE');
  const alike = binder.alike([otherwise, ...results], 'CASE');
  return {
    kind: 'case',
    type: alike[0]!.type,
    modifier: commonModifier(alike),
    location,
    whens: conditions.map((condition, i) => ({ condition, result: alike[i + 1]! })),
    otherwise: alike[0]!,
  };
}

export function bindCoalesce(binder: ExpressionBinder, { args, location }: CoalesceExpr): BoundExpression {
  const bound = binder.alike(
    (args ?? []).map((arg) => binder.bindInside(arg)),
    'COALESCE',
  );
  refuseSets(bound, 'COALESCE');
  return { kind: 'coalesce', type: bound[0]!.type, modifier: commonModifier(bound), location, args: bound };
}

export function bindExtreme(binder: ExpressionBinder, { op, args, location }: MinMaxExpr): BoundExpression {
  const greatest = op === 'IS_GREATEST';
  const bound = binder.alike(
    (args ?? []).map((arg) => binder.bindInside(arg)),
    greatest ? 'GREATEST' : 'LEAST',
  );
  return { kind: 'extreme', type: bound[0]!.type, modifier: commonModifier(bound), location, greatest, args: bound };
}

/** Where all alternatives are of one modifier, their choice is. */
function commonModifier(alternatives: readonly BoundExpression[]): number {
  const { modifier } = alternatives[0]!;
  return alternatives.every((one) => one.modifier === modifier) ? modifier : -1;
}
