/**
 * The condition and the hint of an error raised while parsing. The parser gives a message only; nearly all of them are plain syntax
 * errors, and the rest is told apart here by PostgreSQL's wording (its gram.y, scan.l and parser.c).
 */

import { type Condition, SqlError } from '../sql-error.ts';

const OTHERS: readonly (readonly [RegExp, Condition])[] = [
  [/^LIMIT #,# syntax is not supported/, 'syntax_error'],
  [/^(?:[A-Z ,]+) (?:is|are) not (?:yet )?(?:supported|implemented)/, 'feature_not_supported'],
  [/^frame (?:start|end) cannot be UNBOUNDED|^frame starting from/, 'windowing_error'],
  [/not (?:yet )?(?:implemented|supported)/, 'feature_not_supported'],
  [
    /^CREATE SCHEMA IF NOT EXISTS cannot include|^current database cannot be changed|^a column list with .* is only supported|constraints cannot be marked/,
    'feature_not_supported',
  ],
  [/^role name ".*" is reserved|cannot be used as a role name here/, 'reserved_name'],
  [/^column number must be in range/, 'invalid_parameter_value'],
  [/^invalid byte sequence for encoding/, 'character_not_in_repertoire'],
  [/^stack depth limit exceeded|memory exhausted/, 'statement_too_complex'],
  [/^zero-length delimited identifier/, 'syntax_error'],
  [/^unsafe use of string constant/, 'feature_not_supported'],
  [/^precision for type .* (?:must be|out of range)|^interval precision/, 'invalid_parameter_value'],
];

/** @param text The statements. @param cursor Where the error is, in characters from 0; negative where that is not known. */
export function syntaxError(
  message: string,
  text: string,
  cursor: number,
): { readonly condition: Condition; readonly hint?: string } {
  if (message === 'invalid Unicode escape') return unicodeEscape(text, cursor);
  if (/^LIMIT #,# syntax/.test(message)) {
    return { condition: 'syntax_error', hint: 'Use separate LIMIT and OFFSET clauses.' };
  }
  for (const [pattern, condition] of OTHERS) if (pattern.test(message)) return { condition };
  return { condition: 'syntax_error' };
}

/** Strings, quoted names, comments and words, passed over as one; the number of a parameter with a word right behind it. */
const TOKENS =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$((?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|(\$\d+[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/g;

/** The error of the first `$1word`: the parser, which is made to normalize statements too, takes it for a parameter and a word. */
export function parameterJunk(text: string): SqlError | undefined {
  if (!/\$\d+[A-Za-z_\u0080-\uffff]/.test(text)) return undefined;
  for (const { 2: junk, index } of text.matchAll(TOKENS)) {
    if (junk === undefined) continue;
    const position = [...text.slice(0, index)].length + 1;
    return new SqlError('syntax_error', `trailing junk after parameter at or near "${junk}"`, { position });
  }
  return undefined;
}

/** Strings and names with `U&` before them have escapes of their own. */
function unicodeEscape(text: string, cursor: number): ReturnType<typeof syntaxError> {
  const before = cursor < 0 ? '' : [...text].slice(0, cursor).join('');
  if (/u&(?:'[^']*|"[^"]*)$/i.test(before)) {
    return { condition: 'syntax_error', hint: 'Unicode escapes must be \\XXXX or \\+XXXXXX.' };
  }
  return { condition: 'invalid_escape_sequence', hint: 'Unicode escapes must be \\uXXXX or \\UXXXXXXXX.' };
}
