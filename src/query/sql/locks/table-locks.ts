/**
 * Locks on the definition of a table: whoever writes or locks its rows holds it in share, who changes it in exclusive.
 *
 * Where the store has no locks in share, a table has `SLOTS` places to lock instead: a writer holds one of them, and who
 * changes the table holds all of them (lock-places.ts). Nothing is ever stored under these keys.
 *
 *   {prefix}/catalog/ ('table-lock', table id, place)
 */

import type { Awaitable } from '../../../base/awaitable.ts';
import { LruCache } from '../../../base/lru-cache.ts';
import { tableKey } from '../../../models/relational/keys.ts';
import type { TableId } from '../../../models/relational/table.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import type { LockOptions, Store } from '../../../storage/store.ts';
import { LockPlaces, type TakeLocks } from './lock-places.ts';

const SLOTS = 128;
/** Places tried before a writer waits for one. */
const TRIES = 8;
const KEYS_MAX = 1_000;
const SHARE: LockOptions = { mode: 'share' };

export class TableLocks {
  readonly #keyspace: Keyspace;
  readonly #shares: boolean;
  /** What stands for tables that were written to lately. */
  readonly #keys = new LruCache<TableId, Key>(KEYS_MAX);
  readonly #places: LockPlaces;

  /** `first`: see `LockPlaces`. */
  constructor(store: Pick<Store, 'supports'>, keyspace: Keyspace, first: number) {
    this.#keyspace = keyspace;
    this.#shares = store.supports.sharedLocks;
    this.#places = new LockPlaces(SLOTS, first);
  }

  /** Before rows are written or locked; `lock` is the transaction's. @throws as `Transaction.lock`. */
  share(ids: readonly TableId[], lock: TakeLocks): Awaitable<unknown> {
    if (!this.#shares) return this.#takePlaces(ids, lock);
    const keys = ids.map((id) => this.#key(id));
    return lock(keys, SHARE);
  }

  /** What to lock before the definition is changed. */
  exclusive(id: TableId): readonly Key[] {
    const own = tableKey(this.#keyspace, id);
    return this.#shares ? [own] : [own, ...this.#places.all((place) => this.#place(id, place))];
  }

  async #takePlaces(ids: readonly TableId[], lock: TakeLocks): Promise<void> {
    // In one order for all, so that two writers of the same tables do not wait for each other.
    for (const id of [...ids].sort((a, b) => a - b)) {
      await this.#places.takeOne((place) => this.#place(id, place), lock, TRIES);
    }
  }

  #key(id: TableId): Key {
    let key = this.#keys.get(id);
    if (key === undefined) {
      key = tableKey(this.#keyspace, id);
      this.#keys.set(id, key);
    }
    return key;
  }

  #place(id: TableId, place: number): Key {
    return this.#keyspace.catalog.key(['table-lock', BigInt(id), BigInt(place)]);
  }
}
