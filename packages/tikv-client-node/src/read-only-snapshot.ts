/** A snapshot in terms of bytes, behind the prefix of a keyspace. */

import { type KeyText, keyText, prefixEnd } from './bytes.ts';
import type { Pair, ScanOptions, Snapshot } from './snapshot.ts';

export interface ReadOnlySnapshot {
  readonly readTs: bigint;
  get(key: Uint8Array): Promise<Buffer | undefined>;
  /** Values in the order of `keys`. */
  batchGet(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  /** Pairs of [start, end) in order, an empty end being unbounded. */
  scan(start: Uint8Array, end: Uint8Array, options?: ScanOptions): AsyncGenerator<(readonly [Buffer, Buffer])[]>;
}

export function readOnly(snapshot: Snapshot, prefix: KeyText): ReadOnlySnapshot {
  const keyOf = (key: Uint8Array) => prefix + keyText(key);
  return {
    readTs: snapshot.readTs,
    get: (key) => snapshot.get(keyOf(key)),
    async batchGet(keys) {
      const texts = keys.map(keyOf);
      const found = await snapshot.batchGet(texts);
      return texts.map((key) => found.get(key));
    },
    async *scan(start, end, scanOptions) {
      const high = end.length === 0 ? prefixEnd(prefix) : keyOf(end);
      for await (const batch of snapshot.scan(keyOf(start), high, scanOptions)) {
        yield batch.map(([key, value]: Pair) => [Buffer.from(key.slice(prefix.length), 'latin1'), value] as const);
      }
    },
  };
}
