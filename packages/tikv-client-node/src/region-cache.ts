/**
 * Which region holds a key, and which stores hold the region.
 *
 * Entries come from PD and from what stores tell in `EpochNotMatch`; an entry never replaces newer knowledge, for PD may
 * lag behind. An entry is immutable but for its leader and a flag: who found it wrong marks it invalid, and the next
 * lookup asks PD. A store judged dead invalidates all its regions at once, by a counter.
 *
 * Keys here are request keys; the storage encoding of region metadata ends at this file.
 */

import type { Backoffer } from './backoff.ts';
import { type KeyText, keyBytes, keyText, within } from './bytes.ts';
import type { ClientConfig } from './config.ts';
import { isTikvError } from './errors.ts';
import { decodeMemcomparable, encodeMemcomparable } from './memcomparable.ts';
import type { PdClient } from './pd-client.ts';
import type { Peer, Region as RegionMeta } from './proto/metapb.ts';
import type { RegionWithLeader } from './proto/pdpb.ts';
import { Singleflight } from './singleflight.ts';

const TTL_JITTER = 0.1;
const STORE_TTL_MS = 15_000;
const REGIONS_PER_SCAN = 128;

export interface StoreEntry {
  readonly id: bigint;
  address: string;
  /** Counts how often the store was judged dead. */
  epoch: number;
  /** The address may be another's: ask PD before the next use. */
  needsCheck: boolean;
  resolvedAtMs: number;
  reachable: boolean;
}

export interface Replica {
  readonly peer: Peer;
  readonly store: StoreEntry;
  readonly storeEpoch: number;
}

export class Region {
  readonly id: bigint;
  readonly start: KeyText;
  /** Empty: unbounded. */
  readonly end: KeyText;
  readonly version: bigint;
  readonly confVer: bigint;
  readonly replicas: readonly Replica[];
  readonly expiresAtMs: number;
  leader: number;
  invalid = false;

  constructor(
    meta: RegionMeta,
    range: { readonly start: KeyText; readonly end: KeyText },
    replicas: readonly Replica[],
    leader: number,
    expiresAtMs: number,
  ) {
    this.id = meta.id;
    this.start = range.start;
    this.end = range.end;
    this.version = meta.regionEpoch?.version ?? 0n;
    this.confVer = meta.regionEpoch?.confVer ?? 0n;
    this.replicas = replicas;
    this.leader = leader;
    this.expiresAtMs = expiresAtMs;
  }

  contains(key: KeyText): boolean {
    return within(key, this.start, this.end);
  }
}

export class RegionCache {
  readonly #config: ClientConfig;
  readonly #pd: PdClient;
  /** By start key; ranges do not overlap. */
  readonly #sorted: Region[] = [];
  readonly #byId = new Map<bigint, Region>();
  readonly #stores = new Map<bigint, StoreEntry>();
  readonly #loading = new Singleflight<Region>();
  readonly #encoded: boolean;

  /** `encoded`: region metadata is memcomparable; false for RawKV of API V1 alone. */
  constructor(config: ClientConfig, pd: PdClient, encoded: boolean) {
    this.#config = config;
    this.#pd = pd;
    this.#encoded = encoded;
  }

  get size(): number {
    return this.#sorted.length;
  }

  get stores(): readonly StoreEntry[] {
    return [...this.#stores.values()];
  }

  /** The cached region of a key, when it may still be used. */
  peek(key: KeyText): Region | undefined {
    const region = this.#floor(key);
    return region?.contains(key) && this.isValid(region) ? region : undefined;
  }

  /** @throws TikvError `pd_unavailable`, `region_unavailable`. */
  async locate(key: KeyText, backoffer: Backoffer): Promise<Region> {
    const cached = this.peek(key);
    if (cached !== undefined) {
      this.#config.hooks.onRegionCache?.('hit');
      return cached;
    }
    this.#config.hooks.onRegionCache?.('miss');
    return this.#shared(`at ${key}`, () => this.#load(key, false, backoffer), backoffer);
  }

  /** The region of the keys just below `key`; empty: of the last keys. */
  async locateEnd(key: KeyText, backoffer: Backoffer): Promise<Region> {
    const cached = key === '' ? this.#sorted[this.#sorted.length - 1] : this.#below(key);
    if (cached !== undefined && endsAtOrAfter(cached, key) && this.isValid(cached)) return cached;
    return this.#shared(`below ${key}`, () => this.#load(key, true, backoffer), backoffer);
  }

  /** One question to PD for all who ask it; whoever began it may give up, the others then go on. */
  async #shared(what: string, load: () => Promise<Region>, backoffer: Backoffer): Promise<Region> {
    for (;;) {
      try {
        return await this.#loading.run(what, load);
      } catch (error) {
        if (!isTikvError(error, 'cancelled') || backoffer.signal?.aborted === true) throw error;
      }
    }
  }

  /** Whether this very entry may still be used. */
  isValid(region: Region): boolean {
    return (
      !region.invalid &&
      region.expiresAtMs > this.#config.environment.clock.monotonicMs() &&
      region.replicas[region.leader]!.storeEpoch === region.replicas[region.leader]!.store.epoch
    );
  }

  invalidate(region: Region): void {
    region.invalid = true;
  }

  /** Splits sorted keys by region. @throws as `locate`. */
  async group(keys: readonly KeyText[], backoffer: Backoffer): Promise<readonly { region: Region; keys: KeyText[] }[]> {
    const groups: { region: Region; keys: KeyText[] }[] = [];
    for (const key of keys) {
      const last = groups[groups.length - 1];
      if (last?.region.contains(key)) last.keys.push(key);
      else groups.push({ region: await this.locate(key, backoffer), keys: [key] });
    }
    return groups;
  }

  /** All regions of [start, end), in order, without holes. @throws as `locate`. */
  async cover(start: KeyText, end: KeyText, backoffer: Backoffer): Promise<readonly Region[]> {
    const regions: Region[] = [];
    for (let at = start; ; ) {
      let region = this.peek(at);
      if (region === undefined) {
        await this.#loadRange(at, end, backoffer);
        region = await this.locate(at, backoffer);
      }
      regions.push(region);
      if (region.end === '' || (end !== '' && region.end >= end)) return regions;
      at = region.end;
    }
  }

  /** A store says that the leader is elsewhere. @returns false when it is no replica that we know. */
  moveLeader(region: Region, peer: Peer): boolean {
    const index = region.replicas.findIndex((replica) => replica.peer.id === peer.id);
    if (index < 0) return false;
    region.leader = index;
    return true;
  }

  /** Regions as a store knows them, which led `staleRegion`. */
  async learn(
    metas: readonly RegionMeta[],
    leaderStoreId: bigint,
    staleRegion: Region,
    backoffer: Backoffer,
  ): Promise<void> {
    const regions: Region[] = [];
    for (const meta of metas) {
      const leader = meta.peers.find((peer) => peer.storeId === leaderStoreId);
      const region = await this.#build(
        { region: meta, leader, downPeers: [], pendingPeers: [], buckets: undefined },
        backoffer,
      );
      if (region !== undefined) regions.push(region);
    }
    this.invalidate(staleRegion);
    for (const region of regions) this.#insert(region);
  }

  /** All regions with a replica there are looked up anew, and their leaders may be elsewhere. */
  markStoreDead(store: StoreEntry): void {
    store.epoch++;
    store.needsCheck = true;
  }

  /** The address now; undefined when the store is gone. */
  async resolveStore(store: StoreEntry, backoffer: Backoffer): Promise<string | undefined> {
    const nowMs = this.#config.environment.clock.monotonicMs();
    if (!store.needsCheck && nowMs - store.resolvedAtMs < STORE_TTL_MS) return store.address;
    if (!store.needsCheck) {
      // Old, but good until PD says otherwise: nobody waits for it.
      store.resolvedAtMs = nowMs;
      void this.#refreshStore(store, backoffer.fork(undefined)).catch((error: unknown) =>
        this.#config.hooks.onBackground?.('store address', error),
      );
      return store.address;
    }
    return this.#refreshStore(store, backoffer);
  }

  encode(key: KeyText): Buffer {
    return this.#encoded ? encodeMemcomparable(keyBytes(key)) : keyBytes(key);
  }

  decode(boundary: Uint8Array): KeyText {
    return boundary.length === 0 || !this.#encoded ? keyText(boundary) : keyText(decodeMemcomparable(boundary));
  }

  async #refreshStore(store: StoreEntry, backoffer: Backoffer): Promise<string | undefined> {
    const found = await this.#pd.getStore(store.id, backoffer);
    if (found === undefined) {
      this.#stores.delete(store.id);
      store.epoch++;
      return undefined;
    }
    store.needsCheck = false;
    store.resolvedAtMs = this.#config.environment.clock.monotonicMs();
    store.address = found.address;
    return store.address;
  }

  async #load(key: KeyText, below: boolean, backoffer: Backoffer): Promise<Region> {
    for (;;) {
      const cached = below ? undefined : this.peek(key);
      if (cached !== undefined) return cached;
      const found = await this.#ask(key, below, backoffer);
      const region = found === undefined ? undefined : await this.#build(found, backoffer);
      if (region !== undefined && (below ? endsAtOrAfter(region, key) : region.contains(key))) {
        const newest = this.#insert(region);
        if (newest === region) return region;
        // PD lags behind what stores have told: what is cached counts, if it covers the key and stands.
        const current = below ? this.#below(key) : this.peek(key);
        if (current !== undefined && this.isValid(current) && (below ? endsAtOrAfter(current, key) : true))
          return current;
        this.#config.hooks.onRegionCache?.('stale');
      }
      await backoffer.wait(
        'pdRPC',
        new Error('PD knows no usable region of the key yet'),
        100 * 2 ** backoffer.attempts('pdRPC'),
      );
    }
  }

  async #ask(key: KeyText, below: boolean, backoffer: Backoffer): Promise<RegionWithLeader | undefined> {
    if (!below) return this.#pd.getRegion(this.encode(key), backoffer);
    if (key === '') {
      // No key is the greatest: the last region is found from the start key of what PD lists last.
      let last: RegionWithLeader | undefined;
      for (let start = this.encode(this.#sorted[this.#sorted.length - 1]?.start ?? ''); ; ) {
        const regions = await this.#pd.scanRegions(start, Buffer.alloc(0), REGIONS_PER_SCAN, backoffer);
        last = regions[regions.length - 1] ?? last;
        if (last === undefined || last.region?.endKey.length === 0 || regions.length === 0) return last;
        start = last.region!.endKey;
      }
    }
    const found = await this.#pd.getRegion(this.encode(key), backoffer);
    if (found?.region !== undefined && this.decode(found.region.startKey) === key) {
      return this.#pd.getPreviousRegion(this.encode(key), backoffer);
    }
    return found;
  }

  async #loadRange(start: KeyText, end: KeyText, backoffer: Backoffer): Promise<void> {
    const found = await this.#pd.scanRegions(
      this.encode(start),
      end === '' ? Buffer.alloc(0) : this.encode(end),
      REGIONS_PER_SCAN,
      backoffer,
    );
    for (const one of found) {
      if (one.leader === undefined) continue;
      const region = await this.#build(one, backoffer);
      if (region !== undefined) this.#insert(region);
    }
  }

  /** @returns undefined when no replica can be used. */
  async #build(found: RegionWithLeader, backoffer: Backoffer): Promise<Region | undefined> {
    const meta = found.region;
    if (meta === undefined) return undefined;
    const down = new Set(found.downPeers.map(({ peer }) => peer?.id));
    const replicas: Replica[] = [];
    for (const peer of meta.peers) {
      const isLeader = peer.id === found.leader?.id;
      if (down.has(peer.id) || (peer.isWitness && !isLeader)) continue;
      const store = await this.#storeOf(peer.storeId, backoffer);
      if (store !== undefined) replicas.push({ peer, store, storeEpoch: store.epoch });
    }
    if (replicas.length === 0) return undefined;
    const leader = Math.max(
      0,
      replicas.findIndex((replica) => replica.peer.id === found.leader?.id),
    );
    const { clock, random } = this.#config.environment;
    const ttlMs = this.#config.regionCacheTtlMs * (1 + TTL_JITTER * random.float());
    const range = { start: this.decode(meta.startKey), end: this.decode(meta.endKey) };
    return new Region(meta, range, replicas, leader, clock.monotonicMs() + ttlMs);
  }

  async #storeOf(id: bigint, backoffer: Backoffer): Promise<StoreEntry | undefined> {
    const known = this.#stores.get(id);
    if (known !== undefined) return known;
    const found = await this.#pd.getStore(id, backoffer);
    if (found === undefined || found.labels.some(({ key, value }) => key === 'engine' && value === 'tiflash'))
      return undefined;
    const again = this.#stores.get(id);
    if (again !== undefined) return again;
    const store: StoreEntry = {
      id,
      address: found.address,
      epoch: 0,
      needsCheck: false,
      resolvedAtMs: this.#config.environment.clock.monotonicMs(),
      reachable: true,
    };
    this.#stores.set(id, store);
    return store;
  }

  /** @returns the region, or the newer one that stays. */
  #insert(region: Region): Region {
    const same = this.#byId.get(region.id);
    if (same !== undefined && (same.version > region.version || same.confVer > region.confVer)) return same;
    const first = this.#firstOverlap(region);
    let last = first;
    while (last < this.#sorted.length && overlaps(this.#sorted[last]!, region)) {
      const other = this.#sorted[last]!;
      if (other.version > region.version) return other;
      last++;
    }
    for (const replaced of this.#sorted.splice(first, last - first, region)) {
      replaced.invalid = true;
      if (this.#byId.get(replaced.id) === replaced) this.#byId.delete(replaced.id);
    }
    if (same !== undefined && same !== region) {
      same.invalid = true;
      const index = this.#sorted.indexOf(same);
      if (index >= 0) this.#sorted.splice(index, 1);
    }
    this.#byId.set(region.id, region);
    if (this.#sorted.length > this.#config.regionCacheMax) this.#makeRoom(region);
    return region;
  }

  /** Forgets any entry but `kept`. */
  #makeRoom(kept: Region): void {
    const index = Math.floor(this.#config.environment.random.float() * this.#sorted.length);
    const at = this.#sorted[index] === kept ? (index + 1) % this.#sorted.length : index;
    const [forgotten] = this.#sorted.splice(at, 1);
    if (forgotten !== undefined && this.#byId.get(forgotten.id) === forgotten) this.#byId.delete(forgotten.id);
  }

  #firstOverlap(region: Region): number {
    let index = this.#floorIndex(region.start);
    if (index < 0) index = 0;
    while (
      index < this.#sorted.length &&
      !overlaps(this.#sorted[index]!, region) &&
      this.#sorted[index]!.start < region.start
    ) {
      index++;
    }
    return index;
  }

  #floor(key: KeyText): Region | undefined {
    return this.#sorted[this.#floorIndex(key)];
  }

  /** The last region that starts below `key`. */
  #below(key: KeyText): Region | undefined {
    if (key === '') return this.#sorted[this.#sorted.length - 1];
    let index = this.#floorIndex(key);
    if (this.#sorted[index]?.start === key) index--;
    return this.#sorted[index];
  }

  #floorIndex(key: KeyText): number {
    let low = -1;
    let high = this.#sorted.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#sorted[middle]!.start <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function overlaps(a: Region, b: Region): boolean {
  return (a.end === '' || b.start < a.end) && (b.end === '' || a.start < b.end);
}

/** Whether the region holds the keys just below `key`, which lies above its start. */
function endsAtOrAfter(region: Region, key: KeyText): boolean {
  if (key === '') return region.end === '';
  return region.start < key && (region.end === '' || region.end >= key);
}
