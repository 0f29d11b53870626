/**
 * The CSV format of COPY (PostgreSQL 15, "COPY", CSV Format): fields between delimiters, in quotes where they hold a
 * delimiter, a quote or a line's end. Cuts bytes into rows of texts, however the client split them; delimiter, quote and
 * escape are single bytes, so no character of UTF-8 is mistaken for one.
 */

import type { Bytes } from '../../../base/bytes.ts';
import { type CopyBounds, CopyRest } from './copy-rest.ts';
import { type CopyLine, requireUtf8 } from './copy-text.ts';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const END_OF_DATA = '\\.';

export interface CsvOptions extends CopyBounds {
  readonly delimiter: string;
  readonly nullText: string;
  readonly quote: string;
  readonly escape: string;
}

export class CopyCsvReader {
  readonly #options: CsvOptions;
  readonly #quote: number;
  /** -1 where it is the quote itself. */
  readonly #escape: number;
  readonly #rest: CopyRest;
  /** How much of the rest has been looked at, and in which state that ended. */
  #scanned = 0;
  #inQuote = false;
  #escaped = false;
  #lines = 0;
  #ended = false;

  constructor(options: CsvOptions) {
    this.#options = options;
    this.#rest = new CopyRest(options);
    this.#quote = options.quote.charCodeAt(0);
    this.#escape = options.escape === options.quote ? -1 : options.escape.charCodeAt(0);
  }

  /** The rows that `chunk` completes. What comes behind the end-of-data mark is left out. @throws SqlError. */
  take(chunk: Bytes): CopyLine[] {
    const rows: CopyLine[] = [];
    const bytes = this.#rest.join(chunk);
    let start = 0;
    for (let i = this.#scanned; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (this.#inQuote && byte === this.#escape) this.#escaped = !this.#escaped;
      if (byte === this.#quote && !this.#escaped) this.#inQuote = !this.#inQuote;
      if (byte !== this.#escape) this.#escaped = false;
      if (byte !== NEWLINE) continue;
      if (this.#inQuote) {
        // As PostgreSQL counts: what ends a line is known from the first row on.
        if (this.#lines > 0) this.#lines++;
        continue;
      }
      this.#row(bytes, start, i, rows);
      start = i + 1;
    }
    this.#rest.keep(bytes, start);
    this.#scanned = bytes.length - start;
    return rows;
  }

  /** The last row, when no line's end followed it. */
  finish(): CopyLine[] {
    const rows: CopyLine[] = [];
    const { bytes } = this.#rest;
    if (bytes.length > 0) this.#row(bytes, 0, bytes.length, rows);
    this.#rest.keep(bytes, bytes.length);
    return rows;
  }

  #row(bytes: Buffer, start: number, newline: number, rows: CopyLine[]): void {
    if (this.#ended) return;
    const end = newline > start && bytes[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
    const text = bytes.utf8Slice(start, end);
    if (text.includes('\ufffd') || text.includes('\0')) requireUtf8(bytes.subarray(start, end));
    if (text === END_OF_DATA) {
      this.#ended = true;
      return;
    }
    rows.push({ number: ++this.#lines, text, fields: this.#fields(text) });
  }

  #fields(text: string): (string | null)[] | undefined {
    const { delimiter, quote, escape: escaping, nullText } = this.#options;
    if (!text.includes(quote)) return text.split(delimiter).map((field) => (field === nullText ? null : field));
    const fields: (string | null)[] = [];
    let field = '';
    let quoted = false;
    for (let i = 0; ; ) {
      // Outside of quotes.
      while (i < text.length && text[i] !== quote && text[i] !== delimiter) field += text[i++];
      if (i >= text.length || text[i] === delimiter) {
        fields.push(!quoted && field === nullText ? null : field);
        field = '';
        quoted = false;
        if (i++ >= text.length) return fields;
        continue;
      }
      quoted = true;
      for (i++; ; i++) {
        if (i >= text.length) return undefined;
        const character = text[i]!;
        const next = text[i + 1];
        if (character === escaping && (next === escaping || next === quote)) {
          field += next;
          i++;
        } else if (character === quote) {
          i++;
          break;
        } else field += character;
      }
    }
  }
}
