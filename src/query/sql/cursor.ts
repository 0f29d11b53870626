/**
 * A portal that is read in both directions: the rows of a running plan, by their places, with a place of its own among
 * them (PostgreSQL's pquery.c, DoPortalRunFetch).
 *
 * The place is 0 before the first row, n on the n-th, one more than their number behind the last. Rows that may be asked for
 * again are kept, in a temporary file where memory ends. A cursor that nobody declared SCROLL keeps them only while they
 * fit in memory; from then on it goes forward.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import type { ColumnValue } from '../../models/relational/table.ts';
import type { CatalogTable } from './catalog-cache.ts';
import type { Interrupts } from './interrupts.ts';
import type { ExecutionRow, RowBatch } from './operators/operator.ts';
import { RowStore } from './operators/row-store.ts';
import type { ResultColumn } from './planner/plan.ts';
import { closeRunning, pullRows, type RunningPortal } from './portal.ts';
import type { Portals } from './portals.ts';
import { SqlError } from './sql-error.ts';
import type { Workspace } from './workspace/workspace.ts';

/** As many as FETCH ALL asks for. */
export const FETCH_ALL = 2_147_483_647;

const BATCH_ROWS = 512;

/** Where the key of a table's row stands in the rows of the plan. */
export interface RowIdentity {
  readonly table: CatalogTable;
  /** The place of its first value; the others follow. */
  readonly offset: number;
}

export interface CursorOptions {
  readonly running: RunningPortal;
  /** Of the rows that leave; what the plan has behind them is for the cursor. */
  readonly columns: readonly ResultColumn[];
  /** Whether rows are kept: all of them, those that fit in memory, none. */
  readonly scroll: 'all' | 'fitting' | 'none';
  readonly identities: readonly RowIdentity[];
  /** Its own, when it outlives the statement's. */
  readonly workspace: Workspace | undefined;
}

type Direction = 'FETCH_FORWARD' | 'FETCH_BACKWARD' | 'FETCH_ABSOLUTE' | 'FETCH_RELATIVE';
type Deliver = ((batch: RowBatch) => Awaitable<void>) | undefined;

export class Cursor {
  readonly columns: readonly ResultColumn[];
  readonly #running: RunningPortal;
  readonly #identities: readonly RowIdentity[];
  readonly #interrupts: Interrupts;
  readonly #workspace: Workspace | undefined;
  readonly #isPartial: boolean;
  #kept: RowStore | undefined;
  #place = 0;
  /** Rows that have come out of the plan. */
  #read = 0;
  #current: ExecutionRow | undefined;

  constructor(options: CursorOptions, interrupts: Interrupts) {
    this.columns = options.columns;
    this.#running = options.running;
    this.#identities = options.identities;
    this.#interrupts = interrupts;
    this.#workspace = options.workspace;
    this.#isPartial = options.scroll === 'fitting';
    const context = { workspace: options.workspace ?? options.running.execution.workspace };
    if (options.scroll !== 'none') this.#kept = new RowStore('a cursor', context);
  }

  /**
   * FETCH, and MOVE where nothing is delivered. @returns how many rows it was.
   * @throws SqlError `object_not_in_prerequisite_state` for going back where that is not possible.
   */
  async read(direction: Direction, count: number, deliver: Deliver): Promise<number> {
    switch (direction) {
      case 'FETCH_FORWARD':
        return count < 0 ? this.#relative(false, -count, deliver) : this.#relative(true, count, deliver);
      case 'FETCH_BACKWARD':
        return count < 0 ? this.#relative(true, -count, deliver) : this.#relative(false, count, deliver);
      case 'FETCH_ABSOLUTE':
        if (count > 0) {
          if (count - 1 < this.#place) await this.#back(this.#place - count + 1, undefined);
          else await this.#forward(count - 1 - this.#place, undefined);
          return this.#forward(1, deliver);
        }
        if (count < 0) {
          await this.#forward(FETCH_ALL, undefined);
          if (count < -1) await this.#back(-count - 1, undefined);
          return this.#back(1, deliver);
        }
        if (this.#place > 0) await this.#back(FETCH_ALL, undefined);
        return 0;
      case 'FETCH_RELATIVE':
        if (count > 0) {
          await this.#forward(count - 1, undefined);
          return this.#forward(1, deliver);
        }
        if (count < 0) {
          if (count < -1) await this.#back(-count - 1, undefined);
          return this.#back(1, deliver);
        }
        return this.#relative(true, 0, deliver);
    }
  }

  /** The key of a table's row that the cursor is on; undefined where its rows are not such a table's. @throws SqlError. */
  keyOn(tableId: number, name: string): readonly ColumnValue[] | undefined {
    const identity = this.#identities.find(({ table }) => table.table.id === tableId);
    if (identity === undefined) return undefined;
    if (this.#current === undefined) {
      throw new SqlError('invalid_cursor_state', `cursor "${name}" is not positioned on a row`);
    }
    const { offset, table } = identity;
    return this.#current.slice(offset, offset + Math.max(1, table.table.primaryKey.length));
  }

  close(): void {
    this.#kept?.close();
    closeRunning(this.#running);
    this.#workspace?.release();
    this.#current = undefined;
  }

  async #relative(forward: boolean, count: number, deliver: Deliver): Promise<number> {
    if (count === 0) {
      // The row it is on, once more.
      if (this.#place === 0 || this.#place > this.#read) return 0;
      if (deliver === undefined) return 1;
      await this.#back(1, undefined);
      return this.#forward(1, deliver);
    }
    if (forward) return this.#forward(count, deliver);
    if (count === FETCH_ALL && deliver === undefined && this.#place === 0) return 0;
    return this.#back(count, deliver);
  }

  async #forward(count: number, deliver: Deliver): Promise<number> {
    let moved = 0;
    while (moved < count && this.#place <= this.#read) {
      const wanted = Math.min(count - moved, BATCH_ROWS);
      const batch = this.#place < this.#read ? await this.#again(this.#place, wanted) : await this.#more(wanted);
      if (batch === undefined) {
        this.#place = this.#read + 1;
        this.#current = undefined;
        break;
      }
      this.#place += batch.length;
      this.#current = batch.at(-1);
      moved += batch.length;
      await this.#give(batch, deliver);
    }
    return moved;
  }

  async #back(count: number, deliver: Deliver): Promise<number> {
    if (count <= 0) return 0;
    if (this.#kept === undefined) throw forwardOnly();
    let moved = 0;
    while (moved < count && this.#place > 1) {
      const wanted = Math.min(count - moved, BATCH_ROWS, this.#place - 1);
      const batch = await this.#again(this.#place - 1 - wanted, wanted);
      this.#place -= wanted;
      this.#current = batch[0];
      moved += wanted;
      await this.#give(batch.toReversed(), deliver);
    }
    if (moved < count) {
      this.#place = 0;
      this.#current = undefined;
    }
    return moved;
  }

  async #give(batch: RowBatch, deliver: Deliver): Promise<void> {
    if (deliver === undefined) return;
    const { length } = this.columns;
    const isWider = batch[0]!.length > length;
    const delivered = deliver(isWider ? batch.map((row) => row.slice(0, length)) : batch);
    if (isPromise(delivered)) await this.#interrupts.race(delivered);
  }

  /** Rows that are kept, at most so many, from a place on that counts from 0. */
  async #again(from: number, wanted: number): Promise<RowBatch> {
    const rows: ExecutionRow[] = [];
    const end = Math.min(from + wanted, this.#read);
    for (let place = from; place < end; place++) {
      const row = this.#kept!.rowAt(place);
      rows.push(isPromise(row) ? await row : row);
    }
    return rows;
  }

  /** New rows out of the plan. */
  async #more(wanted: number): Promise<RowBatch | undefined> {
    const batch = await pullRows(this.#running, wanted, this.#interrupts);
    if (batch === undefined) return undefined;
    this.#read += batch.length;
    if (this.#kept === undefined) return batch;
    if (this.#isPartial && !this.#kept.fits(batch)) {
      this.#kept.close();
      this.#kept = undefined;
      return batch;
    }
    await this.#kept.addAll(batch);
    return batch;
  }
}

/** The key of the row that a cursor of this session is on. @throws SqlError. */
export function rowOfCursor(portals: Portals, name: string, { table }: CatalogTable): readonly ColumnValue[] {
  const portal = portals.get(name);
  if (portal === undefined) throw new SqlError('invalid_cursor_name', `cursor "${name}" does not exist`);
  if (portal.prepared.plan?.verb !== 'SELECT') {
    throw new SqlError('invalid_cursor_state', `cursor "${name}" is not a SELECT query`);
  }
  if (portal.persists === true) {
    throw new SqlError('invalid_cursor_state', `cursor "${name}" is held from a previous transaction`);
  }
  const key = portal.cursor?.keyOn(table.id, name);
  if (key !== undefined) return key;
  const locks = portal.prepared.plan.writes.length > 0;
  throw new SqlError(
    'invalid_cursor_state',
    locks
      ? `cursor "${name}" does not have a FOR UPDATE/SHARE reference to table "${table.name}"`
      : `cursor "${name}" is not a simply updatable scan of table "${table.name}"`,
  );
}

function forwardOnly(): SqlError {
  return new SqlError('object_not_in_prerequisite_state', 'cursor can only scan forward', {
    hint: 'Declare it with SCROLL option to enable backward scan.',
  });
}
