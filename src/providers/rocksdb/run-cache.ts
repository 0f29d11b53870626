/**
 * Runs of entries that long scans have read, above RocksDB: reading them again costs nothing for each entry, where the
 * binding makes two objects of every one of them, some microseconds a row.
 *
 * A run holds all entries of a range of keys as of the newest state of the engine; who changes a key in the engine drops
 * the run that it lies in, or has another made of it when it is being read: to copy one takes some microseconds, to read it
 * again half a millisecond. Runs do not overlap. They are evicted by a clock: those that were used since the hand came by
 * are passed over, so that one scan of more than fits does not push out what is read again and again.
 */

import { type Bytes, compareBytes, compareSlice } from '../../base/bytes.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import { type EntryChange, PackedEntries } from '../../storage/packed-entries.ts';
import type { Version } from '../../storage/store.ts';

export interface Run {
  /** The range that it tells all entries of: from `start` up to `end`, exclusively. */
  readonly start: Bytes;
  readonly end: Bytes;
  /** Position of the state that it was read from; nothing in it has changed since. */
  readonly position: Version;
  readonly entries: PackedEntries;
  used: boolean;
}

/** Of a run, besides its entries. */
const RUN_BYTES = 256;
/** Runs of more entries are not made of shorter ones: a change drops all of a run. */
const JOINED_ENTRIES_MAX = 384;
/** Changes of one batch that a run takes in, runs that do so, and bytes of each run and each value: they are copied at once. */
const CHANGES_MAX = 64;
const CHANGED_RUNS_MAX = 32;
const CHANGED_BYTES_MAX = 256 * 1024;
/** Places for first keys of short ranges; a power of two. */
const STARTS = 1_024;

export class RunCache {
  readonly #bytesMax: number;
  /** In the order of their keys. */
  readonly #runs: Run[] = [];
  #bytes = 0;
  #hand = 0;
  /** Of runs that are kept, until `settle`. */
  readonly #changes = new Map<Run, EntryChange[]>();
  /** Hashes of the first keys of short ranges that were read lately, each in the place that it names. */
  readonly #starts = new Int32Array(STARTS);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get memoryBytes(): number {
    return this.#bytes;
  }

  /** The run whose range holds `key`, as of a state at `position`; else the key at which the next run begins, if any. */
  find(key: Bytes, position: Version): Run | undefined {
    const run = this.#runs[this.#placeOf(key)];
    if (run === undefined || run.position > position || compareBytes(key, run.end) >= 0) return undefined;
    run.used = true;
    return run;
  }

  /** The run that tells all there is right before `key`, as of a state at `position`. */
  findBefore(key: Bytes, position: Version): Run | undefined {
    let place = this.#placeOf(key);
    if (place >= 0 && compareBytes(this.#runs[place]!.start, key) === 0) place--;
    const run = this.#runs[place];
    if (run === undefined || run.position > position || compareBytes(key, run.end) > 0) return undefined;
    run.used = true;
    return run;
  }

  /**
   * Whether a short range was read not long ago of which that was the first key found: what is read once is not worth a run.
   * Now and then it says so of one that was not.
   */
  isReadAgain(first: Bytes): boolean {
    let hash = 0;
    for (let i = 0; i < first.length; i++) hash = (Math.imul(hash, 31) + first[i]!) | 0;
    const place = (hash ^ (hash >>> 15)) & (STARTS - 1);
    if (this.#starts[place] === hash) return true;
    this.#starts[place] = hash;
    return false;
  }

  /** Where the first run behind `key` begins. */
  nextStart(key: Bytes): Bytes | undefined {
    return this.#runs[this.#placeOf(key) + 1]?.start;
  }

  /**
   * Keeps a run, unless another one tells a part of its range already: of two, a change would drop only one. A run of no
   * range tells nothing, and whoever goes backward from run to run would never get past it. Short ones that lie side by side
   * become one.
   */
  add(added: Omit<Run, 'used'>): void {
    if (compareBytes(added.start, added.end) >= 0) return;
    if (added.entries.memoryBytes + RUN_BYTES > this.#bytesMax / 8 || this.#overlaps(added)) return;
    const run = this.#joined({ ...added, used: false });
    this.#makeRoom(run.entries.memoryBytes + RUN_BYTES);
    this.#insert(run);
  }

  /** As far as there is room. */
  #insert(run: Run): void {
    const bytes = run.entries.memoryBytes + RUN_BYTES;
    if (this.#bytes + bytes > this.#bytesMax) return;
    const place = this.#placeOf(run.start) + 1;
    this.#runs.splice(place, 0, run);
    if (place <= this.#hand) this.#hand++;
    this.#bytes += bytes;
    run.entries.shared.keeper = (more) => {
      // What is derived of runs leaves room for other runs.
      if (more > 0 && this.#bytes + more > this.#bytesMax * 0.9) return false;
      this.#bytes += more;
      return true;
    };
  }

  /**
   * Notes a changed key, `bytes[start, end)`, whose value goes on up to `valueEnd`; below 0 it was deleted. The run that it lies
   * in is dropped, unless somebody has read it since it was changed last: then `settle` makes another one of it, where that does
   * not take long.
   */
  change(bytes: Bytes, start: number, end: number, valueEnd: number): void {
    const last = this.#runs.at(-1);
    // Whoever fills a new table writes behind all that was read before.
    if (last === undefined || compareSlice(bytes, start, end, last.end) >= 0) return;
    const place = this.#placeOfSlice(bytes, start, end);
    const run = this.#runs[place];
    if (run === undefined || compareSlice(bytes, start, end, run.end) >= 0) return;
    const changes = this.#changes.get(run) ?? [];
    const isWorthIt = changes.length > 0 || (run.used && this.#changes.size < CHANGED_RUNS_MAX);
    const isLong = run.entries.bytes.length > CHANGED_BYTES_MAX || valueEnd - end > CHANGED_BYTES_MAX;
    if (!isWorthIt || isLong || changes.length === CHANGES_MAX) {
      this.#changes.delete(run);
      this.#remove(place);
      return;
    }
    const value = valueEnd < 0 ? undefined : bytes.subarray(end, valueEnd);
    changes.push({ key: bytes.subarray(start, end), value });
    this.#changes.set(run, changes);
  }

  /** Takes in all changes since it was called last: the runs then tell the state at `position`. */
  settle(position: Version): void {
    for (const [{ start, end, entries }, changes] of this.#changes) {
      changes.sort((a, b) => compareBytes(a.key, b.key));
      this.#remove(this.#placeOf(start));
      this.#insert({ start, end, position, entries: entries.changed(changes), used: false });
    }
    this.#changes.clear();
  }

  /** Drops the runs that tell a part of a range. */
  deleteRange({ start, end }: KeyRange): void {
    const before = this.#placeOf(start);
    const place = before >= 0 && compareBytes(this.#runs[before]!.end, start) > 0 ? before : before + 1;
    for (let run = this.#runs[place]; run !== undefined; run = this.#runs[place]) {
      if (end !== undefined && compareBytes(run.start, end) >= 0) return;
      this.#changes.delete(run);
      this.#remove(place);
    }
  }

  clear(): void {
    this.#changes.clear();
    for (const { entries } of this.#runs) entries.shared.keeper = undefined;
    this.#runs.length = 0;
    this.#bytes = 0;
    this.#hand = 0;
  }

  /** Whether what nobody has asked for yet may be added: nothing is evicted for it. */
  get hasRoom(): boolean {
    return this.#bytes < this.#bytesMax * 0.8;
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** A run together with those right before and behind it, which leave: as far as that is short enough. */
  #joined(run: Run): Run {
    let joined = run;
    const place = this.#placeOf(run.start);
    const before = this.#runs[place];
    if (before !== undefined && this.#canJoin(before, joined)) {
      joined = join(before, joined);
      this.#remove(place);
    }
    const next = this.#placeOf(run.start) + 1;
    const behind = this.#runs[next];
    if (behind !== undefined && this.#canJoin(joined, behind)) {
      joined = join(joined, behind);
      this.#remove(next);
    }
    return joined;
  }

  /** Not those of which something has been computed: it would be lost. */
  #canJoin(before: Run, { start, entries }: Run): boolean {
    const { entries: first } = before;
    return (
      compareBytes(before.end, start) === 0 &&
      first.length + entries.length <= JOINED_ENTRIES_MAX &&
      first.memoryBytes + entries.memoryBytes + RUN_BYTES <= this.#bytesMax / 8 &&
      first.shared.derivedBytes === 0 &&
      entries.shared.derivedBytes === 0
    );
  }

  #overlaps({ start, end }: Omit<Run, 'used'>): boolean {
    const place = this.#placeOf(start);
    const before = this.#runs[place];
    if (before !== undefined && compareBytes(before.end, start) > 0) return true;
    const behind = this.#runs[place + 1];
    return behind !== undefined && compareBytes(behind.start, end) < 0;
  }

  /** The last run that begins at or before `key`; -1 when none does. */
  #placeOf(key: Bytes): number {
    return this.#placeOfSlice(key, 0, key.length);
  }

  #placeOfSlice(bytes: Bytes, start: number, end: number): number {
    const runs = this.#runs;
    const length = end - start;
    let low = 0;
    let high = runs.length;
    // What the keys around a place share with it, all between them do.
    let sharedBelow = 0;
    let sharedAbove = 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = runs[middle]!.start;
      const shorter = Math.min(length, other.length);
      let at = Math.min(sharedBelow, sharedAbove);
      while (at < shorter && bytes[start + at] === other[at]) at++;
      if (at < shorter ? bytes[start + at]! > other[at]! : length >= other.length) {
        low = middle + 1;
        sharedBelow = at;
      } else {
        high = middle;
        sharedAbove = at;
      }
    }
    return low - 1;
  }

  #remove(place: number): void {
    const [run] = this.#runs.splice(place, 1);
    this.#bytes -= run!.entries.memoryBytes + RUN_BYTES;
    run!.entries.shared.keeper = undefined;
    if (place < this.#hand) this.#hand--;
  }

  /** At most one time around. */
  #makeRoom(bytes: number): void {
    for (let steps = this.#runs.length; steps > 0 && this.#bytes + bytes > this.#bytesMax; steps--) {
      if (this.#hand >= this.#runs.length) this.#hand = 0;
      const run = this.#runs[this.#hand]!;
      if (run.used) {
        run.used = false;
        this.#hand++;
      } else this.#remove(this.#hand);
    }
  }
}

function join(before: Run, behind: Run): Run {
  return {
    start: before.start,
    end: behind.end,
    position: Math.max(before.position, behind.position),
    entries: PackedEntries.join(before.entries, behind.entries),
    used: before.used || behind.used,
  };
}
