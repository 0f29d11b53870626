/**
 * Sorts rows by keys, stably, however many: in memory for as long as the budget lasts, then in temporary files.
 *
 * Rows gather in chunks, small enough that sorting one does not hold up the event loop. What leaves is a merge of the sorted
 * chunks. When the budget is used up that merge goes into a file, a run, and memory is free again; in the end runs and
 * chunks are merged together. When there are more runs than can be read at once, the oldest are merged into one first
 * (Knuth, The Art of Computer Programming 3, section 5.4.1).
 *
 * Keys are computed once, and lie beside their row in files too. Where all of them stand in the row, that is its own key, and
 * nothing lies beside it.
 */

import { assert } from '../../../base/assert.ts';
import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { SqlValue } from '../types/types.ts';
import { rowBytes } from '../types/value-bytes.ts';
import type { RowFile, RowFileReader } from '../workspace/row-file.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow } from './operator.ts';

export interface Sortable {
  readonly row: ExecutionRow;
  /** The row itself, if nothing is computed of it. */
  readonly keys: readonly SqlValue[];
}

/** Below, equal to or above 0 as the first comes before, with or after the second. */
export type CompareKeys = (a: readonly SqlValue[], b: readonly SqlValue[]) => number;

export interface SorterOptions {
  /** As messages name it, like "a sort". */
  readonly what: string;
  readonly compare: CompareKeys;
  /** How many rows are wanted; Infinity for all. */
  readonly rowsMax: number;
  /** Every row is its own keys: `compare` takes rows. */
  readonly byRow?: boolean;
  /** What it may hold; default what one operator may. */
  readonly bytesMax?: number;
}

/** Sorting so many takes about 2 ms. */
const CHUNK_ROWS = 2_048;
/** Of so few rows that are wanted, only those are held. */
const WANTED_HELD_MAX = 2_048;
const SPARE_ROWS = 256;
const ROWS_BETWEEN_PAUSES = 512;
/** The object of a row and its keys, and its places in arrays. */
const SORTABLE_BYTES = 56;
/** What reading one run takes: a block, and rows decoded of it. */
const RUN_BYTES = 128 * 1024;
const RUNS_AT_ONCE_MIN = 8;
const RUNS_AT_ONCE_MAX = 256;

export class Sorter {
  readonly #options: SorterOptions;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #holdsWanted: boolean;
  readonly #byRow: boolean;
  #open: Sortable[] = [];
  #chunks: Sortable[][] = [];
  #runs: RowFile[] = [];
  /** Where only the wanted rows are held: the last of them; what does not come before it is not wanted. */
  #last: readonly SqlValue[] | undefined;

  constructor(options: SorterOptions, context: ExecutionContext) {
    this.#options = options;
    this.#context = context;
    this.#budget = new MemoryBudget(options.what, context, options.bytesMax);
    this.#holdsWanted = options.rowsMax <= WANTED_HELD_MAX;
    this.#byRow = options.byRow === true;
  }

  /**
   * @param keys The row itself, with `byRow`.
   * @returns a promise to wait for before the next row, now and then. @throws SqlError `out_of_memory`, and of files.
   */
  add(row: ExecutionRow, keys: readonly SqlValue[]): Promise<void> | undefined {
    if (this.#last !== undefined && this.#options.compare(keys, this.#last) >= 0) return undefined;
    const item = { row, keys };
    const taken = this.#budget.tryTake(sortableBytes(item));
    if (!taken && !this.#context.workspace.canSpill) throw this.#budget.refusal();
    this.#open.push(item);
    if (this.#holdsWanted) {
      if (this.#open.length >= 2 * this.#options.rowsMax + SPARE_ROWS) this.#cut();
    } else if (this.#open.length >= CHUNK_ROWS) this.#closeChunk();
    return taken ? undefined : this.#spill();
  }

  /** Everything that was added, in order. No row may follow. */
  finish(): Awaitable<SortedRows> {
    if (this.#open.length > 0) this.#closeChunk();
    if (this.#runs.length === 0) return new SortedRows(this.#sources(), this.#options.compare);
    return this.#finishRuns();
  }

  close(): void {
    this.#open = [];
    this.#chunks = [];
    for (const run of this.#runs) this.#context.workspace.closeFile(run);
    this.#runs = [];
    this.#budget.clear();
  }

  #closeChunk(): void {
    const { compare } = this.#options;
    this.#open.sort((a, b) => compare(a.keys, b.keys));
    this.#chunks.push(this.#open);
    this.#open = [];
  }

  /** Forgets what is not wanted. */
  #cut(): void {
    const { compare, rowsMax } = this.#options;
    const items = this.#open;
    items.sort((a, b) => compare(a.keys, b.keys));
    if (items.length <= rowsMax) return;
    for (let i = rowsMax; i < items.length; i++) this.#budget.give(sortableBytes(items[i]!));
    items.length = rowsMax;
    this.#last = items.at(-1)?.keys ?? [];
  }

  /** Chunks come behind runs: rows that compare equal leave in the order in which they came. */
  #sources(): Source[] {
    return [
      ...this.#runs.map((run) => new RunSource(run.read(), this.#byRow)),
      ...this.#chunks.map((rows) => new ChunkSource(rows)),
    ];
  }

  /** Writes what is in memory into a new run. */
  async #spill(): Promise<void> {
    if (this.#open.length > 0) this.#closeChunk();
    const sources = this.#chunks.map((rows) => new ChunkSource(rows));
    this.#runs.push(await this.#write(new SortedRows(sources, this.#options.compare)));
    this.#chunks = [];
    this.#last = undefined;
    this.#budget.clear();
  }

  async #write(sorted: SortedRows): Promise<RowFile> {
    const { workspace } = this.#context;
    const run = await workspace.newFile();
    for (let count = 1; count <= this.#options.rowsMax; count++) {
      const next = sorted.next();
      const item = isPromise(next) ? await next : next;
      if (item === undefined) break;
      const full = this.#byRow ? run.add(item.row) : run.addPair(item.keys, item.row);
      if (full !== undefined) await full;
      if (count % ROWS_BETWEEN_PAUSES === 0) {
        const pause = this.#context.pause();
        if (pause !== undefined) await pause;
      }
    }
    await run.finish();
    return run;
  }

  async #finishRuns(): Promise<SortedRows> {
    const { workspace } = this.#context;
    const most = Math.floor(this.#budget.bytesMax / RUN_BYTES);
    const atOnce = Math.min(Math.max(most, RUNS_AT_ONCE_MIN), RUNS_AT_ONCE_MAX);
    // What is in memory must not stay there while files are read.
    if (this.#runs.length > atOnce / 2 && this.#chunks.length > 0) await this.#spill();
    while (this.#runs.length > atOnce) {
      const oldest = this.#runs.splice(0, Math.min(atOnce, this.#runs.length - atOnce + 1));
      const sources = oldest.map((run) => new RunSource(run.read(), this.#byRow));
      for (const source of sources) await source.load();
      const merged = await this.#write(new SortedRows(sources, this.#options.compare));
      for (const run of oldest) workspace.closeFile(run);
      this.#runs.unshift(merged);
    }
    this.#budget.tryTake(this.#runs.length * RUN_BYTES);
    const sources = this.#sources();
    for (const source of sources) if (source.item === undefined) await source.load();
    return new SortedRows(sources, this.#options.compare);
  }
}

function sortableBytes({ row, keys }: Sortable): number {
  return SORTABLE_BYTES + rowBytes(row) + (keys === row ? 0 : rowBytes(keys));
}

interface Source {
  /** The first of what is left; undefined at the end, and until `load`. */
  item: Sortable | undefined;
  /** Goes on to the next. @returns whether `load` has to be asked. */
  step(): boolean;
  load(): Promise<void>;
}

class ChunkSource implements Source {
  item: Sortable | undefined;
  readonly #rows: readonly Sortable[];
  #position = 0;

  constructor(rows: readonly Sortable[]) {
    this.#rows = rows;
    this.item = rows[0];
  }

  step(): boolean {
    this.item = this.#rows[++this.#position];
    return false;
  }

  async load(): Promise<void> {}
}

class RunSource implements Source {
  item: Sortable | undefined;
  readonly #reader: RowFileReader;
  readonly #byRow: boolean;

  constructor(reader: RowFileReader, byRow: boolean) {
    this.#reader = reader;
    this.#byRow = byRow;
  }

  step(): boolean {
    const keys = this.#reader.take();
    if (keys === undefined) {
      this.item = undefined;
      return true;
    }
    const row = this.#byRow ? keys : this.#reader.take();
    assert(row !== undefined, 'keys are followed by their row');
    this.item = { keys, row };
    return false;
  }

  async load(): Promise<void> {
    if (await this.#reader.load()) this.step();
  }
}

/** A merge of sorted sources, by a heap of them. */
export class SortedRows {
  readonly #compare: CompareKeys;
  readonly #heap: { readonly source: Source; readonly place: number }[];
  /** Gave the last item and has to be asked for its next. */
  #spent = false;

  /** @param sources In the order in which equal rows leave; each with its first item. */
  constructor(sources: readonly Source[], compare: CompareKeys) {
    this.#compare = compare;
    this.#heap = sources.map((source, place) => ({ source, place })).filter(({ source }) => source.item !== undefined);
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** Undefined at the end. */
  next(): Awaitable<Sortable | undefined> {
    if (this.#spent) {
      const { source } = this.#heap[0]!;
      if (source.step()) return source.load().then(() => this.#top());
    }
    return this.#top();
  }

  /** Rows until there are `rowsMax`, fewer only at the end or where one has to be waited for; none at the end. */
  batch(rowsMax: number): Awaitable<ExecutionRow[]> {
    const rows: ExecutionRow[] = [];
    while (rows.length < rowsMax) {
      const next = this.next();
      if (isPromise(next)) {
        return next.then((item) => {
          if (item !== undefined) rows.push(item.row);
          return rows;
        });
      }
      if (next === undefined) break;
      rows.push(next.row);
    }
    return rows;
  }

  #top(): Sortable | undefined {
    const heap = this.#heap;
    if (this.#spent) {
      if (heap[0]!.source.item === undefined) {
        const last = heap.pop()!;
        if (heap.length > 0) heap[0] = last;
      }
      if (heap.length > 1) this.#sink(0);
    }
    this.#spent = heap.length > 0;
    return heap[0]?.source.item;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const { length } = heap;
    const moved = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
  }

  #before(
    a: { readonly source: Source; readonly place: number },
    b: { readonly source: Source; readonly place: number },
  ): boolean {
    const order = this.#compare(a.source.item!.keys, b.source.item!.keys);
    return order !== 0 ? order < 0 : a.place < b.place;
  }
}
