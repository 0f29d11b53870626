/**
 * Joins the rows of the input with partners: inner; left (rows without a partner are kept, with nulls); full (so are
 * partners without a row, at the end); semi and anti (only the rows, that have a partner or have none). A result is the
 * input's row followed by the partner's; the order of the input stays.
 *
 * Here is the loop that all ways of finding partners in memory share; see hash-join.ts. Partners that are read by their keys
 * are another matter: lookup-join.ts.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export type JoinKind = 'inner' | 'left' | 'full' | 'semi' | 'anti';

export interface JoinOptions {
  readonly kind: JoinKind;
  /** What else must be true of a joined row. */
  readonly condition: Evaluate | undefined;
  /** Values in a partner. */
  readonly width: number;
}

const BATCH_ROWS = 512;
/** Partners that are tried before other work may have its turn. */
const PARTNERS_AT_ONCE = 1_024;

/** One time through the rows of the input, when it takes several because partners do not fit into memory at once. */
export interface JoinPass {
  /** A bit for each row of the input that had a partner in a pass before. */
  readonly found: Uint8Array;
  /** What has no partner until now has none. */
  readonly last: boolean;
}

/** The loop over the input that all ways of finding partners share. */
export abstract class Join implements Operator {
  protected readonly context: ExecutionContext;
  readonly #options: JoinOptions;
  #input: Operator;
  #pass: JoinPass | undefined;
  #rows: RowBatch = [];
  #position = 0;
  /** How many rows of the input came before `#rows`. */
  #before = 0;
  /** Of the row that is being joined; undefined when there is none. */
  #partners: readonly ExecutionRow[] | undefined;
  #tried = 0;
  #found = false;
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
    this.#partners = undefined;
  }

  /** Goes on with another input. @param pass Undefined when one is enough. */
  protected restart(input: Operator, pass: JoinPass | undefined): void {
    this.#input = input;
    this.#pass = pass;
    this.#rows = [];
    this.#position = 0;
    this.#before = 0;
    this.#ended = false;
  }

  /** Joins until there is a batch, as long as nothing has to be waited for. */
  protected emit(): Awaitable<RowBatch | undefined> {
    for (;;) {
      while (this.#partners !== undefined) {
        const pause = this.#joinSome(this.#partners);
        if (pause !== undefined) return pause.then(() => this.emit());
        if (this.#out.length >= BATCH_ROWS) return this.#take();
      }
      if (this.#position < this.#rows.length) {
        const partners = this.partners(this.#rows[this.#position++]!);
        if (isPromise(partners)) return partners.then((late) => this.#begin(late));
        this.#partners = partners;
        this.#tried = 0;
        this.#found = false;
        continue;
      }
      if (this.#out.length > 0) return this.#take();
      if (this.#ended) return this.remaining();
      const pause = this.context.pause();
      const batch = pause === undefined ? this.#input.next() : pause.then(() => this.#input.next());
      if (isPromise(batch)) {
        return batch.then((late) => {
          this.#accept(late);
          return this.emit();
        });
      }
      this.#accept(batch);
    }
  }

  #begin(partners: readonly ExecutionRow[]): Awaitable<RowBatch | undefined> {
    if (!this.#ended) {
      this.#partners = partners;
      this.#tried = 0;
      this.#found = false;
    }
    return this.emit();
  }

  #accept(batch: RowBatch | undefined): void {
    this.#before += this.#rows.length;
    this.#rows = batch ?? [];
    this.#position = 0;
    this.#ended = batch === undefined;
  }

  #take(): RowBatch {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Joins the row with its next partners. @returns a promise when others may have their turn first. */
  #joinSome(partners: readonly ExecutionRow[]): Promise<void> | undefined {
    const { condition, kind } = this.#options;
    const row = this.#rows[this.#position - 1]!;
    const end = Math.min(partners.length, this.#tried + PARTNERS_AT_ONCE);
    const once = kind === 'semi' || kind === 'anti';
    for (let i = this.#tried; i < end; i++) {
      const partner = partners[i]!;
      if (condition === undefined && once) {
        this.#found = true;
        break;
      }
      const joined = row.concat(partner);
      if (condition !== undefined && condition(joined, this.context) !== true) continue;
      this.#found = true;
      if (once) break;
      if (kind === 'full') this.met(partner);
      this.#out.push(joined);
    }
    this.#tried = end;
    if (end < partners.length && !(once && this.#found)) return this.context.pause();
    this.#partners = undefined;
    this.#finish(row);
    return undefined;
  }

  /** All partners of the row are known. */
  #finish(row: ExecutionRow): void {
    const { kind, width } = this.#options;
    const pass = this.#pass;
    let isNew = this.#found;
    let found = this.#found;
    let isLast = true;
    if (pass !== undefined) {
      const place = this.#before + this.#position - 1;
      const bit = 1 << (place & 7);
      if ((pass.found[place >> 3]! & bit) !== 0) {
        isNew = false;
        found = true;
      } else if (found) pass.found[place >> 3]! |= bit;
      isLast = pass.last;
    }
    if (found) {
      if (kind === 'semi' && isNew) this.#out.push(row);
    } else if (isLast) {
      if (kind === 'anti') this.#out.push(row);
      else if (kind === 'left' || kind === 'full') this.#out.push(row.concat(new Array<null>(width).fill(null)));
    }
  }
}
