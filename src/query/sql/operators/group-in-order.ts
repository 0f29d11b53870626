/**
 * Groups of rows that come in the order of what they are grouped by: one group is held at a time, and leaves when the next
 * begins (PostgreSQL's GroupAggregate and Group).
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type DistinctKey, distinctRowKey, isSameKey } from '../types/distinct-key.ts';
import type { PlannedAggregate, PlannedGrouping } from './aggregate.ts';
import { type InputOrder, inputOrder } from './aggregate-input.ts';
import { type AggregateStates, addRow, newStates } from './aggregate-states.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';

interface Group extends AggregateStates {
  readonly key: DistinctKey;
  readonly values: ExecutionRow;
}

export class GroupInOrder implements Operator {
  readonly #input: Operator;
  readonly #grouping: Pick<PlannedGrouping, 'values' | 'types'>;
  readonly #aggregates: readonly PlannedAggregate[];
  readonly #orders: readonly (InputOrder | undefined)[];
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  #group: Group | undefined;
  #done = false;

  /** @param input In an order in which equal values of the grouping stand together. */
  constructor(
    input: Operator,
    grouping: Pick<PlannedGrouping, 'values' | 'types'>,
    aggregates: readonly PlannedAggregate[],
    context: ExecutionContext,
  ) {
    this.#input = input;
    this.#grouping = grouping;
    this.#aggregates = aggregates;
    this.#orders = aggregates.map((each) => inputOrder(each.function, each.orderBy));
    this.#context = context;
    this.#budget = new MemoryBudget('GROUP BY', context);
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#done) return undefined;
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      const out: ExecutionRow[] = [];
      const taken = isPromise(batch) ? batch.then((late) => this.#taken(late, out)) : this.#taken(batch, out);
      if (isPromise(taken)) return taken.then(() => (out.length > 0 || this.#done ? this.#given(out) : this.next()));
      if (out.length > 0) return out;
    }
  }

  close(): void {
    this.#done = true;
    this.#group = undefined;
    this.#budget.clear();
    this.#input.close();
  }

  #given(out: RowBatch): RowBatch | undefined {
    return out.length > 0 ? out : undefined;
  }

  #taken(batch: RowBatch | undefined, out: ExecutionRow[]): Awaitable<void> {
    if (batch !== undefined) return this.#take(batch, 0, out);
    return whenReady(this.#finish(out), () => {
      this.#done = true;
    });
  }

  /** Adds the rows to their groups, and the rows of groups that have ended to `out`. */
  #take(batch: RowBatch, from: number, out: ExecutionRow[]): Awaitable<void> {
    const { values, types } = this.#grouping;
    for (let i = from; i < batch.length; i++) {
      const row = batch[i]!;
      const found = projectRow(row, values, this.#context);
      const key = distinctRowKey(types, found);
      if (!isSameKey(this.#group?.key, key)) {
        const finished = this.#finish(out);
        if (isPromise(finished)) {
          return finished.then(() => {
            this.#group = this.#newGroup(key, found);
            return this.#take(batch, i, out);
          });
        }
        this.#group = this.#newGroup(key, found);
      }
      const added = this.#add(this.#group!, row);
      if (added !== undefined) return added.then(() => this.#take(batch, i + 1, out));
    }
  }

  #newGroup(key: DistinctKey, values: ExecutionRow): Group {
    this.#budget.clear();
    const sorterBytesMax = this.#budget.bytesMax / Math.max(1, this.#orders.length);
    return {
      key,
      values,
      ...newStates(this.#aggregates, this.#orders, this.#context, this.#budget, sorterBytesMax),
    };
  }

  #add(group: Group, row: ExecutionRow): Promise<void> | undefined {
    return addRow(this.#aggregates, group, row, this.#context, this.#budget);
  }

  /** The row of the group that has ended, if there is one. */
  #finish(out: ExecutionRow[], from = 0): Awaitable<void> {
    const group = this.#group;
    if (group === undefined) return undefined;
    const { values, states, inputs } = group;
    for (let i = from; i < inputs.length; i++) {
      const done = inputs[i]?.finish(states[i]!);
      if (isPromise(done)) return done.then(() => this.#finish(out, i + 1));
    }
    const row = [...values];
    for (const state of states) row.push(state.result());
    out.push(row);
    this.#group = undefined;
  }
}
