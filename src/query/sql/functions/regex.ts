/**
 * POSIX regular expressions as PostgreSQL understands them (manual, 9.7.3: advanced regular expressions), in bounded time.
 *
 * A pattern becomes a program (regex-program.ts), which finds the leftmost match of the length that the expression prefers. What
 * the parentheses matched is then found by parting that match (regex-parts.ts). Back references are looked at while parting, so
 * that an expression with them is tried at one place after another; it gives up after a number of steps.
 *
 * Left out: collating elements of several characters.
 */

import { Dissection } from './regex-parts.ts';
import { Program, Search } from './regex-program.ts';
import { type RegexFlags, RegexParser } from './regex-syntax.ts';

/** Places of the whole match and of each group, as characters; -1 for a group that took no part. */
export type Match = readonly number[];

export class Regex {
  readonly groups: number;
  readonly #program: Program;
  readonly #dissection: Dissection;
  readonly #hasBack: boolean;

  /** @throws SqlError `invalid_regular_expression`. */
  constructor(pattern: string, flags: RegexFlags) {
    const parser = new RegexParser(pattern, flags);
    const node = parser.parse();
    this.groups = parser.groups.size;
    this.#program = new Program(node, parser.groups);
    this.#dissection = new Dissection(node, this.#program, parser.ignoresCase);
    this.#hasBack = parser.hasBack;
  }

  /** The first match at or behind `from`. @param text As code points. */
  find(text: readonly number[], from: number, wantsGroups: boolean): Match | undefined {
    const search = new Search(text);
    const isShort = this.#dissection.prefersShorter;
    let span = this.#program.span(search, from, isShort);
    if (!this.#hasBack) {
      if (span === undefined || !wantsGroups || this.groups === 0) return span;
      return this.#dissection.match(search, span[0], span[1], this.groups);
    }
    while (span !== undefined) {
      const [begin] = span;
      const ends = this.#program.ends(this.#program.whole, search, begin, text.length);
      for (const end of isShort ? ends : ends.toReversed()) {
        const match = this.#dissection.match(search, begin, end, this.groups);
        if (match !== undefined) return match;
      }
      span = this.#program.span(search, begin + 1, isShort);
    }
    return undefined;
  }

  test(text: readonly number[]): boolean {
    return this.find(text, 0, false) !== undefined;
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
