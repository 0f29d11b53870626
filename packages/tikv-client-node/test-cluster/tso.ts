/** Timestamps: strictly increasing whatever the clock does, over streams, leaders and restarts. */

import type { Environment } from '../src/environment.ts';
import { composeTimestamp } from '../src/timestamp.ts';

const LOGICAL_MAX = 2 ** 18;

export class TimestampOracle {
  readonly #environment: Environment;
  #physicalMs = 0;
  #logical = 0;
  /** Added to the clock, for tests that make it jump. */
  aheadMs = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Grants `count`; answers with the last of them. */
  grant(count: number): { readonly physical: bigint; readonly logical: bigint } {
    const nowMs = this.#environment.clock.nowMs() + this.aheadMs;
    if (nowMs > this.#physicalMs) {
      this.#physicalMs = nowMs;
      this.#logical = 0;
    }
    if (this.#logical + count >= LOGICAL_MAX) {
      this.#physicalMs++;
      this.#logical = 0;
    }
    this.#logical += count;
    return { physical: BigInt(this.#physicalMs), logical: BigInt(this.#logical) };
  }

  /** One timestamp. */
  next(): bigint {
    const { physical, logical } = this.grant(1);
    return composeTimestamp(physical, logical);
  }
}
