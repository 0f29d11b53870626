/**
 * The keys that clients WATCH, told of every commit that changes one of them, whoever made it: another client, SQL, or the
 * reclaiming of expired values.
 *
 * A key that was gone already (absent or expired) is not changed by being deleted; in everything else a write is a change,
 * even of the same value. The store is listened to only while something is watched.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import { type Bytes, copyBytes, latin1, startsWith } from '../../base/bytes.ts';
import { isExpired } from '../../models/keyvalue/database.ts';
import { expiryOf, NEVER } from '../../models/keyvalue/values.ts';
import { type Key, rangeContains } from '../../storage/key-range.ts';
import type { Subspace } from '../../storage/keyspace.ts';
import type { Change, Store } from '../../storage/store.ts';
import type { Databases } from './databases.ts';
import type { Session } from './session.ts';

/** One key of one client. */
export interface WatchedKey {
  readonly redisKey: Bytes;
  /** As selected, and how often it had been swapped. */
  readonly database: number;
  readonly swaps: number;
  /** The stored key. */
  readonly key: Key;
  readonly name: string;
  /** The value was there and not expired when the watch began. */
  existed: boolean;
  expiresAtMs: number;
  changed: boolean;
}

export class WatchedKeys {
  readonly #store: Store;
  readonly #space: Subspace;
  readonly #databases: Databases;
  readonly #watches = new Map<string, Set<WatchedKey>>();
  #stop: (() => void) | undefined;

  constructor(store: Store, space: Subspace, databases: Databases) {
    this.#store = store;
    this.#space = space;
    this.#databases = databases;
    store.onReset(() => {
      for (const watches of this.#watches.values()) for (const watch of watches) watch.changed = true;
    });
  }

  /** Begins to watch a key of the selected database. */
  add(session: Session, redisKey: Bytes): Awaitable<WatchedKey> {
    const { database } = session;
    const stored = this.#databases.stored(database);
    const key = copyBytes(this.#databases.keys(stored).encode(redisKey));
    const watch: WatchedKey = {
      redisKey: copyBytes(redisKey),
      database,
      swaps: this.#databases.swapsOf(database),
      key,
      name: nameOf(stored, redisKey),
      existed: false,
      expiresAtMs: NEVER,
      changed: false,
    };
    const watches = this.#watches.get(watch.name) ?? new Set();
    watches.add(watch);
    this.#watches.set(watch.name, watches);
    this.#stop ??= this.#store.watch(this.#space.range(), ({ changes }) => {
      for (const change of changes) this.#note(change);
    });
    // From here on changes are noticed, so what is read now cannot be outdated unseen.
    const value = this.#store.get(key, session);
    const nowMs = session.server.platform.clock.nowMs();
    const begin = (bytes: Bytes | undefined): WatchedKey => {
      if (bytes !== undefined && !isExpired(bytes, nowMs)) {
        watch.existed = true;
        watch.expiresAtMs = expiryOf(bytes);
      }
      return watch;
    };
    return isPromise(value) ? value.then(begin) : begin(value);
  }

  remove(watch: WatchedKey): void {
    const watches = this.#watches.get(watch.name);
    if (watches === undefined) return;
    watches.delete(watch);
    if (watches.size === 0) this.#watches.delete(watch.name);
    if (this.#watches.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  /** @param existsNow Whether the selected database has the key now; asked only after a swap. */
  hasChanged(watch: WatchedKey, nowMs: number, existsNow: () => boolean): boolean {
    if (watch.changed) return true;
    if (watch.expiresAtMs !== NEVER && watch.expiresAtMs <= nowMs) return true;
    if (this.#databases.swapsOf(watch.database) === watch.swaps) return false;
    return watch.existed || existsNow();
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
    if (database < 0) return; // The order of databases.
    const watches = this.#watches.get(nameOf(database, reader.bytes()));
    if (watches === undefined) return;
    for (const watch of watches) if (change.kind === 'put' || watch.existed) watch.changed = true;
  }
}

function nameOf(database: number, redisKey: Bytes): string {
  return `${database}:${latin1(redisKey)}`;
}
