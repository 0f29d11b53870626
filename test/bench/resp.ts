/**
 * GET, SET and INCR as redis-benchmark sends them, to the server and to a redis-server beside it, runs alternating: without
 * durability (class `memory` beside no persistence) and with every reply behind a sync (class `disk` beside
 * `appendonly yes, appendfsync always`). Then the memory that a million keys of 100-byte values take.
 *
 * Each line has two ratios: of rates, which the load generator and whoever else uses the machine blur, and of the processor time
 * that the server takes per request, which they do not.
 *
 * Needs redis-server and redis-benchmark in the path. ORBIT_BENCH_SECONDS sets how long a run shall take, 2 by default.
 * `npm run bench -- resp [memory|disk|bytes] [TEXT]` runs one part, or only the lines whose name holds TEXT.
 */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ServerProcess } from '../support/server.ts';
import { compare, type Measured } from './compare.ts';
import { processorUs } from './processor-time.ts';

const SECONDS = Number(process.env.ORBIT_BENCH_SECONDS ?? 2);
const KEYS = 100_000;
const MEMORY_KEYS = 1_000_000;
const run_ = promisify(execFile);

interface Load {
  readonly command: 'set' | 'get' | 'incr';
  readonly clients: number;
  readonly pipeline: number;
}

/** Returns the lines to print. */
export async function run(): Promise<readonly string[]> {
  if (spawnSync('redis-benchmark', ['--version']).status !== 0) return ['resp: redis-benchmark is not installed'];
  const lines: string[] = [];
  const only = process.argv[3] ?? '';
  if (only === '' || only === 'memory') {
    await beside('memory', ['--durability', 'memory'], ['--appendonly', 'no'], async (orbit, redis) => {
      for (const pipeline of [1, 16, 64]) {
        for (const command of ['set', 'get', 'incr'] as const) {
          await line(lines, 'memory', { command, clients: 50, pipeline }, orbit, redis);
        }
      }
    });
  }
  if (only === '' || only === 'disk') {
    const always = ['--appendonly', 'yes', '--appendfsync', 'always'];
    await beside('disk', ['--durability', 'disk'], always, async (orbit, redis) => {
      for (const clients of [50, 200]) {
        for (const pipeline of [1, 16]) {
          await line(lines, 'disk', { command: 'set', clients, pipeline }, orbit, redis);
        }
      }
    });
  }
  if (only === '' || only === 'bytes') {
    await beside('bytes', ['--durability', 'memory'], ['--appendonly', 'no'], async (orbit, redis) => {
      const [ours, theirs] = [
        await bytesPerKey(orbit.port('redis'), orbit.pid),
        await bytesPerKey(redis.port, redis.pid),
      ];
      lines.push(
        `${'resp memory per key of 100 bytes, 1 M keys'.padEnd(44)} orbit ${ours.toFixed(0)} B   redis ${theirs.toFixed(0)} B   ratio ${(ours / theirs).toFixed(2)}x`,
      );
    });
  }
  return lines;
}

async function line(into: string[], what: string, load: Load, orbit: ServerProcess, redis: Redis): Promise<void> {
  const { command, clients, pipeline } = load;
  const name = `resp ${what} ${command} -c ${clients} -P ${pipeline}`;
  if (!name.includes(process.argv[4] ?? '')) return;
  into.push(
    await compare({
      name,
      unit: 'op/s',
      ours: measured(orbit.port('redis'), orbit.pid, load),
      peer: measured(redis.port, redis.pid, load),
      peerName: 'redis',
    }),
  );
}

/** Runs of some seconds each: the first, a short one, finds how many requests that takes. */
function measured(port: number, pid: number, load: Load): () => Promise<Measured> {
  let requests = 20_000 * Math.min(16, load.pipeline);
  return async () => {
    const before = await processorUs(pid);
    const rate = await benchmark(port, load, requests);
    const took = (await processorUs(pid)) - before;
    const run = { rate, processorUs: took / requests };
    requests = Math.max(10_000, Math.min(20_000_000, Math.round(rate * SECONDS)));
    return run;
  };
}

async function benchmark(port: number, { command, clients, pipeline }: Load, requests: number): Promise<number> {
  const args = [
    '-p',
    port,
    '-t',
    command,
    '-n',
    requests,
    '-c',
    clients,
    '-d',
    100,
    '-r',
    KEYS,
    '-P',
    pipeline,
    '--csv',
  ];
  const { stdout } = await run_('redis-benchmark', args.map(String));
  const rate = Number(/^"[^"]+","([\d.]+)"/m.exec(stdout.slice(stdout.indexOf('\n') + 1))?.[1]);
  if (!(rate > 0)) throw new Error(`no rate in\n${stdout}`);
  return rate;
}

interface Redis {
  readonly port: number;
  readonly pid: number;
}

async function beside(
  what: string,
  ours: readonly string[],
  theirs: readonly string[],
  work: (orbit: ServerProcess, redis: Redis) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), `orbit-bench-resp-${what}-`));
  const redisDirectory = await mkdtemp(join(tmpdir(), 'orbit-bench-redis-'));
  let redis: ChildProcess | undefined;
  let orbit: ServerProcess | undefined;
  try {
    const port = await freePort();
    redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...theirs], {
      cwd: redisDirectory,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for await (const chunk of redis.stdout!) if (String(chunk).includes('Ready to accept')) break;
    redis.stdout!.resume();
    orbit = await ServerProcess.start({ dataDir: directory, args: ours });
    await work(orbit, { port, pid: redis.pid! });
  } finally {
    await orbit?.stop();
    redis?.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
    await rm(redisDirectory, { recursive: true, force: true });
  }
}

/** Resident memory that a million new keys add. */
async function bytesPerKey(port: number, pid: number): Promise<number> {
  await benchmark(port, { command: 'get', clients: 50, pipeline: 16 }, 100_000);
  await load(port, 0, 10_000);
  const before = await residentBytes(pid);
  await load(port, 10_000, MEMORY_KEYS);
  return ((await residentBytes(pid)) - before) / MEMORY_KEYS;
}

/** Sets keys as redis-benchmark names them, each once. */
async function load(port: number, from: number, count: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  const value = 'x'.repeat(100);
  let received = 0;
  const done = Promise.withResolvers<void>();
  socket.on('error', done.reject);
  socket.on('data', (chunk) => {
    received += chunk.length;
    if (received >= count * 5) done.resolve();
  });
  for (let i = 0; i < count; i += 1_000) {
    let chunk = '';
    for (let j = i; j < Math.min(count, i + 1_000); j++) {
      chunk += `*3\r\n$3\r\nSET\r\n$16\r\nkey:${String(from + j).padStart(12, '0')}\r\n$100\r\n${value}\r\n`;
    }
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  await done.promise;
  socket.destroy();
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
