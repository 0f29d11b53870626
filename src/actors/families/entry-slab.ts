/**
 * A slab of memory full of records, and what a record looks like. A room of its own because the layout is all that the arena's
 * halves (the table that finds records, the hand that moves them) have to agree on.
 *
 * **Records**, aligned to 8 bytes, in words of the machine (they never leave memory):
 *
 *   offset  size  field
 *   0       4     clean: lower 32 bits of the version that wrote it; dirty: its place in the list of dirty entries
 *   4       4     length of the value; -1 when the key is known to be absent
 *   8       4     size of the record in units of 8 bytes (lower half; 0: the whole slab), length of the key (upper half)
 *   12      1     flags: 1 dirty, 2 used since the hand passed, 4 dead, 8 marked by the owner, 16 fetched and not read yet,
 *                   32 the file may have it as it is
 *   13      1     database
 *   14      2     partition
 *   16      …     key, value, unused rest
 */

/** Of a record, what is loaded ahead: most small ones are not longer. Each slab has as much room behind its records. */
const TOUCH_BYTES = 192;
export const LINE_WORDS = 16;
/** The last of the words in which a record with a key of 20 bytes keeps a number of two digits. */
export const HEAD_WORDS = 9;

export const RECORD_HEADER_BYTES = 16;

export const DIRTY = 1;
export const USED = 2;
export const DEAD = 4;
export const MARKED = 8;
export const FETCHED = 16;
export const IN_FILE = 32;

/** The words of a record. */
export const STAMP = 0;
export const VALUE_LENGTH = 1;
export const SIZES = 2;
export const FLAGS = 3;

/** The length of the value of a key that is known to be absent. */
export const ABSENT = -1;

/** Where the value of a slab's first record begins. */
export function firstValueAt(keyLength: number): number {
  return RECORD_HEADER_BYTES + keyLength;
}

export class Slab {
  /** 0 until the pool has taken it. */
  number: number;
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly words: Int32Array;
  /** Holds a single record, of any size. */
  readonly isLarge: boolean;
  /** Somebody reads what is in it whenever they like: it is not written again. Only of a large one. */
  isLent = false;
  /** Filled with what was read again before it was to go, or has come back. */
  isKept = false;
  /** Bytes in use from the start. */
  used = 0;
  /** Of them, in records that are dead. */
  dead = 0;

  constructor(number: number, size: number, isLarge: boolean) {
    this.number = number;
    this.isLarge = isLarge;
    const memory = Buffer.allocUnsafeSlow(size + TOUCH_BYTES).buffer;
    this.bytes = Buffer.from(memory, 0, size);
    this.view = new DataView(memory, 0, size);
    this.words = new Int32Array(memory, 0, (size + TOUCH_BYTES) >>> 2);
  }
}

/** A slab for a record of its own, whose value can be written before the arena knows of it. */
export function slabFor(keyLength: number, valueLength: number): Slab {
  return new Slab(0, recordBytes(keyLength, valueLength), true);
}

/** What a record takes; `valueLength` may be `ABSENT`. */
export function recordBytes(keyLength: number, valueLength: number): number {
  return (RECORD_HEADER_BYTES + keyLength + (valueLength === ABSENT ? 0 : valueLength) + 7) & ~7;
}
