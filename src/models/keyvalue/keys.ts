/**
 * Where the key-value model keeps its data. Listed in docs/formats/keyvalue.md.
 *
 *   {prefix}/kv/ (database, redisKey) -> type, expiry, inline value
 *   {prefix}/kv/ (-1)                 -> the order of databases, see `database-map.ts`
 *
 * The prefix and the model's name are literal text; what follows is a tuple (`storage/tuple.ts`), so that a collection
 * can later keep its parts behind its own key.
 */

import { type Bytes, copyBytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import { prefixRange } from '../../storage/key-range.ts';
import type { Subspace } from '../../storage/keyspace.ts';
import { KEY_BYTES_MAX } from '../../storage/store.ts';
import { KeyReader, KeyWriter } from '../../storage/tuple.ts';

/** Databases that SELECT can choose. */
export const DATABASES = 16;

/** What ends a byte string within a tuple. */
const TERMINATOR_BYTES = 2;

/** The keys of one database. Holds a buffer that every `encode` writes again, so one instance serves one thread of work. */
export class DatabaseKeys {
  /** All keys of the database. */
  readonly range: KeyRange;
  readonly #writer: KeyWriter;
  readonly #reader: KeyReader;
  readonly #headBytes: number;

  /** @param space `Keyspace.kv`. */
  constructor(space: Subspace, database: number) {
    const head = space.writer().int(database).finish();
    this.range = prefixRange(head);
    this.#writer = new KeyWriter(head);
    this.#reader = new KeyReader(head);
    this.#headBytes = head.length;
  }

  /**
   * The stored key of the Redis key in `bytes[start, end)`, in place: valid until the next call.
   * @throws OperationError `too_large` beyond `KEY_BYTES_MAX` (each zero byte of the key counts twice).
   */
  encode(bytes: Bytes, start = 0, end = bytes.length): Key {
    const writer = this.#writer.reset().bytes(bytes, start, end);
    if (writer.length > KEY_BYTES_MAX) {
      throw new OperationError('too_large', `key of ${end - start} bytes exceeds the limit of the store`, {
        hint: `A stored key has at most ${KEY_BYTES_MAX} bytes; some 20 of them are overhead.`,
      });
    }
    return writer.view();
  }

  /** The stored keys whose Redis keys begin with `prefix`. */
  rangeOf(prefix: Bytes): KeyRange {
    const key = this.#writer.reset().bytes(prefix).view();
    return prefixRange(copyBytes(key.subarray(0, key.length - TERMINATOR_BYTES)));
  }

  /** The Redis key of a stored one of this database; a copy. @throws OperationError `corruption`. */
  decode(key: Key): Bytes {
    return this.#reader.reset(key, this.#headBytes).bytes();
  }
}
