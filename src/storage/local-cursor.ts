/**
 * A scan of a local transaction: the engine's view, the overlay's younger versions, the transaction's own writes, merged
 * in key order. Holds one batch; synchronous as long as the engine is. It reads to its end at the snapshot it began with,
 * also when its transaction has gone on to a newer one.
 */

import { type Awaitable, isPromise, whenReady } from '../base/awaitable.ts';
import { compareBytes, EMPTY_BYTES, equalBytes, keySuccessor } from '../base/bytes.ts';
import type { EngineCursor, PackedPiece } from './engine.ts';
import { isEmptyRange, type Key, type KeyRange, rangeContains, rangesOverlap } from './key-range.ts';
import type { Overlay, OverlayEntry } from './overlay.ts';
import { PackedEntries } from './packed-entries.ts';
import type { Base, Snapshot } from './snapshots.ts';
import { type Cursor, type Entry, SCAN_BATCH_ENTRIES_MAX, type ScanOptions, type Version } from './store.ts';

/** What the cursor needs of its transaction. */
export interface CursorSource {
  readonly overlay: Overlay;
  /** Own writes; undefined when there are none. */
  readonly writes: Overlay | undefined;
  /** The snapshot of now, kept for this cursor until `release`. */
  retain(): Snapshot;
  release(snapshot: Snapshot): void;
  /** Throws when the transaction or its snapshot can no longer be read. */
  check(snapshot: Snapshot): void;
  /** What the snapshot reads from now. */
  base(snapshot: Snapshot): Awaitable<Base>;
  /** A read that waits for its engine: the base stays until it is done. */
  pinned<T>(base: Base, reading: Promise<T>): Promise<T>;
  noteVersion(version: Version): void;
  /** The span that a batch covered, for serializable validation. */
  noteSpan(span: KeyRange): void;
}

/** What cursors need of a transaction that may go on to newer snapshots while they begin at this one. */
export class KeptSnapshot implements CursorSource {
  readonly #source: CursorSource;
  readonly #snapshot: Snapshot;

  constructor(source: CursorSource, snapshot: Snapshot) {
    this.#source = source;
    this.#snapshot = snapshot;
  }

  get overlay(): CursorSource['overlay'] {
    return this.#source.overlay;
  }

  get writes(): CursorSource['writes'] {
    return this.#source.writes;
  }

  retain(): Snapshot {
    this.#snapshot.cursors++;
    return this.#snapshot;
  }

  release(snapshot: Snapshot): void {
    this.#source.release(snapshot);
  }

  check(snapshot: Snapshot): void {
    this.#source.check(snapshot);
  }

  base(snapshot: Snapshot): Awaitable<Base> {
    return this.#source.base(snapshot);
  }

  pinned<T>(base: Base, reading: Promise<T>): Promise<T> {
    return this.#source.pinned(base, reading);
  }

  noteVersion(version: Version): void {
    this.#source.noteVersion(version);
  }

  noteSpan(span: KeyRange): void {
    this.#source.noteSpan(span);
  }
}

const BATCH_ENTRIES_FIRST = 8;
/** What lies above the engine is copied side by side, a small part of what it costs to read it of the engine. */
const PACKED_ENTRIES_FIRST = 64;
const NO_ENTRIES = PackedEntries.of([]);
/** Values of one merged batch, the last of them whole: what is made of a batch is made in one stretch. */
const BATCH_BYTES_MAX = 256 * 1024;

export class LocalCursor implements Cursor {
  readonly #source: CursorSource;
  readonly #snapshot: Snapshot;
  #released = false;
  readonly #writtenThrough: number;
  readonly #reverse: boolean;
  readonly #keysOnly: boolean;
  readonly #valueBytes: number;
  /** What is still to be read: shrinks from the start, or from the end in reverse. */
  #rest: KeyRange;
  #remaining: number;
  #batchEntries = BATCH_ENTRIES_FIRST;
  /** Where `#engineCursor` and `#pulled` come from. */
  #base: Base | undefined;
  /** What of `#rest` was deleted between that base and the snapshot. */
  #deleted: readonly KeyRange[] = [];
  #engineCursor: EngineCursor | undefined;
  /** Entries of the engine that were pulled and not yet merged. */
  #pulled: readonly Entry[] = [];
  #engineDone = false;
  #done: boolean;

  /** @param writtenThrough The youngest own writes to be seen. */
  constructor(source: CursorSource, range: KeyRange, options: ScanOptions, writtenThrough: number) {
    this.#writtenThrough = writtenThrough;
    this.#source = source;
    this.#snapshot = source.retain();
    this.#rest = range;
    this.#reverse = options.reverse === true;
    this.#keysOnly = options.keysOnly === true;
    this.#valueBytes = options.valueBytes ?? Number.POSITIVE_INFINITY;
    this.#remaining = options.limit ?? Number.POSITIVE_INFINITY;
    this.#done = isEmptyRange(range) || this.#remaining <= 0;
    if (this.#done) this.close();
  }

  next(): Awaitable<readonly Entry[] | undefined> {
    while (!this.#done) {
      this.#source.check(this.#snapshot);
      if (this.#base === undefined || this.#base !== this.#snapshot.base) {
        const base = this.#source.base(this.#snapshot);
        if (isPromise(base)) {
          return base.then((ready) => {
            if (this.#done) return undefined; // Closed meanwhile.
            this.#readFrom(ready);
            return this.next();
          });
        }
        this.#readFrom(base);
      }
      if (this.#pulled.length === 0 && !this.#engineDone) {
        this.#engineCursor ??= this.#base!.view.scan(this.#unhidden(), {
          reverse: this.#reverse,
          keysOnly: this.#keysOnly,
          valueBytes: this.#valueBytes,
        });
        const pulled = this.#engineCursor.next(Math.min(this.#batchEntries, Math.max(this.#remaining, 1)));
        if (isPromise(pulled)) {
          return this.#source.pinned(this.#base!, pulled).then((entries) => {
            if (this.#done) return undefined; // Closed meanwhile.
            if (this.#base !== this.#snapshot.base) return this.next(); // The overlay no longer goes with what was read.
            this.#take(entries);
            return whenReady(this.#step(), (batch) => batch ?? this.next());
          });
        }
        this.#take(pulled);
      }
      const batch = this.#step();
      if (batch !== undefined) return batch;
    }
    return undefined;
  }

  nextPacked(): Awaitable<PackedEntries | readonly Entry[] | undefined> {
    if (this.#reverse || this.#done || this.#pulled.length > 0) return this.next();
    this.#source.check(this.#snapshot);
    if (this.#base === undefined || this.#base !== this.#snapshot.base) {
      const base = this.#source.base(this.#snapshot);
      if (isPromise(base)) {
        return base.then((ready) => {
          if (this.#done) return undefined; // Closed meanwhile.
          this.#readFrom(ready);
          return this.nextPacked();
        });
      }
      this.#readFrom(base);
    }
    if (!this.#engineDone && this.#engineCursor === undefined) {
      const range = this.#unhidden();
      if (isEmptyRange(range)) this.#engineDone = true;
      else if (range !== this.#rest) return this.next();
      else {
        const options = { reverse: false, keysOnly: this.#keysOnly, valueBytes: this.#valueBytes };
        this.#engineCursor = this.#base!.view.scan(range, options);
      }
    }
    const below = this.#engineDone ? { entries: NO_ENTRIES, end: this.#rest.end } : this.#engineCursor!.packed?.();
    if (below === undefined) return this.next();
    const piece = this.#packed(below);
    if (piece === undefined) {
      this.#pulled = below.entries.entries();
      this.#engineDone = below.end === this.#rest.end;
      return this.next();
    }
    if (piece.end !== below.end) {
      // There is more of it than is given at once: it is looked up again.
      this.#engineCursor?.close();
      this.#engineCursor = undefined;
      this.#engineDone = false;
    }
    return this.#give(piece);
  }

  /** What the engine holds and what lies above it; undefined where one by one they have to be merged with own writes. */
  #packed({ entries, end }: PackedPiece): PackedPiece | undefined {
    const { overlay, writes } = this.#source;
    const covered: KeyRange = { start: this.#rest.start, end };
    const deletedFrom = this.#deletedIn(covered).length > 0;
    if (deletedFrom && entries.count > 0) return undefined;
    if (writes?.isUntouched(covered, 0, this.#writtenThrough) === false) return undefined;
    const entriesMax = Math.min(this.#remaining, entries.count + Math.max(this.#batchEntries, PACKED_ENTRIES_FIRST));
    const options = { entriesMax, keysOnly: this.#keysOnly, deletedFrom };
    const note = (version: Version) => this.#source.noteVersion(version);
    return overlay.pack(covered, this.#base!.view.position, this.#snapshot.readVersion, entries, options, note);
  }

  /** Gives all there is from where it stands up to the end of a piece, no more than `#remaining`. */
  #give({ entries, end }: PackedPiece): Awaitable<PackedEntries | readonly Entry[] | undefined> {
    this.#remaining -= entries.count;
    this.#source.noteSpan({ start: this.#rest.start, end });
    const isLast = end === this.#rest.end || this.#remaining <= 0;
    this.#rest = { start: end ?? this.#rest.start, end: this.#rest.end };
    if (isLast) this.close();
    this.#batchEntries = Math.min(this.#batchEntries * 4, SCAN_BATCH_ENTRIES_MAX);
    return entries.count === 0 ? this.nextPacked() : entries;
  }

  #deletedIn(covered: KeyRange): readonly KeyRange[] {
    return this.#deleted.length === 0 ? this.#deleted : this.#deleted.filter((range) => rangesOverlap(range, covered));
  }

  /**
   * What the engine is to be asked for: `#rest` without the deleted range that it begins in. What a dropped table has left
   * there for a while would be walked over key by key.
   */
  #unhidden(): KeyRange {
    const own = this.#source.writes?.rangeDeletions(this.#rest, 0, this.#writtenThrough, noteNothing) ?? [];
    if (this.#deleted.length === 0 && own.length === 0) return this.#rest;
    let rest = this.#rest;
    const hiding = [...this.#deleted, ...own];
    for (let i = 0; i < hiding.length; i++) {
      const shorter = without(rest, hiding[i]!, this.#reverse);
      if (shorter === rest) continue;
      rest = shorter;
      i = -1; // It may begin in another one now.
    }
    return rest;
  }

  close(): void {
    this.#done = true;
    this.#pulled = [];
    this.#engineCursor?.close();
    this.#engineCursor = undefined;
    if (this.#released) return;
    this.#released = true;
    this.#source.release(this.#snapshot);
  }

  /** Goes on from `base`: what was pulled from an earlier one and not yet merged is read again. */
  #readFrom(base: Base): void {
    this.#engineCursor?.close();
    this.#engineCursor = undefined;
    this.#pulled = [];
    this.#engineDone = false;
    this.#base = base;
    this.#deleted = this.#source.overlay.rangeDeletions(
      this.#rest,
      base.view.position,
      this.#snapshot.readVersion,
      (version) => this.#source.noteVersion(version),
    );
  }

  #take(entries: readonly Entry[] | undefined): void {
    if (entries === undefined) this.#engineDone = true;
    else this.#pulled = entries;
  }

  /** Merges up to one batch. @returns undefined when everything in it was deleted. */
  #step(): readonly Entry[] | undefined {
    const source = this.#source;
    const { readVersion } = this.#snapshot;
    source.check(this.#snapshot);
    const reverse = this.#reverse;
    const entriesMax = Math.max(this.#batchEntries, this.#pulled.length);
    this.#batchEntries = Math.min(this.#batchEntries * 4, SCAN_BATCH_ENTRIES_MAX);

    // The engine knows all keys up to the last one it gave, or all there are.
    let covered = this.#engineDone ? this.#rest : this.#upTo(this.#pulled.at(-1)!.key);
    const { position } = this.#base!.view;
    const noteVersion = (version: Version) => source.noteVersion(version);
    const hiddenInEngine = this.#deletedIn(covered);
    const hiddenByOwn = source.writes?.rangeDeletions(covered, 0, this.#writtenThrough, noteNothing) ?? [];
    const collect = (
      overlay: Overlay,
      after: Version,
      through: Version,
      deleted: readonly KeyRange[],
      note: (version: Version) => void,
    ): OverlayEntry[] => {
      const options = { reverse, entriesMax, keysOnly: this.#keysOnly, deletedFrom: deleted.length > 0 };
      const entries = overlay.collect(covered, after, through, options, note);
      if (entries.length === entriesMax) covered = this.#upTo(entries.at(-1)!.key);
      return entries;
    };
    const recent = collect(source.overlay, position, readVersion, hiddenInEngine, noteVersion);
    const own =
      source.writes === undefined ? [] : collect(source.writes, 0, this.#writtenThrough, hiddenByOwn, noteNothing);
    const hides = (ranges: readonly KeyRange[], key: Key) =>
      ranges.length > 0 && ranges.some((range) => rangeContains(range, key));

    const merged: Entry[] = [];
    let mergedBytes = 0;
    let e = 0;
    let r = 0;
    let o = 0;
    for (;;) {
      const fromEngine =
        e < this.#pulled.length && rangeContains(covered, this.#pulled[e]!.key) ? this.#pulled[e] : undefined;
      const fromOverlay = r < recent.length && rangeContains(covered, recent[r]!.key) ? recent[r] : undefined;
      const fromOwn = o < own.length ? own[o] : undefined;
      const key = first(first(fromEngine?.key, fromOverlay?.key, reverse), fromOwn?.key, reverse);
      if (key === undefined) break;
      let value: Entry['value'] | undefined;
      if (fromEngine !== undefined && equalBytes(fromEngine.key, key)) {
        e++;
        if (!hides(hiddenInEngine, key) && !hides(hiddenByOwn, key))
          value = this.#keysOnly ? EMPTY_BYTES : fromEngine.value;
      }
      if (fromOverlay !== undefined && equalBytes(fromOverlay.key, key)) {
        r++;
        value = hides(hiddenByOwn, key) ? undefined : fromOverlay.value;
      }
      if (fromOwn !== undefined && equalBytes(fromOwn.key, key)) {
        o++;
        value = fromOwn.value;
      }
      if (value !== undefined) {
        merged.push({ key, value });
        mergedBytes += value.length;
        if (merged.length === this.#remaining) {
          covered = this.#upTo(key);
          this.#done = true;
          break;
        }
        if (mergedBytes >= BATCH_BYTES_MAX) {
          covered = this.#upTo(key);
          this.#batchEntries = 2 * merged.length; // Not so many more are looked at again each time.
          break;
        }
      }
    }
    this.#pulled = e === this.#pulled.length ? [] : this.#pulled.slice(e);
    this.#remaining -= merged.length;
    source.noteSpan(covered);
    if (reverse) {
      if (compareBytes(covered.start, this.#rest.start) === 0) this.#done = true;
      this.#rest = { start: this.#rest.start, end: covered.start };
    } else if (covered.end === undefined || (this.#rest.end !== undefined && equalBytes(covered.end, this.#rest.end))) {
      this.#done = true;
    } else this.#rest = { start: covered.end, end: this.#rest.end };
    if (this.#done) this.close();
    return merged.length > 0 ? merged : undefined;
  }

  /** The part of `#rest` up to and including `key`, in scan direction. */
  #upTo(key: Key): KeyRange {
    return this.#reverse ? { start: key, end: this.#rest.end } : { start: this.#rest.start, end: keySuccessor(key) };
  }
}

/** `range` from the end of `deleted` on, in scan direction, where it begins in it; else `range` itself. */
function without(range: KeyRange, deleted: KeyRange, reverse: boolean): KeyRange {
  if (isEmptyRange(range)) return range;
  if (reverse) {
    const reaches = deleted.end === undefined || (range.end !== undefined && compareBytes(deleted.end, range.end) >= 0);
    const begins = range.end === undefined || compareBytes(deleted.start, range.end) < 0;
    if (!reaches || !begins) return range;
    return { start: range.start, end: compareBytes(deleted.start, range.start) > 0 ? deleted.start : range.start };
  }
  if (!rangeContains(deleted, range.start)) return range;
  const end = deleted.end ?? range.end;
  if (end === undefined) return { start: range.start, end: range.start };
  return { start: end, end: range.end !== undefined && compareBytes(end, range.end) > 0 ? end : range.end };
}

/** Own writes are nobody else's versions. */
function noteNothing(): void {}

/** Which key comes first in scan direction. */
function first(a: Key | undefined, b: Key | undefined, reverse: boolean): Key | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  const order = compareBytes(a, b);
  return (reverse ? order >= 0 : order <= 0) ? a : b;
}
