/** Binds INSERT, UPDATE and DELETE on one table. */

import type { DeleteStmt, InsertStmt, Node, SelectStmt, UpdateStmt } from '@pgsql/types';
import { assert } from '../../../base/assert.ts';
import { type Column, rowWidth, type Table } from '../../../models/relational/table.ts';
import { SqlError } from '../sql-error.ts';
import { bindConflict } from './bind-conflict.ts';
import { bindCurrentOf } from './bind-cursor.ts';
import { bindFrom } from './bind-from.ts';
import { bindQuery, namesOf } from './bind-query.ts';
import { bindAssignments } from './bind-set-list.ts';
import { allOf } from './bind-subquery.ts';
import { bindTargets, expandStar, isStar } from './bind-targets.ts';
import { bindWriteTarget, requireWritable, type WriteTarget } from './bind-view.ts';
import type {
  BoundAssignment,
  BoundColumn,
  BoundDelete,
  BoundExpression,
  BoundInsert,
  BoundRows,
  BoundSet,
  BoundUpdate,
} from './bound.ts';
import { conjunction, leftmost } from './bound.ts';
import {
  assign,
  assignedTwice,
  defaultOf,
  defaultPart,
  isDefault,
  type PartOfColumn,
  putPart,
  refuseGenerated,
} from './column-values.ts';
import { type Clause, ExpressionBinder } from './expression-binder.ts';
import { nullConstant } from './literals.ts';
import { placeIn } from './names.ts';
import type { QueryContext } from './query-context.ts';
import { Frame, Scope } from './scope.ts';
import { earlySets } from './set-calls.ts';

const WHERE: Clause = { title: 'WHERE', aggregates: 'refused' };
const VALUES: Clause = { title: 'VALUES', aggregates: 'refused' };
/** One row alone is what a SELECT without FROM would be. */
const VALUES_OF_ONE_ROW: Clause = { ...VALUES, sets: 'allowed' };
const RETURNING: Clause = { title: 'RETURNING', aggregates: 'refused' };

/**
 * The statement's tables: the one that it writes to, and those of FROM or USING, whose rows follow in the row. The name
 * of the target cannot be used again.
 */
function bindSources(
  from: readonly Node[] | undefined,
  { item, table }: WriteTarget,
  context: QueryContext,
  frame: Frame,
) {
  frame.ranges.add(item);
  if (from === undefined) return { from: undefined, scope: new Scope(frame, [item]) };
  const width = rowWidth(table.table);
  const bound = bindFrom(from, context, frame, width, [{ ...item, isBarred: true }]);
  assert(bound !== undefined, 'a list of tables is not empty');
  const clash = bound.items.find(({ alias }) => alias === item.alias);
  if (clash !== undefined) {
    throw new SqlError('duplicate_alias', `table name "${clash.alias}" specified more than once`);
  }
  return { from: bound.relation, scope: new Scope(frame, [item, ...bound.items]) };
}

function bindReturning(nodes: readonly Node[] | undefined, binder: ExpressionBinder) {
  return nodes === undefined ? undefined : bindTargets(nodes, binder, RETURNING);
}

/** A row of VALUES that is as many as its functions that return sets make of it. */
function rowsOfSets(row: readonly BoundExpression[], sets: readonly BoundSet[]): BoundRows {
  const { relation, over } = earlySets(undefined, undefined, sets, new Set(sets.keys()));
  return allOf(relation, columnsOfValues(row.map(over)));
}

function columnsOfValues(row: readonly BoundExpression[]): readonly BoundColumn[] {
  return row.map((expression, i) => ({ name: `column${i + 1}`, expression, origin: undefined }));
}

/** VALUES that are the rows to insert; with clauses of its own it is a query like others. */
function isBareValues(select: SelectStmt): boolean {
  const { valuesLists, withClause, sortClause, limitCount, limitOffset, lockingClause } = select;
  const clauses = [withClause, sortClause, limitCount, limitOffset, lockingClause];
  return valuesLists !== undefined && clauses.every((clause) => clause === undefined);
}

/** @param frame The statement, with what its WITH defines. */
export function bindInsert(insert: InsertStmt, queries: QueryContext, frame: Frame): BoundInsert {
  const target = bindWriteTarget(insert.relation!, queries, 'INSERT');
  const { table } = target.table;
  frame.ranges.add(target.item);
  const scope = new Scope(frame, [target.item]);
  const named: (InsertTarget & { readonly name: string })[] = [];
  for (const node of insert.cols ?? []) {
    if (!('ResTarget' in node)) continue;
    const { name = '', location, indirection: part } = node.ResTarget;
    const position = requireWritable(target, name, 'INSERT', location);
    const isTwice = named.some((other) => other.name === name && (part === undefined || other.part === undefined));
    if (isTwice) throw new SqlError('duplicate_column', `column "${name}" specified more than once`, { location });
    named.push({ position, location, part, name });
  }
  const targets: readonly InsertTarget[] =
    insert.cols === undefined
      ? target.item.columns.map(({ expression }) => ({
          position: placeOf(expression, table),
          location: undefined,
          part: undefined,
        }))
      : named;
  const select =
    insert.selectStmt !== undefined && 'SelectStmt' in insert.selectStmt ? insert.selectStmt.SelectStmt : undefined;
  const binder = new ExpressionBinder(queries, new Scope(frame, []));
  const given = (column: Column, node: Node | undefined): void => {
    if (node === undefined || !isDefault(node)) refuseGenerated(column, 'INSERT', insert.override);
  };
  let source: BoundRows;
  let provided: readonly BoundExpression[];
  if (select === undefined) {
    source = { kind: 'values', columns: [], rows: [[]] };
    provided = [];
  } else if (isBareValues(select)) {
    let width = -1;
    const { valuesLists: rowLists = [] } = select;
    const clause = rowLists.length === 1 ? VALUES_OF_ONE_ROW : VALUES;
    const bindItem = (item: Node, i: number): BoundExpression => {
      const part = targets[i]?.part;
      if (part !== undefined && isDefault(item)) throw defaultPart(part, targets[i]!.location);
      const column = table.columns[targets[i]?.position ?? -1];
      if (column?.identity !== undefined && insert.override === 'OVERRIDING_USER_VALUE')
        return defaultOf(column, binder.context);
      if (!isDefault(item)) return binder.bind(item, clause);
      return column === undefined ? nullConstant(undefined) : defaultOf(column, binder.context);
    };
    const written: (readonly Node[])[] = [];
    const rows = rowLists.map((list) => {
      const items: Node[] = [];
      // As PostgreSQL reads a row: each value by itself, then how many there are, and last what their columns make of them.
      const bound: BoundExpression[] = [];
      for (const item of 'List' in list ? (list.List.items ?? []) : []) {
        if (isStar(item)) binder.enter(clause);
        const found = isStar(item)
          ? expandStar(item, binder, placeIn(item)).map(({ expression }) => expression)
          : [bindItem(item, bound.length)];
        bound.push(...found);
        items.push(...found.map(() => item));
      }
      written.push(items);
      if (width >= 0 && bound.length !== width) {
        const place = bound[0] && leftmost(bound[0]);
        throw new SqlError('syntax_error', 'VALUES lists must all be the same length', { location: place });
      }
      width = bound.length;
      refuseOtherCount(items, targets, insert.cols !== undefined);
      return bound.map((each, i) => {
        const column = table.columns[targets[i]?.position ?? -1];
        if (column === undefined) return each;
        return targets[i]!.part === undefined
          ? assign(binder, column, each)
          : putInto(binder, column, targets[i]!, each);
      });
    });
    if (insert.override !== 'OVERRIDING_USER_VALUE') {
      for (const items of written) {
        for (const [i, item] of items.entries()) {
          const column = table.columns[targets[i]?.position ?? -1];
          if (column !== undefined) given(column, item);
        }
      }
    }
    provided = rows[0]!;
    if (rows.length > 1) frame.ranges.add(namesOf(columnsOfValues(provided), '*VALUES*'));
    source = binder.sets.length === 0 ? { kind: 'values', columns: [], rows } : rowsOfSets(provided, binder.sets);
  } else {
    // A literal without a type becomes what its column is.
    source = settled(bindQuery(select, queries, new Frame(new Scope(frame, [])), true), targets, table.columns, binder);
    frame.ranges.add(namesOf(source.columns, '*SELECT*'));
    for (let i = 0; i < Math.min(source.columns.length, targets.length); i++) {
      const column = table.columns[targets[i]!.position];
      if (column !== undefined) given(column, undefined);
    }
    provided = source.columns.map((column, index) => ({
      kind: 'column',
      type: column.expression.type,
      modifier: column.expression.modifier,
      location: column.expression.location,
      index,
    }));
  }
  if (provided.length > targets.length) {
    throw new SqlError('syntax_error', 'INSERT has more expressions than target columns', {
      location: leftmost(provided[targets.length]!),
    });
  }
  const computed = targets.slice(0, provided.length).findIndex(({ position }) => position < 0);
  if (computed >= 0) requireWritable(target, target.item.columns[computed]!.name, 'INSERT', undefined);
  if (select !== undefined && insert.cols !== undefined && provided.length < targets.length) {
    throw new SqlError('syntax_error', 'INSERT has more target columns than expressions', {
      location: targets[provided.length]!.location,
    });
  }
  const assignments = table.columns.map((column, position): BoundAssignment => {
    const index = targets.findIndex((target) => target.position === position);
    const again = targets.findIndex(
      (target, i) => i > index && target.position === position && target.part === undefined,
    );
    if (again >= 0 && again < provided.length) throw assignedTwice(column);
    if (targets[index]?.part !== undefined) {
      const expression = targets.reduce<BoundExpression>(
        (before, each, i) => {
          if (each.position !== position) return before;
          const { type, modifier, location } = provided[i]!;
          return putPart(binder, column, each, before, { kind: 'column', type, modifier, location, index: i });
        },
        { kind: 'constant', type: column.type, modifier: -1, location: undefined, value: null },
      );
      return { position, expression };
    }
    if (index < 0 || index >= provided.length) return { position, expression: defaultOf(column, binder.context) };
    const { type, modifier, location } = provided[index]!;
    if (source.columns.length === 0) {
      return {
        position,
        expression: { kind: 'column', type: column.type, modifier: column.modifier, location, index },
      };
    }
    const read: BoundExpression = { kind: 'column', type, modifier, location, index };
    return { position, expression: assign(binder, column, read) };
  });
  const conflicts = bindConflict(insert.onConflictClause, target, queries, frame);
  const returning = bindReturning(insert.returningClause?.exprs, new ExpressionBinder(queries, scope));
  const { checks } = target;
  return { kind: 'insert', conflicts, table: target.table, source, assignments, returning, checks };
}

/** Literals and parameters without a type among a query's columns become what the columns are that they are meant for. */
function settled(
  rows: BoundRows,
  targets: readonly InsertTarget[],
  columns: readonly Column[],
  binder: ExpressionBinder,
): BoundRows {
  if (rows.columns.every(({ expression }) => expression.type !== 'unknown')) return rows;
  if (rows.kind === 'with') {
    const query = settled(rows.query, targets, columns, binder);
    return { ...rows, query, columns: query.columns };
  }
  if (rows.kind !== 'select') return rows;
  return {
    ...rows,
    columns: rows.columns.map((each, i) => {
      const { expression } = each;
      const target = targets[i];
      const column = columns[target?.position ?? -1];
      const isOpen = expression.kind === 'constant' || expression.kind === 'parameter';
      if (expression.type !== 'unknown' || !isOpen || target === undefined || column === undefined) return each;
      const given =
        target.part === undefined ? assign(binder, column, expression) : putInto(binder, column, target, expression);
      return { ...each, expression: given };
    }),
  };
}

interface InsertTarget extends PartOfColumn {
  readonly position: number;
}

/** More or fewer values of a row than columns. */
function refuseOtherCount(items: readonly Node[], targets: readonly InsertTarget[], named: boolean): void {
  if (named && items.length > 0 && items.length < targets.length) {
    throw new SqlError('syntax_error', 'INSERT has more target columns than expressions', {
      location: targets[items.length]!.location,
    });
  }
  if (items.length <= targets.length) return;
  throw new SqlError('syntax_error', 'INSERT has more expressions than target columns', {
    location: placeIn(items[targets.length]),
  });
}

/** A value of the type that the part has. */
function putInto(
  binder: ExpressionBinder,
  column: Column,
  target: InsertTarget,
  value: BoundExpression,
): BoundExpression {
  let found = value;
  putPart(binder, column, target, nullOf(column), value, (each) => {
    found = each;
  });
  return found;
}

function nullOf({ type }: Column): BoundExpression {
  return { kind: 'constant', type, modifier: -1, location: undefined, value: null };
}

/** The position of the column of the table that this is; -1 for what is computed. */
function placeOf(expression: BoundExpression, { columns }: Table): number {
  return expression.kind === 'column' && expression.index < columns.length ? expression.index : -1;
}

/** The values of an INSERT for the columns at `positions`; DEFAULT is what a column holds without one. */
export function assignValues(
  values: readonly Node[],
  positions: readonly number[],
  columns: readonly Column[],
  binder: ExpressionBinder,
  clause: Clause,
  override: InsertStmt['override'],
): readonly BoundExpression[] {
  return values.map((node, i) => {
    const column = columns[positions[i]!]!;
    const ignored = column.identity !== undefined && override === 'OVERRIDING_USER_VALUE';
    if (isDefault(node) || ignored) return defaultOf(column, binder.context);
    refuseGenerated(column, 'INSERT', override);
    return assign(binder, column, binder.bind(node, clause));
  });
}

/** Only rows that the view shows. */
function within({ conditions }: WriteTarget, where: BoundExpression | undefined): BoundExpression | undefined {
  const shown = conditions.map(({ condition }) => condition);
  const all = where === undefined ? shown : [...shown, where];
  return all.length === 0 ? undefined : conjunction(all);
}

function bindWhere(
  where: Node | undefined,
  { table }: WriteTarget,
  binder: ExpressionBinder,
  context: QueryContext,
): BoundExpression | undefined {
  if (where === undefined) return undefined;
  if (!('CurrentOfExpr' in where)) return binder.bindCondition(where, WHERE);
  return bindCurrentOf(table, where.CurrentOfExpr.cursor_name ?? '', context.rowOfCursor);
}

/** @param frame See `bindInsert`. */
export function bindUpdate(update: UpdateStmt, context: QueryContext, frame: Frame): BoundUpdate {
  const target = bindWriteTarget(update.relation!, context, 'UPDATE');
  const { from, scope } = bindSources(update.fromClause, target, context, frame);
  const binder = new ExpressionBinder(context, scope);
  // What is assigned comes last, which decides the error that is told of several.
  const where = bindWhere(update.whereClause, target, binder, context);
  const returning = bindReturning(update.returningClause?.exprs, binder);
  const assignments = bindAssignments(update.targetList ?? [], target, binder);
  return {
    kind: 'update',
    from,
    table: target.table,
    assignments,
    where: within(target, where),
    returning,
    checks: target.checks,
  };
}

/** @param frame See `bindInsert`. */
export function bindDelete(statement: DeleteStmt, context: QueryContext, frame: Frame): BoundDelete {
  const target = bindWriteTarget(statement.relation!, context, 'DELETE');
  const { from, scope } = bindSources(statement.usingClause, target, context, frame);
  const binder = new ExpressionBinder(context, scope);
  const where = bindWhere(statement.whereClause, target, binder, context);
  return {
    kind: 'delete',
    from,
    table: target.table,
    where: within(target, where),
    returning: bindReturning(statement.returningClause?.exprs, binder),
  };
}
