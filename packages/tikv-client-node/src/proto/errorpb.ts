/**
 * `errorpb`: why a store did not serve a request for a region. At most one member of `RegionError` is set; three
 * situations are told by `message` alone.
 * Field numbers after kvproto (github.com/pingcap/kvproto), releases 7.5 to 8.5 and master of August 2026.
 */

import {
  bytes,
  type Decoded,
  message,
  nested,
  repeated,
  repeatedBytes,
  repeatedU64,
  string,
  u32,
  u64,
} from '../protobuf/message.ts';
import { Peer, Region } from './metapb.ts';

export const NotLeader = message({
  regionId: u64(1),
  leader: nested(2, Peer),
});
export type NotLeader = Decoded<typeof NotLeader>;

export const IsWitness = message({
  regionId: u64(1),
});
export type IsWitness = Decoded<typeof IsWitness>;

export const BucketVersionNotMatch = message({
  version: u64(1),
  keys: repeatedBytes(2),
});
export type BucketVersionNotMatch = Decoded<typeof BucketVersionNotMatch>;

export const DiskFull = message({
  storeId: repeatedU64(1),
  reason: string(2),
});
export type DiskFull = Decoded<typeof DiskFull>;

export const StoreNotMatch = message({
  requestStoreId: u64(1),
  actualStoreId: u64(2),
});
export type StoreNotMatch = Decoded<typeof StoreNotMatch>;

export const RegionNotFound = message({
  regionId: u64(1),
});
export type RegionNotFound = Decoded<typeof RegionNotFound>;

export const RegionNotInitialized = message({
  regionId: u64(1),
});
export type RegionNotInitialized = Decoded<typeof RegionNotInitialized>;

export const KeyNotInRegion = message({
  key: bytes(1),
  regionId: u64(2),
  startKey: bytes(3),
  endKey: bytes(4),
});
export type KeyNotInRegion = Decoded<typeof KeyNotInRegion>;

export const EpochNotMatch = message({
  currentRegions: repeated(1, Region),
});
export type EpochNotMatch = Decoded<typeof EpochNotMatch>;

export const ServerIsBusy = message({
  reason: string(1),
  backoffMs: u64(2),
  estimatedWaitMs: u32(3),
  appliedIndex: u64(4),
});
export type ServerIsBusy = Decoded<typeof ServerIsBusy>;

export const StaleCommand = message({});
export type StaleCommand = Decoded<typeof StaleCommand>;

export const RaftEntryTooLarge = message({
  regionId: u64(1),
  entrySize: u64(2),
});
export type RaftEntryTooLarge = Decoded<typeof RaftEntryTooLarge>;

export const MaxTimestampNotSynced = message({});
export type MaxTimestampNotSynced = Decoded<typeof MaxTimestampNotSynced>;

export const ReadIndexNotReady = message({
  reason: string(1),
  regionId: u64(2),
});
export type ReadIndexNotReady = Decoded<typeof ReadIndexNotReady>;

export const ProposalInMergingMode = message({
  regionId: u64(1),
});
export type ProposalInMergingMode = Decoded<typeof ProposalInMergingMode>;

export const DataIsNotReady = message({
  regionId: u64(1),
  peerId: u64(2),
  safeTs: u64(3),
});
export type DataIsNotReady = Decoded<typeof DataIsNotReady>;

export const RecoveryInProgress = message({
  regionId: u64(1),
});
export type RecoveryInProgress = Decoded<typeof RecoveryInProgress>;

export const FlashbackInProgress = message({
  regionId: u64(1),
  flashbackStartTs: u64(2),
});
export type FlashbackInProgress = Decoded<typeof FlashbackInProgress>;

export const FlashbackNotPrepared = message({
  regionId: u64(1),
});
export type FlashbackNotPrepared = Decoded<typeof FlashbackNotPrepared>;

export const MismatchPeerId = message({
  requestPeerId: u64(1),
  storePeerId: u64(2),
});
export type MismatchPeerId = Decoded<typeof MismatchPeerId>;

export const UndeterminedResult = message({
  message: string(1),
});
export type UndeterminedResult = Decoded<typeof UndeterminedResult>;

export const RegionError = message({
  message: string(1),
  notLeader: nested(2, NotLeader),
  regionNotFound: nested(3, RegionNotFound),
  keyNotInRegion: nested(4, KeyNotInRegion),
  epochNotMatch: nested(5, EpochNotMatch),
  serverIsBusy: nested(6, ServerIsBusy),
  staleCommand: nested(7, StaleCommand),
  storeNotMatch: nested(8, StoreNotMatch),
  raftEntryTooLarge: nested(9, RaftEntryTooLarge),
  maxTimestampNotSynced: nested(10, MaxTimestampNotSynced),
  readIndexNotReady: nested(11, ReadIndexNotReady),
  proposalInMergingMode: nested(12, ProposalInMergingMode),
  dataIsNotReady: nested(13, DataIsNotReady),
  regionNotInitialized: nested(14, RegionNotInitialized),
  diskFull: nested(15, DiskFull),
  recoveryInProgress: nested(16, RecoveryInProgress),
  flashbackInProgress: nested(17, FlashbackInProgress),
  flashbackNotPrepared: nested(18, FlashbackNotPrepared),
  isWitness: nested(19, IsWitness),
  mismatchPeerId: nested(20, MismatchPeerId),
  bucketVersionNotMatch: nested(21, BucketVersionNotMatch),
  undeterminedResult: nested(22, UndeterminedResult),
});
export type RegionError = Decoded<typeof RegionError>;
