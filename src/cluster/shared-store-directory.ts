/**
 * The directory of a member on a store that others write to as well: one lease per actor, but for the types of which every
 * member has its own. Those keep nothing in the store beyond what others may change under them at any time, so they need
 * no owner; the member's own record fences them, as it does where a member is alone.
 */

import { type Awaitable, whenReady } from '../base/awaitable.ts';
import type { Directory, Lease } from './directory.ts';

export class SharedStoreDirectory implements Directory {
  readonly #own: Directory;
  readonly #leases: Directory;
  readonly #ownTypes: ReadonlySet<string>;
  readonly #ownLeases = new WeakSet<Lease>();

  /** `own` leases actors of `ownTypes`, `leases` all others. */
  constructor(own: Directory, leases: Directory, ownTypes: ReadonlySet<string>) {
    this.#own = own;
    this.#leases = leases;
    this.#ownTypes = ownTypes;
  }

  acquire(type: string, key: string): Awaitable<Lease> {
    if (!this.#ownTypes.has(type)) return this.#leases.acquire(type, key);
    return whenReady(this.#own.acquire(type, key), (lease) => {
      this.#ownLeases.add(lease);
      return lease;
    });
  }

  renew(lease: Lease): Awaitable<void> {
    return this.#of(lease).renew(lease);
  }

  release(lease: Lease): Awaitable<void> {
    return this.#of(lease).release(lease);
  }

  #of(lease: Lease): Directory {
    return this.#ownLeases.has(lease) ? this.#own : this.#leases;
  }
}
