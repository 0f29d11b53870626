/**
 * How many bytes relations take: of keys and values, before the provider compresses them. What has few entries is counted;
 * of other tables the first rows are, of other indexes the entries of those rows, and the statistics say how many rows there are.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import { entriesOf } from '../../models/relational/index-keys.ts';
import type { Index } from '../../models/relational/table.ts';
import type { KeyRange } from '../../storage/key-range.ts';
import type { Transaction } from '../../storage/store.ts';
import type { CatalogTable } from './catalog-cache.ts';
import type { EvaluationContext } from './functions/evaluation.ts';
import type { Interrupts } from './interrupts.ts';
import { addEntries, type IndexEntry } from './operators/write-rules.ts';
import { writeRulesOf } from './planner/write-rules.ts';
import type { SqlEngine } from './sql-engine.ts';
import type { TransactionBlock } from './transaction-block.ts';

/** Entries of one relation that are looked at. */
const ENTRIES_MAX = 4_096;
/** Rows whose entries tell of those of all rows: in an index they lie by what they hold. */
const ROWS_MAX = 512;

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
  readonly #context: () => EvaluationContext;

  /** @param context For what indexes compute of rows. */
  constructor(
    engine: SqlEngine,
    block: Pick<TransactionBlock, 'objects'>,
    interrupts: Interrupts,
    context: () => EvaluationContext,
  ) {
    this.#engine = engine;
    this.#block = block;
    this.#interrupts = interrupts;
    this.#context = context;
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
    return this.#read((reader) => this.#ofIndex(found.table, index, reader));
  }

  database(): Promise<bigint> {
    return this.#read(async (reader) => {
      let bytes = 0n;
      for (const table of this.#block.objects!.tables) bytes += await this.#ofTable(table, 'all', reader);
      return bytes;
    });
  }

  async #ofTable(of: CatalogTable, part: SizePart, reader: Transaction): Promise<bigint> {
    const { table, codec } = of;
    let bytes = 0n;
    if (part !== 'indexes') {
      const first = await this.#first(codec.keys.range([]), reader);
      bytes = whole(first.bytes, first.isAll ? 1 : this.#engine.statistics.rowsOf(table.id) / first.entries);
    }
    if (part === 'main') return bytes;
    for (const index of table.indexes ?? []) bytes += await this.#ofIndex(of, index, reader);
    return bytes;
  }

  async #ofIndex(of: CatalogTable, index: Index, reader: Transaction): Promise<bigint> {
    const { table, codec } = of;
    const first = await this.#first(entriesOf(this.#engine.keyspace, table, index), reader);
    const rules = writeRulesOf(of).indexes.find(({ source }) => source.index.id === index.id);
    if (first.isAll || rules === undefined) return whole(first.bytes, 1);
    const context = this.#context();
    const cursor = reader.scan(codec.keys.range([]), { limit: ROWS_MAX });
    const entries: IndexEntry[] = [];
    let rows = 0;
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        rows += batch.length;
        for (const { key, value } of batch) {
          const row = codec.decode(key, value);
          if (rules.predicate !== undefined && rules.predicate(row, context) !== true) continue;
          const values = rules.parts.map((part) => part(row, context));
          addEntries(rules, values, key, row, entries);
        }
      }
    } finally {
      cursor.close();
    }
    const bytes = entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    const estimated = whole(bytes, this.#engine.statistics.rowsOf(table.id) / Math.max(1, rows));
    return estimated > BigInt(first.bytes) ? estimated : BigInt(first.bytes);
  }

  /** The bytes of the first entries, how many these are, and whether there are no others. */
  async #first(
    range: KeyRange,
    reader: Transaction,
  ): Promise<{ readonly bytes: number; readonly entries: number; readonly isAll: boolean }> {
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
    return { bytes, entries, isAll: entries < ENTRIES_MAX };
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

/** @param times How many times as many there are; never fewer than were seen. */
function whole(bytes: number, times: number): bigint {
  return BigInt(Math.round(bytes * Math.max(1, times)));
}
