/**
 * What one client has sent and nobody has parsed yet: the beginning of a command, or what came while the client waits.
 *
 * It grows with the bytes that really arrive. A length that a request announces is believed once a part of it is here; then
 * the room for all of it is taken at once, since each step on the way would be a copy of all there is.
 */

import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import type { SpareBuffers } from './spare-buffers.ts';

/** Who has sent a sixteenth of what it has announced is believed to send the rest. */
const BELIEVED_TIMES = 16;
/** Of a large request: at least what one read of a socket may bring. */
const LARGE_BYTES = 1024 * 1024;
const BEHIND_BYTES = 64 * 1024;

const NO_INPUT: Buffer = Buffer.from(EMPTY_BYTES);

export class InputBuffer {
  /** Bytes of it without which there is nothing to do, as the parser says. */
  neededBytes = 0;
  readonly #memory: SpareBuffers;
  #bytes: Buffer = NO_INPUT;
  #length = 0;
  /** What `take` has given, until it is given back. */
  #taken: Buffer = NO_INPUT;

  constructor(memory: SpareBuffers) {
    this.#memory = memory;
  }

  get length(): number {
    return this.#length;
  }

  /** Whether there is enough to go on. */
  get isReady(): boolean {
    return this.#length > 0 && this.#length >= this.neededBytes;
  }

  /** Copies a chunk behind what there is. */
  append(chunk: Bytes): void {
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const larger = this.#memory.take(this.#roomFor(length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#memory.giveBack(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /** What an announced length takes, and what a last chunk brings beside it; otherwise twice as much as there was. */
  #roomFor(length: number): number {
    const announced = this.neededBytes + (this.neededBytes > LARGE_BYTES ? BEHIND_BYTES : 0);
    const isBelieved = announced >= length && this.#length * BELIEVED_TIMES >= announced;
    // An argument that is announced behind many others is not all that will come.
    return Math.max(isBelieved ? announced : length, this.#length * 2);
  }

  /** All of it: the caller's, unless it `isLent`. */
  take(): Bytes {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#taken = this.#bytes;
    this.#bytes = NO_INPUT;
    this.#length = 0;
    return bytes;
  }

  /**
   * Takes back all of what was taken last, where it is that and nothing came since: to copy a long command for each chunk of it
   * would cost the more the longer it is. @returns false where it is something else.
   */
  putBack(taken: Bytes): boolean {
    const bytes = this.#taken;
    if (this.#length > 0 || taken.buffer !== bytes.buffer || taken.byteOffset !== bytes.byteOffset) return false;
    this.#bytes = bytes;
    this.#length = taken.length;
    this.#taken = NO_INPUT;
    return true;
  }

  /** Whether what was taken is to be given back, so that whoever needs it for longer copies it. */
  isLent(taken: Bytes): boolean {
    return this.#memory.lends(taken);
  }

  /** Nothing, where it was put back. */
  giveBack(taken: Bytes): void {
    this.#taken = NO_INPUT;
    if (taken.buffer !== this.#bytes.buffer) this.#memory.giveBack(taken);
  }

  drop(): void {
    this.#memory.giveBack(this.take());
  }
}
