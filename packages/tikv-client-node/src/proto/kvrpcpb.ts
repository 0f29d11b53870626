/**
 * `kvrpcpb`, what requests share: the context, locks, key errors and pairs.
 * Not here: shared locks, tracing and most execution details, which the client neither sends nor reads.
 * Field numbers after kvproto (github.com/pingcap/kvproto), releases 7.5 to 8.5 and master of August 2026.
 */

import {
  bool,
  bytes,
  type Decoded,
  enumeration,
  message,
  nested,
  oneofU32,
  repeated,
  repeatedBytes,
  repeatedU64,
  string,
  u32,
  u64,
} from '../protobuf/message.ts';
import { Peer, RegionEpoch } from './metapb.ts';

export const APIVersion = { V1: 0, V1TTL: 1, V2: 2, V3: 3 } as const;

export const CommandPri = { Normal: 0, Low: 1, High: 2 } as const;

export const IsolationLevel = { SI: 0, RC: 1, RCCheckTS: 2 } as const;

export const DiskFullOpt = { NotAllowedOnFull: 0, AllowedOnAlmostFull: 1, AllowedOnAlreadyFull: 2 } as const;

export const Op = {
  Put: 0,
  Del: 1,
  Lock: 2,
  Rollback: 3,
  Insert: 4,
  PessimisticLock: 5,
  CheckNotExists: 6,
  SharedLock: 7,
  SharedPessimisticLock: 8,
} as const;

export const Assertion = { None: 0, Exist: 1, NotExist: 2 } as const;

export const AssertionLevel = { Off: 0, Fast: 1, Strict: 2 } as const;

export const WriteConflictReason = {
  Unknown: 0,
  Optimistic: 1,
  PessimisticRetry: 2,
  SelfRolledBack: 3,
  RcCheckTs: 4,
  LazyUniquenessCheck: 5,
  NotLockedKeyConflict: 6,
} as const;

export const Context = message({
  regionId: u64(1),
  regionEpoch: nested(2, RegionEpoch),
  peer: nested(3, Peer),
  term: u64(5),
  priority: enumeration(6),
  isolationLevel: enumeration(7),
  notFillCache: bool(8),
  syncLog: bool(9),
  recordTimeStat: bool(10),
  recordScanStat: bool(11),
  replicaRead: bool(12),
  resolvedLocks: repeatedU64(13),
  maxExecutionDurationMs: u64(14),
  appliedIndex: u64(15),
  taskId: u64(16),
  staleRead: bool(17),
  resourceGroupTag: bytes(18),
  diskFullOpt: enumeration(19),
  isRetryRequest: bool(20),
  apiVersion: enumeration(21),
  committedLocks: repeatedU64(22),
  requestSource: string(24),
  txnSource: u64(25),
  busyThresholdMs: u32(27),
  requestOrigin: enumeration(29),
  keyspaceName: string(31),
  keyspaceId: oneofU32(32),
  bucketsVersion: u64(33),
  clusterId: u64(35),
  traceId: bytes(36),
  traceControlFlags: u64(37),
});
export type Context = Decoded<typeof Context>;

export const LockInfo = message({
  primaryLock: bytes(1),
  lockVersion: u64(2),
  key: bytes(3),
  lockTtl: u64(4),
  txnSize: u64(5),
  lockType: enumeration(6),
  lockForUpdateTs: u64(7),
  useAsyncCommit: bool(8),
  minCommitTs: u64(9),
  secondaries: repeatedBytes(10),
  durationToLastUpdateMs: u64(11),
  isTxnFile: bool(100),
});
export type LockInfo = Decoded<typeof LockInfo>;

export const WriteConflict = message({
  startTs: u64(1),
  conflictTs: u64(2),
  key: bytes(3),
  primary: bytes(4),
  conflictCommitTs: u64(5),
  reason: enumeration(6),
});
export type WriteConflict = Decoded<typeof WriteConflict>;

export const AlreadyExist = message({
  key: bytes(1),
});
export type AlreadyExist = Decoded<typeof AlreadyExist>;

export const WaitForEntry = message({
  txn: u64(1),
  waitForTxn: u64(2),
  keyHash: u64(3),
  key: bytes(4),
  resourceGroupTag: bytes(5),
  waitTime: u64(6),
});
export type WaitForEntry = Decoded<typeof WaitForEntry>;

export const Deadlock = message({
  lockTs: u64(1),
  lockKey: bytes(2),
  deadlockKeyHash: u64(3),
  waitChain: repeated(4, WaitForEntry),
  deadlockKey: bytes(5),
});
export type Deadlock = Decoded<typeof Deadlock>;

export const CommitTsExpired = message({
  startTs: u64(1),
  attemptedCommitTs: u64(2),
  key: bytes(3),
  minCommitTs: u64(4),
});
export type CommitTsExpired = Decoded<typeof CommitTsExpired>;

export const TxnNotFound = message({
  startTs: u64(1),
  primaryKey: bytes(2),
});
export type TxnNotFound = Decoded<typeof TxnNotFound>;

export const CommitTsTooLarge = message({
  commitTs: u64(1),
});
export type CommitTsTooLarge = Decoded<typeof CommitTsTooLarge>;

export const AssertionFailed = message({
  startTs: u64(1),
  key: bytes(2),
  assertion: enumeration(3),
  existingStartTs: u64(4),
  existingCommitTs: u64(5),
});
export type AssertionFailed = Decoded<typeof AssertionFailed>;

export const PrimaryMismatch = message({
  lockInfo: nested(1, LockInfo),
});
export type PrimaryMismatch = Decoded<typeof PrimaryMismatch>;

export const TxnLockNotFound = message({
  key: bytes(1),
});
export type TxnLockNotFound = Decoded<typeof TxnLockNotFound>;

export const KeyError = message({
  locked: nested(1, LockInfo),
  retryable: string(2),
  abort: string(3),
  conflict: nested(4, WriteConflict),
  alreadyExist: nested(5, AlreadyExist),
  deadlock: nested(6, Deadlock),
  commitTsExpired: nested(7, CommitTsExpired),
  txnNotFound: nested(8, TxnNotFound),
  commitTsTooLarge: nested(9, CommitTsTooLarge),
  assertionFailed: nested(10, AssertionFailed),
  primaryMismatch: nested(11, PrimaryMismatch),
  txnLockNotFound: nested(12, TxnLockNotFound),
});
export type KeyError = Decoded<typeof KeyError>;

export const KvPair = message({
  error: nested(1, KeyError),
  key: bytes(2),
  value: bytes(3),
  commitTs: u64(4),
});
export type KvPair = Decoded<typeof KvPair>;

export const KeyRange = message({
  startKey: bytes(1),
  endKey: bytes(2),
});
export type KeyRange = Decoded<typeof KeyRange>;

export const Mutation = message({
  op: enumeration(1),
  key: bytes(2),
  value: bytes(3),
  assertion: enumeration(4),
});
export type Mutation = Decoded<typeof Mutation>;

export const TxnInfo = message({
  txn: u64(1),
  status: u64(2),
  isTxnFile: bool(100),
});
export type TxnInfo = Decoded<typeof TxnInfo>;

export const TimeDetailV2 = message({
  waitWallTimeNs: u64(1),
  processWallTimeNs: u64(2),
  processSuspendWallTimeNs: u64(3),
  kvReadWallTimeNs: u64(4),
  totalRpcWallTimeNs: u64(5),
  kvGrpcProcessTimeNs: u64(6),
  kvGrpcWaitTimeNs: u64(7),
});
export type TimeDetailV2 = Decoded<typeof TimeDetailV2>;

export const ExecDetailsV2 = message({
  timeDetailV2: nested(4, TimeDetailV2),
});
export type ExecDetailsV2 = Decoded<typeof ExecDetailsV2>;
