/**
 * POSIX regular expressions as PostgreSQL understands them (manual, 9.7.3: advanced regular expressions), in bounded time.
 *
 * A pattern becomes a program of a few instructions. A search runs all ways through it at once, character by character, and
 * finds the leftmost match of the length that the expression prefers: the longest, or the shortest when it begins with a
 * non-greedy quantifier. What the parentheses matched is found by a second run that visits no instruction twice at one place.
 * Both take time in proportion to text times program, whatever the pattern. Back references allow no such promise: they try
 * ways one after another and give up after a number of steps.
 *
 * Left out: collating elements of several characters.
 */

import { SqlError } from '../sql-error.ts';

const PROGRAM_MAX = 30_000;
const REPEAT_MAX = 255;
const STEPS_MAX = 5_000_000;

type Test = (code: number) => boolean;

type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly branches: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number; readonly lazy: boolean }
  | { readonly kind: 'group'; readonly index: number; readonly node: Node }
  | { readonly kind: 'assert'; readonly test: Assertion }
  | { readonly kind: 'look'; readonly node: Node; readonly ahead: boolean; readonly negative: boolean }
  | { readonly kind: 'back'; readonly index: number };

type Assertion = (text: readonly number[], at: number) => boolean;

type Instruction =
  | { readonly op: 'char'; readonly test: Test }
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'assert'; readonly test: Assertion }
  | {
      readonly op: 'look';
      readonly program: readonly Instruction[];
      readonly ahead: boolean;
      readonly negative: boolean;
    }
  | { readonly op: 'back'; readonly index: number }
  | { readonly op: 'match' };

export interface RegexFlags {
  readonly ignoreCase: boolean;
  /** `.` and negated brackets do not match a newline. */
  readonly newlineStops: boolean;
  /** `^` and `$` match at newlines. */
  readonly lineAnchors: boolean;
  readonly expanded: boolean;
  readonly literal: boolean;
}

function invalid(reason: string): SqlError {
  return new SqlError('invalid_regular_expression', `invalid regular expression: ${reason}`);
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

class Parser {
  readonly #text: readonly string[];
  #flags: RegexFlags;
  #at = 0;
  groups = 0;
  hasBack = false;
  readonly #closed = new Set<number>();

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

  parse(): Node {
    if (this.#flags.literal) return { kind: 'sequence', parts: this.#text.map((c) => this.#char(c.codePointAt(0)!)) };
    const node = this.#choice(0);
    if (this.#at < this.#text.length) throw invalid('parentheses () not balanced');
    return node;
  }

  #choice(depth: number): Node {
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

  #branch(depth: number): Node {
    const parts: Node[] = [];
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

  #quantified(atom: Node): Node {
    this.#skipExpanded();
    let min: number;
    let max: number;
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
        this.#at += bound[0].length;
        break;
      }
      default:
        return atom;
    }
    if (atom.kind === 'assert' || atom.kind === 'look') throw invalid('quantifier operand invalid');
    let lazy = false;
    if (this.#text[this.#at] === '?') {
      lazy = true;
      this.#at++;
    }
    if (/[*+?]/.test(this.#text[this.#at] ?? '')) throw invalid('quantifier operand invalid');
    return { kind: 'repeat', node: atom, min, max, lazy };
  }

  #char(code: number): Node {
    if (!this.#flags.ignoreCase) return { kind: 'char', test: (c) => c === code };
    const lower = String.fromCodePoint(code).toLowerCase().codePointAt(0)!;
    const upper = String.fromCodePoint(code).toUpperCase().codePointAt(0)!;
    return { kind: 'char', test: (c) => c === code || c === lower || c === upper };
  }

  #atom(depth: number): Node | undefined {
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

  #group(depth: number): Node | undefined {
    if (this.#text[this.#at] !== '?') {
      const index = ++this.groups;
      const node = this.#choice(depth + 1);
      this.#close();
      this.#closed.add(index);
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
    const node = this.#choice(depth + 1);
    this.#close();
    if (!behind && !ahead) return node;
    return { kind: 'look', node, ahead, negative: head[behind ? 2 : 1] === '!' };
  }

  #close(): void {
    if (this.#text[this.#at] !== ')') throw invalid('parentheses () not balanced');
    this.#at++;
  }

  #classTest(test: Test, negated: boolean): Node {
    const stops = this.#flags.newlineStops;
    return { kind: 'char', test: negated ? (c) => !test(c) && !(stops && c === 10) : test };
  }

  #escape(): Node {
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
      let digits = c;
      while (
        isDigit(this.#text[this.#at]?.codePointAt(0) ?? 0) &&
        Number(digits + this.#text[this.#at]) <= this.groups
      ) {
        digits += this.#text[this.#at++];
      }
      const index = Number(digits);
      if (!this.#closed.has(index)) throw invalid('invalid backreference number');
      this.hasBack = true;
      return { kind: 'back', index };
    }
    return this.#char(this.#escapedCode(c));
  }

  #escapedCode(c: string): number {
    const simple = { a: 7, b: 8, B: 92, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11, '0': 0 }[c];
    if (simple !== undefined) return simple;
    const hex = (length: number): number => {
      const digits = this.#text.slice(this.#at, this.#at + length).join('');
      const found = /^[0-9a-fA-F]+/.exec(digits)?.[0] ?? '';
      if (found === '' || (c !== 'x' && found.length < length)) throw invalid('invalid escape \\ sequence');
      this.#at += found.length;
      return Number.parseInt(found, 16);
    };
    if (c === 'u') return hex(4);
    if (c === 'U') return hex(8);
    if (c === 'x') return hex(8);
    if (c === 'c') return (this.#text[this.#at++]?.codePointAt(0) ?? 0) & 31;
    if (isAlnum(c.codePointAt(0)!)) throw invalid('invalid escape \\ sequence');
    return c.codePointAt(0)!;
  }

  #bracket(): Node {
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

/** Greedy unless the first quantifier that has a preference is not; branches are always greedy. */
function prefersShort(node: Node): boolean | undefined {
  switch (node.kind) {
    case 'choice':
      return false;
    case 'sequence':
      for (const part of node.parts) {
        const preference = prefersShort(part);
        if (preference !== undefined) return preference;
      }
      return undefined;
    case 'group':
      return prefersShort(node.node);
    case 'repeat':
      if (node.min === node.max) return prefersShort(node.node);
      return node.lazy;
    default:
      return undefined;
  }
}

class Compiler {
  readonly program: Instruction[] = [];

  emit(node: Node): void {
    if (this.program.length > PROGRAM_MAX) throw invalid('regular expression is too complex');
    switch (node.kind) {
      case 'empty':
        return;
      case 'char':
        this.program.push({ op: 'char', test: node.test });
        return;
      case 'sequence':
        for (const part of node.parts) this.emit(part);
        return;
      case 'group':
        this.program.push({ op: 'save', slot: node.index * 2 });
        this.emit(node.node);
        this.program.push({ op: 'save', slot: node.index * 2 + 1 });
        return;
      case 'assert':
        this.program.push({ op: 'assert', test: node.test });
        return;
      case 'back':
        this.program.push({ op: 'back', index: node.index });
        return;
      case 'look': {
        const inner = new Compiler();
        inner.emit(node.node);
        inner.program.push({ op: 'match' });
        this.program.push({ op: 'look', program: inner.program, ahead: node.ahead, negative: node.negative });
        return;
      }
      case 'choice': {
        const ends: { op: 'jump'; to: number }[] = [];
        for (let i = 0; i < node.branches.length; i++) {
          if (i === node.branches.length - 1) {
            this.emit(node.branches[i]!);
            break;
          }
          const split = { op: 'split' as const, first: this.program.length + 1, second: 0 };
          this.program.push(split);
          this.emit(node.branches[i]!);
          const end = { op: 'jump' as const, to: 0 };
          this.program.push(end);
          ends.push(end);
          split.second = this.program.length;
        }
        for (const end of ends) end.to = this.program.length;
        return;
      }
      default:
        this.#repeat(node);
    }
  }

  #repeat({ node, min, max, lazy }: Extract<Node, { kind: 'repeat' }>): void {
    for (let i = 0; i < min; i++) this.emit(node);
    if (max === Number.POSITIVE_INFINITY) {
      const split = this.#split();
      const body = this.program.length;
      this.emit(node);
      this.program.push({ op: 'jump', to: body - 1 });
      this.#join(split, body, lazy);
      return;
    }
    const splits: { split: Extract<Instruction, { op: 'split' }>; body: number }[] = [];
    for (let i = min; i < max; i++) {
      const split = this.#split();
      splits.push({ split, body: this.program.length });
      this.emit(node);
    }
    for (const { split, body } of splits) this.#join(split, body, lazy);
  }

  #split(): Extract<Instruction, { op: 'split' }> {
    const split: Extract<Instruction, { op: 'split' }> = { op: 'split', first: 0, second: 0 };
    this.program.push(split);
    return split;
  }

  #join(split: Extract<Instruction, { op: 'split' }>, body: number, lazy: boolean): void {
    const end = this.program.length;
    split.first = lazy ? end : body;
    split.second = lazy ? body : end;
  }
}

/** Places of the whole match and of each group, as characters; -1 for a group that took no part. */
export type Match = readonly number[];

export class Regex {
  readonly groups: number;
  readonly #program: readonly Instruction[];
  readonly #short: boolean;
  readonly #hasBack: boolean;

  /** @throws SqlError `invalid_regular_expression`. */
  constructor(pattern: string, flags: RegexFlags) {
    const parser = new Parser(pattern, flags);
    const node = parser.parse();
    const compiler = new Compiler();
    compiler.emit(node);
    compiler.program.push({ op: 'match' });
    this.groups = parser.groups;
    this.#program = compiler.program;
    this.#short = prefersShort(node) === true;
    this.#hasBack = parser.hasBack;
  }

  /** The first match at or behind `from`. @param text As code points. */
  find(text: readonly number[], from: number, wantsGroups: boolean): Match | undefined {
    if (this.#hasBack) return this.#findTrying(text, from);
    const span = this.#span(text, from);
    if (span === undefined || !wantsGroups || this.groups === 0) return span;
    return runOnce(this.#program, text, span[0], span[1], this.groups);
  }

  test(text: readonly number[]): boolean {
    return this.find(text, 0, false) !== undefined;
  }

  /** All ways at once. Each thread remembers where its match began; the leftmost begun wins. */
  #span(text: readonly number[], from: number): readonly [number, number] | undefined {
    const program = this.#program;
    let starts = new Int32Array(program.length).fill(-1);
    let nextStarts = new Int32Array(program.length).fill(-1);
    let threads: number[] = [];
    let nextThreads: number[] = [];
    let best: [number, number] | undefined;
    const pending: number[] = [];
    const add = (list: number[], marks: Int32Array, first: number, start: number, at: number): void => {
      pending.push(first);
      while (pending.length > 0) {
        const pc = pending.pop()!;
        const known = marks[pc]!;
        if (known >= 0 && known <= start) continue;
        if (known < 0) list.push(pc);
        marks[pc] = start;
        const instruction = program[pc]!;
        switch (instruction.op) {
          case 'jump':
            pending.push(instruction.to);
            break;
          case 'split':
            pending.push(instruction.second, instruction.first);
            break;
          case 'save':
            pending.push(pc + 1);
            break;
          case 'assert':
            if (instruction.test(text, at)) pending.push(pc + 1);
            break;
          case 'look':
            if (looks(instruction, text, at)) pending.push(pc + 1);
            break;
          case 'match':
            if (
              best === undefined ||
              start < best[0] ||
              (start === best[0] && (this.#short ? at < best[1] : at > best[1]))
            ) {
              best = [start, at];
            }
            break;
        }
      }
    };
    for (let at = from; at <= text.length; at++) {
      if (best === undefined) add(threads, starts, 0, at, at);
      if (threads.length === 0 && best !== undefined) break;
      if (at === text.length) break;
      const code = text[at]!;
      for (const pc of threads) {
        const instruction = program[pc]!;
        const start = starts[pc]!;
        starts[pc] = -1;
        if (instruction.op !== 'char') continue;
        if (best !== undefined && (start > best[0] || (start === best[0] && this.#short))) continue;
        if (instruction.test(code)) add(nextThreads, nextStarts, pc + 1, start, at + 1);
      }
      threads.length = 0;
      [threads, nextThreads] = [nextThreads, threads];
      [starts, nextStarts] = [nextStarts, starts];
    }
    return best;
  }

  #findTrying(text: readonly number[], from: number): Match | undefined {
    const budget = { steps: STEPS_MAX };
    for (let start = from; start <= text.length; start++) {
      let best: Match | undefined;
      tryAll(this.#program, text, start, this.groups, budget, (slots) => {
        if (best === undefined || (this.#short ? slots[1]! < best[1]! : slots[1]! > best[1]!)) best = [...slots];
        return false;
      });
      if (best !== undefined) return best;
    }
    return undefined;
  }
}

function looks(
  { program, ahead, negative }: Extract<Instruction, { op: 'look' }>,
  text: readonly number[],
  at: number,
): boolean {
  let found = false;
  if (ahead) found = runOnce(program, text, at, undefined, 0) !== undefined;
  else for (let start = at; start >= 0 && !found; start--) found = runOnce(program, text, start, at, 0) !== undefined;
  return found !== negative;
}

/** The way that its quantifiers prefer from `start` to `end` (anywhere without one); no instruction twice at one place. */
function runOnce(
  program: readonly Instruction[],
  text: readonly number[],
  start: number,
  end: number | undefined,
  groups: number,
): Match | undefined {
  const last = end ?? text.length;
  const width = last - start + 1;
  if (width * program.length > 500_000_000) throw invalid('regular expression is too complex');
  const visited = new Uint8Array(width * program.length);
  const slots = new Array<number>(groups * 2 + 2).fill(-1);
  slots[0] = start;
  // Negative entries restore a slot: the slot, then the old value.
  const stack: number[] = [0, start];
  while (stack.length > 0) {
    let at = stack.pop()!;
    let pc = stack.pop()!;
    if (pc < 0) {
      slots[-pc - 1] = at;
      continue;
    }
    for (;;) {
      const mark = pc * width + at - start;
      if (visited[mark] === 1) break;
      visited[mark] = 1;
      const instruction = program[pc]!;
      if (instruction.op === 'match') {
        if (end !== undefined && at !== end) break;
        slots[1] = at;
        return slots;
      }
      if (instruction.op === 'char') {
        if (at >= last || !instruction.test(text[at]!)) break;
        at++;
        pc++;
      } else if (instruction.op === 'split') {
        stack.push(instruction.second, at);
        pc = instruction.first;
      } else if (instruction.op === 'jump') pc = instruction.to;
      else if (instruction.op === 'save') {
        if (instruction.slot < slots.length) {
          stack.push(-instruction.slot - 1, slots[instruction.slot]!);
          slots[instruction.slot] = at;
        }
        pc++;
      } else if (instruction.op === 'assert') {
        if (!instruction.test(text, at)) break;
        pc++;
      } else if (instruction.op === 'look') {
        if (!looks(instruction, text, at)) break;
        pc++;
      } else break;
    }
  }
  return undefined;
}

/** One way after another, for back references. `found` says whether to stop. */
function tryAll(
  program: readonly Instruction[],
  text: readonly number[],
  start: number,
  groups: number,
  budget: { steps: number },
  found: (slots: readonly number[]) => boolean,
): void {
  const slots = new Array<number>(groups * 2 + 2).fill(-1);
  slots[0] = start;
  const stack: number[] = [0, start, -1];
  while (stack.length > 0) {
    let emptyAt = stack.pop()!;
    let at = stack.pop()!;
    let pc = stack.pop()!;
    if (pc < 0) {
      slots[-pc - 1] = at;
      continue;
    }
    for (;;) {
      if (--budget.steps < 0) {
        throw new SqlError(
          'invalid_regular_expression',
          'regular expression failed: regular expression is too complex',
        );
      }
      const instruction = program[pc]!;
      if (instruction.op === 'match') {
        slots[1] = at;
        if (found(slots)) return;
        break;
      }
      if (instruction.op === 'char') {
        if (at >= text.length || !instruction.test(text[at]!)) break;
        at++;
        pc++;
      } else if (instruction.op === 'split') {
        stack.push(instruction.second, at, emptyAt);
        pc = instruction.first;
      } else if (instruction.op === 'jump') {
        // A round that took nothing ends the loop.
        if (instruction.to < pc) {
          if (emptyAt === at) break;
          emptyAt = at;
        }
        pc = instruction.to;
      } else if (instruction.op === 'save') {
        stack.push(-instruction.slot - 1, slots[instruction.slot]!, 0);
        slots[instruction.slot] = at;
        pc++;
      } else if (instruction.op === 'assert') {
        if (!instruction.test(text, at)) break;
        pc++;
      } else if (instruction.op === 'look') {
        if (!looks(instruction, text, at)) break;
        pc++;
      } else {
        const from = slots[instruction.index * 2]!;
        const to = slots[instruction.index * 2 + 1]!;
        if (from < 0 || to < 0) break;
        let same = at + to - from <= text.length;
        for (let i = from; same && i < to; i++) same = text[i] === text[at + i - from];
        if (!same) break;
        at += to - from;
        pc++;
      }
    }
  }
}

const cache = new Map<string, Regex>();
const CACHE_MAX = 256;

/** Compiled, and kept for the next call. */
export function regexOf(pattern: string, flags: RegexFlags): Regex {
  const key = `${flags.ignoreCase ? 'i' : ''}${flags.newlineStops ? 'n' : ''}${flags.lineAnchors ? 'w' : ''}${flags.expanded ? 'x' : ''}${flags.literal ? 'q' : ''}:${pattern}`;
  let regex = cache.get(key);
  if (regex === undefined) {
    regex = new Regex(pattern, flags);
    if (cache.size >= CACHE_MAX) cache.clear();
    cache.set(key, regex);
  }
  return regex;
}

export function codePoints(text: string): number[] {
  const codes: number[] = [];
  for (const character of text) codes.push(character.codePointAt(0)!);
  return codes;
}
