/**
 * What the stores of a cluster hold, once for all replicas: for each key a lock at most, the records of the write
 * column by commit timestamp, and the values of the default column by start timestamp.
 *
 * Short values (up to 255 bytes) lie in the write record, as in TiKV.
 */

import { type KeyText, keyBytes } from '../src/bytes.ts';
import { type LockInfo, Op } from '../src/proto/kvrpcpb.ts';
import type { MvccInfo } from '../src/proto/transaction-messages.ts';
import type { Init } from '../src/protobuf/message.ts';
import { LOGICAL_BITS } from '../src/timestamp.ts';
import { OrderedMap } from './ordered-map.ts';

export const SHORT_VALUE_BYTES_MAX = 255;

export interface Lock {
  /** Put, Del, Lock or PessimisticLock. */
  type: number;
  readonly primary: KeyText;
  readonly startTs: bigint;
  ttl: bigint;
  forUpdateTs: bigint;
  readonly txnSize: bigint;
  minCommitTs: bigint;
  readonly useAsyncCommit: boolean;
  readonly secondaries: readonly KeyText[];
  /** Of a Put, when short; else in the default column. */
  readonly shortValue: Buffer | undefined;
  lastUpdateMs: number;
}

export interface Write {
  /** Put, Del, Lock or Rollback. */
  readonly type: number;
  readonly startTs: bigint;
  readonly commitTs: bigint;
  readonly shortValue: Buffer | undefined;
  /** A rollback of the transaction that started at `commitTs` shares this record. */
  overlappedRollback: boolean;
  /** A rollback that must not be collapsed into a later one. */
  readonly isProtected: boolean;
}

export class KeyState {
  readonly key: KeyText;
  lock: Lock | undefined;
  /** By commit timestamp, oldest first. */
  readonly writes: Write[] = [];
  /** The default column, by start timestamp. */
  readonly values = new Map<bigint, Buffer>();

  constructor(key: KeyText) {
    this.key = key;
  }

  /** The newest record, of any type. */
  get newest(): Write | undefined {
    return this.writes[this.writes.length - 1];
  }

  /** The newest Put or Del not after `ts`. */
  visible(ts: bigint): Write | undefined {
    for (let i = this.writes.length - 1; i >= 0; i--) {
      const write = this.writes[i]!;
      if (write.commitTs <= ts && (write.type === Op.Put || write.type === Op.Del)) return write;
    }
    return undefined;
  }

  valueAt(ts: bigint): Buffer | undefined {
    const write = this.visible(ts);
    return write === undefined || write.type === Op.Del ? undefined : this.valueOf(write);
  }

  valueOf(write: { readonly shortValue: Buffer | undefined; readonly startTs: bigint }): Buffer {
    return write.shortValue ?? this.values.get(write.startTs)!;
  }

  /** What became of a transaction here: its commit, its rollback, or nothing. */
  outcomeOf(
    startTs: bigint,
  ): { readonly kind: 'committed'; readonly write: Write } | { readonly kind: 'rolledBack' } | undefined {
    for (let i = this.writes.length - 1; i >= 0; i--) {
      const write = this.writes[i]!;
      if (write.commitTs < startTs) break;
      if (write.startTs === startTs)
        return write.type === Op.Rollback ? { kind: 'rolledBack' } : { kind: 'committed', write };
      if (write.commitTs === startTs && write.overlappedRollback) return { kind: 'rolledBack' };
    }
    return undefined;
  }

  addWrite(write: Write): void {
    let at = this.writes.length;
    while (at > 0 && this.writes[at - 1]!.commitTs > write.commitTs) at--;
    this.writes.splice(at, 0, write);
  }

  /** A rollback record, or the mark on the record that has its place. */
  addRollback(startTs: bigint, isProtected: boolean): void {
    const taken = this.writes.find((write) => write.commitTs === startTs);
    if (taken !== undefined) {
      if (taken.type !== Op.Rollback) taken.overlappedRollback = true;
      return;
    }
    const previous = this.newest;
    if (!isProtected && previous?.type === Op.Rollback && !previous.isProtected && previous.startTs < startTs) {
      this.writes.pop();
    }
    this.addWrite({
      type: Op.Rollback,
      startTs,
      commitTs: startTs,
      shortValue: undefined,
      overlappedRollback: false,
      isProtected,
    });
  }
}

export class MvccData {
  readonly keys = new OrderedMap<KeyState>();
  /** Keys with a lock. */
  readonly locked = new Set<KeyState>();

  state(key: KeyText): KeyState {
    let state = this.keys.get(key);
    if (state === undefined) {
      state = new KeyState(key);
      this.keys.set(key, state);
    }
    return state;
  }

  setLock(state: KeyState, lock: Lock): void {
    state.lock = lock;
    this.locked.add(state);
  }

  clearLock(state: KeyState): void {
    state.lock = undefined;
    this.locked.delete(state);
  }

  /** Everything up to here is decided: what a stale read may ask for, `lagMs` behind `now`. */
  resolvedTs(now: bigint, lagMs: number): bigint {
    let resolved = now - (BigInt(lagMs) << LOGICAL_BITS);
    for (const state of this.locked) if (state.lock!.startTs <= resolved) resolved = state.lock!.startTs - 1n;
    return resolved;
  }

  /** Locks of a transaction in a range. */
  locksOf(startTs: bigint, start: KeyText, end: KeyText): KeyState[] {
    const found: KeyState[] = [];
    for (const state of this.locked) {
      if (state.lock!.startTs === startTs && state.key >= start && (end === '' || state.key < end)) found.push(state);
    }
    return found;
  }

  /** Removes versions that no reader at or after `safePoint` can see. */
  collectGarbage(safePoint: bigint): void {
    const empty: KeyText[] = [];
    for (const [key, state] of this.keys.range('', '')) {
      let at = state.writes.length - 1;
      // The newest Put or Del at or below the safe point stays, unless it is a deletion.
      while (at >= 0 && (state.writes[at]!.commitTs > safePoint || !isData(state.writes[at]!))) at--;
      const kept = state.writes.filter((write, index) => {
        if (write.commitTs > safePoint) return true;
        return index === at && write.type === Op.Put;
      });
      if (kept.length !== state.writes.length) {
        const dropped = state.writes.filter((write) => !kept.includes(write));
        for (const write of dropped) state.values.delete(write.startTs);
        state.writes.splice(0, state.writes.length, ...kept);
      }
      if (state.writes.length === 0 && state.lock === undefined) empty.push(key);
    }
    for (const key of empty) this.keys.delete(key);
  }
}

export function isData(write: Write): boolean {
  return write.type === Op.Put || write.type === Op.Del;
}

export function describeLock(state: KeyState, lock: Lock): Init<typeof LockInfo> {
  return {
    primaryLock: keyBytes(lock.primary),
    lockVersion: lock.startTs,
    key: keyBytes(state.key),
    lockTtl: lock.ttl,
    txnSize: lock.txnSize,
    lockType: lock.type,
    lockForUpdateTs: lock.forUpdateTs,
    useAsyncCommit: lock.useAsyncCommit,
    minCommitTs: lock.minCommitTs,
    secondaries: lock.secondaries.map(keyBytes),
  };
}

export function describeMvcc(state: KeyState | undefined): Init<typeof MvccInfo> {
  if (state === undefined) return {};
  const { lock } = state;
  return {
    ...(lock === undefined
      ? {}
      : {
          lock: {
            type: lock.type,
            startTs: lock.startTs,
            primary: keyBytes(lock.primary),
            shortValue: lock.shortValue,
            ttl: lock.ttl,
            forUpdateTs: lock.forUpdateTs,
            txnSize: lock.txnSize,
            useAsyncCommit: lock.useAsyncCommit,
            secondaries: lock.secondaries.map(keyBytes),
          },
        }),
    writes: state.writes.toReversed().map((write) => ({
      type: write.type,
      startTs: write.startTs,
      commitTs: write.commitTs,
      shortValue: write.shortValue,
      hasOverlappedRollback: write.overlappedRollback,
    })),
    values: [...state.values].map(([startTs, value]) => ({ startTs, value })),
  };
}
