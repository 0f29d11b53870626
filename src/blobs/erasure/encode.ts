/**
 * Turns a needle volume into shards.
 *
 * The volume must take no writes meanwhile: whoever has it open sees to that. Its index is written first, ascending by
 * id, live needles only; then the `.dat` is read once, stripe by stripe. Everything goes to `.part` files; every 256 MiB
 * they are synced and the marker is told, so that a crash or a stop costs no more than that. When all is on stable
 * storage the change is decided and carried out (conversion.ts); until then the volume is its `.dat`.
 *
 * A full disk ends it with `disk_full` and removes what was written.
 */

import type { Bytes } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';
import {
  decodeIndexRow,
  type IndexLayout,
  indexLayout,
  rowOffset,
  rowSize,
  writeIndexRow,
} from '../formats/index-row.ts';
import { recordBytes } from '../formats/needle.ts';
import { decodeSuperBlock, type NeedleVersion } from '../formats/super-block.ts';
import { ttlSeconds } from '../formats/ttl.ts';
import { encodeVolumeInfo, newVolumeInfo, type VolumeInfo } from '../formats/volume-info.ts';
import { NeedleMap } from '../index/needle-map.ts';
import { BlockSums } from './block-sums.ts';
import { CHECKSUM_BLOCK_BYTES, encodeChecksums } from './checksum-file.ts';
import {
  blockSizesOf,
  type ErasureContext,
  kernelOf,
  throwIfAborted,
  type WorkContext,
  type WorkOptions,
} from './context.ts';
import {
  type CodingState,
  erasureFiles,
  finishConversion,
  giveUpConversion,
  NEEDLE_FILES,
  packChecksums,
  readConversion,
  recoverConversion,
  type SourcePrint,
  samePrint,
  sourcePrint,
  unpackChecksums,
  writeConversion,
  writePart,
} from './conversion.ts';
import { type Layout, layoutOf, type Stripe, stripes } from './layout.ts';
import { runPipeline, SLOTS, STRIPE_BYTES } from './pipeline.ts';
import { DEFAULT_RATIO, type Ratio, ReedSolomon } from './reed-solomon.ts';
import { datVersion, directoryOf, PART, readVolumeInfo, shardPath } from './shard-files.ts';
import { WriteBehind } from './write-behind.ts';

export interface EncodeOptions extends WorkOptions {
  /** Default 10 + 4; SeaweedFS reads no other. */
  readonly ratio?: Ratio;
  /** Between checkpoints, of the `.dat`. Default 256 MiB. */
  readonly checkpointBytes?: number;
}

export interface EncodeReport {
  readonly datBytes: number;
  readonly shardBytes: number;
  readonly shards: number;
  readonly needles: number;
  /** Of each shard, taken over from a work that was cut short. */
  readonly resumedAt: number;
  readonly encodeTsNs: bigint;
}

const CHECKPOINT_BYTES = 256 * 1024 * 1024;

/**
 * @param base directory and name of the volume, without extension.
 * @throws OperationError `not_found` without a `.dat`, `already_exists` for a volume that is shards already,
 * `corruption` for an index that does not fit its `.dat`, `disk_full`, `cancelled`, `io`, `unsupported` ratios.
 */
export async function encodeVolume(
  context: WorkContext,
  base: string,
  options: EncodeOptions = {},
): Promise<EncodeReport> {
  const { files } = context.platform;
  const kind = await recoverConversion(files, base);
  if (kind === 'erasure') throw new OperationError('already_exists', `${base} is erasure coded already`);
  const source = await sourcePrint(files, base);
  if (source === undefined) throw new OperationError('not_found', `${base} has no .dat and .idx`);
  await refuseForeignShards(files, base);
  try {
    return await encode(context, base, source, options);
  } catch (error) {
    // What a later call can go on from is kept, unless it is just what fills the disk.
    if (hasCode(error, 'disk_full') || hasCode(error, 'corruption')) {
      await giveUpConversion(files, base).catch(() => {}); // The first error is the one to tell.
    }
    throw error;
  }
}

async function refuseForeignShards(files: Files, base: string): Promise<void> {
  for (const name of erasureFiles()) {
    if (!(await files.exists(base + name))) continue;
    throw new OperationError('already_exists', `${base} has both a .dat and ${base + name}`, {
      hint: 'Keep one of them: remove the shards if the .dat is whole.',
    });
  }
}

async function encode(
  context: WorkContext,
  base: string,
  source: SourcePrint,
  options: EncodeOptions,
): Promise<EncodeReport> {
  const { files, clock, random } = context.platform;
  const ratio = options.ratio ?? DEFAULT_RATIO;
  const code = new ReedSolomon(ratio);
  const layout = layoutOf({ dataShards: ratio.dataShards, ...blockSizesOf(context) }, source.datBytes);
  const earlier = await resumable(files, base, source, ratio, layout);
  if (earlier === undefined) await giveUpConversion(files, base);
  const start: CodingState = earlier ?? {
    state: 'coding',
    source,
    ...ratio,
    encodeTsNs: String(BigInt(clock.nowMs()) * 1_000_000n + BigInt(random.int(1_000_000))),
    uuid: Buffer.from(random.bytes(16)).toString('hex'),
    shardBytesDone: 0,
    checksums: Array.from({ length: code.shards }, () => ''),
    partial: Array.from({ length: code.shards }, () => 0),
  };
  await checkRoom(files, base, layout.shardBytes * code.shards - start.shardBytesDone * code.shards);
  const dat = await files.open(`${base}.dat`, { mode: 'read' });
  const parts: File[] = [];
  try {
    const version = await datVersion(dat);
    const info = (await readVolumeInfo(files, base)) ?? newVolumeInfo();
    const index = indexLayout(info.bytesOffset === 0 ? 4 : info.bytesOffset);
    if (earlier === undefined) await writeConversion(files, base, start);
    const needles = await writeSortedIndex(files, base, index, version, source.datBytes);
    for (let shard = 0; shard < code.shards; shard++) {
      const part = await files.open(shardPath(base, shard) + PART, { mode: 'create' });
      parts.push(part);
      await part.truncate(start.shardBytesDone);
    }
    const sums = await writeShards(context, { base, code, layout, dat, parts, start, source, options });
    throwIfAborted(options.signal);
    const uuid = Buffer.from(start.uuid, 'hex');
    const encodeTsNs = BigInt(start.encodeTsNs);
    const checksums = encodeChecksums({
      ratio,
      encodeTsNs,
      layoutBlockBytes: 0,
      blockBytes: CHECKSUM_BLOCK_BYTES,
      shardBytes: layout.shardBytes,
      uuid,
      blocks: sums,
    });
    await writePart(files, `${base}.ecsum`, checksums);
    const encoded = encodeVolumeInfo(encodedInfo(context, info, version, source, ratio, encodeTsNs));
    await writePart(files, `${base}.vif`, encoded);
    await files.syncDirectory(directoryOf(base));
    const now = await sourcePrint(files, base);
    if (now === undefined || !samePrint(source, now)) {
      throw new OperationError('corruption', `${base}.dat changed while it was encoded`, {
        hint: 'Only one program may use a volume.',
      });
    }
    const decided = {
      state: 'encoded',
      source,
      rename: [...parts.map((_, shard) => shardPath('', shard)), '.ecx', '.ecsum'],
      remove: NEEDLE_FILES,
    } as const;
    await writeConversion(files, base, decided);
    await finishConversion(files, base, decided);
    return {
      datBytes: source.datBytes,
      shardBytes: layout.shardBytes,
      shards: code.shards,
      needles,
      resumedAt: start.shardBytesDone,
      encodeTsNs,
    };
  } finally {
    await Promise.allSettled([dat.close(), ...parts.map((part) => part.close())]);
  }
}

function encodedInfo(
  context: ErasureContext,
  info: VolumeInfo,
  version: NeedleVersion,
  source: SourcePrint,
  ratio: Ratio,
  encodeTsNs: bigint,
): VolumeInfo {
  const { ttl } = decodeSuperBlock(Buffer.from(`${source.superBlock.slice(0, 12)}0000`, 'hex'));
  const nowS = Math.floor(context.platform.clock.nowMs() / 1_000);
  return {
    ...info,
    version,
    bytesOffset: info.bytesOffset === 0 ? 4 : info.bytesOffset,
    datFileBytes: source.datBytes,
    expireAtS: ttl === undefined ? info.expireAtS : nowS + ttlSeconds(ttl),
    ecShardConfig: { ...ratio, encodeTsNs, blockBytes: 0 },
  };
}

/** The state to go on from; undefined when there is none of this `.dat` in this ratio. */
async function resumable(
  files: Files,
  base: string,
  source: SourcePrint,
  ratio: Ratio,
  layout: Layout,
): Promise<CodingState | undefined> {
  const state = await readConversion(files, base);
  if (state?.state !== 'coding' || !samePrint(state.source, source)) return undefined;
  if (state.dataShards !== ratio.dataShards || state.parityShards !== ratio.parityShards) return undefined;
  if (state.shardBytesDone > layout.shardBytes) return undefined;
  for (let shard = 0; shard < ratio.dataShards + ratio.parityShards; shard++) {
    const path = shardPath(base, shard) + PART;
    const there = await files.exists(path);
    if (state.shardBytesDone > 0 && (!there || (await files.size(path)) < state.shardBytesDone)) return undefined;
  }
  return state;
}

async function checkRoom(files: Files, base: string, bytes: number): Promise<void> {
  const free = await files.freeBytes(directoryOf(base));
  if (free >= bytes) return;
  throw new OperationError('disk_full', `the shards of ${base} need ${bytes} bytes, ${free} are free`, {
    hint: 'Free space on that file system; the volume stays as it is.',
  });
}

interface Coding {
  readonly base: string;
  readonly code: ReedSolomon;
  readonly layout: Layout;
  readonly dat: File;
  readonly parts: readonly File[];
  readonly start: CodingState;
  readonly source: SourcePrint;
  readonly options: EncodeOptions;
}

/** Writes the shards' `.part` files, synced. @returns the sums of their blocks. */
async function writeShards(context: ErasureContext, coding: Coding): Promise<Uint32Array[]> {
  const { code, layout, dat, parts, start, source, options } = coding;
  const bytesMax = Math.min(STRIPE_BYTES, Math.max(layout.smallBytes, layout.largeBytes));
  const kernel = kernelOf(context, SLOTS * code.shards, bytesMax);
  const buffers = Array.from({ length: SLOTS }, () =>
    Array.from({ length: code.shards }, () => kernel.allocate(bytesMax)),
  );
  const inBlock = start.shardBytesDone % CHECKSUM_BLOCK_BYTES;
  const sums = start.checksums.map(
    (packed, shard) =>
      new BlockSums(kernel, CHECKSUM_BLOCK_BYTES, unpackChecksums(packed), start.partial[shard]!, inBlock),
  );
  const behind = new WriteBehind(parts);
  const { rows } = code.encoding;
  const { dataShards } = code;
  await runPipeline(
    context,
    stripes(layout, bytesMax, start.shardBytesDone),
    {
      async read(slot, stripe) {
        const reads: Promise<void>[] = [];
        for (let shard = 0; shard < dataShards; shard++) {
          reads.push(readPadded(dat, buffers[slot]![shard]!, stripe, shard, source.datBytes));
        }
        await Promise.all(reads);
      },
      compute(slot, stripe) {
        const shards = buffers[slot]!;
        kernel.code(rows, shards.slice(0, dataShards), shards.slice(dataShards), stripe.bytes);
        for (const [shard, sum] of sums.entries()) sum.add(shards[shard]!, stripe.bytes);
      },
      async write(slot, stripe) {
        const shards = buffers[slot]!;
        const writes = parts.map((part, i) => part.write(shards[i]!.subarray(0, stripe.bytes), stripe.shardOffset));
        const results = await Promise.allSettled(writes);
        for (const result of results) if (result.status === 'rejected') throw result.reason;
        behind.wrote(stripe.bytes * parts.length);
      },
      async checkpoint(stripe) {
        const done = stripe.shardOffset + stripe.bytes;
        await behind.finish();
        const checksums = sums.map((sum) => packChecksums(sum.blocks));
        const partial = sums.map((sum) => sum.partial);
        await writeConversion(context.platform.files, coding.base, {
          ...start,
          shardBytesDone: done,
          checksums,
          partial,
        });
      },
    },
    {
      ...options,
      total: layout.shardBytes * dataShards,
      done: start.shardBytesDone * dataShards,
      weigh: (stripe) => stripe.bytes * dataShards,
      checkpointBytes: options.checkpointBytes ?? CHECKPOINT_BYTES,
    },
  );
  await behind.finish();
  return sums.map((sum) => sum.finish());
}

async function readPadded(dat: File, into: Bytes, stripe: Stripe, shard: number, datBytes: number): Promise<void> {
  const offset = stripe.datOffset + shard * stripe.blockBytes;
  const there = Math.max(0, Math.min(stripe.bytes, datBytes - offset));
  if (there > 0) {
    const count = await dat.read(into.subarray(0, there), offset);
    if (count < there) throw new OperationError('io', `${dat.path} ended at ${offset + count}`);
  }
  into.fill(0, there, stripe.bytes);
}

const ROWS_BYTES = 1024 * 1024;

/** Writes `.ecx.part`, synced. @returns how many needles live. */
async function writeSortedIndex(
  files: Files,
  base: string,
  index: IndexLayout,
  version: NeedleVersion,
  datBytes: number,
): Promise<number> {
  const needles = await readIndex(files, `${base}.idx`, index);
  const { rowBytes } = index;
  const rows = Buffer.allocUnsafe(needles.live * rowBytes);
  let length = 0;
  needles.forEach((high, low, offset, size) => {
    if (size < 0) return;
    if (offset + recordBytes(size, version) > datBytes) {
      throw new OperationError('corruption', `${base}.idx has a needle at ${offset}, beyond the end of ${base}.dat`, {
        hint: 'Repair the index first: orbit blobs fix.',
      });
    }
    writeIndexRow(rows, length, index, high, low, offset, size);
    length += rowBytes;
  });
  await writePart(files, `${base}.ecx`, rows.subarray(0, length));
  return length / rowBytes;
}

async function readIndex(files: Files, path: string, index: IndexLayout): Promise<NeedleMap> {
  const { rowBytes } = index;
  const needles = new NeedleMap(index);
  const file = await files.open(path, { mode: 'read' });
  try {
    const bytes = await file.size();
    if (bytes % rowBytes !== 0) {
      throw new OperationError('corruption', `${path} ends within a row`, {
        hint: 'Repair the index first: orbit blobs fix.',
      });
    }
    const buffer = Buffer.allocUnsafe(Math.floor(ROWS_BYTES / rowBytes) * rowBytes);
    for (let at = 0; at < bytes; ) {
      const count = await file.read(buffer.subarray(0, Math.min(buffer.length, bytes - at)), at);
      if (count === 0 || count % rowBytes !== 0) throw new OperationError('io', `${path} ended at ${at + count}`);
      for (let row = 0; row < count; row += rowBytes) {
        const offset = rowOffset(buffer, row, index);
        const size = rowSize(buffer, row, index);
        const high = buffer.readUInt32BE(row);
        const low = buffer.readUInt32BE(row + 4);
        if (offset !== 0 && size >= 0) needles.set(high, low, offset, size);
        else needles.delete(high, low);
      }
      at += count;
    }
    return needles;
  } finally {
    await file.close();
  }
}

/** All rows of an `.ecx`. */
export async function readSortedRows(
  files: Files,
  base: string,
  index: IndexLayout,
): Promise<{ readonly id: bigint; readonly offset: number; readonly size: number }[]> {
  const bytes = Buffer.from(await files.read(`${base}.ecx`));
  const rows = [];
  for (let at = 0; at + index.rowBytes <= bytes.length; at += index.rowBytes) {
    rows.push(decodeIndexRow(bytes, at, index));
  }
  return rows;
}
