/**
 * The `keyspace-partition` actors: each owns a range of hash slots of one Redis database, and commands run as its turns.
 *
 * **A turn never waits.** It reads what the store has at hand, writes into the batch of the current stretch
 * (`partition-commit.ts`) and is over. Work that would have to wait (a value on disk, a key locked by a transaction)
 * leaves the turn without a trace and runs as a transaction of its own that locks its keys; so only commands on those
 * keys are held up, and no partition ever stands still.
 *
 * **Several partitions.** A command whose keys lie in several partitions is a turn of each, entered in ascending order and
 * left in reverse: it is atomic, and two such commands cannot wait for each other.
 *
 * **Expiry.** A value is gone the millisecond its expiry says, by the platform's wall clock: reads decide. Its space is
 * reclaimed in the background, in slices with a bound, first where reads came across an expired key; hot entries are looked
 * through several times a second, what the store holds is walked over every few seconds.
 *
 * **Hot entries** of all partitions lie as bytes in one arena (`entry-arena.ts`). The quick commands of a protocol work
 * on it directly, a whole chunk of them at a time, once the partitions concerned have admitted them: a stretch is
 * synchronous, so what holds at the beginning of a turn holds until the stretch ends.
 */

import { assert } from '../../base/assert.ts';
import type { Awaitable } from '../../base/awaitable.ts';
import { isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { copyBytes, equalBytes, keySuccessor } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import { newObserver } from '../../base/observer.ts';
import type { Database, LookupCounts } from '../../models/keyvalue/database.ts';
import { isExpired, TransactionDatabase } from '../../models/keyvalue/database.ts';
import { DATABASES, DatabaseKeys } from '../../models/keyvalue/keys.ts';
import { expiryOf, LIFETIME_BYTES, markedExpiry, NEVER } from '../../models/keyvalue/values.ts';
import type { Platform, Timer } from '../../platform/platform.ts';
import type { Key } from '../../storage/key-range.ts';
import type { Subspace } from '../../storage/keyspace.ts';
import { runTransaction } from '../../storage/run-transaction.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import type { ActorReference, ActorRuntime, Turn } from '../actor.ts';
import { defineActor } from '../actor.ts';
import { isReady } from '../reference.ts';
import type { EntryArenaStatistics } from './entry-arena.ts';
import type { EntryFileOptions } from './entry-file.ts';
import { HASH_SLOTS, hashSlot } from './hash-slot.ts';
import { CommitFailed, PartitionCommit, WOULD_WAIT, WouldWait } from './partition-commit.ts';

/** Something to do within a turn: synchronous, and done when `run` returns. It keeps its own outcome and errors. */
export interface PartitionWork {
  run(): void;
}

/** The actor key is the number of the partition: database times partitions per database, plus the place in it. */
export const KeyspacePartition = defineActor({
  type: 'keyspace-partition',
  persistent: false,
  idleMs: Number.POSITIVE_INFINITY,
  initial: () => undefined,
  methods: {
    run(_turn: Turn<undefined>, work: PartitionWork): void {
      work.run();
    },
  },
});

export interface KeyspacePartitionsOptions {
  readonly runtime: Pick<ActorRuntime, 'get'>;
  readonly store: Store;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  /** `Keyspace.kv`. */
  readonly space: Subspace;
  /** Default 16. */
  readonly databases?: number;
  /** A divisor of 16,384. Default 16. */
  readonly partitionsPerDatabase?: number;
  /** Bound on the memory of hot entries. Default 64 MiB. */
  readonly hotBytesMax?: number;
  /** For entries that this memory has no room for; default: they are read from the store again. */
  readonly entryFile?: EntryFileOptions | undefined;
  /**
   * Whether writes to a store of class `memory` may reach it seconds after their replies; see `written-behind.ts`. Other
   * stores are always written through. Default false.
   */
  readonly writeBehind?: boolean;
}

const HOT_BYTES_MAX = 64 * 1024 * 1024;

const PARTITIONS_PER_DATABASE = 16;
const RECLAIM_PERIOD_MS = 100;
/** Background periods between two parts of a walk. */
const WALK_PERIODS = 80;
const RECLAIM_SLICE_ENTRIES = 1024;
/** Slices of one part: the store puts recent writes in order for the first of them, and the others have it for nothing. */
const RECLAIM_SLICES_MIN = 8;
/** A slice in which so many entries had expired is followed by another one at once, up to `RECLAIM_SLICES_MAX`. */
const RECLAIM_AGAIN_FRACTION = 0.25;
const RECLAIM_SLICES_MAX = 64;
const EXPIRED_HINTS_MAX = 1024;
/** Hot entries are looked through by slabs, so many in each period: a millisecond. */
const RECLAIM_SLABS = 8;
/** Of a slab, so many expired entries are deleted before others have their turn, and so often in each period. */
const RECLAIM_HOT_ENTRIES = 128;
const RECLAIM_HOT_SLICES_MAX = 64;

interface ExpiredKey {
  readonly database: number;
  readonly redisKey: Bytes;
}

/** Keys of a database, expired ones included until they are reclaimed. */
export interface KnownKeys {
  readonly keys: number;
  /** Of them, those with an expiry. */
  readonly expiring: number;
}

/** Counts since opening. */
export interface KeyspaceStatistics {
  readonly reclaimedKeys: number;
  /** Commands that left their turn to wait, for a disk or for a lock. */
  readonly waitingCommands: number;
  /** Of all partitions; `evictedEntries` since opening, the others now. */
  readonly hot: EntryArenaStatistics;
}

/** All partitions of all databases over one store. */
export class KeyspacePartitions {
  readonly databases: number;
  readonly store: Store;
  /** Where the keys of all databases are. */
  readonly space: Subspace;
  readonly #platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly #partitionsPerDatabase: number;
  readonly #slotShift: number;
  readonly #references: readonly ActorReference<typeof KeyspacePartition.methods>[];
  readonly #views: readonly PartitionDatabase[];
  readonly #commit: PartitionCommit;
  readonly #hints: ExpiredKey[] = [];
  #reclaimTimer: Timer | undefined;
  #reclaiming = false;
  /** The number of databases when it is the turn of what the store does not hold. */
  #reclaimDatabase = 0;
  #reclaimFrom: Key | undefined;
  #reclaimDirtyFrom = 0;
  /** The slab of hot entries to look through next. */
  #reclaimSlab = 0;
  /** Nothing is walked over while no value has an expiry: since a whole round saw none, none was written. */
  #walks = true;
  #roundSawExpiry = false;
  #periods = 0;
  #reclaimedKeys = 0;
  /** Of those, how many the store had been given the last time that was looked at. */
  #toldKeys = 0;
  /** Whether somebody is told of changes to keys. */
  isObserved: () => boolean = () => false;
  #waitingCommands = 0;
  /** Expired values being deleted in transactions. */
  #deleting = 0;
  readonly #admit = new Admission();
  /** By partition: the number of the stretch, or of the part of one, that was told it may run turns. */
  readonly #admitted: Float64Array;
  #stretch = 1;

  constructor(options: KeyspacePartitionsOptions) {
    const { runtime, store, platform, space } = options;
    const perDatabase = options.partitionsPerDatabase ?? PARTITIONS_PER_DATABASE;
    assert(perDatabase >= 1 && HASH_SLOTS % perDatabase === 0, () => `${perDatabase} is no divisor of ${HASH_SLOTS}`);
    this.databases = options.databases ?? DATABASES;
    this.store = store;
    this.space = space;
    this.#platform = platform;
    this.#partitionsPerDatabase = perDatabase;
    this.#slotShift = Math.log2(HASH_SLOTS / perDatabase);
    this.#admitted = new Float64Array(this.databases * perDatabase);
    const keys = Array.from({ length: this.databases }, (_, number) => new DatabaseKeys(space, number));
    this.#commit = new PartitionCommit({
      store,
      range: space.range(),
      databases: keys,
      hotBytesMax: options.hotBytesMax ?? HOT_BYTES_MAX,
      file: options.entryFile,
      writeBehind: options.writeBehind ?? false,
      giveWay: () => platform.timers.yield(),
      seed: Buffer.from(platform.random.bytes(4)).readInt32LE(0),
      partitionOf: (database, buffer, start, end) => this.partitionOf(database, buffer, start, end),
    });
    this.#references = Array.from({ length: this.databases * perDatabase }, (_, number) =>
      runtime.get(KeyspacePartition, number),
    );
    this.#views = keys.map(
      (databaseKeys, number) =>
        new PartitionDatabase(number, databaseKeys, this.#commit, (redisKey) => {
          if (this.#hints.length < EXPIRED_HINTS_MAX) {
            this.#hints.push({ database: number, redisKey: copyBytes(redisKey) });
          }
        }),
    );
  }

  /** The partition of the key in `buffer[start, end)`. */
  partitionOf(database: number, buffer: Bytes, start: number, end: number): number {
    return database * this.#partitionsPerDatabase + (hashSlot(buffer, start, end) >>> this.#slotShift);
  }

  /** Partition numbers of a whole database, ascending. */
  partitionsOf(database: number): readonly number[] {
    const first = database * this.#partitionsPerDatabase;
    return Array.from({ length: this.#partitionsPerDatabase }, (_, i) => first + i);
  }

  /**
   * Begins a stretch of turns: what they observe is noted in `observer`, and time stands still at `nowMs`. A stretch is
   * synchronous; `commit` or `discard` ends it.
   */
  begin(observer: Observer, nowMs: number): void {
    this.#commit.observer = observer;
    this.#commit.nowMs = nowMs;
    this.#endAdmissions();
  }

  /** The entries of the current stretch, for commands that work on bytes; only in partitions that `admit` them. */
  get entries(): PartitionCommit {
    return this.#commit;
  }

  /**
   * Whether a turn of this partition may run now. Where the reference cannot tell, an empty turn is asked. True until the end
   * of the stretch or the next turn in it: nothing else runs meanwhile.
   */
  admit(partition: number): boolean {
    return this.#admitted[partition] === this.#stretch || this.#ask(partition);
  }

  #ask(partition: number): boolean {
    if (!isReady(this.#references[partition]!)) {
      this.#admit.done = false;
      if (!this.run(partition, this.#admit) || !this.#admit.done) return false;
    }
    this.#admitted[partition] = this.#stretch;
    return true;
  }

  /** What a partition was asked before does not count any more. */
  #endAdmissions(): void {
    this.#stretch++;
  }

  /** From here to `endTurn` the writes of a command can be undone, by `undoTurn`. */
  beginTurn(): void {
    this.#commit.beginTurn();
  }

  endTurn(): void {
    this.#commit.endTurn();
  }

  undoTurn(): void {
    this.#commit.undoTurn();
  }

  /** Hands everything over to the store that was written behind. */
  settle(): void {
    this.#commit.behind?.settle();
  }

  /** As `settle`, of most of it and in slices, where there is so much that it would hold everybody up; else undefined. */
  settleMost(): Promise<void> | undefined {
    return this.#commit.behind?.settleMost();
  }

  /** A database as the turns of this stretch see it; only to be used by work that runs in the right partitions. */
  database(number: number): Database {
    return this.#views[number]!;
  }

  /** As `PartitionCommit.takeLoading`. */
  takeLoading(): Promise<boolean> | undefined {
    return this.#commit.takeLoading();
  }

  /** Writes of this stretch that are not ordered yet. */
  get writes(): number {
    return this.#commit.writes;
  }

  /** Batches ordered so far; it changes within a turn that had to see earlier writes of its stretch. */
  get commits(): number {
    return this.#commit.commits;
  }

  /**
   * Runs `work` as a turn of one partition. @returns false when the turn could not begin at once: it has not run,
   * may be run later in vain, and should go through `wait`. @throws OperationError `overloaded`, `lease_lost`.
   */
  run(partition: number, work: PartitionWork): boolean {
    this.#endAdmissions();
    const outcome = this.#references[partition]!.run(work);
    if (!isPromise(outcome)) return true;
    outcome.catch(() => undefined);
    return false;
  }

  /** As `run`, as a turn of several partitions in ascending order. */
  runAll(partitions: readonly number[], work: PartitionWork): boolean {
    return this.#enter(partitions, 0, work);
  }

  #enter(partitions: readonly number[], index: number, work: PartitionWork): boolean {
    if (index === partitions.length - 1) return this.run(partitions[index]!, work);
    let entered = false;
    const began = this.run(partitions[index]!, {
      run: () => {
        entered = this.#enter(partitions, index + 1, work);
      },
    });
    return began && entered;
  }

  /** Orders the writes of this stretch; see `PartitionCommit.commit`. */
  commit(): Awaitable<void> {
    return this.#commit.commit();
  }

  /** Forgets the writes of this stretch that are not ordered yet. */
  discard(): void {
    this.#commit.discard();
  }

  /**
   * Runs work that may wait, as a transaction: `lockKeys` are locked first, in the order in which others arrived. What
   * it returns is durable. `work` runs again after a conflict.
   * @throws OperationError those of `runTransaction`.
   */
  wait<T>(options: WaitOptions, work: (database: (number: number) => Database) => Awaitable<T>): Promise<T> {
    this.#waitingCommands++;
    return runTransaction(
      this.store,
      this.#platform,
      async (transaction) => {
        const locks = options.lockKeys.map((key) => copyBytes(this.#views[options.database]!.keys.encode(key)));
        if (locks.length > 0) await transaction.lock(locks);
        transaction.beginStatement();
        const nowMs = this.#platform.clock.nowMs();
        return work((number) => {
          const { keys } = this.#views[number]!;
          const database = new LockingDatabase(transaction, keys, nowMs, (redisKey) => {
            const isLocked = number === options.database && options.lockKeys.some((key) => equalBytes(key, redisKey));
            return isLocked || options.readOnly ? this.#commit.lent(number, redisKey, transaction) : undefined;
          });
          database.lookups = options.lookups;
          database.pause = () => this.#platform.timers.yield();
          return database;
        });
      },
      { isolation: 'readCommitted', label: 'resp', readOnly: options.readOnly },
    );
  }

  /**
   * How many keys a database has, at once, where all of them are in memory; undefined where not. Keys whose expiry a read came
   * across are gone. Only between the commands of a stretch, with nothing left to order.
   */
  known(database: number): KnownKeys | undefined {
    const { arena } = this.#commit;
    if (!arena.counts.isComplete(database)) return undefined;
    if (this.#hints.length > 0) {
      const { observer, nowMs } = this.#commit;
      this.#deleteHinted();
      this.begin(observer, nowMs);
      if (!arena.counts.isComplete(database)) return undefined;
    }
    return { keys: arena.counts.present[database]!, expiring: arena.counts.marked[database]! };
  }

  /** Begins to reclaim expired keys in the background. */
  start(): void {
    this.#reclaimTimer ??= this.#platform.timers.every(RECLAIM_PERIOD_MS, () => {
      this.#tellReclaimed();
      this.#commit.behind?.flushSome();
      if (this.#reclaiming) return;
      this.#reclaiming = true;
      const isWalk = ++this.#periods % WALK_PERIODS === 0;
      (isWalk ? this.reclaim() : this.reclaimHot())
        .catch(() => undefined) // A busy, full or closing store: the next period tries again.
        .finally(() => {
          this.#reclaiming = false;
        });
    });
  }

  /** Ends the background work and hands over to the store what it does not have yet. Call it once, before the store closes. */
  stop(): void {
    this.#reclaimTimer?.cancel();
    this.#reclaimTimer = undefined;
    this.#commit.close();
  }

  statistics(): KeyspaceStatistics {
    return {
      reclaimedKeys: this.#reclaimedKeys,
      waitingCommands: this.#waitingCommands,
      hot: this.#commit.arena.statistics(),
    };
  }

  /** Whoever observes keys is told by the store, also while nobody else does anything. */
  #tellReclaimed(): void {
    if (this.#toldKeys === this.#reclaimedKeys) return;
    this.#toldKeys = this.#reclaimedKeys;
    if (this.isObserved()) this.settle();
  }

  #deleteHinted(): void {
    for (const { database, redisKey } of this.#hints.splice(0)) this.#deleteIfExpired(database, redisKey);
  }

  /** What reads came across, then what has expired among some of the hot entries. */
  async reclaimHot(): Promise<void> {
    this.#deleteHinted();
    let slabs = 0;
    for (let slice = 0; slabs < RECLAIM_SLABS && slice < RECLAIM_HOT_SLICES_MAX; slice++) {
      if (this.#commit.arena.counts.markedOfAll === 0) return;
      const expired = this.#expiredInSlab();
      const reclaimedBefore = this.#reclaimedKeys;
      const markedBefore = this.#commit.arena.counts.markedOfAll;
      for (const { database, redisKey } of expired) this.#deleteIfExpired(database, redisKey);
      if (expired.length === RECLAIM_HOT_ENTRIES) {
        // Those that are locked are not hot any more; here the partitions themselves do not let anybody in.
        if (this.#reclaimedKeys === reclaimedBefore && this.#commit.arena.counts.markedOfAll === markedBefore) break;
      } else {
        slabs++;
        if (this.#reclaimSlab === 0) break;
      }
      if (expired.length > 0) await this.#platform.timers.yield();
    }
    this.#tellReclaimed();
  }

  /** Expired keys of a slab of hot entries, up to a bound; if those were all, the next look is at the slab behind it. */
  #expiredInSlab(): readonly ExpiredKey[] {
    const { arena } = this.#commit;
    const nowMs = this.#platform.clock.nowMs();
    const expired: ExpiredKey[] = [];
    this.#reclaimSlab = arena.visitMarked(this.#reclaimSlab, () => {
      const { bytes } = arena.slab;
      if (markedExpiry(bytes, arena.valueAt) > nowMs) return true;
      const { keyAt } = arena;
      expired.push({ database: arena.database, redisKey: copyBytes(bytes.subarray(keyAt, keyAt + arena.keyLength)) });
      return expired.length < RECLAIM_HOT_ENTRIES;
    });
    return expired;
  }

  /** One period of reclaiming: what reads came across, hot entries, then slices of a walk over all databases. */
  async reclaim(): Promise<void> {
    await this.reclaimHot();
    if (this.#commit.expiryWritten) {
      this.#commit.expiryWritten = false;
      this.#walks = true;
      this.#roundSawExpiry = true;
    }
    if (!this.#walks) return;
    for (let slice = 0; slice < RECLAIM_SLICES_MAX; slice++) {
      const again = await this.#reclaimSlice();
      if (!this.#walks || (!again && slice >= RECLAIM_SLICES_MIN)) return;
      await this.#platform.timers.yield();
    }
  }

  /**
   * A slice of a round: of one database after the other, then of the entries that the store does not hold yet.
   * @returns whether so much had expired that looking further at once is worth it.
   */
  async #reclaimSlice(): Promise<boolean> {
    const nowMs = this.#platform.clock.nowMs();
    const expired: ExpiredKey[] = [];
    while (this.#reclaimDatabase < this.databases && this.#nothingExpires(this.#reclaimDatabase)) {
      this.#reclaimDatabase++;
      this.#reclaimFrom = undefined;
    }
    if (this.#reclaimDatabase === this.databases) {
      const visit = (database: number, redisKey: Bytes, stored: Bytes): void => {
        const expiresAtMs = expiryOf(stored);
        if (expiresAtMs === NEVER) return;
        this.#roundSawExpiry = true;
        if (expiresAtMs <= nowMs) expired.push({ database, redisKey: copyBytes(redisKey) });
      };
      const { behind } = this.#commit;
      this.#reclaimDirtyFrom = behind?.visitUnsettled(this.#reclaimDirtyFrom, RECLAIM_SLICE_ENTRIES, visit) ?? 0;
      if (this.#reclaimDirtyFrom === 0) this.#endRound();
    } else {
      await this.#walk(this.#reclaimDatabase, nowMs, expired);
    }
    for (const { database, redisKey } of expired) this.#deleteIfExpired(database, redisKey);
    return expired.length >= RECLAIM_SLICE_ENTRIES * RECLAIM_AGAIN_FRACTION;
  }

  #nothingExpires(database: number): boolean {
    const { arena } = this.#commit;
    return arena.counts.isComplete(database) && arena.counts.marked[database]! === 0;
  }

  /** A slice of what the store holds of a database; the next slice goes on behind it. */
  async #walk(database: number, nowMs: number, expired: ExpiredKey[]): Promise<void> {
    const { keys } = this.#views[database]!;
    const range = { start: this.#reclaimFrom ?? keys.range.start, end: keys.range.end };
    let seen = 0;
    // Whatever it finds is looked at again in a turn.
    const transaction = this.#commit.withoutSettling(() => this.store.begin({ readOnly: true, label: 'expiry' }));
    try {
      const cursor = transaction.scan(range, { limit: RECLAIM_SLICE_ENTRIES, valueBytes: LIFETIME_BYTES });
      for (;;) {
        const batch = await cursor.next();
        if (batch === undefined) break;
        seen += batch.length;
        this.#reclaimFrom = keySuccessor(batch[batch.length - 1]!.key);
        for (const { key, value } of batch) {
          const expiresAtMs = expiryOf(value);
          if (expiresAtMs === NEVER) continue;
          this.#roundSawExpiry = true;
          if (expiresAtMs <= nowMs) expired.push({ database, redisKey: keys.decode(key) });
        }
      }
    } finally {
      transaction.rollback();
    }
    if (seen < RECLAIM_SLICE_ENTRIES) {
      this.#reclaimFrom = undefined;
      this.#reclaimDatabase++;
    }
  }

  /** Where other processes may have written it since: the store decides. */
  #deleteInTransaction(database: number, redisKey: Bytes): void {
    if (this.#deleting >= EXPIRED_HINTS_MAX) return;
    this.#deleting++;
    const deletion = this.wait({ database, lockKeys: [redisKey], readOnly: false }, async (databases) => {
      const on = databases(database);
      const stored = await on.get(redisKey);
      if (stored === undefined || !isExpired(stored, on.nowMs)) return false;
      on.delete(redisKey);
      return true;
    });
    deletion.then(
      (deleted) => {
        this.#deleting--;
        if (deleted) this.#reclaimedKeys++;
      },
      () => {
        this.#deleting--; // A busy or closing store: it is found again.
      },
    );
  }

  #endRound(): void {
    this.#reclaimDatabase = 0;
    // Expiries that other processes wrote are not told.
    this.#walks = this.#roundSawExpiry || !this.#commit.keeps;
    this.#roundSawExpiry = false;
  }

  /** Looks again within the key's turn: it may have been written since. A key that is locked stays for another time. */
  #deleteIfExpired(database: number, redisKey: Bytes): void {
    const view = this.#views[database]!;
    if (!this.#commit.keeps) {
      this.#deleteInTransaction(database, redisKey);
      return;
    }
    this.begin(newObserver(), this.#platform.clock.nowMs());
    try {
      let deleted = false;
      const entered = this.run(this.partitionOf(database, redisKey, 0, redisKey.length), {
        run: () => {
          deleted = attemptDelete(view, redisKey);
        },
      });
      if (!entered || !deleted) return;
      const committed = this.commit();
      if (isPromise(committed)) committed.catch(() => undefined);
      this.#reclaimedKeys++;
    } catch (error) {
      this.discard();
      if (!(error instanceof OperationError)) throw error;
    }
  }
}

export interface WaitOptions {
  /** Where it counts what it finds. */
  readonly lookups?: LookupCounts | undefined;
  readonly database: number;
  /** Redis keys, owned by the caller and left unchanged until the promise settles. */
  readonly lockKeys: readonly Bytes[];
  readonly readOnly: boolean;
}

function attemptDelete(view: PartitionDatabase, redisKey: Bytes): boolean {
  try {
    const stored = view.get(redisKey);
    if (stored === undefined || !isExpired(stored, view.nowMs)) return false;
    view.delete(redisKey);
    return true;
  } catch (error) {
    if (error instanceof WouldWait || error instanceof CommitFailed) return false;
    throw error;
  }
}

/** Asks whether a turn may run. */
class Admission implements PartitionWork {
  done = false;

  run(): void {
    this.done = true;
  }
}

/** One database within a stretch of turns. */
class PartitionDatabase implements Database {
  readonly number: number;
  readonly keys: DatabaseKeys;
  readonly noteExpired: (redisKey: Bytes) => void;
  putInSlices: Database['putInSlices'];
  pause: Database['pause'];
  readonly #commit: PartitionCommit;

  constructor(number: number, keys: DatabaseKeys, commit: PartitionCommit, noteExpired: (redisKey: Bytes) => void) {
    this.number = number;
    this.keys = keys;
    this.#commit = commit;
    this.noteExpired = noteExpired;
    // A turn would write all of it in one piece, and fill the memory of hot entries with it.
    if (commit.prefersSlices) {
      this.putInSlices = () => {
        throw WOULD_WAIT;
      };
    }
    this.pause = () => {
      throw WOULD_WAIT;
    };
  }

  get nowMs(): number {
    return this.#commit.nowMs;
  }

  get lookups(): LookupCounts | undefined {
    return this.#commit.lookups;
  }

  get(redisKey: Bytes): Bytes | undefined {
    return this.#commit.get(this.number, redisKey);
  }

  put(redisKey: Bytes, stored: Bytes): void {
    this.#commit.put(this.number, redisKey, stored);
  }

  delete(redisKey: Bytes): void {
    this.#commit.delete(this.number, redisKey);
  }

  clear(): void {
    this.#commit.clear(this.number);
  }
}

/**
 * A database within a transaction that holds locks on some keys, or only reads. What those hold lies among the hot entries as
 * well as in the store, which would have to fetch it: long values are read from there.
 */
class LockingDatabase extends TransactionDatabase {
  readonly #lent: (redisKey: Bytes) => Bytes | undefined;

  constructor(
    transaction: Transaction,
    keys: DatabaseKeys,
    nowMs: number,
    lent: (redisKey: Bytes) => Bytes | undefined,
  ) {
    super(transaction, keys, nowMs);
    this.#lent = lent;
  }

  override get(redisKey: Bytes): Awaitable<Bytes | undefined> {
    return this.#lent(redisKey) ?? super.get(redisKey);
  }
}
