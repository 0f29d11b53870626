/**
 * Keeps the primary lock of a long transaction alive: every ten seconds its time to live is moved on. Ends when the
 * outcome is known, when the lock is found gone (then the transaction is lost), after an hour, or after ten failures.
 */

import { BUDGET } from './backoff.ts';
import { type KeyText, keyBytes } from './bytes.ts';
import { atKey, type Core } from './core.ts';
import type { Timer } from './environment.ts';
import { TikvError } from './errors.ts';
import * as methods from './methods.ts';

const PERIOD_MS = 10_000;
const AHEAD_MS = 20_000;
const LIFETIME_MS_MAX = 3_600_000;
const FAILURES_MAX = 10;

export class Heartbeat {
  readonly #core: Core;
  readonly #startTs: bigint;
  readonly #primary: KeyText;
  readonly #beganAtMs: number;
  #timer: Timer | undefined;
  #failures = 0;
  #stopped = false;
  /** Why the transaction cannot commit any more. */
  lost: TikvError | undefined;

  /** `beganAtMs`: monotonic time of the transaction's start. */
  constructor(core: Core, startTs: bigint, primary: KeyText, beganAtMs: number) {
    this.#core = core;
    this.#startTs = startTs;
    this.#primary = primary;
    this.#beganAtMs = beganAtMs;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#core.config.environment.timers.after(PERIOD_MS, () => {
      this.#beat().then(
        () => {
          this.#failures = 0;
          this.#schedule();
        },
        (error: unknown) => {
          this.#core.config.hooks.onBackground?.('heartbeat', error);
          if (++this.#failures <= FAILURES_MAX && this.lost === undefined) this.#schedule();
        },
      );
    });
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    const uptimeMs = this.#core.config.environment.clock.monotonicMs() - this.#beganAtMs;
    if (uptimeMs > LIFETIME_MS_MAX) {
      this.lost = new TikvError('aborted', `the transaction of ${this.#startTs} is older than an hour`);
      throw this.lost;
    }
    const request = {
      primaryLock: keyBytes(this.#primary),
      startVersion: this.#startTs,
      adviseLockTtl: BigInt(Math.floor(uptimeMs) + AHEAD_MS),
    };
    const backoffer = this.#core.pd.backoffer(BUDGET.heartbeat);
    const response = await atKey(this.#core, this.#primary, methods.KvTxnHeartBeat, request, {
      backoffer,
      writes: true,
    });
    if (response.error === undefined || this.#stopped) return;
    this.lost = new TikvError('aborted', `the lock of the transaction of ${this.#startTs} is gone: it was rolled back`);
    throw this.lost;
  }
}
