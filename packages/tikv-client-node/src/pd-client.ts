/**
 * PD: who leads, where regions and stores are, timestamps, safe points.
 *
 * Endpoints are where to begin; from then on the members that PD names are asked. Every call goes to the leader with the
 * cluster's id; an answer that says "not leader", or none, makes the client look for the leader anew and try again, until
 * the caller's budget is used up. A cluster id that differs from the first one seen is final.
 *
 * A member that did not answer is asked for its health every second until it does. Of several URLs of one member those of
 * the transport's scheme are used, and of the leader's the first that is not known to be silent.
 */

import type { Backoffer } from './backoff.ts';
import { Backoffer as Backoff, BUDGET } from './backoff.ts';
import type { ClientConfig } from './config.ts';
import { messageOf, TikvError } from './errors.ts';
import { isServing } from './health.ts';
import * as methods from './methods.ts';
import type { Store } from './proto/metapb.ts';
import { NodeState, StoreState } from './proto/metapb.ts';
import type { KeyspaceMeta, ResponseHeader } from './proto/pdpb.ts';
import { KeyspaceState, type RegionWithLeader } from './proto/pdpb.ts';
import type { Decoded, Fields, Init, MessageType } from './protobuf/message.ts';
import { TimestampBatcher } from './timestamp-batcher.ts';
import { type Connection, GrpcStatus, RpcError } from './transport.ts';

const CALL_TIMEOUT_MS = 3_000;
const MEMBERS_TIMEOUT_MS = 1_000;
const REFRESH_MS = 60_000;
const PROBE_MS = 1_000;

const NOT_LEADER = [
  'not leader',
  'no leader',
  'is not served',
  'not primary',
  'mismatch callee id',
  'server not started',
];

export class PdClient {
  readonly #config: ClientConfig;
  readonly #connections = new Map<string, Connection>();
  readonly timestamps: TimestampBatcher;
  #endpoints: readonly string[];
  #leader: string | undefined;
  /** Why the members could not be asked for their leader the last time. */
  #noLeader: unknown;
  #clusterId: bigint | undefined;
  #refreshing: Promise<void> | undefined;
  #refreshTimer: { cancel(): void } | undefined;
  readonly #silent = new Set<string>();
  #batchScan = true;
  #closed = false;

  constructor(config: ClientConfig) {
    this.#config = config;
    this.#endpoints = config.pdEndpoints.map(plain);
    this.timestamps = new TimestampBatcher(config.environment, config.hooks, {
      leader: () => this.#leaderConnection(),
      header: () => this.#header(),
    });
  }

  get clusterId(): bigint {
    return this.#clusterId ?? 0n;
  }

  /** Members as last seen. */
  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  get leader(): string | undefined {
    return this.#leader;
  }

  /** Endpoints that did not answer when they were last asked. */
  get silent(): readonly string[] {
    return [...this.#silent];
  }

  /** @throws TikvError `pd_unavailable`, `cluster_mismatch`. */
  async connect(signal?: AbortSignal): Promise<void> {
    const backoffer = this.backoffer(BUDGET.locate, signal);
    for (;;) {
      try {
        await this.refresh();
        break;
      } catch (error) {
        if (error instanceof TikvError && error.code === 'cluster_mismatch') throw error;
        await backoffer.wait('pdRPC', error);
      }
    }
    this.#scheduleRefresh();
  }

  backoffer(budgetMs: number, signal?: AbortSignal): Backoffer {
    return new Backoff(this.#config.environment, budgetMs * this.#config.backoffWeight, signal, this.#config.hooks);
  }

  /** A timestamp granted after this call was made. @throws TikvError `pd_unavailable`. */
  timestamp(signal?: AbortSignal): Promise<bigint> {
    return this.#timestamp(() => this.timestamps.next(), signal);
  }

  /** As `timestamp`, shared with others who ask at the same time: for reading only. */
  readTimestamp(): Promise<bigint> {
    return this.#timestamp(() => this.timestamps.shared(), undefined);
  }

  async #timestamp(next: () => Promise<bigint>, signal: AbortSignal | undefined): Promise<bigint> {
    const backoffer = this.backoffer(BUDGET.timestamp, signal);
    for (;;) {
      this.#assertOpen();
      try {
        return await next();
      } catch (error) {
        fatal(error);
        this.#suspect(error);
        await this.#pause(backoffer, error);
      }
    }
  }

  async getRegion(key: Uint8Array, backoffer: Backoffer): Promise<RegionWithLeader | undefined> {
    return regionOf(await this.#call(methods.GetRegion, { regionKey: key }, backoffer));
  }

  async getPreviousRegion(key: Uint8Array, backoffer: Backoffer): Promise<RegionWithLeader | undefined> {
    return regionOf(await this.#call(methods.GetPrevRegion, { regionKey: key }, backoffer));
  }

  async getRegionById(regionId: bigint, backoffer: Backoffer): Promise<RegionWithLeader | undefined> {
    return regionOf(await this.#call(methods.GetRegionByID, { regionId }, backoffer));
  }

  /** In key order; may have holes. An empty end is unbounded. */
  async scanRegions(
    start: Uint8Array,
    end: Uint8Array,
    limit: number,
    backoffer: Backoffer,
  ): Promise<readonly RegionWithLeader[]> {
    if (this.#batchScan) {
      try {
        const ranges = [{ startKey: start, endKey: end }];
        return (await this.#call(methods.BatchScanRegions, { ranges, limit }, backoffer)).regions;
      } catch (error) {
        if (!isUnimplemented(error)) throw error;
        this.#batchScan = false;
      }
    }
    const answer = await this.#call(methods.ScanRegions, { startKey: start, endKey: end, limit }, backoffer);
    if (answer.regions.length > 0) return answer.regions;
    return answer.regionMetas.map((region, index) => {
      const leader = answer.leaders[index];
      return {
        region,
        leader: leader?.id === 0n ? undefined : leader,
        downPeers: [],
        pendingPeers: [],
        buckets: undefined,
      };
    });
  }

  /** @returns undefined for a store that PD does not know, or no longer. */
  async getStore(storeId: bigint, backoffer: Backoffer): Promise<Store | undefined> {
    const answer = await this.#call(methods.GetStore, { storeId }, backoffer, { headerErrors: true });
    const { store } = answer;
    if (store === undefined || answer.header?.error !== undefined) return undefined;
    return store.state === StoreState.Tombstone || store.nodeState === NodeState.Removed ? undefined : store;
  }

  async getAllStores(backoffer: Backoffer): Promise<readonly Store[]> {
    return (await this.#call(methods.GetAllStores, { excludeTombstoneStores: true }, backoffer)).stores;
  }

  async gcSafePoint(backoffer: Backoffer): Promise<bigint> {
    return (await this.#call(methods.GetGCSafePoint, {}, backoffer)).safePoint;
  }

  /** @returns the one in effect, which never decreases. */
  async updateGcSafePoint(safePoint: bigint, backoffer: Backoffer): Promise<bigint> {
    return (await this.#call(methods.UpdateGCSafePoint, { safePoint }, backoffer)).newSafePoint;
  }

  /** Registers a lower bound. @returns the minimum over all services: greater than what was asked means refused. */
  async updateServiceSafePoint(
    service: string,
    safePoint: bigint,
    ttlSeconds: bigint,
    backoffer: Backoffer,
  ): Promise<bigint> {
    const request = { serviceId: Buffer.from(service), ttl: ttlSeconds, safePoint };
    return (await this.#call(methods.UpdateServiceGCSafePoint, request, backoffer)).minSafePoint;
  }

  async scatterRegion(regionId: bigint, backoffer: Backoffer): Promise<void> {
    await this.#call(methods.ScatterRegion, { regionId, regionsId: [regionId] }, backoffer);
  }

  /** @throws TikvError `configuration` when there is no such keyspace, or it is not enabled. */
  async loadKeyspace(name: string, backoffer: Backoffer): Promise<KeyspaceMeta> {
    const answer = await this.#call(methods.LoadKeyspace, { name }, backoffer, { headerErrors: true });
    const { keyspace } = answer;
    if (answer.header?.error !== undefined || keyspace === undefined) {
      throw new TikvError('configuration', `keyspace ${name}: ${answer.header?.error?.message ?? 'not found'}`);
    }
    if (keyspace.state !== KeyspaceState.ENABLED)
      throw new TikvError('configuration', `keyspace ${name} is not enabled`);
    return keyspace;
  }

  /** Asks the members who they are and who leads. @throws TikvError `pd_unavailable`, `cluster_mismatch`. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#refreshTimer?.cancel();
    this.timestamps.close();
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  async #refresh(): Promise<void> {
    // A leader that was heard of lately first; a member that hangs must not hold up the others.
    const endpoints = [...new Set([...this.#endpoints, ...this.#config.pdEndpoints.map(plain)])];
    const failures: string[] = [];
    let mismatch: TikvError | undefined;
    const attempts = endpoints.map(async (endpoint) => {
      try {
        const request = methods.GetMembers.request.encode({});
        const bytes = await this.#connection(endpoint).call(methods.GetMembers.path, request, {
          timeoutMs: MEMBERS_TIMEOUT_MS,
        });
        const answer = methods.GetMembers.response.decode(bytes);
        const clusterId = answer.header?.clusterId ?? 0n;
        if (this.#clusterId !== undefined && this.#clusterId !== clusterId) {
          mismatch = new TikvError(
            'cluster_mismatch',
            `${endpoint} belongs to cluster ${clusterId}, not to ${this.#clusterId}`,
          );
          throw mismatch;
        }
        this.#clusterId = clusterId;
        this.#silent.delete(endpoint);
        const leader = this.#urlsOf(answer.leader?.clientUrls ?? []);
        if (leader.length === 0) throw new Error('knows no leader');
        const members = answer.members.flatMap((member) => this.#urlsOf(member.clientUrls));
        return { leader, members };
      } catch (error) {
        this.#suspect(error);
        const message = messageOf(error);
        failures.push(message.includes(endpoint) ? message : `${endpoint}: ${message}`);
        throw error;
      }
    });
    // The first time all must agree, so all are waited for.
    if (this.#clusterId === undefined) {
      await Promise.allSettled(attempts);
      if (mismatch !== undefined) {
        this.#clusterId = undefined;
        throw mismatch;
      }
    }
    let found: { readonly leader: readonly string[]; readonly members: readonly string[] };
    try {
      found = await Promise.any(attempts);
    } catch {
      if (mismatch !== undefined) throw mismatch;
      throw new TikvError('pd_unavailable', `no PD member names a leader: ${failures.sort().join('; ')}`);
    }
    if (this.#closed) return;
    this.#endpoints = [...new Set(found.members)].sort();
    const answering = found.leader.filter((url) => !this.#silent.has(url));
    // One of several URLs that works is kept.
    const leader = answering.find((url) => url === this.#leader) ?? answering[0] ?? found.leader[0]!;
    if (leader !== this.#leader) {
      this.#leader = leader;
      this.timestamps.leaderChanged();
    }
  }

  /** Those that the transport speaks; all where none says so. */
  #urlsOf(urls: readonly string[]): readonly string[] {
    const { scheme } = this.#config.transport;
    const spoken = urls.filter((url) => scheme !== undefined && url.startsWith(`${scheme}://`));
    return (spoken.length > 0 ? spoken : urls).map(plain);
  }

  /** Whoever gave no answer is asked for its health, until it gives one. */
  #suspect(error: unknown): void {
    if (!(error instanceof RpcError) || isNotLeader(error)) return;
    if (error.status !== GrpcStatus.UNAVAILABLE && error.status !== GrpcStatus.DEADLINE_EXCEEDED) return;
    const { address } = error;
    if (this.#silent.has(address) || !this.#isEndpoint(address)) return;
    this.#silent.add(address);
    this.#probe(address);
  }

  #isEndpoint(address: string): boolean {
    return this.#endpoints.includes(address) || this.#config.pdEndpoints.some((one) => plain(one) === address);
  }

  #probe(endpoint: string): void {
    this.#config.environment.timers.after(PROBE_MS, () => {
      // It may have answered in the meantime, or left the cluster.
      if (this.#closed || !this.#silent.has(endpoint)) return;
      if (!this.#isEndpoint(endpoint)) {
        this.#silent.delete(endpoint);
        return;
      }
      void isServing(this.#connection(endpoint)).then((serving) => {
        if (this.#closed) return;
        if (!serving) {
          this.#probe(endpoint);
          return;
        }
        this.#silent.delete(endpoint);
        // Who leads may have been unknown, or have been reached by a detour.
        if (this.#leader === undefined || this.#silent.has(this.#leader)) void this.#tryRefresh().catch(() => {});
      });
    });
  }

  #scheduleRefresh(): void {
    this.#refreshTimer = this.#config.environment.timers.after(REFRESH_MS, () => {
      void this.#tryRefresh().then(() => {
        if (!this.#closed) this.#scheduleRefresh();
      });
    });
  }

  /** Whether or not it succeeds: the next call tells. */
  async #tryRefresh(): Promise<void> {
    try {
      await this.refresh();
      this.#noLeader = undefined;
    } catch (error) {
      fatal(error);
      this.#noLeader = error;
    }
  }

  /** After a call that failed. The first time it is short, as the leader has changed, most likely. */
  async #pause(backoffer: Backoffer, error: unknown): Promise<void> {
    const maxMs = isNotLeader(error) && backoffer.attempts('pdRPC') === 0 ? 20 : undefined;
    await backoffer.wait('pdRPC', this.#noLeader ?? error, maxMs);
    await this.#tryRefresh();
  }

  async #call<Q extends Fields, S extends Fields>(
    method: methods.Method<Q, S>,
    request: Omit<Init<MessageType<Q>>, 'header'>,
    backoffer: Backoffer,
    options: { readonly headerErrors?: boolean } = {},
  ): Promise<Decoded<MessageType<S>>> {
    for (;;) {
      this.#assertOpen();
      try {
        const bytes = method.request.encode({ ...request, header: this.#header() } as unknown as Init<MessageType<Q>>);
        const leader = this.#leaderConnection();
        const signal = backoffer.signal;
        const response = await leader.call(method.path, bytes, { timeoutMs: CALL_TIMEOUT_MS, signal });
        const answer = method.response.decode(response);
        const error = (answer as { header?: Decoded<typeof ResponseHeader> }).header?.error;
        if (error !== undefined && error.type !== 0 && options.headerErrors !== true) {
          throw new Error(`${method.name} of ${leader.address}: ${error.message}`);
        }
        return answer;
      } catch (error) {
        fatal(error);
        if (isUnimplemented(error)) throw error;
        this.#suspect(error);
        await this.#pause(backoffer, error);
      }
    }
  }

  #header(): { readonly clusterId: bigint } {
    return { clusterId: this.#clusterId ?? 0n };
  }

  #leaderConnection(): Connection {
    const leader = this.#leader;
    if (leader === undefined) throw new TikvError('pd_unavailable', `no leader among ${this.#endpoints.join(', ')}`);
    return this.#connection(leader);
  }

  #connection(endpoint: string): Connection {
    let connection = this.#connections.get(endpoint);
    if (connection === undefined) {
      connection = this.#config.transport.connect(endpoint);
      this.#connections.set(endpoint, connection);
    }
    return connection;
  }

  #assertOpen(): void {
    if (this.#closed) throw new TikvError('closed', 'the client is closed');
  }
}

/** Rethrows what no repetition changes. */
function fatal(error: unknown): void {
  if (
    error instanceof TikvError &&
    (error.code === 'cluster_mismatch' || error.code === 'closed' || error.code === 'protocol')
  ) {
    throw error;
  }
  if (!(error instanceof RpcError)) return;
  switch (error.status) {
    case GrpcStatus.FAILED_PRECONDITION:
      throw new TikvError('cluster_mismatch', error.message, { cause: error });
    case GrpcStatus.UNAUTHENTICATED:
    case GrpcStatus.PERMISSION_DENIED:
      throw new TikvError('configuration', error.message, { cause: error });
    default:
  }
}

function isNotLeader(error: unknown): boolean {
  return error instanceof RpcError && NOT_LEADER.some((text) => error.message.includes(text));
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof RpcError && error.status === GrpcStatus.UNIMPLEMENTED;
}

function regionOf(answer: Decoded<typeof methods.GetRegion.response>): RegionWithLeader | undefined {
  const { region, leader, downPeers, pendingPeers, buckets } = answer;
  if (region === undefined || region.id === 0n) return undefined;
  return { region, leader: leader?.id === 0n ? undefined : leader, downPeers, pendingPeers, buckets };
}

function plain(endpoint: string): string {
  return endpoint.replace(/^https?:\/\//, '').replace(/\/+$/, '');
}
