/** The transactional requests, executed on a cluster's data for one region. */

import { type KeyText, keyBytes, keyText } from '../src/bytes.ts';
import * as methods from '../src/methods.ts';
import { type Context, IsolationLevel, type KeyError, type KvPair, Op } from '../src/proto/kvrpcpb.ts';
import type { Init } from '../src/protobuf/message.ts';
import { MAX_TIMESTAMP } from '../src/timestamp.ts';
import { type Handler, handle } from './handler.ts';
import { checkMaxTs, observeRead } from './max-ts.ts';
import { describeLock, describeMvcc, type KeyState } from './mvcc-data.ts';
import {
  checkSecondaryLocks,
  checkTxnStatus,
  commit,
  KeyFailure,
  prewrite,
  resolveKey,
  rollbackKey,
} from './mvcc-write.ts';
import { clip, type RegionErrorInit } from './region-checks.ts';

interface Read {
  readonly value?: Buffer;
  readonly commitTs?: bigint;
  readonly error?: Init<typeof KeyError>;
}

/** What one key reads as of `ts`, or the lock that is in the way. */
function read(state: KeyState | undefined, ts: bigint, context: Context): Read {
  if (state === undefined) return {};
  const { lock } = state;
  if (
    lock !== undefined &&
    context.isolationLevel === IsolationLevel.SI &&
    (lock.type === Op.Put || lock.type === Op.Del)
  ) {
    const mine = ts === MAX_TIMESTAMP && lock.primary === state.key && !lock.useAsyncCommit;
    const blocks = lock.startTs <= ts && lock.minCommitTs <= ts && !mine;
    if (blocks && context.committedLocks.includes(lock.startTs)) {
      return lock.type === Op.Del ? {} : { value: state.valueOf(lock) };
    }
    if (blocks && !context.resolvedLocks.includes(lock.startTs))
      return { error: { locked: describeLock(state, lock) } };
  }
  const write = state.visible(ts);
  if (write === undefined || write.type === Op.Del) return {};
  return { value: state.valueOf(write), commitTs: write.commitTs };
}

/** How far replicas are behind, as TiKV's resolved timestamp is by default. */
const RESOLVED_LAG_MS = 1_000;

/** A stale read of what this replica does not hold for certain yet. */
function notReady(
  { cluster, region }: Parameters<Handler['run']>[0],
  version: bigint,
  context: Context,
): { readonly regionError: RegionErrorInit } | undefined {
  if (!context.staleRead) return undefined;
  const safeTs = cluster.data.resolvedTs(cluster.tso.next(), RESOLVED_LAG_MS);
  if (version <= safeTs) return undefined;
  const peerId = context.peer?.id ?? 0n;
  return { regionError: { message: 'data is not ready', dataIsNotReady: { regionId: region.id, peerId, safeTs } } };
}

const first = (keys: readonly Uint8Array[]) => ({ keys });

/** Runs what may fail for a key. */
function attempt(run: () => void): { error?: Init<typeof KeyError> } {
  try {
    run();
    return {};
  } catch (error) {
    if (error instanceof KeyFailure) return { error: error.error };
    throw error;
  }
}

export const TRANSACTION_HANDLERS: readonly Handler[] = [
  handle(methods.KvGet, {
    kind: 'txn',
    touches: (request) => first([request.key]),
    refuse: (abort) => ({ error: { abort } }),
    run(on, request, context) {
      const late = notReady(on, request.version, context);
      if (late !== undefined) return late;
      const { cluster } = on;
      if (!context.staleRead) observeRead(on, request.version);
      const { value, commitTs, error } = read(cluster.data.keys.get(keyText(request.key)), request.version, context);
      if (error !== undefined) return { error };
      return value === undefined ? { notFound: true } : { value, commitTs: request.needCommitTs ? commitTs : 0n };
    },
  }),
  handle(methods.KvBatchGet, {
    kind: 'txn',
    touches: (request) => first(request.keys),
    refuse: (abort) => ({ error: { abort } }),
    run(on, request, context) {
      const late = notReady(on, request.version, context);
      if (late !== undefined) return late;
      const { cluster } = on;
      if (!context.staleRead) observeRead(on, request.version);
      const pairs: Init<typeof KvPair>[] = [];
      for (const key of request.keys) {
        const { value, error } = read(cluster.data.keys.get(keyText(key)), request.version, context);
        // As TiKV may: the key of a failed pair is found in its lock.
        if (error !== undefined) pairs.push({ error });
        else if (value !== undefined) pairs.push({ key, value });
      }
      return { pairs };
    },
  }),
  handle(methods.KvScan, {
    kind: 'txn',
    touches: (request) => ({
      bounds: request.reverse ? [request.endKey, request.startKey] : [request.startKey, request.endKey],
    }),
    refuse: (abort) => ({ error: { abort } }),
    run(on, request, context) {
      const late = notReady(on, request.version, context);
      if (late !== undefined) return late;
      const { cluster, region } = on;
      if (!context.staleRead) observeRead(on, request.version);
      const [low, high] = request.reverse ? [request.endKey, request.startKey] : [request.startKey, request.endKey];
      const { start, end } = clip(region, keyText(low), keyText(high));
      const pairs: Init<typeof KvPair>[] = [];
      for (const [key, state] of cluster.data.keys.range(start, end, request.reverse)) {
        if (pairs.length >= request.limit) break;
        const { value, error } = read(state, request.version, context);
        if (error !== undefined) pairs.push({ error });
        else if (value !== undefined)
          pairs.push(request.keyOnly ? { key: keyBytes(key) } : { key: keyBytes(key), value });
      }
      return { pairs };
    },
  }),
  handle(methods.KvPrewrite, {
    kind: 'txn',
    writes: true,
    touches: (request) => first(request.mutations.map((mutation) => mutation.key)),
    refuse: (abort) => ({ errors: [{ abort }] }),
    run(on, request) {
      const { cluster, store } = on;
      const unknown = request.tryOnePc || request.useAsyncCommit ? checkMaxTs(on) : undefined;
      if (unknown !== undefined) return { regionError: unknown };
      return prewrite(cluster.data, request, { nowMs: cluster.environment.clock.monotonicMs(), maxTs: store.maxTs });
    },
  }),
  handle(methods.KvCommit, {
    kind: 'txn',
    writes: true,
    touches: (request) => first(request.keys),
    refuse: (abort) => ({ error: { abort } }),
    run({ cluster }, request) {
      const outcome = attempt(() => commit(cluster.data, request));
      return outcome.error === undefined ? { commitVersion: request.commitVersion } : outcome;
    },
  }),
  handle(methods.KvBatchRollback, {
    kind: 'txn',
    writes: true,
    touches: (request) => first(request.keys),
    refuse: (abort) => ({ error: { abort } }),
    run: ({ cluster }, request) =>
      attempt(() => {
        for (const key of request.keys) {
          const outcome = cluster.data.keys.get(keyText(key))?.outcomeOf(request.startVersion);
          if (outcome?.kind === 'committed')
            throw new KeyFailure({ abort: `Committed { start_ts: ${request.startVersion} }` });
        }
        for (const key of request.keys) rollbackKey(cluster.data, keyText(key), request.startVersion, false);
      }),
  }),
  handle(methods.KvPessimisticLock, {
    kind: 'txn',
    writes: true,
    touches: (request) => first(request.mutations.map((mutation) => mutation.key)),
    refuse: (abort) => ({ errors: [{ abort }] }),
    run({ cluster, region, recheck }, request) {
      const { version } = region;
      const served = () => region.version === version && recheck() === undefined;
      return cluster.locks
        .acquire(request, served)
        .then((response) => response ?? { regionError: recheck() ?? { message: 'stale' } });
    },
  }),
  handle(methods.KVPessimisticRollback, {
    kind: 'txn',
    writes: true,
    touches: (request) => first(request.keys),
    refuse: (abort) => ({ errors: [{ abort }] }),
    run({ cluster }, request) {
      cluster.locks.rollback(request);
      return {};
    },
  }),
  handle(methods.KvTxnHeartBeat, {
    kind: 'txn',
    writes: true,
    touches: (request) => first([request.primaryLock]),
    refuse: (abort) => ({ error: { abort } }),
    run({ cluster }, request) {
      const lock = cluster.data.keys.get(keyText(request.primaryLock))?.lock;
      if (lock === undefined || lock.startTs !== request.startVersion) {
        return { error: { txnNotFound: { startTs: request.startVersion, primaryKey: request.primaryLock } } };
      }
      if (request.adviseLockTtl > lock.ttl) lock.ttl = request.adviseLockTtl;
      return { lockTtl: lock.ttl };
    },
  }),
  handle(methods.KvCheckTxnStatus, {
    kind: 'txn',
    writes: true,
    touches: (request) => first([request.primaryKey]),
    refuse: (abort) => ({ error: { abort } }),
    run(on, request) {
      for (const ts of [request.lockTs, request.currentTs, request.callerStartTs]) observeRead(on, ts);
      return checkTxnStatus(on.cluster.data, request);
    },
  }),
  handle(methods.KvCheckSecondaryLocks, {
    kind: 'txn',
    writes: true,
    touches: (request) => first(request.keys),
    refuse: (abort) => ({ error: { abort } }),
    run(on, request) {
      observeRead(on, request.startVersion);
      return checkSecondaryLocks(on.cluster.data, request);
    },
  }),
  handle(methods.KvScanLock, {
    kind: 'txn',
    touches: (request) => ({ bounds: [request.startKey, request.endKey] }),
    refuse: (abort) => ({ error: { abort } }),
    run(on, request) {
      const { cluster, region } = on;
      observeRead(on, request.maxVersion);
      const { start, end } = clip(region, keyText(request.startKey), keyText(request.endKey));
      const locked = [...cluster.data.locked]
        .filter((state) => state.lock!.startTs <= request.maxVersion && inRange(state.key, start, end))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
      return {
        locks: (request.limit > 0 ? locked.slice(0, request.limit) : locked).map((state) =>
          describeLock(state, state.lock!),
        ),
      };
    },
  }),
  handle(methods.KvResolveLock, {
    kind: 'txn',
    writes: true,
    touches: (request) => first(request.keys),
    refuse: (abort) => ({ error: { abort } }),
    run: ({ cluster, region }, request) =>
      attempt(() => {
        const { data } = cluster;
        const resolve = (startTs: bigint, commitTs: bigint, states: readonly KeyState[]) => {
          for (const state of states) resolveKey(data, state, startTs, commitTs);
        };
        if (request.txnInfos.length > 0) {
          for (const info of request.txnInfos)
            resolve(info.txn, info.status, data.locksOf(info.txn, region.start, region.end));
        } else if (request.keys.length > 0) {
          resolve(
            request.startVersion,
            request.commitVersion,
            request.keys.map((key) => data.state(keyText(key))),
          );
        } else {
          resolve(
            request.startVersion,
            request.commitVersion,
            data.locksOf(request.startVersion, region.start, region.end),
          );
        }
      }),
  }),
  handle(methods.KvDeleteRange, {
    kind: 'txn',
    writes: true,
    touches: (request) => ({ bounds: [request.startKey, request.endKey] }),
    refuse: (error) => ({ error }),
    run({ cluster, region }, request) {
      const { start, end } = clip(region, keyText(request.startKey), keyText(request.endKey));
      if (!request.notifyOnly) dropRange(cluster.data, start, end);
      return {};
    },
  }),
  handle(methods.SplitRegion, {
    kind: 'either',
    writes: true,
    touches: (request) => first(request.splitKeys),
    refuse: (abort) => ({ errors: [{ abort }] }),
    run({ cluster }, request) {
      const regions = cluster.topology.split(request.splitKeys.map(keyText));
      return { regions: regions.map((one) => cluster.topology.describe(one)) };
    },
  }),
  handle(methods.MvccGetByKey, {
    kind: 'txn',
    touches: (request) => first([request.key]),
    refuse: (error) => ({ error }),
    run: ({ cluster }, request) => ({ info: describeMvcc(cluster.data.keys.get(keyText(request.key))) }),
  }),
];

export function dropRange(
  data: {
    readonly keys: {
      range(start: KeyText, end: KeyText): Iterable<[KeyText, KeyState]>;
      delete(key: KeyText): boolean;
    };
    readonly locked: Set<KeyState>;
  },
  start: KeyText,
  end: KeyText,
): void {
  for (const [key, state] of [...data.keys.range(start, end)]) {
    data.locked.delete(state);
    data.keys.delete(key);
  }
}

function inRange(key: KeyText, start: KeyText, end: KeyText): boolean {
  return key >= start && (end === '' || key < end);
}
