/**
 * Entries of inverted indexes (USING gin). Documented in docs/formats/relational.md.
 *
 *   {prefix}/index/ (table id, index id, part, term, …primary key or row id)  -> empty
 *
 * A row has an entry for each term (inverted-terms.ts) of each part of the index, so that the rows that have a term stand together, in
 * the order of their keys: those that have several are where the lists of each meet.
 */

import type { Bytes } from '../../base/bytes.ts';
import { type Key, type KeyRange, prefixRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { KeyReader, type KeyWriter } from '../../storage/tuple.ts';
import { termsOf } from './inverted-terms.ts';
import type { RowKeys } from './keys.ts';
import { type ColumnValue, type Index, storageOf, type Table } from './table.ts';

/** Builds and reads the entries of one index. Not re-entrant, as `RowKeys`. */
export class InvertedKeys {
  readonly #index: Index;
  readonly #rowKeys: RowKeys;
  readonly #writer: KeyWriter;
  readonly #indexBytes: number;
  readonly #reader: KeyReader;

  constructor(keyspace: Keyspace, table: Table, index: Index, rowKeys: RowKeys) {
    this.#index = index;
    this.#rowKeys = rowKeys;
    this.#writer = keyspace.index.writer();
    this.#writer.reset().int(storageOf(table)).int(index.id);
    this.#indexBytes = this.#writer.length;
    this.#reader = new KeyReader(keyspace.index.prefix);
  }

  /** The keys of all entries of a row. @param values One for each part. @param rowKey Of the row. */
  keys(values: readonly ColumnValue[], rowKey: Key): readonly Key[] {
    const suffix = this.#rowKeys.suffixOf(rowKey);
    const keys: Key[] = [];
    for (let part = 0; part < values.length; part++) {
      for (const term of termsOf(this.#index.parts[part]!, values[part]!)) {
        keys.push(this.#write(part, term).literal(suffix).finish());
      }
    }
    return keys;
  }

  /** The entries of rows that have a term. @param from What tells the first row that is meant: `suffixOf` an entry. */
  range(part: number, term: number, from?: Bytes): KeyRange {
    const all = prefixRange(this.#write(part, term).finish());
    return from === undefined ? all : { ...all, start: this.#write(part, term).literal(from).finish() };
  }

  /** What an entry tells its row by: such bytes have the order of the keys of rows. A view of `key`. */
  suffixOf(key: Key): Bytes {
    const reader = this.#reader.reset(key, this.#indexBytes);
    reader.value();
    reader.value();
    return key.subarray(reader.offset);
  }

  rowKey(suffix: Bytes): Key {
    return this.#rowKeys.fromSuffix(suffix);
  }

  #write(part: number, term: number): KeyWriter {
    return this.#writer.truncate(this.#indexBytes).int(part).int(term);
  }
}
