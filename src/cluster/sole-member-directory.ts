/**
 * The directory of a member that is alone: one durable record, whose epoch is raised when the member starts, is the lease
 * of all actors. Acquiring costs nothing, nothing expires, and a second process that gets at the same store (a restored
 * copy, a broken lock) fences the first one by starting.
 *
 * Record at `{prefix}/cluster/('member-epoch', member id)`; see lease-record.ts.
 */

import type { Platform } from '../platform/platform.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { runTransaction } from '../storage/run-transaction.ts';
import type { Store } from '../storage/store.ts';
import type { Directory, Lease } from './directory.ts';
import { decodeLeaseRecord, encodeLeaseRecord } from './lease-record.ts';

export class SoleMemberDirectory implements Directory {
  readonly #lease: Lease;

  private constructor(lease: Lease) {
    this.#lease = lease;
  }

  /** Raises the epoch; durable on return. */
  static async open(
    store: Store,
    platform: Pick<Platform, 'clock' | 'random' | 'timers'>,
    keyspace: Keyspace,
    member: string,
  ): Promise<SoleMemberDirectory> {
    const recordKey = keyspace.cluster.key(['member-epoch', member]);
    const lease = await runTransaction(store, platform, async (transaction) => {
      const bytes = await transaction.get(recordKey);
      const epoch = bytes === undefined ? 1n : decodeLeaseRecord(bytes).epoch + 1n;
      const recordBytes = encodeLeaseRecord({ epoch, expiresAtMs: undefined, member });
      transaction.put(recordKey, recordBytes);
      return { epoch, recordKey, recordBytes, validUntilMs: Number.POSITIVE_INFINITY };
    });
    return new SoleMemberDirectory(lease);
  }

  acquire(): Lease {
    return this.#lease;
  }

  renew(): void {}

  release(): void {}
}
