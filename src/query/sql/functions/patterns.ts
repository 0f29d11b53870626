/** LIKE with ESCAPE, SIMILAR TO, POSIX patterns and the `regexp_…` functions (manual, 9.7). */

import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import type { SqlValue } from '../types/types.ts';
import type { FunctionTable } from './definition.ts';
import { like } from './like.ts';
import { codePoints, type Match, type Regex, regexOf } from './regex.ts';
import { type RegexFlags, regexFlags } from './regex-syntax.ts';

const NO_FLAGS: RegexFlags = regexFlags('');

/** The pattern with a backslash as its escape. @throws SqlError `invalid_escape_sequence`. */
function likeEscape(pattern: string, escapeMark: string): string {
  const characters = [...escapeMark];
  if (characters.length > 1) {
    throw new SqlError('invalid_escape_sequence', 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    });
  }
  if (escapeMark === '\\') return pattern;
  if (escapeMark === '') return pattern.replaceAll('\\', '\\\\');
  let out = '';
  let escaped = false;
  for (const c of pattern) {
    if (escaped) {
      out += c === '\\' ? '\\\\' : c === escapeMark || c === '%' || c === '_' ? `\\${c}` : c;
      escaped = false;
      if (c === escapeMark) out = `${out.slice(0, -2)}${c === '%' || c === '_' ? `\\${c}` : c}`;
    } else if (c === escapeMark) escaped = true;
    else if (c === '\\') out += '\\\\';
    else out += c;
  }
  return escaped ? `${out}\\` : out;
}

/**
 * A pattern of SIMILAR TO as a POSIX one. @throws SqlError `invalid_use_of_escape_character`.
 * @param marksShortest Whether every part of what is before the first separator is marked to be as short as it can, which PostgreSQL's engine
 * knows of the mark behind the whole of it.
 */
function similarToEscape(pattern: string, escapeMark: string | null, marksShortest = false): string {
  if (escapeMark !== null && [...escapeMark].length > 1) {
    throw new SqlError('invalid_escape_sequence', 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    });
  }
  const mark = escapeMark ?? '\\';
  let out = '^(?:';
  // How deep in brackets, and where in a class: behind its beginning a ] stands for itself, and so does one behind its ^.
  let depth = 0;
  let place = 0;
  let escaped = false;
  let separators = 0;
  const shortest = marksShortest && mark !== '' && pattern.includes(`${mark}"`) ? '?' : '';
  for (const c of pattern) {
    if (escaped) {
      if (c === '"' && depth === 0) {
        separators++;
        if (separators > 2) {
          throw new SqlError(
            'invalid_use_of_escape_character',
            'SQL regular expression may not contain more than two escape-double-quote separators',
          );
        }
        if (marksShortest) {
          if (separators === 1) out = out.replace(/^\^\(\?:/, '^((?:');
          out += separators === 1 ? '){1,1}?)((?:' : '){1,1})(?:';
        } else out += separators === 1 ? '){1,1}?(' : '){1,1}(?:';
      } else {
        out += `\\${c}`;
        place = 3;
      }
      escaped = false;
    } else if (c === mark && mark !== '') escaped = true;
    else if (depth > 0) {
      out += c === '\\' ? '\\\\' : c;
      if (c === ']' && place > 2) depth--;
      else if (c === '^') place++;
      else {
        if (c === '[') depth++;
        place = 3;
      }
    } else if (c === '[') {
      out += c;
      depth = 1;
      place = 1;
    } else if (c === '%') out += separators === 0 ? `.*${shortest}` : '.*';
    else if (c === '_') out += '.';
    else if (c === '(') out += '(?:';
    else if (c === '\\' || c === '.' || c === '^' || c === '$') out += `\\${c}`;
    else out += separators === 0 && '*+?}'.includes(c) ? c + shortest : c;
  }
  return `${out}${marksShortest && separators === 1 ? '))' : ')'}$`;
}

function matches(text: string, pattern: string, flags: RegexFlags = NO_FLAGS): boolean {
  return regexOf(pattern, flags).test(codePoints(text));
}

const IGNORE_CASE = regexFlags('i');

function textOf(codes: readonly number[], from: number, to: number): string {
  let out = '';
  for (let i = from; i < to; i++) out += String.fromCodePoint(codes[i]!);
  return out;
}

function group(codes: readonly number[], match: Match, index: number): string | null {
  const from = match[index * 2]!;
  const to = match[index * 2 + 1]!;
  return from < 0 || to < 0 ? null : textOf(codes, from, to);
}

/** The first group where there is one, else the whole match. */
function firstPart(codes: readonly number[], regex: Regex, match: Match): string | null {
  return group(codes, match, regex.groups > 0 ? 1 : 0);
}

function captures(codes: readonly number[], regex: Regex, match: Match): SqlArray {
  const parts: SqlValue[] = [];
  if (regex.groups === 0) parts.push(group(codes, match, 0));
  for (let i = 1; i <= regex.groups; i++) parts.push(group(codes, match, i));
  return new SqlArray('text', parts);
}

function noGlobal(name: string, letters: string, hint?: string): RegexFlags {
  const flags = regexFlags(letters);
  if (flags.global) {
    throw new SqlError('invalid_parameter_value', `${name} does not support the "global" option`, { hint });
  }
  return flags;
}

/** All matches, each behind the one before; an empty match moves on by a character. */
function* allMatches(regex: Regex, codes: readonly number[], from = 0, wantsGroups = true): Iterable<Match> {
  let at = from;
  while (at <= codes.length) {
    const match = regex.find(codes, at, wantsGroups);
    if (match === undefined) return;
    yield match;
    at = match[1]! > match[0]! ? match[1]! : match[1]! + 1;
  }
}

/** `\1` and `\&` in what takes a match's place. */
function expand(replacement: string, codes: readonly number[], match: Match): string {
  if (!replacement.includes('\\')) return replacement;
  return replacement.replace(/\\([\s\S]?)/g, (whole, c: string) => {
    if (c === '&') return group(codes, match, 0) ?? '';
    if (c >= '1' && c <= '9') return Number(c) * 2 < match.length ? (group(codes, match, Number(c)) ?? '') : '';
    return c === '\\' ? '\\' : whole;
  });
}

function replace(text: string, pattern: string, replacement: string, letters: string, start = 1, nth?: number): string {
  const flags = regexFlags(letters);
  const regex = regexOf(pattern, flags);
  const codes = codePoints(text);
  const wanted = nth ?? (flags.global ? 0 : 1);
  let out = '';
  let copied = 0;
  let count = 0;
  for (const match of allMatches(regex, codes, start - 1)) {
    count++;
    if (wanted !== 0 && count < wanted) continue;
    out += textOf(codes, copied, match[0]!) + expand(replacement, codes, match);
    copied = match[1]!;
    if (wanted !== 0) break;
  }
  return out + textOf(codes, copied, codes.length);
}

/** The third argument is flags, unless it begins with a digit and so can only be meant as a start. */
function replaceWithFlags(text: string, pattern: string, replacement: string, letters: string): string {
  if (/^[0-9]/.test(letters)) {
    throw new SqlError('invalid_parameter_value', `invalid regular expression option: "${letters[0]}"`, {
      hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
    });
  }
  return replace(text, pattern, replacement, letters);
}

function positive(name: string, value: number, least = 1): number {
  if (value >= least) return value;
  throw new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": ${value}`);
}

function* split(text: string, pattern: string, letters: string, name: string): Iterable<string> {
  const regex = regexOf(pattern, noGlobal(name, letters));
  const codes = codePoints(text);
  let from = 0;
  for (const match of allMatches(regex, codes, 0, false)) {
    // An empty match at an end or behind the last one parts nothing.
    if (match[1] === match[0] && (match[0] === codes.length || match[0] === from)) {
      if (match[0] === codes.length || match[0] === 0) continue;
      if (match[0] === from) continue;
    }
    yield textOf(codes, from, match[0]!);
    from = match[1]!;
  }
  yield textOf(codes, from, codes.length);
}

function nthMatch(
  text: string,
  pattern: string,
  start: number,
  nth: number,
  letters: string,
  name: string,
): { codes: number[]; match: Match | undefined } {
  const regex = regexOf(pattern, noGlobal(name, letters));
  const codes = codePoints(text);
  let count = 0;
  for (const match of allMatches(regex, codes, start - 1)) if (++count === nth) return { codes, match };
  return { codes, match: undefined };
}

function regexpInstr(
  text: string,
  pattern: string,
  start: number,
  nth: number,
  end: number,
  letters: string,
  part: number,
): number {
  positive('start', start);
  positive('n', nth);
  if (end !== 0 && end !== 1)
    throw new SqlError('invalid_parameter_value', `invalid value for parameter "endoption": ${end}`);
  positive('subexpr', part, 0);
  const { match } = nthMatch(text, pattern, start, nth, letters, 'regexp_instr()');
  const from = match?.[part * 2] ?? -1;
  if (match === undefined || from < 0) return 0;
  return end === 0 ? from + 1 : match[part * 2 + 1]! + 1;
}

function regexpSubstr(
  text: string,
  pattern: string,
  start: number,
  nth: number,
  letters: string,
  part: number,
): string | null {
  positive('start', start);
  positive('n', nth);
  positive('subexpr', part, 0);
  const { codes, match } = nthMatch(text, pattern, start, nth, letters, 'regexp_substr()');
  return match === undefined || part * 2 >= match.length ? null : group(codes, match, part);
}

function regexpCount(text: string, pattern: string, start: number, letters: string): number {
  positive('start', start);
  const regex = regexOf(pattern, noGlobal('regexp_count()', letters));
  let count = 0;
  for (const _ of allMatches(regex, codePoints(text), start - 1, false)) count++;
  return count;
}

function regexpMatch(text: string, pattern: string, letters: string): SqlArray | null {
  const regex = regexOf(pattern, noGlobal('regexp_match()', letters, 'Use the regexp_matches function instead.'));
  const codes = codePoints(text);
  const match = regex.find(codes, 0, true);
  return match === undefined ? null : captures(codes, regex, match);
}

function* regexpMatches(text: string, pattern: string, letters: string): Iterable<SqlArray> {
  const flags = regexFlags(letters);
  const regex = regexOf(pattern, flags);
  const codes = codePoints(text);
  for (const match of allMatches(regex, codes)) {
    yield captures(codes, regex, match);
    if (!flags.global) return;
  }
}

function substringPattern(text: string, pattern: string): string | null {
  const regex = regexOf(pattern, NO_FLAGS);
  const codes = codePoints(text);
  const match = regex.find(codes, 0, true);
  return match === undefined ? null : firstPart(codes, regex, match);
}

/** `substring(text similar pattern escape mark)`: the part between the separators. */
function substringSimilar(text: string, pattern: string, escapeMark: string): string | null {
  const posix = similarToEscape(pattern, escapeMark, true);
  const regex = regexOf(posix, NO_FLAGS);
  const codes = codePoints(text);
  const match = regex.find(codes, 0, true);
  if (match === undefined) return null;
  return group(codes, match, regex.groups > 1 ? 2 : 0);
}

const similar = (text: string, pattern: string): boolean => matches(text, pattern);

export const PATTERN_FUNCTIONS: FunctionTable = {
  'like(text, text) bool': like,
  'notlike(text, text) bool': (text: string, pattern: string) => !like(text, pattern),
  'like_escape(text, text) text': likeEscape,
  'like(bytea, bytea) bool': (bytes: Uint8Array, pattern: Uint8Array) => bytesLike(bytes, pattern),
  'notlike(bytea, bytea) bool': (bytes: Uint8Array, pattern: Uint8Array) => bytesNotLike(bytes, pattern),
  'like_escape(bytea, bytea) bytea': (pattern: Uint8Array, escapeMark: Uint8Array) =>
    Buffer.from(
      likeEscape(Buffer.from(pattern).toString('latin1'), Buffer.from(escapeMark).toString('latin1')),
      'latin1',
    ),
  'similar_to_escape(text) text': (pattern: string) => similarToEscape(pattern, null),
  'similar_to_escape(text, text) text': (pattern: string, escapeMark: string) => similarToEscape(pattern, escapeMark),
  'similar_escape(text, text) text called': (pattern: string | null, escapeMark: string | null) =>
    pattern === null ? null : similarToEscape(pattern, escapeMark),
  'substring(text, text) text': substringPattern,
  'substring(text, text, text) text': substringSimilar,
  'regexp_like(text, text) bool': similar,
  'regexp_like(text, text, text) bool': (text: string, pattern: string, letters: string) =>
    matches(text, pattern, noGlobal('regexp_like()', letters)),
  'regexp_match(text, text) _text': (text: string, pattern: string) => regexpMatch(text, pattern, ''),
  'regexp_match(text, text, text) _text': regexpMatch,
  'regexp_matches(text, text) setof _text': (text: string, pattern: string) => regexpMatches(text, pattern, ''),
  'regexp_matches(text, text, text) setof _text': regexpMatches,
  'regexp_replace(text, text, text) text': (text: string, pattern: string, by: string) =>
    replace(text, pattern, by, ''),
  'regexp_replace(text, text, text, text) text': replaceWithFlags,
  'regexp_replace(text, text, text, int4) text': (text: string, pattern: string, by: string, start: number) =>
    replace(text, pattern, by, '', positive('start', start)),
  'regexp_replace(text, text, text, int4, int4) text': (
    text: string,
    pattern: string,
    by: string,
    start: number,
    n: number,
  ) => replace(text, pattern, by, '', positive('start', start), positive('n', n, 0)),
  'regexp_replace(text, text, text, int4, int4, text) text': (
    text: string,
    pattern: string,
    by: string,
    start: number,
    n: number,
    letters: string,
  ) => replace(text, pattern, by, letters, positive('start', start), positive('n', n, 0)),
  'regexp_split_to_array(text, text) _text': (text: string, pattern: string) =>
    new SqlArray('text', [...split(text, pattern, '', 'regexp_split_to_array()')]),
  'regexp_split_to_array(text, text, text) _text': (text: string, pattern: string, letters: string) =>
    new SqlArray('text', [...split(text, pattern, letters, 'regexp_split_to_array()')]),
  'regexp_split_to_table(text, text) setof text': (text: string, pattern: string) =>
    split(text, pattern, '', 'regexp_split_to_table()'),
  'regexp_split_to_table(text, text, text) setof text': (text: string, pattern: string, letters: string) =>
    split(text, pattern, letters, 'regexp_split_to_table()'),
  'regexp_count(text, text) int4': (text: string, pattern: string) => regexpCount(text, pattern, 1, ''),
  'regexp_count(text, text, int4) int4': (text: string, pattern: string, start: number) =>
    regexpCount(text, pattern, start, ''),
  'regexp_count(text, text, int4, text) int4': regexpCount,
  'regexp_instr(text, text) int4': (text: string, pattern: string) => regexpInstr(text, pattern, 1, 1, 0, '', 0),
  'regexp_instr(text, text, int4) int4': (text: string, pattern: string, start: number) =>
    regexpInstr(text, pattern, start, 1, 0, '', 0),
  'regexp_instr(text, text, int4, int4) int4': (text: string, pattern: string, start: number, n: number) =>
    regexpInstr(text, pattern, start, n, 0, '', 0),
  'regexp_instr(text, text, int4, int4, int4) int4': (
    text: string,
    pattern: string,
    start: number,
    n: number,
    end: number,
  ) => regexpInstr(text, pattern, start, n, end, '', 0),
  'regexp_instr(text, text, int4, int4, int4, text) int4': (
    text: string,
    pattern: string,
    start: number,
    n: number,
    end: number,
    letters: string,
  ) => regexpInstr(text, pattern, start, n, end, letters, 0),
  'regexp_instr(text, text, int4, int4, int4, text, int4) int4': regexpInstr,
  'regexp_substr(text, text) text': (text: string, pattern: string) => regexpSubstr(text, pattern, 1, 1, '', 0),
  'regexp_substr(text, text, int4) text': (text: string, pattern: string, start: number) =>
    regexpSubstr(text, pattern, start, 1, '', 0),
  'regexp_substr(text, text, int4, int4) text': (text: string, pattern: string, start: number, n: number) =>
    regexpSubstr(text, pattern, start, n, '', 0),
  'regexp_substr(text, text, int4, int4, text) text': (
    text: string,
    pattern: string,
    start: number,
    n: number,
    letters: string,
  ) => regexpSubstr(text, pattern, start, n, letters, 0),
  'regexp_substr(text, text, int4, int4, text, int4) text': regexpSubstr,
};

const likeFolded = (text: string, pattern: string): boolean => like(text.toLowerCase(), pattern.toLowerCase());

/** Each byte as a character. */
const bytesLike = (bytes: Uint8Array, pattern: Uint8Array): boolean =>
  like(Buffer.from(bytes).toString('latin1'), Buffer.from(pattern).toString('latin1'));
const bytesNotLike = (bytes: Uint8Array, pattern: Uint8Array): boolean => !bytesLike(bytes, pattern);

export const PATTERN_OPERATORS: FunctionTable = Object.fromEntries([
  ['~~(bytea, bytea) bool', bytesLike] as const,
  ['!~~(bytea, bytea) bool', bytesNotLike] as const,
  ...['text', 'bpchar', 'name'].flatMap((type) => [
    [`~~(${type}, text) bool`, like],
    [`!~~(${type}, text) bool`, (text: string, pattern: string) => !like(text, pattern)],
    [`~~*(${type}, text) bool`, likeFolded],
    [`!~~*(${type}, text) bool`, (text: string, pattern: string) => !likeFolded(text, pattern)],
    [`~(${type}, text) bool`, similar],
    [`!~(${type}, text) bool`, (text: string, pattern: string) => !matches(text, pattern)],
    [`~*(${type}, text) bool`, (text: string, pattern: string) => matches(text, pattern, IGNORE_CASE)],
    [`!~*(${type}, text) bool`, (text: string, pattern: string) => !matches(text, pattern, IGNORE_CASE)] as const,
  ]),
]);
