/**
 * A store on RocksDB in one directory:
 *
 *   FORMAT   what the directory is: JSON with format version, store id, time of creation
 *   LOCK     names the process that has it open
 *   log/     the commit log (docs/formats/log.md)
 *   state/   RocksDB
 */

import { join } from 'node:path';
import { utf8 } from '../../base/bytes.ts';
import type { Durability } from '../../base/durability.ts';
import { hasCode, OperationError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Platform } from '../../platform/platform.ts';
import { type Progress, restoreBackup, verifyBackup } from '../../storage/backup.ts';
import { Keyspace } from '../../storage/keyspace.ts';
import { LocalStore } from '../../storage/local-store.ts';
import { listSegments, removeSpares } from '../../storage/log-segments.ts';
import type { Version } from '../../storage/store.ts';
import { RocksDbEngine } from './rocksdb-engine.ts';

export interface RocksDbStoreOptions {
  readonly name: string;
  readonly directory: string;
  readonly platform: Platform;
  readonly log: Log;
  readonly durability: Durability;
  /** As in `RocksDbEngineOptions`, `LocalStoreOptions` and `LogOptions`, with their defaults. */
  readonly blockCacheBytes?: number;
  readonly memtableBytes?: number;
  readonly overlayBytesMax?: number;
  readonly writeSetBytesMax?: number;
  readonly compression?: boolean;
  readonly backgroundJobs?: number;
  readonly logSegmentBytes?: number;
  readonly logRetainBytes?: number;
  /** As `LocalStoreOptions.applyDelayMs`. */
  readonly applyDelayMs?: number;
}

/** Format 1 has no values in parts. */
const DIRECTORY_FORMAT = 2;
const OLDEST_FORMAT = 1;

const MEBIBYTE = 1024 * 1024;
/** The name of a log all of which is in the state, until it is removed. */
const ABSORBED = 'log-absorbed';

/**
 * On a full disk it gives up what the log has prepared for its next segments, so that data can be read and deleted.
 * @throws OperationError `store_locked`, `store_format`, `corruption`, `disk_full`, `io`.
 */
export async function openRocksDbStore(options: RocksDbStoreOptions): Promise<LocalStore> {
  for (;;) {
    try {
      return await openOnce(options);
    } catch (error) {
      if (!hasCode(error, 'disk_full')) throw error;
      if (!(await removeSpares(options.platform.files, join(options.directory, 'log')))) throw noRoomToOpen(error);
    }
  }
}

function noRoomToOpen(cause: OperationError): OperationError {
  return new OperationError('disk_full', cause.message, {
    cause,
    hint: 'Free space on that file system, or make it larger, and start again: what is stored can be deleted once the server runs.',
  });
}

async function openOnce(options: RocksDbStoreOptions): Promise<LocalStore> {
  const { platform, directory, name } = options;
  await platform.files.makeDirectory(directory);
  const lock = await platform.files.lock(join(directory, 'LOCK'));
  try {
    await checkFormat(platform, directory);
    await platform.files.remove(join(directory, ABSORBED));
    if (options.durability === 'memory') await absorbLog(options);
    const engine = await openEngine(options);
    try {
      const store = await LocalStore.open({
        name,
        platform,
        log: options.log,
        engine,
        durability: options.durability,
        ...(options.durability === 'memory' ? {} : { commitLog: logOptions(options) }),
        ...overlayOptions(options),
        persistent: true,
        onClosed: () => lock.release(),
      });
      return store;
    } catch (error) {
      await engine.close();
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Makes a new store in an unused directory from a backup; nothing is left behind when that fails.
 * @returns the position reached. @throws OperationError `already_exists`, and as `restoreBackup`.
 */
export async function restoreRocksDbStore(
  options: RocksDbStoreOptions,
  backup: string,
  to: Version | undefined,
  progress: Progress,
): Promise<Version> {
  const { platform, directory } = options;
  await verifyBackup(platform, backup, progress);
  await platform.files.makeDirectory(directory);
  const lock = await platform.files.lock(join(directory, 'LOCK'));
  try {
    const present = (await platform.files.list(directory)).filter((name) => name !== 'LOCK');
    if (present.length > 0) {
      throw new OperationError(
        'already_exists',
        `${directory} is not empty: it holds ${present.slice(0, 3).join(', ')}`,
        {
          hint: 'Restore into a new data directory (--data-dir), or remove this one first.',
        },
      );
    }
    try {
      const engine = await openEngine(options);
      try {
        const position = await restoreBackup(engine, platform, backup, to === undefined ? {} : { to }, progress);
        await checkFormat(platform, directory, true);
        return position;
      } finally {
        await engine.close();
      }
    } catch (error) {
      await platform.files.remove(join(directory, 'FORMAT'));
      await platform.files.remove(join(directory, 'state'));
      throw error;
    }
  } finally {
    await lock.release();
  }
}

function openEngine(options: RocksDbStoreOptions): Promise<RocksDbEngine> {
  return RocksDbEngine.open({
    directory: join(options.directory, 'state'),
    clock: options.platform.clock,
    timers: options.platform.timers,
    freeBytes: () => options.platform.files.freeBytes(options.directory),
    // Hot entries of Redis lie in an arena.
    keptAbove: new Keyspace().kv.prefix,
    ...(options.blockCacheBytes === undefined ? {} : { blockCacheBytes: options.blockCacheBytes }),
    ...(options.memtableBytes === undefined ? {} : { memtableBytes: options.memtableBytes }),
    ...(options.compression === undefined ? {} : { compression: options.compression }),
    ...(options.backgroundJobs === undefined ? {} : { backgroundJobs: options.backgroundJobs }),
  });
}

/**
 * Without a log the overlay is a queue, for what memory above it has had no room for: most of it is there too, so that it is held
 * twice until the engine has it. A longer queue makes the engine no faster.
 */
const QUEUE_BYTES_MAX = 24 * MEBIBYTE;

function overlayOptions(options: RocksDbStoreOptions) {
  const bytesMax = options.overlayBytesMax ?? 32 * MEBIBYTE;
  const overlayBytesMax = options.durability === 'memory' ? Math.min(bytesMax, QUEUE_BYTES_MAX) : bytesMax;
  return {
    ...(options.applyDelayMs === undefined ? {} : { applyDelayMs: options.applyDelayMs }),
    overlayBytesMax,
    ...(options.writeSetBytesMax === undefined ? {} : { writeSetBytesMax: options.writeSetBytesMax }),
    // The larger, the more writes of the same keys become one write of the engine; without a log they already have.
    arenaBytes:
      options.durability === 'memory'
        ? clamp(overlayBytesMax / 16, MEBIBYTE, 2 * MEBIBYTE)
        : clamp(overlayBytesMax / 4, MEBIBYTE, 16 * MEBIBYTE),
  };
}

function logOptions(options: RocksDbStoreOptions) {
  return {
    directory: join(options.directory, 'log'),
    ...(options.logSegmentBytes === undefined ? {} : { segmentBytes: options.logSegmentBytes }),
    ...(options.logRetainBytes === undefined ? {} : { retainBytes: options.logRetainBytes }),
  };
}

/** Writes the directory's format where it is new or older, else checks it. */
async function checkFormat(platform: Platform, directory: string, restored = false): Promise<void> {
  const path = join(directory, 'FORMAT');
  if (!(await platform.files.exists(path))) {
    if (!restored && (await platform.files.exists(join(directory, 'state')))) {
      throw new OperationError('store_format', `${path} is missing, but ${directory} holds data`, {
        hint: 'Put the file back, or restore a backup into a new directory.',
      });
    }
    const format = { format: DIRECTORY_FORMAT, store: platform.random.uuid(), createdAtMs: platform.clock.nowMs() };
    await platform.files.writeAtomic(path, utf8(`${JSON.stringify(format)}\n`));
    return;
  }
  const text = Buffer.from(await platform.files.read(path)).toString('utf8');
  let found: { readonly format?: unknown };
  try {
    found = JSON.parse(text) as { readonly format?: unknown };
  } catch (error) {
    throw new OperationError('store_format', `${path} does not tell the format of ${directory}: it is not JSON`, {
      cause: error,
      hint: 'Put the file back as it was, or restore a backup into a new directory.',
    });
  }
  const { format } = found;
  if (format === OLDEST_FORMAT) {
    // A build that knows no other would take what will be written from here on for something else.
    const raised = { ...found, format: DIRECTORY_FORMAT };
    await platform.files.writeAtomic(path, utf8(`${JSON.stringify(raised)}\n`));
  } else if (format !== DIRECTORY_FORMAT) {
    throw new OperationError(
      'store_format',
      `${directory} has format version ${String(format)}; this build reads ${OLDEST_FORMAT} to ${DIRECTORY_FORMAT}`,
      {
        hint: 'Use the release that wrote it, or restore a backup made by it into a new directory.',
      },
    );
  }
}

/**
 * Before a directory is used without a log, what an earlier one still holds goes into the state, and the log ends: for
 * good, before the first write that it would lack, or it would be found missing that write later.
 */
async function absorbLog(options: RocksDbStoreOptions): Promise<void> {
  const { files } = options.platform;
  const directory = join(options.directory, 'log');
  const { segments } = await listSegments(files, directory);
  if (segments.length > 0) {
    const engine = await openEngine(options);
    try {
      const store = await LocalStore.open({
        name: options.name,
        platform: options.platform,
        log: options.log,
        engine,
        durability: 'disk',
        commitLog: logOptions(options),
        ...overlayOptions(options),
        persistent: true,
      });
      const { version } = store;
      await store.close();
      if (engine.position < version) throw new OperationError('io', `the log in ${directory} could not be applied`);
    } catch (error) {
      await engine.close();
      throw error;
    }
  }
  if (!(await files.exists(directory))) return;
  await files.rename(directory, join(options.directory, ABSORBED));
  await files.syncDirectory(options.directory);
  await files.remove(join(options.directory, ABSORBED));
}

function clamp(value: number, low: number, high: number): number {
  return Math.floor(Math.min(Math.max(value, low), high));
}
