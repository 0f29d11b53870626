/**
 * All relations of a query, in sight of the place that is bound or not: the one that it writes and those that its FROM names, in the
 * order in which they were met. Errors speak of what stands in it (PostgreSQL's parse_relation.c: p_rtable); a join is nothing of its
 * own here, as it only repeats what it joins.
 */

import type { ScopeItem } from './scope.ts';

export class RangeTable {
  readonly #items: ScopeItem[] = [];
  /** That of the query around, as far as it has been bound. */
  readonly #outer: RangeTable | undefined;

  constructor(outer: RangeTable | undefined) {
    this.#outer = outer;
  }

  add(...items: readonly ScopeItem[]): void {
    this.#items.push(...items);
  }

  /** Of this query alone. */
  get size(): number {
    return this.#items.length;
  }

  /** Those of the query, then those of the queries around it. */
  *[Symbol.iterator](): Generator<ScopeItem> {
    for (let table: RangeTable | undefined = this; table !== undefined; table = table.#outer) yield* table.#items;
  }
}
