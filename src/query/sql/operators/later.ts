/**
 * Filtering and computing with expressions whose values may have to be waited for, because they hold subqueries. Rows go
 * one after another, in order; as long as every value is there at once, so is the batch.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { type EvaluateLater, evaluateAll } from './subquery.ts';

/** The rows for which a condition is true. */
export class FilterLater implements Operator {
  readonly #input: Operator;
  readonly #condition: EvaluateLater;
  readonly #context: ExecutionContext;
  #removed = 0;

  constructor(input: Operator, condition: EvaluateLater, context: ExecutionContext) {
    this.#input = input;
    this.#condition = condition;
    this.#context = context;
  }

  get removed(): number {
    return this.#removed + (this.#input.removed ?? 0);
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      const kept = whenReady(this.#input.next(), (batch) => batch && this.#keep(batch, 0, []));
      if (isPromise(kept)) return kept.then((rows) => (rows?.length === 0 ? this.next() : rows));
      if (kept === undefined || kept.length > 0) return kept;
    }
  }

  close(): void {
    this.#input.close();
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
