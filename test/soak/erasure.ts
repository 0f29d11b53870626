/**
 * Erasure coding under kill -9, on the machine's own files: a process encodes, loses shards, rebuilds and decodes one
 * volume over and over and is killed at a random moment; then every needle is read, from whatever the volume is then,
 * with shards lost besides. Now and then a bit is flipped in a shard first.
 *
 * Then a volume ten times as large is encoded, and random sets of four shards are taken away: needles are read, the shards
 * made anew, and in the end the `.dat` must be what it was.
 *
 * `--count` is the size of the first volume in megabytes (default 100), `--rounds` the number of kills (default 100).
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { crc32c } from '../../src/base/crc32c.ts';
import { silentLog } from '../../src/base/log.ts';
import { recoverConversion } from '../../src/blobs/erasure/conversion.ts';
import { ErasureVolume } from '../../src/blobs/erasure/erasure-volume.ts';
import { ErasureJobs } from '../../src/blobs/erasure/jobs.ts';
import { scrubVolume } from '../../src/blobs/erasure/rebuild.ts';
import { shardPath } from '../../src/blobs/erasure/shard-files.ts';
import { encodeIndexRow, SMALL_INDEX } from '../../src/blobs/formats/index-row.ts';
import { bodyBytes, encodeNeedle, NO_DETAILS, recordBytes } from '../../src/blobs/formats/needle.ts';
import { encodeSuperBlock, newSuperBlock } from '../../src/blobs/formats/super-block.ts';
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

const LARGE_NEEDLE_BYTES = 100_000;
const SETS = 20;
const READS_PER_SET = 500;

/** What needle `id` of the large volume holds. */
function largeContent(id: number): Buffer {
  const words = new Uint32Array(LARGE_NEEDLE_BYTES / 4);
  let state = Math.imul(id, 0x9e3779b1) | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer);
}

/** Random sets of four lost shards on a volume of that size. @returns what is wrong, and how many needles were read. */
async function loseShards(
  seed: number,
  bytes: number,
  progress: (line: string) => void,
): Promise<{ problems: string[]; reads: number }> {
  const random = new SeededRandom(`${seed} large`);
  const directory = await mkdtemp(join(tmpdir(), 'orbit-erasure-large-'));
  const base = join(directory, '1');
  const context = { platform: newNodePlatform() };
  const jobs = new ErasureJobs();
  const problems: string[] = [];
  let reads = 0;
  try {
    const count = Math.ceil(bytes / LARGE_NEEDLE_BYTES);
    const written = createHash('sha256');
    const dat = await open(`${base}.dat`, 'w');
    const rows: Buffer[] = [];
    let offset = 0;
    const append = async (record: Buffer) => {
      await dat.write(record, 0, record.length, offset);
      written.update(record);
      offset += record.length;
    };
    await append(encodeSuperBlock(newSuperBlock()));
    for (let id = 1; id <= count; id++) {
      const needle = { ...NO_DETAILS, id: BigInt(id), cookie: id, data: largeContent(id) };
      const size = bodyBytes(needle, 3);
      const record = Buffer.alloc(recordBytes(size, 3));
      encodeNeedle(record, 0, needle, { version: 3, checksum: crc32c(needle.data), appendAtNs: BigInt(id) });
      rows.push(encodeIndexRow({ id: needle.id, offset, size }, SMALL_INDEX));
      await append(record);
    }
    await dat.close();
    await writeFile(`${base}.idx`, Buffer.concat(rows));
    const before = written.digest('hex');
    await jobs.run({ kind: 'encode', base });
    for (let set = 1; set <= SETS && problems.length === 0; set++) {
      const lost = new Set<number>();
      while (lost.size < 4) lost.add(random.int(14));
      for (const shard of lost) await rm(shardPath(base, shard));
      const volume = await ErasureVolume.open(context, base, 1);
      for (let i = 0; i < READS_PER_SET; i++) {
        const id = 1 + random.int(count);
        const needle = await volume.read(BigInt(id));
        reads++;
        if (needle === undefined || Buffer.compare(needle.data, largeContent(id)) !== 0) {
          problems.push(`seed ${seed}: needle ${id} reads wrong without shards ${[...lost].join()}`);
        }
      }
      await volume.close();
      await jobs.run({ kind: 'scrub', base, repair: true, rebuild: true });
      progress(`${set} of ${SETS} sets of lost shards`);
    }
    await jobs.run({ kind: 'decode', base });
    const after = createHash('sha256');
    for await (const chunk of createReadStream(`${base}.dat`)) after.update(chunk as Buffer);
    if (after.digest('hex') !== before) problems.push(`seed ${seed}: the large volume is not what it was`);
  } catch (error) {
    problems.push(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return { problems, reads };
}

export async function erasure(options: SoakOptions): Promise<SoakResult> {
  const report = await runErasureKill({
    seed: options.seed,
    rounds: options.rounds ?? 100,
    bytes: (options.count ?? 100) * 1_000_000,
    killAfterMs: [20, 4_000],
    progress: options.progress,
  });
  const largeMb = 10 * (options.count ?? 100);
  const large = await loseShards(options.seed, largeMb * 1_000_000, options.progress);
  const problems = [...report.problems, ...large.problems];
  return {
    problems,
    line:
      `${report.kills} kills of a process that encoded ${report.encoded} times (${report.resumed} resumed), rebuilt ` +
      `${report.rebuilt} and decoded ${report.decoded} times; ${report.flips} flipped bits, all found; ` +
      `${report.reads.toLocaleString('en')} reads; ${SETS} sets of four lost shards of a volume of ${largeMb} MB, ` +
      `${large.reads.toLocaleString('en')} reads, all rebuilt and decoded to the same bytes; ` +
      `${problems.length === 0 ? 'nothing wrong' : 'SOMETHING WRONG'}`,
  };
}
