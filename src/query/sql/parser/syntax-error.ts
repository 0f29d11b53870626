/**
 * The condition of an error raised while parsing. The parser gives a message only; nearly all of them are plain syntax
 * errors, and the rest is told apart here by PostgreSQL's wording (its gram.y, scan.l and parser.c).
 */

import type { Condition } from '../sql-error.ts';

const OTHERS: readonly (readonly [RegExp, Condition])[] = [
  [/^LIMIT #,# syntax is not supported/, 'syntax_error'],
  [/^(?:[A-Z ,]+) (?:is|are) not (?:yet )?(?:supported|implemented)/, 'feature_not_supported'],
  [/^frame (?:start|end) cannot be UNBOUNDED|^frame starting from/, 'windowing_error'],
  [/not (?:yet )?(?:implemented|supported)/, 'feature_not_supported'],
  [/^invalid byte sequence for encoding/, 'character_not_in_repertoire'],
  [/^stack depth limit exceeded|memory exhausted/, 'statement_too_complex'],
  [/^zero-length delimited identifier/, 'syntax_error'],
  [/^unsafe use of string constant/, 'feature_not_supported'],
  [/^precision for type .* (?:must be|out of range)|^interval precision/, 'invalid_parameter_value'],
];

export function syntaxErrorCondition(message: string): Condition {
  for (const [pattern, condition] of OTHERS) if (pattern.test(message)) return condition;
  return 'syntax_error';
}
