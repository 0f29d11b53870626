/**
 * Pessimistic locks on keys, for the transaction manager of local stores.
 *
 * What holds:
 * - A key is held by any number of owners in modes that go together:
 *
 *   |           | presence | share | exclusive | removal |
 *   |-----------|----------|-------|-----------|---------|
 *   | presence  | yes      | yes   | yes       |         |
 *   | share     | yes      | yes   |           |         |
 *   | exclusive | yes      |       |           |         |
 *   | removal   |          |       |           |         |
 *
 *   An owner may ask again for what it holds; asking for more is an upgrade, which waits ahead of the queue, because its
 *   holder cannot be passed anyway.
 * - Waiters are served in order of arrival: a request does not overtake a waiting one that it does not go together with, so
 *   nobody starves. A granted lock is held from the moment it is granted, before its promise has run.
 * - A deadlock is found at the moment in which waiting would close a cycle of the wait-for graph: waiter -> holders and
 *   earlier waiters that it conflicts with. Where one of those in it can go to the front of its queue without closing another
 *   one, it does (the requester, else whoever has waited longest); if none can, the requester is refused. Granting,
 *   releasing and cancelling never add an edge that closes a cycle, so no detector needs to run in the background.
 * - Giving up very many locks takes one step: who holds a lock is decided by the owner's own set, which is exchanged for an
 *   empty one. What still names that owner in the table is taken out when somebody meets it, or slice by slice behind.
 * - Who writes many keys at once may claim them (`claim`) instead of taking a lock for each: they are held like any other, and
 *   become locks of their own when somebody else asks for them.
 *
 * Left out: locks on ranges and on absent keys' gaps (the conflict table of the transaction manager covers those), and
 * any notion of what a key means. Everything is synchronous except waiting itself.
 */

import { assert, verify } from '../base/assert.ts';
import { type Awaitable, type Deferred, deferred } from '../base/awaitable.ts';
import { type Bytes, latin1, printable } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import { Roster, type Seat } from '../base/roster.ts';
import type { Timer, Timers } from '../platform/platform.ts';
import { hashKey } from './key-hash.ts';
import { type Key, type KeyRange, rangeContains } from './key-range.ts';
import { type Keyed, LockMap } from './lock-map.ts';
import type { LockMode } from './store.ts';

/** Modes by strength: two go together when their numbers make no more than `STRENGTHS_MAX`. */
const STRENGTHS: Readonly<Record<LockMode, number>> = { presence: 1, share: 2, exclusive: 3, removal: 4 };
const MODES: readonly LockMode[] = ['presence', 'share', 'exclusive', 'removal'];
const STRENGTHS_MAX = 4;

/** Whether who holds a key in one mode, if in any, may do all that it could in the other. */
export function covers(held: LockMode | undefined, wanted: LockMode): boolean {
  return held !== undefined && STRENGTHS[held] >= STRENGTHS[wanted];
}

export type LockWait = 'block' | 'nowait' | 'skip';

/** Keys that an owner holds exclusively without a lock for each. What it answers changes only by who claims. */
export interface LockClaim {
  holds(key: Key): boolean;
  /** A key of the range that is held. */
  heldIn(range: KeyRange): Key | undefined;
}

/** Whoever holds locks: one per transaction. The fields belong to the lock table. */
export class LockOwner {
  /** For messages, like `pg:4711`. */
  readonly label: string;
  /** In the order in which they were taken. @internal */
  held = new Set<Lock>();
  /** @internal */
  claim: LockClaim | undefined;
  /** Of `held`, those that are claimed. @internal */
  claimed: Set<Lock> | undefined;
  /**
   * @internal A transaction usually waits once at a time, but nothing here depends on it. Owners that are kin share them:
   * whoever waits for one of them waits for what any of them awaits.
   */
  readonly waits: Set<Waiter>;

  /** @param kin An owner whose locks the same client holds: to find deadlocks the two are one. */
  constructor(label: string, kin?: LockOwner) {
    this.label = label;
    this.waits = kin?.waits ?? new Set<Waiter>();
  }

  /** True when it neither holds nor awaits a lock: then `releaseAll` has nothing to do. */
  get idle(): boolean {
    return this.held.size === 0 && this.waits.size === 0 && this.claim === undefined;
  }
}

/** Locks given up in one step are more than this; and so many at a time are then taken out of the table. */
const RELEASED_ONE_BY_ONE_MAX = 4_096;

/** One key that is held. Without holders it leaves the table. */
interface Lock extends Keyed<Lock> {
  /** The greatest strength that anybody holds it in. */
  strength: number;
  /** While nobody waits, also owners that have given up all they held: `#held` tells. */
  readonly holders: LockOwner[];
  /** Strengths of the holders one by one, once they have not all been the same. */
  strengths: number[] | undefined;
  /** In order of service; upgrades first. */
  waiters: Waiter[];
  /** Among those that somebody waits for. */
  awaited: Seat<Lock> | undefined;
}

/** Of all locks that nobody waits for. */
const NO_WAITERS: Waiter[] = [];

interface Waiter {
  readonly owner: LockOwner;
  readonly lock: Lock;
  readonly strength: number;
  /** In order of arrival, over all locks. */
  readonly number: number;
  readonly granted: Deferred<boolean>;
  timer: Timer | undefined;
}

export interface LockTableOptions {
  readonly timers: Timers;
  /** Requests that may wait at once; one more is `overloaded`. Default 65,536. */
  readonly waitersMax?: number;
  /** How a key appears in messages. Default: its bytes, printable. */
  readonly describeKey?: (key: Key) => string;
  /** An owner of more locks gives them up in one step. Default 4,096. */
  readonly releasedOneByOneMax?: number;
}

export class LockTable {
  readonly #timers: Timers;
  readonly #waitersMax: number;
  readonly #describeKey: (key: Key) => string;
  readonly #releasedOneByOneMax: number;
  readonly #locks = new LockMap<Lock>();
  /** Those that somebody waits for. */
  readonly #awaited = new Roster<Lock>();
  /** Given up in one step, and not taken out of the table yet. */
  readonly #left: Set<Lock>[] = [];
  readonly #claimants = new Set<LockOwner>();
  #waiting = 0;
  /** That have ever waited. */
  #requests = 0;
  /** Of those waiting, those for the weakest mode. */
  #waitingForPresence = 0;
  #deadlocks = 0;

  constructor(options: LockTableOptions) {
    this.#timers = options.timers;
    this.#waitersMax = options.waitersMax ?? 65_536;
    this.#describeKey = options.describeKey ?? ((key) => printable(key));
    this.#releasedOneByOneMax = options.releasedOneByOneMax ?? RELEASED_ONE_BY_ONE_MAX;
  }

  /** Keys that are held now, with all that one owner claims as one, and those that were until lately. Zero is the fast path of whoever asks `isLockedByOther`. */
  get count(): number {
    return this.#locks.size + this.#claimants.size;
  }

  /** Lets `owner` hold what the claim says until `releaseAll`; nobody else may hold any of it. */
  claim(owner: LockOwner, claim: LockClaim): void {
    owner.claim = claim;
    this.#claimants.add(owner);
  }

  /** Requests waiting now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Requests refused as deadlocks since the table was made. */
  get deadlocks(): number {
    return this.#deadlocks;
  }

  /**
   * True once `owner` holds `key` in at least `mode`; false only with `skip`, when it would have had to wait. `nowait`
   * and a `timeoutMs` of 0 throw instead. A promise only when it waits, and then the caller must look again whether its
   * transaction is still open: `releaseAll` may have run between the grant and its continuation.
   * @throws OperationError `lock_not_available`, `deadlock`, `overloaded`; from the promise also what `releaseAll` gives.
   */
  acquire(
    owner: LockOwner,
    key: Key,
    mode: LockMode = 'exclusive',
    wait: LockWait = 'block',
    timeoutMs?: number,
  ): Awaitable<boolean> {
    const hash = hashKey(key);
    const lock = this.#lockOn(key, hash);
    const strength = STRENGTHS[mode];
    if (lock === undefined) {
      this.#holdFresh(key, hash, owner, strength);
      return true;
    }
    const held = heldStrength(lock, owner);
    if (held >= strength) return true;
    if (strength + strengthOfOthers(lock, owner, held) <= STRENGTHS_MAX && (held > 0 || passes(strength, lock))) {
      this.#hold(lock, owner, strength);
      // Requests that queue behind others now wait for this owner as well, which matters if it waits elsewhere.
      const cycle = owner.waits.size > 0 && lock.waiters.length > 0 ? this.#cycleThrough(owner) : undefined;
      if (cycle === undefined) return true;
      if (held > 0) setStrength(lock, owner, held);
      else this.#release(lock, owner);
      throw this.#deadlock(cycle);
    }
    if (wait === 'skip') return false;
    if (wait === 'nowait' || (timeoutMs !== undefined && timeoutMs <= 0)) throw this.#notAvailable(lock, owner);
    return this.#wait(lock, owner, strength, held > 0, timeoutMs);
  }

  /**
   * `acquire` as far as it needs no queue and no upgrade: whether the key is now held, was held by `owner` before in at
   * least that mode, or is for `acquire` to get.
   */
  acquireFree(owner: LockOwner, key: Key, mode: LockMode): 'granted' | 'held' | 'contended' {
    const hash = hashKey(key);
    const lock = this.#lockOn(key, hash);
    const strength = STRENGTHS[mode];
    if (lock === undefined) {
      this.#holdFresh(key, hash, owner, strength);
      return 'granted';
    }
    const held = heldStrength(lock, owner);
    if (held > 0) return held >= strength ? 'held' : 'contended';
    if (strength + lock.strength > STRENGTHS_MAX || lock.waiters.length > 0) return 'contended';
    this.#hold(lock, owner, strength);
    return 'granted';
  }

  /** The mode in which `owner` holds `key`. */
  heldMode(owner: LockOwner, key: Key): LockMode | undefined {
    if (owner.held.size === 0 && owner.claim === undefined) return undefined;
    const lock = this.#lockOn(key, hashKey(key));
    return lock && MODES[heldStrength(lock, owner) - 1];
  }

  /** True when someone other than `owner` holds `key` in a mode that keeps writers out. */
  isLockedByOther(key: Key, owner: LockOwner | undefined): boolean {
    if (this.count === 0) return false;
    const lock = this.#lockOn(key, hashKey(key));
    if (lock === undefined) return false;
    if (lock.holders.length === 1)
      return lock.holders[0] !== owner && lock.strength + STRENGTHS.exclusive > STRENGTHS_MAX;
    const held = owner === undefined ? 0 : heldStrength(lock, owner);
    return strengthOfOthers(lock, owner, held) + STRENGTHS.exclusive > STRENGTHS_MAX;
  }

  /** A key of `range` that someone other than `owner` holds in any mode. Costs a look at every lock. */
  lockedByOtherIn(range: KeyRange, owner: LockOwner | undefined): Key | undefined {
    for (const known of this.#locks.values()) {
      const lock = this.#held(known);
      if (lock === undefined || (lock.holders.length === 1 && lock.holders[0] === owner)) continue;
      const key = Buffer.from(lock.key, 'latin1');
      if (rangeContains(range, key)) return key;
    }
    for (const claimant of this.#claimants) {
      const key = claimant === owner ? undefined : claimant.claim!.heldIn(range);
      if (key !== undefined) return key;
    }
    return undefined;
  }

  /** The lock on a key, made of a claim where it is claimed. */
  #lockOn(key: Key, hash: number): Lock | undefined {
    const known = this.#locks.get(key, hash);
    const lock = known && this.#held(known);
    if (lock !== undefined || this.#claimants.size === 0) return lock;
    for (const claimant of this.#claimants) {
      if (!claimant.claim!.holds(key)) continue;
      const made = this.#holdFresh(key, hash, claimant, STRENGTHS.exclusive);
      claimant.claimed ??= new Set();
      claimant.claimed.add(made);
      return made;
    }
    return undefined;
  }

  /** The lock without owners that have given it up; undefined when nobody else holds it. */
  #held(lock: Lock): Lock | undefined {
    if (this.#left.length === 0) return lock;
    const { holders, strengths } = lock;
    let kept = 0;
    for (let i = 0; i < holders.length; i++) {
      if (!holders[i]!.held.has(lock)) continue;
      if (strengths !== undefined) strengths[kept] = strengths[i]!;
      holders[kept++] = holders[i]!;
    }
    holders.length = kept;
    if (strengths !== undefined) {
      strengths.length = kept;
      lock.strength = Math.max(0, ...strengths);
    }
    if (kept > 0) return lock;
    this.#locks.delete(lock);
    return undefined;
  }

  /** Gives up one key; harmless when `owner` does not hold it. Its waits, also for this key, go on. */
  release(owner: LockOwner, key: Key): void {
    const lock = this.#locks.get(key, hashKey(key));
    if (lock !== undefined && owner.held.has(lock)) this.#release(lock, owner);
  }

  /** Gives up what `owner` took after its first `count` keys, but for what it still claims. */
  releaseSince(owner: LockOwner, count: number): void {
    if (owner.held.size <= count) return;
    for (const lock of [...owner.held].slice(count)) {
      const isClaimed = owner.claimed?.has(lock) === true && owner.claim!.holds(Buffer.from(lock.key, 'latin1'));
      if (!isClaimed) this.#release(lock, owner);
    }
  }

  /** To a weaker mode: what a rollback to a savepoint before an upgrade leaves. Harmless when it is held in none stronger. */
  downgrade(owner: LockOwner, key: Key, mode: LockMode): void {
    const lock = this.#locks.get(key, hashKey(key));
    if (lock === undefined || heldStrength(lock, owner) <= STRENGTHS[mode]) return;
    setStrength(lock, owner, STRENGTHS[mode]);
    this.#serve(lock);
  }

  /** Gives up all keys and rejects all waits of `owner`, by default with `transaction_closed`. */
  releaseAll(owner: LockOwner, error?: Error): void {
    if (owner.idle) return;
    this.cancel(owner, error);
    this.#claimants.delete(owner);
    owner.claim = undefined;
    owner.claimed = undefined;
    if (owner.held.size > this.#releasedOneByOneMax) {
      this.#leave(owner);
      return;
    }
    for (const lock of owner.held) {
      // Most locks are nobody else's business.
      if (lock.holders.length === 1 && lock.waiters.length === 0) this.#locks.delete(lock);
      else this.#release(lock, owner);
    }
    owner.held.clear();
    assert(owner.idle, 'a closed owner keeps no lock');
  }

  /** Gives up all that `owner` holds in one step. */
  #leave(owner: LockOwner): void {
    for (const lock of this.#awaited) if (owner.held.has(lock)) this.#release(lock, owner);
    const isFirst = this.#left.length === 0;
    this.#left.push(owner.held);
    owner.held = new Set();
    if (isFirst) void this.#takeOut();
  }

  async #takeOut(): Promise<void> {
    for (let left = this.#left[0]; left !== undefined; left = this.#left[0]) {
      let looked = 0;
      for (const lock of left) {
        if (looked++ % RELEASED_ONE_BY_ONE_MAX === 0) await this.#timers.yield();
        this.#held(lock);
      }
      this.#left.shift();
    }
  }

  /** Rejects all waits of `owner`, by default with `transaction_closed`; it keeps what it holds. */
  cancel(owner: LockOwner, error?: Error): void {
    for (const waiter of owner.waits) {
      this.#withdraw(
        waiter,
        error ?? new OperationError('transaction_closed', `${owner.label} ended while it waited for a lock`),
      );
    }
  }

  #wait(
    lock: Lock,
    owner: LockOwner,
    strength: number,
    upgrade: boolean,
    timeoutMs: number | undefined,
  ): Awaitable<boolean> {
    if (this.#waiting >= this.#waitersMax) {
      throw new OperationError('overloaded', `${this.#waiting} requests already wait for locks`);
    }
    const number = this.#requests++;
    const waiter: Waiter = { owner, lock, strength, number, granted: deferred<boolean>(), timer: undefined };
    // Upgrades come first, in order of arrival; a second one always closes a cycle with the first.
    let position = lock.waiters.length;
    if (upgrade) for (position = 0; lock.holders.includes(lock.waiters[position]?.owner as LockOwner); ) position++;
    if (lock.waiters === NO_WAITERS) lock.waiters = [];
    lock.waiters.splice(position, 0, waiter);
    owner.waits.add(waiter);
    lock.awaited ??= this.#awaited.add(lock);
    this.#waiting++;
    if (strength === STRENGTHS.presence) this.#waitingForPresence++;
    const cycle = owner.waits.size > 1 || this.#isAwaited(owner) ? this.#cycleThrough(owner) : undefined;
    if (cycle !== undefined) {
      const advanced = this.#advanceOne(cycle, waiter);
      if (advanced === undefined) {
        // Nobody was served meanwhile, so taking the waiter out again leaves everything as it was.
        this.#remove(waiter);
        throw this.#deadlock(cycle);
      }
      this.#serve(advanced.lock);
      if (!owner.waits.has(waiter)) return true;
    }
    if (timeoutMs !== undefined) {
      waiter.timer = this.#timers.after(timeoutMs, () => this.#withdraw(waiter, this.#notAvailable(lock, owner)));
    }
    return waiter.granted.promise;
  }

  /** Of the requests in a cycle the first, beginning with `last`, that can go to the front of its queue; it is there then. */
  #advanceOne(cycle: readonly Edge[], last: Waiter): Waiter | undefined {
    const inQueues = cycle.filter(({ behind }) => behind).map(({ waiter }) => waiter);
    // The cycle begins with the requester; the others come by age.
    inQueues.sort((x, y) => (x === last ? -1 : y === last ? 1 : x.number - y.number));
    return inQueues.find((waiter) => {
      const { waiters } = waiter.lock;
      const position = waiters.indexOf(waiter);
      waiters.splice(position, 1);
      waiters.unshift(waiter);
      if (this.#cycleThrough(waiter.owner) === undefined && this.#cycleThrough(last.owner) === undefined) return true;
      waiters.shift();
      waiters.splice(position, 0, waiter);
      return false;
    });
  }

  #holdFresh(key: Key, hash: number, owner: LockOwner, strength: number): Lock {
    const lock: Lock = {
      key: latin1(key),
      hash,
      next: undefined,
      strength,
      holders: [owner],
      strengths: undefined,
      waiters: NO_WAITERS,
      awaited: undefined,
    };
    this.#locks.add(lock);
    owner.held.add(lock);
    return lock;
  }

  #hold(lock: Lock, owner: LockOwner, strength: number): void {
    if (owner.held.has(lock)) setStrength(lock, owner, strength);
    else {
      if (strength !== lock.strength && lock.holders.length > 0)
        lock.strengths ??= lock.holders.map(() => lock.strength);
      lock.holders.push(owner);
      lock.strengths?.push(strength);
      lock.strength = lock.holders.length === 1 ? strength : Math.max(lock.strength, strength);
      owner.held.add(lock);
    }
    verify(() => {
      const others = strengthOfOthers(lock, owner, strength);
      assert(others + strength <= STRENGTHS_MAX, 'what is held goes together');
    });
  }

  #release(lock: Lock, owner: LockOwner): void {
    const at = lock.holders.indexOf(owner);
    lock.holders.splice(at, 1);
    lock.strengths?.splice(at, 1);
    if (lock.holders.length === 0) lock.strength = 0;
    else if (lock.strengths !== undefined) lock.strength = Math.max(...lock.strengths);
    owner.held.delete(lock);
    owner.claimed?.delete(lock);
    this.#serve(lock);
  }

  /** Grants what can be granted, in the order of the queue. Must follow every change that could unblock somebody. */
  #serve(lock: Lock): void {
    // Of those who are left to wait; nobody passes one that he does not go together with.
    let waiting = 0;
    for (let i = 0; i < lock.waiters.length; ) {
      const weakest = this.#waitingForPresence > 0 ? STRENGTHS.presence : STRENGTHS.share;
      if (waiting + weakest > STRENGTHS_MAX) break;
      const waiter = lock.waiters[i]!;
      const { owner, strength } = waiter;
      const held = heldStrength(lock, owner);
      const goes =
        held >= strength ||
        (strength + waiting <= STRENGTHS_MAX && strength + strengthOfOthers(lock, owner, held) <= STRENGTHS_MAX);
      if (!goes) {
        waiting = Math.max(waiting, strength);
        i++;
        continue;
      }
      this.#remove(waiter);
      if (held < strength) this.#hold(lock, owner, strength);
      waiter.granted.resolve(true);
    }
    if (lock.holders.length === 0) {
      assert(lock.waiters.length === 0, 'a free lock has no waiters');
      this.#locks.delete(lock);
    }
  }

  #withdraw(waiter: Waiter, error: Error): void {
    this.#remove(waiter);
    waiter.granted.reject(error);
    this.#serve(waiter.lock);
  }

  #remove(waiter: Waiter): void {
    const position = waiter.lock.waiters.indexOf(waiter);
    assert(position !== -1, 'a waiter is in its queue until it is served');
    waiter.lock.waiters.splice(position, 1);
    if (waiter.lock.waiters.length === 0) {
      waiter.lock.awaited?.leave();
      waiter.lock.awaited = undefined;
    }
    waiter.owner.waits.delete(waiter);
    waiter.timer?.cancel();
    this.#waiting--;
    if (waiter.strength === STRENGTHS.presence) this.#waitingForPresence--;
  }

  /** Whether somebody waits for what `owner`, or its kin, holds; else no wait of its can close a cycle. */
  #isAwaited(owner: LockOwner): boolean {
    for (const lock of this.#awaited) if (lock.holders.some((holder) => holder.waits === owner.waits)) return true;
    return false;
  }

  /** Waits that lead from `origin` back to it, each with the owner it waits for; undefined when there is no cycle. */
  #cycleThrough(origin: LockOwner): readonly Edge[] | undefined {
    // By what they await: owners that are kin are one.
    const visited = new Set<Set<Waiter>>();
    // Depth first without recursion: a chain of waiters may be long.
    const path: { owner: LockOwner; edges: Iterator<Edge>; edge: Edge | undefined }[] = [
      { owner: origin, edges: edgesFrom(origin), edge: undefined },
    ];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.edges.next();
      if (next.done === true) {
        path.pop();
        continue;
      }
      top.edge = next.value;
      const target = next.value.target;
      if (target.waits === origin.waits) return path.map((step) => step.edge!);
      if (visited.has(target.waits)) continue;
      visited.add(target.waits);
      path.push({ owner: target, edges: edgesFrom(target), edge: undefined });
    }
    return undefined;
  }

  #deadlock(cycle: readonly Edge[]): OperationError {
    this.#deadlocks++;
    const steps = cycle.map(
      ({ waiter, target }) => `${waiter.owner.label} waits for ${this.#name(waiter.lock)} behind ${target.label}`,
    );
    return new OperationError('deadlock', `waiting would be a deadlock: ${steps.join(', ')}`, {
      hint: 'run the transaction again; locking keys in one order everywhere avoids this',
    });
  }

  #notAvailable(lock: Lock, owner: LockOwner): OperationError {
    const others = lock.holders.filter((holder) => holder !== owner).map((holder) => holder.label);
    return new OperationError(
      'lock_not_available',
      `${this.#name(lock)} is locked by ${others.length === 0 ? 'others in the queue' : others.slice(0, 3).join(', ')}`,
    );
  }

  #name(lock: Lock): string {
    const key: Bytes = Buffer.from(lock.key, 'latin1');
    return this.#describeKey(key);
  }
}

interface Edge {
  readonly waiter: Waiter;
  readonly target: LockOwner;
  /** Whether the target only waits earlier. */
  readonly behind: boolean;
}

/** Whom `owner` waits for: holders and earlier waiters that its requests conflict with. */
function* edgesFrom(owner: LockOwner): Generator<Edge, void> {
  for (const waiter of owner.waits) {
    const { lock, strength } = waiter;
    if (strength + lock.strength > STRENGTHS_MAX) {
      for (const [i, target] of lock.holders.entries()) {
        if (target !== waiter.owner && strength + strengthAt(lock, i) > STRENGTHS_MAX)
          yield { waiter, target, behind: false };
      }
    }
    for (let i = lock.waiters.indexOf(waiter) - 1; i >= 0; i--) {
      const earlier = lock.waiters[i]!;
      if (earlier.owner === waiter.owner || strength + earlier.strength <= STRENGTHS_MAX) continue;
      yield { waiter, target: earlier.owner, behind: true };
      // Whoever is before that one, it waits for as well.
      if (earlier.strength >= strength) break;
    }
  }
}

function strengthAt(lock: Lock, i: number): number {
  return lock.strengths === undefined ? lock.strength : lock.strengths[i]!;
}

/** Zero when the owner does not hold it. */
function heldStrength(lock: Lock, owner: LockOwner): number {
  if (!owner.held.has(lock)) return 0;
  return lock.strengths === undefined ? lock.strength : lock.strengths[lock.holders.indexOf(owner)]!;
}

/** What others hold it in, with `held` what the owner does; zero when nobody else holds it. */
function strengthOfOthers(lock: Lock, owner: LockOwner | undefined, held: number): number {
  if (held === 0) return lock.strength;
  if (lock.holders.length === 1) return 0;
  if (lock.strengths === undefined) return lock.strength;
  let most = 0;
  for (const [i, holder] of lock.holders.entries()) if (holder !== owner) most = Math.max(most, lock.strengths[i]!);
  return most;
}

function setStrength(lock: Lock, owner: LockOwner, strength: number): void {
  if (lock.holders.length === 1) {
    lock.strength = strength;
    lock.strengths = undefined;
    return;
  }
  lock.strengths ??= lock.holders.map(() => lock.strength);
  lock.strengths[lock.holders.indexOf(owner)] = strength;
  lock.strength = Math.max(...lock.strengths);
}

/** Whether a request goes together with all who wait. */
function passes(strength: number, lock: Lock): boolean {
  return lock.waiters.every((waiter) => strength + waiter.strength <= STRENGTHS_MAX);
}
