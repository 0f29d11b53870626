/**
 * Locks the rows of its input and passes on what they are once locked: for UPDATE, DELETE and SELECT … FOR UPDATE.
 *
 * Under read committed a row may have changed between the statement's snapshot and the moment its lock was granted. As in
 * PostgreSQL (EvalPlanQual, README of its executor) the newest version is then read, the condition is evaluated on it
 * again, and the row is left out when it is gone or no longer meets it. Under the stricter levels the store refuses the
 * lock of a row that changed, as `transaction_conflict`.
 *
 * The newest version is read past the statement's snapshot. A transaction that has written before could be shown an
 * older commit than its own write that way; there the input is read to its end first, bounded by the statement's budget,
 * and the snapshot itself moves forward, unless the statement reads by one that stays.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type Bytes, equalBytes } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { SqlError } from '../sql-error.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { keyColumns, lockRows, type RowLockStrength } from './row-locks.ts';
import { sameValue } from './row-values.ts';
import type { EvaluateLater } from './subquery.ts';

export interface LockRowsOptions {
  /** UPDATE of keys locks more when it writes. */
  readonly strength: RowLockStrength;
  readonly wait: 'block' | 'nowait' | 'skip';
  /** What is about to be done with the rows, where something is. */
  readonly change?: 'updated' | 'deleted';
  /** What a row must still meet; undefined when anything will do. */
  readonly condition: EvaluateLater | undefined;
  /** Where the table's row begins in a row of the input; missing: at its beginning. What else a row holds stays. */
  readonly offset?: number;
  /** How many rows are wanted of it first: no more are locked for them than have to be. Missing: all. */
  readonly rowsWanted?: number;
}

/** Rows locked at a time when the whole input was read before. */
const BATCH_ROWS = 64;

export class LockRows implements Operator {
  readonly #input: Operator;
  readonly #table: CatalogTable;
  readonly #options: LockRowsOptions;
  readonly #context: ExecutionContext;
  /** Columns besides the primary key that the row can be referred to by, where that is all that is locked. */
  readonly #keyColumns: readonly number[];
  #held: ExecutionRow[] | undefined;
  #position = 0;
  /** Of the input's last batch, from `#restFrom` on: what there was no wish for yet. */
  #rest: RowBatch = [];
  #restFrom = 0;
  #passed = 0;

  constructor(input: Operator, table: CatalogTable, options: LockRowsOptions, context: ExecutionContext) {
    this.#input = input;
    this.#table = table;
    this.#options = options;
    this.#context = context;
    const { primaryKey } = table.table;
    const isReferred = options.strength === 'keyShare';
    this.#keyColumns = isReferred ? keyColumns(table).filter((position) => !primaryKey.includes(position)) : [];
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      const locked = this.#attempt();
      if (isPromise(locked)) return this.#nextLate(locked);
      if (locked === undefined || locked.length > 0) return locked;
    }
  }

  close(): void {
    this.#input.close();
    this.#held = [];
  }

  async #nextLate(first: Promise<RowBatch | undefined>): Promise<RowBatch | undefined> {
    let locked = await first;
    while (locked !== undefined && locked.length === 0) locked = await this.#attempt();
    return locked;
  }

  /** One batch locked; empty when none of its rows was left; undefined at the end. */
  #attempt(): Awaitable<RowBatch | undefined> {
    return whenReady(this.#slice(), (batch) => {
      if (batch === undefined) return undefined;
      return whenReady(this.#lock(batch), (locked) => {
        this.#passed += locked.length;
        return locked;
      });
    });
  }

  /** The next rows to lock: whole batches, or no more than are wanted. */
  #slice(): Awaitable<RowBatch | undefined> {
    const { rowsWanted = Number.POSITIVE_INFINITY } = this.#options;
    if (rowsWanted === Number.POSITIVE_INFINITY) return this.#pull();
    if (this.#restFrom < this.#rest.length) {
      const from = this.#restFrom;
      const wanted = rowsWanted - this.#passed;
      this.#restFrom = Math.min(this.#rest.length, from + (wanted > 0 ? wanted : BATCH_ROWS));
      return this.#rest.slice(from, this.#restFrom);
    }
    return whenReady(this.#pull(), (batch) => {
      if (batch === undefined || batch.length === 0) return batch;
      this.#rest = batch;
      this.#restFrom = 0;
      return this.#slice();
    });
  }

  #pull(): Awaitable<RowBatch | undefined> {
    const { wroteBefore, isFrozen, transaction } = this.#context;
    if (!wroteBefore || isFrozen || transaction.isolation !== 'readCommitted') return this.#input.next();
    if (this.#held !== undefined) return this.#pullHeld();
    const held: ExecutionRow[] = [];
    const budget = new MemoryBudget('locking rows after other writes', this.#context);
    const take = (batch: RowBatch): void => {
      for (const row of batch) {
        budget.take(row);
        held.push(row);
      }
    };
    return whenReady(drain(this.#input, this.#context, take), () => {
      this.#held = held;
      return this.#pullHeld();
    });
  }

  #pullHeld(): RowBatch | undefined {
    const batch = this.#held!.slice(this.#position, this.#position + BATCH_ROWS);
    this.#position += batch.length;
    return batch.length === 0 ? undefined : batch;
  }

  #lock(batch: RowBatch): Awaitable<RowBatch> {
    let keys = batch.map((row) => this.#table.codec.keys.keyOf(this.#own(row)));
    if (keys.some((key) => this.#context.isWritten(key))) {
      const { change } = this.#options;
      if (change !== undefined) for (const key of keys) this.#context.refuseWritten(key, change);
      batch = batch.filter((_, i) => !this.#context.isWritten(keys[i]!));
      keys = keys.filter((key) => !this.#context.isWritten(key));
    }
    return whenReady(this.#lockKeys(keys), (locked) => {
      const kept = locked.length === keys.length ? batch : rowsOf(batch, keys, locked);
      const keptKeys = locked.length === keys.length ? keys : locked;
      if (this.#context.nothingNewer) return kept;
      if (this.#context.transaction.isolation !== 'readCommitted') {
        const shares = this.#options.strength === 'keyShare' && !this.#context.sharesStore;
        return shares ? this.#refuseChangedKeys(kept, keptKeys) : kept;
      }
      if (this.#context.wroteBefore) this.#context.transaction.beginStatement();
      return this.#reread(kept, keptKeys);
    });
  }

  /** @returns those of `keys` that were locked. */
  #lockKeys(keys: readonly Key[]): Awaitable<readonly Key[]> {
    const { strength, wait } = this.#options;
    try {
      const locked = lockRows(this.#context, this.#table, keys, strength, wait);
      return isPromise(locked) ? locked.catch((error) => this.#refuse(error)) : locked;
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** Says of which table it was. */
  #refuse(error: unknown): never {
    if (!(error instanceof SqlError) || this.#options.wait !== 'nowait' || error.condition !== 'lock_not_available') {
      throw error;
    }
    const message = `could not obtain lock on row in relation "${this.#table.table.name}"`;
    throw new SqlError('lock_not_available', message, { cause: error.cause });
  }

  /** The table's part of a row. */
  #own(row: ExecutionRow): ExecutionRow {
    const { offset = 0 } = this.#options;
    return offset === 0 ? row : row.slice(offset);
  }

  #reread(batch: RowBatch, keys: readonly Key[]): Awaitable<RowBatch> {
    const rows: ExecutionRow[] = [];
    for (let i = 0; i < keys.length; i++) {
      const value = this.#read(keys[i]!);
      const taken = isPromise(value)
        ? value.then((late) => this.#take(batch[i]!, keys[i]!, late, rows))
        : this.#take(batch[i]!, keys[i]!, value, rows);
      if (isPromise(taken)) return this.#rereadRest(batch, keys, i + 1, taken, rows);
    }
    return rows;
  }

  async #rereadRest(
    batch: RowBatch,
    keys: readonly Key[],
    from: number,
    first: Promise<void>,
    rows: ExecutionRow[],
  ): Promise<RowBatch> {
    await first;
    for (let i = from; i < keys.length; i++) await this.#take(batch[i]!, keys[i]!, await this.#read(keys[i]!), rows);
    return rows;
  }

  /** Against a snapshot: the store has told which rows are gone since, not which can be referred to by other values now. */
  async #refuseChangedKeys(batch: RowBatch, keys: readonly Key[]): Promise<RowBatch> {
    if (this.#keyColumns.length === 0) return batch;
    for (const [i, key] of keys.entries()) {
      const value = await this.#context.newest(key);
      if (value !== undefined && this.#hasKeysOf(this.#table.codec.decode(key, value), batch[i]!)) continue;
      throw new SqlError('serialization_failure', 'could not serialize access due to concurrent update');
    }
    return batch;
  }

  /** Whether a row of the table, and that in a row of the input, can be referred to by the same values. */
  #hasKeysOf(own: ExecutionRow, row: ExecutionRow): boolean {
    const { offset = 0 } = this.#options;
    return this.#keyColumns.every((position) => sameValue(own[position]!, row[offset + position]!));
  }

  #read(key: Key): Awaitable<Bytes | undefined> {
    return this.#context.wroteBefore ? this.#context.transaction.get(key) : this.#context.newest(key);
  }

  #take(before: ExecutionRow, key: Key, value: Bytes | undefined, rows: ExecutionRow[]): Awaitable<void> {
    if (value === undefined) return;
    const own = this.#table.codec.decode(key, value);
    const { offset = 0, strength } = this.#options;
    // A row that is only referred to stays the one that the snapshot shows, whatever else of it was changed.
    if (strength === 'keyShare' && this.#hasKeysOf(own, before)) {
      rows.push(before);
      return;
    }
    const isWhole = own.length === before.length;
    const row = isWhole ? own : [...before.slice(0, offset), ...own, ...before.slice(offset + own.length)];
    const { condition } = this.#options;
    const meets = condition === undefined ? true : condition(row, this.#context);
    return whenReady(meets, (met) => {
      if (met === true) rows.push(row);
    });
  }
}

/** The rows whose keys were locked; both lists are in one order. */
function rowsOf(batch: RowBatch, keys: readonly Key[], locked: readonly Key[]): RowBatch {
  let next = 0;
  return batch.filter((_, i) => {
    const isLocked = next < locked.length && equalBytes(keys[i]!, locked[next]!);
    if (isLocked) next++;
    return isLocked;
  });
}
