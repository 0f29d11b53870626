/**
 * Erasure coding under kill -9, on the machine's own files: a process encodes, loses shards, rebuilds and decodes one
 * volume over and over and is killed at a random moment; then every needle is read, from whatever the volume is then,
 * with shards lost besides. Now and then a bit is flipped in a shard first.
 *
 * `--count` is the size of the volume in megabytes (default 100), `--rounds` the number of kills (default 100).
 */

import { spawn } from 'node:child_process';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../../src/base/log.ts';
import { recoverConversion } from '../../src/blobs/erasure/conversion.ts';
import { ErasureVolume } from '../../src/blobs/erasure/erasure-volume.ts';
import { scrubVolume } from '../../src/blobs/erasure/rebuild.ts';
import { shardPath } from '../../src/blobs/erasure/shard-files.ts';
import { Volume } from '../../src/blobs/volume/volume.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { kill } from '../support/data-directory.ts';
import { type NeedleVolume, newNeedleVolume, writeNeedleVolume } from '../support/needle-volume.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const CHILD = fileURLToPath(new URL('../support/erasure-child.ts', import.meta.url));
const NEEDLE_BYTES_MAX = 200_000;
const FLIP_CHANCE = 0.3;

export interface ErasureKillOptions {
  readonly seed: number | string;
  readonly rounds: number;
  readonly bytes: number;
  readonly killAfterMs: readonly [number, number];
  readonly progress?: (line: string) => void;
}

export interface ErasureKillReport {
  readonly problems: readonly string[];
  readonly kills: number;
  readonly encoded: number;
  readonly resumed: number;
  readonly rebuilt: number;
  readonly decoded: number;
  readonly reads: number;
  readonly flips: number;
}

export async function runErasureKill(options: ErasureKillOptions): Promise<ErasureKillReport> {
  const random = new SeededRandom(options.seed);
  const directory = await mkdtemp(join(tmpdir(), 'orbit-erasure-'));
  const base = join(directory, '1');
  const platform = newNodePlatform();
  const source = newNeedleVolume(random, {
    needles: Math.ceil((2 * options.bytes) / NEEDLE_BYTES_MAX),
    dataBytesMax: NEEDLE_BYTES_MAX,
  });
  const problems: string[] = [];
  const counts = { kills: 0, encoded: 0, resumed: 0, rebuilt: 0, decoded: 0, reads: 0, flips: 0 };
  try {
    await writeNeedleVolume(platform.files, base, source);
    for (let round = 1; round <= options.rounds && problems.length === 0; round++) {
      const child = spawn(process.execPath, [CHILD, base, `${options.seed} ${round}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      const started = Promise.withResolvers<void>();
      child.stdout!.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        started.resolve();
      });
      child.on('exit', () => started.resolve());
      await started.promise;
      await sleep(random.between(...options.killAfterMs));
      if (child.exitCode !== null) problems.push(`round ${round}: the process ended by itself after ${text}`);
      await kill(child);
      counts.kills++;
      counts.encoded += text.match(/^encoded/gm)?.length ?? 0;
      counts.resumed += text.match(/^encoded from [1-9]/gm)?.length ?? 0;
      counts.rebuilt += text.match(/^rebuilt/gm)?.length ?? 0;
      counts.decoded += text.match(/^decoded/gm)?.length ?? 0;
      const label = `seed ${options.seed}, round ${round}`;
      problems.push(...(await verify(base, source, random, counts, label)));
      options.progress?.(
        `round ${round}: ${counts.encoded} encoded, ${counts.rebuilt} rebuilt, ${counts.decoded} decoded`,
      );
    }
  } catch (error) {
    problems.push(`seed ${options.seed}: ${error instanceof Error ? error.stack : error}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return { problems, ...counts };
}

/** Reads every needle of what the volume is now. @returns what is wrong. */
async function verify(
  base: string,
  source: NeedleVolume,
  random: SeededRandom,
  counts: { reads: number; flips: number },
  label: string,
): Promise<string[]> {
  const platform = newNodePlatform();
  const problems: string[] = [];
  const compare = (id: bigint, found: Uint8Array | undefined) => {
    const data = source.contents.get(id);
    counts.reads++;
    if ((data === undefined) !== (found === undefined) || (data && found && Buffer.compare(data, found) !== 0)) {
      problems.push(`${label}: needle ${id} reads wrong`);
    }
  };
  const ids = [...source.contents.keys(), ...source.deleted];
  if ((await recoverConversion(platform.files, base)) === 'needles') {
    const name = { collection: '', volumeId: 1 };
    const volume = await Volume.open({ platform, directory: join(base, '..'), name, log: silentLog });
    for (const id of ids) compare(id, (await volume.read(id, Number(id) * 7 + 1))?.needle.data);
    await volume.close();
    return problems;
  }
  const context = { platform };
  let flipped = false;
  if (random.chance(FLIP_CHANCE)) {
    const volume = await ErasureVolume.open(context, base, 1);
    const { lost } = volume.status;
    await volume.close();
    if (lost.length < 4) {
      const shard = random.pick(Array.from({ length: 14 }, (_, i) => i).filter((one) => !lost.includes(one)));
      await flip(shardPath(base, shard), random);
      counts.flips++;
      flipped = true;
      const { rot } = await scrubVolume(context, base, { repair: false, rebuild: false });
      if (rot.length !== 1 || rot[0]!.shard !== shard)
        problems.push(`${label}: a flip in shard ${shard} was not found`);
    }
  }
  const volume = await ErasureVolume.open(context, base, 1);
  for (const id of ids) compare(id, (await volume.read(id))?.data);
  await volume.close();
  // Else the next process might lose four shards besides.
  if (flipped) {
    const { repaired } = await scrubVolume(context, base, { repair: true, rebuild: false });
    if (repaired.length !== 1) problems.push(`${label}: the flip was not repaired`);
  }
  return problems;
}

async function flip(path: string, random: SeededRandom): Promise<void> {
  const { size } = await stat(path);
  const file = await open(path, 'r+');
  try {
    const position = random.int(size);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, position);
    byte[0]! ^= 1 << random.int(8);
    await file.write(byte, 0, 1, position);
  } finally {
    await file.close();
  }
}

export async function erasure(options: SoakOptions): Promise<SoakResult> {
  const report = await runErasureKill({
    seed: options.seed,
    rounds: options.rounds ?? 100,
    bytes: (options.count ?? 100) * 1_000_000,
    killAfterMs: [20, 4_000],
    progress: options.progress,
  });
  return {
    problems: report.problems,
    line:
      `${report.kills} kills of a process that encoded ${report.encoded} times (${report.resumed} resumed), rebuilt ` +
      `${report.rebuilt} and decoded ${report.decoded} times; ${report.flips} flipped bits, all found; ` +
      `${report.reads.toLocaleString('en')} reads, ${report.problems.length === 0 ? 'none wrong' : 'SOME WRONG'}`,
  };
}
