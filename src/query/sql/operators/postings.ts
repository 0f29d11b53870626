/**
 * Lists of rows that an inverted index tells of: those of a term, those that are in several lists, those that are in any. Each gives,
 * in the order of the keys of rows, what tells a row of the table (`InvertedKeys.suffixOf`).
 *
 * Rows that are in all of several lists are found by asking the lists in turn for the first row that is not before the farthest that
 * any of them has come to. A list that is far behind is looked up anew there, so that a rare term makes a common one cheap.
 */

import { assert } from '../../../base/assert.ts';
import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { type Bytes, compareBytes, EMPTY_BYTES, equalBytes, keySuccessor } from '../../../base/bytes.ts';
import type { InvertedKeys } from '../../../models/relational/inverted-keys.ts';
import { type SearchOperator, searchOf, type TermSearch } from '../../../models/relational/inverted-terms.ts';
import type { ColumnValue, IndexPart } from '../../../models/relational/table.ts';
import type { Cursor, Entry } from '../../../storage/store.ts';
import type { TableIndex } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { parseJsonPath } from '../types/json-path.ts';
import { pathSearch } from '../types/json-path-search.ts';
import type { SqlValue } from '../types/types.ts';
import { distinctKeys } from './keyed-rows.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext } from './operator.ts';

/** A condition that an inverted index finds rows by. */
export interface Search {
  /** Of the parts of the index. */
  readonly part: number;
  readonly operator: SearchOperator;
  readonly value: Evaluate;
}

export interface Postings {
  /** The first row at `from` or behind it; `from` never goes back. The bytes hold until the next call. */
  seek(from: Bytes): Awaitable<Bytes | undefined>;
  close(): void;
}

/** Of a row in memory, besides the bytes that tell it. */
const POSTING_BYTES = 64;

/** Lists that are read side by side; of more than these, one after another is gathered. */
const MERGED_MAX = 32;

/**
 * The rows that may meet all of `searches`; undefined where the values that are searched for have no terms: any row may meet them.
 * @param budget Of rows that have to be gathered.
 */
export function openPostings(
  { index, inverted }: TableIndex,
  searches: readonly Search[],
  context: ExecutionContext,
  budget: MemoryBudget,
): Postings | undefined {
  assert(inverted !== undefined, 'terms are searched for in an inverted index');
  const lists = searches.flatMap(({ part, operator, value }): Postings[] => {
    const search = searchFor(index.parts[part]!, operator, value([], context));
    if (search.kind === 'everything') return [];
    const terms = search.terms.map((term) => new TermPostings(inverted, part, term, context));
    if (search.kind === 'all') return terms;
    return [terms.length > MERGED_MAX ? new Gathered(terms, context, budget) : new AnyOf(terms)];
  });
  return lists.length > 1 ? new AllOf(lists) : lists[0];
}

/** Tells `visit` of all rows of a list, and closes it. */
export async function eachPosting(
  rows: Postings,
  context: ExecutionContext,
  visit: (row: Bytes) => void,
): Promise<void> {
  try {
    let from = EMPTY_BYTES;
    for (;;) {
      const found = rows.seek(from);
      const row = isPromise(found) ? await found : found;
      if (row === undefined) return;
      visit(row);
      from = keySuccessor(row);
      const pause = context.pause();
      if (pause !== undefined) await pause;
    }
  } finally {
    rows.close();
  }
}

class TermPostings implements Postings {
  readonly #keys: InvertedKeys;
  readonly #part: number;
  readonly #term: number;
  readonly #context: ExecutionContext;
  #cursor: Cursor | undefined;
  #batch: readonly Entry[] = [];
  #at = 0;
  /** Nothing is behind the batch. */
  #isLast = false;

  constructor(keys: InvertedKeys, part: number, term: number, context: ExecutionContext) {
    this.#keys = keys;
    this.#part = part;
    this.#term = term;
    this.#context = context;
  }

  seek(from: Bytes): Awaitable<Bytes | undefined> {
    return this.#inBatch(from) ?? (this.#isLast ? undefined : this.#load(from));
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  #inBatch(from: Bytes): Bytes | undefined {
    const batch = this.#batch;
    let end = batch.length;
    if (this.#at === end || this.#isBefore(end - 1, from)) {
      this.#at = end;
      return undefined;
    }
    let at = this.#at;
    // Mostly it is the next one.
    if (this.#isBefore(at, from)) {
      while (at + 1 < end) {
        const middle = (at + end) >> 1;
        if (this.#isBefore(middle, from)) at = middle;
        else end = middle;
      }
      at++;
    }
    this.#at = at;
    return this.#keys.suffixOf(batch[at]!.key);
  }

  #isBefore(at: number, from: Bytes): boolean {
    return compareBytes(this.#keys.suffixOf(this.#batch[at]!.key), from) < 0;
  }

  async #load(from: Bytes): Promise<Bytes | undefined> {
    if (this.#cursor !== undefined) {
      await this.#next();
      const found = this.#inBatch(from);
      if (found !== undefined || this.#isLast) return found;
      this.close();
    }
    const range = this.#keys.range(this.#part, this.#term, from);
    this.#cursor = this.#context.scan(range, { keysOnly: true });
    await this.#next();
    return this.#inBatch(from);
  }

  async #next(): Promise<void> {
    const batch = await this.#cursor!.next();
    this.#at = 0;
    this.#batch = batch ?? [];
    this.#isLast = batch === undefined;
  }
}

class AllOf implements Postings {
  readonly #lists: readonly Postings[];

  constructor(lists: readonly Postings[]) {
    this.#lists = lists;
  }

  async seek(from: Bytes): Promise<Bytes | undefined> {
    const lists = this.#lists;
    let wanted = from;
    let agreed = 0;
    for (let i = 0; agreed < lists.length; i = (i + 1) % lists.length) {
      const found = lists[i]!.seek(wanted);
      const row = isPromise(found) ? await found : found;
      if (row === undefined) return undefined;
      if (equalBytes(row, wanted)) agreed++;
      else {
        wanted = row;
        agreed = 1;
      }
    }
    return wanted;
  }

  close(): void {
    for (const list of this.#lists) list.close();
  }
}

class AnyOf implements Postings {
  readonly #lists: readonly Postings[];
  /** The row that each list has come to; undefined behind its last. */
  readonly #heads: (Bytes | undefined)[];

  constructor(lists: readonly Postings[]) {
    this.#lists = lists;
    this.#heads = lists.map(() => EMPTY_BYTES);
  }

  async seek(from: Bytes): Promise<Bytes | undefined> {
    let first: Bytes | undefined;
    for (const [i, list] of this.#lists.entries()) {
      let head = this.#heads[i];
      if (head === undefined) continue;
      if (head === EMPTY_BYTES || compareBytes(head, from) < 0) {
        const found = list.seek(from);
        head = isPromise(found) ? await found : found;
        this.#heads[i] = head;
        if (head === undefined) continue;
      }
      if (first === undefined || compareBytes(head, first) < 0) first = head;
    }
    return first;
  }

  close(): void {
    for (const list of this.#lists) list.close();
  }
}

/** Of any of many lists: reads one after another. */
class Gathered implements Postings {
  readonly #lists: readonly Postings[];
  readonly #context: ExecutionContext;
  readonly #budget: MemoryBudget;
  #rows: readonly Bytes[] | undefined;
  #at = 0;

  constructor(lists: readonly Postings[], context: ExecutionContext, budget: MemoryBudget) {
    this.#lists = lists;
    this.#context = context;
    this.#budget = budget;
  }

  async seek(from: Bytes): Promise<Bytes | undefined> {
    this.#rows ??= await this.#gather();
    const rows = this.#rows;
    while (this.#at < rows.length && compareBytes(rows[this.#at]!, from) < 0) this.#at++;
    return rows[this.#at];
  }

  close(): void {
    for (const list of this.#lists) list.close();
  }

  async #gather(): Promise<readonly Bytes[]> {
    const rows: Bytes[] = [];
    for (const list of this.#lists) {
      await eachPosting(list, this.#context, (row) => {
        this.#budget.takeBytes(row.length + POSTING_BYTES);
        rows.push(row.slice());
      });
    }
    return distinctKeys(rows);
  }
}

function searchFor(part: IndexPart, operator: SearchOperator, wanted: SqlValue): TermSearch {
  if (operator !== '@?' && operator !== '@@') return searchOf(part, operator, wanted as ColumnValue);
  return wanted === null ? { kind: 'any', terms: [] } : pathSearch(parseJsonPath(wanted as string), operator);
}
