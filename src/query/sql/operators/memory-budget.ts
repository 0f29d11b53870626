/**
 * Counts, by estimate, what one operator holds, out of the memory that all statements share, and refuses to hold more than
 * one operator may.
 *
 * The estimate is of V8's heap without pointer compression: an array is 48 bytes and 8 for each element, a double or an
 * object lies beside it. Strings count as if each character took two bytes.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import { Jsonb, SqlArray, SqlRecord } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import type { DistinctKey } from '../types/distinct-key.ts';
import type { SqlValue } from '../types/types.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { ExecutionRow } from './operator.ts';

const ROW_BYTES = 48;
const VALUE_BYTES = 8;
const STRING_BYTES = 24;
const OBJECT_BYTES = 64;
const VIEW_BYTES = 160;
const ENTRY_BYTES = 40;
/** Memory is taken from what all share in pieces of this size; one such piece an operator gets in any case. */
const STEP_BYTES = 256 * 1024;

/** What a value takes beside the 8 bytes of its place. */
export function valueBytes(value: SqlValue): number {
  switch (typeof value) {
    case 'string':
      return STRING_BYTES + value.length * 2;
    case 'bigint':
      return 24;
    case 'number':
      return Number.isInteger(value) && value <= 0x7fff_ffff && value >= -0x8000_0000 ? 0 : 16;
    case 'object':
      return value === null ? 0 : objectBytes(value);
    default:
      return 0;
  }
}

function objectBytes(value: object): number {
  if (value instanceof Numeric) return OBJECT_BYTES + 24;
  if (value instanceof Uint8Array) return VIEW_BYTES + value.length;
  if (value instanceof SqlArray || value instanceof SqlRecord) return OBJECT_BYTES * 2 + rowBytes(value.values);
  // Its text, and perhaps its tree.
  if (value instanceof Jsonb) return OBJECT_BYTES + value.text.length * 8;
  return OBJECT_BYTES * 2;
}

export function rowBytes(row: readonly SqlValue[]): number {
  let bytes = ROW_BYTES;
  for (let i = 0; i < row.length; i++) bytes += VALUE_BYTES + valueBytes(row[i]!);
  return bytes;
}

/** What a key takes in a Map or a Set. */
export function keyBytes(key: DistinctKey): number {
  return ENTRY_BYTES + valueBytes(key);
}

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
