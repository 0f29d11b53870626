/**
 * Puts of keys that are thought to be new, side by side in ascending order: how a statement that writes many rows hands them
 * to a transaction (see `Transaction.putAllNew`). Holds where each lies and the hash of its key; reused from one to the next.
 *
 * They are looked for by hash in what is in memory. Of what lies below that, the span from the first key to the last is
 * asked for as a whole: whoever appends to a table finds it empty.
 */

import { assert } from '../base/assert.ts';
import { asBuffer, type Bytes, EMPTY_BYTES, keySuccessor } from '../base/bytes.ts';
import { hashKey } from './key-hash.ts';
import type { Key, KeyRange } from './key-range.ts';
import type { Memtable } from './memtable.ts';
import { OPERATION_HEADER_BYTES, operationEnd, operationKey, operationKeyLength } from './operations.ts';

const ENTRIES_FIRST = 1_024;

export class NewEntries {
  bytes: Buffer = asBuffer(EMPTY_BYTES);
  count = 0;
  /** Of each operation in `bytes`. */
  offsets = new Int32Array(ENTRIES_FIRST);
  hashes = new Int32Array(ENTRIES_FIRST);

  /** @returns false where the keys do not ascend. */
  read(operations: Bytes): boolean {
    const bytes = asBuffer(operations);
    this.bytes = bytes;
    this.count = 0;
    let before = -1;
    for (let offset = 0; offset < bytes.length; offset = operationEnd(bytes, offset)) {
      if (before >= 0 && !ascends(bytes, before, offset)) return false;
      if (this.count === this.offsets.length) this.#grow();
      const start = offset + OPERATION_HEADER_BYTES;
      this.offsets[this.count] = offset;
      this.hashes[this.count] = hashKey(bytes, start, start + operationKeyLength(bytes, offset));
      this.count++;
      before = offset;
    }
    return true;
  }

  /** Lets go of the memory of others. */
  clear(): void {
    this.bytes = asBuffer(EMPTY_BYTES);
    this.count = 0;
  }

  /** A view, until `clear`. */
  keyAt(index: number): Key {
    assert(index < this.count, 'an entry that is there');
    return operationKey(this.bytes, this.offsets[index]!);
  }

  /** From the first key to the last. */
  get span(): KeyRange {
    return { start: this.keyAt(0), end: keySuccessor(this.keyAt(this.count - 1)) };
  }

  /** Whether the memtable says anything of any of the keys. */
  anyIn(memtable: Memtable): boolean {
    if (memtable.keyCount === 0) return false;
    const { bytes, offsets, hashes, count } = this;
    for (let i = 0; i < count; i++) if (memtable.findOperation(bytes, offsets[i]!, hashes[i]!) >= 0) return true;
    return false;
  }

  #grow(): void {
    const offsets = new Int32Array(this.offsets.length * 2);
    offsets.set(this.offsets);
    this.offsets = offsets;
    const hashes = new Int32Array(this.hashes.length * 2);
    hashes.set(this.hashes);
    this.hashes = hashes;
  }
}

/** Whether the key of the operation at `a` is less than that at `b`. */
function ascends(bytes: Buffer, a: number, b: number): boolean {
  const lengthA = operationKeyLength(bytes, a);
  const lengthB = operationKeyLength(bytes, b);
  const shorter = Math.min(lengthA, lengthB);
  const startA = a + OPERATION_HEADER_BYTES;
  const startB = b + OPERATION_HEADER_BYTES;
  for (let i = 0; i < shorter; i++) {
    const order = bytes[startA + i]! - bytes[startB + i]!;
    if (order !== 0) return order < 0;
  }
  return lengthA < lengthB;
}
