/**
 * `orbit blobs ec …`: erasure coding of needle volumes from the command line, while no server has their directory open.
 *
 * Works run on a thread of their own; SIGINT ends the process, and the next call goes on where it can.
 */

import { OperationError } from './base/errors.ts';
import { silentLog } from './base/log.ts';
import { locked } from './blob-commands.ts';
import type { WorkOptions } from './blobs/erasure/context.ts';
import { readConversion, recoverConversion } from './blobs/erasure/conversion.ts';
import { ErasureVolume } from './blobs/erasure/erasure-volume.ts';
import type { Rot } from './blobs/erasure/examine.ts';
import { ErasureJobs } from './blobs/erasure/jobs.ts';
import type { ScrubReport } from './blobs/erasure/rebuild.ts';
import { parseVolumeFileName, type VolumeName, volumeBaseName } from './blobs/formats/volume-files.ts';
import { Volume } from './blobs/volume/volume.ts';
import { newNodePlatform } from './platform/node-platform.ts';

type Out = (line: string) => void;

const PROGRESS_PERCENT = 10;
const ROT_SHOWN_MAX = 20;

export interface ErasureCommandOptions {
  readonly dataShards?: number;
  readonly parityShards?: number;
  /** Megabytes per second. */
  readonly rate?: number;
}

/** Turns a volume into shards. */
export async function encodeCommand(
  directory: string,
  volumeId: number,
  options: ErasureCommandOptions,
  out: Out,
): Promise<void> {
  await onVolume(directory, volumeId, async (base, name) => {
    const platform = newNodePlatform();
    if ((await recoverConversion(platform.files, base)) === 'needles') {
      // Whatever a crash left of it is repaired first: the shards are to be those of a sound volume.
      const volume = await Volume.open({ platform, directory, name, log: silentLog });
      await volume.close();
    }
    const { dataShards = 10, parityShards = 4 } = options;
    const work = workOptions(options, out, `volume ${volumeId}`);
    const report = await new ErasureJobs().run({ kind: 'encode', base, ratio: { dataShards, parityShards } }, work);
    if (report.resumedAt > 0) out(`went on at ${report.resumedAt} bytes of each shard`);
    out(`volume ${volumeId}: ${report.needles} needles, ${report.datBytes} bytes, in ${report.shards} shards of ${report.shardBytes} bytes`); // biome-ignore format: one line
  });
}

/** Turns shards back into a volume. */
export async function decodeCommand(
  directory: string,
  volumeId: number,
  options: ErasureCommandOptions,
  out: Out,
): Promise<void> {
  await onVolume(directory, volumeId, async (base) => {
    const work = workOptions(options, out, `volume ${volumeId}`);
    const report = await new ErasureJobs().run({ kind: 'decode', base }, work);
    if (report.rottenBlocks > 0) out(`computed ${report.rottenBlocks} rotten blocks from others`);
    out(`volume ${volumeId}: ${report.needles} needles, ${report.deleted} deleted since, ${report.datBytes} bytes`);
  });
}

/** Makes lost shards anew. @returns whether all shards are there and sound afterwards. */
export async function rebuildCommand(
  directory: string,
  volumeId: number,
  options: ErasureCommandOptions,
  out: Out,
): Promise<boolean> {
  return scrub(directory, volumeId, { ...options, repair: true, rebuild: true }, out);
}

/** Compares every block with its checksum. @returns whether all shards are there and sound afterwards. */
export async function scrubCommand(
  directory: string,
  volumeId: number,
  options: ErasureCommandOptions & { readonly repair?: boolean },
  out: Out,
): Promise<boolean> {
  return scrub(directory, volumeId, { ...options, repair: options.repair === true, rebuild: false }, out);
}

async function scrub(
  directory: string,
  volumeId: number,
  options: ErasureCommandOptions & { readonly repair: boolean; readonly rebuild: boolean },
  out: Out,
): Promise<boolean> {
  return onVolume(directory, volumeId, async (base) => {
    const { repair, rebuild } = options;
    const work = workOptions(options, out, `volume ${volumeId}`);
    const report = await new ErasureJobs().run({ kind: 'scrub', base, repair, rebuild }, work);
    tellScrub(report, volumeId, out);
    const isWhole =
      report.lost.length === report.rebuilt.length && report.disputed.length === 0 && report.wrongRows === 0;
    return isWhole && report.rot.length === report.repaired.length;
  });
}

function tellScrub(report: ScrubReport, volumeId: number, out: Out): void {
  const { lost, rot, rebuilt, repaired, unrepairable, disputed, blockBytes } = report;
  const how = report.compared === 'checksums' ? 'with their checksums' : 'with each other';
  out(`volume ${volumeId}: ${report.bytes} bytes of shards compared ${how}`);
  if (report.checksumsProblem !== undefined) out(report.checksumsProblem);
  if (lost.length > 0) out(`lost shards: ${lost.join(', ')}${rebuilt.length > 0 ? ', made anew' : ''}`);
  const where = ({ shard, block }: Rot) => `shard ${shard} at ${block * blockBytes}`;
  for (const one of rot.slice(0, ROT_SHOWN_MAX)) {
    const fate = repaired.some(({ shard, block }) => shard === one.shard && block === one.block) ? ', repaired' : '';
    out(`rotten: ${where(one)}${fate}`);
  }
  if (rot.length > ROT_SHOWN_MAX)
    out(`rotten: and ${rot.length - ROT_SHOWN_MAX} more blocks, ${repaired.length} repaired`);
  if (unrepairable.length > 0) out(`${unrepairable.length} blocks are beyond repair`);
  for (const block of disputed.slice(0, ROT_SHOWN_MAX)) out(`shards contradict each other at ${block * blockBytes}`);
  if (report.indexRebuilt) out('the index (.ecx) was damaged, and was written anew from the shards');
  if (report.wrongRows > 0) out(`${report.wrongRows} rows of the index (.ecx) are wrong: rebuild`);
  if (report.checksumsWritten) out('checksums written');
  if (lost.length + rot.length + disputed.length + report.wrongRows === 0 && !report.indexRebuilt)
    out('all shards are there and sound');
}

/** Says what a volume is. Changes nothing but to finish what a crash cut short. */
export async function statusCommand(directory: string, volumeId: number, out: Out): Promise<void> {
  await onVolume(directory, volumeId, async (base) => {
    const platform = newNodePlatform();
    const kind = await recoverConversion(platform.files, base);
    if (kind !== 'erasure') {
      out(`volume ${volumeId}: not erasure coded`);
      const state = await readConversion(platform.files, base);
      if (state?.state === 'coding') out(`encoding was cut short after ${state.shardBytesDone} bytes of each shard`);
      return;
    }
    const volume = await ErasureVolume.open({ platform }, base, volumeId);
    const { status, version } = volume;
    await volume.close();
    const { dataShards, parityShards, shardBytes, datBytes, needles, deleted, lost, encodeTsNs } = status;
    const when = encodeTsNs === 0n ? 'at an unknown time' : new Date(Number(encodeTsNs / 1_000_000n)).toISOString();
    out(`volume ${volumeId}: erasure coded ${dataShards} + ${parityShards}, ${when}, needles of version ${version}`);
    out(`shards: ${dataShards + parityShards - lost.length} of ${dataShards + parityShards}, ${shardBytes} bytes each`);
    if (lost.length > 0) out(`lost shards: ${lost.join(', ')}; ${parityShards - lost.length} more may be lost`);
    out(`needles: ${needles}, of which ${deleted} deleted since; ${datBytes} bytes before coding`);
    out(`checksums: ${status.checksums}`);
  });
}

function workOptions({ rate }: ErasureCommandOptions, out: Out, label: string): WorkOptions {
  let told = 0;
  return {
    ...(rate !== undefined && { bytesPerS: rate * 1_000_000 }),
    progress: (done, total) => {
      const percent = Math.floor(((done / total) * 100) / PROGRESS_PERCENT) * PROGRESS_PERCENT;
      if (percent <= told) return;
      told = percent;
      out(`${label}: ${percent} %`);
    },
  };
}

/** Runs `work` on the base of the volume's files with the directory locked. @throws OperationError `not_found`. */
async function onVolume<T>(
  directory: string,
  volumeId: number,
  work: (base: string, name: VolumeName) => Promise<T>,
): Promise<T> {
  return locked(directory, async () => {
    for (const file of await newNodePlatform().files.list(directory)) {
      const name = parseVolumeFileName(file);
      if (name?.volumeId !== volumeId || !/^\.(?:dat|ecx|ecwork|ec\d\d)$/.test(name.extension)) continue;
      return work(`${directory}/${volumeBaseName(name)}`, name);
    }
    throw new OperationError('not_found', `there is no volume ${volumeId} in ${directory}`);
  });
}
