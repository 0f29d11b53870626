/**
 * Clients that mean no good, beside clients that do: what the others feel of it. Each attack runs against a server in a process of its
 * own, while one Redis and one PostgreSQL client ask and wait, over and over; their times are compared with those of a
 * quiet server. Used by the tests, in short, and by `npm run soak -- abuse`.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import pg from 'pg';
import { ServerProcess } from '../support/server.ts';
import { ATTACKS, type AttackOrder, type Ports } from './attacks.ts';
import { RawClient } from './resp-client.ts';

export interface AbuseOptions {
  readonly seed: number | string;
  readonly dataDir: string;
  /** How long each attack lasts. */
  readonly attackMs: number;
  readonly idleConnections: number;
  readonly progress?: (line: string) => void;
}

export interface AttackReport {
  readonly attack: string;
  /** 99th percentile of what the others waited, milliseconds. */
  readonly redisP99Ms: number;
  readonly postgresP99Ms: number;
  /** The most memory the server had meanwhile. */
  readonly memoryBytes: number;
}

export interface AbuseReport {
  readonly quiet: AttackReport;
  readonly attacks: readonly AttackReport[];
  readonly problems: readonly string[];
}

const MEMORY_LIMIT = '256MB';
const VALUE = 'v'.repeat(1_000_000);

export async function runAbuse(options: AbuseOptions): Promise<AbuseReport> {
  const { dataDir, seed, attackMs, idleConnections, progress = () => {} } = options;
  const max = String(idleConnections + 1_000);
  const server = await ServerProcess.start({
    dataDir,
    args: ['--memory-limit', MEMORY_LIMIT],
    env: { ORBIT_REDIS_MAX_CONNECTIONS: max, ORBIT_POSTGRES_MAX_CONNECTIONS: max },
  });
  const ports: Ports = {
    redis: server.port('redis'),
    postgres: server.port('postgres'),
    http: server.port('http'),
    metrics: server.port('metrics'),
  };
  const problems: string[] = [];
  const redis = await RawClient.connect(ports.redis);
  const postgres = new pg.Client({ host: '127.0.0.1', port: ports.postgres, user: 'orbit', database: 'actors' });
  await postgres.connect();
  try {
    await redis.call('MSET', 'large', VALUE, 'small', 'v');
    await postgres.query('create table large (id int primary key, value text)');
    await postgres.query('create table small (id int primary key)');
    await postgres.query('insert into small values (1), (2), (3)');
    for (let id = 0; id < 50; id++)
      await postgres.query('insert into large values ($1, $2)', [id, VALUE.slice(0, 100_000)]);
    const measure = async (attack: string | undefined, ms = attackMs): Promise<AttackReport> => {
      const order =
        attack === undefined
          ? undefined
          : ({ attack, ports, seed: `${seed} ${attack}`, idleConnections } satisfies AttackOrder);
      const worker = order && new Worker(new URL('./attacks.ts', import.meta.url), { workerData: order });
      const ended = worker && once(worker, 'exit').catch((error: unknown) => void problems.push(`${attack}: ${error}`));
      if (worker) await once(worker, 'online');
      const end = performance.now() + ms;
      let memoryBytes = 0;
      const watch = setInterval(async () => {
        memoryBytes = Math.max(memoryBytes, (await server.memory())?.rssBytes ?? 0);
      }, 20);
      const [redisP99Ms, postgresP99Ms] = await Promise.all([
        p99(end, async () => {
          const reply = await redis.call('GET', 'small');
          if (reply !== '$1\r\nv\r\n') problems.push(`${attack}: GET answered ${reply.slice(0, 100)}`);
        }),
        p99(end, async () => {
          const { rows } = await postgres.query('select id from small where id = 3');
          if (rows[0]?.id !== 3) problems.push(`${attack}: a row is missing`);
        }),
      ]);
      clearInterval(watch);
      worker?.postMessage('stop');
      await ended;
      if (server.ended) problems.push(`the server ended under ${attack}\n${server.stderr}`);
      const report = { attack: attack ?? 'nothing', redisP99Ms, postgresP99Ms, memoryBytes };
      progress(shownReport(report));
      return report;
    };
    // The first statements are parsed by code that is being compiled, which takes time and memory.
    for (let i = 0; i < 1_000; i++)
      await postgres.query(`select id + ${i} from small where id in (${i}, 2) order by id`);
    await measure(undefined);
    const quiet = await measure(undefined, 2 * attackMs);
    const attacks: AttackReport[] = [];
    for (const name of Object.keys(ATTACKS)) {
      if (server.ended) break;
      attacks.push(await measure(name));
    }
    redis.close();
    await postgres.end();
    if ((await server.stop()) !== 0) problems.push('the last stop was no success');
    return { quiet, attacks, problems };
  } finally {
    await server.kill();
  }
}

export function shownReport({ attack, redisP99Ms, postgresP99Ms, memoryBytes }: AttackReport): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return `${attack}: p99 of the others ${ms(redisP99Ms)} (Redis), ${ms(postgresP99Ms)} (PostgreSQL), memory ${Math.round(memoryBytes / 1e6)} MB`;
}

async function p99(end: number, ask: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  do {
    const begun = performance.now();
    await ask();
    times.push(performance.now() - begun);
    // Asks now and then: the attack has the machine for itself in between, and a slow answer is one sample, not a gap.
    await new Promise((resolve) => setTimeout(resolve, 1));
  } while (performance.now() < end);
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)]!;
}
