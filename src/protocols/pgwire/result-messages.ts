/**
 * The results of statements as messages: a sink that a session pushes them into.
 *
 * Rows are gathered to some size, then written as fast as the client takes them, others having their turn in between. A row
 * that is large by itself leaves piece by piece; whatever comes next, an error too, waits for its end. An error drops what was
 * not sent yet of the batch before it.
 *
 * One for each connection, which reads nothing meanwhile: one batch at a time is being sent.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import { messageOf, OperationError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { FieldReader } from '../../models/relational/field-reader.ts';
import type { RowBatch, StoredEntries } from '../../query/sql/operators/operator.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { FieldFormat } from '../../query/sql/portal.ts';
import type { BinaryRows, ClosableCopySource, Notice, ResultSink } from '../../query/sql/results.ts';
import type { SessionParameters } from '../../query/sql/session-parameters.ts';
import { SqlError } from '../../query/sql/sql-error.ts';
import { PackedEntries } from '../../storage/packed-entries.ts';
import type { Entry } from '../../storage/store.ts';
import * as message from './backend-messages.ts';
import type { ClientOutput } from './client-output.ts';
import { TextFields, writeField } from './field-format.ts';
import { keptRows } from './kept-rows.ts';
import { holdsLarge, isOfAnySize, LARGE_FIELD_BYTES, LargeRow } from './large-row.ts';
import type { MessageWriter } from './message-writer.ts';

/** Of V8, on machines of 64 bits. */
const STRING_CHARS_MAX = 0x1fff_ffe8;

/** What it needs of its connection. */
export interface ResultChannel {
  readonly output: ClientOutput;
  readonly log: Log;
  isClosed(): boolean;
  yield(): Promise<void>;
  /** Reads the client's messages for a statement that takes its data from there, once it was told to send. */
  copyIn(): Awaitable<ClosableCopySource>;
  /** A message that has begun to leave cannot be ended. */
  fail(error: unknown): void;
}

export class ResultMessages implements ResultSink {
  /** Of the rows that are being sent; none is text. */
  formats: readonly FieldFormat[] = [];
  readonly #channel: ResultChannel;
  readonly #output: ClientOutput;
  readonly #writer: MessageWriter;
  readonly #parameters: SessionParameters;
  readonly #textFields: TextFields;
  /** The batch whose rest waits to be written; an error drops it. */
  #unsent: object | undefined;
  /** A message of which the first bytes have left: whatever comes next waits for its end. */
  #partial: Promise<void> | undefined;

  /** @param parameters Of the session whose results these are. */
  constructor(channel: ResultChannel, parameters: SessionParameters) {
    this.#channel = channel;
    this.#output = channel.output;
    this.#writer = channel.output.writer;
    this.#parameters = parameters;
    this.#textFields = new TextFields(this.#writer);
  }

  // --- What a session tells

  /** Of a query that was sent as text. */
  columns(columns: readonly ResultColumn[], formats: readonly FieldFormat[] = []): void {
    this.formats = formats;
    message.rowDescription(this.#writer, columns, formats);
  }

  rows(columns: readonly ResultColumn[], rows: RowBatch): Awaitable<void> {
    return this.#rows('D', columns, this.formats, rows, 0);
  }

  /** In the binary format values have to be made. */
  get takesStoredRows(): boolean {
    return this.formats.every((format) => format === 'text');
  }

  storedRows(columns: readonly ResultColumn[], entries: StoredEntries, fields: FieldReader): Awaitable<void> {
    return this.#stored(columns, entries, fields, 0);
  }

  complete(tag: string): void {
    message.commandComplete(this.#writer, tag);
  }

  empty(): void {
    message.bare(this.#writer, 'I');
  }

  notice(notice: Notice): void {
    const least = this.#parameters.value('client_min_messages');
    if (least === 'error' || (least === 'warning' && notice.severity === 'NOTICE')) return;
    message.notice(this.#writer, notice);
  }

  copyIn(columns: number, format: FieldFormat): Awaitable<ClosableCopySource> {
    message.copyInResponse(this.#writer, columns, format);
    return this.#channel.copyIn();
  }

  copyOut(columns: number, format: FieldFormat): void {
    message.copyOutResponse(this.#writer, columns, format);
  }

  copyLines(lines: readonly string[]): Awaitable<void> {
    return this.#lines(lines, 0);
  }

  copyBinary(part: 'header' | 'trailer' | BinaryRows): Awaitable<void> {
    if (part === 'header') message.copyHeader(this.#writer);
    else if (part === 'trailer') message.copyTrailer(this.#writer);
    else return this.#rows('d', part.columns, [], part.rows, 0);
    return this.#flushIfFull();
  }

  copyDone(): void {
    message.bare(this.#writer, 'c');
  }

  // --- Errors

  /** The statement failed: what was not sent of its rows is not wanted any more. */
  error(thrown: unknown): void {
    this.#unsent = undefined;
    const error = isTooLong(thrown) ? valueTooLong(thrown) : thrown;
    if (!(error instanceof OperationError)) {
      this.#channel.log.error(
        { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
        'a statement failed for a reason of ours',
      );
    }
    message.errorResponse(this.#writer, 'ERROR', error);
  }

  /** Whether a message is half sent. */
  get isWithin(): boolean {
    return this.#partial !== undefined;
  }

  /** Does `work` once no message is half sent. */
  between(work: () => void): Awaitable<void> {
    return this.#partial === undefined ? work() : this.#partial.then(work);
  }

  // --- Rows

  /** Rows as messages of a result, or of COPY in the binary format, from the one at `from` on. */
  #rows(
    type: 'D' | 'd',
    columns: readonly ResultColumn[],
    formats: readonly FieldFormat[],
    rows: RowBatch,
    from: number,
  ): Awaitable<void> {
    const style = this.#parameters.style;
    const otherwise = type === 'D' ? 'text' : 'binary';
    const writer = this.#writer;
    const mayBeLarge = columns.some((column) => isOfAnySize(column.type));
    try {
      for (let at = from; at < rows.length; at++) {
        if (at > from && writer.length >= this.#output.bytesMax) {
          return this.#sendPart(rows, () => this.#rows(type, columns, formats, rows, at));
        }
        const row = rows[at]!;
        if (mayBeLarge && holdsLarge(row)) {
          const fields = new LargeRow(columns, style);
          for (let i = 0; i < columns.length; i++) fields.add(i, formats[i] ?? otherwise, row[i]!);
          return this.#sendLarge(type, fields, rows, () => this.#rows(type, columns, formats, rows, at + 1));
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
    return this.#flushIfFull();
  }

  /** As `#rows`, of entries that are written as they are stored, in the text format. */
  #stored(
    columns: readonly ResultColumn[],
    entries: StoredEntries,
    fields: FieldReader,
    from: number,
  ): Awaitable<void> {
    const writer = this.#writer;
    const packed = entries instanceof PackedEntries ? entries : undefined;
    const kept = packed === undefined || from > 0 ? undefined : keptRows(packed, columns, fields, this.#parameters);
    if (kept !== undefined) {
      writer.bytes(kept);
      return this.#flushIfFull();
    }
    const sink = this.#textFields;
    sink.begin(columns, this.#parameters.style);
    const count = packed === undefined ? (entries as readonly Entry[]).length : packed.count;
    try {
      for (let at = from; at < count; at++) {
        if (at > from && writer.length >= this.#output.bytesMax) {
          return this.#sendPart(entries, () => this.#stored(columns, entries, fields, at));
        }
        const large = this.#largeEntry(columns, entries, at, fields);
        if (large !== undefined) {
          return this.#sendLarge('D', large, entries, () => this.#stored(columns, entries, fields, at + 1));
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
    return this.#flushIfFull();
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
      const row = new LargeRow(columns, this.#parameters.style);
      fields.write(row, bytes, offsets[place]!, bytes, offsets[place + 1]!, offsets[place + 2]!);
      return row;
    }
    const { key, value } = entries[at]!;
    if (value.length <= LARGE_FIELD_BYTES) return undefined;
    const row = new LargeRow(columns, this.#parameters.style);
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
      (error: unknown) => this.#channel.fail(error),
    );
    this.#partial = sent;
    return sent.then(() => (this.#unsent === batch && !this.#channel.isClosed() ? rest() : undefined));
  }

  async #sendPieces(pieces: Iterator<void, void>): Promise<void> {
    while (!this.#channel.isClosed() && pieces.next().done !== true) {
      if (this.#writer.length < this.#output.bytesMax) continue;
      const flushed = this.#output.flush();
      await (isPromise(flushed) ? flushed : this.#channel.yield());
    }
  }

  /** Writes what was gathered of `batch`, and lets others have their turn before `rest` of it: rows may be large. */
  #sendPart(batch: object, rest: () => Awaitable<void>): Promise<void> {
    this.#unsent = batch;
    const flushed = this.#output.flush();
    const sent = isPromise(flushed) ? flushed : this.#channel.yield();
    return sent.then(() => (this.#unsent === batch && !this.#channel.isClosed() ? rest() : undefined));
  }

  /** As `#rows`, of lines of COPY. */
  #lines(lines: readonly string[], from: number): Awaitable<void> {
    for (let at = from; at < lines.length; at++) {
      if (at > from && this.#writer.length >= this.#output.bytesMax) {
        return this.#sendPart(lines, () => this.#lines(lines, at));
      }
      message.copyData(this.#writer, lines[at]!);
    }
    return this.#flushIfFull();
  }

  #flushIfFull(): Awaitable<void> {
    return this.#writer.length >= this.#output.bytesMax ? this.#output.flush() : undefined;
  }
}

/** Whether a text would have been longer than V8 can have it. */
function isTooLong(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return error.message === 'Invalid string length' || ('code' in error && error.code === 'ERR_STRING_TOO_LONG');
}

function valueTooLong(cause: Error): SqlError {
  return new SqlError('program_limit_exceeded', `a text exceeds the limit of ${STRING_CHARS_MAX} characters`, {
    cause,
  });
}
