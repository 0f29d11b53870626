/** The rows that a client sends for COPY … FROM STDIN, as values of their columns' types, in the order of the client. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { Column } from '../../../models/relational/table.ts';
import type { CopyFormat, CopyLine } from '../copy/copy-text.ts';
import { SqlError } from '../sql-error.ts';
import { applyModifier } from '../types/modifiers.ts';
import { parseText } from '../types/text-form.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import { domainCheckOf, type SqlType, type SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

/** The client's side of a COPY: pieces of data, cut anywhere. */
export interface CopySource {
  /** Bytes that are the caller's; undefined at the end. Rejects with `query_canceled` when the client gave up. */
  next(): Awaitable<Bytes | undefined>;
  /** A value in its binary form. @throws SqlError. */
  decode(type: SqlType, bytes: Buffer, time: TimeContext): SqlValue;
}

/** Cuts data into lines of fields. */
export interface CopyReader {
  /** The lines that `chunk` completes. @throws SqlError. */
  take(chunk: Bytes): CopyLine[];
  /** What is left at the end. */
  finish(): CopyLine[];
}

const SHOWN_CHARACTERS_MAX = 100;

export class CopyRows implements Operator {
  readonly #source: CopySource;
  readonly #reader: CopyReader;
  readonly #table: string;
  readonly #columns: readonly Column[];
  readonly #context: ExecutionContext;
  readonly #forceNull: readonly boolean[] | undefined;
  readonly #forceNotNull: readonly boolean[] | undefined;
  readonly #nullText: string;
  /** Those of the batch that was given last. */
  #lines: readonly CopyLine[] = [];
  /** What is to be done with the first line, until it has come. */
  #header: CopyFormat['header'];
  #done = false;

  /** @param columns One for each field of a line. */
  constructor(
    source: CopySource,
    reader: CopyReader,
    target: {
      readonly table: string;
      readonly columns: readonly Column[];
      readonly format: Pick<CopyFormat, 'header' | 'forceNull' | 'forceNotNull' | 'nullText'>;
    },
    context: ExecutionContext,
  ) {
    this.#source = source;
    this.#reader = reader;
    this.#table = target.table;
    this.#columns = target.columns;
    this.#context = context;
    const { header, forceNull, forceNotNull, nullText } = target.format;
    this.#header = header;
    this.#nullText = nullText;
    const has = (names: readonly string[]) => target.columns.map(({ name }) => names.includes(name));
    this.#forceNull = forceNull.length === 0 ? undefined : has(forceNull);
    this.#forceNotNull = forceNotNull.length === 0 ? undefined : has(forceNotNull);
  }

  next(): Awaitable<RowBatch | undefined> {
    while (!this.#done) {
      const chunk = this.#source.next();
      if (isPromise(chunk)) return chunk.then((late) => this.#late(late));
      const rows = this.#rows(chunk);
      if (rows.length > 0) return rows;
    }
    return undefined;
  }

  close(): void {
    this.#done = true;
  }

  #late(chunk: Bytes | undefined): Awaitable<RowBatch | undefined> {
    const rows = this.#rows(chunk);
    return rows.length > 0 ? rows : this.next();
  }

  #rows(chunk: Bytes | undefined): RowBatch {
    if (chunk === undefined) this.#done = true;
    const lines = chunk === undefined ? this.#reader.finish() : this.#reader.take(chunk);
    if (this.#header !== false && lines.length > 0) this.#readHeader(lines.shift()!);
    this.#lines = lines;
    return lines.map((line) => this.#row(line));
  }

  /** Where a row of the batch that was given last comes from; with its text while it is looked at by itself. */
  placeOf(row: number, withText: boolean): string | undefined {
    const line = this.#lines[row];
    if (line === undefined) return undefined;
    return withText ? this.#place(line) : `COPY ${this.#table}, line ${line.number}`;
  }

  #readHeader(line: CopyLine): void {
    const { fields = [] } = line;
    const isNames = this.#header === 'match';
    this.#header = false;
    if (!isNames) return;
    const where = this.#place(line);
    if (fields.length !== this.#columns.length) {
      const message = `wrong number of fields in header line: got ${fields.length}, expected ${this.#columns.length}`;
      throw new SqlError('bad_copy_file_format', message, { where });
    }
    for (let i = 0; i < fields.length; i++) {
      const { name } = this.#columns[i]!;
      if (fields[i] === name) continue;
      const got = fields[i] === null ? `got null value ("${this.#nullText}")` : `got "${fields[i]}"`;
      const message = `column name mismatch in header line field ${i + 1}: ${got}, expected "${name}"`;
      throw new SqlError('bad_copy_file_format', message, { where });
    }
  }

  #place({ number, text }: CopyLine): string {
    return `COPY ${this.#table}, line ${number}: "${shownText(text)}"`;
  }

  #row(line: CopyLine): ExecutionRow {
    const { number, fields, isCorrupt } = line;
    if (isCorrupt === true) {
      const where = `COPY ${this.#table}, line ${number}`;
      throw new SqlError('bad_copy_file_format', 'end-of-copy marker corrupt', { where });
    }
    if (fields === undefined) {
      throw new SqlError('bad_copy_file_format', 'unterminated CSV quoted field', { where: this.#place(line) });
    }
    const columns = this.#columns;
    const row: ExecutionRow = new Array(columns.length);
    for (let i = 0; i < columns.length; i++) {
      const { name, type, modifier } = columns[i]!;
      let field = fields[i];
      if (field === null && this.#forceNotNull?.[i] === true) field = this.#nullText;
      else if (field === this.#nullText && this.#forceNull?.[i] === true) field = null;
      if (field === undefined) {
        throw new SqlError('bad_copy_file_format', `missing data for column "${name}"`, { where: this.#place(line) });
      }
      try {
        if (field === null) {
          domainCheckOf(type)?.(null, this.#context);
          row[i] = null;
          continue;
        }
        row[i] = applyModifier(type, modifier, parseText(type, field, this.#context), false);
      } catch (error) {
        if (error instanceof SqlError) {
          const shown = field === null ? 'null input' : `"${shownText(field)}"`;
          error.where ??= `COPY ${this.#table}, line ${number}, column ${name}: ${shown}`;
        }
        throw error;
      }
    }
    if (fields.length > columns.length) {
      throw new SqlError('bad_copy_file_format', 'extra data after last expected column', {
        where: this.#place(line),
      });
    }
    return row;
  }
}

function shownText(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
}
