/**
 * The native RocksDB binding, as little of it as we use, with types.
 *
 * `@nxtedition/rocksdb` is used below its abstract-level layer: the calls here are synchronous and copy bytes, and a
 * database opened once may be used from other threads through its handle. What it lacks shapes the engine: iterators
 * are its only snapshots, range deletions are not part of batches, and there is no read that stops at the block cache.
 */

import { createRequire } from 'node:module';
import type { Bytes } from '../../base/bytes.ts';
import { messageOf, OperationError } from '../../base/errors.ts';
import { KEY_BYTES_MAX } from '../../storage/store.ts';

/** Opaque native objects. */
export type DatabaseContext = { readonly __database: never };
export type IteratorContext = { readonly __iterator: never };
export type BatchContext = { readonly __batch: never };

export interface OpenOptions {
  readonly createIfMissing: boolean;
  readonly parallelism: number;
  /** Compression of RocksDB's own log; ours above it is what counts. */
  readonly walCompression: boolean;
  readonly compaction: 'level' | 'universal';
  /** Memtables take about this many bytes, half as much again in the worst case. */
  readonly memtableMemoryBudget: number;
  /** Block cache, bytes below 2^31. */
  readonly cacheSize: number;
  readonly cacheIndexAndFilterBlocks: boolean;
  readonly compression: boolean;
}

export interface IteratorOptions {
  readonly reverse: boolean;
  readonly keys: boolean;
  readonly values: boolean;
  readonly keyEncoding: 'buffer';
  readonly valueEncoding: 'buffer';
  /** A batch ends after so many bytes. */
  readonly highWaterMarkBytes: number;
  readonly fillCache: boolean;
  /** Where keys are looked for at all. */
  readonly gte?: Bytes;
  readonly lt?: Bytes;
}

export interface GetOptions {
  /** Values that come to more bytes together are not read: null. */
  readonly highWaterMarkBytes: number;
}

/** Keys and values alternate in `rows`. */
export interface Rows {
  readonly rows: readonly Bytes[];
  readonly finished: boolean;
}

export interface RocksDbBinding {
  db_init(location: string | bigint): DatabaseContext;
  db_open(database: DatabaseContext, options: OpenOptions, callback: (error: Error | null) => void): void;
  db_close(database: DatabaseContext, callback: (error: Error | null) => void): void;
  db_get_handle(database: DatabaseContext): bigint;
  /** Values are buffers. Each option is looked for by name: with none a call is faster. */
  db_get_many_sync(
    database: DatabaseContext,
    keys: readonly Bytes[],
    options: GetOptions | undefined,
  ): (Bytes | undefined | null)[];
  db_get_many(
    database: DatabaseContext,
    keys: readonly Bytes[],
    options: GetOptions | undefined,
    callback: (error: Error | null, values?: (Bytes | undefined | null)[]) => void,
  ): void;
  /** Deletes a range in a write of its own. */
  db_clear(database: DatabaseContext, options: { readonly gte: Bytes; readonly lt?: Bytes }): void;
  db_get_property(database: DatabaseContext, property: string): string;
  iterator_init(database: DatabaseContext, options: IteratorOptions): IteratorContext;
  /** Forward: to the first key >= target; reverse: to the last key <= target. */
  iterator_seek(iterator: IteratorContext, target: Bytes): void;
  iterator_nextv_sync(iterator: IteratorContext, count: number): Rows;
  iterator_close(iterator: IteratorContext): void;
  batch_init(): BatchContext;
  batch_put(batch: BatchContext, key: Bytes, value: Bytes, options: undefined): void;
  batch_del(batch: BatchContext, key: Bytes, options: undefined): void;
  /** Empties a batch and keeps its memory. */
  batch_clear(batch: BatchContext): void;
  batch_write(database: DatabaseContext, batch: BatchContext, options: { readonly sync: boolean }): void;
}

const require = createRequire(import.meta.url);
let loaded: RocksDbBinding | undefined;

/** @throws OperationError `unsupported` where no binary fits this machine and none was built. */
export function rocksDbBinding(): RocksDbBinding {
  if (loaded !== undefined) return loaded;
  try {
    loaded = require('@nxtedition/rocksdb/binding.js') as RocksDbBinding;
    return loaded;
  } catch (error) {
    throw new OperationError(
      'unsupported',
      `RocksDB cannot be loaded on ${process.platform}-${process.arch}: ${messageOf(error)}`,
      {
        cause: error,
        hint: 'Prebuilt for linux-x64 and darwin-arm64; elsewhere run: npm rebuild @nxtedition/rocksdb --build-from-source (cmake and a C++ compiler), or use provider memory.',
      },
    );
  }
}

/** Keeps the position of the last applied batch; below all keys of the store, which never begin with a zero byte. */
export const POSITION_KEY: Bytes = Buffer.from([0]);

/**
 * Two empty keys that are always there, above all keys of the store: longer than those may be. The binding looks for the last
 * key whenever it makes an iterator that goes backward, and RocksDB then for the one before it; otherwise they would walk
 * through all that was deleted there.
 */
export const END_KEY: Bytes = Buffer.alloc(KEY_BYTES_MAX + 1, 0xff);
export const END_KEYS: readonly Bytes[] = [END_KEY, Buffer.alloc(KEY_BYTES_MAX + 2, 0xff)];

/** The position is stored as 8 bytes, big-endian. */
export function encodePosition(position: number): Bytes {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(position));
  return bytes;
}

export function decodePosition(value: Bytes | undefined): number {
  return value === undefined ? 0 : Number(Buffer.from(value).readBigUInt64BE());
}

/** What RocksDB says, in our codes. */
export function translateRocksDbError(error: unknown, location: string): OperationError {
  if (error instanceof OperationError) return error;
  // From the worker it comes as an object without a class.
  const { message = String(error), code } = (error ?? {}) as { readonly message?: string; readonly code?: string };
  if (code === 'LEVEL_LOCKED') {
    return new OperationError('store_locked', `${location} is open in another process`, {
      cause: error,
      hint: 'Stop the other process, or choose another data directory.',
    });
  }
  if (code === 'LEVEL_CORRUPTION') {
    return new OperationError('corruption', `the state in ${location} is damaged: ${message}`, {
      cause: error,
      hint: 'Restore a backup into a new directory.',
    });
  }
  if (/no space left|space limit/i.test(message)) {
    return new OperationError('disk_full', `no space is left for ${location}`, {
      cause: error,
      hint: 'Free space on that file system.',
    });
  }
  return new OperationError('io', `RocksDB in ${location}: ${message}`, { cause: error });
}
