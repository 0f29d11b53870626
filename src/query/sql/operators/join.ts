/**
 * Joins the rows of the input with partners: inner; left (rows without a partner are kept, with nulls); full (so are
 * partners without a row, at the end); semi and anti (only the rows, that have a partner or have none). A result is the
 * input's row followed by the partner's; the order of the input stays.
 *
 * `KeyJoin` reads the one partner under the primary key that each row gives. `HashJoin` reads the right side once and
 * holds it by the values that must be equal (by nothing, when there are none: then every row is tried), bounded by the
 * statement's budget.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { drain } from './drain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from './operator.ts';

export type JoinKind = 'inner' | 'left' | 'full' | 'semi' | 'anti';

export interface JoinOptions {
  readonly kind: JoinKind;
  /** What else must be true of a joined row. */
  readonly condition: Evaluate | undefined;
  /** Values in a partner. */
  readonly width: number;
}

export interface HashJoinOptions extends JoinOptions {
  /** Over rows of the input, and over partners: what must be equal, of these types. */
  readonly left: readonly Evaluate[];
  readonly right: readonly Evaluate[];
  readonly types: readonly SqlType[];
  /** Values in a row of the input. */
  readonly leftWidth: number;
}

export interface KeyJoinOptions extends JoinOptions {
  readonly table: CatalogTable;
  /** One for each column of the table's primary key, over rows of the input. */
  readonly values: readonly Evaluate[];
}

const BATCH_ROWS = 512;
const NONE: readonly ExecutionRow[] = [];

/** The loop over the input that both ways of finding partners share. */
abstract class Join implements Operator {
  protected readonly context: ExecutionContext;
  readonly #input: Operator;
  readonly #options: JoinOptions;
  #rows: RowBatch = [];
  #position = 0;
  #out: ExecutionRow[] = [];
  #ended = false;

  constructor(input: Operator, options: JoinOptions, context: ExecutionContext) {
    this.#input = input;
    this.#options = options;
    this.context = context;
  }

  abstract next(): Awaitable<RowBatch | undefined>;

  protected abstract partners(row: ExecutionRow): Awaitable<readonly ExecutionRow[]>;

  /** Called for each partner that was found, for those who must know which were not. */
  protected met(_partner: ExecutionRow): void {}

  /** Rows that follow the last row of the input. */
  protected remaining(): RowBatch | undefined {
    return undefined;
  }

  close(): void {
    this.#input.close();
    this.#ended = true;
    this.#rows = [];
    this.#position = 0;
  }

  /** Joins until there is a batch, as long as nothing has to be waited for. */
  protected emit(): Awaitable<RowBatch | undefined> {
    if (this.#ended) return this.remaining();
    for (;;) {
      while (this.#position < this.#rows.length) {
        const row = this.#rows[this.#position++]!;
        const partners = this.partners(row);
        if (isPromise(partners)) {
          return partners.then((late) => {
            this.#join(row, late);
            return this.emit();
          });
        }
        this.#join(row, partners);
        if (this.#out.length >= BATCH_ROWS) return this.#take();
      }
      if (this.#out.length > 0) return this.#take();
      const pause = this.context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      if (isPromise(batch)) return batch.then((late) => (this.#begin(late) ? this.emit() : this.remaining()));
      if (!this.#begin(batch)) return this.remaining();
    }
  }

  #begin(batch: RowBatch | undefined): boolean {
    this.#rows = batch ?? [];
    this.#position = 0;
    this.#ended = batch === undefined;
    return batch !== undefined;
  }

  #take(): RowBatch {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #join(row: ExecutionRow, partners: readonly ExecutionRow[]): void {
    const { condition, kind, width } = this.#options;
    let found = false;
    for (const partner of partners) {
      if (condition === undefined && (kind === 'semi' || kind === 'anti')) {
        found = true;
        break;
      }
      const joined = [...row, ...partner];
      if (condition !== undefined && condition(joined, this.context) !== true) continue;
      found = true;
      if (kind === 'semi' || kind === 'anti') break;
      if (kind === 'full') this.met(partner);
      this.#out.push(joined);
    }
    if (found ? kind === 'semi' : kind === 'anti') this.#out.push(row);
    else if (!found && (kind === 'left' || kind === 'full')) {
      this.#out.push([...row, ...new Array<null>(width).fill(null)]);
    }
  }
}

export class KeyJoin extends Join {
  readonly #table: CatalogTable;
  readonly #values: readonly Evaluate[];

  constructor(input: Operator, options: KeyJoinOptions, context: ExecutionContext) {
    super(input, options, context);
    this.#table = options.table;
    this.#values = options.values;
  }

  next(): Awaitable<RowBatch | undefined> {
    return this.emit();
  }

  protected partners(row: ExecutionRow): Awaitable<readonly ExecutionRow[]> {
    const values: SqlValue[] = [];
    for (const evaluate of this.#values) {
      const value = evaluate(row, this.context);
      if (value === null) return NONE;
      values.push(value);
    }
    const { codec } = this.#table;
    const key = codec.keys.key(values);
    return whenReady(this.context.get(key), (value) => (value === undefined ? NONE : [codec.decode(key, value)]));
  }
}

export class HashJoin extends Join {
  readonly #open: Open;
  readonly #options: HashJoinOptions;
  #table: Map<DistinctKey, ExecutionRow[]> | undefined;
  /** Of a full join: partners that were not found by any row, in their order. */
  #unmet: Set<ExecutionRow> | undefined;
  #rest: IterableIterator<ExecutionRow> | undefined;

  /** @param open The right side, opened once. */
  constructor(input: Operator, open: Open, options: HashJoinOptions, context: ExecutionContext) {
    super(input, options, context);
    this.#open = open;
    this.#options = options;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#table !== undefined) return this.emit();
    return whenReady(this.#build(), () => this.emit());
  }

  override close(): void {
    super.close();
    this.#table = new Map();
    this.#unmet = undefined;
    this.#rest = undefined;
  }

  protected partners(row: ExecutionRow): readonly ExecutionRow[] {
    const key = this.#hashKey(this.#options.left, row);
    return (key !== undefined && this.#table!.get(key)) || NONE;
  }

  protected override met(partner: ExecutionRow): void {
    this.#unmet?.delete(partner);
  }

  protected override remaining(): RowBatch | undefined {
    if (this.#unmet === undefined) return undefined;
    this.#rest ??= this.#unmet.values();
    const nulls = new Array<null>(this.#options.leftWidth).fill(null);
    const rows: ExecutionRow[] = [];
    while (rows.length < BATCH_ROWS) {
      const { done, value } = this.#rest.next();
      if (done === true) break;
      rows.push([...nulls, ...value]);
    }
    return rows.length === 0 ? undefined : rows;
  }

  #build(): Awaitable<void> {
    const table = new Map<DistinctKey, ExecutionRow[]>();
    const unmet = this.#options.kind === 'full' ? new Set<ExecutionRow>() : undefined;
    const budget = new MemoryBudget('a join', this.context);
    const take = (batch: RowBatch): void => {
      for (const row of batch) {
        const key = this.#hashKey(this.#options.right, row);
        if (key === undefined && unmet === undefined) continue;
        budget.take(row);
        unmet?.add(row);
        if (key === undefined) continue;
        const alike = table.get(key);
        if (alike === undefined) table.set(key, [row]);
        else alike.push(row);
      }
    };
    return whenReady(drain(this.#open(this.context), this.context, take), () => {
      this.#table = table;
      this.#unmet = unmet;
    });
  }

  /** Undefined when a value is null, which equals nothing. */
  #hashKey(values: readonly Evaluate[], row: ExecutionRow): DistinctKey | undefined {
    const found: SqlValue[] = [];
    for (const evaluate of values) {
      const value = evaluate(row, this.context);
      if (value === null) return undefined;
      found.push(value);
    }
    return distinctRowKey(this.#options.types, found);
  }
}
