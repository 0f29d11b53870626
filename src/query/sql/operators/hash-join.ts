/**
 * A join with what is read once and held by the values that must be equal (by nothing, when there are none: then every row
 * is tried). See join.ts for the kinds.
 *
 * When the right side does not fit into memory, both sides are put into files by a hash of those values, and each pair of
 * files is joined by itself (the GRACE hash join of Kitsuregawa et al., 1983); where one file of the right side does not fit
 * either, piece by piece, reading that of the left again for each. The order of the input is lost then: no plan may
 * count on it.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { keyBytes, rowBytes } from '../types/value-bytes.ts';
import type { RowFile } from '../workspace/row-file.ts';
import { drain } from './drain.ts';
import { Join, type JoinOptions } from './join.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';
import { RowFileScan, SpilledPartitions } from './spilled-partitions.ts';

export interface HashJoinOptions extends JoinOptions {
  /** Over rows of the input, and over partners: what must be equal, of these types. */
  readonly left: readonly Evaluate[];
  readonly right: readonly Evaluate[];
  readonly types: readonly SqlType[];
  /** The places of those in rows of the input that are just values of the row. */
  readonly leftPlaces: readonly (number | undefined)[];
  /** Values in a row of the input. */
  readonly leftWidth: number;
}

const BATCH_ROWS = 512;
const NONE: readonly ExecutionRow[] = [];
/** The list of rows that are alike, and the Map's entry for it. */
const ALIKE_BYTES = 100;
/** Stands for a null among the values, which equals nothing: such rows go into any file. */
const NO_KEY: DistinctKey = null;

interface Part {
  readonly left: RowFile;
  readonly right: RowFile;
}

export class HashJoin extends Join {
  readonly #left: Operator;
  readonly #open: Open;
  readonly #options: HashJoinOptions;
  readonly #budget: MemoryBudget;
  #table = new Map<DistinctKey, ExecutionRow[]>();
  /** Of a full join: partners that were not found by any row, in their order. */
  #unmet: Set<ExecutionRow> | undefined;
  #rest: IterableIterator<ExecutionRow> | undefined;
  #built = false;
  #rightParts: SpilledPartitions | undefined;
  #parts: Part[] | undefined;
  /** The part that is being joined piece by piece. */
  #current: { readonly part: Part; readonly right: RowFileScan; found: Uint8Array | undefined } | undefined;
  /** Rows of its right side that were read and did not fit into the piece. */
  #leftover: RowBatch = [];
  #closed = false;

  /** @param open The right side, opened once. */
  constructor(input: Operator, open: Open, options: HashJoinOptions, context: ExecutionContext) {
    super(input, options, context);
    this.#left = input;
    this.#open = open;
    this.#options = options;
    this.#budget = new MemoryBudget('a join', context);
    if (options.kind === 'full') this.#unmet = new Set();
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#closed) return undefined;
    if (this.#parts !== undefined) return this.#nextOfParts();
    if (this.#built) return this.emit();
    return whenReady(
      drain(this.#open(this.context), this.context, (batch) => this.#hold(batch, 0)),
      () => {
        this.#built = true;
        this.#narrowLeft();
        return this.#rightParts === undefined ? this.emit() : this.#partLeft(this.#rightParts);
      },
    );
  }

  override close(): void {
    super.close();
    this.#closed = true;
    this.#forget();
    this.#unmet = undefined;
    this.#parts = undefined;
  }

  protected partners(row: ExecutionRow): readonly ExecutionRow[] {
    const key = this.#hashKey(this.#options.left, row);
    return (key !== undefined && this.#table.get(key)) || NONE;
  }

  protected override met(partner: ExecutionRow): void {
    this.#unmet?.delete(partner);
  }

  protected override remaining(): RowBatch | undefined {
    if (this.#unmet === undefined) return undefined;
    this.#rest ??= this.#unmet.values();
    const nulls = new Array<null>(this.#options.leftWidth).fill(null);
    const rows: ExecutionRow[] = [];
    while (rows.length < BATCH_ROWS) {
      const { done, value } = this.#rest.next();
      if (done === true) break;
      rows.push([...nulls, ...value]);
    }
    return rows.length === 0 ? undefined : rows;
  }

  #forget(): void {
    this.#table = new Map();
    this.#unmet?.clear();
    this.#rest = undefined;
    this.#budget.clear();
  }

  /** Takes rows of the right side, into files once memory is used up. */
  #hold(batch: RowBatch, from: number): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      // Rows without columns may be one and the same; which were met is told by what they are.
      const row = this.#unmet?.has(batch[i]!) === true ? batch[i]!.slice() : batch[i]!;
      const key = this.#hashKey(this.#options.right, row);
      if (key === undefined && this.#unmet === undefined) continue;
      if (this.#rightParts !== undefined) {
        const full = this.#rightParts.add(key ?? NO_KEY, row);
        if (full !== undefined) return full.then(() => this.#hold(batch, i + 1));
      } else if (!this.#insert(key, row)) {
        if (!this.context.workspace.canSpill) throw this.#budget.refusal();
        return this.#spillRight().then(() => this.#hold(batch, i));
      }
    }
  }

  /** @returns false when there is no memory for it. */
  #insert(key: DistinctKey | undefined, row: ExecutionRow): boolean {
    const alike = key === undefined ? undefined : this.#table.get(key);
    const entry = key === undefined || alike !== undefined ? 0 : ALIKE_BYTES + keyBytes(key);
    if (!this.#budget.tryTake(rowBytes(row) + entry)) return false;
    this.#unmet?.add(row);
    if (alike !== undefined) alike.push(row);
    else if (key !== undefined) this.#table.set(key, [row]);
    return true;
  }

  /** What is held tells which rows of the input can have a partner. */
  #narrowLeft(): void {
    const { kind, leftPlaces, right } = this.#options;
    const left = this.#left;
    if (left.narrow === undefined || this.#rightParts !== undefined || (kind !== 'inner' && kind !== 'semi')) return;
    for (const [i, place] of leftPlaces.entries()) {
      if (place === undefined) continue;
      const values = new Set<SqlValue>();
      for (const [row] of this.#table.values()) values.add(right[i]!(row!, this.context));
      left.narrow(place, values);
    }
  }

  /** Moves what is held into files. */
  async #spillRight(): Promise<void> {
    const parts = await SpilledPartitions.begin(this.context, 0);
    this.#rightParts = parts;
    const move = async (key: DistinctKey, rows: Iterable<ExecutionRow>): Promise<void> => {
      for (const row of rows) {
        const full = parts.add(key, row);
        if (full !== undefined) await full;
      }
      const pause = this.context.pause();
      if (pause !== undefined) await pause;
    };
    for (const [key, rows] of this.#table) {
      for (const row of rows) this.#unmet?.delete(row);
      await move(key, rows);
    }
    if (this.#unmet !== undefined) await move(NO_KEY, this.#unmet);
    this.#forget();
  }

  /** Puts the left side into files too, and begins to join them. */
  async #partLeft(rightParts: SpilledPartitions): Promise<RowBatch | undefined> {
    const leftParts = await SpilledPartitions.begin(this.context, 0);
    const { kind } = this.#options;
    const keepsAll = kind !== 'inner' && kind !== 'semi';
    const take = (batch: RowBatch, from: number): Awaitable<void> => {
      for (let i = from; i < batch.length; i++) {
        const row = batch[i]!;
        const key = this.#hashKey(this.#options.left, row);
        if (key === undefined && !keepsAll) continue;
        const full = leftParts.add(key ?? NO_KEY, row);
        if (full !== undefined) return full.then(() => take(batch, i + 1));
      }
    };
    const drained = drain(this.#left, this.context, (batch) => take(batch, 0));
    if (isPromise(drained)) await drained;
    const right = await rightParts.finish();
    const left = await leftParts.finish();
    this.#parts = left.map((file, i) => ({ left: file, right: right[i]! })).reverse();
    return (await this.#nextPass()) ? this.#nextOfParts() : undefined;
  }

  async #nextOfParts(): Promise<RowBatch | undefined> {
    for (;;) {
      const batch = await this.emit();
      if (batch !== undefined) return batch;
      if (this.#closed || !(await this.#nextPass())) return undefined;
    }
  }

  /** Reads the next piece of the right side, and begins to read the left side of its part. @returns false at the end. */
  async #nextPass(): Promise<boolean> {
    const { kind } = this.#options;
    this.#forget();
    while (this.#current === undefined) {
      const part = this.#parts?.pop();
      if (part === undefined) return false;
      const isIdle =
        (part.left.rows === 0 && kind !== 'full') || (part.right.rows === 0 && (kind === 'inner' || kind === 'semi'));
      if (!isIdle) {
        this.#current = { part, right: new RowFileScan(part.right, this.context), found: undefined };
        break;
      }
      this.context.workspace.closeFile(part.left);
      this.context.workspace.closeFile(part.right);
    }
    const current = this.#current;
    const last = !(await this.#readPiece(current.right));
    if (!last) current.found ??= new Uint8Array((current.part.left.rows + 7) >> 3);
    const pass = current.found === undefined ? undefined : { found: current.found, last };
    this.restart(new RowFileScan(current.part.left, this.context, !last), pass);
    if (last) this.#current = undefined;
    return true;
  }

  /** @returns whether rows are left. @throws SqlError `out_of_memory` for a row that does not fit by itself. */
  async #readPiece(right: RowFileScan): Promise<boolean> {
    let batch: RowBatch | undefined = this.#leftover;
    this.#leftover = [];
    for (; batch !== undefined; batch = await right.next()) {
      for (let i = 0; i < batch.length; i++) {
        const row = batch[i]!;
        if (this.#insert(this.#hashKey(this.#options.right, row), row)) continue;
        if (this.#budget.bytes === 0) throw this.#budget.refusal();
        this.#leftover = batch.slice(i);
        return true;
      }
      const pause = this.context.pause();
      if (pause !== undefined) await pause;
    }
    return false;
  }

  /** Undefined when a value is null, which equals nothing. */
  #hashKey(values: readonly Evaluate[], row: ExecutionRow): DistinctKey | undefined {
    if (values.length === 1) {
      const value = values[0]!(row, this.context);
      return value === null ? undefined : distinctKey(this.#options.types[0]!, value);
    }
    const found: SqlValue[] = [];
    for (const evaluate of values) {
      const value = evaluate(row, this.context);
      if (value === null) return undefined;
      found.push(value);
    }
    return distinctRowKey(this.#options.types, found);
  }
}
