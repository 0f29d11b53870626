/**
 * COPY … WHERE: whole rows of the table, defaults filled in, of those sent rows that meet the condition. Knows of each where
 * it was sent, for whoever cannot take it.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';
import type { RowPlaces } from './row-writers.ts';

export class CopyFilter implements Operator, RowPlaces {
  readonly #sent: Operator & RowPlaces;
  readonly #columns: readonly Evaluate[];
  readonly #condition: Evaluate;
  readonly #context: ExecutionContext;
  /** Which rows of the batch that was sent last are those of the batch that was given last. */
  #kept: number[] = [];

  /** @param columns Of the whole row, over what is sent. */
  constructor(
    sent: Operator & RowPlaces,
    columns: readonly Evaluate[],
    condition: Evaluate,
    context: ExecutionContext,
  ) {
    this.#sent = sent;
    this.#columns = columns;
    this.#condition = condition;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      const batch = this.#sent.next();
      if (isPromise(batch)) return batch.then((late) => this.#late(late));
      if (batch === undefined) return undefined;
      const rows = this.#meeting(batch);
      if (rows.length > 0) return rows;
    }
  }

  close(): void {
    this.#sent.close();
  }

  placeOf(row: number, withText: boolean): string | undefined {
    const sent = this.#kept[row];
    return sent === undefined ? undefined : this.#sent.placeOf(sent, withText);
  }

  #late(batch: RowBatch | undefined): Awaitable<RowBatch | undefined> {
    if (batch === undefined) return undefined;
    const rows = this.#meeting(batch);
    return rows.length > 0 ? rows : this.next();
  }

  #meeting(batch: RowBatch): RowBatch {
    const rows: ExecutionRow[] = [];
    this.#kept = [];
    for (let i = 0; i < batch.length; i++) {
      try {
        const row = projectRow(batch[i]!, this.#columns, this.#context);
        if (this.#condition(row, this.#context) !== true) continue;
        rows.push(row);
        this.#kept.push(i);
      } catch (error) {
        if (error instanceof SqlError) error.where ??= this.#sent.placeOf(i, true);
        throw error;
      }
    }
    return rows;
  }
}
