/**
 * The entries of all `keyspace-partition` turns: read from memory, written to memory at once and to the store together.
 *
 * Hot entries lie as bytes in one arena (`entry-arena.ts`); what it does not hold is read from the store (`value-loads.ts`).
 * A write changes the arena, where every later turn sees it, and marks the entry dirty; a key written ten times is one write
 * of the store. When dirty entries reach the store depends on what their acknowledgement promises:
 *
 * - **Written through** (stores that log): `commit`, at the end of a stretch of commands, orders them as one commit, before
 *   the event loop is given back. So no other reader can tell that writes were gathered, and replies wait for the
 *   log as everybody's do. An entry remembers the version that wrote it, so that a reply that shows it waits too.
 * - **Written behind** (a store of class `memory`, which keeps no log): see `written-behind.ts`.
 *
 * **Writes of others** to these keys (SQL, MULTI, commands that had to wait) are seen by a watch on the range, inside the
 * stretch that orders them: the arena forgets those entries. When the store takes versions back, it forgets all.
 * Where other processes write to the store too, there are no turns to speak of: every read and write would have to wait, so
 * every command runs as a transaction.
 *
 * **Taking back.** `undoTurn` undoes the writes of the current turn; `discard` those of a stretch that could not be
 * ordered: the arena forgets the entries, and the store's word counts again.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { Observer } from '../../base/observer.ts';
import { newObserver } from '../../base/observer.ts';
import type { LookupCounts } from '../../models/keyvalue/database.ts';
import type { DatabaseKeys } from '../../models/keyvalue/keys.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import { rangeContains, rangeIncludes, rangesOverlap } from '../../storage/key-range.ts';
import { type Commit, type CommitRecord, type Store, VALUE_BYTES_MAX, type WriteBatch } from '../../storage/store.ts';
import { EntryArena } from './entry-arena.ts';
import type { EntryFileOptions } from './entry-file.ts';
import { ABSENT } from './entry-slab.ts';
import { TurnUndo } from './turn-undo.ts';
import { fillEntry, mayExpire, type OwnReads, ValueLoads } from './value-loads.ts';
import { gatherEntry, WrittenBehind } from './written-behind.ts';

/** Thrown by a turn that cannot go on without waiting; it has written nothing. The caller runs the work another way. */
export class WouldWait extends Error {
  override readonly name = 'WouldWait';
}

/** Ordering earlier writes failed in the middle of a turn; those writes, and the turn, have had no effect. */
export class CommitFailed extends Error {
  override readonly name = 'CommitFailed';
}

/** One instance: it is control flow, and its stack says nothing. */
export const WOULD_WAIT = new WouldWait('the turn would have to wait');

/** Values fetched at once beyond those that commands wait for. */
const LOADS_MAX = 1_024;
/** A longer value that somebody else has written is not kept before it is asked for. */
const FOREIGN_BYTES_MAX = 64 * 1024;
/** A value so long is not copied for whoever reads it. */
const LENT_BYTES = 256 * 1024;
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
  /** For entries that memory has no room for; default: they are read from the store again. */
  readonly file?: EntryFileOptions | undefined;
  /** Where the store is of class `memory`: whether writes may reach it later than their replies leave. */
  readonly writeBehind: boolean;
  /** Lets others have their turn. */
  readonly giveWay: () => Promise<void>;
  readonly seed: number;
  /** Of a key in `buffer[start, end)`. */
  readonly partitionOf: (database: number, buffer: Bytes, start: number, end: number) => number;
}

export class PartitionCommit {
  readonly arena: EntryArena;
  readonly loads: ValueLoads;
  /** Where writes may reach the store later than their replies leave. */
  readonly behind: WrittenBehind | undefined;
  /** Notes what the current stretch read and wrote: set by whoever executes it. */
  observer: Observer = newObserver();
  /** Wall time of the current stretch, milliseconds. */
  nowMs = 0;
  /** Where the turn at hand counts what it finds. */
  lookups: LookupCounts | undefined;
  /** Whether a value with an expiry was written, by anyone, since it was last set to false. */
  expiryWritten = false;
  readonly #store: Store;
  readonly #databases: readonly DatabaseKeys[];
  readonly #partitionOf: PartitionCommitOptions['partitionOf'];
  /** Whether the arena may keep entries that are not dirty. */
  readonly #keeps: boolean;
  /** Whether replies that show an entry must wait for its version. */
  readonly #gated: boolean;
  readonly #stops: (() => void)[] = [];
  /** Reads of our own, which need not wait for what is held back. */
  readonly #reads: OwnReads = { isUnderWay: false };
  readonly #undo: TurnUndo;
  /** Empty, for the next commit; and the one that is being gathered. */
  #batch: WriteBatch | undefined;
  #gathered: WriteBatch | undefined;
  #writes = 0;
  #commits = 0;
  /** Databases emptied since the last commit, before any of the dirty entries. */
  readonly #cleared = new Set<number>();
  /** Set while a store that orders asynchronously has not answered: nobody may read past it. */
  #ordering: Promise<unknown> | undefined;
  /** The commit that is being ordered is our own. */
  #committing = false;
  /** What the last read that would have had to wait is waiting for. */
  #loading: Promise<boolean> | undefined;
  /** The batch being gathered removes a key. */
  #removes = false;
  /** The last commit that removed keys: who finds one absent has observed it. */
  #removedVersion = 0;
  readonly #visit: () => void;

  constructor(options: PartitionCommitOptions) {
    const { store } = options;
    this.#store = store;
    this.#databases = options.databases;
    this.#partitionOf = options.partitionOf;
    this.#keeps = !store.supports.shared;
    this.#gated = store.durability !== 'memory';
    this.arena = new EntryArena({
      bytesMax: options.hotBytesMax,
      seed: options.seed,
      ...(options.file !== undefined && this.#keeps && { file: options.file }),
    });
    const { arena } = this;
    const entries = {
      store,
      arena,
      databases: options.databases,
      hotBytesMax: options.hotBytesMax,
      reads: this.#reads,
      giveWay: options.giveWay,
    };
    this.loads = new ValueLoads({ ...entries, partitionOf: options.partitionOf });
    this.#undo = new TurnUndo(arena);
    if (options.writeBehind && !this.#gated && this.#keeps) {
      this.behind = WrittenBehind.begin({ ...entries, range: options.range });
    }
    this.#visit = () => {
      if (!gatherEntry(arena, this.#databases, this.#gathered!)) this.#removes = true;
    };
    this.#stops.push(
      store.watch(options.range, (record) => this.#onForeign(record)),
      store.onReset(() => {
        this.loads.noteAllWritten();
        this.arena.clear();
      }),
    );
    this.#findEmpty();
  }

  /** Hands over what was written behind; nobody may use it any more. */
  close(): void {
    this.behind?.stop();
    this.arena.close();
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
   * @param peeks Whether the entry is only read, before anything else is looked for: it may be a copy then.
   */
  locate(hash: number, database: number, buffer: Bytes, start: number, length: number, peeks = false): boolean {
    const { arena } = this;
    if (!this.#keeps || this.#ordering !== undefined) {
      this.#loading = undefined;
      return false;
    }
    if (arena.find(hash, database, buffer, start, length)) {
      if (this.#gated && !arena.isDirty) this.#observe(arena.stamp);
      return true;
    }
    if (arena.counts.isComplete(database)) {
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
    if (this.loads.count > 0) {
      const waiting = this.loads.waiting(hash);
      if (waiting !== undefined) {
        this.#loading = waiting;
        return false;
      }
    }
    if (
      peeks ? arena.peek(hash, database, buffer, start, length) : arena.restore(hash, database, buffer, start, length)
    ) {
      if (this.#gated) this.#observe(arena.stamp);
      return true;
    }
    this.#loading = this.loads.read(hash, database, buffer, start, length, this.observer);
    return this.#loading === undefined;
  }

  /** As `locate`, for a key whose hash `arena.touch` has followed to `reference`, with nothing done since but by these commands. */
  locateTouched(
    reference: number,
    hash: number,
    database: number,
    buffer: Bytes,
    start: number,
    length: number,
    peeks: boolean,
  ): boolean {
    if (this.#ordering !== undefined || !this.arena.findAt(reference, database, buffer, start, length)) {
      return this.locate(hash, database, buffer, start, length, peeks);
    }
    if (this.#gated && !this.arena.isDirty) this.#observe(this.arena.stamp);
    return true;
  }

  #observe(stamp: number, observer = this.observer): void {
    const newest = this.#store.version;
    // Wrong only after 2^32 commits, and then too careful.
    const version = newest - ((newest - stamp) >>> 0);
    if (version > observer.observedVersion) observer.observedVersion = version;
  }

  /** Whether values of this database may have to be fetched, and can be. */
  mayFetch(database: number): boolean {
    if (!this.#keeps || this.arena.counts.isComplete(database) || this.#store.batchGet === undefined) return false;
    return this.#ordering === undefined && this.#cleared.size === 0 && this.loads.count < LOADS_MAX;
  }

  /**
   * Notes a key that is not here for `loads.fetchWanted`, which follows in the same stretch. Only where `mayFetch`.
   * @param peeks What `locate` will be told.
   */
  want(hash: number, database: number, buffer: Bytes, start: number, length: number, peeks: boolean): void {
    if (peeks && this.arena.mayPeek(hash)) return;
    if (length > SHORT_KEY_BYTES || this.arena.restore(hash, database, buffer, start, length)) return;
    this.loads.want(hash, database, buffer, start, length);
  }

  /** Begins to fetch a value that a command behind will want, if it is not here; bounded. */
  prefetch(hash: number, database: number, buffer: Bytes, start: number, length: number): void {
    if (!this.#keeps || this.loads.count >= LOADS_MAX || this.loads.has(hash) || this.#ordering !== undefined) return;
    if (this.arena.counts.isComplete(database) || this.#cleared.size > 0) return;
    if (this.arena.find(hash, database, buffer, start, length)) return;
    if (this.arena.restore(hash, database, buffer, start, length)) return;
    this.loads.read(hash, database, buffer, start, length, this.observer);
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

  /** The stored value; the bytes stay as they are. @throws WouldWait, CommitFailed. */
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
    const lent = length < LENT_BYTES ? undefined : arena.lend();
    if (lent !== undefined) return lent;
    const from = arena.valueAt;
    const value = length <= Buffer.poolSize >>> 3 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
    arena.slab.bytes.copy(value, 0, from, from + length);
    return value;
  }

  /**
   * A long value that the store has as it is here, without asking the store; undefined where that cannot be told. Outside of
   * turns, of a key that the caller has locked; `observer` notes what was observed. The bytes stay as they are.
   */
  lent(database: number, redisKey: Bytes, observer: Observer): Bytes | undefined {
    const { arena } = this;
    const { length } = redisKey;
    if (!this.#keeps || !arena.find(arena.hash(database, redisKey, 0, length), database, redisKey, 0, length)) {
      return undefined;
    }
    if (arena.isDirty || arena.valueLength < LENT_BYTES) return undefined;
    if (this.#gated) this.#observe(arena.stamp, observer);
    return arena.lend();
  }

  /** Whether the store takes values of many megabytes in slices without holding others up: see `Database.putInSlices`. */
  get prefersSlices(): boolean {
    return this.#gated;
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
    if (!this.#keeps || this.#ordering !== undefined || length > SHORT_KEY_BYTES) return false;
    const { behind } = this;
    if (behind === undefined) return true;
    return !behind.isRefused && !(behind.anyLocked && this.#isLocked(behind, database, buffer, start, length));
  }

  #isLocked(behind: WrittenBehind, database: number, buffer: Bytes, start: number, length: number): boolean {
    return behind.isLocked(this.#databases[database]!.encode(buffer.subarray(start, start + length)));
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
    const { arena, behind } = this;
    if (behind === undefined) this.#writes++;
    else if (behind.isFull) behind.makeRoom();
    if (this.loads.count > 0) this.loads.noteWritten(hash);
    arena.write(hash, database, partition, buffer, start, length, valueLength);
    arena.markDirty();
  }

  /**
   * As `write`, for the entry that `arena.slab` and `arena.at` show already. @returns false when it cannot stay where it is:
   * then nothing was changed, and `write` does it.
   */
  rewrite(valueLength: number): boolean {
    const { arena, behind } = this;
    if (behind !== undefined && !arena.isDirty && behind.isFull) return false;
    if (!arena.resize(valueLength)) return false;
    if (behind === undefined) this.#writes++;
    arena.markDirty();
    return true;
  }

  /** As `rewrite`, with the length that the value has. @returns false when too much is dirty already. */
  rewriteInPlace(): boolean {
    const { arena, behind } = this;
    if (behind === undefined) this.#writes++;
    else if (arena.isDirty) return true;
    else if (behind.isFull) return false;
    arena.markDirty();
    return true;
  }

  /** Whether values of dirty entries may be replaced in place, whatever they are, without a word to anybody. */
  get mayRewriteDirty(): boolean {
    const { behind } = this;
    return behind !== undefined && this.#ordering === undefined && !behind.isRefused && !behind.anyLocked;
  }

  /** Copies key and value. @throws WouldWait, OperationError `too_large`, those of a store that refused earlier writes. */
  put(database: number, redisKey: Bytes, stored: Bytes): void {
    if (stored.length > VALUE_BYTES_MAX) {
      throw new OperationError('too_large', `a value of ${stored.length} bytes exceeds ${VALUE_BYTES_MAX}`);
    }
    this.behind?.requireTaken();
    if (mayExpire(stored)) this.expiryWritten = true;
    this.#change(database, redisKey, stored.length);
    fillEntry(this.arena, stored);
  }

  /** @throws as `put`. */
  delete(database: number, redisKey: Bytes): void {
    this.#change(database, redisKey, ABSENT);
  }

  #change(database: number, redisKey: Bytes, valueLength: number): void {
    if (!this.#keeps || this.#ordering !== undefined) throw WOULD_WAIT;
    if (redisKey.length > SHORT_KEY_BYTES) this.#databases[database]!.encode(redisKey);
    const { arena, behind } = this;
    const { length } = redisKey;
    if (behind?.anyLocked === true && this.#isLocked(behind, database, redisKey, 0, length)) throw WOULD_WAIT;
    const hash = arena.hash(database, redisKey, 0, length);
    const found = arena.find(hash, database, redisKey, 0, length);
    if (this.#undo.isActive) this.#undo.note(database, redisKey, found);
    const partition = found ? arena.partition : this.#partitionOf(database, redisKey, 0, length);
    this.write(hash, database, partition, redisKey, 0, length, valueLength);
  }

  /** Removes every key of a database. @throws WouldWait, and, written behind, OperationError as `WriteBatch.commit`. */
  clear(database: number): void {
    if (!this.#keeps || this.#ordering !== undefined) throw WOULD_WAIT;
    this.loads.noteAllWritten();
    if (this.behind === undefined) {
      this.#writes++;
      this.#cleared.add(database);
      this.arena.removeDatabase(database, this.#keeps);
      return;
    }
    try {
      this.behind.clear(this.#databases[database]!.range);
    } catch (error) {
      if (hasCode(error, 'transaction_conflict')) throw WOULD_WAIT;
      throw error;
    }
    this.#commits++;
    this.arena.removeDatabase(database, true);
  }

  // ---- Taking back

  /** From here on the writes of a turn can be undone. */
  beginTurn(): void {
    this.#undo.begin();
  }

  endTurn(): void {
    this.#undo.end();
  }

  /** Undoes the writes since `beginTurn`, newest first. */
  undoTurn(): void {
    const undone = this.#undo.undo();
    if (this.behind === undefined) this.#writes = Math.max(0, this.#writes - undone);
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
    // Clearing an empty one, too, makes it a new table: in the old generation.
    if (this.#cleared.size > 0) this.#cleared.clear();
    this.#commits++;
    this.#undo.keep();
    if (!isPromise(commit)) {
      const { version } = commit;
      if (batch.count === 0) this.#batch = batch; // It emptied itself, and its memory serves the next stretch.
      if (this.#keeps) arena.cleanThrough(mark, version);
      else arena.removeDirty();
      if (version > observer.observedVersion) observer.observedVersion = version;
      return undefined;
    }
    arena.removeDirty();
    return this.#orderLater(commit);
  }

  /** Apart from `commit`, which is called for each write and would make a scope for the functions here. */
  #orderLater(commit: Promise<Commit>): Promise<void> {
    const { observer } = this;
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
    if (this.behind !== undefined) return;
    this.#batch = undefined;
    this.#writes = 0;
    this.#undo.end();
    for (const database of this.#cleared) this.arena.counts.markIncomplete(database);
    this.#cleared.clear();
    this.arena.removeDirty();
  }

  #takeBatch(): WriteBatch {
    const batch = this.#batch ?? this.#store.writeBatch();
    this.#batch = undefined;
    this.#gathered = batch;
    return batch;
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

  /** Reads of our own that need not see what is written behind. */
  withoutSettling<T>(read: () => T): T {
    this.#reads.isUnderWay = true;
    try {
      return read();
    } finally {
      this.#reads.isUnderWay = false;
    }
  }

  // ---- Writes of others

  #onForeign(record: CommitRecord): void {
    if (this.#committing || this.behind?.isCommitting === true) return;
    const { version } = record;
    for (const change of record.changes) {
      if (change.kind === 'put') {
        if (mayExpire(change.value)) this.expiryWritten = true;
        this.#takeForeign(change.key, change.value, version);
        continue;
      }
      if (version > this.#removedVersion) this.#removedVersion = version;
      if (change.kind === 'delete') this.#takeForeign(change.key, undefined, version);
      else {
        for (let database = 0; database < this.#databases.length; database++) {
          const { range } = this.#databases[database]!;
          if (!rangesOverlap(range, change.range)) continue;
          this.loads.noteAllWritten();
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
      this.loads.noteWritten(hash);
      arena.dropGivenUp(hash);
      const found = arena.find(hash, database, redisKey, 0, length);
      if (value === undefined || value.length > FOREIGN_BYTES_MAX || !this.#keeps || (found && arena.isDirty)) {
        if (found) arena.remove(value === undefined);
        else if (value !== undefined) arena.counts.markIncomplete(database);
        continue;
      }
      if (!found && !arena.counts.isComplete(database)) continue;
      const partition = found ? arena.partition : this.#partitionOf(database, redisKey, 0, length);
      arena.write(hash, database, partition, redisKey, 0, length, value.length);
      fillEntry(arena, value);
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
        else if (first === undefined) this.arena.counts.markComplete(database);
        cursor.close();
      }
    } finally {
      transaction.rollback();
    }
  }
}
