/** What columns are given: what they hold when nothing is said about them, values of their type, and parts of them. */

import type { InsertStmt, Node } from '@pgsql/types';
import type { Column, SqlExpression, Table } from '../../../models/relational/table.ts';
import { findFunction } from '../functions/resolve.ts';
import { NEXT_VALUE } from '../functions/sequence-functions.ts';
import { SqlError } from '../sql-error.ts';
import { castFor } from '../types/cast.ts';
import { baseOf, domainOf, type SqlType, titleOf } from '../types/types.ts';
import { bindPart } from './bind-assignment.ts';
import type { BoundExpression } from './bound.ts';
import { assignmentMismatch } from './coercion.ts';
import { ExpressionBinder } from './expression-binder.ts';
import { type CallsOfDefinitions, definitionContext } from './query-context.ts';

/** As the column holds it: what that takes is not printed. */
export function stored(given: BoundExpression, coerced: BoundExpression): BoundExpression {
  if (coerced.kind === 'applyModifier') return { ...coerced, arg: stored(given, coerced.arg) };
  return coerced.kind === 'cast' && coerced.arg === given ? { ...coerced, unspoken: true } : coerced;
}

/** The same as it was written, to be printed; of a domain what is below it. Nothing for null, which it would be anyway. */
export function writtenDefault(column: Column, within: CallsOfDefinitions): BoundExpression | undefined {
  const given = column.default;
  const written =
    given?.kind === 'expression' ? given.expression : given?.kind === 'constant' ? given.written : undefined;
  if (given?.kind === 'constant' && given.value === null && domainOf(column.type) === undefined) return undefined;
  if (written === undefined) return defaultOf(column, within);
  return boundDefault(written, baseOf(column.type), column.modifier, within);
}

function boundDefault(
  { tree, zone }: SqlExpression,
  type: SqlType,
  modifier: number,
  within: CallsOfDefinitions,
): BoundExpression {
  const binder = new ExpressionBinder(definitionContext(zone, within), undefined);
  const bound = binder.bind(tree as unknown as Node, { title: 'DEFAULT expressions', aggregates: 'refused' });
  return stored(bound, binder.coerce(bound, type, modifier, 'assignment'));
}

/** What a column holds when nothing is said about it. @param within The statement, or the table. */
export function defaultOf(column: Column, within: CallsOfDefinitions): BoundExpression {
  const { type, modifier } = column;
  if (column.default?.kind === 'now') {
    const now = findFunction('now', []);
    const call: BoundExpression = {
      kind: 'call',
      type: 'timestamptz',
      modifier,
      location: undefined,
      function: now,
      args: [],
    };
    if (type === 'timestamptz') return call;
    const cast = castFor('timestamptz', type);
    return { kind: 'cast', type, modifier, location: undefined, arg: call, cast, unspoken: true };
  }
  if (column.default?.kind === 'sequence') {
    const args: BoundExpression[] = [
      { kind: 'constant', type: 'regclass', modifier: -1, location: undefined, value: column.default.id },
    ];
    const call = { kind: 'call', type: 'int8', modifier: -1, location: undefined, function: NEXT_VALUE, args } as const;
    if (type === 'int8') return call;
    return { kind: 'cast', type, modifier, location: undefined, arg: call, cast: castFor('int8', type) };
  }
  if (column.default?.kind === 'expression') return boundDefault(column.default.expression, type, modifier, within);
  const domain = column.default === undefined ? domainOf(type) : undefined;
  if (domain === undefined) {
    return { kind: 'constant', type, modifier, location: undefined, value: column.default?.value ?? null };
  }
  const binder = new ExpressionBinder(definitionContext(domain.default?.zone ?? 'UTC'), undefined);
  const given = domain.default?.tree as Node | undefined;
  const bound = binder.bind(given ?? { A_Const: { isnull: true } }, {
    title: 'DEFAULT expressions',
    aggregates: 'refused',
  });
  return binder.coerce(bound, type, modifier, 'assignment');
}

/** A column whose values are given by the definition takes none from a statement, except the word DEFAULT. */
export function refuseGenerated(column: Column, verb: 'INSERT' | 'UPDATE', override: InsertStmt['override']): void {
  if (column.generated !== undefined) {
    const message =
      verb === 'INSERT'
        ? `cannot insert a non-DEFAULT value into column "${column.name}"`
        : `column "${column.name}" can only be updated to DEFAULT`;
    throw new SqlError('generated_always', message, { detail: `Column "${column.name}" is a generated column.` });
  }
  if (column.identity !== 'always' || override === 'OVERRIDING_SYSTEM_VALUE') return;
  const detail = `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`;
  if (verb === 'UPDATE') {
    throw new SqlError('generated_always', `column "${column.name}" can only be updated to DEFAULT`, { detail });
  }
  throw new SqlError('generated_always', `cannot insert a non-DEFAULT value into column "${column.name}"`, {
    detail,
    hint: 'Use OVERRIDING SYSTEM VALUE to override.',
  });
}

export function requireColumn(table: Table, name: string, location: number | undefined): number {
  const position = table.columns.findIndex((column) => column.name === name);
  if (position >= 0) return position;
  throw new SqlError('undefined_column', `column "${name}" of relation "${table.name}" does not exist`, { location });
}

export function isDefault(node: Node): boolean {
  return 'SetToDefault' in node;
}

/** @param place Where the value stands, if that is not where the expression begins. */
export function assign(
  binder: ExpressionBinder,
  column: Column,
  expression: BoundExpression,
  place?: number,
): BoundExpression {
  const coerced = binder.tryCoerce(expression, column.type, column.modifier, 'assignment');
  if (coerced === undefined) throw assignmentMismatch(column.name, column.type, expression, place);
  return coerced;
}

/** Where a value goes. */
export interface PartOfColumn {
  readonly location: number | undefined;
  /** Subscripts and fields, where only a part of the column is given. */
  readonly part: readonly Node[] | undefined;
}

/** The column's value with a part of it replaced. @param tell Is given the value, as the type of the part. */
export function putPart(
  binder: ExpressionBinder,
  column: Column,
  { part = [], location }: PartOfColumn,
  before: BoundExpression,
  value: BoundExpression,
  tell: (value: BoundExpression) => void = () => {},
): BoundExpression {
  return bindPart(before, column.name, part, location, binder.operands, (type, modifier) => {
    const coerced = binder.tryCoerce(value, type, modifier, 'assignment');
    if (coerced === undefined) throw partMismatch(column.name, { part, location }, type, value);
    tell(coerced);
    return coerced;
  });
}

function partMismatch(
  name: string,
  { part = [], location }: PartOfColumn,
  type: SqlType,
  value: BoundExpression,
): SqlError {
  const last = part.at(-1);
  const subject =
    last !== undefined && 'String' in last
      ? `subfield "${last.String.sval}" is of`
      : `subscripted assignment to "${name}" requires`;
  return new SqlError(
    'datatype_mismatch',
    `${subject} type ${titleOf(type)} but expression is of type ${titleOf(value.type)}`,
    { location, hint: 'You will need to rewrite or cast the expression.' },
  );
}

/** Two columns of a view can be one of the table. */
export function assignedTwice({ name }: Column): SqlError {
  return new SqlError('syntax_error', `multiple assignments to same column "${name}"`);
}

export function defaultPart(part: readonly Node[], location: number | undefined): SqlError {
  const [first] = part;
  const what = first !== undefined && 'String' in first ? 'a subfield' : 'an array element';
  return new SqlError('feature_not_supported', `cannot set ${what} to DEFAULT`, { location });
}
