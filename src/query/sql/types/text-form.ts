/**
 * The text form of every type: what a literal, a text parameter and a result field look like.
 *
 * Messages and rounding are PostgreSQL's (its `*_in` and `*_out` functions), because clients show and match them.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { Numeric, parseNumeric } from '../../../models/relational/numeric.ts';
import {
  type Inet,
  type Interval,
  SqlArray,
  type SqlRange,
  type SqlRecord,
  type TimeTz,
} from '../../../models/relational/values.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { formatArray, formatRange, formatRecord, parseArray, parseRange, parseRecord } from './array-text.ts';
import { parseBits } from './bit-strings.ts';
import { labelName, labelValue } from './enum-labels.ts';
import { formatInterval } from './interval.ts';
import { parseInterval } from './interval-input.ts';
import { parseJsonPath, printJsonPath } from './json-path.ts';
import { checkJson, parseJsonb } from './json-value.ts';
import { formatLsn, parseLsn } from './log-positions.ts';
import { parseMac, parseMac8 } from './mac-addresses.ts';
import { applyModifier } from './modifiers.ts';
import { formatMultirange, parseMultirange } from './multiranges.ts';
import { formatInet, parseInet } from './network.ts';
import { formatObject, parseObject } from './object-names.ts';
import { canonicalRange } from './ranges.ts';
import { parseSnapshot, parseXid8 } from './snapshots.ts';
import {
  formatClock,
  formatDate,
  formatTimestamp,
  formatTimestamptz,
  formatTimetz,
  parseDate,
  parseTime,
  parseTimestamp,
  parseTimestamptz,
  parseTimetz,
  type TextStyle,
  type TimeContext,
} from './timestamptz.ts';
import { domainCheckOf, elementOf, type SqlType, type SqlValue, titleOf, typeInfo } from './types.ts';

/**
 * @param modifier Of an interval: it says which unit a number without one has. Nothing else asks for it here.
 * @throws SqlError `invalid_text_representation`, `numeric_value_out_of_range` and the errors of dates.
 */
export function parseText(type: SqlType, text: string, context: TimeContext, modifier = -1): SqlValue {
  switch (type) {
    case 'bool':
      return parseBoolean(text);
    case 'int2':
    case 'int4':
    case 'int8':
      return parseInteger(type, text);
    case 'float4':
      return parseFloat4(text);
    case 'float8':
      return parseFloat8(text);
    case 'numeric':
      return parseNumericText(text);
    case 'timestamptz':
      return parseTimestamptz(text, context);
    case 'timestamp':
      return parseTimestamp(text, context);
    case 'date':
      return parseDate(text, context);
    case 'time':
      return parseTime(text, context);
    case 'timetz':
      return parseTimetz(text, context);
    case 'interval':
      return parseInterval(text, context.intervalStyle, modifier < 0 ? 0 : (modifier >> 16) & 0x7fff);
    case 'uuid':
      return parseUuid(text);
    case 'bytea':
      return parseBytea(text);
    case 'json':
      return checkJson(text);
    case 'jsonb':
      return parseJsonb(text);
    case 'inet':
    case 'cidr':
      return parseInet(text, type);
    case 'bit':
    case 'varbit':
      return parseBits(text);
    case 'macaddr':
      return parseMac(text);
    case 'macaddr8':
      return parseMac8(text);
    case 'name':
      return truncateName(text);
    case 'char':
      return parseChar(text);
    case 'oid':
      return parseOid(text, type);
    case 'xid':
      return Number(BigInt.asUintN(32, parseXid8(text)));
    case 'int2vector':
    case 'oidvector': {
      const element = type === 'oidvector' ? 'oid' : 'int2';
      const items = text.trim() === '' ? [] : text.trim().split(/\s+/);
      const values = items.map((item) => parseText(element, item, context)) as number[];
      return values.length === 0 ? new SqlArray(element, []) : new SqlArray(element, values, [values.length], [0]);
    }
    case 'bpchar':
    case 'text':
    case 'varchar':
    case 'unknown':
    case 'cstring':
    case 'void':
    case 'pg_node_tree':
      return text;
    case 'jsonpath':
      return printJsonPath(parseJsonPath(text));
    default:
      return parseOther(type, text, context);
  }
}

function parseOther(type: SqlType, text: string, context: TimeContext): SqlValue {
  if (type.startsWith('reg')) return parseObject(type, text, context);
  const info = typeInfo(type);
  const { element } = info;
  if (info.base !== undefined) {
    const value = applyModifier(info.base, info.modifier ?? -1, parseText(info.base, text, context), false);
    info.check?.(value, context);
    return value;
  }
  if (info.category === 'A') {
    const array = parseArray(text, element!, (item) => parseText(element!, item, context));
    const check = domainCheckOf(element!);
    if (check !== undefined && array.values.includes(null)) check(null, context);
    return array;
  }
  if (info.kind === 'r')
    return canonicalRange(
      type,
      parseRange(text, (bound) => parseText(element!, bound, context)),
    );
  if (info.kind === 'm')
    return parseMultirange(text, element!, (range) => parseText(element!, range, context) as SqlRange);
  if (type === 'xid8') return parseXid8(text);
  if (type === 'pg_lsn') return parseLsn(text);
  if (type === 'pg_snapshot' || type === 'txid_snapshot') return parseSnapshot(text);
  if (info.labels !== undefined) {
    const value = labelValue(type, text, context);
    if (value !== undefined) return value;
    throw new SqlError('invalid_text_representation', `invalid input value for enum ${info.title}: "${text}"`);
  }
  if (info.fields !== undefined) {
    const { fields } = info;
    const types = fields.map((field) => field.type);
    const record = parseRecord(text, types, (value, i) =>
      applyModifier(types[i]!, fields[i]!.modifier, parseText(types[i]!, value, context), false),
    );
    for (let i = 0; i < types.length; i++) if (record.values[i] === null) domainCheckOf(types[i]!)?.(null, context);
    return record;
  }
  if (info.kind === 'p') {
    throw new SqlError('feature_not_supported', `cannot accept a value of type ${info.title}`);
  }
  throw notSupported(`type ${info.title}`);
}

/** Of a value that is not null. */
export function formatText(type: SqlType, value: Exclude<SqlValue, null>, style: TextStyle): string {
  switch (type) {
    case 'bool':
      return value === true ? 't' : 'f';
    case 'float4':
      return style.floatDigits === undefined
        ? formatFloat4(value as number)
        : formatDigits(value as number, 6 + style.floatDigits);
    case 'float8':
      return style.floatDigits === undefined
        ? formatFloat8(value as number)
        : formatDigits(value as number, 15 + style.floatDigits);
    case 'timestamptz':
      return formatTimestamptz(value as bigint, style);
    case 'timestamp':
      return formatTimestamp(value as bigint, style);
    case 'date':
      return formatDate(value as number, style);
    case 'time':
      return formatClock(value as number);
    case 'timetz':
      return formatTimetz(value as TimeTz);
    case 'interval':
      return formatInterval(value as Interval, style.intervalStyle);
    case 'bytea':
      return formatBytea(value as Uint8Array, style.byteaOutput);
    case 'char':
      return formatChar(value as string);
    case 'pg_lsn':
      return formatLsn(value as bigint);
    case 'inet':
    case 'cidr':
      return formatInet(value as Inet, type);
    default:
      if (typeof value === 'string') return type.startsWith('user:') ? labelName(type, value, style.names) : value;
      return typeof value === 'object' || type.startsWith('reg') ? formatOther(type, value, style) : String(value);
  }
}

function formatOther(type: SqlType, value: Exclude<SqlValue, null>, style: TextStyle): string {
  if (type === 'numeric' || type === 'jsonb') return value.toString();
  if (type.startsWith('reg')) return formatObject(type, value as number, style);
  if (type === 'int2vector' || type === 'oidvector') return (value as SqlArray).values.join(' ');
  const info = typeInfo(type);
  const { element } = info;
  if (elementOf(type) !== undefined) {
    return formatArray(value as SqlArray, (item) => formatText(element!, item, style));
  }
  if (info.kind === 'm') return formatMultirange(value as SqlArray, (range) => formatText(element!, range, style));
  if (info.kind === 'r') return formatRange(value as SqlRange, (bound) => formatText(element!, bound, style));
  if (info.base !== undefined) return formatText(info.base, value, style);
  if (type === 'record' || info.fields !== undefined) {
    return formatRecord(value as SqlRecord, (field, item) => formatText(field, item, style));
  }
  if (type === 'anyarray') {
    return formatArray(value as SqlArray, (item) => formatText((value as SqlArray).element, item, style));
  }
  return String(value);
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

/** Digits that are too many are told before what follows them. */
function refusedDigits(type: SqlType, text: string, min: bigint, max: bigint): SqlError {
  const digits = /^\s*([+-]?)(\d+)/.exec(text);
  const value = digits === null ? 0n : BigInt(digits[2]!) * (digits[1] === '-' ? -1n : 1n);
  if (value >= min && value <= max) return invalid(type, text);
  return new SqlError('numeric_value_out_of_range', `value "${text}" is out of range for type ${titleOf(type)}`);
}

/** So many digits are within the bounds of int4. */
const PLAIN_DIGITS_MAX = 9;

/** The number that up to `PLAIN_DIGITS_MAX` digits make; -1 for all other texts. */
function plainInteger(text: string): number {
  const { length } = text;
  if (length === 0 || length > PLAIN_DIGITS_MAX) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function parseInteger(type: 'int2' | 'int4' | 'int8', text: string): number | bigint {
  const plain = plainInteger(text);
  if (plain >= 0 && type !== 'int2') return type === 'int8' ? BigInt(plain) : plain;
  const [min, max] = INTEGER_BOUNDS[type];
  if (!/^[ \t\n\v\f\r]*[+-]?\d+[ \t\n\v\f\r]*$/.test(text)) throw refusedDigits(type, text, min, max);
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
  return parseFloatText('float8', text);
}

function parseFloatText(type: 'float4' | 'float8', text: string): number {
  const trimmed = text.trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) {
    const word = /^([+-]?)(nan|inf|infinity)$/i.exec(trimmed);
    if (word === null) throw invalid(type, text);
    if (word[2]!.toLowerCase() === 'nan') return Number.NaN;
    return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const value = Number(trimmed);
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(trimmed.replace(/e.*$/i, '')))) {
    throw new SqlError('numeric_value_out_of_range', `"${trimmed}" is out of range for type ${titleOf(type)}`);
  }
  return value;
}

/** The shortest digits that read back as the same number; an exponent below 1e-4 and from 1e15. */
function formatFloat8(value: number): string {
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

/** As C's `%.*g`: so many significant digits, without zeros at the end. */
function formatDigits(value: number, wanted: number): string {
  if (!Number.isFinite(value) || value === 0) return formatFloat8(value);
  const precision = Math.max(1, wanted);
  const [mantissa, exponentText] = value.toExponential(precision - 1).split('e') as [string, string];
  const exponent = Number(exponentText);
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent >= -4 && exponent < precision) return trim(value.toFixed(precision - 1 - exponent));
  return `${trim(mantissa)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
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
  throw invalid('numeric', text);
}

/** The shortest digits that read back as the same number of 32 bits; an exponent below 1e-4 and from 1e6. */
function formatFloat4(value: number): string {
  if (!Number.isFinite(value) || value === 0) return formatFloat8(value);
  let digits = 1;
  let text = value.toExponential(0);
  while (digits < 9 && Math.fround(Number(text)) !== value) text = value.toExponential(digits++);
  const [mantissa, exponentText] = text.split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6)
    return Number(text).toFixed(Math.max(0, mantissa.replace(/\D/g, '').length - 1 - exponent));
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function parseFloat4(text: string): number {
  const value = parseFloatText('float4', text);
  const rounded = Math.fround(value);
  if ((Number.isFinite(value) && !Number.isFinite(rounded)) || (rounded === 0 && value !== 0)) {
    throw new SqlError('numeric_value_out_of_range', `"${text.trim()}" is out of range for type real`);
  }
  return rounded;
}

/** `oid`: an unsigned number; negative ones wrap, as PostgreSQL reads them. */
function parseOid(text: string, type: SqlType = 'oid'): number {
  const trimmed = text.trim();
  if (!/^[+-]?\d+$/.test(trimmed)) throw refusedDigits(type, text, -(2n ** 64n), 2n ** 64n - 1n);
  const value = Number(trimmed);
  if (value > 4_294_967_295 || value < -2_147_483_648) {
    throw new SqlError('numeric_value_out_of_range', `value "${text}" is out of range for type ${titleOf(type)}`);
  }
  return value < 0 ? value + 4_294_967_296 : value;
}

/** The canonical form: lower case with hyphens. */
function parseUuid(text: string): string {
  const trimmed = text.trim();
  const bare = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1) : trimmed;
  if (text !== trimmed || !/^(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}$/.test(bare)) throw invalid('uuid', text);
  const hex = bare.replaceAll('-', '').toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Hexadecimal text is read in pieces of so many characters. */
const HEX_PIECE_CHARS = 65_536;

/** The bytea of a text that is nothing but `\x` and pairs of digits; undefined for any other. */
export function byteaOfHex(text: Buffer): Uint8Array | undefined {
  if (text.length % 2 !== 0 || text[0] !== 0x5c || text[1] !== 0x78) return undefined;
  const value = Buffer.allocUnsafeSlow(text.length / 2 - 1);
  for (let from = 2; from < text.length; from += HEX_PIECE_CHARS) {
    const piece = text.latin1Slice(from, Math.min(text.length, from + HEX_PIECE_CHARS));
    if (value.write(piece, from / 2 - 1, 'hex') !== piece.length / 2) return undefined;
  }
  return new Uint8Array(value.buffer, 0, value.length);
}

/** Either `\x…` in hexadecimal or text with octal escapes. */
export function parseBytea(text: string): Uint8Array {
  if (text.startsWith('\\x')) {
    if (text.length > HEX_PIECE_CHARS) {
      const value = byteaOfHex(Buffer.from(text, 'utf8'));
      if (value !== undefined) return value;
    }
    return parseHex(text.slice(2));
  }
  const bytes: number[] = [];
  const source = Buffer.from(text, 'utf8');
  for (let i = 0; i < source.length; i++) {
    if (source[i] !== 0x5c) {
      bytes.push(source[i]!);
      continue;
    }
    const octal = /^[0-3][0-7]{2}/.exec(source.toString('latin1', i + 1, i + 4));
    if (source[i + 1] === 0x5c) {
      bytes.push(0x5c);
      i++;
    } else if (octal !== null) {
      bytes.push(Number.parseInt(octal[0], 8));
      i += 3;
    } else throw new SqlError('invalid_text_representation', 'invalid input syntax for type bytea');
  }
  return Uint8Array.from(bytes);
}

/** Digits in pairs, with white space between them. @throws SqlError `invalid_parameter_value`. */
export function parseHex(text: string): Uint8Array {
  const digits = text.replace(/[ \t\n\r]/g, '');
  const bad = /[^0-9a-fA-F]/u.exec(digits);
  if (bad !== null) throw new SqlError('invalid_parameter_value', `invalid hexadecimal digit: "${bad[0]}"`);
  if (digits.length % 2 !== 0) {
    throw new SqlError('invalid_parameter_value', 'invalid hexadecimal data: odd number of digits');
  }
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

function formatBytea(value: Uint8Array, output: TextStyle['byteaOutput']): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (output !== 'escape') return `\\x${bytes.toString('hex')}`;
  let text = '';
  for (const byte of bytes) {
    if (byte === 0x5c) text += '\\\\';
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

/** `"char"`: one byte; those beyond ASCII as an octal escape. */
export function parseChar(text: string): string {
  const octal = /^\\([0-3][0-7]{2})$/.exec(text);
  if (octal !== null) return charOfByte(Number.parseInt(octal[1]!, 8));
  return text === '' ? '' : charOfByte(Buffer.from(text)[0]!);
}

export function charOfByte(byte: number): string {
  return byte === 0 ? '' : String.fromCharCode(byte);
}

export function formatChar(value: string): string {
  const code = value === '' ? 0 : value.charCodeAt(0);
  return code < 0x80 ? value : `\\${code.toString(8)}`;
}

/** Names hold 63 bytes. */
export function truncateName(text: string): string {
  let name = text;
  while (Buffer.byteLength(name, 'utf8') > 63) name = [...name].slice(0, -1).join('');
  return name;
}
