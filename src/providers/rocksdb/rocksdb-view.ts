/**
 * The state of RocksDB at one position, and the cursors that walk through it: over runs of entries that are kept in memory,
 * and over what has to be read where there is none, of which some is kept as runs for those who come after. Values in parts are
 * in no run: who wants one reads the parts, and the batch ends with it.
 */

import { assert } from '../../base/assert.ts';
import type { Awaitable } from '../../base/awaitable.ts';
import { type Bytes, compareBytes, copyBytes, equalBytes, keySuccessor } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { EngineCursor, EngineSnapshot, PackedPiece } from '../../storage/engine.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import { PackedEntries } from '../../storage/packed-entries.ts';
import { type Entry, KEY_BYTES_MAX, type ScanOptions, type Version } from '../../storage/store.ts';
import { translateRocksDbError } from './binding.ts';
import { isStub, wholeValue } from './parted-values.ts';
import type { Run } from './run-cache.ts';
import type { SharedIterator } from './shared-iterator.ts';

/** Scans that have come to pieces of so many entries are long enough to keep what they read. */
const RUN_ENTRIES_MIN = 512;
/** Shorter scans that have come to this read a run of so many at once, as long as there is room for it. */
const FILL_FROM_ENTRIES = 32;
const FILL_RUN_ENTRIES = 256;
/** What is read of a gap between runs at first: many are short, and the binding makes two objects of each entry. */
const GAP_ENTRIES = 32;
/** Not less than any key. */
const LAST_KEY = Buffer.alloc(KEY_BYTES_MAX, 0xff);

/** The cache of runs as one view may use it. */
export interface RunsOfView {
  find(key: Bytes): Run | undefined;
  findBefore(key: Bytes): Run | undefined;
  nextStart(key: Bytes): Bytes | undefined;
  isReadAgain(start: Bytes): boolean;
  hasRoom(): boolean;
  add(start: Bytes, end: Bytes, entries: PackedEntries): void;
}

export class RocksDbView implements EngineSnapshot {
  readonly position: Version;
  readonly runs: RunsOfView;
  readonly #forward: SharedIterator;
  readonly #backward: SharedIterator;
  readonly #directory: string;
  readonly #giveWay: () => Promise<void>;
  readonly #onRelease: () => void;
  #state: 'open' | 'released' | 'abandoned' = 'open';

  constructor(
    position: Version,
    forward: SharedIterator,
    backward: SharedIterator,
    directory: string,
    runs: RunsOfView,
    giveWay: () => Promise<void>,
    onRelease: () => void,
  ) {
    this.position = position;
    this.runs = runs;
    this.#forward = forward;
    this.#backward = backward;
    this.#directory = directory;
    this.#giveWay = giveWay;
    this.#onRelease = onRelease;
  }

  get(key: Key): Awaitable<Bytes | undefined> {
    const [found, value] = this.read(false, {}, key, 1).rows;
    if (found === undefined || value === undefined || !equalBytes(found, key)) return undefined;
    return isStub(value) ? this.whole(copyBytes(key), value) : value;
  }

  /** What a value stands for that looks like a stub, or the beginning of it. */
  whole(key: Bytes, value: Bytes, bytesMax?: number): Promise<Bytes> {
    const read = (user: object, target: Bytes, count: number) => this.read(false, user, target, count);
    return wholeValue(read, key, value, this.#giveWay, bytesMax);
  }

  scan(range: KeyRange, options: ScanOptions): EngineCursor {
    return options.reverse === true ? new ReverseCursor(this, range, options) : new ForwardCursor(this, range, options);
  }

  read(
    reverse: boolean,
    user: object,
    target: Bytes,
    count: number,
  ): { readonly rows: readonly Bytes[]; readonly finished: boolean } {
    if (this.#state === 'abandoned') {
      throw new OperationError(
        'transaction_too_old',
        `the snapshot at version ${this.position} ended when the state was opened again`,
      );
    }
    assert(this.#state === 'open', 'read of a released view');
    try {
      return (reverse ? this.#backward : this.#forward).read(user, target, count);
    } catch (error) {
      throw translateRocksDbError(error, this.#directory);
    }
  }

  release(): void {
    if (this.#state === 'abandoned') return;
    assert(this.#state === 'open', 'a view is released once');
    this.#state = 'released';
    this.#forward.close();
    this.#backward.close();
    this.#onRelease();
  }

  /** The database closes under it: its iterators are gone. */
  abandon(): void {
    if (this.#state !== 'open') return;
    this.#forward.close();
    this.#backward.close();
    this.#state = 'abandoned';
  }
}

class ForwardCursor implements EngineCursor {
  readonly #view: RocksDbView;
  readonly #end: Bytes | undefined;
  readonly #keysOnly: boolean;
  readonly #valueBytes: number | undefined;
  #next: Bytes;
  #done = false;
  /** What the shared iterator knows it by; another one once it has gone on without it. */
  #user = {};
  /** The few entries right before `#next` that it has read and no run tells: the next run begins with them. */
  #before: { readonly start: Bytes; readonly entries: readonly Entry[] } | undefined;

  constructor(view: RocksDbView, range: KeyRange, options: ScanOptions) {
    this.#view = view;
    this.#next = range.start;
    this.#end = range.end;
    this.#keysOnly = options.keysOnly === true;
    this.#valueBytes = options.valueBytes;
  }

  next(entriesMax: number): Awaitable<readonly Entry[] | undefined> {
    const kept = this.#kept(entriesMax);
    if (kept !== undefined || this.#done) return kept;
    const start = this.#next;
    const { runs } = this.#view;
    if (entriesMax >= FILL_FROM_ENTRIES && entriesMax < RUN_ENTRIES_MIN && runs.hasRoom())
      return this.#fill(entriesMax);
    const keeps = entriesMax >= RUN_ENTRIES_MIN;
    // What the next run tells is not told twice, and a gap before it is closed.
    const next = keeps || runs.hasRoom() ? runs.nextStart(start) : undefined;
    const stop = lesser(next, this.#end);
    const { rows, finished } = this.#read(entriesMax, stop);
    if (isBefore(rows[firstStub(rows)], stop)) return this.#takeParted(rows, finished, entriesMax);
    const entries: Entry[] = [];
    /** The first key behind the range, if that was read: between there is none. */
    let beyond: Bytes | undefined;
    for (let i = 0; i < rows.length; i += 2) {
      const key = rows[i]!;
      if (this.#end !== undefined && compareBytes(key, this.#end) >= 0) {
        this.#done = true;
        beyond = key;
        break;
      }
      if (next !== undefined && compareBytes(key, next) >= 0) {
        this.#next = next;
        this.#user = {};
        runs.add(start, next, PackedEntries.of(entries));
        return entries.length === 0 ? this.next(entriesMax) : entries;
      }
      entries.push({ key, value: rows[i + 1]! });
    }
    if (finished || rows.length === 0) this.#done = true;
    if (this.#done && this.#end !== undefined && runs.hasRoom() && (keeps || runs.isReadAgain(rows[0] ?? start))) {
      // What is left of a range: a short one, or the end of a long one.
      runs.add(start, lesser(next, beyond) ?? this.#end, PackedEntries.of(entries));
    }
    if (entries.length === 0) return undefined;
    const behind = keySuccessor(entries.at(-1)!.key);
    const fillsGap = next !== undefined && compareBytes(behind, next) === 0;
    if (fillsGap || (keeps && entries.length >= RUN_ENTRIES_MIN / 2)) {
      runs.add(start, behind, PackedEntries.of(entries));
    }
    this.#before = entriesMax < FILL_FROM_ENTRIES && !fillsGap ? { start, entries } : undefined;
    if (!this.#done) this.#next = behind;
    return entries;
  }

  /** Up to `count` entries from where it has come to, but few more than there are before `stop`. */
  #read(count: number, stop: Bytes | undefined): { readonly rows: readonly Bytes[]; readonly finished: boolean } {
    if (stop === undefined || count <= 2 * GAP_ENTRIES) return this.#view.read(false, this.#user, this.#next, count);
    const first = this.#view.read(false, this.#user, this.#next, GAP_ENTRIES);
    const last = first.rows.at(-2);
    if (first.finished || last === undefined || compareBytes(last, stop) >= 0) return first;
    const more = this.#view.read(false, this.#user, this.#next, count - GAP_ENTRIES);
    return { rows: [...first.rows, ...more.rows], finished: more.finished };
  }

  /** What a run holds of it, as far as nothing has to be read. */
  #kept(entriesMax: number): readonly Entry[] | undefined {
    while (!this.#done) {
      const at = this.#next;
      const piece = this.packed();
      if (piece === undefined) return undefined;
      const { entries } = piece;
      if (entries.count > entriesMax) {
        this.#next = entries.keyAt(entries.from + entriesMax);
        this.#done = false;
        return entries.slice(entries.from, entries.from + entriesMax).entries();
      }
      if (entries.count > 0) return entries.entries();
      assert(this.#done || compareBytes(this.#next, at) > 0, 'a scan goes on');
    }
    return undefined;
  }

  /** What was read, up to the first value in parts or `entriesMax` entries, past all runs. */
  #takeParted(rows: readonly Bytes[], finished: boolean, entriesMax: number): Awaitable<readonly Entry[] | undefined> {
    this.#before = undefined;
    this.#user = {};
    const entries: Entry[] = [];
    for (let i = 0; i < rows.length; i += 2) {
      const key = rows[i]!;
      const value = rows[i + 1]!;
      if (this.#end !== undefined && compareBytes(key, this.#end) >= 0) {
        this.#done = true;
        return entries.length === 0 ? undefined : entries;
      }
      this.#next = keySuccessor(key);
      if (!this.#keysOnly && isStub(value)) {
        return this.#view.whole(key, value, this.#valueBytes).then((whole) => [...entries, { key, value: whole }]);
      }
      entries.push({ key, value });
      if (entries.length === entriesMax) return entries;
    }
    this.#done = finished;
    return entries;
  }

  /** Reads a run ahead, also behind the end of the range, for those who come after. */
  #fill(entriesMax: number): Awaitable<readonly Entry[] | undefined> {
    const start = this.#next;
    const { runs } = this.#view;
    const nextStart = runs.nextStart(start);
    const { rows, finished } = this.#read(FILL_RUN_ENTRIES, nextStart);
    const parted = rows[firstStub(rows)];
    if (isBefore(parted, lesser(nextStart, this.#end))) return this.#takeParted(rows, finished, entriesMax);
    this.#user = {};
    const all: Entry[] = [];
    let behind: Bytes | undefined;
    for (let i = 0; i < rows.length; i += 2) {
      const key = rows[i]!;
      if (nextStart !== undefined && compareBytes(key, nextStart) >= 0) {
        behind = nextStart;
        break;
      }
      if (key === parted) {
        behind = key;
        break;
      }
      all.push({ key, value: rows[i + 1]! });
    }
    const end = this.#end;
    const last = all.at(-1);
    const behindLast = last && keySuccessor(last.key);
    // Behind all keys that there are, a run tells that there are none.
    behind ??= finished ? (nextStart ?? greater(behindLast, end)) : behindLast;
    if (behind !== undefined) {
      const before = this.#before;
      if (before === undefined) runs.add(start, behind, PackedEntries.of(all));
      else runs.add(before.start, behind, PackedEntries.of([...before.entries, ...all]));
    }
    this.#before = undefined;
    const within = end === undefined ? all : all.filter(({ key }) => compareBytes(key, end) < 0);
    const entries = within.slice(0, entriesMax);
    if (entries.length < within.length) this.#next = keySuccessor(entries.at(-1)!.key);
    else if (within.length < all.length || behind === undefined) this.#done = true;
    else if (end !== undefined && compareBytes(behind, end) >= 0) this.#done = true;
    else if (finished && behind !== nextStart) this.#done = true;
    else this.#next = behind;
    if (entries.length > 0) return entries;
    return this.#done ? undefined : this.next(entriesMax);
  }

  packed(): PackedPiece | undefined {
    while (!this.#done) {
      const run = this.#view.runs.find(this.#next);
      if (run === undefined) return undefined;
      const from = run.entries.find(this.#next);
      const isLast = this.#end !== undefined && compareBytes(run.end, this.#end) >= 0;
      const to = isLast ? run.entries.find(this.#end!) : run.entries.to;
      this.#next = run.end;
      this.#user = {};
      this.#before = undefined;
      this.#done = isLast;
      if (to > from || isLast) return { entries: run.entries.slice(from, to), end: isLast ? this.#end : run.end };
    }
    return undefined;
  }

  close(): void {
    this.#done = true;
  }
}

class ReverseCursor implements EngineCursor {
  readonly #view: RocksDbView;
  readonly #start: Bytes;
  readonly #keysOnly: boolean;
  readonly #valueBytes: number | undefined;
  /** Exclusive. */
  #before: Bytes | undefined;
  #done = false;
  #user = {};

  constructor(view: RocksDbView, range: KeyRange, options: ScanOptions) {
    this.#view = view;
    this.#start = range.start;
    this.#before = range.end;
    this.#keysOnly = options.keysOnly === true;
    this.#valueBytes = options.valueBytes;
  }

  next(entriesMax: number): Awaitable<readonly Entry[] | undefined> {
    while (!this.#done) {
      const kept = this.#kept(entriesMax);
      if (kept !== undefined) {
        if (kept.length > 0) return kept;
        continue;
      }
      const { rows, finished } = this.#view.read(true, this.#user, this.#before ?? LAST_KEY, entriesMax);
      const entries: Entry[] = [];
      for (let i = 0; i < rows.length; i += 2) {
        const key = rows[i]!;
        if (this.#before !== undefined && compareBytes(key, this.#before) >= 0) continue;
        if (compareBytes(key, this.#start) < 0 || key[0] === 0) {
          this.#done = true;
          break;
        }
        const value = rows[i + 1]!;
        if (!this.#keysOnly && isStub(value)) {
          this.#before = key;
          this.#user = {};
          return this.#view.whole(key, value, this.#valueBytes).then((whole) => [...entries, { key, value: whole }]);
        }
        entries.push({ key, value });
      }
      if (finished || rows.length === 0) this.#done = true;
      if (entries.length > 0) {
        this.#before = entries.at(-1)!.key;
        return entries;
      }
    }
    return undefined;
  }

  /** The last entries before where it has come to, from the run that tells them; undefined when none does. */
  #kept(entriesMax: number): readonly Entry[] | undefined {
    const run = this.#before && this.#view.runs.findBefore(this.#before);
    if (run === undefined) return undefined;
    const { entries } = run;
    const first = entries.find(this.#start);
    const to = entries.find(this.#before!);
    const from = Math.max(first, to - entriesMax);
    this.#user = {};
    if (from > first) this.#before = entries.keyAt(from);
    else {
      this.#before = run.start;
      this.#done = compareBytes(run.start, this.#start) <= 0;
    }
    return from < to ? entries.slice(from, to).entries().toReversed() : [];
  }

  close(): void {
    this.#done = true;
  }
}

/** The place of the first key whose value may lie in parts; -1 without any. */
function firstStub(rows: readonly Bytes[]): number {
  for (let i = 1; i < rows.length; i += 2) if (isStub(rows[i]!)) return i - 1;
  return -1;
}

/** Whether there is a key that lies before `stop`; before the end of everything where that is undefined. */
function isBefore(key: Bytes | undefined, stop: Bytes | undefined): boolean {
  return key !== undefined && (stop === undefined || compareBytes(key, stop) < 0);
}

/** The one that comes first, of those that there are. */
function lesser(a: Bytes | undefined, b: Bytes | undefined): Bytes | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) <= 0 ? a : b;
}

/** The one that comes last, of those that there are. */
function greater(a: Bytes | undefined, b: Bytes | undefined): Bytes | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) >= 0 ? a : b;
}
