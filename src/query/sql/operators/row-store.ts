/**
 * Rows that are read again, each time from the first on, also while more are added: in memory for as long as the budget
 * lasts, the rest in a temporary file.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { rowBytes } from '../types/value-bytes.ts';
import type { RowFile, RowFileReader } from '../workspace/row-file.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

const BATCH_ROWS = 512;

export class RowStore {
  readonly #context: Pick<ExecutionContext, 'workspace'>;
  readonly #budget: MemoryBudget;
  #rows: ExecutionRow[] = [];
  #file: RowFile | undefined;
  /** The block of the file that a row was asked of last. */
  #block: { readonly start: number; readonly rows: readonly ExecutionRow[] } | undefined;

  /** @param what As messages name it, like "a join". */
  constructor(what: string, context: Pick<ExecutionContext, 'workspace'>) {
    this.#context = context;
    this.#budget = new MemoryBudget(what, context);
  }

  /** How many were added. */
  get count(): number {
    return this.#rows.length + (this.#file?.rows ?? 0);
  }

  /** What is in memory, the first rows. */
  get held(): readonly ExecutionRow[] {
    return this.#rows;
  }

  /** Whether all of them are in memory. */
  get isHeld(): boolean {
    return this.#file === undefined;
  }

  /** @returns a promise to wait for before the next row, now and then. @throws SqlError `out_of_memory`, and of files. */
  add(row: ExecutionRow): Promise<void> | undefined {
    if (this.#file !== undefined) return this.#file.add(row);
    if (this.#budget.tryTake(rowBytes(row))) {
      this.#rows.push(row);
      return undefined;
    }
    if (!this.#context.workspace.canSpill) throw this.#budget.refusal();
    return this.#context.workspace.newFile().then((file) => {
      this.#file = file;
      return file.add(row);
    });
  }

  addAll(batch: RowBatch, from = 0): Awaitable<void> {
    for (let i = from; i < batch.length; i++) {
      const full = this.add(batch[i]!);
      if (full !== undefined) return full.then(() => this.addAll(batch, i + 1));
    }
  }

  /** Whether memory has room for these as well. */
  fits(batch: RowBatch): boolean {
    const bytes = batch.reduce((sum, row) => sum + rowBytes(row), 0);
    if (this.#file !== undefined || !this.#budget.tryTake(bytes)) return false;
    this.#budget.give(bytes);
    return true;
  }

  /** A row by its place, from 0. */
  rowAt(place: number): Awaitable<ExecutionRow> {
    const held = this.#rows[place];
    if (held !== undefined) return held;
    const at = place - this.#rows.length;
    const { rows, start = 0 } = this.#block ?? {};
    const known = at < start ? undefined : rows?.[at - start];
    return known ?? this.#load(at);
  }

  async #load(at: number): Promise<ExecutionRow> {
    const file = this.#file!;
    await file.flush();
    const number = file.blockOf(at);
    const start = file.blockStart(number);
    const rows = await file.readBlock(number);
    this.#block = { start, rows };
    return rows[at - start]!;
  }

  /** Readers live no longer than the store. */
  reader(): RowStoreReader {
    return new RowStoreReader(this);
  }

  /** @internal What was put into the file so far, readable. */
  openFile(): Awaitable<RowFileReader | undefined> {
    const file = this.#file;
    return file && whenReady(file.flush(), () => file.read());
  }

  /** @internal Makes rows readable that were added since. */
  flush(): Promise<void> | undefined {
    return this.#file?.flush();
  }

  close(): void {
    this.#rows = [];
    this.#block = undefined;
    this.#budget.clear();
    if (this.#file !== undefined) this.#context.workspace.closeFile(this.#file);
  }
}

/** Reads a store from its first row on. Asked again after the end it gives what was added since. */
export class RowStoreReader implements Operator {
  readonly #store: RowStore;
  #read = 0;
  #file: RowFileReader | undefined;
  #closed = false;

  constructor(store: RowStore) {
    this.#store = store;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#closed || this.#read >= this.#store.count) return undefined;
    const { held } = this.#store;
    if (this.#read < held.length) {
      const batch = held.slice(this.#read, this.#read + BATCH_ROWS);
      this.#read += batch.length;
      return batch;
    }
    const batch = this.#file?.takeBatch(BATCH_ROWS) ?? [];
    this.#read += batch.length;
    return batch.length > 0 ? batch : this.#load();
  }

  close(): void {
    this.#closed = true;
  }

  async #load(): Promise<RowBatch | undefined> {
    if (this.#file === undefined) this.#file = await this.#store.openFile();
    if (!(await this.#file!.load())) {
      await this.#store.flush();
      await this.#file!.load();
    }
    const batch = this.#file!.takeBatch(BATCH_ROWS);
    this.#read += batch.length;
    return batch;
  }
}
