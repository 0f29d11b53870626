/**
 * Applies batches to RocksDB on a thread of its own: copying keys into a native batch takes microseconds each, and a
 * synced batch blocks its thread for a millisecond or more. Between batches it reads ahead for the value cache.
 *
 * Batches arrive as shared memory and are read in place. A range deletion of few keys becomes point deletions inside the
 * batch; a larger one is a write of its own in front of it, and the engine opens no views meanwhile. Long values go ahead of
 * their batch too, in parts that nobody sees before it.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import {
  OPERATION_HEADER_BYTES,
  operationKey,
  operationKeyLength,
  operationKind,
  operationValue,
  PUT,
} from '../../storage/operations.ts';
import { PackedEntries } from '../../storage/packed-entries.ts';
import type { Entry } from '../../storage/store.ts';
import {
  type BatchContext,
  type DatabaseContext,
  END_KEY,
  END_KEYS,
  encodePosition,
  POSITION_KEY,
  rocksDbBinding,
} from './binding.ts';
import { isStub } from './parted-values.ts';
import { PartedWrites } from './parted-writes.ts';
import { NOTHING_READ } from './read-ahead.ts';
import { SharedIterator } from './shared-iterator.ts';

export interface ApplyRequest {
  readonly position: number;
  readonly sync: boolean;
  readonly arena: SharedArrayBuffer;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly operations: Int32Array;
  readonly count: number;
  readonly deletedRanges: readonly { readonly start: Bytes; readonly end: Bytes | undefined }[];
  /** Shared, of one element: 1 from before the first range is deleted outside of the batch. */
  readonly flux: Int32Array;
}

export interface ApplyReply {
  readonly error?: { readonly message: string; readonly code: string | undefined };
}

/** Asks for entries, from a key on. */
export interface ReadAheadRequest {
  readonly readFrom: Bytes;
  readonly count: number;
}

/** Entries as in `PackedEntries`, of the state at `position`; without any behind the last, and where they could not be read. */
export interface ReadAheadReply {
  readonly position: number;
  readonly bytes: Bytes;
  readonly offsets: Uint32Array;
  readonly last: Bytes | undefined;
}

/** Ranges of up to this many keys are deleted key by key. */
const POINT_DELETIONS_MAX = 1_000;

const binding = rocksDbBinding();
const database: DatabaseContext = binding.db_init((workerData as { handle: bigint }).handle);

/**
 * The one native batch, filled again and again: its memory goes only when a collection finds it unreachable, and this
 * thread makes so little garbage of its own that there may be none for minutes. It keeps the room it once needed, so one
 * that took much is left to the collector all the same.
 */
let reused: BatchContext | undefined;
const REUSED_BYTES_MAX = 32 * 1024 * 1024;

/** Made with the first batch: a database that could not be read then is by the next one. */
let longValues: PartedWrites | undefined;

function apply(request: ApplyRequest): void {
  longValues ??= new PartedWrites(binding, database);
  longValues.begin();
  reused ??= binding.batch_init();
  const batch = reused;
  // Of an attempt that failed too.
  binding.batch_clear(batch);
  if (request.arenaBytes > REUSED_BYTES_MAX) reused = undefined;
  const cleared: ApplyRequest['deletedRanges'][number][] = [];
  for (const range of request.deletedRanges) {
    longValues.dropRange(batch, range.start, range.end);
    const keys = keysOf(range.start, range.end);
    if (keys === undefined) cleared.push(range);
    else for (const key of keys) binding.batch_del(batch, key, undefined);
  }
  const arena = Buffer.from(request.arena, request.arenaOffset, request.arenaBytes);
  const operations = inKeyOrder(arena, request.operations, request.count);
  for (let i = 0; i < request.count; i++) {
    const offset = operations[i]!;
    const key = operationKey(arena, offset);
    const value = operationKind(arena, offset) === PUT ? operationValue(arena, offset) : undefined;
    if (value !== undefined && longValues.isLong(value)) {
      longValues.put(batch, key, value);
      continue;
    }
    longValues.drop(batch, key);
    if (value !== undefined) binding.batch_put(batch, key, value, undefined);
    else binding.batch_del(batch, key, undefined);
  }
  binding.batch_put(batch, POSITION_KEY, encodePosition(request.position), undefined);
  // As late as can be: no view is opened from here on until the batch is in.
  if (cleared.length > 0) Atomics.store(request.flux, 0, 1);
  for (const { start, end } of cleared) binding.db_clear(database, { gte: start, lt: end ?? END_KEY });
  binding.batch_write(database, batch, { sync: request.sync });
  longValues.end();
}

/** Fewer operations are not worth being put in order. */
const ORDERED_MIN = 64;
/** A place among the operations has 20 bits beside 32 of the key. */
const ORDERED_MAX = 1 << 20;

/**
 * The operations, each of another key, roughly in the order of their keys: by the four bytes behind what all keys begin
 * with. RocksDB's memtable inserts what comes in order in a third of the time, as it goes on where it was.
 */
function inKeyOrder(arena: Buffer, operations: Int32Array, count: number): Int32Array {
  if (count < ORDERED_MIN || count > ORDERED_MAX) return operations;
  const first = operations[0]! + OPERATION_HEADER_BYTES;
  let shared = operationKeyLength(arena, operations[0]!);
  for (let i = 1; i < count; i++) {
    const at = operations[i]! + OPERATION_HEADER_BYTES;
    shared = Math.min(shared, operationKeyLength(arena, operations[i]!));
    let same = 0;
    while (same < shared && arena[at + same] === arena[first + same]) same++;
    shared = same;
  }
  const places = new Float64Array(count);
  let ascends = true;
  let before = 0;
  for (let i = 0; i < count; i++) {
    // Behind a key lie its value and the next operation: what they add to the order of a short one does no harm.
    const at = operations[i]! + OPERATION_HEADER_BYTES + shared;
    const bytes =
      at + 4 <= arena.length
        ? ((arena[at]! << 24) | (arena[at + 1]! << 16) | (arena[at + 2]! << 8) | arena[at + 3]!) >>> 0
        : 0;
    if (bytes < before) ascends = false;
    before = bytes;
    places[i] = bytes * ORDERED_MAX + i;
  }
  if (ascends) return operations;
  places.sort();
  const ordered = new Int32Array(count);
  for (let i = 0; i < count; i++) ordered[i] = operations[places[i]! % ORDERED_MAX]!;
  return ordered;
}

/** The keys of a range; undefined when there are more than `POINT_DELETIONS_MAX`. Looks no further than its end. */
function keysOf(start: Bytes, end: Bytes | undefined): readonly Bytes[] | undefined {
  const iterator = binding.iterator_init(database, {
    reverse: false,
    keys: true,
    values: false,
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    highWaterMarkBytes: 0x7fff_ffff,
    fillCache: false,
    gte: start,
    lt: end ?? END_KEY,
  });
  try {
    const { rows } = binding.iterator_nextv_sync(iterator, POINT_DELETIONS_MAX + 1);
    // Every other one is a value, of which none was asked for.
    const keys = rows.filter((_, i) => i % 2 === 0);
    return keys.length > POINT_DELETIONS_MAX ? undefined : keys;
  } finally {
    binding.iterator_close(iterator);
  }
}

/** Of an iterator of its own: views that stay open hold what was deleted since. */
function readAhead({ readFrom, count }: ReadAheadRequest): ReadAheadReply {
  try {
    const iterator = new SharedIterator(binding, database);
    try {
      const position = iterator.position();
      const { rows } = iterator.read({}, readFrom, count);
      const entries: Entry[] = [];
      // What lies in parts is not kept.
      for (let i = 0; i < rows.length; i += 2)
        if (!isStub(rows[i + 1]!)) entries.push({ key: rows[i]!, value: rows[i + 1]! });
      const { bytes, offsets } = PackedEntries.of(entries);
      return { position, bytes, offsets, last: entries.at(-1)?.key };
    } finally {
      iterator.close();
    }
  } catch {
    return NOTHING_READ;
  }
}

/** A new database has none yet. Where there is no room for them, iterators are dearer, and nothing else. */
function putEndKeys(): void {
  const batch = binding.batch_init();
  for (const key of END_KEYS) binding.batch_put(batch, key, EMPTY_BYTES, undefined);
  try {
    if (binding.db_get_many_sync(database, [END_KEY], undefined)[0] === undefined) {
      binding.batch_write(database, batch, { sync: false });
    }
  } catch {
    // Whatever it was, whoever reads or writes is told.
  }
}

putEndKeys();
parentPort!.on('message', (request: ApplyRequest | ReadAheadRequest) => {
  if ('readFrom' in request) {
    parentPort!.postMessage(readAhead(request));
    return;
  }
  let reply: ApplyReply = {};
  try {
    apply(request);
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    reply = { error: { message, code } };
  }
  parentPort!.postMessage(reply);
});
