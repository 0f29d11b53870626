/** The hash by which an arena finds entries, under a seed of its own; never stored. */

import { viewOf } from '../../base/byte-views.ts';
import type { Bytes } from '../../base/bytes.ts';

/** The hash of a key of `database` in `buffer[start, end)`. Four bytes a step, as MurmurHash3. */
export function hashEntryKey(seed: number, database: number, buffer: Bytes, start: number, end: number): number {
  let hash = seed ^ Math.imul(database + 1, 0x9e3779b1);
  const view = viewOf(buffer);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const mixed = Math.imul(view.getInt32(at, true), 0xcc9e2d51);
    hash ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = end - start;
  for (; at < end; at++) rest = Math.imul(rest, 0x101) + buffer[at]!;
  hash ^= Math.imul(rest, 0xcc9e2d51);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
