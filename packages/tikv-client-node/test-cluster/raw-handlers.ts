/** The RawKV requests, executed on a cluster's data for one region. */

import { type KeyText, keyBytes, keyText } from '../src/bytes.ts';
import * as methods from '../src/methods.ts';
import type { KvPair } from '../src/proto/kvrpcpb.ts';
import type { Init } from '../src/protobuf/message.ts';
import { type Handler, handle, type Place } from './handler.ts';
import { clip } from './region-checks.ts';

function ttlRefusal({ cluster }: Place, ttls: readonly bigint[]): { error: string } | undefined {
  const enabled = cluster.mode === 'rawTtl' || cluster.mode === 'v2';
  return !enabled && ttls.some((ttl) => ttl !== 0n)
    ? { error: 'ttl is not enabled, but get put request with ttl' }
    : undefined;
}

function scan(
  place: Place,
  low: KeyText,
  high: KeyText,
  limit: number,
  keyOnly: boolean,
  reverse: boolean,
): Init<typeof KvPair>[] {
  const { start, end } = clip(place.region, low, high);
  const kvs: Init<typeof KvPair>[] = [];
  for (const [key, value] of place.cluster.raw.range(start, end, reverse)) {
    if (kvs.length >= limit) break;
    kvs.push(keyOnly ? { key: keyBytes(key) } : { key: keyBytes(key), value });
  }
  return kvs;
}

export const RAW_HANDLERS: readonly Handler[] = [
  handle(methods.RawGet, {
    kind: 'raw',
    touches: (request) => ({ keys: [request.key] }),
    refuse: (error) => ({ error }),
    run({ cluster }, request) {
      const value = cluster.raw.get(keyText(request.key));
      return value === undefined ? { notFound: true } : { value };
    },
  }),
  handle(methods.RawBatchGet, {
    kind: 'raw',
    touches: (request) => ({ keys: request.keys }),
    refuse: (abort) => ({ pairs: [{ error: { abort } }] }),
    run({ cluster }, request) {
      const pairs: Init<typeof KvPair>[] = [];
      for (const key of request.keys) {
        const value = cluster.raw.get(keyText(key));
        if (value !== undefined) pairs.push({ key, value });
      }
      return { pairs };
    },
  }),
  handle(methods.RawPut, {
    kind: 'raw',
    writes: true,
    touches: (request) => ({ keys: [request.key] }),
    refuse: (error) => ({ error }),
    run(place, request) {
      const refusal = ttlRefusal(place, [request.ttl]);
      if (refusal === undefined) place.cluster.raw.put(keyText(request.key), request.value, request.ttl);
      return refusal ?? {};
    },
  }),
  handle(methods.RawBatchPut, {
    kind: 'raw',
    writes: true,
    touches: (request) => ({ keys: request.pairs.map((pair) => pair.key) }),
    refuse: (error) => ({ error }),
    run(place, request) {
      const { pairs, ttls } = request;
      if (ttls.length > 1 && ttls.length !== pairs.length)
        return { error: `${ttls.length} ttls for ${pairs.length} pairs` };
      const refusal = ttlRefusal(place, ttls);
      if (refusal !== undefined) return refusal;
      for (const [index, { key, value }] of pairs.entries()) {
        place.cluster.raw.put(keyText(key), value, (ttls.length === 1 ? ttls[0] : ttls[index]) ?? 0n);
      }
      return {};
    },
  }),
  handle(methods.RawDelete, {
    kind: 'raw',
    writes: true,
    touches: (request) => ({ keys: [request.key] }),
    refuse: (error) => ({ error }),
    run({ cluster }, request) {
      cluster.raw.delete(keyText(request.key));
      return {};
    },
  }),
  handle(methods.RawBatchDelete, {
    kind: 'raw',
    writes: true,
    touches: (request) => ({ keys: request.keys }),
    refuse: (error) => ({ error }),
    run({ cluster }, request) {
      for (const key of request.keys) cluster.raw.delete(keyText(key));
      return {};
    },
  }),
  handle(methods.RawScan, {
    kind: 'raw',
    touches: (request) => ({
      bounds: request.reverse ? [request.endKey, request.startKey] : [request.startKey, request.endKey],
    }),
    refuse: (abort) => ({ kvs: [{ error: { abort } }] }),
    run(place, request) {
      const [low, high] = request.reverse ? [request.endKey, request.startKey] : [request.startKey, request.endKey];
      return { kvs: scan(place, keyText(low), keyText(high), request.limit, request.keyOnly, request.reverse) };
    },
  }),
  handle(methods.RawDeleteRange, {
    kind: 'raw',
    writes: true,
    touches: (request) => ({ bounds: [request.startKey, request.endKey] }),
    refuse: (error) => ({ error }),
    run({ cluster, region }, request) {
      const { start, end } = clip(region, keyText(request.startKey), keyText(request.endKey));
      cluster.raw.deleteRange(start, end);
      return {};
    },
  }),
  handle(methods.RawGetKeyTTL, {
    kind: 'raw',
    touches: (request) => ({ keys: [request.key] }),
    refuse: (error) => ({ error }),
    run({ cluster }, request) {
      const ttl = cluster.raw.ttl(keyText(request.key));
      return ttl === undefined ? { notFound: true } : { ttl };
    },
  }),
  handle(methods.RawCompareAndSwap, {
    kind: 'raw',
    writes: true,
    touches: (request) => ({ keys: [request.key] }),
    refuse: (error) => ({ error }),
    run(place, request) {
      const refusal = ttlRefusal(place, [request.ttl]);
      if (refusal !== undefined) return refusal;
      const key = keyText(request.key);
      const previous = place.cluster.raw.get(key);
      const expected = request.previousNotExist ? undefined : request.previousValue;
      const succeed = previous === undefined ? expected === undefined : expected?.equals(previous) === true;
      if (succeed) place.cluster.raw.put(key, request.value, request.ttl);
      return { succeed, ...(previous === undefined ? { previousNotExist: true } : { previousValue: previous }) };
    },
  }),
  handle(methods.RawChecksum, {
    kind: 'raw',
    touches: (request) => ({
      bounds: [request.ranges[0]?.startKey ?? Buffer.alloc(0), request.ranges[0]?.endKey ?? Buffer.alloc(0)],
    }),
    refuse: (error) => ({ error }),
    run({ cluster, region }, request) {
      let [checksum, totalKvs, totalBytes] = [0n, 0n, 0n];
      for (const range of request.ranges) {
        const { start, end } = clip(region, keyText(range.startKey), keyText(range.endKey));
        const part = cluster.raw.checksum(start, end);
        checksum ^= part.checksum;
        totalKvs += part.totalKvs;
        totalBytes += part.totalBytes;
      }
      return { checksum, totalKvs, totalBytes };
    },
  }),
];
