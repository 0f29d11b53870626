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
import { type Assertion, invalid, type RegexFlags, type RegexNode, RegexParser, type Test } from './regex-syntax.ts';

const PROGRAM_MAX = 30_000;
const STEPS_MAX = 1_000_000;

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

/** Greedy unless the first quantifier that has a preference is not; branches are always greedy. */
function prefersShort(node: RegexNode): boolean | undefined {
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

  emit(node: RegexNode): void {
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

  #repeat({ node, min, max, lazy }: Extract<RegexNode, { kind: 'repeat' }>): void {
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
    const parser = new RegexParser(pattern, flags);
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

/** Where a loop began its last round. */
interface Round {
  readonly pc: number;
  readonly at: number;
  readonly before: Round | undefined;
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
  const stack: { readonly pc: number; readonly at: number; readonly rounds: Round | undefined }[] = [
    { pc: 0, at: start, rounds: undefined },
  ];
  while (stack.length > 0) {
    let { pc, at, rounds } = stack.pop()!;
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
        stack.push({ pc: instruction.second, at, rounds });
        pc = instruction.first;
      } else if (instruction.op === 'jump') {
        // A round that took nothing ends the loop.
        if (instruction.to < pc) {
          let last = rounds;
          while (last !== undefined && last.pc !== pc) last = last.before;
          if (last?.at === at) break;
          rounds = { pc, at, before: rounds };
        }
        pc = instruction.to;
      } else if (instruction.op === 'save') {
        stack.push({ pc: -instruction.slot - 1, at: slots[instruction.slot]!, rounds });
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
