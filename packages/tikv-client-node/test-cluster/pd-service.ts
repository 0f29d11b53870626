/**
 * One PD member: who the members are, timestamps, where regions and stores are, safe points, keyspaces.
 *
 * All but GetMembers wants the right cluster id and the leader. Region keys are in the encoded key space.
 */

import { sleep } from '../src/environment.ts';
import { messageOf } from '../src/errors.ts';
import * as methods from '../src/methods.ts';
import { NodeState, type Store, StoreState as StoreStates } from '../src/proto/metapb.ts';
import {
  ErrorType,
  type GetRegionResponse,
  KeyspaceState,
  type RegionWithLeader,
  type RequestHeader,
} from '../src/proto/pdpb.ts';
import type { Decoded, Fields, Init, MessageType } from '../src/protobuf/message.ts';
import { GrpcStatus } from '../src/transport.ts';
import type { ClusterState } from './cluster-state.ts';
import type { FaultAction } from './faults.ts';
import {
  ConnectionLost,
  type ServerStream,
  type ServerStreamHandlers,
  type Service,
  SILENCE,
  StatusError,
} from './service.ts';
import { HEALTH_CHECK, SERVING } from './store-service.ts';
import { describePeer, type RegionState, type StoreState } from './topology.ts';

type Answer = Readonly<Record<string, unknown>>;

interface PdHandler {
  readonly method: methods.Method;
  run(service: PdService, request: Answer): Answer | Promise<Answer>;
}

function pd<Q extends Fields, S extends Fields>(
  method: methods.Method<Q, S>,
  run: (service: PdService, request: Decoded<MessageType<Q>>) => Init<MessageType<S>>,
): PdHandler {
  return { method, run } as unknown as PdHandler;
}

export class PdService implements Service {
  readonly cluster: ClusterState;
  readonly #index: number;
  /** What a stale member goes on telling; undefined: the truth. */
  staleRegions: readonly Init<typeof RegionWithLeader>[] | undefined;

  constructor(cluster: ClusterState, index: number) {
    this.cluster = cluster;
    this.#index = index;
  }

  async call(path: string, bytes: Buffer): Promise<Uint8Array> {
    if (path === HEALTH_CHECK) return SERVING;
    if (path === methods.GetMembers.path) return methods.GetMembers.response.encode(this.#members());
    const handler = BY_PATH.get(path);
    if (handler === undefined) throw new StatusError(GrpcStatus.UNIMPLEMENTED, `unknown method ${path}`);
    const request = handler.method.request.decode(bytes) as Answer;
    const { faults } = this.cluster;
    const action = faults.active
      ? faults.arrived({ storeId: 0n, method: handler.method.name, regionId: 0n, request })
      : undefined;
    const execute = () => {
      this.#check(request.header as Decoded<typeof RequestHeader> | undefined, path);
      return handler.method.response.encode({ header: this.header(), ...handler.run(this, request) } as never);
    };
    return action === undefined ? execute() : this.#underFault(handler, action, execute);
  }

  open(path: string, stream: ServerStream): ServerStreamHandlers {
    if (path !== methods.Tso.path) throw new StatusError(GrpcStatus.UNIMPLEMENTED, `unknown stream ${path}`);
    let open = true;
    /** Answers come in the order of the requests. */
    let last: Promise<void> = Promise.resolve();
    const end = (error: StatusError) => {
      if (open) stream.end(error);
      open = false;
    };
    const answer = async (message: Buffer) => {
      const request = methods.Tso.request.decode(message);
      const { faults, pd: state } = this.cluster;
      const action = faults.active ? faults.arrived({ storeId: 0n, method: 'Tso', regionId: 0n, request }) : undefined;
      if (action?.kind === 'swallow') return;
      if (action?.kind === 'hook') action.run();
      if (action?.kind === 'delay') await sleep(this.cluster.environment.timers, action.ms);
      if (state.tsoDelayMs > 0) await sleep(this.cluster.environment.timers, state.tsoDelayMs);
      try {
        if (action?.kind === 'status') throw new StatusError(action.status, action.message);
        this.#check(request.header, path);
        if (request.count === 0) throw new StatusError(GrpcStatus.INVALID_ARGUMENT, 'tso count should be positive');
        const timestamp = this.cluster.tso.grant(request.count);
        if (open) stream.send(methods.Tso.response.encode({ header: this.header(), count: request.count, timestamp }));
      } catch (error) {
        end(error instanceof StatusError ? error : new StatusError(GrpcStatus.INTERNAL, messageOf(error)));
      }
    };
    return {
      onMessage: (message) => {
        last = last.then(() => answer(message));
      },
      onClose: () => {
        open = false;
      },
    };
  }

  header(): { clusterId: bigint } {
    return { clusterId: this.cluster.clusterId };
  }

  /** All regions, in order, as this member tells them. */
  regions(): readonly Init<typeof RegionWithLeader>[] {
    return this.staleRegions ?? this.cluster.topology.regions.map((region) => this.describe(region));
  }

  describe(region: RegionState): Init<typeof RegionWithLeader> {
    return {
      region: this.cluster.topology.describe(region),
      ...(region.leader === undefined ? {} : { leader: describePeer(region.leader) }),
      downPeers: region.peers
        .filter((peer) => region.downPeers.has(peer.storeId))
        .map((peer) => ({ peer: describePeer(peer), downSeconds: 60n })),
    };
  }

  async #underFault(handler: PdHandler, action: FaultAction, execute: () => Uint8Array): Promise<Uint8Array> {
    switch (action.kind) {
      case 'swallow':
        return SILENCE;
      case 'status':
        throw new StatusError(action.status, action.message);
      case 'delay':
        await sleep(this.cluster.environment.timers, action.ms);
        return execute();
      case 'hook':
        action.run();
        return execute();
      case 'respond':
        return handler.method.response.encode({ header: this.header(), ...action.response } as never);
      case 'loseReply':
        execute();
        if (action.how === 'silence') return SILENCE;
        throw new ConnectionLost();
      case 'duplicate':
        execute();
        return execute();
      case 'regionError':
        throw new StatusError(GrpcStatus.INTERNAL, 'PD has no region errors');
    }
  }

  #check(header: Decoded<typeof RequestHeader> | undefined, path: string): void {
    const { cluster } = this;
    const given = header?.clusterId ?? 0n;
    if (path === methods.GetClusterInfo.path) return;
    if (given !== cluster.clusterId) {
      throw new StatusError(
        GrpcStatus.FAILED_PRECONDITION,
        `mismatch cluster id, need ${cluster.clusterId} but got ${given}`,
      );
    }
    if (cluster.pd.leader !== this.#index) {
      throw new StatusError(GrpcStatus.UNAVAILABLE, cluster.pd.leader === undefined ? 'no leader' : 'not leader');
    }
  }

  #members(): Init<typeof methods.GetMembers.response> {
    const { addresses, clientUrls, leader } = this.cluster.pd;
    const members = addresses.map((address, index) => ({
      name: `pd-${index}`,
      memberId: BigInt(index + 1),
      clientUrls: clientUrls.get(index) ?? [`http://${address}`],
    }));
    return { header: this.header(), members, ...(leader === undefined ? {} : { leader: members[leader]! }) };
  }
}

function regionAnswer(found: Init<typeof RegionWithLeader> | undefined): Init<typeof GetRegionResponse> {
  if (found === undefined) return {};
  const { region, leader, downPeers } = found;
  return { region, leader, downPeers };
}

function contains(region: Init<typeof RegionWithLeader>, key: Buffer): boolean {
  const { startKey, endKey } = region.region!;
  if (Buffer.compare(startKey!, key) > 0) return false;
  return endKey!.length === 0 || Buffer.compare(key, endKey!) < 0;
}

function inRange(service: PdService, start: Buffer, end: Buffer, limit: number): Init<typeof RegionWithLeader>[] {
  const found = service.regions().filter(({ region }) => {
    const { startKey, endKey } = region!;
    if (end.length > 0 && Buffer.compare(startKey!, end) >= 0) return false;
    return endKey!.length === 0 || Buffer.compare(endKey!, start) > 0;
  });
  return limit > 0 ? found.slice(0, limit) : found;
}

function describeStore(store: StoreState): Init<typeof Store> {
  const gone = store.state === 'tombstone';
  return {
    id: store.id,
    address: store.address,
    state: gone ? StoreStates.Tombstone : StoreStates.Up,
    nodeState: gone ? NodeState.Removed : NodeState.Serving,
  };
}

function unknownError(message: string): { header: { error: { type: number; message: string } } } {
  return { header: { error: { type: ErrorType.UNKNOWN, message } } };
}

const HANDLERS: readonly PdHandler[] = [
  pd(methods.GetClusterInfo, () => ({ serviceModes: [1] })),
  pd(methods.GetStore, (service, request) => {
    const store = service.cluster.topology.stores.get(request.storeId);
    if (store !== undefined) return { store: describeStore(store) };
    return unknownError(`invalid store ID ${request.storeId}, not found`);
  }),
  pd(methods.GetAllStores, (service, request) => ({
    stores: [...service.cluster.topology.stores.values()]
      .filter((store) => store.state !== 'tombstone' || !request.excludeTombstoneStores)
      .map(describeStore),
  })),
  pd(methods.GetRegion, (service, request) =>
    regionAnswer(service.regions().find((region) => contains(region, request.regionKey))),
  ),
  pd(methods.GetPrevRegion, (service, request) => {
    const regions = service.regions();
    const index = regions.findIndex((region) => contains(region, request.regionKey));
    return regionAnswer(index > 0 ? regions[index - 1] : undefined);
  }),
  pd(methods.GetRegionByID, (service, request) =>
    regionAnswer(service.regions().find((one) => one.region!.id === request.regionId)),
  ),
  pd(methods.ScanRegions, (service, request) => {
    const found = inRange(service, request.startKey, request.endKey, request.limit);
    // The parallel arrays alone, as old releases answer.
    if (service.cluster.pd.old) {
      return { regionMetas: found.map((one) => one.region!), leaders: found.map((one) => one.leader ?? {}) };
    }
    return { regions: found };
  }),
  pd(methods.BatchScanRegions, (service, request) => {
    if (service.cluster.pd.old) throw new StatusError(GrpcStatus.UNIMPLEMENTED, 'unknown method BatchScanRegions');
    const found = new Map<bigint, Init<typeof RegionWithLeader>>();
    for (const range of request.ranges) {
      for (const region of inRange(service, range.startKey, range.endKey, request.limit))
        found.set(region.region!.id!, region);
    }
    const regions = [...found.values()];
    return { regions: request.limit > 0 ? regions.slice(0, request.limit) : regions };
  }),
  pd(methods.ScatterRegion, () => ({ finishedPercentage: 100n })),
  pd(methods.GetOperator, (_service, request) => ({ regionId: request.regionId, desc: Buffer.from('scatter-region') })),
  pd(methods.GetGCSafePoint, ({ cluster }) => ({ safePoint: cluster.gcSafePoint })),
  pd(methods.UpdateGCSafePoint, ({ cluster }, request) => {
    if (request.safePoint > cluster.gcSafePoint) {
      cluster.gcSafePoint = request.safePoint;
      cluster.data.collectGarbage(request.safePoint);
    }
    return { newSafePoint: cluster.gcSafePoint };
  }),
  pd(methods.UpdateServiceGCSafePoint, ({ cluster }, request) => {
    const nowMs = cluster.environment.clock.nowMs();
    const points = cluster.serviceSafePoints;
    const id = request.serviceId.toString();
    for (const [one, { expiresAtMs }] of points) if (expiresAtMs <= nowMs) points.delete(one);
    const lowest = () =>
      [...points.values()].reduce((low, one) => (one.safePoint < low ? one.safePoint : low), 2n ** 64n - 1n);
    if (request.ttl <= 0n) points.delete(id);
    else if (request.safePoint >= cluster.gcSafePoint) {
      points.set(id, { safePoint: request.safePoint, expiresAtMs: nowMs + Number(request.ttl) * 1000 });
    }
    const minSafePoint = points.size === 0 ? request.safePoint : lowest();
    return { serviceId: request.serviceId, ttl: request.ttl, minSafePoint };
  }),
  pd(methods.LoadKeyspace, ({ cluster }, request) => {
    const id = cluster.keyspaces.get(request.name);
    if (id === undefined)
      return {
        header: { error: { type: ErrorType.ENTRY_NOT_FOUND, message: `keyspace ${request.name} does not exist` } },
      };
    return { keyspace: { id, name: request.name, state: KeyspaceState.ENABLED } };
  }),
];

const BY_PATH = new Map(HANDLERS.map((handler) => [handler.method.path, handler]));
