/**
 * Bytes of the commit log. Documented, with literal bytes, in docs/formats/log.md; on disk since format 1.
 *
 * A log is a directory of segments `0000000001.log`, `0000000002.log`, … of equal size, preallocated and reused. A
 * segment is a header and frames; a frame is what one write to the log brought: the commits of a group, one after the
 * other. A frame is valid as a whole or not at all, and it tells which frames before it were on stable storage when it
 * was written: a broken one among those is damage; any other broken frame is where the log was torn by a power failure.
 *
 * Segment header, 64 bytes, written (synced) when the segment becomes the current one; integers little-endian:
 *
 *   offset  size  field
 *   0       8     "ORBITLOG"
 *   8       4     format version, 1
 *   12      4     CRC-32 of the header with this field zero
 *   16      8     segment number, equal to the file's name; another number marks a reused file not yet current
 *   24      8     log id, random, equal in all segments
 *   32      8     version of the first commit
 *   40      8     sequence of the first frame
 *   48      16    zero
 *
 * Frame, aligned to 8 bytes:
 *
 *   offset  size  field
 *   0       4     "OFRM"
 *   4       4     CRC-32 of bytes 8 to 64
 *   8       8     log id
 *   16      8     sequence: one greater than the frame's before
 *   24      8     version of the first commit; the others follow without gaps
 *   32      4     number of commits
 *   36      4     body length in bytes
 *   40      4     CRC-32 of the body
 *   44      4     zero
 *   48      8     wall time of the write, milliseconds since 1970
 *   56      8     sequence of the newest frame that was on stable storage when this one was written
 *   64      …     body: per commit, a length (uint32) and that many bytes of operations (operations.ts)
 */

import { crc32 } from 'node:zlib';
import { asBuffer, type Bytes } from '../base/bytes.ts';
import type { Version } from './store.ts';

export const LOG_FORMAT_VERSION = 1;
export const SEGMENT_HEADER_BYTES = 64;
export const FRAME_HEADER_BYTES = 64;
export const COMMIT_HEADER_BYTES = 4;
/** Where the operations begin of a commit that has a frame, and an arena, to itself. */
export const COMMIT_START = FRAME_HEADER_BYTES + COMMIT_HEADER_BYTES;
/** Frames begin at multiples of it. */
export const FRAME_ALIGNMENT = 8;

export const SEGMENT_MAGIC = Buffer.from('ORBITLOG', 'latin1');
export const FRAME_MAGIC = Buffer.from('OFRM', 'latin1');

export interface SegmentHeader {
  readonly number: number;
  readonly logId: bigint;
  readonly firstVersion: Version;
  readonly firstSequence: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(LOG_FORMAT_VERSION, 8);
  bytes.writeBigUInt64LE(BigInt(header.number), 16);
  bytes.writeBigUInt64LE(header.logId, 24);
  bytes.writeBigUInt64LE(BigInt(header.firstVersion), 32);
  bytes.writeBigUInt64LE(BigInt(header.firstSequence), 40);
  bytes.writeUInt32LE(crc32(bytes), 12);
  return bytes;
}

/** @returns undefined when the bytes are no header; the format version when it is one of another format. */
export function decodeSegmentHeader(from: Bytes): SegmentHeader | { readonly formatVersion: number } | undefined {
  const bytes = Buffer.from(from);
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return undefined;
  const crc = bytes.readUInt32LE(12);
  bytes.writeUInt32LE(0, 12);
  if (crc32(bytes.subarray(0, SEGMENT_HEADER_BYTES)) !== crc) return undefined;
  const formatVersion = bytes.readUInt32LE(8);
  if (formatVersion !== LOG_FORMAT_VERSION) return { formatVersion };
  return {
    number: Number(bytes.readBigUInt64LE(16)),
    logId: bytes.readBigUInt64LE(24),
    firstVersion: Number(bytes.readBigUInt64LE(32)),
    firstSequence: Number(bytes.readBigUInt64LE(40)),
  };
}

export interface FrameHeader {
  readonly logId: bigint;
  readonly sequence: number;
  readonly firstVersion: Version;
  readonly commits: number;
  readonly bodyBytes: number;
  readonly bodyCrc: number;
  readonly writtenAtMs: number;
  /** Of the newest frame that was on stable storage when this one was written; 0 for none. */
  readonly syncedSequence: number;
}

/** Writes the header in front of a body that already lies at `offset + 64`, and zeroes the padding behind it. */
export function sealFrame(arena: Buffer, offset: number, frame: FrameHeader): void {
  const bodyStart = offset + FRAME_HEADER_BYTES;
  const bodyEnd = bodyStart + frame.bodyBytes;
  arena.fill(0, offset, bodyStart);
  FRAME_MAGIC.copy(arena, offset);
  // Signed: V8 compiles for bigints of 64 bits with a sign, and one id in two would not be one.
  arena.writeBigInt64LE(BigInt.asIntN(64, frame.logId), offset + 8);
  writeUint64(arena, frame.sequence, offset + 16);
  writeUint64(arena, frame.firstVersion, offset + 24);
  arena.writeUInt32LE(frame.commits, offset + 32);
  arena.writeUInt32LE(frame.bodyBytes, offset + 36);
  arena.writeUInt32LE(frame.bodyCrc, offset + 40);
  writeUint64(arena, frame.writtenAtMs, offset + 48);
  writeUint64(arena, frame.syncedSequence, offset + 56);
  arena.writeUInt32LE(crc32(arena.subarray(offset + 8, bodyStart)), offset + 4);
  arena.fill(0, bodyEnd, align8(bodyEnd));
}

/** `bodyCrc` of bytes that may follow others, whose sum is `before`. */
export function bodyCrc(bytes: Bytes, before = 0): number {
  return crc32(asBuffer(bytes), before);
}

/** @returns undefined unless the 64 bytes at `offset` are an intact frame header; the body is not looked at. */
export function decodeFrameHeader(from: Bytes, offset = 0): FrameHeader | undefined {
  const bytes = asBuffer(from);
  if (offset + FRAME_HEADER_BYTES > bytes.length) return undefined;
  if (bytes.compare(FRAME_MAGIC, 0, 4, offset, offset + 4) !== 0) return undefined;
  if (crc32(bytes.subarray(offset + 8, offset + FRAME_HEADER_BYTES)) !== bytes.readUInt32LE(offset + 4))
    return undefined;
  return {
    logId: bytes.readBigUInt64LE(offset + 8),
    sequence: Number(bytes.readBigUInt64LE(offset + 16)),
    firstVersion: Number(bytes.readBigUInt64LE(offset + 24)),
    commits: bytes.readUInt32LE(offset + 32),
    bodyBytes: bytes.readUInt32LE(offset + 36),
    bodyCrc: bytes.readUInt32LE(offset + 40),
    writtenAtMs: Number(bytes.readBigUInt64LE(offset + 48)),
    syncedSequence: Number(bytes.readBigUInt64LE(offset + 56)),
  };
}

export function bodyIsIntact(header: FrameHeader, body: Bytes): boolean {
  return body.length === header.bodyBytes && bodyCrc(body) === header.bodyCrc;
}

/** Bytes that a frame takes in a segment. */
export function frameBytes(bodyBytes: number): number {
  return align8(FRAME_HEADER_BYTES + bodyBytes);
}

export function align8(offset: number): number {
  return (offset + 7) & ~7;
}

/** Start and end of the operations of each commit in a frame's body. */
export function* commitsOf(body: Bytes): Generator<{ readonly start: number; readonly end: number }> {
  const bytes = asBuffer(body);
  for (let offset = 0; offset < bytes.length; ) {
    const start = offset + COMMIT_HEADER_BYTES;
    const end = start + bytes.readUInt32LE(offset);
    yield { start, end };
    offset = end;
  }
}

export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.log`;
}

/** The number in a segment's file name; undefined for other files. */
export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{10})\.log$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Numbers below 2^53 without a bigint. */
function writeUint64(into: Buffer, value: number, offset: number): void {
  into.writeUInt32LE(value >>> 0, offset);
  into.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}
