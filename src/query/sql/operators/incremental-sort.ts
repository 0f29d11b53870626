/**
 * ORDER BY of rows that come in the order of its first keys: rows that are equal in those are sorted by the others, and
 * leave before the next are read (PostgreSQL's nodeIncrementalSort.c). What does not fit into memory of one such group is
 * sorted in temporary files.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { compareKeys, keyComparator, keysOf, type SortKey } from './sort.ts';
import { type CompareKeys, type SortedRows, Sorter } from './sorter.ts';

const BATCH_ROWS = 512;

export class IncrementalSort implements Operator {
  readonly #input: Operator;
  readonly #keys: readonly SortKey[];
  readonly #presorted: readonly SortKey[];
  readonly #compare: CompareKeys;
  readonly #context: ExecutionContext;
  #wanted: number;
  /** The group that is being read: its only row so far, or all of its rows. */
  #first: { readonly row: ExecutionRow; readonly keys: readonly SqlValue[] } | undefined;
  #sorter: Sorter | undefined;
  #sorted: SortedRows | undefined;
  #batch: RowBatch = [];
  #at = 0;
  #ended = false;
  #closed = false;

  /** @param presorted How many of the keys the input is in the order of. @param rowsMax Rows that are wanted. */
  constructor(
    input: Operator,
    keys: readonly SortKey[],
    presorted: number,
    context: ExecutionContext,
    rowsMax = Number.POSITIVE_INFINITY,
  ) {
    this.#input = input;
    this.#keys = keys;
    this.#presorted = keys.slice(0, presorted);
    this.#compare = keyComparator(keys);
    this.#context = context;
    this.#wanted = rowsMax;
  }

  next(): Awaitable<RowBatch | undefined> {
    return this.#fill([]);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.close();
    this.#sorter?.close();
    this.#sorter = undefined;
    this.#sorted = undefined;
    this.#first = undefined;
  }

  #fill(out: ExecutionRow[]): Awaitable<RowBatch | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      if (out.length >= Math.min(BATCH_ROWS, this.#wanted)) return this.#emitted(out);
      if (this.#sorted !== undefined) {
        const rows = this.#sorted.batch(Math.min(BATCH_ROWS, this.#wanted) - out.length);
        if (isPromise(rows)) return rows.then((late) => this.#gave(late, out)).then(() => this.#fill(out));
        this.#gave(rows, out);
        continue;
      }
      const read = this.#readGroup(out);
      if (isPromise(read)) return read.then((more) => (more ? this.#fill(out) : this.#emitted(out)));
      if (!read) return this.#emitted(out);
    }
  }

  #gave(rows: RowBatch, out: ExecutionRow[]): void {
    for (const row of rows) out.push(row);
    if (rows.length > 0) return;
    this.#sorter?.close();
    this.#sorter = undefined;
    this.#sorted = undefined;
  }

  #emitted(out: ExecutionRow[]): RowBatch | undefined {
    this.#wanted -= out.length;
    if (out.length === 0) this.close();
    return out.length === 0 ? undefined : out;
  }

  /** Reads on until a group has ended, which is then in `out` or to be given. @returns false when there are no more. */
  #readGroup(out: ExecutionRow[]): Awaitable<boolean> {
    for (;;) {
      while (this.#at < this.#batch.length) {
        const row = this.#batch[this.#at]!;
        const keys = keysOf(this.#keys, row, this.#context);
        if (this.#first === undefined) this.#first = { row, keys };
        else if (compareKeys(this.#presorted, this.#first.keys, keys) !== 0) return this.#endGroup(out);
        else {
          const full = this.#addToGroup(this.#first, row, keys);
          if (full !== undefined) {
            this.#at++;
            return full.then(() => this.#readGroup(out));
          }
        }
        this.#at++;
      }
      if (this.#ended) return this.#first === undefined ? false : this.#endGroup(out);
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      if (isPromise(batch)) return batch.then((late) => this.#begun(late) && this.#readGroup(out));
      this.#begun(batch);
    }
  }

  #begun(batch: RowBatch | undefined): true {
    this.#ended = batch === undefined;
    this.#batch = batch ?? [];
    this.#at = 0;
    return true;
  }

  #addToGroup(
    first: { readonly row: ExecutionRow; readonly keys: readonly SqlValue[] },
    row: ExecutionRow,
    keys: readonly SqlValue[],
  ): Promise<void> | undefined {
    if (this.#sorter === undefined) {
      this.#sorter = new Sorter({ what: 'a sort', compare: this.#compare, rowsMax: this.#wanted }, this.#context);
      const full = this.#sorter.add(first.row, first.keys);
      if (full !== undefined) return full.then(() => this.#sorter!.add(row, keys));
    }
    return this.#sorter.add(row, keys);
  }

  #endGroup(out: ExecutionRow[]): Awaitable<boolean> {
    const { row } = this.#first!;
    this.#first = undefined;
    if (this.#sorter === undefined) {
      out.push(row);
      return true;
    }
    return whenReady(this.#sorter.finish(), (sorted) => {
      this.#sorted = sorted;
      return true;
    });
  }
}
