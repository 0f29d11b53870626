/**
 * Locks by key: a hash table whose entries are linked through the locks themselves, so that taking and giving up a lock makes
 * nothing but the lock.
 *
 * A `Map` here moves to a new table every few locks, and leaves the old ones, with all locks and transactions that were in
 * them, to the next collection of the whole heap (`roster.ts` tells why). And what is only looked for needs no string.
 */

import type { Bytes } from '../base/bytes.ts';
import { fixHashSecret } from './key-hash.ts';

export interface Keyed<T> {
  /** One char per byte. */
  readonly key: string;
  /** `hashKey` of it. */
  readonly hash: number;
  /** The next one in its chain; belongs to the map. */
  next: T | undefined;
}

const CHAINS_FIRST = 64;

export class LockMap<T extends Keyed<T>> {
  #chains: (T | undefined)[] = newChains(CHAINS_FIRST);
  #size = 0;

  constructor() {
    fixHashSecret();
  }

  get size(): number {
    return this.#size;
  }

  /** @param hash `hashKey(key)`. */
  get(key: Bytes, hash: number): T | undefined {
    if (this.#size === 0) return undefined;
    const chains = this.#chains;
    let found = chains[hash & (chains.length - 1)];
    while (found !== undefined && !(found.hash === hash && isKey(found.key, key))) found = found.next;
    return found;
  }

  /** Of a key that is not there. */
  add(lock: T): void {
    const { length } = this.#chains;
    if (this.#size === length) this.#resize(length * 4);
    else if (length > CHAINS_FIRST && this.#size < length / 16) this.#resize(length / 4);
    const chains = this.#chains;
    const at = lock.hash & (chains.length - 1);
    lock.next = chains[at];
    chains[at] = lock;
    this.#size++;
  }

  /** Harmless where it is not there. */
  delete(lock: T): void {
    const chains = this.#chains;
    const at = lock.hash & (chains.length - 1);
    let before: T | undefined;
    let found = chains[at];
    while (found !== undefined && found !== lock) {
      before = found;
      found = found.next;
    }
    if (found === undefined) return;
    if (before === undefined) chains[at] = lock.next;
    else before.next = lock.next;
    lock.next = undefined;
    this.#size--;
  }

  /** In no particular order. The one that was given last may be deleted meanwhile; none may be added. */
  *values(): Generator<T> {
    for (const first of this.#chains) {
      for (let lock = first; lock !== undefined; ) {
        const { next } = lock;
        yield lock;
        lock = next;
      }
    }
  }

  #resize(length: number): void {
    const chains = newChains<T>(length);
    for (const first of this.#chains) {
      for (let lock = first; lock !== undefined; ) {
        const { next } = lock;
        const at = lock.hash & (length - 1);
        lock.next = chains[at];
        chains[at] = lock;
        lock = next;
      }
    }
    this.#chains = chains;
  }
}

function newChains<T>(length: number): (T | undefined)[] {
  return new Array<T | undefined>(length).fill(undefined);
}

/** From the end, where keys of one table differ. */
function isKey(text: string, bytes: Bytes): boolean {
  if (text.length !== bytes.length) return false;
  for (let at = bytes.length - 1; at >= 0; at--) if (text.charCodeAt(at) !== bytes[at]) return false;
  return true;
}
