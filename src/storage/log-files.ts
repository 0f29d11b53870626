/**
 * The files of a commit log: its segments, of which one is being written, and the spares that the next ones are made of.
 *
 * Segments are preallocated with zeros ahead of the writer and reused once nobody needs them any more. What is preallocated
 * is also the reserve that lets deletes through when the disk is full: `isFull` tells of that while there is room left.
 *
 * **What is given up is gone before it is reused.** The removals and renames of `trim` are synced before one of those files
 * becomes a segment again; else a power failure could bring back some of the others, with a gap behind them. Held back from
 * it are what the engine has not made durable, what is kept on purpose (`hold`, retention), and files that are being read.
 *
 * When the log is opened, what is not known to be on stable storage is written once more, because a page that a failed sync
 * dropped still looks written to whoever reads it.
 */

import { basename, join } from 'node:path';
import { hasCode, messageOf, OperationError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { File } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { ALLOCATION_BYTES, ALLOCATION_RETRY_MS, CurrentSegment } from './current-segment.ts';
import { SEGMENT_HEADER_BYTES, segmentName } from './log-format.ts';
import {
  checkSpare,
  type LogFrame,
  type LogSegment,
  listSegments,
  replaySegments,
  type SpareSegment,
  spareName,
  spareNumber,
} from './log-segments.ts';
import type { Version } from './store.ts';

export interface LogFilesOptions {
  readonly directory: string;
  /** Size of a segment; a larger frame gets a segment of its own. Default 32 MiB. */
  readonly segmentBytes?: number;
  /** Log kept behind what the engine needs, for the change feed and point-in-time recovery. Default 128 MiB. */
  readonly retainBytes?: number;
}

export interface LogFilesHooks {
  /** No space is left: what can be trimmed should be. */
  readonly onDiskFull: () => void;
  /** A sync in the background failed: it may have dropped pages of frames as well. */
  readonly onBroken: (error: Error) => void;
}

/** What was found, and how far the engine has got. */
export interface LogReplay {
  /** Takes every intact frame behind the engine's position, and others at will, in order. */
  readonly onFrame: (frame: LogFrame) => Promise<void> | void;
  readonly enginePosition: Version;
}

/** Space that deletes leave free on a full disk, for frames in flight; less in small segments. */
const RESERVE_BYTES = 256 * 1024;
const SPARES_MAX = 2;

export class LogFiles {
  readonly logId: bigint;
  /** True while no space could be allocated for more than the reserve. */
  isFull = false;
  readonly #platform: Platform;
  readonly #log: Log;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #retainBytes: number;
  readonly #hooks: LogFilesHooks;
  readonly #segments: LogSegment[];
  readonly #spares: SpareSegment[] = [];
  /** Of the newest spare. No two have one number: a file may be on its way to become a segment while the next is prepared. */
  #spareNumber = 0;
  #current: CurrentSegment | undefined;
  #preparing: Promise<void> | undefined;
  /** Waits for space no longer. */
  #finishing = false;
  #closed = false;
  /** Readers per segment number: while there are any, its file may be removed, but not reused. */
  readonly #readers = new Map<number, number>();
  /** Positions behind which the log must not be trimmed. */
  readonly #holds = new Set<{ readonly position: Version }>();

  private constructor(
    platform: Platform,
    log: Log,
    options: LogFilesOptions,
    hooks: LogFilesHooks,
    found: { readonly logId: bigint; readonly segments: readonly LogSegment[] },
  ) {
    this.#platform = platform;
    this.#log = log;
    this.#directory = options.directory;
    this.#segmentBytes = options.segmentBytes ?? 32 * 1024 * 1024;
    this.#retainBytes = options.retainBytes ?? 128 * 1024 * 1024;
    this.#hooks = hooks;
    this.logId = found.logId;
    this.#segments = [...found.segments];
  }

  /**
   * Opens the log in a directory, creating it when empty, and hands on every intact frame.
   * @returns its files, the sequence of the next frame, and the last version that is on stable storage.
   * @throws OperationError `corruption`, `store_format`, `io`.
   */
  static async open(
    platform: Platform,
    log: Log,
    options: LogFilesOptions,
    hooks: LogFilesHooks,
    { onFrame, enginePosition }: LogReplay,
  ): Promise<{ readonly files: LogFiles; readonly nextSequence: number; readonly lastVersion: Version }> {
    await platform.files.makeDirectory(options.directory);
    const { segments, spares } = await listSegments(platform.files, options.directory);
    const first = segments[0];
    if (first !== undefined && first.header.firstVersion > enginePosition + 1) {
      throw new OperationError(
        'corruption',
        `the log in ${options.directory} begins at version ${first.header.firstVersion}, but the stored state ends at ${enginePosition}`,
        { hint: 'The state directory is older than the log kept for it; restore a backup.' },
      );
    }
    const replayed = await replaySegments(platform.files, segments, enginePosition, onFrame);
    const last = segments.at(-1);
    const lastVersion = Math.max(last?.lastVersion ?? 0, enginePosition);
    if (last !== undefined && last.lastVersion < enginePosition) {
      throw new OperationError(
        'corruption',
        `the log in ${options.directory} ends at version ${last.lastVersion}, but the stored state is at ${enginePosition}`,
        { hint: 'Log files are missing; put them back, or restore a backup.' },
      );
    }
    for (const spare of spares)
      if (spare.number > 0) await checkSpare(platform.files, spare, first?.header.logId, replayed.nextSequence);
    const logId = first?.header.logId ?? Buffer.from(platform.random.bytes(8)).readBigUInt64LE(0);
    const opened = new LogFiles(platform, log, options, hooks, { logId, segments });
    await opened.#keepSpares(spares);
    if (last !== undefined) await opened.#resume(last, replayed.unprovenOffset, replayed.strayEnd);
    return { files: opened, nextSequence: replayed.nextSequence, lastVersion };
  }

  /** Goes on in the newest segment. */
  async #resume(last: LogSegment, unprovenOffset: number, strayEnd: number): Promise<void> {
    const current = await CurrentSegment.open(this.#platform, last, last.bytes);
    try {
      await current.confirm(unprovenOffset, strayEnd);
      await this.#platform.files.syncDirectory(this.#directory);
    } catch (error) {
      await current.close();
      throw error;
    }
    this.#current = current;
  }

  /** Of the files found, those that can be reused; a preparation that was interrupted is not one of them. */
  async #keepSpares(found: readonly SpareSegment[]): Promise<void> {
    for (const spare of found) {
      this.#spareNumber = Math.max(this.#spareNumber, spareNumber(basename(spare.path)) ?? 0);
      if (spare.bytes >= this.#segmentBytes && this.#spares.length < SPARES_MAX) this.#spares.push(spare);
      else await this.#platform.files.remove(spare.path);
    }
  }

  get segments(): readonly LogSegment[] {
    return this.#segments;
  }

  /** Bytes that may still be written before space must be allocated: what lets deletes through on a full disk. */
  get reserveBytes(): number {
    if (this.#current === undefined) return 0;
    let bytes = this.#current.allocated - this.#current.segment.endOffset;
    for (const spare of this.#spares) bytes += spare.bytes - SEGMENT_HEADER_BYTES;
    return bytes - Math.min(RESERVE_BYTES, this.#segmentBytes / 8);
  }

  // --- Room for the writer

  /** Whether the current segment can take `bytes` more: else the next one begins. */
  fits(bytes: number): boolean {
    return this.#current?.fits(bytes) === true;
  }

  /** The current segment, when it has room for `bytes` that is allocated. */
  roomNow(bytes: number): CurrentSegment | undefined {
    return this.#current?.hasRoom(bytes) === true ? this.#current : undefined;
  }

  /**
   * The segment that a frame of `bytes` goes to, allocated; waits for space while the disk is full, until `finish`. Where
   * it does not fit into the current one, all of that must be synced: only the newest segment may end torn.
   * @param first Version of its first commit, and its sequence.
   * @throws OperationError `disk_full` once finishing, `io`.
   */
  async room(bytes: number, first: { readonly version: Version; readonly sequence: number }): Promise<CurrentSegment> {
    for (;;) {
      try {
        const current = this.fits(bytes) ? this.#current! : await this.#rotate(bytes, first.version, first.sequence);
        await current.allocate(current.segment.endOffset + bytes);
        return current;
      } catch (error) {
        if (!hasCode(error, 'disk_full') || this.#finishing) throw error;
        this.#setFull(true);
        await this.#platform.timers.sleep(ALLOCATION_RETRY_MS);
      }
    }
  }

  async #rotate(length: number, firstVersion: Version, firstSequence: number): Promise<CurrentSegment> {
    await this.#preparing;
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
    const header = { number, logId: this.logId, firstVersion, firstSequence };
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
      await next.begin();
      await this.#platform.files.syncDirectory(this.#directory);
    } catch (error) {
      await next.close();
      throw error;
    }
    await this.#current?.close();
    next.allocateAhead((full) => this.#setFull(full), this.#hooks.onBroken);
    this.#current = next;
    this.#segments.push(segment);
    return next;
  }

  /** Once some of the current segment is used, allocates the next one, so that a full disk shows while there is room. */
  prepareSpare(): void {
    const current = this.#current;
    if (current === undefined || this.#preparing !== undefined || current.allocated < current.segment.bytes) return;
    if (this.#spares.length > 0) {
      this.#setFull(false);
      return;
    }
    if (current.segment.endOffset < current.segment.bytes / 8) return;
    this.#preparing = this.#allocateSpare()
      .catch((error: unknown) => {
        if (hasCode(error, 'disk_full')) this.#setFull(true);
        else this.#log.warn({ error: messageOf(error) }, 'cannot allocate the next log segment ahead');
      })
      .finally(() => {
        this.#preparing = undefined;
        if (!this.isFull || this.#closed) return;
        this.#platform.timers.after(ALLOCATION_RETRY_MS, () => {
          if (!this.#closed) this.prepareSpare();
        });
      });
  }

  async #allocateSpare(): Promise<void> {
    const path = this.#newSparePath();
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
    this.#setFull(false);
  }

  #setFull(full: boolean): void {
    if (this.isFull === full) return;
    this.isFull = full;
    if (full) {
      this.#log.warn({ directory: this.#directory }, 'disk full: writes are refused, deletes still work');
      this.#hooks.onDiskFull();
    } else this.#log.info({ directory: this.#directory }, 'space is available again: writes resume');
  }

  /** Has everything that was written on stable storage. @throws OperationError `io`. */
  sync(): Promise<void> | undefined {
    return this.#current?.sync();
  }

  // --- Giving up

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
      const reusable =
        segment.bytes === this.#segmentBytes &&
        this.#spares.length + kept.length < SPARES_MAX &&
        !this.#readers.has(segment.number);
      if (reusable) {
        // A spare must not look like a segment of the log; the frames left in it are told apart by their sequence.
        const path = this.#newSparePath();
        await this.#platform.files.rename(segment.path, path);
        kept.push({ number: 0, path, bytes: segment.bytes });
      } else await this.#platform.files.remove(segment.path);
    }
    // Before one of them is reused: else a power failure could bring back some of the others, with a gap behind them.
    await this.#platform.files.syncDirectory(this.#directory);
    this.#spares.push(...kept);
    this.prepareSpare();
  }

  /** Keeps the log behind `position` from being trimmed until the returned function is called. */
  hold(position: Version): () => void {
    const hold = { position };
    this.#holds.add(hold);
    return () => {
      this.#holds.delete(hold);
    };
  }

  /**
   * Opens the segment that holds the commit after `position`, undefined when it was trimmed; its file is not reused before
   * `unpin` is called.
   */
  async openToRead(
    position: Version,
  ): Promise<{ readonly file: File; readonly segment: LogSegment; readonly unpin: () => void } | undefined> {
    const segment = this.#segments.find((candidate) => candidate.lastVersion > position);
    if (segment === undefined || segment.header.firstVersion > position + 1) return undefined;
    const { number } = segment;
    this.#readers.set(number, (this.#readers.get(number) ?? 0) + 1);
    const unpin = () => {
      const readers = this.#readers.get(number)! - 1;
      if (readers === 0) this.#readers.delete(number);
      else this.#readers.set(number, readers);
    };
    try {
      return { file: await this.#platform.files.open(segment.path, { mode: 'read' }), segment, unpin };
    } catch (error) {
      unpin();
      if (hasCode(error, 'not_found') && !this.#segments.includes(segment)) return undefined;
      throw error;
    }
  }

  // --- Ending

  /** Waits for space no longer: on a full disk what cannot be written fails. */
  finish(): void {
    this.#finishing = true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#preparing;
    await this.#current?.close();
  }

  #newSparePath(): string {
    return join(this.#directory, spareName(++this.#spareNumber));
  }
}
