/**
 * Chance that can be repeated: sfc32, a small generator that passes the usual batteries, seeded from any text or number.
 *
 * Not for secrets. `fork` gives independent streams by name, so that one component drawing more numbers does not shift
 * what another one draws. (Chris Doty-Humphrey, PractRand; the seeding is the 128-bit hash "cyrb128".)
 */

import { assert } from '../../base/assert.ts';
import type { Random } from '../platform.ts';

export class SeededRandom implements Random {
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number | string) {
    this.seed = String(seed);
    [this.#a, this.#b, this.#c, this.#d] = hash128(this.seed);
    for (let i = 0; i < 12; i++) this.#next();
  }

  float(): number {
    return this.#next() / 2 ** 32;
  }

  int(bound: number): number {
    assert(bound >= 1 && bound <= 2 ** 32, () => `a random integer below ${bound}`);
    return Math.floor(this.float() * bound);
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.#next();
    return bytes;
  }

  uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40; // Version 4, RFC 9562.
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = Buffer.from(bytes.buffer).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  /** True with that probability. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** Uniform in [min, max), fractions included. */
  between(min: number, max: number): number {
    return min + this.float() * (max - min);
  }

  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'picking from nothing');
    return items[this.int(items.length)]!;
  }

  /** An independent generator; the same name gives the same one again. */
  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${name}`);
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

function hash128(text: string): [number, number, number, number] {
  let [h1, h2, h3, h4] = [1779033703, 3144134277, 1013904242, 2773480762];
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    h1 = h2 ^ Math.imul(h1 ^ k, 597399067);
    h2 = h3 ^ Math.imul(h2 ^ k, 2869860233);
    h3 = h4 ^ Math.imul(h3 ^ k, 951274213);
    h4 = h1 ^ Math.imul(h4 ^ k, 2716044179);
  }
  h1 = Math.imul(h3 ^ (h1 >>> 18), 597399067);
  h2 = Math.imul(h4 ^ (h2 >>> 22), 2869860233);
  h3 = Math.imul(h1 ^ (h3 >>> 17), 951274213);
  h4 = Math.imul(h2 ^ (h4 >>> 19), 2716044179);
  return [h1 ^ h2 ^ h3 ^ h4, h2 ^ h1, h3 ^ h1, h4 ^ h1];
}
