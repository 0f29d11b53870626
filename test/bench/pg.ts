/**
 * pgbench at scale 10 to the server and to a PostgreSQL 15 beside it, runs alternating: point reads prepared and simple, then
 * TPC-B with every commit synced on both sides, whose balances must add up afterwards.
 *
 * Each line has two ratios: of rates, and of the processor time of the server per transaction, of which the load generator
 * and other users of the machine have less to say.
 *
 * Needs pgbench and PostgreSQL 15. `--seconds` sets how long a run takes, 2 by default; `npm run bench -- pg TEXT`
 * runs only the lines whose name holds TEXT.
 */

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { ServerProcess } from '../support/server.ts';
import { startPostgres } from '../wire/postgres-reference.ts';
import { compare, type Measured } from './compare.ts';
import { SECONDS, WORDS } from './options.ts';
import { atRest, processorUs } from './processor-time.ts';

const SCALE = 10;
const WARM_UP_SECONDS = 15;
const execute = promisify(execFile);

interface Target {
  readonly port: number;
  readonly database: string;
  /** The first process of the server. */
  readonly pid: number;
}

const CASES = [
  { name: 'pg select prepared -c 8', args: ['-S', '-M', 'prepared', '-c', '8'] },
  { name: 'pg select prepared -c 32', args: ['-S', '-M', 'prepared', '-c', '32'] },
  { name: 'pg select simple -c 8', args: ['-S', '-M', 'simple', '-c', '8'] },
  { name: 'pg tpc-b simple -c 16', args: ['-M', 'simple', '-c', '16'] },
] as const;

/** Returns the lines to print. */
export async function run(): Promise<readonly string[]> {
  if (spawnSync('pgbench', ['--version']).status !== 0) return ['pg: pgbench is not installed'];
  const postgres = await startPostgres({ sync: true });
  if (postgres === undefined) return ['pg: PostgreSQL 15 is not installed'];
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-pg-'));
  let orbit: ServerProcess | undefined;
  const lines: string[] = [];
  try {
    orbit = await ServerProcess.start({ dataDir: directory, args: ['--durability', 'disk'] });
    await atRest(orbit.pid);
    const ours = { port: orbit.port('postgres'), database: 'actors', pid: orbit.pid };
    const theirs = { port: postgres.config.port, database: postgres.config.database, pid: postgres.pid };
    for (const target of [ours, theirs]) await pgbench(target, ['-i', '-s', String(SCALE), '-q']);
    // Both have work left of the load, and empty caches.
    for (const script of [
      ['-S', '-c', '8'],
      ['-c', '16'],
    ]) {
      for (const target of [ours, theirs]) await pgbench(target, ['-n', ...script, '-T', String(WARM_UP_SECONDS)]);
    }
    for (const { name, args } of CASES.filter((each) => each.name.includes(WORDS[0] ?? ''))) {
      lines.push(
        await compare({
          name,
          unit: 'tps',
          ours: () => measure(ours, args),
          peer: () => measure(theirs, args),
          peerName: 'postgres',
        }),
      );
    }
    for (const target of [ours, theirs]) await checkBalances(target);
  } finally {
    await orbit?.stop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
  return lines;
}

/** @throws when any transaction failed. */
async function measure(target: Target, args: readonly string[]): Promise<Measured> {
  const before = await processorUs(target.pid);
  const output = await pgbench(target, ['-n', '-T', String(SECONDS), ...args]);
  // PostgreSQL's first process learns of what a connection's took when that has ended.
  await delay(200);
  const spent = (await processorUs(target.pid)) - before;
  const rate = Number(/^tps = ([\d.]+)/m.exec(output)?.[1]);
  const count = Number(/actually processed: (\d+)/.exec(output)?.[1]);
  if (!(rate > 0) || !/failed transactions: 0 /.test(output)) throw new Error(`pgbench failed:\n${output}`);
  return { rate, processorUs: spent / count };
}

/** Every transaction of TPC-B adds one amount to an account, a teller and a branch, and notes it. */
async function checkBalances({ port, database }: Target): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database });
  await client.connect();
  const sums: unknown[] = [];
  for (const [table, column] of [
    ['pgbench_accounts', 'abalance'],
    ['pgbench_tellers', 'tbalance'],
    ['pgbench_branches', 'bbalance'],
    ['pgbench_history', 'delta'],
  ]) {
    const { rows } = await client.query(`SELECT coalesce(sum(${column}), 0) AS sum FROM ${table}`);
    sums.push(rows[0].sum);
  }
  await client.end();
  if (new Set(sums).size !== 1) throw new Error(`balances differ: accounts, tellers, branches, history ${sums.join()}`);
}

async function pgbench({ port, database }: Target, args: readonly string[]): Promise<string> {
  const { stdout } = await execute('pgbench', [
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-U',
    'orbit',
    ...args,
    database,
  ]);
  return stdout;
}
