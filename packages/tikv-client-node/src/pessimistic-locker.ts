/**
 * The locks of a pessimistic transaction: taking them while the statement runs, giving them back, and keeping the
 * first, which is the primary, alive.
 *
 * A request that fails half-way gives back all of its keys, once more after a pause: a lock may be taken late by a request
 * whose answer was lost.
 */

import { type Backoffer, BUDGET } from './backoff.ts';
import { type KeyText, keyBytes, keyText } from './bytes.ts';
import { type Core, overRegions } from './core.ts';
import { sleep } from './environment.ts';
import { TikvError } from './errors.ts';
import { Heartbeat } from './heartbeat.ts';
import { fromKeyError } from './key-errors.ts';
import { describeLock } from './lock-resolver.ts';
import * as methods from './methods.ts';
import { Assertion, Op } from './proto/kvrpcpb.ts';
import {
  type PessimisticLockKeyResult,
  PessimisticLockKeyResultType,
  PessimisticLockWakeUpMode,
} from './proto/transaction-messages.ts';
import type { Region } from './region-cache.ts';
import type { RegionMiss } from './region-sender.ts';

const LOCK_TTL_MS = 20_000;
const KEYS_PER_REQUEST = 256;
/** The holder has touched its lock this recently: it lives, there is nothing to resolve. */
const HOLDER_ALIVE_MS = 300n;
const SECOND_ROLLBACK_AFTER_MS = 1_000;

export interface LockOptions {
  /** Default: wait as long as the budget lasts. 0: not at all. */
  readonly waitMs?: number | undefined;
  /** The values under the locks. */
  readonly returnValues?: boolean;
  /** Keys without a value are not locked; needs `returnValues`. */
  readonly onlyIfExists?: boolean;
  /** Fails with `already_exists` when a key has a value. */
  readonly mustNotExist?: boolean;
  /** Accepts what was committed up to this timestamp of PD, for these keys alone; default as of the statement. */
  readonly asOf?: bigint;
  /**
   * Of one key: it is locked also where it was changed after that timestamp, and the value is the newest then;
   * `Transaction.lockedAt` tells which. Spares hot rows the way of a `write_conflict` and a second request.
   */
  readonly force?: boolean;
  /** What is left of the statement's time: a wait ends with it, as `cancelled`. */
  readonly statementMs?: number;
}

/** For each key asked for: whether it exists, and its value where asked for. */
export type LockedValues = Map<KeyText, Buffer | undefined>;

/** Of one call of `lock`. */
interface Attempt {
  readonly forUpdateTs: bigint;
  /** What the keys are locked for: `forUpdateTs`, or what `force` met. */
  lockedTs: bigint;
  readonly deadlineMs: number;
  readonly options: LockOptions;
  readonly values: LockedValues;
  readonly isFirst: boolean;
}

export class PessimisticLocker {
  readonly #core: Core;
  readonly #startTs: bigint;
  readonly #beganAtMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #prefixLength: number;
  /** In the order of locking, with the timestamp each was locked for. */
  readonly #locked = new Map<KeyText, bigint>();
  /** Those of `force`: the store is to find their locks as they were taken. */
  readonly #forced = new Set<KeyText>();
  #newestTs = 0n;
  #primary: KeyText | undefined;
  #heartbeat: Heartbeat | undefined;

  /** The first `prefixLength` characters of every key are none of the user's. */
  constructor(
    core: Core,
    startTs: bigint,
    beganAtMs: number,
    options: { readonly prefixLength: number; readonly signal: AbortSignal | undefined },
  ) {
    this.#core = core;
    this.#startTs = startTs;
    this.#beganAtMs = beganAtMs;
    this.#signal = options.signal;
    this.#prefixLength = options.prefixLength;
  }

  get primary(): KeyText | undefined {
    return this.#primary;
  }

  /** The newest timestamp that a lock was taken for; 0 before the first. */
  get newestTs(): bigint {
    return this.#newestTs;
  }

  get keys(): readonly KeyText[] {
    return [...this.#locked.keys()];
  }

  get count(): number {
    return this.#locked.size;
  }

  /** Why the transaction is lost, when its primary lock has gone. */
  get lost(): TikvError | undefined {
    return this.#heartbeat?.lost;
  }

  isLocked(key: KeyText): boolean {
    return this.#locked.has(key);
  }

  /** The timestamp that the key is locked for. */
  lockedAt(key: KeyText): bigint | undefined {
    return this.#locked.get(key);
  }

  /** The timestamp that the lock must still have when the key is written, where that is checked. */
  requiredTs(key: KeyText): bigint | undefined {
    return this.#forced.has(key) ? this.#locked.get(key) : undefined;
  }

  /**
   * Takes the locks, all or none.
   * @throws TikvError `write_conflict` with `statementRetry` when a key was changed after `forUpdateTs`; `deadlock`,
   * `lock_not_available`, `lock_wait_timeout`, `already_exists`, `aborted`, `cancelled`; `invalid_argument` for `force` with
   * more than one key.
   */
  async lock(keys: readonly KeyText[], forUpdateTs: bigint, options: LockOptions): Promise<LockedValues> {
    const values: LockedValues = new Map();
    if (options.force === true && keys.length !== 1) {
      throw new TikvError('invalid_argument', `force locks one key at a time, not ${keys.length}`);
    }
    // Held already: asked for again only where the value is wanted.
    const wanted = [...new Set(keys)].sort().filter((key) => options.returnValues === true || !this.#locked.has(key));
    if (wanted.length === 0) return values;
    if (forUpdateTs > this.#newestTs) this.#newestTs = forUpdateTs;
    const isFirst = this.#locked.size === 0;
    const fresh = wanted.filter((key) => !this.#locked.has(key));
    if (this.#primary === undefined) {
      this.#primary = wanted[0]!;
      this.#core.config.hooks.onLocking?.(this.#startTs, keyBytes(this.#primary.slice(this.#prefixLength)));
    }
    const backoffer = this.#core.pd.backoffer(BUDGET.pessimisticLock, this.#signal);
    const { waitMs = Number.POSITIVE_INFINITY, statementMs = Number.POSITIVE_INFINITY } = options;
    const deadlineMs = this.#core.config.environment.clock.monotonicMs() + Math.min(waitMs, statementMs);
    const attempt: Attempt = { forUpdateTs, lockedTs: forUpdateTs, deadlineMs, options, values, isFirst };
    const run = (region: Region, share: readonly KeyText[], own: Backoffer) =>
      this.#lockShare(region, share, attempt, own);
    try {
      // The primary is locked first: a transaction is nothing without it.
      const rest = isFirst ? wanted.filter((key) => key !== this.#primary) : wanted;
      if (isFirst) {
        await overRegions(this.#core, [this.#primary], KEYS_PER_REQUEST, backoffer, run);
        this.#heartbeat ??= new Heartbeat(this.#core, this.#startTs, this.#primary, this.#beganAtMs);
      }
      await this.#settledOverRegions(rest, backoffer, run);
    } catch (error) {
      await this.#giveBack(fresh, attempt.lockedTs);
      if (isFirst) this.#reset();
      throw error;
    }
    if (attempt.lockedTs > this.#newestTs) this.#newestTs = attempt.lockedTs;
    // A lock that is asked for again is of the newer timestamp from then on.
    for (const key of wanted)
      if ((this.#locked.get(key) ?? forUpdateTs) < forUpdateTs) this.#locked.set(key, forUpdateTs);
    for (const key of fresh) {
      const skipped = options.onlyIfExists === true && values.get(key) === undefined;
      if (skipped) continue;
      this.#locked.set(key, attempt.lockedTs);
      if (options.force === true) this.#forced.add(key);
    }
    if (isFirst && !this.#locked.has(this.#primary)) await this.#replacePrimary(forUpdateTs);
    return values;
  }

  /** Gives back locks taken since there were `count`. */
  async rollbackTo(count: number, forUpdateTs: bigint): Promise<void> {
    const keys = [...this.#locked.keys()].slice(count);
    if (keys.length > 0 && keys.length === this.#locked.size) {
      this.#locked.clear();
      this.#reset();
      await this.#giveBack(keys, forUpdateTs);
      return;
    }
    // The primary stays: others of the transaction's locks point to it.
    const released = keys.filter((key) => key !== this.#primary);
    for (const key of released) this.#locked.delete(key);
    if (released.length > 0) await this.#giveBack(released, forUpdateTs);
  }

  /** Gives back everything. */
  async releaseAll(forUpdateTs: bigint): Promise<void> {
    this.#heartbeat?.stop();
    const keys = [...this.#locked.keys()];
    this.#locked.clear();
    if (keys.length > 0) await this.#rollback(keys, forUpdateTs, this.#core.pd.backoffer(BUDGET.pessimisticRollback));
    this.#told();
  }

  /** The outcome is known. */
  end(): void {
    this.#heartbeat?.stop();
    this.#told();
  }

  #told(): void {
    if (this.#primary !== undefined) this.#core.config.hooks.onUnlocked?.(this.#startTs);
  }

  #reset(): void {
    this.end();
    this.#heartbeat = undefined;
    this.#primary = undefined;
  }

  /** All shares have settled when it returns, so that what failed can be undone as a whole. */
  async #settledOverRegions(
    keys: readonly KeyText[],
    backoffer: Backoffer,
    run: (region: Region, share: readonly KeyText[], own: Backoffer) => Promise<RegionMiss | undefined>,
  ): Promise<void> {
    if (keys.length === 0) return;
    let failure: unknown;
    await overRegions(this.#core, keys, KEYS_PER_REQUEST, backoffer, async (region, share, own) => {
      if (failure !== undefined) return undefined;
      try {
        return await run(region, share, own);
      } catch (error) {
        failure ??= error;
        return undefined;
      }
    });
    if (failure !== undefined) throw failure;
  }

  async #lockShare(
    region: Region,
    share: readonly KeyText[],
    attempt: Attempt,
    backoffer: Backoffer,
  ): Promise<RegionMiss | undefined> {
    const { forUpdateTs, deadlineMs, options, values } = attempt;
    const { clock } = this.#core.config.environment;
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs();
      const waitTimeout =
        options.waitMs === 0 ? -1n : leftMs === Number.POSITIVE_INFINITY ? 0n : BigInt(Math.max(1, Math.ceil(leftMs)));
      const request = {
        mutations: share.map((key) => ({
          op: Op.PessimisticLock,
          key: keyBytes(key),
          assertion: options.mustNotExist === true ? Assertion.NotExist : Assertion.None,
        })),
        primaryLock: keyBytes(this.#primary!),
        startVersion: this.#startTs,
        lockTtl: BigInt(Math.floor(clock.monotonicMs() - this.#beganAtMs) + LOCK_TTL_MS),
        forUpdateTs,
        isFirstLock: attempt.isFirst && share.length === 1 && share[0] === this.#primary,
        waitTimeout,
        returnValues: options.returnValues === true,
        lockOnlyIfExists: options.onlyIfExists === true,
        minCommitTs: forUpdateTs + 1n,
        wakeUpMode:
          options.force === true
            ? PessimisticLockWakeUpMode.WakeUpModeForceLock
            : PessimisticLockWakeUpMode.WakeUpModeNormal,
      };
      const result = await this.#core.sender.send(region, methods.KvPessimisticLock, request, {
        backoffer,
        writes: true,
      });
      if (result.kind === 'miss') return result;
      const { errors, values: found, notFounds, results } = result.response;
      if (errors.length === 0) {
        if (options.force === true) this.#takeForced(results[0], share[0]!, attempt);
        else if (options.returnValues === true) {
          for (const [index, key] of share.entries()) {
            // The answer may be a view of a large message.
            values.set(key, notFounds[index] === true ? undefined : Buffer.from(found[index]!));
          }
        }
        return undefined;
      }
      const locks = [];
      for (const error of errors) {
        if (error.locked === undefined) throw this.#failure(error, share);
        locks.push(error.locked);
      }
      const recent = locks.every(
        (lock) => lock.durationToLastUpdateMs > 0n && lock.durationToLastUpdateMs < HOLDER_ALIVE_MS,
      );
      const waitMs = recent ? 1 : await this.#core.resolver.forWrite(locks, 0n, backoffer);
      if (waitMs === 0) continue;
      const what = describeLock(locks[0]!);
      const { key } = locks[0]!;
      if (options.waitMs === 0) throw new TikvError('lock_not_available', what, { key });
      if (clock.monotonicMs() >= deadlineMs) {
        const { waitMs: patience = Number.POSITIVE_INFINITY, statementMs = Number.POSITIVE_INFINITY } = options;
        if (statementMs < patience) throw new TikvError('cancelled', `${what}, as the statement's time ended`, { key });
        throw new TikvError('lock_wait_timeout', `${what}, for longer than ${options.waitMs} ms`, { key });
      }
      // The store has waited already; a server that does not wait must not be asked in a tight loop.
      await backoffer.wait('txnLock', new Error(what), Math.min(waitMs, 5));
    }
  }

  /** @throws TikvError `protocol` for an answer that tells nothing of the lock. */
  #takeForced(result: PessimisticLockKeyResult | undefined, key: KeyText, attempt: Attempt): void {
    const isNewer = result?.type === PessimisticLockKeyResultType.LockResultLockedWithConflict;
    if (result === undefined || !(isNewer || result.type === PessimisticLockKeyResultType.LockResultNormal)) {
      throw new TikvError('protocol', 'a lock was neither taken nor refused', { key: keyBytes(key) });
    }
    if (isNewer) attempt.lockedTs = result.lockedWithConflictTs;
    if (attempt.options.returnValues !== true) return;
    attempt.values.set(key, result.existence ? Buffer.from(result.value) : undefined);
  }

  #failure(error: Parameters<typeof fromKeyError>[0], share: readonly KeyText[]): TikvError {
    const failure = fromKeyError(error, this.#startTs);
    const key = failure.key === undefined ? undefined : keyText(failure.key);
    if (
      failure.code === 'write_conflict' ||
      (failure.code === 'deadlock' && key !== undefined && share.includes(key))
    ) {
      return new TikvError(failure.code, failure.message, {
        key: failure.key,
        waitChain: failure.waitChain,
        statementRetry: true,
        cause: failure,
      });
    }
    return failure;
  }

  async #giveBack(keys: readonly KeyText[], forUpdateTs: bigint): Promise<void> {
    const rollback = () => this.#rollback(keys, forUpdateTs, this.#core.pd.backoffer(BUDGET.pessimisticRollback));
    try {
      await rollback();
    } catch (error) {
      this.#core.config.hooks.onBackground?.('pessimistic rollback', error);
    }
    this.#core.background('pessimistic rollback', async () => {
      await sleep(this.#core.config.environment.timers, SECOND_ROLLBACK_AFTER_MS);
      const stillNotOurs = keys.filter((key) => !this.#locked.has(key));
      if (stillNotOurs.length > 0) {
        await this.#rollback(stillNotOurs, forUpdateTs, this.#core.pd.backoffer(BUDGET.pessimisticRollback));
      }
    });
  }

  async #rollback(keys: readonly KeyText[], forUpdateTs: bigint, backoffer: Backoffer): Promise<void> {
    await overRegions(this.#core, [...keys].sort(), KEYS_PER_REQUEST, backoffer, async (region, share, own) => {
      const request = { startVersion: this.#startTs, forUpdateTs, keys: share.map(keyBytes) };
      const result = await this.#core.sender.send(region, methods.KVPessimisticRollback, request, {
        backoffer: own,
        writes: true,
      });
      if (result.kind === 'miss') return result;
      const error = result.response.errors[0];
      if (error !== undefined) throw fromKeyError(error, this.#startTs);
      return undefined;
    });
  }

  /** The key chosen as primary was not there to be locked. */
  async #replacePrimary(forUpdateTs: bigint): Promise<void> {
    const others = [...this.#locked.keys()];
    this.#locked.clear();
    this.#reset();
    if (others.length === 0) return;
    // Their locks name a primary that does not exist: they are taken anew, under one that does.
    await this.#rollback(others, forUpdateTs, this.#core.pd.backoffer(BUDGET.pessimisticRollback));
    await this.lock(others, forUpdateTs, {});
  }
}
