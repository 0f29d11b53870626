/**
 * A map that forgets what was not used for long, bounded in entries and in the sum of their costs.
 *
 * `Map` keeps insertion order, so the oldest entry is its first. A hit only marks the entry; when room is wanted a marked
 * one goes to the end, unmarked, and the first without a mark is forgotten (CLOCK, Corbató 1968): moving entries with each
 * hit would cost more than what most callers look up.
 */

interface CacheEntry<V> {
  readonly value: V;
  readonly cost: number;
  used: boolean;
}

export class LruCache<K, V> {
  readonly #entries = new Map<K, CacheEntry<V>>();
  readonly #entriesMax: number;
  readonly #costMax: number;
  #cost = 0;
  /** Stands at the oldest entry: one that begins anew each time passes all places that entries have left. */
  #hand: MapIterator<[K, CacheEntry<V>]> = this.#entries.entries();

  constructor(entriesMax: number, costMax = Number.POSITIVE_INFINITY) {
    this.#entriesMax = entriesMax;
    this.#costMax = costMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  /** Keeps `value`, unless it alone costs more than the cache may hold. */
  set(key: K, value: V, cost = 1): void {
    this.delete(key);
    if (cost > this.#costMax) return;
    this.#cost += cost;
    while (this.#entries.size >= this.#entriesMax || this.#cost > this.#costMax) this.#forgetOne();
    this.#entries.set(key, { value, cost, used: false });
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#cost -= entry.cost;
  }

  clear(): void {
    this.#entries.clear();
    this.#cost = 0;
  }

  #forgetOne(): void {
    for (;;) {
      const next = this.#hand.next();
      if (next.done === true) {
        if (this.#entries.size === 0) return;
        this.#hand = this.#entries.entries();
        continue;
      }
      const [key, entry] = next.value;
      this.#entries.delete(key);
      if (!entry.used) {
        this.#cost -= entry.cost;
        return;
      }
      entry.used = false;
      this.#entries.set(key, entry);
    }
  }
}
