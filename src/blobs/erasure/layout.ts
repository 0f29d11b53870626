/**
 * How the bytes of a `.dat` file lie in shards.
 *
 * The file is cut into rows of one block for each data shard: rows of large blocks (1 GiB) as long as they are full, then
 * rows of small ones (1 MiB), the last filled up with zeros. Block i of a row goes to data shard i; parity shards hold
 * the parity of a row's blocks. So all shards have one length, and a needle lies in few of them:
 *
 *                    shard 0    shard 1   …  shard 9    shard 10 … 13
 *   row 0, large   |  0 GiB  |   1 GiB  | … |  9 GiB  |  parity
 *   row 1, small   | 10 GiB  |  +1 MiB  | … |  +9 MiB |  parity
 *
 * The newest SeaweedFS may make each shard one single block; that is the same with both sizes equal.
 */

import { assert } from '../../base/assert.ts';

export interface Blocks {
  readonly dataShards: number;
  readonly largeBytes: number;
  readonly smallBytes: number;
}

export const LARGE_BLOCK_BYTES = 1024 * 1024 * 1024;
export const SMALL_BLOCK_BYTES = 1024 * 1024;

export interface Layout extends Blocks {
  readonly largeRows: number;
  /** Of every shard. */
  readonly shardBytes: number;
}

/** A part of a shard that holds a part of the file. */
export interface Extent {
  readonly shard: number;
  readonly shardOffset: number;
  readonly bytes: number;
}

/** The layout of a file of `datBytes`. */
export function layoutOf(blocks: Blocks, datBytes: number): Layout {
  const { dataShards, largeBytes, smallBytes } = blocks;
  const largeRows = Math.floor(datBytes / (dataShards * largeBytes));
  const rest = datBytes - largeRows * dataShards * largeBytes;
  const smallRows = Math.ceil(rest / (dataShards * smallBytes));
  return { ...blocks, largeRows, shardBytes: largeRows * largeBytes + smallRows * smallBytes };
}

/**
 * The layout of shards whose file's length was never recorded. A shard of exactly n large blocks counts as n - 1 of them
 * and a full large block's worth of small ones, as SeaweedFS takes it.
 */
export function layoutOfShards(blocks: Blocks, shardBytes: number): Layout {
  return { ...blocks, largeRows: Math.max(0, Math.floor((shardBytes - 1) / blocks.largeBytes)), shardBytes };
}

/** Where bytes [offset, offset + length) of the file lie, in their order. */
export function locate(layout: Layout, offset: number, length: number): Extent[] {
  const { dataShards, largeBytes, smallBytes, largeRows } = layout;
  const largeArea = largeRows * dataShards * largeBytes;
  const extents: Extent[] = [];
  for (let at = offset, left = length; left > 0; ) {
    const isLarge = at < largeArea;
    const blockBytes = isLarge ? largeBytes : smallBytes;
    const inArea = isLarge ? at : at - largeArea;
    const block = Math.floor(inArea / blockBytes);
    const inner = inArea - block * blockBytes;
    const bytes = Math.min(left, blockBytes - inner);
    const rowStart = (isLarge ? 0 : largeRows * largeBytes) + Math.floor(block / dataShards) * blockBytes;
    extents.push({ shard: block % dataShards, shardOffset: rowStart + inner, bytes });
    at += bytes;
    left -= bytes;
  }
  return extents;
}

/** A piece of every shard that is coded as one: equal ranges, of one block each. */
export interface Stripe {
  /** In each shard. */
  readonly shardOffset: number;
  readonly bytes: number;
  /** Where the range of data shard i begins in the file: `datOffset + i * blockBytes`. */
  readonly datOffset: number;
  readonly blockBytes: number;
}

/** The stripes of at most `bytesMax`, in the order of shard offsets, from the shard offset `from` on. */
export function* stripes(layout: Layout, bytesMax: number, from = 0): Generator<Stripe> {
  const { dataShards, largeBytes, smallBytes, largeRows, shardBytes } = layout;
  const largeEnd = largeRows * largeBytes;
  for (let at = from; at < shardBytes; ) {
    const isLarge = at < largeEnd;
    const blockBytes = isLarge ? largeBytes : smallBytes;
    const inArea = isLarge ? at : at - largeEnd;
    const row = Math.floor(inArea / blockBytes);
    const inner = inArea - row * blockBytes;
    const bytes = Math.min(bytesMax, blockBytes - inner);
    const area = isLarge ? 0 : largeRows * dataShards * largeBytes;
    yield { shardOffset: at, bytes, datOffset: area + row * dataShards * blockBytes + inner, blockBytes };
    at += bytes;
  }
  assert(from <= shardBytes, 'stripes begin within the shards');
}
