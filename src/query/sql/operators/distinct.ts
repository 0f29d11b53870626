/**
 * The first of every set of equal rows, in the order of the input. Rows leave as they come while what was seen fits into
 * memory; of what is not known then, the rest is put into files by its hash, each file treated in its turn, and what is
 * left of all of them sorted by where it came from.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { keyBytes } from '../types/value-bytes.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';
import { type SortedRows, Sorter } from './sorter.ts';
import { RowFileScan, SpilledPartitions } from './spilled-partitions.ts';

const BATCH_ROWS = 512;

export class Distinct implements Operator {
  readonly #input: Operator;
  readonly #types: readonly SqlType[];
  readonly #values: readonly Evaluate[] | undefined;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #seen = new Set<DistinctKey>();
  #parts: SpilledPartitions | undefined;
  /** Rows that were put into files. */
  #spilled = 0;
  #late: SortedRows | undefined;
  #sorter: Sorter | undefined;
  #closed = false;

  /**
   * @param types One for each value.
   * @param values What rows are compared by; undefined for all columns.
   */
  constructor(
    input: Operator,
    types: readonly SqlType[],
    context: ExecutionContext,
    values: readonly Evaluate[] | undefined = undefined,
  ) {
    this.#input = input;
    this.#types = types;
    this.#values = values;
    this.#context = context;
    this.#budget = new MemoryBudget('DISTINCT', context);
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      if (this.#late !== undefined) return this.#emitLate(this.#late);
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      if (isPromise(batch)) return batch.then((late) => this.#afterWait(this.#kept(late)));
      const kept = this.#kept(batch);
      if (isPromise(kept)) return this.#afterWait(kept);
      if (kept === undefined || kept.length > 0) return kept;
    }
  }

  close(): void {
    this.#closed = true;
    this.#seen.clear();
    this.#budget.clear();
    this.#sorter?.close();
    this.#late = undefined;
    this.#input.close();
  }

  #afterWait(pending: Awaitable<RowBatch | undefined>): Awaitable<RowBatch | undefined> {
    return whenReady(pending, (kept) => (kept?.length === 0 ? this.next() : kept));
  }

  /** What is kept of a batch, perhaps nothing. */
  #kept(batch: RowBatch | undefined): Awaitable<RowBatch | undefined> {
    if (batch === undefined) return this.#parts === undefined ? undefined : this.#emitSpilled(this.#parts);
    const kept: ExecutionRow[] = [];
    const done = this.#keep(batch, 0, kept);
    return done === undefined ? kept : done.then(() => kept);
  }

  #keyOf(row: ExecutionRow): DistinctKey {
    const compared = this.#values === undefined ? row : projectRow(row, this.#values, this.#context);
    return distinctRowKey(this.#types, compared);
  }

  #keep(batch: RowBatch, from: number, kept: ExecutionRow[]): Promise<void> | undefined {
    for (let i = from; i < batch.length; i++) {
      const row = batch[i]!;
      const key = this.#keyOf(row);
      if (this.#seen.has(key)) continue;
      if (this.#parts === undefined) {
        if (this.#budget.tryTake(keyBytes(key))) {
          this.#seen.add(key);
          kept.push(row);
          continue;
        }
        if (!this.#context.workspace.canSpill || this.#seen.size === 0) throw this.#budget.refusal();
        return this.#beginSpill().then(() => this.#keep(batch, i, kept));
      }
      const full = this.#parts.add(key, [this.#spilled++, ...row]);
      if (full !== undefined) return full.then(() => this.#keep(batch, i + 1, kept));
    }
    return undefined;
  }

  async #beginSpill(): Promise<void> {
    this.#parts = await SpilledPartitions.begin(this.#context, 0);
  }

  /** The input has ended: finds the first of each set in files, and sorts them by where they came from. */
  async #emitSpilled(parts: SpilledPartitions): Promise<RowBatch | undefined> {
    this.#seen.clear();
    this.#budget.clear();
    const compare = (a: readonly SqlValue[], b: readonly SqlValue[]): number => (a[0] as number) - (b[0] as number);
    const sorter = new Sorter({ what: 'DISTINCT', compare, rowsMax: Number.POSITIVE_INFINITY }, this.#context);
    this.#sorter = sorter;
    await this.#sift(parts, 0, sorter);
    this.#seen.clear();
    this.#budget.clear();
    this.#late = await sorter.finish();
    return this.#emitLate(this.#late);
  }

  async #sift(parts: SpilledPartitions, depth: number, sorter: Sorter): Promise<void> {
    for (const file of await parts.finish()) {
      const seen = new Set<DistinctKey>();
      let rest: SpilledPartitions | undefined;
      this.#budget.clear();
      const scan = new RowFileScan(file, this.#context);
      for (let batch = await scan.next(); batch !== undefined; batch = await scan.next()) {
        const pause = this.#context.pause();
        if (pause !== undefined) await pause;
        for (const numbered of batch) {
          const row = numbered.slice(1);
          const key = this.#keyOf(row);
          if (seen.has(key)) continue;
          if (rest === undefined && this.#budget.tryTake(keyBytes(key))) {
            seen.add(key);
            const full = sorter.add(row, [numbered[0]!]);
            if (full !== undefined) await full;
            continue;
          }
          if (seen.size === 0) throw this.#budget.refusal();
          rest ??= await SpilledPartitions.begin(this.#context, depth + 1);
          const full = rest.add(key, numbered);
          if (full !== undefined) await full;
        }
      }
      if (rest !== undefined) await this.#sift(rest, depth + 1, sorter);
    }
  }

  #emitLate(late: SortedRows): Awaitable<RowBatch | undefined> {
    const rows = late.batch(BATCH_ROWS);
    return isPromise(rows) ? rows.then((some) => this.#emitted(some)) : this.#emitted(rows);
  }

  #emitted(rows: RowBatch): RowBatch | undefined {
    if (rows.length > 0) return rows;
    this.close();
    return undefined;
  }
}
