/**
 * The storage contract on a TiKV cluster, through a client of `packages/tikv-client-node`.
 *
 * Several processes share the data, so what a process alone knows is not offered: no change feed, and `watch` tells of this
 * process's own commits, after they happened. A commit is durable on a majority of replicas when it returns: there is
 * nothing to wait for afterwards. Limits are lower than the contract's: see `TikvLimits`.
 */

import type { TikvClient } from '#tikv-client';
import { type Bytes, prefixEnd } from '../../base/bytes.ts';
import type { Durability } from '../../base/durability.ts';
import { hasCode, messageOf, OperationError } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import type { Platform } from '../../platform/platform.ts';
import { checkKey } from '../../storage/key-limits.ts';
import { type Key, type KeyRange, rangeContains, rangesOverlap } from '../../storage/key-range.ts';
import type {
  Change,
  Commit,
  CommitRecord,
  ProviderFigure,
  Store,
  StoreHealth,
  StoreStatistics,
  StoreSupports,
  TransactionOptions,
  Version,
  WriteBatch,
} from '../../storage/store.ts';
import { parseTransactionId, translated } from './errors.ts';
import type { TikvMetrics } from './metrics.ts';
import { TikvTransaction } from './tikv-transaction.ts';
import { commitVersionOf, readVersionOf } from './versions.ts';

export interface TikvLimits {
  /** After the prefix: TiKV stores keys of up to 8 KiB in an encoding that takes nine bytes for eight. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly transactionBytes: number;
}

const STORED_KEY_BYTES_MAX = 7_279;

export interface TikvStoreOptions {
  readonly name: string;
  readonly client: TikvClient;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  readonly metrics: TikvMetrics;
  /** Stopped when the store closes. */
  readonly garbage?: { stop(): Promise<void> } | undefined;
  /** Closed with the store. */
  readonly journal?: { close(): Promise<void> } | undefined;
  /** Before every key. Default none. */
  readonly keyPrefix?: Bytes;
  readonly valueBytesMax: number;
  readonly transactionBytesMax: number;
}

interface Watcher {
  readonly range: KeyRange;
  readonly listener: (record: CommitRecord) => void;
}

/** Of the keys that no user may write: they begin with a zero byte. */
const PROBE_KEY = Buffer.from('\0probe', 'latin1');

export class TikvStore implements Store {
  readonly name: string;
  readonly durability: Durability = 'disk';
  readonly supports: StoreSupports = {
    persistent: true,
    changeFeed: false,
    pessimisticLocks: true,
    sharedLocks: false,
    serializable: false,
    shared: true,
  };
  readonly client: TikvClient;
  readonly limits: TikvLimits;
  readonly metrics: TikvMetrics;
  readonly #garbage: { stop(): Promise<void> } | undefined;
  readonly #journal: { close(): Promise<void> } | undefined;
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #prefix: Bytes;
  readonly #prefixEnd: Bytes;
  readonly #open = new Set<TikvTransaction>();
  /** Labels of this process's open transactions, by start timestamp. */
  readonly #labels = new Map<bigint, string>();
  readonly #watchers = new Set<Watcher>();
  readonly #releasing = new Set<Promise<void>>();
  #version: Version;
  #commits = 0;
  #conflicts = 0;
  #deadlocks = 0;
  #closed = false;
  /** Since the last success; undefined while there is none. */
  #lastFailure: string | undefined;
  #lastSuccessAtMs: number;

  /** `newest`: a timestamp of now. */
  constructor(options: TikvStoreOptions, newest: bigint) {
    this.name = options.name;
    this.client = options.client;
    this.metrics = options.metrics;
    this.#garbage = options.garbage;
    this.#journal = options.journal;
    this.#platform = options.platform;
    this.#lastSuccessAtMs = options.platform.clock.nowMs();
    this.#prefix = options.keyPrefix ?? Buffer.alloc(0);
    this.#prefixEnd = (this.#prefix.length === 0 ? undefined : prefixEnd(this.#prefix)) ?? Buffer.alloc(0);
    this.limits = {
      keyBytes: STORED_KEY_BYTES_MAX - this.#prefix.length,
      valueBytes: options.valueBytesMax,
      transactionBytes: options.transactionBytesMax,
    };
    this.#version = readVersionOf(newest);
  }

  /** Of this process's commits, and of the time it opened the store. */
  get version(): Version {
    return this.#version;
  }

  begin(options: TransactionOptions = {}): TikvTransaction {
    this.#assertOpen();
    const transaction = new TikvTransaction(this, options);
    this.#open.add(transaction);
    return transaction;
  }

  async get(key: Key, observer?: Observer): Promise<Bytes | undefined> {
    this.#assertOpen();
    checkKey(key);
    if (observer instanceof TikvTransaction) {
      const { isKnown, value } = observer.lockedValue(key);
      if (isKnown) return value;
    }
    this.metrics.count('read');
    try {
      const value = await this.client.get(this.storedKey(key));
      this.succeeded();
      return value;
    } catch (error) {
      this.noteFailure(error);
      throw translated(error);
    }
  }

  writeBatch(): WriteBatch {
    this.#assertOpen();
    return new TikvWriteBatch(this);
  }

  /** A commit that returned is durable. */
  whenDurable(): undefined {
    return undefined;
  }

  whenWritable(): undefined {
    return undefined;
  }

  /** Of this process's commits alone. */
  watch(range: KeyRange, listener: (record: CommitRecord) => void): () => void {
    const watcher = { range, listener };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Nothing that was visible is ever taken back. */
  onReset(): () => void {
    return () => {};
  }

  // biome-ignore lint/correctness/useYield: it has nothing to give
  async *changes(): AsyncIterable<CommitRecord> {
    throw new OperationError('unsupported', `provider ${this.name} is TiKV, which offers no change feed`);
  }

  async outcomeOf(id: string): Promise<'committed' | 'rolledBack'> {
    this.#assertOpen();
    const { startTs, primary } = parseTransactionId(id);
    try {
      for (;;) {
        const status = await this.client.transactionStatus(primary, startTs);
        if (status.kind === 'committed') return 'committed';
        if (status.kind === 'rolledBack') return 'rolledBack';
        // Its locks live on for a while: nobody may end it before they have expired.
        await this.#platform.timers.sleep(
          status.kind === 'alive' ? Math.min(Math.max(status.remainingMs, 10), 1_000) : 10,
        );
      }
    } catch (error) {
      throw translated(error);
    }
  }

  async probe(): Promise<void> {
    this.#assertOpen();
    const key = this.storedKey(PROBE_KEY);
    try {
      const transaction = await this.client.begin();
      transaction.put(key, Buffer.from(String(transaction.startTs)));
      await transaction.commit();
      await this.client.probe(key);
      this.succeeded();
    } catch (error) {
      const told = translated(error);
      // Another process was probing: the cluster works.
      if (hasCode(told, 'transaction_conflict')) return;
      this.noteFailure(error);
      throw told;
    }
  }

  get health(): StoreHealth {
    const lastSuccessAtMs = this.#lastSuccessAtMs;
    if (this.#closed) return { status: 'unhealthy', reason: 'the store is closed', lastSuccessAtMs };
    if (this.#lastFailure !== undefined) return { status: 'unhealthy', reason: this.#lastFailure, lastSuccessAtMs };
    const { stores, pdLeader } = this.client.statistics();
    const away = stores.filter((store) => !store.reachable);
    if (away.length > 0) {
      const reason = `not reachable: ${away.map((store) => store.address).join(', ')}`;
      return { status: 'degraded', reason, lastSuccessAtMs };
    }
    if (pdLeader === undefined) return { status: 'degraded', reason: 'PD has no leader', lastSuccessAtMs };
    return { status: 'healthy', lastSuccessAtMs };
  }

  figures(): readonly ProviderFigure[] {
    const { connections, cachedRegions, stores } = this.client.statistics();
    const reachable = stores.filter((store) => store.reachable).length;
    return this.metrics.figures({ connections, regions: cachedRegions, reachable });
  }

  statistics(): StoreStatistics {
    return {
      version: this.#version,
      durableVersion: this.#version,
      appliedVersion: this.#version,
      commits: this.#commits,
      conflicts: this.#conflicts,
      deadlocks: this.#deadlocks,
      logSyncs: 0,
      logBytes: 0,
      overlayBytes: 0,
      openTransactions: this.#open.size,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const error = new OperationError('store_closed', `provider ${this.name} is closed`);
    for (const transaction of [...this.#open]) transaction.abort(error);
    await Promise.all(this.#releasing);
    await this.#garbage?.stop();
    await this.client.close();
    await this.#journal?.close();
  }

  // What transactions use.

  storedKey(key: Key): Bytes {
    return this.#prefix.length === 0 ? key : Buffer.concat([this.#prefix, key]);
  }

  contractKey(stored: Bytes): Key {
    return this.#prefix.length === 0 ? stored : stored.subarray(this.#prefix.length);
  }

  /** Bounds as the client wants them: an empty end is unbounded. */
  storedRange(range: KeyRange): [Bytes, Bytes] {
    return [this.storedKey(range.start), range.end === undefined ? this.#prefixEnd : this.storedKey(range.end)];
  }

  began(startTs: bigint, label: string): void {
    this.#labels.set(startTs, label);
  }

  labelOf(startTs: bigint): string {
    return this.#labels.get(startTs) ?? `the transaction of ${startTs}`;
  }

  ended(transaction: TikvTransaction, startTs: bigint | undefined): void {
    this.#open.delete(transaction);
    if (startTs !== undefined) this.#labels.delete(startTs);
  }

  /** @returns the version of the commit. */
  committed(commitTs: bigint, changes: readonly Change[]): Version {
    const version = commitVersionOf(commitTs);
    if (version > this.#version) this.#version = version;
    this.#commits++;
    this.succeeded();
    for (const { range, listener } of [...this.#watchers]) {
      const touched = changes.filter((change) =>
        change.kind === 'deleteRange' ? rangesOverlap(range, change.range) : rangeContains(range, change.key),
      );
      if (touched.length > 0) listener({ version, changes: touched });
    }
    return version;
  }

  failed(error: unknown): void {
    if (hasCode(error, 'transaction_conflict')) this.#conflicts++;
    else if (hasCode(error, 'deadlock')) this.#deadlocks++;
    else this.noteFailure(error);
  }

  /** Locks that are being given back: whoever locks next waits for them, as if it had happened at once. */
  releasing(release: Promise<void>): void {
    const tracked = release
      .catch(() => {}) // They expire.
      .finally(() => this.#releasing.delete(tracked));
    this.#releasing.add(tracked);
  }

  async released(): Promise<void> {
    if (this.#releasing.size > 0) await Promise.all(this.#releasing);
  }

  succeeded(): void {
    this.#lastFailure = undefined;
    this.#lastSuccessAtMs = this.#platform.clock.nowMs();
  }

  noteFailure(error: unknown): void {
    const told = translated(error);
    if (!(told instanceof OperationError) || !['io', 'overloaded', 'disk_full', 'invalid_config'].includes(told.code))
      return;
    this.#lastFailure = messageOf(told);
  }

  #assertOpen(): void {
    if (this.#closed) throw new OperationError('store_closed', `provider ${this.name} is closed`);
  }
}

/** Writes that ask nothing of what was there: under locks that are free now, or not at all. */
class TikvWriteBatch implements WriteBatch {
  readonly #store: TikvStore;
  readonly #transaction: TikvTransaction;
  readonly #keys: Key[] = [];
  count = 0;

  constructor(store: TikvStore) {
    this.#store = store;
    this.#transaction = store.begin({ isolation: 'readCommitted', label: 'write batch' });
  }

  put(key: Key, value: Bytes): void {
    this.#transaction.put(key, value);
    this.#note(key);
  }

  putPart(key: Key, from: Bytes, start: number, end: number): void {
    this.put(key, from.subarray(start, end));
  }

  delete(key: Key): void {
    this.#transaction.delete(key);
    this.#note(key);
  }

  deleteRange(range: KeyRange): void {
    this.#transaction.deleteRange(range);
    this.count++;
  }

  async commit(): Promise<Commit> {
    if (this.count === 0) {
      this.#transaction.rollback();
      return { version: this.#store.version };
    }
    try {
      await this.#transaction.lock(this.#keys, { wait: 'nowait' });
      return await this.#transaction.commit();
    } catch (error) {
      this.#transaction.rollback();
      if (!hasCode(error, 'lock_not_available')) throw error;
      throw new OperationError('transaction_conflict', `a key of the batch is locked: ${error.message}`, {
        cause: error,
      });
    }
  }

  #note(key: Key): void {
    this.#keys.push(Buffer.from(key));
    this.count++;
  }
}
