/** The rows that a client sends for COPY … FROM STDIN, as values of their columns' types, in the order of the client. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { Column } from '../../../models/relational/table.ts';
import type { CopyLine, CopyTextReader } from '../copy-text.ts';
import { SqlError } from '../sql-error.ts';
import { applyModifier } from '../types/cast.ts';
import { parseText } from '../types/text-form.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

/** The client's side of a COPY: pieces of data, cut anywhere. */
export interface CopySource {
  /** Bytes that are the caller's; undefined at the end. Rejects with `query_canceled` when the client gave up. */
  next(): Awaitable<Bytes | undefined>;
}

const SHOWN_CHARACTERS_MAX = 100;

export class CopyRows implements Operator {
  readonly #source: CopySource;
  readonly #reader: CopyTextReader;
  readonly #table: string;
  readonly #columns: readonly Column[];
  readonly #context: ExecutionContext;
  #done = false;

  /** @param columns One for each field of a line. */
  constructor(
    source: CopySource,
    reader: CopyTextReader,
    target: { readonly table: string; readonly columns: readonly Column[] },
    context: ExecutionContext,
  ) {
    this.#source = source;
    this.#reader = reader;
    this.#table = target.table;
    this.#columns = target.columns;
    this.#context = context;
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
    return lines.map((line) => this.#row(line));
  }

  #row({ number, fields }: CopyLine): ExecutionRow {
    const columns = this.#columns;
    const row: ExecutionRow = new Array(columns.length);
    for (let i = 0; i < columns.length; i++) {
      const { name, type, modifier } = columns[i]!;
      const field = fields[i];
      if (field === undefined) {
        throw new SqlError('bad_copy_file_format', `missing data for column "${name}"`, {
          where: `COPY ${this.#table}, line ${number}`,
        });
      }
      if (field === null) {
        row[i] = null;
        continue;
      }
      try {
        row[i] = applyModifier(type, modifier, parseText(type, field, this.#context), false);
      } catch (error) {
        if (error instanceof SqlError) {
          error.where ??= `COPY ${this.#table}, line ${number}, column ${name}: "${field.slice(0, SHOWN_CHARACTERS_MAX)}"`;
        }
        throw error;
      }
    }
    if (fields.length > columns.length) {
      throw new SqlError('bad_copy_file_format', 'extra data after last expected column', {
        where: `COPY ${this.#table}, line ${number}`,
      });
    }
    return row;
  }
}
