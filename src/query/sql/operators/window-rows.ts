/**
 * The rows of one partition of a window, in order, found by their places: in memory for as long as the budget lasts, else
 * in a temporary file of which some pages are held. Functions of windows ask for any place at once, so a page is read
 * while everybody waits; what was written a moment ago the system has in memory.
 */

import type { SqlValue } from '../types/types.ts';
import { rowBytes } from '../types/value-bytes.ts';
import type { RowFile } from '../workspace/row-file.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow } from './operator.ts';
import type { CompareKeys, Sortable } from './sorter.ts';

const PAGE_BYTES = 16 * 1024;
const PAGES_MAX = 32;
const ITEM_BYTES = 48;

interface Page {
  readonly number: number;
  /** Keys and row of each place, one after the other. */
  readonly rows: readonly ExecutionRow[];
}

export class WindowRows {
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  /** Before the keys of the order come so many of the partition. */
  readonly #partitionKeys: number;
  readonly #compare: CompareKeys;
  /** Keys of the row that was added last. */
  #last: readonly SqlValue[] | undefined;
  /** Where runs of rows begin that compare equal. */
  #groups = new Uint32Array(16);
  #groupCount = 0;
  #held: Sortable[] = [];
  #file: RowFile | undefined;
  /** Those that were asked for last, the last one first. */
  #pages: Page[] = [];

  /** @param compare By the keys of partition and order. */
  constructor(partitionKeys: number, compare: CompareKeys, context: ExecutionContext) {
    this.#partitionKeys = partitionKeys;
    this.#compare = compare;
    this.#context = context;
    this.#budget = new MemoryBudget('a window', context);
  }

  get count(): number {
    return this.#held.length + (this.#file?.rows ?? 0) / 2;
  }

  /** @returns a promise to wait for before the next row, now and then. @throws SqlError `out_of_memory`, and of files. */
  add(item: Sortable): Promise<void> | undefined {
    if (this.#last === undefined || this.#compare(this.#last, item.keys) !== 0) this.#noteGroup(this.count);
    this.#last = item.keys;
    if (this.#file !== undefined) return this.#file.addPair(item.keys, item.row);
    this.#held.push(item);
    if (this.#budget.tryTake(ITEM_BYTES + rowBytes(item.row) + rowBytes(item.keys))) return undefined;
    if (!this.#context.workspace.canSpill) throw this.#budget.refusal();
    return this.#spill();
  }

  /** No row may follow. */
  finish(): Promise<void> | undefined {
    return this.#file?.finish();
  }

  row(place: number): ExecutionRow {
    return this.#file === undefined ? this.#held[place]!.row : this.#find(2 * place + 1);
  }

  /** The first key of the order. */
  order(place: number): SqlValue {
    return this.#keys(place)[this.#partitionKeys]!;
  }

  /** Where each run of rows begins that compare equal by the keys of the order; then the end. */
  groups(): ArrayLike<number> {
    this.#noteGroup(this.count);
    return this.#groups.subarray(0, this.#groupCount);
  }

  close(): void {
    this.#held = [];
    this.#pages = [];
    this.#budget.clear();
    if (this.#file !== undefined) this.#context.workspace.closeFile(this.#file);
  }

  #noteGroup(start: number): void {
    if (this.#groupCount === this.#groups.length) {
      const larger = new Uint32Array(2 * this.#groups.length);
      larger.set(this.#groups);
      this.#groups = larger;
    }
    this.#groups[this.#groupCount++] = start;
  }

  #keys(place: number): readonly SqlValue[] {
    return this.#file === undefined ? this.#held[place]!.keys : this.#find(2 * place);
  }

  async #spill(): Promise<void> {
    const file = await this.#context.workspace.newFile(PAGE_BYTES);
    for (const { keys, row } of this.#held) {
      const full = file.addPair(keys, row);
      if (full !== undefined) await full;
    }
    this.#held = [];
    this.#budget.clear();
    this.#file = file;
  }

  #find(index: number): ExecutionRow {
    const file = this.#file!;
    const number = file.blockOf(index);
    const pages = this.#pages;
    let at = 0;
    while (at < pages.length && pages[at]!.number !== number) at++;
    const page = pages[at] ?? { number, rows: file.readBlockNow(number) };
    if (at > 0 || pages.length === 0) {
      pages.splice(at, 1);
      pages.unshift(page);
      if (pages.length > PAGES_MAX) pages.pop();
    }
    return page.rows[index - file.blockStart(number)]!;
  }
}
