/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): each actor goes to the member with the highest hash of (member,
 * actor). When a member joins or leaves only the actors that it gains or held move, one n-th of all.
 */

import { assert } from '../base/assert.ts';
import type { Placement } from './directory.ts';

export class RendezvousPlacement implements Placement {
  readonly self: string;
  #members: readonly string[] = [];
  #seeds: readonly number[] = [];

  constructor(self: string, members: readonly string[]) {
    this.self = self;
    this.setMembers(members);
  }

  /** The living members in any order; every member computes the same owner from the same set. */
  setMembers(members: readonly string[]): void {
    assert(members.length > 0, 'placement needs at least one member');
    this.#members = [...new Set(members)].sort();
    this.#seeds = this.#members.map((member) => hashText(0x811c_9dc5, member));
  }

  ownerOf(type: string, key: string): string {
    if (this.#members.length === 1) return this.#members[0]!;
    let best = 0;
    let bestHash = -1;
    for (let i = 0; i < this.#members.length; i++) {
      const hash = mix(hashText(hashText(this.#seeds[i]!, type) ^ 0x2f, key));
      // Ties go to the member that sorts first.
      if (hash > bestHash) {
        best = i;
        bestHash = hash;
      }
    }
    return this.#members[best]!;
  }
}

/** FNV-1a over UTF-16 units. */
function hashText(seed: number, text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: FNV alone spreads the last characters too little to compare hashes by size. */
function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
