/**
 * What an aggregate with DISTINCT or ORDER BY is given for one group: values wait until all of the group are there, then
 * are handed over in their order, each once if DISTINCT. As in PostgreSQL, DISTINCT alone sorts by the values themselves.
 *
 * What does not fit into memory waits in sorted files.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Accumulator, AggregateFunction } from '../functions/aggregates.ts';
import type { Argument } from '../functions/evaluation.ts';
import { compareFor } from '../types/compare.ts';
import { type DistinctKey, distinctKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { keyBytes, rowBytes, valueBytes } from '../types/value-bytes.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext } from './operator.ts';
import { keyComparator, type SortKey } from './sort.ts';
import { type CompareKeys, type SortedRows, Sorter } from './sorter.ts';

/** How values of an aggregate are to be ordered. */
export interface InputOrder {
  readonly compare: CompareKeys;
  /** Whether the value itself is the last of the keys. */
  readonly byValue: boolean;
  /** Of the values, where each is wanted once. */
  readonly distinct: SqlType | undefined;
  /** False when the result does not depend on the order, which then only brings equal values together. */
  readonly matters: boolean;
}

const ANY_ORDER = new Set(['count', 'min', 'max']);
const EXACT_SUMS = new Set(['sum', 'avg']);
const EXACT_TYPES = new Set<SqlType>(['int2', 'int4', 'int8', 'numeric']);

/** Undefined when values can be handed over as they come. */
export function inputOrder(found: AggregateFunction, orderBy: readonly SortKey[]): InputOrder | undefined {
  const { distinct } = found;
  if (distinct === undefined) {
    if (orderBy.length === 0) return undefined;
    return { compare: keyComparator(orderBy), byValue: false, distinct, matters: true };
  }
  let last: CompareKeys | undefined;
  const compareValues: CompareKeys = (a, b) => {
    // A type without an order is only met where there are two values of it.
    if (last === undefined) {
      const compare = compareFor(distinct);
      last = (x, y) => compare(x[orderBy.length] as Argument, y[orderBy.length] as Argument);
    }
    return last(a, b);
  };
  if (orderBy.length === 0) {
    const { name, argument } = found;
    const matters = !ANY_ORDER.has(name) && !(EXACT_SUMS.has(name) && EXACT_TYPES.has(argument!));
    return { compare: compareValues, byValue: true, distinct, matters };
  }
  const first = keyComparator(orderBy);
  return { compare: (a, b) => first(a, b) || compareValues(a, b), byValue: true, distinct, matters: true };
}

interface Waiting {
  readonly value: Argument;
  readonly keys: readonly SqlValue[];
}

const WAITING_BYTES = 40;
const VALUES_BETWEEN_PAUSES = 1_024;

export class AggregateInput {
  readonly #order: InputOrder;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget | undefined;
  readonly #sorterBytesMax: number;
  #waiting: Waiting[] = [];
  #seen: Set<DistinctKey> | undefined;
  #bytes = 0;
  #sorter: Sorter | undefined;

  /**
   * @param budget Of the operator; undefined when what waits is counted already.
   * @param sorterBytesMax What may be held once values are put into files.
   */
  constructor(order: InputOrder, context: ExecutionContext, budget: MemoryBudget | undefined, sorterBytesMax: number) {
    this.#order = order;
    this.#context = context;
    this.#budget = budget;
    this.#sorterBytesMax = sorterBytesMax;
    if (order.distinct !== undefined) this.#seen = new Set();
  }

  /**
   * @param state Gets the value at once where the order does not matter.
   * @returns a promise to wait for before the next value, now and then.
   * @throws SqlError `out_of_memory`, and of files.
   */
  add(value: Argument, keys: readonly SqlValue[], state: Accumulator): Promise<void> | undefined {
    const { distinct, byValue, matters } = this.#order;
    const all = byValue ? [...keys, value] : keys;
    let bytes = matters ? WAITING_BYTES + rowBytes(all) + valueBytes(value) : 0;
    let key: DistinctKey | undefined;
    if (this.#seen !== undefined) {
      key = distinctKey(distinct!, value);
      if (this.#seen.has(key)) return undefined;
      bytes += keyBytes(key);
    }
    if (this.#sorter !== undefined) return this.#sorter.add([value], all);
    if (this.#budget !== undefined && !this.#budget.tryTake(bytes)) {
      if (!this.#context.workspace.canSpill) throw this.#budget.refusal();
      return this.#beginSorter(value, all);
    }
    this.#bytes += bytes;
    if (key !== undefined) this.#seen!.add(key);
    if (matters) this.#waiting.push({ value, keys: all });
    else state.add(value);
    return undefined;
  }

  /** Hands over all values that `state` has not got. */
  finish(state: Accumulator): Awaitable<void> {
    if (this.#sorter !== undefined) return this.#finishSorted(this.#sorter, state);
    const { compare } = this.#order;
    if (this.#waiting.length > 1) this.#waiting.sort((a, b) => compare(a.keys, b.keys));
    for (const { value } of this.#waiting) state.add(value);
    this.#waiting = [];
    this.#seen = undefined;
  }

  /** What waits goes into a sorter of its own; what was handed over stays known. */
  async #beginSorter(value: Argument, keys: readonly SqlValue[]): Promise<void> {
    const { compare, matters } = this.#order;
    const options = {
      what: 'an aggregate',
      compare,
      rowsMax: Number.POSITIVE_INFINITY,
      bytesMax: this.#sorterBytesMax,
    };
    const sorter = new Sorter(options, this.#context);
    this.#sorter = sorter;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (matters) {
      this.#seen = undefined;
      this.#budget!.give(this.#bytes);
    }
    for (const each of waiting) {
      const full = sorter.add([each.value], each.keys);
      if (full !== undefined) await full;
    }
    await sorter.add([value], keys);
  }

  async #finishSorted(sorter: Sorter, state: Accumulator): Promise<void> {
    const { distinct } = this.#order;
    const sorted: SortedRows = await sorter.finish();
    let last: DistinctKey | undefined;
    for (let count = 1; ; count++) {
      const next = sorted.next();
      const item = isPromise(next) ? await next : next;
      if (item === undefined) break;
      if (count % VALUES_BETWEEN_PAUSES === 0) await this.#context.pause();
      const value = item.row[0] as Argument;
      if (distinct !== undefined) {
        const key = distinctKey(distinct, value);
        if (key === last) continue;
        last = key;
      }
      state.add(value);
    }
    sorter.close();
  }
}
