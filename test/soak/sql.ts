/** Random SQL beside PostgreSQL 18, with all that the generator has, mixed types among it. */

import { runSqlDifferential } from '../wire/sql-differential.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const STATEMENTS = 20_000;
const DIFFERENCES_MAX = 20;

export async function sql({ seed, count = STATEMENTS, store, progress }: SoakOptions): Promise<SoakResult> {
  const report = await runSqlDifferential({
    seed,
    statements: count,
    differencesMax: DIFFERENCES_MAX,
    learnt: true,
    mixed: true,
    ...(store && { provider: store }),
    progress,
  });
  const { compared, errors, differences, missing, pending, learnt, explained } = report;
  for (const name of pending) progress(`not here yet: ${name}`);
  for (const name of learnt) progress(`here by now, so no longer pending: ${name}`);
  for (const [why, times] of Object.entries(explained)) progress(`${times} times ${why}`);
  const meant = Object.values(explained).reduce((sum, times) => sum + times, 0);
  return {
    problems: [
      ...differences.map((difference) => `seed ${seed}: ${difference}`),
      ...missing.map((name) => `missing: ${name}`),
    ],
    line:
      `${compared.toLocaleString('en')} statements, ${errors.toLocaleString('en')} of them refused by both alike, ` +
      `${differences.length} differences, ${meant} explained ones; ${pending.length} rows of the generator not here yet`,
  };
}
