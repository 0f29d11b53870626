/** `SessionLocks` of local stores: an owner in the lock table beside the owners of the client's transactions. */

import type { Awaitable } from '../base/awaitable.ts';
import type { Key } from './key-range.ts';
import { LockOwner, type LockTable } from './lock-table.ts';
import type { LockOptions, SessionLocks } from './store.ts';

export class LocalSessionLocks implements SessionLocks {
  readonly owner: LockOwner;
  readonly #table: LockTable;

  constructor(table: LockTable, label: string) {
    this.#table = table;
    this.owner = new LockOwner(label);
  }

  lock(key: Key, { mode, wait, timeoutMs }: LockOptions = {}): Awaitable<boolean> {
    return this.#table.acquire(this.owner, key, mode, wait, timeoutMs);
  }

  release(key: Key): void {
    this.#table.release(this.owner, key);
  }

  downgrade(key: Key): void {
    this.#table.downgrade(this.owner, key, 'share');
  }

  cancel(): void {
    this.#table.cancel(this.owner);
  }

  close(): void {
    this.#table.releaseAll(this.owner);
  }
}
