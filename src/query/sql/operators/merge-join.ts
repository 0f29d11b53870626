/**
 * A join of two inputs that come in the order of what must be equal, ascending, nulls anywhere: one pass over both, holding
 * no more than the partners of one key. The order of the left input stays. See join.ts for the kinds.
 *
 * Partners of one key are held in memory, however many: more than the operator may hold are refused. The planner takes
 * another way where it expects that many.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { Compare } from '../types/compare.ts';
import type { SqlValue } from '../types/types.ts';
import type { JoinOptions } from './join.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export interface MergeJoinOptions extends JoinOptions {
  /** Over rows of either side: what must be equal, first what they are ordered by first. */
  readonly left: readonly Evaluate[];
  readonly right: readonly Evaluate[];
  readonly compare: readonly Compare[];
  /** Values in a row of the left side. */
  readonly leftWidth: number;
}

const BATCH_ROWS = 512;
/** Partners that are tried before other work may have its turn. */
const PARTNERS_AT_ONCE = 1_024;

/** The rows of an input one by one, each with its key. */
class Feed {
  row: ExecutionRow | undefined;
  /** Undefined where a part of it is null, which equals nothing. */
  key: readonly Exclude<SqlValue, null>[] | undefined;
  ended = false;
  readonly #input: Operator;
  readonly #values: readonly Evaluate[];
  readonly #context: ExecutionContext;
  #rows: RowBatch = [];
  #position = 0;

  constructor(input: Operator, values: readonly Evaluate[], context: ExecutionContext) {
    this.#input = input;
    this.#values = values;
    this.#context = context;
  }

  /** Makes `row` the next one, unless there is one. @returns a promise to wait for before asking again. */
  fill(): Promise<void> | undefined {
    while (this.row === undefined && !this.ended) {
      if (this.#position < this.#rows.length) {
        this.row = this.#rows[this.#position++]!;
        this.key = this.#keyOf(this.row);
        return undefined;
      }
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      if (isPromise(batch)) return batch.then((late) => this.#accept(late));
      this.#accept(batch);
    }
    return undefined;
  }

  close(): void {
    this.ended = true;
    this.row = undefined;
    this.#rows = [];
    this.#input.close();
  }

  #accept(batch: RowBatch | undefined): void {
    if (batch === undefined) this.ended = true;
    this.#rows = batch ?? [];
    this.#position = 0;
  }

  #keyOf(row: ExecutionRow): Exclude<SqlValue, null>[] | undefined {
    const key: Exclude<SqlValue, null>[] = new Array(this.#values.length);
    for (let i = 0; i < key.length; i++) {
      const value = this.#values[i]!(row, this.#context);
      if (value === null) return undefined;
      key[i] = value;
    }
    return key;
  }
}

export class MergeJoin implements Operator {
  readonly #left: Feed;
  readonly #right: Feed;
  readonly #options: MergeJoinOptions;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #noPartner: readonly null[];
  readonly #noRow: readonly null[];
  /** Rows of the right side with this key; they are still being gathered while `#gathers`. */
  #groupKey: readonly Exclude<SqlValue, null>[] | undefined;
  #group: ExecutionRow[] = [];
  #gathers = false;
  /** Of a full join: those of the group that had a partner. */
  #met = new Set<ExecutionRow>();
  /** Partners of the left row that were tried. */
  #tried = 0;
  #found = false;
  #out: ExecutionRow[] = [];
  #done = false;
  readonly #batchRows: number;

  /** @param rowsMax At most so many rows will be asked for. */
  constructor(
    left: Operator,
    right: Operator,
    options: MergeJoinOptions,
    context: ExecutionContext,
    rowsMax: number = BATCH_ROWS,
  ) {
    this.#batchRows = Math.min(BATCH_ROWS, rowsMax);
    this.#left = new Feed(left, options.left, context);
    this.#right = new Feed(right, options.right, context);
    this.#options = options;
    this.#context = context;
    this.#budget = new MemoryBudget('a merge join', context);
    this.#noPartner = new Array<null>(options.width).fill(null);
    this.#noRow = new Array<null>(options.leftWidth).fill(null);
  }

  next(): Awaitable<RowBatch | undefined> {
    while (!this.#done && this.#out.length < this.#batchRows) {
      const wait = this.#step();
      if (wait !== undefined) return wait.then(() => this.next());
    }
    if (this.#out.length === 0) return undefined;
    const out = this.#out;
    this.#out = [];
    return out;
  }

  close(): void {
    this.#done = true;
    this.#out = [];
    this.#left.close();
    this.#right.close();
    this.#endGroup();
    this.#budget.clear();
  }

  /** @returns a promise where something has to be waited for. */
  #step(): Promise<void> | undefined {
    const [left, right] = [this.#left, this.#right];
    if (this.#gathers) return right.fill() ?? this.#gather();
    const late = left.fill();
    if (late !== undefined) return late;
    if (left.row === undefined) return this.#finish();
    if (left.key === undefined) {
      this.#leave(left.row, false);
      return undefined;
    }
    if (this.#groupKey !== undefined) {
      const order = this.#compare(left.key, this.#groupKey);
      if (order === 0) return this.#join(left.row);
      if (order < 0) this.#leave(left.row, false);
      else this.#endGroup();
      return undefined;
    }
    const lateRight = right.fill();
    if (lateRight !== undefined) return lateRight;
    if (right.row === undefined) {
      const { kind } = this.#options;
      if (kind === 'inner' || kind === 'semi') this.#end();
      else this.#leave(left.row, false);
      return undefined;
    }
    const order = right.key === undefined ? 1 : this.#compare(left.key, right.key);
    if (order < 0) this.#leave(left.row, false);
    else if (order > 0) this.#skipRight(right.row);
    else {
      this.#groupKey = right.key;
      this.#gathers = true;
    }
    return undefined;
  }

  /** The next row of the right side, if it has the key of the group. */
  #gather(): undefined {
    const { row, key } = this.#right;
    if (row === undefined || key === undefined || this.#compare(key, this.#groupKey!) !== 0) {
      this.#gathers = false;
      return undefined;
    }
    this.#budget.take(row);
    this.#group.push(row);
    this.#right.row = undefined;
    return undefined;
  }

  /** Joins the left row with its next partners. */
  #join(row: ExecutionRow): Promise<void> | undefined {
    const { condition, kind } = this.#options;
    const group = this.#group;
    const once = kind === 'semi' || kind === 'anti';
    const end = Math.min(group.length, this.#tried + PARTNERS_AT_ONCE);
    for (let i = this.#tried; i < end && !(once && this.#found); i++) {
      if (once && condition === undefined) {
        this.#found = true;
        break;
      }
      const partner = group[i]!;
      const joined = row.concat(partner);
      if (condition !== undefined && condition(joined, this.#context) !== true) continue;
      this.#found = true;
      if (once) break;
      if (kind === 'full') this.#met.add(partner);
      this.#out.push(joined);
    }
    this.#tried = end;
    if (end < group.length && !(once && this.#found)) return this.#context.pause();
    this.#leave(row, this.#found);
    return undefined;
  }

  /** All partners of the left row are known. */
  #leave(row: ExecutionRow, found: boolean): void {
    const { kind } = this.#options;
    if (found ? kind === 'semi' : kind === 'anti') this.#out.push(row);
    else if (!found && (kind === 'left' || kind === 'full')) this.#out.push(row.concat(this.#noPartner));
    this.#left.row = undefined;
    this.#tried = 0;
    this.#found = false;
  }

  #skipRight(row: ExecutionRow): void {
    if (this.#options.kind === 'full') this.#out.push([...this.#noRow, ...row]);
    this.#right.row = undefined;
  }

  #endGroup(): void {
    if (this.#options.kind === 'full') {
      for (const row of this.#group) if (!this.#met.has(row)) this.#out.push([...this.#noRow, ...row]);
      this.#met.clear();
    }
    this.#group = [];
    this.#groupKey = undefined;
    this.#budget.clear();
  }

  /** The left side has ended: of a full join what is left of the right one follows. */
  #finish(): Promise<void> | undefined {
    if (this.#groupKey !== undefined) this.#endGroup();
    if (this.#options.kind !== 'full') {
      this.#end();
      return undefined;
    }
    const late = this.#right.fill();
    if (late !== undefined) return late;
    if (this.#right.row === undefined) this.#end();
    else this.#skipRight(this.#right.row);
    return undefined;
  }

  #end(): void {
    this.#done = true;
    this.#left.close();
    this.#right.close();
  }

  #compare(a: readonly Exclude<SqlValue, null>[], b: readonly Exclude<SqlValue, null>[]): number {
    const { compare } = this.#options;
    for (let i = 0; i < compare.length; i++) {
      const order = compare[i]!(a[i]!, b[i]!);
      if (order !== 0) return order;
    }
    return 0;
  }
}
