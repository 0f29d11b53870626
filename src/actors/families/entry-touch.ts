/** Loading ahead what several commands will look at: each would wait for memory by itself, all together wait once. */

import { HEAD_WORDS, LINE_WORDS, type Slab } from './entry-slab.ts';
import { TABLE_SHIFT } from './entry-table.ts';
import { UNIT_BITS, UNIT_MASK } from './slab-pool.ts';

/**
 * Loads what `count` hashes lead to into the processor's cache, all of it at once: their places in the tables, then the first
 * records with such hashes, of which it leaves the `references` (0: there is none). With `headsOnly` no more of a record than
 * a short key and a number take: whoever reads no more need not wait for more lines.
 * One function without calls: spread over several, what the compiler inlines of them depends on who ran first.
 * @returns something to be used, lest the loads are left out.
 */
export function touchEntries(
  tables: readonly Int32Array[],
  slabs: readonly (Slab | undefined)[],
  hashes: Int32Array,
  references: Int32Array,
  count: number,
  headsOnly: boolean,
): number {
  // Once: what a module exports is looked up there, and checked, each time. The shorter the loops, the more loads are under way.
  const shift = TABLE_SHIFT;
  const unitBits = UNIT_BITS;
  const unitMask = UNIT_MASK;
  const second = headsOnly ? HEAD_WORDS : LINE_WORDS;
  const third = headsOnly ? 0 : 2 * LINE_WORDS;
  let touched = 0;
  for (let i = 0; i < count; i++) {
    const hash = hashes[i]!;
    const table = tables[hash >>> shift]!;
    touched ^= table[((hash << 1) & (table.length - 2)) + 1]!;
  }
  for (let i = 0; i < count; i++) {
    const hash = hashes[i]!;
    const table = tables[hash >>> shift]!;
    const mask = table.length - 2;
    let slot = (hash << 1) & mask;
    while (table[slot] !== hash && table[slot + 1] !== 0) slot = (slot + 2) & mask;
    references[i] = table[slot + 1]!;
  }
  for (let i = 0; i < count; i++) {
    const reference = references[i]!;
    if (reference === 0) continue;
    const { words } = slabs[reference >>> unitBits]!;
    const word = (reference & unitMask) << 1;
    touched ^= words[word]! ^ words[word + second]!;
    if (third > 0) touched ^= words[word + third]!;
  }
  return touched;
}
