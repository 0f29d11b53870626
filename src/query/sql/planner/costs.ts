/**
 * What the parts of a plan are thought to take, in PostgreSQL's unit: the reading of one page in order. Its constants stand
 * for a processor's work; the prices of reading are ours, where a row is read in order for little and by its key for a few
 * times as much, and nothing is ever read by pages.
 */

export interface Costs {
  /** Until the first row. */
  readonly startup: number;
  /** Until the last. */
  readonly cost: number;
}

/** PostgreSQL's cpu_tuple_cost, cpu_operator_cost, cpu_index_tuple_cost. */
export const TUPLE_COST = 0.01;
export const OPERATOR_COST = 0.0025;
export const INDEX_TUPLE_COST = 0.005;
/** A page of rows or of entries, in order. */
const PAGE_COST = 1;
const PAGE_BYTES = 8_192;
const ROW_HEADER_BYTES = 28;
const ENTRY_HEADER_BYTES = 24;
/** One row by its key, among many that are asked for together. */
export const FETCH_COST = 0.08;
/** The first entry of a range. */
export const SEEK_COST = 0.25;

/** Bytes of rows in order, as part of a page each. */
export function readCost(rows: number, bytes: number): number {
  return ((rows * (bytes + ROW_HEADER_BYTES)) / PAGE_BYTES) * PAGE_COST;
}

/** Rows of a table in the order of its key. @param ranges How many ranges they lie in. */
export function rangeCost(rows: number, bytes: number, ranges: number, conditions: number): number {
  return readCost(rows, bytes) + rows * (TUPLE_COST + conditions * OPERATOR_COST) + seekCost(ranges);
}

/** The whole of a table: its first row needs no search. */
export function scanCost(rows: number, bytes: number, conditions: number): number {
  return rangeCost(rows, bytes, 0, conditions);
}

export interface IndexRead {
  readonly entries: number;
  readonly entryBytes: number;
  readonly ranges: number;
  /** Whether rows are fetched; else the entries tell everything. */
  readonly fetches: boolean;
  readonly conditions: number;
}

export function indexCost({ entries, entryBytes, ranges, fetches, conditions }: IndexRead): number {
  const pages = ((entries * (entryBytes + ENTRY_HEADER_BYTES)) / PAGE_BYTES) * PAGE_COST;
  const each = INDEX_TUPLE_COST + TUPLE_COST + conditions * OPERATOR_COST + (fetches ? FETCH_COST : 0);
  return pages + entries * each + seekCost(ranges);
}

function seekCost(ranges: number): number {
  return ranges * SEEK_COST;
}

/** Rows under so many whole keys. */
export function pointsCost(points: number, conditions: number): number {
  return points * (FETCH_COST + TUPLE_COST + conditions * OPERATOR_COST) + SEEK_COST;
}

/** Sorts rows, or keeps the first few of them. */
export function sortCosts(input: Costs, rows: number, wanted: number = rows): Costs {
  const held = Math.max(2, Math.min(rows, wanted));
  const startup = input.cost + 2 * OPERATOR_COST * rows * Math.log2(held);
  return { startup, cost: startup + Math.min(rows, wanted) * OPERATOR_COST };
}

/** What the first `wanted` of `rows` rows take. */
export function costOfFirst({ startup, cost }: Costs, rows: number, wanted: number): number {
  if (wanted >= rows || rows <= 0) return cost;
  return startup + ((cost - startup) * wanted) / rows;
}

export interface JoinSizes {
  readonly outer: Costs & { readonly rows: number };
  readonly inner: Costs & { readonly rows: number };
  /** Rows that it gives, and conditions that are tested on each pair that was found. */
  readonly rows: number;
  readonly keys: number;
  readonly conditions: number;
}

/** The inner side held by its keys, the outer side looking up. */
export function hashJoinCosts({ outer, inner, rows, keys, conditions }: JoinSizes): Costs {
  const build = inner.cost + inner.rows * (TUPLE_COST + keys * OPERATOR_COST);
  const probe = outer.rows * keys * OPERATOR_COST * 2;
  return {
    startup: build + outer.startup,
    cost: build + outer.cost + probe + rows * (TUPLE_COST + conditions * OPERATOR_COST),
  };
}

/** Both sides in the order of what must be equal. Rows are compared one by one, where a hash takes them as vectors. */
export function mergeJoinCosts({ outer, inner, rows, keys, conditions }: JoinSizes): Costs {
  const compared = (outer.rows + inner.rows) * (TUPLE_COST + keys * OPERATOR_COST);
  return {
    startup: outer.startup + inner.startup,
    cost: outer.cost + inner.cost + compared + rows * (TUPLE_COST + conditions * OPERATOR_COST),
  };
}

/** Every pair is tried, the inner side held. */
export function nestedLoopCosts({ outer, inner, rows, conditions }: JoinSizes): Costs {
  const pairs = outer.rows * inner.rows;
  const held = inner.cost + inner.rows * OPERATOR_COST;
  return {
    startup: outer.startup + inner.startup,
    cost: outer.cost + held + pairs * OPERATOR_COST * (1 + conditions) + rows * TUPLE_COST,
  };
}

/** Partners read for each row by their keys. @param each What the partners of one row take. */
export function lookupCosts({ outer, rows, conditions }: Omit<JoinSizes, 'inner' | 'keys'>, each: number): Costs {
  return {
    startup: outer.startup,
    cost: outer.cost + outer.rows * each + rows * (TUPLE_COST + conditions * OPERATOR_COST),
  };
}
