/** The rows that a client sends for COPY … FROM STDIN in the binary format. The text formats are in copy-rows.ts. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Bytes } from '../../../base/bytes.ts';
import type { Column } from '../../../models/relational/table.ts';
import type { BinaryFields, CopyBinaryReader } from '../copy/copy-binary.ts';
import { SqlError } from '../sql-error.ts';
import { applyModifier } from '../types/modifiers.ts';
import { domainCheckOf } from '../types/types.ts';
import type { CopySource } from './copy-rows.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export class CopyBinaryRows implements Operator {
  readonly #source: CopySource;
  readonly #reader: CopyBinaryReader;
  readonly #columns: readonly Column[];
  readonly #context: ExecutionContext;
  #rows = 0;
  /** Of the batch that was given last. */
  #batchRows = 0;
  #done = false;

  /** @param columns One for each field of a row. */
  constructor(source: CopySource, reader: CopyBinaryReader, columns: readonly Column[], context: ExecutionContext) {
    this.#source = source;
    this.#reader = reader;
    this.#columns = columns;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    while (!this.#done) {
      const chunk = this.#source.next();
      if (isPromise(chunk)) return chunk.then((late) => this.#late(late));
      const rows = this.#take(chunk);
      if (rows.length > 0) return rows;
    }
    return undefined;
  }

  close(): void {
    this.#done = true;
  }

  /** Where a row of the batch that was given last comes from. */
  placeOf(row: number): string {
    return this.#reader.place(undefined, this.#rows - this.#batchRows + row + 1);
  }

  #late(chunk: Bytes | undefined): Awaitable<RowBatch | undefined> {
    const rows = this.#take(chunk);
    return rows.length > 0 ? rows : this.next();
  }

  #take(chunk: Bytes | undefined): RowBatch {
    if (chunk !== undefined) {
      const rows = this.#reader.take(chunk).map((fields) => this.#row(fields));
      this.#batchRows = rows.length;
      return rows;
    }
    this.#done = true;
    this.#reader.finish();
    return [];
  }

  #row(fields: BinaryFields): ExecutionRow {
    this.#rows++;
    const columns = this.#columns;
    const row: ExecutionRow = new Array(columns.length);
    for (let i = 0; i < columns.length; i++) {
      const { name, type, modifier } = columns[i]!;
      const field = fields[i]!;
      try {
        if (field === null) {
          domainCheckOf(type)?.(null, this.#context);
          row[i] = null;
          continue;
        }
        row[i] = applyModifier(type, modifier, this.#source.decode(type, field, this.#context), false);
      } catch (error) {
        if (error instanceof SqlError) error.where ??= this.#reader.place(name, this.#rows);
        throw error;
      }
    }
    return row;
  }
}
