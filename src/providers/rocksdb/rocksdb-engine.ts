/**
 * RocksDB as the engine of a local store: its handle, what is cached above it, batches applied on a worker thread. Views and
 * their cursors are in rocksdb-view.ts.
 *
 * Reads are synchronous as long as they come from memory: the binding cannot say in advance, so the engine measures, and
 * when many of the last reads had to wait for a disk it answers with promises for a while.
 */

import { Worker } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { type Awaitable, type Deferred, deferred } from '../../base/awaitable.ts';
import { asBuffer, type Bytes, compareBytes, EMPTY_BYTES, keySuccessor, startsWith } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Clock, Timers } from '../../platform/platform.ts';
import type { Engine, EngineBatch, EngineSnapshot } from '../../storage/engine.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import {
  OPERATION_HEADER_BYTES,
  operationEnd,
  operationKeyLength,
  operationKind,
  PUT,
} from '../../storage/operations.ts';
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
import { NOTHING_READ, ReadAhead } from './read-ahead.ts';
import { RocksDbView, type RunsOfView } from './rocksdb-view.ts';
import { RunCache } from './run-cache.ts';
import { FORWARD, SharedIterator } from './shared-iterator.ts';
import { ValueCache } from './value-cache.ts';

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
/** What a larger batch changes leaves the caches piece by piece, while it is being applied. */
const FORGOTTEN_AT_ONCE = 4_096;
/** Kept bytes for each of its keys below which they are all dropped. */
const FORGOTTEN_BYTES_EACH = 8;
/** Values of a batch that are kept without giving the event loop back: some milliseconds where each is the first in its page of memory. */
const KEPT_AT_ONCE = 256;
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
  readonly #timers: Pick<Timers, 'yield'>;
  readonly #freeBytes: () => Promise<number>;
  readonly #keptAbove: Bytes;
  readonly #options: OpenOptions;
  #worker: Worker;
  readonly #views = new Set<RocksDbView>();
  readonly #one: Bytes[] = [EMPTY_BYTES];
  /** What `get` found in the state at `position`. */
  readonly #values: ValueCache;
  /** What long scans found there. */
  readonly #runs: RunCache;
  readonly #readAhead: ReadAhead;
  /** A large batch is being applied, and its keys leave the caches: what is read meanwhile is not kept. */
  #isForgetting = false;
  /** The last batch of keys lay where there were none: then the next one is expected to. */
  #appended = false;
  #slowShare = 0;
  #asyncReads = 0;
  #pendingReads = 0;
  #readsDone: Deferred<void> | undefined;
  #applying: Deferred<void> | undefined;
  /** While the database is closed: resolves once it is open again, rejects when it could not be opened. */
  #recovering: Promise<void> | undefined;
  /** While ranges are deleted outside the batch no view can be opened: resolves when they are deleted, or could not be. */
  #inFlux: Deferred<void> | undefined;
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
    this.#timers = options.timers;
    this.#freeBytes = options.freeBytes;
    this.#keptAbove = options.keptAbove;
    this.#options = open;
    const cacheBytes = (options.blockCacheBytes ?? BLOCK_CACHE_BYTES) * VALUE_CACHE_SHARE;
    this.#values = new ValueCache(Math.max(Math.floor(cacheBytes), VALUE_CACHE_BYTES_MIN));
    this.#runs = new RunCache(Math.floor((options.blockCacheBytes ?? BLOCK_CACHE_BYTES) * RUN_CACHE_SHARE));
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
    const isKept = !startsWith(key, this.#keptAbove);
    const known = isKept ? this.#values.get(key) : undefined;
    if (known !== undefined) return known;
    if (this.#asyncReads > 0) {
      this.#asyncReads--;
      const copy = Buffer.from(key);
      const { position } = this;
      return this.#readLater([copy], undefined).then(([value]) => {
        // A batch that is being applied meanwhile drops what it changes when it is done.
        if (value !== undefined && isKept && position === this.position) this.#keepRead(copy, value);
        return value;
      });
    }
    const start = this.#clock.monotonicMs();
    const value = this.#read(key);
    this.#noteRead(this.#clock.monotonicMs() - start);
    if (value === undefined || !isKept) return value;
    this.#keepRead(key, value);
    if (this.#values.hasRoom) this.#readAhead.miss(key);
    return value;
  }

  #keepRead(key: Bytes, value: Bytes): void {
    if (!this.#isForgetting) this.#values.put(key, value);
  }

  /** Takes what the thread has read ahead into the value cache. */
  #acceptPiece(piece: ReadAheadReply): void {
    this.#finishRead();
    this.#readAhead.accept(piece);
    if (this.#applying === undefined) this.#worker.unref();
    if (piece.position !== this.position || this.#isForgetting || this.#closed) return;
    const { offsets } = piece;
    const bytes = asBuffer(piece.bytes);
    for (let i = 0; i + 2 < offsets.length; i += 2) {
      const [start, keyEnd, end] = [offsets[i]!, offsets[i + 1]!, offsets[i + 2]!];
      if (startsAt(bytes, start, keyEnd, this.#keptAbove) || this.#values.has(bytes, start, keyEnd)) continue;
      this.#values.putBeside(bytes, start, keyEnd, end);
    }
  }

  batchGet(keys: readonly Key[], bytesMax?: number): Awaitable<readonly (Bytes | undefined)[]> {
    if (this.#recovering !== undefined) {
      const copies = keys.map((key) => Buffer.from(key));
      return this.#recovering.then(() => this.batchGet(copies, bytesMax));
    }
    const options = bytesMax === undefined ? undefined : { highWaterMarkBytes: Math.min(bytesMax, 0x7fff_ffff) };
    if (this.#asyncReads > 0) {
      this.#asyncReads -= Math.min(keys.length, this.#asyncReads);
      return this.#readLater(keys, options);
    }
    if (bytesMax !== undefined) {
      const start = this.#clock.monotonicMs();
      const found = this.#guard(() => this.#binding.db_get_many_sync(this.#database, keys, options));
      this.#noteRead((this.#clock.monotonicMs() - start) / Math.max(1, keys.length));
      return untilUnread(found);
    }
    if (this.#appended && this.#holdsNoneOf(keys)) return new Array<undefined>(keys.length).fill(undefined);
    const values = keys.map((key) => this.#values.get(key));
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
      if (value !== undefined && !startsWith(keys[i]!, this.#keptAbove)) this.#keepRead(keys[i]!, value);
    }
    return values;
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

  isEmptyIn({ start, end }: KeyRange): boolean {
    if (this.#recovering !== undefined || this.#asyncReads > 0) return false;
    return this.#isEmptyIn(start, end);
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
    if (this.#inFlux !== undefined) return this.#inFlux.promise.then(() => this.snapshot());
    for (;;) {
      const forward = new SharedIterator(this.#binding, this.#database);
      const backward = new SharedIterator(this.#binding, this.#database, { reverse: true });
      const position = forward.position();
      // A batch may have been applied between the two: both must show the same position.
      if (backward.position() === position) {
        const view = new RocksDbView(position, forward, backward, this.#directory, this.#runsOf(position), () =>
          this.#views.delete(view),
        );
        this.#views.add(view);
        return view;
      }
      forward.close();
      backward.close();
    }
  }

  /** The runs as far as they are of the state at `position`. */
  #runsOf(position: Version): RunsOfView {
    return {
      // A batch that is in the files already, and whose keys have not been dropped here, is younger than the runs.
      find: (key) => (position <= this.position ? this.#runs.find(key, position) : undefined),
      findBefore: (key) => (position <= this.position ? this.#runs.findBefore(key, position) : undefined),
      nextStart: (key) => this.#runs.nextStart(key),
      isReadAgain: (start) => this.#runs.isReadAgain(start),
      hasRoom: () => position === this.position && !this.#isForgetting && this.#runs.hasRoom,
      add: (start, end, entries) => {
        if (position === this.position && !this.#isForgetting) this.#runs.add({ start, end, position, entries });
      },
    };
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
    };
    if (batch.deletedRanges.length > 0) this.#inFlux = deferred();
    this.#applying = deferred();
    const applied = this.#applying.promise;
    // Awaited when the batch is no longer looked at here.
    applied.catch(() => {});
    this.#worker.ref();
    this.#worker.postMessage(request);
    try {
      const isLarge = batch.count > FORGOTTEN_AT_ONCE || batch.deletedRanges.length > 0;
      if (isLarge) await this.#forgetAhead(batch);
      await applied;
      const kept = isLarge ? 0 : this.#forget(batch);
      this.#runs.settle(batch.position);
      this.position = batch.position;
      this.#endForgetting();
      if (kept < batch.count) await this.#keep(batch, kept);
    } finally {
      // Of a batch that failed they know changes that were not made.
      if (this.position !== batch.position) this.#runs.clear();
      this.#applying = undefined;
      this.#endForgetting();
      if (!this.#readAhead.isPending) this.#worker.unref();
    }
  }

  #endForgetting(): void {
    this.#isForgetting = false;
    this.#inFlux?.resolve();
    this.#inFlux = undefined;
  }

  /** Drops what a large batch is about to change, and keeps nothing that is read until it is applied. */
  async #forgetAhead({ arena, operations, count, deletedRanges }: EngineBatch): Promise<void> {
    this.#isForgetting = true;
    for (const range of deletedRanges) this.#runs.deleteRange(range);
    const ranges = deletedRanges.filter(({ start }) => !startsWith(start, this.#keptAbove));
    if (ranges.length > 0) for (const _ of this.#values.deleteRanges(ranges)) await this.#timers.yield();
    // Where little is kept, to look for every key would cost more than to read that little again.
    if (this.#values.liveBytes < count * FORGOTTEN_BYTES_EACH) this.#values.clear();
    const bytes = asBuffer(arena);
    for (let i = 0; i < count; i++) {
      if ((i + 1) % FORGOTTEN_AT_ONCE === 0) await this.#timers.yield();
      this.#forgetOne(bytes, operations[i]!, true);
    }
  }

  /**
   * Drops what a batch changed, also what was read while it was being applied; the first of its values replace it at once,
   * where they have been asked for or there is room. @returns how many operations were looked at for that.
   */
  #forget({ arena, operations, count }: EngineBatch): number {
    const bytes = asBuffer(arena);
    let keptAbove = 0;
    for (let i = 0; i < count; i++) if (!this.#forgetOne(bytes, operations[i]!, i >= KEPT_AT_ONCE)) keptAbove++;
    // Where all of them are kept above there is nothing to look for.
    return keptAbove === count ? count : Math.min(count, KEPT_AT_ONCE);
  }

  /** @returns false for a key that is kept above. */
  #forgetOne(bytes: Buffer, at: number, onlyDrop: boolean): boolean {
    const start = at + OPERATION_HEADER_BYTES;
    const end = start + operationKeyLength(bytes, at);
    if (!this.#runs.isEmpty) {
      this.#runs.change(bytes, start, end, operationKind(bytes, at) === PUT ? operationEnd(bytes, at) : -1);
    }
    if (startsAt(bytes, start, end, this.#keptAbove)) return false;
    if (onlyDrop && this.#values.liveBytes === 0) return true;
    if (onlyDrop || !this.#keepOne(bytes, at, start, end)) this.#values.delete(bytes, start, end);
    return true;
  }

  /**
   * Keeps what a batch wrote while the value cache has room: who reads it straight after a load need not ask RocksDB. Nothing
   * is pushed out by it. The batch is applied; that its memory is not given back before the end is all that waits for this.
   * @param from The first operation that was not looked at yet.
   */
  async #keep({ arena, operations, count }: EngineBatch, from: number): Promise<void> {
    const bytes = asBuffer(arena);
    for (let i = from; i < count && this.#values.hasRoom && !this.#closed; i++) {
      if ((i + 1) % KEPT_AT_ONCE === 0) await this.#timers.yield();
      const start = operations[i]! + OPERATION_HEADER_BYTES;
      this.#keepOne(bytes, operations[i]!, start, start + operationKeyLength(bytes, operations[i]!));
    }
  }

  /** @returns false for an operation whose key must not be in the cache. */
  #keepOne(bytes: Buffer, at: number, start: number, keyEnd: number): boolean {
    const values = this.#values;
    if (operationKind(bytes, at) !== PUT || startsAt(bytes, start, keyEnd, this.#keptAbove)) return false;
    if (!values.hasRoom && !values.has(bytes, start, keyEnd)) return false;
    values.putBeside(bytes, start, keyEnd, operationEnd(bytes, at));
    return true;
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
    this.#values.clear();
    this.#runs.clear();
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
      valueCache: this.#values.memoryBytes,
      runCache: this.#runs.memoryBytes,
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

function startsAt(bytes: Bytes, start: number, end: number, prefix: Bytes): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
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
