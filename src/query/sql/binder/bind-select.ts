/**
 * Binds SELECT without what puts queries together (bind-query.ts): FROM, the result, and the clauses around them, in the
 * order of PostgreSQL's transformSelectStmt (analyze.c), which decides the error that is reported of several.
 */

import type { Node, SelectStmt } from '@pgsql/types';
import { notSupported, SqlError } from '../sql-error.ts';
import { titleOf } from '../types/types.ts';
import { directArguments } from './bind-aggregate.ts';
import { bindFrom } from './bind-from.ts';
import { bindLocking, lockingTitle } from './bind-locking.ts';
import { bindTargets, settledTargets } from './bind-targets.ts';
import type { Windows } from './bind-window.ts';
import {
  type BoundColumn,
  type BoundExpression,
  type BoundSelect,
  type BoundSortKey,
  type BoundWindowCalls,
  columnAt,
  columnsOf,
  conjuncts,
  leftmost,
  mapOperands,
  sameExpression,
  someExpression,
  someOperand,
  widthOf,
} from './bound.ts';
import { requireEquality, requireOrder } from './comparable.ts';
import { type Clause, ExpressionBinder } from './expression-binder.ts';
import { Grouping } from './grouping.ts';
import { bindGroupBy } from './grouping-sets.ts';
import { mapExpressions, mapResult } from './map-result.ts';
import { kindOf, placeIn, stringsOf } from './names.ts';
import { withReducedJoins } from './outer-joins.ts';
import type { BindContext, QueryContext } from './query-context.ts';
import { type Frame, Scope } from './scope.ts';
import { type EarlySets, earlySets, isSet, setsInOrder, setsReadBy } from './set-calls.ts';
import { bindSortKeys, sortDirection } from './sort-keys.ts';

const TARGET: Clause = { title: 'SELECT', aggregates: 'allowed', windows: 'allowed' };
const WHERE: Clause = { title: 'WHERE', aggregates: 'refused' };
const HAVING: Clause = { title: 'HAVING', aggregates: 'allowed' };
const GROUP_BY: Clause = { title: 'GROUP BY', aggregates: 'refused', sets: 'allowed' };
const ORDER_BY: Clause = { title: 'ORDER BY', aggregates: 'allowed', windows: 'allowed' };
const DISTINCT_ON: Clause = { title: 'DISTINCT ON', aggregates: 'allowed', windows: 'allowed' };

/**
 * One SELECT that is no set operation and no VALUES, without its WITH.
 * @param keepsUnknown See `bindTargets`.
 * @throws SqlError of any kind that a name, a type or a clause can be wrong in.
 */
export function bindSimpleSelect(
  select: SelectStmt,
  context: QueryContext,
  frame: Frame,
  keepsUnknown: boolean,
): BoundSelect {
  refuseMissingClauses(select);
  const named = bindFrom(select.fromClause ?? [], context, frame);
  const scope = new Scope(frame, named?.items ?? []);
  const binder = new ExpressionBinder(context, scope);
  binder.windows.name(select.windowClause ?? []);
  const open = bindTargets(select.targetList ?? [], binder, TARGET, true);
  const where = select.whereClause && binder.bindCondition(select.whereClause, WHERE);
  // Rows of both sides can be locked where there always are both.
  const from =
    select.lockingClause === undefined || named === undefined || where === undefined
      ? named
      : { ...named, relation: withReducedJoins(named.relation, conjuncts(where)) };
  const having = select.havingClause && binder.bindCondition(select.havingClause, HAVING);
  const orderBy = bindSortKeys(select.sortClause, (node) => bindSortKey(node, open, binder));
  const groupBy =
    select.groupClause &&
    bindGroupBy(
      select.groupClause,
      (node) => {
        const key = bindGroupKey(node, open, binder);
        requireEquality(key, node);
        return key;
      },
      select.groupDistinct === true,
    );
  const distinction = bindDistinct(select, open, binder);
  checkDistinct(distinction, open, orderBy);
  const offset = bindRowCount(select.limitOffset, 'OFFSET', context, scope);
  const limit = bindRowCount(select.limitCount, 'LIMIT', context, scope);
  const withTies = withTiesOf(select);
  binder.windows.finish(binder);
  const columns = keepsUnknown ? open : settledTargets(open, binder);
  const grouped =
    groupBy !== undefined || having !== undefined || binder.aggregates.length > 0 || binder.groupings.length > 0;
  const { lockingClause } = select;
  if (lockingClause !== undefined) refuseLocking(select, binder, lockingTitle(lockingClause[0]));
  const locking = lockingClause && bindLocking(lockingClause, from?.relation);
  const { distinct, on } = distinction;
  const { bound: windows } = binder.windows;
  // What rows are grouped or put into windows by is there before.
  const keys = grouped ? (groupBy?.keys ?? []) : windows.flatMap(({ window }) => keysOf(window));
  const first = binder.sets.length === 0 ? NO_SETS : setsReadBy(keys, binder.sets);
  const early = first.size === 0 ? undefined : earlySets(from?.relation, where, binder.sets, first);
  const shared = {
    from: early === undefined ? from?.relation : early.relation,
    where: early === undefined ? where : undefined,
    distinct,
    limit,
    offset,
    withTies,
    locking,
  };
  const parts: SelectParts = { shared, columns, orderBy, on, windows, first, early };
  return grouped ? overGroups(parts, groupBy, having, binder, scope) : overRows(parts, binder);
}

interface Distinction {
  readonly distinct: boolean;
  /** Of DISTINCT ON, each once; and as written. */
  readonly on: readonly BoundExpression[];
  readonly nodes: readonly Node[];
}

function bindDistinct({ distinctClause }: SelectStmt, columns: BoundColumn[], binder: ExpressionBinder): Distinction {
  // DISTINCT alone is a list of one empty node.
  const nodes = distinctClause?.filter((node) => Object.keys(node).length > 0) ?? [];
  const on: BoundExpression[] = [];
  for (const node of nodes) {
    const key = bindColumnOr(node, columns, binder, DISTINCT_ON);
    if (!on.some((each) => sameExpression(each, key))) on.push(key);
  }
  const distinct = distinctClause !== undefined && nodes.length === 0;
  if (distinct) for (const { expression } of columns) settledKey(expression, columns, binder);
  return { distinct, on, nodes };
}

/** A key that no type was found for is text, and so is the column that it is, which may have been left open until then. */
function settledKey(key: BoundExpression, columns: BoundColumn[], binder: ExpressionBinder): BoundExpression {
  if (key.type !== 'unknown') return key;
  const at = columns.findIndex(({ expression }) => sameExpression(expression, key));
  const settled = binder.settle(key);
  if (at >= 0) columns[at] = { ...columns[at]!, expression: settled };
  return settled;
}

/** @throws SqlError for what cannot be compared, and for an order that what is to be distinct does not go along with. */
function checkDistinct(
  { distinct, on, nodes }: Distinction,
  columns: readonly BoundColumn[],
  orderBy: readonly BoundSortKey[],
): void {
  if (distinct) {
    for (const { expression } of columns) requireEquality(expression);
    checkDistinctOrder(columns, orderBy);
  }
  for (const [i, each] of on.entries()) requireEquality(each, nodes[i]);
  if (on.length > 0) checkDistinctOnOrder(on, orderBy, nodes);
}

/** What a SELECT reads and gives, bound, its expressions over the rows of FROM. */
interface SelectParts {
  readonly shared: Pick<BoundSelect, 'from' | 'where' | 'distinct' | 'limit' | 'offset' | 'withTies' | 'locking'>;
  readonly columns: BoundSelect['columns'];
  readonly orderBy: BoundSelect['orderBy'];
  /** Of DISTINCT ON. */
  readonly on: readonly BoundExpression[];
  readonly windows: Windows['bound'];
  /** Sets that come before grouping or windows, and the rows with them. */
  readonly first: ReadonlySet<number>;
  readonly early: EarlySets | undefined;
}

/** All that is computed of each row in the end. */
function readBy({ columns, orderBy, on, windows }: SelectParts): BoundExpression[] {
  return [...[...columns, ...orderBy].map(({ expression }) => expression), ...on, ...windows.flatMap(expressionsOf)];
}

/** Without groups. */
function overRows(parts: SelectParts, binder: ExpressionBinder): BoundSelect {
  const { shared, columns, orderBy, on, windows, first, early } = parts;
  const distinctOn = on.length === 0 ? undefined : on;
  const known = (each: BoundExpression): boolean => isSet(each) && each.kind === 'column' && first.has(each.index);
  const places = early === undefined ? new Set(binder.sets.keys()) : setsReadBy(readBy(parts), binder.sets, known);
  const sets = setsInOrder(binder.sets, places);
  const place = placing(binder, shared.from === undefined ? 0 : widthOf(shared.from), sets.placeOf);
  const over = early === undefined ? place : (each: BoundExpression) => (place ?? same)(early.over(each));
  return selectOf(shared, {
    grouping: undefined,
    windows: windows.map((each) => mapWindow(each, early === undefined ? same : early.over)),
    sets: over === undefined ? [] : sets.ordered.map((set) => ({ ...set, args: set.args.map(over) })),
    distinctOn: over === undefined ? distinctOn : distinctOn?.map(over),
    ...(over === undefined ? { columns, orderBy } : mapResult(parts, over)),
  });
}

/** With groups: what is computed of them reads their keys and aggregates only. */
function overGroups(
  parts: SelectParts,
  groupBy: ReturnType<typeof bindGroupBy> | undefined,
  having: BoundExpression | undefined,
  binder: ExpressionBinder,
  scope: Scope,
): BoundSelect {
  const { shared, columns, orderBy, on, windows, early } = parts;
  const { aggregates, groupings } = binder;
  const own = groupBy?.keys ?? [];
  // What is in every set is never null because it is left out, and may decide other columns.
  const common = own.filter((_, place) => groupBy?.sets?.every((set) => set.includes(place)) ?? true);
  const grouping = new Grouping(own, scope, aggregates.length, common);
  const directs = aggregates.map(directArguments);
  for (const each of directs.flat()) grouping.checkDirect(each);
  for (const { expression } of columns) grouping.check(expression);
  if (having !== undefined) grouping.check(having);
  for (const { expression } of orderBy) grouping.check(expression);
  for (const each of on) grouping.check(each);
  for (const each of windows) {
    mapWindow(each, (expression) => {
      grouping.check(expression);
      return expression;
    });
  }
  const places = setsReadBy(readBy(parts), binder.sets, (each) => grouping.isKey(each));
  refuseLateSets(windows, binder, (each) => grouping.isKey(each));
  const sets = setsInOrder(binder.sets, places);
  for (const { args } of sets.ordered) for (const arg of args) grouping.check(arg);
  const decided = grouping.keys.flatMap((_, at) => (at < own.length ? [] : [at]));
  const place = placing(binder, grouping.keys.length + aggregates.length + groupings.length, sets.placeOf) ?? same;
  const over = (expression: BoundExpression): BoundExpression => place(grouping.rewrite(expression));
  return selectOf(shared, {
    windows: windows.map((each) => mapWindow(each, over)),
    sets: sets.ordered.map((set) => ({ ...set, args: set.args.map(over) })),
    distinctOn: on.length === 0 ? undefined : on.map(over),
    ...mapResult(parts, over),
    grouping: {
      groupBy: groupBy && (early === undefined ? grouping.keys : grouping.keys.map(early.over)),
      written: grouping.keys.length > own.length ? own.length : undefined,
      sets: groupBy?.sets?.map((set) => [...set, ...decided]),
      aggregates:
        groupBy?.sets === undefined
          ? aggregates
          : aggregates.map((each, i) => ({
              ...each,
              direct: directs[i]!.every((direct) => columnsOf(direct).size === 0)
                ? undefined
                : directs[i]!.map((direct) => grouping.rewrite(direct)),
            })),
      groupings: groupings.map(({ args, location }) => args.map((arg) => grouping.requireKey(arg, location))),
      having: having && grouping.rewrite(having),
    },
  });
}

/** All queries have their fields in one order: what plans them meets objects of one shape. */
function selectOf(
  { from, where, distinct, limit, offset, withTies, locking }: SelectParts['shared'],
  {
    grouping,
    windows,
    sets,
    distinctOn,
    columns,
    orderBy,
  }: Pick<BoundSelect, 'grouping' | 'windows' | 'sets' | 'distinctOn' | 'columns' | 'orderBy'>,
): BoundSelect {
  return {
    kind: 'select',
    from,
    where,
    grouping,
    windows,
    sets,
    distinct,
    distinctOn,
    columns,
    orderBy,
    limit,
    offset,
    withTies,
    locking,
  };
}

const NO_SETS: ReadonlySet<number> = new Set();
const same = (expression: BoundExpression): BoundExpression => expression;

/** What a window puts rows together and in order by. */
function keysOf({ partitionBy, orderBy }: BoundWindowCalls['window']): readonly BoundExpression[] {
  return [...partitionBy, ...orderBy.map(({ expression }) => expression)];
}

function expressionsOf({ window, calls }: Windows['bound'][number]): readonly BoundExpression[] {
  return [...keysOf(window), ...calls.flatMap(({ call: { args, filter } }) => (filter ? [...args, filter] : args))];
}

/** Windows look at groups before sets multiply them. @throws SqlError `feature_not_supported`. */
function refuseLateSets(
  windows: Windows['bound'],
  binder: ExpressionBinder,
  isKey: (expression: BoundExpression) => boolean,
): void {
  const keys = windows.flatMap(({ window }) => keysOf(window));
  if (setsReadBy(keys, binder.sets, isKey).size === 0) return;
  throw notSupported('a set-returning function in a window over groups that are not made by it');
}

/** Puts results of window functions and of functions that return sets where they will be: behind a row of `width`. */
function placing(
  binder: ExpressionBinder,
  width: number,
  placeOfSet: (index: number) => number,
): ((expression: BoundExpression) => BoundExpression) | undefined {
  const { windows, sets } = binder;
  if (windows.count === 0 && sets.length === 0) return undefined;
  const place = (expression: BoundExpression): BoundExpression => {
    if (expression.kind !== 'column') return mapOperands(expression, place);
    if (expression.computed === 'window') return columnAt(width + windows.placeOf(expression.index), expression);
    if (expression.computed === 'set')
      return columnAt(width + windows.count + placeOfSet(expression.index), expression);
    return expression;
  };
  return place;
}

function mapWindow(
  { window, calls }: Windows['bound'][number],
  map: (expression: BoundExpression) => BoundExpression,
): BoundWindowCalls {
  return {
    window: {
      ...window,
      partitionBy: window.partitionBy.map(map),
      orderBy: mapExpressions(window.orderBy, map),
    },
    calls: calls.map(({ call }) => ({
      ...call,
      args: call.args.map(map),
      filter: call.filter && map(call.filter),
    })),
  };
}

/** As PostgreSQL words it, the first reason of several. */
function refuseLocking(select: SelectStmt, binder: ExpressionBinder, title: string): void {
  const reason =
    select.distinctClause !== undefined
      ? 'DISTINCT clause'
      : select.groupClause !== undefined
        ? 'GROUP BY clause'
        : select.havingClause !== undefined
          ? 'HAVING clause'
          : binder.aggregates.length > 0
            ? 'aggregate functions'
            : binder.windows.count > 0
              ? 'window functions'
              : binder.sets.length > 0
                ? 'set-returning functions in the target list'
                : undefined;
  if (reason === undefined) return;
  throw new SqlError('feature_not_supported', `${title} is not allowed with ${reason}`);
}

/** What DISTINCT has made of the rows can only be sorted by what is left of them. */
function checkDistinctOrder(columns: readonly BoundColumn[], orderBy: readonly BoundSortKey[]): void {
  for (const { expression } of orderBy) {
    if (columns.some((column) => sameExpression(column.expression, expression))) continue;
    throw new SqlError(
      'invalid_column_reference',
      'for SELECT DISTINCT, ORDER BY expressions must appear in select list',
      { location: leftmost(expression) },
    );
  }
}

/** The first sort keys are those of DISTINCT ON, in any order. */
function checkDistinctOnOrder(
  on: readonly BoundExpression[],
  orderBy: readonly BoundSortKey[],
  nodes: readonly Node[],
): void {
  const refuse = (at: number): never => {
    const message = 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions';
    const node = nodes[at];
    // A subscript or a field, as it is written, has no place in PostgreSQL.
    const location = node !== undefined && 'A_Indirection' in node ? undefined : placeIn(node);
    throw new SqlError('invalid_column_reference', message, { location });
  };
  let isSkipped = false;
  for (const { expression } of orderBy) {
    const at = on.findIndex((each) => sameExpression(each, expression));
    if (at < 0) isSkipped = true;
    else if (isSkipped) refuse(at);
  }
  const rest = on.findIndex((each) => !orderBy.some(({ expression }) => sameExpression(expression, each)));
  if (isSkipped && rest >= 0) refuse(rest);
}

/** A number is a position in the result; a bare name is a column of FROM first, then a result column. */
function bindGroupKey(node: Node, columns: BoundColumn[], binder: ExpressionBinder): BoundExpression {
  let found = columnAtPosition(node, columns, 'GROUP BY');
  if (found === undefined && 'ColumnRef' in node && (node.ColumnRef.fields ?? []).length === 1) {
    const name = stringsOf(node.ColumnRef.fields)[0]!;
    const named = binder.scope?.hasColumn(name) === true ? [] : columns.filter((column) => column.name === name);
    found = named[0]?.expression;
    if (named.length > 1 && !named.every((each) => sameExpression(each.expression, found))) {
      throw new SqlError('ambiguous_column', `GROUP BY "${name}" is ambiguous`, { location: node.ColumnRef.location });
    }
  }
  found = settledKey(found ?? binder.bind(node, GROUP_BY), columns, binder);
  const aggregate = aggregateIn(found);
  if (aggregate === undefined) return found;
  throw new SqlError('grouping_error', 'aggregate functions are not allowed in GROUP BY', {
    location: aggregate.location,
  });
}

function aggregateIn(expression: BoundExpression): BoundExpression | undefined {
  if (expression.kind === 'column') return expression.computed === 'aggregate' ? expression : undefined;
  let found: BoundExpression | undefined;
  someOperand(expression, (operand) => {
    found = aggregateIn(operand);
    return found !== undefined;
  });
  return found;
}

/** The result column that a bare number stands for. @throws SqlError `invalid_column_reference`. */
function columnAtPosition(node: Node, columns: readonly BoundColumn[], title: string): BoundExpression | undefined {
  if (!('A_Const' in node)) return undefined;
  const { ival, location } = node.A_Const;
  if (ival === undefined) throw new SqlError('syntax_error', `non-integer constant in ${title}`, { location });
  const column = columns[(ival.ival ?? 0) - 1];
  if (column !== undefined) return column.expression;
  throw new SqlError('invalid_column_reference', `${title} position ${ival.ival ?? 0} is not in select list`, {
    location,
  });
}

function refuseMissingClauses(select: SelectStmt): void {
  if (select.intoClause !== undefined) throw notSupported('SELECT INTO', placeIn(select.intoClause));
}

/** @param columns A column without a type gets one where it is a key. */
export function bindSortKey(node: Node, columns: BoundColumn[], binder: ExpressionBinder): BoundSortKey {
  if (!('SortBy' in node)) throw notSupported(`${kindOf(node)} in ORDER BY`);
  const { node: subject } = node.SortBy;
  const expression = asShown(bindColumnOr(subject!, columns, binder, ORDER_BY), columns);
  requireOrder(expression, subject);
  return { expression, ...sortDirection(node) };
}

/** The column that computes the same: rows go by the value that they show, also where each time another would be computed. */
function asShown(key: BoundExpression, columns: readonly BoundColumn[]): BoundExpression {
  if (columns.some(({ expression }) => expression === key)) return key;
  return columns.find(({ expression }) => sameExpression(expression, key))?.expression ?? key;
}

/** A number is a position in the result, a bare name first a result column, then a column of FROM. */
function bindColumnOr(node: Node, columns: BoundColumn[], binder: ExpressionBinder, clause: Clause): BoundExpression {
  const positioned = columnAtPosition(node, columns, clause.title);
  if (positioned !== undefined) return settledKey(positioned, columns, binder);
  if ('ColumnRef' in node && (node.ColumnRef.fields ?? []).length === 1) {
    const name = stringsOf(node.ColumnRef.fields)[0]!;
    const named = columns.filter((column) => column.name === name);
    const [first, ...others] = named;
    if (first !== undefined) {
      if (others.every((other) => JSON.stringify(shape(other)) === JSON.stringify(shape(first))))
        return settledKey(first.expression, columns, binder);
      throw new SqlError('ambiguous_column', `${clause.title} "${name}" is ambiguous`, {
        location: node.ColumnRef.location,
      });
    }
  }
  return settledKey(binder.bind(node, clause), columns, binder);
}

/** Two result columns of one name are no ambiguity when both are the same column. */
function shape(column: BoundColumn): unknown {
  return column.expression.kind === 'column' ? column.expression.index : column.expression.location;
}

/** @throws SqlError `syntax_error` for ties in no order. */
export function withTiesOf({ limitOption, limitCount, sortClause }: SelectStmt): boolean {
  const withTies = limitOption === 'LIMIT_OPTION_WITH_TIES';
  if (withTies && limitCount !== undefined && 'A_Const' in limitCount && limitCount.A_Const.isnull === true) {
    const message = 'row count cannot be null in FETCH FIRST ... WITH TIES clause';
    throw new SqlError('invalid_row_count_in_limit_clause', message);
  }
  if (withTies && (sortClause ?? []).length === 0) {
    throw new SqlError('syntax_error', 'WITH TIES cannot be specified without ORDER BY clause');
  }
  return withTies;
}

/** LIMIT and OFFSET; LIMIT ALL and LIMIT NULL are no limit. */
export function bindRowCount(
  node: Node | undefined,
  title: string,
  context: BindContext,
  scope?: Scope,
): BoundExpression | undefined {
  if (node === undefined) return undefined;
  // Rows further out may be spoken of, those that are counted not.
  const binder = new ExpressionBinder(context, scope && new Scope(scope.frame, scope.items));
  const bound = binder.bind(node, { title, aggregates: 'refused' });
  const coerced = binder.tryCoerce(bound, 'int8', -1, 'assignment');
  let variable: BoundExpression | undefined;
  someExpression(bound, (each) => {
    if (each.kind === 'column') variable = each;
    return variable !== undefined;
  });
  if (variable !== undefined && coerced !== undefined) {
    throw new SqlError('invalid_column_reference', `argument of ${title} must not contain variables`, {
      location: variable.location,
    });
  }
  if (coerced !== undefined && bound.type !== 'text') return coerced;
  throw new SqlError('datatype_mismatch', `argument of ${title} must be type bigint, not type ${titleOf(bound.type)}`, {
    location: leftmost(bound),
  });
}
