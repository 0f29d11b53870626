/** The writers behind INSERT, UPDATE, DELETE and COPY: what a `TableWriter` does, batch by batch. */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { latin1 } from '../../../base/bytes.ts';
import { SqlError } from '../sql-error.ts';
import type { SqlValue } from '../types/types.ts';
import type { RowWriter } from './modify.ts';
import type { ExecutionContext, ExecutionRow, RowBatch } from './operator.ts';
import { type EvaluateLater, evaluateAll } from './subquery.ts';
import { type Conflict, TableWriter } from './table-writer.ts';
import type { Assignment, UniqueSlot, WriteRules } from './write-rules.ts';

/** ON CONFLICT. */
export interface ConflictRules {
  /** Names of the indexes and of the primary key whose conflicts are meant; undefined: all. */
  readonly arbiters: ReadonlySet<string> | undefined;
  /** Undefined: DO NOTHING. */
  readonly update: ConflictUpdate | undefined;
}

/** DO UPDATE, over the row that is there, the one that was to be inserted, and `first`. */
export interface ConflictUpdate {
  /** Computed once, before anything is written. */
  readonly first: readonly EvaluateLater[];
  readonly assignments: readonly { readonly position: number; readonly value: EvaluateLater }[];
  readonly where: EvaluateLater | undefined;
  /** Views that are written through, and what the row that is there must meet for them. */
  readonly shown: readonly { readonly view: string; readonly test: EvaluateLater }[];
}

/** Where the rows of a batch come from, for errors over them: see `CopyRows.placeOf`. */
export interface RowPlaces {
  placeOf(row: number, withText: boolean): string | undefined;
}

export class InsertRows implements RowWriter {
  readonly #writer: TableWriter;
  readonly #assignments: readonly Assignment[];
  readonly #context: ExecutionContext;
  readonly #conflicts: ConflictRules | undefined;
  readonly #places: RowPlaces | undefined;
  /** Rows of the input with as many values as the table has columns are rows of the table. */
  readonly #takesRows: boolean;
  /** Keys of rows that this statement wrote: DO UPDATE must not meet them. */
  readonly #touched: Set<string> | undefined;
  /** See `ConflictUpdate`. */
  #first: readonly SqlValue[] = [];

  /**
   * @param assignments One for each column that is not generated, over the rows of the input.
   * @param takesRows Each column is assigned the value in its own place, and the rows are the writer's to keep.
   */
  constructor(
    rules: WriteRules,
    assignments: readonly Assignment[],
    context: ExecutionContext,
    conflicts: ConflictRules | undefined,
    takesRows = false,
    places?: RowPlaces,
  ) {
    this.#takesRows = takesRows;
    this.#places = places;
    this.#writer = new TableWriter(rules, context);
    this.#assignments = assignments;
    this.#context = context;
    this.#conflicts = conflicts;
    this.#touched = conflicts?.update === undefined ? undefined : new Set();
  }

  write(batch: RowBatch): Awaitable<RowBatch> {
    if (this.#conflicts === undefined) return this.#writeAll(batch);
    const { first = [] } = this.#conflicts.update ?? {};
    if (first.length > this.#first.length) {
      return whenReady(evaluateAll(first, [], this.#context), (values) => {
        this.#first = values;
        return this.write(batch);
      });
    }
    const written: ExecutionRow[] = [];
    return whenReady(this.#writeFrom(batch, 0, written), () => whenReady(this.#writer.settle(), () => written));
  }

  finish(): Awaitable<void> {
    return this.#writer.finish();
  }

  /** Rows in front of one that cannot be are written first: one of them may be what the statement fails for. */
  #writeAll(batch: RowBatch): Awaitable<RowBatch> {
    const rows: ExecutionRow[] = [];
    let failure: { readonly error: unknown } | undefined;
    for (let i = 0; i < batch.length; i++) {
      try {
        rows.push(this.#prepared(batch[i]!));
      } catch (error) {
        failure = { error: this.#placed(error, i, true) };
        break;
      }
    }
    return whenReady(this.#insertAll(rows), () => {
      if (failure !== undefined) throw failure.error;
      return whenReady(this.#writer.settle(), () => rows);
    });
  }

  #insertAll(rows: readonly ExecutionRow[]): Awaitable<void> {
    if (this.#places === undefined) return this.#writer.insertAll(rows);
    const placed = (error: unknown): never => {
      throw this.#placed(error, this.#writer.attempted, false);
    };
    try {
      const done = this.#writer.insertAll(rows);
      return isPromise(done) ? done.catch(placed) : done;
    } catch (error) {
      return placed(error);
    }
  }

  #placed(error: unknown, row: number, withText: boolean): unknown {
    if (error instanceof SqlError && error.where === undefined && this.#places !== undefined) {
      error.where = this.#places.placeOf(row, withText);
    }
    return error;
  }

  #prepared(source: ExecutionRow): ExecutionRow {
    const { length } = this.#writer.rules.table.table.columns;
    const isRow = this.#takesRows && source.length === length;
    const row: ExecutionRow = isRow ? source : new Array(length).fill(null);
    if (!isRow) for (const { position, value } of this.#assignments) row[position] = value(source, this.#context);
    this.#writer.prepare(row);
    return row;
  }

  #writeFrom(batch: RowBatch, from: number, written: ExecutionRow[]): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const done = this.#writeOne(this.#prepared(batch[i]!), written);
      if (isPromise(done)) return done.then(() => this.#writeFrom(batch, i + 1, written));
    }
  }

  #writeOne(row: ExecutionRow, written: ExecutionRow[]): Awaitable<void> {
    const inserted = this.#writer.insert(row, this.#conflicts && ((slot) => this.#isArbiter(slot)));
    if (!isPromise(inserted)) return this.#inserted(row, inserted, written);
    return inserted.then((conflict) => this.#inserted(row, conflict, written));
  }

  #inserted(row: ExecutionRow, conflict: Conflict | undefined, written: ExecutionRow[]): Awaitable<void> {
    if (conflict === undefined) {
      written.push(row);
      this.#touched?.add(this.#keyOf(row));
      return undefined;
    }
    if (this.#conflicts === undefined || !this.#isArbiter(conflict.slot)) throw this.#writer.duplicate(conflict.slot);
    if (this.#conflicts.update === undefined) return undefined;
    return this.#update(row, conflict, written, this.#conflicts.update);
  }

  #isArbiter({ index }: UniqueSlot): boolean {
    const arbiters = this.#conflicts?.arbiters;
    if (arbiters === undefined) return true;
    return arbiters.has(index?.source.index.name ?? this.#writer.rules.table.table.primaryKeyName);
  }

  #keyOf(row: ExecutionRow): string {
    return latin1(this.#writer.rules.table.codec.keys.keyOf(row));
  }

  async #update(
    row: ExecutionRow,
    { slot, value }: Conflict,
    written: ExecutionRow[],
    { assignments, where, shown }: ConflictUpdate,
  ): Promise<void> {
    const { codec } = this.#writer.rules.table;
    const key = slot.index === undefined ? slot.key : slot.index.source.keys.rowKey(slot.key, value);
    if (this.#touched!.has(latin1(key)) || this.#context.isWritten(key)) {
      throw new SqlError('cardinality_violation', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
        hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
      });
    }
    const { transaction } = this.#context;
    await this.#context.lock([key], {});
    if (!this.#context.nothingNewer) transaction.beginStatement();
    const found = await transaction.get(key);
    // Whoever held the row took it away: the new one may go in.
    if (found === undefined) return this.#writeOne(row, written);
    const old = codec.decode(key, found);
    const both = [...old, ...row, ...this.#first];
    for (const { view, test } of shown) {
      const met = test(both, this.#context);
      if ((isPromise(met) ? await met : met) === true) continue;
      const message = `conflicting row is not visible through view "${view}"`;
      throw new SqlError('object_not_in_prerequisite_state', message);
    }
    if (where !== undefined) {
      const passes = where(both, this.#context);
      if ((isPromise(passes) ? await passes : passes) !== true) return;
    }
    const changed = [...old];
    for (const each of assignments) {
      const value = each.value(both, this.#context);
      changed[each.position] = isPromise(value) ? await value : value;
    }
    this.#context.refuseWritten(key, 'updated');
    this.#writer.prepare(changed);
    await this.#writer.update(old, changed);
    this.#touched!.add(this.#keyOf(changed));
    written.push(changed);
  }
}

export class UpdateRows implements RowWriter {
  readonly #writer: TableWriter;
  readonly #assignments: readonly Assignment[];
  readonly #context: ExecutionContext;

  /** @param assignments Over rows of the input, which begin with the old row. */
  constructor(rules: WriteRules, assignments: readonly Assignment[], context: ExecutionContext) {
    this.#writer = new TableWriter(rules, context);
    this.#assignments = assignments;
    this.#context = context;
  }

  write(batch: RowBatch): Awaitable<RowBatch> {
    const rows: ExecutionRow[] = batch.map((old) => {
      const row = [...old];
      for (const { position, value } of this.#assignments) row[position] = value(old, this.#context);
      this.#writer.prepare(row);
      return row;
    });
    return whenReady(this.#updateFrom(batch, rows, 0), () => rows);
  }

  finish(): Awaitable<void> {
    return this.#writer.finish();
  }

  #updateFrom(old: RowBatch, rows: readonly ExecutionRow[], from: number): Awaitable<void> {
    const { isFrozen } = this.#context;
    for (let i = from; i < rows.length; i++) {
      if (isFrozen) this.#context.refuseWritten(this.#writer.rules.table.codec.keys.keyOf(old[i]!), 'updated');
      const done = this.#writer.update(old[i]!, rows[i]!);
      if (isPromise(done)) return done.then(() => this.#updateFrom(old, rows, i + 1));
    }
  }
}

export class DeleteRows implements RowWriter {
  readonly #writer: TableWriter;

  constructor(rules: WriteRules, context: ExecutionContext) {
    this.#writer = new TableWriter(rules, context);
  }

  write(batch: RowBatch): Awaitable<RowBatch> {
    const deleted = whenReady(this.#writer.lockToDelete(batch), () => this.#deleteFrom(batch, 0));
    return whenReady(deleted, () => batch);
  }

  finish(): Awaitable<void> {
    return this.#writer.finish();
  }

  #deleteFrom(batch: RowBatch, from: number): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const done = this.#writer.delete(batch[i]!);
      if (isPromise(done)) return done.then(() => this.#deleteFrom(batch, i + 1));
    }
  }
}
