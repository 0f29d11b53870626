/**
 * Sends a request to the region it is for, and deals with what stores answer instead of serving it.
 *
 * Trouble that the region's replicas can settle among themselves (another leader, a busy store, a broken connection) is
 * retried here, within the caller's budget. What needs the caller to look up regions anew is returned as a region error:
 * it regroups its keys, at once when the store has told the new regions, else after a pause (`relocate`).
 *
 * `rpcFailed` tells whether any attempt ended without an answer: then what was asked may have happened.
 */

import type { Backoffer } from './backoff.ts';
import type { ClientConfig } from './config.ts';
import { throwIfAborted } from './environment.ts';
import { TikvError } from './errors.ts';
import type { Method } from './methods.ts';
import type { PdClient } from './pd-client.ts';
import type { RegionError } from './proto/errorpb.ts';
import { APIVersion, type Context } from './proto/kvrpcpb.ts';
import type { Decoded, Fields, Init, MessageType } from './protobuf/message.ts';
import type { Region, RegionCache, Replica } from './region-cache.ts';
import type { StoreClient } from './store-client.ts';
import { GrpcStatus, RpcError } from './transport.ts';

/** A store gives a write up before the client does. */
const EXECUTION_SHARE = 2 / 3;
const WRITE_EXECUTION_MS_MAX = 20_000;
const LEADER_ATTEMPTS_MAX = 10;

/** Why the region did not serve: the caller regroups. */
export interface RegionMiss {
  readonly kind: 'miss';
  readonly error: Decoded<typeof RegionError> | undefined;
  /** The new regions are known already: no pause is needed. */
  readonly atOnce: boolean;
  /** The store does not know whether it executed the request. */
  readonly undetermined: boolean;
}

export interface Served<R> {
  readonly kind: 'served';
  readonly response: R;
}

export interface SendOptions {
  readonly backoffer: Backoffer;
  readonly writes?: boolean;
  readonly timeoutMs?: number;
  readonly context?: Init<typeof Context>;
  /** Follower: any replica after a read index. Stale: any replica, of an older timestamp. Default leader. */
  readonly replica?: 'leader' | 'follower' | 'stale';
  /** Called when an attempt ended without an answer. */
  readonly onRpcError?: (error: unknown) => void;
}

export interface ApiContext {
  readonly apiVersion: number;
  readonly keyspaceId: number | undefined;
}

export class RegionSender {
  readonly #config: ClientConfig;
  readonly #cache: RegionCache;
  readonly #stores: StoreClient;
  readonly #pd: PdClient;
  readonly #api: ApiContext;
  readonly #probing = new Set<bigint>();
  #closed = false;

  constructor(config: ClientConfig, pd: PdClient, cache: RegionCache, stores: StoreClient, api: ApiContext) {
    this.#config = config;
    this.#pd = pd;
    this.#cache = cache;
    this.#stores = stores;
    this.#api = api;
  }

  close(): void {
    this.#closed = true;
  }

  /** @throws TikvError; RpcError never leaves. */
  async send<Q extends Fields, S extends Fields>(
    region: Region,
    method: Method<Q, S>,
    request: Omit<Init<MessageType<Q>>, 'context'>,
    options: SendOptions,
  ): Promise<Served<Decoded<MessageType<S>>> | RegionMiss> {
    const { backoffer } = options;
    let retry = false;
    let leaderAttempts = 0;
    let asFollower = options.replica === 'follower' || options.replica === 'stale';
    let stale = options.replica === 'stale';
    const tried = new Set<bigint>();
    for (;;) {
      if (this.#closed) throw new TikvError('closed', 'the client is closed');
      throwIfAborted(backoffer.signal);
      if (!this.#cache.isValid(region)) return miss(undefined, false);
      const replica = asFollower ? this.#follower(region, tried) : region.replicas[region.leader]!;
      if (replica === undefined) {
        asFollower = false;
        stale = false;
        continue;
      }
      if (!asFollower && ++leaderAttempts > LEADER_ATTEMPTS_MAX) {
        this.#cache.invalidate(region);
        return miss(undefined, false);
      }
      tried.add(replica.peer.id);
      const address = await this.#cache.resolveStore(replica.store, backoffer);
      if (address === undefined) {
        this.#cache.invalidate(region);
        return miss(undefined, false);
      }
      const startedMs = this.#config.environment.clock.monotonicMs();
      const told = (outcome: string) =>
        this.#config.hooks.onRequest?.(
          method.name,
          replica.store.id,
          this.#config.environment.clock.monotonicMs() - startedMs,
          outcome,
        );
      let response: Decoded<MessageType<S>>;
      try {
        const context = this.#context(region, replica, options, { retry, asFollower, stale });
        const bytes = method.request.encode({ ...request, context } as unknown as Init<MessageType<Q>>);
        const answer = await this.#stores.call(address, method as unknown as Method, bytes, {
          timeoutMs: options.timeoutMs ?? this.#config.requestTimeoutMs,
          signal: backoffer.signal,
        });
        response = method.response.decode(answer);
      } catch (error) {
        told('rpc');
        options.onRpcError?.(error);
        await this.#afterRpcError(region, replica, address, error, options);
        retry = true;
        // A read may be served elsewhere at once when this store only answers too late.
        if (options.writes !== true && error instanceof RpcError && error.status === GrpcStatus.DEADLINE_EXCEEDED) {
          asFollower = this.#follower(region, tried) !== undefined;
        }
        continue;
      }
      replica.store.reachable = true;
      const regionError = (response as { readonly regionError?: Decoded<typeof RegionError> }).regionError;
      if (regionError === undefined) {
        told('ok');
        return { kind: 'served', response };
      }
      told(nameOf(regionError));
      retry = true;
      if (asFollower && regionError.dataIsNotReady !== undefined) {
        asFollower = false;
        stale = false;
        continue;
      }
      if (asFollower && (regionError.regionNotFound !== undefined || regionError.flashbackInProgress !== undefined)) {
        asFollower = false;
        stale = false;
        continue;
      }
      const handled = await this.#handle(region, replica, address, regionError, backoffer);
      if (handled !== 'retry') return handled;
    }
  }

  /** Pauses as a miss demands, before the caller regroups. */
  async relocate(missed: RegionMiss, backoffer: Backoffer): Promise<void> {
    if (missed.atOnce) return;
    await backoffer.wait(
      'regionMiss',
      new Error(missed.error?.message || nameOf(missed.error) || 'the region has changed'),
    );
  }

  async #handle(
    region: Region,
    replica: Replica,
    address: string,
    error: Decoded<typeof RegionError>,
    backoffer: Backoffer,
  ): Promise<'retry' | RegionMiss> {
    const cause = new Error(`store ${replica.store.id}: ${error.message || nameOf(error)}`);
    const invalidate = (): RegionMiss => {
      this.#cache.invalidate(region);
      return miss(error, false);
    };
    if (error.undeterminedResult !== undefined) return { kind: 'miss', error, atOnce: false, undetermined: true };
    if (error.notLeader !== undefined) {
      const { leader } = error.notLeader;
      if (leader !== undefined && leader.id !== 0n) {
        if (!this.#cache.moveLeader(region, leader)) return invalidate();
        const store = region.replicas[region.leader]!.store;
        // At once: stores that name each other while they elect are bounded by the attempts at leaders.
        if (store.reachable) return 'retry';
      }
      await backoffer.wait('regionScheduling', cause);
      return this.#nextReplica(region) ? 'retry' : invalidate();
    }
    if (error.epochNotMatch !== undefined) {
      const { currentRegions } = error.epochNotMatch;
      if (currentRegions.length === 0) return invalidate();
      const own = currentRegions.find((one) => one.id === region.id);
      const epoch = own?.regionEpoch;
      if (epoch !== undefined && (epoch.version < region.version || epoch.confVer < region.confVer)) {
        await backoffer.wait('regionMiss', cause); // The store lags behind what we know.
        return 'retry';
      }
      await this.#cache.learn(currentRegions, replica.store.id, region, backoffer);
      return miss(error, true);
    }
    if (error.serverIsBusy !== undefined) {
      const { reason, backoffMs } = error.serverIsBusy;
      if (/deadline is exceeded/i.test(reason)) await backoffer.wait('tikvRPC', cause);
      else await backoffer.wait('tikvServerBusy', cause, backoffMs > 0n ? Math.max(Number(backoffMs), 100) : undefined);
      return 'retry';
    }
    if (error.storeNotMatch !== undefined) {
      this.#cache.markStoreDead(replica.store);
      this.#stores.disconnect(address);
      return invalidate();
    }
    if (error.raftEntryTooLarge !== undefined) {
      throw new TikvError(
        'too_large',
        `the request has ${error.raftEntryTooLarge.entrySize} bytes, more than a raft entry may have`,
      );
    }
    if (error.maxTimestampNotSynced !== undefined) return this.#pause('maxTsNotSynced', cause, backoffer);
    if (error.staleCommand !== undefined) return this.#pause('staleCommand', cause, backoffer);
    if (error.readIndexNotReady !== undefined || error.proposalInMergingMode !== undefined) {
      return this.#pause('regionScheduling', cause, backoffer);
    }
    if (error.regionNotInitialized !== undefined) return this.#pause('regionNotInitialized', cause, backoffer);
    if (error.diskFull !== undefined) return this.#pause('tikvDiskFull', cause, backoffer);
    if (error.recoveryInProgress !== undefined) {
      await backoffer.wait('regionRecoveryInProgress', cause);
      return invalidate();
    }
    if (error.isWitness !== undefined) {
      await backoffer.wait('isWitness', cause);
      return invalidate();
    }
    if (error.flashbackInProgress !== undefined || error.flashbackNotPrepared !== undefined) {
      throw new TikvError('region_unavailable', `region ${region.id} is in flashback`);
    }
    if (/invalid max_ts update/i.test(error.message)) {
      throw new TikvError('invalid_argument', `the timestamp lies in the future: ${error.message}`);
    }
    if (/deadline is exceeded/i.test(error.message)) return this.#pause('tikvRPC', cause, backoffer);
    // region_not_found, key_not_in_region, mismatch_peer_id, bucket versions, "TiKV is Closing" and what is unknown.
    return invalidate();
  }

  async #pause(kind: Parameters<Backoffer['wait']>[0], cause: Error, backoffer: Backoffer): Promise<'retry'> {
    await backoffer.wait(kind, cause);
    return 'retry';
  }

  async #afterRpcError(
    region: Region,
    replica: Replica,
    address: string,
    error: unknown,
    { backoffer }: SendOptions,
  ): Promise<void> {
    if (!(error instanceof RpcError)) throw error;
    if (backoffer.signal?.aborted === true) {
      throw new TikvError('cancelled', 'the operation was cancelled', { cause: backoffer.signal.reason });
    }
    switch (error.status) {
      case GrpcStatus.INVALID_ARGUMENT:
        throw new TikvError(/cluster/i.test(error.message) ? 'cluster_mismatch' : 'protocol', error.message, {
          cause: error,
        });
      case GrpcStatus.UNIMPLEMENTED:
        throw new TikvError('protocol', error.message, { cause: error });
      case GrpcStatus.UNAUTHENTICATED:
      case GrpcStatus.PERMISSION_DENIED:
        throw new TikvError('configuration', error.message, { cause: error });
      default:
    }
    if (error.status !== GrpcStatus.DEADLINE_EXCEEDED && !(await this.#stores.isReachable(address))) {
      replica.store.reachable = false;
      this.#probe(replica, address);
      // The leader may be elsewhere by now: ask the next replica, which knows.
      if (!this.#nextReplica(region)) this.#cache.invalidate(region);
    }
    await backoffer.wait('tikvRPC', error);
  }

  /** Every second, until the store answers; every thirty, its address is asked for again. */
  #probe(replica: Replica, address: string): void {
    const { store } = replica;
    if (this.#probing.has(store.id)) return;
    this.#probing.add(store.id);
    let attempts = 0;
    let at = address;
    const again = () => {
      this.#config.environment.timers.after(1_000, () => {
        void (async () => {
          if (this.#closed) return;
          if (++attempts % 30 === 0 || attempts === 2) {
            const resolved = await this.#pd.getStore(store.id, this.#pd.backoffer(1_000)).catch(() => undefined);
            if (resolved !== undefined && resolved.address !== at) {
              store.address = resolved.address;
              at = resolved.address;
            }
          }
          if (await this.#stores.isReachable(at)) {
            store.reachable = true;
            this.#probing.delete(store.id);
          } else again();
        })();
      });
    };
    again();
  }

  /** The replica after the leader's becomes the leader, reachable ones first. @returns false when all had their turn. */
  #nextReplica(region: Region): boolean {
    const count = region.replicas.length;
    for (const wantReachable of [true, false]) {
      for (let step = 1; step < count; step++) {
        const index = (region.leader + step) % count;
        if (wantReachable && !region.replicas[index]!.store.reachable) continue;
        region.leader = index;
        return true;
      }
    }
    return false;
  }

  #follower(region: Region, tried: ReadonlySet<bigint>): Replica | undefined {
    return region.replicas.find(
      (replica, index) => index !== region.leader && !tried.has(replica.peer.id) && replica.store.reachable,
    );
  }

  #context(
    region: Region,
    replica: Replica,
    options: SendOptions,
    how: { readonly retry: boolean; readonly asFollower: boolean; readonly stale: boolean },
  ): Init<typeof Context> {
    const timeoutMs = options.timeoutMs ?? this.#config.requestTimeoutMs;
    const executionMs = Math.max(1, Math.min(WRITE_EXECUTION_MS_MAX, Math.floor(timeoutMs * EXECUTION_SHARE)));
    return {
      regionId: region.id,
      regionEpoch: { confVer: region.confVer, version: region.version },
      peer: { id: replica.peer.id, storeId: replica.peer.storeId },
      apiVersion: this.#api.apiVersion,
      ...(this.#api.keyspaceId === undefined ? {} : { keyspaceId: this.#api.keyspaceId }),
      clusterId: this.#pd.clusterId,
      requestSource: this.#config.requestSource,
      isRetryRequest: how.retry,
      replicaRead: how.asFollower && !how.stale,
      staleRead: how.asFollower && how.stale,
      ...(options.writes === true ? { maxExecutionDurationMs: BigInt(executionMs) } : {}),
      ...options.context,
    };
  }
}

export const API_V1: ApiContext = { apiVersion: APIVersion.V1, keyspaceId: undefined };

function miss(error: Decoded<typeof RegionError> | undefined, atOnce: boolean): RegionMiss {
  return { kind: 'miss', error, atOnce, undetermined: false };
}

function nameOf(error: Decoded<typeof RegionError> | undefined): string {
  if (error === undefined) return 'stale region';
  for (const [name, value] of Object.entries(error)) if (name !== 'message' && value !== undefined) return name;
  return error.message === '' ? 'unknown' : error.message;
}
