/**
 * Small buffers cut from larger ones: an allocation of its own costs as much as a small read. A buffer is its owner's own for
 * as long as it is held; a few bytes that are held keep a slab of 64 KiB.
 */

const SLAB_BYTES = 64 * 1024;
/** Longer ones get memory of their own. */
const SHARED_BYTES_MAX = SLAB_BYTES / 8;

export class Slab {
  #bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;

  /** Its contents are whatever was there. */
  take(length: number): Buffer {
    if (length > SHARED_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > SLAB_BYTES) {
      this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return this.#bytes.subarray(start, this.#used);
  }
}
