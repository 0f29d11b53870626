/**
 * The entries of all `keyspace-partition` turns: read from memory, written to memory at once and to the store together.
 *
 * Hot entries lie as bytes in one arena (`entry-arena.ts`); what it does not hold is read from the store and kept. A write
 * changes the arena, where every later turn sees it, and marks the entry dirty; a key written ten times is one write of
 * the store. When dirty entries reach the store depends on what their acknowledgement promises:
 *
 * - **Written through** (stores that log): `commit`, at the end of a stretch of commands, orders them as one commit, before
 *   the event loop is given back. So no other reader can tell that writes were gathered, and replies wait for the
 *   log as everybody's do. An entry remembers the version that wrote it, so that a reply that shows it waits too.
 * - **Written behind** (a store of class `memory`, which keeps no log): they stay dirty, as nothing that is acknowledged
 *   has to survive this process, until there are too many of them or until anybody else opens a snapshot, reads, locks or
 *   commits (`Store.writeBehind`): then all of them are handed over. Their number is bounded, so that this takes a
 *   second at worst; who can wait has most of it done in slices before, so that others are served meanwhile. Once somebody
 *   has looked, they are handed over in slices in the background for a while: the next one waits for milliseconds.
 *
 * **Writes of others** to these keys (SQL, MULTI, commands that had to wait) are seen by a watch on the range, inside the
 * stretch that orders them: the arena forgets those entries. When the store takes versions back, it forgets all.
 * Where other processes write to the store too, there are no turns to speak of: every read and write would have to wait, so
 * every command runs as a transaction.
 *
 * **Taking back.** `undoTurn` undoes the writes of the current turn; `discard` those of a stretch that could not be
 * ordered: the arena forgets the entries, and the store's word counts again.
 */

import { assert } from '../../base/assert.ts';
import type { Awaitable } from '../../base/awaitable.ts';
import { isPromise } from '../../base/awaitable.ts';
import { type Bytes, copyBytes } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import { newObserver } from '../../base/observer.ts';
import type { DatabaseKeys } from '../../models/keyvalue/keys.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import { rangeContains, rangeIncludes, rangesOverlap } from '../../storage/key-range.ts';
import {
  type CommitRecord,
  type Store,
  VALUE_BYTES_MAX,
  type WriteBatch,
  type WriteBehind,
} from '../../storage/store.ts';
import { EntryArena } from './entry-arena.ts';
import { ABSENT } from './entry-slab.ts';

/** Thrown by a turn that cannot go on without waiting; it has written nothing. The caller runs the work another way. */
export class WouldWait extends Error {
  override readonly name = 'WouldWait';
}

/** Ordering earlier writes failed in the middle of a turn; those writes, and the turn, have had no effect. */
export class CommitFailed extends Error {
  override readonly name = 'CommitFailed';
}

/** One instance: it is control flow, and its stack says nothing. */
const WOULD_WAIT = new WouldWait('the turn would have to wait');

/** Dirty entries of class `memory`, which somebody else's read may have to wait for; beyond it the oldest are handed over. */
const DIRTY_ENTRIES_MAX = 256 * 1024;
const DIRTY_BYTES_MAX = 64 * 1024 * 1024;
/** Of the arena's bound. */
const DIRTY_FRACTION = 4;
const SLICE_ENTRIES = 512;
/** Of a commit where everything is handed over. Fewer take some milliseconds, and nobody has them done before in slices. */
const SETTLED_ENTRIES = 4_096;
/** A period of the background hands over this part of what is dirty: an entry stays dirty for some `1 / part` periods. */
const BACKGROUND_FRACTION = 128;
/** Nobody else has looked for so many periods (of 100 ms): then nothing is handed over in the background. */
const QUIET_PERIODS = 600;
/** Values fetched at once beyond those that commands wait for. */
const LOADS_MAX = 1_024;
/** Of the arena's bound: a larger value from disk is not kept. */
const LOADED_FRACTION = 64;
/** Of the arena's bound: what is fetched with one call. */
const FETCHED_FRACTION = 16;
/** Room for the keys of what is fetched with one call; more of them take more. */
const WANTED_BYTES = 16 * 1024;
/** A longer value that somebody else has written is not kept before it is asked for. */
const FOREIGN_BYTES_MAX = 64 * 1024;
/** A key so short fits the store whatever it holds: its bytes count twice at most. */
const SHORT_KEY_BYTES = 32_000;

export interface PartitionCommitOptions {
  readonly store: Store;
  /** The keys of all databases. */
  readonly range: KeyRange;
  /** By number of the database. */
  readonly databases: readonly DatabaseKeys[];
  /** Bound on the memory of hot entries. */
  readonly hotBytesMax: number;
  /** Where the store is of class `memory`: whether writes may reach it later than their replies leave. */
  readonly writeBehind: boolean;
  /** Lets others have their turn. */
  readonly giveWay: () => Promise<void>;
  readonly seed: number;
  /** Of a key in `buffer[start, end)`. */
  readonly partitionOf: (database: number, buffer: Bytes, start: number, end: number) => number;
}

/** A key whose value is to be fetched. */
interface Wanted {
  readonly hash: number;
  readonly database: number;
  readonly redisKey: Bytes;
}

interface Load {
  done: Promise<boolean>;
  /** The key was written since. */
  isStale: boolean;
}

interface Undo {
  readonly database: number;
  readonly key: Bytes;
  /** What a dirty entry held, `undefined` for absence; or `clean`: the store has it. */
  readonly before: Bytes | undefined | 'clean';
}

export class PartitionCommit {
  readonly arena: EntryArena;
  /** Notes what the current stretch read and wrote: set by whoever executes it. */
  observer: Observer = newObserver();
  /** Wall time of the current stretch, milliseconds. */
  nowMs = 0;
  /** Whether a value with an expiry was written, by anyone, since it was last set to false. */
  expiryWritten = false;
  readonly #store: Store;
  readonly #databases: readonly DatabaseKeys[];
  readonly #partitionOf: PartitionCommitOptions['partitionOf'];
  /** Whether the arena may keep entries that are not dirty. */
  readonly #keeps: boolean;
  /** Whether replies that show an entry must wait for its version. */
  readonly #gated: boolean;
  readonly #late: WriteBehind | undefined;
  readonly #giveWay: () => Promise<void>;
  #settlingMost: Promise<void> | undefined;
  readonly #dirtyBytesMax: number;
  readonly #stops: (() => void)[] = [];
  readonly #loaded: Observer = newObserver();
  #batch: WriteBatch | undefined;
  #writes = 0;
  #commits = 0;
  /** Databases emptied since the last commit, before any of the dirty entries. */
  readonly #cleared = new Set<number>();
  /** Set while a store that orders asynchronously has not answered: nobody may read past it. */
  #ordering: Promise<unknown> | undefined;
  /** The commit that is being ordered is our own. */
  #committing = false;
  /** Our own reads need not wait for what we hold back. */
  #reading = false;
  /** Why the store last refused what was written behind; until it takes it, no more values are accepted. */
  #refusal: OperationError | undefined;
  #undo: Undo[] | undefined;
  /** Values on their way from a disk, by the hash of their keys. */
  readonly #loads = new Map<number, Load>();
  /** The last one that was asked for. */
  #loading: Promise<boolean> | undefined;
  readonly #loadedBytesMax: number;
  readonly #fetchedBytesMax: number;
  /** What `want` has gathered, and the same keys as the store has them. */
  #wanted: Wanted[] = [];
  #wantedKeys: Bytes[] = [];
  /** Where their bytes lie, up to `#wantedUsed`. */
  #wantedBytes = Buffer.allocUnsafeSlow(0);
  #wantedUsed = 0;
  /** The batch being gathered removes a key. */
  #removes = false;
  /** The last commit that removed keys: who finds one absent has observed it. */
  #removedVersion = 0;
  /** Periods of the background since somebody else looked. */
  #quietPeriods = QUIET_PERIODS;
  readonly #visit: () => void;

  constructor(options: PartitionCommitOptions) {
    const { store } = options;
    this.#store = store;
    this.#databases = options.databases;
    this.#partitionOf = options.partitionOf;
    this.#giveWay = options.giveWay;
    this.#keeps = !store.supports.shared;
    this.#gated = store.durability !== 'memory';
    this.arena = new EntryArena({ bytesMax: options.hotBytesMax, seed: options.seed });
    this.#loadedBytesMax = options.hotBytesMax / LOADED_FRACTION;
    this.#fetchedBytesMax = Math.floor(options.hotBytesMax / FETCHED_FRACTION);
    this.#dirtyBytesMax = Math.min(DIRTY_BYTES_MAX, options.hotBytesMax / DIRTY_FRACTION);
    if (options.writeBehind && !this.#gated && this.#keeps)
      this.#late = store.writeBehind?.(
        options.range,
        () => this.settle(),
        () => this.settleMost(),
      );
    this.#visit = () => this.#gather();
    this.#stops.push(
      store.watch(options.range, (record) => this.#onForeign(record)),
      store.onReset(() => {
        this.#noteAllWritten();
        this.arena.clear();
      }),
    );
    this.#findEmpty();
  }

  /** Hands over what was written behind; nobody may use it any more. */
  close(): void {
    this.settle();
    this.#late?.stop();
    for (const stop of this.#stops) stop();
  }

  /** Writes that `commit` has to order. */
  get writes(): number {
    return this.#writes;
  }

  /** Batches ordered since opening: tells whether a turn made earlier writes be ordered. */
  get commits(): number {
    return this.#commits;
  }

  // ---- Reads

  /**
   * Finds the entry of a key, in the store if need be, and leaves it in `arena.slab` and `arena.at`; a missing one has the
   * length `ABSENT`. What was observed is noted in `observer`. @returns false when that would have to wait.
   */
  locate(hash: number, database: number, buffer: Bytes, start: number, length: number): boolean {
    const { arena } = this;
    if (!this.#keeps || this.#ordering !== undefined) {
      this.#loading = undefined;
      return false;
    }
    if (arena.find(hash, database, buffer, start, length)) {
      if (this.#gated && !arena.isDirty) this.#observe(arena.stamp);
      return true;
    }
    if (arena.isComplete(database)) {
      arena.showAbsent(database, this.#partitionOf(database, buffer, start, start + length));
      if (this.#gated && this.#removedVersion > this.observer.observedVersion) {
        this.observer.observedVersion = this.#removedVersion;
      }
      return true;
    }
    if (this.#cleared.size > 0) {
      this.#loading = undefined;
      return false;
    }
    if (this.#loads.size > 0) {
      const load = this.#loads.get(hash);
      if (load !== undefined && !load.isStale) {
        this.#loading = load.done;
        return false;
      }
    }
    return this.#load(hash, database, buffer, start, length);
  }

  /** As `locate`, for a key whose hash `arena.touch` has followed to `reference`, with nothing done since but by these commands. */
  locateTouched(
    reference: number,
    hash: number,
    database: number,
    buffer: Bytes,
    start: number,
    length: number,
  ): boolean {
    if (this.#ordering !== undefined || !this.arena.findAt(reference, database, buffer, start, length)) {
      return this.locate(hash, database, buffer, start, length);
    }
    if (this.#gated && !this.arena.isDirty) this.#observe(this.arena.stamp);
    return true;
  }

  #observe(stamp: number): void {
    const newest = this.#store.version;
    // Wrong only after 2^32 commits, and then too careful.
    const version = newest - ((newest - stamp) >>> 0);
    if (version > this.observer.observedVersion) this.observer.observedVersion = version;
  }

  #load(hash: number, database: number, buffer: Bytes, start: number, length: number): boolean {
    const observer = this.#loaded;
    observer.observedVersion = 0;
    this.#reading = true;
    let value: Awaitable<Bytes | undefined>;
    try {
      value = this.#store.get(this.#databases[database]!.encode(buffer.subarray(start, start + length)), observer);
    } finally {
      this.#reading = false;
    }
    const { observedVersion } = observer;
    if (isPromise(value)) {
      const redisKey = copyBytes(buffer.subarray(start, start + length));
      const values = value.then((one) => [one]);
      this.#loading = this.#loadLater([{ hash, database, redisKey }], values, observedVersion);
      return false;
    }
    if (observedVersion > this.observer.observedVersion) this.observer.observedVersion = observedVersion;
    this.#keep(hash, database, buffer, start, length, value, observedVersion);
    return true;
  }

  /** A clean entry of what the store said. */
  #keep(
    hash: number,
    database: number,
    buffer: Bytes,
    start: number,
    length: number,
    value: Bytes | undefined,
    version: number,
  ): void {
    const { arena } = this;
    const partition = this.#partitionOf(database, buffer, start, start + length);
    arena.write(hash, database, partition, buffer, start, length, value === undefined ? ABSENT : value.length);
    if (value !== undefined) {
      arena.slab.bytes.set(value, arena.valueAt);
      arena.mark(hasExpiry(value));
    }
    arena.stampClean(version);
    arena.markFetched();
  }

  /**
   * Values that come from a disk: kept when they are there, each unless its key was written meanwhile. @returns whether all
   * are kept.
   */
  #loadLater(
    wanted: readonly Wanted[],
    values: Promise<readonly (Bytes | undefined)[]>,
    version: number,
  ): Promise<boolean> {
    const loads = wanted.map((): Load => ({ done: Promise.resolve(false), isStale: false }));
    const end = (): void => {
      for (let i = 0; i < wanted.length; i++) {
        const { hash } = wanted[i]!;
        if (this.#loads.get(hash) === loads[i]) this.#loads.delete(hash);
      }
    };
    const done = values.then(
      (fetched) => {
        end();
        return this.#keepAll(wanted, fetched, version, loads);
      },
      () => {
        end(); // Whoever asks again gets the error.
        return false;
      },
    );
    for (let i = 0; i < wanted.length; i++) {
      const { hash } = wanted[i]!;
      loads[i]!.done = done;
      const older = this.#loads.get(hash);
      if (older !== undefined) older.isStale = true;
      this.#loads.set(hash, loads[i]!);
    }
    return done;
  }

  /** Keeps what was fetched and is not too large. @returns whether that is all. */
  #keepAll(
    wanted: readonly Wanted[],
    values: readonly (Bytes | undefined)[],
    version: number,
    loads: readonly Load[] | undefined,
  ): boolean {
    if (!this.#keeps) return false;
    const { arena } = this;
    let all = values.length === wanted.length;
    for (let i = 0; i < values.length; i++) {
      const { hash, database, redisKey } = wanted[i]!;
      const value = values[i];
      const { length } = redisKey;
      if (loads?.[i]?.isStale === true || (value !== undefined && value.length > this.#loadedBytesMax)) {
        all = false;
        continue;
      }
      if (arena.find(hash, database, redisKey, 0, length)) continue;
      this.#keep(hash, database, redisKey, 0, length, value, version);
    }
    return all;
  }

  /** Whether values of this database may have to be fetched, and can be. */
  mayFetch(database: number): boolean {
    if (!this.#keeps || this.arena.isComplete(database) || this.#store.batchGet === undefined) return false;
    return this.#ordering === undefined && this.#cleared.size === 0 && this.#loads.size < LOADS_MAX;
  }

  /** Notes a key that is not here for `fetchWanted`, which follows in the same stretch. Only where `mayFetch`. */
  want(hash: number, database: number, buffer: Bytes, start: number, length: number): void {
    if (length > SHORT_KEY_BYTES || this.#loads.has(hash)) return;
    const key = this.#databases[database]!.encode(buffer.subarray(start, start + length));
    const end = this.#wantedUsed + length + key.length;
    // Views of one buffer: a buffer of its own for each costs as much as the search for the value.
    if (end > this.#wantedBytes.length) this.#renewWantedBytes(length + key.length);
    const bytes = this.#wantedBytes;
    const at = this.#wantedUsed;
    const keyAt = at + length;
    bytes.set(buffer.subarray(start, start + length), at);
    bytes.set(key, keyAt);
    this.#wantedUsed = keyAt + key.length;
    this.#wanted.push({ hash, database, redisKey: bytes.subarray(at, keyAt) });
    this.#wantedKeys.push(bytes.subarray(keyAt, this.#wantedUsed));
  }

  /** The old one stays with those who were promised their values, if there are any. */
  #renewWantedBytes(bytes: number): void {
    this.#wantedBytes = Buffer.allocUnsafeSlow(Math.max(WANTED_BYTES, bytes));
    this.#wantedUsed = 0;
  }

  /**
   * Reads the wanted values with one call of the store. @returns undefined when they are here, as far as they may be kept, or
   * a promise of whether all of them are.
   */
  fetchWanted(): Promise<boolean> | undefined {
    const wanted = this.#wanted;
    if (wanted.length === 0) return undefined;
    const keys = this.#wantedKeys;
    this.#wanted = [];
    this.#wantedKeys = [];
    const observer = this.#loaded;
    observer.observedVersion = 0;
    this.#reading = true;
    let values: Awaitable<readonly (Bytes | undefined)[]>;
    try {
      values = this.#store.batchGet!(keys, this.#fetchedBytesMax, observer);
    } finally {
      this.#reading = false;
    }
    const { observedVersion } = observer;
    if (isPromise(values)) {
      this.#renewWantedBytes(0);
      return this.#loadLater(wanted, values, observedVersion);
    }
    this.#wantedUsed = 0;
    this.#keepAll(wanted, values, observedVersion, undefined);
    return undefined;
  }

  /** Begins to fetch a value that a command behind will want, if it is not here; bounded. */
  prefetch(hash: number, database: number, buffer: Bytes, start: number, length: number): void {
    if (!this.#keeps || this.#loads.size >= LOADS_MAX || this.#loads.has(hash) || this.#ordering !== undefined) return;
    if (this.arena.isComplete(database) || this.#cleared.size > 0) return;
    if (this.arena.find(hash, database, buffer, start, length)) return;
    const loading = this.#loading;
    this.#load(hash, database, buffer, start, length);
    this.#loading = loading;
  }

  /**
   * Takes what the last read that would have had to wait is waiting for: it resolves with whether the value is here then,
   * so that trying again is worth it. Undefined when it waits for something else.
   */
  takeLoading(): Promise<boolean> | undefined {
    const loading = this.#loading;
    this.#loading = undefined;
    return loading;
  }

  /** Whether any value is on its way from a disk. */
  get isLoading(): boolean {
    return this.#loads.size > 0;
  }

  #noteWritten(hash: number): void {
    const load = this.#loads.get(hash);
    if (load !== undefined) load.isStale = true;
  }

  #noteAllWritten(): void {
    for (const load of this.#loads.values()) load.isStale = true;
  }

  /** The stored value; the caller owns the bytes. @throws WouldWait, CommitFailed. */
  get(database: number, redisKey: Bytes): Bytes | undefined {
    if (!this.#keeps) throw WOULD_WAIT;
    const { arena } = this;
    const hash = arena.hash(database, redisKey, 0, redisKey.length);
    if (!this.locate(hash, database, redisKey, 0, redisKey.length)) {
      if (this.#ordering !== undefined || this.#cleared.size === 0) throw WOULD_WAIT;
      this.#commitWithinTurn();
      if (!this.locate(hash, database, redisKey, 0, redisKey.length)) throw WOULD_WAIT;
    }
    const length = arena.valueLength;
    if (length === ABSENT) return undefined;
    arena.markUsed();
    const from = arena.valueAt;
    const value = length <= Buffer.poolSize >>> 3 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
    arena.slab.bytes.copy(value, 0, from, from + length);
    return value;
  }

  /** Whether the arena may answer by itself, as the quick commands want it. */
  get keeps(): boolean {
    return this.#keeps;
  }

  // ---- Writes

  /**
   * Whether a value may be written to this key now without anything that could fail; then `write` it in the same stretch.
   */
  mayWrite(database: number, buffer: Bytes, start: number, length: number): boolean {
    if (!this.#keeps || this.#ordering !== undefined || this.#refusal !== undefined) return false;
    if (length > SHORT_KEY_BYTES) return false;
    const late = this.#late;
    return late === undefined || !late.anyLocked || !this.#isLocked(late, database, buffer, start, length);
  }

  #isLocked(late: WriteBehind, database: number, buffer: Bytes, start: number, length: number): boolean {
    return late.isLocked(this.#databases[database]!.encode(buffer.subarray(start, start + length)));
  }

  /**
   * Makes the entry of a key a dirty one of `valueLength` bytes, or absent, and leaves it in `arena.slab` and `arena.at`: the
   * caller writes the value at once. Only after `mayWrite`.
   */
  write(
    hash: number,
    database: number,
    partition: number,
    buffer: Bytes,
    start: number,
    length: number,
    valueLength: number,
  ): void {
    const { arena } = this;
    if (this.#late !== undefined) {
      if (arena.dirtyCount >= DIRTY_ENTRIES_MAX || arena.dirtyBytes >= this.#dirtyBytesMax) this.#flush(SLICE_ENTRIES);
    } else this.#writes++;
    if (this.#loads.size > 0) this.#noteWritten(hash);
    arena.write(hash, database, partition, buffer, start, length, valueLength);
    arena.markDirty();
  }

  /**
   * As `write`, for the entry that `arena.slab` and `arena.at` show already. @returns false when it cannot stay where it is:
   * then nothing was changed, and `write` does it.
   */
  rewrite(valueLength: number): boolean {
    const { arena } = this;
    const late = this.#late !== undefined;
    if (!arena.isDirty && late && (arena.dirtyCount >= DIRTY_ENTRIES_MAX || arena.dirtyBytes >= this.#dirtyBytesMax)) {
      return false;
    }
    if (!arena.resize(valueLength)) return false;
    if (!late) this.#writes++;
    arena.markDirty();
    return true;
  }

  /** As `rewrite`, with the length that the value has. @returns false when too much is dirty already. */
  rewriteInPlace(): boolean {
    const { arena } = this;
    if (this.#late === undefined) this.#writes++;
    else if (arena.isDirty) return true;
    else if (arena.dirtyCount >= DIRTY_ENTRIES_MAX || arena.dirtyBytes >= this.#dirtyBytesMax) return false;
    arena.markDirty();
    return true;
  }

  /** Copies key and value. @throws WouldWait, OperationError `too_large`, those of a store that refused earlier writes. */
  put(database: number, redisKey: Bytes, stored: Bytes): void {
    if (stored.length > VALUE_BYTES_MAX) {
      throw new OperationError('too_large', `a value of ${stored.length} bytes exceeds ${VALUE_BYTES_MAX}`);
    }
    if (this.#refusal !== undefined) this.#tryAgain();
    if (hasExpiry(stored)) this.expiryWritten = true;
    this.#change(database, redisKey, stored.length);
    this.arena.slab.bytes.set(stored, this.arena.valueAt);
    this.arena.mark(hasExpiry(stored));
  }

  /** @throws as `put`. */
  delete(database: number, redisKey: Bytes): void {
    this.#change(database, redisKey, ABSENT);
  }

  #change(database: number, redisKey: Bytes, valueLength: number): void {
    if (!this.#keeps || this.#ordering !== undefined) throw WOULD_WAIT;
    if (redisKey.length > SHORT_KEY_BYTES) this.#databases[database]!.encode(redisKey);
    const late = this.#late;
    const { length } = redisKey;
    if (late?.anyLocked === true && this.#isLocked(late, database, redisKey, 0, length)) throw WOULD_WAIT;
    const { arena } = this;
    const hash = arena.hash(database, redisKey, 0, length);
    const found = arena.find(hash, database, redisKey, 0, length);
    if (this.#undo !== undefined) this.#noteUndo(database, redisKey, found);
    const partition = found ? arena.partition : this.#partitionOf(database, redisKey, 0, length);
    this.write(hash, database, partition, redisKey, 0, length, valueLength);
  }

  /** Removes every key of a database. @throws WouldWait, and, written behind, OperationError as `WriteBatch.commit`. */
  clear(database: number): void {
    if (!this.#keeps || this.#ordering !== undefined) throw WOULD_WAIT;
    this.#noteAllWritten();
    if (this.#late === undefined) {
      this.#writes++;
      this.#cleared.add(database);
      this.arena.removeDatabase(database, this.#keeps);
      return;
    }
    const batch = this.#store.writeBatch();
    batch.deleteRange(this.#databases[database]!.range);
    this.#committing = true;
    try {
      batch.commit();
    } catch (error) {
      if (hasCode(error, 'transaction_conflict')) throw WOULD_WAIT;
      throw error;
    } finally {
      this.#committing = false;
    }
    this.#commits++;
    this.arena.removeDatabase(database, true);
  }

  // ---- Taking back

  /** From here on the writes of a turn can be undone. */
  beginTurn(): void {
    if (this.#undo === undefined) this.#undo = [];
    else this.#undo.length = 0;
  }

  endTurn(): void {
    this.#undo = undefined;
  }

  /** Undoes the writes since `beginTurn`, newest first. */
  undoTurn(): void {
    const undo = this.#undo;
    this.#undo = undefined;
    if (undo === undefined) return;
    const { arena } = this;
    for (let i = undo.length - 1; i >= 0; i--) {
      const { database, key, before } = undo[i]!;
      if (this.#late === undefined) this.#writes--;
      const hash = arena.hash(database, key, 0, key.length);
      // Gone when the batch it was in was discarded.
      if (!arena.find(hash, database, key, 0, key.length)) continue;
      if (before === 'clean') {
        arena.remove();
        continue;
      }
      arena.write(hash, database, arena.partition, key, 0, key.length, before?.length ?? ABSENT);
      if (before !== undefined) {
        arena.slab.bytes.set(before, arena.valueAt);
        arena.mark(hasExpiry(before));
      }
      arena.markDirty();
    }
    if (this.#writes < 0) this.#writes = 0;
  }

  #noteUndo(database: number, redisKey: Bytes, found: boolean): void {
    const { arena } = this;
    let before: Undo['before'] = 'clean';
    if (found && arena.isDirty) {
      const length = arena.valueLength;
      before =
        length === ABSENT ? undefined : copyBytes(arena.slab.bytes.subarray(arena.valueAt, arena.valueAt + length));
    }
    this.#undo!.push({ database, key: copyBytes(redisKey), before });
  }

  // ---- To the store

  /**
   * Orders what was written through; its version is noted in `observer`. On an error nothing of it has happened, except
   * `commit_unknown`. @throws OperationError as `WriteBatch.commit`.
   */
  commit(): Awaitable<void> {
    if (this.#writes === 0) return undefined;
    this.#writes = 0;
    const { arena, observer } = this;
    const batch = this.#takeBatch();
    let mark: number;
    let commit: ReturnType<WriteBatch['commit']>;
    this.#committing = true;
    this.#removes = false;
    try {
      for (const database of this.#cleared) batch.deleteRange(this.#databases[database]!.range);
      mark = arena.visitDirty(Number.POSITIVE_INFINITY, this.#visit);
      commit = batch.commit();
    } catch (error) {
      this.discard();
      throw error;
    } finally {
      this.#committing = false;
    }
    if (this.#removes || this.#cleared.size > 0) this.#removedVersion = this.#store.version;
    this.#cleared.clear();
    this.#commits++;
    if (this.#undo !== undefined) this.#undo.length = 0;
    if (!isPromise(commit)) {
      const { version } = commit;
      if (batch.count === 0) this.#batch = batch; // It emptied itself, and its memory serves the next stretch.
      if (this.#keeps) arena.cleanThrough(mark, version);
      else arena.removeDirty();
      if (version > observer.observedVersion) observer.observedVersion = version;
      return undefined;
    }
    arena.removeDirty();
    const ordering = commit
      .then(({ version }) => {
        if (version > observer.observedVersion) observer.observedVersion = version;
      })
      .finally(() => {
        if (this.#ordering === ordering) this.#ordering = undefined;
      });
    this.#ordering = ordering;
    return ordering;
  }

  /** Forgets what was to be written through. */
  discard(): void {
    if (this.#late !== undefined) return;
    this.#batch = undefined;
    this.#writes = 0;
    this.#undo = undefined;
    for (const database of this.#cleared) this.arena.markIncomplete(database);
    this.#cleared.clear();
    this.arena.removeDirty();
  }

  #takeBatch(): WriteBatch {
    const batch = this.#batch ?? this.#store.writeBatch();
    this.#batch = undefined;
    this.#gathered = batch;
    return batch;
  }

  #gathered: WriteBatch | undefined;

  /** Adds the dirty entry at hand to the batch. */
  #gather(): void {
    const { arena } = this;
    const { bytes } = arena.slab;
    const keyAt = arena.keyAt;
    const length = arena.valueLength;
    const key = this.#databases[arena.database]!.encode(bytes.subarray(keyAt, keyAt + arena.keyLength));
    if (length === ABSENT) {
      this.#removes = true;
      this.#gathered!.delete(key);
      return;
    }
    this.#gathered!.put(key, bytes.subarray(arena.valueAt, arena.valueAt + length));
  }

  #commitWithinTurn(): void {
    let committed: Awaitable<void>;
    try {
      committed = this.commit();
    } catch (error) {
      throw new CommitFailed('earlier writes could not be ordered', { cause: error });
    }
    if (isPromise(committed)) throw WOULD_WAIT;
  }

  /** One period of handing over what was written behind, while others look at it; bounded. */
  flushSome(): void {
    if (this.#quietPeriods >= QUIET_PERIODS) return;
    this.#quietPeriods++;
    if (this.#late === undefined || this.arena.dirtyCount === 0 || this.#store.whenWritable() !== undefined) return;
    this.#flush(Math.max(SLICE_ENTRIES, Math.ceil(this.arena.dirtyCount / BACKGROUND_FRACTION)));
  }

  /** Somebody else is about to look: hands everything over that was written behind. */
  settle(): void {
    if (this.#late === undefined || this.#reading || this.#committing) return;
    if (this.arena.dirtyCount === 0) return;
    this.#quietPeriods = 0;
    // In commits that fit the store's arenas and the processor's cache: one of everything would be copied again and again.
    do this.#flush(SETTLED_ENTRIES);
    while (this.arena.dirtyCount > 0 && this.#refusal === undefined);
  }

  /**
   * Hands most of it over in slices, for somebody who can wait and will have `settle` called then. @returns undefined where
   * there is no more than takes some milliseconds.
   */
  settleMost(): Promise<void> | undefined {
    if (this.#settlingMost !== undefined) return this.#settlingMost;
    if (this.#late === undefined || this.#reading || this.arena.dirtyCount <= SETTLED_ENTRIES) return undefined;
    if (this.#refusal !== undefined) return undefined;
    this.#quietPeriods = 0;
    this.#settlingMost = this.#settleInSlices().finally(() => {
      this.#settlingMost = undefined;
    });
    return this.#settlingMost;
  }

  async #settleInSlices(): Promise<void> {
    const { arena } = this;
    let before = arena.dirtyCount;
    while (this.#refusal === undefined) {
      // Twice what was written meanwhile, or there would be no end: where that is much, it is all in one slice at last.
      const written = Math.max(0, arena.dirtyCount - before);
      this.#flush(Math.max(SLICE_ENTRIES, 2 * written));
      before = arena.dirtyCount;
      if (before <= SETTLED_ENTRIES) return;
      await this.#giveWay();
      const room = this.#store.whenWritable();
      if (room !== undefined) await room;
    }
  }

  /**
   * Shows values that the store does not hold yet, some `entriesMax` from a place on; views, valid during the call.
   * @returns where to go on, 0 at the end.
   */
  visitUnsettled(
    from: number,
    entriesMax: number,
    visit: (database: number, redisKey: Bytes, stored: Bytes) => void,
  ): number {
    if (this.#late === undefined) return 0;
    const { arena } = this;
    return arena.visitDirtyFrom(from, entriesMax, () => {
      const length = arena.valueLength;
      if (length === ABSENT) return;
      const { bytes } = arena.slab;
      const { keyAt, valueAt } = arena;
      visit(arena.database, bytes.subarray(keyAt, keyAt + arena.keyLength), bytes.subarray(valueAt, valueAt + length));
    });
  }

  /** Reads of our own that need not see what is written behind. */
  withoutSettling<T>(read: () => T): T {
    this.#reading = true;
    try {
      return read();
    } finally {
      this.#reading = false;
    }
  }

  /** Hands over the oldest dirty entries. A store that refuses them is asked again, and they stay dirty. */
  #flush(entriesMax: number): void {
    const batch = this.#takeBatch();
    this.#committing = true;
    try {
      const mark = this.arena.visitDirty(entriesMax, this.#visit);
      const commit = batch.commit();
      assert(!isPromise(commit), 'a store that is written behind orders at once');
      this.arena.cleanThrough(mark, commit.version);
      this.#refusal = undefined;
      if (batch.count === 0) this.#batch = batch;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#refusal = error;
    } finally {
      this.#committing = false;
    }
  }

  /** @throws what the store still says. */
  #tryAgain(): void {
    if (this.arena.dirtyCount === 0) this.#refusal = undefined;
    else this.#flush(1);
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  // ---- Writes of others

  #onForeign(record: CommitRecord): void {
    if (this.#committing) return;
    const { version } = record;
    for (const change of record.changes) {
      if (change.kind === 'put') {
        if (hasExpiry(change.value)) this.expiryWritten = true;
        this.#takeForeign(change.key, change.value, version);
        continue;
      }
      if (version > this.#removedVersion) this.#removedVersion = version;
      if (change.kind === 'delete') this.#takeForeign(change.key, undefined, version);
      else {
        for (let database = 0; database < this.#databases.length; database++) {
          const { range } = this.#databases[database]!;
          if (!rangesOverlap(range, change.range)) continue;
          this.#noteAllWritten();
          this.arena.removeDatabase(database, this.#keeps && rangeIncludes(change.range, range));
        }
      }
    }
  }

  /** Somebody else wrote a key: what is kept of it shows that, and a complete database stays so. */
  #takeForeign(key: Bytes, value: Bytes | undefined, version: number): void {
    const { arena } = this;
    for (let database = 0; database < this.#databases.length; database++) {
      const keys = this.#databases[database]!;
      if (!rangeContains(keys.range, key)) continue;
      const redisKey = keys.decode(key);
      const { length } = redisKey;
      const hash = arena.hash(database, redisKey, 0, length);
      this.#noteWritten(hash);
      const found = arena.find(hash, database, redisKey, 0, length);
      if (value === undefined || value.length > FOREIGN_BYTES_MAX || !this.#keeps || (found && arena.isDirty)) {
        if (found) arena.remove(value === undefined);
        else if (value !== undefined) arena.markIncomplete(database);
        continue;
      }
      if (!found && !arena.isComplete(database)) continue;
      const partition = found ? arena.partition : this.#partitionOf(database, redisKey, 0, length);
      arena.write(hash, database, partition, redisKey, 0, length, value.length);
      arena.slab.bytes.set(value, arena.valueAt);
      arena.mark(hasExpiry(value));
      arena.stampClean(version);
    }
  }

  /**
   * Looks which databases the store holds nothing of: those are complete here, until the arena has to give something up.
   * Called before anything is written.
   */
  #findEmpty(): void {
    if (!this.#keeps) return;
    const transaction = this.#store.begin({ readOnly: true, label: 'empty databases' });
    try {
      for (let database = 0; database < this.#databases.length; database++) {
        const cursor = transaction.scan(this.#databases[database]!.range, { limit: 1, keysOnly: true });
        const first = cursor.next();
        // What is written while one waits would be missed.
        if (isPromise(first)) first.catch(() => undefined);
        else if (first === undefined) this.arena.markComplete(database);
        cursor.close();
      }
    } finally {
      transaction.rollback();
    }
  }
}

/** Whether a stored value has flags, of which one is an expiry. */
function hasExpiry(stored: Bytes): boolean {
  return stored.length > 1 && stored[1] !== 0;
}
