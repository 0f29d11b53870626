/**
 * Which sums of which shards give which other shards. The arithmetic on bytes is the kernel's (kernel.ts).
 *
 * A plan names the shards to read, in ascending order, and holds a row of coefficients for each shard wanted. Plans are
 * kept: what is lost stays lost for many reads.
 */

import { assert } from '../../base/assert.ts';
import { OperationError } from '../../base/errors.ts';
import { codeMatrix, invert, type Matrix, product } from './galois.ts';

export interface Ratio {
  readonly dataShards: number;
  readonly parityShards: number;
}

export const DEFAULT_RATIO: Ratio = { dataShards: 10, parityShards: 4 };
/** SeaweedFS keeps sets of shards in 32 bits. */
export const SHARDS_MAX = 32;

/** @throws OperationError `unsupported` for a ratio that cannot be stored. */
export function checkRatio({ dataShards, parityShards }: Ratio): void {
  const whole = Number.isInteger(dataShards) && Number.isInteger(parityShards);
  if (whole && dataShards >= 1 && parityShards >= 1 && dataShards + parityShards <= SHARDS_MAX) return;
  throw new OperationError('unsupported', `erasure coding with ${dataShards} + ${parityShards} shards`, {
    hint: `At least one of each, at most ${SHARDS_MAX} together; the usual ratio is 10 + 4.`,
  });
}

export interface Plan {
  /** Shards to read, ascending; as many as data shards. */
  readonly sources: readonly number[];
  readonly targets: readonly number[];
  /** For each target a coefficient for each source. */
  readonly rows: Matrix;
}

const PLANS_MAX = 1_024;

export class ReedSolomon {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly shards: number;
  readonly #matrix: Matrix;
  readonly #plans = new Map<string, Plan>();

  constructor(ratio: Ratio) {
    checkRatio(ratio);
    this.dataShards = ratio.dataShards;
    this.parityShards = ratio.parityShards;
    this.shards = ratio.dataShards + ratio.parityShards;
    this.#matrix = codeMatrix(ratio.dataShards, ratio.parityShards);
  }

  /** Parity from data. */
  get encoding(): Plan {
    const all = Array.from({ length: this.shards }, (_, shard) => shard);
    return this.plan(all.slice(0, this.dataShards), all.slice(this.dataShards));
  }

  /**
   * Targets from the first `dataShards` of `present` (ascending).
   * @throws OperationError `corruption` when fewer are present.
   */
  plan(present: readonly number[], targets: readonly number[]): Plan {
    if (present.length < this.dataShards) throw tooFewShards(present.length, this.dataShards);
    const sources = present.slice(0, this.dataShards);
    const key = `${sources.join()} ${targets.join()}`;
    const kept = this.#plans.get(key);
    if (kept !== undefined) return kept;
    assert(
      sources.every((shard, i) => shard < this.shards && (i === 0 || sources[i - 1]! < shard)),
      () => `sources ${sources.join()} are not ascending shards`,
    );
    const fromSources = invert(sources.map((shard) => this.#matrix[shard]!));
    const plan = {
      sources,
      targets,
      rows: product(
        targets.map((shard) => this.#matrix[shard]!),
        fromSources,
      ),
    };
    if (this.#plans.size >= PLANS_MAX) this.#plans.clear();
    this.#plans.set(key, plan);
    return plan;
  }
}

export function tooFewShards(present: number, needed: number): OperationError {
  return new OperationError('corruption', `${present} intact shards are left, ${needed} are needed`, {
    hint: 'Bring more shards of this volume into its directory.',
  });
}
