/**
 * Who is told of commits that touch a range, inside the stretch that orders them (see `Store.watch`).
 *
 * Every commit passes here, and most are of a few kinds: of a key it is known how many of its bytes decide which ranges it is
 * in, and keys behind it that begin with the same bytes, in this commit and in later ones, are in the same.
 */

import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/bytes.ts';
import { objectList } from '../base/object-list.ts';
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

/** Beginnings of keys that are remembered: those of rows, of two indexes, of Redis' keys. */
const BEGINNINGS = 4;
const NOBODY: readonly Watcher[] = [];

interface Watcher {
  readonly range: KeyRange;
  /** Bytes that all keys of the range begin with. */
  readonly prefix: Bytes;
  readonly listener: (record: CommitRecord) => void;
}

/** All keys that begin with `bytes` are in the ranges of the same watchers. */
interface Beginning {
  readonly bytes: Bytes;
  readonly touched: readonly Watcher[];
}

export class Watchers {
  readonly #onError: (error: unknown) => void;
  #watchers: readonly Watcher[] = [];
  /** Of keys looked at lately, at most `BEGINNINGS`. */
  #known = objectList<Beginning>();
  /** Which of them gives way to the next. */
  #oldest = 0;

  /** @param onError Told of a listener that threw: the commit has happened, and whoever made it must not hear otherwise. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** @returns a function that takes it away again. */
  add(range: KeyRange, listener: (record: CommitRecord) => void): () => void {
    const watcher = { range, prefix: commonPrefix(range), listener };
    this.#replace([...this.#watchers, watcher]);
    return () => this.#replace(this.#watchers.filter((other) => other !== watcher));
  }

  #replace(watchers: readonly Watcher[]): void {
    this.#watchers = watchers;
    this.#known = objectList();
    this.#oldest = 0;
  }

  /** A commit whose operations lie at `[start, end)`. */
  notify(arena: Bytes, start: number, end: number, version: Version): void {
    if (this.#watchers.length === 0) return;
    const touched = this.#touchedBy(arena, start, end);
    for (const watcher of touched.length < 2 ? touched : this.#inOrder(touched)) {
      const record = new WatchedCommit(version, arena, start, end, watcher);
      try {
        watcher.listener(record);
      } catch (error) {
        this.#onError(error);
      }
      record.detach();
    }
  }

  /** As they came. */
  #inOrder(touched: readonly Watcher[]): readonly Watcher[] {
    return this.#watchers.filter((each) => touched.includes(each));
  }

  /** Those whose ranges are touched. */
  #touchedBy(arena: Bytes, start: number, end: number): readonly Watcher[] {
    let touched = NOBODY;
    for (let offset = start; offset < end; offset = operationEnd(arena, offset)) {
      if (operationKind(arena, offset) > DELETE) {
        const range = operationRange(arena, offset);
        touched = united(
          touched,
          this.#watchers.filter((watcher) => rangesOverlap(range, watcher.range)),
        );
      } else {
        const key = offset + OPERATION_HEADER_BYTES;
        const length = operationKeyLength(arena, offset);
        touched = united(touched, this.#lookUp(arena, key, length) ?? this.#look(arena, key, length));
      }
      if (touched.length === this.#watchers.length) return touched;
    }
    return touched;
  }

  /** Whose ranges a key is in, where that is known by its beginning. */
  #lookUp(arena: Bytes, at: number, length: number): readonly Watcher[] | undefined {
    for (const { bytes, touched } of this.#known) {
      if (bytes.length > length) continue;
      let i = 0;
      while (i < bytes.length && arena[at + i] === bytes[i]) i++;
      if (i === bytes.length) return touched;
    }
    return undefined;
  }

  /** Whose ranges a key is in, which is remembered. */
  #look(arena: Bytes, at: number, length: number): readonly Watcher[] {
    let touched: Watcher[] | undefined;
    let decisive = 0;
    for (const watcher of this.#watchers) {
      const { prefix, range } = watcher;
      const { start, end } = range;
      const ofPrefix = sharedBytes(arena, at, length, prefix);
      if (ofPrefix < prefix.length) {
        decisive = Math.max(decisive, ofPrefix + 1);
        continue;
      }
      const ofStart = sharedBytes(arena, at, length, start);
      const ofEnd = end === undefined ? -1 : sharedBytes(arena, at, length, end);
      decisive = Math.max(decisive, ofStart === start.length ? ofStart : ofStart + 1, ofEnd + 1);
      if (ofStart < start.length && (ofStart === length || arena[at + ofStart]! < start[ofStart]!)) continue;
      if (end !== undefined) {
        if (ofEnd === end.length || (ofEnd < length && arena[at + ofEnd]! > end[ofEnd]!)) continue;
      }
      touched ??= [];
      touched.push(watcher);
    }
    if (decisive <= length) {
      this.#known[this.#oldest] = { bytes: Buffer.from(arena.subarray(at, at + decisive)), touched: touched ?? NOBODY };
      this.#oldest = (this.#oldest + 1) % BEGINNINGS;
    }
    return touched ?? NOBODY;
  }
}

function united(some: readonly Watcher[], more: readonly Watcher[]): readonly Watcher[] {
  if (more.length === 0 || some === more) return some;
  if (some.length === 0) return more;
  let all = some;
  for (const each of more) if (!some.includes(each)) all = [...all, each];
  return all;
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
