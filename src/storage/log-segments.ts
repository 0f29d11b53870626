/**
 * Reading a commit log: finding its segments, checking every frame, telling a torn end from damage.
 *
 * Each frame names the newest one that was on stable storage when it was written. So a broken frame is damage, refused and
 * named by file and offset, when a younger one proves that it had been stable; else it, and what was written behind it
 * unsynced, is what a power failure left of writes that nobody was promised, and the log ends in front of it. A segment is
 * synced before the next one begins: only the newest can end torn.
 */

import { join } from 'node:path';
import type { Bytes } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { File, Files } from '../platform/files.ts';
import {
  bodyCrc,
  bodyIsIntact,
  decodeFrameHeader,
  decodeSegmentHeader,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHeader,
  frameBytes,
  LOG_FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  SEGMENT_MAGIC,
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

/** A frame found in a segment. `body` is a view into a read buffer, which nobody else uses where it is shared memory. */
export interface LogFrame {
  readonly segment: LogSegment;
  readonly offset: number;
  readonly header: FrameHeader;
  readonly body: Bytes;
  /** Header and body. */
  readonly image: Bytes;
}

/** A frame that was checked, and whose body nobody needs. */
export interface FrameWithoutBody extends Omit<LogFrame, 'body' | 'image'> {
  readonly body: undefined;
}

/** A file that is not part of the log: prepared, given up, or renamed by a rotation that a crash interrupted. */
export interface SpareSegment {
  /** The number in its name, when it has the name of a segment; else 0. */
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
}

/** What a directory holds: segments in order, and files prepared or left to be reused. */
export interface LogDirectory {
  readonly segments: readonly LogSegment[];
  readonly spares: readonly SpareSegment[];
}

/** What was prepared to become a segment, and holds nothing that anybody needs. */
const SPARE = /^spare-(\d+)\.log$/;

export function spareName(number: number): string {
  return `spare-${number}.log`;
}

/** @returns undefined for the name of anything else. */
export function spareNumber(name: string): number | undefined {
  const found = SPARE.exec(name);
  return found === null ? undefined : Number(found[1]);
}

/** Gives up the space of the spares of a log that nobody has open. @returns whether there were any. */
export async function removeSpares(files: Files, directory: string): Promise<boolean> {
  const spares = (await files.list(directory)).filter((name) => SPARE.test(name));
  for (const name of spares) await files.remove(join(directory, name));
  return spares.length > 0;
}

/** @throws OperationError `store_format` for another format version, `corruption` for a gap or segments of two logs. */
export async function listSegments(files: Files, directory: string): Promise<LogDirectory> {
  const segments: LogSegment[] = [];
  const spares: SpareSegment[] = [];
  const unwritten: { readonly number: number; readonly path: string }[] = [];
  for (const name of await files.list(directory)) {
    const path = join(directory, name);
    if (SPARE.test(name)) {
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
      // A file that was to become a segment has zeros there still, or the header it had before it was to be reused, or a
      // part of the new one; `checkSpare` looks whether there is more to it.
      if (header === undefined && !mayBeUnwritten(head)) throw headerDamaged(path);
      if (header === undefined) unwritten.push({ number, path });
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
  const newest = segments.at(-1)?.number ?? 0;
  for (const { number, path } of unwritten) if (number < newest) throw headerDamaged(path);
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

function headerDamaged(path: string): OperationError {
  return new OperationError('corruption', `the log is damaged at ${path}, offset 0: its header is not readable`, {
    hint: 'Nothing was changed. Restore a backup, or put back an undamaged copy of that file.',
  });
}

/** Whether a file begins with as much of a header as a write may have got to. */
function mayBeUnwritten(head: Buffer): boolean {
  const magic = head.subarray(0, SEGMENT_MAGIC.length);
  let same = 0;
  while (same < magic.length && magic[same] === SEGMENT_MAGIC[same]) same++;
  return magic.subarray(same).every((byte) => byte === 0);
}

export interface Replayed {
  /** The sequence that the next frame will have. */
  readonly nextSequence: number;
  /** In the newest segment: where the frames begin that are not known to be on stable storage. */
  readonly unprovenOffset: number;
  /** In the newest segment: where the last frame ends that was written behind a torn one; `endOffset` without any. */
  readonly strayEnd: number;
}

/**
 * Reads all frames of `segments` in order and calls `onFrame` for each that has a commit behind `after`; fills in the segments' ends.
 * @throws OperationError `corruption` naming file and offset of a frame that was on stable storage and is broken.
 */
export async function replaySegments(
  files: Files,
  segments: readonly LogSegment[],
  after: Version,
  onFrame: (frame: LogFrame) => Promise<void> | void,
): Promise<Replayed> {
  let sequence = segments[0]?.header.firstSequence ?? 1;
  let unprovenOffset = SEGMENT_HEADER_BYTES;
  let strayEnd = SEGMENT_HEADER_BYTES;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    const next = segments[i + 1];
    const file = await files.open(segment.path, { mode: 'read' });
    try {
      const reader = new SegmentReader(file, segment);
      const offsets: number[] = [];
      let syncedSequence = segment.header.firstSequence - 1;
      for (;;) {
        const frame = await reader.next(sequence, segment.bytes, after);
        if (frame === undefined) break;
        if (frame.body !== undefined) await onFrame(frame);
        offsets.push(frame.offset);
        syncedSequence = Math.max(syncedSequence, frame.header.syncedSequence);
        sequence = frame.header.sequence + 1;
        segment.endOffset = frame.offset + frameBytes(frame.header.bodyBytes);
        segment.lastVersion = frame.header.firstVersion + frame.header.commits - 1;
      }
      const younger = await findYoungerFrames(file, segment, segment.endOffset, sequence);
      if (younger.proof !== undefined) throw damaged(segment, `${younger.proof} was written after it was synced`);
      if (next !== undefined && next.header.firstSequence !== sequence) {
        throw damaged(segment, `${next.path} begins with frame ${next.header.firstSequence}`);
      }
      unprovenOffset = offsets[syncedSequence + 1 - segment.header.firstSequence] ?? segment.endOffset;
      strayEnd = younger.end;
    } finally {
      await file.close();
    }
  }
  return { nextSequence: sequence, unprovenOffset, strayEnd };
}

function damaged(segment: LogSegment, evidence: string): OperationError {
  return new OperationError(
    'corruption',
    `the log is damaged at ${segment.path}, offset ${segment.endOffset}: the frame there fails its checksum, but ${evidence}`,
    {
      hint: 'Nothing was changed. Restore a backup, or put back an undamaged copy of that file.',
    },
  );
}

/**
 * A file that has no header of a segment must hold no frame that would come next in the log, or its header was lost.
 * @param logId Undefined where no segment tells of it: then a frame of any log is one too many.
 * @throws OperationError `corruption`.
 */
export async function checkSpare(
  files: Files,
  spare: SpareSegment,
  logId: bigint | undefined,
  nextSequence: number,
): Promise<void> {
  const file = await files.open(spare.path, { mode: 'read' });
  try {
    const found = await findYoungerFrames(
      file,
      { ...spare, header: { logId } },
      SEGMENT_HEADER_BYTES,
      nextSequence - 1,
    );
    if (found.end === SEGMENT_HEADER_BYTES && found.proof === undefined) return;
    throw new OperationError(
      'corruption',
      `the log is damaged at ${spare.path}, offset 0: its header is missing, but frames of the log follow it`,
      { hint: 'Nothing was changed. Restore a backup, or put back an undamaged copy of that file.' },
    );
  } finally {
    await file.close();
  }
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

  /**
   * The next intact frame, which must have that sequence and end by `limit`; undefined when there is none. Nothing is
   * read beyond `limit`, so that what is written there later will be seen. The body is valid until the next call.
   */
  next(sequence: number, limit: number): Promise<LogFrame | undefined>;
  /** As above; a long one without a commit behind `after` has no body: to check it takes no memory for all of it. */
  next(sequence: number, limit: number, after: Version): Promise<LogFrame | FrameWithoutBody | undefined>;
  async next(sequence: number, limit: number, after = -1): Promise<LogFrame | FrameWithoutBody | undefined> {
    const head = await this.#view(this.#offset, FRAME_HEADER_BYTES, limit);
    const header = head === undefined ? undefined : decodeFrameHeader(head);
    if (header === undefined || header.logId !== this.#segment.header.logId || header.sequence !== sequence)
      return undefined;
    const { bodyBytes } = header;
    if (bodyBytes > READ_CHUNK_BYTES && header.firstVersion + header.commits - 1 <= after) {
      const frame = { segment: this.#segment, offset: this.#offset, header, body: undefined };
      if (!(await this.#isIntact(header, limit))) return undefined;
      this.#offset += frameBytes(bodyBytes);
      return frame;
    }
    const image = await this.#view(this.#offset, FRAME_HEADER_BYTES + header.bodyBytes, limit);
    const body = image?.subarray(FRAME_HEADER_BYTES);
    if (image === undefined || body === undefined || !bodyIsIntact(header, body)) return undefined;
    const frame = { segment: this.#segment, offset: this.#offset, header, body, image };
    this.#offset += frameBytes(header.bodyBytes);
    return frame;
  }

  /** Whether the body of the frame at hand is, of which so much is read at a time. */
  async #isIntact({ bodyBytes, bodyCrc: expected }: FrameHeader, limit: number): Promise<boolean> {
    const start = this.#offset + FRAME_HEADER_BYTES;
    if (start + bodyBytes > limit) return false;
    const chunk = Buffer.allocUnsafeSlow(READ_CHUNK_BYTES);
    let sum = 0;
    for (let at = 0; at < bodyBytes; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, bodyBytes - at));
      if ((await this.#file.read(part, start + at)) < part.length) return false;
      sum = bodyCrc(part, sum);
    }
    return sum === expected;
  }

  get offset(): number {
    return this.#offset;
  }

  async #view(offset: number, length: number, limit: number): Promise<Bytes | undefined> {
    const start = offset - this.#chunkOffset;
    if (start >= 0 && start + length <= this.#chunk.length) return this.#chunk.subarray(start, start + length);
    if (offset + length > limit) return undefined;
    // What is longer is a frame's own: who takes it over has it in the memory that the engine needs it in.
    const chunk =
      length > READ_CHUNK_BYTES
        ? Buffer.from(new SharedArrayBuffer(length))
        : Buffer.allocUnsafeSlow(Math.min(READ_CHUNK_BYTES, limit - offset));
    const read = await this.#file.read(chunk, offset);
    this.#chunk = chunk.subarray(0, read);
    this.#chunkOffset = offset;
    return read < length ? undefined : this.#chunk.subarray(0, length);
  }
}

const READ_CHUNK_BYTES = 1024 * 1024;

/**
 * Looks from `offset` on for intact frame headers with a later sequence than `sequence`.
 * @returns where the last of them ends, and one that proves that frame `sequence` was on stable storage.
 */
async function findYoungerFrames(
  file: File,
  segment: { readonly bytes: number; readonly header: { readonly logId: bigint | undefined } },
  offset: number,
  sequence: number,
): Promise<{ readonly end: number; readonly proof: string | undefined }> {
  const { logId } = segment.header;
  const chunk = Buffer.allocUnsafeSlow(
    Math.max(FRAME_HEADER_BYTES, Math.min(READ_CHUNK_BYTES, segment.bytes - offset)),
  );
  let end = offset;
  for (let start = offset; start < segment.bytes; start += chunk.length - FRAME_HEADER_BYTES + 1) {
    const read = await file.read(chunk, start);
    const bytes = chunk.subarray(0, read);
    for (let at = bytes.indexOf(FRAME_MAGIC); at >= 0; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
      const header = decodeFrameHeader(bytes, at);
      if (header === undefined || header.sequence <= sequence) continue;
      if (logId !== undefined && header.logId !== logId) continue;
      const name = `frame ${header.sequence} at offset ${start + at}`;
      if (header.syncedSequence >= sequence) return { end, proof: name };
      end = Math.max(end, Math.min(segment.bytes, start + at + frameBytes(header.bodyBytes)));
    }
    if (read < chunk.length) break;
  }
  return { end, proof: undefined };
}
