/**
 * The rows of a query in WITH, computed once for all who read them, as far as anybody asks (PostgreSQL's nodeCtescan.c and
 * nodeRecursiveunion.c). What was read is kept, in files where memory ends.
 *
 * A recursive query starts with the rows of its first term; then its recursive term runs again and again over the rows of
 * the round before, which a reference to the query stands for inside of it, until a round gives none. With UNION a key of
 * each row is held in memory, bounded by the budget.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { keyBytes } from '../types/value-bytes.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';
import { RowStore, type RowStoreReader } from './row-store.ts';

export interface PlannedCte {
  readonly open: Open;
  readonly recursion: { readonly open: Open; readonly distinct: boolean } | undefined;
  readonly types: readonly SqlType[];
}

/** What one execution knows of a query in WITH. */
export class CteState {
  readonly rows: RowStore;
  readonly #planned: PlannedCte;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #seen = new Set<DistinctKey>();
  /** Rows of the round before, while the recursive term runs. */
  #working: RowStore | undefined;
  /** Rows of this round. */
  #round: RowStore | undefined;
  #operator: Operator | undefined;
  #done = false;

  constructor(planned: PlannedCte, context: ExecutionContext) {
    this.#planned = planned;
    this.#context = context;
    this.rows = new RowStore('a query in WITH', context);
    this.#budget = new MemoryBudget('a recursive query with UNION', context);
    if (planned.recursion !== undefined) this.#round = this.#newRound();
  }

  /** Reads the rows of the round before; none in the first. */
  readWorking(): Operator {
    return (this.#working ?? this.#newRound()).reader();
  }

  /** Computes more rows. @returns false when there are none. */
  more(): Awaitable<boolean> {
    for (;;) {
      if (this.#done) return false;
      this.#operator ??= this.#planned.open(this.#context);
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#operator.next() : pause.then(() => this.#operator!.next());
      const taken = whenReady(batch, (ready) => this.#take(ready));
      if (isPromise(taken)) return taken.then((some) => (some ? true : this.more()));
      if (taken) return true;
    }
  }

  close(): void {
    this.#operator?.close();
    this.#done = true;
  }

  #newRound(): RowStore {
    return new RowStore('a recursive query', this.#context);
  }

  /** @returns whether there are more rows now. */
  #take(batch: RowBatch | undefined): Awaitable<boolean> {
    if (batch === undefined) return this.#nextRound();
    const fresh = this.#planned.recursion?.distinct === true ? this.#unseen(batch) : batch;
    const kept = this.rows.addAll(fresh);
    const round = this.#round;
    if (round === undefined) return whenReady(kept, () => fresh.length > 0);
    return whenReady(kept, () => whenReady(round.addAll(fresh), () => fresh.length > 0));
  }

  /** The operator has ended. @returns false: rows come from the next round, if there is one. */
  #nextRound(): boolean {
    const round = this.#round;
    const { recursion } = this.#planned;
    if (recursion === undefined || round === undefined || round.count === 0) {
      this.#done = true;
      return false;
    }
    this.#working?.close();
    this.#working = round;
    this.#round = this.#newRound();
    this.#operator = recursion.open(this.#context);
    return false;
  }

  #unseen(batch: RowBatch): RowBatch {
    const fresh: ExecutionRow[] = [];
    for (const row of batch) {
      const key = distinctRowKey(this.#planned.types, row);
      if (this.#seen.has(key)) continue;
      this.#budget.takeBytes(keyBytes(key));
      this.#seen.add(key);
      fresh.push(row);
    }
    return fresh;
  }
}

export class CteScan implements Operator {
  readonly #state: CteState;
  readonly #reader: RowStoreReader;
  #closed = false;

  constructor(state: CteState) {
    this.#state = state;
    this.#reader = state.rows.reader();
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#closed) return undefined;
    const batch = this.#reader.next();
    return isPromise(batch) ? batch.then((late) => late ?? this.#more()) : (batch ?? this.#more());
  }

  close(): void {
    this.#closed = true;
  }

  #more(): Awaitable<RowBatch | undefined> {
    return whenReady(this.#state.more(), (more) => (more ? this.#reader.next() : undefined));
  }
}
