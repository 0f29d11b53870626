/**
 * One database of Redis keys as one turn or one transaction sees it: what the functions of this model work on.
 *
 * A `keyspace-partition` implements it over single reads and a batch of writes; `TransactionDatabase` over a transaction,
 * for MULTI, SQL and commands that had to wait. Both read their own writes.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Part } from '../../base/parts.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import type { Transaction } from '../../storage/store.ts';
import type { DatabaseKeys } from './keys.ts';
import { expiryOf, NEVER } from './values.ts';

/** Keys that commands looked for to read them. */
export interface LookupCounts {
  hits: number;
  misses: number;
}

export interface Database {
  /** Wall time for all decisions about expiry in this turn, milliseconds. */
  readonly nowMs: number;
  /** The stored value, expired or not; undefined when absent. The bytes stay as they are. */
  get(redisKey: Bytes): Awaitable<Bytes | undefined>;
  /** Copies key and value before it returns. */
  put(redisKey: Bytes, stored: Bytes): void;
  /**
   * As `put` of a value of many megabytes in parts: others have their turns in between, and nothing else may be done with the
   * database meanwhile. The parts stay as they are until it is done. Missing where there is nothing to be won; in a turn it
   * cannot be done without waiting.
   */
  putInSlices?: ((redisKey: Bytes, parts: readonly Part[]) => Promise<void>) | undefined;
  /**
   * Lets others have their turns in the midst of long work on values that were read. Missing where nobody else waits; in a turn it
   * throws at once, as `putInSlices` does.
   */
  pause?: (() => Promise<void>) | undefined;
  delete(redisKey: Bytes): void;
  /** Removes every key of the database. */
  clear(): void;
  /** Where reads count what they find; missing where nobody counts. */
  lookups?: LookupCounts | undefined;
  /** Called for a key that was found expired: a hint that its space can be reclaimed. */
  noteExpired(redisKey: Bytes): void;
}

/** The stored value unless it is absent or expired. */
export function readLive(on: Database, redisKey: Bytes): Awaitable<Bytes | undefined> {
  const stored = on.get(redisKey);
  return isPromise(stored) ? stored.then((value) => live(on, redisKey, value)) : live(on, redisKey, stored);
}

function live(on: Database, redisKey: Bytes, stored: Bytes | undefined): Bytes | undefined {
  const isLive = stored !== undefined && !isExpired(stored, on.nowMs);
  const { lookups } = on;
  if (lookups !== undefined) {
    if (isLive) lookups.hits++;
    else lookups.misses++;
  }
  if (isLive) return stored;
  if (stored !== undefined) on.noteExpired(redisKey);
  return undefined;
}

/** A key whose expiry is this millisecond is gone already, as in Redis. */
export function isExpired(stored: Bytes, nowMs: number): boolean {
  const expiresAtMs = expiryOf(stored);
  return expiresAtMs !== NEVER && expiresAtMs <= nowMs;
}

export type TransactedWrites = Pick<Transaction, 'get' | 'put' | 'putInSlices' | 'delete' | 'deleteRange'>;

export class TransactionDatabase implements Database {
  readonly nowMs: number;
  putInSlices: Database['putInSlices'];
  pause: Database['pause'];
  lookups: LookupCounts | undefined;
  readonly #transaction: TransactedWrites;
  readonly #keys: DatabaseKeys;
  readonly #range: KeyRange;

  constructor(transaction: TransactedWrites, keys: DatabaseKeys, nowMs: number) {
    this.#transaction = transaction;
    this.#keys = keys;
    this.#range = keys.range;
    this.nowMs = nowMs;
    if (transaction.putInSlices !== undefined) {
      const putInSlices: Database['putInSlices'] = (redisKey, parts) =>
        transaction.putInSlices!(this.#keys.encode(redisKey), parts);
      this.putInSlices = putInSlices; // By name, so that it dies young (docs/decisions/small-heaps.md).
    }
  }

  get(redisKey: Bytes): Awaitable<Bytes | undefined> {
    return this.#transaction.get(copyOf(this.#keys.encode(redisKey)));
  }

  put(redisKey: Bytes, stored: Bytes): void {
    this.#transaction.put(this.#keys.encode(redisKey), stored);
  }

  delete(redisKey: Bytes): void {
    this.#transaction.delete(this.#keys.encode(redisKey));
  }

  clear(): void {
    this.#transaction.deleteRange(this.#range);
  }

  noteExpired(): void {}
}

/** A read that waits may keep its key, and the encoder's buffer is written again by then. */
function copyOf(key: Bytes): Bytes {
  return Buffer.from(key);
}
