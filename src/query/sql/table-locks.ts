/**
 * Locks on the definition of a table: whoever writes or locks its rows holds it in share, who changes it in exclusive.
 *
 * Where the store has no locks in share, a table has `SLOTS` places to lock instead: a writer holds one of them, whichever
 * is free, and who changes the table holds all of them. Nothing is ever stored under these keys.
 *
 *   {prefix}/catalog/ ('table-lock', table id, place)
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import { hasCode } from '../../base/errors.ts';
import { tableKey } from '../../models/relational/keys.ts';
import type { TableId } from '../../models/relational/table.ts';
import type { Key } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { LockOptions, Store } from '../../storage/store.ts';
import { LruCache } from './lru-cache.ts';
import { SqlError } from './sql-error.ts';

const SLOTS = 128;
/** Places tried before a writer waits for one. */
const TRIES = 8;
const KEYS_MAX = 1_000;
const SHARE: LockOptions = { mode: 'share' };

export type TakeLocks = (keys: readonly Key[], options: LockOptions) => Awaitable<readonly Key[]>;

export class TableLocks {
  readonly #keyspace: Keyspace;
  readonly #shares: boolean;
  /** What stands for tables that were written to lately. */
  readonly #keys = new LruCache<TableId, Key>(KEYS_MAX);
  #next: number;

  /** `first`: the place that is tried first, any whole number; processes had better begin at different ones. */
  constructor(store: Pick<Store, 'supports'>, keyspace: Keyspace, first: number) {
    this.#keyspace = keyspace;
    this.#shares = store.supports.sharedLocks;
    this.#next = first % SLOTS;
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
    return this.#shares ? [own] : [own, ...Array.from({ length: SLOTS }, (_, place) => this.#place(id, place))];
  }

  async #takePlaces(ids: readonly TableId[], lock: TakeLocks): Promise<void> {
    // In one order for all, so that two writers of the same tables do not wait for each other.
    for (const id of [...ids].sort((a, b) => a - b)) {
      for (let tries = 1; ; tries++) {
        this.#next = (this.#next + 1) % SLOTS;
        const key = this.#place(id, this.#next);
        try {
          const locked = lock([key], tries < TRIES ? { wait: 'nowait' } : {});
          if (isPromise(locked)) await locked;
          break;
        } catch (error) {
          if (tries >= TRIES || !isTaken(error)) throw error;
        }
      }
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

function isTaken(error: unknown): boolean {
  return (
    hasCode(error, 'lock_not_available') || (error instanceof SqlError && error.condition === 'lock_not_available')
  );
}
