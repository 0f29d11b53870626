/**
 * Works through stripes: while one is computed, the next is read and those before are written. A bounded number of
 * stripes is in memory at once; whoever is slowest holds the others back.
 */

import { type ErasureContext, throwIfAborted, type WorkOptions } from './context.ts';
import type { Stripe } from './layout.ts';

/** Stripes in memory at once. */
export const SLOTS = 3;
/** Of each shard in a stripe, at most: one checksum block. */
export const STRIPE_BYTES = 1024 * 1024;

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
  const writes = new Array<Promise<void>>(SLOTS).fill(Promise.resolve());
  const iterator = stripes[Symbol.iterator]();
  const startMs = clock.monotonicMs();
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
      const following = (slot + 1) % SLOTS;
      await writes[following];
      if (next.done !== true) reading = work.read(following, next.value);
      work.compute(slot, stripe);
      writes[slot] = work.write(slot, stripe);
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
      slot = following;
    }
    await Promise.all(writes);
  } catch (error) {
    await Promise.allSettled([reading, ...writes]);
    throw error;
  }
}
