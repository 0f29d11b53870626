/**
 * Hot entries as bytes: a table from keys to records in large slabs, without a JavaScript object or string per key.
 *
 * A key is hashed and compared where it lies, in a socket's buffer for example; its value is copied once, from slab to
 * reply. An entry costs its record and some 11 to 21 bytes of table: see docs/decisions/hot-entries-in-byte-arenas.md.
 *
 * **Table.** `TABLES` open-addressing tables of (hash, reference) pairs with linear probing; the upper bits of the hash
 * choose one. Each grows by itself, so no insertion waits for more than its small part to be moved. A removal shifts
 * what follows back: there are no gravestones in the table.
 *
 * **Records** lie in the slabs of `entry-slab.ts`, which draws their layout.
 *
 * A reference is the slab's number and the record's offset in units: 31 bits, never 0.
 *
 * **Slabs** are filled in order. A value that fits is replaced in place; else the record is left dead and written anew. When
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
 * **Dirty** entries, those the store does not hold yet, are never evicted. The owner bounds how many there are; beyond
 * the bound the arena would rather grow past its own than lose one.
 */

import { assert } from '../../base/assert.ts';
import { copyShort, equalShort, SHORT_COPY_BYTES, viewOf } from '../../base/byte-views.ts';
import type { Bytes } from '../../base/bytes.ts';
import { EntryFile, type EntryFileOptions, type EntryFileStatistics } from './entry-file.ts';
import {
  ABSENT,
  DEAD,
  DIRTY,
  FETCHED,
  FLAGS,
  HEAD_WORDS,
  IN_FILE,
  LINE_WORDS,
  MARKED,
  RECORD_HEADER_BYTES,
  SIZES,
  Slab,
  STAMP,
  USED,
  VALUE_LENGTH,
} from './entry-slab.ts';
import { EvictedKeys } from './evicted-keys.ts';

const TABLES = 64;
const TABLE_SHIFT = 26;
const TABLE_SLOTS_FIRST = 16;
/** Of 4: a table grows when more of its slots are taken. */
const LOAD_OF_FOUR = 3;

const SLAB_BYTES = 1024 * 1024;
const UNIT_BITS = 17;
const UNIT_MASK = (1 << UNIT_BITS) - 1;
const SLABS_MAX = 1 << (31 - UNIT_BITS);
const LARGE_FRACTION = 16;
/** A larger record is written anew when it would be less than half full. */
const SHRINK_BYTES = 512;
/** Of the bound: more young slabs are cleaned before kept ones. */
const YOUNG_FRACTION = 8;
/** Of the bound, bytes for each of the evicted keys that are remembered: a record and its place in the table. */
const EVICTED_KEY_SHARE = 256;
/** Of all bytes in slabs: more dead ones are collected before the arena grows. */
const DEAD_FRACTION = 4;

export const DATABASES_MAX = 256;

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

  readonly bytesMax: number;
  readonly slabBytes: number;
  readonly #seed: number;
  readonly #largeBytes: number;
  readonly #tables: Int32Array[] = [];
  readonly #counts = new Int32Array(TABLES);
  readonly #databaseCounts = new Int32Array(DATABASES_MAX);
  /** Of them, entries with a value. */
  readonly #presentCounts = new Int32Array(DATABASES_MAX);
  readonly #markedCounts = new Int32Array(DATABASES_MAX);
  readonly #complete = new Uint8Array(DATABASES_MAX);
  /** Shown for a key that is absent without an entry. */
  readonly #nothing = new Slab(0, RECORD_HEADER_BYTES, true);
  #entries = 0;
  #tableBytes = 0;

  /** By number; holes are numbers to be given again. Number 0 is never used. */
  #slabs: (Slab | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];
  /** Empty slabs of the common size. */
  readonly #spares: Slab[] = [];
  /** Takes new records, and is young. */
  #head: Slab;
  /** Takes what stays. */
  #keptHead: Slab | undefined;
  /** Numbers of young slabs that are full, oldest first. */
  readonly #young: number[] = [];
  /** Made when something goes for the first time. */
  #evictedKeys: EvictedKeys | undefined;
  /** Bytes of all slabs, spares included. */
  #slabsBytes = 0;
  #usedBytes = 0;
  #deadBytes = 0;
  #hand = 0;
  /** How often records were moved by the slab: then no reference may be used that was found before. */
  #moves = 0;
  #movesAtTouch = 0;
  /** Numbers of slabs with one record, oldest first. */
  #large: number[] = [];
  #evicted = 0;
  readonly #fileOptions: EntryFileOptions | undefined;
  /** Has no record of a key that is here without `IN_FILE`. */
  #file: EntryFile | undefined;

  /** References of dirty entries in the order in which they became dirty, from `#dirtyFrom`; 0 where one is dirty no more. */
  #dirty = new Int32Array(256);
  #dirtyFrom = 0;
  #dirtyTo = 0;
  #dirtyCount = 0;
  #dirtyBytes = 0;

  constructor(options: EntryArenaOptions) {
    this.bytesMax = options.bytesMax;
    this.slabBytes = options.slabBytes ?? Math.max(4096, Math.min(SLAB_BYTES, (options.bytesMax >>> 6) & ~7));
    assert(this.slabBytes % 8 === 0 && this.slabBytes <= SLAB_BYTES, () => `slabs of ${this.slabBytes} bytes`);
    this.#largeBytes = Math.floor(this.slabBytes / LARGE_FRACTION);
    this.#seed = options.seed | 0;
    this.#fileOptions = options.file;
    for (let i = 0; i < TABLES; i++) this.#tables.push(new Int32Array(TABLE_SLOTS_FIRST * 2));
    this.#tableBytes = TABLES * TABLE_SLOTS_FIRST * 8;
    this.#head = this.#newSlab();
    this.slab = this.#head;
  }

  get dirtyCount(): number {
    return this.#dirtyCount;
  }

  /** Bytes of the records that are dirty. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  get bytes(): number {
    return this.#slabsBytes + this.#tableBytes + (this.#evictedKeys?.bytes ?? 0) + (this.#file?.memoryBytes ?? 0);
  }

  statistics(): EntryArenaStatistics {
    return {
      entries: this.#entries,
      dirtyEntries: this.#dirtyCount,
      bytes: this.bytes,
      evictedEntries: this.#evicted,
      file: this.#file?.statistics(),
    };
  }

  /** The hash of a key of `database` in `buffer[start, end)`. Four bytes a step, as MurmurHash3. */
  hash(database: number, buffer: Bytes, start: number, end: number): number {
    let hash = this.#seed ^ Math.imul(database + 1, 0x9e3779b1);
    const view = viewOf(buffer);
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const mixed = Math.imul(view.getInt32(at, true), 0xcc9e2d51);
      hash ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
    }
    let rest = end - start;
    for (; at < end; at++) rest = Math.imul(rest, 0x101) + buffer[at]!;
    hash ^= Math.imul(rest, 0xcc9e2d51);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  /**
   * Loads what `count` hashes lead to into the processor's cache, all of it at once: their places in the table, then the first
   * records with such hashes, of which it leaves the `references` (0: there is none). With `headsOnly` no more of a record than
   * a short key and a number take: whoever reads no more need not wait for more lines.
   * One function without calls: spread over several, what the compiler inlines of them depends on who ran first.
   * @returns something to be used, lest the loads are left out.
   */
  touch(hashes: Int32Array, references: Int32Array, count: number, headsOnly: boolean): number {
    const tables = this.#tables;
    const slabs = this.#slabs;
    let touched = 0;
    this.#movesAtTouch = this.#moves;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!;
      const table = tables[hash >>> TABLE_SHIFT]!;
      touched ^= table[((hash << 1) & (table.length - 2)) + 1]!;
    }
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!;
      const table = tables[hash >>> TABLE_SHIFT]!;
      const mask = table.length - 2;
      let slot = (hash << 1) & mask;
      while (table[slot] !== hash && table[slot + 1] !== 0) slot = (slot + 2) & mask;
      references[i] = table[slot + 1]!;
    }
    for (let i = 0; i < count; i++) {
      const reference = references[i]!;
      if (reference === 0) continue;
      const { words } = slabs[reference >>> UNIT_BITS]!;
      const word = (reference & UNIT_MASK) << 1;
      if (headsOnly) touched ^= words[word]! ^ words[word + HEAD_WORDS]!;
      else touched ^= words[word]! ^ words[word + LINE_WORDS]! ^ words[word + 2 * LINE_WORDS]!;
    }
    return touched;
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
    if (reference === 0 || this.#moves !== this.#movesAtTouch) return false;
    const slab = this.#slabs[reference >>> UNIT_BITS]!;
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

  /** Whether every key of the database that has a value is here. */
  isComplete(database: number): boolean {
    return this.#complete[database] === 1;
  }

  /** The store holds no other keys of the database than those that are here. */
  markComplete(database: number): void {
    this.#complete[database] = 1;
  }

  /** The store may hold other keys of the database. */
  markIncomplete(database: number): void {
    this.#complete[database] = 0;
  }

  /** Entries with a value. */
  presentCount(database: number): number {
    return this.#presentCounts[database]!;
  }

  /** Entries that `mark` marked. */
  markedCount(database: number): number {
    return this.#markedCounts[database]!;
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
    this.#markedCounts[(flags >>> 8) & 0xff]! += marked ? 1 : -1;
  }

  // ---- Changes

  /**
   * Gives the record at `slab` and `at` a value of another length, if it has room for one without wasting much; the caller
   * writes it at `valueAt` at once. @returns false when nothing was changed, and `write` must find it another place.
   */
  resize(valueLength: number): boolean {
    const { words } = this.slab;
    const word = this.at >> 2;
    const sizes = words[word + SIZES]!;
    const needed = RECORD_HEADER_BYTES + (sizes >>> 16) + (valueLength === ABSENT ? 0 : valueLength);
    const units = sizes & 0xffff;
    const size = units === 0 ? this.slab.bytes.length : units << 3;
    if (needed > size || (size > SHRINK_BYTES && needed * 2 <= size)) return false;
    if ((valueLength === ABSENT) !== (words[word + VALUE_LENGTH] === ABSENT)) {
      this.#presentCounts[(words[word + FLAGS]! >>> 8) & 0xff]! += valueLength === ABSENT ? -1 : 1;
    }
    words[word + VALUE_LENGTH] = valueLength;
    if (valueLength === ABSENT) this.mark(false);
    return true;
  }

  /**
   * Makes the entry of a key one of `valueLength` bytes (or `ABSENT`), which the caller writes at `valueAt` at once. A new
   * entry is clean with stamp 0; an old one stays dirty or clean as it was, with whatever value was there.
   */
  write(
    hash: number,
    database: number,
    partition: number,
    buffer: Bytes,
    start: number,
    keyLength: number,
    valueLength: number,
  ): void {
    this.#write(hash, database, partition, buffer, start, keyLength, valueLength, false);
  }

  /** As `write`, of a value that the store has and nobody has changed: if the file has it, it stays there. */
  writeLoaded(
    hash: number,
    database: number,
    partition: number,
    buffer: Bytes,
    start: number,
    keyLength: number,
    valueLength: number,
  ): void {
    this.#write(hash, database, partition, buffer, start, keyLength, valueLength, true);
  }

  #write(
    hash: number,
    database: number,
    partition: number,
    buffer: Bytes,
    start: number,
    keyLength: number,
    valueLength: number,
    isLoaded: boolean,
  ): void {
    let slot = this.#slotOf(hash, database, buffer, start, keyLength);
    if (slot >= 0) {
      if ((this.slab.words[(this.at >> 2) + FLAGS]! & IN_FILE) !== 0) this.#dropFromFile(hash);
      if (this.resize(valueLength)) return;
    }
    const needed = RECORD_HEADER_BYTES + keyLength + (valueLength === ABSENT ? 0 : valueLength);
    const size = (needed + 7) & ~7;
    const isLarge = size > this.#largeBytes;
    const isKept = slot < 0 && this.#evictedKeys?.take(hash) === true;
    const target = isLarge ? this.#takeLarge(size) : this.#takeRoom(size, isKept);
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
      if ((flags & MARKED) !== 0) this.#markedCounts[database]!--;
      if (old.words[(oldAt >> 2) + VALUE_LENGTH] !== ABSENT) this.#presentCounts[database]!--;
      words[word + STAMP] = old.words[(oldAt >> 2) + STAMP]!;
      words[word + FLAGS] = (flags & 0xff00) | USED | (flags & DIRTY) | (partition << 16);
      if ((flags & DIRTY) !== 0) {
        this.#dirty[words[word + STAMP]!] = reference;
        this.#dirtyBytes += this.#sizeOf(target, at) - this.#sizeOf(old, oldAt);
      }
      this.#tables[hash >>> TABLE_SHIFT]![slot + 1] = reference;
      this.#kill(old, oldAt);
      if (old.isLarge) this.#releaseLarge(old);
    } else {
      words[word + STAMP] = 0;
      words[word + FLAGS] = (database << 8) | (partition << 16);
      // Only now: making room may have given this very entry to the file.
      if (this.#file?.mayHave(hash) === true) {
        if (isLoaded) words[word + FLAGS]! |= IN_FILE;
        else this.#file.drop(hash);
      }
      this.#insert(hash, reference);
      this.#databaseCounts[database]!++;
    }
    if (valueLength !== ABSENT) this.#presentCounts[database]!++;
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
    if (this.#dirtyTo === this.#dirty.length) this.#makeDirtyRoom();
    slab.words[word + FLAGS]! |= DIRTY;
    slab.words[word + STAMP] = this.#dirtyTo;
    this.#dirty[this.#dirtyTo++] = (slab.number << UNIT_BITS) | (at >>> 3);
    this.#dirtyCount++;
    this.#dirtyBytes += this.#sizeOf(slab, at);
  }

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
    let index = this.#dirtyFrom;
    for (; index < this.#dirtyTo && left > 0; index++) {
      const reference = this.#dirty[index]!;
      if (reference === 0) continue;
      this.#goTo(reference);
      visit();
      left--;
    }
    return index;
  }

  /**
   * Calls `visit` as `visitDirty`, with dirty entries that became so from the place `from` on: 0, or what an earlier call
   * returned, which may be a little off by now. @returns where to go on, 0 at the end.
   */
  visitDirtyFrom(from: number, entriesMax: number, visit: () => void): number {
    let left = entriesMax;
    let index = Math.max(from, this.#dirtyFrom);
    for (; index < this.#dirtyTo && left > 0; index++, left--) {
      const reference = this.#dirty[index]!;
      if (reference === 0) continue;
      this.#goTo(reference);
      visit();
    }
    return index < this.#dirtyTo ? index : 0;
  }

  /** The store now holds what `visitDirty` told: those entries are clean, with the version's lower 32 bits. */
  cleanThrough(mark: number, version: number): void {
    for (let index = this.#dirtyFrom; index < mark; index++) {
      const reference = this.#dirty[index]!;
      if (reference === 0) continue;
      this.#goTo(reference);
      const { slab, at } = this;
      this.#noLongerDirty(slab, at);
      slab.words[(at >> 2) + STAMP] = version;
      // One that takes a good part of the bound would push out too many others.
      if ((slab.words[(at >> 2) + SIZES]! & 0xffff) === 0 && slab.bytes.length * 8 > this.bytesMax) this.remove();
    }
    this.#dirtyFrom = mark;
    if (this.#dirtyCount === 0) {
      this.#dirtyFrom = 0;
      this.#dirtyTo = 0;
    }
  }

  /** Removes every dirty entry: what the store says about those keys is true again, and it may hold them. */
  removeDirty(): void {
    const to = this.#dirtyTo;
    for (let index = this.#dirtyFrom; index < to; index++) {
      const reference = this.#dirty[index]!;
      if (reference === 0) continue;
      this.#goTo(reference);
      this.#complete[this.database] = 0;
      this.remove();
    }
    this.#dirtyFrom = 0;
    this.#dirtyTo = 0;
  }

  /** Removes the entry at `slab` and `at`, dirty or not; `gone` when the store holds no value of that key. */
  remove(gone = false): void {
    const { slab, at } = this;
    if (!gone && this.valueLength !== ABSENT) this.#complete[this.database] = 0;
    const hash = this.#hashAt(slab, at);
    if ((slab.words[(at >> 2) + FLAGS]! & IN_FILE) !== 0) this.#dropFromFile(hash);
    const table = this.#tables[hash >>> TABLE_SHIFT]!;
    this.#forget(slab, at, hash, this.#slotWith(table, hash, (slab.number << UNIT_BITS) | (at >>> 3)));
    this.#kill(slab, at);
    if (slab.isLarge) this.#releaseLarge(slab);
  }

  /**
   * Removes all entries of a database, dirty ones too: at once when there are no others, else one by one. `gone` when the
   * store holds nothing of it any more.
   */
  removeDatabase(database: number, gone: boolean): void {
    this.#file?.dropDatabase(database);
    const count = this.#databaseCounts[database]!;
    if (count > 0 && count === this.#entries) {
      const others = this.#complete.slice();
      this.#clearMemory();
      this.#complete.set(others);
    } else if (count > 0) {
      for (const slab of [...this.#slabs]) {
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
    this.#complete[database] = gone ? 1 : 0;
  }

  /** Forgets everything, dirty entries too. */
  clear(): void {
    this.#file?.clear();
    this.#clearMemory();
  }

  #clearMemory(): void {
    for (let i = 0; i < TABLES; i++) this.#tables[i] = new Int32Array(TABLE_SLOTS_FIRST * 2);
    this.#tableBytes = TABLES * TABLE_SLOTS_FIRST * 8;
    this.#counts.fill(0);
    this.#databaseCounts.fill(0);
    this.#presentCounts.fill(0);
    this.#markedCounts.fill(0);
    this.#complete.fill(0);
    this.#entries = 0;
    this.#slabs = [undefined];
    this.#freeNumbers.length = 0;
    this.#spares.length = 0;
    this.#large = [];
    this.#keptHead = undefined;
    this.#young.length = 0;
    this.#evictedKeys = undefined;
    this.#slabsBytes = 0;
    this.#usedBytes = 0;
    this.#deadBytes = 0;
    this.#hand = 0;
    this.#moves++;
    this.#dirtyFrom = 0;
    this.#dirtyTo = 0;
    this.#dirtyCount = 0;
    this.#dirtyBytes = 0;
    this.#head = this.#newSlab();
    this.slab = this.#head;
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
    if (!file.find(hash, database, buffer, start, length)) return false;
    const { block, at: from } = file;
    const flags = file.isOld ? FETCHED : FETCHED | IN_FILE;
    const isMarked = file.isMarked;
    const fromWord = from >> 2;
    const size = (block.words[fromWord + SIZES]! & 0xffff) << 3;
    assert(size <= this.#largeBytes, 'a large record was given up to the file');
    const target = this.#takeRoom(size, this.#evictedKeys?.take(hash) === true);
    const at = target.used - size;
    if (size > SHORT_COPY_BYTES) block.bytes.copy(target.bytes, at, from, from + size);
    else copyShort(block.view, from, target.view, at, size);
    const word = at >> 2;
    target.words[word + FLAGS] = (target.words[word + FLAGS]! & ~0xff) | flags;
    this.#insert(hash, (target.number << UNIT_BITS) | (at >>> 3));
    this.#databaseCounts[database]!++;
    if (target.words[word + VALUE_LENGTH] !== ABSENT) this.#presentCounts[database]!++;
    this.slab = target;
    this.at = at;
    if (isMarked) this.mark(true);
    return true;
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

  // ---- The table

  #slotOf(hash: number, database: number, buffer: Bytes, start: number, length: number): number {
    const table = this.#tables[hash >>> TABLE_SHIFT]!;
    const mask = table.length - 2;
    const slabs = this.#slabs;
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

  #slotWith(table: Int32Array, hash: number, reference: number): number {
    const mask = table.length - 2;
    let slot = (hash << 1) & mask;
    while (table[slot + 1] !== reference) {
      assert(table[slot + 1] !== 0, 'a record is not in the table');
      slot = (slot + 2) & mask;
    }
    return slot;
  }

  #insert(hash: number, reference: number): void {
    const number = hash >>> TABLE_SHIFT;
    let table = this.#tables[number]!;
    if ((this.#counts[number]! + 1) * 8 > table.length * LOAD_OF_FOUR) table = this.#growTable(number);
    place(table, hash, reference);
    this.#counts[number]!++;
    this.#entries++;
  }

  #growTable(number: number): Int32Array {
    const old = this.#tables[number]!;
    const table = new Int32Array(old.length * 2);
    for (let slot = 0; slot < old.length; slot += 2) if (old[slot + 1] !== 0) place(table, old[slot]!, old[slot + 1]!);
    this.#tables[number] = table;
    this.#tableBytes += old.length * 4;
    return table;
  }

  /** Empties a slot and moves those behind it that would not be found any more. */
  #empty(table: Int32Array, slot: number): void {
    const mask = table.length - 2;
    let hole = slot;
    for (let next = (slot + 2) & mask; table[next + 1] !== 0; next = (next + 2) & mask) {
      const home = (table[next]! << 1) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      table[hole] = table[next]!;
      table[hole + 1] = table[next + 1]!;
      hole = next;
    }
    table[hole + 1] = 0;
  }

  /** Takes a record out of the table and the counts. */
  #forget(slab: Slab, at: number, hash: number, slot: number): void {
    const number = hash >>> TABLE_SHIFT;
    this.#empty(this.#tables[number]!, slot);
    this.#counts[number]!--;
    this.#entries--;
    const flags = slab.words[(at >> 2) + FLAGS]!;
    const database = (flags >>> 8) & 0xff;
    this.#databaseCounts[database]!--;
    if (slab.words[(at >> 2) + VALUE_LENGTH] !== ABSENT) this.#presentCounts[database]!--;
    if ((flags & MARKED) !== 0) this.#markedCounts[database]!--;
    if ((flags & DIRTY) === 0) return;
    this.#dirty[slab.words[(at >> 2) + STAMP]!] = 0;
    this.#noLongerDirty(slab, at);
  }

  /** A clean entry gives way. */
  #evict(slab: Slab, at: number, hash: number, slot: number): void {
    const word = at >> 2;
    if (slab.words[word + VALUE_LENGTH] !== ABSENT) this.#complete[(slab.words[word + FLAGS]! >>> 8) & 0xff] = 0;
    this.#forget(slab, at, hash, slot);
    this.#evicted++;
  }

  #noLongerDirty(slab: Slab, at: number): void {
    slab.words[(at >> 2) + FLAGS]! &= ~DIRTY;
    this.#dirtyCount--;
    this.#dirtyBytes -= this.#sizeOf(slab, at);
  }

  #hashAt(slab: Slab, at: number): number {
    const word = at >> 2;
    const keyAt = at + RECORD_HEADER_BYTES;
    const database = (slab.words[word + FLAGS]! >>> 8) & 0xff;
    return this.hash(database, slab.bytes, keyAt, keyAt + (slab.words[word + SIZES]! >>> 16));
  }

  // ---- Records and slabs

  #goTo(reference: number): void {
    this.slab = this.#slabs[reference >>> UNIT_BITS]!;
    this.at = (reference & UNIT_MASK) << 3;
  }

  #sizeOf(slab: Slab, at: number): number {
    const units = slab.words[(at >> 2) + SIZES]! & 0xffff;
    return units === 0 ? slab.bytes.length : units << 3;
  }

  #kill(slab: Slab, at: number): void {
    slab.words[(at >> 2) + FLAGS] = DEAD;
    if (slab.isLarge) return;
    const size = this.#sizeOf(slab, at);
    slab.dead += size;
    this.#deadBytes += size;
  }

  #newSlab(bytes = this.slabBytes, isLarge = false): Slab {
    const number = this.#freeNumbers.pop() ?? this.#slabs.length;
    assert(number < SLABS_MAX, 'too many slabs');
    const slab = new Slab(number, bytes, isLarge);
    this.#slabs[number] = slab;
    this.#slabsBytes += bytes;
    return slab;
  }

  #dropSlab(slab: Slab): void {
    this.#moves++;
    this.#slabs[slab.number] = undefined;
    this.#freeNumbers.push(slab.number);
    this.#slabsBytes -= slab.bytes.length;
  }

  #releaseLarge(slab: Slab): void {
    this.#large.splice(this.#large.indexOf(slab.number), 1);
    this.#dropSlab(slab);
  }

  /** `size` bytes at the end of what is used of a head, of a new one if need be. */
  #takeRoom(size: number, isKept: boolean): Slab {
    if (!this.#hasRoom(size, isKept)) {
      this.#makeRoom(size);
      if (!this.#hasRoom(size, isKept)) this.#nextHead(isKept);
    }
    const head = isKept ? this.#keptHead! : this.#head;
    head.used += size;
    this.#usedBytes += size;
    return head;
  }

  #hasRoom(size: number, isKept: boolean): boolean {
    const head = isKept ? this.#keptHead : this.#head;
    return head !== undefined && head.used + size <= this.slabBytes;
  }

  #nextHead(isKept: boolean): void {
    const slab = this.#spares.pop() ?? this.#newSlab();
    slab.isKept = isKept;
    if (isKept) {
      this.#keptHead = slab;
      return;
    }
    this.#young.push(this.#head.number);
    this.#head = slab;
  }

  #makeRoom(size: number): void {
    // One spare is kept for what a cleaning copies.
    if (this.#spares.length < 2 && this.bytes + this.slabBytes * 2 > this.bytesMax) this.#clean(size, true);
    else if (this.#deadBytes > this.slabBytes && this.#deadBytes * DEAD_FRACTION > this.#usedBytes)
      this.#clean(size, false);
  }

  /**
   * Cleans slabs until there is room for `size`. With `evicts`, what was not used since the last time goes; else only what is
   * dead, and the slab with most of it is chosen.
   */
  #clean(size: number, evicts: boolean): void {
    if (evicts) this.#evictLarge(this.bytes + this.slabBytes * 2 - this.bytesMax);
    // After one round of the young slabs and two of the kept ones everything clean has gone.
    for (let tries = 3 * this.#slabs.length; tries > 0; tries--) {
      const victim = evicts ? this.#nextVictim() : this.#deadest();
      if (victim === undefined) return;
      this.#cleanSlab(victim, evicts);
      const room = this.#head.used + size <= this.slabBytes;
      if (room || this.#spares.length > 1) return;
    }
  }

  /** The slab of which something has to go next. */
  #nextVictim(): Slab | undefined {
    const oldest = this.#young[0];
    const isEnough = this.#young.length * this.slabBytes * YOUNG_FRACTION > this.bytesMax;
    if (oldest !== undefined && isEnough) return this.#slabs[oldest];
    return this.#underHand() ?? (oldest === undefined ? undefined : this.#slabs[oldest]);
  }

  /** The next kept slab. */
  #underHand(): Slab | undefined {
    for (let tries = this.#slabs.length; tries > 0; tries--) {
      this.#hand = (this.#hand + 1) % this.#slabs.length;
      const slab = this.#slabs[this.#hand];
      if (slab?.isKept === true && this.#isCleanable(slab)) return slab;
    }
    return undefined;
  }

  #deadest(): Slab | undefined {
    let found: Slab | undefined;
    for (const slab of this.#slabs) {
      if (slab !== undefined && slab.dead > (found?.dead ?? 0) && this.#isCleanable(slab)) found = slab;
    }
    return found;
  }

  #isCleanable(slab: Slab): boolean {
    return slab !== this.#head && slab !== this.#keptHead && slab.used > 0 && !slab.isLarge;
  }

  #cleanSlab(victim: Slab, evicts: boolean): void {
    this.#moves++;
    const { words } = victim;
    for (let at = 0; at < victim.used; ) {
      const word = at >> 2;
      const size = (words[word + SIZES]! & 0xffff) << 3;
      const flags = words[word + FLAGS]!;
      if ((flags & DEAD) === 0) {
        const hash = this.#hashAt(victim, at);
        const table = this.#tables[hash >>> TABLE_SHIFT]!;
        const slot = this.#slotWith(table, hash, (victim.number << UNIT_BITS) | (at >>> 3));
        if (evicts && (flags & (DIRTY | USED)) === 0) {
          this.#giveUp(victim, at, hash);
          this.#evict(victim, at, hash, slot);
          if (!victim.isKept) this.#noteEvicted(hash);
        } else this.#move(victim, at, size, flags, table, slot, evicts);
      }
      at += size;
    }
    this.#usedBytes -= victim.used;
    this.#deadBytes -= victim.dead;
    victim.used = 0;
    victim.dead = 0;
    if (!victim.isKept) this.#young.splice(this.#young.indexOf(victim.number), 1);
    if (this.bytes > this.bytesMax && this.#spares.length > 0) this.#dropSlab(victim);
    else this.#spares.push(victim);
  }

  #noteEvicted(hash: number): void {
    this.#evictedKeys ??= new EvictedKeys(2 ** Math.floor(Math.log2(this.bytesMax / EVICTED_KEY_SHARE)));
    this.#evictedKeys.note(hash);
  }

  /** Copies a record behind others; the survivors of a slab fit a spare one, so this never cleans. What escapes eviction is kept. */
  #move(from: Slab, at: number, size: number, flags: number, table: Int32Array, slot: number, evicts: boolean): void {
    const isKept = evicts || from.isKept;
    if (!this.#hasRoom(size, isKept)) this.#nextHead(isKept);
    const head = isKept ? this.#keptHead! : this.#head;
    const to = head.used;
    from.bytes.copy(head.bytes, to, at, at + size);
    head.used += size;
    this.#usedBytes += size;
    if (evicts) head.words[(to >> 2) + FLAGS] = flags & ~USED;
    const reference = (head.number << UNIT_BITS) | (to >>> 3);
    table[slot + 1] = reference;
    if ((flags & DIRTY) !== 0) this.#dirty[head.words[(to >> 2) + STAMP]!] = reference;
  }

  #takeLarge(size: number): Slab {
    const over = this.bytes + size - this.bytesMax;
    if (over > 0) this.#evictLarge(over);
    while (this.bytes + size > this.bytesMax && this.#shrinkBySlab());
    const slab = this.#newSlab(size, true);
    slab.used = size;
    this.#large.push(slab.number);
    return slab;
  }

  /** Gives one slab of small records up for a large one. */
  #shrinkBySlab(): boolean {
    const spare = this.#spares.pop();
    if (spare !== undefined) {
      this.#dropSlab(spare);
      return true;
    }
    const before = this.#slabsBytes;
    for (let tries = this.#slabs.length; tries > 0 && this.#spares.length === 0; tries--) {
      const victim = this.#nextVictim();
      if (victim === undefined) return false;
      this.#cleanSlab(victim, true);
    }
    const freed = this.#spares.pop();
    if (freed !== undefined) this.#dropSlab(freed);
    return this.#slabsBytes < before;
  }

  #evictLarge(bytes: number): void {
    let left = bytes;
    for (let tries = this.#large.length * 2; tries > 0 && left > 0; tries--) {
      const number = this.#large.shift();
      if (number === undefined) return;
      const slab = this.#slabs[number]!;
      const flags = slab.words[FLAGS]!;
      if ((flags & (DIRTY | USED)) !== 0) {
        if ((flags & DIRTY) === 0) slab.words[FLAGS] = flags & ~USED;
        this.#large.push(number);
        continue;
      }
      const hash = this.#hashAt(slab, 0);
      this.#evict(slab, 0, hash, this.#slotWith(this.#tables[hash >>> TABLE_SHIFT]!, hash, number << UNIT_BITS));
      this.#dropSlab(slab);
      left -= slab.bytes.length;
    }
  }

  /** Drops what is dirty no more from the front of the list, or grows it. */
  #makeDirtyRoom(): void {
    const into = this.#dirtyCount * 2 > this.#dirty.length ? new Int32Array(this.#dirty.length * 2) : this.#dirty;
    let to = 0;
    for (let index = this.#dirtyFrom; index < this.#dirtyTo; index++) {
      const reference = this.#dirty[index]!;
      if (reference === 0) continue;
      this.#slabs[reference >>> UNIT_BITS]!.words[(reference & UNIT_MASK) << 1] = to;
      into[to++] = reference;
    }
    this.#dirty = into;
    this.#dirtyFrom = 0;
    this.#dirtyTo = to;
  }
}

function place(table: Int32Array, hash: number, reference: number): void {
  const mask = table.length - 2;
  let slot = (hash << 1) & mask;
  while (table[slot + 1] !== 0) slot = (slot + 2) & mask;
  table[slot] = hash;
  table[slot + 1] = reference;
}
