/** Bytes that come in order, taken into memory of the reader's: who moves much of them allocates nothing for it. */

import type { Bytes } from './bytes.ts';

export interface ByteSource {
  /** Fills `into` with what comes next, less only at the end. One at a time; `into` is its own until it settles. */
  read(into: Bytes): Promise<number>;
}

/** What comes in pieces of any size. To be closed by whoever does not read to the end. */
export class PieceSource implements ByteSource {
  readonly #pieces: AsyncIterator<Bytes>;
  #rest: Bytes | undefined;

  constructor(pieces: AsyncIterable<Bytes>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  async read(into: Bytes): Promise<number> {
    for (let filled = 0; ; ) {
      if (this.#rest === undefined) {
        const { value, done } = await this.#pieces.next();
        if (done === true) return filled;
        this.#rest = value;
      }
      const rest = this.#rest;
      const step = Math.min(rest.length, into.length - filled);
      into.set(step === rest.length ? rest : rest.subarray(0, step), filled);
      this.#rest = step === rest.length ? undefined : rest.subarray(step);
      filled += step;
      if (filled === into.length) return filled;
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
