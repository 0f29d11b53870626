/**
 * The TiKV client against a test cluster in a process of its own, 64 calls in flight unless told otherwise: point gets coalesced
 * by the client beside gets over the BatchCommands stream and unary ones, batch gets of the caller, single-key transactions.
 *
 * The cluster is JavaScript too and shares the machine, so beside the rate stands the processor time that an operation
 * takes in either process: on two free cores the rate is bounded by the larger of the two.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, MAX_TIMESTAMP, type TikvClient } from '#tikv-client';
import { processorUs } from './processor-time.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'packages', 'tikv-client-node', 'test-cluster', 'node', 'main.ts');
const IN_FLIGHT = 64;
const KEYS = 10_000;
const SECONDS = 3;
const ROUNDS = 3;

const keyOf = (i: number) => Buffer.from(`key ${String(i).padStart(6, '0')}`);

export async function run(): Promise<readonly string[]> {
  const child = spawn(process.execPath, [MAIN, '--stores=3', '--pds=1'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      child.once('exit', (code) => reject(new Error(`the cluster ended with ${code}`)));
    });
    const pdEndpoints = line.trim().replace('TIKV_PD_ENDPOINTS=', '').split(',');
    const batched = await connect({ pdEndpoints });
    const alone = await connect({ pdEndpoints, coalesceGets: false });
    const unary = await connect({ pdEndpoints, batchCommands: false, coalesceGets: false });
    await batched.split(Array.from({ length: 9 }, (_, i) => keyOf((i + 1) * (KEYS / 10))));
    for (let at = 0; at < KEYS; at += 500) {
      const transaction = await batched.begin();
      for (let i = at; i < at + 500; i++) transaction.put(keyOf(i), Buffer.alloc(100, i));
      await transaction.commit();
    }
    const rate = (work: (i: number) => Promise<void>, each: number, inFlight?: number) =>
      measured(child.pid!, work, each, inFlight);
    const cases: Readonly<Record<string, () => Promise<Figures>>> = {
      'gets/s, coalesced': () => rate((i) => get(batched, i), 1),
      'gets/s, BatchCommands': () => rate((i) => get(alone, i), 1),
      'gets/s, unary': () => rate((i) => get(unary, i), 1),
      'gets/s, coalesced, 8 in flight': () => rate((i) => get(batched, i), 1, 8),
      'gets/s, BatchCommands, 8 in flight': () => rate((i) => get(alone, i), 1, 8),
      'gets/s, coalesced, 1 in flight': () => rate((i) => get(batched, i), 1, 1),
      'gets/s, BatchCommands, 1 in flight': () => rate((i) => get(alone, i), 1, 1),
      'keys/s, batch get of 16': () => rate((i) => batchGet(batched, i, 16), 16),
      'keys/s, batch get of 1,000 over 10 regions': () =>
        rate((i) => batchGet(batched, i, 1_000, KEYS / 1_000), 1_000, 4),
      'transactions/s, single key, one phase': () => rate((i) => put(batched, i), 1),
    };
    const rates = new Map<string, Figures[]>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, measure] of Object.entries(cases))
        rates.set(name, [...(rates.get(name) ?? []), await measure()]);
    }
    await batched.close();
    await alone.close();
    await unary.close();
    return [...rates].map(([name, all]) => {
      const { perSecond, clientUs, clusterUs } = all.toSorted((a, b) => a.perSecond - b.perSecond)[ROUNDS >> 1]!;
      const rate = Math.round(perSecond).toLocaleString('en');
      return `${name.padEnd(45)} ${rate.padStart(8)}   ${clientUs.toFixed(1)} µs client, ${clusterUs.toFixed(1)} µs cluster`;
    });
  } finally {
    child.kill('SIGTERM');
  }
}

interface Figures {
  readonly perSecond: number;
  /** Processor time of one operation, microseconds. */
  readonly clientUs: number;
  readonly clusterUs: number;
}

/** `work` does `each` operations. */
async function measured(
  cluster: number,
  work: (i: number) => Promise<void>,
  each: number,
  inFlight = IN_FLIGHT,
): Promise<Figures> {
  const before = [await processorUs(process.pid), await processorUs(cluster)] as const;
  const startedMs = performance.now();
  const untilMs = startedMs + SECONDS * 1000;
  let done = 0;
  const worker = async (from: number) => {
    for (let i = from; performance.now() < untilMs; i += 7919) {
      await work(i % KEYS);
      done += each;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, i) => worker(i * 101)));
  const perSecond = done / ((performance.now() - startedMs) / 1000);
  const clientUs = ((await processorUs(process.pid)) - before[0]) / done;
  const clusterUs = ((await processorUs(cluster)) - before[1]) / done;
  return { perSecond, clientUs, clusterUs };
}

async function get(client: TikvClient, i: number): Promise<void> {
  if ((await client.get(keyOf(i))) === undefined) throw new Error('a key is missing');
}

async function batchGet(client: TikvClient, from: number, count: number, step = 1): Promise<void> {
  const keys = Array.from({ length: count }, (_, n) => keyOf((from + n * step) % KEYS));
  await client.snapshot(MAX_TIMESTAMP).batchGet(keys);
}

async function put(client: TikvClient, i: number): Promise<void> {
  const transaction = await client.begin();
  transaction.put(keyOf(i), Buffer.alloc(100, i));
  await transaction.commit().catch(() => {}); // Two may meet on a key.
}
