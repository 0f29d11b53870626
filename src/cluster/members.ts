/**
 * Who shares a store: each member keeps a record of itself alive, with what others need to reach it.
 *
 * A record is a lease like that of an actor, but of a process: renewed by compare-and-set every third of its life, given back
 * at the end. Who starts under the id of a living member takes its record over; the older process finds its record
 * replaced and says so, once. Expiry is by the reader's wall clock, so a list of members is advice: who owns what is decided
 * by the directory.
 *
 * Record at `{prefix}/cluster/('member', id)`: JSON, see `MemberRecord`.
 */

import { text, utf8 } from '../base/bytes.ts';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import type { Key } from '../storage/key-range.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { runTransaction } from '../storage/run-transaction.ts';
import type { Store } from '../storage/store.ts';

const FORMAT = 1;
const LEASE_MS = 15_000;
const RENEWALS_PER_LEASE = 3;

export interface MemberRecord {
  readonly id: string;
  /** Grows with every start under this id. */
  readonly incarnation: number;
  /** Wall milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly expiresAtMs: number;
  readonly version: string;
  /** host:port by listener. */
  readonly addresses: Readonly<Record<string, string>>;
}

export interface MembershipOptions {
  readonly store: Store;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly keyspace: Keyspace;
  readonly log: Log;
  readonly id: string;
  readonly version: string;
  readonly addresses: Readonly<Record<string, string>>;
  /** How long a record lasts without renewal. Default 15,000. */
  readonly leaseMs?: number;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #key: Key;
  readonly #leaseMs: number;
  readonly #timer: Timer;
  #record: MemberRecord;
  #members: readonly MemberRecord[] = [];
  #renewing: Promise<void> | undefined;
  #replaced = false;

  private constructor(options: MembershipOptions, key: Key, record: MemberRecord) {
    this.#options = options;
    this.#key = key;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#record = record;
    this.#timer = options.platform.timers.every(this.#leaseMs / RENEWALS_PER_LEASE, () => {
      this.#renewing ??= this.#renew().finally(() => {
        this.#renewing = undefined;
      });
    });
  }

  /** Makes this process known; durable on return. @throws OperationError of the store. */
  static async join(options: MembershipOptions): Promise<Membership> {
    const { store, platform, keyspace, id, version, addresses, leaseMs = LEASE_MS } = options;
    const key = keyspace.cluster.key(['member', id]);
    const record = await runTransaction(store, platform, async (transaction) => {
      const bytes = await transaction.get(key);
      const incarnation = (bytes === undefined ? 0 : decode(bytes).incarnation) + 1;
      const nowMs = platform.clock.nowMs();
      const own = { id, incarnation, startedAtMs: nowMs, expiresAtMs: nowMs + leaseMs, version, addresses };
      transaction.put(key, encode(own));
      return own;
    });
    const membership = new Membership(options, key, record);
    membership.#members = await membership.#read();
    return membership;
  }

  /** Living members, itself among them, as of the last renewal; in the order of their ids. */
  get members(): readonly MemberRecord[] {
    return this.#members;
  }

  /** Another process runs under the same id. */
  get isReplaced(): boolean {
    return this.#replaced;
  }

  /** Gives the record back. Harmless when another has it. */
  async leave(): Promise<void> {
    this.#timer.cancel();
    await this.#renewing;
    if (!this.#replaced) await this.#replace({ ...this.#record, expiresAtMs: 0 }).catch(() => {}); // It expires.
  }

  async #renew(): Promise<void> {
    const { platform, log, id } = this.#options;
    if (this.#replaced) return;
    try {
      await this.#replace({ ...this.#record, expiresAtMs: platform.clock.nowMs() + this.#leaseMs });
      this.#members = await this.#read();
    } catch (error) {
      if (hasCode(error, 'lease_lost')) {
        this.#replaced = true;
        log.error(
          { member: id },
          'another process runs under the id of this member: give each a data directory of its own',
        );
      } else if (!hasCode(error, 'store_closed')) {
        log.warn({ member: id, error: messageOf(error) }, 'the record of this member could not be renewed');
      }
    }
  }

  /** The record is compared by its incarnation: a renewal whose outcome was unknown is ours all the same. */
  async #replace(record: MemberRecord): Promise<void> {
    const { store, platform, id } = this.#options;
    await runTransaction(store, platform, async (transaction) => {
      const bytes = await transaction.get(this.#key);
      if (bytes === undefined || decode(bytes).incarnation !== record.incarnation) {
        throw new OperationError('lease_lost', `member ${id} was replaced`);
      }
      transaction.put(this.#key, encode(record));
    });
    this.#record = record;
  }

  async #read(): Promise<readonly MemberRecord[]> {
    const { store, platform, keyspace } = this.#options;
    const transaction = store.begin({ readOnly: true, label: 'members' });
    const living: MemberRecord[] = [];
    try {
      const cursor = transaction.scan(keyspace.cluster.range(['member']));
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { value } of batch) {
          const record = decode(value);
          if (record.expiresAtMs > platform.clock.nowMs()) living.push(record);
        }
      }
      return living;
    } finally {
      transaction.rollback();
    }
  }
}

function encode(record: MemberRecord): Uint8Array {
  return utf8(JSON.stringify({ format: FORMAT, ...record }));
}

/** @throws OperationError `corruption`, `store_format`. */
function decode(bytes: Uint8Array): MemberRecord {
  let stored: MemberRecord & { readonly format: number };
  try {
    stored = JSON.parse(text(bytes));
  } catch (error) {
    throw new OperationError('corruption', 'the record of a member is no JSON', { cause: error });
  }
  if (stored.format !== FORMAT) {
    throw new OperationError('store_format', `the record of a member has format ${stored.format}, not ${FORMAT}`);
  }
  return stored;
}
