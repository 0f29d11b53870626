/**
 * Makes lost shards anew and repairs rotten blocks, as far as the shards that are left allow.
 *
 * First every block that is there is examined, so that rot is neither spread nor left. A lost shard is written to a
 * `.part` file, compared with its checksums, synced and renamed; the part of an interrupted work is gone on with as far as
 * its checksums are right. A rotten block is written over in place: whoever reads it meanwhile gets bytes that do not match
 * its checksum, before and during, and the block is computed from others until it is right.
 *
 * A volume without checksums gets them once all its shards are there and agree. An index that is lost or damaged is written
 * anew from shards that are whole (rebuild-index.ts).
 */

import { hasCode, OperationError } from '../../base/errors.ts';
import type { File } from '../../platform/files.ts';
import { BlockSums } from './block-sums.ts';
import { checkIndex } from './check-index.ts';
import { CHECKSUM_BLOCK_BYTES, encodeChecksums } from './checksum-file.ts';
import { type ErasureContext, kernelOf, type WorkContext, type WorkOptions } from './context.ts';
import { examine, type Rot, ranges } from './examine.ts';
import type { Stripe } from './layout.ts';
import { runPipeline, SLOTS, STRIPE_BYTES } from './pipeline.ts';
import { rebuildIndex } from './rebuild-index.ts';
import { tooFewShards } from './reed-solomon.ts';
import { directoryOf, type ErasureInfo, PART, readErasureInfo, ShardFiles, shardPath } from './shard-files.ts';
import { ShardReader } from './shard-reader.ts';
import { WriteBehind } from './write-behind.ts';

/** Computed before it is compared and written over: a checksum block of ours. */
const REPAIR_BYTES = 1024 * 1024;

export interface ScrubOptions extends WorkOptions {
  /** Repair rotten blocks. */
  readonly repair: boolean;
  /** Make lost shards anew. */
  readonly rebuild: boolean;
}

export interface ScrubReport {
  /** Of all shards that are there. */
  readonly bytes: number;
  /** Whether blocks were compared with checksums, or the shards with each other. */
  readonly compared: 'checksums' | 'shards';
  /** Why checksums that are there could not be used. */
  readonly checksumsProblem: string | undefined;
  readonly lost: readonly number[];
  readonly rot: readonly Rot[];
  /** Bytes of a block in `rot`. */
  readonly blockBytes: number;
  readonly rebuilt: readonly number[];
  readonly repaired: readonly Rot[];
  /** Too much is lost or rotten where they lie. */
  readonly unrepairable: readonly Rot[];
  /** Blocks, without checksums, whose shards contradict each other so that nothing tells which of them are right. */
  readonly disputed: readonly number[];
  /** Rows of the index that do not name the needle where they lead, afterwards; 1 for an index that is lost. */
  readonly wrongRows: number;
  /** Rows were wrong, or the index was lost: it was written anew from the shards. */
  readonly indexRebuilt: boolean;
  /** The volume had no checksums and has them now. */
  readonly checksumsWritten: boolean;
}

/** @throws OperationError `not_found`, `corruption` when fewer shards are left than data shards, `disk_full`, `io`. */
export async function scrubVolume(context: WorkContext, base: string, options: ScrubOptions): Promise<ScrubReport> {
  const { files } = context.platform;
  const info = await readErasureInfo(context, base);
  const shards = await ShardFiles.open(files, info, options.repair ? 'write' : 'read');
  try {
    const reader = new ShardReader(context, info, shards);
    const { lost } = shards;
    if (shards.present.length < info.ratio.dataShards) {
      throw tooFewShards(shards.present.length, info.ratio.dataShards);
    }
    const { rot, bytes } = await examine(context, reader, 0, info.layout.shardBytes, options);
    const making = new Making(context, info, reader, rot, options);
    if ((options.rebuild && lost.length > 0) || (options.repair && rot.length > 0)) await making.run();
    const whole =
      reader.disputed.size === 0 &&
      (lost.length === 0 || making.rebuilt.length > 0) &&
      making.repaired.length === rot.length;
    const unprotected = info.checksums === undefined && whole && (options.repair || options.rebuild);
    if (unprotected) await writeChecksums(context, info);
    const before = await checkIndex(context, reader, options.signal);
    const isIndexRebuilt = before > 0 && options.repair && whole;
    if (isIndexRebuilt) await rebuildIndex(context, reader, options.signal);
    const wrongRows = isIndexRebuilt ? await checkIndex(context, reader, options.signal) : before;
    return {
      bytes,
      compared: info.checksums === undefined ? 'shards' : 'checksums',
      checksumsProblem: info.checksumsProblem,
      lost,
      rot,
      blockBytes: reader.markBytes,
      rebuilt: making.rebuilt,
      repaired: making.repaired,
      unrepairable: rot
        .filter((one) => !reader.isSound(one.shard, one.block * reader.markBytes, 1))
        .filter((one) => soundBeside(reader, one) < info.ratio.dataShards),
      disputed: [...reader.disputed],
      wrongRows,
      indexRebuilt: isIndexRebuilt,
      checksumsWritten: unprotected,
    };
  } finally {
    await shards.close();
  }
}

function soundBeside(reader: ShardReader, { block }: Rot): number {
  return reader.soundShards(block * reader.markBytes, 1).length;
}

/** Writes what is lost or rotten. */
class Making {
  readonly rebuilt: number[] = [];
  readonly repaired: Rot[] = [];
  readonly #context: ErasureContext;
  readonly #info: ErasureInfo;
  readonly #reader: ShardReader;
  readonly #rot: readonly Rot[];
  readonly #options: ScrubOptions;

  constructor(
    context: ErasureContext,
    info: ErasureInfo,
    reader: ShardReader,
    rot: readonly Rot[],
    options: ScrubOptions,
  ) {
    this.#context = context;
    this.#info = info;
    this.#reader = reader;
    this.#rot = rot;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { files } = this.#context.platform;
    if (this.#options.repair && this.#rot.length > 0) await this.#repair();
    const { lost } = this.#reader.shards;
    if (!this.#options.rebuild || lost.length === 0) return;
    if (this.#reader.disputed.size > 0) throw contradiction(this.#reader);
    const parts = new Map<number, File>();
    try {
      const free = await files.freeBytes(directoryOf(this.#info.base));
      let needed = lost.length * this.#info.layout.shardBytes;
      for (const shard of lost) {
        const part = await files.open(shardPath(this.#info.base, shard) + PART, { mode: 'create' });
        parts.set(shard, part);
        needed -= Math.min(await part.size(), this.#info.layout.shardBytes);
      }
      if (free < needed) {
        throw new OperationError(
          'disk_full',
          `the lost shards of ${this.#info.base} need ${needed} bytes, ${free} are free`,
        );
      }
      await this.#rebuild(parts);
      for (const part of parts.values()) await part.close();
      for (const shard of lost) {
        const path = shardPath(this.#info.base, shard);
        await files.rename(path + PART, path);
      }
      await files.syncDirectory(directoryOf(this.#info.base));
      this.rebuilt.push(...lost);
    } catch (error) {
      await Promise.allSettled([...parts.values()].map((part) => part.close()));
      if (hasCode(error, 'disk_full') || hasCode(error, 'corruption')) {
        for (const shard of lost) await files.remove(shardPath(this.#info.base, shard) + PART).catch(() => {});
      }
      throw error;
    }
  }

  async #rebuild(parts: ReadonlyMap<number, File>): Promise<void> {
    const { layout, checksums, base } = this.#info;
    const reader = this.#reader;
    const lost = [...parts.keys()];
    const blockBytes = checksums?.blockBytes ?? CHECKSUM_BLOCK_BYTES;
    const kernel = kernelOf(this.#context, SLOTS * reader.code.shards, STRIPE_BYTES);
    const buffers = Array.from({ length: SLOTS }, () =>
      Array.from({ length: reader.code.shards }, () => kernel.allocate(STRIPE_BYTES)),
    );
    const done =
      checksums === undefined ? 0 : await this.#resumeAt(parts, new BlockSums(kernel, blockBytes), buffers[0]![0]!);
    const sums = new Map(
      lost.map((shard) => [shard, new BlockSums(kernel, blockBytes, [...(checksums?.blocks[shard] ?? [])].slice(0, done / blockBytes))]), // biome-ignore format: one line
    );
    for (const part of parts.values()) await part.truncate(done);
    const behind = new WriteBehind([...parts.values()]);
    const planOf = (stripe: Stripe) => reader.code.plan(reader.soundShards(stripe.shardOffset, stripe.bytes), lost);
    await runPipeline(
      this.#context,
      ranges(done, layout.shardBytes),
      {
        async read(slot, stripe) {
          const reads = planOf(stripe).sources.map((shard) =>
            reader.shards.read(shard, buffers[slot]![shard]!.subarray(0, stripe.bytes), stripe.shardOffset),
          );
          const results = await Promise.allSettled(reads);
          for (const result of results) if (result.status === 'rejected') throw result.reason;
        },
        compute(slot, stripe) {
          const plan = planOf(stripe);
          const inputs = plan.sources.map((shard) => buffers[slot]![shard]!);
          const outputs = lost.map((shard) => buffers[slot]![shard]!);
          kernel.code(plan.rows, inputs, outputs, stripe.bytes);
          for (const [shard, sum] of sums) sum.add(buffers[slot]![shard]!, stripe.bytes);
        },
        async write(slot, stripe) {
          const writes = lost.map((shard) =>
            parts.get(shard)!.write(buffers[slot]![shard]!.subarray(0, stripe.bytes), stripe.shardOffset),
          );
          const results = await Promise.allSettled(writes);
          for (const result of results) if (result.status === 'rejected') throw result.reason;
          behind.wrote(stripe.bytes * lost.length);
        },
      },
      {
        ...this.#options,
        total: layout.shardBytes * lost.length,
        done: done * lost.length,
        weigh: (stripe) => stripe.bytes * lost.length,
      },
    );
    for (const [shard, sum] of sums) {
      const blocks = sum.finish();
      const expected = checksums?.blocks[shard];
      if (expected !== undefined && !blocks.every((block, i) => block === expected[i])) {
        throw new OperationError('corruption', `shard ${shard} of ${base} cannot be made as its checksums have it`);
      }
    }
    await behind.finish();
  }

  /** How far all parts of an earlier work are right: a multiple of the block. */
  async #resumeAt(parts: ReadonlyMap<number, File>, sums: BlockSums, buffer: Uint8Array): Promise<number> {
    const { checksums, layout } = this.#info;
    if (checksums === undefined) return 0;
    const { blockBytes } = checksums;
    let right = Math.floor(layout.shardBytes / blockBytes);
    for (const [shard, part] of parts) {
      const size = await part.size();
      let block = 0;
      for (; block < right && (block + 1) * blockBytes <= size; block++) {
        for (const { shardOffset, bytes } of ranges(block * blockBytes, (block + 1) * blockBytes)) {
          await part.read(buffer.subarray(0, bytes), shardOffset);
          sums.add(buffer, bytes);
        }
        if (sums.blocks.at(-1) !== checksums.blocks[shard]![block]) break;
      }
      right = Math.min(right, block);
    }
    return right * blockBytes;
  }

  async #repair(): Promise<void> {
    const reader = this.#reader;
    const { layout, checksums } = this.#info;
    const kernel = kernelOf(this.#context, reader.code.shards + 1, REPAIR_BYTES);
    const buffers = Array.from({ length: reader.code.shards + 1 }, () => kernel.allocate(REPAIR_BYTES));
    const written = new Set<number>();
    for (const { shard, block } of this.#rot) {
      const start = block * reader.markBytes;
      const end = Math.min(start + reader.markBytes, layout.shardBytes);
      const sources = reader.soundShards(start, end - start);
      const file = reader.shards.files[shard];
      if (sources.length < reader.code.dataShards || file === undefined || reader.disputed.has(block)) continue;
      const plan = reader.code.plan(sources, [shard]);
      const output = buffers[reader.code.shards]!;
      const sum = new BlockSums(kernel, reader.markBytes);
      for (const { shardOffset, bytes } of ranges(start, end, REPAIR_BYTES)) {
        for (const source of plan.sources) {
          await reader.shards.read(source, buffers[source]!.subarray(0, bytes), shardOffset);
        }
        const inputs = plan.sources.map((source) => buffers[source]!);
        kernel.code(plan.rows, inputs, [output], bytes);
        sum.add(output, bytes);
        // A checksum that covers this much is looked at before anything is written, a larger one afterwards.
        if (end - start === bytes && checksums !== undefined) checkBlock(sum, checksums.blocks[shard]![block]!, shard);
        await file.write(output.subarray(0, bytes), shardOffset);
      }
      if (end - start > REPAIR_BYTES && checksums !== undefined) {
        checkBlock(sum, checksums.blocks[shard]![block]!, shard);
      }
      written.add(shard);
      reader.unmark(shard, block);
      this.repaired.push({ shard, block });
    }
    for (const shard of written) await reader.shards.files[shard]!.sync();
  }
}

/** What is made of shards that contradict each other would be wrong. */
export function contradiction(reader: ShardReader): OperationError {
  const { base } = reader.info;
  return new OperationError(
    'corruption',
    `the shards of ${base} contradict each other in ${reader.disputed.size} blocks`,
    {
      hint: 'Bring back its checksums (.ecsum), or more of its shards.',
    },
  );
}

function checkBlock(sum: BlockSums, expected: number, shard: number): void {
  if (sum.finish()[0] === expected) return;
  throw new OperationError('corruption', `a block of shard ${shard} cannot be made as its checksum has it`);
}

/** Sums shards that agree with each other, for a volume that has no checksums. */
async function writeChecksums(context: WorkContext, info: ErasureInfo): Promise<void> {
  const { files, random } = context.platform;
  const shards = await ShardFiles.open(files, info);
  try {
    const kernel = kernelOf(context, 1, STRIPE_BYTES);
    const buffer = kernel.allocate(STRIPE_BYTES);
    const blocks: Uint32Array[] = [];
    for (let shard = 0; shard < shards.files.length; shard++) {
      const sum = new BlockSums(kernel, CHECKSUM_BLOCK_BYTES);
      for (const { shardOffset, bytes } of ranges(0, info.layout.shardBytes)) {
        await shards.read(shard, buffer.subarray(0, bytes), shardOffset);
        sum.add(buffer, bytes);
      }
      blocks.push(sum.finish());
    }
    const { largeBytes, smallBytes, shardBytes } = info.layout;
    await files.writeAtomic(
      `${info.base}.ecsum`,
      encodeChecksums({
        ratio: info.ratio,
        encodeTsNs: info.encodeTsNs,
        layoutBlockBytes: largeBytes === smallBytes ? largeBytes : 0,
        blockBytes: CHECKSUM_BLOCK_BYTES,
        shardBytes,
        uuid: random.bytes(16),
        blocks,
      }),
    );
  } finally {
    await shards.close();
  }
}
