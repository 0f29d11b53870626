/** What all operations of a client share, and the two shapes that their requests have: at one key, and over regions. */

import type { Backoffer } from './backoff.ts';
import type { KeyText } from './bytes.ts';
import type { ClientConfig } from './config.ts';
import type { LockResolver } from './lock-resolver.ts';
import type { Method } from './methods.ts';
import type { PdClient } from './pd-client.ts';
import type { Decoded, Fields, Init, MessageType } from './protobuf/message.ts';
import type { Region, RegionCache } from './region-cache.ts';
import type { ApiContext, RegionMiss, RegionSender, SendOptions } from './region-sender.ts';
import type { SafePoint } from './safe-point.ts';

export interface Core {
  readonly config: ClientConfig;
  readonly api: ApiContext;
  readonly pd: PdClient;
  readonly cache: RegionCache;
  readonly sender: RegionSender;
  readonly resolver: LockResolver;
  readonly safePoint: SafePoint;
  /** Work that nobody waits for, finished or given up when the client closes. */
  background(what: string, work: () => Promise<void>): void;
}

/** Requests in flight for one operation. */
const PARALLEL_MAX = 128;

type Shared = Pick<Core, 'cache' | 'sender'>;

/** Sends to the region of a key until one serves it. */
export async function atKey<Q extends Fields, S extends Fields>(
  core: Shared,
  key: KeyText,
  method: Method<Q, S>,
  request: Omit<Init<MessageType<Q>>, 'context'>,
  options: SendOptions,
): Promise<Decoded<MessageType<S>>> {
  for (;;) {
    const region = await core.cache.locate(key, options.backoffer);
    const result = await core.sender.send(region, method, request, options);
    if (result.kind === 'served') return result.response;
    await core.sender.relocate(result, options.backoffer);
  }
}

/** A region that served a share only in part: not the keys that are `left`. */
export interface ShareMissed {
  readonly missed: RegionMiss;
  readonly left: readonly KeyText[];
}

/**
 * Runs `run` for each region's share of sorted keys, in parallel, cut to `countMax` keys; what is left of shares whose region
 * has changed is regrouped. Fails with the first error, the others running on.
 */
export async function overRegions(
  core: Shared,
  keys: readonly KeyText[],
  countMax: number,
  backoffer: Backoffer,
  run: (
    region: Region,
    keys: readonly KeyText[],
    backoffer: Backoffer,
  ) => Promise<RegionMiss | ShareMissed | undefined>,
): Promise<void> {
  const shares: { region: Region; keys: readonly KeyText[] }[] = [];
  for (const group of await core.cache.group(keys, backoffer)) {
    for (let at = 0; at < group.keys.length; at += countMax) {
      shares.push({ region: group.region, keys: group.keys.slice(at, at + countMax) });
    }
  }
  const one = async (share: { region: Region; keys: readonly KeyText[] }, own: Backoffer) => {
    const outcome = await run(share.region, share.keys, own);
    if (outcome === undefined) return;
    const { missed, left } = 'left' in outcome ? outcome : { missed: outcome, left: share.keys };
    await core.sender.relocate(missed, own);
    await overRegions(core, left, countMax, own, run);
  };
  if (shares.length === 1) {
    await one(shares[0]!, backoffer);
    return;
  }
  await inParallel(shares, PARALLEL_MAX, (share) => one(share, backoffer.fork()));
}

/** At most `parallelMax` at a time. Rejects with the first error; what runs then is left running. */
export async function inParallel<T>(
  items: readonly T[],
  parallelMax: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      try {
        await run(items[next++]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelMax, items.length) }, worker));
}
