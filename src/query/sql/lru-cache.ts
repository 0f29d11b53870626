/**
 * A map that forgets what was used least recently, bounded in entries and in the sum of their costs.
 *
 * `Map` keeps insertion order, so the oldest entry is its first; a hit moves the entry to the end.
 */

export class LruCache<K, V> {
  readonly #entries = new Map<K, { readonly value: V; readonly cost: number }>();
  readonly #entriesMax: number;
  readonly #costMax: number;
  #cost = 0;
  #newest: K | undefined;

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
    if (this.#newest !== key) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      this.#newest = key;
    }
    return entry.value;
  }

  /** Keeps `value`, unless it alone costs more than the cache may hold. */
  set(key: K, value: V, cost = 1): void {
    this.delete(key);
    if (cost > this.#costMax) return;
    this.#entries.set(key, { value, cost });
    this.#cost += cost;
    this.#newest = key;
    while (this.#entries.size > this.#entriesMax || this.#cost > this.#costMax) {
      this.delete(this.#entries.keys().next().value as K);
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#cost -= entry.cost;
    if (this.#newest === key) this.#newest = undefined;
  }

  clear(): void {
    this.#entries.clear();
    this.#cost = 0;
    this.#newest = undefined;
  }
}
