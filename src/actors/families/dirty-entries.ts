/**
 * The dirty entries of an arena in the order in which they became dirty: references, each at a place that its record knows.
 * One that is dirty no more leaves 0 behind, so that nothing has to be moved.
 */
export class DirtyEntries {
  /** Those that count lie from `from` to `to`. */
  #references = new Int32Array(256);
  #from = 0;
  #to = 0;
  #count = 0;
  /** Bytes of the records. */
  bytes = 0;

  get count(): number {
    return this.#count;
  }

  /** The first place that may be taken. */
  get from(): number {
    return this.#from;
  }

  /** Behind the last place that is taken. */
  get to(): number {
    return this.#to;
  }

  /** The reference at a place; 0 where the entry is dirty no more. */
  at(place: number): number {
    return this.#references[place]!;
  }

  /**
   * Adds an entry behind all others. @param onMove Is told which references have got which places, where they have to move
   * together. @returns its place.
   */
  add(reference: number, onMove: (reference: number, place: number) => void): number {
    if (this.#to === this.#references.length) this.#makeRoom(onMove);
    this.#references[this.#to] = reference;
    this.#count++;
    return this.#to++;
  }

  /** The entry at a place has another reference by now. */
  replace(place: number, reference: number): void {
    this.#references[place] = reference;
  }

  /** The entry at a place is dirty no more. */
  remove(place: number): void {
    this.#references[place] = 0;
    this.#count--;
  }

  /** None is left before `mark`. */
  dropBefore(mark: number): void {
    this.#from = mark;
    if (this.#count === 0) this.clear();
  }

  clear(): void {
    this.#from = 0;
    this.#to = 0;
    this.#count = 0;
    this.bytes = 0;
  }

  #makeRoom(onMove: (reference: number, place: number) => void): void {
    const old = this.#references;
    const into = this.#count * 2 > old.length ? new Int32Array(old.length * 2) : old;
    let to = 0;
    for (let place = this.#from; place < this.#to; place++) {
      const reference = old[place]!;
      if (reference === 0) continue;
      onMove(reference, to);
      into[to++] = reference;
    }
    this.#references = into;
    this.#from = 0;
    this.#to = to;
  }
}
