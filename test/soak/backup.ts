/**
 * `orbit backup` under load and at rest, `orbit restore` into a new directory, and a server on it.
 *
 * Under load the copy must be one cut of everything: what each client finds is a prefix of its writes that holds at least
 * what was acknowledged before the backup began and nothing from after it ended. One client writes to both models in
 * turn, so a cut that took the models at different moments is found out. At rest the content must be the same.
 */

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { runOrbit, ServerProcess } from '../support/server.ts';
import { RawClient } from '../wire/resp-client.ts';
import type { SoakOptions, SoakResult } from './soak.ts';
import {
  checkTables,
  connectPostgres,
  PostgresWriter,
  RedisWriter,
  type Run,
  readKeys,
  runOf,
  SCHEMA,
  SHARED_COUNTER,
  SharedCounter,
} from './writers.ts';

const ROUNDS = 5;
const REDIS_WRITERS = 3;
const POSTGRES_WRITERS = 3;
/** Written before the first backup, so that it takes a while. */
const BALLAST_KEYS = 100_000;
const BALLAST_VALUE = 'b'.repeat(500);
const WARM_UP_MS = 1_000;

export async function backup(options: SoakOptions): Promise<SoakResult> {
  const { seed, rounds = ROUNDS, count = BALLAST_KEYS, progress } = options;
  const folder = await mkdtemp(join(tmpdir(), 'orbit-backup-'));
  const random = new SeededRandom(seed);
  const shared = new SharedCounter();
  const redisWriters = Array.from({ length: REDIS_WRITERS }, (_, i) => new RedisWriter(i, random, shared));
  const postgresWriters = Array.from({ length: POSTGRES_WRITERS }, (_, i) => new PostgresWriter(i, random));
  const writers = [...redisWriters, ...postgresWriters];
  const both = new AlternatingWriter();
  const problems: string[] = [];
  const backupMs: number[] = [];
  const restoreMs: number[] = [];
  let duringBackups = 0;
  const dataDir = join(folder, 'source');
  const server = ServerProcess.spawn({ dataDir });
  const run = (): Run => runOf(server);

  /** Backs up through the running server, restores into a new directory, starts a server there. */
  const copy = async (name: string, onBackup?: () => void): Promise<ServerProcess> => {
    const start = performance.now();
    await succeed('backup', join(folder, `${name}-backup`), '--data-dir', dataDir);
    onBackup?.();
    const backedUp = performance.now();
    await succeed('restore', join(folder, `${name}-backup`), '--data-dir', join(folder, `${name}-copy`));
    backupMs.push(backedUp - start);
    restoreMs.push(performance.now() - backedUp);
    return ServerProcess.start({ dataDir: join(folder, `${name}-copy`) });
  };
  const discard = async (name: string, restored: ServerProcess): Promise<void> => {
    const code = await restored.stop();
    if (code !== 0) problems.push(`the restored server ended with ${code}\n${restored.stderr}`);
    for (const kind of ['backup', 'copy']) await rm(join(folder, `${name}-${kind}`), { recursive: true, force: true });
  };

  try {
    await server.ready;
    const client = await connectPostgres(server.port('postgres'));
    for (const sql of SCHEMA) await client.query(sql);
    await both.prepare(client);
    await client.end();
    await fill(server.port('redis'), count);
    for (const writer of postgresWriters) await writer.prepare(run());

    for (let round = 1; round <= rounds && problems.length === 0; round++) {
      const writing = run();
      const load = Promise.all([...writers, both].map((writer) => writer.write(writing)));
      await sleep(WARM_UP_MS);
      const acknowledgedBefore = writers.map(({ ledger }) => ledger.acknowledgedCount);
      const sharedBefore = shared.acknowledged;
      const bothBefore = both.acknowledged;
      let attempted: Map<unknown, number> = new Map();
      let sharedAttempted = 0;
      let bothAttempted = 0;
      const restored = await copy(`load-${round}`, () => {
        attempted = new Map(writers.map((writer) => [writer, writer.ledger.attemptedCount]));
        sharedAttempted = shared.attempted;
        bothAttempted = both.attempted;
      });
      writing.stopping = true;
      await load;
      problems.push(...[...writers, both].flatMap((writer) => writer.problems.splice(0)));
      const there = runOf(restored);
      for (const [i, writer] of writers.entries()) {
        const { beyond, problem } = writer.ledger.verifyCut(
          await writer.read(there),
          acknowledgedBefore[i]!,
          attempted.get(writer)!,
        );
        duringBackups += beyond;
        if (problem !== undefined) problems.push(problem);
      }
      const counter = Number((await readKeys(there.ports.redis, [SHARED_COUNTER])).get(SHARED_COUNTER) ?? 0);
      if (counter < sharedBefore || counter > sharedAttempted) {
        problems.push(`the shared counter is ${counter}, not in [${sharedBefore}, ${sharedAttempted}]`);
      }
      problems.push(...(await both.verify(there, bothBefore, bothAttempted)));
      problems.push(...(await checkTables(there, await rowsOf(postgresWriters, there))));
      progress(
        `round ${round}: backup ${Math.round(backupMs.at(-1)!)} ms, restore ${Math.round(restoreMs.at(-1)!)} ms, ` +
          `models cut at ${both.lastCut}`,
      );
      await discard(`load-${round}`, restored);
      for (const writer of writers) {
        problems.push(...writer.ledger.verify(await writer.read(run())));
        writer.resume();
      }
    }

    const restored = await copy('rest');
    const keys = [
      ...redisWriters.flatMap((writer) => writer.keys),
      SHARED_COUNTER,
      BOTH_KEY,
      ...Array.from({ length: count }, (_, i) => ballastKey(i)),
    ];
    const [here, there] = [await contentHash(run(), keys), await contentHash(runOf(restored), keys)];
    if (here !== there) problems.push(`content at rest ${here}, restored ${there}`);
    await discard('rest', restored);
  } catch (error) {
    problems.push(`${error instanceof Error ? error.stack : error}\n${server.stderr}`);
  } finally {
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  }
  const longest = (values: readonly number[]): number => Math.round(Math.max(0, ...values));
  return {
    problems: problems.map((problem) => `seed ${seed}: ${problem}`),
    line:
      `${rounds} backups under load, each one cut of both models, with ${duringBackups.toLocaleString('en')} writes ` +
      `that were acknowledged while they ran; one at rest with the same content; at most ${longest(backupMs)} ms to back up, ` +
      `${longest(restoreMs)} ms to restore`,
  };
}

// ---- One client, both models

const BOTH_KEY = 'both';

/** Writes n with Redis, then n with SQL, then n + 1 with Redis: at any moment the row is at most one behind the key. */
class AlternatingWriter {
  readonly problems: string[] = [];
  attempted = 0;
  acknowledged = 0;
  lastCut = '';

  async prepare(client: { query(sql: string): Promise<unknown> }): Promise<void> {
    await client.query('CREATE TABLE both_models (id int PRIMARY KEY, n bigint NOT NULL)');
    await client.query('INSERT INTO both_models VALUES (1, 0)');
  }

  async write(run: Run): Promise<void> {
    const redis = await RawClient.connect(run.ports.redis);
    const postgres = await connectPostgres(run.ports.postgres);
    try {
      while (!run.stopping) {
        const n = ++this.attempted;
        const reply = await redis.call('SET', BOTH_KEY, String(n));
        if (reply !== '+OK\r\n') throw new Error(`SET answered ${reply}`);
        await postgres.query('UPDATE both_models SET n = $1 WHERE id = 1', [n]);
        this.acknowledged = n;
      }
    } catch (error) {
      this.problems.push(`the writer of both models: ${error}`);
    } finally {
      redis.close();
      await postgres.end();
    }
  }

  async verify(run: Run, acknowledged: number, attempted: number): Promise<string[]> {
    const client = await connectPostgres(run.ports.postgres);
    const { rows } = await client.query<{ n: string }>('SELECT n FROM both_models WHERE id = 1');
    await client.end();
    const row = Number(rows[0]?.n);
    const key = Number((await readKeys(run.ports.redis, [BOTH_KEY])).get(BOTH_KEY));
    this.lastCut = `redis ${key}, postgres ${row}`;
    const oneCut = key === row || key === row + 1;
    return oneCut && row >= acknowledged && key <= attempted
      ? []
      : [`the models were cut apart: ${this.lastCut}, of ${acknowledged} to ${attempted}`];
  }
}

// ---- Content

function ballastKey(i: number): string {
  return `ballast:${i}`;
}

async function fill(port: number, count: number): Promise<void> {
  const client = await RawClient.connect(port);
  const step = 500;
  for (let from = 0; from < count; from += step) {
    const to = Math.min(from + step, count);
    const args: string[] = [];
    for (let i = from; i < to; i++) args.push(ballastKey(i), `${i}${BALLAST_VALUE}`);
    if ((await client.call('MSET', ...args)) !== '+OK\r\n') throw new Error('the ballast was refused');
  }
  client.close();
}

async function rowsOf(writers: readonly PostgresWriter[], run: Run): Promise<number> {
  let rows = 0;
  for (const writer of writers) rows += (await writer.read(run)).size;
  return rows;
}

/** Of all keys named and all rows, and of how many keys there are. */
async function contentHash(run: Run, keys: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const step = 1_000;
  for (let i = 0; i < keys.length; i += step) {
    for (const entry of await readKeys(run.ports.redis, keys.slice(i, i + step))) hash.update(JSON.stringify(entry));
  }
  const redis = await RawClient.connect(run.ports.redis);
  hash.update(await redis.call('DBSIZE'));
  redis.close();
  const client = await connectPostgres(run.ports.postgres);
  for (const table of ['pairs', 'entries', 'accounts', 'both_models']) {
    const { rows } = await client.query<Record<string, unknown>>(`SELECT * FROM ${table} ORDER BY id`);
    for (const row of rows) hash.update(JSON.stringify(row));
  }
  await client.end();
  return hash.digest('hex').slice(0, 16);
}

async function succeed(...args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runOrbit(...args);
  if (code !== 0) throw new Error(`orbit ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
}
