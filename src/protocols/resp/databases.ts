/**
 * The databases that clients select, each standing for one under whose number keys are stored: SWAPDB exchanges two.
 *
 * The order is kept in memory as the store has it: it changes in the ordering stretch of the commit that swapped, so no
 * command ever sees half of a swap. Nothing is served before it has been read.
 */

import { isPromise } from '../../base/awaitable.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { DatabaseMap, databaseMapKey } from '../../models/keyvalue/database-map.ts';
import { DatabaseKeys } from '../../models/keyvalue/keys.ts';
import type { Platform } from '../../platform/platform.ts';
import { type Key, singleKey } from '../../storage/key-range.ts';
import type { Subspace } from '../../storage/keyspace.ts';
import type { Store } from '../../storage/store.ts';

const RELOAD_PERIOD_MS = 1_000;

export interface DatabasesOptions {
  readonly store: Store;
  readonly space: Subspace;
  readonly count: number;
  readonly platform: Pick<Platform, 'timers'>;
  readonly log: Log;
}

export class Databases {
  readonly count: number;
  readonly mapKey: Key;
  readonly #options: DatabasesOptions;
  readonly #keys: readonly DatabaseKeys[];
  #map: DatabaseMap;
  /** Called in the ordering stretch of every swap. Must not throw. */
  onSwap: () => void = () => {};
  #loading: Promise<void> | undefined;

  constructor(options: DatabasesOptions) {
    const { store, space, count } = options;
    this.count = count;
    this.#options = options;
    this.mapKey = databaseMapKey(space);
    this.#keys = Array.from({ length: count }, (_, number) => new DatabaseKeys(space, number));
    this.#map = new DatabaseMap(count, undefined);
    store.watch(singleKey(this.mapKey), ({ changes }) => {
      for (const change of changes) if (change.kind === 'put') this.#take(new DatabaseMap(count, change.value.slice()));
    });
    store.onReset(() => this.#load());
    this.#load();
  }

  /** Set until the order of databases has been read: execute nothing before. */
  get loading(): Promise<void> | undefined {
    return this.#loading;
  }

  get map(): DatabaseMap {
    return this.#map;
  }

  /** The number under which the keys of a selected database are stored. */
  stored(database: number): number {
    return this.#map.stored(database);
  }

  /** The keys of a database by its stored number. */
  keys(stored: number): DatabaseKeys {
    return this.#keys[stored]!;
  }

  #take(map: DatabaseMap): void {
    this.#map = map;
    this.onSwap();
  }

  #load(): void {
    const { store, count } = this.#options;
    try {
      const read = store.get(this.mapKey);
      if (!isPromise(read)) {
        this.#take(new DatabaseMap(count, read));
        return;
      }
    } catch {
      // Asked for again below.
    }
    const loading = this.#loadPatiently().finally(() => {
      if (this.#loading === loading) this.#loading = undefined;
    });
    this.#loading = loading;
  }

  async #loadPatiently(): Promise<void> {
    const { store, count, platform, log } = this.#options;
    for (;;) {
      try {
        this.#take(new DatabaseMap(count, await store.get(this.mapKey)));
        return;
      } catch (error) {
        if (hasCode(error, 'store_closed')) return;
        log.error({ error: messageOf(error) }, 'the order of databases cannot be read; trying again');
        await platform.timers.sleep(RELOAD_PERIOD_MS);
      }
    }
  }
}
