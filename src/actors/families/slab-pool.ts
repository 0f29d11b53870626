/**
 * The slabs of an arena: which there are, which of them take new records, and whose turn it is to be cleaned.
 *
 * A slab is filled from its start, once. *Young* ones take new records, *kept* ones those that were read again; a *large*
 * one holds a single record. What the records mean, and which of them stay, is the arena's business (`entry-arena.ts`).
 */

import { assert } from '../../base/assert.ts';
import { Slab } from './entry-slab.ts';

/** Of 31 bits of a reference, those for the place of a record in its slab, in units of 8 bytes. */
export const UNIT_BITS = 17;
export const UNIT_MASK = (1 << UNIT_BITS) - 1;
const SLABS_MAX = 1 << (31 - UNIT_BITS);

export class SlabPool {
  /** Of slabs that are not large. */
  readonly slabBytes: number;
  /** By number; holes are numbers to be given again. Number 0 is never used. */
  slabs: (Slab | undefined)[] = [undefined];
  /** How often records lost their place with their slab: then no reference may be used that was found before. */
  moves = 0;
  readonly #freeNumbers: number[] = [];
  /** Empty, of the common size. */
  readonly #spares: Slab[] = [];
  #head: Slab;
  #keptHead: Slab | undefined;
  /** Numbers of young slabs that are full, oldest first. */
  readonly #young: number[] = [];
  /** Numbers of large slabs, oldest first. */
  #large: number[] = [];
  #hand = 0;
  #bytes = 0;
  #usedBytes = 0;
  #deadBytes = 0;

  constructor(slabBytes: number) {
    this.slabBytes = slabBytes;
    this.#head = this.#add();
  }

  /** Of all slabs, spares included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** In slabs that are not large, up to where they are filled. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Of `usedBytes`, those of dead records. */
  get deadBytes(): number {
    return this.#deadBytes;
  }

  get spares(): number {
    return this.#spares.length;
  }

  /** The young slab that takes new records. */
  get head(): Slab {
    return this.#head;
  }

  // ---- Room

  hasRoom(size: number, isKept: boolean): boolean {
    const head = isKept ? this.#keptHead : this.#head;
    return head !== undefined && head.used + size <= this.slabBytes;
  }

  /** The last `size` bytes of what is used of a head, of a new one if need be. */
  take(size: number, isKept: boolean): Slab {
    if (!this.hasRoom(size, isKept)) this.#nextHead(isKept);
    const head = isKept ? this.#keptHead! : this.#head;
    head.used += size;
    this.#usedBytes += size;
    return head;
  }

  /** @param filled Of that size, and nobody's so far. */
  takeLarge(size: number, filled: Slab | undefined): Slab {
    const slab = this.#enter(filled ?? new Slab(0, size, true));
    slab.used = size;
    this.#large.push(slab.number);
    return slab;
  }

  /** A record of that size in a slab that is not large is dead. */
  noteDead(slab: Slab, size: number): void {
    slab.dead += size;
    this.#deadBytes += size;
  }

  /** Nothing in the slab is needed any more: it becomes a spare, or goes. */
  empty(slab: Slab, goes: boolean): void {
    this.moves++;
    this.#usedBytes -= slab.used;
    this.#deadBytes -= slab.dead;
    slab.used = 0;
    slab.dead = 0;
    if (!slab.isKept) this.#young.splice(this.#young.indexOf(slab.number), 1);
    if (goes) this.#drop(slab);
    else this.#spares.push(slab);
  }

  /** @returns whether there was a spare to go. */
  dropSpare(): boolean {
    const spare = this.#spares.pop();
    if (spare !== undefined) this.#drop(spare);
    return spare !== undefined;
  }

  dropLarge(slab: Slab): void {
    this.#large.splice(this.#large.lastIndexOf(slab.number), 1);
    this.#drop(slab);
  }

  clear(): void {
    this.moves++;
    this.slabs = [undefined];
    this.#freeNumbers.length = 0;
    this.#spares.length = 0;
    this.#keptHead = undefined;
    this.#young.length = 0;
    this.#large = [];
    this.#hand = 0;
    this.#bytes = 0;
    this.#usedBytes = 0;
    this.#deadBytes = 0;
    this.#head = this.#add();
  }

  #nextHead(isKept: boolean): void {
    const slab = this.#spares.pop() ?? this.#add();
    slab.isKept = isKept;
    if (isKept) {
      this.#keptHead = slab;
      return;
    }
    this.#young.push(this.#head.number);
    this.#head = slab;
  }

  #add(): Slab {
    return this.#enter(new Slab(0, this.slabBytes, false));
  }

  #enter(slab: Slab): Slab {
    const number = this.#freeNumbers.pop() ?? this.slabs.length;
    assert(number < SLABS_MAX, 'too many slabs');
    slab.number = number;
    this.slabs[number] = slab;
    this.#bytes += slab.bytes.length;
    return slab;
  }

  #drop(slab: Slab): void {
    this.moves++;
    this.slabs[slab.number] = undefined;
    this.#freeNumbers.push(slab.number);
    this.#bytes -= slab.bytes.length;
  }

  // ---- Whose turn it is

  /** The slab of which something has to go next: the oldest young one where there are more than `youngBytesMax` of these, else a kept one. */
  nextVictim(youngBytesMax: number): Slab | undefined {
    const oldest = this.#young[0];
    if (oldest !== undefined && this.#young.length * this.slabBytes > youngBytesMax) return this.slabs[oldest];
    return this.#underHand() ?? (oldest === undefined ? undefined : this.slabs[oldest]);
  }

  /** The one with most dead bytes. */
  deadest(): Slab | undefined {
    let found: Slab | undefined;
    for (const slab of this.slabs) {
      if (slab !== undefined && slab.dead > (found?.dead ?? 0) && this.#isCleanable(slab)) found = slab;
    }
    return found;
  }

  /** The oldest large one; it is the youngest then, until it goes. */
  nextLarge(): Slab | undefined {
    const number = this.#large.shift();
    if (number === undefined) return undefined;
    this.#large.push(number);
    return this.slabs[number];
  }

  get largeCount(): number {
    return this.#large.length;
  }

  /** The next kept slab. */
  #underHand(): Slab | undefined {
    for (let tries = this.slabs.length; tries > 0; tries--) {
      this.#hand = (this.#hand + 1) % this.slabs.length;
      const slab = this.slabs[this.#hand];
      if (slab?.isKept === true && this.#isCleanable(slab)) return slab;
    }
    return undefined;
  }

  #isCleanable(slab: Slab): boolean {
    return slab !== this.#head && slab !== this.#keptHead && slab.used > 0 && !slab.isLarge;
  }
}
