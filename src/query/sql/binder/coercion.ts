/**
 * Turns expressions into values of another type: by the casts there are, by giving a type to literals and parameters that have none, and
 * by the checks of domains (PostgreSQL's parse_coerce.c). Literals are converted here, once, so that what does not convert is an error
 * with a place.
 */

import type { ScalarFunction } from '../functions/evaluation.ts';
import { at, SqlError } from '../sql-error.ts';
import { castFor, domainStorage, integerToBits } from '../types/cast.ts';
import { parseText } from '../types/text-form.ts';
import {
  baseOf,
  type CastContext,
  canCast,
  domainCheckOf,
  isInteger,
  type SqlType,
  titleOf,
  typeInfo,
} from '../types/types.ts';
import { type BoundExpression, leftmost } from './bound.ts';
import { isCollatable } from './collations.ts';
import type { BindContext } from './query-context.ts';

const SPECIAL_TIMES = /\b(now|today|tomorrow|yesterday)\b/i;

/**
 * `expression` as `type`, or undefined where `how` does not allow it.
 * @throws SqlError when it is a constant that does not convert.
 */
export function tryCoerce(
  context: BindContext,
  expression: BoundExpression,
  type: SqlType,
  modifier: number,
  how: CastContext,
): BoundExpression | undefined {
  if (expression.collated !== undefined) return coerceBelow(context, expression, type, modifier, how);
  let bound = expression;
  if (bound.type !== type && type.startsWith('user:')) {
    const check = domainCheckOf(type);
    if (check !== undefined) return toDomain(context, expression, type, check, how);
  }
  if (bound.type !== type) {
    if (bound.type === 'unknown') bound = resolveUnknown(context, bound, type, modifier);
    else if (!canCast(bound.type, type, how)) return undefined;
    else if (type === 'bit' && isInteger(baseOf(bound.type))) bound = bitsCast(bound, modifier);
    else bound = cast(bound, type);
  }
  if (modifier < 0 || bound.modifier === modifier) return bound;
  return {
    kind: 'applyModifier',
    type,
    modifier,
    location: bound.location,
    arg: bound,
    explicit: how === 'explicit',
  };
}

/** What COLLATE stands over becomes the type, and COLLATE stands over that where there is still text. */
function coerceBelow(
  context: BindContext,
  { collated, ...bare }: BoundExpression,
  type: SqlType,
  modifier: number,
  how: CastContext,
): BoundExpression | undefined {
  const coerced = tryCoerce(context, bare as BoundExpression, type, modifier, how);
  return coerced === undefined || !isCollatable(coerced.type) ? coerced : { ...coerced, collated: collated! };
}

/** @throws SqlError `cannot_coerce` where `how` does not allow it. */
export function coerce(
  context: BindContext,
  expression: BoundExpression,
  type: SqlType,
  modifier: number,
  how: CastContext,
): BoundExpression {
  const coerced = tryCoerce(context, expression, type, modifier, how);
  if (coerced !== undefined) return coerced;
  throw new SqlError('cannot_coerce', `cannot cast type ${titleOf(expression.type)} to ${titleOf(type)}`, {
    location: leftmost(expression),
  });
}

/** As a value of what is below the domain, held against its checks, being null too. */
function toDomain(
  context: BindContext,
  expression: BoundExpression,
  type: SqlType,
  check: NonNullable<ReturnType<typeof domainCheckOf>>,
  how: CastContext,
): BoundExpression | undefined {
  const { base, modifier } = domainStorage(type);
  if (expression.type === 'unknown' && expression.kind === 'parameter') {
    return checked(resolveUnknown(context, expression, type, -1), type, check);
  }
  const based = tryCoerce(context, expression, base, modifier, how);
  return based === undefined ? undefined : checked(based, type, check);
}

function checked(
  arg: BoundExpression,
  type: SqlType,
  check: NonNullable<ReturnType<typeof domainCheckOf>>,
): BoundExpression {
  const found: ScalarFunction = {
    name: '::',
    arguments: [arg.type],
    result: type,
    strict: false,
    volatility: 'immutable',
    evaluate: ([value = null], evaluation) => {
      check(value, evaluation);
      return value;
    },
  };
  return { kind: 'call', type, modifier: -1, location: arg.location, function: found, args: [arg] };
}

/** As it is where any type will do: a literal becomes text, a parameter waits for another place to say what it is. */
export function ofAnyType(context: BindContext, expression: BoundExpression): BoundExpression {
  if (expression.type !== 'unknown') return expression;
  if (expression.kind !== 'parameter') {
    const coerced = coerce(context, expression, 'text', -1, 'implicit');
    return coerced.kind === 'constant' ? { ...coerced, isUntyped: true } : coerced;
  }
  context.untyped.push({ index: expression.index, location: expression.location });
  return { ...expression, type: 'text', isUntyped: true };
}

/**
 * Every parameter has one type, at each place where it stands (PostgreSQL's check_variable_parameters).
 * @throws SqlError `ambiguous_parameter`, `indeterminate_datatype`.
 */
export function requireParameterTypes({ parameters, untyped }: BindContext): void {
  const message = (index: number): string => `could not determine data type of parameter $${index + 1}`;
  const told = untyped.find(({ index }) => parameters[index] !== undefined);
  if (told !== undefined) {
    throw new SqlError('ambiguous_parameter', message(told.index), { location: told.location });
  }
  for (let i = 0; i < parameters.length; i++) {
    if (parameters[i] === undefined) throw new SqlError('indeterminate_datatype', message(i));
  }
}

function resolveUnknown(
  context: BindContext,
  expression: BoundExpression,
  type: SqlType,
  modifier: number,
): BoundExpression {
  const { location } = expression;
  if (expression.kind === 'parameter') {
    const { parameters } = context;
    const known = parameters[expression.index];
    if (known === undefined) parameters[expression.index] = type;
    else if (known !== type) {
      throw new SqlError('ambiguous_parameter', `inconsistent types deduced for parameter $${expression.index + 1}`, {
        location,
        detail: `${titleOf(known)} versus ${titleOf(type)}`,
      });
    }
    return { ...expression, type };
  }
  if (expression.kind !== 'constant') return cast(expression, type);
  if (expression.value === null) return { ...expression, type };
  const text = expression.value as string;
  if (isPointInTime(type) && SPECIAL_TIMES.test(text)) {
    // Depends on when it is asked: not a constant.
    const cast = castFor('text', type);
    at(location, () => parseText(type, text, context.time, modifier));
    return { kind: 'cast', type, modifier: -1, location, arg: { ...expression, type: 'text' }, cast };
  }
  return { ...expression, type, value: at(location, () => parseText(type, text, context.time, modifier)) };
}

function cast(arg: BoundExpression, type: SqlType): BoundExpression {
  return { kind: 'cast', type, modifier: -1, location: arg.location, arg, cast: castFor(arg.type, type) };
}

function bitsCast(arg: BoundExpression, modifier: number): BoundExpression {
  return { kind: 'cast', type: 'bit', modifier, location: arg.location, arg, cast: integerToBits(modifier) };
}

/** Text of such a type can mean another value tomorrow. */
function isPointInTime(type: SqlType): boolean {
  return type === 'timestamptz' || type === 'timestamp' || type === 'date' || type === 'time' || type === 'timetz';
}

/** A row has as many fields as the type that it is to be of. */
export function checkWidth(row: BoundExpression, type: SqlType, location: number | undefined): void {
  if (row.kind !== 'call' || row.type !== 'record' || row.function.name !== 'row') return;
  const { fields } = typeInfo(baseOf(type));
  if (fields === undefined || fields.length === row.args.length) return;
  throw new SqlError('cannot_coerce', `cannot cast type record to ${titleOf(type)}`, {
    location,
    detail: row.args.length < fields.length ? 'Input has too few columns.' : 'Input has too many columns.',
  });
}

/** The error of a value that does not fit the column it is meant for. */
export function assignmentMismatch(
  column: string,
  type: SqlType,
  expression: BoundExpression,
  place = leftmost(expression),
): SqlError {
  return new SqlError(
    'datatype_mismatch',
    `column "${column}" is of type ${titleOf(type)} but expression is of type ${titleOf(expression.type)}`,
    { location: place, hint: 'You will need to rewrite or cast the expression.' },
  );
}
