/**
 * Reading a commit log: finding its segments, checking every frame, telling a torn end from damage.
 *
 * A frame is written only after the one before it was; so a broken frame with an intact younger frame behind it cannot be
 * the trace of a crash and is refused as damage, named by file and offset. With none behind it, the log ends there.
 */

import { join } from 'node:path';
import { asBuffer, type Bytes } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { File, Files } from '../platform/files.ts';
import {
  bodyIsIntact,
  decodeFrameHeader,
  decodeSegmentHeader,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHeader,
  frameBytes,
  LOG_FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentNumber,
} from './log-format.ts';
import type { Version } from './store.ts';

/** A segment that is or was current. */
export interface LogSegment {
  readonly number: number;
  readonly path: string;
  readonly header: SegmentHeader;
  /** Size of the file. */
  readonly bytes: number;
  /** Offset behind the last intact frame; grows while the segment is current. */
  endOffset: number;
  /** Version of the last commit in it; `header.firstVersion - 1` while empty. */
  lastVersion: Version;
}

/** A frame found in a segment. `body` is a view into a read buffer. */
export interface LogFrame {
  readonly segment: LogSegment;
  readonly offset: number;
  readonly header: FrameHeader;
  readonly body: Bytes;
  /** Header and body. */
  readonly image: Bytes;
}

/** What a directory holds: segments in order, and files prepared or left to be reused. */
export interface LogDirectory {
  readonly segments: readonly LogSegment[];
  readonly spares: readonly { readonly number: number; readonly path: string; readonly bytes: number }[];
}

/** @throws OperationError `store_format` for another format version, `corruption` for a gap or segments of two logs. */
export async function listSegments(files: Files, directory: string): Promise<LogDirectory> {
  const segments: LogSegment[] = [];
  const spares: { number: number; path: string; bytes: number }[] = [];
  for (const name of await files.list(directory)) {
    const path = join(directory, name);
    if (/^spare-\d+\.log$/.test(name)) {
      spares.push({ number: 0, path, bytes: await files.size(path) });
      continue;
    }
    const number = segmentNumber(name);
    if (number === undefined) continue;
    const file = await files.open(path, { mode: 'read' });
    try {
      const bytes = await file.size();
      const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
      await file.read(head, 0);
      const header = decodeSegmentHeader(head);
      if (header !== undefined && 'formatVersion' in header) {
        throw new OperationError(
          'store_format',
          `${path} is a log of format ${header.formatVersion}; this build reads format ${LOG_FORMAT_VERSION}`,
          { hint: 'Open the directory with the release that wrote it, or restore a backup into a new directory.' },
        );
      }
      if (header === undefined || header.number !== number) spares.push({ number, path, bytes });
      else {
        segments.push({
          number,
          path,
          header,
          bytes,
          endOffset: SEGMENT_HEADER_BYTES,
          lastVersion: header.firstVersion - 1,
        });
      }
    } finally {
      await file.close();
    }
  }
  for (let i = 1; i < segments.length; i++) {
    const before = segments[i - 1]!;
    const segment = segments[i]!;
    if (segment.header.logId !== before.header.logId) {
      throw new OperationError('corruption', `${segment.path} belongs to another log than ${before.path}`, {
        hint: 'Files of two data directories were mixed; restore a backup.',
      });
    }
    if (segment.number !== before.number + 1) {
      throw new OperationError(
        'corruption',
        `the log misses segment ${before.number + 1}, between ${before.path} and ${segment.path}`,
        {
          hint: 'Put the missing file back, or restore a backup.',
        },
      );
    }
  }
  return { segments, spares };
}

/**
 * Reads all frames of `segments` in order and calls `onFrame` for each; fills in the segments' ends.
 * @returns the sequence that the next frame will have.
 * @throws OperationError `corruption` naming file and offset when intact frames follow a broken one.
 */
export async function replaySegments(
  files: Files,
  segments: readonly LogSegment[],
  onFrame: (frame: LogFrame) => Promise<void> | void,
): Promise<{ readonly nextSequence: number }> {
  let sequence = segments[0]?.header.firstSequence ?? 1;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    const file = await files.open(segment.path, { mode: 'read' });
    try {
      const reader = new SegmentReader(file, segment);
      for (;;) {
        const frame = await reader.next(sequence);
        if (frame === undefined) break;
        await onFrame(frame);
        sequence = frame.header.sequence + 1;
        segment.endOffset = frame.offset + frameBytes(frame.header.bodyBytes);
        segment.lastVersion = frame.header.firstVersion + frame.header.commits - 1;
      }
      const younger = await findYoungerFrame(file, segment, sequence);
      if (younger !== undefined) throw damaged(segment, younger);
    } finally {
      await file.close();
    }
    const next = segments[i + 1];
    if (next !== undefined && next.header.firstSequence !== sequence) throw damaged(segment, next.path);
  }
  return { nextSequence: sequence };
}

function damaged(segment: LogSegment, evidence: string): OperationError {
  return new OperationError(
    'corruption',
    `the log is damaged at ${segment.path}, offset ${segment.endOffset}: the frame there fails its checksum, but intact frames follow (${evidence})`,
    {
      hint: 'Nothing was changed. Restore a backup, or put back an undamaged copy of that file.',
    },
  );
}

/** Reads the frames of one segment, a large chunk at a time. */
export class SegmentReader {
  readonly #file: File;
  readonly #segment: LogSegment;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkOffset = 0;
  #offset: number;

  constructor(file: File, segment: LogSegment, offset = SEGMENT_HEADER_BYTES) {
    this.#file = file;
    this.#segment = segment;
    this.#offset = offset;
  }

  /** The next intact frame, which must have that sequence; undefined at the end. Its body is valid until the next call. */
  async next(sequence: number): Promise<LogFrame | undefined> {
    const head = await this.#view(this.#offset, FRAME_HEADER_BYTES);
    const header = head === undefined ? undefined : decodeFrameHeader(head);
    if (header === undefined || header.logId !== this.#segment.header.logId || header.sequence !== sequence)
      return undefined;
    const image = await this.#view(this.#offset, FRAME_HEADER_BYTES + header.bodyBytes);
    const body = image?.subarray(FRAME_HEADER_BYTES);
    if (image === undefined || body === undefined || !bodyIsIntact(header, body)) return undefined;
    const frame = { segment: this.#segment, offset: this.#offset, header, body, image };
    this.#offset += frameBytes(header.bodyBytes);
    return frame;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Forgets what was read ahead, so that bytes written since are seen. */
  refresh(): void {
    this.#chunk = Buffer.alloc(0);
  }

  async #view(offset: number, length: number): Promise<Bytes | undefined> {
    const start = offset - this.#chunkOffset;
    if (start >= 0 && start + length <= this.#chunk.length) return this.#chunk.subarray(start, start + length);
    if (offset + length > this.#segment.bytes) return undefined;
    const wanted = Math.min(Math.max(length, READ_CHUNK_BYTES), this.#segment.bytes - offset);
    const chunk = Buffer.allocUnsafeSlow(wanted);
    const read = await this.#file.read(chunk, offset);
    this.#chunk = chunk.subarray(0, read);
    this.#chunkOffset = offset;
    return read < length ? undefined : this.#chunk.subarray(0, length);
  }
}

const READ_CHUNK_BYTES = 1024 * 1024;

/** Looks behind the end of a segment's frames for an intact one with a later sequence. @returns where it is. */
async function findYoungerFrame(file: File, segment: LogSegment, sequence: number): Promise<string | undefined> {
  const chunk = Buffer.allocUnsafeSlow(READ_CHUNK_BYTES);
  for (let start = segment.endOffset; start < segment.bytes; start += READ_CHUNK_BYTES - FRAME_HEADER_BYTES) {
    const read = await file.read(chunk, start);
    const bytes = asBuffer(chunk.subarray(0, read));
    for (let at = bytes.indexOf(FRAME_MAGIC); at >= 0; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
      const header = decodeFrameHeader(bytes, at);
      if (header !== undefined && header.logId === segment.header.logId && header.sequence > sequence) {
        return `frame ${header.sequence} at offset ${start + at}`;
      }
    }
    if (read < READ_CHUNK_BYTES) break;
  }
  return undefined;
}
