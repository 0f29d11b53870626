/** The wanted rows of known keys, read many together, in the order given. Of a key that is not there, nothing comes. */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import { type Bytes, compareBytes, equalBytes } from '../../../base/bytes.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import type { RowReader } from './row-reader.ts';

/** Rows that are read together. */
export const KEYS_AT_ONCE = 256;

export class KeyedRows implements Operator {
  readonly #reader: RowReader;
  readonly #context: ExecutionContext;
  #keys: readonly Key[];
  #position = 0;

  constructor(keys: readonly Key[], reader: RowReader, context: ExecutionContext) {
    this.#keys = keys;
    this.#reader = reader;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    for (;;) {
      const pause = this.#context.pause();
      const batch = pause === undefined ? this.#read() : pause.then(() => this.#read());
      if (isPromise(batch)) return batch.then((late) => (late?.length === 0 ? this.next() : late));
      if (batch === undefined || batch.length > 0) return batch;
    }
  }

  close(): void {
    this.#keys = [];
  }

  #read(): Awaitable<RowBatch | undefined> {
    const keys = this.#keys.slice(this.#position, this.#position + KEYS_AT_ONCE);
    if (keys.length === 0) return undefined;
    this.#position += keys.length;
    const values = this.#context.batchGet(keys);
    return isPromise(values) ? values.then((late) => this.#rows(keys, late)) : this.#rows(keys, values);
  }

  #rows(keys: readonly Key[], values: readonly (Bytes | undefined)[]): RowBatch {
    const rows: ExecutionRow[] = [];
    for (let i = 0; i < keys.length; i++) {
      const value = values[i];
      const row = value && this.#reader.read(keys[i]!, value);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }
}

/** Sorts `keys` in place. @returns each of them once, ascending. */
export function distinctKeys(keys: Key[]): readonly Key[] {
  keys.sort(compareBytes);
  return keys.filter((key, i) => i === 0 || !equalBytes(key, keys[i - 1]!));
}
