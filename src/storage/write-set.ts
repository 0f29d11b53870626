/**
 * What a transaction writes: one memtable in an overlay of its own, its arena in the byte form in which it will be logged, with
 * room in front for the header of the frame.
 */

import type { Bytes } from '../base/bytes.ts';
import { COMMIT_START, FRAME_ALIGNMENT } from './log-format.ts';
import { operationEnd } from './operations.ts';
import { Overlay } from './overlay.ts';
import { VersionedMemtable } from './versioned-memtable.ts';

/** Room for operations in a new write set. */
export const WRITE_BYTES_FIRST = 256;
/** Of all writes of a transaction, but those that frozen reads do not see. */
export const FIRST_SEQUENCE = 1;

export function newWriteSet(): Overlay {
  const writes = new Overlay();
  const memtable = new VersionedMemtable(Buffer.allocUnsafe(COMMIT_START + WRITE_BYTES_FIRST + FRAME_ALIGNMENT), 8, 0);
  memtable.used = COMMIT_START;
  memtable.lastVersion = FIRST_SEQUENCE;
  writes.memtables.push(memtable);
  return writes;
}

/** Whether its entries are its operations, each of another key. */
export function isPlain(memtable: VersionedMemtable): boolean {
  return memtable.keyCount === memtable.entryCount && memtable.ranges.count === 0;
}

/** The operations to log: all of them, or without those that a later one of the same transaction replaced. */
export function withoutSuperseded(memtable: VersionedMemtable): Bytes {
  const { arena } = memtable;
  if (isPlain(memtable) || memtable.ranges.count > 0) {
    return arena.subarray(COMMIT_START, memtable.used);
  }
  const parts: Bytes[] = [];
  for (let i = 0; i < memtable.keyCount; i++) {
    const offset = memtable.offsetOf(memtable.head(memtable.rootAt(i)));
    parts.push(arena.subarray(offset, operationEnd(arena, offset)));
  }
  return Buffer.concat(parts);
}
