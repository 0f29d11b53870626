/**
 * Who is told of commits that touch a range, inside the stretch that orders them (see `Store.watch`).
 *
 * Every commit passes here, and almost none concerns anybody. Of a key that is in no watched range it is known how many of its
 * bytes say so; keys behind it that begin with the same bytes, in this commit and in later ones, are passed over.
 */

import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/bytes.ts';
import { type KeyRange, rangeContains, rangesOverlap } from './key-range.ts';
import {
  DELETE,
  OPERATION_HEADER_BYTES,
  operationEnd,
  operationKey,
  operationKeyLength,
  operationKind,
  operationRange,
  readOperations,
} from './operations.ts';
import { REUSED_ARENA_BYTES_MAX } from './overlay.ts';
import type { Change, CommitRecord, Version } from './store.ts';

/** Of a key in no watched range; where more of them say so, the next key is looked at again. */
const OUTSIDE_BYTES_MAX = 64;
const NONE_OUTSIDE = Number.POSITIVE_INFINITY;

interface Watcher {
  readonly range: KeyRange;
  /** Bytes that all keys of the range begin with. */
  readonly prefix: Bytes;
  readonly listener: (record: CommitRecord) => void;
}

export class Watchers {
  readonly #onError: (error: unknown) => void;
  #watchers: readonly Watcher[] = [];
  /** The bytes that say of the latest key in no watched range that it is in none, and how many they are. */
  readonly #outside = new Uint8Array(OUTSIDE_BYTES_MAX);
  #outsideBytes = NONE_OUTSIDE;

  /** @param onError Told of a listener that threw: the commit has happened, and whoever made it must not hear otherwise. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** @returns a function that takes it away again. */
  add(range: KeyRange, listener: (record: CommitRecord) => void): () => void {
    const watcher = { range, prefix: commonPrefix(range), listener };
    this.#watchers = [...this.#watchers, watcher];
    this.#outsideBytes = NONE_OUTSIDE;
    return () => {
      this.#watchers = this.#watchers.filter((other) => other !== watcher);
    };
  }

  /** A commit whose operations lie at `[start, end)`. */
  notify(arena: Bytes, start: number, end: number, version: Version): void {
    if (this.#watchers.length === 0) return;
    const touched = this.#touchedBy(arena, start, end);
    if (touched === undefined) return;
    this.#outsideBytes = NONE_OUTSIDE; // It may say so of the other watchers only.
    // In the order in which they came.
    for (const watcher of touched.length === 1 ? touched : this.#watchers.filter((each) => touched.includes(each))) {
      const record = new WatchedCommit(version, arena, start, end, watcher);
      try {
        watcher.listener(record);
      } catch (error) {
        this.#onError(error);
      }
      record.detach();
    }
  }

  /** Those of whose ranges a key is touched. */
  #touchedBy(arena: Bytes, start: number, end: number): Watcher[] | undefined {
    let touched: Watcher[] | undefined;
    for (let offset = start; offset < end; offset = operationEnd(arena, offset)) {
      const isRange = operationKind(arena, offset) > DELETE;
      const key = offset + OPERATION_HEADER_BYTES;
      const length = operationKeyLength(arena, offset);
      if (!isRange && this.#isOutside(arena, key, length)) continue;
      let bytesMost = 0;
      for (const watcher of this.#watchers) {
        if (touched?.includes(watcher) === true) continue;
        const bytes = isRange ? 0 : bytesOutside(arena, key, length, watcher);
        if (bytes > bytesMost) bytesMost = bytes;
        if (bytes > 0 || (isRange && !rangesOverlap(operationRange(arena, offset), watcher.range))) continue;
        touched ??= [];
        touched.push(watcher);
      }
      if (touched?.length === this.#watchers.length) return touched;
      if (isRange) continue;
      this.#noteOutside(arena, key, bytesMost > length ? NONE_OUTSIDE : bytesMost);
    }
    return touched;
  }

  /** Whether a key is known to touch none but the watchers that this commit has touched already. */
  #isOutside(arena: Bytes, at: number, length: number): boolean {
    const bytes = this.#outsideBytes;
    if (bytes > length) return false;
    const outside = this.#outside;
    for (let i = 0; i < bytes; i++) if (arena[at + i] !== outside[i]) return false;
    return true;
  }

  #noteOutside(arena: Bytes, at: number, bytes: number): void {
    this.#outsideBytes = bytes > OUTSIDE_BYTES_MAX ? NONE_OUTSIDE : bytes;
    if (bytes > OUTSIDE_BYTES_MAX) return;
    for (let i = 0; i < bytes; i++) this.#outside[i] = arena[at + i]!;
  }
}

/** How many bytes of a key say that it is not in the watched range, which may be one more than it has; 0 where it is. */
function bytesOutside(arena: Bytes, at: number, length: number, { prefix, range }: Watcher): number {
  const shared = sharedBytes(arena, at, length, prefix);
  if (shared < prefix.length) return shared + 1;
  if (rangeContains(range, arena.subarray(at, at + length))) return 0;
  const { start, end } = range;
  const ofStart = sharedBytes(arena, at, length, start);
  return Math.max(ofStart, end === undefined ? 0 : sharedBytes(arena, at, length, end)) + 1;
}

/** How many bytes a key and `other` have in common at their beginnings. */
function sharedBytes(arena: Bytes, at: number, length: number, other: Bytes): number {
  const most = Math.min(length, other.length);
  let i = 0;
  while (i < most && arena[at + i] === other[i]) i++;
  return i;
}

/**
 * What a watcher is told: the changes of its range, copied only if it looks at them, within the call. Very long ones are views: the
 * arena in which they lie is not used again.
 */
class WatchedCommit implements CommitRecord {
  readonly version: Version;
  #arena: Bytes | undefined;
  readonly #start: number;
  readonly #end: number;
  readonly #watcher: Watcher;
  #changes: readonly Change[] | undefined;

  constructor(version: Version, arena: Bytes, start: number, end: number, watcher: Watcher) {
    this.version = version;
    this.#arena = arena;
    this.#start = start;
    this.#end = end;
    this.#watcher = watcher;
  }

  get changes(): readonly Change[] {
    const arena = this.#arena;
    if (this.#changes !== undefined) return this.#changes;
    assert(arena !== undefined, 'changes are looked at within the call of a watcher');
    const changes: Change[] = [];
    for (let start = this.#start; start < this.#end; ) {
      const end = operationEnd(arena, start);
      if (touches(arena, start, end, this.#watcher)) {
        const isLasting = end - start > REUSED_ARENA_BYTES_MAX;
        changes.push(...(isLasting ? readOperations(arena, start, end) : copyChanges(arena, start, end)));
      }
      start = end;
    }
    this.#changes = changes;
    return changes;
  }

  /** The call is over: the bytes may change. */
  detach(): void {
    this.#arena = undefined;
  }
}

export function copyChanges(from: Bytes, start: number, end: number): Change[] {
  const copy = Buffer.from(from.subarray(start, end));
  return [...readOperations(copy, 0, copy.length)];
}

/** Whether an operation of `[start, end)` touches the watched range; rejects by the first bytes of the keys. */
function touches(arena: Bytes, start: number, end: number, watcher: Watcher): boolean {
  const { prefix } = watcher;
  for (let offset = start; offset < end; offset = operationEnd(arena, offset)) {
    if (operationKind(arena, offset) > DELETE) {
      if (rangesOverlap(operationRange(arena, offset), watcher.range)) return true;
      continue;
    }
    const key = offset + OPERATION_HEADER_BYTES;
    if (beginsWith(arena, key, prefix) && rangeContains(watcher.range, operationKey(arena, offset))) return true;
  }
  return false;
}

function beginsWith(arena: Bytes, at: number, prefix: Bytes): boolean {
  let i = 0;
  while (i < prefix.length && arena[at + i] === prefix[i]) i++;
  return i === prefix.length;
}

function commonPrefix(range: KeyRange): Bytes {
  if (range.end === undefined) return Buffer.alloc(0);
  let length = 0;
  while (length < range.start.length && length < range.end.length && range.start[length] === range.end[length])
    length++;
  return Buffer.from(range.start.subarray(0, length));
}
