/**
 * Statements after binding: names are places in a row, types are known, coercions are spelled out. Immutable data.
 *
 * **Relations** (FROM) give rows; a join's row is its left row followed by its right one. **Queries** give rows with named
 * columns. **Expressions** read one row: below an aggregation that of FROM; above it the row of a group, which holds the
 * values grouped by, then the results of the aggregates, then those of GROUPING. Window functions append their results to
 * that row, set-returning functions of the select list theirs.
 *
 * **Subqueries** that refer to rows around them are parameterised: whoever runs one first computes its `args` over its own
 * row and puts them into slots, numbered through the whole statement; inside, a slot is like a parameter (PostgreSQL's
 * PARAM_EXEC, README of its optimizer). So no expression ever reaches out of its own row.
 */

import { unreachable } from '../../../base/assert.ts';
import { rowWidth } from '../../../models/relational/table.ts';
import { Jsonb } from '../../../models/relational/values.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { AggregateFunction } from '../functions/aggregates.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import type { RowLockStrength } from '../operators/row-locks.ts';
import type { WindowFunction } from '../operators/window-functions.ts';
import type { Cast } from '../types/cast.ts';
import { isAnonymousRecord, type SqlType, type SqlValue } from '../types/types.ts';

interface Typed {
  readonly type: SqlType;
  /** The type's modifier; -1 for none. */
  readonly modifier: number;
  /** Byte offset in the statement; for errors. */
  readonly location: number | undefined;
  /** How SQL writes it, where that is a keyword: CURRENT_DATE. */
  readonly spelled?: string;
  /** COLLATE stands over it. */
  readonly collated?: Collated;
  /** Of a column whose values have another collation than their type. */
  readonly collation?: string;
}

/** What COLLATE names, and where it stands. */
export interface Collated {
  readonly name: string;
  readonly location: number | undefined;
}

export type CompareOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** `isUntyped`: a literal, or a parameter that nothing has given a type, where any type will do. */
export type BoundExpression =
  | (Typed & { readonly kind: 'constant'; readonly value: SqlValue; readonly isUntyped?: true })
  /** Of the row; with `computed`, while a query is being bound, of results whose place in the row is not yet known. */
  | (Typed & { readonly kind: 'column'; readonly index: number; readonly computed?: Computed })
  | (Typed & { readonly kind: 'parameter'; readonly index: number; readonly isUntyped?: true })
  /** What a row around the subquery holds. */
  | (Typed & { readonly kind: 'slot'; readonly slot: number })
  | (Typed & { readonly kind: 'subquery' } & BoundSubquery)
  | (Typed & {
      readonly kind: 'call';
      readonly function: ScalarFunction;
      readonly args: readonly BoundExpression[];
      /** Written in the words that SQL has for it: `EXTRACT(year FROM d)`. */
      readonly inWords?: boolean;
      /** How many of the arguments stand in the call; the others are defaults. */
      readonly given?: number;
      /** The last argument is what a VARIADIC parameter takes in. */
      readonly spreads?: true;
    })
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
  | (Typed & {
      readonly kind: 'and' | 'or';
      readonly args: readonly BoundExpression[];
      /** Written as a list: IN (…), NOT IN (…). */
      readonly listed?: boolean;
    })
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
  | (Typed & {
      readonly kind: 'cast';
      readonly arg: BoundExpression;
      readonly cast: Cast | undefined;
      /** PostgreSQL has an operator for the types as they are: the cast is not printed. */
      readonly unspoken?: boolean;
    })
  | (Typed & { readonly kind: 'applyModifier'; readonly arg: BoundExpression; readonly explicit: boolean });

/** Which results a column stands for: of aggregates, of GROUPING, of window functions, of set-returning functions. */
export type Computed = 'aggregate' | 'grouping' | 'window' | 'set';

/** A value for a slot, over the row of whoever runs the subquery. */
export interface BoundArgument {
  readonly slot: number;
  readonly value: BoundExpression;
}

export interface BoundSubquery {
  /** `scalar`: its one value, null without rows. `array`: all values, of the type of the expression. `any` and `all`: whether `test` is true of some, of every row. */
  readonly mode: 'scalar' | 'array' | 'exists' | 'any' | 'all' | 'row';
  readonly query: BoundRows;
  readonly args: readonly BoundArgument[];
  /** All slots from outside that it reads, those of `args` among them; without any it is computed once. */
  readonly reads: readonly number[];
  /** Left sides of `test`, over the row outside. */
  readonly operands: readonly BoundExpression[];
  /** Over a row of `operands` followed by a row of the query. */
  readonly test: BoundExpression | undefined;
}

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
  /** Only rows of which this is true are taken. */
  readonly filter: BoundExpression | undefined;
  /** The order in which rows are taken, where it matters. */
  readonly orderBy: readonly BoundSortKey[];
  /** Of an ordered-set aggregate, in place of the last values of `argument`, over the row of the group; where that may be without some of its keys. */
  readonly direct?: readonly BoundExpression[] | undefined;
}

export interface BoundGrouping {
  /** Undefined: one group of all rows, also of none. */
  readonly groupBy: readonly BoundExpression[] | undefined;
  /** How many of them were written, where columns follow that a primary key among those decides. */
  readonly written: number | undefined;
  /** Grouping sets, as places in `groupBy`; what a set leaves out is null in its rows. Undefined: one set of all. */
  readonly sets: readonly (readonly number[])[] | undefined;
  readonly aggregates: readonly BoundAggregate[];
  /** Arguments of GROUPING, as places in `groupBy`. */
  readonly groupings: readonly (readonly number[])[];
  readonly having: BoundExpression | undefined;
}

export interface BoundSortKey {
  readonly expression: BoundExpression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Rows of one table that a query locks. */
export interface BoundLocking {
  readonly table: CatalogTable;
  /** Where the table's row begins in a row of FROM. */
  readonly offset: number;
  readonly strength: RowLockStrength;
  readonly wait: 'block' | 'nowait' | 'skip';
}

export interface BoundScan {
  readonly kind: 'scan';
  readonly table: CatalogTable;
  /** The name it goes by in the statement. */
  readonly alias: string;
}

/** A query in FROM. */
export interface BoundDerived {
  readonly kind: 'derived';
  readonly alias: string;
  readonly query: BoundRows;
  /** The view that the query is of. */
  readonly view?: CatalogTable;
  /** Conditions from outside that could tell of a row by failing are not tested of rows that the query leaves out. */
  readonly barrier?: true;
}

export type JoinType = 'inner' | 'left' | 'right' | 'full';

export interface BoundJoin {
  readonly kind: 'join';
  readonly type: JoinType;
  readonly left: BoundRelation;
  readonly right: BoundRelation;
  /** Undefined joins every row with every row. */
  readonly condition: BoundExpression | undefined;
  /** LATERAL: what the right side reads of each left row. Empty: the right side stands for itself. */
  readonly args: readonly BoundArgument[];
}

/** The rows of a query in WITH; the same for all references. */
export interface BoundCteScan {
  readonly kind: 'cte';
  readonly alias: string;
  readonly cte: BoundCte;
}

export type BoundRelation = BoundScan | BoundDerived | BoundJoin | BoundCteScan | BoundFunctionScan;

/** A query in WITH. Mutable while it is bound: what is recursive refers to itself. */
export interface BoundCte {
  readonly name: string;
  columns: readonly BoundColumn[];
  /** Undefined while it is bound, and for a statement that writes. */
  query: BoundRows | undefined;
  /** INSERT, UPDATE or DELETE; its rows are those of RETURNING. */
  modify: BoundModify | undefined;
  /** The recursive term, and whether rows that were there before are left out. */
  recursion: { readonly query: BoundRows; readonly distinct: boolean } | undefined;
  references: number;
  readonly materialized: boolean | undefined;
}

export interface BoundFrameEnd {
  readonly kind: 'unboundedPreceding' | 'preceding' | 'current' | 'following' | 'unboundedFollowing';
  readonly offset: BoundExpression | undefined;
  /** Of RANGE with an offset, where the key's type says how it is moved: the key with the offset added or subtracted, over a row of both. */
  readonly moved: BoundExpression | undefined;
}

export interface BoundFrame {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: BoundFrameEnd;
  readonly end: BoundFrameEnd;
  readonly exclude: 'none' | 'row' | 'group' | 'ties';
}

export interface BoundWindow {
  readonly partitionBy: readonly BoundExpression[];
  readonly orderBy: readonly BoundSortKey[];
  readonly frame: BoundFrame;
}

export interface BoundWindowCall {
  readonly function: WindowFunction | AggregateFunction;
  readonly args: readonly BoundExpression[];
  readonly filter: BoundExpression | undefined;
}

/** A window and the functions over it; each gives a column. */
export interface BoundWindowCalls {
  readonly window: BoundWindow;
  readonly calls: readonly BoundWindowCall[];
}

/** A set-returning function, in the select list or in FROM. */
export interface BoundSet {
  readonly function: ScalarFunction;
  readonly args: readonly BoundExpression[];
  /** In a select list: one more than that of the sets that its arguments read, which are computed before; 0 without. */
  readonly level?: number;
}

/** Functions in FROM, side by side: row n holds the n-th value of each, null behind its last. */
export interface BoundFunctionScan {
  readonly kind: 'function';
  readonly alias: string;
  readonly functions: readonly BoundSet[];
  /** WITH ORDINALITY: the number of the row, behind. */
  readonly ordinality: boolean;
}

export interface BoundSelect {
  readonly kind: 'select';
  /** Undefined: one row without columns. */
  readonly from: BoundRelation | undefined;
  readonly where: BoundExpression | undefined;
  /** Undefined for a query that is not grouped. */
  readonly grouping: BoundGrouping | undefined;
  /** Window functions, whose results follow in the row, and after them those of set-returning functions. */
  readonly windows: readonly BoundWindowCalls[];
  readonly sets: readonly BoundSet[];
  readonly distinct: boolean;
  /** DISTINCT ON: the first row, in the order, of those that agree in these. */
  readonly distinctOn: readonly BoundExpression[] | undefined;
  readonly columns: readonly BoundColumn[];
  readonly orderBy: readonly BoundSortKey[];
  readonly limit: BoundExpression | undefined;
  readonly offset: BoundExpression | undefined;
  /** Rows that sort as the last one within the limit belong to it. */
  readonly withTies: boolean;
  /** Undefined for a query that asks for none. */
  readonly locking: readonly BoundLocking[] | undefined;
}

export interface BoundValues {
  readonly kind: 'values';
  readonly columns: readonly BoundColumn[];
  readonly rows: readonly (readonly BoundExpression[])[];
}

export interface BoundSetOperation {
  readonly kind: 'setOperation';
  readonly operation: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  /** Two, or any number of a union; all of the same types. */
  readonly inputs: readonly BoundRows[];
  readonly columns: readonly BoundColumn[];
}

export interface BoundWith {
  readonly kind: 'with';
  readonly ctes: readonly BoundCte[];
  readonly query: BoundRows;
  readonly columns: readonly BoundColumn[];
}

/** What gives rows with named columns. */
export type BoundRows = BoundSelect | BoundValues | BoundSetOperation | BoundWith;

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
    | {
        readonly assignments: readonly BoundAssignment[];
        readonly where: BoundExpression | undefined;
        /** What the row that is there must meet for the views that are written through to show it. */
        readonly shown: readonly BoundViewCheck[];
      }
    | undefined;
}

/** WITH CHECK OPTION of a view: must be true of every row that is written, over the row of the table. */
export interface BoundViewCheck {
  readonly view: string;
  readonly condition: BoundExpression;
}

export interface BoundInsert {
  readonly kind: 'insert';
  readonly conflicts: BoundConflicts | undefined;
  readonly table: CatalogTable;
  /** Values in the statement have their targets' types already; a query's rows are coerced by `assignments`. */
  readonly source: BoundRows;
  /** One for each column of the table. */
  readonly assignments: readonly BoundAssignment[];
  readonly returning: readonly BoundColumn[] | undefined;
  readonly checks: readonly BoundViewCheck[];
}

export interface BoundUpdate {
  readonly kind: 'update';
  /** Further tables; their rows follow the old row. */
  readonly from: BoundRelation | undefined;
  readonly table: CatalogTable;
  readonly assignments: readonly BoundAssignment[];
  readonly where: BoundExpression | undefined;
  readonly returning: readonly BoundColumn[] | undefined;
  readonly checks: readonly BoundViewCheck[];
}

export interface BoundDelete {
  readonly kind: 'delete';
  /** Further tables; their rows follow the deleted row. */
  readonly from: BoundRelation | undefined;
  readonly table: CatalogTable;
  readonly where: BoundExpression | undefined;
  readonly returning: readonly BoundColumn[] | undefined;
}

export interface BoundMergeAction {
  readonly matched: boolean;
  readonly condition: BoundExpression | undefined;
  readonly action: 'insert' | 'update' | 'delete' | 'nothing';
  /** Over the row of the target followed by that of the source. */
  readonly assignments: readonly BoundAssignment[];
}

export interface BoundMerge {
  readonly kind: 'merge';
  readonly table: CatalogTable;
  /** Its row follows that of the target. */
  readonly source: BoundRelation;
  readonly condition: BoundExpression;
  /** The first that fits a row is what is done with it. */
  readonly actions: readonly BoundMergeAction[];
  readonly returning: undefined;
}

export type BoundModify = BoundInsert | BoundUpdate | BoundDelete | BoundMerge;

/** A statement that writes, with what its WITH defines. */
export interface BoundModifyWith {
  readonly kind: 'modifyWith';
  readonly ctes: readonly BoundCte[];
  readonly modify: BoundModify;
}

export interface ExplainOptions {
  readonly analyze: boolean;
  readonly verbose: boolean;
  readonly costs: boolean;
  /** What was asked of the store; only with `analyze` there is something to tell. */
  readonly buffers: boolean;
  readonly settings: boolean;
  readonly timing: boolean;
  readonly summary: boolean;
  /** What was written to the store; as `buffers`. */
  readonly wal: boolean;
  readonly format: 'text' | 'json' | 'xml' | 'yaml';
}

export interface BoundExplain {
  readonly kind: 'explain';
  readonly query: BoundQuery;
  readonly options: ExplainOptions;
}

/** CALL. */
export interface BoundCall {
  readonly kind: 'call';
  /** Of what the procedure gives, with a column for each of its OUT parameters. */
  readonly query: BoundSelect;
}

export type BoundQuery = BoundRows | BoundModify | BoundModifyWith | BoundExplain | BoundCall;

/** What every condition is. */
export const BOOLEAN = { type: 'bool', modifier: -1 } as const;

/** Where the text of an expression begins: an operator's own place is behind its left operand. */
export function leftmost(expression: BoundExpression): number | undefined {
  let least = expression.location;
  for (const child of operands(expression)) {
    const location = leftmost(child);
    if (location === undefined) continue;
    if (least === undefined || location < least) least = location;
    // The first one that has a place, as nodeFuncs.c has it: those of AT TIME ZONE are the other way round.
    break;
  }
  return least;
}

/** The expression with each of its operands replaced; itself, where all stay as they are. */
export function mapOperands(
  expression: BoundExpression,
  map: (operand: BoundExpression) => BoundExpression,
): BoundExpression {
  switch (expression.kind) {
    case 'constant':
    case 'column':
    case 'parameter':
    case 'slot':
      return expression;
    case 'subquery': {
      const inside = mapList(expression.operands, map);
      let changed = inside !== expression.operands;
      const args = expression.args.map((arg) => {
        const value = map(arg.value);
        if (value === arg.value) return arg;
        changed = true;
        return { slot: arg.slot, value };
      });
      return changed ? { ...expression, operands: inside, args } : expression;
    }
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'extreme': {
      const args = mapList(expression.args, map);
      return args === expression.args ? expression : { ...expression, args };
    }
    case 'compare':
    case 'distinct': {
      const left = map(expression.left);
      const right = map(expression.right);
      return left === expression.left && right === expression.right ? expression : { ...expression, left, right };
    }
    case 'not':
    case 'isNull':
    case 'isBoolean':
    case 'cast':
    case 'applyModifier': {
      const arg = map(expression.arg);
      return arg === expression.arg ? expression : { ...expression, arg };
    }
    case 'case': {
      let changed = false;
      const whens = expression.whens.map((when) => {
        const condition = map(when.condition);
        const result = map(when.result);
        if (condition === when.condition && result === when.result) return when;
        changed = true;
        return { condition, result };
      });
      const otherwise = map(expression.otherwise);
      return changed || otherwise !== expression.otherwise ? { ...expression, whens, otherwise } : expression;
    }
    case 'nullIf': {
      const condition = map(expression.condition);
      const value = map(expression.value);
      return condition === expression.condition && value === expression.value
        ? expression
        : { ...expression, condition, value };
    }
    default:
      return unreachable(expression);
  }
}

function mapList(
  list: readonly BoundExpression[],
  map: (operand: BoundExpression) => BoundExpression,
): readonly BoundExpression[] {
  let changed: BoundExpression[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const each = list[i]!;
    const mapped = map(each);
    if (mapped === each) continue;
    changed ??= [...list];
    changed[i] = mapped;
  }
  return changed ?? list;
}

/** Whether `test` holds of one of the operands; those that follow it are not asked. */
export function someOperand(expression: BoundExpression, test: (operand: BoundExpression) => boolean): boolean {
  switch (expression.kind) {
    case 'constant':
    case 'column':
    case 'parameter':
    case 'slot':
      return false;
    case 'subquery':
      return someOf(expression.operands, test) || someValue(expression.args, test);
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'extreme':
      return someOf(expression.args, test);
    case 'compare':
    case 'distinct':
      return test(expression.left) || test(expression.right);
    case 'not':
    case 'isNull':
    case 'isBoolean':
    case 'cast':
    case 'applyModifier':
      return test(expression.arg);
    case 'case':
      return someArm(expression.whens, test) || test(expression.otherwise);
    case 'nullIf':
      return test(expression.condition) || test(expression.value);
    default:
      return unreachable(expression);
  }
}

// Loops and not closures: the planner asks something of every expression of every statement, several times.

function someOf(list: readonly BoundExpression[], test: (operand: BoundExpression) => boolean): boolean {
  for (let i = 0; i < list.length; i++) if (test(list[i]!)) return true;
  return false;
}

function someValue(
  args: readonly { readonly value: BoundExpression }[],
  test: (operand: BoundExpression) => boolean,
): boolean {
  for (let i = 0; i < args.length; i++) if (test(args[i]!.value)) return true;
  return false;
}

function someArm(
  whens: readonly { readonly condition: BoundExpression; readonly result: BoundExpression }[],
  test: (operand: BoundExpression) => boolean,
): boolean {
  for (let i = 0; i < whens.length; i++) if (test(whens[i]!.condition) || test(whens[i]!.result)) return true;
  return false;
}

function operands(expression: BoundExpression): readonly BoundExpression[] {
  switch (expression.kind) {
    case 'call':
      // A row constructor is where it says that it is, which a cast moves.
      return expression.function.name === 'row' ? [] : expression.args;
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
    case 'subquery':
      return expression.operands;
    default:
      return [];
  }
}

/** Whether two expressions compute the same, wherever they stand. */
export function sameExpression(a: unknown, b: unknown): boolean {
  return isSame(a, b, undefined);
}

/** @param slots Which slot of the second stands for one of the first. */
function isSame(a: unknown, b: unknown, slots: ReadonlyMap<number, number> | undefined): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  // A document shows nothing of itself to whoever goes through its fields.
  if (a instanceof Jsonb || b instanceof Jsonb) return a instanceof Jsonb && b instanceof Jsonb && a.text === b.text;
  const mine = a as Readonly<Record<string, unknown>>;
  const other = b as Readonly<Record<string, unknown>>;
  if (mine.kind !== other.kind) return false;
  if (mine.kind === 'subquery') return isSameSubquery(a as BoundSubquery, b as BoundSubquery, slots);
  if (mine.kind === 'slot' && (slots?.get(mine.slot as number) ?? mine.slot) !== other.slot) return false;
  let fields = 0;
  for (const name in mine) {
    if (SPELLING.has(name)) continue;
    fields++;
    if (TOLD_OTHERWISE.has(name) || (name === 'type' && isPlainRow(mine) && isPlainRow(other))) continue;
    const left = fieldOf(mine, name);
    const right = fieldOf(other, name);
    if (name === 'cte' || name === 'table' ? left !== right : !isSame(left, right, slots)) return false;
  }
  for (const name in other) if (!SPELLING.has(name)) fields--;
  return fields === 0;
}

/**
 * Where `record[name]` stands in a loop over the names of `record` V8 compiles it for the few classes that it met first, and
 * does not learn others: at each of them it throws the code away.
 */
function fieldOf(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return record[name];
}

/** A row that no type describes: whether its fields are known by name or not, they are those that it is made of. */
function isPlainRow({ kind, type }: Readonly<Record<string, unknown>>): boolean {
  return kind === 'call' && (type === 'record' || isAnonymousRecord(type as SqlType));
}

/** How a call is written, and what tells nothing of what is computed. */
const SPELLING: ReadonlySet<string> = new Set(['inWords', 'given', 'spreads', 'collation']);

/** Fields that say nothing of their own. Casts, operators and aggregates are functions made anew each time, told apart by names and types. */
const TOLD_OTHERWISE: ReadonlySet<string> = new Set(['location', 'cast', 'evaluate', 'create', 'slot', 'reads']);

/**
 * Each has slots of its own for what it reads of the row outside. Tables and queries in WITH are compared by what they are and
 * not by what they hold, which may lead back to them.
 */
function isSameSubquery(a: BoundSubquery, b: BoundSubquery, slots: ReadonlyMap<number, number> | undefined): boolean {
  if (a.mode !== b.mode || a.args.length !== b.args.length || !isSame(a.operands, b.operands, slots)) return false;
  const inside = new Map(slots);
  for (const [i, { slot, value }] of a.args.entries()) {
    const argument = b.args[i]!;
    if (!isSame(value, argument.value, slots)) return false;
    inside.set(slot, argument.slot);
  }
  return isSame(a.test, b.test, inside) && isSame(a.query, b.query, inside);
}

/** The expression over rows that begin `by` places later. */
export function shifted(expression: BoundExpression, by: number): BoundExpression {
  if (by === 0) return expression;
  if (expression.kind === 'column') return { ...expression, index: expression.index + by };
  return mapOperands(expression, (operand) => shifted(operand, by));
}

/** The expression with something else for each column. */
export function substituted(
  expression: BoundExpression,
  by: (column: Extract<BoundExpression, { kind: 'column' }>) => BoundExpression,
): BoundExpression {
  if (expression.kind === 'column') return by(expression);
  return mapOperands(expression, (operand) => substituted(operand, by));
}

/** Whether `test` holds of the expression or of anything in it; subqueries are looked at from outside only. */
export function someExpression(expression: BoundExpression, test: (each: BoundExpression) => boolean): boolean {
  return test(expression) || someOperand(expression, (operand) => someExpression(operand, test));
}

/** Whether it may have to wait for its value: it holds a subquery, or a function that waits. */
export function hasSubquery(expression: BoundExpression): boolean {
  if (expression.kind === 'subquery') return true;
  if (expression.kind === 'call' && expression.function.waits === true) return true;
  return someOperand(expression, hasSubquery);
}

/** Places in the row that the expression reads. */
export function columnsOf(expression: BoundExpression): ReadonlySet<number> {
  const columns = new Set<number>();
  addColumns(expression, columns);
  return columns;
}

/** Adds those places to `columns`. */
export function addColumns(expression: BoundExpression, columns: Set<number>): void {
  if (expression.kind === 'column') {
    columns.add(expression.index);
    return;
  }
  const visit = (each: BoundExpression): boolean => {
    if (each.kind === 'column') columns.add(each.index);
    return someOperand(each, visit);
  };
  visit(expression);
}

/** Whether it reads any place in the row. */
export function readsRow(expression: BoundExpression): boolean {
  return expression.kind === 'column' || someOperand(expression, readsRow);
}

/** The conditions that AND puts together. */
export function conjuncts(condition: BoundExpression): readonly BoundExpression[] {
  return condition.kind === 'and' ? condition.args.flatMap(conjuncts) : [condition];
}

export function conjunction(conditions: readonly BoundExpression[]): BoundExpression {
  if (conditions.length === 1) return conditions[0]!;
  return { kind: 'and', type: 'bool', modifier: -1, location: undefined, args: conditions };
}

/** A column of a row as an expression. @param of What it is of there. */
export function columnAt(
  index: number,
  of: Pick<Typed, 'type' | 'modifier' | 'collated' | 'collation'> & { readonly location?: number | undefined },
): Extract<BoundExpression, { kind: 'column' }> {
  const { type, modifier, location } = of;
  const collation = of.collated?.name ?? of.collation;
  if (collation !== undefined) return { kind: 'column', type, modifier, location, index, collation };
  return { kind: 'column', type, modifier, location, index };
}

/** Values in a row of the relation. */
export function widthOf(relation: BoundRelation): number {
  switch (relation.kind) {
    case 'scan':
      return rowWidth(relation.table.table);
    case 'derived':
      return relation.query.columns.length;
    case 'cte':
      return relation.cte.columns.length;
    case 'function':
      return relation.functions.length + (relation.ordinality ? 1 : 0);
    case 'join':
      return widthOf(relation.left) + widthOf(relation.right);
    default:
      return unreachable(relation);
  }
}

/** The type of a value in a row of the relation. */
export function typeAt(relation: BoundRelation, index: number): { readonly type: SqlType; readonly modifier: number } {
  switch (relation.kind) {
    case 'scan':
      // Behind the columns is the hidden id of a row without a primary key.
      return relation.table.table.columns[index] ?? { type: 'int8', modifier: -1 };
    case 'derived':
      return relation.query.columns[index]!.expression;
    case 'cte':
      return relation.cte.columns[index]!.expression;
    case 'function':
      return { type: relation.functions[index]?.function.result ?? 'int8', modifier: -1 };
    case 'join': {
      const width = widthOf(relation.left);
      return index < width ? typeAt(relation.left, index) : typeAt(relation.right, index - width);
    }
    default:
      return unreachable(relation);
  }
}
