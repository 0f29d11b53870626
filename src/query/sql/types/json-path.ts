/**
 * Paths in the SQL/JSON language: their syntax, as trees, and the text that PostgreSQL prints of them (manual, 9.16.2;
 * jsonpath_scan.l, jsonpath_gram.y, jsonpath.c). What they mean is in functions/json-path-run.ts.
 */

import { type Numeric, parseNumeric } from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import { quoteJson } from './json-value.ts';
import { negateNumeric } from './numeric-arithmetic.ts';

export type Comparison = '==' | '!=' | '<' | '>' | '<=' | '>=';
export type Arithmetic = '+' | '-' | '*' | '/' | '%';
export type Method = 'type' | 'size' | 'abs' | 'floor' | 'ceiling' | 'double' | 'datetime' | 'keyvalue';

/** What stands first in a path: a value, or an expression in parentheses. */
export type PathStart =
  | { readonly kind: 'root' | 'current' | 'last' | 'null' }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly value: Numeric }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'arithmetic'; readonly operator: Arithmetic; readonly left: PathNode; readonly right: PathNode }
  | { readonly kind: 'sign'; readonly operator: '+' | '-'; readonly arg: PathNode }
  | Predicate;

export type Predicate =
  | { readonly kind: 'and' | 'or'; readonly left: PathNode; readonly right: PathNode }
  | { readonly kind: 'not' | 'isUnknown' | 'exists'; readonly arg: PathNode }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: PathNode; readonly right: PathNode }
  | { readonly kind: 'startsWith'; readonly left: PathNode; readonly right: PathNode }
  | { readonly kind: 'likeRegex'; readonly arg: PathNode; readonly pattern: string; readonly flags: string };

export type Accessor =
  | { readonly kind: 'key'; readonly name: string }
  | { readonly kind: 'anyKey' | 'anyElement' }
  /** Bounds of levels; undefined is the last. */
  | { readonly kind: 'any'; readonly first: number | undefined; readonly last: number | undefined }
  | { readonly kind: 'index'; readonly ranges: readonly (readonly [from: PathNode, to: PathNode | undefined])[] }
  | { readonly kind: 'filter'; readonly predicate: PathNode }
  | { readonly kind: 'method'; readonly name: Method; readonly template?: string };

export interface PathNode {
  readonly start: PathStart;
  readonly steps: readonly Accessor[];
}

export interface JsonPath {
  readonly strict: boolean;
  readonly root: PathNode;
}

interface Token {
  readonly kind: 'string' | 'ident' | 'number' | 'variable' | 'sign' | 'end';
  readonly text: string;
  /** As messages show it; PostgreSQL shows the blank behind a word. */
  readonly shown?: string;
}

const SPECIAL = /[?%$.[\]{}()|&!=<>@#,*:\-+/\s"]/;
const METHODS = new Set(['type', 'size', 'abs', 'floor', 'ceiling', 'double', 'datetime', 'keyvalue']);
const DEPTH_MAX = 1_000;

function syntax(message: string): SqlError {
  return new SqlError('syntax_error', `${message} of jsonpath input`);
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token {
    const text = this.#text;
    for (;;) {
      while (/\s/.test(text[this.#at] ?? '')) this.#at++;
      if (!text.startsWith('/*', this.#at)) break;
      const end = text.indexOf('*/', this.#at + 2);
      if (end < 0) throw syntax('unexpected end of comment at end');
      this.#at = end + 2;
    }
    const c = text[this.#at];
    if (c === undefined) return { kind: 'end', text: '' };
    if (c === '"') return { kind: 'string', text: this.#string() };
    const number = /^(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/.exec(text.slice(this.#at));
    if (number !== null) {
      this.#at += number[0].length;
      const junk = text[this.#at];
      if (junk !== undefined && (!SPECIAL.test(junk) || /\w/.test(junk))) {
        throw syntax(`trailing junk after numeric literal at or near "${number[0]}${junk}"`);
      }
      return { kind: 'number', text: number[0] };
    }
    if (c === '$') {
      this.#at++;
      const next = text[this.#at];
      if (next === '"') return { kind: 'variable', text: this.#string() };
      if (next === undefined || SPECIAL.test(next)) return { kind: 'sign', text: '$' };
      return { kind: 'variable', text: this.#identifier() };
    }
    const sign = /^(?:&&|\|\||\*\*|[=!<>]=|<>|[?%.[\]{}()|&!=<>@#,*:\-+/])/.exec(text.slice(this.#at));
    if (sign !== null) {
      this.#at += sign[0].length;
      return { kind: 'sign', text: sign[0] };
    }
    const word = this.#identifier();
    const blank = /^\s+/.exec(text.slice(this.#at))?.[0];
    return { kind: 'ident', text: word, ...(blank === undefined ? {} : { shown: blank }) };
  }

  #identifier(): string {
    let out = '';
    for (let c = this.#text[this.#at]; c !== undefined && !SPECIAL.test(c); c = this.#text[this.#at]) {
      if (c === '\\') out += this.#escape();
      else {
        out += c;
        this.#at++;
      }
    }
    return out;
  }

  #string(): string {
    let out = '';
    this.#at++;
    for (;;) {
      const c = this.#text[this.#at];
      if (c === undefined) throw syntax('unterminated quoted string at end');
      if (c === '"') {
        this.#at++;
        return out;
      }
      if (c === '\\') out += this.#escape();
      else {
        out += c;
        this.#at++;
      }
    }
  }

  #escape(): string {
    const rest = this.#text.slice(this.#at);
    const code = /^\\(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2}))/.exec(rest);
    if (code !== null) {
      this.#at += code[0].length;
      const point = Number.parseInt((code[1] ?? code[2] ?? code[3])!, 16);
      if (point === 0) {
        throw new SqlError('untranslatable_character', 'unsupported Unicode escape sequence', {
          detail: '\\u0000 cannot be converted to text.',
        });
      }
      return code[1] === undefined ? String.fromCodePoint(point) : String.fromCharCode(point);
    }
    const c = rest[1];
    if (c === undefined) throw syntax('unexpected end after backslash at end');
    if (c === 'u' || c === 'x') throw syntax(`invalid Unicode escape sequence at or near "${rest.slice(0, 2)}"`);
    this.#at += 2;
    return { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }[c] ?? c;
  }
}

class Parser {
  readonly #tokens: Token[] = [];
  #at = 0;
  #depth = 0;
  #inSubscript = 0;
  #inFilter = 0;

  constructor(text: string) {
    const scanner = new Scanner(text);
    for (;;) {
      const token = scanner.next();
      this.#tokens.push(token);
      if (token.kind === 'end') break;
    }
  }

  parse(): JsonPath {
    let strict = false;
    if (this.#isWord('strict') || this.#isWord('lax')) strict = this.#take().text.toLowerCase() === 'strict';
    const root = this.#or();
    if (this.#token.kind !== 'end') throw this.#unexpected();
    return { strict, root };
  }

  get #token(): Token {
    return this.#tokens[this.#at]!;
  }

  #take(): Token {
    return this.#tokens[this.#at++]!;
  }

  #isSign(text: string): boolean {
    return this.#token.kind === 'sign' && this.#token.text === text;
  }

  #isWord(word: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === 'ident' && token.text.toLowerCase() === word;
  }

  #accept(text: string): boolean {
    if (!this.#isSign(text)) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#unexpected();
  }

  #unexpected(): SqlError {
    const { kind, text, shown = text } = this.#token;
    if (kind === 'end') return syntax('syntax error at end');
    return syntax(`syntax error at or near "${kind === 'variable' ? `$${text}` : shown}"`);
  }

  #deeper<T>(work: () => T): T {
    if (++this.#depth > DEPTH_MAX) throw new SqlError('statement_too_complex', 'stack depth limit exceeded');
    const result = work();
    this.#depth--;
    return result;
  }

  #or(): PathNode {
    let left = this.#and();
    while (this.#isSign('||')) {
      this.#requirePredicate(left);
      this.#at++;
      const right = this.#and();
      this.#requirePredicate(right);
      left = plain({ kind: 'or', left, right });
    }
    return left;
  }

  #and(): PathNode {
    let left = this.#comparison();
    while (this.#isSign('&&')) {
      this.#requirePredicate(left);
      this.#at++;
      const right = this.#comparison();
      this.#requirePredicate(right);
      left = plain({ kind: 'and', left, right });
    }
    return left;
  }

  #requirePredicate({ start, steps }: PathNode): void {
    if (steps.length > 0 || !isPredicate(start)) throw this.#unexpected();
  }

  #comparison(): PathNode {
    return this.#deeper(() => {
      if (this.#accept('!')) {
        if (!this.#isSign('(') && !this.#isWord('exists')) throw this.#unexpected();
        const arg = this.#comparisonPrimary();
        this.#requirePredicate(arg);
        return plain({ kind: 'not', arg });
      }
      const left = this.#additive();
      const { kind, text } = this.#token;
      if (kind === 'sign' && ['==', '=', '!=', '<>', '<', '>', '<=', '>='].includes(text)) {
        this.#at++;
        const operator = text === '=' ? '==' : text === '<>' ? '!=' : (text as Comparison);
        return plain({ kind: 'compare', operator, left, right: this.#additive() });
      }
      if (this.#isWord('starts') && this.#isWord('with', 1)) {
        this.#at += 2;
        const token = this.#take();
        if (token.kind === 'string') return startsWith(left, { kind: 'string', text: token.text });
        if (token.kind === 'variable') return startsWith(left, { kind: 'variable', name: token.text });
        this.#at--;
        throw this.#unexpected();
      }
      if (this.#isWord('like_regex')) {
        this.#at++;
        const pattern = this.#requireString();
        let flags = '';
        if (this.#isWord('flag')) {
          this.#at++;
          flags = checkFlags(this.#requireString());
        }
        return plain({ kind: 'likeRegex', arg: left, pattern, flags });
      }
      return left;
    });
  }

  #comparisonPrimary(): PathNode {
    if (this.#isWord('exists')) return this.#primary();
    this.#expect('(');
    const inner = this.#or();
    this.#expect(')');
    return inner;
  }

  #requireString(): string {
    if (this.#token.kind !== 'string') throw this.#unexpected();
    return this.#take().text;
  }

  #additive(): PathNode {
    let left = this.#multiplicative();
    while (this.#isSign('+') || this.#isSign('-')) {
      const operator = this.#take().text as Arithmetic;
      left = plain({ kind: 'arithmetic', operator, left, right: this.#multiplicative() });
    }
    return left;
  }

  #multiplicative(): PathNode {
    let left = this.#unary();
    while (this.#isSign('*') || this.#isSign('/') || this.#isSign('%')) {
      const operator = this.#take().text as Arithmetic;
      left = plain({ kind: 'arithmetic', operator, left, right: this.#unary() });
    }
    return left;
  }

  #unary(): PathNode {
    if (!this.#isSign('+') && !this.#isSign('-')) return this.#primary();
    return this.#deeper(() => {
      const operator = this.#take().text as '+' | '-';
      const arg = this.#unary();
      if (arg.start.kind === 'number' && arg.steps.length === 0) {
        return operator === '+' ? arg : plain({ kind: 'number', value: negateNumeric(arg.start.value) });
      }
      return plain({ kind: 'sign', operator, arg });
    });
  }

  #primary(): PathNode {
    const token = this.#take();
    let start: PathStart;
    switch (token.kind) {
      case 'string':
        start = { kind: 'string', text: token.text };
        break;
      case 'number':
        start = { kind: 'number', value: parseNumeric(token.text) as Numeric };
        break;
      case 'variable':
        start = { kind: 'variable', name: token.text };
        break;
      case 'ident':
        start = this.#word(token.text);
        break;
      default:
        if (token.kind === 'sign' && token.text === '$') start = { kind: 'root' };
        else if (token.kind === 'sign' && token.text === '@') {
          if (this.#inFilter === 0) throw syntaxAt('@ is not allowed in root expressions');
          start = { kind: 'current' };
        } else if (token.kind === 'sign' && token.text === '(') return this.#parenthesis();
        else {
          this.#at--;
          throw this.#unexpected();
        }
    }
    const steps = this.#steps();
    return { start, steps };
  }

  #parenthesis(): PathNode {
    const inner = this.#deeper(() => this.#or());
    this.#expect(')');
    if (this.#isWord('is') && this.#isWord('unknown', 1)) {
      this.#requirePredicate(inner);
      this.#at += 2;
      return plain({ kind: 'isUnknown', arg: inner });
    }
    const steps = this.#steps();
    return { start: inner.start, steps: [...inner.steps, ...steps] };
  }

  #word(text: string): PathStart {
    switch (text) {
      case 'null':
        return { kind: 'null' };
      case 'true':
      case 'false':
        return { kind: 'boolean', value: text === 'true' };
      default:
    }
    switch (text.toLowerCase()) {
      case 'last':
        if (this.#inSubscript === 0) throw syntaxAt('LAST is allowed only in array subscripts');
        return { kind: 'last' };
      case 'exists': {
        this.#expect('(');
        const arg = this.#or();
        this.#expect(')');
        return { kind: 'exists', arg };
      }
      default:
        this.#at--;
        throw this.#unexpected();
    }
  }

  #steps(): readonly Accessor[] {
    const steps: Accessor[] = [];
    for (;;) {
      if (this.#accept('.')) steps.push(this.#member());
      else if (this.#accept('[')) steps.push(this.#subscript());
      else if (this.#accept('?')) {
        this.#expect('(');
        this.#inFilter++;
        const predicate = this.#or();
        this.#requirePredicate(predicate);
        this.#inFilter--;
        this.#expect(')');
        steps.push({ kind: 'filter', predicate });
      } else return steps;
    }
  }

  #member(): Accessor {
    if (this.#accept('*')) return { kind: 'anyKey' };
    if (this.#accept('**')) return this.#any();
    const token = this.#take();
    if (token.kind === 'string') return { kind: 'key', name: token.text };
    if (token.kind !== 'ident') {
      this.#at--;
      throw this.#unexpected();
    }
    const name = token.text.toLowerCase();
    if (!METHODS.has(name) || !this.#isSign('(')) return { kind: 'key', name: token.text };
    this.#at++;
    let template: string | undefined;
    if (name === 'datetime' && this.#token.kind === 'string') template = this.#take().text;
    this.#expect(')');
    return { kind: 'method', name: name as Method, ...(template === undefined ? {} : { template }) };
  }

  #any(): Accessor {
    if (!this.#accept('{')) return { kind: 'any', first: 0, last: undefined };
    const first = this.#level();
    let last = first;
    if (this.#isWord('to')) {
      this.#at++;
      last = this.#level();
    }
    this.#expect('}');
    return { kind: 'any', first, last };
  }

  #level(): number | undefined {
    if (this.#isWord('last')) {
      this.#at++;
      return undefined;
    }
    if (this.#token.kind !== 'number' || !/^\d+$/.test(this.#token.text)) throw this.#unexpected();
    return Number(this.#take().text);
  }

  #subscript(): Accessor {
    if (this.#accept('*')) {
      this.#expect(']');
      return { kind: 'anyElement' };
    }
    this.#inSubscript++;
    const ranges: (readonly [PathNode, PathNode | undefined])[] = [];
    do {
      const from = this.#additive();
      let to: PathNode | undefined;
      if (this.#isWord('to')) {
        this.#at++;
        to = this.#additive();
      }
      ranges.push([from, to]);
    } while (this.#accept(','));
    this.#inSubscript--;
    this.#expect(']');
    return { kind: 'index', ranges };
  }
}

function syntaxAt(message: string): SqlError {
  return new SqlError('syntax_error', message);
}

function plain(start: PathStart): PathNode {
  return { start, steps: [] };
}

function startsWith(left: PathNode, right: PathStart): PathNode {
  return plain({ kind: 'startsWith', left, right: plain(right) });
}

function checkFlags(flags: string): string {
  const unknown = /[^ismxq]/.exec(flags);
  if (unknown !== null) {
    throw new SqlError('syntax_error', 'invalid input syntax for type jsonpath', {
      detail: `Unrecognized flag character "${unknown[0]}" in LIKE_REGEX predicate.`,
    });
  }
  if (flags.includes('x') && !flags.includes('q')) {
    throw new SqlError('feature_not_supported', 'XQuery "x" flag (expanded regular expressions) is not implemented');
  }
  return [...'ismxq'].filter((flag) => flags.includes(flag)).join('');
}

export function isPredicate(start: PathStart): start is Predicate {
  return ['and', 'or', 'not', 'isUnknown', 'exists', 'compare', 'startsWith', 'likeRegex'].includes(start.kind);
}

const PATHS_MAX = 500;
const paths = new Map<string, JsonPath>();

/** Those that were used last are kept. @throws SqlError `syntax_error`, `invalid_text_representation`. */
export function parseJsonPath(text: string): JsonPath {
  let known = paths.get(text);
  if (known !== undefined) return known;
  if (text.trim() === '') {
    throw new SqlError('invalid_text_representation', `invalid input syntax for type jsonpath: "${text}"`);
  }
  known = new Parser(text).parse();
  if (paths.size >= PATHS_MAX) paths.clear();
  paths.set(text, known);
  return known;
}

/** As PostgreSQL prints it. */
export function printJsonPath({ strict, root }: JsonPath): string {
  return `${strict ? 'strict ' : ''}${print(root, true)}`;
}

function priorityOf({ start }: PathNode): number {
  return priorityOfStart(start);
}

function priorityOfStart(start: PathStart): number {
  switch (start.kind) {
    case 'or':
      return 0;
    case 'and':
      return 1;
    case 'compare':
    case 'startsWith':
      return 2;
    case 'arithmetic':
      return start.operator === '+' || start.operator === '-' ? 3 : 4;
    case 'sign':
      return 5;
    default:
      return 6;
  }
}

function print(node: PathNode, brackets: boolean): string {
  return printStart(node, brackets) + node.steps.map(printStep).join('');
}

function printStart({ start, steps }: PathNode, brackets: boolean): string {
  const priority = priorityOfStart(start);
  const operand = (each: PathNode): string => print(each, priorityOf(each) <= priority);
  const wrapped = (text: string): string => (brackets ? `(${text})` : text);
  switch (start.kind) {
    case 'root':
      return '$';
    case 'current':
      return '@';
    case 'last':
    case 'null':
      return start.kind;
    case 'string':
      return quoteJson(start.text);
    case 'number':
      return steps.length > 0 ? `(${start.value})` : String(start.value);
    case 'boolean':
      return String(start.value);
    case 'variable':
      return `$${quoteJson(start.name)}`;
    case 'arithmetic':
    case 'compare':
      return wrapped(`${operand(start.left)} ${start.operator} ${operand(start.right)}`);
    case 'and':
    case 'or':
      return wrapped(`${operand(start.left)} ${start.kind === 'and' ? '&&' : '||'} ${operand(start.right)}`);
    case 'startsWith':
      return wrapped(`${operand(start.left)} starts with ${operand(start.right)}`);
    case 'sign':
      return wrapped(`${start.operator}${operand(start.arg)}`);
    case 'likeRegex': {
      const flags = start.flags === '' ? '' : ` flag "${start.flags}"`;
      return wrapped(`${operand(start.arg)} like_regex ${quoteJson(start.pattern)}${flags}`);
    }
    case 'not':
      return `!(${print(start.arg, false)})`;
    case 'isUnknown':
      return `(${print(start.arg, false)}) is unknown`;
    case 'exists':
      return `exists (${print(start.arg, false)})`;
  }
}

function printStep(step: Accessor): string {
  switch (step.kind) {
    case 'key':
      return `.${quoteJson(step.name)}`;
    case 'anyKey':
      return '.*';
    case 'anyElement':
      return '[*]';
    case 'any': {
      const { first, last } = step;
      const level = (each: number | undefined): string => (each === undefined ? 'last' : String(each));
      if (first === 0 && last === undefined) return '.**';
      return first === last ? `.**{${level(first)}}` : `.**{${level(first)} to ${level(last)}}`;
    }
    case 'index':
      return `[${step.ranges
        .map(([from, to]) => (to === undefined ? print(from, false) : `${print(from, false)} to ${print(to, false)}`))
        .join(',')}]`;
    case 'filter':
      return `?(${print(step.predicate, false)})`;
    case 'method':
      return `.${step.name}(${step.template === undefined ? '' : quoteJson(step.template)})`;
  }
}
