/**
 * Hot entries that reach a store of class `memory` later than their replies leave: as nothing that is acknowledged has to
 * survive this process, they stay dirty until there are too many of them, or until anybody else opens a snapshot, reads,
 * locks or commits (`Store.writeBehind`). Then all of them are handed over, so that nobody can tell.
 *
 * Their number is bounded, so that handing over takes a second at worst; who can wait has most of it done in slices before,
 * so that others are served meanwhile. Once somebody has looked, they are handed over in slices in the background for a
 * while: the next one waits for milliseconds.
 *
 * A store that refuses them (its disk is full, its log failed) is asked again by the next write, and takes no more before:
 * what was acknowledged stays dirty, and is not lost.
 */

import { assert } from '../../base/assert.ts';
import { isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { DatabaseKeys } from '../../models/keyvalue/keys.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Store, WriteBatch, WriteBehind } from '../../storage/store.ts';
import type { EntryArena } from './entry-arena.ts';
import { ABSENT } from './entry-slab.ts';
import type { OwnReads } from './value-loads.ts';

/** Dirty entries, which somebody else's read may have to wait for; beyond it the oldest are handed over. */
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

export interface WrittenBehindOptions {
  readonly store: Store;
  /** The keys of all databases. */
  readonly range: KeyRange;
  /** By number of the database. */
  readonly databases: readonly DatabaseKeys[];
  readonly arena: EntryArena;
  /** Bound on the memory of hot entries. */
  readonly hotBytesMax: number;
  readonly reads: OwnReads;
  /** Lets others have their turn. */
  readonly giveWay: () => Promise<void>;
}

export class WrittenBehind {
  /** The commit that is being ordered is our own. */
  isCommitting = false;
  readonly #store: Store;
  readonly #databases: readonly DatabaseKeys[];
  readonly #arena: EntryArena;
  readonly #reads: OwnReads;
  readonly #giveWay: () => Promise<void>;
  readonly #dirtyBytesMax: number;
  readonly #visit: () => void;
  #locks: WriteBehind | undefined;
  #batch: WriteBatch;
  /** Why the store last refused; until it takes them, no more values are accepted. */
  #refusal: OperationError | undefined;
  #settlingMost: Promise<void> | undefined;
  /** Periods of the background since somebody else looked. */
  #quietPeriods = QUIET_PERIODS;

  private constructor(options: WrittenBehindOptions) {
    this.#store = options.store;
    this.#databases = options.databases;
    this.#arena = options.arena;
    this.#reads = options.reads;
    this.#giveWay = options.giveWay;
    this.#dirtyBytesMax = Math.min(DIRTY_BYTES_MAX, options.hotBytesMax / DIRTY_FRACTION);
    this.#batch = options.store.writeBatch();
    this.#visit = () => {
      gatherEntry(this.#arena, this.#databases, this.#batch);
    };
  }

  /** Undefined where the store wants every write before it is acknowledged. */
  static begin(options: WrittenBehindOptions): WrittenBehind | undefined {
    const begun = new WrittenBehind(options);
    begun.#locks = options.store.writeBehind?.(
      options.range,
      () => begun.settle(),
      () => begun.settleMost(),
    );
    return begun.#locks === undefined ? undefined : begun;
  }

  /** Hands everything over; then every write has to go to the store itself. */
  stop(): void {
    this.settle();
    this.#locks!.stop();
  }

  // ---- What may be written

  /** Whether any key is locked by a transaction. */
  get anyLocked(): boolean {
    return this.#locks!.anyLocked;
  }

  /** Whether a transaction has locked this key: then it must not be written. */
  isLocked(key: Key): boolean {
    return this.#locks!.isLocked(key);
  }

  /** So much is dirty that no more entries should become so. */
  get isFull(): boolean {
    return this.#arena.dirtyCount >= DIRTY_ENTRIES_MAX || this.#arena.dirtyBytes >= this.#dirtyBytesMax;
  }

  /** The store does not take what it has been offered. */
  get isRefused(): boolean {
    return this.#refusal !== undefined;
  }

  /** Offers it to the store again, where that had refused. @throws OperationError what the store still says. */
  requireTaken(): void {
    if (this.#refusal === undefined) return;
    if (this.#arena.dirtyCount === 0) this.#refusal = undefined;
    else this.#flush(1);
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  /** Removes a range from the store at once, whatever is dirty. @throws OperationError as `WriteBatch.commit`. */
  clear(range: KeyRange): void {
    const batch = this.#store.writeBatch();
    batch.deleteRange(range);
    this.isCommitting = true;
    try {
      batch.commit();
    } finally {
      this.isCommitting = false;
    }
  }

  // ---- Handing over

  /** Hands over the oldest of what is dirty: a slice. */
  makeRoom(): void {
    this.#flush(SLICE_ENTRIES);
  }

  /** One period of the background, while others look; bounded. */
  flushSome(): void {
    if (this.#quietPeriods >= QUIET_PERIODS) return;
    this.#quietPeriods++;
    if (this.#arena.dirtyCount === 0 || this.#store.whenWritable() !== undefined) return;
    this.#flush(Math.max(SLICE_ENTRIES, Math.ceil(this.#arena.dirtyCount / BACKGROUND_FRACTION)));
  }

  /** Somebody else is about to look: hands everything over. */
  settle(): void {
    if (this.#reads.isUnderWay || this.isCommitting || this.#arena.dirtyCount === 0) return;
    this.#quietPeriods = 0;
    // In commits that fit the store's arenas and the processor's cache: one of everything would be copied again and again.
    do this.#flush(SETTLED_ENTRIES);
    while (this.#arena.dirtyCount > 0 && this.#refusal === undefined);
  }

  /**
   * Hands most of it over in slices, for somebody who can wait and will have `settle` called then. @returns undefined where
   * there is no more than takes some milliseconds.
   */
  settleMost(): Promise<void> | undefined {
    if (this.#settlingMost !== undefined) return this.#settlingMost;
    if (this.#reads.isUnderWay || this.#arena.dirtyCount <= SETTLED_ENTRIES) return undefined;
    if (this.#refusal !== undefined) return undefined;
    this.#quietPeriods = 0;
    this.#settlingMost = this.#settleInSlices().finally(() => {
      this.#settlingMost = undefined;
    });
    return this.#settlingMost;
  }

  async #settleInSlices(): Promise<void> {
    const arena = this.#arena;
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

  /** Hands over the oldest dirty entries. A store that refuses them is asked again, and they stay dirty. */
  #flush(entriesMax: number): void {
    this.isCommitting = true;
    const batch = this.#batch;
    try {
      const mark = this.#arena.visitDirty(entriesMax, this.#visit);
      const commit = batch.commit();
      assert(!isPromise(commit), 'a store that is written behind orders at once');
      this.#arena.cleanThrough(mark, commit.version);
      this.#refusal = undefined;
      // One that has emptied itself serves the next time.
      if (batch.count > 0) this.#batch = this.#store.writeBatch();
    } catch (error) {
      this.#batch = this.#store.writeBatch();
      if (!(error instanceof OperationError)) throw error;
      this.#refusal = error;
    } finally {
      this.isCommitting = false;
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
    const arena = this.#arena;
    return arena.visitDirtyFrom(from, entriesMax, () => {
      const length = arena.valueLength;
      if (length === ABSENT) return;
      const { bytes } = arena.slab;
      const { keyAt, valueAt } = arena;
      visit(arena.database, bytes.subarray(keyAt, keyAt + arena.keyLength), bytes.subarray(valueAt, valueAt + length));
    });
  }
}

/** Adds the entry at hand to a batch. @returns false when it is the absence of a value. */
export function gatherEntry(arena: EntryArena, databases: readonly DatabaseKeys[], batch: WriteBatch): boolean {
  const { bytes } = arena.slab;
  const { keyAt, valueAt, valueLength } = arena;
  const key = databases[arena.database]!.encode(bytes, keyAt, keyAt + arena.keyLength);
  if (valueLength === ABSENT) {
    batch.delete(key);
    return false;
  }
  batch.putPart(key, bytes, valueAt, valueAt + valueLength);
  return true;
}
