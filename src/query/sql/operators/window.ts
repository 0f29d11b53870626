/**
 * Window functions: each row of the input with the results of functions over its partition behind it. Rows leave sorted by
 * partition and order (PostgreSQL's nodeWindowAgg.c). All rows are held, bounded by the statement's budget.
 *
 * A frame is a range of places in the partition, less what EXCLUDE takes out. An aggregate whose frame only grows is
 * carried from row to row; any other is computed anew where its frame differs from the one of the row before.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { Numeric } from '../../../models/relational/numeric.ts';
import type { Accumulator, AggregateFunction } from '../functions/aggregates.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import type { SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { compareKeys, type SortKey } from './sort.ts';
import type { WindowFunction, WindowRow } from './window-functions.ts';

export interface PlannedFrameEnd {
  readonly kind: 'unboundedPreceding' | 'preceding' | 'current' | 'following' | 'unboundedFollowing';
  /** Rows or groups; of RANGE what is subtracted or added. */
  readonly offset: Evaluate | undefined;
  /** Of RANGE with an offset: the limit, over a row of the sort key and the offset. */
  readonly limit: Evaluate | undefined;
  /** Of RANGE: whether an offset is negative, over the same row. */
  readonly isNegative: Evaluate | undefined;
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

interface Sortable {
  readonly row: ExecutionRow;
  readonly partition: readonly SqlValue[];
  readonly order: readonly SqlValue[];
}

const BATCH_ROWS = 512;
const ROWS_BETWEEN_PAUSES = 256;

export class Window implements Operator {
  readonly #input: Operator;
  readonly #options: WindowOptions;
  readonly #context: ExecutionContext;
  #out: ExecutionRow[] | undefined;
  #position = 0;

  constructor(input: Operator, options: WindowOptions, context: ExecutionContext) {
    this.#input = input;
    this.#options = options;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#out !== undefined) return this.#emit();
    return whenReady(this.#compute(), () => this.#emit());
  }

  close(): void {
    this.#out = [];
    this.#input.close();
  }

  #emit(): RowBatch | undefined {
    const batch = this.#out!.slice(this.#position, this.#position + BATCH_ROWS);
    this.#position += batch.length;
    return batch.length === 0 ? undefined : batch;
  }

  #compute(): Awaitable<void> {
    const { partitionBy, orderBy, calls } = this.#options;
    const rows: Sortable[] = [];
    const budget = new MemoryBudget('a window', this.#context);
    const results = new Array<null>(calls.length).fill(null);
    const take = (batch: RowBatch): void => {
      for (const row of batch) {
        budget.take(row);
        budget.take(results);
        const values = (keys: readonly SortKey[]) => keys.map(({ value }) => value(row, this.#context));
        rows.push({ row, partition: values(partitionBy), order: values(orderBy) });
      }
    };
    return whenReady(drain(this.#input, this.#context, take), () => {
      if (partitionBy.length + orderBy.length > 0) {
        rows.sort(
          (a, b) => compareKeys(partitionBy, a.partition, b.partition) || compareKeys(orderBy, a.order, b.order),
        );
      }
      const out: ExecutionRow[] = [];
      return whenReady(this.#partitions(rows, 0, out), () => {
        this.#out = out;
      });
    });
  }

  #partitions(rows: readonly Sortable[], from: number, out: ExecutionRow[]): Awaitable<void> {
    let start = from;
    while (start < rows.length) {
      let end = start + 1;
      const { partition } = rows[start]!;
      while (end < rows.length && compareKeys(this.#options.partitionBy, rows[end]!.partition, partition) === 0) end++;
      const computed = new Partition(rows.slice(start, end), this.#options, this.#context).run(out);
      const next = end;
      if (computed !== undefined) return computed.then(() => this.#partitions(rows, next, out));
      start = end;
    }
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
  readonly #rows: readonly Sortable[];
  readonly #options: WindowOptions;
  readonly #context: ExecutionContext;
  /** Where each group of peers begins; then the end. */
  readonly #groups: number[] = [];
  readonly #startOffset: SqlValue;
  readonly #endOffset: SqlValue;
  #frame: Frame = { start: 0, end: 0, hole: undefined };
  #args: readonly Evaluate[] = [];

  constructor(rows: readonly Sortable[], options: WindowOptions, context: ExecutionContext) {
    this.#rows = rows;
    this.#options = options;
    this.#context = context;
    const { orderBy, frame } = options;
    for (let i = 0; i < rows.length; i++) {
      if (i === 0 || compareKeys(orderBy, rows[i - 1]!.order, rows[i]!.order) !== 0) this.#groups.push(i);
    }
    this.#groups.push(rows.length);
    this.#startOffset = this.#offsetOf(frame.start, 'starting');
    this.#endOffset = this.#offsetOf(frame.end, 'ending');
  }

  get count(): number {
    return this.#rows.length;
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
    return this.#args[index]!(this.#rows[place]!.row, this.#context);
  }

  /** Puts all rows with their results into `out`. @returns a promise when it gave the event loop back. */
  run(out: ExecutionRow[]): Promise<void> | undefined {
    const states = this.#options.calls.map((call) =>
      'create' in call.function ? new FrameAggregate(call) : undefined,
    );
    return this.#runFrom(0, states, out);
  }

  #runFrom(
    from: number,
    states: readonly (FrameAggregate | undefined)[],
    out: ExecutionRow[],
  ): Promise<void> | undefined {
    const { calls, width } = this.#options;
    for (let place = from; place < this.#rows.length; place++) {
      if (place % ROWS_BETWEEN_PAUSES === ROWS_BETWEEN_PAUSES - 1) {
        const pause = this.#context.pause();
        if (pause !== undefined) return pause.then(() => this.#runAt(place, states, out));
      }
      this.#computeRow(place, calls, width, states, out);
    }
    return undefined;
  }

  async #runAt(place: number, states: readonly (FrameAggregate | undefined)[], out: ExecutionRow[]): Promise<void> {
    const { calls, width } = this.#options;
    this.#computeRow(place, calls, width, states, out);
    await this.#runFrom(place + 1, states, out);
  }

  #computeRow(
    place: number,
    calls: readonly PlannedWindowCall[],
    width: number,
    states: readonly (FrameAggregate | undefined)[],
    out: ExecutionRow[],
  ): void {
    this.place = place;
    while (place >= this.#groups[this.peerGroup + 1]!) this.peerGroup++;
    this.#frame = this.#frameAt(place);
    const { row } = this.#rows[place]!;
    const result = row.length === width ? [...row] : row.slice(0, width);
    for (let i = 0; i < calls.length; i++) {
      const { function: found, args } = calls[i]!;
      this.#args = args;
      result.push('create' in found ? this.#aggregate(states[i]!) : found.evaluate(this, args.length));
    }
    out.push(result);
  }

  #aggregate(state: FrameAggregate): SqlValue {
    const { start, end, hole } = this.#frame;
    const add = (place: number): void => state.add(this.#rows[place]!.row, this.#context);
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
    const key = this.#rows[place]!.order[0]!;
    if (key === null) return isEnd ? this.peersEnd : this.peersStart;
    const limit = end.limit!([key, offset], this.#context);
    const sort = this.#options.orderBy[0]!;
    let low = 0;
    let high = this.count;
    // Places before the bound are those that sort before the limit, or with it where the bound is an end.
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#rows[middle]!.order[0]!;
      const order =
        other === null ? (sort.nullsFirst ? -1 : 1) : sort.compare(other, limit!) * (sort.descending ? -1 : 1);
      if (order < 0 || (isEnd && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #offsetOf(end: PlannedFrameEnd, which: string): SqlValue {
    if (end.offset === undefined) return null;
    const offset = end.offset([], this.#context);
    if (offset === null) throw new SqlError('null_value_not_allowed', `frame ${which} offset must not be null`);
    const negative =
      end.isNegative === undefined ? (offset as bigint) < 0n : end.isNegative([null, offset], this.#context) === true;
    if (!negative) return offset;
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
