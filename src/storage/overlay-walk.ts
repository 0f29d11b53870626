/**
 * A walk through the memtables of an overlay in key order: over the newest entry of each key of a range that was written in
 * (`after`, `readVersion`], puts and deletions, without those that a range deletion hides. It ends in the stretch in which it
 * began: whoever writes meanwhile may move what it stands on.
 */

import type { KeyRange } from './key-range.ts';
import type { Version } from './store.ts';
import type { VersionedMemtable } from './versioned-memtable.ts';

export interface WalkOptions {
  /** Keys in descending order. */
  readonly reverse: boolean;
  /** Whether ranges that touch the walk's were deleted in (`after`, `readVersion`]. */
  readonly deletedFrom: boolean;
}

export class OverlayWalk {
  readonly #memtables: readonly VersionedMemtable[];
  readonly #after: Version;
  readonly #readVersion: Version;
  readonly #options: WalkOptions;
  /** Of the newest memtable first, so that among equal keys the first one wins. */
  readonly #cursors: MemtableCursor[] = [];
  #at: MemtableCursor | undefined;

  constructor(
    memtables: readonly VersionedMemtable[],
    range: KeyRange,
    after: Version,
    readVersion: Version,
    options: WalkOptions,
  ) {
    this.#memtables = memtables;
    this.#after = after;
    this.#readVersion = readVersion;
    this.#options = options;
    for (let i = memtables.length - 1; i >= 0; i--) {
      const memtable = memtables[i]!;
      if (memtable.lastVersion <= after || memtable.baseVersion >= readVersion || memtable.keyCount === 0) continue;
      const cursor = new MemtableCursor(memtable, range, readVersion - memtable.baseVersion, options.reverse);
      if (cursor.entry >= 0) this.#cursors.push(cursor);
    }
  }

  /** The memtable that it has come to. */
  get memtable(): VersionedMemtable {
    return this.#at!.memtable;
  }

  /** The entry of that memtable. */
  get entry(): number {
    return this.#at!.entry;
  }

  get version(): Version {
    const { memtable, entry } = this.#at!;
    return memtable.baseVersion + memtable.sequenceOf(entry);
  }

  /** Goes on to the next entry. @returns false at the end. */
  next(): boolean {
    const cursors = this.#cursors;
    if (this.#at !== undefined) this.#leave(this.#at);
    for (;;) {
      let best = cursors[0];
      if (best === undefined) return false;
      for (let i = 1; i < cursors.length; i++) {
        const order = best.compare(cursors[i]!);
        if (this.#options.reverse ? order < 0 : order > 0) best = cursors[i]!;
      }
      this.#at = best;
      if (this.#options.deletedFrom && this.#isHidden(best)) {
        // Older entries of its key are hidden too, each in its turn.
        this.#advance(best);
      } else if (this.version > this.#after) return true;
      else this.#leave(best);
    }
  }

  /** Goes behind the key of `left`, in all memtables. */
  #leave(left: MemtableCursor): void {
    const cursors = this.#cursors;
    for (let i = cursors.length - 1; i >= 0; i--) {
      const cursor = cursors[i]!;
      if (cursor !== left && cursor.compare(left) === 0) this.#advance(cursor);
    }
    this.#advance(left);
  }

  #advance(cursor: MemtableCursor): void {
    cursor.advance();
    if (cursor.entry < 0) this.#cursors.splice(this.#cursors.indexOf(cursor), 1);
  }

  /** Whether a range deletion that was written later, and is visible, covers the key. */
  #isHidden({ memtable, entry }: MemtableCursor): boolean {
    for (let i = this.#memtables.length - 1; i >= 0; i--) {
      const younger = this.#memtables[i]!;
      const sequence = this.#readVersion - younger.baseVersion;
      if (younger === memtable) return memtable.isHidden(entry, sequence);
      if (younger.rangeCoveringEntry(memtable, entry, sequence) !== undefined) return true;
    }
    return false;
  }
}

/** Walks one memtable's keys of a range in order, stopping at entries visible at a sequence. */
class MemtableCursor {
  readonly memtable: VersionedMemtable;
  /** The visible entry at the current key; -1 at the end. */
  entry = -1;
  readonly #sequence: number;
  readonly #step: number;
  /** In the order of keys: the next one, and the first one that is not in the range any more. */
  #position: number;
  readonly #stop: number;

  constructor(memtable: VersionedMemtable, range: KeyRange, sequence: number, reverse: boolean) {
    this.memtable = memtable;
    this.#sequence = sequence;
    this.#step = reverse ? -1 : 1;
    const count = memtable.prepareRange(range);
    const from = memtable.lowerBound(range.start, count);
    const to = range.end === undefined ? count : memtable.lowerBound(range.end, count, from);
    this.#position = reverse ? to - 1 : from;
    this.#stop = reverse ? from - 1 : to;
    this.advance();
  }

  advance(): void {
    while (this.#position !== this.#stop) {
      const root = this.memtable.sortedRoot(this.#position);
      this.#position += this.#step;
      this.entry = this.memtable.entryAt(root, this.#sequence);
      if (this.entry >= 0) return;
    }
    this.entry = -1;
  }

  /** Order of the current keys. */
  compare(other: MemtableCursor): number {
    return this.memtable.compareEntries(this.entry, other.memtable, other.entry);
  }
}
