/**
 * Reads as of one timestamp.
 *
 * Point gets that are asked for within one turn of the event loop travel together: the first as a get, at once, as it may
 * stay the only one; those behind it at the end of the turn, as one batch get for each region. Each is answered as soon as its
 * own value is known, and fails with the error of its own region; a locked key of a batch holds up nobody but those who want
 * it.
 *
 * What was read is kept, within bounds: the same key is not asked for again (snapshot-cache.ts). What a scan finds is not.
 *
 * Locks in the way are resolved; what became known about their transactions stays with the snapshot, so that later reads
 * pass them at once. Every read ends with a look at the GC safe point: a result from below it may be missing versions.
 */

import { type Backoffer, BUDGET } from './backoff.ts';
import { type KeyText, keyBytes, keyText, minEnd, successor } from './bytes.ts';
import { atKey, type Core, overRegions } from './core.ts';
import { TikvError } from './errors.ts';
import { describeLock } from './lock-resolver.ts';
import * as methods from './methods.ts';
import type { Context, KeyError, LockInfo } from './proto/kvrpcpb.ts';
import type { Init } from './protobuf/message.ts';
import type { SendOptions } from './region-sender.ts';
import { type Known, SnapshotCache } from './snapshot-cache.ts';
import { TIMEOUT_MS } from './timeouts.ts';
import { MAX_TIMESTAMP } from './timestamp.ts';

const BATCH_GET_KEYS_MAX = 5_120;
const FIRST_SCAN_BATCH = 16;

export interface SnapshotOptions {
  /** Any replica answers, after asking its leader how far it must be. Default false. */
  readonly followerRead?: boolean;
  /**
   * Any replica answers at once where it holds everything up to the snapshot's timestamp, which is some seconds old then
   * (`TikvClient.timestampBefore`); the leader answers otherwise. Default false.
   */
  readonly staleRead?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ScanOptions {
  readonly reverse?: boolean;
  /** At most this many pairs. Default unlimited. */
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

export type Pair = readonly [key: KeyText, value: Buffer];

export class Snapshot {
  readonly readTs: bigint;
  readonly #core: Core;
  readonly #options: SnapshotOptions;
  /** Undefined where every read is of the newest, each for itself. */
  readonly #cache: SnapshotCache | undefined;
  readonly #ignored = new Set<bigint>();
  readonly #accessed = new Set<bigint>();
  /** Who asked for which key after the first get of this turn of the event loop. */
  #gathered: Map<KeyText, Waiter[]> | undefined;

  constructor(core: Core, readTs: bigint, options: SnapshotOptions = {}) {
    this.#core = core;
    this.readTs = readTs;
    this.#options = options;
    const { snapshotCacheBytes } = core.config;
    this.#cache =
      snapshotCacheBytes === 0 || readTs === MAX_TIMESTAMP ? undefined : new SnapshotCache(snapshotCacheBytes);
  }

  /** The value is the caller's own. @throws TikvError */
  get(key: KeyText): Promise<Buffer | undefined> {
    const known = this.#known(key);
    if (known !== undefined) return this.#again(known);
    if (!this.#core.config.coalesceGets) return this.#getAlone(key);
    const gathered = this.#gathered;
    if (gathered === undefined) {
      this.#gathered = new Map();
      // Before the stream's own: what is sent then still goes with its message of this turn.
      this.#core.config.environment.timers.soon(() => this.#sendGathered());
      return this.#getAlone(key);
    }
    return new Promise((resolve, reject) => {
      const waiters = gathered.get(key);
      if (waiters === undefined) gathered.set(key, [{ resolve, reject }]);
      else waiters.push({ resolve, reject });
    });
  }

  /** Whether a get joins others that have not been sent yet. */
  get isGathering(): boolean {
    return this.#gathered !== undefined;
  }

  /** Only keys with a value are in the answer. @throws TikvError */
  async batchGet(keys: readonly KeyText[]): Promise<Map<KeyText, Buffer>> {
    const values = new Map<KeyText, Buffer>();
    if (keys.length === 0) return values;
    const unknown = new Set<KeyText>();
    for (const key of keys) {
      const known = this.#known(key);
      if (known === undefined) unknown.add(key);
      else if (known.value !== undefined) values.set(key, Buffer.from(known.value));
    }
    const sorted = [...unknown].sort();
    if (sorted.length > 0) {
      await this.#batchGet(sorted, this.#backoffer(), (key, value) => {
        if (value !== undefined) values.set(key, value);
      });
    }
    await this.#core.safePoint.check(this.readTs);
    for (const key of sorted) this.#cache?.add(key, values.get(key));
    return values;
  }

  /**
   * Pairs of [start, end) in order, an empty end being unbounded, in batches that grow. Several batches may come from one
   * region; none spans two.
   */
  async *scan(start: KeyText, end: KeyText, options: ScanOptions = {}): AsyncGenerator<readonly Pair[]> {
    const { reverse = false, keysOnly = false } = options;
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let size = Math.min(FIRST_SCAN_BATCH, this.#core.config.scanBatchSize);
    let [low, high] = [start, end];
    while (left > 0 && (high === '' || low < high)) {
      const limit = Math.min(left, size);
      const batch = await this.#scanOnce(low, high, limit, reverse, keysOnly);
      await this.#core.safePoint.check(this.readTs);
      if (batch.pairs.length > 0) {
        left -= batch.pairs.length;
        yield batch.pairs;
      }
      if (batch.next === undefined) return;
      if (reverse) high = batch.next;
      else low = batch.next;
      size = Math.min(this.#core.config.scanBatchSize, size * 2);
    }
  }

  /** One request. `next` is where to go on: the new start, or the new end in reverse; undefined at the end. */
  async #scanOnce(
    low: KeyText,
    high: KeyText,
    limit: number,
    reverse: boolean,
    keysOnly: boolean,
  ): Promise<{ readonly pairs: readonly Pair[]; readonly next: KeyText | undefined }> {
    const backoffer = this.#backoffer();
    for (;;) {
      const region = reverse
        ? await this.#core.cache.locateEnd(high, backoffer)
        : await this.#core.cache.locate(low, backoffer);
      const [from, to] = reverse ? [low > region.start ? low : region.start, high] : [low, minEnd(high, region.end)];
      const request = {
        startKey: keyBytes(reverse ? to : from),
        endKey: keyBytes(reverse ? from : to),
        limit,
        version: this.readTs,
        keyOnly: keysOnly,
        reverse,
      };
      const options = this.#sendOptions(backoffer, TIMEOUT_MS.medium, { notFillCache: true });
      const result = await this.#core.sender.send(region, methods.KvScan, request, options);
      if (result.kind === 'miss') {
        await this.#core.sender.relocate(result, backoffer);
        continue;
      }
      const { pairs, error } = result.response;
      if (error !== undefined) {
        await this.#resolve([lockOf(error)], backoffer);
        continue;
      }
      const found: Pair[] = [];
      let last: KeyText | undefined;
      for (const pair of pairs) {
        if (pair.error === undefined) {
          last = keyText(pair.key);
          found.push([last, pair.value]);
          continue;
        }
        const lock = lockOf(pair.error);
        last = keyText(lock.key);
        await this.#resolve([lock], backoffer);
        const value = await this.#get(last, backoffer);
        if (value !== undefined) found.push([last, keysOnly ? EMPTY : value]);
      }
      if (pairs.length >= limit && last !== undefined) {
        return { pairs: found, next: reverse ? last : successor(last) };
      }
      if (reverse) return { pairs: found, next: region.start === '' || region.start <= low ? undefined : region.start };
      return { pairs: found, next: region.end === '' || (high !== '' && region.end >= high) ? undefined : region.end };
    }
  }

  #known(key: KeyText): Known | undefined {
    const known = this.#cache?.get(key);
    if (known !== undefined) this.#core.config.hooks.onSnapshotCacheHit?.();
    return known;
  }

  async #again({ value }: Known): Promise<Buffer | undefined> {
    const doubt = this.#core.safePoint.check(this.readTs);
    if (doubt !== undefined) await doubt;
    return value && Buffer.from(value);
  }

  async #getAlone(key: KeyText): Promise<Buffer | undefined> {
    const value = await this.#get(key, this.#backoffer());
    const doubt = this.#core.safePoint.check(this.readTs);
    if (doubt !== undefined) await doubt;
    this.#cache?.add(key, value);
    return value;
  }

  #sendGathered(): void {
    const gathered = this.#gathered!;
    this.#gathered = undefined;
    if (gathered.size === 0) return;
    const fail = (keys: Iterable<KeyText>, error: unknown) => {
      for (const key of keys) for (const { reject } of gathered.get(key) ?? []) reject(error);
    };
    const single = (key: KeyText) =>
      void this.#getAlone(key).then(
        (value) => answer(gathered.get(key)!, value),
        (error) => fail([key], error),
      );
    if (gathered.size === 1) {
      for (const key of gathered.keys()) single(key);
      return;
    }
    const backoffer = this.#backoffer();
    void this.#core.cache.group([...gathered.keys()].sort(), backoffer).then(
      (groups) => {
        for (const { keys } of groups) {
          if (keys.length === 1) single(keys[0]!);
          else void this.#getGathered(gathered, keys, backoffer.fork()).catch((error) => fail(keys, error));
        }
      },
      (error) => fail(gathered.keys(), error),
    );
  }

  /** Gets of one region, or of what has become of it. */
  async #getGathered(
    gathered: ReadonlyMap<KeyText, readonly Waiter[]>,
    keys: readonly KeyText[],
    backoffer: Backoffer,
  ): Promise<void> {
    await this.#batchGet(keys, backoffer, (key, value) => {
      const waiters = gathered.get(key)!;
      const doubt = this.#core.safePoint.check(this.readTs);
      const told = () => {
        this.#cache?.add(key, value);
        answer(waiters, value);
      };
      if (doubt === undefined) told();
      else
        doubt.then(told, (error) => {
          for (const { reject } of waiters) reject(error);
        });
    });
  }

  /** Tells of each key as soon as it is known. */
  async #batchGet(
    sorted: readonly KeyText[],
    backoffer: Backoffer,
    found: (key: KeyText, value: Buffer | undefined) => void,
  ): Promise<void> {
    await overRegions(this.#core, sorted, BATCH_GET_KEYS_MAX, backoffer, async (region, share, own) => {
      let left = share;
      for (;;) {
        const request = { keys: left.map(keyBytes), version: this.readTs };
        const options = this.#sendOptions(own, TIMEOUT_MS.medium);
        const result = await this.#core.sender.send(region, methods.KvBatchGet, request, options);
        if (result.kind === 'miss') return { missed: result, left };
        const { pairs, error } = result.response;
        if (error !== undefined) {
          await this.#resolve([lockOf(error)], own);
          continue;
        }
        const locks = new Map<KeyText, LockInfo>();
        const values = new Map<KeyText, Buffer>();
        for (const pair of pairs) {
          if (pair.error === undefined) values.set(keyText(pair.key), pair.value);
          else {
            const lock = lockOf(pair.error);
            locks.set(keyText(lock.key), lock);
          }
        }
        for (const key of left) if (!locks.has(key)) found(key, values.get(key));
        left = left.filter((key) => locks.has(key));
        if (left.length === 0) return undefined;
        await this.#resolve([...locks.values()], own);
      }
    });
  }

  async #get(key: KeyText, backoffer: Backoffer): Promise<Buffer | undefined> {
    for (;;) {
      const request = { key: keyBytes(key), version: this.readTs };
      const response = await atKey(
        this.#core,
        key,
        methods.KvGet,
        request,
        this.#sendOptions(backoffer, this.#core.config.requestTimeoutMs),
      );
      if (response.error === undefined) return response.notFound ? undefined : response.value;
      await this.#resolve([lockOf(response.error)], backoffer);
    }
  }

  async #resolve(locks: readonly LockInfo[], backoffer: Backoffer): Promise<void> {
    const { ignore, access, waitMs } = await this.#core.resolver.forRead(locks, this.readTs, backoffer);
    for (const startTs of ignore) this.#ignored.add(startTs);
    for (const startTs of access) this.#accessed.add(startTs);
    if (waitMs > 0) await backoffer.wait('txnLockFast', new Error(describeLock(locks[0]!)), waitMs);
  }

  #sendOptions(backoffer: Backoffer, timeoutMs: number, context: Init<typeof Context> = {}): SendOptions {
    return {
      backoffer,
      timeoutMs,
      replica: this.#options.staleRead === true ? 'stale' : this.#options.followerRead === true ? 'follower' : 'leader',
      context: {
        ...context,
        ...(this.#ignored.size === 0 ? {} : { resolvedLocks: [...this.#ignored] }),
        ...(this.#accessed.size === 0 ? {} : { committedLocks: [...this.#accessed] }),
      },
    };
  }

  #backoffer(): Backoffer {
    return this.#core.pd.backoffer(BUDGET.read, this.#options.signal);
  }
}

interface Waiter {
  readonly resolve: (value: Buffer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Everybody gets a value of his own. */
function answer(waiters: readonly Waiter[], value: Buffer | undefined): void {
  for (const [index, { resolve }] of waiters.entries()) {
    resolve(index === 0 || value === undefined ? value : Buffer.from(value));
  }
}

const EMPTY = Buffer.alloc(0);

/** @throws TikvError for what is no lock. */
function lockOf(error: KeyError): LockInfo {
  if (error.locked !== undefined) return error.locked;
  if (/api version|key mode|keyspace/i.test(error.abort)) throw new TikvError('configuration', error.abort);
  throw new TikvError('protocol', `a read failed: ${error.abort || error.retryable || 'unknown key error'}`);
}
