/** Binds SELECT and VALUES: over tables joined from left to right, or none. What else SQL allows here is refused by name. */

import type { Node, SelectStmt } from '@pgsql/types';
import { rowWidth } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { commonType, titleOf } from '../types/types.ts';
import type {
  BoundColumn,
  BoundExpression,
  BoundJoin,
  BoundLocking,
  BoundSelect,
  BoundSortKey,
  BoundValues,
} from './bound.ts';
import { leftmost, mapOperands, sameExpression } from './bound.ts';
import {
  type BindContext,
  type Clause,
  ExpressionBinder,
  entryAt,
  type Scope,
  type ScopeEntry,
} from './expression-binder.ts';
import { Grouping } from './grouping.ts';
import { kindOf, placeIn, stringOf, stringsOf, tableName } from './names.ts';

/** Finds tables by name; undefined for one that does not exist. All names of a statement are looked up before. */
export type FindTable = (name: string) => CatalogTable | undefined;

const TARGET: Clause = { title: 'SELECT', aggregates: 'allowed' };
const WHERE: Clause = { title: 'WHERE', aggregates: 'refused' };
const HAVING: Clause = { title: 'HAVING', aggregates: 'allowed' };
const GROUP_BY: Clause = { title: 'GROUP BY', aggregates: 'refused' };
const ORDER_BY: Clause = { title: 'ORDER BY', aggregates: 'allowed' };
const VALUES: Clause = { title: 'VALUES', aggregates: 'refused' };
const RETURNING: Clause = { title: 'RETURNING', aggregates: 'refused' };

/** @throws SqlError of any kind that a name, a type or a clause can be wrong in. */
export function bindSelect(select: SelectStmt, context: BindContext, findTable: FindTable): BoundSelect | BoundValues {
  refuseMissingClauses(select);
  if (select.valuesLists !== undefined) return bindValues(select, context);
  const { scope, joins } = bindFrom(select.fromClause ?? [], context, findTable);
  const binder = new ExpressionBinder(context, scope);
  const where = select.whereClause && binder.bindCondition(select.whereClause, WHERE);
  const columns = bindTargets(select.targetList ?? [], binder, TARGET);
  const having = select.havingClause && binder.bindCondition(select.havingClause, HAVING);
  const orderBy = (select.sortClause ?? []).map((node) => bindSortKey(node, columns, binder));
  const groupBy = select.groupClause?.map((node) => bindGroupKey(node, columns, binder));
  const distinct = select.distinctClause !== undefined;
  const grouped = groupBy !== undefined || having !== undefined || binder.aggregates.length > 0;
  const locking = bindLocking(select.lockingClause ?? [], scope);
  if (locking !== undefined) {
    refuseLocking(select, binder);
    if (joins.length > 0) throw notSupported('FOR UPDATE of several tables', placeIn(select.lockingClause));
  }
  if (distinct) checkDistinctOrder(columns, orderBy);
  const limit = bindRowCount(select.limitCount, 'LIMIT', context);
  const offset = bindRowCount(select.limitOffset, 'OFFSET', context);
  const shared = {
    kind: 'select',
    from: scope?.[0]?.table,
    joins,
    where,
    distinct,
    limit,
    offset,
    locking: scope === undefined ? undefined : locking,
  } as const;
  if (!grouped) return { ...shared, grouping: undefined, columns, orderBy };
  const grouping = new Grouping(groupBy ?? [], scope);
  for (const { expression } of columns) grouping.check(expression);
  if (having !== undefined) grouping.check(having);
  for (const { expression } of orderBy) grouping.check(expression);
  const over = <C extends { readonly expression: BoundExpression }>(each: C): C => ({
    ...each,
    expression: grouping.rewrite(each.expression),
  });
  return {
    ...shared,
    columns: columns.map(over),
    orderBy: orderBy.map(over),
    grouping: {
      groupBy: groupBy && grouping.keys,
      aggregates: binder.aggregates,
      having: having && grouping.rewrite(having),
    },
  };
}

/** As PostgreSQL words it, the first reason of several. */
function refuseLocking(select: SelectStmt, binder: ExpressionBinder): void {
  const reason =
    select.distinctClause !== undefined
      ? 'DISTINCT clause'
      : select.groupClause !== undefined
        ? 'GROUP BY clause'
        : select.havingClause !== undefined
          ? 'HAVING clause'
          : binder.aggregates.length > 0
            ? 'aggregate functions'
            : undefined;
  if (reason === undefined) return;
  throw new SqlError('feature_not_supported', `FOR UPDATE is not allowed with ${reason}`);
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

/** A number is a position in the result; a bare name is a column of the table first, then a result column. */
function bindGroupKey(node: Node, columns: readonly BoundColumn[], binder: ExpressionBinder): BoundExpression {
  if ('GroupingSet' in node) throw notSupported('a grouping set', node.GroupingSet.location);
  let found: BoundExpression | undefined;
  let location: number | undefined;
  if ('A_Const' in node && node.A_Const.isnull !== true) {
    location = node.A_Const.location;
    const { ival } = node.A_Const;
    if (ival === undefined) throw new SqlError('syntax_error', 'non-integer constant in GROUP BY', { location });
    found = columns[(ival.ival ?? 0) - 1]?.expression;
    if (found === undefined) {
      const message = `GROUP BY position ${ival.ival ?? 0} is not in select list`;
      throw new SqlError('invalid_column_reference', message, { location });
    }
  } else if ('ColumnRef' in node && (node.ColumnRef.fields ?? []).length === 1) {
    const name = stringsOf(node.ColumnRef.fields)[0]!;
    const isColumn =
      binder.scope?.some(({ table }) => table.table.columns.some((column) => column.name === name)) === true;
    const named = isColumn ? [] : columns.filter((column) => column.name === name);
    found = named[0]?.expression;
    if (named.length > 1 && !named.every((each) => sameExpression(each.expression, found))) {
      throw new SqlError('ambiguous_column', `GROUP BY "${name}" is ambiguous`, { location: node.ColumnRef.location });
    }
  }
  if (found === undefined) return binder.settle(binder.bind(node, GROUP_BY));
  const aggregate = aggregateIn(found);
  if (aggregate === undefined) return found;
  throw new SqlError('grouping_error', 'aggregate functions are not allowed in GROUP BY', {
    location: aggregate.location,
  });
}

function aggregateIn(expression: BoundExpression): BoundExpression | undefined {
  if (expression.kind === 'column') return expression.aggregate === true ? expression : undefined;
  let found: BoundExpression | undefined;
  mapOperands(expression, (operand) => {
    found ??= aggregateIn(operand);
    return operand;
  });
  return found;
}

function refuseMissingClauses(select: SelectStmt): void {
  if (select.op !== undefined && select.op !== 'SETOP_NONE')
    throw notSupported(select.op.replace('SETOP_', ''), placeIn(select.rarg));
  if (select.withClause !== undefined) throw notSupported('WITH', select.withClause.location);
  if (select.intoClause !== undefined) throw notSupported('SELECT INTO', placeIn(select.intoClause));
  // DISTINCT alone is a list of one empty node.
  if (select.distinctClause?.some((node) => Object.keys(node).length > 0) === true) {
    throw notSupported('SELECT DISTINCT ON', placeIn(select.distinctClause));
  }
  if (select.groupDistinct === true) throw notSupported('GROUP BY DISTINCT', placeIn(select.groupClause));
  if (select.windowClause !== undefined) throw notSupported('WINDOW', placeIn(select.windowClause));
  if (select.limitOption === 'LIMIT_OPTION_WITH_TIES')
    throw notSupported('FETCH FIRST … WITH TIES', placeIn(select.limitCount));
}

const ON: Clause = { title: 'JOIN/ON', aggregates: 'refused', place: 'JOIN conditions' };

/** Tables one after another, each joined to those before it. */
function bindFrom(
  nodes: readonly Node[],
  context: BindContext,
  findTable: FindTable,
): { readonly scope: Scope | undefined; readonly joins: readonly BoundJoin[] } {
  const scope: ScopeEntry[] = [];
  const joins: BoundJoin[] = [];
  const add = (node: Node): ScopeEntry => {
    const last = scope.at(-1);
    const entry = bindRelation(node, last === undefined ? 0 : last.offset + rowWidth(last.table.table), findTable);
    if (scope.some((other) => other.alias === entry.alias)) {
      throw new SqlError('duplicate_alias', `table name "${entry.alias}" specified more than once`);
    }
    scope.push(entry);
    return entry;
  };
  /** @param first Where the tables of this item of the list begin: its conditions see no others. */
  const bind = (node: Node, first: number): void => {
    if (!('JoinExpr' in node)) {
      const { table, offset } = add(node);
      if (offset > 0) joins.push({ table, offset, outer: false, condition: undefined });
      return;
    }
    const { jointype, larg, rarg, quals, isNatural, usingClause, alias } = node.JoinExpr;
    const place = placeIn(node);
    if (jointype !== 'JOIN_INNER' && jointype !== 'JOIN_LEFT') {
      throw notSupported(`${(jointype ?? '').replace('JOIN_', '')} JOIN`, place);
    }
    if (isNatural === true) throw notSupported('NATURAL JOIN', place);
    if (usingClause !== undefined) throw notSupported('JOIN … USING', place);
    if (alias !== undefined) throw notSupported('an alias of a join', place);
    if ('JoinExpr' in rarg!) throw notSupported('a join on the right of a join', placeIn(rarg));
    bind(larg!, first);
    const { table, offset } = add(rarg!);
    const binder = new ExpressionBinder(context, scope.slice(first));
    const condition = quals && binder.bindCondition(quals, ON);
    joins.push({ table, offset, outer: jointype === 'JOIN_LEFT', condition });
  };
  for (const node of nodes) bind(node, scope.length);
  return { scope: scope.length === 0 ? undefined : scope, joins };
}

function bindRelation(node: Node, offset: number, findTable: FindTable): ScopeEntry {
  if ('RangeSubselect' in node) throw notSupported('a subquery in FROM', placeIn(node));
  if ('RangeFunction' in node) throw notSupported('a function in FROM', placeIn(node));
  if (!('RangeVar' in node)) throw notSupported(`${kindOf(node)} in FROM`);
  return { ...bindTable(node.RangeVar, findTable), offset };
}

/** @throws SqlError `undefined_table`. */
export function bindTable(range: Parameters<typeof tableName>[0], findTable: FindTable): ScopeEntry {
  const name = tableName(range);
  if (range.alias?.colnames !== undefined) throw notSupported('a list of column aliases', range.location);
  const table = findTable(name);
  if (table === undefined) {
    throw new SqlError('undefined_table', `relation "${name}" does not exist`, { location: range.location });
  }
  return { table, alias: range.alias?.aliasname ?? name, offset: 0 };
}

export function bindReturning(nodes: readonly Node[] | undefined, binder: ExpressionBinder): BoundColumn[] | undefined {
  return nodes === undefined ? undefined : bindTargets(nodes, binder, RETURNING);
}

function bindTargets(nodes: readonly Node[], binder: ExpressionBinder, clause: Clause): BoundColumn[] {
  const columns: BoundColumn[] = [];
  for (const node of nodes) {
    if (!('ResTarget' in node)) throw notSupported(`${kindOf(node)} in a target list`);
    const { name, val, location } = node.ResTarget;
    if (val !== undefined && isStar(val)) {
      columns.push(...expandStar(val, binder, location));
      continue;
    }
    const expression = binder.settle(binder.bind(val!, clause));
    columns.push({ name: name ?? columnNameOf(val!), expression, origin: originOf(expression, binder, val!) });
  }
  return columns;
}

function isStar(node: Node): boolean {
  return 'ColumnRef' in node && (node.ColumnRef.fields ?? []).some((field) => 'A_Star' in field);
}

function expandStar(node: Node, binder: ExpressionBinder, location: number | undefined): BoundColumn[] {
  const { scope } = binder;
  if (scope === undefined) {
    throw new SqlError('syntax_error', 'SELECT * with no tables specified is not valid', { location });
  }
  const [qualifier, ...rest] = 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
  if (rest.length > 1) throw notSupported('a column name qualified by a schema', location);
  const entries = rest.length === 1 ? scope.filter((entry) => entry.alias === stringOf(qualifier)) : scope;
  if (entries.length === 0) {
    throw new SqlError('undefined_table', `missing FROM-clause entry for table "${stringOf(qualifier)}"`, { location });
  }
  return entries.flatMap((entry) =>
    binder.columns(entry, location).map((expression, position) => ({
      name: entry.table.table.columns[position]!.name,
      expression,
      origin: { table: entry.table, position },
    })),
  );
}

function originOf(expression: BoundExpression, binder: ExpressionBinder, node: Node): BoundColumn['origin'] {
  if (expression.kind !== 'column' || binder.scope === undefined || !('ColumnRef' in node)) return undefined;
  const { table, offset } = entryAt(binder.scope, expression.index);
  return { table, position: expression.index - offset };
}

/** The name of a result column without AS. */
function columnNameOf(node: Node): string {
  return suggestedName(node)?.name ?? '?column?';
}

/** By PostgreSQL's FigureColname: a weak name gives way to that of a cast or CASE around it. */
function suggestedName(node: Node): { readonly name: string; readonly weak: boolean } | undefined {
  const strong = (name: string) => ({ name, weak: false });
  if ('ColumnRef' in node) return strong(stringsOf(node.ColumnRef.fields).at(-1)!);
  if ('FuncCall' in node) return strong(stringsOf(node.FuncCall.funcname).at(-1)!);
  if ('TypeCast' in node) {
    const inner = suggestedName(node.TypeCast.arg!);
    if (inner !== undefined && !inner.weak) return inner;
    return { name: stringsOf(node.TypeCast.typeName?.names).at(-1)!, weak: true };
  }
  if ('SQLValueFunction' in node) return strong((node.SQLValueFunction.op ?? '').replace('SVFOP_', '').toLowerCase());
  if ('CoalesceExpr' in node) return strong('coalesce');
  if ('CaseExpr' in node) {
    const inner = node.CaseExpr.defresult && suggestedName(node.CaseExpr.defresult);
    return inner !== undefined && !inner.weak ? inner : { name: 'case', weak: true };
  }
  if ('MinMaxExpr' in node) return strong(node.MinMaxExpr.op === 'IS_GREATEST' ? 'greatest' : 'least');
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return strong('nullif');
  return undefined;
}

function bindSortKey(node: Node, columns: readonly BoundColumn[], binder: ExpressionBinder): BoundSortKey {
  if (!('SortBy' in node)) throw notSupported(`${kindOf(node)} in ORDER BY`);
  const { node: subject, sortby_dir, sortby_nulls } = node.SortBy;
  if (sortby_dir === 'SORTBY_USING') throw notSupported('ORDER BY … USING', node.SortBy.location);
  const descending = sortby_dir === 'SORTBY_DESC';
  return {
    expression: bindSortExpression(subject!, columns, binder),
    descending,
    nullsFirst: sortby_nulls === 'SORTBY_NULLS_FIRST' || (sortby_nulls !== 'SORTBY_NULLS_LAST' && descending),
  };
}

/** A number is a position in the result, a bare name first a result column, then a column of the table. */
function bindSortExpression(node: Node, columns: readonly BoundColumn[], binder: ExpressionBinder): BoundExpression {
  if ('A_Const' in node && node.A_Const.isnull !== true) {
    const { ival, location } = node.A_Const;
    if (ival === undefined) throw new SqlError('syntax_error', 'non-integer constant in ORDER BY', { location });
    const column = columns[(ival.ival ?? 0) - 1];
    if (column !== undefined) return column.expression;
    throw new SqlError('invalid_column_reference', `ORDER BY position ${ival.ival ?? 0} is not in select list`, {
      location,
    });
  }
  if ('ColumnRef' in node && (node.ColumnRef.fields ?? []).length === 1) {
    const name = stringsOf(node.ColumnRef.fields)[0]!;
    const named = columns.filter((column) => column.name === name);
    const [first, ...others] = named;
    if (first !== undefined) {
      if (others.every((other) => JSON.stringify(shape(other)) === JSON.stringify(shape(first))))
        return first.expression;
      throw new SqlError('ambiguous_column', `ORDER BY "${name}" is ambiguous`, { location: node.ColumnRef.location });
    }
  }
  return binder.settle(binder.bind(node, ORDER_BY));
}

/** Two result columns of one name are no ambiguity when both are the same column. */
function shape(column: BoundColumn): unknown {
  return column.expression.kind === 'column' ? column.expression.index : column.expression.location;
}

function bindRowCount(node: Node | undefined, title: string, context: BindContext): BoundExpression | undefined {
  if (node === undefined) return undefined;
  // LIMIT ALL and LIMIT NULL are no limit.
  const binder = new ExpressionBinder(context, undefined);
  const bound = binder.bind(node, { title, aggregates: 'refused' });
  const coerced = binder.tryCoerce(bound, 'int8', -1, 'assignment');
  if (coerced !== undefined && bound.type !== 'text') return coerced;
  throw new SqlError('datatype_mismatch', `argument of ${title} must be type bigint, not type ${titleOf(bound.type)}`, {
    location: leftmost(bound),
  });
}

function bindLocking(nodes: readonly Node[], scope: Scope | undefined): BoundLocking | undefined {
  let locking: BoundLocking | undefined;
  for (const node of nodes) {
    if (!('LockingClause' in node)) continue;
    const { lockedRels, strength, waitPolicy } = node.LockingClause;
    for (const relation of lockedRels ?? []) {
      if (!('RangeVar' in relation) || scope?.some((entry) => entry.alias === relation.RangeVar.relname)) continue;
      const { relname, location } = relation.RangeVar;
      throw new SqlError('undefined_table', `relation "${relname}" in FOR UPDATE clause not found in FROM clause`, {
        location,
      });
    }
    const exclusive = strength === 'LCS_FORUPDATE' || strength === 'LCS_FORNOKEYUPDATE';
    locking = {
      mode: exclusive || locking?.mode === 'exclusive' ? 'exclusive' : 'share',
      wait: waitPolicy === 'LockWaitError' ? 'nowait' : waitPolicy === 'LockWaitSkip' ? 'skip' : 'block',
    };
  }
  return locking;
}

function bindValues(select: SelectStmt, context: BindContext): BoundValues {
  if (select.sortClause !== undefined || select.limitCount !== undefined || select.limitOffset !== undefined) {
    throw notSupported(
      'ORDER BY or LIMIT of VALUES',
      placeIn(select.sortClause ?? select.limitCount ?? select.limitOffset),
    );
  }
  const binder = new ExpressionBinder(context, undefined);
  const rows = (select.valuesLists ?? []).map((list) =>
    ('List' in list ? (list.List.items ?? []) : []).map((item) => binder.bind(item, VALUES)),
  );
  const width = rows[0]?.length ?? 0;
  const types = Array.from({ length: width }, (_, i) => {
    for (const row of rows) {
      if (row.length !== width) {
        throw new SqlError('syntax_error', 'VALUES lists must all be the same length', { location: row[0]?.location });
      }
    }
    const type = commonType(rows.map((row) => row[i]!.type));
    if (type !== undefined) return type;
    const first = rows.map((row) => row[i]!).find((each) => each.type !== 'unknown')!;
    const other = rows.map((row) => row[i]!).find((each) => commonType([first.type, each.type]) === undefined) ?? first;
    throw new SqlError(
      'datatype_mismatch',
      `VALUES types ${titleOf(first.type)} and ${titleOf(other.type)} cannot be matched`,
      { location: leftmost(other) },
    );
  });
  const coerced = rows.map((row) => row.map((each, i) => binder.coerce(each, types[i]!, -1, 'implicit')));
  return {
    kind: 'values',
    rows: coerced,
    columns: types.map((type, index) => ({
      name: `column${index + 1}`,
      expression: { kind: 'column', type, modifier: -1, location: undefined, index },
      origin: undefined,
    })),
  };
}
