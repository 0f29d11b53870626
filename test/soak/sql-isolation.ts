/** A hundred thousand transactions of SQL for each isolation level, in histories small enough to be checked whole. */

import { startPgServer } from '../wire/pg-server.ts';
import type { SoakOptions, SoakResult } from './soak.ts';
import { runSqlBank, runSqlListAppend, type SqlLevel } from './sql-histories.ts';

const TRANSACTIONS = 100_000;
const PER_HISTORY = 2_000;
const CLIENTS = 8;
const LEVELS: readonly SqlLevel[] = ['read committed', 'repeatable read', 'serializable'];

/** `count`: transactions to attempt at each level. */
export async function sqlIsolation({ seed, count = TRANSACTIONS, progress }: SoakOptions): Promise<SoakResult> {
  const problems: string[] = [];
  const summaries: string[] = [];
  const server = await startPgServer();
  try {
    for (const level of LEVELS) {
      let committed = 0;
      let refused = 0;
      let attempted = 0;
      for (let number = 0; attempted < count && problems.length === 0; number++) {
        const run = number % 2 === 0 ? runSqlListAppend : runSqlBank;
        const transactions = Math.min(PER_HISTORY, count - attempted);
        const options = {
          config: server.config,
          seed: `${seed}/${level}/${number}`,
          level,
          transactions,
          clients: CLIENTS,
        };
        const result = await run(options);
        committed += result.committed;
        refused += result.refused;
        attempted += transactions;
        problems.push(...result.anomalies);
      }
      summaries.push(`${level} ${committed.toLocaleString('en')} committed, ${refused.toLocaleString('en')} refused`);
      progress(summaries.at(-1)!);
    }
  } finally {
    await server.stop();
  }
  return { problems, line: `${summaries.join('; ')}; ${problems.length} anomalies` };
}
