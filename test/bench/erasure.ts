/**
 * Erasure coding: the kernel beside Intel ISA-L on the same core, turning a volume into shards beside copying as many bytes
 * as the shards have, and reads with four data shards lost beside reads with all of them.
 *
 * Needs gcc and Debian's libisal-dev for the first part, which is left out without them. ORBIT_BENCH_MB sets the size of
 * the volume, 300 by default. `npm run bench -- erasure [kernel|encode|reads]` runs one part.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeVolume } from '../../src/blobs/erasure/decode.ts';
import { ErasureVolume } from '../../src/blobs/erasure/erasure-volume.ts';
import { ErasureJobs } from '../../src/blobs/erasure/jobs.ts';
import { type Kernel, PlainKernel } from '../../src/blobs/erasure/kernel.ts';
import { DEFAULT_RATIO, ReedSolomon } from '../../src/blobs/erasure/reed-solomon.ts';
import { shardPath } from '../../src/blobs/erasure/shard-files.ts';
import { SimdKernel, simdBufferBytes } from '../../src/blobs/erasure/simd-kernel.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { type NeedleVolume, newNeedleVolume, writeNeedleVolume } from '../support/needle-volume.ts';
import { compare, type Measured } from './compare.ts';

const VOLUME_MB = Number(process.env.ORBIT_BENCH_MB ?? 300);
const MB = 1_000_000;
const KERNEL_BLOCK = 64 * 1024;
const KERNEL_MB = 1_000;
const READS = 20_000;
const READERS = 16;

const ISAL = `
#include <isa-l.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double now(clockid_t c) { struct timespec t; clock_gettime(c, &t); return t.tv_sec + t.tv_nsec / 1e9; }
int main(int argc, char **argv) {
  int length = atoi(argv[1]); long rounds = atol(argv[2]);
  unsigned char matrix[14 * 10], tables[32 * 40], *shards[14];
  gf_gen_rs_matrix(matrix, 14, 10); ec_init_tables(10, 4, &matrix[100], tables);
  for (int i = 0; i < 14; i++) {
    shards[i] = (unsigned char *)aligned_alloc(64, length + 4096) + 64 * i;
    for (int j = 0; j < length; j++) shards[i][j] = rand();
  }
  double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  for (long i = 0; i < rounds; i++) ec_encode_data(length, 10, 4, tables, shards, shards + 10);
  printf("%f %f", now(CLOCK_MONOTONIC) - wall, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  return 0;
}
`;

export async function run(): Promise<readonly string[]> {
  const only = process.argv[3] ?? '';
  const directory = await mkdtemp(join(tmpdir(), 'orbit-bench-erasure-'));
  const lines: string[] = [];
  try {
    for (const [name, part] of Object.entries({ kernel, encode, reads })) {
      if (!name.includes(only)) continue;
      for (const line of await part(directory)) {
        process.stdout.write(`${line}\n`);
        lines.push(line);
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return [`${lines.length} lines; ratios above 1 are in our favour`];
}

/** Wall and processor time of this process. `mb` is what was done. */
async function measured(mb: number, work: () => Promise<void> | void): Promise<Measured> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (mb / ms) * 1_000, processorUs: (user + system) / mb };
}

async function kernel(directory: string): Promise<string[]> {
  const { rows } = new ReedSolomon(DEFAULT_RATIO).encoding;
  const runner = (one: Kernel, mb: number) => {
    const shards = Array.from({ length: 14 }, (_, i) => one.allocate(KERNEL_BLOCK).fill(i * 37 + 1));
    const rounds = Math.ceil((mb * MB) / (10 * KERNEL_BLOCK));
    return () =>
      measured(mb, () => {
        for (let i = 0; i < rounds; i++) one.code(rows, shards.slice(0, 10), shards.slice(10), KERNEL_BLOCK);
      });
  };
  const simd = () => new SimdKernel(14 * simdBufferBytes(KERNEL_BLOCK));
  const lines: string[] = [];
  const isal = compileIsal(directory);
  if (isal === undefined) lines.push('ISA-L: not measured; needs gcc and libisal-dev');
  else {
    const rounds = Math.ceil((KERNEL_MB * MB) / (10 * KERNEL_BLOCK));
    const peer = (): Promise<Measured> => {
      const [wallS, cpuS] = execFileSync(isal, [String(KERNEL_BLOCK), String(rounds)], { encoding: 'utf8' }).split(' ');
      return Promise.resolve({ rate: KERNEL_MB / Number(wallS), processorUs: (Number(cpuS) * 1e6) / KERNEL_MB });
    };
    const ours = runner(simd(), KERNEL_MB);
    lines.push(await compare({ name: '10+4 in memory, of input', unit: 'MB/s', ours, peer, peerName: 'ISA-L' }));
  }
  const plain = runner(new PlainKernel(), 100);
  const ours = runner(simd(), KERNEL_MB);
  lines.push(await compare({ name: 'the same', unit: 'MB/s', ours, peer: plain, peerName: 'TypeScript' }));
  const checksum = (one: Kernel, mb: number) => {
    const bytes = one.allocate(KERNEL_BLOCK).fill(7);
    const rounds = Math.ceil((mb * MB) / KERNEL_BLOCK);
    return () =>
      measured(mb, () => {
        for (let i = 0; i < rounds; i++) one.crc32c(bytes, KERNEL_BLOCK);
      });
  };
  const sums = new SimdKernel(simdBufferBytes(KERNEL_BLOCK));
  lines.push(
    await compare({
      name: 'CRC-32C',
      unit: 'MB/s',
      ours: checksum(sums, KERNEL_MB),
      peer: checksum(new PlainKernel(), 300),
      peerName: 'TypeScript',
    }),
  );
  return lines;
}

function compileIsal(directory: string): string | undefined {
  const program = join(directory, 'isal');
  try {
    writeFileSync(`${program}.c`, ISAL);
    execFileSync('gcc', ['-O2', '-o', program, `${program}.c`, '-lisal'], { stdio: 'ignore' });
    return program;
  } catch {
    return undefined;
  }
}

async function encode(directory: string): Promise<string[]> {
  const base = join(directory, '1');
  const platform = newNodePlatform();
  await writeNeedleVolume(platform.files, base, newVolume(VOLUME_MB, 400_000));
  const jobs = new ErasureJobs();
  const outputMb = VOLUME_MB * 1.4;
  let isShards = false;
  const restore = async () => {
    if (isShards) await decodeVolume({ platform }, base);
    isShards = false;
  };
  const ours = async (): Promise<Measured> => {
    await restore();
    isShards = true;
    return measured(outputMb, async () => void (await jobs.run({ kind: 'encode', base })));
  };
  const peer = async (): Promise<Measured> => {
    await restore();
    return measured(outputMb, () => copy(`${base}.dat`, join(directory, 'copy'), outputMb * MB));
  };
  const line = await compare({ name: 'volume to shards, of output', unit: 'MB/s', ours, peer, peerName: 'copy' });
  await restore();
  for (const extension of ['dat', 'idx', 'vif']) rmSync(`${base}.${extension}`);
  return [line];
}

/** Copies a file, over and over until that many bytes are written, and syncs. */
function copy(from: string, to: string, bytes: number): void {
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const source = openSync(from, 'r');
  const target = openSync(to, 'w');
  let position = 0;
  for (let done = 0; done < bytes; ) {
    const count = readSync(source, buffer, 0, Math.min(buffer.length, bytes - done), position);
    position = count === 0 ? 0 : position + count;
    writeSync(target, buffer, 0, count, done);
    done += count;
  }
  fdatasyncSync(target);
  closeSync(source);
  closeSync(target);
  rmSync(to);
}

async function reads(directory: string): Promise<string[]> {
  const lines: string[] = [];
  const platform = newNodePlatform();
  for (const [what, bytesMax] of [
    ['1 KB', 2_000],
    ['100 KB', 200_000],
  ] as const) {
    // biome-ignore format: pairs
    const base = join(directory, '2');
    const volume = newVolume(100, bytesMax);
    await writeNeedleVolume(platform.files, base, volume);
    await new ErasureJobs().run({ kind: 'encode', base });
    const healthy = await ErasureVolume.open({ platform }, base, 2);
    for (const shard of [0, 1, 2, 3]) rmSync(shardPath(base, shard));
    const degraded = await ErasureVolume.open({ platform }, base, 2);
    const ids = [...volume.contents.keys()];
    const random = new SeededRandom(1);
    const count = bytesMax > 100_000 ? READS / 10 : READS;
    const reading = (from: ErasureVolume) => () =>
      measured(count, async () => {
        let left = count;
        const reader = async () => {
          while (left-- > 0) await from.read(random.pick(ids));
        };
        await Promise.all(Array.from({ length: READERS }, reader));
      });
    const name = `reads of ${what}, 4 data shards lost`;
    lines.push(
      await compare({ name, unit: '/s', ours: reading(degraded), peer: reading(healthy), peerName: 'all shards' }),
    );
    await healthy.close();
    await degraded.close();
    await rm(directory, { recursive: true, force: true });
    await platform.files.makeDirectory(directory);
  }
  return lines;
}

function newVolume(mb: number, dataBytesMax: number): NeedleVolume {
  const needles = Math.ceil((2 * mb * MB) / dataBytesMax);
  return newNeedleVolume(new SeededRandom(1), { needles, dataBytesMax });
}
