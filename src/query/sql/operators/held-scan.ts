/**
 * The scan of a small table inside of a subquery that is run again for each row outside: from the second run on, or from the
 * first of a table that is known to be small, its rows are held, and a run is a walk over them. All runs of one execution see
 * the same rows, as the statement does. A subquery that only counts them, or asks whether there are any, walks without
 * operators.
 *
 * Holds at most `HELD_ROWS_MAX` rows of the operator's budget; where there are more, each run reads the table anew.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { rowBytes } from '../types/value-bytes.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';

export const HELD_ROWS_MAX = 10_000;
/** A table that is thought to have no more is small. */
export const HELD_AT_ONCE_MAX = 1_000;

export interface HeldScanOptions {
  /** The rows of one run. */
  readonly read: Open;
  /** The rows of all runs. */
  readonly readHeld: Open;
  /** Which of the held rows belong to this run; undefined for all. */
  readonly test: Evaluate | undefined;
  /** Its rows are so few that they are held from the first run on. */
  readonly isSmall: boolean;
}

/** A subquery that asks how many rows a run has: of all of them, or whether there is any. */
export interface HeldCount {
  readonly scan: HeldScanOptions;
  readonly wanted: 'all' | 'any';
}

interface Held {
  runs: number;
  rows: readonly ExecutionRow[] | 'none yet' | 'too many';
}

/** @param owner The part of the plan that it is: what the runs of an execution have in common. */
export function openHeldScan(owner: HeldScanOptions, context: ExecutionContext): Operator {
  const held = heldOf(owner, context);
  held.runs++;
  const isFirst = held.runs === 1 && !owner.isSmall;
  return isFirst || held.rows === 'too many' ? owner.read(context) : new HeldScan(owner, held, context);
}

/** How many rows a run has, at most one with `any`; undefined where they are not held, and the scan has to tell. */
export function countHeld(count: HeldCount, context: ExecutionContext): Awaitable<number | undefined> {
  const { scan: owner, wanted } = count;
  const held = heldOf(owner, context);
  if (held.rows === 'too many') return undefined;
  if (held.rows === 'none yet') {
    if (held.runs === 0 && !owner.isSmall) return undefined;
    return whenReady(hold(owner, held, context), () => countHeld(count, context));
  }
  const pause = context.pause();
  if (pause !== undefined) return pause.then(() => countHeld(count, context));
  const { rows } = held;
  const { test } = owner;
  if (test === undefined) return wanted === 'any' ? Math.min(1, rows.length) : rows.length;
  let found = 0;
  for (let i = 0; i < rows.length; i++) {
    if (test(rows[i]!, context) !== true) continue;
    found++;
    if (wanted === 'any') break;
  }
  return found;
}

function heldOf(owner: HeldScanOptions, context: ExecutionContext): Held {
  return context.state<Held>(owner, () => ({ runs: 0, rows: 'none yet' }));
}

class HeldScan implements Operator {
  readonly #options: HeldScanOptions;
  readonly #held: Held;
  readonly #context: ExecutionContext;
  /** What reads the table, where its rows could not be held. */
  #input: Operator | undefined;
  #done = false;

  constructor(options: HeldScanOptions, held: Held, context: ExecutionContext) {
    this.#options = options;
    this.#held = held;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#input !== undefined) return this.#input.next();
    if (this.#done) return undefined;
    this.#done = true;
    const pause = this.#context.pause();
    if (pause !== undefined) return pause.then(() => this.#rows());
    return this.#rows();
  }

  close(): void {
    this.#done = true;
    this.#input?.close();
  }

  #rows(): Awaitable<RowBatch | undefined> {
    const { rows } = this.#held;
    if (typeof rows !== 'string') return this.#wanted(rows);
    return whenReady(hold(this.#options, this.#held, this.#context), () => {
      const now = this.#held.rows;
      if (typeof now !== 'string') return this.#wanted(now);
      this.#input = this.#options.read(this.#context);
      return this.#input.next();
    });
  }

  /** Copies: rows belong to whoever pulls them. */
  #wanted(held: readonly ExecutionRow[]): RowBatch | undefined {
    const { test } = this.#options;
    const context = this.#context;
    const rows: ExecutionRow[] = [];
    for (let i = 0; i < held.length; i++) {
      const row = held[i]!;
      if (test === undefined || test(row, context) === true) rows.push(row.slice());
    }
    return rows.length === 0 ? undefined : rows;
  }
}

/** Reads the rows of all runs, and holds them unless they are too many. */
function hold(owner: HeldScanOptions, held: Held, context: ExecutionContext): Awaitable<void> {
  const input = owner.readHeld(context);
  const budget = new MemoryBudget('a subquery', context);
  const rows: ExecutionRow[] = [];
  const take = (batch: RowBatch | undefined): boolean => {
    if (batch === undefined) {
      held.rows = rows;
      return true;
    }
    for (const row of batch) {
      if (rows.length === HELD_ROWS_MAX || !budget.tryTake(rowBytes(row))) {
        budget.clear();
        held.rows = 'too many';
        return true;
      }
      rows.push(row);
    }
    return false;
  };
  const pull = (): Awaitable<void> => {
    for (;;) {
      const batch = input.next();
      if (isPromise(batch)) return batch.then((late) => (take(late) ? input.close() : pull()));
      if (take(batch)) return input.close();
    }
  };
  return pull();
}
