/** Rows that are put, one behind the other, in the form of operations.ts: what comes before and behind a row's bytes. */

import { OPERATION_HEADER_BYTES, PUT, writeOperationHeader } from '../../storage/operations.ts';
import { KEY_BYTES_MAX } from '../../storage/store.ts';
import type { KeyWriter } from '../../storage/tuple.ts';
import type { ValueWriter } from './value-codec.ts';

/** Rows that take more than this together are not put together. */
export const PUTS_BYTES_MAX = 4 * 1024 * 1024;

/** Writes the key; the value comes next. @returns false, with nothing written, for a key that is longer than a store takes. */
export function beginPut(writer: ValueWriter, key: KeyWriter): boolean {
  const keyLength = key.length;
  if (keyLength > KEY_BYTES_MAX) return false;
  writer.reserve(OPERATION_HEADER_BYTES + keyLength);
  writer.length = key.copyInto(writer.buffer, writer.length + OPERATION_HEADER_BYTES);
  return true;
}

/** Once the value is written: its header. @param start Where the put began. */
export function endPut(writer: ValueWriter, start: number, keyLength: number): void {
  const valueLength = writer.length - start - OPERATION_HEADER_BYTES - keyLength;
  writeOperationHeader(writer.buffer, start, PUT, keyLength, valueLength);
}
