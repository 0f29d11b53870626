/**
 * Numbers of transactions, for those that ask for theirs (manual, 9.26.8). The store has none: its transactions have versions, and only
 * when they commit. Numbers count up from the microseconds since 1970 at which the server started, so that none comes a second time.
 */

import { SqlError } from './sql-error.ts';
import type { Snapshot } from './types/snapshots.ts';

/** Transactions that have ended, of which it is known how. */
const OUTCOMES_MAX = 10_000;

export class TransactionIds {
  #next: bigint;
  /** In the order of their numbers. */
  readonly #running = new Set<bigint>();
  readonly #outcomes = new Map<bigint, 'committed' | 'aborted'>();
  /** The one behind the last that has ended. */
  #ended: bigint;

  constructor(first: bigint) {
    this.#next = first;
    this.#ended = first;
  }

  begin(): bigint {
    const id = this.#next++;
    this.#running.add(id);
    return id;
  }

  end(id: bigint, outcome: 'committed' | 'aborted'): void {
    this.#running.delete(id);
    this.#outcomes.set(id, outcome);
    if (id >= this.#ended) this.#ended = id + 1n;
    if (this.#outcomes.size > OUTCOMES_MAX) this.#outcomes.delete(this.#outcomes.keys().next().value!);
  }

  /** @param own The number of who asks; it is not among those that run beside it. */
  snapshot(own: bigint | undefined): Snapshot {
    const xmax = this.#ended;
    const [oldest = xmax] = this.#running;
    const running = [...this.#running].filter((id) => id !== own && id < xmax);
    return { xmin: oldest < xmax ? oldest : xmax, xmax, running };
  }

  /** Null for one that ended long ago. @throws SqlError `invalid_parameter_value` for one that has not begun. */
  status(id: bigint): string | null {
    if (id >= this.#next) throw new SqlError('invalid_parameter_value', `transaction ID ${id} is in the future`);
    // The two that began the world have, in PostgreSQL.
    if (id === 1n || id === 2n) return 'committed';
    return this.#running.has(id) ? 'in progress' : (this.#outcomes.get(id) ?? null);
  }
}
