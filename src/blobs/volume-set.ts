/**
 * The volumes of some directories, open in one process: found at start, created and removed on demand, looked after in the
 * background.
 *
 * - One process has a directory open (`orbit-blobs.lock` in it).
 * - A volume that is marked read-only is served without its index in memory (`cold-volume.ts`).
 * - A volume that cannot be opened is named, with the reason, and leaves the others alone.
 * - New needles may go to any writable volume of their collection and time to live: `pickWritable` takes them in turn, so
 *   several are appended to at once.
 * - Background: class `process` is synced every second; free space is looked at every second; volumes with enough garbage
 *   are vacuumed, one at a time; volumes whose time to live is over are removed.
 */

import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { FileLock } from '../platform/files.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import { ColdVolume } from './cold-volume.ts';
import { recoverConversion } from './erasure/conversion.ts';
import { type Ttl, ttlSeconds, ttlText } from './formats/ttl.ts';
import { checkCollection, parseVolumeFileName, type VolumeName, volumeBaseName } from './formats/volume-files.ts';
import { ShardedVolume } from './sharded-volume.ts';
import { GARBAGE_THRESHOLD, garbageRatio, type VacuumResult, vacuum } from './vacuum/vacuum.ts';
import { type NewVolume, Volume, type VolumeDurability } from './volume/volume.ts';

/** Who holds it has the directory's volumes open. */
export const LOCK_NAME = 'orbit-blobs.lock';
const TICK_MS = 1_000;
/** Ticks between two looks for garbage and for volumes whose time is over. */
const CARE_TICKS = 60;
const EXPIRED_DELAY_S_MAX = 600;

export interface VolumeSetOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'files' | 'random'>;
  readonly log: Log;
  readonly directories: readonly string[];
  /** Default `disk`. */
  readonly durability?: VolumeDurability;
  /** Default 30 GiB. */
  readonly volumeBytesMax?: number;
  /** All volumes of a directory refuse writes, but not deletes, below so many free bytes. Default 0. */
  readonly freeBytesMin?: number;
  /** 0 switches the background vacuum off. Default 0.3. */
  readonly garbageThreshold?: number;
  readonly vacuumBytesPerSecond?: number;
  readonly volumesMax?: number;
  /** Whether a new volume takes all its space on the disk at once. Default false. */
  readonly preallocate?: boolean;
}

/** A volume that is there and could not be opened. */
export interface BrokenVolume {
  readonly volumeId: number;
  readonly collection: string;
  readonly directory: string;
  readonly reason: string;
}

export interface DirectoryStatus {
  readonly path: string;
  readonly freeBytes: number;
  readonly spaceLow: boolean;
}

interface Directory {
  readonly path: string;
  readonly lock: FileLock;
  freeBytes: number;
  spaceLow: boolean;
}

export class VolumeSet {
  readonly options: VolumeSetOptions;
  readonly broken: BrokenVolume[] = [];
  readonly #volumes = new Map<number, Volume>();
  readonly #cold = new Map<number, ColdVolume | ShardedVolume>();
  #directories: Directory[] = [];
  #timer: Timer | undefined;
  #ticks = 0;
  #ticking = false;
  #turn = 0;
  #closing = false;
  #care: Promise<void> | undefined;
  readonly #vacuuming = new Set<number>();
  readonly #abort = new AbortController();

  private constructor(options: VolumeSetOptions) {
    this.options = options;
  }

  /** @throws OperationError `store_locked` when another process has one of the directories open. */
  static async open(options: VolumeSetOptions): Promise<VolumeSet> {
    const set = new VolumeSet(options);
    try {
      for (const path of options.directories) await set.#openDirectory(path);
    } catch (error) {
      await set.close();
      throw error;
    }
    set.#timer = options.platform.timers.every(TICK_MS, () => void set.#tick());
    return set;
  }

  /** For writes, vacuum and the like; undefined for those that are marked read-only. */
  get(volumeId: number): Volume | undefined {
    return this.#volumes.get(volumeId);
  }

  /** For reads. */
  reader(volumeId: number): Volume | ColdVolume | ShardedVolume | undefined {
    return this.#volumes.get(volumeId) ?? this.#cold.get(volumeId);
  }

  /** All that can be read, in ascending order of ids. */
  readers(): (Volume | ColdVolume | ShardedVolume)[] {
    return [...this.#volumes.values(), ...this.#cold.values()].sort((a, b) => a.volumeId - b.volumeId);
  }

  /** Those that are not marked read-only, in ascending order of ids. */
  volumes(): Volume[] {
    return [...this.#volumes.values()].sort((a, b) => a.volumeId - b.volumeId);
  }

  /** Whether all that is here can be served: no directory is lost, no volume has failed. */
  get isHealthy(): boolean {
    return !this.#closing && this.volumes().every((volume) => volume.readOnly?.reason !== 'failed');
  }

  get directories(): readonly DirectoryStatus[] {
    return this.#directories.map(({ path, freeBytes, spaceLow }) => ({ path, freeBytes, spaceLow }));
  }

  /**
   * Creates a volume in the directory with most room.
   * @throws OperationError `already_exists`, `invalid_argument`, `disk_full`, `out_of_range` beyond the bound on volumes.
   */
  async create(volumeId: number, collection = '', fields: NewVolume = {}): Promise<Volume> {
    checkCollection(collection);
    if (this.reader(volumeId) !== undefined) {
      throw new OperationError('already_exists', `volume ${volumeId} exists`);
    }
    const { volumesMax } = this.options;
    if (volumesMax !== undefined && this.#volumes.size + this.#cold.size >= volumesMax) {
      throw new OperationError('out_of_range', `there are ${volumesMax} volumes already, the most that are allowed`);
    }
    const directory = this.#directories.toSorted((a, b) => b.freeBytes - a.freeBytes)[0];
    if (directory === undefined) throw new OperationError('invalid_argument', 'there is no directory for volumes');
    const { preallocate = false, volumeBytesMax } = this.options;
    const preallocateBytes = preallocate ? volumeBytesMax : undefined;
    const volume = await Volume.create(this.#volumeOptions(directory, volumeId, collection), {
      ...(preallocateBytes !== undefined && { preallocateBytes }),
      ...fields,
    });
    this.#volumes.set(volumeId, volume);
    return volume;
  }

  /** A writable volume of that collection and time to live, in turn; undefined when there is none. */
  pickWritable(collection = '', ttl?: Ttl): Volume | undefined {
    const wanted = ttlText(ttl);
    const candidates = this.volumes().filter(
      (volume) =>
        volume.name.collection === collection &&
        ttlText(volume.superBlock.ttl) === wanted &&
        volume.readOnly === undefined,
    );
    return candidates[this.#turn++ % Math.max(1, candidates.length)];
  }

  /** Deletes a volume with all its files. @throws OperationError `not_found`. */
  async remove(volumeId: number): Promise<void> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) throw new OperationError('not_found', `there is no volume ${volumeId}`);
    this.#volumes.delete(volumeId);
    await volume.close();
    const { files } = this.options.platform;
    const { directory } = volume.options;
    const base = volumeBaseName(volume.name);
    // The `.dat` last: without it the other files are nothing, and with it the volume could come back half.
    const names = (await files.list(directory)).filter((name) => {
      const parsed = parseVolumeFileName(name);
      return parsed !== undefined && volumeBaseName(parsed) === base && parsed.extension !== '.dat';
    });
    for (const name of [...names, `${base}.dat`]) await files.remove(`${directory}/${name}`);
    await files.syncDirectory(directory);
  }

  /** @throws OperationError `not_found`, `lock_not_available` while one is under way, and as `vacuum`. */
  async vacuum(volumeId: number, threshold = GARBAGE_THRESHOLD): Promise<VacuumResult> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) throw new OperationError('not_found', `there is no volume ${volumeId}`);
    if (this.#vacuuming.has(volumeId)) {
      throw new OperationError('lock_not_available', `volume ${volumeId} is being vacuumed`);
    }
    this.#vacuuming.add(volumeId);
    const { vacuumBytesPerSecond: bytesPerSecond } = this.options;
    try {
      const result = await vacuum(volume, {
        threshold,
        signal: this.#abort.signal,
        ...(bytesPerSecond !== undefined && { bytesPerSecond }),
      });
      if (result.done) {
        const { beforeBytes, afterBytes } = result;
        this.options.log.info({ volume: volumeId, beforeBytes, afterBytes }, 'a volume was vacuumed');
      }
      return result;
    } finally {
      this.#vacuuming.delete(volumeId);
    }
  }

  /** Ends background work, answers what is queued, syncs and closes all volumes. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#timer?.cancel();
    this.#abort.abort();
    await this.#care;
    for (const volume of this.readers()) {
      try {
        await volume.close();
      } catch (error) {
        this.options.log.error({ volume: volume.volumeId, error: messageOf(error) }, 'a volume could not be closed');
      }
    }
    for (const { lock } of this.#directories) await lock.release();
    this.#directories = [];
  }

  async #openDirectory(path: string): Promise<void> {
    const { files } = this.options.platform;
    await files.makeDirectory(path);
    const lock = await files.lock(`${path}/${LOCK_NAME}`);
    const directory: Directory = { path, lock, freeBytes: await files.freeBytes(path), spaceLow: false };
    this.#directories.push(directory);
    this.#look(directory);
    for (const name of await files.list(path)) {
      const parsed = parseVolumeFileName(name);
      if (parsed?.extension !== '.ecwork') continue;
      try {
        await recoverConversion(files, `${path}/${volumeBaseName(parsed)}`);
      } catch (error) {
        this.#noteBroken(parsed, path, error);
      }
    }
    const names = new Set(await files.list(path));
    for (const name of names) {
      const parsed = parseVolumeFileName(name);
      // With a `.dat` beside them, shards are what is left of a work that was cut short.
      const isShards = parsed?.extension === '.ecx' && !names.has(`${volumeBaseName(parsed)}.dat`);
      if (parsed !== undefined && /^\.ec\d\d$/.test(parsed.extension)) this.#noteLostIndex(parsed, path, names);
      if (parsed === undefined || (parsed.extension !== '.dat' && !isShards)) continue;
      const { volumeId, collection } = parsed;
      try {
        if (this.reader(volumeId) !== undefined) {
          throw new OperationError('already_exists', `volume ${volumeId} is in another directory or collection too`);
        }
        const options = this.#volumeOptions(directory, volumeId, collection);
        if (isShards) {
          this.#cold.set(volumeId, await ShardedVolume.open(options));
          continue;
        }
        const cold = await ColdVolume.open(options);
        if (cold === undefined) this.#volumes.set(volumeId, await Volume.open(options));
        else this.#cold.set(volumeId, cold);
      } catch (error) {
        this.#noteBroken(parsed, path, error);
      }
    }
  }

  /** Shards alone tell no needle: whoever has them is told once. */
  #noteLostIndex(name: VolumeName, directory: string, names: ReadonlySet<string>): void {
    const base = volumeBaseName(name);
    if (names.has(`${base}.ecx`) || names.has(`${base}.dat`)) return;
    if (this.broken.some(({ volumeId, collection }) => volumeId === name.volumeId && collection === name.collection)) {
      return;
    }
    const error = new OperationError('corruption', `the index of the shards of volume ${name.volumeId} is lost`, {
      hint: 'Write it anew from the shards: orbit blobs ec rebuild.',
    });
    this.#noteBroken(name, directory, error);
  }

  #noteBroken({ volumeId, collection }: VolumeName, directory: string, error: unknown): void {
    const reason = messageOf(error);
    this.broken.push({ volumeId, collection, directory, reason });
    this.options.log.error({ volume: volumeId, directory, reason }, 'a volume could not be opened');
  }

  #volumeOptions(directory: Directory, volumeId: number, collection: string) {
    const { platform, log, durability, volumeBytesMax } = this.options;
    return {
      platform,
      log,
      directory: directory.path,
      name: { volumeId, collection },
      isSpaceLow: () => directory.spaceLow,
      ...(durability !== undefined && { durability }),
      ...(volumeBytesMax !== undefined && { volumeBytesMax }),
    };
  }

  #look(directory: Directory): void {
    const { freeBytesMin = 0 } = this.options;
    const isLow = directory.freeBytes < freeBytesMin;
    if (isLow !== directory.spaceLow) {
      const fields = { directory: directory.path, freeBytes: directory.freeBytes, freeBytesMin };
      if (isLow) this.options.log.warn(fields, 'the disk is almost full: volumes take deletes only');
      else this.options.log.info(fields, 'volumes take writes again');
    }
    directory.spaceLow = isLow;
  }

  async #tick(): Promise<void> {
    if (this.#ticking || this.#closing) return;
    this.#ticking = true;
    try {
      for (const directory of this.#directories) {
        directory.freeBytes = await this.options.platform.files.freeBytes(directory.path);
        this.#look(directory);
      }
      for (const volume of [...this.#volumes.values()]) await volume.checkpoint();
    } catch (error) {
      this.options.log.error({ error: messageOf(error) }, 'volumes could not be looked after');
    } finally {
      this.#ticking = false;
    }
    if (++this.#ticks % CARE_TICKS !== 0 || this.#care !== undefined || this.#closing) return;
    this.#care = this.#takeCare().finally(() => {
      this.#care = undefined;
    });
  }

  async #takeCare(): Promise<void> {
    const { garbageThreshold = GARBAGE_THRESHOLD, log, platform } = this.options;
    for (const volume of this.volumes()) {
      if (this.#closing) return;
      try {
        const { ttl } = volume.superBlock;
        const ttlS = ttl === undefined ? 0 : ttlSeconds(ttl);
        const status = volume.status();
        const quietS = (platform.clock.nowMs() - status.lastAppendMs) / 1000;
        if (ttlS > 0 && status.files > 0 && quietS > ttlS + Math.min(ttlS / 10, EXPIRED_DELAY_S_MAX)) {
          await this.remove(volume.volumeId);
          log.info({ volume: volume.volumeId }, 'a volume was removed: its time to live is over');
        } else if (garbageThreshold > 0 && garbageRatio(status) >= garbageThreshold && !volume.info.readOnly) {
          await this.vacuum(volume.volumeId, garbageThreshold);
        }
      } catch (error) {
        if (hasCode(error, 'cancelled') || hasCode(error, 'lock_not_available')) continue;
        log.warn({ volume: volume.volumeId, error: messageOf(error) }, 'a volume could not be vacuumed');
      }
    }
  }
}
