/**
 * UNION ALL: the rows of the inputs, one input after another. INTERSECT and EXCEPT [ALL]: rows of the left input that the
 * right one has, or has not; with ALL as often as the numbers of both say, else once. Rows come in the order of the left
 * input. The right input is counted in memory, bounded by the statement's budget.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';

export class Append implements Operator {
  readonly #inputs: readonly Open[];
  readonly #context: ExecutionContext;
  #next = 0;
  #current: Operator | undefined;

  constructor(inputs: readonly Open[], context: ExecutionContext) {
    this.#inputs = inputs;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#current === undefined) {
        if (this.#next >= this.#inputs.length) return undefined;
        this.#current = this.#inputs[this.#next++]!(this.#context);
      }
      const batch = this.#current.next();
      if (isPromise(batch)) return batch.then((late) => late ?? this.#advance());
      if (batch !== undefined) return batch;
      this.#current = undefined;
    }
  }

  close(): void {
    this.#current?.close();
    this.#current = undefined;
    this.#next = this.#inputs.length;
  }

  #advance(): Awaitable<RowBatch | undefined> {
    this.#current = undefined;
    return this.next();
  }
}

export interface SetOperationOptions {
  readonly operation: 'intersect' | 'except';
  readonly all: boolean;
  readonly types: readonly SqlType[];
}

export class SetOperation implements Operator {
  readonly #left: Operator;
  readonly #right: Open;
  readonly #options: SetOperationOptions;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  /** How often the right input has each row; without ALL, 0 once it was answered. */
  #counts: Map<DistinctKey, number> | undefined;
  readonly #emitted = new Set<DistinctKey>();

  constructor(left: Operator, right: Open, options: SetOperationOptions, context: ExecutionContext) {
    this.#left = left;
    this.#right = right;
    this.#options = options;
    this.#context = context;
    this.#budget = new MemoryBudget(options.operation.toUpperCase(), context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#counts === undefined) return whenReady(this.#count(), () => this.next());
    for (;;) {
      const batch = this.#left.next();
      if (isPromise(batch)) {
        return batch.then((late) => {
          const rows = late && this.#keep(late);
          return rows?.length === 0 ? this.next() : rows;
        });
      }
      if (batch === undefined) return undefined;
      const rows = this.#keep(batch);
      if (rows.length > 0) return rows;
    }
  }

  close(): void {
    this.#left.close();
    this.#counts = new Map();
    this.#emitted.clear();
  }

  #count(): Awaitable<void> {
    const counts = new Map<DistinctKey, number>();
    const take = (batch: RowBatch): void => {
      for (const row of batch) {
        const key = distinctRowKey(this.#options.types, row);
        const count = counts.get(key);
        if (count === undefined) this.#budget.take(row);
        counts.set(key, (count ?? 0) + 1);
      }
    };
    return whenReady(drain(this.#right(this.#context), this.#context, take), () => {
      this.#counts = counts;
    });
  }

  #keep(batch: RowBatch): RowBatch {
    const { operation, all, types } = this.#options;
    const kept: ExecutionRow[] = [];
    for (const row of batch) {
      const key = distinctRowKey(types, row);
      const count = this.#counts!.get(key) ?? 0;
      if (all) {
        if (count > 0) this.#counts!.set(key, count - 1);
        if (count > 0 === (operation === 'intersect')) kept.push(row);
        continue;
      }
      if (count > 0 !== (operation === 'intersect') || this.#emitted.has(key)) continue;
      this.#budget.take(row);
      this.#emitted.add(key);
      kept.push(row);
    }
    return kept;
  }
}
