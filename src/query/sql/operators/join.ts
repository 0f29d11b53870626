/**
 * Joins the rows of the input with those of one table: inner, or left (rows without a partner are kept, with nulls).
 * A result is the input's row followed by the table's; the order of the input stays.
 *
 * Partners are found in one of two ways. By key: when the condition gives the whole primary key, each row of the input
 * reads its one partner. By hash: otherwise the table is read once and held by the values that must be equal (by nothing,
 * when the condition holds no equality: then every row is tried), bounded by the statement's budget.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';

export type Partners =
  /** @property values One for each column of the table's primary key, over rows of the input. */
  | { readonly kind: 'key'; readonly table: CatalogTable; readonly values: readonly Evaluate[] }
  | {
      readonly kind: 'hash';
      readonly open: Open;
      /** Over rows of the input, and over rows of the table: what must be equal, of these types. */
      readonly left: readonly Evaluate[];
      readonly right: readonly Evaluate[];
      readonly types: readonly SqlType[];
    };

export interface JoinOptions {
  readonly partners: Partners;
  /** What else must be true of a joined row. */
  readonly condition: Evaluate | undefined;
  /** Keeps rows without a partner. */
  readonly outer: boolean;
  /** Values in a row of the table. */
  readonly width: number;
}

const BATCH_ROWS = 512;
const NONE: RowBatch = [];

export class Join implements Operator {
  readonly #input: Operator;
  readonly #options: JoinOptions;
  readonly #context: ExecutionContext;
  #table: Map<DistinctKey, ExecutionRow[]> | undefined;
  #rows: RowBatch = [];
  #position = 0;
  #out: ExecutionRow[] = [];

  constructor(input: Operator, options: JoinOptions, context: ExecutionContext) {
    this.#input = input;
    this.#options = options;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#options.partners.kind === 'key' || this.#table !== undefined) return this.#emit();
    return whenReady(this.#build(), () => this.#emit());
  }

  close(): void {
    this.#input.close();
    this.#rows = [];
    this.#position = 0;
    this.#table = new Map();
  }

  #build(): Awaitable<void> {
    const { partners } = this.#options;
    if (partners.kind !== 'hash') return;
    const table = new Map<DistinctKey, ExecutionRow[]>();
    const budget = new MemoryBudget('a join', this.#context.limits.workBytesMax);
    const take = (batch: RowBatch): void => {
      for (const row of batch) {
        const key = this.#hashKey(partners.right, partners.types, row);
        if (key === undefined) continue;
        budget.take(row);
        const alike = table.get(key);
        if (alike === undefined) table.set(key, [row]);
        else alike.push(row);
      }
    };
    return whenReady(drain(partners.open(this.#context), take), () => {
      this.#table = table;
    });
  }

  /** Undefined when a value is null, which equals nothing. */
  #hashKey(values: readonly Evaluate[], types: readonly SqlType[], row: ExecutionRow): DistinctKey | undefined {
    const found: SqlValue[] = [];
    for (const evaluate of values) {
      const value = evaluate(row, this.#context);
      if (value === null) return undefined;
      found.push(value);
    }
    return distinctRowKey(types, found);
  }

  /** Joins until there is a batch, as long as nothing has to be waited for. */
  #emit(): Awaitable<RowBatch | undefined> {
    for (;;) {
      while (this.#position < this.#rows.length) {
        const row = this.#rows[this.#position++]!;
        const partners = this.#partners(row);
        if (isPromise(partners)) {
          return partners.then((late) => {
            this.#join(row, late);
            return this.#emit();
          });
        }
        this.#join(row, partners);
        if (this.#out.length >= BATCH_ROWS) return this.#take();
      }
      if (this.#out.length > 0) return this.#take();
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      if (isPromise(batch)) {
        return batch.then((late) => {
          if (late === undefined) return undefined;
          this.#begin(late);
          return this.#emit();
        });
      }
      if (batch === undefined) return undefined;
      this.#begin(batch);
    }
  }

  #begin(batch: RowBatch): void {
    this.#rows = batch;
    this.#position = 0;
  }

  #take(): RowBatch {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #partners(row: ExecutionRow): Awaitable<RowBatch> {
    const { partners } = this.#options;
    if (partners.kind === 'hash') {
      const key = this.#hashKey(partners.left, partners.types, row);
      return (key !== undefined && this.#table!.get(key)) || NONE;
    }
    const values: SqlValue[] = [];
    for (const evaluate of partners.values) {
      const value = evaluate(row, this.#context);
      if (value === null) return NONE;
      values.push(value);
    }
    const { codec } = partners.table;
    const key = codec.keys.key(values);
    return whenReady(this.#context.get(key), (value) => (value === undefined ? NONE : [codec.decode(key, value)]));
  }

  #join(row: ExecutionRow, partners: RowBatch): void {
    const { condition, outer, width } = this.#options;
    let found = false;
    for (const partner of partners) {
      const joined = [...row, ...partner];
      if (condition !== undefined && condition(joined, this.#context) !== true) continue;
      found = true;
      this.#out.push(joined);
    }
    if (outer && !found) this.#out.push([...row, ...new Array<null>(width).fill(null)]);
  }
}
