/**
 * Values on their way from the store to the arena of hot entries.
 *
 * What the store has at hand is kept at once. What comes from a disk is kept when it is there, unless its key was written
 * meanwhile: whoever writes says so (`noteWritten`), so that no entry ever shows less than what somebody was told. Keys
 * of several commands can be fetched with one call. Values of many megabytes are copied in slices, one value at a time, so that
 * others have their turns in between. Values that are large against the arena are not kept; how many are on their way is for
 * the caller to bound.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import { type Bytes, copyBytes } from '../../base/bytes.ts';
import { newObserver, type Observer } from '../../base/observer.ts';
import type { DatabaseKeys } from '../../models/keyvalue/keys.ts';
import type { Store } from '../../storage/store.ts';
import type { EntryArena } from './entry-arena.ts';
import { ABSENT, firstValueAt, type Slab, slabFor } from './entry-slab.ts';

/** Of the arena's bound: a larger value from disk is not kept, unless it is copied in slices. */
const LOADED_FRACTION = 64;
/** A longer value is copied in slices. */
const SLICED_BYTES_MIN = 16 * 1024 * 1024;
const SLICE_BYTES = 8 * 1024 * 1024;
/** Of the arena's bound: a larger value is not copied in slices. */
const SLICED_FRACTION = 2;
/** Of the arena's bound: what is fetched with one call. */
const FETCHED_FRACTION = 16;
/** Room for the keys of what is fetched with one call; more of them take more. */
const WANTED_BYTES = 16 * 1024;

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

/** Reads by the owner of the entries, which need not see what it holds back itself. */
export interface OwnReads {
  isUnderWay: boolean;
}

export interface ValueLoadsOptions {
  readonly store: Store;
  /** By number of the database. */
  readonly databases: readonly DatabaseKeys[];
  readonly arena: EntryArena;
  /** Bound on the memory of hot entries. */
  readonly hotBytesMax: number;
  readonly reads: OwnReads;
  /** Lets others have their turn. */
  readonly giveWay: () => Promise<void>;
  /** Of a key in `buffer[start, end)`. */
  readonly partitionOf: (database: number, buffer: Bytes, start: number, end: number) => number;
}

export class ValueLoads {
  readonly #store: Store;
  readonly #databases: readonly DatabaseKeys[];
  readonly #arena: EntryArena;
  readonly #reads: OwnReads;
  readonly #partitionOf: ValueLoadsOptions['partitionOf'];
  readonly #giveWay: () => Promise<void>;
  readonly #loadedBytesMax: number;
  readonly #slicedBytesMax: number;
  readonly #fetchedBytesMax: number;
  /** Resolves when the last of the values that are copied in slices is there. */
  #slicing: Promise<unknown> = Promise.resolve();
  /** By the hash of their keys. */
  readonly #byHash = new Map<number, Load>();
  readonly #observed: Observer = newObserver();
  /** What `want` has gathered, and the same keys as the store has them. */
  #wanted: Wanted[] = [];
  #wantedKeys: Bytes[] = [];
  /** Where their bytes lie, up to `#wantedUsed`. */
  #wantedBytes = Buffer.allocUnsafeSlow(0);
  #wantedUsed = 0;

  constructor(options: ValueLoadsOptions) {
    this.#store = options.store;
    this.#databases = options.databases;
    this.#arena = options.arena;
    this.#reads = options.reads;
    this.#partitionOf = options.partitionOf;
    this.#giveWay = options.giveWay;
    this.#slicedBytesMax = options.hotBytesMax / SLICED_FRACTION;
    this.#loadedBytesMax = options.hotBytesMax / LOADED_FRACTION;
    this.#fetchedBytesMax = Math.floor(options.hotBytesMax / FETCHED_FRACTION);
  }

  /** How many are on their way. */
  get count(): number {
    return this.#byHash.size;
  }

  /** Whether a value with that hash of its key is on its way, stale or not. */
  has(hash: number): boolean {
    return this.#byHash.has(hash);
  }

  /** What to wait for, where trying again is worth it then; undefined when nothing comes. */
  waiting(hash: number): Promise<boolean> | undefined {
    const load = this.#byHash.get(hash);
    return load === undefined || load.isStale ? undefined : load.done;
  }

  /** Somebody writes a key with that hash: what is on its way for it is not kept. */
  noteWritten(hash: number): void {
    const load = this.#byHash.get(hash);
    if (load !== undefined) load.isStale = true;
  }

  noteAllWritten(): void {
    for (const load of this.#byHash.values()) load.isStale = true;
  }

  /**
   * Reads the value of a key that the arena does not hold, and makes it a clean entry, the one at hand then; `observer` notes
   * what was observed. @returns undefined when that is done, or a promise of whether it is kept.
   */
  read(
    hash: number,
    database: number,
    buffer: Bytes,
    start: number,
    length: number,
    observer: Observer,
  ): Promise<boolean> | undefined {
    const observed = this.#observed;
    observed.observedVersion = 0;
    this.#reads.isUnderWay = true;
    let value: Awaitable<Bytes | undefined>;
    try {
      value = this.#store.get(this.#databases[database]!.encode(buffer.subarray(start, start + length)), observed);
    } finally {
      this.#reads.isUnderWay = false;
    }
    const { observedVersion } = observed;
    if (isPromise(value)) {
      const redisKey = copyBytes(buffer.subarray(start, start + length));
      const values = value.then((one) => [one]);
      return this.#keepLater([{ hash, database, redisKey }], values, observedVersion);
    }
    if (observedVersion > observer.observedVersion) observer.observedVersion = observedVersion;
    if (value !== undefined && value.length > SLICED_BYTES_MIN) {
      const redisKey = copyBytes(buffer.subarray(start, start + length));
      return this.#keepLater([{ hash, database, redisKey }], Promise.resolve([value]), observedVersion);
    }
    this.#keep(hash, database, buffer, start, length, value, observedVersion);
    return undefined;
  }

  /** Notes a key that is not here for `fetchWanted`, which follows in the same stretch. */
  want(hash: number, database: number, buffer: Bytes, start: number, length: number): void {
    if (this.#byHash.has(hash)) return;
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
   * Reads the wanted values with one call of a store that has `batchGet`. @returns undefined when they are here, as far as
   * they may be kept, or a promise of whether all of them are.
   */
  fetchWanted(): Promise<boolean> | undefined {
    const wanted = this.#wanted;
    if (wanted.length === 0) return undefined;
    const keys = this.#wantedKeys;
    this.#wanted = [];
    this.#wantedKeys = [];
    const observed = this.#observed;
    observed.observedVersion = 0;
    this.#reads.isUnderWay = true;
    let values: Awaitable<readonly (Bytes | undefined)[]>;
    try {
      values = this.#store.batchGet!(keys, this.#fetchedBytesMax, observed);
    } finally {
      this.#reads.isUnderWay = false;
    }
    const { observedVersion } = observed;
    if (isPromise(values)) {
      this.#renewWantedBytes(0);
      return this.#keepLater(wanted, values, observedVersion);
    }
    if (values.some((value) => value !== undefined && value.length > SLICED_BYTES_MIN)) {
      this.#renewWantedBytes(0);
      return this.#keepLater(wanted, Promise.resolve(values), observedVersion);
    }
    this.#wantedUsed = 0;
    this.#keepAll(wanted, values, observedVersion, undefined, undefined);
    return undefined;
  }

  /**
   * Values that come from a disk: kept when they are there, each unless its key was written meanwhile. @returns whether all
   * are kept.
   */
  #keepLater(
    wanted: readonly Wanted[],
    values: Promise<readonly (Bytes | undefined)[]>,
    version: number,
  ): Promise<boolean> {
    const loads = wanted.map((): Load => ({ done: Promise.resolve(false), isStale: false }));
    const end = (): void => {
      for (let i = 0; i < wanted.length; i++) {
        const { hash } = wanted[i]!;
        if (this.#byHash.get(hash) === loads[i]) this.#byHash.delete(hash);
      }
    };
    const notKept = (): boolean => {
      end();
      return false;
    };
    const done = values.then(
      (fetched) => {
        const sliced = this.#inSlices(wanted, fetched, loads);
        if (sliced !== undefined) {
          return sliced.then((slabs) => {
            end();
            return this.#keepAll(wanted, fetched, version, loads, slabs);
          }, notKept);
        }
        end();
        return this.#keepAll(wanted, fetched, version, loads, undefined);
      },
      notKept, // Whoever asks again gets the error.
    );
    for (let i = 0; i < wanted.length; i++) {
      const { hash } = wanted[i]!;
      loads[i]!.done = done;
      const older = this.#byHash.get(hash);
      if (older !== undefined) older.isStale = true;
      this.#byHash.set(hash, loads[i]!);
    }
    return done;
  }

  /** The slabs of those values that are copied in slices, by their places, when they are filled; undefined where there are none. */
  #inSlices(
    wanted: readonly Wanted[],
    values: readonly (Bytes | undefined)[],
    loads: readonly Load[],
  ): Promise<ReadonlyMap<number, Slab>> | undefined {
    const places: number[] = [];
    values.forEach((value, i) => {
      if (value !== undefined && value.length > SLICED_BYTES_MIN && value.length <= this.#slicedBytesMax)
        places.push(i);
    });
    if (places.length === 0) return undefined;
    const filled = this.#slicing.then(async () => {
      const slabs = new Map<number, Slab>();
      for (const i of places) {
        const slab = await this.#filledSlab(wanted[i]!, values[i]!, loads[i]!);
        if (slab !== undefined) slabs.set(i, slab);
      }
      return slabs;
    });
    this.#slicing = filled.catch(() => undefined);
    return filled;
  }

  /** Undefined where its key was written meanwhile. */
  async #filledSlab({ redisKey }: Wanted, value: Bytes, load: Load): Promise<Slab | undefined> {
    const slab = slabFor(redisKey.length, value.length);
    const valueAt = firstValueAt(redisKey.length);
    for (let at = 0; at < value.length; at += SLICE_BYTES) {
      if (load.isStale) return undefined;
      slab.bytes.set(value.subarray(at, at + SLICE_BYTES), valueAt + at);
      await this.#giveWay();
    }
    return slab;
  }

  /** Keeps what was fetched and is not too large, or lies in `slabs` already. @returns whether that is all. */
  #keepAll(
    wanted: readonly Wanted[],
    values: readonly (Bytes | undefined)[],
    version: number,
    loads: readonly Load[] | undefined,
    slabs: ReadonlyMap<number, Slab> | undefined,
  ): boolean {
    const arena = this.#arena;
    let all = values.length === wanted.length;
    for (let i = 0; i < values.length; i++) {
      const { hash, database, redisKey } = wanted[i]!;
      const value = values[i];
      const { length } = redisKey;
      const slab = slabs?.get(i);
      const isTooLarge = value !== undefined && value.length > this.#loadedBytesMax && slab === undefined;
      if (loads?.[i]?.isStale === true || isTooLarge) {
        all = false;
        continue;
      }
      if (arena.find(hash, database, redisKey, 0, length)) continue;
      this.#keep(hash, database, redisKey, 0, length, value, version, slab);
    }
    return all;
  }

  /** A clean entry of what the store said, which `slab` holds already where there is one. */
  #keep(
    hash: number,
    database: number,
    buffer: Bytes,
    start: number,
    length: number,
    value: Bytes | undefined,
    version: number,
    slab?: Slab,
  ): void {
    const arena = this.#arena;
    const partition = this.#partitionOf(database, buffer, start, start + length);
    const valueLength = value === undefined ? ABSENT : value.length;
    arena.write(hash, database, partition, buffer, start, length, valueLength, true, slab);
    if (slab !== undefined) arena.mark(mayExpire(value!));
    else if (value !== undefined) fillEntry(arena, value);
    arena.stampClean(version);
    arena.markFetched();
  }
}

/** Fills the entry at hand, which has room for just that, and marks it when the value may expire. */
export function fillEntry(arena: EntryArena, stored: Bytes): void {
  arena.slab.bytes.set(stored, arena.valueAt);
  arena.mark(mayExpire(stored));
}

/** Whether a stored value has flags, of which one is an expiry. */
export function mayExpire(stored: Bytes): boolean {
  return stored.length > 1 && stored[1] !== 0;
}
