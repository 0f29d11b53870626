/**
 * What to do about a lock of another transaction (reference: the Percolator paper, and TiKV's async commit design).
 *
 * A transaction is decided at its primary, and nowhere else: CheckTxnStatus tells whether it committed, was rolled back,
 * or lives, and rolls it back when its lock has expired. A transaction that commits asynchronously is decided by all of
 * its keys: when its primary has expired, CheckSecondaryLocks finds whether all were locked (then it is committed, at the
 * greatest of their minimal commit timestamps) or one never will be.
 *
 * Readers do not wait for the clean-up: what is decided is told to the store with the read, as locks to ignore or to read
 * through.
 */

import { type Backoffer, BUDGET } from './backoff.ts';
import { type KeyText, keyBytes, keyText, printableKey, successor } from './bytes.ts';
import { atKey, type Core, overRegions } from './core.ts';
import { TikvError } from './errors.ts';
import * as methods from './methods.ts';
import { type LockInfo, Op } from './proto/kvrpcpb.ts';
import { Action } from './proto/transaction-messages.ts';
import { Singleflight } from './singleflight.ts';
import { MAX_TIMESTAMP, physicalMs } from './timestamp.ts';

/** Transactions whose fate is remembered. */
const FINAL_KEPT_MAX = 2_048;
/** From this many keys in a region on, all of a transaction's locks there are resolved at once. */
const LITE_TXN_SIZE_MAX = 512n;
const APPROXIMATE_AGE_MS_MAX = 500;
const KEYS_PER_REQUEST = 512;
const LOCKS_PER_SCAN = 1_024;

type Final = { readonly kind: 'committed'; readonly commitTs: bigint } | { readonly kind: 'rolledBack' };

export type TransactionStatus =
  | Final
  /** It may still commit. `pushed`: but after the reader's timestamp. */
  | { readonly kind: 'alive'; readonly remainingMs: number; readonly pushed: boolean }
  /** Only this pessimistic lock is out of date; nothing is said about the transaction. */
  | { readonly kind: 'pessimisticOnly' };

export interface ReadResolution {
  /** Locks that the snapshot does not see. */
  readonly ignore: readonly bigint[];
  /** Locks of transactions that committed in time: their values count. */
  readonly access: readonly bigint[];
  /** 0: read again at once. */
  readonly waitMs: number;
}

export class LockResolver {
  readonly #core: Core;
  readonly #final = new Map<bigint, Final>();
  readonly #resolving = new Singleflight<void>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** For a read as of `readTs`. @throws TikvError */
  async forRead(locks: readonly LockInfo[], readTs: bigint, backoffer: Backoffer): Promise<ReadResolution> {
    const ignore: bigint[] = [];
    const access: bigint[] = [];
    const cleanups: { lock: LockInfo; status: TransactionStatus }[] = [];
    let waitMs = 0;
    for (const lock of locks) {
      const status = await this.#status(lock, readTs, backoffer);
      switch (status.kind) {
        case 'alive':
          if (status.pushed) ignore.push(lock.lockVersion);
          else waitMs = waitMs === 0 ? status.remainingMs : Math.min(waitMs, status.remainingMs);
          break;
        case 'committed':
          (status.commitTs > readTs ? ignore : access).push(lock.lockVersion);
          cleanups.push({ lock, status });
          break;
        default:
          ignore.push(lock.lockVersion);
          cleanups.push({ lock, status });
      }
      this.#core.config.hooks.onLockResolved?.(
        status.kind === 'alive'
          ? status.pushed
            ? 'pushed'
            : 'alive'
          : status.kind === 'committed'
            ? 'committed'
            : 'rolledBack',
      );
    }
    if (cleanups.length > 0) {
      this.#core.background('resolving locks', async () => {
        await this.#cleanUp(cleanups, this.#core.pd.backoffer(BUDGET.backgroundResolve));
      });
    }
    return { ignore, access, waitMs };
  }

  /**
   * For a write that met locks. `callerStartTs` is 0 for pessimistic locks, which push nobody.
   * @returns how long the next of them may live; 0: try again at once. @throws TikvError
   */
  async forWrite(locks: readonly LockInfo[], callerStartTs: bigint, backoffer: Backoffer): Promise<number> {
    const cleanups: { lock: LockInfo; status: TransactionStatus }[] = [];
    let waitMs = 0;
    for (const lock of locks) {
      const status = await this.#status(lock, callerStartTs, backoffer);
      if (status.kind === 'alive') waitMs = waitMs === 0 ? status.remainingMs : Math.min(waitMs, status.remainingMs);
      else cleanups.push({ lock, status });
      this.#core.config.hooks.onLockResolved?.(
        status.kind === 'alive' ? 'alive' : status.kind === 'committed' ? 'committed' : 'rolledBack',
      );
    }
    await this.#cleanUp(cleanups, backoffer);
    return waitMs;
  }

  /**
   * What became of a transaction, by its primary. A transaction that still lives is left alone; one that has expired, or is
   * known to be dead, is rolled back, so that the answer is final.
   */
  async statusOf(primary: KeyText, startTs: bigint, backoffer: Backoffer, known?: 'dead'): Promise<TransactionStatus> {
    const lock = methods.KvScanLock.response.decode(
      methods.KvScanLock.response.encode({
        locks: [
          {
            key: keyBytes(primary),
            primaryLock: keyBytes(primary),
            lockVersion: startTs,
            lockTtl: known === 'dead' ? 0n : 1n,
            lockType: Op.Put,
          },
        ],
      }),
    ).locks[0]!;
    return this.#status(lock, 0n, backoffer);
  }

  /**
   * Ends every transaction that began before `maxVersion` and still holds locks, and removes these, region by region. For
   * garbage collection, which must know that all of them are lost or committed. @returns how many locks there were.
   */
  async resolveAllBefore(
    maxVersion: bigint,
    [start, end]: readonly [KeyText, KeyText],
    backoffer: Backoffer,
  ): Promise<number> {
    let resolved = 0;
    for (let at = start; ; ) {
      const region = await this.#core.cache.locate(at, backoffer);
      const request = { maxVersion, startKey: keyBytes(at), endKey: keyBytes(end), limit: LOCKS_PER_SCAN };
      const result = await this.#core.sender.send(region, methods.KvScanLock, request, { backoffer });
      if (result.kind === 'miss') {
        await this.#core.sender.relocate(result, backoffer);
        continue;
      }
      const { locks, error } = result.response;
      throwKeyError(error, maxVersion);
      const infos = new Map<bigint, bigint>();
      for (const lock of locks) {
        const status = await this.#status({ ...lock, lockTtl: 0n }, 0n, backoffer);
        if (lock.lockType === Op.PessimisticLock) await this.#rollbackPessimistic(lock, backoffer);
        else if (status.kind === 'committed' || status.kind === 'rolledBack')
          infos.set(lock.lockVersion, commitTsOf(status));
      }
      if (infos.size > 0) {
        const txnInfos = [...infos].map(([txn, status]) => ({ txn, status }));
        const ended = await this.#core.sender.send(
          region,
          methods.KvResolveLock,
          { txnInfos },
          { backoffer, writes: true },
        );
        if (ended.kind === 'miss') {
          await this.#core.sender.relocate(ended, backoffer);
          continue; // The region has changed: its locks are looked for anew.
        }
        throwKeyError(ended.response.error, maxVersion);
      }
      resolved += locks.length;
      if (locks.length >= LOCKS_PER_SCAN) at = successor(keyText(locks[locks.length - 1]!.key));
      else if (region.end === '' || (end !== '' && region.end >= end)) return resolved;
      else at = region.end;
    }
  }

  async #status(lock: LockInfo, callerStartTs: bigint, backoffer: Backoffer): Promise<TransactionStatus> {
    const known = this.#final.get(lock.lockVersion);
    if (known !== undefined) return known;
    const pessimistic = lock.lockType === Op.PessimisticLock;
    const primary = keyText(lock.primaryLock);
    let rollbackIfNotExist = false;
    let forceSyncCommit = false;
    for (;;) {
      const now = await this.#now(backoffer);
      const currentTs = lock.lockTtl === 0n ? MAX_TIMESTAMP : now;
      const response = await atKey(
        this.#core,
        primary,
        methods.KvCheckTxnStatus,
        {
          primaryKey: lock.primaryLock,
          lockTs: lock.lockVersion,
          callerStartTs,
          currentTs,
          rollbackIfNotExist,
          forceSyncCommit,
          resolvingPessimisticLock: pessimistic,
          verifyIsPrimary: true,
        },
        { backoffer, writes: true },
      );
      const { error } = response;
      if (error !== undefined) {
        if (error.txnNotFound !== undefined) {
          const remainingMs = remaining(lock.lockVersion, lock.lockTtl, now);
          if (currentTs === MAX_TIMESTAMP || remainingMs <= 0) rollbackIfNotExist = true;
          else if (pessimistic) return { kind: 'alive', remainingMs, pushed: false };
          else
            await backoffer.wait(
              'txnNotFound',
              new Error(`the primary of ${lock.lockVersion} is not locked yet`),
              remainingMs,
            );
          continue;
        }
        if (error.primaryMismatch !== undefined && pessimistic) return { kind: 'pessimisticOnly' };
        throw new TikvError(
          'protocol',
          `the status of transaction ${lock.lockVersion} cannot be told: ${error.abort || error.retryable || 'primary mismatch'}`,
        );
      }
      const { lockInfo } = response;
      if (response.lockTtl > 0n) {
        const remainingMs = remaining(lock.lockVersion, response.lockTtl, now);
        const expired = currentTs === MAX_TIMESTAMP || remainingMs <= 0;
        if (lockInfo?.useAsyncCommit && !forceSyncCommit && expired) {
          const decided = await this.#decideAsync(lockInfo, backoffer);
          if (decided !== undefined) return this.#remember(lock.lockVersion, decided);
          forceSyncCommit = true;
          continue;
        }
        return {
          kind: 'alive',
          remainingMs: Math.max(1, remainingMs),
          pushed: response.action === Action.MinCommitTSPushed,
        };
      }
      if (response.commitVersion > 0n) {
        return this.#remember(lock.lockVersion, { kind: 'committed', commitTs: response.commitVersion });
      }
      if (response.action === Action.TTLExpirePessimisticRollback || response.action === Action.LockNotExistDoNothing) {
        return { kind: 'pessimisticOnly' };
      }
      return this.#remember(lock.lockVersion, { kind: 'rolledBack' });
    }
  }

  /** The fate of an expired transaction of asynchronous commit. @returns undefined when it fell back to two phases. */
  async #decideAsync(primary: LockInfo, backoffer: Backoffer): Promise<Final | undefined> {
    let commitTs = primary.minCommitTs;
    let fellBack = false;
    const missing: bigint[] = [];
    const secondaries = primary.secondaries.map(keyText).sort();
    await overRegions(this.#core, secondaries, KEYS_PER_REQUEST, backoffer, async (region, keys, own) => {
      const request = { keys: keys.map(keyBytes), startVersion: primary.lockVersion };
      const result = await this.#core.sender.send(region, methods.KvCheckSecondaryLocks, request, {
        backoffer: own,
        writes: true,
      });
      if (result.kind === 'miss') return result;
      const { locks, error } = result.response;
      if (error !== undefined)
        throw new TikvError('protocol', `secondary locks cannot be checked: ${error.abort || error.retryable}`);
      if (locks.length < keys.length) missing.push(result.response.commitTs);
      for (const lock of locks) {
        if (!lock.useAsyncCommit) fellBack = true;
        if (lock.minCommitTs > commitTs) commitTs = lock.minCommitTs;
      }
      return undefined;
    });
    if (fellBack && missing.length === 0) return undefined;
    let final: Final = { kind: 'committed', commitTs };
    if (missing.length > 0) {
      if (missing.some((one) => one !== missing[0])) {
        throw new TikvError(
          'protocol',
          `the regions of transaction ${primary.lockVersion} disagree: ${missing.join(', ')}`,
        );
      }
      final = missing[0] === 0n ? { kind: 'rolledBack' } : { kind: 'committed', commitTs: missing[0]! };
    }
    const keys = [...new Set([...secondaries, keyText(primary.key)])].sort();
    try {
      await this.#resolveKeys(primary.lockVersion, final, keys, backoffer);
    } catch (error) {
      // Others can finish it; what was found stands.
      this.#core.config.hooks.onBackground?.('resolving an asynchronous commit', error);
    }
    return final;
  }

  async #cleanUp(
    cleanups: readonly { readonly lock: LockInfo; readonly status: TransactionStatus }[],
    backoffer: Backoffer,
  ): Promise<void> {
    const lite = new Map<bigint, { final: Final; keys: Set<KeyText> }>();
    for (const { lock, status } of cleanups) {
      const key = keyText(lock.key);
      const isPrimary = lock.key.equals(lock.primaryLock);
      if (lock.lockType === Op.PessimisticLock) {
        if (!isPrimary || status.kind !== 'pessimisticOnly') await this.#rollbackPessimistic(lock, backoffer);
      } else if (status.kind === 'committed' || status.kind === 'rolledBack') {
        if (lock.txnSize < LITE_TXN_SIZE_MAX) {
          const entry = lite.get(lock.lockVersion) ?? { final: status, keys: new Set<KeyText>() };
          // The primary was cleaned when its status was found.
          if (!isPrimary) entry.keys.add(key);
          lite.set(lock.lockVersion, entry);
        } else {
          await this.#resolveRegion(lock, status, backoffer);
        }
      }
    }
    for (const [startTs, { final, keys }] of lite) {
      if (keys.size > 0) await this.#resolveKeys(startTs, final, [...keys].sort(), backoffer);
    }
  }

  async #resolveKeys(startTs: bigint, final: Final, keys: readonly KeyText[], backoffer: Backoffer): Promise<void> {
    await overRegions(this.#core, keys, KEYS_PER_REQUEST, backoffer, async (region, part, own) => {
      const request = { startVersion: startTs, commitVersion: commitTsOf(final), keys: part.map(keyBytes) };
      const result = await this.#core.sender.send(region, methods.KvResolveLock, request, {
        backoffer: own,
        writes: true,
      });
      if (result.kind === 'miss') return result;
      throwKeyError(result.response.error, startTs);
      return undefined;
    });
  }

  /** All locks of the transaction in the region of one of them; once at a time for each region. */
  async #resolveRegion(lock: LockInfo, final: Final, backoffer: Backoffer): Promise<void> {
    const key = keyText(lock.key);
    const region = await this.#core.cache.locate(key, backoffer);
    await this.#resolving.run(`${lock.lockVersion} in ${region.id}`, async () => {
      const request = { startVersion: lock.lockVersion, commitVersion: commitTsOf(final) };
      const response = await atKey(this.#core, key, methods.KvResolveLock, request, { backoffer, writes: true });
      throwKeyError(response.error, lock.lockVersion);
    });
  }

  async #rollbackPessimistic(lock: LockInfo, backoffer: Backoffer): Promise<void> {
    const request = {
      startVersion: lock.lockVersion,
      forUpdateTs: lock.lockForUpdateTs === 0n ? MAX_TIMESTAMP : lock.lockForUpdateTs,
      keys: [lock.key],
    };
    const response = await atKey(this.#core, keyText(lock.key), methods.KVPessimisticRollback, request, {
      backoffer,
      writes: true,
    });
    throwKeyError(response.errors[0], lock.lockVersion);
  }

  /** A timestamp at most half a second old: for judging whether a lock has expired. */
  async #now(backoffer: Backoffer): Promise<bigint> {
    const { timestamp, ageMs } = this.#core.pd.timestamps.approximate;
    return timestamp > 0n && ageMs <= APPROXIMATE_AGE_MS_MAX ? timestamp : this.#core.pd.timestamp(backoffer.signal);
  }

  #remember(startTs: bigint, final: Final): Final {
    if (this.#final.size >= FINAL_KEPT_MAX) {
      const oldest = this.#final.keys().next().value;
      if (oldest !== undefined) this.#final.delete(oldest);
    }
    this.#final.set(startTs, final);
    return final;
  }
}

/** Milliseconds that a lock has left; not positive: it has expired. */
function remaining(startTs: bigint, ttl: bigint, now: bigint): number {
  return physicalMs(startTs) + Number(ttl) - physicalMs(now);
}

function commitTsOf(final: Final): bigint {
  return final.kind === 'committed' ? final.commitTs : 0n;
}

function throwKeyError(
  error: { readonly abort: string; readonly retryable: string } | undefined,
  startTs: bigint,
): void {
  if (error === undefined) return;
  throw new TikvError(
    'protocol',
    `locks of ${startTs} cannot be resolved: ${error.abort || error.retryable || 'key error'}`,
  );
}

/** How a lock is named in messages. */
export function describeLock(lock: LockInfo): string {
  return `${printableKey(lock.key)} is locked by the transaction of ${lock.lockVersion}`;
}
