/**
 * The commit log: the order of a store's commits, made durable.
 *
 * **Group commit.** Commits are appended to the arena of the store's memtable, behind an open frame; at the end of the
 * tick, or when the write before it has finished, the frame is sealed and written. One write is in flight, the next
 * group gathers meanwhile, and longer where that pays (`commit-gathering.ts`): that coalescing is the whole of the log's
 * speed.
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
 * Whoever waited gets `commit_unknown`. When the log is opened again, what is not known to be on stable storage is written
 * once more, because a page that a failed sync dropped still looks written to whoever reads it.
 */

import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { type Deferred, deferred } from '../base/awaitable.ts';
import type { Durability } from '../base/durability.ts';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { File } from '../platform/files.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import { CommitGathering } from './commit-gathering.ts';
import {
  align8,
  bodyCrc,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  SEGMENT_HEADER_BYTES,
  sealFrame,
  segmentName,
} from './log-format.ts';
import {
  checkSpare,
  type LogFrame,
  type LogSegment,
  listSegments,
  replaySegments,
  SegmentReader,
  type SpareSegment,
} from './log-segments.ts';
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
/** What is allocated between two syncs where a frame waits for more. */
const ALLOCATION_SYNCED_BYTES = 64 * 1024 * 1024;
const ALLOCATION_RETRY_MS = 500;
/** Space that deletes leave free on a full disk, for frames in flight; less in small segments. */
const RESERVE_BYTES = 256 * 1024;
const SPARES_MAX = 2;
/** Bytes of a frame that are summed up without giving the event loop back: about a millisecond. */
const SUMMED_BYTES = 4 * 1024 * 1024;

/** Commits that will be, or are being, written together. */
interface PendingFrame {
  readonly arena: Buffer;
  /** Offset of the frame header in the arena. */
  readonly start: number;
  end: number;
  readonly firstVersion: Version;
  lastVersion: Version;
  commits: number;
  /** Known once it is written. */
  sequence: number;
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
  readonly #onDiskFull: () => void;

  readonly #logId: bigint;
  readonly #segments: LogSegment[];
  readonly #spares: SpareSegment[];
  #nextSequence: number;
  /** Of the newest frame on stable storage. */
  #syncedSequence: number;
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
  readonly #gathering: CommitGathering;
  /** On stable storage, and who waits for it not told yet. */
  #released: PendingFrame | undefined;
  #scheduled = false;
  /** Waits for space no longer. */
  #closing = false;
  #closed = false;
  /** What went wrong in the background: the writer fails by it. */
  #broken: Error | undefined;
  #syncTimer: Timer | undefined;
  #idle: Deferred<void> | undefined;
  #advanced: Deferred<void> | undefined;
  /** Readers per segment number: while there are any, its file may be removed, but not reused. */
  readonly #readers = new Map<number, number>();
  /** Positions behind which the log must not be trimmed. */
  readonly #holds = new Set<{ readonly position: Version }>();

  private constructor(
    platform: Platform,
    log: Log,
    options: LogOptions,
    hooks: LogHooks,
    state: {
      logId: bigint;
      segments: LogSegment[];
      spares: SpareSegment[];
      nextSequence: number;
      lastVersion: Version;
    },
  ) {
    this.#platform = platform;
    this.#gathering = new CommitGathering(platform);
    this.#log = log;
    this.#directory = options.directory;
    this.#durability = options.durability;
    this.#segmentBytes = options.segmentBytes ?? 32 * 1024 * 1024;
    this.#retainBytes = options.retainBytes ?? 128 * 1024 * 1024;
    this.#syncIntervalMs = options.syncIntervalMs ?? 1_000;
    this.#onAdvance = hooks.onAdvance;
    this.#onFailure = hooks.onFailure;
    this.#onDiskFull = hooks.onDiskFull;
    this.#logId = state.logId;
    this.#segments = state.segments;
    this.#spares = state.spares;
    this.#nextSequence = state.nextSequence;
    this.#syncedSequence = state.nextSequence - 1;
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
    const replayed = await replaySegments(platform.files, segments, hooks.onFrame);
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
    for (const spare of spares)
      if (spare.number > 0) await checkSpare(platform.files, spare, logId, replayed.nextSequence);
    const opened = new CommitLog(platform, log, options, hooks, {
      logId,
      segments: [...segments],
      spares: [],
      nextSequence: replayed.nextSequence,
      lastVersion,
    });
    await opened.#keepSpares(spares);
    if (last === undefined) return opened;
    const current = await CurrentSegment.open(platform, last, last.bytes);
    try {
      await current.confirm(replayed.unprovenOffset, replayed.strayEnd);
      await platform.files.syncDirectory(options.directory);
    } catch (error) {
      await current.close();
      throw error;
    }
    opened.#current = current;
    return opened;
  }

  /** Of the files found, those that can be reused; a preparation that was interrupted is not one of them. */
  async #keepSpares(found: readonly SpareSegment[]): Promise<void> {
    for (const spare of found) {
      if (spare.bytes >= this.#segmentBytes && this.#spares.length < SPARES_MAX) this.#spares.push(spare);
      else await this.#platform.files.remove(spare.path);
    }
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
        sequence: 0,
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
    this.#gathering.committed();
    if (this.#pending.length > 1) this.#gathering.stop();
    this.#schedule();
  }

  /** The checksum of a large frame's body: others have their turn in between. */
  async #sum(body: Buffer): Promise<number> {
    let sum = 0;
    for (let at = 0; at < body.length; at += SUMMED_BYTES) {
      sum = bodyCrc(body.subarray(at, at + SUMMED_BYTES), sum);
      await this.#platform.timers.yield();
    }
    return sum;
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

  /** Bytes that commits may still take before space must be allocated: what lets deletes through on a full disk. */
  get reserveBytes(): number {
    if (this.#current === undefined) return 0;
    let bytes = this.#current.allocated - this.#current.segment.endOffset;
    for (const spare of this.#spares) bytes += spare.bytes - SEGMENT_HEADER_BYTES;
    bytes -= Math.min(RESERVE_BYTES, this.#segmentBytes / 8);
    if (this.#inFlight !== undefined) bytes -= frameBytes(this.#inFlight.end - this.#inFlight.start);
    for (const frame of this.#pending) bytes -= frameBytes(frame.end - frame.start);
    return bytes;
  }

  /** Has everything written so far synced soon. */
  requestSync(): void {
    if (this.failure !== undefined || this.syncedVersion === this.writtenVersion) return;
    this.#syncWanted = true;
    this.#schedule();
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
        this.#checkBroken();
        const gathered = this.#gather();
        if (gathered !== undefined) {
          this.#release();
          await gathered;
          this.#checkBroken();
        }
        const frame = this.#pending.shift();
        // Written before those are told who waited for the last one: answering them takes as long as a fast sync.
        const written = frame === undefined ? undefined : this.#write(frame);
        this.#release();
        if (written !== undefined) await written;
        else if (this.#syncWanted) await this.#sync();
        else break;
      }
    } catch (error) {
      this.#release();
      this.#fail(error instanceof Error ? error : new Error(messageOf(error)));
    } finally {
      this.#running = false;
    }
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Whether the only frame there is, which more commits may join, waits for them. */
  #gather(): Promise<void> | undefined {
    const frame = this.#open;
    if (frame === undefined || !frame.synced || this.#pending.length > 1 || this.#syncWanted) return undefined;
    return this.#gathering.wait();
  }

  /** Tells those who wait for what has become durable. */
  #release(): void {
    this.#released?.durable?.resolve();
    this.#released = undefined;
  }

  async #write(frame: PendingFrame): Promise<void> {
    if (this.#open === frame) this.#open = undefined;
    this.#inFlight = frame;
    const bodyBytes = frame.end - frame.start - FRAME_HEADER_BYTES;
    const length = frameBytes(bodyBytes);
    const segment = this.#roomNow(length) ?? (await this.#untilSpace(() => this.#room(length, frame.firstVersion)));
    const body = frame.arena.subarray(frame.start + FRAME_HEADER_BYTES, frame.end);
    const sum = bodyBytes <= SUMMED_BYTES ? bodyCrc(body) : await this.#sum(body);
    frame.sequence = this.#nextSequence++;
    sealFrame(frame.arena, frame.start, {
      logId: this.#logId,
      sequence: frame.sequence,
      firstVersion: frame.firstVersion,
      commits: frame.commits,
      bodyBytes,
      bodyCrc: sum,
      writtenAtMs: this.#platform.clock.nowMs(),
      syncedSequence: this.#syncedSequence,
    });
    const image = frame.arena.subarray(frame.start, frame.start + length);
    const through = frame.synced && this.#unsynced.length === 0;
    const startedMs = this.#platform.clock.monotonicMs();
    await (through ? segment.synced : segment.plain).write(image, segment.segment.endOffset);
    this.#checkBroken();
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
      this.#syncedSequence = frame.sequence;
      this.#released = frame;
      this.#gathering.released(frame.commits, startedMs);
    } else {
      this.#unsynced.push(frame);
      if (frame.synced || this.#syncWanted) await this.#sync();
      else this.#syncLater();
    }
    this.#advance();
  }

  async #sync(): Promise<void> {
    this.#syncWanted = false;
    const frames = this.#unsynced;
    const last = frames.at(-1);
    if (last === undefined) return;
    await this.#current?.plain.sync();
    this.#checkBroken();
    this.#unsynced = [];
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    this.syncs++;
    this.syncedVersion = last.lastVersion;
    this.#syncedSequence = last.sequence;
    for (const frame of frames) frame.durable?.resolve();
    this.#advance();
  }

  #syncLater(): void {
    this.#syncTimer ??= this.#platform.timers.after(this.#syncIntervalMs, () => {
      this.#syncTimer = undefined;
      this.#syncWanted = true;
      this.#schedule();
    });
  }

  #checkBroken(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** A sync in the background failed: it may have dropped pages of frames as well. */
  #break(error: Error): void {
    this.#broken ??= error;
    this.#schedule();
  }

  #advance(): void {
    this.#onAdvance();
    this.#wakeReaders();
  }

  #wakeReaders(): void {
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
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    this.#wakeReaders();
    this.#log.error({ error: error.message }, 'the commit log failed; the store is read-only until it is opened again');
    this.#onFailure(error);
  }

  /** The current segment, when it has room for `length` bytes that is allocated. */
  #roomNow(length: number): CurrentSegment | undefined {
    const current = this.#current;
    return current !== undefined && current.segment.endOffset + length <= current.allocated ? current : undefined;
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
        if (!hasCode(error, 'disk_full') || this.#closing) throw error;
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
    next.allocateAhead(
      (full) => this.#setDiskFull(full),
      (error) => this.#break(error),
    );
    this.#current = next;
    this.#segments.push(segment);
    return next;
  }

  /** Once some of the current segment is used, allocates the next one, so that a full disk shows while there is room. */
  #prepareSpare(): void {
    const current = this.#current!;
    if (this.#preparing !== undefined || current.allocated < current.segment.bytes) return;
    if (this.#spares.length > 0) {
      this.#setDiskFull(false);
      return;
    }
    if (current.segment.endOffset < current.segment.bytes / 8) return;
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
    const path = this.#sparePath(number);
    const file = await this.#platform.files.open(path, { mode: 'create' });
    try {
      const zeros = Buffer.alloc(Math.min(ALLOCATION_BYTES, this.#segmentBytes));
      for (let offset = 0; offset < this.#segmentBytes && !this.#closed; offset += zeros.length) {
        await file.write(zeros.subarray(0, Math.min(zeros.length, this.#segmentBytes - offset)), offset);
        await file.sync();
      }
    } catch (error) {
      await file.close();
      // What could not be finished only takes space from others.
      await this.#platform.files.remove(path);
      throw error;
    }
    await file.close();
    if (this.#closed) return;
    this.#spares.push({ number: 0, path, bytes: this.#segmentBytes });
    this.#setDiskFull(false);
  }

  #setDiskFull(full: boolean): void {
    if (this.diskFull === full) return;
    this.diskFull = full;
    if (full) {
      this.#log.warn({ directory: this.#directory }, 'disk full: writes are refused, deletes still work');
      this.#onDiskFull();
    } else this.#log.info({ directory: this.#directory }, 'space is available again: writes resume');
  }

  /**
   * Gives up segments that neither the engine (durable up to `position`), nor retention, nor a reader needs: they are
   * kept for reuse, a few of them, or removed.
   */
  async trim(position: Version): Promise<void> {
    let needed = position;
    for (const hold of this.#holds) needed = Math.min(needed, hold.position);
    let retained = 0;
    for (const segment of this.#segments) retained += segment.endOffset;
    const given: LogSegment[] = [];
    while (this.#segments.length > 1) {
      const oldest = this.#segments[0]!;
      retained -= oldest.endOffset;
      if (oldest.lastVersion > needed || retained < this.#retainBytes) break;
      this.#segments.shift();
      given.push(oldest);
    }
    if (given.length === 0) return;
    const kept: SpareSegment[] = [];
    for (const segment of given) {
      // A spare must not look like a segment of the log; the frames left in it are told apart by their sequence.
      const path = this.#sparePath(segment.number);
      const reusable =
        segment.bytes === this.#segmentBytes &&
        this.#spares.length + kept.length < SPARES_MAX &&
        !this.#readers.has(segment.number) &&
        !this.#spares.some((spare) => spare.path === path);
      if (reusable) {
        await this.#platform.files.rename(segment.path, path);
        kept.push({ number: 0, path, bytes: segment.bytes });
      } else await this.#platform.files.remove(segment.path);
    }
    // Before one of them is reused: else a power failure could bring back some of the others, with a gap behind them.
    await this.#platform.files.syncDirectory(this.#directory);
    this.#spares.push(...kept);
    if (this.#current !== undefined) this.#prepareSpare();
  }

  /** Keeps the log behind `position` from being trimmed until the returned function is called. */
  hold(position: Version): () => void {
    const hold = { position };
    this.#holds.add(hold);
    return () => {
      this.#holds.delete(hold);
    };
  }

  #sparePath(number: number): string {
    return join(this.#directory, `spare-${number}.log`);
  }

  /** Version of the oldest commit that can be read. */
  get firstVersion(): Version {
    return this.#segments[0]?.header.firstVersion ?? this.writtenVersion + 1;
  }

  get segments(): readonly LogSegment[] {
    return this.#segments;
  }

  /**
   * Durable frames that hold versions greater than `after`, in order; then waits for more until `signal` aborts or the
   * log closes. With `follow: false` it ends at the frame that is the newest durable one at the start instead. A frame's
   * body is valid until the next is pulled. A reader does not keep the log from being trimmed, see `hold`.
   * @throws OperationError `transaction_too_old` when what comes next was trimmed, `commit_unknown` when the log fails.
   */
  async *frames(
    after: Version,
    options: { readonly follow: boolean; readonly signal?: AbortSignal },
  ): AsyncGenerator<LogFrame> {
    const until = options.follow ? Number.POSITIVE_INFINITY : this.durableVersion;
    let stopped = options.signal?.aborted === true;
    const onAbort = () => {
      stopped = true;
      this.#wakeReaders();
    };
    options.signal?.addEventListener('abort', onAbort);
    let position = after;
    let reading: SegmentReading | undefined;
    try {
      while (!stopped && position < until) {
        if (position >= this.durableVersion) {
          if (this.#closed) return;
          if (this.failure !== undefined) throw unknownOutcome(this.failure);
          this.#advanced ??= deferred();
          await this.#advanced.promise;
          continue;
        }
        if (reading === undefined || reading.isFinished) {
          await reading?.close();
          reading = undefined;
          reading = await this.#openToRead(position);
        }
        const { header } = reading.frame ?? (await reading.read());
        const last = header.firstVersion + header.commits - 1;
        if (last > this.durableVersion) {
          // Written, but not yet durable: it stays the next one until it is.
          position = this.durableVersion;
          continue;
        }
        const frame = reading.take();
        if (last > after) yield frame;
        position = Math.max(position, last);
      }
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      await reading?.close();
    }
  }

  /** Opens the segment that holds the commit after `position`. */
  async #openToRead(position: Version): Promise<SegmentReading> {
    const segment = this.#segments.find((candidate) => candidate.lastVersion > position);
    if (segment === undefined || segment.header.firstVersion > position + 1) throw this.#trimmed(position);
    const { number } = segment;
    this.#readers.set(number, (this.#readers.get(number) ?? 0) + 1);
    const unpin = () => {
      const readers = this.#readers.get(number)! - 1;
      if (readers === 0) this.#readers.delete(number);
      else this.#readers.set(number, readers);
    };
    try {
      return new SegmentReading(await this.#platform.files.open(segment.path, { mode: 'read' }), segment, unpin);
    } catch (error) {
      unpin();
      if (hasCode(error, 'not_found') && !this.#segments.includes(segment)) throw this.#trimmed(position);
      throw error;
    }
  }

  #trimmed(position: Version): OperationError {
    return new OperationError(
      'transaction_too_old',
      `the log begins at version ${this.firstVersion}, after position ${position}`,
      {
        hint: 'Read the present state first, then follow from its version; or keep more log (log_retain_bytes).',
      },
    );
  }

  /** Writes and syncs everything that was appended. */
  async flush(): Promise<void> {
    this.#syncWanted = true;
    this.#gathering.stop();
    this.#schedule();
    while (this.failure === undefined && (this.#pending.length > 0 || this.#running || this.#scheduled)) {
      this.#idle ??= deferred();
      await this.#idle.promise;
    }
  }

  /** The last `flush`: it waits for space no longer, so on a full disk what cannot be written stays unknown. */
  finish(): Promise<void> {
    this.#closing = true;
    return this.flush();
  }

  async close(): Promise<void> {
    await this.finish();
    this.#closed = true;
    this.#syncTimer?.cancel();
    this.#wakeReaders();
    await this.#preparing;
    await this.#current?.close();
  }
}

export interface LogHooks {
  /** A watermark moved. */
  readonly onAdvance: () => void;
  /** A write or sync failed; called once. */
  readonly onFailure: (error: Error) => void;
  /** No space is left: what can be trimmed should be. */
  readonly onDiskFull: () => void;
}

function unknownOutcome(cause: Error): OperationError {
  return new OperationError('commit_unknown', `the commit may or may not have become durable: ${cause.message}`, {
    cause,
    hint: 'Check whether it happened before repeating it.',
  });
}

/** A segment being read by `frames`, with the frame that comes next. */
class SegmentReading {
  frame: LogFrame | undefined;
  readonly #file: File;
  readonly #segment: LogSegment;
  readonly #reader: SegmentReader;
  readonly #onClosed: () => void;
  #sequence: number;

  constructor(file: File, segment: LogSegment, onClosed: () => void) {
    this.#file = file;
    this.#segment = segment;
    this.#reader = new SegmentReader(file, segment);
    this.#sequence = segment.header.firstSequence;
    this.#onClosed = onClosed;
  }

  /** Everything written to it so far was taken. */
  get isFinished(): boolean {
    return this.frame === undefined && this.#reader.offset >= this.#segment.endOffset;
  }

  async read(): Promise<LogFrame> {
    this.frame = await this.#reader.next(this.#sequence, this.#segment.endOffset);
    if (this.frame !== undefined) return this.frame;
    throw new OperationError(
      'corruption',
      `the log is damaged at ${this.#segment.path}, offset ${this.#reader.offset}: a frame that was written there fails its checksum`,
      { hint: 'Restore a backup.' },
    );
  }

  take(): LogFrame {
    const frame = this.frame;
    assert(frame !== undefined, 'a frame is read before it is taken');
    this.frame = undefined;
    this.#sequence++;
    return frame;
  }

  async close(): Promise<void> {
    this.#onClosed();
    await this.#file.close();
  }
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

  /**
   * Makes durable what was found in the segment: writes again what is not known to be on stable storage, its header
   * included, and zeros over frames behind the end, so that they are never found behind a new one.
   */
  async confirm(unprovenOffset: number, strayEnd: number): Promise<void> {
    const { endOffset } = this.segment;
    await this.#rewrite(0, SEGMENT_HEADER_BYTES);
    for (let offset = unprovenOffset; offset < endOffset; offset += ALLOCATION_BYTES)
      await this.#rewrite(offset, Math.min(endOffset, offset + ALLOCATION_BYTES));
    for (let offset = endOffset; offset < strayEnd; offset += ALLOCATION_BYTES)
      await this.plain.write(Buffer.alloc(Math.min(ALLOCATION_BYTES, strayEnd - offset)), offset);
    await this.plain.sync();
  }

  async #rewrite(start: number, end: number): Promise<void> {
    const bytes = Buffer.allocUnsafeSlow(end - start);
    const read = await this.plain.read(bytes, start);
    assert(read === bytes.length, 'what was replayed can be read again');
    await this.plain.write(bytes, start);
  }

  /** Returns once the file is allocated up to `offset`. @throws OperationError `disk_full`, `io`. */
  async allocate(offset: number): Promise<void> {
    while (this.allocated < offset) {
      this.#allocating ??= this.#allocateMore(offset).finally(() => {
        this.#allocating = undefined;
      });
      await this.#allocating;
    }
  }

  /** A step towards `offset`: one sync for as much as a large frame may wait for. */
  async #allocateMore(offset: number): Promise<void> {
    const wanted = Math.min(Math.max(offset - this.allocated, ALLOCATION_BYTES), ALLOCATION_SYNCED_BYTES);
    const end = Math.min(this.allocated + wanted, this.segment.bytes);
    const zeros = Buffer.alloc(Math.min(ALLOCATION_BYTES, end - this.allocated));
    for (let at = this.allocated; at < end; at += zeros.length)
      await this.plain.write(zeros.subarray(0, Math.min(zeros.length, end - at)), at);
    await this.plain.sync();
    this.allocated = end;
  }

  /** Fills the rest of the segment in the background; tells when the disk is full, when it no longer is, and failures. */
  allocateAhead(setDiskFull: (full: boolean) => void, onFailure: (error: Error) => void): void {
    const step = (): void => {
      if (this.#closed) return;
      if (this.allocated >= this.segment.bytes) {
        setDiskFull(false);
        return;
      }
      this.allocate(this.allocated + 1).then(
        () => {
          setDiskFull(false);
          step();
        },
        (error: unknown) => {
          if (this.#closed) return;
          if (!hasCode(error, 'disk_full')) {
            onFailure(error instanceof Error ? error : new Error(messageOf(error)));
            return;
          }
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
