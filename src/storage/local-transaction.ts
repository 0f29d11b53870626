/**
 * A transaction of a local store: a read version, a write set, a read set, locks.
 *
 * Writes gather in a memtable of their own, in the byte form in which they will be logged. Committing validates, in one
 * synchronous stretch, what the isolation level promises, and hands the bytes to the store to be ordered:
 *
 * | level         | must be unchanged since `readVersion`                     |
 * |---------------|------------------------------------------------------------|
 * | readCommitted | nothing: what it writes it has locked (writing locks)      |
 * | snapshot      | keys and ranges written, unless locked since               |
 * | serializable  | those, and all keys and spans read                         |
 *
 * Under `snapshot` and `serializable` this is first-committer-wins (Berenson et al., 1995) with backward validation of
 * the read set (Härder, 1984), spans included, so that there are no phantoms.
 */

import { assert } from '../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../base/awaitable.ts';
import { type Bytes, copyBytes, keySuccessor, printable } from '../base/bytes.ts';
import type { Durability } from '../base/durability.ts';
import { hasCode, OperationError } from '../base/errors.ts';
import { lengthOfParts, type Part, writePart } from '../base/parts.ts';
import type { Seat } from '../base/roster.ts';
import { hashKey } from './key-hash.ts';
import { checkKey, checkValue, keysIn } from './key-limits.ts';
import { isEmptyRange, type Key, type KeyRange, rangeContains, rangeIncludes } from './key-range.ts';
import { type CursorSource, KeptSnapshot, LocalCursor } from './local-cursor.ts';
import { LocalSessionLocks } from './local-session-locks.ts';
import type { LocalStore } from './local-store.ts';
import { covers, type LockClaim, LockOwner } from './lock-table.ts';
import { COMMIT_START, FRAME_ALIGNMENT } from './log-format.ts';
import type { MemtableMark } from './memtable.ts';
import type { NewEntries } from './new-entries.ts';
import {
  DELETE,
  DELETE_FROM,
  DELETE_RANGE,
  type OperationKind,
  operationBytes,
  PUT,
  writeOperation,
  writeOperationHeader,
} from './operations.ts';
import type { Overlay } from './overlay.ts';
import { ReadSet } from './read-set.ts';
import { Requirements } from './requirements.ts';
import type { Base, Snapshot } from './snapshots.ts';
import {
  type Commit,
  type Cursor,
  type FrozenReads,
  type Isolation,
  type LockMode,
  type LockOptions,
  type Savepoint,
  type ScanOptions,
  TRANSACTION_BYTES_MAX,
  type Transaction,
  type TransactionOptions,
  type Version,
} from './store.ts';
import type { VersionedMemtable } from './versioned-memtable.ts';
import { FIRST_SEQUENCE, isPlain, newWriteSet, WRITE_BYTES_FIRST, withoutSuperseded } from './write-set.ts';

/** What a long value is copied by. */
const SLICE_BYTES = 8 * 1024 * 1024;
/** Of a written key, besides its bytes: index and lock. */
const ENTRY_BYTES = 200;

export class LocalTransaction implements Transaction, CursorSource {
  readonly isolation: Isolation;
  readonly durability: Durability;
  state: 'open' | 'committed' | 'rolledBack' = 'open';
  observedVersion = 0;
  /** Among the open ones of its store. */
  seat: Seat<LocalTransaction> | undefined;

  /** Observed by what went into writes and was told to nobody: counts for whoever reads them. */
  #withheldVersion = 0;
  readonly #store: LocalStore;
  readonly #readOnly: boolean;
  /** No other keys are touched. */
  readonly #within: KeyRange | undefined;
  readonly #owner: LockOwner;
  #snapshot: Snapshot;
  /** Of earlier statements, with scans that go on. */
  #olderSnapshots: Set<Snapshot> | undefined;
  #writes: Overlay | undefined;
  /** Of what is written now: greater than that of what open frozen reads see. */
  #sequence = FIRST_SEQUENCE;
  /** Frozen reads that are open. */
  #frozen = 0;
  /** Bytes of memory for writes that the store has granted. */
  #claimed = 0;
  /** How far the arena of the writes may be filled before more is asked for. */
  #writableEnd = 0;
  /** Of a serializable transaction that may write. */
  #reads: ReadSet | undefined;
  #requirements: Requirements | undefined;
  /** Keys that were held in a weaker mode before, and in which, in that order. */
  #upgraded: { readonly key: Key; readonly from: LockMode }[] | undefined;
  #savepoints: SavepointMark[] | undefined;
  /** Whether committing checks for conflicts with what was committed since `readVersion`. */
  readonly #validates: boolean;
  /** Why the store ended it. */
  #ended: Error | undefined;

  constructor(store: LocalStore, options: TransactionOptions) {
    this.#store = store;
    this.isolation = options.isolation ?? 'snapshot';
    this.#readOnly = options.readOnly === true;
    this.durability = store.lowered(options.durability);
    const { sessionLocks } = options;
    const kin = sessionLocks instanceof LocalSessionLocks ? sessionLocks.owner : undefined;
    this.#owner = new LockOwner(options.label ?? 'transaction', kin);
    this.#validates = !this.#readOnly && this.isolation !== 'readCommitted';
    this.#within = options.within;
    this.#snapshot =
      options.snapshotOf === undefined
        ? store.openSnapshot(this.#validates, options.within)
        : this.#shared(options.snapshotOf);
    if (this.isolation === 'serializable' && !this.#readOnly) this.#reads = new ReadSet();
  }

  #shared(other: Transaction): Snapshot {
    assert(other instanceof LocalTransaction && other.#store === this.#store, 'a snapshot of the same store');
    assert(this.#validates && other.#validates, 'a snapshot is shared by transactions that isolate by it');
    other.check();
    return this.#store.snapshots.share(other.#snapshot);
  }

  get readVersion(): Version {
    return this.#snapshot.readVersion;
  }

  /** Where the overlay takes over from what is below it. */
  get #position(): Version {
    return this.#snapshot.base?.view.position ?? this.#store.engine.position;
  }

  get overlay(): Overlay {
    return this.#store.overlay;
  }

  get writes(): Overlay | undefined {
    if (this.#writes !== undefined) this.noteVersion(this.#withheldVersion);
    return this.#writes;
  }

  check(snapshot = this.#snapshot): void {
    this.#checkOpen();
    if (snapshot.tooOld) throw tooOld(snapshot.readVersion);
  }

  #checkOpen(): void {
    if (this.state === 'open') return;
    const ending = this.state === 'committed' ? 'committed' : 'rolled back';
    throw this.#ended ?? new OperationError('transaction_closed', `the transaction is ${ending}`);
  }

  base(snapshot: Snapshot): Awaitable<Base> {
    return this.#store.snapshots.baseOf(snapshot);
  }

  pinned<T>(base: Base, reading: Promise<T>): Promise<T> {
    return this.#store.snapshots.pinned(base, reading);
  }

  retain(): Snapshot {
    this.#snapshot.cursors++;
    return this.#snapshot;
  }

  release(snapshot: Snapshot): void {
    snapshot.cursors--;
    if (snapshot.cursors === 0 && this.#olderSnapshots?.delete(snapshot) === true)
      this.#store.snapshots.close(snapshot);
  }

  noteVersion(version: Version): void {
    if (version > this.observedVersion) this.observedVersion = version;
  }

  noteSpan(span: KeyRange): void {
    this.#reads?.addSpan(span);
  }

  #assertWithin(key: Key): void {
    const within = this.#within;
    assert(
      within === undefined || rangeContains(within, key),
      () => `${printable(key)} is outside of what was promised`,
    );
  }

  get(key: Key, writtenThrough = Number.MAX_SAFE_INTEGER): Awaitable<Bytes | undefined> {
    this.check();
    checkKey(key);
    if (this.#within !== undefined) this.#assertWithin(key);
    if (this.#reads !== undefined) this.#reads.addKey(key);
    if (this.#writes !== undefined) {
      const own = this.#writes.lookup(key, 0, writtenThrough);
      if (own !== 'absent') this.noteVersion(this.#withheldVersion);
      if (own === 'value') return this.#writes.value;
      if (own === 'deleted') return undefined;
    }
    const overlay = this.#store.overlay;
    const found = overlay.lookup(key, this.#position, this.#snapshot.readVersion);
    if (overlay.version > this.observedVersion) this.observedVersion = overlay.version;
    if (found === 'value') return overlay.value;
    if (found === 'deleted') return undefined;
    if (this.#snapshot.base !== undefined && this.#engineDiffers(overlay))
      return this.#getFrom(this.#snapshot.base, key);
    const value = this.#store.engine.get(key);
    if (!isPromise(value)) return value;
    return value.then((newest) => this.#settle(key, newest));
  }

  /** An asynchronous read may have come back with a version younger than the snapshot: then it asks the base. */
  #settle(key: Key, newest: Bytes | undefined): Awaitable<Bytes | undefined> {
    this.check();
    const base = this.#snapshot.base;
    if (base === undefined) return newest;
    const overlay = this.#store.overlay;
    const found = overlay.lookup(key, this.#position, this.#snapshot.readVersion);
    if (found === 'value') return overlay.value;
    if (found === 'deleted') return undefined;
    return this.#engineDiffers(overlay) ? this.#getFrom(base, key) : newest;
  }

  /**
   * Whether the engine may answer with another version of the key that was looked up last than this snapshot reads. A younger
   * one: what it has applied since the base was opened is in the overlay as long as somebody validates; without that nothing
   * may have been. Or an older one: a base that was opened while a batch went in may show it before the engine moves on.
   */
  #engineDiffers(overlay: Overlay): boolean {
    if (overlay.newerExists) return true;
    const { base, validates } = this.#snapshot;
    if (base === undefined) return false;
    const { position } = this.#store.engine;
    return base.view.position > position || (!validates && base.view.position !== position);
  }

  #getFrom(base: Base, key: Key): Awaitable<Bytes | undefined> {
    const value = base.view.get(key);
    return isPromise(value) ? this.pinned(base, value) : value;
  }

  batchGet(keys: readonly Key[], writtenThrough = Number.MAX_SAFE_INTEGER): Awaitable<readonly (Bytes | undefined)[]> {
    this.check();
    const values: (Bytes | undefined)[] = new Array(keys.length);
    const missing: number[] = [];
    const waits: Promise<void>[] = [];
    const overlay = this.#store.overlay;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      checkKey(key);
      if (this.#within !== undefined) this.#assertWithin(key);
      const own = this.#writes?.lookup(key, 0, writtenThrough);
      if (own === 'value') values[i] = this.#writes!.value;
      if (own === 'value' || own === 'deleted') {
        this.noteVersion(this.#withheldVersion);
        if (this.#reads !== undefined) this.#reads.addKey(key);
        continue;
      }
      const found = overlay.lookup(key, this.#position, this.#snapshot.readVersion);
      const needsBase = this.#snapshot.base !== undefined && this.#engineDiffers(overlay);
      if (found === 'absent' && !needsBase) {
        if (this.#reads !== undefined) this.#reads.addKey(key);
        missing.push(i);
        continue;
      }
      const value = this.get(key, writtenThrough);
      if (isPromise(value)) {
        waits.push(
          value.then((late) => {
            values[i] = late;
          }),
        );
      } else values[i] = value;
    }
    const finish = (): Awaitable<readonly (Bytes | undefined)[]> =>
      waits.length === 0 ? values : Promise.all(waits).then(() => values);
    if (missing.length === 0) return finish();
    const fetched = this.#store.engine.batchGet(missing.map((i) => keys[i]!));
    if (!isPromise(fetched)) {
      for (let m = 0; m < missing.length; m++) values[missing[m]!] = fetched[m];
      return finish();
    }
    waits.push(
      fetched.then(async (found) => {
        for (let m = 0; m < missing.length; m++) values[missing[m]!] = await this.#settle(keys[missing[m]!]!, found[m]);
      }),
    );
    return finish();
  }

  scan(
    range: KeyRange,
    options: ScanOptions = {},
    writtenThrough = Number.MAX_SAFE_INTEGER,
    source: CursorSource = this,
  ): Cursor {
    this.check();
    const { start, end } = keysIn(range);
    if (this.#within !== undefined) {
      assert(rangeIncludes(this.#within, { start, end }), 'a scan is outside of what was promised');
    }
    // Short-lived copies, of Node's pool: memory of their own costs more than all else here.
    const copied = { start: Buffer.from(start), end: end && Buffer.from(end) };
    return new LocalCursor(source, copied, options, writtenThrough);
  }

  freeze(): FrozenReads {
    this.check();
    const through = this.#sequence++;
    this.#frozen++;
    const snapshot = this.retain();
    const source = new KeptSnapshot(this, snapshot);
    // Where the transaction has gone on to a newer snapshot, one key is a short range of the old one.
    const get = (key: Key): Awaitable<Bytes | undefined> => {
      if (this.#snapshot === snapshot) return this.get(key, through);
      const cursor = this.scan({ start: key, end: keySuccessor(key) }, { limit: 1 }, through, source);
      return whenReady(cursor.next(), (entries) => {
        cursor.close();
        return entries?.[0]?.value;
      });
    };
    let open = true;
    return {
      get,
      batchGet: (keys) => {
        if (this.#snapshot === snapshot) return this.batchGet(keys, through);
        const values = keys.map(get);
        return values.some(isPromise) ? Promise.all(values) : (values as (Bytes | undefined)[]);
      },
      scan: (range, options) => this.scan(range, options, through, source),
      isWritten: (key) => {
        const memtable = this.#writes?.memtables[0];
        const root = memtable === undefined ? -1 : memtable.find(key, hashKey(key));
        return root >= 0 && memtable!.sequenceOf(memtable!.head(root)) > through;
      },
      end: () => {
        if (!open) return;
        open = false;
        this.release(snapshot);
        if (--this.#frozen === 0) this.#flatten();
      },
    };
  }

  /** With nobody left to tell them apart, all writes are of one age again: that of the commit. */
  #flatten(): void {
    this.#sequence = FIRST_SEQUENCE;
    this.#writes?.memtables[0]?.flatten(FIRST_SEQUENCE);
  }

  put(key: Key, value: Bytes): void {
    checkValue(value);
    this.#write(PUT, key, value);
  }

  putNew(key: Key, value: Bytes): boolean {
    this.check();
    checkKey(key);
    checkValue(value);
    if (this.#writes?.lookup(key, 0, Number.MAX_SAFE_INTEGER) === 'value') return false;
    this.#append(PUT, key, value);
    return true;
  }

  putLocked(key: Key, value: Bytes): void {
    this.check();
    checkKey(key);
    checkValue(value);
    this.#append(PUT, key, value);
  }

  putAllNew(operations: Bytes, hidden: boolean): boolean {
    this.check();
    if (this.isolation !== 'readCommitted' || this.#readOnly || operations.length === 0) return false;
    this.#store.settle(this.#within);
    const entries = this.#store.newEntries;
    try {
      if (!entries.read(operations) || !this.#areWritable(entries)) return false;
      if (this.#writes !== undefined && entries.anyIn(this.#writes.memtables[0]!)) return false;
      if (!hidden) {
        if (!this.#store.areNew(entries, this.#owner)) return false;
        if (this.#owner.claim === undefined) this.#store.locks.claim(this.#owner, this.#claim());
      }
      const memtable = this.#roomFor(operations.length);
      const at = memtable.used;
      memtable.arena.set(operations, at);
      memtable.used = at + operations.length;
      const { offsets, hashes, count } = entries;
      for (let i = 0; i < count; i++) memtable.addHashed(at + offsets[i]!, this.#sequence, hashes[i]!);
      return true;
    } finally {
      entries.clear();
    }
  }

  #areWritable(entries: NewEntries): boolean {
    const { start, end } = entries.span;
    checkKey(start);
    return this.#within === undefined || rangeIncludes(this.#within, { start, end });
  }

  /** All that it has written: at `readCommitted` that is locked. */
  #claim(): LockClaim {
    const written = () => this.#writes?.memtables[0];
    return {
      holds: (key) => (written()?.find(key, hashKey(key)) ?? -1) >= 0,
      heldIn: (range) => {
        const key = written()?.keyIn(range);
        return key && copyBytes(key);
      },
    };
  }

  async putInSlices(key: Key, parts: readonly Part[]): Promise<void> {
    this.#checkWrite(key);
    const length = lengthOfParts(parts);
    checkValue({ length });
    const memtable = this.#roomFor(operationBytes(key.length, length));
    const { arena, used: offset } = memtable;
    const keyAt = writeOperationHeader(arena, offset, PUT, key.length, length);
    arena.set(key, keyAt);
    let at = keyAt + key.length;
    let room = SLICE_BYTES;
    for (const part of parts) {
      for (let start = 0; start < part.length; ) {
        const end = Math.min(part.length, start + room);
        writePart(part, arena, at, start, end);
        at += end - start;
        room -= end - start;
        start = end;
        if (room > 0) continue;
        room = SLICE_BYTES;
        await this.#store.giveWay();
        this.check();
      }
    }
    assert(memtable.arena === arena && memtable.used === offset, 'nothing is written beside a value in slices');
    memtable.used = at;
    memtable.add(offset, this.#sequence);
  }

  delete(key: Key): void {
    this.#write(DELETE, key, undefined);
  }

  deleteRange(range: KeyRange): void {
    this.check();
    const { start, end } = keysIn(range);
    if (!isEmptyRange({ start, end })) this.#append(end === undefined ? DELETE_FROM : DELETE_RANGE, start, end);
  }

  #write(kind: OperationKind, key: Key, value: Bytes | undefined): void {
    this.#checkWrite(key);
    this.#append(kind, key, value);
  }

  #checkWrite(key: Key): void {
    this.check();
    checkKey(key);
    if (this.isolation === 'readCommitted' && !this.#tryLock(key)) {
      throw new OperationError('transaction_conflict', `key ${printable(key)} is locked by another transaction`);
    }
  }

  #append(kind: OperationKind, key: Key, value: Bytes | undefined): void {
    const memtable = this.#roomFor(operationBytes(key.length, value?.length ?? 0));
    const offset = memtable.used;
    memtable.used = writeOperation(memtable.arena, offset, kind, key, value);
    memtable.add(offset, this.#sequence);
  }

  /** The write set, with room for so many bytes more. @throws OperationError `too_large`, `out_of_memory`. */
  #roomFor(bytes: number): VersionedMemtable {
    if (this.#readOnly) throw new OperationError('invalid_argument', 'a read-only transaction cannot write');
    if (this.#writes === undefined) {
      this.#writes = newWriteSet();
      this.#writableEnd = COMMIT_START + WRITE_BYTES_FIRST;
    }
    const memtable = this.#writes.memtables[0]!;
    if (memtable.used + bytes > TRANSACTION_BYTES_MAX) {
      throw new OperationError('too_large', `the writes of one transaction exceed ${TRANSACTION_BYTES_MAX} bytes`, {
        hint: 'Split the work into several transactions.',
      });
    }
    if (memtable.used + bytes > this.#writableEnd) this.#grow(memtable, bytes);
    return memtable;
  }

  #grow(memtable: VersionedMemtable, bytes: number): void {
    const end = Math.ceil((memtable.used + bytes) * 1.25);
    const claim = end + memtable.entryCount * ENTRY_BYTES - this.#claimed;
    if (claim > 0) {
      this.#store.claimWrites(claim);
      this.#claimed += claim;
    }
    memtable.reserve(bytes + FRAME_ALIGNMENT, this.#store.newSharedArena);
    this.#writableEnd = Math.min(end, memtable.arena.length - FRAME_ALIGNMENT);
  }

  lock(keys: readonly Key[], options: LockOptions = {}): Awaitable<readonly Key[]> {
    this.check();
    this.#store.settle(this.#within); // Who holds writes back writes no key that is locked.
    let skipped: Set<number> | undefined;
    for (let i = 0; i < keys.length; i++) {
      const granted = this.#lockOne(keys[i]!, options);
      if (isPromise(granted)) return this.#lockRest(keys, i, granted, options);
      if (!granted) {
        skipped ??= new Set();
        skipped.add(i);
      }
    }
    return skipped === undefined ? keys : keys.filter((_, i) => !skipped.has(i));
  }

  /** Of a request that blocks: no other waits. */
  async #lockRest(
    keys: readonly Key[],
    from: number,
    waiting: Promise<boolean>,
    options: LockOptions,
  ): Promise<readonly Key[]> {
    await waiting;
    for (let i = from + 1; i < keys.length; i++) {
      this.#store.settle(this.#within);
      await this.#lockOne(keys[i]!, options);
    }
    return keys;
  }

  #lockOne(key: Key, options: LockOptions): Awaitable<boolean> {
    checkKey(key);
    if (this.#within !== undefined) this.#assertWithin(key);
    const mode = options.mode ?? 'exclusive';
    const { locks } = this.#store;
    const free = locks.acquireFree(this.#owner, key, mode);
    if (free === 'held') return true;
    if (free === 'granted') return this.#checkLocked(key, mode);
    const held = locks.heldMode(this.#owner, key);
    const granted = locks.acquire(this.#owner, key, mode, options.wait ?? 'block', options.timeoutMs);
    return whenReady(granted, (taken) => {
      this.check();
      if (taken && held !== undefined) this.#noteUpgrade(key, held);
      return taken && this.#checkLocked(key, mode);
    });
  }

  #noteUpgrade(key: Key, from: LockMode): void {
    this.#upgraded ??= [];
    this.#upgraded.push({ key: copyBytes(key), from });
  }

  #checkLocked(key: Key, mode: LockMode): true {
    if (this.isolation === 'readCommitted') return true;
    const { overlay } = this.#store;
    const since = this.readVersion;
    if (!overlay.changedSince(key, hashKey(key), since)) return true;
    // Who relies on a value being there minds no other one.
    if (mode === 'presence' && overlay.lookup(key, since, Number.MAX_SAFE_INTEGER) === 'value') return true;
    throw this.#conflict(key);
  }

  /** Takes an exclusive lock if that needs no waiting. */
  #tryLock(key: Key): boolean {
    const held = this.#readOnly ? 'exclusive' : this.#store.locks.heldMode(this.#owner, key);
    if (covers(held, 'exclusive')) return true;
    this.#store.settle(this.#within);
    if (this.#store.locks.acquire(this.#owner, key, 'exclusive', 'skip') !== true) return false;
    if (held !== undefined) this.#noteUpgrade(key, held);
    return true;
  }

  require(key: Key, expected: Bytes | undefined, error?: () => Error): void {
    this.check();
    checkKey(key);
    this.#requirements ??= new Requirements(this.#store, this.#within);
    this.#requirements.add(key, expected, error);
  }

  withhold(told: Version, key: Key): void {
    const observed = this.observedVersion;
    if (observed <= told || observed <= this.#store.durableVersion || !this.#store.isDurablyThere(key)) return;
    if (observed > this.#withheldVersion) this.#withheldVersion = observed;
    this.observedVersion = told;
  }

  beginStatement(): void {
    this.#checkOpen();
    if (this.isolation !== 'readCommitted') return;
    this.#store.settle(this.#within);
    if (this.#snapshot.readVersion === this.#store.version && !this.#snapshot.tooOld) return;
    if (this.#snapshot.cursors === 0) this.#store.snapshots.close(this.#snapshot);
    else {
      this.#olderSnapshots ??= new Set();
      this.#olderSnapshots.add(this.#snapshot);
    }
    this.#snapshot = this.#store.openSnapshot(this.#validates, this.#within);
  }

  savepoint(): Savepoint {
    this.check();
    this.#savepoints ??= [];
    this.#savepoints.push({
      writes: this.#writes?.memtables[0]?.mark(),
      locks: this.#owner.held.size,
      upgrades: this.#upgraded?.length ?? 0,
      requirements: this.#requirements?.count ?? 0,
    });
    return { depth: this.#savepoints.length };
  }

  rollbackTo(savepoint: Savepoint): void {
    this.#checkOpen();
    const mark = this.#savepoints?.[savepoint.depth - 1];
    assert(mark !== undefined, 'savepoint of another transaction, or rolled back already');
    this.#savepoints!.length = savepoint.depth;
    if (mark.writes === undefined) this.#writes = undefined;
    else this.#writes!.memtables[0]!.truncate(mark.writes);
    this.#requirements?.truncate(mark.requirements);
    this.#store.locks.releaseSince(this.#owner, mark.locks);
    // The latest first: of a key that was upgraded twice the earlier mode is what is left.
    for (const { key, from } of this.#upgraded?.splice(mark.upgrades).reverse() ?? []) {
      this.#store.locks.downgrade(this.#owner, key, from);
    }
  }

  async commit(): Promise<Commit> {
    if (this.#writes !== undefined) {
      for (let room = this.#store.whenWritable(); room !== undefined; room = this.#store.whenWritable()) await room;
    }
    const commit = await this.commitVisible();
    const durable = this.#store.whenDurable(Math.max(commit.version, this.observedVersion), this.durability);
    if (durable !== undefined) await durable;
    return commit;
  }

  /** Whatever it throws, the transaction has ended. */
  commitVisible(): Awaitable<Commit> {
    this.#checkOpen();
    try {
      const commit = this.#order();
      return isPromise(commit) ? commit.catch((error: unknown) => this.#fail(error)) : commit;
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(error: unknown): never {
    if (hasCode(error, 'transaction_conflict')) this.#store.noteConflict();
    if (this.state === 'open') this.#end('rolledBack');
    throw error;
  }

  /** Validation and ordering: one synchronous stretch, begun again after every wait. */
  #order(): Awaitable<Commit> {
    this.#checkOpen();
    this.#store.settle(this.#within);
    const blocked = this.#blockedKey();
    if (blocked !== undefined) return whenReady(this.lock([blocked.key], blocked), () => this.#order());
    if (this.#requirements !== undefined) {
      const unread = this.#requirements.read(this);
      if (unread !== undefined) return unread.then(() => this.#order());
      const unmet = this.#requirements.unmet();
      if (unmet !== undefined) throw unmet.error?.() ?? this.#conflict(unmet.key);
    }
    if (this.#sequence > FIRST_SEQUENCE) this.#flatten();
    const memtable = this.#writes?.memtables[0];
    if (memtable === undefined || memtable.isEmpty) return this.#finish({ version: this.readVersion });
    if (this.#validates) this.#validate(memtable);
    return this.#finish({ version: this.#orderWrites(memtable) });
  }

  #orderWrites(writes: VersionedMemtable): Version {
    if (writes.arena.buffer instanceof SharedArrayBuffer) return this.#store.adopt(writes, this.durability);
    const body = withoutSuperseded(writes);
    return this.#store.order(body, body.length, this.durability, isPlain(writes) ? writes : undefined);
  }

  readsHold(): boolean {
    return this.#changedRead() === undefined;
  }

  #changedRead(): Key | undefined {
    return this.#reads?.changedSince(this.#store.overlay, this.readVersion);
  }

  #validate(memtable: VersionedMemtable): void {
    if (this.#snapshot.tooOld || !this.#snapshot.validates) throw tooOld(this.readVersion);
    const overlay = this.#store.overlay;
    const since = this.readVersion;
    for (let i = 0; i < memtable.keyCount; i++) {
      const root = memtable.rootAt(i);
      const key = memtable.keyOf(root);
      if (overlay.changedSince(key, memtable.hashOf(root), since)) throw this.#conflict(key);
    }
    for (const { range } of memtable.ranges.all)
      if (overlay.rangeChangedSince(range, since)) throw this.#conflict(range.start);
    const read = this.#changedRead();
    if (read !== undefined) throw this.#conflict(read);
  }

  /** A key of the write set that another transaction has locked. */
  #blockedKey(): { readonly key: Key; readonly mode: LockMode } | undefined {
    const locks = this.#store.locks;
    const memtable = this.#writes?.memtables[0];
    if (locks.count === 0 || memtable === undefined) return undefined;
    // At readCommitted each key was locked before it was written.
    const keyCount = this.isolation === 'readCommitted' ? 0 : memtable.keyCount;
    for (let i = 0; i < keyCount; i++) {
      const key = memtable.keyOf(memtable.rootAt(i));
      if (locks.isLockedByOther(key, this.#owner)) return { key: copyBytes(key), mode: 'exclusive' };
    }
    for (const { range } of memtable.ranges.all) {
      const key = locks.lockedByOtherIn(range, this.#owner);
      if (key !== undefined) return { key, mode: 'removal' };
    }
    return undefined;
  }

  #finish(commit: Commit): Commit {
    this.#end('committed');
    return commit;
  }

  rollback(): void {
    if (this.state === 'open') this.#end('rolledBack');
  }

  /** Ends it from outside: the store is closing. */
  abort(error: Error): void {
    if (this.state !== 'open') return;
    this.#ended = error;
    this.#end('rolledBack');
  }

  #end(state: 'committed' | 'rolledBack'): void {
    this.state = state;
    if (!this.#owner.idle) this.#store.locks.releaseAll(this.#owner, this.#ended);
    this.#requirements?.truncate(0);
    for (const snapshot of this.#olderSnapshots ?? []) this.#store.snapshots.close(snapshot);
    this.#store.closeTransaction(this, this.#snapshot);
    this.#olderSnapshots = undefined;
    this.#requirements = undefined;
    this.#savepoints = undefined;
    this.#writes = undefined;
    if (this.#claimed > 0) this.#store.claimWrites(-this.#claimed);
    this.#reads = undefined;
    this.#upgraded = undefined;
  }

  #conflict(key: Key): OperationError {
    return new OperationError(
      'transaction_conflict',
      `a concurrent commit changed ${printable(key)} since version ${this.readVersion}`,
      {
        hint: 'Run the transaction again.',
      },
    );
  }
}

interface SavepointMark {
  readonly writes: MemtableMark | undefined;
  readonly locks: number;
  readonly upgrades: number;
  readonly requirements: number;
}

function tooOld(readVersion: Version): OperationError {
  return new OperationError(
    'transaction_too_old',
    `the snapshot at version ${readVersion} was given up to keep memory bounded`,
    {
      hint: 'Run the transaction again; keep transactions short, or raise memory.limit.',
    },
  );
}
