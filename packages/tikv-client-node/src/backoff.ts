/**
 * Waiting between attempts: one `Backoffer` for each logical operation, with a budget of milliseconds slept in total.
 *
 * Each kind of trouble has its own exponential pause. Before a sleep that would begin beyond the budget the operation
 * fails, with the error of the kind that slept most and the last causes. Sleeps because a store is busy are left out of
 * the budget up to ten minutes in total.
 */

import { type Environment, sleep, throwIfAborted } from './environment.ts';
import { messageOf, TikvError, type TikvErrorCode } from './errors.ts';

interface Kind {
  readonly baseMs: number;
  readonly capMs: number;
  readonly jitter: 'none' | 'equal';
  /** What the operation fails with when this kind used up the budget. */
  readonly error: TikvErrorCode;
}

const kind = (baseMs: number, capMs: number, jitter: 'none' | 'equal', error: TikvErrorCode): Kind => ({
  baseMs,
  capMs,
  jitter,
  error,
});

const KINDS = {
  tikvRPC: kind(100, 2_000, 'equal', 'region_unavailable'),
  pdRPC: kind(500, 3_000, 'equal', 'pd_unavailable'),
  txnLock: kind(100, 3_000, 'equal', 'lock_unresolved'),
  txnLockFast: kind(10, 3_000, 'equal', 'lock_unresolved'),
  txnNotFound: kind(2, 500, 'none', 'lock_unresolved'),
  regionMiss: kind(2, 500, 'none', 'region_unavailable'),
  regionScheduling: kind(2, 500, 'none', 'region_unavailable'),
  tikvServerBusy: kind(2_000, 10_000, 'equal', 'server_busy'),
  tikvDiskFull: kind(500, 5_000, 'none', 'disk_full'),
  staleCommand: kind(2, 1_000, 'none', 'region_unavailable'),
  maxTsNotSynced: kind(2, 500, 'none', 'region_unavailable'),
  commitTsLag: kind(2, 500, 'none', 'pd_unavailable'),
  regionNotInitialized: kind(2, 1_000, 'none', 'region_unavailable'),
  regionRecoveryInProgress: kind(100, 10_000, 'equal', 'region_unavailable'),
  isWitness: kind(1_000, 10_000, 'equal', 'region_unavailable'),
} as const satisfies Record<string, Kind>;

export type BackoffKind = keyof typeof KINDS;

/** Milliseconds slept in total before an operation gives up. */
export const BUDGET = {
  read: 20_000,
  prewrite: 40_000,
  commitPrimary: 40_000,
  commitSecondaries: 41_000,
  cleanup: 20_000,
  pessimisticLock: 20_000,
  pessimisticRollback: 20_000,
  heartbeat: 20_000,
  transactionStatus: 20_000,
  backgroundResolve: 40_000,
  garbageCollection: 100_000,
  timestamp: 15_000,
  raw: 20_000,
  locate: 20_000,
  split: 20_000,
} as const;

const BUSY_EXCLUDED_MS_MAX = 600_000;
const CAUSES_KEPT = 3;

export interface BackoffHooks {
  onBackoff?(kind: BackoffKind, sleptMs: number): void;
}

export class Backoffer {
  readonly signal: AbortSignal | undefined;
  readonly #environment: Environment;
  readonly #budgetMs: number;
  readonly #hooks: BackoffHooks | undefined;
  readonly #attempts = new Map<BackoffKind, number>();
  readonly #sleptMs = new Map<BackoffKind, number>();
  readonly #causes: string[] = [];
  #totalMs = 0;
  #excludedMs = 0;
  #lastCause: unknown;

  constructor(environment: Environment, budgetMs: number, signal?: AbortSignal, hooks?: BackoffHooks) {
    this.#environment = environment;
    this.#budgetMs = budgetMs;
    this.signal = signal;
    this.#hooks = hooks;
  }

  get totalMs(): number {
    return this.#totalMs;
  }

  /** How often this kind has slept. */
  attempts(kind: BackoffKind): number {
    return this.#attempts.get(kind) ?? 0;
  }

  /**
   * Sleeps, at most `maxMs`. @throws TikvError `cancelled`, or the error of the kind that slept most when the budget is
   * used up.
   */
  async wait(kind: BackoffKind, cause: unknown, maxMs = Number.POSITIVE_INFINITY): Promise<void> {
    throwIfAborted(this.signal);
    this.#lastCause = cause;
    this.#note(`${kind}: ${messageOf(cause)}`);
    if (this.#totalMs - this.#excludedMs >= this.#budgetMs) throw this.#exhausted(kind);
    const { baseMs, capMs, jitter } = KINDS[kind];
    const attempt = this.#attempts.get(kind) ?? 0;
    this.#attempts.set(kind, attempt + 1);
    const fullMs = Math.min(capMs, baseMs * 2 ** attempt);
    const pauseMs = jitter === 'none' ? fullMs : fullMs / 2 + this.#environment.random.float() * (fullMs / 2);
    const sleptMs = Math.min(pauseMs, Math.max(0, maxMs));
    await sleep(this.#environment.timers, sleptMs, this.signal);
    this.#totalMs += sleptMs;
    this.#sleptMs.set(kind, (this.#sleptMs.get(kind) ?? 0) + sleptMs);
    if (kind === 'tikvServerBusy') this.#excludedMs = Math.min(BUSY_EXCLUDED_MS_MAX, this.#excludedMs + sleptMs);
    this.#hooks?.onBackoff?.(kind, sleptMs);
  }

  /** The last that differ. */
  #note(cause: string): void {
    const known = this.#causes.indexOf(cause);
    if (known >= 0) this.#causes.splice(known, 1);
    this.#causes.push(cause);
    if (this.#causes.length > CAUSES_KEPT) this.#causes.shift();
  }

  /** For a branch that runs in parallel: what was used so far counts there too. */
  fork(signal = this.signal): Backoffer {
    const child = new Backoffer(this.#environment, this.#budgetMs, signal, this.#hooks);
    child.#totalMs = this.#totalMs;
    child.#excludedMs = this.#excludedMs;
    for (const [one, count] of this.#attempts) child.#attempts.set(one, count);
    for (const [one, ms] of this.#sleptMs) child.#sleptMs.set(one, ms);
    child.#causes.push(...this.#causes);
    return child;
  }

  /** Takes over the usage of the branch that used most. */
  join(children: readonly Backoffer[]): void {
    for (const child of children) {
      if (child.#totalMs <= this.#totalMs) continue;
      this.#totalMs = child.#totalMs;
      this.#excludedMs = child.#excludedMs;
      for (const [one, count] of child.#attempts) this.#attempts.set(one, count);
    }
  }

  #exhausted(kind: BackoffKind): TikvError {
    let longest = kind;
    for (const [one, ms] of this.#sleptMs) if (ms > (this.#sleptMs.get(longest) ?? 0)) longest = one;
    return new TikvError(
      KINDS[longest].error,
      `gave up after ${Math.round(this.#totalMs)} ms of waiting; last: ${this.#causes.join('; ')}`,
      { cause: this.#lastCause },
    );
  }
}
