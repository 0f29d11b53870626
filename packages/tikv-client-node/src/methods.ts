/**
 * The calls of TiKV and PD that the client makes: path, messages, and the number in the oneof of BatchCommands where
 * there is one. The one method spelled `KV…` is spelled so in the protocol.
 */

import * as pd from './proto/pdpb.ts';
import * as raw from './proto/raw-messages.ts';
import * as kv from './proto/transaction-messages.ts';
import type { Fields, MessageType } from './protobuf/message.ts';

export interface Method<Q extends Fields = Fields, S extends Fields = Fields> {
  readonly name: string;
  readonly path: string;
  readonly request: MessageType<Q>;
  readonly response: MessageType<S>;
  /** The member of `tikvpb.BatchCommandsRequest.Request.cmd`; undefined: unary only. */
  readonly batchNumber: number | undefined;
}

function method<Q extends Fields, S extends Fields>(
  service: string,
  name: string,
  request: MessageType<Q>,
  response: MessageType<S>,
  batchNumber?: number,
): Method<Q, S> {
  return { name, path: `/${service}/${name}`, request, response, batchNumber };
}

const KV = 'tikvpb.Tikv';
const PD = 'pdpb.PD';

export const KvGet = method(KV, 'KvGet', kv.GetRequest, kv.GetResponse, 1);
export const KvScan = method(KV, 'KvScan', kv.ScanRequest, kv.ScanResponse, 2);
export const KvBatchGet = method(KV, 'KvBatchGet', kv.BatchGetRequest, kv.BatchGetResponse, 7);
export const KvPrewrite = method(KV, 'KvPrewrite', kv.PrewriteRequest, kv.PrewriteResponse, 3);
export const KvCommit = method(KV, 'KvCommit', kv.CommitRequest, kv.CommitResponse, 4);
export const KvBatchRollback = method(KV, 'KvBatchRollback', kv.BatchRollbackRequest, kv.BatchRollbackResponse, 8);
export const KvPessimisticLock = method(
  KV,
  'KvPessimisticLock',
  kv.PessimisticLockRequest,
  kv.PessimisticLockResponse,
  23,
);
export const KVPessimisticRollback = method(
  KV,
  'KVPessimisticRollback',
  kv.PessimisticRollbackRequest,
  kv.PessimisticRollbackResponse,
  24,
);
export const KvTxnHeartBeat = method(KV, 'KvTxnHeartBeat', kv.TxnHeartBeatRequest, kv.TxnHeartBeatResponse, 26);
export const KvCheckTxnStatus = method(KV, 'KvCheckTxnStatus', kv.CheckTxnStatusRequest, kv.CheckTxnStatusResponse, 25);
export const KvCheckSecondaryLocks = method(
  KV,
  'KvCheckSecondaryLocks',
  kv.CheckSecondaryLocksRequest,
  kv.CheckSecondaryLocksResponse,
  33,
);
export const KvScanLock = method(KV, 'KvScanLock', kv.ScanLockRequest, kv.ScanLockResponse, 9);
export const KvResolveLock = method(KV, 'KvResolveLock', kv.ResolveLockRequest, kv.ResolveLockResponse, 10);
export const KvDeleteRange = method(KV, 'KvDeleteRange', kv.DeleteRangeRequest, kv.DeleteRangeResponse, 12);
export const UnsafeDestroyRange = method(
  KV,
  'UnsafeDestroyRange',
  kv.UnsafeDestroyRangeRequest,
  kv.UnsafeDestroyRangeResponse,
);
export const SplitRegion = method(KV, 'SplitRegion', kv.SplitRegionRequest, kv.SplitRegionResponse);
export const MvccGetByKey = method(KV, 'MvccGetByKey', kv.MvccGetByKeyRequest, kv.MvccGetByKeyResponse);
export const RawGet = method(KV, 'RawGet', raw.RawGetRequest, raw.RawGetResponse, 13);
export const RawBatchGet = method(KV, 'RawBatchGet', raw.RawBatchGetRequest, raw.RawBatchGetResponse, 14);
export const RawPut = method(KV, 'RawPut', raw.RawPutRequest, raw.RawPutResponse, 15);
export const RawBatchPut = method(KV, 'RawBatchPut', raw.RawBatchPutRequest, raw.RawBatchPutResponse, 16);
export const RawDelete = method(KV, 'RawDelete', raw.RawDeleteRequest, raw.RawDeleteResponse, 17);
export const RawBatchDelete = method(KV, 'RawBatchDelete', raw.RawBatchDeleteRequest, raw.RawBatchDeleteResponse, 18);
export const RawScan = method(KV, 'RawScan', raw.RawScanRequest, raw.RawScanResponse, 19);
export const RawBatchScan = method(KV, 'RawBatchScan', raw.RawBatchScanRequest, raw.RawBatchScanResponse, 21);
export const RawDeleteRange = method(KV, 'RawDeleteRange', raw.RawDeleteRangeRequest, raw.RawDeleteRangeResponse, 20);
export const RawGetKeyTTL = method(KV, 'RawGetKeyTTL', raw.RawGetKeyTTLRequest, raw.RawGetKeyTTLResponse);
export const RawCompareAndSwap = method(KV, 'RawCompareAndSwap', raw.RawCASRequest, raw.RawCASResponse);
export const RawChecksum = method(KV, 'RawChecksum', raw.RawChecksumRequest, raw.RawChecksumResponse);

export const GetMembers = method(PD, 'GetMembers', pd.GetMembersRequest, pd.GetMembersResponse);
export const GetClusterInfo = method(PD, 'GetClusterInfo', pd.GetClusterInfoRequest, pd.GetClusterInfoResponse);
export const GetStore = method(PD, 'GetStore', pd.GetStoreRequest, pd.GetStoreResponse);
export const GetAllStores = method(PD, 'GetAllStores', pd.GetAllStoresRequest, pd.GetAllStoresResponse);
export const GetRegion = method(PD, 'GetRegion', pd.GetRegionRequest, pd.GetRegionResponse);
export const ScanRegions = method(PD, 'ScanRegions', pd.ScanRegionsRequest, pd.ScanRegionsResponse);
export const BatchScanRegions = method(PD, 'BatchScanRegions', pd.BatchScanRegionsRequest, pd.BatchScanRegionsResponse);
export const ScatterRegion = method(PD, 'ScatterRegion', pd.ScatterRegionRequest, pd.ScatterRegionResponse);
export const GetOperator = method(PD, 'GetOperator', pd.GetOperatorRequest, pd.GetOperatorResponse);
export const GetGCSafePoint = method(PD, 'GetGCSafePoint', pd.GetGCSafePointRequest, pd.GetGCSafePointResponse);
export const UpdateGCSafePoint = method(
  PD,
  'UpdateGCSafePoint',
  pd.UpdateGCSafePointRequest,
  pd.UpdateGCSafePointResponse,
);
export const UpdateServiceGCSafePoint = method(
  PD,
  'UpdateServiceGCSafePoint',
  pd.UpdateServiceGCSafePointRequest,
  pd.UpdateServiceGCSafePointResponse,
);
export const GetPrevRegion = method(PD, 'GetPrevRegion', pd.GetRegionRequest, pd.GetRegionResponse);
export const GetRegionByID = method(PD, 'GetRegionByID', pd.GetRegionByIDRequest, pd.GetRegionResponse);
/** A bidirectional stream of these. */
export const Tso = method(PD, 'Tso', pd.TsoRequest, pd.TsoResponse);
export const LoadKeyspace = method(
  'keyspacepb.Keyspace',
  'LoadKeyspace',
  pd.LoadKeyspaceRequest,
  pd.LoadKeyspaceResponse,
);
