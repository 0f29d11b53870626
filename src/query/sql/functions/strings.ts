/** String functions and operators (manual, 9.4 and 9.7). Positions and lengths count characters, from 1. */

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { withoutPadding } from '../../../models/relational/padding.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { castFor, integerFrom } from '../types/cast.ts';
import { invalidBytes } from '../types/invalid-bytes.ts';
import { formatText, parseBytea, parseHex } from '../types/text-form.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';

function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Characters [start, start + length), counted from 1; what lies outside of the text is left out. */
function substring(text: string, start: number, length: number | undefined): string {
  if (length !== undefined && length < 0) {
    throw new SqlError('substring_error', 'negative substring length not allowed');
  }
  const end = length === undefined ? Number.POSITIVE_INFINITY : start + length;
  return [...text].slice(Math.max(start - 1, 0), Math.max(end - 1, 0)).join('');
}

type Printer = (value: Exclude<SqlValue, null>, context: RunContext) => string;

/** A value of a type as its output function prints it. */
export function printerOf(type: SqlType): Printer {
  return type === 'text' || type === 'varchar'
    ? (value) => value as string
    : (value, context) => formatText(type, value, context);
}

/** As a cast to text on assignment makes it: booleans as words, `character` without its padding. */
function textOf(type: SqlType): Printer {
  const cast = castFor(type, 'text');
  return cast === undefined ? (value) => value as string : (value, context) => cast(value, context) as string;
}

/** Text and anything that is no array. */
const CONCATENATION: KernelBuilder = {
  build: ([left, right]) => {
    const first = textOf(left!);
    const second = textOf(right!);
    return (a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>, context: RunContext) =>
      first(a, context) + second(b, context);
  },
};

const CONCAT: KernelBuilder = {
  build: (types) => {
    const printers = types.map(printerOf);
    return (values: readonly SqlValue[], context: RunContext) => {
      let text = '';
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        if (value !== null) text += (printers[i] ?? printers.at(-1)!)(value, context);
      }
      return text;
    };
  },
};

function charactersOf(text: string): string[] {
  return [...text];
}

function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xe000) return false;
  }
  return true;
}

/** From 1; 0 when it is not there. */
function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : characters(text.slice(0, at)) + 1;
}

function trimmed(text: string, set: string, left: boolean, right: boolean): string {
  const wanted = new Set(set);
  const all = charactersOf(text);
  let from = 0;
  let to = all.length;
  while (left && from < to && wanted.has(all[from]!)) from++;
  while (right && to > from && wanted.has(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}

const TEXT_BYTES_MAX = 256 * 1_024 * 1_024;

function sized(length: number): number {
  if (length <= TEXT_BYTES_MAX) return length;
  throw new SqlError('program_limit_exceeded', 'requested length too large');
}

function padded(text: string, length: number, fill: string, left: boolean): string {
  const wanted = sized(Math.max(0, length));
  const all = charactersOf(text);
  if (all.length >= wanted) return all.slice(0, wanted).join('');
  const filler = charactersOf(fill);
  if (filler.length === 0) return text;
  const missing = wanted - all.length;
  const run = fill.repeat(Math.floor(missing / filler.length)) + filler.slice(0, missing % filler.length).join('');
  return left ? run + text : text + run;
}

/** The first `count` characters, or all but the last when it is negative. */
function leftOf(text: string, count: number): string {
  return charactersOf(text).slice(0, count).join('');
}

function rightOf(text: string, count: number): string {
  if (count === 0) return '';
  return charactersOf(text)
    .slice(count > 0 ? -count : Math.abs(count))
    .join('');
}

function overlay(text: string, by: string, start: number, length: number = characters(by)): string {
  if (start <= 0) throw new SqlError('substring_error', 'negative substring length not allowed');
  integerFrom('int4', start + length);
  return substring(text, 1, start - 1) + by + substring(text, start + length, undefined);
}

function translate(text: string, from: string, to: string): string {
  const source = charactersOf(from);
  const target = charactersOf(to);
  const map = new Map<string, string>();
  for (let i = 0; i < source.length; i++) if (!map.has(source[i]!)) map.set(source[i]!, target[i] ?? '');
  return charactersOf(text)
    .map((c) => map.get(c) ?? c)
    .join('');
}

function splitPart(text: string, delimiter: string, n: number): string {
  if (n === 0) throw new SqlError('invalid_parameter_value', 'field position must not be zero');
  if (text === '') return '';
  const parts = delimiter === '' ? [text] : text.split(delimiter);
  return parts.at(n > 0 ? n - 1 : n) ?? '';
}

/** Letters of collation "C" only, as PostgreSQL's initcap, lower and upper there. */
function initcap(text: string): string {
  return text.toLowerCase().replace(/[\p{L}\p{N}]+/gu, (word) => word[0]!.toUpperCase() + word.slice(1));
}

function quoteIdent(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Keywords that a name must be quoted for. */
const RESERVED = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char ' +
    'character check coalesce collate collation column concurrently constraint create cross current_catalog current_date ' +
    'current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do ' +
    'else end except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike ' +
    'in initially inner inout int integer intersect interval into is isnull join lateral leading least left like limit ' +
    'localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on only or order ' +
    'out outer overlaps overlay placing position precision primary real references returning right row select session_user ' +
    'setof similar smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union ' +
    'unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists ' +
    'xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable'
  ).split(' '),
);

function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

/** `%s %I %L`, with positions, widths and a minus for the left (manual, 9.4.1). */
const FORMAT: KernelBuilder = {
  build: (types) => {
    const printers = types.slice(1).map(printerOf);
    return (template: string | null, values: readonly SqlValue[], context: RunContext): string | null => {
      if (template === null) return null;
      let next = 0;
      const take = (place: string | undefined): number => {
        const at = place === undefined ? next : Number(place) - 1;
        if (at < 0) {
          throw new SqlError(
            'invalid_parameter_value',
            'format specifies argument 0, but arguments are numbered from 1',
          );
        }
        next = at + 1;
        if (at >= values.length) {
          throw new SqlError('invalid_parameter_value', 'too few arguments for format()');
        }
        return at;
      };
      const shown = (at: number): string | null => {
        const value = values[at]!;
        return value === null ? null : (printers[at] ?? printers.at(-1)!)(value, context);
      };
      return template.replace(
        /%(?:(%)|(?:(\d+)\$)?(-)?(?:(\d+)|\*(?:(\d+)\$)?)?([\s\S])?)/g,
        (whole, percent, place, minus, width, widthPlace, kind: string | undefined) => {
          if (percent !== undefined) return '%';
          if (kind === undefined) {
            throw new SqlError('invalid_parameter_value', 'unterminated format() type specifier', {
              hint: 'For a single "%" use "%%".',
            });
          }
          let columns = width === undefined ? 0 : Number(width);
          let toLeft = minus !== undefined;
          if (whole.includes('*')) {
            const given = Number(shown(take(widthPlace)) ?? 0);
            columns = Math.abs(given);
            toLeft ||= given < 0;
          }
          if (kind !== 's' && kind !== 'I' && kind !== 'L') {
            throw new SqlError('invalid_parameter_value', `unrecognized format() type specifier "${kind}"`, {
              hint: 'For a single "%" use "%%".',
            });
          }
          const text = shown(take(place));
          let out: string;
          if (kind === 's') out = text ?? '';
          else if (kind === 'L') out = text === null ? 'NULL' : quoteLiteral(text);
          else if (text === null) {
            throw new SqlError('null_value_not_allowed', 'null values cannot be formatted as an SQL identifier');
          } else out = quoteIdent(text);
          const missing = columns - characters(out);
          if (missing <= 0) return out;
          return toLeft ? out + ' '.repeat(sized(missing)) : ' '.repeat(sized(missing)) + out;
        },
      );
    };
  },
};

const CONCAT_WS: KernelBuilder = {
  build: (types) => {
    const printers = types.slice(1).map(printerOf);
    return (separator: string | null, values: readonly SqlValue[], context: RunContext): string | null => {
      if (separator === null) return null;
      const parts: string[] = [];
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        if (value !== null) parts.push((printers[i] ?? printers.at(-1)!)(value, context));
      }
      return parts.join(separator);
    };
  },
};

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function encode(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case 'hex':
      return bufferOf(bytes).toString('hex');
    case 'base64':
      return bufferOf(bytes)
        .toString('base64')
        .replace(/.{76}(?=.)/g, '$&\n');
    case 'escape': {
      let text = '';
      for (const byte of bytes) {
        if (byte === 0x5c) text += '\\\\';
        else if (byte === 0 || byte >= 0x80) text += `\\${byte.toString(8).padStart(3, '0')}`;
        else text += String.fromCharCode(byte);
      }
      return text;
    }
    default:
      throw new SqlError('invalid_parameter_value', `unrecognized encoding: "${format}"`);
  }
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex':
      return parseHex(text);
    case 'base64': {
      const bare = text.replace(/[ \t\n\r]/g, '');
      const bad = /[^A-Za-z0-9+/=]/.exec(bare);
      if (bad !== null) {
        throw new SqlError(
          'invalid_parameter_value',
          `invalid symbol "${bad[0]}" found while decoding base64 sequence`,
        );
      }
      if (bare.length % 4 !== 0 || /=[^=]/.test(bare)) {
        throw new SqlError('invalid_parameter_value', 'invalid base64 end sequence', {
          hint: 'Input data is missing padding, is truncated, or is otherwise corrupted.',
        });
      }
      return new Uint8Array(Buffer.from(bare, 'base64'));
    }
    case 'escape':
      if (text.startsWith('\\x')) {
        throw new SqlError('invalid_text_representation', 'invalid input syntax for type bytea');
      }
      return parseBytea(text);
    default:
      throw new SqlError('invalid_parameter_value', `unrecognized encoding: "${format}"`);
  }
}

/** Encodings of PostgreSQL whose texts are not converted here. */
const OTHER_ENCODINGS =
  /^(sql_?ascii|euc_?(jp|cn|kr|tw|jis_?2004)|mule_?internal|latin\d+|iso_?8859_?\d+|win\d+|windows\d+|koi8[ru]?|sjis|shift_?jis|big5|gbk|uhc|gb18030|johab|alt|tcvn)$/i;

/** @throws SqlError `invalid_parameter_value` for what is no encoding, `feature_not_supported` for other ones. */
function requireUtf8(encoding: string, role: '' | 'source' | 'destination'): void {
  const name = encoding.replaceAll('-', '').replaceAll('_', '');
  if (/^(utf8|unicode)$/i.test(name)) return;
  if (OTHER_ENCODINGS.test(name))
    throw new SqlError('feature_not_supported', `encoding "${encoding}" is not supported`);
  const what = role === '' ? 'encoding name' : `${role} encoding name`;
  throw new SqlError('invalid_parameter_value', `invalid ${what} "${encoding}"`);
}

function digest(algorithm: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => new Uint8Array(createHash(algorithm).update(bytes).digest());
}

function bit(bytes: Uint8Array, n: bigint | number): readonly [byte: number, shift: number] {
  const index = Number(n);
  if (index < 0 || index >= bytes.length * 8) {
    throw new SqlError('array_subscript_error', `index ${n} out of valid range, 0..${bytes.length * 8 - 1}`);
  }
  return [Math.floor(index / 8), index % 8];
}

function byteAt(bytes: Uint8Array, index: number): number {
  if (index < 0 || index >= bytes.length) {
    throw new SqlError('array_subscript_error', `index ${index} out of valid range, 0..${bytes.length - 1}`);
  }
  return index;
}

function changed(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[index] = value;
  return copy;
}

function substringBytes(bytes: Uint8Array, start: number, length: number | undefined): Uint8Array {
  if (length !== undefined && length < 0)
    throw new SqlError('substring_error', 'negative substring length not allowed');
  const end = length === undefined ? bytes.length : start - 1 + length;
  return bytes.slice(Math.max(0, start - 1), Math.max(0, Math.min(end, bytes.length)));
}

function trimBytes(bytes: Uint8Array, set: Uint8Array, left: boolean, right: boolean): Uint8Array {
  const wanted = new Set(set);
  let from = 0;
  let to = bytes.length;
  while (left && from < to && wanted.has(bytes[from]!)) from++;
  while (right && to > from && wanted.has(bytes[to - 1]!)) to--;
  return bytes.slice(from, to);
}

function stringToArray(text: string | null, delimiter: string | null, nullText: string | null): SqlArray | null {
  if (text === null) return null;
  if (text === '') return new SqlArray('text', []);
  const parts = delimiter === null ? charactersOf(text) : delimiter === '' ? [text] : text.split(delimiter);
  return new SqlArray(
    'text',
    parts.map((part) => (part === nullText ? null : part)),
  );
}

const lengthOf = (text: string): number => (isPlain(text) ? text.length : characters(text));
const lengthOfPadded = (text: string): number => lengthOf(withoutPadding(text));

export const STRING_FUNCTIONS: FunctionTable = {
  'length(text) int4': lengthOf,
  'length(bpchar) int4': lengthOfPadded,
  'length(bytea) int4': (bytes: Uint8Array) => bytes.length,
  'char_length(text) int4': lengthOf,
  'char_length(bpchar) int4': lengthOfPadded,
  'character_length(text) int4': lengthOf,
  'character_length(bpchar) int4': lengthOfPadded,
  'octet_length(text) int4': (text: string) => Buffer.byteLength(text, 'utf8'),
  'octet_length(bpchar) int4': (text: string) => Buffer.byteLength(text, 'utf8'),
  'octet_length(bytea) int4': (bytes: Uint8Array) => bytes.length,
  'bit_length(text) int4': (text: string) => Buffer.byteLength(text, 'utf8') * 8,
  'bit_length(bytea) int4': (bytes: Uint8Array) => bytes.length * 8,
  'lower(text) text': (text: string) => text.toLowerCase(),
  'upper(text) text': (text: string) => text.toUpperCase(),
  'initcap(text) text': initcap,
  'substr(text, int4) text': (text: string, start: number) => substring(text, start, undefined),
  'substr(text, int4, int4) text': substring,
  'substr(bytea, int4) bytea': (bytes: Uint8Array, start: number) => substringBytes(bytes, start, undefined),
  'substr(bytea, int4, int4) bytea': substringBytes,
  'substring(text, int4) text': (text: string, start: number) => substring(text, start, undefined),
  'substring(text, int4, int4) text': substring,
  'substring(bytea, int4) bytea': (bytes: Uint8Array, start: number) => substringBytes(bytes, start, undefined),
  'substring(bytea, int4, int4) bytea': substringBytes,
  'btrim(text) text': (text: string) => trimmed(text, ' ', true, true),
  'ltrim(text) text': (text: string) => trimmed(text, ' ', true, false),
  'rtrim(text) text': (text: string) => trimmed(text, ' ', false, true),
  'btrim(text, text) text': (text: string, set: string) => trimmed(text, set, true, true),
  'ltrim(text, text) text': (text: string, set: string) => trimmed(text, set, true, false),
  'rtrim(text, text) text': (text: string, set: string) => trimmed(text, set, false, true),
  'btrim(bytea, bytea) bytea': (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, true, true),
  'ltrim(bytea, bytea) bytea': (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, true, false),
  'rtrim(bytea, bytea) bytea': (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, false, true),
  'lpad(text, int4) text': (text: string, length: number) => padded(text, length, ' ', true),
  'lpad(text, int4, text) text': (text: string, length: number, fill: string) => padded(text, length, fill, true),
  'rpad(text, int4) text': (text: string, length: number) => padded(text, length, ' ', false),
  'rpad(text, int4, text) text': (text: string, length: number, fill: string) => padded(text, length, fill, false),
  'left(text, int4) text': leftOf,
  'right(text, int4) text': rightOf,
  'repeat(text, int4) text': (text: string, count: number) => {
    sized(text.length * Math.max(0, count));
    return text.repeat(Math.max(0, count));
  },
  'reverse(text) text': (text: string) => charactersOf(text).reverse().join(''),
  'replace(text, text, text) text': (text: string, from: string, to: string) =>
    from === '' ? text : text.split(from).join(to),
  'translate(text, text, text) text': translate,
  'position(text, text) int4': position,
  'strpos(text, text) int4': position,
  'position(bytea, bytea) int4': (bytes: Uint8Array, part: Uint8Array) => bufferOf(bytes).indexOf(part) + 1,
  'overlay(text, text, int4) text': (text: string, by: string, start: number) => overlay(text, by, start),
  'overlay(text, text, int4, int4) text': overlay,
  'split_part(text, text, int4) text': splitPart,
  'string_to_array(text, text) _text called': (text: string | null, delimiter: string | null) =>
    stringToArray(text, delimiter, null),
  'string_to_array(text, text, text) _text called': stringToArray,
  'string_to_table(text, text) setof text called': (text: string | null, delimiter: string | null) =>
    stringToArray(text, delimiter, null)?.values ?? [],
  'string_to_table(text, text, text) setof text called': (
    text: string | null,
    delimiter: string | null,
    none: string | null,
  ) => stringToArray(text, delimiter, none)?.values ?? [],
  'starts_with(text, text) bool': (text: string, start: string) => text.startsWith(start),
  'ascii(text) int4': (text: string) => text.codePointAt(0) ?? 0,
  'chr(int4) text': (code: number) => {
    if (code === 0) throw new SqlError('program_limit_exceeded', 'null character not permitted');
    if (code < 0) throw new SqlError('invalid_parameter_value', 'character number must be positive');
    if (code > 0x10ffff) {
      throw new SqlError('program_limit_exceeded', `requested character too large for encoding: ${code}`);
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      throw new SqlError('program_limit_exceeded', `requested character not valid for encoding: ${code}`);
    }
    return String.fromCodePoint(code);
  },
  'to_hex(int4) text': (value: number) => (value >>> 0).toString(16),
  'to_hex(int8) text': (value: bigint) => BigInt.asUintN(64, value).toString(16),
  'quote_ident(text) text': quoteIdent,
  'quote_literal(text) text': quoteLiteral,
  'quote_literal(anyelement) text stable': {
    build: ([type]) => {
      const print = type === 'bool' ? String : printerOf(type!);
      return (value: Exclude<SqlValue, null>, context: RunContext) => quoteLiteral(print(value, context));
    },
  },
  'quote_nullable(text) text called': (text: string | null) => (text === null ? 'NULL' : quoteLiteral(text)),
  'quote_nullable(anyelement) text stable called': {
    build: ([type]) => {
      const print = type === 'bool' ? String : printerOf(type!);
      return (value: SqlValue, context: RunContext) => (value === null ? 'NULL' : quoteLiteral(print(value, context)));
    },
  },
  'concat(variadic any) text stable called': CONCAT,
  'concat_ws(text, variadic any) text stable called': CONCAT_WS,
  'format(text, variadic any) text stable called': FORMAT,
  'format(text) text stable called': (template: string | null, context: RunContext) =>
    (
      FORMAT.build(['text'], 'text') as unknown as (
        t: string | null,
        v: readonly SqlValue[],
        c: RunContext,
      ) => string | null
    )(template, [], context),
  'encode(bytea, text) text': encode,
  'decode(text, text) bytea': decode,
  'md5(text) text': (text: string) => createHash('md5').update(text).digest('hex'),
  'md5(bytea) text': (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex'),
  'sha224(bytea) bytea': digest('sha224'),
  'sha256(bytea) bytea': digest('sha256'),
  'sha384(bytea) bytea': digest('sha384'),
  'sha512(bytea) bytea': digest('sha512'),
  'convert_to(text, name) bytea stable': (text: string, encoding: string) => {
    requireUtf8(encoding, 'destination');
    return new Uint8Array(Buffer.from(text, 'utf8'));
  },
  'convert_from(bytea, name) text stable': (bytes: Uint8Array, encoding: string) => {
    requireUtf8(encoding, 'source');
    if (!isUtf8(bytes)) throw invalidBytes(bytes);
    return bufferOf(bytes).toString('utf8');
  },
  'length(bytea, name) int4': (bytes: Uint8Array, encoding: string) => {
    requireUtf8(encoding, '');
    if (!isUtf8(bytes)) throw invalidBytes(bytes);
    return [...bufferOf(bytes).toString('utf8')].length;
  },
  'get_byte(bytea, int4) int4': (bytes: Uint8Array, index: number) => bytes[byteAt(bytes, index)]!,
  'set_byte(bytea, int4, int4) bytea': (bytes: Uint8Array, index: number, value: number) =>
    changed(bytes, byteAt(bytes, index), value),
  'get_bit(bytea, int8) int4': (bytes: Uint8Array, n: bigint) => {
    const [at, shift] = bit(bytes, n);
    return (bytes[at]! >> shift) & 1;
  },
  'set_bit(bytea, int8, int4) bytea': (bytes: Uint8Array, n: bigint, value: number) => {
    const [at, shift] = bit(bytes, n);
    if (value !== 0 && value !== 1) throw new SqlError('invalid_parameter_value', 'new bit must be 0 or 1');
    return changed(bytes, at, value === 1 ? bytes[at]! | (1 << shift) : bytes[at]! & ~(1 << shift));
  },
  'bit_count(bytea) int8': (bytes: Uint8Array) => {
    let count = 0;
    for (const byte of bytes) for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
    return BigInt(count);
  },
  'normalize(text, text = NFC) text': (text: string, form: string) => {
    if (!/^nfk?[cd]$/i.test(form)) throw new SqlError('invalid_parameter_value', `invalid normalization form: ${form}`);
    return text.normalize(form.toUpperCase());
  },
  'is_normalized(text, text = NFC) bool': (text: string, form: string) => {
    if (!/^nfk?[cd]$/i.test(form)) throw new SqlError('invalid_parameter_value', `invalid normalization form: ${form}`);
    return text.normalize(form.toUpperCase()) === text;
  },
};

export const STRING_OPERATORS: FunctionTable = {
  '||(text, text) text': (a: string, b: string) => a + b,
  '||(anynonarray, text) text stable': CONCATENATION,
  '||(text, anynonarray) text stable': CONCATENATION,
  '||(bytea, bytea) bytea': (a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b])),
  '^@(text, text) bool': (text: string, start: string) => text.startsWith(start),
};
