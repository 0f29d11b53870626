/**
 * Every file of sqllogictest to the server and to a PostgreSQL 15 beside it, statement by statement through the simple
 * protocol, on a connection of its own. Answers are not looked at here: `test/conformance/sqllogictest.test.ts` does that.
 *
 * Files are run three times on each side, alternating. A line has what a statement took in the second and third run, and
 * in the first, ours and PostgreSQL's in microseconds: as the client waited, and processor time of the server: of our main
 * thread, and of all threads. `npm run bench -- logic TEXT [FOLDER]` runs the files, of another folder, whose path holds TEXT.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type LogicRecord, parseLogicTest } from '../conformance/sqllogictest.ts';
import { ServerProcess } from '../support/server.ts';
import { startPostgres } from '../wire/postgres-reference.ts';
import { atRest, mainThreadUs, processorUs } from './processor-time.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'shared', 'conformance', 'sqllogictest');
const RUNS = 3;

interface Target {
  readonly port: number;
  readonly database: string;
  /** The first process of the server. */
  readonly pid: number;
}

/** What a statement took, in microseconds. */
interface Taken {
  readonly waitedUs: number;
  readonly threadsUs: number;
  readonly mainUs: number;
}

/** Returns the lines to print. */
export async function run(): Promise<readonly string[]> {
  const folder = process.argv[4] ?? FOLDER;
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test') && name.includes(process.argv[3] ?? ''))
    .sort();
  const postgres = await startPostgres();
  if (postgres === undefined) return ['logic: PostgreSQL 15 is not installed'];
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-logic-'));
  let orbit: ServerProcess | undefined;
  const lines: string[] = [];
  try {
    orbit = await ServerProcess.start({ dataDir: directory, args: ['--durability', 'process'] });
    await atRest(orbit.pid);
    const ours = { port: orbit.port('postgres'), database: 'actors', pid: orbit.pid };
    const theirs = { port: postgres.config.port, database: postgres.config.database, pid: postgres.pid };
    for (const name of names) {
      const { records } = parseLogicTest(readFileSync(join(folder, name), 'utf8'));
      const our: Taken[] = [];
      const their: Taken[] = [];
      for (let i = 0; i < RUNS; i++) {
        our.push(await runFile(ours, records));
        their.push(await runFile(theirs, records));
      }
      lines.push(lineOf(name, our, their));
    }
  } finally {
    await orbit?.kill();
    await rm(directory, { recursive: true, force: true });
    await postgres.stop();
  }
  return lines;
}

function lineOf(name: string, our: readonly Taken[], their: readonly Taken[]): string {
  const mean = (runs: readonly Taken[], of: (run: Taken) => number): number =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
  const pair = (ourUs: number, theirUs: number): string =>
    `${ourUs.toFixed(0).padStart(5)} / ${theirUs.toFixed(0).padStart(4)} us ${(ourUs / theirUs).toFixed(2)}x`;
  const [firstOfOurs, ...laterOfOurs] = our;
  const [firstOfTheirs, ...laterOfTheirs] = their;
  const waited = pair(
    mean(laterOfOurs, (run) => run.waitedUs),
    mean(laterOfTheirs, (run) => run.waitedUs),
  );
  const theirThreads = mean(laterOfTheirs, (run) => run.threadsUs);
  const main = pair(
    mean(laterOfOurs, (run) => run.mainUs),
    theirThreads,
  );
  const threads = pair(
    mean(laterOfOurs, (run) => run.threadsUs),
    theirThreads,
  );
  const first = pair(firstOfOurs!.waitedUs, firstOfTheirs!.waitedUs);
  return `${name.padEnd(36)} waited ${waited}   main thread ${main}   all threads ${threads}   first time, waited ${first}`;
}

async function runFile({ port, database, pid }: Target, records: readonly LogicRecord[]): Promise<Taken> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database });
  await client.connect();
  const before = await processorUs(pid);
  const mainBefore = await mainThreadUs(pid);
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
  const each = 1 / records.length;
  return {
    waitedUs: tookMs * 1_000 * each,
    threadsUs: ((await processorUs(pid)) - before) * each,
    mainUs: ((await mainThreadUs(pid)) - mainBefore) * each,
  };
}
