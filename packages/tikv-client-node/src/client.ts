/**
 * A client of one TiKV cluster.
 *
 *   const client = await connect({ pdEndpoints: ['127.0.0.1:2379'] }); // node/connect.ts
 *   const transaction = await client.begin();
 *   transaction.put(key, value);
 *   await transaction.commit();
 *
 * Transactions and RawKV of API V1 do not share a cluster: what a client is first asked for decides how it reads region
 * boundaries, so RawKV clients are opened with `openRaw`.
 */

import { BUDGET } from './backoff.ts';
import { type KeyText, keyBytes, keyText, prefixEnd } from './bytes.ts';
import { type ClientConfig, type ClientOptions, withDefaults } from './config.ts';
import { atKey, type Core, overRegions } from './core.ts';
import { TikvError } from './errors.ts';
import { type GcOptions, GcWorker, readPublished } from './gc-worker.ts';
import { LockResolver, type TransactionStatus } from './lock-resolver.ts';
import * as methods from './methods.ts';
import { PdClient } from './pd-client.ts';
import { APIVersion } from './proto/kvrpcpb.ts';
import { RawClient, type RawOptions } from './raw-client.ts';
import { type ReadOnlySnapshot, readOnly } from './read-only-snapshot.ts';
import { RegionCache } from './region-cache.ts';
import { API_V1, type ApiContext, RegionSender } from './region-sender.ts';
import { PUBLISHED_KEY, publishedPrefix, SafePoint } from './safe-point.ts';
import { Snapshot, type SnapshotOptions } from './snapshot.ts';
import { StoreClient } from './store-client.ts';
import { TIMEOUT_MS } from './timeouts.ts';
import { composeTimestamp, MAX_TIMESTAMP, physicalMs } from './timestamp.ts';
import { Transaction, type TransactionOptions } from './transaction.ts';

/** Commits and clean-ups that run on when the client is asked to close. */
const CLOSE_WAIT_MS = 5_000;
const BACKGROUND_MAX = 10_000;

export interface ClientStatistics {
  readonly clusterId: bigint;
  readonly pdLeader: string | undefined;
  readonly pdEndpoints: readonly string[];
  /** Those of them that did not answer when they were last asked; they are asked again every second. */
  readonly pdSilent: readonly string[];
  readonly cachedRegions: number;
  readonly stores: readonly { readonly id: bigint; readonly address: string; readonly reachable: boolean }[];
  readonly connections: number;
  readonly background: number;
}

export class TikvClient {
  readonly #core: Core;
  readonly #stores: StoreClient;
  readonly #prefix: KeyText;
  readonly #background = new Set<Promise<void>>();
  /** For gets of the newest values: what a snapshot learns of locks is for one turn of the event loop only. */
  #newest: Snapshot | undefined;
  /** What `latest` has given out last. */
  #latest: ReadOnlySnapshot | undefined;
  #closed = false;

  private constructor(config: ClientConfig, pd: PdClient, api: ApiContext, prefix: KeyText, encoded: boolean) {
    this.#prefix = prefix;
    this.#stores = new StoreClient(config);
    const cache = new RegionCache(config, pd, encoded);
    const sender = new RegionSender(config, pd, cache, this.#stores, api);
    const published = publishedPrefix(api) + keyText(PUBLISHED_KEY);
    const safePoint = new SafePoint(config, pd, () => readPublished({ config, pd, cache, sender }, published));
    const background = (what: string, work: () => Promise<void>) => this.#inBackground(what, work);
    const core = { config, api, pd, cache, sender, safePoint, background } as { -readonly [K in keyof Core]: Core[K] };
    core.resolver = new LockResolver(core);
    this.#core = core;
  }

  /**
   * For transactions. @throws TikvError `pd_unavailable` naming the endpoints, `cluster_mismatch`, `configuration`.
   */
  static async connect(options: ClientOptions, signal?: AbortSignal): Promise<TikvClient> {
    const client = await TikvClient.#open(options, 'x', signal);
    try {
      await client.#core.safePoint.start();
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** For RawKV alone. @throws as `connect`. */
  static async openRaw(
    options: ClientOptions,
    raw: RawOptions = {},
    signal?: AbortSignal,
  ): Promise<{ readonly client: TikvClient; readonly raw: RawClient }> {
    const client = await TikvClient.#open(options, 'r', signal);
    return { client, raw: new RawClient(client.#core, client.#prefix, raw) };
  }

  static async #open(options: ClientOptions, mode: 'x' | 'r', signal: AbortSignal | undefined): Promise<TikvClient> {
    const config = withDefaults(options);
    const pd = new PdClient(config);
    try {
      await pd.connect(signal);
      if (config.apiVersion === 'V1') return new TikvClient(config, pd, API_V1, '', mode === 'x');
      const { id = 0 } = await pd.loadKeyspace(config.keyspace, pd.backoffer(BUDGET.locate, signal));
      const prefix = mode + String.fromCharCode((id >> 16) & 0xff, (id >> 8) & 0xff, id & 0xff);
      return new TikvClient(config, pd, { apiVersion: APIVersion.V2, keyspaceId: id }, prefix, true);
    } catch (error) {
      pd.close();
      throw error;
    }
  }

  /** @throws TikvError `pd_unavailable`, `closed`. */
  async begin(options: TransactionOptions = {}): Promise<Transaction> {
    return this.beginAt(await this.timestamp(options.signal), options);
  }

  /** With a timestamp from `timestamp()`. */
  beginAt(startTs: bigint, options: TransactionOptions = {}): Transaction {
    this.#assertOpen();
    return new Transaction(this.#core, startTs, this.#prefix, options);
  }

  /**
   * The newest committed value. Asks for no timestamp, and joins others asked for in the same turn of the event loop, each
   * of which is the newest for itself: together they are no snapshot. @throws TikvError
   */
  get(key: Uint8Array): Promise<Buffer | undefined> {
    this.#assertOpen();
    if (this.#newest?.isGathering !== true) this.#newest = new Snapshot(this.#core, MAX_TIMESTAMP);
    return this.#newest.get(this.#prefix + keyText(key));
  }

  /** Reads as of a timestamp, without a transaction. */
  snapshot(readTs: bigint, options: SnapshotOptions = {}): ReadOnlySnapshot {
    this.#assertOpen();
    return readOnly(new Snapshot(this.#core, readTs, options), this.#prefix);
  }

  /**
   * A snapshot of now. All who ask for one before its timestamp is asked for share it, and their gets are coalesced.
   * @throws TikvError `pd_unavailable`, `closed`.
   */
  async latest(): Promise<ReadOnlySnapshot> {
    this.#assertOpen();
    const readTs = await this.#core.pd.readTimestamp();
    if (this.#latest?.readTs !== readTs) this.#latest = this.snapshot(readTs);
    return this.#latest;
  }

  /** Newer than every timestamp granted before the call. */
  timestamp(signal?: AbortSignal): Promise<bigint> {
    this.#assertOpen();
    return this.#core.pd.timestamp(signal);
  }

  /** For stale reads: a timestamp of `ageMs` ago, which most replicas have reached by now. @throws as `timestamp`. */
  async timestampBefore(ageMs: number, signal?: AbortSignal): Promise<bigint> {
    return composeTimestamp(BigInt(Math.floor(physicalMs(await this.timestamp(signal)) - ageMs)), 0n);
  }

  /** What became of a transaction whose commit was undetermined. Ends it when it has expired without committing. */
  async transactionStatus(primary: Uint8Array, startTs: bigint, signal?: AbortSignal): Promise<TransactionStatus> {
    const backoffer = this.#core.pd.backoffer(BUDGET.transactionStatus, signal);
    return this.#core.resolver.statusOf(this.#prefix + keyText(primary), startTs, backoffer);
  }

  /**
   * As `transactionStatus` for a transaction whose process is known to have died: it is ended now, whatever time its locks have
   * left. What it had committed stays so. @throws TikvError
   */
  async endTransaction(primary: Uint8Array, startTs: bigint, signal?: AbortSignal): Promise<TransactionStatus> {
    const backoffer = this.#core.pd.backoffer(BUDGET.transactionStatus, signal);
    return this.#core.resolver.statusOf(this.#prefix + keyText(primary), startTs, backoffer, 'dead');
  }

  /** Splits regions at keys. @returns the ids of the regions made. */
  async split(keys: readonly Uint8Array[], scatter = false): Promise<readonly bigint[]> {
    const texts = [...new Set(keys.map((key) => this.#prefix + keyText(key)))].sort();
    const ids = new Set<bigint>();
    const backoffer = this.#core.pd.backoffer(Math.min(120_000, Math.max(1, texts.length) * BUDGET.split));
    await overRegions(this.#core, texts, 512, backoffer, async (region, share, own) => {
      const request = { splitKeys: share.map(keyBytes) };
      const result = await this.#core.sender.send(region, methods.SplitRegion, request, {
        backoffer: own,
        writes: true,
      });
      if (result.kind === 'miss') return result;
      const { regions } = result.response;
      const store = region.replicas[region.leader]!.store.id;
      await this.#core.cache.learn(regions, store, region, own);
      for (const one of regions) ids.add(one.id);
      return undefined;
    });
    if (scatter) for (const id of ids) await this.#core.pd.scatterRegion(id, backoffer);
    return [...ids];
  }

  /**
   * Drops all versions of [start, end) on every store, at once and for ever, without transactions: for data that nobody
   * reads any more. An empty end is unbounded.
   */
  async destroyRange(start: Uint8Array, end: Uint8Array): Promise<void> {
    const backoffer = this.#core.pd.backoffer(BUDGET.garbageCollection);
    const high = end.length === 0 ? prefixEnd(this.#prefix) : this.#prefix + keyText(end);
    const request = methods.UnsafeDestroyRange.request.encode({
      startKey: keyBytes(this.#prefix + keyText(start)),
      endKey: keyBytes(high),
    });
    for (const store of await this.#core.pd.getAllStores(backoffer)) {
      const bytes = await this.#stores.call(
        store.address,
        methods.UnsafeDestroyRange as unknown as methods.Method,
        request,
        {
          timeoutMs: TIMEOUT_MS.long,
        },
      );
      const { error } = methods.UnsafeDestroyRange.response.decode(bytes);
      if (error !== '') throw new TikvError('protocol', `store ${store.id}: ${error}`);
    }
  }

  /**
   * Keeps versions that are visible at `timestamp` for `ttlSeconds`, whatever collects garbage; to be renewed by whoever reads
   * on, under the same name; 0 ends it. @throws TikvError `snapshot_too_old` when they may be gone already.
   */
  async holdSafePoint(service: string, timestamp: bigint, ttlSeconds: number): Promise<void> {
    const backoffer = this.#core.pd.backoffer(BUDGET.read);
    const lowest = await this.#core.pd.updateServiceSafePoint(service, timestamp, BigInt(ttlSeconds), backoffer);
    const collected = await this.#core.pd.gcSafePoint(backoffer);
    if (ttlSeconds > 0 && (lowest > timestamp || collected > timestamp)) {
      throw new TikvError(
        'snapshot_too_old',
        `${timestamp} is below the safe point ${collected > lowest ? collected : lowest}`,
      );
    }
    await this.#core.safePoint.check(timestamp);
  }

  /** A worker that collects garbage, to be started in one of the processes that share the cluster when no TiDB is there. */
  gcWorker(options: GcOptions = {}): GcWorker {
    this.#assertOpen();
    const { api } = this.#core;
    const begin = async () => new Transaction(this.#core, await this.timestamp(), publishedPrefix(api), {});
    return new GcWorker(this.#core, begin, options);
  }

  /** Whether the cluster serves now: a timestamp, and a read. @throws TikvError */
  async probe(key: Uint8Array, signal?: AbortSignal): Promise<void> {
    const readTs = await this.timestamp(signal);
    const text = this.#prefix + keyText(key);
    const backoffer = this.#core.pd.backoffer(BUDGET.read, signal);
    await atKey(this.#core, text, methods.KvGet, { key: keyBytes(text), version: readTs }, { backoffer });
  }

  statistics(): ClientStatistics {
    const { pd, cache } = this.#core;
    return {
      clusterId: pd.clusterId,
      pdLeader: pd.leader,
      pdEndpoints: pd.endpoints,
      pdSilent: pd.silent,
      cachedRegions: cache.size,
      stores: cache.stores.map(({ id, address, reachable }) => ({ id, address, reachable })),
      connections: this.#stores.connectionCount,
      background: this.#background.size,
    };
  }

  /** Resolves when what runs in the background now has ended. */
  async settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Waits for commits in the background for a while; others could finish them too. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { timers } = this.#core.config.environment;
    await new Promise<void>((resolve) => {
      const timer = timers.after(CLOSE_WAIT_MS, () => resolve());
      void Promise.all(this.#background).then(() => {
        timer.cancel();
        resolve();
      });
    });
    this.#core.sender.close();
    this.#core.safePoint.close();
    this.#stores.close();
    this.#core.pd.close();
  }

  #inBackground(what: string, work: () => Promise<void>): void {
    const { hooks } = this.#core.config;
    if (this.#background.size >= BACKGROUND_MAX) {
      // Whoever meets the locks resolves them.
      hooks.onBackground?.(what, new Error(`more than ${BACKGROUND_MAX} clean-ups are under way`));
      return;
    }
    const running = work()
      .catch((error: unknown) => hooks.onBackground?.(what, error))
      .finally(() => this.#background.delete(running));
    this.#background.add(running);
  }

  #assertOpen(): void {
    if (this.#closed) throw new TikvError('closed', 'the client is closed');
  }
}
