/**
 * Fills the value cache while it has room: whoever misses a value has the thread that applies batches read on through the
 * database, a piece at a time, from where the last piece ended, once around. Without it, a cache that was lost with a restart
 * takes as many reads to fill as there are keys; and the thread that serves clients does not read ahead itself, as the binding
 * makes two objects of each entry, some microseconds.
 *
 * The thread reads between batches, and says which position it read: a piece of another state than the engine's is dropped.
 */

import { type Bytes, compareBytes, keySuccessor, startsWith } from '../../base/bytes.ts';
import { prefixRange } from '../../storage/key-range.ts';
import type { ReadAheadReply, ReadAheadRequest } from './apply-worker.ts';

/** Some milliseconds of that thread, less than one of the other. With few of them most of the time goes into asking for more. */
const PIECE_ENTRIES = 1_024;
/** Keys of the store do not begin with a zero byte. */
const FIRST_KEY: Bytes = Buffer.from([1]);

/** What is answered where nothing could be read; whoever reads the same for itself is told why. */
export const NOTHING_READ: ReadAheadReply = {
  position: -1,
  bytes: new Uint8Array(0),
  offsets: new Uint32Array(1),
  last: undefined,
};

export class ReadAhead {
  readonly #skipped: Bytes;
  readonly #post: (request: ReadAheadRequest) => void;
  /** Where the round began. */
  #origin: Bytes | undefined;
  #next: Bytes = FIRST_KEY;
  #wrapped = false;
  #isOver = false;
  #isPending = false;

  /**
   * @param skipped Keys that begin so are left out.
   * @param post Sends a request to the thread; `accept` must be called with its reply.
   */
  constructor(skipped: Bytes, post: (request: ReadAheadRequest) => void) {
    this.#skipped = skipped;
    this.#post = post;
  }

  /** Whether a reply is awaited. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** A value was read that the cache did not have, although it has room. */
  miss(key: Bytes): void {
    if (this.#isPending || this.#isOver) return;
    if (this.#origin === undefined) {
      this.#origin = Buffer.from(key);
      this.#next = this.#origin;
    }
    this.#isPending = true;
    this.#post({ readFrom: this.#next, count: PIECE_ENTRIES });
  }

  /** Goes on behind what was read. */
  accept({ last }: ReadAheadReply): void {
    this.#isPending = false;
    if (this.#origin === undefined) return;
    if (last === undefined) {
      this.#isOver = this.#wrapped;
      this.#wrapped = true;
      this.#next = FIRST_KEY;
      return;
    }
    const next = keySuccessor(last);
    this.#next = startsWith(next, this.#skipped) ? (prefixRange(this.#skipped).end ?? next) : next;
    this.#isOver = this.#wrapped && compareBytes(this.#next, this.#origin) >= 0;
  }

  /** The cache was emptied: there is a reason for another round. */
  restart(): void {
    this.#origin = undefined;
    this.#wrapped = false;
    this.#isOver = false;
  }
}
