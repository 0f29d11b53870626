/**
 * The memory that all running statements of an engine share for what they hold: rows being sorted, groups, the inner sides
 * of joins. The one place that hands it out. Figures are estimates of the heap (see `memory-budget.ts`), not measured.
 *
 * Nobody waits for memory: who is refused puts rows into files, or answers `out_of_memory`.
 */

import { assert } from '../../../base/assert.ts';

export class QueryMemory {
  readonly bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Handed out now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false when there is not that much left. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  /** As `take`, past the bound: for the little without which nothing can be done. */
  force(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, 'more memory was given back than taken');
  }
}
