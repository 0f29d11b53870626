/** Rows as COPY … TO writes them, in the text and the CSV format (PostgreSQL 15, "COPY", File Formats; its copyto.c). */

import type { CopyFormat } from '../copy/copy-text.ts';
import type { ExecutionRow } from '../operators/operator.ts';
import type { ResultColumn } from '../planner/plan.ts';
import { formatText } from '../types/text-form.ts';
import type { TextStyle } from '../types/timestamptz.ts';
import type { SqlType } from '../types/types.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

export class CopyWriter {
  readonly #format: CopyFormat;
  readonly #types: readonly SqlType[];
  readonly #forced: readonly boolean[];
  readonly #special: RegExp;
  readonly #style: TextStyle;

  /** @param forced Columns that are quoted whatever they hold. */
  constructor(format: CopyFormat, columns: readonly ResultColumn[], forced: readonly boolean[], style: TextStyle) {
    this.#format = format;
    this.#types = columns.map(({ type }) => type);
    this.#forced = forced;
    this.#style = style;
    const { delimiter, quote } = format;
    this.#special = format.csv
      ? new RegExp(`[${[delimiter, quote].map(escapedForClass).join('')}\\n\\r]`)
      : new RegExp(`[\\b\\f\\n\\r\\t\\v\\\\${escapedForClass(delimiter)}]`, 'g');
  }

  /** A row with its line's end. */
  line(row: ExecutionRow): string {
    const { delimiter, nullText } = this.#format;
    let line = '';
    for (let i = 0; i < this.#types.length; i++) {
      if (i > 0) line += delimiter;
      const value = row[i]!;
      if (value === null) line += nullText;
      else line += this.#field(formatText(this.#types[i]!, value, this.#style), this.#forced[i] === true);
    }
    return `${line}\n`;
  }

  header(names: readonly string[]): string {
    return `${names.map((name) => this.#field(name, false)).join(this.#format.delimiter)}\n`;
  }

  #field(text: string, forced: boolean): string {
    const { csv, quote, escape: escaping, nullText } = this.#format;
    if (!csv) {
      if (text.search(this.#special) < 0) return text;
      return text.replace(this.#special, (character) => ESCAPES[character] ?? `\\${character}`);
    }
    const isMark = text === '\\.' && this.#types.length === 1;
    if (!forced && text !== nullText && !isMark && !this.#special.test(text)) return text;
    let quoted = quote;
    for (const character of text)
      quoted += character === quote || character === escaping ? escaping + character : character;
    return quoted + quote;
  }
}

function escapedForClass(character: string): string {
  return /[\\\]^-]/.test(character) ? `\\${character}` : character;
}
