/**
 * The stored form of a lease, of one actor or of a whole member. Documented in docs/formats/actors.md; integers
 * little-endian.
 *
 *   offset  size  field
 *   0       1     format: 1
 *   1       8     epoch: grows with every change of owner, never reused
 *   9       8     expiry, wall milliseconds since 1970; ff × 8 when it does not expire
 *   17      …     the owner's member id, UTF-8; empty when the lease was given back
 *
 * A commit is fenced by requiring these exact bytes. The expiry only tells others when they may try to take the lease;
 * whether the old owner may still commit is decided by the bytes alone, so no clock can break it.
 */

import { assert } from '../base/assert.ts';
import { asBuffer, type Bytes, text } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';

const FORMAT = 1;
const HEADER_BYTES = 17;
const NEVER = 0xffff_ffff_ffff_ffffn;

export interface LeaseRecord {
  readonly epoch: bigint;
  /** Wall milliseconds; undefined when it does not expire. */
  readonly expiresAtMs: number | undefined;
  /** Empty when nobody holds it. */
  readonly member: string;
}

export function encodeLeaseRecord(record: LeaseRecord): Bytes {
  assert(record.epoch > 0n, 'epochs begin with 1');
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + Buffer.byteLength(record.member));
  bytes[0] = FORMAT;
  bytes.writeBigUInt64LE(record.epoch, 1);
  bytes.writeBigUInt64LE(record.expiresAtMs === undefined ? NEVER : BigInt(Math.ceil(record.expiresAtMs)), 9);
  bytes.write(record.member, HEADER_BYTES);
  return bytes;
}

/** @throws OperationError `corruption`, `store_format`. */
export function decodeLeaseRecord(bytes: Bytes): LeaseRecord {
  if (bytes.length < HEADER_BYTES) throw new OperationError('corruption', `lease record of ${bytes.length} bytes`);
  if (bytes[0] !== FORMAT) throw new OperationError('store_format', `lease record of format ${bytes[0]}`);
  const buffer = asBuffer(bytes);
  const expiry = buffer.readBigUInt64LE(9);
  return {
    epoch: buffer.readBigUInt64LE(1),
    expiresAtMs: expiry === NEVER ? undefined : Number(expiry),
    member: text(bytes.subarray(HEADER_BYTES)),
  };
}
