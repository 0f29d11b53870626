/**
 * A message that is too large to be gathered with others: its body in memory of its own, which grows with the bytes that
 * arrive and is counted with what running statements hold. One that may not be held is read past, and says why.
 */

import type { Bytes } from '../../base/bytes.ts';
import { SqlError } from '../../query/sql/sql-error.ts';

/** Messages up to this size are gathered with others. */
export const GATHERED_MESSAGE_BYTES_MAX = 1024 * 1024;
/** So many times what has arrived is made room for: pages that nothing was written to are not memory yet. */
const GROWTH = 8;
const EMPTY = Buffer.alloc(0);

/** What all connections share; see `QueryMemory`. */
export interface MessageMemory {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export class LargeMessage {
  readonly type: number;
  /** Of the body. */
  readonly bytes: number;
  readonly #memory: MessageMemory;
  #body: Buffer = EMPTY;
  #arrived = 0;
  #taken = 0;
  #refusal: SqlError | undefined;

  /** @param refusal Why it may not be held, where that is known from its header. */
  constructor(type: number, bytes: number, memory: MessageMemory, refusal?: SqlError) {
    this.type = type;
    this.bytes = bytes;
    this.#memory = memory;
    this.#refusal = refusal;
  }

  get isWhole(): boolean {
    return this.#arrived === this.bytes;
  }

  /** Why there is no body. */
  get refusal(): SqlError | undefined {
    return this.#refusal;
  }

  /** Of a whole message that was not refused. It belongs to whoever asks. */
  get body(): Buffer {
    return this.#body;
  }

  /** @returns how much of `chunk` belongs to the message; that was copied. */
  take(chunk: Bytes): number {
    const part = Math.min(chunk.length, this.bytes - this.#arrived);
    const arrived = this.#arrived + part;
    if (this.#refusal === undefined && this.#make(arrived)) {
      this.#body.set(part === chunk.length ? chunk : chunk.subarray(0, part), this.#arrived);
    }
    this.#arrived = arrived;
    return part;
  }

  /** Forgets the body, and no longer counts it. */
  release(): void {
    this.#body = EMPTY;
    this.#memory.give(this.#taken);
    this.#taken = 0;
  }

  #make(bytes: number): boolean {
    if (bytes > this.#taken) {
      const wanted = Math.min(this.bytes, bytes + GATHERED_MESSAGE_BYTES_MAX) - this.#taken;
      if (!this.#memory.take(wanted)) {
        this.release();
        this.#refusal = new SqlError('out_of_memory', 'out of memory', {
          detail: `A message of ${this.bytes} bytes needs more memory than other statements leave.`,
        });
        return false;
      }
      this.#taken += wanted;
    }
    if (bytes > this.#body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.bytes, bytes * GROWTH));
      this.#body.copy(larger, 0, 0, this.#arrived);
      this.#body = larger;
    }
    return true;
  }
}
