/** How results leave a session: pushed into a sink as they come, or gathered for callers that want them whole. */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import type { FieldReader } from '../../models/relational/field-reader.ts';
import type { CopySource } from './operators/copy-rows.ts';
import type { RowBatch, StoredEntries } from './operators/operator.ts';
import type { ResultColumn } from './planner/plan.ts';
import type { FieldFormat } from './portal.ts';
import { notSupported } from './sql-error.ts';
import type { SqlValue } from './types/types.ts';

/** A message that is no error, by PostgreSQL's severities. */
export interface Notice {
  readonly severity: 'WARNING' | 'NOTICE';
  readonly condition:
    | 'active_sql_transaction'
    | 'invalid_grant_operation'
    | 'no_active_sql_transaction'
    | 'duplicate_schema'
    | 'invalid_parameter_value'
    | 'duplicate_object'
    | 'duplicate_table'
    | 'successful_completion';
  readonly message: string;
  readonly detail?: string;
}

/** Receives one statement after another: `columns` (if it has any), `rows` any number of times, then `complete`. */
export interface ResultSink {
  /** @param formats How the values are to leave; missing: as they do anyway. */
  columns(columns: readonly ResultColumn[], formats?: readonly FieldFormat[]): void;
  /** The rows are the sink's. A promise asks for no more rows until it settles. */
  rows(columns: readonly ResultColumn[], rows: RowBatch): Awaitable<void>;
  /** Whether rows may come by `storedRows`, now that the columns are known. */
  readonly takesStoredRows?: boolean;
  /** As `rows`, of rows as they are stored, whose columns `fields` writes out. */
  storedRows?(columns: readonly ResultColumn[], entries: StoredEntries, fields: FieldReader): Awaitable<void>;
  /** @param tag Like `INSERT 0 3`. */
  complete(tag: string): void;
  /** The query string held no statement. */
  empty(): void;
  notice(notice: Notice): void;
  /** Asks for the data of COPY … FROM STDIN, `columns` fields a line; missing where nobody could send it. */
  copyIn?(columns: number, format: FieldFormat): Awaitable<ClosableCopySource>;
  /** Tells of data that comes for COPY … TO STDOUT; missing where nobody could take it. */
  copyOut?(columns: number, format: FieldFormat): void;
  /** Lines of that data, each with its end. A promise asks for no more until it settles. */
  copyLines?(lines: readonly string[]): Awaitable<void>;
  /** Rows of that data in the binary format, between its header and its trailer. */
  copyBinary?(part: 'header' | 'trailer' | BinaryRows): Awaitable<void>;
  copyDone?(): void;
}

export interface BinaryRows {
  readonly columns: readonly ResultColumn[];
  readonly rows: RowBatch;
}

export interface ClosableCopySource extends CopySource {
  /** Whatever still comes is not wanted. */
  close(): void;
}

export interface StatementResult {
  readonly tag: string;
  /** Undefined for statements without rows. */
  readonly columns: readonly ResultColumn[] | undefined;
  readonly rows: readonly (readonly SqlValue[])[];
}

/** Keeps everything, up to a number of rows. */
export class GatheringSink implements ResultSink {
  readonly results: StatementResult[] = [];
  readonly notices: Notice[] = [];
  #columns: readonly ResultColumn[] | undefined;
  #rows: (readonly SqlValue[])[] = [];

  columns(columns: readonly ResultColumn[]): void {
    this.#columns = columns;
  }

  rows(_: readonly ResultColumn[], rows: RowBatch): void {
    for (const row of rows) this.#rows.push(row);
  }

  complete(tag: string): void {
    this.results.push({ tag, columns: this.#columns, rows: this.#rows });
    this.#columns = undefined;
    this.#rows = [];
  }

  empty(): void {}

  notice(notice: Notice): void {
    this.notices.push(notice);
  }
}

/** What statements that are not planned answer with. */
export type UtilitySink = Pick<
  ResultSink,
  'columns' | 'rows' | 'complete' | 'notice' | 'copyIn' | 'copyOut' | 'copyLines' | 'copyBinary' | 'copyDone'
>;

/** Commits an implicit transaction between a utility statement's work and the report of its success. */
export class CommitBeforeComplete implements UtilitySink {
  readonly #sink: ResultSink;
  readonly #commit: () => Awaitable<void>;
  #tag: string | undefined;

  constructor(sink: ResultSink, commit: () => Awaitable<void>) {
    this.#sink = sink;
    this.#commit = commit;
  }

  columns(columns: readonly ResultColumn[], formats?: readonly FieldFormat[]): void {
    this.#sink.columns(columns, formats);
  }

  rows(columns: readonly ResultColumn[], rows: RowBatch): Awaitable<void> {
    return this.#sink.rows(columns, rows);
  }

  notice(notice: Parameters<ResultSink['notice']>[0]): void {
    this.#sink.notice(notice);
  }

  /** @throws SqlError `feature_not_supported`. */
  copyIn(columns: number, format: FieldFormat): Awaitable<ClosableCopySource> {
    if (this.#sink.copyIn === undefined) throw notSupported('COPY FROM STDIN here');
    return this.#sink.copyIn(columns, format);
  }

  /** @throws SqlError `feature_not_supported`. */
  copyOut(columns: number, format: FieldFormat): void {
    if (this.#sink.copyOut === undefined) throw notSupported('COPY TO STDOUT here');
    this.#sink.copyOut(columns, format);
  }

  copyLines(lines: readonly string[]): Awaitable<void> {
    return this.#sink.copyLines?.(lines);
  }

  copyBinary(part: 'header' | 'trailer' | BinaryRows): Awaitable<void> {
    return this.#sink.copyBinary?.(part);
  }

  copyDone(): void {
    this.#sink.copyDone?.();
  }

  complete(tag: string): void {
    this.#tag = tag;
  }

  finish(): Awaitable<void> {
    return whenReady(this.#commit(), () => {
      if (this.#tag !== undefined) this.#sink.complete(this.#tag);
    });
  }
}
