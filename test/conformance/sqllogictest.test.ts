/**
 * The public sqllogictest files, as far as they lie beside this repository (`../shared/conformance/sqllogictest`); skipped
 * where they do not. Of each file every so many queries are asked; `ORBIT_TEST_SQLLOGIC=all` asks all of them.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SqlSession } from '../../src/query/sql/sql-session.ts';
import { startPgServer } from '../wire/pg-server.ts';
import { parseLogicTest, runRecord } from './sqllogictest.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'shared', 'conformance', 'sqllogictest');
/**
 * What PostgreSQL refuses or answers otherwise too: an empty list, text where a number must be, one column assigned twice,
 * constants beyond an integer, NULLIF of an integer and an average, a division by zero that SQLite answers with null, views
 * that cannot be written, a bit string compared with integers.
 */
const SQLITE_ONLY = [
  /syntax error at or near "\)"/,
  /invalid input syntax for type integer: "hello"/,
  /^SELECT count\(\*\) FROM t1 WHERE x=[45]: /,
  /multiple assignments to same column/,
  /integer out of range$/,
  /NULLIF \( \+ 53, \+ \+ COUNT/,
  /- 22 \* 52 \+ 20 \/ \+ COALESCE .*: failed: division by zero$/,
  /x'303132' (NOT )?IN /,
  /^(DELETE FROM|UPDATE) view1 .*: should have failed$/,
];
const QUERIES_PER_FILE = process.env.ORBIT_TEST_SQLLOGIC === 'all' ? Number.POSITIVE_INFINITY : 150;

const files = existsSync(folder)
  ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test'))
  : [];

describe.skipIf(files.length === 0)('sqllogictest (skipped where the files are not there)', () => {
  for (const name of files.sort()) {
    test(`${relative('.', name)} gives the answers on which databases agree`, { timeout: 600_000 }, async () => {
      const { records } = parseLogicTest(readFileSync(join(folder, name), 'utf8'));
      const server = await startPgServer();
      const session = new SqlSession(server.engine, { user: 'orbit', database: 'orbit', processId: 1 });
      const queries = records.filter(({ kind }) => kind === 'query').length;
      const stride = Math.max(1, Math.ceil(queries / QUERIES_PER_FILE));
      const failures: string[] = [];
      let asked = 0;
      let seen = 0;
      for (const record of records) {
        if (record.kind === 'query' && seen++ % stride !== 0) continue;
        asked++;
        const wrong = await runRecord(session, record);
        if (wrong === undefined) continue;
        const sql = record.sql.replaceAll('\n', ' ');
        if (SQLITE_ONLY.some((each) => each.test(`${sql}: ${wrong}`))) asked--;
        else failures.push(`${name}:${record.line} ${sql}: ${wrong}`);
      }
      session.close();
      await server.stop();
      if (process.env.ORBIT_TEST_SQLLOGIC !== undefined) {
        console.info(`${name}: ${asked - failures.length} of ${asked} records pass`);
      }
      expect(failures.slice(0, 20)).toEqual([]);
    });
  }
});
