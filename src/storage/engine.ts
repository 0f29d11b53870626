/**
 * What a local store needs of the ordered key-value engine below it: the materialized state.
 *
 * The transaction manager above owns versions, isolation, durability and the log; an engine only holds, for one
 * position of the log, the newest value of each key. It is small on purpose, so that another one can take its place in a
 * day: see `providers/memory` (a copy-on-write B+tree) and `providers/rocksdb`.
 */

import type { Awaitable } from '../base/awaitable.ts';
import type { Bytes } from '../base/bytes.ts';
import type { Key, KeyRange } from './key-range.ts';
import type { PackedEntries } from './packed-entries.ts';
import type { Entry, ScanOptions, Version } from './store.ts';

export interface Engine {
  /** The position of the last batch that was applied; 0 for an empty engine. */
  readonly position: Version;
  /** It holds as much as it may: writes are refused with `out_of_memory` until something is deleted. */
  readonly full?: boolean;

  /** Newest value; the caller owns the bytes. Synchronous unless the engine expects to wait for a disk. */
  get(key: Key): Awaitable<Bytes | undefined>;
  /** Values in the order of `keys`; fewer than keys, if need be, where they would come to more than `bytesMax`. */
  batchGet(keys: readonly Key[], bytesMax?: number): Awaitable<readonly (Bytes | undefined)[]>;

  /** Whether there is no key in a range, as far as that can be told at once and cheaply: false where it cannot. */
  isEmptyIn?(range: KeyRange): boolean;

  /**
   * An immutable view of the state at exactly one position, which the view tells. While a batch is being applied that
   * is the position before or after it, never between. A promise only while an engine cannot give that guarantee.
   */
  snapshot(): Awaitable<EngineSnapshot>;

  /**
   * Applies a batch atomically and moves `position` to the batch's, without waiting for stable storage unless `sync`:
   * then this batch and all before it survive power loss once the promise resolves. One call at a time.
   */
  apply(batch: EngineBatch, options: { readonly sync: boolean }): Promise<void>;

  /** Tries to make an engine whose `apply` failed (a full disk) usable again. @throws while it cannot. */
  recover(): Promise<void>;

  /** Bytes of memory in use, by consumer, for metrics. */
  memory(): Readonly<Record<string, number>>;

  close(): Promise<void>;
}

/** Changes up to `position`, each key at most once in `operations`. */
export interface EngineBatch {
  readonly position: Version;
  /** Ranges to delete first, before any of the operations. */
  readonly deletedRanges: readonly KeyRange[];
  /** Holds operations as `operations.ts` lays them out; over a SharedArrayBuffer, so that a worker can read it. */
  readonly arena: Bytes;
  /** Offsets into `arena` of puts and deletes, `count` of them, in no order; over a SharedArrayBuffer. */
  readonly operations: Int32Array;
  readonly count: number;
}

export interface EngineSnapshot {
  readonly position: Version;
  get(key: Key): Awaitable<Bytes | undefined>;
  /** A batch holds 1 to `entriesMax` entries; undefined at the end. */
  scan(range: KeyRange, options: ScanOptions): EngineCursor;
  /** Must be called once; cursors of the snapshot end with it. */
  release(): void;
}

/** Entries that an engine has at hand side by side: all there are from where its cursor stands up to `end`. */
export interface PackedPiece {
  readonly entries: PackedEntries;
  /** Exclusive; undefined at the end of everything. */
  readonly end: Bytes | undefined;
}

export interface EngineCursor {
  next(entriesMax: number): Awaitable<readonly Entry[] | undefined>;
  /** The entries that come next, where they need not be read; `next` goes on behind them. Undefined when they must be. */
  packed?(): PackedPiece | undefined;
  close(): void;
}
