/**
 * The writes of all `keyspace-partition` turns between two commits: one durable commit for many commands.
 *
 * Writes are gathered in one batch of the store and ordered together by `commit`. A turn must see what earlier turns
 * wrote, and the store does not know those writes yet: the batch remembers a hash of each key it holds, and a read of
 * such a key orders the batch first. No value is kept twice and no key becomes a string; two keys with one hash cost a
 * commit, nothing else.
 *
 * Whoever executes a stretch of commands ends it with `commit`, before giving the event loop back. So no other reader of
 * the store can tell that the writes were gathered.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Observer } from '../../base/observer.ts';
import { newObserver } from '../../base/observer.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Store, WriteBatch } from '../../storage/store.ts';

/** Thrown by a turn that cannot go on without waiting; it has written nothing. The caller runs the work another way. */
export class WouldWait extends Error {
  override readonly name = 'WouldWait';
}

/** Ordering earlier writes failed in the middle of a turn; those writes, and the turn, have had no effect. */
export class CommitFailed extends Error {
  override readonly name = 'CommitFailed';
}

/** One instance: it is control flow, and its stack says nothing. */
const WOULD_WAIT = new WouldWait('the turn would have to wait');

export class PartitionCommit {
  /** Notes what the current stretch read and wrote: set by whoever executes it. */
  observer: Observer = newObserver();
  readonly #store: Store;
  readonly #pending = new HashSet();
  #batch: WriteBatch | undefined;
  #writes = 0;
  #commits = 0;
  /** Set while a store that orders asynchronously has not answered: nobody may read past it. */
  #ordering: Promise<unknown> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Writes gathered since the last commit or discard. */
  get writes(): number {
    return this.#writes;
  }

  /** Batches ordered since opening: tells whether a turn made earlier writes be ordered. */
  get commits(): number {
    return this.#commits;
  }

  /** @throws WouldWait, CommitFailed. */
  get(key: Key): Bytes | undefined {
    if (this.#ordering !== undefined) throw WOULD_WAIT;
    if (this.#writes > 0 && this.#pending.has(key)) this.#commitWithinTurn();
    const value = this.#store.get(key, this.observer);
    if (!isPromise(value)) return value;
    value.catch(() => undefined); // Asked for again by whoever waits.
    throw WOULD_WAIT;
  }

  put(key: Key, value: Bytes): void {
    this.#begin().put(key, value);
    this.#written(key);
  }

  delete(key: Key): void {
    this.#begin().delete(key);
    this.#written(key);
  }

  deleteRange(range: KeyRange): void {
    this.#begin().deleteRange(range);
    this.#writes++;
    this.#pending.addAll();
  }

  /**
   * Orders what was gathered; its version is noted in `observer`. On an error nothing of it has happened, except
   * `commit_unknown`. @throws OperationError as `WriteBatch.commit`.
   */
  commit(): Awaitable<void> {
    const batch = this.#batch;
    if (batch === undefined || this.#writes === 0) return undefined;
    this.discard();
    const observer = this.observer;
    const commit = batch.commit();
    this.#commits++;
    if (!isPromise(commit)) {
      if (batch.count === 0) this.#batch = batch; // It emptied itself, and its memory serves the next stretch.
      if (commit.version > observer.observedVersion) observer.observedVersion = commit.version;
      return undefined;
    }
    const ordering = commit
      .then(({ version }) => {
        if (version > observer.observedVersion) observer.observedVersion = version;
      })
      .finally(() => {
        if (this.#ordering === ordering) this.#ordering = undefined;
      });
    this.#ordering = ordering;
    return ordering;
  }

  /** Forgets what was gathered. */
  discard(): void {
    this.#batch = undefined;
    this.#writes = 0;
    this.#pending.clear();
  }

  #begin(): WriteBatch {
    if (this.#ordering !== undefined) throw WOULD_WAIT;
    this.#batch ??= this.#store.writeBatch();
    return this.#batch;
  }

  #written(key: Key): void {
    this.#writes++;
    this.#pending.add(key);
  }

  #commitWithinTurn(): void {
    let committed: Awaitable<void>;
    try {
      committed = this.commit();
    } catch (error) {
      throw new CommitFailed('earlier writes could not be ordered', { cause: error });
    }
    if (isPromise(committed)) throw WOULD_WAIT;
  }
}

const SLOTS = 4096;

/** Hashes of keys, with linear probing; answers true for everything once it is half full. */
class HashSet {
  readonly #hashes = new Int32Array(SLOTS);
  /** A slot is in use when it holds the current generation: clearing is one increment. */
  readonly #generations = new Int32Array(SLOTS);
  #generation = 1;
  #count = 0;

  add(key: Bytes): void {
    if (this.#count >= SLOTS / 2) return;
    const hash = hashOf(key);
    let slot = hash & (SLOTS - 1);
    while (this.#generations[slot] === this.#generation) {
      if (this.#hashes[slot] === hash) return;
      slot = (slot + 1) & (SLOTS - 1);
    }
    this.#generations[slot] = this.#generation;
    this.#hashes[slot] = hash;
    this.#count++;
  }

  addAll(): void {
    this.#count = SLOTS / 2;
  }

  has(key: Bytes): boolean {
    if (this.#count >= SLOTS / 2) return true;
    const hash = hashOf(key);
    let slot = hash & (SLOTS - 1);
    while (this.#generations[slot] === this.#generation) {
      if (this.#hashes[slot] === hash) return true;
      slot = (slot + 1) & (SLOTS - 1);
    }
    return false;
  }

  clear(): void {
    this.#count = 0;
    this.#generation = (this.#generation + 1) | 0;
  }
}

/** FNV-1a. */
function hashOf(key: Bytes): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
