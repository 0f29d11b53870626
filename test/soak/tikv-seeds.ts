/**
 * The randomized run of the TiKV client over many seeds, on virtual time in one process: sixteen workers on clients with
 * clocks of their own, among splits, leader changes, restarts of stores, lost replies and clients that die.
 */

import { chaos } from '../../packages/tikv-client-node/test/support/chaos.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const SEEDS = 100;

export async function tikvSeeds({ seed, count = SEEDS, progress }: SoakOptions): Promise<SoakResult> {
  const problems: string[] = [];
  const told: Record<string, number> = {};
  let runs = 0;
  for (; runs < count && problems.length === 0; runs++) {
    const own = (seed + runs) >>> 0;
    const result = await chaos(own);
    problems.push(...result.violations.map((violation) => `ORBIT_TEST_SEED=${own}: ${violation}`));
    for (const [what, times] of Object.entries(result.told)) told[what] = (told[what] ?? 0) + times;
    if ((runs + 1) % 10 === 0) progress(`${runs + 1} seeds`);
  }
  const outcomes = Object.entries(told).map(([what, times]) => `${times.toLocaleString('en')} ${what}`);
  return {
    problems,
    line: `seeds ${seed} to ${seed + runs - 1}, ${outcomes.join(', ')}: ${problems.length} violations`,
  };
}
