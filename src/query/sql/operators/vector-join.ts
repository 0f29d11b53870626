/**
 * A hash join over vectors: inner, left, semi and anti. The right side is held as one vector for each column, numbered by
 * its keys; a batch of the left side gives the places of partners, and columns are gathered of both when somebody looks at
 * them. What has no partner never becomes a row.
 *
 * Where the left side has no vectors, and where the right side does not fit into memory, rows are joined by hash-join.ts.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import { type ColumnVector, gather } from '../../../models/relational/column-vector.ts';
import { CodeTable } from '../vectors/code-table.ts';
import { ColumnBatch } from '../vectors/column-batch.ts';
import { HeldColumns } from '../vectors/held-columns.ts';
import { KeyCodes } from '../vectors/key-codes.ts';
import type { VectorCode, VectorTest } from '../vectors/vector-code.ts';
import { HashJoin, type HashJoinOptions } from './hash-join.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ColumnSource, ExecutionContext, Open, Operator, RowBatch } from './operator.ts';

/** What is equal, over rows of either side, as vectors. */
export interface VectorKeys {
  readonly left: readonly VectorCode[];
  readonly right: readonly VectorCode[];
  /** Of an inner join: what else must be true of a joined row. */
  readonly condition: VectorTest | undefined;
}

const BATCH_ROWS = 1_024;
/** Of a row that is held: its places in the lists of partners and in the table of keys. */
const ROW_BYTES = 32;
const CODE_BYTES = 8;
const END = -1;

export class VectorJoin implements Operator {
  readonly #left: Operator;
  readonly #open: Open;
  readonly #options: HashJoinOptions;
  readonly #keys: () => VectorKeys;
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  readonly #encoders: readonly KeyCodes[];
  readonly #table: CodeTable;
  readonly #held: HeldColumns;
  /** The first and the last row of each key; of each row the next one with its key. */
  #heads = new Int32Array(BATCH_ROWS);
  #tails = new Int32Array(BATCH_ROWS);
  #following = new Int32Array(BATCH_ROWS);
  #codes: Int32Array[] = [];
  #nulls = new Int32Array(0);
  #source: ColumnSource | undefined;
  /** Joins rows instead. */
  #rows: HashJoin | undefined;
  #built = false;
  /** The batch of the left side that is being joined, its row, and that row's next partner. */
  #batch: ColumnBatch | undefined;
  #at = 0;
  #partner = END;
  #done = false;

  /** @param open The right side, opened once. */
  constructor(left: Operator, open: Open, options: HashJoinOptions, keys: () => VectorKeys, context: ExecutionContext) {
    this.#left = left;
    this.#open = open;
    this.#options = options;
    this.#keys = keys;
    this.#context = context;
    this.#budget = new MemoryBudget('a join', context);
    this.#encoders = options.types.map((type) => new KeyCodes(type));
    this.#table = new CodeTable(options.types.length);
    this.#held = new HeldColumns(options.width);
  }

  get columns(): ColumnSource | undefined {
    this.#source ??= this.#left.columns;
    return this.#source && { next: () => this.#next(this.#source!), close: () => this.close() };
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    this.#source ??= this.#left.columns;
    if (this.#source === undefined) this.#rows ??= this.#rowJoin(this.#open);
    if (this.#rows !== undefined) return this.#rows.next();
    return whenReady(this.#next(this.#source!), (batch) => batch?.rows());
  }

  close(): void {
    this.#done = true;
    this.#batch = undefined;
    this.#rows?.close();
    this.#left.close();
    this.#held.clear();
    this.#budget.clear();
  }

  #next(left: ColumnSource): Awaitable<ColumnBatch | undefined> {
    if (this.#done) return undefined;
    if (this.#rows !== undefined) return this.#nextOfRows(this.#rows);
    if (this.#built) return this.#join(left);
    this.#built = true;
    const right = this.#open(this.#context);
    return whenReady(this.#build(right), (fits) => {
      if (fits) return this.#join(left);
      return this.#rows === undefined ? undefined : this.#nextOfRows(this.#rows);
    });
  }

  #nextOfRows(rows: HashJoin): Awaitable<ColumnBatch | undefined> {
    const { leftWidth, width, kind } = this.#options;
    const joined = kind === 'semi' || kind === 'anti' ? leftWidth : leftWidth + width;
    return whenReady(rows.next(), (batch) => batch && ColumnBatch.of(batch, joined));
  }

  #rowJoin(open: Open): HashJoin {
    return new HashJoin(this.#left, open, this.#options, this.#context);
  }

  // --- The right side

  /** Holds all of it. @returns false when it does not fit, and rows are to be joined. */
  #build(right: Operator): Awaitable<boolean> {
    const source = vectorsOf(right, this.#options.width);
    for (;;) {
      const pause = this.#context.pause();
      if (pause !== undefined) return pause.then(() => this.#buildRest(right, source));
      const batch = source.next();
      if (isPromise(batch))
        return batch.then((late) => this.#take(right, source, late) ?? this.#buildRest(right, source));
      const ended = this.#take(right, source, batch);
      if (ended !== undefined) return ended;
    }
  }

  async #buildRest(right: Operator, source: ColumnSource): Promise<boolean> {
    for (;;) {
      const pause = this.#context.pause();
      if (pause !== undefined) await pause;
      const next = source.next();
      const ended = this.#take(right, source, isPromise(next) ? await next : next);
      if (ended !== undefined) return ended;
    }
  }

  /** Undefined while there may be more; else whether all of it is held. */
  #take(right: Operator, source: ColumnSource, batch: ColumnBatch | undefined): boolean | undefined {
    if (this.#done || batch === undefined) {
      right.close();
      return !this.#done;
    }
    if (this.#hold(batch)) return undefined;
    const held = this.#held.batches();
    held.push(batch);
    this.#budget.clear();
    this.#rows = this.#rowJoin(() => new Replay(held, source));
    return false;
  }

  /** @returns false when there is no memory for it. */
  #hold(batch: ColumnBatch): boolean {
    const { count } = batch;
    const before = this.#held.count;
    const bytes = this.#held.add(batch) + count * (ROW_BYTES + CODE_BYTES * this.#encoders.length);
    const encodedBefore = this.#encodedBytes();
    this.#read(this.#keys().right, batch, true);
    if (!this.#budget.tryTake(bytes + this.#encodedBytes() - encodedBefore)) {
      this.#held.drop();
      return false;
    }
    if (this.#following.length < before + count) this.#following = grown(this.#following, before + count);
    if (this.#heads.length < this.#table.count + count) {
      this.#heads = grown(this.#heads, this.#table.count + count);
      this.#tails = grown(this.#tails, this.#table.count + count);
    }
    for (let i = 0; i < count; i++) {
      const row = before + i;
      this.#following[row] = END;
      // A null equals nothing.
      if (this.#nulls[i] !== 0) continue;
      const known = this.#table.find(this.#codes, i);
      if (known < 0) {
        const number = this.#table.add(this.#codes, i);
        this.#heads[number] = row;
        this.#tails[number] = row;
      } else {
        this.#following[this.#tails[known]!] = row;
        this.#tails[known] = row;
      }
    }
    return true;
  }

  #encodedBytes(): number {
    let bytes = 0;
    for (const encoder of this.#encoders) bytes += encoder.bytes;
    return bytes;
  }

  /** Puts the codes of a batch's keys into `#codes`; `#nulls` tells rows that have no partner for sure. */
  #read(keys: readonly VectorCode[], batch: ColumnBatch, adds: boolean): void {
    const { count } = batch;
    if (this.#nulls.length < count) {
      this.#nulls = new Int32Array(count);
      this.#codes = keys.map(() => new Int32Array(count));
    } else this.#nulls.fill(0, 0, count);
    for (let k = 0; k < keys.length; k++) {
      const vector = keys[k]!(batch, this.#context);
      this.#encoders[k]!.read(vector, count, this.#codes[k]!, this.#nulls, 1, adds);
    }
  }

  // --- The left side

  /** Joins until there is a batch, as long as nothing has to be waited for. */
  #join(left: ColumnSource): Awaitable<ColumnBatch | undefined> {
    for (;;) {
      if (this.#done) return undefined;
      const pause = this.#context.pause();
      if (pause !== undefined) return pause.then(() => this.#join(left));
      if (this.#batch !== undefined) {
        const joined = this.#joinSome(this.#batch);
        if (joined !== undefined) return joined;
        continue;
      }
      const batch = left.next();
      if (isPromise(batch)) {
        return batch.then((late) => {
          this.#accept(late);
          return this.#join(left);
        });
      }
      this.#accept(batch);
    }
  }

  #accept(batch: ColumnBatch | undefined): void {
    if (this.#done) return;
    if (batch === undefined) {
      this.close();
      return;
    }
    this.#batch = batch;
    this.#at = 0;
    this.#read(this.#keys().left, batch, false);
    this.#partner = this.#firstPartner(0);
  }

  /** Of a row of the batch. */
  #firstPartner(at: number): number {
    if (at >= this.#batch!.count || this.#nulls[at] !== 0) return END;
    const number = this.#table.find(this.#codes, at);
    return number < 0 ? END : this.#heads[number]!;
  }

  /** The next joined rows of the batch; undefined when there are none among those that were tried. */
  #joinSome(batch: ColumnBatch): ColumnBatch | undefined {
    const { kind, leftWidth, width } = this.#options;
    const once = kind === 'semi' || kind === 'anti';
    const lefts = new Int32Array(BATCH_ROWS);
    const rights = new Int32Array(once ? 0 : BATCH_ROWS);
    let count = 0;
    let at = this.#at;
    let partner = this.#partner;
    while (count < BATCH_ROWS && at < batch.count) {
      const found = partner !== END;
      if (once ? found === (kind === 'semi') : found || kind === 'left') {
        lefts[count] = at;
        if (!once) rights[count] = partner;
        count++;
      }
      partner = once || !found ? END : this.#following[partner]!;
      if (partner === END) partner = this.#firstPartner(++at);
    }
    this.#at = at;
    this.#partner = partner;
    if (at >= batch.count) this.#batch = undefined;
    if (count === 0) return undefined;
    if (once) return batch.select(lefts, count);
    const joined = new ColumnBatch(count, leftWidth + width, (place): ColumnVector => {
      if (place < leftWidth) return gather(batch.column(place), lefts, count);
      return gather(this.#held.column(place - leftWidth), rights, count);
    });
    const { condition } = this.#keys();
    if (condition === undefined) return joined;
    const places = Int32Array.from({ length: count }, (_, i) => i);
    const kept = condition(joined, places, count, this.#context);
    if (kept === 0) return undefined;
    return kept === count ? joined : joined.select(places, kept);
  }
}

/** The rows of an operator as vectors, made of rows where it has no others. */
function vectorsOf(operator: Operator, width: number): ColumnSource {
  return (
    operator.columns ?? {
      next: () => whenReady(operator.next(), (batch) => batch && ColumnBatch.of(batch, width)),
      close: () => operator.close(),
    }
  );
}

function grown(values: Int32Array, least: number): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.max(least, values.length * 2));
  more.set(values);
  return more;
}

/** Batches that were pulled already, then the rest of what they came from. */
class Replay implements Operator {
  readonly #batches: ColumnBatch[];
  readonly #source: ColumnSource;

  constructor(batches: readonly ColumnBatch[], source: ColumnSource) {
    this.#batches = batches.toReversed();
    this.#source = source;
  }

  next(): Awaitable<RowBatch | undefined> {
    const batch = this.#batches.pop();
    return batch === undefined ? whenReady(this.#source.next(), (late) => late?.rows()) : batch.rows();
  }

  close(): void {
    this.#batches.length = 0;
    this.#source.close();
  }
}
