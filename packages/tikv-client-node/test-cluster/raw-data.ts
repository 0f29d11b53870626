/** RawKV of a cluster: one map, expiry by the cluster's clock, checksums as TiKV computes them. */

import { type KeyText, keyBytes } from '../src/bytes.ts';
import type { Environment } from '../src/environment.ts';
import { crc64 } from './crc64.ts';
import { OrderedMap } from './ordered-map.ts';

interface Entry {
  readonly value: Buffer;
  /** Wall seconds; undefined: never. */
  readonly expiresAt: number | undefined;
}

export class RawData {
  readonly #entries = new OrderedMap<Entry>();
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get(key: KeyText): Buffer | undefined {
    return this.#live(this.#entries.get(key))?.value;
  }

  /** `ttl` in seconds; 0: for ever. */
  put(key: KeyText, value: Uint8Array, ttl: bigint): void {
    const expiresAt = ttl === 0n ? undefined : this.#nowSeconds() + Number(ttl);
    this.#entries.set(key, { value: Buffer.from(value), expiresAt });
  }

  delete(key: KeyText): void {
    this.#entries.delete(key);
  }

  /** Seconds left, 0 for ever; undefined when absent. */
  ttl(key: KeyText): bigint | undefined {
    const entry = this.#live(this.#entries.get(key));
    if (entry === undefined) return undefined;
    return entry.expiresAt === undefined ? 0n : BigInt(entry.expiresAt - this.#nowSeconds());
  }

  *range(start: KeyText, end: KeyText, reverse: boolean): Generator<[KeyText, Buffer]> {
    for (const [key, entry] of this.#entries.range(start, end, reverse)) {
      if (this.#live(entry) !== undefined) yield [key, entry.value];
    }
  }

  deleteRange(start: KeyText, end: KeyText): void {
    for (const key of [...this.#entries.range(start, end)].map(([one]) => one)) this.#entries.delete(key);
  }

  checksum(start: KeyText, end: KeyText): { checksum: bigint; totalKvs: bigint; totalBytes: bigint } {
    let [checksum, totalKvs, totalBytes] = [0n, 0n, 0n];
    for (const [key, value] of this.range(start, end, false)) {
      const bytes = keyBytes(key);
      checksum ^= crc64(Buffer.concat([bytes, value]));
      totalKvs += 1n;
      totalBytes += BigInt(bytes.length + value.length);
    }
    return { checksum, totalKvs, totalBytes };
  }

  #live(entry: Entry | undefined): Entry | undefined {
    return entry?.expiresAt !== undefined && entry.expiresAt <= this.#nowSeconds() ? undefined : entry;
  }

  #nowSeconds(): number {
    return Math.floor(this.#environment.clock.nowMs() / 1000);
  }
}
