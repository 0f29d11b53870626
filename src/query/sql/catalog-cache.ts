/**
 * Tables by name as of the newest commit, so that planning reads no keys.
 *
 * The store tells of every commit that touches the catalog before anyone can observe it; the cache then forgets all it
 * knows and begins a new generation. A plan is good for as long as the generation it was made in.
 */

import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import { readTable } from '../../models/relational/catalog.ts';
import { RowCodec } from '../../models/relational/row-codec.ts';
import type { Table } from '../../models/relational/table.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Store, Transaction } from '../../storage/store.ts';
import { LruCache } from './lru-cache.ts';

const TABLES_MAX = 10_000;

/** A table and what reads and writes its rows. */
export interface CatalogTable {
  readonly table: Table;
  readonly codec: RowCodec;
}

export class CatalogCache {
  readonly #store: Store;
  readonly #keyspace: Keyspace;
  readonly #tables = new LruCache<string, CatalogTable | 'absent'>(TABLES_MAX);
  readonly #stopWatching: () => void;
  #generation = 1;

  constructor(store: Store, keyspace: Keyspace) {
    this.#store = store;
    this.#keyspace = keyspace;
    this.#stopWatching = store.watch(keyspace.catalog.range(), () => {
      this.#generation++;
      this.#tables.clear();
    });
  }

  /** Grows with every committed change of the schema. */
  get generation(): number {
    return this.#generation;
  }

  /** The committed table of that name; undefined when there is none. */
  find(name: string): Awaitable<CatalogTable | undefined> {
    const known = this.#tables.get(name);
    if (known !== undefined) return known === 'absent' ? undefined : known;
    const generation = this.#generation;
    return whenReady(readTable(this.#store, this.#keyspace, name), (table) => {
      const found = table && this.#open(table);
      if (generation === this.#generation) this.#tables.set(name, found ?? 'absent');
      return found;
    });
  }

  /** The table as `transaction` sees it, its own schema changes included. */
  findWithin(transaction: Transaction, name: string): Awaitable<CatalogTable | undefined> {
    return whenReady(readTable(transaction, this.#keyspace, name), (table) => table && this.#open(table));
  }

  close(): void {
    this.#stopWatching();
    this.#tables.clear();
  }

  #open(table: Table): CatalogTable {
    return { table, codec: new RowCodec(this.#keyspace, table) };
  }
}
