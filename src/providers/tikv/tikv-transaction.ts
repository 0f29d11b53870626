/**
 * A transaction of the storage contract on TiKV.
 *
 * Writes stay here until the commit hands them to the client's transaction.
 *
 * - `snapshot`: its timestamp is asked for when it begins, so that it sees nothing that committed later, and waited for by the
 * first operation that needs it. Optimistic until the first lock.
 * - `readCommitted`: a timestamp per statement, asked for by the first operation of the statement that needs one; transactions
 * that only read share it, and a snapshot, with others that begin a statement at the same time. A lock
 * brings the value along, which nobody can change any more, so reading what is locked asks nobody. The commit first locks all
 * that was written, as of now.
 * - `serializable` is not offered.
 * - `lock` takes an exclusive lock in every mode, which is stricter: TiKV has no others.
 * - `require` reads the key as of the start and guards it against later changes; who changed it decides the error.
 * - `deleteRange` deletes what the range holds, key by key, at commit. It conflicts with writers of those keys, and with keys
 *   that appeared before the commit began; a key inserted while the commit runs survives.
 */

import type { Transaction as ClientTransaction, ReadOnlySnapshot } from '#tikv-client';
import { isTikvError, TikvError } from '#tikv-client';
import type { Awaitable } from '../../base/awaitable.ts';
import { type Bytes, copyBytes, equalBytes, latin1, printable } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { checkKey, keysIn } from '../../storage/key-limits.ts';
import { isEmptyRange, type Key, type KeyRange } from '../../storage/key-range.ts';
import type {
  Commit,
  Cursor,
  Entry,
  Isolation,
  LockOptions,
  Savepoint,
  ScanOptions,
  Transaction,
  TransactionOptions,
  Version,
} from '../../storage/store.ts';
import { TikvCursor } from './cursor.ts';
import { isNewerVersion, translated } from './errors.ts';
import type { TikvStore } from './tikv-store.ts';
import { readVersionOf } from './versions.ts';
import { WriteSet } from './write-set.ts';

interface Requirement {
  readonly key: Key;
  readonly expected: Bytes | undefined;
  readonly error: (() => Error) | undefined;
}

interface Mark {
  readonly writes: number;
  readonly requirements: number;
  /** Of the client's transaction, undefined while it has not begun. */
  readonly client: ReturnType<ClientTransaction['savepoint']> | undefined;
}

/** Of what one transaction keeps of locked keys; what its snapshots have read, they keep themselves. */
const LOCKED_KEYS_MAX = 4_096;
const LOCKED_BYTES_MAX = 4 * 1024 * 1024;
/** Locks on more keys than these bring no values. */
const LOCKED_VALUES_MAX = 256;

export class TikvTransaction implements Transaction {
  readonly isolation: Isolation;
  readonly label: string;
  state: 'open' | 'committed' | 'rolledBack' = 'open';
  observedVersion = 0;
  readonly #store: TikvStore;
  readonly #readOnly: boolean;
  readonly #writes: WriteSet;
  /** Of keys written with `putNew`: the cluster refuses them when somebody else has a value there. */
  readonly #new = new Set<string>();
  readonly #requirements: Requirement[] = [];
  readonly #savepoints: Mark[] = [];
  /** The client's transaction, moved to the statement that runs; undefined before anything needed it. */
  #ready: Promise<ClientTransaction> | undefined;
  /** The statement that runs has no timestamp yet. */
  #outdated = true;
  /** Values under locks, which stay as they are while this transaction is open, by key. */
  readonly #locked = new Map<string, Bytes | undefined>();
  #lockedBytes = 0;
  #client: ClientTransaction | undefined;
  #readVersion: Version;
  #ended: Error | undefined;
  /** What the statement that runs reads, in a transaction that shares it with others. */
  #view: Promise<ReadOnlySnapshot> | undefined;
  readonly #sharesView: boolean;

  constructor(store: TikvStore, options: TransactionOptions) {
    this.#store = store;
    this.isolation = options.isolation ?? 'snapshot';
    if (this.isolation === 'serializable') {
      throw new OperationError('unsupported', 'TiKV offers snapshot isolation, not serializable');
    }
    this.label = options.label ?? 'transaction';
    this.#readOnly = options.readOnly === true;
    this.#sharesView = this.isolation === 'readCommitted' && (this.#readOnly || options.expectsReads === true);
    this.#writes = new WriteSet(store.limits.transactionBytes);
    this.#readVersion = store.version;
    if (this.isolation === 'snapshot') this.#current();
  }

  /** The client's transaction, at the timestamp of the statement that runs. */
  #current(): Promise<ClientTransaction> {
    if (!this.#outdated) return this.#ready!;
    this.#outdated = false;
    this.#view = undefined;
    const begun = this.#ready;
    if (begun === undefined) return this.#begin();
    this.#ready = Promise.all([begun, this.#store.client.timestamp()]).then(([client, readTs]) => {
      if (client.state === 'open' && readTs > client.readTs) client.moveTo(readTs);
      this.#readVersion = readVersionOf(client.readTs);
      return client;
    });
    this.#ready.catch(() => {}); // Whoever needs it hears of it.
    return this.#ready;
  }

  #begin(): Promise<ClientTransaction> {
    this.#ready = this.#store.client.begin().then((client) => {
      this.#client = client;
      if (this.#view === undefined) this.#readVersion = readVersionOf(client.readTs);
      this.#store.began(client.startTs, this.label);
      return client;
    });
    this.#ready.catch(() => {}); // Whoever needs it hears of it.
    return this.#ready;
  }

  /** What the statement that runs reads from: it stays the same to its end. */
  #reader(): Promise<Pick<ReadOnlySnapshot, 'get' | 'batchGet' | 'scan'>> {
    if (!this.#outdated && this.#view !== undefined) return this.#view;
    if (!this.#sharesView || this.#ready !== undefined) return this.#current();
    this.#outdated = false;
    this.#view = this.#store.client.latest().then((view) => {
      this.#readVersion = readVersionOf(view.readTs);
      return view;
    });
    this.#view.catch(() => {}); // Whoever needs it hears of it.
    return this.#view;
  }

  /** The client's transaction, at whatever statement. */
  #begun(): Promise<ClientTransaction> {
    if (this.#ready !== undefined) return this.#ready;
    return this.#outdated ? this.#current() : this.#begin();
  }

  #keep(key: Key, value: Bytes | undefined): void {
    const bytes = key.length + (value?.length ?? 0);
    if (this.#locked.size >= LOCKED_KEYS_MAX || this.#lockedBytes + bytes > LOCKED_BYTES_MAX) return;
    this.#lockedBytes += bytes;
    this.#locked.set(latin1(key), value === undefined ? undefined : copyBytes(value));
  }

  /** What stands under a key that is locked, which is the newest there is. */
  lockedValue(key: Key): { readonly isKnown: boolean; readonly value: Bytes | undefined } {
    const id = latin1(key);
    const isKnown = this.#locked.has(id);
    return { isKnown, value: isKnown ? this.#copyUnderLock(id) : undefined };
  }

  /** A copy: it is the caller's. */
  #copyUnderLock(id: string): Bytes | undefined {
    const value = this.#locked.get(id);
    return value === undefined ? undefined : copyBytes(value);
  }

  /** Until PD has answered, the newest version known when the transaction began. */
  get readVersion(): Version {
    return this.#readVersion;
  }

  get(key: Key): Awaitable<Bytes | undefined> {
    this.#check();
    checkKey(key);
    const own = this.#writes.lookup(key);
    if (own.found) return own.value;
    const id = latin1(key);
    if (this.#locked.has(id)) return this.#copyUnderLock(id);
    this.#store.metrics.count('read');
    return this.#reading((from) => from.get(this.#store.storedKey(key)));
  }

  async batchGet(keys: readonly Key[]): Promise<readonly (Bytes | undefined)[]> {
    this.#check();
    for (const key of keys) checkKey(key);
    const own = keys.map((key) => {
      const written = this.#writes.lookup(key);
      if (written.found) return written;
      const id = latin1(key);
      return { found: this.#locked.has(id), value: this.#copyUnderLock(id) };
    });
    const wanted = keys.filter((_, index) => !own[index]!.found);
    if (wanted.length > 0) this.#store.metrics.count('read', wanted.length);
    const found =
      wanted.length === 0
        ? []
        : await this.#reading((from) => from.batchGet(wanted.map((key) => this.#store.storedKey(key))));
    let next = 0;
    return own.map((one) => (one.found ? one.value : found[next++]));
  }

  scan(range: KeyRange, options: ScanOptions = {}): Cursor {
    this.#check();
    this.#store.metrics.count('scan');
    const { start, end } = keysIn(range);
    const reader = this.#reader();
    const store = this.#store;
    async function* stored(
      part: KeyRange,
      how: { readonly reverse: boolean; readonly keysOnly: boolean },
    ): AsyncGenerator<readonly Entry[]> {
      if (isEmptyRange(part)) return;
      const from = await reader;
      const [low, high] = store.storedRange(part);
      for await (const batch of from.scan(low, high, how)) {
        yield batch.map(([key, value]) => ({ key: store.contractKey(key), value }));
      }
    }
    return new TikvCursor(() => this.#check(), stored, this.#writes, { start, end }, options);
  }

  put(key: Key, value: Bytes): void {
    if (value.length > this.#store.limits.valueBytes) {
      throw new OperationError(
        'too_large',
        `a value of ${value.length} bytes exceeds the ${this.#store.limits.valueBytes} of TiKV`,
      );
    }
    this.#write(key, value);
  }

  putNew(key: Key, value: Bytes): boolean {
    this.#check();
    checkKey(key);
    const own = this.#writes.lookup(key);
    if (own.found && own.value !== undefined) return false;
    this.put(key, value);
    if (!own.found) this.#new.add(latin1(key));
    return true;
  }

  putLocked(key: Key, value: Bytes): void {
    this.put(key, value);
  }

  delete(key: Key): void {
    this.#write(key, undefined);
  }

  deleteRange(range: KeyRange): void {
    this.#check();
    this.#checkWritable();
    const { start, end } = keysIn(range);
    if (!isEmptyRange({ start, end })) this.#writes.deleteRange({ start, end });
  }

  async lock(keys: readonly Key[], options: LockOptions = {}): Promise<readonly Key[]> {
    this.#check();
    for (const key of keys) this.#checkKey(key);
    await this.#store.released();
    const { wait = 'block', timeoutMs } = options;
    const waitMs = wait === 'block' ? timeoutMs : 0;
    if (wait !== 'skip') {
      await this.#lock(keys, waitMs);
      return keys;
    }
    const locked: Key[] = [];
    for (const key of keys) {
      try {
        await this.#lock([key], 0);
        locked.push(key);
      } catch (error) {
        if (!(error instanceof OperationError) || error.code !== 'lock_not_available') throw error;
      }
    }
    return locked;
  }

  require(key: Key, expected: Bytes | undefined, error?: () => Error): void {
    this.#check();
    this.#checkKey(key);
    this.#requirements.push({ key: Buffer.from(key), expected: expected && Buffer.from(expected), error });
  }

  beginStatement(): void {
    this.#check();
    if (this.isolation === 'readCommitted') this.#outdated = true;
  }

  savepoint(): Savepoint {
    this.#check();
    this.#savepoints.push({
      writes: this.#writes.mark,
      requirements: this.#requirements.length,
      client: this.#client?.savepoint(),
    });
    return { depth: this.#savepoints.length };
  }

  rollbackTo(savepoint: Savepoint): void {
    this.#check();
    const mark = this.#savepoints[savepoint.depth - 1];
    if (mark === undefined) throw new OperationError('invalid_argument', 'the savepoint is gone');
    this.#savepoints.length = savepoint.depth;
    this.#writes.rollbackTo(mark.writes);
    this.#requirements.length = mark.requirements;
    // Locks are given back, and what they kept may change.
    this.#locked.clear();
    this.#lockedBytes = 0;
    const client = this.#client;
    // Before the first lock there is nothing to give back.
    if (client !== undefined) this.#store.releasing(client.rollbackTo(mark.client ?? { writes: 0, locks: 0 }));
  }

  async commit(): Promise<Commit> {
    this.#check();
    try {
      const version = await this.#commit();
      this.#end('committed');
      return { version };
    } catch (error) {
      this.#abandon();
      const told = this.#told(error);
      this.#store.failed(told);
      throw told;
    }
  }

  commitVisible(): Promise<Commit> {
    return this.commit();
  }

  rollback(): void {
    if (this.state !== 'open') return;
    this.#abandon();
  }

  /** Ends it from outside: the store is closing. */
  abort(error: Error): void {
    if (this.state !== 'open') return;
    this.#ended = error;
    this.#abandon();
  }

  async #commit(): Promise<Version> {
    await this.#store.released();
    if (this.#ready === undefined && this.#writes.isEmpty && this.#requirements.length === 0) return this.#readVersion;
    const client = await this.#begun();
    this.#check();
    for (const { key, value } of this.#writes.writes()) {
      const stored = this.#store.storedKey(key);
      this.#store.metrics.count(value === undefined ? 'delete' : 'write');
      if (value === undefined) client.delete(stored);
      else if (this.#new.has(latin1(key))) client.insert(stored, value);
      else client.put(stored, value);
    }
    for (const range of this.#writes.ranges) await this.#deleteRange(client, range);
    if (this.#writes.isEmpty && this.#requirements.length === 0 && !client.holdsLocks) return this.#readVersion;
    for (const { key } of this.#requirements) client.guard(this.#store.storedKey(key));
    if (this.isolation === 'readCommitted') await this.#lockAll(client);
    for (const requirement of this.#requirements) {
      const held = await this.#currentValue(client, requirement.key);
      if (!matches(held, requirement.expected)) await this.#failRequirement(requirement);
    }
    try {
      const commitTs = await client.commit();
      return commitTs === undefined ? this.#readVersion : this.#store.committed(commitTs, this.#writes.changes);
    } catch (error) {
      if (isTikvError(error, 'write_conflict')) {
        const key = error.key === undefined ? undefined : latin1(error.key);
        const required = this.#requirements.find((one) => latin1(this.#store.storedKey(one.key)) === key);
        if (required !== undefined) await this.#failRequirement(required);
      }
      throw error;
    }
  }

  /** What the commit will find, if it goes through: as of the start, guarded; or now, under a lock. */
  async #currentValue(client: ClientTransaction, key: Key): Promise<Bytes | undefined> {
    const id = latin1(key);
    if (this.#locked.has(id)) return this.#locked.get(id);
    const stored = this.#store.storedKey(key);
    if (this.isolation !== 'readCommitted') return client.committed.get(stored);
    const [value] = await client.lock([stored], { returnValues: true });
    return value;
  }

  /** It does not hold: for good, or only as of this transaction's start. */
  async #failRequirement({ key, expected, error }: Requirement): Promise<never> {
    const now = await this.#store.get(key);
    if (matches(now, expected)) {
      throw new OperationError(
        'transaction_conflict',
        `${printable(key)} was changed and changed back since ${this.#readVersion}`,
      );
    }
    throw error?.() ?? new OperationError('transaction_conflict', `${printable(key)} does not hold what is required`);
  }

  async #deleteRange(client: ClientTransaction, range: KeyRange): Promise<void> {
    const [low, high] = this.#store.storedRange(range);
    const seen = new Set<string>();
    for await (const batch of client.committed.scan(low, high, { keysOnly: true })) {
      for (const [stored] of batch) {
        seen.add(latin1(stored));
        if (!this.#writes.has(this.#store.contractKey(stored))) client.delete(stored);
      }
    }
    if (this.isolation === 'readCommitted') return;
    const now = this.#store.client.snapshot(await this.#store.client.timestamp());
    for await (const batch of now.scan(low, high, { keysOnly: true })) {
      const appeared = batch.find(([stored]) => !seen.has(latin1(stored)));
      if (appeared !== undefined) {
        throw new OperationError(
          'transaction_conflict',
          `${printable(appeared[0])} appeared in a range that is to be deleted`,
        );
      }
    }
  }

  /** As of now, again and again while others are quicker; what nobody has changed since the statement began is as of now. */
  async #lockAll(client: ClientTransaction): Promise<void> {
    for (;;) {
      try {
        await client.lockWrites();
        return;
      } catch (error) {
        if (!isNewerVersion(error)) throw error;
      }
      client.lockAsOf(await this.#store.client.timestamp());
    }
  }

  async #lock(all: readonly Key[], waitMs: number | undefined): Promise<void> {
    const isolated = this.isolation === 'snapshot';
    const keys = isolated ? all : all.filter((key) => this.#client?.isLocked(this.#store.storedKey(key)) !== true);
    if (keys.length === 0) return;
    const stored = keys.map((key) => this.#store.storedKey(key));
    this.#store.metrics.count('lock', keys.length);
    const returnValues = !isolated && keys.length <= LOCKED_VALUES_MAX;
    for (;;) {
      try {
        const client = await this.#begun();
        this.#check();
        const values = await client.lock(stored, { waitMs, returnValues });
        this.#check();
        if (returnValues) for (const [i, key] of keys.entries()) this.#keep(key, values[i]);
        return;
      } catch (error) {
        if (isNewerVersion(error)) {
          if (!isolated) {
            this.#client!.lockAsOf(await this.#store.client.timestamp());
            continue;
          }
          if (await this.#lockUnchanged(stored, waitMs)) return;
        }
        // Waiting without a bound is what was asked for; a deadlock would have been found.
        if (waitMs === undefined && isTikvError(error, 'lock_unresolved')) continue;
        throw this.#told(error);
      }
    }
  }

  /**
   * A newer version need not be a newer value: who only locked the key leaves one too. Locks as of now, and compares.
   * @returns false when a value has changed.
   */
  async #lockUnchanged(stored: readonly Bytes[], waitMs: number | undefined): Promise<boolean> {
    const client = await this.#begun();
    const before = await client.committed.batchGet(stored);
    for (;;) {
      const asOf = await this.#store.client.timestamp();
      try {
        const now = await client.lock(stored, { waitMs, returnValues: true, asOf });
        return now.every((value, i) => matches(value, before[i]));
      } catch (error) {
        if (isNewerVersion(error) || (waitMs === undefined && isTikvError(error, 'lock_unresolved'))) continue;
        throw this.#told(error);
      }
    }
  }

  async #reading<T>(read: (from: Pick<ReadOnlySnapshot, 'get' | 'batchGet'>) => Promise<T>): Promise<T> {
    try {
      const value = await read(await this.#reader());
      this.#store.succeeded();
      this.#check();
      return value;
    } catch (error) {
      this.#store.noteFailure(error);
      throw this.#told(error);
    }
  }

  #write(key: Key, value: Bytes | undefined): void {
    this.#check();
    this.#checkKey(key);
    this.#checkWritable();
    this.#writes.set(key, value);
  }

  #checkKey(key: Key): void {
    checkKey(key);
    const { keyBytes } = this.#store.limits;
    if (key.length > keyBytes) {
      throw new OperationError('too_large', `a key of ${key.length} bytes exceeds the ${keyBytes} of TiKV`);
    }
  }

  #checkWritable(): void {
    if (this.#readOnly) throw new OperationError('invalid_argument', 'a read-only transaction cannot write');
  }

  #check(): void {
    if (this.state === 'open') return;
    const ending = this.state === 'committed' ? 'committed' : 'rolled back';
    throw this.#ended ?? new OperationError('transaction_closed', `the transaction is ${ending}`);
  }

  /** A deadlock by the labels of those in it. */
  #told(error: unknown): unknown {
    if (isTikvError(error, 'already_exists')) {
      return new OperationError('transaction_conflict', `a new key was another's: ${error.message}`, { cause: error });
    }
    if (error instanceof TikvError && error.code === 'deadlock') {
      const chain = (error.waitChain ?? []).map((startTs) => this.#store.labelOf(startTs));
      return new OperationError('deadlock', `a deadlock: ${chain.join(' waits for ')} waits for ${chain[0]}`, {
        cause: error,
      });
    }
    return translated(error);
  }

  #abandon(): void {
    this.#end('rolledBack');
    if (this.#ready !== undefined) this.#store.releasing(this.#ready.then((client) => client.rollback()));
  }

  #end(state: 'committed' | 'rolledBack'): void {
    this.state = state;
    this.#store.ended(this, this.#client?.startTs);
  }
}

function matches(held: Bytes | undefined, expected: Bytes | undefined): boolean {
  return expected === undefined ? held === undefined : held !== undefined && equalBytes(held, expected);
}
