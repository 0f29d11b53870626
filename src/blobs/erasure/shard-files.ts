/**
 * The files of an erasure-coded volume, and reading its shards.
 *
 *   .ec00 … .ec13   shards: data first, then parity; more or fewer with other ratios
 *   .ecx            rows of the live needles (index-row.ts), ascending by id, offsets into the `.dat` that was
 *   .ecj            ids deleted since, 8 bytes each
 *   .ecsum          checksums of the shards (checksum-file.ts)
 *   .vif            length of the `.dat`, ratio and time of the encoding (volume-info.ts)
 *
 * Ours alone, ignored by SeaweedFS: `.part` behind any of these names, a file that is not whole yet, and `.ecwork`, the
 * state of a work under way (conversion.ts).
 */

import { dirname } from 'node:path';
import type { Bytes } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';
import { type IndexLayout, indexLayout } from '../formats/index-row.ts';
import { decodeSuperBlock, type NeedleVersion, SUPER_BLOCK_BYTES } from '../formats/super-block.ts';
import { decodeVolumeInfo, newVolumeInfo, type VolumeInfo } from '../formats/volume-info.ts';
import { decodeChecksums, type ShardChecksums } from './checksum-file.ts';
import { blockSizesOf, type ErasureContext } from './context.ts';
import { type Layout, layoutOf, layoutOfShards } from './layout.ts';
import { checkRatio, DEFAULT_RATIO, type Ratio } from './reed-solomon.ts';

export const PART = '.part';

export function shardPath(base: string, shard: number): string {
  return `${base}.ec${String(shard).padStart(2, '0')}`;
}

export function directoryOf(base: string): string {
  return dirname(base);
}

/** What is known of an erasure-coded volume without opening its shards. */
export interface ErasureInfo {
  readonly base: string;
  readonly info: VolumeInfo;
  readonly ratio: Ratio;
  readonly layout: Layout;
  /** Of the encoding; 0 when unknown. */
  readonly encodeTsNs: bigint;
  /** Undefined when there are none that can be used; `checksumsProblem` says why they cannot. */
  readonly checksums: ShardChecksums | undefined;
  readonly checksumsProblem: string | undefined;
  /** Length of the `.dat`; 0 when it was not recorded. */
  readonly datBytes: number;
  readonly index: IndexLayout;
}

export async function readVolumeInfo(files: Files, base: string): Promise<VolumeInfo | undefined> {
  const bytes = await readIfThere(files, `${base}.vif`);
  return bytes === undefined ? undefined : decodeVolumeInfo(bytes);
}

export async function readIfThere(files: Files, path: string): Promise<Bytes | undefined> {
  try {
    return await files.read(path);
  } catch (error) {
    if (hasCode(error, 'not_found')) return undefined;
    throw error;
  }
}

/** @throws OperationError `not_found` without shards, `corruption` for a damaged `.vif`. */
export async function readErasureInfo(context: ErasureContext, base: string): Promise<ErasureInfo> {
  const { files } = context.platform;
  const info = (await readVolumeInfo(files, base)) ?? newVolumeInfo({ bytesOffset: 0 });
  const kept = await readChecksums(files, base);
  let { checksums, problem } = kept;
  const config = info.ecShardConfig;
  const ratio = config ?? checksums?.ratio ?? DEFAULT_RATIO;
  checkRatio(ratio);
  const single = config?.blockBytes ?? checksums?.layoutBlockBytes ?? 0;
  const sizes = single > 0 ? { largeBytes: single, smallBytes: single } : blockSizesOf(context);
  const blocks = { dataShards: ratio.dataShards, ...sizes };
  const encodeTsNs = config?.encodeTsNs ?? checksums?.encodeTsNs ?? 0n;
  const datBytes = info.datFileBytes;
  const layout =
    datBytes > 0
      ? layoutOf(blocks, datBytes)
      : layoutOfShards(blocks, checksums?.shardBytes ?? (await longestShard(files, base, ratio)));
  if (checksums !== undefined) {
    const { encodeTsNs: theirs, shardBytes } = checksums;
    const sameRatio = checksums.ratio.dataShards === ratio.dataShards;
    if (theirs !== 0n && encodeTsNs !== 0n && theirs !== encodeTsNs) problem = 'they are of another encoding';
    else if (!sameRatio || checksums.ratio.parityShards !== ratio.parityShards) problem = 'they are of another ratio';
    else if (shardBytes !== layout.shardBytes) problem = `they are of shards of ${shardBytes} bytes`;
    if (problem !== undefined) checksums = undefined;
  }
  const index = indexLayout(info.bytesOffset === 0 ? 4 : info.bytesOffset);
  return {
    base,
    info,
    ratio: { dataShards: ratio.dataShards, parityShards: ratio.parityShards },
    layout,
    encodeTsNs,
    checksums,
    checksumsProblem: problem,
    datBytes,
    index,
  };
}

async function readChecksums(
  files: Files,
  base: string,
): Promise<{ checksums: ShardChecksums | undefined; problem: string | undefined }> {
  const bytes = await readIfThere(files, `${base}.ecsum`);
  if (bytes === undefined) return { checksums: undefined, problem: undefined };
  try {
    return { checksums: decodeChecksums(bytes), problem: undefined };
  } catch (error) {
    if (!hasCode(error, 'corruption')) throw error;
    return { checksums: undefined, problem: error.message };
  }
}

async function longestShard(files: Files, base: string, ratio: Ratio): Promise<number> {
  let longest = 0;
  for (let shard = 0; shard < ratio.dataShards + ratio.parityShards; shard++) {
    const path = shardPath(base, shard);
    if (await files.exists(path)) longest = Math.max(longest, await files.size(path));
  }
  if (longest === 0) throw new OperationError('not_found', `${base} has no erasure-coded shards`);
  return longest;
}

/** The shards of a volume, open for reading. Of each other length than the volume's they count as lost. */
export class ShardFiles {
  readonly shardBytes: number;
  /** By shard; undefined where it is lost. */
  readonly files: (File | undefined)[];
  /** Files that are there and are of no use: of a wrong length. */
  readonly wrongLength: readonly number[];

  private constructor(shardBytes: number, files: (File | undefined)[], wrongLength: readonly number[]) {
    this.shardBytes = shardBytes;
    this.files = files;
    this.wrongLength = wrongLength;
  }

  static async open(platformFiles: Files, info: ErasureInfo, mode: 'read' | 'write' = 'read'): Promise<ShardFiles> {
    const count = info.ratio.dataShards + info.ratio.parityShards;
    const files = new Array<File | undefined>(count).fill(undefined);
    const wrongLength: number[] = [];
    try {
      for (let shard = 0; shard < count; shard++) {
        const path = shardPath(info.base, shard);
        let file: File;
        try {
          file = await platformFiles.open(path, { mode });
        } catch (error) {
          if (hasCode(error, 'not_found')) continue;
          throw error;
        }
        files[shard] = file;
        if ((await file.size()) === info.layout.shardBytes) continue;
        wrongLength.push(shard);
        files[shard] = undefined;
        await file.close();
      }
    } catch (error) {
      await Promise.allSettled(files.map((file) => file?.close()));
      throw error;
    }
    return new ShardFiles(info.layout.shardBytes, files, wrongLength);
  }

  /** Shards that can be read, ascending. */
  get present(): number[] {
    return this.files.flatMap((file, shard) => (file === undefined ? [] : [shard]));
  }

  get lost(): number[] {
    return this.files.flatMap((file, shard) => (file === undefined ? [shard] : []));
  }

  /** Fills `into`. @throws OperationError `io` when the shard ends before. */
  async read(shard: number, into: Bytes, position: number): Promise<void> {
    const file = this.files[shard];
    if (file === undefined) throw new OperationError('not_found', `shard ${shard} is lost`);
    const count = await file.read(into, position);
    if (count < into.length) throw new OperationError('io', `${file.path} ended at ${position + count}`);
  }

  /** As `read`, at once where the file can. @returns whether it did; false as well for what `read` would throw. */
  readNow(shard: number, into: Bytes, position: number): boolean {
    const file = this.files[shard];
    if (file?.readNow === undefined) return false;
    try {
      return file.readNow(into, position) === into.length;
    } catch (error) {
      if (hasCode(error, 'io')) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file?.close()));
  }
}

/** The version that the super block of a `.dat` names. */
export async function datVersion(file: Pick<File, 'read'>): Promise<NeedleVersion> {
  const head = Buffer.alloc(SUPER_BLOCK_BYTES);
  const count = await file.read(head, 0);
  // Behind an extra field nothing is needed here.
  head.writeUInt16BE(0, 6);
  return decodeSuperBlock(head.subarray(0, count)).version;
}
