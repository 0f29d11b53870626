/**
 * Bound statements to plans: which path reads the table, whether the key already gives the order, how far a limit may be
 * pushed down. A plan is immutable and shared by sessions; opening it gives the operators of one execution.
 */

import { OperationError } from '../../../base/errors.ts';
import type { BoundCopy } from '../binder/bind-copy.ts';
import type { BoundColumn, BoundExpression, BoundJoin, BoundQuery, BoundSelect, BoundValues } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { CopyTextReader } from '../copy-text.ts';
import type { EvaluationContext } from '../functions/evaluation.ts';
import { Aggregate } from '../operators/aggregate.ts';
import { CopyRows, type CopySource } from '../operators/copy-rows.ts';
import { Distinct } from '../operators/distinct.ts';
import { Filter } from '../operators/filter.ts';
import { IndexScan, type IndexScanOptions } from '../operators/index-scan.ts';
import { Join, type Partners } from '../operators/join.ts';
import { Limit } from '../operators/limit.ts';
import { LockRows } from '../operators/lock-rows.ts';
import { Modify } from '../operators/modify.ts';
import type { ExecutionContext, ModifyingOperator, Open, Operator } from '../operators/operator.ts';
import { PointGet } from '../operators/point-get.ts';
import { Project } from '../operators/project.ts';
import { RangeScan, type RangeScanOptions } from '../operators/range-scan.ts';
import { type ConflictRules, DeleteRows, InsertRows, UpdateRows } from '../operators/row-writers.ts';
import { SingleRow } from '../operators/single-row.ts';
import { Sort } from '../operators/sort.ts';
import { Values } from '../operators/values.ts';
import { SqlError } from '../sql-error.ts';
import { compareFor } from '../types/compare.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import type { SqlType } from '../types/types.ts';
import { chooseAccessPath, movesEntries, pathOrder } from './access-path.ts';
import { compileExpression } from './compile-expression.ts';
import { foldQuery } from './fold-constants.ts';
import { planJoins } from './plan-joins.ts';
import { type PointQuery, pointQueryOf } from './point-query.ts';
import { createsKeys, writeRulesOf } from './write-rules.ts';

/** A column of a result, as clients are told about it. */
export interface ResultColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly modifier: number;
  /** Id of the table that the column comes from as it is, and its number there from 1; 0 for computed ones. */
  readonly tableId: number;
  readonly columnNumber: number;
}

export interface Plan {
  readonly verb: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'COPY';
  /** Undefined for statements without rows. */
  readonly columns: readonly ResultColumn[] | undefined;
  readonly parameterTypes: readonly SqlType[];
  /** Tables whose rows it writes or locks. */
  readonly writes: readonly CatalogTable[];
  /** Reads at most one key and writes nothing: needs no transaction of its own. */
  readonly isPointRead: boolean;
  /** Writes, so that a read-only transaction refuses it. */
  readonly modifies: boolean;
  /** Generation of the catalog that its tables were found in. */
  readonly generation: number;
  /** The whole of it, when it is no more than that. */
  readonly point?: PointQuery | undefined;
  readonly open: Open;
}

/** A `Plan` that modifies opens a `ModifyingOperator`. */
export function affectedOf(operator: Operator): number {
  return (operator as ModifyingOperator).affected;
}

/** @throws SqlError of constant parts that fail. */
export function planQuery(
  bound: BoundQuery,
  parameterTypes: readonly SqlType[],
  time: TimeContext,
  generation: number,
): Plan {
  return { ...planBound(foldQuery(bound, time), parameterTypes), generation };
}

function planBound(query: BoundQuery, parameterTypes: readonly SqlType[]): Omit<Plan, 'generation'> {
  switch (query.kind) {
    case 'select': {
      const { open, isPoint } = planSelect(query);
      return {
        verb: 'SELECT',
        columns: query.columns.map(resultColumn),
        parameterTypes,
        writes: query.locking !== undefined && query.from !== undefined ? [query.from] : [],
        isPointRead: isPoint && query.locking === undefined,
        modifies: query.locking !== undefined,
        point: pointQueryOf(query),
        open,
      };
    }
    case 'values':
      return {
        verb: 'SELECT',
        columns: query.columns.map(resultColumn),
        parameterTypes,
        writes: [],
        isPointRead: true,
        modifies: false,
        open: openValues(query),
      };
    case 'insert': {
      const { table, conflicts } = query;
      const rules = writeRulesOf(table);
      const source = query.source.kind === 'values' ? openValues(query.source) : planSelect(query.source).open;
      const assignments = query.assignments.map(compileAssignment);
      const returning = query.returning?.map((column) => compileExpression(column.expression));
      const options = { returning, readFirst: query.source.kind !== 'values' };
      const onConflict: ConflictRules | undefined = conflicts && {
        arbiters: conflicts.arbiters && new Set(conflicts.arbiters),
        update: conflicts.update && {
          assignments: conflicts.update.assignments.map(compileAssignment),
          where: conflicts.update.where && compileExpression(conflicts.update.where),
        },
      };
      return {
        ...modifying('INSERT', query.returning, parameterTypes, table),
        open: (context) =>
          new Modify(source(context), new InsertRows(rules, assignments, context, onConflict), options, context),
      };
    }
    case 'update': {
      const { table } = query;
      const rules = writeRulesOf(table);
      const assignments = query.assignments.map(compileAssignment);
      const changed = [...assignments, ...rules.generated].map(({ position }) => position);
      const input = planTargets(table, query.where);
      const returning = query.returning?.map((column) => compileExpression(column.expression));
      const options = {
        returning,
        readFirst: createsKeys(table, changed) || movesEntries(table, query.where, changed),
      };
      return {
        ...modifying('UPDATE', query.returning, parameterTypes, table),
        open: (context) => new Modify(input(context), new UpdateRows(rules, assignments, context), options, context),
      };
    }
    case 'delete': {
      const { table } = query;
      const rules = writeRulesOf(table);
      const input = planTargets(table, query.where);
      const returning = query.returning?.map((column) => compileExpression(column.expression));
      const options = { returning, readFirst: false };
      return {
        ...modifying('DELETE', query.returning, parameterTypes, table),
        open: (context) => new Modify(input(context), new DeleteRows(rules, context), options, context),
      };
    }
  }
}

/** @param source Asked for data once the plan runs. */
export function planCopy(copy: BoundCopy, source: CopySource, generation: number): Plan {
  const { table, delimiter, nullText } = copy;
  const rules = writeRulesOf(table);
  const columns = copy.columns.map((position) => table.table.columns[position]!);
  const assignments = copy.assignments.map(compileAssignment);
  return {
    ...modifying('COPY', undefined, [], table),
    generation,
    open: (context) => {
      const reader = new CopyTextReader({ delimiter, nullText, lineBytesMax: context.limits.workBytesMax });
      const rows = new CopyRows(source, reader, { table: table.table.name, columns }, context);
      const options = { returning: undefined, readFirst: false };
      return new Modify(rows, new InsertRows(rules, assignments, context, undefined), options, context);
    },
  };
}

function modifying(
  verb: 'INSERT' | 'UPDATE' | 'DELETE' | 'COPY',
  returning: readonly BoundColumn[] | undefined,
  parameterTypes: readonly SqlType[],
  table: CatalogTable,
): Omit<Plan, 'open' | 'generation'> {
  const columns = returning?.map(resultColumn);
  return { verb, columns, parameterTypes, writes: [table, ...tiedTo(table)], isPointRead: false, modifies: true };
}

/** Tables whose rows a foreign key's action may write. */
function tiedTo({ table, related }: CatalogTable): readonly CatalogTable[] {
  if ((table.referencedBy ?? []).length === 0) return [];
  return [...related.values()].filter((each) => each.table.id !== table.id);
}

function resultColumn({ name, expression, origin }: BoundColumn): ResultColumn {
  return {
    name,
    type: expression.type,
    modifier: expression.modifier,
    tableId: origin?.table.table.id ?? 0,
    columnNumber: origin === undefined ? 0 : origin.position + 1,
  };
}

function compileAssignment({
  position,
  expression,
}: {
  readonly position: number;
  readonly expression: BoundExpression;
}) {
  return { position, value: compileExpression(expression) };
}

function openValues(values: BoundValues): Open {
  const rows = values.rows.map((row) => row.map(compileExpression));
  return (context) => new Values(rows, context);
}

/** The rows that UPDATE or DELETE is about, locked. */
function planTargets(table: CatalogTable, where: BoundExpression | undefined): Open {
  const scan = planScan(table, where, false, true);
  const condition = where && compileExpression(where);
  return (context) =>
    new LockRows(scan.open(context, undefined), table, { mode: 'exclusive', wait: 'block', condition }, context);
}

interface PlannedScan {
  readonly open: (context: ExecutionContext, rowsMax: number | undefined) => Operator;
  readonly isPoint: boolean;
  /** Every row that is read is passed on. */
  readonly isExact: boolean;
}

function planScan(
  table: CatalogTable,
  where: BoundExpression | undefined,
  reverse: boolean,
  decode: boolean,
  path = chooseAccessPath(table, where),
): PlannedScan {
  const { rest } = path;
  const condition = rest.length === 0 ? undefined : compileExpression(conjunction(rest));
  const bound = (side: typeof path.low) => side && { value: compileExpression(side.value), inclusive: side.inclusive };
  const filtered = (input: Operator, context: ExecutionContext): Operator =>
    condition === undefined ? input : new Filter(input, condition, context);
  const isExact = condition === undefined;
  if (path.index !== undefined) {
    const { source } = path.index;
    const options: IndexScanOptions = {
      prefix: path.prefix.map((value) => (value === 'isNull' ? value : compileExpression(value))),
      low: bound(path.low),
      high: bound(path.high),
      reverse,
      decode: decode || !isExact,
      covered: false,
    };
    return {
      isPoint: false,
      isExact,
      open: (context, rowsMax) =>
        filtered(new IndexScan(table, source, options, context, isExact ? rowsMax : undefined), context),
    };
  }
  const prefix = path.prefix.map((value) => compileExpression(value as BoundExpression));
  if (prefix.length > 0 && prefix.length === table.table.primaryKey.length) {
    return { isPoint: true, isExact, open: (context) => filtered(new PointGet(table, prefix, context), context) };
  }
  const options: RangeScanOptions = {
    prefix,
    low: bound(path.low),
    high: bound(path.high),
    reverse,
    decode: decode || !isExact,
  };
  return {
    isPoint: false,
    isExact,
    open: (context, rowsMax) =>
      filtered(new RangeScan(table, options, context, isExact ? rowsMax : undefined), context),
  };
}

function conjunction(conditions: readonly BoundExpression[]): BoundExpression {
  if (conditions.length === 1) return conditions[0]!;
  return { kind: 'and', type: 'bool', modifier: -1, location: undefined, args: conditions };
}

/** The first table, then one join after another. */
function planJoined(from: CatalogTable, joins: readonly BoundJoin[], where: BoundExpression | undefined): PlannedScan {
  const { first, steps } = planJoins(joins, where);
  const scan = planScan(from, first.length === 0 ? undefined : conjunction(first), false, true);
  const planned = steps.map(({ join, width, scanned, equal, key, condition, after }) => {
    const all = (conditions: readonly BoundExpression[]) =>
      conditions.length === 0 ? undefined : compileExpression(conjunction(conditions));
    let partners: Partners;
    if (key === undefined) {
      const own = planScan(join.table, scanned.length === 0 ? undefined : conjunction(scanned), false, true);
      partners = {
        kind: 'hash',
        open: (context) => own.open(context, undefined),
        left: equal.map(({ left }) => compileExpression(left)),
        right: equal.map(({ right }) => compileExpression(right)),
        types: equal.map(({ left }) => left.type),
      };
    } else {
      partners = { kind: 'key', table: join.table, values: key.map(compileExpression) };
    }
    return { options: { partners, condition: all(condition), outer: join.outer, width }, after: all(after) };
  });
  return {
    isPoint: false,
    isExact: false,
    open: (context) => {
      let operator = scan.open(context, undefined);
      for (const { options, after } of planned) {
        operator = new Join(operator, options, context);
        if (after !== undefined) operator = new Filter(operator, after, context);
      }
      return operator;
    },
  };
}

function planSelect(select: BoundSelect): { readonly open: Open; readonly isPoint: boolean } {
  const columns = select.columns.map((column) => compileExpression(column.expression));
  const limit = planRowCount(select.limit, 'LIMIT');
  const offset = planRowCount(select.offset, 'OFFSET');
  const limited = select.limit !== undefined || select.offset !== undefined;
  const { from, locking } = select;
  const { grouping } = select;
  const joined =
    from !== undefined && select.joins.length > 0 ? planJoined(from, select.joins, select.where) : undefined;
  const ordered = grouping === undefined && joined === undefined ? select.orderBy : [];
  const path = from && joined === undefined ? chooseAccessPath(from, select.where, ordered) : undefined;
  const order =
    from === undefined || path === undefined || grouping !== undefined ? 'none' : pathOrder(from, path, ordered);
  const sortKeys =
    order === 'none'
      ? select.orderBy.map(({ expression, descending, nullsFirst }) => ({
          value: compileExpression(expression),
          compare: compareFor(expression.type),
          descending,
          nullsFirst,
        }))
      : [];
  const aggregates = (grouping?.aggregates ?? []).map(({ function: found, argument }) => ({
    function: found,
    argument: argument && compileExpression(argument),
  }));
  const groupBy = grouping?.groupBy && {
    values: grouping.groupBy.map(compileExpression),
    types: grouping.groupBy.map(({ type }) => type),
  };
  const having = grouping?.having && compileExpression(grouping.having);
  const types = select.columns.map(({ expression }) => expression.type);
  const countsOnly =
    grouping !== undefined && groupBy === undefined && aggregates.every(({ argument }) => argument === undefined);
  const scan = joined ?? (from && planScan(from, select.where, order === 'reverse', !countsOnly, path));
  const rowless = from === undefined && select.where !== undefined ? compileExpression(select.where) : undefined;
  const relocked = select.where && from && compileExpression(select.where);
  const open: Open = (context) => {
    const skip = offset?.(context) ?? 0;
    const wanted = limit?.(context) ?? Number.POSITIVE_INFINITY;
    const needed = skip + wanted;
    const pushed =
      Number.isSafeInteger(needed) &&
      sortKeys.length === 0 &&
      grouping === undefined &&
      locking === undefined &&
      !select.distinct;
    let operator: Operator = scan === undefined ? new SingleRow() : scan.open(context, pushed ? needed : undefined);
    if (rowless !== undefined) operator = new Filter(operator, rowless, context);
    if (grouping !== undefined) operator = new Aggregate(operator, groupBy, aggregates, context);
    if (having !== undefined) operator = new Filter(operator, having, context);
    if (sortKeys.length > 0) {
      const sorted = locking === undefined && !select.distinct ? needed : Number.POSITIVE_INFINITY;
      operator = new Sort(operator, sortKeys, context, sorted);
    }
    if (locking !== undefined) {
      operator = new LockRows(operator, from!, { ...locking, condition: relocked }, context);
    }
    if (limited && !select.distinct) operator = new Limit(operator, wanted, skip);
    operator = new Project(operator, columns, context);
    if (!select.distinct) return operator;
    operator = new Distinct(operator, types, context);
    return limited ? new Limit(operator, wanted, skip) : operator;
  };
  return { open, isPoint: scan === undefined || scan.isPoint };
}

/** LIMIT and OFFSET as numbers; null is no limit. */
function planRowCount(
  expression: BoundExpression | undefined,
  title: 'LIMIT' | 'OFFSET',
): ((context: EvaluationContext) => number | undefined) | undefined {
  if (expression === undefined) return undefined;
  const evaluate = compileExpression(expression);
  return (context) => {
    const value = evaluate([], context);
    if (value === null) return undefined;
    if (typeof value !== 'bigint') throw new OperationError('invalid_argument', `${title} is no bigint`);
    if (value < 0n) {
      throw title === 'LIMIT'
        ? new SqlError('invalid_row_count_in_limit_clause', 'LIMIT must not be negative')
        : new SqlError('invalid_row_count_in_result_offset_clause', 'OFFSET must not be negative');
    }
    return Number(value);
  };
}
