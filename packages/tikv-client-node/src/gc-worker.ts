/**
 * Garbage collection, where no TiDB does it: TiKV removes old versions below the safe point that PD holds, and nobody but a
 * client moves it. One process of those that share a cluster runs a worker; two at once do no harm, for every step can be
 * repeated and none goes back.
 *
 * The order is what keeps readers safe:
 * 1. The new safe point is `lifetimeMs` ago, or what a service has registered (`TikvClient.holdSafePoint`), if that is less.
 * 2. It is **published** under a key that all clients of this package read every ten seconds, whatever their keyspace. From then on they refuse older
 *    snapshots; a client that cannot read it for 90 s refuses to read at all.
 * 3. After 100 s no reader can be below it. Only then are the **locks** of older transactions resolved, for they may hold
 *    the outcome of a commit, and
 * 4. PD is told, and the stores **collect**.
 */

import { BUDGET } from './backoff.ts';
import type { KeyText } from './bytes.ts';
import { atKey, type Core } from './core.ts';
import { sleep } from './environment.ts';
import { isTikvError, TikvError } from './errors.ts';
import * as methods from './methods.ts';
import { APIVersion } from './proto/kvrpcpb.ts';
import { PUBLISHED_KEY } from './safe-point.ts';
import { composeTimestamp, MAX_TIMESTAMP, physicalMs } from './timestamp.ts';
import type { Transaction } from './transaction.ts';

const LIFETIME_MS_MIN = 600_000;
/** Readers trust what they know for 90 s. */
const PUBLICATION_WAIT_MS = 100_000;
const READ_MS = 10_000;
const SERVICE = 'gc_worker';
/** PD wants it of this service. */
const FOR_EVER = 0x7fff_ffff_ffff_ffffn;

export interface GcOptions {
  /** Versions younger than this stay. At least, and by default, 600,000. */
  readonly lifetimeMs?: number;
  /** Between the end of one round and the next. Default 600,000. */
  readonly intervalMs?: number;
  readonly onRound?: (result: GcResult) => void;
}

export interface GcResult {
  /** Undefined: nothing could be moved. */
  readonly safePoint: bigint | undefined;
  readonly locksResolved: number;
}

export class GcWorker {
  readonly #core: Core;
  readonly #begin: () => Promise<Transaction>;
  readonly #options: GcOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** `begin` yields transactions that put `publishedPrefix` before keys. */
  constructor(core: Core, begin: () => Promise<Transaction>, options: GcOptions) {
    const { lifetimeMs = LIFETIME_MS_MIN } = options;
    if (lifetimeMs < LIFETIME_MS_MIN) {
      throw new TikvError('invalid_argument', `versions live at least ${LIFETIME_MS_MIN} ms, not ${lifetimeMs}`);
    }
    this.#core = core;
    this.#begin = begin;
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One round: takes 100 seconds and what resolving locks takes. @throws TikvError */
  async round(): Promise<GcResult> {
    const { pd } = this.#core;
    const { signal } = this.#stop;
    const backoffer = () => pd.backoffer(BUDGET.garbageCollection, signal);
    const now = await pd.timestamp(signal);
    const { lifetimeMs = LIFETIME_MS_MIN } = this.#options;
    const wanted = composeTimestamp(BigInt(physicalMs(now) - lifetimeMs), 0n);
    const current = await pd.gcSafePoint(backoffer());
    if (wanted <= current) return { safePoint: undefined, locksResolved: 0 };
    const lowest = await pd.updateServiceSafePoint(SERVICE, wanted, FOR_EVER, backoffer());
    const safePoint = lowest < wanted ? lowest : wanted;
    if (safePoint <= current) return { safePoint: undefined, locksResolved: 0 };
    await this.#publish(safePoint);
    await sleep(this.#core.config.environment.timers, PUBLICATION_WAIT_MS, signal);
    const locksResolved = await this.#core.resolver.resolveAllBefore(safePoint, this.#everything(), backoffer());
    return { safePoint: await pd.updateGcSafePoint(safePoint, backoffer()), locksResolved };
  }

  /** The keys of transactions, in whatever keyspace. */
  #everything(): readonly [KeyText, KeyText] {
    return this.#core.api.apiVersion === APIVersion.V2 ? ['x', 'y'] : ['', ''];
  }

  async #publish(safePoint: bigint): Promise<void> {
    for (;;) {
      const transaction = await this.#begin();
      const published = BigInt((await transaction.get(PUBLISHED_KEY))?.toString() ?? 0);
      if (published >= safePoint) return;
      transaction.put(PUBLISHED_KEY, Buffer.from(String(safePoint)));
      try {
        await transaction.commit();
        return;
      } catch (error) {
        if (!isTikvError(error, 'write_conflict')) throw error; // Else another worker: look again.
      }
    }
  }

  async #loop(): Promise<void> {
    const { timers } = this.#core.config.environment;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const result = await this.round();
        this.#options.onRound?.(result);
      } catch (error) {
        if (!signal.aborted) this.#core.config.hooks.onBackground?.('garbage collection', error);
      }
      await sleep(timers, this.#options.intervalMs ?? 600_000, signal).catch(() => {});
    }
  }
}

/** What a worker has published, within `READ_MS`. @throws TikvError */
export async function readPublished(
  core: Pick<Core, 'cache' | 'sender' | 'pd' | 'config'>,
  key: string,
): Promise<bigint> {
  const stop = new AbortController();
  const timer = core.config.environment.timers.after(READ_MS, () =>
    stop.abort(new Error(`no answer in ${READ_MS} ms`)),
  );
  try {
    const backoffer = core.pd.backoffer(BUDGET.read, stop.signal);
    const request = { key: Buffer.from(key, 'latin1'), version: MAX_TIMESTAMP };
    const { value, notFound, error } = await atKey(core, key, methods.KvGet, request, { backoffer });
    // While it is being written the older one counts: it was published, too.
    return error !== undefined || notFound ? 0n : BigInt(value.toString());
  } finally {
    timer.cancel();
  }
}
