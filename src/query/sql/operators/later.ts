/**
 * Filtering and computing with expressions whose values may have to be waited for, because they hold subqueries. Rows go
 * one after another, in order; as long as every value is there at once, so is the batch.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { RowStore } from './row-store.ts';
import { type EvaluateLater, evaluateAll } from './subquery.ts';

/** The rows for which a condition is true. */
export class FilterLater implements Operator {
  readonly #input: Operator;
  readonly #condition: EvaluateLater;
  readonly #context: ExecutionContext;
  readonly #singly: boolean;
  /** The batch that rows are taken of one by one, and the place of the next. */
  #batch: RowBatch = [];
  #at = 0;
  #removed = 0;

  /** @param singly Each row by itself, so that a condition that does something is asked of no row that nobody wants. */
  constructor(input: Operator, condition: EvaluateLater, context: ExecutionContext, singly: boolean) {
    this.#input = input;
    this.#condition = condition;
    this.#context = context;
    this.#singly = singly;
  }

  get removed(): number {
    return this.#removed + (this.#input.removed ?? 0);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#singly) return this.#nextRow();
    for (;;) {
      const kept = whenReady(this.#input.next(), (batch) => batch && this.#keep(batch, 0, []));
      if (isPromise(kept)) return kept.then((rows) => (rows?.length === 0 ? this.next() : rows));
      if (kept === undefined || kept.length > 0) return kept;
    }
  }

  close(): void {
    this.#input.close();
  }

  #nextRow(): Awaitable<RowBatch | undefined> {
    for (;;) {
      while (this.#at < this.#batch.length) {
        const row = this.#batch[this.#at++]!;
        const value = this.#condition(row, this.#context);
        if (isPromise(value)) return this.#nextRowAfter(row, value);
        if (value === true) return [row];
        this.#removed++;
      }
      const batch = this.#input.next();
      if (isPromise(batch)) return batch.then((late) => this.#begin(late) && this.#nextRow());
      if (!this.#begin(batch)) return undefined;
    }
  }

  async #nextRowAfter(first: ExecutionRow, pending: Promise<SqlValue>): Promise<RowBatch | undefined> {
    if ((await pending) === true) return [first];
    this.#removed++;
    for (;;) {
      while (this.#at < this.#batch.length) {
        const row = this.#batch[this.#at++]!;
        if ((await this.#condition(row, this.#context)) === true) return [row];
        this.#removed++;
      }
      if (!this.#begin(await this.#input.next())) return undefined;
    }
  }

  #begin(batch: RowBatch | undefined): true | undefined {
    this.#batch = batch ?? [];
    this.#at = 0;
    return batch === undefined ? undefined : true;
  }

  #keep(batch: RowBatch, from: number, kept: ExecutionRow[]): Awaitable<RowBatch> {
    for (let i = from; i < batch.length; i++) {
      const row = batch[i]!;
      const value = this.#condition(row, this.#context);
      if (isPromise(value)) {
        return value.then((late) => {
          if (late === true) kept.push(row);
          return this.#keep(batch, i + 1, kept);
        });
      }
      if (value === true) kept.push(row);
    }
    this.#removed += batch.length - kept.length;
    return kept;
  }
}

/** Rows of computed values; behind the input's own, with `extend`. */
export class ProjectLater implements Operator {
  readonly #input: Operator;
  readonly #columns: readonly EvaluateLater[];
  readonly #extend: boolean;
  readonly #context: ExecutionContext;

  constructor(input: Operator, columns: readonly EvaluateLater[], extend: boolean, context: ExecutionContext) {
    this.#input = input;
    this.#columns = columns;
    this.#extend = extend;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    return whenReady(this.#input.next(), (batch) => batch && this.#project(batch, 0, []));
  }

  close(): void {
    this.#input.close();
  }

  #project(batch: RowBatch, from: number, out: ExecutionRow[]): Awaitable<RowBatch> {
    const finish = (row: ExecutionRow, values: SqlValue[]): void => {
      out.push(this.#extend ? [...row, ...values] : values);
    };
    for (let i = from; i < batch.length; i++) {
      const row = batch[i]!;
      const values = evaluateAll(this.#columns, row, this.#context);
      if (isPromise(values)) {
        return values.then((late) => {
          finish(row, late);
          return this.#project(batch, i + 1, out);
        });
      }
      finish(row, values);
    }
    return out;
  }
}

/** All rows of the input before the first of them, for those who change what it reads. */
export class ReadFirst implements Operator {
  readonly #input: Operator;
  readonly #context: ExecutionContext;
  #rows: Operator | undefined;

  constructor(input: Operator, context: ExecutionContext) {
    this.#input = input;
    this.#context = context;
  }

  get removed(): number {
    return this.#input.removed ?? 0;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#rows !== undefined) return this.#rows.next();
    const rows = new RowStore('rows that functions are called for', this.#context);
    const read = drain(this.#input, this.#context, (batch) => rows.addAll(batch));
    return whenReady(read, () => {
      this.#rows = rows.reader();
      return this.#rows.next();
    });
  }

  close(): void {
    this.#input.close();
    this.#rows?.close();
  }
}

/** Its rows one by one, so that what is computed of each comes after what was done with those before. */
export class Singly implements Operator {
  readonly #input: Operator;
  #batch: RowBatch = [];
  #at = 0;

  constructor(input: Operator) {
    this.#input = input;
  }

  get removed(): number {
    return this.#input.removed ?? 0;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#at < this.#batch.length) return [this.#batch[this.#at++]!];
    return whenReady(this.#input.next(), (batch) => {
      if (batch === undefined) return undefined;
      this.#batch = batch;
      this.#at = 0;
      return this.next();
    });
  }

  close(): void {
    this.#batch = [];
    this.#input.close();
  }
}

/** Runs its input for what it does: nobody is told of its rows. */
export class Unheard implements Operator {
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(input: Operator, context: ExecutionContext) {
    this.#input = input;
    this.#context = context;
  }

  next(): Awaitable<undefined> {
    return whenReady(
      drain(this.#input, this.#context, () => undefined),
      () => undefined,
    );
  }

  close(): void {
    this.#input.close();
  }
}

/** An operator that can only be made once something was computed. */
export class Late implements Operator {
  readonly #make: () => Awaitable<Operator>;
  #made: Operator | undefined;
  #closed = false;

  constructor(make: () => Awaitable<Operator>) {
    this.#make = make;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#made !== undefined) return this.#made.next();
    if (this.#closed) return undefined;
    return whenReady(this.#make(), (made) => {
      if (this.#closed) made.close();
      this.#made = made;
      return made.next();
    });
  }

  close(): void {
    this.#closed = true;
    this.#made?.close();
  }
}
