/**
 * The rows of a query in WITH, computed once for all who read them, as far as anybody asks (PostgreSQL's nodeCtescan.c and
 * nodeRecursiveunion.c). What was read is held, bounded by the statement's budget.
 *
 * A recursive query starts with the rows of its first term; then its recursive term runs again and again over the rows of
 * the round before, which a reference to the query stands for inside of it, until a round gives none.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';

export interface PlannedCte {
  readonly open: Open;
  readonly recursion: { readonly open: Open; readonly distinct: boolean } | undefined;
  readonly types: readonly SqlType[];
}

const BATCH_ROWS = 512;

/** What one execution knows of a query in WITH. */
export class CteState {
  readonly rows: ExecutionRow[] = [];
  /** Rows of the round before, while the recursive term runs. */
  working: readonly ExecutionRow[] | undefined;
  readonly #planned: PlannedCte;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #seen = new Set<DistinctKey>();
  #operator: Operator | undefined;
  #roundBegan = 0;
  #done = false;

  constructor(planned: PlannedCte, context: ExecutionContext) {
    this.#planned = planned;
    this.#context = context;
    this.#budget = new MemoryBudget('a query in WITH', context);
  }

  /** Computes more rows. @returns false when there are none. */
  more(): Awaitable<boolean> {
    for (;;) {
      if (this.#done) return false;
      this.#operator ??= this.#planned.open(this.#context);
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#operator.next() : pause.then(() => this.#operator!.next());
      if (isPromise(batch)) return batch.then((late) => (this.#take(late) ? true : this.more()));
      if (this.#take(batch)) return true;
    }
  }

  close(): void {
    this.#operator?.close();
    this.#done = true;
  }

  /** @returns whether there are more rows now. */
  #take(batch: RowBatch | undefined): boolean {
    const { recursion, types } = this.#planned;
    const count = this.rows.length;
    for (const row of batch ?? []) {
      if (recursion?.distinct === true) {
        const key = distinctRowKey(types, row);
        if (this.#seen.has(key)) continue;
        this.#seen.add(key);
      }
      this.#budget.take(row);
      this.rows.push(row);
    }
    if (batch !== undefined) return this.rows.length > count;
    if (recursion === undefined || this.#roundBegan === this.rows.length) {
      this.#done = true;
      return false;
    }
    this.working = this.rows.slice(this.#roundBegan);
    this.#roundBegan = this.rows.length;
    this.#operator = recursion.open(this.#context);
    return false;
  }
}

export class CteScan implements Operator {
  readonly #state: CteState;
  #position = 0;
  #closed = false;

  constructor(state: CteState) {
    this.#state = state;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#closed) return undefined;
    if (this.#position < this.#state.rows.length) return this.#emit();
    return whenReady(this.#state.more(), (more) => (more ? this.#emit() : undefined));
  }

  close(): void {
    this.#closed = true;
  }

  #emit(): RowBatch {
    const batch = this.#state.rows.slice(this.#position, this.#position + BATCH_ROWS);
    this.#position += batch.length;
    return batch;
  }
}

/** The rows of the round before. */
export class WorkingScan implements Operator {
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
