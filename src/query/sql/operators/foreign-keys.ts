/**
 * Foreign keys: what one statement has to look at once it has written its rows (PostgreSQL's ri_triggers.c).
 *
 * A row that refers to another locks it as FOR KEY SHARE does; whoever deletes that row or changes what is referred to has
 * locked it as FOR UPDATE does before. So of the two the second waits and then looks (row-locks.ts). Rows
 * that are found wanting fail the statement; the actions (CASCADE, SET NULL, SET DEFAULT) lock and write the referring
 * rows through a writer of their table, with all that follows from that.
 *
 * Deferrable keys are looked at at the end of the transaction, when the session says so; a row that has changed again
 * until then is left to the check of that change.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { equalBytes, latin1 } from '../../../base/bytes.ts';
import { hasCode } from '../../../base/errors.ts';
import {
  type ColumnValue,
  type ForeignKey,
  isStrictlyUnique,
  type Table,
  type TableId,
} from '../../../models/relational/table.ts';
import type { Key, KeyRange } from '../../../storage/key-range.ts';
import type { Transaction } from '../../../storage/store.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { SqlError } from '../sql-error.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow } from './operator.ts';
import { asReferenced, asReferring, cascaded } from './reference-values.ts';
import { lockRows, type RowLockStrength, referenceOf } from './row-locks.ts';
import { sameValue, shownValue } from './row-values.ts';
import type { TableWriter } from './table-writer.ts';
import type { WriteRules } from './write-rules.ts';

type Event =
  | { readonly kind: 'child'; readonly key: ForeignKey; readonly row: ExecutionRow }
  | {
      readonly kind: 'parent';
      readonly key: ForeignKey;
      readonly child: CatalogTable;
      readonly old: ExecutionRow;
      /** Undefined for a deletion. */
      readonly row: ExecutionRow | undefined;
    };

const SETTLED_EVENTS = 256;

/** The table in which rows are looked for. */
function lookedAt(event: Event): TableId {
  return event.kind === 'child' ? event.key.references : event.child.table.id;
}

export class ForeignKeyChecks {
  readonly #rules: WriteRules;
  readonly #context: ExecutionContext;
  readonly #writerFor: (rules: WriteRules) => TableWriter;
  #budget: MemoryBudget;
  #events: Event[] = [];

  /** @param writerFor Makes the writers of tables that refer to this one, for what the actions do to them. */
  constructor(rules: WriteRules, context: ExecutionContext, writerFor: (rules: WriteRules) => TableWriter) {
    this.#rules = rules;
    this.#context = context;
    this.#writerFor = writerFor;
    this.#budget = newBudget(context);
  }

  inserted(row: ExecutionRow): void {
    for (const key of this.#table.foreignKeys ?? []) this.#add({ kind: 'child', key, row: [...row] });
  }

  updated(old: ExecutionRow, row: ExecutionRow): void {
    for (const key of this.#table.foreignKeys ?? []) {
      if (key.columns.every((position) => sameValue(old[position]!, row[position]!))) continue;
      this.#add({ kind: 'child', key, row: [...row] });
    }
    for (const { child, key } of this.#rules.incoming) {
      if (key.referenced.every((position) => sameValue(old[position]!, row[position]!))) continue;
      this.#add({ kind: 'parent', key, child, old: [...old], row: [...row] });
    }
  }

  deleted(old: ExecutionRow): void {
    for (const { child, key } of this.#rules.incoming) {
      this.#add({ kind: 'parent', key, child, old: [...old], row: undefined });
    }
  }

  /** Looks at rows that refer to other tables: rows of this statement cannot be what they refer to. */
  settle(): Awaitable<void> {
    if (this.#events.length < SETTLED_EVENTS) return undefined;
    if (this.#events.some(({ kind, key }) => kind === 'parent' || key.references === this.#table.id)) return undefined;
    if (this.#events.some((event) => this.#context.gathers(lookedAt(event)))) return undefined;
    return this.#finish();
  }

  /** Looks at all that was written since it was last asked. @throws SqlError `foreign_key_violation`. */
  finish(): Awaitable<void> {
    if (this.#events.length === 0) return undefined;
    return this.#finish();
  }

  async #finish(): Promise<void> {
    const events = this.#events;
    this.#events = [];
    this.#budget = newBudget(this.#context);
    const now = events.filter((event) => !this.#context.gathers(lookedAt(event)));
    const met = this.#context.sharesStore ? await this.#lockParents(now) : undefined;
    for (const event of events) {
      if (met?.has(event) === true) continue;
      if (this.#context.gather(lookedAt(event), () => this.#look(event))) continue;
      await this.#look(event);
      await this.#context.pause();
    }
  }

  async #look(event: Event): Promise<void> {
    const run = (): Promise<void> => (event.kind === 'child' ? this.#checkChild(event) : this.#checkParent(event));
    if (event.key.deferrable !== undefined && this.#context.defer(event.key, run)) return;
    await run();
  }

  get #table(): Table {
    return this.#rules.table.table;
  }

  #add(event: Event): void {
    if (event.kind === 'child') {
      const nulls = event.key.columns.filter((position) => event.row[position] === null).length;
      if (nulls === event.key.columns.length || (nulls > 0 && !event.key.matchFull)) return;
    } else if (event.key.referenced.some((position) => event.old[position] === null)) return;
    this.#budget.take(event.kind === 'child' ? event.row : event.old);
    this.#events.push(event);
  }

  /**
   * Where every lock and every look is a question to another machine: locks what the rows refer to by its primary key with one
   * of each for all of them. @returns the events that nothing is left to be looked at for.
   */
  async #lockParents(events: readonly Event[]): Promise<ReadonlySet<Event>> {
    const { transaction } = this.#context;
    const met = new Set<Event>();
    if (events.length < 2 || transaction.isolation !== 'readCommitted') return met;
    const wanted = new Map<string, { readonly parent: CatalogTable; readonly rowKey: Key; readonly events: Event[] }>();
    for (const event of events) {
      if (event.kind !== 'child' || event.key.deferrable !== undefined) continue;
      const parent = this.#rules.table.related.get(event.key.references)!;
      if (event.key.columns.some((position) => event.row[position] === null)) continue;
      const values = this.#referenced(event.key, event.row, parent);
      const rowKey = values && parentRowKey(parent, event.key, values);
      if (rowKey === undefined) continue;
      const same = wanted.get(latin1(rowKey));
      if (same !== undefined) same.events.push(event);
      else {
        wanted.set(latin1(rowKey), { parent, rowKey, events: [event] });
      }
    }
    const parents = [...wanted.values()];
    if (parents.length === 0) return met;
    await this.#context.lock(
      parents.map(({ parent, rowKey }) => referenceOf(parent, rowKey)),
      {},
    );
    this.#moveForward();
    const rows = await transaction.batchGet(parents.map(({ rowKey }) => rowKey));
    for (const [i, parent] of parents.entries())
      if (rows[i] !== undefined) for (const each of parent.events) met.add(each);
    return met;
  }

  async #checkChild({ key, row }: Extract<Event, { kind: 'child' }>): Promise<void> {
    const table = this.#table;
    const message = `insert or update on table "${table.name}" violates foreign key constraint "${key.name}"`;
    if (key.columns.some((position) => row[position] === null)) {
      const detail = 'MATCH FULL does not allow mixing of null and nonnull key values.';
      throw new SqlError('foreign_key_violation', message, { detail, table, constraint: key.name });
    }
    if (!(await this.#isCurrent(row, key.columns))) return;
    const parent = this.#rules.table.related.get(key.references)!;
    const values = this.#referenced(key, row, parent);
    if (values !== undefined && (await this.#lockParent(parent, key, values))) return;
    const names = key.columns.map((position) => table.columns[position]!.name).join(', ');
    const shown = key.columns.map((position) => shownValue(table, position, row[position]!, this.#context)).join(', ');
    throw new SqlError('foreign_key_violation', message, {
      detail: `Key (${names})=(${shown}) is not present in table "${parent.table.name}".`,
      table,
      constraint: key.name,
    });
  }

  /** What the row refers to; undefined where no row can be that. */
  #referenced(key: ForeignKey, row: ExecutionRow, parent: CatalogTable): readonly ColumnValue[] | undefined {
    const values = key.columns.map((position) => row[position]!);
    return asReferenced(key, values, this.#table, parent.table, this.#context);
  }

  /** Whether the row is still there, with the same values in these columns. */
  async #isCurrent(row: ExecutionRow, positions: readonly number[]): Promise<boolean> {
    const { codec } = this.#rules.table;
    const rowKey = codec.keys.keyOf(row);
    const value = await this.#context.transaction.get(rowKey);
    if (value === undefined) return false;
    const now = codec.decode(rowKey, value);
    return positions.every((position) => sameValue(now[position]!, row[position]!));
  }

  /** Locks the row that the values refer to against going away. @returns whether it is there. */
  async #lockParent(parent: CatalogTable, key: ForeignKey, values: readonly ColumnValue[]): Promise<boolean> {
    const { transaction } = this.#context;
    for (;;) {
      this.#moveForward();
      const found = await this.#findParent(parent, key, values);
      if (found === undefined) {
        if (transaction.isolation === 'readCommitted') return false;
        return this.#refuseUnseen(parent, key, values);
      }
      const { rowKey, entryKey } = found;
      await lockRows(this.#context, parent, [rowKey], 'keyShare');
      if (transaction.isolation !== 'readCommitted') {
        // The row is still there; that what refers to it by other columns than its key still does, their entry tells.
        if (entryKey !== undefined && !this.#context.sharesStore)
          await this.#context.lock([entryKey], { mode: 'presence' });
        return true;
      }
      if (this.#context.nothingNewer) return true;
      this.#moveForward();
      const again = await this.#findParent(parent, key, values);
      if (again === undefined) return false;
      if (equalBytes(again.rowKey, rowKey)) return true;
    }
  }

  /** A row that is not seen may be there all the same, since the snapshot: whether it may be relied on, nobody can say. */
  async #refuseUnseen(parent: CatalogTable, key: ForeignKey, values: readonly ColumnValue[]): Promise<false> {
    const rowKey = parentRowKey(parent, key, values);
    if (rowKey !== undefined && (await this.#context.newest(rowKey)) !== undefined) {
      // Refused where it has come since; one that the transaction itself took away is not there.
      await this.#context.lock([rowKey], { mode: 'share' });
    }
    return false;
  }

  #moveForward(): void {
    if (!this.#context.nothingNewer) this.#context.transaction.beginStatement();
  }

  /** The row that the values refer to, and the entry of the unique index that tells of it where they are not its key. */
  async #findParent(
    parent: CatalogTable,
    key: ForeignKey,
    values: readonly ColumnValue[],
  ): Promise<{ readonly rowKey: Key; readonly entryKey?: Key } | undefined> {
    const { transaction } = this.#context;
    const direct = parentRowKey(parent, key, values);
    if (direct !== undefined) return (await transaction.get(direct)) === undefined ? undefined : { rowKey: direct };
    const index = parent.indexes.find(
      ({ index }) =>
        isStrictlyUnique(index) &&
        index.invalid !== true &&
        index.predicate === undefined &&
        index.parts.length === key.referenced.length &&
        index.parts.every(({ column }) => column !== undefined && key.referenced.includes(column)),
    )!;
    const ordered = index.index.parts.map(({ column }) => values[key.referenced.indexOf(column!)]!);
    const entryKey = index.keys.range(ordered).start;
    const entry = await transaction.get(entryKey);
    return entry === undefined ? undefined : { rowKey: index.keys.rowKey(entryKey, entry), entryKey };
  }

  async #checkParent({ key, child, old, row }: Extract<Event, { kind: 'parent' }>): Promise<void> {
    const parent = this.#rules.table;
    const given = key.referenced.map((position) => old[position]!);
    const values = asReferring(key, given, child.table, parent.table, this.#context);
    if (values === undefined) return;
    this.#moveForward();
    const action = row === undefined ? key.onDelete : key.onUpdate;
    if (action === 'no action' || action === 'restrict') {
      await this.#refuseReferenced(key, child, given, values, action);
      return;
    }
    if (await this.#isReferencedSince(child, key, values)) {
      throw new SqlError('serialization_failure', 'could not serialize access due to concurrent update');
    }
    const found = await this.#children(child, key, values, Number.POSITIVE_INFINITY, this.#context.transaction);
    const writer = this.#writerFor(this.#rules.related(child));
    for (const each of found) {
      const isDeleted = action === 'cascade' && row === undefined;
      const current = await this.#lockChild(child, key, each, values, isDeleted ? 'update' : 'noKeyUpdate');
      if (current === undefined) continue;
      if (isDeleted) {
        await writer.delete(current);
        continue;
      }
      const changed = [...current];
      if (action === 'cascade') {
        const now = key.referenced.map((position) => row![position]!);
        const followed = cascaded(key, now, child.table, parent.table, this.#context);
        key.columns.forEach((position, i) => {
          changed[position] = followed[i]!;
        });
      } else {
        for (const position of row === undefined ? (key.setColumns ?? key.columns) : key.columns) {
          changed[position] = action === 'set null' ? null : writer.rules.defaults(position)([], this.#context);
        }
      }
      writer.prepare(changed);
      await writer.update(current, changed);
      await this.#context.pause();
    }
    await writer.finish();
    // A default that is what was there already changes nothing, and nobody else looks whether it still refers to a row.
    if (action === 'set default') await this.#refuseReferenced(key, child, given, values, 'no action');
  }

  /** @param values `given` as the referring table has them. @throws SqlError `foreign_key_violation` where a row refers to them. */
  async #refuseReferenced(
    key: ForeignKey,
    child: CatalogTable,
    given: readonly ColumnValue[],
    values: readonly ColumnValue[],
    action: 'no action' | 'restrict',
  ): Promise<void> {
    const parent = this.#rules.table;
    if (action === 'no action' && (await this.#findParent(parent, key, given)) !== undefined) return;
    if (!(await this.#isReferenced(child, key, values))) return;
    const { table } = parent;
    const names = key.referenced.map((position) => table.columns[position]!.name).join(', ');
    const shown = key.referenced.map((position, i) => shownValue(table, position, given[i]!, this.#context));
    throw new SqlError(
      'foreign_key_violation',
      `update or delete on table "${table.name}" violates foreign key constraint "${key.name}" on table "${child.table.name}"`,
      {
        detail: `Key (${names})=(${shown.join(', ')}) is still referenced from table "${child.table.name}".`,
        table: child.table,
        constraint: key.name,
      },
    );
  }

  /** Whether a row refers to `values` that nobody is about to take away. */
  async #isReferenced(child: CatalogTable, key: ForeignKey, values: readonly ColumnValue[]): Promise<boolean> {
    for (;;) {
      const [row] = await this.#children(child, key, values, 1, this.#context.transaction);
      if (row === undefined) return this.#isReferencedSince(child, key, values);
      if ((await this.#lockChild(child, key, row, values, 'share')) !== undefined) return true;
    }
  }

  /** Whether someone committed a row that refers to `values` since the snapshot, which does not show it. */
  async #isReferencedSince(child: CatalogTable, key: ForeignKey, values: readonly ColumnValue[]): Promise<boolean> {
    const { transaction } = this.#context;
    if (transaction.isolation === 'readCommitted') return false;
    const newest = this.#context.beginReader();
    try {
      for (const row of await this.#children(child, key, values, Number.POSITIVE_INFINITY, newest)) {
        try {
          // What this transaction has deleted itself it holds already; what it never saw it cannot lock.
          await this.#context.lock([child.codec.keys.keyOf(row)], { mode: 'share' });
        } catch (error) {
          if (hasCode(error, 'transaction_conflict')) return true;
          throw error;
        }
      }
      return false;
    } finally {
      newest.rollback();
    }
  }

  /** The row as it is once it is locked; undefined when it no longer refers to `values`. */
  async #lockChild(
    child: CatalogTable,
    key: ForeignKey,
    row: ExecutionRow,
    values: readonly ColumnValue[],
    strength: RowLockStrength,
  ): Promise<ExecutionRow | undefined> {
    const rowKey = child.codec.keys.keyOf(row);
    await lockRows(this.#context, child, [rowKey], strength);
    this.#moveForward();
    const value = await this.#context.transaction.get(rowKey);
    if (value === undefined) return undefined;
    const current = child.codec.decode(rowKey, value);
    return key.columns.every((position, i) => sameValue(current[position]!, values[i]!)) ? current : undefined;
  }

  /** Rows that refer to `values`, at most `rowsMax`. */
  async #children(
    child: CatalogTable,
    key: ForeignKey,
    values: readonly ColumnValue[],
    rowsMax: number,
    reader: Transaction,
  ): Promise<readonly ExecutionRow[]> {
    const rows: ExecutionRow[] = [];
    const budget = new MemoryBudget('rows that refer to a row', this.#context);
    const { range, index } = childrenRange(child, key, values);
    const cursor = reader.scan(range);
    try {
      for (;;) {
        const pulled = cursor.next();
        const batch = isPromise(pulled) ? await pulled : pulled;
        if (batch === undefined) return rows;
        for (const entry of batch) {
          const rowKey = index === undefined ? entry.key : index.keys.rowKey(entry.key, entry.value);
          const value = index === undefined ? entry.value : await reader.get(rowKey);
          if (value === undefined) continue;
          const row = child.codec.decode(rowKey, value);
          if (!key.columns.every((position, i) => sameValue(row[position]!, values[i]!))) continue;
          budget.take(row);
          rows.push(row);
          if (rows.length >= rowsMax) return rows;
        }
        await this.#context.pause();
      }
    } finally {
      cursor.close();
    }
  }
}

/** The key of the row that the values refer to, when they refer to its primary key. */
function parentRowKey(
  { table, codec }: CatalogTable,
  key: ForeignKey,
  values: readonly ColumnValue[],
): Key | undefined {
  if (table.primaryKey.length !== key.referenced.length) return undefined;
  if (!table.primaryKey.every((position) => key.referenced.includes(position))) return undefined;
  return codec.keys.key(table.primaryKey.map((position) => values[key.referenced.indexOf(position)]!));
}

/** Where the rows are that refer to `values`: by the primary key, by an index that begins with them, or anywhere. */
function childrenRange(
  child: CatalogTable,
  key: ForeignKey,
  values: readonly ColumnValue[],
): { readonly range: KeyRange; readonly index: CatalogTable['indexes'][number] | undefined } {
  const count = key.columns.length;
  const leads = (columns: readonly (number | undefined)[]): boolean =>
    columns.length >= count &&
    columns.slice(0, count).every((each) => each !== undefined && key.columns.includes(each));
  const ordered = (columns: readonly (number | undefined)[]): ColumnValue[] =>
    columns.slice(0, count).map((each) => values[key.columns.indexOf(each!)]!);
  const { primaryKey } = child.table;
  if (leads(primaryKey)) return { range: child.codec.keys.range(ordered(primaryKey)), index: undefined };
  const index = child.indexes.find(
    ({ index: each }) =>
      each.predicate === undefined &&
      each.invalid !== true &&
      each.method !== 'gin' &&
      leads(each.parts.map(({ column }) => column)),
  );
  if (index === undefined) return { range: child.codec.keys.range([]), index: undefined };
  return { range: index.keys.range(ordered(index.index.parts.map(({ column }) => column))), index };
}

function newBudget(context: ExecutionContext): MemoryBudget {
  return new MemoryBudget('checking foreign keys', context);
}
