/** Text of arrays, ranges and rows (PostgreSQL's arrayfuncs.c, rangetypes.c, rowtypes.c), for elements of any type. */

import { EMPTY_RANGE, SqlArray, SqlRange, SqlRecord } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import {
  ARRAY_DIMENSIONS_MAX,
  ARRAY_ELEMENTS_MAX,
  arrayFrom,
  tooManyDimensions,
  tooManyElements,
} from './array-bounds.ts';
import type { SqlType, SqlValue } from './types.ts';

function malformedArray(text: string, detail?: string): SqlError {
  return new SqlError('invalid_text_representation', `malformed array literal: "${text}"`, { detail });
}

/** Numbers beyond integers lose their upper bits, as PostgreSQL reads them. */
function subscript(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits) | 0;
}

/** @param parse Reads one element. @throws SqlError `invalid_text_representation`, `program_limit_exceeded`. */
export function parseArray(text: string, element: SqlType, parse: (text: string) => SqlValue): SqlArray {
  let at = 0;
  const skip = (): void => {
    while (at < text.length && /[ \t\n\r\v\f]/.test(text[at]!)) at++;
  };
  skip();
  const lowers: number[] = [];
  const declared: number[] = [];
  while (text[at] === '[') {
    const bounds = /^\[\s*([+-]?\d+)\s*(?::\s*([+-]?\d+)\s*)?\]/.exec(text.slice(at));
    if (bounds === null) {
      throw malformedArray(text, '"[" must introduce explicitly-specified array dimensions.');
    }
    if (declared.length >= ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(declared.length + 1);
    const [first, second] = bounds.slice(1).map((each) => subscript(each));
    const lower = second === undefined ? 1 : first!;
    const upper = second ?? first!;
    if (upper < lower) {
      throw new SqlError('array_subscript_error', 'upper bound cannot be less than lower bound');
    }
    lowers.push(lower);
    declared.push(upper - lower + 1);
    at += bounds[0].length;
    skip();
  }
  if (declared.length > 0) {
    if (text[at] !== '=') throw malformedArray(text, 'Missing "=" after array dimensions.');
    at++;
    skip();
  }
  if (text[at] !== '{') {
    throw malformedArray(
      text,
      declared.length > 0
        ? 'Array contents must start with "{".'
        : 'Array value must start with "{" or dimension information.',
    );
  }
  const values: SqlValue[] = [];
  const dimensions: number[] = [];
  const list = (depth: number): void => {
    if (depth >= ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(depth + 1);
    at++;
    skip();
    // Only the whole array may be empty.
    if (depth > 0 && text[at] === '}') throw malformedArray(text, 'Unexpected "}" character.');
    let count = 0;
    let nested: boolean | undefined;
    while (text[at] !== '}') {
      if (at >= text.length) throw malformedArray(text, 'Unexpected end of input.');
      if (text[at] === '{') {
        if (nested === false) throw malformedArray(text, 'Unexpected "{" character.');
        nested = true;
        list(depth + 1);
      } else {
        if (text[at] === ',') throw malformedArray(text, 'Unexpected "," character.');
        if (nested === true) throw malformedArray(text, 'Unexpected array element.');
        nested = false;
        if (dimensions.length > 0 && dimensions[depth] === undefined && depthOfValues >= 0 && depth !== depthOfValues) {
          throw malformedArray(text, 'Multidimensional arrays must have sub-arrays with matching dimensions.');
        }
        depthOfValues = depth;
        values.push(item());
        if (values.length > ARRAY_ELEMENTS_MAX) throw tooManyElements();
      }
      count++;
      skip();
      if (text[at] === ',') {
        at++;
        skip();
        if (text[at] === '}') throw malformedArray(text, 'Unexpected "}" character.');
      } else if (text[at] !== '}') {
        if (at >= text.length) throw malformedArray(text, 'Unexpected end of input.');
        throw malformedArray(text, text[at] === '{' ? 'Unexpected "{" character.' : 'Unexpected array element.');
      }
    }
    at++;
    if (dimensions[depth] === undefined) dimensions[depth] = count;
    else if (dimensions[depth] !== count) {
      throw malformedArray(text, 'Multidimensional arrays must have sub-arrays with matching dimensions.');
    }
  };
  let depthOfValues = -1;
  const item = (): SqlValue => {
    if (text[at] === '"') {
      let out = '';
      at++;
      while (text[at] !== '"') {
        if (at >= text.length) throw malformedArray(text, 'Unexpected end of input.');
        if (text[at] === '\\') at++;
        out += text[at++] ?? '';
      }
      at++;
      return parse(out);
    }
    let out = '';
    let kept = 0;
    while (at < text.length && !/[{},"]/.test(text[at]!)) {
      if (text[at] === '\\') {
        at++;
        out += text[at++] ?? '';
        kept = out.length;
      } else {
        out += text[at];
        if (!/[ \t\n\r\v\f]/.test(text[at]!)) kept = out.length;
        at++;
      }
    }
    if (text[at] === '"' || text[at] === '{') {
      throw malformedArray(text, text[at] === '"' ? 'Unexpected array element.' : 'Unexpected "{" character.');
    }
    const trimmed = out.slice(0, kept);
    return trimmed.toLowerCase() === 'null' ? null : parse(trimmed);
  };
  list(0);
  skip();
  if (at < text.length) throw malformedArray(text, 'Junk after closing right brace.');
  if (values.length === 0) return new SqlArray(element as SqlArray['element'], []);
  if (
    declared.length > 0 &&
    (declared.length !== dimensions.length || declared.some((each, i) => each !== dimensions[i]))
  ) {
    throw malformedArray(text, 'Specified array dimensions do not match array contents.');
  }
  if (declared.length === 0) return new SqlArray(element as SqlArray['element'], values, dimensions);
  return arrayFrom(element as SqlArray['element'], values, dimensions, lowers);
}

export function formatArray(
  { dimensions, lowers, values }: SqlArray,
  format: (value: Exclude<SqlValue, null>) => string,
): string {
  if (dimensions.length === 0) return '{}';
  const bounds = lowers.some((lower) => lower !== 1)
    ? `${lowers.map((lower, i) => `[${lower}:${lower + dimensions[i]! - 1}]`).join('')}=`
    : '';
  let at = 0;
  const list = (depth: number): string => {
    const items: string[] = [];
    for (let i = 0; i < dimensions[depth]!; i++) {
      if (depth < dimensions.length - 1) items.push(list(depth + 1));
      else {
        const value = values[at++]!;
        items.push(value === null ? 'NULL' : quoteElement(format(value)));
      }
    }
    return `{${items.join(',')}}`;
  };
  return bounds + list(0);
}

function quoteElement(text: string): string {
  if (text !== '' && !/[{},"\\\s]/.test(text) && text.toLowerCase() !== 'null') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function malformedRange(text: string, detail: string): SqlError {
  return new SqlError('invalid_text_representation', `malformed range literal: "${text}"`, { detail });
}

/** The bounds as they are written: nothing is put into canonical form. */
export function parseRange(text: string, parse: (text: string) => SqlValue): SqlRange {
  const trimmed = text.trim();
  if (trimmed.toLowerCase() === 'empty') return EMPTY_RANGE;
  const open = trimmed[0];
  if (open !== '[' && open !== '(') throw malformedRange(text, 'Missing left parenthesis or bracket.');
  let at = 1;
  const bound = (): SqlValue => {
    let out = '';
    let quoted = false;
    let inQuotes = false;
    const start = at;
    while (at < trimmed.length) {
      const c = trimmed[at]!;
      if (!inQuotes && (c === ',' || c === ')' || c === ']')) break;
      at++;
      if (c === '\\') out += trimmed[at++] ?? '';
      else if (c === '"') {
        quoted = true;
        if (inQuotes && trimmed[at] === '"') {
          out += '"';
          at++;
        } else inQuotes = !inQuotes;
      } else out += c;
    }
    if (at >= trimmed.length) throw malformedRange(text, 'Unexpected end of input.');
    return at === start && !quoted ? null : parse(out);
  };
  const lower = bound();
  if (trimmed[at] !== ',') {
    throw malformedRange(text, 'Missing comma after lower bound.');
  }
  at++;
  const upper = bound();
  const close = trimmed[at++];
  if (close === ',') throw malformedRange(text, 'Too many commas.');
  if (close !== ']' && close !== ')') throw malformedRange(text, 'Unexpected end of input.');
  if (at < trimmed.length) throw malformedRange(text, 'Junk after right parenthesis or bracket.');
  return new SqlRange(lower, upper, open === '[' && lower !== null, close === ']' && upper !== null);
}

export function formatRange(range: SqlRange, format: (value: Exclude<SqlValue, null>) => string): string {
  if (range.empty) return 'empty';
  const bound = (value: SqlValue): string => {
    if (value === null) return '';
    const text = format(value);
    if (text !== '' && !/["\\()[\],\s]/.test(text)) return text;
    return `"${text.replace(/["\\]/g, '$&$&')}"`;
  };
  return `${range.lowerInclusive ? '[' : '('}${bound(range.lower)},${bound(range.upper)}${range.upperInclusive ? ']' : ')'}`;
}

export function formatRecord(
  { values, types }: SqlRecord,
  format: (type: SqlType, value: Exclude<SqlValue, null>) => string,
): string {
  const fields = values.map((value, i) => {
    if (value === null) return '';
    const text = format(types[i]!, value);
    if (text !== '' && !/["\\(),\s]/.test(text)) return text;
    return `"${text.replace(/["\\]/g, '$&$&')}"`;
  });
  return `(${fields.join(',')})`;
}

export function parseRecord(
  text: string,
  types: readonly SqlType[],
  parse: (text: string, field: number) => SqlValue,
): SqlRecord {
  const malformed = (detail: string): SqlError =>
    new SqlError('invalid_text_representation', `malformed record literal: "${text}"`, { detail });
  const trimmed = text.trim();
  if (trimmed[0] !== '(') throw malformed('Missing left parenthesis.');
  let at = 1;
  const values: SqlValue[] = [];
  for (let i = 0; i < types.length; i++) {
    if (i > 0) {
      if (trimmed[at] !== ',') throw malformed('Too few columns.');
      at++;
    }
    if (trimmed[at] === ',' || trimmed[at] === ')') {
      values.push(null);
      continue;
    }
    let out = '';
    let inQuotes = false;
    while (at < trimmed.length && (inQuotes || (trimmed[at] !== ',' && trimmed[at] !== ')'))) {
      const c = trimmed[at++]!;
      if (c === '\\') out += trimmed[at++] ?? '';
      else if (c === '"') {
        if (inQuotes && trimmed[at] === '"') {
          out += '"';
          at++;
        } else inQuotes = !inQuotes;
      } else out += c;
    }
    if (at >= trimmed.length) throw malformed('Unexpected end of input.');
    values.push(parse(out, i));
  }
  if (trimmed[at] !== ')') throw malformed('Too many columns.');
  if (at + 1 < trimmed.length) throw malformed('Junk after right parenthesis.');
  return new SqlRecord(types as SqlRecord['types'], values);
}
