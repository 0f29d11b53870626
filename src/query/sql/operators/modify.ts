/**
 * INSERT, UPDATE and DELETE: gives all rows of the input to a writer, then yields what RETURNING asks for.
 *
 * The whole statement has happened before the first row of RETURNING leaves, as in PostgreSQL; those rows are held,
 * bounded by the statement's budget. An input whose rows could be met again after they were written (a key that moves
 * forward under the scan, a query over the table it inserts into) is read to its end first.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, ModifyingOperator, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';

export interface RowWriter {
  /** Writes the batch. @returns the rows that RETURNING speaks of, one per affected row. */
  write(batch: RowBatch): Awaitable<RowBatch>;
  /** After the last batch: what the statement as a whole must meet. */
  finish?(): Awaitable<void>;
}

const BATCH_ROWS = 512;

export class Modify implements ModifyingOperator {
  affected = 0;
  readonly #input: Operator;
  readonly #writer: RowWriter;
  readonly #returning: readonly Evaluate[] | undefined;
  readonly #readFirst: boolean;
  readonly #context: ExecutionContext;
  readonly #results: ExecutionRow[] = [];
  readonly #budget: MemoryBudget;
  #written = false;
  #position = 0;

  constructor(
    input: Operator,
    writer: RowWriter,
    options: { readonly returning: readonly Evaluate[] | undefined; readonly readFirst: boolean },
    context: ExecutionContext,
  ) {
    this.#input = input;
    this.#writer = writer;
    this.#returning = options.returning;
    this.#readFirst = options.readFirst;
    this.#context = context;
    this.#budget = new MemoryBudget('RETURNING', context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#written) return this.#emit();
    this.#written = true;
    const done = this.#readFirst ? this.#readAllThenWrite() : this.#write(this.#input);
    const written = this.#writer.finish === undefined ? done : whenReady(done, () => this.#writer.finish!());
    return whenReady(written, () => this.#emit());
  }

  close(): void {
    this.#written = true;
    this.#input.close();
  }

  #readAllThenWrite(): Awaitable<void> {
    const budget = new MemoryBudget('reading the rows to write', this.#context);
    const held: ExecutionRow[] = [];
    const take = (batch: RowBatch): void => {
      for (const row of batch) {
        budget.take(row);
        held.push(row);
      }
    };
    return whenReady(drain(this.#input, this.#context, take), () => this.#write(new Held(held)));
  }

  #write(input: Operator): Awaitable<void> {
    for (;;) {
      const pause = this.#context.pause();
      if (pause !== undefined)
        return this.#writeRest(
          input,
          pause.then(() => undefined),
        );
      const batch = input.next();
      if (isPromise(batch)) return this.#writeRest(input, batch);
      if (batch === undefined) return;
      const written = this.#writer.write(batch);
      if (isPromise(written))
        return this.#writeRest(
          input,
          written.then((rows) => {
            this.#note(rows);
            return undefined;
          }),
        );
      this.#note(written);
    }
  }

  async #writeRest(input: Operator, pending: Promise<RowBatch | undefined>): Promise<void> {
    const first = await pending;
    if (first !== undefined) this.#note(await this.#writer.write(first));
    for (let batch = await input.next(); batch !== undefined; batch = await input.next()) {
      this.#note(await this.#writer.write(batch));
      await this.#context.pause();
    }
  }

  #note(rows: RowBatch): void {
    this.affected += rows.length;
    if (this.#returning === undefined) return;
    for (const row of rows) {
      const result = projectRow(row, this.#returning, this.#context);
      this.#budget.take(result);
      this.#results.push(result);
    }
  }

  #emit(): RowBatch | undefined {
    const rows = this.#results.slice(this.#position, this.#position + BATCH_ROWS);
    this.#position += rows.length;
    return rows.length === 0 ? undefined : rows;
  }
}

/** Rows in memory as an operator. */
class Held implements Operator {
  readonly #rows: readonly ExecutionRow[];
  #position = 0;

  constructor(rows: readonly ExecutionRow[]) {
    this.#rows = rows;
  }

  next(): RowBatch | undefined {
    const batch = this.#rows.slice(this.#position, this.#position + BATCH_ROWS);
    this.#position += batch.length;
    return batch.length === 0 ? undefined : batch;
  }

  close(): void {
    this.#position = this.#rows.length;
  }
}
