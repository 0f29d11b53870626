/**
 * LIKE and ILIKE: `%` any characters, `_` one, a backslash the next one literally. After PostgreSQL's like_match.c.
 */

import { SqlError } from '../sql-error.ts';

/** A pattern of plain text and `%` only, as the texts between them. The last one that was asked for: mostly it is always the same. */
let known: { readonly pattern: string; readonly pieces: readonly string[] | undefined } = { pattern: '', pieces: [''] };

/** Undefined for a pattern that is more than plain text and `%`. */
export function likePieces(pattern: string): readonly string[] | undefined {
  if (known.pattern !== pattern) known = { pattern, pieces: /[_\\]/.test(pattern) ? undefined : pattern.split('%') };
  return known.pieces;
}

/** Each piece is looked for behind the one before; the first begins the text, the last ends it. */
function hasPieces(text: string, pieces: readonly string[]): boolean {
  const [first] = pieces;
  const last = pieces.length - 1;
  if (last === 0) return text === first;
  if (!text.startsWith(first!)) return false;
  let at = first!.length;
  for (let i = 1; i < last; i++) {
    const found = text.indexOf(pieces[i]!, at);
    if (found < 0) return false;
    at = found + pieces[i]!.length;
  }
  return text.length - pieces[last]!.length >= at && text.endsWith(pieces[last]!);
}

/** Linear in text for each `%`: no pattern can make it exponential. */
export function like(text: string, pattern: string): boolean {
  const pieces = likePieces(pattern);
  if (pieces !== undefined) return hasPieces(text, pieces);
  const subject = [...text];
  const parts = parsePattern(pattern);
  let s = 0;
  let p = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (s < subject.length) {
    const part = parts[p];
    if (part === BROKEN) {
      throw new SqlError('invalid_text_representation', 'LIKE pattern must not end with escape character');
    }
    if (part === ANY) {
      starAt = p++;
      resumeAt = s;
    } else if (part !== undefined && (part === ONE || part === subject[s])) {
      p++;
      s++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      s = ++resumeAt;
    } else {
      return false;
    }
  }
  while (parts[p] === ANY) p++;
  return p === parts.length;
}

const ANY = Symbol('%');
const ONE = Symbol('_');
/** An escape with nothing behind it: an error where text is left to compare it with, as in PostgreSQL. */
const BROKEN = Symbol('\\');

function parsePattern(pattern: string): readonly (string | symbol)[] {
  const parts: (string | symbol)[] = [];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === '%') parts.push(ANY);
    else if (character === '_') parts.push(ONE);
    else if (character === '\\') {
      const next = characters[++i];
      parts.push(next ?? BROKEN);
    } else parts.push(character);
  }
  return parts;
}
