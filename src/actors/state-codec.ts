/**
 * Saved state as bytes. Layout, integers little-endian; documented in docs/formats/actors.md:
 *
 *   offset  size  field
 *   0       1     format: 1
 *   1       2     version of the shape of the state, the definition's `stateVersion`
 *   3       …     the value as V8's structured clone writes it, beginning ff 0f (its own format version, 15)
 *
 * V8 reads every older format version of its own, keeps Map, Set, Date, bigint, typed arrays and cycles, and refuses
 * functions and symbols. Class instances come back as plain objects: give them a shape of their own in `upgrade`.
 */

import { deserialize, serialize } from 'node:v8';
import type { Bytes } from '../base/bytes.ts';
import { messageOf, OperationError } from '../base/errors.ts';

const FORMAT = 1;
const HEADER_BYTES = 3;

export const STATE_VERSION_MAX = 0xffff;

export interface DecodedState {
  readonly version: number;
  readonly value: unknown;
}

/** @throws OperationError `invalid_argument` for what cannot be stored, like functions. */
export function encodeState(value: unknown, version: number): Bytes {
  let body: Buffer;
  try {
    body = serialize(value);
  } catch (error) {
    throw new OperationError('invalid_argument', `state cannot be stored: ${messageOf(error)}`, { cause: error });
  }
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes[0] = FORMAT;
  bytes.writeUInt16LE(version, 1);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** @throws OperationError `corruption` when `bytes` are not what `encodeState` writes, `store_format` when newer. */
export function decodeState(bytes: Bytes): DecodedState {
  if (bytes.length <= HEADER_BYTES) throw new OperationError('corruption', `saved state of ${bytes.length} bytes`);
  if (bytes[0] !== FORMAT) {
    throw new OperationError('store_format', `saved state of format ${bytes[0]}; this build knows ${FORMAT}`);
  }
  try {
    return { version: bytes[1]! | (bytes[2]! << 8), value: deserialize(bytes.subarray(HEADER_BYTES)) };
  } catch (error) {
    throw new OperationError('corruption', `saved state does not decode: ${messageOf(error)}`, { cause: error });
  }
}
