/** An erasure-coded volume as the server serves it: reads and deletes that know the cookie, no writes. */

import { hasCode, OperationError } from '../base/errors.ts';
import { ErasureVolume } from './erasure/erasure-volume.ts';
import { recordBytes, type StoredNeedle } from './formats/needle.ts';
import { parseReplication, type SuperBlock } from './formats/super-block.ts';
import type { VolumeName } from './formats/volume-files.ts';
import { newVolumeInfo, type VolumeInfo } from './formats/volume-info.ts';
import { isExpired, type ReadNeedle, readPieces } from './volume/needle-read.ts';
import { Quarantine } from './volume/quarantine.ts';
import { WHOLE_RECORD_BYTES_MAX } from './volume/record-scan.ts';
import {
  basePath,
  type ReadOnlyState,
  type ReadOptions,
  readInfo,
  readSuperBlock,
  type VolumeOptions,
  type VolumeStatus,
} from './volume/volume.ts';

export class ShardedVolume {
  readonly options: VolumeOptions;
  readonly name: VolumeName;
  readonly superBlock: SuperBlock;
  readonly info: VolumeInfo;
  readonly readOnly: ReadOnlyState = { reason: 'marked', text: 'it is erasure coded' };
  readonly erasure: ErasureVolume;
  readonly #quarantine: Quarantine;

  private constructor(options: VolumeOptions, erasure: ErasureVolume, superBlock: SuperBlock, info: VolumeInfo) {
    this.options = options;
    this.name = options.name;
    this.#quarantine = new Quarantine(this.name.volumeId, options.log);
    this.erasure = erasure;
    this.superBlock = superBlock;
    this.info = info;
  }

  /** @throws as `ErasureVolume.open`. */
  static async open(options: VolumeOptions): Promise<ShardedVolume> {
    const base = basePath(options);
    const erasure = await ErasureVolume.open({ platform: options.platform }, base, options.name.volumeId);
    try {
      const superBlock = await readSuperBlock(erasure.dat);
      const { lost, rottenBlocks } = erasure.status;
      if (lost.length > 0) options.log.warn({ volume: options.name.volumeId, lost, rottenBlocks }, 'shards are lost');
      return new ShardedVolume(options, erasure, superBlock, (await readInfo(options, base)) ?? newVolumeInfo());
    } catch (error) {
      await erasure.close();
      throw error;
    }
  }

  get volumeId(): number {
    return this.name.volumeId;
  }

  /** As `Volume.read`; what was deleted is not found any more. */
  async read(id: bigint, cookie: number, options: ReadOptions = {}): Promise<ReadNeedle | undefined> {
    const row = await this.erasure.find(id);
    if (row === undefined) return undefined;
    try {
      if (recordBytes(row.size, this.superBlock.version) > WHOLE_RECORD_BYTES_MAX) {
        const large = await this.erasure.readLarge(id);
        if (large === undefined || !this.#isFor(large.needle, cookie, options.anyCookie)) return undefined;
        const { needle, dataBytes, dataOffset } = large;
        const pieces = (start: number, end: number) => readPieces(this.erasure.dat, dataOffset, start, end);
        return { needle, dataBytes, pieces, close() {} };
      }
      const needle = await this.erasure.read(id);
      if (needle === undefined || !this.#isFor(needle, cookie, options.anyCookie)) return undefined;
      return { needle, dataBytes: needle.data.length, pieces: undefined, close() {} };
    } catch (error) {
      if (hasCode(error, 'corruption')) this.#quarantine.add(row, cookie, this.superBlock.version, error);
      throw error;
    }
  }

  /** On stable storage when it returns. @throws as `Volume.delete`. */
  async delete(id: bigint, cookie: number): Promise<number | undefined> {
    const found = await this.read(id, cookie, { anyCookie: true });
    if (found === undefined) return undefined;
    if (found.needle.cookie !== cookie) {
      throw new OperationError('permission_denied', 'File Random Cookie does not match.');
    }
    const size = await this.erasure.delete(id);
    return size === 0 && found.needle.size > 0 ? undefined : size;
  }

  status(): VolumeStatus {
    const { replication, datFileBytes } = this.info;
    const { needles, deleted, indexMemoryBytes } = this.erasure.status;
    return {
      ...this.name,
      datBytes: datFileBytes,
      idxBytes: 0,
      version: this.superBlock.version,
      replication: replication === '' ? this.superBlock.replication : parseReplication(replication),
      ttl: this.superBlock.ttl,
      compactionRevision: this.superBlock.compactionRevision,
      files: needles,
      live: needles - deleted,
      deleted,
      deletedBytes: 0,
      contentBytes: 0,
      idMax: 0n,
      indexMemoryBytes,
      readOnly: this.readOnly,
      quarantined: this.#quarantine.list,
      lastAppendMs: 0,
    };
  }

  close(): Promise<void> {
    return this.erasure.close();
  }

  #isFor(needle: StoredNeedle, cookie: number, anyCookie: boolean | undefined): boolean {
    if (anyCookie !== true && needle.cookie !== cookie) return false;
    return !isExpired(needle, this.options.platform.clock.nowMs());
  }
}
