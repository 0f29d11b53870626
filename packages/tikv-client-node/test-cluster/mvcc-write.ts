/**
 * Prewrite, commit, rollback and their kin on the data of a cluster. Each runs synchronously, which is what TiKV's latches
 * achieve; a request takes effect on all of its keys or on none.
 *
 * Stricter than TiKV where it costs honest clients nothing: a transaction that was rolled back on a key stays so whatever
 * the prewrite asks to skip.
 */

import { type KeyText, keyBytes, keyText } from '../src/bytes.ts';
import { Assertion, type KeyError, Op, WriteConflictReason } from '../src/proto/kvrpcpb.ts';
import {
  Action,
  type CheckSecondaryLocksRequest,
  type CheckSecondaryLocksResponse,
  type CheckTxnStatusRequest,
  type CheckTxnStatusResponse,
  type CommitRequest,
  PessimisticAction,
  type PrewriteRequest,
  type PrewriteResponse,
} from '../src/proto/transaction-messages.ts';
import type { Init } from '../src/protobuf/message.ts';
import { MAX_TIMESTAMP, physicalMs } from '../src/timestamp.ts';
import { describeLock, isData, type KeyState, type Lock, type MvccData, SHORT_VALUE_BYTES_MAX } from './mvcc-data.ts';

type KeyErrorInit = Init<typeof KeyError>;

/** Thrown inside of a command that affects nothing any more. */
export class KeyFailure extends Error {
  readonly error: KeyErrorInit;

  constructor(error: KeyErrorInit) {
    super('key error');
    this.error = error;
  }
}

type Mutation = PrewriteRequest['mutations'][number];

interface PlannedLock {
  readonly state: KeyState;
  readonly mutation: Mutation;
  readonly pessimistic: Lock | undefined;
}

/** `maxTs`: the newest read that the commit must come after. */
export function prewrite(
  data: MvccData,
  request: PrewriteRequest,
  { nowMs, maxTs }: { readonly nowMs: number; readonly maxTs: bigint },
): Init<typeof PrewriteResponse> {
  const { startVersion: startTs, forUpdateTs } = request;
  const pessimistic = forUpdateTs > 0n;
  const errors: KeyErrorInit[] = [];
  const planned: PlannedLock[] = [];
  /** Over keys that were prewritten or committed before: this request is a repetition. */
  let earlierMinCommitTs = 0n;
  let earlierCommitTs = 0n;
  let fellBackBefore = false;
  const constraints = new Map(request.forUpdateTsConstraints.map((one) => [one.index, one.expectedForUpdateTs]));
  for (const [index, mutation] of request.mutations.entries()) {
    const state = data.state(keyText(mutation.key));
    const action = request.pessimisticActions[index] ?? PessimisticAction.SKIP_PESSIMISTIC_CHECK;
    const { lock } = state;
    try {
      if (lock !== undefined && lock.startTs === startTs && lock.type !== Op.PessimisticLock) {
        if (lock.useAsyncCommit) earlierMinCommitTs = max(earlierMinCommitTs, lock.minCommitTs);
        else fellBackBefore = true;
        continue;
      }
      const own = lock !== undefined && lock.startTs === startTs ? lock : undefined;
      if (own === undefined) {
        const outcome = state.outcomeOf(startTs);
        if (outcome?.kind === 'committed') {
          earlierCommitTs = max(earlierCommitTs, outcome.write.commitTs);
          continue;
        }
        if (outcome?.kind === 'rolledBack') throw conflict(state, request, startTs, WriteConflictReason.SelfRolledBack);
      }
      if (lock !== undefined && own === undefined) {
        if (action === PessimisticAction.DO_PESSIMISTIC_CHECK) throw pessimisticLockNotFound(state);
        const info = describeLock(state, lock);
        errors.push({ locked: pessimistic ? { ...info, lockTtl: 0n } : info });
        continue;
      }
      if (own !== undefined) {
        const expected = constraints.get(index);
        if (expected !== undefined && expected !== own.forUpdateTs) throw pessimisticLockNotFound(state);
      } else if (action === PessimisticAction.DO_PESSIMISTIC_CHECK) {
        // The lock was lost: the write may still go on when nothing was written since the transaction began.
        if (state.newest !== undefined && state.newest.commitTs >= startTs) throw pessimisticLockNotFound(state);
      } else if (!pessimistic || action === PessimisticAction.DO_CONSTRAINT_CHECK) {
        const newer = state.newest;
        if (newer !== undefined && newer.commitTs > startTs) {
          throw conflict(
            state,
            request,
            newer.commitTs,
            pessimistic ? WriteConflictReason.LazyUniquenessCheck : WriteConflictReason.Optimistic,
          );
        }
      }
      checkExistence(state, mutation, request);
      if (mutation.op !== Op.CheckNotExists) planned.push({ state, mutation, pessimistic: own });
    } catch (error) {
      if (!(error instanceof KeyFailure)) throw error;
      return { errors: [error.error] };
    }
  }
  if (errors.length > 0) return { errors };
  if (earlierCommitTs > 0n) {
    return request.tryOnePc ? { onePcCommitTs: earlierCommitTs } : { minCommitTs: earlierCommitTs };
  }

  // All of it has been done before: what was decided then stays so, whatever was read since.
  if (planned.length === 0 && earlierMinCommitTs > 0n && !fellBackBefore) return { minCommitTs: earlierMinCommitTs };

  let minCommitTs = 0n;
  let asyncCommit = (request.useAsyncCommit || request.tryOnePc) && !fellBackBefore;
  if (asyncCommit) {
    minCommitTs = max(max(maxTs, startTs), forUpdateTs) + 1n;
    minCommitTs = max(max(minCommitTs, request.minCommitTs), earlierMinCommitTs);
    if (request.maxCommitTs > 0n && minCommitTs > request.maxCommitTs) {
      asyncCommit = false;
      minCommitTs = 0n;
    }
  }
  if (asyncCommit && request.tryOnePc && earlierMinCommitTs === 0n) {
    for (const { state, mutation } of planned) {
      data.clearLock(state);
      state.addWrite(commitRecord(state, mutation.op, startTs, minCommitTs, keepValue(state, mutation, startTs)));
    }
    return { onePcCommitTs: minCommitTs };
  }
  const writeAsync = asyncCommit && request.useAsyncCommit;
  for (const { state, mutation, pessimistic: own } of planned) {
    const isPrimary = request.primaryLock.equals(mutation.key);
    data.setLock(state, {
      type: mutation.op === Op.Insert ? Op.Put : mutation.op,
      primary: keyText(request.primaryLock),
      startTs,
      ttl: max(request.lockTtl, own?.ttl ?? 0n),
      forUpdateTs,
      txnSize: request.txnSize,
      minCommitTs: max(max(writeAsync ? minCommitTs : request.minCommitTs, own?.minCommitTs ?? 0n), 0n),
      useAsyncCommit: writeAsync,
      secondaries: writeAsync && isPrimary ? request.secondaries.map(keyText) : [],
      shortValue: keepValue(state, mutation, startTs),
      lastUpdateMs: nowMs,
    });
  }
  if (!writeAsync) return {};
  for (const { pessimistic: own } of planned) if (own !== undefined) minCommitTs = max(minCommitTs, own.minCommitTs);
  return { minCommitTs };
}

function checkExistence(state: KeyState, mutation: Mutation, request: PrewriteRequest): void {
  const live = () => state.valueAt(MAX_TIMESTAMP);
  if ((mutation.op === Op.Insert || mutation.op === Op.CheckNotExists) && live() !== undefined) {
    throw new KeyFailure({ alreadyExist: { key: mutation.key } });
  }
  if (request.assertionLevel === 0 || mutation.assertion === Assertion.None) return;
  const exists = live() !== undefined;
  if (exists === (mutation.assertion === Assertion.Exist)) return;
  const existing = state.visible(MAX_TIMESTAMP);
  throw new KeyFailure({
    assertionFailed: {
      startTs: request.startVersion,
      key: mutation.key,
      assertion: mutation.assertion,
      existingStartTs: existing?.startTs,
      existingCommitTs: existing?.commitTs,
    },
  });
}

/** Puts a long value into the default column. @returns a short one. */
function keepValue(state: KeyState, mutation: Mutation, startTs: bigint): Buffer | undefined {
  if (mutation.op !== Op.Put && mutation.op !== Op.Insert) return undefined;
  const value = Buffer.from(mutation.value);
  if (value.length <= SHORT_VALUE_BYTES_MAX) return value;
  state.values.set(startTs, value);
  return undefined;
}

function commitRecord(_state: KeyState, op: number, startTs: bigint, commitTs: bigint, shortValue: Buffer | undefined) {
  const type = op === Op.Insert ? Op.Put : op;
  return { type, startTs, commitTs, shortValue, overlappedRollback: false, isProtected: false };
}

/** @throws KeyFailure */
export function commit(data: MvccData, request: CommitRequest): void {
  const { startVersion: startTs, commitVersion: commitTs } = request;
  if (commitTs <= startTs)
    throw new KeyFailure({ abort: `invalid transaction tso: start ${startTs}, commit ${commitTs}` });
  const states = request.keys.map((key) => data.state(keyText(key)));
  for (const state of states) checkCommit(state, startTs, commitTs);
  for (const state of states) applyCommit(data, state, startTs, commitTs);
}

function checkCommit(state: KeyState, startTs: bigint, commitTs: bigint): void {
  const { lock } = state;
  if (lock?.startTs === startTs) {
    if (lock.type !== Op.PessimisticLock && commitTs < lock.minCommitTs) {
      throw new KeyFailure({
        commitTsExpired: {
          startTs,
          attemptedCommitTs: commitTs,
          key: keyBytes(state.key),
          minCommitTs: lock.minCommitTs,
        },
      });
    }
    return;
  }
  if (state.outcomeOf(startTs)?.kind === 'committed') return;
  throw new KeyFailure({
    retryable: `TxnLockNotFound { start_ts: ${startTs}, commit_ts: ${commitTs} }`,
    txnLockNotFound: { key: keyBytes(state.key) },
  });
}

function applyCommit(data: MvccData, state: KeyState, startTs: bigint, commitTs: bigint): void {
  const { lock } = state;
  if (lock?.startTs !== startTs) return;
  data.clearLock(state);
  if (lock.type === Op.PessimisticLock) return;
  state.addWrite(commitRecord(state, lock.type, startTs, commitTs, lock.shortValue));
}

/** Undoes a transaction on one key, for good. @throws KeyFailure when it was committed. */
export function rollbackKey(data: MvccData, key: KeyText, startTs: bigint, isProtected: boolean): void {
  const state = data.state(key);
  const { lock } = state;
  if (lock?.startTs === startTs) {
    data.clearLock(state);
    state.values.delete(startTs);
    state.addRollback(startTs, isProtected || lock.primary === key || lock.forUpdateTs > 0n);
    return;
  }
  const outcome = state.outcomeOf(startTs);
  if (outcome?.kind === 'committed') {
    throw new KeyFailure({ abort: `Committed { start_ts: ${startTs}, commit_ts: ${outcome.write.commitTs} }` });
  }
  if (outcome === undefined) state.addRollback(startTs, isProtected);
}

/** Commits (`commitTs` > 0) or rolls back what a resolver found. @throws KeyFailure */
export function resolveKey(data: MvccData, state: KeyState, startTs: bigint, commitTs: bigint): void {
  if (commitTs === 0n) {
    rollbackKey(data, state.key, startTs, false);
    return;
  }
  checkCommit(state, startTs, commitTs);
  applyCommit(data, state, startTs, commitTs);
}

export function checkTxnStatus(data: MvccData, request: CheckTxnStatusRequest): Init<typeof CheckTxnStatusResponse> {
  const { lockTs, callerStartTs, currentTs } = request;
  const key = keyText(request.primaryKey);
  const state = data.state(key);
  const { lock } = state;
  if (lock === undefined || lock.startTs !== lockTs) return missingLock(data, state, request);
  if (lock.primary !== key) {
    if (request.resolvingPessimisticLock || lock.type !== Op.PessimisticLock) {
      if (request.verifyIsPrimary) return { error: { primaryMismatch: { lockInfo: describeLock(state, lock) } } };
    } else {
      data.clearLock(state);
      return missingLock(data, state, request);
    }
  }
  const info = () => describeLock(state, lock);
  if (lock.useAsyncCommit && !request.forceSyncCommit)
    return { lockTtl: lock.ttl, lockInfo: info(), action: Action.NoAction };
  const expired = currentTs === MAX_TIMESTAMP || physicalMs(lockTs) + Number(lock.ttl) < physicalMs(currentTs);
  if (expired) {
    const lockInfo = info();
    if (lock.type === Op.PessimisticLock && request.resolvingPessimisticLock) {
      data.clearLock(state);
      return { action: Action.TTLExpirePessimisticRollback, lockInfo };
    }
    rollbackKey(data, key, lockTs, true);
    return { action: Action.TTLExpireRollback, lockInfo };
  }
  let action: number = Action.NoAction;
  if (
    lock.minCommitTs > 0n &&
    lock.type !== Op.PessimisticLock &&
    callerStartTs !== MAX_TIMESTAMP &&
    lock.minCommitTs <= callerStartTs
  ) {
    lock.minCommitTs = max(callerStartTs + 1n, currentTs);
  }
  if (
    callerStartTs === MAX_TIMESTAMP ||
    (callerStartTs > 0n && lock.minCommitTs > callerStartTs && lock.type !== Op.PessimisticLock)
  ) {
    action = Action.MinCommitTSPushed;
  }
  return { lockTtl: lock.ttl, action, lockInfo: info() };
}

function missingLock(
  data: MvccData,
  state: KeyState,
  request: CheckTxnStatusRequest,
): Init<typeof CheckTxnStatusResponse> {
  const outcome = state.outcomeOf(request.lockTs);
  if (outcome?.kind === 'committed') return { commitVersion: outcome.write.commitTs };
  if (outcome?.kind === 'rolledBack') return { action: Action.NoAction };
  if (!request.rollbackIfNotExist) {
    return { error: { txnNotFound: { startTs: request.lockTs, primaryKey: request.primaryKey } } };
  }
  if (request.resolvingPessimisticLock) return { action: Action.LockNotExistDoNothing };
  rollbackKey(data, state.key, request.lockTs, true);
  return { action: Action.LockNotExistRollback };
}

export function checkSecondaryLocks(
  data: MvccData,
  request: CheckSecondaryLocksRequest,
): Init<typeof CheckSecondaryLocksResponse> {
  const { startVersion: startTs } = request;
  const locks: ReturnType<typeof describeLock>[] = [];
  for (const key of request.keys) {
    const state = data.state(keyText(key));
    const { lock } = state;
    if (lock?.startTs === startTs && lock.type !== Op.PessimisticLock) {
      locks.push(describeLock(state, lock));
      continue;
    }
    if (lock?.startTs === startTs) data.clearLock(state);
    const outcome = state.outcomeOf(startTs);
    if (outcome?.kind === 'committed') return { commitTs: outcome.write.commitTs };
    if (outcome === undefined) state.addRollback(startTs, true);
    return { commitTs: 0n };
  }
  return { locks };
}

function conflict(state: KeyState, request: PrewriteRequest, conflictCommitTs: bigint, reason: number): KeyFailure {
  const newest = state.writes.findLast(isData) ?? state.newest;
  return new KeyFailure({
    conflict: {
      startTs: request.startVersion,
      conflictTs: newest?.startTs,
      key: keyBytes(state.key),
      primary: request.primaryLock,
      conflictCommitTs,
      reason,
    },
    retryable: `WriteConflict { start_ts: ${request.startVersion} }`,
  });
}

function pessimisticLockNotFound(state: KeyState): KeyFailure {
  return new KeyFailure({ abort: `PessimisticLockNotFound { key: ${keyBytes(state.key).toString('hex')} }` });
}

export function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
