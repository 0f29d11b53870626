/**
 * An erasure-coded volume that is open: needles are read and deleted, never written.
 *
 * What a read returns has passed its own checksums and has the id and size that the index names. Where it has not, the
 * blocks it came from are examined, those that rotted are set aside, and it is computed from the others; only when that
 * fails too is it OperationError `corruption`. Lost shards are computed around in the same way, with every read, until
 * they are rebuilt. Deletes are on stable storage before they are acknowledged.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { IndexRow } from '../formats/index-row.ts';
import { decodeNeedle, decodeNeedleHeader, recordBytes, type StoredNeedle } from '../formats/needle.ts';
import type { NeedleVersion } from '../formats/super-block.ts';
import { type LargeNeedle, readLargeNeedle } from '../volume/record-scan.ts';
import type { ErasureContext } from './context.ts';
import { recoverConversion } from './conversion.ts';
import { examine } from './examine.ts';
import { DeleteJournal } from './journal.ts';
import { locate } from './layout.ts';
import { datVersion, type ErasureInfo, readErasureInfo, ShardFiles } from './shard-files.ts';
import { ShardedDat, ShardReader } from './shard-reader.ts';
import { SortedIndex } from './sorted-index.ts';

/** Needles that are remembered as damaged. */
const DAMAGED_MAX = 10_000;

export interface ErasureStatus {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly shardBytes: number;
  readonly datBytes: number;
  readonly needles: number;
  readonly deleted: number;
  readonly indexMemoryBytes: number;
  readonly lost: readonly number[];
  /** Blocks that were found rotten and not repaired since. */
  readonly rottenBlocks: number;
  readonly encodeTsNs: bigint;
  readonly checksums: 'present' | 'absent' | 'unusable';
}

export class ErasureVolume {
  readonly volumeId: number;
  readonly version: NeedleVersion;
  /** The `.dat` as a file to read. Nobody checks what it gives: see `readLarge`. */
  readonly dat: ShardedDat;
  readonly #context: ErasureContext;
  readonly #info: ErasureInfo;
  readonly #reader: ShardReader;
  readonly #index: SortedIndex;
  readonly #journal: DeleteJournal;
  /** Examinations under way, by their first byte: reads of one rotten block wait for one of them. */
  readonly #examining = new Map<number, Promise<unknown>>();
  /** Offsets of needles that no examination helps: they were damaged before they were coded, or too much is lost. */
  readonly #damaged = new Set<number>();

  private constructor(
    context: ErasureContext,
    volumeId: number,
    parts: {
      readonly info: ErasureInfo;
      readonly reader: ShardReader;
      readonly index: SortedIndex;
      readonly journal: DeleteJournal;
      readonly version: NeedleVersion;
    },
  ) {
    this.#context = context;
    this.volumeId = volumeId;
    this.#info = parts.info;
    this.#reader = parts.reader;
    this.#index = parts.index;
    this.#journal = parts.journal;
    this.version = parts.version;
    this.dat = new ShardedDat(parts.reader);
  }

  /**
   * `base` is directory and name without extension; `volumeId` is for messages.
   * @throws OperationError `not_found` without shards or index, `corruption` when fewer shards are left than needed.
   */
  static async open(context: ErasureContext, base: string, volumeId: number): Promise<ErasureVolume> {
    const { files } = context.platform;
    const kind = await recoverConversion(files, base);
    if (kind !== 'erasure') {
      throw new OperationError('not_found', `${base} ${kind === 'needles' ? 'is not erasure coded' : 'has no shards'}`);
    }
    const info = await readErasureInfo(context, base);
    const opened: { close(): Promise<void> }[] = [];
    try {
      const shards = await ShardFiles.open(files, info);
      opened.push(shards);
      const reader = new ShardReader(context, info, shards);
      reader.code.plan(shards.present, []);
      const index = await SortedIndex.open(files, base, info.index);
      opened.push(index);
      const journal = await DeleteJournal.open(files, base);
      opened.push(journal);
      const version = await versionOf(context, reader);
      return new ErasureVolume(context, volumeId, { info, reader, index, journal, version });
    } catch (error) {
      await Promise.allSettled(opened.map((one) => one.close()));
      throw error;
    }
  }

  /**
   * The needle with that id, as a view of a buffer of its own; undefined when there is none or it was deleted. Cookie and
   * time to live are the caller's to check.
   * @throws OperationError `corruption` when too much of it is lost or rotten.
   */
  async read(id: bigint): Promise<StoredNeedle | undefined> {
    const row = await this.find(id);
    if (row === undefined) return undefined;
    const bytes = Buffer.allocUnsafe(recordBytes(row.size, this.version));
    return this.#checked(row, bytes.length, async () => {
      await this.#reader.read(bytes, row.offset);
      const { id: found, size } = decodeNeedleHeader(bytes);
      if (found !== id || size !== row.size) throw this.#mismatch(row);
      return decodeNeedle(bytes, 0, this.version, this.volumeId);
    });
  }

  /** As `read`, for needles too large for memory: checked as a whole, its data to be read from `dat` afterwards. */
  async readLarge(id: bigint): Promise<LargeNeedle | undefined> {
    const row = await this.find(id);
    if (row === undefined) return undefined;
    return this.#checked(row, recordBytes(row.size, this.version), () =>
      readLargeNeedle(this.dat, row.offset, row.size, this.version, this.volumeId),
    );
  }

  /** Where a needle lies; undefined when there is none or it was deleted. */
  find(id: bigint): Awaitable<IndexRow | undefined> {
    return this.#journal.ids.has(id) ? undefined : this.#index.find(id);
  }

  /** On stable storage when it returns. @returns the size of the needle's body, 0 when there was none. */
  async delete(id: bigint): Promise<number> {
    const row = await this.find(id);
    if (row === undefined) return 0;
    await this.#journal.add(id);
    return row.size;
  }

  get status(): ErasureStatus {
    const { ratio, layout, datBytes, encodeTsNs, checksums, checksumsProblem } = this.#info;
    const unprotected = checksumsProblem === undefined ? 'absent' : 'unusable';
    return {
      ...ratio,
      shardBytes: layout.shardBytes,
      datBytes,
      needles: this.#index.rows,
      deleted: this.#journal.ids.size,
      indexMemoryBytes: this.#index.memoryBytes,
      lost: this.#reader.shards.lost,
      rottenBlocks: this.#reader.rottenBlocks,
      encodeTsNs,
      checksums: checksums === undefined ? unprotected : 'present',
    };
  }

  /** Takes up shards that were rebuilt or repaired since. */
  async refresh(): Promise<void> {
    const shards = await ShardFiles.open(this.#context.platform.files, this.#info);
    const before = this.#reader.shards;
    this.#damaged.clear();
    this.#reader.disputed.clear();
    this.#reader.shards = shards;
    for (let shard = 0; shard < this.#reader.code.shards; shard++) this.#reader.unmark(shard);
    await before.close();
  }

  async close(): Promise<void> {
    await Promise.all([this.#reader.shards.close(), this.#index.close(), this.#journal.close()]);
  }

  /** Once more after an examination, if what `read` found was wrong. */
  async #checked<T>(row: IndexRow, bytes: number, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!hasCode(error, 'corruption') || this.#damaged.has(row.offset)) throw error;
    }
    for (const { shardOffset, bytes: length } of locate(this.#info.layout, row.offset, bytes)) {
      await this.#examine(shardOffset, shardOffset + length);
    }
    try {
      return await read();
    } catch (error) {
      if (hasCode(error, 'corruption') && this.#damaged.size < DAMAGED_MAX) this.#damaged.add(row.offset);
      throw error;
    }
  }

  async #examine(from: number, to: number): Promise<void> {
    const under = this.#examining.get(from);
    if (under !== undefined) {
      await under;
      return;
    }
    const examination = examine(this.#context, this.#reader, from, to);
    this.#examining.set(from, examination);
    try {
      await examination;
    } finally {
      this.#examining.delete(from);
    }
  }

  #mismatch(row: IndexRow): OperationError {
    return new OperationError(
      'corruption',
      `needle ${row.id.toString(16)} of volume ${this.volumeId} is not where its index has it, at ${row.offset}`,
    );
  }
}

/** Of the super block; the first block is examined when that is damaged. */
async function versionOf(context: ErasureContext, reader: ShardReader): Promise<NeedleVersion> {
  const dat = new ShardedDat(reader);
  try {
    const version = await datVersion(dat);
    const recorded = reader.info.info.version;
    if (recorded === 0 || recorded === version) return version;
  } catch (error) {
    if (!hasCode(error, 'corruption')) throw error;
  }
  await examine(context, reader, 0, 1);
  return datVersion(dat);
}
