/**
 * Every file of sqllogictest to the server and to a PostgreSQL 15 beside it, statement by statement through the simple
 * protocol, on a connection of its own. Answers are not looked at here: `test/conformance/sqllogictest.test.ts` does that.
 *
 * Files are run three times on each side, the first time to warm up, alternating; the lines have the statements per second
 * of the median and the processor time of the server. `npm run bench -- logic TEXT` runs the files whose path holds TEXT.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type LogicRecord, parseLogicTest } from '../conformance/sqllogictest.ts';
import { ServerProcess } from '../support/server.ts';
import { startPostgres } from '../wire/postgres-reference.ts';
import { format, type Measured, median } from './compare.ts';
import { processorUs } from './processor-time.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'shared', 'conformance', 'sqllogictest');
const RUNS = 3;

interface Target {
  readonly port: number;
  readonly database: string;
  /** The first process of the server. */
  readonly pid: number;
}

/** Returns the lines to print. */
export async function run(): Promise<readonly string[]> {
  const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test') && name.includes(process.argv[3] ?? ''))
    .sort();
  const postgres = await startPostgres();
  if (postgres === undefined) return ['logic: PostgreSQL 15 is not installed'];
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-logic-'));
  let orbit: ServerProcess | undefined;
  const lines: string[] = [];
  try {
    orbit = await ServerProcess.start({ dataDir: directory, args: ['--durability', 'process'] });
    const ours = { port: orbit.port('postgres'), database: 'actors', pid: orbit.pid };
    const theirs = { port: postgres.config.port, database: postgres.config.database, pid: postgres.pid };
    for (const name of names) {
      const { records } = parseLogicTest(readFileSync(join(FOLDER, name), 'utf8'));
      const our: Measured[] = [];
      const their: Measured[] = [];
      for (let i = 0; i < RUNS; i++) {
        our.push(await runFile(ours, records));
        their.push(await runFile(theirs, records));
      }
      lines.push(lineOf(name, our.slice(1), their.slice(1)));
    }
  } finally {
    await orbit?.kill();
    await rm(directory, { recursive: true, force: true });
    await postgres.stop();
  }
  return lines;
}

function lineOf(name: string, our: readonly Measured[], their: readonly Measured[]): string {
  const rate = (runs: readonly Measured[]): number => median(runs.map((each) => each.rate));
  const processor = (runs: readonly Measured[]): number => median(runs.map((each) => each.processorUs));
  return (
    `${name.padEnd(34)} orbit ${format(rate(our))} statements/s  PostgreSQL ${format(rate(their))} statements/s  ` +
    `ratio ${(rate(our) / rate(their)).toFixed(2)}x   processor ${processor(our).toFixed(0)} / ${processor(their).toFixed(0)} us  ` +
    `ratio ${(processor(their) / processor(our)).toFixed(2)}x`
  );
}

async function runFile({ port, database, pid }: Target, records: readonly LogicRecord[]): Promise<Measured> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database });
  await client.connect();
  const before = await processorUs(pid);
  const start = performance.now();
  for (const { sql } of records) await client.query(sql).catch(() => {});
  const tookMs = performance.now() - start;
  const relations = records.flatMap(
    ({ sql }) => /^\s*create\s+(table|view)\s+(\w+)/i.exec(sql)?.slice(1, 3).join(' ') ?? [],
  );
  for (const relation of new Set(relations)) await client.query(`drop ${relation} cascade`).catch(() => {});
  await client.end();
  // A process of PostgreSQL is counted once it has ended.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const us = (await processorUs(pid)) - before;
  return { rate: (records.length / tookMs) * 1_000, processorUs: us / records.length };
}
