/**
 * What the parentheses of a regular expression match, once it is known where the whole of it does. The whole is parted again and
 * again: of two expressions one behind the other, the first takes as much as it can while the second still reaches the end, or
 * as little when it prefers that; of a repeated one, each round does. Which it prefers is told by the manual (9.7.3.5): an
 * expression prefers what the first quantified atom in it prefers, one of several branches the longest. Expressions between which
 * there is nothing to decide (no parentheses, no back references, one preference only) stay one part.
 *
 * Only a back reference can make a way fail that the programs of the parts allow; then the next place to part is tried.
 */

import type { Program, Reach, Search, Stretch } from './regex-program.ts';
import type { Preference, RegexNode } from './regex-syntax.ts';

export interface Part {
  readonly shape: 'plain' | 'back' | 'pair' | 'choice' | 'rounds';
  readonly stretch: Stretch;
  readonly traits: Traits;
  /** The numbers of the parentheses right around it. */
  readonly captures: readonly number[];
  readonly children: readonly Part[];
  /** Of `back`: the parentheses meant. */
  readonly index: number;
  /** Of `back` and `rounds`. */
  readonly min: number;
  readonly max: number;
}

interface Traits {
  readonly prefers: Preference | undefined;
  /** Whether something in it prefers otherwise than something else. */
  readonly isMixed: boolean;
  readonly captures: boolean;
  readonly hasBack: boolean;
}

const INDIFFERENT: Traits = { prefers: undefined, isMixed: false, captures: false, hasBack: false };

/** Of two together: the first preference is that of the whole. */
function combined(a: Traits, b: Traits): Traits {
  return {
    prefers: a.prefers ?? b.prefers,
    isMixed: a.isMixed || b.isMixed || (a.prefers !== undefined && b.prefers !== undefined && a.prefers !== b.prefers),
    captures: a.captures || b.captures,
    hasBack: a.hasBack || b.hasBack,
  };
}

function isDivided({ isMixed, captures, hasBack }: Traits): boolean {
  return isMixed || captures || hasBack;
}

/** Parts an expression whose program it is. */
class Parting {
  readonly #program: Program;

  constructor(program: Program) {
    this.#program = program;
  }

  part(node: RegexNode): Part {
    if (node.kind !== 'choice') return this.#branch(node.kind === 'sequence' ? node.parts : [node]);
    const branches = node.branches.map((branch) => this.part(branch));
    const traits = branches.map((branch) => branch.traits).reduce(combined, { ...INDIFFERENT, prefers: 'longer' });
    const stretch = this.#program.stretchOf(node);
    return isDivided(traits) ? part('choice', stretch, traits, branches) : part('plain', stretch, traits);
  }

  #branch(nodes: readonly RegexNode[]): Part {
    let traits = INDIFFERENT;
    for (const [i, node] of nodes.entries()) {
      if (isSimple(node) || (node.kind === 'repeat' && node.max === 0)) continue;
      const next = node.kind === 'repeat' ? this.#repeat(node) : this.#atom(node);
      const together = combined(traits, next.traits);
      if (!isDivided(together)) {
        traits = together;
        continue;
      }
      const prefix = i === 0 ? undefined : part('plain', this.#stretch(nodes.slice(0, i)), traits);
      if (i === nodes.length - 1) return prefix === undefined ? next : pair(prefix, next);
      const rest = this.#branch(nodes.slice(i + 1));
      if (prefix === undefined) return pair(next, rest);
      // What clashed with the prefix alone may be one with what follows.
      const both = pair(next, rest);
      const isPlain = next.shape === 'plain' && rest.shape === 'plain' && !isDivided(both.traits);
      return pair(prefix, isPlain ? part('plain', both.stretch, both.traits) : both);
    }
    return part('plain', this.#stretch(nodes), traits);
  }

  #stretch(nodes: readonly RegexNode[]): Stretch {
    const [first, last] = [nodes[0], nodes.at(-1)];
    if (first === undefined || last === undefined) return { start: 0, stop: 0 };
    return { start: this.#program.stretchOf(first).start, stop: this.#program.stretchOf(last).stop };
  }

  #atom(node: RegexNode): Part {
    if (node.kind === 'group') {
      const inner = this.part(node.node);
      const traits = { ...inner.traits, captures: true };
      return { ...inner, traits, captures: [...inner.captures, node.index] };
    }
    if (node.kind !== 'back') return this.part(node);
    const traits = { ...INDIFFERENT, hasBack: true };
    return { ...part('back', this.#program.stretchOf(node), traits), index: node.index };
  }

  #repeat(node: Extract<RegexNode, { kind: 'repeat' }>): Part {
    const { min, max, prefers } = node;
    const stretch = this.#program.stretchOf(node);
    const inner = isSimple(node.node) ? part('plain', stretch, INDIFFERENT) : this.#atom(node.node);
    const traits = combined({ ...INDIFFERENT, prefers }, inner.traits);
    if (node.node.kind === 'back') return { ...inner, stretch, traits, min, max };
    const agrees = !inner.traits.isMixed && (inner.traits.prefers ?? prefers) === prefers;
    if (min === 1 && max === 1 && (prefers === undefined || agrees)) return { ...inner, traits };
    if (!inner.traits.captures && !inner.traits.hasBack) return part('plain', stretch, traits);
    if (min === 0 || inner.traits.hasBack) return { ...part('rounds', stretch, traits, [inner]), min, max };
    // Only the last round is remembered: those before it are one part.
    const earlier = { start: stretch.start, stop: inner.stretch.start };
    const first = part('plain', earlier, { ...INDIFFERENT, prefers: traits.prefers });
    return part('pair', stretch, traits, [first, inner]);
  }
}

function isSimple({ kind }: RegexNode): boolean {
  return kind === 'empty' || kind === 'char' || kind === 'assert' || kind === 'look';
}

function part(shape: Part['shape'], stretch: Stretch, traits: Traits, children: readonly Part[] = []): Part {
  return { shape, stretch, traits, captures: [], children, index: 0, min: 1, max: 1 };
}

function pair(first: Part, second: Part): Part {
  const stretch = { start: first.stretch.start, stop: second.stretch.stop };
  return part('pair', stretch, combined(first.traits, second.traits), [first, second]);
}

/** Finds what the parentheses of an expression match, for any number of matches of it. */
export class Dissection {
  readonly #program: Program;
  readonly #whole: Part;
  readonly #ignoreCase: boolean;

  constructor(node: RegexNode, program: Program, ignoreCase: boolean) {
    this.#program = program;
    this.#whole = new Parting(program).part(node);
    this.#ignoreCase = ignoreCase;
  }

  get prefersShorter(): boolean {
    return isShort(this.#whole);
  }

  /**
   * Where the parentheses match when the whole does so from `begin` to `end`, which its program must allow: begin and end for
   * each number, -1 without a match. Undefined when back references forbid it.
   */
  match(search: Search, begin: number, end: number, groups: number): readonly number[] | undefined {
    const slots = new Array<number>(groups * 2 + 2).fill(-1);
    slots[0] = begin;
    slots[1] = end;
    return this.#fill(this.#whole, search, begin, end, slots) ? slots : undefined;
  }

  /**
   * The slots of parentheses without a match, and all of them within `part` when it is false, stay -1. `reach` is that of a
   * part around it which ends where it does.
   */
  #fill(part: Part, search: Search, begin: number, end: number, slots: number[], reach?: Reach): boolean {
    search.spend(1);
    if (!this.#inside(part, search, begin, end, slots, reach)) return false;
    for (const index of part.captures) {
      slots[index * 2] = begin;
      slots[index * 2 + 1] = end;
    }
    return true;
  }

  #inside(part: Part, search: Search, begin: number, end: number, slots: number[], around?: Reach): boolean {
    if (part.shape === 'plain') return true;
    if (part.shape === 'back') return this.#repetitions(part, search, begin, end, slots).includes(end);
    const reach = around ?? this.#program.reach(part.stretch, search, begin, end);
    if (part.shape === 'pair') return this.#pair(part, search, begin, end, slots, reach);
    if (part.shape === 'rounds') return this.#rounds(part, search, begin, end, slots, reach);
    return part.children.some(
      (branch) => reach.has(branch.stretch.start, begin) && this.#fill(branch, search, begin, end, slots, reach),
    );
  }

  #pair(part: Part, search: Search, begin: number, end: number, slots: number[], reach: Reach): boolean {
    const [first, second] = part.children as readonly [Part, Part];
    const ends =
      first.shape === 'back'
        ? this.#repetitions(first, search, begin, end, slots).filter((at) => reach.has(first.stretch.stop, at))
        : this.#program.ends(first.stretch, search, begin, end, reach);
    for (let i = 0; i < ends.length; i++) {
      const middle = ends[isShort(first) ? i : ends.length - 1 - i]!;
      if (!this.#fill(first, search, begin, middle, slots)) continue;
      if (this.#fill(second, search, middle, end, slots, reach)) return true;
      clear(first, slots);
    }
    return false;
  }

  /** Where a back reference from `begin` may end, ascending. */
  #repetitions(part: Part, search: Search, begin: number, end: number, slots: readonly number[]): readonly number[] {
    const from = slots[part.index * 2]!;
    if (from < 0) return [];
    const length = slots[part.index * 2 + 1]! - from;
    if (length === 0) return [begin];
    const ends = part.min === 0 ? [begin] : [];
    for (let count = 1; count <= part.max && begin + count * length <= end; count++) {
      for (let at = begin + (count - 1) * length, i = from; i < from + length; at++, i++) {
        if (!this.#isSame(search.text[at]!, search.text[i]!)) return ends;
      }
      search.spend(length);
      if (count >= part.min) ends.push(begin + count * length);
    }
    return ends;
  }

  #isSame(a: number, b: number): boolean {
    if (a === b || !this.#ignoreCase) return a === b;
    return String.fromCodePoint(a).toLowerCase() === String.fromCodePoint(b).toLowerCase();
  }

  /** A round takes no text only where that is needed for the least number of rounds. */
  #rounds(part: Part, search: Search, begin: number, end: number, slots: number[], around: Reach): boolean {
    const child = part.children[0]!;
    if (isShort(child) && part.min === 0 && begin === end) return true;
    const min = Math.max(part.min, 1);
    const max = Math.max(Math.min(part.max, end - begin), min);
    // Any number of rounds is one loop: from where it can go on, so can they.
    const reach = part.min === 0 && part.max === Number.POSITIVE_INFINITY ? around : undefined;
    const ends = [begin];
    const choices: number[][] = [];
    const choose = (round: number): void => {
      const from = ends[round - 1]!;
      const mayBeEmpty = round < min && min - round >= end - from;
      const choice = this.#program
        .ends(child.stretch, search, from, end, reach)
        .filter((to) => to === end || (round < max && (to > from || mayBeEmpty)));
      // The last one is taken first.
      choices[round] = isShort(child) ? choice.reverse() : choice;
    };
    let verified = 0;
    let round = 1;
    choose(round);
    while (round > 0) {
      const to = choices[round]!.pop();
      verified = Math.min(verified, round - 1);
      if (to === undefined) {
        round--;
        continue;
      }
      ends[round] = to;
      if (to !== end) {
        round++;
        choose(round);
        continue;
      }
      if (round < min) continue;
      let last = verified + 1;
      for (; last <= round; last++) {
        clear(child, slots);
        if (!this.#fill(child, search, ends[last - 1]!, ends[last]!, slots)) break;
        verified = last;
      }
      if (last > round) return true;
      round = last;
    }
    clear(child, slots);
    return part.min === 0 && begin === end;
  }
}

function isShort(part: Part): boolean {
  return part.traits.prefers === 'shorter';
}

function clear(part: Part, slots: number[]): void {
  for (const index of part.captures) slots[index * 2] = slots[index * 2 + 1] = -1;
  if (part.traits.captures) for (const child of part.children) clear(child, slots);
}
