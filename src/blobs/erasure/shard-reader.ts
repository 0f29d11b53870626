/**
 * Reads the `.dat` that was, through its shards: straight from the data shard that has a byte, or, where that one is lost
 * or known to be rotten there, computed from others.
 *
 * Nothing here checks what it reads: records have checksums of their own. Who finds one wrong has the range examined
 * (examine.ts), which marks what rotted, and reads again. A shard that cannot be read is marked at once.
 */

import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import { AtOnce } from '../../platform/at-once.ts';
import type { File } from '../../platform/files.ts';
import { type ErasureContext, kernelOf } from './context.ts';
import type { Kernel } from './kernel.ts';
import { locate } from './layout.ts';
import { type Plan, ReedSolomon, SHARDS_MAX } from './reed-solomon.ts';
import type { ErasureInfo, ShardFiles } from './shard-files.ts';

/** Of each source at a time, while lost bytes are computed. */
const PIECE_BYTES = 64 * 1024;
/** Computations under way at once, for all volumes; others wait. */
const COMPUTATIONS_MAX = 8;
/** Small reads are tried at once, from the page cache; one may be of as many shards as it takes to compute what is lost. */
const NOW_BYTES_MAX = 64 * 1024;
const NOW_MS_MAX = 1;
const READS_BETWEEN_TRIES = 64;
/** What is marked as rotten where there are no checksums with blocks of their own. */
const MARK_BYTES = 1024 * 1024;

/** Buffers for computing lost bytes, shared by all volumes. */
class Workbench {
  readonly kernel: Kernel;
  readonly #free: Uint8Array[][] = [];
  readonly #waiting: ((buffers: Uint8Array[]) => void)[] = [];

  constructor(context: ErasureContext) {
    this.kernel = kernelOf(context, COMPUTATIONS_MAX * (SHARDS_MAX + 1), PIECE_BYTES);
    for (let i = 0; i < COMPUTATIONS_MAX; i++) {
      this.#free.push(Array.from({ length: SHARDS_MAX + 1 }, () => this.kernel.allocate(PIECE_BYTES)));
    }
  }

  take(): Awaitable<Uint8Array[]> {
    const buffers = this.#free.pop();
    if (buffers !== undefined) return buffers;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(buffers: Uint8Array[]): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(buffers);
    else next(buffers);
  }
}

/** By platform, or by kernel where one is asked for. */
const benches = new WeakMap<object, Workbench>();

function benchOf(context: ErasureContext): Workbench {
  const key = context.newKernel ?? context.platform;
  let bench = benches.get(key);
  if (bench === undefined) {
    bench = new Workbench(context);
    benches.set(key, bench);
  }
  return bench;
}

export class ShardReader {
  readonly info: ErasureInfo;
  readonly code: ReedSolomon;
  /** What a mark covers: bytes of a shard, from multiples of this on. */
  readonly markBytes: number;
  shards: ShardFiles;
  /** Numbers of blocks whose shards contradict each other, with nothing to tell which of them are right. */
  readonly disputed = new Set<number>();
  readonly #context: ErasureContext;
  readonly #atOnce = new AtOnce({ quickMsMax: NOW_MS_MAX, callsBetweenTries: READS_BETWEEN_TRIES });
  /** By shard, the numbers of rotten blocks of `markBytes`. */
  readonly #rotten = new Map<number, Set<number>>();

  constructor(context: ErasureContext, info: ErasureInfo, shards: ShardFiles) {
    this.info = info;
    this.code = new ReedSolomon(info.ratio);
    this.markBytes = info.checksums?.blockBytes ?? MARK_BYTES;
    this.shards = shards;
    this.#context = context;
  }

  /** Length of what can be read. */
  get bytes(): number {
    const { datBytes, layout } = this.info;
    return datBytes > 0 ? datBytes : layout.shardBytes * layout.dataShards;
  }

  /** @returns whether that was not known before. */
  mark(shard: number, block: number): boolean {
    const blocks = this.#rotten.get(shard) ?? new Set();
    this.#rotten.set(shard, blocks);
    if (blocks.has(block)) return false;
    blocks.add(block);
    return true;
  }

  unmark(shard: number, block?: number): void {
    if (block === undefined) this.#rotten.delete(shard);
    else this.#rotten.get(shard)?.delete(block);
  }

  /** How many blocks are marked. */
  get rottenBlocks(): number {
    let count = 0;
    for (const blocks of this.#rotten.values()) count += blocks.size;
    return count;
  }

  /** Whether a shard is there, and not known to be rotten in that range. */
  isSound(shard: number, offset: number, bytes: number): boolean {
    if (this.shards.files[shard] === undefined) return false;
    const blocks = this.#rotten.get(shard);
    if (blocks === undefined || blocks.size === 0) return true;
    const last = Math.floor((offset + Math.max(bytes, 1) - 1) / this.markBytes);
    for (let block = Math.floor(offset / this.markBytes); block <= last; block++) if (blocks.has(block)) return false;
    return true;
  }

  /** Shards of use in that range, ascending. */
  soundShards(offset: number, bytes: number): number[] {
    const sound: number[] = [];
    for (let shard = 0; shard < this.code.shards; shard++) if (this.isSound(shard, offset, bytes)) sound.push(shard);
    return sound;
  }

  /**
   * Fills `into` with the bytes of the `.dat` from `position` on, all of which must lie within `bytes`.
   * @throws OperationError `corruption` when too few shards are left.
   */
  read(into: Bytes, position: number): Awaitable<void> {
    assert(position >= 0 && position + into.length <= this.bytes, 'a read within the volume');
    const extents = locate(this.info.layout, position, into.length);
    if (extents.length === 1) return this.readShard(extents[0]!.shard, into, extents[0]!.shardOffset);
    let done = 0;
    const reads = extents.map(async ({ shard, shardOffset, bytes }) => {
      const part = into.subarray(done, done + bytes);
      done += bytes;
      await this.readShard(shard, part, shardOffset);
    });
    return Promise.all(reads).then(() => {});
  }

  readShard(shard: number, into: Bytes, offset: number): Awaitable<void> {
    const sound = this.isSound(shard, offset, into.length);
    if (into.length <= NOW_BYTES_MAX && this.#atOnce.isDue()) {
      const { clock } = this.#context.platform;
      const startedMs = clock.monotonicMs();
      const done = sound ? this.shards.readNow(shard, into, offset) : this.#computeNow(shard, into, offset);
      this.#atOnce.note(clock.monotonicMs() - startedMs);
      if (done) return;
    }
    return this.#readShardLater(shard, sound, into, offset);
  }

  async #readShardLater(shard: number, sound: boolean, into: Bytes, offset: number): Promise<void> {
    if (sound) {
      try {
        await this.shards.read(shard, into, offset);
        return;
      } catch (error) {
        this.#markUnreadable(shard, offset, into.length, error);
      }
    }
    for (let at = 0; at < into.length; at += PIECE_BYTES) {
      await this.#compute(shard, into.subarray(at, at + PIECE_BYTES), offset + at);
    }
  }

  #planFor(shard: number, offset: number, bytes: number): Plan {
    const sound = this.soundShards(offset, bytes);
    const own = sound.indexOf(shard);
    if (own >= 0) sound.splice(own, 1);
    return this.code.plan(sound, [shard]);
  }

  /** As `#compute`, if every source can be read at once. @returns whether it did. */
  #computeNow(shard: number, into: Bytes, offset: number): boolean {
    const bench = benchOf(this.#context);
    const buffers = bench.take();
    if (isPromise(buffers)) {
      // It is ours when it comes: given back at once.
      void buffers.then((late) => bench.give(late));
      return false;
    }
    try {
      const { sources, rows } = this.#planFor(shard, offset, into.length);
      for (const [i, source] of sources.entries()) {
        if (!this.shards.readNow(source, buffers[i]!.subarray(0, into.length), offset)) return false;
      }
      const output = buffers[sources.length]!;
      bench.kernel.code(rows, buffers.slice(0, sources.length), [output], into.length);
      into.set(output.subarray(0, into.length));
      return true;
    } finally {
      bench.give(buffers);
    }
  }

  /** What a shard holds there, from the others. */
  async #compute(shard: number, into: Bytes, offset: number): Promise<void> {
    const bench = benchOf(this.#context);
    const buffers = await bench.take();
    try {
      for (;;) {
        const { sources, rows } = this.#planFor(shard, offset, into.length);
        const inputs = buffers.slice(0, sources.length);
        const reads = sources.map((source, i) => this.shards.read(source, inputs[i]!.subarray(0, into.length), offset));
        const results = await Promise.allSettled(reads);
        const failed = results.findIndex((one) => one.status === 'rejected');
        if (failed >= 0) {
          // Each round marks another shard, so the rounds end.
          const { reason } = results[failed] as PromiseRejectedResult;
          this.#markUnreadable(sources[failed]!, offset, into.length, reason);
          continue;
        }
        const output = buffers[sources.length]!;
        bench.kernel.code(rows, inputs, [output], into.length);
        into.set(output.subarray(0, into.length));
        return;
      }
    } finally {
      bench.give(buffers);
    }
  }

  #markUnreadable(shard: number, offset: number, bytes: number, error: unknown): void {
    if (!hasCode(error, 'io') && !hasCode(error, 'not_found')) throw error;
    const last = Math.floor((offset + bytes - 1) / this.markBytes);
    for (let block = Math.floor(offset / this.markBytes); block <= last; block++) this.mark(shard, block);
  }
}

/** The `.dat` as a file to read, for what reads volumes. */
export class ShardedDat implements File {
  readonly path: string;
  readonly #reader: ShardReader;

  constructor(reader: ShardReader) {
    this.path = `${reader.info.base}.ec*`;
    this.#reader = reader;
  }

  async read(into: Bytes, position: number): Promise<number> {
    const count = Math.max(0, Math.min(into.length, this.#reader.bytes - position));
    if (count > 0) await this.#reader.read(into.subarray(0, count), position);
    return count;
  }

  async size(): Promise<number> {
    return this.#reader.bytes;
  }

  async write(): Promise<void> {
    throw readOnly(this.path);
  }

  async writeParts(): Promise<void> {
    throw readOnly(this.path);
  }

  async truncate(): Promise<void> {
    throw readOnly(this.path);
  }

  async sync(): Promise<void> {}

  /** The shards stay open: they are the reader's. */
  async close(): Promise<void> {}
}

function readOnly(path: string): OperationError {
  return new OperationError('store_read_only', `${path} cannot be written: the volume is erasure coded`);
}
