/**
 * The text format of COPY (PostgreSQL 15, "COPY", File Formats): a row per line, fields between tabs, `\N` for null, and
 * backslashes before whatever would be mistaken. Cuts bytes into rows of texts, however the client split them.
 */

import type { Bytes } from '../../../base/bytes.ts';
import { SqlError } from '../sql-error.ts';
import { type CopyBounds, CopyRest } from './copy-rest.ts';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BACKSLASH = 0x5c;
const END_OF_DATA = '\\.';

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** What the options of COPY come to. */
export interface CopyFormat {
  /** In which case the rest means nothing. */
  readonly binary: boolean;
  readonly csv: boolean;
  readonly delimiter: string;
  readonly nullText: string;
  readonly header: boolean | 'match';
  readonly quote: string;
  readonly escape: string;
  /** Names of columns; `*` for all. */
  readonly forceQuote: readonly string[] | '*';
  readonly forceNotNull: readonly string[];
  readonly forceNull: readonly string[];
}

export interface CopyLine {
  /** From 1. */
  readonly number: number;
  /** As it came, for messages. */
  readonly text: string;
  /** Undefined for a line that ends within quotes. */
  readonly fields: readonly (string | null)[] | undefined;
  /** The mark of the end of the data stands in it, and something behind that. */
  readonly isCorrupt?: boolean;
}

export class CopyTextReader {
  readonly #delimiter: string;
  readonly #nullText: string;
  readonly #rest: CopyRest;
  /** How much of the rest is known to hold no line's end. */
  #scanned = 0;
  #lines = 0;
  #ended = false;

  constructor(options: CopyBounds & { readonly delimiter: string; readonly nullText: string }) {
    this.#delimiter = options.delimiter;
    this.#nullText = options.nullText;
    this.#rest = new CopyRest(options);
  }

  /** The lines that `chunk` completes. What comes behind the end-of-data mark is left out. @throws SqlError. */
  take(chunk: Bytes): CopyLine[] {
    const lines: CopyLine[] = [];
    const bytes = this.#rest.join(chunk);
    let start = 0;
    for (let from = this.#scanned; ; ) {
      const newline = bytes.indexOf(NEWLINE, from);
      if (newline < 0) break;
      from = newline + 1;
      if (isEscaped(bytes, start, newline)) continue;
      this.#line(bytes, start, newline, lines);
      start = from;
    }
    this.#rest.keep(bytes, start);
    this.#scanned = bytes.length - start;
    return lines;
  }

  /** The last line, when no newline ended it. */
  finish(): CopyLine[] {
    const lines: CopyLine[] = [];
    const { bytes } = this.#rest;
    if (bytes.length > 0) this.#line(bytes, 0, bytes.length, lines);
    this.#rest.keep(bytes, bytes.length);
    return lines;
  }

  #line(bytes: Buffer, start: number, newline: number, lines: CopyLine[]): void {
    if (this.#ended) return;
    const end = newline > start && bytes[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
    const text = bytes.utf8Slice(start, end);
    if (text.includes('\ufffd')) requireUtf8(bytes.subarray(start, end));
    const mark = text.includes(END_OF_DATA) ? endOfData(text) : -1;
    if (mark >= 0) {
      const number = ++this.#lines;
      const isCorrupt = mark + END_OF_DATA.length < text.length;
      const rest = text.slice(0, mark);
      if (isCorrupt) lines.push({ number, text, fields: undefined, isCorrupt });
      else if (mark > 0) lines.push({ number, text: rest, fields: this.#fields(rest) });
      this.#ended = true;
      return;
    }
    lines.push({ number: ++this.#lines, text, fields: this.#fields(text) });
  }

  #fields(line: string): (string | null)[] {
    const raw = line.includes('\\') ? splitUnescaped(line, this.#delimiter) : line.split(this.#delimiter);
    const fields: (string | null)[] = raw;
    for (let i = 0; i < raw.length; i++) {
      const field = raw[i]!;
      if (field === this.#nullText) fields[i] = null;
      else if (field.includes('\\')) fields[i] = unescaped(field);
    }
    return fields;
  }
}

function isEscaped(bytes: Buffer, start: number, at: number): boolean {
  let backslashes = 0;
  while (at - 1 - backslashes >= start && bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

/** Where the mark of the end of the data stands, which need not be alone in its line; -1 where its backslash is another one's. */
function endOfData(text: string): number {
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', at + 2)) if (text[at + 1] === '.') return at;
  return -1;
}

/** Looks only at delimiters and backslashes: fields may be long. */
function splitUnescaped(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let start = 0;
  let backslash = line.indexOf('\\');
  let end = line.indexOf(delimiter);
  while (end >= 0) {
    if (backslash < 0 || end < backslash) {
      fields.push(line.slice(start, end));
      start = end + 1;
      end = line.indexOf(delimiter, start);
    } else {
      const next = backslash + 2;
      if (end < next) end = line.indexOf(delimiter, next);
      backslash = line.indexOf('\\', next);
    }
  }
  fields.push(line.slice(start));
  return fields;
}

function unescaped(field: string): string {
  // Bytes in hexadecimal, as COPY TO writes them.
  if (field.startsWith('\\\\') && !field.includes('\\', 2)) return field.slice(1);
  if (/\\(?:[0-7]|x[0-9a-fA-F])/.test(field)) return unescapeBytes(field);
  return field.replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character);
}

/** With `\ooo` and `\xhh`, which are bytes of the encoding, not characters. */
function unescapeBytes(field: string): string {
  const parts: Buffer[] = [];
  for (const [piece] of field.matchAll(/\\[0-7]{1,3}|\\x[0-9a-fA-F]{1,2}|\\.|[^\\]+|\\/gs)) {
    if (/^\\[0-7]/.test(piece)) parts.push(Buffer.from([Number.parseInt(piece.slice(1), 8) & 0xff]));
    else if (/^\\x./.test(piece)) parts.push(Buffer.from([Number.parseInt(piece.slice(2), 16)]));
    else parts.push(Buffer.from(piece.length === 2 && piece[0] === '\\' ? (ESCAPES[piece[1]!] ?? piece[1]!) : piece));
  }
  const bytes = Buffer.concat(parts);
  requireUtf8(bytes);
  return bytes.utf8Slice(0, bytes.length);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function requireUtf8(bytes: Buffer): void {
  try {
    if (!decoder.decode(bytes).includes('\0')) return;
  } catch (error) {
    throw new SqlError('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8"', { cause: error });
  }
  throw new SqlError('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8": 0x00');
}
