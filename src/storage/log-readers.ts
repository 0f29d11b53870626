/**
 * Those who read a commit log while it is written: the change feed, backups, point-in-time recovery.
 *
 * A reader is told of durable frames only, in order and without gaps, and waits at the newest for more. It does not keep the
 * log from being trimmed; whoever falls behind that is told so.
 */

import { assert } from '../base/assert.ts';
import { type Deferred, deferred } from '../base/awaitable.ts';
import { OperationError } from '../base/errors.ts';
import type { File } from '../platform/files.ts';
import type { LogFiles } from './log-files.ts';
import { type LogFrame, type LogSegment, SegmentReader } from './log-segments.ts';
import type { Version } from './store.ts';

/** How far the log may be read. */
export interface DurableLog {
  readonly durableVersion: Version;
  /** Of the oldest commit that can be read. */
  readonly firstVersion: Version;
  /** @throws OperationError `commit_unknown` once the log has failed. */
  requireIntact(): void;
}

export class LogReaders {
  readonly #log: DurableLog;
  readonly #files: LogFiles;
  #advanced: Deferred<void> | undefined;
  #closed = false;

  constructor(log: DurableLog, files: LogFiles) {
    this.#log = log;
    this.#files = files;
  }

  /** There is more to read, or never will be. */
  wake(): void {
    this.#advanced?.resolve();
    this.#advanced = undefined;
  }

  close(): void {
    this.#closed = true;
    this.wake();
  }

  /** As `CommitLog.frames`. */
  async *frames(
    after: Version,
    options: { readonly follow: boolean; readonly signal?: AbortSignal },
  ): AsyncGenerator<LogFrame> {
    const until = options.follow ? Number.POSITIVE_INFINITY : this.#log.durableVersion;
    let stopped = options.signal?.aborted === true;
    const onAbort = () => {
      stopped = true;
      this.wake();
    };
    options.signal?.addEventListener('abort', onAbort);
    let position = after;
    let reading: SegmentReading | undefined;
    try {
      while (!stopped && position < until) {
        if (position >= this.#log.durableVersion) {
          if (this.#closed) return;
          this.#log.requireIntact();
          this.#advanced ??= deferred();
          await this.#advanced.promise;
          continue;
        }
        if (reading === undefined || reading.isFinished) {
          await reading?.close();
          reading = undefined;
          reading = await SegmentReading.open(this.#files, position);
          if (reading === undefined) throw this.#trimmed(position);
        }
        const { header } = reading.frame ?? (await reading.read());
        const last = header.firstVersion + header.commits - 1;
        if (last > this.#log.durableVersion) {
          // Written, but not yet durable: it stays the next one until it is.
          position = this.#log.durableVersion;
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

  #trimmed(position: Version): OperationError {
    return new OperationError(
      'transaction_too_old',
      `the log begins at version ${this.#log.firstVersion}, after position ${position}`,
      {
        hint: 'Read the present state first, then follow from its version; or keep more log (log_retain_bytes).',
      },
    );
  }
}

/** A segment being read by `frames`, with the frame that comes next. */
class SegmentReading {
  frame: LogFrame | undefined;
  readonly #file: File;
  readonly #segment: LogSegment;
  readonly #reader: SegmentReader;
  readonly #onClosed: () => void;
  #sequence: number;

  private constructor(file: File, segment: LogSegment, onClosed: () => void) {
    this.#file = file;
    this.#segment = segment;
    this.#reader = new SegmentReader(file, segment);
    this.#sequence = segment.header.firstSequence;
    this.#onClosed = onClosed;
  }

  static async open(files: LogFiles, position: Version): Promise<SegmentReading | undefined> {
    const opened = await files.openToRead(position);
    return opened && new SegmentReading(opened.file, opened.segment, opened.unpin);
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
