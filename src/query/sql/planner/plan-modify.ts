/**
 * Plans statements that write: the rows they are about, what is computed of them, and the writer; and WITH around them.
 *
 * Statements in WITH that write run first, each to its end, in their order; then everything else, which reads their rows.
 * In PostgreSQL none of them sees what the others write. Here a transaction reads what it wrote: a statement where that
 * would show, because it reads or writes a table that WITH writes to, is refused.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { rowWidth } from '../../../models/relational/table.ts';
import { requireArbiter } from '../binder/bind-conflict.ts';
import {
  type BoundColumn,
  type BoundConflicts,
  type BoundCte,
  type BoundDelete,
  type BoundExpression,
  type BoundInsert,
  type BoundJoin,
  type BoundMerge,
  type BoundModify,
  type BoundScan,
  type BoundUpdate,
  columnAt,
  conjuncts,
  hasSubquery,
  mapOperands,
  readsRow,
  widthOf,
} from '../binder/bound.ts';
import { isVolatile } from '../binder/volatility.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { CheckedRows, type LateViewCheck } from '../operators/checked-rows.ts';
import { Distinct } from '../operators/distinct.ts';
import { Late, ProjectLater, Singly } from '../operators/later.ts';
import { LockRows, type LockRowsOptions } from '../operators/lock-rows.ts';
import { MergeRows, type MergeRules } from '../operators/merge-rows.ts';
import { Modify, type Returning, type RowWriter } from '../operators/modify.ts';
import type {
  ExecutionContext,
  ExecutionRow,
  ModifyingOperator,
  Open,
  Operator,
  RowBatch,
} from '../operators/operator.ts';
import { PointUpdate, type PointUpdateRules } from '../operators/point-update.ts';
import { projectRow } from '../operators/project.ts';
import {
  type ConflictRules,
  type ConflictUpdate,
  DeleteRows,
  InsertRows,
  UpdateRows,
} from '../operators/row-writers.ts';
import { type EvaluateLater, evaluateAll } from '../operators/subquery.ts';
import { type Assignment, isPlain, type WriteRules } from '../operators/write-rules.ts';
import { notSupported } from '../sql-error.ts';
import { movesEntries, pointPath } from './access-path.ts';
import { runsStatements } from './around-functions.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { type PlanNode, planNode, tableTarget } from './plan-node.ts';
import { planRelation } from './plan-relation.ts';
import { planRows } from './plan-rows.ts';
import { planScan } from './plan-scan.ts';
import { measured, type Planned, type PlannedInsert, type PlanScope } from './planned.ts';
import { createsKeys, writeRulesOf } from './write-rules.ts';

/** Opens a `ModifyingOperator`. */
export function planModify(query: BoundModify, scope: PlanScope): Planned {
  switch (query.kind) {
    case 'insert': {
      const { table, source, conflicts } = query;
      requireArbiter(conflicts);
      const rules = checkedRules(query);
      const planned = planRows(source, scope);
      // Rows of VALUES are columns without names.
      const width = source.kind === 'values' ? (source.rows[0]?.length ?? 0) : source.columns.length;
      const expressions = query.assignments.map(({ expression }) => expression);
      const { open, values } = planValuesOver(planned.open, width, expressions, scope);
      const assignments = query.assignments.map(({ position }, i) => ({ position, value: values[i]! }));
      const returning = planReturning(query.returning, rowWidth(table.table), scope);
      // Rows that it wrote must not come back to it.
      const readFirst = source.kind !== 'values' && touches(source, table.table.id, new Set());
      const options = { returning: returning.values, readFirst };
      const onConflict: ConflictRules | undefined = conflicts && {
        arbiters: conflicts.arbiters && new Set(conflicts.arbiters),
        update: conflicts.update && planConflictUpdate(conflicts.update, table, scope),
      };
      const checks = planLateChecks(query, scope);
      const node = modifyNode('Insert', table, planned.node);
      const inPlace = query.assignments.every(
        ({ position, expression }, i) => position === i && expression.kind === 'column' && expression.index === i,
      );
      const over =
        (input: Open, takesRows = false): Open =>
        (context) => {
          const writer = new InsertRows(rules, assignments, context, onConflict, takesRows);
          const checked = checkedLater(writer, query, checks, context);
          return returning.over(new Modify(input(context), checked, options, context), context);
        };
      return {
        isPoint: false,
        node,
        open: measured(node, over(open)),
        overRows: planOverRows(query, (input) => over(input, inPlace)),
      };
    }
    case 'update': {
      const { table } = query;
      const rules = checkedRules(query);
      const expressions = query.assignments.map(({ expression }) => expression);
      const targets = planTargets(query, scope);
      const { open, values } = planValuesOver(targets.open, targets.width, expressions, scope);
      const assignments = query.assignments.map(({ position }, i) => ({ position, value: values[i]! }));
      const returning = planReturning(query.returning, targets.width, scope);
      const changed = [...assignments, ...rules.generated].map(({ position }) => position);
      const moves = createsKeys(table, changed) || movesEntries(table, query.where, changed);
      const reads = expressions.some(hasSubquery) || (query.where !== undefined && hasSubquery(query.where));
      const options = { returning: returning.values, readFirst: moves || reads || query.from !== undefined };
      const node = modifyNode('Update', table, targets.node);
      const checks = planLateChecks(query, scope);
      const point = moves || reads || checks.length > 0 ? undefined : planPointUpdate(query, rules, assignments);
      return {
        isPoint: false,
        node,
        open: measured(node, (context) => {
          // Whoever measures wants to see the parts of it.
          if (point !== undefined && context.measure === undefined) return new PointUpdate(point, context);
          const writer = checkedLater(new UpdateRows(rules, assignments, context), query, checks, context);
          return returning.over(new Modify(open(context), writer, options, context), context);
        }),
      };
    }
    case 'delete': {
      const { table } = query;
      const rules = writeRulesOf(table);
      const targets = planTargets(query, scope);
      const returning = planReturning(query.returning, targets.width, scope);
      const reads = query.where !== undefined && hasSubquery(query.where);
      const options = { returning: returning.values, readFirst: reads || query.from !== undefined };
      const node = modifyNode('Delete', table, targets.node);
      return {
        isPoint: false,
        node,
        open: measured(node, (context) =>
          returning.over(new Modify(targets.open(context), new DeleteRows(rules, context), options, context), context),
        ),
      };
    }
    case 'merge':
      return planMerge(query, scope);
  }
}

/**
 * DO UPDATE. A subquery that reads the table itself is run before anything is written, as if it saw nothing of that.
 * @throws SqlError `feature_not_supported` for one that depends on the rows besides.
 */
function planConflictUpdate(
  { assignments, where, shown }: NonNullable<BoundConflicts['update']>,
  { table }: CatalogTable,
  scope: PlanScope,
): ConflictUpdate {
  const first: EvaluateLater[] = [];
  const early = (expression: BoundExpression): BoundExpression => {
    if (expression.kind !== 'subquery') return mapOperands(expression, early);
    if (!touches(expression.query, table.id, new Set())) return expression;
    if (expression.reads.length > 0 || expression.operands.some(readsRow)) {
      throw notSupported(`a subquery in ON CONFLICT that reads "${table.name}" for each of its rows`);
    }
    first.push(compileLater(expression, scope));
    return columnAt(2 * rowWidth(table) + first.length - 1, expression);
  };
  const compiled = (expression: BoundExpression): EvaluateLater => compileLater(early(expression), scope);
  return {
    assignments: assignments.map(({ position, expression }) => ({ position, value: compiled(expression) })),
    where: where && compiled(where),
    shown: shown.map(({ view, condition }) => ({ view, test: compiled(condition) })),
    first,
  };
}

/** The shortest way to write one row, where nothing follows from it and nobody asks for what was written. */
function planPointUpdate(
  { table, where, from, returning }: BoundUpdate,
  rules: WriteRules,
  assignments: readonly Assignment[],
): PointUpdateRules | undefined {
  if (from !== undefined || returning !== undefined || !isPlain(rules)) return undefined;
  const path = pointPath(table, where);
  if (path === undefined) return undefined;
  const key = path.prefix.map((part) => compileExpression(part as BoundExpression)); // A primary key is never IS NULL.
  return { rules, key, assignments };
}

/** Undefined for what is not one row of VALUES, or computes more of it than its own values. */
function planOverRows(
  { source, assignments, table }: BoundInsert,
  over: PlannedInsert['over'],
): PlannedInsert | undefined {
  if (source.kind !== 'values' || source.columns.length > 0 || source.rows.length !== 1) return undefined;
  const [row] = source.rows;
  if (row!.some(hasSubquery) || assignments.some(({ expression }) => hasSubquery(expression))) return undefined;
  const columns = row!.map((_, place) => {
    const target = assignments.find(({ expression }) => expression.kind === 'column' && expression.index === place);
    return target && table.table.columns[target.position];
  });
  return { columns, value: (place) => compileExpression(row![place]!), over };
}

function planMerge({ table, source, condition, actions }: BoundMerge, scope: PlanScope): Planned {
  const rules = writeRulesOf(table);
  const left: BoundScan = { kind: 'scan', table, alias: table.table.name };
  // Every row of the source, with what it matches or without.
  const join: BoundJoin = { kind: 'join', type: 'right', left, right: source, condition, args: [] };
  const joined = planRelation(join, [], scope);
  const expressions = actions.flatMap((each) => [
    ...(each.condition === undefined ? [] : [each.condition]),
    ...each.assignments.map(({ expression }) => expression),
  ]);
  const { open, values } = planValuesOver(joined.open, widthOf(join), expressions, scope);
  const computedOf = (expression: BoundExpression): Evaluate => values[expressions.indexOf(expression)]!;
  const merge: MergeRules = {
    condition: hasSubquery(condition) ? () => null : compileExpression(condition),
    width: rowWidth(table.table),
    computed: hasSubquery(condition) || expressions.some(hasSubquery),
    actions: actions.map(({ matched, action, assignments, condition: when }) => ({
      matched,
      action,
      condition: when && computedOf(when),
      assignments: assignments.map(({ position, expression }) => ({ position, value: computedOf(expression) })),
    })),
  };
  const node = modifyNode('Merge', table, joined.node);
  const options = { returning: undefined, readFirst: true };
  return {
    isPoint: false,
    node,
    open: measured(
      node,
      (context) => new Modify(open(context), new MergeRows(rules, merge, context), options, context),
    ),
  };
}

function modifyNode(
  operation: 'Insert' | 'Update' | 'Delete' | 'Merge',
  table: CatalogTable,
  input: PlanNode,
): PlanNode {
  const kind = { type: 'ModifyTable', text: operation, variant: { Operation: operation }, target: tableTarget(table) };
  return planNode(kind, input.rows, { inputs: [input] });
}

/** The rules of the table, and of the view that it is written through. */
function checkedRules({ table, checks }: BoundInsert | BoundUpdate): WriteRules {
  const rules = writeRulesOf(table);
  const plain = checks.filter(({ condition }) => !hasSubquery(condition));
  if (plain.length === 0) return rules;
  return { ...rules, viewChecks: plain.map(({ view, condition }) => ({ view, test: compileExpression(condition) })) };
}

/** Conditions of views that ask further tables, which the rows have to meet once they are written. */
function planLateChecks({ table, checks }: BoundInsert | BoundUpdate, scope: PlanScope): readonly LateViewCheck[] {
  return checks
    .filter(({ condition }) => hasSubquery(condition))
    .map(({ view, condition }) => {
      const { id, name } = table.table;
      if (touches(condition, id, new Set()))
        throw notSupported(`WITH CHECK OPTION over a subquery that reads "${name}"`);
      return { view, test: compileLater(condition, scope) };
    });
}

/** A writer of rows that have to meet these conditions besides. */
function checkedLater(
  writer: RowWriter,
  { table }: BoundInsert | BoundUpdate,
  checks: readonly LateViewCheck[],
  context: ExecutionContext,
): RowWriter {
  return checks.length === 0 ? writer : new CheckedRows(writer, table.table, checks, context);
}

/** Tables that statements in WITH write to. */
export function writtenTables(ctes: readonly BoundCte[]): readonly CatalogTable[] {
  return ctes.flatMap(({ modify }) => (modify === undefined ? [] : [modify.table]));
}

/** The plan of a statement of which no part sees what one in WITH writes: where one could, it runs on what was there before. */
export function unseeing(ctes: readonly BoundCte[], body: object, open: Open): Open {
  const overlaps = ctes.some((cte) => {
    if (cte.modify === undefined) return false;
    const { id } = cte.modify.table.table;
    return [body, ...ctes.filter((other) => other !== cte)].some((other) => touches(other, id, new Set([cte])));
  });
  if (!overlaps) return open;
  return (context) => {
    context.freeze();
    return open(context);
  };
}

/** Whether anything in a bound statement reads or writes the table. */
function touches(part: object, table: number, seen: Set<object>): boolean {
  const pending: object[] = [part];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const { kind, table: found } = next as { readonly kind?: string; readonly table?: CatalogTable };
    const isTable = kind === 'scan' || kind === 'insert' || kind === 'update' || kind === 'delete' || kind === 'merge';
    if (isTable && found?.table.id === table) return true;
    for (const [name, value] of Object.entries(next)) {
      if (name !== 'table' && name !== 'origin' && typeof value === 'object' && value !== null) pending.push(value);
    }
  }
  return false;
}

/** A statement that writes, opened once those in WITH have run. */
export class LateModify extends Late implements ModifyingOperator {
  readonly #context: ExecutionContext;
  #modify: ModifyingOperator | undefined;
  #isChecked = false;

  constructor(make: () => Awaitable<Operator>, context: ExecutionContext) {
    super(() =>
      whenReady(make(), (made) => {
        this.#modify = made as ModifyingOperator;
        return made;
      }),
    );
    this.#context = context;
  }

  /** All has been written before the first row of RETURNING leaves. */
  override next(): Awaitable<RowBatch | undefined> {
    const batch = super.next();
    if (this.#isChecked) return batch;
    this.#isChecked = true;
    return whenReady(batch, (rows) => whenReady(this.#context.runChecks(), () => rows));
  }

  get affected(): number {
    return this.#modify?.affected ?? 0;
  }
}

interface PlannedTargets {
  readonly open: Open;
  readonly node: PlanNode;
  /** Values in a row: of the target, then of the tables of FROM or USING. */
  readonly width: number;
}

/** The rows that UPDATE or DELETE is about, locked; each row of the target once. */
function planTargets({ kind, table, where, from }: BoundUpdate | BoundDelete, scope: PlanScope): PlannedTargets {
  const target: BoundScan = { kind: 'scan', table, alias: table.table.name };
  const own = rowWidth(table.table);
  const condition = where && compileLater(where, scope);
  const options = (context: ExecutionContext): LockRowsOptions => ({
    // Where each lock is a question to another machine, what is left of it is asked for with other keys of the row.
    strength: kind === 'delete' && !context.sharesStore ? 'update' : 'noKeyUpdate',
    wait: 'block',
    change: kind === 'delete' ? 'deleted' : 'updated',
    condition,
  });
  if (from === undefined) {
    const planned = planScan(target, where === undefined ? [] : conjuncts(where), scope);
    return {
      width: own,
      node: planned.node,
      open: (context) => new LockRows(planned.open(context), table, options(context), context),
    };
  }
  const join: BoundJoin = { kind: 'join', type: 'inner', left: target, right: from, condition: undefined, args: [] };
  const planned = planRelation(join, where === undefined ? [] : conjuncts(where), scope);
  const { columns, primaryKey } = table.table;
  const places = primaryKey.length === 0 ? [columns.length] : primaryKey;
  const key = places.map((index) => compileExpression(columnAt(index, { type: 'unknown', modifier: -1 })));
  const types = places.map((index) => columns[index]?.type ?? 'int8');
  return {
    width: widthOf(join),
    node: planned.node,
    open: (context) => {
      const locked = new LockRows(planned.open(context), table, options(context), context);
      return new Distinct(locked, types, context, key);
    },
  };
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
    open: (context) => {
      const input = open(context);
      return new ProjectLater(late.some(runsStatements) ? new Singly(input) : input, columns, true, context);
    },
    values: expressions.map((each) => {
      const place = late.indexOf(each);
      return compileExpression(place < 0 ? each : columnAt(width + place, each));
    }),
  };
}

/**
 * Rows of RETURNING, computed by the operator that writes, or by one above it where they hold subqueries. What functions do
 * comes right after the row that they are called of was written.
 */
function planReturning(
  returning: readonly BoundColumn[] | undefined,
  width: number,
  scope: PlanScope,
): {
  readonly values: Returning | undefined;
  readonly over: (operator: Modify, context: ExecutionContext) => Operator;
} {
  const expressions = returning?.map(({ expression }) => expression);
  if (expressions === undefined) return { values: undefined, over: (operator) => operator };
  if (expressions.some(runsStatements)) {
    const columns = expressions.map((each) => compileLater(each, scope));
    const row = (of: ExecutionRow, context: ExecutionContext) => evaluateAll(columns, of, context);
    return { values: { row, singly: true }, over: (operator) => operator };
  }
  const rowOf =
    (columns: readonly Evaluate[]): Returning['row'] =>
    (of, context) =>
      projectRow(of, columns, context);
  if (!expressions.some(hasSubquery)) {
    const row = rowOf(expressions.map(compileExpression));
    return { values: { row, singly: expressions.some(isVolatile) }, over: (operator) => operator };
  }
  const whole = Array.from({ length: width }, (_, i) =>
    compileExpression(columnAt(i, { type: 'unknown', modifier: -1 })),
  );
  const columns = expressions.map((each) => compileLater(each, scope));
  const values = { row: rowOf(whole), singly: false };
  return { values, over: (operator, context) => new ReturningLater(operator, columns, context) };
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

export function compileAssignment({
  position,
  expression,
}: {
  readonly position: number;
  readonly expression: BoundExpression;
}) {
  return { position, value: compileExpression(expression) };
}
