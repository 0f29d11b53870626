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
 * **A failed write or sync poisons the log**: the operating system may have dropped the pages, so it is never tried again.
 * Whoever waited gets `commit_unknown`.
 *
 * Where frames go, and what becomes of them, is `LogFiles`; who reads them, `LogReaders`; what they look like,
 * `log-format.ts`.
 */

import { assert } from '../base/assert.ts';
import { type Deferred, deferred } from '../base/awaitable.ts';
import type { Durability } from '../base/durability.ts';
import { messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { objectList } from '../base/object-list.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import { CommitGathering } from './commit-gathering.ts';
import type { CurrentSegment } from './current-segment.ts';
import { LogFiles, type LogFilesOptions, type LogReplay } from './log-files.ts';
import { align8, bodyCrc, FRAME_HEADER_BYTES, frameBytes, sealFrame } from './log-format.ts';
import { LogReaders } from './log-readers.ts';
import type { LogFrame, LogSegment } from './log-segments.ts';
import type { Version } from './store.ts';

export interface LogOptions extends LogFilesOptions {
  /** The store's class: what the change feed may emit. */
  readonly durability: 'disk' | 'process';
  /** Bound on the loss of class `process` at a power failure. Default 1,000. */
  readonly syncIntervalMs?: number;
}

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

  readonly #platform: Platform;
  readonly #log: Log;
  readonly #durability: 'disk' | 'process';
  readonly #syncIntervalMs: number;
  readonly #onAdvance: () => void;
  readonly #onFailure: (error: Error) => void;

  readonly #files: LogFiles;
  readonly #readers: LogReaders;
  #nextSequence: number;
  /** Of the newest frame on stable storage. */
  #syncedSequence: number;

  /** Open for more commits; the last of `#pending`. */
  #open: PendingFrame | undefined;
  readonly #pending: PendingFrame[] = [];
  #inFlight: PendingFrame | undefined;
  /** Written, not synced. */
  #unsynced = objectList<PendingFrame>();
  #syncWanted = false;
  #running = false;
  readonly #gathering: CommitGathering;
  /** On stable storage, and who waits for it not told yet. */
  #released: PendingFrame | undefined;
  #scheduled = false;
  /** What went wrong in the background: the writer fails by it. */
  #broken: Error | undefined;
  #syncTimer: Timer | undefined;
  #idle: Deferred<void> | undefined;

  private constructor(
    platform: Platform,
    log: Log,
    options: LogOptions,
    hooks: LogHooks,
    found: { readonly files: LogFiles; readonly nextSequence: number; readonly lastVersion: Version },
  ) {
    this.#platform = platform;
    this.#gathering = new CommitGathering(platform);
    this.#log = log;
    this.#durability = options.durability;
    this.#syncIntervalMs = options.syncIntervalMs ?? 1_000;
    this.#onAdvance = hooks.onAdvance;
    this.#onFailure = hooks.onFailure;
    this.#files = found.files;
    this.#readers = new LogReaders(this, found.files);
    this.#nextSequence = found.nextSequence;
    this.#syncedSequence = found.nextSequence - 1;
    this.writtenVersion = found.lastVersion;
    this.syncedVersion = found.lastVersion;
  }

  /**
   * Opens the log in a directory, creating it when empty, and hands the intact frames that the engine lacks to `onFrame`.
   * @throws OperationError `corruption`, `store_format`, `io`.
   */
  static async open(
    platform: Platform,
    log: Log,
    options: LogOptions,
    hooks: LogHooks & LogReplay,
  ): Promise<CommitLog> {
    const found = await LogFiles.open(
      platform,
      log,
      options,
      { onDiskFull: hooks.onDiskFull, onBroken: (error) => opened.#break(error) },
      hooks,
    );
    const opened = new CommitLog(platform, log, options, hooks, found);
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
    let bytes = this.#files.reserveBytes;
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
    this.#platform.timers.soon(this.#start);
  }

  /** Made once: a function within `#schedule` would cost each commit its scope. */
  readonly #start = (): void => {
    this.#scheduled = false;
    if (!this.#running) void this.#run();
  };

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
    const segment = this.#files.roomNow(length) ?? (await this.#roomLater(length, frame));
    const body = frame.arena.subarray(frame.start + FRAME_HEADER_BYTES, frame.end);
    const sum = bodyBytes <= SUMMED_BYTES ? bodyCrc(body) : await this.#sum(body);
    frame.sequence = this.#nextSequence++;
    sealFrame(frame.arena, frame.start, {
      logId: this.#files.logId,
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
    if (through || !segment.writeNow(image)) await segment.write(image, through);
    this.#checkBroken();
    segment.wrote(length, frame.lastVersion);
    this.bytes += length;
    this.writtenVersion = frame.lastVersion;
    this.#inFlight = undefined;
    this.#files.prepareSpare();
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

  /** The segment that a frame of `length` bytes goes to, when that has to be made room for. */
  async #roomLater(length: number, frame: PendingFrame): Promise<CurrentSegment> {
    if (!this.#files.fits(length) && this.#unsynced.length > 0) await this.#sync();
    return this.#files.room(length, { version: frame.firstVersion, sequence: this.#nextSequence });
  }

  async #sync(): Promise<void> {
    this.#syncWanted = false;
    const frames = this.#unsynced;
    const last = frames.at(-1);
    if (last === undefined) return;
    await this.#files.sync();
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
    this.#readers.wake();
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
    this.#readers.wake();
    this.#log.error({ error: error.message }, 'the commit log failed; the store is read-only until it is opened again');
    this.#onFailure(error);
  }

  /** As `LogFiles.trim`. */
  trim(position: Version): Promise<void> {
    return this.#files.trim(position);
  }

  /** As `LogFiles.hold`. */
  hold(position: Version): () => void {
    return this.#files.hold(position);
  }

  /** Version of the oldest commit that can be read. */
  get firstVersion(): Version {
    return this.#files.segments[0]?.header.firstVersion ?? this.writtenVersion + 1;
  }

  get segments(): readonly LogSegment[] {
    return this.#files.segments;
  }

  /** True while no space could be allocated for more than the reserve. */
  get diskFull(): boolean {
    return this.#files.isFull;
  }

  /**
   * Durable frames that hold versions greater than `after`, in order; then waits for more until `signal` aborts or the
   * log closes. With `follow: false` it ends at the frame that is the newest durable one at the start instead. A frame's
   * body is valid until the next is pulled. A reader does not keep the log from being trimmed, see `hold`.
   * @throws OperationError `transaction_too_old` when what comes next was trimmed, `commit_unknown` when the log fails.
   */
  frames(
    after: Version,
    options: { readonly follow: boolean; readonly signal?: AbortSignal },
  ): AsyncGenerator<LogFrame> {
    return this.#readers.frames(after, options);
  }

  /** @throws OperationError `commit_unknown` once the log has failed. */
  requireIntact(): void {
    if (this.failure !== undefined) throw unknownOutcome(this.failure);
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
    this.#files.finish();
    return this.flush();
  }

  async close(): Promise<void> {
    await this.finish();
    this.#syncTimer?.cancel();
    this.#readers.close();
    await this.#files.close();
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

/** Where the next frame may begin in an arena. */
export function frameStart(used: number): number {
  return align8(used);
}
