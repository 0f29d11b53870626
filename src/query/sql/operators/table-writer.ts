/**
 * Writes rows of one table with everything that follows from them: generated columns, checks, entries of indexes,
 * foreign keys. All writers of rows go through here.
 *
 * **Uniqueness.** The keys that must be free (the row's own, and those of unique indexes) are locked, then looked up in
 * the newest state: of two transactions that write one key the second waits for the first and then fails, or succeeds
 * when the first rolled back. Who takes a unique entry away locks it too, so that whoever wants it waits. Checks happen
 * row by row in the order of the input, the primary key first, then the indexes in the order of their creation, as in
 * PostgreSQL. The newest state moves the transaction's snapshot: an input with an open cursor is read to its end first
 * where keys are created, see `Modify`.
 *
 * **Foreign keys** are looked at when a statement has written all its rows; see foreign-keys.ts.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type Bytes, compareBytes, equalBytes, latin1 } from '../../../base/bytes.ts';
import { hasCode } from '../../../base/errors.ts';
import type { Table } from '../../../models/relational/table.ts';
import type { Key } from '../../../storage/key-range.ts';
import { SqlError } from '../sql-error.ts';
import { readWriteConflict } from '../store-errors.ts';
import { formatText } from '../types/text-form.ts';
import { DeferrableKeys } from './deferrable-keys.ts';
import { ForeignKeyChecks } from './foreign-keys.ts';
import type { ExecutionContext, ExecutionRow } from './operator.ts';
import { lockReleased } from './row-locks.ts';
import { failingRow, sameValue } from './row-values.ts';
import {
  addEntries,
  type IndexEntry,
  isPlain,
  isTied,
  type UniqueSlot,
  type WriteIndex,
  type WriteRules,
} from './write-rules.ts';

export interface Conflict {
  readonly slot: UniqueSlot;
  /** What stands under the slot's key. */
  readonly value: Bytes;
}

/** After so many batches that could not be put as new only each so-manieth is tried. */
const REFUSALS_MAX = 8;

export class TableWriter {
  readonly rules: WriteRules;
  readonly #context: ExecutionContext;
  readonly #foreignKeys: ForeignKeyChecks | undefined;
  readonly #uniqueIndexes: number;
  readonly #deferrable: DeferrableKeys | undefined;
  /** Batches in a row that could not be put as new. */
  #refusals = 0;
  /** Which row of those that `insertAll` was given last is written, where they go one by one. */
  attempted = 0;
  #inserted = 0;
  #updated = 0;
  #deleted = 0;

  constructor(rules: WriteRules, context: ExecutionContext) {
    this.rules = rules;
    this.#context = context;
    this.#uniqueIndexes = rules.indexes.filter(({ source }) => source.index.unique).length;
    this.#foreignKeys = isTied(rules)
      ? new ForeignKeyChecks(rules, context, (related) => new TableWriter(related, context))
      : undefined;
    const defers = rules.indexes.some(({ source }) => source.index.deferrable !== undefined);
    this.#deferrable = defers ? new DeferrableKeys(context, (slot) => this.duplicate(slot)) : undefined;
  }

  /**
   * Computes generated columns and tests the row by itself.
   * @throws SqlError `not_null_violation`, `check_violation`.
   */
  prepare(row: ExecutionRow): void {
    const { table, generated, checks } = this.rules;
    const context = this.#context;
    for (const { position, value } of generated) row[position] = value(row, context);
    checkNotNull(table.table, row, context);
    for (const { name, test } of checks) {
      if (test(row, context) !== false) continue;
      throw new SqlError(
        'check_violation',
        `new row for relation "${table.table.name}" violates check constraint "${name}"`,
        { detail: failingRow(table.table, row, context), table: table.table, constraint: name },
      );
    }
  }

  /** Once the row is there, as its keys come first. @throws SqlError `with_check_option_violation`. */
  #checkViews(row: ExecutionRow): void {
    const { table, viewChecks } = this.rules;
    if (viewChecks === undefined) return;
    for (const { view, test } of viewChecks) {
      if (test(row, this.#context) !== true) throw viewViolation(view, table.table, row, this.#context);
    }
  }

  /**
   * Puts a prepared row, unless one of its keys is taken: then nothing was written.
   * @param first Keys to look at before the others. Where given, a key that someone else took since the snapshot is a
   * conflict of the transaction.
   */
  insert(row: ExecutionRow, first?: (slot: UniqueSlot) => boolean): Awaitable<Conflict | undefined> {
    const { table, codec } = this.rules.table;
    const hidden = table.primaryKey.length === 0;
    if (hidden && row.length === table.columns.length) {
      return whenReady(this.#context.nextRowId(this.rules.table), (id) => {
        row.push(id);
        return this.insert(row, first);
      });
    }
    const key = codec.keys.keyOf(row);
    const all = hidden ? this.#slots(row, key).slice(1) : this.#slots(row, key);
    const slots =
      first === undefined || all.length === 1 ? all : [...all.filter(first), ...all.filter((each) => !first(each))];
    return whenReady(this.#firstTaken(slots, first !== undefined), (taken) => {
      if (taken !== undefined) return taken;
      this.#inserted++;
      const inserted = (): undefined => {
        this.#putNew(key, row, hidden);
        this.#checkViews(row);
        this.#foreignKeys?.inserted(row);
      };
      if (this.#deferrable === undefined) return inserted();
      return this.#replaceClaims(this.#deferrable, undefined, row, inserted).then(() => undefined);
    });
  }

  /** @throws SqlError `unique_violation`. */
  insertNew(row: ExecutionRow): Awaitable<void> {
    return whenReady(this.insert(row), (taken) => {
      if (taken !== undefined) throw this.duplicate(taken.slot);
    });
  }

  /**
   * As `insertNew` of one prepared row after the other, with one question to the store for all of them where nothing is in
   * their way. Where something is, they are taken one by one, which tells of the first row that cannot be.
   * @throws SqlError `unique_violation`.
   */
  insertAll(rows: readonly ExecutionRow[]): Awaitable<void> {
    if (rows.length < 2 || this.#deferrable !== undefined) return this.#insertEach(rows, 0);
    return whenReady(this.#giveRowIds(rows, 0), () => {
      if (this.#putAllNew(rows)) return;
      const { codec, table } = this.rules.table;
      const hidden = table.primaryKey.length === 0;
      const keys = rows.map((row) => codec.keys.keyOf(row));
      const wanted =
        this.#uniqueIndexes === 0
          ? hidden
            ? []
            : keys
          : rows.flatMap((row, i) => {
              this.attempted = i;
              return keysOf(this.#slots(row, keys[i]!).slice(hidden ? 1 : 0));
            });
      return whenReady(this.#areFree(wanted), (free) => {
        if (!free) return this.#insertEach(rows, 0);
        for (let i = 0; i < rows.length; i++) {
          this.attempted = i;
          this.#putNew(keys[i]!, rows[i]!, hidden);
          this.#checkViews(rows[i]!);
          this.#foreignKeys?.inserted(rows[i]!);
        }
        this.#inserted += rows.length;
      });
    });
  }

  /** As `insertAll`, of rows whose keys ascend where nothing is. @returns false, having done nothing, for all others. */
  #putAllNew(rows: readonly ExecutionRow[]): boolean {
    const { transaction } = this.#context;
    if (transaction.putAllNew === undefined || this.#uniqueIndexes > 0 || this.#isRefused) return false;
    const { codec, table } = this.rules.table;
    const puts = codec.encodePuts(rows);
    if (puts === undefined || !transaction.putAllNew(puts, table.primaryKey.length === 0)) {
      this.#refusals++;
      return false;
    }
    this.#refusals = 0;
    if (this.rules.viewChecks !== undefined) for (const row of rows) this.#checkViews(row);
    if (this.rules.indexes.length > 0 || this.#foreignKeys !== undefined) {
      for (const [i, row] of rows.entries()) {
        this.attempted = i;
        if (this.rules.indexes.length > 0) this.#putEntries(codec.keys.keyOf(row), row);
        this.#foreignKeys?.inserted(row);
      }
    }
    this.#inserted += rows.length;
    return true;
  }

  /** What was refused again and again is not tried each time. */
  get #isRefused(): boolean {
    return this.#refusals >= REFUSALS_MAX && this.#refusals++ % REFUSALS_MAX !== 0;
  }

  #insertEach(rows: readonly ExecutionRow[], from: number): Awaitable<void> {
    for (let i = from; i < rows.length; i++) {
      this.attempted = i;
      const done = this.insertNew(rows[i]!);
      if (isPromise(done)) return done.then(() => this.#insertEach(rows, i + 1));
    }
  }

  /** Gives rows without a primary key their hidden ids. */
  #giveRowIds(rows: readonly ExecutionRow[], from: number): Awaitable<void> {
    const { table } = this.rules.table;
    if (table.primaryKey.length > 0) return undefined;
    for (let i = from; i < rows.length; i++) {
      const row = rows[i]!;
      if (row.length > table.columns.length) continue;
      const id = this.#context.nextRowId(this.rules.table);
      if (isPromise(id)) {
        return id.then((late) => {
          row.push(late);
          return this.#giveRowIds(rows, i + 1);
        });
      }
      row.push(id);
    }
  }

  /** Locks keys that must be free, without waiting; false when one is not, or when that takes a closer look. */
  #areFree(keys: readonly Key[]): Awaitable<boolean> {
    if (!areDistinct(keys)) return false;
    if (keys.length === 0) return true;
    const { transaction } = this.#context;
    const look = (): Awaitable<boolean> => {
      if (!this.#context.nothingNewer) transaction.beginStatement();
      return whenReady(transaction.batchGet(keys), (found) => found.every((value) => value === undefined));
    };
    const refused = (error: unknown): boolean => {
      const known =
        hasCode(error, 'transaction_conflict') ||
        (error instanceof SqlError && error.condition === 'lock_not_available');
      if (!known) throw error;
      return false;
    };
    try {
      const locked = this.#context.lock(keys, { wait: 'nowait' });
      return isPromise(locked) ? locked.then(look, refused) : look();
    } catch (error) {
      return refused(error);
    }
  }

  /** Replaces a row that is locked by a prepared one. @throws SqlError `unique_violation`. */
  update(old: ExecutionRow, row: ExecutionRow): Awaitable<void> {
    const { codec, table } = this.rules.table;
    const oldKey = codec.keys.keyOf(old);
    const key = codec.keys.keyOf(row);
    const moves = !equalBytes(oldKey, key);
    this.#updated++;
    if (!moves && isPlain(this.rules)) {
      this.#context.transaction.put(key, codec.encode(row));
      this.#checkViews(row);
      return undefined;
    }
    const before = this.#slots(old, oldKey);
    const after = this.#slots(row, key);
    const added = after.filter((slot) => !before.some((other) => equalBytes(other.key, slot.key)));
    const removed = before.filter((slot) => !after.some((other) => equalBytes(other.key, slot.key)));
    const released = this.#releases(old, row) ? [oldKey] : [];
    return whenReady(lockReleased(this.#context, this.rules.table, keysOf(removed), released), () => {
      if (moves) this.#context.transaction.delete(oldKey);
      const [leaving, coming] = [this.#entries(old, oldKey), this.#entries(row, key)];
      this.#deleteEntries(leaving, coming);
      return whenReady(this.#firstTaken(added), (taken) => {
        if (taken !== undefined) throw this.duplicate(taken.slot);
        if (moves && table.primaryKey.length === 0) row[table.columns.length] = old[table.columns.length]!;
        const replaced = (): undefined => {
          this.#context.transaction.put(key, codec.encode(row));
          const isThere = holding(leaving);
          for (const entry of coming) if (!isThere(entry)) this.#context.transaction.put(entry.key, entry.value);
          this.#checkViews(row);
          this.#foreignKeys?.updated(old, row);
        };
        if (this.#deferrable === undefined) return replaced();
        return this.#replaceClaims(this.#deferrable, old, row, replaced);
      });
    });
  }

  /** As `update`, where the rules are plain and the key stays. */
  replace(key: Key, row: ExecutionRow): void {
    this.#updated++;
    this.#context.transaction.put(key, this.rules.table.codec.encode(row));
    this.#checkViews(row);
  }

  /** Deletes a row that is locked for UPDATE. */
  delete(old: ExecutionRow): Awaitable<void> {
    this.#deleted++;
    const { codec } = this.rules.table;
    const key = codec.keys.keyOf(old);
    if (this.rules.indexes.length === 0 && this.#foreignKeys === undefined) {
      this.#context.transaction.delete(key);
      return undefined;
    }
    return whenReady(this.#lockTakenAway([old]), () => {
      const deleted = (): undefined => {
        this.#context.transaction.delete(key);
        this.#deleteEntries(this.#entries(old, key), []);
        this.#foreignKeys?.deleted(old);
      };
      if (this.#deferrable === undefined) return deleted();
      return this.#replaceClaims(this.#deferrable, old, undefined, deleted);
    });
  }

  /** What `delete` is going to lock, at once, where asking for it row by row would take its time. */
  lockToDelete(rows: readonly ExecutionRow[]): Awaitable<unknown> {
    if (!this.#context.sharesStore || rows.length < 2) return undefined;
    return this.#lockTakenAway(rows);
  }

  /** Locks what others may be waiting for, or rely on. */
  #lockTakenAway(rows: readonly ExecutionRow[]): Awaitable<unknown> {
    const { table } = this.rules;
    const keys = rows.map((row) => table.codec.keys.keyOf(row));
    const slots = rows.flatMap((row, i) => this.#slots(row, keys[i]!).filter(({ index }) => index !== undefined));
    return lockReleased(this.#context, table, keysOf(slots), keys);
  }

  /** Between batches of an INSERT: does what need not wait for the last row, so that little is held. */
  settle(): Awaitable<void> {
    return this.#foreignKeys?.settle();
  }

  /** After the last row of the statement. @throws SqlError `foreign_key_violation`. */
  finish(): Awaitable<void> {
    const { id } = this.rules.table.table;
    if (this.#inserted > 0) this.#context.noteChanges(id, 'inserted', this.#inserted);
    if (this.#updated > 0) this.#context.noteChanges(id, 'updated', this.#updated);
    if (this.#deleted > 0) this.#context.noteChanges(id, 'deleted', this.#deleted);
    this.#inserted = 0;
    this.#updated = 0;
    this.#deleted = 0;
    if (this.#deferrable === undefined) return this.#foreignKeys?.finish();
    return this.#deferrable.finish().then(() => this.#foreignKeys?.finish());
  }

  /** Does `work`, which puts one row in the place of another, with the claims of its values in deferrable constraints. */
  async #replaceClaims(
    keys: DeferrableKeys,
    old: ExecutionRow | undefined,
    row: ExecutionRow | undefined,
    work: () => void,
  ): Promise<void> {
    const slotsOf = (of: ExecutionRow | undefined): readonly UniqueSlot[] =>
      of === undefined
        ? []
        : this.rules.indexes.flatMap((index) => {
            if (!this.#isIndexed(index, of)) return [];
            const slot = keys.slot(
              index,
              index.parts.map((part) => part(of, this.#context)),
            );
            return slot === undefined ? [] : [slot];
          });
    const [before, after] = [slotsOf(old), slotsOf(row)];
    const isIn = (slots: readonly UniqueSlot[], { key }: UniqueSlot): boolean =>
      slots.some((other) => equalBytes(other.key, key));
    const removed = before.filter((slot) => !isIn(after, slot));
    const written = after.filter((slot) => !isIn(before, slot));
    await keys.claim(removed, written);
    for (const slot of removed) keys.removed(slot);
    work();
    for (const slot of written) await keys.written(slot);
  }

  duplicate({ index, values }: UniqueSlot): SqlError {
    const { table } = this.rules.table;
    const name = index?.source.index.name ?? table.primaryKeyName;
    const names = index?.titles ?? table.primaryKey.map((position) => table.columns[position]!.name);
    const types = index?.source.index.parts ?? table.primaryKey.map((position) => table.columns[position]!);
    const shown = values.map((value, i) =>
      value === null ? 'null' : formatText(types[i]!.type, value, this.#context),
    );
    return new SqlError('unique_violation', `duplicate key value violates unique constraint "${name}"`, {
      detail: `Key (${names.join(', ')})=(${shown.join(', ')}) already exists.`,
      table,
      constraint: name,
    });
  }

  /** Keys that must be free for the row, in the order in which PostgreSQL would look. */
  #slots(row: ExecutionRow, key: Key): readonly UniqueSlot[] {
    const { table } = this.rules.table;
    const slots: UniqueSlot[] = [{ key, index: undefined, values: table.primaryKey.map((position) => row[position]!) }];
    for (const index of this.rules.indexes) {
      if (!index.source.index.unique || !this.#isIndexed(index, row)) continue;
      const values = index.parts.map((part) => part(row, this.#context));
      if (!index.source.keys.excludes(values)) continue;
      slots.push({ key: index.source.keys.key(values, key), index, values });
    }
    return slots;
  }

  /** Whether what rows of other tables, and FOR KEY SHARE, rely on goes with the change. */
  #releases(old: ExecutionRow, row: ExecutionRow): boolean {
    return this.rules.keyColumns.some((position) => !sameValue(old[position]!, row[position]!));
  }

  #isIndexed({ predicate }: WriteIndex, row: ExecutionRow): boolean {
    return predicate === undefined || predicate(row, this.#context) === true;
  }

  #entries(row: ExecutionRow, key: Key): readonly IndexEntry[] {
    const entries: IndexEntry[] = [];
    for (const index of this.rules.indexes) {
      if (!this.#isIndexed(index, row)) continue;
      const values = index.parts.map((part) => part(row, this.#context));
      addEntries(index, values, key, row, entries);
    }
    return entries;
  }

  /**
   * Puts a row where none is, whose keys are locked.
   * @param isHidden The key holds an id that no other transaction can know of.
   */
  #putNew(key: Key, row: ExecutionRow, isHidden: boolean): void {
    const { transaction } = this.#context;
    const value = this.rules.table.codec.encode(row);
    if (isHidden) transaction.putNew(key, value);
    else transaction.putLocked(key, value);
    if (this.rules.indexes.length > 0) this.#putEntries(key, row);
  }

  /** Puts the entries of a row that is locked. */
  #putEntries(key: Key, row: ExecutionRow): void {
    for (const entry of this.#entries(row, key)) this.#context.transaction.putLocked(entry.key, entry.value);
  }

  /** @param kept Under some of their keys entries stay, with the same value or another. */
  #deleteEntries(entries: readonly IndexEntry[], kept: readonly IndexEntry[]): void {
    const keptAt = valueIn(kept);
    for (const { key } of entries) if (keptAt(key) === undefined) this.#context.transaction.delete(key);
  }

  /** Locks the keys and looks at what is under them now. */
  #firstTaken(slots: readonly UniqueSlot[], conflicts = false): Awaitable<Conflict | undefined> {
    if (slots.length === 0) return undefined;
    const { transaction } = this.#context;
    const look = (): Awaitable<Conflict | undefined> => {
      if (!this.#context.nothingNewer) transaction.beginStatement();
      return this.#look(slots, 0, (key) => transaction.get(key));
    };
    try {
      const locked = this.#context.lock(slots.length === 1 ? [slots[0]!.key] : keysOf(slots), {});
      if (!isPromise(locked)) return look();
      return locked.then(look, (error: unknown) => {
        if (conflicts) throw error;
        return this.#conflicting(error, slots);
      });
    } catch (error) {
      if (conflicts) throw error;
      return this.#conflicting(error, slots);
    }
  }

  #look(
    slots: readonly UniqueSlot[],
    from: number,
    read: (key: Key) => Awaitable<Bytes | undefined>,
  ): Awaitable<Conflict | undefined> {
    for (let i = from; i < slots.length; i++) {
      const slot = slots[i]!;
      const value = read(slot.key);
      if (isPromise(value)) {
        return value.then((late) => (late === undefined ? this.#look(slots, i + 1, read) : { slot, value: late }));
      }
      if (value !== undefined) return { slot, value };
    }
    return undefined;
  }

  /** Under snapshot isolation a key that someone else took meanwhile is a duplicate first, and a conflict second. */
  #conflicting(error: unknown, slots: readonly UniqueSlot[]): Awaitable<Conflict | undefined> {
    if (!hasCode(error, 'transaction_conflict')) throw error;
    return whenReady(
      this.#look(slots, 0, (key) => this.#context.newest(key)),
      (taken) => {
        if (taken === undefined) throw error;
        // Who looked first and saw that the key is free had better run again than hear that it is not.
        if (this.#context.transaction.readsHold?.() === false) throw readWriteConflict(error);
        throw this.duplicate(taken.slot);
      },
    );
  }
}

/** Inverted indexes have many entries of one row: more than this are not compared one by one. */
const COMPARED_MAX = 16;

/** What stands under a key among the entries. */
function valueIn(entries: readonly IndexEntry[]): (key: Key) => Bytes | undefined {
  if (entries.length <= COMPARED_MAX) return (key) => entries.find((entry) => equalBytes(entry.key, key))?.value;
  const values = new Map(entries.map(({ key, value }) => [latin1(key), value]));
  return (key) => values.get(latin1(key));
}

/** Whether an entry is among these, as it is. */
function holding(entries: readonly IndexEntry[]): (entry: IndexEntry) => boolean {
  const valueAt = valueIn(entries);
  return ({ key, value }) => {
    const found = valueAt(key);
    return found !== undefined && equalBytes(found, value);
  };
}

function keysOf(slots: readonly UniqueSlot[]): readonly Key[] {
  return slots.map(({ key }) => key);
}

/** Whether no two keys are equal; of ascending ones that is seen at once. */
function areDistinct(keys: readonly Key[]): boolean {
  let ascending = true;
  for (let i = 1; ascending && i < keys.length; i++) ascending = compareBytes(keys[i - 1]!, keys[i]!) < 0;
  return ascending || new Set(keys.map(latin1)).size === keys.length;
}

export function viewViolation(view: string, table: Table, row: ExecutionRow, context: ExecutionContext): SqlError {
  return new SqlError('with_check_option_violation', `new row violates check option for view "${view}"`, {
    detail: failingRow(table, row, context),
  });
}

/** @throws SqlError `not_null_violation`. */
function checkNotNull(table: Table, row: ExecutionRow, context: ExecutionContext): void {
  const { columns } = table;
  for (let position = 0; position < columns.length; position++) {
    if (row[position] !== null || !columns[position]!.notNull) continue;
    const { name } = columns[position]!;
    throw new SqlError(
      'not_null_violation',
      `null value in column "${name}" of relation "${table.name}" violates not-null constraint`,
      { detail: failingRow(table, row, context), table, column: name },
    );
  }
}
