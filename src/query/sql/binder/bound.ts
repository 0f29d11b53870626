/**
 * Statements after binding: names are columns, types are known, coercions are spelled out. Immutable data.
 *
 * Expressions read one row. Below an aggregation that is the row of the table; above it, the row of aggregate results.
 */

import { unreachable } from '../../../base/assert.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { AggregateFunction } from '../functions/aggregates.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import type { Cast } from '../types/cast.ts';
import type { SqlType, SqlValue } from '../types/types.ts';

interface Typed {
  readonly type: SqlType;
  /** The type's modifier; -1 for none. */
  readonly modifier: number;
  /** Byte offset in the statement; for errors. */
  readonly location: number | undefined;
}

export type CompareOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type BoundExpression =
  | (Typed & { readonly kind: 'constant'; readonly value: SqlValue })
  /** Of the row of the table; with `aggregate`, while a grouped query is being bound, of the aggregates' results. */
  | (Typed & { readonly kind: 'column'; readonly index: number; readonly aggregate?: true })
  | (Typed & { readonly kind: 'parameter'; readonly index: number })
  | (Typed & { readonly kind: 'call'; readonly function: ScalarFunction; readonly args: readonly BoundExpression[] })
  /** Both sides have one type, that of the comparison. */
  | (Typed & {
      readonly kind: 'compare';
      readonly operator: CompareOperator;
      readonly left: BoundExpression;
      readonly right: BoundExpression;
    })
  | (Typed & {
      readonly kind: 'distinct';
      readonly negated: boolean;
      readonly left: BoundExpression;
      readonly right: BoundExpression;
    })
  | (Typed & { readonly kind: 'and' | 'or'; readonly args: readonly BoundExpression[] })
  | (Typed & { readonly kind: 'not'; readonly arg: BoundExpression })
  | (Typed & { readonly kind: 'isNull'; readonly negated: boolean; readonly arg: BoundExpression })
  | (Typed & {
      readonly kind: 'isBoolean';
      readonly value: boolean;
      readonly negated: boolean;
      readonly arg: BoundExpression;
    })
  | (Typed & { readonly kind: 'case'; readonly whens: readonly BoundWhen[]; readonly otherwise: BoundExpression })
  | (Typed & { readonly kind: 'coalesce'; readonly args: readonly BoundExpression[] })
  | (Typed & { readonly kind: 'extreme'; readonly greatest: boolean; readonly args: readonly BoundExpression[] })
  /** Null when `condition` is true, else `value`: NULLIF. */
  | (Typed & { readonly kind: 'nullIf'; readonly condition: BoundExpression; readonly value: BoundExpression })
  | (Typed & { readonly kind: 'cast'; readonly arg: BoundExpression; readonly cast: Cast | undefined })
  | (Typed & { readonly kind: 'applyModifier'; readonly arg: BoundExpression; readonly explicit: boolean });

export interface BoundWhen {
  readonly condition: BoundExpression;
  readonly result: BoundExpression;
}

export interface BoundColumn {
  readonly name: string;
  readonly expression: BoundExpression;
  /** The column of a table that this is, for clients: position from 0. */
  readonly origin: { readonly table: CatalogTable; readonly position: number } | undefined;
}

export interface BoundAggregate {
  readonly function: AggregateFunction;
  /** Undefined for count(*). */
  readonly argument: BoundExpression | undefined;
  /** Over different values only; `function` sees to it. */
  readonly distinct: boolean;
}

export interface BoundJoin {
  readonly table: CatalogTable;
  /** Where the table's values begin in the joined row. */
  readonly offset: number;
  /** LEFT JOIN: rows without a partner stay. */
  readonly outer: boolean;
  /** Undefined joins every row with every row. */
  readonly condition: BoundExpression | undefined;
}

export interface BoundGrouping {
  /** Undefined: one group of all rows, also of none. */
  readonly groupBy: readonly BoundExpression[] | undefined;
  readonly aggregates: readonly BoundAggregate[];
  readonly having: BoundExpression | undefined;
}

export interface BoundSortKey {
  readonly expression: BoundExpression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface BoundLocking {
  readonly mode: 'exclusive' | 'share';
  readonly wait: 'block' | 'nowait' | 'skip';
}

export interface BoundSelect {
  readonly kind: 'select';
  /** Undefined: one row without columns. */
  readonly from: CatalogTable | undefined;
  /** Further tables, each joined to all before it; expressions read the rows of all, one behind the other. */
  readonly joins: readonly BoundJoin[];
  readonly where: BoundExpression | undefined;
  /**
   * Undefined for a query that is not grouped. Else `columns`, `orderBy` and `having` read the row of a group: the values
   * of `groupBy`, then the results of `aggregates`.
   */
  readonly grouping: BoundGrouping | undefined;
  readonly distinct: boolean;
  readonly columns: readonly BoundColumn[];
  readonly orderBy: readonly BoundSortKey[];
  readonly limit: BoundExpression | undefined;
  readonly offset: BoundExpression | undefined;
  readonly locking: BoundLocking | undefined;
}

export interface BoundValues {
  readonly kind: 'values';
  readonly columns: readonly BoundColumn[];
  readonly rows: readonly (readonly BoundExpression[])[];
}

/** What a column of a new row is: an expression over the source's row (INSERT) or the old row (UPDATE). */
export interface BoundAssignment {
  readonly position: number;
  readonly expression: BoundExpression;
}

/** ON CONFLICT. */
export interface BoundConflicts {
  /** Names of the unique indexes, or of the primary key, that are meant; undefined: all. */
  readonly arbiters: readonly string[] | undefined;
  /** DO UPDATE, over the row that is there followed by the one that was to be inserted; undefined: DO NOTHING. */
  readonly update:
    | { readonly assignments: readonly BoundAssignment[]; readonly where: BoundExpression | undefined }
    | undefined;
}

export interface BoundInsert {
  readonly kind: 'insert';
  readonly conflicts: BoundConflicts | undefined;
  readonly table: CatalogTable;
  /** Values in the statement have their targets' types already; a query's rows are coerced by `assignments`. */
  readonly source: BoundSelect | BoundValues;
  /** One for each column of the table. */
  readonly assignments: readonly BoundAssignment[];
  readonly returning: readonly BoundColumn[] | undefined;
}

export interface BoundUpdate {
  readonly kind: 'update';
  readonly table: CatalogTable;
  readonly assignments: readonly BoundAssignment[];
  readonly where: BoundExpression | undefined;
  readonly returning: readonly BoundColumn[] | undefined;
}

export interface BoundDelete {
  readonly kind: 'delete';
  readonly table: CatalogTable;
  readonly where: BoundExpression | undefined;
  readonly returning: readonly BoundColumn[] | undefined;
}

export type BoundQuery = BoundSelect | BoundValues | BoundInsert | BoundUpdate | BoundDelete;

/** Where the text of an expression begins: an operator's own place is behind its left operand. */
export function leftmost(expression: BoundExpression): number | undefined {
  let least = expression.location;
  for (const child of operands(expression)) {
    const location = leftmost(child);
    if (location !== undefined && (least === undefined || location < least)) least = location;
  }
  return least;
}

/** The expression with each of its operands replaced. */
export function mapOperands(
  expression: BoundExpression,
  map: (operand: BoundExpression) => BoundExpression,
): BoundExpression {
  switch (expression.kind) {
    case 'constant':
    case 'column':
    case 'parameter':
      return expression;
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'extreme':
      return { ...expression, args: expression.args.map(map) };
    case 'compare':
    case 'distinct':
      return { ...expression, left: map(expression.left), right: map(expression.right) };
    case 'not':
    case 'isNull':
    case 'isBoolean':
    case 'cast':
    case 'applyModifier':
      return { ...expression, arg: map(expression.arg) };
    case 'case':
      return {
        ...expression,
        whens: expression.whens.map(({ condition, result }) => ({ condition: map(condition), result: map(result) })),
        otherwise: map(expression.otherwise),
      };
    case 'nullIf':
      return { ...expression, condition: map(expression.condition), value: map(expression.value) };
    default:
      return unreachable(expression);
  }
}

function operands(expression: BoundExpression): readonly BoundExpression[] {
  switch (expression.kind) {
    case 'call':
    case 'and':
    case 'or':
      return expression.args;
    case 'compare':
    case 'distinct':
      return [expression.left, expression.right];
    case 'isNull':
    case 'isBoolean':
    case 'cast':
    case 'applyModifier':
      return [expression.arg];
    case 'nullIf':
      return [expression.condition];
    default:
      return [];
  }
}

/** Whether two expressions compute the same, wherever they stand. */
export function sameExpression(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const entries = Object.entries(a);
  if (entries.length !== Object.keys(b).length) return false;
  return entries.every(([name, value]: [string, unknown]) => {
    // Casts and operators are functions made anew each time; the types around them and their names tell them apart.
    if (name === 'location' || name === 'cast' || name === 'evaluate') return true;
    return sameExpression(value, (b as Readonly<Record<string, unknown>>)[name]);
  });
}
