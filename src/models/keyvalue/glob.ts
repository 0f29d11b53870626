/**
 * Glob patterns as Redis matches them (KEYS, SCAN, CONFIG GET): `*`, `?`, `[a-z]`, `[^x]`, and `\` before a literal byte.
 *
 * A pattern is compiled once and matched without recursion: a mismatch returns to the latest `*` only, which is enough
 * because an earlier one could take no less. So a match costs at most pattern times text, and a bound on the steps keeps
 * a hostile pair from holding the event loop (CVE-2022-36021 was an exponential walk over many stars).
 *
 * Source: `stringmatchlen` of Redis 7, whose treatment of unfinished classes and of empty texts is kept.
 */

import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const CLOSE = 93;
const BACKSLASH = 92;
const CARET = 94;
const DASH = 45;

/** Steps of one match; a pattern of a hundred bytes over a key of sixty thousand stays below. */
const STEPS_MAX = 8_000_000;

/** What stands for one byte of the text: the byte itself, anything, or a set of 256 flags. A star stands for any run. */
type Token = number | 'any' | 'star' | Uint8Array;

export interface GlobOptions {
  /** ASCII letters match in either case. */
  readonly ignoreCase?: boolean;
}

export class Glob {
  /** The bytes that every match begins with. */
  readonly literalPrefix: Bytes;
  /** The pattern is exactly `*`. */
  readonly matchesAll: boolean;
  /** Steps of all matches so far: what a walk looks at to give the event loop back in time. */
  steps = 0;
  readonly #tokens: readonly Token[];
  readonly #ignoreCase: boolean;

  constructor(pattern: Bytes, { ignoreCase = false }: GlobOptions = {}) {
    this.#ignoreCase = ignoreCase;
    this.matchesAll = pattern.length === 1 && pattern[0] === STAR;
    const tokens: Token[] = [];
    let at = 0;
    while (at < pattern.length) {
      const byte = pattern[at]!;
      if (byte === STAR) {
        if (tokens[tokens.length - 1] !== 'star') tokens.push('star');
        at++;
      } else if (byte === QUESTION) {
        tokens.push('any');
        at++;
      } else if (byte === OPEN) {
        const set = new Uint8Array(256);
        at = readClass(pattern, at + 1, set, ignoreCase);
        tokens.push(set);
      } else {
        if (byte === BACKSLASH && at + 1 < pattern.length) at++;
        tokens.push(ignoreCase ? lower(pattern[at]!) : pattern[at]!);
        at++;
      }
    }
    this.#tokens = tokens;
    const literals: number[] = [];
    for (const token of tokens) {
      if (typeof token !== 'number') break;
      literals.push(token);
    }
    this.literalPrefix = Uint8Array.from(literals);
  }

  /** @throws OperationError `too_large` for a pattern that needs too many steps on this text. */
  matches(text: Bytes): boolean {
    if (this.matchesAll) return true;
    const tokens = this.#tokens;
    if (text.length === 0) return tokens.length === 0;
    let token = 0;
    let at = 0;
    let starToken = -1;
    let starAt = 0;
    let steps = 0;
    while (at < text.length) {
      this.steps++;
      if (++steps > STEPS_MAX) {
        throw new OperationError('too_large', 'the pattern needs too many steps to be matched');
      }
      const expected = tokens[token];
      if (expected === 'star') {
        starToken = token++;
        starAt = at;
        if (token === tokens.length) return true;
      } else if (expected !== undefined && this.#accepts(expected, text[at]!)) {
        token++;
        at++;
      } else if (starToken >= 0) {
        token = starToken + 1;
        at = ++starAt;
      } else {
        return false;
      }
    }
    while (tokens[token] === 'star') token++;
    return token === tokens.length;
  }

  #accepts(expected: Token, byte: number): boolean {
    if (expected === 'any') return true;
    if (typeof expected === 'number') return expected === (this.#ignoreCase ? lower(byte) : byte);
    return (expected as Uint8Array)[byte] === 1;
  }
}

/** Whether `text`, read as Latin-1, matches a pattern in any case: for names of parameters and commands. */
export function nameGlob(pattern: string): (name: string) => boolean {
  const glob = new Glob(Buffer.from(pattern, 'latin1'), { ignoreCase: true });
  return (name) => glob.matches(Buffer.from(name, 'latin1'));
}

/** Fills the set of a class that begins behind its bracket. @returns the place behind the class. */
function readClass(pattern: Bytes, start: number, set: Uint8Array, ignoreCase: boolean): number {
  let at = start;
  const negated = pattern[at] === CARET;
  if (negated) at++;
  const add = (byte: number): void => {
    set[byte] = 1;
    if (!ignoreCase) return;
    const text = String.fromCharCode(byte);
    if (byte < 128) for (const other of [text.toLowerCase(), text.toUpperCase()]) set[other.charCodeAt(0)] = 1;
  };
  for (;;) {
    const byte = pattern[at];
    if (byte === undefined) break; // A class without its end reaches to the end of the pattern.
    if (byte === BACKSLASH && at + 1 < pattern.length) {
      add(pattern[at + 1]!);
      at += 2;
    } else if (byte === CLOSE) {
      at++;
      break;
    } else if (at + 2 < pattern.length && pattern[at + 1] === DASH) {
      const [first, last] = [byte, pattern[at + 2]!];
      for (let member = Math.min(first, last); member <= Math.max(first, last); member++) add(member);
      at += 3;
    } else {
      add(byte);
      at++;
    }
  }
  if (negated) for (let i = 0; i < 256; i++) set[i] = set[i] === 1 ? 0 : 1;
  return at;
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
