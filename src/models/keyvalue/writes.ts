/** How values are written to a `Database`: at once, or in slices where they are of many megabytes. */

import type { Awaitable } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { lengthOfParts, type Part } from '../../base/parts.ts';
import type { Database } from './database.ts';
import {
  type ExpiryMs,
  encodeString,
  encodeStringHeader,
  encodeStringParts,
  LARGE_STRING_BYTES,
  NEVER,
} from './values.ts';

/** An expiry that has passed removes the key. */
export function writeString(on: Database, key: Bytes, value: Bytes, expiresAtMs: ExpiryMs): Awaitable<void> {
  if (expiresAtMs !== NEVER && expiresAtMs <= on.nowMs) on.delete(key);
  else if (value.length > LARGE_STRING_BYTES && on.putInSlices !== undefined)
    return on.putInSlices(key, [encodeStringHeader(expiresAtMs), value]);
  else on.put(key, encodeString(value, expiresAtMs));
}

/** A string that is given in parts, which stay as they are until it is written. */
export function writeInParts(on: Database, key: Bytes, parts: readonly Part[], expiresAtMs: ExpiryMs): Awaitable<void> {
  const length = lengthOfParts(parts);
  if (length > LARGE_STRING_BYTES && on.putInSlices !== undefined)
    return on.putInSlices(key, [encodeStringHeader(expiresAtMs), ...parts]);
  on.put(key, encodeStringParts(parts, length, expiresAtMs));
}

/** A value as it was read, its expiry included. */
export function writeStored(on: Database, key: Bytes, stored: Bytes): Awaitable<void> {
  if (stored.length > LARGE_STRING_BYTES && on.putInSlices !== undefined) return on.putInSlices(key, [stored]);
  on.put(key, stored);
}
