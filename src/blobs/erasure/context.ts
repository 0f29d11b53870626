/** What the long works of erasure coding run on, in the server's thread, in one of their own, or simulated. */

import { OperationError } from '../../base/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Kernel } from './kernel.ts';
import { LARGE_BLOCK_BYTES, SMALL_BLOCK_BYTES } from './layout.ts';
import { SimdKernel, simdBufferBytes } from './simd-kernel.ts';

export type ErasurePlatform = Pick<Platform, 'clock' | 'timers' | 'files'>;

export interface ErasureContext {
  readonly platform: ErasurePlatform;
  /** A kernel with room for so many buffers. Default WebAssembly. */
  readonly newKernel?: (buffers: number, bufferBytes: number) => Kernel;
  /** Reads and writes of `files` hold up the thread (`NodeFilesOptions.blocking`). Default false. */
  readonly blocking?: boolean;
  /** Default those of SeaweedFS: what it is to read has no others. */
  readonly largeBlockBytes?: number;
  readonly smallBlockBytes?: number;
}

/** For works that make new encodings: these have random names. */
export interface WorkContext extends ErasureContext {
  readonly platform: ErasurePlatform & Pick<Platform, 'random'>;
}

export interface WorkOptions {
  /** Bytes done and to do; called after each stripe. */
  readonly progress?: (done: number, total: number) => void;
  /** Bytes per second, of what `progress` counts. Default unlimited. */
  readonly bytesPerS?: number;
  /** Where files block: how long to work on without giving the event loop back. Default never to. */
  readonly listenMs?: number;
  /** Stops with `cancelled`; what was done so far is kept for the next call. */
  readonly signal?: AbortSignal;
}

export function kernelOf(context: ErasureContext, buffers: number, bufferBytes: number): Kernel {
  if (context.newKernel !== undefined) return context.newKernel(buffers, bufferBytes);
  return new SimdKernel(buffers * simdBufferBytes(bufferBytes));
}

export function blockSizesOf(context: ErasureContext): { readonly largeBytes: number; readonly smallBytes: number } {
  return {
    largeBytes: context.largeBlockBytes ?? LARGE_BLOCK_BYTES,
    smallBytes: context.smallBlockBytes ?? SMALL_BLOCK_BYTES,
  };
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new OperationError('cancelled', 'the work was stopped; it goes on from here when started again', {
      cause: signal.reason,
    });
  }
}
