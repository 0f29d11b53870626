/** Numbers rows of integers from 0 on, equal rows alike: a hash table with open addressing, in plain memory. */

/** Most groups and joins are small, and what is allocated for nothing takes longer than they do. */
const CAPACITY_FIRST = 128;

export class CodeTable {
  readonly #width: number;
  /** Of each number its codes, side by side. */
  #codes: Int32Array;
  /** Number + 1; 0 where there is none. Never more than half full. */
  #slots = new Int32Array(CAPACITY_FIRST);
  #count = 0;

  /** @param width Codes in a row. */
  constructor(width: number) {
    this.#width = width;
    this.#codes = new Int32Array((CAPACITY_FIRST / 2) * width);
  }

  get count(): number {
    return this.#count;
  }

  /** Of the row that the columns hold at `at`; -1 when it was not added. */
  find(columns: readonly Int32Array[], at: number): number {
    return this.#slots[this.#slotOf(columns, at)]! - 1;
  }

  /** A number for the row, which has none. */
  add(columns: readonly Int32Array[], at: number): number {
    if ((this.#count + 1) * 2 > this.#slots.length) this.#grow();
    const number = this.#count++;
    this.#slots[this.#slotOf(columns, at)] = number + 1;
    for (let c = 0; c < this.#width; c++) this.#codes[number * this.#width + c] = columns[c]![at]!;
    return number;
  }

  /** Where the row is, or where it belongs. */
  #slotOf(columns: readonly Int32Array[], at: number): number {
    const slots = this.#slots;
    const codes = this.#codes;
    const width = this.#width;
    const mask = slots.length - 1;
    let hash = 0;
    for (let c = 0; c < width; c++) hash = mixed(hash, columns[c]![at]!);
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const number = slots[slot]! - 1;
      if (number < 0) return slot;
      let c = 0;
      while (c < width && codes[number * width + c] === columns[c]![at]!) c++;
      if (c === width) return slot;
    }
  }

  #grow(): void {
    const width = this.#width;
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    const codes = new Int32Array((slots.length / 2) * width);
    codes.set(this.#codes);
    for (let number = 0; number < this.#count; number++) {
      let hash = 0;
      for (let c = 0; c < width; c++) hash = mixed(hash, codes[number * width + c]!);
      let slot = spread(hash) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
    this.#codes = codes;
  }
}

function mixed(hash: number, code: number): number {
  return (Math.imul(hash, 0x85eb_ca6b) ^ code) | 0;
}

/** The end of MurmurHash3's mixing: every bit depends on every other. */
function spread(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
