/**
 * A needle volume: one `.dat` file of records, appended to, and the index over it.
 *
 * Writes queue and are committed in groups (`volume-writer.ts`); reads never wait for them: they look into the index as it
 * is now and read once from the file. What a read returns has its checksum, its seal where it has one, and the id and size
 * that the index names; anything else is OperationError `corruption`, and the needle is named in `quarantined` while all
 * others are served.
 *
 * A needle is overwritten, and deleted, only by who knows its cookie. Writing again what is stored already writes nothing.
 * Unlike SeaweedFS, the cookie of an empty needle counts, and a torn end is repaired when the volume is opened
 * (`recover.ts`). One process has a volume open; who opens it sees to that (`volume-set.ts`).
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { crc32c } from '../../base/crc32c.ts';
import { hasCode, messageOf, OperationError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { Slab } from '../../base/slab.ts';
import { AtOnce } from '../../platform/at-once.ts';
import type { File } from '../../platform/files.ts';
import type { Platform } from '../../platform/platform.ts';
import { type IndexLayout, idHighOf, idLowOf, indexLayout } from '../formats/index-row.ts';
import { NEEDLE_SIZE_MAX, type Needle, recordBytes, type StoredNeedle } from '../formats/needle.ts';
import {
  decodeSuperBlock,
  encodeSuperBlock,
  extraBytesOf,
  newSuperBlock,
  parseReplication,
  replicationText,
  SUPER_BLOCK_BYTES,
  type SuperBlock,
  superBlockBytes,
} from '../formats/super-block.ts';
import type { Ttl } from '../formats/ttl.ts';
import { type VolumeName, volumeBaseName } from '../formats/volume-files.ts';
import { decodeVolumeInfo, encodeVolumeInfo, newVolumeInfo, type VolumeInfo } from '../formats/volume-info.ts';
import { CHUNK_IDS_FROM, sizeBeforeDelete } from '../index/needle-map.ts';
import { Generation } from './generation.ts';
import { decodeRead, isExpired, type NeedlePlace, type ReadNeedle, readPieces, readRecord } from './needle-read.ts';
import { Quarantine, type Quarantined } from './quarantine.ts';
import { type RecoveryReport, recoverIndex, writeCleanMark } from './recover.ts';
import { finishSwap } from './swap.ts';
import { type SyncWish, VolumeWriter, type Written } from './volume-writer.ts';

/** Records up to here may be read at once. */
const NOW_BYTES_MAX = 64 * 1024;
const slab = new Slab();
const doNothing = (): void => {};
const DEFAULT_VOLUME_BYTES_MAX = 30 * 1024 ** 3;

/** When a write is acknowledged; see `base/durability.ts`. There are no volumes of class `memory`. */
export type VolumeDurability = 'disk' | 'process';

export interface VolumeOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'files'>;
  readonly directory: string;
  readonly name: VolumeName;
  readonly log: Log;
  /** Default `disk`. */
  readonly durability?: VolumeDurability;
  /** Writes beyond it are refused. Default 30 GiB; the index layout has its own bound. */
  readonly volumeBytesMax?: number;
  /** Asked before each batch: whether the disk has too little room for writes. Default never. */
  readonly isSpaceLow?: () => boolean;
}

export interface NewVolume {
  readonly replication?: number;
  readonly ttl?: Ttl | undefined;
  /** 4 (up to 32 GiB, the default) or 5. */
  readonly offsetBytes?: 4 | 5;
  readonly version?: 1 | 2 | 3;
  /** Takes so much of the disk now, so that writes up to there find room. Default 0. */
  readonly preallocateBytes?: number;
}

export interface WriteOptions {
  /** Default `class`. */
  readonly sync?: SyncWish;
  /** CRC-32C of the data, if known. */
  readonly crc?: number;
}

export interface ReadOptions {
  readonly readDeleted?: boolean;
  readonly anyCookie?: boolean;
}

export type ReadOnlyReason = 'marked' | 'marked_can_delete' | 'failed' | 'space_low' | 'full';

export interface ReadOnlyState {
  readonly reason: ReadOnlyReason;
  readonly text: string;
}

export interface VolumeStatus {
  readonly volumeId: number;
  readonly collection: string;
  readonly datBytes: number;
  readonly idxBytes: number;
  readonly version: number;
  readonly replication: number;
  readonly ttl: Ttl | undefined;
  readonly compactionRevision: number;
  readonly files: number;
  readonly live: number;
  readonly deleted: number;
  readonly deletedBytes: number;
  readonly contentBytes: number;
  readonly idMax: bigint;
  readonly indexMemoryBytes: number;
  readonly readOnly: ReadOnlyState | undefined;
  readonly quarantined: readonly Quarantined[];
  readonly lastAppendMs: number;
}

export class Volume {
  readonly name: VolumeName;
  readonly options: VolumeOptions;
  readonly recovery: RecoveryReport;
  readonly writer: VolumeWriter;
  readonly layout: IndexLayout;
  /** Path of its files without extension. */
  readonly base: string;
  #info: VolumeInfo;
  #generation: Generation;
  #failure: string | undefined;
  #closed = false;
  readonly #quarantine: Quarantine;
  readonly #atOnce = new AtOnce();
  #chunkIdNext = CHUNK_IDS_FROM;
  /** Single reads of `.dat`, for tests that count them. */
  datReads = 0;

  private constructor(
    options: VolumeOptions,
    parts: { readonly info: VolumeInfo; readonly generation: Generation; readonly recovery: RecoveryReport },
  ) {
    this.options = options;
    this.name = options.name;
    this.base = basePath(options);
    this.#info = parts.info;
    this.#generation = parts.generation;
    this.recovery = parts.recovery;
    this.#quarantine = new Quarantine(this.name.volumeId, options.log, parts.recovery.quarantined);
    this.layout = parts.generation.journal.layout;
    this.writer = new VolumeWriter({
      platform: options.platform,
      volumeId: this.name.volumeId,
      files: () => this.#generation,
      syncAlways: (options.durability ?? 'disk') === 'disk',
      refusal: (isDelete) => this.#refusal(isDelete),
      volumeBytesMax: Math.min(options.volumeBytesMax ?? DEFAULT_VOLUME_BYTES_MAX, this.layout.volumeBytesMax),
      onFailed: (reason) => this.fail(reason),
    });
  }

  /** @throws OperationError `already_exists`; `disk_full` and `unsupported` of a preallocation: then nothing stays. */
  static async create(options: VolumeOptions, fields: NewVolume = {}): Promise<Volume> {
    const { files } = options.platform;
    const base = basePath(options);
    if (await files.exists(`${base}.dat`)) {
      throw new OperationError('already_exists', `volume ${options.name.volumeId} exists in ${options.directory}`);
    }
    await files.makeDirectory(options.directory);
    // What is left of a volume of that name must not be taken for this one's.
    for (const extension of ['.idx', '.sdx', '.clean', '.cpd', '.cpx', '.cpc', '.torn']) {
      await files.remove(base + extension);
    }
    const { replication = 0, ttl, version = 3, offsetBytes = 4 } = fields;
    const info = newVolumeInfo({ version, replication: replicationText(replication), bytesOffset: offsetBytes });
    await files.writeAtomic(`${base}.vif`, encodeVolumeInfo(info));
    const dat = `${base}.dat`;
    await files.writeAtomic(dat, encodeSuperBlock(newSuperBlock({ version, replication, ttl })));
    const { preallocateBytes = 0 } = fields;
    if (preallocateBytes > 0) {
      try {
        await files.preallocate(dat, preallocateBytes);
      } catch (error) {
        await files.remove(dat);
        await files.remove(`${base}.vif`);
        throw error;
      }
    }
    return Volume.open(options);
  }

  /** @throws OperationError `not_found`, `corruption` when the super block cannot be read, `store_format`. */
  static async open(options: VolumeOptions): Promise<Volume> {
    const { files } = options.platform;
    const base = basePath(options);
    if (await files.exists(`${base}.note`)) {
      throw new OperationError('corruption', `volume ${options.name.volumeId} is a copy that was never finished`, {
        hint: `Remove ${base}.* and copy the volume again.`,
      });
    }
    await finishSwap(files, base);
    let info = await readInfo(options, base);
    const generation = await openGeneration(options, base, info);
    if (info === undefined) {
      info = newVolumeInfo({
        version: generation.opened.superBlock.version,
        replication: replicationText(generation.opened.superBlock.replication),
        bytesOffset: generation.opened.journal.layout.offsetBytes,
      });
      await files.writeAtomic(`${base}.vif`, encodeVolumeInfo(info));
    }
    const volume = new Volume(options, { info, generation: generation.opened, recovery: generation.report });
    reportRecovery(volume, options.log);
    return volume;
  }

  get volumeId(): number {
    return this.name.volumeId;
  }

  get superBlock(): SuperBlock {
    return this.#generation.superBlock;
  }

  get info(): VolumeInfo {
    return this.#info;
  }

  /** The files of now. A vacuum replaces them: hold them across an `await`. */
  get generation(): Generation {
    return this.#generation;
  }

  get readOnly(): ReadOnlyState | undefined {
    if (this.#failure !== undefined) return { reason: 'failed', text: this.#failure };
    if (this.#info.readOnly) {
      return this.#info.readOnlyCanDelete
        ? { reason: 'marked_can_delete', text: 'it is marked read-only; deletes are taken' }
        : { reason: 'marked', text: 'it is marked read-only' };
    }
    if (this.options.isSpaceLow?.() === true) return { reason: 'space_low', text: 'the disk is almost full' };
    if (this.#generation.datBytes >= (this.options.volumeBytesMax ?? DEFAULT_VOLUME_BYTES_MAX)) {
      return { reason: 'full', text: 'it has reached its size limit' };
    }
    return undefined;
  }

  /**
   * Appends a needle; settles once it is as durable as the volume's class, or `sync`, asks. A needle without time to live
   * gets the volume's. Its bytes must not change until then. `crc` is the CRC-32C of its data, if known.
   * @throws OperationError `permission_denied` (another cookie), `store_read_only`, `disk_full`, `too_large`, `overloaded`,
   * `io`, `commit_unknown`.
   */
  write(needle: Needle, options: WriteOptions = {}): Promise<Written> {
    if (needle.data.length > NEEDLE_SIZE_MAX - 70_000) {
      throw new OperationError('too_large', `${needle.data.length} bytes do not fit one needle`);
    }
    this.#assertOpen();
    const crc = options.crc ?? (needle.data.length === 0 ? 0 : crc32c(needle.data));
    const { ttl } = this.superBlock;
    const complete = needle.ttl === undefined && ttl !== undefined ? { ...needle, ttl } : needle;
    return this.writer.write(complete, crc, options.sync ?? 'class');
  }

  /**
   * Deletes a needle. @returns the size of its body, undefined when there was none.
   * @throws OperationError `permission_denied` (another cookie), and as `write`.
   */
  delete(id: bigint, cookie: number, options: { readonly sync?: SyncWish } = {}): Promise<number | undefined> {
    this.#assertOpen();
    return this.writer.delete(id, cookie, options.sync ?? 'class');
  }

  /**
   * The needle, with one read of the `.dat`, or several where it is large; undefined when there is none, the cookie is
   * another, or its time to live is over. `readDeleted` finds deleted ones until the next vacuum or opening.
   * @throws OperationError `corruption` naming it.
   */
  async read(id: bigint, cookie: number, options: ReadOptions = {}): Promise<ReadNeedle | undefined> {
    return this.readNow(id, cookie, options);
  }

  /** As `read`, with the answer at once where the page cache has the record, so far as that is known. */
  readNow(id: bigint, cookie: number, options: ReadOptions = {}): Awaitable<ReadNeedle | undefined> {
    this.#assertOpen();
    const { map, dat, superBlock } = this.#generation;
    if (!map.find(idHighOf(id), idLowOf(id))) return undefined;
    if (map.foundSize < 0 && options.readDeleted !== true) return undefined;
    const offset = map.foundOffset;
    const size = sizeBeforeDelete(map.foundSize);
    this.datReads++;
    const place = { id, offset, size };
    const length = recordBytes(size, superBlock.version);
    if (length > NOW_BYTES_MAX || dat.readNow === undefined || !this.#atOnce.isDue())
      return this.#readLater(place, cookie, options);
    const bytes = slab.take(length);
    const read = this.#readAtOnce(dat, bytes, offset);
    let needle: StoredNeedle;
    try {
      needle = decodeRead(bytes, read, place, superBlock.version, this.volumeId);
    } catch (error) {
      if (hasCode(error, 'corruption')) this.#quarantine.add(place, cookie, superBlock.version, error);
      throw error;
    }
    if (!this.#isFor(needle, cookie, options)) return undefined;
    return { needle, dataBytes: needle.data.length, pieces: undefined, close: doNothing };
  }

  async #readLater(place: NeedlePlace, cookie: number, options: ReadOptions): Promise<ReadNeedle | undefined> {
    const generation = this.#generation;
    generation.hold();
    let isHandedOver = false;
    try {
      const { dat, superBlock } = generation;
      const { needle, dataBytes, dataOffset } = await readRecord(dat, place, superBlock.version, this.volumeId);
      if (!this.#isFor(needle, cookie, options)) return undefined;
      if (dataOffset === undefined) return { needle, dataBytes, pieces: undefined, close: doNothing };
      isHandedOver = true;
      let isClosed = false;
      return {
        needle,
        dataBytes,
        pieces: (start, end) => readPieces(dat, dataOffset, start, end),
        close() {
          if (!isClosed) void generation.release();
          isClosed = true;
        },
      };
    } catch (error) {
      if (hasCode(error, 'corruption')) this.#quarantine.add(place, cookie, generation.superBlock.version, error);
      throw error;
    } finally {
      if (!isHandedOver) void generation.release();
    }
  }

  #isFor(needle: StoredNeedle, cookie: number, options: ReadOptions): boolean {
    if (options.anyCookie !== true && needle.cookie !== cookie) return false;
    return needle.ttl === undefined || !isExpired(needle, this.options.platform.clock.nowMs());
  }

  #readAtOnce(dat: File, into: Buffer, offset: number): number {
    const { clock } = this.options.platform;
    const startedMs = clock.monotonicMs();
    const read = dat.readNow!(into, offset);
    this.#atOnce.note(clock.monotonicMs() - startedMs);
    return read;
  }

  /** An id for a chunk of a large upload: greater than that of any chunk, and given out once. */
  reserveChunkId(): bigint {
    const { chunkIdMax } = this.#generation.map.counters;
    const id = chunkIdMax >= this.#chunkIdNext ? chunkIdMax + 1n : this.#chunkIdNext;
    this.#chunkIdNext = id + 1n;
    return id;
  }

  /** Marks it read-only or writable, durably. */
  async mark(state: { readonly readOnly: boolean; readonly canDelete?: boolean }): Promise<void> {
    const info = { ...this.#info, readOnly: state.readOnly, readOnlyCanDelete: state.canDelete === true };
    await this.options.platform.files.writeAtomic(`${this.base}.vif`, encodeVolumeInfo(info));
    this.#info = info;
  }

  /** Ends the writing: its files can no longer be trusted to take what is written. */
  fail(reason: string): void {
    this.#failure ??= reason;
    this.options.log.error({ volume: this.volumeId, reason }, 'a volume takes no more writes');
  }

  /** Puts the files that a vacuum made in the place of the present ones. Within `writer.exclusive` only. */
  replaceGeneration(next: Generation): void {
    const before = this.#generation;
    this.#generation = next;
    this.#quarantine.clear();
    void before.release();
  }

  /** Syncs what class `process` has not synced yet. A failure ends the writing. */
  async checkpoint(): Promise<void> {
    if (this.#closed || !this.#generation.isDirty) return;
    try {
      await this.#generation.checkpoint();
    } catch (error) {
      this.#failure ??= `a sync failed: ${messageOf(error)}`;
      throw error;
    }
  }

  status(): VolumeStatus {
    const { map, datBytes, journal, superBlock, lastAppendNs } = this.#generation;
    const { files, deleted, deletedBytes, fileBytes, idMax } = map.counters;
    return {
      ...this.name,
      datBytes,
      idxBytes: journal.bytes,
      version: superBlock.version,
      replication: this.#info.replication === '' ? superBlock.replication : parseReplication(this.#info.replication),
      ttl: superBlock.ttl,
      compactionRevision: superBlock.compactionRevision,
      files,
      live: map.live,
      deleted,
      deletedBytes,
      contentBytes: fileBytes,
      idMax,
      indexMemoryBytes: map.memoryBytes,
      readOnly: this.readOnly,
      quarantined: this.#quarantine.list,
      lastAppendMs: Number(lastAppendNs / 1_000_000n),
    };
  }

  /** Answers what is queued, syncs, and closes the files. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.writer.drained();
    const generation = this.#generation;
    try {
      if (this.#failure === undefined) {
        await generation.dat.sync();
        await generation.journal.flush();
        await generation.journal.file.sync();
        await writeCleanMark(this.options.platform.files, this.base, generation.datBytes, generation.journal.bytes);
      }
    } catch (error) {
      // Without room for the rest of its index a volume is whole: the rest is read from the data when it is opened.
      if (!hasCode(error, 'disk_full')) throw error;
    } finally {
      await generation.release();
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new OperationError('store_closed', `volume ${this.volumeId} is closed`);
  }

  #refusal(isDelete: boolean): OperationError | undefined {
    const state = this.readOnly;
    if (state === undefined) return undefined;
    if (isDelete && state.reason !== 'failed' && state.reason !== 'marked') return undefined;
    const code = state.reason === 'space_low' || state.reason === 'full' ? 'disk_full' : 'store_read_only';
    return new OperationError(code, `volume ${this.volumeId} is read-only: ${state.text}`);
  }
}

export function basePath(options: Pick<VolumeOptions, 'directory' | 'name'>): string {
  return `${options.directory}/${volumeBaseName(options.name)}`;
}

export async function readInfo(options: VolumeOptions, base: string): Promise<VolumeInfo | undefined> {
  try {
    return decodeVolumeInfo(await options.platform.files.read(`${base}.vif`));
  } catch (error) {
    if (hasCode(error, 'not_found')) return undefined;
    throw error;
  }
}

async function openGeneration(
  options: VolumeOptions,
  base: string,
  info: VolumeInfo | undefined,
): Promise<{ readonly opened: Generation; readonly report: RecoveryReport }> {
  const { files } = options.platform;
  if (info !== undefined && info.files.length > 0 && !(await files.exists(`${base}.dat`))) {
    throw new OperationError('unsupported', `volume ${options.name.volumeId} lies in remote storage`);
  }
  const dat = await files.open(`${base}.dat`, { mode: 'write' });
  try {
    const superBlock = await readSuperBlock(dat);
    const layout =
      info !== undefined && info.bytesOffset > 0 ? indexLayout(info.bytesOffset) : await guess(files, base);
    const recovered = await recoverIndex({
      files,
      base,
      dat,
      version: superBlock.version,
      firstOffset: superBlockBytes(superBlock),
      layout,
      volumeId: options.name.volumeId,
    });
    return { opened: new Generation({ dat, superBlock, ...recovered }), report: recovered.report };
  } catch (error) {
    await dat.close();
    throw error;
  }
}

export async function readSuperBlock(dat: { read(into: Buffer, at: number): Promise<number> }): Promise<SuperBlock> {
  const head = Buffer.alloc(SUPER_BLOCK_BYTES);
  const read = await dat.read(head, 0);
  const extraBytes = read === SUPER_BLOCK_BYTES && head[0] !== 1 ? extraBytesOf(head) : 0;
  if (extraBytes === 0) return decodeSuperBlock(head.subarray(0, read));
  const extra = Buffer.alloc(extraBytes);
  const readExtra = await dat.read(extra, SUPER_BLOCK_BYTES);
  return decodeSuperBlock(Buffer.concat([head, extra.subarray(0, readExtra)]));
}

/** The row layout of a volume without `.vif`: the one that divides the length of its index, 4-byte offsets if both do. */
async function guess(files: VolumeOptions['platform']['files'], base: string): Promise<IndexLayout> {
  if (!(await files.exists(`${base}.idx`))) return indexLayout(4);
  const bytes = await files.size(`${base}.idx`);
  return indexLayout(bytes % 16 !== 0 && bytes % 17 === 0 ? 5 : 4);
}

function reportRecovery(volume: Volume, log: Log): void {
  const { source, cutBytes, filledBytes, quarantined } = volume.recovery;
  const fields = { volume: volume.volumeId, source, cutBytes, filledBytes };
  if (cutBytes > 0 || filledBytes > 0) log.warn(fields, 'a volume was torn and is repaired');
  else if (source !== 'index') log.info(fields, 'the index of a volume was completed from its data');
  for (const { fileId, offset, reason } of quarantined) {
    log.error({ volume: volume.volumeId, needle: fileId, offset, reason }, 'a needle is damaged');
  }
}
