/**
 * In which block of a file the records of keys lie: four bytes for each, and a key is told from others by its hash alone. Who
 * looks into a block may find that the key is not there; then it was another of the same *class*.
 *
 * **Places.** `TABLES` tables of buckets of 16 places, a line of the processor's cache each. A place is a number of a block
 * (from 1) and above it as many bits of the hash as fit: the *tag*. Tables grow by themselves, up to a bound. A bucket that
 * is split needs one more bit of the hashes in it; it takes that from the tags, so hashes of one class stay together, and
 * their tags tell a little less.
 *
 *   bits of a hash    31 … 26   the table
 *                     25 … 0    from the lowest: bucket of the smallest table, tag; bits above count for nothing
 *
 * **Two buckets.** A hash has a second bucket in its table, and takes a place in the emptier one: so all of them fill up alike,
 * where of buckets that get what falls to them a quarter would be full when nine tenths of the places are taken (Azar et al.,
 * "Balanced Allocations", 1994). The tag tells how far the two lie apart, with bits that no split takes, so that the second
 * bucket of the second is the first (Fan et al., "Cuckoo Filter", 2014); hashes with one tag in either are of one class.
 *
 * **When both are full** and may not be split, the place that was taken first gives way, except to the blocks that are being
 * filled: `EntryFile` relies on it that every record there has its place, or is known to be dead.
 */

const TABLES = 64;
const TABLE_SHIFT = 26;
const BUCKET_PLACE_BITS = 4;
const BUCKET_PLACES = 1 << BUCKET_PLACE_BITS;
/** A table is split some times at most: each time takes a bit of the tags. */
const SPLITS_MAX = 2;
/** Buckets of one table, as a power of two. */
const BUCKET_BITS_MAX = 16;
/** A table is split when more of its places are taken. */
const LOAD_MAX = 0.7;
/** The index is full when more of the places that it may have are taken: then some buckets are. */
const FULL = 0.96;
/** Spreads the distances of the two buckets of a hash (Knuth's multiplicative hashing). */
const SPREAD = 0x9e37_79b1;

export class EntryFileIndex {
  /** Blocks that can be told apart. */
  readonly blocksMax: number;
  readonly #blockBits: number;
  readonly #blockMask: number;
  readonly #tagMask: number;
  readonly #bucketBits: number;
  readonly #placesMax: number;
  /** Of the smallest table. */
  readonly #bucketMask: number;
  readonly #tables: Int32Array[] = [];
  readonly #counts = new Int32Array(TABLES);
  #count = 0;
  #bytes = 0;
  // What `seek` looks for.
  #table: Int32Array;
  #number = 0;
  #tag = 0;
  #from = 0;
  #to = 0;
  /** Where the other bucket begins; -1 when `next` is in it, or there is none. */
  #other = -1;

  /** @param bytesMax Of memory, at least 4 KiB. @param blocksMax Blocks are numbered from 1 to this. */
  constructor(bytesMax: number, blocksMax: number) {
    this.blocksMax = blocksMax;
    this.#blockBits = 32 - Math.clz32(blocksMax);
    this.#blockMask = 2 ** this.#blockBits - 1;
    const bits = Math.floor(Math.log2(bytesMax / (TABLES * BUCKET_PLACES * 4)));
    const bucketBitsMax = Math.max(0, Math.min(BUCKET_BITS_MAX, bits));
    // Of two buckets at least, if there is room for them.
    this.#bucketBits = Math.min(bucketBitsMax, Math.max(1, bucketBitsMax - SPLITS_MAX));
    this.#placesMax = BUCKET_PLACES << bucketBitsMax;
    const tagBits = Math.min(32 - this.#blockBits, TABLE_SHIFT - this.#bucketBits);
    this.#tagMask = 2 ** tagBits - 1;
    this.#bucketMask = 2 ** this.#bucketBits - 1;
    for (let i = 0; i < TABLES; i++) this.#tables.push(new Int32Array(0));
    this.#table = this.#tables[0]!;
    this.clear();
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether so many places are taken that others will have to give way. */
  get isFull(): boolean {
    return this.#count > this.#placesMax * TABLES * FULL;
  }

  /** Whether two hashes are the same to this index, whatever its size. */
  isSameClass(a: number, b: number): boolean {
    const tag = this.#tagOf(a);
    if (a >>> TABLE_SHIFT !== b >>> TABLE_SHIFT || tag !== this.#tagOf(b)) return false;
    const apart = (a ^ b) & this.#bucketMask;
    return apart === 0 || apart === this.#distance(tag);
  }

  #tagOf(hash: number): number {
    return (hash >>> this.#bucketBits) & this.#tagMask;
  }

  /** What tells the numbers of the two buckets of a tag apart, in the smallest table and in every other. */
  #distance(tag: number): number {
    return (Math.imul((tag >>> SPLITS_MAX) + 1, SPREAD) >>> 8) & this.#bucketMask;
  }

  /** Begins to look for the blocks of a hash. */
  seek(hash: number): void {
    this.#number = hash >>> TABLE_SHIFT;
    this.#table = this.#tables[this.#number]!;
    this.#tag = this.#tagOf(hash);
    this.#from = (hash << BUCKET_PLACE_BITS) & (this.#table.length - 1);
    this.#to = this.#from + BUCKET_PLACES;
    const distance = this.#distance(this.#tag) << BUCKET_PLACE_BITS;
    this.#other = distance === 0 ? -1 : this.#from ^ distance;
  }

  /** The next block of the hash that was sought; 0 when there is none. */
  next(): number {
    const table = this.#table;
    for (;;) {
      while (this.#from < this.#to) {
        const place = table[this.#from++]!;
        if (place !== 0 && place >>> this.#blockBits === this.#tag) return place & this.#blockMask;
      }
      if (this.#other < 0) return 0;
      this.#from = this.#other;
      this.#to = this.#from + BUCKET_PLACES;
      this.#other = -1;
    }
  }

  /** Takes away the place that `next` has found. */
  removeFound(): void {
    this.#table[this.#from - 1] = 0;
    this.#counts[this.#number]!--;
    this.#count--;
  }

  /** Takes away the place of a hash in one block, if there is one. */
  remove(hash: number, block: number): void {
    this.seek(hash);
    for (let found = this.next(); found !== 0; found = this.next()) {
      if (found !== block) continue;
      this.removeFound();
      return;
    }
  }

  /**
   * Notes that a record with this hash lies in `block`. Of full buckets that place gives way which is the furthest behind
   * `newest` in a ring of `ring` blocks, unless it is one of the `young` last ones. @returns false when nothing was noted.
   */
  add(hash: number, block: number, newest: number, young: number, ring: number): boolean {
    const number = hash >>> TABLE_SHIFT;
    const { length } = this.#tables[number]!;
    if (length < this.#placesMax && this.#counts[number]! > length * LOAD_MAX) this.#split(number);
    this.seek(hash);
    const place = (this.#tag << this.#blockBits) | block;
    const table = this.#table;
    const free = this.#freePlace();
    if (free >= 0) {
      table[free] = place;
      this.#counts[number]!++;
      this.#count++;
      return true;
    }
    let oldest = -1;
    let age = young;
    for (let i = 0; i < 2 * BUCKET_PLACES; i++) {
      const at = i < BUCKET_PLACES ? this.#from + i : this.#other + i - BUCKET_PLACES;
      if (at < 0) break;
      const distance = newest - (table[at]! & this.#blockMask);
      const otherAge = distance < 0 ? distance + ring : distance;
      if (otherAge < age) continue;
      age = otherAge;
      oldest = at;
    }
    if (oldest < 0) return false;
    table[oldest] = place;
    return true;
  }

  /** One in the emptier bucket of the hash that was sought; -1 when both are full. */
  #freePlace(): number {
    const table = this.#table;
    let [place, free] = [-1, 0];
    for (let at = this.#from; at < this.#to; at++) {
      if (table[at] !== 0) continue;
      place = at;
      free++;
    }
    if (this.#other < 0) return place;
    let [otherPlace, otherFree] = [-1, 0];
    for (let at = this.#other; at < this.#other + BUCKET_PLACES; at++) {
      if (table[at] !== 0) continue;
      otherPlace = at;
      otherFree++;
    }
    return otherFree > free ? otherPlace : place;
  }

  clear(): void {
    const places = BUCKET_PLACES << this.#bucketBits;
    for (let i = 0; i < TABLES; i++) this.#tables[i] = new Int32Array(places);
    this.#counts.fill(0);
    this.#count = 0;
    this.#bytes = TABLES * places * 4;
    this.#from = this.#to;
    this.#other = -1;
  }

  #split(number: number): void {
    const old = this.#tables[number]!;
    const half = old.length;
    const table = new Int32Array(half * 2);
    // The bit of the hash that tells the halves apart, as the tag has it.
    const bit = 2 ** (this.#blockBits + Math.log2(half / BUCKET_PLACES) - this.#bucketBits);
    for (let at = 0; at < half; at++) {
      const place = old[at]!;
      table[(place & bit) === 0 ? at : at + half] = place;
    }
    this.#tables[number] = table;
    this.#bytes += half * 4;
  }
}
