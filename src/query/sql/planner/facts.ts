/**
 * What is known of relations before they are read: how many rows they have, how wide they are, and of their columns what
 * statistics say. Where nobody counted, the guesses are PostgreSQL's.
 */

import type { ColumnStatistics, TableStatistics } from '../../../models/relational/statistics.ts';
import { columnNumber, type TableId } from '../../../models/relational/table.ts';
import { type BoundExpression, type BoundRelation, type BoundRows, widthOf } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { UNKNOWN_ROWS } from '../statistics/table-statistics.ts';
import { type SqlType, typeInfo } from '../types/types.ts';

/** Statistics of tables, as far as there are any. */
export interface KnownTables {
  of(id: TableId): TableStatistics | undefined;
  rowsOf(id: TableId): number;
}

/** Different values that a column is thought to have when nobody knows. */
const UNKNOWN_DISTINCT = 200;
const VARIABLE_BYTES = 32;

export interface ColumnFacts {
  readonly statistics: ColumnStatistics | undefined;
  /** Rows of the table or query that it belongs to, before any condition. */
  readonly rows: number;
  /** Different values, nulls aside. */
  readonly distinct: number;
  /** 0 to 1. */
  readonly nullFraction: number;
  /** No two rows have the same value. */
  readonly unique: boolean;
}

/** Of the columns of a row, by their places. */
export type FactsOf = (index: number) => ColumnFacts;

export function rowsOfTable({ table, system }: CatalogTable, known: KnownTables): number {
  return system === undefined ? known.rowsOf(table.id) : UNKNOWN_ROWS;
}

/** What is known of a table, gathered as it is asked for: statements of one table ask the same. */
interface TableFacts {
  readonly rows: number;
  readonly statistics: TableStatistics | undefined;
  /** By position. */
  readonly columns: ColumnFacts[];
  readonly bytes: number[];
}

/** As of the rows and statistics that they had last. */
const gathered = new WeakMap<CatalogTable, TableFacts>();

function tableFacts(source: CatalogTable, known: KnownTables): TableFacts {
  const rows = rowsOfTable(source, known);
  const statistics = known.of(source.table.id);
  const before = gathered.get(source);
  if (before !== undefined && before.rows === rows && before.statistics === statistics) return before;
  const facts = { rows, statistics, columns: [], bytes: [] };
  gathered.set(source, facts);
  return facts;
}

/** Of the columns of one table, by their positions. */
export function factsOf(source: CatalogTable, known: KnownTables): FactsOf {
  const facts = tableFacts(source, known);
  return (position) => {
    facts.columns[position] ??= gatherFacts(source, position, facts);
    return facts.columns[position];
  };
}

export function columnFacts(source: CatalogTable, position: number, known: KnownTables): ColumnFacts {
  return factsOf(source, known)(position);
}

/** Expected bytes of the columns at these positions, of all without. */
export function bytesOf(source: CatalogTable, positions: readonly number[] | undefined, known: KnownTables): number {
  const { columns } = source.table;
  const facts = factsOf(source, known);
  const { bytes } = tableFacts(source, known);
  let sum = 0;
  const end = positions?.length ?? columns.length;
  for (let i = 0; i < end; i++) {
    const position = positions === undefined ? i : positions[i]!;
    const column = columns[position];
    if (column !== undefined) bytes[position] ??= valueBytes(column.type, facts(position).statistics);
    sum += column === undefined ? 8 : bytes[position]!;
  }
  return sum;
}

function gatherFacts({ table, indexes }: CatalogTable, position: number, { rows, statistics: of }: TableFacts) {
  const column = table.columns[position];
  const unique =
    (table.primaryKey.length === 1 && table.primaryKey[0] === position) ||
    position >= table.columns.length ||
    indexes.some(
      ({ index: { unique: isUnique, parts, predicate } }) =>
        isUnique && parts.length === 1 && parts[0]!.column === position && predicate === undefined,
    );
  const found = column && of?.columns.get(columnNumber(table, position));
  const statistics = found?.type === column?.type ? found : undefined;
  const nullFraction = statistics?.nullFraction ?? 0;
  let distinct = Math.min(rows, column?.type === 'bool' ? 2 : UNKNOWN_DISTINCT);
  if (unique) distinct = rows * (1 - nullFraction);
  else if (statistics !== undefined && statistics.distinct !== 0) {
    distinct = statistics.distinct < 0 ? -statistics.distinct * rows : statistics.distinct;
  }
  return { statistics, rows, distinct: Math.max(1, distinct), nullFraction, unique };
}

function unknownFacts(rows: number): ColumnFacts {
  const distinct = Math.max(1, Math.min(rows, UNKNOWN_DISTINCT));
  return { statistics: undefined, rows, distinct, nullFraction: 0, unique: false };
}

/** @param rowsOfQuery How many rows queries in FROM are expected to give. */
export function relationFacts(
  relation: BoundRelation,
  known: KnownTables,
  rowsOfQuery: (query: BoundRows) => number = () => UNKNOWN_ROWS,
): FactsOf {
  switch (relation.kind) {
    case 'scan':
      return factsOf(relation.table, known);
    case 'join': {
      const width = widthOf(relation.left);
      const left = relationFacts(relation.left, known, rowsOfQuery);
      const right = relationFacts(relation.right, known, rowsOfQuery);
      return (index) => (index < width ? left(index) : right(index - width));
    }
    case 'derived':
      return queryFacts(relation.query, known, rowsOfQuery);
    case 'cte':
      if (relation.cte.query !== undefined && relation.cte.recursion === undefined) {
        return queryFacts(relation.cte.query, known, rowsOfQuery);
      }
      return () => unknownFacts(UNKNOWN_ROWS);
    default:
      return () => unknownFacts(UNKNOWN_ROWS);
  }
}

/** Of the columns that a query gives. */
function queryFacts(query: BoundRows, known: KnownTables, rowsOfQuery: (query: BoundRows) => number): FactsOf {
  if (query.kind !== 'select' || query.from === undefined) return () => unknownFacts(rowsOfQuery(query));
  const below = relationFacts(query.from, known, rowsOfQuery);
  const { grouping, columns } = query;
  return (index) => {
    const rows = rowsOfQuery(query);
    const expression = columns[index]?.expression;
    if (expression?.kind !== 'column') return unknownFacts(rows);
    if (grouping === undefined) {
      if (query.windows.length > 0 || query.sets.length > 0) return unknownFacts(rows);
      const facts = below(expression.index);
      return { ...facts, distinct: Math.min(facts.distinct, Math.max(1, rows)), unique: false };
    }
    const key = grouping.groupBy?.[expression.index];
    if (key === undefined) return unknownFacts(rows);
    const alone = grouping.groupBy?.length === 1 && grouping.sets === undefined;
    const facts = key.kind === 'column' ? below(key.index) : unknownFacts(rows);
    const distinct = alone ? rows : Math.min(facts.distinct, rows);
    return { ...facts, rows, distinct: Math.max(1, distinct), unique: alone };
  };
}

/** Columns whose values together tell the rows of a query apart, when there are such. */
export function uniqueColumnsOf(query: BoundRows): readonly number[] | undefined {
  if (query.kind !== 'select') return undefined;
  const { grouping, columns, distinct, windows, sets } = query;
  if (sets.length > 0) return undefined;
  if (distinct) return columns.map((_, i) => i);
  if (grouping?.groupBy === undefined || grouping.sets !== undefined || windows.length > 0) return undefined;
  const places = grouping.groupBy.map((_, key) =>
    columns.findIndex(({ expression }) => expression.kind === 'column' && expression.index === key),
  );
  return places.includes(-1) ? undefined : places;
}

/** Expected bytes of a value. */
export function valueBytes(type: SqlType, statistics: ColumnStatistics | undefined): number {
  if (statistics !== undefined && statistics.width > 0) return statistics.width;
  const { size } = typeInfo(type);
  return size > 0 ? size : VARIABLE_BYTES;
}

/** How many groups so many rows make by these values: PostgreSQL's estimate_num_groups, without its finer points. */
export function estimatedGroups(keys: readonly BoundExpression[], facts: FactsOf, rows: number): number {
  let groups = 1;
  for (const key of keys) {
    const columns = new Set<number>();
    collect(key, columns);
    for (const index of columns) {
      const { distinct, nullFraction } = facts(index);
      groups *= distinct + (nullFraction > 0 ? 1 : 0);
    }
  }
  return Math.max(1, Math.min(groups, rows));
}

function collect(expression: BoundExpression, columns: Set<number>): void {
  if (expression.kind === 'column') columns.add(expression.index);
  else if ('args' in expression && expression.kind !== 'subquery')
    for (const arg of expression.args) collect(arg, columns);
  else if ('arg' in expression) collect(expression.arg, columns);
  else if ('left' in expression) {
    collect(expression.left, columns);
    collect(expression.right, columns);
  }
}
