/**
 * The keys that clients WATCH, told of every commit that changes one of them, whoever made it: another client, SQL, or the
 * reclaiming of expired values.
 *
 * A key that was gone already (absent or expired) is not changed by being deleted; in everything else a write is a change,
 * even of the same value. A commit does not tell what it has written and flushed again, nor in which database that was once it has
 * swapped some: the transaction does. The store is listened to only while something is watched.
 *
 * Where other processes write to the store, their commits are not told. There the value that was found is kept, and
 * compared when EXEC runs: another process's write of the same value is no change.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import { type Bytes, copyBytes, equalBytes, latin1, startsWith } from '../../base/bytes.ts';
import { isExpired } from '../../models/keyvalue/database.ts';
import { type ExpiryMs, expiryOf, NEVER } from '../../models/keyvalue/values.ts';
import type { Clock } from '../../platform/platform.ts';
import { type Key, rangeContains } from '../../storage/key-range.ts';
import type { Subspace } from '../../storage/keyspace.ts';
import type { Change, Store } from '../../storage/store.ts';
import type { Databases } from './databases.ts';
import type { Session } from './session.ts';

/** Whether a key is another one where the database that held `before` under it is replaced by one that holds `after`. */
export function isTouchedBySwap(
  { expired }: WatchedKey,
  before: Bytes | undefined,
  after: Bytes | undefined,
  nowMs: number,
): boolean {
  const comesExpired = after !== undefined && isExpired(after, nowMs);
  if (expired) return after !== undefined && !comesExpired;
  return before !== undefined || (after !== undefined && !comesExpired);
}

/** One key of one client. */
export interface WatchedKey {
  readonly redisKey: Bytes;
  /** As selected. */
  readonly database: number;
  /** The stored key, another one after a swap of databases. */
  key: Key;
  name: string;
  /** The value was there and not expired when the watch began. */
  existed: boolean;
  /** It was there and had expired. */
  expired: boolean;
  expiresAtMs: ExpiryMs;
  changed: boolean;
  /** What it held, where other processes write to the store. */
  value?: Bytes | undefined;
}

export interface WatchedKeysOptions {
  readonly store: Store;
  readonly space: Subspace;
  readonly databases: Databases;
  readonly clock: Clock;
}

export class WatchedKeys {
  readonly #store: Store;
  readonly #space: Subspace;
  readonly #databases: Databases;
  readonly #watches = new Map<string, Set<WatchedKey>>();
  #stop: (() => void) | undefined;

  constructor({ store, space, databases, clock }: WatchedKeysOptions) {
    this.#store = store;
    this.#space = space;
    this.#databases = databases;
    databases.onSwap = () => this.#noteSwap(clock.nowMs());
    store.onReset(() => {
      for (const watches of this.#watches.values()) for (const watch of watches) watch.changed = true;
    });
  }

  /** Something is watched: whoever writes hands it to the store before others take their turn. */
  get isActive(): boolean {
    return this.#stop !== undefined;
  }

  /** The watches of a key; `database` as clients select it. */
  of(database: number, redisKey: Bytes): Iterable<WatchedKey> {
    return this.#watches.get(nameOf(this.#databases.stored(database), redisKey)) ?? [];
  }

  /** The watches of keys of some databases, as clients selected them. */
  *within(databases: readonly number[]): Iterable<WatchedKey> {
    for (const watches of this.#watches.values())
      for (const watch of watches) if (databases.includes(watch.database)) yield watch;
  }

  /** Begins to watch a key of the selected database. */
  add(session: Session, redisKey: Bytes): Awaitable<WatchedKey> {
    const { database } = session;
    const watch: WatchedKey = {
      redisKey: copyBytes(redisKey),
      database,
      ...this.#placeOf(database, redisKey),
      existed: false,
      expired: false,
      expiresAtMs: NEVER,
      changed: false,
    };
    this.#register(watch);
    this.#stop ??= this.#store.watch(this.#space.range(), ({ changes }) => {
      if (changes.some((change) => this.#isSwap(change))) return;
      for (const change of changes) this.#note(change);
    });
    // From here on changes are noticed, so what is read now cannot be outdated unseen.
    const value = this.#store.get(watch.key, session);
    const nowMs = session.server.platform.clock.nowMs();
    const begin = (bytes: Bytes | undefined): WatchedKey => {
      if (bytes !== undefined && !isExpired(bytes, nowMs)) {
        watch.existed = true;
        watch.expiresAtMs = expiryOf(bytes);
        if (this.#store.supports.shared) watch.value = copyBytes(bytes);
      } else watch.expired = bytes !== undefined;
      return watch;
    };
    return isPromise(value) ? value.then(begin) : begin(value);
  }

  #placeOf(database: number, redisKey: Bytes): { readonly key: Key; readonly name: string } {
    const stored = this.#databases.stored(database);
    return { key: copyBytes(this.#databases.keys(stored).encode(redisKey)), name: nameOf(stored, redisKey) };
  }

  #register(watch: WatchedKey): void {
    const watches = this.#watches.get(watch.name) ?? new Set();
    watches.add(watch);
    this.#watches.set(watch.name, watches);
  }

  #unregister(watch: WatchedKey): void {
    const watches = this.#watches.get(watch.name);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(watch.name);
  }

  remove(watch: WatchedKey): void {
    this.#unregister(watch);
    if (this.#watches.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  /** Whether the key holds another value now than when the watch began. */
  differs({ value }: WatchedKey, now: Bytes | undefined, nowMs: number): boolean {
    const live = now === undefined || isExpired(now, nowMs) ? undefined : now;
    if (value === undefined || live === undefined) return value !== live;
    return Buffer.compare(value, live) !== 0;
  }

  hasChanged(watch: WatchedKey, nowMs: number): boolean {
    return watch.changed || (watch.expiresAtMs !== NEVER && watch.expiresAtMs <= nowMs);
  }

  /**
   * Some databases were swapped: a key changes unless it was absent and is absent in the database that came. Where that
   * cannot be told without waiting, it counts as changed.
   */
  #noteSwap(nowMs: number): void {
    for (const watch of [...this.#watches.values()].flatMap((watches) => [...watches])) {
      const place = this.#placeOf(watch.database, watch.redisKey);
      if (place.name === watch.name) continue;
      this.#unregister(watch);
      watch.key = place.key;
      watch.name = place.name;
      this.#register(watch);
      if (watch.existed) watch.changed = true;
      if (watch.changed) continue;
      const value = this.#store.get(watch.key);
      if (isPromise(value)) value.catch(() => undefined);
      watch.expired = !isPromise(value) && value !== undefined && isExpired(value, nowMs);
      watch.changed = isPromise(value) || (value !== undefined && !watch.expired);
    }
  }

  /** Whether a change is of the order of databases: who made it knows what became of the watched keys. */
  #isSwap(change: Change): boolean {
    return change.kind !== 'deleteRange' && equalBytes(change.key, this.#databases.mapKey);
  }

  #note(change: Change): void {
    if (change.kind === 'deleteRange') {
      for (const watches of this.#watches.values()) {
        for (const watch of watches) {
          const touched = rangeContains(change.range, watch.key) || startsWith(change.range.start, watch.key);
          if (touched && watch.existed) watch.changed = true;
        }
      }
      return;
    }
    const reader = this.#space.reader(change.key);
    const database = Number(reader.int());
    const watches = this.#watches.get(nameOf(database, reader.bytes()));
    if (watches === undefined) return;
    for (const watch of watches) {
      if (change.kind === 'put' || !watch.expired) watch.changed = true;
      else watch.expired = false;
    }
  }
}

function nameOf(database: number, redisKey: Bytes): string {
  return `${database}:${latin1(redisKey)}`;
}
