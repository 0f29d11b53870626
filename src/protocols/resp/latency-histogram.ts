/**
 * How long the calls of a command took, for LATENCY HISTOGRAM and INFO: counts by time, in steps of an eighth of a doubling.
 * Source: https://redis.io/docs/latest/commands/latency-histogram/
 */

const STEPS_PER_DOUBLING = 8;
/** Up to some 17 s, longer ones among them. */
const DOUBLINGS = 34;
/** Shorter calls count to the first bound that is shown. */
const FIRST_BOUND_NS = 1_024;

export class LatencyHistogram {
  readonly #counts = new Float64Array(STEPS_PER_DOUBLING * DOUBLINGS);
  #total = 0;

  /** So many calls took as long as each other. */
  note(microsEach: number, calls: number): void {
    const step = Math.floor(STEPS_PER_DOUBLING * Math.log2(Math.max(1, microsEach * 1_000)));
    this.#counts[Math.min(step, this.#counts.length - 1)]! += calls;
    this.#total += calls;
  }

  /** A time that so many percent of the calls did not exceed, microseconds. */
  percentile(percent: number): number {
    let left = (this.#total * percent) / 100;
    let step = 0;
    while (step < this.#counts.length - 1 && left > this.#counts[step]!) left -= this.#counts[step++]!;
    return 2 ** ((step + 1) / STEPS_PER_DOUBLING) / 1_000;
  }

  /**
   * Of `calls`, of which those that were timed tell, how many took no longer than bounds that double, microseconds: those bounds
   * below which there are more than below the one before. A bound is shown as Redis does, with what it takes for the same time.
   */
  cumulative(calls: number): readonly (readonly [bound: number, calls: number])[] {
    const bounds: [number, number][] = [];
    let counted = 0;
    let shown = 0;
    const first = STEPS_PER_DOUBLING * Math.log2(FIRST_BOUND_NS);
    for (let end = first, step = 0; counted < this.#total && end <= this.#counts.length; end += STEPS_PER_DOUBLING) {
      for (; step < end; step++) counted += this.#counts[step]!;
      if (counted === shown) continue;
      shown = counted;
      const bound = Math.floor((2 ** (end / STEPS_PER_DOUBLING) * (1 + 1 / 128) - 1) / 1_000);
      bounds.push([bound, Math.round((counted / this.#total) * calls)]);
    }
    return bounds;
  }
}
