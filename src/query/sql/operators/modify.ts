/**
 * INSERT, UPDATE and DELETE: gives all rows of the input to a writer, then yields what RETURNING asks for.
 *
 * The whole statement has happened before the first row of RETURNING leaves, as in PostgreSQL; those rows are kept, in
 * files where memory ends. An input whose rows could be met again after they were written (a key that moves
 * forward under the scan, a query over the table it inserts into) is read to its end first, unless the statement is frozen:
 * functions that it calls may want to see what it has written so far.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { drain } from './drain.ts';
import { Singly } from './later.ts';
import type { ExecutionContext, ExecutionRow, ModifyingOperator, Operator, RowBatch } from './operator.ts';
import { RowStore, type RowStoreReader } from './row-store.ts';

export interface RowWriter {
  /** Writes the batch. @returns the rows that RETURNING speaks of, one per affected row. */
  write(batch: RowBatch): Awaitable<RowBatch>;
  /** After the last batch: what the statement as a whole must meet. */
  finish?(): Awaitable<void>;
}

/** What RETURNING asks for. */
export interface Returning {
  /** Computes it of a row that was written. */
  readonly row: (row: ExecutionRow, context: ExecutionContext) => Awaitable<ExecutionRow>;
  /** Whether that does something, and so has to be done before the next row is written. */
  readonly singly: boolean;
}

export class Modify implements ModifyingOperator {
  affected = 0;
  readonly #input: Operator;
  readonly #writer: RowWriter;
  readonly #returning: Returning | undefined;
  readonly #readFirst: boolean;
  readonly #context: ExecutionContext;
  /** Rows of RETURNING. */
  readonly #results: RowStore | undefined;
  #reader: RowStoreReader | undefined;
  #written = false;

  constructor(
    input: Operator,
    writer: RowWriter,
    options: { readonly returning: Returning | undefined; readonly readFirst: boolean },
    context: ExecutionContext,
  ) {
    this.#input = input;
    this.#writer = writer;
    this.#returning = options.returning;
    this.#readFirst = options.readFirst;
    this.#context = context;
    this.#results = options.returning && new RowStore('RETURNING', context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#written) return this.#reader?.next();
    this.#written = true;
    const done = this.#readFirst && !this.#context.isFrozen ? this.#readAllThenWrite() : this.#write(this.#input);
    const written = this.#writer.finish === undefined ? done : whenReady(done, () => this.#writer.finish!());
    return whenReady(written, () => {
      this.#reader = this.#results?.reader();
      return this.#reader?.next();
    });
  }

  close(): void {
    this.#written = true;
    this.#input.close();
  }

  #readAllThenWrite(): Awaitable<void> {
    const rows = new RowStore('reading the rows to write', this.#context);
    const read = drain(this.#input, this.#context, (batch) => rows.addAll(batch));
    return whenReady(read, () => whenReady(this.#write(rows.reader()), () => rows.close()));
  }

  #write(rows: Operator): Awaitable<void> {
    const input = this.#returning?.singly === true ? new Singly(rows) : rows;
    for (;;) {
      const pause = this.#context.pause();
      if (pause !== undefined) return this.#writeRest(input, pause);
      const batch = input.next();
      if (isPromise(batch)) return batch.then((late) => late && this.#writeRest(input, this.#writeBatch(late)));
      if (batch === undefined) return;
      const written = this.#writeBatch(batch);
      if (isPromise(written)) return this.#writeRest(input, written);
    }
  }

  async #writeRest(input: Operator, before: Awaitable<void>): Promise<void> {
    if (isPromise(before)) await before;
    for (let batch = await input.next(); batch !== undefined; batch = await input.next()) {
      const written = this.#writeBatch(batch);
      if (isPromise(written)) await written;
      const pause = this.#context.pause();
      if (pause !== undefined) await pause;
    }
  }

  #writeBatch(batch: RowBatch): Awaitable<void> {
    return whenReady(this.#writer.write(batch), (rows) => {
      this.affected += rows.length;
      const returning = this.#returning;
      if (returning === undefined) return;
      const results: ExecutionRow[] = [];
      for (let i = 0; i < rows.length; i++) {
        const result = returning.row(rows[i]!, this.#context);
        if (isPromise(result)) return this.#returnRest(rows, i, result, results);
        results.push(result);
      }
      return this.#results!.addAll(results);
    });
  }

  /** @param from Whose result is awaited. */
  async #returnRest(
    rows: RowBatch,
    from: number,
    first: Promise<ExecutionRow>,
    results: ExecutionRow[],
  ): Promise<void> {
    results.push(await first);
    for (let i = from + 1; i < rows.length; i++) {
      const result = this.#returning!.row(rows[i]!, this.#context);
      results.push(isPromise(result) ? await result : result);
    }
    await this.#results!.addAll(results);
  }
}
