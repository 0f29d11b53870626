/**
 * From hashes to references: `TABLES` open-addressing tables of (hash, reference) pairs with linear probing; the upper bits of
 * the hash choose one. Each grows by itself, so no insertion waits for more than its small part to be moved. A removal
 * shifts what follows back: there are no gravestones.
 *
 * Hashes need not be unique; references are. Whether a reference is the one that is sought only its record can tell, so looking
 * is with the arena, in `tables`, where no call stands between a hash and its record.
 */

import { assert } from '../../base/assert.ts';

const TABLES = 64;
export const TABLE_SHIFT = 26;
const SLOTS_FIRST = 16;
/** Of 4: a table grows when more of its slots are taken. */
const LOAD_OF_FOUR = 3;

export class EntryTable {
  /** The table of a hash is that of its bits from `TABLE_SHIFT` on. Even places hold hashes, those behind them references, 0 where none is. */
  readonly tables: Int32Array[] = [];
  readonly #counts = new Int32Array(TABLES);
  #count = 0;
  #bytes = 0;

  constructor() {
    this.clear();
  }

  /** References in all tables. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Where the reference of a hash lies in its table; it has to be there. */
  slotWith(hash: number, reference: number): number {
    const table = this.tables[hash >>> TABLE_SHIFT]!;
    const mask = table.length - 2;
    let slot = (hash << 1) & mask;
    while (table[slot + 1] !== reference) {
      assert(table[slot + 1] !== 0, 'a record is not in the table');
      slot = (slot + 2) & mask;
    }
    return slot;
  }

  /** Puts another reference at the slot of a hash. */
  replace(hash: number, slot: number, reference: number): void {
    this.tables[hash >>> TABLE_SHIFT]![slot + 1] = reference;
  }

  insert(hash: number, reference: number): void {
    const number = hash >>> TABLE_SHIFT;
    let table = this.tables[number]!;
    if ((this.#counts[number]! + 1) * 8 > table.length * LOAD_OF_FOUR) table = this.#grow(number);
    place(table, hash, reference);
    this.#counts[number]!++;
    this.#count++;
  }

  /** Empties the slot of a hash and moves those behind it that would not be found any more. */
  remove(hash: number, slot: number): void {
    const number = hash >>> TABLE_SHIFT;
    const table = this.tables[number]!;
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
    this.#counts[number]!--;
    this.#count--;
  }

  clear(): void {
    for (let i = 0; i < TABLES; i++) this.tables[i] = new Int32Array(SLOTS_FIRST * 2);
    this.#bytes = TABLES * SLOTS_FIRST * 8;
    this.#counts.fill(0);
    this.#count = 0;
  }

  #grow(number: number): Int32Array {
    const old = this.tables[number]!;
    const table = new Int32Array(old.length * 2);
    for (let slot = 0; slot < old.length; slot += 2) if (old[slot + 1] !== 0) place(table, old[slot]!, old[slot + 1]!);
    this.tables[number] = table;
    this.#bytes += old.length * 4;
    return table;
  }
}

function place(table: Int32Array, hash: number, reference: number): void {
  const mask = table.length - 2;
  let slot = (hash << 1) & mask;
  while (table[slot + 1] !== 0) slot = (slot + 2) & mask;
  table[slot] = hash;
  table[slot + 1] = reference;
}
