/** A slice of what `npm run soak -- sql-isolation` runs, at each level. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PgServer, startPgServer } from '../wire/pg-server.ts';
import { runSqlBank, runSqlListAppend } from './sql-histories.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';

describe('transactions of SQL', () => {
  let server: PgServer;

  beforeAll(async () => {
    server = await startPgServer();
  });

  afterAll(async () => {
    await server?.stop();
  });

  for (const level of ['read committed', 'repeatable read', 'serializable'] as const) {
    for (const run of [runSqlListAppend, runSqlBank]) {
      test(`${run.name} at ${level} shows nothing that the level forbids`, async () => {
        const { anomalies, committed } = await run({
          config: server.config,
          seed,
          level,
          transactions: 300,
          clients: 6,
        });
        expect(anomalies).toEqual([]);
        expect(committed).toBeGreaterThan(50);
      }, 120_000);
    }
  }
});
