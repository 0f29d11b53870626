/**
 * SCAN's cursors: where a walk over keys in the order of their bytes goes on.
 *
 * A cursor is a number below 2^52 (clients parse 64 bits, and some JavaScript numbers), and a place is a key of up to 65 kB:
 * so the cursor is a hash of the last key returned, and needs no memory to be understood. A table of the latest ones
 * makes it fast. A cursor that has left the table (or comes from before a restart) is looked for by a walk over the
 * database; when its key is gone as well, the scan begins anew. In every case a key that is present throughout is
 * returned; some may be returned twice, as in Redis.
 */

import { hash } from 'node:crypto';
import { copyBytes } from '../../base/bytes.ts';
import { findKey, type Walked } from '../../models/keyvalue/walk.ts';
import { type Key, rangeContains } from '../../storage/key-range.ts';

const PLACES_MAX = 4_096;
const PLACES_BYTES_MAX = 1024 * 1024;

export class ScanCursors {
  /** Least recently used first. */
  readonly #places = new Map<number, Key>();
  #bytes = 0;

  /** A cursor that means "behind the stored key". */
  remember(last: Key): number {
    const cursor = cursorOf(last);
    this.#forget(cursor);
    this.#places.set(cursor, copyBytes(last));
    this.#bytes += last.length;
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= PLACES_MAX && this.#bytes <= PLACES_BYTES_MAX) break;
      this.#forget(oldest);
    }
    return cursor;
  }

  /** The stored key behind which the scan goes on; undefined for the beginning. */
  placeOf(cursor: number | bigint, on: Walked): Key | undefined | Promise<Key | undefined> {
    if (cursor === 0) return undefined;
    const known = this.#places.get(Number(cursor));
    if (known !== undefined) return rangeContains(on.keys.range, known) ? known : undefined;
    if (cursor < 0 || cursor >= 2 ** 52) return undefined; // Never given out.
    return findKey(on, (key) => cursorOf(key) === cursor);
  }

  #forget(cursor: number): void {
    const place = this.#places.get(cursor);
    if (place === undefined) return;
    this.#places.delete(cursor);
    this.#bytes -= place.length;
  }
}

/** 52 bits of a hash that nobody can aim at, and never 0. */
function cursorOf(key: Key): number {
  const digest = hash('sha256', key, 'buffer');
  return digest.readUIntBE(0, 6) * 16 + (digest[6]! & 0xf) || 1;
}
