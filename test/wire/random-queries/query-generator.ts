/**
 * Whole statements at random, the same for the same seed: queries (selects.ts) of expressions (expressions.ts), statements that write
 * (writes.ts), some of them in transactions, statements with a mistake put into them (mistakes.ts), and those for which a larger table has
 * indexes (lookups.ts).
 *
 * Everything has one right answer. Rows come in no order unless every column orders them; numbers that stand for a group or are cut off
 * by LIMIT have one scale, as equal numbers of different scales are one key; aggregates that keep an order say which; and expressions
 * are such that hardly any row makes them fail, so that what fails does not depend on the plan.
 */

import { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';
import { randomLiteral } from './expressions.ts';
import { Lookups, SET_UP_LOOKUPS } from './lookups.ts';
import { mistaken } from './mistakes.ts';
import { Selects } from './selects.ts';
import { Statement } from './sight.ts';
import { RESTORE, setUpTables } from './tables.ts';
import { Writes } from './writes.ts';

export class QueryGenerator {
  readonly #random: SeededRandom;
  /** Of a transaction that has begun. */
  #following: string[] = [];

  constructor(seed: number | string) {
    this.#random = new SeededRandom(`${seed} queries`);
  }

  /** Tables that statements read, and those that they write. */
  setUp(): readonly string[] {
    return [...setUpTables((type) => randomLiteral(this.#random, type)), ...SET_UP_LOOKUPS, ...RESTORE];
  }

  next(): string {
    const following = this.#following.shift();
    if (following !== undefined) return following;
    if (!this.#random.chance(0.04)) return this.statement();
    const block = this.#random.pick([
      () => new Writes(this.#random, new Selects(new Statement(this.#random))).block(),
      () => new Lookups(this.#random).block(),
    ]);
    const [first, ...others] = block();
    this.#following = others;
    return first!;
  }

  /** One that does not begin a transaction. */
  statement(): string {
    if (this.#random.chance(0.2)) return new Lookups(this.#random).statement();
    const selects = new Selects(new Statement(this.#random));
    const sql = this.#random.chance(0.2) ? new Writes(this.#random, selects).statement() : selects.statement();
    return this.#random.chance(0.12) ? mistaken(sql, this.#random) : sql;
  }
}
