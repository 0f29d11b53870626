/** Packed entries of an engine and what was written above them, as packed entries. */

import { type Bytes, compareParts, copyPart } from '../base/bytes.ts';
import type { PackedPiece } from './engine.ts';
import type { Key } from './key-range.ts';
import { OPERATION_HEADER_BYTES, operationKeyLength, operationValueLength } from './operations.ts';
import type { OverlayWalk } from './overlay-walk.ts';
import { PackedEntries } from './packed-entries.ts';
import type { Version } from './store.ts';

/** What is side by side in a batch: the last entry whole, but none that is longer than all of this. */
const PACKED_BYTES_MAX = 256 * 1024;

export interface Merged {
  readonly entries: PackedEntries;
  /** The first key that is not among them for want of room; undefined where all are. */
  readonly next: Key | undefined;
  /** Of the youngest entry from above. */
  readonly version: Version;
}

/** Where the key of an entry begins, how long it is, and how far it and what is wanted of its value go. */
interface Found {
  readonly bytes: Buffer;
  readonly start: number;
  readonly keyLength: number;
  readonly length: number;
}

/** Up to `entriesMax` of the entries of a range that ends at `end`, over the same memory. */
export function firstOf(entries: PackedEntries, entriesMax: number, end: Bytes | undefined): PackedPiece {
  if (entries.count <= entriesMax) return { entries, end };
  const to = entries.from + entriesMax;
  return { entries: entries.slice(entries.from, to), end: entries.keyAt(to) };
}

/**
 * Copies the entries of both in the order of their keys, of a key that both have the one from above. As many as are wanted, and
 * not much more than `PACKED_BYTES_MAX` of them.
 * @param above Has come to its first entry.
 */
export function merge(
  above: OverlayWalk,
  below: PackedEntries,
  { entriesMax, keysOnly }: { readonly entriesMax: number; readonly keysOnly: boolean },
): Merged {
  const found: Found[] = [];
  let bytes = 0;
  let version = 0;
  let next: Key | undefined;
  let i = below.from;
  let fromAbove: Found | undefined = entryAbove(above, keysOnly);
  let fromBelow = i < below.to ? entryBelow(below, i, keysOnly) : undefined;
  for (;;) {
    const order = compareFound(fromAbove, fromBelow);
    const entry = order <= 0 ? fromAbove : fromBelow;
    if (entry === undefined) break;
    if (found.length === entriesMax || bytes >= PACKED_BYTES_MAX || entry.length > PACKED_BYTES_MAX) {
      next = Buffer.from(entry.bytes.subarray(entry.start, entry.start + entry.keyLength));
      break;
    }
    let isDeletion = false;
    if (order >= 0) fromBelow = ++i < below.to ? entryBelow(below, i, keysOnly) : undefined;
    if (order <= 0) {
      version = Math.max(version, above.version);
      isDeletion = above.memtable.isDeletion(above.entry);
      fromAbove = above.next() ? entryAbove(above, keysOnly) : undefined;
    }
    if (isDeletion) continue;
    found.push(entry);
    bytes += entry.length;
  }
  return { entries: copyOf(found, bytes), next, version };
}

function entryAbove({ memtable, entry }: OverlayWalk, keysOnly: boolean): Found {
  const bytes = memtable.arena;
  const offset = memtable.offsetOf(entry);
  const keyLength = operationKeyLength(bytes, offset);
  const length = keysOnly ? keyLength : keyLength + operationValueLength(bytes, offset);
  return { bytes, start: offset + OPERATION_HEADER_BYTES, keyLength, length };
}

function entryBelow({ bytes, offsets }: PackedEntries, i: number, keysOnly: boolean): Found {
  const start = offsets[i * 2]!;
  const keyLength = offsets[i * 2 + 1]! - start;
  return { bytes, start, keyLength, length: keysOnly ? keyLength : offsets[i * 2 + 2]! - start };
}

/** Order of their keys; what there is comes before what there is not. */
function compareFound(a: Found | undefined, b: Found | undefined): number {
  if (a === undefined) return b === undefined ? 0 : 1;
  if (b === undefined) return -1;
  return compareParts(a.bytes, a.start, a.start + a.keyLength, b.bytes, b.start, b.start + b.keyLength);
}

/** What lies side by side already is copied at once. */
function copyOf(found: readonly Found[], bytes: number): PackedEntries {
  const copy = Buffer.allocUnsafe(bytes);
  const offsets = new Uint32Array(found.length * 2 + 1);
  let at = 0;
  for (let i = 0; i < found.length; ) {
    const { bytes: from, start } = found[i]!;
    let end = start;
    for (; i < found.length && found[i]!.bytes === from && found[i]!.start === end; i++) {
      const { keyLength, length } = found[i]!;
      offsets[i * 2 + 1] = at + (end - start) + keyLength;
      end += length;
      offsets[i * 2 + 2] = at + (end - start);
    }
    copyPart(copy, at, from, start, end);
    at += end - start;
  }
  return new PackedEntries(copy, offsets);
}
