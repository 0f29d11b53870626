/**
 * Groups the rows of the input by values and aggregates each group: rows of the group's values, then of the aggregates'
 * results, then those of GROUPING. Without grouping there is exactly one row, whatever the input.
 *
 * Groups are held in memory, and leave in the order of their first rows. When there is no room for another group, rows of
 * groups that are not held are put into files by a hash of the group's values; each file is treated in the same way when
 * the groups before have left (PostgreSQL's nodeAgg.c does it so since version 13).
 *
 * Aggregates that keep their values (array_agg; DISTINCT and ORDER BY in an aggregate) would make groups grow after they
 * were let in. With one of these rows are held instead of groups, and all of them are parted when they are too many; only
 * a few groups that are large by themselves are held while they grow, their ordered values in sorted files.
 */

import { assert } from '../../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { AggregateFunction } from '../functions/aggregates.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { keyBytes, rowBytes } from '../types/value-bytes.ts';
import type { ColumnBatch } from '../vectors/column-batch.ts';
import { type VectorGrouping, VectorGroups } from '../vectors/vector-groups.ts';
import type { RowFile } from '../workspace/row-file.ts';
import { type InputOrder, inputOrder } from './aggregate-input.ts';
import { type AggregateStates, addRow, newStates } from './aggregate-states.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ColumnSource, ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { projectRow } from './project.ts';
import type { SortKey } from './sort.ts';
import { RowFileScan, SpilledPartitions } from './spilled-partitions.ts';

export interface PlannedAggregate {
  readonly function: AggregateFunction;
  /** Undefined counts rows. */
  readonly argument: Evaluate | undefined;
  /** Only rows of which this is true are taken. */
  readonly filter: Evaluate | undefined;
  /** The order in which rows are taken; empty for that of the input. */
  readonly orderBy: readonly SortKey[];
  /** What takes the place of the last values of the argument, which is a row: over the values of the group. */
  readonly direct?: readonly Evaluate[] | undefined;
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

interface Group extends AggregateStates {
  readonly values: ExecutionRow;
  readonly set: readonly number[] | undefined;
}

/** A row that waits, and which grouping set it waits for; undefined for all. */
interface HeldRow {
  readonly row: ExecutionRow;
  readonly set: number | undefined;
}

const BATCH_ROWS = 512;
const GROUP_BYTES = 200;
const STATE_BYTES = 64;
/** So many groups of values that are kept may grow beyond memory, each into files of its own. */
const GROWING_GROUPS_MAX = 16;
/** What a kept value takes beside its row, for each aggregate that keeps it. */
const KEPT_BYTES = 120;
const ROWS_BETWEEN_PAUSES = 512;

export class Aggregate implements Operator {
  readonly #input: Operator;
  readonly #grouping: PlannedGrouping | undefined;
  readonly #aggregates: readonly PlannedAggregate[];
  readonly #orders: readonly (InputOrder | undefined)[];
  /** How many aggregates keep their values. */
  readonly #keeping: number;
  readonly #sets: readonly (readonly number[])[];
  readonly #setTypes: readonly (readonly SqlType[])[];
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  #groups = new Map<DistinctKey, Group>();
  /** Undefined where the aggregates cannot be computed over vectors. */
  readonly #plannedVectors: (() => VectorGrouping) | undefined;
  /** The first groups, where rows come as vectors. */
  #vectorGroups: VectorGroups | undefined;
  #emitted = 0;
  /** Rows instead of groups, while they fit. */
  #held: HeldRow[] | undefined;
  /** What is aggregated now was held and is counted: nothing of it goes into files. */
  #counted = false;
  #parts: SpilledPartitions | undefined;
  #depth = 0;
  /** Files to be treated, and how often their rows were parted. */
  readonly #files: { readonly file: RowFile; readonly depth: number }[] = [];
  #results: IterableIterator<Group> | undefined;
  #begun = false;
  #done = false;

  constructor(
    input: Operator,
    grouping: PlannedGrouping | undefined,
    aggregates: readonly PlannedAggregate[],
    context: ExecutionContext,
    vectors?: () => VectorGrouping,
  ) {
    this.#input = input;
    this.#grouping = grouping;
    this.#plannedVectors = vectors;
    this.#aggregates = aggregates;
    this.#context = context;
    this.#budget = new MemoryBudget('GROUP BY', context);
    this.#orders = aggregates.map((each) => inputOrder(each.function, each.orderBy));
    this.#keeping = aggregates.filter(
      (each, i) => each.function.holds === true || this.#orders[i] !== undefined,
    ).length;
    this.#sets = grouping?.sets ?? [];
    this.#setTypes = this.#sets.map((set) => set.map((place) => grouping!.types[place]!));
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    if (this.#results !== undefined) return this.#emit(this.#results, []);
    const columns = this.#plannedVectors && this.#input.columns;
    if (columns !== undefined) return this.#takeColumns(columns, this.#plannedVectors!());
    this.#begin();
    return whenReady(
      drain(this.#input, this.#context, (batch) => this.#take(batch, 0)),
      () => this.#inputEnded(),
    );
  }

  close(): void {
    this.#done = true;
    this.#groups.clear();
    this.#vectorGroups = undefined;
    this.#held = undefined;
    this.#budget.clear();
    this.#input.close();
  }

  #takeColumns(columns: ColumnSource, planned: VectorGrouping): Awaitable<RowBatch | undefined> {
    const groups = new VectorGroups(planned, this.#context, (keyBytes) => {
      if (this.#parts !== undefined) return false;
      const bytes = GROUP_BYTES + keyBytes + planned.aggregates.length * STATE_BYTES;
      return this.#budget.tryTake(bytes);
    });
    this.#begun = true;
    this.#vectorGroups = groups;
    const spill = (batch: ColumnBatch, left: readonly number[], from: number): Awaitable<void> => {
      for (let i = from; i < left.length; i++) {
        const row = batch.rowAt(left[i]!);
        const { values, types } = this.#grouping!;
        const key = distinctRowKey(types, projectRow(row, values, this.#context));
        const full = this.#spill(key, row, 0);
        if (full !== undefined) return full.then(() => spill(batch, left, i + 1));
      }
    };
    return whenReady(
      drain(columns, this.#context, (batch) => {
        const left = groups.take(batch);
        return left === undefined ? undefined : spill(batch, left, 0);
      }),
      () => this.#partsEnded(),
    );
  }

  /** Before the first row of the input, or of a file. */
  #begin(): void {
    const grouping = this.#grouping;
    this.#groups = new Map();
    this.#parts = undefined;
    this.#counted = false;
    this.#budget.clear();
    this.#held = grouping !== undefined && this.#keeping > 0 ? [] : undefined;
    if (this.#begun) return;
    this.#begun = true;
    if (grouping === undefined) this.#newGroup(null, [], undefined);
    // A set of nothing has its one group even without rows.
    const nothing = grouping?.values.map(() => null) ?? [];
    this.#sets.forEach((set, i) => {
      if (set.length === 0) this.#newGroup(`${i}`, nothing, set);
    });
  }

  #take(batch: RowBatch, from: number): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const taken = this.#takeRow(batch[i]!, undefined);
      if (taken !== undefined) return taken.then(() => this.#take(batch, i + 1));
    }
  }

  /** Of a file, whose rows say in front which set they wait for. */
  #takeSpilled(batch: RowBatch, from: number): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const [set, ...row] = batch[i]!;
      const taken = this.#takeRow(row, this.#sets.length === 0 ? undefined : (set as number));
      if (taken !== undefined) return taken.then(() => this.#takeSpilled(batch, i + 1));
    }
  }

  #takeRow(row: ExecutionRow, set: number | undefined): Promise<void> | undefined {
    if (this.#held === undefined) return this.#aggregate(row, set);
    if (this.#budget.tryTake(rowBytes(row) + this.#keeping * KEPT_BYTES)) {
      this.#held.push({ row, set });
      return undefined;
    }
    if (!this.#context.workspace.canSpill) throw this.#budget.refusal();
    return this.#letGo(this.#held).then(() => this.#aggregate(row, set));
  }

  /** Too many rows are held: begins groups of them if those are few, else puts all into files. */
  async #letGo(held: readonly HeldRow[]): Promise<void> {
    this.#held = undefined;
    const keys = new Set<DistinctKey>();
    for (const { row, set } of held) {
      this.#eachSet(row, set, (key) => void keys.add(key));
      if (keys.size > GROWING_GROUPS_MAX) break;
    }
    this.#budget.clear();
    if (keys.size > GROWING_GROUPS_MAX) this.#parts = await SpilledPartitions.begin(this.#context, this.#depth);
    for (let i = 0; i < held.length; i++) {
      const { row, set } = held[i]!;
      const taken = this.#aggregate(row, set);
      if (taken !== undefined) await taken;
      if (i % ROWS_BETWEEN_PAUSES === 0) await this.#context.pause();
    }
  }

  #aggregate(row: ExecutionRow, set: number | undefined): Promise<void> | undefined {
    const grouping = this.#grouping;
    if (grouping === undefined) return this.#add(this.#groups.get(null)!, row);
    const { values, types, sets } = grouping;
    if (sets === undefined) {
      const found = projectRow(row, values, this.#context);
      const key = distinctRowKey(types, found);
      const group = this.#groups.get(key) ?? this.#newGroup(key, found, undefined);
      return group === undefined ? this.#spill(key, row, 0) : this.#add(group, row);
    }
    let pending: Promise<void> | undefined;
    this.#eachSet(row, set, (key, i, found) => {
      const offer = (): Promise<void> | undefined => {
        const group = this.#groups.get(key) ?? this.#newGroup(key, partial(found, sets[i]!), sets[i]!);
        return group === undefined ? this.#spill(key, row, i) : this.#add(group, row);
      };
      pending = pending === undefined ? offer() : pending.then(offer);
    });
    return pending;
  }

  /** Calls `take` with the key of the group in each set that the row belongs to, and the values of the row. */
  #eachSet(
    row: ExecutionRow,
    only: number | undefined,
    take: (key: DistinctKey, set: number, values: ExecutionRow) => void,
  ): void {
    const { values, types } = this.#grouping!;
    const found = projectRow(row, values, this.#context);
    if (this.#sets.length === 0) {
      take(distinctRowKey(types, found), 0, found);
      return;
    }
    const from = only ?? 0;
    const to = only === undefined ? this.#sets.length : only + 1;
    for (let i = from; i < to; i++) {
      const set = this.#sets[i]!;
      const own = set.map((place) => found[place]!);
      // Keys of different sets are kept apart by the number in front.
      take(set.length === 0 ? `${i}` : `${i}/${typedKey(this.#setTypes[i]!, own)}`, i, found);
    }
  }

  /** @returns undefined where there is no room for another. */
  #newGroup(key: DistinctKey, values: ExecutionRow, set: readonly number[] | undefined): Group | undefined {
    const grows = this.#keeping > 0 && !this.#counted;
    if (
      this.#parts !== undefined ||
      (grows && this.#groups.size >= GROWING_GROUPS_MAX && this.#grouping !== undefined)
    ) {
      return undefined;
    }
    const bytes = GROUP_BYTES + rowBytes(values) + keyBytes(key) + this.#aggregates.length * STATE_BYTES;
    if (!this.#counted && !this.#budget.tryTake(bytes)) return undefined;
    const sorterBytesMax = this.#budget.bytesMax / GROWING_GROUPS_MAX;
    const group = {
      values,
      set,
      ...newStates(
        this.#aggregates,
        this.#orders,
        this.#context,
        this.#counted ? undefined : this.#budget,
        sorterBytesMax,
      ),
    };
    this.#groups.set(key, group);
    return group;
  }

  /** A row of a group that is not held. */
  #spill(key: DistinctKey, row: ExecutionRow, set: number): Promise<void> | undefined {
    const parts = this.#parts;
    if (parts !== undefined) return parts.add(key, [set, ...row]);
    const held = this.#vectorGroups?.count ?? this.#groups.size;
    if (!this.#context.workspace.canSpill || held === 0) throw this.#budget.refusal();
    return SpilledPartitions.begin(this.#context, this.#depth).then((begun) => {
      this.#parts = begun;
      return begun.add(key, [set, ...row]);
    });
  }

  #add(group: Group, row: ExecutionRow): Promise<void> | undefined {
    return addRow(this.#aggregates, group, row, this.#context, this.#counted ? undefined : this.#budget);
  }

  /** All rows of the input, or of a file, were taken. */
  #inputEnded(): Awaitable<RowBatch | undefined> {
    const held = this.#held;
    if (held !== undefined) {
      this.#held = undefined;
      this.#counted = true;
      const fed = this.#feed(held, 0);
      if (fed !== undefined) return fed.then(() => this.#partsEnded());
    }
    return this.#partsEnded();
  }

  #feed(held: readonly HeldRow[], from: number): Promise<void> | undefined {
    for (let i = from; i < held.length; i++) {
      const { row, set } = held[i]!;
      const taken = this.#aggregate(row, set);
      assert(taken === undefined, 'rows that are held need no files');
      if (i % ROWS_BETWEEN_PAUSES !== ROWS_BETWEEN_PAUSES - 1) continue;
      const pause = this.#context.pause();
      if (pause !== undefined) return pause.then(() => this.#feed(held, i + 1));
    }
    return undefined;
  }

  #partsEnded(): Awaitable<RowBatch | undefined> {
    const parts = this.#parts;
    const begin = (): Awaitable<RowBatch | undefined> => {
      this.#results = this.#groups.values();
      return this.#emit(this.#results, []);
    };
    if (parts === undefined) return begin();
    return parts.finish().then((files) => {
      for (const file of files) {
        if (file.rows > 0) this.#files.push({ file, depth: this.#depth + 1 });
        else this.#context.workspace.closeFile(file);
      }
      return begin();
    });
  }

  #emit(results: IterableIterator<Group>, rows: ExecutionRow[]): Awaitable<RowBatch | undefined> {
    const vectors = this.#vectorGroups;
    if (vectors !== undefined) {
      while (rows.length < BATCH_ROWS && this.#emitted < vectors.count) rows.push(vectors.rowAt(this.#emitted++));
      if (rows.length > 0) return rows;
      this.#vectorGroups = undefined;
    }
    while (rows.length < BATCH_ROWS) {
      const next = results.next();
      if (next.done === true) break;
      const { value: group } = next;
      const finished = this.#finish(group, 0);
      if (finished !== undefined) {
        return finished.then(() => {
          rows.push(this.#rowOf(group));
          return this.#emit(results, rows);
        });
      }
      rows.push(this.#rowOf(group));
    }
    if (rows.length > 0) return rows;
    if (this.#files.length > 0) return this.#nextFile();
    this.close();
    return undefined;
  }

  /** Hands over what waited. */
  #finish({ states, inputs }: Group, from: number): Promise<void> | undefined {
    for (let i = from; i < inputs.length; i++) {
      const done = inputs[i]?.finish(states[i]!);
      if (isPromise(done)) return done.then(() => this.#finish({ states, inputs } as Group, i + 1));
    }
    return undefined;
  }

  #rowOf({ values, states, set }: Group): ExecutionRow {
    const row = [...values];
    for (const state of states) row.push(state.result());
    // For each GROUPING: a bit for each argument, the first the highest, that is 1 where the set leaves it out.
    for (const args of this.#grouping?.groupings ?? []) {
      row.push(args.reduce((bits, place) => bits * 2 + (set === undefined || set.includes(place) ? 0 : 1), 0));
    }
    return row;
  }

  async #nextFile(): Promise<RowBatch | undefined> {
    this.#results = undefined;
    const next = this.#files.pop()!;
    this.#depth = next.depth;
    this.#begin();
    const scan = new RowFileScan(next.file, this.#context);
    await drain(scan, this.#context, (batch) => this.#takeSpilled(batch, 0));
    return this.#inputEnded();
  }
}

/** The values, null where they are not of the set. */
function partial(values: ExecutionRow, set: readonly number[]): ExecutionRow {
  return values.map((value, place) => (set.includes(place) ? value : null));
}

function typedKey(types: readonly SqlType[], values: readonly SqlValue[]): string {
  return types
    .map((type, i) => {
      const key = distinctKey(type, values[i]!);
      return key === null ? 'n' : `${String(key).length}:${String(key)}`;
    })
    .join('');
}
