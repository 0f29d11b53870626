/**
 * GET, SET and INCR as redis-benchmark sends them, to the server and to a redis-server beside it, runs alternating: without
 * durability (class `memory` beside no persistence) and with every reply behind a sync (class `disk` beside
 * `appendonly yes, appendfsync always`). Then the memory that a million keys of 100-byte values take. Then reads of a data set
 * ten times as large as the memory for hot entries, beside reads of a part that fits it: with a file for the rest and without.
 *
 * Each line has two ratios: of rates, which the load generator and whoever else uses the machine blur, and of the processor time
 * that the server takes per request, which they do not. What it still does when the last reply has left, applying writes to its
 * engine above all, is waited for and counted. Among ten million keys (`r10M`) that work is part of the load: there the rates
 * count the time until it is done, too.
 *
 * Needs redis-server and redis-benchmark in the path. `npm run bench -- resp WORD…` runs the cases in whose name each word stands:
 * `resp memory r100k P16`, `resp disk c200`, `resp r10M`, `resp cold nofile`. With `--seconds 30` each of the five runs of a case
 * takes so long, and so does the one before them that warms up; 2 by default, or ORBIT_BENCH_SECONDS.
 */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ServerProcess } from '../support/server.ts';
import { compare, type Measured } from './compare.ts';
import { SECONDS, WORDS } from './options.ts';
import { atRest, processorUs } from './processor-time.ts';

const KEYS = 100_000;
const MANY_KEYS = 10_000_000;
/** Of redis-benchmark, which keeps the time of each. */
const REQUESTS_MAX = 100_000_000;
const MEMORY_KEYS = 1_000_000;
/** An eighth of it holds hot entries: some 200,000 of these. */
const COLD_MEMORY = '256MB';
const COLD_KEYS = 2_000_000;
/** A server is done when it has run for less than `QUIET_US` in each of so many pauses: it may apply writes two seconds later. */
const QUIET_PAUSES = 12;
const PAUSE_MS = 250;
const QUIET_US = 15_000;
const PAUSES_MAX = 480;
const run_ = promisify(execFile);

interface Load {
  readonly command: 'set' | 'get' | 'incr';
  readonly clients: number;
  readonly pipeline: number;
  readonly keys: number;
}

/** The lines to print, each as soon as it is known. */
export async function* run(): AsyncGenerator<string> {
  if (spawnSync('redis-benchmark', ['--version']).status !== 0) {
    yield 'resp: redis-benchmark is not installed';
    return;
  }
  const small: Load[] = [];
  const many: Load[] = [];
  for (const pipeline of [1, 16, 64]) {
    for (const command of ['set', 'get', 'incr'] as const) {
      small.push({ command, clients: 50, pipeline, keys: KEYS });
      many.push({ command, clients: 50, pipeline, keys: MANY_KEYS });
    }
  }
  yield* beside('memory', small);
  yield* beside('memory', many);
  const synced: Load[] = [];
  for (const clients of [50, 200]) {
    for (const pipeline of [1, 16]) synced.push({ command: 'set', clients, pipeline, keys: KEYS });
  }
  yield* beside('disk', synced);
  if (isWanted('resp bytes')) yield await bytes();
  yield* cold();
}

/** Whether the words of the command line all stand in the name of a case: the names are in docs/benchmarks.md. */
function isWanted(name: string): boolean {
  const words = name.split(' ');
  return WORDS.every((word) => words.includes(word));
}

function nameOf(what: string, { command, clients, pipeline, keys }: Load): string {
  return `resp ${what} ${command} c${clients} P${pipeline} ${keys === KEYS ? 'r100k' : 'r10M'}`;
}

async function* beside(what: Durability, loads: readonly Load[]): AsyncGenerator<string> {
  const wanted = loads.filter((load) => isWanted(nameOf(what, load)));
  if (wanted.length === 0) return;
  await using peers = await Peers.start(what);
  const keysRead = Math.max(0, ...wanted.map(({ command, keys }) => (command === 'get' ? keys : 0)));
  for (const { port } of [peers.orbit, peers.redis]) if (keysRead > 0) await setKeys(port, 0, keysRead);
  for (const load of wanted) {
    yield await compare({
      name: nameOf(what, load),
      unit: 'op/s',
      ours: measured(peers.orbit, load),
      peer: measured(peers.redis, load),
      peerName: 'redis',
    });
  }
}

/** Resident memory that a million new keys add. */
async function bytes(): Promise<string> {
  await using peers = await Peers.start('memory');
  const [ours, theirs] = [await bytesPerKey(peers.orbit), await bytesPerKey(peers.redis)];
  return `${'resp bytes per key of 100 bytes, 1 M keys'.padEnd(44)} orbit ${ours.toFixed(0)} B   redis ${theirs.toFixed(0)} B   ratio ${(ours / theirs).toFixed(2)}x`;
}

/** A data set ten times as large as the arena: with a file for what that has no room for, and without one. */
async function* cold(): AsyncGenerator<string> {
  for (const durability of ['disk', 'memory'] as const) {
    yield* coldGets(`resp cold ${durability}`, durability, {});
    yield* coldGets(`resp cold ${durability} nofile`, durability, { ORBIT_REDIS_ENTRY_FILE_LIMIT: '0' });
  }
}

async function* coldGets(
  what: string,
  durability: Durability,
  env: Readonly<Record<string, string>>,
): AsyncGenerator<string> {
  const pipelines = [1, 16].filter((pipeline) => isWanted(`${what} get c50 P${pipeline}`));
  if (pipelines.length === 0) return;
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-resp-cold-'));
  const args = ['--memory-limit', COLD_MEMORY, '--durability', durability];
  const orbit = await ServerProcess.start({ dataDir: directory, args, env });
  await atRest(orbit.pid);
  try {
    const server = { port: orbit.port('redis'), pid: orbit.pid };
    await setKeys(server.port, 0, COLD_KEYS);
    for (const pipeline of pipelines) {
      yield await compare({
        name: `${what} get c50 P${pipeline}`,
        unit: 'op/s',
        ours: measuredGets(server, COLD_KEYS, pipeline),
        peer: measuredGets(server, COLD_KEYS / 20, pipeline),
        peerName: 'resident',
      });
    }
  } finally {
    await orbit.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** GETs of keys that follow Zipf's law with the exponent 0.99, as YCSB has it, from 50 connections. */
function measuredGets({ port, pid }: Peer, keys: number, pipeline: number): () => Promise<Measured> {
  const next = zipfian(keys, 0.99);
  let requests = 0;
  const getAll = (each: number) => Promise.all(Array.from({ length: 50 }, () => gets(port, each, pipeline, next)));
  return async () => {
    if (requests === 0) {
      const started = performance.now();
      await getAll(Math.ceil(20_000 / 50 / pipeline));
      requests = requestsFor(20_000 / ((performance.now() - started) / 1_000));
    }
    const before = await processorUs(pid);
    const started = performance.now();
    const each = Math.ceil(requests / 50 / pipeline);
    await getAll(each);
    const rate = (each * 50 * pipeline) / ((performance.now() - started) / 1_000);
    const run = { rate, processorUs: ((await processorUs(pid)) - before) / (each * 50 * pipeline) };
    requests = requestsFor(rate);
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

/** Runs of some seconds each. The first is to warm up: a short one finds how many requests that takes, and then they are made. */
function measured({ port, pid }: Peer, load: Load): () => Promise<Measured> {
  let requests = 0;
  return async () => {
    if (requests === 0) {
      requests = 20_000 * Math.min(16, load.pipeline);
      requests = requestsFor(await benchmark(port, load, requests));
    }
    const before = await processorUs(pid);
    const repliesRate = await benchmark(port, load, requests);
    const drained = await drain(pid);
    const seconds = requests / repliesRate + (load.keys === KEYS ? 0 : drained.ms / 1_000);
    const run = { rate: requests / seconds, processorUs: (drained.processorUs - before) / requests };
    requests = requestsFor(repliesRate);
    return run;
  };
}

function requestsFor(rate: number): number {
  return Math.max(10_000, Math.min(REQUESTS_MAX, Math.round(rate * SECONDS)));
}

/** Waits until a server has finished what it does after its replies. @returns how long that took, and its processor time then. */
async function drain(pid: number): Promise<{ readonly ms: number; readonly processorUs: number }> {
  const started = performance.now();
  let [last, quiet, busyUntil] = [await processorUs(pid), 0, started];
  for (let pauses = 0; quiet < QUIET_PAUSES && pauses < PAUSES_MAX; pauses++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const now = await processorUs(pid);
    const isQuiet = now - last < QUIET_US;
    quiet = isQuiet ? quiet + 1 : 0;
    if (!isQuiet) busyUntil = performance.now();
    last = now;
  }
  return { ms: busyUntil - started, processorUs: last };
}

async function benchmark(port: number, { command, clients, pipeline, keys }: Load, requests: number): Promise<number> {
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
    keys,
    '-P',
    pipeline,
    '--csv',
  ];
  const { stdout } = await run_('redis-benchmark', args.map(String));
  const rate = Number(/^"[^"]+","([\d.]+)"/m.exec(stdout.slice(stdout.indexOf('\n') + 1))?.[1]);
  if (!(rate > 0)) throw new Error(`no rate in\n${stdout}`);
  return rate;
}

type Durability = 'memory' | 'disk';

interface Peer {
  readonly port: number;
  readonly pid: number;
}

/** The server and a redis-server beside it, each in a directory of its own. */
class Peers {
  readonly orbit: Peer;
  readonly redis: Peer;
  readonly #end: () => Promise<void>;

  private constructor(orbit: Peer, redis: Peer, end: () => Promise<void>) {
    this.orbit = orbit;
    this.redis = redis;
    this.#end = end;
  }

  static async start(durability: Durability): Promise<Peers> {
    const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-resp-'));
    const redisDirectory = join(directory, 'redis');
    await mkdir(redisDirectory);
    const appending =
      durability === 'disk' ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
    let child: ChildProcess | undefined;
    let server: ServerProcess | undefined;
    const end = async () => {
      await server?.stop();
      child?.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    };
    try {
      const port = await freePort();
      child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...appending], {
        cwd: redisDirectory,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      for await (const chunk of child.stdout!) if (String(chunk).includes('Ready to accept')) break;
      child.stdout!.resume();
      const args = ['--durability', durability];
      server = await ServerProcess.start({ dataDir: join(directory, 'orbit'), args });
      await atRest(server.pid);
      return new Peers({ port: server.port('redis'), pid: server.pid }, { port, pid: child.pid! }, end);
    } catch (error) {
      await end();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }
}

async function bytesPerKey({ port, pid }: Peer): Promise<number> {
  await benchmark(port, { command: 'get', clients: 50, pipeline: 16, keys: KEYS }, 100_000);
  await setKeys(port, 0, 10_000);
  const before = await residentBytes(pid);
  await setKeys(port, 10_000, MEMORY_KEYS);
  return ((await residentBytes(pid)) - before) / MEMORY_KEYS;
}

/** Sets keys as redis-benchmark names them, each once. */
async function setKeys(port: number, from: number, count: number): Promise<void> {
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
