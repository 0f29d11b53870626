/**
 * `kvrpcpb`, the RawKV requests and their responses.
 * Field numbers after kvproto (github.com/pingcap/kvproto), releases 7.5 to 8.5 and master of August 2026.
 */

import {
  bool,
  bytes,
  type Decoded,
  enumeration,
  message,
  nested,
  repeated,
  repeatedBytes,
  repeatedU64,
  string,
  u32,
  u64,
} from '../protobuf/message.ts';
import { RegionError } from './errorpb.ts';
import { Context, KeyRange, KvPair } from './kvrpcpb.ts';

export const ChecksumAlgorithm = { Crc64_Xor: 0 } as const;

export const RawGetRequest = message({
  context: nested(1, Context),
  key: bytes(2),
  cf: string(3),
});
export type RawGetRequest = Decoded<typeof RawGetRequest>;

export const RawGetResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
  value: bytes(3),
  notFound: bool(4),
});
export type RawGetResponse = Decoded<typeof RawGetResponse>;

export const RawBatchGetRequest = message({
  context: nested(1, Context),
  keys: repeatedBytes(2),
  cf: string(3),
});
export type RawBatchGetRequest = Decoded<typeof RawBatchGetRequest>;

export const RawBatchGetResponse = message({
  regionError: nested(1, RegionError),
  pairs: repeated(2, KvPair),
});
export type RawBatchGetResponse = Decoded<typeof RawBatchGetResponse>;

export const RawPutRequest = message({
  context: nested(1, Context),
  key: bytes(2),
  value: bytes(3),
  cf: string(4),
  ttl: u64(5),
  forCas: bool(6),
});
export type RawPutRequest = Decoded<typeof RawPutRequest>;

export const RawPutResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type RawPutResponse = Decoded<typeof RawPutResponse>;

export const RawBatchPutRequest = message({
  context: nested(1, Context),
  pairs: repeated(2, KvPair),
  cf: string(3),
  ttl: u64(4),
  forCas: bool(5),
  ttls: repeatedU64(6),
});
export type RawBatchPutRequest = Decoded<typeof RawBatchPutRequest>;

export const RawBatchPutResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type RawBatchPutResponse = Decoded<typeof RawBatchPutResponse>;

export const RawDeleteRequest = message({
  context: nested(1, Context),
  key: bytes(2),
  cf: string(3),
  forCas: bool(4),
});
export type RawDeleteRequest = Decoded<typeof RawDeleteRequest>;

export const RawDeleteResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type RawDeleteResponse = Decoded<typeof RawDeleteResponse>;

export const RawBatchDeleteRequest = message({
  context: nested(1, Context),
  keys: repeatedBytes(2),
  cf: string(3),
  forCas: bool(4),
});
export type RawBatchDeleteRequest = Decoded<typeof RawBatchDeleteRequest>;

export const RawBatchDeleteResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type RawBatchDeleteResponse = Decoded<typeof RawBatchDeleteResponse>;

export const RawScanRequest = message({
  context: nested(1, Context),
  startKey: bytes(2),
  limit: u32(3),
  keyOnly: bool(4),
  cf: string(5),
  reverse: bool(6),
  endKey: bytes(7),
});
export type RawScanRequest = Decoded<typeof RawScanRequest>;

export const RawScanResponse = message({
  regionError: nested(1, RegionError),
  kvs: repeated(2, KvPair),
});
export type RawScanResponse = Decoded<typeof RawScanResponse>;

export const RawBatchScanRequest = message({
  context: nested(1, Context),
  ranges: repeated(2, KeyRange),
  eachLimit: u32(3),
  keyOnly: bool(4),
  cf: string(5),
  reverse: bool(6),
});
export type RawBatchScanRequest = Decoded<typeof RawBatchScanRequest>;

export const RawBatchScanResponse = message({
  regionError: nested(1, RegionError),
  kvs: repeated(2, KvPair),
});
export type RawBatchScanResponse = Decoded<typeof RawBatchScanResponse>;

export const RawDeleteRangeRequest = message({
  context: nested(1, Context),
  startKey: bytes(2),
  endKey: bytes(3),
  cf: string(4),
});
export type RawDeleteRangeRequest = Decoded<typeof RawDeleteRangeRequest>;

export const RawDeleteRangeResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
});
export type RawDeleteRangeResponse = Decoded<typeof RawDeleteRangeResponse>;

export const RawGetKeyTTLRequest = message({
  context: nested(1, Context),
  key: bytes(2),
  cf: string(3),
});
export type RawGetKeyTTLRequest = Decoded<typeof RawGetKeyTTLRequest>;

export const RawGetKeyTTLResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
  ttl: u64(3),
  notFound: bool(4),
});
export type RawGetKeyTTLResponse = Decoded<typeof RawGetKeyTTLResponse>;

export const RawCASRequest = message({
  context: nested(1, Context),
  key: bytes(2),
  value: bytes(3),
  previousNotExist: bool(4),
  previousValue: bytes(5),
  cf: string(6),
  ttl: u64(7),
  delete: bool(8),
});
export type RawCASRequest = Decoded<typeof RawCASRequest>;

export const RawCASResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
  succeed: bool(3),
  previousNotExist: bool(4),
  previousValue: bytes(5),
});
export type RawCASResponse = Decoded<typeof RawCASResponse>;

export const RawChecksumRequest = message({
  context: nested(1, Context),
  algorithm: enumeration(2),
  ranges: repeated(3, KeyRange),
});
export type RawChecksumRequest = Decoded<typeof RawChecksumRequest>;

export const RawChecksumResponse = message({
  regionError: nested(1, RegionError),
  error: string(2),
  checksum: u64(3),
  totalKvs: u64(4),
  totalBytes: u64(5),
});
export type RawChecksumResponse = Decoded<typeof RawChecksumResponse>;
