/**
 * The GC safe point, as far as readers must know it: what was read below it may already have lost versions, so every
 * read checks after it has its result. A value that has not been confirmed for 90 s proves nothing any more.
 *
 * It is the greater of what PD tells and what a worker of this package has published under a key (`gc-worker.ts`), which
 * comes long before the stores collect.
 */

import type { KeyText } from './bytes.ts';
import type { ClientConfig } from './config.ts';
import type { Timer } from './environment.ts';
import { TikvError } from './errors.ts';
import type { PdClient } from './pd-client.ts';
import { APIVersion } from './proto/kvrpcpb.ts';
import type { ApiContext } from './region-sender.ts';

const POLL_MS = 10_000;
const POLL_AFTER_FAILURE_MS = 1_000;
const TRUSTED_MS = 90_000;
const CALL_BUDGET_MS = 3_000;

export const PUBLISHED_KEY = Buffer.from('\0tikv-client-node/safe-point', 'latin1');

/** Before that key. The stores collect in all keyspaces at once, so all look in the one that every cluster has: DEFAULT, 0. */
export function publishedPrefix({ apiVersion }: ApiContext): KeyText {
  return apiVersion === APIVersion.V2 ? 'x\0\0\0' : '';
}

export class SafePoint {
  readonly #config: ClientConfig;
  readonly #pd: PdClient;
  readonly #published: () => Promise<bigint>;
  #value = 0n;
  #confirmedAtMs: number;
  #timer: Timer | undefined;
  #refreshing: Promise<void> | undefined;
  #closed = false;

  /** `published` reads the key. */
  constructor(config: ClientConfig, pd: PdClient, published: () => Promise<bigint>) {
    this.#config = config;
    this.#pd = pd;
    this.#published = published;
    this.#confirmedAtMs = config.environment.clock.monotonicMs();
  }

  get value(): bigint {
    return this.#value;
  }

  async start(): Promise<void> {
    await this.#refresh();
    this.#schedule(POLL_MS);
  }

  /**
   * Undefined when the snapshot is known to be whole; a promise when that has to be asked for first.
   * @throws TikvError `snapshot_too_old`, or `pd_unavailable` when nobody has told the safe point for too long.
   */
  check(readTs: bigint): Promise<void> | undefined {
    const ageMs = this.#config.environment.clock.monotonicMs() - this.#confirmedAtMs;
    if (ageMs > TRUSTED_MS) return this.#askAndJudge(readTs);
    this.#judge(readTs);
    return undefined;
  }

  async #askAndJudge(readTs: bigint): Promise<void> {
    const confirmedAtMs = this.#confirmedAtMs;
    // A question that is under way may have been asked of a cluster that did not serve: then once more.
    await this.#refresh().catch(noop);
    if (this.#confirmedAtMs === confirmedAtMs) await this.#refresh().catch(noop);
    this.#judge(readTs);
  }

  #judge(readTs: bigint): void {
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

  /** One question at a time. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #ask(): Promise<void> {
    const [collected, published] = await Promise.all([
      this.#pd.gcSafePoint(this.#pd.backoffer(CALL_BUDGET_MS)),
      this.#published(),
    ]);
    const value = collected > published ? collected : published;
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

function noop(): void {}
