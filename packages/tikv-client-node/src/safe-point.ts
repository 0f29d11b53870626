/**
 * The GC safe point, as far as readers must know it: what was read below it may already have lost versions, so every
 * read checks after it has its result. A value that PD has not confirmed for 90 s proves nothing any more.
 */

import type { ClientConfig } from './config.ts';
import type { Timer } from './environment.ts';
import { TikvError } from './errors.ts';
import type { PdClient } from './pd-client.ts';

const POLL_MS = 10_000;
const POLL_AFTER_FAILURE_MS = 1_000;
const TRUSTED_MS = 90_000;
const CALL_BUDGET_MS = 3_000;

export class SafePoint {
  readonly #config: ClientConfig;
  readonly #pd: PdClient;
  #value = 0n;
  #confirmedAtMs: number;
  #timer: Timer | undefined;
  #closed = false;

  constructor(config: ClientConfig, pd: PdClient) {
    this.#config = config;
    this.#pd = pd;
    this.#confirmedAtMs = config.environment.clock.monotonicMs();
  }

  get value(): bigint {
    return this.#value;
  }

  async start(): Promise<void> {
    await this.#refresh();
    this.#schedule(POLL_MS);
  }

  /** @throws TikvError `snapshot_too_old`, or `pd_unavailable` when PD has been silent for too long. */
  check(readTs: bigint): void {
    const ageMs = this.#config.environment.clock.monotonicMs() - this.#confirmedAtMs;
    if (ageMs > TRUSTED_MS) {
      const endpoints = this.#pd.endpoints.join(', ');
      throw new TikvError(
        'pd_unavailable',
        `no PD of ${endpoints} has told the safe point for ${Math.round(ageMs / 1000)} s`,
      );
    }
    if (this.#value > readTs) {
      throw new TikvError('snapshot_too_old', `the snapshot of ${readTs} is below the safe point ${this.#value}`);
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #refresh(): Promise<void> {
    const value = await this.#pd.gcSafePoint(this.#pd.backoffer(CALL_BUDGET_MS));
    if (value > this.#value) this.#value = value;
    this.#confirmedAtMs = this.#config.environment.clock.monotonicMs();
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#config.environment.timers.after(delayMs, () => {
      this.#refresh().then(
        () => this.#closed || this.#schedule(POLL_MS),
        () => this.#closed || this.#schedule(POLL_AFTER_FAILURE_MS),
      );
    });
  }
}
