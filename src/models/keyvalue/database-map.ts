/**
 * Which stored database each number that clients select stands for: SWAPDB exchanges two entries, and no key moves.
 *
 *   {prefix}/kv/ (-1) -> one byte per database: the number under which its keys are stored
 *
 * Absent until the first swap: then every number stands for itself. Documented in docs/formats/keyvalue.md.
 */

import type { Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key } from '../../storage/key-range.ts';
import type { Subspace } from '../../storage/keyspace.ts';

export function databaseMapKey(space: Subspace): Key {
  return space.key([-1n]);
}

export class DatabaseMap {
  /** The stored form. */
  readonly bytes: Bytes;

  /** @throws OperationError `corruption` when `bytes` are no permutation of the databases. */
  constructor(count: number, bytes: Bytes | undefined) {
    const numbers = bytes ?? Uint8Array.from({ length: count }, (_, number) => number);
    const isPermutation = numbers.length === count && new Set(numbers).size === count && Math.max(...numbers) < count;
    if (!isPermutation) throw new OperationError('corruption', 'the stored order of databases does not decode');
    this.bytes = numbers;
  }

  stored(database: number): number {
    return this.bytes[database]!;
  }

  swapped(a: number, b: number): DatabaseMap {
    const numbers = Uint8Array.from(this.bytes);
    numbers[a] = this.bytes[b]!;
    numbers[b] = this.bytes[a]!;
    return new DatabaseMap(numbers.length, numbers);
  }
}
