/**
 * Pessimistic locks: taking them, waiting for them, and finding deadlocks.
 *
 * A request takes all of its keys or none. A request that meets another's lock waits in the key's queue until the lock
 * goes, its time is up, or it would close a cycle in the graph of who waits for whom: then it fails at once and the others
 * go on.
 */

import { type KeyText, keyBytes, keyText } from '../src/bytes.ts';
import type { Environment } from '../src/environment.ts';
import { Assertion, type KeyError, Op, WriteConflictReason } from '../src/proto/kvrpcpb.ts';
import {
  PessimisticLockKeyResultType,
  type PessimisticLockRequest,
  type PessimisticLockResponse,
  PessimisticLockWakeUpMode,
  type PessimisticRollbackRequest,
} from '../src/proto/transaction-messages.ts';
import type { Init } from '../src/protobuf/message.ts';
import { MAX_TIMESTAMP } from '../src/timestamp.ts';
import { describeLock, isData, type KeyState, type Lock, type MvccData } from './mvcc-data.ts';
import { KeyFailure, max } from './mvcc-write.ts';

export const LOCK_WAIT_MS = 1_000;

interface Waiter {
  readonly txn: bigint;
  readonly holder: bigint;
  readonly key: KeyText;
  readonly wake: () => void;
}

type Response = Init<typeof PessimisticLockResponse>;

export class PessimisticLocks {
  readonly #data: MvccData;
  readonly #environment: Environment;
  readonly #waiters = new Set<Waiter>();

  constructor(data: MvccData, environment: Environment) {
    this.#data = data;
    this.#environment = environment;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Called after every command: whoever waits for a lock that is gone tries again. */
  wake(): void {
    for (const waiter of [...this.#waiters]) {
      const lock = this.#data.keys.get(waiter.key)?.lock;
      if (lock !== undefined && lock.startTs === waiter.holder) continue;
      this.#waiters.delete(waiter);
      waiter.wake();
    }
  }

  /** `stillServed` tells whether the region has not changed meanwhile; undefined as answer when it has. */
  async acquire(request: PessimisticLockRequest, stillServed: () => boolean): Promise<Response | undefined> {
    const startedMs = this.#environment.clock.monotonicMs();
    const requested = Number(request.waitTimeout);
    const waitMs = requested < 0 ? 0 : requested === 0 ? LOCK_WAIT_MS : Math.min(requested, LOCK_WAIT_MS);
    for (;;) {
      if (!stillServed()) return undefined;
      const attempt = this.#attempt(request);
      if (attempt.kind === 'done') return attempt.response;
      const { state } = attempt;
      const lock = state.lock!;
      const remainingMs = startedMs + waitMs - this.#environment.clock.monotonicMs();
      if (remainingMs <= 0) {
        const sinceMs = Math.max(1, Math.floor(this.#environment.clock.monotonicMs() - lock.lastUpdateMs));
        return { errors: [{ locked: { ...describeLock(state, lock), durationToLastUpdateMs: BigInt(sinceMs) } }] };
      }
      const chain = this.#pathBetween(lock.startTs, request.startVersion);
      if (chain !== undefined) return { errors: [this.#deadlock(request, state, lock, chain)] };
      await this.#wait(request.startVersion, lock.startTs, state.key, remainingMs);
    }
  }

  rollback(request: PessimisticRollbackRequest): void {
    for (const key of request.keys) {
      const state = this.#data.keys.get(keyText(key));
      const lock = state?.lock;
      if (state === undefined || lock === undefined) continue;
      if (lock.startTs !== request.startVersion || lock.type !== Op.PessimisticLock) continue;
      if (lock.forUpdateTs <= request.forUpdateTs) this.#data.clearLock(state);
    }
  }

  #attempt(
    request: PessimisticLockRequest,
  ): { readonly kind: 'done'; readonly response: Response } | { readonly kind: 'locked'; readonly state: KeyState } {
    const force = request.wakeUpMode === PessimisticLockWakeUpMode.WakeUpModeForceLock;
    const values: Buffer[] = [];
    const notFounds: boolean[] = [];
    const toLock: { state: KeyState; forUpdateTs: bigint }[] = [];
    let conflictTs = 0n;
    try {
      for (const mutation of request.mutations) {
        const state = this.#data.state(keyText(mutation.key));
        const { lock } = state;
        if (lock !== undefined && lock.startTs !== request.startVersion) return { kind: 'locked', state };
        if (lock !== undefined && lock.type !== Op.PessimisticLock) {
          throw new KeyFailure({ abort: `LockTypeNotMatch { start_ts: ${request.startVersion} }` });
        }
        let forUpdateTs = request.forUpdateTs;
        const outcome = state.outcomeOf(request.startVersion);
        if (lock === undefined && outcome?.kind === 'rolledBack') {
          throw new KeyFailure({ abort: `PessimisticLockRolledBack { start_ts: ${request.startVersion} }` });
        }
        if (lock === undefined && outcome?.kind === 'committed') {
          throw new KeyFailure({ abort: `Committed { start_ts: ${request.startVersion} }` });
        }
        const newest = state.newest;
        if (newest !== undefined && newest.commitTs > forUpdateTs) {
          if (!force) throw this.#conflict(request, state, newest.commitTs);
          conflictTs = newest.commitTs;
          forUpdateTs = conflictTs;
        }
        const value = state.valueAt(force ? MAX_TIMESTAMP : forUpdateTs);
        if (mutation.assertion === Assertion.NotExist && value !== undefined) {
          throw new KeyFailure({ alreadyExist: { key: mutation.key } });
        }
        values.push(value ?? Buffer.alloc(0));
        notFounds.push(value === undefined);
        if (value !== undefined || !request.lockOnlyIfExists) toLock.push({ state, forUpdateTs });
      }
    } catch (error) {
      if (!(error instanceof KeyFailure)) throw error;
      return { kind: 'done', response: { errors: [error.error] } };
    }
    for (const { state, forUpdateTs } of toLock) this.#lock(request, state, forUpdateTs);
    if (force) {
      const type =
        conflictTs > 0n
          ? PessimisticLockKeyResultType.LockResultLockedWithConflict
          : PessimisticLockKeyResultType.LockResultNormal;
      const existence = notFounds[0] === false;
      return {
        kind: 'done',
        response: { results: [{ type, value: values[0]!, existence, lockedWithConflictTs: conflictTs }] },
      };
    }
    if (request.returnValues) return { kind: 'done', response: { values, notFounds } };
    return { kind: 'done', response: request.checkExistence ? { notFounds } : {} };
  }

  #lock(request: PessimisticLockRequest, state: KeyState, forUpdateTs: bigint): void {
    const own = state.lock;
    const nowMs = this.#environment.clock.monotonicMs();
    if (own !== undefined) {
      own.forUpdateTs = max(own.forUpdateTs, forUpdateTs);
      own.ttl = max(own.ttl, request.lockTtl);
      own.minCommitTs = max(own.minCommitTs, request.minCommitTs);
      own.lastUpdateMs = nowMs;
      return;
    }
    this.#data.setLock(state, {
      type: Op.PessimisticLock,
      primary: keyText(request.primaryLock),
      startTs: request.startVersion,
      ttl: request.lockTtl,
      forUpdateTs,
      txnSize: 0n,
      minCommitTs: request.minCommitTs,
      useAsyncCommit: false,
      secondaries: [],
      shortValue: undefined,
      lastUpdateMs: nowMs,
    });
  }

  #wait(txn: bigint, holder: bigint, key: KeyText, remainingMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        txn,
        holder,
        key,
        wake: () => {
          timer.cancel();
          resolve();
        },
      };
      const timer = this.#environment.timers.after(remainingMs, () => {
        this.#waiters.delete(waiter);
        resolve();
      });
      this.#waiters.add(waiter);
    });
  }

  /** Who waits for whom, from one transaction to another. */
  #pathBetween(from: bigint, to: bigint, seen: Set<bigint> = new Set()): Waiter[] | undefined {
    if (seen.has(from)) return undefined;
    seen.add(from);
    for (const waiter of this.#waiters) {
      if (waiter.txn !== from) continue;
      if (waiter.holder === to) return [waiter];
      const rest = this.#pathBetween(waiter.holder, to, seen);
      if (rest !== undefined) return [waiter, ...rest];
    }
    return undefined;
  }

  #deadlock(
    request: PessimisticLockRequest,
    state: KeyState,
    lock: Lock,
    chain: readonly Waiter[],
  ): Init<typeof KeyError> {
    const closing = chain[chain.length - 1]!;
    const entries = chain.map((waiter) => ({ txn: waiter.txn, waitForTxn: waiter.holder, key: keyBytes(waiter.key) }));
    return {
      deadlock: {
        lockTs: lock.startTs,
        lockKey: keyBytes(state.key),
        deadlockKey: keyBytes(closing.key),
        waitChain: [...entries, { txn: request.startVersion, waitForTxn: lock.startTs, key: keyBytes(state.key) }],
      },
    };
  }

  #conflict(request: PessimisticLockRequest, state: KeyState, conflictCommitTs: bigint): KeyFailure {
    return new KeyFailure({
      conflict: {
        startTs: request.startVersion,
        conflictTs: state.writes.findLast(isData)?.startTs,
        key: keyBytes(state.key),
        primary: request.primaryLock,
        conflictCommitTs,
        reason: WriteConflictReason.PessimisticRetry,
      },
      retryable: `WriteConflict { start_ts: ${request.startVersion} }`,
    });
  }
}
