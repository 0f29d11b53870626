/** What a store checks before it executes a request, in TiKV's order. */

import { type KeyText, keyText, within } from '../src/bytes.ts';
import type { RegionError } from '../src/proto/errorpb.ts';
import { APIVersion, type Context } from '../src/proto/kvrpcpb.ts';
import type { Init } from '../src/protobuf/message.ts';
import { GrpcStatus } from '../src/transport.ts';
import type { ClusterState } from './cluster-state.ts';
import { StatusError } from './service.ts';
import { describePeer, type RegionState, type StoreState } from './topology.ts';

export const KEY_BYTES_MAX = 8_192;
export const RAFT_ENTRY_BYTES_MAX = 8 * 1024 * 1024;

export type RegionErrorInit = Init<typeof RegionError>;

/** @throws StatusError INVALID_ARGUMENT when the client means another cluster. */
export function checkRegion(
  cluster: ClusterState,
  store: StoreState,
  context: Context,
): { readonly region: RegionState } | { readonly error: RegionErrorInit } {
  const { topology } = cluster;
  if (context.clusterId !== 0n && context.clusterId !== cluster.clusterId) {
    throw new StatusError(
      GrpcStatus.INVALID_ARGUMENT,
      `cluster id mismatch: ${cluster.clusterId}, got ${context.clusterId}`,
    );
  }
  const { peer, regionId } = context;
  if (peer?.storeId !== store.id) {
    return failed('store not match', {
      storeNotMatch: { requestStoreId: peer?.storeId, actualStoreId: store.id },
    });
  }
  const region = topology.regionById(regionId);
  const ownPeer = region?.peers.find((one) => one.storeId === store.id);
  if (region === undefined || ownPeer === undefined) {
    return failed(`region ${regionId} not found`, { regionNotFound: { regionId } });
  }
  if (ownPeer.id !== peer.id) {
    return failed('mismatch peer id', { mismatchPeerId: { requestPeerId: peer.id, storePeerId: ownPeer.id } });
  }
  if (region.leader?.id !== ownPeer.id && !context.replicaRead && !context.staleRead) {
    const leader = region.leader === undefined ? {} : { leader: describePeer(region.leader) };
    return failed('not leader', { notLeader: { regionId, ...leader } });
  }
  const version = context.regionEpoch?.version ?? 0n;
  if (version !== region.version) {
    const believed = topology.rangeOf(regionId, version);
    const neighbours =
      believed === undefined ? [] : topology.regionsIn(believed.start, believed.end).filter((one) => one !== region);
    const currentRegions = [region, ...neighbours].map((one) => topology.describe(one));
    return failed('epoch not match', { epochNotMatch: { currentRegions } });
  }
  return { region };
}

export function checkKeys(
  cluster: ClusterState,
  region: RegionState,
  keys: readonly Uint8Array[],
): RegionErrorInit | undefined {
  for (const key of keys) {
    if (within(keyText(key), region.start, region.end)) continue;
    return {
      message: 'key not in region',
      keyNotInRegion: {
        key: cluster.topology.boundary(keyText(key)),
        regionId: region.id,
        startKey: cluster.topology.boundary(region.start),
        endKey: cluster.topology.boundary(region.end),
      },
    };
  }
  return undefined;
}

/** @returns what is wrong with the API version or a key's mode. */
export function checkApi(
  cluster: ClusterState,
  kind: 'txn' | 'raw',
  context: Context,
  keys: readonly Uint8Array[],
  bounds: readonly [Uint8Array, Uint8Array] | undefined,
): string | undefined {
  const { mode } = cluster;
  const expected = mode === 'v2' ? APIVersion.V2 : APIVersion.V1;
  if (context.apiVersion !== expected) {
    return `Api version in request does not match with TiKV storage, cmd: ${kind}, storage: ${expected}, request: ${context.apiVersion}`;
  }
  if (mode === 'v2') {
    const prefix = kind === 'txn' ? 0x78 : 0x72;
    const [low, high] = bounds ?? [];
    // A range must lie in one mode: open ends do not, but for the whole of it.
    const outside = [low, high].find((bound) => bound !== undefined && bound[0] !== prefix && !isEndOf(prefix, bound));
    const wrong = keys.find((key) => key[0] !== prefix || key.length < 4) ?? outside;
    if (wrong !== undefined)
      return `Key mode mismatched with the request mode, cmd: ${kind}, key: ${Buffer.from(wrong).toString('hex')}`;
    if (context.keyspaceId === undefined) return 'keyspace id is missing';
    return undefined;
  }
  if ((mode === 'txn') !== (kind === 'txn'))
    return `Key mode mismatched with the request mode, cmd: ${kind}, storage: ${mode}`;
  return undefined;
}

/** The first key after a mode's. */
function isEndOf(prefix: number, bound: Uint8Array): boolean {
  return bound.length === 1 && bound[0] === prefix + 1;
}

/** A range as far as the region goes. */
export function clip(region: RegionState, start: KeyText, end: KeyText): { start: KeyText; end: KeyText } {
  return {
    start: start > region.start ? start : region.start,
    end: end === '' || (region.end !== '' && region.end < end) ? region.end : end,
  };
}

function failed(message: string, error: RegionErrorInit): { readonly error: RegionErrorInit } {
  return { error: { message, ...error } };
}
