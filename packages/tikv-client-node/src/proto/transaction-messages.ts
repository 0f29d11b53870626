/**
 * `kvrpcpb`, the transactional requests and their responses.
 * Not here: pipelined (flushed) transactions, flashback and binlog fields.
 * Field numbers after kvproto (github.com/pingcap/kvproto), releases 7.5 to 8.5 and master of August 2026.
 */

import {
  bool,
  bytes,
  type Decoded,
  enumeration,
  i64,
  message,
  nested,
  repeated,
  repeatedBool,
  repeatedBytes,
  repeatedEnumeration,
  repeatedU64,
  string,
  u32,
  u64,
} from '../protobuf/message.ts';
import { RegionError } from './errorpb.ts';
import { Context, ExecDetailsV2, KeyError, KvPair, LockInfo, Mutation, TxnInfo } from './kvrpcpb.ts';
import { Region } from './metapb.ts';

export const PessimisticAction = {
  SKIP_PESSIMISTIC_CHECK: 0,
  DO_PESSIMISTIC_CHECK: 1,
  DO_CONSTRAINT_CHECK: 2,
} as const;

export const PessimisticLockWakeUpMode = { WakeUpModeNormal: 0, WakeUpModeForceLock: 1 } as const;

export const PessimisticLockKeyResultType = {
  LockResultNormal: 0,
  LockResultLockedWithConflict: 1,
  LockResultFailed: 2,
} as const;

export const Action = {
  NoAction: 0,
  TTLExpireRollback: 1,
  LockNotExistRollback: 2,
  MinCommitTSPushed: 3,
  TTLExpirePessimisticRollback: 4,
  LockNotExistDoNothing: 5,
} as const;

export const ForUpdateTSConstraint = message({
  index: u32(1),
  expectedForUpdateTs: u64(2),
});
export type ForUpdateTSConstraint = Decoded<typeof ForUpdateTSConstraint>;

export const MvccLock = message({
  type: enumeration(1),
  startTs: u64(2),
  primary: bytes(3),
  shortValue: bytes(4),
  ttl: u64(5),
  forUpdateTs: u64(6),
  txnSize: u64(7),
  useAsyncCommit: bool(8),
  secondaries: repeatedBytes(9),
  rollbackTs: repeatedU64(10),
  lastChangeTs: u64(11),
  versionsToLastChange: u64(12),
});
export type MvccLock = Decoded<typeof MvccLock>;

export const MvccWrite = message({
  type: enumeration(1),
  startTs: u64(2),
  commitTs: u64(3),
  shortValue: bytes(4),
  hasOverlappedRollback: bool(5),
  hasGcFence: bool(6),
  gcFence: u64(7),
  lastChangeTs: u64(8),
  versionsToLastChange: u64(9),
});
export type MvccWrite = Decoded<typeof MvccWrite>;

export const MvccValue = message({
  startTs: u64(1),
  value: bytes(2),
});
export type MvccValue = Decoded<typeof MvccValue>;

export const MvccInfo = message({
  lock: nested(1, MvccLock),
  writes: repeated(2, MvccWrite),
  values: repeated(3, MvccValue),
});
export type MvccInfo = Decoded<typeof MvccInfo>;

export const PessimisticLockKeyResult = message({
  type: enumeration(1),
  value: bytes(2),
  existence: bool(3),
  lockedWithConflictTs: u64(4),
  skipResolvingLock: bool(11),
});
export type PessimisticLockKeyResult = Decoded<typeof PessimisticLockKeyResult>;

export const GetRequest = message({
  context: nested(1, Context),
  key: bytes(2),
  version: u64(3),
  needCommitTs: bool(4),
});
export type GetRequest = Decoded<typeof GetRequest>;

export const GetResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  value: bytes(3),
  notFound: bool(4),
  execDetailsV2: nested(6, ExecDetailsV2),
  commitTs: u64(7),
});
export type GetResponse = Decoded<typeof GetResponse>;

export const BatchGetRequest = message({
  context: nested(1, Context),
  keys: repeatedBytes(2),
  version: u64(3),
  needCommitTs: bool(4),
});
export type BatchGetRequest = Decoded<typeof BatchGetRequest>;

export const BatchGetResponse = message({
  regionError: nested(1, RegionError),
  pairs: repeated(2, KvPair),
  execDetailsV2: nested(4, ExecDetailsV2),
  error: nested(5, KeyError),
});
export type BatchGetResponse = Decoded<typeof BatchGetResponse>;

export const ScanRequest = message({
  context: nested(1, Context),
  startKey: bytes(2),
  limit: u32(3),
  version: u64(4),
  keyOnly: bool(5),
  reverse: bool(6),
  endKey: bytes(7),
  sampleStep: u32(8),
});
export type ScanRequest = Decoded<typeof ScanRequest>;

export const ScanResponse = message({
  regionError: nested(1, RegionError),
  pairs: repeated(2, KvPair),
  error: nested(3, KeyError),
});
export type ScanResponse = Decoded<typeof ScanResponse>;

export const PrewriteRequest = message({
  context: nested(1, Context),
  mutations: repeated(2, Mutation),
  primaryLock: bytes(3),
  startVersion: u64(4),
  lockTtl: u64(5),
  skipConstraintCheck: bool(6),
  pessimisticActions: repeatedEnumeration(7),
  txnSize: u64(8),
  forUpdateTs: u64(9),
  minCommitTs: u64(10),
  useAsyncCommit: bool(11),
  secondaries: repeatedBytes(12),
  tryOnePc: bool(13),
  maxCommitTs: u64(14),
  assertionLevel: enumeration(15),
  forUpdateTsConstraints: repeated(16, ForUpdateTSConstraint),
});
export type PrewriteRequest = Decoded<typeof PrewriteRequest>;

export const PrewriteResponse = message({
  regionError: nested(1, RegionError),
  errors: repeated(2, KeyError),
  minCommitTs: u64(3),
  onePcCommitTs: u64(4),
  execDetailsV2: nested(5, ExecDetailsV2),
});
export type PrewriteResponse = Decoded<typeof PrewriteResponse>;

export const CommitRequest = message({
  context: nested(1, Context),
  startVersion: u64(2),
  keys: repeatedBytes(3),
  commitVersion: u64(4),
  commitRole: enumeration(6),
  primaryKey: bytes(7),
  useAsyncCommit: bool(8),
});
export type CommitRequest = Decoded<typeof CommitRequest>;

export const CommitResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  commitVersion: u64(3),
  execDetailsV2: nested(4, ExecDetailsV2),
});
export type CommitResponse = Decoded<typeof CommitResponse>;

export const BatchRollbackRequest = message({
  context: nested(1, Context),
  startVersion: u64(2),
  keys: repeatedBytes(3),
});
export type BatchRollbackRequest = Decoded<typeof BatchRollbackRequest>;

export const BatchRollbackResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  execDetailsV2: nested(3, ExecDetailsV2),
});
export type BatchRollbackResponse = Decoded<typeof BatchRollbackResponse>;

export const CleanupRequest = message({
  context: nested(1, Context),
  key: bytes(2),
  startVersion: u64(3),
  currentTs: u64(4),
});
export type CleanupRequest = Decoded<typeof CleanupRequest>;

export const CleanupResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  commitVersion: u64(3),
});
export type CleanupResponse = Decoded<typeof CleanupResponse>;

export const PessimisticLockRequest = message({
  context: nested(1, Context),
  mutations: repeated(2, Mutation),
  primaryLock: bytes(3),
  startVersion: u64(4),
  lockTtl: u64(5),
  forUpdateTs: u64(6),
  isFirstLock: bool(7),
  waitTimeout: i64(8),
  force: bool(9),
  returnValues: bool(10),
  minCommitTs: u64(11),
  checkExistence: bool(12),
  lockOnlyIfExists: bool(13),
  wakeUpMode: enumeration(14),
});
export type PessimisticLockRequest = Decoded<typeof PessimisticLockRequest>;

export const PessimisticLockResponse = message({
  regionError: nested(1, RegionError),
  errors: repeated(2, KeyError),
  commitTs: u64(3),
  value: bytes(4),
  values: repeatedBytes(5),
  notFounds: repeatedBool(6),
  execDetailsV2: nested(7, ExecDetailsV2),
  results: repeated(8, PessimisticLockKeyResult),
});
export type PessimisticLockResponse = Decoded<typeof PessimisticLockResponse>;

export const PessimisticRollbackRequest = message({
  context: nested(1, Context),
  startVersion: u64(2),
  forUpdateTs: u64(3),
  keys: repeatedBytes(4),
});
export type PessimisticRollbackRequest = Decoded<typeof PessimisticRollbackRequest>;

export const PessimisticRollbackResponse = message({
  regionError: nested(1, RegionError),
  errors: repeated(2, KeyError),
  execDetailsV2: nested(3, ExecDetailsV2),
});
export type PessimisticRollbackResponse = Decoded<typeof PessimisticRollbackResponse>;

export const TxnHeartBeatRequest = message({
  context: nested(1, Context),
  primaryLock: bytes(2),
  startVersion: u64(3),
  adviseLockTtl: u64(4),
  minCommitTs: u64(5),
});
export type TxnHeartBeatRequest = Decoded<typeof TxnHeartBeatRequest>;

export const TxnHeartBeatResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  lockTtl: u64(3),
  execDetailsV2: nested(4, ExecDetailsV2),
});
export type TxnHeartBeatResponse = Decoded<typeof TxnHeartBeatResponse>;

export const CheckTxnStatusRequest = message({
  context: nested(1, Context),
  primaryKey: bytes(2),
  lockTs: u64(3),
  callerStartTs: u64(4),
  currentTs: u64(5),
  rollbackIfNotExist: bool(6),
  forceSyncCommit: bool(7),
  resolvingPessimisticLock: bool(8),
  verifyIsPrimary: bool(9),
});
export type CheckTxnStatusRequest = Decoded<typeof CheckTxnStatusRequest>;

export const CheckTxnStatusResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  lockTtl: u64(3),
  commitVersion: u64(4),
  action: enumeration(5),
  lockInfo: nested(6, LockInfo),
  execDetailsV2: nested(7, ExecDetailsV2),
});
export type CheckTxnStatusResponse = Decoded<typeof CheckTxnStatusResponse>;

export const CheckSecondaryLocksRequest = message({
  context: nested(1, Context),
  keys: repeatedBytes(2),
  startVersion: u64(3),
});
export type CheckSecondaryLocksRequest = Decoded<typeof CheckSecondaryLocksRequest>;

export const CheckSecondaryLocksResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  locks: repeated(3, LockInfo),
  commitTs: u64(4),
  execDetailsV2: nested(5, ExecDetailsV2),
});
export type CheckSecondaryLocksResponse = Decoded<typeof CheckSecondaryLocksResponse>;

export const ResolveLockRequest = message({
  context: nested(1, Context),
  startVersion: u64(2),
  commitVersion: u64(3),
  txnInfos: repeated(4, TxnInfo),
  keys: repeatedBytes(5),
  isAsync: bool(6),
});
export type ResolveLockRequest = Decoded<typeof ResolveLockRequest>;

export const ResolveLockResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  execDetailsV2: nested(3, ExecDetailsV2),
});
export type ResolveLockResponse = Decoded<typeof ResolveLockResponse>;

export const ScanLockRequest = message({
  context: nested(1, Context),
  maxVersion: u64(2),
  startKey: bytes(3),
  limit: u32(4),
  endKey: bytes(5),
});
export type ScanLockRequest = Decoded<typeof ScanLockRequest>;

export const ScanLockResponse = message({
  regionError: nested(1, RegionError),
  error: nested(2, KeyError),
  locks: repeated(3, LockInfo),
  execDetailsV2: nested(4, ExecDetailsV2),
});
export type ScanLockResponse = Decoded<typeof ScanLockResponse>;

export const DeleteRangeRequest = message({
  context: nested(1, Context),
  startKey: bytes(2),
  endKey: bytes(3),
  notifyOnly: bool(4),
});
export type DeleteRangeRequest = Decoded<typeof DeleteRangeRequest>;

export const DeleteRangeResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type DeleteRangeResponse = Decoded<typeof DeleteRangeResponse>;

export const UnsafeDestroyRangeRequest = message({
  context: nested(1, Context),
  startKey: bytes(2),
  endKey: bytes(3),
});
export type UnsafeDestroyRangeRequest = Decoded<typeof UnsafeDestroyRangeRequest>;

export const UnsafeDestroyRangeResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type UnsafeDestroyRangeResponse = Decoded<typeof UnsafeDestroyRangeResponse>;

export const SplitRegionRequest = message({
  context: nested(1, Context),
  splitKey: bytes(2),
  splitKeys: repeatedBytes(3),
  isRawKv: bool(4),
});
export type SplitRegionRequest = Decoded<typeof SplitRegionRequest>;

export const SplitRegionResponse = message({
  regionError: nested(1, RegionError),
  left: nested(2, Region),
  right: nested(3, Region),
  regions: repeated(4, Region),
  errors: repeated(100, KeyError),
});
export type SplitRegionResponse = Decoded<typeof SplitRegionResponse>;

export const MvccGetByKeyRequest = message({
  context: nested(1, Context),
  key: bytes(2),
});
export type MvccGetByKeyRequest = Decoded<typeof MvccGetByKeyRequest>;

export const MvccGetByKeyResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
  info: nested(3, MvccInfo),
});
export type MvccGetByKeyResponse = Decoded<typeof MvccGetByKeyResponse>;

export const MvccGetByStartTsRequest = message({
  context: nested(1, Context),
  startTs: u64(2),
});
export type MvccGetByStartTsRequest = Decoded<typeof MvccGetByStartTsRequest>;

export const MvccGetByStartTsResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
  key: bytes(3),
  info: nested(4, MvccInfo),
});
export type MvccGetByStartTsResponse = Decoded<typeof MvccGetByStartTsResponse>;

export const FlashbackToVersionRequest = message({
  context: nested(1, Context),
  version: u64(2),
  startKey: bytes(3),
  endKey: bytes(4),
  startTs: u64(5),
  commitTs: u64(6),
});
export type FlashbackToVersionRequest = Decoded<typeof FlashbackToVersionRequest>;

export const FlashbackToVersionResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type FlashbackToVersionResponse = Decoded<typeof FlashbackToVersionResponse>;
