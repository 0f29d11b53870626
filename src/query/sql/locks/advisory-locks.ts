/**
 * Advisory locks (manual, 13.3.5 and 9.27.10): locks on numbers that mean what the application says, of a session or of a
 * transaction, exclusive or shared.
 *
 * All of a session's lie with one owner in the store's lock table, under keys that hold nothing. It is kin to the session's
 * transactions, so a deadlock through rows, tables and advisory locks is found. What one session holds never stands in its
 * own way: it counts how often it has taken a lock, in which mode and for how long, and the store knows the strongest mode.
 *
 * What a transaction took goes with it, or with a rollback to an earlier savepoint; what a session took goes when it is
 * unlocked as often as it was locked, by `unlockAll`, or with the session. A rollback does not give it back.
 *
 * On a store whose locks do not outlive transactions, and are never in share, those of transactions are locks of the
 * transaction itself, and those of sessions are refused. A lock has places there (lock-places.ts); who wants it alone locks
 * the lock itself first, so that of those who do only one goes for the places. Nothing is stored under these keys:
 *
 *   {prefix}/catalog/ ('advisory', id), {prefix}/catalog/ ('advisory', id, place)
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { hasCode } from '../../../base/errors.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import type { LockOptions, SessionLocks, Store, Transaction } from '../../../storage/store.ts';
import type { Interrupts } from '../interrupts.ts';
import type { SessionParameters } from '../session-parameters.ts';
import { SqlError } from '../sql-error.ts';
import { isTaken, LockPlaces } from './lock-places.ts';

/** One of 64 bits, or two of 32: the two spaces do not meet. */
export interface AdvisoryKey {
  readonly classId: number;
  readonly objectId: number;
  /** As pg_locks tells the spaces apart. */
  readonly space: 1 | 2;
}

export interface AdvisoryRequest {
  readonly shared: boolean;
  readonly lasts: 'session' | 'transaction';
  readonly wait: boolean;
}

/** What functions may do with them. */
export interface AdvisoryAccess {
  /** False only where the request does not wait. @throws SqlError `lock_not_available`, OperationError `deadlock`. */
  lock(key: AdvisoryKey, request: AdvisoryRequest): Awaitable<boolean>;
  /** Whether the session held it so. */
  unlock(key: AdvisoryKey, shared: boolean): boolean;
  unlockAll(): void;
  /** Of all sessions, for pg_locks. */
  all(): Iterable<AdvisoryHolding>;
}

export interface AdvisoryHolding {
  readonly key: AdvisoryKey;
  readonly processId: number;
  readonly shared: boolean;
  readonly granted: boolean;
}

interface Held {
  readonly key: AdvisoryKey;
  readonly storeKey: Key;
  /** How often, by what it lasts for and then by mode. */
  readonly session: { exclusive: number; shared: number };
  readonly transaction: { exclusive: number; shared: number };
}

/** Locks of one session at once. */
const HELD_MAX = 100_000;
/** So many share a lock where the store has none in share. */
const PLACES = 16;
/** Places tried before one is waited for. */
const TRIES = 4;

export interface AdvisoryLocksOptions {
  readonly store: Store;
  readonly keyspace: Keyspace;
  readonly processId: number;
  readonly interrupts: Interrupts;
  readonly parameters: Pick<SessionParameters, 'milliseconds'>;
  /** Of the engine: those who have asked for any. */
  readonly sessions: Set<AdvisoryLocks>;
  /** The transaction that runs, begun where there is none. */
  readonly transaction: () => Transaction;
}

export class AdvisoryLocks implements AdvisoryAccess {
  readonly #options: AdvisoryLocksOptions;
  /** For transactions to be kin to; undefined where the store has none. */
  readonly locks: SessionLocks | undefined;
  readonly #places: LockPlaces;
  readonly #held = new Map<string, Held>();
  /** What the transaction took, in order. */
  readonly #taken: { readonly id: string; readonly mode: 'exclusive' | 'shared' }[] = [];
  #awaited: { readonly key: AdvisoryKey; readonly shared: boolean } | undefined;

  constructor(options: AdvisoryLocksOptions) {
    this.#options = options;
    this.locks = options.store.sessionLocks?.(`pg:${options.processId}`);
    this.#places = new LockPlaces(PLACES, options.processId);
  }

  lock(key: AdvisoryKey, { shared, lasts, wait }: AdvisoryRequest): Awaitable<boolean> {
    if (this.locks === undefined && lasts === 'session') {
      throw new SqlError(
        'feature_not_supported',
        'advisory locks of sessions are not supported on a store that several servers share',
        { hint: 'Locks of transactions are: use pg_advisory_xact_lock, or one of its kin.' },
      );
    }
    const id = idOf(key);
    const held = this.#held.get(id);
    const mode = shared ? 'shared' : 'exclusive';
    if (held !== undefined && (shared || isExclusive(held))) return this.#count(id, held, mode, lasts);
    if (held === undefined && this.#held.size >= HELD_MAX) {
      throw new SqlError('out_of_memory', `more than ${HELD_MAX} advisory locks in one session`);
    }
    const { interrupts, parameters, keyspace, sessions } = this.#options;
    const storeKey = held?.storeKey ?? keyspace.catalog.key(['advisory', id]);
    const timeoutMs = parameters.milliseconds('lock_timeout');
    const bound = timeoutMs > 0 ? { timeoutMs } : {};
    const granted =
      this.locks === undefined
        ? this.#lockInTransaction(id, storeKey, shared, wait, bound)
        : this.locks.lock(storeKey, { mode: shared ? 'share' : 'exclusive', wait: wait ? 'block' : 'skip', ...bound });
    sessions.add(this);
    const take = (isGranted: boolean): boolean => {
      if (!isGranted) return false;
      const none = { exclusive: 0, shared: 0 };
      return this.#count(id, held ?? { key, storeKey, session: { ...none }, transaction: { ...none } }, mode, lasts);
    };
    if (!isPromise(granted)) return take(granted);
    this.#awaited = { key, shared };
    return interrupts
      .race(granted)
      .then(take, (error: unknown) => {
        this.locks?.cancel();
        if (!hasCode(error, 'lock_not_available')) throw error;
        throw new SqlError('lock_not_available', 'canceling statement due to lock timeout', { cause: error });
      })
      .finally(() => {
        this.#awaited = undefined;
      });
  }

  unlock(key: AdvisoryKey, shared: boolean): boolean {
    const id = idOf(key);
    const held = this.#held.get(id);
    const mode = shared ? 'shared' : 'exclusive';
    if (held === undefined || held.session[mode] === 0) return false;
    held.session[mode]--;
    this.#settle(id, held);
    return true;
  }

  unlockAll(): void {
    for (const [id, held] of this.#held) {
      held.session.exclusive = 0;
      held.session.shared = 0;
      this.#settle(id, held);
    }
  }

  /** How much the transaction has taken so far: see `rollbackTo`. */
  mark(): number {
    return this.#taken.length;
  }

  /** Gives up what the transaction took since. */
  rollbackTo(mark: number): void {
    while (this.#taken.length > mark) {
      const { id, mode } = this.#taken.pop()!;
      const held = this.#held.get(id)!;
      held.transaction[mode]--;
      this.#settle(id, held);
    }
  }

  endTransaction(): void {
    if (this.#taken.length > 0) this.rollbackTo(0);
  }

  close(): void {
    this.#held.clear();
    this.#taken.length = 0;
    this.#options.sessions.delete(this);
    this.locks?.close();
  }

  *all(): Iterable<AdvisoryHolding> {
    for (const session of this.#options.sessions) yield* session.#own();
  }

  *#own(): Iterable<AdvisoryHolding> {
    const { processId } = this.#options;
    for (const { key, session, transaction } of this.#held.values()) {
      for (const mode of ['exclusive', 'shared'] as const) {
        const isHeld = session[mode] + transaction[mode] > 0;
        if (isHeld) yield { key, processId, shared: mode === 'shared', granted: true };
      }
    }
    if (this.#awaited !== undefined) yield { ...this.#awaited, processId, granted: false };
  }

  #count(id: string, held: Held, mode: 'exclusive' | 'shared', lasts: 'session' | 'transaction'): true {
    this.#held.set(id, held);
    held[lasts][mode]++;
    if (lasts === 'transaction') this.#taken.push({ id, mode });
    return true;
  }

  /** @returns false where another holds it and it is not waited for. */
  async #lockInTransaction(
    id: string,
    own: Key,
    shared: boolean,
    wait: boolean,
    bound: Pick<LockOptions, 'timeoutMs'>,
  ): Promise<boolean> {
    const { keyspace } = this.#options;
    const transaction = this.#options.transaction();
    const how: LockOptions = wait ? bound : { wait: 'nowait' };
    const place = (number: number) => keyspace.catalog.key(['advisory', id, BigInt(number)]);
    try {
      if (shared) {
        const lock = (keys: readonly Key[], options: LockOptions) => transaction.lock(keys, options);
        await this.#places.takeOne(place, lock, wait ? TRIES : PLACES, how);
      } else if (wait) {
        await transaction.lock([own], how);
        await transaction.lock(this.#places.all(place), how);
      } else await transaction.lock([own, ...this.#places.all(place)], how);
      return true;
    } catch (error) {
      if (wait || !isTaken(error)) throw error;
      return false;
    }
  }

  /** Tells the store what is left, where it has not heard of it by the end of the transaction, or of a part of it. */
  #settle(id: string, held: Held): void {
    const { session, transaction, storeKey } = held;
    if (isExclusive(held)) return;
    if (session.shared + transaction.shared > 0) {
      this.locks?.downgrade(storeKey);
      return;
    }
    this.#held.delete(id);
    this.locks?.release(storeKey);
  }
}

function isExclusive({ session, transaction }: Held): boolean {
  return session.exclusive + transaction.exclusive > 0;
}

function idOf({ classId, objectId, space }: AdvisoryKey): string {
  return `${classId}/${objectId}/${space}`;
}
