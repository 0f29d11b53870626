/**
 * Reads as of one timestamp.
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
import { TIMEOUT_MS } from './timeouts.ts';

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
  readonly #ignored = new Set<bigint>();
  readonly #accessed = new Set<bigint>();

  constructor(core: Core, readTs: bigint, options: SnapshotOptions = {}) {
    this.#core = core;
    this.readTs = readTs;
    this.#options = options;
  }

  /** @throws TikvError */
  async get(key: KeyText): Promise<Buffer | undefined> {
    const backoffer = this.#backoffer();
    const value = await this.#get(key, backoffer);
    const doubt = this.#core.safePoint.check(this.readTs);
    if (doubt !== undefined) await doubt;
    return value;
  }

  /** Only keys with a value are in the answer. @throws TikvError */
  async batchGet(keys: readonly KeyText[]): Promise<Map<KeyText, Buffer>> {
    const values = new Map<KeyText, Buffer>();
    if (keys.length === 0) return values;
    const sorted = [...new Set(keys)].sort();
    await overRegions(this.#core, sorted, BATCH_GET_KEYS_MAX, this.#backoffer(), async (region, share, backoffer) => {
      let rest = share;
      for (;;) {
        const request = { keys: rest.map(keyBytes), version: this.readTs };
        const result = await this.#core.sender.send(
          region,
          methods.KvBatchGet,
          request,
          this.#sendOptions(backoffer, TIMEOUT_MS.medium),
        );
        // Keys answered before are not asked for again: their values are in.
        if (result.kind === 'miss') {
          if (rest === share) return result;
          await this.#core.sender.relocate(result, backoffer);
          for (const key of rest) {
            const value = await this.#get(key, backoffer);
            if (value !== undefined) values.set(key, value);
          }
          return undefined;
        }
        const { pairs, error } = result.response;
        const locks: LockInfo[] = [];
        if (error !== undefined) locks.push(lockOf(error));
        else {
          for (const pair of pairs) {
            if (pair.error !== undefined) locks.push(lockOf(pair.error));
            else values.set(keyText(pair.key), pair.value);
          }
        }
        if (locks.length === 0) return undefined;
        if (error === undefined) {
          const locked = new Set(locks.map((lock) => keyText(lock.key)));
          rest = rest.filter((key) => locked.has(key));
        }
        await this.#resolve(locks, backoffer);
      }
    });
    await this.#core.safePoint.check(this.readTs);
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

const EMPTY = Buffer.alloc(0);

/** @throws TikvError for what is no lock. */
function lockOf(error: KeyError): LockInfo {
  if (error.locked !== undefined) return error.locked;
  if (/api version|key mode|keyspace/i.test(error.abort)) throw new TikvError('configuration', error.abort);
  throw new TikvError('protocol', `a read failed: ${error.abort || error.retryable || 'unknown key error'}`);
}
