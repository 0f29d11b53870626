/**
 * Which keys have values so long that everybody would wait for a read of one: RocksDB keeps a value in one block, which it reads
 * as a whole, and nothing tells its length before.
 *
 * Kept are hashes of keys, of what was applied and of what was read since the database was opened. One that is kept in vain
 * makes a read take a little longer and nothing else, so none is taken out; the oldest make room.
 */

import type { Bytes } from '../../base/bytes.ts';
import type { EngineBatch } from '../../storage/engine.ts';
import { hashKey } from '../../storage/key-hash.ts';
import type { Key } from '../../storage/key-range.ts';
import { operationKey, operationValueLength } from '../../storage/operations.ts';

/** A longer value takes milliseconds to be read. */
const LONG_BYTES_MIN = 4 * 1024 * 1024;
const KEYS_MAX = 65_536;

export class LongValues {
  readonly #hashes = new Set<number>();

  has(key: Key): boolean {
    return this.#hashes.size > 0 && this.#hashes.has(hashKey(key));
  }

  /** The place of the first of them; -1 where there is none. */
  firstOf(keys: readonly Key[]): number {
    return this.#hashes.size === 0 ? -1 : keys.findIndex((key) => this.#hashes.has(hashKey(key)));
  }

  /** @param value Null where it was too long to be read. */
  noteRead(key: Key, value: Bytes | undefined | null): void {
    if (value === null || (value !== undefined && value.length > LONG_BYTES_MIN)) this.#note(key);
  }

  noteApplied({ arena, operations, count }: EngineBatch): void {
    if (arena.length <= LONG_BYTES_MIN) return;
    for (let i = 0; i < count; i++) {
      const offset = operations[i]!;
      if (operationValueLength(arena, offset) > LONG_BYTES_MIN) this.#note(operationKey(arena, offset));
    }
  }

  #note(key: Key): void {
    const hash = hashKey(key);
    this.#hashes.delete(hash);
    this.#hashes.add(hash);
    if (this.#hashes.size > KEYS_MAX) this.#hashes.delete(this.#hashes.values().next().value!);
  }
}
