/**
 * Appends to a volume: one batch at a time, many needles in a batch.
 *
 * Requests queue; all that have come when a batch begins go into it, up to 8 MiB or 1,024 of them: one write of `.dat`, and
 * under class `disk`, or where a request asks for it, one sync. Then the map is changed, the rows of the `.idx` are queued,
 * and the requests are answered: what is readable is as durable as its writer was promised. The next batch gathers
 * meanwhile.
 *
 * **When writing fails** (the disk is full), the file is cut back to where the batch began, everyone in it gets the error,
 * and the next batch tries again. **When a sync fails**, what reached the disk is unknown: the file is cut back as well, and
 * the volume takes no more writes until it is opened again.
 *
 * `exclusive` runs a step between two batches, for the end of a vacuum.
 */

import { assert } from '../../base/assert.ts';
import type { Awaitable } from '../../base/awaitable.ts';
import { type Bytes, equalBytes } from '../../base/bytes.ts';
import { type ErrorCode, messageOf, OperationError } from '../../base/errors.ts';
import { AtOnce } from '../../platform/at-once.ts';
import type { File } from '../../platform/files.ts';
import type { Platform } from '../../platform/platform.ts';
import { idHighOf, idLowOf } from '../formats/index-row.ts';
import {
  bodyBytes,
  decodeNeedle,
  encodeAround,
  encodeNeedle,
  NEEDLE_HEADER_BYTES,
  type Needle,
  NO_DETAILS,
  recordBytes,
  tombstoneChecksum,
} from '../formats/needle.ts';
import type { Generation } from './generation.ts';
import { readLargeNeedle, WHOLE_RECORD_BYTES_MAX } from './record-scan.ts';

const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const BATCH_REQUESTS_MAX = 1_024;
const ARENA_BYTES_MIN = 64 * 1024;
const ARENA_BYTES_MAX = 1024 * 1024;
/** Data from here on is written where it lies instead of being copied into the arena. */
const COPY_BYTES_MAX = 128 * 1024;
/** Batches up to here may be written at once. */
const NOW_BYTES_MAX = 64 * 1024;
const QUEUE_BYTES_MAX = 128 * 1024 * 1024;

/**
 * When a request is answered: as the class of the volume says; once synced in any case; or as soon as it is written, for parts of
 * a whole whose last part is synced, and they with it.
 */
export type SyncWish = 'class' | 'always' | 'later';

export interface Written {
  /** The same needle was there already: nothing was written. */
  readonly unchanged: boolean;
}

interface WriteRequest {
  readonly kind: 'write';
  readonly needle: Needle;
  /** CRC-32C of its data. */
  readonly crc: number;
  readonly sync: SyncWish;
  readonly resolve: (written: Written) => void;
  readonly reject: (error: unknown) => void;
}

interface DeleteRequest {
  readonly kind: 'delete';
  readonly id: bigint;
  readonly cookie: number;
  readonly sync: SyncWish;
  /** With the size of the body of what was deleted; undefined when there was nothing. */
  readonly resolve: (size: number | undefined) => void;
  readonly reject: (error: unknown) => void;
}

interface ExclusiveRequest {
  readonly kind: 'exclusive';
  readonly run: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Request = WriteRequest | DeleteRequest | ExclusiveRequest;

/** What a request of a batch comes to. */
interface Planned {
  readonly request: WriteRequest | DeleteRequest;
  /** Undefined when there is nothing to append. */
  readonly needle: Needle | undefined;
  readonly checksum: number;
  readonly outcome: number | undefined;
  offset: number;
}

export interface VolumeWriterOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  readonly volumeId: number;
  /** The files of now; another object after a vacuum. */
  readonly files: () => Generation;
  readonly syncAlways: boolean;
  /** Why writes, or deletes, are refused now; undefined when they are not. */
  readonly refusal: (isDelete: boolean) => OperationError | undefined;
  readonly volumeBytesMax: number;
  /** Told once, when a failed sync ends the writing. */
  readonly onFailed: (reason: string) => void;
}

export class VolumeWriter {
  readonly #options: VolumeWriterOptions;
  #queue: Request[] = [];
  #queuedBytes = 0;
  #running = false;
  #idle: (() => void)[] = [];
  readonly #atOnce = new AtOnce();
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES_MIN);
  /** Syncs of `.dat` and batches, for the benchmark. */
  syncs = 0;
  batches = 0;

  constructor(options: VolumeWriterOptions) {
    this.#options = options;
  }

  /** The needle's bytes must not change until this settles. @throws OperationError `overloaded` when the queue is full. */
  write(needle: Needle, crc: number, sync: SyncWish): Promise<Written> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ kind: 'write', needle, crc, sync, resolve, reject }, needle.data.length);
    });
  }

  delete(id: bigint, cookie: number, sync: SyncWish): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ kind: 'delete', id, cookie, sync, resolve, reject }, 0);
    });
  }

  /** Runs `run` after what was queued before and before what comes later. */
  exclusive(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ kind: 'exclusive', run, resolve, reject }, 0);
    });
  }

  /** Settles once nothing is queued or under way. */
  drained(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #enqueue(request: Request, bytes: number): void {
    if (this.#queuedBytes + bytes > QUEUE_BYTES_MAX && this.#queuedBytes > 0) {
      request.reject(
        new OperationError('overloaded', `volume ${this.#options.volumeId} has too many writes waiting`, {
          hint: 'Write to more volumes at once, or less at a time.',
        }),
      );
      return;
    }
    this.#queuedBytes += bytes;
    this.#queue.push(request);
    if (this.#running) return;
    this.#running = true;
    // All that this turn of the event loop brings goes into one batch.
    this.#options.platform.timers.soon(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!;
      if (first.kind === 'exclusive') {
        this.#queue.shift();
        await first.run().then(first.resolve, first.reject);
        continue;
      }
      const batch = this.#takeBatch();
      try {
        await this.#commit(batch);
      } catch (error) {
        for (const request of batch) request.reject(error);
      }
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Up to the bounds, the next exclusive step, or the second request for one id. */
  #takeBatch(): (WriteRequest | DeleteRequest)[] {
    const batch: (WriteRequest | DeleteRequest)[] = [];
    const ids = new Set<bigint>();
    let bytes = 0;
    for (const request of this.#queue) {
      if (request.kind === 'exclusive' || batch.length === BATCH_REQUESTS_MAX) break;
      const id = request.kind === 'write' ? request.needle.id : request.id;
      const length = request.kind === 'write' ? request.needle.data.length : 0;
      if (ids.has(id) || (bytes > 0 && bytes + length > BATCH_BYTES_MAX)) break;
      ids.add(id);
      bytes += length;
      batch.push(request);
    }
    this.#queue = batch.length === this.#queue.length ? [] : this.#queue.slice(batch.length);
    this.#queuedBytes -= bytes;
    return batch;
  }

  async #commit(batch: readonly (WriteRequest | DeleteRequest)[]): Promise<void> {
    const files = this.#options.files();
    const plans: Planned[] = [];
    const waiting: Promise<unknown>[] = [];
    for (const request of batch) {
      const refusal = this.#options.refusal(request.kind === 'delete');
      if (refusal !== undefined) {
        request.reject(refusal);
        continue;
      }
      const id = request.kind === 'write' ? request.needle.id : request.id;
      const isKnown = files.map.find(idHighOf(id), idLowOf(id));
      if (request.kind === 'write' && (!isKnown || files.map.foundSize < 0)) {
        plans.push({ request, needle: request.needle, checksum: request.crc, outcome: undefined, offset: 0 });
      } else if (!isKnown || files.map.foundSize < 0) {
        (request as DeleteRequest).resolve(undefined);
      } else {
        const planned = this.#planOverExisting(files, request, files.map.foundOffset, files.map.foundSize);
        waiting.push(planned.then((plan) => plan !== undefined && plans.push(plan)));
      }
    }
    if (waiting.length > 0) await Promise.all(waiting);
    const appending = plans.filter((plan) => plan.needle !== undefined);
    if (appending.length > 0) await this.#append(files, appending);
    for (const { request, outcome } of plans) {
      if (request.kind === 'write') request.resolve({ unchanged: false });
      else request.resolve(outcome);
    }
  }

  /** What to append over a live needle; undefined when the request has been answered. */
  async #planOverExisting(
    files: Generation,
    request: WriteRequest | DeleteRequest,
    offset: number,
    size: number,
  ): Promise<Planned | undefined> {
    try {
      const header = Buffer.alloc(NEEDLE_HEADER_BYTES);
      await files.dat.read(header, offset);
      const cookie = request.kind === 'write' ? request.needle.cookie : request.cookie;
      if (header.readUInt32BE(0) !== cookie) {
        throw new OperationError('permission_denied', 'File Random Cookie does not match.');
      }
      if (request.kind === 'delete') {
        const checksum = Buffer.alloc(4);
        await files.dat.read(checksum, offset + NEEDLE_HEADER_BYTES + size);
        const deleted = tombstoneChecksum(checksum.readUInt32BE(0));
        const needle: Needle = { ...NO_DETAILS, id: request.id, cookie, data: Buffer.alloc(0) };
        return { request, needle, checksum: deleted, outcome: size, offset: 0 };
      }
      if (await this.#isUnchanged(files, request, offset, size)) {
        request.resolve({ unchanged: true });
        return undefined;
      }
      return { request, needle: request.needle, checksum: request.crc, outcome: undefined, offset: 0 };
    } catch (error) {
      request.reject(error);
      return undefined;
    }
  }

  /** Whether the stored needle says all that this one does, but for the time of modification. */
  async #isUnchanged(files: Generation, request: WriteRequest, offset: number, size: number): Promise<boolean> {
    const { version, ttl } = files.superBlock;
    const { needle } = request;
    if (ttl !== undefined || bodyBytes(needle, version) !== size) return false;
    try {
      const total = recordBytes(size, version);
      if (total > WHOLE_RECORD_BYTES_MAX) {
        const { needle: stored, dataBytes } = await readLargeNeedle(
          files.dat,
          offset,
          size,
          version,
          this.#options.volumeId,
        );
        // Of the data only the checksums are compared: not enough to leave a write out.
        return dataBytes === 0 && stored.crc === request.crc;
      }
      const bytes = Buffer.allocUnsafe(total);
      await files.dat.read(bytes, offset);
      const stored = decodeNeedle(bytes, 0, version, this.#options.volumeId);
      return (
        stored.crc === request.crc &&
        equalBytes(stored.data, needle.data) &&
        stored.gzip === needle.gzip &&
        stored.manifest === needle.manifest &&
        sameBytes(stored.name, needle.name) &&
        sameBytes(stored.mime, needle.mime) &&
        sameBytes(stored.pairs, needle.pairs) &&
        stored.ttl?.count === needle.ttl?.count &&
        stored.ttl?.unit === needle.ttl?.unit
      );
    } catch (error) {
      if (error instanceof OperationError && error.code === 'corruption') return false; // Writing it anew mends it.
      throw error;
    }
  }

  async #append(files: Generation, plans: readonly Planned[]): Promise<void> {
    const { journal } = files;
    const { version } = files.superBlock;
    const datBytes = files.datBytes;
    const timeNs = files.nextTimeNs(this.#options.platform.clock.nowMs(), plans.length);
    let total = 0;
    for (const plan of plans) total += recordBytes(bodyBytes(plan.needle!, version), version);
    if (datBytes + total > this.#options.volumeBytesMax) {
      throw new OperationError('disk_full', `volume ${this.#options.volumeId} is full`, {
        hint: 'Write to another volume.',
      });
    }
    const { syncAlways } = this.#options;
    const sync = plans.some(({ request }) => request.sync === 'always' || (syncAlways && request.sync === 'class'));
    // Rows that find no room end the writing before the index in memory is far ahead of the file.
    if (journal.isFull) await journal.flush();
    let failedAt: 'write' | 'sync' = 'write';
    try {
      await this.#writeRecords(files, plans, timeNs);
      if (sync) {
        this.syncs++;
        failedAt = 'sync';
        await files.dat.sync();
      }
    } catch (error) {
      await this.#takeBack(files, datBytes, failedAt, error);
    }
    this.batches++;
    files.datBytes = datBytes + total;
    for (const { needle, request, offset } of plans) {
      const high = idHighOf(needle!.id);
      const low = idLowOf(needle!.id);
      const size = request.kind === 'delete' ? -1 : bodyBytes(needle!, version);
      journal.add(high, low, offset, size);
      if (size < 0) files.map.delete(high, low);
      else files.map.set(high, low, offset, size);
    }
    files.noteAppended(plans.length, total, sync);
    await files.checkpointIfDue();
  }

  /** Writes all records, one write for what lies together in the arena. */
  async #writeRecords(files: Generation, plans: readonly Planned[], firstTimeNs: bigint): Promise<void> {
    const { version } = files.superBlock;
    let position = files.datBytes;
    let filled = 0;
    const flush = (): Awaitable<void> => {
      const bytes = this.#arena.subarray(0, filled);
      const at = position - filled;
      filled = 0;
      if (bytes.length > 0) return this.#write(files.dat, bytes, at);
    };
    for (const [index, plan] of plans.entries()) {
      const needle = plan.needle!;
      const options = { version, checksum: plan.checksum, appendAtNs: firstTimeNs + BigInt(index) };
      const length = recordBytes(bodyBytes(needle, version), version);
      plan.offset = position;
      if (needle.data.length > COPY_BYTES_MAX) {
        await flush();
        const { head, tail } = encodeAround(needle, options);
        await files.dat.writeParts([head, needle.data, tail], position);
        position += length;
        continue;
      }
      if (filled + length > this.#arena.length) {
        if (filled + length <= ARENA_BYTES_MAX) this.#growArena(filled + length, filled);
        else await flush();
        if (length > this.#arena.length) this.#growArena(length, 0);
      }
      const end = encodeNeedle(this.#arena, filled, needle, options);
      assert(end === filled + length, () => `a record of ${end - filled} bytes where ${length} were expected`);
      filled = end;
      position += length;
    }
    await flush();
  }

  /** At once where the page cache takes it: a trip to the thread pool costs more than a small batch. */
  #write(dat: File, bytes: Bytes, position: number): Awaitable<void> {
    if (bytes.length > NOW_BYTES_MAX || dat.writeNow === undefined || !this.#atOnce.isDue()) {
      return dat.write(bytes, position);
    }
    const { clock } = this.#options.platform;
    const startedMs = clock.monotonicMs();
    dat.writeNow(bytes, position);
    this.#atOnce.note(clock.monotonicMs() - startedMs);
  }

  #growArena(bytes: number, used: number): void {
    let length = this.#arena.length;
    while (length < bytes) length *= 2;
    const larger = Buffer.allocUnsafeSlow(length);
    this.#arena.copy(larger, 0, 0, used);
    this.#arena = larger;
  }

  /** Cuts the file back, and throws what everyone in the batch gets. */
  async #takeBack(files: Generation, datBytes: number, failedAt: 'write' | 'sync', cause: unknown): Promise<never> {
    let isCut = true;
    try {
      await files.dat.truncate(datBytes);
      // What was cut must not come back beneath later records when power fails.
      if (failedAt === 'write') await files.dat.sync();
    } catch {
      isCut = false;
    }
    if (isCut && failedAt === 'write') throw cause;
    this.#options.onFailed(`${failedAt === 'sync' ? 'a sync' : 'taking back a write'} failed: ${messageOf(cause)}`);
    if (isCut) throw cause;
    const code: ErrorCode = 'commit_unknown';
    throw new OperationError(code, `volume ${this.#options.volumeId} could not take back a failed write`, { cause });
  }
}

function sameBytes(a: Bytes | undefined, b: Bytes | undefined): boolean {
  // An empty name is stored as none is: both read as no name.
  return equalBytes(a ?? new Uint8Array(0), b ?? new Uint8Array(0));
}
