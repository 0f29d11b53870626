/**
 * kill -9, over and over: writers of both protocols, the server killed at a random moment, started again on the same
 * directory, and everything compared with the ledgers. Some rounds kill it once more while it recovers.
 *
 * What this shows: no acknowledged write is lost, none is torn, none is invented, and recovery is quick. What it does not:
 * power loss, as the page cache of the system survives a killed process (`test/wire/server-crash.test.ts` shows that
 * replies leave after the sync, simulation loses what was not synced).
 */

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { median } from '../bench/compare.ts';
import { processorUs } from '../bench/processor-time.ts';
import { NODE_FLAGS, ROOT, ServerProcess } from '../support/server.ts';
import { TikvProcess } from '../support/tikv-process.ts';
import type { SoakOptions, SoakResult } from './soak.ts';
import {
  checkTables,
  connectPostgres,
  PostgresWriter,
  RedisWriter,
  type Run,
  runOf,
  SCHEMA,
  SHARED_COUNTER,
  SharedCounter,
  type Writer,
} from './writers.ts';

const REDIS_WRITERS = 6;
const POSTGRES_WRITERS = 4;
const ROUNDS = 50;
const KILL_AFTER_MS: readonly [number, number] = [300, 2_000];
/** Of these rounds one kills the recovery as well. */
const RECOVERY_KILLED_EVERY = 5;
const READY_MS_MAX = 2_000;

export interface KillReport {
  readonly problems: readonly string[];
  readonly acknowledged: number;
  /** Found although not acknowledged. */
  readonly survived: number;
  /** From spawn to the end of the start screen, after each kill, and what it took of processors. */
  readonly readyMs: readonly number[];
  readonly processorMs: readonly number[];
  readonly recoveriesKilled: number;
}

export interface KillOptions {
  readonly seed: number | string;
  readonly rounds: number;
  readonly killAfterMs?: readonly [number, number];
  /** Nor before so many writes of the round were acknowledged. Default 0. */
  readonly killAfterWrites?: number;
  /** Of `orbit start`. */
  readonly args?: readonly string[];
  /** Of the server, beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Removes the data directory even when something is wrong with it. */
  readonly discard?: boolean;
  readonly progress?: (line: string) => void;
}

/** Stops at the first round with a problem. */
export async function runKill({
  seed,
  rounds,
  killAfterMs = KILL_AFTER_MS,
  killAfterWrites = 0,
  args = [],
  env = {},
  discard = false,
  progress = () => {},
}: KillOptions): Promise<KillReport> {
  const random = new SeededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-kill-'));
  const shared = new SharedCounter();
  const redisWriters = Array.from({ length: REDIS_WRITERS }, (_, i) => new RedisWriter(i, random, shared));
  const writers: Writer[] = [
    ...redisWriters,
    ...Array.from({ length: POSTGRES_WRITERS }, (_, i) => new PostgresWriter(i, random)),
  ];
  const problems: string[] = [];
  const readyMs: number[] = [];
  const startMs: number[] = [];
  let recoveriesKilled = 0;
  let server = ServerProcess.spawn({ dataDir, args, env });
  try {
    await server.ready;
    await createSchema(server);
    await Promise.all(writers.map((writer) => writer.prepare(runOf(server))));
    for (let round = 1; round <= rounds && problems.length === 0; round++) {
      const run = runOf(server);
      const writing = Promise.all(writers.map((writer) => writer.write(run)));
      const acknowledgedBefore = sumOf(writers);
      await sleep(random.between(...killAfterMs));
      // Writers come to an end when the server does: then there is nothing to wait for.
      while (sumOf(writers) - acknowledgedBefore < killAfterWrites && !server.ended && problemsOf(writers) === 0) {
        await sleep(5);
      }
      if (server.ended) {
        problems.push(`the server ended by itself\n${server.stderr}`);
        break;
      }
      run.killed = true;
      run.stopping = true;
      await server.kill();
      await writing;
      if (round % RECOVERY_KILLED_EVERY === 0) {
        const recovering = ServerProcess.spawn({ dataDir, args, env });
        await sleep(random.between(50, 400));
        await recovering.kill();
        recoveriesKilled++;
      }
      server = ServerProcess.spawn({ dataDir, args, env });
      const ready = await server.ready;
      readyMs.push(ready);
      startMs.push((await processorUs(server.pid)) / 1_000);
      problems.push(...writers.flatMap((writer) => writer.problems.splice(0)));
      problems.push(...(await verify(runOf(server), writers, redisWriters, shared)));
      progress(`round ${round}: ${sumOf(writers)} writes acknowledged so far, ready after ${Math.round(ready)} ms`);
    }
    if (problems.length === 0 && (await server.stop()) !== 0) problems.push('the last stop was no success');
  } catch (error) {
    problems.push(`${error instanceof Error ? error.stack : error}\n${server.stderr}`);
  } finally {
    await server.kill();
    if (discard || problems.length === 0) await rm(dataDir, { recursive: true, force: true });
    else problems.push(`the data directory is left in ${dataDir}`);
  }
  return {
    problems: problems.map((problem) => `seed ${seed}: ${problem}`),
    acknowledged: sumOf(writers),
    survived: writers.reduce((sum, { ledger }) => sum + ledger.survivedTotal, 0),
    readyMs,
    processorMs: startMs,
    recoveriesKilled,
  };
}

export async function kill(options: SoakOptions): Promise<SoakResult> {
  const rounds = options.rounds ?? ROUNDS;
  const cluster = options.store === 'tikv' ? await TikvProcess.start() : undefined;
  const { seed, progress } = options;
  // As `npm start` does.
  const scratch = await mkdtemp(join(tmpdir(), 'orbit-kill-cache-'));
  const cache = join(scratch, 'cache');
  execFileSync(process.execPath, [...NODE_FLAGS, join(ROOT, 'scripts/fill-compile-cache.mjs'), cache], {
    stdio: 'ignore',
  });
  const env = { NODE_COMPILE_CACHE: cache, ...cluster?.environment };
  const report = await runKill({ seed, rounds, progress, env });
  await rm(scratch, { recursive: true, force: true });
  cluster?.stop();
  const slowest = Math.max(...report.readyMs);
  const problems = [...report.problems];
  for (const readyMs of report.readyMs) {
    if (cluster === undefined && readyMs > READY_MS_MAX)
      problems.push(`a restart took ${Math.round(readyMs)} ms, more than ${READY_MS_MAX}`);
  }
  return {
    problems,
    line:
      `${report.readyMs.length} kills and ${report.recoveriesKilled} more during recovery, ` +
      `${report.acknowledged.toLocaleString('en')} acknowledged writes, ` +
      `${report.problems.length === 0 ? 'none lost, none torn, none invented' : 'NOT ALL KEPT'}; ` +
      `${report.survived.toLocaleString('en')} unacknowledged ones were found whole; ` +
      `ready after ${Math.round(median(report.readyMs))} ms (median), ${Math.round(slowest)} ms (slowest), ` +
      `with ${Math.round(median(report.processorMs))} ms of processor time (median)`,
  };
}

async function createSchema(server: ServerProcess): Promise<void> {
  const client = await connectPostgres(server.port('postgres'));
  for (const sql of SCHEMA) await client.query(sql);
  await client.end();
}

async function verify(
  run: Run,
  writers: readonly Writer[],
  redisWriters: readonly RedisWriter[],
  shared: SharedCounter,
): Promise<string[]> {
  const problems: string[] = [];
  for (const writer of writers) {
    problems.push(...writer.ledger.verify(await writer.read(run)));
    writer.resume();
  }
  const redis = new Redis({ port: run.ports.redis, retryStrategy: null });
  try {
    // Read once more, through a stock client: the same, and nothing else is there.
    let known = 0;
    for (const { keys, ledger } of redisWriters) {
      const values = await redis.mget([...keys]);
      keys.forEach((key, i) => {
        if ((values[i] ?? undefined) !== ledger.found.get(key)) problems.push(`MGET and GET disagree on ${key}`);
      });
      known += ledger.found.size;
    }
    const counter = await redis.get(SHARED_COUNTER);
    problems.push(...shared.verify(Number(counter ?? 0)));
    const size = await redis.dbsize();
    if (counter !== null) known++;
    if (size !== known) problems.push(`DBSIZE is ${size}, the writers know ${known} keys`);
  } finally {
    redis.disconnect();
  }
  const rows = writers.filter((writer) => !redisWriters.includes(writer as RedisWriter));
  problems.push(
    ...(await checkTables(
      run,
      rows.reduce((sum, { ledger }) => sum + ledger.found.size, 0),
    )),
  );
  return problems;
}

function problemsOf(writers: readonly Writer[]): number {
  return writers.reduce((sum, { problems }) => sum + problems.length, 0);
}

function sumOf(writers: readonly Writer[]): number {
  return writers.reduce((sum, { ledger }) => sum + ledger.acknowledgedTotal, 0);
}
