/**
 * The transaction manager of stores that live in one process: versions, visibility, locks, durability, and the road of a
 * write from a commit to the engine.
 *
 *   commit -> overlay and log arena (one copy, one synchronous stretch: visible) -> log (durable) -> engine (applied)
 *
 * The overlay's newest memtable takes writes; full or old enough, it is sealed, and the rest is `EngineWriter`'s.
 *
 * After a failed sync nothing that was not durable is served: those versions leave the overlay before anyone runs.
 */

import { assert } from '../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../base/awaitable.ts';
import { type Bytes, copyPart, keySuccessor, utf8 } from '../base/bytes.ts';
import { DURABILITIES, type Durability } from '../base/durability.ts';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Observer } from '../base/observer.ts';
import { Roster } from '../base/roster.ts';
import type { Platform } from '../platform/platform.ts';
import { CommitLog, frameStart, type LogOptions } from './commit-log.ts';
import type { Engine } from './engine.ts';
import { EngineWriter, type WriteSource } from './engine-writer.ts';
import { chooseHashSecret } from './key-hash.ts';
import { checkKey } from './key-limits.ts';
import { type Key, type KeyRange, rangeContains, rangesOverlap } from './key-range.ts';
import { Keyspace } from './keyspace.ts';
import { LateWriter } from './late-writer.ts';
import { LocalSessionLocks } from './local-session-locks.ts';
import { LocalTransaction } from './local-transaction.ts';
import { LocalWriteBatch } from './local-write-batch.ts';
import { type LockOwner, LockTable } from './lock-table.ts';
import { COMMIT_HEADER_BYTES, COMMIT_START, commitsOf, FRAME_ALIGNMENT, FRAME_HEADER_BYTES } from './log-format.ts';
import type { LogFrame } from './log-segments.ts';
import type { Memtable } from './memtable.ts';
import { NewEntries } from './new-entries.ts';
import { operationEnd, operationKind, PUT } from './operations.ts';
import { ArenaPool, Overlay } from './overlay.ts';
import { type Snapshot, Snapshots } from './snapshots.ts';
import {
  type CommitRecord,
  type SessionLocks,
  type Store,
  type StoreHealth,
  type StoreStatistics,
  type StoreSupports,
  TRANSACTION_BYTES_MAX,
  type Transaction,
  type TransactionOptions,
  type Version,
  type WriteBatch,
  type WriteBehind,
} from './store.ts';
import { VersionedMemtable } from './versioned-memtable.ts';
import { copyChanges, Watchers } from './watchers.ts';

export interface LocalStoreOptions {
  readonly name: string;
  readonly platform: Platform;
  readonly log: Log;
  readonly engine: Engine;
  readonly durability: Durability;
  /** Required unless `durability` is `memory`, which keeps no log. */
  readonly commitLog?: Omit<LogOptions, 'durability'>;
  /** Bound on memory for writes not yet applied; the same again for versions kept for open transactions. Default 32 MiB. */
  readonly overlayBytesMax?: number;
  /** Bound on memory for the writes of all open transactions. Default 1,280 MiB. */
  readonly writeSetBytesMax?: number;
  /** Default 4 MiB. */
  readonly arenaBytes?: number;
  /** A memtable with writes waits this long for more before it is applied. Default 100. */
  readonly applyDelayMs?: number;
  /** Bytes applied between two synced batches. Default 64 MiB. */
  readonly syncBytes?: number;
  /** Time between two synced batches while there is something to sync. Default 10,000. */
  readonly syncDelayMs?: number;
  /** Whether the engine keeps its contents when closed; `StoreSupports.persistent`. */
  readonly persistent: boolean;
  /** Called at the end of `close`, for what belongs to the directory. */
  readonly onClosed?: () => Promise<void>;
}

const PROBE_KEY = new Keyspace().meta.key(['probe']);
const PROBE_RANGE = { start: PROBE_KEY, end: keySuccessor(PROBE_KEY) };

/** Header, a short key and a short value: more keys than this lets one expect are seldom met. */
const OPERATION_BYTES_TYPICAL = 32;

/** For shorter commits the log has room: it allocates that ahead, and tells when it cannot. */
const UNASKED_BYTES = 64 * 1024;

/** Of more locks it is not known without a look at each key whether one is in a span. */
const LOCKS_LOOKED_AT_MAX = 1_024;

export class LocalStore implements Store {
  readonly name: string;
  readonly durability: Durability;
  readonly supports: StoreSupports;
  readonly engine: Engine;
  readonly overlay = new Overlay();
  readonly locks: LockTable;
  readonly snapshots: Snapshots;
  /** For one use at a time. */
  readonly newEntries = new NewEntries();

  readonly #platform: Platform;
  readonly #log: Log;
  readonly #arenas: ArenaPool;
  readonly #writer: EngineWriter;
  readonly #overlayBytesMax: number;
  readonly #writeSetBytesMax: number;
  readonly #onClosed: (() => Promise<void>) | undefined;
  readonly #transactions = new Roster<LocalTransaction>();
  readonly #watchers: Watchers;
  readonly #resetListeners = new Set<() => void>();
  #heldBack: readonly LateWriter[] = [];
  #commitLog: CommitLog | undefined;
  readonly #logDirectory: string;
  /** Of the file system: for long commits that the log has not written yet, up to a version. */
  readonly #roomTaken = { bytes: 0, through: 0 };
  #version: Version = 0;
  #active: VersionedMemtable;
  #state: 'open' | 'readOnly' | 'closing' | 'closed' = 'open';
  #closing: Promise<void> | undefined;
  #readOnlyReason = '';
  #commits = 0;
  #conflicts = 0;
  /** Memory for writes of open transactions. */
  #claimed = 0;

  private constructor(options: LocalStoreOptions) {
    // Before the first table that is hashed.
    const secret = Buffer.from(options.platform.random.bytes(8));
    chooseHashSecret(secret.readInt32LE(0), secret.readInt32LE(4));
    this.name = options.name;
    this.durability = options.durability;
    this.engine = options.engine;
    this.supports = {
      persistent: options.persistent,
      changeFeed: options.durability !== 'memory',
      pessimisticLocks: true,
      sharedLocks: true,
      serializable: true,
      shared: false,
    };
    this.#platform = options.platform;
    this.#log = options.log;
    this.#watchers = new Watchers((error) => {
      this.#log.error({ store: this.name, error: messageOf(error) }, 'a watch listener failed');
    });
    this.#overlayBytesMax = options.overlayBytesMax ?? 32 * 1024 * 1024;
    this.#writeSetBytesMax = options.writeSetBytesMax ?? 2 * TRANSACTION_BYTES_MAX;
    this.#arenas = new ArenaPool(options.arenaBytes ?? 4 * 1024 * 1024, 4);
    this.#onClosed = options.onClosed;
    this.#logDirectory = options.commitLog?.directory ?? '';
    this.locks = new LockTable({ timers: options.platform.timers });
    this.snapshots = new Snapshots(options.engine);
    const source: WriteSource = {
      version: () => this.#version,
      isActiveEmpty: () => this.#active.isEmpty,
      sealActive: () => {
        if (!this.#active.isEmpty) this.#seal(0);
      },
    };
    this.#writer = new EngineWriter(source, {
      name: options.name,
      platform: options.platform,
      logger: options.log,
      engine: options.engine,
      overlay: this.overlay,
      snapshots: this.snapshots,
      arenas: this.#arenas,
      bytesMax: this.#overlayBytesMax,
      applyDelayMs: options.applyDelayMs ?? 100,
      syncBytes: options.syncBytes ?? 64 * 1024 * 1024,
      syncDelayMs: options.syncDelayMs ?? 10_000,
    });
    this.#version = options.engine.position;
    this.#active = this.#newMemtable(0);
  }

  /**
   * Opens a store over an engine, replaying the log from the engine's position.
   * @throws OperationError `corruption`, `store_format`, `io`.
   */
  static async open(options: LocalStoreOptions): Promise<LocalStore> {
    const store = new LocalStore(options);
    if (options.durability === 'memory') {
      if (options.commitLog !== undefined) throw new OperationError('invalid_config', 'durability memory keeps no log');
      return store;
    }
    if (options.commitLog === undefined)
      throw new OperationError('invalid_config', `durability ${options.durability} needs a log directory`);
    const logOptions = { ...options.commitLog, durability: options.durability };
    store.#commitLog = await CommitLog.open(options.platform, options.log, logOptions, {
      enginePosition: options.engine.position,
      onFrame: (frame) => store.#replay(frame),
      onAdvance: () => store.#writer.maybeApply(),
      onFailure: (error) => store.#poison(error),
      onDiskFull: () => store.#writer.syncSoon(),
    });
    store.#writer.log = store.#commitLog;
    // Writers may be waiting for room before the first of them makes anything be applied.
    if (!store.#active.isEmpty) store.#seal(0);
    return store;
  }

  get version(): Version {
    return this.#version;
  }

  get durableVersion(): Version {
    return this.#commitLog === undefined ? this.#version : this.#commitLog.durableVersion;
  }

  begin(options: TransactionOptions = {}): Transaction {
    this.#checkOpen();
    const transaction = new LocalTransaction(this, options);
    transaction.seat = this.#transactions.add(transaction);
    return transaction;
  }

  sessionLocks(label: string): SessionLocks {
    this.#checkOpen();
    return new LocalSessionLocks(this.locks, label);
  }

  get(key: Key, observer?: Observer): Awaitable<Bytes | undefined> {
    if (this.#state === 'closed') this.#checkOpen();
    checkKey(key);
    for (const { range, flush } of this.#heldBack) if (rangeContains(range, key)) flush();
    const overlay = this.overlay;
    const found = overlay.lookup(key, this.engine.position, Number.MAX_SAFE_INTEGER);
    if (observer !== undefined && overlay.version > observer.observedVersion)
      observer.observedVersion = overlay.version;
    if (found === 'value') return overlay.value;
    if (found === 'deleted') return undefined;
    return this.engine.get(key);
  }

  batchGet(keys: readonly Key[], bytesMax: number, observer?: Observer): Awaitable<readonly (Bytes | undefined)[]> {
    if (this.#state === 'closed') this.#checkOpen();
    const values: (Bytes | undefined)[] = [];
    const missing: Key[] = [];
    const places: number[] = [];
    let bytes = 0;
    for (const key of keys) {
      checkKey(key);
      for (const { range, flush } of this.#heldBack) if (rangeContains(range, key)) flush();
      const { overlay } = this;
      const found = overlay.lookup(key, this.engine.position, Number.MAX_SAFE_INTEGER);
      if (observer !== undefined && overlay.version > observer.observedVersion)
        observer.observedVersion = overlay.version;
      if (found === 'value') bytes += overlay.value.length;
      if (bytes > bytesMax) break;
      if (found === 'absent') {
        places.push(values.length);
        missing.push(key);
      }
      values.push(found === 'value' ? overlay.value : undefined);
    }
    if (missing.length === 0) return values;
    return whenReady(this.engine.batchGet(missing, bytesMax), (fetched) => {
      for (let i = 0; i < fetched.length; i++) values[places[i]!] = fetched[i];
      if (fetched.length < places.length) values.length = places[fetched.length]!;
      return values;
    });
  }

  writeBatch(): WriteBatch {
    return new LocalWriteBatch(this);
  }

  writeBehind(range: KeyRange, flush: () => void, flushMost: () => Promise<void> | undefined): WriteBehind | undefined {
    if (this.durability !== 'memory') return undefined;
    const writer = new LateWriter(range, flush, flushMost, this.locks, (stopped) => {
      this.#heldBack = this.#heldBack.filter((other) => other !== stopped);
    });
    this.#heldBack = [...this.#heldBack, writer];
    return writer;
  }

  whenHandedOver(within?: KeyRange): Promise<void> | undefined {
    for (const { range, flushMost } of this.#heldBack) {
      const most = within === undefined || rangesOverlap(range, within) ? flushMost() : undefined;
      // There are others, perhaps.
      if (most !== undefined) return most.then(() => this.whenHandedOver(within));
    }
    return undefined;
  }

  whenDurable(version: Version, durability: Durability = this.durability): Promise<void> | undefined {
    return this.#commitLog?.whenDurable(version, this.lowered(durability));
  }

  whenWritable(): Promise<void> | undefined {
    return this.#state === 'open' ? this.#writer.whenRoom() : undefined;
  }

  watch(range: KeyRange, listener: (record: CommitRecord) => void): () => void {
    return this.#watchers.add(range, listener);
  }

  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener);
    return () => this.#resetListeners.delete(listener);
  }

  async *changes(after: Version, signal?: AbortSignal): AsyncGenerator<CommitRecord> {
    for await (const frame of this.logFrames(after, { follow: true, ...(signal === undefined ? {} : { signal }) })) {
      let version = frame.header.firstVersion;
      for (const { start, end } of commitsOf(frame.body)) {
        if (version > after) yield { version, changes: copyChanges(frame.body, start, end) };
        version++;
      }
    }
  }

  /** Keeps the log behind `position` until the returned function is called, however much of it there will be. */
  holdLog(position: Version): () => void {
    return this.#commitLog?.hold(position) ?? (() => {});
  }

  /** Durable frames of the log behind `changes`, for archives. */
  logFrames(
    after: Version,
    options: { readonly follow: boolean; readonly signal?: AbortSignal },
  ): AsyncGenerator<LogFrame> {
    if (this.#commitLog === undefined) {
      throw new OperationError(
        'unsupported',
        `store ${this.name} keeps no log (durability memory), so it has no change feed`,
        {
          hint: 'Set durability to process or disk.',
        },
      );
    }
    return this.#commitLog.frames(after, options);
  }

  async probe(): Promise<void> {
    const stamp = utf8(String(this.#platform.clock.nowMs()));
    // Nobody has to hand over what is held back elsewhere for it.
    const transaction = this.begin({ label: 'probe', within: PROBE_RANGE });
    try {
      await transaction.get(PROBE_KEY);
      transaction.put(PROBE_KEY, stamp);
      await transaction.commit();
    } catch (error) {
      transaction.rollback();
      // Two probes at once: the other one has just proved that writes work.
      if (!hasCode(error, 'transaction_conflict')) throw error;
    }
    if ((await this.get(PROBE_KEY)) === undefined)
      throw new OperationError('io', `store ${this.name} does not hold what was written`);
  }

  get health(): StoreHealth {
    if (this.#state === 'readOnly') return { status: 'unhealthy', reason: this.#readOnlyReason };
    if (this.#state !== 'open') return { status: 'unhealthy', reason: `the store is ${this.#state}` };
    if (this.#isFull)
      return {
        status: 'degraded',
        reason: `${this.engine.full === true ? 'memory' : 'the disk'} is full; deletes still work`,
      };
    if (this.#writer.trouble !== '')
      return { status: 'unhealthy', reason: `the engine takes no writes: ${this.#writer.trouble}` };
    return { status: 'healthy' };
  }

  statistics(): StoreStatistics {
    return {
      version: this.#version,
      durableVersion: this.durableVersion,
      appliedVersion: this.engine.position,
      commits: this.#commits,
      conflicts: this.#conflicts,
      deadlocks: this.locks.deadlocks,
      logSyncs: this.#commitLog?.syncs ?? 0,
      logBytes: this.#commitLog?.bytes ?? 0,
      overlayBytes: this.overlay.bytes,
      openTransactions: this.#transactions.size,
    };
  }

  // ---- For transactions and batches of this store

  /** The class a call gets: never below `process` where there is a log, never above the store's. */
  lowered(durability: Durability | undefined): Durability {
    if (durability === undefined || this.durability === 'memory') return this.durability;
    const wanted = durability === 'memory' ? 'process' : durability;
    return DURABILITIES.indexOf(wanted) > DURABILITIES.indexOf(this.durability) ? wanted : this.durability;
  }

  /** Has the writes ordered that owners hold back, in `within` or anywhere: before anybody else could miss them. */
  settle(within?: KeyRange): void {
    for (const { range, flush } of this.#heldBack) if (within === undefined || rangesOverlap(range, within)) flush();
  }

  openSnapshot(validates: boolean, within?: KeyRange): Snapshot {
    this.settle(within);
    return this.snapshots.open(this.#version, validates);
  }

  closeTransaction(transaction: LocalTransaction, snapshot: Snapshot): void {
    transaction.seat?.leave();
    this.snapshots.close(snapshot);
  }

  /** Whether none of the keys is there, in the newest state, or locked by another than `owner`; false where that takes a closer look. */
  areNew(entries: NewEntries, owner: LockOwner): boolean {
    const { span } = entries;
    const { engine, locks } = this;
    if (locks.count > LOCKS_LOOKED_AT_MAX || locks.lockedByOtherIn(span, owner) !== undefined) return false;
    const { memtables } = this.overlay;
    for (let i = memtables.length - 1; i >= 0 && memtables[i]!.lastVersion > engine.position; i--) {
      if (entries.anyIn(memtables[i]!)) return false;
    }
    return engine.isEmptyIn?.(span) === true;
  }

  /** Whether there is a value under `key` in the durable state; false where that cannot be told at once. */
  isDurablyThere(key: Key): boolean {
    const found = this.overlay.lookup(key, this.engine.position, this.durableVersion);
    if (found !== 'absent') return found === 'value';
    const value = this.engine.get(key);
    if (!isPromise(value)) return value !== undefined;
    value.catch(() => {}); // Nobody waits for it.
    return false;
  }

  /** Lets others have their turn. */
  giveWay(): Promise<void> {
    return this.#platform.timers.yield();
  }

  noteConflict(): void {
    this.#conflicts++;
  }

  /**
   * Makes the first `length` bytes of `body`, a run of operations, the next commit: visible to all when it returns.
   * @param hashes Of their keys, where they are known: of a write set that holds these operations and no others.
   * @throws OperationError `store_read_only`, `store_closed`, `disk_full`; then nothing happened.
   */
  order(body: Bytes, length: number, durability: Durability, hashes?: Memtable): Version {
    if (this.#state !== 'open') this.#checkWritable();
    if (this.#isFull) this.#checkSpace(body.subarray(0, length));
    if (length > UNASKED_BYTES) this.#checkLogRoom(length);
    const log = this.#commitLog;
    let memtable = this.#active;
    let header = log === undefined ? 0 : log.headerBytes(memtable.arena);
    let start = header === 0 ? memtable.used : frameStart(memtable.used) + header;
    if (start + COMMIT_HEADER_BYTES + length + 8 > memtable.arena.length) {
      this.#seal(COMMIT_HEADER_BYTES + length);
      memtable = this.#active;
      header = log === undefined ? 0 : FRAME_HEADER_BYTES;
      start = header;
    }
    const version = ++this.#version;
    const arena = memtable.arena;
    const operations = start + COMMIT_HEADER_BYTES;
    const end = operations + length;
    arena.writeUInt32LE(length, start);
    copyPart(arena, operations, body, 0, length);
    memtable.used = end;
    memtable.lastVersion = version;
    const sequence = version - memtable.baseVersion;
    if (hashes === undefined) for (let offset = operations; offset < end; ) offset = memtable.add(offset, sequence);
    else {
      let offset = operations;
      for (let i = 0; offset < end; i++) offset = memtable.addHashed(offset, sequence, hashes.hashOf(i));
    }
    this.#ordered(arena, start, end, version, durability);
    return version;
  }

  /**
   * As `order`, of a write set in an arena of its own, in shared memory: becomes a memtable of the store as it is.
   * @throws as `order`.
   */
  adopt(writes: VersionedMemtable, durability: Durability): Version {
    if (this.#state !== 'open') this.#checkWritable();
    const { used } = writes;
    // What lies behind was never touched, and counts for nothing.
    const arena = writes.arena.subarray(0, used + FRAME_ALIGNMENT);
    if (this.#isFull) this.#checkSpace(arena.subarray(COMMIT_START, used));
    this.#checkLogRoom(used);
    writes.arena = arena;
    this.#active.sealed = true;
    this.overlay.memtables.push(writes);
    writes.baseVersion = this.#version;
    const version = ++this.#version;
    writes.lastVersion = version;
    writes.sealed = true;
    this.#active = this.#newMemtable(0);
    arena.writeUInt32LE(used - COMMIT_START, FRAME_HEADER_BYTES);
    this.#ordered(arena, FRAME_HEADER_BYTES, used, version, durability);
    this.#commitLog?.requestSync();
    this.#writer.maybeApply();
    return version;
  }

  /** Memory for the writes of a transaction that has grown: see `VersionedMemtable.reserve`. */
  readonly newSharedArena = (bytesNeeded: number, bytesWanted: number): Buffer =>
    this.#arenas.takeLarge(bytesNeeded, bytesWanted);

  #ordered(arena: Buffer, start: number, end: number, version: Version, durability: Durability): void {
    this.#commits++;
    this.#commitLog?.append(arena, start, end, version, durability);
    this.#watchers.notify(arena, start + COMMIT_HEADER_BYTES, end, version);
    this.#writer.schedule();
  }

  /**
   * Takes memory for writes of an open transaction, in bytes, or gives it back.
   * @throws OperationError `out_of_memory`.
   */
  claimWrites(bytes: number): void {
    if (bytes > 0 && this.#claimed + bytes > this.#writeSetBytesMax) {
      throw new OperationError(
        'out_of_memory',
        `the writes of open transactions need more than the ${this.#writeSetBytesMax} bytes that store ${this.name} may hold of them`,
        { hint: 'Split the work into several transactions, or raise memory.limit.' },
      );
    }
    this.#claimed += bytes;
  }

  get #isFull(): boolean {
    return this.#writer.isFull || this.#commitLog?.diskFull === true || this.engine.full === true;
  }

  #checkOpen(): void {
    if (this.#state === 'closing' || this.#state === 'closed')
      throw new OperationError('store_closed', `store ${this.name} is ${this.#state}`);
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#state === 'readOnly') {
      throw new OperationError('store_read_only', `store ${this.name} takes no writes: ${this.#readOnlyReason}`, {
        hint: 'Check the disk, then restart the server: it recovers everything that was acknowledged.',
      });
    }
  }

  /** On a full disk: deletes go through as long as the log's reserve, and memory for what the engine does not take, last. */
  #checkSpace(body: Bytes): void {
    let onlyDeletes = true;
    for (let offset = 0; offset < body.length && onlyDeletes; offset = operationEnd(body, offset)) {
      onlyDeletes = operationKind(body, offset) !== PUT;
    }
    let room = this.#overlayBytesMax * 2 - this.#writer.unappliedBytes;
    if (this.#commitLog?.diskFull === true) room = Math.min(room, this.#commitLog.reserveBytes);
    if (onlyDeletes && FRAME_HEADER_BYTES + COMMIT_HEADER_BYTES + body.length < room) return;
    if (this.engine.full === true) {
      throw new OperationError('out_of_memory', `store ${this.name} holds as much as it may`, {
        hint: 'Delete data, raise memory.limit, or use a provider of type RocksDB.',
      });
    }
    throw new OperationError('disk_full', `no space is left for writes to store ${this.name}`, {
      hint: 'Free space or delete data; writes resume by themselves.',
    });
  }

  /**
   * A commit of `bytes` that is longer than what the log has allocated would be visible, and wait for space that may never
   * come: it is refused while nothing has happened.
   */
  #checkLogRoom(bytes: number): void {
    const log = this.#commitLog;
    if (log === undefined) return;
    const needed = FRAME_HEADER_BYTES + COMMIT_HEADER_BYTES + bytes;
    const { reserveBytes } = log;
    const segment = log.segments.at(-1);
    const left = segment === undefined ? 0 : segment.bytes - segment.endOffset;
    if (needed <= reserveBytes && needed <= left) return;
    // It may get a segment of its own, as may those before it that are not written yet.
    if (log.writtenVersion >= this.#roomTaken.through) this.#roomTaken.bytes = 0;
    const free = this.#platform.files.freeBytesNow(this.#logDirectory) - this.#roomTaken.bytes;
    if (needed <= free) {
      this.#roomTaken.bytes += needed;
      this.#roomTaken.through = this.#version + 1;
      return;
    }
    throw new OperationError('disk_full', `no space is left for a commit of ${bytes} bytes to store ${this.name}`, {
      hint: `Free space or delete data; the log has room for ${Math.max(0, free)} bytes more.`,
    });
  }

  // ---- Memtables

  #newMemtable(bytesNeeded: number): VersionedMemtable {
    const arena = this.#arenas.take(bytesNeeded);
    // As many keys as the one before, so that a busy one does not grow its tables step by step.
    const keysBefore = this.overlay.memtables.at(-1)?.keyCount ?? 0;
    const keysExpected = Math.min(Math.max(512, keysBefore), Math.floor(arena.length / OPERATION_BYTES_TYPICAL));
    const memtable = new VersionedMemtable(arena, keysExpected, this.#version);
    this.overlay.memtables.push(memtable);
    return memtable;
  }

  /** Closes the active memtable to writes and opens one with room for a commit of `bytes`. */
  #seal(bytes: number): void {
    this.#active.sealed = true;
    this.#active = this.#newMemtable(FRAME_HEADER_BYTES + bytes + 8);
    if (this.#commitLog !== undefined && this.#writer.unappliedBytes > this.#overlayBytesMax / 2)
      this.#commitLog.requestSync();
    this.#writer.maybeApply();
  }

  // ---- Recovery and failure

  async #replay(frame: LogFrame): Promise<void> {
    const { body } = frame;
    let version = frame.header.firstVersion;
    if (body.length > this.#arenas.arenaBytes && body.buffer instanceof SharedArrayBuffer && version > this.#version) {
      await this.#replayInPlace(frame);
      return;
    }
    for (const { start, end } of commitsOf(frame.body)) {
      if (version > this.#version) {
        assert(version === this.#version + 1, () => `the log jumps from version ${this.#version} to ${version}`);
        const body = frame.body.subarray(start, end);
        if (this.#active.used + COMMIT_HEADER_BYTES + body.length > this.#active.arena.length)
          await this.#applyReplayed(body.length);
        const memtable = this.#active;
        this.#version = version;
        memtable.lastVersion = version;
        const from = memtable.used;
        memtable.arena.set(body, from);
        memtable.used = from + body.length;
        for (let offset = from; offset < memtable.used; ) offset = memtable.add(offset, version - memtable.baseVersion);
      }
      version++;
    }
  }

  /** As `#replay` of a long frame all of whose commits are new: it becomes a memtable where it was read to. */
  async #replayInPlace({ header, body }: LogFrame): Promise<void> {
    await this.#applyReplayed(0);
    this.#arenas.release(this.overlay.memtables.pop()!.arena, 0);
    const memtable = new VersionedMemtable(body, header.commits, this.#version);
    this.overlay.memtables.push(memtable);
    this.#active = memtable;
    let version = header.firstVersion;
    for (const { start, end } of commitsOf(body)) {
      assert(version === this.#version + 1, () => `the log jumps from version ${this.#version} to ${version}`);
      this.#version = version;
      memtable.lastVersion = version;
      for (let offset = start; offset < end; ) offset = memtable.add(offset, version - memtable.baseVersion);
      version++;
    }
    memtable.used = body.length;
  }

  /** During recovery: everything replayed so far is durable and can be applied. */
  async #applyReplayed(bytesNeeded: number): Promise<void> {
    const memtable = this.#active;
    memtable.sealed = true;
    this.#active = this.#newMemtable(COMMIT_HEADER_BYTES + bytesNeeded);
    if (memtable.isEmpty) {
      memtable.applied = true;
      this.#writer.retire();
    } else await this.#writer.apply(memtable, false);
  }

  /** A write or sync of the log failed: back to what is durable, and no more writes. */
  #poison(error: Error): void {
    this.#state = this.#state === 'open' ? 'readOnly' : this.#state;
    this.#readOnlyReason = `its log failed (${error.message})`;
    const durable = this.durableVersion;
    for (const memtable of this.overlay.memtables) {
      memtable.dropAfter(durable - memtable.baseVersion);
      memtable.lastVersion = Math.min(memtable.lastVersion, Math.max(durable, memtable.baseVersion));
    }
    this.#version = durable;
    const reason = new OperationError(
      'store_read_only',
      `store ${this.name} was reset to version ${durable}: ${this.#readOnlyReason}`,
    );
    for (const transaction of this.#transactions) transaction.abort(reason);
    for (const listener of this.#resetListeners) listener();
    this.#writer.release();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const wasOpen = this.#state === 'open';
    if (wasOpen) this.settle();
    this.#state = 'closing';
    this.#writer.stop();
    const closed = new OperationError('store_closed', `store ${this.name} is closing`);
    for (const transaction of this.#transactions) transaction.abort(closed);
    this.#writer.release();
    try {
      if (wasOpen) await this.#commitLog?.finish();
      await this.#writer.settled();
      if (wasOpen && this.supports.persistent && this.#commitLog?.failure === undefined) {
        this.#active.sealed = true;
        await this.#writer.applyRest();
      }
    } catch (error) {
      this.#log.warn(
        { store: this.name, error: messageOf(error) },
        'the engine could not be brought up to date; the log will be replayed',
      );
    }
    this.#state = 'closed';
    this.#writer.close();
    this.snapshots.closeAll();
    await this.#commitLog?.close();
    await this.engine.close();
    await this.#onClosed?.();
  }
}
