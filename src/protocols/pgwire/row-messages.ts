/**
 * The rows of results as messages: gathered to some size, then written as fast as the client takes them, others having their turn
 * in between. A row that is large by itself leaves piece by piece; whatever comes next waits for its end.
 *
 * One for each connection, which reads nothing meanwhile: one batch at a time is being sent.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import type { FieldReader } from '../../models/relational/field-reader.ts';
import type { RowBatch, StoredEntries } from '../../query/sql/operators/operator.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { FieldFormat } from '../../query/sql/portal.ts';
import type { TextStyle } from '../../query/sql/types/timestamptz.ts';
import { PackedEntries } from '../../storage/packed-entries.ts';
import type { Entry } from '../../storage/store.ts';
import * as message from './backend-messages.ts';
import { TextFields, writeField } from './field-format.ts';
import { holdsLarge, isOfAnySize, LARGE_FIELD_BYTES, LargeRow } from './large-row.ts';
import type { MessageWriter } from './message-writer.ts';

/** What it needs of its connection. */
export interface RowOutput {
  readonly writer: MessageWriter;
  /** Gathered bytes from which on they are written. */
  readonly bytesMax: number;
  style(): TextStyle;
  isClosed(): boolean;
  /** Writes what was gathered; a promise while the client has to be waited for. */
  flush(): Awaitable<void>;
  yield(): Promise<void>;
  /** A message that has begun to leave cannot be ended. */
  fail(error: unknown): void;
}

export class RowMessages {
  /** Of the rows that are being sent; none is text. */
  formats: readonly FieldFormat[] = [];
  readonly #to: RowOutput;
  readonly #writer: MessageWriter;
  readonly #textFields: TextFields;
  /** The batch whose rest waits to be written; an error drops it. */
  #unsent: object | undefined;
  /** A message of which the first bytes have left: whatever comes next waits for its end. */
  #partial: Promise<void> | undefined;

  constructor(to: RowOutput) {
    this.#to = to;
    this.#writer = to.writer;
    this.#textFields = new TextFields(to.writer);
  }

  /** Whether a message is half sent. */
  get isWithin(): boolean {
    return this.#partial !== undefined;
  }

  /** What was not sent of the batch is not wanted any more. */
  drop(): void {
    this.#unsent = undefined;
  }

  /** Rows as messages of a result, or of COPY in the binary format, from the one at `from` on. */
  rows(
    type: 'D' | 'd',
    columns: readonly ResultColumn[],
    formats: readonly FieldFormat[],
    rows: RowBatch,
    from: number,
  ): Awaitable<void> {
    const style = this.#to.style();
    const otherwise = type === 'D' ? 'text' : 'binary';
    const writer = this.#writer;
    const mayBeLarge = columns.some((column) => isOfAnySize(column.type));
    try {
      for (let at = from; at < rows.length; at++) {
        if (at > from && writer.length >= this.#to.bytesMax) {
          return this.#sendPart(rows, () => this.rows(type, columns, formats, rows, at));
        }
        const row = rows[at]!;
        if (mayBeLarge && holdsLarge(row)) {
          const fields = new LargeRow(columns, style);
          for (let i = 0; i < columns.length; i++) fields.add(i, formats[i] ?? otherwise, row[i]!);
          return this.#sendLarge(type, fields, rows, () => this.rows(type, columns, formats, rows, at + 1));
        }
        writer.begin(type).int16(columns.length);
        for (let i = 0; i < columns.length; i++) {
          writeField(writer, columns[i]!.type, formats[i] ?? otherwise, row[i]!, style);
        }
        writer.end();
      }
    } catch (error) {
      writer.abandon();
      throw error;
    }
    return writer.length >= this.#to.bytesMax ? this.#to.flush() : undefined;
  }

  /** As `rows`, of entries that are written as they are stored, in the text format. */
  stored(columns: readonly ResultColumn[], entries: StoredEntries, fields: FieldReader, from: number): Awaitable<void> {
    const writer = this.#writer;
    const sink = this.#textFields;
    sink.begin(columns, this.#to.style());
    const packed = entries instanceof PackedEntries ? entries : undefined;
    const count = packed === undefined ? (entries as readonly Entry[]).length : packed.count;
    try {
      for (let at = from; at < count; at++) {
        if (at > from && writer.length >= this.#to.bytesMax) {
          return this.#sendPart(entries, () => this.stored(columns, entries, fields, at));
        }
        const large = this.#largeEntry(columns, entries, at, fields);
        if (large !== undefined) {
          return this.#sendLarge('D', large, entries, () => this.stored(columns, entries, fields, at + 1));
        }
        writer.begin('D').int16(columns.length);
        if (packed !== undefined) {
          const { bytes, offsets } = packed;
          const place = (packed.from + at) * 2;
          fields.write(sink, bytes, offsets[place]!, bytes, offsets[place + 1]!, offsets[place + 2]!);
        } else {
          const { key, value } = (entries as readonly Entry[])[at]!;
          fields.write(sink, key, 0, value, 0, value.length);
        }
        writer.end();
      }
    } catch (error) {
      writer.abandon();
      throw error;
    }
    return writer.length >= this.#to.bytesMax ? this.#to.flush() : undefined;
  }

  /** A row that is sent by itself; undefined for most. */
  #largeEntry(
    columns: readonly ResultColumn[],
    entries: StoredEntries,
    at: number,
    fields: FieldReader,
  ): LargeRow | undefined {
    if (entries instanceof PackedEntries) {
      const { bytes, offsets, from } = entries;
      const place = (from + at) * 2;
      if (offsets[place + 2]! - offsets[place + 1]! <= LARGE_FIELD_BYTES) return undefined;
      const row = new LargeRow(columns, this.#to.style());
      fields.write(row, bytes, offsets[place]!, bytes, offsets[place + 1]!, offsets[place + 2]!);
      return row;
    }
    const { key, value } = entries[at]!;
    if (value.length <= LARGE_FIELD_BYTES) return undefined;
    const row = new LargeRow(columns, this.#to.style());
    fields.write(row, key, 0, value, 0, value.length);
    return row;
  }

  /** Sends one row piece by piece, as fast as the client takes it, and then the `rest` of its batch. */
  #sendLarge(type: 'D' | 'd', row: LargeRow, batch: object, rest: () => Awaitable<void>): Promise<void> {
    this.#unsent = batch;
    const pieces = row.write(this.#writer, type);
    const sent = this.#sendPieces(pieces).then(
      () => {
        this.#partial = undefined;
      },
      (error: unknown) => this.#to.fail(error),
    );
    this.#partial = sent;
    return sent.then(() => (this.#unsent === batch && !this.#to.isClosed() ? rest() : undefined));
  }

  async #sendPieces(pieces: Iterator<void, void>): Promise<void> {
    while (!this.#to.isClosed() && pieces.next().done !== true) {
      if (this.#writer.length < this.#to.bytesMax) continue;
      const flushed = this.#to.flush();
      await (isPromise(flushed) ? flushed : this.#to.yield());
    }
  }

  /** Writes what was gathered of `batch`, and lets others have their turn before `rest` of it: rows may be large. */
  #sendPart(batch: object, rest: () => Awaitable<void>): Promise<void> {
    this.#unsent = batch;
    const flushed = this.#to.flush();
    const sent = isPromise(flushed) ? flushed : this.#to.yield();
    return sent.then(() => (this.#unsent === batch && !this.#to.isClosed() ? rest() : undefined));
  }

  /** As `rows`, of lines of COPY. */
  lines(lines: readonly string[], from: number): Awaitable<void> {
    for (let at = from; at < lines.length; at++) {
      if (at > from && this.#writer.length >= this.#to.bytesMax) {
        return this.#sendPart(lines, () => this.lines(lines, at));
      }
      message.copyData(this.#writer, lines[at]!);
    }
    return this.#writer.length >= this.#to.bytesMax ? this.#to.flush() : undefined;
  }

  /** Does `work` once no message is half sent. */
  between(work: () => void): Awaitable<void> {
    return this.#partial === undefined ? work() : this.#partial.then(work);
  }
}
