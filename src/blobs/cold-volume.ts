/**
 * A volume that is marked read-only, served without its index in memory.
 *
 * Its live rows lie in `.sdx`, ascending by id; in memory is the first id of every 256 rows. A read costs one more read of a
 * page of 4 KiB, and ten million needles cost a third of a megabyte. The file is made when it is not there, or not of the
 * volume as it is, which `.clean` tells by the lengths of all three files. Writes and deletes are refused; `orbit blobs mark`
 * makes the volume writable again.
 */

import { text, utf8 } from '../base/bytes.ts';
import { hasCode, OperationError } from '../base/errors.ts';
import type { File } from '../platform/files.ts';
import { SortedIndex } from './erasure/sorted-index.ts';
import { type IndexLayout, indexLayout, writeIndexRow } from './formats/index-row.ts';
import { parseReplication, type SuperBlock } from './formats/super-block.ts';
import type { VolumeName } from './formats/volume-files.ts';
import type { VolumeInfo } from './formats/volume-info.ts';
import { isExpired, type ReadNeedle, readPieces, readRecord } from './volume/needle-read.ts';
import { Quarantine } from './volume/quarantine.ts';
import { cleanMark } from './volume/recover.ts';
import { finishSwap } from './volume/swap.ts';
import {
  basePath,
  type ReadOnlyState,
  type ReadOptions,
  readInfo,
  readSuperBlock,
  Volume,
  type VolumeOptions,
  type VolumeStatus,
} from './volume/volume.ts';

const WRITE_ROWS = 65_536;

export class ColdVolume {
  readonly options: VolumeOptions;
  readonly name: VolumeName;
  readonly superBlock: SuperBlock;
  readonly info: VolumeInfo;
  readonly readOnly: ReadOnlyState = { reason: 'marked', text: 'it is marked read-only' };
  readonly #dat: File;
  readonly #index: SortedIndex;
  readonly #datBytes: number;
  readonly #idxBytes: number;
  readonly #quarantine: Quarantine;

  private constructor(
    options: VolumeOptions,
    parts: {
      readonly superBlock: SuperBlock;
      readonly info: VolumeInfo;
      readonly dat: File;
      readonly index: SortedIndex;
      readonly datBytes: number;
      readonly idxBytes: number;
    },
  ) {
    this.options = options;
    this.name = options.name;
    this.#quarantine = new Quarantine(this.name.volumeId, options.log);
    this.superBlock = parts.superBlock;
    this.info = parts.info;
    this.#dat = parts.dat;
    this.#index = parts.index;
    this.#datBytes = parts.datBytes;
    this.#idxBytes = parts.idxBytes;
  }

  /** Undefined when the volume is not marked read-only. @throws as `Volume.open`. */
  static async open(options: VolumeOptions): Promise<ColdVolume | undefined> {
    const { files } = options.platform;
    const base = basePath(options);
    await finishSwap(files, base);
    const info = await readInfo(options, base);
    if (info === undefined || !info.readOnly || info.readOnlyCanDelete || info.bytesOffset === 0) return undefined;
    const layout = indexLayout(info.bytesOffset);
    if (!(await isCurrent(options, base))) await makeSortedIndex(options, base, layout);
    const dat = await files.open(`${base}.dat`, { mode: 'read' });
    try {
      return new ColdVolume(options, {
        superBlock: await readSuperBlock(dat),
        info,
        dat,
        index: await SortedIndex.open(files, base, layout, '.sdx'),
        datBytes: await dat.size(),
        idxBytes: await files.size(`${base}.idx`),
      });
    } catch (error) {
      await dat.close();
      throw error;
    }
  }

  get volumeId(): number {
    return this.name.volumeId;
  }

  /** As `Volume.read`; what was deleted is not found any more. */
  async read(id: bigint, cookie: number, options: ReadOptions = {}): Promise<ReadNeedle | undefined> {
    const row = await this.#index.find(id);
    if (row === undefined) return undefined;
    try {
      const found = await readRecord(this.#dat, row, this.superBlock.version, this.volumeId);
      const { needle, dataBytes, dataOffset } = found;
      if (options.anyCookie !== true && needle.cookie !== cookie) return undefined;
      if (isExpired(needle, this.options.platform.clock.nowMs())) return undefined;
      const dat = this.#dat;
      return {
        needle,
        dataBytes,
        pieces: dataOffset === undefined ? undefined : (start, end) => readPieces(dat, dataOffset, start, end),
        close() {},
      };
    } catch (error) {
      if (hasCode(error, 'corruption')) this.#quarantine.add(row, cookie, this.superBlock.version, error);
      throw error;
    }
  }

  status(): VolumeStatus {
    const { replication } = this.info;
    const { rows, memoryBytes } = this.#index;
    return {
      ...this.name,
      datBytes: this.#datBytes,
      idxBytes: this.#idxBytes,
      version: this.superBlock.version,
      replication: replication === '' ? this.superBlock.replication : parseReplication(replication),
      ttl: this.superBlock.ttl,
      compactionRevision: this.superBlock.compactionRevision,
      files: rows,
      live: rows,
      deleted: 0,
      deletedBytes: 0,
      contentBytes: 0,
      idMax: 0n,
      indexMemoryBytes: memoryBytes,
      readOnly: this.readOnly,
      quarantined: this.#quarantine.list,
      lastAppendMs: 0,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#dat.close(), this.#index.close()]);
  }
}

/** Whether `.clean` says that `.sdx` is of the `.dat` and the `.idx` as they are. */
async function isCurrent(options: VolumeOptions, base: string): Promise<boolean> {
  const { files } = options.platform;
  try {
    const mark = text(await files.read(`${base}.clean`)).trim();
    const [dat, idx, sdx] = await Promise.all(
      ['.dat', '.idx', '.sdx'].map((extension) => files.size(base + extension)),
    );
    return mark === `${cleanMark(dat!, idx!)} sdx ${sdx!}`;
  } catch (error) {
    if (hasCode(error, 'not_found')) return false;
    throw error;
  }
}

/** Opens the volume as a writable one would be, repairs included, and writes its live rows in order. */
async function makeSortedIndex(options: VolumeOptions, base: string, layout: IndexLayout): Promise<void> {
  const { files } = options.platform;
  const volume = await Volume.open(options);
  const { map, datBytes, journal } = volume.generation;
  const idxBytes = journal.bytes;
  const rows = Buffer.allocUnsafeSlow(Math.max(1, Math.min(WRITE_ROWS, map.live)) * layout.rowBytes);
  const path = `${base}.sdx`;
  const temporary = `${path}.new`;
  await files.remove(temporary);
  const file = await files.open(temporary, { mode: 'createNew' });
  let written = 0;
  try {
    let filled = 0;
    const full: Buffer[] = [];
    map.forEach((high, low, offset, size) => {
      if (size < 0) return;
      writeIndexRow(rows, filled, layout, high, low, offset, size);
      filled += layout.rowBytes;
      if (filled < rows.length) return;
      full.push(Buffer.from(rows));
      filled = 0;
    });
    for (const block of [...full, rows.subarray(0, filled)]) {
      if (block.length === 0) continue;
      await file.write(block, written);
      written += block.length;
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await files.remove(temporary);
    await volume.close();
    throw error;
  }
  await file.close();
  await volume.close();
  if (volume.readOnly?.reason === 'failed') throw new OperationError('io', `volume ${volume.volumeId} has failed`);
  await files.rename(temporary, path);
  await files.writeAtomic(`${base}.clean`, utf8(`${cleanMark(datBytes, idxBytes)} sdx ${written}\n`));
}
