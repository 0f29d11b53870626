/**
 * Hot entries as bytes: a table from keys to records in large slabs, without a JavaScript object or string per key.
 *
 * A key is hashed and compared where it lies, in a socket's buffer for example; its value is copied once, from slab to
 * reply. An entry costs its record and some 11 to 21 bytes of table: see docs/decisions/hot-entries-in-byte-arenas.md.
 *
 * **The table** (`entry-table.ts`) leads from the hash of a key to references: the number of a slab and the record's offset in units of 8
 * bytes, 31 bits, never 0.
 *
 * **Records** lie in the slabs of `entry-slab.ts`, which draws their layout.
 *
 * **Slabs** (`slab-pool.ts`) are filled in order. A value that fits is replaced in place; else the record is left dead and written anew. When
 * a slab is needed and too much is dead, or the bound is reached, one is *cleaned*: what is to stay is copied
 * to another, the rest goes, and the slab is free. So there is no fragmentation, and no list of free places. A record larger
 * than `LARGE_FRACTION` of a slab lies in one of its own.
 *
 * **What stays** is decided as in S3-FIFO (Yang et al., SOSP 2023): most keys of a large data set are read once and not again for
 * long. New entries lie in *young* slabs, an eighth of the memory once it is full, which are cleaned oldest first: what was
 * read again moves to the *kept* slabs, the rest goes, and its hash is remembered. A key that comes back while it is remembered goes to the
 * kept slabs at once; there a hand passes, and an entry that was used since it last passed stays.
 *
 * **Complete** databases are those of which every key that has a value is here, as far as the owner says and until the arena
 * gives up an entry with a value: then what is not found is known to be absent, and how many keys there are is a counter.
 *
 * **A file** (`entry-file.ts`) takes clean entries that give way, if there is one, and `restore` brings them back. It is made when the
 * first has to go. What is here and may be there too is marked (`IN_FILE`), and dropped there before it changes.
 *
 * **Dirty** entries (`dirty-entries.ts`), those the store does not hold yet, are never evicted. The owner bounds how many there are; beyond
 * the bound the arena would rather grow past its own than lose one.
 */

import { assert } from '../../base/assert.ts';
import { copyShort, equalShort, SHORT_COPY_BYTES, viewOf } from '../../base/byte-views.ts';
import type { Bytes } from '../../base/bytes.ts';
import { DirtyEntries } from './dirty-entries.ts';
import { DATABASES_MAX, EntryCounts } from './entry-counts.ts';
import { EntryFile, type EntryFileOptions, type EntryFileStatistics } from './entry-file.ts';
import { hashEntryKey } from './entry-hash.ts';
import {
  ABSENT,
  DEAD,
  DIRTY,
  FETCHED,
  FLAGS,
  IN_FILE,
  MARKED,
  RECORD_HEADER_BYTES,
  recordBytes,
  SIZES,
  Slab,
  STAMP,
  USED,
  VALUE_LENGTH,
} from './entry-slab.ts';
import { EntryTable, TABLE_SHIFT } from './entry-table.ts';
import { touchEntries } from './entry-touch.ts';
import { EvictedKeys } from './evicted-keys.ts';
import { SlabPool, UNIT_BITS, UNIT_MASK } from './slab-pool.ts';

const SLAB_BYTES = 1024 * 1024;
const LARGE_FRACTION = 16;
/** A larger record is written anew when it would be less than half full. */
const SHRINK_BYTES = 512;
/** Of the bound: more young slabs are cleaned before kept ones. */
const YOUNG_FRACTION = 8;
/** Of the bound, bytes for each of the evicted keys that are remembered: a record and its place in the table. */
const EVICTED_KEY_SHARE = 256;
/** Of all bytes in slabs: more dead ones are collected before the arena grows. */
const DEAD_FRACTION = 4;

export interface EntryArenaOptions {
  /** Bound on the bytes of slabs and tables. */
  readonly bytesMax: number;
  /** Makes it hard to guess which keys collide. */
  readonly seed: number;
  /** A multiple of 8, at most 1 MiB. Default 1 MiB, less for a small bound. */
  readonly slabBytes?: number;
  /** For what gives way; default: nothing. Its index counts to `bytesMax`. */
  readonly file?: EntryFileOptions;
}

/** Counts since opening, sizes now. */
export interface EntryArenaStatistics {
  readonly entries: number;
  readonly dirtyEntries: number;
  readonly bytes: number;
  readonly evictedEntries: number;
  /** Undefined where there is no file, or none was needed yet. */
  readonly file: EntryFileStatistics | undefined;
}

export class EntryArena {
  /** Where the last `find`, `write` or `visitDirty` found its record: `slab.bytes`, from `at`. Valid until the next change. */
  slab: Slab;
  at = 0;

  readonly counts = new EntryCounts();
  readonly bytesMax: number;
  readonly #seed: number;
  readonly #largeBytes: number;
  readonly #table = new EntryTable();
  readonly #pool: SlabPool;
  readonly #dirty = new DirtyEntries();
  /** Shown for a key that is absent without an entry. */
  readonly #nothing = new Slab(0, RECORD_HEADER_BYTES, true);
  /** Made when something goes for the first time. */
  #evictedKeys: EvictedKeys | undefined;
  /** `moves` of the slabs when `touch` looked. */
  #movesAtTouch = 0;
  #evicted = 0;
  readonly #fileOptions: EntryFileOptions | undefined;
  /** Has no record of a key that is here without `IN_FILE`. */
  #file: EntryFile | undefined;

  constructor(options: EntryArenaOptions) {
    this.bytesMax = options.bytesMax;
    const slabBytes = options.slabBytes ?? Math.max(4096, Math.min(SLAB_BYTES, (options.bytesMax >>> 6) & ~7));
    assert(slabBytes % 8 === 0 && slabBytes <= SLAB_BYTES, () => `slabs of ${slabBytes} bytes`);
    this.#largeBytes = Math.floor(slabBytes / LARGE_FRACTION);
    this.#seed = options.seed | 0;
    this.#fileOptions = options.file;
    this.#pool = new SlabPool(slabBytes);
    this.slab = this.#pool.head;
  }

  get slabBytes(): number {
    return this.#pool.slabBytes;
  }

  get dirtyCount(): number {
    return this.#dirty.count;
  }

  /** Bytes of the records that are dirty. */
  get dirtyBytes(): number {
    return this.#dirty.bytes;
  }

  get bytes(): number {
    return this.#pool.bytes + this.#table.bytes + (this.#evictedKeys?.bytes ?? 0) + (this.#file?.memoryBytes ?? 0);
  }

  statistics(): EntryArenaStatistics {
    return {
      entries: this.#table.count,
      dirtyEntries: this.#dirty.count,
      bytes: this.bytes,
      evictedEntries: this.#evicted,
      file: this.#file?.statistics(),
    };
  }

  /** The hash of a key of `database` in `buffer[start, end)`. */
  hash(database: number, buffer: Bytes, start: number, end: number): number {
    return hashEntryKey(this.#seed, database, buffer, start, end);
  }

  /**
   * Loads what `count` hashes lead to, and leaves references to the first records with such hashes (`entry-touch.ts`), which hold
   * until a record moves. @returns something to be used, lest the loads are left out.
   */
  touch(hashes: Int32Array, references: Int32Array, count: number, headsOnly: boolean): number {
    this.#movesAtTouch = this.#pool.moves;
    return touchEntries(this.#table.tables, this.#pool.slabs, hashes, references, count, headsOnly);
  }

  /** What the references that `touch` has left lead into; undefined where they hold no more. */
  get touchedSlabs(): readonly (Slab | undefined)[] | undefined {
    return this.#pool.moves === this.#movesAtTouch ? this.#pool.slabs : undefined;
  }

  /** Finds an entry, known absence included, and leaves its place in `slab` and `at`. */
  find(hash: number, database: number, buffer: Bytes, start: number, length: number): boolean {
    return this.#slotOf(hash, database, buffer, start, length) >= 0;
  }

  /**
   * As `find`, at a reference that `touch` has left for the hash of this key, and without calls. @returns false where another
   * key is there, or the entry has another place by now: then `find` knows.
   */
  findAt(reference: number, database: number, buffer: Bytes, start: number, length: number): boolean {
    if (reference === 0 || this.#pool.moves !== this.#movesAtTouch) return false;
    const slab = this.#pool.slabs[reference >>> UNIT_BITS]!;
    const { words, view } = slab;
    const word = (reference & UNIT_MASK) << 1;
    if (words[word + SIZES]! >>> 16 !== length) return false;
    if ((words[word + FLAGS]! & (DEAD | 0xff00)) !== database << 8) return false;
    const keys = viewOf(buffer);
    const at = (word << 2) + RECORD_HEADER_BYTES;
    let i = 0;
    for (; i + 4 <= length; i += 4) if (view.getInt32(at + i, true) !== keys.getInt32(start + i, true)) return false;
    for (; i < length; i++) if (view.getUint8(at + i) !== keys.getUint8(start + i)) return false;
    this.slab = slab;
    this.at = word << 2;
    return true;
  }

  /**
   * Calls `visit` with the place in `slab` and `at` of each marked entry of a slab, in no order, as long as it returns true.
   * Nothing may be changed meanwhile. @param number Of the slab: 0, or what an earlier call returned.
   * @returns that of the next slab, this one again where `visit` has stopped, 0 at the end.
   */
  visitMarked(number: number, visit: () => boolean): number {
    const { slabs } = this.#pool;
    let next = number;
    while (next < slabs.length && slabs[next] === undefined) next++;
    const slab = slabs[next];
    if (slab === undefined) return 0;
    const { words } = slab;
    for (let at = 0; at < slab.used; at += this.#sizeOf(slab, at)) {
      if ((words[(at >> 2) + FLAGS]! & (DEAD | MARKED)) !== MARKED) continue;
      this.slab = slab;
      this.at = at;
      if (!visit()) return next;
    }
    return next + 1 < slabs.length ? next + 1 : 0;
  }

  /** Shows at `slab` and `at` a record that says absent, and has room for nothing. */
  showAbsent(database: number, partition: number): void {
    const { words } = this.#nothing;
    words[VALUE_LENGTH] = ABSENT;
    words[SIZES] = 1;
    words[FLAGS] = (database << 8) | (partition << 16);
    this.slab = this.#nothing;
    this.at = 0;
  }

  // ---- The record at `slab` and `at`

  /** -1 for a key that is known to be absent. */
  get valueLength(): number {
    return this.slab.words[(this.at >> 2) + VALUE_LENGTH]!;
  }

  get valueAt(): number {
    return this.at + RECORD_HEADER_BYTES + (this.slab.words[(this.at >> 2) + SIZES]! >>> 16);
  }

  get keyAt(): number {
    return this.at + RECORD_HEADER_BYTES;
  }

  get keyLength(): number {
    return this.slab.words[(this.at >> 2) + SIZES]! >>> 16;
  }

  get database(): number {
    return (this.slab.words[(this.at >> 2) + FLAGS]! >>> 8) & 0xff;
  }

  get partition(): number {
    return this.slab.words[(this.at >> 2) + FLAGS]! >>> 16;
  }

  get isDirty(): boolean {
    return (this.slab.words[(this.at >> 2) + FLAGS]! & DIRTY) !== 0;
  }

  /** The lower 32 bits, signed, of the version that wrote a clean entry. */
  get stamp(): number {
    return this.slab.words[(this.at >> 2) + STAMP]!;
  }

  /** The entry was read: it stays when it would have to go. The read that it was fetched for does not count. */
  markUsed(): void {
    const at = (this.at >> 2) + FLAGS;
    const flags = this.slab.words[at]!;
    if ((flags & USED) === 0) this.slab.words[at] = (flags & FETCHED) === 0 ? flags | USED : flags & ~FETCHED;
  }

  /** The value of the record at `slab` and `at`, in place, where it stays as it is; undefined of one that shares its slab. */
  lend(): Buffer | undefined {
    const { slab, valueAt } = this;
    if (!slab.isLarge) return undefined;
    slab.isLent = true;
    return slab.bytes.subarray(valueAt, valueAt + this.valueLength);
  }

  /** The record at `slab` and `at` was fetched for somebody who is about to read it. */
  markFetched(): void {
    this.slab.words[(this.at >> 2) + FLAGS]! |= FETCHED;
  }

  /** Sets or takes away the owner's mark, which is counted; a record written at a new place has none. */
  mark(marked: boolean): void {
    const at = (this.at >> 2) + FLAGS;
    const flags = this.slab.words[at]!;
    if (((flags & MARKED) !== 0) === marked) return;
    this.slab.words[at] = flags ^ MARKED;
    this.counts.marked[(flags >>> 8) & 0xff]! += marked ? 1 : -1;
  }

  // ---- Changes

  /**
   * Gives the record at `slab` and `at` a value of another length, if it has room for one without wasting much; the caller
   * writes it at `valueAt` at once. @returns false when nothing was changed, and `write` must find it another place.
   */
  resize(valueLength: number): boolean {
    const { words } = this.slab;
    if (this.slab.isLent) return false;
    const word = this.at >> 2;
    const sizes = words[word + SIZES]!;
    const needed = RECORD_HEADER_BYTES + (sizes >>> 16) + (valueLength === ABSENT ? 0 : valueLength);
    const units = sizes & 0xffff;
    const size = units === 0 ? this.slab.bytes.length : units << 3;
    if (needed > size || (size > SHRINK_BYTES && needed * 2 <= size)) return false;
    if ((valueLength === ABSENT) !== (words[word + VALUE_LENGTH] === ABSENT)) {
      this.counts.present[(words[word + FLAGS]! >>> 8) & 0xff]! += valueLength === ABSENT ? -1 : 1;
    }
    words[word + VALUE_LENGTH] = valueLength;
    if (valueLength === ABSENT) this.mark(false);
    return true;
  }

  /**
   * Makes the entry of a key one of `valueLength` bytes (or `ABSENT`), which the caller writes at `valueAt` at once. A new
   * entry is clean with stamp 0; an old one stays dirty or clean as it was, with whatever value was there.
   * @param isLoaded The store has this value and nobody has changed it: if the file has it, it stays there.
   * @param filled From `slabFor`, with the value, for an entry that is not here yet and has a slab of its own.
   */
  write(
    hash: number,
    database: number,
    partition: number,
    buffer: Bytes,
    start: number,
    keyLength: number,
    valueLength: number,
    isLoaded = false,
    filled?: Slab,
  ): void {
    let slot = this.#slotOf(hash, database, buffer, start, keyLength);
    if (slot >= 0) {
      if ((this.slab.words[(this.at >> 2) + FLAGS]! & IN_FILE) !== 0) this.#dropFromFile(hash);
      if (this.resize(valueLength)) return;
    }
    const size = recordBytes(keyLength, valueLength);
    const isLarge = size > this.#largeBytes;
    const isKept = slot < 0 && this.#evictedKeys?.take(hash) === true;
    const target = isLarge ? this.#takeLarge(size, filled) : this.#takeRoom(size, isKept);
    const at = isLarge ? 0 : target.used - size;
    // Making room moves and evicts records: look again.
    if (slot >= 0) slot = this.#slotOf(hash, database, buffer, start, keyLength);
    const words = target.words;
    const word = at >> 2;
    words[word + VALUE_LENGTH] = valueLength;
    words[word + SIZES] = (keyLength << 16) | (isLarge ? 0 : size >>> 3);
    const keyAt = at + RECORD_HEADER_BYTES;
    if (keyLength > SHORT_COPY_BYTES) target.bytes.set(buffer.subarray(start, start + keyLength), keyAt);
    else copyShort(viewOf(buffer), start, target.view, keyAt, keyLength);
    const reference = (target.number << UNIT_BITS) | (at >>> 3);
    if (slot >= 0) {
      const old = this.slab;
      const oldAt = this.at;
      const flags = old.words[(oldAt >> 2) + FLAGS]!;
      if ((flags & MARKED) !== 0) this.counts.marked[database]!--;
      if (old.words[(oldAt >> 2) + VALUE_LENGTH] !== ABSENT) this.counts.present[database]!--;
      words[word + STAMP] = old.words[(oldAt >> 2) + STAMP]!;
      words[word + FLAGS] = (flags & 0xff00) | USED | (flags & DIRTY) | (partition << 16);
      if ((flags & DIRTY) !== 0) {
        this.#dirty.replace(words[word + STAMP]!, reference);
        this.#dirty.bytes += this.#sizeOf(target, at) - this.#sizeOf(old, oldAt);
      }
      this.#table.replace(hash, slot, reference);
      this.#kill(old, oldAt);
      if (old.isLarge) this.#pool.dropLarge(old);
    } else {
      words[word + STAMP] = 0;
      words[word + FLAGS] = (database << 8) | (partition << 16);
      // Only now: making room may have given this very entry to the file.
      if (this.#file?.mayHave(hash) === true) {
        if (isLoaded) words[word + FLAGS]! |= IN_FILE;
        else this.#file.drop(hash);
      }
      this.#table.insert(hash, reference);
      this.counts.all[database]!++;
    }
    if (valueLength !== ABSENT) this.counts.present[database]!++;
    this.slab = target;
    this.at = at;
  }

  /** The record at `slab` and `at` is not in the store yet. Harmless when it is dirty already. */
  markDirty(): void {
    const { slab, at } = this;
    const word = at >> 2;
    const flags = slab.words[word + FLAGS]!;
    if ((flags & DIRTY) !== 0) return;
    if ((flags & IN_FILE) !== 0) this.#dropFromFile(this.#hashAt(slab, at));
    const place = this.#dirty.add((slab.number << UNIT_BITS) | (at >>> 3), this.#onDirtyMove);
    slab.words[word + FLAGS]! |= DIRTY;
    slab.words[word + STAMP] = place;
    this.#dirty.bytes += this.#sizeOf(slab, at);
  }

  readonly #onDirtyMove = (reference: number, place: number): void => {
    this.#pool.slabs[reference >>> UNIT_BITS]!.words[((reference & UNIT_MASK) << 1) + STAMP] = place;
  };

  /** Notes the version, its lower 32 bits, that the clean record at `slab` and `at` shows. */
  stampClean(version: number): void {
    this.slab.words[(this.at >> 2) + STAMP] = version;
  }

  /**
   * Calls `visit` with the place in `slab` and `at` of up to `entriesMax` dirty entries, those first that became dirty first.
   * Nothing may be changed meanwhile. @returns a mark for `cleanThrough`.
   */
  visitDirty(entriesMax: number, visit: () => void): number {
    let left = entriesMax;
    let place = this.#dirty.from;
    for (; place < this.#dirty.to && left > 0; place++) {
      const reference = this.#dirty.at(place);
      if (reference === 0) continue;
      this.#goTo(reference);
      visit();
      left--;
    }
    return place;
  }

  /**
   * Calls `visit` as `visitDirty`, with dirty entries that became so from the place `from` on: 0, or what an earlier call
   * returned, which may be a little off by now. @returns where to go on, 0 at the end.
   */
  visitDirtyFrom(from: number, entriesMax: number, visit: () => void): number {
    let left = entriesMax;
    let place = Math.max(from, this.#dirty.from);
    for (; place < this.#dirty.to && left > 0; place++, left--) {
      const reference = this.#dirty.at(place);
      if (reference === 0) continue;
      this.#goTo(reference);
      visit();
    }
    return place < this.#dirty.to ? place : 0;
  }

  /** The store now holds what `visitDirty` told: those entries are clean, with the version's lower 32 bits. */
  cleanThrough(mark: number, version: number): void {
    for (let place = this.#dirty.from; place < mark; place++) {
      const reference = this.#dirty.at(place);
      if (reference === 0) continue;
      this.#goTo(reference);
      const { slab, at } = this;
      this.#noLongerDirty(slab, at);
      slab.words[(at >> 2) + STAMP] = version;
      // One that takes a good part of the bound would push out too many others.
      if ((slab.words[(at >> 2) + SIZES]! & 0xffff) === 0 && slab.bytes.length * 8 > this.bytesMax) this.remove();
    }
    this.#dirty.dropBefore(mark);
  }

  /** Removes every dirty entry: what the store says about those keys is true again, and it may hold them. */
  removeDirty(): void {
    for (let place = this.#dirty.from; place < this.#dirty.to; place++) {
      const reference = this.#dirty.at(place);
      if (reference === 0) continue;
      this.#goTo(reference);
      this.counts.complete[this.database] = 0;
      this.remove();
    }
    this.#dirty.clear();
  }

  /** Removes the entry at `slab` and `at`, dirty or not; `gone` when the store holds no value of that key. */
  remove(gone = false): void {
    const { slab, at } = this;
    if (!gone && this.valueLength !== ABSENT) this.counts.complete[this.database] = 0;
    const hash = this.#hashAt(slab, at);
    if ((slab.words[(at >> 2) + FLAGS]! & IN_FILE) !== 0) this.#dropFromFile(hash);
    this.#forget(slab, at, hash, this.#table.slotWith(hash, (slab.number << UNIT_BITS) | (at >>> 3)));
    this.#kill(slab, at);
    if (slab.isLarge) this.#pool.dropLarge(slab);
  }

  /**
   * Removes all entries of a database, dirty ones too: at once when there are no others, else one by one. `gone` when the
   * store holds nothing of it any more.
   */
  removeDatabase(database: number, gone: boolean): void {
    this.#file?.dropDatabase(database);
    const count = this.counts.all[database]!;
    if (count > 0 && count === this.#table.count) {
      const others = this.counts.complete.slice();
      this.#clearMemory();
      this.counts.complete.set(others);
    } else if (count > 0) {
      for (const slab of [...this.#pool.slabs]) {
        if (slab === undefined) continue;
        for (let at = 0; at < slab.used; at += this.#sizeOf(slab, at)) {
          const flags = slab.words[(at >> 2) + FLAGS]!;
          if ((flags & DEAD) !== 0 || ((flags >>> 8) & 0xff) !== database) continue;
          this.slab = slab;
          this.at = at;
          this.remove(gone);
        }
      }
    }
    this.counts.complete[database] = gone ? 1 : 0;
  }

  /** Forgets everything, dirty entries too. */
  clear(): void {
    this.#file?.clear();
    this.#clearMemory();
  }

  #clearMemory(): void {
    this.#table.clear();
    this.#pool.clear();
    this.#dirty.clear();
    this.counts.clear();
    this.#evictedKeys = undefined;
    this.slab = this.#pool.head;
    this.at = 0;
  }

  // ---- The file

  /**
   * Brings an entry back that has given way and is in the file: it is the one at hand then, clean with the stamp it had. At
   * once, or not at all.
   */
  restore(hash: number, database: number, buffer: Bytes, start: number, length: number): boolean {
    const file = this.#file;
    if (file === undefined || !file.mayHave(hash)) return false;
    if (this.find(hash, database, buffer, start, length)) return true;
    if (!file.find(database, buffer, start, length)) return false;
    this.#takeBack(file, hash, database, this.#evictedKeys?.take(hash) === true);
    return true;
  }

  /**
   * As `restore`, for who reads the entry before anything else is done and changes nothing of it: unless it was read a while
   * ago as well it stays in the file alone, and the one at hand is a copy that nobody else finds.
   */
  peek(hash: number, database: number, buffer: Bytes, start: number, length: number): boolean {
    const file = this.#file;
    if (file === undefined || !file.mayHave(hash)) return false;
    if (this.find(hash, database, buffer, start, length)) return true;
    if (!file.find(database, buffer, start, length)) return false;
    const isKept = this.#evictedKeys?.take(hash) === true;
    if (isKept || file.isOld || file.isMarked) {
      this.#takeBack(file, hash, database, isKept);
      return true;
    }
    this.#noteEvicted(hash);
    this.slab = file.block;
    this.at = file.at;
    this.slab.words[(this.at >> 2) + FLAGS]! &= ~0xff;
    return true;
  }

  /** Whether `peek` will find the entry with that hash, but for rare ones that have it in common with another. */
  mayPeek(hash: number): boolean {
    return this.#file?.isQuick === true && this.#file.mayHave(hash);
  }

  /** Brings the entry back that the file has just found; it is the one at hand then. */
  #takeBack(file: EntryFile, hash: number, database: number, isKept: boolean): void {
    const { block, at: from, isMarked } = file;
    if (file.isOld) file.forgetFound();
    const flags = file.isOld ? FETCHED : FETCHED | IN_FILE;
    const fromWord = from >> 2;
    const size = (block.words[fromWord + SIZES]! & 0xffff) << 3;
    assert(size <= this.#largeBytes, 'a large record was given up to the file');
    const target = this.#takeRoom(size, isKept);
    const at = target.used - size;
    if (size > SHORT_COPY_BYTES) block.bytes.copy(target.bytes, at, from, from + size);
    else copyShort(block.view, from, target.view, at, size);
    const word = at >> 2;
    target.words[word + FLAGS] = (target.words[word + FLAGS]! & ~0xff) | flags;
    this.#table.insert(hash, (target.number << UNIT_BITS) | (at >>> 3));
    this.counts.all[database]!++;
    if (target.words[word + VALUE_LENGTH] !== ABSENT) this.counts.present[database]!++;
    this.slab = target;
    this.at = at;
    if (isMarked) this.mark(true);
  }

  /** Somebody changes a key that is not here: what the file has of it is not true any more. */
  dropGivenUp(hash: number): void {
    this.#file?.drop(hash);
  }

  /** Gives the space of the file back. */
  close(): void {
    this.#file?.close();
  }

  /** The entry at hand is about to change. */
  #dropFromFile(hash: number): void {
    this.slab.words[(this.at >> 2) + FLAGS]! &= ~IN_FILE;
    this.#file!.drop(hash);
  }

  /** Before a clean entry gives way. */
  #giveUp(slab: Slab, at: number, hash: number): void {
    if (this.#fileOptions === undefined) return;
    this.#file ??= new EntryFile(this.#fileOptions, this, DATABASES_MAX);
    if ((slab.words[(at >> 2) + FLAGS]! & IN_FILE) === 0 || !this.#file.mayHave(hash)) this.#file.take(slab, at, hash);
  }

  // ---- Entries

  #slotOf(hash: number, database: number, buffer: Bytes, start: number, length: number): number {
    const table = this.#table.tables[hash >>> TABLE_SHIFT]!;
    const mask = table.length - 2;
    const { slabs } = this.#pool;
    const view = viewOf(buffer);
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const reference = table[slot + 1]!;
      if (reference === 0) return -1;
      if (table[slot] !== hash) continue;
      const slab = slabs[reference >>> UNIT_BITS]!;
      const word = (reference & UNIT_MASK) << 1;
      if (slab.words[word + SIZES]! >>> 16 !== length) continue;
      if (((slab.words[word + FLAGS]! >>> 8) & 0xff) !== database) continue;
      if (!equalShort(slab.view, (word << 2) + RECORD_HEADER_BYTES, view, start, length)) continue;
      this.slab = slab;
      this.at = word << 2;
      return slot;
    }
  }

  /** Takes a record out of the table and the counts. */
  #forget(slab: Slab, at: number, hash: number, slot: number): void {
    this.#table.remove(hash, slot);
    const flags = slab.words[(at >> 2) + FLAGS]!;
    const database = (flags >>> 8) & 0xff;
    this.counts.all[database]!--;
    if (slab.words[(at >> 2) + VALUE_LENGTH] !== ABSENT) this.counts.present[database]!--;
    if ((flags & MARKED) !== 0) this.counts.marked[database]!--;
    if ((flags & DIRTY) === 0) return;
    this.#noLongerDirty(slab, at);
  }

  /** A clean entry gives way. */
  #evict(slab: Slab, at: number, hash: number, slot: number): void {
    const word = at >> 2;
    if (slab.words[word + VALUE_LENGTH] !== ABSENT) this.counts.complete[(slab.words[word + FLAGS]! >>> 8) & 0xff] = 0;
    this.#forget(slab, at, hash, slot);
    this.#evicted++;
  }

  #noLongerDirty(slab: Slab, at: number): void {
    slab.words[(at >> 2) + FLAGS]! &= ~DIRTY;
    this.#dirty.remove(slab.words[(at >> 2) + STAMP]!);
    this.#dirty.bytes -= this.#sizeOf(slab, at);
  }

  #hashAt(slab: Slab, at: number): number {
    const word = at >> 2;
    const keyAt = at + RECORD_HEADER_BYTES;
    const database = (slab.words[word + FLAGS]! >>> 8) & 0xff;
    return this.hash(database, slab.bytes, keyAt, keyAt + (slab.words[word + SIZES]! >>> 16));
  }

  // ---- Records and slabs

  #goTo(reference: number): void {
    this.slab = this.#pool.slabs[reference >>> UNIT_BITS]!;
    this.at = (reference & UNIT_MASK) << 3;
  }

  #sizeOf(slab: Slab, at: number): number {
    const units = slab.words[(at >> 2) + SIZES]! & 0xffff;
    return units === 0 ? slab.bytes.length : units << 3;
  }

  #kill(slab: Slab, at: number): void {
    slab.words[(at >> 2) + FLAGS] = DEAD;
    if (!slab.isLarge) this.#pool.noteDead(slab, this.#sizeOf(slab, at));
  }

  /** A slab in which the last `size` bytes of what is used are for a new record. */
  #takeRoom(size: number, isKept: boolean): Slab {
    if (!this.#pool.hasRoom(size, isKept)) this.#makeRoom(size);
    return this.#pool.take(size, isKept);
  }

  #makeRoom(size: number): void {
    const { slabBytes, spares, usedBytes, deadBytes } = this.#pool;
    // One spare is kept for what a cleaning copies.
    if (spares < 2 && this.bytes + slabBytes * 2 > this.bytesMax) this.#clean(size, true);
    else if (deadBytes > slabBytes && deadBytes * DEAD_FRACTION > usedBytes) this.#clean(size, false);
  }

  /**
   * Cleans slabs until there is room for `size`. With `evicts`, what was not used since the last time goes; else only what is
   * dead, and the slab with most of it is chosen.
   */
  #clean(size: number, evicts: boolean): void {
    if (evicts) this.#evictLarge(this.bytes + this.slabBytes * 2 - this.bytesMax);
    // After one round of the young slabs and two of the kept ones everything clean has gone.
    for (let tries = 3 * this.#pool.slabs.length; tries > 0; tries--) {
      const victim = evicts ? this.#nextVictim() : this.#pool.deadest();
      if (victim === undefined) return;
      this.#cleanSlab(victim, evicts);
      if (this.#pool.hasRoom(size, false) || this.#pool.spares > 1) return;
    }
  }

  #nextVictim(): Slab | undefined {
    return this.#pool.nextVictim(this.bytesMax / YOUNG_FRACTION);
  }

  #cleanSlab(victim: Slab, evicts: boolean): void {
    const { words } = victim;
    for (let at = 0; at < victim.used; ) {
      const word = at >> 2;
      const size = (words[word + SIZES]! & 0xffff) << 3;
      const flags = words[word + FLAGS]!;
      if ((flags & DEAD) === 0) {
        const hash = this.#hashAt(victim, at);
        const slot = this.#table.slotWith(hash, (victim.number << UNIT_BITS) | (at >>> 3));
        if (evicts && (flags & (DIRTY | USED)) === 0) {
          this.#giveUp(victim, at, hash);
          this.#evict(victim, at, hash, slot);
          if (!victim.isKept) this.#noteEvicted(hash);
        } else this.#move(victim, at, size, flags, hash, slot, evicts);
      }
      at += size;
    }
    this.#pool.empty(victim, this.bytes > this.bytesMax && this.#pool.spares > 0);
  }

  #noteEvicted(hash: number): void {
    this.#evictedKeys ??= new EvictedKeys(2 ** Math.floor(Math.log2(this.bytesMax / EVICTED_KEY_SHARE)));
    this.#evictedKeys.note(hash);
  }

  /** Copies a record behind others; the survivors of a slab fit a spare one, so this never cleans. What escapes eviction is kept. */
  #move(from: Slab, at: number, size: number, flags: number, hash: number, slot: number, evicts: boolean): void {
    const head = this.#pool.take(size, evicts || from.isKept);
    const to = head.used - size;
    from.bytes.copy(head.bytes, to, at, at + size);
    if (evicts) head.words[(to >> 2) + FLAGS] = flags & ~USED;
    const reference = (head.number << UNIT_BITS) | (to >>> 3);
    this.#table.replace(hash, slot, reference);
    if ((flags & DIRTY) !== 0) this.#dirty.replace(head.words[(to >> 2) + STAMP]!, reference);
  }

  #takeLarge(size: number, filled: Slab | undefined): Slab {
    const over = this.bytes + size - this.bytesMax;
    if (over > 0) this.#evictLarge(over);
    while (this.bytes + size > this.bytesMax && this.#shrinkBySlab());
    return this.#pool.takeLarge(size, filled);
  }

  /** Gives one slab of small records up for a large one. */
  #shrinkBySlab(): boolean {
    if (this.#pool.dropSpare()) return true;
    const before = this.#pool.bytes;
    for (let tries = this.#pool.slabs.length; tries > 0 && this.#pool.spares === 0; tries--) {
      const victim = this.#nextVictim();
      if (victim === undefined) return false;
      this.#cleanSlab(victim, true);
    }
    this.#pool.dropSpare();
    return this.#pool.bytes < before;
  }

  #evictLarge(bytes: number): void {
    let left = bytes;
    for (let tries = this.#pool.largeCount * 2; tries > 0 && left > 0; tries--) {
      const slab = this.#pool.nextLarge();
      if (slab === undefined) return;
      const flags = slab.words[FLAGS]!;
      if ((flags & (DIRTY | USED)) !== 0) {
        if ((flags & DIRTY) === 0) slab.words[FLAGS] = flags & ~USED;
        continue;
      }
      const hash = this.#hashAt(slab, 0);
      this.#evict(slab, 0, hash, this.#table.slotWith(hash, slab.number << UNIT_BITS));
      this.#pool.dropLarge(slab);
      left -= slab.bytes.length;
    }
  }
}
