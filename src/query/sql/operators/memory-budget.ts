/** Counts, by estimate, what one operator holds, and refuses to hold more than a statement may. */

import { SqlError } from '../sql-error.ts';
import type { ExecutionRow } from './operator.ts';

const ROW_BYTES = 48;
const VALUE_BYTES = 8;
const OBJECT_BYTES = 24;

function rowBytes(row: ExecutionRow): number {
  let bytes = ROW_BYTES;
  for (const value of row) {
    bytes += VALUE_BYTES;
    if (typeof value === 'string') bytes += OBJECT_BYTES + value.length * 2;
    else if (typeof value === 'bigint' || (typeof value === 'object' && value !== null)) bytes += OBJECT_BYTES;
  }
  return bytes;
}

export class MemoryBudget {
  readonly #what: string;
  readonly #bytesMax: number;
  #bytes = 0;

  /** @param what As the message names it, like "a sort". */
  constructor(what: string, bytesMax: number) {
    this.#what = what;
    this.#bytesMax = bytesMax;
  }

  /** @throws SqlError `out_of_memory`. */
  take(row: ExecutionRow): void {
    this.#bytes += rowBytes(row);
    if (this.#bytes <= this.#bytesMax) return;
    throw new SqlError('out_of_memory', 'out of memory', {
      detail: `${this.#what} needs more than the ${this.#bytesMax} bytes that one statement may hold (workBytesMax).`,
    });
  }

  /** Forgets all that was taken and takes these instead. */
  reset(rows: Iterable<ExecutionRow>): void {
    this.#bytes = 0;
    for (const row of rows) this.take(row);
  }
}
