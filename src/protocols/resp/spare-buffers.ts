/**
 * Memory for input that is on its way, used again by one client after the other. Memory outside of V8's heap counts
 * against it: where every request of a hundred kilobytes, or every line without an end, takes new memory, the whole heap is
 * collected every few hundred of them.
 */

import type { Bytes } from '../../base/bytes.ts';

/** Less is allocated as it is needed: a client that waits in the middle of a short command shall not hold much more. */
const SMALLEST_BYTES = 16 * 1024;
const LARGEST_BYTES = 128 * 1024;
/** Of each size. */
const SPARE_MAX = 8;

export class SpareBuffers {
  /** By size. */
  readonly #spare = new Map<number, Buffer[]>();

  constructor() {
    for (let bytes = SMALLEST_BYTES; bytes <= LARGEST_BYTES; bytes *= 2) this.#spare.set(bytes, []);
  }

  /** Of at least so many bytes, whatever is in them. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST_BYTES || bytes > LARGEST_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    return this.#spare.get(size)!.pop() ?? Buffer.allocUnsafeSlow(size);
  }

  /** Whether memory that was taken, or a part of it, is to be given back. */
  lends(bytes: Bytes): boolean {
    return this.#spare.has(bytes.buffer.byteLength);
  }

  /** Nobody uses it any more. Harmless for what is not lent. */
  giveBack(bytes: Bytes): void {
    const spare = this.#spare.get(bytes.buffer.byteLength);
    if (spare !== undefined && spare.length < SPARE_MAX) spare.push(Buffer.from(bytes.buffer));
  }
}
