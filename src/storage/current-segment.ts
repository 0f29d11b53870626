/**
 * The segment of a commit log that is being written: two handles on one file, of which one syncs what it writes, and how
 * much of the file is allocated.
 *
 * Frames are written to where the file is filled with zeros and synced already, so that a synced write changes no metadata;
 * the rest is filled in the background. Who writes is one, see `CommitLog`.
 */

import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/bytes.ts';
import { hasCode, messageOf } from '../base/errors.ts';
import { AtOnce } from '../platform/at-once.ts';
import type { File } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './log-format.ts';
import type { LogSegment } from './log-segments.ts';
import type { Version } from './store.ts';

/** What is allocated by one write. */
export const ALLOCATION_BYTES = 4 * 1024 * 1024;
/** What is allocated between two syncs where a frame waits for more. */
const ALLOCATION_SYNCED_BYTES = 64 * 1024 * 1024;
export const ALLOCATION_RETRY_MS = 500;
/** What the page cache takes in a few microseconds; the thread pool copies more while the event loop does other things. */
const AT_ONCE_BYTES_MAX = 16 * 1024;

export class CurrentSegment {
  readonly segment: LogSegment;
  /** Bytes from the start of the file that are filled and synced. */
  allocated: number;
  readonly #platform: Platform;
  /** Every write through it is on stable storage when it returns. */
  readonly #synced: File;
  readonly #plain: File;
  readonly #atOnce = new AtOnce();
  #allocating: Promise<void> | undefined;
  #closed = false;

  private constructor(platform: Platform, segment: LogSegment, synced: File, plain: File, allocated: number) {
    this.#platform = platform;
    this.segment = segment;
    this.#synced = synced;
    this.#plain = plain;
    this.allocated = allocated;
  }

  static async open(platform: Platform, segment: LogSegment, allocated: number): Promise<CurrentSegment> {
    const plain = await platform.files.open(segment.path, { mode: 'create' });
    const synced = await platform.files.open(segment.path, { mode: 'write', synced: true });
    return new CurrentSegment(platform, segment, synced, plain, Math.min(allocated, segment.bytes));
  }

  /** Whether `bytes` more fit into it. */
  fits(bytes: number): boolean {
    return this.segment.endOffset + bytes <= this.segment.bytes;
  }

  /** Whether `bytes` more are allocated. */
  hasRoom(bytes: number): boolean {
    return this.segment.endOffset + bytes <= this.allocated;
  }

  /** Writes a frame at the end, which `wrote` then moves; on stable storage when it returns, if `synced`. */
  write(frame: Bytes, synced: boolean): Promise<void> {
    return (synced ? this.#synced : this.#plain).write(frame, this.segment.endOffset);
  }

  /**
   * Writes a frame at the end without a sync, on the event loop: a trip to the thread pool takes ten times as long.
   * @returns false where that might take its time; then nothing is written.
   */
  writeNow(frame: Bytes): boolean {
    // Whoever fills a file keeps others from writing to it meanwhile.
    if (frame.length > AT_ONCE_BYTES_MAX || this.#allocating !== undefined || this.#plain.writeNow === undefined)
      return false;
    if (!this.#atOnce.isDue()) return false;
    const { clock } = this.#platform;
    const startedMs = clock.monotonicMs();
    this.#plain.writeNow(frame, this.segment.endOffset);
    this.#atOnce.note(clock.monotonicMs() - startedMs);
    return true;
  }

  wrote(bytes: number, lastVersion: Version): void {
    this.segment.endOffset += bytes;
    this.segment.lastVersion = lastVersion;
  }

  /** @throws OperationError `io`, after which nothing written since the last sync may be there. */
  sync(): Promise<void> {
    return this.#plain.sync();
  }

  /** Makes it a segment of the log, a frame of which may follow. */
  async begin(): Promise<void> {
    await this.allocate(SEGMENT_HEADER_BYTES);
    await this.#synced.write(encodeSegmentHeader(this.segment.header), 0);
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
      await this.#plain.write(Buffer.alloc(Math.min(ALLOCATION_BYTES, strayEnd - offset)), offset);
    await this.#plain.sync();
  }

  async #rewrite(start: number, end: number): Promise<void> {
    const bytes = Buffer.allocUnsafeSlow(end - start);
    const read = await this.#plain.read(bytes, start);
    assert(read === bytes.length, 'what was replayed can be read again');
    await this.#plain.write(bytes, start);
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
      await this.#plain.write(zeros.subarray(0, Math.min(zeros.length, end - at)), at);
    await this.#plain.sync();
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
    await this.#synced.close();
    await this.#plain.close();
  }
}
