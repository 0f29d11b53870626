/**
 * Stores and regions, with the arithmetic of epochs that TiKV has.
 *
 * Boundaries are kept as the requests' keys; `encoded` says whether region metadata shows them memcomparable (all but
 * RawKV of API V1). Regions cover the whole key space without gaps, in order.
 */

import { type KeyText, keyBytes, keyText, within } from '../src/bytes.ts';
import { assert } from '../src/errors.ts';
import { decodeMemcomparable, encodeMemcomparable } from '../src/memcomparable.ts';
import type { Peer, Region } from '../src/proto/metapb.ts';
import type { Init } from '../src/protobuf/message.ts';

export interface StoreState {
  readonly id: bigint;
  address: string;
  state: 'up' | 'down' | 'frozen' | 'tombstone';
  /** The newest read it knows to have been served: what it lets commit in one phase, or asynchronously, comes after. */
  maxTs: bigint;
}

export interface PeerState {
  readonly id: bigint;
  readonly storeId: bigint;
}

export type RegionInit = Pick<RegionState, 'id' | 'start' | 'end' | 'version' | 'confVer' | 'peers' | 'leader'>;

export class RegionState {
  readonly id: bigint;
  start: KeyText;
  /** Empty: unbounded. */
  end: KeyText;
  version: bigint;
  confVer: bigint;
  peers: PeerState[];
  /** Peers that PD reports as down. */
  readonly downPeers = new Set<bigint>();
  /** Reads may have been served elsewhere that the leader's store does not know of: `max-ts.ts`. */
  maxTsUnknown = false;
  /** Since when it has been asked for, while it is unknown. */
  maxTsAskedAtMs: number | undefined;
  #leader: PeerState | undefined;

  constructor(init: RegionInit) {
    this.id = init.id;
    this.start = init.start;
    this.end = init.end;
    this.version = init.version;
    this.confVer = init.confVer;
    this.peers = init.peers;
    this.#leader = init.leader;
  }

  /** Undefined while there is none. */
  get leader(): PeerState | undefined {
    return this.#leader;
  }

  set leader(leader: PeerState | undefined) {
    if (leader !== this.#leader) this.forgetMaxTs();
    this.#leader = leader;
  }

  forgetMaxTs(): void {
    this.maxTsUnknown = true;
    this.maxTsAskedAtMs = undefined;
  }
}

export class Topology {
  readonly encoded: boolean;
  readonly stores = new Map<bigint, StoreState>();
  /** By start key. */
  readonly regions: RegionState[] = [];
  /** Ranges that regions had, by id and version. */
  readonly #past = new Map<string, { readonly start: KeyText; readonly end: KeyText }>();
  #lastId = 0n;

  constructor(encoded: boolean) {
    this.encoded = encoded;
  }

  newId(): bigint {
    return ++this.#lastId;
  }

  addStore(address: string): StoreState {
    const store: StoreState = { id: this.newId(), address, state: 'up', maxTs: 0n };
    this.stores.set(store.id, store);
    return store;
  }

  /** The first region, of the whole key space, with a peer on every store. */
  bootstrap(): RegionState {
    assert(this.regions.length === 0, 'the cluster has regions already');
    const peers = [...this.stores.keys()].map((storeId) => ({ id: this.newId(), storeId }));
    const region = new RegionState({
      id: this.newId(),
      start: '',
      end: '',
      version: 1n,
      confVer: BigInt(peers.length),
      peers,
      leader: peers[0],
    });
    this.regions.push(region);
    return region;
  }

  regionOf(key: KeyText): RegionState {
    let low = 0;
    let high = this.regions.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.regions[middle]!.start <= key) low = middle;
      else high = middle - 1;
    }
    return this.regions[low]!;
  }

  regionById(id: bigint): RegionState | undefined {
    return this.regions.find((region) => region.id === id);
  }

  /** The range that a region has, or had at an earlier version. */
  rangeOf(id: bigint, version: bigint): { readonly start: KeyText; readonly end: KeyText } | undefined {
    return this.#past.get(`${id}:${version}`);
  }

  #remember(region: RegionState): void {
    this.#past.set(`${region.id}:${region.version}`, { start: region.start, end: region.end });
  }

  /** Regions that intersect [start, end). */
  regionsIn(start: KeyText, end: KeyText): RegionState[] {
    return this.regions.filter(
      (region) => (end === '' || region.start < end) && (region.end === '' || region.end > start),
    );
  }

  /**
   * Splits the region that holds the keys into n + 1. The version rises by n in all of them; the last keeps the id.
   * Keys that are boundaries already are left out.
   */
  split(keys: readonly KeyText[]): RegionState[] {
    const parent = this.regionOf(keys[0]!);
    const cuts = [...new Set(keys)].filter((key) => key > parent.start && within(key, parent.start, parent.end)).sort();
    if (cuts.length === 0) return [parent];
    this.#remember(parent);
    const version = parent.version + BigInt(cuts.length);
    const created: RegionState[] = [];
    let start = parent.start;
    for (const cut of cuts) {
      const peers = parent.peers.map(({ storeId }) => ({ id: this.newId(), storeId }));
      const leaderStore = parent.leader?.storeId;
      const region = new RegionState({
        id: this.newId(),
        start,
        end: cut,
        version,
        confVer: parent.confVer,
        peers,
        leader: peers.find((peer) => peer.storeId === leaderStore) ?? peers[0],
      });
      region.forgetMaxTs();
      created.push(region);
      start = cut;
    }
    const index = this.regions.indexOf(parent);
    parent.start = start;
    parent.version = version;
    this.regions.splice(index, 0, ...created);
    return [...created, parent];
  }

  /** Merges the region after `target` into it. @returns undefined when there is none. */
  mergeNext(target: RegionState): RegionState | undefined {
    const index = this.regions.indexOf(target);
    const source = this.regions[index + 1];
    if (index < 0 || source === undefined) return undefined;
    this.#remember(target);
    const sourceVersion = source.version + 1n;
    target.version = (sourceVersion > target.version ? sourceVersion : target.version) + 1n;
    target.end = source.end;
    target.forgetMaxTs();
    this.regions.splice(index + 1, 1);
    return target;
  }

  transferLeader(region: RegionState, storeId: bigint): void {
    const peer = region.peers.find((one) => one.storeId === storeId);
    assert(peer !== undefined, `region ${region.id} has no peer on store ${storeId}`);
    region.leader = peer;
  }

  addPeer(region: RegionState, storeId: bigint): void {
    region.peers.push({ id: this.newId(), storeId });
    region.confVer += 1n;
  }

  removePeer(region: RegionState, storeId: bigint): void {
    region.peers = region.peers.filter((peer) => peer.storeId !== storeId);
    region.confVer += 1n;
    if (region.leader?.storeId === storeId) region.leader = region.peers[0];
  }

  /** As in region metadata: empty stays empty. */
  boundary(key: KeyText): Buffer {
    return key === '' || !this.encoded ? keyBytes(key) : encodeMemcomparable(keyBytes(key));
  }

  /** A key of a request to PD. Empty means unbounded. @throws TikvError when it is not encoded but should be. */
  fromPd(key: Uint8Array): KeyText {
    return key.length === 0 || !this.encoded ? keyText(key) : keyText(decodeMemcomparable(key));
  }

  describe(region: RegionState): Init<typeof Region> {
    return {
      id: region.id,
      startKey: this.boundary(region.start),
      endKey: this.boundary(region.end),
      regionEpoch: { confVer: region.confVer, version: region.version },
      peers: region.peers.map(describePeer),
    };
  }
}

export function describePeer(peer: PeerState): Init<typeof Peer> {
  return { id: peer.id, storeId: peer.storeId };
}
