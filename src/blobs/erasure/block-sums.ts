/** The checksums of one shard's blocks, taken while its bytes pass in order. */

import type { Kernel } from './kernel.ts';

export class BlockSums {
  readonly blocks: number[];
  readonly #kernel: Kernel;
  readonly #blockBytes: number;
  #current = 0;
  #inBlock = 0;

  /** `before` are the sums of whole blocks that passed earlier, `partial` that of `inBlock` bytes behind them. */
  constructor(kernel: Kernel, blockBytes: number, before: readonly number[] = [], partial = 0, inBlock = 0) {
    this.#kernel = kernel;
    this.#blockBytes = blockBytes;
    this.blocks = [...before];
    this.#current = partial;
    this.#inBlock = inBlock;
  }

  /** Of the bytes behind the last whole block. */
  get partial(): number {
    return this.#current;
  }

  /** Of a buffer of the kernel. */
  add(bytes: Uint8Array, length: number): void {
    for (let at = 0; at < length; ) {
      const step = Math.min(length - at, this.#blockBytes - this.#inBlock);
      this.#current = this.#kernel.crc32c(at === 0 ? bytes : bytes.subarray(at), step, this.#current);
      this.#inBlock += step;
      at += step;
      if (this.#inBlock === this.#blockBytes) this.#finishBlock();
    }
  }

  /** All sums, that of the last, partial block included. */
  finish(): Uint32Array {
    if (this.#inBlock > 0) this.#finishBlock();
    return Uint32Array.from(this.blocks);
  }

  #finishBlock(): void {
    this.blocks.push(this.#current);
    this.#current = 0;
    this.#inBlock = 0;
  }
}
