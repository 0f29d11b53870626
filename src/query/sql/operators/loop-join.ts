/**
 * Joins each row of the input with the rows of the right side that meet a condition, which may hold subqueries: inner or
 * left. With `again` the right side is opened anew for every row, whose values it finds in slots (LATERAL); without, it is
 * read once and held, bounded by the statement's budget.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { gather } from './gather.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';
import type { EvaluateLater } from './subquery.ts';

export interface LoopJoinOptions {
  readonly kind: 'inner' | 'left';
  readonly args: readonly { readonly slot: number; readonly value: Evaluate }[];
  readonly condition: EvaluateLater | undefined;
  /** Values in a row of the right side. */
  readonly width: number;
  readonly again: boolean;
}

const BATCH_ROWS = 512;

export class LoopJoin implements Operator {
  readonly #input: Operator;
  readonly #open: Open;
  readonly #options: LoopJoinOptions;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  #held: readonly ExecutionRow[] | undefined;
  #rows: RowBatch = [];
  #position = 0;
  #closed = false;

  constructor(input: Operator, open: Open, options: LoopJoinOptions, context: ExecutionContext) {
    this.#input = input;
    this.#open = open;
    this.#options = options;
    this.#context = context;
    this.#budget = new MemoryBudget('a join', context);
  }

  next(): Awaitable<RowBatch | undefined> {
    return this.#fill([]);
  }

  close(): void {
    this.#closed = true;
    this.#held = [];
    this.#budget.clear();
    this.#rows = [];
    this.#input.close();
  }

  #fill(out: ExecutionRow[]): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#closed || out.length >= BATCH_ROWS) return out.length === 0 ? undefined : out;
      const row = this.#rows[this.#position];
      if (row === undefined) {
        if (out.length > 0) return out;
        const batch = this.#input.next();
        if (isPromise(batch)) return batch.then((late) => this.#begin(late) && this.#fill(out));
        if (!this.#begin(batch)) return undefined;
        continue;
      }
      this.#position++;
      const joined = whenReady(this.#partners(row), (partners) => this.#join(row, partners, 0, false, out));
      if (isPromise(joined)) return joined.then(() => this.#fill(out));
    }
  }

  /** @returns nothing at the end of the input. */
  #begin(batch: RowBatch | undefined): true | undefined {
    if (batch === undefined) return undefined;
    this.#rows = batch;
    this.#position = 0;
    return true;
  }

  #partners(row: ExecutionRow): Awaitable<readonly ExecutionRow[]> {
    const { again, args } = this.#options;
    if (!again && this.#held !== undefined) return this.#held;
    for (const { slot, value } of args) this.#context.slots[slot] = value(row, this.#context);
    this.#budget.clear();
    return whenReady(gather(this.#open(this.#context), this.#budget, this.#context), (rows) => {
      this.#held = rows;
      return rows;
    });
  }

  #join(
    row: ExecutionRow,
    partners: readonly ExecutionRow[],
    from: number,
    found: boolean,
    out: ExecutionRow[],
  ): Awaitable<void> {
    const { condition, kind, width } = this.#options;
    let met = found;
    for (let i = from; i < partners.length; i++) {
      const joined = [...row, ...partners[i]!];
      const value = condition === undefined ? true : condition(joined, this.#context);
      if (isPromise(value)) {
        return value.then((late) => {
          if (late === true) out.push(joined);
          return this.#join(row, partners, i + 1, met || late === true, out);
        });
      }
      if (value !== true) continue;
      met = true;
      out.push(joined);
    }
    if (!met && kind === 'left') out.push([...row, ...new Array<null>(width).fill(null)]);
  }
}
