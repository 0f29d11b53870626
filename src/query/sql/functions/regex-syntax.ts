/** The syntax of advanced regular expressions (PostgreSQL's manual, 9.7.3) as a tree. What it means in time is in regex.ts. */

import { SqlError } from '../sql-error.ts';

const REPEAT_MAX = 255;

export type Test = (code: number) => boolean;

export type Preference = 'longer' | 'shorter';

export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly branches: readonly RegexNode[] }
  | {
      readonly kind: 'repeat';
      readonly node: RegexNode;
      readonly min: number;
      readonly max: number;
      /** Nothing for `{m}`. */
      readonly prefers: Preference | undefined;
    }
  | { readonly kind: 'group'; readonly index: number; readonly node: RegexNode }
  | { readonly kind: 'assert'; readonly test: Assertion }
  | { readonly kind: 'look'; readonly node: RegexNode; readonly ahead: boolean; readonly negative: boolean }
  | { readonly kind: 'back'; readonly index: number };

export type Assertion = (text: readonly number[], at: number) => boolean;

export interface RegexFlags {
  readonly ignoreCase: boolean;
  /** `.` and negated brackets do not match a newline. */
  readonly newlineStops: boolean;
  /** `^` and `$` match at newlines. */
  readonly lineAnchors: boolean;
  readonly expanded: boolean;
  readonly literal: boolean;
}

export function invalid(reason: string, what = 'invalid regular expression'): SqlError {
  return new SqlError('invalid_regular_expression', `${what}: ${reason}`);
}

/** Flags as functions take them: `i`, `n`, `x`, …; `g` is the caller's. @throws SqlError `invalid_parameter_value`. */
export function regexFlags(letters: string): RegexFlags & { readonly global: boolean } {
  const flags = {
    ignoreCase: false,
    newlineStops: false,
    lineAnchors: false,
    expanded: false,
    literal: false,
    global: false,
  };
  for (const letter of letters) {
    switch (letter) {
      case 'i':
        flags.ignoreCase = true;
        break;
      case 'c':
        flags.ignoreCase = false;
        break;
      case 'n':
      case 'm':
        flags.newlineStops = true;
        flags.lineAnchors = true;
        break;
      case 's':
        flags.newlineStops = false;
        flags.lineAnchors = false;
        break;
      case 'p':
        flags.newlineStops = true;
        flags.lineAnchors = false;
        break;
      case 'w':
        flags.newlineStops = false;
        flags.lineAnchors = true;
        break;
      case 'x':
        flags.expanded = true;
        break;
      case 't':
        flags.expanded = false;
        break;
      case 'q':
        flags.literal = true;
        break;
      case 'e':
      case 'b':
        break;
      case 'g':
        flags.global = true;
        break;
      default:
        throw new SqlError('invalid_parameter_value', `invalid regular expression option: "${letter}"`);
    }
  }
  return flags;
}

const isWord: Test = (c) => c === 95 || isAlnum(c);
const isDigit: Test = (c) => c >= 48 && c <= 57;
const isSpace: Test = (c) => c === 32 || (c >= 9 && c <= 13);
/** Letters as collation "C" knows them. */
const isAlpha: Test = (c) => (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
const isAlnum: Test = (c) => isAlpha(c) || isDigit(c);
const CLASSES: Readonly<Record<string, Test>> = {
  alpha: isAlpha,
  digit: isDigit,
  alnum: isAlnum,
  word: isWord,
  space: isSpace,
  upper: (c) => c >= 65 && c <= 90,
  lower: (c) => c >= 97 && c <= 122,
  blank: (c) => c === 32 || c === 9,
  punct: (c) => c > 32 && c < 127 && !isAlnum(c),
  print: (c) => c >= 32 && c < 127,
  graph: (c) => c > 32 && c < 127,
  cntrl: (c) => c < 32 || c === 127,
  xdigit: (c) => isDigit(c) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102),
};

export class RegexParser {
  readonly #text: readonly string[];
  #flags: RegexFlags;
  #at = 0;
  /** What is in the parentheses that have been read to their end, by number. */
  readonly groups = new Map<number, RegexNode>();
  hasBack = false;
  #opened = 0;
  /** How many constraints of what is around the place being read: parentheses in them only group, and are not referred to. */
  #looks = 0;

  constructor(pattern: string, flags: RegexFlags) {
    let body = pattern;
    this.#flags = flags;
    if (body.startsWith('***=')) {
      this.#flags = { ...this.#flags, literal: true };
      body = body.slice(4);
    } else if (body.startsWith('***:')) body = body.slice(4);
    if (!this.#flags.literal) {
      const embedded = /^\(\?([a-z]+)\)/.exec(body);
      if (embedded !== null) {
        try {
          this.#flags = merge(this.#flags, embedded[1]!);
        } catch {
          throw invalid('invalid embedded option');
        }
        body = body.slice(embedded[0].length);
      }
    }
    this.#text = [...body];
  }

  /** Known when all is read: the pattern itself may say so. */
  get ignoresCase(): boolean {
    return this.#flags.ignoreCase;
  }

  parse(): RegexNode {
    if (this.#flags.literal) return { kind: 'sequence', parts: this.#text.map((c) => this.#char(c.codePointAt(0)!)) };
    const node = this.#choice(0);
    if (this.#at < this.#text.length) throw invalid('parentheses () not balanced');
    return node;
  }

  #choice(depth: number): RegexNode {
    if (depth > 500) throw invalid('regular expression is too complex');
    const branches = [this.#branch(depth)];
    while (this.#text[this.#at] === '|') {
      this.#at++;
      branches.push(this.#branch(depth));
    }
    return branches.length === 1 ? branches[0]! : { kind: 'choice', branches };
  }

  #skipExpanded(): void {
    if (!this.#flags.expanded) return;
    for (;;) {
      const c = this.#text[this.#at];
      if (c !== undefined && /\s/.test(c)) this.#at++;
      else if (c === '#') while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') this.#at++;
      else return;
    }
  }

  #branch(depth: number): RegexNode {
    const parts: RegexNode[] = [];
    for (;;) {
      this.#skipExpanded();
      const c = this.#text[this.#at];
      if (c === undefined || c === '|' || (c === ')' && depth > 0)) break;
      const atom = this.#atom(depth);
      if (atom !== undefined) parts.push(this.#quantified(atom));
    }
    if (parts.length === 1) return parts[0]!;
    return parts.length === 0 ? { kind: 'empty' } : { kind: 'sequence', parts };
  }

  #quantified(atom: RegexNode): RegexNode {
    this.#skipExpanded();
    let min: number;
    let max: number;
    let isExact = false;
    switch (this.#text[this.#at]) {
      case '*':
        [min, max] = [0, Number.POSITIVE_INFINITY];
        this.#at++;
        break;
      case '+':
        [min, max] = [1, Number.POSITIVE_INFINITY];
        this.#at++;
        break;
      case '?':
        [min, max] = [0, 1];
        this.#at++;
        break;
      case '{': {
        const bound = /^\{(\d+)(,(\d*))?\}/.exec(this.#text.slice(this.#at, this.#at + 24).join(''));
        if (bound === null) {
          if (!isDigit(this.#text[this.#at + 1]?.codePointAt(0) ?? 0)) return atom;
          throw invalid(this.#text.includes('}', this.#at) ? 'invalid repetition count(s)' : 'braces {} not balanced');
        }
        min = Number(bound[1]);
        max = bound[2] === undefined ? min : bound[3] === '' ? Number.POSITIVE_INFINITY : Number(bound[3]);
        if (min > REPEAT_MAX || (max > REPEAT_MAX && Number.isFinite(max)) || max < min) {
          throw invalid('invalid repetition count(s)');
        }
        isExact = bound[2] === undefined;
        this.#at += bound[0].length;
        break;
      }
      default:
        return atom;
    }
    if (atom.kind === 'assert' || atom.kind === 'look') throw invalid('quantifier operand invalid');
    let prefers: Preference = 'longer';
    if (this.#text[this.#at] === '?') {
      prefers = 'shorter';
      this.#at++;
    }
    if (/[*+?]/.test(this.#text[this.#at] ?? '')) throw invalid('quantifier operand invalid');
    return { kind: 'repeat', node: atom, min, max, prefers: isExact ? undefined : prefers };
  }

  #char(code: number): RegexNode {
    if (!this.#flags.ignoreCase) return { kind: 'char', test: (c) => c === code };
    const lower = String.fromCodePoint(code).toLowerCase().codePointAt(0)!;
    const upper = String.fromCodePoint(code).toUpperCase().codePointAt(0)!;
    return { kind: 'char', test: (c) => c === code || c === lower || c === upper };
  }

  #atom(depth: number): RegexNode | undefined {
    const c = this.#text[this.#at++]!;
    switch (c) {
      case '(':
        return this.#group(depth);
      case '.':
        return { kind: 'char', test: this.#flags.newlineStops ? (code) => code !== 10 : () => true };
      case '[':
        return this.#bracket();
      case '^':
        return {
          kind: 'assert',
          test: this.#flags.lineAnchors ? (text, at) => at === 0 || text[at - 1] === 10 : (_, at) => at === 0,
        };
      case '$':
        return {
          kind: 'assert',
          test: this.#flags.lineAnchors
            ? (text, at) => at === text.length || text[at] === 10
            : (text, at) => at === text.length,
        };
      case '*':
      case '+':
      case '?':
        throw invalid('quantifier operand invalid');
      case '{':
        if (isDigit(this.#text[this.#at]?.codePointAt(0) ?? 0)) throw invalid('quantifier operand invalid');
        return this.#char(123);
      case ')':
        throw invalid('parentheses () not balanced');
      case '\\':
        return this.#escape();
      default:
        return this.#char(c.codePointAt(0)!);
    }
  }

  #group(depth: number): RegexNode | undefined {
    if (this.#text[this.#at] !== '?') {
      if (this.#looks > 0) return this.#grouped(depth);
      const index = ++this.#opened;
      const node = this.#choice(depth + 1);
      this.#close();
      this.groups.set(index, node);
      return { kind: 'group', index, node };
    }
    const head = this.#text.slice(this.#at, this.#at + 3).join('');
    if (head.startsWith('?#')) {
      while (this.#at < this.#text.length && this.#text[this.#at] !== ')') this.#at++;
      this.#close();
      return undefined;
    }
    const behind = head.startsWith('?<=') || head.startsWith('?<!');
    const ahead = head.startsWith('?=') || head.startsWith('?!');
    if (!behind && !ahead && !head.startsWith('?:')) throw invalid('quantifier operand invalid');
    this.#at += behind ? 3 : 2;
    if (!behind && !ahead) return this.#grouped(depth);
    this.#looks++;
    const node = this.#choice(depth + 1);
    this.#close();
    this.#looks--;
    return { kind: 'look', node, ahead, negative: head[behind ? 2 : 1] === '!' };
  }

  #grouped(depth: number): RegexNode {
    const node = this.#choice(depth + 1);
    this.#close();
    // In parentheses even what takes no text may repeat.
    return node.kind === 'assert' || node.kind === 'look' ? { kind: 'sequence', parts: [node] } : node;
  }

  #close(): void {
    if (this.#text[this.#at] !== ')') throw invalid('parentheses () not balanced');
    this.#at++;
  }

  #classTest(test: Test, negated: boolean): RegexNode {
    const stops = this.#flags.newlineStops;
    return { kind: 'char', test: negated ? (c) => !test(c) && !(stops && c === 10) : test };
  }

  #escape(): RegexNode {
    const c = this.#text[this.#at++];
    switch (c) {
      case undefined:
        throw invalid('invalid escape \\ sequence');
      case 'd':
        return this.#classTest(isDigit, false);
      case 'D':
        return this.#classTest(isDigit, true);
      case 'w':
        return this.#classTest(isWord, false);
      case 'W':
        return this.#classTest(isWord, true);
      case 's':
        return this.#classTest(isSpace, false);
      case 'S':
        return this.#classTest(isSpace, true);
      case 'A':
        return { kind: 'assert', test: (_, at) => at === 0 };
      case 'Z':
        return { kind: 'assert', test: (text, at) => at === text.length };
      case 'm':
        return { kind: 'assert', test: (text, at) => !wordAt(text, at - 1) && wordAt(text, at) };
      case 'M':
        return { kind: 'assert', test: (text, at) => wordAt(text, at - 1) && !wordAt(text, at) };
      case 'y':
        return { kind: 'assert', test: (text, at) => wordAt(text, at - 1) !== wordAt(text, at) };
      case 'Y':
        return { kind: 'assert', test: (text, at) => wordAt(text, at - 1) === wordAt(text, at) };
    }
    if (c >= '1' && c <= '9') {
      const digits = /^[0-9]+/.exec(this.#text.slice(this.#at - 1).join(''))![0];
      // Of several digits that are no number of parentheses an octal code is made.
      if (digits.length === 1 || Number(digits) <= this.#opened) {
        this.#at += digits.length - 1;
        const index = Number(digits);
        if (!this.groups.has(index) || this.#looks > 0) throw invalid('invalid backreference number');
        this.hasBack = true;
        return { kind: 'back', index };
      }
    }
    return this.#char(this.#escapedCode(c));
  }

  #escapedCode(c: string): number {
    const simple = { a: 7, b: 8, B: 92, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 }[c];
    if (simple !== undefined) return simple;
    if (isDigit(c.codePointAt(0)!)) return this.#octal();
    const hex = (length: number): number => {
      const digits = this.#text.slice(this.#at, this.#at + length).join('');
      const found = /^[0-9a-fA-F]+/.exec(digits)?.[0] ?? '';
      if (found === '' || (c !== 'x' && found.length < length)) throw invalid('invalid escape \\ sequence');
      this.#at += found.length;
      const code = Number.parseInt(found, 16);
      if (code > 0x10_ffff) throw invalid('invalid escape \\ sequence');
      return code;
    };
    if (c === 'u') return hex(4);
    if (c === 'U') return hex(8);
    if (c === 'x') return hex(8);
    if (c === 'c') return (this.#text[this.#at++]?.codePointAt(0) ?? 0) & 31;
    if (isAlnum(c.codePointAt(0)!)) throw invalid('invalid escape \\ sequence');
    return c.codePointAt(0)!;
  }

  /** At most three digits, at most 255; the first one has been read. */
  #octal(): number {
    const digits = /^[0-7]{1,3}/.exec(this.#text.slice(this.#at - 1, this.#at + 2).join(''))?.[0];
    if (digits === undefined) throw invalid('invalid escape \\ sequence');
    const isTooLarge = Number.parseInt(digits, 8) > 255;
    this.#at += digits.length - 1 - Number(isTooLarge);
    return Number.parseInt(isTooLarge ? digits.slice(0, 2) : digits, 8);
  }

  #bracket(): RegexNode {
    let negated = false;
    if (this.#text[this.#at] === '^') {
      negated = true;
      this.#at++;
    }
    const rest = this.#text.slice(this.#at, this.#at + 6).join('');
    if (!negated && (rest === '[:<:]]' || rest === '[:>:]]')) {
      this.#at += 6;
      const start = rest[2] === '<';
      return {
        kind: 'assert',
        test: (text, at) => wordAt(text, at - 1) !== start && wordAt(text, at) === start,
      };
    }
    const tests: Test[] = [];
    let first = true;
    for (;;) {
      const c = this.#text[this.#at];
      if (c === undefined) throw invalid('brackets [] not balanced');
      if (c === ']' && !first) break;
      first = false;
      const from = this.#bracketItem(tests);
      if (from === undefined) continue;
      if (this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']' && this.#text[this.#at + 1] !== undefined) {
        this.#at++;
        const to = this.#bracketItem(tests);
        if (to === undefined || to < from) throw invalid('invalid character range');
        this.#range(tests, from, to);
      } else this.#range(tests, from, from);
    }
    this.#at++;
    const test: Test = (code) => tests.some((each) => each(code));
    return this.#classTest(test, negated);
  }

  #range(tests: Test[], from: number, to: number): void {
    if (!this.#flags.ignoreCase) {
      tests.push((c) => c >= from && c <= to);
      return;
    }
    tests.push((c) => {
      if (c >= from && c <= to) return true;
      const text = String.fromCodePoint(c);
      const lower = text.toLowerCase().codePointAt(0)!;
      const upper = text.toUpperCase().codePointAt(0)!;
      return (lower >= from && lower <= to) || (upper >= from && upper <= to);
    });
  }

  /** A character's code; undefined for a class, which is put among the tests. */
  #bracketItem(tests: Test[]): number | undefined {
    const c = this.#text[this.#at++]!;
    if (c === '[' && /[.:=]/.test(this.#text[this.#at] ?? '')) {
      const mark = this.#text[this.#at]!;
      const end = this.#text.findIndex((each, i) => i > this.#at && each === mark && this.#text[i + 1] === ']');
      if (end < 0) throw invalid('brackets [] not balanced');
      const name = this.#text.slice(this.#at + 1, end).join('');
      this.#at = end + 2;
      if (mark === ':') {
        const test = CLASSES[name];
        if (test === undefined) throw invalid('invalid character class');
        tests.push(this.#flags.ignoreCase && (name === 'upper' || name === 'lower') ? isAlpha : test);
        return undefined;
      }
      if ([...name].length !== 1) throw invalid('invalid collating element');
      return name.codePointAt(0)!;
    }
    if (c !== '\\') return c.codePointAt(0)!;
    const escaped = this.#text[this.#at++];
    if (escaped === undefined) throw invalid('invalid escape \\ sequence');
    const test = { d: isDigit, w: isWord, s: isSpace }[escaped];
    if (test !== undefined) {
      tests.push(test);
      return undefined;
    }
    return this.#escapedCode(escaped);
  }
}

function merge(flags: RegexFlags, letters: string): RegexFlags {
  const added = regexFlags(letters);
  return {
    ignoreCase: letters.includes('c') ? false : flags.ignoreCase || added.ignoreCase,
    newlineStops: flags.newlineStops || added.newlineStops,
    lineAnchors: flags.lineAnchors || added.lineAnchors,
    expanded: flags.expanded || added.expanded,
    literal: added.literal,
  };
}

function wordAt(text: readonly number[], at: number): boolean {
  return at >= 0 && at < text.length && isWord(text[at]!);
}
