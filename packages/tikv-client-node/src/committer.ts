/**
 * Commits a transaction: in one phase, asynchronously, or in two phases (Percolator).
 *
 * - **Two phases.** All keys are prewritten, in parallel; then a commit timestamp is taken; then the primary is committed,
 *   alone: with that the transaction is committed, and the other keys follow in the background. Anybody who meets one
 *   of their locks can find the truth at the primary.
 * - **Asynchronous.** The primary's lock lists all other keys, and every prewrite answers with a minimal commit
 *   timestamp: once all are prewritten the transaction is committed, at the greatest of these.
 * - **One phase.** All keys lie in one region and one request: the store commits while it prewrites.
 *
 * **Unknown outcomes.** When the request that decides (the commit of the primary; any prewrite, in the other two ways)
 * ends without an answer and no later attempt gets one, the transaction may or may not have happened: `UndeterminedError`,
 * and nothing is rolled back.
 */

import { type Backoffer, BUDGET } from './backoff.ts';
import { type KeyText, keyBytes } from './bytes.ts';
import { type Core, inParallel, overRegions } from './core.ts';
import { isTikvError, TikvError, UndeterminedError } from './errors.ts';
import { Heartbeat } from './heartbeat.ts';
import { fromKeyError } from './key-errors.ts';
import { describeLock } from './lock-resolver.ts';
import * as methods from './methods.ts';
import { Assertion, Op } from './proto/kvrpcpb.ts';
import type { Region } from './region-cache.ts';
import { MAX_TIMESTAMP, physicalMs } from './timestamp.ts';

const PARALLEL_MAX = 128;
const BATCH_BYTES_MAX = 16 * 1024;
const ASYNC_KEYS_MAX = 256;
const ASYNC_KEY_BYTES_MAX = 4 * 1024;
const MAX_COMMIT_DELAY_MS = 2_000n;
const LOCK_TTL_MS_MIN = 3_000;
const LOCK_TTL_MS_MAX = 20_000;
const TTL_GROWS_FROM_BYTES = 16 * 1024;
const HEARTBEAT_FROM_BYTES = 32 * 1024 * 1024;
const AGE_MS_MAX = 24 * 3_600_000;
/** A reader pushes the commit timestamp by less than an hour. */
const PUSH_MAX = 3_600_000n << 18n;

export interface Mutation {
  readonly key: KeyText;
  readonly op: number;
  readonly value: Buffer | undefined;
  /** Of PessimisticAction. */
  readonly action: number;
  /** The timestamp that its lock was taken for, where the store is to check it. */
  readonly requiredTs: bigint | undefined;
}

export interface CommitOptions {
  readonly startTs: bigint;
  /** Monotonic time of the transaction's start. */
  readonly beganAtMs: number;
  /** Sorted by key, at least one. */
  readonly mutations: readonly Mutation[];
  /** Of a pessimistic transaction: its first lock, if any, and the newest timestamp it locked for. */
  readonly pessimistic: { readonly primary: KeyText | undefined; readonly forUpdateTs: bigint } | undefined;
  readonly asyncCommit: boolean;
  readonly onePhase: boolean;
  /** Later transactions of others need not come after: spares a timestamp. */
  readonly causalOnly: boolean;
  readonly signal: AbortSignal | undefined;
}

interface Batch {
  readonly region: Region;
  readonly mutations: readonly Mutation[];
  /** Keys of the transaction in the region. */
  readonly txnSize: bigint;
  /** An earlier request with these keys may have been executed. */
  unknown: unknown;
}

export class Committer {
  readonly #core: Core;
  readonly #options: CommitOptions;
  readonly #primary: KeyText;
  readonly #bytes: number;
  #asyncCommit: boolean;
  #onePhase: boolean;
  #minCommitTs = 0n;
  #maxCommitTs = 0n;
  #onePhaseCommitTs = 0n;
  #heartbeat: Heartbeat | undefined;
  /** Why a request that decides may have been executed without our knowing. */
  #undetermined: unknown;
  /** A key is not prewritten and will not be: whatever else is unknown, the transaction cannot be complete. */
  #failedForCertain = false;

  constructor(core: Core, options: CommitOptions) {
    this.#core = core;
    this.#options = options;
    const primary = options.pessimistic?.primary ?? options.mutations.find((one) => one.op !== Op.CheckNotExists)?.key;
    // Nothing but checks: any of them leads.
    this.#primary = primary ?? options.mutations[0]!.key;
    let keyBytesTotal = 0;
    let bytes = 0;
    for (const { key, value } of options.mutations) {
      keyBytesTotal += key.length;
      bytes += key.length + (value?.length ?? 0);
    }
    this.#bytes = bytes;
    const onlyChecks = primary === undefined;
    this.#asyncCommit =
      options.asyncCommit &&
      !onlyChecks &&
      options.mutations.length <= ASYNC_KEYS_MAX &&
      keyBytesTotal <= ASYNC_KEY_BYTES_MAX;
    this.#onePhase = options.onePhase && !onlyChecks;
  }

  get primary(): KeyText {
    return this.#primary;
  }

  /** @returns the commit timestamp. @throws UndeterminedError, TikvError */
  async commit(): Promise<bigint> {
    const { clock } = this.#core.config.environment;
    const startedMs = clock.monotonicMs();
    const done = (how: 'onePhase' | 'async' | 'twoPhase' | 'failed' | 'undetermined') =>
      this.#core.config.hooks.onCommit?.(how, clock.monotonicMs() - startedMs);
    try {
      const [commitTs, how] = await this.#run();
      done(how);
      return commitTs;
    } catch (error) {
      done(error instanceof UndeterminedError ? 'undetermined' : 'failed');
      throw error;
    } finally {
      this.#heartbeat?.stop();
    }
  }

  async #run(): Promise<[bigint, 'onePhase' | 'async' | 'twoPhase']> {
    const { mutations, startTs, beganAtMs, signal } = this.#options;
    const elapsedMs = this.#core.config.environment.clock.monotonicMs() - beganAtMs;
    if (this.#asyncCommit || this.#onePhase) {
      this.#maxCommitTs = startTs + (BigInt(Math.floor(elapsedMs)) << 18n) + (MAX_COMMIT_DELAY_MS << 18n);
      if (!this.#options.causalOnly) this.#minCommitTs = (await this.#core.pd.timestamp(signal)) + 1n;
    }
    try {
      const backoffer = this.#core.pd.backoffer(this.#core.config.commitTimeoutMs, signal);
      await this.#prewrite(mutations, backoffer, false, undefined);
    } catch (error) {
      if (this.#undetermined !== undefined && !this.#failedForCertain) {
        throw new UndeterminedError(startTs, keyBytes(this.#primary), this.#undetermined);
      }
      this.#rollBackInBackground();
      throw error;
    }
    if (this.#onePhaseCommitTs > 0n) return [this.#onePhaseCommitTs, 'onePhase'];
    const keys = mutations.filter((one) => one.op !== Op.CheckNotExists).map((one) => one.key);
    if (keys.length === 0) return [startTs, 'twoPhase'];
    if (this.#asyncCommit) {
      const commitTs = this.#minCommitTs;
      this.#core.background('commit', () => this.#commitKeys(keys, commitTs));
      return [commitTs, 'async'];
    }
    const commitTs = await this.#commitPrimary();
    const secondaries = keys.filter((key) => key !== this.#primary);
    if (secondaries.length > 0) this.#core.background('commit', () => this.#commitKeys(secondaries, commitTs));
    return [commitTs, 'twoPhase'];
  }

  /** All of them, or the first definite error once every request has settled. */
  async #prewrite(
    mutations: readonly Mutation[],
    backoffer: Backoffer,
    regrouped: boolean,
    unknown: unknown,
  ): Promise<void> {
    const batches = await this.#batches(mutations, backoffer, regrouped, unknown);
    if (batches.length > 1 || regrouped) this.#onePhase = false;
    // One alone has no others to stop.
    const stop = batches.length > 1 ? new AbortController() : undefined;
    const { signal } = backoffer;
    const onAbort = () => stop?.abort(signal?.reason);
    if (stop !== undefined) signal?.addEventListener('abort', onAbort, { once: true });
    let failure: unknown;
    // A failed assertion may only be the shadow of another error: the others are waited for.
    const isShadow = () => isTikvError(failure, 'assertion_failed');
    await inParallel(batches, PARALLEL_MAX, async (batch) => {
      if (failure !== undefined && !isShadow()) return;
      try {
        await this.#prewriteBatch(batch, backoffer.fork(stop?.signal ?? signal));
      } catch (error) {
        if (batch.unknown !== undefined) this.#undetermined ??= batch.unknown;
        else if (!isTikvError(error, 'cancelled')) this.#failedForCertain = true;
        if (failure === undefined || isShadow()) failure = error;
        if (!isShadow()) stop?.abort(error);
      }
    });
    signal?.removeEventListener('abort', onAbort);
    if (failure !== undefined) throw failure;
  }

  async #prewriteBatch(batch: Batch, backoffer: Backoffer): Promise<void> {
    const { startTs, pessimistic, beganAtMs } = this.#options;
    const { clock } = this.#core.config.environment;
    const hasPrimary = batch.mutations.some((one) => one.key === this.#primary);
    for (;;) {
      const decides = this.#asyncCommit || this.#onePhase;
      const floor = (pessimistic === undefined ? startTs : pessimistic.forUpdateTs) + 1n;
      const request = {
        mutations: batch.mutations.map((one) => ({
          op: one.op,
          key: keyBytes(one.key),
          ...(one.value === undefined ? {} : { value: one.value }),
          assertion: Assertion.None,
        })),
        primaryLock: keyBytes(this.#primary),
        startVersion: startTs,
        lockTtl: BigInt(this.#lockTtlMs(clock.monotonicMs() - beganAtMs)),
        pessimisticActions: pessimistic === undefined ? [] : batch.mutations.map((one) => one.action),
        forUpdateTsConstraints: batch.mutations.flatMap(({ requiredTs }, index) =>
          requiredTs === undefined ? [] : [{ index, expectedForUpdateTs: requiredTs }],
        ),
        txnSize: batch.txnSize,
        forUpdateTs: pessimistic?.forUpdateTs ?? 0n,
        minCommitTs: this.#minCommitTs > floor ? this.#minCommitTs : floor,
        useAsyncCommit: this.#asyncCommit,
        secondaries: this.#asyncCommit && hasPrimary ? this.#secondaries() : [],
        tryOnePc: this.#onePhase,
        maxCommitTs: decides ? this.#maxCommitTs : 0n,
      };
      const result = await this.#core.sender.send(batch.region, methods.KvPrewrite, request, {
        backoffer,
        writes: true,
        onRpcError: (error) => {
          // A call that we gave up because another one failed is no reason for doubt.
          const stopped = backoffer.signal?.aborted === true && this.#options.signal?.aborted !== true;
          if (decides && !stopped) batch.unknown = error;
        },
      });
      if (result.kind === 'miss') {
        if (result.undetermined && decides) {
          batch.unknown = new Error('the store does not know the outcome');
          throw new TikvError('undetermined', 'the store does not know the outcome');
        }
        await this.#core.sender.relocate(result, backoffer);
        const now = this.#core.cache.peek(batch.mutations[0]!.key);
        if (now !== undefined && now.id === batch.region.id && now.version === batch.region.version) {
          const same = { ...batch, region: now };
          try {
            await this.#prewriteBatch(same, backoffer);
          } finally {
            batch.unknown = same.unknown;
          }
          return;
        }
        await this.#prewriteRegrouped(batch, backoffer);
        return;
      }
      const { errors, minCommitTs, onePcCommitTs } = result.response;
      batch.unknown = undefined;
      if (errors.length === 0) {
        this.#prewritten(hasPrimary, request.useAsyncCommit, minCommitTs, onePcCommitTs);
        return;
      }
      const locks = [];
      for (const error of errors) {
        if (error.locked === undefined) throw fromKeyError(error, startTs);
        if (pessimistic === undefined && error.locked.lockVersion > startTs) {
          throw new TikvError('write_conflict', `${describeLock(error.locked)}, which began later`, {
            key: error.locked.key,
          });
        }
        locks.push(error.locked);
      }
      const waitMs = await this.#core.resolver.forWrite(locks, startTs, backoffer);
      if (waitMs > 0) await backoffer.wait('txnLock', new Error(describeLock(locks[0]!)), waitMs);
    }
  }

  /** The region has changed: its share is cut anew. What was unknown stays so until all parts have an answer. */
  async #prewriteRegrouped(batch: Batch, backoffer: Backoffer): Promise<void> {
    try {
      await this.#prewrite(batch.mutations, backoffer, true, batch.unknown);
      batch.unknown = undefined;
    } catch (error) {
      batch.unknown ??= this.#undetermined;
      throw error;
    }
  }

  /** `asked`: for an asynchronous commit, from which another region may have fallen back since. */
  #prewritten(hasPrimary: boolean, asked: boolean, minCommitTs: bigint, onePcCommitTs: bigint): void {
    if (this.#onePhase) {
      if (onePcCommitTs > 0n) {
        this.#onePhaseCommitTs = onePcCommitTs;
        return;
      }
      // The store fell back: ordinary locks were written.
      this.#onePhase = false;
      this.#asyncCommit = false;
    }
    if (!asked && minCommitTs > 0n) {
      // Nobody asked for it: an earlier request, whose answer was lost, has committed in one phase.
      this.#onePhaseCommitTs = minCommitTs;
      return;
    }
    // Whether or not another region falls back: this lock cannot be committed before.
    if (minCommitTs > this.#minCommitTs) this.#minCommitTs = minCommitTs;
    if (minCommitTs === 0n) this.#asyncCommit = false;
    if (hasPrimary && this.#options.pessimistic === undefined && this.#bytes > HEARTBEAT_FROM_BYTES) {
      this.#heartbeat ??= new Heartbeat(this.#core, this.#options.startTs, this.#primary, this.#options.beganAtMs);
    }
  }

  async #commitPrimary(): Promise<bigint> {
    const { startTs, signal } = this.#options;
    const backoffer = this.#core.pd.backoffer(this.#core.config.commitTimeoutMs, signal);
    let commitTs = 0n;
    let unknown: unknown;
    try {
      commitTs = await this.#commitTimestamp(this.#minCommitTs);
      for (;;) {
        const region = await this.#core.cache.locate(this.#primary, backoffer);
        const request = { startVersion: startTs, keys: [keyBytes(this.#primary)], commitVersion: commitTs };
        const result = await this.#core.sender.send(region, methods.KvCommit, request, {
          backoffer,
          writes: true,
          onRpcError: (error) => {
            unknown = error;
          },
        });
        if (result.kind === 'miss') {
          if (result.undetermined) {
            unknown = new Error('the store does not know the outcome');
            throw unknown;
          }
          await this.#core.sender.relocate(result, backoffer);
          continue;
        }
        unknown = undefined;
        const { error } = result.response;
        if (error === undefined) return commitTs;
        const expired = error.commitTsExpired;
        if (expired === undefined || expired.minCommitTs - expired.attemptedCommitTs > PUSH_MAX)
          throw fromKeyError(error, startTs);
        commitTs = await this.#commitTimestamp(expired.minCommitTs);
      }
    } catch (error) {
      if (unknown !== undefined) throw new UndeterminedError(startTs, keyBytes(this.#primary), unknown);
      this.#rollBackInBackground();
      throw error;
    }
  }

  /** Not before `least`. @throws TikvError `aborted` for a transaction older than a day. */
  async #commitTimestamp(least: bigint): Promise<bigint> {
    const { startTs, signal } = this.#options;
    const backoffer = this.#core.pd.backoffer(BUDGET.timestamp, signal);
    for (;;) {
      const commitTs = await this.#core.pd.timestamp(signal);
      if (commitTs <= startTs) {
        throw new TikvError('protocol', `the commit timestamp ${commitTs} is not after the start ${startTs}`);
      }
      if (physicalMs(commitTs) - physicalMs(startTs) > AGE_MS_MAX) {
        throw new TikvError('aborted', `the transaction of ${startTs} is older than a day`);
      }
      if (commitTs >= least) return commitTs;
      await backoffer.wait('commitTsLag', new Error(`a reader has moved the commit to ${least} or later`));
    }
  }

  async #commitKeys(keys: readonly KeyText[], commitTs: bigint): Promise<void> {
    const { startTs } = this.#options;
    const backoffer = this.#core.pd.backoffer(BUDGET.commitSecondaries);
    await overRegions(this.#core, [...keys].sort(), ASYNC_KEYS_MAX, backoffer, async (region, share, own) => {
      const request = { startVersion: startTs, keys: share.map(keyBytes), commitVersion: commitTs };
      const result = await this.#core.sender.send(region, methods.KvCommit, request, { backoffer: own, writes: true });
      if (result.kind === 'miss') return result;
      if (result.response.error !== undefined) throw fromKeyError(result.response.error, startTs);
      return undefined;
    });
  }

  /** Every key that may have been prewritten; the primary first, so that nobody can commit the rest. */
  #rollBackInBackground(): void {
    const { startTs, mutations } = this.#options;
    const keys = mutations.filter((one) => one.op !== Op.CheckNotExists).map((one) => one.key);
    if (keys.length === 0) return;
    this.#core.background('rollback', async () => {
      const backoffer = this.#core.pd.backoffer(BUDGET.cleanup);
      const rollback = (some: readonly KeyText[]) =>
        overRegions(this.#core, some, ASYNC_KEYS_MAX, backoffer, async (region, share, own) => {
          const request = { startVersion: startTs, keys: share.map(keyBytes) };
          const result = await this.#core.sender.send(region, methods.KvBatchRollback, request, {
            backoffer: own,
            writes: true,
          });
          if (result.kind === 'miss') return result;
          if (result.response.error !== undefined) throw fromKeyError(result.response.error, startTs);
          return undefined;
        });
      await rollback([this.#primary]);
      await rollback(keys.filter((key) => key !== this.#primary));
    });
  }

  async #batches(
    mutations: readonly Mutation[],
    backoffer: Backoffer,
    regrouped: boolean,
    unknown: unknown,
  ): Promise<Batch[]> {
    const byKey = new Map(mutations.map((one) => [one.key, one]));
    const groups = await this.#core.cache.group(
      mutations.map((one) => one.key),
      backoffer,
    );
    const batches: Batch[] = [];
    for (const group of groups) {
      const txnSize = regrouped ? MAX_TIMESTAMP : BigInt(group.keys.length);
      let part: Mutation[] = [];
      let bytes = 0;
      for (const key of group.keys) {
        const mutation = byKey.get(key)!;
        const size = key.length + (mutation.value?.length ?? 0);
        if (part.length > 0 && bytes + size > BATCH_BYTES_MAX) {
          batches.push({ region: group.region, mutations: part, txnSize, unknown });
          part = [];
          bytes = 0;
        }
        part.push(mutation);
        bytes += size;
      }
      if (part.length > 0) batches.push({ region: group.region, mutations: part, txnSize, unknown });
    }
    const first = batches.findIndex((batch) => batch.mutations.some((one) => one.key === this.#primary));
    if (first > 0) batches.unshift(...batches.splice(first, 1));
    return batches;
  }

  #secondaries(): Buffer[] {
    return this.#options.mutations
      .filter((one) => one.key !== this.#primary && one.op !== Op.CheckNotExists)
      .map((one) => keyBytes(one.key));
  }

  #lockTtlMs(elapsedMs: number): number {
    const { pessimistic } = this.#options;
    const base = this.#bytes < TTL_GROWS_FROM_BYTES ? LOCK_TTL_MS_MIN : 6_000 * Math.sqrt(this.#bytes / (1024 * 1024));
    const sized = Math.min(LOCK_TTL_MS_MAX, Math.max(LOCK_TTL_MS_MIN, base));
    return Math.ceil((pessimistic === undefined ? sized : LOCK_TTL_MS_MAX) + elapsedMs);
  }
}
