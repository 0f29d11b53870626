/**
 * The commit log: the order of a store's commits, made durable.
 *
 * **Group commit.** Commits are appended to the arena of the store's memtable, behind an open frame; at the end of the
 * tick, or when the write before it has finished, the frame is sealed and written. One write is in flight, the next
 * group gathers meanwhile: that coalescing is the whole of the log's speed.
 *
 * **Two watermarks.** `writtenVersion` has reached the operating system (class `process`), `syncedVersion` stable storage
 * (class `disk`). A frame that anyone waits for in class `disk` is written through `O_DSYNC`, or followed by a sync when
 * frames before it were not; others are synced within `syncIntervalMs`. So the log never has a durable commit behind one
 * that is not.
 *
 * **Segments** are preallocated with zeros ahead of the writer, so that a synced write changes no file metadata, and are
 * reused once the engine no longer needs them. What is preallocated is also the reserve that lets deletes through
 * when the disk is full.
 *
 * **A failed write or sync poisons the log**: the operating system may have dropped the pages, so it is never tried again.
 * Whoever waited gets `commit_unknown`.
 */

import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { type Deferred, deferred } from '../base/awaitable.ts';
import type { Durability } from '../base/durability.ts';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { File } from '../platform/files.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import {
  align8,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  SEGMENT_HEADER_BYTES,
  sealFrame,
  segmentName,
} from './log-format.ts';
import { type LogFrame, type LogSegment, listSegments, replaySegments, SegmentReader } from './log-segments.ts';
import type { Version } from './store.ts';

export interface LogOptions {
  readonly directory: string;
  /** The store's class: what the change feed may emit. */
  readonly durability: 'disk' | 'process';
  /** Size of a segment; a larger transaction gets a segment of its own. Default 32 MiB. */
  readonly segmentBytes?: number;
  /** Log kept behind what the engine needs, for the change feed and point-in-time recovery. Default 128 MiB. */
  readonly retainBytes?: number;
  /** Bound on the loss of class `process` at a power failure. Default 1,000. */
  readonly syncIntervalMs?: number;
}

const ALLOCATION_BYTES = 4 * 1024 * 1024;
const ALLOCATION_RETRY_MS = 500;
const SPARES_MAX = 2;

/** Commits that will be, or are being, written together. */
interface PendingFrame {
  readonly arena: Buffer;
  /** Offset of the frame header in the arena. */
  readonly start: number;
  end: number;
  readonly firstVersion: Version;
  lastVersion: Version;
  commits: number;
  /** Somebody waits for it in class `disk`. */
  synced: boolean;
  written?: Deferred<void>;
  durable?: Deferred<void>;
}

export class CommitLog {
  /** Reached the operating system. */
  writtenVersion: Version;
  /** Reached stable storage. */
  syncedVersion: Version;
  syncs = 0;
  bytes = 0;
  /** Set once, when a write or sync failed. */
  failure: Error | undefined;
  /** True while no space could be allocated for more than the reserve. */
  diskFull = false;

  readonly #platform: Platform;
  readonly #log: Log;
  readonly #directory: string;
  readonly #durability: 'disk' | 'process';
  readonly #segmentBytes: number;
  readonly #retainBytes: number;
  readonly #syncIntervalMs: number;
  readonly #onAdvance: () => void;
  readonly #onFailure: (error: Error) => void;

  readonly #logId: bigint;
  readonly #segments: LogSegment[];
  readonly #spares: { number: number; path: string; bytes: number }[];
  #nextSequence: number;
  #current: CurrentSegment | undefined;

  /** Open for more commits; the last of `#pending`. */
  #open: PendingFrame | undefined;
  readonly #pending: PendingFrame[] = [];
  #inFlight: PendingFrame | undefined;
  /** Written, not synced. */
  #unsynced: PendingFrame[] = [];
  #syncWanted = false;
  #preparing: Promise<void> | undefined;
  #running = false;
  #scheduled = false;
  #closed = false;
  #syncTimer: Timer | undefined;
  #idle: Deferred<void> | undefined;
  #advanced: Deferred<void> | undefined;
  /** Segments being read, which must not be reused. */
  readonly #pinned = new Map<number, number>();

  private constructor(
    platform: Platform,
    log: Log,
    options: LogOptions,
    hooks: LogHooks,
    state: {
      logId: bigint;
      segments: LogSegment[];
      spares: { number: number; path: string; bytes: number }[];
      nextSequence: number;
      lastVersion: Version;
    },
  ) {
    this.#platform = platform;
    this.#log = log;
    this.#directory = options.directory;
    this.#durability = options.durability;
    this.#segmentBytes = options.segmentBytes ?? 32 * 1024 * 1024;
    this.#retainBytes = options.retainBytes ?? 128 * 1024 * 1024;
    this.#syncIntervalMs = options.syncIntervalMs ?? 1_000;
    this.#onAdvance = hooks.onAdvance;
    this.#onFailure = hooks.onFailure;
    this.#logId = state.logId;
    this.#segments = state.segments;
    this.#spares = state.spares;
    this.#nextSequence = state.nextSequence;
    this.writtenVersion = state.lastVersion;
    this.syncedVersion = state.lastVersion;
  }

  /**
   * Opens the log in a directory, creating it when empty, and hands every intact frame to `onFrame`.
   * @throws OperationError `corruption`, `store_format`, `io`.
   */
  static async open(
    platform: Platform,
    log: Log,
    options: LogOptions,
    hooks: LogHooks & { readonly onFrame: (frame: LogFrame) => Promise<void> | void; readonly enginePosition: Version },
  ): Promise<CommitLog> {
    await platform.files.makeDirectory(options.directory);
    const { segments, spares } = await listSegments(platform.files, options.directory);
    const first = segments[0];
    if (first !== undefined && first.header.firstVersion > hooks.enginePosition + 1) {
      throw new OperationError(
        'corruption',
        `the log in ${options.directory} begins at version ${first.header.firstVersion}, but the stored state ends at ${hooks.enginePosition}`,
        { hint: 'The state directory is older than the log kept for it; restore a backup.' },
      );
    }
    const { nextSequence } = await replaySegments(platform.files, segments, hooks.onFrame);
    const last = segments.at(-1);
    const lastVersion = Math.max(last?.lastVersion ?? 0, hooks.enginePosition);
    if (last !== undefined && last.lastVersion < hooks.enginePosition) {
      throw new OperationError(
        'corruption',
        `the log in ${options.directory} ends at version ${last.lastVersion}, but the stored state is at ${hooks.enginePosition}`,
        { hint: 'Log files are missing; put them back, or restore a backup.' },
      );
    }
    const logId = first?.header.logId ?? Buffer.from(platform.random.bytes(8)).readBigUInt64LE(0);
    const opened = new CommitLog(platform, log, options, hooks, {
      logId,
      segments: [...segments],
      spares: [...spares],
      nextSequence,
      lastVersion,
    });
    if (last !== undefined) opened.#current = await CurrentSegment.open(platform, last, last.bytes);
    // A torn end was written but perhaps not synced; make what was replayed durable before anyone is told about it.
    await opened.#current?.plain.sync();
    return opened;
  }

  /** Bytes that the next commit needs in this arena in front of its own header: a frame header, unless one is open. */
  headerBytes(arena: Buffer): number {
    return this.#open !== undefined && this.#open.arena === arena ? 0 : FRAME_HEADER_BYTES;
  }

  /**
   * Takes the commit of `version`, whose length prefix and operations lie at `[start, end)` of `arena`, with
   * `headerBytes(arena)` bytes free in front of it.
   */
  append(arena: Buffer, start: number, end: number, version: Version, durability: Durability): void {
    assert(this.failure === undefined, 'append to a poisoned log');
    let frame = this.#open;
    if (frame === undefined || frame.arena !== arena) {
      frame = {
        arena,
        start: start - FRAME_HEADER_BYTES,
        end: start,
        firstVersion: version,
        lastVersion: version - 1,
        commits: 0,
        synced: false,
      };
      assert(frame.start >= 0 && frame.start % 8 === 0, 'frame is not aligned');
      this.#open = frame;
      this.#pending.push(frame);
    }
    assert(frame.end === start && frame.lastVersion === version - 1, 'commits of a frame must be adjacent');
    frame.end = end;
    frame.lastVersion = version;
    frame.commits++;
    if (durability === 'disk') frame.synced = true;
    this.#schedule();
  }

  /** As `Store.whenDurable`. */
  whenDurable(version: Version, durability: Durability): Promise<void> | undefined {
    if (durability === 'memory') return undefined;
    if (durability === 'process') {
      if (version <= this.writtenVersion) return undefined;
    } else if (version <= this.syncedVersion) return undefined;
    if (this.failure !== undefined) return Promise.reject(unknownOutcome(this.failure));
    if (version <= this.writtenVersion) {
      for (const frame of this.#unsynced) {
        if (frame.lastVersion < version) continue;
        this.#syncWanted = true;
        this.#schedule();
        frame.durable ??= deferred();
        return frame.durable.promise;
      }
    }
    const frame = this.#frameOf(version);
    if (durability === 'process') {
      frame.written ??= deferred();
      return frame.written.promise;
    }
    if (frame === this.#inFlight && !frame.synced) this.#syncWanted = true;
    else frame.synced = true;
    frame.durable ??= deferred();
    return frame.durable.promise;
  }

  #frameOf(version: Version): PendingFrame {
    if (this.#inFlight !== undefined && version <= this.#inFlight.lastVersion) return this.#inFlight;
    for (const frame of this.#pending) if (version <= frame.lastVersion) return frame;
    throw new OperationError('invalid_argument', `version ${version} was never committed`);
  }

  /** The watermark of the store's class. */
  get durableVersion(): Version {
    return this.#durability === 'disk' ? this.syncedVersion : this.writtenVersion;
  }

  /** Bytes that commits may still take before space must be allocated; only a reserve is left when the disk is full. */
  get allocatedBytes(): number {
    return this.#current === undefined ? 0 : this.#current.allocated - this.#current.segment.endOffset;
  }

  #schedule(): void {
    if (this.#running || this.#scheduled) return;
    this.#scheduled = true;
    this.#platform.timers.soon(() => {
      this.#scheduled = false;
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.failure === undefined) {
        const frame = this.#pending.shift();
        if (frame !== undefined) await this.#write(frame);
        else if (this.#syncWanted) await this.#sync();
        else break;
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(messageOf(error)));
    } finally {
      this.#running = false;
    }
    if (this.#unsynced.length > 0 && this.#syncTimer === undefined && this.failure === undefined) {
      this.#syncTimer = this.#platform.timers.after(this.#syncIntervalMs, () => {
        this.#syncTimer = undefined;
        this.#syncWanted = true;
        this.#schedule();
      });
    }
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  async #write(frame: PendingFrame): Promise<void> {
    if (this.#open === frame) this.#open = undefined;
    this.#inFlight = frame;
    const bodyBytes = frame.end - frame.start - FRAME_HEADER_BYTES;
    const length = frameBytes(bodyBytes);
    const segment = await this.#untilSpace(() => this.#room(length, frame.firstVersion));
    sealFrame(frame.arena, frame.start, {
      logId: this.#logId,
      sequence: this.#nextSequence++,
      firstVersion: frame.firstVersion,
      commits: frame.commits,
      bodyBytes,
      writtenAtMs: this.#platform.clock.nowMs(),
    });
    const image = frame.arena.subarray(frame.start, frame.start + length);
    const through = frame.synced && this.#unsynced.length === 0;
    await (through ? segment.synced : segment.plain).write(image, segment.segment.endOffset);
    segment.segment.endOffset += length;
    segment.segment.lastVersion = frame.lastVersion;
    this.bytes += length;
    this.writtenVersion = frame.lastVersion;
    this.#inFlight = undefined;
    this.#prepareSpare();
    frame.written?.resolve();
    if (through) {
      this.syncs++;
      this.syncedVersion = frame.lastVersion;
      frame.durable?.resolve();
    } else {
      this.#unsynced.push(frame);
      if (frame.synced || this.#syncWanted) await this.#sync();
    }
    this.#advance();
  }

  async #sync(): Promise<void> {
    this.#syncWanted = false;
    const frames = this.#unsynced;
    const last = frames.at(-1);
    if (last === undefined) return;
    await this.#current?.plain.sync();
    this.#unsynced = [];
    this.syncs++;
    this.syncedVersion = last.lastVersion;
    for (const frame of frames) frame.durable?.resolve();
    this.#advance();
  }

  #advance(): void {
    this.#onAdvance();
    this.#advanced?.resolve();
    this.#advanced = undefined;
  }

  #fail(error: Error): void {
    this.failure = error;
    const outcome = unknownOutcome(error);
    const waiting = [...this.#unsynced, ...(this.#inFlight === undefined ? [] : [this.#inFlight]), ...this.#pending];
    this.#unsynced = [];
    this.#inFlight = undefined;
    this.#pending.length = 0;
    this.#open = undefined;
    for (const frame of waiting) {
      for (const waiter of [frame.written, frame.durable]) {
        waiter?.promise.catch(() => {});
        waiter?.reject(outcome);
      }
    }
    this.#advanced?.resolve();
    this.#advanced = undefined;
    this.#log.error({ error: error.message }, 'the commit log failed; the store is read-only until it is opened again');
    this.#onFailure(error);
  }

  /** The current segment, with room for `length` bytes, allocated. */
  async #room(length: number, firstVersion: Version): Promise<CurrentSegment> {
    let current = this.#current;
    if (current === undefined || current.segment.endOffset + length > current.segment.bytes) {
      current = await this.#rotate(length, firstVersion);
    }
    await current.allocate(current.segment.endOffset + length);
    return current;
  }

  /** Repeats `work` while the disk is full: what was ordered waits for space and is not lost. */
  async #untilSpace<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!hasCode(error, 'disk_full') || this.#closed) throw error;
        this.#setDiskFull(true);
        await this.#platform.timers.sleep(ALLOCATION_RETRY_MS);
      }
    }
  }

  async #rotate(length: number, firstVersion: Version): Promise<CurrentSegment> {
    await this.#preparing;
    if (this.#unsynced.length > 0) await this.#sync();
    const number = (this.#segments.at(-1)?.number ?? 0) + 1;
    const path = join(this.#directory, segmentName(number));
    const bytes = Math.max(this.#segmentBytes, SEGMENT_HEADER_BYTES + length);
    const spare = this.#spares.findIndex((candidate) => candidate.bytes >= bytes);
    let allocated = 0;
    if (spare >= 0) {
      const [reused] = this.#spares.splice(spare, 1);
      if (reused!.path !== path) await this.#platform.files.rename(reused!.path, path);
      allocated = reused!.bytes;
    } else await this.#platform.files.remove(path);
    const leftover = this.#spares.findIndex((candidate) => candidate.path === path);
    if (leftover >= 0) this.#spares.splice(leftover, 1);
    const header = { number, logId: this.#logId, firstVersion, firstSequence: this.#nextSequence };
    const segment: LogSegment = {
      number,
      path,
      header,
      bytes: Math.max(bytes, allocated),
      endOffset: SEGMENT_HEADER_BYTES,
      lastVersion: firstVersion - 1,
    };
    const next = await CurrentSegment.open(this.#platform, segment, allocated);
    try {
      await next.allocate(SEGMENT_HEADER_BYTES);
      await next.synced.write(encodeSegmentHeader(header), 0);
      await this.#platform.files.syncDirectory(this.#directory);
    } catch (error) {
      await next.close();
      throw error;
    }
    await this.#current?.close();
    next.allocateAhead((full) => this.#setDiskFull(full));
    this.#current = next;
    this.#segments.push(segment);
    return next;
  }

  /** Once the current segment is half used, allocates the next one, so that a full disk shows while there is room. */
  #prepareSpare(): void {
    const current = this.#current!;
    if (this.#preparing !== undefined || this.#spares.length > 0 || current.allocated < current.segment.bytes) return;
    if (current.segment.endOffset < current.segment.bytes / 2) return;
    this.#preparing = this.#allocateSpare(current.segment.number + 1)
      .catch((error: unknown) => {
        if (hasCode(error, 'disk_full')) this.#setDiskFull(true);
        else this.#log.warn({ error: messageOf(error) }, 'cannot allocate the next log segment ahead');
      })
      .finally(() => {
        this.#preparing = undefined;
        if (!this.diskFull || this.#closed) return;
        this.#platform.timers.after(ALLOCATION_RETRY_MS, () => {
          if (!this.#closed) this.#prepareSpare();
        });
      });
  }

  async #allocateSpare(number: number): Promise<void> {
    const path = join(this.#directory, `spare-${number}.log`);
    const file = await this.#platform.files.open(path, { mode: 'create' });
    try {
      const zeros = Buffer.alloc(Math.min(ALLOCATION_BYTES, this.#segmentBytes));
      for (let offset = 0; offset < this.#segmentBytes && !this.#closed; offset += zeros.length) {
        await file.write(zeros.subarray(0, Math.min(zeros.length, this.#segmentBytes - offset)), offset);
        await file.sync();
      }
    } finally {
      await file.close();
    }
    if (this.#closed) return;
    this.#spares.push({ number, path, bytes: this.#segmentBytes });
    this.#setDiskFull(false);
  }

  #setDiskFull(full: boolean): void {
    if (this.diskFull === full) return;
    this.diskFull = full;
    if (full) this.#log.warn({ directory: this.#directory }, 'disk full: writes are refused, deletes still work');
    else this.#log.info({ directory: this.#directory }, 'space is available again: writes resume');
  }

  /**
   * Gives up segments that neither the engine (durable up to `position`), nor retention, nor a reader needs: they are
   * kept for reuse, a few of them, or removed.
   */
  async trim(position: Version): Promise<void> {
    let retained = 0;
    for (const segment of this.#segments) retained += segment.endOffset;
    while (this.#segments.length > 1) {
      const oldest = this.#segments[0]!;
      retained -= oldest.endOffset;
      if (oldest.lastVersion > position || retained < this.#retainBytes || this.#pinned.has(oldest.number)) return;
      this.#segments.shift();
      if (this.#spares.length < SPARES_MAX && oldest.bytes === this.#segmentBytes) {
        // A spare must not look like a segment of the log; the frames left in it are told apart by their sequence.
        const path = join(this.#directory, `spare-${oldest.number}.log`);
        await this.#platform.files.rename(oldest.path, path);
        this.#spares.push({ number: oldest.number, path, bytes: oldest.bytes });
      } else await this.#platform.files.remove(oldest.path);
    }
  }

  /** Version of the oldest commit that can be read. */
  get firstVersion(): Version {
    return this.#segments[0]?.header.firstVersion ?? this.writtenVersion + 1;
  }

  get segments(): readonly LogSegment[] {
    return this.#segments;
  }

  /**
   * Durable frames that hold versions greater than `after`, in order; then waits for more until `signal` aborts.
   * With `follow: false` it ends at the newest durable frame instead. A frame's body is valid until the next is pulled.
   */
  async *frames(
    after: Version,
    options: { readonly follow: boolean; readonly signal?: AbortSignal },
  ): AsyncGenerator<LogFrame> {
    const aborted = deferred<void>();
    let stopped = options.signal?.aborted === true;
    const onAbort = () => {
      stopped = true;
      aborted.resolve();
    };
    options.signal?.addEventListener('abort', onAbort);
    try {
      let position = after;
      while (!stopped) {
        const segment = this.#segments.find((candidate) => candidate.lastVersion > position);
        if (segment !== undefined && segment.header.firstVersion <= position + 1 && position < this.durableVersion) {
          for await (const frame of this.#framesOf(segment, position)) {
            yield frame;
            position = frame.header.firstVersion + frame.header.commits - 1;
            if (stopped) return;
          }
        } else if (position + 1 < this.firstVersion) {
          throw new OperationError(
            'transaction_too_old',
            `the log begins at version ${this.firstVersion}, after position ${after}`,
            {
              hint: 'Read the present state first, then follow from its version; or keep more log (log_retain_bytes).',
            },
          );
        } else if (!options.follow || this.#closed) return;
        else {
          this.#advanced ??= deferred();
          await Promise.race([this.#advanced.promise, aborted.promise]);
          if (this.failure !== undefined) throw unknownOutcome(this.failure);
        }
      }
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  async *#framesOf(segment: LogSegment, after: Version): AsyncGenerator<LogFrame> {
    this.#pinned.set(segment.number, (this.#pinned.get(segment.number) ?? 0) + 1);
    const file = await this.#platform.files.open(segment.path, { mode: 'read' });
    try {
      const reader = new SegmentReader(file, segment);
      let sequence = segment.header.firstSequence;
      while (reader.offset < segment.endOffset) {
        let frame = await reader.next(sequence);
        if (frame === undefined) {
          reader.refresh();
          frame = await reader.next(sequence);
        }
        if (frame === undefined) {
          throw new OperationError('corruption', `the log is damaged at ${segment.path}, offset ${reader.offset}`);
        }
        const last = frame.header.firstVersion + frame.header.commits - 1;
        if (last > this.durableVersion) return;
        sequence++;
        if (last > after) yield frame;
      }
    } finally {
      await file.close();
      const pins = this.#pinned.get(segment.number)! - 1;
      if (pins === 0) this.#pinned.delete(segment.number);
      else this.#pinned.set(segment.number, pins);
    }
  }

  /** Writes and syncs everything that was appended. */
  async flush(): Promise<void> {
    this.#syncWanted = true;
    this.#schedule();
    while (this.failure === undefined && (this.#pending.length > 0 || this.#running || this.#scheduled)) {
      this.#idle ??= deferred();
      await this.#idle.promise;
    }
  }

  async close(): Promise<void> {
    if (this.failure === undefined) await this.flush();
    this.#closed = true;
    this.#syncTimer?.cancel();
    this.#advanced?.resolve();
    await this.#preparing;
    await this.#current?.close();
  }
}

export interface LogHooks {
  /** A watermark moved. */
  readonly onAdvance: () => void;
  /** A write or sync failed; called once. */
  readonly onFailure: (error: Error) => void;
}

function unknownOutcome(cause: Error): OperationError {
  return new OperationError('commit_unknown', `the commit may or may not have become durable: ${cause.message}`, {
    cause,
    hint: 'Check whether it happened before repeating it.',
  });
}

/** The segment being written: two handles on one file, and how much of it is allocated. */
class CurrentSegment {
  readonly segment: LogSegment;
  /** Every write through it is on stable storage when it returns. */
  readonly synced: File;
  readonly plain: File;
  /** Bytes from the start of the file that are filled and synced. */
  allocated: number;
  readonly #platform: Platform;
  #allocating: Promise<void> | undefined;
  #closed = false;

  private constructor(platform: Platform, segment: LogSegment, synced: File, plain: File, allocated: number) {
    this.#platform = platform;
    this.segment = segment;
    this.synced = synced;
    this.plain = plain;
    this.allocated = allocated;
  }

  static async open(platform: Platform, segment: LogSegment, allocated: number): Promise<CurrentSegment> {
    const plain = await platform.files.open(segment.path, { mode: 'create' });
    const synced = await platform.files.open(segment.path, { mode: 'write', synced: true });
    return new CurrentSegment(platform, segment, synced, plain, Math.min(allocated, segment.bytes));
  }

  /** Returns once the file is allocated up to `offset`. @throws OperationError `disk_full`. */
  async allocate(offset: number): Promise<void> {
    while (this.allocated < offset) {
      this.#allocating ??= this.#allocateMore().finally(() => {
        this.#allocating = undefined;
      });
      await this.#allocating;
    }
  }

  async #allocateMore(): Promise<void> {
    const end = Math.min(this.allocated + ALLOCATION_BYTES, this.segment.bytes);
    await this.plain.write(Buffer.alloc(end - this.allocated), this.allocated);
    await this.plain.sync();
    this.allocated = end;
  }

  /** Fills the rest of the segment in the background; tells when the disk is full, and when it no longer is. */
  allocateAhead(setDiskFull: (full: boolean) => void): void {
    const step = (): void => {
      if (this.#closed || this.allocated >= this.segment.bytes) {
        setDiskFull(false);
        return;
      }
      this.allocate(this.allocated + 1).then(
        () => {
          setDiskFull(false);
          step();
        },
        (error: unknown) => {
          if (!hasCode(error, 'disk_full') || this.#closed) return;
          setDiskFull(true);
          this.#platform.timers.after(ALLOCATION_RETRY_MS, step);
        },
      );
    };
    step();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#allocating?.catch(() => {});
    await this.synced.close();
    await this.plain.close();
  }
}

/** Where the next frame may begin in an arena. */
export function frameStart(used: number): number {
  return align8(used);
}
