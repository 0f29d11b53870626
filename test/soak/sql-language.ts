/**
 * Whole random queries beside PostgreSQL 18 within the process and PostgreSQL 15: see test/wire/query-differential.ts. Where 15 is installed,
 * 18 gets all statements of the first seed, and of the others those that 15 and this server answer differently.
 */

import { runQueryDifferential } from '../wire/query-differential.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const STATEMENTS = 200_000;
/** Statements of one seed, on servers of their own. */
const STATEMENTS_PER_SEED = 10_000;
const DIFFERENCES_MAX = 20;

/** `seed`: the first of those that follow each other. */
export async function sqlLanguage({ seed, count = STATEMENTS, progress }: SoakOptions): Promise<SoakResult> {
  const problems: string[] = [];
  const explained: Record<string, number> = {};
  let [compared, errors, seeds] = [0, 0, 0];
  while (compared < count && problems.length < DIFFERENCES_MAX) {
    const own = seed + seeds++;
    const report = await runQueryDifferential({
      seed: own,
      statements: Math.min(STATEMENTS_PER_SEED, count - compared),
      differencesMax: DIFFERENCES_MAX,
      newest: own === seed ? 'each' : 'differing',
      progress: (line) => progress(`seed ${own}: ${line}`),
    });
    compared += report.compared;
    errors += report.errors;
    for (const [why, times] of Object.entries(report.explained)) explained[why] = (explained[why] ?? 0) + times;
    problems.push(...report.differences.map((difference) => `seed ${own}: ${difference}`));
    progress(`seed ${own}: ${report.compared} statements, ${report.differences.length} differences`);
  }
  for (const [why, times] of Object.entries(explained)) progress(`${times} times ${why}`);
  const meant = Object.values(explained).reduce((sum, times) => sum + times, 0);
  return {
    problems,
    line:
      `${compared.toLocaleString('en')} statements of ${seeds} seeds, ${errors.toLocaleString('en')} of them refused by all alike, ` +
      `${problems.length} differences, ${meant} explained ones`,
  };
}
