/**
 * Counts, by estimate (see types/value-bytes.ts), what one operator holds, out of the memory that all statements share, and
 * refuses to hold more than one operator may.
 */

import { SqlError } from '../sql-error.ts';
import { rowBytes } from '../types/value-bytes.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { ExecutionRow } from './operator.ts';

/** Memory is taken from what all share in pieces of this size; one such piece an operator gets in any case. */
const STEP_BYTES = 256 * 1024;

export class MemoryBudget {
  readonly #what: string;
  readonly #workspace: Workspace;
  #bytes = 0;
  #reserved = 0;

  /** What may be held. */
  readonly bytesMax: number;

  /**
   * @param what As the message names it, like "a sort".
   * @param bytesMax What may be held; default and at most what one operator may.
   */
  constructor(what: string, { workspace }: { readonly workspace: Workspace }, bytesMax = workspace.workBytesMax) {
    this.#what = what;
    this.#workspace = workspace;
    this.bytesMax = Math.min(bytesMax, workspace.workBytesMax);
  }

  /** Held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws SqlError `out_of_memory`. */
  take(row: ExecutionRow): void {
    this.takeBytes(rowBytes(row));
  }

  /** @throws SqlError `out_of_memory`. */
  takeBytes(bytes: number): void {
    if (!this.tryTake(bytes)) throw this.refusal();
  }

  /** @returns false when the operator may not hold that much more; then nothing was taken. */
  tryTake(bytes: number): boolean {
    const total = this.#bytes + bytes;
    if (total > this.#reserved && !this.#reserve(total)) return false;
    this.#bytes = total;
    return true;
  }

  /** Forgets so much of what was taken. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Forgets all that was taken. */
  clear(): void {
    this.#bytes = 0;
    this.#workspace.give(this.#reserved);
    this.#reserved = 0;
  }

  /** Forgets all that was taken and takes these instead. */
  reset(rows: Iterable<ExecutionRow>): void {
    this.#bytes = 0;
    for (const row of rows) this.take(row);
  }

  /** What to throw where nothing can be put into a file. */
  refusal(): SqlError {
    const { workBytesMax } = this.#workspace;
    const alone = this.#bytes + STEP_BYTES > this.bytesMax || this.#reserved >= this.bytesMax;
    return new SqlError('out_of_memory', 'out of memory', {
      detail: alone
        ? `${this.#what} needs more than the ${workBytesMax} bytes that one operator may hold (workBytesMax).`
        : `${this.#what} needs more memory than other statements leave.`,
    });
  }

  #reserve(total: number): boolean {
    if (total > this.bytesMax) return false;
    const wanted = Math.min(this.bytesMax, Math.ceil(total / STEP_BYTES) * STEP_BYTES) - this.#reserved;
    const least = this.#reserved + wanted <= STEP_BYTES;
    if (!this.#workspace.take(wanted, least)) return false;
    this.#reserved += wanted;
    return true;
  }
}
