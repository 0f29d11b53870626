/**
 * ORDER BY where no key gives the order: holds all rows, sorted stably in memory, bounded by the statement's budget.
 * With a limit it keeps no more than twice the rows that the limit needs, and a few.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { Compare } from '../types/compare.ts';
import type { SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export interface SortKey {
  readonly value: Evaluate;
  readonly compare: Compare;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

interface Sortable {
  readonly row: ExecutionRow;
  readonly keys: readonly SqlValue[];
}

const BATCH_ROWS = 512;
const SPARE_ROWS = 256;

export class Sort implements Operator {
  readonly #input: Operator;
  readonly #keys: readonly SortKey[];
  readonly #context: ExecutionContext;
  readonly #rowsMax: number;
  readonly #budget: MemoryBudget;
  #held: Sortable[] = [];
  #sorted = false;
  #position = 0;

  /** @param rowsMax How many rows are wanted; Infinity for all. */
  constructor(input: Operator, keys: readonly SortKey[], context: ExecutionContext, rowsMax: number) {
    this.#input = input;
    this.#keys = keys;
    this.#context = context;
    this.#rowsMax = rowsMax;
    this.#budget = new MemoryBudget('a sort', context.limits.workBytesMax);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#sorted) return this.#emit();
    return whenReady(
      drain(this.#input, (batch) => this.#take(batch)),
      () => {
        this.#cut();
        this.#sorted = true;
        return this.#emit();
      },
    );
  }

  close(): void {
    this.#input.close();
    this.#sorted = true;
    this.#held = [];
  }

  #take(batch: RowBatch): void {
    for (const row of batch) {
      const keys = this.#keys.map((key) => key.value(row, this.#context));
      this.#budget.take(row);
      this.#held.push({ row, keys });
      if (this.#held.length >= 2 * this.#rowsMax + SPARE_ROWS) this.#cut();
    }
  }

  #cut(): void {
    this.#held.sort((a, b) => compareKeys(this.#keys, a.keys, b.keys));
    if (this.#held.length <= this.#rowsMax) return;
    this.#held.length = this.#rowsMax;
    this.#budget.reset(this.#held.map(({ row }) => row));
  }

  #emit(): RowBatch | undefined {
    const rows = this.#held.slice(this.#position, this.#position + BATCH_ROWS).map(({ row }) => row);
    this.#position += rows.length;
    return rows.length === 0 ? undefined : rows;
  }
}

/** Which of two rows comes first, by the values of their keys. */
export function compareKeys(keys: readonly SortKey[], a: readonly SqlValue[], b: readonly SqlValue[]): number {
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const x = a[i]!;
    const y = b[i]!;
    if (x === null || y === null) {
      if (x === y) continue;
      return (x === null) === key.nullsFirst ? -1 : 1;
    }
    const order = key.compare(x, y);
    if (order !== 0) return key.descending ? -order : order;
  }
  return 0;
}
