/**
 * UNION ALL: the rows of the inputs, one input after another. INTERSECT and EXCEPT [ALL]: rows of the left input that the
 * right one has, or has not; with ALL as often as the numbers of both say. Without, INTERSECT gives them once, and
 * EXCEPT leaves that to a `Distinct` above.
 *
 * The right input is counted in memory, and rows come in the order of the left input. Where it does not fit, both inputs
 * are put into files by a hash of their rows, and each pair of files is treated in the same way.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType } from '../types/types.ts';
import { keyBytes, rowBytes } from '../types/value-bytes.ts';
import type { RowFile } from '../workspace/row-file.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';
import { RowFileScan, SpilledPartitions } from './spilled-partitions.ts';

const COUNT_BYTES = 48;

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
  readonly #right: Open;
  readonly #options: SetOperationOptions;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  /** Rows of the right input and how often it has them; 0 where they are not to be answered again. */
  readonly #counts = new Map<DistinctKey, { readonly row: ExecutionRow; count: number }>();
  /** What is compared with `#counts`: the left input, or a file of its rows. */
  #left: Operator | undefined;
  #begun = false;
  #parts: SpilledPartitions | undefined;
  /** Pairs of files to be treated as the inputs were, and how often their rows were parted. */
  readonly #files: { readonly left: RowFile; readonly right: RowFile; readonly depth: number }[] = [];
  #closed = false;

  constructor(left: Operator, right: Open, options: SetOperationOptions, context: ExecutionContext) {
    this.#left = left;
    this.#right = right;
    this.#options = options;
    this.#context = context;
    this.#budget = new MemoryBudget(options.operation.toUpperCase(), context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (!this.#begun) {
      this.#begun = true;
      const input = this.#right(this.#context);
      return whenReady(this.#begin(this.#left!, input, false, 0), () => this.next());
    }
    for (;;) {
      if (this.#left === undefined) {
        if (this.#closed || this.#files.length === 0) return undefined;
        return this.#nextFiles().then(() => this.next());
      }
      const batch = this.#left.next();
      if (isPromise(batch)) {
        return batch.then((late) => {
          const rows = this.#keep(late);
          return rows.length === 0 ? this.next() : rows;
        });
      }
      const rows = this.#keep(batch);
      if (rows.length > 0) return rows;
    }
  }

  close(): void {
    this.#closed = true;
    this.#left?.close();
    this.#left = undefined;
    this.#counts.clear();
    this.#budget.clear();
  }

  /**
   * Counts the rows of `right`, with which those of `left` are compared then; both go into files when there are too many.
   * @param counted Whether rows of `right` have their number in front.
   */
  #begin(left: Operator, right: Operator, counted: boolean, depth: number): Awaitable<void> {
    this.#counts.clear();
    this.#budget.clear();
    this.#parts = undefined;
    return whenReady(
      drain(right, this.#context, (batch) => this.#count(batch, 0, counted, depth)),
      () => {
        this.#left = left;
        return this.#parts === undefined ? undefined : this.#partLeft(left, this.#parts, depth);
      },
    );
  }

  #count(batch: RowBatch, from: number, counted: boolean, depth: number): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const times = counted ? (batch[i]![0] as number) : 1;
      const row = counted ? batch[i]!.slice(1) : batch[i]!;
      const key = distinctRowKey(this.#options.types, row);
      let full: Promise<void> | undefined;
      const known = this.#counts.get(key);
      if (this.#parts !== undefined) full = this.#parts.add(key, [times, ...row]);
      else if (known !== undefined) known.count += times;
      else if (this.#budget.tryTake(rowBytes(row) + keyBytes(key) + COUNT_BYTES)) {
        this.#counts.set(key, { row, count: times });
      } else full = this.#spill(depth).then((parts) => parts.add(key, [times, ...row]));
      if (full !== undefined) return full.then(() => this.#count(batch, i + 1, counted, depth));
    }
  }

  /** Moves what was counted into files. */
  async #spill(depth: number): Promise<SpilledPartitions> {
    if (!this.#context.workspace.canSpill || this.#counts.size === 0) throw this.#budget.refusal();
    const parts = await SpilledPartitions.begin(this.#context, depth);
    this.#parts = parts;
    for (const [key, { row, count }] of this.#counts) {
      const full = parts.add(key, [count, ...row]);
      if (full !== undefined) await full;
    }
    this.#counts.clear();
    this.#budget.clear();
    return parts;
  }

  async #partLeft(left: Operator, rightParts: SpilledPartitions, depth: number): Promise<void> {
    const parts = await SpilledPartitions.begin(this.#context, depth);
    const take = (batch: RowBatch, from: number): Awaitable<void> => {
      for (let i = from; i < batch.length; i++) {
        const row = batch[i]!;
        const full = parts.add(distinctRowKey(this.#options.types, row), row);
        if (full !== undefined) return full.then(() => take(batch, i + 1));
      }
    };
    await drain(left, this.#context, (batch) => take(batch, 0));
    const rights = await rightParts.finish();
    for (const [i, file] of (await parts.finish()).entries()) {
      this.#files.push({ left: file, right: rights[i]!, depth: depth + 1 });
    }
    this.#left = undefined;
  }

  async #nextFiles(): Promise<void> {
    const { left, right, depth } = this.#files.pop()!;
    const scan = (file: RowFile): Operator => new RowFileScan(file, this.#context);
    await this.#begin(scan(left), scan(right), true, depth);
  }

  /** What is answered of a batch; at the end nothing. */
  #keep(batch: RowBatch | undefined): RowBatch {
    if (batch === undefined) {
      this.#left = undefined;
      return [];
    }
    const { operation, all, types } = this.#options;
    const kept: ExecutionRow[] = [];
    for (const row of batch) {
      const known = this.#counts.get(distinctRowKey(types, row));
      const has = known !== undefined && known.count > 0;
      if (has && all) known.count--;
      if (has === (operation === 'intersect')) kept.push(row);
      // INTERSECT answers it once; EXCEPT never.
      if (has && !all && operation === 'intersect') known.count = 0;
    }
    return kept;
  }
}
