/**
 * The text form of every type: what a literal, a text parameter and a result field look like.
 *
 * Messages and rounding are PostgreSQL's (its `*_in` and `*_out` functions), because clients show and match them.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { Numeric, parseNumeric } from '../../../models/relational/numeric.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { TimeZone } from './time-zone.ts';
import {
  formatTimestamp,
  formatTimestamptz,
  parseTimestamp,
  parseTimestamptz,
  type TimeContext,
} from './timestamptz.ts';
import { type SqlType, type SqlValue, titleOf } from './types.ts';

/** @throws SqlError `invalid_text_representation`, `numeric_value_out_of_range` and the errors of dates. */
export function parseText(type: SqlType, text: string, context: TimeContext): SqlValue {
  switch (type) {
    case 'bool':
      return parseBoolean(text);
    case 'int2':
    case 'int4':
    case 'int8':
      return parseInteger(type, text);
    case 'float8':
      return parseFloat8(text);
    case 'numeric':
      return parseNumericText(text);
    case 'timestamptz':
      return parseTimestamptz(text, context);
    case 'timestamp':
      return parseTimestamp(text, context);
    case 'bpchar':
    case 'name':
    case 'text':
    case 'varchar':
    case 'unknown':
    case 'void':
      return text;
    default:
      throw notSupported(`type ${titleOf(type)}`);
  }
}

/** Of a value that is not null. */
export function formatText(type: SqlType, value: Exclude<SqlValue, null>, zone: TimeZone): string {
  switch (type) {
    case 'bool':
      return value === true ? 't' : 'f';
    case 'float8':
      return formatFloat8(value as number);
    case 'timestamptz':
      return formatTimestamptz(value as bigint, zone);
    case 'timestamp':
      return formatTimestamp(value as bigint);
    default:
      return typeof value === 'string' ? value : value.toString();
  }
}

function invalid(type: SqlType, text: string): SqlError {
  return new SqlError('invalid_text_representation', `invalid input syntax for type ${titleOf(type)}: "${text}"`);
}

const BOOLEAN_WORDS: readonly (readonly [string, number, boolean])[] = [
  ['true', 1, true],
  ['false', 1, false],
  ['yes', 1, true],
  ['no', 1, false],
  ['on', 2, true],
  ['off', 2, false],
  ['1', 1, true],
  ['0', 1, false],
];

/** Any beginning of a word that no other word shares. */
export function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  for (const [full, least, value] of BOOLEAN_WORDS) if (word.length >= least && full.startsWith(word)) return value;
  throw invalid('bool', text);
}

const INTEGER_BOUNDS = {
  int2: [-32_768n, 32_767n],
  int4: [-2_147_483_648n, 2_147_483_647n],
  int8: [INT64_MIN, INT64_MAX],
} as const;

export function parseInteger(type: 'int2' | 'int4' | 'int8', text: string): number | bigint {
  if (!/^[ \t\n\v\f\r]*[+-]?\d+[ \t\n\v\f\r]*$/.test(text)) throw invalid(type, text);
  const [min, max] = INTEGER_BOUNDS[type];
  const trimmed = text.trim();
  if (trimmed.length < 16) {
    const value = Number(trimmed);
    if (type === 'int8') return BigInt(value);
    if (value >= Number(min) && value <= Number(max)) return value === 0 ? 0 : value;
  } else if (trimmed.replace(/^[+-]?0*/, '').length <= 19) {
    const value = BigInt(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed);
    if (value >= min && value <= max) return type === 'int8' ? value : Number(value);
  }
  throw new SqlError('numeric_value_out_of_range', `value "${text}" is out of range for type ${titleOf(type)}`);
}

export function parseFloat8(text: string): number {
  const trimmed = text.trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) {
    const word = /^([+-]?)(nan|inf|infinity)$/i.exec(trimmed);
    if (word === null) throw invalid('float8', text);
    if (word[2]!.toLowerCase() === 'nan') return Number.NaN;
    return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const value = Number(trimmed);
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(trimmed.replace(/e.*$/i, '')))) {
    throw new SqlError('numeric_value_out_of_range', `"${trimmed}" is out of range for type double precision`);
  }
  return value;
}

/** The shortest digits that read back as the same number; an exponent below 1e-4 and from 1e15. */
export function formatFloat8(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa, exponentText] = shortest(value).split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 15) {
    const plain = String(value);
    return plain.includes('e') ? value.toFixed(mantissa.replace(/\D/g, '').length - 1 - exponent) : plain;
  }
  const magnitude = String(Math.abs(exponent)).padStart(2, '0');
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${magnitude}`;
}

/**
 * JavaScript accepts digits that lie exactly between two numbers, since reading them rounds to even; PostgreSQL (its
 * d2s.c) wants them nearer, and takes one digit more. That can only happen to whole numbers beyond 2^53.
 */
function shortest(value: number): string {
  const text = value.toExponential();
  if (Math.abs(value) < 2 ** 53 || !isHalfway(text, value)) return text;
  for (let digits = text.replace(/e.*|\D/g, '').length; digits < 17; digits++) {
    const longer = value.toExponential(digits);
    if (Number(longer) === value && !isHalfway(longer, value)) return longer.replace(/\.?0*e/, 'e');
  }
  return text;
}

/** Whether decimal digits lie in the middle between a whole number and the next double outwards or inwards. */
function isHalfway(text: string, value: number): boolean {
  const [mantissa, exponent] = text.split('e') as [string, string];
  const digits = mantissa.replace('.', '');
  const power = Number(exponent) - (digits.replace('-', '').length - 1);
  if (power < 0) return false;
  const exact = BigInt(value);
  const off = BigInt(digits) * 10n ** BigInt(power) - exact;
  const magnitude = exact < 0n ? -exact : exact;
  const step = 1n << BigInt(magnitude.toString(2).length - 53);
  return (off < 0n ? -off : off) * 2n === step;
}

export function parseNumericText(text: string): Numeric {
  const trimmed = text.trim();
  const value = parseNumeric(trimmed);
  if (value instanceof Numeric) return value;
  if (value === 'overflow') throw new SqlError('numeric_value_out_of_range', 'value overflows numeric format');
  if (/^([+-]?inf(inity)?|nan)$/i.test(trimmed)) throw notSupported(`${trimmed} as a value of type numeric`);
  throw invalid('numeric', text);
}
