/**
 * The portals of a session by name.
 *
 * Most clients make one without a name for each statement, and end it with the next Sync: it has a place of its own, where
 * a map would be written twice for each of them, and grow and shrink with them.
 */

import type { Portal } from './portal.ts';

export class Portals implements Iterable<readonly [name: string, portal: Portal]> {
  #unnamed: Portal | undefined;
  readonly #named = new Map<string, Portal>();

  get size(): number {
    return this.#unnamed === undefined ? this.#named.size : this.#named.size + 1;
  }

  get(name: string): Portal | undefined {
    return name === '' ? this.#unnamed : this.#named.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  set(name: string, portal: Portal): void {
    if (name === '') this.#unnamed = portal;
    else this.#named.set(name, portal);
  }

  delete(name: string): void {
    if (name === '') this.#unnamed = undefined;
    else this.#named.delete(name);
  }

  *[Symbol.iterator](): Generator<readonly [name: string, portal: Portal]> {
    if (this.#unnamed !== undefined) yield ['', this.#unnamed];
    yield* this.#named;
  }

  /** The portals as they are now: more may be made and ended meanwhile. */
  values(): readonly Portal[] {
    if (this.#named.size === 0) return this.#unnamed === undefined ? NONE : [this.#unnamed];
    return Array.from(this, ([, portal]) => portal);
  }

  names(): readonly string[] {
    if (this.#named.size === 0) return this.#unnamed === undefined ? NO_NAMES : UNNAMED;
    return Array.from(this, ([name]) => name);
  }
}

const NONE: readonly Portal[] = [];
const NO_NAMES: readonly string[] = [];
const UNNAMED: readonly string[] = [''];
