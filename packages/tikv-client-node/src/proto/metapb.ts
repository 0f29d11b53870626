/**
 * `metapb`: stores, regions and peers, as PD and TiKV describe them. Region keys are in storage encoding.
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
  repeatedBytes,
  string,
  u64,
} from '../protobuf/message.ts';

export const StoreState = { Up: 0, Offline: 1, Tombstone: 2 } as const;

export const NodeState = { Preparing: 0, Serving: 1, Removing: 2, Removed: 3 } as const;

export const PeerRole = { Voter: 0, Learner: 1, IncomingVoter: 2, DemotingVoter: 3 } as const;

export const StoreLabel = message({
  key: string(1),
  value: string(2),
});
export type StoreLabel = Decoded<typeof StoreLabel>;

export const Store = message({
  id: u64(1),
  address: string(2),
  state: enumeration(3),
  labels: repeated(4, StoreLabel),
  version: string(5),
  peerAddress: string(6),
  statusAddress: string(7),
  gitHash: string(8),
  startTimestamp: i64(9),
  deployPath: string(10),
  lastHeartbeat: i64(11),
  physicallyDestroyed: bool(12),
  nodeState: enumeration(13),
});
export type Store = Decoded<typeof Store>;

export const RegionEpoch = message({
  confVer: u64(1),
  version: u64(2),
});
export type RegionEpoch = Decoded<typeof RegionEpoch>;

export const Peer = message({
  id: u64(1),
  storeId: u64(2),
  role: enumeration(3),
  isWitness: bool(4),
});
export type Peer = Decoded<typeof Peer>;

export const Region = message({
  id: u64(1),
  startKey: bytes(2),
  endKey: bytes(3),
  regionEpoch: nested(4, RegionEpoch),
  peers: repeated(5, Peer),
  isInFlashback: bool(7),
  flashbackStartTs: u64(8),
});
export type Region = Decoded<typeof Region>;

export const Buckets = message({
  regionId: u64(1),
  version: u64(2),
  keys: repeatedBytes(3),
  periodInMs: u64(5),
});
export type Buckets = Decoded<typeof Buckets>;
