/** One native iterator over all that there was when it was opened, lent to one cursor of a view after the other. */

import { type Bytes, equalBytes } from '../../base/bytes.ts';
import type { Version } from '../../storage/store.ts';
import {
  type DatabaseContext,
  decodePosition,
  END_KEY,
  type IteratorContext,
  type IteratorOptions,
  POSITION_KEY,
  type RocksDbBinding,
} from './binding.ts';

const SCAN_BYTES_MAX = 1024 * 1024;

/** What is read forward: all of it, as bytes. */
export const FORWARD: IteratorOptions = {
  reverse: false,
  keys: true,
  values: true,
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  highWaterMarkBytes: SCAN_BYTES_MAX,
  fillCache: true,
};

/** One iterator over everything, lent to one cursor after the other. */
export class SharedIterator {
  readonly #binding: RocksDbBinding;
  readonly #iterator: IteratorContext;
  /** Whoever may go on without a seek. */
  #user: object | undefined;

  constructor(
    binding: RocksDbBinding,
    database: DatabaseContext,
    { reverse = false, fillCache = true }: { readonly reverse?: boolean; readonly fillCache?: boolean } = {},
  ) {
    this.#binding = binding;
    // Without that bound it would copy the end keys, which are long, for everybody who reads to the end of all.
    this.#iterator = binding.iterator_init(
      database,
      reverse ? { ...FORWARD, reverse } : { ...FORWARD, fillCache, lt: END_KEY },
    );
  }

  /** The position of the last applied batch that this iterator sees. */
  position(): Version {
    this.#user = undefined;
    this.#binding.iterator_seek(this.#iterator, POSITION_KEY);
    const { rows } = this.#binding.iterator_nextv_sync(this.#iterator, 1);
    const key = rows[0];
    return key !== undefined && equalBytes(key, POSITION_KEY) ? decodePosition(rows[1]) : 0;
  }

  /** Up to `count` entries from `target` on; `user` goes on where it stopped if nobody else came between. */
  read(user: object, target: Bytes, count: number): { readonly rows: readonly Bytes[]; readonly finished: boolean } {
    if (this.#user !== user) this.#binding.iterator_seek(this.#iterator, target);
    this.#user = user;
    return this.#binding.iterator_nextv_sync(this.#iterator, count);
  }

  close(): void {
    this.#binding.iterator_close(this.#iterator);
  }
}
