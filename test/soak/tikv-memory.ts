/**
 * Ten million operations of the TiKV client over gRPC against a cluster in a process of its own, 64 in flight: point gets, with
 * transactions, batch gets and scans among them. The memory of the client's process stays as it is. `--count` is the
 * number of operations.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect } from '#tikv-client';
import { TikvProcess } from '../support/tikv-process.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const OPERATIONS = 10_000_000;
const IN_FLIGHT = 64;
const KEYS = 10_000;
/** The first of so many parts is for warming up. */
const PARTS = 10;
const GROWTH_BYTES_MAX = 8 * 2 ** 20;
const NEWEST = 0xffff_ffff_ffff_ffffn;

const keyOf = (i: number) => Buffer.from(`key ${String(i % KEYS).padStart(6, '0')}`);

export async function tikvMemory({ count = OPERATIONS, progress }: SoakOptions): Promise<SoakResult> {
  const cluster = await TikvProcess.start();
  const client = await connect({ pdEndpoints: cluster.pdEndpoints });
  await client.split(Array.from({ length: 9 }, (_, i) => keyOf((i + 1) * (KEYS / 10))));
  for (let at = 0; at < KEYS; at += 500) {
    const transaction = await client.begin();
    for (let i = at; i < at + 500; i++) transaction.put(keyOf(i), Buffer.alloc(100, i));
    await transaction.commit();
  }
  const operate = async (i: number): Promise<void> => {
    if (i % 50 === 0) {
      const transaction = await client.begin();
      transaction.put(keyOf(i * 31), Buffer.alloc(100, i));
      await transaction.commit().catch(() => {}); // Two may meet on a key.
    } else if (i % 50 === 1) {
      await client.snapshot(await client.timestamp()).batchGet([keyOf(i), keyOf(i + 5_000)]);
    } else if (i % 500 === 2) {
      for await (const batch of client
        .snapshot(await client.timestamp())
        .scan(keyOf(i), Buffer.alloc(0), { limit: 20 })) {
        if (batch.length === 0) throw new Error('an empty batch');
      }
    } else if ((await client.snapshot(NEWEST).get(keyOf(i * 7_919))) === undefined) throw new Error('a key is missing');
  };
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const rss: number[] = [];
  const used: number[] = [];
  const begun = performance.now();
  const before = process.cpuUsage();
  try {
    for (let part = 0; part < PARTS; part++) {
      let next = (count / PARTS) * part;
      const end = (count / PARTS) * (part + 1);
      const worker = async () => {
        while (next < end) await operate(next++);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
      collect();
      const memory = process.memoryUsage();
      rss.push(memory.rss);
      used.push(memory.heapUsed + memory.external);
      progress(
        `${Math.round(end).toLocaleString('en')} operations, ${mb(rss.at(-1)!)} MB, ${mb(used.at(-1)!)} MB in use`,
      );
    }
  } finally {
    await client.close();
    cluster.stop();
  }
  const { user, system } = process.cpuUsage(before);
  const [first, ...others] = rss;
  const growth = Math.max(...used.slice(1)) - used[0]!;
  const problems = growth > GROWTH_BYTES_MAX ? [`memory in use grew by ${mb(growth)} MB after the first tenth`] : [];
  return {
    problems,
    line:
      `${count.toLocaleString('en')} operations in ${Math.round((performance.now() - begun) / 1000)} s, ` +
      `${((user + system) / count).toFixed(1)} µs of the client's processor time each; in use ${mb(used[0]!)} MB after ` +
      `the first tenth and at most ${mb(Math.max(...used.slice(1)))} MB later, of a process of ${mb(first!)} MB and ` +
      `${mb(Math.max(...others))} MB`,
  };
}

function mb(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
