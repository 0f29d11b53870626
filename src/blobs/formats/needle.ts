/**
 * Needle records: what a `.dat` file holds after its super block. One record is one stored blob, or one delete.
 *
 * Header, all versions; integers are big-endian, records begin at multiples of 8:
 *
 *   offset  size  field
 *   0       4     cookie: random, guards against guessing
 *   4       8     needle id
 *   12      4     size of the body, signed: without header, checksum, time and padding
 *
 * Body, version 1: the data. Body, versions 2 and 3, absent altogether when the data is empty:
 *
 *   size    field                                 present when
 *   4       length of the data                    always
 *   …       data                                  always
 *   1       flags                                 always
 *   1 + n   length and name                       flag 0x02
 *   1 + n   length and mime type                  flag 0x04
 *   5       last modified, seconds since 1970     flag 0x08
 *   2       time to live (ttl.ts)                 flag 0x10
 *   2 + n   length and pairs, a JSON object       flag 0x20
 *
 *   Other flags: 0x01 the data is gzip, 0x80 the data is a chunk manifest. 0x40 is unused and not kept.
 *
 * Trailer: checksum (4); in version 3 the time of appending, nanoseconds since 1970 (8), greater than that of every
 * record before; padding to a multiple of 8, 1 to 8 bytes, with our seal (needle-seal.ts).
 *
 * The checksum is CRC-32C of the stored data, nothing else. SeaweedFS before 3.09 stored it masked: rotated right by 15 and
 * 0xa282ead8 added; both forms are read, only the raw one is written.
 *
 * A delete is a record without body that carries the cookie and checksum of the needle it deletes. Empty uploads have no
 * body either, and the checksum 0: a `.dat` file alone tells them apart by it, so where the deleted needle's checksum is 0,
 * Orbit writes `TOMBSTONE_CHECKSUM` instead, which nobody else looks at.
 */

import { asBuffer, type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { OperationError } from '../../base/errors.ts';
import { fileIdText } from './file-id.ts';
import { checkSeal, type RecordShape, writeLeftover, writeSeal } from './needle-seal.ts';
import type { NeedleVersion } from './super-block.ts';
import { decodeTtl, encodeTtl, TTL_BYTES, type Ttl } from './ttl.ts';

export const NEEDLE_HEADER_BYTES = 16;
export const NEEDLE_ALIGNMENT = 8;
/** The largest body: its size is a signed 32-bit integer, and a record must not wrap it. */
export const NEEDLE_SIZE_MAX = 2 ** 31 - 64;
/** Names and mime types are shorter than 256 bytes. */
export const NAME_BYTES_MAX = 255;
export const PAIRS_BYTES_MAX = 65_535;
/** Marks the delete of a needle whose own checksum is 0. */
export const TOMBSTONE_CHECKSUM = 0xffff_ffff;
/** Cookie of the tombstones that SeaweedFS writes while it catches up at the end of a vacuum. */
export const VACUUM_TOMBSTONE_COOKIE = 0x1234_5678;

const FLAG_GZIP = 0x01;
const FLAG_NAME = 0x02;
const FLAG_MIME = 0x04;
const FLAG_LAST_MODIFIED = 0x08;
const FLAG_TTL = 0x10;
const FLAG_PAIRS = 0x20;
const FLAG_MANIFEST = 0x80;

const LAST_MODIFIED_BYTES = 5;

export interface NeedleHeader {
  /** Unsigned 32 bits. */
  readonly cookie: number;
  readonly id: bigint;
  /** Bytes of the body. */
  readonly size: number;
}

/** What is stored beside the data. An empty name is not the same as none: it has its flag and a length of 0. */
export interface NeedleDetails {
  readonly gzip: boolean;
  readonly manifest: boolean;
  /** At most 255 bytes, as is `mime`. */
  readonly name: Bytes | undefined;
  readonly mime: Bytes | undefined;
  /** Seconds since 1970, below 2^40. */
  readonly lastModifiedS: number | undefined;
  readonly ttl: Ttl | undefined;
  /** A JSON object of text to text; at most 65,535 bytes. */
  readonly pairs: Bytes | undefined;
}

export interface Needle extends NeedleDetails {
  readonly cookie: number;
  readonly id: bigint;
  readonly data: Bytes;
}

/** A needle as it lies in a file. Its byte strings are views of what was decoded. */
export interface StoredNeedle extends Needle {
  readonly size: number;
  /** As stored, raw or masked. */
  readonly checksum: number;
  /** CRC-32C of the data, from which the entity tag is made; 0 without data. */
  readonly crc: number;
  /** 0 in versions 1 and 2. */
  readonly appendAtNs: bigint;
  /** Length of the whole record. */
  readonly recordBytes: number;
  readonly sealed: boolean;
}

export const NO_DETAILS: NeedleDetails = {
  gzip: false,
  manifest: false,
  name: undefined,
  mime: undefined,
  lastModifiedS: undefined,
  ttl: undefined,
  pairs: undefined,
};

/** Length of a record whose body has `size` bytes; -1, as of a deleted row, counts as 0. */
export function recordBytes(size: number, version: NeedleVersion): number {
  const bytes = NEEDLE_HEADER_BYTES + (size > 0 ? size : 0) + trailerBytes(version);
  return bytes + NEEDLE_ALIGNMENT - (bytes % NEEDLE_ALIGNMENT);
}

/** Bytes of checksum and time. */
function trailerBytes(version: NeedleVersion): number {
  return version === 3 ? 12 : 4;
}

/** The size of the body that this needle gets. */
export function bodyBytes(needle: Needle, version: NeedleVersion): number {
  return bodyBytesOf(needle, needle.data.length, version);
}

function bodyBytesOf(details: NeedleDetails, dataBytes: number, version: NeedleVersion): number {
  if (version === 1 || dataBytes === 0) return dataBytes;
  return 4 + dataBytes + tailBytes(details);
}

/** Bytes of the body behind the data. */
function tailBytes(details: NeedleDetails): number {
  return (
    1 +
    (details.name === undefined ? 0 : 1 + details.name.length) +
    (details.mime === undefined ? 0 : 1 + details.mime.length) +
    (details.lastModifiedS === undefined ? 0 : LAST_MODIFIED_BYTES) +
    (details.ttl === undefined ? 0 : TTL_BYTES) +
    (details.pairs === undefined ? 0 : 2 + details.pairs.length)
  );
}

export interface EncodeOptions {
  readonly version: NeedleVersion;
  /** Of the data, as it is to be stored. */
  readonly checksum: number;
  /** Version 3 only. */
  readonly appendAtNs: bigint;
  /** False leaves the padding as SeaweedFS would. Default true. */
  readonly seal?: boolean;
}

/** Writes a whole record. @returns where it ends: `recordBytes(bodyBytes(needle))` further on. */
export function encodeNeedle(into: Buffer, at: number, needle: Needle, options: EncodeOptions): number {
  const dataStart = writeHead(into, at, needle, options.version);
  into.set(needle.data, dataStart);
  return writeTail(into, at, dataStart, dataStart + needle.data.length, needle, options);
}

/**
 * A record in three pieces, for data too large to be copied: head and tail around the needle's own `data`.
 * Together they are what `encodeNeedle` writes.
 */
export function encodeAround(needle: Needle, options: EncodeOptions): { readonly head: Buffer; readonly tail: Buffer } {
  const { version } = options;
  const total = recordBytes(bodyBytes(needle, version), version);
  // Head and tail side by side, as if the data were empty where it lies: the seal does not look at it.
  const bytes = Buffer.alloc(total - needle.data.length);
  const dataStart = writeHead(bytes, 0, needle, version);
  writeTail(bytes, 0, dataStart, dataStart, needle, options);
  return { head: bytes.subarray(0, dataStart), tail: bytes.subarray(dataStart) };
}

function writeHead(into: Buffer, at: number, needle: Needle, version: NeedleVersion): number {
  into.writeUInt32BE(needle.cookie, at);
  into.writeBigUInt64BE(needle.id, at + 4);
  into.writeInt32BE(bodyBytes(needle, version), at + 12);
  if (version === 1 || needle.data.length === 0) return at + NEEDLE_HEADER_BYTES;
  into.writeUInt32BE(needle.data.length, at + NEEDLE_HEADER_BYTES);
  return at + NEEDLE_HEADER_BYTES + 4;
}

/** `data` is where it lies in `into`, which may be nowhere: an empty range at the end of the head. */
function writeTail(
  into: Buffer,
  start: number,
  dataStart: number,
  dataEnd: number,
  needle: Needle,
  options: EncodeOptions,
): number {
  const { version } = options;
  let at = dataEnd;
  const hasDetails = version !== 1 && needle.data.length > 0;
  if (hasDetails) at = writeDetails(into, at, needle);
  into.writeUInt32BE(options.checksum, at);
  at += 4;
  if (version === 3) {
    into.writeBigUInt64BE(options.appendAtNs, at);
    at += 8;
  }
  const lengthSoFar = at - start + needle.data.length - (dataEnd - dataStart);
  const end = at + NEEDLE_ALIGNMENT - (lengthSoFar % NEEDLE_ALIGNMENT);
  const lastModified = hasDetails ? needle.lastModifiedS : undefined;
  const shape: RecordShape = {
    version,
    start,
    dataStart,
    dataEnd,
    paddingStart: at,
    end,
    lastModifiedLow: lastModified === undefined ? undefined : lastModified % 2 ** 32,
  };
  if (options.seal === false) writeLeftover(into, shape);
  else writeSeal(into, shape);
  return end;
}

function writeDetails(into: Buffer, start: number, details: NeedleDetails): number {
  const { name, mime, lastModifiedS, ttl, pairs } = details;
  let at = start + 1;
  let flags = (details.gzip ? FLAG_GZIP : 0) | (details.manifest ? FLAG_MANIFEST : 0);
  if (name !== undefined) {
    flags |= FLAG_NAME;
    into[at++] = name.length;
    into.set(name, at);
    at += name.length;
  }
  if (mime !== undefined) {
    flags |= FLAG_MIME;
    into[at++] = mime.length;
    into.set(mime, at);
    at += mime.length;
  }
  if (lastModifiedS !== undefined) {
    flags |= FLAG_LAST_MODIFIED;
    into.writeUIntBE(lastModifiedS, at, LAST_MODIFIED_BYTES);
    at += LAST_MODIFIED_BYTES;
  }
  if (ttl !== undefined) {
    flags |= FLAG_TTL;
    encodeTtl(ttl, into, at);
    at += TTL_BYTES;
  }
  if (pairs !== undefined) {
    flags |= FLAG_PAIRS;
    into.writeUInt16BE(pairs.length, at);
    into.set(pairs, at + 2);
    at += 2 + pairs.length;
  }
  into[start] = flags;
  return at;
}

/** The first 16 bytes of a record; nothing about them is checked. */
export function decodeNeedleHeader(bytes: Bytes, at = 0): NeedleHeader {
  const buffer = asBuffer(bytes);
  return {
    cookie: buffer.readUInt32BE(at),
    id: buffer.readBigUInt64BE(at + 4),
    size: buffer.readInt32BE(at + 12),
  };
}

/**
 * Decodes the record at `at`, which must lie in `bytes` as a whole, as views of `bytes`. A body that ends before its
 * optional fields is taken as it is; fields that reach beyond it, a wrong checksum and a broken seal are refused.
 * @throws OperationError `corruption` naming the needle; `volumeId` is for its message.
 */
export function decodeNeedle(bytes: Bytes, at: number, version: NeedleVersion, volumeId?: number): StoredNeedle {
  return decodeRecord(asBuffer(bytes), at, { version, volumeId, absentBytes: 0, absentCrc: 0 });
}

/**
 * Decodes a record whose data was read, and its checksum computed, elsewhere: `bytes` are the record without its
 * `dataBytes` of data. The result's `data` is empty. @throws as `decodeNeedle`.
 */
export function decodeAround(
  bytes: Buffer,
  version: NeedleVersion,
  dataBytes: number,
  dataCrc: number,
  volumeId?: number,
): StoredNeedle {
  return decodeRecord(bytes, 0, { version, volumeId, absentBytes: dataBytes, absentCrc: dataCrc });
}

interface DecodeOptions {
  readonly version: NeedleVersion;
  readonly volumeId: number | undefined;
  /** The length of the data when it is not in the buffer; else 0. */
  readonly absentBytes: number;
  readonly absentCrc: number;
}

function decodeRecord(buffer: Buffer, at: number, options: DecodeOptions): StoredNeedle {
  const { version, volumeId, absentBytes } = options;
  const header = decodeNeedleHeader(buffer, at);
  const { size } = header;
  const damaged = (how: string) => new OperationError('corruption', `${nameForMessage(header, volumeId)}: ${how}`);
  if (size < 0 || size > NEEDLE_SIZE_MAX) throw damaged(`impossible size ${size}`);
  const total = recordBytes(size, version);
  const end = at + total - absentBytes;
  if (end > buffer.length) throw damaged('its record is cut off');
  const bodyStart = at + NEEDLE_HEADER_BYTES;
  const bodyEnd = bodyStart + size - absentBytes;
  let dataStart = bodyStart;
  let dataEnd = bodyEnd;
  let details = NO_DETAILS;
  if (version !== 1 && size > 0) {
    if (size < 4) throw damaged('its body is cut off');
    dataStart = bodyStart + 4;
    dataEnd = dataStart + buffer.readUInt32BE(bodyStart) - absentBytes;
    if (dataEnd > bodyEnd) throw damaged('its data reaches beyond its body');
    if (dataEnd < dataStart) throw damaged('its data has another length');
    details = decodeDetails(buffer, dataEnd, bodyEnd, damaged);
  }
  const hasData = dataEnd - dataStart + absentBytes > 0;
  const checksum = buffer.readUInt32BE(bodyEnd);
  const crc = absentBytes > 0 ? options.absentCrc : hasData ? crc32c(buffer, dataStart, dataEnd) : 0;
  if (hasData && !checksumFits(checksum, crc)) throw damaged('its data does not have its checksum');
  const { lastModifiedS } = details;
  const seal = checkSeal(buffer, {
    version,
    start: at,
    dataStart,
    dataEnd,
    paddingStart: bodyEnd + trailerBytes(version),
    end,
    lastModifiedLow: lastModifiedS === undefined ? undefined : lastModifiedS % 2 ** 32,
  });
  if (seal === 'broken') throw damaged('its record does not have its seal');
  return {
    cookie: header.cookie,
    id: header.id,
    size,
    data: dataEnd > dataStart ? buffer.subarray(dataStart, dataEnd) : EMPTY_BYTES,
    gzip: details.gzip,
    manifest: details.manifest,
    name: details.name,
    mime: details.mime,
    lastModifiedS,
    ttl: details.ttl,
    pairs: details.pairs,
    checksum,
    crc,
    appendAtNs: version === 3 ? buffer.readBigUInt64BE(bodyEnd + 4) : 0n,
    recordBytes: total,
    sealed: seal === 'intact',
  };
}

function decodeDetails(
  bytes: Buffer,
  start: number,
  end: number,
  damaged: (how: string) => OperationError,
): NeedleDetails {
  if (start === end) return NO_DETAILS;
  const flags = bytes[start]!;
  let at = start + 1;
  const take = (length: number): number => {
    const from = at;
    at += length;
    if (at > end) throw damaged('its optional fields reach beyond its body');
    return from;
  };
  const has = (flag: number): boolean => (flags & flag) !== 0 && at < end;
  const short = (): Bytes => {
    const length = bytes[take(1)]!;
    const from = take(length);
    return bytes.subarray(from, from + length);
  };
  const name = has(FLAG_NAME) ? short() : undefined;
  const mime = has(FLAG_MIME) ? short() : undefined;
  const lastModifiedS = has(FLAG_LAST_MODIFIED)
    ? bytes.readUIntBE(take(LAST_MODIFIED_BYTES), LAST_MODIFIED_BYTES)
    : undefined;
  const ttl = has(FLAG_TTL) ? decodeTtl(bytes, take(TTL_BYTES)) : undefined;
  let pairs: Bytes | undefined;
  if (has(FLAG_PAIRS)) {
    const length = bytes.readUInt16BE(take(2));
    const from = take(length);
    pairs = bytes.subarray(from, from + length);
  }
  return {
    gzip: (flags & FLAG_GZIP) !== 0,
    manifest: (flags & FLAG_MANIFEST) !== 0,
    name,
    mime,
    lastModifiedS,
    ttl,
    pairs,
  };
}

/** Whether `stored` is the checksum `crc`, raw or masked. */
function checksumFits(stored: number, crc: number): boolean {
  return stored === crc || stored === maskedChecksum(crc);
}

/** The form in which releases before 3.09 stored a checksum. */
export function maskedChecksum(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}

/** What a tombstone of a needle with that stored checksum carries. */
export function tombstoneChecksum(deleted: number): number {
  return deleted === 0 ? TOMBSTONE_CHECKSUM : deleted;
}

/** The entity tag: eight hexadecimal digits of the raw checksum of the stored data. */
export function entityTag(crc: number): string {
  return hex16(crc >>> 16) + hex16(crc & 0xffff);
}

/** Four digits. Numbers beyond 31 bits take V8 ten times as long. */
function hex16(value: number): string {
  return (value + 0x1_0000).toString(16).slice(1);
}

function nameForMessage(header: NeedleHeader, volumeId: number | undefined): string {
  if (volumeId === undefined) return `needle ${header.id.toString(16)}`;
  return `needle ${fileIdText({ volumeId, id: header.id, cookie: header.cookie })}`;
}
