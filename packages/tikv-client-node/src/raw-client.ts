/**
 * RawKV: keys and values without transactions. Each key is linearizable; a batch is not atomic.
 *
 * Whoever uses `compareAndSwap` opens the client with `rawAtomic`: then every write takes part in the order that the
 * swaps rely on. A swap whose reply is lost ends with `undetermined`, for repeating it could meet its own first writing.
 * Empty values are values.
 */

import { type Backoffer, BUDGET } from './backoff.ts';
import { type KeyText, keyBytes, keyText, minEnd, prefixEnd, printableKey, successor } from './bytes.ts';
import { atKey, type Core, overRegions } from './core.ts';
import { TikvError } from './errors.ts';
import * as methods from './methods.ts';
import type { Region } from './region-cache.ts';
import type { RegionMiss } from './region-sender.ts';
import { TIMEOUT_MS } from './timeouts.ts';

const BATCH_KEYS_MAX = 512;
const BATCH_PUT_BYTES_MAX = 16 * 1024;
const SCAN_LIMIT_MAX = 10_240;

export interface RawOptions {
  /** Every write is ordered with compare-and-swap. Default false. */
  readonly atomic?: boolean;
}

export interface RawPutOptions {
  /** Seconds; 0, the default: for ever. Needs a store with expiry enabled. */
  readonly ttlSeconds?: bigint;
}

export interface RawScanOptions {
  /** At most this many, up to 10,240. */
  readonly limit: number;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
}

export interface Checksum {
  /** XOR of CRC-64/XZ over each key and value. */
  readonly checksum: bigint;
  readonly count: bigint;
  readonly bytes: bigint;
}

export class RawClient {
  readonly #core: Core;
  readonly #prefix: KeyText;
  readonly #forCas: boolean;

  constructor(core: Core, prefix: KeyText, options: RawOptions) {
    this.#core = core;
    this.#prefix = prefix;
    this.#forCas = options.atomic ?? false;
  }

  async get(key: Uint8Array, signal?: AbortSignal): Promise<Buffer | undefined> {
    const text = this.#keyOf(key);
    const options = { backoffer: this.#backoffer(signal) };
    const response = await atKey(this.#core, text, methods.RawGet, { key: keyBytes(text) }, options);
    throwText(response.error);
    return response.notFound ? undefined : response.value;
  }

  /** Values in the order of `keys`. */
  async batchGet(keys: readonly Uint8Array[], signal?: AbortSignal): Promise<(Buffer | undefined)[]> {
    const texts = keys.map((key) => this.#keyOf(key));
    const values = new Map<KeyText, Buffer>();
    const sorted = [...new Set(texts)].sort();
    await overRegions(this.#core, sorted, BATCH_KEYS_MAX, this.#backoffer(signal), async (region, share, backoffer) => {
      const request = { keys: share.map(keyBytes) };
      const result = await this.#core.sender.send(region, methods.RawBatchGet, request, {
        backoffer,
        timeoutMs: TIMEOUT_MS.medium,
      });
      if (result.kind === 'miss') return result;
      for (const pair of result.response.pairs) {
        throwText(pair.error?.abort ?? '');
        values.set(keyText(pair.key), pair.value);
      }
      return undefined;
    });
    return texts.map((key) => values.get(key));
  }

  async put(key: Uint8Array, value: Uint8Array, options: RawPutOptions = {}): Promise<void> {
    const text = this.#keyOf(key);
    const request = { key: keyBytes(text), value, ttl: options.ttlSeconds ?? 0n, forCas: this.#forCas };
    const response = await atKey(this.#core, text, methods.RawPut, request, {
      backoffer: this.#backoffer(),
      writes: true,
    });
    throwText(response.error);
  }

  /** The last of several pairs with one key counts. */
  async batchPut(pairs: readonly (readonly [Uint8Array, Uint8Array])[], options: RawPutOptions = {}): Promise<void> {
    const values = new Map(pairs.map(([key, value]) => [this.#keyOf(key), value]));
    const ttl = options.ttlSeconds ?? 0n;
    const sorted = [...values.keys()].sort();
    await overRegions(this.#core, sorted, BATCH_KEYS_MAX, this.#backoffer(), async (region, share, backoffer) => {
      for (let at = 0; at < share.length; ) {
        const part: { key: Buffer; value: Uint8Array }[] = [];
        let bytes = 0;
        while (at < share.length) {
          const key = share[at]!;
          const value = values.get(key)!;
          if (part.length > 0 && bytes + key.length + value.length > BATCH_PUT_BYTES_MAX) break;
          part.push({ key: keyBytes(key), value });
          bytes += key.length + value.length;
          at++;
        }
        const request = { pairs: part, ttl, ttls: [ttl], forCas: this.#forCas };
        const result = await this.#core.sender.send(region, methods.RawBatchPut, request, { backoffer, writes: true });
        // Writing what was written already does no harm: the whole share is sent again.
        if (result.kind === 'miss') return result;
        throwText(result.response.error);
      }
      return undefined;
    });
  }

  async delete(key: Uint8Array): Promise<void> {
    const text = this.#keyOf(key);
    const request = { key: keyBytes(text), forCas: this.#forCas };
    const response = await atKey(this.#core, text, methods.RawDelete, request, {
      backoffer: this.#backoffer(),
      writes: true,
    });
    throwText(response.error);
  }

  async batchDelete(keys: readonly Uint8Array[]): Promise<void> {
    const sorted = [...new Set(keys.map((key) => this.#keyOf(key)))].sort();
    await overRegions(this.#core, sorted, BATCH_KEYS_MAX, this.#backoffer(), async (region, share, backoffer) => {
      const request = { keys: share.map(keyBytes), forCas: this.#forCas };
      const result = await this.#core.sender.send(region, methods.RawBatchDelete, request, { backoffer, writes: true });
      if (result.kind === 'miss') return result;
      throwText(result.response.error);
      return undefined;
    });
  }

  /** Region by region: not atomic. An empty end is unbounded. */
  async deleteRange(start: Uint8Array, end: Uint8Array): Promise<void> {
    const backoffer = this.#backoffer();
    await this.#regionByRegion(start, end, backoffer, async (region, from, to) => {
      const request = { startKey: keyBytes(from), endKey: keyBytes(to) };
      const result = await this.#core.sender.send(region, methods.RawDeleteRange, request, { backoffer, writes: true });
      if (result.kind === 'miss') return result;
      throwText(result.response.error);
      return undefined;
    });
  }

  /** Pairs of [start, end) in order, from the end with `reverse`. @throws TikvError `invalid_argument` for a large limit. */
  async scan(start: Uint8Array, end: Uint8Array, options: RawScanOptions): Promise<(readonly [Buffer, Buffer])[]> {
    const { limit, reverse = false, keysOnly = false } = options;
    if (limit > SCAN_LIMIT_MAX) throw new TikvError('invalid_argument', `a scan is limited to ${SCAN_LIMIT_MAX} pairs`);
    const backoffer = this.#backoffer();
    let [low, high] = this.#bounds(start, end);
    const found: (readonly [Buffer, Buffer])[] = [];
    while (found.length < limit && (high === '' || low < high)) {
      const region = reverse
        ? await this.#core.cache.locateEnd(high, backoffer)
        : await this.#core.cache.locate(low, backoffer);
      const from = reverse && region.start > low ? region.start : low;
      const to = reverse ? high : minEnd(high, region.end);
      const request = {
        startKey: keyBytes(reverse ? to : from),
        endKey: keyBytes(reverse ? from : to),
        limit: limit - found.length,
        keyOnly: keysOnly,
        reverse,
      };
      const result = await this.#core.sender.send(region, methods.RawScan, request, {
        backoffer,
        timeoutMs: TIMEOUT_MS.medium,
      });
      if (result.kind === 'miss') {
        await this.#core.sender.relocate(result, backoffer);
        continue;
      }
      const { kvs } = result.response;
      for (const pair of kvs) {
        throwText(pair.error?.abort ?? '');
        found.push([pair.key.subarray(this.#prefix.length), pair.value]);
      }
      const last = kvs[kvs.length - 1];
      if (kvs.length >= request.limit && last !== undefined) {
        if (reverse) high = keyText(last.key);
        else low = successor(keyText(last.key));
      } else if (reverse) {
        if (region.start === '' || region.start <= low) break;
        high = region.start;
      } else {
        if (region.end === '') break;
        low = region.end;
      }
    }
    return found;
  }

  /** Seconds left, 0 for ever; undefined when absent. */
  async ttl(key: Uint8Array): Promise<bigint | undefined> {
    const text = this.#keyOf(key);
    const response = await atKey(
      this.#core,
      text,
      methods.RawGetKeyTTL,
      { key: keyBytes(text) },
      { backoffer: this.#backoffer() },
    );
    throwText(response.error);
    return response.notFound ? undefined : response.ttl;
  }

  /**
   * Writes `value` when the key holds `expected` (undefined: is absent). `previous` is what it held.
   * @throws TikvError `undetermined` when a reply was lost, `invalid_argument` unless the client is `atomic`.
   */
  async compareAndSwap(
    key: Uint8Array,
    expected: Uint8Array | undefined,
    value: Uint8Array,
    options: RawPutOptions = {},
  ): Promise<{ readonly swapped: boolean; readonly previous: Buffer | undefined }> {
    if (!this.#forCas)
      throw new TikvError('invalid_argument', 'compare-and-swap needs a RawKV client opened as atomic');
    const text = this.#keyOf(key);
    const backoffer = this.#backoffer();
    const request = {
      key: keyBytes(text),
      value,
      ttl: options.ttlSeconds ?? 0n,
      ...(expected === undefined ? { previousNotExist: true } : { previousValue: expected }),
    };
    let unknown: unknown;
    for (;;) {
      const region = await this.#core.cache.locate(text, backoffer);
      const result = await this.#core.sender.send(region, methods.RawCompareAndSwap, request, {
        backoffer,
        writes: true,
        onRpcError: (error) => {
          unknown = error;
          const message = `the outcome of a compare-and-swap of ${printableKey(key)} is unknown`;
          throw new TikvError('undetermined', message, { key, cause: error });
        },
      });
      if (result.kind === 'miss') {
        if (result.undetermined)
          throw new TikvError('undetermined', 'the store does not know the outcome', { key, cause: unknown });
        await this.#core.sender.relocate(result, backoffer);
        continue;
      }
      const { response } = result;
      throwText(response.error);
      return { swapped: response.succeed, previous: response.previousNotExist ? undefined : response.previousValue };
    }
  }

  async checksum(start: Uint8Array, end: Uint8Array): Promise<Checksum> {
    let [checksum, count, bytes] = [0n, 0n, 0n];
    const backoffer = this.#backoffer();
    await this.#regionByRegion(start, end, backoffer, async (region, from, to) => {
      const request = { ranges: [{ startKey: keyBytes(from), endKey: keyBytes(to) }] };
      const options = { backoffer, timeoutMs: TIMEOUT_MS.medium };
      const result = await this.#core.sender.send(region, methods.RawChecksum, request, options);
      if (result.kind === 'miss') return result;
      throwText(result.response.error);
      checksum ^= result.response.checksum;
      count += result.response.totalKvs;
      bytes += result.response.totalBytes;
      return undefined;
    });
    return { checksum, count, bytes };
  }

  /** One region after the other; a part whose region has changed is looked up anew. */
  async #regionByRegion(
    start: Uint8Array,
    end: Uint8Array,
    backoffer: Backoffer,
    run: (region: Region, from: KeyText, to: KeyText) => Promise<RegionMiss | undefined>,
  ): Promise<void> {
    const [low, high] = this.#bounds(start, end);
    for (let at = low; high === '' || at < high; ) {
      const region = await this.#core.cache.locate(at, backoffer);
      const to = minEnd(high, region.end);
      const missed = await run(region, at, to);
      if (missed !== undefined) {
        await this.#core.sender.relocate(missed, backoffer);
        continue;
      }
      if (to === '') return;
      at = to;
    }
  }

  #keyOf(key: Uint8Array): KeyText {
    if (key.length === 0) throw new TikvError('invalid_argument', 'a key has at least one byte');
    return this.#prefix + keyText(key);
  }

  #bounds(start: Uint8Array, end: Uint8Array): [KeyText, KeyText] {
    return [this.#prefix + keyText(start), end.length === 0 ? prefixEnd(this.#prefix) : this.#prefix + keyText(end)];
  }

  #backoffer(signal?: AbortSignal): Backoffer {
    return this.#core.pd.backoffer(BUDGET.raw, signal);
  }
}

/** @throws TikvError for the text that stores answer with. */
function throwText(text: string): void {
  if (text === '') return;
  const configuration = /api version|key mode|keyspace|ttl is not enabled/i.test(text);
  throw new TikvError(configuration ? 'configuration' : 'invalid_argument', text);
}
