/**
 * The needle index in memory: id to offset and size, 16 bytes per needle (17 with 5-byte offsets) in typed arrays.
 *
 * Ids mostly increase. Entries lie in **sections** of up to 32,768, sorted, found by binary search; a new id beyond all
 * others goes to the end of the last section without a search. Any other new id goes into its section's **overflow**, a
 * sorted array of up to 1,024 entries that is merged into the section when it is full; a section that becomes too large
 * splits. Memory beyond the entries themselves is the spare room of the last section and of the overflows.
 *
 * A deleted id stays, with its size complemented, until the volume is opened again or vacuumed: what was deleted can still
 * be asked for. Counters follow SeaweedFS: overwriting counts as deleting what was there before.
 *
 * Nothing here reads a file; `volume/recover.ts` fills it.
 */

import { assert } from '../../base/assert.ts';
import { type IndexLayout, idOf, OFFSET_UNIT } from '../formats/index-row.ts';

const SECTION_ENTRIES_MAX = 32_768;
const OVERFLOW_ENTRIES_MAX = 1_024;
const ENTRIES_MIN = 64;

/** Size of an entry as it was before it was deleted. */
export function sizeBeforeDelete(size: number): number {
  return size < 0 ? ~size : size;
}

/** What a volume's index knows in sum. */
export interface NeedleCounters {
  /** Sets, overwrites included, since the index file begins. */
  readonly files: number;
  /** Sum of the sizes of all of them. */
  readonly fileBytes: number;
  /** Deletes and overwrites. */
  readonly deleted: number;
  readonly deletedBytes: number;
  readonly idMax: bigint;
  /** The same of ids from `CHUNK_IDS_FROM` on, which `idMax` leaves out; 0 without any. */
  readonly chunkIdMax: bigint;
}

/** Ids that Orbit gives to the chunks of large uploads; whoever else assigns ids stays below. */
export const CHUNK_IDS_FROM = 2n ** 63n;
const CHUNK_IDS_FROM_HIGH = 2 ** 31;

export class NeedleMap {
  /** Of what the last successful `find`, or the last `set` or `delete` that met an entry, found. In bytes. */
  foundOffset = 0;
  /** As `foundOffset`; negative for a deleted entry: see `sizeBeforeDelete`. */
  foundSize = 0;

  #sections: Section[] = [];
  readonly #wide: boolean;
  #entries = 0;
  #live = 0;
  #files = 0;
  #fileBytes = 0;
  #deleted = 0;
  #deletedBytes = 0;
  #idMaxHigh = 0;
  #idMaxLow = 0;
  #chunkIdMaxHigh = 0;
  #chunkIdMaxLow = 0;

  constructor(layout: IndexLayout) {
    this.#wide = layout.offsetBytes === 5;
  }

  /** Needles that are not deleted. */
  get live(): number {
    return this.#live;
  }

  /** Entries, deleted ones included. */
  get entries(): number {
    return this.#entries;
  }

  get memoryBytes(): number {
    let bytes = 0;
    for (const section of this.#sections) bytes += section.memoryBytes;
    return bytes;
  }

  get counters(): NeedleCounters {
    return {
      files: this.#files,
      fileBytes: this.#fileBytes,
      deleted: this.#deleted,
      deletedBytes: this.#deletedBytes,
      idMax: idOf(this.#idMaxHigh, this.#idMaxLow),
      chunkIdMax: idOf(this.#chunkIdMaxHigh, this.#chunkIdMaxLow),
    };
  }

  /** Whether there is an entry, live or deleted; then `foundOffset` and `foundSize` tell which. */
  find(high: number, low: number): boolean {
    const section = this.#sectionOf(high, low);
    if (section === undefined) return false;
    return this.#take(section.main, high, low) || this.#take(section.overflow, high, low);
  }

  /** Sets an entry. @returns whether there was one; `foundOffset` and `foundSize` are then what it was. */
  set(high: number, low: number, offset: number, size: number): boolean {
    assert(size >= 0 && offset > 0, () => `an index entry of offset ${offset} and size ${size}`);
    this.#files++;
    this.#fileBytes += size;
    const units = offset / OFFSET_UNIT;
    const last = this.#sections.at(-1);
    if (last === undefined || last.isBeyond(high, low)) {
      this.#append(last, high, low, units, size);
      return false;
    }
    const section = this.#sectionOf(high, low)!;
    const run = this.#runWith(section, high, low);
    if (run !== undefined) {
      if (run.sizes[run.at]! >= 0) {
        this.#deleted++;
        this.#deletedBytes += this.foundSize;
      } else this.#live++;
      run.put(run.at, units, size);
      return true;
    }
    this.#insert(section, high, low, units, size);
    this.#noteNew(high, low);
    return false;
  }

  /** Adds an id beyond all others. */
  #append(last: Section | undefined, high: number, low: number, units: number, size: number): void {
    let section = last;
    if (section === undefined || section.main.count === SECTION_ENTRIES_MAX) {
      section = new Section(high, low, new Run(ENTRIES_MIN, this.#wide), this.#wide);
      this.#sections.push(section);
    }
    const { main } = section;
    if (main.count === main.capacity) main.grow(Math.min(SECTION_ENTRIES_MAX, main.capacity * 2));
    main.insertAt(main.count, high, low, units, size);
    this.#noteNew(high, low);
  }

  #noteNew(high: number, low: number): void {
    this.#entries++;
    this.#live++;
    if (high >= CHUNK_IDS_FROM_HIGH) {
      if (high < this.#chunkIdMaxHigh || (high === this.#chunkIdMaxHigh && low < this.#chunkIdMaxLow)) return;
      this.#chunkIdMaxHigh = high;
      this.#chunkIdMaxLow = low;
    } else if (high > this.#idMaxHigh || (high === this.#idMaxHigh && low > this.#idMaxLow)) {
      this.#idMaxHigh = high;
      this.#idMaxLow = low;
    }
  }

  /** Marks a live entry deleted. @returns whether there was one; `foundOffset` and `foundSize` tell what it was. */
  delete(high: number, low: number): boolean {
    const section = this.#sectionOf(high, low);
    const run = section === undefined ? undefined : this.#runWith(section, high, low);
    if (run === undefined || run.sizes[run.at]! < 0) return false;
    run.sizes[run.at] = ~run.sizes[run.at]!;
    this.#deleted++;
    this.#deletedBytes += this.foundSize;
    this.#live--;
    return true;
  }

  /** Visits all entries in ascending order of ids, deleted ones (negative size) included. Do not change it meanwhile. */
  forEach(visit: (high: number, low: number, offset: number, size: number) => void): void {
    for (const { main, overflow } of this.#sections) {
      let i = 0;
      let j = 0;
      while (i < main.count || j < overflow.count) {
        const fromMain = j === overflow.count || (i < main.count && main.compareAt(i, overflow, j) < 0);
        const run = fromMain ? main : overflow;
        const at = fromMain ? i++ : j++;
        visit(run.keys[2 * at]!, run.keys[2 * at + 1]!, run.offsetAt(at), run.sizes[at]!);
      }
    }
  }

  /**
   * The live entry with the smallest offset of at least `from`, as `foundOffset` and `foundSize`, with its id; undefined
   * when there is none. Walks over all entries: for what damage makes necessary only.
   */
  firstAtOrAfter(from: number): { readonly high: number; readonly low: number } | undefined {
    let best = Number.POSITIVE_INFINITY;
    let found: { high: number; low: number } | undefined;
    this.forEach((high, low, offset, size) => {
      if (size < 0 || offset < from || offset >= best) return;
      best = offset;
      found = { high, low };
      this.foundOffset = offset;
      this.foundSize = size;
    });
    return found;
  }

  #take(run: Run, high: number, low: number): boolean {
    const at = run.find(high, low);
    if (at < 0) return false;
    this.foundOffset = run.offsetAt(at);
    this.foundSize = run.sizes[at]!;
    return true;
  }

  /** The run of a section that has the entry, with `at` where; what it holds is in `foundOffset` and `foundSize`. */
  #runWith(section: Section, high: number, low: number): Run | undefined {
    for (const run of [section.main, section.overflow]) {
      const at = run.find(high, low);
      if (at < 0) continue;
      run.at = at;
      this.foundOffset = run.offsetAt(at);
      this.foundSize = run.sizes[at]!;
      return run;
    }
    return undefined;
  }

  /** The section whose range holds the id: the last one that begins at or before it, or the first. */
  #sectionOf(high: number, low: number): Section | undefined {
    const sections = this.#sections;
    let start = 0;
    let end = sections.length;
    while (end - start > 1) {
      const middle = (start + end) >>> 1;
      const section = sections[middle]!;
      if (section.firstHigh < high || (section.firstHigh === high && section.firstLow <= low)) start = middle;
      else end = middle;
    }
    return sections[start];
  }

  #insert(section: Section, high: number, low: number, units: number, size: number): void {
    const { overflow } = section;
    if (overflow.count === overflow.capacity) {
      overflow.grow(Math.min(OVERFLOW_ENTRIES_MAX, Math.max(ENTRIES_MIN, overflow.capacity * 2)));
    }
    overflow.insertAt(~overflow.find(high, low), high, low, units, size);
    if (overflow.count === OVERFLOW_ENTRIES_MAX) this.#merge(section);
  }

  #merge(section: Section): void {
    const { main, overflow } = section;
    const total = main.count + overflow.count;
    const parts = total > SECTION_ENTRIES_MAX ? [total >>> 1, total - (total >>> 1)] : [total];
    let i = 0;
    let j = 0;
    const merged = parts.map((count) => {
      const run = new Run(count, this.#wide);
      for (let at = 0; at < count; at++) {
        const fromMain = j === overflow.count || (i < main.count && main.compareAt(i, overflow, j) < 0);
        run.copyFrom(at, fromMain ? main : overflow, fromMain ? i++ : j++);
      }
      run.count = count;
      return new Section(run.keys[0]!, run.keys[1]!, run, this.#wide);
    });
    const index = this.#sections.indexOf(section);
    // The first section also holds ids below its first one; sections begin where they were searched for.
    this.#sections.splice(index, 1, ...merged);
  }
}

class Section {
  readonly firstHigh: number;
  readonly firstLow: number;
  readonly main: Run;
  readonly overflow: Run;

  constructor(firstHigh: number, firstLow: number, main: Run, wide: boolean) {
    this.firstHigh = firstHigh;
    this.firstLow = firstLow;
    this.main = main;
    this.overflow = new Run(0, wide);
  }

  get memoryBytes(): number {
    return this.main.memoryBytes + this.overflow.memoryBytes;
  }

  /** Whether the id is greater than all that are here. */
  isBeyond(high: number, low: number): boolean {
    return this.main.endsBefore(high, low) && this.overflow.endsBefore(high, low);
  }
}

/** Entries in ascending order of ids, in arrays with room for `capacity` of them. */
class Run {
  /** A place that a caller keeps between two calls. */
  at = 0;
  count = 0;
  /** Two per entry: high and low half of the id. */
  keys: Uint32Array;
  /** Low 32 bits of offset / 8. */
  units: Uint32Array;
  /** Bits 32 to 39 of it; without entries for 4-byte offsets. */
  unitsHigh: Uint8Array;
  sizes: Int32Array;

  constructor(capacity: number, wide: boolean) {
    this.keys = new Uint32Array(capacity * 2);
    this.units = new Uint32Array(capacity);
    this.unitsHigh = new Uint8Array(wide ? capacity : 0);
    this.sizes = new Int32Array(capacity);
    this.#wide = wide;
  }

  readonly #wide: boolean;

  get capacity(): number {
    return this.sizes.length;
  }

  get memoryBytes(): number {
    return this.capacity * (this.#wide ? 17 : 16);
  }

  /** Where the id is, or the complement of where it would be. */
  find(high: number, low: number): number {
    const { keys } = this;
    let start = 0;
    let end = this.count;
    while (start < end) {
      const middle = (start + end) >>> 1;
      const middleHigh = keys[2 * middle]!;
      if (middleHigh < high || (middleHigh === high && keys[2 * middle + 1]! < low)) start = middle + 1;
      else end = middle;
    }
    return start < this.count && keys[2 * start] === high && keys[2 * start + 1] === low ? start : ~start;
  }

  offsetAt(at: number): number {
    const low = this.units[at]!;
    return (this.#wide ? this.unitsHigh[at]! * 2 ** 32 + low : low) * OFFSET_UNIT;
  }

  put(at: number, units: number, size: number): void {
    this.units[at] = units % 2 ** 32;
    if (this.#wide) this.unitsHigh[at] = Math.floor(units / 2 ** 32);
    this.sizes[at] = size;
  }

  insertAt(at: number, high: number, low: number, units: number, size: number): void {
    const { count } = this;
    if (at < count) {
      this.keys.copyWithin(2 * at + 2, 2 * at, 2 * count);
      this.units.copyWithin(at + 1, at, count);
      if (this.#wide) this.unitsHigh.copyWithin(at + 1, at, count);
      this.sizes.copyWithin(at + 1, at, count);
    }
    this.keys[2 * at] = high;
    this.keys[2 * at + 1] = low;
    this.put(at, units, size);
    this.count++;
  }

  endsBefore(high: number, low: number): boolean {
    if (this.count === 0) return true;
    const lastHigh = this.keys[2 * this.count - 2]!;
    return lastHigh < high || (lastHigh === high && this.keys[2 * this.count - 1]! < low);
  }

  compareAt(at: number, other: Run, otherAt: number): number {
    return this.keys[2 * at]! - other.keys[2 * otherAt]! || this.keys[2 * at + 1]! - other.keys[2 * otherAt + 1]!;
  }

  copyFrom(at: number, other: Run, otherAt: number): void {
    this.keys[2 * at] = other.keys[2 * otherAt]!;
    this.keys[2 * at + 1] = other.keys[2 * otherAt + 1]!;
    this.units[at] = other.units[otherAt]!;
    if (this.#wide) this.unitsHigh[at] = other.unitsHigh[otherAt]!;
    this.sizes[at] = other.sizes[otherAt]!;
  }

  grow(capacity: number): void {
    const { keys, units, unitsHigh, sizes } = this;
    this.keys = new Uint32Array(capacity * 2);
    this.keys.set(keys);
    this.units = new Uint32Array(capacity);
    this.units.set(units);
    this.unitsHigh = new Uint8Array(this.#wide ? capacity : 0);
    this.unitsHigh.set(unitsHigh);
    this.sizes = new Int32Array(capacity);
    this.sizes.set(sizes);
  }
}
