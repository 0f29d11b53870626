/**
 * pgbench at scale 1 to the server and to a PostgreSQL 15 beside it, runs alternating: point reads prepared and simple, then
 * TPC-B with every commit synced on both sides.
 *
 * Needs pgbench and PostgreSQL 15. ORBIT_BENCH_SECONDS sets how long a run takes, 2 by default.
 */

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ServerProcess } from '../support/server.ts';
import { startPostgres } from '../wire/postgres-reference.ts';
import { compare } from './compare.ts';

const SECONDS = Number(process.env.ORBIT_BENCH_SECONDS ?? 2);
const execute = promisify(execFile);

interface Target {
  readonly port: number;
  readonly database: string;
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
    const ours = { port: orbit.port('postgres'), database: 'actors' };
    const theirs = { port: postgres.config.port, database: postgres.config.database };
    for (const target of [ours, theirs]) await pgbench(target, ['-i', '-s', '1', '-q']);
    for (const { name, args } of CASES) {
      lines.push(
        await compare({
          name,
          unit: 'tps',
          ours: () => rate(ours, args),
          peer: () => rate(theirs, args),
          peerName: 'postgres',
        }),
      );
    }
  } finally {
    await orbit?.stop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
  return lines;
}

/** Transactions a second, without the time for connecting. @throws when any of them failed. */
async function rate(target: Target, args: readonly string[]): Promise<number> {
  const output = await pgbench(target, ['-n', '-T', String(SECONDS), ...args]);
  const tps = Number(/^tps = ([\d.]+)/m.exec(output)?.[1]);
  if (!(tps > 0) || !/failed transactions: 0 /.test(output)) throw new Error(`pgbench failed:\n${output}`);
  return tps;
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
