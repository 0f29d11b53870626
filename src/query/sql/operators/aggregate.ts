/**
 * Groups the rows of the input by values and aggregates each group: rows of the group's values, then of the aggregates'
 * results, then those of GROUPING. Groups come in the order of their first rows. Without grouping there is exactly one row, whatever the input.
 *
 * Holds one entry for each group, bounded by the statement's budget.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import type { Accumulator, AggregateFunction } from '../functions/aggregates.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';
import { compareKeys, type SortKey } from './sort.ts';

export interface PlannedAggregate {
  readonly function: AggregateFunction;
  /** Undefined counts rows. */
  readonly argument: Evaluate | undefined;
  /** Only rows of which this is true are taken. */
  readonly filter: Evaluate | undefined;
  /** The order in which rows are taken; empty for that of the input. */
  readonly orderBy: readonly SortKey[];
}

/** What rows are grouped by; undefined makes one group of all rows, also of none. */
export interface PlannedGrouping {
  readonly values: readonly Evaluate[];
  readonly types: readonly SqlType[];
  /** Grouping sets, as places in `values`; undefined for one set of all. */
  readonly sets: readonly (readonly number[])[] | undefined;
  /** Arguments of GROUPING, as places in `values`; each gives a column behind the aggregates. */
  readonly groupings: readonly (readonly number[])[];
}

interface Group {
  readonly values: ExecutionRow;
  readonly set: readonly number[] | undefined;
  readonly states: readonly Accumulator[];
  /** Values of ordered aggregates, which wait for all of their group; one list for each aggregate that is. */
  readonly waiting: readonly (Waiting[] | undefined)[];
}

interface Waiting {
  readonly value: Exclude<SqlValue, null>;
  readonly keys: readonly SqlValue[];
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
    this.#budget = new MemoryBudget('GROUP BY', context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    if (this.#results !== undefined) return this.#emit();
    const take = this.#taker();
    return whenReady(drain(this.#input, this.#context, take), () => {
      this.#results = this.#groups.values();
      return this.#emit();
    });
  }

  close(): void {
    this.#done = true;
    this.#groups.clear();
    this.#input.close();
  }

  #taker(): (batch: RowBatch) => void {
    const grouping = this.#grouping;
    if (grouping === undefined) {
      const single = this.#begin(null, [], undefined);
      return (batch) => {
        for (const row of batch) this.#add(single, row);
      };
    }
    const { sets, values, types } = grouping;
    if (sets === undefined) {
      return (batch) => {
        for (const row of batch) {
          const found = projectRow(row, values, this.#context);
          const key = distinctRowKey(types, found);
          this.#add(this.#groups.get(key) ?? this.#begin(key, found, undefined), row);
        }
      };
    }
    // A set of nothing has its one group even without rows.
    const nothing = values.map(() => null);
    sets.forEach((set, i) => {
      if (set.length === 0) this.#begin(`${i}`, nothing, set);
    });
    const setTypes = sets.map((set) => set.map((place) => types[place]!));
    return (batch) => {
      for (const row of batch) {
        const found = projectRow(row, values, this.#context);
        for (let i = 0; i < sets.length; i++) {
          const set = sets[i]!;
          const own = set.map((place) => found[place]!);
          // Keys of different sets are kept apart by the number in front.
          const key = set.length === 0 ? `${i}` : `${i}/${typedKey(setTypes[i]!, own)}`;
          const known = this.#groups.get(key);
          if (known !== undefined) {
            this.#add(known, row);
            continue;
          }
          const partial = found.map((value, place) => (set.includes(place) ? value : null));
          this.#add(this.#begin(key, partial, set), row);
        }
      }
    };
  }

  #begin(key: DistinctKey, values: ExecutionRow, set: readonly number[] | undefined): Group {
    this.#budget.take(values);
    const group = {
      values,
      set,
      states: this.#aggregates.map((aggregate) => aggregate.function.create()),
      waiting: this.#aggregates.map(({ orderBy }) => (orderBy.length === 0 ? undefined : [])),
    };
    this.#groups.set(key, group);
    return group;
  }

  #add({ states, waiting }: Group, row: ExecutionRow): void {
    for (let i = 0; i < states.length; i++) {
      const { argument, filter, orderBy } = this.#aggregates[i]!;
      if (filter !== undefined && filter(row, this.#context) !== true) continue;
      const value = argument === undefined ? true : argument(row, this.#context);
      if (value === null) continue;
      const list = waiting[i];
      if (list === undefined) {
        states[i]!.add(value);
        continue;
      }
      const keys = orderBy.map((key) => key.value(row, this.#context));
      this.#budget.take([value, ...keys]);
      list.push({ value, keys });
    }
  }

  #finish({ states, waiting }: Group): SqlValue[] {
    return states.map((state, i) => {
      const list = waiting[i];
      if (list !== undefined) {
        list.sort((a, b) => compareKeys(this.#aggregates[i]!.orderBy, a.keys, b.keys));
        for (const { value } of list) state.add(value);
      }
      return state.result();
    });
  }

  /** For each GROUPING: a bit for each argument, the first the highest, that is 1 where the set leaves it out. */
  #groupingsOf({ set }: Group): SqlValue[] {
    return (this.#grouping?.groupings ?? []).map((args) =>
      args.reduce((bits, place) => bits * 2 + (set === undefined || set.includes(place) ? 0 : 1), 0),
    );
  }

  #emit(): RowBatch | undefined {
    const rows: ExecutionRow[] = [];
    while (rows.length < BATCH_ROWS) {
      const next = this.#results!.next();
      if (next.done === true) break;
      const { value } = next;
      rows.push([...value.values, ...this.#finish(value), ...this.#groupingsOf(value)]);
    }
    return rows.length === 0 ? undefined : rows;
  }
}

function typedKey(types: readonly SqlType[], values: readonly SqlValue[]): string {
  return types
    .map((type, i) => {
      const key = distinctKey(type, values[i]!);
      return key === null ? 'n' : `${String(key).length}:${String(key)}`;
    })
    .join('');
}
