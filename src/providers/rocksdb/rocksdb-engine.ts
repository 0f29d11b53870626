/**
 * RocksDB as the engine of a local store: its handle, reads by key, batches applied on a worker thread. Views and their cursors
 * are in rocksdb-view.ts, what is cached above the binding in engine-caches.ts, long values in parted-values.ts.
 *
 * Reads are synchronous as long as they come from memory: the binding cannot say in advance, so the engine measures, and
 * when many of the last reads had to wait for a disk it answers with promises for a while.
 */

import { Worker } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { type Awaitable, type Deferred, deferred } from '../../base/awaitable.ts';
import { type Bytes, compareBytes, copyBytes, EMPTY_BYTES, equalBytes, keySuccessor } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Clock, Timers } from '../../platform/platform.ts';
import type { Engine, EngineBatch, EngineSnapshot } from '../../storage/engine.ts';
import { isSingleKey, type Key, type KeyRange } from '../../storage/key-range.ts';
import type { Version } from '../../storage/store.ts';
import type { ApplyReply, ApplyRequest, ReadAheadReply } from './apply-worker.ts';
import {
  type DatabaseContext,
  decodePosition,
  END_KEY,
  type GetOptions,
  type OpenOptions,
  POSITION_KEY,
  type RocksDbBinding,
  rocksDbBinding,
  translateRocksDbError,
} from './binding.ts';
import { EngineCaches } from './engine-caches.ts';
import { isStub, wholeValue } from './parted-values.ts';
import { NOTHING_READ, ReadAhead } from './read-ahead.ts';
import { RocksDbView } from './rocksdb-view.ts';
import { FORWARD, SharedIterator } from './shared-iterator.ts';

export interface RocksDbEngineOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'yield'>;
  /** Of the file system of `directory`. */
  readonly freeBytes: () => Promise<number>;
  /** Values of keys that begin so have a cache of their own above the store, and are not kept here. */
  readonly keptAbove: Bytes;
  /** Blocks with their indexes and filters, a quarter of it for single values, a third for what scans read. Default 64 MiB. */
  readonly blockCacheBytes?: number;
  /** Writes in memory before they become files. Default 32 MiB. */
  readonly memtableBytes?: number;
  /** Default true: all but the two youngest levels, with Zstandard. */
  readonly compression?: boolean;
  /** Threads for flushes and compactions. Default 2. */
  readonly backgroundJobs?: number;
}

const BLOCK_CACHE_BYTES = 64 * 1024 * 1024;
/** Part of the block cache's memory that holds values of keys that were read one by one, and that of runs of entries. */
const VALUE_CACHE_SHARE = 0.25;
const RUN_CACHE_SHARE = 0.35;
const VALUE_CACHE_BYTES_MIN = 64 * 1024;
/** So many ascending keys are looked for as a range first: a seek costs as much as reading a few. */
const PROBED_KEYS_MIN = 8;
/** A read that took longer came from a disk. */
const SLOW_READ_MS = 0.08;
/** Share of slow reads, of about the last 64, from which reads are asynchronous for `ASYNC_READS`. */
const SLOW_SHARE = 0.3;
const ASYNC_READS = 2_048;
/** What opening a database writes besides its data: manifest, options, an empty log. */
const REOPEN_BYTES = 4 * 1024 * 1024;

export class RocksDbEngine implements Engine {
  position: Version = 0;
  readonly #binding: RocksDbBinding;
  readonly #database: DatabaseContext;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #giveWay: () => Promise<void>;
  readonly #freeBytes: () => Promise<number>;
  readonly #options: OpenOptions;
  #worker: Worker;
  readonly #views = new Set<RocksDbView>();
  readonly #one: Bytes[] = [EMPTY_BYTES];
  readonly #caches: EngineCaches;
  readonly #readAhead: ReadAhead;
  /** The last batch of keys lay where there were none: then the next one is expected to. */
  #appended = false;
  #slowShare = 0;
  #asyncReads = 0;
  #pendingReads = 0;
  #readsDone: Deferred<void> | undefined;
  #applying: Deferred<void> | undefined;
  /** While the database is closed: resolves once it is open again, rejects when it could not be opened. */
  #recovering: Promise<void> | undefined;
  /** Of a batch that deletes ranges: resolves when they are deleted, or could not be. */
  #rangesDeleted: Deferred<void> | undefined;
  /** Shared with the thread: 1 while ranges are deleted outside the batch, when no view can be opened. */
  readonly #flux = new Int32Array(new SharedArrayBuffer(4));
  #closed = false;

  private constructor(
    binding: RocksDbBinding,
    database: DatabaseContext,
    options: RocksDbEngineOptions,
    open: OpenOptions,
  ) {
    this.#binding = binding;
    this.#database = database;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#giveWay = () => options.timers.yield();
    this.#freeBytes = options.freeBytes;
    this.#options = open;
    const cacheBytes = options.blockCacheBytes ?? BLOCK_CACHE_BYTES;
    this.#caches = new EngineCaches({
      valueBytes: Math.max(Math.floor(cacheBytes * VALUE_CACHE_SHARE), VALUE_CACHE_BYTES_MIN),
      runBytes: Math.floor(cacheBytes * RUN_CACHE_SHARE),
      keptAbove: options.keptAbove,
      timers: options.timers,
      position: () => this.position,
    });
    this.#readAhead = new ReadAhead(options.keptAbove, (request) => {
      this.#pendingReads++;
      this.#worker.ref();
      this.#worker.postMessage(request);
    });
    this.#worker = this.#startWorker();
  }

  #startWorker(): Worker {
    const script = import.meta.url.endsWith('.ts') ? './apply-worker.ts' : './apply-worker.js';
    const worker = new Worker(new URL(script, import.meta.url), {
      workerData: { handle: this.#binding.db_get_handle(this.#database) },
      // The thread only moves bytes into native memory.
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
    });
    worker.unref();
    worker.on('message', (reply: ApplyReply | ReadAheadReply) => {
      if ('bytes' in reply) this.#acceptPiece(reply);
      else this.#finishApply(reply.error);
    });
    worker.on('error', (error) => this.#finishApply(error));
    worker.on('exit', () => {
      if (this.#closed) return;
      this.#worker = this.#startWorker();
      if (this.#readAhead.isPending) this.#acceptPiece(NOTHING_READ);
      this.#finishApply(new Error('the thread that applies batches ended'));
    });
    return worker;
  }

  /** @throws OperationError `store_locked`, `corruption`, `disk_full`, `io`, `unsupported`. */
  static async open(options: RocksDbEngineOptions): Promise<RocksDbEngine> {
    const binding = rocksDbBinding();
    const open: OpenOptions = {
      createIfMissing: true,
      parallelism: options.backgroundJobs ?? 2,
      walCompression: false,
      compaction: 'level',
      memtableMemoryBudget: options.memtableBytes ?? 32 * 1024 * 1024,
      cacheSize: Math.min(
        Math.floor((options.blockCacheBytes ?? BLOCK_CACHE_BYTES) * (1 - VALUE_CACHE_SHARE - RUN_CACHE_SHARE)),
        0x7fff_ffff,
      ),
      cacheIndexAndFilterBlocks: true,
      compression: options.compression ?? true,
    };
    const database = binding.db_init(options.directory);
    await openDatabase(binding, database, open, options.directory);
    const engine = new RocksDbEngine(binding, database, options, open);
    try {
      engine.position = decodePosition(engine.#read(POSITION_KEY));
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  get(key: Key): Awaitable<Bytes | undefined> {
    if (this.#recovering !== undefined) {
      const copy = Buffer.from(key);
      return this.#recovering.then(() => this.get(copy));
    }
    const isKept = this.#caches.holds(key);
    const known = isKept ? this.#caches.value(key) : undefined;
    if (known !== undefined) return known;
    if (this.#asyncReads > 0) {
      this.#asyncReads--;
      const copy = Buffer.from(key);
      const { position } = this;
      return this.#readLater([copy], undefined).then(([value]) => {
        if (value !== undefined && isStub(value)) return this.#readParted(copy);
        // A batch that is being applied meanwhile drops what it changes when it is done.
        if (value !== undefined && isKept && position === this.position) this.#caches.keep(copy, value);
        return value;
      });
    }
    const start = this.#clock.monotonicMs();
    const value = this.#read(key);
    this.#noteRead(this.#clock.monotonicMs() - start);
    if (value === undefined) return undefined;
    if (isStub(value)) return this.#readParted(copyBytes(key));
    if (!isKept) return value;
    if (this.#caches.keep(key, value)) this.#readAhead.miss(key);
    return value;
  }

  #acceptPiece(piece: ReadAheadReply): void {
    this.#finishRead();
    this.#readAhead.accept(piece);
    if (this.#applying === undefined) this.#worker.unref();
    if (!this.#closed) this.#caches.keepPiece(piece);
  }

  batchGet(keys: readonly Key[], bytesMax?: number): Awaitable<readonly (Bytes | undefined)[]> {
    if (this.#recovering !== undefined) {
      const copies = keys.map((key) => Buffer.from(key));
      return this.#recovering.then(() => this.batchGet(copies, bytesMax));
    }
    const options = bytesMax === undefined ? undefined : { highWaterMarkBytes: Math.min(bytesMax, 0x7fff_ffff) };
    if (this.#asyncReads > 0) {
      this.#asyncReads -= Math.min(keys.length, this.#asyncReads);
      const copies = keys.map((key) => Buffer.from(key));
      return this.#readLater(copies, options).then((values) => this.#whole(copies, values, bytesMax));
    }
    if (bytesMax !== undefined) {
      const start = this.#clock.monotonicMs();
      const found = this.#guard(() => this.#binding.db_get_many_sync(this.#database, keys, options));
      this.#noteRead((this.#clock.monotonicMs() - start) / Math.max(1, keys.length));
      return this.#whole(keys, untilUnread(found), bytesMax);
    }
    if (this.#appended && this.#holdsNoneOf(keys)) return new Array<undefined>(keys.length).fill(undefined);
    const values = keys.map((key) => this.#caches.value(key));
    const missing = keys.filter((_, i) => values[i] === undefined);
    if (missing.length === 0) return values;
    const start = this.#clock.monotonicMs();
    this.#appended = missing.length === keys.length && this.#holdsNoneOf(keys);
    if (this.#appended) return values;
    const read = this.#guard(() => this.#binding.db_get_many_sync(this.#database, missing, undefined));
    this.#noteRead((this.#clock.monotonicMs() - start) / missing.length);
    let next = 0;
    for (let i = 0; i < keys.length; i++) {
      if (values[i] !== undefined) continue;
      const value = read[next++] ?? undefined;
      values[i] = value;
      if (value !== undefined && !isStub(value) && this.#caches.holds(keys[i]!)) this.#caches.keep(keys[i]!, value);
    }
    return this.#whole(keys, values, undefined);
  }

  /** Values in place of their stubs; of those that come to more than `bytesMax`, as many as do not, and one at least. */
  #whole(
    keys: readonly Key[],
    values: readonly (Bytes | undefined)[],
    bytesMax: number | undefined,
  ): Awaitable<readonly (Bytes | undefined)[]> {
    const first = values.findIndex((value) => value !== undefined && isStub(value));
    if (first < 0) return values;
    // It would be read in vain behind others that leave no room for it.
    if (first > 0 && bytesMax !== undefined) return values.slice(0, first);
    const copies = keys.map(copyBytes);
    return (async () => {
      const whole = [...values];
      for (let i = first; i < whole.length; i++) {
        const value = whole[i];
        if (value === undefined || !isStub(value)) continue;
        whole[i] = await this.#readParted(copies[i]!);
        if (bytesMax !== undefined) return whole.slice(0, i + 1);
      }
      return whole;
    })();
  }

  /** The newest value of a key that had one in parts, whatever it is by now. */
  async #readParted(key: Key): Promise<Bytes | undefined> {
    if (this.#recovering !== undefined) await this.#recovering;
    this.#pendingReads++;
    const iterator = new SharedIterator(this.#binding, this.#database, { fillCache: false });
    try {
      const [found, value] = iterator.read({}, key, 1).rows;
      if (found === undefined || value === undefined || !equalBytes(found, key) || !isStub(value)) {
        return found !== undefined && equalBytes(found, key) ? value : undefined;
      }
      const read = (user: object, target: Bytes, count: number) => iterator.read(user, target, count);
      return await wholeValue(read, key, value, this.#giveWay);
    } catch (error) {
      throw translateRocksDbError(error, this.#directory);
    } finally {
      iterator.close();
      this.#finishRead();
    }
  }

  /**
   * Whether nothing lies from the first of ascending keys to the last: one look tells it of all of them, which is how whoever
   * appends to a table asks.
   */
  #holdsNoneOf(keys: readonly Key[]): boolean {
    if (keys.length < PROBED_KEYS_MIN) return false;
    for (let i = 1; i < keys.length; i++) if (compareBytes(keys[i - 1]!, keys[i]!) >= 0) return false;
    return this.#isEmptyIn(keys[0]!, keySuccessor(keys.at(-1)!));
  }

  isEmptyIn(range: KeyRange): boolean {
    const { start, end } = range;
    if (this.#recovering !== undefined || this.#asyncReads > 0) return false;
    // To look for one key takes a third of what it takes to make an iterator.
    if (!isSingleKey(range)) return this.#isEmptyIn(start, end);
    return (this.#caches.holds(start) ? this.#caches.value(start) : undefined) === undefined && !this.#read(start);
  }

  /** Looks no further than `end`: what was deleted behind it may be much, and the next value of any size. */
  #isEmptyIn(start: Bytes, end: Bytes | undefined): boolean {
    return this.#guard(() => {
      const iterator = this.#binding.iterator_init(this.#database, {
        ...FORWARD,
        values: false,
        gte: start,
        lt: end ?? END_KEY,
      });
      try {
        return this.#binding.iterator_nextv_sync(iterator, 1).rows.length === 0;
      } finally {
        this.#binding.iterator_close(iterator);
      }
    });
  }

  #read(key: Key): Bytes | undefined {
    this.#one[0] = key;
    try {
      return this.#binding.db_get_many_sync(this.#database, this.#one, undefined)[0] ?? undefined;
    } catch (error) {
      throw translateRocksDbError(error, this.#directory);
    }
  }

  #noteRead(elapsedMs: number): void {
    this.#slowShare += ((elapsedMs > SLOW_READ_MS ? 1 : 0) - this.#slowShare) / 64;
    if (this.#slowShare < SLOW_SHARE) return;
    this.#asyncReads = ASYNC_READS;
    this.#slowShare = 0;
  }

  #readLater(keys: readonly Key[], options: GetOptions | undefined): Promise<readonly (Bytes | undefined)[]> {
    this.#pendingReads++;
    return new Promise((resolve, reject) => {
      // The keys are read on another thread, perhaps after the caller has changed its buffer.
      const copies = keys.map((key) => Buffer.from(key));
      this.#binding.db_get_many(this.#database, copies, options, (error, values) => {
        this.#finishRead();
        if (error !== null && error !== undefined) reject(translateRocksDbError(error, this.#directory));
        else resolve(untilUnread(values!));
      });
    });
  }

  #finishRead(): void {
    this.#pendingReads--;
    if (this.#pendingReads === 0) this.#readsDone?.resolve();
  }

  snapshot(): Awaitable<EngineSnapshot> {
    if (this.#recovering !== undefined) return this.#recovering.then(() => this.snapshot());
    for (;;) {
      if (this.#isInFlux) return this.#rangesDeleted!.promise.then(() => this.snapshot());
      const forward = new SharedIterator(this.#binding, this.#database);
      const backward = new SharedIterator(this.#binding, this.#database, { reverse: true });
      const position = forward.position();
      // A batch may have been applied between the two, or ranges deleted: both must show the same position, and all of it.
      if (backward.position() === position && !this.#isInFlux) {
        const runs = this.#caches.runsOf(position);
        const view = new RocksDbView(position, forward, backward, this.#directory, runs, this.#giveWay, () =>
          this.#views.delete(view),
        );
        this.#views.add(view);
        return view;
      }
      forward.close();
      backward.close();
    }
  }

  async apply(batch: EngineBatch, { sync }: { readonly sync: boolean }): Promise<void> {
    assert(this.#applying === undefined, 'two batches at once');
    assert(!this.#closed, 'apply to a closed engine');
    if (this.#recovering !== undefined) await this.#recovering;
    const { arena } = batch;
    assert(arena.buffer instanceof SharedArrayBuffer, 'a batch lies in shared memory');
    const request: ApplyRequest = {
      position: batch.position,
      sync,
      arena: arena.buffer,
      arenaOffset: arena.byteOffset,
      arenaBytes: arena.length,
      operations: batch.operations,
      count: batch.count,
      deletedRanges: batch.deletedRanges,
      flux: this.#flux,
    };
    if (batch.deletedRanges.length > 0) this.#rangesDeleted = deferred();
    this.#applying = deferred();
    const applied = this.#applying.promise;
    // Awaited when the batch is no longer looked at here.
    applied.catch(() => {});
    this.#worker.ref();
    this.#worker.postMessage(request);
    try {
      await this.#caches.prepare(batch);
      await applied;
      const filled = this.#caches.move(batch);
      this.position = batch.position;
      this.#endFlux();
      if (filled < batch.count) await this.#caches.fill(batch, filled, () => !this.#closed);
    } finally {
      if (this.position !== batch.position) this.#caches.giveUp();
      this.#applying = undefined;
      this.#endFlux();
      if (!this.#readAhead.isPending) this.#worker.unref();
    }
  }

  get #isInFlux(): boolean {
    return this.#rangesDeleted !== undefined && Atomics.load(this.#flux, 0) === 1;
  }

  #endFlux(): void {
    Atomics.store(this.#flux, 0, 0);
    this.#rangesDeleted?.resolve();
    this.#rangesDeleted = undefined;
  }

  #finishApply(error: ApplyReply['error'] | Error): void {
    if (error === undefined) this.#applying?.resolve();
    else this.#applying?.reject(translateRocksDbError(error, this.#directory));
  }

  /**
   * RocksDB refuses writes after a failed one until it is opened again; views do not survive that. Opening writes what the
   * memtables held into files: without the space for that the database stays as it is, and can be read.
   */
  async recover(): Promise<void> {
    assert(this.#applying === undefined && !this.#closed, 'recover while in use');
    if (this.#recovering === undefined) {
      const needed = this.memory().memtables! + REOPEN_BYTES;
      if ((await this.#freeBytes()) < needed) {
        throw new OperationError('disk_full', `${this.#directory} needs ${needed} bytes of space to take writes again`);
      }
    }
    // Reads wait for it.
    const reopened = this.#reopen();
    this.#recovering = reopened;
    await reopened;
    this.#recovering = undefined;
  }

  async #reopen(): Promise<void> {
    for (const view of this.#views) view.abandon();
    this.#views.clear();
    await this.#awaitReads();
    await closeDatabase(this.#binding, this.#database, this.#directory).catch(() => {});
    await openDatabase(this.#binding, this.#database, this.#options, this.#directory);
    this.#caches.clear();
    this.#readAhead.restart();
    this.position = decodePosition(this.#read(POSITION_KEY));
  }

  /** A database must not close under a read on another thread. */
  async #awaitReads(): Promise<void> {
    while (this.#pendingReads > 0) {
      this.#readsDone = deferred();
      await this.#readsDone.promise;
    }
  }

  memory(): Readonly<Record<string, number>> {
    const isClosed = this.#closed || this.#recovering !== undefined;
    const property = (name: string) =>
      isClosed ? 0 : Number(this.#binding.db_get_property(this.#database, name)) || 0;
    return {
      valueCache: this.#caches.memory.values,
      runCache: this.#caches.memory.runs,
      blockCache: property('rocksdb.block-cache-usage'),
      memtables: property('rocksdb.size-all-mem-tables'),
      tableReaders: property('rocksdb.estimate-table-readers-mem'),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#applying?.promise.catch(() => {});
    const isOpen =
      this.#recovering === undefined ||
      (await this.#recovering.then(
        () => true,
        () => false,
      ));
    await this.#awaitReads();
    await this.#worker.terminate();
    for (const view of this.#views) view.abandon();
    if (isOpen) await closeDatabase(this.#binding, this.#database, this.#directory);
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw translateRocksDbError(error, this.#directory);
    }
  }
}

/** What the binding read: the values up to the first that would have been too much. */
function untilUnread(values: readonly (Bytes | undefined | null)[]): readonly (Bytes | undefined)[] {
  const unread = values.indexOf(null);
  return (unread < 0 ? values : values.slice(0, unread)) as readonly (Bytes | undefined)[];
}

function openDatabase(
  binding: RocksDbBinding,
  database: DatabaseContext,
  options: OpenOptions,
  directory: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    binding.db_open(database, options, (error) =>
      error ? reject(translateRocksDbError(error, directory)) : resolve(),
    );
  });
}

function closeDatabase(binding: RocksDbBinding, database: DatabaseContext, directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    binding.db_close(database, (error) => (error ? reject(translateRocksDbError(error, directory)) : resolve()));
  });
}
