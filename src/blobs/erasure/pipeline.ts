/**
 * Works through stripes: while one is computed, the next is read and those before are written. A bounded number of
 * stripes is in memory at once; whoever is slowest holds the others back.
 */

import { type ErasureContext, throwIfAborted, type WorkOptions } from './context.ts';
import type { Stripe } from './layout.ts';

/** Stripes in memory at once, where files do not block. */
export const SLOTS = 3;
/**
 * Of each shard in a stripe, at most. What is read, computed and written soon after stays in the processor's caches;
 * with stripes of a mebibyte the system takes three times as long to move the same bytes.
 */
export const STRIPE_BYTES = 128 * 1024;

export interface StripeWork<T extends Stripe = Stripe> {
  /** `slot` counts from 0 to `SLOTS - 1`; its buffers are free. */
  read(slot: number, stripe: T): Promise<void>;
  /** Synchronous: on the processor alone. */
  compute(slot: number, stripe: T): void;
  write(slot: number, stripe: T): Promise<void>;
  /** Called between stripes, when everything before is written. */
  checkpoint?: (written: T) => Promise<void>;
}

export interface PipelineOptions<T extends Stripe = Stripe> extends WorkOptions {
  /** Of which the progress tells. */
  readonly total: number;
  readonly done?: number;
  /** What a stripe counts for. */
  readonly weigh: (stripe: T) => number;
  /** A checkpoint is due after so many counted bytes. */
  readonly checkpointBytes?: number;
}

/** @throws what the work throws, or `cancelled`; then nothing of it is under way any more. */
export async function runPipeline<T extends Stripe>(
  context: ErasureContext,
  stripes: Iterable<T>,
  work: StripeWork<T>,
  options: PipelineOptions<T>,
): Promise<void> {
  const { clock, timers } = context.platform;
  // Where files block nothing is gained by reading ahead, and caches are lost.
  const slots = context.blocking === true ? 1 : SLOTS;
  const writes = new Array<Promise<void>>(slots).fill(Promise.resolve());
  const iterator = stripes[Symbol.iterator]();
  const startMs = clock.monotonicMs();
  let listenedMs = startMs;
  let slot = 0;
  let done = options.done ?? 0;
  let paid = 0;
  let sinceCheckpoint = 0;
  let next = iterator.next();
  let reading = next.done === true ? Promise.resolve() : work.read(slot, next.value);
  try {
    while (next.done !== true) {
      const stripe = next.value;
      await reading;
      throwIfAborted(options.signal);
      next = iterator.next();
      const following = (slot + 1) % slots;
      if (slots > 1) {
        await writes[following];
        if (next.done !== true) reading = work.read(following, next.value);
      }
      work.compute(slot, stripe);
      writes[slot] = work.write(slot, stripe);
      if (slots === 1) {
        await writes[slot];
        if (next.done !== true) reading = work.read(slot, next.value);
      }
      // A failure is met when the slot is needed again; nobody else waits for it until then.
      writes[slot]!.catch(() => {});
      reading.catch(() => {});
      const weight = options.weigh(stripe);
      done += weight;
      paid += weight;
      sinceCheckpoint += weight;
      options.progress?.(done, options.total);
      if (work.checkpoint !== undefined && sinceCheckpoint >= (options.checkpointBytes ?? Number.POSITIVE_INFINITY)) {
        await Promise.all(writes);
        await work.checkpoint(stripe);
        sinceCheckpoint = 0;
      }
      if (options.bytesPerS !== undefined) {
        const aheadMs = (paid / options.bytesPerS) * 1_000 - (clock.monotonicMs() - startMs);
        if (aheadMs > 1) await timers.sleep(aheadMs, options.signal);
      }
      if (options.listenMs !== undefined && clock.monotonicMs() - listenedMs > options.listenMs) {
        await timers.yield();
        listenedMs = clock.monotonicMs();
      }
      slot = following;
    }
    await Promise.all(writes);
  } catch (error) {
    await Promise.allSettled([reading, ...writes]);
    throw error;
  }
}
