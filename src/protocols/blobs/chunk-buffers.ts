/**
 * Memory for the chunks of one large upload, where the checksum is taken by WebAssembly: what a socket receives is summed
 * while it is in the processor's caches, and written from where it lies. The memory of an upload serves the next one.
 */

import type { Bytes } from '../../base/bytes.ts';
import { SimdKernel, simdBufferBytes } from '../../blobs/erasure/simd-kernel.ts';

/** Sets that are kept for later. */
const SPARE_MAX = 2;

export class ChunkBuffers {
  static readonly #spare: ChunkBuffers[] = [];
  readonly #kernel: SimdKernel;
  readonly #all: readonly Bytes[];
  #free: Bytes[];

  private constructor(count: number, chunkBytes: number) {
    this.#kernel = new SimdKernel(count * simdBufferBytes(chunkBytes));
    this.#all = Array.from({ length: count }, () => this.#kernel.allocate(chunkBytes));
    this.#free = [...this.#all];
  }

  /** For `release` afterwards. All sets are of one shape. */
  static acquire(count: number, chunkBytes: number): ChunkBuffers {
    return ChunkBuffers.#spare.pop() ?? new ChunkBuffers(count, chunkBytes);
  }

  /** Nothing may use the buffers any more, those included that were not given back. */
  release(): void {
    this.#free = [...this.#all];
    if (ChunkBuffers.#spare.length < SPARE_MAX) ChunkBuffers.#spare.push(this);
  }

  /** Undefined when all are in use. */
  take(): Bytes | undefined {
    return this.#free.pop();
  }

  give(buffer: Bytes): void {
    this.#free.push(buffer);
  }

  /** CRC-32C of a part of a buffer, after bytes with the checksum `before`. */
  crc32c(part: Bytes, before: number): number {
    return this.#kernel.crc32c(part, part.length, before);
  }
}
