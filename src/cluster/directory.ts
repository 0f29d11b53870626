/**
 * Who owns an actor: the contract between the actor runtime and the cluster.
 *
 * Ownership is a lease: a stored record with an epoch. Every commit of an actor's turn requires the record to hold exactly
 * the lease's bytes, so an owner that was paused while another took over cannot write, whatever the clocks say.
 * Implementations: `SoleMemberDirectory` (one record covers all actors), `StoreDirectory` (one record per actor).
 */

import type { Awaitable } from '../base/awaitable.ts';
import type { Bytes } from '../base/bytes.ts';
import type { Key } from '../storage/key-range.ts';

export interface Lease {
  readonly epoch: bigint;
  /** Record that fences every commit, and the bytes it must hold. `renew` may replace the bytes, between two turns. */
  readonly recordKey: Key;
  readonly recordBytes: Bytes;
  /** Monotonic milliseconds up to which reads from memory are safe; `Infinity` when nobody else can take the lease. */
  readonly validUntilMs: number;
}

export interface Directory {
  /**
   * Takes the lease of an actor. Durable on return.
   * @throws OperationError `lease_lost` while another member holds it, naming that member.
   */
  acquire(type: string, key: string): Awaitable<Lease>;
  /** Extends a lease that is held. Never called while a turn of that actor runs. @throws OperationError `lease_lost`. */
  renew(lease: Lease): Awaitable<void>;
  /** Gives a lease back early, so that others need not wait for its expiry. Harmless when it was lost. */
  release(lease: Lease): Awaitable<void>;
}

/** Which member an actor should live on. Advice: who really owns it is decided by the directory. */
export interface Placement {
  readonly self: string;
  ownerOf(type: string, key: string): string;
}
