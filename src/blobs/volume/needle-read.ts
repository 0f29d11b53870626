/** Reads the record that an index names, and checks that it is what the index says. */

import { OperationError } from '../../base/errors.ts';
import type { File } from '../../platform/files.ts';
import { decodeNeedle, recordBytes, type StoredNeedle } from '../formats/needle.ts';
import type { NeedleVersion } from '../formats/super-block.ts';
import { ttlSeconds } from '../formats/ttl.ts';
import { readLargeNeedle, WHOLE_RECORD_BYTES_MAX } from './record-scan.ts';

const PIECE_BYTES = 1024 * 1024;

/** What an index tells of a needle. */
export interface NeedlePlace {
  readonly id: bigint;
  readonly offset: number;
  /** Of its body. */
  readonly size: number;
}

/** A needle that was found. Data too large to be read at once comes as pieces. */
export interface ReadNeedle {
  readonly needle: StoredNeedle;
  /** Of the data as stored. */
  readonly dataBytes: number;
  /** Pieces of at most a mebibyte of `data[start, end)`, each the caller's own. Undefined when `needle.data` has it all. */
  readonly pieces: ((start: number, end: number) => AsyncGenerator<Buffer>) | undefined;
  /** Lets go of the files behind `pieces`; to be called once they are not read any more. */
  close(): void;
}

export interface FoundRecord {
  readonly needle: StoredNeedle;
  readonly dataBytes: number;
  /** Where the data lies in the file, if it was too large to be read at once. */
  readonly dataOffset: number | undefined;
}

/** With one read, or several for a large record. @throws OperationError `corruption`. */
export async function readRecord(
  dat: File,
  place: NeedlePlace,
  version: NeedleVersion,
  volumeId: number,
): Promise<FoundRecord> {
  const { offset, size } = place;
  const total = recordBytes(size, version);
  if (total > WHOLE_RECORD_BYTES_MAX) {
    const large = await readLargeNeedle(dat, offset, size, version, volumeId);
    assertIs(large.needle, place, volumeId);
    return large;
  }
  const bytes = Buffer.allocUnsafe(total);
  const read = await dat.read(bytes, offset);
  const needle = decodeRead(bytes, read, place, version, volumeId);
  return { needle, dataBytes: needle.data.length, dataOffset: undefined };
}

/** The needle in what was read for a record, as views of `bytes`. @throws OperationError `corruption`. */
export function decodeRead(
  bytes: Buffer,
  read: number,
  place: NeedlePlace,
  version: NeedleVersion,
  volumeId: number,
): StoredNeedle {
  const { offset, size } = place;
  if (read < bytes.length || bytes.readInt32BE(12) !== size) {
    throw new OperationError('corruption', `volume ${volumeId} has no record of ${size} bytes at ${offset}`);
  }
  const needle = decodeNeedle(bytes, 0, version, volumeId);
  assertIs(needle, place, volumeId);
  return needle;
}

function assertIs(needle: StoredNeedle, place: NeedlePlace, volumeId: number): void {
  if (needle.id === place.id && needle.size === place.size) return;
  throw new OperationError(
    'corruption',
    `volume ${volumeId}: the index names needle ${place.id.toString(16)} where ${needle.id.toString(16)} lies`,
  );
}

/** Whether the needle's time to live is over. Needles without time of modification have none. */
export function isExpired(needle: StoredNeedle, nowMs: number): boolean {
  if (needle.ttl === undefined || needle.lastModifiedS === undefined) return false;
  const writtenS = needle.appendAtNs > 0n ? Number(needle.appendAtNs / 1_000_000_000n) : needle.lastModifiedS;
  return writtenS + ttlSeconds(needle.ttl) < nowMs / 1000;
}

export async function* readPieces(dat: File, dataOffset: number, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - at));
    const read = await dat.read(piece, dataOffset + at);
    if (read < piece.length) throw new OperationError('corruption', 'the data of a needle is cut off');
    at += read;
    yield piece;
  }
}
