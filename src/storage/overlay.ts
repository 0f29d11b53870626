/**
 * The ordered, not yet applied writes above an engine, and the recent versions that snapshots and conflict checks need.
 *
 * A few memtables in order of age: the newest takes writes; sealed ones wait to be applied, are being applied, or are
 * kept because an open transaction still needs versions that the engine has overwritten. The overlay is the conflict
 * table too: whether a key, or any key of a range, changed after version R is a question to the memtables younger than R.
 *
 * Memory: arenas come from a pool of equal shared buffers, so what is read is copied out before it leaves. A longer write has
 * an arena of its own, which the collector takes.
 */

import { assert } from '../base/assert.ts';
import { type Bytes, copyPart, EMPTY_BYTES } from '../base/bytes.ts';
import type { PackedPiece } from './engine.ts';
import { hashKey } from './key-hash.ts';
import type { Key, KeyRange } from './key-range.ts';
import { OPERATION_HEADER_BYTES, operationKeyLength, operationValue, operationValueLength } from './operations.ts';
import { firstOf, merge } from './overlay-packing.ts';
import { OverlayWalk, type WalkOptions } from './overlay-walk.ts';
import type { PackedEntries } from './packed-entries.ts';
import { PackedScans } from './packed-scans.ts';
import type { Version } from './store.ts';
import type { VersionedMemtable } from './versioned-memtable.ts';

/** Arenas that are used again are no larger. */
export const REUSED_ARENA_BYTES_MAX = 16 * 1024 * 1024;

/** What a lookup found. */
export type Lookup = 'value' | 'deleted' | 'absent';

/** An entry of a scan: a value, or undefined for a key deleted in the overlay. */
export interface OverlayEntry {
  readonly key: Key;
  readonly value: Bytes | undefined;
}

export interface CollectOptions extends WalkOptions {
  readonly entriesMax: number;
  readonly keysOnly: boolean;
}

export type PackOptions = Omit<CollectOptions, 'reverse'>;

const NO_RANGES: readonly KeyRange[] = [];
const UNHIDDEN: WalkOptions = { reverse: false, deletedFrom: false };

export class Overlay {
  /** Oldest first. */
  readonly memtables: VersionedMemtable[] = [];
  readonly #packed = new PackedScans();

  /** Of the last `lookup`: a copy of the value, of a very long one a view, when it answered `value`. */
  value: Bytes = EMPTY_BYTES;
  /** Of the last `lookup`: the version that wrote what was found; 0 when absent. */
  version: Version = 0;
  /** Of the last `lookup`: whether the key has a version newer than the one asked for. */
  newerExists = false;

  get bytes(): number {
    let sum = 0;
    for (const memtable of this.memtables) sum += memtable.memoryBytes;
    return sum;
  }

  /**
   * The newest version of `key` in (`after`, `readVersion`]; details in `value`, `version` and `newerExists`. `after` is
   * the position of the engine or base below: what it holds is not looked for here, where some of it may be gone.
   */
  lookup(key: Key, after: Version, readVersion: Version): Lookup {
    const hash = hashKey(key);
    this.newerExists = false;
    this.version = 0;
    for (let i = this.memtables.length - 1; i >= 0; i--) {
      const memtable = this.memtables[i]!;
      if (memtable.lastVersion <= after) break;
      const sequence = readVersion - memtable.baseVersion;
      const root = memtable.find(key, hash);
      let entry = -1;
      if (root >= 0) {
        const head = memtable.head(root);
        if (memtable.sequenceOf(head) <= sequence) entry = head;
        else {
          this.newerExists = true;
          entry = memtable.entryAt(root, sequence);
        }
      }
      let covering = memtable.rangeCovering(key, Number.MAX_SAFE_INTEGER);
      if (covering !== undefined && covering.sequence > sequence) {
        this.newerExists = true;
        covering = memtable.rangeCovering(key, sequence);
      }
      if (covering !== undefined && entry < covering.mark) {
        this.version = memtable.baseVersion + covering.sequence;
        return 'deleted';
      }
      if (entry >= 0) {
        this.version = memtable.baseVersion + memtable.sequenceOf(entry);
        if (memtable.isDeletion(entry)) return 'deleted';
        this.value = valueFor(memtable, entry);
        return 'value';
      }
    }
    return 'absent';
  }

  /** Whether `key` changed after `version`; exact as long as memtables younger than `version` are kept. */
  changedSince(key: Key, hash: number, version: Version): boolean {
    for (let i = this.memtables.length - 1; i >= 0; i--) {
      const memtable = this.memtables[i]!;
      if (memtable.lastVersion <= version) return false;
      const sequence = version - memtable.baseVersion;
      const root = memtable.find(key, hash);
      if (root >= 0 && memtable.sequenceOf(memtable.head(root)) > sequence) return true;
      const covering = memtable.rangeCovering(key, Number.MAX_SAFE_INTEGER);
      if (covering !== undefined && covering.sequence > sequence) return true;
    }
    return false;
  }

  /** Whether any key of `range` changed after `version`. */
  rangeChangedSince(range: KeyRange, version: Version): boolean {
    for (let i = this.memtables.length - 1; i >= 0; i--) {
      const memtable = this.memtables[i]!;
      if (memtable.lastVersion <= version) return false;
      if (memtable.changedInRange(range, version - memtable.baseVersion)) return true;
    }
    return false;
  }

  /**
   * The newest versions in (`after`, `readVersion`] of the keys of `range`, in order, at most `entriesMax` of them, without
   * those that a range deletion hides.
   * Keys and values are copies, very long values views. What range deletions hide in an engine, `rangeDeletions` tells.
   */
  collect(
    range: KeyRange,
    after: Version,
    readVersion: Version,
    options: CollectOptions,
    noteVersion: (version: Version) => void,
  ): OverlayEntry[] {
    const walk = new OverlayWalk(this.memtables, range, after, readVersion, options);
    const entries: OverlayEntry[] = [];
    while (entries.length < options.entriesMax && walk.next()) {
      const { memtable, entry } = walk;
      noteVersion(walk.version);
      const key = shortLivedKey(memtable.arena, memtable.offsetOf(entry));
      if (memtable.isDeletion(entry)) entries.push({ key, value: undefined });
      else entries.push({ key, value: options.keysOnly ? EMPTY_BYTES : valueFor(memtable, entry) });
    }
    return entries;
  }

  /**
   * What a scan of `range` finds, forward and side by side, where an engine at `after` holds the entries `below` of it, and no
   * deleted range hides any of them: those themselves where nothing was written above. Up to `end`, as there may be more.
   * Undefined where an entry comes first that is too long to be copied.
   */
  pack(
    range: KeyRange,
    after: Version,
    readVersion: Version,
    below: PackedEntries,
    options: PackOptions,
    noteVersion: (version: Version) => void,
  ): PackedPiece | undefined {
    const { entriesMax, keysOnly } = options;
    let scan = this.#packed.find(range, after, readVersion, entriesMax, keysOnly);
    if (scan === undefined) {
      const walk = new OverlayWalk(this.memtables, range, after, readVersion, { ...options, reverse: false });
      if (!walk.next()) return firstOf(below, entriesMax, range.end);
      scan = { range, entriesMax, keysOnly, ...merge(walk, below, options) };
      this.#packed.add(scan, after, readVersion);
    }
    const { entries, next, version } = scan;
    if (entries.count === 0 && next !== undefined) return undefined;
    noteVersion(version);
    return { entries, end: next ?? range.end };
  }

  /** Whether nothing of `range` was written in (`after`, `readVersion`]. */
  isUntouched(range: KeyRange, after: Version, readVersion: Version): boolean {
    if (this.rangeDeletions(range, after, readVersion, () => {}).length > 0) return false;
    return !new OverlayWalk(this.memtables, range, after, readVersion, UNHIDDEN).next();
  }

  /**
   * Ranges that were deleted in (`after`, `readVersion`] and touch `range`: they hide entries of an engine at `after`.
   * Whoever finds nothing there has observed their versions.
   */
  rangeDeletions(
    range: KeyRange,
    after: Version,
    readVersion: Version,
    noteVersion: (version: Version) => void,
  ): readonly KeyRange[] {
    let found: KeyRange[] | undefined;
    for (const { ranges, baseVersion, lastVersion } of this.memtables) {
      if (ranges.count === 0 || lastVersion <= after || baseVersion >= readVersion) continue;
      for (const deletion of ranges.touching(range, after - baseVersion, readVersion - baseVersion)) {
        noteVersion(baseVersion + deletion.sequence);
        found ??= [];
        found.push(deletion.range);
      }
    }
    return found ?? NO_RANGES;
  }
}

/** A copy of an entry's value; of a very long one a view, as the arena in which it lies stays as it is once it is sealed. */
function valueFor(memtable: VersionedMemtable, entry: number): Bytes {
  const { arena } = memtable;
  const offset = memtable.offsetOf(entry);
  return operationValueLength(arena, offset) > REUSED_ARENA_BYTES_MAX && memtable.sealed
    ? operationValue(arena, offset)
    : shortLivedValue(arena, offset);
}

function shortLivedKey(arena: Buffer, offset: number): Bytes {
  return shortLived(arena, offset + OPERATION_HEADER_BYTES, operationKeyLength(arena, offset));
}

function shortLivedValue(arena: Buffer, offset: number): Bytes {
  const start = offset + OPERATION_HEADER_BYTES + operationKeyLength(arena, offset);
  return shortLived(arena, start, operationValueLength(arena, offset));
}

/** A copy from Node's pool, as memory of its own takes longer than copying: whoever keeps it copies it once more. */
function shortLived(arena: Buffer, start: number, length: number): Bytes {
  const copy = Buffer.allocUnsafe(length);
  copyPart(copy, 0, arena, start, start + length);
  return copy;
}

/**
 * Shared buffers for memtables, reused so that a busy store does not depend on the collector, which shared memory does not hasten:
 * equal ones, and those that large transactions bring with them. Of the latter mostly the beginning was touched: the rest
 * takes no memory.
 */
export class ArenaPool {
  readonly arenaBytes: number;
  readonly #free: Bytes[] = [];
  readonly #freeMax: number;
  readonly #freeLarge: Buffer[] = [];

  constructor(arenaBytes: number, freeMax: number) {
    assert(arenaBytes <= REUSED_ARENA_BYTES_MAX, () => `arenas of ${arenaBytes} bytes are not used again`);
    this.arenaBytes = arenaBytes;
    this.#freeMax = freeMax;
  }

  /** An arena of `arenaBytes`, or a larger one of its own for a larger write. Its contents are arbitrary. */
  take(bytesNeeded: number): Bytes {
    if (bytesNeeded > this.arenaBytes) return Buffer.from(new SharedArrayBuffer(bytesNeeded));
    return this.#free.pop() ?? Buffer.from(new SharedArrayBuffer(this.arenaBytes));
  }

  /** An arena for a transaction that may grow: of `bytesWanted`, or one that is there with room for what is needed. */
  takeLarge(bytesNeeded: number, bytesWanted: number): Buffer {
    const found = this.#freeLarge.findIndex(({ length }) => length >= bytesNeeded);
    if (found >= 0) return this.#freeLarge.splice(found, 1)[0]!;
    return Buffer.from(new SharedArrayBuffer(bytesWanted));
  }

  /** Gives an arena back of which the first bytes were used. Nobody may hold a view of it, except of values of more than `REUSED_ARENA_BYTES_MAX`. */
  release(arena: Bytes, used: number): void {
    if (arena.length === this.arenaBytes) {
      if (this.#free.length < this.#freeMax) this.#free.push(arena);
      return;
    }
    // What a memtable has of it ends where it is used.
    const whole = Buffer.from(arena.buffer);
    if (whole.length < this.arenaBytes || used > REUSED_ARENA_BYTES_MAX) return;
    if (this.#freeLarge.length < LARGE_FREE_MAX) this.#freeLarge.push(whole);
  }
}

/** Large arenas that wait to be used again; no more than `REUSED_ARENA_BYTES_MAX` of each takes memory. */
const LARGE_FREE_MAX = 2;
