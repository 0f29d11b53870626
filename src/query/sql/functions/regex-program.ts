/**
 * A regular expression as a program of a few instructions, which tells where its leftmost match lies (`span`), where a match of a
 * part of it may end (`ends`) and begin (`starts`). All ways through it are run at once, character by character, in time
 * proportional to text times program. The program of a part is a stretch of that of the whole, left at its end alone. What
 * parentheses match is not decided here but in regex-parts.ts, which asks for the parts.
 *
 * A back reference is run as what its parentheses hold, without the constraints in them: wherever it may end, that ends too.
 */

import { assert, unreachable } from '../../../base/assert.ts';
import { type Assertion, invalid, type RegexNode, type Test } from './regex-syntax.ts';

const PROGRAM_MAX = 30_000;
/** How many instructions a search may visit. */
const STEPS_MAX = 20_000_000;
/** What is asked for many times over a short text costs as much each time. */
const STEPS_OF_REACH = 20;
const REACH_BYTES_MAX = 500_000_000;

type Instruction =
  | { readonly op: 'char'; readonly test: Test }
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { readonly op: 'assert'; readonly test: Assertion }
  | { readonly op: 'look'; readonly program: Program; readonly ahead: boolean; readonly negative: boolean };

/** The instructions of a part: it begins at `start` and has matched where it reaches `stop`. */
export interface Stretch {
  readonly start: number;
  readonly stop: number;
}

/** What the parentheses of a pattern hold, by their number. */
export type Groups = ReadonlyMap<number, RegexNode>;

/** One search: the text as code points, and what it may still cost. */
export class Search {
  readonly text: readonly number[];
  #steps = STEPS_MAX;

  constructor(text: readonly number[]) {
    this.text = text;
  }

  /** @throws SqlError `invalid_regular_expression` when the search has cost too much. */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw invalid('regular expression is too complex', 'regular expression failed');
  }
}

class Compiler {
  readonly instructions: Instruction[] = [];
  /** Of what is spelled out several times, the last one. */
  readonly stretches = new Map<RegexNode, Stretch>();
  readonly #groups: Groups;
  /** Whether a back reference is being spelled out. */
  #isFree = false;

  constructor(groups: Groups) {
    this.#groups = groups;
  }

  emit(node: RegexNode): void {
    const start = this.instructions.length;
    if (start > PROGRAM_MAX) throw invalid('regular expression is too complex');
    this.#spellOut(node);
    if (!this.#isFree) this.stretches.set(node, { start, stop: this.instructions.length });
  }

  #spellOut(node: RegexNode): void {
    const { instructions } = this;
    switch (node.kind) {
      case 'empty':
        return;
      case 'char':
        instructions.push({ op: 'char', test: node.test });
        return;
      case 'sequence':
        for (const part of node.parts) this.emit(part);
        return;
      case 'group':
        this.emit(node.node);
        return;
      case 'assert':
        if (!this.#isFree) instructions.push({ op: 'assert', test: node.test });
        return;
      case 'back': {
        const wasFree = this.#isFree;
        this.#isFree = true;
        this.emit(this.#groups.get(node.index)!);
        this.#isFree = wasFree;
        return;
      }
      case 'look': {
        if (this.#isFree) return;
        const program = new Program(node.node, this.#groups);
        instructions.push({ op: 'look', program, ahead: node.ahead, negative: node.negative });
        return;
      }
      case 'choice':
        this.#choice(node.branches);
        return;
      case 'repeat':
        this.#repeat(node);
        return;
      default:
        unreachable(node);
    }
  }

  #choice(branches: readonly RegexNode[]): void {
    const ends: { op: 'jump'; to: number }[] = [];
    for (const branch of branches.slice(0, -1)) {
      const split = this.#split();
      this.emit(branch);
      const end = { op: 'jump' as const, to: 0 };
      this.instructions.push(end);
      ends.push(end);
      split.second = this.instructions.length;
    }
    this.emit(branches.at(-1)!);
    for (const end of ends) end.to = this.instructions.length;
  }

  /** The round that must be comes last: its parentheses are those that are remembered. */
  #repeat({ node, min, max }: { readonly node: RegexNode; readonly min: number; readonly max: number }): void {
    if (min > 0) {
      this.#repeat({ node, min: min - 1, max: max - 1 });
      this.emit(node);
    } else if (max === Number.POSITIVE_INFINITY) {
      const start = this.instructions.length;
      const split = this.#split();
      this.emit(node);
      this.instructions.push({ op: 'jump', to: start });
      split.second = this.instructions.length;
    } else {
      const splits: { second: number }[] = [];
      for (let i = 0; i < max; i++) {
        splits.push(this.#split());
        this.emit(node);
      }
      for (const split of splits) split.second = this.instructions.length;
    }
  }

  #split(): { second: number } {
    const split = { op: 'split' as const, first: this.instructions.length + 1, second: 0 };
    this.instructions.push(split);
    return split;
  }
}

/** From where an end can be reached: a byte for each instruction at each place. */
export class Reach {
  readonly #start: number;
  readonly #length: number;
  readonly #begin: number;
  readonly #bytes: Uint8Array;

  constructor({ start, stop }: Stretch, begin: number, end: number) {
    this.#start = start;
    this.#length = stop - start + 1;
    this.#begin = begin;
    const bytes = this.#length * (end - begin + 1);
    if (bytes > REACH_BYTES_MAX) throw invalid('regular expression is too complex', 'regular expression failed');
    this.#bytes = new Uint8Array(bytes);
  }

  add(pc: number, at: number): void {
    this.#bytes[(at - this.#begin) * this.#length + pc - this.#start] = 1;
  }

  has(pc: number, at: number): boolean {
    return this.#bytes[(at - this.#begin) * this.#length + pc - this.#start] === 1;
  }
}

export class Program {
  /** Of the whole. */
  readonly whole: Stretch;
  readonly #instructions: readonly Instruction[];
  readonly #stretches: ReadonlyMap<RegexNode, Stretch>;
  /** When each instruction was last reached, counted in places. */
  readonly #reached: Float64Array;
  #places = 0;
  /** The instructions that lead to one without taking text. */
  #before: readonly (readonly number[])[] | undefined;

  /** @throws SqlError `invalid_regular_expression` when it is too long, spelled out. */
  constructor(node: RegexNode, groups: Groups) {
    const compiler = new Compiler(groups);
    compiler.emit(node);
    this.#instructions = compiler.instructions;
    this.#stretches = compiler.stretches;
    this.whole = { start: 0, stop: compiler.instructions.length };
    this.#reached = new Float64Array(compiler.instructions.length + 1);
  }

  stretchOf(node: RegexNode): Stretch {
    const stretch = this.#stretches.get(node);
    assert(stretch !== undefined, 'every part of a pattern is in its program');
    return stretch;
  }

  /**
   * Where a match of `part` from `begin` may end, not behind `last`, ascending; of a larger part that goes on behind it with
   * `reach`, only where that can.
   */
  ends(part: Stretch, search: Search, begin: number, last: number, reach?: Reach): readonly number[] {
    const found: number[] = [];
    this.#goOn(part, search, begin, last, found, reach, false);
    return found;
  }

  /** Whether a match begins at `begin`, wherever it ends. */
  beginsAt(search: Search, begin: number): boolean {
    const found: number[] = [];
    this.#goOn(this.whole, search, begin, search.text.length, found, undefined, true);
    return found.length > 0;
  }

  #goOn(
    part: Stretch,
    search: Search,
    begin: number,
    last: number,
    found: number[],
    reach: Reach | undefined,
    isFirst: boolean,
  ): void {
    const program = this.#instructions;
    const { text } = search;
    let threads: number[] = [];
    let next: number[] = [];
    const pending: number[] = [];
    const add = (list: number[], at: number, first: number): void => {
      pending.push(first);
      while (pending.length > 0) {
        const pc = pending.pop()!;
        if (this.#reached[pc] === this.#places) continue;
        this.#reached[pc] = this.#places;
        if (reach !== undefined && !reach.has(pc, at)) continue;
        if (pc === part.stop) {
          found.push(at);
          continue;
        }
        const instruction = program[pc]!;
        if (instruction.op === 'char') list.push(pc);
        else if (instruction.op === 'split') pending.push(instruction.second, instruction.first);
        else if (instruction.op === 'jump') pending.push(instruction.to);
        else if (holds(instruction, search, at)) pending.push(pc + 1);
      }
    };
    this.#places++;
    add(threads, begin, part.start);
    for (let at = begin; at < last && threads.length > 0 && !(isFirst && found.length > 0); at++) {
      search.spend(threads.length);
      this.#places++;
      for (const pc of threads) if (takes(program[pc]!, text[at]!)) add(next, at + 1, pc + 1);
      threads.length = 0;
      [threads, next] = [next, threads];
    }
  }

  /** From which instructions of `part`, at which places from `begin` on, the end of it can be reached at `end` exactly. */
  reach(part: Stretch, search: Search, begin: number, end: number): Reach {
    const reach = new Reach(part, begin, end);
    search.spend(STEPS_OF_REACH);
    this.#goBack(part, search, begin, end, reach);
    return reach;
  }

  /** Whether a match ends at `end`, wherever it began. */
  endsAt(search: Search, end: number): boolean {
    return this.#goBack(this.whole, search, 0, end, undefined);
  }

  /** Goes through all that leads to the end of `part`: fills in `reach`, or says whether its beginning is among it. */
  #goBack(part: Stretch, search: Search, begin: number, end: number, reach: Reach | undefined): boolean {
    const program = this.#instructions;
    this.#before ??= before(program);
    let threads: number[] = [];
    let next: number[] = [];
    const pending: number[] = [];
    let isFound = false;
    const add = (list: number[], at: number, reached: number): void => {
      pending.push(reached);
      while (pending.length > 0) {
        const pc = pending.pop()!;
        if (this.#reached[pc] === this.#places) continue;
        this.#reached[pc] = this.#places;
        if (reach !== undefined) reach.add(pc, at);
        else if (pc === part.start) isFound = true;
        if (pc > part.start && program[pc - 1]!.op === 'char') list.push(pc - 1);
        for (const previous of this.#before![pc]!) {
          if (previous < part.start || previous >= part.stop) continue;
          const instruction = program[previous]!;
          const isPassed = instruction.op === 'split' || instruction.op === 'jump' || holds(instruction, search, at);
          if (isPassed) pending.push(previous);
        }
      }
    };
    this.#places++;
    add(threads, end, part.stop);
    for (let at = end - 1; at >= begin && threads.length > 0 && !isFound; at--) {
      search.spend(threads.length);
      this.#places++;
      for (const pc of threads) if (takes(program[pc]!, search.text[at]!)) add(next, at, pc);
      threads.length = 0;
      [threads, next] = [next, threads];
    }
    return isFound;
  }

  /** The leftmost match at or behind `from`, the longest or the shortest from there. */
  span(search: Search, from: number, isShort: boolean): readonly [number, number] | undefined {
    const program = this.#instructions;
    const { text } = search;
    // Each thread remembers where its match began; the leftmost begun wins.
    let starts = new Int32Array(program.length + 1).fill(-1);
    let nextStarts = new Int32Array(program.length + 1).fill(-1);
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
        const instruction = program[pc];
        if (instruction === undefined) {
          const isBetter =
            best === undefined || start < best[0] || (start === best[0] && (isShort ? at < best[1] : at > best[1]));
          if (isBetter) best = [start, at];
        } else if (instruction.op === 'split') pending.push(instruction.second, instruction.first);
        else if (instruction.op === 'jump') pending.push(instruction.to);
        else if (instruction.op !== 'char' && holds(instruction, search, at)) pending.push(pc + 1);
      }
    };
    for (let at = from; at <= text.length; at++) {
      if (best === undefined) add(threads, starts, 0, at, at);
      if (threads.length === 0 && best !== undefined) break;
      if (at === text.length) break;
      const code = text[at]!;
      for (const pc of threads) {
        const instruction = program[pc];
        const start = starts[pc]!;
        starts[pc] = -1;
        if (instruction?.op !== 'char') continue;
        if (best !== undefined && (start > best[0] || (start === best[0] && isShort))) continue;
        if (instruction.test(code)) add(nextThreads, nextStarts, pc + 1, start, at + 1);
      }
      threads.length = 0;
      [threads, nextThreads] = [nextThreads, threads];
      [starts, nextStarts] = [nextStarts, starts];
    }
    return best;
  }
}

function takes(instruction: Instruction, code: number): boolean {
  assert(instruction.op === 'char', 'only characters wait for text');
  return instruction.test(code);
}

function holds(instruction: Instruction, search: Search, at: number): boolean {
  if (instruction.op === 'assert') return instruction.test(search.text, at);
  assert(instruction.op === 'look', 'a constraint is about a character or about what is around');
  const { program, ahead, negative } = instruction;
  const found = ahead ? program.beginsAt(search, at) : program.endsAt(search, at);
  return found !== negative;
}

function before(program: readonly Instruction[]): number[][] {
  const lists: number[][] = Array.from({ length: program.length + 1 }, () => []);
  for (const [pc, instruction] of program.entries()) {
    if (instruction.op === 'split') lists[instruction.first]!.push(pc);
    if (instruction.op === 'split') lists[instruction.second]!.push(pc);
    if (instruction.op === 'jump') lists[instruction.to]!.push(pc);
    if (instruction.op === 'assert' || instruction.op === 'look') lists[pc + 1]!.push(pc);
  }
  return lists;
}
