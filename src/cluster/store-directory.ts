/**
 * A directory with one lease record per actor, changed by compare-and-set in the store; for several members on one store.
 *
 * A record that names another member may be taken once it has expired by the taker's wall clock. Clocks may be wrong: then
 * a lease moves early, and the old owner's commits are refused because the record holds other bytes. Only its reads from
 * memory rely on time, and they end, by its monotonic clock, a margin before the record expires.
 *
 * Record at `{prefix}/actors/(type, key)`; see lease-record.ts. A released record stays, without a member, so that its
 * epoch is never used twice.
 */

import { assert } from '../base/assert.ts';
import { type Bytes, equalBytes } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { Platform } from '../platform/platform.ts';
import type { Key } from '../storage/key-range.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { runTransaction } from '../storage/run-transaction.ts';
import type { Store } from '../storage/store.ts';
import type { Directory, Lease } from './directory.ts';
import { decodeLeaseRecord, encodeLeaseRecord } from './lease-record.ts';

export interface StoreDirectoryOptions {
  readonly member: string;
  /** How long a lease lasts without renewal. Default 10,000. */
  readonly leaseMs?: number;
}

/** Part of `leaseMs` by which an owner stops early. */
const MARGIN = 0.2;

class HeldLease implements Lease {
  readonly address: string;
  readonly epoch: bigint;
  readonly recordKey: Key;
  recordBytes: Bytes;
  validUntilMs: number;

  constructor(address: string, epoch: bigint, recordKey: Key, recordBytes: Bytes, validUntilMs: number) {
    this.address = address;
    this.epoch = epoch;
    this.recordKey = recordKey;
    this.recordBytes = recordBytes;
    this.validUntilMs = validUntilMs;
  }
}

export class StoreDirectory implements Directory {
  readonly #store: Store;
  readonly #platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly #keyspace: Keyspace;
  readonly #member: string;
  readonly #leaseMs: number;

  constructor(
    store: Store,
    platform: Pick<Platform, 'clock' | 'random' | 'timers'>,
    keyspace: Keyspace,
    options: StoreDirectoryOptions,
  ) {
    assert(options.member !== '', 'a member has a name');
    this.#store = store;
    this.#platform = platform;
    this.#keyspace = keyspace;
    this.#member = options.member;
    this.#leaseMs = options.leaseMs ?? 10_000;
  }

  acquire(type: string, key: string): Promise<Lease> {
    const address = `${type}/${key}`;
    const recordKey = this.#keyspace.actors.key([type, key]);
    const { clock } = this.#platform;
    return runTransaction(this.#store, this.#platform, async (transaction) => {
      // Taken before the record is written, so that our own end always comes before the recorded one.
      const validUntilMs = clock.monotonicMs() + this.#leaseMs * (1 - MARGIN);
      const bytes = await transaction.get(recordKey);
      const held = bytes === undefined ? undefined : decodeLeaseRecord(bytes);
      const nowMs = clock.nowMs();
      if (held !== undefined && held.member !== '' && held.member !== this.#member) {
        if (held.expiresAtMs === undefined || held.expiresAtMs > nowMs) {
          throw new OperationError('lease_lost', `${address} is owned by member ${held.member}`);
        }
      }
      const epoch = (held?.epoch ?? 0n) + 1n;
      const recordBytes = encodeLeaseRecord({ epoch, expiresAtMs: nowMs + this.#leaseMs, member: this.#member });
      transaction.put(recordKey, recordBytes);
      return new HeldLease(address, epoch, recordKey, recordBytes, validUntilMs);
    });
  }

  async renew(lease: Lease): Promise<void> {
    assert(lease instanceof HeldLease, 'a lease of another directory');
    const validUntilMs = this.#platform.clock.monotonicMs() + this.#leaseMs * (1 - MARGIN);
    const recordBytes = encodeLeaseRecord({
      epoch: lease.epoch,
      expiresAtMs: this.#platform.clock.nowMs() + this.#leaseMs,
      member: this.#member,
    });
    await this.#replace(lease, recordBytes);
    lease.recordBytes = recordBytes;
    lease.validUntilMs = validUntilMs;
  }

  async release(lease: Lease): Promise<void> {
    assert(lease instanceof HeldLease, 'a lease of another directory');
    try {
      await this.#replace(lease, encodeLeaseRecord({ epoch: lease.epoch, expiresAtMs: 0, member: '' }));
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      // Lost, or the store is gone: either way it is no longer ours, or expires by itself.
    }
  }

  #replace(lease: HeldLease, recordBytes: Bytes): Promise<void> {
    return runTransaction(this.#store, this.#platform, async (transaction) => {
      const stored = await transaction.get(lease.recordKey);
      if (stored === undefined || !equalBytes(stored, lease.recordBytes)) {
        throw new OperationError('lease_lost', `another member owns ${lease.address} now`);
      }
      transaction.put(lease.recordKey, recordBytes);
    });
  }
}
