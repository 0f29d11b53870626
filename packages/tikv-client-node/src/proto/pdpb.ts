/**
 * `pdpb` and `keyspacepb`: the requests to PD and their responses. Region keys are in storage encoding.
 * Not here: what only stores send (heartbeats, bootstrap), local TSO, and the GC states of releases after 8.5.
 * Field numbers after kvproto (github.com/pingcap/kvproto), releases 7.5 to 8.5 and master of August 2026.
 */

import {
  bool,
  bytes,
  type Decoded,
  enumeration,
  i32,
  i64,
  message,
  nested,
  oneofU32,
  repeated,
  repeatedEnumeration,
  repeatedString,
  repeatedU64,
  string,
  u32,
  u64,
} from '../protobuf/message.ts';
import { Buckets, Peer, Region, Store } from './metapb.ts';

export const ErrorType = {
  OK: 0,
  UNKNOWN: 1,
  NOT_BOOTSTRAPPED: 2,
  STORE_TOMBSTONE: 3,
  ALREADY_BOOTSTRAPPED: 4,
  INCOMPATIBLE_VERSION: 5,
  REGION_NOT_FOUND: 6,
  GLOBAL_CONFIG_NOT_FOUND: 7,
  DUPLICATED_ENTRY: 8,
  ENTRY_NOT_FOUND: 9,
  INVALID_VALUE: 10,
  DATA_COMPACTED: 11,
  REGIONS_NOT_CONTAIN_ALL_KEY_RANGE: 12,
} as const;

export const ServiceMode = { UNKNOWN_SVC_MODE: 0, PD_SVC_MODE: 1, API_SVC_MODE: 2 } as const;

export const OperatorStatus = { SUCCESS: 0, TIMEOUT: 1, CANCEL: 2, REPLACE: 3, RUNNING: 4 } as const;

export const KeyspaceState = { ENABLED: 0, DISABLED: 1, ARCHIVED: 2, TOMBSTONE: 3 } as const;

export const RequestHeader = message({
  clusterId: u64(1),
  senderId: u64(2),
  callerId: string(3),
  callerComponent: string(4),
});
export type RequestHeader = Decoded<typeof RequestHeader>;

export const PdError = message({
  type: enumeration(1),
  message: string(2),
});
export type PdError = Decoded<typeof PdError>;

export const ResponseHeader = message({
  clusterId: u64(1),
  error: nested(2, PdError),
});
export type ResponseHeader = Decoded<typeof ResponseHeader>;

export const Member = message({
  name: string(1),
  memberId: u64(2),
  peerUrls: repeatedString(3),
  clientUrls: repeatedString(4),
  leaderPriority: i32(5),
  deployPath: string(6),
  binaryVersion: string(7),
  gitHash: string(8),
  dcLocation: string(9),
});
export type Member = Decoded<typeof Member>;

export const GetMembersRequest = message({
  header: nested(1, RequestHeader),
});
export type GetMembersRequest = Decoded<typeof GetMembersRequest>;

export const GetMembersResponse = message({
  header: nested(1, ResponseHeader),
  members: repeated(2, Member),
  leader: nested(3, Member),
  etcdLeader: nested(4, Member),
});
export type GetMembersResponse = Decoded<typeof GetMembersResponse>;

export const GetClusterInfoRequest = message({
  header: nested(1, ResponseHeader),
});
export type GetClusterInfoRequest = Decoded<typeof GetClusterInfoRequest>;

export const GetClusterInfoResponse = message({
  header: nested(1, ResponseHeader),
  serviceModes: repeatedEnumeration(2),
  tsoUrls: repeatedString(3),
});
export type GetClusterInfoResponse = Decoded<typeof GetClusterInfoResponse>;

export const TsoRequest = message({
  header: nested(1, RequestHeader),
  count: u32(2),
  dcLocation: string(3),
});
export type TsoRequest = Decoded<typeof TsoRequest>;

export const Timestamp = message({
  physical: i64(1),
  logical: i64(2),
  suffixBits: u32(3),
});
export type Timestamp = Decoded<typeof Timestamp>;

export const TsoResponse = message({
  header: nested(1, ResponseHeader),
  count: u32(2),
  timestamp: nested(3, Timestamp),
});
export type TsoResponse = Decoded<typeof TsoResponse>;

export const GetStoreRequest = message({
  header: nested(1, RequestHeader),
  storeId: u64(2),
});
export type GetStoreRequest = Decoded<typeof GetStoreRequest>;

export const GetStoreResponse = message({
  header: nested(1, ResponseHeader),
  store: nested(2, Store),
});
export type GetStoreResponse = Decoded<typeof GetStoreResponse>;

export const GetAllStoresRequest = message({
  header: nested(1, RequestHeader),
  excludeTombstoneStores: bool(2),
});
export type GetAllStoresRequest = Decoded<typeof GetAllStoresRequest>;

export const GetAllStoresResponse = message({
  header: nested(1, ResponseHeader),
  stores: repeated(2, Store),
});
export type GetAllStoresResponse = Decoded<typeof GetAllStoresResponse>;

export const PeerStats = message({
  peer: nested(1, Peer),
  downSeconds: u64(2),
});
export type PeerStats = Decoded<typeof PeerStats>;

export const GetRegionRequest = message({
  header: nested(1, RequestHeader),
  regionKey: bytes(2),
  needBuckets: bool(3),
});
export type GetRegionRequest = Decoded<typeof GetRegionRequest>;

export const GetRegionResponse = message({
  header: nested(1, ResponseHeader),
  region: nested(2, Region),
  leader: nested(3, Peer),
  downPeers: repeated(5, PeerStats),
  pendingPeers: repeated(6, Peer),
  buckets: nested(7, Buckets),
});
export type GetRegionResponse = Decoded<typeof GetRegionResponse>;

export const GetRegionByIDRequest = message({
  header: nested(1, RequestHeader),
  regionId: u64(2),
  needBuckets: bool(3),
});
export type GetRegionByIDRequest = Decoded<typeof GetRegionByIDRequest>;

export const ScanRegionsRequest = message({
  header: nested(1, RequestHeader),
  startKey: bytes(2),
  limit: i32(3),
  endKey: bytes(4),
});
export type ScanRegionsRequest = Decoded<typeof ScanRegionsRequest>;

export const RegionWithLeader = message({
  region: nested(1, Region),
  leader: nested(2, Peer),
  downPeers: repeated(3, PeerStats),
  pendingPeers: repeated(4, Peer),
  buckets: nested(5, Buckets),
});
export type RegionWithLeader = Decoded<typeof RegionWithLeader>;

export const ScanRegionsResponse = message({
  header: nested(1, ResponseHeader),
  regionMetas: repeated(2, Region),
  leaders: repeated(3, Peer),
  regions: repeated(4, RegionWithLeader),
});
export type ScanRegionsResponse = Decoded<typeof ScanRegionsResponse>;

export const PdKeyRange = message({
  startKey: bytes(1),
  endKey: bytes(2),
});
export type PdKeyRange = Decoded<typeof PdKeyRange>;

export const BatchScanRegionsRequest = message({
  header: nested(1, RequestHeader),
  needBuckets: bool(2),
  ranges: repeated(3, PdKeyRange),
  limit: i32(4),
  containAllKeyRange: bool(5),
});
export type BatchScanRegionsRequest = Decoded<typeof BatchScanRegionsRequest>;

export const BatchScanRegionsResponse = message({
  header: nested(1, ResponseHeader),
  regions: repeated(2, RegionWithLeader),
});
export type BatchScanRegionsResponse = Decoded<typeof BatchScanRegionsResponse>;

export const ScatterRegionRequest = message({
  header: nested(1, RequestHeader),
  regionId: u64(2),
  region: nested(3, Region),
  leader: nested(4, Peer),
  group: string(5),
  regionsId: repeatedU64(6),
  retryLimit: u64(7),
  skipStoreLimit: bool(8),
});
export type ScatterRegionRequest = Decoded<typeof ScatterRegionRequest>;

export const ScatterRegionResponse = message({
  header: nested(1, ResponseHeader),
  finishedPercentage: u64(2),
  failedRegionsId: repeatedU64(3),
});
export type ScatterRegionResponse = Decoded<typeof ScatterRegionResponse>;

export const GetOperatorRequest = message({
  header: nested(1, RequestHeader),
  regionId: u64(2),
});
export type GetOperatorRequest = Decoded<typeof GetOperatorRequest>;

export const GetOperatorResponse = message({
  header: nested(1, ResponseHeader),
  regionId: u64(2),
  desc: bytes(3),
  status: enumeration(4),
  kind: bytes(5),
});
export type GetOperatorResponse = Decoded<typeof GetOperatorResponse>;

export const GetGCSafePointRequest = message({
  header: nested(1, RequestHeader),
});
export type GetGCSafePointRequest = Decoded<typeof GetGCSafePointRequest>;

export const GetGCSafePointResponse = message({
  header: nested(1, ResponseHeader),
  safePoint: u64(2),
});
export type GetGCSafePointResponse = Decoded<typeof GetGCSafePointResponse>;

export const UpdateGCSafePointRequest = message({
  header: nested(1, RequestHeader),
  safePoint: u64(2),
});
export type UpdateGCSafePointRequest = Decoded<typeof UpdateGCSafePointRequest>;

export const UpdateGCSafePointResponse = message({
  header: nested(1, ResponseHeader),
  newSafePoint: u64(2),
});
export type UpdateGCSafePointResponse = Decoded<typeof UpdateGCSafePointResponse>;

export const UpdateServiceGCSafePointRequest = message({
  header: nested(1, RequestHeader),
  serviceId: bytes(2),
  ttl: i64(3),
  safePoint: u64(4),
});
export type UpdateServiceGCSafePointRequest = Decoded<typeof UpdateServiceGCSafePointRequest>;

export const UpdateServiceGCSafePointResponse = message({
  header: nested(1, ResponseHeader),
  serviceId: bytes(2),
  ttl: i64(3),
  minSafePoint: u64(4),
});
export type UpdateServiceGCSafePointResponse = Decoded<typeof UpdateServiceGCSafePointResponse>;

export const KeyspaceMeta = message({
  id: oneofU32(1),
  name: string(2),
  state: enumeration(3),
  createdAt: i64(4),
  stateChangedAt: i64(5),
});
export type KeyspaceMeta = Decoded<typeof KeyspaceMeta>;

export const LoadKeyspaceRequest = message({
  header: nested(1, RequestHeader),
  name: string(2),
});
export type LoadKeyspaceRequest = Decoded<typeof LoadKeyspaceRequest>;

export const LoadKeyspaceResponse = message({
  header: nested(1, ResponseHeader),
  keyspace: nested(2, KeyspaceMeta),
});
export type LoadKeyspaceResponse = Decoded<typeof LoadKeyspaceResponse>;
