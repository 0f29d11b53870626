/**
 * Which keys went lately without having been read again, by their hashes: one that comes back was not a passer-by. Each hash has one
 * place, where the next with the same place takes over, so that memory is fixed; a wrong answer costs a place in memory
 * that another entry would have earned, and nothing else.
 *
 * Source: the ghost queue of S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
 */

export class EvictedKeys {
  readonly #hashes: Int32Array;

  /** @param places A power of two, about as many as there are entries. */
  constructor(places: number) {
    this.#hashes = new Int32Array(places);
  }

  get bytes(): number {
    return this.#hashes.byteLength;
  }

  note(hash: number): void {
    this.#hashes[hash & (this.#hashes.length - 1)] = hash;
  }

  /** Whether this hash was noted and not taken since; it is then. */
  take(hash: number): boolean {
    const place = hash & (this.#hashes.length - 1);
    if (this.#hashes[place] !== hash || hash === 0) return false;
    this.#hashes[place] = 0;
    return true;
  }
}
