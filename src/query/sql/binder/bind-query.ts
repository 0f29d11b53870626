/**
 * Binds queries as they are put together: WITH, set operations, VALUES, and what orders and limits their rows.
 *
 * The types of a set operation are found from left to right, two queries at a time; a literal without a type in one of
 * them becomes what the others are. A recursive query in WITH is a union of a term without and a term with itself.
 */

import type { CommonTableExpr, Node, SelectStmt, WithClause } from '@pgsql/types';
import { isAggregate } from '../functions/aggregates.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { commonType, type SqlType, titleWithModifier } from '../types/types.ts';
import { withFields } from './bind-array.ts';
import { lockingTitle } from './bind-locking.ts';
import { bindRowCount, bindSimpleSelect, bindSortKey, withTiesOf } from './bind-select.ts';
import { selectFrom } from './bind-subquery.ts';
import { expandStar, isStar } from './bind-targets.ts';
import {
  type BoundColumn,
  type BoundCte,
  type BoundExpression,
  type BoundRows,
  type BoundSetOperation,
  type BoundSortKey,
  type BoundValues,
  columnAt,
  leftmost,
} from './bound.ts';
import { noCommonType } from './common-type.ts';
import { requireEquality } from './comparable.ts';
import { type Clause, ExpressionBinder } from './expression-binder.ts';
import { placeIn, stringsOf } from './names.ts';
import { type BindContext, type FindTable, nested, type QueryContext } from './query-context.ts';
import { checkRecursiveTerm, referenceTo, refersTo } from './recursive-term.ts';
import { Frame, Scope, type ScopeItem } from './scope.ts';
import { firstTerm, withSearchAndCycle } from './search-cycle.ts';
import { bindSortKeys, sortDirection } from './sort-keys.ts';

const VALUES: Clause = { title: 'VALUES', aggregates: 'refused' };
const CYCLE: Clause = { title: 'CYCLE', aggregates: 'refused' };
const ORDER_BY: Clause = { title: 'ORDER BY', aggregates: 'refused' };

/** The context of a statement that queries stand in. */
export function queryContext(context: BindContext, findTable: FindTable): QueryContext {
  return {
    ...context,
    progress: context.progress ?? { depth: 0, slots: 0 },
    queries: { findTable, bind: (select, inside, frame) => bindQuery(select, inside, frame, false) },
  };
}

/** @param keepsUnknown See `bindTargets`. */
export function bindQuery(select: SelectStmt, context: QueryContext, frame: Frame, keepsUnknown: boolean): BoundRows {
  if (select.withClause === undefined) return bindBody(select, context, frame, keepsUnknown);
  const before = frame.ctes.length;
  const ctes = bindWith(select.withClause, context, frame);
  const query = bindBody(select, context, frame, keepsUnknown);
  frame.ctes.length = before;
  return { kind: 'with', ctes, query, columns: query.columns };
}

function bindBody(select: SelectStmt, context: QueryContext, frame: Frame, keepsUnknown: boolean): BoundRows {
  const isOperation = select.op !== undefined && select.op !== 'SETOP_NONE';
  if (!isOperation && select.valuesLists === undefined) {
    return bindSimpleSelect(select, context, frame, keepsUnknown);
  }
  const rows = isOperation ? bindSetOperation(select, context, frame) : bindValues(select, context, frame);
  const { sortClause, limitCount, limitOffset, lockingClause } = select;
  if (lockingClause !== undefined) {
    const what = isOperation ? 'UNION/INTERSECT/EXCEPT' : 'VALUES';
    const title = lockingTitle(lockingClause[0]);
    const message = isOperation ? `${title} is not allowed with ${what}` : `${title} cannot be applied to ${what}`;
    throw new SqlError('feature_not_supported', message);
  }
  if (sortClause === undefined && limitCount === undefined && limitOffset === undefined) return rows;
  const item = namesOf(rows.columns, isOperation ? undefined : '*VALUES*');
  if (!isOperation) frame.ranges.add(item);
  const binder = new ExpressionBinder(context, new Scope(frame, [item]));
  const columns = rows.columns.map((column, i) => ({ ...column, expression: columnAt(i, column.expression) }));
  const orderBy = bindSortKeys(sortClause, (node) =>
    isOperation ? bindResultSortKey(node, columns, binder) : bindSortKey(node, columns, binder),
  );
  const counted = new Scope(frame, isOperation ? [] : [item]);
  return {
    ...selectFrom(rows, columns),
    orderBy,
    offset: bindRowCount(limitOffset, 'OFFSET', context, counted),
    limit: bindRowCount(limitCount, 'LIMIT', context, counted),
    withTies: withTiesOf(select),
  };
}

/** What a query gives, under a name of PostgreSQL's that messages speak of. */
export function namesOf(given: readonly BoundColumn[], alias: string | undefined): ScopeItem {
  const columns = given.map(({ name, expression }, i) => ({
    name,
    expression: columnAt(i, expression),
    origin: undefined,
  }));
  return { alias, columns, open: true, offset: 0, table: undefined };
}

/** Rows of a set operation are sorted by what they are, not by what can be computed of them. */
function bindResultSortKey(node: Node, columns: BoundColumn[], binder: ExpressionBinder): BoundSortKey {
  const subject = 'SortBy' in node ? node.SortBy.node! : node;
  if ('A_Const' in subject || 'ColumnRef' in subject) return bindSortKey(node, columns, binder);
  const expression = binder.bind(subject, ORDER_BY);
  sortDirection(node);
  throw new SqlError('feature_not_supported', 'invalid UNION/INTERSECT/EXCEPT ORDER BY clause', {
    location: leftmost(expression),
    detail: 'Only result column names can be used, not expressions or functions.',
    hint: 'Add the expression/function to every SELECT, or move the UNION into a FROM clause.',
  });
}

const OPERATIONS: { readonly [O in string]?: BoundSetOperation['operation'] } = {
  SETOP_UNION: 'union',
  SETOP_INTERSECT: 'intersect',
  SETOP_EXCEPT: 'except',
};

function bindSetOperation(select: SelectStmt, context: QueryContext, frame: Frame): BoundRows {
  // A chain of operations leans to the left; it is walked, not descended.
  const steps: SelectStmt[] = [];
  let first = select;
  while (first.larg !== undefined && (first === select || isPlainOperation(first))) {
    steps.push(first);
    first = first.larg;
  }
  let result = bindPart(first, context, frame);
  for (const step of steps.reverse()) {
    const right = bindPart(step.rarg!, context, frame);
    const title = (step.op ?? '').replace('SETOP_', '');
    result = combine(result, right, title, OPERATIONS[step.op ?? '']!, step.all === true, context, step);
  }
  return result;
}

/** One query of a set operation; an operation in brackets is more of them. */
function bindPart(part: SelectStmt, context: QueryContext, frame: Frame, keepsUnknown = true): BoundRows {
  const bind = (): BoundRows => nested(context, () => bindQuery(part, context, frame, keepsUnknown));
  if (isPlainOperation(part)) return bind();
  const rows = frame.inPart(bind);
  frame.ranges.add(namesOf(rows.columns, `*SELECT* ${frame.ranges.size + 1}`));
  return rows;
}

/** An operation without clauses of its own around it. */
function isPlainOperation(select: SelectStmt): boolean {
  return (
    select.op !== undefined &&
    select.op !== 'SETOP_NONE' &&
    select.withClause === undefined &&
    select.sortClause === undefined &&
    select.limitCount === undefined &&
    select.limitOffset === undefined
  );
}

/** Where a query names its columns: of several, the first one. */
function placeOfColumns(select: SelectStmt | undefined): number | undefined {
  let first = select;
  while (first?.larg !== undefined) first = first.larg;
  return placeIn(first?.targetList ?? first);
}

function combine(
  left: BoundRows,
  right: BoundRows,
  title: string,
  operation: BoundSetOperation['operation'],
  all: boolean,
  context: QueryContext,
  step: SelectStmt,
): BoundSetOperation {
  if (left.columns.length !== right.columns.length) {
    throw new SqlError('syntax_error', `each ${title} query must have the same number of columns`, {
      location: placeOfColumns(step.rarg),
    });
  }
  const types = left.columns.map(({ expression: ours }, i) => {
    const theirs = right.columns[i]!.expression;
    const type = commonType([ours.type, theirs.type]);
    if (type !== undefined) {
      if (!all || operation !== 'union') requireEquality({ ...ours, type });
      return type;
    }
    throw noCommonType(title, [ours, theirs]);
  });
  const flat = operation === 'union' && left.kind === 'setOperation' && left.operation === 'union' && left.all === all;
  const before = flat ? left.inputs : [left];
  const inputs = [...before, right].map((input) => withTypes(input, types, context));
  const columns = left.columns.map(({ name, expression }, i): BoundColumn => {
    const modifiers = new Set(inputs.map((input) => input.columns[i]!.expression.modifier));
    const modifier = modifiers.size === 1 ? expression.modifier : -1;
    return {
      name,
      expression: columnAt(i, { type: types[i]!, modifier, location: expression.location }),
      origin: undefined,
    };
  });
  return { kind: 'setOperation', operation, all, inputs, columns };
}

/** The query with its columns as these types. */
function withTypes(rows: BoundRows, types: readonly SqlType[], context: QueryContext): BoundRows {
  if (rows.columns.every(({ expression }, i) => expression.type === types[i])) return rows;
  const binder = new ExpressionBinder(context, undefined);
  const as = (expression: BoundExpression, i: number) => binder.coerce(expression, types[i]!, -1, 'implicit');
  if (rows.kind === 'values') {
    return {
      ...rows,
      rows: rows.rows.map((row) => row.map(as)),
      columns: rows.columns.map((column, i) => ({
        ...column,
        expression: columnAt(i, { type: types[i]!, modifier: -1 }),
      })),
    };
  }
  if (rows.kind === 'select' && !rows.distinct && rows.distinctOn === undefined && rows.orderBy.length === 0) {
    return {
      ...rows,
      columns: rows.columns.map((column, i) => ({ ...column, expression: as(column.expression, i) })),
    };
  }
  let inner = rows;
  if (rows.kind === 'select' && rows.columns.some(({ expression }) => expression.type === 'unknown')) {
    // What has no type yet is a constant, wherever it stands.
    inner = {
      ...rows,
      columns: rows.columns.map((column, i) =>
        column.expression.type === 'unknown' ? { ...column, expression: as(column.expression, i) } : column,
      ),
    };
  }
  return selectFrom(
    inner,
    inner.columns.map((column, i) => ({ ...column, expression: as(columnAt(i, column.expression), i) })),
  );
}

/** Literals alone are texts, whatever the query is a part of. */
function bindValues(select: SelectStmt, context: QueryContext, frame: Frame): BoundValues {
  const binder = new ExpressionBinder(context, new Scope(frame, []));
  const rows = (select.valuesLists ?? []).map((list) =>
    ('List' in list ? (list.List.items ?? []) : []).flatMap((item) => {
      if (!isStar(item)) return [withFields(binder.bind(item, VALUES))];
      binder.enter(VALUES);
      return expandStar(item, binder, placeIn(item)).map(({ expression }) => expression);
    }),
  );
  const width = rows[0]?.length ?? 0;
  const uneven = rows.find((row) => row.length !== width);
  if (uneven !== undefined) {
    throw new SqlError('syntax_error', 'VALUES lists must all be the same length', { location: uneven[0]?.location });
  }
  const coerced: BoundExpression[][] = rows.map(() => []);
  // Column by column: of several mistakes the first one is told of.
  const types = Array.from({ length: width }, (_, i) => {
    const values = rows.map((row) => row[i]!);
    const type = commonType(values.map((each) => each.type));
    if (type === undefined) throw noCommonType('VALUES', values);
    for (const [place, each] of values.entries()) coerced[place]!.push(binder.coerce(each, type, -1, 'implicit'));
    return type;
  });
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

// --- WITH

/** The queries of a WITH clause, from then on in sight of the frame. */
export function bindWith(clause: WithClause, context: QueryContext, frame: Frame): readonly BoundCte[] {
  const given = (clause.ctes ?? []).flatMap((node) => ('CommonTableExpr' in node ? [node.CommonTableExpr] : []));
  const names = given.map(({ ctename = '' }) => ctename);
  const twice = given.find(({ ctename = '' }, i) => names.indexOf(ctename) < i);
  if (twice !== undefined) {
    throw new SqlError('duplicate_alias', `WITH query name "${twice.ctename ?? ''}" specified more than once`, {
      location: twice.location,
    });
  }
  const ordered = clause.recursive === true ? inOrderOfReference(given) : given;
  for (const { ctename = '' } of ordered) frame.laterCtes.add(ctename);
  return ordered.flatMap((expression) => {
    const before: BoundCte[] = [];
    const cte = nested(context, () => bindCte(expression, clause.recursive === true, context, frame, before));
    frame.laterCtes.delete(cte.name);
    frame.ctes.push(cte);
    return [...before, cte];
  });
}

/** Each behind those that it refers to. @throws SqlError `feature_not_supported` where two refer to each other. */
function inOrderOfReference(ctes: readonly CommonTableExpr[]): readonly CommonTableExpr[] {
  const left = [...ctes];
  const ordered: CommonTableExpr[] = [];
  while (left.length > 0) {
    const next = left.findIndex(
      ({ ctequery }, i) =>
        !left.some((other, j) => j !== i && ctequery !== undefined && refersTo(ctequery, other.ctename ?? '')),
    );
    if (next < 0) {
      const message = 'mutual recursion between WITH items is not implemented';
      throw new SqlError('feature_not_supported', message, { location: left[0]!.location });
    }
    ordered.push(...left.splice(next, 1));
  }
  return ordered;
}

/** @param before Gets the queries that both terms of a recursive one read. */
function bindCte(
  expression: CommonTableExpr,
  recursive: boolean,
  context: QueryContext,
  frame: Frame,
  before: BoundCte[],
): BoundCte {
  const { ctename = '', ctequery, aliascolnames, ctematerialized, search_clause, cycle_clause, location } = expression;
  const names = stringsOf(aliascolnames);
  if (search_clause !== undefined || cycle_clause !== undefined) {
    if (
      !recursive ||
      ctequery === undefined ||
      !('SelectStmt' in ctequery) ||
      ctequery.SelectStmt.larg === undefined ||
      !refersTo(ctequery, ctename)
    ) {
      // Its own mistakes are told first.
      if (ctequery !== undefined && 'SelectStmt' in ctequery)
        bindQuery(ctequery.SelectStmt, context, new Frame(new Scope(frame, [])), false);
      throw new SqlError('syntax_error', 'WITH query is not recursive', { location });
    }
    // Bound once for the names of its columns.
    const { columns } = bindQuery(ctequery.SelectStmt.larg, context, new Frame(new Scope(frame, [])), false);
    const own = columns.map(({ name }, i) => names[i] ?? name);
    if (cycle_clause !== undefined) {
      const binder = new ExpressionBinder(context, undefined);
      const marks = [cycle_clause.cycle_mark_value!, cycle_clause.cycle_mark_default!];
      binder.alike(
        marks.map((mark) => binder.bind(mark, CYCLE)),
        'CYCLE',
      );
    }
    return bindCte(withSearchAndCycle(expression, own), recursive, context, frame, before);
  }
  const cte: BoundCte = {
    name: ctename,
    columns: [],
    query: undefined,
    recursion: undefined,
    modify: undefined,
    references: 0,
    materialized:
      ctematerialized === 'CTEMaterializeAlways' ? true : ctematerialized === 'CTEMaterializeNever' ? false : undefined,
  };
  const columnsOf = (rows: Pick<BoundRows, 'columns'>): readonly BoundColumn[] => {
    if (names.length > rows.columns.length) {
      throw new SqlError(
        'invalid_column_reference',
        `WITH query "${ctename}" has ${rows.columns.length} columns available but ${names.length} columns specified`,
        { location },
      );
    }
    return rows.columns.map((column, i) => ({
      name: names[i] ?? column.name,
      expression: columnAt(i, column.expression),
      origin: undefined,
    }));
  };
  const inner = new Frame(new Scope(frame, []));
  if (ctequery === undefined || !('SelectStmt' in ctequery)) {
    if (recursive && ctequery !== undefined && refersTo(ctequery, ctename)) {
      const message = `recursive query "${ctename}" must not contain data-modifying statements`;
      throw new SqlError('invalid_recursion', message, { location });
    }
    if (frame.outer !== undefined) {
      const message = 'WITH clause containing a data-modifying statement must be at the top level';
      throw new SqlError('feature_not_supported', message, { location });
    }
    cte.modify = ctequery && context.queries.modify?.(ctequery, context, inner);
    if (cte.modify === undefined) throw notSupported('this statement in WITH', location);
    cte.columns = columnsOf({ columns: cte.modify.returning ?? [] });
    return cte;
  }
  const { SelectStmt: select } = ctequery;
  if (!recursive || !refersTo(select, ctename)) {
    cte.query = bindQuery(select, context, inner, false);
    cte.columns = columnsOf(cte.query);
    return cte;
  }
  if (select.op !== 'SETOP_UNION' || select.larg === undefined || select.rarg === undefined) {
    throw new SqlError(
      'invalid_recursion',
      `recursive query "${ctename}" does not have the form non-recursive-term UNION [ALL] recursive-term`,
      { location },
    );
  }
  if (refersTo(select.larg, ctename)) {
    throw new SqlError(
      'invalid_recursion',
      `recursive reference to query "${ctename}" must not appear within its non-recursive term`,
      { location: referenceTo(select.larg, ctename) },
    );
  }
  checkRecursiveTerm(select.rarg, ctename);
  if (select.withClause !== undefined) checkRecursiveTerm(select.withClause, ctename, 'subquery');
  const unsupported =
    select.sortClause !== undefined
      ? ['ORDER BY', select.sortClause]
      : select.limitOffset !== undefined
        ? ['OFFSET', select.limitOffset]
        : select.limitCount !== undefined
          ? ['LIMIT', select.limitCount]
          : select.lockingClause !== undefined
            ? ['FOR UPDATE/SHARE', select.lockingClause]
            : undefined;
  if (unsupported !== undefined) {
    throw new SqlError('feature_not_supported', `${unsupported[0]} in a recursive query is not implemented`, {
      location: placeIn(unsupported[1]),
    });
  }
  if (select.withClause !== undefined) before.push(...bindWith(select.withClause, context, inner));
  const own = inner.ctes.length;
  cte.query = bindPart(select.larg, context, inner, false);
  cte.columns = columnsOf(cte.query);
  inner.ctes.push(cte);
  const term = bindPart(select.rarg, context, inner);
  if (term.kind === 'select' && (term.grouping?.aggregates.length ?? 0) > 0) {
    const message = "aggregate functions are not allowed in a recursive query's recursive term";
    throw new SqlError('invalid_recursion', message, { location: placeOfAggregate(select.rarg) });
  }
  const references = cte.references;
  inner.ctes.length = own;
  if (term.columns.length !== cte.columns.length) {
    throw new SqlError('syntax_error', 'each UNION query must have the same number of columns', {
      location: placeOfColumns(select.rarg),
    });
  }
  const types = cte.columns.map(({ name, expression: ours }, i) => {
    const theirs = term.columns[i]!.expression;
    const type = commonType([ours.type, theirs.type]);
    if (type === undefined) throw noCommonType('UNION', [ours, theirs]);
    const modifier = theirs.type === type && theirs.modifier === ours.modifier ? ours.modifier : -1;
    if (type === ours.type && modifier === ours.modifier) return type;
    throw new SqlError(
      'datatype_mismatch',
      `recursive query "${ctename}" column ${i + 1} has type ${titleWithModifier(ours.type, ours.modifier)} in non-recursive term but type ${titleWithModifier(type, modifier)} overall`,
      {
        location: select.larg === undefined ? location : placeIn(firstTerm(select.larg).targetList?.[i] ?? name),
        hint: 'Cast the output of the non-recursive term to the correct type.',
      },
    );
  });
  cte.recursion = { query: withTypes(term, types, context), distinct: select.all !== true };
  cte.references -= references;
  return cte;
}

/** The first aggregate among the result columns, as far as they are calls themselves. */
function placeOfAggregate({ targetList = [] }: SelectStmt): number | undefined {
  const call = targetList.find(
    (node) =>
      'ResTarget' in node &&
      node.ResTarget.val !== undefined &&
      'FuncCall' in node.ResTarget.val &&
      isAggregate(stringsOf(node.ResTarget.val.FuncCall.funcname).at(-1) ?? ''),
  );
  return placeIn(call);
}
