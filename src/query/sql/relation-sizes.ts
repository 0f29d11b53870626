/**
 * How many bytes relations take: of keys and values, before the provider compresses them. What has few entries is counted;
 * of the others the first entries are, and the statistics say how many there are.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { entriesOf } from '../../models/relational/index-keys.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import type { Transaction } from '../../storage/store.ts';
import type { CatalogTable } from './catalog-cache.ts';
import type { Interrupts } from './interrupts.ts';
import type { SqlEngine } from './sql-engine.ts';
import type { TransactionBlock } from './transaction-block.ts';

/** Entries of one relation that are looked at. */
const ENTRIES_MAX = 4_096;

/** Rows, indexes, or both; a relation that is an index has but itself. */
export type SizePart = 'main' | 'indexes' | 'all';

/** What functions ask for. */
export interface SizeAccess {
  /** Null for what is no relation. */
  relation(oid: number, part: SizePart): Awaitable<bigint | null>;
  database(): Awaitable<bigint>;
}

export class RelationSizes implements SizeAccess {
  readonly #engine: SqlEngine;
  readonly #block: Pick<TransactionBlock, 'objects'>;
  readonly #interrupts: Interrupts;

  constructor(engine: SqlEngine, block: Pick<TransactionBlock, 'objects'>, interrupts: Interrupts) {
    this.#engine = engine;
    this.#block = block;
    this.#interrupts = interrupts;
  }

  async relation(oid: number, part: SizePart): Promise<bigint | null> {
    const objects = this.#block.objects!;
    const table = objects.relations.find((each) => each.table.id === oid);
    if (table?.table.view !== undefined && table.table.view.populated === undefined) return 0n;
    if (table !== undefined) return this.#read((reader) => this.#ofTable(table, part, reader));
    const found = objects.indexes.find((each) => each.oid === oid);
    // Sequences, and what is computed, take nothing to speak of.
    if (found === undefined) return objects.nameOf('regclass', oid) === undefined ? null : 0n;
    // A primary key that rows are found by is the rows.
    const { index } = found;
    if (index === undefined || part === 'indexes') return 0n;
    return this.#read((reader) =>
      this.#ofRange(entriesOf(this.#engine.keyspace, found.table.table, index), oid, reader),
    );
  }

  database(): Promise<bigint> {
    return this.#read(async (reader) => {
      let bytes = 0n;
      for (const table of this.#block.objects!.tables) bytes += await this.#ofTable(table, 'all', reader);
      return bytes;
    });
  }

  async #ofTable({ table, codec }: CatalogTable, part: SizePart, reader: Transaction): Promise<bigint> {
    const rows = part === 'indexes' ? 0n : await this.#ofRange(codec.keys.range([]), table.id, reader);
    if (part === 'main') return rows;
    let bytes = rows;
    for (const index of table.indexes ?? []) {
      bytes += await this.#ofRange(entriesOf(this.#engine.keyspace, table, index), table.id, reader);
    }
    return bytes;
  }

  /** @param id Of whom the statistics tell how many there are. */
  async #ofRange(range: KeyRange, id: number, reader: Transaction): Promise<bigint> {
    const cursor = reader.scan(range, { limit: ENTRIES_MAX });
    let entries = 0;
    let bytes = 0;
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { key, value } of batch) bytes += key.length + value.length;
        entries += batch.length;
        const pause = this.#interrupts.pause();
        if (pause !== undefined) await pause;
      }
    } finally {
      cursor.close();
    }
    const known = this.#engine.statistics.rowsOf(id as CatalogTable['table']['id']);
    const scale = entries < ENTRIES_MAX ? 1 : Math.max(1, known / entries);
    return BigInt(Math.round(bytes * scale));
  }

  async #read<T>(work: (reader: Transaction) => Promise<T>): Promise<T> {
    const reader = this.#engine.store.begin({ readOnly: true, label: 'sizes' });
    try {
      return await work(reader);
    } finally {
      reader.rollback();
    }
  }
}
