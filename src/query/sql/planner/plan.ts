/**
 * Bound statements to plans: which path reads the table, whether the key already gives the order, how far a limit may be
 * pushed down. A plan is immutable and shared by sessions; opening it gives the operators of one execution.
 */

import { rowWidth } from '../../../models/relational/table.ts';
import type { BoundCopy } from '../binder/bind-copy.ts';
import {
  type BoundColumn,
  type BoundExpression,
  type BoundQuery,
  type BoundRows,
  columnAt,
  hasSubquery,
} from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { CopyTextReader } from '../copy-text.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { CopyRows, type CopySource } from '../operators/copy-rows.ts';
import { ProjectLater } from '../operators/later.ts';
import { LockRows } from '../operators/lock-rows.ts';
import { Modify } from '../operators/modify.ts';
import type { ExecutionContext, ModifyingOperator, Open, Operator } from '../operators/operator.ts';
import { type ConflictRules, DeleteRows, InsertRows, UpdateRows } from '../operators/row-writers.ts';
import type { EvaluateLater } from '../operators/subquery.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import type { SqlType } from '../types/types.ts';
import { movesEntries } from './access-path.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { foldQuery } from './fold-constants.ts';
import { planScan } from './plan-scan.ts';
import { planRows, planScope } from './plan-select.ts';
import type { PlanScope } from './planned.ts';
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
  const scope = planScope();
  switch (query.kind) {
    case 'insert': {
      const { table, source, conflicts } = query;
      const rules = writeRulesOf(table);
      const planned = planRows(source, scope);
      const width = source.columns.length === 0 ? 0 : source.columns.length;
      const expressions = query.assignments.map(({ expression }) => expression);
      const { open, values } = planValuesOver(planned.open, width, expressions, scope);
      const assignments = query.assignments.map(({ position }, i) => ({ position, value: values[i]! }));
      const returning = planReturning(query.returning, table, scope);
      const options = { returning: returning.values, readFirst: source.kind !== 'values' };
      const onConflict: ConflictRules | undefined = conflicts && {
        arbiters: conflicts.arbiters && new Set(conflicts.arbiters),
        update: conflicts.update && {
          assignments: conflicts.update.assignments.map(compileAssignment),
          where: conflicts.update.where && compileExpression(conflicts.update.where),
        },
      };
      return {
        ...modifying('INSERT', query.returning, parameterTypes, table),
        open: (context) => {
          const writer = new InsertRows(rules, assignments, context, onConflict);
          return returning.over(new Modify(open(context), writer, options, context), context);
        },
      };
    }
    case 'update': {
      const { table } = query;
      const rules = writeRulesOf(table);
      const expressions = query.assignments.map(({ expression }) => expression);
      const targets = planTargets(table, query.where, scope);
      const { open, values } = planValuesOver(targets, rowWidth(table.table), expressions, scope);
      const assignments = query.assignments.map(({ position }, i) => ({ position, value: values[i]! }));
      const returning = planReturning(query.returning, table, scope);
      const changed = [...assignments, ...rules.generated].map(({ position }) => position);
      const moves = createsKeys(table, changed) || movesEntries(table, query.where, changed);
      const reads = expressions.some(hasSubquery) || (query.where !== undefined && hasSubquery(query.where));
      const options = { returning: returning.values, readFirst: moves || reads };
      return {
        ...modifying('UPDATE', query.returning, parameterTypes, table),
        open: (context) => {
          const writer = new UpdateRows(rules, assignments, context);
          return returning.over(new Modify(open(context), writer, options, context), context);
        },
      };
    }
    case 'delete': {
      const { table } = query;
      const rules = writeRulesOf(table);
      const input = planTargets(table, query.where, scope);
      const returning = planReturning(query.returning, table, scope);
      const reads = query.where !== undefined && hasSubquery(query.where);
      const options = { returning: returning.values, readFirst: reads };
      return {
        ...modifying('DELETE', query.returning, parameterTypes, table),
        open: (context) =>
          returning.over(new Modify(input(context), new DeleteRows(rules, context), options, context), context),
      };
    }
    default: {
      const { open, isPoint } = planRows(query, scope);
      const locked = lockedTables(query);
      return {
        verb: 'SELECT',
        columns: query.columns.map(resultColumn),
        parameterTypes,
        writes: locked,
        isPointRead: isPoint && locked.length === 0,
        modifies: locked.length > 0,
        point: query.kind === 'select' ? pointQueryOf(query) : undefined,
        open,
      };
    }
  }
}

/** Tables whose rows a query locks. */
function lockedTables(query: BoundRows): readonly CatalogTable[] {
  if (query.kind !== 'select' || query.locking === undefined) return [];
  return query.from?.kind === 'scan' ? [query.from.table] : [];
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

/** The rows that UPDATE or DELETE is about, locked. */
function planTargets(table: CatalogTable, where: BoundExpression | undefined, scope: PlanScope): Open {
  const planned = planScan({ kind: 'scan', table, alias: table.table.name }, where, scope);
  const condition = where && compileLater(where, scope);
  return (context) =>
    new LockRows(planned.open(context), table, { mode: 'exclusive', wait: 'block', condition }, context);
}

/** What an operator computes of its rows: RETURNING, or the values to assign. */
interface PlannedValues {
  /** Rows with what holds subqueries behind. */
  readonly open: Open;
  readonly values: readonly Evaluate[];
}

/** Expressions over rows of `width` values; those with subqueries are computed before, and read from there. */
function planValuesOver(
  open: Open,
  width: number,
  expressions: readonly BoundExpression[],
  scope: PlanScope,
): PlannedValues {
  const late = expressions.filter(hasSubquery);
  if (late.length === 0) return { open, values: expressions.map(compileExpression) };
  const columns = late.map((each) => compileLater(each, scope));
  return {
    open: (context) => new ProjectLater(open(context), columns, true, context),
    values: expressions.map((each) => {
      const place = late.indexOf(each);
      return compileExpression(place < 0 ? each : columnAt(width + place, each));
    }),
  };
}

/** Rows of RETURNING, computed by the operator that writes, or by one above it where they hold subqueries. */
function planReturning(
  returning: readonly BoundColumn[] | undefined,
  table: CatalogTable,
  scope: PlanScope,
): {
  readonly values: readonly Evaluate[] | undefined;
  readonly over: (operator: Modify, context: ExecutionContext) => Operator;
} {
  const expressions = returning?.map(({ expression }) => expression);
  if (expressions === undefined || !expressions.some(hasSubquery)) {
    return { values: expressions?.map(compileExpression), over: (operator) => operator };
  }
  const width = rowWidth(table.table);
  const whole = Array.from({ length: width }, (_, i) =>
    compileExpression(columnAt(i, { type: 'unknown', modifier: -1 })),
  );
  const columns = expressions.map((each) => compileLater(each, scope));
  return { values: whole, over: (operator, context) => new ReturningLater(operator, columns, context) };
}

/** RETURNING with subqueries: computed of the rows that were written. */
class ReturningLater extends ProjectLater implements ModifyingOperator {
  readonly #modify: ModifyingOperator;

  constructor(modify: ModifyingOperator, columns: readonly EvaluateLater[], context: ExecutionContext) {
    super(modify, columns, false, context);
    this.#modify = modify;
  }

  get affected(): number {
    return this.#modify.affected;
  }
}
