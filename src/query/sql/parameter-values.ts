/**
 * How the values of run-time parameters are read and shown: booleans, words, integers and reals with units (guc.c:
 * parse_bool, parse_int, parse_real, ShowGUCOption). Every parser throws SqlError `invalid_parameter_value`.
 */

import { notSupported, SqlError } from './sql-error.ts';
import { parseBoolean } from './types/text-form.ts';

/**
 * Takes a text to the value as it is kept.
 * @param current What the parameter is now: some values change a part of it.
 */
export type ParameterParser = (value: string, name: string, current?: string) => string;

/** What the kept number counts: milliseconds, seconds, bytes, kilobytes, blocks of 8 kB. */
export type ParameterUnit = 'ms' | 's' | 'B' | 'kB' | '8kB';

const MILLISECONDS: readonly (readonly [string, number])[] = [
  ['us', 0.001],
  ['ms', 1],
  ['s', 1_000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
];
const BYTES: readonly (readonly [string, number])[] = [
  ['B', 1],
  ['kB', 1024],
  ['MB', 1024 ** 2],
  ['GB', 1024 ** 3],
  ['TB', 1024 ** 4],
];
/** In milliseconds or bytes. */
const BASES: Readonly<Record<ParameterUnit, number>> = { ms: 1, s: 1_000, B: 1, kB: 1024, '8kB': 8_192 };
const INTEGER_MAX = 2_147_483_647;

export function invalidValue(name: string, value: string, hint?: string): SqlError {
  return new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`, { hint });
}

export function boolean(value: string, name: string): string {
  try {
    return parseBoolean(value) ? 'on' : 'off';
  } catch {
    throw new SqlError('invalid_parameter_value', `parameter "${name}" requires a Boolean value`);
  }
}

const BOOLEAN_WORDS: Readonly<Record<string, string>> = {
  true: 'on',
  yes: 'on',
  1: 'on',
  false: 'off',
  no: 'off',
  0: 'off',
};

/** One of the words; where `on` and `off` are among them, other words for those too. */
export function oneOf(...words: readonly string[]): ParameterParser {
  return (value, name) => {
    const given = value.toLowerCase();
    const word = words.includes('on') ? (BOOLEAN_WORDS[given] ?? given) : given;
    if (words.includes(word)) return word;
    throw invalidValue(name, value, `Available values: ${words.join(', ')}.`);
  };
}

/** What `parse` takes, of which only some values are built. */
export function only(parse: ParameterParser, ...built: readonly string[]): ParameterParser {
  return (value, name) => {
    const parsed = parse(value, name);
    if (built.includes(parsed)) return parsed;
    throw notSupported(`${name} = ${value}`);
  };
}

export function integer(min: number, max: number, unit?: ParameterUnit): ParameterParser {
  return (value, name) => {
    const [number, given] = readNumber(value, name, true);
    const result = roundEven(number * factorOf(given, unit, value, name));
    if (Math.abs(result) > INTEGER_MAX) throw invalidValue(name, value, 'Value exceeds integer range.');
    if (result >= min && result <= max) return String(result);
    throw outside(name, String(result), unit, String(min), String(max));
  };
}

export function real(min: number, max: number, unit?: ParameterUnit): ParameterParser {
  return (value, name) => {
    const [number, given] = readNumber(value, name, false);
    const result = number * factorOf(given, unit, value, name);
    if (result >= min && result <= max) return String(result);
    throw outside(name, general(result), unit, general(min), general(max));
  };
}

/** With the largest unit that it is a whole number of. */
export function showInteger(unit: ParameterUnit): (value: string) => string {
  return (value) => {
    const number = Number(value);
    if (number <= 0) return value;
    const total = number * BASES[unit];
    const [name, factor] = unitsOf(unit).findLast(([, each]) => total % each === 0)!;
    return `${total / factor}${name}`;
  };
}

/** As `showInteger`; six digits at most. */
export function showReal(unit: ParameterUnit | undefined): (value: string) => string {
  return (value) => {
    const number = Number(value);
    if (unit === undefined || number <= 0) return general(number);
    const total = number * BASES[unit];
    const [name, factor] = unitsOf(unit).findLast(([, each]) => Number.isInteger(total / each)) ?? unitsOf(unit)[0]!;
    return `${general(total / factor)}${name}`;
  };
}

/** As pg_settings prints a bound. */
export function showBound(value: number, type: string): string {
  return type === 'real' ? general(value) : String(value);
}

function unitsOf(unit: ParameterUnit): readonly (readonly [string, number])[] {
  return unit === 'ms' || unit === 's' ? MILLISECONDS : BYTES;
}

/** The number in front, and the letters behind it. @param octal Whether a zero in front means that. */
function readNumber(value: string, name: string, octal: boolean): readonly [number, string] {
  const match = /^\s*([+-]?(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))\s*(.*?)\s*$/is.exec(value);
  if (match === null) throw invalidValue(name, value);
  const [, digits = '', unit = ''] = match;
  if (octal && /^[+-]?0[0-7]+$/.test(digits)) return [Number.parseInt(digits, 8), unit];
  const negative = digits.startsWith('-');
  const number = Number(digits.replace(/^[+-]/, ''));
  if (!Number.isFinite(number)) throw invalidValue(name, value);
  return [negative ? -number : number, unit];
}

function factorOf(given: string, unit: ParameterUnit | undefined, value: string, name: string): number {
  if (given === '') return 1;
  if (unit === undefined) throw invalidValue(name, value);
  const units = unitsOf(unit);
  const found = units.find(([each]) => each === given);
  if (found !== undefined) return found[1] / BASES[unit];
  const names = units.map(([each]) => `"${each}"`);
  const listed = `${names.slice(0, -1).join(', ')}, and ${names.at(-1)}`;
  throw invalidValue(name, value, `Valid units for this parameter are ${listed}.`);
}

function outside(name: string, value: string, unit: ParameterUnit | undefined, min: string, max: string): SqlError {
  const shown = unit === undefined ? value : `${value} ${unit}`;
  const message = `${shown} is outside the valid range for parameter "${name}" (${min} .. ${max})`;
  return new SqlError('invalid_parameter_value', message);
}

/** As C's rint. */
function roundEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded === 0 ? 0 : rounded;
}

/** As C's `%g`. */
function general(value: number): string {
  if (value === 0) return '0';
  const exponent = Number(value.toExponential(5).split('e')[1]);
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const [digits = '', power = ''] = value.toExponential(5).split('e');
  const mantissa = digits.replace(/\.?0+$/, '');
  return `${mantissa}e${power[0]}${power.slice(1).padStart(2, '0')}`;
}
