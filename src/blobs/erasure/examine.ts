/**
 * Finds rot: blocks of shards that are not what they were.
 *
 * With checksums (`.ecsum`) each block is compared with its own. Without, as in volumes of older SeaweedFS, the shards are
 * compared with each other: at every position they are one word of the code. With n intact and rotten shards together,
 * up to (n - dataShards) / 2 rotten ones are told from the others: leaving just them out makes the rest agree. When
 * nothing does, the block is in dispute: nothing is made from it, and reads of it stand or fall by their own checksums.
 */

import { BlockSums } from './block-sums.ts';
import { type ErasureContext, kernelOf, type WorkOptions } from './context.ts';
import type { Kernel } from './kernel.ts';
import type { Stripe } from './layout.ts';
import { runPipeline, SLOTS, STRIPE_BYTES } from './pipeline.ts';
import type { ReedSolomon } from './reed-solomon.ts';
import type { ShardReader } from './shard-reader.ts';

export interface Rot {
  readonly shard: number;
  /** In units of the reader's `markBytes`. */
  readonly block: number;
}

export interface Examined {
  /** Not known before. */
  readonly rot: readonly Rot[];
  readonly bytes: number;
}

/** Of every shard, the same ranges, in their order. */
export function* ranges(from: number, to: number, bytesMax = STRIPE_BYTES): Generator<Stripe> {
  for (let at = from; at < to; at += bytesMax) {
    yield { shardOffset: at, bytes: Math.min(bytesMax, to - at), datOffset: 0, blockBytes: 0 };
  }
}

/** Examines the marks' blocks that touch bytes [from, to) of the shards, and marks what rotted. */
export async function examine(
  context: ErasureContext,
  reader: ShardReader,
  from: number,
  to: number,
  options: WorkOptions = {},
): Promise<Examined> {
  const { checksums, layout } = reader.info;
  const { shards, code, markBytes } = reader;
  const start = Math.floor(from / markBytes) * markBytes;
  const end = Math.min(Math.ceil(to / markBytes) * markBytes, layout.shardBytes);
  const bytesMax = Math.min(STRIPE_BYTES, Math.max(1, end - start));
  const present = shards.present;
  // One more set of buffers, for what is computed.
  const kernel = kernelOf(context, (SLOTS + 1) * code.shards, bytesMax);
  const set = () => Array.from({ length: code.shards }, () => kernel.allocate(bytesMax));
  const slots = Array.from({ length: SLOTS }, set);
  const spare = set();
  const unreadable = Array.from({ length: SLOTS }, () => new Set<number>());
  const found: Rot[] = [];
  const note = (shard: number, block: number) => {
    if (reader.mark(shard, block)) found.push({ shard, block });
  };
  const sums = new Map(present.map((shard) => [shard, new BlockSums(kernel, markBytes)]));
  const firstBlock = start / markBytes;
  await runPipeline(
    context,
    ranges(start, end),
    {
      async read(slot, stripe) {
        unreadable[slot]!.clear();
        const results = await Promise.allSettled(
          present.map((shard) =>
            shards.read(shard, slots[slot]![shard]!.subarray(0, stripe.bytes), stripe.shardOffset),
          ),
        );
        for (const [i, result] of results.entries()) {
          if (result.status === 'rejected') unreadable[slot]!.add(present[i]!);
        }
      },
      compute(slot, stripe) {
        const block = Math.floor(stripe.shardOffset / markBytes);
        for (const shard of unreadable[slot]!) note(shard, block);
        if (checksums !== undefined) {
          for (const [shard, sum] of sums) sum.add(slots[slot]![shard]!, stripe.bytes);
          return;
        }
        const readable = present.filter((shard) => !unreadable[slot]!.has(shard));
        const wrong = disagreeing(code, kernel, readable, slots[slot]!, spare, stripe.bytes);
        if (wrong === undefined) reader.disputed.add(block);
        else for (const shard of wrong) note(shard, block);
      },
      async write() {},
    },
    { ...options, total: (end - start) * present.length, weigh: (stripe) => stripe.bytes * present.length },
  );
  if (checksums !== undefined) {
    for (const [shard, sum] of sums) {
      for (const [i, crc] of sum.finish().entries()) {
        if (crc !== checksums.blocks[shard]![firstBlock + i]) note(shard, firstBlock + i);
      }
    }
  }
  return { rot: found, bytes: (end - start) * present.length };
}

/** The shards that do not agree with the others; undefined when none can be told from the others. */
function disagreeing(
  code: ReedSolomon,
  kernel: Kernel,
  present: readonly number[],
  buffers: readonly Uint8Array[],
  spare: readonly Uint8Array[],
  bytes: number,
): readonly number[] | undefined {
  const spares = present.length - code.dataShards;
  if (spares < 1 || agree(code, kernel, present, buffers, spare, bytes)) return [];
  for (let count = 1; 2 * count <= spares; count++) {
    for (const left of combinations(present, count)) {
      const rest = present.filter((shard) => !left.includes(shard));
      if (agree(code, kernel, rest, buffers, spare, bytes)) return left;
    }
  }
  return undefined;
}

function agree(
  code: ReedSolomon,
  kernel: Kernel,
  shards: readonly number[],
  buffers: readonly Uint8Array[],
  spare: readonly Uint8Array[],
  bytes: number,
): boolean {
  const targets = shards.slice(code.dataShards);
  const plan = code.plan(shards, targets);
  const outputs = spare.slice(0, targets.length);
  kernel.code(
    plan.rows,
    plan.sources.map((shard) => buffers[shard]!),
    outputs,
    bytes,
  );
  return targets.every(
    (shard, i) => Buffer.compare(outputs[i]!.subarray(0, bytes), buffers[shard]!.subarray(0, bytes)) === 0,
  );
}

export function* combinations(items: readonly number[], count: number, from = 0): Generator<number[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let i = from; i <= items.length - count; i++) {
    for (const rest of combinations(items, count - 1, i + 1)) yield [items[i]!, ...rest];
  }
}
