/**
 * Clients that mean no good, beside clients that do: what the others feel of it. Each attack runs against a server in a process of its
 * own, while one Redis and one PostgreSQL client ask and wait, over and over. Attackers take processor time too, and the
 * kernel for them: so in turns with it the same attack goes to a sink, that reads and drops, while the same two clients ask the same
 * server. What they wait for then is the machine; what they wait for beyond that is the server. Used by the tests, in
 * short, and by `npm run soak -- abuse`.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import pg from 'pg';
import { ServerProcess } from '../support/server.ts';
import { type Turns, turnsEnvironment, turnsOf } from '../support/turns.ts';
import { ATTACKS, type AttackOrder, type Ports } from './attacks.ts';
import { RawClient } from './resp-client.ts';
import type { SinkOrder } from './sink.ts';

export interface AbuseOptions {
  readonly seed: number | string;
  readonly dataDir: string;
  /** How long each attack lasts, and how long it goes to the sink. */
  readonly attackMs: number;
  /** In so many parts each, in turns. */
  readonly rounds: number;
  readonly idleConnections: number;
  /** Only these attacks. */
  readonly only?: readonly string[];
  readonly progress?: (line: string) => void;
}

/** 99th percentiles of what the others waited, milliseconds. */
export interface Waits {
  readonly redisP99Ms: number;
  readonly postgresP99Ms: number;
}

export interface AttackReport extends Waits {
  readonly attack: string;
  /** While the sink was attacked. */
  readonly control: Waits;
  /** Of the server's event loop under attack. */
  readonly turns: Turns;
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

/** What was waited, milliseconds. */
interface Samples {
  readonly redis: number[];
  readonly postgres: number[];
}

export async function runAbuse(options: AbuseOptions): Promise<AbuseReport> {
  const { dataDir, seed, attackMs, rounds, idleConnections, progress = () => {} } = options;
  const max = String(idleConnections + 1_000);
  const turnsFile = join(dataDir, 'turns');
  const server = await ServerProcess.start({
    dataDir: join(dataDir, 'server'),
    args: ['--memory-limit', MEMORY_LIMIT],
    env: {
      ORBIT_REDIS_MAX_CONNECTIONS: max,
      ORBIT_POSTGRES_MAX_CONNECTIONS: max,
      // It goes on for as long as clients leave some of the time idle, which they do here.
      ORBIT_POSTGRES_REHEARSAL: 'never',
      ...turnsEnvironment(turnsFile),
    },
  });
  const attacked: Ports = {
    redis: server.port('redis'),
    postgres: server.port('postgres'),
    http: server.port('http'),
    metrics: server.port('metrics'),
  };
  const problems: string[] = [];
  const sink = fork(new URL('./sink.ts', import.meta.url));
  const sinkPorts = (await once(sink, 'message'))[0] as Ports;
  const redis = await RawClient.connect(attacked.redis);
  const postgres = new pg.Client({ host: '127.0.0.1', port: attacked.postgres, user: 'orbit', database: 'actors' });
  await postgres.connect();
  try {
    await redis.call('MSET', 'large', VALUE, 'small', 'v');
    await postgres.query('create table large (id int primary key, value text)');
    await postgres.query('create table small (id int primary key)');
    await postgres.query('insert into small values (1), (2), (3)');
    for (let id = 0; id < 50; id++)
      await postgres.query('insert into large values ($1, $2)', [id, VALUE.slice(0, 100_000)]);

    /** Has the two clients ask for a while. */
    const ask = async (into: Samples, ms: number): Promise<void> => {
      const end = performance.now() + ms;
      await Promise.all([
        sample(into.redis, end, async () => {
          const reply = await redis.call('GET', 'small');
          if (reply !== '$1\r\nv\r\n') problems.push(`GET answered ${reply.slice(0, 100)}`);
        }),
        sample(into.postgres, end, async () => {
          const { rows } = await postgres.query('select id from small where id = 3');
          if (rows[0]?.id !== 3) problems.push('a row is missing');
        }),
      ]);
    };
    const askDuring = async (attack: string, ports: Ports, into: Samples, ms: number): Promise<void> => {
      const order: AttackOrder = { attack, ports, seed: `${seed} ${attack}`, idleConnections };
      const attackers = fork(new URL('./attacks.ts', import.meta.url));
      const ended = exitOf(attackers);
      attackers.send(order);
      await once(attackers, 'message');
      await ask(into, ms);
      attackers.send('stop');
      const code = await ended;
      if (code !== 0) problems.push(`${attack}: the attackers ended with ${code}`);
    };
    const measure = async (attack: string): Promise<AttackReport> => {
      const [waited, waitedInControl] = [noSamples(), noSamples()];
      const turns: Turns[] = [];
      let memoryBytes = 0;
      sink.send({ answerBytes: ATTACKS[attack]!.answeredBytes ?? 0 } satisfies SinkOrder);
      await once(sink, 'message');
      for (let round = 0; round < rounds && !server.ended; round++) {
        await askDuring(attack, sinkPorts, waitedInControl, attackMs / rounds);
        const watch = setInterval(async () => {
          memoryBytes = Math.max(memoryBytes, (await server.memory())?.rssBytes ?? 0);
        }, 20);
        await turnsOf(server.pid, turnsFile);
        await askDuring(attack, attacked, waited, attackMs / rounds);
        if (!server.ended) turns.push(await turnsOf(server.pid, turnsFile));
        clearInterval(watch);
      }
      if (server.ended) problems.push(`the server ended under ${attack}\n${server.stderr}`);
      return reported({ attack, waited, control: waitsOf(waitedInControl), turns, memoryBytes });
    };
    const reported = (of: {
      readonly attack: string;
      readonly waited: Samples;
      readonly control: Waits;
      readonly turns: readonly Turns[];
      readonly memoryBytes: number;
    }): AttackReport => {
      const { attack, waited, control, turns, memoryBytes } = of;
      const worst = (field: keyof Turns) => Math.max(0, ...turns.map((each) => each[field]));
      const report = {
        attack,
        ...waitsOf(waited),
        control,
        turns: { p99Ms: worst('p99Ms'), longestMs: worst('longestMs'), busy: worst('busy') },
        memoryBytes,
      };
      progress(shownReport(report));
      return report;
    };

    // The first statements are parsed by code that is being compiled, which takes time and memory.
    for (let i = 0; i < 1_000; i++)
      await postgres.query(`select id + ${i} from small where id in (${i}, 2) order by id`);
    await ask(noSamples(), attackMs);
    await turnsOf(server.pid, turnsFile);
    const calm = noSamples();
    await ask(calm, attackMs);
    const quiet = reported({
      attack: 'nothing',
      waited: calm,
      control: waitsOf(calm),
      turns: [await turnsOf(server.pid, turnsFile)],
      memoryBytes: (await server.memory())?.rssBytes ?? 0,
    });
    const attacks: AttackReport[] = [];
    for (const name of options.only ?? Object.keys(ATTACKS)) {
      if (server.ended) break;
      attacks.push(await measure(name));
    }
    redis.close();
    await postgres.end();
    const code = await server.stop();
    if (code !== 0) problems.push(`the last stop was no success: ${code}\n${server.stderr}`);
    return { quiet, attacks, problems };
  } finally {
    sink.disconnect();
    await server.kill();
  }
}

export function shownReport({ attack, control, turns, memoryBytes, ...waits }: AttackReport): string {
  const of = ({ redisP99Ms, postgresP99Ms }: Waits) => `${redisP99Ms.toFixed(1)} and ${postgresP99Ms.toFixed(1)} ms`;
  return (
    `${attack}: p99 of the others ${of(waits)} (GET, SELECT), beside an attacked sink ${of(control)}; ` +
    `99 of 100 turns ${turns.p99Ms.toFixed(1)} ms of processor time, the longest ${turns.longestMs.toFixed(1)}, ` +
    `busy for ${Math.round(turns.busy * 100)} %; memory ${Math.round(memoryBytes / 1e6)} MB`
  );
}

function noSamples(): Samples {
  return { redis: [], postgres: [] };
}

function waitsOf({ redis, postgres }: Samples): Waits {
  return { redisP99Ms: p99(redis), postgresP99Ms: p99(postgres) };
}

function p99(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
}

async function sample(into: number[], end: number, ask: () => Promise<void>): Promise<void> {
  do {
    const begun = performance.now();
    await ask();
    into.push(performance.now() - begun);
    // Asks now and then: the attack has the machine for itself in between, and a slow answer is one sample, not a gap.
    await new Promise((resolve) => setTimeout(resolve, 1));
  } while (performance.now() < end);
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => void child.on('exit', (code) => resolve(code)));
}
