/** What follows from writing a row of a table, as code: what its writer and the checks of its foreign keys go by. */

import { type Bytes, EMPTY_BYTES } from '../../../base/bytes.ts';
import type { ColumnValue, ForeignKey } from '../../../models/relational/table.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';

export interface Assignment {
  readonly position: number;
  readonly value: Evaluate;
}

export interface WriteIndex {
  readonly source: TableIndex;
  readonly parts: readonly Evaluate[];
  readonly predicate: Evaluate | undefined;
  /** The parts as PostgreSQL prints them. */
  readonly titles: readonly string[];
}

/** A table's rules as code. */
export interface WriteRules {
  readonly table: CatalogTable;
  readonly checks: readonly { readonly name: string; readonly test: Evaluate }[];
  /** WITH CHECK OPTION of views that the rows are written through. */
  readonly viewChecks?: readonly { readonly view: string; readonly test: Evaluate }[];
  readonly generated: readonly Assignment[];
  readonly indexes: readonly WriteIndex[];
  /** Foreign keys of other tables, or of this one, to this one. */
  readonly incoming: readonly { readonly child: CatalogTable; readonly key: ForeignKey }[];
  /** Columns of unique keys: who changes them takes the row away from whoever refers to it by them. */
  readonly keyColumns: readonly number[];
  /** What a column holds when nothing is said about it, for SET DEFAULT. */
  readonly defaults: (position: number) => Evaluate;
  /** The rules of a table that foreign keys tie to this one. */
  readonly related: (table: CatalogTable) => WriteRules;
}

/** A key that must be free, or was not. */
export interface UniqueSlot {
  readonly key: Key;
  /** Undefined for the primary key. */
  readonly index: WriteIndex | undefined;
  readonly values: readonly ColumnValue[];
}

/** What stands in an index. */
export interface IndexEntry {
  readonly key: Key;
  readonly value: Bytes;
}

/** Adds what stands in the index for a row of these values. */
export function addEntries(
  { source: { keys, inverted } }: WriteIndex,
  values: readonly ColumnValue[],
  rowKey: Key,
  row: readonly ColumnValue[],
  entries: IndexEntry[],
): void {
  if (inverted === undefined) entries.push({ key: keys.key(values, rowKey), value: keys.value(values, rowKey, row) });
  else for (const key of inverted.keys(values, rowKey)) entries.push({ key, value: EMPTY_BYTES });
}

/** Whether nothing follows from a change of a row but the row: no entries of indexes, no foreign keys. */
export function isPlain(rules: WriteRules): boolean {
  return rules.indexes.length === 0 && !isTied(rules);
}

/** Whether rows of the table refer to others, or are referred to. */
export function isTied({ table, incoming }: WriteRules): boolean {
  return (table.table.foreignKeys ?? []).length > 0 || incoming.length > 0;
}
