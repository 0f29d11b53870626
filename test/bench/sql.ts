/**
 * Queries like those of TPC-H, an indexed range of 100 rows and inserts of a million rows, to the server and to a PostgreSQL
 * 15 beside it, alternating; the results of the queries are compared as well. Tables, rows and indexes are the same.
 *
 * Each line has two ratios: of rates, and of processor time, of which other users of the machine have less to say. The last
 * line is the geometric mean of the queries' ratios.
 *
 * Needs psql, pgbench and PostgreSQL 15. ORBIT_BENCH_SCALE is TPC-H's scale, 0.1 by default; `npm run bench -- sql TEXT`
 * runs only the lines whose name holds TEXT.
 */

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { ServerProcess } from '../support/server.ts';
import { startPostgres } from '../wire/postgres-reference.ts';
import { compare, format, type Measured } from './compare.ts';
import { atRest, processorUs } from './processor-time.ts';
import { generate, INDEXES, NAMES, QUERIES, TABLES } from './tpch.ts';

const SCALE = Number(process.env.ORBIT_BENCH_SCALE ?? 0.1);
const SEED = 20_261_121;
const INSERTED_ROWS = 1_000_000;
const ROWS_PER_INSERT = 1_000;
const execute = promisify(execFile);

interface Target {
  readonly port: number;
  readonly database: string;
  /** The first process of the server. */
  readonly pid: number;
}

/** Returns the lines to print. */
export async function run(): Promise<readonly string[]> {
  if (spawnSync('pgbench', ['--version']).status !== 0) return ['sql: pgbench is not installed'];
  const postgres = await startPostgres({ sync: true });
  if (postgres === undefined) return ['sql: PostgreSQL 15 is not installed'];
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-sql-'));
  const only = process.argv[3] ?? '';
  let orbit: ServerProcess | undefined;
  const lines: string[] = [];
  try {
    orbit = await ServerProcess.start({ dataDir: join(directory, 'data'), args: ['--durability', 'disk'] });
    await atRest(orbit.pid);
    const ours: Target = { port: orbit.port('postgres'), database: 'actors', pid: orbit.pid };
    const theirs: Target = { port: postgres.config.port, database: postgres.config.database, pid: postgres.pid };
    await generate(directory, SCALE, SEED);
    for (const target of [ours, theirs]) await load(target, directory);
    const rates: number[] = [];
    const processor: number[] = [];
    for (const [name, text] of Object.entries(QUERIES)) {
      if (!`tpc-h ${name}`.includes(only)) continue;
      const [found, expected] = [await answer(ours, text), await answer(theirs, text)];
      if (found !== expected) throw new Error(`${name} answers otherwise:\n${found}\n-- postgres:\n${expected}`);
      const line = await compare({
        name: `sql tpc-h ${name}`,
        unit: 'per s',
        ours: () => measure(ours, text),
        peer: () => measure(theirs, text),
        peerName: 'postgres',
      });
      const [rate, time] = [...line.matchAll(/ratio ([\d.]+)x/g)].map(([, ratio]) => Number(ratio));
      rates.push(rate!);
      processor.push(time!);
      lines.push(line);
    }
    if (rates.length > 1) {
      const mean = (values: readonly number[]) =>
        Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length).toFixed(2);
      lines.push(`sql tpc-h geometric mean: rates ${mean(rates)}x, processor ${mean(processor)}x`);
    }
    if ('sql range'.includes(only)) lines.push(await range(ours, theirs, directory));
    if ('sql insert'.includes(only)) lines.push(await inserts(ours, theirs));
  } finally {
    await orbit?.stop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
  return lines;
}

async function load(target: Target, directory: string): Promise<void> {
  for (const text of TABLES) await psql(target, text);
  for (const name of NAMES) await psql(target, `\\copy ${name} from '${join(directory, name)}'`);
  for (const text of INDEXES) await psql(target, text);
  await psql(target, 'VACUUM ANALYZE');
}

async function psql({ port, database }: Target, text: string): Promise<void> {
  const connection = ['-h', '127.0.0.1', '-p', String(port), '-U', 'orbit', '-d', database];
  await execute('psql', [...connection, '-v', 'ON_ERROR_STOP=1', '-q', '-c', text]);
}

async function connected<T>({ port, database }: Target, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function answer(target: Target, text: string): Promise<string> {
  return connected(target, async (client) => {
    // As they come on the wire: no conversion hides a difference.
    const types = { getTypeParser: () => (value: string) => value };
    const { rows } = await client.query({ text, rowMode: 'array', types: types as never });
    return rows.map((row: readonly unknown[]) => row.join('|')).join('\n');
  });
}

async function measure(target: Target, text: string): Promise<Measured> {
  const before = await processorUs(target.pid);
  const start = performance.now();
  await connected(target, (client) => client.query(text));
  const rate = 1_000 / (performance.now() - start);
  // PostgreSQL's first process learns of what a connection's took when that has ended.
  await delay(200);
  return { rate, processorUs: (await processorUs(target.pid)) - before };
}

/** 100 rows by their keys, prepared. */
async function range(ours: Target, theirs: Target, directory: string): Promise<string> {
  const last = Math.round(1_500_000 * SCALE) - 100;
  const script = join(directory, 'range.sql');
  const text = `\\set key random(1, ${last})\nSELECT o_orderkey, o_custkey, o_totalprice FROM orders WHERE o_orderkey BETWEEN :key AND :key + 99;\n`;
  await writeFile(script, text);
  const bench = async ({ port, database, pid }: Target): Promise<Measured> => {
    const connection = ['-h', '127.0.0.1', '-p', String(port), '-U', 'orbit'];
    const before = await processorUs(pid);
    const args = [...connection, '-n', '-M', 'prepared', '-c', '8', '-T', '2', '-f', script, database];
    const { stdout } = await execute('pgbench', args);
    await delay(200);
    const count = Number(/actually processed: (\d+)/.exec(stdout)?.[1]);
    const rate = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]);
    return { rate, processorUs: ((await processorUs(pid)) - before) / count };
  };
  return compare({
    name: 'sql range of 100 rows',
    unit: 'per s',
    ours: () => bench(ours),
    peer: () => bench(theirs),
    peerName: 'postgres',
  });
}

/** A million rows, a thousand in a statement. One run of each: it is long enough. */
async function inserts(ours: Target, theirs: Target): Promise<string> {
  const fill = async (target: Target): Promise<Measured> =>
    connected(target, async (client) => {
      await client.query('CREATE TABLE inserted (id int PRIMARY KEY, code int NOT NULL, name text NOT NULL)');
      const statements: string[] = [];
      for (let i = 0; i < INSERTED_ROWS; i += ROWS_PER_INSERT) {
        const rows = Array.from(
          { length: ROWS_PER_INSERT },
          (_, at) => `(${i + at}, ${(i + at) % 977}, 'name ${i + at}')`,
        );
        statements.push(`INSERT INTO inserted VALUES ${rows.join(', ')}`);
      }
      const before = await processorUs(target.pid);
      const start = performance.now();
      for (const each of statements) await client.query(each);
      const rate = (INSERTED_ROWS * 1_000) / (performance.now() - start);
      return { rate, processorUs: before };
    }).then(async ({ rate, processorUs: before }) => {
      await delay(500);
      return { rate, processorUs: ((await processorUs(target.pid)) - before) / INSERTED_ROWS };
    });
  const [our, their] = [await fill(ours), await fill(theirs)];
  const ratio = (our.rate / their.rate).toFixed(2);
  const time = (their.processorUs / our.processorUs).toFixed(2);
  return (
    `${'sql insert of 1,000,000 rows'.padEnd(34)} orbit ${format(our.rate)} rows/s  postgres ${format(their.rate)} rows/s  ratio ${ratio}x` +
    `   processor ${our.processorUs.toFixed(2)} / ${their.processorUs.toFixed(2)} us  ratio ${time}x`
  );
}
