/**
 * JSON text: checking it (type json keeps it as it is), and reading it into the normalised tree of jsonb. Messages and details
 * are those of PostgreSQL's parser (jsonapi.c). In the tree numbers are exact, names are in the order of their length and then
 * their bytes, and of repeated names the last one counts.
 */

import { NUMERIC_SCALE_MAX, Numeric, parseNumeric } from '../../../models/relational/numeric.ts';
import { provideJsonCodec } from '../../../models/relational/value-codec.ts';
import { Jsonb, type JsonCodec, type JsonObject, type JsonValue } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';

/** Arrays and objects inside each other, at most. */
const DEPTH_MAX = 3_000;

const TOKEN =
  /[{}[\]:,]|"(?:[^"\\]|\\[\s\S])*\\?"?|-?(?:0|[1-9]\d*)(?:\.(?:\d+(?:[eE][+-]?\d*)?)?|[eE][+-]?\d*)?[0-9A-Za-z_$\x80-\uffff]*|-?[0-9A-Za-z_$\x80-\uffff]+|[\s\S]/y;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Called for what is read; text of strings is unescaped only if somebody wants it. */
interface Builder<T> {
  readonly wantsText: boolean;
  string(text: string): T;
  number(text: string): T;
  literal(value: null | boolean): T;
  array(items: readonly T[]): T;
  object(entries: readonly (readonly [string, T])[]): T;
}

class Parser<T> {
  readonly #text: string;
  readonly #builder: Builder<T>;
  #at = 0;
  #token: string | undefined;
  #depth = 0;

  constructor(text: string, builder: Builder<T>) {
    this.#text = text;
    this.#builder = builder;
  }

  parse(): T {
    this.#advance();
    const value = this.#value();
    if (this.#token !== undefined) throw this.#expected('end of input');
    return value;
  }

  #advance(): void {
    const text = this.#text;
    let at = this.#at;
    for (; at < text.length; at++) {
      const c = text.charCodeAt(at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    }
    if (at >= text.length) {
      this.#at = at;
      this.#token = undefined;
      return;
    }
    TOKEN.lastIndex = at;
    this.#token = TOKEN.exec(text)![0];
    this.#at = TOKEN.lastIndex;
  }

  /** @param end Up to where the text was looked at. */
  #fail(detail: string, end = this.#at): SqlError {
    const where = contextOf(this.#text, end);
    return new SqlError('invalid_text_representation', 'invalid input syntax for type json', { detail, where });
  }

  #expected(what: string): SqlError {
    const token = this.#token;
    if (token === undefined) return this.#fail('The input string ended unexpectedly.');
    this.#check(token);
    return this.#fail(`Expected ${what}, but found "${token}".`);
  }

  /** What is no token at all is told as such, wherever it stands. */
  #check(token: string): void {
    const c = token[0]!;
    if (c === '"') this.#string(token);
    else if (c === '-' || (c >= '0' && c <= '9')) {
      if (!NUMBER.test(token)) throw this.#fail(`Token "${token}" is invalid.`);
    } else if (!'{}[]:,'.includes(c) && token !== 'true' && token !== 'false' && token !== 'null') {
      throw this.#fail(`Token "${token}" is invalid.`);
    }
  }

  #value(): T {
    const token = this.#token;
    if (token === undefined) throw this.#expected('JSON value');
    switch (token[0]) {
      case '{':
        return this.#object();
      case '[':
        return this.#array();
      case '"': {
        const text = this.#string(token);
        this.#advance();
        return this.#builder.string(text);
      }
      case 't':
      case 'f':
      case 'n':
        if (token === 'true' || token === 'false' || token === 'null') {
          this.#advance();
          return this.#builder.literal(token === 'null' ? null : token === 'true');
        }
    }
    this.#check(token);
    if (NUMBER.test(token)) {
      this.#advance();
      return this.#builder.number(token);
    }
    throw this.#expected('JSON value');
  }

  #is(token: string): boolean {
    return this.#token === token;
  }

  #deeper(): void {
    if (++this.#depth > DEPTH_MAX) throw new SqlError('statement_too_complex', 'stack depth limit exceeded');
  }

  #array(): T {
    this.#deeper();
    this.#advance();
    const items: T[] = [];
    if (this.#token !== ']') {
      for (;;) {
        if (items.length === 0 && (this.#token === undefined || ':,}'.includes(this.#token))) {
          throw this.#expected('array element or "]"');
        }
        items.push(this.#value());
        if (this.#token === ']') break;
        if (this.#token !== ',') throw this.#expected('"," or "]"');
        this.#advance();
      }
    }
    this.#advance();
    this.#depth--;
    return this.#builder.array(items);
  }

  #object(): T {
    this.#deeper();
    this.#advance();
    const entries: (readonly [string, T])[] = [];
    if (!this.#is('}')) {
      for (;;) {
        const token = this.#token;
        if (token?.[0] !== '"') throw this.#expected(entries.length === 0 ? 'string or "}"' : 'string');
        const name = this.#string(token);
        this.#advance();
        if (!this.#is(':')) throw this.#expected('":"');
        this.#advance();
        entries.push([name, this.#value()]);
        if (this.#is('}')) break;
        if (!this.#is(',')) throw this.#expected('"," or "}"');
        this.#advance();
      }
    }
    this.#advance();
    this.#depth--;
    return this.#builder.object(entries);
  }

  /** What stands between the quotes; unescaped, if somebody wants that. */
  #string(token: string): string {
    if (token.length > 1 && token.endsWith('"') && !UNPLAIN.test(token)) return token.slice(1, -1);
    return this.#readString(token, this.#at - token.length);
  }

  /** Character by character, as PostgreSQL tells of the first that is wrong. `from`: where the token begins. */
  #readString(token: string, from: number): string {
    const { wantsText } = this.#builder;
    const invalid = (): SqlError => this.#fail(`Token "${token}" is invalid.`);
    const after = (i: number): number => from + i + (token.codePointAt(i)! > 0xffff ? 2 : 1);
    let text = '';
    let high = '';
    for (let i = 1; ; i++) {
      const c = token[i];
      if (c === undefined) throw invalid();
      if (c === '"') {
        if (high !== '') throw this.#fail(LOW_AFTER_HIGH, from + i + 1);
        return wantsText ? text : token.slice(1, -1);
      }
      if (c < ' ') {
        const code = c.charCodeAt(0).toString(16).padStart(2, '0');
        throw this.#fail(`Character with value 0x${code} must be escaped.`, from + i);
      }
      if (c !== '\\') {
        if (high !== '') throw this.#fail(LOW_AFTER_HIGH, after(i));
        text += c;
        continue;
      }
      const escaped = token[++i];
      if (escaped === undefined) throw invalid();
      if (escaped === 'u') {
        for (let digit = 0; digit < 4; digit++) {
          const hex = token[++i];
          if (hex === undefined) throw invalid();
          if (!/[0-9a-fA-F]/.test(hex)) {
            throw this.#fail('"\\u" must be followed by four hexadecimal digits.', after(i));
          }
        }
        if (!wantsText) continue;
        const unit = String.fromCharCode(Number.parseInt(token.slice(i - 3, i + 1), 16));
        if (unit >= '\ud800' && unit <= '\udbff') {
          if (high !== '') throw this.#fail('Unicode high surrogate must not follow a high surrogate.', from + i + 1);
          high = unit;
          continue;
        }
        const isLow = unit >= '\udc00' && unit <= '\udfff';
        if (isLow === (high === '')) throw this.#fail(LOW_AFTER_HIGH, from + i + 1);
        if (unit === '\0') {
          throw new SqlError('untranslatable_character', 'unsupported Unicode escape sequence', {
            detail: '\\u0000 cannot be converted to text.',
            where: contextOf(this.#text, from + i + 1),
          });
        }
        text += high + unit;
        high = '';
      } else {
        if (high !== '') throw this.#fail(LOW_AFTER_HIGH, after(i));
        const unescaped = ESCAPES[escaped];
        if (unescaped === undefined) {
          const whole = String.fromCodePoint(token.codePointAt(i)!);
          throw this.#fail(`Escape sequence "\\${whole}" is invalid.`, after(i));
        }
        text += unescaped;
      }
    }
  }
}

const LOW_AFTER_HIGH = 'Unicode low surrogate must follow a high surrogate.';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const UNPLAIN = /[\\\x00-\x1f]/;
const CONTEXT_BYTES = 50;

/** The last line of what was read, or the end of it, as PostgreSQL shows where it stopped. */
function contextOf(text: string, end: number): string {
  const from = text.lastIndexOf('\n', end - 1) + 1;
  const line = text.slice(0, from).split('\n').length;
  let start = from;
  for (let bytes = Buffer.byteLength(text.slice(from, end)); bytes >= CONTEXT_BYTES; ) {
    const character = String.fromCodePoint(text.codePointAt(start)!);
    start += character.length;
    bytes -= Buffer.byteLength(character);
  }
  if (Buffer.byteLength(text.slice(from, start)) <= 3) start = from;
  const isCut = end < text.length && text[end] !== '\n' && text[end] !== '\r';
  return `JSON data, line ${line}: ${start > from ? '...' : ''}${text.slice(start, end)}${isCut ? '...' : ''}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const CHECKER: Builder<undefined> = {
  wantsText: false,
  string: () => undefined,
  number: () => undefined,
  literal: () => undefined,
  array: () => undefined,
  object: () => undefined,
};

/** @throws SqlError `invalid_text_representation`, `statement_too_complex`. */
export function checkJson(text: string): string {
  new Parser(text, CHECKER).parse();
  return text;
}

/** By length in bytes, then by bytes. */
function compareNames(a: string, b: string): number {
  const difference = Buffer.byteLength(a) - Buffer.byteLength(b);
  if (difference !== 0) return difference;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Names in order, the last of equals. */
export function jsonObject(entries: Iterable<readonly [string, JsonValue]>): JsonObject {
  const last = new Map(entries);
  return new Map([...last].sort(([a], [b]) => compareNames(a, b)));
}

const TREE: Builder<JsonValue> = {
  wantsText: true,
  string: (text) => text,
  number: (text) => {
    const value = parseNumeric(text);
    if (value instanceof Numeric && value.scale <= NUMERIC_SCALE_MAX) return value;
    throw new SqlError('numeric_value_out_of_range', 'value overflows numeric format');
  },
  literal: (value) => value,
  array: (items) => items,
  object: jsonObject,
};

/** @throws as `checkJson`, and `untranslatable_character` for \u0000. */
export function parseJsonTree(text: string): JsonValue {
  return new Parser(text, TREE).parse();
}

/** A tree in which names keep their order and are as often as they were written: what json's functions read. */
export type PlainJson =
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number' | 'literal'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly PlainJson[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, PlainJson])[] };

const PLAIN: Builder<PlainJson> = {
  wantsText: true,
  string: (text) => ({ kind: 'string', text }),
  number: (text) => ({ kind: 'number', text }),
  literal: (value) => ({ kind: 'literal', text: String(value) }),
  array: (items) => ({ kind: 'array', items }),
  object: (entries) => ({ kind: 'object', entries }),
};

export function parsePlainJson(text: string): PlainJson {
  return new Parser(text, PLAIN).parse();
}

/** What type json takes as it is, and whoever looks into it does not: characters that no text can hold. @throws as `parseJsonTree`. */
export function checkEscapes(text: string): void {
  if (text.includes('\\u')) parsePlainJson(text);
}

/** A string as JSON writes it: only what must be escaped is. */
export function quoteJson(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped.
  return /["\\\u0000-\u001f\ud800-\udfff]/.test(text) ? escapeJson(text) : `"${text}"`;
}

function escapeJson(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped.
  const escaped = text.replace(/["\\\u0000-\u001f]/g, (c) => {
    switch (c) {
      case '"':
        return '\\"';
      case '\\':
        return '\\\\';
      case '\b':
        return '\\b';
      case '\f':
        return '\\f';
      case '\n':
        return '\\n';
      case '\r':
        return '\\r';
      case '\t':
        return '\\t';
      default:
        return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
    }
  });
  return `"${escaped}"`;
}

/** As jsonb prints: a space behind each comma and colon. */
export function printJson(tree: JsonValue): string {
  if (tree === null || typeof tree === 'boolean') return String(tree);
  if (typeof tree === 'string') return quoteJson(tree);
  if (tree instanceof Map) {
    const entries: string[] = [];
    for (const [name, value] of tree as JsonObject) entries.push(`${quoteJson(name)}: ${printJson(value)}`);
    return `{${entries.join(', ')}}`;
  }
  if (Array.isArray(tree)) return `[${(tree as readonly JsonValue[]).map(printJson).join(', ')}]`;
  return (tree as Numeric).toString();
}

const CODEC: JsonCodec = { parse: parseJsonTree, print: printJson };
provideJsonCodec(CODEC);

export function jsonbOf(tree: JsonValue): Jsonb {
  return new Jsonb(CODEC, { tree });
}

export function parseJsonb(text: string): Jsonb {
  return jsonbOf(parseJsonTree(text));
}

export function isJsonObject(tree: JsonValue): tree is JsonObject {
  return tree instanceof Map;
}

export function isJsonArray(tree: JsonValue): tree is readonly JsonValue[] {
  return Array.isArray(tree);
}

function rank(tree: JsonValue): number {
  if (isJsonObject(tree)) return 5;
  if (isJsonArray(tree)) return 4;
  if (typeof tree === 'boolean') return 3;
  if (typeof tree === 'string') return 1;
  return tree === null ? 0 : 2;
}

/** Objects above arrays above booleans above numbers above strings above null; sizes before contents. */
export function compareJson(
  a: JsonValue,
  b: JsonValue,
  compareNumbers: (a: Numeric, b: Numeric) => number,
  compareText: (a: string, b: string) => number,
  top = true,
): number {
  const compare = (x: JsonValue, y: JsonValue): number => compareJson(x, y, compareNumbers, compareText, false);
  const ranks = rank(a) - rank(b);
  if (ranks !== 0) {
    // PostgreSQL keeps an old oddity: an empty array on top is below everything.
    if (top && isJsonArray(a) && a.length === 0) return -1;
    if (top && isJsonArray(b) && b.length === 0) return 1;
    return ranks;
  }
  if (isJsonObject(a)) {
    const other = b as JsonObject;
    if (a.size !== other.size) return a.size - other.size;
    const theirs = other.entries();
    for (const [name, value] of a) {
      const [otherName, otherValue] = theirs.next().value!;
      const names = compareText(name, otherName);
      if (names !== 0) return names;
      const values = compare(value, otherValue);
      if (values !== 0) return values;
    }
    return 0;
  }
  if (isJsonArray(a)) {
    const other = b as readonly JsonValue[];
    if (a.length !== other.length) return a.length - other.length;
    for (let i = 0; i < a.length; i++) {
      const items = compare(a[i]!, other[i]!);
      if (items !== 0) return items;
    }
    return 0;
  }
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (typeof a === 'string') return compareText(a, b as string);
  return a === null ? 0 : compareNumbers(a as Numeric, b as Numeric);
}
