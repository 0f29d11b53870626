/** Writes of an owner that nobody contests, gathered in the byte form of the log and ordered as one commit. */

import type { Bytes } from '../base/bytes.ts';
import { printable } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import { checkKey, keysIn } from './key-limits.ts';
import { isEmptyRange, type Key, type KeyRange } from './key-range.ts';
import type { LocalStore } from './local-store.ts';
import {
  DELETE,
  DELETE_FROM,
  DELETE_RANGE,
  type OperationKind,
  operationBytes,
  operationEnd,
  operationKey,
  operationKind,
  operationRange,
  PUT,
  writeOperation,
} from './operations.ts';
import { type Commit, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX, type WriteBatch } from './store.ts';

const BYTES_FIRST = 256;
/** A buffer that grew larger is not kept for the next commit. */
const BYTES_KEPT = 1024 * 1024;

export class LocalWriteBatch implements WriteBatch {
  count = 0;
  readonly #store: LocalStore;
  #bytes = Buffer.allocUnsafe(BYTES_FIRST);
  #used = 0;

  constructor(store: LocalStore) {
    this.#store = store;
  }

  put(key: Key, value: Bytes): void {
    this.putPart(key, value, 0, value.length);
  }

  putPart(key: Key, from: Bytes, start: number, end: number): void {
    if (end - start > VALUE_BYTES_MAX) {
      throw new OperationError('too_large', `a value of ${end - start} bytes exceeds the limit of ${VALUE_BYTES_MAX}`);
    }
    checkKey(key);
    this.#append(PUT, key, from, start, end);
  }

  delete(key: Key): void {
    checkKey(key);
    this.#append(DELETE, key, undefined, 0, 0);
  }

  deleteRange(range: KeyRange): void {
    const { start, end } = keysIn(range);
    if (isEmptyRange({ start, end })) return;
    this.#append(end === undefined ? DELETE_FROM : DELETE_RANGE, start, end, 0, end?.length ?? 0);
  }

  commit(): Commit {
    if (this.count === 0) return { version: this.#store.version };
    if (this.#store.locks.count > 0) this.#checkLocks();
    const version = this.#store.order(this.#bytes, this.#used, this.#store.durability);
    this.#used = 0;
    this.count = 0;
    if (this.#bytes.length > BYTES_KEPT) this.#bytes = Buffer.allocUnsafe(BYTES_FIRST);
    return { version };
  }

  #append(kind: OperationKind, key: Key, value: Bytes | undefined, start: number, end: number): void {
    const bytes = operationBytes(key.length, end - start);
    if (this.#used + bytes > this.#bytes.length) this.#grow(bytes);
    this.#used = writeOperation(this.#bytes, this.#used, kind, key, value, start, end);
    this.count++;
  }

  #grow(bytes: number): void {
    if (this.#used + bytes > TRANSACTION_BYTES_MAX) {
      throw new OperationError('too_large', `the writes of one commit exceed ${TRANSACTION_BYTES_MAX} bytes`);
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#used + bytes, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }

  #checkLocks(): void {
    for (let offset = 0; offset < this.#used; offset = operationEnd(this.#bytes, offset)) {
      const locked =
        operationKind(this.#bytes, offset) <= DELETE
          ? this.#lockedKey(operationKey(this.#bytes, offset))
          : this.#store.locks.lockedByOtherIn(operationRange(this.#bytes, offset), undefined);
      if (locked !== undefined) {
        throw new OperationError('transaction_conflict', `key ${printable(locked)} is locked by a transaction`, {
          hint: 'Lock it in a transaction, which waits for its turn.',
        });
      }
    }
  }

  #lockedKey(key: Key): Key | undefined {
    return this.#store.locks.isLockedByOther(key, undefined) ? key : undefined;
  }
}
