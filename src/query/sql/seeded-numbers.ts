/**
 * The numbers of `random()` after `setseed`: PostgreSQL 15's, bit by bit (pg_prng.c; xoroshiro128**, seeded by splitmix64). Before
 * it, and on other sessions, `random()` gives chance of the platform.
 */

const MASK = (1n << 64n) - 1n;
const MANTISSA = 2 ** 52;

function rotated(value: bigint, by: bigint): bigint {
  return ((value << by) | (value >> (64n - by))) & MASK;
}

export class SeededNumbers {
  #state: readonly [bigint, bigint] | undefined;

  /** @param seed From -1 to 1. */
  seed(seed: number): void {
    let state = BigInt.asUintN(64, BigInt(Math.trunc((MANTISSA - 1) * seed)));
    const next = (): bigint => {
      state = (state + 0x9e37_79b9_7f4a_7c15n) & MASK;
      let value = state;
      value = ((value ^ (value >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
      value = ((value ^ (value >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
      return value ^ (value >> 31n);
    };
    this.#state = [next(), next()];
  }

  /** From 0, below 1; undefined before `seed`. */
  next(): number | undefined {
    if (this.#state === undefined) return undefined;
    const [first, second] = this.#state;
    const mixed = second ^ first;
    const value = (rotated((first * 5n) & MASK, 7n) * 9n) & MASK;
    this.#state = [(rotated(first, 24n) ^ mixed ^ (mixed << 16n)) & MASK, rotated(mixed, 37n)];
    return Number(value >> 12n) / MANTISSA;
  }
}
