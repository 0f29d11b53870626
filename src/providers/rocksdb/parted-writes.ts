/**
 * Writes of values in parts (`parted-values.ts`), on the thread that applies batches.
 *
 * Parts go to the database ahead of their batch, which makes them a value of its key, in the step that makes all else in it so:
 * nobody sees one without the other. What a batch that never came has left is found by its note at the next attempt or start.
 */

import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { hashKey } from '../../storage/key-hash.ts';
import type { BatchContext, DatabaseContext, RocksDbBinding } from './binding.ts';
import {
  AHEAD_END,
  AHEAD_START,
  aheadKey,
  decodeStub,
  encodeStub,
  idWrittenAhead,
  PART_BYTES,
  PARTED_BYTES_MIN,
  partKey,
  partsOf,
  STUBS_START,
  stubKey,
} from './parted-values.ts';
import { FORWARD } from './shared-iterator.ts';

/** Parts that are written to RocksDB together. */
const PARTS_WRITTEN_AT_ONCE = 4;
const ROWS_AT_ONCE = 1_000;

export class PartedWrites {
  readonly #binding: RocksDbBinding;
  readonly #database: DatabaseContext;
  /** Hashes of keys whose values are, or were, in parts: others need not be looked for. */
  readonly #hashes = new Set<number>();
  #nextId = 1n;
  /** Something may be written ahead of a batch that is not written yet. */
  #isAhead = false;
  /** Parts on their way, in memory that is used again. */
  readonly #parts: BatchContext;

  constructor(binding: RocksDbBinding, database: DatabaseContext) {
    this.#binding = binding;
    this.#database = database;
    this.#parts = binding.batch_init();
    for (const [key, stub] of this.#rows(STUBS_START, AHEAD_START)) {
      this.#hashes.add(hashKey(key, STUBS_START.length));
      this.#noteId(decodeStub(stub).id);
    }
    for (const id of this.#idsAhead()) {
      this.#isAhead = true;
      this.#noteId(id);
    }
  }

  #noteId(id: bigint): void {
    if (id >= this.#nextId) this.#nextId = id + 1n;
  }

  /**
   * Before a batch is filled: gives up what was written for one that never came. The notes tell which that is: a batch whose write
   * failed may be found in RocksDB's log when that is opened again, and its values are in use then.
   */
  begin(): void {
    if (!this.#isAhead) return;
    const batch = this.#parts;
    for (const id of this.#idsAhead()) {
      this.#binding.batch_clear(batch);
      for (const [key] of this.#rows(partKey(id, 0), partKey(id + 1n, 0), false))
        this.#binding.batch_del(batch, key, undefined);
      this.#binding.batch_del(batch, aheadKey(id), undefined);
      this.#binding.batch_write(this.#database, batch, { sync: false });
    }
    this.#isAhead = false;
  }

  #idsAhead(): readonly bigint[] {
    return Array.from(this.#rows(AHEAD_START, AHEAD_END, false), ([key]) => idWrittenAhead(key));
  }

  /** The batch that `put`, `drop` and `dropRange` have added to is written. */
  end(): void {
    this.#isAhead = false;
  }

  isLong(value: Bytes): boolean {
    return value.length > PARTED_BYTES_MIN;
  }

  /** Writes a long value ahead, and has `batch` make it the value of a key. */
  put(batch: BatchContext, key: Bytes, value: Bytes): void {
    this.drop(batch, key);
    const binding = this.#binding;
    const id = this.#nextId++;
    this.#isAhead = true;
    const parts = this.#parts;
    binding.batch_clear(parts);
    binding.batch_put(parts, aheadKey(id), EMPTY_BYTES, undefined);
    const parted = { id, length: value.length };
    const count = partsOf(parted);
    for (let number = 0; number < count; number++) {
      const part = value.subarray(number * PART_BYTES, (number + 1) * PART_BYTES);
      binding.batch_put(parts, partKey(id, number), part, undefined);
      if ((number + 1) % PARTS_WRITTEN_AT_ONCE > 0 && number + 1 < count) continue;
      binding.batch_write(this.#database, parts, { sync: false });
      binding.batch_clear(parts);
    }
    const stub = encodeStub(parted);
    binding.batch_put(batch, key, stub, undefined);
    binding.batch_put(batch, stubKey(key), stub, undefined);
    binding.batch_del(batch, aheadKey(id), undefined);
    this.#hashes.add(hashKey(key));
  }

  /** Has `batch`, which writes or deletes a key, delete the parts of its value. */
  drop(batch: BatchContext, key: Bytes): void {
    if (this.#hashes.size === 0 || !this.#hashes.has(hashKey(key))) return;
    const named = stubKey(key);
    const stub = this.#binding.db_get_many_sync(this.#database, [named], undefined)[0];
    if (stub !== undefined && stub !== null) this.#dropParts(batch, named, stub);
  }

  /** As `drop`, of all keys in a range. */
  dropRange(batch: BatchContext, start: Bytes, end: Bytes | undefined): void {
    if (this.#hashes.size === 0) return;
    const to = end === undefined ? AHEAD_START : stubKey(end);
    for (const [named, stub] of this.#rows(stubKey(start), to)) this.#dropParts(batch, named, stub);
  }

  #dropParts(batch: BatchContext, named: Bytes, stub: Bytes): void {
    const parted = decodeStub(stub);
    const count = partsOf(parted);
    for (let number = 0; number < count; number++) {
      this.#binding.batch_del(batch, partKey(parted.id, number), undefined);
    }
    this.#binding.batch_del(batch, named, undefined);
  }

  /** Keys and values of a range; without values where they are not wanted. */
  *#rows(start: Bytes, end: Bytes, values = true): Generator<readonly [Bytes, Bytes]> {
    const iterator = this.#binding.iterator_init(this.#database, {
      ...FORWARD,
      values,
      fillCache: false,
      gte: start,
      lt: end,
    });
    try {
      for (;;) {
        const { rows, finished } = this.#binding.iterator_nextv_sync(iterator, ROWS_AT_ONCE);
        for (let i = 0; i < rows.length; i += 2) yield [rows[i]!, rows[i + 1] ?? EMPTY_BYTES];
        if (finished || rows.length === 0) return;
      }
    } finally {
      this.#binding.iterator_close(iterator);
    }
  }
}
