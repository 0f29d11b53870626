/**
 * Groups the rows of the input by values and aggregates each group: rows of the group's values, then of the aggregates'
 * results. Groups come in the order of their first rows. Without grouping there is exactly one row, whatever the input.
 *
 * Holds one entry for each group, bounded by the statement's budget.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import type { Accumulator, AggregateFunction } from '../functions/aggregates.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';

export interface PlannedAggregate {
  readonly function: AggregateFunction;
  /** Undefined counts rows. */
  readonly argument: Evaluate | undefined;
}

/** What rows are grouped by; undefined makes one group of all rows, also of none. */
export interface PlannedGrouping {
  readonly values: readonly Evaluate[];
  readonly types: readonly SqlType[];
}

interface Group {
  readonly values: ExecutionRow;
  readonly states: readonly Accumulator[];
}

const BATCH_ROWS = 512;

export class Aggregate implements Operator {
  readonly #input: Operator;
  readonly #grouping: PlannedGrouping | undefined;
  readonly #aggregates: readonly PlannedAggregate[];
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #groups = new Map<DistinctKey, Group>();
  #results: IterableIterator<Group> | undefined;
  #done = false;

  constructor(
    input: Operator,
    grouping: PlannedGrouping | undefined,
    aggregates: readonly PlannedAggregate[],
    context: ExecutionContext,
  ) {
    this.#input = input;
    this.#grouping = grouping;
    this.#aggregates = aggregates;
    this.#context = context;
    this.#budget = new MemoryBudget('GROUP BY', context.limits.workBytesMax);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    if (this.#results !== undefined) return this.#emit();
    const single = this.#grouping === undefined ? this.#begin(null, []) : undefined;
    const take =
      single === undefined
        ? (batch: RowBatch): void => {
            for (const row of batch) this.#add(this.#groupOf(row), row);
          }
        : (batch: RowBatch): void => {
            for (const row of batch) this.#add(single, row);
          };
    return whenReady(drain(this.#input, take), () => {
      this.#results = this.#groups.values();
      return this.#emit();
    });
  }

  close(): void {
    this.#done = true;
    this.#groups.clear();
    this.#input.close();
  }

  #groupOf(row: ExecutionRow): Group {
    const { values, types } = this.#grouping!;
    const found = projectRow(row, values, this.#context);
    const key = distinctRowKey(types, found);
    return this.#groups.get(key) ?? this.#begin(key, found);
  }

  #begin(key: DistinctKey, values: ExecutionRow): Group {
    this.#budget.take(values);
    const group = { values, states: this.#aggregates.map((aggregate) => aggregate.function.create()) };
    this.#groups.set(key, group);
    return group;
  }

  #add({ states }: Group, row: ExecutionRow): void {
    for (let i = 0; i < states.length; i++) {
      const { argument } = this.#aggregates[i]!;
      const value = argument === undefined ? true : argument(row, this.#context);
      if (value !== null) states[i]!.add(value);
    }
  }

  #emit(): RowBatch | undefined {
    const rows: ExecutionRow[] = [];
    while (rows.length < BATCH_ROWS) {
      const next = this.#results!.next();
      if (next.done === true) break;
      const { values, states } = next.value;
      rows.push([...values, ...states.map((state) => state.result())]);
    }
    return rows.length === 0 ? undefined : rows;
  }
}
