/**
 * A TiKV cluster in one process: PD members, stores, and the controls of a test over them.
 *
 * It speaks the real protocol, byte for byte, over any carrier: `in-process-transport.ts` on virtual time, or
 * `node/grpc-server.ts` over TCP. It is stricter than the real thing: epochs must match exactly, keys must lie in their
 * region, a prewrite after a rollback is always refused, batch answers come in any order, safe points collect at once.
 * Data exists once for all replicas: replication is modelled, not executed. What it leaves out: coprocessor, flashback,
 * pipelined transactions, TiFlash, the GC states of releases after 8.5.
 */

import { type KeyText, keyText } from '../src/bytes.ts';
import type { Environment } from '../src/environment.ts';
import { assert } from '../src/errors.ts';
import type { ClusterMode, ClusterState } from './cluster-state.ts';
import { Faults } from './faults.ts';
import { raise } from './max-ts.ts';
import { MvccData } from './mvcc-data.ts';
import { PdService } from './pd-service.ts';
import { PessimisticLocks } from './pessimistic-locks.ts';
import { RawData } from './raw-data.ts';
import type { Service } from './service.ts';
import { StoreService } from './store-service.ts';
import { type RegionState, type StoreState, Topology } from './topology.ts';
import { TimestampOracle } from './tso.ts';
import { SeededRandom } from './virtual-time.ts';

export interface TestClusterOptions {
  readonly environment: Environment;
  /** Default `txn`. */
  readonly mode?: ClusterMode;
  /** Default 3. */
  readonly stores?: number;
  /** Default 3. */
  readonly pdMembers?: number;
  /** Shuffles the answers of batches; undefined: in order. */
  readonly disorderSeed?: number;
  /** Default 7,001. */
  readonly clusterId?: bigint;
}

export class TestCluster {
  readonly state: ClusterState;
  readonly #services = new Map<string, Service>();
  readonly #pds: PdService[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(options: TestClusterOptions) {
    const { environment, mode = 'txn', stores = 3, pdMembers = 3 } = options;
    const topology = new Topology(mode === 'txn' || mode === 'v2');
    const data = new MvccData();
    this.state = {
      mode,
      clusterId: options.clusterId ?? 7_001n,
      environment,
      disorder: options.disorderSeed === undefined ? undefined : new SeededRandom(options.disorderSeed),
      topology,
      data,
      raw: new RawData(environment),
      locks: new PessimisticLocks(data, environment),
      tso: new TimestampOracle(environment),
      faults: new Faults(),
      keyspaces: new Map([['DEFAULT', 0]]),
      maxTsSyncMs: 1,
      gcSafePoint: 0n,
      serviceSafePoints: new Map(),
      pd: { addresses: [], clientUrls: new Map(), leader: 0, down: new Set(), old: false, tsoDelayMs: 0 },
    };
    for (let i = 0; i < pdMembers; i++) {
      this.state.pd.addresses.push(`pd${i}:2379`);
      this.#pds.push(new PdService(this.state, i));
    }
    for (let i = 0; i < stores; i++) topology.addStore(`tikv${i}:20160`);
    topology.bootstrap();
    this.#index();
  }

  get faults(): Faults {
    return this.state.faults;
  }

  get pdAddresses(): readonly string[] {
    return this.state.pd.addresses;
  }

  get stores(): readonly StoreState[] {
    return [...this.state.topology.stores.values()];
  }

  get regions(): readonly RegionState[] {
    return this.state.topology.regions;
  }

  /** Who serves an address now; undefined: nobody listens. */
  serviceAt(address: string): Service | undefined {
    const pd = this.state.pd.addresses.indexOf(address);
    if (pd >= 0 && this.state.pd.down.has(pd)) return undefined;
    const store = this.stores.find((one) => one.address === address);
    if (store?.state === 'down' || store?.state === 'tombstone') return undefined;
    return this.#services.get(address);
  }

  /** `changed` is called whenever `serviceAt` may answer otherwise than before. @returns what ends that. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  /** As if every store had served a read at `ts`. */
  observeRead(ts: bigint): void {
    for (const store of this.stores) raise(store, ts);
  }

  regionOf(key: string | Uint8Array): RegionState {
    return this.state.topology.regionOf(asKey(key));
  }

  /** Splits at keys, as users write them. */
  split(...keys: readonly (string | Uint8Array)[]): void {
    const byRegion = new Map<RegionState, KeyText[]>();
    for (const key of keys.map(asKey)) {
      const region = this.state.topology.regionOf(key);
      byRegion.set(region, [...(byRegion.get(region) ?? []), key]);
    }
    for (const cuts of byRegion.values()) this.state.topology.split(cuts);
  }

  /** Merges the region of `key` with the next one. */
  mergeNext(key: string | Uint8Array): void {
    this.state.topology.mergeNext(this.regionOf(key));
    this.state.locks.wake();
  }

  /** The leader moves to the next store that has a peer, or to `storeId`. */
  transferLeader(key: string | Uint8Array, storeId?: bigint): void {
    const region = this.regionOf(key);
    const index = region.peers.findIndex((peer) => peer.id === region.leader?.id);
    const to = storeId ?? region.peers[(index + 1) % region.peers.length]!.storeId;
    this.state.topology.transferLeader(region, to);
  }

  /** Nobody listens any more at the store's address; its leaders move when `elect` is set (the default). */
  stopStore(storeId: bigint, elect = true): void {
    this.#store(storeId).state = 'down';
    for (const region of elect ? this.regions : []) {
      if (region.leader?.storeId !== storeId) continue;
      region.leader = region.peers.find((peer) => this.#store(peer.storeId).state === 'up');
    }
    this.#changed();
  }

  startStore(storeId: bigint): void {
    this.#store(storeId).state = 'up';
    for (const region of this.regions) region.leader ??= region.peers.find((peer) => peer.storeId === storeId);
    this.#changed();
  }

  freezeStore(storeId: bigint): void {
    this.#store(storeId).state = 'frozen';
  }

  moveStore(storeId: bigint, address: string): void {
    this.#store(storeId).address = address;
    this.#index();
  }

  /** PD member `index` goes on telling the regions as they are now, until `false`. */
  stalePd(index: number, stale = true): void {
    const pd = this.#pds[index]!;
    pd.staleRegions = stale ? this.regions.map((region) => pd.describe(region)) : undefined;
  }

  /** Nobody listens any more at the member's address. Who leads stays as it is. */
  stopPd(index: number): void {
    this.state.pd.down.add(index);
    this.#changed();
  }

  startPd(index: number): void {
    this.state.pd.down.delete(index);
    this.#changed();
  }

  movePd(index: number, address: string): void {
    this.state.pd.addresses[index] = address;
    this.#index();
  }

  #store(id: bigint): StoreState {
    const store = this.state.topology.stores.get(id);
    assert(store !== undefined, `there is no store ${id}`);
    return store;
  }

  #index(): void {
    this.#services.clear();
    for (const [index, address] of this.state.pd.addresses.entries()) this.#services.set(address, this.#pds[index]!);
    for (const store of this.stores) this.#services.set(store.address, new StoreService(this.state, store));
    this.#changed();
  }

  #changed(): void {
    for (const changed of this.#watchers) changed();
  }
}

function asKey(key: string | Uint8Array): KeyText {
  return typeof key === 'string' ? keyText(Buffer.from(key, 'utf8')) : keyText(key);
}
