/** String functions and operators (manual, 9.4 and 9.7). Positions and lengths count characters, from 1. */

import { withoutPadding } from '../../../models/relational/padding.ts';
import { SqlError } from '../sql-error.ts';
import { castFor } from '../types/cast.ts';
import { formatText } from '../types/text-form.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';
import { like } from './like.ts';

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

export const STRING_FUNCTIONS: FunctionTable = {
  'length(text) int4': characters,
  'length(bpchar) int4': (text: string) => characters(withoutPadding(text)),
  'char_length(text) int4': characters,
  'char_length(bpchar) int4': (text: string) => characters(withoutPadding(text)),
  'character_length(text) int4': characters,
  'character_length(bpchar) int4': (text: string) => characters(withoutPadding(text)),
  'octet_length(text) int4': (text: string) => Buffer.byteLength(text, 'utf8'),
  'octet_length(bpchar) int4': (text: string) => Buffer.byteLength(text, 'utf8'),
  'lower(text) text': (text: string) => text.toLowerCase(),
  'upper(text) text': (text: string) => text.toUpperCase(),
  'substr(text, int4) text': (text: string, start: number) => substring(text, start, undefined),
  'substr(text, int4, int4) text': substring,
  'substring(text, int4) text': (text: string, start: number) => substring(text, start, undefined),
  'substring(text, int4, int4) text': substring,
  'btrim(text) text': (text: string) => text.replace(/^ +| +$/g, ''),
  'ltrim(text) text': (text: string) => text.replace(/^ +/, ''),
  'rtrim(text) text': (text: string) => text.replace(/ +$/, ''),
  'concat(variadic any) text stable called': CONCAT,
  'like(text, text) bool': like,
};

const likeFolded = (text: string, pattern: string) => like(text.toLowerCase(), pattern.toLowerCase());

export const STRING_OPERATORS: FunctionTable = {
  '||(text, text) text': (a: string, b: string) => a + b,
  '||(anynonarray, text) text stable': CONCATENATION,
  '||(text, anynonarray) text stable': CONCATENATION,
  ...Object.fromEntries(
    ['text', 'bpchar', 'name'].flatMap((type) => [
      [`~~(${type}, text) bool`, like],
      [`!~~(${type}, text) bool`, (text: string, pattern: string) => !like(text, pattern)],
      [`~~*(${type}, text) bool`, likeFolded],
      [`!~~*(${type}, text) bool`, (text: string, pattern: string) => !likeFolded(text, pattern)],
    ]),
  ),
};
