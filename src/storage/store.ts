/**
 * The storage contract. Everything durable except blob bytes goes through it, and every provider keeps it.
 *
 * Keys are bytes ordered by unsigned comparison, values are bytes. A store is a sequence of commits, each with a
 * version one greater than the last; a transaction reads as of one version with its own writes on top.
 *
 * **Synchronous when possible.** Reads return `Awaitable`: a provider answers at once whenever it can do so without
 * waiting for a disk or a network, and a caller on a hot path takes that road without creating a promise.
 *
 * **Visible is not acknowledged.** A commit becomes visible to every reader, and releases its locks, in the
 * synchronous stretch that orders it. Whoever answers a client waits, with `whenDurable`, until the highest version it
 * observed is durable in the store's class; so nobody ever hears of what a crash could take back. `commit()` does both;
 * `commitVisible()` does the first half, for servers that gather many replies behind one watermark.
 *
 * **Isolation.** `snapshot`: one version for the whole transaction, and a commit fails with `transaction_conflict` when
 * a key it wrote or locked was changed since. `readCommitted`: each statement (see `Transaction.beginStatement`) reads
 * the newest version and later waits for locks instead of failing. `serializable`: as `snapshot`, and what was read
 * (keys, and ranges with the gaps between keys) must be unchanged as well.
 *
 * **Bounds.** A key has 1 to 65,535 bytes, the first of them not zero (engines keep such keys for themselves); a value up to `VALUE_BYTES_MAX`; the writes of one transaction up to
 * `TRANSACTION_BYTES_MAX`; more is `too_large`.
 */

import type { Awaitable } from '../base/awaitable.ts';
import type { Bytes } from '../base/bytes.ts';
import type { Durability } from '../base/durability.ts';
import type { Observer } from '../base/observer.ts';
import type { Part } from '../base/parts.ts';
import type { Key, KeyRange } from './key-range.ts';
import type { PackedEntries } from './packed-entries.ts';

export const KEY_BYTES_MAX = 65_535;
/** 512 MiB, and room for what a model keeps beside so long a value. */
export const VALUE_BYTES_MAX = 512 * 1024 * 1024 + 64;
export const TRANSACTION_BYTES_MAX = 640 * 1024 * 1024;

/**
 * A commit version: positive, growing by one per commit of a store, 0 before the first.
 * A `number`, because 2^53 commits at a million a second take 285 years.
 */
export type Version = number;

export type Isolation = 'snapshot' | 'readCommitted' | 'serializable';

export interface TransactionOptions {
  /** Default `snapshot`. */
  readonly isolation?: Isolation;
  /** Writes throw `invalid_argument`. Default false. */
  readonly readOnly?: boolean;
  /** A hint that it will hardly write or lock; nothing is wrong when it does. Default: as `readOnly`. */
  readonly expectsReads?: boolean;
  /** Lowers the acknowledgement of this transaction from `disk` to `process`; never below, never above the store's. */
  readonly durability?: Durability;
  /** For logs, metrics and deadlock messages, like `pg:4711`. */
  readonly label?: string;
  /** Of the same client: a deadlock may lead through both its locks and the transaction's. */
  readonly sessionLocks?: SessionLocks;
  /**
   * An open transaction that this one reads from the same snapshot as, whatever was committed since, and for as long as it likes.
   * Both isolate by snapshots, and neither is read-only. Not where `supports.shared`.
   */
  readonly snapshotOf?: Transaction;
  /** A promise to touch no key outside of it: then nobody has to hand over writes held back elsewhere. */
  readonly within?: KeyRange;
}

export interface ScanOptions {
  /** Keys in descending order. Default false. */
  readonly reverse?: boolean;
  /** At most this many entries. Default unlimited. */
  readonly limit?: number;
  /** Values are empty; cheaper where the provider can skip them. Default false. */
  readonly keysOnly?: boolean;
  /** Only so many bytes of each value are wanted: of a longer one what lies behind them may be missing. Default all of it. */
  readonly valueBytes?: number;
}

export interface Entry {
  readonly key: Key;
  readonly value: Bytes;
}

/**
 * A running scan. `next()` yields 1 to `SCAN_BATCH_ENTRIES_MAX` entries in order, and undefined at the end; the first
 * batches are small, later ones larger, so that a reader that stops early reads little. Views in a batch stay valid, but
 * pin larger buffers: copy what is kept for long. Close a cursor that was not read to its end.
 */
export interface Cursor {
  /** @throws OperationError `transaction_too_old`, `store_closed`, `corruption`, `io`. */
  next(): Awaitable<readonly Entry[] | undefined>;
  /**
   * As `next`, where the store has entries side by side: then it makes no objects of them, and there may be more of them,
   * also their values that `keysOnly` does without. Missing where a store never has.
   */
  nextPacked?(): Awaitable<PackedEntries | readonly Entry[] | undefined>;
  close(): void;
}

export const SCAN_BATCH_ENTRIES_MAX = 1_024;

/**
 * Of what a lock keeps others out. `presence` relies on the key having a value, whichever: it keeps out nobody but `removal`.
 * `share` relies on the value. `exclusive` is for writers, and what a write takes by itself. `removal` is for who takes away
 * what `presence` relies on, and keeps out everybody.
 */
export type LockMode = 'presence' | 'share' | 'exclusive' | 'removal';

export interface LockOptions {
  /** Default `exclusive`. Several transactions may hold one key in `presence` and `share`, and one in `exclusive` beside `presence`. */
  readonly mode?: LockMode;
  /**
   * `block` waits in order of arrival; `nowait` throws `lock_not_available` when any key is held; `skip` locks what is
   * free and leaves the rest out of the answer. Default `block`.
   */
  readonly wait?: 'block' | 'nowait' | 'skip';
  /** Bound on waiting; `lock_not_available` when it passes. Default: none, a deadlock is found at once. */
  readonly timeoutMs?: number;
}

/**
 * Locks of one client that outlive its transactions. Keys are names and no more: what transactions lock conflicts with
 * them like with each other, but a client's own transactions are strangers to them, so the two should not share keys.
 */
export interface SessionLocks {
  /**
   * False only with `skip`. A key that is held in share and asked for in exclusive is upgraded.
   * @throws OperationError `deadlock`, `lock_not_available`, `overloaded`.
   */
  lock(key: Key, options?: LockOptions): Awaitable<boolean>;
  /** Harmless for what is not held. */
  release(key: Key): void;
  /** From exclusive to share. */
  downgrade(key: Key): void;
  /** Gives up waiting; what is held stays. The waits fail with `transaction_closed`. */
  cancel(): void;
  /** Releases all. */
  close(): void;
}

/** What was ordered by a commit. */
export interface Commit {
  /** Version of the commit; for a transaction without writes, the version it read at. */
  readonly version: Version;
}

export interface Transaction extends Observer {
  readonly isolation: Isolation;
  /** Version that reads see; moves forward with `beginStatement` under `readCommitted`. */
  readonly readVersion: Version;
  readonly state: 'open' | 'committed' | 'rolledBack';

  /** The value, own writes first; undefined when absent. The bytes stay as they are; very long ones are not the caller's to change. */
  get(key: Key): Awaitable<Bytes | undefined>;
  /** Values in the order of `keys`. */
  batchGet(keys: readonly Key[]): Awaitable<readonly (Bytes | undefined)[]>;
  /** Entries of `range`, own writes merged in. Writes made after the scan began may or may not be seen by it. */
  scan(range: KeyRange, options?: ScanOptions): Cursor;

  /**
   * Reads that see what is there now, and nothing that the transaction writes from here on, also when it goes on to a newer
   * snapshot: for a statement whose parts do not see what the others write. Several may be open at once. Missing where the store cannot.
   */
  freeze?(): FrozenReads;

  /** The transaction takes its own copy of key and value. @throws OperationError `too_large`, `store_read_only`. */
  put(key: Key, value: Bytes): void;
  /**
   * As `put`, of a key that no other transaction can know of, because it begins with an id that was never given out before:
   * it is neither locked nor looked for. @returns false, writing nothing, when this transaction has a value there already.
   */
  putNew(key: Key, value: Bytes): boolean;
  /**
   * As `put`, of a key that this transaction has locked, or that nobody writes without a lock that this transaction holds,
   * like entries of an index to a locked row: it is not locked once more.
   */
  putLocked(key: Key, value: Bytes): void;
  /**
   * Puts all of `operations`, which are puts in the byte form of operations.ts, as by `lock` and `putLocked`, if it can be told
   * at once that none of the keys is there, in the newest state, or locked by others: of keys in ascending order at
   * `readCommitted`. @param hidden As for `putNew`: nobody else can know of the keys.
   * @returns false, having done nothing, where it cannot, and `lock` and `batchGet` are the way. Missing where it never can.
   */
  putAllNew?(operations: Bytes, hidden: boolean): boolean;
  /**
   * As `put` of a value in parts: they are written in slices, and others have their turns in between. They stay as they are, and
   * nothing else is asked of the transaction, until that is done. Missing where it would win nothing.
   */
  putInSlices?(key: Key, parts: readonly Part[]): Promise<void>;
  delete(key: Key): void;
  /** Deletes what the range holds at commit; one small record whatever the range holds. Conflicts as one would hope. */
  deleteRange(range: KeyRange): void;

  /**
   * Takes pessimistic locks, held until the end of the transaction (or a rollback to an earlier savepoint). Returns the
   * keys that were locked: all of them unless `wait` is `skip`. Under `readCommitted` re-read the rows afterwards; under
   * `snapshot` a key that changed since `readVersion` throws.
   * @throws OperationError `deadlock`, `lock_not_available`, `transaction_conflict`.
   */
  lock(keys: readonly Key[], options?: LockOptions): Awaitable<readonly Key[]>;

  /**
   * Requires that `key` holds `expected` (undefined: is absent) when this transaction commits; fencing and other
   * compare-and-set rules. @throws at commit OperationError `transaction_conflict`, or `error` where given.
   */
  require(key: Key, expected: Bytes | undefined, error?: () => Error): void;

  /**
   * Takes back what was observed since `observedVersion` was `told`: it went into writes of this transaction, and whoever is
   * answered learns of it no more than that there was a value under `key`. It is observed again when the writes are read.
   * Nothing is taken back where that itself is not durable. Missing where nothing is visible before it is durable.
   */
  withhold?(told: Version, key: Key): void;

  /** `readCommitted`: later reads see all that is committed now. No effect for the other levels. */
  beginStatement(): void;

  /**
   * `serializable`: false once a later commit has changed what was read, so that this transaction can commit no writes any
   * more. Missing where that level is not offered.
   */
  readsHold?(): boolean;

  savepoint(): Savepoint;
  /** Undoes writes and releases locks taken after the savepoint; the savepoint stays valid. */
  rollbackTo(savepoint: Savepoint): void;

  /** Orders the commit and waits until it is durable in its class. @throws as `commitVisible`, and `commit_unknown`. */
  commit(): Promise<Commit>;
  /**
   * Orders the commit: visible to all, locks released; see `Store.whenDurable` before answering anyone. Synchronous on
   * local stores unless the log is out of room.
   * @throws OperationError `transaction_conflict`, `transaction_too_old`, `disk_full`, `store_read_only`, `too_large`.
   */
  commitVisible(): Awaitable<Commit>;
  /** Ends the transaction without effect; harmless when it has already ended. */
  rollback(): void;
}

/** Of a transaction: to be ended before it does, or with it. */
export interface FrozenReads extends Pick<Transaction, 'get' | 'batchGet' | 'scan'> {
  /** Whether the transaction has written the key, or deleted it, since. */
  isWritten(key: Key): boolean;
  /** No more will be asked; harmless when it has ended. */
  end(): void;
}

/** A mark in a transaction's history. */
export interface Savepoint {
  readonly depth: number;
}

/** One change of a commit, in the order in which it was written. */
export type Change =
  | { readonly kind: 'put'; readonly key: Key; readonly value: Bytes }
  | { readonly kind: 'delete'; readonly key: Key }
  | { readonly kind: 'deleteRange'; readonly range: KeyRange };

export interface CommitRecord {
  readonly version: Version;
  readonly changes: readonly Change[];
}

/**
 * Writes gathered without a transaction, for an owner that knows nobody else writes its keys (a `keyspace-partition`):
 * no read set, no conflict check. `commit` orders all of them as one version.
 */
export interface WriteBatch {
  readonly count: number;
  put(key: Key, value: Bytes): void;
  /** As `put`, of the value that is `from[start, end)`. */
  putPart(key: Key, from: Bytes, start: number, end: number): void;
  delete(key: Key): void;
  deleteRange(range: KeyRange): void;
  /** Synchronous on local stores. @throws OperationError `disk_full`, `store_read_only`, `transaction_conflict` (a key is locked). */
  commit(): Awaitable<Commit>;
}

/** An owner of keys that hands its writes over late; see `Store.writeBehind`. */
export interface WriteBehind {
  /** Whether any key is locked by a transaction. */
  readonly anyLocked: boolean;
  /** Whether a transaction has locked this key: then it must not be written. */
  isLocked(key: Key): boolean;
  /** Nothing is held back any more. */
  stop(): void;
}

/** What a provider can do; tests and features are gated by it. */
export interface StoreSupports {
  /** Data survives `close` and a crash. */
  readonly persistent: boolean;
  /** `changes` can be read from any retained position. */
  readonly changeFeed: boolean;
  readonly pessimisticLocks: boolean;
  /** Several transactions may hold a key in mode `share`; else that mode is as `exclusive`. */
  readonly sharedLocks: boolean;
  readonly serializable: boolean;
  /** Several processes may open it at once. */
  readonly shared: boolean;
}

export interface StoreHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly reason?: string;
  /** Wall milliseconds since 1970 of the last operation that succeeded, where the store is elsewhere. */
  readonly lastSuccessAtMs?: number;
}

/** Figures of one provider's own kind, for metrics; `name` is of Prometheus and begins with the provider's type. */
export type ProviderFigure =
  | {
      readonly kind: 'counter' | 'gauge';
      readonly name: string;
      readonly about: string;
      readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
    }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly about: string;
      /** Upper bounds in ascending order. */
      readonly bounds: readonly number[];
      /** A count for each bound, and one for what lies beyond them. */
      readonly series: readonly {
        readonly labels: Readonly<Record<string, string>>;
        readonly counts: readonly number[];
        readonly sum: number;
      }[];
    };

/** Figures for metrics; bytes and counts since opening unless said otherwise. */
export interface StoreStatistics {
  readonly version: Version;
  readonly durableVersion: Version;
  readonly appliedVersion: Version;
  readonly commits: number;
  readonly conflicts: number;
  readonly deadlocks: number;
  readonly logSyncs: number;
  readonly logBytes: number;
  /** Bytes held in memory for writes not yet applied and for snapshots, now. */
  readonly overlayBytes: number;
  readonly openTransactions: number;
}

export interface Store {
  /** Name in the registry, like `local`. */
  readonly name: string;
  readonly durability: Durability;
  readonly supports: StoreSupports;

  begin(options?: TransactionOptions): Transaction;

  /** Missing where locks cannot outlive transactions. @param label For deadlock messages, like `pg:4711`. */
  sessionLocks?(label: string): SessionLocks;

  /** The newest committed value, without a transaction. What it observed is noted in `observer`. */
  get(key: Key, observer?: Observer): Awaitable<Bytes | undefined>;
  /**
   * As `get`, of several keys, in their order; fewer of them, if need be, where they would come to more than `bytesMax`.
   * Missing where others share the store.
   */
  batchGet?(keys: readonly Key[], bytesMax: number, observer?: Observer): Awaitable<readonly (Bytes | undefined)[]>;
  writeBatch(): WriteBatch;

  /**
   * For the owner of the keys of `range` that answers their readers itself and writes them to the store late: `flush` is
   * called before anybody else could read them, opens a snapshot, locks or commits, and writes what is held back with a
   * batch. It must not throw or wait. Undefined where an acknowledged write must be in a log, or where others share the store.
   * @param flushMost Does so for all but a little of it, in slices; undefined when that is all there is. It must not reject.
   */
  writeBehind?(range: KeyRange, flush: () => void, flushMost: () => Promise<void> | undefined): WriteBehind | undefined;
  /**
   * Who is about to begin a transaction, and may wait, asks first: undefined, or a promise that little is held back any more
   * of what it may look at, all of which `begin` would have handed over before it returns.
   */
  whenHandedOver?(within?: KeyRange): Promise<void> | undefined;

  /** Newest version ordered so far. */
  readonly version: Version;
  /**
   * Undefined when everything up to `version` is durable in `durability` (default: the store's class), else a promise.
   * The promise rejects with `commit_unknown` when a sync fails first.
   */
  whenDurable(version: Version, durability?: Durability): Promise<void> | undefined;
  /**
   * Undefined when the store takes writes now; else a promise of room. Callers that commit synchronously ask first, so
   * that the memory held for unapplied writes stays bounded.
   */
  whenWritable(): Promise<void> | undefined;

  /**
   * Calls `listener` inside the ordering stretch of every commit that touches `range`, before anyone can observe it.
   * The listener must not throw, wait or write, and looks at `changes`, which it may keep, within the call. @returns a function that stops the notification.
   */
  watch(range: KeyRange, listener: (record: CommitRecord) => void): () => void;

  /**
   * Calls `listener` when versions that were visible have been taken back because they never became durable (a failed
   * sync): whatever caches contents of the store drops all of it before it returns.
   */
  onReset(listener: () => void): () => void;

  /**
   * Durable commits with a version greater than `after`, in order, then live ones as they become durable.
   * Ends when `signal` aborts. @throws OperationError `transaction_too_old` when `after` was trimmed, `unsupported`.
   */
  changes(after: Version, signal?: AbortSignal): AsyncIterable<CommitRecord>;

  /**
   * What became of a transaction whose commit was `commit_unknown`, by the id in that error. The answer is final: what has
   * not happened by then never will. Undefined where no commit can be unknown while the process lives.
   * @throws OperationError `invalid_argument` for what is no id, `io`.
   */
  outcomeOf?(id: string): Promise<'committed' | 'rolledBack'>;

  /** Writes a key and reads it back; what readiness probes call. */
  probe(): Promise<void>;
  readonly health: StoreHealth;
  statistics(): StoreStatistics;
  /** What only this kind of provider counts. */
  figures?(): readonly ProviderFigure[];

  /** Finishes what was ordered, then releases everything. Open transactions fail with `store_closed`. */
  close(): Promise<void>;
}
