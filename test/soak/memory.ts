/**
 * A data set several times larger than memory: keys of 100 bytes loaded through the Redis port in no order into a server
 * with a small memory limit, read at random for half a minute, and then all of them, each compared with what it must be.
 */

import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { ServerProcess } from '../support/server.ts';
import { RawClient } from '../wire/resp-client.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const KEYS = 10_000_000;
const LIMIT_MB = 256;
const PEAK_BYTES_MAX = 1.5 * LIMIT_MB * 1e6 + 150e6;
const CONNECTIONS = 4;
const PIPELINE = 500;
const READERS = 16;
const READ_MS = 30_000;
const SAMPLE_MS = 100;
const VALUE_BYTES = 100;
const GET_REPLY_BYTES = '$100\r\n'.length + VALUE_BYTES + 2;
/** Coprime with any count that is not a multiple of it, so that multiplying by it visits every key once. */
const STRIDE = 7_368_787;
const DISK_BYTES_PER_KEY = 400;

export async function memory({ seed, count = KEYS, progress }: SoakOptions): Promise<SoakResult> {
  const problems: string[] = [];
  const random = new SeededRandom(seed);
  const filler = Buffer.from(random.bytes(3 * 4_096)).toString('base64');
  /** 12 digits that name the key, and text that does not compress, at a place chosen by the key. */
  const contentOf = (i: number): string => {
    const at = (Math.imul(i, 2_654_435_761) >>> 0) % (filler.length - VALUE_BYTES);
    return String(i).padStart(12, '0') + filler.slice(at, at + VALUE_BYTES - 12);
  };
  const keyOf = (i: number): string => `key:${String(i).padStart(8, '0')}`;
  const shuffled = (i: number): number => Number((BigInt(i) * BigInt(STRIDE)) % BigInt(count));

  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-memory-'));
  const { bavail, bsize } = await statfs(dataDir);
  if (bavail * bsize < count * DISK_BYTES_PER_KEY) throw new Error(`too little room in ${dataDir}`);
  const server = ServerProcess.spawn({ dataDir, args: ['--memory-limit', `${LIMIT_MB}MB`] });
  let sampledPeak = 0;
  const sampler = setInterval(async () => {
    sampledPeak = Math.max(sampledPeak, (await server.memory())?.rssBytes ?? 0);
  }, SAMPLE_MS);
  const peak = async (): Promise<number> => (await server.memory())?.peakBytes ?? Number.NaN;
  try {
    await server.ready;
    const port = server.port('redis');
    const idle = (await server.memory())!.rssBytes;
    const report = async (what: string): Promise<void> => progress(`${what}, peak ${megabytes(await peak())}`);
    const loading = await inChunks(
      port,
      count,
      (done) => report(`loaded ${done}`),
      async (client, from, to) => {
        let commands = '';
        for (let i = from; i < to; i++) {
          const n = shuffled(i);
          commands += `*3\r\n$3\r\nSET\r\n$12\r\n${keyOf(n)}\r\n$100\r\n${contentOf(n)}\r\n`;
        }
        client.send(commands);
        const replies = await client.exactly((to - from) * 5);
        if (replies !== '+OK\r\n'.repeat(to - from)) throw new Error(`SET answered ${replies.slice(0, 200)}`);
      },
    );

    const end = performance.now() + READ_MS;
    let reads = 0;
    await Promise.all(
      Array.from({ length: READERS }, async (_, reader) => {
        const chance = random.fork(`reader ${reader}`);
        const client = await RawClient.connect(port);
        while (performance.now() < end) {
          const n = chance.int(count);
          const reply = await client.call('GET', keyOf(n));
          if (reply !== `$100\r\n${contentOf(n)}\r\n`) throw new Error(`${keyOf(n)} answered ${JSON.stringify(reply)}`);
          reads++;
        }
        client.close();
      }),
    );
    const readRate = reads / (READ_MS / 1_000);
    await report(`random reads: ${Math.round(readRate)}/s by ${READERS} clients`);

    const verifying = await inChunks(
      port,
      count,
      (done) => report(`verified ${done}`),
      async (client, from, to) => {
        let commands = '';
        for (let i = from; i < to; i++) commands += `*2\r\n$3\r\nGET\r\n$12\r\n${keyOf(i)}\r\n`;
        client.send(commands);
        const replies = await client.exactly((to - from) * GET_REPLY_BYTES);
        for (let i = from; i < to; i++) {
          const reply = replies.slice((i - from) * GET_REPLY_BYTES, (i - from + 1) * GET_REPLY_BYTES);
          if (reply !== `$100\r\n${contentOf(i)}\r\n`) throw new Error(`${keyOf(i)} answered ${JSON.stringify(reply)}`);
        }
      },
    );
    const highest = await peak();
    if (highest >= PEAK_BYTES_MAX) {
      problems.push(`the server used ${megabytes(highest)}; it may use ${megabytes(PEAK_BYTES_MAX)}`);
    }
    const code = await server.stop();
    if (code !== 0) problems.push(`the server ended with ${code}\n${server.stderr}`);
    return {
      problems,
      line:
        `${count.toLocaleString('en')} keys under a limit of ${LIMIT_MB} MB: peak ${megabytes(highest)} (sampled ${megabytes(sampledPeak)}) ` +
        `of ${megabytes(PEAK_BYTES_MAX)} allowed, ${megabytes(idle)} when idle; loaded at ${Math.round(loading)} keys/s, ` +
        `random GETs ${Math.round(readRate)}/s by ${READERS} clients without pipelining, all values verified at ${Math.round(verifying)} keys/s`,
    };
  } catch (error) {
    const { code, signal } = server.ended ? await server.exited : { code: undefined, signal: undefined };
    const ended = server.ended ? `; the server ended with ${code ?? signal}` : '';
    problems.push(`${error instanceof Error ? error.stack : error}${ended}\n${server.stderr}`);
    return { problems, line: `stopped with a peak of ${megabytes(Math.max(sampledPeak, (await peak()) || 0))}` };
  } finally {
    clearInterval(sampler);
    await server.kill();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Hands out `count` in pipelines to several connections. @returns how many a second. */
async function inChunks(
  port: number,
  count: number,
  report: (done: string) => Promise<void>,
  work: (client: RawClient, from: number, to: number) => Promise<void>,
): Promise<number> {
  const start = performance.now();
  const step = Math.ceil(count / 10);
  let next = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = await RawClient.connect(port);
      while (next < count) {
        const from = next;
        next = Math.min(from + PIPELINE, count);
        const to = next;
        await work(client, from, to);
        const before = done;
        done += to - from;
        if (Math.floor(done / step) > Math.floor(before / step)) {
          await report(`${done.toLocaleString('en')} after ${Math.round((performance.now() - start) / 1_000)} s`);
        }
      }
      client.close();
    }),
  );
  return (count / (performance.now() - start)) * 1_000;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
