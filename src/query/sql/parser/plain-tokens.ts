/**
 * The tokens of plain statements: words, numbers, text in quotes, and the operators of arithmetic and comparison, in
 * ASCII (after PostgreSQL's scan.l). Comments, parameters, quoted names, exponents and all other operators are not told
 * apart: a text that has them is not plain.
 */

export type TokenKind = 'word' | 'integer' | 'decimal' | 'text' | 'sign' | 'end';

export interface Tokens {
  readonly kinds: readonly TokenKind[];
  /** Words in small letters, numbers and signs as they are written, text without its quotes. */
  readonly values: readonly string[];
  /** Where each begins. */
  readonly starts: readonly number[];
}

/** Names are cut at this length, which is not done here. */
const WORD_CHARS_MAX = 63;
const QUOTE = 0x27;
const POINT = 0x2e;
const BACKSLASH = 0x5c;
const SIGNS: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', '<', '>', '=', '<=', '>=', '<>', '!=']);

/** Undefined for a text that is not plain. */
export function plainTokens(text: string): Tokens | undefined {
  const kinds: TokenKind[] = [];
  const values: string[] = [];
  const starts: number[] = [];
  const { length } = text;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    const start = at;
    let kind: TokenKind;
    let value: string;
    if (code === 32 || (code >= 9 && code <= 13)) {
      at++;
      continue;
    }
    if (isLetter(code)) {
      for (at++; at < length && (isLetter(text.charCodeAt(at)) || isDigit(text.charCodeAt(at))); at++);
      if (at - start > WORD_CHARS_MAX || text.charCodeAt(at) === QUOTE) return undefined;
      kind = 'word';
      value = text.slice(start, at).toLowerCase();
    } else if (isDigit(code) || (code === POINT && isDigit(text.charCodeAt(at + 1)))) {
      kind = 'integer';
      while (isDigit(text.charCodeAt(at))) at++;
      if (text.charCodeAt(at) === POINT) {
        kind = 'decimal';
        for (at++; isDigit(text.charCodeAt(at)); at++);
      }
      const next = text.charCodeAt(at);
      if (isLetter(next) || next === POINT || next === QUOTE) return undefined;
      value = text.slice(start, at);
    } else if (code === QUOTE) {
      const end = endOfText(text, at);
      if (end === undefined) return undefined;
      at = end;
      kind = 'text';
      value = text.slice(start + 1, end - 1).replaceAll("''", "'");
    } else if (code === 0x28 || code === 0x29 || code === 0x2c || code === 0x3b || code === POINT) {
      at++;
      kind = 'sign';
      value = text[start]!;
    } else {
      at = endOfSign(text, start);
      kind = 'sign';
      value = text.slice(start, at);
      if (!SIGNS.has(value)) return undefined;
    }
    kinds.push(kind);
    values.push(value);
    starts.push(start);
  }
  kinds.push('end');
  values.push('');
  starts.push(length);
  return { kinds, values, starts };
}

/** Behind the closing quote. */
function endOfText(text: string, start: number): number | undefined {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 126 || code < 32 || code === BACKSLASH) return undefined;
    if (code !== QUOTE) continue;
    if (text.charCodeAt(i + 1) !== QUOTE) return i + 1;
    i++;
  }
  return undefined;
}

/**
 * A sign is as long as it can be, but + and - end none of several characters, `=-1` is `= -1`, unless there are others
 * among them than those of SQL.
 */
function endOfSign(text: string, start: number): number {
  let end = start;
  while (end < text.length && '~!@#^&|`?+-*/%<>='.includes(text[end]!)) end++;
  const run = text.slice(start, end);
  if (run.includes('--') || run.includes('/*')) return start;
  if (/[~!@#^&|`?%]/.test(run)) return end;
  while (end > start + 1 && (text[end - 1] === '+' || text[end - 1] === '-')) end--;
  return end;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
}
