/**
 * Every golden script in this folder, against the PostgreSQL port over a store in memory.
 * `ORBIT_TEST_REWRITE=1` writes down what the server answers now; the diff is there to be reviewed.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { startPgServer } from '../../wire/pg-server.ts';
import { answerOf, parseScript, printScript, type ScriptBlock } from './script.ts';

const folder = import.meta.dirname;

for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
  test(`${name} answers what is written down`, async () => {
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    const server = await startPgServer();
    const client = new pg.Client(server.config);
    await client.connect();
    try {
      const answered: ScriptBlock[] = [];
      for (const block of parseScript(text)) {
        const expected = block.statement === '' ? '' : await answerOf(client, block.statement);
        answered.push({ ...block, expected });
      }
      if (process.env.ORBIT_TEST_REWRITE === '1') writeFileSync(path, printScript(answered));
      else expect(printScript(answered)).toBe(text);
    } finally {
      await client.end();
      await server.stop();
    }
  });
}
