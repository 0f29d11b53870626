/**
 * All databases within one transaction of the store: for EXEC, for walks over keys, and for what touches two databases.
 *
 * What runs here reads one version of the store with its own writes on top, and is one commit: serializable, so what it
 * read is unchanged when it commits, else it runs again. Where nothing has to wait (values in memory, no foreign lock) all of
 * it, the commit included, is one synchronous stretch. It is durable when the session's `observedVersion` is.
 *
 * Where the store is no `serializable` one, a transaction that writes requires each key that it read to be as it was; a key
 * that appears where it walked over keys is not noticed. Where other processes write to the store, the order of databases
 * is fixed: who has not seen a swap would write to the wrong one.
 */

import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { type Bytes, copyBytes, latin1 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Database, LookupCounts } from '../../models/keyvalue/database.ts';
import { type TransactedWrites, TransactionDatabase } from '../../models/keyvalue/database.ts';
import type { DatabaseMap } from '../../models/keyvalue/database-map.ts';
import type { DatabaseKeys } from '../../models/keyvalue/keys.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Transaction } from '../../storage/store.ts';
import type { RespServer, Session } from './session.ts';
import { isTouchedBySwap, type WatchedKey } from './watched-keys.ts';

const ATTEMPTS_MAX = 16;
const BACKOFF_FIRST_MS = 1;
const BACKOFF_MAX_MS = 64;

export interface TransactOptions {
  /** For logs and deadlock messages. */
  readonly label: string;
  readonly readOnly: boolean;
  /** Called before a commit that had to wait for something: the last chance to give up, by throwing. */
  readonly beforeLateCommit?: (on: KeyspaceTransaction) => Awaitable<void>;
}

export class KeyspaceTransaction {
  readonly transaction: Transaction;
  readonly server: RespServer;
  readonly session: Session;
  readonly nowMs: number;
  readonly mapAtStart: DatabaseMap;
  /** Watched keys that it has written, whatever it did to them afterwards. */
  readonly written: WatchedKey[] = [];
  /** Where the command that runs in it counts what it finds. */
  lookups: LookupCounts | undefined;
  readonly #checked: CheckedReads | undefined;
  #map: DatabaseMap;

  constructor(session: Session, { label, readOnly }: TransactOptions) {
    const { server } = session;
    const { store } = server.partitions;
    const checks = !readOnly && !store.supports.serializable;
    this.server = server;
    this.session = session;
    this.transaction = store.begin({ isolation: readOnly || checks ? 'snapshot' : 'serializable', readOnly, label });
    this.#checked = checks ? new CheckedReads(this.transaction) : undefined;
    this.nowMs = server.platform.clock.nowMs();
    this.mapAtStart = server.databases.map;
    this.#map = this.mapAtStart;
  }

  /** The selected database's number. */
  get selected(): number {
    return this.session.database;
  }

  database(number: number): Database {
    const on = this.#checked ?? this.transaction;
    const { watchedKeys } = this.server;
    const database = watchedKeys.isActive
      ? new WatchedDatabase(on, this.keys(number), this.nowMs, (redisKey) => {
          if (redisKey !== undefined) this.written.push(...watchedKeys.of(number, redisKey));
          else for (const watch of watchedKeys.within([number])) if (watch.existed) this.written.push(watch);
        })
      : new TransactionDatabase(on, this.keys(number), this.nowMs);
    database.lookups = this.lookups;
    database.pause = () => this.pause();
    return database;
  }

  /** The key holds this value, and must when this commits. */
  requireUnchanged(key: Key, value: Bytes | undefined): void {
    this.#checked?.note(key, value);
  }

  /** What must be unchanged when this commits, where the store does not see to it. */
  requireReads(): void {
    this.#checked?.require();
  }

  keys(number: number): DatabaseKeys {
    return this.server.databases.keys(this.#map.stored(number));
  }

  swap(a: number, b: number): Awaitable<void> {
    if (this.server.partitions.store.supports.shared) {
      throw new OperationError('unsupported', 'SWAPDB is not supported on a store that several servers share');
    }
    if (a === b) return undefined;
    const { watchedKeys } = this.server;
    if (!watchedKeys.isActive) return this.#swap(a, b);
    // Another swap of this transaction may undo it: who watches is told of both.
    const waits: Promise<void>[] = [];
    for (const watch of watchedKeys.within([a, b])) {
      const note = ([before, after]: readonly (Bytes | undefined)[]): void => {
        if (isTouchedBySwap(watch, before, after, this.nowMs)) this.written.push(watch);
      };
      const values = [watch.database, watch.database === a ? b : a].map((number) =>
        this.transaction.get(copyBytes(this.keys(number).encode(watch.redisKey))),
      );
      if (values.some(isPromise)) waits.push(Promise.all(values).then(note));
      else note(values as (Bytes | undefined)[]);
    }
    return waits.length === 0 ? this.#swap(a, b) : Promise.all(waits).then(() => this.#swap(a, b));
  }

  #swap(a: number, b: number): void {
    this.#map = this.#map.swapped(a, b);
    this.transaction.put(this.server.databases.mapKey, this.#map.bytes);
  }

  /** Gives the event loop back: long walks call it between batches. */
  pause(): Promise<void> {
    return this.server.platform.timers.yield();
  }
}

/** Tells which keys are written or deleted, which were there; undefined stands for all that there are. */
class WatchedDatabase extends TransactionDatabase {
  readonly #note: (redisKey: Bytes | undefined) => void;

  constructor(on: TransactedWrites, keys: DatabaseKeys, nowMs: number, note: (redisKey: Bytes | undefined) => void) {
    super(on, keys, nowMs);
    this.#note = note;
    const { putInSlices } = this;
    if (putInSlices === undefined) return;
    const noting: TransactionDatabase['putInSlices'] = (redisKey, parts) => {
      note(redisKey);
      return putInSlices(redisKey, parts);
    };
    this.putInSlices = noting; // By name, as in `TransactionDatabase`.
  }

  override put(redisKey: Bytes, stored: Bytes): void {
    super.put(redisKey, stored);
    this.#note(redisKey);
  }

  override delete(redisKey: Bytes): void {
    super.delete(redisKey);
    this.#note(redisKey);
  }

  override clear(): void {
    super.clear();
    this.#note(undefined);
  }
}

/** A transaction that knows what it read. */
class CheckedReads implements TransactedWrites {
  readonly #transaction: Transaction;
  readonly #reads = new Map<string, { readonly key: Key; readonly value: Bytes | undefined }>();
  readonly #written = new Set<string>();
  #clears = false;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  get(key: Key): Awaitable<Bytes | undefined> {
    const name = latin1(key);
    if (this.#written.has(name) || this.#clears) return this.#transaction.get(key);
    return whenReady(this.#transaction.get(key), (value) => {
      this.#reads.set(name, { key, value });
      return value;
    });
  }

  note(key: Key, value: Bytes | undefined): void {
    this.#reads.set(latin1(key), { key, value });
  }

  put(key: Key, value: Bytes): void {
    this.#written.add(latin1(key));
    this.#transaction.put(key, value);
  }

  delete(key: Key): void {
    this.#written.add(latin1(key));
    this.#transaction.delete(key);
  }

  deleteRange(range: KeyRange): void {
    this.#clears = true;
    this.#transaction.deleteRange(range);
  }

  /** Once, before the commit. What was written is checked by being written. */
  require(): void {
    if (this.#written.size === 0 && !this.#clears) return;
    for (const [name, { key, value }] of this.#reads) {
      if (!this.#written.has(name)) this.#transaction.require(key, value);
    }
  }
}

/**
 * Runs `work` in a transaction and commits it visibly; `work` runs again after a conflict.
 * @throws OperationError those of the last attempt; what `work` throws otherwise.
 */
export function transact<T>(
  session: Session,
  options: TransactOptions,
  work: (on: KeyspaceTransaction) => Awaitable<T>,
): Awaitable<T> {
  const on = new KeyspaceTransaction(session, options);
  try {
    const outcome = work(on);
    if (isPromise(outcome) || session.server.partitions.store.supports.shared)
      return orAgain(finishLate(on, options, outcome), session, options, work);
    const committed = on.transaction.commitVisible();
    if (isPromise(committed)) {
      const late = committed.then(({ version }) => {
        observe(on, version);
        return outcome;
      });
      return orAgain(late, session, options, work);
    }
    observe(on, committed.version);
    return outcome;
  } catch (error) {
    on.transaction.rollback();
    if (!isRetryable(error)) throw error;
    return orAgain(Promise.reject(error), session, options, work);
  }
}

async function orAgain<T>(
  first: Promise<T>,
  session: Session,
  options: TransactOptions,
  work: (on: KeyspaceTransaction) => Awaitable<T>,
): Promise<T> {
  const { timers } = session.server.platform;
  let attempt = first;
  for (let backoffMs = BACKOFF_FIRST_MS, attempts = 1; ; attempts++) {
    try {
      return await attempt;
    } catch (error) {
      if (!isRetryable(error) || attempts >= ATTEMPTS_MAX) throw error;
    }
    await timers.sleep(backoffMs);
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    const on = new KeyspaceTransaction(session, options);
    try {
      attempt = finishLate(on, options, work(on));
    } catch (error) {
      on.transaction.rollback();
      attempt = Promise.reject(error);
    }
  }
}

/** Commits behind a wait, during which others went on. */
async function finishLate<T>(on: KeyspaceTransaction, options: TransactOptions, work: Awaitable<T>): Promise<T> {
  try {
    const outcome = await work;
    if (!options.readOnly && !on.server.partitions.store.supports.shared) {
      await on.transaction.get(on.server.databases.mapKey); // Joins what must be unchanged.
    }
    await options.beforeLateCommit?.(on);
    on.requireReads();
    if (on.server.databases.map !== on.mapAtStart) {
      throw new OperationError('transaction_conflict', 'the databases were swapped meanwhile');
    }
    const { version } = await on.transaction.commitVisible();
    observe(on, version);
    return outcome;
  } catch (error) {
    on.transaction.rollback();
    throw error;
  }
}

function observe(on: KeyspaceTransaction, version: number): void {
  const { session, transaction } = on;
  for (const watch of on.written) watch.changed = true;
  session.observedVersion = Math.max(session.observedVersion, transaction.observedVersion, version);
}

function isRetryable(error: unknown): boolean {
  return error instanceof OperationError && error.retry === 'transaction';
}
