/**
 * Queries in FROM that are no more than a FROM, a WHERE and a list of columns, as parts of the query around them (PostgreSQL's
 * pull_up_subqueries, prepjointree.c): `SELECT s.y FROM a JOIN (SELECT id, f(x) AS y FROM b WHERE p) s USING (id)` becomes
 * `SELECT f(b.x) FROM a JOIN b USING (id) WHERE p`. Views, queries in WITH that are read once and functions of users are such queries, too.
 * Their tables are then joined in any order, a key of theirs can be found through the view, and what they compute is
 * computed for the rows of the result alone, or not at all where nobody looks at it.
 *
 * Left as they are: queries of which the number of rows depends on more than FROM and WHERE, columns that are volatile, hold
 * subqueries, or would grow out of proportion; below an outer join, on the side that may be missing, columns that would not be
 * null of missing rows by themselves (which PostgreSQL wraps up in PlaceHolderVars); views WITH (security_barrier).
 */

import {
  type BoundArgument,
  type BoundCte,
  type BoundExpression,
  type BoundJoin,
  type BoundRelation,
  type BoundRows,
  type BoundSelect,
  type BoundSortKey,
  conjunction,
  conjuncts,
  hasSubquery,
  shifted,
  someOperand,
  substituted,
  widthOf,
} from '../binder/bound.ts';
import { mapResult } from '../binder/map-result.ts';
import { isVolatile } from '../binder/volatility.ts';
import { isPlain, mentionsSlot, withOuter } from './decorrelate.ts';
import { callsVolatile } from './subquery-forms.ts';

/** Parts that the columns of a query may have together: each mention of a column repeats its own. */
const PARTS_MAX = 1_000;

/** Whether a query in WITH is planned where it is read, as if it stood there; what is volatile is computed once. */
export function isInlined({ query, recursion, materialized, references }: BoundCte): boolean {
  if (query === undefined || recursion !== undefined || materialized === true) return false;
  return (references === 1 || materialized === false) && !callsVolatile(query);
}

/** The query with those in its FROM that are simple pulled up into it; itself where there are none. */
export function pulledUp(select: BoundSelect): BoundSelect {
  const { from, where, locking } = select;
  if (from === undefined || locking !== undefined || !holdsQuery(from)) return select;
  const flat = flattened(from, false);
  if (flat.relation === from) return select;
  const [before, after] = [widthOf(from), widthOf(flat.relation)];
  // Behind the columns of FROM are the results of windows and sets.
  const over = (expression: BoundExpression): BoundExpression =>
    substituted(expression, (column) =>
      column.index < before ? flat.column(column) : { ...column, index: column.index - before + after },
    );
  const conditions = [...flat.conditions, ...(where === undefined ? [] : [over(where)])].flatMap(conjuncts);
  return {
    ...aboveFrom(select, over),
    from: flat.relation,
    where: conditions.length === 0 ? undefined : conjunction(conditions),
  };
}

/** The query with all that is computed of a row of FROM, but its WHERE, over another row. */
export function aboveFrom(select: BoundSelect, over: (expression: BoundExpression) => BoundExpression): BoundSelect {
  const sorted = (keys: readonly BoundSortKey[]): readonly BoundSortKey[] =>
    keys.map((key) => ({ ...key, expression: over(key.expression) }));
  const { grouping } = select;
  if (grouping !== undefined) {
    return {
      ...select,
      grouping: {
        ...grouping,
        groupBy: grouping.groupBy?.map(over),
        aggregates: grouping.aggregates.map((each) => ({
          ...each,
          argument: each.argument && over(each.argument),
          filter: each.filter && over(each.filter),
          orderBy: sorted(each.orderBy),
        })),
      },
    };
  }
  return {
    ...select,
    windows: select.windows.map(({ window, calls }) => ({
      window: { ...window, partitionBy: window.partitionBy.map(over), orderBy: sorted(window.orderBy) },
      calls: calls.map((call) => ({ ...call, args: call.args.map(over), filter: call.filter && over(call.filter) })),
    })),
    sets: select.sets.map((set) => ({ ...set, args: set.args.map(over) })),
    distinctOn: select.distinctOn?.map(over),
    ...mapResult(select, over),
  };
}

function holdsQuery(relation: BoundRelation): boolean {
  if (relation.kind === 'join') return holdsQuery(relation.left) || holdsQuery(relation.right);
  return relation.kind === 'derived' || (relation.kind === 'cte' && isInlined(relation.cte));
}

type Column = Extract<BoundExpression, { kind: 'column' }>;

interface Flat {
  readonly relation: BoundRelation;
  /** What a column of the relation that was given is, over a row of this one. */
  column(column: Column): BoundExpression;
  /** What rows of this one must meet. */
  readonly conditions: readonly BoundExpression[];
}

/** @param isNullable Whether an outer join around it may put nulls in place of its row. */
function flattened(relation: BoundRelation, isNullable: boolean): Flat {
  if (relation.kind === 'join') return flattenedJoin(relation, isNullable);
  const query = simpleQuery(relation, isNullable);
  if (query === undefined) return unchanged(relation);
  const { from, columns, where } = query;
  return {
    relation: from,
    column: ({ index }) => columns[index]!.expression,
    conditions: where === undefined ? [] : conjuncts(where),
  };
}

function unchanged(relation: BoundRelation): Flat {
  return { relation, column: (column) => column, conditions: [] };
}

type SimpleQuery = BoundSelect & { readonly from: BoundRelation };

/** The query that a relation is of, if it can be pulled up; what is simple in its own FROM is. */
function simpleQuery(relation: BoundRelation, isNullable: boolean): SimpleQuery | undefined {
  if (relation.kind === 'derived' && relation.barrier === true) return undefined;
  const rows = relation.kind === 'derived' ? relation.query : inlined(relation);
  if (rows?.kind !== 'select' || rows.from === undefined || !isPlain(rows)) return undefined;
  if (rows.distinct || rows.orderBy.length > 0) return undefined;
  const query = pulledUp(rows);
  if (query.where !== undefined && isVolatile(query.where)) return undefined;
  let parts = 0;
  for (const { expression } of query.columns) {
    if (hasSubquery(expression) || isVolatile(expression)) return undefined;
    if (isNullable && !isNullOfNulls(expression)) return undefined;
    parts += partsOf(expression);
  }
  return parts > PARTS_MAX ? undefined : (query as SimpleQuery);
}

function inlined(relation: BoundRelation): BoundRows | undefined {
  return relation.kind === 'cte' && isInlined(relation.cte) ? relation.cte.query : undefined;
}

function partsOf(expression: BoundExpression): number {
  let parts = 1;
  someOperand(expression, (operand) => {
    parts += partsOf(operand);
    return false;
  });
  return parts;
}

/** Whether it is null where all columns are, and asks for nothing but them: nothing in it can fail then, or give another value. */
function isNullOfNulls(expression: BoundExpression): boolean {
  return isStrictThroughout(expression) && readsColumn(expression);
}

function readsColumn(expression: BoundExpression): boolean {
  return expression.kind === 'column' || someOperand(expression, readsColumn);
}

function isStrictThroughout(expression: BoundExpression): boolean {
  switch (expression.kind) {
    case 'column':
    case 'constant':
    case 'parameter':
      return true;
    case 'call':
      return expression.function.strict && expression.args.every(isStrictThroughout);
    case 'compare':
      return isStrictThroughout(expression.left) && isStrictThroughout(expression.right);
    case 'not':
    case 'cast':
    case 'applyModifier':
      return isStrictThroughout(expression.arg);
    default:
      return false;
  }
}

function flattenedJoin(join: BoundJoin, isNullable: boolean): Flat {
  const { type } = join;
  const isLateral = join.args.length > 0;
  const left = placeable(flattened(join.left, isNullable || type === 'right' || type === 'full'), join.left, {
    isOn: type === 'right',
    isNowhere: type === 'full',
  });
  const before = widthOf(join.left);
  const after = widthOf(left.relation);
  const overLeft = (expression: BoundExpression): BoundExpression => substituted(expression, left.column);
  const args = join.args.map(({ slot, value }) => ({ slot, value: overLeft(value) }));
  if (args.some(({ value }) => hasSubquery(value))) return unchanged(join);
  const nullableRight = isNullable || type === 'left' || type === 'full';
  const right = isLateral
    ? flattenedLateral(join.right, args, nullableRight, after)
    : beside(flattened(join.right, nullableRight), after);
  const placed = placeable(right, join.right, { isOn: type === 'left', isNowhere: type === 'full' }, after);
  const isLoose = isLateral && placed.relation !== join.right;
  if (left.relation === join.left && placed.relation === join.right) return unchanged(join);
  const column = (each: Column): BoundExpression =>
    each.index < before ? left.column(each) : placed.column({ ...each, index: each.index - before });
  const own = join.condition === undefined ? [] : conjuncts(substituted(join.condition, column));
  // Of a row that is not joined any more than by its values, conditions on one side are better tested there.
  const here = [...(type === 'right' ? left.conditions : []), ...(type === 'left' ? placed.conditions : []), ...own];
  const above = [...(type === 'right' ? [] : left.conditions), ...(type === 'left' ? [] : placed.conditions)];
  if (type === 'inner' && isUnit(left.relation) && (isLoose || !isLateral)) {
    return { relation: placed.relation, column, conditions: [...above, ...here] };
  }
  const relation: BoundJoin = {
    ...join,
    left: left.relation,
    right: placed.relation,
    condition: here.length === 0 ? undefined : conjunction(here),
    args: isLoose ? [] : args,
  };
  return { relation, column, conditions: above };
}

/** What stands to the right of a join, over its row. */
function beside(flat: Flat, offset: number): Flat {
  return {
    relation: flat.relation,
    column: (column) => shifted(flat.column(column), offset),
    conditions: flat.conditions.map((each) => shifted(each, offset)),
  };
}

/** A LATERAL query that reads the row to its left no deeper than in its columns and conditions, as what it reads from. */
function flattenedLateral(
  relation: BoundRelation,
  args: readonly BoundArgument[],
  isNullable: boolean,
  offset: number,
): Flat {
  const outer = new Map(args.map(({ slot, value }) => [slot, value]));
  const query = simpleQuery(relation, isNullable);
  if (query === undefined || mentionsSlot(query.from, outer)) return beside(unchanged(relation), offset);
  const conditions = query.where === undefined ? [] : conjuncts(query.where);
  if (conditions.some((each) => hasSubquery(each) && mentionsSlot(each, outer))) {
    return beside(unchanged(relation), offset);
  }
  const over = (expression: BoundExpression): BoundExpression => withOuter(shifted(expression, offset), outer);
  return {
    relation: query.from,
    column: ({ index }) => over(query.columns[index]!.expression),
    conditions: conditions.map(over),
  };
}

/** The relation as it was given, where its conditions would have no place, or a bad one: a join cannot wait for a subquery. */
function placeable(
  flat: Flat,
  given: BoundRelation,
  { isOn, isNowhere }: { readonly isOn: boolean; readonly isNowhere: boolean },
  offset = 0,
): Flat {
  const fits = isNowhere ? flat.conditions.length === 0 : !isOn || !flat.conditions.some(hasSubquery);
  return fits ? flat : beside(unchanged(given), offset);
}

/** One row without columns. */
function isUnit(relation: BoundRelation): boolean {
  if (relation.kind !== 'derived' || relation.query.kind !== 'values') return false;
  return relation.query.rows.length === 1 && relation.query.columns.length === 0;
}
