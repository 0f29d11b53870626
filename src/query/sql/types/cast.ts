/**
 * Turning a value of one type into another, after `canCast` allowed it: PostgreSQL's rounding, ranges and messages.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { Numeric } from '../../../models/relational/numeric.ts';
import { withoutPadding, withPadding } from '../../../models/relational/padding.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { applyNumericModifier, integerOfNumeric, numericOf } from './numeric-arithmetic.ts';
import { formatText, parseNumericText, parseText } from './text-form.ts';
import { instantOfLocal, localOfInstant, type TimeContext } from './timestamptz.ts';
import { isInteger, isString, type SqlType, type SqlValue, titleOf } from './types.ts';

export type Cast = (value: Exclude<SqlValue, null>, context: TimeContext) => SqlValue;

/** Undefined when the value stays as it is. */
export function castFor(from: SqlType, to: SqlType): Cast | undefined {
  if (from === to) return undefined;
  if (from === 'bpchar' && (to === 'text' || to === 'varchar')) return (value) => withoutPadding(value as string);
  if (isString(from) && isString(to) && to !== 'name') return undefined;
  if (to === 'name') return (value, context) => truncateName(formatText(from, value, context.zone));
  if (from === 'unknown' || isString(from)) {
    return isString(to) ? undefined : (value, context) => parseText(to, value as string, context);
  }
  if (isString(to)) {
    if (from === 'bool') return (value) => (value === true ? 'true' : 'false');
    return (value, context) => formatText(from, value, context.zone);
  }
  if (from === 'timestamptz' && to === 'timestamp') {
    return (value, context) => localOfInstant(value as bigint, context.zone);
  }
  if (from === 'timestamp' && to === 'timestamptz') {
    return (value, context) => instantOfLocal(value as bigint, context.zone);
  }
  if (isInteger(to)) {
    switch (from) {
      case 'bool':
        return (value) => (value === true ? 1 : 0);
      case 'numeric':
        return (value) => integerFrom(to, integerOfNumeric(value as Numeric));
      case 'float8':
        return (value) => integerFromFloat(to, value as number);
      default:
        if (from === 'int2' && to === 'int4') return undefined;
        return (value) => integerFrom(to, value as number | bigint);
    }
  }
  if (to === 'float8') return (value) => floatFrom(value as number | bigint | Numeric);
  if (to === 'numeric') {
    return from === 'float8' ? (value) => numericFromFloat(value as number) : (value) => numericOf(value as number);
  }
  if (to === 'bool') return (value) => value !== 0;
  throw new SqlError('cannot_coerce', `cannot cast type ${titleOf(from)} to ${titleOf(to)}`);
}

const RANGES = { int2: 32_768, int4: 2_147_483_648 } as const;

/** @throws SqlError `numeric_value_out_of_range`. */
export function integerFrom(type: 'int2' | 'int4' | 'int8', value: number | bigint): number | bigint {
  if (type === 'int8') {
    if (typeof value === 'number') return BigInt(value);
    if (value >= INT64_MIN && value <= INT64_MAX) return value;
  } else {
    const range = RANGES[type];
    const number = Number(value);
    if (number >= -range && number < range) return number;
  }
  throw new SqlError('numeric_value_out_of_range', `${titleOf(type)} out of range`);
}

function integerFromFloat(type: 'int2' | 'int4' | 'int8', value: number): number | bigint {
  const rounded = roundHalfEven(value);
  // 2^63 is a double, 2^63 - 1 is not: the comparison must be exact before the conversion.
  if (!Number.isFinite(rounded) || (type === 'int8' && (rounded < -(2 ** 63) || rounded >= 2 ** 63))) {
    throw new SqlError('numeric_value_out_of_range', `${titleOf(type)} out of range`);
  }
  return integerFrom(type, type === 'int8' ? BigInt(rounded) : rounded === 0 ? 0 : rounded);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function floatFrom(value: number | bigint | Numeric): number {
  const result = value instanceof Numeric ? Number(value.toString()) : Number(value);
  if (!Number.isFinite(result)) {
    throw new SqlError('numeric_value_out_of_range', `"${value}" is out of range for type double precision`);
  }
  return result;
}

function numericFromFloat(value: number): Numeric {
  if (!Number.isFinite(value)) throw notSupported(`${value} as a value of type numeric`);
  // Fifteen significant digits, without the zeros that filled them up.
  return parseNumericText(String(Number(value.toPrecision(15))));
}

/** Names hold 63 bytes. */
function truncateName(text: string): string {
  let name = text;
  while (Buffer.byteLength(name, 'utf8') > 63) name = name.slice(0, -1);
  return name;
}

/**
 * Applies a type's modifier: `varchar(n)`, `character(n)`, `numeric(p, s)`.
 * @throws SqlError `string_data_right_truncation` unless `explicit`, `numeric_value_out_of_range`.
 */
export function applyModifier(type: SqlType, modifier: number, value: SqlValue, explicit: boolean): SqlValue {
  if (modifier < 0 || value === null) return value;
  if (type === 'numeric') return applyNumericModifier(value as Numeric, modifier);
  if (type !== 'varchar' && type !== 'bpchar') return value;
  const text = type === 'varchar' ? (value as string) : withPadding(value as string, modifier);
  const charactersMax = modifier - 4;
  if (text.length <= charactersMax) return text;
  const characters = [...text];
  if (characters.length <= charactersMax) return text;
  const kept = characters.slice(0, charactersMax).join('');
  if (explicit || text.slice(kept.length).trim() === '') return kept;
  throw new SqlError('string_data_right_truncation', `value too long for type ${titleOf(type)}(${charactersMax})`);
}
