/**
 * A transaction: reads as of its start, writes in memory until it commits.
 *
 * **Optimistic**: conflicts are found at commit. **Pessimistic**, from the first `lock` on: the locks of keys are taken before
 * they are written, waiting for others; a lock that meets a newer version fails with `write_conflict` and `statementRetry`,
 * and the statement is run again after `beginStatement`. What was written without a lock is locked at commit.
 *
 * A transaction is used by one caller at a time. After `commit` failed or `rollback` it is over.
 */

import { type KeyText, keyText, prefixEnd, printableKey, successor } from './bytes.ts';
import { Committer, type Mutation } from './committer.ts';
import type { Core } from './core.ts';
import { assert, TikvError, UndeterminedError } from './errors.ts';
import { memcomparableBytes } from './memcomparable.ts';
import { type LockedValues, type LockOptions, PessimisticLocker } from './pessimistic-locker.ts';
import { Op } from './proto/kvrpcpb.ts';
import { PessimisticAction } from './proto/transaction-messages.ts';
import { type ReadOnlySnapshot, readOnly } from './read-only-snapshot.ts';
import { type Pair, type ScanOptions, Snapshot } from './snapshot.ts';
import { type BufferedOp, WriteBuffer } from './write-buffer.ts';

const ENCODED_KEY_BYTES_MAX = 8_192;

export interface TransactionOptions {
  /** Meant to take locks; for the reader of `Transaction.pessimistic`. Default false. */
  readonly pessimistic?: boolean;
  /** Default: as the client is configured. */
  readonly asyncCommit?: boolean;
  readonly onePhaseCommit?: boolean;
  /** Transactions of others that begin later need not come after this one. Default false. */
  readonly causalOnly?: boolean;
  /** Cancels whatever the transaction waits for. */
  readonly signal?: AbortSignal;
}

export interface Savepoint {
  readonly writes: number;
  readonly locks: number;
}

export class Transaction {
  readonly startTs: bigint;
  readonly pessimistic: boolean;
  readonly #core: Core;
  readonly #options: TransactionOptions;
  readonly #prefix: KeyText;
  readonly #buffer = new WriteBuffer();
  #locker: PessimisticLocker | undefined;
  readonly #beganAtMs: number;
  #snapshot: Snapshot;
  #forUpdateTs: bigint;
  #state: 'open' | 'committing' | 'committed' | 'rolledBack' | 'undetermined' = 'open';
  #primary: KeyText | undefined;

  /** `prefix` goes before every key: the keyspace's, or nothing. */
  constructor(core: Core, startTs: bigint, prefix: KeyText, options: TransactionOptions) {
    this.#core = core;
    this.#options = options;
    this.#prefix = prefix;
    this.startTs = startTs;
    this.pessimistic = options.pessimistic ?? false;
    this.#forUpdateTs = startTs;
    this.#beganAtMs = core.config.environment.clock.monotonicMs();
    this.#snapshot = new Snapshot(core, startTs, { signal: options.signal });
    this.#locker = this.pessimistic ? this.#newLocker() : undefined;
  }

  get state(): 'open' | 'committing' | 'committed' | 'rolledBack' | 'undetermined' {
    return this.#state;
  }

  /** What reads see; moves with `beginStatement`. */
  get readTs(): bigint {
    return this.#snapshot.readTs;
  }

  /** What reads see but for own writes, of which it tells nothing. Stays as of now when `readTs` moves. */
  get committed(): ReadOnlySnapshot {
    return readOnly(this.#snapshot, this.#prefix);
  }

  get writtenBytes(): number {
    return this.#buffer.bytes;
  }

  /** The key that decides, once the transaction has begun to commit or has taken a lock. */
  get primary(): Buffer | undefined {
    const primary = this.#primary ?? this.#locker?.primary;
    return primary === undefined ? undefined : Buffer.from(primary.slice(this.#prefix.length), 'latin1');
  }

  /** Own writes first. @throws TikvError */
  async get(key: Uint8Array): Promise<Buffer | undefined> {
    this.#assertOpen();
    const text = this.#keyOf(key);
    const own = this.#buffer.get(text);
    if (own !== undefined && own.kind !== 'lock') return own.kind === 'put' ? own.value : undefined;
    return this.#snapshot.get(text);
  }

  /** Values in the order of `keys`. @throws TikvError */
  async batchGet(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    this.#assertOpen();
    const texts = keys.map((key) => this.#keyOf(key));
    const unknown = texts.filter((key) => isUnread(this.#buffer.get(key)));
    const found = await this.#snapshot.batchGet(unknown);
    return texts.map((key) => {
      const own = this.#buffer.get(key);
      if (isUnread(own)) return found.get(key);
      return own?.kind === 'put' ? own.value : undefined;
    });
  }

  /**
   * Pairs of [start, end) in order, own writes on top; an empty end is unbounded. Batches have at least one pair.
   * Writes made while the scan runs are seen when they lie ahead of it.
   */
  async *scan(
    start: Uint8Array,
    end: Uint8Array,
    options: ScanOptions = {},
  ): AsyncGenerator<(readonly [key: Buffer, value: Buffer])[]> {
    this.#assertOpen();
    const [low, high] = this.#bounds(start, end);
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for await (const batch of this.#merged(low, high, { ...options, limit: Number.POSITIVE_INFINITY })) {
      const pairs = batch.slice(0, left);
      left -= pairs.length;
      if (pairs.length > 0) {
        yield pairs.map(([key, value]) => [Buffer.from(key.slice(this.#prefix.length), 'latin1'), value] as const);
      }
      if (left <= 0) return;
      this.#assertOpen();
    }
  }

  /** Takes its own copies. @throws TikvError `too_large`. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#write(key, { kind: 'put', value: Buffer.from(value), insert: false });
  }

  /** Fails at commit with `already_exists` when the key has a value by then. */
  insert(key: Uint8Array, value: Uint8Array): void {
    this.#write(key, { kind: 'put', value: Buffer.from(value), insert: true });
  }

  delete(key: Uint8Array): void {
    const own = this.#buffer.get(this.#keyOf(key));
    const inserted = own?.kind === 'put' ? own.insert : own?.kind === 'delete' && own.checkNotExists;
    this.#write(key, { kind: 'delete', checkNotExists: inserted });
  }

  /** The key stays as it is: a commit fails with `write_conflict` when others changed it since the start. */
  guard(key: Uint8Array): void {
    const text = this.#keyOf(key);
    if (this.#buffer.get(text) === undefined) this.#write(key, { kind: 'lock' });
  }

  /**
   * Takes pessimistic locks. @returns for each key whether and what it holds, where `returnValues` asks for it.
   * @throws TikvError `write_conflict` with `statementRetry`, `deadlock`, `lock_not_available`, `lock_wait_timeout`,
   * `already_exists`, `aborted`, `cancelled`, `invalid_argument`.
   */
  async lock(keys: readonly Uint8Array[], options: LockOptions = {}): Promise<(Buffer | undefined)[]> {
    this.#assertOpen();
    this.#throwIfLost();
    this.#locker ??= this.#newLocker();
    const texts = keys.map((key) => this.#keyOf(key));
    for (const [index, text] of texts.entries()) this.#checkSize(keys[index]!, text);
    const values: LockedValues = await this.#locker.lock(texts, options.asOf ?? this.#forUpdateTs, options);
    return texts.map((key) => values.get(key));
  }

  #newLocker(): PessimisticLocker {
    const options = { prefixLength: this.#prefix.length, signal: this.#options.signal };
    return new PessimisticLocker(this.#core, this.startTs, this.#beganAtMs, options);
  }

  get holdsLocks(): boolean {
    return this.#locker !== undefined && this.#locker.count > 0;
  }

  /** What gives locks back, and prewrites them, must not be older than any of them. */
  get #newestLockTs(): bigint {
    const newest = this.#locker?.newestTs ?? 0n;
    return newest > this.#forUpdateTs ? newest : this.#forUpdateTs;
  }

  isLocked(key: Uint8Array): boolean {
    return this.#locker?.isLocked(this.#keyOf(key)) ?? false;
  }

  /** The timestamp that the key is locked for: newer than was asked for where `force` met a later change. */
  lockedAt(key: Uint8Array): bigint | undefined {
    return this.#locker?.lockedAt(this.#keyOf(key));
  }

  /** Locks everything written that is not locked yet. @throws as `lock`. */
  async lockWrites(): Promise<void> {
    this.#assertOpen();
    const keys: Buffer[] = [];
    const inserted: Buffer[] = [];
    for (const [key, op] of this.#buffer.entries()) {
      if (this.#locker?.isLocked(key) === true) continue;
      const bytes = Buffer.from(key.slice(this.#prefix.length), 'latin1');
      (op.kind === 'put' && op.insert ? inserted : keys).push(bytes);
    }
    if (keys.length > 0) await this.lock(keys);
    // A lock decides whether the key may be inserted: nobody looks again when it is written.
    if (inserted.length > 0) await this.lock(inserted, { mustNotExist: true });
  }

  /** Reads and locks from now on see what is committed now. */
  async beginStatement(): Promise<void> {
    this.#assertOpen();
    this.moveTo(await this.#core.pd.timestamp(this.#options.signal));
  }

  /** As `beginStatement`, with a timestamp that the caller has from PD. Scans that run go on as they began. */
  moveTo(timestamp: bigint): void {
    this.lockAsOf(timestamp);
    this.#snapshot = new Snapshot(this.#core, timestamp, { signal: this.#options.signal });
  }

  /** Locks from now on accept what was committed up to `timestamp`, which comes from PD; reads stay where they are. */
  lockAsOf(timestamp: bigint): void {
    assert(timestamp >= this.#forUpdateTs, 'locks do not move back');
    this.#forUpdateTs = timestamp;
  }

  savepoint(): Savepoint {
    return { writes: this.#buffer.mark, locks: this.#locker?.count ?? 0 };
  }

  /** Undoes writes made and gives back locks taken since. The savepoint stays. */
  async rollbackTo(savepoint: Savepoint): Promise<void> {
    this.#assertOpen();
    this.#buffer.rollbackTo(savepoint.writes);
    await this.#locker?.rollbackTo(savepoint.locks, this.#newestLockTs);
  }

  /**
   * @returns the commit timestamp; undefined when there was nothing to commit.
   * @throws UndeterminedError when it may or may not have happened, else TikvError.
   */
  async commit(): Promise<bigint | undefined> {
    this.#assertOpen();
    const mutations = this.#mutations();
    if (mutations.length === 0) {
      this.#state = 'committed';
      return undefined;
    }
    const { holdsLocks } = this;
    try {
      this.#throwIfLost();
      // A key without a lock would not be waited for in the prewrite of a pessimistic transaction.
      if (holdsLocks) await this.lockWrites();
    } catch (error) {
      void this.rollback();
      throw error;
    }
    this.#state = 'committing';
    const { config } = this.#core;
    const committer = new Committer(this.#core, {
      startTs: this.startTs,
      beganAtMs: this.#beganAtMs,
      mutations: holdsLocks ? this.#mutations() : mutations,
      pessimistic: holdsLocks ? { primary: this.#locker!.primary, forUpdateTs: this.#newestLockTs } : undefined,
      asyncCommit: this.#options.asyncCommit ?? config.asyncCommit,
      onePhase: this.#options.onePhaseCommit ?? config.onePhaseCommit,
      causalOnly: this.#options.causalOnly ?? false,
      signal: this.#options.signal,
    });
    this.#primary = committer.primary;
    try {
      const commitTs = await committer.commit();
      this.#state = 'committed';
      return commitTs;
    } catch (error) {
      this.#state = error instanceof UndeterminedError ? 'undetermined' : 'rolledBack';
      throw error;
    } finally {
      this.#locker?.end();
    }
  }

  /** Resolves when all locks are given back, which nobody needs to wait for; harmless when the transaction is over. */
  async rollback(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'rolledBack';
    const locker = this.#locker;
    if (locker === undefined || locker.count === 0) return;
    const released = locker.releaseAll(this.#newestLockTs);
    this.#core.background('pessimistic rollback', () => released);
    await released.catch(() => {}); // Told to whoever listens to the background; the locks expire.
  }

  async *#merged(low: KeyText, high: KeyText, options: ScanOptions): AsyncGenerator<Pair[]> {
    const { reverse = false, keysOnly = false } = options;
    let from = low;
    let to = high;
    const own = (start: KeyText, end: KeyText) => this.#buffer.range(start, end, reverse);
    for await (const batch of this.#snapshot.scan(low, high, options)) {
      const last = batch[batch.length - 1]![0];
      // Own writes up to where the store has answered.
      const next = reverse ? last : successor(last);
      const merged = merge(batch, reverse ? own(next, to) : own(from, next), reverse, keysOnly);
      if (reverse) to = next;
      else from = next;
      if (merged.length > 0) yield merged;
    }
    const rest = merge([], own(from, to), reverse, keysOnly);
    if (rest.length > 0) yield rest;
  }

  #mutations(): Mutation[] {
    const mutations: Mutation[] = [];
    for (const [key, op] of this.#buffer.entries()) mutations.push(this.#mutation(key, op));
    // Locks without a write commit as such, so that they hold up to the end.
    for (const key of this.#locker?.keys ?? []) {
      if (this.#buffer.get(key) === undefined) mutations.push(this.#mutation(key, { kind: 'lock' }));
    }
    return mutations.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #mutation(key: KeyText, op: BufferedOp): Mutation {
    const locked = this.#locker?.isLocked(key) ?? false;
    const action = locked ? PessimisticAction.DO_PESSIMISTIC_CHECK : PessimisticAction.DO_CONSTRAINT_CHECK;
    const requiredTs = this.#locker?.requiredTs(key);
    switch (op.kind) {
      case 'put':
        return { key, op: op.insert ? Op.Insert : Op.Put, value: op.value, action, requiredTs };
      case 'delete':
        return {
          key,
          op: op.checkNotExists && !locked ? Op.CheckNotExists : Op.Del,
          value: undefined,
          action,
          requiredTs,
        };
      case 'lock':
        return { key, op: Op.Lock, value: undefined, action, requiredTs };
    }
  }

  #write(key: Uint8Array, op: BufferedOp): void {
    this.#assertOpen();
    const text = this.#keyOf(key);
    this.#checkSize(key, text);
    const { valueBytesMax, transactionBytesMax } = this.#core.config;
    if (op.kind === 'put' && op.value.length > valueBytesMax) {
      throw new TikvError('too_large', `a value of ${op.value.length} bytes; the limit is ${valueBytesMax}`, { key });
    }
    const mark = this.#buffer.mark;
    this.#buffer.set(text, op);
    if (this.#buffer.bytes > transactionBytesMax) {
      this.#buffer.rollbackTo(mark);
      throw new TikvError('too_large', `the writes of one transaction are limited to ${transactionBytesMax} bytes`, {
        key,
      });
    }
  }

  #checkSize(key: Uint8Array, text: KeyText): void {
    if (key.length === 0) throw new TikvError('invalid_argument', 'a key has at least one byte');
    if (memcomparableBytes(text.length) > ENCODED_KEY_BYTES_MAX) {
      throw new TikvError('too_large', `a key of ${key.length} bytes: ${printableKey(key)}`, { key });
    }
  }

  #keyOf(key: Uint8Array): KeyText {
    return this.#prefix === '' ? keyText(key) : this.#prefix + keyText(key);
  }

  #bounds(start: Uint8Array, end: Uint8Array): [KeyText, KeyText] {
    return [this.#prefix + keyText(start), end.length === 0 ? prefixEnd(this.#prefix) : this.#prefix + keyText(end)];
  }

  #throwIfLost(): void {
    const lost = this.#locker?.lost;
    if (lost !== undefined) throw lost;
  }

  #assertOpen(): void {
    if (this.#state !== 'open') throw new TikvError('transaction_closed', `the transaction is ${this.#state}`);
  }
}

function isUnread(op: BufferedOp | undefined): boolean {
  return op === undefined || op.kind === 'lock';
}

/** Both in the order of the scan. */
function merge(
  stored: readonly Pair[],
  own: readonly (readonly [KeyText, BufferedOp])[],
  reverse: boolean,
  keysOnly: boolean,
): Pair[] {
  if (own.length === 0) return [...stored];
  const merged: Pair[] = [];
  let at = 0;
  const before = (a: KeyText, b: KeyText) => (reverse ? a > b : a < b);
  for (const [key, op] of own) {
    while (at < stored.length && before(stored[at]![0], key)) merged.push(stored[at++]!);
    if (at < stored.length && stored[at]![0] === key) at++;
    if (op.kind === 'put') merged.push([key, keysOnly ? Buffer.alloc(0) : op.value]);
  }
  while (at < stored.length) merged.push(stored[at++]!);
  return merged;
}
