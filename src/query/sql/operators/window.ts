/**
 * Window functions: each row of the input with the results of functions over its partition behind it. Rows leave sorted by
 * partition and order (PostgreSQL's nodeWindowAgg.c). One partition is held at a time, in files where memory ends.
 *
 * A frame is a range of places in the partition, less what EXCLUDE takes out. An aggregate whose frame only grows is
 * carried from row to row; any other is computed anew where its frame differs from the one of the row before.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { Numeric } from '../../../models/relational/numeric.ts';
import type { Accumulator, AggregateFunction } from '../functions/aggregates.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import type { SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import type { Reach } from './range-reach.ts';
import { keyComparator, keysOf, type SortKey } from './sort.ts';
import { type CompareKeys, type Sortable, type SortedRows, Sorter } from './sorter.ts';
import type { WindowFunction, WindowRow } from './window-functions.ts';
import { WindowRows } from './window-rows.ts';

export interface PlannedFrameEnd {
  readonly kind: 'unboundedPreceding' | 'preceding' | 'current' | 'following' | 'unboundedFollowing';
  /** Rows or groups, or of RANGE what is subtracted or added: over a row of the partition, of which it reads nothing that differs. */
  readonly offset: Evaluate | undefined;
  /** Of RANGE with an offset. */
  readonly reach: Reach | undefined;
}

export interface PlannedFrame {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: PlannedFrameEnd;
  readonly end: PlannedFrameEnd;
  readonly exclude: 'none' | 'row' | 'group' | 'ties';
}

export interface PlannedWindowCall {
  readonly function: WindowFunction | AggregateFunction;
  readonly args: readonly Evaluate[];
  readonly filter: Evaluate | undefined;
}

export interface WindowOptions {
  readonly partitionBy: readonly SortKey[];
  readonly orderBy: readonly SortKey[];
  readonly frame: PlannedFrame;
  readonly calls: readonly PlannedWindowCall[];
  /** Values of a row of the input that are passed on. */
  readonly width: number;
}

const BATCH_ROWS = 512;
const ROWS_BETWEEN_PAUSES = 256;

export class Window implements Operator {
  readonly #input: Operator;
  readonly #options: WindowOptions;
  readonly #context: ExecutionContext;
  readonly #keys: readonly SortKey[];
  readonly #sorter: Sorter;
  readonly #compare: CompareKeys;
  readonly #samePartition: CompareKeys;
  #sorted: SortedRows | undefined;
  /** The first row of the next partition. */
  #first: Sortable | undefined;
  #partition: Partition | undefined;
  #closed = false;

  constructor(input: Operator, options: WindowOptions, context: ExecutionContext) {
    this.#input = input;
    this.#options = options;
    this.#context = context;
    this.#keys = [...options.partitionBy, ...options.orderBy];
    this.#samePartition = keyComparator(options.partitionBy);
    this.#compare = keyComparator(this.#keys);
    this.#sorter = new Sorter({ what: 'a window', compare: this.#compare, rowsMax: Number.POSITIVE_INFINITY }, context);
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#closed) return undefined;
    if (this.#sorted !== undefined) return this.#emit();
    return whenReady(
      drain(this.#input, this.#context, (batch) => this.#take(batch, 0)),
      () =>
        whenReady(this.#sorter.finish(), (sorted) => {
          this.#sorted = sorted;
          return whenReady(sorted.next(), (first) => {
            this.#first = first;
            return this.#emit();
          });
        }),
    );
  }

  close(): void {
    this.#closed = true;
    this.#input.close();
    this.#sorter.close();
    this.#partition?.close();
    this.#partition = undefined;
  }

  #take(batch: RowBatch, from: number): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const row = batch[i]!;
      const full = this.#sorter.add(row, keysOf(this.#keys, row, this.#context));
      if (full !== undefined) return full.then(() => this.#take(batch, i + 1));
    }
  }

  #emit(): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const rows = this.#partition?.batch(BATCH_ROWS) ?? [];
      if (isPromise(rows) || rows.length > 0) return rows;
      this.#partition?.close();
      this.#partition = undefined;
      if (this.#first === undefined) {
        this.close();
        return undefined;
      }
      const read = this.#readPartition(
        new WindowRows(this.#options.partitionBy.length, this.#compare, this.#context),
        this.#first,
      );
      if (isPromise(read)) return read.then(() => this.#emit());
    }
  }

  /** Reads the rows that belong together with `first`, and one beyond. */
  #readPartition(rows: WindowRows, first: Sortable): Awaitable<void> {
    for (let item = first; ; ) {
      const full = rows.add(item);
      if (full !== undefined) return full.then(() => this.#readNext(rows, first));
      const next = this.#sorted!.next();
      if (isPromise(next)) return next.then((late) => this.#readOn(rows, first, late));
      const pause = rows.count % ROWS_BETWEEN_PAUSES === 0 ? this.#context.pause() : undefined;
      if (pause !== undefined) return pause.then(() => this.#readOn(rows, first, next));
      if (next === undefined || this.#samePartition(next.keys, first.keys) !== 0) return this.#begin(rows, next);
      item = next;
    }
  }

  async #readNext(rows: WindowRows, first: Sortable): Promise<void> {
    await this.#readOn(rows, first, await this.#sorted!.next());
  }

  /** Goes on with the row that came after those in `rows`. */
  async #readOn(rows: WindowRows, first: Sortable, from: Sortable | undefined): Promise<void> {
    let next = from;
    while (next !== undefined && this.#samePartition(next.keys, first.keys) === 0) {
      const full = rows.add(next);
      if (full !== undefined) await full;
      const item = this.#sorted!.next();
      next = isPromise(item) ? await item : item;
      const pause = rows.count % ROWS_BETWEEN_PAUSES === 0 ? this.#context.pause() : undefined;
      if (pause !== undefined) await pause;
    }
    const begun = this.#begin(rows, next);
    if (begun !== undefined) await begun;
  }

  #begin(rows: WindowRows, next: Sortable | undefined): Promise<void> | undefined {
    this.#first = next;
    const done = rows.finish();
    const begin = (): void => {
      this.#partition = new Partition(rows, this.#options, this.#context);
    };
    if (done !== undefined) return done.then(begin);
    begin();
    return undefined;
  }
}

interface Frame {
  readonly start: number;
  readonly end: number;
  /** Places within that do not belong to it: [from, to), without `kept`. */
  readonly hole: { readonly from: number; readonly to: number; readonly kept: number | undefined } | undefined;
}

class Partition implements WindowRow {
  place = 0;
  peerGroup = 0;
  readonly #rows: WindowRows;
  readonly #options: WindowOptions;
  readonly #context: ExecutionContext;
  /** Where each group of peers begins; then the end. */
  readonly #groups: ArrayLike<number>;
  readonly #states: readonly (FrameAggregate | undefined)[];
  /** The first place that was not computed. */
  #next = 0;
  readonly #startOffset: SqlValue;
  readonly #endOffset: SqlValue;
  #frame: Frame = { start: 0, end: 0, hole: undefined };
  #args: readonly Evaluate[] = [];

  constructor(rows: WindowRows, options: WindowOptions, context: ExecutionContext) {
    this.#rows = rows;
    this.#options = options;
    this.#context = context;
    this.#groups = rows.groups();
    const { frame } = options;
    this.#startOffset = this.#offsetOf(frame.start, 'starting');
    this.#endOffset = this.#offsetOf(frame.end, 'ending');
    this.#states = options.calls.map((call) => ('create' in call.function ? new FrameAggregate(call) : undefined));
  }

  close(): void {
    this.#rows.close();
  }

  get count(): number {
    return this.#rows.count;
  }

  get peersStart(): number {
    return this.#groups[this.peerGroup]!;
  }

  get peersEnd(): number {
    return this.#groups[this.peerGroup + 1]!;
  }

  get frameRows(): number {
    const { start, end, hole } = this.#frame;
    if (hole === undefined) return end - start;
    const kept = hole.kept !== undefined && hole.kept >= start && hole.kept < end ? 1 : 0;
    return end - start - Math.max(0, Math.min(hole.to, end) - Math.max(hole.from, start)) + kept;
  }

  frame(index: number): number | undefined {
    if (index < 0) return undefined;
    const { start, end, hole } = this.#frame;
    if (hole === undefined) return start + index < end ? start + index : undefined;
    let left = index;
    for (let place = start; place < end; place++) {
      if (place >= hole.from && place < hole.to && place !== hole.kept) continue;
      if (left-- === 0) return place;
    }
    return undefined;
  }

  argument(index: number, place: number): SqlValue {
    return this.#args[index]!(this.#rows.row(place), this.#context);
  }

  /** The next rows with their results; none at the end. */
  batch(rowsMax: number): Awaitable<ExecutionRow[]> {
    return this.#compute(rowsMax, []);
  }

  #compute(rowsMax: number, out: ExecutionRow[]): Awaitable<ExecutionRow[]> {
    while (out.length < rowsMax && this.#next < this.count) {
      this.#computeRow(this.#next++, out);
      if (this.#next % ROWS_BETWEEN_PAUSES !== 0) continue;
      const pause = this.#context.pause();
      if (pause !== undefined) return pause.then(() => this.#compute(rowsMax, out));
    }
    return out;
  }

  #computeRow(place: number, out: ExecutionRow[]): void {
    const { calls, width } = this.#options;
    this.place = place;
    while (place >= this.#groups[this.peerGroup + 1]!) this.peerGroup++;
    this.#frame = this.#frameAt(place);
    const result = this.#rows.row(place).slice(0, width);
    for (let i = 0; i < calls.length; i++) {
      const { function: found, args } = calls[i]!;
      this.#args = args;
      result.push('create' in found ? this.#aggregate(this.#states[i]!) : found.evaluate(this, args.length));
    }
    out.push(result);
  }

  #aggregate(state: FrameAggregate): SqlValue {
    const { start, end, hole } = this.#frame;
    const add = (place: number): void => state.add(this.#rows.row(place), this.#context);
    if (state.isKnown(start, end, hole)) return state.value;
    if (state.grows(start, end, hole)) {
      for (let place = Math.max(state.end, start); place < end; place++) add(place);
    } else {
      state.restart();
      for (let place = start; place < end; place++) {
        if (hole === undefined || place < hole.from || place >= hole.to || place === hole.kept) add(place);
      }
    }
    return state.finish(start, end, hole);
  }

  #frameAt(place: number): Frame {
    const { frame } = this.#options;
    const start = this.#bound(frame.start, this.#startOffset, place, false);
    const end = Math.max(start, this.#bound(frame.end, this.#endOffset, place, true));
    switch (frame.exclude) {
      case 'none':
        return { start, end, hole: undefined };
      case 'row':
        return { start, end, hole: { from: place, to: place + 1, kept: undefined } };
      case 'group':
        return { start, end, hole: { from: this.peersStart, to: this.peersEnd, kept: undefined } };
      case 'ties':
        return { start, end, hole: { from: this.peersStart, to: this.peersEnd, kept: place } };
    }
  }

  /** The first place of the frame, or the place behind its last. */
  #bound(end: PlannedFrameEnd, offset: SqlValue, place: number, isEnd: boolean): number {
    const { mode } = this.#options.frame;
    const last = isEnd ? 1 : 0;
    switch (end.kind) {
      case 'unboundedPreceding':
        return 0;
      case 'unboundedFollowing':
        return this.count;
      case 'current':
        if (mode === 'rows') return place + last;
        return isEnd ? this.peersEnd : this.peersStart;
      default: {
        const sign = end.kind === 'preceding' ? -1 : 1;
        if (mode === 'rows') return clamp(place + sign * Number(offset) + last, this.count);
        if (mode === 'range') return this.#rangeBound(end, offset, place, isEnd);
        const group = this.peerGroup + sign * Number(offset) + last;
        return this.#groups[clamp(group, this.#groups.length - 1)]!;
      }
    }
  }

  /** Where the sort key reaches the limit; rows whose key is null are peers of each other only. */
  #rangeBound(end: PlannedFrameEnd, offset: SqlValue, place: number, isEnd: boolean): number {
    const key = this.#rows.order(place)!;
    if (key === null) return isEnd ? this.peersEnd : this.peersStart;
    const sort = this.#options.orderBy[0]!;
    const { descending } = sort;
    // Sorted downwards, what precedes is greater.
    const sides = { subtracts: (end.kind === 'preceding') !== descending, isUpper: isEnd !== descending };
    const limit = end.reach!.limit(key, offset!, sides, this.#context);
    let low = 0;
    let high = this.count;
    // Places before the bound are those that sort before the limit, or with it where the bound is an end.
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#rows.order(middle)!;
      const order = other === null ? (sort.nullsFirst ? -1 : 1) : sort.compare(other, limit) * (descending ? -1 : 1);
      if (order < 0 || (isEnd && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #offsetOf(end: PlannedFrameEnd, which: string): SqlValue {
    if (end.offset === undefined) return null;
    const offset = end.offset(this.#rows.row(0), this.#context);
    if (offset === null) throw new SqlError('null_value_not_allowed', `frame ${which} offset must not be null`);
    if (!(end.reach?.isRefused(offset) ?? (offset as bigint) < 0n)) return offset;
    const message =
      this.#options.frame.mode === 'range'
        ? 'invalid preceding or following size in window function'
        : `frame ${which} offset must not be negative`;
    throw new SqlError('invalid_preceding_or_following_size', message);
  }
}

/** One aggregate, carried along a partition. */
class FrameAggregate {
  value: SqlValue = null;
  end = 0;
  readonly #call: PlannedWindowCall;
  #accumulator: Accumulator | undefined;
  #start = -1;
  #hole: Frame['hole'];
  /** Results are values of their own, which adding more does not change. */
  #carries = true;

  constructor(call: PlannedWindowCall) {
    this.#call = call;
  }

  isKnown(start: number, end: number, hole: Frame['hole']): boolean {
    return this.#start === start && this.end === end && hole === undefined && this.#hole === undefined;
  }

  grows(start: number, end: number, hole: Frame['hole']): boolean {
    if (!this.#carries || hole !== undefined || this.#hole !== undefined) return false;
    return this.#accumulator !== undefined && start === this.#start && end >= this.end;
  }

  restart(): void {
    this.#accumulator = (this.#call.function as AggregateFunction).create();
  }

  add(row: ExecutionRow, context: ExecutionContext): void {
    const { filter, args } = this.#call;
    if (filter !== undefined && filter(row, context) !== true) return;
    const value = args[0] === undefined ? true : args[0](row, context);
    if (value !== null) this.#accumulator!.add(value);
  }

  finish(start: number, end: number, hole: Frame['hole']): SqlValue {
    this.#start = start;
    this.end = end;
    this.#hole = hole;
    this.value = this.#accumulator!.result();
    if (typeof this.value === 'object' && this.value !== null && !(this.value instanceof Numeric))
      this.#carries = false;
    return this.value;
  }
}

function clamp(place: number, max: number): number {
  return Math.min(Math.max(place, 0), max);
}
