/**
 * Entries that the arena gave up, in a file: a level below it, and above the store. Where there are more data than memory a
 * read from here is one positioned read of a block, some 2 µs while the system has that in memory; through the store it is
 * five to ten times as much.
 *
 * It is worth nothing to anyone else: the file has no name, nothing is synced, and whatever goes wrong with it (a full disk
 * above all) switches it off: then the store is asked, as if it had never been. It holds nothing that the store does not.
 *
 * **The file** is a ring of *segments*. Records are gathered in one segment in memory, in blocks of 2 KiB which none of them
 * crosses; a full one is written as a whole. Before a segment is filled anew it is read once more, and the index forgets what
 * lies in it. Both happen at once while that is quick, as the arena gives up thousands of entries in a row; when it is not, in the
 * background, and entries are not taken while one of the three segments in memory would have to be waited for. The ring grows to
 * its bound, or until the index is full.
 *
 * **A record** lies there as in a slab (`entry-slab.ts`), as short as its value allows; the flags are others:
 *
 *   offset  size  field
 *   12      1     flags: 1 marked by the owner, 4 dead; above them, the generation of its database
 *
 * A size of 0 ends a block. The *generation* counts how often all keys of a database were dropped.
 *
 * **What is found is true**, although places are found by a part of the hash alone: dropping a key takes away all places of its
 * class (`entry-file-index.ts`), so none leads to its old record any more. Places are added only for blocks of the
 * segment that is being filled, and every record in that is dead or has its place. So no place ever leads to a block with
 * a record that was dropped.
 *
 * **What is old**: a record read from the half of the ring that will be filled next is not left there: the arena writes it
 * again when it gives it up. So what is read stays, and what nobody reads goes when its segment's turn comes.
 */

import { copyShort, equalShort, SHORT_COPY_BYTES, viewOf } from '../../base/byte-views.ts';
import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { AtOnce } from '../../platform/at-once.ts';
import type { File } from '../../platform/files.ts';
import type { Clock } from '../../platform/platform.ts';
import { EntryFileIndex } from './entry-file-index.ts';
import { ABSENT, FLAGS, MARKED, RECORD_HEADER_BYTES, SIZES, Slab, VALUE_LENGTH } from './entry-slab.ts';

/** Large ones leave little room unused, of small ones there is less to read and to look through. */
const BLOCK_BITS = 11;
export const BLOCK_BYTES = 1 << BLOCK_BITS;
const SEGMENT_BYTES_MAX = 512 * 1024;
/** Of the arena's bound: a segment. `SEGMENTS_IN_MEMORY` of them lie there. */
const SEGMENT_FRACTION = 128;
/** Of the arena's bound: the index. */
const INDEX_FRACTION = 4;
/** Of the arena's bound: the file. The index is full before, if records have less than 1 KiB. */
const FILE_MULTIPLE = 64;
/** One is filled while the one before is written and the one behind is read. */
const SEGMENTS_IN_MEMORY = 3;
const SEGMENTS_MIN = 4;
/** A read that takes longer has waited for a disk. */
const QUICK_MS_MAX = 0.25;
const READS_BETWEEN_TRIES = 2_000;
/**
 * The same of a segment, read or written: where the processor is shared, a process that waits for no disk is away for as long.
 * Tried again soon, as entries are lost to this level meanwhile.
 */
const SEGMENT_QUICK_MS_MAX = 10;
const SEGMENTS_BETWEEN_TRIES = 8;

const FILE_MARKED = 1;
const FILE_DEAD = 4;
const GENERATION_SHIFT = 3;
const GENERATIONS = 32;

export interface EntryFileOptions {
  /** An empty file that nobody else has; called once. */
  readonly open: () => Promise<File>;
  /** Bound on the file. */
  readonly bytesMax: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** It has switched itself off. */
  readonly onFailure: (error: unknown) => void;
}

/** Of the arena whose entries these are. */
export interface EntryFileOwner {
  readonly bytesMax: number;
  hash(database: number, buffer: Bytes, start: number, end: number): number;
}

/** Counts since opening, sizes now. */
export interface EntryFileStatistics {
  readonly entries: number;
  readonly bytes: number;
  /** Entries that were found. */
  readonly hits: number;
  /** Reads of a block in which the key was not. */
  readonly strayReads: number;
  /** Entries that were not taken, because the disk or the process was too busy. */
  readonly refusedEntries: number;
}

/** Blocks in memory. */
class Blocks {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly view: DataView;

  constructor(size: number) {
    const memory = Buffer.allocUnsafeSlow(size).buffer;
    this.bytes = Buffer.from(memory, 0, size);
    this.words = new Int32Array(memory, 0, size >>> 2);
    this.view = new DataView(memory, 0, size);
  }
}

export class EntryFile {
  /** The block in which the last `find` found its record, at `at`: a copy, valid until the next `find`. */
  readonly block = new Slab(-1, BLOCK_BYTES, false);
  at = 0;
  /** Whether that record will be overwritten before long. */
  isOld = false;

  readonly #options: EntryFileOptions;
  readonly #owner: EntryFileOwner;
  readonly #segmentBytes: number;
  readonly #segmentBlocks: number;
  readonly #segmentsMax: number;
  readonly #index: EntryFileIndex;
  readonly #generations: Uint8Array;
  readonly #readsAtOnce = new AtOnce({ quickMsMax: QUICK_MS_MAX, callsBetweenTries: READS_BETWEEN_TRIES });
  readonly #segmentsAtOnce = new AtOnce({
    quickMsMax: SEGMENT_QUICK_MS_MAX,
    callsBetweenTries: SEGMENTS_BETWEEN_TRIES,
  });
  #state: 'opening' | 'open' | 'off' = 'opening';
  #file: File | undefined;
  /** Segments of the ring, so far. */
  #segments = 1;
  /** It has come round once. */
  #isRing = false;
  /** The segment that is filled, and up to where. */
  #filling = new Blocks(0);
  #fillingNumber = 0;
  #used = 0;
  /** The one before, until it is written. */
  #writing: Blocks | undefined;
  #writingNumber = -1;
  /** The number of the next one, once the index knows of nothing in it; -1 before. */
  #nextNumber = -1;
  /** Memory of segments that nobody uses. */
  #free: Blocks[] = [];
  /** The block that `mayHave` has met. */
  #sought = 0;
  #hits = 0;
  #strayReads = 0;
  #refused = 0;

  /** Begins to open the file; until that is done nothing is taken. @param databases How many there are at most. */
  constructor(options: EntryFileOptions, owner: EntryFileOwner, databases: number) {
    this.#options = options;
    this.#owner = owner;
    const share = Math.floor(owner.bytesMax / SEGMENT_FRACTION) & -BLOCK_BYTES;
    this.#segmentBytes = Math.max(BLOCK_BYTES, Math.min(SEGMENT_BYTES_MAX, share));
    this.#segmentBlocks = this.#segmentBytes >>> BLOCK_BITS;
    const bytesMax = Math.min(options.bytesMax, owner.bytesMax * FILE_MULTIPLE);
    this.#segmentsMax = Math.max(SEGMENTS_MIN, Math.floor((bytesMax - 1) / this.#segmentBytes));
    this.#index = new EntryFileIndex(owner.bytesMax / INDEX_FRACTION, this.#segmentsMax * this.#segmentBlocks);
    this.#generations = new Uint8Array(databases);
    options.open().then(
      (file) => this.#begin(file),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Of memory. */
  get memoryBytes(): number {
    return this.#index.bytes + (this.#state === 'open' ? SEGMENTS_IN_MEMORY * this.#segmentBytes : 0);
  }

  statistics(): EntryFileStatistics {
    return {
      entries: this.#index.count,
      bytes: this.#state === 'open' ? this.#segments * this.#segmentBytes : 0,
      hits: this.#hits,
      strayReads: this.#strayReads,
      refusedEntries: this.#refused,
    };
  }

  /** Gives the file's space back; nothing is found or taken any more. */
  close(): void {
    this.#state = 'off';
    this.#index.clear();
    this.#filling = new Blocks(0);
    this.#fillingNumber = -1;
    this.#writingNumber = -1;
    this.#free = [];
    this.#file?.close().catch(() => undefined); // It held nothing that anyone misses.
    this.#file = undefined;
  }

  // ---- Reading

  /** Whether an entry with that hash may be here: then `find` may follow. */
  mayHave(hash: number): boolean {
    const index = this.#index;
    if (index.count === 0) return false;
    index.seek(hash);
    this.#sought = index.next();
    return this.#sought !== 0;
  }

  /** Whether reads are quick now. */
  get isQuick(): boolean {
    return this.#readsAtOnce.isQuick;
  }

  /**
   * Finds the record of a key whose hash `mayHave` was asked for last, at once, and leaves it in `block`, at `at`. @returns
   * false also where reading would take long.
   */
  find(database: number, buffer: Bytes, start: number, length: number): boolean {
    const index = this.#index;
    for (let block = this.#sought; block !== 0; block = index.next()) {
      if (!this.#read(block)) return false;
      if (!this.#search(database, buffer, start, length)) {
        this.#strayReads++;
        continue;
      }
      this.#hits++;
      this.isOld = this.#isRing && this.#age(block) > (this.#segments * this.#segmentBlocks) >>> 1;
      return true;
    }
    return false;
  }

  /** Takes the place of the record that `find` has just found away. */
  forgetFound(): void {
    this.#index.removeFound();
  }

  /** Whether the owner had marked the record that was found. */
  get isMarked(): boolean {
    return (this.block.words[(this.at >> 2) + FLAGS]! & FILE_MARKED) !== 0;
  }

  /** How many blocks were filled since this one, about. */
  #age(block: number): number {
    const age = (this.#fillingNumber + 1) * this.#segmentBlocks - block;
    return age < 0 ? age + this.#segments * this.#segmentBlocks : age;
  }

  /** @returns false where that cannot be done at once. */
  #read(block: number): boolean {
    const segment = Math.floor((block - 1) / this.#segmentBlocks);
    if (segment === this.#fillingNumber || segment === this.#writingNumber) {
      const { bytes } = segment === this.#fillingNumber ? this.#filling : this.#writing!;
      const from = (block - 1 - segment * this.#segmentBlocks) << BLOCK_BITS;
      bytes.copy(this.block.bytes, 0, from, from + BLOCK_BYTES);
      return true;
    }
    if (!this.#readsAtOnce.isDue()) return false;
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      if (this.#file!.readNow!(this.block.bytes, (block - 1) * BLOCK_BYTES) === BLOCK_BYTES) {
        this.#readsAtOnce.note(clock.monotonicMs() - startedMs);
        return true;
      }
      this.#fail(new OperationError('io', 'the file of entries ends early'));
    } catch (error) {
      this.#fail(error);
    }
    return false;
  }

  /** Looks for a key in the block that was read, and goes to its record. */
  #search(database: number, buffer: Bytes, start: number, length: number): boolean {
    const { words, view } = this.block;
    const keys = viewOf(buffer);
    const wanted = (database << 8) | (this.#generations[database]! << GENERATION_SHIFT);
    for (let at = 0; at + RECORD_HEADER_BYTES <= BLOCK_BYTES; ) {
      const word = at >> 2;
      const sizes = words[word + SIZES]!;
      if (sizes === 0) return false;
      if (
        sizes >>> 16 === length &&
        (words[word + FLAGS]! & ~FILE_MARKED & 0xffff) === wanted &&
        equalShort(view, at + RECORD_HEADER_BYTES, keys, start, length)
      ) {
        this.at = at;
        return true;
      }
      at += (sizes & 0xffff) << 3;
    }
    return false;
  }

  // ---- Taking

  /** Takes a copy of a clean record, of a key that is not here; or does not, where that is not easy. */
  take(from: Slab, at: number, hash: number): void {
    if (this.#state !== 'open') return;
    const word = at >> 2;
    const keyLength = from.words[word + SIZES]! >>> 16;
    const valueLength = from.words[word + VALUE_LENGTH]!;
    const size = (RECORD_HEADER_BYTES + keyLength + (valueLength === ABSENT ? 0 : valueLength) + 7) & ~7;
    if (size > BLOCK_BYTES) return;
    let to = this.#used;
    if ((to & (BLOCK_BYTES - 1)) + size > BLOCK_BYTES) to = (to + BLOCK_BYTES) & -BLOCK_BYTES;
    if (to + size > this.#segmentBytes) {
      if (!this.#fillNext()) {
        this.#refused++;
        return;
      }
      to = 0;
    }
    const blocksBefore = this.#fillingNumber * this.#segmentBlocks;
    const block = blocksBefore + (to >>> BLOCK_BITS) + 1;
    const newest = blocksBefore + this.#segmentBlocks;
    if (!this.#index.add(hash, block, newest, this.#segmentBlocks, this.#segments * this.#segmentBlocks)) return;
    const { bytes, view, words } = this.#filling;
    if (size > SHORT_COPY_BYTES) from.bytes.copy(bytes, to, at, at + size);
    else copyShort(from.view, at, view, to, size);
    const toWord = to >> 2;
    const flags = words[toWord + FLAGS]!;
    words[toWord + SIZES] = (keyLength << 16) | (size >>> 3);
    words[toWord + FLAGS] =
      (flags & ~0xff) |
      (this.#generations[(flags >>> 8) & 0xff]! << GENERATION_SHIFT) |
      ((flags & MARKED) === 0 ? 0 : FILE_MARKED);
    this.#used = to + size;
  }

  #begin(file: File): void {
    if (this.#state !== 'opening') {
      file.close().catch(() => undefined);
      return;
    }
    this.#file = file;
    if (file.readNow === undefined || file.writeNow === undefined) {
      this.close();
      return;
    }
    this.#state = 'open';
    this.#filling = new Blocks(this.#segmentBytes);
    this.#filling.bytes.fill(0);
    for (let i = 1; i < SEGMENTS_IN_MEMORY; i++) this.#free.push(new Blocks(this.#segmentBytes));
    this.#prepareNext();
  }

  /** Has the full segment written and begins with the next. @returns false where that has to wait. */
  #fillNext(): boolean {
    if (this.#writing !== undefined || this.#nextNumber < 0) return false;
    const full = this.#filling;
    const number = this.#fillingNumber;
    const position = number * this.#segmentBytes;
    if (this.#atOnce(() => this.#file!.writeNow!(full.bytes, position))) this.#free.push(full);
    else if (this.#state !== 'open') return false;
    else {
      this.#writing = full;
      this.#writingNumber = number;
      this.#file!.write(full.bytes, position).then(
        () => {
          this.#writing = undefined;
          this.#writingNumber = -1;
          this.#free.push(full);
        },
        (error: unknown) => this.#fail(error),
      );
    }
    this.#filling = this.#free.pop()!;
    this.#filling.bytes.fill(0);
    this.#fillingNumber = this.#nextNumber;
    this.#used = 0;
    this.#nextNumber = -1;
    this.#prepareNext();
    return true;
  }

  /** Reads or writes a segment at once, where the last ones were quick. @returns whether that was done. */
  #atOnce(call: () => void): boolean {
    if (!this.#segmentsAtOnce.isDue()) return false;
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      call();
    } catch (error) {
      this.#fail(error);
      return false;
    }
    this.#segmentsAtOnce.note(clock.monotonicMs() - startedMs);
    return true;
  }

  /** Finds a segment to be filled next: a new one, or the oldest, once nothing in it can be found any more. */
  #prepareNext(): void {
    const next = this.#fillingNumber + 1;
    if (next === this.#segments) {
      if (next < SEGMENTS_MIN || (next < this.#segmentsMax && !this.#index.isFull)) {
        this.#segments++;
        this.#nextNumber = next;
        return;
      }
      this.#isRing = true;
    }
    const number = next % this.#segments;
    const position = number * this.#segmentBytes;
    const into = this.#free.pop()!;
    const forget = (): void => {
      if (this.#state !== 'open') return;
      this.#forget(into, number);
      this.#free.push(into);
      this.#nextNumber = number;
    };
    if (this.#atOnce(() => this.#file!.readNow!(into.bytes, position))) forget();
    else if (this.#state === 'open') {
      this.#file!.read(into.bytes, position).then(forget, (error: unknown) => this.#fail(error));
    }
  }

  // ---- Dropping

  /** What is here of keys with that hash is not found any more. */
  drop(hash: number): void {
    const index = this.#index;
    if (index.count === 0) return;
    index.seek(hash);
    for (let block = index.next(); block !== 0; block = index.next()) {
      index.removeFound();
      if (Math.floor((block - 1) / this.#segmentBlocks) === this.#fillingNumber) this.#kill(block, hash);
    }
  }

  /** As `drop`, of all keys of a database. */
  dropDatabase(database: number): void {
    const generation = (this.#generations[database]! + 1) % GENERATIONS;
    this.#generations[database] = generation;
    // Records of that generation may still be there, from the last time.
    if (generation === 0) this.clear();
  }

  clear(): void {
    this.#index.clear();
    this.#used = 0;
    this.#filling.bytes.fill(0);
  }

  /** In a block that is being filled: what has lost its place there is dead. */
  #kill(block: number, hash: number): void {
    const from = (block - 1 - this.#fillingNumber * this.#segmentBlocks) << BLOCK_BITS;
    const { words } = this.#filling;
    this.#visit(this.#filling, from, (other, word) => {
      if (this.#index.isSameClass(other, hash)) words[word + FLAGS]! |= FILE_DEAD;
    });
  }

  /** A segment is about to be filled anew. */
  #forget(blocks: Blocks, number: number): void {
    for (let i = 0; i < this.#segmentBlocks; i++) {
      const block = number * this.#segmentBlocks + i + 1;
      this.#visit(blocks, i << BLOCK_BITS, (hash) => this.#index.remove(hash, block));
    }
  }

  /** The hashes of the keys in the block that begins at `from`, each with the word where its record begins. */
  #visit(blocks: Blocks, from: number, visit: (hash: number, word: number) => void): void {
    const { words, bytes } = blocks;
    const end = from + BLOCK_BYTES;
    for (let at = from; at + RECORD_HEADER_BYTES <= end; ) {
      const word = at >> 2;
      const sizes = words[word + SIZES]!;
      if (sizes === 0) return;
      const keyAt = at + RECORD_HEADER_BYTES;
      visit(this.#owner.hash((words[word + FLAGS]! >>> 8) & 0xff, bytes, keyAt, keyAt + (sizes >>> 16)), word);
      at += (sizes & 0xffff) << 3;
    }
  }

  #fail(error: unknown): void {
    if (this.#state === 'off') return;
    this.close();
    this.#options.onFailure(error);
  }
}
