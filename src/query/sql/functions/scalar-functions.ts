/** Functions that can be called by name in an expression, and how a call finds the right one of its name. */

import type { Numeric } from '../../../models/relational/numeric.ts';
import { Numeric as NumericValue } from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import { compareNumeric, moduloNumeric, numericOf, roundNumeric } from '../types/numeric-arithmetic.ts';
import { canCast, type SqlType, typeInfo } from '../types/types.ts';
import { arithmetic } from './arithmetic.ts';
import type { EvaluationContext, ScalarFunction } from './evaluation.ts';
import { like } from './like.ts';
import { VERSION_TEXT } from './version.ts';

function define(
  name: string,
  args: readonly SqlType[],
  result: SqlType,
  evaluate: ScalarFunction['evaluate'],
  options: Partial<Pick<ScalarFunction, 'strict' | 'volatility' | 'variadic'>> = {},
): ScalarFunction {
  return { name, arguments: args, result, strict: true, volatility: 'immutable', evaluate, ...options };
}

function ofSession(name: string, result: SqlType, evaluate: (context: EvaluationContext) => string | number | bigint) {
  return define(name, [], result, (_, context) => evaluate(context), { volatility: 'stable' });
}

function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Characters [start, start + length), counted from 1; what lies outside of the text is left out. */
function substring(text: string, start: number, length: number | undefined): string {
  if (length !== undefined && length < 0) {
    throw new SqlError('invalid_parameter_value', 'negative substring length not allowed');
  }
  const end = length === undefined ? Number.POSITIVE_INFINITY : start + length;
  return [...text].slice(Math.max(start - 1, 0), Math.max(end - 1, 0)).join('');
}

function absolute(type: 'int2' | 'int4' | 'int8'): ScalarFunction {
  const subtract = arithmetic('-', type)!;
  const zero = type === 'int8' ? 0n : 0;
  return define('abs', [type], type, (args, context) =>
    (args[0] as number | bigint) < 0 ? subtract.evaluate([zero, args[0]!], context) : args[0]!,
  );
}

function floorNumeric(value: Numeric): Numeric {
  const whole = numericOf(value.digits / 10n ** BigInt(value.scale));
  return compareNumeric(whole, value) > 0 ? numericOf(whole.digits - 1n) : whole;
}

const FUNCTIONS: readonly ScalarFunction[] = [
  define('length', ['text'], 'int4', ([text]) => characters(text as string)),
  define('char_length', ['text'], 'int4', ([text]) => characters(text as string)),
  define('character_length', ['text'], 'int4', ([text]) => characters(text as string)),
  define('octet_length', ['text'], 'int4', ([text]) => Buffer.byteLength(text as string, 'utf8')),
  define('lower', ['text'], 'text', ([text]) => (text as string).toLowerCase()),
  define('upper', ['text'], 'text', ([text]) => (text as string).toUpperCase()),
  define('substr', ['text', 'int4'], 'text', ([text, start]) => substring(text as string, start as number, undefined)),
  define('substr', ['text', 'int4', 'int4'], 'text', ([text, start, length]) =>
    substring(text as string, start as number, length as number),
  ),
  define('substring', ['text', 'int4'], 'text', ([text, start]) =>
    substring(text as string, start as number, undefined),
  ),
  define('substring', ['text', 'int4', 'int4'], 'text', ([text, start, length]) =>
    substring(text as string, start as number, length as number),
  ),
  define('btrim', ['text'], 'text', ([text]) => (text as string).replace(/^ +| +$/g, '')),
  define('ltrim', ['text'], 'text', ([text]) => (text as string).replace(/^ +/, '')),
  define('rtrim', ['text'], 'text', ([text]) => (text as string).replace(/ +$/, '')),
  define('concat', ['text'], 'text', (args) => args.map((arg) => arg ?? '').join(''), {
    strict: false,
    variadic: true,
    volatility: 'stable',
  }),
  define('like', ['text', 'text'], 'bool', ([text, pattern]) => like(text as string, pattern as string)),
  absolute('int2'),
  absolute('int4'),
  absolute('int8'),
  define('abs', ['float8'], 'float8', ([value]) => Math.abs(value as number)),
  define('abs', ['numeric'], 'numeric', ([value]) => {
    const { digits, scale } = value as Numeric;
    return new NumericValue(digits < 0n ? -digits : digits, scale);
  }),
  { ...arithmetic('%', 'int2')!, name: 'mod' },
  { ...arithmetic('%', 'int4')!, name: 'mod' },
  { ...arithmetic('%', 'int8')!, name: 'mod' },
  define('mod', ['numeric', 'numeric'], 'numeric', ([a, b]) => moduloNumeric(a as Numeric, b as Numeric)),
  define('floor', ['numeric'], 'numeric', ([value]) => floorNumeric(value as Numeric)),
  define('floor', ['float8'], 'float8', ([value]) => Math.floor(value as number)),
  define('ceil', ['numeric'], 'numeric', ([value]) => {
    const { digits, scale } = value as Numeric;
    return numericOf(-floorNumeric(new NumericValue(-digits, scale)).digits);
  }),
  define('ceil', ['float8'], 'float8', ([value]) => Math.ceil(value as number)),
  define('round', ['numeric'], 'numeric', ([value]) => roundNumeric(value as Numeric, 0)),
  define('round', ['numeric', 'int4'], 'numeric', ([value, scale]) => {
    const digits = Math.max(-2_000, Math.min(2_000, scale as number));
    if (digits >= 0) return roundNumeric(value as Numeric, digits);
    const { digits: unscaled, scale: own } = value as Numeric;
    // Rounding before the point: shift it, round to a whole number, shift back.
    const shifted = roundNumeric(new NumericValue(unscaled, own - digits), 0);
    return numericOf(shifted.digits * 10n ** BigInt(-digits));
  }),
  define('now', [], 'timestamptz', (_, context) => context.nowMicros, { volatility: 'stable' }),
  define('transaction_timestamp', [], 'timestamptz', (_, context) => context.nowMicros, { volatility: 'stable' }),
  define('statement_timestamp', [], 'timestamptz', (_, context) => context.statementMicros, { volatility: 'stable' }),
  define('clock_timestamp', [], 'timestamptz', (_, context) => context.clockMicros(), { volatility: 'volatile' }),
  ofSession('version', 'text', () => VERSION_TEXT),
  ofSession('current_database', 'name', (context) => context.session.database),
  ofSession('current_catalog', 'name', (context) => context.session.database),
  ofSession('current_user', 'name', (context) => context.session.user),
  ofSession('session_user', 'name', (context) => context.session.user),
  ofSession('current_schema', 'name', () => 'public'),
  ofSession('pg_backend_pid', 'int4', (context) => context.session.processId),
  define('pg_is_in_recovery', [], 'bool', () => false, { volatility: 'stable' }),
  define(
    'current_setting',
    ['text'],
    'text',
    ([name], context) => {
      const value = context.session.setting(name as string);
      if (value !== undefined) return value;
      throw new SqlError('undefined_object', `unrecognized configuration parameter "${name}"`);
    },
    { volatility: 'stable' },
  ),
];

const BY_NAME = Map.groupBy(FUNCTIONS, (each) => each.name);

export function isFunction(name: string): boolean {
  return BY_NAME.has(name);
}

/**
 * The function of that name whose arguments the given types become most easily: most exact matches first, then the
 * category's preferred type (text, double precision). Undefined when none accepts them.
 */
export function findFunction(name: string, types: readonly SqlType[]): ScalarFunction | undefined {
  let best: ScalarFunction | undefined;
  let bestScore = -1;
  for (const candidate of BY_NAME.get(name) ?? []) {
    const wanted = argumentTypes(candidate, types.length);
    if (wanted === undefined) continue;
    // concat takes anything: its arguments are printed.
    const context = candidate.variadic === true ? 'assignment' : 'implicit';
    if (!types.every((type, i) => canCast(type, wanted[i]!, context))) continue;
    let score = 0;
    for (let i = 0; i < types.length; i++) {
      if (types[i] === wanted[i]) score += 100;
      else if (wanted[i] === 'text' || wanted[i] === 'float8') score += types[i] === 'unknown' ? 10 : 1;
      else if (typeInfo(wanted[i]!).category === 'N') score += 2;
    }
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

export function argumentTypes(candidate: ScalarFunction, count: number): readonly SqlType[] | undefined {
  const { arguments: args, variadic } = candidate;
  if (variadic === true) {
    return count === 0 ? undefined : Array.from({ length: count }, (_, i) => args[Math.min(i, args.length - 1)]!);
  }
  return args.length === count ? args : undefined;
}
