/**
 * Values of keys that were read lately, above RocksDB: a hit costs a hash, a comparison and a copy, a tenth of what it
 * takes to ask the binding.
 *
 * It holds what the engine holds and nothing else; who changes a key in the engine deletes it here. Entries lie in a
 * ring of chunks in the order they came, and the youngest chunk takes the place of the oldest: nothing is moved, and eviction
 * is free. An index of buckets of four finds them by hash; what lies before the oldest chunk is gone. Each chunk counts what
 * is not forgotten in it, so that there is room again where much was deleted.
 *
 *   entry:  key length, uint16 | value length, uint32 | key | value           (little-endian, never across two chunks)
 *           highest bit of the value length: forgotten
 *   index:  hash, int32 | position / 4 + 1, uint32; 0 for an empty place
 *
 * Chunks are allocated when they are first written to.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import { RangeDeletions } from '../../storage/range-deletions.ts';

const WAYS = 4;
const CHUNK_BYTES_MAX = 1024 * 1024;
/** The oldest of them is lost at once. */
const CHUNKS_MIN = 4;
const HEADER_BYTES = 6;
const KEY_BYTES_MAX = 0xffff;
/** Larger values would push too many others out. */
const VALUE_BYTES_MAX = 16 * 1024;
/** The index has a place for every so many bytes of the whole. */
const BYTES_PER_PLACE = 32;
const PLACE_BYTES = 8;
/** In the last byte of a value's length, which needs none of it: what the index may lead to but is not here any more. */
const FORGOTTEN = 0x80;
/** Entries begin at multiples of it. */
const UNIT_BYTES = 4;
/** Before positions outgrow the index everything is forgotten, once in 16 GB of entries. */
const HEAD_MAX = 0xffff_fff0 * UNIT_BYTES;

export class ValueCache {
  readonly #hashes: Int32Array;
  #positions: Uint32Array;
  readonly #bucketMask: number;
  readonly #chunks: (Buffer | undefined)[];
  readonly #chunkBytes: number;
  readonly #ringBytes: number;
  #chunksUsed = 0;
  /** Bytes of what is not forgotten, of each chunk and of all. */
  readonly #liveIn: Uint32Array;
  /** Bytes of each chunk up to the end of its last entry. */
  readonly #usedIn: Uint32Array;
  #live = 0;
  /** Of the last `#placeFor`. */
  #chunkOf: Buffer | undefined;
  /** Where the next entry goes: bytes written since the beginning, the unused ends of chunks included. */
  #head = 0;
  /** What lies before it is gone: the beginning of the oldest chunk. */
  #oldest = 0;

  /** @param bytesMax Of the index and all entries, at least 64 KiB. */
  constructor(bytesMax: number) {
    let places = WAYS;
    while (places * 2 * BYTES_PER_PLACE <= bytesMax) places *= 2;
    this.#hashes = new Int32Array(places);
    this.#positions = new Uint32Array(places);
    this.#bucketMask = places / WAYS - 1;
    const entryBytes = bytesMax - places * PLACE_BYTES;
    this.#chunkBytes = Math.min(CHUNK_BYTES_MAX, Math.floor(entryBytes / CHUNKS_MIN)) & -UNIT_BYTES;
    this.#chunks = new Array<Buffer | undefined>(Math.floor(entryBytes / this.#chunkBytes)).fill(undefined);
    this.#ringBytes = this.#chunks.length * this.#chunkBytes;
    this.#liveIn = new Uint32Array(this.#chunks.length);
    this.#usedIn = new Uint32Array(this.#chunks.length);
  }

  /** Of what has been allocated, in bytes. */
  get memoryBytes(): number {
    return this.#hashes.length * PLACE_BYTES + this.#chunksUsed * this.#chunkBytes;
  }

  /** Of what is here, in bytes. */
  get liveBytes(): number {
    return this.#live;
  }

  /** Whether what is put pushes out little: all but the chunk that is next has room for what is here. */
  get hasRoom(): boolean {
    return this.#live + this.#chunkBytes < this.#ringBytes;
  }

  /** A copy of the value, if it is here. */
  get(key: Bytes): Bytes | undefined {
    const place = this.#find(key, 0, key.length, hashOf(key, 0, key.length));
    if (place < 0) return undefined;
    const position = this.#positionOf(place);
    const chunk = this.#chunkAt(position)!;
    const at = position % this.#chunkBytes;
    const start = at + HEADER_BYTES + key.length;
    const length = chunk.readUInt32LE(at + 2);
    // From Node's pool: such a copy is short-lived.
    const value = Buffer.allocUnsafe(length);
    chunk.copy(value, 0, start, start + length);
    return value;
  }

  /** Keeps copies of both, in place of what there was; of what is too large nothing is kept. */
  put(key: Bytes, value: Bytes): void {
    const at = this.#placeFor(key, 0, key.length, value.length);
    if (at < 0) return;
    const chunk = this.#chunkOf!;
    chunk.set(key, at);
    chunk.set(value, at + key.length);
  }

  /** As `put`, of a key at `bytes[start, keyEnd)` and its value, which lies behind it up to `end`. */
  putBeside(bytes: Buffer, start: number, keyEnd: number, end: number): void {
    const at = this.#placeFor(bytes, start, keyEnd, end - keyEnd);
    if (at >= 0) bytes.copy(this.#chunkOf!, at, start, end);
  }

  /** Enters a key. @returns where in `#chunkOf` key and value are to be copied; below 0 where they are too large. */
  #placeFor(bytes: Bytes, start: number, keyEnd: number, valueLength: number): number {
    const keyLength = keyEnd - start;
    const length = HEADER_BYTES + keyLength + valueLength;
    if (valueLength > VALUE_BYTES_MAX || keyLength > KEY_BYTES_MAX || length > this.#chunkBytes) {
      this.delete(bytes, start, keyEnd);
      return -1;
    }
    if (this.#head > HEAD_MAX) this.clear();
    const hash = hashOf(bytes, start, keyEnd);
    const known = this.#find(bytes, start, keyEnd, hash);
    const place = known >= 0 ? known : this.#oldestPlace(hash);
    this.#forgetPlace(place);
    let at = this.#head % this.#chunkBytes;
    if (at === 0 || at + length > this.#chunkBytes) {
      this.#head = this.#nextChunk();
      at = 0;
    }
    const number = this.#numberOf(this.#head);
    const chunk = this.#chunks[number]!;
    this.#chunkOf = chunk;
    chunk[at] = keyLength;
    chunk[at + 1] = keyLength >> 8;
    chunk.writeUInt32LE(valueLength, at + 2);
    this.#hashes[place] = hash;
    this.#positions[place] = this.#head / UNIT_BYTES + 1;
    const bytesTaken = Math.ceil(length / UNIT_BYTES) * UNIT_BYTES;
    this.#head += bytesTaken;
    this.#usedIn[number] = at + bytesTaken;
    this.#liveIn[number]! += bytesTaken;
    this.#live += bytesTaken;
    return at + HEADER_BYTES;
  }

  /** Begins the chunk behind the one that is written to, in place of the oldest. @returns the position of its first byte. */
  #nextChunk(): number {
    const position = Math.ceil(this.#head / this.#chunkBytes) * this.#chunkBytes;
    const number = this.#numberOf(position);
    if (this.#chunks[number] === undefined) {
      this.#chunks[number] = Buffer.allocUnsafeSlow(this.#chunkBytes);
      this.#chunksUsed++;
    }
    this.#oldest = Math.max(0, position + this.#chunkBytes - this.#ringBytes);
    this.#live -= this.#liveIn[number]!;
    this.#liveIn[number] = 0;
    this.#usedIn[number] = 0;
    return position;
  }

  /** Whether the key at `bytes[start, end)` is here. */
  has(bytes: Bytes, start: number, end: number): boolean {
    return this.#find(bytes, start, end, hashOf(bytes, start, end)) >= 0;
  }

  /** Forgets the key in `bytes[start, end)`. */
  delete(bytes: Bytes, start: number, end: number): void {
    const hash = hashOf(bytes, start, end);
    const first = (hash & this.#bucketMask) * WAYS;
    // Another key of the same hash is forgotten with it: rarer and cheaper than comparing.
    for (let place = first; place < first + WAYS; place++) {
      if (this.#hashes[place] === hash) this.#forgetPlace(place);
    }
  }

  /** Forgets the keys of some ranges; stops behind each chunk that it has looked through. Nothing may be put meanwhile. */
  *deleteRanges(ranges: readonly KeyRange[]): Generator<void> {
    const deleted = new RangeDeletions();
    for (const range of ranges) deleted.add(range, 0, 0);
    for (let number = 0; number < this.#chunks.length; number++) {
      if (this.#liveIn[number] === 0) continue;
      this.#deleteRangesIn(number, deleted);
      yield;
    }
  }

  #deleteRangesIn(number: number, deleted: RangeDeletions): void {
    const chunk = this.#chunks[number]!;
    const used = this.#usedIn[number]!;
    let at = 0;
    while (at < used) {
      const start = at + HEADER_BYTES;
      const keyEnd = start + (chunk[at]! | (chunk[at + 1]! << 8));
      const bytes = bytesOfEntry(chunk, at);
      // Its place in the index is left to who needs it: looking for each would take ten times as long.
      if (deleted.covering(chunk, start, keyEnd, 0) !== undefined) this.#forgetEntry(number, at);
      at += bytes;
    }
  }

  #forgetPlace(place: number): void {
    const position = this.#positionOf(place);
    this.#positions[place] = 0;
    if (this.#isKept(position)) this.#forgetEntry(this.#numberOf(position), position % this.#chunkBytes);
  }

  #forgetEntry(number: number, at: number): void {
    const chunk = this.#chunks[number]!;
    if (isForgotten(chunk, at)) return;
    const bytes = bytesOfEntry(chunk, at);
    chunk[at + 5]! |= FORGOTTEN;
    this.#liveIn[number]! -= bytes;
    this.#live -= bytes;
  }

  clear(): void {
    if (this.#head === 0) return;
    // New zeros take no memory before they are written to, and no time.
    this.#positions = new Uint32Array(this.#positions.length);
    this.#head = 0;
    this.#oldest = 0;
    this.#liveIn.fill(0);
    this.#usedIn.fill(0);
    this.#live = 0;
  }

  #positionOf(place: number): number {
    return (this.#positions[place]! - 1) * UNIT_BYTES;
  }

  #find(bytes: Bytes, start: number, end: number, hash: number): number {
    const first = (hash & this.#bucketMask) * WAYS;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#hashes[place] !== hash) continue;
      const position = this.#positionOf(place);
      if (this.#isKept(position) && this.#holds(position, bytes, start, end - start)) return place;
    }
    return -1;
  }

  #isKept(position: number): boolean {
    return position >= this.#oldest;
  }

  #holds(position: number, bytes: Bytes, start: number, length: number): boolean {
    const chunk = this.#chunkAt(position)!;
    const at = position % this.#chunkBytes;
    if ((chunk[at]! | (chunk[at + 1]! << 8)) !== length || isForgotten(chunk, at)) return false;
    for (let i = 0; i < length; i++) if (chunk[at + HEADER_BYTES + i] !== bytes[start + i]) return false;
    return true;
  }

  #oldestPlace(hash: number): number {
    const first = (hash & this.#bucketMask) * WAYS;
    let oldest = first;
    for (let place = first + 1; place < first + WAYS; place++) {
      if (this.#positions[place]! < this.#positions[oldest]!) oldest = place;
    }
    return oldest;
  }

  #chunkAt(position: number): Buffer | undefined {
    return this.#chunks[this.#numberOf(position)];
  }

  #numberOf(position: number): number {
    return Math.floor(position / this.#chunkBytes) % this.#chunks.length;
  }
}

function isForgotten(chunk: Buffer, at: number): boolean {
  return chunk[at + 5]! >= FORGOTTEN;
}

/** Of an entry whether or not it is forgotten, up to where the next one begins. */
function bytesOfEntry(chunk: Buffer, at: number): number {
  const keyLength = chunk[at]! | (chunk[at + 1]! << 8);
  const valueLength = chunk.readUInt32LE(at + 2) & ~(FORGOTTEN << 24);
  return Math.ceil((HEADER_BYTES + keyLength + valueLength) / UNIT_BYTES) * UNIT_BYTES;
}

/** Four bytes at a time, mixed as MurmurHash3 does (Appleby, 2011); for keys of a few dozen bytes. */
function hashOf(bytes: Bytes, start: number, end: number): number {
  const buffer = asBuffer(bytes);
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24);
    let mixed = Math.imul(word, 0xcc9e2d51);
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    hash ^= mixed;
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ buffer[at]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
