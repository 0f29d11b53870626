/**
 * GET, SET and INCR as redis-benchmark sends them, to the server and to a redis-server beside it, runs alternating: without
 * durability (class `memory` beside no persistence) and with every reply behind a sync (class `disk` beside
 * `appendonly yes, appendfsync always`). Then the memory that a million keys of 100-byte values take. Then reads of a data set
 * ten times as large as the memory for hot entries, beside reads of a part that fits it.
 *
 * Each line has two ratios: of rates, which the load generator and whoever else uses the machine blur, and of the processor time
 * that the server takes per request, which they do not. What it still does when the last reply has left, applying writes to its
 * engine above all, is waited for and counted.
 *
 * Needs redis-server and redis-benchmark in the path. ORBIT_BENCH_SECONDS sets how long a run shall take, 2 by default.
 * `npm run bench -- resp [memory|disk|bytes|cold] [TEXT]` runs one part, or only the lines whose name holds TEXT.
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
/** An eighth of it holds hot entries: some 200,000 of these. */
const COLD_MEMORY = '256MB';
const COLD_KEYS = 2_000_000;
/** A server is done when it has run for less than `QUIET_US` in each of so many pauses. */
const QUIET_PAUSES = 6;
const PAUSE_MS = 250;
const QUIET_US = 15_000;
const PAUSES_MAX = 80;
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
  if (only === '' || only === 'cold') {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-resp-cold-'));
    const orbit = await ServerProcess.start({ dataDir: directory, args: ['--memory-limit', COLD_MEMORY] });
    try {
      const port = orbit.port('redis');
      await load(port, 0, COLD_KEYS);
      for (const pipeline of [1, 16]) {
        lines.push(
          await compare({
            name: `resp zipfian get -P ${pipeline}, 10 x arena`,
            unit: 'op/s',
            ours: measuredGets(port, orbit.pid, COLD_KEYS, pipeline),
            peer: measuredGets(port, orbit.pid, COLD_KEYS / 20, pipeline),
            peerName: 'resident',
          }),
        );
      }
    } finally {
      await orbit.stop();
      await rm(directory, { recursive: true, force: true });
    }
  }
  return lines;
}

/** GETs of keys that follow Zipf's law with the exponent 0.99, as YCSB has it, from 50 connections. */
function measuredGets(port: number, pid: number, keys: number, pipeline: number): () => Promise<Measured> {
  const next = zipfian(keys, 0.99);
  let requests = 20_000;
  return async () => {
    const before = await processorUs(pid);
    const started = performance.now();
    const each = Math.ceil(requests / 50 / pipeline);
    await Promise.all(Array.from({ length: 50 }, () => gets(port, each, pipeline, next)));
    const rate = (each * 50 * pipeline) / ((performance.now() - started) / 1_000);
    const run = { rate, processorUs: ((await processorUs(pid)) - before) / (each * 50 * pipeline) };
    requests = Math.max(10_000, Math.min(5_000_000, Math.round(rate * SECONDS)));
    return run;
  };
}

async function gets(port: number, rounds: number, pipeline: number, next: () => number): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const done = Promise.withResolvers<void>();
  const replyBytes = '$100\r\n'.length + 100 + 2;
  let left = rounds;
  let awaited = 0;
  const send = (): void => {
    if (left-- === 0) {
      done.resolve();
      return;
    }
    let chunk = '';
    for (let i = 0; i < pipeline; i++) chunk += `*2\r\n$3\r\nGET\r\n$16\r\n${keyName(next())}\r\n`;
    awaited = replyBytes * pipeline;
    socket.write(chunk);
  };
  socket.on('error', done.reject);
  socket.on('data', (chunk) => {
    awaited -= chunk.length;
    if (awaited < 0) done.reject(new Error('a reply is not that of a value of 100 bytes'));
    else if (awaited === 0) send();
  });
  send();
  await done.promise;
  socket.destroy();
}

/** Numbers from 0 to `count - 1`, the frequent ones spread over all (Gray et al., 1994, as in YCSB). */
function zipfian(count: number, theta: number): () => number {
  let zeta = 0;
  for (let i = 1; i <= count; i++) zeta += 1 / i ** theta;
  const alpha = 1 / (1 - theta);
  const eta = (1 - (2 / count) ** (1 - theta)) / (1 - (1 + 0.5 ** theta) / zeta);
  return () => {
    const u = Math.random();
    const uz = u * zeta;
    const rank = uz < 1 ? 0 : uz < 1 + 0.5 ** theta ? 1 : Math.floor(count * (eta * u - eta + 1) ** alpha);
    return (Math.imul(rank, 2_654_435_761) >>> 0) % count;
  };
}

function keyName(number: number): string {
  return `key:${String(number).padStart(12, '0')}`;
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
    const took = (await drainedUs(pid)) - before;
    const run = { rate, processorUs: took / requests };
    requests = Math.max(10_000, Math.min(20_000_000, Math.round(rate * SECONDS)));
    return run;
  };
}

/** The processor time of a server once it has finished what it does after its replies. */
async function drainedUs(pid: number): Promise<number> {
  let [last, quiet] = [await processorUs(pid), 0];
  for (let pauses = 0; quiet < QUIET_PAUSES && pauses < PAUSES_MAX; pauses++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const now = await processorUs(pid);
    quiet = now - last < QUIET_US ? quiet + 1 : 0;
    last = now;
  }
  return last;
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
      chunk += `*3\r\n$3\r\nSET\r\n$16\r\n${keyName(from + j)}\r\n$100\r\n${value}\r\n`;
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
